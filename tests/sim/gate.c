/* SPDX-License-Identifier: Apache-2.0 */
/* gate.c -- random histories of rooms that read and write, each from a seed, on stores that go wrong.
 *
 *     sim_gate [--seeds N] [--first S] [--verbose]
 *
 * Clients send programs to storage.wat: set, delete, read, list, sync, save, set alarms and timers, trap,
 * throw. The drivers (faults.h) are slow, fail, answer TIMEOUT and land anyway, or later, or twice; others
 * write to the same rooms; versions change; the host stops, or crashes, and begins anew on what is stored.
 * The model follows what the host reports, call by call in each room, and checks:
 *   - each program ends exactly once, in order (but for those that never reached the module), with the
 *     events that it asked for, or with none;
 *   - what is reported as done is stored by then; what is reported as failed is not seen, or, if its commit
 *     was lost, is in the store up to some call, whole calls only;
 *   - reads see the call's own writes, then those of all calls before it, then the store; a store that
 *     fails never looks empty; nothing is seen that has not left;
 *   - a sync that is reported as done has reached the backend;
 *   - on_open finds the state that was saved last, is told why there is a new instance, and whether calls ran
 *     since;
 *   - alarms ring, not too early, and not when cleared;
 *   - at rest the store is what the model says.
 * In some histories allocations fail. Then nothing else is checked than that every program ends once, that
 * the host comes to rest, and that it leaves no memory behind.
 * A failure prints the seed; the same seed tells the same history.
 */
#include "unit/core/rig.h"

#include "base/limits.h"
#include "sim/faults.h"

static uint64_t seed;
#define FAIL(...)                                                                                  \
    do {                                                                                           \
        fprintf(stderr, "sim_gate: seed %" PRIu64 ", step %d: ", seed, sim.step);                  \
        fprintf(stderr, __VA_ARGS__);                                                              \
        fprintf(stderr, "\n  again: sim_gate --first %" PRIu64 " --seeds 1 --verbose\n", seed);    \
        abort();                                                                                   \
    } while (0)
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) FAIL("%s:%d: %s", __FILE__, __LINE__, #condition);                       \
    } while (0)

enum {
    SERVICES = 2,
    ROOMS = 3,
    CLIENTS = 3,
    ROWS = 4,      /* db keys k0 to k3 of a room that programs use */
    ROW_TIMER = 7, /* ... and those that handlers write */
    ROW_ALARM = 6,
    KEYS = 3,   /* kv keys a0 to a2 of a room */
    SHARED = 2, /* kv keys b0, b1 of a service */
    NAMES = 8,
    OPS_MAX = 12,
    QUEUE_MAX = 2048,
    PAST = 256, /* contents of a kv key that are remembered */
    STEPS = 300
};

/* Addresses in storage.wat. */
enum {
    AT_CELL = 0x100,
    AT_NAMES = 0x200,
    AT_OUT = 0x10000,
    AT_LIST = 0x12000,
    AT_SOURCE = 0x1C000
};
enum { LIST_CAP = 0x8000, PENDING = INT32_MIN, NOTHING = -1 };
enum { OP_await = 50, OP_respond = 51, OP_show = 52 };

enum kind {
    DB_SET,
    DB_DEL,
    DB_GET,
    DB_LIST,
    KV_SET,
    KV_DEL,
    KV_GET,
    SYNC,
    ALARM,
    STATE,
    TIMER,
    CELL_SET,
    CELL_GET,
    TRAP,
    PANIC,
    KINDS
};

struct op {
    enum kind kind;
    unsigned key;   /* its number; LIST: those after it, ROWS: all */
    bool is_shared; /* kv: the service's */
    int64_t number; /* the value */
    int64_t ttl_ms, at_ms;
    uint32_t limit;
    size_t time, result, value; /* indices of its results */
    bool is_awaited;
};

struct entry { /* a program that was sent; its address is the tag */
    struct room *room;
    struct client *client; /* NULL: an HTTP request */
    uint64_t sent_ns;
    struct op ops[OPS_MAX];
    size_t count;
    size_t results;
};

struct content { /* of a kv key; number 0: it is absent */
    int64_t number, expires_ms;
    uint64_t from_ns;
    bool may_expire; /* when is not known */
};

struct past { /* contents, oldest first */
    struct content contents[PAST];
    size_t count;
};

/* What calls change, one after the other. */
struct state {
    int64_t rows[NAMES];
    int64_t alarm_ms;
    int64_t saved; /* NOTHING: none */
    int64_t cell;  /* in the instance's memory */
};

struct room {
    unsigned service;
    char name[8];
    struct entry *queue[QUEUE_MAX];
    size_t head, tail;
    struct state state;
    struct past keys[KEYS];
    int64_t written_since
        [KEYS]; /* kv: the oldest that may still be the backend's, as index of the past */
    bool is_open, was_trapped, was_lost, failed_open, may_be_new_version;
    bool has_ended; /* its latest life, with on_close */
    bool was_restarted;
    bool may_have_landed;      /* what is told to be lost may be stored, and rightly so */
    bool is_unsettled;         /* a commit was given up as the host stopped: it may land yet */
    bool may_be_gone;          /* nobody was in it when its instance was thrown away */
    bool is_stale_unsure;      /* whether calls ran since what is saved */
    int64_t maybe_saved[PAST]; /* what saves that failed may have left, or may yet leave */
    size_t maybe_count;
    unsigned runs_since_save, alarm_failures;
    struct entry *dropped[QUEUE_MAX]; /* whose commit was lost, since the store was looked at */
    size_t dropped_count;
};

enum client_state { OUT, JOINING, MEMBER, LEAVING };

struct client {
    struct room *room;
    ramp_connection *connection; /* unless OUT */
    enum client_state state;
    char id[8];
};

static struct {
    int step;
    bool verbose;
    struct rig rig;
    struct faults faults;
    uint64_t random;
    bool is_faulty;   /* the stores go wrong */
    bool is_poor;     /* allocations fail: what is read and written is not followed */
    bool is_at_peace; /* nothing goes wrong any more */
    bool is_stopping;
    bool is_restarting; /* the host has gone: an on_save may have been under way */
    bool is_crowded;    /* the table has no place for both services */
    int64_t numbers;
    struct room rooms[SERVICES][ROOMS];
    struct past shared[SERVICES][SHARED];
    struct client clients[SERVICES][ROOMS][CLIENTS];
    struct entry *entries[QUEUE_MAX * 4];
    size_t entry_count;
    uint32_t updates;
    bool is_unordered[SERVICES][SHARED]; /* in which order this key was written is not known */
    uint64_t restarts;
} sim;

static struct { /* of all histories */
    uint64_t calls, done, lost, unsynced, reads, reads_failed, alarms, crashes, stops, intrusions;
    uint64_t opens[5]; /* by reason */
} totals;

static uint64_t pick(uint64_t below) {
    return rig_random_next(&sim.random) % below;
}

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *format, ...) {
    va_list arguments;
    if (!sim.verbose) return;
    printf("%6" PRIu64 " ", sim.rig.now_ns / RIG_MS);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
}

static void tell_ops(const struct entry *entry) {
    static const char *const names[KINDS] = {"db_set", "db_del",   "db_get",   "db_list", "kv_set",
                                             "kv_del", "kv_get",   "sync",     "alarm",   "state",
                                             "timer",  "cell_set", "cell_get", "trap",    "panic"};

    for (size_t i = 0; i < entry->count; i++) {
        const struct op *op = &entry->ops[i];
        tell("    %s %c%u %" PRId64 " ttl %" PRId64 " at %" PRId64 "%s", names[op->kind],
             op->kind <= DB_LIST ? 'k'
             : op->is_shared     ? 'b'
                                 : 'a',
             op->key, op->number, op->ttl_ms, op->at_ms, op->is_awaited ? " awaited" : "");
    }
}

