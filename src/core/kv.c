/* SPDX-License-Identifier: Apache-2.0 */
/* kv.c -- see kv.h. */
#include "core/kv.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define MS ((uint64_t)1000000)

/* A flat key: service, NUL, scope, room, NUL, key. Names have no NUL, so no two are the same. */
#define NAME_SIZE_MAX (LIMIT_SERVICE_NAME + LIMIT_ROOM_ID + LIMIT_KEY_SIZE + 3)

struct kv_name {
    size_t size, key_index;
    char bytes[NAME_SIZE_MAX];
};

/* What a service has of the buffer. */
struct kv_share {
    size_t uses; /* entries that point here */
    size_t size; /* bytes: reserved and pending */
    size_t name_size;
    char name[];
};

struct kv_entry {
    struct list in_queue;   /* kv->dirty or kv->recent */
    struct list in_flight;  /* kv->flying */
    struct list reserved;   /* values */
    struct kv_value *value; /* the newest that has left or was learned; NULL: none */
    struct kv_share *share; /* while something is reserved or pending */
    struct kv_account *account;
    size_t charged;          /* bytes in the account */
    uint64_t written_ns;     /* of the latest write; 0: none */
    uint64_t fresh_ns;       /* clean: when the backend was known to have it */
    uint64_t first_sequence; /* dirty: of the oldest write that is not flying */
    uint64_t first_ns;
    uint64_t flying_sequence; /* flying: of the oldest write */
    uint64_t flying_ns;
    bool is_dirty, is_flying;
    size_t name_size, key_index;
    char name[];
};

/* An entry with an empty value: its objects, and its part of a map that is half full. */
enum {
    ENTRY_COST = sizeof(struct kv_entry) + sizeof(struct kv_value) + 2 * sizeof(struct map_entry)
};

void kv_init(struct kv *kv, const struct kv_options *options) {
    *kv = (struct kv){.driver = options->driver,
                      .next_ticket = options->next_ticket,
                      .buffer_max = options->buffer_max ? options->buffer_max : LIMIT_KV_BUFFER,
                      .cache_max = options->cache_max ? options->cache_max : LIMIT_KV_CACHE};
    map_init(&kv->entries, options->seed);
    map_init(&kv->shares, options->seed);
    list_init(&kv->dirty);
    list_init(&kv->flying);
    list_init(&kv->recent);
}

/* ---- names ----------------------------------------------------------------------------------- */

static void name_make(struct kv_name *name, const ramp_kv_key *key) {
    const char *room = key->room ? key->room : "";
    size_t service_size = strlen(key->service), room_size = strlen(room);
    char *at = name->bytes;

    assert(service_size <= LIMIT_SERVICE_NAME && room_size <= LIMIT_ROOM_ID);
    assert(key->key.size <= LIMIT_KEY_SIZE);
    memcpy(at, key->service, service_size + 1);
    at += service_size + 1;
    *at++ = key->room ? 'r' : 's';
    memcpy(at, room, room_size + 1);
    at += room_size + 1;
    name->key_index = (size_t)(at - name->bytes);
    memcpy(at, key->key.data, key->key.size);
    name->size = name->key_index + key->key.size;
}

static const char *entry_scope(const struct kv_entry *entry) {
    return entry->name + strlen(entry->name) + 1;
}

static bool entry_is_shared(const struct kv_entry *entry) {
    return *entry_scope(entry) == 's';
}

static ramp_kv_key entry_key(const struct kv_entry *entry) {
    return (ramp_kv_key){
        .service = entry->name,
        .room = entry_is_shared(entry) ? NULL : entry_scope(entry) + 1,
        .key = {entry->name + entry->key_index, entry->name_size - entry->key_index}};
}

/* ---- entries --------------------------------------------------------------------------------- */

static bool entry_is_pending(const struct kv_entry *entry) {
    return entry->is_dirty || entry->is_flying;
}

