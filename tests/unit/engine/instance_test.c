/* SPDX-License-Identifier: Apache-2.0 */
/* instance_test.c -- calls on both paths: what returns, traps, suspends, is killed. */
#include "support.h"

enum export {
    ADD3,
    COUNT_UP,
    IMPORT_IT,
    PANIC_IT,
    SPIN,
    RECURSE,
    DEEP,
    LOAD,
    LOAD_FAR,
    STORE,
    FILL,
    GROW,
    DIVIDE,
    TRUNCATE,
    UNREACHABLE,
    INDIRECT,
    FLOATS,
    SPIN_COUNTING,
    MISSING,
    EXPORTS
};
static const char *const exports[EXPORTS] = {
    "add3",        "count",    "import_it", "panic_it",      "spin",    "recurse", "deep",
    "load",        "load_far", "store",     "fill",          "grow",    "divide",  "truncate",
    "unreachable", "indirect", "floats",    "spin_counting", "missing",
};

enum wait_export {
    WAIT_ONCE,
    WAIT_OFTEN,
    WAIT_THEN_TRAP,
    NO_WAIT,
    WAIT_SPIN,
    WAIT_RECURSE,
    WAIT_THEN_SPIN,
    WAIT_EXPORTS
};
static const char *const wait_exports[WAIT_EXPORTS] = {
    "wait_once", "wait_often", "wait_then_trap", "no_wait", "spin", "recurse", "wait_then_spin",
};

static const uint64_t plenty = 1u << 20;
static const enum engine_path paths[] = {ENGINE_UNCHECKED, ENGINE_YIELDABLE};

/* An engine with one instance of each module. Every test runs with 4 GiB slots and with dense ones. */
struct rig {
    struct engine *engine;
    struct engine_module *module, *waiting;
    struct engine_instance *instance, *waiter;
};

static int rig_setup(void **state, bool dense) {
    struct rig *rig = calloc(1, sizeof(*rig));
    rig->engine = engine_start(dense);
    rig->module = module_load(rig->engine, "engine_misbehave", exports, EXPORTS);
    rig->waiting = module_load(rig->engine, "engine_wait", wait_exports, WAIT_EXPORTS);
    rig->instance = instance_open(rig->module, NULL);
    rig->waiter = instance_open(rig->waiting, &rig->waiter);
    *state = rig;
    return 0;
}

static int setup(void **state) {
    return rig_setup(state, false);
}

static int setup_dense(void **state) {
    return rig_setup(state, true);
}

static int teardown(void **state) {
    struct rig *rig = *state;
    engine_instance_close(rig->instance);
    engine_instance_close(rig->waiter);
    engine_module_close(rig->module);
    engine_module_close(rig->waiting);
    engine_free(rig->engine);
    free(rig);
    return 0;
}

static enum engine_outcome call(struct engine_instance *instance, enum export export,
                                enum engine_path path, int32_t *ret_result, size_t count, int32_t a,
                                int32_t b, int32_t c) {
    int32_t arguments[3] = {a, b, c};
    return engine_call(instance, export, path, plenty, arguments, count, ret_result);
}

static void a_call_returns_its_result_on_both_paths(void **state) {
    struct rig *rig = *state;
    for (size_t i = 0; i < COUNT(paths); i++) {
        int32_t result = 0;
        assert_int_equal(call(rig->instance, ADD3, paths[i], &result, 3, 1, 20, 300), ENGINE_DONE);
        assert_int_equal(result, 321);
        assert_int_equal(call(rig->instance, STORE, paths[i], NULL, 2, 64, 5, 0), ENGINE_DONE);
        assert_int_equal(call(rig->instance, LOAD, paths[i], &result, 1, 64, 0, 0), ENGINE_DONE);
        assert_int_equal(result, 5);
        /* without a result the pointer is left alone */
        result = 42;
        assert_int_equal(call(rig->instance, STORE, paths[i], &result, 2, 64, 6, 0), ENGINE_DONE);
        assert_int_equal(result, 42);
    }
}

static void globals_live_across_paths(void **state) {
    struct rig *rig = *state;
    for (int32_t i = 1; i <= 10; i++) {
        int32_t result;
        assert_int_equal(call(rig->instance, COUNT_UP, paths[i % 2], &result, 0, 0, 0, 0),
                         ENGINE_DONE);
        assert_int_equal(result, i);
    }
}

