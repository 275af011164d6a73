/* SPDX-License-Identifier: Apache-2.0 */
/* feed.c -- calls and log lines as they happen, for the playground and `ramp logs`.
 *
 *   worker that runs rooms                      worker with the follower's exchange
 *   feed_outcome(), feed_log() ──── post ─────▶ write_line() ─▶ exchange_write()
 *
 * Door:   feed_outcome(), feed_log(), feed_tell() (server.h); control_feed(), control_logs() (control.h).
 * Who wants lines from before (`lines=N`, `since=MS`) gets them first: each worker posts what it remembers
 * (history.h), the exchange's worker puts that in order, and what happens meanwhile waits behind it.
 *
 * A follower is known to every worker; nobody follows: a call costs one look at an empty list. What a
 * follower does not get (it is too slow, or too much happens) is counted and told: {"type":"dropped"}.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "base/mem.h"
#include "server/call_api.h"
#include "server/control.h"
#include "server/events_json.h"
#include "server/history.h"
#include "server/json_document.h"

#define SECOND_NS     1000000000u
#define KEEP_ALIVE_NS (15ull * SECOND_NS)

static const char *const levels[] = {"debug", "info", "warning", "error"};

/* A line that waits in a stream. */
struct held {
    struct list link;
    int64_t time_ms;
    bool from_before;
    ramp_bytes text; /* JSON */
};

/* What one worker remembers, for a stream; made before it is asked, so that it always answers. */
struct part {
    uint64_t exchange_id;
    struct list lines; /* of held */
};

/* What a worker knows of somebody who follows. */
struct follower {
    struct list link;
    struct part *part; /* until it has been told what was before; NULL: it does not ask */
    size_t before_max; /* lines */
    int64_t since_ms;
    bool only_before;
    struct worker *asking;
    uint64_t exchange_id; /* with `asking`: who it is */
    bool wants_calls;
    int level_min;
    char *service, *room; /* NULL: any */
    uint64_t second_ns;   /* begin of the present second */
    unsigned lines;       /* in it */
    uint64_t dropped;     /* not yet told */
};

/* An exchange of this worker that is a stream. */
struct stream {
    struct list link;
    uint64_t exchange_id;
    bool is_sse;
    uint64_t told_ns; /* when something was written last */
    uint64_t dropped; /* because the reader is slow; not yet told */
    unsigned parts_left;
    struct list held; /* in order; not empty: whatever comes waits behind it */
    size_t held_count, before_count, before_max;
    bool only_before; /* it ends when `held` has been written */
};

/* The first worker's: what feed_tell() was given, on its way or until the build is whole again. */
struct notice {
    enum feed_notice kind;
    char *service;
    ramp_bytes json;
};

struct feed {
    struct list followers;
    struct list streams;
    unsigned stream_count;
    struct history *history; /* of this worker's rooms */
    struct notice *broken;   /* FEED_BUILD_FAILED, the latest */
};

struct feed *feed_new(void) {
    struct feed *feed = mem_zalloc(sizeof(*feed));

    if (!feed) return NULL;
    list_init(&feed->followers);
    list_init(&feed->streams);
    feed->history = history_new();
    if (feed->history) return feed;
    mem_free(feed);
    return NULL;
}

static void held_free(struct held *held) {
    list_remove(&held->link);
    mem_free((void *)(uintptr_t)held->text.data);
    mem_free(held);
}

static void held_free_all(struct list *lines) {
    while (!list_empty(lines)) held_free(list_item(lines->next, struct held, link));
}

static void part_free(struct part *part) {
    if (!part) return;
    held_free_all(&part->lines);
    mem_free(part);
}

static void stream_free(struct stream *stream) {
    list_remove(&stream->link);
    held_free_all(&stream->held);
    mem_free(stream);
}

static void follower_free(struct follower *follower) {
    if (!follower) return;
    list_remove(&follower->link);
    part_free(follower->part);
    mem_free(follower->service);
    mem_free(follower->room);
    mem_free(follower);
}

static void notice_free(struct notice *notice) {
    if (!notice) return;
    mem_free(notice->service);
    mem_free((void *)(uintptr_t)notice->json.data);
    mem_free(notice);
}

void feed_free(struct feed *feed) {
    if (!feed) return;
    notice_free(feed->broken);
    for (struct list *node; (node = list_pop_front(&feed->followers)) != NULL;)
        follower_free(list_item(node, struct follower, link));
    while (!list_empty(&feed->streams))
        stream_free(list_item(feed->streams.next, struct stream, link));
    history_free(feed->history);
    mem_free(feed);
}

