/* SPDX-License-Identifier: Apache-2.0 */
/* sim.c -- random histories of a host, each from a seed, against a small model of who is in which room.
 *
 *     sim [--seeds N] [--first S] [--verbose]
 *
 * Clients join, talk, leave, come back under the same id; modules trap, throw, loop, set timers, close
 * clients; services are evicted, updated, broken; the store is slow, fails, or never answers. The clock is
 * ours. The model follows what the host reports and checks that it was allowed:
 *   - what was queued in a room ends in order, each exactly once;
 *   - a call sees exactly the members of that moment, and its broadcast goes to exactly them;
 *   - every join that was dispatched is followed by one leave, or by a close;
 *   - a room's memory lives as long as its instance, and on_open is told why there is a new one;
 *   - timers fire when due, not before, not when cleared;
 *   - at rest nothing is queued, and when the host is freed nothing is left.
 * A failure prints the seed; the same seed tells the same history.
 */
#include "unit/core/rig.h"

#include "base/limits.h"

static uint64_t seed;
#define FAIL(...)                                                                                  \
    do {                                                                                           \
        fprintf(stderr, "sim: seed %" PRIu64 ", step %d: ", seed, sim.step);                       \
        fprintf(stderr, __VA_ARGS__);                                                              \
        fprintf(stderr, "\n  again: sim --first %" PRIu64 " --seeds 1 --verbose\n", seed);         \
        abort();                                                                                   \
    } while (0)
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) FAIL("%s:%d: %s", __FILE__, __LINE__, #condition);                       \
    } while (0)

enum {
    SERVICES = 4, /* the last two have the same module */
    ROOMS = 3,
    IDS = 5,
    TIMERS = 3,
    SLOTS_MAX = 64,
    QUEUE_MAX = 4096,
    MODULES_MAX = 2,
    STEPS = 160
};

enum action { SAY, SAY_TO_OTHERS, SEND, CLOSE, SET_TIMER, CLEAR_TIMER, TRAP, THROW, LOOP, ACTIONS };

enum client_state { JOINING, MEMBER, LEAVING, OUT };

struct client {
    struct sim_room *room;
    ramp_connection *connection; /* good while it is not OUT */
    char id[8];
    uint64_t owner;
    enum client_state state;
    uint32_t handle;  /* 0: never a member */
    bool is_replaced; /* told by on_close already */
};

struct entry { /* something that was queued; its address is the tag */
    ramp_call_kind kind;
    struct client *client;
    enum action action;
    uint32_t target; /* a handle */
    int32_t timer;
    int64_t delay_ms, period_ms;
    bool by_host; /* the leave of a client that was replaced */
};

struct sim_timer {
    bool is_set, has_fired;     /* since the host was at rest */
    uint64_t due_ns, period_ns; /* due at the earliest: missed periods may collapse */
};

struct sim_room {
    unsigned service, number;
    char name[8];
    struct entry *queue[QUEUE_MAX];
    size_t head, tail;
    struct client *slots[SLOTS_MAX];
    uint16_t generations[SLOTS_MAX];
    struct sim_timer timers[TIMERS];
    bool is_open, was_trapped;
    bool failed_open; /* on_close may follow */
    uint32_t version; /* of the instance */
    int64_t counter;  /* in the instance's memory */
};

static struct {
    int step;
    bool verbose;
    struct rig rig;
    uint64_t random;
    struct sim_room rooms[SERVICES][ROOMS];
    struct client *clients[QUEUE_MAX];
    size_t client_count;
    struct entry *entries[QUEUE_MAX * 4];
    size_t entry_count;
    struct client *to_leave[QUEUE_MAX]; /* the module has closed them: we do as a server does */
    size_t to_leave_count;
    bool is_broken[SERVICES];  /* on_open traps in the newest version */
    bool was_broken[SERVICES]; /* or in one before, that may still be in use */
    uint64_t updated_ns[SERVICES];
    uint32_t updates;
    uint64_t outcomes;
} sim;

static uint64_t pick(uint64_t below) {
    return rig_random_next(&sim.random) % below;
}

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *format, ...) {
    va_list arguments;
    if (!sim.verbose) return;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
}

