/* SPDX-License-Identifier: Apache-2.0 */
/* deployed.c -- see deployed.h. */
#include "cli/deployed.h"

#include "cli/cli.h"
#include "cli/term.h"

#include <string.h>

static const char *text_of_field(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static long number_of_field(const json_t *object, const char *key) {
    return (long)json_integer_value(json_object_get(object, key));
}

static const char *plural(long count) {
    return count == 1 ? "" : "s";
}

void deployed_rooms(char *out, size_t size, long moved, long kept, long connections) {
    int used;

    if (moved + kept == 0) {
        snprintf(out, size, "no room was live");
        return;
    }
    used = snprintf(out, size, "%ld room%s moved, %ld connection%s kept", moved, plural(moved),
                    connections, plural(connections));
    if (kept && used > 0 && (size_t)used < size)
        snprintf(out + used, size - (size_t)used, "; %ld room%s stayed on the old version", kept,
                 plural(kept));
}

static void print_json(const struct target *target, const json_t *answer) {
    json_t *root = json_pack("{s:s}", "url", target->text);

    json_object_update(root, (json_t *)(uintptr_t)answer);
    json_dumpf(root, stdout, 0);
    putchar('\n');
    json_decref(root);
}

static void print_line(const struct deployed_text *text, const json_t *answer) {
    bool unchanged = json_is_true(json_object_get(answer, "unchanged"));
    long moved = number_of_field(answer, "rooms_moved"),
         kept = number_of_field(answer, "rooms_kept");
    char size[16], rooms[128];

    printf("%s%s%s  %.12s  %s  %s", term_style(TERM_OUT, TERM_BOLD),
           text_of_field(answer, "service"), term_style(TERM_OUT, TERM_PLAIN),
           text_of_field(answer, "version"),
           term_size(size, (uint64_t)number_of_field(answer, "bytes")),
           unchanged ? "is current already" : text->done);
    deployed_rooms(rooms, sizeof(rooms), moved, kept, number_of_field(answer, "connections"));
    if (!unchanged) printf("  %s", rooms);
    putchar('\n');
}

int deployed_print(const struct deployed_text *text, const struct target *target,
                   const json_t *answer) {
    const char *problem = text_of_field(answer, "problem"),
               *service = text_of_field(answer, "service"),
               *before = text_of_field(answer, "before");

    if (text->json) {
        print_json(target, answer);
        return *problem ? CLI_FAILED : CLI_DONE;
    }
    print_line(text, answer);
    printf("%s  (%s)\n", target->text, target->from);
    if (*before && strcmp(before, text_of_field(answer, "version")) != 0)
        printf("back to the version before: ramp rollback %s %.12s\n", service, before);
    fflush(stdout);
    if (*problem)
        return cli_fail(text->verb,
                        "the server stored it, but does not use it: %s; `ramp logs %s` "
                        "says more",
                        problem, service);
    if (number_of_field(answer, "rooms_kept"))
        fprintf(stderr,
                "ramp %s: rooms in which the new version failed to open stay on the old one; "
                "`ramp logs %s --level error` says why\n",
                text->verb, service);
    return CLI_DONE;
}
