/* SPDX-License-Identifier: Apache-2.0 */
/* loader_test.c -- deploys and loads with a real store, a real cache and real compile children.
 *
 * The compile child is this program again, behind a script that writes a line per start: children are
 * counted from outside. Other scripts play children that misbehave.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"
#include "cli/cli.h"
#include "drivers/module_id.h"
#include "server/loader.h"
#include "unit/support/folder.h"

#define TICKETS 512

struct answer {
    bool is_there;
    struct loaded loaded;
    struct deployed deployed;
    char env[256];
    char list[4096];
};

struct rig {
    char folder[64], store[96], exe[96], self[512];
    struct loader *loader;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct answer answers[TICKETS];
    unsigned answer_count;
    char last_log[512];
    unsigned char *wasm; /* server_minimal.wat */
    size_t wasm_size;
};

/* ---- answers, which come on the loader's thread ---------------------------------------------- */

static void note(struct rig *rig, uint64_t ticket) {
    rig->answers[ticket].is_there = true;
    rig->answer_count++;
    pthread_cond_broadcast(&rig->changed);
}

static void on_loaded(void *context, uint64_t ticket, const struct loaded *loaded) {
    struct rig *rig = context;

    pthread_mutex_lock(&rig->mutex);
    rig->answers[ticket].loaded = *loaded;
    snprintf(rig->answers[ticket].env, sizeof(rig->answers[ticket].env), "%.*s",
             (int)loaded->env.size, loaded->env.size ? (const char *)loaded->env.data : "");
    note(rig, ticket);
    pthread_mutex_unlock(&rig->mutex);
}

static void on_deployed(void *context, uint64_t ticket, const struct deployed *deployed) {
    struct rig *rig = context;

    pthread_mutex_lock(&rig->mutex);
    rig->answers[ticket].deployed = *deployed;
    note(rig, ticket);
    pthread_mutex_unlock(&rig->mutex);
}

static void on_listed(void *context, uint64_t ticket, const struct listed *listed) {
    struct rig *rig = context;

    pthread_mutex_lock(&rig->mutex);
    rig->answers[ticket].loaded.status = listed->status;
    snprintf(rig->answers[ticket].list, sizeof(rig->answers[ticket].list), "%.*s",
             (int)listed->json.size, listed->json.size ? (const char *)listed->json.data : "");
    note(rig, ticket);
    pthread_mutex_unlock(&rig->mutex);
}

static void on_log(void *context, int level, const char *service, const char *text) {
    struct rig *rig = context;

    (void)level;
    pthread_mutex_lock(&rig->mutex);
    snprintf(rig->last_log, sizeof(rig->last_log), "%s: %s", service, text);
    pthread_mutex_unlock(&rig->mutex);
}

static void wait_for(struct rig *rig, unsigned count) {
    struct timespec end;
    bool timed_out = false;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 50;
    pthread_mutex_lock(&rig->mutex);
    while (rig->answer_count < count && !timed_out)
        timed_out = pthread_cond_timedwait(&rig->changed, &rig->mutex, &end) != 0;
    pthread_mutex_unlock(&rig->mutex);
    if (timed_out) fail_msg("%u of %u answers came", rig->answer_count, count);
}

static void forget_answers(struct rig *rig) {
    memset(rig->answers, 0, sizeof(rig->answers));
    rig->answer_count = 0;
}

/* ---- the rig --------------------------------------------------------------------------------- */

static void write_script(struct rig *rig, const char *body) {
    char text[1200];

    snprintf(text, sizeof(text), "#!/bin/sh\necho start >>%s/children\n%s\n", rig->folder, body);
    test_file_write("", rig->exe, text, strlen(text));
    assert_int_equal(chmod(rig->exe, 0755), 0);
}

static unsigned count_children(const struct rig *rig) {
    unsigned count = 0;
    unsigned char *bytes;
    size_t size;

    if (!test_file_exists(rig->folder, "children")) return 0;
    bytes = test_file_read(rig->folder, "children", &size);
    for (size_t i = 0; i < size; i++) count += bytes[i] == '\n';
    free(bytes);
    return count;
}