static struct sim_room *room_of(const ramp_outcome *outcome) {
    unsigned service = (unsigned)(outcome->service[1] - '0'),
             number = (unsigned)(outcome->room[1] - '0');
    CHECK(service < SERVICES && number < ROOMS);
    return &sim.rooms[service][number];
}

/* ---- the model ------------------------------------------------------------------------------- */

static size_t member_count(const struct sim_room *room) {
    size_t count = 0;
    for (size_t i = 0; i < SLOTS_MAX; i++) count += room->slots[i] != NULL;
    return count;
}

static bool has_timers(const struct sim_room *room) {
    for (size_t i = 0; i < TIMERS; i++)
        if (room->timers[i].is_set) return true;
    return false;
}

static void instance_ends(struct sim_room *room) {
    room->is_open = false;
    memset(room->timers, 0, sizeof(room->timers));
}

/* The lowest free slot, and its next generation; or the first, if the room has begun anew meanwhile. */
static void becomes_member(struct client *client, uint32_t handle) {
    struct sim_room *room = client->room;
    uint32_t slot = 0;
    while (room->slots[slot]) slot++;
    if (member_count(room) == 0 && handle >> 20 == 1)
        memset(room->generations, 0, sizeof(room->generations));
    room->slots[slot] = client;
    client->handle = (uint32_t)++room->generations[slot] << 20 | slot;
    client->state = MEMBER;
    if (handle != client->handle)
        FAIL("%s has handle %x, not %x", client->id, handle, client->handle);
}

static void goes_out(struct client *client) {
    if (client->handle) client->room->slots[client->handle & 0xFFFFF] = NULL;
    client->state = OUT;
}

static struct client *member_of(const struct sim_room *room, uint32_t handle) {
    struct client *client = (handle & 0xFFFFF) < SLOTS_MAX ? room->slots[handle & 0xFFFFF] : NULL;
    return client && client->handle == handle ? client : NULL;
}

static struct entry *enqueue(struct sim_room *room, struct entry entry) {
    struct entry *copy = malloc(sizeof(*copy));
    *copy = entry;
    sim.entries[sim.entry_count++] = copy;
    CHECK(room->tail < QUEUE_MAX && sim.entry_count < QUEUE_MAX * 4);
    return room->queue[room->tail++] = copy;
}

/* ---- what is checked of each outcome --------------------------------------------------------------- */

/* An event for all members but `except` and the one that leaves. */
static void check_recipients(const struct sim_room *room, const ramp_event *event,
                             const struct client *leaver, const struct client *except) {
    size_t at = 0;
    CHECK(event->type == RAMP_EVENT_BROADCAST);
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        const struct client *client = room->slots[i];
        if (!client || client == leaver || client == except) continue;
        CHECK(at < event->to_count && event->to[at] == client->connection);
        at++;
    }
    CHECK(at == event->to_count);
}

/* Every handler begins with two broadcasts: the handles that it sees, then how many there are, 0, how
 * many calls this instance has had, and its first argument. */
static size_t check_handler(struct sim_room *room, const ramp_outcome *outcome,
                            const struct client *leaver) {
    const ramp_event *events = outcome->events;
    uint32_t handles[16] = {0}, count = 0;
    int64_t results[4];

    CHECK(room->is_open);
    room->counter++;
    if (outcome->state == RAMP_CALL_FAILED) {
        CHECK(outcome->event_count == 0);
        return 0;
    }
    for (size_t i = 0; i < SLOTS_MAX; i++)
        if (room->slots[i] && room->slots[i] != leaver) handles[count++] = room->slots[i]->handle;
    CHECK(outcome->event_count >= 2 && events[0].payload.size == 64 &&
          events[1].payload.size == 32);
    CHECK(memcmp(events[0].payload.data, handles, sizeof(handles)) == 0);
    check_recipients(room, &events[0], leaver, NULL);
    check_recipients(room, &events[1], leaver, NULL);
    memcpy(results, events[1].payload.data, sizeof(results));
    CHECK(results[0] == count && results[1] == 0);
    if (results[2] != room->counter)
        FAIL("the instance has had %" PRId64 " calls, not %" PRId64, results[2], room->counter);
    if (leaver) CHECK((uint32_t)results[3] == leaver->handle);
    return 2;
}

