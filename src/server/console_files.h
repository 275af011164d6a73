/* SPDX-License-Identifier: Apache-2.0 */
/* console_files.h -- the files of console/ as they lie in the binary, sorted by path.
 *
 * Door: console_files, console_files_count. Before: tools/embed.py writes the definition at build
 * time. After: routes answers /_ramp/… from it. Not here: which path shows which file.
 */
#ifndef SERVER_CONSOLE_FILES_H
#define SERVER_CONSOLE_FILES_H

#include <stddef.h>

struct console_file {
    const char *path; /* below console/, with a leading slash */
    const char *type; /* Content-Type */
    const unsigned char *bytes;
    size_t size;
};

extern const struct console_file console_files[];
extern const size_t console_files_count;

#endif
