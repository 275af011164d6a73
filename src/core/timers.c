/* SPDX-License-Identifier: Apache-2.0 */
/* timers.c -- see timers.h. */
#include "core/timers.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

void timers_init(struct timers *timers) {
    *timers = (struct timers){.next_ns = UINT64_MAX};
}

/* ---- the heap ------------------------------------------------------------------------------ */

static void heap_place(struct timer_queue *queue, size_t at, struct timers *timers) {
    queue->heap[at] = timers;
    timers->queue_index = at + 1;
}

static void heap_sift_up(struct timer_queue *queue, size_t at) {
    struct timers *timers = queue->heap[at];

    for (; at > 0 && queue->heap[(at - 1) / 2]->next_ns > timers->next_ns; at = (at - 1) / 2)
        heap_place(queue, at, queue->heap[(at - 1) / 2]);
    heap_place(queue, at, timers);
}

static void heap_sift_down(struct timer_queue *queue, size_t at) {
    struct timers *timers = queue->heap[at];

    for (size_t child; (child = 2 * at + 1) < queue->count; at = child) {
        if (child + 1 < queue->count &&
            queue->heap[child + 1]->next_ns < queue->heap[child]->next_ns)
            child++;
        if (queue->heap[child]->next_ns >= timers->next_ns) break;
        heap_place(queue, at, queue->heap[child]);
    }
    heap_place(queue, at, timers);
}

static void heap_remove(struct timer_queue *queue, struct timers *timers) {
    size_t at = timers->queue_index - 1;
    struct timers *last = queue->heap[--queue->count];

    timers->queue_index = 0;
    if (last == timers) return;
    heap_place(queue, at, last);
    heap_sift_up(queue, at);
    heap_sift_down(queue, last->queue_index - 1);
}

static bool heap_reserve(struct timer_queue *queue) {
    size_t capacity = queue->capacity ? queue->capacity * 2 : 64;
    struct timers **heap;

    if (queue->count < queue->capacity) return true;
    heap = mem_resize(queue->heap, capacity * sizeof(struct timers *));
    if (!heap) return false;
    queue->heap = heap;
    queue->capacity = capacity;
    return true;
}

struct timers *timer_queue_first(const struct timer_queue *queue) {
    return queue->count ? queue->heap[0] : NULL;
}

void timer_queue_done(struct timer_queue *queue) {
    assert(queue->count == 0);
    mem_free(queue->heap);
    *queue = (struct timer_queue){0};
}

/* ---- one room's timers --------------------------------------------------------------------- */

/* Finds the earliest again and puts the room in its place of the heap, which has room for it. */
static void timers_requeue(struct timers *timers, struct timer_queue *queue) {
    timers->next_ns = UINT64_MAX;
    for (uint32_t i = 0; i < timers->count; i++)
        if (timers->timers[i].due_ns < timers->next_ns) timers->next_ns = timers->timers[i].due_ns;
    if (timers->count == 0) {
        if (timers->queue_index) heap_remove(queue, timers);
        return;
    }
    if (!timers->queue_index) heap_place(queue, queue->count++, timers);
    heap_sift_up(queue, timers->queue_index - 1);
    heap_sift_down(queue, timers->queue_index - 1);
}

static struct timer *timers_find(const struct timers *timers, int32_t id) {
    for (uint32_t i = 0; i < timers->count; i++)
        if (timers->timers[i].id == id) return &timers->timers[i];
    return NULL;
}

bool timers_has(const struct timers *timers, int32_t id) {
    return timers_find(timers, id) != NULL;
}

bool timers_set(struct timers *timers, struct timer_queue *queue, int32_t id, uint64_t due_ns,
                uint64_t period_ns) {
    struct timer *timer = timers_find(timers, id);

    if (!timers->queue_index && !heap_reserve(queue)) return false;
    if (!timer) {
        if (timers->count == timers->capacity) {
            uint32_t capacity = timers->capacity ? timers->capacity * 2 : 2;
            struct timer *grown = mem_resize(timers->timers, capacity * sizeof(*grown));
            if (!grown) return false;
            timers->timers = grown;
            timers->capacity = capacity;
        }
        timer = &timers->timers[timers->count++];
    }
    *timer = (struct timer){
        .id = id, .sequence = ++timers->sequence, .due_ns = due_ns, .period_ns = period_ns};
    timers_requeue(timers, queue);
    return true;
}

void timers_clear(struct timers *timers, struct timer_queue *queue, int32_t id) {
    struct timer *timer = timers_find(timers, id);

    if (!timer) return;
    *timer = timers->timers[--timers->count];
    timers_requeue(timers, queue);
}

/* The beat is kept: the next multiple of the period after `now_ns`. */
static void timer_advance(struct timer *timer, uint64_t now_ns) {
    if (timer->period_ns == 0) {
        timer->due_ns = UINT64_MAX;
        return;
    }
    timer->due_ns += ((now_ns - timer->due_ns) / timer->period_ns + 1) * timer->period_ns;
}

static int compare_due(const void *left, const void *right) {
    const struct timer_due *a = left, *b = right;

    if (a->due_ns != b->due_ns) return a->due_ns < b->due_ns ? -1 : 1;
    return a->sequence < b->sequence ? -1 : 1;
}

size_t timers_due(struct timers *timers, struct timer_queue *queue, uint64_t now_ns,
                  struct timer_due *ret_due, size_t max) {
    size_t count = 0;

    if (timers->next_ns > now_ns) return 0;
    for (uint32_t i = 0; i < timers->count; i++) {
        struct timer *timer = &timers->timers[i];
        if (timer->due_ns > now_ns) continue;
        if (!timer->is_queued) {
            if (count == max) continue;
            ret_due[count++] = (struct timer_due){timer->due_ns, timer->id, timer->sequence};
            timer->is_queued = true;
        }
        timer_advance(timer, now_ns);
    }
    timers_requeue(timers, queue);
    if (count > 1) qsort(ret_due, count, sizeof(*ret_due), compare_due);
    return count;
}

void timers_postpone(struct timers *timers, struct timer_queue *queue, int32_t id,
                     uint64_t due_ns) {
    struct timer *timer = timers_find(timers, id);

    assert(timer && timer->is_queued);
    timer->is_queued = false;
    timer->due_ns = due_ns;
    timers_requeue(timers, queue);
}

bool timers_dispatch(struct timers *timers, struct timer_queue *queue, int32_t id,
                     uint32_t sequence) {
    struct timer *timer = timers_find(timers, id);

    if (!timer || timer->sequence != sequence) return false;
    timer->is_queued = false;
    if (timer->period_ns == 0) timers_clear(timers, queue, id);
    return true;
}

void timers_done(struct timers *timers, struct timer_queue *queue) {
    if (timers->queue_index) heap_remove(queue, timers);
    mem_free(timers->timers);
    *timers = (struct timers){.next_ns = UINT64_MAX, .sequence = timers->sequence};
}
