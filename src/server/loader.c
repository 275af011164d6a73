/* SPDX-License-Identifier: Apache-2.0 */
/* loader.c -- see loader.h. One thread, one loop: take what is queued, start children, poll, move bytes.
 *
 *   load    negative? ─ current version ─ cache? ──────────────────────────────▶ answer
 *                                           └ read, hash, check ─ compile ─ cache ─▶ again
 *   deploy  check ─ cache? ────────────────────────────▶ store ─▶ answer
 *                     └ compile ─ cache ────────────────▶ store ─▶ answer
 *   rollback  find and read in the store, then as a deploy
 *
 * Nothing but the queue, the counters and `stopping` is shared with other threads.
 */
#include "server/loader.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "drivers/module_id.h"
#include "drivers/store.h"
#include "server/cache.h"
#include "server/compile.h"
#include "server/json_document.h"
#include "server/negatives.h"
#include "server/service_config.h"

enum job_kind { JOB_LOAD, JOB_DEPLOY, JOB_LIST, JOB_CONFIG, JOB_PRUNE };
enum {
    LOAD_ROUNDS_MAX = 4
}; /* a version that changes, or a cache that loses files, while we load */

/* One request. */
struct job {
    struct list link; /* in `queue`, `batch`, `held` or a work's `jobs` */
    enum job_kind kind;
    char service[LIMIT_SERVICE_NAME + 2]; /* one more, so that a name that is too long stays so */
    void *context;
    uint64_t ticket;
    void (*on_loaded)(void *, uint64_t, const struct loaded *);
    void (*on_deployed)(void *, uint64_t, const struct deployed *);
    void (*on_listed)(void *, uint64_t, const struct listed *);
    int rounds;             /* load: how often it has begun */
    bool refused;           /* deploy: too many are open */
    bool active;            /* deploy: others of this service wait for it */
    bool is_rollback;       /* deploy: of what the store keeps; `prefix`, or NULL: the one before */
    bool has_before;        /* deploy: `before` was current */
    char *prefix;           /* deploy */
    ramp_module_id before;  /* deploy */
    ramp_module_id *used;   /* prune */
    size_t used_count;      /* prune */
    ramp_bytes wasm;        /* deploy */
    ramp_bytes config_text; /* deploy */
    json_t *config;         /* deploy */
    ramp_module_id id;      /* deploy */
    uint64_t compile_ms;    /* deploy */
    size_t artefact_size;   /* deploy */
};

/* A module that is compiled now, or as soon as a child may start. */
struct work {
    struct list link;
    struct list jobs; /* whoever waits for it */
    ramp_module_id id;
    ramp_bytes wasm; /* owned */
    struct compile *child;
    uint64_t started_ms;
};

struct loader {
    struct loader_options options;
    char *exe;
    struct store *store;
    struct cache *cache;
    int wake; /* eventfd */
    pthread_t thread;
    bool has_thread, has_mutex;

    pthread_mutex_t mutex; /* for what follows */
    struct list queue;
    unsigned deploys_open;
    bool stopping;
    struct loader_stats stats;

    /* the thread's own */
    struct list batch; /* taken from the queue, not yet looked at */
    struct list held;  /* deploys that wait for another one of their service */
    struct list works;
    struct map active; /* service -> the deploy under way */
    struct negatives negatives;
    unsigned children;
};

static uint64_t now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static void count(struct loader *loader, uint64_t *counter) {
    pthread_mutex_lock(&loader->mutex);
    (*counter)++;
    pthread_mutex_unlock(&loader->mutex);
}

static void bytes_free(ramp_bytes bytes) {
    mem_free((void *)(uintptr_t)bytes.data);
}

static bool bytes_copy(ramp_bytes bytes, ramp_bytes *ret_copy) {
    char *copy = mem_copy_text(bytes.data, bytes.size);

    if (copy) *ret_copy = (ramp_bytes){copy, bytes.size};
    return copy != NULL;
}

static void job_free(struct job *job) {
    if (!job) return;
    bytes_free(job->wasm);
    bytes_free(job->config_text);
    json_decref(job->config);
    mem_free(job->prefix);
    mem_free(job->used);
    mem_free(job);
}

/* ---- answers: each takes the job ------------------------------------------------------------- */

static void answer_load(struct loader *loader, struct job *job, struct loaded *loaded) {
    count(loader, loaded->status ? &loader->stats.loads_failed : &loader->stats.loads);
    job->on_loaded(job->context, job->ticket, loaded);
    job_free(job);
}