static void open_loader(struct rig *rig) {
    struct loader_options options = {.data = rig->folder,
                                     .store = rig->store,
                                     .exe = rig->exe,
                                     .fast = true,
                                     .log = on_log,
                                     .context = rig};
    ramp_error error = {.message = ""};

    if (loader_new(&options, &rig->loader, &error) != RAMP_OK) fail_msg("%s", error.message);
}

static int set_up(void **state) {
    struct rig *rig = calloc(1, sizeof(*rig));
    char exec_self[600];
    ssize_t size;

    test_folder_new(rig->folder);
    snprintf(rig->store, sizeof(rig->store), "file:%s/store", rig->folder);
    snprintf(rig->exe, sizeof(rig->exe), "%s/child", rig->folder);
    size = readlink("/proc/self/exe", rig->self, sizeof(rig->self) - 1);
    if (size <= 0) return -1;
    pthread_mutex_init(&rig->mutex, NULL);
    pthread_cond_init(&rig->changed, NULL);
    snprintf(exec_self, sizeof(exec_self), "exec %s \"$@\"", rig->self);
    write_script(rig, exec_self);
    rig->wasm = test_file_read(TEST_MODULES, "server_minimal.wasm", &rig->wasm_size);
    open_loader(rig);
    *state = rig;
    return 0;
}

static int tear_down(void **state) {
    struct rig *rig = *state;

    loader_free(rig->loader);
    test_folder_remove(rig->folder);
    pthread_mutex_destroy(&rig->mutex);
    pthread_cond_destroy(&rig->changed);
    free(rig->wasm);
    free(rig);
    return 0;
}

static void reopen(struct rig *rig) {
    loader_free(rig->loader);
    rig->loader = NULL;
    open_loader(rig);
}

/* The minimal module and a custom section that holds `number`: another version each. */
static ramp_bytes version_of(struct rig *rig, unsigned number, unsigned char buffer[4096]) {
    unsigned char section[] = {0,
                               6,
                               1,
                               'n',
                               (unsigned char)number,
                               (unsigned char)(number >> 8),
                               (unsigned char)(number >> 16),
                               0};

    memcpy(buffer, rig->wasm, rig->wasm_size);
    memcpy(buffer + rig->wasm_size, section, sizeof(section));
    return (ramp_bytes){buffer, rig->wasm_size + sizeof(section)};
}

static void start_deploy(struct rig *rig, const char *service, ramp_bytes wasm, const char *config,
                         uint64_t ticket) {
    struct deploy deploy = {
        .service = service, .wasm = wasm, .config = {config, config ? strlen(config) : 0}};
    loader_deploy(rig->loader, &deploy, on_deployed, rig, ticket);
}

static const struct deployed *deploy(struct rig *rig, const char *service, ramp_bytes wasm,
                                     const char *config) {
    forget_answers(rig);
    start_deploy(rig, service, wasm, config, 0);
    wait_for(rig, 1);
    return &rig->answers[0].deployed;
}

static void deploy_version(struct rig *rig, const char *service, unsigned number) {
    unsigned char buffer[4096];
    const struct deployed *deployed = deploy(rig, service, version_of(rig, number, buffer), NULL);

    if (deployed->status) fail_msg("%s", deployed->message);
}

static const struct loaded *load(struct rig *rig, const char *service) {
    forget_answers(rig);
    loader_load(rig->loader, service, on_loaded, rig, 0);
    wait_for(rig, 1);
    return &rig->answers[0].loaded;
}

static void assert_loads(struct rig *rig, const char *service, unsigned number) {
    unsigned char buffer[4096];
    const struct loaded *loaded = load(rig, service);
    ramp_module_id id;

    if (loaded->status) fail_msg("%s", loaded->message);
    assert_true(module_id_of(version_of(rig, number, buffer), &id));
    assert_memory_equal(loaded->id.bytes, id.bytes, sizeof(id.bytes));
    assert_int_equal(access(loaded->path, R_OK), 0);
}

static struct loader_stats stats_of(struct rig *rig) {
    struct loader_stats stats;
    loader_get_stats(rig->loader, &stats);
    return stats;
}

