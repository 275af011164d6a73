/* SPDX-License-Identifier: Apache-2.0 */
/* worker_storage.h -- the server's db, kv and saved states, and each worker's drivers for them.
 *
 * Door:     server_storage_open(), server_storage_close(); worker_storage_init() for a worker's host.
 * Before:   server.c, worker_host.c.
 * After:    drivers/db_sqlite.c, kv_sqlite.c, states_sqlite.c; each has a file and a thread, whatever the
 *           number of workers. Their answers come back as letters (worker_post_answer).
 *
 *     DATA/db.sqlite      or --db sqlite:PATH
 *     DATA/kv.sqlite      or --kv sqlite:PATH
 *     DATA/meta.sqlite    saved states
 */
#ifndef SERVER_WORKER_STORAGE_H
#define SERVER_WORKER_STORAGE_H

#include "drivers/db_sqlite.h"
#include "drivers/kv_sqlite.h"
#include "drivers/states_sqlite.h"

struct worker;
struct server_options;

/* The schemes that --db and --kv take, with ", " between them: for `ramp version` and messages. */
#define STORAGE_SCHEMES "sqlite"

#define STORAGE_FILES 3

struct server_storage {
    struct db_sqlite *db;
    struct kv_sqlite *kv;
    struct states_sqlite *states;
};

/* Opens the files and starts their threads. Every failure is one sentence that names which and why.
 * `storage` is zeroed; after a failure, too, it is to be closed. */
RAMP_CHECK ramp_status server_storage_open(struct server_storage *storage,
                                           const struct server_options *options,
                                           ramp_error *reterr);
/* After the workers have stopped: carries out what is queued, closes the files in good order. */
void server_storage_close(struct server_storage *storage);
/* Calls `each` for the files that are open. */
void server_storage_each(const struct server_storage *storage,
                         void (*each)(void *context, struct storage *file), void *context);

struct worker_storage {
    struct storage_port ports[STORAGE_FILES];
    ramp_db db;
    ramp_kv kv;
    ramp_states states;
};

/* The worker's host must be gone before the worker is. */
void worker_storage_init(struct worker *worker, const struct server_storage *files);

#endif
