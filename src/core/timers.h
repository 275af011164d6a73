/* SPDX-License-Identifier: Apache-2.0 */
/* timers.h -- a room's timers, and the host's queue of rooms by their next timer.
 *
 * Door:   timers_set(), timers_clear(), timers_due(), timers_dispatch(); timer_queue_first().
 * Before: call.c, which carries out timer_set and timer_clear of a batch.
 * After:  host.c, which queues each timer that is due in its room's inbox; room.c, which makes a call of
 *         it, if it has not been cleared or set again meanwhile.
 *
 * A room has few timers, so they lie in a small array; the host has many rooms, so they form a heap, in
 * which a room's place is known to the room.
 */
#ifndef CORE_TIMERS_H
#define CORE_TIMERS_H

#include <ramp/ramp.h>

struct timer {
    int32_t id;
    uint32_t sequence;  /* of the timer_set that made it */
    uint64_t due_ns;    /* UINT64_MAX: fired, and waits for its dispatch */
    uint64_t period_ns; /* 0: once */
    bool is_queued;     /* an entry of the inbox is about it */
};

struct timers {
    struct timer *timers;
    uint32_t count, capacity;
    uint32_t sequence;
    uint64_t next_ns;   /* earliest due_ns; UINT64_MAX: none */
    size_t queue_index; /* place in the host's heap + 1; 0: not in it */
};

struct timer_queue {
    struct timers **heap; /* a binary min-heap by next_ns */
    size_t count, capacity;
};

void timers_init(struct timers *timers);
void timers_done(struct timers *timers,
                 struct timer_queue *queue); /* clears them all; a queued one stays cleared */
bool timers_has(const struct timers *timers, int32_t id);
/* Delay and period in ms, already checked. false: no memory. */
bool timers_set(struct timers *timers, struct timer_queue *queue, int32_t id, uint64_t due_ns,
                uint64_t period_ns);
void timers_clear(struct timers *timers, struct timer_queue *queue, int32_t id);
struct timer_due {
    uint64_t due_ns;
    int32_t id;
    uint32_t sequence;
};

/* Up to `max` timers that are due at `now_ns` and not queued, earliest first: to be queued by the
 * caller. They are set to their next time; periods that are missed meanwhile collapse. Returns how
 * many. */
size_t timers_due(struct timers *timers, struct timer_queue *queue, uint64_t now_ns,
                  struct timer_due *ret_due, size_t max);
/* What timers_due() gave could not be queued: it is due again at `due_ns`. */
void timers_postpone(struct timers *timers, struct timer_queue *queue, int32_t id, uint64_t due_ns);
/* A queued timer comes to its turn. true: call it. false: it was cleared or set again. */
bool timers_dispatch(struct timers *timers, struct timer_queue *queue, int32_t id,
                     uint32_t sequence);
struct timers *timer_queue_first(const struct timer_queue *queue); /* NULL: empty */
void timer_queue_done(struct timer_queue *queue);

#endif
