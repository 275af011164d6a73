/* SPDX-License-Identifier: Apache-2.0 */
/* bench_load.c -- many WebSocket clients on one epoll set; see bench_load.h. */
#include "cli/bench_load.h"

#include "cli/bench_proc.h"

#include "base/limits.h"
#include "base/mem.h"
#include "wire/http.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define READ_SIZE   (256u << 10)
#define BUFFER_SIZE (READ_SIZE + LIMIT_HEAD_SIZE)
#define EVENTS      256

volatile sig_atomic_t load_interrupted;

void load_fail(struct load *load, const char *kind, const char *format, ...) {
    va_list arguments;

    if (load->failed) return;
    load->failed = kind;
    va_start(arguments, format);
    vsnprintf(load->failure, sizeof(load->failure), format, arguments);
    va_end(arguments);
}

/* ---- life ---------------------------------------------------------------------------------------- */

static void sha1(const void *bytes, size_t size, uint8_t ret_digest[20]) {
    if (EVP_Digest(bytes, size, ret_digest, NULL, EVP_sha1(), NULL) != 1) memset(ret_digest, 0, 20);
}

static bool resolve(struct load *load) {
    const struct client_url *url = &load->target->url;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found;

    int code = getaddrinfo(url->host, url->port, &hints, &found);
    if (code) {
        load_fail(load, "broken", "%s: %s", url->host, gai_strerror(code));
        return false;
    }
    load->address_size = found->ai_addrlen;
    memcpy(&load->address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

static void make_connections(struct load *load, uint32_t count) {
    load->connections = mem_zalloc(count * sizeof(*load->connections));
    load->buffer = mem_alloc(BUFFER_SIZE);
    if (!load->connections || !load->buffer) {
        load_fail(load, "broken", "no memory for %u connections", count);
        return;
    }
    load->connection_count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct load_connection *connection = &load->connections[i];
        connection->fd = -1;
        connection->index = i;
        bytes_init(&connection->in, BUFFER_SIZE);
        bytes_init(&connection->message, LIMIT_MESSAGE_SIZE);
        bytes_init(&connection->out, (size_t)16 << 20);
    }
}

bool load_init(struct load *load, const struct load_target *target,
               const struct load_handler *handler, void *context, uint32_t count) {
    uint8_t random[16];

    *load = (struct load){.target = target, .handler = handler, .context = context, .epoll = -1};
    if (RAND_bytes(random, sizeof(random)) != 1) {
        load_fail(load, "broken", "no random numbers");
        return false;
    }
    memcpy(&load->run, random, 4);
    memcpy(&load->mask_state, random + 4, 4);
    load->mask_state |= 1;
    ws_key(load->key, random);
    ws_accept(load->accept, load->key, sha1);
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load->epoll < 0) load_fail(load, "broken", "epoll_create1: %s", strerror(errno));
    load->now_ns = proc_now();
    make_connections(load, count);
    return !load->failed && resolve(load);
}

void load_done(struct load *load) {
    for (uint32_t i = 0; i < load->connection_count; i++) {
        struct load_connection *connection = &load->connections[i];
        load_close(load, connection);
        bytes_done(&connection->in);
        bytes_done(&connection->message);
        bytes_done(&connection->out);
    }
    mem_free(load->connections);
    mem_free(load->buffer);
    if (load->epoll >= 0) close(load->epoll);
    load->connections = NULL;
    load->buffer = NULL;
    load->connection_count = 0;
    load->epoll = -1;
}

/* ---- connecting ---------------------------------------------------------------------------------- */

static void watch(struct load *load, struct load_connection *connection, int operation,
                  uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = connection};

    if (epoll_ctl(load->epoll, operation, connection->fd, &event))
        load_fail(load, "broken", "epoll_ctl: %s", strerror(errno));
}

/* The request waits in `out` for the connection to be there. */
static void make_request(struct load *load, struct load_connection *connection, const char *service,
                         const char *room) {
    const struct client_url *url = &load->target->url;

    bytes_format(
        &connection->out,
        "GET %s/%s/%s HTTP/1.1\r\nHost: %s:%s\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
        url->prefix, service, room, url->host, url->port, load->key);
}

