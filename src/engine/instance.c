/* SPDX-License-Identifier: Apache-2.0 */
/* instance.c -- one room's memory and globals, and the two ways into its guest.
 *
 * Door:     engine_call(), engine_resume().
 * Before:   module.c; core/call.c decides the path and the ticks.
 * After:    the guest; engine_failure() if it does not come back in good order.
 *
 *   unchecked   on the caller's stack:            call ──▶ guest ──▶ DONE | TRAPPED
 *   yieldable   on a stack of the instance's own: call ──▶ guest ──▶ DONE | TRAPPED
 *                                                   ▲        │
 *                                                 resume ◀───┴─ YIELDED (epoch) | WAITING (import)
 *
 * A suspended call is a future of the engine's. It writes its outcome where we told it at the start, so
 * all of that lives in the instance; it must go before the store; it must not be polled once done.
 */
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* While no handler runs; far from overflowing when the present epoch is added. */
#define TICKS_NEVER (UINT64_C(1) << 40)

/* ---- failures -------------------------------------------------------------------------------- */

static const char *const trap_texts[] = {
    [WASMTIME_TRAP_CODE_STACK_OVERFLOW] = "call stack exhausted",
    [WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS] = "memory access out of bounds",
    [WASMTIME_TRAP_CODE_HEAP_MISALIGNED] = "misaligned memory access",
    [WASMTIME_TRAP_CODE_TABLE_OUT_OF_BOUNDS] = "table access out of bounds",
    [WASMTIME_TRAP_CODE_INDIRECT_CALL_TO_NULL] = "call of a function pointer that is null",
    [WASMTIME_TRAP_CODE_BAD_SIGNATURE] = "call of a function pointer of another type",
    [WASMTIME_TRAP_CODE_INTEGER_OVERFLOW] = "integer overflow",
    [WASMTIME_TRAP_CODE_INTEGER_DIVISION_BY_ZERO] = "integer division by zero",
    [WASMTIME_TRAP_CODE_BAD_CONVERSION_TO_INTEGER] = "a float has no integer value",
    [WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED] = "unreachable code reached",
    [WASMTIME_TRAP_CODE_INTERRUPT] = "interrupted",
    [WASMTIME_TRAP_CODE_NULL_REFERENCE] = "null reference",
};

/* The message of the latest engine_trap_new(). The engine hands it back inside a text with a
 * backtrace, in which a module's names may pretend to be anything; so it is kept here. */
static _Thread_local char import_message[sizeof(((struct engine_failure *)0)->message)];
static _Thread_local bool import_trapped;

struct engine_trap *engine_trap_new(const char *message) {
    snprintf(import_message, sizeof(import_message), "%s", message);
    import_trapped = true;
    return (struct engine_trap *)wasmtime_trap_new("host function", strlen("host function"));
}

static void describe(struct engine_instance *instance, enum engine_failure_kind kind,
                     const char *text) {
    struct engine_failure *failure = &instance->failure;
    failure->kind = kind;
    snprintf(failure->message, sizeof(failure->message), "%s", text);
}

/* Offsets are those of the instructions, also of calls. A function that found no stack left has none. */
static void note_frames(struct engine_failure *failure, wasm_frame_vec_t *frames) {
    size_t count = frames->size < ENGINE_FRAMES_MAX ? frames->size : ENGINE_FRAMES_MAX;

    for (size_t i = 0; i < count; i++) {
        size_t offset = wasm_frame_module_offset(frames->data[i]);
        failure->frames[i].function = wasm_frame_func_index(frames->data[i]);
        failure->frames[i].offset = offset == SIZE_MAX ? 0 : offset;
    }
    failure->frame_count = count;
    wasm_frame_vec_delete(frames);
}

