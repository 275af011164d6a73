/* SPDX-License-Identifier: Apache-2.0 */
/* engine.c -- the engine's settings, its imports, its epochs.
 *
 * Door:     engine_new().
 * Before:   preflight.c, which says what fits.
 * After:    module.c, instance.c.
 *
 * Why these settings: epochs, because fuel costs more and calls must be interruptible; no copy-on-write
 * images, because they take two more mappings per instance; no native unwind info, because registering
 * it is quadratic in the number of modules; canonical NaNs, because calls are replayed. Compiled code
 * depends on them, so an engine that only compiles has the same, but no pool.
 */
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <threads.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define WARM_SLOTS     100u
#define DECOMMIT_BATCH 16u
/* Pages of a closed instance that are zeroed instead of given back. Keeping 64 KiB makes the next open
 * 4 us faster and costs 64 KiB of memory for every slot that was ever used. */
#define KEEP_RESIDENT 0u
/* Checked by the engine, not allocated: what the pre-scan's largest module needs. */
#define INSTANCE_SIZE_MAX (1u << 20)

_Static_assert(sizeof(union engine_value) == sizeof(wasmtime_val_raw_t), "slots of one size");
_Static_assert(LIMIT_WASM_STACK + (96u << 10) <= ENGINE_STACK_SIZE,
               "host functions need stack, too");
#ifndef WASMTIME_FEATURE_ASYNC
#error "the engine is built without async"
#endif

/* ---- settings -------------------------------------------------------------------------------- */

static void set_features(wasm_config_t *config) {
    wasmtime_config_wasm_simd_set(config, true);
    wasmtime_config_wasm_bulk_memory_set(config, true);
    wasmtime_config_wasm_multi_value_set(config, true);
    wasmtime_config_shared_memory_set(config, false);
    wasmtime_config_wasm_tail_call_set(config, false);
    wasmtime_config_wasm_relaxed_simd_set(config, false);
    wasmtime_config_wasm_multi_memory_set(config, false);
    wasmtime_config_wasm_memory64_set(config, false);
    wasmtime_config_wasm_wide_arithmetic_set(config, false);
    wasmtime_config_wasm_custom_page_sizes_set(config, false);
    wasmtime_config_wasm_stack_switching_set(config, false);
    wasmtime_config_gc_support_set(config, false);
}

static void set_tunables(wasm_config_t *config, bool fast, bool dense) {
    wasmtime_config_strategy_set(config, WASMTIME_STRATEGY_CRANELIFT);
    wasmtime_config_cranelift_opt_level_set(config, fast ? WASMTIME_OPT_LEVEL_NONE
                                                         : WASMTIME_OPT_LEVEL_SPEED);
    wasmtime_config_cranelift_regalloc_algorithm_set(config, fast ? WASMTIME_REGALLOC_SINGLE_PASS
                                                                  : WASMTIME_REGALLOC_BACKTRACKING);
    wasmtime_config_cranelift_nan_canonicalization_set(config, true);
    wasmtime_config_epoch_interruption_set(config, true);
    wasmtime_config_consume_fuel_set(config, false);
    wasmtime_config_memory_may_move_set(config, false);
    wasmtime_config_memory_reservation_set(config,
                                           dense ? ENGINE_DENSE_RESERVATION : ENGINE_RESERVATION);
    wasmtime_config_memory_guard_size_set(config, dense ? ENGINE_DENSE_GUARD : ENGINE_GUARD);
    wasmtime_config_memory_init_cow_set(config, false);
    wasmtime_config_native_unwind_info_set(config, false);
    wasmtime_config_max_wasm_stack_set(config, LIMIT_WASM_STACK);
    wasmtime_config_async_stack_size_set(config, ENGINE_STACK_SIZE);
}

static void set_pool(wasm_config_t *config, const struct engine_shape *shape, size_t memory_max) {
    wasmtime_pooling_allocation_config_t *pool = wasmtime_pooling_allocation_config_new();

    wasmtime_pooling_allocation_config_total_core_instances_set(pool, shape->slots);
    wasmtime_pooling_allocation_config_total_memories_set(pool, shape->slots);
    wasmtime_pooling_allocation_config_total_tables_set(pool, shape->slots);
    wasmtime_pooling_allocation_config_total_stacks_set(pool, shape->stacks);
    wasmtime_pooling_allocation_config_max_memories_per_module_set(pool, 1);
    wasmtime_pooling_allocation_config_max_tables_per_module_set(pool, 1);
    wasmtime_pooling_allocation_config_table_elements_set(pool, LIMIT_SCAN_TABLE);
    wasmtime_pooling_allocation_config_max_memory_size_set(pool, memory_max);
    wasmtime_pooling_allocation_config_max_core_instance_size_set(pool, INSTANCE_SIZE_MAX);
    wasmtime_pooling_allocation_config_max_unused_warm_slots_set(pool, WARM_SLOTS);
    wasmtime_pooling_allocation_config_decommit_batch_size_set(pool, DECOMMIT_BATCH);
    wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(pool, KEEP_RESIDENT);
    wasmtime_pooling_allocation_strategy_set(config, pool);
    wasmtime_pooling_allocation_config_delete(pool);
}

