/* SPDX-License-Identifier: Apache-2.0 */
/* dev.c -- `ramp dev`: a server, a compiler and a watch on one loop.
 *
 *     watch ──▶ build ──▶ deploy ──▶ switch ──▶ one line, here and in the feed
 *       ▲        │          │           └ on the workers' threads
 *       │        │          └ on the loader's
 *       └────────┴ a change meanwhile: the build is of yesterday, and begins again
 *
 * One of these at a time. Whatever fails, the version before goes on serving.
 * Not here: how modules are compiled and rooms switch (src/server), what is printed (dev_print.h), the
 * terminal (keys.h).
 */
#include "cli/args.h"
#include "cli/builder.h"
#include "cli/cli.h"
#include "cli/dev_print.h"
#include "cli/keys.h"
#include "cli/next.h"
#include "cli/project.h"
#include "cli/target.h"
#include "cli/term.h"
#include "cli/toolchain.h"
#include "cli/watch.h"

#include "base/error.h"
#include "base/mem.h"
#include "server/json_document.h"
#include "server/loader.h"
#include "server/log.h"
#include "server/server.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUT_FILE       CLI_DEV_DATA "/room.wasm"
#define SUPERSEDED_MAX 5 /* builds in a row that are not used; then one is, whatever comes */

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
    struct keys keys;
    char data[FILE_PATH], web[FILE_PATH], out[FILE_PATH], main_folder[FILE_PATH];

    bool busy;    /* a build, deploy or switch is under way */
    bool changed; /* ... and something has changed meanwhile */
    bool serves;  /* a version of ours has been deployed */
    bool closing;
    bool hides_debug;
    unsigned superseded;        /* builds in a row */
    uint64_t began_ns;          /* the round under way */
    char cause[FILE_PATH];      /* the file that changed */
    char next_cause[FILE_PATH]; /* ... and the one that has changed meanwhile */
    json_t *answer;             /* of the compiler, to the build under way */

    uv_async_t news;  /* of other threads */
    uv_mutex_t mutex; /* guards what follows, which they write */
    bool has_deployed, has_switched;
    struct deployed deployed;
    struct server_update update;
    bool deaf; /* the async handle is closing */

    unsigned open_handles;
};

static void build(struct dev *dev, const char *cause);

/* ---- the end of a round ------------------------------------------------------------------------------ */

static void finish(struct dev *dev) {
    json_decref(dev->answer);
    dev->answer = NULL;
    dev->busy = false;
    if (!dev->changed || dev->closing) return;
    dev->changed = false;
    build(dev, dev->next_cause);
}

/* To the playground, whose page then knows as much as the terminal. Takes `json`. */
static void tell(struct dev *dev, bool ok, json_t *json) {
    struct timespec now;
    ramp_bytes text;

    clock_gettime(CLOCK_REALTIME, &now);
    json_object_set_new(json, "type", json_string("build"));
    json_object_set_new(json, "ok", json_boolean(ok));
    json_object_set_new(json, "service", json_string(dev->project.name));
    json_object_set_new(
        json, "time_ms",
        json_integer((json_int_t)now.tv_sec * 1000 + (json_int_t)(now.tv_nsec / 1000000)));
    if (json && json_text(json, &text)) {
        feed_tell(dev->server, ok ? FEED_BUILT : FEED_BUILD_FAILED, dev->project.name, text);
        mem_free((void *)(uintptr_t)text.data);
    }
    json_decref(json);
}

static void fail_with(struct dev *dev, const struct dev_failed *failed) {
    dev_print_failed(&dev->print, failed);
    tell(dev, false, dev_failed_json(failed));
    finish(dev);
}

static void fail(struct dev *dev, const char *what, const char *message) {
    fail_with(dev,
              &(struct dev_failed){.what = what, .message = message, .serves_old = dev->serves});
}

