/* SPDX-License-Identifier: Apache-2.0 */
/* kv_sqlite.c -- see kv_sqlite.h. */
#include "drivers/kv_sqlite.h"

#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "drivers/copier.h"
#include "drivers/entries.h"

#include <string.h>
#include <time.h>

struct kv_sqlite {
    struct storage *storage;
};

/* ---- the file -------------------------------------------------------------------------------- */

enum { GET, SET, DELETE, LIST, SWEEP };

static const char *const statements[] = {
    [GET] = "SELECT value, expires_ms FROM entries WHERE service = ?1 AND room = ?2 AND key = ?3",
    [SET] = "INSERT INTO entries VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET "
            "value = ?4, expires_ms = ?5",
    [DELETE] = "DELETE FROM entries WHERE service = ?1 AND room = ?2 AND key = ?3",
    [LIST] = "SELECT key, value, expires_ms FROM entries WHERE service = ?1 AND room = ?2 "
             "AND key >= ?3 ORDER BY key",
    [SWEEP] = "DELETE FROM entries WHERE (service, room, key) IN (SELECT service, room, key "
              "FROM entries WHERE expires_ms <> 0 AND expires_ms <= ?1 ORDER BY expires_ms "
              "LIMIT ?2)",
};

static const char create[] =
    "CREATE TABLE entries (service BLOB NOT NULL, room BLOB NOT NULL, key BLOB NOT NULL,"
    " value BLOB NOT NULL, expires_ms INTEGER NOT NULL, PRIMARY KEY (service, room, key))"
    " WITHOUT ROWID;"
    "CREATE INDEX expiries ON entries (expires_ms) WHERE expires_ms <> 0";

/* ---- jobs ------------------------------------------------------------------------------------ */

enum op { OP_GET, OP_WRITE, OP_INSPECT };

struct job {
    struct storage_job base;
    enum op op;
    ramp_kv_key key; /* get; inspect: without its key */
    ramp_db_range range;
    const ramp_kv_write *writes;
    size_t write_count;
    struct buffer expiries; /* inspect */
};

static int64_t wall_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool has_expired(int64_t expires_ms, int64_t now_ms) {
    return expires_ms != 0 && expires_ms <= now_ms;
}

static void bind_key(sqlite3_stmt *statement, const ramp_kv_key *key) {
    sqlite_bind_text(statement, 1, key->service);
    sqlite_bind_text(statement, 2, key->room ? key->room : "");
    sqlite_bind(statement, 3, key->key.data, key->key.size);
}

static int run_get(struct sqlite_file *file, struct job *job) {
    sqlite3_stmt *statement = sqlite_statement(file, GET);
    ramp_answer *answer = &job->base.answer;
    int result;

    bind_key(statement, &job->key);
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW && !has_expired(sqlite3_column_int64(statement, 1), wall_ms())) {
        const void *value = sqlite3_column_blob(statement, 0);
        answer->expires_ms = sqlite3_column_int64(statement, 1);
        result =
            storage_answer_value(&job->base, value, (size_t)sqlite3_column_bytes(statement, 0));
    } else if (result == SQLITE_ROW || result == SQLITE_DONE) {
        answer->status = RAMP_NOT_FOUND;
        result = SQLITE_OK;
    }
    sqlite3_reset(statement);
    return result;
}

static int run_write(struct sqlite_file *file, struct job *job) {
    int result = SQLITE_OK;

    for (size_t i = 0; i < job->write_count && result == SQLITE_OK; i++) {
        const ramp_kv_write *write = &job->writes[i];
        sqlite3_stmt *statement = sqlite_statement(file, write->is_delete ? DELETE : SET);
        bind_key(statement, &write->key);
        if (!write->is_delete) {
            sqlite_bind(statement, 4, write->value.data, write->value.size);
            sqlite3_bind_int64(statement, 5, write->expires_ms);
        }
        result = sqlite_run(statement);
    }
    return result;
}

