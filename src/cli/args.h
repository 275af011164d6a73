/* SPDX-License-Identifier: Apache-2.0 */
/* args.h -- a verb's options as a table: parses the command line and writes --help.
 *
 * Door:     args_parse().
 * Before:   a verb, which lists its options and where their values go.
 * After:    the verb's variables.
 *
 * Options may stand anywhere; `--name VALUE`, `--name=VALUE`, `-o VALUE`; `--` ends them. An option given
 * twice has its last value. A mistake is told on stderr with the nearest name that exists.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

enum arg_kind {
    ARG_FLAG,   /* bool *: true if given */
    ARG_TEXT,   /* const char **: borrowed from argv */
    ARG_NUMBER, /* unsigned *: decimal, min to max */
    ARG_SIZE,   /* size_t *: as a number, with k, m or g for powers of 1024 */
};

struct arg_option {
    const char *name; /* "listen" for --listen */
    char letter;      /* 'o' for -o; 0: none */
    enum arg_kind kind;
    const char *value; /* "ADDR:PORT", what help calls its value; NULL for flags */
    const char *help;  /* a phrase; the default, if there is one, included */
    void *target;
    size_t min, max; /* numbers and sizes; max 0: UINT_MAX or SIZE_MAX */
};

struct arg_verb {
    const char *name;    /* "build" */
    const char *usage;   /* "[FILE|DIR]": the operands */
    const char *about;   /* what it does: sentences with line breaks as they shall be shown */
    const char *example; /* lines for the end of help; or NULL */
    const struct arg_option *options;
    size_t option_count;
    size_t operands_min, operands_max;
};

enum args_result {
    ARGS_OK,
    ARGS_HELP,  /* help was printed: exit 0 */
    ARGS_WRONG, /* what is wrong was printed: exit 2 */
};

/* `operands` has room for operands_max pointers; those not given are NULL. */
enum args_result args_parse(const struct arg_verb *verb, int argc, char **argv,
                            const char **operands);
/* Sets options from a JSON object whose keys are the options' names; for --config FILE. Those that
 * argv sets win: call it before args_parse() with what args_peek() found. false: told on stderr. */
bool args_load(const struct arg_verb *verb, const char *path);
/* The value of option `name` in argv without parsing the rest; NULL: not given. */
const char *args_peek(int argc, char **argv, const char *name);

void args_help(const struct arg_verb *verb);

/* The one of `names` that a misspelt `word` may have meant; NULL: none is near. */
const char *args_nearest(const char *word, const char *const *names, size_t count);
/* "12", "64k", "16m", "1g". */
bool args_size(const char *text, size_t *ret_size);

/* What a verb does with another result than ARGS_OK: its exit code. */
#define ARGS_EXIT(result) ((result) == ARGS_HELP ? 0 : 2)

#endif
