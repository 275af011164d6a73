/* SPDX-License-Identifier: Apache-2.0 */
/* db_sqlite.c -- see db_sqlite.h. */
#include "drivers/db_sqlite.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/error.h"
#include "drivers/copier.h"
#include "drivers/entries.h"

#include <assert.h>
#include <string.h>

struct db_sqlite {
    struct storage *storage;
};

/* ---- the file -------------------------------------------------------------------------------- */

enum { GET_HEAD, SET_HEAD, GET, SET, DELETE, LIST, ALARMS };

static const char *const statements[] = {
    [GET_HEAD] = "SELECT number, writer, alarm_ms FROM heads WHERE service = ?1 AND room = ?2",
    [SET_HEAD] = "INSERT INTO heads VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET "
                 "number = ?3, writer = ?4, alarm_ms = ?5",
    [GET] = "SELECT value FROM entries WHERE service = ?1 AND room = ?2 AND key = ?3",
    [SET] = "INSERT INTO entries VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET value = ?4",
    [DELETE] = "DELETE FROM entries WHERE service = ?1 AND room = ?2 AND key = ?3",
    [LIST] = "SELECT key, value FROM entries WHERE service = ?1 AND room = ?2 AND key >= ?3 "
             "ORDER BY key",
    [ALARMS] = "SELECT alarm_ms, service, room FROM heads WHERE alarm_ms <> 0 AND alarm_ms <= ?1 "
               "AND (alarm_ms, service, room) > (?2, ?3, ?4) "
               "ORDER BY alarm_ms, service, room LIMIT ?5",
};

static const char create[] =
    "CREATE TABLE entries (service BLOB NOT NULL, room BLOB NOT NULL, key BLOB NOT NULL,"
    " value BLOB NOT NULL, PRIMARY KEY (service, room, key)) WITHOUT ROWID;"
    "CREATE TABLE heads (service BLOB NOT NULL, room BLOB NOT NULL, number INTEGER NOT NULL,"
    " writer INTEGER NOT NULL, alarm_ms INTEGER NOT NULL, PRIMARY KEY (service, room))"
    " WITHOUT ROWID;"
    "CREATE INDEX alarms ON heads (alarm_ms, service, room) WHERE alarm_ms <> 0";

/* ---- jobs ------------------------------------------------------------------------------------ */

enum op { OP_HEAD, OP_GET, OP_LIST, OP_COMMIT, OP_ALARMS, OP_INSPECT };

struct job {
    struct storage_job base;
    enum op op;
    const char *service, *room; /* alarms: of the one after which they are wanted */
    ramp_bytes key;             /* get */
    ramp_db_range range;
    int64_t at_ms, until_ms; /* alarms */
    ramp_commit commit;
};

static int read_head(struct sqlite_file *file, const struct job *job, ramp_head *ret_head) {
    sqlite3_stmt *statement = sqlite_statement(file, GET_HEAD);
    int result;

    *ret_head = (ramp_head){0};
    sqlite_bind_text(statement, 1, job->service);
    sqlite_bind_text(statement, 2, job->room);
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        *ret_head = (ramp_head){.number = (uint64_t)sqlite3_column_int64(statement, 0),
                                .writer = (uint64_t)sqlite3_column_int64(statement, 1),
                                .alarm_ms = sqlite3_column_int64(statement, 2)};
    sqlite3_reset(statement);
    return result == SQLITE_ROW || result == SQLITE_DONE ? SQLITE_OK : result;
}

static int run_head(struct sqlite_file *file, struct job *job) {
    return read_head(file, job, &job->base.answer.head);
}

static int run_get(struct sqlite_file *file, struct job *job) {
    sqlite3_stmt *statement = sqlite_statement(file, GET);
    int result;

    sqlite_bind_text(statement, 1, job->service);
    sqlite_bind_text(statement, 2, job->room);
    sqlite_bind(statement, 3, job->key.data, job->key.size);
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        const void *value = sqlite3_column_blob(statement, 0);
        result =
            storage_answer_value(&job->base, value, (size_t)sqlite3_column_bytes(statement, 0));
    } else if (result == SQLITE_DONE) {
        job->base.answer.status = RAMP_NOT_FOUND;
        result = SQLITE_OK;
    }
    sqlite3_reset(statement);
    return result;
}

