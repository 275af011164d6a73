/* SPDX-License-Identifier: Apache-2.0 */
/* bench_load.h -- many WebSocket clients on one epoll set: what the scenarios stand on.
 *
 * Door:     load_connect(), load_send(), load_turn(); what arrives comes through struct load_handler.
 * Before:   bench_echo.c, bench_broadcast.c, bench_connect.c.
 * After:    wire/ws.h and a server, ours or another.
 *
 *     load_init(...);
 *     load_connect(...) of some connections
 *     while (!load.failed && ...) load_turn(&load, 100);
 *
 * It is made so that a server on another core is the bottleneck: one read buffer, one recv() per
 * readiness, one send() for all that a handler has put together, nothing allocated per message.
 *
 * The first thing that is not as it should be (lost, doubled, damaged, foreign, closed) ends the run:
 * `failed` names its kind and `failure` says it in a sentence.
 *
 * Not here: what is sent and when; what counts as a delivery; TLS.
 */
#ifndef CLI_BENCH_LOAD_H
#define CLI_BENCH_LOAD_H

#include "cli/bytes.h"
#include "cli/client.h"
#include "wire/ws.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

struct load;

enum load_state { LOAD_CLOSED, LOAD_CONNECTING, LOAD_HANDSHAKE, LOAD_OPEN };

struct load_connection {
    int fd;
    uint32_t index; /* in load.connections */
    uint32_t room;  /* the scenario's number for it */
    enum load_state state;
    struct ws_decoder decoder;
    struct bytes in;      /* a head or a frame that is not all there yet */
    struct bytes message; /* a message that arrives in parts */
    struct bytes out;     /* what the kernel did not take */
    uint64_t begun_ns;    /* when load_connect() was called */
    uint64_t next;        /* the scenario's: sequence number that must arrive next */
    uint64_t sent;        /* the scenario's: messages sent so far */
    uint32_t due;         /* the scenario's: messages that may be sent now */
};

struct load_handler {
    void (*on_open)(struct load *load, struct load_connection *connection);
    void (*on_message)(struct load *load, struct load_connection *connection,
                       const uint8_t *payload, size_t size);
    /* All that one recv() brought has been handed over: answer it now, in one send. May be NULL. */
    void (*on_read)(struct load *load, struct load_connection *connection);
};

struct load_target {
    struct client_url url;
    const char *service;
    bool binary; /* send binary messages rather than text */
};

struct load {
    const struct load_target *target;
    const struct load_handler *handler;
    void *context; /* the scenario's */
    struct load_connection *connections;
    uint32_t connection_count;
    uint32_t open_count;
    uint64_t now_ns; /* as of the latest recv() */
    const char
        *failed; /* "lost", "doubled", "damaged", "foreign", "closed", "broken"; NULL: fine */
    char failure[256];
    uint32_t run; /* a random number that all messages of this load carry */
    /* its own */
    int epoll;
    uint32_t mask_state;
    struct sockaddr_storage address;
    socklen_t address_size;
    char key[WS_KEY_SIZE + 1], accept[WS_ACCEPT_SIZE + 1];
    uint8_t *buffer;
};

/* Resolves the target and makes `count` closed connections. false: `failure` says why. Always ended by
 * load_done(), which closes everything. */
bool load_init(struct load *load, const struct load_target *target,
               const struct load_handler *handler, void *context, uint32_t count);
void load_done(struct load *load);

/* Begins to connect to that room; the names need no percent-encoding. */
void load_connect(struct load *load, struct load_connection *connection, const char *service,
                  const char *room);
/* With RST: thousands of closed connections in a row shall not use up the machine's ports. */
void load_close(struct load *load, struct load_connection *connection);

/* Writes the frame of one message to `out`, masked, and returns its size: at most size +
 * WS_HEAD_MASKED_MAX. */
size_t load_frame(struct load *load, uint8_t *out, const uint8_t *payload, size_t size);
/* Sends bytes: frames put together by load_frame(). */
void load_send(struct load *load, struct load_connection *connection, const uint8_t *bytes,
               size_t size);

/* Set by a signal's handler: every load fails in its next turn. */
extern volatile sig_atomic_t load_interrupted;

/* Waits for events at most so long, and handles them. */
void load_turn(struct load *load, int timeout_ms);

/* Notes the first failure; later ones change nothing. */
void load_fail(struct load *load, const char *kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