static uint32_t first_argument(const ramp_outcome *outcome) {
    int64_t results[4];
    memcpy(results, outcome->events[1].payload.data, sizeof(results));
    return (uint32_t)results[3];
}

/* What the program of a message or a request was to do. */
static void check_action(struct sim_room *room, const struct entry *entry,
                         const ramp_outcome *outcome) {
    static const ramp_status failures[] = {
        [TRAP] = RAMP_TRAPPED, [THROW] = RAMP_PANICKED, [LOOP] = RAMP_CPU};
    size_t at = check_handler(room, outcome, NULL);
    const ramp_event *event = &outcome->events[at];
    struct client *target;

    if (entry->action >= TRAP) {
        CHECK(outcome->state == RAMP_CALL_FAILED && outcome->status == failures[entry->action]);
        return;
    }
    CHECK(outcome->state == RAMP_CALL_DONE);
    switch (entry->action) {
    case SAY:
    case SAY_TO_OTHERS:
        CHECK(outcome->event_count == at + 1);
        check_recipients(room, event, NULL,
                         entry->action == SAY ? NULL : member_of(room, entry->target));
        break;
    case SEND:
    case CLOSE:
        target = member_of(room, entry->target);
        CHECK(outcome->event_count == at + (target ? 1 : 0));
        if (!target) break;
        CHECK(event->type == (entry->action == SEND ? RAMP_EVENT_SEND : RAMP_EVENT_CLOSE));
        CHECK(event->connection == target->connection);
        if (entry->action == CLOSE) sim.to_leave[sim.to_leave_count++] = target;
        break;
    case SET_TIMER:
        CHECK(outcome->event_count == at + 1 && event->type == RAMP_EVENT_TIMER_SET);
        room->timers[entry->timer] =
            (struct sim_timer){.is_set = true,
                               .due_ns = sim.rig.now_ns + (uint64_t)entry->delay_ms * RIG_MS,
                               .period_ns = (uint64_t)entry->period_ms * RIG_MS};
        break;
    case CLEAR_TIMER:
        CHECK(outcome->event_count == at + 1 && event->type == RAMP_EVENT_TIMER_CLEAR);
        room->timers[entry->timer].is_set = false;
        break;
    default: break;
    }
}

static void check_timer(struct sim_room *room, const ramp_outcome *outcome) {
    struct sim_timer *timer;
    check_handler(room, outcome, NULL);
    CHECK(outcome->state == RAMP_CALL_DONE && outcome->event_count == 2);
    CHECK(first_argument(outcome) < TIMERS);
    timer = &room->timers[first_argument(outcome)];
    CHECK(timer->is_set && timer->due_ns <= sim.rig.now_ns);
    timer->is_set = timer->period_ns != 0;
    timer->has_fired = true;
    timer->due_ns += timer->period_ns;
}

static void note_version(void *context, const ramp_room_info *info) {
    struct sim_room *room = context;
    if ((unsigned)(info->service[1] - '0') == room->service &&
        (unsigned)(info->room[1] - '0') == room->number)
        memcpy(&room->version, info->module.bytes, sizeof(room->version));
}

/* A room that is open changes over to another version: if that does not open, it stays as it is. */
static void check_open(struct sim_room *room, const ramp_outcome *outcome) {
    bool switches = room->is_open;
    uint32_t head[4], version = room->version;

    if (outcome->state == RAMP_CALL_FAILED) {
        CHECK(outcome->status == RAMP_TRAPPED && sim.was_broken[room->service]);
        if (switches) return;
        instance_ends(room);
        room->failed_open = true;
        return;
    }
    instance_ends(room);
    CHECK(outcome->event_count == 1 && outcome->events[0].payload.size == 16);
    check_recipients(room, outcome->events, NULL, NULL);
    memcpy(head, outcome->events[0].payload.data, 16);
    CHECK(head[0] == RAMP_CALL_OPEN);
    ramp_host_rooms(sim.rig.host, note_version, room);
    /* Without members it may have ended between, and begun anew. */
    CHECK((head[1] == 1 && switches && room->version != version) ||
          (head[1] == 3 && room->was_trapped) ||
          (head[1] == 0 && !switches && (!room->was_trapped || member_count(room) == 0)));
    room->is_open = true;
    room->was_trapped = room->failed_open = false;
    room->counter = 0;
}

