/* SPDX-License-Identifier: Apache-2.0 */
/* ramp.h -- run WebAssembly modules as the backends of realtime rooms.
 *
 * You tell a room what happened (somebody joined, sent a message, left); the room's module, written
 * by somebody you need not trust, decides in a sandbox; you are handed the list of events that it
 * emitted: what to send, to whom, what to close. A host holds services (one named program each), a
 * service holds rooms, a room holds connections. A module that is not loaded is loaded by its
 * service's name from a store that you bring (driver.h), and is kept in a table of fixed size, from
 * which the least recently requested one goes first.
 *
 *     ramp_host_new()     one host per thread
 *     ramp_join()         something happened; returns at once, the call is queued
 *     ramp_host_step()    runs what is queued, for a bounded time
 *       on_done()         ... and hands you each call's outcome: DONE with its events, or FAILED
 *     ramp_host_deadline()  when to step again if nothing happens before
 *
 * Ownership, in four words used everywhere below:
 *   borrows  reads it until the function returns       gives  you must release what you receive
 *   copies   keeps its own copy                        takes  will release it, even on failure
 * Strings and bytes handed to your functions are yours to read until your function returns.
 *
 * Threads: a host and all it holds belong to one thread at a time. The one exception is
 * ramp_host_tick(). Ramp opens no socket, starts no thread and reads no clock: you bring those.
 *
 * What a program that embeds Ramp must know:
 *  - The engine takes SIGSEGV, SIGILL and SIGFPE at the first ramp_host_new() and passes on faults
 *    that are not a module's. Install handlers of your own before that, and block none of the three
 *    in a thread that steps a host.
 *  - A thread that steps a host needs a stack of at least RAMP_STACK_SIZE_MIN bytes.
 *  - Somebody must call ramp_host_tick() about every 5 ms while the host steps; without it a module
 *    that loops is never interrupted.
 *  - Out of memory inside the engine (Rust) aborts the process; in Ramp's own code it is
 *    RAMP_NO_MEMORY.
 *  - Artefacts (compiled modules) are native code: load only those that ramp_compile() of this build
 *    made and that nobody could have changed since.
 */
#ifndef RAMP_RAMP_H
#define RAMP_RAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define RAMP_API   __attribute__((visibility("default")))
#define RAMP_CHECK __attribute__((warn_unused_result))
#else
#define RAMP_API
#define RAMP_CHECK
#endif

#define RAMP_VERSION_MAJOR 0
#define RAMP_VERSION_MINOR 1
#define RAMP_VERSION_PATCH 0
#define RAMP_ABI_VERSION   1 /* of the guests: import module ramp_v1, export ramp_abi_v1 */

/* "0.1.0" */
RAMP_API const char *ramp_version(void);
/* "wasmtime 48.0.8" */
RAMP_API const char *ramp_engine_version(void);

/* ---- status and errors ------------------------------------------------------------------- */

/* name, value, what it means. The values -1 to -8 are those that a guest sees, too. */
#define RAMP_STATUS_LIST(X)                                                                        \
    X(OK, 0, "done")                                                                               \
    X(NOT_FOUND, -1, "there is no such thing")                                                     \
    X(GONE, -2, "it has gone")                                                                     \
    X(ARGS, -3, "an argument is wrong")                                                            \
    X(TOO_BIG, -4, "it is too big")                                                                \
    X(LIMIT, -5, "a limit is reached")                                                             \
    X(TIMEOUT, -6, "it took too long")                                                             \
    X(UNAVAILABLE, -7, "not available now; try again later")                                       \
    X(DENIED, -8, "not allowed here")                                                              \
    X(BUSY, -9, "a queue is full; try again when it has drained")                                  \
    X(NO_MEMORY, -10, "out of memory")                                                             \
    X(REFUSED, -11, "the module is refused")                                                       \
    X(TRAPPED, -12, "the module trapped")                                                          \
    X(PANICKED, -13, "the module threw an error")                                                  \
    X(CPU, -14, "the module used up its CPU budget")                                               \
    X(CONFLICT, -15, "the id is held by another owner")                                            \
    X(NOT_OPEN, -16, "the room could not be opened")                                               \
    X(NO_HANDLER, -17, "the module has no handler for this call")                                  \
    X(IO, -18, "reading or writing failed")                                                        \
    X(INTERNAL, -19, "a fault of Ramp itself")

