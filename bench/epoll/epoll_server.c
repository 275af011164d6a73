/* SPDX-License-Identifier: Apache-2.0 */
/* epoll_server.c -- the least that can serve the same traffic: epoll, our framing, rooms by path.
 *
 * The yardstick of `make bench`. No module, no limits on what a client may cost, no HTTP but the
 * handshake, one thread. It gathers as Ramp does: what a turn produced for a connection leaves in
 * one send(); a broadcast is encoded once and a room's frames of a turn are sent to each member
 * together.
 *
 *     epoll_server        prints {"url":...,"pid":...} and serves until it is killed
 *
 * /SERVICE/ROOM: a service with "broadcast" in its name sends every message to the whole room, any
 * other one back to whom it came from.
 */
#include "wire/http.h"
#include "wire/url.h"
#include "wire/ws.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS      256
#define READ_SIZE   (64u << 10)
#define BACKLOG_MAX (16u << 20) /* bytes that a connection may leave unread */
#define ROOM_SLOTS  (1u << 16)

struct bytes { /* grows; kept for the next turn */
    uint8_t *data;
    size_t size, capacity;
};

struct room {
    char *path;
    struct connection **members;
    size_t member_count, member_capacity;
    struct bytes turn; /* frames of this turn, for every member */
    struct room *next_in_slot, *next_dirty;
    bool is_dirty;
};

struct connection {
    int fd;
    bool is_open; /* its handshake is over */
    bool is_broadcast;
    bool is_dirty, is_gone;
    bool is_waiting; /* for the kernel to take more */
    struct ws_decoder decoder;
    struct room *room; /* of a broadcast */
    size_t index;      /* in room->members */
    struct bytes in, message, out;
    size_t out_sent;
    struct connection *next_dirty, *next_gone;
};

static int epoll;
static struct room *slots[ROOM_SLOTS];
static struct room *dirty_rooms;
static struct connection *dirty_connections, *gone_connections;
static uint8_t buffer[READ_SIZE + LIMIT_HEAD_SIZE];

static _Noreturn void die(const char *what) {
    fprintf(stderr, "epoll_server: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *grow(void *data, size_t size) {
    void *grown = realloc(data, size);
    if (!grown) die("realloc");
    return grown;
}

static uint8_t *reserve(struct bytes *bytes, size_t more) {
    if (bytes->size + more > bytes->capacity) {
        bytes->capacity = (bytes->size + more) * 2;
        bytes->data = grow(bytes->data, bytes->capacity);
    }
    return bytes->data + bytes->size;
}

static void append(struct bytes *bytes, const uint8_t *data, size_t size) {
    if (size) memcpy(reserve(bytes, size), data, size);
    bytes->size += size;
}

static void release(struct bytes *bytes) {
    free(bytes->data);
    *bytes = (struct bytes){0};
}

/* ---- rooms ----------------------------------------------------------------------------------- */

static struct room *room_of(struct text path) {
    uint32_t hash = 2166136261u;
    struct room *room;

    for (size_t i = 0; i < path.size; i++) hash = (hash ^ (uint8_t)path.data[i]) * 16777619u;
    struct room **slot = &slots[hash % ROOM_SLOTS];
    for (room = *slot; room; room = room->next_in_slot)
        if (text_is(path, room->path)) return room;
    room = calloc(1, sizeof(*room));
    if (!room || !(room->path = strndup(path.data, path.size))) die("calloc");
    room->next_in_slot = *slot;
    *slot = room;
    return room;
}

static void room_add(struct room *room, struct connection *connection) {
    if (room->member_count == room->member_capacity) {
        room->member_capacity = room->member_capacity ? room->member_capacity * 2 : 4;
        room->members = grow(room->members, room->member_capacity * sizeof(*room->members));
    }
    connection->room = room;
    connection->index = room->member_count;
    room->members[room->member_count++] = connection;
}

static void room_remove(struct connection *connection) {
    struct room *room = connection->room;

    if (!room) return;
    room->members[connection->index] = room->members[--room->member_count];
    room->members[connection->index]->index = connection->index;
    connection->room = NULL;
}

/* ---- connections ----------------------------------------------------------------------------- */

static void watch(struct connection *connection, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(epoll, operation, connection->fd, &event)) die("epoll_ctl");
}

