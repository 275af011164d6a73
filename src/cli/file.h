/* SPDX-License-Identifier: Apache-2.0 */
/* file.h -- files and folders as the verbs need them; every failure is a sentence that names the file.
 *
 * Door:     file_read(), file_read_json(), file_write_new(), file_make_folders(), file_join().
 * Not here: the data folder's files of a server (src/server, src/drivers).
 */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include "cli/bytes.h"

#include <ramp/ramp.h>

#include <jansson.h>

#define FILE_PATH 4096 /* bytes of a path: PATH_MAX of Linux */

bool file_exists(const char *path);
bool file_is_folder(const char *path);
/* "A/B", or "B" if B is absolute or A is empty or "."; false: too long. */
RAMP_CHECK bool file_join(char out[static FILE_PATH], const char *a, const char *b);
/* The part before the last '/', "." if there is none. */
void file_parent(char out[static FILE_PATH], const char *path);
/* An absolute path of what exists, with links followed; false: there is no such thing. */
RAMP_CHECK bool file_real(char out[static FILE_PATH], const char *path);

/* Reads all of a file into `ret_bytes`, which was initialised with the most that it may have. */
RAMP_CHECK ramp_status file_read(const char *path, struct bytes *ret_bytes, ramp_error *reterr);
/* JSON with comments (jsonc.h). Gives `*ret_root`: json_decref(). Errors name line and column. */
RAMP_CHECK ramp_status file_read_json(const char *path, json_t **ret_root, ramp_error *reterr);
/* Writes a file whole or not at all: beside it, then by rename. */
RAMP_CHECK ramp_status file_write(const char *path, unsigned mode, const void *data, size_t size,
                                  ramp_error *reterr);
/* Makes a file that does not exist yet. */
RAMP_CHECK ramp_status file_write_new(const char *path, unsigned mode, const void *data,
                                      size_t size, ramp_error *reterr);
/* Makes the folder and those above it. */
RAMP_CHECK ramp_status file_make_folders(const char *path, ramp_error *reterr);

/* The folder of this binary, links followed. */
RAMP_CHECK bool file_exe_folder(char out[static FILE_PATH]);

#endif
