/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c -- single keys of a terminal; see keys.h. */
#include "cli/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static struct termios before; /* the terminal as it was; one per process */

/* Keys without Return and without echo; signals and the end of lines on output stay. */
static void set_keys(void) {
    struct termios now = before;

    now.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    now.c_cc[VMIN] = 1;
    now.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &now);
}

static void restore(void) {
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

/* In a process of its own: waits until the other end of the pipe has gone, with whatever had it. */
static void guard(int fd) {
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTOU, SIGPIPE};
    char byte;
    ssize_t size;

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) signal(ignored[i], SIG_IGN);
    do size = read(fd, &byte, 1);
    while (size < 0 && errno == EINTR);
    /* A byte: the terminal was put back in order, and may be somebody else's by now. */
    if (size == 0) restore();
    _exit(0);
}

/* The descriptor whose end is ours; -1: no guard could be started. A grandchild, so that nobody waits
 * for it. */
static int start_guard(void) {
    int ends[2];

    if (pipe2(ends, O_CLOEXEC)) return -1;
    pid_t child = fork();
    if (child == 0) {
        close(ends[1]);
        /* What reads our output (a pipe) must see its end when we end. */
        close(STDOUT_FILENO);
        close(STDERR_FILENO);
        if (fork() == 0) guard(ends[0]);
        _exit(0);
    }
    close(ends[0]);
    if (child > 0) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
        return ends[1];
    }
    close(ends[1]);
    return -1;
}

void keys_open(struct keys *keys) {
    *keys = (struct keys){.guard = -1};
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) return;
    if (tcgetpgrp(STDIN_FILENO) != getpgrp() || tcgetattr(STDIN_FILENO, &before)) return;
    keys->guard = start_guard();
    keys->is_open = keys->guard >= 0;
}

/* ---- reading ------------------------------------------------------------------------------------- */

/* Arrows and function keys are ESC, '[' or 'O', and what ends with a letter or '~': they are none of ours. */
static bool is_key(struct keys *keys, char byte) {
    if (byte == '\033') {
        keys->skipping = KEYS_ESCAPE;
        return false;
    }
    if (keys->skipping == KEYS_ESCAPE) {
        keys->skipping = byte == '[' || byte == 'O' ? KEYS_SEQUENCE : KEYS_NOTHING;
        return false;
    }
    if (keys->skipping == KEYS_SEQUENCE) {
        if (byte >= '@' && byte <= '~') keys->skipping = KEYS_NOTHING;
        return false;
    }
    return true;
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    struct keys *keys = poll->data;
    char bytes[64];

    (void)events;
    ssize_t size = status ? 0 : read(STDIN_FILENO, bytes, sizeof(bytes));
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (size <= 0) {
        uv_poll_stop(poll);
        keys->on_key(keys->context, KEYS_GONE);
        return;
    }
    for (ssize_t i = 0; i < size; i++)
        if (is_key(keys, bytes[i])) keys->on_key(keys->context, bytes[i]);
}

/* After Ctrl-Z and `fg`: the shell has put its own state in between. */
static void on_resumed(uv_signal_t *resumed, int number) {
    (void)resumed, (void)number;
    if (tcgetpgrp(STDIN_FILENO) == getpgrp()) set_keys();
}

void keys_start(struct keys *keys, uv_loop_t *loop, void (*on_key)(void *context, char key),
                void *context) {
    if (!keys->is_open) return;
    keys->on_key = on_key;
    keys->context = context;
    set_keys();
    if (uv_poll_init(loop, &keys->poll, STDIN_FILENO)) return;
    keys->poll.data = keys;
    keys->open_handles = 1;
    uv_poll_start(&keys->poll, UV_READABLE, on_readable);
    if (uv_signal_init(loop, &keys->resumed)) return;
    keys->resumed.data = keys;
    keys->open_handles = 2;
    uv_signal_start(&keys->resumed, on_resumed, SIGCONT);
}

static void on_closed(uv_handle_t *handle) {
    struct keys *keys = handle->data;
    keys->open_handles--;
}

void keys_stop(struct keys *keys) {
    if (keys->open_handles >= 1) uv_close((uv_handle_t *)&keys->poll, on_closed);
    if (keys->open_handles >= 2) uv_close((uv_handle_t *)&keys->resumed, on_closed);
}

void keys_close(struct keys *keys) {
    if (!keys->is_open) return;
    restore();
    ssize_t written =
        write(keys->guard, "", 1); /* if it fails, the guard does the same once more */
    (void)written;
    close(keys->guard);
    keys->is_open = false;
}
