/* SPDX-License-Identifier: Apache-2.0 */
/* forgetful_vfs.c -- see forgetful_vfs.h. */
#include "support/forgetful_vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECTOR 512

/* What the kernel knows of a file. */
struct cache {
    struct cache *next;
    char *path;
    unsigned users;
    uint8_t *bytes;
    uint8_t *dirty; /* a byte for each sector */
    sqlite3_int64 size, capacity;
};

struct file {
    sqlite3_file base;
    struct cache *cache; /* NULL: a temporary one, which goes straight through */
    sqlite3_file *real;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t allowed;
    struct cache *caches;
    struct {
        unsigned calls, after, count;
        int result;
    } ops[FORGETFUL_OP_COUNT];
    bool forgets_failed, holds;
    bool lies; /* syncs do nothing */
    unsigned keep_percent, sync_ms, allowances, held;
    uint64_t random;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER, .allowed = PTHREAD_COND_INITIALIZER, .random = 1};

static sqlite3_vfs *under; /* the system's */

static void lock(void) {
    pthread_mutex_lock(&all.lock);
}

static void unlock(void) {
    pthread_mutex_unlock(&all.lock);
}

static void *grown(void *memory, size_t before, size_t size) {
    uint8_t *larger = realloc(memory, size);

    if (!larger) abort();
    memset(larger + before, 0, size - before);
    return larger;
}

/* ---- commands ------------------------------------------------------------------------------------ */

/* Under the lock. Counts the call; SQLITE_OK, or what it fails with. */
static int fate(enum forgetful_op op) {
    all.ops[op].calls++;
    if (all.ops[op].count == 0) return SQLITE_OK;
    if (all.ops[op].after > 0) {
        all.ops[op].after--;
        return SQLITE_OK;
    }
    all.ops[op].count--;
    return all.ops[op].result;
}

void forgetful_fail(enum forgetful_op op, unsigned after, unsigned count, int result) {
    lock();
    all.ops[op].after = after;
    all.ops[op].count = count;
    all.ops[op].result = result;
    unlock();
}

void forgetful_heal(void) {
    lock();
    for (int op = 0; op < FORGETFUL_OP_COUNT; op++) all.ops[op].count = 0;
    unlock();
}

unsigned forgetful_calls(enum forgetful_op op) {
    unsigned calls;

    lock();
    calls = all.ops[op].calls;
    unlock();
    return calls;
}

void forgetful_forget_failed(bool forgets) {
    lock();
    all.forgets_failed = forgets;
    unlock();
}

void forgetful_lie(bool lies) {
    lock();
    all.lies = lies;
    unlock();
}

void forgetful_keep(unsigned percent, unsigned seed) {
    lock();
    all.keep_percent = percent;
    all.random = (uint64_t)seed * 2 + 1;
    unlock();
}

void forgetful_set_sync_ms(unsigned ms) {
    lock();
    all.sync_ms = ms;
    unlock();
}

void forgetful_hold_syncs(void) {
    lock();
    all.holds = true;
    all.held = all.allowances = 0;
    unlock();
}

void forgetful_allow_syncs(unsigned count) {
    lock();
    all.allowances += count;
    pthread_cond_broadcast(&all.allowed);
    unlock();
}

void forgetful_release_syncs(void) {
    lock();
    all.holds = false;
    pthread_cond_broadcast(&all.allowed);
    unlock();
}

unsigned forgetful_held_syncs(void) {
    unsigned held;

    lock();
    held = all.held;
    unlock();
    return held;
}

static void wait_for_allowance(void) {
    if (!all.holds) return;
    all.held++;
    while (all.holds && all.allowances == 0) pthread_cond_wait(&all.allowed, &all.lock);
    if (all.allowances) all.allowances--;
}

/* ---- caches -------------------------------------------------------------------------------------- */

static void cache_free(struct cache *cache) {
    free(cache->path);
    free(cache->bytes);
    free(cache->dirty);
    free(cache);
}

static void cache_reserve(struct cache *cache, sqlite3_int64 size) {
    sqlite3_int64 capacity = cache->capacity ? cache->capacity : 64 * SECTOR;

    if (size <= cache->capacity) return;
    while (capacity < size) capacity *= 2;
    cache->bytes = grown(cache->bytes, (size_t)cache->capacity, (size_t)capacity);
    cache->dirty =
        grown(cache->dirty, (size_t)(cache->capacity / SECTOR), (size_t)(capacity / SECTOR));
    cache->capacity = capacity;
}

