/* SPDX-License-Identifier: Apache-2.0 */
/* limits.h -- every maximum and every default that bounds something, with its unit and its reason.
 *
 * docs/limits.md is made from these lines: `#define LIMIT_X value`, then a comment `unit: reason`.
 * Not here: what a standard fixes (RFC 6455's 125 bytes of a control frame) and sizes of buffers that
 * bound nothing.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* ---- modules --------------------------------------------------------------------------------- */
#define LIMIT_MODULE_SIZE (4u << 20) /* bytes: an uploaded module; the largest honest ones are below 1 MiB */
#define LIMIT_MODULES 1000u /* entries: default size of the module table */
#define LIMIT_MODULES_BYTES (512u << 20) /* bytes: default cap of all artefacts in the table */
#define LIMIT_NEGATIVE_MS 2000u /* ms: a failed load is not tried again before; a fixed module is back at once */
#define LIMIT_EVICTION_MS 5000u /* ms: a load waits so long for an eviction that is under way */
#define LIMIT_LOAD_MS 30000u /* ms: a store must have answered; a compile may take 10 s of CPU on a busy machine */
#define LIMIT_COMPILE_CPU_S 10u /* s: CPU of one compile child; honest modules need below 2 */
#define LIMIT_COMPILE_WALL_MS 60000u /* ms: wall time of one compile child, on a machine that is busy */
#define LIMIT_SCAN_FUNCTIONS 20000u /* functions: 1,000,000 empty ones took 40 s and 4 GB to compile */
#define LIMIT_SCAN_TYPES 2000u /* types: as above */
#define LIMIT_SCAN_IMPORTS 128u /* imports: the ABI has fewer */
#define LIMIT_SCAN_EXPORTS 256u /* exports: the ABI knows a dozen */
#define LIMIT_SCAN_LOCALS 10000u /* locals of one function: 50,000 in 1,000 functions took 3 s */
#define LIMIT_SCAN_LOCALS_ALL 1000000u /* locals of all functions: as above */
#define LIMIT_SCAN_BR_TABLE 100000u /* br_table entries of all functions */
#define LIMIT_SCAN_SEGMENTS 10000u /* data or element segments */
#define LIMIT_SCAN_GLOBALS 10000u /* globals: a sleeping room keeps them all */
#define LIMIT_SCAN_TABLE 4096u /* table elements: what the engine's pool holds for one instance */
#define LIMIT_SCAN_CUSTOM (1u << 20) /* bytes: custom sections in all; only ramp.lines is read */

/* ---- deploying, and the artefact cache -------------------------------------------------------- */
#define LIMIT_CONFIG_SIZE (32u << 10) /* bytes: what the server keeps of a service's ramp.json */
#define LIMIT_VERSIONS 20u /* versions of a service that the store keeps to go back to; those that rooms use are kept, too */
#define LIMIT_ORIGINS 64u /* origins that a service may list */
#define LIMIT_ORIGIN 256u /* bytes: one of them; host names have 253 at most */
#define LIMIT_ORIGINS_MS 60000u /* ms: what a worker knows of a service's origins is asked anew after; a deploy here tells at once */
#define LIMIT_ORIGINS_KNOWN 10000u /* services whose origins a worker knows; names come from clients */
#define LIMIT_DEPLOYS 64u /* deploys that wait or compile; further ones are told to come back (429) */
#define LIMIT_COMPILES 2u /* compile children at a time */
#define LIMIT_COMPILE_MEMORY (1536u << 20) /* bytes: data of one compile child; honest modules need 100 MB */
#define LIMIT_ARTEFACT (64u << 20) /* bytes: one artefact; honest modules of 866 KB have 4 MB */
#define LIMIT_CACHE_SIZE (2ull << 30) /* bytes: artefacts in DATA/cache; the longest unused go first */
#define LIMIT_NEGATIVES 10000u /* failed loads that are remembered; names come from clients */

