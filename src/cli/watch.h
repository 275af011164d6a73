/* SPDX-License-Identifier: Apache-2.0 */
/* watch.h -- tells when something below some folders has changed, once per burst of changes.
 *
 * Door:   watch_init(), watch_add(), watch_close().
 * Before: dev.c, on its server's loop.
 *
 * Folders are watched, not files: editors write beside and rename, which ends a file's watch. Hidden files,
 * backups and node_modules do not count. Folders that come later are found with the change that they are.
 */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "cli/file.h"

#include <uv.h>

#define WATCH_SETTLE_MS                                                                            \
    50 /* a burst of changes ends after so much quiet; editors write in several steps */
#define WATCH_ROOTS 4

struct watch_folder;

struct watch {
    uv_loop_t *loop;
    uv_timer_t settle;
    struct watch_folder **folders;
    size_t count, capacity;
    unsigned open_handles;
    struct {
        char path[FILE_PATH];
        const char *only; /* the one file that counts, and no folders below; NULL: all */
    } roots[WATCH_ROOTS];
    size_t root_count;
    char changed[FILE_PATH]; /* the first file of the burst that still exists */
    void (*on_change)(void *context, const char *path);
    void *context;
};

void watch_init(struct watch *watch, uv_loop_t *loop, void (*on_change)(void *, const char *),
                void *context);
/* Copies `path`. `only` (borrowed): see above. */
void watch_add(struct watch *watch, const char *path, const char *only);
/* No on_change after this. All is closed when open_handles is 0, after turns of the loop. */
void watch_close(struct watch *watch);
/* Afterwards. */
void watch_done(struct watch *watch);

/* Tests: whether a change of a file with this name counts. */
bool watch_counts(const char *name);

#endif
