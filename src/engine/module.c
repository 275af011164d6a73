/* SPDX-License-Identifier: Apache-2.0 */
/* module.c -- compiling modules, and loading what was compiled.
 *
 * Door:     engine_compile(), engine_module_open().
 * Before:   core/scan.c, which has refused what we do not allow; the engine validates the rest.
 * After:    instance.c.
 *
 * Compiled code is an ELF image. Bytes that follow it are ignored when it is loaded, from a file as
 * from memory (tests/unit/engine/module_test.c holds the engine to that), so that a caller can append
 * records of its own to the same file. A file must not change while it is mapped: the code is read
 * lazily, and a truncated file means SIGBUS.
 */
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* "Invalid input WebAssembly code at offset 25: what": the offset goes behind, as in core/scan.c. */
static ramp_status invalid(wasmtime_error_t *error, ramp_error *reterr) {
    static const char prefix[] = "Invalid input WebAssembly code at offset ";
    char text[200], *end;
    unsigned long long offset;

    engine_error_text(error, text, sizeof(text));
    wasmtime_error_delete(error);
    if (strncmp(text, prefix, sizeof(prefix) - 1))
        return error_set(reterr, RAMP_REFUSED, "the module is not valid: %s", text);
    offset = strtoull(text + sizeof(prefix) - 1, &end, 10);
    while (*end == ':' || *end == ' ') end++;
    return error_set(reterr, RAMP_REFUSED, "the module is not valid: %s (at offset 0x%llx)", end,
                     offset);
}

static ramp_status refused(wasmtime_error_t *error, const char *what, ramp_error *reterr) {
    char text[200];
    engine_error_text(error, text, sizeof(text));
    wasmtime_error_delete(error);
    return error_set(reterr, RAMP_REFUSED, "%s: %s", what, text);
}

/* ---- compiling ------------------------------------------------------------------------------- */

ramp_status engine_compile(struct engine *engine, ramp_bytes wasm, ramp_bytes *ret_code,
                           ramp_error *reterr) {
    wasmtime_module_t *module;
    wasm_byte_vec_t code;
    wasmtime_error_t *error = wasmtime_module_new(engine->wasm, wasm.data, wasm.size, &module);

    if (error) return invalid(error, reterr);
    error = wasmtime_module_serialize(module, &code);
    wasmtime_module_delete(module);
    if (error) return refused(error, "the module cannot be compiled", reterr);
    *ret_code = (ramp_bytes){code.data, code.size};
    return RAMP_OK;
}

void engine_code_free(ramp_bytes code) {
    wasm_byte_vec_t vector = {code.size, (wasm_byte_t *)(uintptr_t)code.data};
    if (code.data) wasm_byte_vec_delete(&vector);
}

/* ---- loading --------------------------------------------------------------------------------- */

static bool name_is(const wasm_name_t *name, const char *text) {
    return name->size == strlen(text) && !memcmp(name->data, text, name->size);
}

/* Does the module import the suspending function? */
static bool find_wait(const struct engine *engine, const wasmtime_module_t *code) {
    const struct engine_options *options = &engine->options;
    wasm_importtype_vec_t imports;
    bool found = false;

    wasmtime_module_imports(code, &imports);
    for (size_t i = 0; i < imports.size; i++)
        for (size_t j = 0; j < options->import_count; j++)
            if (!options->imports[j].function &&
                name_is(wasm_importtype_name(imports.data[i]), options->imports[j].name))
                found = true;
    wasm_importtype_vec_delete(&imports);
    return found;
}

static bool all_i32(const wasm_valtype_vec_t *types) {
    for (size_t i = 0; i < types->size; i++)
        if (wasm_valtype_kind(types->data[i]) != WASM_I32) return false;
    return true;
}