void load_connect(struct load *load, struct load_connection *connection, const char *service,
                  const char *room) {
    int yes = 1, type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

    connection->begun_ns = proc_now();
    connection->next = connection->sent = 0;
    connection->due = 0;
    bytes_reset(&connection->in);
    bytes_reset(&connection->message);
    bytes_reset(&connection->out);
    ws_decoder_init(&connection->decoder, false, LIMIT_MESSAGE_SIZE);
    make_request(load, connection, service, room);
    connection->fd = socket(load->address.ss_family, type, 0);
    if (connection->fd < 0) {
        load_fail(load, "broken", "socket: %s", strerror(errno));
        return;
    }
    connection->state = LOAD_CONNECTING;
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    if (connect(connection->fd, (struct sockaddr *)&load->address, load->address_size) &&
        errno != EINPROGRESS) {
        load_fail(load, "closed", "connect to %s:%s: %s", load->target->url.host,
                  load->target->url.port, strerror(errno));
        return;
    }
    watch(load, connection, EPOLL_CTL_ADD, EPOLLOUT);
}

void load_close(struct load *load, struct load_connection *connection) {
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    if (connection->fd < 0) return;
    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(connection->fd);
    if (connection->state == LOAD_OPEN) load->open_count--;
    connection->fd = -1;
    connection->state = LOAD_CLOSED;
}

/* ---- writing ------------------------------------------------------------------------------------- */

size_t load_frame(struct load *load, uint8_t *out, const uint8_t *payload, size_t size) {
    enum ws_opcode opcode = load->target->binary ? WS_OPCODE_BINARY : WS_OPCODE_TEXT;
    uint8_t mask[4];

    /* xorshift: different for every frame, which is all that is needed here. */
    load->mask_state ^= load->mask_state << 13;
    load->mask_state ^= load->mask_state >> 17;
    load->mask_state ^= load->mask_state << 5;
    memcpy(mask, &load->mask_state, 4);
    size_t head = ws_encode_head_masked(out, opcode, size, mask);
    memcpy(out + head, payload, size);
    ws_mask(out + head, size, mask);
    return head + size;
}

/* Sends as much as the kernel takes; what it took. */
static size_t send_some(struct load *load, struct load_connection *connection, const void *bytes,
                        size_t size) {
    ssize_t sent = send(connection->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent >= 0) return (size_t)sent;
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        load_fail(load, "closed", "connection %u: send: %s", connection->index, strerror(errno));
    return 0;
}

void load_send(struct load *load, struct load_connection *connection, const uint8_t *bytes,
               size_t size) {
    if (connection->out.size == 0) {
        size_t sent = send_some(load, connection, bytes, size);
        if (sent == size || load->failed) return;
        bytes += sent;
        size -= sent;
        watch(load, connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    }
    bytes_add(&connection->out, bytes, size);
    if (connection->out.failed) load_fail(load, "broken", "no memory for what is to be sent");
}

static void on_writable(struct load *load, struct load_connection *connection) {
    int error = 0;
    socklen_t size = sizeof(error);

    if (connection->state == LOAD_CONNECTING) {
        getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) {
            load_fail(load, "closed", "connect to %s:%s: %s", load->target->url.host,
                      load->target->url.port, strerror(error));
            return;
        }
        connection->state = LOAD_HANDSHAKE;
    }
    bytes_drop(&connection->out,
               send_some(load, connection, connection->out.data, connection->out.size));
    if (connection->out.size == 0) watch(load, connection, EPOLL_CTL_MOD, EPOLLIN);
}

/* ---- reading ------------------------------------------------------------------------------------- */

/* Reads the answer to the handshake. How many bytes it has used; 0: it is not all there. */
static size_t read_handshake(struct load *load, struct load_connection *connection, size_t size) {
    struct http_head head;
    struct http_error error;

    switch (http_parse_response((const char *)load->buffer, size, false, &head, &error)) {
    case HTTP_NEED_MORE: return 0;
    case HTTP_ERROR: load_fail(load, "broken", "the server's answer: %s", error.message); return 0;
    case HTTP_DONE: break;
    }
    if (head.status != 101) {
        size_t body = size - head.size < 160 ? size - head.size : 160;
        load_fail(load, "closed", "connection %u: refused with HTTP status %d: %.*s",
                  connection->index, head.status, (int)body,
                  (const char *)load->buffer + head.size);
        return 0;
    }
    if (!text_is(http_header(&head, "sec-websocket-accept"), load->accept)) {
        load_fail(load, "broken", "the server's Sec-WebSocket-Accept is wrong");
        return 0;
    }
    connection->state = LOAD_OPEN;
    load->open_count++;
    load->handler->on_open(load, connection);
    return head.size;
}

