/* SPDX-License-Identifier: Apache-2.0 */
/* cli.h -- the verbs of `ramp`, and what all of them share.
 *
 * Door:     cli_NAME(argc, argv) of every verb; argv[0] is the verb's name. Returns the exit code.
 * Before:   main.c, which has the table of verbs.
 * After:    one file per verb (build.c, deploy.c, ...).
 * Not here: options (args.h), the terminal (term.h), the control API's client (client.h).
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stddef.h>

enum cli_exit { CLI_DONE = 0, CLI_FAILED = 1, CLI_WRONG_USE = 2 };

#define CLI_LISTEN   "127.0.0.1:8787"        /* where `dev` and `serve` listen */
#define CLI_URL      "http://127.0.0.1:8787" /* ... and where the others look for them */
#define CLI_DATA     "ramp-data"             /* data folder of `serve` */
#define CLI_DEV_DATA ".ramp"                 /* data folder of `dev`, in the project */

int cli_bench(int argc, char **argv);
int cli_build(int argc, char **argv);
int cli_call(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_compile_child(int argc, char **argv);
int cli_deploy(int argc, char **argv);
int cli_dev(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_init(int argc, char **argv);
int cli_logs(int argc, char **argv);
int cli_modules(int argc, char **argv);
int cli_rollback(int argc, char **argv);
int cli_rooms(int argc, char **argv);
int cli_serve(int argc, char **argv);
int cli_version(int argc, char **argv);
int cli_versions(int argc, char **argv);

/* The drivers of a kind that this build has, as their URLs begin; by index, NULL behind the last kind. */
const char *cli_drivers(size_t index, const char **ret_kind);

/* Writes "ramp VERB: sentence" to stderr and returns CLI_FAILED. */
int cli_fail(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for wrong use: adds where help is, and returns CLI_WRONG_USE. */
int cli_misuse(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