/* ---- control API ------------------------------------------------------------------------------ */
#define LIMIT_CONTROL_BODY (64u << 10) /* bytes: body of a request that has no use for a large one */
#define LIMIT_API_BODY (8u << 20) /* bytes: body of a call; 1 MiB of control characters is 6 MiB of JSON */
#define LIMIT_CALLER_NAME 128u /* bytes: name of a caller of the call API */
#define LIMIT_REQUEST_ID 128u /* bytes: request_id of a call */
#define LIMIT_REQUEST_ID_MS 120000u /* ms: a request_id is known for so long after its call has ended */
#define LIMIT_CALLER_REQUESTS 100000u /* request_ids of one caller that are known; further ones are told 429 */
#define LIMIT_CALLER_ANSWERS (16u << 20) /* bytes: answers of one caller that are kept for a repeated request_id */
#define LIMIT_CALLERS 10000u /* callers whose home is one worker */
#define LIMIT_CALLER_CALLS 1024u /* calls of one caller that run or wait; further ones are told 429 */
#define LIMIT_CALLER_QUEUE (1u << 20) /* bytes: events that wait for one caller; beyond, its connections leave (1013) */
#define LIMIT_LEASE_MS 60000u /* ms: a caller that was not heard of for so long has gone */
#define LIMIT_POLL_MS 30000u /* ms: longest wait for events; half a lease */
#define LIMIT_FEED_LINES_PER_S 2000u /* lines per second and worker of one follower; the rest is counted */
#define LIMIT_FEED_PAYLOAD (4u << 10) /* bytes: of a payload in the feed; longer ones are cut */
#define LIMIT_FEED_TO 100u /* recipients of an event in the feed; longer lists are cut */
#define LIMIT_FEED_EVENTS 200u /* events of a call in the feed; further ones are counted */
#define LIMIT_HISTORY_LINES 500u /* log lines of one service that a worker remembers, for who asks later */
#define LIMIT_HISTORY_BYTES (8u << 20) /* bytes: log lines of all services that a worker remembers; the oldest go first */
#define LIMIT_FEED_HELD 2000u /* lines that wait for a new follower behind what the workers remember */
#define LIMIT_INSPECT_ENTRIES 1000u /* entries of a room's db or kv in one answer */
#define LIMIT_INSPECT_VALUE (16u << 10) /* bytes: of a value in such an answer; longer ones are cut */
#define LIMIT_FEEDS 64u /* followers of the feed and the logs */
#define LIMIT_WEB_FILE (32u << 20) /* bytes: a file of `ramp dev`'s web folder */

/* ---- the guest's inbox ----------------------------------------------------------------------- */
#define LIMIT_INBOX_MIN 4096u /* bytes: smallest inbox of a guest, its head of 16 bytes included */
#define LIMIT_INBOX_MAX (1u << 20) /* bytes: largest inbox of a guest */