static struct feed *feed_of(struct worker *worker) {
    struct callers *callers = worker_callers(worker);

    return callers ? callers->feed : NULL; /* a host may log before all of its worker is made */
}

/* ---- the exchange's worker ------------------------------------------------------------------- */

struct line {
    uint64_t exchange_id;
    ramp_bytes text; /* JSON */
};

static struct stream *stream_find(struct feed *feed, uint64_t exchange_id) {
    list_each(&feed->streams, node, following) {
        struct stream *stream = list_item(node, struct stream, link);
        if (stream->exchange_id == exchange_id) return stream;
    }
    return NULL;
}

/* "data: JSON\n\n" or "JSON\n" in one piece: a line is there whole or not at all. */
static void write_text(struct exchange *exchange, struct stream *stream, ramp_bytes text) {
    const char *head = stream->is_sse ? "data: " : "", *tail = stream->is_sse ? "\n\n" : "\n";
    size_t head_size = strlen(head), tail_size = strlen(tail);
    char *whole = mem_alloc(head_size + text.size + tail_size);

    if (!whole) {
        stream->dropped++;
        return;
    }
    memcpy(whole, head, head_size);
    memcpy(whole + head_size, text.data, text.size);
    memcpy(whole + head_size + text.size, tail, tail_size);
    (void)exchange_write(exchange, (ramp_bytes){whole, head_size + text.size + tail_size});
    mem_free(whole);
}

static bool dropped_text(uint64_t count, ramp_bytes *ret_text) {
    json_t *json = json_pack("{s:s, s:I}", "type", "dropped", "count", (json_int_t)count);
    bool done = json && json_text(json, ret_text);

    json_decref(json);
    return done;
}

/* Before anything else, once the reader reads again. */
static void tell_slow(struct exchange *exchange, struct stream *stream) {
    ramp_bytes text;

    if (!stream->dropped || exchange_is_slow(exchange) || !dropped_text(stream->dropped, &text))
        return;
    stream->dropped = 0;
    write_text(exchange, stream, text);
    mem_free((void *)(uintptr_t)text.data);
}

static void stream_end(struct worker *worker, struct stream *stream);

/* Takes `text`. */
static void hold(struct stream *stream, ramp_bytes text) {
    struct held *held = stream->held_count < LIMIT_FEED_HELD ? mem_zalloc(sizeof(*held)) : NULL;

    if (!held) {
        stream->dropped++;
        mem_free((void *)(uintptr_t)text.data);
        return;
    }
    held->time_ms = INT64_MAX; /* after all that was before */
    held->text = text;
    list_push_back(&stream->held, &held->link);
    stream->held_count++;
}

/* Writes what waits, as far as the reader reads. It may end the stream. */
static void stream_flush(struct worker *worker, struct stream *stream, struct exchange *exchange) {
    if (stream->parts_left) return;
    while (!list_empty(&stream->held) && !exchange_is_slow(exchange)) {
        struct held *held = list_item(stream->held.next, struct held, link);
        write_text(exchange, stream, held->text);
        held_free(held);
        stream->held_count--;
    }
    if (!stream->only_before || !list_empty(&stream->held)) return;
    exchange_end(exchange);
    stream_end(worker, stream);
}

static void write_line(struct worker *worker, void *argument) {
    struct line *line = argument;
    struct stream *stream = stream_find(feed_of(worker), line->exchange_id);
    struct exchange *exchange = stream ? exchange_find(worker, line->exchange_id) : NULL;
    bool waits = stream && (stream->parts_left || !list_empty(&stream->held));

    if (exchange && waits) {
        hold(stream, line->text);
        mem_free(line);
        return;
    }
    if (exchange) {
        tell_slow(exchange, stream);
        stream->told_ns = worker_now_ns(worker);
        if (exchange_is_slow(exchange)) stream->dropped++;
        else write_text(exchange, stream, line->text);
    }
    mem_free((void *)(uintptr_t)line->text.data);
    mem_free(line);
}

/* ---- what was before: the exchange's worker -------------------------------------------------- */

/* Two lists in order become one, in `held`; of the same time, what is there goes first. */
static void merge_lines(struct list *held, struct list *lines) {
    struct list *at = held->next;

    for (struct list *node; (node = list_pop_front(lines)) != NULL;) {
        int64_t time_ms = list_item(node, struct held, link)->time_ms;
        while (at != held && list_item(at, struct held, link)->time_ms <= time_ms) at = at->next;
        list_push_back(at, node);
    }
}

