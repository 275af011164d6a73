/* SPDX-License-Identifier: Apache-2.0 */
/* args_test.c -- cli/args.c: the command line of a verb. */
#include "cli/args.h"

#include "unit/support/folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *listen_to, *operands[2];
static bool loud;
static unsigned workers;
static size_t memory;

static const struct arg_option options[] = {
    {.name = "listen",
     .letter = 'l',
     .kind = ARG_TEXT,
     .value = "ADDR",
     .target = &listen_to,
     .help = "where"},
    {.name = "loud", .kind = ARG_FLAG, .target = &loud, .help = "noise"},
    {.name = "workers",
     .kind = ARG_NUMBER,
     .value = "N",
     .target = &workers,
     .min = 1,
     .max = 8,
     .help = "n"},
    {.name = "memory", .kind = ARG_SIZE, .value = "SIZE", .target = &memory, .help = "m"},
};
static const struct arg_verb verb = {
    .name = "try",
    .usage = "ONE [TWO]",
    .about = "Tries.",
    .options = options,
    .option_count = 4,
    .operands_min = 1,
    .operands_max = 2,
};

static int reset(void **state) {
    (void)state;
    listen_to = NULL;
    loud = false;
    workers = 0;
    memory = 0;
    return 0;
}

/* `line`: words with one blank between them. */
static enum args_result parse(const char *line) {
    static char copy[512];
    char *argv[32] = {(char[]){"try"}};
    int argc = 1;

    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = copy; *word;) {
        argv[argc++] = word;
        word += strcspn(word, " ");
        if (*word) *word++ = '\0';
    }
    return args_parse(&verb, argc, argv, operands);
}

static void options_and_operands_mix(void **state) {
    (void)state;
    assert_int_equal(parse("a --listen 1:2 b --loud --workers=3 --memory 16m"), ARGS_OK);
    assert_string_equal(operands[0], "a");
    assert_string_equal(operands[1], "b");
    assert_string_equal(listen_to, "1:2");
    assert_true(loud);
    assert_int_equal(workers, 3);
    assert_int_equal(memory, 16 << 20);
}

static void short_options_take_values(void **state) {
    (void)state;
    assert_int_equal(parse("a -l x"), ARGS_OK);
    assert_string_equal(listen_to, "x");
    assert_int_equal(parse("a -ly"), ARGS_OK);
    assert_string_equal(listen_to, "y");
    assert_int_equal(parse("a -z"), ARGS_WRONG);
    assert_int_equal(parse("a -l"), ARGS_WRONG);
}

static void the_last_value_wins(void **state) {
    (void)state;
    assert_int_equal(parse("a --listen 1 --listen=2"), ARGS_OK);
    assert_string_equal(listen_to, "2");
}

static void two_dashes_end_options(void **state) {
    (void)state;
    assert_int_equal(parse("-- --loud -x"), ARGS_OK);
    assert_string_equal(operands[0], "--loud");
    assert_string_equal(operands[1], "-x");
    assert_false(loud);
    assert_int_equal(parse("-"), ARGS_OK);
    assert_string_equal(operands[0], "-");
}

