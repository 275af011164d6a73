/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite.h -- one SQLite file that is ours: opened, made or checked, its statements ready.
 *
 * Door:     sqlite_open(), sqlite_close(), sqlite_statement(), sqlite_run().
 * Before:   storage.c, whose thread owns the file.
 * Not here: what is asked of it (db_sqlite.c, kv_sqlite.c, states_sqlite.c), groups and retries
 *           (storage.c).
 *
 * All files are in WAL mode. A commit with `synced` is on the disk when it returns: the log has been
 * fsynced (fdatasync; Linux passes that on to the disk's cache, so PRAGMA fullfsync has nothing to add).
 * Without, it survives the end of the process, but not a loss of power.
 *
 * Opening trusts no page that may not have reached the disk. After a kill, and above all after an fsync
 * that failed, the kernel's cache may show bytes as written that the disk has never had: the kernel has
 * marked them clean, and a second fsync would say that all is well. So sqlite_open() writes the whole
 * log over itself, byte by byte the same, which makes those pages dirty again, and fsyncs it, before
 * anything in it is used. Then what it holds is copied into the file, which is fsynced, too, and the log
 * is emptied. (A page of the file itself that an fsync has lost is in the log still: SQLite forgets a log
 * only after the file's fsync has returned without an error.)
 *   What this gives: what is read after sqlite_open() is on the disk. What was acknowledged before was
 * there already. Of a commit whose fsync failed: either outcome, and from then on always the same one.
 *   What it cannot give: anything, if the disk itself says that it has kept what it has not, or loses
 * later what it had.
 */
#ifndef DRIVERS_SQLITE_H
#define DRIVERS_SQLITE_H

#include <ramp/ramp.h>

#include <sqlite3.h>

#define SQLITE_STATEMENTS_MAX 16

struct sqlite_schema {
    const char *name;   /* "db"; for messages */
    int application;    /* of PRAGMA application_id: no file of another kind or program is taken */
    int version;        /* of PRAGMA user_version */
    const char *create; /* the SQL of an empty file */
    const char *const *sql; /* the statements */
    unsigned sql_count;     /* up to SQLITE_STATEMENTS_MAX */
};

struct sqlite_place {
    const char *path;
    const char *vfs; /* NULL: the system's */
    bool check;      /* do not trust its pages, even if it looks as if it was closed cleanly */
};

struct sqlite_file {
    sqlite3 *handle; /* NULL: closed */
    sqlite3_stmt *statements[SQLITE_STATEMENTS_MAX];
    sqlite3_stmt *begin, *commit, *rollback;
    bool synced;        /* commits are fsynced */
    unsigned log_pages; /* in the log after the latest commit */
};

/* Opens the file, and makes it if it is absent. A file that was not closed cleanly is checked (PRAGMA
 * quick_check) up to LIMIT_STORAGE_CHECK bytes; beyond, a fault shows when its page is read. Every
 * failure is one sentence with the path, and RAMP_NO_MEMORY, RAMP_UNAVAILABLE (it may go away: a full
 * disk, an I/O error), or RAMP_IO (it will not: damaged, newer, not ours). */
RAMP_CHECK ramp_status sqlite_open(struct sqlite_file *file, const struct sqlite_place *place,
                                   const struct sqlite_schema *schema, ramp_error *reterr);
/* `keep_log`: leaves the log as it is, for sqlite_open() to look at; else it is copied into the file and
 * removed. A closed file is accepted. */
void sqlite_close(struct sqlite_file *file, bool keep_log);

/* A statement of the schema by its index, ready to be bound. Leave it with sqlite3_reset(). */
sqlite3_stmt *sqlite_statement(struct sqlite_file *file, unsigned index);
/* Bytes that stay where they are until the statement is reset. */
void sqlite_bind(sqlite3_stmt *statement, int index, const void *data, size_t size);
void sqlite_bind_text(sqlite3_stmt *statement, int index, const char *text);
/* Runs a statement that gives no rows to its end, and resets it. SQLite's result code. */
int sqlite_run(sqlite3_stmt *statement);

int sqlite_begin(struct sqlite_file *file); /* for writing */
int sqlite_commit(struct sqlite_file *file);
void sqlite_rollback(struct sqlite_file *file); /* if there is a transaction */
/* Whether commits are fsynced. Not inside a transaction. */
int sqlite_set_synced(struct sqlite_file *file, bool synced);
/* Copies the log into the file, as far as readers let it. */
int sqlite_checkpoint(struct sqlite_file *file);

/* What a result code means for whoever asked: RAMP_NO_MEMORY, RAMP_UNAVAILABLE, RAMP_IO. */
ramp_status sqlite_status(int result);
/* The rest of a sentence: "the disk is full; free some space" */
const char *sqlite_reason(int result);
/* The file may not be what this connection believes: it must be opened anew. */
bool sqlite_is_suspect(int result);

#endif
