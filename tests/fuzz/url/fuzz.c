/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.c -- targets: a room that passes is a good one, and its canonical form names the same room.
 *
 * Input: a target.
 */
#include "wire/url.h"

#undef NDEBUG
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_room(struct text target) {
    struct url_room room, same;
    struct url_error error = {0, NULL};
    char canonical[3 * LIMIT_ROOM_ID + LIMIT_SERVICE_NAME + 8];

    if (!url_parse_room(target, &room, &error)) {
        assert((error.status == 400 || error.status == 404) && error.message);
        return;
    }
    assert(url_service_valid((struct text){room.service, room.service_size}));
    assert(url_room_valid((struct text){room.room, room.room_size}));
    assert(strlen(room.service) == room.service_size && strlen(room.room) == room.room_size);
    assert(room.rest.data + room.rest.size == target.data + target.size);
    assert(room.rest.size == 0 || *room.rest.data == '/' || *room.rest.data == '?');

    size_t size = (size_t)snprintf(canonical, sizeof(canonical), "/%s/", room.service);
    for (size_t i = 0; i < room.room_size; i++) {
        size += (size_t)snprintf(canonical + size, sizeof(canonical) - size, "%%%02x",
                                 (unsigned char)room.room[i]);
    }
    assert(url_parse_room((struct text){canonical, size}, &same, &error));
    assert(strcmp(same.service, room.service) == 0 && strcmp(same.room, room.room) == 0);
    assert(same.rest.size == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct text target = {(const char *)data, size}, path, query;
    char *decoded = malloc(size + 1), value[4];
    size_t decoded_size, whole = 0, cut = 0;

    fuzz_room(target);
    url_split(target, &path, &query);
    assert(query.size < size || size == 0);
    enum url_found found = url_query_find(query, "a", decoded, size, &whole);
    assert(url_query_find(query, "a", value, sizeof(value), &cut) == found && whole == cut);
    if (found == URL_FOUND) assert(memcmp(value, decoded, whole < 4 ? whole : 4) == 0);
    for (int plus = 0; plus < 2; plus++) {
        if (url_decode(target, plus, decoded, &decoded_size)) assert(decoded_size <= size);
    }
    free(decoded);
    return 0;
}
