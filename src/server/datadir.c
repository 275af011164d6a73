/* SPDX-License-Identifier: Apache-2.0 */
/* datadir.c -- see datadir.h. */
#define _GNU_SOURCE
#include "server/datadir.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_BYTES    32
#define TOKEN_SIZE_MIN 16 /* of one that somebody wrote by hand */

static ramp_status path_of(char path[PATH_MAX], const char *folder, const char *name,
                           ramp_error *reterr) {
    int size = snprintf(path, PATH_MAX, "%s/%s", folder, name);

    if (size > 0 && size < PATH_MAX) return RAMP_OK;
    return error_set(reterr, RAMP_ARGS, "the path of the data folder is too long");
}

/* Makes the folder and those above it. */
static ramp_status make_folders(const char *folder, ramp_error *reterr) {
    char path[PATH_MAX];
    struct stat info;
    size_t size = strlen(folder);

    if (size == 0 || size >= sizeof(path))
        return error_set(reterr, RAMP_ARGS, "the path of the data folder is empty or too long");
    memcpy(path, folder, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        path[i] = '\0';
        if (mkdir(path, i == size ? 0700 : 0755) != 0 && errno != EEXIST)
            return error_set(reterr, RAMP_IO, "cannot make the data folder %s: %s", path,
                             strerror(errno));
        if (i < size) path[i] = '/';
    }
    if (stat(path, &info) != 0)
        return error_set(reterr, RAMP_IO, "cannot look at the data folder %s: %s", path,
                         strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return error_set(reterr, RAMP_IO, "the data folder %s is no folder", path);
    if (access(path, R_OK | W_OK | X_OK) != 0)
        return error_set(reterr, RAMP_IO, "cannot read and write in the data folder %s: %s", path,
                         strerror(errno));
    return RAMP_OK;
}

/* ---- the lock ------------------------------------------------------------------------------ */

static ramp_status lock_refused(int fd, const char *folder, ramp_error *reterr) {
    char pid[24];
    ssize_t size = pread(fd, pid, sizeof(pid) - 1, 0);

    pid[size > 0 ? size : 0] = '\0';
    pid[strspn(pid, "0123456789")] = '\0';
    return error_set(reterr, RAMP_CONFLICT, "another ramp serves the data folder %s%s%s", folder,
                     *pid ? ", process " : "", pid);
}

static ramp_status lock_take(struct datadir *datadir, const char *folder, ramp_error *reterr) {
    char path[PATH_MAX], pid[24];
    ramp_status status = path_of(path, folder, "lock", reterr);
    int size, fd;

    if (status != RAMP_OK) return status;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return error_set(reterr, RAMP_IO, "cannot open %s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        status = errno == EWOULDBLOCK
                     ? lock_refused(fd, folder, reterr)
                     : error_set(reterr, RAMP_IO, "cannot lock %s: %s", path, strerror(errno));
        close(fd);
        return status;
    }
    size = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)size, 0) != size) {
        status = error_set(reterr, RAMP_IO, "cannot write %s: %s", path, strerror(errno));
        close(fd);
        return status;
    }
    datadir->lock_fd = fd;
    return RAMP_OK;
}

/* ---- the token ----------------------------------------------------------------------------- */

static ramp_status token_make(char token[TOKEN_SIZE_MAX + 1], ramp_error *reterr) {
    unsigned char bytes[TOKEN_BYTES];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return error_set(reterr, RAMP_IO, "the system has no random bytes: %s", strerror(errno));
    for (size_t i = 0; i < sizeof(bytes); i++) snprintf(token + 2 * i, 3, "%02x", bytes[i]);
    return RAMP_OK;
}

/* Under another name first: a token is there whole or not at all. */
static ramp_status token_write(const char *path, const char *token, ramp_error *reterr) {
    char temporary[PATH_MAX + 8];
    size_t size = strlen(token);
    bool written;
    int fd, error;

    snprintf(temporary, sizeof(temporary), "%s.new", path);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    written = fd >= 0 && write(fd, token, size) == (ssize_t)size && write(fd, "\n", 1) == 1 &&
              fsync(fd) == 0;
    error = errno;
    if (fd >= 0 && close(fd) != 0 && written) {
        written = false;
        error = errno;
    }
    if (written && rename(temporary, path) == 0) return RAMP_OK;
    if (written) error = errno;
    unlink(temporary);
    return error_set(reterr, RAMP_IO, "cannot write %s: %s", path, strerror(error));
}

static ramp_status token_read(char token[TOKEN_SIZE_MAX + 1], const char *path, int fd,
                              ramp_error *reterr) {
    ssize_t size = read(fd, token, TOKEN_SIZE_MAX);

    if (size < 0) return error_set(reterr, RAMP_IO, "cannot read %s: %s", path, strerror(errno));
    while (size > 0 && strchr(" \r\n\t", token[size - 1])) size--;
    token[size] = '\0';
    for (const char *c = token; *c; c++)
        if (*c <= ' ' || *c > '~') size = 0;
    if (size < TOKEN_SIZE_MIN)
        return error_set(
            reterr, RAMP_ARGS,
            "%s holds no token of at least %d visible characters; delete it and a new one "
            "is made",
            path, TOKEN_SIZE_MIN);
    return RAMP_OK;
}

static ramp_status token_open(struct datadir *datadir, const char *folder, ramp_error *reterr) {
    char path[PATH_MAX];
    ramp_status status = path_of(path, folder, "admin.token", reterr);
    int fd;

    if (status != RAMP_OK) return status;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        status = token_read(datadir->token, path, fd, reterr);
        close(fd);
        return status;
    }
    if (errno != ENOENT)
        return error_set(reterr, RAMP_IO, "cannot read %s: %s", path, strerror(errno));
    status = token_make(datadir->token, reterr);
    return status == RAMP_OK ? token_write(path, datadir->token, reterr) : status;
}

/* ---- doors --------------------------------------------------------------------------------- */

ramp_status datadir_open(struct datadir *datadir, const char *path, ramp_error *reterr) {
    ramp_status status;

    *datadir = (struct datadir){.lock_fd = -1};
    status = make_folders(path, reterr);
    if (status == RAMP_OK) status = lock_take(datadir, path, reterr);
    if (status == RAMP_OK) status = token_open(datadir, path, reterr);
    if (status != RAMP_OK) datadir_close(datadir);
    return status;
}

void datadir_close(struct datadir *datadir) {
    /* The file stays: to unlink it would let two servers lock two files of one name. */
    if (datadir->lock_fd >= 0) close(datadir->lock_fd);
    datadir->lock_fd = -1;
}
