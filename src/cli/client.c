/* SPDX-License-Identifier: Apache-2.0 */
/* client.c -- the control API's HTTP client; see client.h. */
#include "cli/client.h"

#include "base/error.h"
#include "base/limits.h"
#include "wire/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_SIZE 65536

/* ---- where ------------------------------------------------------------------------------------- */

/* Addresses are parsed: 127.0.0.1.example.org is a name of somebody else's. */
static bool is_loopback_host(const char *host) {
    struct in_addr four;

    if (inet_pton(AF_INET, host, &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0;
}

static bool take_part(char *out, size_t capacity, const char *text, size_t size) {
    if (size >= capacity) return false;
    memcpy(out, text, size);
    out[size] = '\0';
    return true;
}

static bool split_url(const char *rest, struct client_url *url) {
    size_t authority = strcspn(rest, "/?#"), host, after;
    const char *path = rest + authority;

    if (rest[0] == '[') {
        host = strcspn(rest, "]");
        if (host >= authority) return false;
        if (!take_part(url->host, sizeof(url->host), rest + 1, host - 1)) return false;
        after = host + 1;
    } else {
        after = host = strcspn(rest, ":/?#");
        if (!take_part(url->host, sizeof(url->host), rest, host)) return false;
    }
    if (rest[after] == ':' && after < authority) {
        size_t digits = authority - after - 1;
        if (!digits || strspn(rest + after + 1, "0123456789") < digits) return false;
        if (digits > 5 || !take_part(url->port, sizeof(url->port), rest + after + 1, digits))
            return false;
    } else if (after != authority) {
        return false;
    }
    size_t size = strlen(path);
    while (size && path[size - 1] == '/') size--;
    /* Only what stands unescaped in a request line, and no query. */
    for (size_t i = 0; i < size; i++)
        if (path[i] <= ' ' || path[i] > '~' || path[i] == '?' || path[i] == '#') return false;
    if (strpbrk(url->host, "@\\ ")) return false;
    return url->host[0] && take_part(url->prefix, sizeof(url->prefix), path, size);
}

ramp_status client_url_parse(const char *text, struct client_url *ret_url, ramp_error *reterr) {
    const char *rest = text;
    struct client_url url = {.port = "80"};

    if (strncmp(text, "https://", 8) == 0)
        return error_set(reterr, RAMP_ARGS,
                         "%s: this ramp speaks no https; go through a tunnel "
                         "(ssh -L 8787:127.0.0.1:8787 HOST) and name http://127.0.0.1:8787",
                         text);
    if (strncmp(text, "http://", 7) == 0) rest = text + 7;
    else if (strstr(text, "://"))
        return error_set(reterr, RAMP_ARGS, "%s: not an http URL like http://127.0.0.1:8787", text);
    if (!split_url(rest, &url))
        return error_set(reterr, RAMP_ARGS, "%s: not a URL like http://127.0.0.1:8787", text);
    url.is_loopback = is_loopback_host(url.host);
    *ret_url = url;
    return RAMP_OK;
}

/* ---- a socket with deadlines --------------------------------------------------------------------- */

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for `events`; 0 when ready, else an errno. */
static int wait_for(int fd, short events, int64_t until_ms) {
    for (;;) {
        int64_t left = until_ms - now_ms();
        if (left <= 0) return ETIMEDOUT;
        struct pollfd ready = {.fd = fd, .events = events};
        int count = poll(&ready, 1, (int)left);
        if (count > 0) return 0;
        if (count < 0 && errno != EINTR) return errno;
    }
}

/* The connected descriptor, or -1 with an errno in `*ret_errno`. */
static int connect_one(const struct addrinfo *address, int *ret_errno) {
    int yes = 1, code = 0;
    socklen_t size = sizeof(code);
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        *ret_errno = errno;
        return -1;
    }
    if (connect(fd, address->ai_addr, address->ai_addrlen)) {
        code = errno;
        if (code == EINPROGRESS) {
            code = wait_for(fd, POLLOUT, now_ms() + LIMIT_CLI_CONNECT_MS);
            if (!code && getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size)) code = errno;
        }
    }
    if (code) {
        close(fd);
        *ret_errno = code;
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    return fd;
}

static ramp_status open_socket(const struct client_url *url, int *ret_fd, ramp_error *reterr) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int fd = -1, code = 0;

    int failed = getaddrinfo(url->host, url->port, &hints, &found);
    if (failed)
        return error_set(reterr, RAMP_UNAVAILABLE, "%s: %s", url->host, gai_strerror(failed));
    for (struct addrinfo *address = found; address && fd < 0; address = address->ai_next)
        fd = connect_one(address, &code);
    freeaddrinfo(found);
    if (fd < 0)
        return error_set(reterr, RAMP_UNAVAILABLE, "no server answers at %s port %s (%s)",
                         url->host, url->port, strerror(code));
    *ret_fd = fd;
    return RAMP_OK;
}

