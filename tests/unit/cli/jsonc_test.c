/* SPDX-License-Identifier: Apache-2.0 */
/* jsonc_test.c -- cli/jsonc.c: comments and trailing commas become blanks. */
#include "cli/jsonc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* In a block of exactly its size, so that a sanitizer sees a step beside it. */
static void check(const char *from, const char *to) {
    size_t size = strlen(from);
    char *block = malloc(size ? size : 1);

    assert_int_equal(strlen(to), size);
    memcpy(block, from, size);
    jsonc_strip(block, size);
    if (memcmp(block, to, size) != 0) fail_msg("'%s' became '%.*s'", from, (int)size, block);
    free(block);
}

static void comments_become_blanks(void **state) {
    (void)state;
    check("{} // x", "{}     ");
    check("{ // x\n\"a\":1}", "{     \n\"a\":1}");
    check("{/* x\ny */\"a\":1}", "{    \n    \"a\":1}");
    check("/**/1", "    1");
    check("/*/ 1", "/*/ 1"); /* never closed */
    check("1 /* x", "1 /* x");
    check("1 /", "1 /");
    check("/", "/");
    check("", "");
}

static void strings_stay(void **state) {
    (void)state;
    check("{\"a\":\"//x\"}", "{\"a\":\"//x\"}");
    check("\"\\\"//\" // y", "\"\\\"//\"     ");
    check("\"/*\",\"*/\"", "\"/*\",\"*/\"");
    check("\"a,]\"", "\"a,]\"");
    check("\"\\", "\"\\");
    check("\"abc", "\"abc");
}

static void trailing_commas_go(void **state) {
    (void)state;
    check("[1,2,]", "[1,2 ]");
    check("{\"a\":1 , // x\n }", "{\"a\":1       \n }");
    check("[1,,]", "[1, ]");
    check("[\",\",]", "[\",\" ]");
    check("[,]", "[ ]");
    check("[1,2]", "[1,2]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comments_become_blanks),
        cmocka_unit_test(strings_stay),
        cmocka_unit_test(trailing_commas_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