static struct entry *next_entry(struct sim_room *room, const ramp_outcome *outcome) {
    struct entry *entry;
    CHECK(room->head < room->tail);
    entry = room->queue[room->head++];
    if (entry->kind != outcome->call || outcome->tag != (entry->by_host ? NULL : entry))
        FAIL("%s/%s: a %s came to its end, but a %s was next", outcome->service, outcome->room,
             ramp_call_name(outcome->call), ramp_call_name(entry->kind));
    return entry;
}

/* Without an instance and without members. */
static bool is_gone(const struct sim_room *room) {
    return !room->is_open && member_count(room) == 0;
}

/* It never reached the module: was that right? */
static void check_refusal(struct sim_room *room, const ramp_outcome *outcome) {
    ramp_host_stats stats = {.size = sizeof(stats)};
    switch (outcome->status) {
    case RAMP_NOT_OPEN: CHECK(sim.was_broken[room->service] && room->failed_open); break;
    case RAMP_UNAVAILABLE:
        ramp_host_get_stats(sim.rig.host, &stats);
        CHECK(stats.modules >= MODULES_MAX && is_gone(room));
        break;
    case RAMP_REFUSED:
    case RAMP_TIMEOUT: CHECK(is_gone(room)); break;
    default: FAIL("a %s was refused: %s", ramp_call_name(outcome->call), outcome->message);
    }
}

static bool reached_module(const ramp_outcome *outcome) {
    switch (outcome->status) {
    case RAMP_OK:
    case RAMP_TRAPPED:
    case RAMP_PANICKED:
    case RAMP_CPU: return true;
    default: return false;
    }
}

static void check_leave(struct sim_room *room, const struct entry *entry,
                        const ramp_outcome *outcome) {
    struct client *client = entry->client;
    CHECK(outcome->state == RAMP_CALL_DONE && outcome->connection == client->connection);
    CHECK(client->state == LEAVING);
    if (outcome->event_count > 0) { /* it was told */
        CHECK(client->handle);
        check_handler(room, outcome, client);
    } else { /* it had never joined, or the room could not be opened for it */
        CHECK(!client->handle || room->failed_open || !room->is_open);
    }
    goes_out(client);
}

/* Live rooms have the new version now, or it does not open; or they have had no time. */
static void check_deploy(const ramp_outcome *outcome) {
    unsigned service = (unsigned)(outcome->service[1] - '0');
    uint32_t kept = 0;

    for (size_t i = 0; i < ROOMS; i++) {
        const struct sim_room *room = &sim.rooms[service][i];
        kept += room->is_open && room->version != sim.rig.services[service].given;
    }
    if (sim.rig.now_ns < sim.updated_ns[service] + LIMIT_SWITCH_MS * RIG_MS)
        CHECK(kept == 0 || (sim.was_broken[service] && kept <= outcome->rooms_kept));
    CHECK(outcome->rooms_kept <= ROOMS && outcome->rooms_moved <= ROOMS);
}

