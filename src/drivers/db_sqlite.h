/* SPDX-License-Identifier: Apache-2.0 */
/* db_sqlite.h -- the db in one SQLite file: keys, heads and alarms of all rooms.
 *
 * Door:     db_sqlite_open(), db_sqlite_driver(), db_sqlite_inspect().
 * Before:   server/worker_storage.c, which lends each worker's host a ramp_db.
 * After:    storage.c (thread, groups, failures).
 *
 * A commit is on the disk when it is answered. Tables without row ids, keyed (service, room, key) as
 * bytes: memcmp() order, and no two triples collide. The head of a room and its alarm are one row, so a
 * commit without writes costs one.
 */
#ifndef DRIVERS_DB_SQLITE_H
#define DRIVERS_DB_SQLITE_H

#include "drivers/storage.h"

struct db_sqlite;

RAMP_CHECK ramp_status db_sqlite_open(const struct storage_options *options,
                                      struct db_sqlite **ret_db, ramp_error *reterr);
void db_sqlite_close(struct db_sqlite *db); /* NULL is accepted */
struct storage *db_sqlite_storage(struct db_sqlite *db);

/* The interface for one host, whose answers go to `port`; port->driver is set. */
ramp_db db_sqlite_driver(struct db_sqlite *db, struct storage_port *port);

/* For people. Reads the head of a room and some of its entries, as ramp_db.list does; job->answer has
 * both. Any thread. `deliver` as in storage_job: storage_job_free() it. false: no memory. */
RAMP_CHECK bool db_sqlite_inspect(struct db_sqlite *db, const char *service, const char *room,
                                  const ramp_db_range *range,
                                  void (*deliver)(void *context, struct storage_job *job),
                                  void *context);

#endif