static void note_trap(struct engine_instance *instance, wasm_trap_t *trap) {
    wasm_frame_vec_t frames;
    wasmtime_trap_code_t code = 0;
    const char *text = NULL;

    if (wasmtime_trap_code(trap, &code) && code < sizeof(trap_texts) / sizeof(*trap_texts))
        text = trap_texts[code];
    describe(instance, ENGINE_BY_GUEST, text ? text : "trap");
    wasm_trap_trace(trap, &frames);
    note_frames(&instance->failure, &frames);
    wasm_trap_delete(trap);
}

static void note_error(struct engine_instance *instance, wasmtime_error_t *error) {
    wasm_frame_vec_t frames;

    if (instance->killed) {
        describe(instance, ENGINE_BY_EPOCH, "cpu budget");
    } else if (import_trapped) {
        describe(instance, ENGINE_BY_IMPORT, import_message);
    } else {
        char text[sizeof(instance->failure.message)];
        engine_error_text(error, text, sizeof(text));
        describe(instance, ENGINE_BY_LIMIT, text);
    }
    wasmtime_error_wasm_trace(error, &frames);
    note_frames(&instance->failure, &frames);
    wasmtime_error_delete(error);
}

static enum engine_outcome call_failed(struct engine_instance *instance, wasm_trap_t *trap,
                                       wasmtime_error_t *error) {
    instance->failure.frame_count = 0;
    if (error) note_error(instance, error);
    else note_trap(instance, trap);
    import_trapped = false;
    return ENGINE_TRAPPED;
}

const struct engine_failure *engine_failure(const struct engine_instance *instance) {
    return &instance->failure;
}

/* ---- opening and closing --------------------------------------------------------------------- */

static uint64_t ticks_now(const struct engine *engine) {
    return atomic_load_explicit(&engine->ticks, memory_order_relaxed);
}

/* The deadline of a call that waited is as old as the call, and cannot be set while it is suspended.
 * So what passes here too early is granted the rest of its ticks. */
wasmtime_error_t *engine_epoch_passed(wasmtime_context_t *context, void *data, uint64_t *ret_ticks,
                                      wasmtime_update_deadline_kind_t *ret_kind) {
    struct engine_instance *instance = data;
    uint64_t now = ticks_now(instance->module->engine), used = now - instance->entered_at;

    (void)context;
    *ret_ticks = instance->ticks;
    *ret_kind = WASMTIME_UPDATE_DEADLINE_CONTINUE;
    if (used < instance->ticks) {
        *ret_ticks = instance->ticks - used;
        return NULL;
    }
    instance->entered_at = now;
    switch (instance->module->engine->options.on_epoch(instance->owner)) {
    case ENGINE_CONTINUE: return NULL;
    case ENGINE_YIELD:
        if (!instance->yieldable) return NULL;
        instance->yielded = true;
        *ret_kind = WASMTIME_UPDATE_DEADLINE_YIELD;
        return NULL;
    case ENGINE_KILL: break;
    }
    instance->killed = true;
    return wasmtime_error_new("cpu budget");
}

/* Kept until the instance is closed, as the engine does. */
static bool take_stack(struct engine_instance *instance) {
    struct engine *engine = instance->module->engine;

    if (instance->has_stack) return true;
    if (engine->stacks_used >= engine->shape.stacks) return false;
    instance->has_stack = true;
    engine->stacks_used++;
    return true;
}

/* Copying a module's data is compiled code, with an epoch check, and for modules that import the
 * suspending function it runs on the instance's stack. It never suspends, so one poll is enough. */
static wasmtime_error_t *instantiate(struct engine_instance *instance, wasm_trap_t **ret_trap) {
    wasmtime_instance_pre_t *prepared = instance->module->prepared;
    wasmtime_call_future_t *future;
    wasmtime_error_t *error = NULL;
    bool done;

    if (!instance->module->waits)
        return wasmtime_instance_pre_instantiate(prepared, instance->context, &instance->instance,
                                                 ret_trap);
    future = wasmtime_instance_pre_instantiate_async(prepared, instance->context,
                                                     &instance->instance, ret_trap, &error);
    done = wasmtime_call_future_poll(future);
    wasmtime_call_future_delete(future);
    assert(done);
    (void)done;
    return error;
}

