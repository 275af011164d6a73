/* SPDX-License-Identifier: Apache-2.0 */
/* compile.c -- see compile.h. */
#include "server/compile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"

extern char **environ;

enum { IN, OUT, ERR, STREAMS };
enum { FIRST_CAPACITY = 256 << 10 };

struct compile {
    pid_t pid;        /* 0: not running */
    int fds[STREAMS]; /* our ends; -1: closed */
    ramp_bytes wasm;  /* borrowed */
    size_t written;
    unsigned char *artefact;
    size_t artefact_size, artefact_capacity;
    bool too_big;
    char sentence[248];
    size_t sentence_size;
    uint64_t deadline_ms;
    bool timed_out;
};

/* ---- starting -------------------------------------------------------------------------------- */

static bool open_pipes(int ends[STREAMS][2]) {
    for (int i = 0; i < STREAMS; i++)
        if (pipe2(ends[i], O_CLOEXEC) != 0) return false;
    return true;
}

/* Which end of a pipe is ours: the writing one of IN, the reading ones of OUT and ERR. */
static int our_end(int stream) {
    return stream == IN ? 1 : 0;
}

static int spawn(const struct compile_options *options, int ends[STREAMS][2], pid_t *ret_pid) {
    static char verb[] = "compile-child", fast[] = "--fast", dense[] = "--dense";
    char *arguments[5] = {(char *)(uintptr_t)options->exe, verb};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int count = 2, code = posix_spawn_file_actions_init(&actions);

    if (code) return code;
    code = posix_spawnattr_init(&attributes);
    if (code) {
        posix_spawn_file_actions_destroy(&actions);
        return code;
    }
    if (options->fast) arguments[count++] = fast;
    if (options->dense) arguments[count++] = dense;
    sigemptyset(&none);
    sigfillset(&all);
    /* A group of its own: Ctrl-C in a terminal is the server's to handle. */
    code = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                     POSIX_SPAWN_SETPGROUP);
    if (!code) code = posix_spawnattr_setsigmask(&attributes, &none);
    if (!code) code = posix_spawnattr_setsigdefault(&attributes, &all);
    if (!code) code = posix_spawnattr_setpgroup(&attributes, 0);
    for (int i = 0; i < STREAMS && !code; i++)
        code = posix_spawn_file_actions_adddup2(&actions, ends[i][!our_end(i)], i);
    if (!code) code = posix_spawn(ret_pid, options->exe, &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

ramp_status compile_start(const struct compile_options *options, ramp_bytes wasm, uint64_t now_ms,
                          struct compile **ret_compile, ramp_error *reterr) {
    int ends[STREAMS][2] = {{-1, -1}, {-1, -1}, {-1, -1}}, code;
    struct compile *compile = mem_zalloc(sizeof(*compile));

    if (!compile) return error_set(reterr, RAMP_NO_MEMORY, "no memory to start a compile child");
    code = open_pipes(ends) ? spawn(options, ends, &compile->pid) : errno;
    for (int i = 0; i < STREAMS; i++) {
        compile->fds[i] = ends[i][our_end(i)];
        if (ends[i][!our_end(i)] >= 0) close(ends[i][!our_end(i)]);
        if (compile->fds[i] >= 0) fcntl(compile->fds[i], F_SETFL, O_NONBLOCK);
    }
    if (code) {
        compile->pid = 0;
        compile_free(compile);
        return error_set(reterr, RAMP_UNAVAILABLE, "cannot start the compile child '%s': %s",
                         options->exe, strerror(code));
    }
    compile->wasm = wasm;
    compile->deadline_ms = now_ms + options->wall_ms_max;
    *ret_compile = compile;
    return RAMP_OK;
}

static void close_end(struct compile *compile, int stream) {
    if (compile->fds[stream] >= 0) close(compile->fds[stream]);
    compile->fds[stream] = -1;
}

static int reap(struct compile *compile) {
    int status = 0;

    while (waitpid(compile->pid, &status, 0) < 0 && errno == EINTR) continue;
    compile->pid = 0;
    return status;
}

void compile_free(struct compile *compile) {
    if (!compile) return;
    for (int i = 0; i < STREAMS; i++) close_end(compile, i);
    if (compile->pid > 0) {
        kill(compile->pid, SIGKILL);
        reap(compile);
    }
    mem_free(compile->artefact);
    mem_free(compile);
}

/* ---- moving bytes ---------------------------------------------------------------------------- */

unsigned compile_fds(const struct compile *compile, struct pollfd *ret_fds) {
    unsigned count = 0;

    for (int i = 0; i < STREAMS; i++)
        if (compile->fds[i] >= 0)
            ret_fds[count++] = (struct pollfd){compile->fds[i], i == IN ? POLLOUT : POLLIN, 0};
    return count;
}

uint64_t compile_deadline_ms(const struct compile *compile) {
    return compile->deadline_ms;
}

static void write_module(struct compile *compile) {
    while (compile->fds[IN] >= 0 && compile->written < compile->wasm.size) {
        /* SIGPIPE is blocked in the loader's thread. */
        ssize_t count = write(compile->fds[IN], (const char *)compile->wasm.data + compile->written,
                              compile->wasm.size - compile->written);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN) return;
        if (count < 0) break; /* it has died: its exit code says why */
        compile->written += (size_t)count;
    }
    close_end(compile, IN);
}

