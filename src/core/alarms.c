/* SPDX-License-Identifier: Apache-2.0 */
/* alarms.c -- see alarms.h. */
#include "core/alarms.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "core/room.h"

#define MS UINT64_C(1000000)

enum { POSTPONE_MS = 2000, POSTPONE_DOUBLINGS = 5, LOOK_AGAIN_MS = 1000 };

struct alarm {
    struct heap_node node; /* alarms->due; not in it: the room has been rung */
    uint32_t failures;
    uint32_t postponed; /* times in a row */
    size_t size;
    char name[]; /* service, NUL, room, NUL */
};

static const char *alarm_room(const struct alarm *alarm) {
    return alarm->name + strlen(alarm->name) + 1;
}

/* ---- one alarm ----------------------------------------------------------------------------- */

static size_t name_size(const char *service, const char *room) {
    return strlen(service) + 1 + strlen(room) + 1;
}

static void name_write(char *name, const char *service, const char *room) {
    size_t size = strlen(service) + 1;

    memcpy(name, service, size);
    memcpy(name + size, room, strlen(room) + 1);
}

static struct alarm *alarm_find(const struct alarms *alarms, const char *service,
                                const char *room) {
    char name[LIMIT_SERVICE_NAME + LIMIT_ROOM_ID + 2];
    size_t size = name_size(service, room);

    if (size > sizeof(name)) return NULL;
    name_write(name, service, room);
    return map_get(&alarms->rooms, name, size);
}

static void alarm_drop(struct alarms *alarms, struct alarm *alarm) {
    heap_remove(&alarms->due, &alarm->node);
    map_remove(&alarms->rooms, alarm->name, alarm->size);
    mem_free(alarm);
}

/* Without memory there is none; the next scan brings it. */
static struct alarm *alarm_get(struct alarms *alarms, const char *service, const char *room) {
    struct alarm *alarm = alarm_find(alarms, service, room);
    size_t size = name_size(service, room);

    if (alarm) return alarm;
    alarm = mem_zalloc(sizeof(*alarm) + size);
    if (!alarm) return NULL;
    name_write(alarm->name, service, room);
    alarm->size = size;
    if (map_put(&alarms->rooms, alarm->name, size, alarm)) return alarm;
    mem_free(alarm);
    return NULL;
}

/* Beyond the next scan but one, the db keeps it for us. */
static int64_t horizon_ms(const ramp_host *host) {
    return host_wall_ms(host) + 2 * (int64_t)LIMIT_ALARM_SCAN_MS;
}

void alarms_set(ramp_host *host, const char *service, const char *room, int64_t at_ms) {
    struct alarms *alarms = &host->alarms;
    struct alarm *alarm;

    if (at_ms == 0 || at_ms > horizon_ms(host)) {
        alarm = alarm_find(alarms, service, room);
        if (alarm) alarm_drop(alarms, alarm);
        return;
    }
    alarm = alarm_get(alarms, service, room);
    if (!alarm) return;
    alarm->failures = alarm->postponed = 0;
    heap_update(&alarms->due, &alarm->node, (uint64_t)at_ms);
}

bool alarms_retry(ramp_host *host, const char *service, const char *room) {
    static const uint16_t delays_s[LIMIT_ALARM_RETRIES] = {2, 8, 30, 120, 300, 600};
    struct alarm *alarm = alarm_get(&host->alarms, service, room);

    if (!alarm) return true;
    alarm->postponed = 0;
    if (alarm->failures >= LIMIT_ALARM_RETRIES) return false;
    heap_update(&host->alarms.due, &alarm->node,
                (uint64_t)host_wall_ms(host) + delays_s[alarm->failures++] * UINT64_C(1000));
    return true;
}

/* After 2 s, and after twice as long each time, up to a minute. */
static void alarm_postpone(ramp_host *host, struct alarm *alarm) {
    uint64_t wait_ms = (uint64_t)POSTPONE_MS << alarm->postponed;

    if (alarm->postponed < POSTPONE_DOUBLINGS) alarm->postponed++;
    heap_update(&host->alarms.due, &alarm->node, (uint64_t)host_wall_ms(host) + wait_ms);
}

