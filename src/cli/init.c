/* SPDX-License-Identifier: Apache-2.0 */
/* init.c -- `ramp init`: a new project, copied from a template; without a folder, the list of templates.
 *
 * The templates are the examples: each has a room, a page, a test, tsconfig.json and package.json.
 */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/project.h"
#include "cli/term.h"
#include "cli/toolchain.h"

#include "base/error.h"
#include "base/mem.h"

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

/* A JSON file with this name in it: the template's other fields stay, its comments do not. */
static ramp_status write_name(const char *folder, const char *file, const char *name,
                              ramp_error *reterr) {
    char path[FILE_PATH];
    json_t *root = NULL;

    if (!file_join(path, folder, file))
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

/* The page of a template names its service in <html data-service="...">. */
static ramp_status write_page(const char *folder, const char *template, const char *name,
                              ramp_error *reterr) {
    char path[FILE_PATH], mark[LIMIT_SERVICE_NAME + 20];
    struct bytes text, page;

    if (!file_join(path, folder, "web/index.html") || !file_exists(path)) return RAMP_OK;
    bytes_init(&text, LIMIT_TEMPLATE_FILE);
    bytes_init(&page, LIMIT_TEMPLATE_FILE);
    snprintf(mark, sizeof(mark), "data-service=\"%s\"", template);
    ramp_status status = file_read(path, &text, reterr);
    const char *at = !status && text.data ? strstr(text.data, mark) : NULL;
    if (at) {
        bytes_format(&page, "%.*sdata-service=\"%s\"%s", (int)(at - text.data), text.data, name,
                     at + strlen(mark));
        status = page.failed ? error_set(reterr, RAMP_LIMIT, "%s: the page is too long", path)
                             : file_write(path, 0666, page.data, page.size, reterr);
    }
    bytes_done(&text);
    bytes_done(&page);
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
    char source[FILE_PATH], version[32];
    struct toolchain toolchain;
    unsigned files = 0;
    ramp_error error;

    if (strlen(folder) >= FILE_PATH) return cli_misuse("init", "the path is too long");
    if (file_exists(folder) && !file_is_folder(folder))
        return cli_fail("init", "%s is a file; name a folder that is new or empty", folder);
    if (!is_empty(folder))
        return cli_fail("init", "%s is not empty; nothing was changed: name another folder",
                        folder);
    if (toolchain_template(template, source, &error)) return cli_fail("init", "%s", error.message);
    if (copy_folder(source, folder, 0, &files, &error))
        return cli_fail("init", "%s", error.message);
    choose_name(folder, template, given, ret_name);
    if (write_name(folder, "ramp.json", ret_name, &error) ||
        write_name(folder, "package.json", ret_name, &error) ||
        write_page(folder, template, ret_name, &error) || write_ignore(folder, &error))
        return cli_fail("init", "%s", error.message);
    /* Without an SDK or a Node the project is whole; `ramp dev` says what is missing. */
    if (!toolchain_find_sdk(NULL, folder, &toolchain, NULL)) toolchain_link(&toolchain, folder);
    if (toolchain_find_node(&toolchain, version, &error))
        fprintf(stderr, "ramp init: %s\n", error.message);
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
    printf("created %s from the template %s; the service is named %s\nnext:\n",
           here ? "the project" : folder, template, name);
    if (!here) printf("  cd %s\n", folder);
    printf("  ramp dev             serve it, and build it again at every change\n");
    printf("  node --test test/    test the room; no server is needed\n");
    if (here) printf("  ramp deploy .        give it to a server\n");
}

/* ---- templates --------------------------------------------------------------------------------------- */

/* The first sentence of its README, or what stands before a colon in it; "" if there is none. */
static void describe(const char *template, char *out, size_t size) {
    char folder[FILE_PATH], path[FILE_PATH];
    struct bytes text;

    out[0] = '\0';
    bytes_init(&text, LIMIT_TEMPLATE_FILE);
    if (!toolchain_template(template, folder, NULL) && file_join(path, folder, "README.md") &&
        !file_read(path, &text, NULL) && text.data) {
        const char *begin = strstr(text.data, "\n\n"); /* behind the title */
        size_t length = begin ? strcspn(begin + 2, ".:\n") : 0;
        if (begin) snprintf(out, size, "%.*s", (int)length, begin + 2);
    }
    bytes_done(&text);
}

static int list_templates(char *const *names, size_t count, bool json) {
    json_t *list = json_array();
    char text[160];

    if (!count)
        return cli_fail("init",
                        "no templates are installed beside this ramp; install it with `make "
                        "install`");
    for (size_t i = 0; i < count; i++) {
        describe(names[i], text, sizeof(text));
        if (!json)
            printf("  %s%-12s%s %s\n", term_style(TERM_OUT, TERM_BOLD), names[i],
                   term_style(TERM_OUT, TERM_PLAIN), text);
        json_array_append_new(list, json_pack("{s:s, s:s}", "name", names[i], "text", text));
    }
    if (json) {
        json_dumpf(list, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        printf("\nramp init DIR --template NAME makes a project of one; without --template, of "
               "chat\n");
    }
    json_decref(list);
    return CLI_DONE;
}

static int unknown_template(const char *template, char *const *names, size_t count) {
    const char *nearest = args_nearest(template, (const char *const *)names, count);

    return cli_misuse("init", "there is no template '%s'; %s%s", template,
                      nearest ? "did you mean " : "`ramp init` lists those that there are",
                      nearest ? nearest : "");
}

/* ---- the verb ---------------------------------------------------------------------------------------- */

struct init_options {
    const char *folder, *template, *given;
    bool json;
};

static int run(const struct init_options *options) {
    char *names[TOOLCHAIN_TEMPLATES], name[LIMIT_SERVICE_NAME + 1];
    size_t count = toolchain_templates(names);
    bool known = false;
    int code;

    for (size_t i = 0; i < count; i++) known |= strcmp(options->template, names[i]) == 0;
    if (!known && count) {
        code = unknown_template(options->template, names, count);
    } else if (!options->folder) {
        code = list_templates(names, count, options->json);
    } else {
        code = make(options->folder, options->template, options->given, name);
        if (!code) print_next(options->folder, options->template, name, options->json);
    }
    for (size_t i = 0; i < count; i++) mem_free(names[i]);
    return code;
}

int cli_init(int argc, char **argv) {
    struct init_options values = {.template = "chat"};
    const struct arg_option options[] = {
        {.name = "template",
         .kind = ARG_TEXT,
         .value = "NAME",
         .target = &values.template,
         .help = "what it begins as (default: chat); `ramp init` alone lists them"},
        {.name = "name",
         .kind = ARG_TEXT,
         .value = "NAME",
         .target = &values.given,
         .help = "the service's name (default: of the folder)"},
        {.name = "json",
         .kind = ARG_FLAG,
         .target = &values.json,
         .help = "print the result, or the list, as JSON"},
    };
    const struct arg_verb verb = {
        .name = "init",
        .usage = "[DIR]",
        .about =
            "Makes a project in DIR: a room, a page that uses it, a test, and what editors need. "
            "DIR is\n"
            "made, or must be empty. Without DIR: lists the templates.",
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .operands_max = 1,
    };
    enum args_result result = args_parse(&verb, argc, argv, &values.folder);
    if (result) return ARGS_EXIT(result);

    if (values.given && !project_name_valid(values.given))
        return cli_misuse("init",
                          "--name: '%s' is no name; 1 to 63 of a-z, 0-9 and '-', not '-' first",
                          values.given);
    return run(&values);
}
