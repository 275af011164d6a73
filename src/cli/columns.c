/* SPDX-License-Identifier: Apache-2.0 */
/* columns.c -- rows of cells with aligned columns; see columns.h. */
#include "cli/columns.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "cli/term.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void columns_init(struct columns *columns, const char *const *heads) {
    *columns = (struct columns){0};
    while (heads[columns->column_count] && columns->column_count < COLUMNS_MAX) {
        columns->heads[columns->column_count] = heads[columns->column_count];
        columns->column_count++;
    }
}

void columns_done(struct columns *columns) {
    for (size_t i = 0; i < columns->cell_count; i++) free(columns->cells[i]);
    mem_free(columns->cells);
    *columns = (struct columns){0};
}

/* As term_safe() writes it, in memory of its own; NULL: none. */
static char *safe_copy(const char *text) {
    char *copy = NULL;
    size_t size;
    FILE *file = open_memstream(&copy, &size);

    if (!file) return NULL;
    term_safe(file, text, strlen(text), 200, false);
    fclose(file);
    return copy;
}

void columns_add(struct columns *columns, const char *format, ...) {
    char text[600];
    va_list arguments;

    if (columns->cell_count == columns->capacity) {
        size_t capacity = columns->capacity ? columns->capacity * 2 : 64;
        char **cells = mem_resize(columns->cells, capacity * sizeof(*cells));
        if (!cells) {
            columns->failed = true;
            return;
        }
        columns->cells = cells;
        columns->capacity = capacity;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    char *copy = safe_copy(text);
    columns->failed |= !copy;
    if (copy) columns->cells[columns->cell_count++] = copy;
}

/* Characters: what is seen, if none is wide. */
static size_t text_width(const char *text) {
    size_t width = 0;
    for (; *text; text++) width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static size_t head_width(const struct columns *columns, size_t column) {
    return text_width(columns->heads[column]) - (columns->heads[column][0] == '>');
}

/* What each column needs; 0: all of its cells are empty, and it is left out. */
static void measure(const struct columns *columns, size_t widths[static COLUMNS_MAX]) {
    for (size_t i = 0; i < columns->column_count; i++) widths[i] = 0;
    for (size_t i = 0; i < columns->cell_count; i++) {
        size_t column = i % columns->column_count, width = text_width(columns->cells[i]);
        if (width && widths[column] == 0) widths[column] = head_width(columns, column);
        if (width > widths[column]) widths[column] = width;
    }
}

/* A row: `cells` of all columns. */
static void print_row(const struct columns *columns, const size_t *widths,
                      const char *const *cells) {
    int gap = 0, pad = 0; /* blanks are written before a cell, so that no line ends with some */

    for (size_t i = 0; i < columns->column_count; i++) {
        const char *text = cells[i];
        bool right = columns->heads[i][0] == '>';
        if (!widths[i]) continue;
        pad += gap;
        gap = 2;
        int rest = (int)(widths[i] - text_width(text));
        if (right) pad += rest;
        if (*text) {
            printf("%*s%s", pad, "", text);
            pad = right ? 0 : rest;
        } else {
            pad += right ? 0 : rest;
        }
    }
    putchar('\n');
}

bool columns_print(const struct columns *columns) {
    const char *heads[COLUMNS_MAX];
    size_t widths[COLUMNS_MAX];

    if (columns->failed) return false;
    measure(columns, widths);
    for (size_t i = 0; i < columns->column_count; i++)
        heads[i] = columns->heads[i] + (columns->heads[i][0] == '>');
    fputs(term_style(TERM_OUT, TERM_DIM), stdout);
    print_row(columns, widths, heads);
    fputs(term_style(TERM_OUT, TERM_PLAIN), stdout);
    for (size_t i = 0; i + columns->column_count <= columns->cell_count; i += columns->column_count)
        print_row(columns, widths, (const char *const *)columns->cells + i);
    return true;
}
