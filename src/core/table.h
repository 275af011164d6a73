/* SPDX-License-Identifier: Apache-2.0 */
/* table.h -- the module table: a fixed number of slots, least recently requested out first.
 *
 * Door:   table_place() finds or makes the entry of a loaded version; table_touch() notes a request.
 * Before: service.c, which has an answer of the store.
 * After:  engine.h (code), room.c (rooms of an entry that is to go make way first).
 *
 * An entry is one SHA-256, possibly of several services. It can go if all its rooms are quiet, and those
 * with connections can save: they keep them, and open again when something happens. A load waits for
 * entries that are only busy for a moment; if none can go, the table answers RAMP_UNAVAILABLE: it never
 * grows. One slot more is kept for new versions of services that are in it: it is empty again when the
 * old version's rooms have changed over.
 */
#ifndef CORE_TABLE_H
#define CORE_TABLE_H

#include <ramp/driver.h>

#include "base/list.h"

struct engine_module;

struct module {
    ramp_module_id id;
    char id_text[2 * RAMP_MODULE_ID_SIZE + 1];
    struct engine_module *code;
    bool can_save;            /* it has on_save, and there is somewhere to put a state */
    ramp_bytes lines;         /* its ramp.lines section; owned */
    size_t size;              /* bytes of the artefact */
    uint64_t last_request_ns; /* monotonic: the latest call */
    uint64_t request_number;  /* orders requests within one clock reading */
    struct list services;     /* service.in_module */
    struct list rooms;        /* room.in_module */
    uint32_t room_count;
    uint32_t pin_count;     /* of these, rooms that must not be ended now */
    uint32_t held_count;    /* of these, rooms that will not let go soon by themselves */
    uint32_t clean_calls;   /* calls without a used-up slice, until it is promoted */
    bool promoted, demoted; /* may take the unchecked path; never may again */
    bool evicting;          /* its rooms are being ended */
};

struct table {
    struct module **entries; /* `max` of them, and one for switches; NULL: free */
    uint32_t max, count;
    size_t size, size_max; /* bytes of artefacts */
    uint64_t request_number;
    struct list waiting; /* services that wait for a slot, first come first served */
    bool retry;          /* an entry that could not go can go now: those may try again */
};

RAMP_CHECK bool table_init(struct table *table, uint32_t max, size_t size_max);
/* The host is being freed: nothing is loaded or evicted any more. */
void table_stop(struct table *table);
void table_done(ramp_host *host); /* after all rooms and services */
struct module *table_find(const struct table *table, const ramp_module_id *id);
/* Makes an entry of what the store answered; `is_switch`: for a service that has one already.
 * RAMP_BUSY: an eviction is under way, or an entry is in use for a moment only: try again when a slot is
 * free, or `retry` is set. RAMP_UNAVAILABLE: every entry is in use for longer. Else as loading went. */
RAMP_CHECK ramp_status table_place(ramp_host *host, const ramp_load_answer *answer, bool is_switch,
                                   struct module **ret_module, ramp_error *reterr);
void table_touch(ramp_host *host, struct module *module);
/* The entry has lost a room or a service: frees it if it is to go and empty. */
void table_release(ramp_host *host, struct module *module);
/* The entry is in use again: if it is being evicted, another has to go. */
void table_keep(ramp_host *host, struct module *module);
/* One pin less: what waits for a place may try again, if it was the last. */
static inline void table_unpin(struct table *table, struct module *module) {
    if (--module->pin_count == 0) table->retry = true;
}
uint32_t table_pinned_count(const struct table *table);

#endif