static ramp_status instance_start(struct engine_instance *instance, ramp_error *reterr) {
    wasm_trap_t *trap = NULL;
    wasmtime_error_t *error = instantiate(instance, &trap);
    wasmtime_extern_t item;
    bool found;

    if (trap) {
        call_failed(instance, trap, NULL);
        return error_set(reterr, RAMP_TRAPPED, "the module's data or elements do not fit: %s",
                         instance->failure.message);
    }
    if (error) {
        char text[160];
        engine_error_text(error, text, sizeof(text));
        wasmtime_error_delete(error);
        return error_set(reterr, RAMP_LIMIT, "no instance: %s", text);
    }
    found =
        wasmtime_instance_export_get(instance->context, &instance->instance, "memory", 6, &item);
    assert(found && item.kind == WASMTIME_EXTERN_MEMORY); /* engine_module_open() looked */
    (void)found;
    instance->memory = item.of.memory;
    instance->memory_base = wasmtime_memory_data(instance->context, &instance->memory);
    return RAMP_OK;
}

ramp_status engine_instance_open(struct engine_module *module, void *context,
                                 struct engine_instance **ret_instance, ramp_error *reterr) {
    struct engine *engine = module->engine;
    struct engine_instance *instance;
    ramp_status status = RAMP_LIMIT;

    if (engine->slots_used >= engine->shape.slots)
        return error_set(reterr, RAMP_LIMIT, "all %u instances are in use", engine->shape.slots);
    instance =
        mem_zalloc(sizeof(*instance) + module->export_count * sizeof(instance->functions[0]));
    if (!instance) return error_set(reterr, RAMP_NO_MEMORY, "no memory for an instance");
    instance->module = module;
    instance->owner = context;
    module->instance_count++;
    engine->slots_used++;
    instance->store = wasmtime_store_new(engine->wasm, instance, NULL);
    instance->context = wasmtime_store_context(instance->store);
    wasmtime_store_limiter(instance->store, (int64_t)engine->options.memory_max, LIMIT_SCAN_TABLE,
                           1, 1, 1);
    wasmtime_store_epoch_deadline_callback(instance->store, engine_epoch_passed, instance, NULL);
    wasmtime_context_set_epoch_deadline(instance->context, TICKS_NEVER);
    if (module->waits && !take_stack(instance)) {
        error_set(reterr, status, "all %u stacks are in use", engine->shape.stacks);
        goto fail;
    }
    status = instance_start(instance, reterr);
    if (status) goto fail;
    *ret_instance = instance;
    return RAMP_OK;

fail:
    engine_instance_close(instance);
    return status;
}

void engine_instance_close(struct engine_instance *instance) {
    struct engine *engine;

    if (!instance) return;
    engine = instance->module->engine;
    assert(engine->current != instance);
    if (instance->future) wasmtime_call_future_delete(instance->future);
    wasmtime_store_delete(instance->store);
    engine->slots_used--;
    if (instance->has_stack) engine->stacks_used--;
    instance->module->instance_count--;
    mem_free(instance);
}