static void answer_deploy(struct loader *loader, struct job *job, ramp_status status,
                          bool unchanged, const char *message) {
    struct deployed deployed = {.status = status,
                                .id = job->id,
                                .unchanged = unchanged,
                                .has_before = job->has_before,
                                .before = job->before,
                                .compile_ms = job->compile_ms,
                                .size = job->wasm.size,
                                .artefact_size = job->artefact_size};

    snprintf(deployed.message, sizeof(deployed.message), "%s", status ? message : "");
    if (job->active) map_remove(&loader->active, job->service, strlen(job->service));
    if (!job->refused) {
        pthread_mutex_lock(&loader->mutex);
        loader->deploys_open--;
        pthread_mutex_unlock(&loader->mutex);
    }
    job->on_deployed(job->context, job->ticket, &deployed);
    job_free(job);
}

static void answer_list(struct job *job, struct listed *listed) {
    job->on_listed(job->context, job->ticket, listed);
    job_free(job);
}

static void answer_failed(struct loader *loader, struct job *job, ramp_status status,
                          const char *message) {
    if (job->kind == JOB_DEPLOY) {
        answer_deploy(loader, job, status, false, message);
    } else if (job->kind == JOB_PRUNE) {
        job_free(job);
    } else if (job->kind == JOB_LIST || job->kind == JOB_CONFIG) {
        struct listed listed = {.status = status};
        snprintf(listed.message, sizeof(listed.message), "%s", message);
        answer_list(job, &listed);
    } else {
        struct loaded loaded = {.status = status};
        snprintf(loaded.message, sizeof(loaded.message), "%s", message);
        answer_load(loader, job, &loaded);
    }
}

static void fail_load(struct loader *loader, struct job *job, const ramp_error *error) {
    negatives_remember(&loader->negatives, job->service, error, now_ms());
    answer_failed(loader, job, error->status, error->message);
}

/* ---- works ----------------------------------------------------------------------------------- */

static struct work *find_work(struct loader *loader, const ramp_module_id *id) {
    list_each(&loader->works, node, following) {
        struct work *work = list_item(node, struct work, link);
        if (module_id_equal(&work->id, id)) return work;
    }
    return NULL;
}

static void work_free(struct loader *loader, struct work *work) {
    list_remove(&work->link);
    if (work->child) loader->children--;
    compile_free(work->child);
    bytes_free(work->wasm);
    mem_free(work);
}

/* Queues a module for a child. Takes `wasm`. NULL: no memory. */
static struct work *add_work(struct loader *loader, const ramp_module_id *id, ramp_bytes wasm) {
    struct work *work = mem_zalloc(sizeof(*work));

    if (!work) {
        bytes_free(wasm);
        return NULL;
    }
    work->id = *id;
    work->wasm = wasm;
    list_init(&work->jobs);
    list_push_back(&loader->works, &work->link);
    return work;
}

/* Looks for an artefact; tells the log of one that somebody has changed. */
static bool find_artefact(struct loader *loader, const char *service, const ramp_module_id *id,
                          char ret_path[CACHE_PATH_SIZE]) {
    ramp_error error;
    ramp_status status = cache_find(loader->cache, id, ret_path, &error);

    if (status == RAMP_OK) count(loader, &loader->stats.cache_hits);
    if (status == RAMP_DENIED) count(loader, &loader->stats.cache_bad);
    if (status && status != RAMP_NOT_FOUND)
        loader->options.log(loader->options.context, 2, service, error.message);
    return status == RAMP_OK;
}

/* ---- loads ----------------------------------------------------------------------------------- */

static bool is_load_of(const struct job *job, const char *service) {
    return job->kind == JOB_LOAD && strcmp(job->service, service) == 0;
}

/* Answers `job` and every other queued load of its service. */
static void answer_loads(struct loader *loader, struct job *job, struct loaded *loaded) {
    list_each(&loader->batch, node, following) {
        struct job *other = list_item(node, struct job, link);
        if (!is_load_of(other, job->service)) continue;
        list_remove(&other->link);
        answer_load(loader, other, loaded);
    }
    answer_load(loader, job, loaded);
}

