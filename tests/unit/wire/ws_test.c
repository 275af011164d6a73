/* SPDX-License-Identifier: Apache-2.0 */
/* ws_test.c -- wire/ws.c: every rule of RFC 6455's framing, each stream cut at every place.
 *
 * A rig plays the server's connection: it keeps what the decoder leaves and collects parts, and
 * writes down what happened as a transcript such as "T5:hello|p0:|C1000:bye|E1002|" (T text, B
 * binary, p ping, q pong, C close, E error; payloads above 200 bytes as a sum). Every read lies in
 * a block of exactly its size, so that a sanitizer sees what a decoder must not touch.
 */
#include "wire/ws.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- the rig --------------------------------------------------------------------------------- */

struct rig {
    struct ws_decoder decoder;
    uint8_t kept[WS_KEPT_MAX];
    size_t kept_size;
    bool in_message; /* parts have been collected */
    size_t message_size;
    size_t transcript_size;
    char transcript[4096];
    const char *error;
};

static uint8_t collected[LIMIT_MESSAGE_SIZE]; /* of the one rig that is running */

static void rig_start(struct rig *rig, bool from_client, uint32_t message_max) {
    memset(rig, 0, sizeof(*rig));
    ws_decoder_init(&rig->decoder, from_client, message_max);
}

static void note(struct rig *rig, const char *kind, const uint8_t *payload, size_t size) {
    size_t room = sizeof(rig->transcript) - rig->transcript_size;
    char *at = rig->transcript + rig->transcript_size;
    size_t used = (size_t)snprintf(at, room, "%s%zu:", kind, size);

    assert_true(used + 240 < room);
    if (size > 200) {
        uint32_t sum = 2166136261u;
        for (size_t i = 0; i < size; i++) sum = (sum ^ payload[i]) * 16777619u;
        used += (size_t)snprintf(at + used, room - used, "#%08x", sum);
    } else if (size > 0) {
        memcpy(at + used, payload, size);
        used += size;
    }
    at[used++] = '|';
    at[used] = '\0';
    rig->transcript_size += used;
}

static void note_number(struct rig *rig, char kind, unsigned code) {
    size_t room = sizeof(rig->transcript) - rig->transcript_size;
    rig->transcript_size += (size_t)snprintf(rig->transcript + rig->transcript_size, room, "%c%u%s",
                                             kind, code, kind == 'E' ? "|" : ":");
}

static void collect(struct rig *rig, const struct ws_item *item) {
    assert_true(rig->message_size + item->size <= sizeof(collected));
    if (item->size > 0) memcpy(collected + rig->message_size, item->payload, item->size);
    rig->in_message = true;
    rig->message_size += item->size;
    assert_true(item->message_size >= rig->message_size);
    assert_true(item->message_size <= rig->decoder.message_max);
}

static void rig_take(struct rig *rig, const struct ws_item *item) {
    const char *kind = item->is_binary ? "B" : "T";

    switch (item->kind) {
    case WS_MESSAGE:
        assert_false(rig->in_message);
        note(rig, kind, item->payload, item->size);
        break;
    case WS_PART:
        assert_true(item->size > 0);
        assert_true(ws_decoder_in_message(&rig->decoder));
        collect(rig, item);
        break;
    case WS_LAST:
        assert_true(rig->in_message);
        collect(rig, item);
        assert_int_equal(item->message_size, rig->message_size);
        assert_false(ws_decoder_in_message(&rig->decoder));
        note(rig, kind, collected, rig->message_size);
        rig->in_message = false;
        rig->message_size = 0;
        break;
    case WS_PING: note(rig, "p", item->payload, item->size); break;
    case WS_PONG: note(rig, "q", item->payload, item->size); break;
    case WS_CLOSE:
        note_number(rig, 'C', item->code);
        note(rig, "", item->payload, item->size);
        break;
    case WS_ERROR:
        note_number(rig, 'E', item->code);
        assert_non_null(item->error);
        rig->error = item->error;
        break;
    case WS_NEED_MORE: break;
    }
}

