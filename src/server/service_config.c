/* SPDX-License-Identifier: Apache-2.0 */
/* service_config.c -- see service_config.h. */
#include "server/service_config.h"

#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"

#define NAME_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789"

static ramp_status check_env(const json_t *env, ramp_error *reterr) {
    const char *name;
    json_t *value;

    if (!json_is_object(env))
        return error_set(reterr, RAMP_ARGS, "`env` of ramp.json is not an object");
    json_object_foreach((json_t *)(uintptr_t)env, name, value) {
        if (*name == '\0' || name[strspn(name, NAME_LETTERS)] != '\0' ||
            (*name >= '0' && *name <= '9'))
            return error_set(reterr, RAMP_ARGS,
                             "`env` of ramp.json: '%.80s' is no name: letters, digits and "
                             "'_', not beginning with a digit",
                             name);
        if (!json_is_string(value))
            return error_set(reterr, RAMP_ARGS, "`env` of ramp.json: '%.80s' is not a string",
                             name);
        if (memchr(json_string_value(value), '\n', json_string_length(value)) ||
            memchr(json_string_value(value), '\0', json_string_length(value)))
            return error_set(reterr, RAMP_ARGS,
                             "`env` of ramp.json: '%.80s' holds a line end or a NUL", name);
    }
    return RAMP_OK;
}

/* As browsers write one: scheme://host, and the port unless it is the scheme's own; all in lower case. */
static bool is_origin(const char *text) {
    size_t scheme = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+.-");
    const char *host = text + scheme + 3;
    size_t size = strlen(text);

    if (strcmp(text, "*") == 0) return true;
    if (scheme == 0 || strncmp(text + scheme, "://", 3) != 0 || *host == '\0') return false;
    for (const char *c = host; *c; c++)
        if (*c <= ' ' || *c > '~' || (*c >= 'A' && *c <= 'Z') || strchr("/?#@\\*", *c))
            return false;
    return !(strncmp(text, "http:", 5) == 0 && strcmp(text + size - 3, ":80") == 0) &&
           !(strncmp(text, "https:", 6) == 0 && size > 4 && strcmp(text + size - 4, ":443") == 0);
}

static ramp_status check_origins(const json_t *origins, ramp_error *reterr) {
    size_t index;
    json_t *value;

    if (!json_is_array(origins))
        return error_set(reterr, RAMP_ARGS, "`origins` of ramp.json is not an array");
    if (json_array_size(origins) > LIMIT_ORIGINS)
        return error_set(reterr, RAMP_ARGS, "`origins` of ramp.json has more than %u entries",
                         LIMIT_ORIGINS);
    json_array_foreach(origins, index, value) {
        const char *text = json_string_value(value);
        if (!text || strlen(text) != json_string_length(value) || strlen(text) > LIMIT_ORIGIN ||
            !is_origin(text))
            return error_set(
                reterr, RAMP_ARGS,
                "`origins` of ramp.json: entry %zu, '%.80s', is no origin; write it as "
                "browsers do, like \"https://example.org\", or \"*\" for any page",
                index + 1, text ? text : "");
    }
    return RAMP_OK;
}

ramp_status config_parse(ramp_bytes text, json_t **ret_config, ramp_error *reterr) {
    ramp_status status = RAMP_OK;
    json_error_t error;
    json_t *config, *env, *origins;

    if (text.size == 0) {
        *ret_config = NULL;
        return RAMP_OK;
    }
    if (text.size > LIMIT_CONFIG_SIZE)
        return error_set(reterr, RAMP_TOO_BIG, "ramp.json has more than %u bytes",
                         LIMIT_CONFIG_SIZE);
    config = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!config)
        return error_set(reterr, RAMP_ARGS, "ramp.json, line %d: %s", error.line, error.text);
    env = json_object_get(config, "env");
    origins = json_object_get(config, "origins");
    if (!json_is_object(config))
        status = error_set(reterr, RAMP_ARGS, "ramp.json is not an object");
    else if (env) status = check_env(env, reterr);
    if (!status && origins) status = check_origins(origins, reterr);
    if (status) {
        json_decref(config);
        return status;
    }
    *ret_config = config;
    return RAMP_OK;
}

ramp_status config_env(const json_t *config, ramp_bytes *ret_env, ramp_error *reterr) {
    json_t *env = config ? json_object_get(config, "env") : NULL, *value;
    size_t size = 0, at = 0;
    const char *name;
    char *lines;

    json_object_foreach(env, name, value) size += strlen(name) + json_string_length(value) + 2;
    lines = mem_alloc(size);
    if (!lines) return error_set(reterr, RAMP_NO_MEMORY, "no memory for `env`");
    json_object_foreach(env, name, value) {
        size_t name_size = strlen(name), value_size = json_string_length(value);
        memcpy(lines + at, name, name_size);
        lines[at + name_size] = '=';
        at += name_size + 1;
        if (value_size) memcpy(lines + at, json_string_value(value), value_size);
        lines[at + value_size] = '\n';
        at += value_size + 1;
    }
    *ret_env = (ramp_bytes){lines, size};
    return RAMP_OK;
}

ramp_status config_origins(const json_t *config, ramp_bytes *ret_origins, ramp_error *reterr) {
    json_t *origins = config ? json_object_get(config, "origins") : NULL, *value;
    size_t size = 0, at = 0, index;
    char *lines;

    if (!json_is_array(origins)) {
        *ret_origins = (ramp_bytes){NULL, 0};
        return RAMP_OK;
    }
    json_array_foreach(origins, index, value) size += json_string_length(value) + 1;
    lines = mem_alloc(size + 1);
    if (!lines) return error_set(reterr, RAMP_NO_MEMORY, "no memory for `origins`");
    json_array_foreach(origins, index, value) {
        size_t value_size = json_string_length(value);
        if (value_size) memcpy(lines + at, json_string_value(value), value_size);
        lines[at + value_size] = '\n';
        at += value_size + 1;
    }
    *ret_origins = (ramp_bytes){lines, size};
    return RAMP_OK;
}