/* ---- calls ------------------------------------------------------------------------------------ */
#define LIMIT_MEMORY (16u << 20) /* bytes: memory of one room; one memory.fill of it blocks for 17 ms */
#define LIMIT_WASM_STACK (128u << 10) /* bytes: stack of a guest; recursion traps beyond */
#define LIMIT_CALL_CPU_MS 50u /* ms: CPU of one call */
#define LIMIT_OPEN_CPU_MS 200u /* ms: CPU of _initialize and on_open together */
#define LIMIT_SLICE_MS 10u /* ms: CPU of a call before other services have their turn */
#define LIMIT_TICK_MS 5u /* ms: the epoch tick; a finer one costs 2 to 3 % of a core */
#define LIMIT_PROMOTE_CALLS 100u /* calls without a used-up slice before a module takes the unchecked path */
#define LIMIT_WAIT_MS 10000u /* ms: waiting of one call in sum */
#define LIMIT_PENDINGS 16u /* requests that a call has started and not yet waited for */
#define LIMIT_GATE_CALLS 256u /* calls that have returned and wait for a commit; then the room runs no further one */
#define LIMIT_GATE_BYTES (1u << 20) /* bytes: the same; more than one call's events may be, an open gate takes one of any size */
#define LIMIT_COMMIT_MS 60000u /* ms: a commit whose outcome is not known by then has failed; stores that hang for 30 s lose nothing */
#define LIMIT_FENCE_MS 1000u /* ms: between questions whether a commit has landed */
#define LIMIT_SYNC_MS 10000u /* ms: a kv_sync() must have been acknowledged */
#define LIMIT_LIST_BYTES (1u << 20) /* bytes: one db_list() */
#define LIMIT_LIST_ENTRIES 10000u /* entries of one db_list() */
#define LIMIT_ALARM_SCAN_MS 30000u /* ms: the db is asked so often which alarms are due soon */
#define LIMIT_ALARM_PAGE 1000u /* alarms that the db lists at a time */
#define LIMIT_ALARM_RETRIES 6u /* times that a failed on_alarm is called again: after 2 s ... 10 min */
#define LIMIT_SAVE_RETRY_MS 30000u /* ms: a room whose state could not be saved keeps its module so long */
#define LIMIT_SWITCH_MS 10000u /* ms: rooms may take to change over to a new version before the deploy reports; a wait takes as long */
#define LIMIT_RETRY_MS 1000u /* ms: a room that found no slot of the table tries again */
#define LIMIT_CALL_EVENTS 4096u /* events of one call */
#define LIMIT_CALL_EVENT_BYTES (8u << 20) /* bytes: payloads, keys and headers of one call's events */
#define LIMIT_CALL_DB_BYTES (4u << 20) /* bytes: db writes of one call; a transaction's size */
#define LIMIT_CALL_DB_WRITES 400u /* db writes of one call; Firestore takes 500 in a commit */
#define LIMIT_MESSAGE_SIZE (1u << 20) /* bytes: one message, both ways */
#define LIMIT_KEY_SIZE 512u /* bytes: a key of kv or db */
#define LIMIT_VALUE_SIZE (512u << 10) /* bytes: a value of kv or db */
#define LIMIT_STATE_SIZE (1u << 20) /* bytes: a room's saved state */
#define LIMIT_BODY_SIZE (1u << 20) /* bytes: body of an HTTP request or response of a room */
#define LIMIT_LOG_LINE 2048u /* bytes: one line of a module's log; the rest is cut */
#define LIMIT_LOG_LINES 64u /* lines that one call may log; the rest is counted */
#define LIMIT_LOG_LINES_PER_S 200u /* lines per second and service; the rest is counted */
#define LIMIT_PANIC_SIZE 1024u /* bytes: text of a panic; the rest is cut */
#define LIMIT_RANDOM_SIZE 65536u /* bytes: one random() */

/* ---- rooms ------------------------------------------------------------------------------------ */
#define LIMIT_ROOMS 8000u /* live rooms: default of a server; 4 mappings each, of 65,530 */
#define LIMIT_ROOM_ID 128u /* bytes: id of a room */
#define LIMIT_SERVICE_NAME 63u /* bytes: name of a service */
#define LIMIT_CONNECTION_ID 128u /* bytes: id of a connection */
#define LIMIT_ROOM_CONNECTIONS 100000u /* connections of one room */
#define LIMIT_ROOM_IDLE_MS 30000u /* ms: a room without connections ends after this time */
#define LIMIT_TIMERS 1024u /* timers of one room */
#define LIMIT_TIMER_MS_MIN 10u /* ms: shortest delay and period of a timer */
#define LIMIT_TIMER_MS_MAX 3153600000000ll /* ms: longest delay of a timer, 100 years; keeps the sum in 64 bits */
#define LIMIT_INBOX_MESSAGES 64u /* messages that one connection may have queued in its room */
#define LIMIT_INBOX_BYTES (256u << 10) /* bytes: the same in bytes; an empty inbox takes one of any size */
#define LIMIT_ROOM_INBOX_BYTES (8u << 20) /* bytes: queued in one room, all connections */
#define LIMIT_ROOM_REQUESTS 256u /* requests, API calls and joins queued in one room */