static int run_inspect(struct sqlite_file *file, struct job *job) {
    sqlite3_stmt *statement = sqlite_statement(file, LIST);
    int64_t now_ms = wall_ms();
    struct entries entries;
    bool has_memory = true;
    int result = entries_begin(&entries, &job->base, &job->range);

    if (result != SQLITE_OK) return result;
    job->expiries.size = 0;
    bind_key(statement, &job->key);
    sqlite_bind(statement, 3, entries.from.data, entries.from.size);
    while (has_memory && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        int64_t expires_ms = sqlite3_column_int64(statement, 2);
        if (has_expired(expires_ms, now_ms)) continue;
        if (!entries_add(&entries, statement)) break;
        has_memory = buffer_append(&job->expiries, &expires_ms, sizeof(expires_ms));
    }
    sqlite3_reset(statement);
    return entries_end(&entries, has_memory ? result : SQLITE_NOMEM);
}

const int64_t *kv_sqlite_expiries(const struct storage_job *base) {
    const struct job *job = (const struct job *)base;

    return (const int64_t *)(const void *)job->expiries.data;
}

static void release(struct storage_job *base) {
    struct job *job = (struct job *)base;

    buffer_release(&job->expiries);
}

static int run(void *owner, struct sqlite_file *file, struct storage_job *base) {
    struct job *job = (struct job *)base;

    (void)owner;
    switch (job->op) {
    case OP_GET: return run_get(file, job);
    case OP_WRITE: return run_write(file, job);
    case OP_INSPECT: return run_inspect(file, job);
    }
    return SQLITE_MISUSE;
}

static int tidy(void *owner, struct sqlite_file *file, bool *ret_more) {
    sqlite3_stmt *statement = sqlite_statement(file, SWEEP);
    int result;

    (void)owner;
    sqlite3_bind_int64(statement, 1, wall_ms());
    sqlite3_bind_int64(statement, 2, LIMIT_STORAGE_TIDY_ROWS);
    result = sqlite_run(statement);
    *ret_more = result == SQLITE_OK && sqlite3_changes(file->handle) == LIMIT_STORAGE_TIDY_ROWS;
    return result;
}

static const struct storage_kind kind = {
    .schema = {.name = "kv",
               .application = 0x526d706b, /* "Rmpk" */
               .version = 1,
               .create = create,
               .sql = statements,
               .sql_count = sizeof(statements) / sizeof(*statements)},
    .run = run,
    .tidy = tidy,
};

/* ---- requests ----------------------------------------------------------------------------------- */

static void answer_no_memory(ramp_host *host, ramp_ticket ticket) {
    ramp_complete(host, ticket,
                  &(ramp_answer){.size = sizeof(ramp_answer),
                                 .status = RAMP_NO_MEMORY,
                                 .message = "no memory for the request"});
}

static struct job *job_new(enum op op, size_t more, struct copier *ret_copier) {
    size_t size = sizeof(struct job) + more;
    struct job *job = mem_alloc(size);

    if (!job) return NULL;
    *job = (struct job){.base = {.size = size, .release = release}, .op = op};
    ret_copier->at = (uint8_t *)(job + 1);
    ret_copier->end = (uint8_t *)job + size;
    return job;
}

static size_t key_size(const ramp_kv_key *key) {
    return strlen(key->service) + 1 + (key->room ? strlen(key->room) + 1 : 0) + key->key.size;
}

static ramp_kv_key copy_key(struct copier *copier, const ramp_kv_key *key) {
    return (ramp_kv_key){.service = copier_text(copier, key->service),
                         .room = key->room ? copier_text(copier, key->room) : NULL,
                         .key = copier_bytes(copier, key->key)};
}

static uint64_t subject_of(const ramp_kv_key *key) {
    return storage_subject(key->service, key->room ? key->room : "");
}

