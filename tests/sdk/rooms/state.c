/* SPDX-License-Identifier: Apache-2.0 */
/* state.c -- db, kv, alarm, saved state and on_error from C. A message is one letter: S stores, G reads,
 * L lists, K writes and reads kv, A sets the alarm, P panics.
 */
#include "ramp_guest.h"

RAMP_MODULE(4096);

static uint8_t out[4096];
static uint32_t opened, stale;

static void say(const void *text, uint32_t n) {
    ramp_room_broadcast(text, n, RAMP_TEXT, 0, 0);
}

static void say_result(int32_t n) {
    if (n == -RAMP_E_NOT_FOUND) say(RAMP_LIT("none"));
    else if (n < 0) say(RAMP_LIT("failed"));
    else say(out, (uint32_t)n);
}

RAMP_ON_OPEN(reason, n, flags) {
    opened = reason;
    stale = flags & RAMP_FLAG_STALE;
    if (n > 0) ramp_log(RAMP_LOG_INFO, ramp_payload(), n);
    ramp_log(RAMP_LOG_INFO, stale ? "stale" : "fresh", 5);
}

RAMP_ON_SAVE() {
    ramp_state_save(RAMP_LIT("kept"));
}

RAMP_ON_ALARM() {
    say(RAMP_LIT("alarm"));
}

RAMP_ON_ERROR(n, flags) {
    const struct ramp_failure *failure = (const struct ramp_failure *)ramp_payload();
    (void)n;
    (void)flags;
    if (failure->call == RAMP_CALL_MESSAGE)
        ramp_log(RAMP_LOG_ERROR, failure + 1, failure->message_size);
}

static void list(void) {
    int32_t n = ramp_db_list(RAMP_LIT("k/"), 0, 0, 10, out, sizeof(out));
    n = RAMP_AWAIT(n, out, sizeof(out));
    if (n < 0) {
        say(RAMP_LIT("failed"));
        return;
    }
    const uint8_t *at = out + sizeof(struct ramp_list);
    for (uint32_t i = 0; i < ramp_u32(out); i++) {
        uint32_t key_size = ramp_u32(at);
        say(at + 4, key_size);
        at += 4 + key_size;
        at += 4 + ramp_u32(at);
    }
}

RAMP_ON_MESSAGE(conn, n, flags) {
    (void)conn;
    (void)flags;
    switch (n ? ramp_payload()[0] : 0) {
    case 'S':
        ramp_db_set(RAMP_LIT("k/1"), RAMP_LIT("one"));
        ramp_db_set(RAMP_LIT("k/2"), RAMP_LIT("two"));
        break;
    case 'G':
        say_result(RAMP_AWAIT(ramp_db_get(RAMP_LIT("k/2"), out, sizeof(out)), out, sizeof(out)));
        break;
    case 'L': list(); break;
    case 'K':
        ramp_kv_set(RAMP_SCOPE_SERVICE, RAMP_LIT("x"), RAMP_LIT("shared"), 0);
        say_result(RAMP_AWAIT(ramp_kv_get(RAMP_SCOPE_SERVICE, RAMP_LIT("x"), out, sizeof(out)), out,
                              sizeof(out)));
        break;
    case 'A': ramp_alarm_set(ramp_call_time() + 1000); break;
    case 'P': ramp_panic(RAMP_LIT("enough")); break;
    default: break;
    }
}