/* ---- kv ---------------------------------------------------------------------------------------- */
#define LIMIT_KV_FLUSH_MS 50u /* ms: a write waits for others before it is handed to the backend; what a crash loses */
#define LIMIT_KV_FLUSH_KEYS 256u /* keys handed over at once; as many do not wait */
#define LIMIT_KV_FLUSH_BYTES (4u << 20) /* bytes handed over at once, but never less than one key; as many do not wait */
#define LIMIT_KV_WRITE_MS 5000u /* ms: the backend must have acknowledged; then the same keys go again */
#define LIMIT_KV_RETRY_MS_MIN 100u /* ms: after a failed write, before the next */
#define LIMIT_KV_RETRY_MS_MAX 2000u /* ms: the same after many in a row; a kv_sync waits 10 s */
#define LIMIT_KV_BUFFER (64u << 20) /* bytes: writes of one host that are not acknowledged; 30 s of 2 MB/s while the backend is away */
#define LIMIT_KV_CACHE (32u << 20) /* bytes: cached keys of one host; about 100,000 small ones */
#define LIMIT_KV_STALE_MS 1000u /* ms: a service's key is read from the cache so long; other workers write it too */
#define LIMIT_KV_LATE_MS 1000u /* ms: an acknowledgement after this time is counted as late */

/* ---- storage: the SQLite files of db, kv and saved states ------------------------------------------ */
#define LIMIT_STORAGE_GROUP 1024u /* requests of one transaction at most; with 8,000 busy rooms 8 fsyncs go round */
#define LIMIT_STORAGE_GROUP_BYTES (32u << 20) /* bytes of one transaction, but never less than one request; 0.1 s of a slow disk */
#define LIMIT_STORAGE_QUEUE (256u << 20) /* bytes queued for one file; beyond, requests are UNAVAILABLE at once */
#define LIMIT_STORAGE_AWAY_MS 30000u /* ms: requests wait so long for a file that has failed; then they are answered */
#define LIMIT_STORAGE_RETRY_MS_MIN 20u /* ms: after the first failed attempt to open a file anew */
#define LIMIT_STORAGE_RETRY_MS_MAX 2000u /* ms: between such attempts, after many */
#define LIMIT_STORAGE_CHECK (64ll << 20) /* bytes: a larger file is not checked whole when it is opened after a crash; 64 MiB take 0.3 s */
#define LIMIT_STORAGE_LOG_PAGES 4096u /* pages of 4 KiB in the write-ahead log before they are copied into the file */
#define LIMIT_STORAGE_TIDY_MS 5000u /* ms: between looks for expired keys */
#define LIMIT_STORAGE_TIDY_ROWS 256u /* expired keys that are deleted in one transaction */
#define LIMIT_ALARMS_LISTED 4096u /* alarms: one page of those that are due */
#define LIMIT_STORAGE_LOG_MS 10000u /* ms: the same failure of a file is not logged again before, but counted */

