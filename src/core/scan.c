/* SPDX-License-Identifier: Apache-2.0 */
/* scan.c -- walks the sections of an uploaded module. Door, and what is refused: scan.h.
 *
 * Types and functions are not copied: an import or export that has to be looked at finds its type by
 * walking those (checked) sections again, of at most 2,000 and 20,000 entries.
 */
#include "core/scan.h"

#include "base/error.h"
#include "base/limits.h"
#include "core/scan_internal.h"

#include <stdio.h>
#include <string.h>

#define PAGE            65536u
#define NAME_SHOWN      64    /* bytes of a name in a sentence */
#define TYPE_VALUES_MAX 1000u /* parameters or results of one type, as engines have it */

enum section {
    CUSTOM,
    TYPE,
    IMPORT,
    FUNCTION,
    TABLE,
    MEMORY,
    GLOBAL,
    EXPORT,
    START,
    ELEMENT,
    CODE,
    DATA,
    DATA_COUNT,
    TAG,
    SECTIONS
};
static const char *const section_names[SECTIONS] = {
    "custom", "type",  "import",  "function", "table", "memory",     "global",
    "export", "start", "element", "code",     "data",  "data count", "tag",
};
/* Their order in a module. */
static const uint8_t section_ranks[SECTIONS] = {
    [TYPE] = 1,        [IMPORT] = 2, [FUNCTION] = 3, [TABLE] = 4, [MEMORY] = 5,
    [TAG] = 6,         [GLOBAL] = 7, [EXPORT] = 8,   [START] = 9, [ELEMENT] = 10,
    [DATA_COUNT] = 11, [CODE] = 12,  [DATA] = 13,
};

struct walk {
    struct scan_reader reader;
    struct scan *scan;
    uint32_t type_count, defined_count; /* defined_count: of functions that are not imported */
    size_t types_at, imports_at, functions_at; /* first entries */
    size_t custom_size;
    uint8_t rank;
    bool has_memory, exports_memory, exports_abi, has_code;
    bool other_abi; /* exports ramp_abi_v<n>, and perhaps not ramp_abi_v1 */
};

/* ---- the ABI --------------------------------------------------------------------------------- */

struct signature {
    const char *name, *parameters; /* letters: I i64, others i32 */
    char result;                   /* i i32, I i64, v none */
};

static const struct signature hostcalls[] = {
#define HOSTCALL(name, kind, parameters, result, names, doc) {#name, parameters, result},
#define HANDLER(name, parameters, names, doc)
#include "core/hostcalls.def"
#undef HANDLER
#undef HOSTCALL
};

static const struct signature handlers[] = {
#define HOSTCALL(name, kind, parameters, result, names, doc)
#define HANDLER(name, parameters, names, doc) {#name, parameters, 'v'},
#include "core/hostcalls.def"
#undef HANDLER
#undef HOSTCALL
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char *const reserved[] = {"room_send", "on_room_message", "conn_tag", "on_auth"};

static bool is(ramp_bytes name, const char *text) {
    return name.size == strlen(text) && !memcmp(name.data, text, name.size);
}

static bool begins(ramp_bytes name, const char *prefix) {
    size_t size = strlen(prefix);
    return name.size >= size && !memcmp(name.data, prefix, size);
}

static const struct signature *find(const struct signature *list, size_t count, ramp_bytes name) {
    for (size_t i = 0; i < count; i++)
        if (is(name, list[i].name)) return &list[i];
    return NULL;
}

/* A name as it may be shown: short, and nothing but printable ASCII. */
struct shown {
    char text[NAME_SHOWN + 4];
};
static struct shown show(ramp_bytes name) {
    struct shown shown;
    const char *data = name.data;
    size_t size = name.size < NAME_SHOWN ? name.size : NAME_SHOWN;

    for (size_t i = 0; i < size; i++)
        shown.text[i] = data[i] >= ' ' && data[i] <= '~' && data[i] != '\'' ? data[i] : '?';
    snprintf(shown.text + size, 4, "%s", size < name.size ? "..." : "");
    return shown;
}

/* Single letters to insert, drop or change between two names; at most 99. */
static unsigned int distance(ramp_bytes a, const char *b) {
    unsigned int row[48];
    size_t size = strlen(b);
    const char *data = a.data;

    if (a.size > 40 || size >= COUNT(row)) return 99;
    for (unsigned int j = 0; j <= size; j++) row[j] = j;
    for (unsigned int i = 0; i < a.size; i++) {
        unsigned int before = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < size; j++) {
            unsigned int change = before + (data[i] != b[j]);
            before = row[j + 1];
            if (row[j] + 1 < change) change = row[j] + 1;
            if (before + 1 < change) change = before + 1;
            row[j + 1] = change;
        }
    }
    return row[size];
}