static void run(struct rig *rig, const char *command) {
    char text[400];

    snprintf(text, sizeof(text), "cd %s && { %s; }", rig->folder, command);
    assert_int_equal(system(text), 0);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void a_deploy_can_be_loaded_also_after_a_restart(void **state) {
    struct rig *rig = *state;
    unsigned char buffer[4096];
    const struct deployed *deployed = deploy(rig, "chat", version_of(rig, 1, buffer), NULL);

    if (deployed->status) fail_msg("%s", deployed->message);
    assert_false(deployed->unchanged);
    assert_true(deployed->artefact_size > 0);
    assert_loads(rig, "chat", 1);
    reopen(rig);
    assert_loads(rig, "chat", 1);
    assert_int_equal(count_children(rig), 1);
}

static void the_same_bytes_again_are_unchanged_and_start_no_child(void **state) {
    struct rig *rig = *state;
    unsigned char buffer[4096];

    deploy_version(rig, "chat", 1);
    assert_true(deploy(rig, "chat", version_of(rig, 1, buffer), NULL)->unchanged);
    /* Another service with the same module shares the artefact. */
    assert_false(deploy(rig, "poll", version_of(rig, 1, buffer), NULL)->unchanged);
    assert_int_equal(count_children(rig), 1);
    assert_int_equal(stats_of(rig).compiles, 1);
}

static void the_last_of_many_deploys_is_current(void **state) {
    struct rig *rig = *state;
    unsigned char buffers[20][4096];

    forget_answers(rig);
    for (unsigned i = 0; i < 20; i++)
        start_deploy(rig, "chat", version_of(rig, i % 5, buffers[i]), NULL, i);
    wait_for(rig, 20);
    for (unsigned i = 0; i < 20; i++)
        if (rig->answers[i].deployed.status)
            fail_msg("%u: %s", i, rig->answers[i].deployed.message);
    assert_int_equal(count_children(rig), 5);
    assert_loads(rig, "chat", 4);
}

static void many_loads_of_one_module_are_one_compile(void **state) {
    struct rig *rig = *state;

    deploy_version(rig, "chat", 1);
    deploy_version(rig, "poll", 1);
    loader_free(rig->loader);
    run(rig, "rm -r cache");
    open_loader(rig);
    forget_answers(rig);
    for (unsigned i = 0; i < 200; i++)
        loader_load(rig->loader, i % 2 ? "chat" : "poll", on_loaded, rig, i);
    wait_for(rig, 200);
    for (unsigned i = 0; i < 200; i++) assert_int_equal(rig->answers[i].loaded.status, RAMP_OK);
    assert_int_equal(count_children(rig), 2); /* the deploy's and this one */
}

static void one_child_per_module_that_is_not_in_the_cache(void **state) {
    unsigned count = getenv("RAMP_LONG") ? 300 : 40;
    struct rig *rig = *state;

    for (unsigned round = 0; round < 3; round++) {
        unsigned char buffers[300][64 + 512];
        forget_answers(rig);
        for (unsigned i = 0; round == 0 && i < count; i++) {
            char service[16];
            snprintf(service, sizeof(service), "s%u", i);
            /* At most LIMIT_DEPLOYS at once. */
            if (i % 32 == 0) wait_for(rig, i);
            start_deploy(rig, service, version_of(rig, i, buffers[i]), NULL, i);
        }
        for (unsigned i = 0; round > 0 && i < count; i++) {
            char service[16];
            snprintf(service, sizeof(service), "s%u", i);
            loader_load(rig->loader, service, on_loaded, rig, i);
        }
        wait_for(rig, count);
        for (unsigned i = 0; i < count; i++)
            assert_int_equal(rig->answers[i].loaded.status | rig->answers[i].deployed.status,
                             RAMP_OK);
    }
    assert_int_equal(count_children(rig), count);
}

static void refused_modules_start_no_child_and_change_nothing(void **state) {
    static const char *const bad[] = {"", "abc",
                                      "\x7f"
                                      "ELF and more",
                                      "this is not WebAssembly"};
    struct rig *rig = *state;

    deploy_version(rig, "chat", 1);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        const struct deployed *deployed =
            deploy(rig, "chat", (ramp_bytes){bad[i], strlen(bad[i])}, NULL);
        assert_int_equal(deployed->status, RAMP_REFUSED);
        assert_true(strlen(deployed->message) > 10);
    }
    /* Every cut of a good module. One of them is a whole module again, the one without its data: it
     * compiles, and then its descriptor is bad. */
    for (size_t size = 0; size < rig->wasm_size; size++)
        assert_int_equal(deploy(rig, "chat", (ramp_bytes){rig->wasm, size}, NULL)->status,
                         RAMP_REFUSED);
    assert_int_equal(count_children(rig), 2);
    assert_loads(rig, "chat", 1);
}

