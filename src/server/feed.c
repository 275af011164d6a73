/* SPDX-License-Identifier: Apache-2.0 */
/* feed.c -- calls and log lines as they happen, for the playground and `ramp logs`.
 *
 *   worker that runs rooms                      worker with the follower's exchange
 *   feed_outcome(), feed_log() ──── post ─────▶ write_line() ─▶ exchange_write()
 *
 * Door:   feed_outcome(), feed_log() (server.h); control_feed(), control_logs() (control.h).
 * A follower is known to every worker; nobody follows: a call costs one look at an empty list. What a
 * follower does not get (it is too slow, or too much happens) is counted and told: {"type":"dropped"}.
 */
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "base/mem.h"
#include "server/call_api.h"
#include "server/control.h"
#include "server/events_json.h"
#include "server/json_document.h"

#define SECOND_NS     1000000000u
#define KEEP_ALIVE_NS (15ull * SECOND_NS)

static const char *const levels[] = {"debug", "info", "warning", "error"};

/* What a worker knows of somebody who follows. */
struct follower {
    struct list link;
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
};

struct feed {
    struct list followers;
    struct list streams;
    unsigned stream_count;
};

struct feed *feed_new(void) {
    struct feed *feed = mem_zalloc(sizeof(*feed));

    if (!feed) return NULL;
    list_init(&feed->followers);
    list_init(&feed->streams);
    return feed;
}

static void follower_free(struct follower *follower) {
    if (!follower) return;
    list_remove(&follower->link);
    mem_free(follower->service);
    mem_free(follower->room);
    mem_free(follower);
}

void feed_free(struct feed *feed) {
    if (!feed) return;
    for (struct list *node; (node = list_pop_front(&feed->followers)) != NULL;)
        follower_free(list_item(node, struct follower, link));
    for (struct list *node; (node = list_pop_front(&feed->streams)) != NULL;)
        mem_free(list_item(node, struct stream, link));
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

static void write_line(struct worker *worker, void *argument) {
    struct line *line = argument;
    struct stream *stream = stream_find(feed_of(worker), line->exchange_id);
    struct exchange *exchange = stream ? exchange_find(worker, line->exchange_id) : NULL;

    if (exchange) {
        tell_slow(exchange, stream);
        stream->told_ns = worker_now_ns(worker);
        if (exchange_is_slow(exchange)) stream->dropped++;
        else write_text(exchange, stream, line->text);
    }
    mem_free((void *)(uintptr_t)line->text.data);
    mem_free(line);
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

static void send_json(struct worker *worker, struct follower *follower, const json_t *json) {
    uint64_t now = worker_now_ns(worker);
    ramp_bytes text;

    if (now - follower->second_ns >= SECOND_NS) {
        follower->second_ns = now;
        follower->lines = 0;
    }
    if (++follower->lines > LIMIT_FEED_LINES_PER_S) {
        follower->dropped++;
        return;
    }
    if (follower->dropped) tell_dropped(follower);
    if (!json || !json_text(json, &text) || !send_text(follower, text)) follower->dropped++;
}

static json_int_t wall_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (json_int_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
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
    if (json && outcome->connection) {
        ramp_bytes user = ramp_connection_user(outcome->connection);
        if (user.size) json_object_set_new(json, "user", json_stringn(user.data, user.size));
    }
    if (json && outcome->event_count > LIMIT_FEED_EVENTS)
        json_object_set_new(json, "event_count", json_integer((json_int_t)outcome->event_count));
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

static json_t *log_json(const ramp_log_line *line) {
    return json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:o, s:b}", "type", "log", "time_ms",
                     wall_ms(), "level", levels[line->level & 3], "service", line->service, "room",
                     line->room, "connection", line->connection, "call", line->call, "text",
                     events_json_text(line->text), "by_module", line->by_module);
}

void feed_log(struct worker *worker, const ramp_log_line *line) {
    struct feed *feed = feed_of(worker);
    json_t *json = NULL;

    if (!feed || list_empty(&feed->followers)) return;
    list_each(&feed->followers, node, following) {
        struct follower *follower = list_item(node, struct follower, link);
        if (line->level < follower->level_min || !is_wanted(follower, line->service, line->room))
            continue;
        if (!json) json = log_json(line);
        send_json(worker, follower, json);
    }
    json_decref(json);
}

/* ---- coming and going ------------------------------------------------------------------------ */

static void follower_add(struct worker *worker, void *argument) {
    struct follower *follower = argument;

    list_push_back(&feed_of(worker)->followers, &follower->link);
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
    list_remove(&stream->link);
    mem_free(stream);
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
    list_push_back(&feed->streams, &stream->link);
    feed->stream_count++;
    exchange_stream(exchange, 200, stream->is_sse ? "text/event-stream" : "application/x-ndjson");
    like->asking = worker;
    like->exchange_id = stream->exchange_id;
    for (unsigned i = 0; i < server_worker_count(server); i++) {
        struct follower *follower = follower_new(like);
        if (follower) worker_post_answer(server_worker(server, i), follower_add, follower);
    }
    callers_start_ticking(worker_callers(worker));
}

static void follow(struct worker *worker, struct exchange *exchange, bool wants_calls) {
    struct follower like = {.wants_calls = wants_calls};

    if (!read_filters(exchange, &like)) {
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
