/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite_rig.h -- a folder for a SQLite file, and the way of its jobs back to the test's thread. */
#ifndef TESTS_DRIVERS_SQLITE_RIG_H
#define TESTS_DRIVERS_SQLITE_RIG_H

#include "drivers/storage.h"

extern struct storage_port sqlite_rig_port;
extern struct storage_options sqlite_rig_options; /* its log goes to stderr */

void sqlite_rig_make_place(void);
void sqlite_rig_remove_place(void);
void sqlite_rig_pump(unsigned ms);
/* How many jobs have come back and wait for sqlite_rig_pump(). */
unsigned sqlite_rig_waiting(void);

#endif
