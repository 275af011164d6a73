/* SPDX-License-Identifier: Apache-2.0 */
/* target.h -- which server a verb talks to, and with which token.
 *
 * Door:     TARGET_OPTIONS, target_resolve(), target_json().
 * Before:   deploy, versions, rollback, call, rooms, modules, logs, doctor.
 * After:    client.h.
 *
 *   URL    --to · RAMP_URL · what the server wrote to DATA/admin.url · http://127.0.0.1:8787
 *   token  --token · RAMP_TOKEN · DATA/admin.token, which is never sent to another machine
 *   DATA   --data · .ramp here (a project of `ramp dev`) · ramp-data here (`ramp serve`)
 */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include "cli/client.h"
#include "cli/file.h"

struct target {
    /* options */
    const char *to, *token, *data;
    bool insecure;
    const char *about; /* a file, named before what the server says of it; or NULL */
    /* resolved */
    char text[512];   /* the URL, to be shown */
    const char *from; /* where the URL was found */
    struct client_url url;
    char token_found[1024]; /* "" if there is none */
};

#define TARGET_OPTIONS(where)                                                                      \
    {.name = "to",                                                                                 \
     .kind = ARG_TEXT,                                                                             \
     .value = "URL",                                                                               \
     .target = &(where).to,                                                                        \
     .help = "the server's control listener; also RAMP_URL\n"                                      \
             "(default: the one that runs here, else " CLI_URL ")"},                               \
        {.name = "token",                                                                          \
         .kind = ARG_TEXT,                                                                         \
         .value = "TOKEN",                                                                         \
         .target = &(where).token,                                                                 \
         .help = "its admin token; also RAMP_TOKEN\n"                                              \
                 "(default, on its own machine: DATA/admin.token)"},                               \
        {.name = "data",                                                                           \
         .kind = ARG_TEXT,                                                                         \
         .value = "DATA",                                                                          \
         .target = &(where).data,                                                                  \
         .help = "its data folder (default: ./" CLI_DEV_DATA " or ./" CLI_DATA ")"},               \
    {                                                                                              \
        .name = "insecure", .kind = ARG_FLAG, .target = &(where).insecure,                         \
        .help = "send the token over plain http to another machine"                                \
    }

/* Finds URL and token. What fails was told on stderr, and is the exit code; else 0. */
RAMP_CHECK int target_resolve(const char *verb, struct target *target);

/* The data folder that is looked into: the one named, else one that is here, else where one would be. */
const char *target_data(const struct target *target);

/* Sends `request` (its token is filled in here) and takes the answer as JSON. 0, or the exit code after the
 * server's own sentence, or ours, was told. */
RAMP_CHECK int target_json(const char *verb, struct target *target, struct client_request *request,
                           json_t **ret_root);
/* Tells why no answer came. CLI_FAILED. */
int target_unreachable(const char *verb, const ramp_error *error);
/* Tells what a failed answer says: {"error":{"code","message"}} or its status. CLI_FAILED. */
int target_refused(const char *verb, const struct target *target, int status,
                   const struct bytes *body);

/* Leaves URL for those who look for the server in its data folder; and takes it away. */
void target_publish(const char *data, const char *url);
void target_unpublish(const char *data);

#endif