static bool refuse_unknown(const struct walk *walk, size_t offset, const char *what,
                           ramp_bytes name, const struct signature *list, size_t count) {
    unsigned int best = 4, found;
    const char *nearest = NULL;

    for (size_t i = 0; i < COUNT(reserved); i++)
        if (is(name, reserved[i]))
            return scan_refuse(
                &walk->reader, offset,
                "%s '%s' is reserved for a later version; this server (ramp %s) does "
                "not have it",
                what, reserved[i], ramp_version());
    for (size_t i = 0; i < count; i++) {
        found = distance(name, list[i].name);
        if (found < best) best = found, nearest = list[i].name;
    }
    return scan_refuse(&walk->reader, offset, "this server (ramp %s) does not have %s '%s'%s%s%s",
                       ramp_version(), what, show(name).text, nearest ? "; did you mean '" : "",
                       nearest ? nearest : "", nearest ? "'?" : "");
}

/* ---- types ----------------------------------------------------------------------------------- */

static bool count_below(struct scan_reader *reader, uint32_t max, const char *what,
                        uint32_t *ret_count) {
    size_t start = reader->at;

    if (!scan_u32(reader, ret_count)) return false;
    if (*ret_count <= max) return true;
    return scan_refuse(reader, start, "the module has %u %s, more than %u", *ret_count, what, max);
}

static bool value_types(struct scan_reader *reader) {
    uint32_t count;
    uint8_t type;

    if (!count_below(reader, TYPE_VALUES_MAX, "parameters or results in a type", &count))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!scan_value_type(reader, &type)) return false;
    return true;
}

static bool type_section(struct walk *walk) {
    struct scan_reader *reader = &walk->reader;

    if (!count_below(reader, LIMIT_SCAN_TYPES, "types", &walk->type_count)) return false;
    walk->types_at = reader->at;
    for (uint32_t i = 0; i < walk->type_count; i++) {
        size_t start = reader->at;
        uint8_t form;

        if (!scan_u8(reader, &form)) return false;
        if (form != 0x60)
            return scan_refuse(reader, start,
                               "types other than functions are not allowed (WasmGC)");
        if (!value_types(reader) || !value_types(reader)) return false;
    }
    return true;
}

/* Skips a list of value types that type_section() has checked: one byte each. */
static ramp_bytes checked_values(struct scan_reader *reader) {
    ramp_bytes types = {NULL, 0};
    (void)!scan_name(reader, &types);
    return types;
}

static bool types_are(ramp_bytes types, const char *letters) {
    const uint8_t *data = types.data;

    if (types.size != strlen(letters)) return false;
    for (size_t i = 0; i < types.size; i++)
        if (data[i] != (letters[i] == 'I' ? WASM_I64 : WASM_I32)) return false;
    return true;
}

static bool has_signature(const struct walk *walk, uint32_t type, const struct signature *want) {
    struct scan_reader reader = walk->reader;
    char result[2] = {want->result, '\0'};
    ramp_bytes parameters = {0}, results = {0};

    reader.reterr = NULL;
    reader.at = walk->types_at;
    for (uint32_t i = 0; i <= type; i++) {
        reader.at++; /* the form */
        parameters = checked_values(&reader);
        results = checked_values(&reader);
    }
    return types_are(parameters, want->parameters) &&
           types_are(results, want->result == 'v' ? "" : result);
}

/* "(i32, i64) -> i32" */
static struct shown show_signature(const struct signature *signature) {
    struct shown shown;
    size_t size = 0;