static void imports_get_arguments_and_give_results(void **state) {
    struct rig *rig = *state;
    world.time_ms = 99;
    for (size_t i = 0; i < COUNT(paths); i++) {
        int32_t result = 0;
        memset(world.read_arguments, 0, sizeof(world.read_arguments));
        assert_int_equal(call(rig->instance, IMPORT_IT, paths[i], &result, 2, 4, 5, 0),
                         ENGINE_DONE);
        assert_int_equal(result, 77);
        assert_int_equal(world.read_arguments[0], 4);
        assert_int_equal(world.read_arguments[1], 5);
        assert_int_equal(world.read_arguments[2], 99);
    }
}

static void every_trap_has_its_sentence(void **state) {
    static const struct {
        enum export export;
        size_t count;
        int32_t a, b;
        const char *message;
    } cases[] = {
        {LOAD, 1, 131072 - 3, 0, "memory access out of bounds"},
        {LOAD, 1, -1, 0, "memory access out of bounds"},
        {LOAD_FAR, 1, 0, 0, "memory access out of bounds"},
        {LOAD_FAR, 1, -1, 0, "memory access out of bounds"},
        {DIVIDE, 2, 1, 0, "integer division by zero"},
        {DIVIDE, 2, INT32_MIN, -1, "integer overflow"},
        {TRUNCATE, 1, 0, 0, "a float has no integer value"},
        {UNREACHABLE, 0, 0, 0, "unreachable code reached"},
        {INDIRECT, 1, 1, 0, "call of a function pointer of another type"},
        {INDIRECT, 1, 2, 0, "call of a function pointer that is null"},
        {INDIRECT, 1, 4, 0, "table access out of bounds"},
        {RECURSE, 1, 0, 0, "call stack exhausted"},
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < COUNT(cases) * 2; i++) {
        int32_t result;
        const struct engine_failure *failure;
        enum engine_path path = paths[i % 2];

        assert_int_equal(call(rig->instance, cases[i / 2].export, path, &result, cases[i / 2].count,
                              cases[i / 2].a, cases[i / 2].b, 0),
                         ENGINE_TRAPPED);
        failure = engine_failure(rig->instance);
        assert_int_equal(failure->kind, ENGINE_BY_GUEST);
        assert_string_equal(failure->message, cases[i / 2].message);
        assert_true(failure->frame_count >= 1);
        /* a function that finds no stack left has not begun: its offset is not known */
        if (cases[i / 2].export == RECURSE) assert_int_equal(failure->frames[0].offset, 0);
        else assert_in_range(failure->frames[0].offset, 0x100, 0x400);
        /* the instance is as it was */
        assert_int_equal(call(rig->instance, ADD3, path, &result, 3, 1, 1, 1), ENGINE_DONE);
        assert_int_equal(result, 3);
    }
}

static void a_deep_recursion_that_fits_returns(void **state) {
    struct rig *rig = *state;
    for (size_t i = 0; i < COUNT(paths); i++) {
        int32_t result;
        assert_int_equal(call(rig->instance, DEEP, paths[i], &result, 1, 1000, 0, 0), ENGINE_DONE);
        assert_int_equal(result, 1000);
    }
}

static void a_trap_of_an_import_carries_its_message(void **state) {
    struct rig *rig = *state;
    for (size_t i = 0; i < COUNT(paths); i++) {
        const struct engine_failure *failure = engine_failure(rig->instance);
        assert_int_equal(call(rig->instance, PANIC_IT, paths[i], NULL, 0, 0, 0, 0), ENGINE_TRAPPED);
        assert_int_equal(failure->kind, ENGINE_BY_IMPORT);
        assert_string_equal(failure->message, "the guest\nsaid no");
        assert_int_equal(failure->frame_count, 1);
        assert_int_equal(failure->frames[0].function, 8); /* 3 imports, 5 before it */
        /* and is not taken for the reason of the next trap */
        assert_int_equal(call(rig->instance, UNREACHABLE, paths[i], NULL, 0, 0, 0, 0),
                         ENGINE_TRAPPED);
        assert_int_equal(failure->kind, ENGINE_BY_GUEST);
    }
}

static void frames_are_innermost_first_and_at_most_twenty(void **state) {
    struct rig *rig = *state;
    const struct engine_failure *failure = engine_failure(rig->instance);

    assert_int_equal(call(rig->instance, RECURSE, ENGINE_UNCHECKED, NULL, 1, 0, 0, 0),
                     ENGINE_TRAPPED);
    assert_int_equal(failure->frame_count, ENGINE_FRAMES_MAX);
    for (size_t i = 2; i < failure->frame_count; i++) {
        assert_int_equal(failure->frames[i].function, failure->frames[1].function);
        assert_int_equal(failure->frames[i].offset, failure->frames[1].offset);
    }
}

