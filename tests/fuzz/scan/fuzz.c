/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.c -- scan_module(): any bytes get an answer, and what it says about them holds.
 *
 * Input: what follows the eight bytes that begin a module.
 */
#include "core/scan.h"

#undef NDEBUG
#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_refusal(const ramp_error *error, size_t size) {
    static const char words[] = " (at offset 0x";
    const char *offset = strstr(error->message, words);

    assert(error->status == RAMP_REFUSED && offset);
    /* The last one: a name that is quoted may say so, too. */
    for (const char *next; (next = strstr(offset + 1, words)) != NULL;) offset = next;
    assert(strtoull(offset + strlen(words), NULL, 16) <= size);
    for (const char *p = error->message; *p; p++) assert(*p >= ' ' && *p <= '~');
}

static void check_scan(const struct scan *scan, size_t size) {
    assert(scan->handlers < 1u << SCAN_HANDLERS);
    assert(scan->lines_offset <= size && scan->lines_size <= size - scan->lines_offset);
    assert(scan->import_count <= scan->function_count);
    assert(scan->memory_min <= 256);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *module = malloc(size + 8);
    struct scan scan = {0}, again = {0};
    ramp_error error;
    ramp_status status;

    memcpy(module, "\0asm\1\0\0\0", 8);
    if (size) memcpy(module + 8, data, size);
    status = scan_module((ramp_bytes){module, size + 8}, &scan, &error);
    if (status) check_refusal(&error, size + 8);
    else check_scan(&scan, size + 8);
    assert(scan_module((ramp_bytes){module, size + 8}, &again, NULL) == status);
    assert(scan.handlers == again.handlers && scan.function_count == again.function_count);
    free(module);
    return 0;
}