/* What the disk holds. */
static int cache_load(struct cache *cache, sqlite3_file *real) {
    int result = real->pMethods->xFileSize(real, &cache->size);

    if (result != SQLITE_OK) return result;
    cache_reserve(cache, cache->size);
    memset(cache->dirty, 0, (size_t)(cache->capacity / SECTOR));
    memset(cache->bytes, 0, (size_t)cache->capacity);
    return cache->size ? real->pMethods->xRead(real, cache->bytes, (int)cache->size, 0) : SQLITE_OK;
}

static struct cache *cache_find(const char *path) {
    struct cache *cache = all.caches;

    while (cache && strcmp(cache->path, path) != 0) cache = cache->next;
    return cache;
}

static void cache_drop(struct cache *cache) {
    struct cache **at = &all.caches;

    while (*at != cache) at = &(*at)->next;
    *at = cache->next;
    cache_free(cache);
}

void forgetful_crash(void) {
    lock();
    for (struct cache *cache = all.caches, *next; cache; cache = next) {
        next = cache->next;
        if (cache->users == 0) cache_drop(cache);
    }
    unlock();
}

static int write_sector(struct cache *cache, sqlite3_file *real, sqlite3_int64 sector) {
    sqlite3_int64 at = sector * SECTOR;
    int size = cache->size - at < SECTOR ? (int)(cache->size - at) : SECTOR;

    cache->dirty[sector] = 0;
    return size > 0 ? real->pMethods->xWrite(real, cache->bytes + at, size, at) : SQLITE_OK;
}

static bool by_chance(void) {
    all.random ^= all.random << 13;
    all.random ^= all.random >> 7;
    all.random ^= all.random << 17;
    return (all.random >> 33) % 100 < all.keep_percent;
}

static int cache_flush(struct cache *cache, sqlite3_file *real) {
    sqlite3_int64 size = 0;
    int result = real->pMethods->xFileSize(real, &size);

    if (result == SQLITE_OK && size > cache->size)
        result = real->pMethods->xTruncate(real, cache->size);
    for (sqlite3_int64 i = 0; i * SECTOR < cache->size && result == SQLITE_OK; i++)
        if (cache->dirty[i]) result = write_sector(cache, real, i);
    return result;
}

/* ---- methods of files ---------------------------------------------------------------------------- */

static struct file *file_of(sqlite3_file *base) {
    return (struct file *)base;
}

static int file_close(sqlite3_file *base) {
    struct file *file = file_of(base);

    lock();
    file->cache->users--;
    unlock();
    return file->real->pMethods->xClose(file->real);
}

static int file_read(sqlite3_file *base, void *out, int size, sqlite3_int64 at) {
    struct cache *cache = file_of(base)->cache;
    sqlite3_int64 there;
    int result;

    lock();
    result = fate(FORGETFUL_READ);
    if (result == SQLITE_OK) {
        there = at < cache->size ? cache->size - at : 0;
        if (there > size) there = size;
        if (there) memcpy(out, cache->bytes + at, (size_t)there);
        memset((uint8_t *)out + there, 0, (size_t)(size - there));
        if (there < size) result = SQLITE_IOERR_SHORT_READ;
    }
    unlock();
    return result;
}

static int file_write(sqlite3_file *base, const void *bytes, int size, sqlite3_int64 at) {
    struct file *file = file_of(base);
    struct cache *cache = file->cache;
    int result;

    lock();
    result = fate(FORGETFUL_WRITE);
    if (result == SQLITE_OK) {
        cache_reserve(cache, at + size);
        memcpy(cache->bytes + at, bytes, (size_t)size);
        if (at + size > cache->size) cache->size = at + size;
        for (sqlite3_int64 i = at / SECTOR; i * SECTOR < at + size && result == SQLITE_OK; i++) {
            cache->dirty[i] = 1;
            if (by_chance()) result = write_sector(cache, file->real, i);
        }
    }
    unlock();
    return result;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size) {
    struct cache *cache = file_of(base)->cache;

    lock();
    if (size < cache->size) memset(cache->bytes + size, 0, (size_t)(cache->size - size));
    cache->size = size;
    unlock();
    return SQLITE_OK;
}