/* The artefact is not there: reads the module and hands it to a child. */
static ramp_status begin_load(struct loader *loader, struct job *job, const ramp_module_id *id,
                              ramp_error *reterr) {
    ramp_bytes wasm;
    ramp_status status = store_read(loader->store, job->service, id, &wasm, reterr);
    struct work *work;

    if (status) return status;
    status = ramp_module_check(wasm, reterr);
    if (status) {
        bytes_free(wasm);
        return status;
    }
    work = add_work(loader, id, wasm);
    if (!work) return error_set(reterr, RAMP_NO_MEMORY, "no memory to load '%s'", job->service);
    list_push_back(&work->jobs, &job->link);
    return RAMP_OK;
}

static void run_load(struct loader *loader, struct job *job) {
    const ramp_error *negative = negatives_find(&loader->negatives, job->service, now_ms());
    struct store_version version;
    struct loaded loaded = {.status = RAMP_OK};
    struct work *work;
    ramp_error error = {.status = RAMP_OK};

    if (negative) {
        answer_failed(loader, job, negative->status, negative->message);
        return;
    }
    if (store_current(loader->store, job->service, &version, &error) != RAMP_OK) {
        fail_load(loader, job, &error);
        return;
    }
    work = find_work(loader, &version.id);
    if (work) {
        list_push_back(&work->jobs, &job->link);
    } else if (find_artefact(loader, job->service, &version.id, loaded.path)) {
        if (config_env(version.config, &loaded.env, &error) != RAMP_OK) {
            fail_load(loader, job, &error);
            return;
        }
        loaded.id = version.id;
        answer_loads(loader, job, &loaded);
        bytes_free(loaded.env);
    } else if (++job->rounds > LOAD_ROUNDS_MAX) {
        error_set(&error, RAMP_IO, "the artefact of '%s' does not stay in the cache", job->service);
        fail_load(loader, job, &error);
    } else if (begin_load(loader, job, &version.id, &error) != RAMP_OK) {
        fail_load(loader, job, &error);
    }
}

/* ---- deploys --------------------------------------------------------------------------------- */

static void store_deploy(struct loader *loader, struct job *job) {
    struct store_version version;
    bool unchanged = false;
    ramp_error error;
    ramp_status status;

    job->has_before = store_current(loader->store, job->service, &version, NULL) == RAMP_OK;
    if (job->has_before) job->before = version.id;
    status = store_put(loader->store, job->service, &job->id, job->wasm, job->config, &unchanged,
                       &error);

    if (status == RAMP_OK) negatives_forget(&loader->negatives, job->service);
    answer_deploy(loader, job, status, unchanged, error.message);
}

/* A rollback's module and configuration. */
static ramp_status read_kept(struct loader *loader, struct job *job, ramp_error *reterr) {
    ramp_status status =
        store_find(loader->store, job->service, job->prefix, &job->id, &job->config, reterr);

    return status ? status : store_read(loader->store, job->service, &job->id, &job->wasm, reterr);
}

static ramp_status check_deploy(struct loader *loader, struct job *job, ramp_error *reterr) {
    ramp_status status = job->is_rollback ? read_kept(loader, job, reterr)
                                          : config_parse(job->config_text, &job->config, reterr);

    if (status) return status;
    if (!store_name_is_valid(job->service))
        return error_set(reterr, RAMP_ARGS,
                         "'%s' is no name for a service: 1 to %u of a-z, 0-9 and '-', not "
                         "beginning with '-'",
                         job->service, LIMIT_SERVICE_NAME);
    if (job->wasm.size > LIMIT_MODULE_SIZE)
        return error_set(reterr, RAMP_TOO_BIG, "the module has %zu bytes, more than the %u allowed",
                         job->wasm.size, LIMIT_MODULE_SIZE);
    if (!module_id_of(job->wasm, &job->id))
        return error_set(reterr, RAMP_NO_MEMORY, "no memory for a hash");
    return ramp_module_check(job->wasm, reterr);
}

