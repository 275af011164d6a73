/* SPDX-License-Identifier: Apache-2.0 */
/* watch.c -- tells when something below some folders has changed; see watch.h. */
#include "cli/watch.h"

#include "base/limits.h"
#include "base/mem.h"

#include <assert.h>
#include <dirent.h>
#include <string.h>

struct watch_folder {
    uv_fs_event_t event;
    struct watch *watch;
    const char *only;
    char path[FILE_PATH];
};

bool watch_counts(const char *name) {
    size_t size = strlen(name);

    if (size == 0 || name[0] == '.' || name[0] == '#' || name[size - 1] == '~') return false;
    /* vim probes a folder with a file of this name. */
    return strcmp(name, "4913") != 0 && strcmp(name, "node_modules") != 0;
}

/* ---- what is watched ------------------------------------------------------------------------------- */

static void on_folder_closed(uv_handle_t *handle) {
    struct watch_folder *folder = handle->data;

    folder->watch->open_handles--;
    mem_free(folder);
}

static void drop_folder(struct watch *watch, size_t index) {
    uv_close((uv_handle_t *)&watch->folders[index]->event, on_folder_closed);
    watch->folders[index] = watch->folders[--watch->count];
}

static bool is_watched(const struct watch *watch, const char *path, const char *only) {
    for (size_t i = 0; i < watch->count; i++)
        if (watch->folders[i]->only == only && strcmp(watch->folders[i]->path, path) == 0)
            return true;
    return false;
}

static void on_event(uv_fs_event_t *event, const char *name, int events, int status);

static void start_folder(struct watch *watch, const char *path, const char *only) {
    if (watch->count == LIMIT_WATCH_FOLDERS || is_watched(watch, path, only)) return;
    if (watch->count == watch->capacity) {
        size_t capacity = watch->capacity ? watch->capacity * 2 : 16;
        struct watch_folder **folders =
            mem_resize(watch->folders, capacity * sizeof(struct watch_folder *));
        if (!folders) return;
        watch->folders = folders;
        watch->capacity = capacity;
    }
    struct watch_folder *folder = mem_zalloc(sizeof(*folder));
    if (!folder) return;
    folder->watch = watch;
    folder->only = only;
    memcpy(folder->path, path, strlen(path) + 1);
    uv_fs_event_init(watch->loop, &folder->event);
    folder->event.data = folder;
    watch->open_handles++;
    watch->folders[watch->count++] = folder;
    if (uv_fs_event_start(&folder->event, on_event, path, 0)) drop_folder(watch, watch->count - 1);
}

/* Watches the folder and those below it that are not yet watched. */
static void scan_folder(struct watch *watch, const char *path, unsigned depth) {
    char below[FILE_PATH];
    DIR *folder = depth < 16 ? opendir(path) : NULL;

    if (!folder) return;
    start_folder(watch, path, NULL);
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!watch_counts(entry->d_name) || entry->d_type == DT_LNK) continue;
        if (file_join(below, path, entry->d_name) && file_is_folder(below))
            scan_folder(watch, below, depth + 1);
    }
    closedir(folder);
}

/* Lets go of folders that are no more, and finds new ones. */
static void scan(struct watch *watch) {
    for (size_t i = watch->count; i > 0; i--)
        if (!file_is_folder(watch->folders[i - 1]->path)) drop_folder(watch, i - 1);
    for (size_t i = 0; i < watch->root_count; i++) {
        if (watch->roots[i].only) start_folder(watch, watch->roots[i].path, watch->roots[i].only);
        else scan_folder(watch, watch->roots[i].path, 0);
    }
}

/* ---- changes --------------------------------------------------------------------------------------- */

static void on_settled(uv_timer_t *timer) {
    struct watch *watch = timer->data;
    char changed[FILE_PATH];

    memcpy(changed, watch->changed, sizeof(changed));
    watch->changed[0] = '\0';
    scan(watch);
    watch->on_change(watch->context, changed);
}

/* A folder of this name came or went: whatever watch we have of it is of the old one. */
static void forget_below(struct watch *watch, const char *path) {
    size_t size = strlen(path);

    for (size_t i = watch->count; i > 0; i--) {
        const char *other = watch->folders[i - 1]->path;
        if (strncmp(other, path, size) == 0 && (other[size] == '/' || !other[size]))
            drop_folder(watch, i - 1);
    }
}

static void on_event(uv_fs_event_t *event, const char *name, int events, int status) {
    struct watch_folder *folder = event->data;
    struct watch *watch = folder->watch;
    char path[FILE_PATH];

    if (status || !name) return;
    if (folder->only ? strcmp(name, folder->only) != 0 : !watch_counts(name)) return;
    if (!file_join(path, folder->path, name)) return;
    /* Not a file that an editor made and renamed: people do not know its name. */
    if (!watch->changed[0] || !file_exists(watch->changed))
        memcpy(watch->changed, path, sizeof(path));
    if ((events & UV_RENAME) && !folder->only) forget_below(watch, path);
    uv_timer_start(&watch->settle, on_settled, WATCH_SETTLE_MS, 0);
}

/* ---- doors ----------------------------------------------------------------------------------------- */

void watch_init(struct watch *watch, uv_loop_t *loop, void (*on_change)(void *, const char *),
                void *context) {
    *watch = (struct watch){.loop = loop, .on_change = on_change, .context = context};
    uv_timer_init(loop, &watch->settle);
    watch->settle.data = watch;
    watch->open_handles = 1;
}

void watch_add(struct watch *watch, const char *path, const char *only) {
    assert(watch->root_count < WATCH_ROOTS && strlen(path) < FILE_PATH);
    memcpy(watch->roots[watch->root_count].path, path, strlen(path) + 1);
    watch->roots[watch->root_count++].only = only;
    scan(watch);
}

static void on_timer_closed(uv_handle_t *handle) {
    struct watch *watch = handle->data;
    watch->open_handles--;
}

void watch_close(struct watch *watch) {
    while (watch->count) drop_folder(watch, watch->count - 1);
    uv_close((uv_handle_t *)&watch->settle, on_timer_closed);
}

void watch_done(struct watch *watch) {
    mem_free(watch->folders);
    watch->folders = NULL;
}
