/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite.c -- see sqlite.h. */
#include "drivers/sqlite.h"

#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS    5000 /* somebody else reads or copies the file; its locks are short */
#define CHUNK_SIZE 65536

/* ---- results ------------------------------------------------------------------------------- */

ramp_status sqlite_status(int result) {
    switch (result & 0xff) {
    case SQLITE_NOMEM: return RAMP_NO_MEMORY;
    case SQLITE_FULL:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: return RAMP_UNAVAILABLE;
    default: return RAMP_IO;
    }
}

const char *sqlite_reason(int result) {
    switch (result & 0xff) {
    case SQLITE_NOMEM: return "there is no memory for it";
    case SQLITE_FULL: return "the disk is full; free some space";
    case SQLITE_READONLY: return "it cannot be written; look at the folder's rights and its mount";
    case SQLITE_CANTOPEN:
    case SQLITE_PERM: return "it cannot be opened; look at the folder and its rights";
    case SQLITE_IOERR:
        return result == SQLITE_IOERR_FSYNC || result == SQLITE_IOERR_DIR_FSYNC
                   ? "an fsync has failed; look at the disk"
                   : "reading or writing has failed; look at the disk";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: return "another program holds a lock on it; end that one";
    case SQLITE_CORRUPT: return "it is damaged; bring it back from a copy";
    case SQLITE_NOTADB: return "it is no SQLite file; move it away";
    default: return sqlite3_errstr(result);
    }
}

bool sqlite_is_suspect(int result) {
    switch (result & 0xff) {
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL: return true;
    default: return false;
    }
}

/* ---- statements ------------------------------------------------------------------------------ */

sqlite3_stmt *sqlite_statement(struct sqlite_file *file, unsigned index) {
    return file->statements[index];
}

void sqlite_bind(sqlite3_stmt *statement, int index, const void *data, size_t size) {
    /* A NULL pointer would bind NULL, where an empty value is meant. */
    sqlite3_bind_blob64(statement, index, size ? data : "", size, SQLITE_STATIC);
}

void sqlite_bind_text(sqlite3_stmt *statement, int index, const char *text) {
    sqlite_bind(statement, index, text, strlen(text));
}

int sqlite_run(sqlite3_stmt *statement) {
    int result;

    while ((result = sqlite3_step(statement)) == SQLITE_ROW) continue;
    sqlite3_reset(statement);
    return result == SQLITE_DONE ? SQLITE_OK : result;
}

int sqlite_begin(struct sqlite_file *file) {
    return sqlite_run(file->begin);
}

int sqlite_commit(struct sqlite_file *file) {
    return sqlite_run(file->commit);
}

void sqlite_rollback(struct sqlite_file *file) {
    for (unsigned i = 0; i < SQLITE_STATEMENTS_MAX; i++)
        if (file->statements[i]) sqlite3_reset(file->statements[i]);
    /* Some errors have ended the transaction already. */
    if (!sqlite3_get_autocommit(file->handle)) sqlite_run(file->rollback);
}

static int on_commit(void *context, sqlite3 *handle, const char *name, int pages) {
    struct sqlite_file *file = context;

    (void)handle;
    (void)name;
    file->log_pages = (unsigned)pages;
    return SQLITE_OK;
}

int sqlite_set_synced(struct sqlite_file *file, bool synced) {
    int result = SQLITE_OK;

    if (file->synced == synced) return SQLITE_OK;
    result = sqlite3_exec(file->handle,
                          synced ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
                          NULL, NULL, NULL);
    if (result == SQLITE_OK) file->synced = synced;
    return result;
}

int sqlite_checkpoint(struct sqlite_file *file) {
    int pages = 0, copied = 0;
    int result =
        sqlite3_wal_checkpoint_v2(file->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);

    if (result == SQLITE_OK && copied >= pages) file->log_pages = 0;
    return result;
}

/* ---- opening --------------------------------------------------------------------------------- */

struct opening {
    struct sqlite_file *file;
    const char *path;
    const struct sqlite_schema *schema;
    ramp_error *reterr;
};

static ramp_status fail(const struct opening *opening, int result) {
    int error = sqlite3_system_errno(opening->file->handle);

    return error_set(opening->reterr, sqlite_status(result), "cannot open %s: %s%s%s",
                     opening->path, sqlite_reason(result), error ? ": " : "",
                     error ? strerror(error) : "");
}

/* A number that a PRAGMA or a SELECT gives. */
static int read_number(sqlite3 *handle, const char *sql, sqlite3_int64 *ret_number) {
    sqlite3_stmt *statement;
    int result = sqlite3_prepare_v2(handle, sql, -1, &statement, NULL);

    if (result != SQLITE_OK) return result;
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW) *ret_number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return result == SQLITE_ROW ? SQLITE_OK : result == SQLITE_DONE ? SQLITE_ERROR : result;
}

