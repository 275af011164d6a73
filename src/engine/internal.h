/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h -- what the files of src/engine share.
 *
 * Door:     struct engine, struct engine_module, struct engine_instance.
 * Before:   engine.c (settings, imports), module.c (code), instance.c (calls).
 * Not here: anything that another folder may see: engine.h.
 */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include "engine/engine.h"
#include "engine/preflight.h"

#include <stdatomic.h>
#include <wasm.h>
#include <wasmtime.h>

struct engine {
    struct engine_options options;
    struct engine_shape shape;
    wasm_engine_t *wasm;
    wasmtime_linker_t *linker; /* NULL if compile_only */
    uint32_t slots_used, stacks_used;
    uint64_t mappings_promised;
    struct engine_instance *current; /* whose guest runs now */
    atomic_bool running;             /* the same for engine_tick() of another thread */
    atomic_uint_fast64_t ticks;      /* that engine_tick() has passed on */
};

struct engine_export {
    const char *name; /* borrowed */
    bool present;
    uint8_t parameter_count, result_count;
};

struct engine_module {
    struct engine *engine;
    wasmtime_instance_pre_t *prepared; /* holds the code, too */
    bool waits;
    uint32_t instance_count;
    size_t export_count;
    struct engine_export exports[];
};

#define ENGINE_ARGUMENTS_MAX 3

struct engine_instance {
    struct engine_module *module;
    wasmtime_context_t *context;
    void *owner;         /* engine_instance_open()'s context */
    uint64_t ticks;      /* granted to the running call */
    uint64_t entered_at; /* engine->ticks when its guest was entered or granted more */
    wasmtime_memory_t memory;
    uint8_t *memory_base;
    wasmtime_store_t *store;
    wasmtime_instance_t instance;
    bool yieldable; /* the path of the running call */
    bool has_stack; /* kept by the store from its first yieldable call to its end */
    bool yielded;   /* on_epoch asked for it */
    bool killed;    /* the same */
    /* A suspended call. All that it writes to lives here: it must outlive the future. */
    wasmtime_call_future_t *future;
    wasmtime_val_t arguments[ENGINE_ARGUMENTS_MAX];
    wasmtime_val_t result;
    int32_t *ret_result;
    wasm_trap_t *trap;
    wasmtime_error_t *error;
    uint32_t wait_out, wait_cap;
    wasmtime_val_t *wait_result;
    struct engine_failure failure;
    wasmtime_func_t functions[]; /* of the module's exports; store_id 0: not looked up yet */
};

/* The engine's words for what went wrong, in one line. */
void engine_error_text(const wasmtime_error_t *error, char *text, size_t text_cap);

/* instance.c */
wasmtime_error_t *engine_epoch_passed(wasmtime_context_t *context, void *data, uint64_t *ret_ticks,
                                      wasmtime_update_deadline_kind_t *ret_kind);

#endif