static void run_deploy(struct loader *loader, struct job *job) {
    char path[CACHE_PATH_SIZE];
    struct stat artefact;
    struct work *work;
    ramp_bytes wasm;
    ramp_error error;

    if (job->refused) {
        answer_deploy(loader, job, RAMP_BUSY, false,
                      "too many deploys are under way; try again later");
        return;
    }
    if (map_get(&loader->active, job->service, strlen(job->service))) {
        /* One after the other, in the order in which they came: the last one is current in the end. */
        list_push_back(&loader->held, &job->link);
        return;
    }
    if (check_deploy(loader, job, &error) != RAMP_OK) {
        answer_deploy(loader, job, error.status, false, error.message);
        return;
    }
    work = find_work(loader, &job->id);
    if (!work && find_artefact(loader, job->service, &job->id, path)) {
        if (stat(path, &artefact) == 0) job->artefact_size = (size_t)artefact.st_size;
        store_deploy(loader, job);
        return;
    }
    if (!work && bytes_copy(job->wasm, &wasm)) work = add_work(loader, &job->id, wasm);
    if (!work || !map_put(&loader->active, job->service, strlen(job->service), job)) {
        answer_deploy(loader, job, RAMP_NO_MEMORY, false, "no memory to deploy");
        return;
    }
    job->active = true;
    list_push_back(&work->jobs, &job->link);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static void run_list(struct loader *loader, struct job *job) {
    const char *service = job->service[0] ? job->service : NULL;
    struct listed listed = {.status = RAMP_OK};
    json_t *list = NULL, *json;
    ramp_error error;

    if (store_list(loader->store, service, &list, &error) != RAMP_OK) {
        answer_failed(loader, job, error.status, error.message);
        return;
    }
    json = service ? json_incref(json_array_get(list, 0)) : json_pack("{s:O}", "services", list);
    json_decref(list);
    if (!json || !json_text(json, &listed.json)) {
        json_decref(json);
        answer_failed(loader, job, RAMP_NO_MEMORY, "no memory to list the store");
        return;
    }
    json_decref(json);
    answer_list(job, &listed);
    bytes_free(listed.json);
}

static void run_config(struct loader *loader, struct job *job) {
    struct store_version version;
    struct listed listed = {.status = RAMP_OK, .json = {"{}", 2}};
    ramp_bytes text = {NULL, 0};
    ramp_error error;

    if (store_current(loader->store, job->service, &version, &error) != RAMP_OK) {
        answer_failed(loader, job, error.status, error.message);
        return;
    }
    if (version.config && !json_text(version.config, &text)) {
        answer_failed(loader, job, RAMP_NO_MEMORY, "no memory for a service's configuration");
        return;
    }
    if (text.data) listed.json = text;
    answer_list(job, &listed);
    bytes_free(text);
}

/* ---- children -------------------------------------------------------------------------------- */

static void run_prune(struct loader *loader, struct job *job) {
    size_t count = store_prune(loader->store, job->service, job->used, job->used_count);
    char text[64];

    snprintf(text, sizeof(text), "%zu old version%s deleted", count, count == 1 ? "" : "s");
    if (count) loader->options.log(loader->options.context, 0, job->service, text);
    job_free(job);
}

static void run_job(struct loader *loader, struct job *job) {
    if (job->kind == JOB_LOAD) run_load(loader, job);
    else if (job->kind == JOB_DEPLOY) run_deploy(loader, job);
    else if (job->kind == JOB_PRUNE) run_prune(loader, job);
    else if (job->kind == JOB_CONFIG) run_config(loader, job);
    else run_list(loader, job);
}

static void finish_job(struct loader *loader, struct job *job, uint64_t elapsed_ms, size_t size,
                       ramp_error *error) {
    if (job->kind == JOB_DEPLOY) {
        job->compile_ms = elapsed_ms;
        job->artefact_size = size;
        if (error->status) answer_deploy(loader, job, error->status, false, error->message);
        else store_deploy(loader, job);
    } else if (error->status) {
        fail_load(loader, job, error);
    } else {
        /* From the start: the current version may be another one by now. */
        run_load(loader, job);
    }
}

/* A module's child has ended, or could not start: keeps the artefact, answers everybody. */
static void finish_work(struct loader *loader, struct work *work, ramp_bytes artefact,
                        ramp_error *error) {
    uint64_t elapsed_ms = work->child ? now_ms() - work->started_ms : 0;
    char path[CACHE_PATH_SIZE];
    struct list jobs;

    if (!error->status) error->status = cache_put(loader->cache, &work->id, artefact, path, error);
    if (error->status) count(loader, &loader->stats.compiles_failed);
    list_init(&jobs);
    for (struct list *node; (node = list_pop_front(&work->jobs)) != NULL;)
        list_push_back(&jobs, node);
    work_free(loader, work); /* first: a job that begins anew must not find it */
    for (struct list *node; (node = list_pop_front(&jobs)) != NULL;)
        finish_job(loader, list_item(node, struct job, link), elapsed_ms, artefact.size, error);
}

static bool has_load(const struct work *work) {
    list_each(&work->jobs, node, following)
        if (list_item(node, struct job, link)->kind == JOB_LOAD) return true;
    return false;
}

/* Clients wait for a load, so it goes before deploys. */
static struct work *next_work(struct loader *loader) {
    struct work *first = NULL;

    list_each(&loader->works, node, following) {
        struct work *work = list_item(node, struct work, link);
        if (work->child) continue;
        if (has_load(work)) return work;
        if (!first) first = work;
    }
    return first;
}

static void start_children(struct loader *loader) {
    struct compile_options options = {.exe = loader->exe,
                                      .fast = loader->options.fast,
                                      .dense = loader->options.dense,
                                      .wall_ms_max = LIMIT_COMPILE_WALL_MS};

    while (loader->children < LIMIT_COMPILES) {
        struct work *work = next_work(loader);
        ramp_error error = {.status = RAMP_OK};
        if (!work) return;
        work->started_ms = now_ms();
        if (compile_start(&options, work->wasm, work->started_ms, &work->child, &error) !=
            RAMP_OK) {
            finish_work(loader, work, (ramp_bytes){NULL, 0}, &error);
            continue;
        }
        loader->children++;
        count(loader, &loader->stats.compiles);
    }
}

static void turn_children(struct loader *loader) {
    list_each(&loader->works, node, following) {
        struct work *work = list_item(node, struct work, link);
        ramp_error error = {.status = RAMP_OK};
        ramp_bytes artefact = {NULL, 0};
        if (!work->child || !compile_turn(work->child, now_ms(), &error.status, &artefact, &error))
            continue;
        finish_work(loader, work, artefact, &error);
        return; /* the list has changed; the loop comes back at once */
    }
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* Moves the queue into the batch. false: the loader stops. */
static bool take_queue(struct loader *loader) {
    uint64_t wakes;
    bool stopping;

    if (read(loader->wake, &wakes, sizeof(wakes)) < 0 && errno != EAGAIN) return false;
    pthread_mutex_lock(&loader->mutex);
    for (struct list *node; (node = list_pop_front(&loader->queue)) != NULL;)
        list_push_back(&loader->batch, node);
    stopping = loader->stopping;
    pthread_mutex_unlock(&loader->mutex);
    return !stopping;
}

/* Deploys that waited for one that has ended. */
static void release_held(struct loader *loader) {
    list_each(&loader->held, node, following) {
        struct job *job = list_item(node, struct job, link);
        if (map_get(&loader->active, job->service, strlen(job->service))) continue;
        list_remove(&job->link);
        list_push_back(&loader->batch, &job->link);
    }
}

static void run_batch(struct loader *loader) {
    for (struct list *node; (node = list_pop_front(&loader->batch)) != NULL;)
        run_job(loader, list_item(node, struct job, link));
}

static void wait_for_more(struct loader *loader) {
    struct pollfd fds[1 + LIMIT_COMPILES * COMPILE_FDS] = {{loader->wake, POLLIN, 0}};
    uint64_t now = now_ms(), deadline = now + 1000;
    unsigned fd_count = 1;

    list_each(&loader->works, node, following) {
        struct work *work = list_item(node, struct work, link);
        if (!work->child) continue;
        fd_count += compile_fds(work->child, fds + fd_count);
        if (compile_deadline_ms(work->child) < deadline)
            deadline = compile_deadline_ms(work->child);
    }
    poll(fds, fd_count, loader->children == 0 ? -1 : deadline > now ? (int)(deadline - now) : 0);
}

static void stop_all(struct loader *loader) {
    static const char message[] = "the server is stopping";

    list_each(&loader->works, node, following) {
        struct work *work = list_item(node, struct work, link);
        for (struct list *job; (job = list_pop_front(&work->jobs)) != NULL;)
            answer_failed(loader, list_item(job, struct job, link), RAMP_UNAVAILABLE, message);
        work_free(loader, work);
    }
    for (struct list *node; (node = list_pop_front(&loader->held)) != NULL;)
        list_push_back(&loader->batch, node);
    for (struct list *node; (node = list_pop_front(&loader->batch)) != NULL;)
        answer_failed(loader, list_item(node, struct job, link), RAMP_UNAVAILABLE, message);
}

static void *run_thread(void *argument) {
    struct loader *loader = argument;

    pthread_setname_np(pthread_self(), "ramp-loader");
    while (take_queue(loader)) {
        do {
            run_batch(loader);
            turn_children(loader);
            start_children(loader);
            release_held(loader);
        } while (!list_empty(&loader->batch));
        wait_for_more(loader);
    }
    stop_all(loader);
    return NULL;
}

/* ---- the door -------------------------------------------------------------------------------- */

static void log_nothing(void *context, int level, const char *service, const char *text) {
    (void)context, (void)level, (void)service, (void)text;
}

/* With all signals blocked: they are the main thread's, and SIGPIPE nobody's. */
static bool start_thread(struct loader *loader) {
    sigset_t all, old;

    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGABRT);
    if (pthread_sigmask(SIG_BLOCK, &all, &old) != 0) return false;
    loader->has_thread = pthread_create(&loader->thread, NULL, run_thread, loader) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return loader->has_thread;
}

ramp_status loader_new(const struct loader_options *options, struct loader **ret_loader,
                       ramp_error *reterr) {
    struct loader *loader = mem_zalloc(sizeof(*loader));
    ramp_status status = RAMP_NO_MEMORY;

    if (!loader) goto fail;
    loader->options = *options;
    if (!loader->options.log) loader->options.log = log_nothing;
    loader->wake = -1;
    list_init(&loader->queue);
    list_init(&loader->batch);
    list_init(&loader->held);
    list_init(&loader->works);
    map_init(&loader->active, now_ms());
    negatives_init(&loader->negatives, now_ms() ^ (uint64_t)(uintptr_t)loader);
    json_object_seed(0);
    loader->has_mutex = pthread_mutex_init(&loader->mutex, NULL) == 0;
    loader->exe = mem_copy_text(options->exe, strlen(options->exe));
    if (!loader->has_mutex || !loader->exe) goto fail;

    status = store_open(options->store, &loader->store, reterr);
    if (status) goto fail;
    status = cache_open(options->data, ramp_artefact_key(options->fast, options->dense),
                        &loader->cache, reterr);
    if (status) goto fail;
    loader->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loader->wake < 0 || !start_thread(loader)) {
        status =
            error_set(reterr, RAMP_UNAVAILABLE, "cannot start the loader: %s", strerror(errno));
        goto fail;
    }
    *ret_loader = loader;
    return RAMP_OK;

fail:
    if (status == RAMP_NO_MEMORY) error_set(reterr, status, "no memory to start the loader");
    loader_free(loader);
    return status;
}

