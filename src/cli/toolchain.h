/* SPDX-License-Identifier: Apache-2.0 */
/* toolchain.h -- where the SDK, its templates and a Node are.
 *
 * Door:     toolchain_find(), toolchain_templates(), toolchain_link().
 * Before:   build, deploy DIR, dev, init, doctor.
 * After:    `node SDK/bin/ramp-build.mjs`.
 *
 *   SDK        --sdk · RAMP_SDK · nearest node_modules/ramp-sdk · <exe>/../share/ramp/sdk · source tree
 *   Node       RAMP_NODE · <exe>/../lib/ramp/node · <exe>/../node/bin/node (a build folder) · PATH
 *   templates  <exe>/../share/ramp/examples · source tree
 */
#ifndef CLI_TOOLCHAIN_H
#define CLI_TOOLCHAIN_H

#include "cli/file.h"

#define TOOLCHAIN_TEMPLATES  32 /* at most */
#define TOOLCHAIN_NODE_MAJOR 20 /* the AssemblyScript compiler's and node's test runner's */

struct toolchain {
    char node[FILE_PATH];
    char script[FILE_PATH]; /* SDK/bin/ramp-build.mjs */
};

/* `sdk`: value of --sdk, or NULL. `project`: where node_modules is looked for, upwards. */
RAMP_CHECK ramp_status toolchain_find(const char *sdk, const char *project,
                                      struct toolchain *ret_toolchain, ramp_error *reterr);
/* The same one by one. Gives what `node --version` prints, "v20.11.1". */
RAMP_CHECK ramp_status toolchain_find_sdk(const char *sdk, const char *project,
                                          struct toolchain *ret_toolchain, ramp_error *reterr);
RAMP_CHECK ramp_status toolchain_find_node(struct toolchain *ret_toolchain,
                                           char ret_version[static 32], ramp_error *reterr);
/* The folder of the template, which has src/room.ts. */
RAMP_CHECK ramp_status toolchain_template(const char *name, char ret_folder[static FILE_PATH],
                                          ramp_error *reterr);
/* The templates' names in order, mem_free() each; how many. */
size_t toolchain_templates(char *ret_names[static TOOLCHAIN_TEMPLATES]);
/* Makes node_modules/ramp-sdk of a project that has a package.json a link to the SDK, if it is not there:
 * then editors see its types, and `node --test` finds it. */
void toolchain_link(const struct toolchain *toolchain, const char *project);

#endif
