/* SPDX-License-Identifier: Apache-2.0 */
/* states_sqlite.h -- saved states of rooms in one SQLite file, meta.sqlite of the data folder.
 *
 * Door:     states_sqlite_open(), states_sqlite_driver().
 * Before:   server/worker_storage.c, which lends each worker's host a ramp_states.
 * After:    storage.c.
 *
 * A state is CURRENT if no call of its room has run since it was saved. Calls mark it, and marks are
 * written behind: a process that dies takes the last ones with it. So the file knows whether whoever had
 * it closed it in good order; if not, a new era begins with the next one, and states of an older era are
 * never CURRENT. A mark that cannot be stored has the same effect, at once. That is why marks need no
 * fsync; a saved state has one before it is answered.
 */
#ifndef DRIVERS_STATES_SQLITE_H
#define DRIVERS_STATES_SQLITE_H

#include "drivers/storage.h"

struct states_sqlite;

RAMP_CHECK ramp_status states_sqlite_open(const struct storage_options *options,
                                          struct states_sqlite **ret_states, ramp_error *reterr);
void states_sqlite_close(struct states_sqlite *states); /* NULL is accepted */
struct storage *states_sqlite_storage(struct states_sqlite *states);

/* The interface for one host, whose answers go to `port`; port->driver is set. */
ramp_states states_sqlite_driver(struct states_sqlite *states, struct storage_port *port);

#endif
