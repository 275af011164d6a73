/* SPDX-License-Identifier: Apache-2.0 */
/* live_server.h -- a whole server in this process, and raw sockets as its clients: they send what
 * well-behaved libraries never do. Included by one file of a test program, whose main() is live_main().
 */
#ifndef UNIT_SERVER_LIVE_SERVER_H
#define UNIT_SERVER_LIVE_SERVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "server/loader.h"
#include "server/server.h"
#include "unit/support/folder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char folder[64], exe[512];
static struct server *server;
static pthread_t server_thread;
static sem_t deployed;
static ramp_module_id deployed_id; /* of the latest */

/* ---- a server ------------------------------------------------------------------------------ */

static inline void on_deployed(void *context, uint64_t ticket, const struct deployed *result) {
    (void)context;
    (void)ticket;
    if (result->status != RAMP_OK) {
        fprintf(stderr, "%s\n", result->message);
        abort();
    }
    deployed_id = result->id;
    sem_post(&deployed);
}

/* Deploys MODULE.wasm under a name, with this ramp.json. */
static inline void live_deploy(const char *service, const char *module, const char *config) {
    size_t size;
    unsigned char *wasm = test_file_read(TEST_MODULES, module, &size);

    loader_deploy(server_loader(server),
                  &(struct deploy){
                      .service = service, .wasm = {wasm, size}, .config = {config, strlen(config)}},
                  on_deployed, NULL, 1);
    while (sem_wait(&deployed) != 0) continue;
    free(wasm);
}

static inline void *run_server(void *unused) {
    (void)unused;
    return (void *)(intptr_t)server_run(server);
}

/* Starts a server with `options` and what a test's server has in any case, and deploys `echo`. */
static inline int live_start(struct server_options options) {
    ramp_error error;

    sem_init(&deployed, 0, 0);
    test_folder_new(folder);
    options.listen = "127.0.0.1:0";
    options.data = folder;
    options.exe = exe;
    if (server_new(&options, &server, &error) != RAMP_OK) {
        print_error("%s\n", error.message);
        return -1;
    }
    live_deploy("echo", "echo.wasm", "");
    return pthread_create(&server_thread, NULL, run_server, NULL);
}

/* The server's exit code. Nothing if it has been stopped already. */
static inline int live_stop(void) {
    void *code = NULL;

    if (!server) return 0;
    kill(getpid(), SIGTERM);
    pthread_join(server_thread, &code);
    server_free(server);
    server = NULL;
    test_folder_remove(folder);
    return (int)(intptr_t)code;
}

/* ---- a client ------------------------------------------------------------------------------ */

struct client {
    int fd;
    size_t size;
    uint8_t bytes[64 << 10]; /* received, not yet looked at */
    char answer[256];        /* the body of the last one, or its beginning */
};

static inline struct client *client_new(void) {
    struct client *client = calloc(1, sizeof(*client));
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    to.sin_port = htons((uint16_t)strtoul(strrchr(server_url(server), ':') + 1, NULL, 10));
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return client;
}

static inline void client_free(struct client *client) {
    close(client->fd);
    free(client);
}

static inline void say(struct client *client, const void *bytes, size_t size) {
    assert_int_equal(send(client->fd, bytes, size, MSG_NOSIGNAL), size);
}

static inline void say_text(struct client *client, const char *text) {
    say(client, text, strlen(text));
}

/* false: the server has closed, or is silent for 10 s. */
static inline bool hear(struct client *client) {
    struct pollfd ready = {.fd = client->fd, .events = POLLIN};
    ssize_t size;

    assert_true(client->size < sizeof(client->bytes));
    if (poll(&ready, 1, 10000) != 1) return false;
    size = recv(client->fd, client->bytes + client->size, sizeof(client->bytes) - client->size, 0);
    if (size <= 0) return false;
    client->size += (size_t)size;
    return true;
}

static inline void drop(struct client *client, size_t size) {
    client->size -= size;
    memmove(client->bytes, client->bytes + size, client->size);
}

static inline void expect(struct client *client, const void *bytes, size_t size) {
    while (client->size < size && hear(client)) continue;
    assert_true(client->size >= size);
    assert_memory_equal(client->bytes, bytes, size);
    drop(client, size);
}

/* The status of the next answer; its body is in client->answer. 0: there is none. */
static inline int hear_answer(struct client *client) {
    size_t length = 0, head;
    uint8_t *end;
    char *found;
    int status;

    snprintf(client->answer, sizeof(client->answer), "no answer but %zu bytes", client->size);
    while (!(end = memmem(client->bytes, client->size, "\r\n\r\n", 4)))
        if (!hear(client)) return 0;
    *end = '\0';
    head = (size_t)(end - client->bytes) + 4;
    assert_memory_equal(client->bytes, "HTTP/1.1 ", 9);
    status = (int)strtol((char *)client->bytes + 9, NULL, 10);
    found = strstr((char *)client->bytes, "Content-Length: ");
    if (found) length = strtoul(found + 16, NULL, 10);
    while (client->size < head + length && hear(client)) continue;
    assert_true(client->size >= head + length);
    snprintf(client->answer, sizeof(client->answer), "%.*s", (int)length,
             (char *)client->bytes + head);
    drop(client, head + length);
    return status;
}

static inline void expect_answer_at(struct client *client, int expected, int line) {
    int status = hear_answer(client);

    if (status != expected)
        fail_msg("line %d: the answer is %d and not %d: %s", line, status, expected,
                 client->answer);
}
#define expect_answer(client, status) expect_answer_at(client, status, __LINE__)

static inline bool is_closed(struct client *client) {
    client->size = 0;
    while (hear(client)) client->size = 0;
    return recv(client->fd, client->bytes, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
}

#define UPGRADE(path)                                                                              \
    "GET " path " HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"            \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

static inline struct client *member_at(const char *upgrade, int line) {
    struct client *client = client_new();

    say_text(client, upgrade);
    expect_answer_at(client, 101, line);
    return client;
}
#define member(upgrade) member_at(upgrade, __LINE__)

/* A whole masked frame of a small payload; `first` is the byte with FIN and the opcode. */
static inline size_t frame(uint8_t *out, uint8_t first, const char *payload, size_t size) {
    assert_true(size < 126);
    out[0] = first;
    out[1] = (uint8_t)(0x80 | size);
    memset(out + 2, 0, 4); /* a mask of zeros changes nothing */
    memcpy(out + 6, payload, size);
    return 6 + size;
}

static inline void send_frame(struct client *client, uint8_t first, const char *payload) {
    uint8_t bytes[132];

    say(client, bytes, frame(bytes, first, payload, strlen(payload)));
}

static inline void expect_close(struct client *client, unsigned code) {
    uint8_t head[4];

    while (client->size < 4 && hear(client)) continue;
    assert_true(client->size >= 4);
    memcpy(head, client->bytes, 4);
    assert_int_equal(head[0], 0x88);
    assert_int_equal(head[2] << 8 | head[3], code);
    assert_true(is_closed(client));
}

/* ---- main ---------------------------------------------------------------------------------- */

/* false: this process was the server's compile child, and has been one. */
static inline bool live_main(int argc, char **argv, int *ret_code) {
    ssize_t size;

    if (argc > 1 && strcmp(argv[1], "compile-child") == 0) {
        *ret_code = cli_compile_child(argc - 1, argv + 1);
        return false;
    }
    size = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    *ret_code = 1;
    if (size > 0) exe[size] = '\0';
    return size > 0;
}

#endif
