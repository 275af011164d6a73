/* SPDX-License-Identifier: Apache-2.0 */
/* wasm_names_test.c -- cli/wasm_names.c: names of functions, and nothing beside a broken module. */
#include "cli/wasm_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* (import "ramp_v1" "wait" (func)) (import "m" "t" (table 1 funcref)) (import "m" "g" (global i32))
 * (func) (memory 1) (export "memory" (memory 0)) (export "on_join" (func 1)) */
static const uint8_t module[] = {
    0,   'a', 's', 'm',  1,   0,    0,   0, /* head */
    1,   4,   1,   0x60, 0,   0,            /* types */
    2,   33,  3,   7,    'r', 'a',  'm', 'p', '_', 'v', '1', 4,   'w', 'a',
    'i', 't', 0,   0, /* imports */
    1,   'm', 1,   't',  1,   0x70, 0,   1,   1,   'm', 1,   'g', 3,   0x7F,
    0,   3,   2,   1,    0, /* functions */
    5,   3,   1,   0,    1, /* memory */
    7,   20,  2,   6,    'm', 'e',  'm', 'o', 'r', 'y', 2,   0,   7,   'o',
    'n', '_', 'j', 'o',  'i', 'n',  0,   1,   10,  4,   1,   2,   0,   0x0B, /* code */
};

static char seen[256];

static void on_name(void *context, bool is_import, const char *name, size_t size) {
    size_t used = strlen(seen);
    (void)context;
    snprintf(seen + used, sizeof(seen) - used, "%s%.*s ", is_import ? "<" : ">", (int)size, name);
}

static void names_of_functions_are_listed(void **state) {
    (void)state;
    seen[0] = '\0';
    wasm_names(module, sizeof(module), on_name, NULL);
    assert_string_equal(seen, "<wait >on_join ");
}

/* Under a sanitizer: whatever the bytes, nothing beside them is read. */
static void broken_modules_end_the_list(void **state) {
    (void)state;
    for (size_t size = 0; size <= sizeof(module); size++) {
        uint8_t *block = malloc(size ? size : 1);
        memcpy(block, module, size);
        seen[0] = '\0';
        wasm_names(block, size, on_name, NULL);
        for (size_t at = 0; at < size; at++) {
            block[at] = 0xFF;
            seen[0] = '\0';
            wasm_names(block, size, on_name, NULL);
            block[at] = module[at];
        }
        free(block);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_functions_are_listed),
        cmocka_unit_test(broken_modules_end_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
