/* SPDX-License-Identifier: Apache-2.0 */
/* storage.c -- see storage.h. */
#include "drivers/storage.h"

#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#define SUBJECTS    (2 * LIMIT_STORAGE_GROUP) /* a power of two */
#define LINE_SIZE   512
#define DISK_NEEDED (128u << 10)
#define STACK_SIZE  (512u << 10)

static_assert((SUBJECTS & (SUBJECTS - 1)) == 0, "places are found by a mask");

enum log_level { DEBUG, INFO, WARNING, ERROR };

struct counters {
#define COUNTER(field, name, help) _Atomic uint64_t field;
    STORAGE_STATS_LIST(COUNTER)
#undef COUNTER
};

struct storage {
    struct storage_options options;
    char *path, *vfs;
    const struct storage_kind *kind;
    void *owner;
    struct counters counters;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct list queue; /* under `lock`, as is the next */
    bool stopping;
    bool has_lock, has_thread;
    pthread_t thread;

    /* What follows is the thread's. */
    struct sqlite_file file;
    bool is_open;
    struct list taken; /* not answered yet, in order; those that go alone come first */
    uint64_t away_since_ms, retry_at_ms, retry_ms;
    uint64_t tidied_ms;
    bool tidy_more;
    unsigned checkpoint_at;
    int last_failure; /* SQLITE_OK: all is well since */
    uint64_t last_failure_ms;
    unsigned silent_failures;
    uint64_t subjects[SUBJECTS]; /* that the batch's writes touch; 0: free */
    bool touches_all, touches_any;
};

