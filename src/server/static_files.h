/* SPDX-License-Identifier: Apache-2.0 */
/* static_files.h -- files for browsers: the console's, which lie in the binary, and those of `ramp dev`'s
 * web folder.
 *
 * Door:     static_console(), static_web().
 * Before:   routes.c.
 * Not here: ranges, compression, listings. The web folder is read on the worker's loop: for development.
 */
#ifndef SERVER_STATIC_FILES_H
#define SERVER_STATIC_FILES_H

#include "server/server.h"

/* `path`: below /_ramp, with a leading slash; "/" is its index.html. false: no such file. */
bool static_console(struct exchange *exchange, const char *path);
/* `path`: decoded, with a leading slash. false: it names no file of the folder, and nothing is answered.
 * Dot files and whatever lies outside are no files of the folder. */
bool static_web(struct exchange *exchange, const char *folder, const char *path);

/* Tests. No segment that begins with a dot or is empty in the middle, no backslash or control character. */
bool static_path_is_safe(const char *path);
/* "text/html; charset=utf-8"; by the name's ending. */
const char *static_type(const char *path);

#endif
