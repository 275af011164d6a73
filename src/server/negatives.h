/* SPDX-License-Identifier: Apache-2.0 */
/* negatives.h -- loads that have failed, remembered for LIMIT_NEGATIVE_MS: whoever asks again and again
 * costs nothing, and a service that has been repaired is back at once.
 *
 * Door:   negatives_find(), negatives_remember(), negatives_forget().
 * Before: loader.c, whose thread owns them.
 */
#ifndef SERVER_NEGATIVES_H
#define SERVER_NEGATIVES_H

#include <ramp/ramp.h>

#include "base/list.h"
#include "base/map.h"

struct negatives {
    struct map by_service;
    struct list oldest_first;
};

void negatives_init(struct negatives *negatives, uint64_t seed);
void negatives_done(struct negatives *negatives);
/* Why the load failed; NULL: nothing is remembered. Good until the next call. */
const ramp_error *negatives_find(struct negatives *negatives, const char *service, uint64_t now_ms);
void negatives_remember(struct negatives *negatives, const char *service, const ramp_error *error,
                        uint64_t now_ms);
void negatives_forget(struct negatives *negatives, const char *service);

#endif