/* `update`: NULL if nothing has changed. */
static void succeed(struct dev *dev, const struct server_update *update) {
    const struct dev_built built = {
        .answer = dev->answer,
        .file = dev->project.main,
        .changed = dev->cause,
        .total_ms = (unsigned)((uv_hrtime() - dev->began_ns) / 1000000),
        .unchanged = !update,
        .rooms_moved = update ? update->rooms_moved : 0,
        .rooms_kept = update ? update->rooms_kept : 0,
        .connections = update ? update->connections : 0,
    };
    dev_print_built(&dev->print, &built);
    tell(dev, true, dev_built_json(&built));
    finish(dev);
}

/* ---- deploying ---------------------------------------------------------------------------------------- */

/* On the loader's thread. */
static void on_deployed(void *context, uint64_t ticket, const struct deployed *deployed) {
    struct dev *dev = context;

    (void)ticket;
    uv_mutex_lock(&dev->mutex);
    dev->deployed = *deployed;
    dev->has_deployed = true;
    if (!dev->deaf) uv_async_send(&dev->news);
    uv_mutex_unlock(&dev->mutex);
}

/* On the thread of the worker that switched last. */
static void on_switched(void *context, const struct server_update *update) {
    struct dev *dev = context;

    if (!update) return;
    uv_mutex_lock(&dev->mutex);
    dev->update = *update;
    dev->has_switched = true;
    if (!dev->deaf) uv_async_send(&dev->news);
    uv_mutex_unlock(&dev->mutex);
}

static void take_deployed(struct dev *dev, const struct deployed *deployed) {
    if (deployed->status) {
        fail(dev, "the module is refused", deployed->message);
        return;
    }
    bool is_known = dev->serves && deployed->unchanged;
    dev->serves = true;
    if (is_known) succeed(dev, NULL);
    else server_service_updated(dev->server, dev->project.name, &deployed->id, on_switched, dev);
}

static void take_switched(struct dev *dev, const struct server_update *update) {
    if (update->status) fail(dev, "the new version is not used", update->message);
    else succeed(dev, update);
}

