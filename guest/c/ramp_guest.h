/* SPDX-License-Identifier: Apache-2.0 */
/* ramp_guest.h -- write a Ramp room in C (or C++): the guest ABI, version 1. No libc needed.
 *
 *     clang --target=wasm32 -O2 -nostdlib -mbulk-memory -msign-ext -I guest/c \
 *           -Wl,--no-entry -Wl,-z,stack-size=16384 -Wl,--strip-all -o room.wasm room.c
 *
 * Door:     RAMP_MODULE() once, RAMP_ON_…() for each handler that the room has, ramp_…() to ask.
 * Before:   the host calls a handler; the payload lies in the inbox, or (PULL) is read piece by piece.
 * After:    what the handler asked for is carried out when it has returned, all or nothing.
 * Not here: the host functions' prototypes, in ramp_hostcalls.h, which tools/generate.mjs makes.
 *
 *  - Only i32 and i64 cross. Text is UTF-8, never ended by a zero. Memory is little-endian.
 *  - A result of 0 or more is a value or a full length, below 0 it is -RAMP_E_…
 *  - (out, cap): the host writes what fits and returns the full length; ramp_result_read() reads the
 *    rest, until the next function that has (out, cap).
 *  - A bad address traps. A trap drops what the handler asked for and starts the room anew.
 *  - ramp_wait() is the only function that suspends; RAMP_AWAIT() uses it where it is needed. A module
 *    that does not import it runs on the faster path.
 */
#ifndef RAMP_GUEST_H
#define RAMP_GUEST_H