static void too_big_and_badly_named_deploys_are_refused(void **state) {
    struct rig *rig = *state;
    unsigned char buffer[4096], *big = calloc(1, LIMIT_MODULE_SIZE + 1);

    assert_int_equal(deploy(rig, "chat", (ramp_bytes){big, LIMIT_MODULE_SIZE + 1}, NULL)->status,
                     RAMP_TOO_BIG);
    free(big);
    assert_int_equal(deploy(rig, "Chat", version_of(rig, 1, buffer), NULL)->status, RAMP_ARGS);
    assert_int_equal(deploy(rig, "../chat", version_of(rig, 1, buffer), NULL)->status, RAMP_ARGS);
    assert_int_equal(load(rig, "../chat")->status, RAMP_ARGS);
    assert_int_equal(
        load(rig, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")->status,
        RAMP_ARGS);
}

static void the_config_gives_the_environment(void **state) {
    static const char *const bad[] = {"[]",
                                      "{",
                                      "{\"env\":[]}",
                                      "{\"env\":{\"A\":1}}",
                                      "{\"env\":{\"A=\":\"\"}}",
                                      "{\"env\":{\"A\":\"x\\ny\"}}",
                                      "{\"env\":{\"A\":\"\\u0000\"}}"};
    struct rig *rig = *state;
    unsigned char buffer[4096];

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(deploy(rig, "chat", version_of(rig, 1, buffer), bad[i])->status,
                         RAMP_ARGS);
    assert_int_equal(count_children(rig), 0);
    assert_int_equal(deploy(rig, "chat", version_of(rig, 1, buffer),
                            "{\"env\":{\"A\":\"one\",\"B\":\"\"},\"more\":1}")
                         ->status,
                     RAMP_OK);
    assert_int_equal(load(rig, "chat")->status, RAMP_OK);
    assert_string_equal(rig->answers[0].env, "A=one\nB=\n");
}

static void a_failed_load_is_held_for_a_while_and_a_deploy_ends_that(void **state) {
    struct rig *rig = *state;

    assert_int_equal(load(rig, "chat")->status, RAMP_NOT_FOUND);
    deploy_version(rig, "chat", 1);
    assert_loads(rig, "chat", 1);

    /* Damaged behind our back, then repaired behind our back: back after LIMIT_NEGATIVE_MS. */
    unsigned char *current;
    size_t size;
    current = test_file_read(rig->folder, "store/modules/chat/current.json", &size);
    test_file_write(rig->folder, "store/modules/chat/current.json", "{}", 2);
    assert_int_equal(load(rig, "chat")->status, RAMP_IO);
    assert_non_null(strstr(rig->answers[0].loaded.message, "current.json"));
    test_file_write(rig->folder, "store/modules/chat/current.json", current, size);
    free(current);
    assert_int_equal(load(rig, "chat")->status, RAMP_IO);
    usleep((LIMIT_NEGATIVE_MS + 200) * 1000);
    assert_loads(rig, "chat", 1);
}

static void a_changed_artefact_is_logged_and_compiled_again(void **state) {
    struct rig *rig = *state;
    unsigned step = getenv("RAMP_LONG") ? 16 : 4096, children;
    unsigned char *bytes;
    size_t size;
    char path[512];

    deploy_version(rig, "chat", 1);
    assert_int_equal(load(rig, "chat")->status, RAMP_OK);
    memcpy(path, rig->answers[0].loaded.path, sizeof(path));
    bytes = test_file_read("", path, &size);
    children = count_children(rig);
    for (size_t at = 0; at < size; at += step) {
        bytes[at] ^= 1;
        test_file_write("", path, bytes, size);
        bytes[at] ^= 1;
        rig->last_log[0] = '\0';
        assert_loads(rig, "chat", 1);
        assert_int_equal(count_children(rig), ++children);
        pthread_mutex_lock(&rig->mutex);
        assert_non_null(strstr(rig->last_log, path));
        pthread_mutex_unlock(&rig->mutex);
        assert_int_equal(stats_of(rig).cache_bad, children - 1);
    }
    free(bytes);
}

static void children_that_misbehave_are_one_sentence(void **state) {
    static const struct {
        const char *body, *says;
        ramp_status status;
    } cases[] = {
        {"kill -XCPU $$", "10 s of CPU", RAMP_REFUSED},
        {"kill -KILL $$", "10 s of CPU", RAMP_REFUSED},
        {"echo 'memory allocation of 9 bytes failed' >&2; kill -ABRT $$", "1536 MiB of memory",
         RAMP_REFUSED},
        {"kill -ABRT $$", "signal 6", RAMP_REFUSED},
        {"kill -SEGV $$", "signal 11", RAMP_REFUSED},
        {"cat >/dev/null; echo 'function 3: bad' >&2; exit 75", "function 3: bad", RAMP_REFUSED},
        {"echo one >&2; echo two >&2; exit 82", "one", RAMP_IO},
        {"exit 1", "exit code 1", RAMP_INTERNAL},
        {"exit 0", "exit code 0", RAMP_INTERNAL},
        {"head -c 100000000 /dev/zero", "more than 64 MiB", RAMP_REFUSED},
        {"head -c 100000000 /dev/zero | tr '\\0' 'x' >&2; exit 75", "xxxx", RAMP_REFUSED},
    };
    struct rig *rig = *state;
    unsigned char buffer[4096];

    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct deployed *deployed;
        write_script(rig, cases[i].body);
        deployed = deploy(rig, "chat", version_of(rig, i, buffer), NULL);
        if (deployed->status != cases[i].status || !strstr(deployed->message, cases[i].says))
            fail_msg("'%s' says %d '%s'", cases[i].body, (int)deployed->status, deployed->message);
    }
    assert_int_equal(load(rig, "chat")->status, RAMP_NOT_FOUND);
    assert_int_equal(unlink(rig->exe), 0);
    assert_int_equal(deploy(rig, "chat", version_of(rig, 99, buffer), NULL)->status,
                     RAMP_UNAVAILABLE);
    assert_non_null(strstr(rig->answers[0].deployed.message, rig->exe));
}

