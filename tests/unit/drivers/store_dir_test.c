/* SPDX-License-Identifier: Apache-2.0 */
/* store_dir_test.c -- the folder store, with real files. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "drivers/module_id.h"
#include "drivers/store.h"
#include "unit/support/folder.h"

struct rig {
    char folder[64], url[80];
    struct store *store;
};

static int set_up(void **state) {
    struct rig *rig = calloc(1, sizeof(*rig));
    ramp_error error;

    test_folder_new(rig->folder);
    snprintf(rig->url, sizeof(rig->url), "file:%s", rig->folder);
    if (store_open(rig->url, &rig->store, &error) != RAMP_OK) return -1;
    *state = rig;
    return 0;
}

static int tear_down(void **state) {
    struct rig *rig = *state;

    store_close(rig->store);
    test_folder_remove(rig->folder);
    free(rig);
    return 0;
}

static void reopen(struct rig *rig) {
    ramp_error error;

    store_close(rig->store);
    rig->store = NULL;
    assert_int_equal(store_open(rig->url, &rig->store, &error), RAMP_OK);
}

static ramp_bytes bytes_of(const char *text) {
    return (ramp_bytes){text, strlen(text)};
}

static ramp_module_id id_of(const char *text) {
    ramp_module_id id;

    assert_true(module_id_of(bytes_of(text), &id));
    return id;
}

static ramp_status put(struct rig *rig, const char *service, const char *text, const json_t *config,
                       bool *ret_unchanged, ramp_error *reterr) {
    ramp_module_id id = id_of(text);
    return store_put(rig->store, service, &id, bytes_of(text), config, ret_unchanged, reterr);
}

static void put_well(struct rig *rig, const char *service, const char *text) {
    ramp_error error;
    bool unchanged;

    assert_int_equal(put(rig, service, text, NULL, &unchanged, &error), RAMP_OK);
}

static void assert_current(struct rig *rig, const char *service, const char *text) {
    ramp_module_id id = id_of(text);
    struct store_version version;
    ramp_error error = {.message = ""};
    ramp_bytes wasm;

    assert_int_equal(store_current(rig->store, service, &version, &error), RAMP_OK);
    assert_memory_equal(version.id.bytes, id.bytes, sizeof(id.bytes));
    assert_int_equal(version.size, strlen(text));
    assert_int_equal(store_read(rig->store, service, &version.id, &wasm, &error), RAMP_OK);
    assert_int_equal(wasm.size, strlen(text));
    assert_memory_equal(wasm.data, text, wasm.size);
    mem_free((void *)(uintptr_t)wasm.data);
}

static void wasm_path(const char *service, const char *text, char ret_path[256]) {
    ramp_module_id id = id_of(text);
    char name[MODULE_ID_TEXT_SIZE];

    module_id_text(&id, name);
    snprintf(ret_path, 256, "modules/%s/%s.wasm", service, name);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void module_id_is_the_sha256_in_hex(void **state) {
    ramp_module_id id = id_of("abc"), parsed;
    char text[MODULE_ID_TEXT_SIZE];

    (void)state;
    module_id_text(&id, text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(module_id_parse(text, &parsed));
    assert_true(module_id_equal(&id, &parsed));
    text[3] = 'G';
    assert_false(module_id_parse(text, &parsed));
    assert_false(module_id_parse("ba78", &parsed));
}

static void a_version_put_is_current_also_after_a_restart(void **state) {
    put_well(*state, "chat", "one");
    assert_current(*state, "chat", "one");
    put_well(*state, "chat", "two");
    assert_current(*state, "chat", "two");
    reopen(*state);
    assert_current(*state, "chat", "two");
}

static void the_same_bytes_are_unchanged_unless_the_config_differs(void **state) {
    json_t *config = json_pack("{s:{s:s}}", "env", "NAME", "value");
    bool unchanged = true;
    ramp_error error;
    struct store_version version;

    assert_int_equal(put(*state, "chat", "one", NULL, &unchanged, &error), RAMP_OK);
    assert_false(unchanged);
    assert_int_equal(put(*state, "chat", "one", NULL, &unchanged, &error), RAMP_OK);
    assert_true(unchanged);
    assert_int_equal(put(*state, "chat", "one", config, &unchanged, &error), RAMP_OK);
    assert_false(unchanged);
    reopen(*state);
    assert_int_equal(put(*state, "chat", "one", config, &unchanged, &error), RAMP_OK);
    assert_true(unchanged);
    assert_int_equal(store_current(((struct rig *)*state)->store, "chat", &version, &error),
                     RAMP_OK);
    assert_true(json_equal(version.config, config));
    json_decref(config);
}

static void unknown_services_are_not_found(void **state) {
    struct rig *rig = *state;
    struct store_version version;
    ramp_error error;

    assert_int_equal(store_current(rig->store, "nobody", &version, &error), RAMP_NOT_FOUND);
    assert_string_equal(error.message, "there is no service 'nobody'");
}

static void bad_names_are_refused_everywhere(void **state) {
    static const char *const names[] = {
        "",         "-a",
        "A",        "a/b",
        "..",       ".",
        "a.b",      "a b",
        "\xC3\xA4", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    struct rig *rig = *state;
    struct store_version version;
    ramp_module_id id = id_of("x");
    ramp_bytes wasm;
    ramp_error error;
    bool unchanged;

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        assert_false(store_name_is_valid(names[i]));
        assert_int_equal(store_current(rig->store, names[i], &version, &error), RAMP_ARGS);
        assert_int_equal(store_read(rig->store, names[i], &id, &wasm, &error), RAMP_ARGS);
        assert_int_equal(put(rig, names[i], "x", NULL, &unchanged, &error), RAMP_ARGS);
    }
    assert_true(store_name_is_valid("0-chat-9"));
    assert_true(
        store_name_is_valid("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

static void every_flipped_byte_of_a_module_is_found(void **state) {
    struct rig *rig = *state;
    const char *text = "the bytes of a module";
    ramp_module_id id = id_of(text);
    char path[256];

    put_well(rig, "chat", text);
    wasm_path("chat", text, path);
    for (size_t i = 0; i < strlen(text); i++) {
        char damaged[64];
        ramp_bytes wasm;
        ramp_error error;
        memcpy(damaged, text, strlen(text));
        damaged[i] ^= 1;
        test_file_write(rig->folder, path, damaged, strlen(text));
        assert_int_equal(store_read(rig->store, "chat", &id, &wasm, &error), RAMP_IO);
        assert_non_null(strstr(error.message, path));
        assert_non_null(strstr(error.message, "damaged"));
    }
    /* The same version again repairs it. */
    put_well(rig, "chat", text);
    assert_current(rig, "chat", text);
}