    size += (size_t)snprintf(shown.text, sizeof(shown.text), "(");
    for (const char *p = signature->parameters; *p; p++)
        size += (size_t)snprintf(shown.text + size, sizeof(shown.text) - size, "%s%s",
                                 size > 1 ? ", " : "", *p == 'I' ? "i64" : "i32");
    snprintf(shown.text + size, sizeof(shown.text) - size, ")%s",
             signature->result == 'v'   ? ""
             : signature->result == 'I' ? " -> i64"
                                        : " -> i32");
    return shown;
}

static bool type_index(struct walk *walk, uint32_t *ret_type) {
    size_t start = walk->reader.at;

    if (!scan_u32(&walk->reader, ret_type)) return false;
    return *ret_type < walk->type_count ||
           scan_refuse(&walk->reader, start, "there is no type %u", *ret_type);
}

/* ---- imports --------------------------------------------------------------------------------- */

static bool refuse_module(const struct walk *walk, size_t offset, ramp_bytes module,
                          ramp_bytes name) {
    const char *hint = "";

    if (begins(module, "wasi")) hint = "; there is no WASI here";
    if (is(module, "env") && is(name, "abort")) hint = "; build it with `ramp build`";
    return scan_refuse(&walk->reader, offset,
                       "import '%s.%s': only imports from ramp_v1 are allowed%s", show(module).text,
                       show(name).text, hint);
}

static bool import_entry(struct walk *walk) {
    static const char *const kinds[] = {"function", "table", "memory", "global", "tag"};
    struct scan_reader *reader = &walk->reader;
    size_t start = reader->at;
    const struct signature *hostcall;
    ramp_bytes module, name;
    uint32_t type;
    uint8_t kind;

    if (!scan_name(reader, &module) || !scan_name(reader, &name) || !scan_u8(reader, &kind))
        return false;
    if (kind != 0)
        return scan_refuse(reader, start, "import '%s.%s' is a %s: only functions can be imported",
                           show(module).text, show(name).text,
                           kind < COUNT(kinds) ? kinds[kind] : "?");
    if (!is(module, "ramp_v1")) return refuse_module(walk, start, module, name);
    hostcall = find(hostcalls, COUNT(hostcalls), name);
    if (!hostcall)
        return refuse_unknown(walk, start, "host function", name, hostcalls, COUNT(hostcalls));
    if (!type_index(walk, &type)) return false;
    if (!has_signature(walk, type, hostcall))
        return scan_refuse(reader, start, "import '%s' has the wrong type; it is %s",
                           hostcall->name, show_signature(hostcall).text);
    if (is(name, "wait")) walk->scan->waits = true;
    return true;
}

static bool import_section(struct walk *walk) {
    if (!count_below(&walk->reader, LIMIT_SCAN_IMPORTS, "imports", &walk->scan->import_count))
        return false;
    walk->imports_at = walk->reader.at;
    for (uint32_t i = 0; i < walk->scan->import_count; i++)
        if (!import_entry(walk)) return false;
    return true;
}

/* ---- functions, tables, memories, globals ---------------------------------------------------- */

static bool function_section(struct walk *walk) {
    uint32_t type;

    if (!count_below(&walk->reader, LIMIT_SCAN_FUNCTIONS, "functions", &walk->defined_count))
        return false;
    walk->functions_at = walk->reader.at;
    for (uint32_t i = 0; i < walk->defined_count; i++)
        if (!type_index(walk, &type)) return false;
    return true;
}

static bool table_section(struct walk *walk) {
    struct scan_reader *reader = &walk->reader;
    size_t start;
    uint32_t count, max;
    uint8_t type, flags;

    if (!count_below(reader, 1, "tables", &count)) return false;
    if (!count) return true;
    start = reader->at;
    if (!scan_u8(reader, &type)) return false;
    if (type == WASM_EXTERNREF) return scan_refuse(reader, start, "externref is not allowed");
    if (type != WASM_FUNCREF)
        return scan_refuse(reader, start, "tables of anything but functions are not allowed");
    if (!scan_u8(reader, &flags)) return false;
    if (flags > 1) return scan_refuse(reader, start, "tables of this kind are not allowed");
    if (!count_below(reader, LIMIT_SCAN_TABLE, "table elements", &walk->scan->table_min))
        return false;
    return !flags || scan_u32(reader, &max);
}

