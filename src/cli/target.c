/* SPDX-License-Identifier: Apache-2.0 */
/* target.c -- which server a verb talks to, and with which token; see target.h. */
#include "cli/target.h"

#include "cli/cli.h"
#include "cli/next.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define URL_FILE   "admin.url"
#define TOKEN_FILE "admin.token"

/* ---- the data folder ----------------------------------------------------------------------------- */

/* The first line of DATA/name, "" if there is none. */
static void read_line(const char *data, const char *name, char *out, size_t capacity) {
    char path[FILE_PATH];
    struct bytes text;
    ramp_error error;

    out[0] = '\0';
    bytes_init(&text, capacity - 1);
    if (file_join(path, data, name) && !file_read(path, &text, &error) && text.data) {
        size_t size = strcspn(text.data, "\r\n");
        memcpy(out, text.data, size);
        out[size] = '\0';
    }
    bytes_done(&text);
}

/* The data folder to look into; NULL: none is here. */
static const char *find_data(const struct target *target) {
    static const char *const places[] = {CLI_DEV_DATA, CLI_DATA};
    char path[FILE_PATH];

    if (target->data) return target->data;
    /* One with a running server first. */
    for (size_t i = 0; i < 2; i++)
        if (file_join(path, places[i], URL_FILE) && file_exists(path)) return places[i];
    for (size_t i = 0; i < 2; i++)
        if (file_join(path, places[i], TOKEN_FILE) && file_exists(path)) return places[i];
    return NULL;
}

const char *target_data(const struct target *target) {
    const char *data = find_data(target);
    return data ? data : CLI_DATA;
}

void target_publish(const char *data, const char *url) {
    char path[FILE_PATH];
    ramp_error error;

    /* A help for others, not a duty: without it they name the URL. */
    if (file_join(path, data, URL_FILE) && file_write(path, 0644, url, strlen(url), &error)) return;
}

void target_unpublish(const char *data) {
    char path[FILE_PATH];
    if (file_join(path, data, URL_FILE)) unlink(path);
}

/* ---- resolving ----------------------------------------------------------------------------------- */

static void choose_url(struct target *target, const char *data) {
    const char *named = getenv("RAMP_URL");
    char found[512] = "";

    if (target->to) {
        target->from = "--to";
        named = target->to;
    } else if (named && *named) {
        target->from = "RAMP_URL";
    } else {
        if (data) read_line(data, URL_FILE, found, sizeof(found));
        target->from = *found ? data : "default";
        named = *found ? found : CLI_URL;
    }
    snprintf(target->text, sizeof(target->text), "%.511s", named);
    size_t size = strlen(target->text);
    while (size && target->text[size - 1] == '/') target->text[--size] = '\0';
}

/* The token, and whether it may go to that machine. */
static int choose_token(const char *verb, struct target *target, const char *data) {
    const char *named = target->token ? target->token : getenv("RAMP_TOKEN");

    if (named && *named) {
        if (strlen(named) >= sizeof(target->token_found))
            return cli_misuse(verb, "the token is too long");
        for (const char *c = named; *c; c++)
            if (!isgraph((unsigned char)*c))
                return cli_misuse(verb, "the token has a character that none has");
        if (!target->url.is_loopback && !target->insecure)
            return cli_fail(
                verb,
                "%s is another machine and http is not encrypted: the token stays here; use a "
                "tunnel (ssh -L), or --insecure on a network that you trust",
                target->text);
        memcpy(target->token_found, named, strlen(named) + 1);
    } else if (data && target->url.is_loopback) {
        read_line(data, TOKEN_FILE, target->token_found, sizeof(target->token_found));
    }
    return 0;
}

int target_resolve(const char *verb, struct target *target) {
    const char *data = find_data(target);
    ramp_error error;

    choose_url(target, data);
    if (client_url_parse(target->text, &target->url, &error))
        return cli_fail(verb, "%s", error.message);
    return choose_token(verb, target, data);
}

/* ---- asking -------------------------------------------------------------------------------------- */

int target_refused(const char *verb, const struct target *target, int status,
                   const struct bytes *body) {
    json_t *root = body->size ? json_loadb(body->data, body->size, JSON_ALLOW_NUL, NULL) : NULL;
    const char *message =
        json_string_value(json_object_get(json_object_get(root, "error"), "message"));

    if ((status == 401 || status == 403) && !target->token_found[0])
        cli_fail(
            verb,
            "%s wants a token: name it with --token or RAMP_TOKEN, or the server's data folder "
            "with --data",
            target->text);
    else if (message)
        cli_fail(verb, "%s%s%s%s", target->about ? target->about : "", target->about ? ": " : "",
                 message, next_of(NEXT_SERVER, message));
    else
        cli_fail(
            verb,
            "%s answered with HTTP status %d, as no ramp does; name the control listener of one "
            "with --to",
            target->text, status);
    json_decref(root);
    return CLI_FAILED;
}

int target_unreachable(const char *verb, const ramp_error *error) {
    bool nobody = error->status == RAMP_UNAVAILABLE;

    return cli_fail(verb, "%s%s", error->message,
                    nobody ? "; start one with `ramp dev` or `ramp serve`, or name it with --to"
                           : "; name a ramp server's control listener with --to");
}

int target_json(const char *verb, struct target *target, struct client_request *request,
                json_t **ret_root) {
    struct client_answer answer;
    json_error_t wrong;
    ramp_error error;
    int code = 0;

    request->token = target->token_found[0] ? target->token_found : NULL;
    if (client_send(&target->url, request, &answer, &error))
        return target_unreachable(verb, &error);
    if (answer.status / 100 != 2) {
        code = target_refused(verb, target, answer.status, &answer.body);
    } else {
        *ret_root = answer.body.size
                        ? json_loadb(answer.body.data, answer.body.size, JSON_ALLOW_NUL, &wrong)
                        : json_object();
        if (!*ret_root)
            code = cli_fail(verb, "%s answered with something that is no JSON", target->text);
    }
    bytes_done(&answer.body);
    return code;
}