static const char *service_name(const struct room *room) {
    return room->service ? "s1" : "s0";
}

static int64_t wall_ms(void) {
    return RIG_EPOCH_MS + (int64_t)(sim.rig.now_ns / RIG_MS);
}

static ramp_bytes name_of(char letter, unsigned number) {
    static char names[8][3];
    static unsigned next;
    char *name = names[next++ % 8];

    name[0] = letter;
    name[1] = (char)('0' + number);
    return (ramp_bytes){name, 2};
}

static size_t size_of(int64_t number) { /* of a value */
    return 8 + (size_t)(number % 40 == 0 ? 3000 : number % 7 * 11);
}

/* ---- what is stored -------------------------------------------------------------------------- */

static int64_t item_number(const struct faults_item *item) {
    int64_t number = 0;

    if (!item) return 0;
    CHECK(item->value_size >= 8);
    memcpy(&number, item->value, 8);
    return number;
}

static int64_t stored_row(const struct room *room, unsigned key) {
    const struct faults_item *item =
        faults_find_row(&sim.faults, service_name(room), room->name, name_of('k', key));
    int64_t number = item_number(item);

    if (item && item->value_size != size_of(number)) FAIL("k%u has lost its length", key);
    return number;
}

static int64_t stored_key(const struct room *room, bool is_shared, unsigned key) {
    const ramp_kv_key name = {service_name(room), is_shared ? NULL : room->name,
                              name_of(is_shared ? 'b' : 'a', key)};
    return item_number(faults_find_kv(&sim.faults, &name));
}

static int64_t stored_state(const struct room *room) {
    const struct faults_item *item = faults_find_state(&sim.faults, service_name(room), room->name);
    return item ? item_number(item) : NOTHING;
}

static int64_t stored_alarm(const struct room *room) {
    return faults_head(&sim.faults, service_name(room), room->name).alarm_ms;
}

static void may_be_saved(struct room *room, int64_t number) {
    CHECK(room->maybe_count < PAST);
    room->maybe_saved[room->maybe_count++] = number;
}

/* A save that failed may have landed, or land later. */
static void settle_saved(struct room *room) {
    int64_t number = stored_state(room);

    for (size_t i = 0; i < room->maybe_count && number != room->state.saved; i++) {
        if (number != room->maybe_saved[i]) continue;
        room->is_stale_unsure = true;
        room->state.saved = number;
    }
}

/* ---- the model ------------------------------------------------------------------------------- */

static struct content *past_last(struct past *past) {
    return &past->contents[past->count - 1];
}

static void past_add(struct past *past, int64_t number, int64_t expires_ms) {
    CHECK(past->count < PAST);
    past->contents[past->count++] =
        (struct content){.number = number, .expires_ms = expires_ms, .from_ns = sim.rig.now_ns};
}

static struct past *past_of(struct room *room, const struct op *op) {
    return op->is_shared ? &sim.shared[room->service][op->key] : &room->keys[op->key];
}

static int64_t visible(const struct content *content, int64_t at_ms) {
    return content->expires_ms && at_ms >= content->expires_ms ? 0 : content->number;
}

/* May it be read as `number` at some time from `from_ms` to now? */
static bool agrees(const struct content *content, int64_t number, int64_t from_ms) {
    return number == visible(content, from_ms) || number == visible(content, wall_ms()) ||
           (number == 0 && content->may_expire);
}

static bool writes_row(const struct op *op) {
    return op->kind == DB_SET || op->kind == DB_DEL;
}

/* What an operation does to what the db and the states keep. */
static void apply(struct state *state, const struct op *op) {
    switch (op->kind) {
    case DB_SET: state->rows[op->key] = op->number; break;
    case DB_DEL: state->rows[op->key] = 0; break;
    case ALARM: state->alarm_ms = op->at_ms; break;
    case STATE: state->saved = op->number; break;
    case CELL_SET: state->cell = op->number; break;
    default: break;
    }
}

/* It traps or throws in the end: whatever it writes is dropped. */
static bool fails(const struct entry *entry) {
    return entry->ops[entry->count - 1].kind == TRAP || entry->ops[entry->count - 1].kind == PANIC;
}

static bool syncs(const struct entry *entry) {
    for (size_t i = 0; i < entry->count; i++)
        if (entry->ops[i].kind == SYNC) return true;
    return false;
}

static void apply_kv(struct room *room, const struct entry *entry, const struct op *op,
                     const int64_t *results) {
    if (op->kind != KV_SET && op->kind != KV_DEL) return;
    /* When what is synced has left, among others' writes, is not told. */
    if (op->is_shared && syncs(entry)) sim.is_unordered[room->service][op->key] = true;
    if (op->kind == KV_SET)
        past_add(past_of(room, op), op->number, op->ttl_ms ? results[op->time] + op->ttl_ms : 0);
    else past_add(past_of(room, op), 0, 0);
}

/* After a lost commit the store has the first calls of those that were dropped, whole ones: how many is the
 * store's to say. */
static void look_at_store(struct room *room) {
    struct state state = room->state;
    bool found = false;
    size_t landed = 0;

    for (size_t i = 0; i <= room->dropped_count && !found; i++) {
        bool same = true;
        for (unsigned k = 0; k < ROWS; k++) same &= stored_row(room, k) == state.rows[k];
        found = same;
        landed = i;
        if (i == room->dropped_count || found || fails(room->dropped[i])) continue;
        for (size_t k = 0; k < room->dropped[i]->count; k++)
            apply(&state, &room->dropped[i]->ops[k]);
    }
    /* A commit that landed is not lost, if there was time and nobody else to find that out. */
    if (found && landed > 0 && !room->may_have_landed && !sim.is_restarting)
        FAIL("%s/%s: what is stored is told to be lost", service_name(room), room->name);
    room->may_have_landed = false;
    if (!found) {
        for (unsigned k = 0; k < ROWS; k++)
            tell("  k%u is %" PRId64 ", in the store %" PRId64, k, room->state.rows[k],
                 stored_row(room, k));
        for (size_t i = 0; i < room->dropped_count; i++) tell_ops(room->dropped[i]);
        FAIL("%s/%s: the store has parts of calls", service_name(room), room->name);
    }
    for (size_t i = 0; i < room->dropped_count; i++)
        for (size_t k = 0; k < room->dropped[i]->count; k++) {
            const struct op *op = &room->dropped[i]->ops[k];
            if (op->kind == STATE || (op->kind == CELL_SET && sim.is_restarting))
                may_be_saved(room, op->number);
        }
    if (sim.is_restarting) may_be_saved(room, room->state.cell);
    state.saved = room->state.saved;
    room->dropped_count = 0;
    room->state = state;
    settle_saved(room);
    CHECK(stored_state(room) == room->state.saved);
    room->state.alarm_ms = stored_alarm(room);
    room->state.rows[ROW_TIMER] = stored_row(room, ROW_TIMER);
    room->state.rows[ROW_ALARM] = stored_row(room, ROW_ALARM);
}

/* ---- reads ----------------------------------------------------------------------------------- */

/* Something may fail that is not the program's fault. */
static bool may_fail(void) {
    return sim.is_poor || sim.is_faulty || sim.is_crowded || sim.is_stopping;
}

static bool is_trouble(int64_t result) {
    return result == RAMP_TIMEOUT || result == RAMP_UNAVAILABLE;
}