static void memory_grows_to_the_limit_and_not_beyond(void **state) {
    struct rig *rig = *state;
    struct engine_memory before = engine_memory(rig->instance), after;
    int32_t result;

    assert_int_equal(before.size, 2 * 65536);
    assert_memory_equal(before.base + 8, "abc", 3);
    assert_int_equal(call(rig->instance, GROW, ENGINE_UNCHECKED, &result, 1, 254, 0, 0),
                     ENGINE_DONE);
    assert_int_equal(result, 2);
    after = engine_memory(rig->instance);
    assert_ptr_equal(after.base, before.base);
    assert_int_equal(after.size, LIMIT_MEMORY);
    for (size_t i = 0; i < COUNT(paths); i++) {
        assert_int_equal(call(rig->instance, GROW, paths[i], &result, 1, 1, 0, 0), ENGINE_DONE);
        assert_int_equal(result, -1);
        assert_int_equal(call(rig->instance, LOAD, paths[i], &result, 1, LIMIT_MEMORY - 4, 0, 0),
                         ENGINE_DONE);
        assert_int_equal(call(rig->instance, LOAD, paths[i], &result, 1, LIMIT_MEMORY - 3, 0, 0),
                         ENGINE_TRAPPED);
    }
    assert_int_equal(call(rig->instance, FILL, ENGINE_UNCHECKED, NULL, 3, 0, 255, LIMIT_MEMORY),
                     ENGINE_DONE);
    assert_int_equal(after.base[LIMIT_MEMORY - 1], 255);
}

static void a_new_instance_sees_nothing_of_an_old_one(void **state) {
    struct rig *rig = *state;

    for (int round = 0; round < 50; round++) {
        struct engine_instance *instance = instance_open(rig->module, NULL);
        struct engine_memory memory = engine_memory(instance);
        for (size_t i = 0; i < memory.size; i++)
            if (memory.base[i] && (i < 8 || i > 10)) fail_msg("byte %zu is %u", i, memory.base[i]);
        assert_int_equal(call(instance, FILL, ENGINE_UNCHECKED, NULL, 3, 0, 0xAA, 131072),
                         ENGINE_DONE);
        assert_int_equal(call(instance, GROW, ENGINE_UNCHECKED, NULL, 1, 3, 0, 0), ENGINE_DONE);
        assert_int_equal(call(instance, FILL, ENGINE_UNCHECKED, NULL, 3, 131072, 0xAA, 196608),
                         ENGINE_DONE);
        engine_instance_close(instance);
        instance = instance_open(rig->waiting, NULL); /* another module in the same slot */
        memory = engine_memory(instance);
        assert_int_equal(memory.size, 65536);
        for (size_t i = 0; i < memory.size; i++) assert_int_equal(memory.base[i], 0);
        engine_instance_close(instance);
    }
}

static void an_endless_loop_is_killed(void **state) {
    struct rig *rig = *state;
    struct ticker ticker;

    ticker_start(&ticker, rig->engine);
    for (size_t i = 0; i < COUNT(paths); i++) {
        world.epochs = 0;
        world.continues = 3;
        assert_int_equal(engine_call(rig->instance, SPIN, paths[i], 1, NULL, 0, NULL),
                         ENGINE_TRAPPED);
        assert_int_equal(engine_failure(rig->instance)->kind, ENGINE_BY_EPOCH);
        assert_string_equal(engine_failure(rig->instance)->message, "cpu budget");
        assert_int_equal(engine_failure(rig->instance)->frame_count, 1);
        assert_int_equal(world.epochs, 4);
        assert_false(engine_is_running(rig->engine));
    }
    ticker_stop(&ticker);
}

static void a_yield_on_the_unchecked_path_goes_on(void **state) {
    struct rig *rig = *state;
    struct ticker ticker;

    ticker_start(&ticker, rig->engine);
    world.yields = 3;
    assert_int_equal(engine_call(rig->instance, SPIN, ENGINE_UNCHECKED, 1, NULL, 0, NULL),
                     ENGINE_TRAPPED);
    assert_int_equal(engine_failure(rig->instance)->kind, ENGINE_BY_EPOCH);
    assert_int_equal(world.epochs, 4);
    ticker_stop(&ticker);
}

