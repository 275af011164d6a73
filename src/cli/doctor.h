/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.h -- what `ramp doctor` finds, and who looks for it.
 *
 * Door:   doctor_say(), which every check uses.
 * Before: doctor.c, which calls the checks and prints what they said.
 * After:  doctor_machine.c (kernel, limits, clock), doctor_data.c (disk, data folder), doctor_parts.c
 *         (engine, drivers, Node, SDK, project, server).
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "cli/target.h"

#include <stddef.h>
#include <stdint.h>

enum doctor_state { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_PROBLEM };

struct doctor {
    json_t *findings; /* objects check, state, text, next */
    unsigned counts[3];
    const char *sdk; /* --sdk; or NULL */
    struct target target;
    const char *data; /* the data folder that is looked at; it may not exist */
};

/* `next`: what to do about it, a sentence without a full stop; NULL if it is well. */
void doctor_say(struct doctor *doctor, enum doctor_state state, const char *check, const char *next,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

void doctor_machine(struct doctor *doctor);
void doctor_data(struct doctor *doctor);
void doctor_parts(struct doctor *doctor);
void doctor_server(struct doctor *doctor);

/* Tests: how a measured value is judged. */
enum doctor_state doctor_judge_descriptors(uint64_t limit);
enum doctor_state doctor_judge_mappings(uint64_t limit);
enum doctor_state doctor_judge_backlog(uint64_t limit);
enum doctor_state doctor_judge_space(uint64_t bytes);
enum doctor_state doctor_judge_fsync(uint64_t ns);

#endif