/* It is freed at the turn's end: events of this turn may still name it. */
static void drop(struct connection *connection) {
    if (connection->is_gone) return;
    connection->is_gone = true;
    room_remove(connection);
    connection->next_gone = gone_connections;
    gone_connections = connection;
}

static void mark(struct connection *connection) {
    if (connection->is_dirty) return;
    connection->is_dirty = true;
    connection->next_dirty = dirty_connections;
    dirty_connections = connection;
}

/* Sends what is in `out`; what the kernel does not take waits for it to say so. */
static void flush(struct connection *connection) {
    struct bytes *out = &connection->out;
    bool was_waiting = connection->is_waiting;

    if (connection->is_gone) return;
    ssize_t sent = send(connection->fd, out->data + connection->out_sent,
                        out->size - connection->out_sent, MSG_NOSIGNAL);
    if (sent > 0) connection->out_sent += (size_t)sent;
    if (sent < 0 && errno != EAGAIN) {
        drop(connection);
        return;
    }
    connection->is_waiting = connection->out_sent < out->size;
    if (!connection->is_waiting) {
        release(out); /* an idle connection holds no buffer */
        connection->out_sent = 0;
    } else if (out->size - connection->out_sent > BACKLOG_MAX) {
        drop(connection);
        return;
    }
    if (was_waiting != connection->is_waiting)
        watch(connection, EPOLL_CTL_MOD, was_waiting ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

/* Sends bytes that others have too: they are copied only if they must wait. */
static void send_shared(struct connection *connection, const struct bytes *bytes) {
    ssize_t sent = 0;

    if (connection->out.size == 0)
        sent = send(connection->fd, bytes->data, bytes->size, MSG_NOSIGNAL);
    if (sent == (ssize_t)bytes->size) return;
    if (sent < 0 && errno != EAGAIN) {
        drop(connection);
        return;
    }
    size_t done = sent > 0 ? (size_t)sent : 0;
    append(&connection->out, bytes->data + done, bytes->size - done);
    if (!connection->is_waiting) flush(connection);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void add_frame(struct bytes *bytes, enum ws_opcode opcode, const uint8_t *payload,
                      size_t size) {
    bytes->size += ws_encode_head(reserve(bytes, WS_HEAD_MAX), opcode, size);
    append(bytes, payload, size);
}

static void on_message(struct connection *connection, bool is_binary, const uint8_t *payload,
                       size_t size) {
    enum ws_opcode opcode = is_binary ? WS_OPCODE_BINARY : WS_OPCODE_TEXT;
    struct room *room = connection->room;

    if (!connection->is_broadcast) {
        add_frame(&connection->out, opcode, payload, size);
        mark(connection);
        return;
    }
    add_frame(&room->turn, opcode, payload, size);
    if (room->is_dirty) return;
    room->is_dirty = true;
    room->next_dirty = dirty_rooms;
    dirty_rooms = room;
}

static void answer_ping(struct connection *connection, const struct ws_item *item) {
    add_frame(&connection->out, WS_OPCODE_PONG, item->payload, item->size);
    mark(connection);
}

static void take(struct connection *connection, const struct ws_item *item) {
    struct bytes *message = &connection->message;

    switch (item->kind) {
    case WS_MESSAGE: on_message(connection, item->is_binary, item->payload, item->size); break;
    case WS_PART: append(message, item->payload, item->size); break;
    case WS_LAST:
        append(message, item->payload, item->size);
        on_message(connection, item->is_binary, message->data, message->size);
        release(message);
        break;
    case WS_PING: answer_ping(connection, item); break;
    case WS_CLOSE:
    case WS_ERROR: drop(connection); break;
    case WS_PONG:
    case WS_NEED_MORE: break;
    }
}

/* ---- the handshake --------------------------------------------------------------------------- */

static void sha1(const void *bytes, size_t size, uint8_t ret_digest[20]) {
    if (EVP_Digest(bytes, size, ret_digest, NULL, EVP_sha1(), NULL) != 1) die("SHA-1");
}

static void enter(struct connection *connection, struct text target) {
    struct text path, query;

    url_split(target, &path, &query);
    connection->is_open = true;
    ws_decoder_init(&connection->decoder, true, LIMIT_MESSAGE_SIZE);
    connection->is_broadcast = memmem(path.data, path.size, "broadcast", 9) != NULL;
    if (connection->is_broadcast) room_add(room_of(path), connection);
}

/* How many bytes it has used; 0: the head is not all there, or the connection was dropped. */
static size_t read_handshake(struct connection *connection, size_t size) {
    char accept[WS_ACCEPT_SIZE + 1];
    struct http_head head;
    struct http_error error;
    struct text key;

    enum http_result result = http_parse_request((const char *)buffer, size, &head, &error);
    if (result == HTTP_NEED_MORE) return 0;
    if (result == HTTP_ERROR || !head.wants_websocket ||
        !http_check_websocket(&head, &key, &error)) {
        drop(connection);
        return 0;
    }
    ws_accept(accept, key.data, sha1);
    uint8_t *out = reserve(&connection->out, 256);
    connection->out.size +=
        (size_t)snprintf((char *)out, 256,
                         "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                         "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                         accept);
    mark(connection);
    enter(connection, http_target(&head));
    return head.size;
}

/* ---- reading --------------------------------------------------------------------------------- */

static void take_all(struct connection *connection, size_t size) {
    struct ws_item item;
    size_t used = 0;

    if (!connection->is_open) used = read_handshake(connection, size);
    while (connection->is_open && !connection->is_gone) {
        used += ws_decode(&connection->decoder, buffer + used, size - used, &item);
        if (item.kind == WS_NEED_MORE) break;
        take(connection, &item);
    }
    connection->in.size = 0;
    if (used < size) append(&connection->in, buffer + used, size - used);
    else if (connection->in.data) release(&connection->in);
}

static void on_readable(struct connection *connection) {
    size_t kept = connection->in.size;

    if (kept) memcpy(buffer, connection->in.data, kept);
    ssize_t got = recv(connection->fd, buffer + kept, READ_SIZE, 0);
    if (got > 0) take_all(connection, kept + (size_t)got);
    else if (got == 0 || errno != EAGAIN) drop(connection);
}

static void on_connections(int listener) {
    int yes = 1, fd;

    for (unsigned i = 0; i < 64; i++) {
        fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        struct connection *connection = calloc(1, sizeof(*connection));
        if (!connection) die("calloc");
        connection->fd = fd;
        watch(connection, EPOLL_CTL_ADD, EPOLLIN);
    }
}

/* ---- a turn ---------------------------------------------------------------------------------- */

static void flush_room(struct room *room) {
    room->is_dirty = false;
    /* From behind: a member that is dropped makes room for the last one. */
    for (size_t i = room->member_count; i-- > 0;) send_shared(room->members[i], &room->turn);
    room->turn.size = 0;
}

static void end_turn(void) {
    struct connection *connection;

    while (dirty_connections) {
        connection = dirty_connections;
        dirty_connections = connection->next_dirty;
        connection->is_dirty = false;
        if (!connection->is_waiting) flush(connection);
    }
    while (dirty_rooms) {
        struct room *room = dirty_rooms;
        dirty_rooms = room->next_dirty;
        flush_room(room);
    }
    while (gone_connections) {
        connection = gone_connections;
        gone_connections = connection->next_gone;
        close(connection->fd);
        release(&connection->in);
        release(&connection->message);
        release(&connection->out);
        free(connection);
    }
}

static void run(int listener) {
    struct epoll_event events[EVENTS];

    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        if (count < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!connection) {
                on_connections(listener);
                continue;
            }
            if ((events[i].events & EPOLLOUT) && !connection->is_gone) flush(connection);
            if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !connection->is_gone)
                on_readable(connection);
        }
        end_turn();
    }
}

/* On a free port of loopback. */
static int listen_somewhere(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) ||
        listen(listener, 4096) || getsockname(listener, (struct sockaddr *)&address, &size))
        die("listen");
    printf("{\"url\":\"http://127.0.0.1:%u\",\"pid\":%ld}\n", ntohs(address.sin_port),
           (long)getpid());
    fflush(stdout);
    return listener;
}

int main(void) {
    struct epoll_event event = {.events = EPOLLIN};
    struct rlimit files;

    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    int listener = listen_somewhere();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event)) die("epoll");
    run(listener);
}