static bool memory_section(struct walk *walk) {
    struct scan_reader *reader = &walk->reader;
    size_t start = reader->at;
    uint32_t count, max;
    uint8_t flags;

    if (!scan_u32(reader, &count)) return false;
    if (count > 1) return scan_refuse(reader, start, "more than one memory is not allowed");
    if (!count) return true;
    walk->has_memory = true;
    if (!scan_u8(reader, &flags)) return false;
    if (flags & 2) return scan_refuse(reader, start, "shared memory is not allowed");
    if (flags & 4) return scan_refuse(reader, start, "64-bit memory (memory64) is not allowed");
    if (flags & 8) return scan_refuse(reader, start, "custom page sizes are not allowed");
    if (flags > 1) return scan_refuse(reader, start, "memory of this kind is not allowed");
    start = reader->at;
    if (!scan_u32(reader, &walk->scan->memory_min)) return false;
    if (walk->scan->memory_min > LIMIT_MEMORY / PAGE)
        return scan_refuse(reader, start, "the memory begins with %u pages of 64 KiB, more than %u",
                           walk->scan->memory_min, LIMIT_MEMORY / PAGE);
    return !flags || scan_u32(reader, &max);
}

static bool global_section(struct walk *walk) {
    struct scan_reader *reader = &walk->reader;

    if (!count_below(reader, LIMIT_SCAN_GLOBALS, "globals", &walk->scan->global_count))
        return false;
    for (uint32_t i = 0; i < walk->scan->global_count; i++) {
        size_t start = reader->at;
        uint8_t type, mutable;

        if (!scan_value_type(reader, &type) || !scan_u8(reader, &mutable)) return false;
        if (mutable > 1) return scan_refuse(reader, start, "globals of this kind are not allowed");
        if (mutable && type == WASM_FUNCREF)
            return scan_refuse(reader, start, "a mutable global of reference type is not allowed");
        if (!scan_constant(reader)) return false;
    }
    return true;
}

/* ---- exports --------------------------------------------------------------------------------- */

/* Type of a function, from sections that have been checked. */
static bool function_type(const struct walk *walk, uint32_t index, size_t offset,
                          uint32_t *ret_type) {
    struct scan_reader reader = walk->reader;
    uint32_t imports = walk->scan->import_count;
    ramp_bytes name;

    if (index >= imports + walk->defined_count)
        return scan_refuse(&reader, offset, "there is no function %u", index);
    if (index >= imports) {
        reader.at = walk->functions_at;
        for (uint32_t i = imports; i < index; i++)
            if (!scan_skip_leb(&reader, 5)) return false;
        return scan_u32(&reader, ret_type);
    }
    reader.at = walk->imports_at;
    for (uint32_t i = 0;; i++) {
        if (!scan_name(&reader, &name) || !scan_name(&reader, &name)) return false;
        reader.at++; /* the kind */
        if (!scan_u32(&reader, ret_type)) return false;
        if (i == index) return true;
    }
}

static bool check_export(struct walk *walk, size_t offset, uint8_t kind, uint32_t index,
                         const struct signature *want) {
    uint32_t type;

    if (kind != 0)
        return scan_refuse(&walk->reader, offset, "export '%s' must be a function", want->name);
    if (!function_type(walk, index, offset, &type)) return false;
    return has_signature(walk, type, want) ||
           scan_refuse(&walk->reader, offset, "export '%s' has the wrong type; it must be %s",
                       want->name, show_signature(want).text);
}

static bool export_entry(struct walk *walk) {
    static const struct signature abi = {"ramp_abi_v1", "", 'i'},
                                  initialize = {"_initialize", "", 'v'};
    struct scan_reader *reader = &walk->reader;
    const struct signature *handler;
    size_t start = reader->at;
    ramp_bytes name;
    uint32_t index;
    uint8_t kind;

    if (!scan_name(reader, &name) || !scan_u8(reader, &kind) || !scan_u32(reader, &index))
        return false;
    if (begins(name, "__ramp"))
        return scan_refuse(reader, start, "export '%s': names that begin with __ramp are reserved",
                           show(name).text);
    if (is(name, "memory")) {
        if (kind != 2) return scan_refuse(reader, start, "export 'memory' must be the memory");
        walk->exports_memory = true;
        return true;
    }
    if (is(name, abi.name)) {
        walk->exports_abi = true;
        return check_export(walk, start, kind, index, &abi);
    }
    if (begins(name, "ramp_abi_v")) walk->other_abi = true;
    if (is(name, initialize.name)) {
        walk->scan->initializes = true;
        return check_export(walk, start, kind, index, &initialize);
    }
    if (!begins(name, "on_")) return true;
    handler = find(handlers, COUNT(handlers), name);
    if (!handler) return refuse_unknown(walk, start, "handler", name, handlers, COUNT(handlers));
    walk->scan->handlers |= 1u << (handler - handlers);
    return check_export(walk, start, kind, index, handler);
}

