/* SPDX-License-Identifier: Apache-2.0 */
/* deployed.h -- what a server says of a service that has a new current version, for people.
 *
 * Door:   deployed_print().
 * Before: deploy, rollback. After: stdout, and stderr for what needs looking after.
 */
#ifndef CLI_DEPLOYED_H
#define CLI_DEPLOYED_H

#include "cli/target.h"

#include <stddef.h>

struct deployed_text {
    const char *verb; /* "deploy" */
    const char *done; /* "deployed" */
    bool json;
};

/* `answer`: of PUT services/NAME or POST services/NAME/rollback. The exit code. */
int deployed_print(const struct deployed_text *text, const struct target *target,
                   const json_t *answer);
/* "3 rooms moved, 7 connections kept", "no room was live": at most `size` bytes. */
void deployed_rooms(char *out, size_t size, long moved, long kept, long connections);

#endif