static int run_list(struct sqlite_file *file, struct job *job) {
    sqlite3_stmt *statement = sqlite_statement(file, LIST);
    struct entries entries;
    int result = entries_begin(&entries, &job->base, &job->range);

    if (result != SQLITE_OK) return result;
    sqlite_bind_text(statement, 1, job->service);
    sqlite_bind_text(statement, 2, job->room);
    sqlite_bind(statement, 3, entries.from.data, entries.from.size);
    while ((result = sqlite3_step(statement)) == SQLITE_ROW)
        if (!entries_add(&entries, statement)) break;
    sqlite3_reset(statement);
    return entries_end(&entries, result);
}

static int run_inspect(struct sqlite_file *file, struct job *job) {
    int result = run_list(file, job);

    return result == SQLITE_OK ? run_head(file, job) : result;
}

/* ---- commits ----------------------------------------------------------------------------------- */

static int write_entries(struct sqlite_file *file, const struct job *job) {
    int result = SQLITE_OK;

    for (size_t i = 0; i < job->commit.write_count && result == SQLITE_OK; i++) {
        const ramp_db_write *write = &job->commit.writes[i];
        sqlite3_stmt *statement = sqlite_statement(file, write->is_delete ? DELETE : SET);
        sqlite_bind_text(statement, 1, job->service);
        sqlite_bind_text(statement, 2, job->room);
        sqlite_bind(statement, 3, write->key.data, write->key.size);
        if (!write->is_delete) sqlite_bind(statement, 4, write->value.data, write->value.size);
        result = sqlite_run(statement);
    }
    return result;
}

static int write_head(struct sqlite_file *file, const struct job *job, const ramp_head *head) {
    sqlite3_stmt *statement = sqlite_statement(file, SET_HEAD);

    sqlite_bind_text(statement, 1, job->service);
    sqlite_bind_text(statement, 2, job->room);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)head->number);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)head->writer);
    sqlite3_bind_int64(statement, 5, head->alarm_ms);
    return sqlite_run(statement);
}

static int run_commit(struct sqlite_file *file, struct job *job) {
    const ramp_commit *commit = &job->commit;
    ramp_head head;
    int result = read_head(file, job, &head);

    if (result != SQLITE_OK) return result;
    job->base.answer.head = head;
    if (head.number != commit->number - 1) {
        job->base.answer.status = RAMP_CONFLICT;
        return SQLITE_OK;
    }
    head.number = commit->number;
    head.writer = commit->writer;
    if (commit->sets_alarm) head.alarm_ms = commit->alarm_ms;
    job->base.answer.head = head;
    result = write_entries(file, job);
    return result == SQLITE_OK ? write_head(file, job, &head) : result;
}

static int has_happened(void *owner, struct sqlite_file *file, struct storage_job *base,
                        bool *ret_happened) {
    struct job *job = (struct job *)base;
    int result = read_head(file, job, &base->answer.head);

    (void)owner;
    *ret_happened = base->answer.head.number == job->commit.number &&
                    base->answer.head.writer == job->commit.writer;
    return result;
}

/* ---- alarms ------------------------------------------------------------------------------------ */

struct found_alarm {
    size_t service, room; /* where in the answer's bytes, with a NUL each */
    int64_t at_ms;
};

static bool add_name(struct buffer *bytes, sqlite3_stmt *statement, int column, size_t *ret_at) {
    const void *name = sqlite3_column_blob(statement, column);

    *ret_at = bytes->size;
    return buffer_append(bytes, name, (size_t)sqlite3_column_bytes(statement, column)) &&
           buffer_append(bytes, "", 1);
}

