/* SPDX-License-Identifier: Apache-2.0 */
/* states_sqlite_test.c -- the states driver in SQLite, in the suite of its kind. */
#include "drivers/states_sqlite.h"
#include "drivers/sqlite_rig.h"
#include "drivers/suite.h"

static struct states_sqlite *states;
static ramp_states driver;

static void open_states(void) {
    ramp_error error = {0};

    if (states_sqlite_open(&sqlite_rig_options, &states, &error) != RAMP_OK)
        fail_msg("%s", error.message);
    driver = states_sqlite_driver(states, &sqlite_rig_port);
}

static void close_states(void) {
    states_sqlite_close(states);
}

int main(void) {
    const struct suite_driver tested = {.make_place = sqlite_rig_make_place,
                                        .remove_place = sqlite_rig_remove_place,
                                        .open = open_states,
                                        .close = close_states,
                                        .pump = sqlite_rig_pump,
                                        .states = &driver};

    return suite_run(&tested);
}