static void others_run_while_a_call_has_yielded(void **state) {
    struct rig *rig = *state;
    struct engine_instance *other = instance_open(rig->module, NULL);
    struct ticker ticker;
    int32_t result;

    ticker_start(&ticker, rig->engine);
    world.yields = 3;
    assert_int_equal(engine_call(rig->instance, SPIN, ENGINE_YIELDABLE, 1, NULL, 0, NULL),
                     ENGINE_YIELDED);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(call(other, ADD3, paths[i], &result, 3, 1, 2, 3), ENGINE_DONE);
        assert_int_equal(result, 6);
        assert_int_equal(call(other, UNREACHABLE, paths[i], NULL, 0, 0, 0, 0), ENGINE_TRAPPED);
        assert_int_equal(engine_resume(rig->instance), ENGINE_YIELDED);
    }
    assert_int_equal(engine_resume(rig->instance), ENGINE_TRAPPED);
    assert_int_equal(engine_failure(rig->instance)->kind, ENGINE_BY_EPOCH);
    ticker_stop(&ticker);
    engine_instance_close(other);
}

static uint64_t rounds(struct engine_instance *instance) {
    uint64_t count;
    memcpy(&count, engine_memory(instance).base + 2048, sizeof(count));
    return count;
}

/* In these two the guest itself ticks, once a round: no thread, so the counts are exact. A round ends
 * with a look at the epoch, which has come first after `ticks` rounds. */
static void ticks_while_a_call_waits_are_not_its_own(void **state) {
    struct rig *rig = *state;
    int32_t result;

    world.ticked = rig->engine;
    assert_int_equal(engine_call(rig->waiter, WAIT_THEN_SPIN, ENGINE_YIELDABLE, 5, NULL, 0, NULL),
                     ENGINE_WAITING);
    for (int i = 0; i < 100; i++)
        assert_int_equal(call(rig->instance, IMPORT_IT, ENGINE_UNCHECKED, &result, 2, 0, 0, 0),
                         ENGINE_DONE);
    world.ready = world.yields = 1;
    assert_int_equal(engine_resume(rig->waiter), ENGINE_YIELDED);
    assert_int_equal(world.epochs, 1);
    assert_in_range(rounds(rig->waiter), 4, 5);
    assert_int_equal(engine_resume(rig->waiter), ENGINE_TRAPPED); /* killed at its next deadline */
    assert_int_equal(world.epochs, 2);
    assert_in_range(rounds(rig->waiter), 8, 10);
}

static void each_resume_grants_its_ticks_anew(void **state) {
    struct rig *rig = *state;
    struct engine_instance *all[3] = {rig->instance, instance_open(rig->module, NULL),
                                      instance_open(rig->module, NULL)};
    uint64_t before[3] = {0};

    world.ticked = rig->engine;
    for (int round = 0; round < 10; round++)
        for (size_t i = 0; i < COUNT(all); i++) {
            world.epochs = 0;
            world.yields = 1;
            assert_int_equal(
                round ? engine_resume(all[i])
                      : engine_call(all[i], SPIN_COUNTING, ENGINE_YIELDABLE, 5, NULL, 0, NULL),
                ENGINE_YIELDED);
            assert_int_equal(world.epochs, 1);
            assert_in_range(rounds(all[i]) - before[i], 4, 5);
            before[i] = rounds(all[i]);
        }
    engine_instance_close(all[1]);
    engine_instance_close(all[2]);
}

static void a_tick_does_nothing_while_no_guest_runs(void **state) {
    struct rig *rig = *state;
    int32_t result;

    for (int i = 0; i < 100; i++) engine_tick(rig->engine);
    assert_int_equal(
        engine_call(rig->instance, DEEP, ENGINE_UNCHECKED, 1, &(int32_t){100}, 1, &result),
        ENGINE_DONE);
    assert_int_equal(world.epochs, 0);
}

static void wait_suspends_until_it_is_ready(void **state) {
    struct rig *rig = *state;
    int32_t result = 0;

    assert_true(engine_module_waits(rig->waiting));
    assert_false(engine_module_waits(rig->module));
    assert_int_equal(
        call(rig->waiter, (enum export)WAIT_ONCE, ENGINE_YIELDABLE, &result, 2, 16, 9, 0),
        ENGINE_WAITING);
    assert_ptr_equal(world.wait_context, &rig->waiter);
    assert_int_equal(world.wait_out, 16);
    assert_int_equal(world.wait_cap, 9);
    assert_int_equal(engine_resume(rig->waiter), ENGINE_WAITING);
    assert_int_equal(world.wait_polls, 2);
    assert_int_equal(result, 0);
    world.ready = 1;
    world.wait_result = 41;
    assert_int_equal(engine_resume(rig->waiter), ENGINE_DONE);
    assert_int_equal(result, 42);
}

