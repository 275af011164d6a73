/* SPDX-License-Identifier: Apache-2.0 */
/* preflight.c -- how many instances this machine has room for. Door, picture: preflight.h. */
#include "engine/preflight.h"

#include "base/limits.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAPPINGS_PER_SLOT           2u
#define MAPPINGS_PER_STACK          2u
#define MAPPINGS_PER_SLOT_ON_DEMAND 4u
#define TABLE_BYTES                 (LIMIT_SCAN_TABLE * 8u)
#define STACK_BYTES                 (ENGINE_STACK_SIZE + 4096u)
#define ADDRESS_RESERVE_MIN         (UINT64_C(256) << 20)
#ifdef RAMP_SMALL_POOLS
#define SLOTS_CAP 64u
#else
#define SLOTS_CAP (1u << 20) /* beyond any machine; keeps products in 64 bits */
#endif

/* ---- the machine ----------------------------------------------------------------------------- */

static uint64_t file_number(const char *path) {
    char text[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size;

    if (fd < 0) return 0;
    size = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (size <= 0) return 0;
    text[size] = '\0';
    return strtoull(text, NULL, 10);
}

static uint64_t file_lines(const char *path) {
    char text[4096];
    uint64_t lines = 0;
    ssize_t size;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) return 0;
    while ((size = read(fd, text, sizeof(text))) > 0)
        for (ssize_t i = 0; i < size; i++) lines += text[i] == '\n';
    close(fd);
    return lines;
}

/* As the engine will map its pools: untouchable address space, then writable tables and stacks. */
static bool machine_fits(uint64_t reserved_size, uint64_t writable_size) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *reserved = mmap(NULL, reserved_size, PROT_NONE, flags, -1, 0);
    void *writable = mmap(NULL, writable_size, PROT_READ | PROT_WRITE, flags, -1, 0);
    bool fits = reserved != MAP_FAILED && writable != MAP_FAILED;

    if (reserved != MAP_FAILED) munmap(reserved, reserved_size);
    if (writable != MAP_FAILED) munmap(writable, writable_size);
    return fits;
}

void preflight_measure(struct preflight_machine *machine) {
    struct rlimit limit;
    uint64_t mappings_max = file_number("/proc/sys/vm/max_map_count");

    machine->mappings_max = mappings_max ? mappings_max : 65530;
    machine->mappings_used = file_lines("/proc/self/maps");
    machine->address_max = UINT64_MAX;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        machine->address_max = limit.rlim_cur;
    machine->address_used = file_number("/proc/self/statm") * (uint64_t)sysconf(_SC_PAGESIZE);
    machine->fits = machine_fits;
}

/* ---- the arithmetic -------------------------------------------------------------------------- */

/* What one slot takes. */
static uint64_t slot_bytes(bool dense) {
    return dense ? ENGINE_DENSE_RESERVATION + ENGINE_DENSE_GUARD
                 : ENGINE_RESERVATION + ENGINE_GUARD;
}

static uint64_t guard_bytes(bool dense) {
    return dense ? ENGINE_DENSE_GUARD : ENGINE_GUARD;
}

/* An eighth is left to everybody else: threads, malloc, the modules' code. */
static uint64_t mappings_free(const struct preflight_machine *machine) {
    uint64_t taken = machine->mappings_used + machine->mappings_max / 8;
    return machine->mappings_max > taken ? machine->mappings_max - taken : 0;
}

static uint64_t address_free(const struct preflight_machine *machine) {
    uint64_t reserve = machine->address_max / 8;
    if (machine->address_max == UINT64_MAX) return UINT64_MAX;
    if (reserve < ADDRESS_RESERVE_MIN) reserve = ADDRESS_RESERVE_MIN;
    reserve += machine->address_used;
    return machine->address_max > reserve ? machine->address_max - reserve : 0;
}

/* Keeps the ratio of stacks to slots, and at least one stack if any was wanted. */
static void shrink(struct engine_shape *shape, uint64_t slots) {
    uint64_t stacks;
    if (slots >= shape->slots) return;
    stacks = shape->stacks * slots / shape->slots;
    if (shape->stacks && !stacks && slots) stacks = 1;
    shape->slots = (uint32_t)slots;
    shape->stacks = (uint32_t)stacks;
}