static void rig_read(struct rig *rig, const uint8_t *bytes, size_t count) {
    size_t size = rig->kept_size + count, used = 0;
    uint8_t *buffer = malloc(size ? size : 1);
    struct ws_item item;

    memcpy(buffer, rig->kept, rig->kept_size);
    if (count > 0) memcpy(buffer + rig->kept_size, bytes, count);
    do {
        used += ws_decode(&rig->decoder, buffer + used, size - used, &item);
        assert_true(used <= size);
        rig_take(rig, &item);
    } while (item.kind != WS_NEED_MORE);
    rig->kept_size = size - used;
    assert_true(rig->kept_size <= WS_KEPT_MAX);
    memcpy(rig->kept, buffer + used, rig->kept_size);
    free(buffer);
}

/* ---- streams --------------------------------------------------------------------------------- */

struct stream {
    size_t size;
    uint8_t bytes[400 * 1024];
};
static struct stream stream;

static void put(const void *bytes, size_t size) {
    assert_true(stream.size + size <= sizeof(stream.bytes));
    if (size > 0) memcpy(stream.bytes + stream.size, bytes, size);
    stream.size += size;
}

/* A masked frame; the key changes from frame to frame. `first`: FIN, RSV, opcode. */
static void put_frame(unsigned first, const void *payload, size_t size) {
    uint8_t head[WS_HEAD_MASKED_MAX];
    uint8_t mask[4] = {(uint8_t)(stream.size * 7 + 0x37), 0xFA, (uint8_t)(stream.size >> 3), 0x3D};
    size_t head_size = ws_encode_head_masked(head, WS_OPCODE_TEXT, size, mask);
    head[0] = (uint8_t)first;
    put(head, head_size);
    put(payload, size);
    ws_mask(stream.bytes + stream.size - size, size, mask);
}

static void expect(struct rig *rig, const char *name, size_t cut, const char *expected) {
    if (strcmp(rig->transcript, expected) != 0) {
        fail_msg("%s, cut at %zu: %s instead of %s", name, cut, rig->transcript, expected);
    }
}

/* The whole stream, in steps of 997 and of 1 byte, and cut at every place; of a large one at about
 * 50 places, and no single bytes. */
static void expect_stream(const char *name, bool from_client, const char *expected) {
    bool is_large = stream.size > 2000;
    size_t step = is_large ? stream.size / 50 : 1;
    struct rig rig;

    for (size_t chop = 0; chop < (is_large ? 2 : 3); chop++) {
        size_t piece = (const size_t[]){stream.size, 997, 1}[chop];
        rig_start(&rig, from_client, LIMIT_MESSAGE_SIZE);
        for (size_t i = 0; i < stream.size; i += piece) {
            rig_read(&rig, stream.bytes + i, stream.size - i < piece ? stream.size - i : piece);
        }
        expect(&rig, name, piece, expected);
    }
    for (size_t cut = 0; cut < stream.size; cut += cut < 20 ? 1 : step) {
        rig_start(&rig, from_client, LIMIT_MESSAGE_SIZE);
        rig_read(&rig, stream.bytes, cut);
        rig_read(&rig, stream.bytes + cut, stream.size - cut);
        expect(&rig, name, cut, expected);
    }
}

/* ---- tables ---------------------------------------------------------------------------------- */

struct frame {
    uint8_t first;
    bool used;
    const char *payload;
    size_t size;
};
#define F(first, literal)                                                                          \
    { first, true, literal, sizeof(literal) - 1 }

struct frames_case {
    const char *expected;
    struct frame frames[11]; /* ends with one that is not used */
};

#define FIN 0x80
#define X125                                                                                       \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"             \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* What Autobahn's categories 1 to 7 examine, by their numbers. A good message goes before or after
 * an error where the order matters: what came before is answered, what comes after is not. */
