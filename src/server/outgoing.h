/* SPDX-License-Identifier: Apache-2.0 */
/* outgoing.h -- what waits to be sent: frames that are encoded once, and a queue of them per connection.
 *
 *     broadcast ──▶ frame (refs 3) ◀── queue of A
 *                          ▲  ▲─────── queue of B
 *                          └────────── queue of C
 *
 * Door:     frame_new(), outgoing_push(); outgoing_gather() and outgoing_sent() around one send.
 * Before:   fanout.c (events), websocket.c (pongs, closes), exchange.c (HTTP responses).
 * After:    conn.c, which calls send and decides what a long queue means.
 *
 * A frame is any run of bytes for a socket. A queue that is empty holds no memory. The stock is a worker's:
 * frames and rings of usual sizes come from it without malloc.
 * Not here: sockets, limits.
 */
#ifndef SERVER_OUTGOING_H
#define SERVER_OUTGOING_H

#include "wire/ws.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Counted for each frame in a queue beside its bytes: tiny frames cost memory, too. */
#define FRAME_OVERHEAD 32u
/* Frames from this size on are sent from where they are; smaller ones are copied together. */
#define FRAME_COPIED_MAX (16u << 10)
#define GATHER_PARTS     16

struct frame {
    struct frame *next_free;
    uint32_t refs;
    uint32_t size;
    uint8_t stock_class;
    bool is_pong;
    uint8_t bytes[];
};

struct frame_stock {
    struct frame *free_frames[2];
    unsigned free_frame_count[2];
    void *free_rings; /* each begins with a pointer to the next */
    unsigned free_ring_count;
    size_t bytes; /* of all frames alive, each counted once */
};

struct outgoing { /* zeroed: empty */
    struct frame **ring;
    uint32_t first, count, capacity; /* capacity: a power of two, or 0 */
    uint32_t offset;                 /* bytes of the first frame that are sent */
    uint32_t bytes;                  /* not yet sent, FRAME_OVERHEAD each included */
    uint16_t pong_count;
};

void frame_stock_done(struct frame_stock *stock);

/* With one reference, the caller's; `size` bytes to be filled in. NULL: no memory. */
struct frame *frame_new(struct frame_stock *stock, size_t size);
/* A whole WebSocket frame, not masked. */
struct frame *frame_new_message(struct frame_stock *stock, enum ws_opcode opcode,
                                const void *payload, size_t size);
void frame_unref(struct frame_stock *stock, struct frame *frame); /* NULL is accepted */

/* Adds a reference of its own. false: no memory. */
bool outgoing_push(struct outgoing *outgoing, struct frame_stock *stock, struct frame *frame);
void outgoing_clear(struct outgoing *outgoing, struct frame_stock *stock);

/* The parts of the next send: what fits GATHER_PARTS and `scratch`. Returns how many, and their bytes. */
int outgoing_gather(const struct outgoing *outgoing, uint8_t *scratch, size_t scratch_size,
                    struct iovec parts[GATHER_PARTS], size_t *ret_size);
/* `size` bytes from the front have been sent. */
void outgoing_sent(struct outgoing *outgoing, struct frame_stock *stock, size_t size);

static inline bool outgoing_is_empty(const struct outgoing *outgoing) {
    return outgoing->count == 0;
}

#endif