static void wait_that_is_ready_does_not_suspend(void **state) {
    struct rig *rig = *state;
    int32_t result = 0;

    world.ready = 1000;
    world.wait_result = 2;
    assert_int_equal(
        call(rig->waiter, (enum export)WAIT_OFTEN, ENGINE_YIELDABLE, &result, 1, 1000, 0, 0),
        ENGINE_DONE);
    assert_int_equal(result, 2000);
    assert_int_equal(world.wait_polls, 1000);
}

static void waits_of_many_instances_interleave(void **state) {
    struct rig *rig = *state;
    struct engine_instance *all[8];
    int32_t results[8] = {0};

    for (int32_t i = 0; i < 8; i++) {
        all[i] = instance_open(rig->waiting, all);
        assert_int_equal(
            call(all[i], (enum export)WAIT_OFTEN, ENGINE_YIELDABLE, &results[i], 1, i + 1, 0, 0),
            ENGINE_WAITING);
    }
    for (int32_t round = 0; round < 8; round++) /* the instance i waits i + 1 times */
        for (int32_t i = round; i < 8; i++) {
            world.ready = 1;
            world.wait_result = 10 + i;
            assert_int_equal(engine_resume(all[i]), i == round ? ENGINE_DONE : ENGINE_WAITING);
            assert_int_equal(results[i], i == round ? (10 + i) * (i + 1) : 0);
        }
    for (size_t i = 0; i < COUNT(all); i++) engine_instance_close(all[i]);
}

static void a_trap_after_a_wait_is_a_trap(void **state) {
    struct rig *rig = *state;
    int32_t result;

    assert_int_equal(
        call(rig->waiter, (enum export)WAIT_THEN_TRAP, ENGINE_YIELDABLE, NULL, 0, 0, 0, 0),
        ENGINE_WAITING);
    world.ready = 1;
    assert_int_equal(engine_resume(rig->waiter), ENGINE_TRAPPED);
    assert_string_equal(engine_failure(rig->waiter)->message, "unreachable code reached");
    assert_int_equal(call(rig->waiter, (enum export)NO_WAIT, ENGINE_YIELDABLE, &result, 1, 4, 0, 0),
                     ENGINE_DONE);
    assert_int_equal(result, 5);
    assert_int_equal(
        call(rig->waiter, (enum export)WAIT_RECURSE, ENGINE_YIELDABLE, &result, 1, 4, 0, 0),
        ENGINE_TRAPPED);
    assert_string_equal(engine_failure(rig->waiter)->message, "call stack exhausted");
}

static void an_instance_may_close_while_suspended(void **state) {
    struct rig *rig = *state;
    struct ticker ticker;
    int32_t result = 7;

    ticker_start(&ticker, rig->engine);
    for (int i = 0; i < 40; i++) {
        struct engine_instance *parked = instance_open(rig->waiting, NULL);
        struct engine_instance *yielded = instance_open(rig->module, NULL);
        assert_int_equal(
            call(parked, (enum export)WAIT_ONCE, ENGINE_YIELDABLE, &result, 2, 0, 0, 0),
            ENGINE_WAITING);
        world.yields = 1;
        assert_int_equal(engine_call(yielded, SPIN, ENGINE_YIELDABLE, 1, NULL, 0, NULL),
                         ENGINE_YIELDED);
        engine_instance_close(i % 2 ? parked : yielded);
        engine_instance_close(i % 2 ? yielded : parked);
    }
    assert_int_equal(result, 7);
    ticker_stop(&ticker);
}

