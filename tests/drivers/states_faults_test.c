/* SPDX-License-Identifier: Apache-2.0 */
/* states_faults_test.c -- the states of tests/sim/faults.h, without faults, in the suite of its kind. */
#include "drivers/faults_rig.h"
#include "drivers/suite.h"

int main(void) {
    const struct suite_driver tested = {.make_place = faults_rig_make_place,
                                        .remove_place = faults_rig_remove_place,
                                        .open = faults_rig_open,
                                        .close = faults_rig_close,
                                        .pump = faults_rig_pump,
                                        .states = &faults_rig.states};

    return suite_run(&tested);
}
