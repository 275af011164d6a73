/* SPDX-License-Identifier: Apache-2.0 */
/* gate.h -- what a room's calls have asked for leaves when it is stored, and in order.
 *
 * Door:   gate_holds() says whether a call that has returned must wait; gate_enter(), or
 *         gate_let_through().
 * Before: room.c.
 * After:  the db, states and kv drivers; call_tell() hands the events to the embedder; room.c is told when
 *         the gate is open again, or that a commit was lost.
 *
 * CONTRACT 2.4 to 2.6. A batch with writes closes the gate; whatever leaves the room later, waits behind
 * it. Batches that gather meanwhile share the next transaction. Each transaction carries the room's commit
 * number and a random id of its writer, so a late or doubled one cannot land; an outcome that is not known
 * is settled by an empty commit with the same predecessor, the fence: if it lands, the first never can; if
 * it is refused, what is stored says which one did.
 */
#ifndef CORE_GATE_H
#define CORE_GATE_H

#include <ramp/driver.h>

#include "base/limits.h"
#include "base/list.h"
#include "core/deadline.h"
#include "core/requests.h"

struct call;
struct room;

enum gate_phase {
    GATE_IDLE,    /* nothing is under way */
    GATE_HEAD,    /* reads what is stored about the room */
    GATE_COMMIT,  /* a transaction is under way */
    GATE_FENCE,   /* its outcome is not known: the fence is under way */
    GATE_UNKNOWN, /* ... or is to be sent again */
    GATE_STATE,   /* the room's state is being saved */
    GATE_SYNC     /* waits until the kv backend has acknowledged */
};

struct gate {
    struct list batches; /* calls that have returned, oldest first */
    uint32_t count;
    uint32_t group; /* so many of the first share what is under way */
    size_t size;    /* bytes of all batches */
    uint8_t phase;
    bool has_head; /* `head` is what is stored */
    bool is_lost;  /* given up; until the fence is answered the room stays closed */
    ramp_head head;
    uint64_t writer, fence; /* ids of the open commit and of its fence */
    int64_t new_alarm_ms;   /* what the open commit sets */
    bool sets_alarm;
    struct request request;
    struct deadline deadline; /* of the phase */
    uint64_t since_ns;        /* the open commit began */
    uint64_t state_call;      /* number of the call whose state is being saved */
    struct list in_sync;      /* host->syncing */
};

void gate_init(struct gate *gate);
/* The room is freed: drops what waits, without telling anybody. */
void gate_done(struct room *room);
/* Nothing waits and nothing is under way. */
static inline bool gate_is_open(const struct gate *gate) {
    return gate->count == 0 && gate->phase == GATE_IDLE;
}
/* As much waits as may: the room runs no further call. */
static inline bool gate_is_full(const struct gate *gate) {
    return gate->count >= LIMIT_GATE_CALLS || gate->size >= LIMIT_GATE_BYTES;
}
/* A state that waits to be saved: the room's next instance waits for it. */
bool gate_has_state(const struct gate *gate);
/* The room may not be opened: whether its last commit has landed is not known. */
static inline bool gate_is_lost(const struct gate *gate) {
    return gate->is_lost;
}
/* The call, which has ended and been settled, has to wait: call_hold() it and let it enter. */
bool gate_holds(const struct room *room, const struct call *call);
/* Takes the call; it is told to the embedder when all that it asked for is stored. */
void gate_enter(struct room *room, struct call *call);
/* The call does not have to wait: tells the embedder. */
void gate_let_through(struct call *call);
/* The room's alarm as its last call left it: Unix ms, 0: none. Needs the head, if no call has set it. */
int64_t gate_alarm(const struct gate *gate);
/* Reads the room's head, if it is not known; the room is woken then. false: no memory. */
bool gate_want_head(struct room *room);
/* After an answer of the kv backend: lets out what it has acknowledged. */
void gate_check_syncs(ramp_host *host);
/* Open commits of all rooms count as failed (RAMP_STOP_COMMITS). */
void gate_give_up(struct room *room);

#endif
