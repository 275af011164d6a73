/* SPDX-License-Identifier: Apache-2.0 */
/* file.c -- files and folders as the verbs need them; see file.h. */
#include "cli/file.h"

#include "base/error.h"
#include "base/limits.h"
#include "cli/jsonc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

bool file_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

bool file_is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool file_join(char out[static FILE_PATH], const char *a, const char *b) {
    bool alone = b[0] == '/' || a[0] == '\0' || strcmp(a, ".") == 0;
    size_t a_size = strlen(a);
    const char *between = alone || a[a_size - 1] == '/' ? "" : "/";
    int size = snprintf(out, FILE_PATH, "%s%s%s", alone ? "" : a, between, b);
    return size >= 0 && size < FILE_PATH;
}

void file_parent(char out[static FILE_PATH], const char *path) {
    const char *slash = strrchr(path, '/');
    size_t size = slash ? (size_t)(slash - path) : 0;

    if (slash == path) size = 1;
    if (size >= FILE_PATH) size = FILE_PATH - 1;
    memcpy(out, path, size);
    out[size] = '\0';
    if (!slash) memcpy(out, ".", 2);
}

bool file_real(char out[static FILE_PATH], const char *path) {
    char *real = realpath(path, NULL);
    bool fits = real && strlen(real) < FILE_PATH;

    if (fits) memcpy(out, real, strlen(real) + 1);
    free(real);
    return fits;
}

bool file_exe_folder(char out[static FILE_PATH]) {
    char exe[FILE_PATH];
    size_t size = sizeof(exe);

    if (uv_exepath(exe, &size)) return false;
    file_parent(out, exe);
    return true;
}

/* ---- reading ----------------------------------------------------------------------------------- */

static ramp_status read_failed(const char *path, ramp_error *reterr) {
    return error_set(reterr, errno == ENOENT ? RAMP_NOT_FOUND : RAMP_IO, "%s: %s", path,
                     strerror(errno));
}

static ramp_status read_all(int fd, const char *path, struct bytes *ret_bytes, ramp_error *reterr) {
    char piece[16384];

    for (;;) {
        ssize_t size = read(fd, piece, sizeof(piece));
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return read_failed(path, reterr);
        if (size == 0) return RAMP_OK;
        bytes_add(ret_bytes, piece, (size_t)size);
        if (ret_bytes->failed)
            return error_set(reterr, RAMP_TOO_BIG, "%s: larger than %zu bytes", path,
                             ret_bytes->max);
    }
}

ramp_status file_read(const char *path, struct bytes *ret_bytes, ramp_error *reterr) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) return read_failed(path, reterr);
    ramp_status status = read_all(fd, path, ret_bytes, reterr);
    close(fd);
    return status;
}

ramp_status file_read_json(const char *path, json_t **ret_root, ramp_error *reterr) {
    struct bytes text;
    json_error_t wrong;

    bytes_init(&text, LIMIT_CLI_JSON);
    ramp_status status = file_read(path, &text, reterr);
    if (!status) {
        if (text.data) jsonc_strip(text.data, text.size);
        json_t *root =
            json_loadb(text.data ? text.data : "", text.size, JSON_REJECT_DUPLICATES, &wrong);
        if (root) *ret_root = root;
        else
            status = error_set(reterr, RAMP_ARGS, "%s:%d:%d: %s", path, wrong.line, wrong.column,
                               wrong.text);
    }
    bytes_done(&text);
    return status;
}

/* ---- writing ----------------------------------------------------------------------------------- */

static ramp_status write_all(int fd, const char *path, const char *data, size_t size,
                             ramp_error *reterr) {
    while (size) {
        ssize_t done = write(fd, data, size);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return error_set(reterr, RAMP_IO, "%s: %s", path, strerror(errno));
        data += done;
        size -= (size_t)done;
    }
    return RAMP_OK;
}

ramp_status file_write_new(const char *path, unsigned mode, const void *data, size_t size,
                           ramp_error *reterr) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);

    if (fd < 0) return error_set(reterr, RAMP_IO, "%s: %s", path, strerror(errno));
    ramp_status status = write_all(fd, path, data, size, reterr);
    if (close(fd) && !status) status = error_set(reterr, RAMP_IO, "%s: %s", path, strerror(errno));
    if (status) unlink(path);
    return status;
}

ramp_status file_write(const char *path, unsigned mode, const void *data, size_t size,
                       ramp_error *reterr) {
    char beside[FILE_PATH];
    int length = snprintf(beside, sizeof(beside), "%s.%ld.new", path, (long)getpid());

    if (length < 0 || (size_t)length >= sizeof(beside))
        return error_set(reterr, RAMP_ARGS, "%s: the path is too long", path);
    ramp_status status = file_write_new(beside, mode, data, size, reterr);
    if (status) return status;
    if (rename(beside, path)) {
        status = error_set(reterr, RAMP_IO, "%s: %s", path, strerror(errno));
        unlink(beside);
    }
    return status;
}

ramp_status file_make_folders(const char *path, ramp_error *reterr) {
    char partial[FILE_PATH];
    size_t size = strlen(path);

    if (size >= sizeof(partial))
        return error_set(reterr, RAMP_ARGS, "%s: the path is too long", path);
    for (size_t i = 1; i <= size; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        memcpy(partial, path, i);
        partial[i] = '\0';
        if (mkdir(partial, 0777) && errno != EEXIST)
            return error_set(reterr, RAMP_IO, "%s: %s", partial, strerror(errno));
    }
    if (!file_is_folder(path)) return error_set(reterr, RAMP_IO, "%s: not a folder", path);
    return RAMP_OK;
}