static bool export_section(struct walk *walk) {
    uint32_t count;

    if (!count_below(&walk->reader, LIMIT_SCAN_EXPORTS, "exports", &count)) return false;
    for (uint32_t i = 0; i < count; i++)
        if (!export_entry(walk)) return false;
    return true;
}

/* ---- segments -------------------------------------------------------------------------------- */

/* Contents of an element segment: function indices, or constants. */
static bool elements(struct scan_reader *reader, bool constants) {
    uint32_t count;

    if (!scan_u32(reader, &count)) return false;
    for (uint32_t i = 0; i < count; i++)
        if (!(constants ? scan_constant(reader) : scan_skip_leb(reader, 5))) return false;
    return true;
}

/* Flags: 1 not active, 2 (active) with a table, (else) declarative, 4 constants. */
static bool element_segment(struct scan_reader *reader) {
    size_t start = reader->at;
    uint32_t flags, table = 0;
    uint8_t type;

    if (!scan_u32(reader, &flags)) return false;
    if (flags > 7) return scan_refuse(reader, start, "an element segment of unknown kind");
    if ((flags & 3) == 1)
        return scan_refuse(reader, start, "passive element segments are not allowed");
    if ((flags & 3) == 2 && !scan_u32(reader, &table)) return false;
    if (table) return scan_refuse(reader, start, "more than one table is not allowed");
    if (!(flags & 1) && !scan_constant(reader)) return false;
    if (flags & 3) { /* with the kind of its elements */
        if (!scan_u8(reader, &type)) return false;
        if (type != (flags & 4 ? WASM_FUNCREF : 0))
            return scan_refuse(reader, start, "elements other than functions are not allowed");
    }
    return elements(reader, flags & 4);
}

static bool element_section(struct walk *walk) {
    uint32_t count;

    if (!count_below(&walk->reader, LIMIT_SCAN_SEGMENTS, "element segments", &count)) return false;
    for (uint32_t i = 0; i < count; i++)
        if (!element_segment(&walk->reader)) return false;
    return true;
}

static bool data_section(struct walk *walk) {
    struct scan_reader *reader = &walk->reader;
    uint32_t count;

    if (!count_below(reader, LIMIT_SCAN_SEGMENTS, "data segments", &count)) return false;
    for (uint32_t i = 0; i < count; i++) {
        size_t start = reader->at;
        uint32_t flags, memory = 0;
        ramp_bytes bytes;

        if (!scan_u32(reader, &flags)) return false;
        if (flags == 1) return scan_refuse(reader, start, "passive data segments are not allowed");
        if (flags > 2) return scan_refuse(reader, start, "a data segment of unknown kind");
        if (flags == 2 && !scan_u32(reader, &memory)) return false;
        if (memory) return scan_refuse(reader, start, "more than one memory is not allowed");
        if (!scan_constant(reader) || !scan_name(reader, &bytes)) return false;
    }
    return true;
}

static bool custom_section(struct walk *walk, size_t start) {
    struct scan_reader *reader = &walk->reader;
    ramp_bytes name;

    walk->custom_size += reader->end - reader->at;
    if (walk->custom_size > LIMIT_SCAN_CUSTOM)
        return scan_refuse(reader, start,
                           "custom sections are larger than %u KiB in all; strip debug information",
                           LIMIT_SCAN_CUSTOM >> 10);
    if (!scan_name(reader, &name)) return false;
    if (is(name, "ramp.lines") && !walk->scan->lines_size) {
        walk->scan->lines_offset = reader->at;
        walk->scan->lines_size = reader->end - reader->at;
    }
    reader->at = reader->end;
    return true;
}

/* ---- the module ------------------------------------------------------------------------------ */