static void on_news(uv_async_t *async) {
    struct dev *dev = async->data;
    struct server_update update;
    struct deployed deployed;
    bool has_deployed, has_switched;

    uv_mutex_lock(&dev->mutex);
    deployed = dev->deployed;
    update = dev->update;
    has_deployed = dev->has_deployed;
    has_switched = dev->has_switched;
    dev->has_deployed = dev->has_switched = false;
    uv_mutex_unlock(&dev->mutex);
    if (dev->closing) return;
    if (has_deployed) take_deployed(dev, &deployed);
    if (has_switched) take_switched(dev, &update);
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

    if (dev->changed && answer && ++dev->superseded <= SUPERSEDED_MAX) {
        dev_print_superseded(&dev->print, dev->next_cause);
        finish(dev);
        return;
    }
    dev->superseded = 0;
    if (!answer) {
        fail(dev, "build failed", message);
    } else if (json_is_true(json_object_get(answer, "ok"))) {
        dev->answer = json_incref((json_t *)(uintptr_t)answer);
        deploy(dev);
    } else {
        fail_with(dev, &(struct dev_failed){.what = "build failed",
                                            .problems = json_object_get(answer, "problems"),
                                            .serves_old = dev->serves});
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
    if (strcmp(project.name, dev->project.name) != 0) dev->serves = false; /* another service */
    project_done(&dev->project);
    dev->project = project;
    return true;
}

static void build(struct dev *dev, const char *cause) {
    dev->busy = true;
    dev->began_ns = uv_hrtime();
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
        snprintf(dev->next_cause, sizeof(dev->next_cause), "%s", shown);
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

/* Whether it starts is no business of ours: the URL has been printed. The shell ends at once, and leaves the
 * browser to nobody. */
static void open_browser(const struct dev *dev) {
    char url[600];
    char *arguments[] = {(char[]){"sh"}, (char[]){"-c"},
                         (char[]){"xdg-open \"$0\" </dev/null >/dev/null 2>&1 &"}, url, NULL};
    pid_t pid;

    snprintf(url, sizeof(url), "%s%s", server_url(dev->server), dev->options.web ? "/" : "/_ramp/");
    if (posix_spawnp(&pid, arguments[0], NULL, NULL, arguments, environ)) return;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
}

static void greet(const struct dev *dev) {
    const struct dev_ready ready = {
        .url = server_url(dev->server),
        .service = dev->project.name,
        .has_web = dev->options.web,
        .has_keys = dev->keys.is_open,
        .says_tunnel = !has_display(),
    };
    dev_print_ready(&dev->print, &ready);
}

static void open_at_start(const struct dev *dev) {
    if (has_display() && term_is_terminal(TERM_OUT) && !dev->no_open) open_browser(dev);
}

/* ---- keys -------------------------------------------------------------------------------------------- */

static void rebuild(struct dev *dev) {
    if (dev->busy) {
        dev->changed = true;
        dev->next_cause[0] = '\0';
    } else if (reload_project(dev)) {
        build(dev, "");
    }
}

static void toggle_debug(struct dev *dev) {
    dev->hides_debug = !dev->hides_debug;
    log_set_level(dev->hides_debug ? LOG_INFO : LOG_DEBUG);
    dev_print_note(&dev->print,
                   dev->hides_debug ? "debug lines are hidden" : "debug lines are shown");
}

static void on_key(void *context, char key) {
    struct dev *dev = context;

    if (dev->closing) return;
    switch (key) {
    case 'o':
        if (has_display()) open_browser(dev);
        else dev_print_note(&dev->print, "there is no display here; the URL is above (h shows it)");
        break;
    case 'r': rebuild(dev); break;
    case 'c':
        dev_print_clear(&dev->print);
        greet(dev);
        break;
    case 'd': toggle_debug(dev); break;
    case KEYS_GONE: /* nobody is left who could end us */
    case 'q': server_stop(dev->server); break;
    case 'h':
    case '?': greet(dev); break;
    default: break;
    }
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
    dev->options.project = dev->folder;
    if (dev->project.web[0]) dev->options.web = dev->web;
    return server_new(&dev->options, &dev->server, reterr);
}

static void start_parts(struct dev *dev) {
    uv_loop_t *loop = server_loop(dev->server);

    uv_mutex_init(&dev->mutex);
    uv_async_init(loop, &dev->news, on_news);
    dev->news.data = dev;
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
    keys_start(&dev->keys, loop, on_key, dev);
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
    keys_stop(&dev->keys);
    uv_close((uv_handle_t *)&dev->news, on_async_closed);
    while (dev->builder.children || dev->watch.open_handles || dev->open_handles ||
           dev->keys.open_handles)
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
    if (toolchain_find(sdk, dev->folder, &dev->toolchain, &error)) {
        project_done(&dev->project);
        return cli_fail("dev", "%s", error.message);
    }
    toolchain_link(&dev->toolchain, dev->folder);
    if (!dev->print.json) keys_open(&dev->keys); /* it wants a process without threads */
    if (start_server(dev, exe, &error)) {
        keys_close(&dev->keys);
        project_done(&dev->project);
        return cli_fail("dev", "%s%s", error.message, next_of(NEXT_START, error.message));
    }
    start_parts(dev);
    target_publish(dev->data, server_url(dev->server));
    greet(dev);
    open_at_start(dev);
    build(dev, "");
    int code = server_run(dev->server);
    stop_parts(dev);
    keys_close(&dev->keys);
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
            "that fails leaves the version before serving. `?user=NAME` in a client's URL says who "
            "it "
            "is.\n"
            "In a terminal, keys open the browser, build again and more: h shows them. Data is "
            "kept "
            "in\n"
            "DIR/" CLI_DEV_DATA ".",
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
