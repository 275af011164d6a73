/* SPDX-License-Identifier: Apache-2.0 */
/* url.h -- targets: /<service>/<room>, and what follows.
 *
 * Door:     url_split(), url_parse_room(), url_query_find(), url_decode().
 * Before:   http.h's target.
 * After:    the server's routes; ramp_join() and ramp_request().
 * Not here: scheme and host of a URL that a user typed (the CLI's), a path on a disk.
 */
#ifndef WIRE_URL_H
#define WIRE_URL_H

#include "base/limits.h"
#include "wire/text.h"

struct url_error {
    int status;          /* 400 or 404 */
    const char *message; /* a sentence, static */
};

/* Splits at the first '?'. An empty path becomes "/". */
void url_split(struct text target, struct text *ret_path, struct text *ret_query);

struct url_room {
    char service[LIMIT_SERVICE_NAME + 1]; /* ended by NUL */
    char room[LIMIT_ROOM_ID + 1];         /* ended by NUL, and holds no other */
    size_t service_size, room_size;
    struct text rest;  /* of the target, from the next '/' or '?' on: on_request's path, as sent */
    struct text query; /* of the target, without '?' */
};

/* The target of a room. 404: it has not the form /<service>/<room>; 400: a name, a room id or the
 * percent-encoding is bad. Dot segments ("." and "..", however encoded) are refused: whoever
 * normalises the URL on the way would ask for something else. */
bool url_parse_room(struct text target, struct url_room *ret_room, struct url_error *reterr);

/* [a-z0-9][a-z0-9-]{0,62} */
bool url_service_valid(struct text name);
/* 1-128 bytes of UTF-8 without control characters and '/' */
bool url_room_valid(struct text id);

enum url_found { URL_ABSENT, URL_FOUND, URL_BAD };

/* The first parameter of that name, percent- and plus-decoded. Writes at most `capacity` bytes to
 * `out` (may be NULL if that is 0), no NUL; `*ret_size` is the whole value's size. URL_BAD: a
 * broken percent-encoding in it, or not UTF-8. */
enum url_found url_query_find(struct text query, const char *name, char *out, size_t capacity,
                              size_t *ret_size);

/* Percent-decodes into `out`, which has room for text.size bytes and may be text.data itself.
 * `plus`: '+' is a space. false: a '%' without two hex digits. */
bool url_decode(struct text text, bool plus, char *out, size_t *ret_size);

#endif