typedef enum ramp_status {
#define RAMP_STATUS_VALUE(name, value, meaning) RAMP_##name = (value),
    RAMP_STATUS_LIST(RAMP_STATUS_VALUE)
#undef RAMP_STATUS_VALUE
} ramp_status;

/* "NOT_FOUND"; for a value that is none, "UNKNOWN". */
RAMP_API const char *ramp_status_name(ramp_status status);
/* The meaning, as above. */
RAMP_API const char *ramp_status_text(ramp_status status);

typedef struct ramp_error { /* yours, on your stack; nothing to free */
    ramp_status status;
    char message[248]; /* a sentence fit for a log: what was wrong, and where */
} ramp_error;

typedef struct ramp_bytes {
    const void *data;
    size_t size;
} ramp_bytes;

#define RAMP_MODULE_ID_SIZE 32 /* SHA-256 of the uploaded module */
typedef struct ramp_module_id {
    uint8_t bytes[RAMP_MODULE_ID_SIZE];
} ramp_module_id;

typedef struct ramp_host ramp_host; /* opaque, as every object here is */

/* ---- compiling --------------------------------------------------------------------------- */

/* Checks a module (the refusals of the guest ABI: missing or wrong exports, unknown imports, features
 * that are not allowed, sizes) without compiling it. Borrows `wasm`. RAMP_REFUSED with a sentence
 * that names what is wrong and the byte offset where there is one. */
RAMP_API RAMP_CHECK ramp_status ramp_module_check(ramp_bytes wasm, ramp_error *reterr);

typedef struct ramp_compile_options {
    size_t size;     /* sizeof(ramp_compile_options) */
    bool fast;       /* compile in half the time, run slower; for development */
    bool dense;      /* for hosts in dense mode, see ramp_host_stats.dense */
    bool skip_smoke; /* do not open a room with it, to see that it comes to life */
    void *context;   /* first argument of both functions below */
    uint64_t (*thread_cpu_ns)(void *context); /* to bound the room's opening; NULL: not bounded */
    /* The room is about to be opened in `host`, which must be ticked (ramp_host_tick) from another
     * thread; with NULL: it has been, stop. May be NULL if thread_cpu_ns is. */
    void (*on_host)(void *context, ramp_host *host);
} ramp_compile_options;

/* Checks, compiles and tries out a module, in this process and thread. Takes milliseconds per KB and
 * can be made slow by a hostile module: run it in a child process that you can kill. `options` may be
 * NULL. Gives `*ret_artefact`: free it with ramp_artefact_free(). On failure it is untouched. */
RAMP_API RAMP_CHECK ramp_status ramp_compile(ramp_bytes wasm, const ramp_compile_options *options,
                                             ramp_bytes *ret_artefact, ramp_error *reterr);
RAMP_API void ramp_artefact_free(ramp_bytes artefact);
/* What an artefact depends on besides the module: versions, settings, CPU features. Part of a cache's
 * key. The string lives as long as the process. */
RAMP_API const char *ramp_artefact_key(bool fast, bool dense);

/* ---- hosts ------------------------------------------------------------------------------- */

typedef struct ramp_connection ramp_connection; /* one client in one room */
typedef struct ramp_outcome ramp_outcome;
struct ramp_store; /* driver.h, as are the next three */
struct ramp_kv;
struct ramp_db;
struct ramp_states;

/* A line that a module wrote, or that Ramp writes about a module. */
typedef struct ramp_log_line {
    int level; /* 0 debug, 1 info, 2 warning, 3 error */
    const char *service;
    const char *room;       /* "" if the line is about the service */
    const char *connection; /* id, "" if the call has none */
    const char *call;       /* "join", "message", ... or "" */
    ramp_bytes text;        /* UTF-8, any characters */
    bool by_module;         /* log() of the module; else a line of Ramp's about it */
} ramp_log_line;

