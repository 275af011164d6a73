/* SPDX-License-Identifier: Apache-2.0 */
/* files.h -- files that are whole or absent: read at once, written by temporary name and rename.
 *
 * Door:     files_read(), files_write(), folder_make(), folder_sweep().
 * Before:   store_dir.c, the server's artefact cache.
 * Blocking: for the loader's and the main thread, never on a worker's loop.
 */
#ifndef DRIVERS_FILES_H
#define DRIVERS_FILES_H

#include <ramp/ramp.h>

/* Makes the folder and those above it. Its own mode is `mode`. */
RAMP_CHECK ramp_status folder_make(const char *path, unsigned mode, ramp_error *reterr);
/* An O_PATH-less descriptor of a folder, -1 and a sentence if there is none. */
int folder_open(const char *path, ramp_error *reterr);
/* Removes the temporary files that a process left when it died. */
void folder_sweep(int folder);

/* Gives `*ret_bytes` (mem_free() the data); a NUL follows them. NOT_FOUND, TOO_BIG, IO, NO_MEMORY.
 * `path` is only for the sentence. */
RAMP_CHECK ramp_status files_read(int folder, const char *name, const char *path, size_t size_max,
                                  ramp_bytes *ret_bytes, ramp_error *reterr);

/* Replaces `name` whole: temporary file, rename. `durable`: fsync of the file before, and of the folder
 * after. If it fails nothing has changed, but for the last fsync, and its sentence says so. */
RAMP_CHECK ramp_status files_write(int folder, const char *name, const char *path, ramp_bytes bytes,
                                   bool durable, ramp_error *reterr);

#endif