/* ---- imports --------------------------------------------------------------------------------- */

static wasm_functype_t *import_type(const struct engine_import *import) {
    wasm_valtype_vec_t parameters, results;
    size_t count = strlen(import->parameters), result_count = import->result == 'v' ? 0 : 1;

    wasm_valtype_vec_new_uninitialized(&parameters, count);
    for (size_t i = 0; i < count; i++)
        parameters.data[i] = wasm_valtype_new(import->parameters[i] == 'I' ? WASM_I64 : WASM_I32);
    wasm_valtype_vec_new_uninitialized(&results, result_count);
    if (result_count)
        results.data[0] = wasm_valtype_new(import->result == 'I' ? WASM_I64 : WASM_I32);
    return wasm_functype_new(&parameters, &results);
}

/* Polled on the guest's stack when the import is reached and at each engine_resume(). */
static bool wait_poll(void *data) {
    struct engine_instance *instance = data;
    int32_t result;

    if (!instance->module->engine->options.wait(instance->owner, instance->wait_out,
                                                instance->wait_cap, &result))
        return false;
    instance->wait_result->of.i32 = result;
    return true;
}

static bool wait_not(void *data) {
    (void)data;
    return true;
}

static void wait_reached(void *env, wasmtime_caller_t *caller, const wasmtime_val_t *arguments,
                         size_t argument_count, wasmtime_val_t *results, size_t result_count,
                         wasm_trap_t **ret_trap, wasmtime_async_continuation_t *ret_continuation) {
    struct engine *engine = env;
    struct engine_instance *instance = engine->current;

    (void)caller, (void)argument_count, (void)result_count;
    instance->wait_out = (uint32_t)arguments[0].of.i32;
    instance->wait_cap = (uint32_t)arguments[1].of.i32;
    results[0].kind = WASMTIME_I32;
    if (engine->options.wait_check)
        *ret_trap = (wasm_trap_t *)engine->options.wait_check(instance->owner, instance->wait_out,
                                                              instance->wait_cap);
    if (*ret_trap) { /* looked at when the continuation has ended */
        *ret_continuation = (wasmtime_async_continuation_t){.callback = wait_not};
        return;
    }
    instance->wait_result = &results[0];
    *ret_continuation = (wasmtime_async_continuation_t){.callback = wait_poll, .env = instance};
}

static wasmtime_error_t *define_import(struct engine *engine, const struct engine_import *import) {
    const char *module = engine->options.module;
    wasm_functype_t *type = import_type(import);
    wasmtime_error_t *error;

    if (import->function)
        error = wasmtime_linker_define_func_unchecked(
            engine->linker, module, strlen(module), import->name, strlen(import->name), type,
            (wasmtime_func_unchecked_callback_t)(void (*)(void))import->function,
            engine->options.env, NULL);
    else
        error = wasmtime_linker_define_async_func(engine->linker, module, strlen(module),
                                                  import->name, strlen(import->name), type,
                                                  wait_reached, engine, NULL);
    wasm_functype_delete(type);
    return error;
}

