/* SPDX-License-Identifier: Apache-2.0 */
/* cache.c -- see cache.h. Not durable on purpose: what a power cut tears does not match its HMAC, and is
 * compiled again. */
#include "server/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "drivers/files.h"
#include "drivers/module_id.h"

enum { KEY_SIZE = 32, TAG_SIZE = 32, NAME_SIZE = MODULE_ID_TEXT_SIZE + 16, READ_SIZE = 64 << 10 };

struct cache {
    char *path; /* DATA/cache */
    char *variant;
    int folder;
    EVP_MAC_CTX *hmac; /* holds the key; copied for each use */
    uint64_t size, size_max;
};

/* ---- the key --------------------------------------------------------------------------------- */

/* Reads DATA/cache.key, or makes it. A damaged one is replaced: then every artefact is compiled again. */
static ramp_status load_key(int folder, const char *data, unsigned char ret_key[KEY_SIZE],
                            ramp_error *reterr) {
    char path[CACHE_PATH_SIZE + 16];
    ramp_bytes found = {NULL, 0};
    ramp_status status;
    bool good;

    snprintf(path, sizeof(path), "%s/cache.key", data);
    status = files_read(folder, "cache.key", path, 1024, &found, reterr);
    if (status && status != RAMP_NOT_FOUND && status != RAMP_TOO_BIG) return status;
    good = status == RAMP_OK && found.size == KEY_SIZE;
    if (good) memcpy(ret_key, found.data, KEY_SIZE);
    if (found.data) OPENSSL_cleanse((void *)(uintptr_t)found.data, found.size);
    mem_free((void *)(uintptr_t)found.data);
    if (good) return RAMP_OK;
    if (RAND_bytes(ret_key, KEY_SIZE) != 1)
        return error_set(reterr, RAMP_INTERNAL, "the machine gives no random bytes for '%s'", path);
    return files_write(folder, "cache.key", path, (ramp_bytes){ret_key, KEY_SIZE}, true, reterr);
}

static ramp_status open_hmac(struct cache *cache, int folder, const char *data,
                             ramp_error *reterr) {
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", (char[]){"SHA256"}, 0),
                           OSSL_PARAM_construct_end()};
    unsigned char key[KEY_SIZE];
    ramp_status status = load_key(folder, data, key, reterr);
    EVP_MAC *mac;

    if (status) return status;
    mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    cache->hmac = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac);
    if (!cache->hmac || !EVP_MAC_init(cache->hmac, key, sizeof(key), params))
        status = error_set(reterr, RAMP_INTERNAL, "OpenSSL gives no HMAC-SHA256");
    OPENSSL_cleanse(key, sizeof(key));
    return status;
}

/* ---- names and sizes ------------------------------------------------------------------------- */

/* The file's name: what the artefact depends on, hashed. Two parts, so no two inputs look the same. */
static bool key_text(const struct cache *cache, const ramp_module_id *id,
                     char ret_text[MODULE_ID_TEXT_SIZE]) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ramp_module_id key;
    bool done = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) &&
                EVP_DigestUpdate(context, id->bytes, sizeof(id->bytes)) &&
                EVP_DigestUpdate(context, cache->variant, strlen(cache->variant)) &&
                EVP_DigestFinal_ex(context, key.bytes, NULL);

    EVP_MD_CTX_free(context);
    if (done) module_id_text(&key, ret_text);
    return done;
}

struct kept { /* a file of the folder */
    char name[NAME_SIZE];
    uint64_t size;
    int64_t used_s;
};

static int compare_used(const void *a, const void *b) {
    const struct kept *left = a, *right = b;
    return (left->used_s > right->used_s) - (left->used_s < right->used_s);
}

