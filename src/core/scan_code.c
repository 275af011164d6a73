/* SPDX-License-Identifier: Apache-2.0 */
/* scan_code.c -- walks the instructions: which are there, not whether they fit together.
 *
 * Door:   scan_code(), scan_constant().
 * Before: scan.c.
 *
 * To find the next instruction one has to know how long each one is, so every allowed instruction's
 * immediates are read here; what is not known is refused. Nesting is counted, so that a function's last
 * `end` is where its size says.
 */
#include "base/limits.h"
#include "core/scan_internal.h"

bool scan_value_type(struct scan_reader *reader, uint8_t *ret_type) {
    size_t start = reader->at;

    if (!scan_u8(reader, ret_type)) return false;
    switch (*ret_type) {
    case WASM_I32:
    case WASM_I64:
    case WASM_F32:
    case WASM_F64:
    case WASM_V128:
    case WASM_FUNCREF: return true;
    case WASM_EXTERNREF: return scan_refuse(reader, start, "externref is not allowed");
    case 0x63:
    case 0x64: return scan_refuse(reader, start, "typed function references are not allowed");
    case 0x69:
    case 0x74: return scan_refuse(reader, start, "exceptions are not allowed");
    default: return scan_refuse(reader, start, "value type 0x%02x is not allowed", *ret_type);
    }
}

/* ---- immediates ------------------------------------------------------------------------------ */

static bool block_type(struct scan_reader *reader) {
    uint8_t byte, type;

    if (reader->at >= reader->end) return scan_u8(reader, &byte);
    byte = reader->data[reader->at];
    if (byte == 0x40) return scan_skip(reader, 1);
    if ((byte & 0xc0) == 0x40) return scan_value_type(reader, &type);
    return scan_skip_leb(reader, 5);
}

static bool memory_argument(struct scan_reader *reader) {
    size_t start = reader->at;
    uint32_t align, offset;

    if (!scan_u32(reader, &align)) return false;
    if (align & 0x40) return scan_refuse(reader, start, "more than one memory is not allowed");
    return scan_u32(reader, &offset);
}

/* The index of the only memory or table. */
static bool index_zero(struct scan_reader *reader, const char *what) {
    size_t start = reader->at;
    uint32_t index;

    if (!scan_u32(reader, &index)) return false;
    return !index || scan_refuse(reader, start, "more than one %s is not allowed", what);
}

static bool branch_table(struct scan_reader *reader, uint32_t *entries) {
    size_t start = reader->at;
    uint32_t count;

    if (!scan_u32(reader, &count)) return false;
    if (count > LIMIT_SCAN_BR_TABLE - *entries)
        return scan_refuse(reader, start, "br_table has more than %u entries in all functions",
                           LIMIT_SCAN_BR_TABLE);
    *entries += count;
    for (uint32_t i = 0; i <= count; i++)
        if (!scan_skip_leb(reader, 5)) return false;
    return true;
}

static bool select_types(struct scan_reader *reader) {
    size_t start = reader->at;
    uint32_t count;
    uint8_t type;

    if (!scan_u32(reader, &count)) return false;
    if (count != 1) return scan_refuse(reader, start, "select with %u types is not valid", count);
    return scan_value_type(reader, &type);
}

static bool null_type(struct scan_reader *reader) {
    size_t start = reader->at;
    uint8_t type;

    if (!scan_u8(reader, &type)) return false;
    if (type == WASM_FUNCREF) return true;
    return scan_refuse(reader, start, "ref.null of a type other than func is not allowed");
}

/* ---- instructions ---------------------------------------------------------------------------- */