/* The writes of a call that syncs leave before it is told. */
static bool is_being_synced(const struct room *room, unsigned key, int64_t number) {
    for (size_t n = room->head; n < room->tail; n++)
        for (size_t k = 0; syncs(room->queue[n]) && k < room->queue[n]->count; k++) {
            const struct op *op = &room->queue[n]->ops[k];
            if ((op->kind == KV_SET || op->kind == KV_DEL) && op->is_shared && op->key == key &&
                (op->number == number || number == 0)) /* it may have expired */
                return true;
        }
    return false;
}

/* May the read have found `number`? It was made between `from_ms` and now. */
static void check_kv_read(struct room *room, const struct entry *entry, size_t at, int64_t from_ms,
                          int64_t number) {
    const struct op *op = &entry->ops[at];
    struct past *past = past_of(room, op);
    uint64_t until_ns = UINT64_MAX, since_ns = entry->sent_ns;

    /* The call's own, which apply_kv() has put into the past of rooms' keys and of services' alike. */
    if (!op->is_shared) {
        const struct content *content = past_last(past);
        if (!agrees(content, number, from_ms))
            FAIL("a%u was read as %" PRId64 ", not %" PRId64, op->key, number, content->number);
        return;
    }
    /* Once others than this host write, what was written first may land last, and a cached one is old;
     * then it is any that there was, but none that there was not. */
    if (sim.is_unordered[room->service][op->key]) since_ns = 0;
    if (since_ns == 0 && number == 0) return;
    for (size_t i = past->count; i-- > 0; until_ns = past->contents[i].from_ns) {
        if (until_ns < since_ns) break;
        if (agrees(&past->contents[i], number, from_ms)) return;
    }
    for (unsigned i = 0; i < ROOMS; i++)
        if (is_being_synced(&sim.rooms[room->service][i], op->key, number)) return;
    for (size_t i = 0; i < past->count; i++)
        tell("  b%u was %" PRId64 " from %" PRIu64 ", expires %" PRId64, op->key,
             past->contents[i].number, past->contents[i].from_ns / RIG_MS,
             past->contents[i].expires_ms);
    FAIL("b%u was read as %" PRId64 " in a call of %" PRId64 ", which it was not", op->key, number,
         from_ms);
}

/* u32 count | u32 more | per entry u32 key size | key | u32 value size | value */
static void check_list(const struct state *state, const struct op *op, ramp_bytes list) {
    const unsigned char *at = list.data, *end = at + list.size;
    uint32_t count, more, size, seen = 0;
    unsigned key = op->key == ROWS ? 0 : op->key + 1;

    CHECK(list.size >= 8);
    memcpy(&count, at, 4);
    memcpy(&more, at + 4, 4);
    for (at += 8; at < end; seen++) {
        int64_t number;
        while (key < NAMES && !state->rows[key]) key++;
        CHECK(key < NAMES);
        memcpy(&size, at, 4);
        CHECK(size == 2 && at[4] == 'k' && at[5] == '0' + (int)key);
        memcpy(&size, at + 6, 4);
        CHECK(size >= 8);
        memcpy(&number, at + 10, 8);
        if (number != state->rows[key] || size != size_of(number))
            FAIL("k%u is listed as %" PRId64 ", not %" PRId64, key, number, state->rows[key]);
        at += 10 + size;
        key++;
    }
    CHECK(at == end && seen == count && count <= op->limit);
    while (key < NAMES && !state->rows[key]) key++;
    CHECK((more != 0) == (key < NAMES));
    CHECK(count == op->limit || !more);
}

/* ---- a program's outcome --------------------------------------------------------------------- */

static void check_event(const ramp_event *event, const struct op *op) {
    static const uint8_t types[KINDS] = {
        [DB_SET] = RAMP_EVENT_DB_SET,    [DB_DEL] = RAMP_EVENT_DB_DEL,
        [KV_SET] = RAMP_EVENT_KV_SET,    [KV_DEL] = RAMP_EVENT_KV_DEL,
        [SYNC] = RAMP_EVENT_KV_SYNC,     [ALARM] = RAMP_EVENT_ALARM_SET,
        [STATE] = RAMP_EVENT_STATE_SAVE, [TIMER] = RAMP_EVENT_TIMER_SET};
    int64_t number = 0;

    CHECK(event->type == types[op->kind]);
    if (op->kind == DB_SET || op->kind == KV_SET || op->kind == STATE) {
        CHECK(event->payload.size >= 8);
        memcpy(&number, event->payload.data, 8);
        CHECK(number == op->number);
    }
    if (op->kind <= KV_GET) {
        const char *key = event->key.data;
        CHECK(event->key.size == 2 && key[1] == '0' + (int)op->key);
    }
    if (op->kind == ALARM) CHECK(event->at_ms == op->at_ms);
}

/* Follows a program through its results: what it reads, what it writes, in order. */
static void check_done(struct room *room, const struct entry *entry, const ramp_outcome *outcome) {
    const ramp_event *last = &outcome->events[outcome->event_count - 1];
    int64_t results[64];
    size_t at = 0;

    CHECK(outcome->event_count > 0);
    CHECK(last->type == (entry->client ? RAMP_EVENT_BROADCAST : RAMP_EVENT_RESPOND));
    CHECK(last->payload.size == entry->results * 8 && entry->results <= 64);
    memcpy(results, last->payload.data, last->payload.size);
    for (size_t i = 0; i < entry->count; i++) {
        const struct op *op = &entry->ops[i];
        int64_t result = results[op->result];
        switch (op->kind) {
        case DB_GET:
        case KV_GET:
            if (!op->is_awaited) break;
            totals.reads++;
            if (is_trouble(result)) {
                CHECK(may_fail());
                totals.reads_failed++;
                break;
            }
            if (result != RAMP_NOT_FOUND && result != (int64_t)size_of(results[op->value]))
                FAIL("%s %u: result %" PRId64 ", value %" PRId64, op->kind == DB_GET ? "db" : "kv",
                     op->key, result, results[op->value]);
            if (op->kind == KV_GET)
                check_kv_read(room, entry, i, results[op->time],
                              result < 0 ? 0 : results[op->value]);
            else if ((result < 0 ? 0 : results[op->value]) != room->state.rows[op->key])
                FAIL("k%u was read as %" PRId64 " (%" PRId64 "), not %" PRId64, op->key,
                     results[op->value], result, room->state.rows[op->key]);
            break;
        case DB_LIST:
            CHECK(at < outcome->event_count);
            CHECK(outcome->events[at].type == RAMP_EVENT_BROADCAST);
            totals.reads++;
            if (is_trouble(result)) {
                CHECK(may_fail() && outcome->events[at].payload.size == 0);
                totals.reads_failed++;
            } else {
                CHECK(result >= 8 && (size_t)result == outcome->events[at].payload.size);
                check_list(&room->state, op, outcome->events[at].payload);
            }
            at++;
            break;
        case CELL_GET: CHECK(result == room->state.cell); break;
        case CELL_SET: break;
        default:
            CHECK(result == RAMP_OK && at < outcome->event_count);
            check_event(&outcome->events[at++], op);
            break;
        }
        apply(&room->state, op);
        apply_kv(room, entry, op, results);
    }
    CHECK(at == outcome->event_count - 1);
}

/* What is told is stored, unless what comes behind it, and went with it, has changed it again. */
static void check_stored(const struct room *room, const struct entry *entry) {
    for (size_t i = 0; i < entry->count; i++) {
        const struct op *op = &entry->ops[i];
        int64_t number = writes_row(op) ? stored_row(room, op->key) : 0;
        bool is_right = !writes_row(op) || number == room->state.rows[op->key];
        for (size_t n = room->head; n < room->tail && !is_right; n++)
            for (size_t k = 0; k < room->queue[n]->count; k++) {
                const struct op *later = &room->queue[n]->ops[k];
                is_right |= writes_row(later) && later->key == op->key && later->number == number;
            }
        if (!is_right)
            FAIL("k%u is told to be %" PRId64 ", but %" PRId64 " is stored", op->key,
                 room->state.rows[op->key], number);
    }
}