/* Notes the shape of one of the exports that we call. False if it is none that we can call. */
static bool note_export(struct engine_export *export, const wasm_externtype_t *type) {
    const wasm_functype_t *function = wasm_externtype_as_functype_const(type);
    const wasm_valtype_vec_t *parameters, *results;

    if (!function) return false;
    parameters = wasm_functype_params(function);
    results = wasm_functype_results(function);
    if (parameters->size > ENGINE_ARGUMENTS_MAX || results->size > 1) return false;
    if (!all_i32(parameters) || !all_i32(results)) return false;
    export->present = true;
    export->parameter_count = (uint8_t)parameters->size;
    export->result_count = (uint8_t)results->size;
    return true;
}

static ramp_status find_exports(struct engine_module *module, const wasmtime_module_t *code,
                                ramp_error *reterr) {
    wasm_exporttype_vec_t exports;
    ramp_status status = RAMP_OK;
    bool memory = false;

    wasmtime_module_exports(code, &exports);
    for (size_t i = 0; i < exports.size && !status; i++) {
        const wasm_name_t *name = wasm_exporttype_name(exports.data[i]);
        const wasm_externtype_t *type = wasm_exporttype_type(exports.data[i]);

        if (name_is(name, "memory")) memory = wasm_externtype_kind(type) == WASM_EXTERN_MEMORY;
        for (size_t j = 0; j < module->export_count; j++)
            if (name_is(name, module->exports[j].name) && !note_export(&module->exports[j], type))
                status =
                    error_set(reterr, RAMP_REFUSED, "export '%s' is not a function of its kind",
                              module->exports[j].name);
    }
    wasm_exporttype_vec_delete(&exports);
    if (!status && !memory)
        status = error_set(reterr, RAMP_REFUSED, "the module exports no memory named 'memory'");
    return status;
}

static ramp_status open_code(struct engine *engine, const char *path, ramp_bytes code,
                             wasmtime_module_t **ret_code, ramp_error *reterr) {
    wasmtime_error_t *error =
        path ? wasmtime_module_deserialize_file(engine->wasm, path, ret_code)
             : wasmtime_module_deserialize(engine->wasm, code.data, code.size, ret_code);
    return error ? refused(error, "the compiled module cannot be loaded", reterr) : RAMP_OK;
}

ramp_status engine_module_open(struct engine *engine, const char *path, ramp_bytes code,
                               const char *const *exports, size_t export_count,
                               struct engine_module **ret_module, ramp_error *reterr) {
    struct engine_module *module =
        mem_zalloc(sizeof(*module) + export_count * sizeof(module->exports[0]));
    wasmtime_module_t *loaded = NULL;
    wasmtime_error_t *error;
    ramp_status status = RAMP_NO_MEMORY;

    assert(engine->linker);
    if (!module) {
        error_set(reterr, status, "no memory for a module");
        goto fail;
    }
    module->engine = engine;
    module->export_count = export_count;
    for (size_t i = 0; i < export_count; i++) module->exports[i].name = exports[i];

    status = open_code(engine, path, code, &loaded, reterr);
    if (status) goto fail;
    status = find_exports(module, loaded, reterr);
    if (status) goto fail;
    module->waits = find_wait(engine, loaded);
    error = wasmtime_linker_instantiate_pre(engine->linker, loaded, &module->prepared);
    if (error) {
        status = refused(error, "the module cannot be linked", reterr);
        goto fail;
    }
    wasmtime_module_delete(loaded); /* `prepared` holds a reference */
    *ret_module = module;
    return RAMP_OK;

fail:
    if (loaded) wasmtime_module_delete(loaded);
    engine_module_close(module);
    return status;
}

void engine_module_close(struct engine_module *module) {
    if (!module) return;
    assert(!module->instance_count);
    if (module->prepared) wasmtime_instance_pre_delete(module->prepared);
    mem_free(module);
}

bool engine_module_has(const struct engine_module *module, size_t export_index) {
    return export_index < module->export_count && module->exports[export_index].present;
}

bool engine_module_waits(const struct engine_module *module) {
    return module->waits;
}