static void a_lost_module_is_named(void **state) {
    struct rig *rig = *state;
    ramp_module_id id = id_of("one");
    char path[256], whole[400];
    ramp_error error;
    ramp_bytes wasm;

    put_well(rig, "chat", "one");
    wasm_path("chat", "one", path);
    snprintf(whole, sizeof(whole), "%s/%s", rig->folder, path);
    assert_int_equal(unlink(whole), 0);
    assert_int_equal(store_read(rig->store, "chat", &id, &wasm, &error), RAMP_IO);
    assert_non_null(strstr(error.message, path));
}

static void a_damaged_current_is_named_and_can_be_replaced(void **state) {
    static const char *const texts[] = {
        "", "{", "[]", "{}", "{\"version\":\"12\",\"size\":1}", "{\"version\":5,\"size\":1}"};
    struct rig *rig = *state;

    put_well(rig, "chat", "one");
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct store_version version;
        ramp_error error;
        test_file_write(rig->folder, "modules/chat/current.json", texts[i], strlen(texts[i]));
        assert_int_equal(store_current(rig->store, "chat", &version, &error), RAMP_IO);
        assert_non_null(strstr(error.message, "modules/chat/current.json"));
    }
    put_well(rig, "chat", "one");
    assert_current(rig, "chat", "one");
}

