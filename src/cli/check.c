/* SPDX-License-Identifier: Apache-2.0 */
/* check.c -- `ramp check`: whether a module is accepted, and what it needs. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/compile_ticker.h"
#include "cli/file.h"
#include "cli/next.h"
#include "cli/term.h"
#include "cli/wasm_names.h"

#include "base/limits.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

struct report {
    json_t *handlers, *imports;
    bool waits; /* imports `wait`: runs on the path that can suspend */
};

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void take_name(void *context, bool is_import, const char *name, size_t size) {
    struct report *report = context;
    bool is_handler = size > 3 && memcmp(name, "on_", 3) == 0;

    if (is_import && size == 4 && memcmp(name, "wait", 4) == 0) report->waits = true;
    if (is_import) json_array_append_new(report->imports, json_stringn(name, size));
    else if (is_handler) json_array_append_new(report->handlers, json_stringn(name, size));
}

static void print_list(const char *head, const json_t *list) {
    size_t index;
    json_t *item;

    printf("%s", head);
    json_array_foreach((json_t *)list, index, item) printf(" %s", json_string_value(item));
    printf("%s\n", json_array_size(list) ? "" : " none");
}

static void print_report(const char *path, size_t size, size_t artefact_size, uint64_t compile_ns,
                         const struct report *report, bool json) {
    char module[16], artefact[16], took[16];

    if (json) {
        json_t *root =
            json_pack("{s:b, s:s, s:I, s:I, s:f, s:O, s:O, s:b}", "ok", 1, "file", path, "size",
                      (json_int_t)size, "artefact_size", (json_int_t)artefact_size, "compile_ms",
                      (double)compile_ns / 1e6, "handlers", report->handlers, "imports",
                      report->imports, "can_wait", (int)report->waits);
        json_dumpf(root, stdout, 0);
        putchar('\n');
        json_decref(root);
        return;
    }
    printf("%s: accepted\n", path);
    printf("  size      %s; compiled %s in %s\n", term_size(module, size),
           term_size(artefact, artefact_size), term_time(took, compile_ns));
    print_list("  handlers ", report->handlers);
    print_list("  imports  ", report->imports);
    printf("  path      %s\n", report->waits
                                   ? "suspendable: the module can wait for the outside"
                                   : "fast, after its first calls: the module never waits");
}

static int refuse(const char *path, const ramp_error *error, bool json) {
    if (!json)
        return cli_fail("check", "%s: %s%s", path, error->message,
                        next_of(NEXT_MODULE, error->message));
    json_t *root = json_pack("{s:b, s:s, s:s, s:s}", "ok", 0, "file", path, "code",
                             ramp_status_name(error->status), "message", error->message);
    json_dumpf(root, stdout, 0);
    putchar('\n');
    json_decref(root);
    return CLI_FAILED;
}

static int check_module(const char *path, ramp_bytes wasm, bool json) {
    struct compile_ticker ticker;
    ramp_compile_options options;
    ramp_bytes artefact = {0};
    ramp_error error;

    compile_ticker_init(&ticker, &options);
    if (ramp_module_check(wasm, &error)) return refuse(path, &error, json);
    uint64_t begin = now_ns();
    if (ramp_compile(wasm, &options, &artefact, &error)) return refuse(path, &error, json);
    uint64_t took = now_ns() - begin;

    struct report report = {.handlers = json_array(), .imports = json_array()};
    wasm_names(wasm.data, wasm.size, take_name, &report);
    print_report(path, wasm.size, artefact.size, took, &report, json);
    json_decref(report.handlers);
    json_decref(report.imports);
    ramp_artefact_free(artefact);
    return CLI_DONE;
}

int cli_check(int argc, char **argv) {
    const char *path = NULL;
    bool json = false;
    const struct arg_option options[] = {
        {.name = "json", .kind = ARG_FLAG, .target = &json, .help = "print the result as JSON"},
    };
    const struct arg_verb verb = {
        .name = "check",
        .usage = "FILE.wasm",
        .about = "Checks, compiles and tries out a module as a server does at a deploy, and says "
                 "its size,\n"
                 "handlers and imports; or why it is refused.",
        .options = options,
        .option_count = 1,
        .operands_min = 1,
        .operands_max = 1,
    };
    enum args_result result = args_parse(&verb, argc, argv, &path);
    if (result) return ARGS_EXIT(result);

    struct bytes wasm;
    ramp_error error;
    bytes_init(&wasm, LIMIT_MODULE_SIZE);
    int code = file_read(path, &wasm, &error)
                   ? cli_fail("check", "%s%s", error.message, next_of(NEXT_MODULE, error.message))
                   : check_module(path, (ramp_bytes){wasm.data, wasm.size}, json);
    bytes_done(&wasm);
    return code;
}
