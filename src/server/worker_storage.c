/* SPDX-License-Identifier: Apache-2.0 */
/* worker_storage.c -- see worker_storage.h. */
#include "server/worker_storage.h"

#include "base/error.h"
#include "server/log.h"
#include "server/worker.h"

#include <stdio.h>
#include <string.h>

#define PATH_SIZE 1024

/* ---- the files ------------------------------------------------------------------------------- */

/* `url`: what the option `name` was given, or NULL for DATA/<file>. */
static ramp_status path_of(char path[PATH_SIZE], const char *data, const char *file,
                           const char *name, const char *url, ramp_error *reterr) {
    int size;

    if (url && strncmp(url, "sqlite:", 7) != 0)
        return error_set(reterr, RAMP_ARGS,
                         "--%s %.80s: this build has no driver for it; it has: %s "
                         "(--%s sqlite:PATH)",
                         name, url, STORAGE_SCHEMES, name);
    if (url && url[7] == '\0')
        return error_set(reterr, RAMP_ARGS, "--%s %s names no file; write --%s sqlite:PATH", name,
                         url, name);
    size = url ? snprintf(path, PATH_SIZE, "%s", url + 7)
               : snprintf(path, PATH_SIZE, "%s/%s", data, file);
    if (size < PATH_SIZE) return RAMP_OK;
    return error_set(reterr, RAMP_ARGS, "the path of %s is too long", file);
}

static void log_storage(void *context, int level, const char *text) {
    (void)context;
    log_text((enum log_level)level, "%s", text);
}

ramp_status server_storage_open(struct server_storage *storage,
                                const struct server_options *options, ramp_error *reterr) {
    const char *data = options->data;
    char db[PATH_SIZE], kv[PATH_SIZE], states[PATH_SIZE];
    ramp_status status = path_of(db, data, "db.sqlite", "db", options->db, reterr);

    if (status == RAMP_OK) status = path_of(kv, data, "kv.sqlite", "kv", options->kv, reterr);
    if (status == RAMP_OK) status = path_of(states, data, "meta.sqlite", "", NULL, reterr);
    if (status == RAMP_OK)
        status = db_sqlite_open(&(struct storage_options){.path = db, .log = log_storage},
                                &storage->db, reterr);
    if (status == RAMP_OK)
        status = kv_sqlite_open(&(struct storage_options){.path = kv, .log = log_storage},
                                &storage->kv, reterr);
    if (status == RAMP_OK)
        status = states_sqlite_open(&(struct storage_options){.path = states, .log = log_storage},
                                    &storage->states, reterr);
    return status;
}

void server_storage_close(struct server_storage *storage) {
    db_sqlite_close(storage->db);
    kv_sqlite_close(storage->kv);
    states_sqlite_close(storage->states);
    *storage = (struct server_storage){0};
}

void server_storage_each(const struct server_storage *storage,
                         void (*each)(void *context, struct storage *file), void *context) {
    if (storage->db) each(context, db_sqlite_storage(storage->db));
    if (storage->kv) each(context, kv_sqlite_storage(storage->kv));
    if (storage->states) each(context, states_sqlite_storage(storage->states));
}

/* ---- a worker's drivers ------------------------------------------------------------------------ */

static void complete(struct worker *worker, void *argument) {
    storage_job_complete(argument);
    worker->step_again = true;
}

/* On a storage's thread, or on the worker's own if a request was refused at once. */
static void post(void *context, struct storage_job *job) {
    worker_post_answer(context, complete, job);
}

void worker_storage_init(struct worker *worker, const struct server_storage *files) {
    struct worker_storage *storage = &worker->storage;

    for (unsigned i = 0; i < STORAGE_FILES; i++)
        storage->ports[i] = (struct storage_port){.deliver = post, .context = worker};
    storage->db = db_sqlite_driver(files->db, &storage->ports[0]);
    storage->kv = kv_sqlite_driver(files->kv, &storage->ports[1]);
    storage->states = states_sqlite_driver(files->states, &storage->ports[2]);
}
