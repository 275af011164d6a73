/* SPDX-License-Identifier: Apache-2.0 */
/* init.c -- `ramp init`: a new project, copied from a template. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/project.h"
#include "cli/term.h"
#include "cli/toolchain.h"

#include "base/error.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a project makes by itself, and what belongs to this repository rather than to the template. */
static bool is_left_out(const char *name) {
    static const char *const names[] = {"node_modules", "build"};
    size_t size = strlen(name);

    if (name[0] == '.') return true;
    if (size > 5 && strcmp(name + size - 5, ".wasm") == 0) return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

static ramp_status copy_file(const char *from, const char *to, ramp_error *reterr) {
    struct bytes text;

    bytes_init(&text, LIMIT_TEMPLATE_FILE);
    ramp_status status = file_read(from, &text, reterr);
    if (!status) status = file_write_new(to, 0666, text.data, text.size, reterr);
    bytes_done(&text);
    return status;
}

/* `ret_files` counts what was copied. */
static ramp_status copy_folder(const char *from, const char *to, unsigned depth,
                               unsigned *ret_files, ramp_error *reterr);

static ramp_status copy_entry(const char *from_folder, const char *to_folder, const char *name,
                              unsigned depth, unsigned *ret_files, ramp_error *reterr) {
    char from[FILE_PATH], to[FILE_PATH];

    if (!file_join(from, from_folder, name) || !file_join(to, to_folder, name))
        return error_set(reterr, RAMP_ARGS, "%s: the path is too long", to_folder);
    if (++*ret_files > LIMIT_TEMPLATE_FILES)
        return error_set(reterr, RAMP_LIMIT, "%s: more than %u files", from_folder,
                         LIMIT_TEMPLATE_FILES);
    return file_is_folder(from) ? copy_folder(from, to, depth + 1, ret_files, reterr)
                                : copy_file(from, to, reterr);
}

static ramp_status copy_folder(const char *from, const char *to, unsigned depth,
                               unsigned *ret_files, ramp_error *reterr) {
    ramp_status status = file_make_folders(to, reterr);
    if (status) return status;
    if (depth > 8) return error_set(reterr, RAMP_LIMIT, "%s: folders too deep", from);

    DIR *folder = opendir(from);
    if (!folder) return error_set(reterr, RAMP_IO, "%s: %s", from, strerror(errno));
    for (struct dirent *entry; !status && (entry = readdir(folder));)
        if (!is_left_out(entry->d_name))
            status = copy_entry(from, to, entry->d_name, depth, ret_files, reterr);
    closedir(folder);
    return status;
}

static bool is_empty(const char *path) {
    DIR *folder = opendir(path);
    bool empty = true;

    if (!folder) return true;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) empty = false;
    closedir(folder);
    return empty;
}

/* ramp.json with this name in it: the template's other fields stay, its comments do not. */
static ramp_status write_name(const char *folder, const char *name, ramp_error *reterr) {
    char path[FILE_PATH];
    json_t *root = NULL;

    if (!file_join(path, folder, "ramp.json"))
        return error_set(reterr, RAMP_ARGS, "%s: the path is too long", folder);
    ramp_status status = file_exists(path) ? file_read_json(path, &root, reterr) : RAMP_OK;
    if (status) return status;
    if (!root) root = json_object();
    json_object_set_new(root, "name", json_string(name));
    char *text = json_dumps(root, JSON_INDENT(2));
    json_decref(root);
    struct bytes line;
    bytes_init(&line, LIMIT_CLI_JSON);
    if (text) bytes_format(&line, "%s\n", text);
    free(text);
    status = line.size && !line.failed
                 ? file_write(path, 0666, line.data, line.size, reterr)
                 : error_set(reterr, RAMP_NO_MEMORY, "%s: out of memory", path);
    bytes_done(&line);
    return status;
}

/* .gitignore for what `ramp dev` and `ramp build` leave behind. */
static ramp_status write_ignore(const char *folder, ramp_error *reterr) {
    static const char text[] = "node_modules/\nbuild/\n.ramp/\n";
    char path[FILE_PATH];

    if (!file_join(path, folder, ".gitignore")) return RAMP_OK;
    return file_write_new(path, 0666, text, sizeof(text) - 1, reterr);
}