static bool section_contents(struct walk *walk, uint8_t id, size_t start) {
    uint32_t count;

    switch (id) {
    case CUSTOM: return custom_section(walk, start);
    case TYPE: return type_section(walk);
    case IMPORT: return import_section(walk);
    case FUNCTION: return function_section(walk);
    case TABLE: return table_section(walk);
    case MEMORY: return memory_section(walk);
    case GLOBAL: return global_section(walk);
    case EXPORT: return export_section(walk);
    case START:
        return scan_refuse(&walk->reader, start,
                           "a start section is not allowed; export _initialize instead");
    case ELEMENT: return element_section(walk);
    case CODE: walk->has_code = true; return scan_code(&walk->reader, walk->defined_count);
    case DATA: return data_section(walk);
    case DATA_COUNT: return scan_u32(&walk->reader, &count); /* binaryen always writes it */
    case TAG: return scan_refuse(&walk->reader, start, "exceptions are not allowed");
    default: return scan_refuse(&walk->reader, start, "section %u is unknown", id);
    }
}

static bool next_section(struct walk *walk) {
    struct scan_reader *reader = &walk->reader;
    size_t start = reader->at, module_end = reader->end;
    uint32_t size;
    uint8_t id;

    if (!scan_u8(reader, &id) || !scan_u32(reader, &size)) return false;
    if (size > reader->end - reader->at)
        return scan_refuse(reader, start, "a section is longer than the module");
    if (id != CUSTOM && id < SECTIONS) {
        if (section_ranks[id] <= walk->rank)
            return scan_refuse(reader, start, "the %s section is at the wrong place or there twice",
                               section_names[id]);
        walk->rank = section_ranks[id];
    }
    reader->end = reader->at + size;
    if (!section_contents(walk, id, start)) return false;
    if (reader->at != reader->end)
        return scan_refuse(reader, reader->at, "the %s section is longer than its contents",
                           section_names[id]);
    reader->end = module_end;
    return true;
}

static bool header(struct walk *walk) {
    static const uint8_t module[] = {0, 'a', 's', 'm', 1, 0, 0, 0};
    static const uint8_t component[] = {0, 'a', 's', 'm', 0x0d, 0, 1, 0};
    const struct scan_reader *reader = &walk->reader;

    if (reader->end >= 8 && !memcmp(reader->data, component, 8))
        return scan_refuse(reader, 4, "this is a WebAssembly component; a core module is needed");
    if (reader->end < 8 || memcmp(reader->data, module, 8))
        return scan_refuse(reader, 0, "this is not a WebAssembly module in binary form");
    walk->reader.at = 8;
    return true;
}

/* What is missing, now that all is read. */
static bool complete(const struct walk *walk) {
    const struct scan_reader *reader = &walk->reader;

    if (!walk->has_memory || !walk->exports_memory)
        return scan_refuse(reader, reader->end,
                           "the module must have a memory and export it as 'memory'");
    if (!walk->exports_abi && walk->other_abi)
        return scan_refuse(
            reader, reader->end,
            "the module is built for another guest ABI; this server (ramp %s) needs the "
            "export 'ramp_abi_v1'",
            ramp_version());
    if (!walk->exports_abi)
        return scan_refuse(
            reader, reader->end,
            "the module lacks the export 'ramp_abi_v1'; was it built with a Ramp SDK?");
    if (walk->defined_count && !walk->has_code)
        return scan_refuse(reader, reader->end, "%u functions have no code", walk->defined_count);
    return true;
}

ramp_status scan_module(ramp_bytes wasm, struct scan *ret_scan, ramp_error *reterr) {
    struct scan scan = {0};
    struct walk walk = {
        .reader = {.data = wasm.data, .end = wasm.size, .reterr = reterr},
        .scan = &scan,
    };

    if (wasm.size > LIMIT_MODULE_SIZE)
        return error_set(reterr, RAMP_REFUSED, "the module has %zu bytes, more than %u", wasm.size,
                         LIMIT_MODULE_SIZE);
    if (!header(&walk)) return RAMP_REFUSED;
    while (walk.reader.at < walk.reader.end)
        if (!next_section(&walk)) return RAMP_REFUSED;
    if (!complete(&walk)) return RAMP_REFUSED;
    scan.function_count = scan.import_count + walk.defined_count;
    *ret_scan = scan;
    return RAMP_OK;
}
