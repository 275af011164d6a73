/* SPDX-License-Identifier: Apache-2.0 */
/* url.c -- see url.h.
 */
#include "wire/url.h"

#include "base/utf8.h"

#include <stdint.h>

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes the next byte off, decoded; -1: a broken percent-encoding. The text is not empty. */
static int take_byte(struct text *text, bool plus) {
    char c = *text->data;
    size_t used = 1;
    int byte = (unsigned char)c;

    if (plus && c == '+') byte = ' ';
    if (c == '%') {
        int high = text->size >= 3 ? hex_value(text->data[1]) : -1;
        int low = text->size >= 3 ? hex_value(text->data[2]) : -1;
        if (high < 0 || low < 0) return -1;
        byte = high << 4 | low;
        used = 3;
    }
    text->data += used;
    text->size -= used;
    return byte;
}

bool url_decode(struct text text, bool plus, char *out, size_t *ret_size) {
    size_t size = 0;
    while (text.size > 0) {
        int byte = take_byte(&text, plus);
        if (byte < 0) return false;
        out[size++] = (char)byte;
    }
    *ret_size = size;
    return true;
}

void url_split(struct text target, struct text *ret_path, struct text *ret_query) {
    const char *mark = target.size ? memchr(target.data, '?', target.size) : NULL;
    size_t path_size = mark ? (size_t)(mark - target.data) : target.size;

    *ret_path = (struct text){target.data, path_size};
    *ret_query = (struct text){NULL, 0};
    if (mark) *ret_query = (struct text){mark + 1, target.size - path_size - 1};
    if (path_size == 0) *ret_path = text_of("/");
}

/* ---- rooms --------------------------------------------------------------------------------- */

bool url_service_valid(struct text name) {
    if (name.size == 0 || name.size > LIMIT_SERVICE_NAME || *name.data == '-') return false;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-') return false;
    }
    return true;
}

/* Of C0, DEL and C1; in UTF-8 the last are C2 80 to C2 9F. */
static bool has_control(struct text text) {
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = (uint8_t)text.data[i];
        if (c < 0x20 || c == 0x7F) return true;
        if (c == 0xC2 && i + 1 < text.size && (uint8_t)text.data[i + 1] < 0xA0) return true;
    }
    return false;
}

/* NULL, or what is wrong with it. */
static const char *check_room(struct text id) {
    if (id.size == 0) return "the room id is empty";
    if (id.size > LIMIT_ROOM_ID) return "the room id has more than 128 bytes";
    if (!utf8_valid(id.data, id.size)) return "the room id is not UTF-8";
    if (memchr(id.data, '/', id.size)) return "the room id has a slash in it";
    if (has_control(id)) return "the room id has a control character in it";
    return NULL;
}

bool url_room_valid(struct text id) {
    return check_room(id) == NULL;
}

static bool fail(struct url_error *reterr, int status, const char *message) {
    *reterr = (struct url_error){status, message};
    return false;
}

/* Takes "/segment" off the path, without its slash. false: there is none, or it is empty. */
static bool take_segment(struct text *path, struct text *ret_segment) {
    if (path->size < 2 || *path->data != '/') return false;
    const char *start = path->data + 1;
    const char *end = memchr(start, '/', path->size - 1);
    size_t size = end ? (size_t)(end - start) : path->size - 1;

    *ret_segment = (struct text){start, size};
    path->data += size + 1;
    path->size -= size + 1;
    return size > 0;
}

static bool decode_service(struct text segment, struct url_room *room, struct url_error *reterr) {
    char name[3 * LIMIT_SERVICE_NAME];
    size_t size;

    if (segment.size > sizeof(name)) {
        return fail(reterr, 400, "the service's name has more than 63 characters");
    }
    if (!url_decode(segment, false, name, &size) || !url_service_valid((struct text){name, size})) {
        return fail(reterr, 400,
                    "a service's name is 1 to 63 of a-z, 0-9 and '-', not beginning with '-'");
    }
    memcpy(room->service, name, size);
    room->service[size] = '\0';
    room->service_size = size;
    return true;
}

static bool decode_room(struct text segment, struct url_room *room, struct url_error *reterr) {
    char id[3 * LIMIT_ROOM_ID];
    size_t size;
    const char *error;

    if (segment.size > sizeof(id)) return fail(reterr, 400, "the room id has more than 128 bytes");
    if (!url_decode(segment, false, id, &size)) {
        return fail(reterr, 400, "a '%' in the room id that two hex digits do not follow");
    }
    error = check_room((struct text){id, size});
    if (error) return fail(reterr, 400, error);
    if ((size == 1 && id[0] == '.') || (size == 2 && id[0] == '.' && id[1] == '.')) {
        return fail(reterr, 400, "'.' and '..' are no room ids: they mean something else in a URL");
    }
    memcpy(room->room, id, size);
    room->room[size] = '\0';
    room->room_size = size;
    return true;
}

bool url_parse_room(struct text target, struct url_room *ret_room, struct url_error *reterr) {
    struct text path, query, service, room;

    url_split(target, &path, &query);
    if (!take_segment(&path, &service)) {
        return fail(reterr, 404, "this path names no room: it would be /<service>/<room>");
    }
    if (!take_segment(&path, &room)) {
        return fail(reterr, 404,
                    "this path names a service but no room: it would be /<service>/<room>");
    }
    if (!decode_service(service, ret_room, reterr) || !decode_room(room, ret_room, reterr)) {
        return false;
    }
    ret_room->rest = (struct text){path.data, (size_t)(target.data + target.size - path.data)};
    ret_room->query = query;
    return true;
}

/* ---- query --------------------------------------------------------------------------------- */

/* Whether the encoded text stands for this name. */
static bool decodes_to(struct text encoded, const char *name) {
    for (; encoded.size > 0; name++) {
        int byte = take_byte(&encoded, true);
        if (byte < 0 || byte != (unsigned char)*name || *name == '\0') return false;
    }
    return *name == '\0';
}

static enum url_found decode_value(struct text value, char *out, size_t capacity,
                                   size_t *ret_size) {
    uint8_t state = 0;
    size_t size = 0;

    while (value.size > 0) {
        int byte = take_byte(&value, true);
        uint8_t octet = (uint8_t)byte;
        if (byte < 0 || !utf8_feed(&state, &octet, 1)) return URL_BAD;
        if (size < capacity) out[size] = (char)octet;
        size++;
    }
    if (state != 0) return URL_BAD;
    *ret_size = size;
    return URL_FOUND;
}

enum url_found url_query_find(struct text query, const char *name, char *out, size_t capacity,
                              size_t *ret_size) {
    while (query.size > 0) {
        const char *end = memchr(query.data, '&', query.size);
        struct text pair = {query.data, end ? (size_t)(end - query.data) : query.size};
        const char *equals = pair.size ? memchr(pair.data, '=', pair.size) : NULL;
        size_t key_size = equals ? (size_t)(equals - pair.data) : pair.size;

        if (pair.size > 0 && decodes_to((struct text){pair.data, key_size}, name)) {
            struct text value = {NULL, 0};
            if (equals) value = (struct text){equals + 1, pair.size - key_size - 1};
            return decode_value(value, out, capacity, ret_size);
        }
        size_t used = end ? pair.size + 1 : pair.size;
        query.data += used;
        query.size -= used;
    }
    return URL_ABSENT;
}
