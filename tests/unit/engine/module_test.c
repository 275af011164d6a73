/* SPDX-License-Identifier: Apache-2.0 */
/* module_test.c -- compiling, loading from memory and from a file, with other bytes behind the code. */
#include "support.h"

#include <unistd.h>

static const char *const exports[] = {"add3", "missing"};

struct rig {
    struct engine *engine, *compiler;
    ramp_bytes wasm, code;
};

static struct engine *compiler_new(bool fast, bool dense) {
    struct engine_options options = {.compile_only = true, .fast_compile = fast, .dense = dense};
    struct engine *engine;
    ramp_error error;
    if (engine_new(&options, &engine, &error)) fail_msg("%s", error.message);
    return engine;
}

static int setup(void **state) {
    struct rig *rig = calloc(1, sizeof(*rig));
    ramp_error error;
    rig->engine = engine_start(false);
    rig->compiler = compiler_new(false, false);
    rig->wasm = read_module("engine_misbehave");
    if (engine_compile(rig->compiler, rig->wasm, &rig->code, &error)) fail_msg("%s", error.message);
    *state = rig;
    return 0;
}

static int teardown(void **state) {
    struct rig *rig = *state;
    engine_code_free(rig->code);
    free((void *)(uintptr_t)rig->wasm.data);
    engine_free(rig->compiler);
    engine_free(rig->engine);
    free(rig);
    return 0;
}

/* Opens an instance and adds three numbers. */
static void check_module(struct engine_module *module) {
    struct engine_instance *instance = instance_open(module, NULL);
    int32_t result = 0;

    assert_true(engine_module_has(module, 0));
    assert_false(engine_module_has(module, 1));
    assert_false(engine_module_has(module, 2));
    assert_int_equal(
        engine_call(instance, 0, ENGINE_UNCHECKED, 9, (int32_t[]){1, 2, 3}, 3, &result),
        ENGINE_DONE);
    assert_int_equal(result, 6);
    engine_instance_close(instance);
    engine_module_close(module);
}

static ramp_status open_code(struct engine *engine, ramp_bytes code, struct engine_module **module,
                             ramp_error *error) {
    return engine_module_open(engine, NULL, code, exports, COUNT(exports), module, error);
}

static void code_of_a_compile_only_engine_loads_into_a_pool(void **state) {
    struct rig *rig = *state;
    struct engine_module *module;
    ramp_error error;

    if (open_code(rig->engine, rig->code, &module, &error)) fail_msg("%s", error.message);
    check_module(module);
}

static void fast_code_loads_as_well(void **state) {
    struct rig *rig = *state;
    struct engine *fast = compiler_new(true, false);
    struct engine_module *module;
    ramp_bytes code;
    ramp_error error;

    assert_int_equal(engine_compile(fast, rig->wasm, &code, &error), RAMP_OK);
    if (open_code(rig->engine, code, &module, &error)) fail_msg("%s", error.message);
    check_module(module);
    engine_code_free(code);
    engine_free(fast);
}

static void dense_code_is_refused_by_an_engine_that_is_not(void **state) {
    struct rig *rig = *state;
    struct engine *dense = compiler_new(false, true);
    struct engine_module *module;
    ramp_bytes code;
    ramp_error error;

    assert_int_equal(engine_compile(dense, rig->wasm, &code, &error), RAMP_OK);
    assert_int_equal(open_code(rig->engine, code, &module, &error), RAMP_REFUSED);
    assert_non_null(strstr(error.message, "the compiled module cannot be loaded: "));
    engine_code_free(code);
    engine_free(dense);
}

static void bytes_after_the_code_are_ignored(void **state) {
    struct rig *rig = *state;
    static const size_t tails[] = {0, 1, 7, 8, 4095, 4096, 100000};
    struct engine_module *module;
    ramp_error error;

    for (size_t i = 0; i < COUNT(tails); i++) {
        char path[] = "/tmp/ramp-module-test-XXXXXX";
        int fd = mkstemp(path);
        uint8_t *data = malloc(rig->code.size + tails[i]);

        memcpy(data, rig->code.data, rig->code.size);
        memset(data + rig->code.size, 0x7f, tails[i]);
        assert_int_equal(write(fd, data, rig->code.size + tails[i]), rig->code.size + tails[i]);
        close(fd);
        if (open_code(rig->engine, (ramp_bytes){data, rig->code.size + tails[i]}, &module, &error))
            fail_msg("%zu bytes more in memory: %s", tails[i], error.message);
        check_module(module);
        if (engine_module_open(rig->engine, path, (ramp_bytes){0}, exports, COUNT(exports), &module,
                               &error))
            fail_msg("%zu bytes more in a file: %s", tails[i], error.message);
        unlink(path); /* may go while it is mapped */
        check_module(module);
        free(data);
    }
}