static void slots_and_stacks_are_counted(void **state) {
    struct rig *rig = *state;
    struct engine_instance *all[32];
    const struct engine_shape *shape = engine_shape(rig->engine);
    size_t count = shape->slots - 2; /* the rig has two */
    ramp_error error;

    assert_int_equal(shape->slots, 32);
    assert_int_equal(shape->stacks, 16);
    for (size_t i = 0; i < count; i++) all[i] = instance_open(rig->module, NULL);
    assert_int_equal(engine_instance_open(rig->module, NULL, &all[31], &error), RAMP_LIMIT);
    assert_string_equal(error.message, "all 32 instances are in use");
    for (size_t i = 0; i < count; i++) {
        enum engine_outcome outcome = call(all[i], ADD3, ENGINE_YIELDABLE, NULL, 3, 0, 0, 0);
        /* one stack is the waiter's, which may suspend */
        assert_int_equal(outcome, i < shape->stacks - 1 ? ENGINE_DONE : ENGINE_TRAPPED);
        if (outcome == ENGINE_TRAPPED) {
            assert_int_equal(engine_failure(all[i])->kind, ENGINE_BY_LIMIT);
            assert_string_equal(engine_failure(all[i])->message, "no free stack");
        }
    }
    engine_instance_close(all[0]); /* gives its stack to another */
    assert_int_equal(engine_instance_open(rig->waiting, NULL, &all[0], &error), RAMP_OK);
    engine_instance_close(all[0]);
    assert_int_equal(call(all[count - 1], ADD3, ENGINE_YIELDABLE, NULL, 3, 0, 0, 0), ENGINE_DONE);
    assert_int_equal(call(all[count - 2], ADD3, ENGINE_YIELDABLE, NULL, 3, 0, 0, 0),
                     ENGINE_TRAPPED);
    assert_int_equal(engine_instance_open(rig->waiting, NULL, &all[0], &error), RAMP_LIMIT);
    assert_string_equal(error.message, "all 16 stacks are in use");
    all[0] = instance_open(rig->module, NULL); /* takes none */
    for (size_t i = 0; i < count; i++) engine_instance_close(all[i]);
}

static uint64_t memory_hash(struct engine_instance *instance) {
    struct engine_memory memory = engine_memory(instance);
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < memory.size; i++) hash = (hash ^ memory.base[i]) * 1099511628211u;
    return hash;
}

static void the_same_calls_give_the_same_memory(void **state) {
    struct rig *rig = *state;
    uint64_t hashes[2];

    for (size_t i = 0; i < COUNT(paths); i++) {
        struct engine_instance *instance = instance_open(rig->module, NULL);
        struct engine_memory memory = engine_memory(instance);
        uint64_t bits[4];

        for (int32_t j = 0; j < 100; j++) {
            call(instance, STORE, paths[i], NULL, 2, j * 1237 % 100000, j, 0);
            call(instance, COUNT_UP, paths[i], NULL, 0, 0, 0, 0);
            call(instance, FLOATS, paths[i], NULL, 1, j, 0, 0);
        }
        call(instance, FLOATS, paths[i], NULL, 1, 0, 0, 0);
        hashes[i] = memory_hash(instance);
        memcpy(bits, memory.base + 1024, sizeof(bits));
        assert_int_equal(bits[0], 0x7ff8000000000000); /* 0/0: canonical, sign cleared */
        assert_int_equal(bits[2], 0x7ff8000000000000); /* not the payload of an operand */
        assert_int_equal(bits[3] & 0xffffffff, 0x7fc00000);
        engine_instance_close(instance);
    }
    assert_int_equal(hashes[0], hashes[1]);
}

#define BOTH(test)                                                                                 \
    cmocka_unit_test_setup_teardown(test, setup, teardown),                                        \
        cmocka_unit_test_setup_teardown(test, setup_dense, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(a_call_returns_its_result_on_both_paths),
        BOTH(globals_live_across_paths),
        BOTH(imports_get_arguments_and_give_results),
        BOTH(every_trap_has_its_sentence),
        BOTH(a_deep_recursion_that_fits_returns),
        BOTH(a_trap_of_an_import_carries_its_message),
        BOTH(frames_are_innermost_first_and_at_most_twenty),
        BOTH(memory_grows_to_the_limit_and_not_beyond),
        BOTH(a_new_instance_sees_nothing_of_an_old_one),
        BOTH(an_endless_loop_is_killed),
        BOTH(a_yield_on_the_unchecked_path_goes_on),
        BOTH(others_run_while_a_call_has_yielded),
        BOTH(each_resume_grants_its_ticks_anew),
        BOTH(ticks_while_a_call_waits_are_not_its_own),
        BOTH(a_tick_does_nothing_while_no_guest_runs),
        BOTH(wait_suspends_until_it_is_ready),
        BOTH(wait_that_is_ready_does_not_suspend),
        BOTH(waits_of_many_instances_interleave),
        BOTH(a_trap_after_a_wait_is_a_trap),
        BOTH(an_instance_may_close_while_suspended),
        BOTH(slots_and_stacks_are_counted),
        BOTH(the_same_calls_give_the_same_memory),
    };
    return cmocka_run_group_tests_name("engine/instance", tests, NULL, NULL);
}