static void note_save(struct room *room) {
    room->runs_since_save = 0;
    room->is_stale_unsure = false;
    room->maybe_count = 0;
}

/* What was set before is at the backend. */
static void check_synced(struct room *room) {
    for (unsigned key = 0; key < KEYS; key++) {
        struct past *past = &room->keys[key];
        int64_t number = stored_key(room, false, key);
        if (!agrees(past_last(past), number, wall_ms()))
            FAIL("a%u is synced as %" PRId64 ", but %" PRId64 " is stored", key,
                 past_last(past)->number, number);
        room->written_since[key] = (int64_t)past->count - 1;
    }
}

static bool starts_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

/* It never reached the module. */
static bool was_refused(const ramp_outcome *outcome) {
    return outcome->status == RAMP_GONE || (outcome->status == RAMP_UNAVAILABLE &&
                                            !starts_with(outcome->message, "what it wrote") &&
                                            !starts_with(outcome->message, "kv.sync"));
}

/* Programs end in their order; but those before one that is refused may wait behind the gate. */
static struct entry *next_entry(struct room *room, const ramp_outcome *outcome) {
    struct entry *entry = outcome->tag;
    size_t at = room->head;

    while (at < room->tail && room->queue[at] != entry) at++;
    CHECK(at < room->tail);
    if (at != room->head && !was_refused(outcome) && !sim.is_poor)
        FAIL("%s/%s: another call was next", service_name(room), room->name);
    memmove(room->queue + room->head + 1, room->queue + room->head,
            (at - room->head) * sizeof(*room->queue));
    room->head++;
    return entry;
}

/* Without anybody in it, a room whose instance was thrown away is gone; its next life is a new one. */
static bool is_alone(const struct room *room) {
    const struct client *clients = sim.clients[room->service][room->name[1] - '0'];

    for (size_t i = 0; i < CLIENTS; i++)
        if (clients[i].state != OUT) return false;
    return room->head == room->tail;
}

/* A call's commit was lost; why? */
static void note_loss(struct room *room, const char *message) {
    room->is_open = false;
    room->may_be_gone = is_alone(room);
    room->was_lost = room->is_stale_unsure = true;
    if (strstr(message, "the server stops")) room->is_unsettled = true;
    if (strstr(message, "is not known") || strstr(message, "state could not be saved"))
        room->may_have_landed = true;
}

static void check_program(struct room *room, const ramp_outcome *outcome) {
    struct entry *entry = next_entry(room, outcome);
    const struct op *last = &entry->ops[entry->count - 1];
    static const int64_t no_results[64];

    totals.calls++;
    if (sim.is_poor) return;
    if (room->is_unsettled) {
        room->dropped[room->dropped_count++] = entry;
        return;
    }
    if (outcome->state == RAMP_CALL_DONE) {
        CHECK(room->is_open && last->kind != TRAP && last->kind != PANIC);
        totals.done++;
        room->runs_since_save++;
        check_done(room, entry, outcome);
        for (size_t i = 0; i < entry->count; i++)
            if (entry->ops[i].kind == STATE) note_save(room);
        check_stored(room, entry);
        if (syncs(entry)) check_synced(room);
        return;
    }
    CHECK(outcome->event_count == 0);
    switch (outcome->status) {
    case RAMP_TRAPPED:
        CHECK(last->kind == TRAP);
        room->runs_since_save++;
        room->is_open = false;
        room->was_trapped = true;
        room->may_be_gone = is_alone(room);
        break;
    case RAMP_PANICKED: /* what it did to its memory stays */
        CHECK(last->kind == PANIC);
        room->runs_since_save++;
        for (size_t i = 0; i < entry->count; i++)
            if (entry->ops[i].kind == CELL_SET) apply(&room->state, &entry->ops[i]);
        break;
    case RAMP_GONE: CHECK(entry->client && entry->client->state != MEMBER); break;
    case RAMP_UNAVAILABLE:
        CHECK(may_fail() || starts_with(outcome->message, "all "));
        if (starts_with(outcome->message, "what it wrote")) {
            totals.lost++;
            note_loss(room, outcome->message);
            room->dropped[room->dropped_count++] = entry;
        } else if (starts_with(outcome->message, "kv.sync")) {
            CHECK(syncs(entry));
            totals.unsynced++;
            room->runs_since_save++;
            for (size_t i = 0; i < entry->count; i++) { /* what it wrote stays */
                const struct op *op = &entry->ops[i];
                struct op forever = *op;
                apply(&room->state, op);
                if (op->kind == STATE) note_save(room);
                forever.ttl_ms = 0; /* when it expires was not told */
                apply_kv(room, entry, &forever, no_results);
                if (op->kind == KV_SET && op->ttl_ms)
                    past_last(past_of(room, op))->may_expire = true;
            }
            check_stored(room, entry);
        }
        break;
    default: FAIL("a program failed: %s: %s", ramp_status_name(outcome->status), outcome->message);
    }
}

/* ---- other calls ----------------------------------------------------------------------------- */

static void check_open(struct room *room, const ramp_outcome *outcome) {
    uint32_t head[4];
    int64_t state;
    bool has_state;

    room->is_open = false;
    if (room->is_unsettled || sim.is_poor) return;
    if (outcome->state == RAMP_CALL_FAILED) {
        CHECK(may_fail());
        room->failed_open = true;
        return;
    }
    if (room->was_lost) look_at_store(room);
    settle_saved(room);
    CHECK(outcome->event_count == 2 && outcome->events[0].payload.size == 16);
    memcpy(head, outcome->events[0].payload.data, 16);
    memcpy(&state, outcome->events[1].payload.data, 8);
    CHECK(head[0] == RAMP_CALL_OPEN && head[1] < 5);
    tell("  reason %u, flags %u, state %" PRId64, head[1], head[3], state);
    totals.opens[head[1]]++;
    has_state = room->state.saved != NOTHING;
    CHECK(head[2] == (has_state ? 8u : 0u));
    if (state != (has_state ? room->state.saved : 0))
        FAIL("%s/%s: on_open was given %" PRId64 ", not %" PRId64, service_name(room), room->name,
             state, room->state.saved);
    if (!room->failed_open) {
        if (room->may_be_gone && head[1] == (has_state ? 2 : 0)) room->has_ended = true;
        else if (room->was_lost) CHECK(head[1] == 4);
        else if (room->was_trapped) CHECK(head[1] == 3);
        else if (head[1] == 0) CHECK(!has_state || room->has_ended);
        else if (head[1] == 1) CHECK(room->may_be_new_version && !(head[3] & 4));
        else CHECK(head[1] == 2 && has_state);
    }
    if (!room->is_stale_unsure && has_state && (room->runs_since_save || room->was_restarted))
        CHECK(head[3] & 4);
    if (!room->is_stale_unsure && has_state && !room->runs_since_save && !room->was_restarted &&
        !room->was_lost)
        CHECK(!(head[3] & 4));
    room->state.cell = state;
    room->is_open = true;
    room->was_lost = room->was_trapped = room->has_ended = room->may_be_gone = false;
    room->was_restarted = false;
    room->runs_since_save++;
}

static void check_alarm(struct room *room, const ramp_outcome *outcome) {
    bool sets = false;

    /* What had set it may have been lost. */
    if (outcome->state == RAMP_CALL_FAILED && room->was_lost) return;
    totals.alarms++;
    if (!room->state.alarm_ms || room->state.alarm_ms > wall_ms())
        FAIL("%s/%s: the alarm rings %" PRId64 " ms too early", service_name(room), room->name,
             room->state.alarm_ms - wall_ms());
    if (outcome->state == RAMP_CALL_FAILED) {
        room->alarm_failures++;
        return;
    }
    room->alarm_failures = 0;
    for (size_t i = 0; i < outcome->event_count; i++)
        sets |= outcome->events[i].type == RAMP_EVENT_ALARM_SET;
    if (!sets) room->state.alarm_ms = 0;
}