#ifdef __cplusplus
extern "C" {
#endif

#include "ramp_hostcalls.h"

#define RAMP_EXPORT(name) __attribute__((export_name(#name)))

/* A connection: slot in the low 20 bits (the lowest free one), generation above. Never 0. */
typedef uint32_t ramp_conn;
#define RAMP_SLOT(conn) ((conn)&0xfffffu)

/* Kinds of messages. */
enum { RAMP_TEXT = 0, RAMP_BINARY = 1 };
/* Bits of a handler's flags. PULL: the payload is larger than the inbox; ramp_event_read() reads it.
 * STALE (on_open): calls ran, or may have run, since the state was saved. */
enum { RAMP_FLAG_BINARY = 1, RAMP_FLAG_PULL = 2, RAMP_FLAG_STALE = 4 };
enum {
    RAMP_E_NOT_FOUND = 1,
    RAMP_E_GONE = 2,
    RAMP_E_ARGS = 3,
    RAMP_E_TOO_BIG = 4,
    RAMP_E_LIMIT = 5,
    RAMP_E_TIMEOUT = 6,
    RAMP_E_UNAVAILABLE = 7,
    RAMP_E_DENIED = 8
};
enum { RAMP_LOG_DEBUG, RAMP_LOG_INFO, RAMP_LOG_WARNING, RAMP_LOG_ERROR };
enum { RAMP_ROOM_ID, RAMP_ROOM_SERVICE, RAMP_ROOM_VERSION };
enum {
    RAMP_CONN_ID,
    RAMP_CONN_QUERY,
    RAMP_CONN_HEADER,
    RAMP_CONN_USER,
    RAMP_CONN_IP,
    RAMP_CONN_CLAIM
};
enum { RAMP_SCOPE_ROOM, RAMP_SCOPE_SERVICE };
enum {
    RAMP_OPEN_FRESH,
    RAMP_OPEN_NEW_VERSION,
    RAMP_OPEN_MOVED,
    RAMP_OPEN_AFTER_TRAP,
    RAMP_OPEN_LOST_COMMIT
};

/* Calls, as on_error names them. */
enum {
    RAMP_CALL_OPEN,
    RAMP_CALL_JOIN,
    RAMP_CALL_MESSAGE,
    RAMP_CALL_LEAVE,
    RAMP_CALL_TIMER,
    RAMP_CALL_ALARM,
    RAMP_CALL_REQUEST,
    RAMP_CALL_SAVE,
    RAMP_CALL_ERROR,
    RAMP_CALL_CLOSE,
    RAMP_CALL_BACKPRESSURE
};

/* What a START function returns when its answer comes through ramp_wait(). */
#define RAMP_PENDING ((int32_t)0x80000000u)
#define RAMP_AWAIT(call, out, cap)                                                                 \
    __extension__({                                                                                \
        int32_t result_ = (call);                                                                  \
        result_ == RAMP_PENDING ? ramp_wait((out), (cap)) : result_;                               \
    })

/* A literal's address and length, for (p, n). */
#define RAMP_LIT(text) (text), (uint32_t)(sizeof(text) - 1)

struct ramp_inbox {
    int64_t time_ms; /* Unix milliseconds of the call; stands still while its handler runs */
    uint32_t call_flags;
    uint32_t sequence;
    uint8_t data[];
};

/* The answer of ramp_abi_v1(), read once. */
struct ramp_descriptor {
    uint32_t size, inbox, inbox_cap;
    uint32_t flags; /* 1 RESUMABLE: the room goes on after ramp_panic(); leave it 0 in C */
    uint32_t sdk_version, host_minor_needed, zero[2];
};

struct ramp_part {
    const void *p;
    uint32_t n;
};

/* The request of ramp_http_fetch(). Its answer: u32 status, u32 n, headers, body. */
struct ramp_fetch {
    uint32_t size; /* sizeof(struct ramp_fetch) */
    uint32_t timeout_ms;
    struct ramp_part method, url, headers, body;
};

/* The payload of on_error; the message follows, `message_size` bytes. */
struct ramp_failure {
    uint32_t call;  /* RAMP_CALL_… that failed */
    ramp_conn conn; /* 0: about nobody */
    uint32_t code;  /* RAMP_E_…; 10 out of memory, 12 trapped, 13 ramp_panic(), 14 out of time */
    uint32_t message_size;
};

/* The answer of ramp_db_list(); `count` entries follow, in bytewise order of their keys, each:
 * u32 n, key, u32 n, value, one behind the other without gaps. Read the numbers with ramp_u32(). */
struct ramp_list {
    uint32_t count;
    uint32_t more; /* 1: further keys exist; list again, after the last one */
};

/* A number that need not be aligned. The payload of on_request: u32 n, method, u32 n, path and query,
 * u32 n, headers, body. */
static inline uint32_t ramp_u32(const void *at) {
    uint32_t value;
    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

/* Once in one file: the inbox (4 KiB to 1 MiB, its head of 16 bytes included) and the export that makes
 * a module a room. ramp_payload() is where a payload without PULL lies. */
#define RAMP_MODULE(inbox_bytes)                                                                   \
    static union {                                                                                 \
        struct ramp_inbox inbox;                                                                   \
        uint8_t bytes[inbox_bytes];                                                                \
    } ramp_inbox_ __attribute__((aligned(16)));                                                    \
    static struct ramp_descriptor ramp_descriptor_;                                                \
    RAMP_EXPORT(ramp_abi_v1) struct ramp_descriptor *ramp_abi_v1(void);                            \
    struct ramp_descriptor *ramp_abi_v1(void) {                                                    \
        ramp_descriptor_.size = sizeof(ramp_descriptor_);                                          \
        ramp_descriptor_.inbox = (uint32_t)(uintptr_t)&ramp_inbox_;                                \
        ramp_descriptor_.inbox_cap = sizeof(ramp_inbox_);                                          \
        return &ramp_descriptor_;                                                                  \
    }                                                                                              \
    __attribute__((unused)) static const uint8_t *ramp_payload(void) {                             \
        return ramp_inbox_.inbox.data;                                                             \
    }                                                                                              \
    __attribute__((unused)) static int64_t ramp_call_time(void) {                                  \
        return ramp_inbox_.inbox.time_ms;                                                          \
    }                                                                                              \
    struct ramp_module_

/* Handlers; define those that the room has. RAMP_ON_MESSAGE(conn, n, flags) { … } */
#define RAMP_HANDLER_(name, parameters)                                                            \
    RAMP_EXPORT(name) void name parameters;                                                        \
    void name parameters
#define RAMP_ON_OPEN(reason, n, flags)                                                             \
    RAMP_HANDLER_(on_open, (uint32_t reason, uint32_t n, uint32_t flags))
#define RAMP_ON_JOIN(conn) RAMP_HANDLER_(on_join, (ramp_conn conn))
#define RAMP_ON_MESSAGE(conn, n, flags)                                                            \
    RAMP_HANDLER_(on_message, (ramp_conn conn, uint32_t n, uint32_t flags))
#define RAMP_ON_LEAVE(conn, close_code)                                                            \
    RAMP_HANDLER_(on_leave, (ramp_conn conn, uint32_t close_code))
#define RAMP_ON_TIMER(id)          RAMP_HANDLER_(on_timer, (int32_t id))
#define RAMP_ON_ALARM()            RAMP_HANDLER_(on_alarm, (void))
#define RAMP_ON_REQUEST(n, flags)  RAMP_HANDLER_(on_request, (uint32_t n, uint32_t flags))
#define RAMP_ON_SAVE()             RAMP_HANDLER_(on_save, (void))
#define RAMP_ON_CLOSE()            RAMP_HANDLER_(on_close, (void))
#define RAMP_ON_ERROR(n, flags)    RAMP_HANDLER_(on_error, (uint32_t n, uint32_t flags))
#define RAMP_ON_BACKPRESSURE(conn) RAMP_HANDLER_(on_backpressure, (ramp_conn conn))

#ifdef __cplusplus
}
#endif

#endif
