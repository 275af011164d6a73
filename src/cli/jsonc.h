/* SPDX-License-Identifier: Apache-2.0 */
/* jsonc.h -- JSON as people write it: with comments and commas after the last element.
 *
 * Door:   jsonc_strip(), which turns it into JSON in place.
 * Before: file_read_json(). After: jansson, whose errors still name the right line and column.
 */
#ifndef CLI_JSONC_H
#define CLI_JSONC_H

#include <stddef.h>

/* Overwrites comments and trailing commas outside of strings by blanks; line breaks stay. */
void jsonc_strip(char *text, size_t size);

#endif