static ramp_status send_failed(const struct client_url *url, int code, ramp_error *reterr) {
    if (code == ETIMEDOUT)
        return error_set(reterr, RAMP_TIMEOUT, "%s port %s: no answer in time", url->host,
                         url->port);
    return error_set(reterr, RAMP_IO, "%s port %s: %s", url->host, url->port, strerror(code));
}

/* Sends all. A server may answer and close before it has read the whole body (413): then what it said is
 * worth more than our EPIPE, so that is no failure here. */
static ramp_status send_bytes(const struct client_url *url, int fd, const char *data, size_t size,
                              ramp_error *reterr) {
    int64_t until = now_ms() + LIMIT_CLI_ANSWER_MS;

    while (size) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent >= 0) {
            data += sent;
            size -= (size_t)sent;
            continue;
        }
        if (errno == EINTR) continue;
        if (errno == EPIPE || errno == ECONNRESET) return RAMP_OK;
        int code = errno == EAGAIN || errno == EWOULDBLOCK ? wait_for(fd, POLLOUT, until) : errno;
        if (code) return send_failed(url, code, reterr);
    }
    return RAMP_OK;
}

/* Size 0: the peer has ended. */
static ramp_status receive(const struct client_url *url, int fd, char *out, size_t capacity,
                           int64_t until, size_t *ret_size, ramp_error *reterr) {
    for (;;) {
        ssize_t size = recv(fd, out, capacity, 0);
        if (size >= 0) {
            *ret_size = (size_t)size;
            return RAMP_OK;
        }
        if (errno == EINTR) continue;
        int code = errno == EAGAIN || errno == EWOULDBLOCK ? wait_for(fd, POLLIN, until) : errno;
        if (code) return send_failed(url, code, reterr);
    }
}

/* ---- one exchange -------------------------------------------------------------------------------- */

struct reply {
    const struct client_url *url;
    int fd;
    char *buffer; /* READ_SIZE bytes */
    size_t used;  /* of the buffer: received, not yet taken */
    bool ended;   /* the peer sends no more */
    int64_t wait_ms, until_ms;
    struct http_head head;
};

