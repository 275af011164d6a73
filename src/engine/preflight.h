/* SPDX-License-Identifier: Apache-2.0 */
/* preflight.h -- how many instances this machine has room for, before the engine finds out.
 *
 * Door:     preflight() turns what is wanted into what is possible.
 * Before:   engine_new(): the engine aborts the process if its pool does not fit.
 * Not here: memory itself. An instance reserves address space and mappings; pages come when touched.
 *
 *   |guard| reservation |guard| reservation |guard| ...     one contiguous piece for all memories
 *
 * A slot takes two mappings once it is in use (the memory, and the rest of its reservation), a stack
 * two from the start (the stack, and its guard page). With slots of 4 GiB no bounds check is needed;
 * dense ones have checks and need 250 times less address space.
 */
#ifndef ENGINE_PREFLIGHT_H
#define ENGINE_PREFLIGHT_H

#include "base/limits.h"
#include "engine/engine.h"

#define ENGINE_RESERVATION       (UINT64_C(4) << 30)
#define ENGINE_GUARD             (UINT64_C(32) << 20)
#define ENGINE_DENSE_RESERVATION ((uint64_t)LIMIT_MEMORY)
#define ENGINE_DENSE_GUARD       (UINT64_C(2) << 20)
#define ENGINE_STACK_SIZE        (256u << 10)

struct preflight_machine {
    uint64_t mappings_max;  /* vm.max_map_count */
    uint64_t mappings_used; /* now, and promised to other engines of this process */
    uint64_t address_max;   /* RLIMIT_AS in bytes; UINT64_MAX: none */
    uint64_t address_used;
    /* Whether the address space has two such pieces at this moment. */
    bool (*fits)(uint64_t reserved_size, uint64_t writable_size);
};

/* Reads /proc and the limits of this process. */
void preflight_measure(struct preflight_machine *machine);

/* Gives the shape that fits: first fewer slots than asked for, or dense ones if they make more; without
 * a pool if no piece fits; 0 slots if nothing does. */
struct engine_shape preflight(const struct preflight_machine *machine, uint32_t slots,
                              uint32_t stacks, bool dense);

/* Mappings that an engine of this shape may come to use beyond those that exist when it has been made. */
uint64_t preflight_promise(const struct engine_shape *shape);

#endif
