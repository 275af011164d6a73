/* SPDX-License-Identifier: Apache-2.0 */
/* project.h -- a user's folder: src/room.ts and, if there is one, ramp.json.
 *
 * Door:     project_load(), project_done().
 * Before:   build, deploy DIR, dev.
 * After:    the build (main), the upload (name, config).
 *
 *     { "name": "chat",             the service; default: the folder's name
 *       "main": "src/room.ts",      the file that is built
 *       "web":  "web",              folder that `ramp dev` serves at /
 *       "env":  {"KEY": "value"},   what env("KEY") answers
 *       "origins": ["https://example.org"] }  pages of other servers that may use it
 */
#ifndef CLI_PROJECT_H
#define CLI_PROJECT_H

#include "base/limits.h"
#include "cli/file.h"

struct project {
    char folder[FILE_PATH]; /* as given */
    char name[LIMIT_SERVICE_NAME + 1];
    char main[FILE_PATH]; /* relative to the folder */
    char web[FILE_PATH];  /* relative to the folder; "" if there is none */
    char *config;         /* for the server: a JSON object on one line, or NULL */
};

/* Everything that is wrong is a sentence with the file's name. */
RAMP_CHECK ramp_status project_load(const char *folder, struct project *ret_project,
                                    ramp_error *reterr);
void project_done(struct project *project);

/* [a-z0-9][a-z0-9-]{0,62} */
bool project_name_valid(const char *name);
/* Makes a service name of any text: "My Chat" becomes "my-chat"; false: nothing of it is left. */
bool project_name_from(const char *text, char ret_name[static LIMIT_SERVICE_NAME + 1]);

#endif
