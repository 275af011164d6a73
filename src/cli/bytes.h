/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.h -- a run of bytes that grows up to a maximum, and text made of pieces.
 *
 * Door:     bytes_add(), bytes_format(), bytes_done().
 * Always ended by a NUL that is not counted. A program that cannot get some memory for a command has
 * nothing better to do than to say so and end: `failed` is set, and stays set, when it is too big or there
 * is no memory; check it once, at the end.
 */
#ifndef CLI_BYTES_H
#define CLI_BYTES_H

#include <stdbool.h>
#include <stddef.h>

struct bytes {
    char *data;
    size_t size, capacity, max;
    bool failed;
};

void bytes_init(struct bytes *bytes, size_t max);
void bytes_done(struct bytes *bytes);
void bytes_reset(struct bytes *bytes);
void bytes_add(struct bytes *bytes, const void *data, size_t size);
void bytes_format(struct bytes *bytes, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Percent-encoded but for letters, digits and "-._~". */
void bytes_add_encoded(struct bytes *bytes, const char *text);
/* Base64 (RFC 4648), padded. */
void bytes_add_base64(struct bytes *bytes, const void *data, size_t size);
/* Removes the first `count` bytes. */
void bytes_drop(struct bytes *bytes, size_t count);

#endif