static const struct frames_case cases[] = {
    /* 1: whole messages */
    {"T0:|", {F(FIN | 1, "")}},
    {"B0:|", {F(FIN | 2, "")}},
    {"T5:hello|", {F(FIN | 1, "hello")}},
    {"B3:\x80\xff\xfe|", {F(FIN | 2, "\x80\xff\xfe")}},
    {"T125:" X125 "|", {F(FIN | 1, X125)}},
    {"T126:" X125 "y|", {F(FIN | 1, X125 "y")}},
    {"T128:" X125 "xyz|", {F(FIN | 1, X125 "xyz")}},
    {"T1:a|B1:b|T1:c|", {F(FIN | 1, "a"), F(FIN | 2, "b"), F(FIN | 1, "c")}},
    /* 2: pings and pongs */
    {"p0:|", {F(FIN | 9, "")}},
    {"p5:hello|", {F(FIN | 9, "hello")}},
    {"p4:\xff\xfe\xfd\xfc|", {F(FIN | 9, "\xff\xfe\xfd\xfc")}},
    {"p125:" X125 "|", {F(FIN | 9, X125)}},
    {"E1002|", {F(FIN | 9, X125 "y")}},
    {"q0:|q3:abc|p0:|", {F(FIN | 10, ""), F(FIN | 10, "abc"), F(FIN | 9, "")}},
    {"p1:0|p1:1|p1:2|p1:3|p1:4|p1:5|p1:6|p1:7|p1:8|p1:9|",
     {F(FIN | 9, "0"), F(FIN | 9, "1"), F(FIN | 9, "2"), F(FIN | 9, "3"), F(FIN | 9, "4"),
      F(FIN | 9, "5"), F(FIN | 9, "6"), F(FIN | 9, "7"), F(FIN | 9, "8"), F(FIN | 9, "9")}},
    /* 3: reserved bits */
    {"E1002|", {F(FIN | 0x10 | 1, "a")}},
    {"T1:a|E1002|", {F(FIN | 1, "a"), F(FIN | 0x20 | 1, "b"), F(FIN | 9, "")}},
    {"T1:a|E1002|", {F(FIN | 1, "a"), F(FIN | 0x30 | 1, "b")}},
    {"E1002|", {F(FIN | 0x40 | 1, "")}},
    {"E1002|", {F(FIN | 0x50 | 2, "b")}},
    {"E1002|", {F(FIN | 0x60 | 9, "b")}},
    {"E1002|", {F(FIN | 0x70 | 8, "")}},
    /* 4: unknown opcodes */
    {"E1002|", {F(FIN | 3, "")}},
    {"E1002|", {F(FIN | 4, "a")}},
    {"T1:a|E1002|", {F(FIN | 1, "a"), F(FIN | 5, ""), F(FIN | 9, "")}},
    {"T1:a|E1002|", {F(FIN | 1, "a"), F(FIN | 6, "b")}},
    {"E1002|", {F(FIN | 7, "")}},
    {"E1002|", {F(FIN | 11, "")}},
    {"E1002|", {F(FIN | 12, "a")}},
    {"T1:a|E1002|", {F(FIN | 1, "a"), F(FIN | 13, "")}},
    {"T1:a|E1002|", {F(FIN | 1, "a"), F(FIN | 14, "b")}},
    {"E1002|", {F(FIN | 15, "")}},
    {"E1002|", {F(1, "a"), F(FIN | 3, "b")}},
    /* 5: fragments */
    {"E1002|", {F(9, "a"), F(FIN | 0, "b")}},
    {"E1002|", {F(10, "a"), F(FIN | 0, "b")}},
    {"E1002|", {F(8, "")}},
    {"T4:abcd|", {F(1, "ab"), F(FIN | 0, "cd")}},
    {"p4:ping|T4:abcd|", {F(1, "ab"), F(FIN | 9, "ping"), F(FIN | 0, "cd")}},
    {"p1:1|p1:2|T6:abcdef|",
     {F(1, "ab"), F(FIN | 9, "1"), F(0, "cd"), F(FIN | 9, "2"), F(FIN | 0, "ef")}},
    {"E1002|", {F(FIN | 0, "orphan"), F(FIN | 1, "a")}},
    {"E1002|", {F(0, "orphan"), F(FIN | 1, "a")}},
    {"T1:a|E1002|", {F(FIN | 1, "a"), F(FIN | 0, "orphan")}},
    {"E1002|", {F(1, "ab"), F(FIN | 1, "cd")}},
    {"E1002|", {F(1, "ab"), F(FIN | 2, "cd")}},
    {"p0:|E1002|", {F(2, "ab"), F(FIN | 9, ""), F(2, "cd")}},
    {"T2:ab|T2:cd|", {F(1, "a"), F(FIN | 0, "b"), F(1, "c"), F(FIN | 0, "d")}},
    {"T0:|", {F(1, ""), F(0, ""), F(FIN | 0, "")}},
    {"T1:m|", {F(1, ""), F(0, "m"), F(FIN | 0, "")}},
    {"T1:m|", {F(1, ""), F(0, ""), F(FIN | 0, "m")}},
    {"B2:ab|q1:z|", {F(2, "a"), F(0, ""), F(FIN | 0, "b"), F(FIN | 10, "z")}},
    {"C1000:0:|", {F(1, "unfinished"), F(FIN | 8, "\x03\xe8"), F(FIN | 0, "x")}},
    /* 6: UTF-8 */
    {"T11:\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5|",
     {F(FIN | 1, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5")}},
    {"T11:\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5|",
     {F(1, "\xce"), F(0, "\xba\xe1\xbd"), F(0, "\xb9"), F(0, ""),
      F(FIN | 0, "\xcf\x83\xce\xbc\xce\xb5")}},
    {"T4:\xf4\x8f\xbf\xbf|", {F(1, "\xf4"), F(0, "\x8f"), F(0, "\xbf"), F(FIN | 0, "\xbf")}},
    {"E1007|", {F(FIN | 1, "\xce\xba\xed\xa0\x80"), F(FIN | 1, "a")}},
    {"E1007|", {F(1, "\xf4"), F(0, "\x90"), F(FIN | 0, "\x80\x80")}},
    {"E1007|", {F(1, "\xc3"), F(FIN | 0, "")}},
    {"E1007|", {F(FIN | 1, "abc\xe2\x82"), F(FIN | 9, "")}},
    {"p1:a|E1007|", {F(1, "\xe2\x82"), F(FIN | 9, "a"), F(FIN | 0, "x")}},
    {"p1:\xe2|T3:\xe2\x82\xac|", {F(1, "\xe2"), F(FIN | 9, "\xe2"), F(FIN | 0, "\x82\xac")}},
    {"B1:\xe2|T1:a|", {F(FIN | 2, "\xe2"), F(FIN | 1, "a")}},
    {"B2:\xe2\xe2|T1:a|", {F(2, "\xe2"), F(FIN | 0, "\xe2"), F(FIN | 1, "a")}},
    /* 7: closing */
    {"C1005:0:|", {F(FIN | 8, "")}},
    {"C1005:0:|", {F(FIN | 8, ""), F(FIN | 8, ""), F(FIN | 9, "late"), F(FIN | 3, "")}},
    {"T1:a|C1000:3:bye|",
     {F(FIN | 1, "a"),
      F(FIN | 8, "\x03\xe8"
                 "bye"),
      F(FIN | 1, "late")}},
    {"E1002|", {F(FIN | 8, "\x03"), F(FIN | 9, "")}},
    {"C1000:0:|", {F(FIN | 8, "\x03\xe8")}},
    {"C1000:4:\xf0\x9f\x98\x80|", {F(FIN | 8, "\x03\xe8\xf0\x9f\x98\x80")}},
    {"E1007|", {F(FIN | 8, "\x03\xe8\xf0\x9f\x98")}},
    {"E1007|", {F(FIN | 8, "\x03\xe8\xce\xba\xed\xa0\x80")}},
    {"E1002|", {F(FIN | 8, X125 "y")}},
    {"E1002|", {F(FIN | 8, "\x00\x00")}},
    {"E1002|",
     {F(FIN | 8, "\x03\xed"
                 "1005 is not for the wire")}},
};

static void ws_answers_the_table_whatever_the_cut(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char name[32];
        snprintf(name, sizeof(name), "case %zu", i);
        stream.size = 0;
        for (const struct frame *frame = cases[i].frames; frame->used; frame++) {
            put_frame(frame->first, frame->payload, frame->size);
        }
        expect_stream(name, true, cases[i].expected);
    }
}

/* Heads that no encoder of ours makes. */
static const struct {
    const char *expected;
    const char *bytes;
    size_t size;
} raw_cases[] = {
#define R(expected, literal)                                                                       \
    { expected, literal, sizeof(literal) - 1 }
    R("E1002|", "\x81\x05hello"),                            /* not masked */
    R("E1002|", "\x81\x00"),                                 /* ... and empty */
    R("E1002|", "\x89\x00"),                                 /* ... a ping */
    R("E1002|", "\x81\xfe\x00\x7d"),                         /* 125 in 16 bits */
    R("E1002|", "\x81\xfe\x00\x00"),                         /* 0 in 16 bits */
    R("E1002|", "\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff"), /* 65535 in 64 bits */
    R("E1002|", "\x82\xff\x00\x00\x00\x00\x00\x00\x00\x01"),
    R("E1002|", "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x01"), /* highest bit */
    R("E1002|", "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
    R("E1009|", "\x82\xff\x00\x00\x01\x00\x00\x00\x00\x00mask"), /* 2^40 */
    R("E1009|", "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask"),
    R("E1009|", "\x82\xff\x00\x00\x00\x00\x00\x10\x00\x01mask"), /* 1 MiB and 1 */
    R("", "\x82\xff\x00\x00\x00\x00\x00\x10\x00\x00mask"),       /* 1 MiB: its payload is to come */
    R("E1002|", "\x88\xfe\x00\x80mask"),                         /* controls with longer lengths */
    R("E1002|", "\x89\xff\x00\x00\x00\x00\x00\x01\x00\x00mask"),
    R("", "\x81"),
    R("", "\x81\x85"),
    R("", "\x81\x85mas"),
    R("", "\x89\x85mask1234"),
    R("", ""),
};

static void ws_refuses_bad_heads_at_their_first_wrong_byte(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(raw_cases) / sizeof(*raw_cases); i++) {
        char name[32];
        snprintf(name, sizeof(name), "raw case %zu", i);
        stream.size = 0;
        put(raw_cases[i].bytes, raw_cases[i].size);
        expect_stream(name, true, raw_cases[i].expected);
    }
}

static void ws_answers_an_error_without_waiting_for_the_rest(void **state) {
    static const struct {
        const char *bytes;
        size_t size;
    } prefixes[] = {
        {"\xc1", 1}, {"\x83", 1}, {"\x80", 1}, {"\x09", 1}, {"\x81\x00", 2}, {"\x89\xfe", 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        struct rig rig;
        rig_start(&rig, true, LIMIT_MESSAGE_SIZE);
        rig_read(&rig, (const uint8_t *)prefixes[i].bytes, prefixes[i].size);
        expect(&rig, "prefix", i, "E1002|");
    }

    /* Text: at the piece that has the bad byte, with 100 KiB of the frame still to come. */
    struct rig rig;
    stream.size = 0;
    rig_start(&rig, true, LIMIT_MESSAGE_SIZE);
    static char text[100 * 1024];
    memset(text, 'a', sizeof(text));
    memcpy(text + 10, "\xed\xa0\x80", 3);
    put_frame(FIN | 1, text, sizeof(text));
    rig_read(&rig, stream.bytes, WS_HEAD_MASKED_MAX + 11); /* up to the ED: may still be good */
    expect(&rig, "text", 11, "");
    rig_read(&rig, stream.bytes + WS_HEAD_MASKED_MAX + 11, 1);
    expect(&rig, "text", 12, "E1007|");
}

static void ws_takes_the_close_codes_that_may_be_sent(void **state) {
    (void)state;
    for (unsigned code = 0; code < 65536; code++) {
        bool is_good = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                       (code >= 3000 && code <= 4999);
        uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};
        char expected[32];
        struct rig rig;

        snprintf(expected, sizeof(expected), is_good ? "C%u:0:|" : "E1002|", code);
        stream.size = 0;
        put_frame(FIN | 8, payload, 2);
        rig_start(&rig, true, LIMIT_MESSAGE_SIZE);
        rig_read(&rig, stream.bytes, stream.size);
        expect(&rig, "close code", code, expected);
    }
}

/* Autobahn 1.1.6-8, 1.2.6-8, 5.x with bulk: every length around the edges of the three forms. */
static void ws_carries_messages_of_every_size(void **state) {
    static const size_t sizes[] = {1,    7,     8,     15,    16,    17,    63,    124,
                                   125,  126,   127,   128,   255,   256,   8191,  8192,
                                   8193, 16384, 65534, 65535, 65536, 65537, 131073};
    static uint8_t payload[131073];
    (void)state;

    for (size_t i = 0; i < sizeof(payload); i++) payload[i] = (uint8_t)(i * 31 % 127);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct rig whole;
        size_t size = sizes[i];
        rig_start(&whole, true, LIMIT_MESSAGE_SIZE);
        note(&whole, "T", payload, size);
        note(&whole, "B", payload, size);
        stream.size = 0;
        put_frame(FIN | 1, payload, size);
        put_frame(2, payload, size / 3);
        put_frame(0, payload + size / 3, size / 2 - size / 3);
        put_frame(FIN | 0, payload + size / 2, size - size / 2);
        expect_stream("size", true, whole.transcript);
    }
}

static void ws_copies_nothing_of_what_arrives_whole(void **state) {
    struct ws_decoder decoder;
    struct ws_item item;
    (void)state;

    stream.size = 0;
    put_frame(FIN | 1, "one", 3);
    put_frame(FIN | 2, "two", 3);
    ws_decoder_init(&decoder, true, LIMIT_MESSAGE_SIZE);
    size_t used = ws_decode(&decoder, stream.bytes, stream.size, &item);
    assert_int_equal(item.kind, WS_MESSAGE);
    assert_ptr_equal(item.payload, stream.bytes + 6);
    assert_memory_equal(item.payload, "one", 3);
    assert_int_equal(used, 9);
    used += ws_decode(&decoder, stream.bytes + used, stream.size - used, &item);
    assert_int_equal(item.kind, WS_MESSAGE);
    assert_ptr_equal(item.payload, stream.bytes + 15);
    assert_true(item.is_binary);
    assert_int_equal(used, stream.size);
    assert_int_equal(ws_decode(&decoder, stream.bytes + used, 0, &item), 0);
    assert_int_equal(item.kind, WS_NEED_MORE);
}

static void ws_bounds_a_message_by_what_its_frames_declare(void **state) {
    struct rig rig;
    (void)state;

    /* Exactly the maximum passes, in one frame and in two; one byte more is refused by its head. */
    for (size_t first = 0; first <= 10; first++) {
        stream.size = 0;
        put_frame(2, "0123456789", first);
        put_frame(FIN | 0, "0123456789", 10 - first);
        rig_start(&rig, true, 10);
        rig_read(&rig, stream.bytes, stream.size);
        assert_string_not_equal(rig.transcript, "E1009|");
        assert_memory_equal(rig.transcript, "B10:", 4);

        stream.size = 0;
        put_frame(2, "0123456789", first);
        size_t before = stream.size;
        put_frame(FIN | 0, "0123456789x", 11 - first);
        rig_start(&rig, true, 10);
        rig_read(&rig, stream.bytes, before + 6); /* the second head, no byte of its payload */
        expect(&rig, "maximum", first, "E1009|");
    }

    /* Messages do not add up, and controls do not count. */
    stream.size = 0;
    for (int i = 0; i < 3; i++) {
        put_frame(FIN | 2, "0123456789", 10);
        put_frame(FIN | 9, "0123456789x", 11);
    }
    rig_start(&rig, true, 10);
    rig_read(&rig, stream.bytes, stream.size);
    expect(&rig, "sum", 0,
           "B10:0123456789|p11:0123456789x|B10:0123456789|p11:0123456789x|B10:0123456789|"
           "p11:0123456789x|");
}

static void ws_bounds_the_fragments_of_a_message(void **state) {
    struct rig rig;
    (void)state;

    for (unsigned extra = 0; extra < 2; extra++) {
        rig_start(&rig, true, LIMIT_MESSAGE_SIZE);
        for (unsigned i = 0; i < LIMIT_FRAGMENTS + extra; i++) {
            bool is_last = i + 1 == LIMIT_FRAGMENTS + extra;
            stream.size = 0;
            put_frame((is_last ? FIN : 0) | (i == 0 ? 2 : 0), "", 0);
            rig_read(&rig, stream.bytes, stream.size);
        }
        expect(&rig, "fragments", extra, extra ? "E1008|" : "B0:|");
    }
    /* The count is per message. */
    rig_start(&rig, true, LIMIT_MESSAGE_SIZE);
    for (unsigned i = 0; i < 2 * LIMIT_FRAGMENTS; i++) {
        rig.transcript_size = 0;
        stream.size = 0;
        put_frame(FIN | 2, "", 0);
        rig_read(&rig, stream.bytes, stream.size);
        expect(&rig, "messages", i, "B0:|");
    }
}

static void ws_a_client_takes_unmasked_frames_only(void **state) {
    (void)state;
    stream.size = 0;
    put("\x01\x03"
        "abc"
        "\x89\x02"
        "hi"
        "\x80\x03"
        "def"
        "\x88\x02\x03\xe9",
        18);
    expect_stream("server's frames", false, "p2:hi|T6:abcdef|C1001:0:|");

    stream.size = 0;
    put_frame(FIN | 1, "masked", 6);
    expect_stream("masked", false, "E1002|");
}

/* ---- encoding -------------------------------------------------------------------------------- */

static void ws_encodes_the_shortest_head(void **state) {
    static const struct {
        uint64_t size;
        const char *head;
        size_t head_size;
    } heads[] = {
        {0, "\x81\x00", 2},
        {125, "\x81\x7d", 2},
        {126, "\x81\x7e\x00\x7e", 4},
        {65535, "\x81\x7e\xff\xff", 4},
        {65536, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10},
        {1u << 20, "\x81\x7f\x00\x00\x00\x00\x00\x10\x00\x00", 10},
    };
    uint8_t head[WS_HEAD_MASKED_MAX];
    (void)state;

    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        assert_int_equal(ws_encode_head(head, WS_OPCODE_TEXT, heads[i].size), heads[i].head_size);
        assert_memory_equal(head, heads[i].head, heads[i].head_size);
        size_t masked =
            ws_encode_head_masked(head, WS_OPCODE_TEXT, heads[i].size, (const uint8_t *)"abcd");
        assert_int_equal(masked, heads[i].head_size + 4);
        assert_int_equal(head[1], (uint8_t)heads[i].head[1] | 0x80);
        assert_memory_equal(head + masked - 4, "abcd", 4);
    }
    assert_int_equal(ws_encode_head(head, WS_OPCODE_PONG, 3), 2);
    assert_memory_equal(head, "\x8a\x03", 2);
}