static void a_change_by_somebody_else_is_seen(void **state) {
    struct rig *rig = *state;
    struct store *other;
    ramp_error error;
    ramp_module_id id = id_of("two");
    bool unchanged;

    put_well(rig, "chat", "one");
    assert_current(rig, "chat", "one");
    assert_int_equal(store_open(rig->url, &other, &error), RAMP_OK);
    assert_int_equal(store_put(other, "chat", &id, bytes_of("two"), NULL, &unchanged, &error),
                     RAMP_OK);
    store_close(other);
    assert_current(rig, "chat", "two");
}

static void temporary_files_are_swept_at_start(void **state) {
    struct rig *rig = *state;
    char whole[128];

    put_well(rig, "chat", "one");
    test_file_write(rig->folder, "modules/chat/.tmp-999999999-4", "x", 1);
    test_file_write(rig->folder, "modules/chat/.tmp-1-4", "x", 1); /* of a process that lives */
    reopen(rig);
    snprintf(whole, sizeof(whole), "%s/modules/chat", rig->folder);
    assert_false(test_file_exists(whole, ".tmp-999999999-4"));
    assert_true(test_file_exists(whole, ".tmp-1-4"));
    assert_current(rig, "chat", "one");
}

/* A limit on the size of files stands for the full disk: write() fails after some bytes. */
static void a_write_that_fails_changes_nothing(void **state) {
    struct rig *rig = *state;
    struct rlimit old, tiny;
    char big[4096 + 1], whole[128];
    ramp_error error;
    bool unchanged;
    ramp_status status;

    memset(big, 'b', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    put_well(rig, "chat", "one");
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    tiny = old;
    tiny.rlim_cur = 1000;
    setrlimit(RLIMIT_FSIZE, &tiny);
    status = put(rig, "chat", big, NULL, &unchanged, &error);
    assert_int_equal(put(rig, "fresh", big, NULL, &unchanged, NULL), RAMP_IO);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(status, RAMP_IO);
    assert_non_null(strstr(error.message, "cannot write"));
    assert_current(rig, "chat", "one");
    snprintf(whole, sizeof(whole), "%s/modules/chat", rig->folder);
    assert_int_equal(test_folder_count(whole, ""), 2); /* current.json and one version */
    assert_false(test_file_exists(rig->folder, "modules/fresh"));
    put_well(rig, "chat", big);
    assert_current(rig, "chat", big);
}

/* Deploys "two" in a child that is killed before its n-th system call. false: it came to its end before. */
static bool put_in_child_killed_at(struct rig *rig, unsigned n) {
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        ramp_module_id id = id_of("two");
        struct store *store = NULL;
        bool unchanged;
        if (store_open(rig->url, &store, NULL) != RAMP_OK ||
            ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(1);
        raise(SIGSTOP);
        _exit(store_put(store, "chat", &id, bytes_of("two"), NULL, &unchanged, NULL) == RAMP_OK
                  ? 0
                  : 2);
    }
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    if (!WIFSTOPPED(status)) fail_msg("no ptrace here: %d", status);
    for (unsigned calls = 0; calls < 2 * n;
         calls++) { /* a stop at its entry, and one at its exit */
        ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
        waitpid(pid, &status, 0);
        if (WIFEXITED(status)) {
            assert_int_equal(WEXITSTATUS(status), 0);
            return false;
        }
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return true;
}

static void a_kill_at_any_point_leaves_the_old_version_or_the_new(void **state) {
    struct rig *rig = *state;
    bool killed = true;

    for (unsigned n = 0; killed; n++) {
        ramp_module_id two = id_of("two");
        struct store_version version;
        ramp_error error;
        char whole[128];
        put_well(rig, "chat", "one");
        killed = put_in_child_killed_at(rig, n);
        reopen(rig);
        assert_int_equal(store_current(rig->store, "chat", &version, &error), RAMP_OK);
        assert_current(rig, "chat", module_id_equal(&version.id, &two) ? "two" : "one");
        snprintf(whole, sizeof(whole), "%s/modules/chat", rig->folder);
        assert_int_equal(test_folder_count(whole, ".tmp-"), 0);
        assert_true(n < 1000);
    }
    assert_current(rig, "chat", "two");
}

static void folders_that_cannot_be_are_one_sentence(void **state) {
    struct rig *rig = *state;
    struct store *store = NULL;
    char url[128];
    ramp_error error;

    test_file_write(rig->folder, "file", "x", 1);
    snprintf(url, sizeof(url), "file:%s/file", rig->folder);
    assert_int_equal(store_open(url, &store, &error), RAMP_IO);
    assert_non_null(strstr(error.message, rig->folder));
    assert_int_equal(store_open("s3://bucket", &store, &error), RAMP_ARGS);
    assert_non_null(strstr(error.message, "file:PATH"));
    assert_int_equal(store_open("file:", &store, &error), RAMP_ARGS);
    assert_null(store);
    /* A service's folder that is none. */
    test_file_write(rig->folder, "modules/odd", "x", 1);
    assert_int_equal(put(rig, "odd", "one", NULL, &(bool){false}, &error), RAMP_IO);
    assert_non_null(strstr(error.message, "modules/odd"));
}

static void lists_services_and_versions(void **state) {
    struct rig *rig = *state;
    json_t *list = NULL, *one;
    ramp_error error;

    put_well(rig, "chat", "one");
    put_well(rig, "chat", "two");
    put_well(rig, "poll", "three");
    assert_int_equal(store_list(rig->store, NULL, &list, &error), RAMP_OK);
    assert_int_equal(json_array_size(list), 2);
    json_decref(list);
    assert_int_equal(store_list(rig->store, "chat", &list, &error), RAMP_OK);
    one = json_array_get(list, 0);
    assert_string_equal(json_string_value(json_object_get(one, "service")), "chat");
    assert_int_equal(json_integer_value(json_object_get(one, "size")), 3);
    assert_int_equal(json_array_size(json_object_get(one, "versions")), 2);
    assert_non_null(json_string_value(json_object_get(one, "deployed_at")));
    json_decref(list);
    assert_int_equal(store_list(rig->store, "nobody", &list, &error), RAMP_NOT_FOUND);
}

static json_t *versions_of(struct rig *rig, const char *service) {
    json_t *list = NULL, *versions;
    ramp_error error;

    assert_int_equal(store_list(rig->store, service, &list, &error), RAMP_OK);
    versions = json_incref(json_object_get(json_array_get(list, 0), "versions"));
    json_decref(list);
    return versions;
}

static void assert_version(const json_t *versions, size_t index, const char *text, bool current) {
    const json_t *one = json_array_get(versions, index);
    ramp_module_id id = id_of(text);
    char version[MODULE_ID_TEXT_SIZE];

    module_id_text(&id, version);
    assert_string_equal(json_string_value(json_object_get(one, "version")), version);
    assert_int_equal(json_is_true(json_object_get(one, "current")), current);
    assert_int_equal(json_integer_value(json_object_get(one, "size")), strlen(text));
    assert_int_equal(strlen(json_string_value(json_object_get(one, "deployed_at"))), 20);
}

static void versions_are_listed_by_when_they_were_current_last(void **state) {
    struct rig *rig = *state;
    json_t *versions;
    char path[256];

    put_well(rig, "chat", "one");
    put_well(rig, "chat", "two!");
    put_well(rig, "chat", "three");
    put_well(rig, "chat", "one");
    wasm_path("chat", "by hand", path);
    test_file_write(rig->folder, path, "by hand", 7); /* current.json does not tell of it */
    reopen(rig);
    versions = versions_of(rig, "chat");
    assert_int_equal(json_array_size(versions), 4);
    assert_version(versions, 0, "one", true);
    assert_version(versions, 1, "three", false);
    assert_version(versions, 2, "two!", false);
    assert_version(versions, 3, "by hand", false);
    json_decref(versions);
}

static void find(struct rig *rig, const char *prefix, ramp_status status, const char *text) {
    json_t *config = NULL;
    ramp_module_id id, wanted = id_of(text);
    ramp_error error = {.message = ""};

    assert_int_equal(store_find(rig->store, "chat", prefix, &id, &config, &error), status);
    if (status == RAMP_OK) assert_true(module_id_equal(&id, &wanted));
    else assert_non_null(strstr(error.message, text));
    json_decref(config);
}

/* SHA-256: "one" 7692c3ad..., "two" 3fc4ccfe..., "three" 8b5b9db0... */
static void versions_are_found_by_the_beginning_of_their_id(void **state) {
    struct rig *rig = *state;

    put_well(rig, "chat", "one");
    find(rig, NULL, RAMP_NOT_FOUND, "no version from before");
    put_well(rig, "chat", "two");
    put_well(rig, "chat", "three");
    find(rig, NULL, RAMP_OK, "two");
    find(rig, "7692", RAMP_OK, "one");
    find(rig, "8b5b9d", RAMP_OK, "three");
    find(rig, "769", RAMP_ARGS, "at least 4 digits");
    find(rig, "ffff", RAMP_NOT_FOUND, "`ramp versions chat`");
    find(rig, "", RAMP_ARGS, "at least 4 digits");
    test_file_write(rig->folder,
                    "modules/chat/"
                    "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431e0.wasm",
                    "x", 1);
    find(rig, "7692c3ad", RAMP_ARGS, "2 versions of 'chat' begin");
}

static void only_so_many_versions_are_kept(void **state) {
    struct rig *rig = *state;
    char text[16], whole[128];
    ramp_module_id used = id_of("v 0");
    json_t *versions;

    for (unsigned i = 0; i < LIMIT_VERSIONS + 5; i++) {
        snprintf(text, sizeof(text), "v %u", i);
        put_well(rig, "chat", text);
    }
    assert_int_equal(store_prune(rig->store, "chat", &used, 1), 4);
    assert_int_equal(store_prune(rig->store, "chat", &used, 1), 0);
    assert_int_equal(store_prune(rig->store, "nobody", NULL, 0), 0);
    assert_int_equal(store_prune(rig->store, "../x", NULL, 0), 0);
    snprintf(whole, sizeof(whole), "%s/modules/chat", rig->folder);
    assert_int_equal(test_folder_count(whole, ""), LIMIT_VERSIONS + 2); /* and current.json */
    versions = versions_of(rig, "chat");
    assert_int_equal(json_array_size(versions), LIMIT_VERSIONS + 1);
    assert_version(versions, 0, text, true);
    assert_version(versions, LIMIT_VERSIONS, "v 0", false);
    json_decref(versions);
    assert_int_equal(store_prune(rig->store, "chat", NULL, 0), 1);
    assert_current(rig, "chat", text);
}

static void survives_every_allocation_that_fails(void **state) {
    struct rig *rig = *state;

    put_well(rig, "chat", "one");
    for (long n = 0; n < 40; n++) {
        struct store_version version;
        bool unchanged;
        ramp_module_id id = id_of(n % 2 ? "two" : "three");
        mem_fail_after(n);
        if (store_put(rig->store, "chat", &id, bytes_of(n % 2 ? "two" : "three"), NULL, &unchanged,
                      NULL) == RAMP_OK)
            (void)!store_current(rig->store, "chat", &version, NULL);
        mem_fail_after(-1);
    }
    put_well(rig, "chat", "one");
    assert_current(rig, "chat", "one");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(module_id_is_the_sha256_in_hex),
        TEST(a_version_put_is_current_also_after_a_restart),
        TEST(the_same_bytes_are_unchanged_unless_the_config_differs),
        TEST(unknown_services_are_not_found),
        TEST(bad_names_are_refused_everywhere),
        TEST(every_flipped_byte_of_a_module_is_found),
        TEST(a_lost_module_is_named),
        TEST(a_damaged_current_is_named_and_can_be_replaced),
        TEST(a_change_by_somebody_else_is_seen),
        TEST(temporary_files_are_swept_at_start),
        TEST(a_write_that_fails_changes_nothing),
        TEST(a_kill_at_any_point_leaves_the_old_version_or_the_new),
        TEST(folders_that_cannot_be_are_one_sentence),
        TEST(lists_services_and_versions),
        TEST(versions_are_listed_by_when_they_were_current_last),
        TEST(versions_are_found_by_the_beginning_of_their_id),
        TEST(only_so_many_versions_are_kept),
        TEST(survives_every_allocation_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
