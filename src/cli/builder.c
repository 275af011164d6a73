/* SPDX-License-Identifier: Apache-2.0 */
/* builder.c -- the compiler as a child that stays; see builder.h. */
#include "cli/builder.h"

#include "base/limits.h"
#include "base/mem.h"

#include <assert.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct builder_child {
    struct builder *builder;
    uv_process_t process;
    uv_pipe_t in, out; /* its stdin, its stdout */
    unsigned open_handles;
    struct bytes line;
    char piece[16384];
};

/* ---- ending -------------------------------------------------------------------------------------- */

static void on_handle_closed(uv_handle_t *handle) {
    struct builder_child *child = handle->data;

    if (--child->open_handles) return;
    child->builder->children--;
    bytes_done(&child->line);
    mem_free(child);
}

/* Lets go of the child: from now on it is only closed, and not the builder's any more. */
static void child_close(struct builder_child *child) {
    uv_handle_t *handles[] = {(uv_handle_t *)&child->process, (uv_handle_t *)&child->in,
                              (uv_handle_t *)&child->out};

    if (child->builder->child == child) child->builder->child = NULL;
    for (size_t i = 0; i < 3; i++)
        if (!uv_is_closing(handles[i])) uv_close(handles[i], on_handle_closed);
}

static void answer(struct builder *builder, const json_t *json, const char *message) {
    if (!builder->building) return;
    builder->building = false;
    builder->on_built(builder->context, json, message);
}

static void on_ended(uv_process_t *process, int64_t status, int signal) {
    struct builder_child *child = process->data;
    struct builder *builder = child->builder;
    bool current = builder->child == child;

    (void)status;
    child_close(child);
    /* Ctrl-C reaches the child, too: that is our own end, not news. */
    if (!current || signal == SIGINT || signal == SIGTERM) return;
    answer(builder, NULL, "the compiler ended unexpectedly; the next change starts it again");
}

/* ---- answers ------------------------------------------------------------------------------------- */

static void take_line(struct builder_child *child) {
    struct builder *builder = child->builder;
    json_t *json = json_loadb(child->line.data, child->line.size, JSON_ALLOW_NUL, NULL);

    /* Another build's answer, or something that a library printed, is nobody's. */
    if (json_integer_value(json_object_get(json, "id")) == builder->id) answer(builder, json, NULL);
    json_decref(json);
}

static void alloc_piece(uv_handle_t *handle, size_t size, uv_buf_t *ret_buffer) {
    struct builder_child *child = handle->data;

    (void)size;
    *ret_buffer = uv_buf_init(child->piece, sizeof(child->piece));
}

static void on_output(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer) {
    struct builder_child *child = stream->data;

    if (size < 0) return; /* on_ended says the rest */
    for (const char *at = buffer->base, *end = at + size; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *until = newline ? newline : end;
        bytes_add(&child->line, at, (size_t)(until - at));
        at = until + (newline != NULL);
        if (!newline) break;
        if (!child->line.failed && child->line.size) take_line(child);
        /* The answer may have closed us. */
        if (uv_is_closing((uv_handle_t *)stream)) return;
        bytes_reset(&child->line);
    }
}

/* ---- starting ------------------------------------------------------------------------------------ */

static bool child_new(struct builder *builder) {
    struct builder_child *child = mem_zalloc(sizeof(*child));
    const struct toolchain *toolchain = builder->toolchain;
    char *arguments[] = {(char *)(uintptr_t)toolchain->node, (char *)(uintptr_t)toolchain->script,
                         (char[]){"--server"}, NULL};

    if (!child) return false;
    child->builder = builder;
    bytes_init(&child->line, LIMIT_CLI_LINE);
    uv_pipe_init(builder->loop, &child->in, 0);
    uv_pipe_init(builder->loop, &child->out, 0);
    uv_stdio_container_t stdio[] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&child->in},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&child->out},
        {.flags = UV_INHERIT_FD, .data.fd = 2},
    };
    uv_process_options_t options = {
        .file = arguments[0],
        .args = arguments,
        .cwd = builder->folder,
        .exit_cb = on_ended,
        .stdio = stdio,
        .stdio_count = 3,
    };
    child->process.data = child->in.data = child->out.data = child;
    child->open_handles = 3;
    builder->children++;
    builder->child = child;
    if (uv_spawn(builder->loop, &child->process, &options)) {
        child_close(child);
        return false;
    }
    uv_read_start((uv_stream_t *)&child->out, alloc_piece, on_output);
    return true;
}

struct request {
    uv_write_t write;
    struct builder_child *child;
    char *text;
};

static void on_written(uv_write_t *write, int status) {
    struct request *request = (struct request *)write;

    (void)status; /* a child that reads no more has ended: on_ended */
    free(request->text);
    mem_free(request);
}

static bool send_request(struct builder *builder, const json_t *json) {
    struct request *request = mem_zalloc(sizeof(*request));
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

    if (!request || !text) {
        mem_free(request);
        free(text);
        return false;
    }
    request->text = text;
    /* The newline takes the place of the NUL. */
    size_t size = strlen(text);
    text[size] = '\n';
    uv_buf_t buffer = uv_buf_init(text, (unsigned)size + 1);
    if (uv_write(&request->write, (uv_stream_t *)&builder->child->in, &buffer, 1, on_written)) {
        free(text);
        mem_free(request);
        return false;
    }
    return true;
}

/* ---- doors --------------------------------------------------------------------------------------- */

void builder_build(struct builder *builder, const char *file, const char *out, const char *mode) {
    assert(!builder->building);
    builder->building = true;
    builder->id++;
    if (!builder->child && !child_new(builder)) {
        answer(builder, NULL, "the compiler cannot be started");
        return;
    }
    json_t *json = json_pack("{s:i, s:s, s:s, s:s}", "id", (int)builder->id, "file", file, "out",
                             out, "mode", mode);
    if (!send_request(builder, json)) answer(builder, NULL, "the compiler cannot be reached");
    json_decref(json);
}

void builder_close(struct builder *builder) {
    struct builder_child *child = builder->child;

    builder->building = false;
    if (!child) return;
    builder->child = NULL;
    /* It has nothing to save. on_ended closes the handles, and leaves no zombie. */
    if (uv_process_kill(&child->process, SIGKILL)) child_close(child);
}