static void ws_encodes_close_frames_that_it_would_take(void **state) {
    static const char umlauts[] =
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3"
        "\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4";
    uint8_t frame[WS_CLOSE_FRAME_MAX];
    char reason[160];
    (void)state;

    assert_int_equal(ws_encode_close(frame, 1000, "bye", 3), 7);
    assert_memory_equal(frame,
                        "\x88\x05\x03\xe8"
                        "bye",
                        7);
    assert_int_equal(ws_encode_close(frame, 4409, NULL, 0), 4);
    assert_memory_equal(frame, "\x88\x02\x11\x39", 4);
    for (unsigned i = 0; i < 4; i++) {
        uint16_t code = (const uint16_t[]){WS_CODE_NONE, 1006, 0, 999}[i];
        assert_int_equal(ws_encode_close(frame, code, "unsaid", 6), 2);
        assert_memory_equal(frame, "\x88\x00", 2);
    }

    /* 123 bytes of reason fit, and what comes behind them is not looked at. */
    memset(reason, 'x', 123);
    reason[123] = (char)0x80;
    assert_int_equal(ws_encode_close(frame, 1011, reason, 123), 127);
    /* The cut is at a character's boundary. */
    for (size_t shift = 0; shift < 2; shift++) {
        memset(reason, 'x', sizeof(reason));
        for (size_t i = shift; i + sizeof(umlauts) < sizeof(reason); i += sizeof(umlauts) - 1) {
            memcpy(reason + i, umlauts, sizeof(umlauts) - 1);
        }
        size_t size = ws_encode_close(frame, 1011, reason, sizeof(reason));
        assert_int_equal(size, shift ? 127 : 126);
        struct rig rig;
        rig_start(&rig, false, 10);
        rig_read(&rig, frame, size);
        assert_memory_equal(rig.transcript, shift ? "C1011:123:" : "C1011:122:", 10);
    }
}

