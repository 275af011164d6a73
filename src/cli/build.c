/* SPDX-License-Identifier: Apache-2.0 */
/* build.c -- `ramp build`: runs the SDK's compiler in our place. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/toolchain.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Where node_modules is looked for: the folder, or the file's. */
static void project_folder(const char *operand, char ret_folder[static FILE_PATH]) {
    size_t size = strlen(operand);

    if (file_is_folder(operand) && size < FILE_PATH) memcpy(ret_folder, operand, size + 1);
    else file_parent(ret_folder, operand);
}

int cli_build(int argc, char **argv) {
    const char *out = NULL, *sdk = NULL, *operand = NULL;
    bool debug = false, json = false;
    const struct arg_option options[] = {
        {.name = "out",
         .letter = 'o',
         .kind = ARG_TEXT,
         .value = "OUT.wasm",
         .target = &out,
         .help = "where the module goes (default: build/NAME.wasm in the project)"},
        {.name = "debug",
         .kind = ARG_FLAG,
         .target = &debug,
         .help = "not optimised, with names; compiles in half the time"},
        {.name = "sdk",
         .kind = ARG_TEXT,
         .value = "FOLDER",
         .target = &sdk,
         .help = "the ramp-sdk to use; also RAMP_SDK\n(default: the nearest node_modules/ramp-sdk, "
                 "else ramp's own)"},
        {.name = "json",
         .kind = ARG_FLAG,
         .target = &json,
         .help = "print the result, or the problems, as JSON"},
    };
    const struct arg_verb verb = {
        .name = "build",
        .usage = "[FILE|DIR]",
        .about = "Compiles a room written in AssemblyScript to a module. DIR (default: the current "
                 "folder)\n"
                 "is a project with src/room.ts; FILE is a room of its own.",
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .operands_max = 1,
    };
    enum args_result result = args_parse(&verb, argc, argv, &operand);
    if (result) return ARGS_EXIT(result);

    struct toolchain toolchain;
    char folder[FILE_PATH];
    ramp_error error;
    if (operand && !file_exists(operand))
        return cli_fail("build", "%s: there is no such file or folder", operand);
    project_folder(operand ? operand : ".", folder);
    if (toolchain_find(sdk, folder, &toolchain, &error))
        return cli_fail("build", "%s", error.message);

    const char *arguments[10] = {toolchain.node, toolchain.script, operand ? operand : "."};
    size_t count = 3;
    if (out) {
        arguments[count++] = "-o";
        arguments[count++] = out;
    }
    if (debug) arguments[count++] = "--debug";
    if (json) arguments[count++] = "--json";
    execv(toolchain.node, (char *const *)arguments);
    return cli_fail("build", "%s: %s", toolchain.node, strerror(errno));
}