static int read_alarms(sqlite3_stmt *statement, struct job *job, struct found_alarm *found,
                       size_t *ret_count) {
    size_t count = 0;
    int result;

    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        if (count == job->range.limit) {
            job->base.answer.more = true;
            result = SQLITE_DONE;
            break;
        }
        found[count].at_ms = sqlite3_column_int64(statement, 0);
        if (!add_name(&job->base.bytes, statement, 1, &found[count].service) ||
            !add_name(&job->base.bytes, statement, 2, &found[count].room))
            return SQLITE_NOMEM;
        count++;
    }
    *ret_count = count;
    return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int run_alarms(struct sqlite_file *file, struct job *job) {
    sqlite3_stmt *statement = sqlite_statement(file, ALARMS);
    struct found_alarm *found = mem_alloc(((size_t)job->range.limit + 1) * sizeof(*found));
    ramp_alarm *alarms = mem_alloc(((size_t)job->range.limit + 1) * sizeof(*alarms));
    size_t count = 0;
    int result = SQLITE_NOMEM;

    job->base.items = alarms;
    if (!found || !alarms) goto done;
    sqlite3_bind_int64(statement, 1, job->until_ms);
    sqlite3_bind_int64(statement, 2, job->at_ms);
    sqlite_bind_text(statement, 3, job->service);
    sqlite_bind_text(statement, 4, job->room);
    sqlite3_bind_int64(statement, 5, (sqlite3_int64)job->range.limit + 1);
    result = read_alarms(statement, job, found, &count);
    sqlite3_reset(statement);
    for (size_t i = 0; result == SQLITE_OK && i < count; i++) {
        const char *names = (const char *)job->base.bytes.data;
        alarms[i] = (ramp_alarm){.service = names + found[i].service,
                                 .room = names + found[i].room,
                                 .at_ms = found[i].at_ms};
    }
    job->base.answer.alarms = alarms;
    job->base.answer.alarm_count = count;

done:
    mem_free(found);
    return result;
}

static int run(void *owner, struct sqlite_file *file, struct storage_job *base) {
    struct job *job = (struct job *)base;

    (void)owner;
    switch (job->op) {
    case OP_HEAD: return run_head(file, job);
    case OP_GET: return run_get(file, job);
    case OP_LIST: return run_list(file, job);
    case OP_COMMIT: return run_commit(file, job);
    case OP_ALARMS: return run_alarms(file, job);
    case OP_INSPECT: return run_inspect(file, job);
    }
    return SQLITE_MISUSE;
}

static const struct storage_kind kind = {
    .schema = {.name = "db",
               .application = 0x526d7064, /* "Rmpd" */
               .version = 1,
               .create = create,
               .sql = statements,
               .sql_count = sizeof(statements) / sizeof(*statements)},
    .synced = true,
    .run = run,
    .has_happened = has_happened,
};

/* ---- requests ----------------------------------------------------------------------------------- */

static void answer_no_memory(ramp_host *host, ramp_ticket ticket) {
    ramp_complete(host, ticket,
                  &(ramp_answer){.size = sizeof(ramp_answer),
                                 .status = RAMP_NO_MEMORY,
                                 .message = "no memory for the request"});
}

/* A job with `more` bytes behind it, in which copier_* put what they are given. NULL: no memory. */
static struct job *job_new(enum op op, const char *service, const char *room, size_t more,
                           struct copier *ret_copier) {
    size_t size = sizeof(struct job) + strlen(service) + strlen(room) + 2 + more;
    struct job *job = mem_alloc(size);

    if (!job) return NULL;
    *job =
        (struct job){.base = {.subject = storage_subject(service, room), .size = size}, .op = op};
    ret_copier->at = (uint8_t *)(job + 1);
    ret_copier->end = (uint8_t *)job + size;
    return job;
}

static void submit(const struct storage_port *port, struct job *job, ramp_host *host,
                   ramp_ticket ticket) {
    const struct db_sqlite *db = port->driver;

    job->base.host = host;
    job->base.ticket = ticket;
    job->base.deliver = port->deliver;
    job->base.context = port->context;
    storage_submit(db->storage, &job->base);
}

static void db_head(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                    const char *room) {
    struct copier copier;
    struct job *job = job_new(OP_HEAD, service, room, 0, &copier);

    if (!job) {
        answer_no_memory(host, ticket);
        return;
    }
    job->service = copier_text(&copier, service);
    job->room = copier_text(&copier, room);
    submit(context, job, host, ticket);
}

static void db_get(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                   const char *room, ramp_bytes key) {
    struct copier copier;
    struct job *job = job_new(OP_GET, service, room, key.size, &copier);

    if (!job) {
        answer_no_memory(host, ticket);
        return;
    }
    job->service = copier_text(&copier, service);
    job->room = copier_text(&copier, room);
    job->key = copier_bytes(&copier, key);
    submit(context, job, host, ticket);
}