static int file_sync(sqlite3_file *base, int flags) {
    struct file *file = file_of(base);
    int result;
    unsigned ms;

    (void)flags;
    lock();
    wait_for_allowance();
    ms = all.sync_ms;
    unlock();
    if (ms)
        nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
    lock();
    result = fate(FORGETFUL_SYNC);
    if (result == SQLITE_OK && all.lies) {
        /* the bytes stay where they are, dirty */
    } else if (result == SQLITE_OK) {
        result = cache_flush(file->cache, file->real);
    } else if (all.forgets_failed) {
        cache_load(file->cache, file->real);
    } else {
        memset(file->cache->dirty, 0, (size_t)(file->cache->capacity / SECTOR));
    }
    unlock();
    return result; /* what the file holds is what a disk would hold: no need to ask a real one */
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret_size) {
    lock();
    *ret_size = file_of(base)->cache->size;
    unlock();
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *base, int level) {
    return file_of(base)->real->pMethods->xLock(file_of(base)->real, level);
}

static int file_unlock(sqlite3_file *base, int level) {
    return file_of(base)->real->pMethods->xUnlock(file_of(base)->real, level);
}

static int file_check_lock(sqlite3_file *base, int *ret_held) {
    return file_of(base)->real->pMethods->xCheckReservedLock(file_of(base)->real, ret_held);
}

static int file_control(sqlite3_file *base, int op, void *argument) {
    /* Would make the file larger behind the cache's back. */
    if (op == SQLITE_FCNTL_SIZE_HINT || op == SQLITE_FCNTL_CHUNK_SIZE) return SQLITE_OK;
    return file_of(base)->real->pMethods->xFileControl(file_of(base)->real, op, argument);
}

static int file_sector_size(sqlite3_file *base) {
    return file_of(base)->real->pMethods->xSectorSize(file_of(base)->real);
}

static int file_characteristics(sqlite3_file *base) {
    return file_of(base)->real->pMethods->xDeviceCharacteristics(file_of(base)->real);
}

static int file_shm_map(sqlite3_file *base, int page, int size, int extend, void volatile **ret) {
    return file_of(base)->real->pMethods->xShmMap(file_of(base)->real, page, size, extend, ret);
}

static int file_shm_lock(sqlite3_file *base, int offset, int count, int flags) {
    return file_of(base)->real->pMethods->xShmLock(file_of(base)->real, offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *base) {
    file_of(base)->real->pMethods->xShmBarrier(file_of(base)->real);
}

static int file_shm_unmap(sqlite3_file *base, int deletes) {
    return file_of(base)->real->pMethods->xShmUnmap(file_of(base)->real, deletes);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* without mmap() */
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* ---- the file system ------------------------------------------------------------------------------- */

/* Under the lock. */
static int use_cache(struct file *file, const char *path) {
    struct cache *cache = cache_find(path);
    int result = SQLITE_OK;

    if (!cache) {
        cache = calloc(1, sizeof(*cache));
        if (!cache || !(cache->path = strdup(path))) abort();
        cache_reserve(cache, SECTOR);
        result = cache_load(cache, file->real);
        cache->next = all.caches;
        all.caches = cache;
    }
    cache->users++;
    file->cache = cache;
    return result;
}

static int vfs_open(sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *base, int flags,
                    int *ret_flags) {
    struct file *file = file_of(base);
    int result;

    (void)vfs;
    memset(file, 0, sizeof(*file));
    if (!path) return SQLITE_CANTOPEN; /* a temporary file; nobody here has any */
    file->real = (sqlite3_file *)(file + 1);
    lock();
    result = fate(FORGETFUL_OPEN);
    if (result == SQLITE_OK) result = under->xOpen(under, path, file->real, flags, ret_flags);
    if (result == SQLITE_OK) result = use_cache(file, path);
    unlock();
    if (result == SQLITE_OK) file->base.pMethods = &methods;
    return result;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_folder) {
    struct cache *cache;

    (void)vfs;
    lock();
    cache = cache_find(path);
    if (cache && cache->users == 0) cache_drop(cache);
    unlock();
    return under->xDelete(under, path, sync_folder);
}

void forgetful_register(bool as_default) {
    static sqlite3_vfs vfs;

    if (under) return;
    under = sqlite3_vfs_find(NULL);
    vfs = *under;
    vfs.zName = "forgetful";
    vfs.szOsFile = (int)sizeof(struct file) + under->szOsFile;
    vfs.pNext = NULL;
    vfs.xOpen = vfs_open;
    vfs.xDelete = vfs_delete;
    if (sqlite3_vfs_register(&vfs, as_default) != SQLITE_OK) abort();
}