static void on_done(struct rig *rig, const ramp_outcome *outcome) {
    struct sim_room *room = outcome->call == RAMP_CALL_DEPLOY ? NULL : room_of(outcome);
    struct entry *entry;

    (void)rig;
    sim.outcomes++;
    tell("  %s/%s %s %s %s", outcome->service, outcome->room, ramp_call_name(outcome->call),
         outcome->connection ? ramp_connection_id(outcome->connection) : "",
         ramp_status_name(outcome->status));
    switch (outcome->call) {
    case RAMP_CALL_OPEN:
        if (!outcome->tag) {
            check_open(room, outcome);
            return;
        }
        next_entry(room, outcome);
        if (outcome->status) check_refusal(room, outcome);
        else CHECK(room->is_open);
        return;
    case RAMP_CALL_JOIN:
        entry = next_entry(room, outcome);
        CHECK(outcome->connection == entry->client->connection);
        if (reached_module(outcome)) {
            CHECK(outcome->joined && entry->client->state == JOINING && outcome->event_count == 2);
            becomes_member(entry->client, first_argument(outcome));
            check_handler(room, outcome, NULL);
            return;
        }
        CHECK(!outcome->joined);
        if (entry->client->state == LEAVING) return; /* its leave follows */
        check_refusal(room, outcome);
        entry->client->state = OUT;
        return;
    case RAMP_CALL_MESSAGE:
        entry = next_entry(room, outcome);
        if (!reached_module(outcome)) {
            if (outcome->status == RAMP_GONE)
                CHECK(!member_of(room, entry->client->handle) ||
                      (room->failed_open && entry->client->state == LEAVING));
            else check_refusal(room, outcome);
            return;
        }
        CHECK(member_of(room, entry->client->handle) == entry->client);
        check_action(room, entry, outcome);
        break;
    case RAMP_CALL_REQUEST:
        entry = next_entry(room, outcome);
        CHECK(!outcome->connection);
        if (!reached_module(outcome)) {
            check_refusal(room, outcome);
            return;
        }
        check_action(room, entry, outcome);
        break;
    case RAMP_CALL_LEAVE: check_leave(room, next_entry(room, outcome), outcome); return;
    case RAMP_CALL_TIMER: check_timer(room, outcome); return;
    case RAMP_CALL_ERROR:
    case RAMP_CALL_BACKPRESSURE: check_handler(room, outcome, NULL); return;
    case RAMP_CALL_CLOSE:
        CHECK(member_count(room) == 0 && !has_timers(room) && room->head == room->tail);
        check_handler(room, outcome, NULL);
        instance_ends(room);
        return;
    case RAMP_CALL_DEPLOY:
        if (outcome->status) {
            CHECK(outcome->status == RAMP_REFUSED || outcome->status == RAMP_TIMEOUT ||
                  outcome->status == RAMP_UNAVAILABLE);
            return;
        }
        check_deploy(outcome);
        return;
    default: FAIL("a %s", ramp_call_name(outcome->call));
    }
    if (outcome->status == RAMP_TRAPPED || outcome->status == RAMP_CPU) {
        instance_ends(room);
        room->was_trapped = true;
    }
}

static void on_close(struct rig *rig, ramp_connection *connection, uint16_t code) {
    struct client *client = ramp_connection_data(connection);
    (void)rig;
    tell("  closed %s %u", ramp_connection_id(connection), code);
    CHECK(client && client->connection == connection);
    if (code == 4409) {
        CHECK(!client->is_replaced);
        client->is_replaced = true; /* its leave is the host's */
        return;
    }
    CHECK(code == 1011 && client->state == MEMBER && client->room->failed_open);
    goes_out(client);
}

/* ---- what happens ---------------------------------------------------------------------------- */

static struct client *client_of(const struct sim_room *room, const char *id) {
    for (size_t i = sim.client_count; i-- > 0;) {
        struct client *client = sim.clients[i];
        if (client->room == room && client->state < LEAVING && strcmp(client->id, id) == 0)
            return client;
    }
    return NULL;
}

static const char *service_name(unsigned service) {
    static const char *const names[SERVICES] = {"s0", "s1", "s2", "s3"};
    return names[service];
}

static bool is_refusal_of_service(ramp_status status) {
    return status == RAMP_REFUSED || status == RAMP_TIMEOUT; /* remembered for two seconds */
}

static void join(struct sim_room *room) {
    struct client *client = calloc(1, sizeof(*client)), *old;
    struct entry *leave = NULL;
    ramp_join_options options = {.size = sizeof(options), .id = client->id, .data = client};
    ramp_status status;
    struct entry *entry;

    snprintf(client->id, sizeof(client->id), "c%u", (unsigned)pick(IDS));
    client->room = room;
    client->owner = options.owner = pick(8) == 0;
    client->state = OUT; /* until the host has taken it */
    old = client_of(room, client->id);
    sim.clients[sim.client_count++] = client;
    /* Queued in this order: the leave of the one that is replaced, the join. */
    if (old && old->owner == client->owner)
        leave =
            enqueue(room, (struct entry){.kind = RAMP_CALL_LEAVE, .client = old, .by_host = true});
    entry = enqueue(room, (struct entry){.kind = RAMP_CALL_JOIN, .client = client});
    options.tag = entry;
    status = ramp_join(sim.rig.host, service_name(room->service), room->name, &options,
                       &client->connection, NULL);
    tell("join %s %s/%s: %s", client->id, service_name(room->service), room->name,
         ramp_status_name(status));
    if (status) {
        room->tail -= leave ? 2 : 1;
        if (old && old->owner != client->owner)
            CHECK(status == RAMP_CONFLICT || is_refusal_of_service(status));
        else CHECK(is_refusal_of_service(status));
        return;
    }
    CHECK(!old || old->owner == client->owner);
    client->state = JOINING;
    if (!old) return;
    CHECK(old->is_replaced);
    old->state = LEAVING;
}

