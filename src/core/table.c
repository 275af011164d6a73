/* SPDX-License-Identifier: Apache-2.0 */
/* table.c -- see table.h. */
#include "core/table.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "core/artefact.h"
#include "core/call.h"
#include "core/room.h"
#include "engine/engine.h"

static uint32_t table_slots(const struct table *table) {
    return table->max + 1;
}

bool table_init(struct table *table, uint32_t max, size_t size_max) {
    *table = (struct table){.max = max, .size_max = size_max};
    list_init(&table->waiting);
    table->entries = mem_zalloc(table_slots(table) * sizeof(struct module *));
    return table->entries != NULL;
}

static void module_free(struct module *module) {
    if (!module) return;
    engine_module_close(module->code);
    mem_free((void *)(uintptr_t)module->lines.data);
    mem_free(module);
}

void table_stop(struct table *table) {
    for (uint32_t i = 0; table->entries && i < table_slots(table); i++)
        if (table->entries[i]) table->entries[i]->evicting = false;
    while (list_pop_front(&table->waiting)) continue; /* nobody is told that there is no place */
}

void table_done(ramp_host *host) {
    struct table *table = &host->table;

    for (uint32_t i = 0; table->entries && i < table_slots(table); i++)
        module_free(table->entries[i]);
    mem_free(table->entries);
    table->entries = NULL;
}

struct module *table_find(const struct table *table, const ramp_module_id *id) {
    for (uint32_t i = 0; i < table_slots(table); i++) {
        struct module *module = table->entries[i];
        if (module && memcmp(&module->id, id, sizeof(*id)) == 0) return module;
    }
    return NULL;
}

void table_touch(ramp_host *host, struct module *module) {
    module->last_request_ns = host->now_ns;
    module->request_number = ++host->table.request_number;
}

uint32_t table_pinned_count(const struct table *table) {
    uint32_t count = 0;

    for (uint32_t i = 0; i < table_slots(table); i++)
        count += table->entries[i] && table->entries[i]->pin_count > 0;
    return count;
}

/* ---- eviction ------------------------------------------------------------------------------ */

static struct module *table_least_recent(const struct table *table) {
    struct module *least = NULL;

    for (uint32_t i = 0; i < table_slots(table); i++) {
        struct module *module = table->entries[i];
        if (!module || module->evicting || module->pin_count > 0) continue;
        if (!least || module->request_number < least->request_number) least = module;
    }
    return least;
}

static void table_drop(ramp_host *host, struct module *module) {
    struct table *table = &host->table;

    assert(module->room_count == 0);
    for (uint32_t i = 0; i < table_slots(table); i++)
        if (table->entries[i] == module) table->entries[i] = NULL;
    table->count--;
    table->size -= module->size;
    host->evictions++;
    list_each(&module->services, node, following) {
        struct service *service = list_item(node, struct service, in_module);
        list_remove(&service->in_module);
        service->module = NULL;
        service_release(service);
    }
    module_free(module);
}

void table_release(ramp_host *host, struct module *module) {
    /* An old version that made way for a new one in the extra slot has no further use. */
    bool is_extra = host->table.count > host->table.max && list_empty(&module->services);

    if (module->room_count > 0 || module->pin_count > 0 || !(module->evicting || is_extra)) return;
    table_drop(host, module);
    service_retry_queued(host);
}

void table_keep(ramp_host *host, struct module *module) {
    if (!module->evicting) return;
    module->evicting = false;
    service_retry_queued(host);
}

/* Ends the rooms of the entry that was requested least recently; when the last has gone, so has the
 * entry. false: every entry is in use. */
static bool table_evict(ramp_host *host) {
    struct module *module = table_least_recent(&host->table);

    if (!module) return false;
    module->evicting = true;
    if (module->room_count == 0) {
        table_drop(host, module);
        return true;
    }
    list_each(&module->rooms, node, following) room_end(list_item(node, struct room, in_module));
    return true;
}

/* true: there is a slot for `size` more bytes. */
static bool table_has_room(const struct table *table, size_t size) {
    return table->count < table->max &&
           (table->count == 0 || table->size + size <= table->size_max);
}

static uint32_t table_evicting_count(const struct table *table) {
    uint32_t count = 0;

    for (uint32_t i = 0; i < table_slots(table); i++)
        count += table->entries[i] && table->entries[i]->evicting;
    return count;
}

static uint32_t table_waiting_count(const struct table *table) {
    uint32_t count = 0;

    for (struct list *node = table->waiting.next; node != &table->waiting; node = node->next)
        count++;
    return count;
}

/* An entry is about to go, or in use by calls that end soon. */
static bool table_has_busy(const struct table *table) {
    for (uint32_t i = 0; i < table_slots(table); i++)
        if (table->entries[i] && table->entries[i]->held_count == 0) return true;
    return false;
}

/* ---- entries ------------------------------------------------------------------------------- */

static void module_id_text(struct module *module) {
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < RAMP_MODULE_ID_SIZE; i++) {
        module->id_text[2 * i] = digits[module->id.bytes[i] >> 4];
        module->id_text[2 * i + 1] = digits[module->id.bytes[i] & 15];
    }
}

static ramp_status table_load(ramp_host *host, const ramp_load_answer *answer,
                              struct module **ret_module, ramp_error *reterr) {
    struct table *table = &host->table;
    struct module *module = mem_zalloc(sizeof(*module));
    struct artefact artefact = {0};
    ramp_status status;
    uint32_t at = 0;

    if (!module) return error_set(reterr, RAMP_NO_MEMORY, "no memory for a module");
    status = artefact_open(host, answer, &artefact, reterr);
    if (status) {
        mem_free(module);
        return status;
    }
    module->id = answer->id;
    module_id_text(module);
    module->code = artefact.code;
    module->can_save = host->options.states && engine_module_has(module->code, EXPORT_on_save);
    module->lines = artefact.lines;
    module->size = artefact.size;
    list_init(&module->services);
    list_init(&module->rooms);
    while (table->entries[at]) at++;
    table->entries[at] = module;
    table->count++;
    table->size += module->size;
    table_touch(host, module);
    *ret_module = module;
    return RAMP_OK;
}

ramp_status table_place(ramp_host *host, const ramp_load_answer *answer, bool is_switch,
                        struct module **ret_module, ramp_error *reterr) {
    struct table *table = &host->table;
    struct module *module = table_find(table, &answer->id);
    bool evicted = true;

    if (module) { /* also one that is about to go: the caller keeps it */
        table_touch(host, module);
        *ret_module = module;
        return RAMP_OK;
    }
    while (!table_has_room(table, answer->artefact.size)) {
        /* One eviction for each load that waits; entries without rooms go at once. */
        if (table_evicting_count(table) > table_waiting_count(table)) return RAMP_BUSY;
        evicted = table_evict(host);
        if (!evicted) break;
    }
    if (evicted) return table_load(host, answer, ret_module, reterr);
    if (table_evicting_count(table) > table_waiting_count(table)) return RAMP_BUSY;
    if (is_switch && table->count < table_slots(table))
        return table_load(host, answer, ret_module, reterr);
    if (table_has_busy(table)) return RAMP_BUSY;
    return error_set(reterr, RAMP_UNAVAILABLE,
                     "all %u slots of the module table hold rooms that cannot make way "
                     "(connections without onSave, timers); try again",
                     table->max);
}