static void submit(const struct storage_port *port, struct job *job, ramp_host *host,
                   ramp_ticket ticket) {
    const struct kv_sqlite *kv = port->driver;

    job->base.host = host;
    job->base.ticket = ticket;
    job->base.deliver = port->deliver;
    job->base.context = port->context;
    storage_submit(kv->storage, &job->base);
}

static void kv_get(void *context, ramp_host *host, ramp_ticket ticket, const ramp_kv_key *key) {
    struct copier copier;
    struct job *job = job_new(OP_GET, key_size(key), &copier);

    if (!job) {
        answer_no_memory(host, ticket);
        return;
    }
    job->key = copy_key(&copier, key);
    job->base.subject = subject_of(key);
    submit(context, job, host, ticket);
}

static void kv_write(void *context, ramp_host *host, ramp_ticket ticket,
                     const ramp_kv_write *writes, size_t count) {
    size_t size = count * sizeof(ramp_kv_write);
    struct copier copier;
    struct job *job;
    ramp_kv_write *copies;

    for (size_t i = 0; i < count; i++)
        size += key_size(&writes[i].key) + (writes[i].is_delete ? 0 : writes[i].value.size);
    job = job_new(OP_WRITE, size, &copier);
    if (!job) {
        answer_no_memory(host, ticket);
        return;
    }
    copies = copier_array(&copier, count * sizeof(*copies));
    for (size_t i = 0; i < count; i++) {
        copies[i] = writes[i];
        copies[i].key = copy_key(&copier, &writes[i].key);
        copies[i].value =
            writes[i].is_delete ? (ramp_bytes){NULL, 0} : copier_bytes(&copier, writes[i].value);
    }
    job->writes = copies;
    job->write_count = count;
    job->base.writes = true; /* of many rooms: no subject */
    job->base.synced = true; /* one fsync per flush of a host: what is lost is its window, also of power */
    submit(context, job, host, ticket);
}

bool kv_sqlite_inspect(struct kv_sqlite *kv, const char *service, const char *room,
                       const ramp_db_range *range,
                       void (*deliver)(void *context, struct storage_job *job), void *context) {
    const struct storage_port port = {.driver = kv, .deliver = deliver, .context = context};
    const ramp_kv_key key = {.service = service, .room = room};
    struct copier copier;
    struct job *job =
        job_new(OP_INSPECT, key_size(&key) + range->prefix.size + range->after.size, &copier);

    if (!job) return false;
    job->key = copy_key(&copier, &key);
    job->base.subject = subject_of(&key);
    job->range = *range;
    job->range.prefix = copier_bytes(&copier, range->prefix);
    job->range.after = copier_bytes(&copier, range->after);
    submit(&port, job, NULL, 1);
    return true;
}

/* ---- doors --------------------------------------------------------------------------------------- */

ramp_kv kv_sqlite_driver(struct kv_sqlite *kv, struct storage_port *port) {
    port->driver = kv;
    return (ramp_kv){.size = sizeof(ramp_kv), .context = port, .get = kv_get, .write = kv_write};
}

ramp_status kv_sqlite_open(const struct storage_options *options, struct kv_sqlite **ret_kv,
                           ramp_error *reterr) {
    struct kv_sqlite *kv = mem_zalloc(sizeof(*kv));
    ramp_status status;

    if (!kv) return error_set(reterr, RAMP_NO_MEMORY, "no memory to open %s", options->path);
    status = storage_open(options, &kind, kv, &kv->storage, reterr);
    if (status != RAMP_OK) {
        mem_free(kv);
        return status;
    }
    *ret_kv = kv;
    return RAMP_OK;
}

void kv_sqlite_close(struct kv_sqlite *kv) {
    if (!kv) return;
    storage_close(kv->storage);
    mem_free(kv);
}

struct storage *kv_sqlite_storage(struct kv_sqlite *kv) {
    return kv->storage;
}