static void ws_masks_at_every_size_and_alignment(void **state) {
    uint8_t bytes[128];
    const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
    (void)state;

    for (size_t start = 0; start < 17; start++) {
        for (size_t size = 0; size < 100; size++) {
            memset(bytes, 0xAA, sizeof(bytes));
            ws_mask(bytes + start, size, mask);
            for (size_t i = 0; i < sizeof(bytes); i++) {
                bool is_inside = i >= start && i < start + size;
                uint8_t expected = is_inside ? (uint8_t)(0xAA ^ mask[(i - start) % 4]) : 0xAA;
                assert_int_equal(bytes[i], expected);
            }
        }
    }
}

/* ---- the handshake's key --------------------------------------------------------------------- */

static void sha1_of_the_rfcs_example(const void *bytes, size_t size, uint8_t ret_digest[20]) {
    static const char joined[] = "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    assert_int_equal(size, sizeof(joined) - 1);
    assert_memory_equal(bytes, joined, size);
    memcpy(ret_digest,
           "\xb3\x7a\x4f\x2c\xc0\x62\x4f\x16\x90\xf6\x46\x06\xcf\x38\x59\x45\xb2\xbe\xc4\xea", 20);
}

static void ws_accepts_the_rfcs_key(void **state) {
    char accept[WS_ACCEPT_SIZE + 1], key[WS_KEY_SIZE + 1];
    (void)state;

    ws_accept(accept, "dGhlIHNhbXBsZSBub25jZQ==", sha1_of_the_rfcs_example);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    ws_key(key, (const uint8_t *)"the sample nonce");
    assert_string_equal(key, "dGhlIHNhbXBsZSBub25jZQ==");
}

