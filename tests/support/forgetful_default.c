/* SPDX-License-Identifier: Apache-2.0 */
/* forgetful_default.c -- makes the forgetful VFS the default of the program that it is linked into, before
 * main(): `ramp_forgetful` is `ramp` on a disk that loses all that is not synced, in each kill -9.
 */
#include "support/forgetful_vfs.h"

#include <stdlib.h>

static unsigned number_of(const char *name) {
    const char *text = getenv(name);

    return text ? (unsigned)strtoul(text, NULL, 10) : 0;
}

static void __attribute__((constructor)) begin(void) {
    forgetful_register(true);
    forgetful_keep(number_of("RAMP_FORGETFUL_KEEP"), number_of("RAMP_FORGETFUL_SEED"));
    forgetful_lie(number_of("RAMP_FORGETFUL_LIES") != 0);
    forgetful_set_sync_ms(number_of("RAMP_FORGETFUL_SYNC_MS"));
}