/* Puts the cost of an entry where it belongs now. */
static void kv_charge(struct kv *kv, struct kv_entry *entry) {
    if (entry->account) {
        entry->account->count--;
        entry->account->size -= entry->charged;
        if (entry->account == &kv->pending) entry->share->size -= entry->charged;
    }
    entry->account = entry_is_pending(entry) ? &kv->pending : entry->value ? &kv->cached : NULL;
    if (!entry->account) return;
    entry->charged = ENTRY_COST + entry->name_size + entry->value->size;
    entry->account->count++;
    entry->account->size += entry->charged;
    if (entry->account == &kv->pending) entry->share->size += entry->charged;
}

static void kv_drop_share(struct kv *kv, struct kv_entry *entry) {
    struct kv_share *share = entry->share;

    entry->share = NULL;
    if (!share || --share->uses) return;
    assert(share->size == 0);
    map_remove(&kv->shares, share->name, share->name_size);
    mem_free(share);
}

/* Forgets a clean entry's value, and the entry unless something is reserved there. */
static void kv_forget(struct kv *kv, struct kv_entry *entry) {
    assert(!entry_is_pending(entry));
    if (entry->written_ns > kv->forgotten_ns) kv->forgotten_ns = entry->written_ns;
    mem_free(entry->value);
    entry->value = NULL;
    kv_charge(kv, entry);
    list_remove(&entry->in_queue);
    if (!list_empty(&entry->reserved)) return;
    kv_drop_share(kv, entry);
    map_remove(&kv->entries, entry->name, entry->name_size);
    mem_free(entry);
}

/* An entry that may have become clean is cached, or forgotten. */
static void kv_rest(struct kv *kv, struct kv_entry *entry) {
    if (entry_is_pending(entry)) return;
    if (!entry->value) {
        kv_forget(kv, entry);
        return;
    }
    if (list_empty(&entry->reserved)) kv_drop_share(kv, entry);
    list_remove(&entry->in_queue);
    list_push_back(&kv->recent, &entry->in_queue);
    while (kv->cached.size > kv->cache_max)
        kv_forget(kv, list_item(kv->recent.next, struct kv_entry, in_queue));
}

static struct kv_entry *kv_find(const struct kv *kv, const struct kv_name *name) {
    return map_get(&kv->entries, name->bytes, name->size);
}

/* The entry of a key; a new one is in no list and knows nothing: kv_rest() it. NULL: no memory. */
static struct kv_entry *kv_get_entry(struct kv *kv, const ramp_kv_key *key) {
    struct kv_name name;
    struct kv_entry *entry;

    name_make(&name, key);
    entry = kv_find(kv, &name);
    if (entry) return entry;
    entry = mem_alloc(sizeof(*entry) + name.size);
    if (!entry) return NULL;
    *entry = (struct kv_entry){.name_size = name.size, .key_index = name.key_index};
    memcpy(entry->name, name.bytes, name.size);
    list_init(&entry->in_queue);
    list_init(&entry->in_flight);
    list_init(&entry->reserved);
    if (!map_put(&kv->entries, entry->name, entry->name_size, entry)) {
        mem_free(entry);
        return NULL;
    }
    return entry;
}

/* Gives an entry its service's share. false: no memory. */
static bool kv_get_share(struct kv *kv, struct kv_entry *entry) {
    size_t size = strlen(entry->name);
    struct kv_share *share;

    if (entry->share) return true;
    share = map_get(&kv->shares, entry->name, size);
    if (!share) {
        share = mem_alloc(sizeof(*share) + size);
        if (!share) return false;
        *share = (struct kv_share){.name_size = size};
        memcpy(share->name, entry->name, size);
        if (!map_put(&kv->shares, share->name, size, share)) {
            mem_free(share);
            return false;
        }
    }
    share->uses++;
    entry->share = share;
    return true;
}