static void cut_code_is_refused(void **state) {
    struct rig *rig = *state;
    struct engine_module *module;
    ramp_error error;

    /* the section table is at the end of the image, so whatever is missing is noticed */
    for (size_t size = 0; size < rig->code.size; size += size < 64 ? 1 : 997)
        assert_int_equal(
            open_code(rig->engine, (ramp_bytes){rig->code.data, size}, &module, &error),
            RAMP_REFUSED);
    assert_int_equal(
        open_code(rig->engine, (ramp_bytes){rig->code.data, rig->code.size - 1}, &module, &error),
        RAMP_REFUSED);
    assert_int_equal(engine_module_open(rig->engine, "/nowhere/at/all", (ramp_bytes){0}, exports, 2,
                                        &module, &error),
                     RAMP_REFUSED);
}

static void invalid_modules_are_refused_with_the_validators_words(void **state) {
    struct rig *rig = *state;
    static const uint8_t type_error[] = {0, 'a', 's', 'm', 1, 0,  0, 0, 1, 4, 1,    0x60, 0,
                                         0, 3,   2,   1,   0, 10, 6, 1, 4, 0, 0x41, 0,    0x0b};
    ramp_bytes code;
    ramp_error error;

    assert_int_equal(
        engine_compile(rig->compiler, (ramp_bytes){type_error, sizeof(type_error)}, &code, &error),
        RAMP_REFUSED);
    assert_non_null(strstr(error.message, "the module is not valid: "));
    assert_non_null(strstr(error.message, "type mismatch"));
    if (!strstr(error.message, "offset 0x19")) fail_msg("%s", error.message);
    assert_int_equal(engine_compile(rig->compiler, (ramp_bytes){"", 0}, &code, &error),
                     RAMP_REFUSED);
    assert_int_equal(engine_compile(rig->compiler, (ramp_bytes){"text", 4}, &code, &error),
                     RAMP_REFUSED);
}

/* The pre-scan refuses these first; if it ever let one through, the engine must refuse it. */
static void features_outside_the_list_are_refused_by_the_engine_too(void **state) {
    static const char *const names[] = {
        "scan_refuse_atomic",       "scan_refuse_exception",    "scan_refuse_memory64",
        "scan_refuse_multi_memory", "scan_refuse_relaxed_simd", "scan_refuse_shared_memory",
        "scan_refuse_tail_call",
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < COUNT(names); i++) {
        ramp_bytes wasm = read_module(names[i]), code;
        ramp_error error;
        if (engine_compile(rig->compiler, wasm, &code, &error) != RAMP_REFUSED)
            fail_msg("%s was compiled", names[i]);
        free((void *)(uintptr_t)wasm.data);
    }
}

static void an_unknown_import_is_refused_when_linking(void **state) {
    struct rig *rig = *state;
    ramp_bytes wasm = read_module("scan_good_all"), code;
    struct engine_module *module;
    ramp_error error;

    assert_int_equal(engine_compile(rig->compiler, wasm, &code, &error), RAMP_OK);
    assert_int_equal(open_code(rig->engine, code, &module, &error), RAMP_REFUSED);
    assert_non_null(strstr(error.message, "the module cannot be linked: unknown import"));
    engine_code_free(code);
    free((void *)(uintptr_t)wasm.data);
}

static void an_engine_that_cannot_be_is_refused(void **state) {
    struct engine_options options = engine_options_default();
    struct engine *engine;
    ramp_error error;

    (void)state;
    options.memory_max = LIMIT_MEMORY + 1;
    assert_int_equal(engine_new(&options, &engine, &error), RAMP_ARGS);
    options.memory_max = LIMIT_MEMORY;
    options.slots_max = 0;
    assert_int_equal(engine_new(&options, &engine, &error), RAMP_ARGS);
}

static void keys_name_what_code_depends_on(void **state) {
    (void)state;
    assert_int_equal(strncmp(engine_version(), "wasmtime 48.", 12), 0);
    assert_non_null(strstr(engine_key(false, false), engine_version()));
    assert_string_equal(engine_key(true, true), engine_key(true, true));
    assert_string_not_equal(engine_key(false, false), engine_key(true, false));
    assert_string_not_equal(engine_key(false, false), engine_key(false, true));
    assert_string_not_equal(engine_key(true, false), engine_key(false, true));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_of_a_compile_only_engine_loads_into_a_pool),
        cmocka_unit_test(fast_code_loads_as_well),
        cmocka_unit_test(dense_code_is_refused_by_an_engine_that_is_not),
        cmocka_unit_test(bytes_after_the_code_are_ignored),
        cmocka_unit_test(cut_code_is_refused),
        cmocka_unit_test(invalid_modules_are_refused_with_the_validators_words),
        cmocka_unit_test(features_outside_the_list_are_refused_by_the_engine_too),
        cmocka_unit_test(an_unknown_import_is_refused_when_linking),
        cmocka_unit_test(an_engine_that_cannot_be_is_refused),
        cmocka_unit_test(keys_name_what_code_depends_on),
    };
    return cmocka_run_group_tests_name("engine/module", tests, setup, teardown);
}