/* The workers have remembered as many each as are wanted of all. */
static void forget_oldest(struct stream *stream) {
    list_each(&stream->held, node, following) {
        if (stream->before_count <= stream->before_max) return;
        held_free(list_item(node, struct held, link));
        stream->held_count--;
        stream->before_count--;
    }
}

static void take_part(struct worker *worker, void *argument) {
    struct part *part = argument;
    struct stream *stream = stream_find(feed_of(worker), part->exchange_id);
    struct exchange *exchange = stream ? exchange_find(worker, part->exchange_id) : NULL;

    if (exchange) {
        list_each(&part->lines, node, following) {
            stream->held_count++;
            stream->before_count++;
        }
        merge_lines(&stream->held, &part->lines);
        forget_oldest(stream);
        stream->parts_left--;
        stream->told_ns = worker_now_ns(worker);
        stream_flush(worker, stream, exchange);
    }
    part_free(part);
}

/* ---- the worker with the rooms --------------------------------------------------------------- */

/* false: it is not for this follower. */
static bool is_wanted(const struct follower *follower, const char *service, const char *room) {
    return (!follower->service || strcmp(follower->service, service) == 0) &&
           (!follower->room || strcmp(follower->room, room) == 0);
}

/* Takes `text`. */
static bool send_text(struct follower *follower, ramp_bytes text) {
    struct line *line = mem_alloc(sizeof(*line));

    if (line) *line = (struct line){follower->exchange_id, text};
    if (line && worker_post(follower->asking, write_line, line)) return true;
    mem_free(line);
    mem_free((void *)(uintptr_t)text.data);
    return false;
}

static void tell_dropped(struct follower *follower) {
    ramp_bytes text;

    if (dropped_text(follower->dropped, &text) && send_text(follower, text)) follower->dropped = 0;
}

/* May it have one more line in this second? */
static bool count_line(struct worker *worker, struct follower *follower) {
    uint64_t now = worker_now_ns(worker);

    if (now - follower->second_ns >= SECOND_NS) {
        follower->second_ns = now;
        follower->lines = 0;
    }
    if (++follower->lines > LIMIT_FEED_LINES_PER_S) {
        follower->dropped++;
        return false;
    }
    if (follower->dropped) tell_dropped(follower);
    return true;
}

static void send_json(struct worker *worker, struct follower *follower, const json_t *json) {
    ramp_bytes text;

    if (!count_line(worker, follower)) return;
    if (!json || !json_text(json, &text) || !send_text(follower, text)) follower->dropped++;
}

static json_int_t wall_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (json_int_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void add_given(json_t *json, const ramp_outcome *outcome) {
    const struct call_tag *tag = outcome->tag;
    const struct call_given *given = tag ? tag->given : NULL;
    ramp_bytes payload;

    if (!given) return;
    payload = events_json_cut(given->payload, LIMIT_FEED_PAYLOAD, !given->binary);
    if (outcome->call == RAMP_CALL_REQUEST) {
        json_object_set_new(json, "method", events_json_text(given->method));
        json_object_set_new(json, "path", events_json_text(given->path));
    }
    if (given->payload_size || outcome->call == RAMP_CALL_MESSAGE)
        events_json_add_payload(json, payload, !given->binary);
    if (given->payload_size > payload.size)
        json_object_set_new(json, "payload_size", json_integer((json_int_t)given->payload_size));
}

static json_t *call_json(const ramp_outcome *outcome) {
    static const struct events_view view = {.payload_max = LIMIT_FEED_PAYLOAD,
                                            .to_max = LIMIT_FEED_TO};
    bool failed = outcome->state == RAMP_CALL_FAILED;
    json_t *events = json_array(), *json;

    for (size_t i = 0; i < outcome->event_count && i < LIMIT_FEED_EVENTS; i++)
        json_array_append_new(events, events_json(&outcome->events[i], &view));
    json = json_pack("{s:s, s:I, s:s, s:s, s:s, s:s?, s:s, s:o, s:I, s:b, s:o*}", "type", "call",
                     "time_ms", wall_ms(), "service", outcome->service, "room",
                     outcome->room ? outcome->room : "", "call", ramp_call_name(outcome->call),
                     "connection",
                     outcome->connection ? ramp_connection_id(outcome->connection) : NULL, "state",
                     failed ? "failed" : "done", "events", events, "cpu_us",
                     (json_int_t)(outcome->cpu_ns / 1000), "suspendable", outcome->suspendable,
                     "error", failed ? events_json_error(outcome) : NULL);
    if (json && failed)
        json_object_set_new(json, "events_dropped", json_integer(outcome->events_dropped));
    if (json && outcome->connection) {
        ramp_bytes user = ramp_connection_user(outcome->connection);
        if (user.size) json_object_set_new(json, "user", json_stringn(user.data, user.size));
    }
    if (json && outcome->event_count > LIMIT_FEED_EVENTS)
        json_object_set_new(json, "event_count", json_integer((json_int_t)outcome->event_count));
    if (json) add_given(json, outcome);
    return json;
}

void feed_outcome(struct worker *worker, const ramp_outcome *outcome) {
    const char *room = outcome->room ? outcome->room : "";
    struct feed *feed = feed_of(worker);
    json_t *json = NULL;

    if (!feed || list_empty(&feed->followers)) return;
    list_each(&feed->followers, node, following) {
        struct follower *follower = list_item(node, struct follower, link);
        if (!follower->wants_calls || !is_wanted(follower, outcome->service, room)) continue;
        if (!json) json = call_json(outcome);
        send_json(worker, follower, json);
    }
    json_decref(json);
}

static json_t *log_json(const ramp_log_line *line, int64_t time_ms) {
    return json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:o, s:b}", "type", "log", "time_ms",
                     (json_int_t)time_ms, "level", levels[line->level & 3], "service",
                     line->service, "room", line->room, "connection", line->connection, "call",
                     line->call, "text", events_json_text(line->text), "by_module",
                     line->by_module);
}

