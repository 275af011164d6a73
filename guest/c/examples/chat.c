/* SPDX-License-Identifier: Apache-2.0 */
/* chat.c -- a chat room in C: who comes, what is said (of any size up to 1 MiB), who goes.
 *
 *     clang --target=wasm32 -O2 -nostdlib -mbulk-memory -msign-ext -I guest/c \
 *           -Wl,--no-entry -Wl,-z,stack-size=16384 -Wl,--strip-all -o chat.wasm guest/c/examples/chat.c
 */
#include "ramp_guest.h"

#define ID_MAX   128u /* longest id of a connection */
#define NOTE_MAX 16u

RAMP_MODULE(16384);

static uint8_t big[1u << 20]; /* for messages that are larger than the inbox */

/* "ID did this", to everybody. */
static void announce(ramp_conn conn, const char *what, uint32_t what_size) {
    char line[ID_MAX + NOTE_MAX];
    int32_t n = ramp_conn_info(conn, RAMP_CONN_ID, 0, 0, line, ID_MAX);
    if (n < 0 || (uint32_t)n > ID_MAX || what_size > NOTE_MAX) return;
    for (uint32_t i = 0; i < what_size; i++) line[(uint32_t)n + i] = what[i];
    ramp_room_broadcast(line, (uint32_t)n + what_size, RAMP_TEXT, 0, 0);
}

RAMP_ON_JOIN(conn) {
    announce(conn, RAMP_LIT(" joined"));
}

RAMP_ON_MESSAGE(conn, n, flags) {
    const uint8_t *payload = ramp_payload();
    (void)conn;
    if (flags & RAMP_FLAG_PULL) {
        if (n > sizeof(big) || ramp_event_read(0, big, n) != (int32_t)n) return;
        payload = big;
    }
    ramp_room_broadcast(payload, n, flags & RAMP_FLAG_BINARY ? RAMP_BINARY : RAMP_TEXT, 0, 0);
}

RAMP_ON_LEAVE(conn, close_code) {
    (void)close_code;
    announce(conn, RAMP_LIT(" left"));
}
