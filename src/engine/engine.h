/* SPDX-License-Identifier: Apache-2.0 */
/* engine.h -- the WebAssembly engine, as few functions as a host of rooms needs.
 *
 * Door:   engine_call() runs an export of an instance until it returns, traps, or suspends.
 * Before: core/call.c, which decides what is called and for how long.
 * After:  the guest, and the host functions that core hands in as imports.
 * Not here: what a host function does, what a module may contain (core/scan.c), files.
 *
 * This folder is the only one that includes Wasmtime's headers. Two paths lead into a guest:
 * ENGINE_UNCHECKED costs 20 ns and cannot suspend; ENGINE_YIELDABLE costs 350 ns, runs on a stack of
 * its own and can yield at an epoch or park in a suspending import. Never take the unchecked path with
 * a module that imports the suspending function: reaching it would abort the process (engine_call
 * asserts that).
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <ramp/ramp.h>

struct engine;          /* one per host, and so per thread */
struct engine_module;   /* compiled code, linked with the imports */
struct engine_instance; /* one room's memory and globals */
struct engine_trap;     /* what an import returns to end the call; the engine's own type */

/* The engine's raw 16-byte argument slots; arguments come in, the result goes into slot 0. */
union engine_value {
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    uint64_t lanes[2];
};

typedef struct engine_trap *(*engine_import_fn)(void *env, void *caller, union engine_value *values,
                                                size_t count);

/* One host function. `parameters` and `result` as in core/hostcalls.def: letters I are i64, all others
 * i32; result 'i', 'I' or 'v'. `function` is NULL for the one that suspends: see engine_options.wait. */
struct engine_import {
    const char *name;
    const char *parameters;
    char result;
    engine_import_fn function;
};

enum engine_verdict { ENGINE_CONTINUE, ENGINE_YIELD, ENGINE_KILL };

struct engine_options {
    void *env;                           /* first argument of every import */
    const char *module;                  /* import module: "ramp_v1" */
    const struct engine_import *imports; /* borrowed for the life of the engine */
    size_t import_count;
    /* The suspending import: polled once when the guest reaches it, then at each engine_resume(), until
     * it returns true with the import's result. `context` is the instance's. */
    bool (*wait)(void *context, uint32_t out, uint32_t cap, int32_t *ret_result);
    /* Called once before that; what it returns ends the call. May be NULL. */
    struct engine_trap *(*wait_check)(void *context, uint32_t out, uint32_t cap);
    /* The epoch deadline of a running call has passed: called on the guest's stack, so keep it small.
     * ENGINE_YIELD is only honoured on the yieldable path. */
    enum engine_verdict (*on_epoch)(void *context);
    uint32_t slots_max;  /* instances alive at once */
    uint32_t stacks_max; /* instances that ever took the yieldable path, alive at once */
    size_t memory_max;   /* bytes of one instance's memory */
    bool dense;
    bool fast_compile;
    bool compile_only; /* no pool, no imports */
};

/* What the preflight allowed. */
struct engine_shape {
    uint32_t slots, stacks;
    bool pooled, dense;
    char reason[160]; /* why it is less than asked for; "" if it is not */
};

RAMP_CHECK ramp_status engine_new(const struct engine_options *options, struct engine **ret_engine,
                                  ramp_error *reterr);
void engine_free(struct engine *engine); /* after all its modules and instances */
const struct engine_shape *engine_shape(const struct engine *engine);
const char *engine_version(void);
/* Settings, versions and CPU features that compiled code depends on. */
const char *engine_key(bool fast, bool dense);
/* Thread-safe; does nothing while no guest of this engine runs. */
void engine_tick(struct engine *engine);
bool engine_is_running(const struct engine *engine); /* thread-safe, a hint */

/* Compiles validated bytes to code that engine_module_open() loads. Gives *ret_code: free with
 * engine_code_free(). RAMP_REFUSED with the validator's words if the module is not valid. */
RAMP_CHECK ramp_status engine_compile(struct engine *engine, ramp_bytes wasm, ramp_bytes *ret_code,
                                      ramp_error *reterr);
void engine_code_free(ramp_bytes code);

/* Loads compiled code; `path` (mapped) or `code`. `exports` are the names that engine_call() knows by
 * index; those that the module lacks are reported by engine_module_has(). */
RAMP_CHECK ramp_status engine_module_open(struct engine *engine, const char *path, ramp_bytes code,
                                          const char *const *exports, size_t export_count,
                                          struct engine_module **ret_module, ramp_error *reterr);
void engine_module_close(struct engine_module *module); /* after all its instances */
bool engine_module_has(const struct engine_module *module, size_t export_index);
bool engine_module_waits(const struct engine_module *module); /* imports the suspending function */

/* A new instance: no guest code has run. `context` is handed to wait and on_epoch. RAMP_LIMIT if no
 * slot is free. */
RAMP_CHECK ramp_status engine_instance_open(struct engine_module *module, void *context,
                                            struct engine_instance **ret_instance,
                                            ramp_error *reterr);
/* Also while a call is suspended: it is dropped. Never from inside an import. */
void engine_instance_close(struct engine_instance *instance);

struct engine_memory {
    uint8_t *base;
    size_t size;
};
/* The guest's memory as it is now; `base` never changes, `size` may grow while a guest runs. */
struct engine_memory engine_memory(struct engine_instance *instance);

enum engine_path { ENGINE_UNCHECKED, ENGINE_YIELDABLE };
enum engine_outcome {
    ENGINE_DONE,
    ENGINE_YIELDED, /* on_epoch said ENGINE_YIELD: engine_resume() when it is its turn again */
    ENGINE_WAITING, /* parked in the suspending import: engine_resume() when wait() will return true */
    ENGINE_TRAPPED /* engine_failure() says why; the instance may be called again, memory as it is */
};

/* Calls export `export_index` with up to 3 arguments. The first on_epoch comes after `ticks` epoch
 * ticks; each ENGINE_CONTINUE or ENGINE_YIELD grants as many again. `ret_result` (may be NULL) is set
 * to the export's i32 result if it has one. Without a free stack: ENGINE_TRAPPED, RAMP_LIMIT. */
enum engine_outcome engine_call(struct engine_instance *instance, size_t export_index,
                                enum engine_path path, uint64_t ticks, const int32_t *arguments,
                                size_t argument_count, int32_t *ret_result);
enum engine_outcome engine_resume(struct engine_instance *instance);

/* To be returned by an import that ends the call: the call is ENGINE_TRAPPED with ENGINE_BY_IMPORT. */
struct engine_trap *engine_trap_new(const char *message);

enum engine_failure_kind {
    ENGINE_BY_GUEST,  /* a Wasm trap: unreachable, out of bounds, stack overflow, ... */
    ENGINE_BY_IMPORT, /* engine_trap_new() */
    ENGINE_BY_EPOCH,  /* ENGINE_KILL */
    ENGINE_BY_LIMIT   /* no stack, no slot */
};
#define ENGINE_FRAMES_MAX 20
struct engine_failure {
    enum engine_failure_kind kind;
    char message[120]; /* "memory access out of bounds" */
    size_t frame_count;
    struct {
        uint32_t function;       /* index in the module */
        size_t offset;           /* of the instruction, in the module's bytes; 0: not known */
    } frames[ENGINE_FRAMES_MAX]; /* innermost first */
};
/* Why the last call of this instance trapped. Borrowed until its next call. */
const struct engine_failure *engine_failure(const struct engine_instance *instance);

#endif