static void leave(struct client *client) {
    struct entry *entry;
    if (client->state >= LEAVING) return;
    tell("leave %s %s/%s", client->id, service_name(client->room->service), client->room->name);
    entry = enqueue(client->room, (struct entry){.kind = RAMP_CALL_LEAVE, .client = client});
    ramp_leave(client->connection, (uint16_t)(1000 + pick(2)), entry);
    client->state = LEAVING;
}

/* Writes the program of what is to happen. */
static struct entry choose_action(const struct sim_room *room, ramp_call_kind kind,
                                  struct program *program) {
    static const uint8_t weights[ACTIONS] = {
        [SAY] = 12,        [SAY_TO_OTHERS] = 6, [SEND] = 8,  [CLOSE] = 3, [SET_TIMER] = 6,
        [CLEAR_TIMER] = 3, [TRAP] = 2,          [THROW] = 2, [LOOP] = 1};
    struct entry entry = {.kind = kind};
    uint64_t left = pick(43);
    const struct client *target = room->slots[pick(IDS + 1)];

    while (left >= weights[entry.action]) left -= weights[entry.action++];
    entry.target = target ? target->handle : (uint32_t)(pick(3) << 20 | pick(4));
    entry.timer = (int32_t)pick(TIMERS);
    entry.delay_ms = (int64_t)(10 + pick(200));
    entry.period_ms = pick(3) ? 0 : entry.delay_ms;
    switch (entry.action) {
    case SAY: program_say(program, "hello"); break;
    case SAY_TO_OTHERS:
        DO(program, store64, AT_SCRATCH, entry.target);
        DO(program, room_broadcast, AT_SCRATCH, 4, 1, AT_SCRATCH, 1);
        break;
    case SEND: DO(program, conn_send, entry.target, AT_SCRATCH, 4, 1); break;
    case CLOSE: DO(program, conn_close, entry.target, 4000, 0, 0); break;
    case SET_TIMER: DO(program, timer_set, entry.timer, entry.delay_ms, entry.period_ms); break;
    case CLEAR_TIMER: DO(program, timer_clear, entry.timer); break;
    case TRAP:
        program_say(program, "never");
        DO(program, trap, 0);
        break;
    case THROW:
        program_say(program, "never");
        DO(program, panic, AT_SCRATCH, 5);
        break;
    default:
        DO(program, repeat, 1 << 30, 0);
        DO(program, random, AT_SCRATCH + 512, 1);
        break;
    }
    return entry;
}

static void message(struct client *client) {
    struct program program = {.size = 0};
    struct entry action = choose_action(client->room, RAMP_CALL_MESSAGE, &program), *entry;
    ramp_status status;

    if (client->state >= LEAVING) return;
    if (client->room->tail - client->room->head > 50) return; /* below every bound */
    action.client = client;
    entry = enqueue(client->room, action);
    status =
        ramp_message(client->connection, (ramp_bytes){program.bytes, program.size}, true, entry);
    tell("message %s %s/%s: action %d", client->id, service_name(client->room->service),
         client->room->name, (int)action.action);
    CHECK(status == RAMP_OK);
}

static void request(struct sim_room *room) {
    struct program program = {.size = 0};
    struct entry *entry = enqueue(room, choose_action(room, RAMP_CALL_REQUEST, &program));
    ramp_status status = ramp_http_request(sim.rig.host, service_name(room->service), room->name,
                                           &(ramp_request){.size = sizeof(ramp_request),
                                                           .method = {"GET", 3},
                                                           .path = {"/", 1},
                                                           .body = {program.bytes, program.size},
                                                           .tag = entry},
                                           NULL);
    tell("request %s/%s: action %d", service_name(room->service), room->name, (int)entry->action);
    if (!status) return;
    CHECK(is_refusal_of_service(status));
    room->tail--;
}