void alarms_postpone(ramp_host *host, const char *service, const char *room) {
    struct alarm *alarm = alarm_get(&host->alarms, service, room);

    if (alarm) alarm_postpone(host, alarm);
}

/* ---- what the db knows ----------------------------------------------------------------------- */

static void scan_page(ramp_host *host, const ramp_alarm *after);

static void scan_done(ramp_host *host, struct request *request, struct answer *answer) {
    const ramp_answer *page = &answer->answer;

    (void)request;
    if (page->status) host_log(host, 2, "", "", "cannot read the rooms' alarms: %s", page->message);
    for (size_t i = 0; i < page->alarm_count && !page->status; i++) {
        const ramp_alarm *at = &page->alarms[i];
        if (host->options.owns_room &&
            !host->options.owns_room(host->options.context, at->service, at->room))
            continue;
        /* One that is known is known better: a call may have set it since. */
        if (!alarm_find(&host->alarms, at->service, at->room))
            alarms_set(host, at->service, at->room, at->at_ms);
    }
    if (!page->status && page->more && page->alarm_count > 0)
        scan_page(host, &page->alarms[page->alarm_count - 1]);
    answer_free(answer);
}

static void scan_page(ramp_host *host, const ramp_alarm *after) {
    const ramp_db *db = host->options.db;
    ramp_ticket ticket = request_begin(host, &host->alarms.request, scan_done);

    if (ticket)
        db->alarms(db->context, host, ticket, host->alarms.until_ms, after, LIMIT_ALARM_PAGE);
}

static void alarms_scan(ramp_host *host) {
    struct alarms *alarms = &host->alarms;

    if (alarms->scan_ns > host->now_ns) return;
    alarms->scan_ns = host->now_ns + LIMIT_ALARM_SCAN_MS * MS;
    if (request_is_open(&alarms->request)) return; /* the db is slow: it is still at the last one */
    alarms->until_ms = horizon_ms(host);
    scan_page(host, NULL);
}

/* ---- ringing ------------------------------------------------------------------------------- */

void alarms_step(ramp_host *host) {
    struct alarms *alarms = &host->alarms;
    struct heap_node *node;

    if (!host->options.db || host->stop_stage >= RAMP_STOP_ROOMS) return;
    alarms_scan(host);
    while ((node = heap_first(&alarms->due)) && node->key <= (uint64_t)host_wall_ms(host)) {
        struct alarm *alarm = heap_item(node, struct alarm, node);
        heap_remove(&alarms->due, node);
        if (!room_ring(host, alarm->name, alarm_room(alarm))) alarm_postpone(host, alarm);
    }
}

/* The wall clock may be set: it is looked at now and then. */
uint64_t alarms_deadline(const ramp_host *host) {
    const struct heap_node *node = heap_first(&host->alarms.due);
    int64_t now_ms = host_wall_ms(host), wait_ms = LOOK_AGAIN_MS;
    uint64_t due_ns;

    if (!host->options.db || host->stop_stage >= RAMP_STOP_ROOMS) return UINT64_MAX;
    due_ns = host->alarms.scan_ns;
    if (!node) return due_ns;
    if ((int64_t)node->key < now_ms + wait_ms) wait_ms = (int64_t)node->key - now_ms;
    if (wait_ms < 0) wait_ms = 0;
    if (host->now_ns + (uint64_t)wait_ms * MS < due_ns)
        due_ns = host->now_ns + (uint64_t)wait_ms * MS;
    return due_ns;
}

/* ---- life ---------------------------------------------------------------------------------- */

void alarms_init(ramp_host *host, uint64_t seed) {
    host->alarms = (struct alarms){0};
    map_init(&host->alarms.rooms, seed);
}

void alarms_done(ramp_host *host) {
    struct alarms *alarms = &host->alarms;
    ramp_ticket ticket = request_forget(host, &alarms->request);
    size_t index = 0;

    if (ticket && host->options.db->cancel)
        host->options.db->cancel(host->options.db->context, ticket);
    for (struct map_entry *entry; (entry = map_next(&alarms->rooms, &index)); index = 0)
        alarm_drop(alarms, entry->value);
    map_done(&alarms->rooms);
}
