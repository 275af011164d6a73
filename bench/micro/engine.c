/* SPDX-License-Identifier: Apache-2.0 */
/* engine.c -- what one call into a guest costs, in ns of CPU time.
 *
 * Many short windows, all rows in turn within one round, so that a slow phase of the machine hits every
 * row. Believe the minimum, and ratios more than numbers; compare only within one run.
 *
 *     bench_engine [windows]        (default 300)
 */
#include "engine/engine.h"
#include "base/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WINDOWS_MAX 10000
#define CALLS       1000
#define OPENS       20

enum export { ADD3, IMPORT_IT, EXPORTS };
static const char *const exports[EXPORTS] = {"add3", "import_it"};
static const char *const wait_exports[] = {"wait_once", "no_wait"};

static struct bench {
    struct engine *engine;
    struct engine_module *plain, *waiting;
    struct engine_instance *instance, *waiter;
    bool ready;
} bench;

/* ---- the host's side ------------------------------------------------------------------------- */

static struct engine_trap *host_zero(void *env, void *caller, union engine_value *values,
                                     size_t count) {
    (void)env, (void)caller, (void)count;
    values[0].i64 = 0;
    return NULL;
}

static bool host_wait(void *context, uint32_t out, uint32_t cap, int32_t *ret_result) {
    (void)context, (void)out, (void)cap;
    *ret_result = 1;
    return bench.ready;
}

static enum engine_verdict on_epoch(void *context) {
    (void)context;
    return ENGINE_CONTINUE;
}

static const struct engine_import imports[] = {
    {"panic", "pn", 'v', host_zero},
    {"time_ms", "", 'I', host_zero},
    {"event_read", "uon", 'i', host_zero},
    {"wait", "on", 'i', NULL},
};

static void must(ramp_status status, const ramp_error *error) {
    if (!status) return;
    fprintf(stderr, "%s\n", error->message);
    exit(1);
}

static void must_be(enum engine_outcome outcome, enum engine_outcome want) {
    if (outcome == want) return;
    fprintf(stderr, "a call ended with outcome %d, not %d\n", (int)outcome, (int)want);
    exit(1);
}

static struct engine_module *load(const char *name, const char *const *names, size_t count) {
    static uint8_t wasm[1 << 20];
    char path[512];
    ramp_bytes code;
    ramp_error error;
    struct engine_module *module;
    FILE *file;
    size_t size;

    snprintf(path, sizeof(path), TEST_MODULES "/%s.wasm", name);
    file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    size = fread(wasm, 1, sizeof(wasm), file);
    fclose(file);
    must(engine_compile(bench.engine, (ramp_bytes){wasm, size}, &code, &error), &error);
    must(engine_module_open(bench.engine, NULL, code, names, count, &module, &error), &error);
    engine_code_free(code);
    return module;
}

