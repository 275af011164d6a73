/* SPDX-License-Identifier: Apache-2.0 */
/* forgetful_vfs.h -- a file system for SQLite that keeps nothing before it is synced, and that fails on
 * command.
 *
 * Between SQLite and the system's VFS lies what the kernel would be: a cache of each file. Reads and
 * writes see the cache; a file gets its bytes from it in xSync() and not before. So whatever ends the
 * process, a kill -9, too, has the effect of a loss of power: what was not synced is gone. What the files
 * hold at any moment is what a disk would hold.
 *
 * A sync that fails on command does what Linux does: the cache goes on showing the bytes, as clean; no
 * later sync writes them (forgetful_forget_failed() makes it drop them instead, which kernels do, too).
 *
 *   forgetful_keep(30, 7)   the kernel writes some of it early: three sectors of ten at once, by chance
 *
 * Registered as "forgetful". Linked into a program with forgetful_default.c it is the default VFS, set by
 * the environment: RAMP_FORGETFUL_KEEP, RAMP_FORGETFUL_SEED, RAMP_FORGETFUL_SYNC_MS,
 * RAMP_FORGETFUL_LIES.
 */
#ifndef SUPPORT_FORGETFUL_VFS_H
#define SUPPORT_FORGETFUL_VFS_H

#include <stdbool.h>

enum forgetful_op {
    FORGETFUL_OPEN,
    FORGETFUL_READ,
    FORGETFUL_WRITE,
    FORGETFUL_SYNC,
    FORGETFUL_OP_COUNT
};

void forgetful_register(bool as_default);
/* The calls of `op` after the next `after` ones fail with SQLite's `result`, `count` of them. */
void forgetful_fail(enum forgetful_op op, unsigned after, unsigned count, int result);
void forgetful_heal(void); /* none fails any more */
/* How many calls there were, of failed ones too, since forgetful_register(). */
unsigned forgetful_calls(enum forgetful_op op);
void forgetful_forget_failed(bool forgets);
void forgetful_lie(bool lies); /* syncs say that all is well, and do nothing */
void forgetful_keep(unsigned percent, unsigned seed);
void forgetful_set_sync_ms(unsigned ms); /* each sync takes as long */
/* Syncs wait until they are allowed. */
void forgetful_hold_syncs(void);
void forgetful_allow_syncs(unsigned count);
void forgetful_release_syncs(void);
/* How many are waiting, or have waited since forgetful_hold_syncs(). */
unsigned forgetful_held_syncs(void);
/* The caches of all files that are not open are dropped: the machine has been switched off. */
void forgetful_crash(void);

#endif