static void wake(struct loader *loader) {
    uint64_t one = 1;

    /* It fails only if the counter is at its end, and then the thread wakes as well. */
    if (write(loader->wake, &one, sizeof(one)) < 0) return;
}

void loader_free(struct loader *loader) {
    if (!loader) return;
    if (loader->has_thread) {
        pthread_mutex_lock(&loader->mutex);
        loader->stopping = true;
        pthread_mutex_unlock(&loader->mutex);
        wake(loader);
        pthread_join(loader->thread, NULL);
    }
    if (loader->wake >= 0) close(loader->wake);
    negatives_done(&loader->negatives);
    map_done(&loader->active);
    cache_close(loader->cache);
    store_close(loader->store);
    if (loader->has_mutex) pthread_mutex_destroy(&loader->mutex);
    mem_free(loader->exe);
    mem_free(loader);
}

static struct job *job_new(enum job_kind kind, const char *service, void *context,
                           uint64_t ticket) {
    struct job *job = mem_zalloc(sizeof(*job));

    if (!job) return NULL;
    job->kind = kind;
    job->context = context;
    job->ticket = ticket;
    snprintf(job->service, sizeof(job->service), "%s", service);
    return job;
}

/* false: the loader is stopping (the job stays the caller's). */
static bool enqueue(struct loader *loader, struct job *job) {
    bool taken;

    pthread_mutex_lock(&loader->mutex);
    taken = !loader->stopping;
    if (taken && job->kind == JOB_DEPLOY && !job->refused) loader->deploys_open++;
    if (taken) list_push_back(&loader->queue, &job->link);
    pthread_mutex_unlock(&loader->mutex);
    if (taken) wake(loader);
    return taken;
}

