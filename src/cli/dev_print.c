/* SPDX-License-Identifier: Apache-2.0 */
/* dev_print.c -- what `ramp dev` says; see dev_print.h. */
#include "cli/dev_print.h"

#include "cli/deployed.h"
#include "cli/term.h"

#include <ramp/ramp.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *style(enum term_style wanted) {
    return term_style(TERM_OUT, wanted);
}

static const char *text_of_field(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static int number_of_field(const json_t *object, const char *key) {
    double value = json_number_value(json_object_get(object, key));
    return value > 0 && value < 1e9 ? (int)value : 0;
}

/* Takes `root`. */
static void print_json(const char *event, json_t *root) {
    json_t *line = json_pack("{s:s}", "event", event);

    json_object_update(line, root);
    json_decref(root);
    root = line;
    json_dumpf(root, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(root);
}

/* ---- ready ----------------------------------------------------------------------------------------- */

/* How to reach us from the machine where the browser is. */
static void print_tunnel(const char *url) {
    const char *port = strrchr(url, ':') + 1, *ssh = getenv("SSH_CONNECTION");
    char host[256] = "HOST";
    unsigned skipped = 0;

    /* "client port server port": the address by which this machine was reached. */
    for (const char *c = ssh; c && *c; c++) {
        if (*c == ' ') skipped++;
        if (*c == ' ' && skipped == 2) {
            snprintf(host, sizeof(host), "%.*s", (int)strcspn(c + 1, " "), c + 1);
            break;
        }
    }
    if (skipped != 2 && gethostname(host, sizeof(host) - 1)) snprintf(host, sizeof(host), "HOST");
    printf("  %sfrom elsewhere%s  ssh -L %s:127.0.0.1:%s %s\n", style(TERM_DIM), style(TERM_PLAIN),
           port, port, host);
}

void dev_print_ready(const struct dev_print *print, const struct dev_ready *ready) {
    const char *address = strstr(ready->url, "://");

    if (print->json) {
        print_json("ready", json_pack("{s:s, s:s, s:s}", "ramp", ramp_version(), "url", ready->url,
                                      "service", ready->service));
        return;
    }
    printf("%sramp %s%s  serving %s\n", style(TERM_BOLD), ramp_version(), style(TERM_PLAIN),
           ready->service);
    if (ready->has_web)
        printf("  %spage%s            %s/\n", style(TERM_DIM), style(TERM_PLAIN), ready->url);
    printf("  %splayground%s      %s/_ramp/\n", style(TERM_DIM), style(TERM_PLAIN), ready->url);
    printf("  %srooms%s           ws%s/%s/<room>\n", style(TERM_DIM), style(TERM_PLAIN),
           address ? address : ready->url, ready->service);
    if (ready->says_tunnel) print_tunnel(ready->url);
    if (ready->has_keys)
        printf("  %skeys%s            o open  r rebuild  c clear  d debug lines  q quit  h this\n",
               style(TERM_DIM), style(TERM_PLAIN));
    fflush(stdout);
}

/* ---- built ----------------------------------------------------------------------------------------- */

static void print_handlers(const json_t *answer) {
    const json_t *handlers = json_object_get(answer, "handlers");
    size_t index;
    json_t *handler;

    printf(" ·%s", style(TERM_DIM));
    json_array_foreach((json_t *)handlers, index, handler)
        printf(" %s", json_string_value(handler));
    printf("%s", style(TERM_PLAIN));
}

static bool has_handler(const json_t *answer, const char *name) {
    size_t index;
    json_t *handler;

    json_array_foreach(json_object_get(answer, "handlers"), index, handler) {
        const char *text = json_string_value(handler);
        if (text && strcmp(text, name) == 0) return true;
    }
    return false;
}

static void print_rooms(struct dev_print *print, const struct dev_built *built) {
    char text[128];

    if (built->unchanged) {
        printf(" · nothing changed");
        return;
    }
    if (built->rooms_moved + built->rooms_kept == 0) return;
    deployed_rooms(text, sizeof(text), built->rooms_moved, built->rooms_kept, built->connections);
    printf(" · %s", text);
    if (print->said_lost || !built->rooms_moved || has_handler(built->answer, "onSave")) return;
    printf("\n  %srooms begin anew: an onSave would hand their state to the new version%s",
           style(TERM_DIM), style(TERM_PLAIN));
    print->said_lost = true;
}

json_t *dev_built_json(const struct dev_built *built) {
    json_t *root =
        json_pack("{s:s, s:s, s:i, s:i, s:i, s:b, s:i, s:i, s:i}", "file", built->file, "changed",
                  built->changed, "bytes", number_of_field(built->answer, "bytes"), "ms",
                  number_of_field(built->answer, "ms"), "total_ms", (int)built->total_ms,
                  "unchanged", (int)built->unchanged, "rooms_moved", (int)built->rooms_moved,
                  "rooms_kept", (int)built->rooms_kept, "connections", (int)built->connections);

    json_object_set(root, "handlers", json_object_get(built->answer, "handlers"));
    return root;
}

void dev_print_built(struct dev_print *print, const struct dev_built *built) {
    char size[16];

    if (print->json) {
        print_json("built", dev_built_json(built));
        return;
    }
    if (*built->changed)
        printf("%s%s changed:%s ", style(TERM_DIM), built->changed, style(TERM_PLAIN));
    printf("%sbuilt%s ", style(TERM_GREEN), style(TERM_PLAIN));
    if (!*built->changed) printf("%s ", built->file);
    printf("in %.2f s · %s", built->total_ms / 1000.0,
           term_size(size, (uint64_t)number_of_field(built->answer, "bytes")));
    print_rooms(print, built);
    if (!*built->changed) print_handlers(built->answer);
    putchar('\n');
    fflush(stdout);
}

/* ---- failed ---------------------------------------------------------------------------------------- */

/* The line, and a caret under the column: in bytes of UTF-16 units to the compiler, in characters here, which
 * is the same but for rare ones. Tabs stay tabs, so that the caret stands right. */
static void print_source(const json_t *problem) {
    const char *source = text_of_field(problem, "source");
    int line = number_of_field(problem, "line"), col = number_of_field(problem, "col"), at = 1;

    if (!*source) return;
    printf("%s%6d | %s", style(TERM_DIM), line, style(TERM_PLAIN));
    term_safe(stdout, source, strcspn(source, "\r\n"), 300, true);
    if (col < 1 || (size_t)col > strlen(source) + 1) {
        putchar('\n');
        return;
    }
    printf("\n%s       | %s", style(TERM_DIM), style(TERM_PLAIN));
    for (const char *c = source; *c && at < col; c++)
        if (((unsigned char)*c & 0xC0) != 0x80) {
            putchar(*c == '\t' ? '\t' : ' ');
            at++;
        }
    printf("%s^%s\n", style(TERM_RED), style(TERM_PLAIN));
}

static void print_problem(const json_t *problem) {
    const char *file = text_of_field(problem, "file"), *text = text_of_field(problem, "text");
    int line = number_of_field(problem, "line");

    if (*file && line)
        printf("%s%s:%d:%d%s  ", style(TERM_BOLD), file, line, number_of_field(problem, "col"),
               style(TERM_PLAIN));
    else if (*file) printf("%s%s%s  ", style(TERM_BOLD), file, style(TERM_PLAIN));
    term_safe(stdout, text, strlen(text), 2000, true);
    putchar('\n');
    print_source(problem);
}

static void print_verdict(const char *what, bool serves_old) {
    printf("%s%s%s%s\n", style(TERM_RED), what, style(TERM_PLAIN),
           serves_old ? "; the version before goes on serving" : "");
    fflush(stdout);
}

json_t *dev_failed_json(const struct dev_failed *failed) {
    return json_pack("{s:s, s:s*, s:O*, s:b}", "what", failed->what, "message", failed->message,
                     "problems", (json_t *)(uintptr_t)failed->problems, "serves_old",
                     (int)failed->serves_old);
}

void dev_print_failed(const struct dev_print *print, const struct dev_failed *failed) {
    size_t index;
    json_t *problem;

    if (print->json) {
        print_json("failed", dev_failed_json(failed));
        return;
    }
    json_array_foreach((json_t *)(uintptr_t)failed->problems, index, problem)
        print_problem(problem);
    if (failed->message) {
        term_safe(stdout, failed->message, strlen(failed->message), 2000, true);
        putchar('\n');
    }
    print_verdict(failed->what, failed->serves_old);
}

/* ---- the rest --------------------------------------------------------------------------------------- */

void dev_print_superseded(const struct dev_print *print, const char *changed) {
    if (print->json) print_json("superseded", json_pack("{s:s}", "changed", changed));
}

void dev_print_note(const struct dev_print *print, const char *text) {
    if (print->json) return;
    printf("%s%s%s\n", style(TERM_DIM), text, style(TERM_PLAIN));
    fflush(stdout);
}

void dev_print_clear(const struct dev_print *print) {
    if (print->json) return;
    printf("\033[H\033[2J\033[3J");
    fflush(stdout);
}