static struct engine_instance *open_one(struct engine_module *module) {
    struct engine_instance *instance;
    ramp_error error;
    must(engine_instance_open(module, NULL, &instance, &error), &error);
    return instance;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void call(struct engine_instance *instance, size_t export, enum engine_path path,
                 size_t count) {
    static const int32_t arguments[3] = {1, 2, 3};
    int32_t result;
    must_be(engine_call(instance, export, path, 1000, arguments, count, &result), ENGINE_DONE);
}

static void unchecked(void) {
    call(bench.instance, ADD3, ENGINE_UNCHECKED, 3);
}

static void unchecked_two_imports(void) {
    call(bench.instance, IMPORT_IT, ENGINE_UNCHECKED, 2);
}

static void yieldable(void) {
    call(bench.instance, ADD3, ENGINE_YIELDABLE, 3);
}

static void yieldable_two_imports(void) {
    call(bench.instance, IMPORT_IT, ENGINE_YIELDABLE, 2);
}

static void yieldable_of_waiting_module(void) {
    call(bench.waiter, 1, ENGINE_YIELDABLE, 1);
}

static void wait_at_once(void) {
    bench.ready = true;
    call(bench.waiter, 0, ENGINE_YIELDABLE, 2);
}

static void wait_suspended_once(void) {
    static const int32_t arguments[2] = {0, 0};
    int32_t result;
    bench.ready = false;
    must_be(engine_call(bench.waiter, 0, ENGINE_YIELDABLE, 1000, arguments, 2, &result),
            ENGINE_WAITING);
    bench.ready = true;
    must_be(engine_resume(bench.waiter), ENGINE_DONE);
}

static void memory(void) {
    if (!engine_memory(bench.instance).size) exit(1);
}

static void tick(void) {
    engine_tick(bench.engine);
}

static void open_close(void) {
    engine_instance_close(open_one(bench.plain));
}

static void open_call_close(void) {
    struct engine_instance *instance = open_one(bench.plain);
    call(instance, ADD3, ENGINE_UNCHECKED, 3);
    engine_instance_close(instance);
}

static void open_close_waiting(void) {
    engine_instance_close(open_one(bench.waiting));
}

static struct row {
    const char *name;
    void (*run)(void);
    int repeats;
    double windows[WINDOWS_MAX];
} rows[] = {
    {"unchecked call", unchecked, CALLS, {0}},
    {"unchecked call with 2 imports", unchecked_two_imports, CALLS, {0}},
    {"yieldable call", yieldable, CALLS, {0}},
    {"yieldable call with 2 imports", yieldable_two_imports, CALLS, {0}},
    {"yieldable call, module that waits", yieldable_of_waiting_module, CALLS, {0}},
    {"... that reaches wait, answered at once", wait_at_once, CALLS, {0}},
    {"... that is suspended and resumed once", wait_suspended_once, CALLS, {0}},
    {"engine_memory", memory, CALLS, {0}},
    {"engine_tick, no guest running", tick, CALLS, {0}},
    {"instance open + close", open_close, OPENS, {0}},
    {"instance open + first call + close", open_call_close, OPENS, {0}},
    {"instance open + close, module that waits", open_close_waiting, OPENS, {0}},
};

static double cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(struct row *row, int window) {
    double before = cpu_ns();
    for (int i = 0; i < row->repeats; i++) row->run();
    row->windows[window] = (cpu_ns() - before) / row->repeats;
}

int main(int argc, char **argv) {
    int windows = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 300;
    struct engine_options options = {
        .module = "ramp_v1",
        .imports = imports,
        .import_count = sizeof(imports) / sizeof(*imports),
        .wait = host_wait,
        .on_epoch = on_epoch,
        .slots_max = 64,
        .stacks_max = 32,
        .memory_max = LIMIT_MEMORY,
    };
    ramp_error error;

    if (windows < 1 || windows > WINDOWS_MAX) windows = 300;
    if (argc > 2) options.dense = !strcmp(argv[2], "dense");
    must(engine_new(&options, &bench.engine, &error), &error);
    bench.plain = load("engine_misbehave", exports, EXPORTS);
    bench.waiting = load("engine_wait", wait_exports, 2);
    bench.instance = open_one(bench.plain);
    bench.waiter = open_one(bench.waiting);
    for (int window = -windows / 10 - 1; window < windows; window++) /* some to warm up */
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
            measure(&rows[i], window < 0 ? 0 : window);

    printf("%s; %d windows\n%-44s %10s %10s\n", engine_key(false, options.dense), windows,
           "ns of CPU time", "min", "median");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        qsort(rows[i].windows, (size_t)windows, sizeof(double), by_value);
        printf("%-44s %10.1f %10.1f\n", rows[i].name, rows[i].windows[0],
               rows[i].windows[windows / 2]);
    }
    engine_instance_close(bench.instance);
    engine_instance_close(bench.waiter);
    engine_module_close(bench.plain);
    engine_module_close(bench.waiting);
    engine_free(bench.engine);
    return 0;
}
