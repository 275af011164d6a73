/* SPDX-License-Identifier: Apache-2.0 */
/* files.c -- see files.h. Temporary names are ".tmp-<pid>-<number>": a sweep leaves those of a process
 * that lives, since two servers may share a store. */
#include "drivers/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

#define TEMPORARY_PREFIX ".tmp-"

/* "cannot write 'PATH': No space left on device" */
static ramp_status error_of_errno(ramp_error *reterr, const char *what, const char *path) {
    return error_set(reterr, errno == ENOMEM ? RAMP_NO_MEMORY : RAMP_IO, "cannot %s '%s': %s", what,
                     path, strerror(errno));
}

ramp_status folder_make(const char *path, unsigned mode, ramp_error *reterr) {
    size_t size = strlen(path);
    char *part = mem_copy_text(path, size);
    ramp_status status = RAMP_OK;
    struct stat info;

    if (!part) return error_set(reterr, RAMP_NO_MEMORY, "no memory to make '%s'", path);
    for (size_t i = 1; i <= size && status == RAMP_OK; i++) {
        if (part[i] != '/' && part[i] != '\0') continue;
        part[i] = '\0';
        if (mkdir(part, i == size ? mode : 0777) != 0 && errno != EEXIST)
            status = error_of_errno(reterr, "make the folder", part);
        if (i < size) part[i] = '/';
    }
    mem_free(part);
    if (status) return status;
    if (stat(path, &info) != 0) return error_of_errno(reterr, "use the folder", path);
    if (!S_ISDIR(info.st_mode)) return error_set(reterr, RAMP_IO, "'%s' is not a folder", path);
    return RAMP_OK;
}

int folder_open(const char *path, ramp_error *reterr) {
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (folder < 0) error_of_errno(reterr, "open the folder", path);
    return folder;
}

/* The process that made the temporary file has gone (or the name tells of none). */
static bool is_left_over(const char *name) {
    char *end;
    long pid;

    if (strncmp(name, TEMPORARY_PREFIX, strlen(TEMPORARY_PREFIX)) != 0) return false;
    pid = strtol(name + strlen(TEMPORARY_PREFIX), &end, 10);
    if (*end != '-' || pid <= 0 || pid > INT32_MAX) return true;
    return pid == (long)getpid() || (kill((pid_t)pid, 0) != 0 && errno == ESRCH);
}

void folder_sweep(int folder) {
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);

    if (!stream) {
        if (copy >= 0) close(copy);
        return;
    }
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;)
        if (is_left_over(entry->d_name)) unlinkat(folder, entry->d_name, 0);
    closedir(stream);
}

static ramp_status read_all(int fd, const char *path, size_t size, ramp_bytes *ret_bytes,
                            ramp_error *reterr) {
    unsigned char *data = mem_alloc(size + 1);
    size_t got = 0;

    if (!data) return error_set(reterr, RAMP_NO_MEMORY, "no memory to read '%s'", path);
    while (got < size) {
        ssize_t count = read(fd, data + got, size - got);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            ramp_status status = error_of_errno(reterr, "read", path);
            mem_free(data);
            return status;
        }
        if (count == 0) break; /* cut meanwhile */
        got += (size_t)count;
    }
    data[got] = '\0';
    *ret_bytes = (ramp_bytes){data, got};
    return RAMP_OK;
}

ramp_status files_read(int folder, const char *name, const char *path, size_t size_max,
                       ramp_bytes *ret_bytes, ramp_error *reterr) {
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ramp_status status;
    struct stat info;

    if (fd < 0 && errno == ENOENT)
        return error_set(reterr, RAMP_NOT_FOUND, "there is no '%s'", path);
    if (fd < 0) return error_of_errno(reterr, "open", path);
    if (fstat(fd, &info) != 0) status = error_of_errno(reterr, "read", path);
    else if (!S_ISREG(info.st_mode))
        status = error_set(reterr, RAMP_IO, "'%s' is not a file", path);
    else if ((uint64_t)info.st_size > size_max)
        status = error_set(reterr, RAMP_TOO_BIG, "'%s' has %lld bytes, more than the %zu allowed",
                           path, (long long)info.st_size, size_max);
    else status = read_all(fd, path, (size_t)info.st_size, ret_bytes, reterr);
    close(fd);
    return status;
}

static bool write_all(int fd, ramp_bytes bytes) {
    const unsigned char *data = bytes.data;

    for (size_t done = 0; done < bytes.size;) {
        ssize_t count = write(fd, data + done, bytes.size - done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        done += (size_t)count;
    }
    return true;
}

ramp_status files_write(int folder, const char *name, const char *path, ramp_bytes bytes,
                        bool durable, ramp_error *reterr) {
    static atomic_uint counter;
    char temporary[48];
    ramp_status status;
    bool written;
    int fd;

    snprintf(temporary, sizeof(temporary), TEMPORARY_PREFIX "%ld-%u", (long)getpid(),
             atomic_fetch_add(&counter, 1));
    fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return error_of_errno(reterr, "write", path);
    written = write_all(fd, bytes) && (!durable || fsync(fd) == 0);
    if (!written) {
        status = error_of_errno(reterr, "write", path);
        close(fd);
    } else if (close(fd) != 0 || renameat(folder, temporary, folder, name) != 0) {
        status = error_of_errno(reterr, "write", path);
    } else if (durable && fsync(folder) != 0) {
        return error_set(reterr, RAMP_IO,
                         "'%s' is written, but it may be lost if the machine stops now: %s", path,
                         strerror(errno));
    } else {
        return RAMP_OK;
    }
    unlinkat(folder, temporary, 0);
    return status;
}