void feed_log(struct worker *worker, const ramp_log_line *line) {
    struct feed *feed = feed_of(worker);
    int64_t time_ms = wall_ms();
    json_t *json = NULL;

    if (!feed) return;
    history_add(feed->history, line, time_ms);
    if (list_empty(&feed->followers)) return;
    list_each(&feed->followers, node, following) {
        struct follower *follower = list_item(node, struct follower, link);
        if (line->level < follower->level_min || !is_wanted(follower, line->service, line->room))
            continue;
        if (!json) json = log_json(line, time_ms);
        send_json(worker, follower, json);
    }
    json_decref(json);
}

bool feed_follows(struct worker *worker, const char *service, const char *room) {
    struct feed *feed = feed_of(worker);

    if (!feed || list_empty(&feed->followers)) return false;
    list_each(&feed->followers, node, following) {
        struct follower *follower = list_item(node, struct follower, link);
        if (follower->wants_calls && is_wanted(follower, service, room)) return true;
    }
    return false;
}

/* ---- about a service, from any thread ---------------------------------------------------------- */

/* Every follower is known here, as to every worker: the first worker tells all. */
static void tell_notice(struct worker *worker, struct follower *follower,
                        const struct notice *notice) {
    char *copy;

    if (!follower->wants_calls ||
        (follower->service && strcmp(follower->service, notice->service) != 0) ||
        !count_line(worker, follower))
        return;
    copy = mem_copy_text(notice->json.data, notice->json.size);
    if (!copy || !send_text(follower, (ramp_bytes){copy, notice->json.size})) follower->dropped++;
}

static void notice_run(struct worker *worker, void *argument) {
    struct notice *notice = argument;
    struct feed *feed = feed_of(worker);

    list_each(&feed->followers, node, following)
        tell_notice(worker, list_item(node, struct follower, link), notice);
    if (notice->kind != FEED_SWITCH) {
        notice_free(feed->broken);
        feed->broken = NULL;
    }
    if (notice->kind == FEED_BUILD_FAILED) feed->broken = notice;
    else notice_free(notice);
}

void feed_tell(struct server *server, enum feed_notice kind, const char *service, ramp_bytes json) {
    struct notice *notice = mem_zalloc(sizeof(*notice));

    if (!notice) return;
    notice->kind = kind;
    notice->service = mem_copy_text(service, strlen(service));
    notice->json = (ramp_bytes){mem_copy_text(json.data, json.size), json.size};
    if (notice->service && notice->json.data)
        worker_post_answer(server_worker(server, 0), notice_run, notice);
    else notice_free(notice);
}

/* ---- coming and going ------------------------------------------------------------------------ */

