/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite_rig.c -- see sqlite_rig.h. */
#include "drivers/sqlite_rig.h"

#include "unit/support/folder.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

static char folder[64], path[96];
static struct list back = {&back, &back};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t come = PTHREAD_COND_INITIALIZER;

static void deliver(void *context, struct storage_job *job) {
    (void)context;
    pthread_mutex_lock(&lock);
    list_push_back(&back, &job->link);
    pthread_cond_signal(&come);
    pthread_mutex_unlock(&lock);
}

static void print_line(void *context, int level, const char *text) {
    (void)context;
    fprintf(stderr, "[log %d] %s\n", level, text);
}

struct storage_port sqlite_rig_port = {.deliver = deliver};
struct storage_options sqlite_rig_options = {.path = path, .log = print_line};

void sqlite_rig_make_place(void) {
    test_folder_new(folder);
    snprintf(path, sizeof(path), "%s/test.sqlite", folder);
}

void sqlite_rig_remove_place(void) {
    test_folder_remove(folder);
}

void sqlite_rig_pump(unsigned ms) {
    struct timespec until;
    struct list jobs;

    list_init(&jobs);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (until.tv_nsec / 1000000 + ms) / 1000;
    until.tv_nsec = (until.tv_nsec / 1000000 + ms) % 1000 * 1000000;
    pthread_mutex_lock(&lock);
    if (list_empty(&back)) pthread_cond_timedwait(&come, &lock, &until);
    for (struct list *node; (node = list_pop_front(&back)) != NULL;) list_push_back(&jobs, node);
    pthread_mutex_unlock(&lock);
    for (struct list *node; (node = list_pop_front(&jobs)) != NULL;)
        storage_job_complete(list_item(node, struct storage_job, link));
}

unsigned sqlite_rig_waiting(void) {
    unsigned count = 0;

    pthread_mutex_lock(&lock);
    list_each(&back, node, following) count++;
    pthread_mutex_unlock(&lock);
    return count;
}
