/* SPDX-License-Identifier: Apache-2.0 */
/* wasm_names.c -- which functions a module imports and exports; see wasm_names.h. */
#include "cli/wasm_names.h"

#include <stdint.h>
#include <string.h>

enum { SECTION_IMPORT = 2, SECTION_EXPORT = 7 };
enum { KIND_FUNCTION, KIND_TABLE, KIND_MEMORY, KIND_GLOBAL };

struct cursor {
    const uint8_t *at, *end;
    bool failed;
};

static uint8_t take_byte(struct cursor *cursor) {
    if (cursor->at == cursor->end) {
        cursor->failed = true;
        return 0;
    }
    return *cursor->at++;
}

static uint32_t take_number(struct cursor *cursor) {
    uint32_t number = 0;

    for (unsigned shift = 0; shift < 35; shift += 7) {
        uint8_t byte = take_byte(cursor);
        number |= (uint32_t)(byte & 0x7F) << (shift & 31);
        if (!(byte & 0x80)) return number;
    }
    cursor->failed = true;
    return 0;
}

static struct cursor take_run(struct cursor *cursor, size_t size) {
    struct cursor run = {cursor->at, cursor->at, cursor->failed};

    if (cursor->failed || size > (size_t)(cursor->end - cursor->at)) {
        cursor->failed = run.failed = true;
        return run;
    }
    run.end = cursor->at += size;
    return run;
}

static void skip_limits(struct cursor *cursor) {
    uint8_t flags = take_byte(cursor);
    take_number(cursor);
    if (flags & 1) take_number(cursor);
}

/* What an import says after its kind. */
static void skip_description(struct cursor *cursor, uint8_t kind) {
    switch (kind) {
    case KIND_FUNCTION: take_number(cursor); break;
    case KIND_TABLE:
        take_byte(cursor);
        skip_limits(cursor);
        break;
    case KIND_MEMORY: skip_limits(cursor); break;
    case KIND_GLOBAL: take_run(cursor, 2); break;
    default: cursor->failed = true;
    }
}

typedef void (*name_fn)(void *context, bool is_import, const char *name, size_t name_size);

static void read_section(struct cursor section, bool is_import, name_fn each, void *context) {
    uint32_t count = take_number(&section);

    for (uint32_t i = 0; i < count && !section.failed; i++) {
        if (is_import) take_run(&section, take_number(&section));
        struct cursor name = take_run(&section, take_number(&section));
        uint8_t kind = take_byte(&section);
        if (is_import) skip_description(&section, kind);
        else take_number(&section);
        if (!section.failed && kind == KIND_FUNCTION)
            each(context, is_import, (const char *)name.at, (size_t)(name.end - name.at));
    }
}

void wasm_names(const void *wasm, size_t size, name_fn each, void *context) {
    struct cursor cursor = {wasm, (const uint8_t *)wasm + size, false};
    struct cursor head = take_run(&cursor, 8);

    if (head.failed || memcmp(head.at, "\0asm\1\0\0\0", 8) != 0) return;
    while (cursor.at < cursor.end && !cursor.failed) {
        uint8_t id = take_byte(&cursor);
        struct cursor section = take_run(&cursor, take_number(&cursor));
        if (section.failed) return;
        if (id == SECTION_IMPORT || id == SECTION_EXPORT)
            read_section(section, id == SECTION_IMPORT, each, context);
    }
}
