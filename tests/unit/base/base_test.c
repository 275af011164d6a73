/* SPDX-License-Identifier: Apache-2.0 */
/* base_test.c -- the small parts of base: memory that fails on demand, errors, lists, cleaned text. */
#include "base/error.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/utf8.h"

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
/* clang-format on */

/* ---- memory ---------------------------------------------------------------------------------- */

static void the_nth_allocation_fails_once(void **state) {
    (void)state;
    for (long n = 0; n < 5; n++) {
        long live = mem_live_count();
        void *memory[6];
        mem_fail_after(n);
        for (long i = 0; i < 6; i++) {
            memory[i] = i % 3 == 0   ? mem_alloc(8)
                        : i % 3 == 1 ? mem_zalloc(8)
                                     : mem_resize(NULL, 8);
            assert_int_equal(memory[i] == NULL, i == n);
        }
        assert_int_equal(mem_live_count(), live + 5);
        for (long i = 0; i < 6; i++) mem_free(memory[i]);
        assert_int_equal(mem_live_count(), live);
    }
    mem_fail_after(-1);
}

static void a_resize_that_fails_leaves_the_memory_alone(void **state) {
    long live = mem_live_count();
    char *memory = mem_copy_text("text", 4), *larger;
    (void)state;
    mem_fail_after(0);
    assert_null(mem_resize(memory, 1 << 20));
    assert_string_equal(memory, "text");
    larger = mem_resize(memory, 1 << 20);
    assert_non_null(larger);
    assert_string_equal(larger, "text");
    assert_int_equal(mem_live_count(), live + 1);
    mem_free(larger);
    mem_free(NULL);
    assert_int_equal(mem_live_count(), live);
}

static void memory_of_no_bytes_is_memory(void **state) {
    void *memory = mem_zalloc(0);
    char *text = mem_copy_text(NULL, 0);
    (void)state;
    assert_non_null(memory);
    assert_string_equal(text, "");
    mem_free(memory);
    mem_free(text);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static void an_error_has_a_status_and_a_sentence(void **state) {
    ramp_error error;
    (void)state;
    assert_int_equal(error_set(&error, RAMP_LIMIT, "%d of %s", 3, "four"), RAMP_LIMIT);
    assert_int_equal(error.status, RAMP_LIMIT);
    assert_string_equal(error.message, "3 of four");
    assert_int_equal(error_set(NULL, RAMP_IO, "unheard"), RAMP_IO);
}

static void a_long_sentence_is_cut_between_characters(void **state) {
    char text[400];
    (void)state;
    for (size_t before = 0; before < 8; before++) {
        ramp_error error;
        memset(text, 'x', before);
        for (size_t i = before; i < sizeof(text); i++)
            text[i] = "\xF0\x9F\x98\x80"[(i - before) % 4];
        error_set(&error, RAMP_ARGS, "%.*s", (int)sizeof(text), text);
        assert_true(strlen(error.message) < sizeof(error.message));
        assert_true(strlen(error.message) > sizeof(error.message) - 10);
        assert_true(utf8_valid(error.message, strlen(error.message)));
    }
}

static void every_status_has_a_name_and_a_meaning(void **state) {
    (void)state;
    for (int status = 0; status >= RAMP_INTERNAL; status--) {
        assert_string_not_equal(ramp_status_name((ramp_status)status), "UNKNOWN");
        assert_true(strlen(ramp_status_text((ramp_status)status)) > 3);
    }
    assert_string_equal(ramp_status_name(RAMP_NOT_FOUND), "NOT_FOUND");
    assert_string_equal(ramp_status_name((ramp_status)1), "UNKNOWN");
    assert_string_equal(ramp_status_name((ramp_status)-99), "UNKNOWN");
}

/* ---- lists ----------------------------------------------------------------------------------- */

struct thing {
    int number;
    struct list in_list;
};

static void a_list_keeps_its_order_and_lets_go_of_anything(void **state) {
    struct list head;
    struct thing things[5];
    int order = 0;
    (void)state;
    list_init(&head);
    assert_null(list_pop_front(&head));
    for (int i = 0; i < 5; i++) {
        things[i].number = i;
        list_init(&things[i].in_list);
        list_push_back(&head, &things[i].in_list);
    }
    list_remove(&things[2].in_list);
    list_remove(&things[2].in_list); /* twice does nothing */
    list_push_front(&head, &things[2].in_list);
    list_each(&head, node, following) {
        static const int expected[] = {2, 0, 1, 3, 4};
        assert_int_equal(list_item(node, struct thing, in_list)->number, expected[order++]);
        if (order % 2) list_remove(node);
    }
    assert_int_equal(order, 5);
    assert_ptr_equal(list_pop_front(&head), &things[0].in_list);
    assert_ptr_equal(list_pop_front(&head), &things[3].in_list);
    assert_true(list_empty(&head));
}

/* ---- text ------------------------------------------------------------------------------------ */

static void text_is_cleaned_and_cut_whole(void **state) {
    static const struct {
        const char *from, *to;
        size_t room;
    } cases[] = {
        {"plain", "plain", 64},
        {"", "", 64},
        {"plain", "pla", 3},
        {"a\xFF"
         "b",
         "a\xEF\xBF\xBD"
         "b",
         64},
        {"\xC3\xA9", "\xC3\xA9", 64},
        {"\xC3\xA9", "", 1},
        {"\xC3", "\xEF\xBF\xBD", 64},
        {"\xE2\x82", "\xEF\xBF\xBD\xEF\xBF\xBD", 64},
        {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", 64},
        {"x\xFF", "x", 3},
        {"\xF0\x9F\x98\x80!", "\xF0\x9F\x98\x80!", 5},
        {"\xF0\x9F\x98\x80!", "", 3},
    };
    char to[64];
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t size = utf8_clean(to, cases[i].room, cases[i].from, strlen(cases[i].from));
        assert_int_equal(size, strlen(cases[i].to));
        assert_memory_equal(to, cases[i].to, size);
        assert_true(utf8_valid(to, size));
    }
    assert_int_equal(utf8_clean(to, sizeof(to), NULL, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nth_allocation_fails_once),
        cmocka_unit_test(a_resize_that_fails_leaves_the_memory_alone),
        cmocka_unit_test(memory_of_no_bytes_is_memory),
        cmocka_unit_test(an_error_has_a_status_and_a_sentence),
        cmocka_unit_test(a_long_sentence_is_cut_between_characters),
        cmocka_unit_test(every_status_has_a_name_and_a_meaning),
        cmocka_unit_test(a_list_keeps_its_order_and_lets_go_of_anything),
        cmocka_unit_test(text_is_cleaned_and_cut_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
