/* SPDX-License-Identifier: Apache-2.0 */
/* states_sqlite.c -- see states_sqlite.h. */
#include "drivers/states_sqlite.h"

#include "base/error.h"
#include "base/mem.h"
#include "drivers/copier.h"

#include <stdatomic.h>
#include <string.h>

#define FLAG_ENDED  1 /* in the file */
#define FLAG_MARKED 2

struct states_sqlite {
    struct storage *storage;
    int64_t era;      /* the storage's thread */
    bool has_era;     /* ... */
    atomic_bool lost; /* a mark could not be stored: of no state is it known what it is */
};

/* ---- the file -------------------------------------------------------------------------------- */

enum { LOAD, SAVE, MARK, END, GET_ERA, SET_ERA };

static const char *const statements[] = {
    [LOAD] = "SELECT state, flags, era FROM states WHERE service = ?1 AND room = ?2",
    [SAVE] = "INSERT INTO states VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET "
             "state = ?3, flags = ?4, era = ?5",
    [MARK] = "UPDATE states SET flags = 2 WHERE service = ?1 AND room = ?2 AND flags <> 2",
    [END] = "UPDATE states SET flags = flags | 1 WHERE service = ?1 AND room = ?2",
    [GET_ERA] = "SELECT era, is_closed FROM eras",
    [SET_ERA] = "UPDATE eras SET era = ?1, is_closed = ?2",
};

static const char create[] =
    "CREATE TABLE states (service BLOB NOT NULL, room BLOB NOT NULL, state BLOB NOT NULL,"
    " flags INTEGER NOT NULL, era INTEGER NOT NULL, PRIMARY KEY (service, room)) WITHOUT ROWID;"
    "CREATE TABLE eras (era INTEGER NOT NULL, is_closed INTEGER NOT NULL);"
    "INSERT INTO eras VALUES (1, 1)";

static int set_era(const struct states_sqlite *states, struct sqlite_file *file, bool is_closed) {
    sqlite3_stmt *statement = sqlite_statement(file, SET_ERA);

    sqlite3_bind_int64(statement, 1, states->era);
    sqlite3_bind_int(statement, 2, is_closed);
    return sqlite_run(statement);
}

static int opened(void *owner, struct sqlite_file *file) {
    struct states_sqlite *states = owner;
    sqlite3_stmt *statement = sqlite_statement(file, GET_ERA);
    int result;

    if (states->has_era) return SQLITE_OK; /* opened anew by this process, whose era goes on */
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        states->era = sqlite3_column_int64(statement, 0) + !sqlite3_column_int(statement, 1);
    sqlite3_reset(statement);
    if (result != SQLITE_ROW) return result == SQLITE_DONE ? SQLITE_CORRUPT : result;
    states->has_era = true;
    return set_era(states, file, false);
}

static int closing(void *owner, struct sqlite_file *file) {
    const struct states_sqlite *states = owner;

    return atomic_load(&states->lost) ? SQLITE_OK : set_era(states, file, true);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

enum op { OP_LOAD, OP_SAVE, OP_MARK, OP_END };

struct job {
    struct storage_job base;
    enum op op;
    const char *service, *room;
    ramp_bytes state;
    uint32_t flags;
};

static uint32_t flags_of(const struct states_sqlite *states, sqlite3_stmt *row) {
    int64_t flags = sqlite3_column_int64(row, 1);
    uint32_t found = flags & FLAG_ENDED ? RAMP_STATE_ENDED : 0;

    if (atomic_load(&states->lost)) return 0;
    if (!(flags & FLAG_MARKED) && sqlite3_column_int64(row, 2) == states->era)
        found |= RAMP_STATE_CURRENT;
    return found;
}

static int run_load(const struct states_sqlite *states, struct sqlite_file *file, struct job *job) {
    sqlite3_stmt *statement = sqlite_statement(file, LOAD);
    int result;

    sqlite_bind_text(statement, 1, job->service);
    sqlite_bind_text(statement, 2, job->room);
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        const void *state = sqlite3_column_blob(statement, 0);
        job->base.answer.flags = flags_of(states, statement);
        result =
            storage_answer_value(&job->base, state, (size_t)sqlite3_column_bytes(statement, 0));
    } else if (result == SQLITE_DONE) {
        job->base.answer.status = RAMP_NOT_FOUND;
        result = SQLITE_OK;
    }
    sqlite3_reset(statement);
    return result;
}

static int run_save(const struct states_sqlite *states, struct sqlite_file *file,
                    const struct job *job) {
    sqlite3_stmt *statement = sqlite_statement(file, SAVE);

    sqlite_bind_text(statement, 1, job->service);
    sqlite_bind_text(statement, 2, job->room);
    sqlite_bind(statement, 3, job->state.data, job->state.size);
    sqlite3_bind_int(statement, 4, job->flags & RAMP_STATE_ENDED ? FLAG_ENDED : 0);
    sqlite3_bind_int64(statement, 5, states->era);
    return sqlite_run(statement);
}

