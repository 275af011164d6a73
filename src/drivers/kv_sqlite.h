/* SPDX-License-Identifier: Apache-2.0 */
/* kv_sqlite.h -- the kv in one SQLite file.
 *
 * Door:     kv_sqlite_open(), kv_sqlite_driver(), kv_sqlite_inspect().
 * Before:   server/worker_storage.c, which lends each worker's host a ramp_kv.
 * After:    storage.c.
 *
 * Writes are answered when they are on the disk; a host flushes every 50 ms, so that costs few fsyncs. A
 * key that has expired reads as absent from then on; its row goes later, LIMIT_STORAGE_TIDY_ROWS at a
 * time. A service's own keys have the room "", which no room has.
 */
#ifndef DRIVERS_KV_SQLITE_H
#define DRIVERS_KV_SQLITE_H

#include "drivers/storage.h"

struct kv_sqlite;

RAMP_CHECK ramp_status kv_sqlite_open(const struct storage_options *options,
                                      struct kv_sqlite **ret_kv, ramp_error *reterr);
void kv_sqlite_close(struct kv_sqlite *kv); /* NULL is accepted */
struct storage *kv_sqlite_storage(struct kv_sqlite *kv);

/* The interface for one host, whose answers go to `port`; port->driver is set. */
ramp_kv kv_sqlite_driver(struct kv_sqlite *kv, struct storage_port *port);

/* For people. Some of the keys of a room, or with NULL of the service, as ramp_db.list gives them;
 * kv_sqlite_expiries() says when each goes. Any thread. `deliver` as in storage_job: storage_job_free()
 * it. false: no memory. */
RAMP_CHECK bool kv_sqlite_inspect(struct kv_sqlite *kv, const char *service, const char *room,
                                  const ramp_db_range *range,
                                  void (*deliver)(void *context, struct storage_job *job),
                                  void *context);
/* Of a job of kv_sqlite_inspect(): one for each entry, Unix ms, 0: never. */
const int64_t *kv_sqlite_expiries(const struct storage_job *job);

#endif