static struct kv_value *value_new(struct kv_entry *entry, ramp_bytes bytes, int64_t expires_ms,
                                  bool is_absent) {
    size_t size = is_absent ? 0 : bytes.size;
    struct kv_value *value = mem_alloc(sizeof(*value) + size);

    if (!value) return NULL;
    *value = (struct kv_value){
        .entry = entry, .expires_ms = expires_ms, .is_absent = is_absent, .size = size};
    list_init(&value->in_batch);
    list_init(&value->in_entry);
    if (size) memcpy(value->bytes, bytes.data, size);
    return value;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The newest value of the entry that `room` may see. NULL: not known, or known too long. */
static const struct kv_value *entry_value(const struct kv_entry *entry, const void *room,
                                          uint64_t now_ns) {
    for (struct list *node = entry->reserved.previous; node != &entry->reserved;
         node = node->previous) {
        struct kv_value *value = list_item(node, struct kv_value, in_entry);
        if (value->room == room) return value;
    }
    if (!entry_is_pending(entry) && entry_is_shared(entry) &&
        now_ns - entry->fresh_ns >= LIMIT_KV_STALE_MS * MS)
        return NULL;
    return entry->value;
}

enum kv_known kv_look(struct kv *kv, const void *room, const ramp_kv_key *key, struct kv_now now,
                      ramp_bytes *ret_value) {
    struct kv_name name;
    struct kv_entry *entry;
    const struct kv_value *value;

    name_make(&name, key);
    entry = kv_find(kv, &name);
    value = entry ? entry_value(entry, room, now.ns) : NULL;
    if (!value) {
        kv->misses++;
        return KV_UNKNOWN;
    }
    kv->hits++;
    if (entry->value && !entry_is_pending(entry)) {
        list_remove(&entry->in_queue);
        list_push_back(&kv->recent, &entry->in_queue);
    }
    if (value->is_absent || (value->expires_ms && now.wall_ms >= value->expires_ms))
        return KV_ABSENT;
    *ret_value = (ramp_bytes){value->bytes, value->size};
    return KV_FOUND;
}

/* May what the backend said at `asked_ns` or later replace what the entry has? */
static bool entry_may_learn(const struct kv *kv, const struct kv_entry *entry, uint64_t asked_ns) {
    if (entry_is_pending(entry)) return false;
    if (entry->value) return entry->fresh_ns < asked_ns;
    /* A write that was forgotten since may have been one of this key. */
    return !kv->forgotten_ns || kv->forgotten_ns < asked_ns;
}

void kv_learn(struct kv *kv, const ramp_kv_key *key, const ramp_answer *answer, uint64_t asked_ns) {
    struct kv_entry *entry;
    struct kv_value *value;

    if (answer->status != RAMP_OK && answer->status != RAMP_NOT_FOUND) return;
    entry = kv_get_entry(kv, key);
    if (!entry) return;
    if (entry_may_learn(kv, entry, asked_ns)) {
        value = value_new(entry, answer->value, answer->expires_ms, answer->status != RAMP_OK);
        if (value) {
            mem_free(entry->value);
            entry->value = value;
            entry->fresh_ns = asked_ns;
            kv_charge(kv, entry);
        }
    }
    kv_rest(kv, entry);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* What a reserved value will cost at most once it is written. */
static size_t value_cost(const struct kv_value *value) {
    return ENTRY_COST + value->entry->name_size + value->size;
}

/* A service may have as much of the buffer as stays free for all others: one alone gets half. */
static bool kv_has_room(const struct kv *kv, const struct kv_share *share, size_t cost) {
    size_t taken = kv->pending.size + kv->reserved.size;

    return taken + cost <= kv->buffer_max && share->size + cost <= kv->buffer_max - taken - cost;
}

struct kv_value *kv_reserve(struct kv *kv, const void *room, const ramp_kv_write *write) {
    struct kv_entry *entry;
    struct kv_value *value = NULL;

    if (!kv->driver) return NULL;
    entry = kv_get_entry(kv, &write->key);
    if (!entry) return NULL;
    if (!kv_get_share(kv, entry)) goto out;
    if (!kv_has_room(kv, entry->share,
                     ENTRY_COST + entry->name_size + (write->is_delete ? 0 : write->value.size)))
        goto out;
    value =
        value_new(entry, write->value, write->is_delete ? 0 : write->expires_ms, write->is_delete);
    if (!value) goto out;
    value->room = room;
    list_push_back(&entry->reserved, &value->in_entry);
    kv->reserved.count++;
    kv->reserved.size += value_cost(value);
    entry->share->size += value_cost(value);

out:
    kv_rest(kv, entry);
    return value;
}

/* Takes a value out of what is reserved. */
static void kv_release(struct kv *kv, struct kv_value *value) {
    list_remove(&value->in_entry);
    list_remove(&value->in_batch);
    kv->reserved.count--;
    kv->reserved.size -= value_cost(value);
    value->entry->share->size -= value_cost(value);
}

void kv_unreserve(struct kv *kv, struct kv_value *value) {
    struct kv_entry *entry = value->entry;

    kv_release(kv, value);
    mem_free(value);
    kv_rest(kv, entry);
}

void kv_write(struct kv *kv, struct kv_value *value, uint64_t now_ns) {
    struct kv_entry *entry = value->entry;

    kv_release(kv, value);
    mem_free(entry->value);
    entry->value = value;
    entry->written_ns = now_ns;
    kv->sequence++;
    if (!entry->is_dirty) {
        entry->is_dirty = true;
        entry->first_sequence = kv->sequence;
        entry->first_ns = now_ns;
        list_remove(&entry->in_queue);
        list_push_back(&kv->dirty, &entry->in_queue);
    }
    kv_charge(kv, entry);
}

uint64_t kv_mark(const struct kv *kv) {
    return kv->sequence;
}

/* The oldest write that is not acknowledged is at the front of one of the two lists. */
bool kv_is_synced(const struct kv *kv, uint64_t mark) {
    if (!list_empty(&kv->flying) &&
        list_item(kv->flying.next, struct kv_entry, in_flight)->flying_sequence <= mark)
        return false;
    return list_empty(&kv->dirty) ||
           list_item(kv->dirty.next, struct kv_entry, in_queue)->first_sequence > mark;
}

void kv_hurry(struct kv *kv) {
    kv->hurry = kv->sequence;
}

/* ---- handing over ---------------------------------------------------------------------------- */

uint64_t kv_deadline(const struct kv *kv) {
    const struct kv_entry *first;
    uint64_t due_ns = 0;

    if (kv->ticket) return kv->flight_ns + LIMIT_KV_WRITE_MS * MS;
    if (list_empty(&kv->dirty)) return UINT64_MAX;
    first = list_item(kv->dirty.next, struct kv_entry, in_queue);
    /* Nothing is flying, so all that is pending is dirty. */
    if (first->first_sequence > kv->hurry && kv->pending.count < LIMIT_KV_FLUSH_KEYS &&
        kv->pending.size < LIMIT_KV_FLUSH_BYTES)
        due_ns = first->first_ns + LIMIT_KV_FLUSH_MS * MS;
    return due_ns > kv->retry_ns ? due_ns : kv->retry_ns;
}

static void kv_fly(struct kv *kv, struct kv_entry *entry) {
    list_remove(&entry->in_queue);
    list_push_back(&kv->flying, &entry->in_flight);
    entry->is_dirty = false;
    entry->is_flying = true;
    entry->flying_sequence = entry->first_sequence;
    entry->flying_ns = entry->first_ns;
}

/* Takes from the front of the dirty ones what goes at once; returns how many. */
static size_t kv_gather(struct kv *kv) {
    size_t count = 0, size = 0;

    list_each(&kv->dirty, node, following) {
        struct kv_entry *entry = list_item(node, struct kv_entry, in_queue);
        const struct kv_value *value = entry->value;
        size += entry->charged;
        if (count == LIMIT_KV_FLUSH_KEYS || (count && size > LIMIT_KV_FLUSH_BYTES)) break;
        kv->writes[count++] = (ramp_kv_write){.key = entry_key(entry),
                                              .value = {value->bytes, value->size},
                                              .expires_ms = value->expires_ms,
                                              .is_delete = value->is_absent};
        kv_fly(kv, entry);
    }
    return count;
}

/* What was under way is at the front of the queue again, in its order; newer values of the same keys go
 * in its place. */
static void kv_land_failed(struct kv *kv, ramp_status status, const char *message,
                           uint64_t now_ns) {
    uint64_t delay_ms = LIMIT_KV_RETRY_MS_MIN;

    while (!list_empty(&kv->flying)) {
        struct kv_entry *entry = list_item(kv->flying.previous, struct kv_entry, in_flight);
        list_remove(&entry->in_flight);
        list_remove(&entry->in_queue);
        list_push_front(&kv->dirty, &entry->in_queue);
        entry->is_flying = false;
        entry->is_dirty = true;
        entry->first_sequence = entry->flying_sequence;
        entry->first_ns = entry->flying_ns;
    }
    error_set(&kv->failure, status, "%s", message && *message ? message : ramp_status_text(status));
    for (uint32_t i = 0; i < kv->failures && delay_ms < LIMIT_KV_RETRY_MS_MAX; i++) delay_ms *= 2;
    if (delay_ms > LIMIT_KV_RETRY_MS_MAX) delay_ms = LIMIT_KV_RETRY_MS_MAX;
    kv->failures++;
    kv->retry_ns = now_ns + delay_ms * MS;
}

static void kv_land(struct kv *kv, uint64_t now_ns) {
    struct list *node;

    while ((node = list_pop_front(&kv->flying))) {
        struct kv_entry *entry = list_item(node, struct kv_entry, in_flight);
        entry->is_flying = false;
        kv->written++;
        if (now_ns - entry->flying_ns > LIMIT_KV_LATE_MS * MS) kv->late++;
        entry->fresh_ns = kv->flight_ns; /* another host may have written since then */
        kv_charge(kv, entry);
        kv_rest(kv, entry);
    }
    kv->failures = 0;
}

void kv_step(struct kv *kv, ramp_host *host, uint64_t now_ns) {
    size_t count;

    if (kv_deadline(kv) > now_ns) return;
    if (kv->ticket) {
        ramp_ticket ticket = kv->ticket;
        kv->ticket = 0;
        if (kv->driver->cancel) kv->driver->cancel(kv->driver->context, ticket);
        kv_land_failed(kv, RAMP_TIMEOUT, "the kv backend did not acknowledge in time", now_ns);
        return;
    }
    count = kv_gather(kv);
    kv->flight_ns = now_ns;
    kv->ticket = (*kv->next_ticket)++;
    kv->driver->write(kv->driver->context, host, kv->ticket, kv->writes, count);
}

bool kv_answer(struct kv *kv, ramp_ticket ticket, const ramp_answer *answer, uint64_t now_ns) {
    if (!ticket || ticket != kv->ticket) return false;
    kv->ticket = 0;
    if (answer->status == RAMP_OK) kv_land(kv, now_ns);
    else kv_land_failed(kv, answer->status, answer->message, now_ns);
    return true;
}

size_t kv_done(struct kv *kv) {
    size_t lost = kv->pending.count, index = 0;

    if (kv->ticket && kv->driver->cancel) kv->driver->cancel(kv->driver->context, kv->ticket);
    kv->ticket = 0;
    for (struct map_entry *at; (at = map_next(&kv->entries, &index));) {
        struct kv_entry *entry = at->value;
        assert(list_empty(&entry->reserved));
        entry->is_dirty = entry->is_flying = false;
        mem_free(entry->value);
        entry->value = NULL;
        kv_charge(kv, entry);
        kv_drop_share(kv, entry);
        mem_free(entry);
    }
    map_done(&kv->entries);
    map_done(&kv->shares);
    list_init(&kv->dirty);
    list_init(&kv->flying);
    list_init(&kv->recent);
    return lost;
}
