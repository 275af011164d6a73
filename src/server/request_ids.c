/* SPDX-License-Identifier: Apache-2.0 */
/* request_ids.c -- see request_ids.h. */
#include "server/request_ids.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

void request_ids_init(struct request_ids *ids, uint64_t seed) {
    map_init(&ids->by_id, seed);
    list_init(&ids->finished);
    ids->answers_size = 0;
}

static void free_answer(struct request_ids *ids, struct request_id *request) {
    ids->answers_size -= request->answer.size;
    mem_free((void *)(uintptr_t)request->answer.data);
    request->answer = (ramp_bytes){NULL, 0};
}

void request_ids_drop(struct request_ids *ids, struct request_id *request) {
    map_remove(&ids->by_id, request->id, strlen(request->id));
    list_remove(&request->link);
    free_answer(ids, request);
    mem_free(request->id);
    mem_free(request);
}

void request_ids_done(struct request_ids *ids, void (*free_waiters)(struct list *waiters)) {
    size_t index = 0;

    for (struct map_entry *entry; (entry = map_next(&ids->by_id, &index)) != NULL;) {
        struct request_id *request = entry->value;
        free_waiters(&request->waiters);
        free_answer(ids, request);
        mem_free(request->id);
        mem_free(request);
    }
    map_done(&ids->by_id);
}

struct request_id *request_ids_find(struct request_ids *ids, const char *id) {
    return map_get(&ids->by_id, id, strlen(id));
}

struct request_id *request_ids_add(struct request_ids *ids, const char *id) {
    struct request_id *request = mem_zalloc(sizeof(*request));

    if (!request) return NULL;
    list_init(&request->link);
    list_init(&request->waiters);
    request->id = mem_copy_text(id, strlen(id));
    if (request->id && map_put(&ids->by_id, request->id, strlen(request->id), request))
        return request;
    mem_free(request->id);
    mem_free(request);
    return NULL;
}

void request_ids_finish(struct request_ids *ids, struct request_id *request, ramp_bytes answer,
                        uint64_t now_ns) {
    char *copy = answer.data ? mem_copy_text(answer.data, answer.size) : NULL;

    request->done = true;
    request->done_ns = now_ns;
    request->answer = (ramp_bytes){copy, copy ? answer.size : 0};
    ids->answers_size += request->answer.size;
    list_push_back(&ids->finished, &request->link);
    list_each(&ids->finished, node, following) {
        if (ids->answers_size <= LIMIT_CALLER_ANSWERS) return;
        free_answer(ids, list_item(node, struct request_id, link));
    }
}

void request_ids_forget_old(struct request_ids *ids, uint64_t now_ns) {
    list_each(&ids->finished, node, following) {
        struct request_id *request = list_item(node, struct request_id, link);
        if (now_ns - request->done_ns < LIMIT_REQUEST_ID_MS * 1000000ull) return;
        request_ids_drop(ids, request);
    }
}
