/* SPDX-License-Identifier: Apache-2.0 */
/* hostcalls.h -- how the bodies of the host functions are written.
 *
 * Door:   IMPORT(name) { IMPORT_IN_HANDLER(); IMPORT_BYTES(key, 0); ... return answer(values, 0); }
 * Before: the guest, through engine.h.
 * Not here: the bodies. hostcalls.c has messages, timers, requests, what is known now;
 *           hostcalls_storage.c has kv, db, alarm, state, wait.
 *
 * These functions run on the guest's stack: no large locals, no calls that may go deep. guest_slice() is
 * the only way to a guest's memory: it checks every pointer and length. A bad pair traps. Nobody keeps a
 * guest pointer.
 */
#ifndef CORE_HOSTCALLS_H
#define CORE_HOSTCALLS_H

#include <assert.h>
#include <string.h>

#include "core/call.h"
#include "core/pending.h"

#define hostcall_declare_EVENT(name) IMPORT(name);
#define hostcall_declare_NOW(name)   IMPORT(name);
#define hostcall_declare_START(name) IMPORT(name);
#define hostcall_declare_WAIT(name)

#define IMPORT(name)                                                                               \
    struct engine_trap *hostcall_##name(void *env, void *caller, union engine_value *values,       \
                                        size_t count)
/* Every body starts with this: the call that runs, and the unused parameters. */
#define IMPORT_CALL()                                                                              \
    struct call *call = ((ramp_host *)env)->current;                                               \
    (void)caller;                                                                                  \
    (void)count;                                                                                   \
    assert(call)
/* Most functions work in handlers only. */
#define IMPORT_IN_HANDLER()                                                                        \
    IMPORT_CALL();                                                                                 \
    if (call->stage != STAGE_HANDLER) return answer(values, RAMP_DENIED)
/* Declares `name` as the guest's bytes (values[at], values[at + 1]), or traps. */
#define IMPORT_BYTES(name, at)                                                                     \
    ramp_bytes name;                                                                               \
    if (!guest_bytes(call, values[at].u32, values[(at) + 1].u32, &(name))) return bad_pointer()

/* Checks (out, cap) at values[at], or traps. The result of the import before ends here, also if this one
 * fails: what it lies in may be used again. */
#define IMPORT_OUT(at)                                                                             \
    uint32_t out = values[at].u32, cap = values[(at) + 1].u32;                                     \
    if (!guest_slice(call->room, out, cap)) return bad_pointer();                                  \
    call_drop_result(call)

#define HANDLER(name, parameters, names, doc)
#define HOSTCALL(name, kind, parameters, result, names, doc) hostcall_declare_##kind(name)
#include "core/hostcalls.def"
#undef HOSTCALL
#undef HANDLER

/* Room for a result that has to be made; NULL: no memory. */
char *call_text(struct call *call, size_t size);

/* What result_read() reads ends here. */
static inline void call_drop_result(struct call *call) {
    call->result = (ramp_bytes){0};
    if (call->delivered) pending_drop_delivered(call);
}

static inline struct engine_trap *answer(union engine_value *values, int32_t result) {
    values[0].i32 = result;
    return NULL;
}

static inline struct engine_trap *bad_pointer(void) {
    return engine_trap_new("a pointer handed to a host function lies outside of the memory");
}

static inline bool guest_bytes(struct call *call, uint32_t offset, uint32_t size,
                               ramp_bytes *ret_bytes) {
    const uint8_t *bytes = guest_slice(call->room, offset, size);

    if (!bytes) return false;
    *ret_bytes = (ramp_bytes){.data = bytes, .size = size};
    return true;
}

/* Hands out a result: as much as fits at (out, cap), all of it to result_read(). `result` stays good until
 * the call's next import with (out, cap). */
static inline struct engine_trap *give(struct call *call, union engine_value *values,
                                       ramp_bytes result, uint32_t out, uint32_t cap) {
    uint8_t *to = guest_slice(call->room, out, cap); /* IMPORT_OUT() has looked */
    size_t size = result.size < cap ? result.size : cap;

    if (size) memcpy(to, result.data, size);
    call->result = result;
    return answer(values, (int32_t)result.size);
}

#endif