static void mistakes_are_wrong_use(void **state) {
    (void)state;
    static const char *const lines[] = {
        "",
        "a b c",
        "a --lisen x",
        "a --listen",
        "a --loud=1",
        "a --lou",
        "a --workers 0",
        "a --workers 9",
        "a --workers 3x",
        "a --workers",
        "a --workers -1",
        "a --memory 1x",
        "a --memory",
        "a --memory 99999999999999999999",
        "a --memory 1mm",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (parse(lines[i]) != ARGS_WRONG) fail_msg("'%s' was taken", lines[i]);
}

static void help_wins_over_mistakes(void **state) {
    (void)state;
    assert_int_equal(parse("--what -h"), ARGS_HELP);
    assert_int_equal(parse("a b c --help"), ARGS_HELP);
    assert_int_equal(parse("-- --help"), ARGS_OK);
}

static void sizes_have_units(void **state) {
    (void)state;
    size_t size = 7;
    assert_true(args_size("0", &size) && size == 0);
    assert_true(args_size("12", &size) && size == 12);
    assert_true(args_size("64k", &size) && size == 65536);
    assert_true(args_size("2G", &size) && size == (size_t)2 << 30);
    assert_false(args_size("", &size));
    assert_false(args_size("k", &size));
    assert_false(args_size("1kb", &size));
    assert_false(args_size("-1", &size));
    assert_false(args_size(" 1", &size));
    assert_false(args_size("18446744073709551615g", &size));
}

static const char *nearest(const char *word) {
    static const char *const names[] = {"dev", "deploy", "serve", "logs", "rooms", "release"};
    const char *found = args_nearest(word, names, 6);
    return found ? found : "none";
}

static void misspelt_words_are_recognised(void **state) {
    (void)state;
    assert_string_equal(nearest("depoly"), "deploy");
    assert_string_equal(nearest("depl"), "deploy");
    assert_string_equal(nearest("sreve"), "serve");
    assert_string_equal(nearest("log"), "logs");
    assert_string_equal(nearest("rel"), "release");
    assert_string_equal(nearest("xyzzy"), "none");
    assert_string_equal(
        nearest("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), "none");
}

/* ---- a file of options ------------------------------------------------------------------------- */

static bool load(const char *text) {
    char folder[64], path[96];

    test_folder_new(folder);
    test_file_write(folder, "o.json", text, strlen(text));
    snprintf(path, sizeof(path), "%s/o.json", folder);
    bool good = args_load(&verb, path);
    test_folder_remove(folder);
    return good;
}

static void a_file_sets_options_and_the_command_line_wins(void **state) {
    (void)state;
    assert_true(load("{\"listen\": \"from:file\", // where\n \"workers\": 4, \"loud\": true, "
                     "\"memory\": \"1m\",}"));
    assert_string_equal(listen_to, "from:file");
    assert_int_equal(workers, 4);
    assert_true(loud);
    assert_int_equal(memory, 1 << 20);
    assert_int_equal(parse("a --workers 2"), ARGS_OK);
    assert_int_equal(workers, 2);
    assert_string_equal(listen_to, "from:file");
}

static void mistakes_in_a_file_are_told(void **state) {
    (void)state;
    assert_false(load("{\"lisen\": \"x\"}"));
    assert_false(load("{\"workers\": 9}"));
    assert_false(load("{\"workers\": true}"));
    assert_false(load("{\"loud\": 1}"));
    assert_false(load("{\"listen\": 1}"));
    assert_false(load("[]"));
    assert_false(load("{"));
    assert_false(args_load(&verb, "/nowhere/o.json"));
}

static void an_option_is_found_before_parsing(void **state) {
    (void)state;
    char *argv[] = {(char[]){"try"}, (char[]){"--config=a"}, (char[]){"--config"},
                    (char[]){"b"},   (char[]){"--configs"},  (char[]){"c"},
                    (char[]){"--"},  (char[]){"--config=d"}};
    assert_string_equal(args_peek(8, argv, "config"), "b");
    assert_null(args_peek(2, argv, "confi"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(options_and_operands_mix, reset),
        cmocka_unit_test_setup(short_options_take_values, reset),
        cmocka_unit_test_setup(the_last_value_wins, reset),
        cmocka_unit_test_setup(two_dashes_end_options, reset),
        cmocka_unit_test_setup(mistakes_are_wrong_use, reset),
        cmocka_unit_test_setup(help_wins_over_mistakes, reset),
        cmocka_unit_test_setup(sizes_have_units, reset),
        cmocka_unit_test_setup(misspelt_words_are_recognised, reset),
        cmocka_unit_test_setup(a_file_sets_options_and_the_command_line_wins, reset),
        cmocka_unit_test_setup(mistakes_in_a_file_are_told, reset),
        cmocka_unit_test_setup(an_option_is_found_before_parsing, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