static void a_slow_compile_keeps_nobody_waiting_who_need_not(void **state) {
    struct rig *rig = *state;
    unsigned char buffers[3][4096];
    char body[700];

    deploy_version(rig, "chat", 1);
    snprintf(body, sizeof(body), "sleep 1; exec %s \"$@\"", rig->self);
    write_script(rig, body);
    forget_answers(rig);
    start_deploy(rig, "slow-a", version_of(rig, 2, buffers[0]), NULL, 0);
    start_deploy(rig, "slow-b", version_of(rig, 3, buffers[1]), NULL, 1);
    start_deploy(rig, "slow-c", version_of(rig, 4, buffers[2]), NULL, 2);
    usleep(200000);
    assert_int_equal(count_children(rig), 1 + LIMIT_COMPILES); /* the third waits its turn */
    loader_load(rig->loader, "chat", on_loaded, rig, 3);
    wait_for(rig, 1);
    assert_true(rig->answers[3].is_there);
    assert_int_equal(rig->answers[3].loaded.status, RAMP_OK);
    wait_for(rig, 4);
}

static void stopping_answers_everybody_and_leaves_no_child(void **state) {
    struct rig *rig = *state;
    unsigned char buffers[4][4096];

    write_script(rig, "echo $$ >>\"$(dirname \"$0\")/pids\"; exec sleep 60");
    forget_answers(rig);
    for (unsigned i = 0; i < 4; i++)
        start_deploy(rig, "chat", version_of(rig, i, buffers[i]), NULL, i);
    start_deploy(rig, "poll", version_of(rig, 7, buffers[0]), NULL, 4);
    usleep(300000);
    loader_load(rig->loader, "chat", on_loaded, rig, 5);
    loader_free(rig->loader);
    rig->loader = NULL;
    assert_int_equal(rig->answer_count, 6);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(rig->answers[i].deployed.status, RAMP_UNAVAILABLE);
    run(rig, "for p in $(cat pids); do test ! -d /proc/$p || exit 1; done");
}

