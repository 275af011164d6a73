/* SPDX-License-Identifier: Apache-2.0 */
/* datadir.h -- the data folder: ours alone, with the admin token.
 *
 *     DATA/lock          flock()ed while a server runs; holds its process id
 *     DATA/admin.token   32 random bytes in hex, mode 0600
 *
 * Door:     datadir_open(), datadir_close().
 * Not here: DATA/store and DATA/cache (loader.c).
 */
#ifndef SERVER_DATADIR_H
#define SERVER_DATADIR_H

#include <ramp/ramp.h>

#define TOKEN_SIZE_MAX 256

struct datadir {
    int lock_fd; /* -1: none */
    char token[TOKEN_SIZE_MAX + 1];
};

/* Makes what is absent. Every failure is a sentence with the path. */
RAMP_CHECK ramp_status datadir_open(struct datadir *datadir, const char *path, ramp_error *reterr);
void datadir_close(struct datadir *datadir);

#endif
