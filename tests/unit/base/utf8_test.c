/* SPDX-License-Identifier: Apache-2.0 */
/* utf8_test.c -- base/utf8.c against a second, slow reading of the definition. */
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The definition (Unicode, table 3-7) as arithmetic: decode, then look at what came out. */
static bool reference_valid(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size;) {
        uint8_t lead = bytes[i];
        size_t length = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : 4;
        uint32_t code = length == 1 ? lead : lead & (0x7Fu >> length);
        static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};

        if (lead >= 0x80 && (lead < 0xC0 || lead >= 0xF8)) return false;
        if (length > size - i) return false;
        for (size_t k = 1; k < length; k++) {
            if ((bytes[i + k] & 0xC0) != 0x80) return false;
            code = code << 6 | (bytes[i + k] & 0x3F);
        }
        if (code < smallest[length] || code > 0x10FFFF) return false;
        if (code >= 0xD800 && code <= 0xDFFF) return false;
        i += length;
    }
    return true;
}

static size_t encode(uint32_t code, uint8_t *out) {
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t k = length - 1; k > 0; k--) {
        out[k] = (uint8_t)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (uint8_t)(leads[length] | code);
    return length;
}

static void check(const uint8_t *bytes, size_t size) {
    if (utf8_valid(bytes, size) == reference_valid(bytes, size)) return;
    for (size_t i = 0; i < size; i++) print_error("%02x ", bytes[i]);
    fail_msg("utf8_valid says %d", utf8_valid(bytes, size));
}

static void utf8_takes_every_character(void **state) {
    (void)state;
    for (uint32_t code = 0; code < 0x110000; code++) {
        uint8_t bytes[4];
        size_t size = encode(code, bytes);
        bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
        if (utf8_valid(bytes, size) == is_surrogate) fail_msg("U+%04X", code);
        /* Cut short, no character of more than one byte is whole. */
        for (size_t cut = 1; cut < size; cut++) assert_false(utf8_valid(bytes, cut));
    }
}

static void utf8_agrees_with_the_definition_on_all_short_sequences(void **state) {
    static const uint8_t edges[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0,
                                    0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC,
                                    0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5,
                                    0xF7, 0xF8, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF};
    size_t n = sizeof(edges);
    uint8_t bytes[5];
    (void)state;

    for (unsigned i = 0; i < 0x10000; i++) {
        bytes[0] = (uint8_t)(i >> 8);
        bytes[1] = (uint8_t)i;
        check(bytes, 1);
        check(bytes, 2);
    }
    for (size_t i = 0; i < n * n * n * n; i++) {
        bytes[0] = edges[i % n];
        bytes[1] = edges[i / n % n];
        bytes[2] = edges[i / n / n % n];
        bytes[3] = edges[i / n / n / n];
        check(bytes, 3);
        check(bytes, 4);
        bytes[4] = 0x80;
        check(bytes, 5);
    }
}

struct vector {
    const char *bytes;
    size_t size;
    bool is_valid;
};
#define V(is_valid, literal)                                                                       \
    { literal, sizeof(literal) - 1, is_valid }