static void remember_line(void *context, const ramp_log_line *line, int64_t time_ms) {
    struct part *part = context;
    struct held *held = mem_zalloc(sizeof(*held));
    json_t *json = held ? log_json(line, time_ms) : NULL;

    if (json && json_text(json, &held->text)) {
        held->time_ms = time_ms;
        list_push_back(&part->lines, &held->link);
    } else {
        mem_free(held);
    }
    json_decref(json);
}

/* Posts what this worker remembers. */
static void tell_before(struct feed *feed, struct follower *follower) {
    const struct history_filter filter = {.service = follower->service,
                                          .room = follower->room,
                                          .level_min = follower->level_min,
                                          .since_ms = follower->since_ms,
                                          .count_max = follower->before_max};
    struct part *part = follower->part;

    follower->part = NULL;
    part->exchange_id = follower->exchange_id;
    history_read(feed->history, &filter, remember_line, part);
    worker_post_answer(follower->asking, take_part, part);
}

static void follower_add(struct worker *worker, void *argument) {
    struct follower *follower = argument;
    struct feed *feed = feed_of(worker);

    if (follower->part) tell_before(feed, follower);
    if (follower->only_before) {
        follower_free(follower);
        return;
    }
    list_push_back(&feed->followers, &follower->link);
    if (feed->broken) tell_notice(worker, follower, feed->broken);
    callers_start_ticking(worker_callers(worker));
}

struct gone {
    struct worker *asking;
    uint64_t exchange_id;
};

static void follower_remove(struct worker *worker, void *argument) {
    struct gone *gone = argument;

    list_each(&feed_of(worker)->followers, node, following) {
        struct follower *follower = list_item(node, struct follower, link);
        if (follower->asking == gone->asking && follower->exchange_id == gone->exchange_id)
            follower_free(follower);
    }
    mem_free(gone);
}

static void stream_end(struct worker *worker, struct stream *stream) {
    struct server *server = worker_server(worker);

    for (unsigned i = 0; i < server_worker_count(server); i++) {
        struct gone *gone = mem_alloc(sizeof(*gone));
        if (!gone) continue;
        *gone = (struct gone){worker, stream->exchange_id};
        worker_post_answer(server_worker(server, i), follower_remove, gone);
    }
    feed_of(worker)->stream_count--;
    stream_free(stream);
}

bool feed_tick(struct worker *worker, struct feed *feed) {
    static const char comment[] = ": still here\n\n";
    uint64_t now = worker_now_ns(worker);
    bool draining = server_is_draining(worker_server(worker));

    list_each(&feed->streams, node, following) {
        struct stream *stream = list_item(node, struct stream, link);
        struct exchange *exchange = exchange_find(worker, stream->exchange_id);
        if (exchange && draining) exchange_end(exchange);
        if (!exchange || draining) {
            stream_end(worker, stream);
            continue;
        }
        if (!list_empty(&stream->held)) {
            stream_flush(worker, stream, exchange);
            continue;
        }
        tell_slow(exchange, stream);
        if (stream->is_sse && now - stream->told_ns >= KEEP_ALIVE_NS) {
            stream->told_ns = now;
            (void)exchange_write(exchange, (ramp_bytes){comment, sizeof(comment) - 1});
        }
    }
    list_each(&feed->followers, other, after) {
        struct follower *follower = list_item(other, struct follower, link);
        if (follower->dropped && now - follower->second_ns >= SECOND_NS) tell_dropped(follower);
    }
    return !list_empty(&feed->streams) || !list_empty(&feed->followers);
}

static char *copy_or_null(const char *text) {
    return text ? mem_copy_text(text, strlen(text)) : NULL;
}

static struct follower *follower_new(const struct follower *like) {
    struct follower *follower = mem_zalloc(sizeof(*follower));

    if (!follower) return NULL;
    *follower = *like;
    list_init(&follower->link);
    follower->part = like->before_max ? mem_zalloc(sizeof(*follower->part)) : NULL;
    if (follower->part) list_init(&follower->part->lines);
    follower->service = copy_or_null(like->service);
    follower->room = copy_or_null(like->room);
    if ((!like->service || follower->service) && (!like->room || follower->room)) return follower;
    follower_free(follower);
    return NULL;
}

