/* SPDX-License-Identifier: Apache-2.0 */
/* dev.c -- `ramp dev`: a server, a compiler and a watch on one loop.
 *
 *     watch ──▶ build ──▶ deploy ──▶ count ──▶ update, one line
 *       ▲                    │          what will restart, asked of our own control API
 *       │                    └ on the loader's thread
 *       └── a change meanwhile begins it again
 *
 * One of these at a time. Whatever fails, the version before goes on serving.
 * Not here: how modules are compiled and rooms restart (src/server), what is printed (dev_print.h).
 */
#include "cli/args.h"
#include "cli/builder.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/dev_print.h"
#include "cli/project.h"
#include "cli/target.h"
#include "cli/term.h"
#include "cli/toolchain.h"
#include "cli/watch.h"

#include "base/error.h"
#include "server/loader.h"
#include "server/server.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUT_FILE CLI_DEV_DATA "/room.wasm"

struct dev {
    const char *folder;
    bool release, no_open;
    struct dev_print print;
    struct server_options options;
    struct server *server;
    struct project project;
    struct toolchain toolchain;
    struct builder builder;
    struct watch watch;
    char data[FILE_PATH], web[FILE_PATH], out[FILE_PATH], main_folder[FILE_PATH];

    bool busy;    /* a build, deploy or count is under way */
    bool changed; /* ... and something has changed meanwhile */
    bool serves;  /* a version of ours has been deployed */
    bool closing;
    char cause[FILE_PATH]; /* the file that changed */
    json_t *answer;        /* of the compiler, to the build under way */

    uv_async_t deployed_async;
    uv_mutex_t mutex; /* guards the next two: the loader's thread writes them */
    struct deployed deployed;
    bool deaf; /* the async handle is closing */

    uv_work_t count_work;
    bool counting;
    long rooms, connections;
    unsigned open_handles;
};

static void build(struct dev *dev, const char *cause);

/* ---- the end of a round ------------------------------------------------------------------------------ */

static void finish(struct dev *dev) {
    char cause[FILE_PATH];

    json_decref(dev->answer);
    dev->answer = NULL;
    dev->busy = false;
    if (!dev->changed || dev->closing) return;
    dev->changed = false;
    memcpy(cause, dev->cause, sizeof(cause));
    build(dev, cause);
}

static void fail(struct dev *dev, const char *what, const char *message) {
    dev_print_failed(&dev->print, what, message, dev->serves);
    finish(dev);
}

/* ---- counting what was restarted ---------------------------------------------------------------------- */

/* On a thread of libuv's: our own server's workers answer it meanwhile. */
static void count_rooms(uv_work_t *work) {
    struct dev *dev = work->data;
    struct client_request request = {
        .method = "GET", .path = "/_ramp/v1/rooms", .token = server_token(dev->server)};
    struct client_answer answer;
    struct client_url url;
    size_t index;
    json_t *room;

    dev->rooms = dev->connections = -1;
    if (client_url_parse(server_url(dev->server), &url, NULL)) return;
    if (client_send(&url, &request, &answer, NULL)) return;
    json_t *root = answer.body.size
                       ? json_loadb(answer.body.data, answer.body.size, JSON_ALLOW_NUL, NULL)
                       : NULL;
    bytes_done(&answer.body);
    json_t *rooms = json_object_get(root, "rooms");
    if (rooms) dev->rooms = dev->connections = 0;
    json_array_foreach(rooms, index, room) {
        const char *service = json_string_value(json_object_get(room, "service"));
        if (!service || strcmp(service, dev->project.name) != 0) continue;
        if (!json_is_true(json_object_get(room, "open"))) continue;
        dev->rooms++;
        dev->connections += (long)json_integer_value(json_object_get(room, "connections"));
    }
    json_decref(root);
}

static void print_built(struct dev *dev, bool unchanged) {
    const struct dev_built built = {
        .answer = dev->answer,
        .file = dev->project.main,
        .changed = dev->cause,
        .unchanged = unchanged,
        .rooms = dev->rooms,
        .connections = dev->connections,
    };
    dev_print_built(&dev->print, &built);
}

static void on_counted(uv_work_t *work, int status) {
    struct dev *dev = work->data;

    (void)status;
    dev->counting = false;
    if (dev->closing) return;
    server_service_updated(dev->server, dev->project.name);
    print_built(dev, false);
    finish(dev);
}

/* ---- deploying ---------------------------------------------------------------------------------------- */

/* On the loader's thread. */
static void on_deployed(void *context, uint64_t ticket, const struct deployed *deployed) {
    struct dev *dev = context;

    (void)ticket;
    uv_mutex_lock(&dev->mutex);
    dev->deployed = *deployed;
    if (!dev->deaf) uv_async_send(&dev->deployed_async);
    uv_mutex_unlock(&dev->mutex);
}