/* What a handler did that was not sent as a program. */
static void apply_events(struct room *room, const ramp_outcome *outcome) {
    for (size_t i = 0; i < outcome->event_count; i++) {
        const ramp_event *event = &outcome->events[i];
        int64_t number = 0;
        if (event->payload.size >= 8) memcpy(&number, event->payload.data, 8);
        switch (event->type) {
        case RAMP_EVENT_DB_SET:
            room->state.rows[((const char *)event->key.data)[1] - '0'] = number;
            break;
        case RAMP_EVENT_ALARM_SET: room->state.alarm_ms = event->at_ms; break;
        case RAMP_EVENT_STATE_SAVE:
            room->state.saved = number;
            CHECK(number == room->state.cell);
            break;
        default: break;
        }
    }
}

static void check_handler(struct room *room, const ramp_outcome *outcome) {
    const char *lost = "what it wrote";

    if (room->is_unsettled || sim.is_poor) return;
    if (outcome->state == RAMP_CALL_FAILED) {
        if (outcome->status == RAMP_TRAPPED) {
            CHECK(outcome->call == RAMP_CALL_ALARM);
            room->runs_since_save++;
            room->is_open = false;
            room->was_trapped = true;
            room->may_be_gone = is_alone(room);
        } else if (starts_with(outcome->message, lost)) {
            CHECK(may_fail());
            note_loss(room, outcome->message);
        } else CHECK(may_fail() || was_refused(outcome));
    }
    if (outcome->call == RAMP_CALL_ALARM) check_alarm(room, outcome);
    apply_events(room, outcome);
    if (outcome->call == RAMP_CALL_SAVE) {
        if (outcome->state == RAMP_CALL_DONE) note_save(room);
        else {
            may_be_saved(room, room->state.cell);
            room->is_stale_unsure = true;
        }
    } else if (outcome->call == RAMP_CALL_CLOSE) {
        room->is_open = false;
        room->has_ended = true;
    } else if (outcome->event_count > 0) room->runs_since_save++;
}

static void on_done(struct rig *rig, const ramp_outcome *outcome) {
    struct room *room =
        &sim.rooms[outcome->service[1] - '0'][outcome->room[0] ? outcome->room[1] - '0' : 0];
    struct client *client;

    (void)rig;
    if (starts_with(outcome->message, "the room's state could not be loaded"))
        room->failed_open = true;
    tell("  %s/%s %s %s %s", outcome->service, outcome->room, ramp_call_name(outcome->call),
         ramp_status_name(outcome->status), outcome->message);
    switch (outcome->call) {
    case RAMP_CALL_DEPLOY: return;
    case RAMP_CALL_OPEN: check_open(room, outcome); return;
    case RAMP_CALL_MESSAGE:
    case RAMP_CALL_REQUEST: check_program(room, outcome); return;
    case RAMP_CALL_JOIN:
        client = outcome->tag;
        if (client->state == JOINING) client->state = outcome->joined ? MEMBER : OUT;
        check_handler(room, outcome);
        return;
    case RAMP_CALL_LEAVE:
        client = outcome->tag;
        if (client) { /* else the host has closed it, and told us then */
            CHECK(client->state == LEAVING);
            client->state = OUT;
        }
        if (outcome->event_count == 0) room->failed_open = true; /* nobody to tell */
        check_handler(room, outcome);
        return;
    default: check_handler(room, outcome); return;
    }
}

static void on_close(struct rig *rig, ramp_connection *connection, uint16_t code) {
    struct client *client = ramp_connection_data(connection);

    (void)rig;
    tell("  closed %s %u", ramp_connection_id(connection), code);
    CHECK(client && client->connection == connection && client->state != OUT);
    CHECK(code == 1013 || (code == 1011 && may_fail()));
    if (code == 1013) client->room->failed_open = true; /* it has no place, or no state */
    client->state = OUT;
}

/* ---- programs -------------------------------------------------------------------------------- */

struct writer { /* of a program */
    struct program program;
    struct entry *entry;
    struct op *waiting[OPS_MAX]; /* reads that were started and not awaited */
    size_t waiting_count;
};

