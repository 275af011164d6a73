/* SPDX-License-Identifier: Apache-2.0 */
/* term.c -- what is said on the terminal; see term.h. */
#include "cli/term.h"

#include "base/utf8.h"
#include "cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool term_is_terminal(enum term_stream stream) {
    return isatty(stream == TERM_OUT ? STDOUT_FILENO : STDERR_FILENO) == 1;
}

static bool has_colours(enum term_stream stream) {
    static signed char known[2] = {-1, -1};

    if (known[stream] < 0) {
        const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
        bool wanted = !(no && *no) && !(term && strcmp(term, "dumb") == 0);
        known[stream] = wanted && term_is_terminal(stream);
    }
    return known[stream] == 1;
}

const char *term_style(enum term_stream stream, enum term_style style) {
    static const char *const codes[] = {
        [TERM_PLAIN] = "\033[0m", [TERM_BOLD] = "\033[1m",   [TERM_DIM] = "\033[2m",
        [TERM_RED] = "\033[31m",  [TERM_GREEN] = "\033[32m", [TERM_YELLOW] = "\033[33m",
        [TERM_CYAN] = "\033[36m",
    };
    return has_colours(stream) ? codes[style] : "";
}

const char *term_size(char out[static 16], uint64_t bytes) {
    static const char *const units[] = {"KB", "MB", "GB"};
    double size = (double)bytes / 1024;
    size_t unit = 0;

    if (bytes < 1024) {
        snprintf(out, 16, "%u B", (unsigned)bytes);
        return out;
    }
    /* 1023.95 would be shown as 1024.0. */
    for (; size >= 1023.95 && unit < 2; unit++) size /= 1024;
    snprintf(out, 16, "%.1f %s", size, units[unit]);
    return out;
}

const char *term_time(char out[static 16], uint64_t ns) {
    double value = (double)ns;

    if (ns < 1000) snprintf(out, 16, "%u ns", (unsigned)ns);
    else if (ns < 1000000) snprintf(out, 16, value < 9950 ? "%.1f us" : "%.0f us", value / 1e3);
    else if (ns < 1000000000)
        snprintf(out, 16, value < 9.95e6 ? "%.1f ms" : "%.0f ms", value / 1e6);
    else snprintf(out, 16, "%.1f s", value / 1e9);
    return out;
}

/* Bytes of the UTF-8 character at the front of `text`; 0: there is none. */
static size_t character_size(const char *text, size_t size) {
    unsigned char first = (unsigned char)text[0];
    size_t want = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    return want <= size && utf8_valid(text, want) ? want : 0;
}

static bool is_control(const char *text, size_t size) {
    unsigned char first = (unsigned char)text[0];
    if (size == 1) return first < 0x20 || first == 0x7F;
    /* C1 controls: U+0080 to U+009F are commands to some terminals, too. */
    return size == 2 && first == 0xC2 && (unsigned char)text[1] < 0xA0;
}

void term_safe(FILE *file, const char *text, size_t size, size_t max, bool lines) {
    size_t at = 0;

    while (at < size && at < max) {
        size_t step = character_size(text + at, size - at);
        if (lines && (text[at] == '\n' || text[at] == '\t')) {
            fputc(text[at++], file);
        } else if (step == 0 || is_control(text + at, step)) {
            fprintf(file, "\\x%02x", (unsigned char)text[at]);
            if (step == 2) fprintf(file, "\\x%02x", (unsigned char)text[at + 1]);
            at += step ? step : 1;
        } else {
            fwrite(text + at, 1, step, file);
            at += step;
        }
    }
    if (at < size) fputs("…", file);
}

/* ---- failing ----------------------------------------------------------------------------------- */

static void say_failed(const char *verb, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void say_failed(const char *verb, const char *format, va_list arguments) {
    fflush(stdout);
    fprintf(stderr, "%sramp%s%s:%s ", term_style(TERM_ERR, TERM_RED), *verb ? " " : "", verb,
            term_style(TERM_ERR, TERM_PLAIN));
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int cli_fail(const char *verb, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say_failed(verb, format, arguments);
    va_end(arguments);
    return CLI_FAILED;
}

int cli_misuse(const char *verb, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say_failed(verb, format, arguments);
    va_end(arguments);
    fprintf(stderr, "help: ramp%s%s --help\n", *verb ? " " : "", verb);
    return CLI_WRONG_USE;
}