static void on_deployed_here(uv_async_t *async) {
    struct dev *dev = async->data;
    struct deployed deployed;

    uv_mutex_lock(&dev->mutex);
    deployed = dev->deployed;
    uv_mutex_unlock(&dev->mutex);
    if (dev->closing) return;
    if (deployed.status) {
        fail(dev, "the module is refused", deployed.message);
        return;
    }
    bool first = !dev->serves;
    dev->serves = true;
    dev->rooms = dev->connections = -1;
    if (first || deployed.unchanged) {
        if (!deployed.unchanged) server_service_updated(dev->server, dev->project.name);
        print_built(dev, deployed.unchanged && !first);
        finish(dev);
        return;
    }
    /* Before they are told: a room that restarts has no instance for a moment. */
    dev->count_work.data = dev;
    dev->counting =
        uv_queue_work(server_loop(dev->server), &dev->count_work, count_rooms, on_counted) == 0;
    if (!dev->counting) on_counted(&dev->count_work, 0);
}

static void deploy(struct dev *dev) {
    struct bytes wasm;
    ramp_error error;
    const char *config = dev->project.config;

    bytes_init(&wasm, LIMIT_MODULE_SIZE);
    if (file_read(dev->out, &wasm, &error)) {
        fail(dev, "the module cannot be read", error.message);
    } else {
        const struct deploy request = {
            .service = dev->project.name,
            .wasm = {wasm.data, wasm.size},
            .config = {config, config ? strlen(config) : 0},
        };
        loader_deploy(server_loader(dev->server), &request, on_deployed, dev, 0);
    }
    bytes_done(&wasm);
}

/* ---- building ------------------------------------------------------------------------------------------ */

static void on_built(void *context, const json_t *answer, const char *message) {
    struct dev *dev = context;

    if (!answer) {
        fail(dev, "build failed", message);
    } else if (json_is_true(json_object_get(answer, "ok"))) {
        dev->answer = json_incref((json_t *)(uintptr_t)answer);
        deploy(dev);
    } else {
        dev_print_problems(&dev->print, answer, dev->serves);
        finish(dev);
    }
}

/* ramp.json is read anew for every build. A project that is broken now leaves the one before. */
static bool reload_project(struct dev *dev) {
    struct project project;
    ramp_error error;

    if (project_load(dev->folder, &project, &error)) {
        fail(dev, "nothing was built", error.message);
        return false;
    }
    project_done(&dev->project);
    dev->project = project;
    return true;
}

static void build(struct dev *dev, const char *cause) {
    dev->busy = true;
    snprintf(dev->cause, sizeof(dev->cause), "%s", cause);
    if (*cause && !reload_project(dev)) return;
    builder_build(&dev->builder, dev->project.main, OUT_FILE, dev->release ? "release" : "debug");
}

static void on_change(void *context, const char *path) {
    struct dev *dev = context;
    size_t size = strlen(dev->folder);
    const char *shown = path;

    if (dev->closing) return;
    /* As seen from the project. */
    if (strncmp(path, dev->folder, size) == 0 && path[size] == '/') shown = path + size + 1;
    if (dev->busy) {
        dev->changed = true;
        snprintf(dev->cause, sizeof(dev->cause), "%s", shown);
    } else {
        build(dev, shown);
    }
}

/* ramp.json, and the folder of the room's file with all below it if it is one of its own; else that file. */
static void watch_project(struct dev *dev) {
    char parent[FILE_PATH];

    file_parent(parent, dev->project.main);
    if (strcmp(parent, ".") == 0) watch_add(&dev->watch, dev->folder, dev->project.main);
    else if (file_join(dev->main_folder, dev->folder, parent))
        watch_add(&dev->watch, dev->main_folder, NULL);
    watch_add(&dev->watch, dev->folder, "ramp.json");
}

/* ---- the browser -------------------------------------------------------------------------- */

static bool has_display(void) {
    const char *x = getenv("DISPLAY"), *wayland = getenv("WAYLAND_DISPLAY");
    return (x && *x) || (wayland && *wayland);
}

