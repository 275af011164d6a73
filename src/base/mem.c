/* SPDX-License-Identifier: Apache-2.0 */
/* mem.c -- see mem.h. The counters are per thread, so they need no lock and cost one add. */
#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local long fail_after = -1;
static _Thread_local long live_count;

static bool must_fail(void) {
    if (fail_after < 0) return false;
    return fail_after-- == 0;
}

void *mem_alloc(size_t size) {
    void *memory = must_fail() ? NULL : malloc(size ? size : 1);
    live_count += memory != NULL;
    return memory;
}

void *mem_zalloc(size_t size) {
    void *memory = must_fail() ? NULL : calloc(1, size ? size : 1);
    live_count += memory != NULL;
    return memory;
}

void *mem_resize(void *memory, size_t size) {
    void *resized = must_fail() ? NULL : realloc(memory, size ? size : 1);
    live_count += resized != NULL && memory == NULL;
    return resized;
}

void mem_free(void *memory) {
    live_count -= memory != NULL;
    free(memory);
}

char *mem_copy_text(const char *text, size_t size) {
    char *copy = mem_alloc(size + 1);
    if (!copy) return NULL;
    if (size) memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

void mem_fail_after(long count) {
    fail_after = count;
}

long mem_live_count(void) {
    return live_count;
}
