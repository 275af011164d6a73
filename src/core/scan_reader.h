/* SPDX-License-Identifier: Apache-2.0 */
/* scan_reader.h -- reads WebAssembly's numbers and names from bytes that nobody has checked.
 *
 * Door:   struct scan_reader; every function is false once the bytes have ended or are wrong, and has
 *         then filled in the error.
 * Before: scan.c, scan_code.c, lines.c.
 *
 * A reader sees `data[at .. end)` and never leaves it. Offsets in errors are those of the module.
 */
#ifndef CORE_SCAN_READER_H
#define CORE_SCAN_READER_H

#include <ramp/ramp.h>

struct scan_reader {
    const uint8_t *data;
    size_t at, end;
    ramp_error *reterr; /* NULL: nobody wants to know */
};

/* Always false: "<sentence> (at offset 0x1f)". */
bool scan_refuse(const struct scan_reader *reader, size_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

bool scan_u8(struct scan_reader *reader, uint8_t *ret_value);
bool scan_u32(struct scan_reader *reader, uint32_t *ret_value); /* LEB128 */
bool scan_s32(struct scan_reader *reader, int32_t *ret_value);  /* signed LEB128 */
bool scan_skip(struct scan_reader *reader, size_t count);
bool scan_skip_leb(struct scan_reader *reader, size_t bytes_max); /* of either sign */
/* A length and so many bytes. */
bool scan_name(struct scan_reader *reader, ramp_bytes *ret_name);

#endif
