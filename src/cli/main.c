/* SPDX-License-Identifier: Apache-2.0 */
/* main.c -- `ramp VERB`: the table of verbs.
 *
 * Adding a verb? Its function in cli.h, its line here, its file in this folder, its page in the docs.
 */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/term.h"

#include <ramp/ramp.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary; /* NULL: not shown */
    const char *group;   /* heading before it */
};

static int cli_help(int argc, char **argv);

static const struct verb verbs[] = {
    {"dev", cli_dev, "watch, build and serve a room, with a playground", "write a room"},
    {"init", cli_init, "make a project from a template", NULL},
    {"build", cli_build, "compile a room to a module", NULL},
    {"check", cli_check, "say whether a module is accepted, and what it needs", NULL},
    {"serve", cli_serve, "run a server", "run it"},
    {"deploy", cli_deploy, "give a server a new version of a service", NULL},
    {"versions", cli_versions, "list the versions of a service that a server keeps", NULL},
    {"rollback", cli_rollback, "go back to a version that the server keeps", NULL},
    {"call", cli_call, "tell a room what happened, and print the call's events", "look in"},
    {"logs", cli_logs, "show what modules log and what failed, as it happens with -f", NULL},
    {"rooms", cli_rooms, "list a server's rooms", NULL},
    {"modules", cli_modules, "list a server's module table", NULL},
    {"bench", cli_bench, "measure a server", NULL},
    {"doctor", cli_doctor, "look at this machine and say what would be in the way", "about"},
    {"version", cli_version, "versions of ramp and its parts", NULL},
    {"help", cli_help, "this, or a verb's options: ramp help VERB", NULL},
    {"compile-child", cli_compile_child, NULL, NULL},
};
#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

static const struct verb *find_verb(const char *name) {
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (strcmp(verbs[i].name, name) == 0) return &verbs[i];
    return NULL;
}

static int unknown_verb(const char *name) {
    const char *names[VERB_COUNT];
    size_t count = 0;

    for (size_t i = 0; i < VERB_COUNT; i++)
        if (verbs[i].summary) names[count++] = verbs[i].name;
    const char *nearest = args_nearest(name, names, count);
    if (nearest) return cli_misuse("", "there is no verb '%s'; did you mean '%s'?", name, nearest);
    return cli_misuse("", "there is no verb '%s'", name);
}

static void print_verbs(FILE *file) {
    enum term_stream stream = file == stdout ? TERM_OUT : TERM_ERR;

    fprintf(file, "usage: ramp VERB ...\n");
    for (size_t i = 0; i < VERB_COUNT; i++) {
        const struct verb *verb = &verbs[i];
        if (!verb->summary) continue;
        if (verb->group) fprintf(file, "\n%s:\n", verb->group);
        fprintf(file, "  %s%-9s%s %s\n", term_style(stream, TERM_BOLD), verb->name,
                term_style(stream, TERM_PLAIN), verb->summary);
    }
    fprintf(file, "\noptions of a verb: ramp VERB --help\n");
}

static int cli_help(int argc, char **argv) {
    char help[] = "--help";

    if (argc > 2) return cli_misuse("help", "one verb at a time");
    if (argc < 2 || argv[1][0] == '-') {
        print_verbs(stdout);
        return CLI_DONE;
    }
    const struct verb *verb = find_verb(argv[1]);
    if (!verb) return unknown_verb(argv[1]);
    if (verb->run == cli_help) {
        print_verbs(stdout);
        return CLI_DONE;
    }
    char *arguments[] = {argv[1], help, NULL};
    return verb->run(2, arguments);
}

int main(int argc, char **argv) {
    /* A reader that has gone (ramp logs | head) ends us by the failed write, not by a signal in the
     * middle of a server's work. */
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        print_verbs(stderr);
        return CLI_WRONG_USE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) name = "version";
    const struct verb *verb = find_verb(name);
    if (!verb) return unknown_verb(argv[1]);
    int code = verb->run(argc - 1, argv + 1);
    /* Output that did not arrive (a full disk, a closed pipe) is not done. */
    if ((fflush(stdout) || ferror(stdout)) && code == CLI_DONE) code = CLI_FAILED;
    return code;
}