typedef struct ramp_host_options {
    size_t size;   /* sizeof(ramp_host_options) */
    void *context; /* first argument of every function below */

    /* Clocks and chance. Required, but for thread_cpu_ns: without it budgets count wall time. */
    uint64_t (*monotonic_ns)(void *context);
    int64_t (*wall_ms)(void *context);
    uint64_t (*thread_cpu_ns)(void *context);
    void (*random)(void *context, void *bytes, size_t size);

    const struct ramp_store *store; /* required; borrowed for the life of the host */

    /* A call has ended: called inside ramp_host_step() only, in the order of each room's calls; of calls
     * that never reach the module (refused, or their connection has gone) as soon as that is known. */
    void (*on_done)(void *context, const ramp_outcome *outcome);
    /* The host closes a connection itself (4409 replaced, 1011 room failed, 1013 overloaded): send
     * what you like to its client, and do not use `connection` again after you return. */
    void (*on_close)(void *context, ramp_connection *connection, uint16_t code, const char *reason);
    /* A connection whose ramp_message() answered RAMP_BUSY can take messages again. May be NULL. */
    void (*on_ready)(void *context, ramp_connection *connection);
    /* May be NULL. */
    void (*on_log)(void *context, const ramp_log_line *line);

    /* 0: the default of src/base/limits.h */
    uint32_t modules_max;     /* slots of the module table */
    size_t modules_bytes_max; /* bytes of artefacts in the table */
    uint32_t rooms_max;       /* live instances */
    uint32_t stacks_max;      /* rooms on the path that can suspend; default: rooms_max */
    size_t memory_max;        /* bytes of one room's memory */
    uint32_t call_cpu_ms;     /* CPU of one call */
    uint32_t open_cpu_ms;     /* CPU of _initialize and on_open */
    uint32_t slice_ms;        /* CPU of a call before others have their turn */
    uint32_t room_idle_ms;  /* a room without connections ends after this time; UINT32_MAX: never */
    uint32_t promote_calls; /* calls without a used-up slice before a module may take the path that
                                  cannot suspend */
    bool dense;             /* small memory reservations: bounds checks, but many more rooms */

    /* Storage, borrowed for the life of the host. NULL: what needs it answers RAMP_UNAVAILABLE. */
    const struct ramp_kv *kv;
    const struct ramp_db *db;
    const struct ramp_states *states;
    /* Whether a room is this host's: of the hosts that share a db, one fires its alarm. NULL: it is. */
    bool (*owns_room)(void *context, const char *service, const char *room);
    uint32_t wait_ms;   /* waiting of one call, in sum; 0 here and below: the default */
    uint32_t commit_ms; /* a commit whose outcome is not known by then has failed */
    uint32_t sync_ms;   /* the same for kv_sync() */
} ramp_host_options;

/* Borrows `options`. Gives `*ret_host`. If the machine's limits (mappings, address space) do not allow
 * `rooms_max`, the host is smaller, and says so through on_log and ramp_host_stats. */
RAMP_API RAMP_CHECK ramp_status ramp_host_new(const ramp_host_options *options,
                                              ramp_host **ret_host, ramp_error *reterr);
/* Ends all rooms without calling their modules. No function of yours is called. NULL is accepted. */
RAMP_API void ramp_host_free(ramp_host *host);

/* How a host comes to an orderly end, one stage after the other, each at a time of your choosing. Go on
 * stepping in between. Tell it of no leaves after RAMP_STOP_ROOMS: clients are to come back. */
typedef enum ramp_stop {
    RAMP_STOP_WAITS = 1, /* what calls wait for is TIMEOUT, now and from now on */
    RAMP_STOP_COMMITS,   /* open commits have failed: their frames are dropped */
    RAMP_STOP_ROOMS      /* no calls any more but on_save; written kv is flushed */
} ramp_stop;
RAMP_API void ramp_host_stop(ramp_host *host, ramp_stop stage);
/* No call runs, waits or commits; after RAMP_STOP_ROOMS, too: every room has been saved, or could not be,
 * and the kv buffer is empty. Looks at every room. */
RAMP_API bool ramp_host_has_stopped(const ramp_host *host);

/* Runs what is ready: at most one slice per service, services in turn. Everything that your functions
 * are told happens in here. true: more is ready, step again without sleeping. */
RAMP_API bool ramp_host_step(ramp_host *host);
/* Monotonic ns of the next thing that is due by itself (timer, idle room, retry). UINT64_MAX: nothing. */
RAMP_API uint64_t ramp_host_deadline(const ramp_host *host);
/* The epoch tick. The one thread-safe function: call it from any thread about every 5 ms. Costs
 * nothing while no module runs. */
RAMP_API void ramp_host_tick(ramp_host *host);
/* A module is running in this host right now; thread-safe, a hint. */
RAMP_API bool ramp_host_is_running(const ramp_host *host);

