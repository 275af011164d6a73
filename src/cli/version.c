/* SPDX-License-Identifier: Apache-2.0 */
/* version.c -- `ramp version`: what this binary is and which drivers it has. */
#include "cli/args.h"
#include "cli/cli.h"

#include "server/worker_storage.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <uv.h>

/* One line per kind of driver: the URLs that --store and its siblings take. */
static const struct {
    const char *kind, *drivers;
} drivers[] = {
    {"store", "file"},
    {"db", STORAGE_SCHEMES},
    {"kv", STORAGE_SCHEMES},
};

const char *cli_drivers(size_t index, const char **ret_kind) {
    if (index >= sizeof(drivers) / sizeof(drivers[0])) return NULL;
    *ret_kind = drivers[index].kind;
    return drivers[index].drivers;
}

static void print_json(void) {
    json_t *found = json_object();
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
        json_object_set_new(found, drivers[i].kind, json_pack("[s]", drivers[i].drivers));
    json_t *root = json_pack("{s:s, s:s, s:i, s:o, s:{s:s, s:s, s:s, s:s}}", "ramp", ramp_version(),
                             "engine", ramp_engine_version(), "abi", RAMP_ABI_VERSION, "drivers",
                             found, "libraries", "libuv", uv_version_string(), "openssl",
                             OpenSSL_version(OPENSSL_VERSION_STRING), "jansson", JANSSON_VERSION,
                             "sqlite", sqlite3_libversion());
    json_dumpf(root, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(root);
}

int cli_version(int argc, char **argv) {
    bool json = false;
    const struct arg_option options[] = {
        {.name = "json", .kind = ARG_FLAG, .target = &json, .help = "print it as JSON"},
    };
    const struct arg_verb verb = {
        .name = "version",
        .usage = "",
        .about =
            "Prints the versions of ramp, of its engine and libraries, and the drivers built in.",
        .options = options,
        .option_count = 1,
    };
    enum args_result result = args_parse(&verb, argc, argv, NULL);
    if (result) return ARGS_EXIT(result);

    if (json) {
        print_json();
        return CLI_DONE;
    }
    printf("ramp       %s\n", ramp_version());
    printf("engine     %s\n", ramp_engine_version());
    printf("guest ABI  ramp_v%d\n", RAMP_ABI_VERSION);
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
        printf("%-10s %s\n", drivers[i].kind, drivers[i].drivers);
    printf("libraries  libuv %s, OpenSSL %s, jansson %s, SQLite %s\n", uv_version_string(),
           OpenSSL_version(OPENSSL_VERSION_STRING), JANSSON_VERSION, sqlite3_libversion());
    return CLI_DONE;
}