void loader_load(struct loader *loader, const char *service,
                 void (*done)(void *, uint64_t, const struct loaded *), void *context,
                 uint64_t ticket) {
    struct loaded loaded = {.status = RAMP_UNAVAILABLE, .message = "the server is stopping"};
    struct job *job = job_new(JOB_LOAD, service, context, ticket);

    if (job) {
        job->on_loaded = done;
        if (enqueue(loader, job)) return;
    } else {
        loaded.status = RAMP_NO_MEMORY;
        snprintf(loaded.message, sizeof(loaded.message), "no memory to load '%s'", service);
    }
    job_free(job);
    done(context, ticket, &loaded);
}

static bool too_many_deploys(struct loader *loader) {
    bool too_many;

    pthread_mutex_lock(&loader->mutex);
    too_many = loader->deploys_open >= LIMIT_DEPLOYS;
    pthread_mutex_unlock(&loader->mutex);
    return too_many;
}

/* Queues a deploy or a rollback, or answers why not. Takes `job`; `complete`: it has all of its parts. */
static void enqueue_deploy(struct loader *loader, struct job *job, bool complete,
                           const char *service, const struct job *answer) {
    struct deployed deployed = {.status = RAMP_UNAVAILABLE, .message = "the server is stopping"};

    if (job && (complete || job->refused)) {
        if (enqueue(loader, job)) return;
    } else {
        deployed.status = RAMP_NO_MEMORY;
        snprintf(deployed.message, sizeof(deployed.message), "no memory to deploy '%s'", service);
    }
    job_free(job);
    answer->on_deployed(answer->context, answer->ticket, &deployed);
}

