/* SPDX-License-Identifier: Apache-2.0 */
/* requests.c -- see requests.h. */
#include "core/requests.h"

#include <string.h>

#include "base/mem.h"
#include "core/host.h"
#include "core/kv.h"

/* Stands for an answer for which there was no memory: what it said is not known. */
static struct answer answer_lost = {.answer = {.size = sizeof(ramp_answer),
                                               .status = RAMP_TIMEOUT,
                                               .message = "no memory for the answer"}};

void answer_free(struct answer *answer) {
    if (answer != &answer_lost) mem_free(answer);
}

void requests_init(ramp_host *host, uint64_t seed) {
    map_init(&host->requests, seed);
    list_init(&host->request_answers);
    list_init(&host->lost_answers);
}

void requests_done(ramp_host *host) {
    for (struct list *node; (node = list_pop_front(&host->request_answers));)
        answer_free(list_item(node, struct answer, in_answers));
    map_done(&host->requests);
}

ramp_ticket request_begin(ramp_host *host, struct request *request,
                          void (*done)(ramp_host *, struct request *, struct answer *)) {
    request->ticket = host->next_ticket;
    request->done = done;
    list_init(&request->in_lost);
    if (!map_put(&host->requests, &request->ticket, sizeof(request->ticket), request)) {
        request->ticket = 0;
        return 0;
    }
    host->next_ticket++;
    return request->ticket;
}

ramp_ticket request_forget(ramp_host *host, struct request *request) {
    ramp_ticket ticket = request->ticket;

    if (!ticket) return 0;
    map_remove(&host->requests, &request->ticket, sizeof(request->ticket));
    list_remove(&request->in_lost);
    request->ticket = 0;
    return ticket;
}

/* ---- copying ------------------------------------------------------------------------------- */

static size_t answer_size(const ramp_answer *answer) {
    size_t size = answer->value.size + answer->entry_count * sizeof(ramp_entry) +
                  answer->alarm_count * sizeof(ramp_alarm);

    if (answer->message) size += strlen(answer->message) + 1;
    for (size_t i = 0; i < answer->entry_count; i++)
        size += answer->entries[i].key.size + answer->entries[i].value.size;
    for (size_t i = 0; i < answer->alarm_count; i++)
        size += strlen(answer->alarms[i].service) + strlen(answer->alarms[i].room) + 2;
    return size;
}

static ramp_bytes take_bytes(unsigned char **at, ramp_bytes bytes) {
    ramp_bytes copy = {.data = *at, .size = bytes.size};

    if (bytes.size) memcpy(*at, bytes.data, bytes.size);
    *at += bytes.size;
    return copy;
}

static const char *take_text(unsigned char **at, const char *text) {
    return take_bytes(at, (ramp_bytes){text, strlen(text) + 1}).data;
}

/* The arrays come first, as they have to be aligned. */
static struct answer *answer_copy(const ramp_answer *given) {
    ramp_answer from = {0};
    struct answer *copy;
    unsigned char *at;
    ramp_entry *entries;
    ramp_alarm *alarms;

    memcpy(&from, given, given->size < sizeof(from) ? given->size : sizeof(from));
    copy = mem_alloc(sizeof(*copy) + answer_size(&from));
    if (!copy) return NULL;
    copy->answer = from;
    at = copy->bytes;
    entries = (ramp_entry *)(void *)at;
    at += from.entry_count * sizeof(ramp_entry);
    alarms = (ramp_alarm *)(void *)at;
    at += from.alarm_count * sizeof(ramp_alarm);
    for (size_t i = 0; i < from.entry_count; i++)
        entries[i] = (ramp_entry){take_bytes(&at, from.entries[i].key),
                                  take_bytes(&at, from.entries[i].value)};
    for (size_t i = 0; i < from.alarm_count; i++) {
        alarms[i].service = take_text(&at, from.alarms[i].service);
        alarms[i].room = take_text(&at, from.alarms[i].room);
        alarms[i].at_ms = from.alarms[i].at_ms;
    }
    copy->answer.entries = entries;
    copy->answer.alarms = alarms;
    copy->answer.value = take_bytes(&at, from.value);
    copy->answer.message = from.message ? take_text(&at, from.message) : "";
    return copy;
}

void ramp_complete(ramp_host *host, ramp_ticket ticket, const ramp_answer *answer) {
    struct request *request = map_get(&host->requests, &ticket, sizeof(ticket));
    struct answer *copy;

    if (!request && (!ticket || host->kv.ticket != ticket)) return;
    copy = answer_copy(answer);
    if (!copy) {
        if (request && list_empty(&request->in_lost))
            list_push_back(&host->lost_answers, &request->in_lost);
        return; /* the kv buffer writes again */
    }
    copy->ticket = ticket;
    list_push_back(&host->request_answers, &copy->in_answers);
}

/* ---- handing out ----------------------------------------------------------------------------- */

void requests_settle(ramp_host *host) {
    struct list *node;

    while ((node = list_pop_front(&host->request_answers))) {
        struct answer *answer = list_item(node, struct answer, in_answers);
        struct request *request = map_get(&host->requests, &answer->ticket, sizeof(answer->ticket));
        if (request) {
            request_forget(host, request);
            request->done(host, request, answer);
        } else {
            kv_answer(&host->kv, answer->ticket, &answer->answer, host->now_ns);
            answer_free(answer);
        }
    }
    while ((node = list_pop_front(&host->lost_answers))) {
        struct request *request = list_item(node, struct request, in_lost);
        request_forget(host, request);
        request->done(host, request, &answer_lost);
    }
}