static ramp_status send_request(struct reply *reply, const struct client_request *request,
                                ramp_error *reterr) {
    char head[LIMIT_HEAD_SIZE], host[300];
    const struct client_url *url = reply->url;
    bool is_v6 = strchr(url->host, ':');
    struct http_writer writer;
    struct bytes target;

    bytes_init(&target, LIMIT_TARGET_SIZE);
    bytes_format(&target, "%s%s", url->prefix, request->path);
    snprintf(host, sizeof(host), "%s%s%s:%s", is_v6 ? "[" : "", url->host, is_v6 ? "]" : "",
             url->port);
    http_writer_init(&writer, head, sizeof(head));
    http_write_request(&writer, request->method, text_of(target.failed ? "" : target.data));
    http_write_string(&writer, "host", host);
    http_write_string(&writer, "connection", "close");
    if (request->token) {
        struct bytes bearer;
        bytes_init(&bearer, LIMIT_HEAD_SIZE);
        bytes_format(&bearer, "Bearer %s", request->token);
        http_write_string(&writer, "authorization", bearer.failed ? "\n" : bearer.data);
        bytes_done(&bearer);
    }
    if (request->type) {
        http_write_string(&writer, "content-type", request->type);
        http_write_number(&writer, "content-length", request->body.size);
    }
    if (request->config) http_write_string(&writer, "ramp-config", request->config);
    bool fits = http_write_end(&writer) && !target.failed;
    bytes_done(&target);
    if (!fits)
        return error_set(reterr, RAMP_ARGS, "the token, a name or the config fits in no request");
    ramp_status status = send_bytes(url, reply->fd, head, writer.size, reterr);
    if (!status && request->body.size)
        status = send_bytes(url, reply->fd, request->body.data, request->body.size, reterr);
    return status;
}

static ramp_status fill(struct reply *reply, ramp_error *reterr) {
    size_t size = 0;
    ramp_status status = receive(reply->url, reply->fd, reply->buffer + reply->used,
                                 READ_SIZE - reply->used, reply->until_ms, &size, reterr);

    reply->ended = !status && size == 0;
    reply->used += size;
    return status;
}

static void take(struct reply *reply, size_t size) {
    memmove(reply->buffer, reply->buffer + size, reply->used - size);
    reply->used -= size;
}

static ramp_status read_head(struct reply *reply, ramp_error *reterr) {
    struct http_error wrong = {0};

    for (;;) {
        enum http_result result = reply->used ? http_parse_response(reply->buffer, reply->used,
                                                                    false, &reply->head, &wrong)
                                              : HTTP_NEED_MORE;
        if (result == HTTP_ERROR)
            return error_set(reterr, RAMP_IO, "%s port %s: this is no HTTP server (%s)",
                             reply->url->host, reply->url->port, wrong.message);
        if (result == HTTP_DONE) {
            take(reply, reply->head.size);
            if (reply->head.status / 100 != 1) return RAMP_OK;
            continue;
        }
        if (reply->ended || reply->used == READ_SIZE)
            return error_set(reterr, RAMP_IO, "%s port %s: the connection ended without an answer",
                             reply->url->host, reply->url->port);
        ramp_status status = fill(reply, reterr);
        if (status) return status;
    }
}

typedef bool (*piece_fn)(void *context, const char *data, size_t size);

static ramp_status cut_short(const struct reply *reply, ramp_error *reterr) {
    return error_set(reterr, RAMP_IO, "%s port %s: the answer was cut short", reply->url->host,
                     reply->url->port);
}

/* A body of known length, or until the connection ends. */
static ramp_status read_plain(struct reply *reply, piece_fn each, void *context,
                              ramp_error *reterr) {
    bool counted = reply->head.body == HTTP_BODY_LENGTH;
    uint64_t left = counted ? reply->head.content_length : UINT64_MAX;

    while (left) {
        size_t size = reply->used < left ? reply->used : (size_t)left;
        if (size) {
            if (!each(context, reply->buffer, size)) return RAMP_OK;
            take(reply, size);
            left -= size;
            reply->until_ms = now_ms() + reply->wait_ms;
            continue;
        }
        if (reply->ended) return counted ? cut_short(reply, reterr) : RAMP_OK;
        ramp_status status = fill(reply, reterr);
        if (status) return status;
    }
    return RAMP_OK;
}