struct engine_memory engine_memory(struct engine_instance *instance) {
    return (struct engine_memory){
        instance->memory_base,
        wasmtime_memory_data_size(instance->context, &instance->memory),
    };
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* Around every piece of guest code. */
static void enter(struct engine *engine, struct engine_instance *instance) {
    assert(!engine->current); /* a host function must not call into a guest */
    engine->current = instance;
    instance->entered_at = ticks_now(engine);
    atomic_store_explicit(&engine->running, true, memory_order_relaxed);
}

static void leave(struct engine *engine) {
    atomic_store_explicit(&engine->running, false, memory_order_relaxed);
    engine->current = NULL;
}

/* Looked up at the first call: an instance rarely gets all the calls that its module has handlers for,
 * and a look-up costs five calls. */
static const wasmtime_func_t *find_function(struct engine_instance *instance, size_t index) {
    wasmtime_func_t *function = &instance->functions[index];
    const char *name = instance->module->exports[index].name;
    wasmtime_extern_t item;
    bool found;

    if (function->store_id) return function;
    found = wasmtime_instance_export_get(instance->context, &instance->instance, name, strlen(name),
                                         &item);
    assert(found && item.kind == WASMTIME_EXTERN_FUNC);
    (void)found;
    *function = item.of.func;
    return function;
}

static enum engine_outcome call_unchecked(struct engine_instance *instance,
                                          const wasmtime_func_t *function, const int32_t *arguments,
                                          size_t argument_count, int32_t *ret_result) {
    struct engine *engine = instance->module->engine;
    wasmtime_val_raw_t values[ENGINE_ARGUMENTS_MAX + 1];
    wasm_trap_t *trap = NULL;
    wasmtime_error_t *error;

    values[0].i32 = 0;
    for (size_t i = 0; i < argument_count; i++) values[i].i32 = arguments[i];
    enter(engine, instance);
    error = wasmtime_func_call_unchecked(instance->context, function, values,
                                         ENGINE_ARGUMENTS_MAX + 1, &trap);
    leave(engine);
    if (error || trap) return call_failed(instance, trap, error);
    if (ret_result) *ret_result = values[0].i32;
    return ENGINE_DONE;
}

static enum engine_outcome poll(struct engine_instance *instance) {
    struct engine *engine = instance->module->engine;
    bool done;

    instance->yielded = false;
    enter(engine, instance);
    done = wasmtime_call_future_poll(instance->future);
    leave(engine);
    if (!done) return instance->yielded ? ENGINE_YIELDED : ENGINE_WAITING;

    wasmtime_call_future_delete(instance->future);
    instance->future = NULL;
    if (instance->error || instance->trap)
        return call_failed(instance, instance->trap, instance->error);
    if (instance->ret_result) *instance->ret_result = instance->result.of.i32;
    return ENGINE_DONE;
}

static enum engine_outcome call_yieldable(struct engine_instance *instance,
                                          const wasmtime_func_t *function, const int32_t *arguments,
                                          size_t argument_count, size_t result_count,
                                          int32_t *ret_result) {
    if (!take_stack(instance)) {
        describe(instance, ENGINE_BY_LIMIT, "no free stack");
        instance->failure.frame_count = 0;
        return ENGINE_TRAPPED;
    }
    for (size_t i = 0; i < argument_count; i++) {
        instance->arguments[i].kind = WASMTIME_I32;
        instance->arguments[i].of.i32 = arguments[i];
    }
    instance->ret_result = ret_result;
    instance->trap = NULL; /* only written on failure */
    instance->error = NULL;
    instance->future = wasmtime_func_call_async(instance->context, function, instance->arguments,
                                                argument_count, &instance->result, result_count,
                                                &instance->trap, &instance->error);
    return poll(instance);
}

enum engine_outcome engine_call(struct engine_instance *instance, size_t export_index,
                                enum engine_path path, uint64_t ticks, const int32_t *arguments,
                                size_t argument_count, int32_t *ret_result) {
    const struct engine_export *export = &instance->module->exports[export_index];
    const wasmtime_func_t *function;

    assert(engine_module_has(instance->module, export_index) && !instance->future);
    assert(argument_count == export->parameter_count);
    assert(path == ENGINE_YIELDABLE || !instance->module->waits);
    if (!export->result_count) ret_result = NULL;
    instance->ticks = ticks;
    instance->killed = false;
    instance->yieldable = path == ENGINE_YIELDABLE;
    function = find_function(instance, export_index);
    wasmtime_context_set_epoch_deadline(instance->context, ticks);
    if (path == ENGINE_UNCHECKED)
        return call_unchecked(instance, function, arguments, argument_count, ret_result);
    return call_yieldable(instance, function, arguments, argument_count, export->result_count,
                          ret_result);
}

enum engine_outcome engine_resume(struct engine_instance *instance) {
    assert(instance->future);
    return poll(instance);
}
