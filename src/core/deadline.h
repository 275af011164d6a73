/* SPDX-License-Identifier: Apache-2.0 */
/* deadline.h -- things that become due by themselves, on the monotonic clock, in one heap of the host.
 *
 * Door:  deadline_set(), deadline_clear(); host.c calls `due` inside ramp_host_step().
 * Not here: a room's timers (timers.h), of which there may be a thousand per room.
 */
#ifndef CORE_DEADLINE_H
#define CORE_DEADLINE_H

#include "base/heap.h"
#include "core/host.h"

struct deadline {
    struct heap_node node; /* host->deadlines; key: monotonic ns */
    void (*due)(ramp_host *host, struct deadline *deadline); /* it is no longer set then */
};

static inline void deadline_set(ramp_host *host, struct deadline *deadline, uint64_t at_ns) {
    heap_update(&host->deadlines, &deadline->node, at_ns);
}

static inline void deadline_clear(ramp_host *host, struct deadline *deadline) {
    heap_remove(&host->deadlines, &deadline->node);
}

#endif
