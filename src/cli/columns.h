/* SPDX-License-Identifier: Apache-2.0 */
/* columns.h -- rows of cells with aligned columns, for stdout.
 *
 * Door:   columns_add(), columns_print().
 * Before: rooms, modules, call.
 */
#ifndef CLI_COLUMNS_H
#define CLI_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#define COLUMNS_MAX 10

struct columns {
    const char *heads[COLUMNS_MAX]; /* a head that begins with '>' is for a column of numbers */
    size_t column_count, cell_count;
    char **cells; /* row by row */
    size_t capacity;
    bool failed;
};

/* `heads` ends with NULL. */
void columns_init(struct columns *columns, const char *const *heads);
void columns_done(struct columns *columns);
/* The next cell; text that others have made is made harmless. Rows begin by themselves. */
void columns_add(struct columns *columns, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Columns whose cells are all empty are left out. false: no memory. */
bool columns_print(const struct columns *columns);

#endif