#define DO_MINE(program, op, ...)                                                                  \
    program_op(program, (enum rig_op)(op), (const int64_t[]){__VA_ARGS__},                         \
               sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static int64_t at_name(char letter, unsigned number) {
    return AT_NAMES + (letter == 'k' ? 0 : letter == 'a' ? 0x40 : 0x80) + 8 * (int64_t)number;
}

static size_t add_result(struct writer *writer) {
    return writer->entry->results++;
}

static int64_t out_of(const struct op *op) {
    return op->kind == DB_LIST ? AT_LIST : AT_OUT + 64 * (int64_t)op->result;
}

/* Awaits what was started, in its order; then its value can be read. */
static void write_awaits(struct writer *writer) {
    for (size_t i = 0; i < writer->waiting_count; i++) {
        struct op *op = writer->waiting[i];
        DO_MINE(&writer->program, OP_await, (int64_t)op->result, out_of(op),
                op->kind == DB_LIST ? LIST_CAP : 8);
        op->is_awaited = true;
        if (op->kind == DB_LIST) {
            DO_MINE(&writer->program, OP_show, (int64_t)op->result, AT_LIST);
            continue;
        }
        DO(&writer->program, load64, out_of(op));
        op->value = add_result(writer);
    }
    writer->waiting_count = 0;
}

static void write_read(struct writer *writer, struct op *op) {
    struct program *program = &writer->program;

    if (op->kind == DB_LIST) write_awaits(writer); /* the list's event comes in its place */
    if (op->kind == KV_GET) {
        DO(program, time_ms, 0);
        op->time = add_result(writer);
    }
    op->result = add_result(writer);
    if (op->kind != DB_LIST) DO(program, store64, out_of(op), 0);
    if (op->kind == DB_GET) DO(program, db_get, at_name('k', op->key), 2, out_of(op), 8);
    else if (op->kind == KV_GET)
        DO(program, kv_get, op->is_shared, at_name(op->is_shared ? 'b' : 'a', op->key), 2,
           out_of(op), 8);
    else
        DO(program, db_list, at_name('k', 0), 1, at_name('k', op->key == ROWS ? 0 : op->key),
           op->key == ROWS ? 0 : 2, (int64_t)op->limit, AT_LIST, LIST_CAP);
    writer->waiting[writer->waiting_count++] = op;
    if (op->kind == DB_LIST || pick(3)) write_awaits(writer);
}

/* What the alarm's handler shall do, in this instance. */
static void write_alarm_handler(struct program *program) {
    struct program handler = {.size = 0};

    switch (pick(5)) {
    case 0: DO(&handler, trap, 0); break;
    case 1:
        DO(&handler, store64, AT_SOURCE, ++sim.numbers);
        DO(&handler, db_set, at_name('k', ROW_ALARM), 2, AT_SOURCE, (int64_t)size_of(sim.numbers));
        break;
    case 2: /* once more, and then no more */
        DO(&handler, alarm_set, wall_ms() + 20000);
        DO(&handler, install, RAMP_CALL_ALARM, 0);
        break;
    default: break;
    }
    program_install(program, RAMP_CALL_ALARM, &handler);
}

static void write_timer(struct program *program) {
    struct program handler = {.size = 0};

    DO(&handler, store64, AT_SOURCE, ++sim.numbers);
    DO(&handler, db_set, at_name('k', ROW_TIMER), 2, AT_SOURCE, (int64_t)size_of(sim.numbers));
    program_install(program, RAMP_CALL_TIMER, &handler);
    DO(program, timer_set, 1, 10 + (int64_t)pick(100), 0);
}

static void write_op(struct writer *writer, struct op *op) {
    struct program *program = &writer->program;
    int64_t key =
        op->kind <= DB_LIST ? at_name('k', op->key) : at_name(op->is_shared ? 'b' : 'a', op->key);

    switch (op->kind) {
    case DB_GET:
    case DB_LIST:
    case KV_GET: write_read(writer, op); return;
    case DB_SET:
        DO(program, store64, AT_SOURCE, op->number);
        DO(program, db_set, key, 2, AT_SOURCE, (int64_t)size_of(op->number));
        break;
    case DB_DEL: DO(program, db_del, key, 2); break;
    case KV_SET:
        DO(program, time_ms, 0);
        op->time = add_result(writer);
        DO(program, store64, AT_SOURCE, op->number);
        DO(program, kv_set, op->is_shared, key, 2, AT_SOURCE, (int64_t)size_of(op->number),
           op->ttl_ms);
        break;
    case KV_DEL: DO(program, kv_del, op->is_shared, key, 2); break;
    case SYNC: DO(program, kv_sync, 0); break;
    case ALARM:
        write_alarm_handler(program);
        DO(program, alarm_set, op->at_ms);
        break;
    case STATE:
        DO(program, store64, AT_SOURCE, op->number);
        DO(program, state_save, AT_SOURCE, 8);
        break;
    case TIMER: write_timer(program); break;
    case CELL_SET: DO(program, store64, AT_CELL, op->number); return;
    case CELL_GET: DO(program, load64, AT_CELL); break;
    case TRAP: DO(program, trap, 0); return;
    default: DO(program, panic, AT_SOURCE, 5); return;
    }
    op->result = add_result(writer);
}

static enum kind pick_kind(bool is_last) {
    static const uint8_t weights[KINDS] = {
        [DB_SET] = 16, [DB_DEL] = 5,   [DB_GET] = 12,  [DB_LIST] = 6, [KV_SET] = 12,
        [KV_DEL] = 4,  [KV_GET] = 12,  [SYNC] = 2,     [ALARM] = 2,   [STATE] = 3,
        [TIMER] = 2,   [CELL_SET] = 3, [CELL_GET] = 4, [TRAP] = 1,    [PANIC] = 2};
    unsigned left, kind = 0;

    do {
        left = (unsigned)pick(86);
        for (kind = 0; left >= weights[kind]; kind++) left -= weights[kind];
    } while (!is_last && kind >= TRAP);
    return (enum kind)kind;
}

static struct op pick_op(bool is_last) {
    struct op op = {.kind = pick_kind(is_last)};

    op.number = op.kind == DB_DEL || op.kind == KV_DEL ? 0 : ++sim.numbers;
    op.is_shared = pick(3) == 0;
    op.key = (unsigned)pick(op.kind == DB_LIST  ? ROWS + 1
                            : op.kind < DB_LIST ? ROWS
                            : op.is_shared      ? SHARED
                                                : KEYS);
    op.limit = pick(2) ? 100 : 1 + (uint32_t)pick(3);
    if (pick(5) == 0) op.ttl_ms = 1 + (int64_t)pick(3000);
    if (pick(5)) op.at_ms = wall_ms() + (int64_t)pick(30000) - 100;
    return op;
}

/* Writes a program, and queues what it is in the model. */
static struct entry *enqueue(struct room *room, struct client *client, struct program *program) {
    struct writer writer = {.program = {.size = 0}};
    struct entry *entry = calloc(1, sizeof(*entry));
    bool writes = pick(3) != 0;
    size_t count = 1 + pick(pick(4) ? 4 : OPS_MAX);

    CHECK(entry && room->tail < QUEUE_MAX && sim.entry_count < QUEUE_MAX * 4);
    sim.entries[sim.entry_count++] = entry;
    *entry = (struct entry){.room = room, .client = client, .sent_ns = sim.rig.now_ns};
    writer.entry = entry;
    while (entry->count < count) {
        struct op *op = &entry->ops[entry->count];
        *op = pick_op(entry->count + 1 == count);
        if (!writes && op->kind != DB_GET && op->kind != DB_LIST && op->kind != KV_GET) continue;
        entry->count++;
        write_op(&writer, op);
    }
    if (pick(8)) write_awaits(&writer); /* else they are cancelled */
    if (client) DO(&writer.program, tell, 0);
    else DO_MINE(&writer.program, OP_respond, 0);
    *program = writer.program;
    return room->queue[room->tail++] = entry;
}

/* ---- what happens ---------------------------------------------------------------------------- */

static void join(struct client *client) {
    struct room *room = client->room;
    ramp_status status;

    if (client->state != OUT) return;
    client->state = JOINING;
    status = ramp_join(
        sim.rig.host, service_name(room), room->name,
        &(ramp_join_options){
            .size = sizeof(ramp_join_options), .id = client->id, .data = client, .tag = client},
        &client->connection, NULL);
    tell("join %s %s/%s: %s", client->id, service_name(room), room->name, ramp_status_name(status));
    if (status) client->state = OUT;
    if (status && status != RAMP_UNAVAILABLE && !sim.is_poor)
        FAIL("%s cannot join: %s", client->id, ramp_status_name(status));
}

static void leave(struct client *client) {
    if (client->state != JOINING && client->state != MEMBER) return;
    tell("leave %s %s/%s", client->id, service_name(client->room), client->room->name);
    client->state = LEAVING;
    ramp_leave(client->connection, 1000, client);
}

static bool is_busy(const struct room *room) {
    return room->tail - room->head > 30; /* below every bound */
}

static void message(struct client *client) {
    struct program program;
    struct entry *entry;
    ramp_status status;

    join(client);
    if (client->state != MEMBER || is_busy(client->room)) return;
    entry = enqueue(client->room, client, &program);
    tell("message %s %s/%s: %zu operations", client->id, service_name(client->room),
         client->room->name, entry->count);
    tell_ops(entry);
    status =
        ramp_message(client->connection, (ramp_bytes){program.bytes, program.size}, true, entry);
    if (status == RAMP_NO_MEMORY && sim.is_poor) client->room->tail--;
    else CHECK(status == RAMP_OK);
}

static void request(struct room *room) {
    struct program program;
    struct entry *entry;
    ramp_status status;

    if (is_busy(room)) return;
    entry = enqueue(room, NULL, &program);
    status = ramp_http_request(sim.rig.host, service_name(room), room->name,
                               &(ramp_request){.size = sizeof(ramp_request),
                                               .method = {"GET", 3},
                                               .path = {"/", 1},
                                               .body = {program.bytes, program.size},
                                               .tag = entry},
                               NULL);
    tell("request %s/%s: %zu operations, %s", service_name(room), room->name, entry->count,
         ramp_status_name(status));
    tell_ops(entry);
    if (!status) return;
    CHECK(sim.is_poor || (status == RAMP_UNAVAILABLE && may_fail()));
    room->tail--;
}

/* Somebody else writes: a commit to the room, which its next commit will find; or a key of the service. */
static void intrude(struct room *room) {
    unsigned key = (unsigned)pick(SHARED);
    int64_t number = ++sim.numbers;
    char value[3008] = {0};

    memcpy(value, &number, 8);
    if (pick(2)) {
        tell("somebody commits to %s/%s", service_name(room), room->name);
        room->may_have_landed = true; /* a number further on says nothing of ours */
        faults_intrude(&sim.faults, service_name(room), room->name, (ramp_bytes){"x", 1},
                       (ramp_bytes){value, 8});
    } else {
        tell("somebody sets b%u of %s", key, service_name(room));
        faults_write_kv(&sim.faults,
                        &(ramp_kv_write){.key = {service_name(room), NULL, name_of('b', key)},
                                         .value = {value, size_of(number)}});
        past_add(&sim.shared[room->service][key], number, 0);
        sim.is_unordered[room->service][key] = true;
    }
    totals.intrusions++;
}

static void update(unsigned number) {
    struct rig_service *service = &sim.rig.services[number];

    service->version = 100 + ++sim.updates;
    for (unsigned i = 0; i < ROOMS; i++) sim.rooms[number][i].may_be_new_version = true;
    tell("update s%u", number);
    CHECK(ramp_service_update(sim.rig.host, service->name, NULL, NULL) != RAMP_ARGS);
}

/* ---- at rest --------------------------------------------------------------------------------- */

static bool is_settled(struct room *room) {
    ramp_room_info info;

    if (room->head < room->tail) return false;
    if (room->is_unsettled) return false;
    if (!ramp_host_room(sim.rig.host, service_name(room), room->name, &info, NULL, NULL)) {
        /* Gone: its next life is a new one. */
        if (room->was_lost) look_at_store(room);
        room->was_lost = room->was_trapped = room->failed_open = false;
        room->is_open = false;
        return true;
    }
    return !room->was_lost && info.committing == 0 && !info.waiting && info.queued == 0;
}

static void check_room(struct room *room) {
    int64_t alarm_ms;

    if (sim.is_poor || !is_settled(room)) return;
    room->failed_open = false;
    for (unsigned k = 0; k < NAMES; k++)
        if (stored_row(room, k) != room->state.rows[k])
            FAIL("%s/%s: k%u is %" PRId64 " in the store, not %" PRId64, service_name(room),
                 room->name, k, stored_row(room, k), room->state.rows[k]);
    alarm_ms = stored_alarm(room);
    if (alarm_ms == 0 && room->alarm_failures > LIMIT_ALARM_RETRIES) {
        room->alarm_failures = 0; /* it was dropped */
        room->state.alarm_ms = 0;
    }
    if (alarm_ms != room->state.alarm_ms)
        FAIL("%s/%s: the alarm is %" PRId64 " in the store, not %" PRId64, service_name(room),
             room->name, alarm_ms, room->state.alarm_ms);
    settle_saved(room);
    CHECK(stored_state(room) == room->state.saved);
}

static void each_room(void (*each)(struct room *)) {
    for (unsigned i = 0; i < SERVICES; i++)
        for (unsigned k = 0; k < ROOMS; k++) each(&sim.rooms[i][k]);
}

static void run(void) {
    bool more = true;

    for (int i = 0; more; i++) {
        faults_step(&sim.faults);
        if (sim.is_poor && !sim.is_at_peace && pick(3) == 0) mem_fail_after((long)pick(60));
        more = ramp_host_step(sim.rig.host);
        mem_fail_after(-1);
        if (i > 100000) FAIL("never comes to rest");
    }
    each_room(check_room);
}

/* Goes to whatever is due next, but not beyond `most_ms`. */
static void pass(uint64_t most_ms) {
    uint64_t end_ns = sim.rig.now_ns + most_ms * RIG_MS, next_ns;

    do {
        next_ns = ramp_host_deadline(sim.rig.host);
        if (faults_deadline(&sim.faults) < next_ns) next_ns = faults_deadline(&sim.faults);
        if (next_ns > end_ns) next_ns = end_ns;
        if (next_ns > sim.rig.now_ns) sim.rig.now_ns = next_ns;
        run();
    } while (sim.rig.now_ns < end_ns);
}

/* ---- hosts ----------------------------------------------------------------------------------- */

static void choose_plan(void) {
    struct faults_plan plan = {.delay_ms = 1 + (uint32_t)pick(pick(3) ? 20 : 300),
                               .slow_ms = 1000 + (uint32_t)pick(90000),
                               .at_once = (uint32_t)pick(3) * 300};

    if (sim.is_faulty)
        for (int i = 1; i < FAULT_COUNT; i++) plan.weights[i] = (uint32_t)pick(pick(3) ? 20 : 60);
    if (sim.is_faulty && pick(6) == 0) plan.weights[1 + pick(FAULT_COUNT - 1)] = 500;
    if (sim.is_faulty && pick(8) == 0) plan.away = 1u << pick(FAULTS_KINDS);
    sim.faults.plan = plan;
}

static void open_host(void) {
    uint64_t now_ns = sim.rig.now_ns;

    rig_open(&sim.rig, &(ramp_host_options){.modules_max = sim.is_crowded ? 1 : SERVICES,
                                            .rooms_max = SERVICES * ROOMS + 1,
                                            .room_idle_ms = 3000,
                                            .kv = &sim.faults.kv,
                                            .db = &sim.faults.db,
                                            .states = &sim.faults.states});
    if (now_ns > sim.rig.now_ns) sim.rig.now_ns = now_ns;
    sim.rig.random_state = seed * 1000 + ++sim.restarts; /* no writer's id comes again */
    sim.rig.silent = true;
    sim.rig.on_done = on_done;
    sim.rig.on_close = on_close;
    for (unsigned i = 0; i < SERVICES; i++)
        rig_add(&sim.rig, i ? "s1" : "s0", "storage")->version = 100 + sim.updates + 50 * i;
}

/* The host has gone: what is known is what is stored. */
static void forget_room(struct room *room) {
    while (room->head < room->tail)
        room->dropped[room->dropped_count++] = room->queue[room->head++];
    room->head = room->tail = 0;
    room->was_lost = room->was_trapped = room->failed_open = room->is_open = false;
}

/* What the backend has of a room's key is one of the contents since it was last synced, or of those that
 * were not reported any more. */
static void recover_key(struct room *room, unsigned key) {
    struct past *past = &room->keys[key];
    int64_t number = stored_key(room, false, key), expires_ms = 0;
    const ramp_kv_key name = {service_name(room), room->name, name_of('a', key)};
    const struct faults_item *item = faults_find_kv(&sim.faults, &name);
    bool is_known = false;

    for (size_t i = (size_t)room->written_since[key]; i < past->count; i++)
        is_known |= agrees(&past->contents[i], number, 0);
    for (size_t i = 0; i < room->dropped_count; i++)
        for (size_t k = 0; k < room->dropped[i]->count; k++) {
            const struct op *op = &room->dropped[i]->ops[k];
            is_known |= (op->kind == KV_SET || op->kind == KV_DEL) && !op->is_shared &&
                        op->key == key && (op->number == number || number == 0);
        }
    if (!is_known) FAIL("%s/%s: a%u is %" PRId64, service_name(room), room->name, key, number);
    if (item) expires_ms = item->expires_ms;
    past->count = 0;
    past_add(past, number, expires_ms);
    room->written_since[key] = 0;
}

static void recover_room(struct room *room) {
    for (unsigned i = 0; i < CLIENTS; i++)
        sim.clients[room->service][room->name[1] - '0'][i].state = OUT;
    if (sim.is_poor) {
        room->dropped_count = 0;
        return;
    }
    for (unsigned key = 0; key < KEYS; key++) recover_key(room, key);
    sim.is_restarting = true;
    if (room->is_unsettled) { /* what it did since was not followed */
        room->state.saved = stored_state(room);
        for (unsigned k = 0; k < ROWS; k++) room->state.rows[k] = stored_row(room, k);
        room->dropped_count = 0;
        room->is_stale_unsure = true;
        room->is_unsettled = false;
    }
    look_at_store(room);
    sim.is_restarting = false;
    room->alarm_failures = 0;
    room->has_ended = true; /* whether its last life had ended is not followed */
    for (unsigned key = 0; key < SHARED; key++) {
        struct past *past = &sim.shared[room->service][key];
        int64_t number = stored_key(room, true, key);
        const ramp_kv_key name = {service_name(room), NULL, name_of('b', key)};
        const struct faults_item *item = faults_find_kv(&sim.faults, &name);
        past->count = 0;
        past_add(past, number, item ? item->expires_ms : 0);
    }
}

static void mark_crashed(struct room *room) {
    room->was_restarted = true;
}

static void mark_unfinished(struct room *room) {
    room->is_stale_unsure = true;
}

/* What is under way lands, or not, before there is another host: one at a time. */
static void let_land(void) {
    faults_forget_host(&sim.faults);
    while (faults_deadline(&sim.faults) != UINT64_MAX) {
        if (faults_deadline(&sim.faults) > sim.rig.now_ns)
            sim.rig.now_ns = faults_deadline(&sim.faults);
        faults_step(&sim.faults);
    }
}

static void crash(void) {
    tell("crash");
    totals.crashes++;
    each_room(forget_room);
    rig_close(&sim.rig);
    let_land();
    faults_crash(&sim.faults);
    each_room(recover_room);
    each_room(mark_crashed);
    open_host();
}

/* What was set has been handed to the backend, all of it. */
static void check_flushed(struct room *room) {
    if (room->is_unsettled || sim.is_poor) return;
    for (unsigned key = 0; key < KEYS; key++) {
        int64_t number = stored_key(room, false, key);
        if (!agrees(past_last(&room->keys[key]), number, wall_ms()))
            FAIL("%s/%s: a%u is %" PRId64 " in the store, not %" PRId64, service_name(room),
                 room->name, key, number, past_last(&room->keys[key])->number);
    }
}

static void stop(void) {
    static const ramp_stop stages[] = {RAMP_STOP_WAITS, RAMP_STOP_COMMITS, RAMP_STOP_ROOMS};
    bool has_stopped;

    tell("stop");
    totals.stops++;
    sim.is_stopping = true;
    for (size_t i = 0; i < 3; i++) {
        ramp_host_stop(sim.rig.host, stages[i]);
        for (int k = 0; k < 40; k++) pass(100);
    }
    has_stopped = ramp_host_has_stopped(sim.rig.host);
    sim.is_stopping = false;
    CHECK(has_stopped || sim.is_faulty || sim.is_poor);
    each_room(forget_room);
    rig_close(&sim.rig);
    let_land();
    if (has_stopped) each_room(check_flushed);
    each_room(recover_room);
    if (!has_stopped) each_room(mark_unfinished);
    open_host();
}

/* ---- histories ------------------------------------------------------------------------------- */

static void step(void) {
    struct client *client = &sim.clients[pick(SERVICES)][pick(ROOMS)][pick(CLIENTS)];
    struct room *room = client->room;
    uint64_t what = pick(1000);

    if (what < 20) leave(client);
    else if (what < 640) message(client);
    else if (what < 740) request(room);
    else if (what < 940) pass(pick(60));
    else if (what < 965) pass(pick(6000));
    else if (what < 967) pass(70000);
    else if (what < 975) choose_plan();
    else if (what < 982 && sim.is_faulty) intrude(room);
    else if (what < 988) update(room->service);
    else if (what < 990) crash();
    else if (what < 992) stop();
    if (pick(2)) run();
}

static void check_alarm_rang(struct room *room) {
    if (!sim.is_poor && room->state.alarm_ms && room->state.alarm_ms < wall_ms())
        FAIL("%s/%s: the alarm of %" PRId64 " ms ago never rang", service_name(room), room->name,
             wall_ms() - room->state.alarm_ms);
    if (room->head != room->tail || !is_settled(room)) {
        ramp_room_info info = {0};
        ramp_host_room(sim.rig.host, service_name(room), room->name, &info, NULL, NULL);
        FAIL("%s/%s does not settle: %zu programs, %u committing, waiting %d, %u queued, lost %d",
             service_name(room), room->name, room->tail - room->head, info.committing, info.waiting,
             info.queued, room->was_lost);
    }
}

/* Everything is answered, quickly and well: then every call has its outcome, every alarm has rung. */
static void make_peace(void) {
    sim.faults.plan = (struct faults_plan){.delay_ms = 5};
    sim.is_at_peace = true;
    tell("peace");
    for (int i = 0; i < 60; i++) pass(5000);
    for (int i = 0; i < 40; i++) pass(60000);
    each_room(check_alarm_rang);
}

static void history(void) {
    bool verbose = sim.verbose;

    memset(&sim, 0, sizeof(sim));
    sim.verbose = verbose;
    sim.random = seed;
    sim.is_faulty = pick(4) != 0;
    sim.is_crowded = pick(3) == 0;
    sim.is_poor = pick(6) == 0;
    faults_init(&sim.faults, &(struct faults_options){.seed = seed,
                                                      .now_ns = &sim.rig.now_ns,
                                                      .epoch_ms = RIG_EPOCH_MS});
    choose_plan();
    open_host();
    for (unsigned i = 0; i < SERVICES; i++)
        for (unsigned k = 0; k < ROOMS; k++) {
            struct room *room = &sim.rooms[i][k];
            room->service = i;
            snprintf(room->name, sizeof(room->name), "r%u", k);
            room->state.saved = NOTHING;
            for (unsigned n = 0; n < KEYS; n++) past_add(&room->keys[n], 0, 0);
            for (unsigned n = 0; n < CLIENTS; n++) {
                sim.clients[i][k][n].room = room;
                snprintf(sim.clients[i][k][n].id, sizeof(sim.clients[i][k][n].id), "c%u", n);
            }
        }
    for (unsigned i = 0; i < SERVICES; i++)
        for (unsigned n = 0; n < SHARED; n++) past_add(&sim.shared[i][n], 0, 0);
    for (sim.step = 0; sim.step < STEPS; sim.step++) step();
    if (pick(3)) make_peace();
    rig_close(&sim.rig); /* nothing may be left */
    faults_done(&sim.faults);
    for (size_t i = 0; i < sim.entry_count; i++) free(sim.entries[i]);
}

int main(int argc, char **argv) {
    const char *is_long = getenv("RAMP_LONG");
    uint64_t first = 1, seeds = is_long && strcmp(is_long, "1") == 0 ? 4000 : 100;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) seeds = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--first") == 0 && i + 1 < argc)
            first = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--verbose") == 0) sim.verbose = true;
        else return fprintf(stderr, "usage: sim_gate [--seeds N] [--first S] [--verbose]\n"), 2;
    }
    rig_module("storage", false); /* while there is memory */
    rig_module("storage", true);
    for (seed = first; seed < first + seeds; seed++) history();
    printf("%" PRIu64 " histories, %" PRIu64 " calls, %" PRIu64 " done, %" PRIu64
           " lost with their commit, %" PRIu64 " syncs failed, %" PRIu64 " reads, %" PRIu64
           " of them failed, %" PRIu64 " alarms, %" PRIu64 " crashes, %" PRIu64 " stops, %" PRIu64
           " intrusions; opened fresh %" PRIu64 ", new version %" PRIu64 ", moved %" PRIu64
           ", after a trap %" PRIu64 ", after a lost commit %" PRIu64 "\n",
           seeds, totals.calls, totals.done, totals.lost, totals.unsynced, totals.reads,
           totals.reads_failed, totals.alarms, totals.crashes, totals.stops, totals.intrusions,
           totals.opens[0], totals.opens[1], totals.opens[2], totals.opens[3], totals.opens[4]);
    return 0;
}