static void ws_knows_a_key_from_what_is_none(void **state) {
    static const char *const bad[] = {
        "",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ= ",
        "dGhlIHNhbXBsZSBub25jZ===",
        "dGhlIHNhbXBsZSBub25jZQAA",
        "dGhlIHNhbXBsZSBub25j-Q==",
        "dGhl IHNhbXBsZSBub25jQ==",
        "dGhlIHNhbXBsZSBub2=jZQ==",
    };
    (void)state;
    assert_true(ws_key_valid("dGhlIHNhbXBsZSBub25jZQ==", 24));
    assert_true(ws_key_valid("+/+/+/+/+/+/+/+/+/+/+w==", 24));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (ws_key_valid(bad[i], strlen(bad[i]))) fail_msg("'%s' is no key", bad[i]);
    }
    assert_false(ws_key_valid("dGhl\0HNhbXBsZSBub25jZQ==", 24));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ws_answers_the_table_whatever_the_cut),
        cmocka_unit_test(ws_refuses_bad_heads_at_their_first_wrong_byte),
        cmocka_unit_test(ws_answers_an_error_without_waiting_for_the_rest),
        cmocka_unit_test(ws_takes_the_close_codes_that_may_be_sent),
        cmocka_unit_test(ws_carries_messages_of_every_size),
        cmocka_unit_test(ws_copies_nothing_of_what_arrives_whole),
        cmocka_unit_test(ws_bounds_a_message_by_what_its_frames_declare),
        cmocka_unit_test(ws_bounds_the_fragments_of_a_message),
        cmocka_unit_test(ws_a_client_takes_unmasked_frames_only),
        cmocka_unit_test(ws_encodes_the_shortest_head),
        cmocka_unit_test(ws_encodes_close_frames_that_it_would_take),
        cmocka_unit_test(ws_masks_at_every_size_and_alignment),
        cmocka_unit_test(ws_accepts_the_rfcs_key),
        cmocka_unit_test(ws_knows_a_key_from_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
