/* SPDX-License-Identifier: Apache-2.0 */
/* copier.h -- puts what a request was given behind the job that keeps it, in the same allocation.
 *
 * Door:     copier_array() first (it wants alignment), then copier_bytes(), copier_text().
 * Whoever makes the job has counted the bytes before; a copier asserts that they suffice.
 */
#ifndef DRIVERS_COPIER_H
#define DRIVERS_COPIER_H

#include <ramp/ramp.h>

#include <assert.h>
#include <stdint.h>
#include <string.h>

struct copier {
    uint8_t *at, *end;
};

static inline void *copier_array(struct copier *copier, size_t size) {
    void *array = copier->at;

    assert(size <= (size_t)(copier->end - copier->at));
    copier->at += size;
    return array;
}

static inline ramp_bytes copier_bytes(struct copier *copier, ramp_bytes bytes) {
    void *copy = copier_array(copier, bytes.size);

    if (bytes.size) memcpy(copy, bytes.data, bytes.size);
    return (ramp_bytes){copy, bytes.size};
}

static inline const char *copier_text(struct copier *copier, const char *text) {
    return copier_bytes(copier, (ramp_bytes){text, strlen(text) + 1}).data;
}

#endif