static ramp_status read_chunked(struct reply *reply, piece_fn each, void *context,
                                ramp_error *reterr) {
    struct http_chunked chunked;

    http_chunked_init(&chunked, UINT64_MAX);
    for (;;) {
        struct http_chunk chunk = {0};
        size_t used = http_chunked_decode(&chunked, reply->buffer, reply->used, &chunk);
        if (chunk.kind == HTTP_CHUNK_ERROR)
            return error_set(reterr, RAMP_IO, "%s port %s: a broken answer (%s)", reply->url->host,
                             reply->url->port, chunk.error.message);
        if (chunk.kind == HTTP_CHUNK_DATA) {
            if (!each(context, chunk.data.data, chunk.data.size)) return RAMP_OK;
            reply->until_ms = now_ms() + reply->wait_ms;
        }
        take(reply, used);
        if (chunk.kind == HTTP_CHUNK_END) return RAMP_OK;
        if (chunk.kind != HTTP_CHUNK_NEED_MORE) continue;
        if (reply->ended) return cut_short(reply, reterr);
        ramp_status status = fill(reply, reterr);
        if (status) return status;
    }
}

static ramp_status read_body(struct reply *reply, piece_fn each, void *context,
                             ramp_error *reterr) {
    switch (reply->head.body) {
    case HTTP_BODY_NONE: return RAMP_OK;
    case HTTP_BODY_CHUNKED: return read_chunked(reply, each, context, reterr);
    case HTTP_BODY_LENGTH:
    case HTTP_BODY_UNTIL_CLOSE: return read_plain(reply, each, context, reterr);
    }
    return RAMP_OK;
}

/* ---- doors --------------------------------------------------------------------------------------- */

static ramp_status reply_open(struct reply *reply, const struct client_url *url,
                              const struct client_request *request, int64_t wait_ms,
                              ramp_error *reterr) {
    *reply = (struct reply){.url = url, .fd = -1, .wait_ms = wait_ms};
    reply->buffer = malloc(READ_SIZE);
    if (!reply->buffer) return error_set(reterr, RAMP_NO_MEMORY, "out of memory");
    ramp_status status = open_socket(url, &reply->fd, reterr);
    if (!status) status = send_request(reply, request, reterr);
    reply->until_ms = now_ms() + LIMIT_CLI_ANSWER_MS;
    if (!status) status = read_head(reply, reterr);
    reply->until_ms = now_ms() + wait_ms;
    return status;
}

static void reply_close(struct reply *reply) {
    free(reply->buffer);
    if (reply->fd >= 0) close(reply->fd);
}

static bool keep_piece(void *context, const char *data, size_t size) {
    struct bytes *body = context;
    bytes_add(body, data, size);
    return !body->failed;
}

ramp_status client_send(const struct client_url *url, const struct client_request *request,
                        struct client_answer *ret_answer, ramp_error *reterr) {
    struct bytes body;
    struct reply reply;

    bytes_init(&body, LIMIT_CLI_ANSWER);
    ramp_status status = reply_open(&reply, url, request, LIMIT_CLI_ANSWER_MS, reterr);
    if (!status) status = read_body(&reply, keep_piece, &body, reterr);
    reply_close(&reply);
    if (!status && body.failed) status = error_set(reterr, RAMP_TOO_BIG, "the answer is too large");
    if (status) {
        bytes_done(&body);
        return status;
    }
    *ret_answer = (struct client_answer){.status = reply.head.status, .body = body};
    return RAMP_OK;
}

ramp_status client_stream(const struct client_url *url, const struct client_request *request,
                          bool (*on_bytes)(void *context, const char *data, size_t size),
                          void *context, int *ret_status, struct bytes *ret_failure,
                          ramp_error *reterr) {
    struct reply reply;

    ramp_status status = reply_open(&reply, url, request, LIMIT_CLI_STREAM_MS, reterr);
    if (!status) {
        *ret_status = reply.head.status;
        if (reply.head.status == 200) status = read_body(&reply, on_bytes, context, reterr);
        else status = read_body(&reply, keep_piece, ret_failure, reterr);
    }
    reply_close(&reply);
    return status;
}
