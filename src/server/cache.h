/* SPDX-License-Identifier: Apache-2.0 */
/* cache.h -- compiled modules on this machine's disk: DATA/cache/<key>.artefact, <key>.hmac.
 *
 * Door:   cache_find(), cache_put().
 * Before: loader.c, whose thread owns the cache: the calls block.
 * After:  a host maps the file that cache_find() names.
 *
 * An artefact is native code, so none is handed out that this server has not written itself: the whole
 * file is hashed with a key that only this data folder holds (DATA/cache.key, 0600) before each answer.
 * A file that does not match is removed, logged by the caller, and compiled again.
 */
#ifndef SERVER_CACHE_H
#define SERVER_CACHE_H

#include <ramp/ramp.h>

struct cache;

#define CACHE_PATH_SIZE 512

/* `variant`: what artefacts depend on besides the module (ramp_artefact_key()). */
RAMP_CHECK ramp_status cache_open(const char *data, const char *variant, struct cache **ret_cache,
                                  ramp_error *reterr);
void cache_close(struct cache *cache); /* NULL is accepted */

/* NOT_FOUND: none. DENIED: there was one that somebody has changed; it is removed. IO. */
RAMP_CHECK ramp_status cache_find(struct cache *cache, const ramp_module_id *id,
                                  char ret_path[CACHE_PATH_SIZE], ramp_error *reterr);
/* Keeps an artefact and names its file; the longest unused others go if there are too many. */
RAMP_CHECK ramp_status cache_put(struct cache *cache, const ramp_module_id *id, ramp_bytes artefact,
                                 char ret_path[CACHE_PATH_SIZE], ramp_error *reterr);
/* Tests: another bound than LIMIT_CACHE_SIZE. */
void cache_set_size_max(struct cache *cache, uint64_t size_max);

#endif
