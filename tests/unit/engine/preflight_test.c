/* SPDX-License-Identifier: Apache-2.0 */
/* preflight_test.c -- what fits on small and large machines, and on this one under `ulimit -v`. */
#include "support.h"

#include "engine/preflight.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef RAMP_SMALL_POOLS
#define CAP(slots) ((slots) < 64u ? (slots) : 64u)
#else
#define CAP(slots) (slots)
#endif
#define GIB (UINT64_C(1) << 30)

/* An address space with one free piece of this size. */
static uint64_t free_piece;
static bool piece_fits(uint64_t reserved_size, uint64_t writable_size) {
    return reserved_size + writable_size <= free_piece;
}

static struct preflight_machine machine_typical(void) {
    free_piece = 120 * 1024 * GIB;
    return (struct preflight_machine){
        .mappings_max = 65530,
        .mappings_used = 200,
        .address_max = UINT64_MAX,
        .address_used = GIB,
        .fits = piece_fits,
    };
}

static void a_typical_machine_gives_what_is_asked(void **state) {
    struct preflight_machine machine = machine_typical();
    struct engine_shape shape = preflight(&machine, 8000, 4000, false);

    (void)state;
    assert_true(shape.pooled);
    assert_false(shape.dense);
    assert_int_equal(shape.slots, CAP(8000));
    assert_int_equal(shape.stacks, CAP(4000));
    assert_string_equal(shape.reason, "");
    shape = preflight(&machine, 8000, 4000, true);
    assert_true(shape.dense);
    assert_int_equal(shape.slots, CAP(8000));
    assert_string_equal(shape.reason, "");
}

static void stacks_are_never_more_than_slots(void **state) {
    struct preflight_machine machine = machine_typical();
    (void)state;
    assert_int_equal(preflight(&machine, 10, 4000, false).stacks, 10);
    assert_int_equal(preflight(&machine, 10, 0, false).stacks, 0);
}

static void few_mappings_mean_fewer_slots_and_stacks(void **state) {
    struct preflight_machine machine = machine_typical();
    struct engine_shape shape;

    (void)state;
    machine.mappings_max = 4096;
    machine.mappings_used = 3500;
    shape = preflight(&machine, 8000, 2000, false);
    assert_true(shape.pooled);
    assert_false(shape.dense); /* would not help */
    assert_true(shape.slots > 0 && shape.stacks > 0);
    assert_true(2 * shape.slots + 2 * shape.stacks <= 4096 - 3500 - 4096 / 8);
    assert_non_null(strstr(shape.reason, "vm.max_map_count is 4096"));
#ifndef RAMP_SMALL_POOLS
    assert_in_range(shape.slots, 30, 36); /* 84 left; a stack for every fourth slot */
    assert_in_range(shape.stacks, 7, 9);
#endif
    machine.mappings_used = 4000;
    shape = preflight(&machine, 8000, 2000, false);
    assert_int_equal(shape.slots, 0);
    assert_non_null(strstr(shape.reason, "0 of"));
}

static void a_limited_address_space_means_dense_slots(void **state) {
    struct preflight_machine machine = machine_typical();
    struct engine_shape shape;

    (void)state;
    for (uint64_t gib = 2; gib <= 512; gib *= 2) {
        uint64_t bytes;
        machine.address_max = gib * GIB;
        machine.address_used = GIB / 2;
        shape = preflight(&machine, 50, 50, false);
        assert_true(shape.pooled && shape.slots > 0 && shape.stacks > 0);
        bytes = shape.slots * (shape.dense ? ENGINE_DENSE_RESERVATION + ENGINE_DENSE_GUARD
                                           : ENGINE_RESERVATION + ENGINE_GUARD);
        assert_true(bytes < machine.address_max - machine.address_used);
        assert_int_equal(shape.dense, gib < 256);
        assert_int_equal(shape.reason[0] != 0, gib < 256);
        if (gib == 2) assert_non_null(strstr(shape.reason, "ulimit -v"));
    }
}

static void a_small_free_piece_means_dense_slots_then_none(void **state) {
    struct preflight_machine machine = machine_typical();
    struct engine_shape shape;

    (void)state;
    free_piece = 60 * GIB;
    shape = preflight(&machine, 40, 40, false);
    assert_true(shape.pooled && shape.dense);
    assert_int_equal(shape.slots, 40);
    assert_string_equal(shape.reason,
                        "40 of 40 instances, dense: the address space has no larger free piece");
    free_piece = 100 << 20;
    shape = preflight(&machine, 40, 40, false);
    assert_true(shape.pooled && shape.dense);
    assert_in_range(shape.slots, 3, 5);
    free_piece = 0; /* not even one: each instance on its own, still counted */
    shape = preflight(&machine, 40, 40, false);
    assert_false(shape.pooled);
    assert_true(shape.dense);
    assert_int_equal(shape.slots, 40);
    assert_non_null(strstr(shape.reason, "each mapped on its own"));
}

static void shapes_promise_their_mappings(void **state) {
    (void)state;
    assert_int_equal(
        preflight_promise(&(struct engine_shape){.slots = 10, .stacks = 5, .pooled = true}), 20);
    assert_int_equal(preflight_promise(&(struct engine_shape){.slots = 10, .stacks = 5}), 50);
}

