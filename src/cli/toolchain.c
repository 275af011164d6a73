/* SPDX-License-Identifier: Apache-2.0 */
/* toolchain.c -- where the SDK, its templates and a Node are; see toolchain.h. */
#include "cli/toolchain.h"

#include "base/error.h"
#include "base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* The major version of what `node --version` prints; 0: it does not run. */
static unsigned node_major(const char *node, char ret_version[static 32]) {
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
    snprintf(ret_version, 32, "%.*s", (int)strcspn(line, "\r\n"), line);
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

ramp_status toolchain_find_node(struct toolchain *ret_toolchain, char ret_version[static 32],
                                ramp_error *reterr) {
    char *ret_node = ret_toolchain->node;
    const char *named = getenv("RAMP_NODE"),
               *remedy = "install Node 20 or newer, or name one with RAMP_NODE";
    char exe[FILE_PATH];

    if (named && *named) {
        if (!file_join(ret_node, "", named) || !node_major(named, ret_version))
            return error_set(reterr, RAMP_NOT_FOUND, "RAMP_NODE: %s does not run as a Node", named);
    } else {
        bool found = file_exe_folder(exe) && (node_beside(exe, "../lib/ramp/node", ret_node) ||
                                              node_beside(exe, "../node/bin/node", ret_node));
        if (!found && !find_in_path("node", ret_node))
            return error_set(reterr, RAMP_NOT_FOUND,
                             "there is no Node, which the compiler needs; %s", remedy);
    }
    unsigned major = node_major(ret_node, ret_version);
    if (major >= TOOLCHAIN_NODE_MAJOR) return RAMP_OK;
    if (!major) return error_set(reterr, RAMP_NOT_FOUND, "%s does not run; %s", ret_node, remedy);
    return error_set(reterr, RAMP_ARGS, "%s is version %u, too old for the compiler; %s", ret_node,
                     major, remedy);
}

/* ---- doors ------------------------------------------------------------------------------------- */

ramp_status toolchain_find_sdk(const char *sdk, const char *project,
                               struct toolchain *ret_toolchain, ramp_error *reterr) {
    return find_script(sdk, project, ret_toolchain->script, reterr);
}

ramp_status toolchain_find(const char *sdk, const char *project, struct toolchain *ret_toolchain,
                           ramp_error *reterr) {
    char version[32];
    ramp_status status = toolchain_find_sdk(sdk, project, ret_toolchain, reterr);

    return status ? status : toolchain_find_node(ret_toolchain, version, reterr);
}

/* The folder of examples, which are the templates. */
static bool find_examples(char ret_folder[static FILE_PATH]) {
    static const char *const places[] = {"../share/ramp/examples", "../../examples"};
    char exe[FILE_PATH];

    for (size_t i = 0; file_exe_folder(exe) && i < sizeof(places) / sizeof(places[0]); i++)
        if (file_join(ret_folder, exe, places[i]) && file_is_folder(ret_folder)) return true;
    return false;
}

ramp_status toolchain_template(const char *name, char ret_folder[static FILE_PATH],
                               ramp_error *reterr) {
    char examples[FILE_PATH], room[FILE_PATH];

    if (!strchr(name, '/') && name[0] != '.' && find_examples(examples) &&
        file_join(ret_folder, examples, name) && file_join(room, ret_folder, "src/room.ts") &&
        file_exists(room))
        return RAMP_OK;
    return error_set(reterr, RAMP_NOT_FOUND, "the template '%s' is not installed beside this ramp",
                     name);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

size_t toolchain_templates(char *ret_names[static TOOLCHAIN_TEMPLATES]) {
    char examples[FILE_PATH], folder[FILE_PATH];
    DIR *stream = find_examples(examples) ? opendir(examples) : NULL;
    size_t count = 0;

    if (!stream) return 0;
    for (struct dirent *entry; count < TOOLCHAIN_TEMPLATES && (entry = readdir(stream));)
        if (!toolchain_template(entry->d_name, folder, NULL) &&
            (ret_names[count] = mem_copy_text(entry->d_name, strlen(entry->d_name))) != NULL)
            count++;
    closedir(stream);
    qsort(ret_names, count, sizeof(ret_names[0]), compare_names);
    return count;
}

void toolchain_link(const struct toolchain *toolchain, const char *project) {
    char path[FILE_PATH], modules[FILE_PATH], folder[FILE_PATH], sdk[FILE_PATH];
    struct stat info;

    /* Only where somebody expects it: a project that names its packages. */
    if (!file_join(path, project, "package.json") || !file_exists(path)) return;
    if (!file_join(modules, project, "node_modules") || !file_join(path, modules, "ramp-sdk"))
        return;
    if (file_exists(path)) return;
    if (lstat(path, &info) == 0 && unlink(path)) return; /* a link that leads nowhere */
    file_parent(folder, toolchain->script);
    file_parent(sdk, folder);
    /* A help for editors and for `node --test`, not a duty: builds find the SDK without it. */
    if (file_make_folders(modules, NULL) || symlink(sdk, path)) return;
}
