/* SPDX-License-Identifier: Apache-2.0 */
/* negatives.c -- see negatives.h. All are held for the same time, so the list's order is that in which
 * they end. */
#include "server/negatives.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

struct negative {
    struct list link;
    char service[LIMIT_SERVICE_NAME + 2]; /* as the loader keeps it: a name may be too long */
    uint64_t until_ms;
    ramp_error error;
};

void negatives_init(struct negatives *negatives, uint64_t seed) {
    map_init(&negatives->by_service, seed);
    list_init(&negatives->oldest_first);
}

static void remove_one(struct negatives *negatives, struct negative *negative) {
    map_remove(&negatives->by_service, negative->service, strlen(negative->service));
    list_remove(&negative->link);
    mem_free(negative);
}

static void remove_until(struct negatives *negatives, uint64_t now_ms) {
    list_each(&negatives->oldest_first, node, following) {
        struct negative *negative = list_item(node, struct negative, link);
        if (negative->until_ms > now_ms) return;
        remove_one(negatives, negative);
    }
}

void negatives_done(struct negatives *negatives) {
    remove_until(negatives, UINT64_MAX);
    map_done(&negatives->by_service);
}

const ramp_error *negatives_find(struct negatives *negatives, const char *service,
                                 uint64_t now_ms) {
    struct negative *negative;

    remove_until(negatives, now_ms);
    negative = map_get(&negatives->by_service, service, strlen(service));
    return negative ? &negative->error : NULL;
}

void negatives_forget(struct negatives *negatives, const char *service) {
    struct negative *negative = map_get(&negatives->by_service, service, strlen(service));

    if (negative) remove_one(negatives, negative);
}

void negatives_remember(struct negatives *negatives, const char *service, const ramp_error *error,
                        uint64_t now_ms) {
    struct negative *negative;

    negatives_forget(negatives, service);
    if (negatives->by_service.count >= LIMIT_NEGATIVES) return;
    negative = mem_zalloc(sizeof(*negative));
    if (!negative) return;
    snprintf(negative->service, sizeof(negative->service), "%s", service);
    negative->until_ms = now_ms + LIMIT_NEGATIVE_MS;
    negative->error = *error;
    if (map_put(&negatives->by_service, negative->service, strlen(negative->service), negative))
        list_push_back(&negatives->oldest_first, &negative->link);
    else mem_free(negative);
}
