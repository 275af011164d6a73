/* SPDX-License-Identifier: Apache-2.0 */
/* project.c -- a user's folder; see project.h. */
#include "cli/project.h"

#include "base/error.h"
#include "base/mem.h"
#include "cli/args.h"
#include "server/service_config.h"

#include <stdlib.h>
#include <string.h>

static const char *const known_fields[] = {"$schema", "name", "main", "web", "env", "origins"};
#define FIELDS_COUNT (sizeof(known_fields) / sizeof(known_fields[0]))

static bool is_name_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool project_name_valid(const char *name) {
    size_t size = strlen(name);

    if (size < 1 || size > LIMIT_SERVICE_NAME || name[0] == '-') return false;
    for (size_t i = 0; i < size; i++)
        if (!is_name_byte(name[i]) && name[i] != '-') return false;
    return true;
}

bool project_name_from(const char *text, char ret_name[static LIMIT_SERVICE_NAME + 1]) {
    size_t size = 0;

    for (; *text && size < LIMIT_SERVICE_NAME; text++) {
        char c = *text >= 'A' && *text <= 'Z' ? (char)(*text | 0x20) : *text;
        if (is_name_byte(c)) ret_name[size++] = c;
        else if (size && ret_name[size - 1] != '-') ret_name[size++] = '-';
    }
    while (size && ret_name[size - 1] == '-') size--;
    ret_name[size] = '\0';
    return size > 0;
}

/* ---- ramp.json --------------------------------------------------------------------------------- */

static ramp_status check_fields(const char *path, const json_t *root, ramp_error *reterr) {
    const char *key;
    json_t *value;

    if (!json_is_object(root)) return error_set(reterr, RAMP_ARGS, "%s: not a JSON object", path);
    json_object_foreach((json_t *)root, key, value) {
        bool known = false;
        for (size_t i = 0; i < FIELDS_COUNT; i++) known |= strcmp(key, known_fields[i]) == 0;
        if (known) continue;
        const char *nearest = args_nearest(key, known_fields, FIELDS_COUNT);
        return error_set(reterr, RAMP_ARGS, "%s: there is no field \"%.40s\"%s%s%s", path, key,
                         nearest ? "; did you mean \"" : "; known: name, main, web, env",
                         nearest ? nearest : "", nearest ? "\"?" : "");
    }
    return RAMP_OK;
}

/* A path in the project: relative, and nowhere else. */
static ramp_status take_path(const char *path, const json_t *root, const char *key,
                             char ret_value[static FILE_PATH], ramp_error *reterr) {
    const json_t *value = json_object_get(root, key);
    const char *text = json_string_value(value);

    if (!value) return RAMP_OK;
    if (!text || !*text || strlen(text) >= FILE_PATH)
        return error_set(reterr, RAMP_ARGS, "%s: \"%s\" must be a path in the project", path, key);
    if (text[0] == '/' || strncmp(text, "../", 3) == 0 || strstr(text, "/../"))
        return error_set(reterr, RAMP_ARGS, "%s: \"%s\": %s leads out of the project", path, key,
                         text);
    memcpy(ret_value, text, strlen(text) + 1);
    return RAMP_OK;
}

static ramp_status take_name(const char *path, const json_t *root, struct project *project,
                             ramp_error *reterr) {
    const json_t *value = json_object_get(root, "name");
    const char *name = json_string_value(value);

    if (!value) return RAMP_OK;
    if (!name || !project_name_valid(name))
        return error_set(reterr, RAMP_ARGS,
                         "%s: \"name\" must be 1 to 63 of a-z, 0-9 and '-', not '-' first", path);
    memcpy(project->name, name, strlen(name) + 1);
    return RAMP_OK;
}

static ramp_status check_env(const char *path, json_t *env, ramp_error *reterr) {
    const char *key;
    json_t *value;

    if (!json_is_object(env))
        return error_set(reterr, RAMP_ARGS, "%s: \"env\" must be an object", path);
    json_object_foreach(env, key, value) {
        const char *text = json_string_value(value);
        if (!text || strchr(text, '\n') || strchr(key, '\n') || strchr(key, '=') || !*key)
            return error_set(reterr, RAMP_ARGS,
                             "%s: \"env\": \"%.40s\" must be a string of one line", path, key);
    }
    return RAMP_OK;
}

/* What the server keeps of the file; it reads `origins` itself, so that both find the same wrong. */
static ramp_status take_config(const char *path, const json_t *root, struct project *project,
                               ramp_error *reterr) {
    json_t *env = json_object_get(root, "env"), *origins = json_object_get(root, "origins");
    json_t *config, *checked = NULL;
    ramp_status status = env ? check_env(path, env, reterr) : RAMP_OK;
    char *text;

    if (status || (!env && !origins)) return status;
    config = json_pack("{s:O*, s:O*}", "env", env, "origins", origins);
    text = config ? json_dumps(config, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_decref(config);
    if (!text) return error_set(reterr, RAMP_NO_MEMORY, "%s: out of memory", path);
    status = config_parse((ramp_bytes){text, strlen(text)}, &checked, reterr);
    json_decref(checked);
    if (status) free(text);
    else project->config = text;
    return status;
}

static ramp_status load_json(const char *path, struct project *project, ramp_error *reterr) {
    json_t *root = NULL;

    ramp_status status = file_read_json(path, &root, reterr);
    if (!status) status = check_fields(path, root, reterr);
    if (!status) status = take_name(path, root, project, reterr);
    if (!status) status = take_path(path, root, "main", project->main, reterr);
    if (!status) status = take_path(path, root, "web", project->web, reterr);
    if (!status) status = take_config(path, root, project, reterr);
    json_decref(root);
    return status;
}

/* ---- doors ------------------------------------------------------------------------------------- */

static void set_defaults(const char *folder, struct project *project) {
    char real[FILE_PATH], web[FILE_PATH];

    memcpy(project->folder, folder, strlen(folder) + 1);
    memcpy(project->main, "src/room.ts", sizeof("src/room.ts"));
    if (file_join(web, folder, "web") && file_is_folder(web))
        memcpy(project->web, "web", sizeof("web"));
    const char *slash = file_real(real, folder) ? strrchr(real, '/') : NULL;
    if (!slash || !project_name_from(slash + 1, project->name))
        memcpy(project->name, "room", sizeof("room"));
}

ramp_status project_load(const char *folder, struct project *ret_project, ramp_error *reterr) {
    char path[FILE_PATH];
    ramp_status status = RAMP_OK;

    *ret_project = (struct project){0};
    if (!file_is_folder(folder))
        return error_set(reterr, RAMP_NOT_FOUND, "%s: there is no such folder", folder);
    if (!file_join(path, folder, "ramp.json"))
        return error_set(reterr, RAMP_ARGS, "%s: the path is too long", folder);
    set_defaults(folder, ret_project);
    if (file_exists(path)) status = load_json(path, ret_project, reterr);
    if (!status && file_join(path, folder, ret_project->main) && !file_exists(path))
        status =
            error_set(reterr, RAMP_NOT_FOUND,
                      "%s: there is no such file; `ramp init DIR` makes a project with one", path);
    if (status) project_done(ret_project);
    return status;
}

void project_done(struct project *project) {
    free(project->config);
    *project = (struct project){0};
}
