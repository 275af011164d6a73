/* SPDX-License-Identifier: Apache-2.0 */
/* toolchain.c -- where the SDK, its templates and a Node are; see toolchain.h. */
#include "cli/toolchain.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRIPT "bin/ramp-build.mjs"

/* ---- the SDK ----------------------------------------------------------------------------------- */

static bool has_script(const char *sdk, char ret_script[static FILE_PATH]) {
    return file_join(ret_script, sdk, SCRIPT) && file_exists(ret_script);
}

static bool script_beside(const char *folder, const char *relative,
                          char ret_script[static FILE_PATH]) {
    char sdk[FILE_PATH];
    return file_join(sdk, folder, relative) && has_script(sdk, ret_script);
}

/* node_modules/ramp-sdk in the project's folder or one above it. */
static bool script_in_project(const char *project, char ret_script[static FILE_PATH]) {
    char folder[FILE_PATH], parent[FILE_PATH];

    if (!file_real(folder, project)) return false;
    for (;;) {
        if (script_beside(folder, "node_modules/ramp-sdk", ret_script)) return true;
        if (strcmp(folder, "/") == 0) return false;
        file_parent(parent, folder);
        memcpy(folder, parent, sizeof(folder));
    }
}

static ramp_status find_script(const char *sdk, const char *project,
                               char ret_script[static FILE_PATH], ramp_error *reterr) {
    char exe[FILE_PATH], real[FILE_PATH];
    const char *from = "--sdk";

    if (!sdk) {
        from = "RAMP_SDK";
        sdk = getenv(from);
    }
    if (sdk && *sdk) {
        if (has_script(sdk, ret_script)) return RAMP_OK;
        return error_set(reterr, RAMP_NOT_FOUND, "%s: %s is no ramp-sdk (it has no " SCRIPT ")",
                         from, sdk);
    }
    bool found = script_in_project(project, ret_script);
    if (!found && file_exe_folder(exe))
        found = script_beside(exe, "../share/ramp/sdk", ret_script) ||
                script_beside(exe, "../../guest/assemblyscript", ret_script);
    if (!found)
        return error_set(
            reterr, RAMP_NOT_FOUND,
            "no ramp-sdk found; run `npm install ramp-sdk` in the project, or name its folder "
            "with --sdk or RAMP_SDK");
    if (file_real(real, ret_script)) memcpy(ret_script, real, sizeof(real));
    return RAMP_OK;
}

/* ---- Node -------------------------------------------------------------------------------------- */

/* The major version that `node --version` prints; 0: it does not run. */
static unsigned node_major(const char *node) {
    struct bytes command;
    char line[64] = "";
    unsigned major = 0;

    bytes_init(&command, (size_t)FILE_PATH * 5);
    /* In single quotes nothing is special but the quote itself. */
    bytes_add(&command, "'", 1);
    for (const char *c = node; *c; c++)
        bytes_add(&command, *c == '\'' ? "'\\''" : c, *c == '\'' ? 4 : 1);
    bytes_format(&command, "' --version 2>/dev/null");
    FILE *pipe = command.failed ? NULL : popen(command.data, "re");
    if (pipe) {
        if (!fgets(line, sizeof(line), pipe)) line[0] = '\0';
        if (pclose(pipe) != 0) line[0] = '\0';
    }
    bytes_done(&command);
    if (line[0] == 'v') major = (unsigned)strtoul(line + 1, NULL, 10);
    return major;
}

static bool find_in_path(const char *program, char out[static FILE_PATH]) {
    const char *path = getenv("PATH");

    while (path && *path) {
        size_t size = strcspn(path, ":");
        int length = snprintf(out, FILE_PATH, "%.*s/%s", (int)size, path, program);
        if (size && length < FILE_PATH && access(out, X_OK) == 0 && !file_is_folder(out))
            return true;
        path += size + (path[size] == ':');
    }
    return false;
}

static bool node_beside(const char *exe, const char *relative, char out[static FILE_PATH]) {
    return file_join(out, exe, relative) && access(out, X_OK) == 0 && !file_is_folder(out);
}

static ramp_status find_node(char ret_node[static FILE_PATH], ramp_error *reterr) {
    const char *named = getenv("RAMP_NODE"),
               *remedy = "install Node 20 or newer, or name one with RAMP_NODE";
    char exe[FILE_PATH];

    if (named && *named) {
        if (!file_join(ret_node, "", named) || !node_major(named))
            return error_set(reterr, RAMP_NOT_FOUND, "RAMP_NODE: %s does not run as a Node", named);
    } else {
        bool found = file_exe_folder(exe) && (node_beside(exe, "../lib/ramp/node", ret_node) ||
                                              node_beside(exe, "../node/bin/node", ret_node));
        if (!found && !find_in_path("node", ret_node))
            return error_set(reterr, RAMP_NOT_FOUND,
                             "there is no Node, which the compiler needs; %s", remedy);
    }
    unsigned major = node_major(ret_node);
    if (major >= TOOLCHAIN_NODE_MAJOR) return RAMP_OK;
    if (!major) return error_set(reterr, RAMP_NOT_FOUND, "%s does not run; %s", ret_node, remedy);
    return error_set(reterr, RAMP_ARGS, "%s is version %u, too old for the compiler; %s", ret_node,
                     major, remedy);
}

/* ---- doors ------------------------------------------------------------------------------------- */

ramp_status toolchain_find(const char *sdk, const char *project, struct toolchain *ret_toolchain,
                           ramp_error *reterr) {
    ramp_status status = find_script(sdk, project, ret_toolchain->script, reterr);
    return status ? status : find_node(ret_toolchain->node, reterr);
}

ramp_status toolchain_template(const char *name, char ret_folder[static FILE_PATH],
                               ramp_error *reterr) {
    static const char *const places[] = {"../share/ramp/examples", "../../examples"};
    char exe[FILE_PATH], examples[FILE_PATH], room[FILE_PATH];

    for (size_t i = 0; file_exe_folder(exe) && i < sizeof(places) / sizeof(places[0]); i++) {
        if (file_join(examples, exe, places[i]) && file_join(ret_folder, examples, name) &&
            file_join(room, ret_folder, "src/room.ts") && file_exists(room))
            return RAMP_OK;
    }
    return error_set(reterr, RAMP_NOT_FOUND, "the template '%s' is not installed beside this ramp",
                     name);
}
