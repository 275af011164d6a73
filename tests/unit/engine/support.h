/* SPDX-License-Identifier: Apache-2.0 */
/* support.h -- an engine with a few host functions, for the tests of src/engine. */
#ifndef TESTS_ENGINE_SUPPORT_H
#define TESTS_ENGINE_SUPPORT_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/limits.h"
#include "engine/engine.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* What the imports and callbacks do next, and what they saw. */
struct world {
    struct engine *ticked; /* time_ms() ticks it */
    int64_t time_ms;
    int32_t read_arguments[3];
    uint32_t ready; /* so many polls of wait() find an answer */
    int32_t wait_result;
    uint32_t wait_out, wait_cap, wait_polls;
    void *wait_context;
    uint32_t continues, yields; /* of on_epoch(), before it kills */
    uint32_t epochs;
};
static struct world world;

__attribute__((unused)) static struct engine_trap *host_panic(void *env, void *caller,
                                                              union engine_value *values,
                                                              size_t count) {
    (void)env, (void)caller, (void)count;
    return values[1].i32 == 3 ? engine_trap_new("the guest\nsaid no") : NULL;
}

__attribute__((unused)) static struct engine_trap *host_time_ms(void *env, void *caller,
                                                                union engine_value *values,
                                                                size_t count) {
    (void)caller, (void)count;
    if (((struct world *)env)->ticked) engine_tick(((struct world *)env)->ticked);
    values[0].i64 = ((struct world *)env)->time_ms;
    return NULL;
}

__attribute__((unused)) static struct engine_trap *host_event_read(void *env, void *caller,
                                                                   union engine_value *values,
                                                                   size_t count) {
    struct world *seen = env;
    (void)caller, (void)count;
    for (int i = 0; i < 3; i++) seen->read_arguments[i] = values[i].i32;
    values[0].i32 = 77;
    return NULL;
}

__attribute__((unused)) static bool host_wait(void *context, uint32_t out, uint32_t cap,
                                              int32_t *ret_result) {
    world.wait_context = context;
    world.wait_out = out;
    world.wait_cap = cap;
    world.wait_polls++;
    if (!world.ready) return false;
    world.ready--;
    *ret_result = world.wait_result;
    return true;
}

__attribute__((unused)) static enum engine_verdict on_epoch(void *context) {
    (void)context;
    world.epochs++;
    if (world.continues) return world.continues--, ENGINE_CONTINUE;
    if (world.yields) return world.yields--, ENGINE_YIELD;
    return ENGINE_KILL;
}

static const struct engine_import host_imports[] = {
    {"panic", "pn", 'v', host_panic},
    {"time_ms", "", 'I', host_time_ms},
    {"event_read", "uon", 'i', host_event_read},
    {"wait", "on", 'i', NULL},
};

__attribute__((unused)) static struct engine_options engine_options_default(void) {
    return (struct engine_options){
        .env = &world,
        .module = "ramp_v1",
        .imports = host_imports,
        .import_count = COUNT(host_imports),
        .wait = host_wait,
        .on_epoch = on_epoch,
        .slots_max = 32,
        .stacks_max = 16,
        .memory_max = LIMIT_MEMORY,
    };
}

__attribute__((unused)) static struct engine *engine_start(bool dense) {
    struct engine_options options = engine_options_default();
    struct engine *engine;
    ramp_error error;

    options.dense = dense;
    world = (struct world){0};
    if (engine_new(&options, &engine, &error)) fail_msg("%s", error.message);
    return engine;
}

__attribute__((unused)) static ramp_bytes read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    char *data;
    long size;

    if (!file) fail_msg("no file %s", path);
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);
    data = malloc((size_t)size);
    assert_int_equal(fread(data, 1, (size_t)size, file), size);
    fclose(file);
    return (ramp_bytes){data, (size_t)size};
}

__attribute__((unused)) static ramp_bytes read_module(const char *name) {
    char path[512];
    snprintf(path, sizeof(path), TEST_MODULES "/%s.wasm", name);
    return read_file(path);
}

__attribute__((unused)) static struct engine_module *module_load(struct engine *engine,
                                                                 const char *name,
                                                                 const char *const *exports,
                                                                 size_t export_count) {
    ramp_bytes wasm = read_module(name), code;
    struct engine_module *module;
    ramp_error error;

    if (engine_compile(engine, wasm, &code, &error)) fail_msg("%s: %s", name, error.message);
    if (engine_module_open(engine, NULL, code, exports, export_count, &module, &error))
        fail_msg("%s: %s", name, error.message);
    engine_code_free(code);
    free((void *)(uintptr_t)wasm.data);
    return module;
}

__attribute__((unused)) static struct engine_instance *instance_open(struct engine_module *module,
                                                                     void *context) {
    struct engine_instance *instance;
    ramp_error error;

    if (engine_instance_open(module, context, &instance, &error)) fail_msg("%s", error.message);
    return instance;
}

/* ---- a thread that ticks --------------------------------------------------------------------- */

struct ticker {
    pthread_t thread;
    struct engine *engine;
    atomic_bool stop;
};

__attribute__((unused)) static void *ticker_main(void *data) {
    struct ticker *ticker = data;
    while (!atomic_load(&ticker->stop)) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        engine_tick(ticker->engine);
    }
    return NULL;
}

__attribute__((unused)) static void ticker_start(struct ticker *ticker, struct engine *engine) {
    ticker->engine = engine;
    atomic_init(&ticker->stop, false);
    assert_int_equal(pthread_create(&ticker->thread, NULL, ticker_main, ticker), 0);
}

__attribute__((unused)) static void ticker_stop(struct ticker *ticker) {
    atomic_store(&ticker->stop, true);
    pthread_join(ticker->thread, NULL);
}

#endif