static void too_many_deploys_are_told_to_come_back(void **state) {
    struct rig *rig = *state;
    unsigned char buffer[4096];
    unsigned busy = 0;

    write_script(rig, "sleep 1; kill -KILL $$");
    forget_answers(rig);
    for (unsigned i = 0; i < LIMIT_DEPLOYS + 10; i++)
        start_deploy(rig, "chat", version_of(rig, 1, buffer), NULL, i);
    wait_for(rig, 10);
    for (unsigned i = 0; i < LIMIT_DEPLOYS + 10; i++)
        busy += rig->answers[i].is_there && rig->answers[i].deployed.status == RAMP_BUSY;
    assert_int_equal(busy, 10);
}

/* A file where a service's folder was stands for a store that cannot be written. */
static void a_store_that_fails_changes_nothing(void **state) {
    struct rig *rig = *state;
    unsigned char buffer[4096];

    deploy_version(rig, "chat", 1);
    run(rig, "mv store/modules/chat kept && touch store/modules/chat");
    assert_int_equal(deploy(rig, "chat", version_of(rig, 2, buffer), NULL)->status, RAMP_IO);
    assert_non_null(strstr(rig->answers[0].deployed.message, "store/modules/chat"));
    run(rig, "rm store/modules/chat && mv kept store/modules/chat");
    assert_loads(rig, "chat", 1);
}

static void lists_what_the_store_knows(void **state) {
    struct rig *rig = *state;

    deploy_version(rig, "chat", 1);
    forget_answers(rig);
    loader_list(rig->loader, NULL, on_listed, rig, 0);
    loader_list(rig->loader, "chat", on_listed, rig, 1);
    loader_list(rig->loader, "nobody", on_listed, rig, 2);
    wait_for(rig, 3);
    assert_non_null(strstr(rig->answers[0].list, "{\"services\":[{\"service\":\"chat\""));
    assert_non_null(strstr(rig->answers[1].list, "\"versions\":["));
    assert_int_equal(rig->answers[2].loaded.status, RAMP_NOT_FOUND);
}

static const struct deployed *rollback(struct rig *rig, const char *service, const char *prefix) {
    forget_answers(rig);
    loader_rollback(rig->loader, service, prefix, on_deployed, rig, 0);
    wait_for(rig, 1);
    return &rig->answers[0].deployed;
}

/* What goes back is the version and what came with it; no child, since the artefact is in the cache. */
static void a_rollback_compiles_nothing_and_brings_its_config_back(void **state) {
    struct rig *rig = *state;
    unsigned char buffer[4096];
    char first[MODULE_ID_TEXT_SIZE], before[MODULE_ID_TEXT_SIZE];
    const struct deployed *deployed =
        deploy(rig, "chat", version_of(rig, 1, buffer), "{\"env\":{\"NAME\":\"one\"}}");

    assert_int_equal(deployed->status, RAMP_OK);
    assert_false(deployed->has_before);
    module_id_text(&deployed->id, first);
    deploy_version(rig, "chat", 2);
    assert_true(rig->answers[0].deployed.has_before);
    module_id_text(&rig->answers[0].deployed.before, before);
    assert_string_equal(before, first);

    deployed = rollback(rig, "chat", NULL);
    if (deployed->status) fail_msg("%s", deployed->message);
    module_id_text(&deployed->id, before);
    assert_string_equal(before, first);
    assert_loads(rig, "chat", 1);
    assert_string_equal(rig->answers[0].env, "NAME=one\n");
    rollback(rig, "chat", NULL); /* there and back again */
    assert_loads(rig, "chat", 2);
    assert_string_equal(rig->answers[0].env, "");
    first[8] = '\0';
    assert_int_equal(rollback(rig, "chat", first)->status, RAMP_OK);
    assert_loads(rig, "chat", 1);
    assert_true(rollback(rig, "chat", first)->unchanged);
    assert_int_equal(count_children(rig), 2);
}

