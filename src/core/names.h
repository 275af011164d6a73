/* SPDX-License-Identifier: Apache-2.0 */
/* names.h -- which names of services and ids of rooms and connections are good.
 *
 * Door: service_name_is_valid(), id_is_valid().
 */
#ifndef CORE_NAMES_H
#define CORE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* [a-z0-9][a-z0-9-]{0,62} */
bool service_name_is_valid(const char *name);
/* 1 to `size_max` bytes of UTF-8 without control characters, and without '/' if it is a room's. */
bool id_is_valid(const char *id, size_t size_max, bool of_room);

#endif