/* ---- connections ------------------------------------------------------------------------------ */
#define LIMIT_OUTGOING_SOFT (256u << 10) /* bytes: queued for a connection before its room is told */
#define LIMIT_OUTGOING_HARD (4u << 20) /* bytes: queued for a connection before it is closed with 1013 */
#define LIMIT_OUTGOING_WORKER (512u << 20) /* bytes: queued by one worker; the largest debtors go first */
#define LIMIT_INCOMING_WORKER (512u << 20) /* bytes: unfinished messages and bodies of one worker; then 1013 and 503 */
#define LIMIT_HELD (64u << 20) /* bytes: held by a worker for its clients before freed memory goes back to the system */
#define LIMIT_KEPT (64u << 10) /* bytes: read ahead of a connection that cannot go on; it is not read further */
#define LIMIT_SEND_BUFFER (128u << 10) /* bytes: the kernel's, per socket; by itself it would hold 4 MB and hide it */
#define LIMIT_PONGS 64u /* pongs that a client may leave unread; then 1008 */
#define LIMIT_MAILBOX 16384u /* messages from other threads that a worker may have queued; then 503 */
#define LIMIT_ACCEPTS 64u /* connections accepted in one turn */
#define LIMIT_ADDRESS_CONNECTIONS 4096u /* connections of one client's address or IPv6 /64: a large office is behind one; loopback's are not counted */
#define LIMIT_FILES_RESERVED 128u /* descriptors that are not for clients: stores, caches, compile children */
#define LIMIT_HEAD_MS 10000u /* ms: a request's head must have arrived */
#define LIMIT_BODY_MS 30000u /* ms: every 64 KiB of a body must have arrived */
#define LIMIT_KEEP_ALIVE_MS 60000u /* ms: an HTTP connection may wait for its next request */
#define LIMIT_CLOSE_MS 5000u /* ms: a client may take to answer a close frame, or to read our last bytes */
#define LIMIT_TCP_IDLE_S 60u /* s: silence after which the kernel asks whether the client still lives */
#define LIMIT_TCP_PROBE_S 10u /* s: between such questions */
#define LIMIT_TCP_PROBES 3u /* such questions without an answer, then it is gone */
#define LIMIT_TCP_UNANSWERED_MS 90000u /* ms: bytes may stay unacknowledged; the three above in sum */
#define LIMIT_DRAIN_MS 3000u /* ms: requests under way may take, after SIGTERM */
#define LIMIT_DRAIN_COMMIT_MS 7000u /* ms: after SIGTERM, open commits count as failed */
#define LIMIT_DRAIN_SAVE_MS 9000u /* ms: after SIGTERM, rooms must have saved their states */
#define LIMIT_DRAIN_FLUSH_MS 800u /* ms: last bytes and close frames may take then; 10 s in all */
#define LIMIT_DRAIN_END_MS 9900u /* ms: after SIGTERM the process ends, even if a disk hangs */
#define LIMIT_USER 256u /* bytes: the name of a user, in `?user=` of `ramp dev` */
#define LIMIT_FRAGMENTS 16384u /* fragments of one message; 1 MiB in fragments of 64 bytes */
#define LIMIT_HEAD_SIZE (16u << 10) /* bytes: an HTTP head; also chunk extensions and trailers of a body */
#define LIMIT_TARGET_SIZE (8u << 10) /* bytes: a request's target; longer ones are cut by proxies too */
#define LIMIT_METHOD_SIZE 32u /* bytes: a request's method; the longest registered one has 17 */
#define LIMIT_HEADERS 100u /* headers of one HTTP head; browsers send 15 to 30 */

/* ---- the command line -------------------------------------------------------------------------- */
#define LIMIT_CLI_JSON (1u << 20) /* bytes: ramp.json, a file of options */
#define LIMIT_CLI_ANSWER (64u << 20) /* bytes: an answer of the control API; a list of all rooms */
#define LIMIT_CLI_LINE (16u << 20) /* bytes: one line of the compiler, one event of a stream */
#define LIMIT_CLI_CONNECT_MS 5000u /* ms: a server must have taken our connection */
#define LIMIT_CLI_ANSWER_MS 90000u /* ms: ... and must have answered; a deploy compiles meanwhile */
#define LIMIT_CLI_STREAM_MS 60000u /* ms: a stream says something; servers do every 15 s */
#define LIMIT_WATCH_FOLDERS 1024u /* folders that `ramp dev` watches; each is an inotify watch */
#define LIMIT_TEMPLATE_FILES 256u /* files of a template of `ramp init` */
#define LIMIT_TEMPLATE_FILE (1u << 20) /* bytes: one of them */

#endif
