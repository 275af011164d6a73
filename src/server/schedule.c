/* SPDX-License-Identifier: Apache-2.0 */
/* schedule.c -- see schedule.h. */
#include "server/schedule.h"

#include "base/mem.h"

void schedule_done(struct schedule *schedule) {
    mem_free(schedule->entries);
    *schedule = (struct schedule){0};
}

bool schedule_add(struct schedule *schedule, const struct schedule_entry *entry) {
    size_t at = schedule->count;

    if (at == schedule->capacity) {
        size_t capacity = at ? at * 2 : 16;
        struct schedule_entry *entries = mem_resize(schedule->entries, capacity * sizeof(*entries));
        if (!entries) return false;
        schedule->entries = entries;
        schedule->capacity = capacity;
    }
    schedule->count++;
    while (at > 0 && schedule->entries[(at - 1) / 2].at_ns > entry->at_ns) {
        schedule->entries[at] = schedule->entries[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    schedule->entries[at] = *entry;
    return true;
}

uint64_t schedule_next_ns(const struct schedule *schedule) {
    return schedule->count ? schedule->entries[0].at_ns : UINT64_MAX;
}

static struct schedule_entry schedule_pop(struct schedule *schedule) {
    struct schedule_entry *entries = schedule->entries;
    struct schedule_entry first = entries[0], last = entries[--schedule->count];
    size_t count = schedule->count, at = 0, child;

    while ((child = 2 * at + 1) < count) {
        if (child + 1 < count && entries[child + 1].at_ns < entries[child].at_ns) child++;
        if (entries[child].at_ns >= last.at_ns) break;
        entries[at] = entries[child];
        at = child;
    }
    entries[at] = last;
    return first;
}

void schedule_run_due(struct schedule *schedule, uint64_t now_ns, struct worker *worker) {
    /* An entry that adds itself again for now must not keep us here for ever. */
    size_t most = schedule->count;

    while (most-- > 0 && schedule_next_ns(schedule) <= now_ns) {
        struct schedule_entry entry = schedule_pop(schedule);
        entry.run(worker, entry.argument);
    }
}