/* The service's name: the one given, else made of the folder's, which is known for sure only once it
 * exists ("." has one, too), else the template's. */
static void choose_name(const char *folder, const char *template, const char *given,
                        char ret_name[static LIMIT_SERVICE_NAME + 1]) {
    char real[FILE_PATH];

    const char *slash = file_real(real, folder) ? strrchr(real, '/') : NULL;
    if (given) memcpy(ret_name, given, strlen(given) + 1);
    else if (!slash || !project_name_from(slash + 1, ret_name))
        memcpy(ret_name, template, strlen(template) + 1);
}

static int make(const char *folder, const char *template, const char *given,
                char ret_name[static LIMIT_SERVICE_NAME + 1]) {
    char source[FILE_PATH];
    unsigned files = 0;
    ramp_error error;

    if (strlen(folder) >= FILE_PATH) return cli_misuse("init", "the path is too long");
    if (file_exists(folder) && !file_is_folder(folder))
        return cli_fail("init", "%s is a file", folder);
    if (!is_empty(folder)) return cli_fail("init", "%s is not empty; nothing was changed", folder);
    if (toolchain_template(template, source, &error)) return cli_fail("init", "%s", error.message);
    if (copy_folder(source, folder, 0, &files, &error))
        return cli_fail("init", "%s", error.message);
    choose_name(folder, template, given, ret_name);
    if (write_name(folder, ret_name, &error)) return cli_fail("init", "%s", error.message);
    if (write_ignore(folder, &error)) return cli_fail("init", "%s", error.message);
    return CLI_DONE;
}

static void print_next(const char *folder, const char *template, const char *name, bool json) {
    bool here = strcmp(folder, ".") == 0;

    if (json) {
        json_t *root =
            json_pack("{s:s, s:s, s:s}", "folder", folder, "template", template, "name", name);
        json_dumpf(root, stdout, 0);
        putchar('\n');
        json_decref(root);
        return;
    }
    printf("created %s from the template %s; the service is named %s\n",
           here ? "the project" : folder, template, name);
    printf("next:   %s%s%sramp dev\n", here ? "" : "cd ", here ? "" : folder, here ? "" : " && ");
}

int cli_init(int argc, char **argv) {
    static const char *const templates[] = {"chat", "cursors", "countdown"};
    const char *folder = NULL, *template = "chat", *given = NULL;
    char name[LIMIT_SERVICE_NAME + 1];
    bool json = false, known = false;
    const struct arg_option options[] = {
        {.name = "template",
         .kind = ARG_TEXT,
         .value = "NAME",
         .target = &template,
         .help = "chat (default): text for everybody in the room\n"
                 "cursors: binary messages\ncountdown: timers"},
        {.name = "name",
         .kind = ARG_TEXT,
         .value = "NAME",
         .target = &given,
         .help = "the service's name (default: of the folder)"},
        {.name = "json", .kind = ARG_FLAG, .target = &json, .help = "print the result as JSON"},
    };
    const struct arg_verb verb = {
        .name = "init",
        .usage = "DIR",
        .about = "Makes a project in DIR: a room, a page that uses it, and ramp.json. DIR is made, "
                 "or must\n"
                 "be empty.",
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .operands_min = 1,
        .operands_max = 1,
    };
    enum args_result result = args_parse(&verb, argc, argv, &folder);
    if (result) return ARGS_EXIT(result);

    for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++)
        known |= strcmp(template, templates[i]) == 0;
    if (!known) {
        const char *nearest =
            args_nearest(template, templates, sizeof(templates) / sizeof(templates[0]));
        return cli_misuse("init", "there is no template '%s'; %s%s", template,
                          nearest ? "did you mean " : "there are chat, cursors, countdown",
                          nearest ? nearest : "");
    }
    if (given && !project_name_valid(given))
        return cli_misuse(
            "init", "--name: '%s' is no name; 1 to 63 of a-z, 0-9 and '-', not '-' first", given);
    int code = make(folder, template, given, name);
    if (!code) print_next(folder, template, name, json);
    return code;
}