static void answer_ping(struct load *load, struct load_connection *connection,
                        const struct ws_item *item) {
    static const uint8_t mask[4] = {1, 2, 3, 4};
    uint8_t frame[WS_HEAD_MASKED_MAX + WS_CONTROL_MAX];
    size_t head = ws_encode_head_masked(frame, WS_OPCODE_PONG, item->size, mask);

    if (item->size) memcpy(frame + head, item->payload, item->size);
    ws_mask(frame + head, item->size, mask);
    load_send(load, connection, frame, head + item->size);
}

static void take_part(struct load *load, struct load_connection *connection,
                      const struct ws_item *item) {
    struct bytes *message = &connection->message;

    bytes_add(message, item->payload, item->size);
    if (message->failed) {
        load_fail(load, "broken", "no memory for a message");
        return;
    }
    if (item->kind != WS_LAST) return;
    load->handler->on_message(load, connection, (const uint8_t *)message->data, message->size);
    bytes_reset(message);
}

static void take(struct load *load, struct load_connection *connection,
                 const struct ws_item *item) {
    switch (item->kind) {
    case WS_MESSAGE:
        if (item->is_binary != load->target->binary)
            load_fail(load, "damaged", "text came back as binary, or binary as text");
        load->handler->on_message(load, connection, item->payload, item->size);
        break;
    case WS_PART:
    case WS_LAST: take_part(load, connection, item); break;
    case WS_PING: answer_ping(load, connection, item); break;
    case WS_CLOSE:
        load_fail(load, "closed", "connection %u: the server closed it with %u %.*s",
                  connection->index, item->code, (int)item->size, (const char *)item->payload);
        break;
    case WS_ERROR:
        load_fail(load, "damaged", "connection %u: %s", connection->index, item->error);
        break;
    case WS_PONG:
    case WS_NEED_MORE: break;
    }
}

/* Hands over what is whole in the buffer; keeps the rest. */
static void take_all(struct load *load, struct load_connection *connection, size_t size) {
    struct ws_item item;
    size_t used = 0;

    if (connection->state == LOAD_HANDSHAKE) used = read_handshake(load, connection, size);
    while (connection->state == LOAD_OPEN && !load->failed) {
        used += ws_decode(&connection->decoder, load->buffer + used, size - used, &item);
        if (item.kind == WS_NEED_MORE) break;
        take(load, connection, &item);
    }
    if (load->failed || connection->fd < 0) return;
    if (connection->in.size || used < size) {
        bytes_reset(&connection->in);
        bytes_add(&connection->in, load->buffer + used, size - used);
        if (connection->in.failed) load_fail(load, "broken", "the server sends an endless head");
    }
    if (connection->state == LOAD_OPEN && load->handler->on_read)
        load->handler->on_read(load, connection);
}

static void on_readable(struct load *load, struct load_connection *connection) {
    size_t kept = connection->in.size;

    if (kept) memcpy(load->buffer, connection->in.data, kept);
    ssize_t got = recv(connection->fd, load->buffer + kept, BUFFER_SIZE - kept, MSG_DONTWAIT);
    if (got > 0) {
        load->now_ns = proc_now();
        take_all(load, connection, kept + (size_t)got);
    } else if (got == 0) {
        load_fail(load, "closed", "connection %u: the server closed it without a word",
                  connection->index);
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        load_fail(load, "closed", "connection %u: %s", connection->index, strerror(errno));
    }
}

void load_turn(struct load *load, int timeout_ms) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(load->epoll, events, EVENTS, timeout_ms);

    if (load_interrupted) load_fail(load, "stopped", "by a signal");
    if (count < 0 && errno != EINTR) load_fail(load, "broken", "epoll_wait: %s", strerror(errno));
    for (int i = 0; i < count && !load->failed; i++) {
        struct load_connection *connection = events[i].data.ptr;
        if (connection->fd >= 0 && (events[i].events & (EPOLLOUT | EPOLLERR)) &&
            connection->out.size)
            on_writable(load, connection);
        if (connection->state >= LOAD_HANDSHAKE && !load->failed &&
            (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
            on_readable(load, connection);
    }
}
