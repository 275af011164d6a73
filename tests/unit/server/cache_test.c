/* SPDX-License-Identifier: Apache-2.0 */
/* cache_test.c -- the artefact cache: what somebody has changed is never handed out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include <cmocka.h>

#include "base/mem.h"
#include "server/cache.h"
#include "unit/support/folder.h"

struct rig {
    char folder[64], cache_folder[80];
    struct cache *cache;
};

static struct cache *open_cache(const char *folder, const char *variant) {
    struct cache *cache = NULL;
    ramp_error error = {.message = ""};

    if (cache_open(folder, variant, &cache, &error) != RAMP_OK) fail_msg("%s", error.message);
    return cache;
}

static int set_up(void **state) {
    struct rig *rig = calloc(1, sizeof(*rig));

    test_folder_new(rig->folder);
    snprintf(rig->cache_folder, sizeof(rig->cache_folder), "%s/cache", rig->folder);
    rig->cache = open_cache(rig->folder, "engine 1");
    *state = rig;
    return 0;
}

static int tear_down(void **state) {
    struct rig *rig = *state;

    cache_close(rig->cache);
    test_folder_remove(rig->folder);
    free(rig);
    return 0;
}

static ramp_module_id id_of(unsigned number) {
    return (ramp_module_id){{(uint8_t)number, (uint8_t)(number >> 8), 7}};
}

static void put(struct rig *rig, unsigned number, const char *text, char path[CACHE_PATH_SIZE]) {
    ramp_module_id id = id_of(number);
    ramp_error error = {.message = ""};

    if (cache_put(rig->cache, &id, (ramp_bytes){text, strlen(text)}, path, &error) != RAMP_OK)
        fail_msg("%s", error.message);
}

static ramp_status find(struct rig *rig, unsigned number, char path[CACHE_PATH_SIZE],
                        ramp_error *error) {
    ramp_module_id id = id_of(number);
    return cache_find(rig->cache, &id, path, error);
}

static void assert_found(struct rig *rig, unsigned number, const char *text) {
    char path[CACHE_PATH_SIZE];
    ramp_error error = {.message = ""};
    unsigned char *bytes;
    size_t size;

    assert_int_equal(find(rig, number, path, &error), RAMP_OK);
    bytes = test_file_read("", path, &size);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(bytes, text, size);
    free(bytes);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void what_was_put_is_found_also_after_a_restart(void **state) {
    struct rig *rig = *state;
    char path[CACHE_PATH_SIZE];
    ramp_error error;

    assert_int_equal(find(rig, 1, path, &error), RAMP_NOT_FOUND);
    put(rig, 1, "native code", path);
    assert_found(rig, 1, "native code");
    cache_close(rig->cache);
    rig->cache = open_cache(rig->folder, "engine 1");
    assert_found(rig, 1, "native code");
    assert_int_equal(find(rig, 2, path, &error), RAMP_NOT_FOUND);
}

static void another_engine_finds_nothing(void **state) {
    struct rig *rig = *state;
    char path[CACHE_PATH_SIZE];
    ramp_error error;

    put(rig, 1, "native code", path);
    cache_close(rig->cache);
    rig->cache = open_cache(rig->folder, "engine 2");
    assert_int_equal(find(rig, 1, path, &error), RAMP_NOT_FOUND);
}

static void the_key_is_secret_and_its_own(void **state) {
    struct rig *rig = *state;
    char path[CACHE_PATH_SIZE];
    struct stat info;
    ramp_error error;

    snprintf(path, sizeof(path), "%s/cache.key", rig->folder);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(info.st_size, 32);
    assert_int_equal(stat(rig->cache_folder, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);

    /* Another key: everything of before counts as changed. */
    put(rig, 1, "native code", path);
    cache_close(rig->cache);
    test_file_write(rig->folder, "cache.key", "0123456789abcdef0123456789abcdef", 32);
    rig->cache = open_cache(rig->folder, "engine 1");
    assert_int_equal(find(rig, 1, path, &error), RAMP_DENIED);

    /* A damaged one is replaced. */
    cache_close(rig->cache);
    test_file_write(rig->folder, "cache.key", "short", 5);
    rig->cache = open_cache(rig->folder, "engine 1");
    put(rig, 1, "native code", path);
    assert_found(rig, 1, "native code");
}

static void flip(const char *path, size_t at) {
    size_t size;
    unsigned char *bytes = test_file_read("", path, &size);

    bytes[at] ^= (unsigned char)(1u << (at % 8));
    test_file_write("", path, bytes, size);
    free(bytes);
}

