/* SPDX-License-Identifier: Apache-2.0 */
/* args.c -- a verb's options as a table; see args.h. */
#include "cli/args.h"

#include "cli/cli.h"
#include "cli/file.h"
#include "cli/term.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 64 /* options of one verb */
#define WORD_MAX  40 /* longer words are not compared: they are no misspelling */

/* ---- near names ------------------------------------------------------------------------------ */

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Edits that turn one word into the other: insert, remove, replace, or swap two neighbours. */
static size_t word_distance(const char *a, const char *b) {
    size_t rows[3][WORD_MAX + 1];
    size_t a_size = strlen(a), b_size = strlen(b);

    if (a_size > WORD_MAX || b_size > WORD_MAX) return SIZE_MAX;
    for (size_t j = 0; j <= b_size; j++) rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t replace = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(replace, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

const char *args_nearest(const char *word, const char *const *names, size_t count) {
    const char *best = NULL;
    size_t size = strlen(word), best_distance = size / 3 + 2; /* worse than this is another word */

    for (size_t i = 0; i < count; i++) {
        size_t distance = word_distance(word, names[i]);
        /* A word cut short ("rel" for "release") is near, too. */
        if (size >= 3 && strncmp(word, names[i], size) == 0) distance = least(distance, 1);
        if (distance < best_distance) {
            best = names[i];
            best_distance = distance;
        }
    }
    return best;
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool parse_digits(const char *text, size_t *ret_number, const char **ret_rest) {
    char *end;

    if (text[0] < '0' || text[0] > '9') return false;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno || number > SIZE_MAX) return false;
    *ret_number = (size_t)number;
    *ret_rest = end;
    return true;
}

bool args_size(const char *text, size_t *ret_size) {
    static const char units[] = "kmg";
    const char *rest;
    size_t size;

    if (!parse_digits(text, &size, &rest)) return false;
    if (*rest) {
        const char *unit = strchr(units, *rest | 0x20);
        if (!unit || rest[1]) return false;
        unsigned shift = 10u * (unsigned)(unit - units + 1);
        if (size > SIZE_MAX >> shift) return false;
        size <<= shift;
    }
    *ret_size = size;
    return true;
}

static int wrong_value(const struct arg_verb *verb, const struct arg_option *option,
                       const char *text) {
    size_t max = option->max ? option->max : UINT_MAX;
    if (option->kind == ARG_SIZE)
        return cli_misuse(verb->name, "--%s: '%s' is no size; write bytes, or 64k, 16m, 1g",
                          option->name, text);
    return cli_misuse(verb->name, "--%s: '%s' is no number from %zu to %zu", option->name, text,
                      option->min, max);
}

/* 0, or the exit code after it was told what is wrong. */
static int set_value(const struct arg_verb *verb, const struct arg_option *option,
                     const char *text) {
    const char *rest;
    size_t number;

    if (option->kind == ARG_TEXT) {
        *(const char **)option->target = text;
        return 0;
    }
    bool good = option->kind == ARG_SIZE
                    ? args_size(text, &number)
                    : parse_digits(text, &number, &rest) && !*rest && number <= UINT_MAX;
    if (!good || number < option->min || (option->max && number > option->max))
        return wrong_value(verb, option, text);
    if (option->kind == ARG_SIZE) *(size_t *)option->target = number;
    else *(unsigned *)option->target = (unsigned)number;
    return 0;
}

/* ---- the command line ------------------------------------------------------------------------ */

static const struct arg_option *find_option(const struct arg_verb *verb, const char *name,
                                            size_t size) {
    for (size_t i = 0; i < verb->option_count; i++) {
        const struct arg_option *option = &verb->options[i];
        if (strlen(option->name) == size && memcmp(option->name, name, size) == 0) return option;
    }
    return NULL;
}

static int unknown_option(const struct arg_verb *verb, const char *name) {
    const char *names[NAMES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < verb->option_count && count < NAMES_MAX - 1; i++)
        names[count++] = verb->options[i].name;
    names[count++] = "help";
    const char *nearest = args_nearest(name, names, count);
    if (nearest)
        return cli_misuse(verb->name, "there is no option --%s; did you mean --%s?", name, nearest);
    return cli_misuse(verb->name, "there is no option --%s", name);
}

/* Handles the option at argv[*index] and moves it past the option's value. 0, or the exit code. */
static int take_long(const struct arg_verb *verb, int argc, char **argv, int *index) {
    const char *name = argv[*index] + 2;
    const char *equals = strchr(name, '=');
    size_t size = equals ? (size_t)(equals - name) : strlen(name);
    const struct arg_option *option = find_option(verb, name, size);

    if (!option) {
        char shown[WORD_MAX * 2];
        snprintf(shown, sizeof(shown), "%.*s", (int)least(size, sizeof(shown) - 1), name);
        return unknown_option(verb, shown);
    }
    if (option->kind == ARG_FLAG) {
        if (equals) return cli_misuse(verb->name, "--%s takes no value", option->name);
        *(bool *)option->target = true;
        return 0;
    }
    if (equals) return set_value(verb, option, equals + 1);
    if (*index + 1 >= argc)
        return cli_misuse(verb->name, "--%s needs a value: %s", option->name, option->value);
    return set_value(verb, option, argv[++*index]);
}

static int take_short(const struct arg_verb *verb, int argc, char **argv, int *index) {
    char letter = argv[*index][1];

    for (size_t i = 0; i < verb->option_count; i++) {
        const struct arg_option *option = &verb->options[i];
        if (option->letter != letter) continue;
        if (option->kind == ARG_FLAG) {
            if (argv[*index][2]) return cli_misuse(verb->name, "-%c takes no value", letter);
            *(bool *)option->target = true;
            return 0;
        }
        if (argv[*index][2]) return set_value(verb, option, argv[*index] + 2);
        if (*index + 1 >= argc)
            return cli_misuse(verb->name, "-%c needs a value: %s", letter, option->value);
        return set_value(verb, option, argv[++*index]);
    }
    return cli_misuse(verb->name, "there is no option -%c", letter);
}

static bool is_help(const char *word) {
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static enum args_result check_operands(const struct arg_verb *verb, size_t count) {
    if (count >= verb->operands_min) return ARGS_OK;
    cli_misuse(verb->name, "%s missing; usage: ramp %s %s",
               count ? "an operand is" : "operands are", verb->name, verb->usage);
    return ARGS_WRONG;
}

enum args_result args_parse(const struct arg_verb *verb, int argc, char **argv,
                            const char **operands) {
    size_t count = 0;
    bool only_operands = false;

    for (size_t i = 0; i < verb->operands_max; i++) operands[i] = NULL;
    /* Help wins over whatever is wrong beside it. */
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (is_help(argv[i])) {
            args_help(verb);
            return ARGS_HELP;
        }
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (!only_operands && word[0] == '-' && word[1]) {
            if (strcmp(word, "--") == 0) {
                only_operands = true;
                continue;
            }
            int code =
                word[1] == '-' ? take_long(verb, argc, argv, &i) : take_short(verb, argc, argv, &i);
            if (code) return ARGS_WRONG;
            continue;
        }
        if (count == verb->operands_max) {
            cli_misuse(verb->name, "'%s' is one operand too many; usage: ramp %s %s", word,
                       verb->name, verb->usage);
            return ARGS_WRONG;
        }
        operands[count++] = word;
    }
    return check_operands(verb, count);
}

const char *args_peek(int argc, char **argv, const char *name) {
    const char *found = NULL;
    size_t size = strlen(name);

    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], "--", 2) != 0 || strncmp(argv[i] + 2, name, size) != 0) continue;
        const char *rest = argv[i] + 2 + size;
        if (*rest == '=') found = rest + 1;
        if (!*rest && i + 1 < argc) found = argv[i + 1];
    }
    return found;
}