static void a_rollback_without_its_artefact_compiles_first(void **state) {
    struct rig *rig = *state;

    deploy_version(rig, "chat", 1);
    deploy_version(rig, "chat", 2);
    loader_free(rig->loader);
    run(rig, "rm -r cache");
    open_loader(rig);
    assert_int_equal(rollback(rig, "chat", NULL)->status, RAMP_OK);
    assert_int_equal(count_children(rig), 3);
    assert_loads(rig, "chat", 1);
    assert_int_equal(count_children(rig), 3);
}

static void a_rollback_that_cannot_be_changes_nothing(void **state) {
    struct rig *rig = *state;

    assert_int_equal(rollback(rig, "nobody", NULL)->status, RAMP_NOT_FOUND);
    deploy_version(rig, "chat", 1);
    assert_int_equal(rollback(rig, "chat", NULL)->status, RAMP_NOT_FOUND);
    assert_non_null(strstr(rig->answers[0].deployed.message, "no version from before"));
    assert_int_equal(rollback(rig, "chat", "0000000000")->status, RAMP_NOT_FOUND);
    assert_int_equal(rollback(rig, "chat", "12")->status, RAMP_ARGS);
    deploy_version(rig, "chat", 2);
    /* The store's file of the first version is damaged. */
    run(rig, "for f in store/modules/chat/*.wasm; do grep -q $(basename $f .wasm) "
             "store/modules/chat/current.json && printf x >> $f; done");
    assert_int_equal(rollback(rig, "chat", NULL)->status, RAMP_IO);
    assert_non_null(strstr(rig->answers[0].deployed.message, "damaged"));
    assert_loads(rig, "chat", 2);
}

static void old_versions_are_deleted_but_none_that_is_used(void **state) {
    struct rig *rig = *state;
    unsigned char buffer[4096];
    ramp_module_id used;
    unsigned versions = LIMIT_VERSIONS + 4;

    for (unsigned i = 0; i < versions; i++) deploy_version(rig, "chat", i);
    assert_true(module_id_of(version_of(rig, 1, buffer), &used));
    loader_prune(rig->loader, "chat", &used, 1);
    loader_prune(rig->loader, "nobody", NULL, 0);
    assert_loads(rig, "chat", versions - 1); /* after it: one thread */
    run(rig, "ls store/modules/chat | grep -c wasm > count");
    {
        size_t size;
        unsigned char *count = test_file_read(rig->folder, "count", &size);
        assert_int_equal(strtoul((char *)count, NULL, 10), LIMIT_VERSIONS + 1);
        free(count);
    }
    assert_non_null(strstr(rig->last_log, "3 old versions deleted"));
}

int main(int argc, char **argv) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_deploy_can_be_loaded_also_after_a_restart),
        TEST(the_same_bytes_again_are_unchanged_and_start_no_child),
        TEST(the_last_of_many_deploys_is_current),
        TEST(many_loads_of_one_module_are_one_compile),
        TEST(one_child_per_module_that_is_not_in_the_cache),
        TEST(refused_modules_start_no_child_and_change_nothing),
        TEST(too_big_and_badly_named_deploys_are_refused),
        TEST(the_config_gives_the_environment),
        TEST(a_failed_load_is_held_for_a_while_and_a_deploy_ends_that),
        TEST(a_changed_artefact_is_logged_and_compiled_again),
        TEST(children_that_misbehave_are_one_sentence),
        TEST(a_slow_compile_keeps_nobody_waiting_who_need_not),
        TEST(stopping_answers_everybody_and_leaves_no_child),
        TEST(too_many_deploys_are_told_to_come_back),
        TEST(a_store_that_fails_changes_nothing),
        TEST(lists_what_the_store_knows),
        TEST(a_rollback_compiles_nothing_and_brings_its_config_back),
        TEST(a_rollback_without_its_artefact_compiles_first),
        TEST(a_rollback_that_cannot_be_changes_nothing),
        TEST(old_versions_are_deleted_but_none_that_is_used),
    };

    if (argc > 1 && strcmp(argv[1], "compile-child") == 0)
        return cli_compile_child(argc - 1, argv + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