/* `have` units for all slots and stacks, of which a slot takes `slot` and a stack `stack`. */
static void shrink_to(struct engine_shape *shape, uint64_t have, uint64_t slot, uint64_t stack) {
    uint64_t need = shape->slots * slot + shape->stacks * stack;
    if (need <= have) return;
    shrink(shape, (uint64_t)((double)shape->slots * ((double)have / (double)need)));
    while (shape->slots && shape->slots * slot + shape->stacks * stack > have) {
        if (shape->stacks > 1) shape->stacks--;
        else shrink(shape, shape->slots - 1);
    }
}

static struct engine_shape pool(const struct preflight_machine *machine, uint32_t slots,
                                uint32_t stacks, bool dense) {
    struct engine_shape shape = {.slots = slots, .stacks = stacks, .pooled = true, .dense = dense};
    uint64_t outer = 2 * guard_bytes(dense), free_bytes = address_free(machine);

    shrink_to(&shape, mappings_free(machine), MAPPINGS_PER_SLOT, MAPPINGS_PER_STACK);
    if (free_bytes != UINT64_MAX)
        shrink_to(&shape, free_bytes > outer ? free_bytes - outer : 0,
                  slot_bytes(dense) + TABLE_BYTES, STACK_BYTES);
    while (shape.slots && !machine->fits(shape.slots * slot_bytes(dense) + outer,
                                         shape.slots * (uint64_t)TABLE_BYTES +
                                             shape.stacks * (uint64_t)STACK_BYTES))
        shrink(&shape, shape.slots - (shape.slots + 7) / 8);
    return shape;
}

static struct engine_shape on_demand(const struct preflight_machine *machine, uint32_t slots,
                                     uint32_t stacks) {
    struct engine_shape shape = {.slots = slots, .stacks = stacks, .dense = true};
    uint64_t outer = ENGINE_DENSE_GUARD, free_bytes = address_free(machine);

    shrink_to(&shape, mappings_free(machine), MAPPINGS_PER_SLOT_ON_DEMAND, MAPPINGS_PER_STACK);
    if (free_bytes != UINT64_MAX)
        shrink_to(&shape, free_bytes, slot_bytes(true) + outer + TABLE_BYTES, STACK_BYTES);
    return shape;
}

static void explain(struct engine_shape *shape, const struct preflight_machine *machine,
                    uint32_t slots, bool dense) {
    const char *how = !shape->pooled ? ", each mapped on its own" : "";
    char why[96];

    if (shape->slots == slots && shape->dense == dense && shape->pooled) return;
    if (machine->address_max != UINT64_MAX &&
        shape->slots * slot_bytes(dense) > address_free(machine) / 2)
        snprintf(why, sizeof(why), "the address space is limited to %" PRIu64 " MiB (ulimit -v)",
                 machine->address_max >> 20);
    else if (shape->slots < slots &&
             slots * (uint64_t)MAPPINGS_PER_SLOT > mappings_free(machine) / 2)
        snprintf(why, sizeof(why), "vm.max_map_count is %" PRIu64 " and %" PRIu64 " are in use",
                 machine->mappings_max, machine->mappings_used);
    else snprintf(why, sizeof(why), "the address space has no larger free piece");
    snprintf(shape->reason, sizeof(shape->reason), "%" PRIu32 " of %" PRIu32 " instances%s%s: %s",
             shape->slots, slots, shape->dense && !dense ? ", dense" : "", how, why);
}

struct engine_shape preflight(const struct preflight_machine *machine, uint32_t slots,
                              uint32_t stacks, bool dense) {
    struct engine_shape shape;

    if (slots > SLOTS_CAP) slots = SLOTS_CAP;
    if (stacks > slots) stacks = slots;
    shape = pool(machine, slots, stacks, dense);
    if (shape.slots < slots && !dense) {
        struct engine_shape other = pool(machine, slots, stacks, true);
        if (other.slots > shape.slots) shape = other;
    }
    if (!shape.slots) shape = on_demand(machine, slots, stacks);
    explain(&shape, machine, slots, dense);
    return shape;
}

uint64_t preflight_promise(const struct engine_shape *shape) {
    if (shape->pooled) return shape->slots * (uint64_t)MAPPINGS_PER_SLOT;
    return shape->slots * (uint64_t)MAPPINGS_PER_SLOT_ON_DEMAND +
           shape->stacks * (uint64_t)MAPPINGS_PER_STACK;
}
