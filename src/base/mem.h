/* SPDX-License-Identifier: Apache-2.0 */
/* mem.h -- allocation that may fail, and that tests can make fail.
 *
 * Door:     mem_alloc(), mem_zalloc(), mem_resize(), mem_free().
 * Not here: memory of guests (engine).
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size);                       /* not zeroed; NULL if there is none */
void *mem_zalloc(size_t size);                      /* zeroed */
void *mem_resize(void *memory, size_t size);        /* as realloc(); `memory` may be NULL */
void mem_free(void *memory);                        /* NULL is accepted */
char *mem_copy_text(const char *text, size_t size); /* adds a NUL; NULL if there is no memory */

/* Tests: the allocation after `count` more of this thread fails, once; negative: none does. */
void mem_fail_after(long count);
/* Tests: allocations of this thread that are alive. */
long mem_live_count(void);

#endif