static int run_change(struct sqlite_file *file, unsigned index, const struct job *job) {
    sqlite3_stmt *statement = sqlite_statement(file, index);

    sqlite_bind_text(statement, 1, job->service);
    sqlite_bind_text(statement, 2, job->room);
    return sqlite_run(statement);
}

static int run(void *owner, struct sqlite_file *file, struct storage_job *base) {
    struct job *job = (struct job *)base;

    switch (job->op) {
    case OP_LOAD: return run_load(owner, file, job);
    case OP_SAVE: return run_save(owner, file, job);
    case OP_MARK: return run_change(file, MARK, job);
    case OP_END: return run_change(file, END, job);
    }
    return SQLITE_MISUSE;
}

static void lost(void *owner, struct storage_job *job) {
    struct states_sqlite *states = owner;

    (void)job;
    atomic_store(&states->lost, true);
}

static const struct storage_kind kind = {
    .schema = {.name = "states",
               .application = 0x526d7073, /* "Rmps" */
               .version = 1,
               .create = create,
               .sql = statements,
               .sql_count = sizeof(statements) / sizeof(*statements)},
    .synced = true,
    .run = run,
    .opened = opened,
    .closing = closing,
    .lost = lost,
};

/* ---- requests ----------------------------------------------------------------------------------- */

static struct job *job_new(const struct storage_port *port, enum op op, const char *service,
                           const char *room, ramp_bytes state) {
    size_t size = sizeof(struct job) + strlen(service) + strlen(room) + 2 + state.size;
    struct job *job = mem_alloc(size);
    struct copier copier;

    if (!job) return NULL;
    *job = (struct job){.base = {.subject = storage_subject(service, room),
                                 .size = size,
                                 .writes = op != OP_LOAD,
                                 .synced = op == OP_SAVE,
                                 .deliver = port->deliver,
                                 .context = port->context},
                        .op = op};
    copier = (struct copier){(uint8_t *)(job + 1), (uint8_t *)job + size};
    job->state = copier_bytes(&copier, state);
    job->service = copier_text(&copier, service);
    job->room = copier_text(&copier, room);
    return job;
}

static void submit(const struct storage_port *port, struct job *job, ramp_host *host,
                   ramp_ticket ticket) {
    const struct states_sqlite *states = port->driver;

    if (!job) {
        ramp_complete(host, ticket,
                      &(ramp_answer){.size = sizeof(ramp_answer),
                                     .status = RAMP_NO_MEMORY,
                                     .message = "no memory for the request"});
        return;
    }
    job->base.host = host;
    job->base.ticket = ticket;
    storage_submit(states->storage, &job->base);
}

static void states_load(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                        const char *room) {
    submit(context, job_new(context, OP_LOAD, service, room, (ramp_bytes){NULL, 0}), host, ticket);
}

static void states_save(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                        const char *room, ramp_bytes state, uint32_t flags) {
    struct job *job = job_new(context, OP_SAVE, service, room, state);

    if (job) job->flags = flags;
    submit(context, job, host, ticket);
}

/* Nobody waits for it. */
static void change(const struct storage_port *port, enum op op, const char *service,
                   const char *room) {
    struct states_sqlite *states = port->driver;
    struct job *job = job_new(port, op, service, room, (ramp_bytes){NULL, 0});

    if (!job) {
        atomic_store(&states->lost, true);
        return;
    }
    job->base.deliver = NULL;
    storage_submit(states->storage, &job->base);
}

static void states_mark(void *context, const char *service, const char *room) {
    change(context, OP_MARK, service, room);
}

static void states_end(void *context, const char *service, const char *room) {
    change(context, OP_END, service, room);
}

/* ---- doors --------------------------------------------------------------------------------------- */

ramp_states states_sqlite_driver(struct states_sqlite *states, struct storage_port *port) {
    port->driver = states;
    return (ramp_states){.size = sizeof(ramp_states),
                         .context = port,
                         .load = states_load,
                         .save = states_save,
                         .mark = states_mark,
                         .end = states_end};
}

ramp_status states_sqlite_open(const struct storage_options *options,
                               struct states_sqlite **ret_states, ramp_error *reterr) {
    struct states_sqlite *states = mem_zalloc(sizeof(*states));
    ramp_status status;

    if (!states) return error_set(reterr, RAMP_NO_MEMORY, "no memory to open %s", options->path);
    status = storage_open(options, &kind, states, &states->storage, reterr);
    if (status != RAMP_OK) {
        mem_free(states);
        return status;
    }
    *ret_states = states;
    return RAMP_OK;
}

void states_sqlite_close(struct states_sqlite *states) {
    if (!states) return;
    storage_close(states->storage);
    mem_free(states);
}

struct storage *states_sqlite_storage(struct states_sqlite *states) {
    return states->storage;
}
