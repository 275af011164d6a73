/* SPDX-License-Identifier: Apache-2.0 */
/* rooms.c -- `ramp rooms` and `ramp modules`: lists of the control API as tables. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/columns.h"
#include "cli/target.h"
#include "cli/term.h"

#include <string.h>

static const char *text_of_field(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static uint64_t number_of_field(const json_t *object, const char *key) {
    double value = json_number_value(json_object_get(object, key));
    return value > 0 ? (uint64_t)value : 0;
}

static void add_room(struct columns *table, const json_t *room) {
    char memory[16], cpu[16];

    columns_add(table, "%s", text_of_field(room, "service"));
    columns_add(table, "%s", text_of_field(room, "room"));
    columns_add(table, "%.8s", text_of_field(room, "version"));
    columns_add(table, "%llu", (unsigned long long)number_of_field(room, "connections"));
    columns_add(table, "%llu", (unsigned long long)number_of_field(room, "timers"));
    columns_add(table, "%s", term_size(memory, number_of_field(room, "memory")));
    columns_add(table, "%llu", (unsigned long long)number_of_field(room, "calls"));
    columns_add(table, "%llu", (unsigned long long)number_of_field(room, "calls_failed"));
    columns_add(table, "%s", term_time(cpu, number_of_field(room, "cpu_ns")));
}

static void add_module(struct columns *table, const json_t *module) {
    char size[16], ago[16];

    columns_add(table, "%.12s", text_of_field(module, "id"));
    columns_add(table, "%s", text_of_field(module, "service"));
    columns_add(table, "%llu", (unsigned long long)number_of_field(module, "worker"));
    columns_add(table, "%llu", (unsigned long long)number_of_field(module, "rooms"));
    columns_add(table, "%s", term_size(size, number_of_field(module, "bytes")));
    columns_add(table, "%s", term_time(ago, number_of_field(module, "last_request_ms") * 1000000u));
    columns_add(table, "%s%s", json_is_true(json_object_get(module, "pinned")) ? "pinned" : "",
                json_is_true(json_object_get(module, "fast")) ? " fast" : "");
}

struct list {
    const char *verb, *key, *none;
    const char *const *heads;
    void (*add)(struct columns *table, const json_t *item);
};

static int print_list(const struct list *list, const json_t *root) {
    const json_t *items = json_object_get(root, list->key);
    struct columns table;
    size_t index;
    json_t *item;
    int code = CLI_DONE;

    if (!json_is_array(items))
        return cli_fail(list->verb, "the server's answer has no list of %s", list->key);
    if (!json_array_size(items)) {
        printf("%s\n", list->none);
        return CLI_DONE;
    }
    columns_init(&table, list->heads);
    json_array_foreach((json_t *)items, index, item) list->add(&table, item);
    if (!columns_print(&table)) code = cli_fail(list->verb, "out of memory");
    columns_done(&table);
    return code;
}

/* Leaves only the items of one service. */
static void keep_service(const struct list *list, json_t *root, const char *service) {
    json_t *items = json_object_get(root, list->key);

    for (size_t i = json_array_size(items); service && i > 0; i--)
        if (strcmp(text_of_field(json_array_get(items, i - 1), "service"), service) != 0)
            json_array_remove(items, i - 1);
}

static int show(const struct list *list, struct target *target, const char *path,
                const char *service, bool json) {
    struct client_request request = {.method = "GET", .path = path};
    json_t *root = NULL;

    int code = target_resolve(list->verb, target);
    if (!code) code = target_json(list->verb, target, &request, &root);
    if (!code) keep_service(list, root, service);
    if (!code && json) {
        json_dumpf(root, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (!code) {
        code = print_list(list, root);
    }
    json_decref(root);
    return code;
}

int cli_rooms(int argc, char **argv) {
    static const char *const heads[] = {"service", "room",   "version", ">connections", ">timers",
                                        ">memory", ">calls", ">failed", ">cpu",         NULL};
    static const struct list list = {"rooms", "rooms", "no rooms", heads, add_room};
    const char *service = NULL;
    struct target target = {0};
    bool json = false;
    const struct arg_option options[] = {
        {.name = "json",
         .kind = ARG_FLAG,
         .target = &json,
         .help = "print the server's answer as JSON"},
        TARGET_OPTIONS(target),
    };
    const struct arg_verb verb = {
        .name = "rooms",
        .usage = "[SERVICE]",
        .about = "Lists a server's rooms: their connections, memory, calls and CPU time.",
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .operands_max = 1,
    };
    enum args_result result = args_parse(&verb, argc, argv, &service);
    if (result) return ARGS_EXIT(result);

    return show(&list, &target, "/_ramp/v1/rooms", service, json);
}

int cli_modules(int argc, char **argv) {
    static const char *const heads[] = {"module", "service",       ">worker", ">rooms",
                                        ">size",  ">last request", "state",   NULL};
    static const struct list list = {"modules", "modules", "no modules are loaded", heads,
                                     add_module};
    struct target target = {0};
    bool json = false;
    const struct arg_option options[] = {
        {.name = "json",
         .kind = ARG_FLAG,
         .target = &json,
         .help = "print the server's answer as JSON"},
        TARGET_OPTIONS(target),
    };
    const struct arg_verb verb = {
        .name = "modules",
        .usage = "",
        .about = "Lists a server's module table, each worker's most recently requested first.\n"
                 "The last one that is not pinned is evicted when a slot is needed.",
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
    };
    enum args_result result = args_parse(&verb, argc, argv, NULL);
    if (result) return ARGS_EXIT(result);
    return show(&list, &target, "/_ramp/v1/modules", NULL, json);
}
