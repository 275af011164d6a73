/* SPDX-License-Identifier: Apache-2.0 */
/* storage.h -- one SQLite file with its own thread: requests are queued from any thread and carried out in
 * order, as many as there are in one transaction.
 *
 * Door:     storage_open(), storage_submit(), storage_close().
 * Before:   db_sqlite.c, kv_sqlite.c, states_sqlite.c, whose functions copy a request into a job.
 * After:    sqlite.c; a job's `deliver`, which brings it back to whoever asked.
 *
 *   worker ──job──▶ queue ──▶ taken ──▶ BEGIN, job, job, job, COMMIT ──▶ deliver each
 *
 * Group commit: while one transaction is being fsynced the next jobs queue up, and share the next one. A
 * read sees what was queued before it. One that no earlier write of its batch touches does not wait for
 * the batch's fsync.
 *
 * When a transaction fails and it is certain that nothing has happened (a full disk, a file that cannot
 * be written), each of its jobs is tried once more, alone. When that is not certain (COMMIT has failed
 * otherwise: an fsync, say), or the file is suspect, it is closed and opened anew, checked (sqlite.h), and
 * what is stored decides. Until that succeeds nothing is acknowledged: all wait, up to LIMIT_STORAGE_AWAY_MS
 * from the failure on; from then on jobs are answered RAMP_UNAVAILABLE, or RAMP_TIMEOUT if they may have
 * happened.
 *
 * Not here: what jobs do (the drivers), whose host they answer (storage_job_complete() is the caller's to
 * call, on the host's thread).
 */
#ifndef DRIVERS_STORAGE_H
#define DRIVERS_STORAGE_H

#include <ramp/driver.h>

#include "base/list.h"
#include "drivers/sqlite.h"
#include "io/buffer.h"

#include <stdatomic.h>

struct storage;

/* A request and its answer. The first member of a driver's own struct, which is one allocation with all
 * that was copied. */
struct storage_job {
    struct list link;
    /* Takes the finished job: storage_job_complete() or storage_job_free() it. On the storage's thread, or
     * inside storage_submit(). */
    void (*deliver)(void *context, struct storage_job *job);
    void *context;
    uint64_t subject; /* storage_subject() of its room; 0: many rooms */
    size_t size;      /* bytes, as counted in the queue */
    bool writes;
    bool synced;    /* writes: is on the disk when it is answered */
    bool alone;     /* it has failed in a group */
    bool was_alone; /* ... and alone */
    bool doubtful;  /* it may have happened */
    ramp_host *host;
    ramp_ticket ticket; /* 0: nobody waits for its answer */
    ramp_answer answer;
    char message[200];
    struct buffer bytes; /* what the answer's pointers point into ... */
    void *items;         /* ... and its array */
    void (*release)(
        struct storage_job *job); /* of what the driver's struct holds besides; may be NULL */
};

/* What the file is for. Functions run on the storage's thread and give SQLite's result code. */
struct storage_kind {
    struct sqlite_schema schema;
    bool synced; /* its own writes, by `opened` and `tidy` */
    /* Carries a job out and sets job->answer; inside a transaction if it writes. */
    int (*run)(void *owner, struct sqlite_file *file, struct storage_job *job);
    /* Whether what is stored is this job's doing. NULL: a job may be carried out twice. */
    int (*has_happened)(void *owner, struct sqlite_file *file, struct storage_job *job,
                        bool *ret_happened);
    /* The file has been opened, or opened anew; and is about to be closed in good order. May be NULL. */
    int (*opened)(void *owner, struct sqlite_file *file);
    int (*closing)(void *owner, struct sqlite_file *file);
    /* A job that nobody waits for could not be carried out. May be NULL. */
    void (*lost)(void *owner, struct storage_job *job);
    /* A bounded piece of work of its own, in a transaction. May be NULL. */
    int (*tidy)(void *owner, struct sqlite_file *file, bool *ret_more);
};

struct storage_options {
    const char *path;
    const char *vfs; /* SQLite's name of it; NULL: the system's */
    /* A line for the server's log; levels 0 debug ... 3 error. Any thread. May be NULL. */
    void (*log)(void *context, int level, const char *text);
    void *context;
    /* 0: LIMIT_STORAGE_AWAY_MS, LIMIT_STORAGE_TIDY_MS, LIMIT_STORAGE_QUEUE */
    unsigned away_ms, tidy_ms;
    size_t queue_bytes;
};

/* Opens the file and starts the thread. On a full disk it begins as after a failure: it is tried again,
 * and requests wait. `kind` and `owner` must outlive it. */
RAMP_CHECK ramp_status storage_open(const struct storage_options *options,
                                    const struct storage_kind *kind, void *owner,
                                    struct storage **ret_storage, ramp_error *reterr);
/* Carries out what is queued, empties the log into the file, closes it, and ends the thread. NULL is
 * accepted. */
void storage_close(struct storage *storage);

/* Any thread. Takes the job; it is delivered exactly once, at once if the queue is full. */
void storage_submit(struct storage *storage, struct storage_job *job);

/* ---- jobs ------------------------------------------------------------------------------------ */

/* The host's thread: answers and frees it. */
void storage_job_complete(struct storage_job *job);
void storage_job_free(struct storage_job *job);
/* Never 0. */
uint64_t storage_subject(const char *service, const char *room);
/* The answer is `value`. SQLITE_NOMEM, or SQLITE_OK. */
int storage_answer_value(struct storage_job *job, const void *data, size_t size);
void storage_answer_failed(struct storage_job *job, ramp_status status, const char *message);

/* ---- for each worker --------------------------------------------------------------------------- */

/* Where the answers of one host go. A driver's context; it must outlive the host. */
struct storage_port {
    void *driver;                                            /* struct db_sqlite, ... */
    void (*deliver)(void *context, struct storage_job *job); /* see storage_job */
    void *context;
};

/* ---- counters ---------------------------------------------------------------------------------- */

/* field, name in the metrics, help */
#define STORAGE_STATS_LIST(X)                                                                      \
    X(reads, "storage_reads_total", "Reads that were answered.")                                   \
    X(writes, "storage_writes_total", "Writes that were stored; each belongs to a commit.")        \
    X(commits, "storage_commits_total", "Transactions that were stored, of one or more writes.")   \
    X(group_max, "storage_group_max", "Writes in the largest transaction.")                        \
    X(commit_ns, "storage_commit_ns_total", "Time in COMMIT, nearly all of it fsync, in ns.")      \
    X(failures, "storage_failures_total", "Transactions, reads and checkpoints that failed.")      \
    X(sync_failures, "storage_sync_failures_total", "Failures of an fsync.")                       \
    X(reopens, "storage_reopens_total", "Times that the file was opened anew after a failure.")    \
    X(refused, "storage_refused_total", "Requests that were answered with an error.")              \
    X(away, "storage_away", "1 while the file is closed after a failure.")                         \
    X(queue, "storage_queue", "Requests that wait or are being carried out.")                      \
    X(queue_bytes, "storage_queue_bytes", "Their bytes.")

struct storage_stats {
#define STORAGE_STATS_FIELD(field, name, help) uint64_t field;
    STORAGE_STATS_LIST(STORAGE_STATS_FIELD)
#undef STORAGE_STATS_FIELD
};
/* Any thread. */
void storage_get_stats(struct storage *storage, struct storage_stats *ret_stats);
const char *storage_name(const struct storage *storage); /* of the schema */

#endif