/* Names what is refused, by the first byte of the instruction. */
static bool refuse_instruction(const struct scan_reader *reader, size_t start, uint8_t opcode) {
    switch (opcode) {
    case 0x06: /* try */
    case 0x07: /* catch */
    case 0x08: /* throw */
    case 0x09: /* rethrow */
    case 0x0a: /* throw_ref */
    case 0x18: /* delegate */
    case 0x19: /* catch_all */
    case 0x1f: /* try_table */ return scan_refuse(reader, start, "exceptions are not allowed");
    case 0x12: /* return_call */
    case 0x13: /* return_call_indirect */
        return scan_refuse(reader, start, "tail calls are not allowed");
    case 0x14: /* call_ref */
    case 0x15: /* return_call_ref */
    case 0xd4: /* ref.as_non_null */
    case 0xd5: /* br_on_null */
    case 0xd6: /* br_on_non_null */
        return scan_refuse(reader, start, "typed function references are not allowed");
    case 0xd3: /* ref.eq */
    case 0xfb: return scan_refuse(reader, start, "garbage collection (WasmGC) is not allowed");
    case 0xe0:
    case 0xe1:
    case 0xe2:
    case 0xe3:
    case 0xe4:
    case 0xe5:
    case 0xe6: return scan_refuse(reader, start, "stack switching is not allowed");
    case 0x26: return scan_refuse(reader, start, "table.set is not allowed: tables never change");
    case 0xfe: return scan_refuse(reader, start, "threads (atomic instructions) are not allowed");
    default: return scan_refuse(reader, start, "instruction 0x%02x is not allowed", opcode);
    }
}

/* 0xfc: saturating conversions, bulk memory and tables. */
static bool extended_instruction(struct scan_reader *reader, size_t start) {
    static const char *const refused[] = {
        [8] = "memory.init is not allowed",
        [9] = "data.drop is not allowed",
        [12] = "table.init is not allowed: tables never change",
        [13] = "elem.drop is not allowed",
        [14] = "table.copy is not allowed: tables never change",
        [15] = "table.grow is not allowed: tables never change",
        [17] = "table.fill is not allowed: tables never change",
    };
    uint32_t opcode;

    if (!scan_u32(reader, &opcode)) return false;
    if (opcode <= 7) return true; /* trunc_sat */
    if (opcode == 10)
        return index_zero(reader, "memory") && index_zero(reader, "memory"); /* copy */
    if (opcode == 11) return index_zero(reader, "memory");                   /* fill */
    if (opcode == 16) return index_zero(reader, "table");                    /* size */
    if (opcode < sizeof(refused) / sizeof(*refused))
        return scan_refuse(reader, start, "%s", refused[opcode]);
    if (opcode >= 19 && opcode <= 22)
        return scan_refuse(reader, start, "wide arithmetic is not allowed");
    return scan_refuse(reader, start, "instruction 0xfc %u is not allowed", opcode);
}

/* 0xfd: SIMD. */
static bool vector_instruction(struct scan_reader *reader, size_t start) {
    uint32_t opcode;

    if (!scan_u32(reader, &opcode)) return false;
    if (opcode <= 0x0b) return memory_argument(reader);                /* load, store */
    if (opcode <= 0x0d) return scan_skip(reader, 16);                  /* const, shuffle */
    if (opcode >= 0x15 && opcode <= 0x22) return scan_skip(reader, 1); /* lanes */
    if (opcode >= 0x54 && opcode <= 0x5b)                              /* load, store lane */
        return memory_argument(reader) && scan_skip(reader, 1);
    if (opcode == 0x5c || opcode == 0x5d) return memory_argument(reader); /* load zero */
    if (opcode <= 0xff) return true;
    if (opcode <= 0x12f) return scan_refuse(reader, start, "relaxed SIMD is not allowed");
    return scan_refuse(reader, start, "instruction 0xfd %u is not allowed", opcode);
}

