/* SPDX-License-Identifier: Apache-2.0 */
/* loader.h -- modules, off the workers' loops: store, hash, pre-scan, compile child, artefact cache.
 *
 * Door:   loader_load() finds a service's current version as a file that a host can map;
 *         loader_deploy() checks, compiles and stores a new one.
 * Before: worker.c (a host's store driver), routes.c (upload), cli/dev.c (a build).
 * After:  drivers/store_dir.c, the compile child (this binary again), the cache folder.
 *
 * One thread; loads of the same service are one load, loads of the same module one compile, whoever asks.
 * Negative results are held for LIMIT_NEGATIVE_MS only. Results are handed to `done` on the loader's
 * thread: post them on, do nothing else there.
 */
#ifndef SERVER_LOADER_H
#define SERVER_LOADER_H

#include <ramp/driver.h>

struct loader;

struct loader_options {
    const char *data;  /* artefact cache in DATA/cache, its HMAC key in DATA/cache.key (0600) */
    const char *store; /* URL */
    const char *exe;   /* run as `EXE compile-child` */
    bool fast;         /* compile fast */
    bool dense;
    void (*log)(void *context, int level, const char *service, const char *text);
    void *context;
};

struct loaded { /* borrowed during `done` */
    ramp_status status;
    char message[248];
    ramp_module_id id;
    char path[512]; /* the artefact, verified; never changed, may be unlinked */
    ramp_bytes env; /* `name=value\n` */
};

struct deployed { /* borrowed during `done` */
    ramp_status status;
    char message[248];
    ramp_module_id id;
    bool unchanged; /* these bytes were current already */
    bool has_before;
    ramp_module_id before; /* if has_before: the version that was current until now */
    uint64_t compile_ms;
    size_t size; /* of the module */
    size_t artefact_size;
};

struct deploy {
    const char *service;
    ramp_bytes wasm; /* copied */
    ramp_bytes
        config; /* JSON object of ramp.json's fields that the server keeps, or size 0; copied */
};

RAMP_CHECK ramp_status loader_new(const struct loader_options *options, struct loader **ret_loader,
                                  ramp_error *reterr);
void loader_free(
    struct loader *loader); /* joins the thread; open requests are answered UNAVAILABLE */
/* Thread-safe, as are all below. */
void loader_load(struct loader *loader, const char *service,
                 void (*done)(void *context, uint64_t ticket, const struct loaded *), void *context,
                 uint64_t ticket);
void loader_deploy(struct loader *loader, const struct deploy *deploy,
                   void (*done)(void *context, uint64_t ticket, const struct deployed *),
                   void *context, uint64_t ticket);

/* A deploy of what the store keeps: the version whose id begins with `prefix`, or with NULL the one that was
 * current before, with the configuration that it had. Nothing is compiled if its artefact is in the cache. */
void loader_rollback(struct loader *loader, const char *service, const char *prefix,
                     void (*done)(void *context, uint64_t ticket, const struct deployed *),
                     void *context, uint64_t ticket);
/* Deletes versions that are too many, but none of `used` (copied). Nobody is told. */
void loader_prune(struct loader *loader, const char *service, const ramp_module_id *used,
                  size_t used_count);

struct listed { /* borrowed during `done` */
    ramp_status status;
    char message[248];
    ramp_bytes
        json; /* {"services":[{"service","version","size","deployed_at"}]}; of one service that object,
                        with "config" and "versions":[{"version","size","deployed_at","current"}] */
};

/* What the store knows of `service`, or of all services if it is NULL. */
void loader_list(struct loader *loader, const char *service,
                 void (*done)(void *context, uint64_t ticket, const struct listed *), void *context,
                 uint64_t ticket);

/* The configuration of the service's current version, an object; {} if it came with none. */
void loader_config(struct loader *loader, const char *service,
                   void (*done)(void *context, uint64_t ticket, const struct listed *),
                   void *context, uint64_t ticket);

struct loader_stats {
    uint64_t loads, loads_failed, compiles, compiles_failed, cache_hits, cache_bad;
};
void loader_get_stats(struct loader *loader, struct loader_stats *ret_stats);

#endif