static bool make_room(struct compile *compile) {
    size_t capacity = compile->artefact_capacity ? compile->artefact_capacity * 2 : FIRST_CAPACITY;
    unsigned char *more;

    if (compile->artefact_size < compile->artefact_capacity) return true;
    if (compile->artefact_capacity >= LIMIT_ARTEFACT) return false;
    more = mem_resize(compile->artefact, capacity);
    if (!more) return false;
    compile->artefact = more;
    compile->artefact_capacity = capacity;
    return true;
}

static void read_artefact(struct compile *compile) {
    while (compile->fds[OUT] >= 0) {
        ssize_t count;
        if (!make_room(compile)) {
            compile->too_big = true;
            kill(compile->pid, SIGKILL);
            close_end(compile, OUT);
            return;
        }
        count = read(compile->fds[OUT], compile->artefact + compile->artefact_size,
                     compile->artefact_capacity - compile->artefact_size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN) return;
        if (count <= 0) break;
        compile->artefact_size += (size_t)count;
    }
    close_end(compile, OUT);
}

static void read_sentence(struct compile *compile) {
    char block[512];

    while (compile->fds[ERR] >= 0) {
        ssize_t count = read(compile->fds[ERR], block, sizeof(block));
        size_t room = sizeof(compile->sentence) - 1 - compile->sentence_size;
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN) return;
        if (count <= 0) break;
        if (room > (size_t)count) room = (size_t)count;
        memcpy(compile->sentence + compile->sentence_size, block, room);
        compile->sentence_size += room;
    }
    close_end(compile, ERR);
}

/* ---- the end --------------------------------------------------------------------------------- */

static ramp_status ended_by_signal(const struct compile *compile, int number, ramp_error *reterr) {
    if (compile->too_big)
        return error_set(reterr, RAMP_REFUSED, "the compiled module has more than %u MiB",
                         LIMIT_ARTEFACT >> 20);
    if (compile->timed_out)
        return error_set(reterr, RAMP_TIMEOUT,
                         "compiling took more than %u s on this machine; try again",
                         LIMIT_COMPILE_WALL_MS / 1000);
    if (number == SIGXCPU || number == SIGKILL)
        return error_set(reterr, RAMP_REFUSED, "compiling took more than %u s of CPU",
                         LIMIT_COMPILE_CPU_S);
    /* What Rust says before it aborts. */
    if (number == SIGABRT && strncmp(compile->sentence, "memory allocation", 17) == 0)
        return error_set(reterr, RAMP_REFUSED, "compiling needed more than %u MiB of memory",
                         LIMIT_COMPILE_MEMORY >> 20);
    return error_set(reterr, RAMP_REFUSED, "compiling failed: the compiler ended by signal %d",
                     number);
}

static ramp_status ended_by_exit(const struct compile *compile, int code, ramp_error *reterr) {
    ramp_status status =
        code >= COMPILE_EXIT_BASE ? (ramp_status)(COMPILE_EXIT_BASE - code) : RAMP_INTERNAL;
    size_t size = strcspn(compile->sentence, "\n");

    if (code == 0 && compile->artefact_size > 0) return RAMP_OK;
    if (code == 0 || size == 0)
        return error_set(reterr, RAMP_INTERNAL,
                         "the compile child ended with exit code %d and said nothing", code);
    return error_set(reterr, status, "%.*s", (int)size, compile->sentence);
}

bool compile_turn(struct compile *compile, uint64_t now_ms, ramp_status *ret_status,
                  ramp_bytes *ret_artefact, ramp_error *reterr) {
    int status;

    write_module(compile);
    read_artefact(compile);
    read_sentence(compile);
    if (now_ms >= compile->deadline_ms && !compile->timed_out) {
        compile->timed_out = true;
        kill(compile->pid, SIGKILL);
    }
    if (compile->fds[OUT] >= 0 || compile->fds[ERR] >= 0) return false;

    /* Both are closed by its end alone, so this does not wait. */
    status = reap(compile);
    close_end(compile, IN);
    *ret_status = WIFSIGNALED(status) ? ended_by_signal(compile, WTERMSIG(status), reterr)
                                      : ended_by_exit(compile, WEXITSTATUS(status), reterr);
    if (*ret_status == RAMP_OK)
        *ret_artefact = (ramp_bytes){compile->artefact, compile->artefact_size};
    return true;
}
