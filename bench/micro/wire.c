/* SPDX-License-Identifier: Apache-2.0 */
/* wire.c -- what one frame, one request head, one target costs, in ns of CPU time.
 *
 * Rows take turns in many short windows, as in engine.c: believe the minimum, compare within a run.
 * Frames are masked, 16 to a buffer; decoding unmasks in place, so each round begins with a copy of
 * the buffer, which is part of the figure.
 *
 *     bench_wire [windows]        (default 300)
 */
#include "wire/http.h"
#include "wire/url.h"
#include "wire/ws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WINDOWS_MAX 10000
#define FRAMES      16
#define PAYLOAD_MAX 65536
#define WINDOW_NS   100000 /* about */

static const char request[] =
    "GET /chat/lobby?token=eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl HTTP/1.1\r\n"
    "Host: rooms.example.com\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: "
    "no-cache\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36\r\n"
    "Upgrade: websocket\r\nOrigin: https://www.example.com\r\nSec-WebSocket-Version: 13\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    "Sec-WebSocket-Protocol: ramp.1\r\n\r\n";

static uint8_t frames[FRAMES * (PAYLOAD_MAX + WS_HEAD_MASKED_MAX)], copy[sizeof(frames)];

static _Noreturn void broken(const char *what) {
    fprintf(stderr, "bench_wire: %s\n", what);
    exit(1);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static size_t make_frames(enum ws_opcode opcode, const char *text, size_t payload_size) {
    static const uint8_t mask[4] = {0x12, 0x9A, 0xC3, 0x7F};
    size_t size = 0, text_size = strlen(text);

    for (unsigned i = 0; i < FRAMES; i++) {
        size += ws_encode_head_masked(frames + size, opcode, payload_size, mask);
        for (size_t at = 0; at < payload_size; at++)
            frames[size + at] = (uint8_t)text[at % text_size];
        ws_mask(frames + size, payload_size, mask);
        size += payload_size;
    }
    return size;
}

static void decode_frames(size_t size) {
    struct ws_decoder decoder;
    struct ws_item item;
    unsigned count = 0;

    memcpy(copy, frames, size);
    ws_decoder_init(&decoder, true, LIMIT_MESSAGE_SIZE);
    for (size_t used = 0;; count++) {
        used += ws_decode(&decoder, copy + used, size - used, &item);
        if (item.kind != WS_MESSAGE) break;
    }
    if (count != FRAMES || item.kind != WS_NEED_MORE) broken("a frame was not decoded");
}

static void encode_heads(size_t size) {
    for (unsigned i = 0; i < FRAMES; i++) {
        if (ws_encode_head(copy + 16 * i, WS_OPCODE_TEXT, size) < 2) broken("no head");
        __asm__ volatile("" : : "r"(copy) : "memory"); /* it must be written */
    }
}

static void parse_heads(size_t size) {
    struct http_head head;
    struct http_error error;
    struct text key;

    (void)size;
    for (unsigned i = 0; i < FRAMES; i++)
        if (http_parse_request(request, sizeof(request) - 1, &head, &error) != HTTP_DONE ||
            !http_check_websocket(&head, &key, &error))
            broken("the head was not parsed");
}

static void parse_targets(size_t size) {
    struct text target = text_of("/chat/lobby%20of%20r%C3%B6hren?token=abcdef&user=ann");
    struct url_room room;
    struct url_error error;

    (void)size;
    for (unsigned i = 0; i < FRAMES; i++)
        if (!url_parse_room(target, &room, &error)) broken("the target was not parsed");
}

static struct row {
    const char *name;
    void (*run)(size_t size); /* FRAMES of what it measures */
    enum ws_opcode opcode;
    size_t payload_size; /* of frames; 0: makes none */
    const char *text;
    double windows[WINDOWS_MAX];
} rows[] = {
    {"decode a frame, 64 B of text", decode_frames, WS_OPCODE_TEXT, 64, "ascii", {0}},
    {"decode a frame, 64 B binary", decode_frames, WS_OPCODE_BINARY, 64, "ascii", {0}},
    {"decode a frame, 1 KiB of text", decode_frames, WS_OPCODE_TEXT, 1024, "ascii", {0}},
    {"decode a frame, 1 KiB of Cyrillic",
     decode_frames,
     WS_OPCODE_TEXT,
     1024,
     "\xD0\xBF\xD1\x80",
     {0}},
    {"decode a frame, 64 KiB of text", decode_frames, WS_OPCODE_TEXT, 65536, "ascii", {0}},
    {"decode a frame, 64 KiB binary", decode_frames, WS_OPCODE_BINARY, 65536, "ascii", {0}},
    {"encode a frame's head", encode_heads, WS_OPCODE_TEXT, 0, NULL, {0}},
    {"parse a browser's handshake", parse_heads, WS_OPCODE_TEXT, 0, NULL, {0}},
    {"parse a room's target", parse_targets, WS_OPCODE_TEXT, 0, NULL, {0}},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* ---- measuring ------------------------------------------------------------------------------- */

static double cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(struct row *row, unsigned long window) {
    size_t size = row->payload_size ? make_frames(row->opcode, row->text, row->payload_size) : 128;
    unsigned repeats = 1 + (unsigned)(WINDOW_NS / FRAMES / (40 + row->payload_size / 4));

    row->run(size);
    double before = cpu_ns();
    for (unsigned i = 0; i < repeats; i++) row->run(size);
    row->windows[window] = (cpu_ns() - before) / repeats / FRAMES;
}

int main(int argc, char **argv) {
    unsigned long windows = argc > 1 ? strtoul(argv[1], NULL, 10) : 300;

    if (windows < 1 || windows > WINDOWS_MAX) windows = 300;
    for (unsigned long window = 0; window < windows; window++)
        for (size_t i = 0; i < ROWS; i++) measure(&rows[i], window);
    printf("%lu windows\n%-44s %10s %10s\n", windows, "ns of CPU time", "min", "median");
    for (size_t i = 0; i < ROWS; i++) {
        qsort(rows[i].windows, windows, sizeof(double), by_value);
        printf("%-44s %10.1f %10.1f\n", rows[i].name, rows[i].windows[0],
               rows[i].windows[windows / 2]);
    }
    return 0;
}