static uint64_t now_ns(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t now_ms(void) {
    return now_ns() / 1000000u;
}

static void add(_Atomic uint64_t *counter, uint64_t value) {
    atomic_fetch_add_explicit(counter, value, memory_order_relaxed);
}

static void set(_Atomic uint64_t *gauge, uint64_t value) {
    atomic_store_explicit(gauge, value, memory_order_relaxed);
}

/* ---- the log --------------------------------------------------------------------------------- */

static void log_line(struct storage *storage, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void log_line(struct storage *storage, enum log_level level, const char *format, ...) {
    char text[LINE_SIZE];
    va_list arguments;

    if (!storage->options.log) return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    storage->options.log(storage->options.context, (int)level, text);
}

/* One line per failure, but of many that are alike one in LIMIT_STORAGE_LOG_MS. */
static void note_failure(struct storage *storage, int result, const char *what) {
    uint64_t now = now_ms();
    char others[64] = "";

    add(&storage->counters.failures, 1);
    if (result == SQLITE_IOERR_FSYNC || result == SQLITE_IOERR_DIR_FSYNC)
        add(&storage->counters.sync_failures, 1);
    if (result == storage->last_failure && now - storage->last_failure_ms < LIMIT_STORAGE_LOG_MS) {
        storage->silent_failures++;
        return;
    }
    if (storage->silent_failures)
        snprintf(others, sizeof(others), ", after %u others", storage->silent_failures);
    log_line(storage, ERROR, "%s: %s has failed: %s (%s, SQLite's error %d%s)", storage->path, what,
             sqlite_reason(result), sqlite3_errstr(result), result, others);
    storage->last_failure = result;
    storage->last_failure_ms = now;
    storage->silent_failures = 0;
}

static void note_success(struct storage *storage) {
    if (storage->last_failure == SQLITE_OK) return;
    log_line(storage, INFO, "%s: it is written again", storage->path);
    storage->last_failure = SQLITE_OK;
    storage->silent_failures = 0;
}

/* ---- jobs ------------------------------------------------------------------------------------ */

uint64_t storage_subject(const char *service, const char *room) {
    uint64_t hash = 0xcbf29ce484222325u;

    /* FNV-1a; the NUL of the service is hashed, too. What collides only waits for the other. */
    do hash = (hash ^ (uint8_t)*service) * 0x100000001b3u;
    while (*service++);
    while (*room) hash = (hash ^ (uint8_t)*room++) * 0x100000001b3u;
    hash ^= hash >> 32;
    return hash ? hash : 1;
}

static void answer_reset(struct storage_job *job) {
    buffer_release(&job->bytes);
    mem_free(job->items);
    job->items = NULL;
    job->answer = (ramp_answer){.size = sizeof(ramp_answer), .status = RAMP_OK};
}

void storage_job_free(struct storage_job *job) {
    if (!job) return;
    answer_reset(job);
    if (job->release) job->release(job);
    mem_free(job);
}

void storage_job_complete(struct storage_job *job) {
    ramp_complete(job->host, job->ticket, &job->answer);
    storage_job_free(job);
}

int storage_answer_value(struct storage_job *job, const void *data, size_t size) {
    if (!buffer_append(&job->bytes, data, size)) return SQLITE_NOMEM;
    job->answer.value = (ramp_bytes){job->bytes.data, size};
    return SQLITE_OK;
}

void storage_answer_failed(struct storage_job *job, ramp_status status, const char *message) {
    answer_reset(job);
    snprintf(job->message, sizeof(job->message), "%s", message);
    job->answer.status = status;
    job->answer.message = job->message;
}

static void deliver(struct storage *storage, struct storage_job *job) {
    ramp_status status = job->answer.status;

    atomic_fetch_sub_explicit(&storage->counters.queue, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&storage->counters.queue_bytes, job->size, memory_order_relaxed);
    if (status != RAMP_OK && status != RAMP_NOT_FOUND && status != RAMP_CONFLICT) {
        add(&storage->counters.refused, 1);
        if (!job->ticket && storage->kind->lost) storage->kind->lost(storage->owner, job);
    } else if (!job->writes) {
        add(&storage->counters.reads, 1);
    }
    if (job->deliver) job->deliver(job->context, job);
    else storage_job_free(job);
}

static void deliver_failed(struct storage *storage, struct storage_job *job, int result) {
    char message[160];

    snprintf(message, sizeof(message), "%s: %s", storage->kind->schema.name, sqlite_reason(result));
    storage_answer_failed(job, sqlite_status(result), message);
    deliver(storage, job);
}

/* ---- the file ---------------------------------------------------------------------------------- */

/* Runs one of the kind's own functions in a transaction. */
static int run_own(struct storage *storage, int (*run)(void *owner, struct sqlite_file *file)) {
    struct sqlite_file *file = &storage->file;
    int result;

    if (!run) return SQLITE_OK;
    result = sqlite_set_synced(file, storage->kind->synced);
    if (result == SQLITE_OK) result = sqlite_begin(file);
    if (result == SQLITE_OK) result = run(storage->owner, file);
    if (result == SQLITE_OK) result = sqlite_commit(file);
    if (result != SQLITE_OK) sqlite_rollback(file);
    return result;
}

static ramp_status open_file(struct storage *storage, bool check, ramp_error *reterr) {
    const struct sqlite_place place = {.path = storage->path, .vfs = storage->vfs, .check = check};
    ramp_status status = sqlite_open(&storage->file, &place, &storage->kind->schema, reterr);
    int result;

    if (status != RAMP_OK) return status;
    result = run_own(storage, storage->kind->opened);
    if (result != SQLITE_OK) {
        sqlite_close(&storage->file, true);
        return error_set(reterr, sqlite_status(result), "cannot use %s: %s", storage->path,
                         sqlite_reason(result));
    }
    storage->is_open = true;
    storage->checkpoint_at = LIMIT_STORAGE_LOG_PAGES;
    set(&storage->counters.away, 0);
    return RAMP_OK;
}

static void begin_away(struct storage *storage) {
    storage->is_open = false;
    storage->away_since_ms = storage->retry_at_ms = now_ms();
    storage->retry_ms = LIMIT_STORAGE_RETRY_MS_MIN;
    set(&storage->counters.away, 1);
}

/* What the file or the kernel says of itself is not to be trusted any more. */
static void go_away(struct storage *storage) {
    sqlite_close(&storage->file, true);
    begin_away(storage);
}

/* Notes a failure outside a transaction; true: the file has been closed. */
static bool failed(struct storage *storage, int result, const char *what) {
    note_failure(storage, result, what);
    if (!sqlite_is_suspect(result)) return false;
    go_away(storage);
    return true;
}

static void try_again(struct storage *storage) {
    ramp_error error;

    if (open_file(storage, true, &error) == RAMP_OK) {
        add(&storage->counters.reopens, 1);
        log_line(storage, INFO, "%s: opened anew and checked, after %llu ms", storage->path,
                 (unsigned long long)(now_ms() - storage->away_since_ms));
        return;
    }
    add(&storage->counters.failures, 1);
    if (storage->retry_ms == LIMIT_STORAGE_RETRY_MS_MIN ||
        storage->retry_ms == LIMIT_STORAGE_RETRY_MS_MAX)
        log_line(storage, ERROR, "%s; it is tried again", error.message);
    storage->retry_at_ms = now_ms() + storage->retry_ms;
    storage->retry_ms *= 2;
    if (storage->retry_ms > LIMIT_STORAGE_RETRY_MS_MAX)
        storage->retry_ms = LIMIT_STORAGE_RETRY_MS_MAX;
}

static void deliver_away(struct storage *storage, struct storage_job *job) {
    char message[160];

    snprintf(message, sizeof(message), "%s: the file has failed and cannot be opened again%s",
             storage->kind->schema.name,
             job->doubtful ? "; whether this is stored is not known" : "");
    storage_answer_failed(job, job->doubtful ? RAMP_TIMEOUT : RAMP_UNAVAILABLE, message);
    deliver(storage, job);
}

static void take_all(struct storage *storage) {
    pthread_mutex_lock(&storage->lock);
    for (struct list *node; (node = list_pop_front(&storage->queue)) != NULL;)
        list_push_back(&storage->taken, node);
    pthread_mutex_unlock(&storage->lock);
}

static void refuse_all(struct storage *storage) {
    take_all(storage);
    for (struct list *node; (node = list_pop_front(&storage->taken)) != NULL;)
        deliver_away(storage, list_item(node, struct storage_job, link));
}

/* ---- reads that wait for no write ---------------------------------------------------------------- */

static void note_subject(struct storage *storage, uint64_t subject) {
    size_t place = subject & (SUBJECTS - 1);

    if (!storage->touches_any) memset(storage->subjects, 0, sizeof(storage->subjects));
    storage->touches_any = true;
    if (subject == 0) storage->touches_all = true;
    if (storage->touches_all) return;
    /* Never full: there are twice as many places as jobs. */
    while (storage->subjects[place] && storage->subjects[place] != subject)
        place = (place + 1) & (SUBJECTS - 1);
    storage->subjects[place] = subject;
}

static bool is_touched(const struct storage *storage, uint64_t subject) {
    size_t place = subject & (SUBJECTS - 1);

    if (!storage->touches_any) return false;
    if (storage->touches_all || subject == 0) return true;
    while (storage->subjects[place] && storage->subjects[place] != subject)
        place = (place + 1) & (SUBJECTS - 1);
    return storage->subjects[place] == subject;
}

/* The job is in no list. */
static void run_read(struct storage *storage, struct storage_job *job) {
    int result;

    answer_reset(job);
    result = storage->kind->run(storage->owner, &storage->file, job);
    if (result == SQLITE_OK) {
        deliver(storage, job);
        return;
    }
    if (job->alone || !sqlite_is_suspect(result)) {
        note_failure(storage, result, "a read");
        deliver_failed(storage, job, result);
        return;
    }
    failed(storage, result, "a read");
    job->alone = true; /* once more, in the file that is opened anew */
    list_push_front(&storage->taken, &job->link);
}

static void run_reads(struct storage *storage) {
    storage->touches_any = storage->touches_all = false;
    list_each(&storage->taken, node, following) {
        struct storage_job *job = list_item(node, struct storage_job, link);
        if (job->writes) {
            note_subject(storage, job->subject);
        } else if (!is_touched(storage, job->subject)) {
            list_remove(node);
            run_read(storage, job);
            if (!storage->is_open) return;
        }
    }
}

/* ---- transactions -------------------------------------------------------------------------------- */

enum outcome { STORED, NOT_STORED, UNKNOWN };

struct group {
    struct list jobs;
    unsigned job_count, write_count;
    bool synced;
    int result;
};

static void group_add(struct group *group, struct storage_job *job) {
    list_push_back(&group->jobs, &job->link);
    group->job_count++;
    group->write_count += job->writes;
    group->synced = group->synced || job->synced;
}

static int run_jobs(struct storage *storage, struct group *group) {
    list_each(&group->jobs, node, following) {
        struct storage_job *job = list_item(node, struct storage_job, link);
        int result;
        answer_reset(job);
        result = storage->kind->run(storage->owner, &storage->file, job);
        if (result != SQLITE_OK) return result;
    }
    return SQLITE_OK;
}

static int commit(struct storage *storage, struct group *group) {
    uint64_t start = now_ns();
    int result = sqlite_commit(&storage->file);

    add(&storage->counters.commit_ns, now_ns() - start);
    if (result != SQLITE_OK) return result;
    add(&storage->counters.commits, 1);
    add(&storage->counters.writes, group->write_count);
    if (group->write_count > atomic_load(&storage->counters.group_max))
        set(&storage->counters.group_max, group->write_count);
    note_success(storage);
    return SQLITE_OK;
}

/* An error of COMMIT leaves no doubt only if the log's last frame, which makes it count, cannot have been
 * written whole: when a write found the disk full, or nothing could be written at all. */
static bool commit_is_unclear(int result) {
    switch (result & 0xff) {
    case SQLITE_FULL:
    case SQLITE_READONLY:
    case SQLITE_BUSY: return false;
    default: return true;
    }
}

/* Carries out a group in one transaction. Closes the file if it has become suspect. */
static enum outcome transact(struct storage *storage, struct group *group) {
    struct sqlite_file *file = &storage->file;
    bool committing = false;
    char what[64];
    int result = SQLITE_OK;

    if (group->write_count) result = sqlite_set_synced(file, group->synced);
    if (result == SQLITE_OK && group->write_count) result = sqlite_begin(file);
    if (result == SQLITE_OK) result = run_jobs(storage, group);
    if (result == SQLITE_OK && group->write_count) {
        committing = true;
        result = commit(storage, group);
    }
    group->result = result;
    if (result == SQLITE_OK) return STORED;
    snprintf(what, sizeof(what), "%s of %u write%s", committing ? "the commit" : "a transaction",
             group->write_count, group->write_count == 1 ? "" : "s");
    sqlite_rollback(file);
    if (failed(storage, result, what)) return committing ? UNKNOWN : NOT_STORED;
    if (!committing || !commit_is_unclear(result)) return NOT_STORED;
    go_away(storage);
    return UNKNOWN;
}

static void deliver_group(struct storage *storage, struct group *group) {
    for (struct list *node; (node = list_pop_front(&group->jobs)) != NULL;)
        deliver(storage, list_item(node, struct storage_job, link));
}

/* Back to the head of what is taken, in order; each goes alone from now on. */
static void split_group(struct storage *storage, struct group *group, enum outcome outcome) {
    while (!list_empty(&group->jobs)) {
        struct storage_job *job = list_item(group->jobs.previous, struct storage_job, link);
        list_remove(&job->link);
        job->doubtful = job->writes && outcome == UNKNOWN;
        job->was_alone = group->job_count == 1;
        job->alone = true;
        list_push_front(&storage->taken, &job->link);
    }
}

static void run_group(struct storage *storage) {
    struct group group = {0};
    enum outcome outcome;

    list_init(&group.jobs);
    for (struct list *node; (node = list_pop_front(&storage->taken)) != NULL;)
        group_add(&group, list_item(node, struct storage_job, link));
    if (group.job_count == 0) return;
    outcome = transact(storage, &group);
    if (outcome == STORED) {
        deliver_group(storage, &group);
    } else if (outcome == NOT_STORED && group.job_count == 1) {
        deliver_failed(storage, list_item(list_pop_front(&group.jobs), struct storage_job, link),
                       group.result);
    } else {
        split_group(storage, &group, outcome);
    }
}

/* ---- jobs that have failed in a group ---------------------------------------------------------------- */

/* The file has been opened anew. true: the job has had its answer, or the file is away again. */
static bool settle(struct storage *storage, struct storage_job *job) {
    const struct storage_kind *kind = storage->kind;
    bool happened = false;
    int result = SQLITE_OK;

    answer_reset(job);
    if (kind->has_happened)
        result = kind->has_happened(storage->owner, &storage->file, job, &happened);
    if (result != SQLITE_OK) {
        if (failed(storage, result, "looking for a commit")) {
            list_push_front(&storage->taken, &job->link);
            return true;
        }
        storage_answer_failed(job, RAMP_TIMEOUT, "whether this is stored cannot be read");
    } else if (happened) {
        add(&storage->counters.writes, 1);
    } else if (!job->was_alone) {
        job->doubtful = false;
        return false;
    } else {
        storage_answer_failed(job, kind->has_happened ? RAMP_UNAVAILABLE : RAMP_TIMEOUT,
                              "the commit has failed; look at the disk");
    }
    deliver(storage, job);
    return true;
}

static void run_alone(struct storage *storage, struct storage_job *job) {
    struct group group = {0};
    enum outcome outcome;

    if (job->doubtful && settle(storage, job)) return;
    if (!job->writes) {
        run_read(storage, job);
        return;
    }
    list_init(&group.jobs);
    group_add(&group, job);
    outcome = transact(storage, &group);
    if (outcome == STORED) {
        deliver(storage, job);
    } else if (outcome == NOT_STORED) {
        deliver_failed(storage, job, group.result);
    } else {
        split_group(storage, &group, outcome);
    }
}

static void run_all_alone(struct storage *storage) {
    while (storage->is_open && !list_empty(&storage->taken)) {
        struct storage_job *job = list_item(storage->taken.next, struct storage_job, link);
        if (!job->alone) return;
        list_remove(&job->link);
        run_alone(storage, job);
    }
}

/* ---- upkeep -------------------------------------------------------------------------------------- */

static void checkpoint(struct storage *storage) {
    int result;

    if (storage->file.log_pages < storage->checkpoint_at) return;
    result = sqlite_checkpoint(&storage->file);
    if (result != SQLITE_OK && failed(storage, result, "copying the log into the file")) return;
    /* A reader, or a full disk, may keep some of it there: then not for each commit anew. */
    storage->checkpoint_at = storage->file.log_pages + LIMIT_STORAGE_LOG_PAGES;
}

static int run_tidy(void *context, struct sqlite_file *file) {
    struct storage *storage = context;

    return storage->kind->tidy(storage->owner, file, &storage->tidy_more);
}

static void tidy(struct storage *storage) {
    struct sqlite_file *file = &storage->file;
    uint64_t now = now_ms();
    int result;

    if (!storage->kind->tidy) return;
    if (!storage->tidy_more && now - storage->tidied_ms < storage->options.tidy_ms) return;
    storage->tidied_ms = now;
    storage->tidy_more = false;
    result = sqlite_set_synced(file, storage->kind->synced);
    if (result == SQLITE_OK) result = sqlite_begin(file);
    if (result == SQLITE_OK) result = run_tidy(storage, file);
    if (result == SQLITE_OK) result = sqlite_commit(file);
    if (result == SQLITE_OK) return;
    sqlite_rollback(file);
    storage->tidy_more = false;
    failed(storage, result, "tidying up");
}

/* ---- the thread ------------------------------------------------------------------------------------ */

static struct timespec at_ms(uint64_t ms) {
    return (struct timespec){.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
}

/* What there is, up to a transaction's size. */
static void take_some(struct storage *storage) {
    unsigned count = 0;
    size_t bytes = 0;

    list_each(&storage->taken, node, following) {
        count++;
        bytes += list_item(node, struct storage_job, link)->size;
    }
    list_each(&storage->queue, node, following) {
        struct storage_job *job = list_item(node, struct storage_job, link);
        if (count > 0 &&
            (count >= LIMIT_STORAGE_GROUP || bytes + job->size > LIMIT_STORAGE_GROUP_BYTES))
            return;
        count++;
        bytes += job->size;
        list_remove(node);
        list_push_back(&storage->taken, node);
    }
}

static void wait_for_work(struct storage *storage) {
    struct timespec until;

    if (!storage->is_open) {
        uint64_t end = storage->away_since_ms + storage->options.away_ms;
        bool waits =
            now_ms() < end && (!list_empty(&storage->taken) || !list_empty(&storage->queue));
        until = at_ms(waits && end < storage->retry_at_ms ? end : storage->retry_at_ms);
        pthread_cond_timedwait(&storage->wake, &storage->lock, &until);
    } else if (storage->kind->tidy) {
        until = at_ms(storage->tidied_ms + storage->options.tidy_ms);
        pthread_cond_timedwait(&storage->wake, &storage->lock, &until);
    } else {
        pthread_cond_wait(&storage->wake, &storage->lock);
    }
}

static bool has_work(const struct storage *storage) {
    if (storage->stopping) return true;
    if (!storage->is_open) return now_ms() >= storage->retry_at_ms;
    return storage->tidy_more || !list_empty(&storage->taken) || !list_empty(&storage->queue);
}

/* false: it is to stop, and all is done. */
static bool take_jobs(struct storage *storage) {
    bool goes_on;

    pthread_mutex_lock(&storage->lock);
    if (!has_work(storage)) wait_for_work(storage);
    take_some(storage);
    goes_on = !storage->stopping || !list_empty(&storage->taken);
    pthread_mutex_unlock(&storage->lock);
    return goes_on;
}

static bool is_stopping(struct storage *storage) {
    bool stopping;

    pthread_mutex_lock(&storage->lock);
    stopping = storage->stopping;
    pthread_mutex_unlock(&storage->lock);
    return stopping;
}

static void turn(struct storage *storage) {
    if (!storage->is_open) {
        bool stopping = is_stopping(storage);
        if (stopping || now_ms() >= storage->retry_at_ms) try_again(storage);
        if (!storage->is_open) {
            if (stopping || now_ms() - storage->away_since_ms >= storage->options.away_ms)
                refuse_all(storage);
            return;
        }
    }
    run_reads(storage);
    run_all_alone(storage);
    if (storage->is_open) run_group(storage);
    if (storage->is_open) checkpoint(storage);
    if (storage->is_open) tidy(storage);
}

static void *run_thread(void *argument) {
    struct storage *storage = argument;
    int result;

    while (take_jobs(storage)) turn(storage);
    if (!storage->is_open) return NULL;
    result = run_own(storage, storage->kind->closing);
    if (result != SQLITE_OK) note_failure(storage, result, "closing it");
    sqlite_close(&storage->file, result != SQLITE_OK);
    return NULL;
}

/* ---- doors ------------------------------------------------------------------------------------- */

static bool start_thread(struct storage *storage) {
    pthread_attr_t attributes;
    sigset_t all, before;
    char name[16];

    /* Signals are the main thread's. */
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    errno = pthread_create(&storage->thread, &attributes, run_thread, storage);
    storage->has_thread = errno == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (!storage->has_thread) return false;
    snprintf(name, sizeof(name), "ramp-%.10s", storage->kind->schema.name);
    pthread_setname_np(storage->thread, name);
    return true;
}

static void make_lock(struct storage *storage) {
    pthread_condattr_t attributes;

    pthread_mutex_init(&storage->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&storage->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    storage->has_lock = true;
}

static void storage_free(struct storage *storage) {
    if (!storage) return;
    sqlite_close(&storage->file, false);
    if (storage->has_lock) {
        pthread_cond_destroy(&storage->wake);
        pthread_mutex_destroy(&storage->lock);
    }
    mem_free(storage->path);
    mem_free(storage->vfs);
    mem_free(storage);
}

/* Not enough is left for the first pages of a log and its index. */
static bool disk_is_full(const char *path) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct statvfs disk;

    if (slash) snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path + 1), path);
    if (statvfs(slash ? folder : ".", &disk) != 0) return false;
    return (uint64_t)disk.f_bavail * disk.f_frsize < DISK_NEEDED;
}

ramp_status storage_open(const struct storage_options *options, const struct storage_kind *kind,
                         void *owner, struct storage **ret_storage, ramp_error *reterr) {
    struct storage *storage = mem_zalloc(sizeof(*storage));
    ramp_status status = RAMP_NO_MEMORY;

    if (!storage) goto fail;
    storage->options = *options;
    if (!options->away_ms) storage->options.away_ms = LIMIT_STORAGE_AWAY_MS;
    if (!options->tidy_ms) storage->options.tidy_ms = LIMIT_STORAGE_TIDY_MS;
    if (!options->queue_bytes) storage->options.queue_bytes = LIMIT_STORAGE_QUEUE;
    storage->kind = kind;
    storage->owner = owner;
    storage->tidied_ms = now_ms();
    list_init(&storage->queue);
    list_init(&storage->taken);
    storage->path = mem_copy_text(options->path, strlen(options->path));
    if (options->vfs) storage->vfs = mem_copy_text(options->vfs, strlen(options->vfs));
    if (!storage->path || (options->vfs && !storage->vfs)) goto fail;
    make_lock(storage);
    status = open_file(storage, false, reterr);
    if (status == RAMP_UNAVAILABLE && disk_is_full(storage->path)) {
        /* Rooms that store nothing can be served meanwhile; space may come. */
        begin_away(storage);
        log_line(storage, ERROR, "%s; it is tried again", reterr->message);
        status = RAMP_OK;
    }
    if (status) goto fail;
    if (!start_thread(storage)) {
        status = error_set(reterr, RAMP_UNAVAILABLE, "cannot start a thread for %s: %s",
                           storage->path, strerror(errno));
        goto fail;
    }
    *ret_storage = storage;
    return RAMP_OK;

fail:
    if (status == RAMP_NO_MEMORY) error_set(reterr, status, "no memory to open %s", options->path);
    storage_free(storage);
    return status;
}

void storage_close(struct storage *storage) {
    if (!storage) return;
    pthread_mutex_lock(&storage->lock);
    storage->stopping = true;
    pthread_cond_signal(&storage->wake);
    pthread_mutex_unlock(&storage->lock);
    pthread_join(storage->thread, NULL);
    storage_free(storage);
}

void storage_submit(struct storage *storage, struct storage_job *job) {
    size_t most = storage->options.queue_bytes;
    bool taken, stopping;

    job->answer = (ramp_answer){.size = sizeof(ramp_answer)};
    atomic_fetch_add_explicit(&storage->counters.queue, 1, memory_order_relaxed);
    pthread_mutex_lock(&storage->lock);
    /* What nobody waits for is small, and must not be lost. */
    stopping = storage->stopping;
    taken = !stopping && (!job->ticket || atomic_load(&storage->counters.queue_bytes) < most);
    add(&storage->counters.queue_bytes, job->size);
    if (taken) {
        list_push_back(&storage->queue, &job->link);
        pthread_cond_signal(&storage->wake);
    }
    pthread_mutex_unlock(&storage->lock);
    if (taken) return;
    storage_answer_failed(job, RAMP_UNAVAILABLE,
                          stopping ? "the server is stopping"
                                   : "too many requests wait for the disk already");
    deliver(storage, job);
}

void storage_get_stats(struct storage *storage, struct storage_stats *ret_stats) {
#define READ_COUNTER(field, name, help)                                                            \
    ret_stats->field = atomic_load_explicit(&storage->counters.field, memory_order_relaxed);
    STORAGE_STATS_LIST(READ_COUNTER)
#undef READ_COUNTER
}

const char *storage_name(const struct storage *storage) {
    return storage->kind->schema.name;
}