/* ---- what happened ----------------------------------------------------------------------- */
/* Each of these returns at once. RAMP_OK: the call is queued and ends in exactly one on_done() that
 * carries `tag`. Anything else: nothing has happened, and there is no on_done(). Names of services are
 * [a-z0-9][a-z0-9-]{0,62}, ids of rooms and connections 1 to 128 bytes of UTF-8 without control
 * characters; ids of rooms have no '/'. Everything passed is copied. */

typedef struct ramp_join_options {
    size_t size;
    const char *id;     /* unique in the room */
    uint64_t owner;     /* who holds the socket: 0 you, else one of your callers */
    ramp_bytes user;    /* subject of a token; size 0: none */
    ramp_bytes query;   /* raw query string, without '?' */
    ramp_bytes headers; /* `name: value\n` lines, names lower-case */
    ramp_bytes ip;      /* text form */
    ramp_bytes claims;  /* `name: value\n` lines */
    void *data;         /* yours: ramp_connection_data() */
    void *tag;
} ramp_join_options;

/* Opens the room if it is not open. A join with an id that is present replaces that connection if the
 * owner is the same (on_close 4409, its leave runs before), else RAMP_CONFLICT. Gives
 * `*ret_connection`, valid until the on_done of its leave, until on_close, or, if the join fails, until
 * the on_done of the join. A failed on_join handler does not fail the membership: see
 * ramp_outcome.joined. */
RAMP_API RAMP_CHECK ramp_status ramp_join(ramp_host *host, const char *service, const char *room,
                                          const ramp_join_options *options,
                                          ramp_connection **ret_connection, ramp_error *reterr);
/* RAMP_BUSY: the connection's or room's inbox is full, nothing was queued; stop reading this client
 * until on_ready(). RAMP_TOO_BIG above 1 MiB, RAMP_GONE after its leave was queued. */
RAMP_API RAMP_CHECK ramp_status ramp_message(ramp_connection *connection, ramp_bytes payload,
                                             bool binary, void *tag);
/* The client has gone, with a WebSocket close code (1006: without one). Always succeeds; a second one
 * is ignored and has no on_done(). If its join has not been dispatched, both are dropped: the join's
 * outcome is RAMP_GONE, the leave's is RAMP_DONE without events. From now on its
 * ramp_connection_data() is NULL. */
RAMP_API void ramp_leave(ramp_connection *connection, uint16_t code, void *tag);
/* The connection's outgoing queue has passed its soft limit: calls on_backpressure once, until
 * `drained`. */
RAMP_API void ramp_backpressure(ramp_connection *connection, bool drained);

typedef struct ramp_request {
    size_t size;
    ramp_bytes method, path; /* path: what follows /<service>/<room>, with the query */
    ramp_bytes query;        /* raw query string, for conn_info(0, query) */
    ramp_bytes headers;      /* `name: value\n` lines, names lower-case */
    ramp_bytes body;
    ramp_bytes user, ip, claims;
    void *tag;
} ramp_request;

/* An HTTP request to the room. The outcome's events hold at most one RAMP_EVENT_RESPOND. */
RAMP_API RAMP_CHECK ramp_status ramp_http_request(ramp_host *host, const char *service,
                                                  const char *room, const ramp_request *request,
                                                  ramp_error *reterr);
/* Opens the room if it is not open, and nothing else. */
RAMP_API RAMP_CHECK ramp_status ramp_open(ramp_host *host, const char *service, const char *room,
                                          void *tag, ramp_error *reterr);

/* The service has a new current version: it is loaded, new rooms use it at once, live rooms change over
 * between two calls: on_save in the old, on_open with reason 1 in the new; connections stay, timers do
 * not. A room in which the new version does not open goes on with the old one, as all do if it cannot be
 * loaded. The result arrives in on_done with call RAMP_CALL_DEPLOY when all rooms have changed over, or
 * after 10 s. */
RAMP_API RAMP_CHECK ramp_status ramp_service_update(ramp_host *host, const char *service, void *tag,
                                                    ramp_error *reterr);

/* ---- connections ------------------------------------------------------------------------- */