/* ---- a file of options ----------------------------------------------------------------------- */

/* The value as the command line would have it; a text is the JSON's. */
static int load_value(const struct arg_verb *verb, const struct arg_option *option,
                      const json_t *value) {
    char number[32];

    if (option->kind == ARG_FLAG && json_is_boolean(value)) {
        *(bool *)option->target = json_is_true(value);
        return 0;
    }
    if (option->kind != ARG_FLAG && json_is_string(value))
        return set_value(verb, option, json_string_value(value));
    if (option->kind != ARG_FLAG && option->kind != ARG_TEXT && json_is_integer(value)) {
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return set_value(verb, option, number);
    }
    return cli_misuse(verb->name, "\"%s\" in the file of --config must be %s", option->name,
                      option->kind == ARG_FLAG   ? "true or false"
                      : option->kind == ARG_TEXT ? "a string"
                                                 : "a number");
}

bool args_load(const struct arg_verb *verb, const char *path) {
    static json_t *root; /* stays, since options borrow texts of it; until the next file */
    ramp_error error;
    const char *key;
    json_t *value;
    int code = 0;

    json_decref(root);
    root = NULL;
    if (file_read_json(path, &root, &error)) {
        cli_fail(verb->name, "%s", error.message);
        return false;
    }
    if (!json_is_object(root)) code = cli_fail(verb->name, "%s: not a JSON object", path);
    json_object_foreach(root, key, value) {
        const struct arg_option *option = find_option(verb, key, strlen(key));
        if (!code) code = option ? load_value(verb, option, value) : unknown_option(verb, key);
    }
    return code == 0;
}

/* ---- help ------------------------------------------------------------------------------------ */

#define HELP_COLUMN 28

static void help_option(const struct arg_option *option) {
    char head[96];
    int size = snprintf(head, sizeof(head), "  %c%c%s --%s%s%s", option->letter ? '-' : ' ',
                        option->letter ? option->letter : ' ', option->letter ? "," : " ",
                        option->name, option->value ? " " : "", option->value ? option->value : "");

    printf("%s%s%s", term_style(TERM_OUT, TERM_BOLD), head, term_style(TERM_OUT, TERM_PLAIN));
    if (size >= HELP_COLUMN) {
        putchar('\n');
        size = 0;
    }
    printf("%*s", HELP_COLUMN - size, "");
    for (const char *c = option->help; *c; c++) {
        putchar(*c);
        if (*c == '\n') printf("%*s", HELP_COLUMN, "");
    }
    putchar('\n');
}

void args_help(const struct arg_verb *verb) {
    printf("usage: ramp %s%s%s%s\n\n%s\n", verb->name, *verb->usage ? " " : "", verb->usage,
           verb->option_count ? " [OPTIONS]" : "", verb->about);
    if (verb->option_count) printf("\noptions:\n");
    for (size_t i = 0; i < verb->option_count; i++) help_option(&verb->options[i]);
    if (verb->example) printf("\n%s\n", verb->example);
}
