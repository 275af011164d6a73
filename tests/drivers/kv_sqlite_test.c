/* SPDX-License-Identifier: Apache-2.0 */
/* kv_sqlite_test.c -- the kv driver in SQLite, in the suite of its kind. */
#include "drivers/kv_sqlite.h"
#include "drivers/sqlite_rig.h"
#include "drivers/suite.h"

static struct kv_sqlite *kv;
static ramp_kv driver;

static void open_kv(void) {
    ramp_error error = {0};

    if (kv_sqlite_open(&sqlite_rig_options, &kv, &error) != RAMP_OK) fail_msg("%s", error.message);
    driver = kv_sqlite_driver(kv, &sqlite_rig_port);
}

static void close_kv(void) {
    kv_sqlite_close(kv);
}

int main(void) {
    const struct suite_driver tested = {.make_place = sqlite_rig_make_place,
                                        .remove_place = sqlite_rig_remove_place,
                                        .open = open_kv,
                                        .close = close_kv,
                                        .pump = sqlite_rig_pump,
                                        .kv = &driver};

    return suite_run(&tested);
}
