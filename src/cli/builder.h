/* SPDX-License-Identifier: Apache-2.0 */
/* builder.h -- the compiler as a child that stays: `node ramp-build.mjs --server`, a JSON object per line.
 *
 * Door:     builder_build(), which answers through `on_built`.
 * Before:   dev.c, on its server's loop.
 * After:    the SDK's compiler, warm after the first build.
 *
 * One build at a time. The child dies with us however we end: it ends when its stdin does. One that ended by
 * itself is started again by the next build.
 */
#ifndef CLI_BUILDER_H
#define CLI_BUILDER_H

#include "cli/bytes.h"
#include "cli/toolchain.h"

#include <uv.h>

struct builder_child;

struct builder {
    uv_loop_t *loop;
    const struct toolchain *toolchain; /* borrowed */
    const char *folder;                /* the child's working directory; borrowed */
    /* The child's answer, borrowed: {"ok":true,"out","bytes","handlers","ms"} or {"ok":false,"problems"}.
     * NULL: there is none, and `message` says why. */
    void (*on_built)(void *context, const json_t *answer, const char *message);
    void *context;
    struct builder_child *child; /* NULL: none runs */
    unsigned children;           /* whose handles are not yet closed */
    unsigned id;                 /* of the build under way, or the last one */
    bool building;
};

/* `file` and `out` as the child shall see them: relative to the folder, or absolute. */
void builder_build(struct builder *builder, const char *file, const char *out, const char *mode);
/* Kills the child. Its handles are closed when `children` is 0, after turns of the loop. */
void builder_close(struct builder *builder);

#endif
