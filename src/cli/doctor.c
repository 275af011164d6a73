/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.c -- `ramp doctor`: what would be in the way on this machine, and what to do about it. See
 * doctor.h. */
#include "cli/doctor.h"

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/term.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const state_names[] = {"ok", "warning", "problem"};

void doctor_say(struct doctor *doctor, enum doctor_state state, const char *check, const char *next,
                const char *format, ...) {
    char text[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    doctor->counts[state]++;
    json_array_append_new(doctor->findings,
                          json_pack("{s:s, s:s, s:s, s:s*}", "check", check, "state",
                                    state_names[state], "text", text, "next", next));
}

static const char *text_of_field(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void print_finding(const json_t *finding) {
    static const enum term_style styles[] = {TERM_GREEN, TERM_YELLOW, TERM_RED};
    const char *state = text_of_field(finding, "state"), *text = text_of_field(finding, "text");
    const char *next = text_of_field(finding, "next");
    unsigned index = 0;

    while (index < 2 && strcmp(state_names[index], state) != 0) index++;
    printf("%s%-8s%s %-12s ", term_style(TERM_OUT, styles[index]), state,
           term_style(TERM_OUT, TERM_PLAIN), text_of_field(finding, "check"));
    term_safe(stdout, text, strlen(text), 1000, false);
    putchar('\n');
    if (!*next) return;
    printf("%22s%s", "", term_style(TERM_OUT, TERM_DIM));
    term_safe(stdout, next, strlen(next), 1000, false);
    printf("%s\n", term_style(TERM_OUT, TERM_PLAIN));
}

static void print_sum(const struct doctor *doctor) {
    unsigned warnings = doctor->counts[DOCTOR_WARNING], problems = doctor->counts[DOCTOR_PROBLEM];

    if (problems)
        printf("\n%u problem%s, %u warning%s\n", problems, problems == 1 ? "" : "s", warnings,
               warnings == 1 ? "" : "s");
    else if (warnings) printf("\nno problem, %u warning%s\n", warnings, warnings == 1 ? "" : "s");
    else printf("\nall is well\n");
}

static void print_json(const struct doctor *doctor) {
    json_t *root = json_pack("{s:b, s:i, s:i, s:O}", "ok", doctor->counts[DOCTOR_PROBLEM] == 0,
                             "problems", (int)doctor->counts[DOCTOR_PROBLEM], "warnings",
                             (int)doctor->counts[DOCTOR_WARNING], "findings", doctor->findings);

    json_dumpf(root, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(root);
}

static int run(struct doctor *doctor, bool json) {
    size_t index;
    json_t *finding;

    doctor->findings = json_array();
    if (!doctor->findings) return cli_fail("doctor", "out of memory");
    int code = target_resolve("doctor", &doctor->target);
    if (!code) {
        doctor->data = target_data(&doctor->target);
        doctor_machine(doctor);
        doctor_data(doctor);
        doctor_parts(doctor);
        doctor_server(doctor);
        if (json) print_json(doctor);
        json_array_foreach(doctor->findings, index, finding) if (!json) print_finding(finding);
        if (!json) print_sum(doctor);
        code = doctor->counts[DOCTOR_PROBLEM] ? CLI_FAILED : CLI_DONE;
    }
    json_decref(doctor->findings);
    return code;
}

int cli_doctor(int argc, char **argv) {
    struct doctor doctor = {0};
    bool json = false;
    const struct arg_option options[] = {
        {.name = "json", .kind = ARG_FLAG, .target = &json, .help = "print the findings as JSON"},
        {.name = "sdk",
         .kind = ARG_TEXT,
         .value = "FOLDER",
         .target = &doctor.sdk,
         .help = "the ramp-sdk to look at; also RAMP_SDK"},
        TARGET_OPTIONS(doctor.target),
    };
    const struct arg_verb verb = {
        .name = "doctor",
        .usage = "",
        .about =
            "Looks at this machine: kernel limits, clock, disk and data folder, engine, drivers, "
            "Node and\n"
            "SDK, the project here, and a server if one answers. Each finding is ok, a warning "
            "or a\n"
            "problem, with what to do about it. Exit code 1 if there is a problem.",
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
    };
    enum args_result result = args_parse(&verb, argc, argv, NULL);
    return result ? ARGS_EXIT(result) : run(&doctor, json);
}
