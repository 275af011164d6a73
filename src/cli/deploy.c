/* SPDX-License-Identifier: Apache-2.0 */
/* deploy.c -- `ramp deploy`: builds if it is given a project, uploads, says what happened. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/deployed.h"
#include "cli/next.h"
#include "cli/project.h"
#include "cli/target.h"
#include "cli/toolchain.h"

#include "base/limits.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct deploy_options {
    const char *operand, *service, *sdk;
    bool json;
    struct target target;
};

/* ---- building ------------------------------------------------------------------------------------ */

/* Runs the compiler; what it prints goes to stderr. 0, or the exit code after it was told. */
static int run_compiler(const struct toolchain *toolchain, const char *folder, const char *out) {
    const char *arguments[] = {toolchain->node, toolchain->script, folder, "-o", out, NULL};
    posix_spawn_file_actions_t actions;
    int state = 0;
    pid_t pid;

    if (posix_spawn_file_actions_init(&actions)) return cli_fail("deploy", "out of memory");
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    int code =
        posix_spawn(&pid, toolchain->node, &actions, NULL, (char *const *)arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (code) return cli_fail("deploy", "%s: %s", toolchain->node, strerror(code));
    while (waitpid(pid, &state, 0) < 0 && errno == EINTR) continue;
    if (WIFEXITED(state) && WEXITSTATUS(state) == 0) return 0;
    return cli_fail("deploy", "the build failed; nothing was deployed");
}

static int build_project(const struct deploy_options *options, struct project *project,
                         char ret_wasm[static FILE_PATH]) {
    struct toolchain toolchain;
    char folder[FILE_PATH];
    ramp_error error;

    if (project_load(options->operand, project, &error))
        return cli_fail("deploy", "%s", error.message);
    if (toolchain_find(options->sdk, options->operand, &toolchain, &error))
        return cli_fail("deploy", "%s", error.message);
    if (!file_join(folder, options->operand, "build") || !file_join(ret_wasm, folder, "room.wasm"))
        return cli_fail("deploy", "%s: the path is too long", options->operand);
    if (file_make_folders(folder, &error)) return cli_fail("deploy", "%s", error.message);
    return run_compiler(&toolchain, options->operand, ret_wasm);
}

/* ---- uploading ----------------------------------------------------------------------------------- */

static int upload(struct deploy_options *options, const char *service, const struct bytes *wasm,
                  const char *config) {
    struct client_request request = {
        .method = "PUT",
        .type = "application/wasm",
        .body = {wasm->data, wasm->size},
    };
    json_t *answer = NULL;
    struct bytes encoded;
    char path[128];

    bytes_init(&encoded, LIMIT_HEAD_SIZE);
    if (config) {
        bytes_add_base64(&encoded, config, strlen(config));
        request.config = encoded.data;
    }

    snprintf(path, sizeof(path), "/_ramp/v1/services/%s", service);
    request.path = path;
    int code = encoded.failed ? cli_fail("deploy", "\"env\" of ramp.json is too long for a request")
                              : target_json("deploy", &options->target, &request, &answer);
    if (!code)
        code = deployed_print(
            &(struct deployed_text){.verb = "deploy", .done = "deployed", .json = options->json},
            &options->target, answer);
    json_decref(answer);
    bytes_done(&encoded);
    return code;
}

static int deploy_file(struct deploy_options *options, const char *service, const char *path,
                       const char *config) {
    struct bytes wasm;
    ramp_error error;

    options->target.about = path;
    bytes_init(&wasm, LIMIT_MODULE_SIZE);
    int code = file_read(path, &wasm, &error)
                   ? cli_fail("deploy", "%s%s", error.message, next_of(NEXT_MODULE, error.message))
                   : upload(options, service, &wasm, config);
    bytes_done(&wasm);
    return code;
}

/* The service: --service, else ramp.json's name (of the project, or of the folder of a file's project). */
static int run(struct deploy_options *options) {
    struct project project = {0};
    char wasm[FILE_PATH];
    int code = target_resolve("deploy", &options->target);

    if (code) return code;
    if (options->service && !project_name_valid(options->service))
        return cli_misuse("deploy",
                          "--service: '%s' is no name; 1 to 63 of a-z, 0-9 and '-', not '-' first",
                          options->service);
    if (file_is_folder(options->operand)) {
        code = build_project(options, &project, wasm);
        if (!code)
            code = deploy_file(options, options->service ? options->service : project.name, wasm,
                               project.config);
        project_done(&project);
        return code;
    }
    if (!options->service)
        return cli_misuse("deploy", "%s is a file: name the service with --service",
                          options->operand);
    return deploy_file(options, options->service, options->operand, NULL);
}

int cli_deploy(int argc, char **argv) {
    struct deploy_options values = {0};
    const struct arg_option options[] = {
        {.name = "service",
         .kind = ARG_TEXT,
         .value = "NAME",
         .target = &values.service,
         .help = "the service (default: \"name\" in the project's ramp.json, else its folder)"},
        TARGET_OPTIONS(values.target),
        {.name = "sdk",
         .kind = ARG_TEXT,
         .value = "FOLDER",
         .target = &values.sdk,
         .help = "the ramp-sdk to build with; also RAMP_SDK"},
        {.name = "json",
         .kind = ARG_FLAG,
         .target = &values.json,
         .help = "print the result as JSON"},
    };
    const struct arg_verb verb = {
        .name = "deploy",
        .usage = "FILE.wasm|DIR",
        .about =
            "Gives a server a new version of a service, from a module or from a project that is "
            "built\n"
            "first. New rooms use it at once; live ones switch between two calls and keep their\n"
            "connections. The same bytes twice change nothing. If anything fails, the old version\n"
            "goes on serving. `ramp rollback` goes back.",
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .operands_min = 1,
        .operands_max = 1,
    };
    enum args_result result = args_parse(&verb, argc, argv, &values.operand);
    return result ? ARGS_EXIT(result) : run(&values);
}
