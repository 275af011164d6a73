/* SPDX-License-Identifier: Apache-2.0 */
/* call.h -- one call: something that happened, handed to a module, from dispatch to outcome.
 *
 * Door:   call_new(), call_advance() until it has ended, call_settle(), call_tell().
 * Before: room.c, which decides what is called.
 * After:  engine.h runs the guest; hostcalls.c fills the batch; gate.c keeps it until it is stored; the
 *         embedder's on_done gets the outcome.
 *
 * A call that opens a room goes through three exports: _initialize, ramp_abi_v1, on_open. All others
 * are one export. Each may be suspended and resumed: at an epoch, or in wait().
 */
#ifndef CORE_CALL_H
#define CORE_CALL_H

#include "base/limits.h"
#include "core/events.h"
#include "core/room.h"

/* The module's exports as engine_call() knows them. */
enum guest_export {
#define HOSTCALL(name, kind, parameters, result, names, doc)
#define HANDLER(name, parameters, names, doc) EXPORT_##name,
#include "core/hostcalls.def"
#undef HOSTCALL
#undef HANDLER
    EXPORT_initialize,
    EXPORT_ramp_abi_v1,
    EXPORT_COUNT
};

enum call_stage { STAGE_INITIALIZE, STAGE_ABI, STAGE_HANDLER };

struct call {
    struct call *next_free;
    struct room *room;
    ramp_call_kind kind;
    enum call_stage stage;
    ramp_call_state state;
    bool suspended;  /* in the engine: call_advance() resumes */
    bool has_entry;  /* the front of the inbox is what it is about */
    bool slice_used; /* an epoch came while it ran */
    bool overran;    /* ... and it was the call that had used the time */
    bool suspendable;
    bool skipped;   /* the module has no such handler: done without it */
    bool is_silent; /* made by the host to clear an alarm: nobody is told */
    bool is_held;   /* it waits behind the gate: its connections stay until it leaves */
    bool is_stored; /* what it wrote is */
    bool clears_alarm;
    bool waits_expired; /* whatever it asks for is TIMEOUT */
    uint8_t handler;    /* enum guest_export */
    void *tag;
    ramp_connection *connection;
    int32_t arguments[3];
    ramp_bytes payload; /* in the inbox; until the handler ends */
    struct batch batch;
    ramp_bytes
        result; /* what result_read reads; in `text`, `delivered`, a connection or the room */
    struct list pendings;      /* FIFO of struct pending */
    struct pending *delivered; /* what wait() has delivered last */
    uint32_t pending_count;
    uint64_t wait_left_ns, wait_since_ns;
    struct list in_gate;   /* room->gate.batches */
    struct list kv_values; /* struct kv_value: what it writes to kv, until its batch leaves */
    uint64_t sync_mark;
    uint64_t number;  /* of the room's calls, when it has ended */
    int64_t alarm_ms; /* if it sets or clears the alarm */
    int64_t time_ms;
    uint64_t budget_ns, cpu_ns, entered_ns;
    uint64_t thread_ns, thread_mark_ns; /* CPU time of the thread, counted since the first epoch */
    uint32_t log_count;
    uint32_t events_dropped;
    uint32_t new_timers;  /* that the batch will add, counted generously */
    int32_t result_value; /* of ramp_abi_v1; written when the call ends */
    ramp_status status;   /* FAILED */
    char message[LIMIT_PANIC_SIZE + 1];
    char where[256];
    char *text; /* room for results that are made, e.g. a decoded query value */
    size_t text_capacity;
};

/* NULL: no memory. */
struct call *call_new(struct room *room, ramp_call_kind kind);
void call_free(struct call *call);
void call_pool_done(ramp_host *host);
/* The handler to call and its arguments, of which arguments[0] is set. */
void call_set_handler(struct call *call, enum guest_export handler, bool binary);
/* Runs the guest. RUNNING: its slice is over; WAITING: parked; DONE or FAILED: it has ended. */
ramp_call_state call_advance(struct call *call);
/* The call has ended: carries out what the batch asks of the room itself, at once. */
void call_settle(struct call *call);
/* Tells the embedder; the call can be freed. */
void call_tell(struct call *call);
/* It waits behind the gate: its connections stay valid until call_release(). Without memory for that the
 * call has failed. */
void call_hold(struct call *call);
void call_release(struct call *call);
/* What it holds while it waits, in bytes. */
size_t call_size(const struct call *call);
static inline bool call_sets_alarm(const struct call *call) {
    return call->clears_alarm || (call->batch.needs & BATCH_ALARM);
}
/* Marks a call that never reached the guest as failed. */
void call_fail(struct call *call, ramp_status status, const char *message);

/* hostcalls.c, hostcalls_storage.c */
struct engine_import;
extern const struct engine_import hostcall_imports[];
extern const size_t hostcall_import_count;
/* See engine_options.wait and .wait_check. */
struct engine_trap *hostcall_wait_check(void *context, uint32_t out, uint32_t cap);
bool hostcall_wait(void *context, uint32_t out, uint32_t cap, int32_t *ret_result);
extern const char *const guest_export_names[EXPORT_COUNT];
/* Called on the guest's stack. */
enum engine_verdict call_on_epoch(void *room);
/* The guest's bytes at [offset, offset + size), or NULL: outside of its memory. */
uint8_t *guest_slice(struct room *room, uint32_t offset, uint32_t size);

#endif
