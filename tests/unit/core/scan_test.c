/* SPDX-License-Identifier: Apache-2.0 */
/* scan_test.c -- every refusal of the pre-scan, one module each, and what it lets through.
 *
 * Most modules are written as bytes: a small good module of which one section is replaced. In such a
 * text two hex digits are a byte, 'quotes' a name with its length before it, and {braces} a part with
 * its length before it.
 */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/limits.h"
#include "core/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* ---- writing modules ------------------------------------------------------------------------- */

struct bytes {
    uint8_t *data;
    size_t size, cap;
};

static void put(struct bytes *out, const void *data, size_t size) {
    if (out->size + size > out->cap) {
        out->cap = (out->size + size) * 2;
        out->data = realloc(out->data, out->cap);
    }
    memcpy(out->data + out->size, data, size);
    out->size += size;
}

static void put_byte(struct bytes *out, unsigned int byte) {
    put(out, &(uint8_t){(uint8_t)byte}, 1);
}

static void put_number(struct bytes *out, uint64_t value) {
    do {
        put_byte(out, (value & 127) | (value > 127 ? 128u : 0u));
        value >>= 7;
    } while (value);
}

static unsigned int digit(char c) {
    return (unsigned int)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Up to the end or the closing brace, to which it returns. */
static const char *put_text(struct bytes *out, const char *text) {
    while (*text && *text != '}') {
        if (*text == '\'') {
            const char *end = strchr(text + 1, '\'');
            put_number(out, (uint64_t)(end - text - 1));
            put(out, text + 1, (size_t)(end - text - 1));
            text = end + 1;
        } else if (*text == '{') {
            struct bytes part = {0};
            text = put_text(&part, text + 1) + 1;
            put_number(out, part.size);
            put(out, part.size ? part.data : (const uint8_t *)"", part.size);
            free(part.data);
        } else if (*text == ' ') {
            text++;
        } else {
            put_byte(out, digit(text[0]) * 16 + digit(text[1]));
            text += 2;
        }
    }
    return text;
}

/* Sections by id in the order of a module; 0 is a custom section at the end. */
static const uint8_t order[] = {1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11, 0};
static const char *const good[16] = {
    [1] = "04 60 00 01 7f  60 00 00  60 03 7f 7f 7f 00  60 02 7f 7f 01 7f",
    [3] = "02 00 01",
    [5] = "01 00 01",
    [7] = "02 'memory' 02 00 'ramp_abi_v1' 00 00",
    [10] = "02 {00 41 00 0b} {00 0b}",
};

static struct bytes module_with(unsigned int id, const char *text) {
    struct bytes module = {0};

    put(&module, "\0asm\1\0\0\0", 8);
    for (size_t i = 0; i < sizeof(order); i++) {
        const char *section = order[i] == id ? text : good[order[i]];
        struct bytes contents = {0};
        if (!section) continue;
        put_text(&contents, section);
        put_byte(&module, order[i]);
        put_number(&module, contents.size);
        if (contents.size) put(&module, contents.data, contents.size);
        free(contents.data);
    }
    return module;
}

static ramp_status check(struct bytes module, struct scan *scan, ramp_error *error) {
    /* in a block of exactly its size, so that a sanitizer sees a read beyond */
    uint8_t *copy = malloc(module.size ? module.size : 1);
    ramp_status status;
    if (module.size) memcpy(copy, module.data, module.size);
    status = scan_module((ramp_bytes){copy, module.size}, scan, error);
    free(copy);
    return status;
}

static void refuses(struct bytes module, const char *text, const char *words) {
    struct scan scan;
    ramp_error error = {0};

    if (check(module, &scan, &error) != RAMP_REFUSED) fail_msg("accepted: %s", text);
    if (!strstr(error.message, words)) fail_msg("%s: '%s' is not '%s'", text, error.message, words);
    if (!strstr(error.message, " (at offset 0x")) fail_msg("no offset: %s", error.message);
    free(module.data);
}

static void accepts(struct bytes module, const char *text) {
    struct scan scan;
    ramp_error error;
    if (check(module, &scan, &error)) fail_msg("%s: %s", text, error.message);
    free(module.data);
}

static struct bytes read_module(const char *name) {
    struct bytes module = {0};
    char path[512];
    FILE *file;
    int c;

    snprintf(path, sizeof(path), TEST_MODULES "/%s.wasm", name);
    file = fopen(path, "rb");
    if (!file) fail_msg("no file %s", path);
    while ((c = getc(file)) != EOF) put_byte(&module, (unsigned int)c);
    fclose(file);
    return module;
}

/* ---- sections -------------------------------------------------------------------------------- */

struct refusal {
    unsigned int section;
    const char *text, *words;
};

static void check_refusals(const struct refusal *refusals, size_t count) {
    for (size_t i = 0; i < count; i++)
        refuses(module_with(refusals[i].section, refusals[i].text), refusals[i].text,
                refusals[i].words);
}

static void the_good_module_is_accepted(void **state) {
    struct bytes module = module_with(99, "");
    struct scan scan;
    ramp_error error;

    (void)state;
    if (check(module, &scan, &error)) fail_msg("%s", error.message);
    assert_int_equal(scan.handlers, 0);
    assert_int_equal(scan.memory_min, 1);
    assert_int_equal(scan.function_count, 2);
    assert_false(scan.waits || scan.initializes || scan.lines_size);
    assert_int_equal(scan_module((ramp_bytes){module.data, module.size}, &scan, NULL), RAMP_OK);
    assert_int_equal(scan_module((ramp_bytes){"x", 1}, &scan, NULL), RAMP_REFUSED);
    free(module.data);
}

static void types_are_functions_of_plain_values(void **state) {
    static const struct refusal refusals[] = {
        {1, "01 5f 00", "types other than functions are not allowed"},
        {1, "01 5e 7f 00", "types other than functions"},
        {1, "01 4e 01 60 00 00", "types other than functions"},
        {1, "01 60 01 6f 00", "externref is not allowed"},
        {1, "01 60 01 64 00 00", "typed function references are not allowed"},
        {1, "01 60 01 69 00", "exceptions are not allowed"},
        {1, "01 60 00 01 6e", "value type 0x6e is not allowed"},
        {1, "d1 0f", "the module has 2001 types, more than 2000"},
        {1, "01 60 e9 07", "1001 parameters or results in a type, more than 1000"},
        {1, "01 60 ff ff ff ff 1f", "a number is too large"},
        {1, "01 60 ff ff ff ff ff 01", "a number is too large"},
        {1, "05 60 00 01 7f  60 00 00  60 03 7f 7f 7f 00  60 02 7f 7f 01 7f", "cut off"},
        {1, "04 60 00 01 7f  60 00 00  60 03 7f 7f 7f 00  60 02 7f 7f 01 7f 00",
         "the type section is longer than its contents"},
        {3, "02 00 04", "there is no type 4"},
    };
    (void)state;
    check_refusals(refusals, COUNT(refusals));
}

static void imports_are_host_functions_of_their_type(void **state) {
    static const struct refusal refusals[] = {
        {2, "01 'env' 'abort' 00 02",
         "import 'env.abort': only imports from ramp_v1 are allowed; build"},
        {2, "01 'wasi_snapshot_preview1' 'fd_write' 00 02", "there is no WASI here"},
        {2, "01 'ramp_v2' 'log' 00 02", "import 'ramp_v2.log': only imports from ramp_v1"},
        {2, "01 'ramp_v1' 'memory' 02 00 01", "import 'ramp_v1.memory' is a memory"},
        {2, "01 'ramp_v1' 'g' 03 7f 00", "is a global: only functions can be imported"},
        {2, "01 'ramp_v1' 't' 01 70 00 01", "is a table"},
        {2, "01 'ramp_v1' 'e' 04 00 01", "is a tag"},
        {2, "01 'ramp_v1' 'x' 7e 00 01", "is a ?"},
        {2, "01 'ramp_v1' 'log' 00 04", "there is no type 4"},
        {2, "01 'ramp_v1' 'log' 00 01", "import 'log' has the wrong type; it is (i32, i32, i32)"},
        {2, "01 'ramp_v1' 'time_ms' 00 00", "import 'time_ms' has the wrong type; it is () -> i64"},
        {2, "01 'ramp_v1' 'kv_set' 00 03", "it is (i32, i32, i32, i32, i32, i64) -> i32"},
        {2, "01 'ramp_v1' 'kv_gett' 00 03",
         "this server (ramp 0.1.0) does not have host function 'kv_gett'; did you mean 'kv_get'?"},
        {2, "01 'ramp_v1' 'room_broadcst' 00 03", "did you mean 'room_broadcast'?"},
        {2, "01 'ramp_v1' 'teleport_everybody' 00 03", "host function 'teleport_everybody' (at"},
        {2, "01 'ramp_v1' 'room_send' 00 03",
         "'room_send' is reserved for a later version; this server"},
        {2, "01 'ramp_v1' 'conn_tag' 00 03", "'conn_tag' is reserved for a later version"},
        {2, "01 'ramp_v1' '' 00 03", "does not have host function ''"},
        {2, "81 01", "the module has 129 imports, more than 128"},
        {2, "01 'ramp_v1' ff ff ff ff 0f", "cut off or a size in it is wrong"},
    };
    (void)state;
    check_refusals(refusals, COUNT(refusals));
}

static void names_are_shown_short_and_printable(void **state) {
    struct bytes module;
    char text[1000] =
        "01 'ramp_v1' 1b 1b 5b 33 31 6d 0a 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 "
        "41 41 41 41 41 41 00 03";
    struct scan scan;
    ramp_error error;

    (void)state;
    module = module_with(2, text);
    assert_int_equal(check(module, &scan, &error), RAMP_REFUSED);
    assert_non_null(strstr(error.message, "'?[31m?AAAA"));
    free(module.data);
    snprintf(text, sizeof(text), "01 '%0300d' 'x' 00 03", 7);
    module = module_with(2, text);
    assert_int_equal(check(module, &scan, &error), RAMP_REFUSED);
    assert_non_null(strstr(error.message, "000...."));
    assert_true(strlen(error.message) < 200);
    free(module.data);
}

static void exports_are_those_of_the_abi(void **state) {
    static const struct refusal refusals[] = {
        {7, "01 'memory' 02 00", "lacks the export 'ramp_abi_v1'; was it built with a Ramp SDK?"},
        {7, "02 'memory' 02 00 'ramp_abi_v2' 00 00",
         "built for another guest ABI; this server (ramp 0.1.0)"},
        {7, "01 'ramp_abi_v1' 00 00", "must have a memory and export it as 'memory'"},
        {7, "02 'memory' 00 00 'ramp_abi_v1' 00 00", "export 'memory' must be the memory"},
        {7, "02 'memory' 02 00 'ramp_abi_v1' 03 00", "export 'ramp_abi_v1' must be a function"},
        {7, "02 'memory' 02 00 'ramp_abi_v1' 00 01",
         "'ramp_abi_v1' has the wrong type; it must be () -> i32"},
        {7, "02 'memory' 02 00 'ramp_abi_v1' 00 02", "there is no function 2"},
        {7, "03 'memory' 02 00 'ramp_abi_v1' 00 00 '_initialize' 00 00", "it must be () (at"},
        {7, "03 'memory' 02 00 'ramp_abi_v1' 00 00 'on_join' 00 01", "it must be (i32)"},
        {7, "03 'memory' 02 00 'ramp_abi_v1' 00 00 'on_close' 02 00",
         "'on_close' must be a function"},
        {7, "03 'memory' 02 00 'ramp_abi_v1' 00 00 'on_mesage' 00 01",
         "does not have handler 'on_mesage'; did you mean 'on_message'?"},
        {7, "03 'memory' 02 00 'ramp_abi_v1' 00 00 'on_sunrise' 00 01",
         "does not have handler 'on_sunrise'"},
        {7, "03 'memory' 02 00 'ramp_abi_v1' 00 00 'on_auth' 00 01", "'on_auth' is reserved"},
        {7, "03 'memory' 02 00 'ramp_abi_v1' 00 00 'on_room_message' 00 01", "is reserved"},
        {7, "03 'memory' 02 00 'ramp_abi_v1' 00 00 '__ramp_g0' 03 00",
         "begin with __ramp are reserved"},
        {7, "81 02", "the module has 257 exports, more than 256"},
    };
    (void)state;
    check_refusals(refusals, COUNT(refusals));
    accepts(
        module_with(7, "04 'memory' 02 00 'ramp_abi_v1' 00 00 'on_close' 00 01 'anything' 00 01"),
        "");
    accepts(module_with(
                7, "04 'memory' 02 00 'ramp_abi_v2' 00 01 'ramp_abi_v1' 00 00 '_initialize' 00 01"),
            "");
}

static void the_type_of_an_exported_import_is_found(void **state) {
    /* function 0 and 1 are imports here: re-exported under a handler's name */
    static const char *const imports = "02 'ramp_v1' 'room_conns' 00 03 'ramp_v1' 'kv_sync' 00 00";
    struct bytes module = {0};
    struct scan scan;
    ramp_error error;

    (void)state;
    put(&module, "\0asm\1\0\0\0", 8);
    for (size_t i = 0; i < sizeof(order); i++) {
        const char *section = order[i] == 2   ? imports
                              : order[i] == 7 ? "02 'memory' 02 00 'ramp_abi_v1' 00 01"
                                              : good[order[i]];
        struct bytes contents = {0};
        if (!section) continue;
        put_text(&contents, section);
        put_byte(&module, order[i]);
        put_number(&module, contents.size);
        put(&module, contents.data, contents.size);
        free(contents.data);
    }
    if (check(module, &scan, &error)) fail_msg("%s", error.message);
    assert_int_equal(scan.import_count, 2);
    assert_int_equal(scan.function_count, 4);
    free(module.data);
}

static void tables_memories_and_globals_are_plain(void **state) {
    static const struct refusal refusals[] = {
        {4, "02 70 00 01 70 00 01", "the module has 2 tables, more than 1"},
        {4, "01 6f 00 01", "externref is not allowed"},
        {4, "01 6e 00 01", "tables of anything but functions are not allowed"},
        {4, "01 40 00 70 00 01", "tables of anything but functions"},
        {4, "01 70 04 01", "tables of this kind are not allowed"},
        {4, "01 70 00 81 20", "the module has 4097 table elements, more than 4096"},
        {5, "02 00 01 00 01", "more than one memory is not allowed"},
        {5, "00", "must have a memory"},
        {5, "01 03 01 01", "shared memory is not allowed"},
        {5, "01 04 01", "64-bit memory (memory64) is not allowed"},
        {5, "01 08 01 00", "custom page sizes are not allowed"},
        {5, "01 10 01", "memory of this kind"},
        {5, "01 00 81 02", "begins with 257 pages of 64 KiB, more than 256"},
        {6, "01 70 01 d0 70 0b", "a mutable global of reference type is not allowed"},
        {6, "01 6f 00 d0 6f 0b", "externref is not allowed"},
        {6, "01 7f 02 41 00 0b", "globals of this kind"},
        {6, "01 7f 00 10 00 0b", "instruction 0x10 is not allowed in a constant"},
        {6, "01 70 00 d0 6f 0b", "ref.null of a type other than func"},
        {6, "01 7f 00 fb 00 00 0b", "WasmGC"},
        {6, "01 7f 00 41 00", "cut off"},
        {6, "91 4e", "the module has 10001 globals, more than 10000"},
        {8, "00", "a start section is not allowed; export _initialize instead"},
        {13, "01 00 01", "exceptions are not allowed"},
        {14, "00", "section 14 is unknown"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++)
        if (refusals[i].section != 14)
            refuses(module_with(refusals[i].section, refusals[i].text), refusals[i].text,
                    refusals[i].words);
    accepts(module_with(4, "01 70 01 80 20 80 20"), "table of 4096");
    accepts(module_with(5, "01 01 80 02 80 80 04"), "memory of 16 MiB, at most 4 GiB");
    accepts(module_with(6, "02 70 00 d2 00 0b 7f 01 41 01 41 02 6a 41 03 6c 0b"),
            "extended constants");
}

static void segments_are_active_and_few(void **state) {
    static const struct refusal refusals[] = {
        {9, "01 01 00 00", "passive element segments are not allowed"},
        {9, "01 05 70 00", "passive element segments are not allowed"},
        {9, "01 02 01 41 00 0b 00 00", "more than one table is not allowed"},
        {9, "01 08", "an element segment of unknown kind"},
        {9, "01 02 00 41 00 0b 01 00", "elements other than functions"},
        {9, "01 06 00 41 00 0b 6f 00", "elements other than functions"},
        {9, "01 04 41 00 0b 01 d0 6f 0b", "ref.null of a type other than func"},
        {9, "91 4e", "the module has 10001 element segments, more than 10000"},
        {11, "01 01 00", "passive data segments are not allowed"},
        {11, "01 02 01 41 00 0b 00", "more than one memory"},
        {11, "01 03", "a data segment of unknown kind"},
        {11, "01 00 41 00 0b 05 61", "cut off"},
        {11, "91 4e", "the module has 10001 data segments, more than 10000"},
    };
    (void)state;
    check_refusals(refusals, COUNT(refusals));
    accepts(module_with(9, "03 00 41 00 0b 01 01  03 00 01 00  07 70 01 d2 00 0b"), "declarative");
    accepts(module_with(11, "01 00 41 00 0b 'text'"), "data");
    accepts(module_with(12, "00"), "a count of data segments: harmless, and binaryen writes it");
}

static void sections_are_in_order_and_of_their_size(void **state) {
    static const char *const custom = "'x' 01 02 03";
    struct bytes module = module_with(99, "");

    (void)state;
    accepts(module_with(0, custom), custom);
    put(&module, "\1\1\0", 3); /* an empty type section at the end */
    refuses(module, "", "the type section is at the wrong place or there twice");
    module = module_with(99, "");
    put(&module, "\16\1\0", 3);
    refuses(module, "", "section 14 is unknown");
    module = module_with(99, "");
    put(&module, "\0\5\1x", 4);
    refuses(module, "", "a section is longer than the module");
    module = module_with(99, "");
    put(&module, "\0\2\5x", 4);
    refuses(module, "", "cut off or a size in it is wrong");
}

static void custom_sections_are_bounded_and_lines_are_found(void **state) {
    struct bytes module = module_with(0, "'ramp.lines' 01 02 03");
    struct scan scan;
    ramp_error error;

    (void)state;
    assert_int_equal(check(module, &scan, &error), RAMP_OK);
    assert_int_equal(scan.lines_size, 3);
    assert_int_equal(scan.lines_offset, module.size - 3);
    assert_memory_equal(module.data + scan.lines_offset, "\1\2\3", 3);
    for (int half = 0; half < 2; half++) {
        size_t size = (LIMIT_SCAN_CUSTOM - 20) / (half ? 1 : 2);
        uint8_t *filling = calloc(1, size);
        put_byte(&module, 0);
        put_number(&module, size);
        put(&module, filling, size);
        free(filling);
        assert_int_equal(check(module, &scan, &error), half ? RAMP_REFUSED : RAMP_OK);
    }
    refuses(module, "", "custom sections are larger than 1024 KiB in all; strip debug information");
}

/* ---- code ------------------------------------------------------------------------------------ */

static void instructions_outside_the_list_are_refused_by_name(void **state) {
    static const struct {
        const char *code, *words;
    } cases[] = {
        {"06 40 0b", "exceptions are not allowed"},
        {"08 00", "exceptions"},
        {"0a", "exceptions"},
        {"1f 40 00 0b", "exceptions"},
        {"12 00", "tail calls are not allowed"},
        {"13 00 00", "tail calls"},
        {"14 00", "typed function references"},
        {"15 00", "typed function references"},
        {"d4", "typed function references"},
        {"d3", "WasmGC"},
        {"fb 00 00", "garbage collection (WasmGC) is not allowed"},
        {"e0 00", "stack switching"},
        {"26 00", "table.set is not allowed: tables never change"},
        {"fc 08 00 00", "memory.init is not allowed"},
        {"fc 09 00", "data.drop is not allowed"},
        {"fc 0c 00 00", "table.init is not allowed"},
        {"fc 0d 00", "elem.drop is not allowed"},
        {"fc 0e 00 00", "table.copy is not allowed"},
        {"fc 0f 00", "table.grow is not allowed"},
        {"fc 11 00", "table.fill is not allowed"},
        {"fc 8c 00 00 00", "table.init is not allowed"}, /* the same, in more bytes */
        {"fc 12", "instruction 0xfc 18 is not allowed"},
        {"fc 13", "wide arithmetic"},
        {"fc ff 01", "instruction 0xfc 255"},
        {"fd 80 02", "relaxed SIMD is not allowed"},
        {"fd 93 02", "relaxed SIMD"},
        {"fd b0 02", "instruction 0xfd 304 is not allowed"},
        {"fe 10 02 00", "threads (atomic instructions) are not allowed"},
        {"fe 03 00", "threads"},
        {"ff", "instruction 0xff is not allowed"},
        {"c5", "instruction 0xc5 is not allowed"},
        {"28 42 01 00", "more than one memory is not allowed"},
        {"3f 01", "more than one memory"},
        {"40 01", "more than one memory"},
        {"fc 0a 00 01", "more than one memory"},
        {"fc 0b 01", "more than one memory"},
        {"fd 00 44 01 00", "more than one memory"},
        {"25 01", "more than one table"},
        {"fc 10 01", "more than one table"},
        {"11 00 01", "more than one table"},
        {"d0 6f", "ref.null of a type other than func"},
        {"1c 01 6f", "externref is not allowed"},
        {"1c 02 7f 7f", "select with 2 types"},
        {"02 6f 0b", "externref"},
        {"41 80 80 80 80 80 00", "a number is too large"},
        {"42 80 80 80 80 80 80 80 80 80 80 00", "a number is too large"},
        {"fd 0c 00 01 02", "cut off"},
        {"0b 0b", "a function is longer than its last instruction"},
        {"02 40", "cut off"},
        {"0e a1 8d 06", "br_table has more than 100000 entries in all functions"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[200];
        snprintf(text, sizeof(text), "02 {00 41 00 0b} {00 %s 0b}", cases[i].code);
        refuses(module_with(10, text), cases[i].code, cases[i].words);
        /* the offset is that of the instruction: 4 bytes before the module's end, at least */
    }
}

static void the_offset_is_that_of_the_instruction(void **state) {
    struct bytes module = module_with(10, "02 {00 41 00 0b} {00 01 01 26 00 0b}");
    char words[64];

    (void)state;
    snprintf(words, sizeof(words), "tables never change (at offset 0x%zx)", module.size - 3);
    refuses(module, "table.set", words);
}

static void functions_and_their_code_match(void **state) {
    static const struct refusal refusals[] = {
        {10, "01 {00 41 00 0b}", "2 functions are declared and 1 have code"},
        {10, "02 {00 41 00 0b} 20 00 0b", "function 1 is longer than the code section"},
        {10, "02 {00 41 00 0b} {00 0b} 00", "the code section is longer than its contents"},
        {10, "02 {00 41 00 0b} {}", "cut off"},
        {10, "02 {00 41 00 0b} {01 91 4e 7f 0b}", "a function has more than 10000 locals"},
        {10, "02 {00 41 00 0b} {02 88 27 7f 89 27 7f 0b}", "a function has more than 10000 locals"},
        {10, "02 {00 41 00 0b} {02 01 7f ff ff ff ff 0f 7f 0b}",
         "a function has more than 10000 locals"},
        {10, "02 {00 41 00 0b} {01 01 6f 0b}", "externref"},
    };
    struct bytes module;

    (void)state;
    check_refusals(refusals, COUNT(refusals));
    accepts(module_with(10, "02 {00 41 00 0b} {01 90 4e 7f 0b}"), "10,000 locals");
    module = module_with(10, "00");
    refuses(module, "no code", "2 functions are declared and 0 have code");
}

/* Modules of many functions: what they have in all is bounded, too. */
static struct bytes many(uint32_t functions, const char *body) {
    struct bytes module = {0}, part = {0}, code = {0};

    put_text(&code, body);
    put(&module, "\0asm\1\0\0\0", 8);
    put_text(&module, "01 {02 60 00 01 7f  60 00 00}");
    put_number(&part, functions);
    for (uint32_t i = 0; i < functions; i++) put_byte(&part, i ? 1 : 0);
    put_byte(&module, 3);
    put_number(&module, part.size);
    put(&module, part.data, part.size);
    put_text(&module, "05 {01 00 01} 07 {02 'memory' 02 00 'ramp_abi_v1' 00 00}");
    part.size = 0;
    put_number(&part, functions);
    put_text(&part, "{00 41 00 0b}");
    for (uint32_t i = 1; i < functions; i++) put(&part, code.data, code.size);
    put_byte(&module, 10);
    put_number(&module, part.size);
    put(&module, part.data, part.size);
    free(part.data);
    free(code.data);
    return module;
}

static void what_all_functions_have_is_bounded(void **state) {
    (void)state;
    accepts(many(20000, "{00 0b}"), "20,000 functions");
    refuses(many(20001, "{00 0b}"), "20,001 functions",
            "the module has 20001 functions, more than 20000");
    accepts(many(101, "{01 90 4e 7f 0b}"), "1,000,000 locals");
    refuses(many(102, "{01 90 4e 7f 0b}"), "1,010,000 locals",
            "all functions have more than 1000000 locals");
    /* 4 entries and a default */
    accepts(many(1001, "{00 02 40 41 00 0e 04 00 00 00 00 00 0b 0b}"), "4,000 entries");
    refuses(many(20000, "{00 02 40 41 00 0e 06 00 00 00 00 00 00 00 0b 0b}"), "120,000 entries",
            "br_table has more than 100000 entries");
}

/* ---- whole modules --------------------------------------------------------------------------- */

static void everything_that_is_allowed_is_accepted(void **state) {
    struct bytes module = read_module("scan_good_all");
    struct scan scan;
    ramp_error error;

    (void)state;
    if (check(module, &scan, &error)) fail_msg("%s", error.message);
    assert_int_equal(scan.handlers, (1u << SCAN_HANDLERS) - 1);
    assert_true(scan.waits);
    assert_true(scan.initializes);
    assert_int_equal(scan.import_count, 28);
    assert_int_equal(scan.memory_min, 2);
    assert_int_equal(scan.table_min, 8);
    assert_int_equal(scan.global_count, 5);
    free(module.data);
}

static void refused_features_are_named(void **state) {
    static const struct {
        const char *module, *words;
    } cases[] = {
        {"scan_refuse_atomic", "threads (atomic instructions) are not allowed"},
        {"scan_refuse_exception", "exceptions are not allowed"},
        {"scan_refuse_memory64", "64-bit memory (memory64) is not allowed"},
        {"scan_refuse_multi_memory", "more than one memory is not allowed"},
        {"scan_refuse_relaxed_simd", "relaxed SIMD is not allowed"},
        {"scan_refuse_shared_memory", "shared memory is not allowed"},
        {"scan_refuse_tail_call", "tail calls are not allowed"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        refuses(read_module(cases[i].module), cases[i].module, cases[i].words);
}

static void no_prefix_of_a_good_module_is_accepted(void **state) {
    struct bytes module = read_module("scan_good_all");
    struct scan scan;
    ramp_error error;
    size_t accepted = 0;

    (void)state;
    for (size_t size = 0; size < module.size; size++) {
        struct bytes prefix = {.data = module.data, .size = size};
        accepted += check(prefix, &scan, &error) == RAMP_OK;
    }
    /* but the one that ends after the code: the data may be missing */
    assert_int_equal(accepted, 1);
    free(module.data);
}

static void other_files_are_refused(void **state) {
    struct bytes module = {0};
    struct scan scan;
    ramp_error error;

    (void)state;
    refuses((struct bytes){0}, "empty", "this is not a WebAssembly module in binary form");
    put(&module, "(module)", 8);
    refuses(module, "text", "this is not a WebAssembly module in binary form");
    module = (struct bytes){0};
    put(&module, "\0asm\x0d\0\1\0", 8);
    refuses(module, "component", "this is a WebAssembly component; a core module is needed");
    module = (struct bytes){0};
    put(&module, "\0asm\1\0\0\0", 8);
    refuses(module, "header", "must have a memory");
    assert_int_equal(scan_module((ramp_bytes){"", LIMIT_MODULE_SIZE + 1}, &scan, &error),
                     RAMP_REFUSED);
    assert_string_equal(error.message, "the module has 4194305 bytes, more than 4194304");
}

/* Every byte of a good module is changed in some ways: nothing may crash, whatever the answer. */
static void damaged_modules_do_no_harm(void **state) {
    struct bytes module = read_module("scan_good_all");
    static const uint8_t values[] = {0x00, 0x01, 0x0b, 0x7f, 0x80, 0xff};
    struct scan scan;
    ramp_error error;

    (void)state;
    for (size_t i = 0; i < module.size; i++) {
        uint8_t kept = module.data[i];
        for (size_t j = 0; j < sizeof(values); j++) {
            module.data[i] = values[j];
            (void)!check(module, &scan, &error);
        }
        module.data[i] = kept;
    }
    free(module.data);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Below 100 ms for the largest upload, also for one made to be slow. */
static void the_largest_modules_are_scanned_quickly(void **state) {
    struct bytes module = {0}, code = {0}, part = {0}, exports = {0}, types = {0};
    double before;

    (void)state;
    put_text(&code, "00");
    while (code.size < LIMIT_MODULE_SIZE - 400) put_byte(&code, 0x01);
    put_text(&code, "0b");
    put_text(&part, "02 {00 41 00 0b}");
    put_number(&part, code.size);
    put(&part, code.data, code.size);
    put(&module, "\0asm\1\0\0\0", 8);
    put_text(&module, "01 {02 60 00 01 7f  60 00 00} 03 {02 00 01} 05 {01 00 01} "
                      "07 {02 'memory' 02 00 'ramp_abi_v1' 00 00}");
    put_byte(&module, 10);
    put_number(&module, part.size);
    put(&module, part.data, part.size);
    free(part.data);
    before = seconds();
    accepts(module, "4 MiB of nop");
    print_message("4 MiB of instructions: %.1f ms\n", (seconds() - before) * 1e3);
    free(code.data);

    /* 250 handlers of the last of 20,000 functions, whose type is the last of 2,000 with 900 values */
    module = (struct bytes){0};
    put(&module, "\0asm\1\0\0\0", 8);
    put_number(&types, 2000);
    for (int i = 0; i < 2000; i++) {
        put_text(&types, "60 84 07");
        for (int j = 0; j < 900; j++) put_byte(&types, 0x7f);
        put_byte(&types, 0);
    }
    put_byte(&module, 1);
    put_number(&module, types.size);
    put(&module, types.data, types.size);
    put_byte(&module, 3);
    put_number(&module, 3 + 2 * 20000);
    put_number(&module, 20000);
    for (int i = 0; i < 20000; i++) put_text(&module, "cf 0f");
    put_text(&exports, "fa 01");
    for (int i = 0; i < 250; i++) put_text(&exports, "'on_close' 00 9f 9c 01");
    put_byte(&module, 7);
    put_number(&module, exports.size);
    put(&module, exports.data, exports.size);
    before = seconds();
    refuses(module, "slow exports", "'on_close' has the wrong type");
    print_message("exports of far types: %.1f ms\n", (seconds() - before) * 1e3);
    free(types.data);
    free(exports.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_good_module_is_accepted),
        cmocka_unit_test(types_are_functions_of_plain_values),
        cmocka_unit_test(imports_are_host_functions_of_their_type),
        cmocka_unit_test(names_are_shown_short_and_printable),
        cmocka_unit_test(exports_are_those_of_the_abi),
        cmocka_unit_test(the_type_of_an_exported_import_is_found),
        cmocka_unit_test(tables_memories_and_globals_are_plain),
        cmocka_unit_test(segments_are_active_and_few),
        cmocka_unit_test(sections_are_in_order_and_of_their_size),
        cmocka_unit_test(custom_sections_are_bounded_and_lines_are_found),
        cmocka_unit_test(instructions_outside_the_list_are_refused_by_name),
        cmocka_unit_test(the_offset_is_that_of_the_instruction),
        cmocka_unit_test(functions_and_their_code_match),
        cmocka_unit_test(what_all_functions_have_is_bounded),
        cmocka_unit_test(everything_that_is_allowed_is_accepted),
        cmocka_unit_test(refused_features_are_named),
        cmocka_unit_test(no_prefix_of_a_good_module_is_accepted),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(damaged_modules_do_no_harm),
        cmocka_unit_test(the_largest_modules_are_scanned_quickly),
    };
    return cmocka_run_group_tests_name("core/scan", tests, NULL, NULL);
}