/* false: answered. */
static bool read_filters(struct exchange *exchange, struct follower *follower) {
    bool bad_service, bad_room, bad_level;
    char *level;

    follower->service = control_query(exchange, "service", &bad_service);
    follower->room = control_query(exchange, "room", &bad_room);
    level = control_query(exchange, "level", &bad_level);
    for (int i = 0; level && i < 4; i++) {
        if (strcmp(level, levels[i]) != 0) continue;
        follower->level_min = i;
        mem_free(level);
        level = NULL;
    }
    bad_level = bad_level || level;
    mem_free(level);
    if (bad_service || bad_room)
        control_reply_failed(exchange, RAMP_ARGS, "the query's `service` or `room` cannot be read");
    else if (bad_level)
        control_reply_failed(exchange, RAMP_ARGS, "`level` is none of debug, info, warning, error");
    return !bad_service && !bad_room && !bad_level;
}

/* A number of the query; absent: `otherwise`. false: it is there, but is none, or too large. */
static bool read_number(struct exchange *exchange, const char *name, int64_t max, int64_t otherwise,
                        int64_t *ret_number) {
    bool bad = false;
    char *text = control_query(exchange, name, &bad), *end = text;

    *ret_number = otherwise;
    if (text && *text >= '0' && *text <= '9' && strlen(text) < 18)
        *ret_number = strtoll(text, &end, 10);
    bad = bad || (text && (*end != '\0' || end == text || *ret_number > max));
    mem_free(text);
    return !bad;
}

/* `lines`, `since`, `follow`. false: answered. */
static bool read_before(struct exchange *exchange, struct follower *follower) {
    int64_t lines, follow;

    if (!read_number(exchange, "lines", LIMIT_HISTORY_LINES, 0, &lines) ||
        !read_number(exchange, "since", INT64_MAX, 0, &follower->since_ms) ||
        !read_number(exchange, "follow", 1, 1, &follow)) {
        exchange_reply_error(exchange, 400, "ARGS",
                             "`lines` is a number up to %u, `since` Unix time in ms, `follow` 0 or "
                             "1",
                             LIMIT_HISTORY_LINES);
        return false;
    }
    follower->before_max = (size_t)lines;
    follower->only_before = follow == 0;
    return true;
}

static bool accepts_lines(const struct exchange *exchange) {
    static const char type[] = "application/x-ndjson";
    ramp_bytes accept = exchange_header(exchange, "accept");

    return accept.size && memmem(accept.data, accept.size, type, sizeof(type) - 1) != NULL;
}

static void start_stream(struct worker *worker, struct exchange *exchange, struct follower *like) {
    struct stream *stream = mem_zalloc(sizeof(*stream));
    struct server *server = worker_server(worker);
    struct feed *feed = feed_of(worker);

    if (!stream) {
        control_reply_failed(exchange, RAMP_NO_MEMORY, "no memory for the request");
        return;
    }
    stream->exchange_id = exchange_id(exchange);
    stream->is_sse = !accepts_lines(exchange);
    stream->told_ns = worker_now_ns(worker);
    stream->before_max = like->before_max;
    stream->only_before = like->only_before;
    list_init(&stream->held);
    list_push_back(&feed->streams, &stream->link);
    feed->stream_count++;
    exchange_stream(exchange, 200, stream->is_sse ? "text/event-stream" : "application/x-ndjson");
    like->asking = worker;
    like->exchange_id = stream->exchange_id;
    for (unsigned i = 0; i < server_worker_count(server); i++) {
        struct follower *follower = follower_new(like);
        if (follower && follower->part) stream->parts_left++;
        if (follower) worker_post_answer(server_worker(server, i), follower_add, follower);
    }
    callers_start_ticking(worker_callers(worker));
    stream_flush(worker, stream, exchange);
}

static void follow(struct worker *worker, struct exchange *exchange, bool wants_calls) {
    struct follower like = {.wants_calls = wants_calls};

    if (!read_filters(exchange, &like) || !read_before(exchange, &like)) {
        /* answered */
    } else if (server_is_draining(worker_server(worker))) {
        control_reply_failed(exchange, RAMP_UNAVAILABLE, "the server is stopping");
    } else if (feed_of(worker)->stream_count >= LIMIT_FEEDS) {
        control_reply_failed(exchange, RAMP_BUSY, "too many follow the feed and the logs already");
    } else {
        start_stream(worker, exchange, &like);
    }
    mem_free(like.service);
    mem_free(like.room);
}

void control_feed(struct worker *worker, struct exchange *exchange, const char *rest) {
    (void)rest;
    follow(worker, exchange, true);
}

void control_logs(struct worker *worker, struct exchange *exchange, const char *rest) {
    (void)rest;
    follow(worker, exchange, false);
}