static void every_flipped_byte_is_found(void **state) {
    static const char text[] = "a small artefact, but every byte of it counts";
    struct rig *rig = *state;
    char path[CACHE_PATH_SIZE], tag[CACHE_PATH_SIZE], found[CACHE_PATH_SIZE];

    for (size_t i = 0; i < sizeof(text) - 1 + 32; i++) {
        ramp_error error;
        put(rig, 1, text, path);
        snprintf(tag, sizeof(tag), "%.*s.hmac", (int)(strlen(path) - strlen(".artefact")), path);
        if (i < sizeof(text) - 1) flip(path, i);
        else flip(tag, i - (sizeof(text) - 1));
        assert_int_equal(find(rig, 1, found, &error), RAMP_DENIED);
        assert_non_null(strstr(error.message, path));
        /* It is gone, and the next one compiles again. */
        assert_int_equal(find(rig, 1, found, &error), RAMP_NOT_FOUND);
    }
}

static void cut_grown_swapped_and_untagged_files_are_found(void **state) {
    struct rig *rig = *state;
    char one[CACHE_PATH_SIZE], two[CACHE_PATH_SIZE], tag[CACHE_PATH_SIZE], other[CACHE_PATH_SIZE];
    ramp_error error;

    put(rig, 1, "native code", one);
    assert_int_equal(truncate(one, 4), 0);
    assert_int_equal(find(rig, 1, two, &error), RAMP_DENIED);
    put(rig, 1, "native code", one);
    test_file_write("", one, "native code and more", 20);
    assert_int_equal(find(rig, 1, two, &error), RAMP_DENIED);

    /* One's file and tag under the name of the other. */
    put(rig, 1, "native code", one);
    put(rig, 2, "other native code", two);
    snprintf(tag, sizeof(tag), "%.*s.hmac", (int)(strlen(one) - 9), one);
    snprintf(other, sizeof(other), "%.*s.hmac", (int)(strlen(two) - 9), two);
    assert_int_equal(rename(one, two), 0);
    assert_int_equal(rename(tag, other), 0);
    assert_int_equal(find(rig, 2, two, &error), RAMP_DENIED);

    put(rig, 1, "native code", one);
    assert_int_equal(unlink(tag), 0);
    assert_int_equal(find(rig, 1, two, &error), RAMP_DENIED);
}

static void the_longest_unused_goes_first(void **state) {
    struct rig *rig = *state;
    char paths[4][CACHE_PATH_SIZE], text[1001];
    ramp_error error;

    memset(text, 'x', 1000);
    text[1000] = '\0';
    cache_set_size_max(rig->cache, 3500);
    for (unsigned i = 0; i < 3; i++) {
        put(rig, i, text, paths[i]);
        assert_int_equal(utime(paths[i], &(struct utimbuf){1000 + i, 1000 + i}), 0);
    }
    assert_found(rig, 0, text); /* used now, so the second is the oldest */
    put(rig, 3, text, paths[3]);
    assert_found(rig, 0, text);
    assert_found(rig, 2, text);
    assert_found(rig, 3, text);
    assert_int_equal(find(rig, 1, paths[1], &error), RAMP_NOT_FOUND);
    assert_int_equal(test_folder_count(rig->cache_folder, ".artefact"), 3);
    assert_int_equal(test_folder_count(rig->cache_folder, ".hmac"), 3);
}

static void what_cannot_be_written_is_one_sentence(void **state) {
    struct rig *rig = *state;
    struct cache *cache = NULL;
    char path[128], text[700];
    ramp_error error;

    test_file_write(rig->folder, "file", "x", 1);
    snprintf(path, sizeof(path), "%s/file", rig->folder);
    assert_int_equal(cache_open(path, "engine 1", &cache, &error), RAMP_IO);
    assert_non_null(strstr(error.message, path));
    memset(text, 'd', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(cache_open(text, "engine 1", &cache, &error), RAMP_ARGS);
    assert_null(cache);
}

static void temporary_files_are_swept(void **state) {
    struct rig *rig = *state;

    test_file_write(rig->cache_folder, ".tmp-999999999-1", "x", 1);
    cache_close(rig->cache);
    rig->cache = open_cache(rig->folder, "engine 1");
    assert_int_equal(test_folder_count(rig->cache_folder, ""), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_was_put_is_found_also_after_a_restart),
        TEST(another_engine_finds_nothing),
        TEST(the_key_is_secret_and_its_own),
        TEST(every_flipped_byte_is_found),
        TEST(cut_grown_swapped_and_untagged_files_are_found),
        TEST(the_longest_unused_goes_first),
        TEST(what_cannot_be_written_is_one_sentence),
        TEST(temporary_files_are_swept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
