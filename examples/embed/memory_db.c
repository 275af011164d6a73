/* SPDX-License-Identifier: Apache-2.0 */
/* memory_db.c -- see memory_db.h. Text values only, of at most 255 bytes; lists are empty. */
#include "memory_db.h"

#include <stdio.h>
#include <string.h>

static struct memory_row *find(struct memory_db *db, const char *service, const char *room,
                               ramp_bytes key) {
    char name[MEMORY_DB_TEXT];
    snprintf(name, sizeof(name), "%s/%s", service, room);
    for (size_t i = 0; i < db->row_count; i++)
        if (strcmp(db->rows[i].room, name) == 0 && strlen(db->rows[i].key) == key.size &&
            memcmp(db->rows[i].key, key.data, key.size) == 0)
            return &db->rows[i];
    return NULL;
}

static struct memory_row *make(struct memory_db *db, const char *service, const char *room,
                               ramp_bytes key) {
    struct memory_row *row = find(db, service, room, key);
    if (row || db->row_count == MEMORY_DB_ROWS || key.size >= MEMORY_DB_TEXT) return row;
    row = &db->rows[db->row_count++];
    snprintf(row->room, sizeof(row->room), "%s/%s", service, room);
    if (key.size) memcpy(row->key, key.data, key.size);
    return row;
}

/* An answer that is given later. A driver must answer everything: this one has room for as many as a host
 * of its size can ask. */
static struct memory_request *begin(struct memory_db *db, ramp_ticket ticket) {
    struct memory_request *request = &db->requests[db->request_count++ % MEMORY_DB_REQUESTS];
    *request = (struct memory_request){.ticket = ticket, .answer = {.size = sizeof(ramp_answer)}};
    return request;
}

static const ramp_bytes no_key = {"", 0};

static void head(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                 const char *room) {
    const struct memory_row *row = find(context, service, room, no_key);
    (void)host;
    struct memory_request *request = begin(context, ticket);
    if (row) request->answer.head = row->head;
}

static void get(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                const char *room, ramp_bytes key) {
    const struct memory_row *row = find(context, service, room, key);
    struct memory_request *request = begin(context, ticket);
    (void)host;
    request->answer.status = row && row->is_set ? RAMP_OK : RAMP_NOT_FOUND;
    if (!row) return;
    memcpy(request->value, row->value, row->size);
    request->answer.value = (ramp_bytes){request->value, row->size};
}

static void list(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                 const char *room, const ramp_db_range *range) {
    (void)host, (void)service, (void)room, (void)range;
    begin(context, ticket);
}

/* All or nothing: what does not fit is refused before anything is written. */
static ramp_status commit_rows(struct memory_db *db, const ramp_commit *commit, ramp_head *stored) {
    if (stored->number != commit->number - 1) return RAMP_CONFLICT;
    if (db->row_count + commit->write_count > MEMORY_DB_ROWS) return RAMP_TOO_BIG;
    for (size_t i = 0; i < commit->write_count; i++)
        if (commit->writes[i].key.size >= MEMORY_DB_TEXT ||
            commit->writes[i].value.size > MEMORY_DB_TEXT)
            return RAMP_TOO_BIG;
    for (size_t i = 0; i < commit->write_count; i++) {
        const ramp_db_write *write = &commit->writes[i];
        struct memory_row *row = make(db, commit->service, commit->room, write->key);
        row->is_set = !write->is_delete;
        row->size = write->is_delete ? 0 : write->value.size;
        if (row->size) memcpy(row->value, write->value.data, row->size);
    }
    stored->number = commit->number;
    stored->writer = commit->writer;
    if (commit->sets_alarm) stored->alarm_ms = commit->alarm_ms;
    return RAMP_OK;
}

static void commit(void *context, ramp_host *host, ramp_ticket ticket, const ramp_commit *commit) {
    struct memory_row *row = make(context, commit->service, commit->room, no_key);
    struct memory_request *request = begin(context, ticket);
    (void)host;
    request->answer.status = row ? commit_rows(context, commit, &row->head) : RAMP_TOO_BIG;
    request->answer.message = "the memory of this example is full";
    if (row) request->answer.head = row->head;
}

static void alarms(void *context, ramp_host *host, ramp_ticket ticket, int64_t until_ms,
                   const ramp_alarm *after, uint32_t limit) {
    (void)host, (void)until_ms, (void)after, (void)limit;
    begin(context, ticket); /* none: what is in memory does not outlive its host */
}

ramp_db memory_db_driver(struct memory_db *db) {
    return (ramp_db){.size = sizeof(ramp_db),
                     .context = db,
                     .head = head,
                     .get = get,
                     .list = list,
                     .commit = commit,
                     .alarms = alarms};
}

size_t memory_db_answer(struct memory_db *db, ramp_host *host) {
    size_t count = db->request_count;
    for (size_t i = 0; i < count; i++)
        ramp_complete(host, db->requests[i].ticket, &db->requests[i].answer);
    db->request_count = 0;
    return count;
}
