/* SPDX-License-Identifier: Apache-2.0 */
/* bench_server.c -- a `ramp serve` of our own to measure; see bench_server.h. */
#include "cli/bench_server.h"

#include "cli/bench_proc.h"
#include "cli/client.h"
#include "cli/toolchain.h"

#include "base/error.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_MS 20000 /* until it says that it serves */
#define STOP_MS  12000 /* it drains for at most 10 s */

/* ---- folders ------------------------------------------------------------------------------------- */

ramp_status bench_server_init(struct bench_server *server, unsigned workers, const char *sdk,
                              ramp_error *reterr) {
    const char *parent = getenv("TMPDIR");

    *server = (struct bench_server){.workers = workers, .sdk = sdk};
    if (!parent || !*parent) parent = "/tmp";
    snprintf(server->folder, sizeof(server->folder), "%s/ramp-bench-XXXXXX", parent);
    if (mkdtemp(server->folder)) return RAMP_OK;
    server->folder[0] = '\0';
    return error_set(reterr, RAMP_IO, "cannot make a folder in %s: %s", parent, strerror(errno));
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw) {
    (void)stat, (void)type, (void)ftw;
    remove(path); /* what cannot be removed stays; the next ones may go */
    return 0;
}

static void remove_folder(const char *path) {
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void bench_server_done(struct bench_server *server) {
    bench_server_stop(server);
    if (server->folder[0]) remove_folder(server->folder);
    server->folder[0] = '\0';
}

void bench_server_forget(const struct bench_server *server) {
    char path[FILE_PATH];

    snprintf(path, sizeof(path), "%s/data/cache", server->folder);
    remove_folder(path);
}

/* ---- children ------------------------------------------------------------------------------------ */

/* In the child: stdout goes to `out`, stderr to the log; it dies with us. Does not return. */
static _Noreturn void become(const char *const *arguments, int out, const char *log, bool pin) {
    int err = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (pin) proc_pin(0);
    if (err < 0 || dup2(out < 0 ? err : out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
        _exit(127);
    execvp(arguments[0], (char *const *)arguments);
    dprintf(STDERR_FILENO, "%s: %s\n", arguments[0], strerror(errno));
    _exit(127);
}

/* The last line of a log, for people. */
static void last_line(const char *log, char *out, size_t capacity) {
    struct bytes text;

    out[0] = '\0';
    bytes_init(&text, (size_t)1 << 20);
    if (file_read(log, &text, NULL) == RAMP_OK && text.size) {
        while (text.size && text.data[text.size - 1] == '\n') text.data[--text.size] = '\0';
        const char *line = strrchr(text.data, '\n');
        snprintf(out, capacity, "%s", line ? line + 1 : text.data);
    }
    bytes_done(&text);
}

static ramp_status run_command(const struct bench_server *server, const char *const *arguments,
                               ramp_error *reterr) {
    char log[FILE_PATH], line[160];
    int state = 0;

    snprintf(log, sizeof(log), "%s/build.log", server->folder);
    pid_t pid = fork();
    if (pid == 0) become(arguments, -1, log, false);
    if (pid < 0) return error_set(reterr, RAMP_IO, "fork: %s", strerror(errno));
    while (waitpid(pid, &state, 0) < 0 && errno == EINTR) continue;
    if (WIFEXITED(state) && WEXITSTATUS(state) == 0) return RAMP_OK;
    last_line(log, line, sizeof(line));
    return error_set(reterr, RAMP_IO, "%s failed: %s", arguments[0], line);
}

/* ---- the server ---------------------------------------------------------------------------------- */

/* Reads the line that the server prints when it is ready. */
static ramp_status read_ready(struct bench_server *server, int out, ramp_error *reterr) {
    struct pollfd poll_out = {.fd = out, .events = POLLIN};
    uint64_t begun = proc_now();
    char line[4096], log[FILE_PATH], said[160];
    size_t size = 0;

    while (size < sizeof(line) - 1 && proc_now() - begun < (uint64_t)START_MS * 1000000) {
        if (poll(&poll_out, 1, 100) <= 0) continue;
        ssize_t got = read(out, line + size, sizeof(line) - 1 - size);
        if (got <= 0) break;
        size += (size_t)got;
        if (memchr(line, '\n', size)) break;
    }
    json_t *root = json_loadb(line, size, JSON_DISABLE_EOF_CHECK, NULL);
    const char *url = json_string_value(json_object_get(root, "url"));
    if (url) snprintf(server->url, sizeof(server->url), "%s", url);
    json_decref(root);
    if (url) return RAMP_OK;
    snprintf(log, sizeof(log), "%s/server.log", server->folder);
    last_line(log, said, sizeof(said));
    return error_set(reterr, RAMP_IO, "the server did not start: %s", said);
}

ramp_status bench_server_start(struct bench_server *server, ramp_error *reterr) {
    char exe[FILE_PATH], data[FILE_PATH], log[FILE_PATH], workers[16];
    int pipes[2];

    snprintf(data, sizeof(data), "%s/data", server->folder);
    snprintf(log, sizeof(log), "%s/server.log", server->folder);
    snprintf(workers, sizeof(workers), "%u", server->workers);
    if (!file_real(exe, "/proc/self/exe"))
        return error_set(reterr, RAMP_IO, "cannot find this binary's own path");
    const char *arguments[] = {exe,  "serve",     "--listen", "127.0.0.1:0", "--data",
                               data, "--workers", workers,    "--json",      NULL};
    if (pipe2(pipes, O_CLOEXEC)) return error_set(reterr, RAMP_IO, "pipe: %s", strerror(errno));
    /* One worker against one generator: each has a CPU, if there are two. */
    server->pinned = server->workers == 1 && proc_pin(1);
    server->pid = fork();
    if (server->pid == 0) become(arguments, pipes[1], log, server->pinned);
    close(pipes[1]);
    ramp_status status = server->pid < 0 ? error_set(reterr, RAMP_IO, "fork: %s", strerror(errno))
                                         : read_ready(server, pipes[0], reterr);
    close(pipes[0]);
    if (status) bench_server_stop(server);
    return status;
}

void bench_server_stop(struct bench_server *server) {
    struct timespec pause = {.tv_nsec = 5000000};
    uint64_t begun = proc_now();

    if (server->pid <= 0) return;
    kill(server->pid, SIGTERM);
    while (waitpid(server->pid, NULL, WNOHANG) == 0) {
        nanosleep(&pause, NULL);
        if (proc_now() - begun < (uint64_t)STOP_MS * 1000000) continue;
        kill(server->pid, SIGKILL);
        waitpid(server->pid, NULL, 0);
        break;
    }
    server->pid = 0;
}

/* ---- modules ------------------------------------------------------------------------------------- */

/* The folder with the rooms' sources: of an installed ramp, or of the source tree of a build folder. */
static bool find_rooms(char ret_folder[static FILE_PATH]) {
    static const char *const places[] = {"../share/ramp/bench/rooms", "../../bench/rooms"};
    char exe[FILE_PATH];

    if (!file_exe_folder(exe)) return false;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (file_join(ret_folder, exe, places[i]) && file_is_folder(ret_folder)) return true;
    return false;
}

ramp_status bench_server_build(struct bench_server *server, const char *name,
                               struct bytes *ret_wasm, ramp_error *reterr) {
    char rooms[FILE_PATH], source[FILE_PATH + 64], out[FILE_PATH];
    struct toolchain toolchain;
    ramp_error why;

    if (!find_rooms(rooms))
        return error_set(reterr, RAMP_NOT_FOUND,
                         "bench/rooms is not beside this ramp; name a running server with --url");
    snprintf(out, sizeof(out), "%s/%s.wasm", server->folder, name);
    bool has_node = toolchain_find(server->sdk, rooms, &toolchain, &why) == RAMP_OK;
    snprintf(source, sizeof(source), "%s/%s.%s", rooms, name, has_node ? "ts" : "wat");
    const char *build[] = {toolchain.node, toolchain.script, source, "-o", out, NULL};
    const char *assemble[] = {"wat2wasm", source, "-o", out, NULL};
    server->language = has_node ? "AssemblyScript" : "WebAssembly text";
    ramp_status status = run_command(server, has_node ? build : assemble, reterr);
    if (status && !has_node)
        return error_set(reterr, status, "no module to measure with: %.120s; nor wat2wasm",
                         why.message);
    if (status) return status;
    bytes_init(ret_wasm, LIMIT_MODULE_SIZE);
    status = file_read(out, ret_wasm, reterr);
    if (status) bytes_done(ret_wasm);
    return status;
}

ramp_status bench_server_token(const struct bench_server *server, struct bytes *ret_token,
                               ramp_error *reterr) {
    char path[FILE_PATH];

    snprintf(path, sizeof(path), "%s/data/admin.token", server->folder);
    bytes_init(ret_token, 1024);
    ramp_status status = file_read(path, ret_token, reterr);
    if (!status && ret_token->data) ret_token->data[strcspn(ret_token->data, "\r\n")] = '\0';
    return status;
}

ramp_status bench_server_deploy(const struct bench_server *server, const char *service,
                                const struct bytes *wasm, unsigned *ret_compile_ms,
                                ramp_error *reterr) {
    struct client_answer answer = {0};
    struct client_url url;
    struct bytes token;
    char path[128];

    ramp_status status = client_url_parse(server->url, &url, reterr);
    if (status) return status;
    status = bench_server_token(server, &token, reterr);
    snprintf(path, sizeof(path), "/_ramp/v1/services/%s", service);
    struct client_request request = {
        .method = "PUT",
        .path = path,
        .type = "application/wasm",
        .token = token.data,
        .body = {wasm->data, wasm->size},
    };
    if (!status) status = client_send(&url, &request, &answer, reterr);
    if (!status && answer.status != 200)
        status = error_set(reterr, RAMP_IO, "the server refused the module with %d: %.*s",
                           answer.status, (int)(answer.body.size < 160 ? answer.body.size : 160),
                           answer.body.data ? answer.body.data : "");
    if (!status) {
        json_t *root = json_loadb(answer.body.data, answer.body.size, 0, NULL);
        *ret_compile_ms = (unsigned)json_integer_value(json_object_get(root, "compile_ms"));
        json_decref(root);
    }
    bytes_done(&answer.body);
    bytes_done(&token);
    return status;
}
