/* SPDX-License-Identifier: Apache-2.0 */
/* static_files.c -- see static_files.h. */
#include "server/static_files.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "server/console_files.h"

static const char *const types[][2] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".gif", "image/gif"},
    {".webp", "image/webp"},
    {".avif", "image/avif"},
    {".ico", "image/x-icon"},
    {".txt", "text/plain; charset=utf-8"},
    {".md", "text/plain; charset=utf-8"},
    {".wasm", "application/wasm"},
    {".woff2", "font/woff2"},
    {".woff", "font/woff"},
    {".ttf", "font/ttf"},
    {".mp3", "audio/mpeg"},
    {".ogg", "audio/ogg"},
    {".wav", "audio/wav"},
    {".mp4", "video/mp4"},
    {".webm", "video/webm"},
    {".webmanifest", "application/manifest+json"},
};

const char *static_type(const char *path) {
    const char *ending = strrchr(path, '.');

    for (size_t i = 0; ending && i < sizeof(types) / sizeof(*types); i++)
        if (strcasecmp(ending, types[i][0]) == 0) return types[i][1];
    return "application/octet-stream";
}

bool static_path_is_safe(const char *path) {
    if (*path != '/') return false;
    for (const char *c = path; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F || *c == '\\') return false;
        if (*c == '/' && (c[1] == '.' || c[1] == '/')) return false;
    }
    return true;
}

/* ---- answering, with an ETag ----------------------------------------------------------------- */

static bool header_is(const struct exchange *exchange, const char *name, const char *value) {
    ramp_bytes header = exchange_header(exchange, name);

    return header.data && header.size == strlen(value) &&
           memcmp(header.data, value, header.size) == 0;
}

/* The browser keeps files but asks every time: a build is seen at once. `more`: further header lines. */
static void answer(struct exchange *exchange, const char *type, const char *etag, const char *more,
                   ramp_bytes bytes) {
    char headers[640];

    snprintf(headers, sizeof(headers),
             "ETag: %s\r\nCache-Control: no-cache\r\n"
             "X-Content-Type-Options: nosniff\r\n%s",
             etag, more);
    if (header_is(exchange, "if-none-match", etag))
        exchange_reply(exchange, 304, NULL, headers, (ramp_bytes){NULL, 0});
    else exchange_reply(exchange, 200, type, headers, bytes);
}

/* FNV-1a: tells versions of one file apart, and no more. */
static uint64_t fingerprint(const unsigned char *bytes, size_t size) {
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

/* The console holds a token: nothing but its own files runs in it, and no
 * other page may frame it. Rooms may be on another port than the console, hence ws:. The web folder is the
 * author's, who may load from wherever they like. */
static const char console_policy[] =
    "Content-Security-Policy: default-src 'self'; connect-src 'self' ws: wss:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "Referrer-Policy: no-referrer\r\n";

bool static_console(struct exchange *exchange, const char *path) {
    if (strcmp(path, "/") == 0) path = "/index.html";
    for (size_t i = 0; i < console_files_count; i++) {
        const struct console_file *file = &console_files[i];
        char etag[32];
        if (strcmp(file->path, path) != 0) continue;
        snprintf(etag, sizeof(etag), "\"%016llx\"",
                 (unsigned long long)fingerprint(file->bytes, file->size));
        answer(exchange, file->type, etag, console_policy, (ramp_bytes){file->bytes, file->size});
        return true;
    }
    return false;
}

/* ---- the web folder -------------------------------------------------------------------------- */

/* Opens the file that `path` names, symbolic links followed, if it lies in the folder. -1: no. */
static int open_inside(const char *folder, const char *path, char ret_real[PATH_MAX]) {
    char root[PATH_MAX], wanted[PATH_MAX];
    struct stat info;
    size_t size;
    int fd;

    if (!realpath(folder, root) ||
        snprintf(wanted, sizeof(wanted), "%s%s", root, path) >= (int)sizeof(wanted))
        return -1;
    if (!realpath(wanted, ret_real)) return -1;
    size = strlen(root);
    if (strncmp(ret_real, root, size) != 0 || (ret_real[size] != '/' && ret_real[size] != '\0'))
        return -1;
    fd = open(ret_real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))) {
        close(fd);
        return -1;
    }
    return fd;
}

static void answer_file(struct exchange *exchange, int fd, const char *real) {
    unsigned char *bytes = NULL;
    struct stat info;
    char etag[80];
    size_t size = 0;

    if (fstat(fd, &info) != 0 || (uint64_t)info.st_size > LIMIT_WEB_FILE) {
        exchange_reply_error(exchange, 500, "TOO_BIG",
                             "files of the web folder have at most %u bytes here", LIMIT_WEB_FILE);
        return;
    }
    bytes = mem_alloc((size_t)info.st_size);
    while (bytes && size < (size_t)info.st_size) {
        ssize_t count = read(fd, bytes + size, (size_t)info.st_size - size);
        if (count <= 0) break;
        size += (size_t)count;
    }
    if (!bytes || size < (size_t)info.st_size) {
        exchange_reply_error(exchange, 500, "IO", "the file could not be read");
    } else {
        snprintf(etag, sizeof(etag), "\"%llx-%llx-%llx\"", (unsigned long long)info.st_ino,
                 (unsigned long long)info.st_mtim.tv_sec * 1000000000u +
                     (unsigned long long)info.st_mtim.tv_nsec,
                 (unsigned long long)size);
        answer(exchange, static_type(real), etag, "", (ramp_bytes){bytes, size});
    }
    mem_free(bytes);
}

bool static_web(struct exchange *exchange, const char *folder, const char *path) {
    char indexed[PATH_MAX], real[PATH_MAX];
    size_t size = strlen(path);
    int fd;

    if (size == 0 || !static_path_is_safe(path)) return false;
    if (path[size - 1] == '/') {
        if (snprintf(indexed, sizeof(indexed), "%sindex.html", path) >= (int)sizeof(indexed))
            return false;
        path = indexed;
    }
    fd = open_inside(folder, path, real);
    if (fd < 0) return false;
    answer_file(exchange, fd, real);
    close(fd);
    return true;
}
