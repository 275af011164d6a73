/* SPDX-License-Identifier: Apache-2.0 */
/* room.c -- the counter again, in C: the same messages as examples/counter, so the same page works with
 * it. README.md has the line that builds it.
 */
#include "ramp_guest.h"

#define DIGITS_MAX 20u /* of an int64_t, with its sign */

RAMP_MODULE(4096);

static int64_t count;

/* Writes the number as text; returns where it begins in the buffer, at whose end it ends. */
static const char *text_of(int64_t value, char buffer[static DIGITS_MAX], uint32_t *ret_size) {
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char *at = buffer + DIGITS_MAX;

    do *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0) *--at = '-';
    *ret_size = (uint32_t)(buffer + DIGITS_MAX - at);
    return at;
}

static int64_t number_in(const uint8_t *text, uint32_t n) {
    uint64_t value = 0;

    for (uint32_t i = 0; i < n; i++)
        if (text[i] >= '0' && text[i] <= '9') value = value * 10 + (text[i] - '0');
    return (int64_t)(n > 0 && text[0] == '-' ? 0 - value : value);
}

RAMP_ON_OPEN(reason, n, flags) {
    (void)reason;
    if (!(flags & RAMP_FLAG_PULL))
        count = number_in(ramp_payload(), n); /* n is 0 without a state */
}

RAMP_ON_SAVE() {
    char buffer[DIGITS_MAX];
    uint32_t size;
    const char *text = text_of(count, buffer, &size);

    ramp_state_save(text, size);
}

RAMP_ON_JOIN(conn) {
    char buffer[DIGITS_MAX];
    uint32_t size;
    const char *text = text_of(count, buffer, &size);

    ramp_conn_send(conn, text, size, RAMP_TEXT);
}

RAMP_ON_MESSAGE(conn, n, flags) {
    char buffer[DIGITS_MAX];
    uint32_t size;

    (void)conn;
    if (n != 1 || (flags & RAMP_FLAG_BINARY)) return;
    switch (ramp_payload()[0]) {
    case '+': count++; break;
    case '-': count--; break;
    case '0': count = 0; break;
    default: return;
    }
    const char *text = text_of(count, buffer, &size);
    ramp_room_broadcast(text, size, RAMP_TEXT, 0, 0);
}