/* For its owner's eyes only; the log and the index beside it get the same mode from SQLite. */
static ramp_status make_file(const struct opening *opening) {
    int fd = open(opening->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd >= 0) {
        close(fd);
        return RAMP_OK;
    }
    return error_set(opening->reterr, RAMP_UNAVAILABLE, "cannot open %s: %s", opening->path,
                     strerror(errno));
}

static bool log_is_there(const char *path) {
    char log[PATH_MAX];
    struct stat info;
    int size = snprintf(log, sizeof(log), "%s-wal", path);

    return size > 0 && size < PATH_MAX && stat(log, &info) == 0 && info.st_size > 0;
}

static ramp_status connect(struct opening *opening, const char *vfs) {
    struct sqlite_file *file = opening->file;
    sqlite3_stmt *statement;
    bool is_log;
    int result =
        sqlite3_open_v2(opening->path, &file->handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, vfs);

    if (!file->handle)
        return error_set(opening->reterr, RAMP_NO_MEMORY, "no memory to open %s", opening->path);
    if (result != SQLITE_OK) return fail(opening, result);
    sqlite3_busy_timeout(file->handle, BUSY_MS);
    sqlite3_db_config(file->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(file->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    /* Until the file is known to be sound, no end of ours touches it or its log. */
    sqlite3_db_config(file->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    result = sqlite3_prepare_v2(file->handle, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
    if (result != SQLITE_OK) return fail(opening, result);
    result = sqlite3_step(statement);
    is_log =
        result == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(statement, 0), "wal") == 0;
    sqlite3_finalize(statement);
    if (result != SQLITE_ROW) return fail(opening, result);
    if (!is_log) return fail(opening, SQLITE_READONLY);
    /* Checkpoints are storage.c's, which looks at how they end: SQLite's own ignore their errors. */
    result = sqlite3_exec(file->handle,
                          "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
                          "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;"
                          "PRAGMA cell_size_check = ON; PRAGMA journal_size_limit = 16777216",
                          NULL, NULL, NULL);
    if (result != SQLITE_OK) return fail(opening, result);
    file->synced = true;
    sqlite3_wal_hook(file->handle, on_commit, file);
    return RAMP_OK;
}

/* Byte for byte; see sqlite.h. */
static int rewrite(sqlite3_file *log, void *chunk) {
    sqlite3_int64 size = 0;
    int result = log->pMethods->xFileSize(log, &size);

    for (sqlite3_int64 at = 0; result == SQLITE_OK && at < size; at += CHUNK_SIZE) {
        int part = size - at < CHUNK_SIZE ? (int)(size - at) : CHUNK_SIZE;
        result = log->pMethods->xRead(log, chunk, part, at);
        if (result == SQLITE_OK) result = log->pMethods->xWrite(log, chunk, part, at);
    }
    return result == SQLITE_OK && size > 0 ? log->pMethods->xSync(log, SQLITE_SYNC_FULL) : result;
}

static int rewrite_log(struct sqlite_file *file) {
    sqlite3_file *log = NULL;
    void *chunk = mem_alloc(CHUNK_SIZE);
    int result =
        chunk ? sqlite3_exec(file->handle, "BEGIN IMMEDIATE", NULL, NULL, NULL) : SQLITE_NOMEM;

    if (result != SQLITE_OK) goto done; /* none may write meanwhile */
    result = sqlite3_file_control(file->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (result == SQLITE_OK && log && log->pMethods) result = rewrite(log, chunk);
    sqlite3_exec(file->handle, "ROLLBACK", NULL, NULL, NULL);

done:
    mem_free(chunk);
    return result;
}

/* What the log holds is on the disk, and then in the file itself. On a full disk the second must wait:
 * the file can be read all the same. So it must while another program reads the file, unless a commit
 * has failed before (`check`): that program's view of the log may end before that commit, which is then
 * not there, and would be there again after a crash if the log were not emptied. */
static ramp_status secure(const struct opening *opening, bool check) {
    sqlite3 *handle = opening->file->handle;
    int result = rewrite_log(opening->file);

    if (result != SQLITE_OK) return fail(opening, result);
    result = sqlite3_wal_checkpoint_v2(handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if ((result & 0xff) == SQLITE_FULL || ((result & 0xff) == SQLITE_BUSY && !check))
        return RAMP_OK;
    return result == SQLITE_OK ? RAMP_OK : fail(opening, result);
}

static ramp_status make_schema(const struct opening *opening) {
    const struct sqlite_schema *schema = opening->schema;
    sqlite3 *handle = opening->file->handle;
    char *sql = sqlite3_mprintf("BEGIN IMMEDIATE; %s; PRAGMA application_id = %d;"
                                "PRAGMA user_version = %d; COMMIT",
                                schema->create, schema->application, schema->version);
    int result = sql ? sqlite3_exec(handle, sql, NULL, NULL, NULL) : SQLITE_NOMEM;

    sqlite3_free(sql);
    return result == SQLITE_OK ? RAMP_OK : fail(opening, result);
}

static ramp_status check_schema(const struct opening *opening) {
    const struct sqlite_schema *schema = opening->schema;
    sqlite3 *handle = opening->file->handle;
    sqlite3_int64 application = 0, version = 0, tables = 0;
    int result = read_number(handle, "PRAGMA application_id", &application);

    if (result == SQLITE_OK) result = read_number(handle, "PRAGMA user_version", &version);
    if (result == SQLITE_OK)
        result = read_number(handle, "SELECT count(*) FROM sqlite_schema", &tables);
    if (result != SQLITE_OK) return fail(opening, result);
    if (application == 0 && version == 0 && tables == 0) return make_schema(opening);
    if (application != schema->application)
        return error_set(opening->reterr, RAMP_IO,
                         "%s is no %s file of Ramp; name another one, or move it away",
                         opening->path, schema->name);
    if (version > schema->version)
        return error_set(opening->reterr, RAMP_IO,
                         "%s was written by a newer Ramp (its form is %lld, and this one knows "
                         "%d); install that version again",
                         opening->path, (long long)version, schema->version);
    return RAMP_OK;
}

static ramp_status check_pages(const struct opening *opening) {
    sqlite3 *handle = opening->file->handle;
    sqlite3_stmt *statement;
    sqlite3_int64 pages = 0, page_size = 0;
    char first[120];
    const unsigned char *text;
    int result = read_number(handle, "PRAGMA page_count", &pages);

    if (result == SQLITE_OK) result = read_number(handle, "PRAGMA page_size", &page_size);
    if (result != SQLITE_OK) return fail(opening, result);
    if (pages * page_size > LIMIT_STORAGE_CHECK) return RAMP_OK;
    result = sqlite3_prepare_v2(handle, "PRAGMA quick_check(1)", -1, &statement, NULL);
    if (result != SQLITE_OK) return fail(opening, result);
    result = sqlite3_step(statement);
    text = result == SQLITE_ROW ? sqlite3_column_text(statement, 0) : NULL;
    snprintf(first, sizeof(first), "%s", text ? (const char *)text : "");
    sqlite3_finalize(statement);
    if (result != SQLITE_ROW) return fail(opening, result);
    if (strcmp(first, "ok") == 0) return RAMP_OK;
    first[strcspn(first, "\n")] = '\0';
    return error_set(opening->reterr, RAMP_IO,
                     "%s is damaged (%s); bring it back from a copy, or move it away to begin anew",
                     opening->path, first);
}

static ramp_status prepare(const struct opening *opening) {
    struct sqlite_file *file = opening->file;
    int result = SQLITE_OK;

    for (unsigned i = 0; i < opening->schema->sql_count && result == SQLITE_OK; i++)
        result = sqlite3_prepare_v3(file->handle, opening->schema->sql[i], -1,
                                    SQLITE_PREPARE_PERSISTENT, &file->statements[i], NULL);
    if (result == SQLITE_OK)
        result = sqlite3_prepare_v3(file->handle, "BEGIN IMMEDIATE", -1, SQLITE_PREPARE_PERSISTENT,
                                    &file->begin, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_prepare_v3(file->handle, "COMMIT", -1, SQLITE_PREPARE_PERSISTENT,
                                    &file->commit, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_prepare_v3(file->handle, "ROLLBACK", -1, SQLITE_PREPARE_PERSISTENT,
                                    &file->rollback, NULL);
    return result == SQLITE_OK ? RAMP_OK : fail(opening, result);
}

ramp_status sqlite_open(struct sqlite_file *file, const struct sqlite_place *place,
                        const struct sqlite_schema *schema, ramp_error *reterr) {
    struct opening opening = {
        .file = file, .path = place->path, .schema = schema, .reterr = reterr};
    bool check = place->check || log_is_there(place->path); /* whoever had it did not close it */
    ramp_status status;

    *file = (struct sqlite_file){0};
    status = make_file(&opening);
    if (status == RAMP_OK) status = connect(&opening, place->vfs);
    if (status == RAMP_OK) status = secure(&opening, place->check);
    if (status == RAMP_OK) status = check_schema(&opening);
    if (status == RAMP_OK && check) status = check_pages(&opening);
    if (status == RAMP_OK) status = prepare(&opening);
    if (status != RAMP_OK) sqlite_close(file, true);
    return status;
}

void sqlite_close(struct sqlite_file *file, bool keep_log) {
    if (!file->handle) return;
    for (unsigned i = 0; i < SQLITE_STATEMENTS_MAX; i++) sqlite3_finalize(file->statements[i]);
    sqlite3_finalize(file->begin);
    sqlite3_finalize(file->commit);
    sqlite3_finalize(file->rollback);
    if (!keep_log) sqlite3_db_config(file->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    sqlite3_close(file->handle);
    *file = (struct sqlite_file){0};
}