/* Every artefact of the folder. `*ret_files`: mem_free(). */
static size_t list_files(struct cache *cache, struct kept **ret_files) {
    int copy = openat(cache->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    struct kept *files = NULL;
    size_t count = 0, capacity = 0;

    *ret_files = NULL;
    if (!stream) {
        if (copy >= 0) close(copy);
        return 0;
    }
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        size_t length = strlen(entry->d_name);
        struct stat info;
        if (length < 10 || length >= NAME_SIZE ||
            strcmp(entry->d_name + length - 9, ".artefact") != 0 ||
            fstatat(cache->folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (count == capacity) {
            struct kept *more = mem_resize(files, (capacity ? capacity * 2 : 64) * sizeof(*files));
            if (!more) break;
            files = more;
            capacity = capacity ? capacity * 2 : 64;
        }
        files[count] = (struct kept){.size = (uint64_t)info.st_size, .used_s = info.st_mtim.tv_sec};
        memcpy(files[count++].name, entry->d_name, length + 1);
    }
    closedir(stream);
    *ret_files = files;
    return count;
}

static void remove_files(struct cache *cache, const char *key) {
    char name[NAME_SIZE];

    snprintf(name, sizeof(name), "%s.artefact", key);
    unlinkat(cache->folder, name, 0);
    snprintf(name, sizeof(name), "%s.hmac", key);
    unlinkat(cache->folder, name, 0);
}

/* Counts what is there and removes the longest unused files beyond the bound, but not `kept`. */
static void trim(struct cache *cache, const char *kept) {
    struct kept *files;
    size_t count = list_files(cache, &files);
    uint64_t size = 0;

    for (size_t i = 0; i < count; i++) size += files[i].size;
    if (size > cache->size_max) qsort(files, count, sizeof(*files), compare_used);
    for (size_t i = 0; i < count && size > cache->size_max; i++) {
        files[i].name[strlen(files[i].name) - strlen(".artefact")] = '\0';
        if (kept && strcmp(files[i].name, kept) == 0) continue;
        remove_files(cache, files[i].name);
        size -= files[i].size;
    }
    cache->size = size;
    mem_free(files);
}

/* ---- the door -------------------------------------------------------------------------------- */

ramp_status cache_open(const char *data, const char *variant, struct cache **ret_cache,
                       ramp_error *reterr) {
    size_t size = strlen(data) + sizeof("/cache");
    ramp_status status = RAMP_NO_MEMORY;
    struct cache *cache = NULL;
    int folder = -1;

    if (size + NAME_SIZE >= CACHE_PATH_SIZE)
        return error_set(reterr, RAMP_ARGS,
                         "the data folder's path is longer than %d bytes: '%.100s...'",
                         CACHE_PATH_SIZE - NAME_SIZE, data);
    cache = mem_zalloc(sizeof(*cache));
    if (!cache) goto fail;
    cache->folder = -1;
    cache->size_max = LIMIT_CACHE_SIZE;
    cache->path = mem_alloc(size);
    cache->variant = mem_copy_text(variant, strlen(variant));
    if (!cache->path || !cache->variant) goto fail;
    snprintf(cache->path, size, "%s/cache", data);

    status = folder_make(cache->path, 0700, reterr);
    if (status) goto fail;
    status = RAMP_IO;
    folder = folder_open(data, reterr);
    cache->folder = folder_open(cache->path, reterr);
    if (folder < 0 || cache->folder < 0) goto fail;
    status = open_hmac(cache, folder, data, reterr);
    if (status) goto fail;
    folder_sweep(cache->folder);
    trim(cache, NULL);
    close(folder);
    *ret_cache = cache;
    return RAMP_OK;

fail:
    if (status == RAMP_NO_MEMORY) error_set(reterr, status, "no memory to open the artefact cache");
    if (folder >= 0) close(folder);
    cache_close(cache);
    return status;
}

void cache_close(struct cache *cache) {
    if (!cache) return;
    EVP_MAC_CTX_free(cache->hmac);
    if (cache->folder >= 0) close(cache->folder);
    mem_free(cache->variant);
    mem_free(cache->path);
    mem_free(cache);
}

void cache_set_size_max(struct cache *cache, uint64_t size_max) {
    cache->size_max = size_max;
}

/* HMAC of (name, bytes): a good file under another's name is as bad as a changed one. */
static EVP_MAC_CTX *begin_tag(const struct cache *cache, const char *key) {
    EVP_MAC_CTX *context = EVP_MAC_CTX_dup(cache->hmac);

    if (context && EVP_MAC_update(context, (const unsigned char *)key, strlen(key))) return context;
    EVP_MAC_CTX_free(context);
    return NULL;
}

static bool end_tag(EVP_MAC_CTX *context, unsigned char ret_tag[TAG_SIZE]) {
    size_t size = 0;
    bool done = EVP_MAC_final(context, ret_tag, &size, TAG_SIZE) && size == TAG_SIZE;

    EVP_MAC_CTX_free(context);
    return done;
}

static bool tag_of_file(const struct cache *cache, const char *key, int fd,
                        unsigned char ret_tag[TAG_SIZE]) {
    EVP_MAC_CTX *context = begin_tag(cache, key);
    unsigned char *block = mem_alloc(READ_SIZE);
    bool good = context && block;

    while (good) {
        ssize_t count = read(fd, block, READ_SIZE);
        if (count < 0 && errno == EINTR) continue;
        if (count == 0) break;
        good = count > 0 && EVP_MAC_update(context, block, (size_t)count);
    }
    mem_free(block);
    if (good) return end_tag(context, ret_tag);
    EVP_MAC_CTX_free(context);
    return false;
}

static bool tag_of_bytes(const struct cache *cache, const char *key, ramp_bytes bytes,
                         unsigned char ret_tag[TAG_SIZE]) {
    EVP_MAC_CTX *context = begin_tag(cache, key);

    if (!context) return false;
    if (!EVP_MAC_update(context, bytes.data, bytes.size)) {
        EVP_MAC_CTX_free(context);
        return false;
    }
    return end_tag(context, ret_tag);
}

static bool read_tag(const struct cache *cache, const char *key, unsigned char ret_tag[TAG_SIZE]) {
    char name[NAME_SIZE];
    ramp_bytes bytes;
    bool good;

    snprintf(name, sizeof(name), "%s.hmac", key);
    if (files_read(cache->folder, name, name, 1024, &bytes, NULL) != RAMP_OK) return false;
    good = bytes.size == TAG_SIZE;
    if (good) memcpy(ret_tag, bytes.data, TAG_SIZE);
    mem_free((void *)(uintptr_t)bytes.data);
    return good;
}

ramp_status cache_find(struct cache *cache, const ramp_module_id *id,
                       char ret_path[CACHE_PATH_SIZE], ramp_error *reterr) {
    unsigned char expected[TAG_SIZE], found[TAG_SIZE];
    char key[MODULE_ID_TEXT_SIZE], name[NAME_SIZE];
    bool good;
    int fd;

    if (!key_text(cache, id, key)) return error_set(reterr, RAMP_NO_MEMORY, "no memory for a hash");
    snprintf(name, sizeof(name), "%s.artefact", key);
    fd = openat(cache->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return error_set(reterr, RAMP_NOT_FOUND, "no artefact '%s'", key);
    if (fd < 0)
        return error_set(reterr, RAMP_IO, "cannot open '%s/%s': %s", cache->path, name,
                         strerror(errno));
    good = read_tag(cache, key, expected) && tag_of_file(cache, key, fd, found) &&
           CRYPTO_memcmp(expected, found, TAG_SIZE) == 0;
    if (good) futimens(fd, NULL); /* used now: see trim() */
    close(fd);
    if (!good) {
        remove_files(cache, key);
        return error_set(reterr, RAMP_DENIED,
                         "'%s/%s' is not as this server wrote it; it is removed and "
                         "compiled again",
                         cache->path, name);
    }
    snprintf(ret_path, CACHE_PATH_SIZE, "%s/%s", cache->path, name);
    return RAMP_OK;
}

ramp_status cache_put(struct cache *cache, const ramp_module_id *id, ramp_bytes artefact,
                      char ret_path[CACHE_PATH_SIZE], ramp_error *reterr) {
    char key[MODULE_ID_TEXT_SIZE], name[NAME_SIZE], tag_name[NAME_SIZE], path[CACHE_PATH_SIZE];
    unsigned char tag[TAG_SIZE];
    ramp_status status;

    if (!key_text(cache, id, key) || !tag_of_bytes(cache, key, artefact, tag))
        return error_set(reterr, RAMP_NO_MEMORY, "no memory for a hash");
    snprintf(name, sizeof(name), "%s.artefact", key);
    snprintf(tag_name, sizeof(tag_name), "%s.hmac", key);
    snprintf(path, sizeof(path), "%s/%s", cache->path, name);
    status = files_write(cache->folder, name, path, artefact, false, reterr);
    if (status) return status;
    status = files_write(cache->folder, tag_name, path, (ramp_bytes){tag, TAG_SIZE}, false, reterr);
    if (status) {
        remove_files(cache, key);
        return status;
    }
    cache->size += artefact.size;
    if (cache->size > cache->size_max) trim(cache, key);
    memcpy(ret_path, path, sizeof(path));
    return RAMP_OK;
}