static bool instruction(struct scan_reader *reader, uint8_t opcode, uint32_t *table_entries) {
    size_t start = reader->at - 1;

    if (opcode >= 0x45 && opcode <= 0xc4) return true; /* arithmetic */
    if (opcode >= 0x28 && opcode <= 0x3e) return memory_argument(reader);
    switch (opcode) {
    case 0x00: /* unreachable */
    case 0x01: /* nop */
    case 0x05: /* else */
    case 0x0b: /* end */
    case 0x0f: /* return */
    case 0x1a: /* drop */
    case 0x1b: /* select */
    case 0xd1: /* ref.is_null */ return true;
    case 0x02: /* block */
    case 0x03: /* loop */
    case 0x04: /* if */ return block_type(reader);
    case 0x0c: /* br */
    case 0x0d: /* br_if */
    case 0x10: /* call */
    case 0x20: /* local.get */
    case 0x21: /* local.set */
    case 0x22: /* local.tee */
    case 0x23: /* global.get */
    case 0x24: /* global.set */
    case 0x41: /* i32.const */
    case 0xd2: /* ref.func */ return scan_skip_leb(reader, 5);
    case 0x42: /* i64.const */ return scan_skip_leb(reader, 10);
    case 0x43: /* f32.const */ return scan_skip(reader, 4);
    case 0x44: /* f64.const */ return scan_skip(reader, 8);
    case 0x0e: return branch_table(reader, table_entries);
    case 0x11: /* call_indirect */ return scan_skip_leb(reader, 5) && index_zero(reader, "table");
    case 0x1c: return select_types(reader);
    case 0x25: /* table.get */ return index_zero(reader, "table");
    case 0x3f: /* memory.size */
    case 0x40: /* memory.grow */ return index_zero(reader, "memory");
    case 0xd0: return null_type(reader);
    case 0xfc: return extended_instruction(reader, start);
    case 0xfd: return vector_instruction(reader, start);
    default: return refuse_instruction(reader, start, opcode);
    }
}

bool scan_constant(struct scan_reader *reader) {
    uint32_t none = 0;

    for (;;) {
        size_t start = reader->at;
        uint8_t opcode;

        if (!scan_u8(reader, &opcode)) return false;
        switch (opcode) {
        case 0x0b: return true;
        case 0x23: /* global.get */
        case 0x41:
        case 0x42:
        case 0x43:
        case 0x44: /* const */
        case 0x6a:
        case 0x6b:
        case 0x6c: /* i32.add, sub, mul */
        case 0x7c:
        case 0x7d:
        case 0x7e: /* i64.add, sub, mul */
        case 0xd0:
        case 0xd2: /* ref.null, ref.func */
        case 0xfd: /* v128.const */
            if (!instruction(reader, opcode, &none)) return false;
            break;
        case 0xfb: return refuse_instruction(reader, start, opcode);
        default:
            return scan_refuse(reader, start, "instruction 0x%02x is not allowed in a constant",
                               opcode);
        }
    }
}

/* ---- functions ------------------------------------------------------------------------------- */

static bool locals(struct scan_reader *reader, uint32_t *locals_all) {
    size_t start = reader->at;
    uint32_t groups, total = 0;

    if (!scan_u32(reader, &groups)) return false;
    for (uint32_t i = 0; i < groups; i++) {
        uint32_t count;
        uint8_t type;

        if (!scan_u32(reader, &count) || !scan_value_type(reader, &type)) return false;
        if (count > LIMIT_SCAN_LOCALS - total)
            return scan_refuse(reader, start, "a function has more than %u locals",
                               LIMIT_SCAN_LOCALS);
        total += count;
    }
    *locals_all += total;
    if (*locals_all > LIMIT_SCAN_LOCALS_ALL)
        return scan_refuse(reader, start, "all functions have more than %u locals",
                           LIMIT_SCAN_LOCALS_ALL);
    return true;
}

/* Up to the `end` that closes the function, which must be the last byte. */
static bool body(struct scan_reader *reader, uint32_t *table_entries) {
    uint32_t depth = 1;

    while (depth) {
        uint8_t opcode;

        if (!scan_u8(reader, &opcode)) return false;
        if (opcode >= 0x02 && opcode <= 0x04) depth++;
        if (opcode == 0x0b) depth--;
        if (!instruction(reader, opcode, table_entries)) return false;
    }
    return reader->at == reader->end ||
           scan_refuse(reader, reader->at, "a function is longer than its last instruction");
}

bool scan_code(struct scan_reader *reader, uint32_t function_count) {
    size_t section_end = reader->end, start = reader->at;
    uint32_t count, locals_all = 0, table_entries = 0;

    if (!scan_u32(reader, &count)) return false;
    if (count != function_count)
        return scan_refuse(reader, start, "%u functions are declared and %u have code",
                           function_count, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size;

        if (!scan_u32(reader, &size)) return false;
        if (size > section_end - reader->at)
            return scan_refuse(reader, reader->at, "function %u is longer than the code section",
                               i);
        reader->end = reader->at + size;
        if (!locals(reader, &locals_all) || !body(reader, &table_entries)) return false;
        reader->end = section_end;
    }
    return true;
}
