/* SPDX-License-Identifier: Apache-2.0 */
/* project_test.c -- cli/project.c: what a folder and its ramp.json say. */
#include "cli/project.h"

#include "unit/support/folder.h"

#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char folder[64];
static struct project project;
static ramp_error error;

static int setup(void **state) {
    (void)state;
    char path[96];
    test_folder_new(folder);
    snprintf(path, sizeof(path), "%s/src", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    test_file_write(folder, "src/room.ts", "x", 1);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    project_done(&project);
    test_folder_remove(folder);
    return 0;
}

static ramp_status load(const char *json) {
    if (json) test_file_write(folder, "ramp.json", json, strlen(json));
    project_done(&project);
    return project_load(folder, &project, &error);
}

static void refused(const char *json, const char *part) {
    assert_int_not_equal(load(json), RAMP_OK);
    if (!strstr(error.message, part)) fail_msg("%s: '%s' has no '%s'", json, error.message, part);
    assert_null(project.config);
}

static void without_a_file_the_folder_names_the_service(void **state) {
    (void)state;
    assert_int_equal(load(NULL), RAMP_OK);
    assert_int_equal(strncmp(project.name, "ramp-test-", 10), 0);
    assert_string_equal(project.main, "src/room.ts");
    assert_string_equal(project.web, "");
    assert_null(project.config);
}

static void a_web_folder_is_served(void **state) {
    (void)state;
    char path[96];
    snprintf(path, sizeof(path), "%s/web", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(load(NULL), RAMP_OK);
    assert_string_equal(project.web, "web");
}

static void fields_are_taken(void **state) {
    (void)state;
    test_file_write(folder, "other.ts", "x", 1);
    assert_int_equal(
        load("{ // mine\n\"name\": \"chat-2\", \"main\": \"other.ts\", \"web\": \"public\",\n"
             "\"env\": {\"KEY\": \"v=1\"}, \"$schema\": \"x\",}"),
        RAMP_OK);
    assert_string_equal(project.name, "chat-2");
    assert_string_equal(project.main, "other.ts");
    assert_string_equal(project.web, "public");
    assert_string_equal(project.config, "{\"env\":{\"KEY\":\"v=1\"}}");
    assert_int_equal(load("{\"origins\": [\"https://a.example\"]}"), RAMP_OK);
    assert_string_equal(project.config, "{\"origins\":[\"https://a.example\"]}");
}

static void mistakes_name_the_file(void **state) {
    (void)state;
    refused("{\"nmae\": \"x\"}", "did you mean \"name\"?");
    refused("{\"frobnicate\": 1}", "known: name");
    refused("{\"name\": \"No Good\"}", "\"name\" must be");
    refused("{\"name\": \"-x\"}", "\"name\" must be");
    refused("{\"name\": 7}", "\"name\" must be");
    refused("{\"main\": \"../x.ts\"}", "out of the project");
    refused("{\"main\": \"a/../../x.ts\"}", "out of the project");
    refused("{\"main\": \"/etc/passwd\"}", "out of the project");
    refused("{\"main\": \"gone.ts\"}", "there is no such file");
    refused("{\"env\": {\"A\": 1}}", "\"A\" must be a string");
    refused("{\"env\": {\"A\": \"x\\ny\"}}", "\"A\" must be a string");
    refused("{\"env\": []}", "\"env\" must be an object");
    refused("{\"origins\": [\"https://a.example/\"]}", "'https://a.example/', is no origin");
    refused("{\"origins\": \"*\"}", "not an array");
    refused("{\n\"name\" \"x\"}", "ramp.json:2:");
    refused("[]", "not a JSON object");
    refused("", "ramp.json:");
}

static void a_folder_that_is_none_is_told(void **state) {
    (void)state;
    assert_int_equal(project_load("/nowhere/at/all", &project, &error), RAMP_NOT_FOUND);
    assert_non_null(strstr(error.message, "/nowhere/at/all"));
}

static void names_are_made_of_any_text(void **state) {
    (void)state;
    char name[LIMIT_SERVICE_NAME + 1];
    assert_true(project_name_from("My  Chat!", name));
    assert_string_equal(name, "my-chat");
    assert_true(project_name_from("--a--b--", name));
    assert_string_equal(name, "a-b");
    assert_false(project_name_from("???", name));
    assert_true(project_name_from(
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", name));
    assert_int_equal(strlen(name), LIMIT_SERVICE_NAME);
    assert_true(project_name_valid(name));
    assert_false(project_name_valid(""));
    assert_false(project_name_valid("A"));
    assert_true(project_name_valid("0-9"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_file_the_folder_names_the_service, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_web_folder_is_served, setup, teardown),
        cmocka_unit_test_setup_teardown(fields_are_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(mistakes_name_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_is_none_is_told, setup, teardown),
        cmocka_unit_test(names_are_made_of_any_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