/* Whether it starts is no business of ours: the URL has been printed. */
static void open_browser(const struct dev *dev) {
    char url[600];
    char *arguments[] = {(char[]){"xdg-open"}, url, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;

    snprintf(url, sizeof(url), "%s%s", server_url(dev->server), dev->options.web ? "/" : "/_ramp/");
    if (posix_spawn_file_actions_init(&actions)) return;
    for (int fd = 0; fd < 3; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    (void)posix_spawnp(&pid, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
}

static void greet(const struct dev *dev) {
    const struct dev_ready ready = {
        .url = server_url(dev->server),
        .service = dev->project.name,
        .has_web = dev->options.web,
        .says_tunnel = !has_display(),
    };
    dev_print_ready(&dev->print, &ready);
    if (has_display() && term_is_terminal(TERM_OUT) && !dev->no_open) open_browser(dev);
}

/* ---- beginning and end ------------------------------------------------------------------------------- */

static ramp_status start_server(struct dev *dev, const char *exe, ramp_error *reterr) {
    if (!file_join(dev->data, dev->folder, CLI_DEV_DATA) ||
        !file_join(dev->out, dev->folder, OUT_FILE) ||
        !file_join(dev->web, dev->folder, dev->project.web))
        return error_set(reterr, RAMP_ARGS, "%s: the path is too long", dev->folder);
    dev->options.exe = exe;
    dev->options.data = dev->data;
    dev->options.dev = true;
    if (dev->project.web[0]) dev->options.web = dev->web;
    return server_new(&dev->options, &dev->server, reterr);
}

static void start_parts(struct dev *dev) {
    uv_loop_t *loop = server_loop(dev->server);

    uv_mutex_init(&dev->mutex);
    uv_async_init(loop, &dev->deployed_async, on_deployed_here);
    dev->deployed_async.data = dev;
    dev->open_handles = 1;
    dev->builder = (struct builder){
        .loop = loop,
        .toolchain = &dev->toolchain,
        .folder = dev->folder,
        .on_built = on_built,
        .context = dev,
    };
    watch_init(&dev->watch, loop, on_change, dev);
    watch_project(dev);
}

static void on_async_closed(uv_handle_t *handle) {
    struct dev *dev = handle->data;
    dev->open_handles--;
}

/* Nothing of ours is left on the server's loop afterwards, and the compiler has ended. */
static void stop_parts(struct dev *dev) {
    uv_loop_t *loop = server_loop(dev->server);

    dev->closing = true;
    uv_mutex_lock(&dev->mutex);
    dev->deaf = true;
    uv_mutex_unlock(&dev->mutex);
    builder_close(&dev->builder);
    watch_close(&dev->watch);
    uv_close((uv_handle_t *)&dev->deployed_async, on_async_closed);
    while (dev->builder.children || dev->watch.open_handles || dev->open_handles || dev->counting)
        uv_run(loop, UV_RUN_ONCE);
    watch_done(&dev->watch);
    json_decref(dev->answer);
}

static int run(struct dev *dev, const char *sdk) {
    char exe[FILE_PATH];
    size_t size = sizeof(exe);
    ramp_error error;

    if (uv_exepath(exe, &size)) return cli_fail("dev", "cannot find this binary's own path");
    if (project_load(dev->folder, &dev->project, &error))
        return cli_fail("dev", "%s", error.message);
    if (toolchain_find(sdk, dev->folder, &dev->toolchain, &error) ||
        start_server(dev, exe, &error)) {
        project_done(&dev->project);
        return cli_fail("dev", "%s", error.message);
    }
    start_parts(dev);
    target_publish(dev->data, server_url(dev->server));
    greet(dev);
    build(dev, "");
    int code = server_run(dev->server);
    stop_parts(dev);
    target_unpublish(dev->data);
    server_free(dev->server);
    uv_mutex_destroy(&dev->mutex);
    project_done(&dev->project);
    return code;
}

int cli_dev(int argc, char **argv) {
    const char *operand = NULL, *sdk = NULL;
    struct dev dev = {.options = {.listen = CLI_LISTEN}};
    const struct arg_option options[] = {
        {.name = "listen",
         .kind = ARG_TEXT,
         .value = "ADDR:PORT",
         .target = &dev.options.listen,
         .help = "where to serve (default: " CLI_LISTEN "); port 0: any free one"},
        {.name = "release",
         .kind = ARG_FLAG,
         .target = &dev.release,
         .help = "build as `ramp build` does: optimised, slower to build"},
        {.name = "no-open", .kind = ARG_FLAG, .target = &dev.no_open, .help = "open no browser"},
        {.name = "workers",
         .kind = ARG_NUMBER,
         .value = "N",
         .target = &dev.options.workers,
         .min = 1,
         .max = 256,
         .help = "threads (default: one per core)"},
        {.name = "sdk",
         .kind = ARG_TEXT,
         .value = "FOLDER",
         .target = &sdk,
         .help = "the ramp-sdk to build with; also RAMP_SDK"},
        {.name = "json-logs",
         .kind = ARG_FLAG,
         .target = &dev.options.json_logs,
         .help = "log as JSON lines"},
        {.name = "json",
         .kind = ARG_FLAG,
         .target = &dev.print.json,
         .help = "say what happens as JSON lines"},
    };
    const struct arg_verb verb = {
        .name = "dev",
        .usage = "[DIR]",
        .about =
            "Builds the room of a project (default: the current folder), serves it with a "
            "playground at\n"
            "/_ramp/ and the project's web/ at /, and builds it again whenever a file changes. A "
            "build\n"
            "that fails leaves the version before serving. Data is kept in DIR/" CLI_DEV_DATA ".",
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .operands_max = 1,
    };
    enum args_result result = args_parse(&verb, argc, argv, &operand);
    if (result) return ARGS_EXIT(result);

    char folder[FILE_PATH];
    if (!file_real(folder, operand ? operand : "."))
        return cli_fail("dev", "%s: there is no such folder", operand ? operand : ".");
    dev.folder = folder;
    return run(&dev, sdk);
}