static ramp_status define_imports(struct engine *engine, ramp_error *reterr) {
    for (size_t i = 0; i < engine->options.import_count; i++) {
        wasmtime_error_t *error = define_import(engine, &engine->options.imports[i]);
        char text[120];
        if (!error) continue;
        engine_error_text(error, text, sizeof(text));
        wasmtime_error_delete(error);
        return error_set(reterr, RAMP_INTERNAL, "host function '%s': %s",
                         engine->options.imports[i].name, text);
    }
    return RAMP_OK;
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Mappings that the engines of this process will use when their slots fill up. */
static atomic_uint_fast64_t mappings_promised;

static ramp_status choose_shape(struct engine *engine, ramp_error *reterr) {
    const struct engine_options *options = &engine->options;
    struct preflight_machine machine;

    preflight_measure(&machine);
    machine.mappings_used += atomic_load(&mappings_promised);
    engine->shape = preflight(&machine, options->slots_max, options->stacks_max, options->dense);
    if (!engine->shape.slots)
        return error_set(reterr, RAMP_LIMIT, "no room for one instance: %s", engine->shape.reason);
    engine->mappings_promised = preflight_promise(&engine->shape);
    atomic_fetch_add(&mappings_promised, engine->mappings_promised);
    return RAMP_OK;
}

ramp_status engine_new(const struct engine_options *options, struct engine **ret_engine,
                       ramp_error *reterr) {
    struct engine *engine = mem_zalloc(sizeof(*engine));
    ramp_status status = RAMP_NO_MEMORY;
    wasm_config_t *config;

    if (!engine) goto fail;
    engine->options = *options;
    engine->shape.dense = options->dense;
    if (!options->compile_only) {
        assert(options->on_epoch);
        status = RAMP_ARGS;
        if (!options->slots_max || !options->memory_max || options->memory_max > LIMIT_MEMORY) {
            error_set(reterr, status,
                      "an instance's memory is 1 to %u bytes, and there is at least one",
                      LIMIT_MEMORY);
            goto fail;
        }
        status = choose_shape(engine, reterr);
        if (status) goto fail;
    }

    config = wasm_config_new();
    set_features(config);
    set_tunables(config, options->fast_compile, engine->shape.dense);
    if (engine->shape.pooled) set_pool(config, &engine->shape, options->memory_max);
    engine->wasm = wasm_engine_new_with_config(config);
    if (!options->compile_only) {
        engine->linker = wasmtime_linker_new(engine->wasm);
        status = define_imports(engine, reterr);
        if (status) goto fail;
    }
    *ret_engine = engine;
    return RAMP_OK;

fail:
    if (status == RAMP_NO_MEMORY) error_set(reterr, status, "no memory for an engine");
    engine_free(engine);
    return status;
}

void engine_free(struct engine *engine) {
    if (!engine) return;
    assert(!engine->slots_used && !engine->stacks_used);
    if (engine->linker) wasmtime_linker_delete(engine->linker);
    if (engine->wasm) wasm_engine_delete(engine->wasm);
    atomic_fetch_sub(&mappings_promised, engine->mappings_promised);
    mem_free(engine);
}

const struct engine_shape *engine_shape(const struct engine *engine) {
    return &engine->shape;
}

void engine_tick(struct engine *engine) {
    if (!engine_is_running(engine)) return;
    atomic_fetch_add_explicit(&engine->ticks, 1, memory_order_relaxed);
    wasmtime_engine_increment_epoch(engine->wasm);
}

bool engine_is_running(const struct engine *engine) {
    return atomic_load_explicit(&engine->running, memory_order_relaxed);
}

/* ---- what compiled code depends on ----------------------------------------------------------- */

const char *engine_version(void) {
    return "wasmtime " WASMTIME_VERSION;
}

static char keys[2][2][256];
static once_flag keys_made = ONCE_FLAG_INIT;

static void cpu_features(char *text, size_t text_cap) {
#if defined(__x86_64__)
    unsigned int a, b, c, d, basic = 0, extended[3] = {0}, amd = 0;

    if (__get_cpuid(1, &a, &b, &c, &d)) basic = c;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) extended[0] = b, extended[1] = c;
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) extended[2] = a;
    if (__get_cpuid(0x80000001, &a, &b, &c, &d)) amd = c;
    snprintf(text, text_cap, "x86_64-%08x-%08x-%08x-%08x-%08x", basic, extended[0], extended[1],
             extended[2], amd);
#else
    snprintf(text, text_cap, "other");
#endif
}

static void make_keys(void) {
    char cpu[80];

    cpu_features(cpu, sizeof(cpu));
    for (int fast = 0; fast < 2; fast++)
        for (int dense = 0; dense < 2; dense++)
            snprintf(keys[fast][dense], sizeof(keys[fast][dense]),
                     "%s %s reserve=%" PRIu64 " guard=%" PRIu64 " epochs nan simd cpu=%s",
                     engine_version(), fast ? "fast" : "speed",
                     dense ? ENGINE_DENSE_RESERVATION : ENGINE_RESERVATION,
                     dense ? ENGINE_DENSE_GUARD : ENGINE_GUARD, cpu);
}

const char *engine_key(bool fast, bool dense) {
    call_once(&keys_made, make_keys);
    return keys[fast][dense];
}

/* ---- the engine's words ---------------------------------------------------------------------- */

/* The engine writes "what was done\n\nCaused by:\n    0: less specific\n    1: the cause"; the cause
 * is what a user wants to read. */
void engine_error_text(const wasmtime_error_t *error, char *text, size_t text_cap) {
    static const char mark[] = "Caused by:\n";
    wasm_name_t message;
    const char *at, *end, *found;
    size_t size = 0;

    wasmtime_error_message(error, &message);
    at = message.data, end = message.data + message.size;
    found = memmem(at, message.size, mark, sizeof(mark) - 1);
    if (found) {
        at = found + sizeof(mark) - 1;
        for (const char *p = at; p + 6 < end; p++) /* the last of a numbered list */
            if (!memcmp(p, "\n    ", 5) && p[5] >= '0' && p[5] <= '9' && p[6] == ':') at = p + 1;
        while (at < end && *at == ' ') at++;
        if (at + 2 < end && *at >= '0' && *at <= '9' && at[1] == ':') at += 3;
    }
    for (; at < end && size + 1 < text_cap; at++) {
        char c = (unsigned char)*at < ' ' ? ' ' : *at;
        if (c != ' ' || (size && text[size - 1] != ' ')) text[size++] = c;
    }
    while (size && text[size - 1] == ' ') size--;
    text[size] = '\0';
    wasm_byte_vec_delete(&message);
}
