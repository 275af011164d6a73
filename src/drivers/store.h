/* SPDX-License-Identifier: Apache-2.0 */
/* store.h -- the module store: every version of every service, and which one is current.
 *
 * Door:     store_open() by URL; store_current(), store_read(), store_put(), store_find(), store_list().
 * Before:   server/loader.c, whose thread owns the store: the calls block.
 * After:    store_dir.c, the one driver of this build.
 * Not here: compiling, artefacts (server/cache.c), what a module may be.
 */
#ifndef DRIVERS_STORE_H
#define DRIVERS_STORE_H

#include <ramp/ramp.h>

#include <jansson.h>

struct store;

/* `url`: "file:PATH". Makes the folders, removes what an interrupted write has left. */
RAMP_CHECK ramp_status store_open(const char *url, struct store **ret_store, ramp_error *reterr);
void store_close(struct store *store); /* NULL is accepted */

bool store_name_is_valid(const char *service); /* [a-z0-9][a-z0-9-]{0,62} */

struct store_version {
    ramp_module_id id;
    size_t size;
    const json_t *config; /* object, or NULL. Borrowed until the next call of this store */
};

/* The current version. Costs one stat() while nothing has changed. NOT_FOUND: no such service. */
RAMP_CHECK ramp_status store_current(struct store *store, const char *service,
                                     struct store_version *ret_version, ramp_error *reterr);
/* The bytes of a version, which have the SHA-256 that they should have. Gives `*ret_wasm`: mem_free()
 * its data. */
RAMP_CHECK ramp_status store_read(struct store *store, const char *service,
                                  const ramp_module_id *id, ramp_bytes *ret_wasm,
                                  ramp_error *reterr);
/* Stores a version and makes it current, or fails and changes nothing. `id` is the SHA-256 of `wasm`;
 * `config` is an object or NULL. `*ret_unchanged`: it was current already, with this config. */
RAMP_CHECK ramp_status store_put(struct store *store, const char *service, const ramp_module_id *id,
                                 ramp_bytes wasm, const json_t *config, bool *ret_unchanged,
                                 ramp_error *reterr);
/* A version that is kept: the only one whose id begins with the hex digits `prefix` (4 at least), or with
 * NULL the one that was current before. Gives `*ret_config`, which came with it (NULL: none). NOT_FOUND;
 * ARGS: several begin so. */
RAMP_CHECK ramp_status store_find(struct store *store, const char *service, const char *prefix,
                                  ramp_module_id *ret_id, json_t **ret_config, ramp_error *reterr);
/* Deletes versions beyond the LIMIT_VERSIONS that were current last, but none of `used`. How many. */
size_t store_prune(struct store *store, const char *service, const ramp_module_id *used,
                   size_t used_count);
/* What the store knows of `service`, or of all if it is NULL: an array of objects service, version,
 * size, deployed_at, and for one service config and versions: an array of version, size, deployed_at
 * (when it became current), current; the latest first. Gives `*ret_list` (json_decref()). */
RAMP_CHECK ramp_status store_list(struct store *store, const char *service, json_t **ret_list,
                                  ramp_error *reterr);

#endif
