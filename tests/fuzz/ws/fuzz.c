/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.c -- ws_decode(): how the bytes are cut must not change what they mean.
 *
 * Input: a byte of flags (1: the peer is a server), a byte that seeds the cuts, then what the peer
 * sends.
 */
#include "wire/ws.h"

#undef NDEBUG
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 300 /* small, so that inputs reach it */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    uint64_t sum; /* of everything that was answered, parts joined */
    size_t collected, kept, failed;
};

static uint64_t add(uint64_t sum, const void *bytes, size_t size) {
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++) sum = (sum ^ at[i]) * 1099511628211u;
    return sum;
}

static struct outcome run(bool from_client, const uint8_t *data, size_t size, uint32_t seed) {
    uint8_t kept[WS_KEPT_MAX], message[MESSAGE_MAX];
    struct outcome outcome = {.sum = 14695981039346656037u};
    struct ws_decoder decoder;
    struct ws_item item;

    ws_decoder_init(&decoder, from_client, MESSAGE_MAX);
    for (size_t at = 0; at < size;) {
        size_t piece = seed ? 1 + (seed >> 16) % 40 % (size - at) : size, used = 0;
        uint8_t *block = malloc(outcome.kept + piece);
        seed = seed * 1664525u + 1013904223u * (seed != 0);
        memcpy(block, kept, outcome.kept);
        memcpy(block + outcome.kept, data + at, piece);
        at += piece;
        piece += outcome.kept;
        while (used += ws_decode(&decoder, block + used, piece - used, &item), item.kind) {
            unsigned kind = item.kind == WS_LAST ? WS_MESSAGE : item.kind;
            if (item.kind == WS_PART || item.kind == WS_LAST) {
                assert(outcome.collected + item.size <= item.message_size);
                assert(item.message_size <= MESSAGE_MAX);
                memcpy(message + outcome.collected, item.payload, item.size);
                outcome.collected += item.size;
                if (item.kind == WS_PART) continue;
                item.payload = message;
                item.size = outcome.collected;
                outcome.collected = 0;
            }
            if (item.kind == WS_ERROR) outcome.failed = 1;
            kind = kind << 20 | (unsigned)item.code << 1 | item.is_binary;
            outcome.sum = add(add(outcome.sum, &kind, sizeof(kind)), &item.size, sizeof(item.size));
            outcome.sum = add(outcome.sum, item.payload, item.size);
        }
        assert(used <= piece && piece - used <= WS_KEPT_MAX);
        outcome.kept = piece - used;
        memcpy(kept, block + used, outcome.kept);
        free(block);
    }
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    struct outcome whole = run(!(data[0] & 1), data + 2, size - 2, 0);
    struct outcome cut = run(!(data[0] & 1), data + 2, size - 2, 1u + data[1] * 2654435761u);
    assert(whole.sum == cut.sum && whole.failed == cut.failed);
    assert(whole.failed || (whole.collected == cut.collected && whole.kept == cut.kept));
    return 0;
}