/* What Markus Kuhn's stress test examines, by its section numbers. */
static const struct vector vectors[] = {
    V(true, ""),
    V(true, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"), /* 1 kosme */
    V(true, "\0"),                                           /* 2.1 first of each length */
    V(true, "\xc2\x80"),
    V(true, "\xe0\xa0\x80"),
    V(true, "\xf0\x90\x80\x80"),
    V(false, "\xf8\x88\x80\x80\x80"),
    V(false, "\xfc\x84\x80\x80\x80\x80"),
    V(true, "\x7f"), /* 2.2 last of each length */
    V(true, "\xdf\xbf"),
    V(true, "\xef\xbf\xbf"),
    V(false, "\xf7\xbf\xbf\xbf"),
    V(false, "\xfb\xbf\xbf\xbf\xbf"),
    V(false, "\xfd\xbf\xbf\xbf\xbf\xbf"),
    V(true, "\xed\x9f\xbf"), /* 2.3 other boundaries */
    V(true, "\xee\x80\x80"),
    V(true, "\xef\xbf\xbd"),
    V(true, "\xf4\x8f\xbf\xbf"),
    V(false, "\xf4\x90\x80\x80"),
    V(false, "\x80"), /* 3.1 unexpected continuations */
    V(false, "\xbf"),
    V(false, "\x80\xbf"),
    V(false, "\x80\xbf\x80"),
    V(false, "\x80\xbf\x80\xbf\x80\xbf\x80"),
    V(false, "\xc0 \xc1 \xc2 \xdf "), /* 3.2 lonely starts */
    V(false, "\xe0 \xe1 \xef "),
    V(false, "\xf0 \xf4 \xf7 "),
    V(false, "\xf8 \xfb "),
    V(false, "\xfc \xfd "),
    V(false, "\xc0"), /* 3.3 last continuation missing */
    V(false, "\xe0\x80"),
    V(false, "\xf0\x80\x80"),
    V(false, "\xf8\x80\x80\x80"),
    V(false, "\xfc\x80\x80\x80\x80"),
    V(false, "\xdf"),
    V(false, "\xef\xbf"),
    V(false, "\xf7\xbf\xbf"),
    V(false, "\xfb\xbf\xbf\xbf"),
    V(false, "\xfd\xbf\xbf\xbf\xbf"),
    V(false, "\xc0\xe0\x80\xf0\x80\x80"), /* 3.4 several of these */
    V(false, "\xfe"),                     /* 3.5 impossible bytes */
    V(false, "\xff"),
    V(false, "\xfe\xfe\xff\xff"),
    V(false, "\xc0\xaf"), /* 4 overlong forms */
    V(false, "\xe0\x80\xaf"),
    V(false, "\xf0\x80\x80\xaf"),
    V(false, "\xf8\x80\x80\x80\xaf"),
    V(false, "\xfc\x80\x80\x80\x80\xaf"),
    V(false, "\xc1\xbf"),
    V(false, "\xe0\x9f\xbf"),
    V(false, "\xf0\x8f\xbf\xbf"),
    V(false, "\xc0\x80"),
    V(false, "\xe0\x80\x80"),
    V(false, "\xf0\x80\x80\x80"),
    V(false, "\xed\xa0\x80"), /* 5 surrogates, alone and in pairs */
    V(false, "\xed\xad\xbf"),
    V(false, "\xed\xae\x80"),
    V(false, "\xed\xbf\xbf"),
    V(false, "\xed\xa0\x80\xed\xb0\x80"),
    V(false, "\xed\xaf\xbf\xed\xbf\xbf"),
    V(true, "\xef\xbf\xbe"), /* 5.3 non-characters are well-formed */
    V(true, "\xef\xb7\x90"),
    V(true, "\xf0\x9f\xbf\xbe"),
    V(true, "\xf4\x8f\xbf\xbe"),
};

static void utf8_passes_the_stress_vectors_at_every_offset_and_cut(void **state) {
    (void)state;
    for (size_t v = 0; v < sizeof(vectors) / sizeof(*vectors); v++) {
        assert_int_equal(utf8_valid(vectors[v].bytes, vectors[v].size), vectors[v].is_valid);
        /* In the midst of ASCII, so that it meets the 16-byte steps at every alignment. */
        for (size_t before = 0; before < 40; before++) {
            char text[96];
            size_t size = before + vectors[v].size + 33;
            memset(text, 'x', sizeof(text));
            memcpy(text + before, vectors[v].bytes, vectors[v].size);
            assert_int_equal(utf8_valid(text, size), vectors[v].is_valid);
            for (size_t cut = 0; cut <= size; cut++) {
                uint8_t now = 0;
                bool is_valid = utf8_feed(&now, text, cut) &&
                                utf8_feed(&now, text + cut, size - cut) && now == 0;
                assert_int_equal(is_valid, vectors[v].is_valid);
            }
        }
    }
}

static void utf8_feed_tells_the_first_bad_byte_and_whether_a_character_is_open(void **state) {
    static const struct {
        const char *good; /* may begin a text */
        uint8_t bad;      /* may not follow */
    } cases[] = {
        {"", 0x80},         {"", 0xC0},     {"", 0xC1},         {"", 0xF5},
        {"", 0xFF},         {"\xc3", 0x41}, {"\xe0", 0x9F},     {"\xed", 0xA0},
        {"\xf0", 0x8F},     {"\xf4", 0x90}, {"\xe2\x82", 0xC0}, {"\xf0\x9f\x98", 0x7F},
        {"\xce\xba", 0x80},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint8_t now = 0;
        assert_true(utf8_feed(&now, cases[i].good, strlen(cases[i].good)));
        assert_int_equal(now == 0,
                         reference_valid((const uint8_t *)cases[i].good, strlen(cases[i].good)));
        assert_false(utf8_feed(&now, &cases[i].bad, 1));
        assert_false(utf8_feed(&now, "fine", 4)); /* and it stays bad */
        assert_int_not_equal(now, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_takes_every_character),
        cmocka_unit_test(utf8_agrees_with_the_definition_on_all_short_sequences),
        cmocka_unit_test(utf8_passes_the_stress_vectors_at_every_offset_and_cut),
        cmocka_unit_test(utf8_feed_tells_the_first_bad_byte_and_whether_a_character_is_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