static void nothing_overflows(void **state) {
    static const uint64_t values[] = {0,         1, 4096, 65530, UINT64_C(1) << 32, UINT64_MAX / 2,
                                      UINT64_MAX};
    struct preflight_machine machine = machine_typical();

    (void)state;
    for (size_t a = 0; a < COUNT(values); a++)
        for (size_t b = 0; b < COUNT(values); b++)
            for (size_t c = 0; c < COUNT(values); c++) {
                struct engine_shape shape;
                machine.mappings_max = values[a];
                machine.mappings_used = values[b] / 2;
                machine.address_max = values[c];
                machine.address_used = values[b] / 3;
                shape = preflight(&machine, UINT32_MAX, UINT32_MAX / 3, a % 2);
                assert_true(shape.stacks <= shape.slots);
                if (values[a] < values[b] / 2) assert_int_equal(shape.slots, 0);
            }
}

static void this_machine_can_be_measured(void **state) {
    struct preflight_machine machine;

    (void)state;
    preflight_measure(&machine);
    assert_true(machine.mappings_max >= 1024);
    assert_in_range(machine.mappings_used, 5, machine.mappings_max);
    assert_true(machine.address_used > 1 << 20);
    assert_true(machine.fits(1 << 20, 1 << 20));
    assert_false(machine.fits(UINT64_C(1) << 60, 1 << 20));
}

/* In a child with so little address space an engine must come up and run, not abort. */
static void run_limited(uint64_t limit_bytes, uint32_t slots_min) {
    static const char *const exports[] = {"add3"};
    struct engine_options options = engine_options_default();
    struct engine *engine;
    struct engine_module *module;
    struct engine_instance *instances[8000];
    ramp_error error;
    uint32_t count = 0;

    if (setrlimit(RLIMIT_AS, &(struct rlimit){limit_bytes, limit_bytes})) _exit(2);
    options.slots_max = 8000;
    options.stacks_max = 100;
    if (engine_new(&options, &engine, &error)) _exit(3);
    if (engine_shape(engine)->slots < slots_min || !engine_shape(engine)->dense) _exit(4);
    module = module_load(engine, "engine_misbehave", exports, 1);
    while (count < 8000 && !engine_instance_open(module, NULL, &instances[count], &error)) count++;
    if (count != engine_shape(engine)->slots || error.status != RAMP_LIMIT) _exit(5);
    for (uint32_t i = 0; i < count; i++) {
        int32_t result, arguments[3] = {(int32_t)i, 1, 1};
        enum engine_path path =
            i < engine_shape(engine)->stacks ? ENGINE_YIELDABLE : ENGINE_UNCHECKED;
        if (engine_call(instances[i], 0, path, 1000, arguments, 3, &result) != ENGINE_DONE)
            _exit(6);
        if (result != (int32_t)i + 2) _exit(7);
    }
    for (uint32_t i = 0; i < count; i++) engine_instance_close(instances[i]);
    engine_module_close(module);
    engine_free(engine);
    _exit(0);
}

static void an_engine_comes_up_under_ulimit(void **state) {
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* they need terabytes for themselves */
#endif
    for (uint64_t gib = 2; gib <= 8; gib *= 2) {
        int status;
        pid_t child = fork();
        if (!child) run_limited(gib * GIB, gib == 2 ? 40 : 100);
        waitpid(child, &status, 0);
        if (status) fail_msg("%d GiB: status %x", (int)gib, (unsigned)status);
    }
}

static void engines_share_the_mappings_of_the_process(void **state) {
    struct engine_options options = engine_options_default();
    struct engine *engines[64];
    uint64_t slots = 0;
    size_t count = 0;
    ramp_error error;
    struct preflight_machine machine;

    (void)state;
    preflight_measure(&machine);
    if (machine.mappings_max > 70000) skip(); /* too many for this test */
    options.slots_max = 6000;
    options.stacks_max = 1;
    options.dense = true;
    while (count < COUNT(engines) && !engine_new(&options, &engines[count], &error))
        slots += engine_shape(engines[count++])->slots;
#ifndef RAMP_SMALL_POOLS
    assert_true(count < COUNT(engines)); /* the last one was refused, not aborted */
    assert_int_equal(error.status, RAMP_LIMIT);
    assert_true(slots * 2 < machine.mappings_max);
    assert_true(slots > 20000);
#endif
    while (count) engine_free(engines[--count]);
    if (engine_new(&options, &engines[0], &error)) fail_msg("%s", error.message);
    engine_free(engines[0]); /* what they had promised is free again */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_typical_machine_gives_what_is_asked),
        cmocka_unit_test(stacks_are_never_more_than_slots),
        cmocka_unit_test(few_mappings_mean_fewer_slots_and_stacks),
        cmocka_unit_test(a_limited_address_space_means_dense_slots),
        cmocka_unit_test(a_small_free_piece_means_dense_slots_then_none),
        cmocka_unit_test(shapes_promise_their_mappings),
        cmocka_unit_test(nothing_overflows),
        cmocka_unit_test(this_machine_can_be_measured),
        cmocka_unit_test(an_engine_comes_up_under_ulimit),
        cmocka_unit_test(engines_share_the_mappings_of_the_process),
    };
    return cmocka_run_group_tests_name("engine/preflight", tests, NULL, NULL);
}