RAMP_API void *ramp_connection_data(const ramp_connection *connection);
RAMP_API void ramp_connection_set_data(ramp_connection *connection, void *data);
RAMP_API const char *ramp_connection_id(const ramp_connection *connection);
RAMP_API ramp_bytes ramp_connection_user(const ramp_connection *connection); /* size 0: none */
RAMP_API uint64_t ramp_connection_owner(const ramp_connection *connection);
RAMP_API const char *ramp_connection_room(const ramp_connection *connection);
RAMP_API const char *ramp_connection_service(const ramp_connection *connection);
/* NULL if there is none (or it is leaving). Borrowed. */
RAMP_API ramp_connection *ramp_connection_find(ramp_host *host, const char *service,
                                               const char *room, const char *id);

/* ---- outcomes and events ------------------------------------------------------------------ */

#define RAMP_CALL_LIST(X)                                                                          \
    X(OPEN, "open")                                                                                \
    X(JOIN, "join")                                                                                \
    X(MESSAGE, "message")                                                                          \
    X(LEAVE, "leave")                                                                              \
    X(TIMER, "timer")                                                                              \
    X(ALARM, "alarm")                                                                              \
    X(REQUEST, "request")                                                                          \
    X(SAVE, "save")                                                                                \
    X(ERROR, "error")                                                                              \
    X(CLOSE, "close")                                                                              \
    X(BACKPRESSURE, "backpressure")                                                                \
    X(DEPLOY, "deploy")

typedef enum ramp_call_kind {
#define RAMP_CALL_VALUE(name, text) RAMP_CALL_##name,
    RAMP_CALL_LIST(RAMP_CALL_VALUE)
#undef RAMP_CALL_VALUE
        RAMP_CALL_COUNT
} ramp_call_kind;

/* "join" */
RAMP_API const char *ramp_call_name(ramp_call_kind kind);

#define RAMP_EVENT_LIST(X)                                                                         \
    X(BROADCAST, "broadcast")                                                                      \
    X(SEND, "send")                                                                                \
    X(CLOSE, "close")                                                                              \
    X(KV_SET, "kv_set")                                                                            \
    X(KV_DEL, "kv_del")                                                                            \
    X(KV_SYNC, "kv_sync")                                                                          \
    X(DB_SET, "db_set")                                                                            \
    X(DB_DEL, "db_del")                                                                            \
    X(TIMER_SET, "timer_set")                                                                      \
    X(TIMER_CLEAR, "timer_clear")                                                                  \
    X(ALARM_SET, "alarm_set")                                                                      \
    X(RESPOND, "respond")                                                                          \
    X(STATE_SAVE, "state_save")

typedef enum ramp_event_type {
#define RAMP_EVENT_VALUE(name, text) RAMP_EVENT_##name,
    RAMP_EVENT_LIST(RAMP_EVENT_VALUE)
#undef RAMP_EVENT_VALUE
        RAMP_EVENT_COUNT
} ramp_event_type;

/* "timer_set" */
RAMP_API const char *ramp_event_name(ramp_event_type type);

/* What a call asked for. broadcast, send and close are yours to carry out; the others have been carried
 * out and are listed so that you see what happened. Fields that a type does not use are zero. */
typedef struct ramp_event {
    ramp_event_type type;
    const char *service;
    const char *room;
    ramp_connection *connection; /* send, close: to whom */
    ramp_bytes payload; /* broadcast, send: the message; close: the reason; respond: the body;
                                    kv_set, db_set: the value; state_save: the state */
    bool binary;        /* broadcast, send */
    ramp_connection *const *to; /* broadcast: the recipients, `except` already applied */
    size_t to_count;
    uint16_t code;      /* close: WebSocket close code; respond: HTTP status */
    uint8_t scope;      /* kv_*: 0 this room, 1 the service */
    ramp_bytes key;     /* kv_*, db_* */
    int64_t ttl_ms;     /* kv_set; 0: for ever */
    int32_t timer_id;   /* timer_* */
    int64_t delay_ms;   /* timer_set */
    int64_t period_ms;  /* timer_set; 0: once */
    int64_t at_ms;      /* alarm_set; Unix ms */
    ramp_bytes headers; /* respond: `name: value\n` lines */
} ramp_event;

/* A call's life: RUNNING, WAITING (for an answer from outside), COMMITTING (its writes are being stored),
 * then one of the last two. */
