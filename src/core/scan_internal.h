/* SPDX-License-Identifier: Apache-2.0 */
/* scan_internal.h -- what scan.c and scan_code.c share. */
#ifndef CORE_SCAN_INTERNAL_H
#define CORE_SCAN_INTERNAL_H

#include "core/scan_reader.h"

#define WASM_I32       0x7f
#define WASM_I64       0x7e
#define WASM_F32       0x7d
#define WASM_F64       0x7c
#define WASM_V128      0x7b
#define WASM_FUNCREF   0x70
#define WASM_EXTERNREF 0x6f

/* One byte: a value type that is allowed. */
bool scan_value_type(struct scan_reader *reader, uint8_t *ret_type);
/* Initial value of a global, or place of a segment, with its end. */
bool scan_constant(struct scan_reader *reader);
/* All of the code section but its id and size. */
bool scan_code(struct scan_reader *reader, uint32_t function_count);

#endif
