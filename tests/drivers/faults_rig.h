/* SPDX-License-Identifier: Apache-2.0 */
/* faults_rig.h -- the stores of tests/sim/faults.h as drivers under test: they are what the gate's histories
 * run on, so they have to keep the drivers' promises, too.
 *
 * What they keep in memory lies in a file of the place, too, so that it outlives a process.
 */
#ifndef TESTS_DRIVERS_FAULTS_RIG_H
#define TESTS_DRIVERS_FAULTS_RIG_H

#include "sim/faults.h"

extern struct faults faults_rig;

void faults_rig_make_place(void);
void faults_rig_remove_place(void);
void faults_rig_open(void);
void faults_rig_close(void);
void faults_rig_pump(unsigned ms);

#endif