typedef enum ramp_call_state {
    RAMP_CALL_RUNNING,
    RAMP_CALL_WAITING,
    RAMP_CALL_COMMITTING,
    RAMP_CALL_DONE,
    RAMP_CALL_FAILED
} ramp_call_state;

struct ramp_outcome {
    void *tag; /* yours; NULL for calls that the host makes itself (open, timers, replaced, ...) */
    ramp_call_kind call;
    ramp_call_state state; /* RAMP_CALL_DONE or RAMP_CALL_FAILED */
    const char *service;
    const char *room;
    ramp_connection *connection; /* join, message, leave, backpressure */
    bool joined;                 /* join: it is a member now, even if its handler failed */
    const ramp_event *events;    /* in order; none if FAILED */
    size_t event_count;
    ramp_status status;      /* FAILED: why */
    const char *message;     /* FAILED: a sentence; else "" */
    uint32_t events_dropped; /* FAILED: how many it had emitted */
    const char *where;       /* FAILED: "file:line:col" of the user's source if known; else "" */
    uint64_t cpu_ns;         /* guest time */
    bool suspendable;        /* ran on the path that can suspend */
    /* deploy: live rooms that use the new version now; those that stay on the old one, since the new one
     * failed to open there; connections of the former */
    uint32_t rooms_moved, rooms_kept, connections_kept;
};

/* ---- looking in -------------------------------------------------------------------------- */

typedef struct ramp_host_stats {
    size_t size;
    uint32_t modules, modules_max, modules_pinned;
    size_t modules_bytes;
    uint32_t services, rooms, rooms_max, connections, timers, stacks_max;
    uint64_t calls, calls_failed, events, loads, loads_failed, loads_refused, evictions;
    uint64_t cpu_ns;
    bool pooled, dense;                    /* what the preflight allowed */
    uint64_t waits, waits_timed_out;       /* requests to drivers that a call waited for */
    uint64_t commits, commits_failed;      /* db transactions of rooms */
    uint64_t syncs_failed;                 /* kv_sync() without acknowledgement */
    uint64_t saves, saves_failed;          /* states of rooms */
    uint64_t alarms, alarms_dropped;       /* fired; given up after retries */
    uint64_t kv_written, kv_late;          /* acknowledged by the backend; of these, after 1 s */
    uint64_t kv_pending, kv_pending_bytes; /* written, not acknowledged yet */
} ramp_host_stats;

/* Set `size` first; only that many bytes are written. */
RAMP_API void ramp_host_get_stats(const ramp_host *host, ramp_host_stats *stats);

typedef struct ramp_module_info {
    ramp_module_id id;
    const char *service;      /* one of the services that use it; "" if none does any more */
    uint64_t last_request_ns; /* monotonic: the latest call */
    uint32_t rooms;
    size_t bytes;
    bool pinned; /* cannot be evicted now */
    bool fast;   /* promoted to the path that cannot suspend */
} ramp_module_info;

/* Calls `each` for every entry of the module table, most recently requested first. */
RAMP_API void ramp_host_modules(const ramp_host *host,
                                void (*each)(void *, const ramp_module_info *), void *context);

typedef struct ramp_room_info {
    const char *service, *room;
    ramp_module_id module;
    uint32_t connections, timers, queued;
    size_t memory;
    uint64_t calls, calls_failed, cpu_ns;
    bool open;           /* has an instance */
    bool waiting;        /* its call is suspended until a driver answers */
    uint32_t committing; /* calls that have returned and whose events wait for a commit */
    int64_t alarm_ms;    /* Unix ms; 0: none, or not known yet */
    bool saved;          /* a state is stored */
    bool pinned;         /* keeps its module in the table */
} ramp_room_info;

RAMP_API void ramp_host_rooms(const ramp_host *host, void (*each)(void *, const ramp_room_info *),
                              void *context);

typedef struct ramp_timer_info {
    int32_t id;
    uint64_t due_ns;    /* monotonic; UINT64_MAX: due now */
    uint64_t period_ns; /* 0: once */
} ramp_timer_info;

/* Looks at one room; false: there is none. `each_timer` may be NULL. */
RAMP_API bool ramp_host_room(const ramp_host *host, const char *service, const char *room,
                             ramp_room_info *ret_info,
                             void (*each_timer)(void *, const ramp_timer_info *), void *context);

#define RAMP_STACK_SIZE_MIN (512u * 1024)

#ifdef __cplusplus
}
#endif

#endif