static void open_room(struct sim_room *room) {
    struct entry *entry = enqueue(room, (struct entry){.kind = RAMP_CALL_OPEN});
    ramp_status status =
        ramp_open(sim.rig.host, service_name(room->service), room->name, entry, NULL);
    tell("open %s/%s", service_name(room->service), room->name);
    if (!status) return;
    CHECK(is_refusal_of_service(status));
    room->tail--;
}

/* Every handler says what it sees. */
static void write_setup(struct rig_service *service, bool is_broken) {
    struct program see = {.size = 0}, setup = {.size = 0};

    service->env[0] = '\0';
    DO(&see, fill, AT_SCRATCH, 0, 64);
    DO(&see, room_conns, AT_SCRATCH, 64);
    DO(&see, room_broadcast, AT_SCRATCH, 64, 1, 0, 0);
    DO(&see, add64, AT_SCRATCH + 128, 1);
    DO(&see, load64, AT_SCRATCH + 128);
    DO(&see, load32, AT_ARGUMENTS);
    DO(&see, tell, 0);
    for (int kind = RAMP_CALL_JOIN; kind <= RAMP_CALL_BACKPRESSURE; kind++)
        program_install(&setup, (ramp_call_kind)kind, &see);
    DO(&setup, head, 0);
    if (is_broken) DO(&setup, trap, 0);
    rig_setup(service, &setup);
}

static void update(unsigned number) {
    struct rig_service *service = &sim.rig.services[number];
    ramp_status status;
    if (pick(3) == 0) sim.is_broken[number] = !sim.is_broken[number] && pick(2);
    sim.was_broken[number] |= sim.is_broken[number];
    if (pick(4)) service->version = 100 + ++sim.updates;
    write_setup(service, sim.is_broken[number]);
    status = ramp_service_update(sim.rig.host, service->name, NULL, NULL);
    tell("update %s%s", service->name, sim.is_broken[number] ? ", broken" : "");
    CHECK(status == RAMP_OK || status == RAMP_BUSY);
    if (!status) sim.updated_ns[number] = sim.rig.now_ns;
}

static void change_store(void) {
    struct rig_service *service = &sim.rig.services[pick(SERVICES)];
    service->mode = pick(3) ? RIG_AT_ONCE : RIG_HELD;
    service->status = pick(5) ? RAMP_OK : RAMP_REFUSED;
    tell("store: %s %s %s", service->name, service->mode ? "held" : "at once",
         ramp_status_name(service->status));
}

static void answer_held(void) {
    struct rig_service *service = &sim.rig.services[pick(SERVICES)];
    if (service->ticket) {
        tell("answer %s", service->name);
        rig_answer(&sim.rig, service->name);
    }
}

/* ---- at rest --------------------------------------------------------------------------------- */

static bool is_loading(void) {
    for (size_t i = 0; i < SERVICES; i++)
        if (sim.rig.services[i].ticket) return true;
    return false;
}

static void check_rest(void) {
    ramp_host_stats stats = {.size = sizeof(stats)};
    uint32_t clients = 0;

    ramp_host_get_stats(sim.rig.host, &stats);
    for (size_t i = 0; i < sim.client_count; i++) clients += sim.clients[i]->state != OUT;
    if (stats.connections != clients) FAIL("%u connections, not %u", stats.connections, clients);
    CHECK(stats.modules <= MODULES_MAX + 1);
    for (unsigned i = 0; i < SERVICES; i++)
        for (unsigned k = 0; k < ROOMS; k++) {
            struct sim_room *room = &sim.rooms[i][k];
            if (!is_loading()) CHECK(room->head == room->tail);
            for (size_t t = 0; t < TIMERS; t++) {
                struct sim_timer *timer = &room->timers[t];
                if (!timer->is_set || timer->due_ns > sim.rig.now_ns) continue;
                CHECK(timer->has_fired && timer->period_ns); /* else it is overdue */
                timer->due_ns +=
                    ((sim.rig.now_ns - timer->due_ns) / timer->period_ns + 1) * timer->period_ns;
            }
            for (size_t t = 0; t < TIMERS; t++) room->timers[t].has_fired = false;
            if (room->head == room->tail) room->head = room->tail = 0;
        }
}