void loader_deploy(struct loader *loader, const struct deploy *deploy,
                   void (*done)(void *, uint64_t, const struct deployed *), void *context,
                   uint64_t ticket) {
    const struct job answer = {.on_deployed = done, .context = context, .ticket = ticket};
    struct job *job = job_new(JOB_DEPLOY, deploy->service, context, ticket);
    bool complete = false;

    if (job) {
        job->on_deployed = done;
        job->refused = too_many_deploys(loader);
        complete = !job->refused && bytes_copy(deploy->wasm, &job->wasm) &&
                   bytes_copy(deploy->config, &job->config_text);
    }
    enqueue_deploy(loader, job, complete, deploy->service, &answer);
}

void loader_rollback(struct loader *loader, const char *service, const char *prefix,
                     void (*done)(void *, uint64_t, const struct deployed *), void *context,
                     uint64_t ticket) {
    const struct job answer = {.on_deployed = done, .context = context, .ticket = ticket};
    struct job *job = job_new(JOB_DEPLOY, service, context, ticket);

    if (job) {
        job->on_deployed = done;
        job->is_rollback = true;
        job->refused = too_many_deploys(loader);
        if (prefix) job->prefix = mem_copy_text(prefix, strlen(prefix));
    }
    enqueue_deploy(loader, job, job && (!prefix || job->prefix), service, &answer);
}

void loader_prune(struct loader *loader, const char *service, const ramp_module_id *used,
                  size_t used_count) {
    struct job *job = job_new(JOB_PRUNE, service, NULL, 0);

    if (job) job->used = mem_alloc((used_count ? used_count : 1) * sizeof(*used));
    if (job && job->used) {
        if (used_count) memcpy(job->used, used, used_count * sizeof(*used));
        job->used_count = used_count;
        if (enqueue(loader, job)) return;
    }
    job_free(job); /* the next deploy prunes again */
}

static void enqueue_list(struct loader *loader, enum job_kind kind, const char *service,
                         void (*done)(void *, uint64_t, const struct listed *), void *context,
                         uint64_t ticket) {
    struct listed listed = {.status = RAMP_UNAVAILABLE, .message = "the server is stopping"};
    struct job *job = job_new(kind, service, context, ticket);

    if (job) {
        job->on_listed = done;
        if (enqueue(loader, job)) return;
    }
    job_free(job);
    done(context, ticket, &listed);
}

void loader_list(struct loader *loader, const char *service,
                 void (*done)(void *, uint64_t, const struct listed *), void *context,
                 uint64_t ticket) {
    enqueue_list(loader, JOB_LIST, service ? service : "", done, context, ticket);
}

void loader_config(struct loader *loader, const char *service,
                   void (*done)(void *, uint64_t, const struct listed *), void *context,
                   uint64_t ticket) {
    enqueue_list(loader, JOB_CONFIG, service, done, context, ticket);
}

void loader_get_stats(struct loader *loader, struct loader_stats *ret_stats) {
    pthread_mutex_lock(&loader->mutex);
    *ret_stats = loader->stats;
    pthread_mutex_unlock(&loader->mutex);
}