static struct job *list_job(enum op op, const char *service, const char *room,
                            const ramp_db_range *range) {
    struct copier copier;
    struct job *job = job_new(op, service, room, range->prefix.size + range->after.size, &copier);

    if (!job) return NULL;
    job->service = copier_text(&copier, service);
    job->room = copier_text(&copier, room);
    job->range = *range;
    job->range.prefix = copier_bytes(&copier, range->prefix);
    job->range.after = copier_bytes(&copier, range->after);
    return job;
}

static void db_list(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                    const char *room, const ramp_db_range *range) {
    struct job *job = list_job(OP_LIST, service, room, range);

    if (job) submit(context, job, host, ticket);
    else answer_no_memory(host, ticket);
}

bool db_sqlite_inspect(struct db_sqlite *db, const char *service, const char *room,
                       const ramp_db_range *range,
                       void (*deliver)(void *context, struct storage_job *job), void *context) {
    const struct storage_port port = {.driver = db, .deliver = deliver, .context = context};
    struct job *job = list_job(OP_INSPECT, service, room, range);

    if (!job) return false;
    submit(&port, job, NULL, 1);
    return true;
}

static size_t writes_size(const ramp_commit *commit) {
    size_t size = commit->write_count * sizeof(ramp_db_write);

    for (size_t i = 0; i < commit->write_count; i++)
        size += commit->writes[i].key.size +
                (commit->writes[i].is_delete ? 0 : commit->writes[i].value.size);
    return size;
}

static void db_commit(void *context, ramp_host *host, ramp_ticket ticket,
                      const ramp_commit *commit) {
    struct copier copier;
    struct job *job =
        job_new(OP_COMMIT, commit->service, commit->room, writes_size(commit), &copier);
    ramp_db_write *writes;

    if (!job) {
        answer_no_memory(host, ticket);
        return;
    }
    writes = copier_array(&copier, commit->write_count * sizeof(*writes));
    for (size_t i = 0; i < commit->write_count; i++) {
        const ramp_db_write *write = &commit->writes[i];
        writes[i] = (ramp_db_write){.key = copier_bytes(&copier, write->key),
                                    .is_delete = write->is_delete};
        if (!write->is_delete) writes[i].value = copier_bytes(&copier, write->value);
    }
    job->service = copier_text(&copier, commit->service);
    job->room = copier_text(&copier, commit->room);
    job->commit = *commit;
    job->commit.writes = writes;
    job->base.writes = job->base.synced = true;
    submit(context, job, host, ticket);
}

static void db_alarms(void *context, ramp_host *host, ramp_ticket ticket, int64_t until_ms,
                      const ramp_alarm *after, uint32_t limit) {
    const char *service = after ? after->service : "", *room = after ? after->room : "";
    struct copier copier;
    struct job *job = job_new(OP_ALARMS, service, room, 0, &copier);

    if (!job) {
        answer_no_memory(host, ticket);
        return;
    }
    job->service = copier_text(&copier, service);
    job->room = copier_text(&copier, room);
    job->at_ms = after ? after->at_ms : INT64_MIN;
    job->until_ms = until_ms;
    job->range.limit = limit < LIMIT_ALARMS_LISTED ? limit : LIMIT_ALARMS_LISTED;
    job->base.subject = 0; /* of all rooms */
    submit(context, job, host, ticket);
}

/* ---- doors --------------------------------------------------------------------------------------- */

ramp_db db_sqlite_driver(struct db_sqlite *db, struct storage_port *port) {
    port->driver = db;
    return (ramp_db){.size = sizeof(ramp_db),
                     .context = port,
                     .head = db_head,
                     .get = db_get,
                     .list = db_list,
                     .commit = db_commit,
                     .alarms = db_alarms};
}

ramp_status db_sqlite_open(const struct storage_options *options, struct db_sqlite **ret_db,
                           ramp_error *reterr) {
    struct db_sqlite *db = mem_zalloc(sizeof(*db));
    ramp_status status;

    if (!db) return error_set(reterr, RAMP_NO_MEMORY, "no memory to open %s", options->path);
    status = storage_open(options, &kind, db, &db->storage, reterr);
    if (status != RAMP_OK) {
        mem_free(db);
        return status;
    }
    *ret_db = db;
    return RAMP_OK;
}

void db_sqlite_close(struct db_sqlite *db) {
    if (!db) return;
    storage_close(db->storage);
    mem_free(db);
}

struct storage *db_sqlite_storage(struct db_sqlite *db) {
    return db->storage;
}