static void run(bool to_rest) {
    bool more = true;
    for (int i = 0; more && (to_rest || i < 1); i++) {
        more = ramp_host_step(sim.rig.host);
        if (i > 100000) FAIL("never comes to rest");
    }
    if (!more) check_rest();
    while (sim.to_leave_count > 0) leave(sim.to_leave[--sim.to_leave_count]);
}

static void step(void) {
    struct sim_room *room = &sim.rooms[pick(SERVICES)][pick(ROOMS)];
    struct client *client = sim.client_count ? sim.clients[pick(sim.client_count)] : NULL;
    uint64_t what = pick(100);

    if (what < 18) join(room);
    else if (what < 30 && client) leave(client);
    else if (what < 58 && client) message(client);
    else if (what < 66) request(room);
    else if (what < 68) open_room(room);
    else if (what < 80) sim.rig.now_ns += pick(100) * RIG_MS, tell("pass");
    else if (what < 82) sim.rig.now_ns += pick(2) * 31000 * RIG_MS, tell("pass 31 s");
    else if (what < 85) update((unsigned)pick(SERVICES));
    else if (what < 89) change_store();
    else if (what < 96) answer_held();
    else if (client && client->state == MEMBER) ramp_backpressure(client->connection, pick(2));
    if (pick(2)) run(pick(3) != 0);
}

static void history(void) {
    bool verbose = sim.verbose;

    memset(&sim, 0, sizeof(sim));
    sim.verbose = verbose;
    sim.random = seed;
    rig_open(&sim.rig, &(ramp_host_options){
                           .modules_max = MODULES_MAX, .rooms_max = 32, .promote_calls = 10});
    sim.rig.silent = sim.rig.tick_on_random = true;
    sim.rig.on_done = on_done;
    sim.rig.on_close = on_close;
    for (unsigned i = 0; i < SERVICES; i++) {
        struct rig_service *service = rig_add(&sim.rig, service_name(i), "interp");
        service->version = i < 3 ? i + 1 : 3;
        write_setup(service, false);
        for (unsigned k = 0; k < ROOMS; k++) {
            sim.rooms[i][k].service = i;
            sim.rooms[i][k].number = k;
            snprintf(sim.rooms[i][k].name, sizeof(sim.rooms[i][k].name), "r%u", k);
        }
    }
    for (sim.step = 0; sim.step < STEPS; sim.step++) step();
    if (pick(2)) { /* an end in peace: everybody answers, everybody goes, everything ends */
        for (size_t i = 0; i < SERVICES; i++) sim.rig.services[i].mode = RIG_AT_ONCE;
        for (size_t i = 0; i < SERVICES; i++)
            if (sim.rig.services[i].ticket) rig_answer(&sim.rig, sim.rig.services[i].name);
        run(true);
        for (size_t i = 0; i < sim.client_count; i++) leave(sim.clients[i]);
        run(true);
        for (size_t i = 0; i < SERVICES; i++) sim.rig.services[i].ticket = 0;
        for (int i = 0; i < 4; i++) {
            sim.rig.now_ns += (LIMIT_LOAD_MS + 1) * RIG_MS;
            run(true);
        }
        for (size_t i = 0; i < sim.client_count; i++) CHECK(sim.clients[i]->state == OUT);
    }
    rig_close(&sim.rig); /* nothing may be left */
    for (size_t i = 0; i < sim.client_count; i++) free(sim.clients[i]);
    for (size_t i = 0; i < sim.entry_count; i++) free(sim.entries[i]);
}

int main(int argc, char **argv) {
    const char *is_long = getenv("RAMP_LONG");
    uint64_t first = 1, seeds = is_long && strcmp(is_long, "1") == 0 ? 10000 : 200, outcomes = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) seeds = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--first") == 0 && i + 1 < argc)
            first = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--verbose") == 0) sim.verbose = true;
        else return fprintf(stderr, "usage: sim [--seeds N] [--first S] [--verbose]\n"), 2;
    }
    for (seed = first; seed < first + seeds; seed++) {
        history();
        outcomes += sim.outcomes;
    }
    printf("%" PRIu64 " histories, %" PRIu64 " outcomes\n", seeds, outcomes);
    return 0;
}
