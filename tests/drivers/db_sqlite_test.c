/* SPDX-License-Identifier: Apache-2.0 */
/* db_sqlite_test.c -- the db in SQLite, in the suite of all dbs. */
#include "drivers/db_sqlite.h"
#include "drivers/sqlite_rig.h"
#include "drivers/suite.h"

static struct db_sqlite *db;
static ramp_db driver;

static void open_db(void) {
    ramp_error error = {0};

    if (db_sqlite_open(&sqlite_rig_options, &db, &error) != RAMP_OK) fail_msg("%s", error.message);
    driver = db_sqlite_driver(db, &sqlite_rig_port);
}

static void close_db(void) {
    db_sqlite_close(db);
}

int main(void) {
    const struct suite_driver tested = {.make_place = sqlite_rig_make_place,
                                        .remove_place = sqlite_rig_remove_place,
                                        .open = open_db,
                                        .close = close_db,
                                        .pump = sqlite_rig_pump,
                                        .db = &driver};

    return suite_run(&tested);
}
