/* SPDX-License-Identifier: Apache-2.0 */
/* call_parse.c -- the body of POST /_ramp/v1/call to a struct api_call. See call_api.h.
 *
 * A field that nobody knows is refused: it is a misspelt one. A field that this kind of call has no use for
 * is allowed.
 */
#include "server/call_api.h"

#include <string.h>

#include <openssl/evp.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "server/base64.h"
#include "server/json_document.h"
#include "wire/url.h"

/* ---- names ----------------------------------------------------------------------------------- */

uint64_t caller_owner(const char *name) {
    unsigned char hash[EVP_MAX_MD_SIZE] = {0};
    uint64_t owner = 0;

    /* SHA-256 cannot fail but for memory; then callers share an owner until there is some again, and the
     * home, which compares names, refuses the second one. */
    EVP_Digest(name, strlen(name), hash, NULL, EVP_sha256(), NULL);
    memcpy(&owner, hash, sizeof(owner));
    return owner ? owner : 1;
}

bool caller_name_is_valid(const char *name) {
    size_t size = strlen(name);

    if (size < 1 || size > LIMIT_CALLER_NAME || !utf8_valid(name, size)) return false;
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7F) return false;
    return true;
}

/* ---- queued events --------------------------------------------------------------------------- */

struct queued *queued_new(json_t *json, bool is_close) {
    struct queued *queued = NULL;
    ramp_bytes text;

    if (json && json_text(json, &text)) {
        queued = mem_alloc(sizeof(*queued) + text.size + 1);
        if (queued) {
            list_init(&queued->link);
            queued->is_close = is_close;
            queued->size = text.size;
            memcpy(queued->text, text.data, text.size + 1);
        }
        mem_free((void *)(uintptr_t)text.data);
    }
    json_decref(json);
    return queued;
}

void queued_free_all(struct list *list) {
    for (struct list *node; (node = list_pop_front(list)) != NULL;)
        mem_free(list_item(node, struct queued, link));
}

void queued_move_all(struct list *from, struct list *to) {
    for (struct list *node; (node = list_pop_front(from)) != NULL;) list_push_back(to, node);
}

/* ---- fields ---------------------------------------------------------------------------------- */

static const char *const fields[] = {
    "caller",         "service", "room",   "call",  "connection", "payload",
    "payload_base64", "binary",  "user",   "query", "headers",    "ip",
    "claims",         "code",    "method", "path",  "request_id",
};

static ramp_status check_fields(const json_t *json, ramp_error *reterr) {
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)json, key, value) {
        bool known = false;
        for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
            known |= strcmp(key, fields[i]) == 0;
        if (!known) return error_set(reterr, RAMP_ARGS, "a call has no field `%.60s`", key);
    }
    return RAMP_OK;
}

/* A text without NUL. `*ret_text` stays as it is if the field is absent or null. */
static ramp_status text_field(const json_t *json, const char *key, const char **ret_text,
                              ramp_error *reterr) {
    const json_t *value = json_object_get(json, key);

    if (!value || json_is_null(value)) return RAMP_OK;
    if (!json_is_string(value)) return error_set(reterr, RAMP_ARGS, "`%s` is not a string", key);
    if (strlen(json_string_value(value)) != json_string_length(value))
        return error_set(reterr, RAMP_ARGS, "`%s` holds a NUL", key);
    *ret_text = json_string_value(value);
    return RAMP_OK;
}

static ramp_status bytes_field(const json_t *json, const char *key, ramp_bytes *ret_bytes,
                               ramp_error *reterr) {
    const char *text = NULL;
    ramp_status status = text_field(json, key, &text, reterr);

    if (status == RAMP_OK && text) *ret_bytes = (ramp_bytes){text, strlen(text)};
    return status;
}

static ramp_status required_field(const json_t *json, const char *key, const char **ret_text,
                                  ramp_error *reterr) {
    ramp_status status = text_field(json, key, ret_text, reterr);

    if (status == RAMP_OK && !*ret_text)
        return error_set(reterr, RAMP_ARGS, "`%s` is missing", key);
    return status;
}

/* ---- header lines ---------------------------------------------------------------------------- */

static bool is_token(char c) {
    return c > 0x20 && c < 0x7F && !strchr("\"(),/:;<=>?@[\\]{}", c);
}

static size_t put_line(char *out, const char *name, size_t name_size, const char *value,
                       size_t value_size) {
    for (size_t i = 0; i < name_size; i++)
        out[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20 : name[i]);
    memcpy(out + name_size, ": ", 2);
    if (value_size) memcpy(out + name_size + 2, value, value_size);
    out[name_size + 2 + value_size] = '\n';
    return name_size + value_size + 3;
}

static bool line_is_good(const char *name, size_t name_size, const char *value, size_t value_size) {
    for (size_t i = 0; i < name_size; i++)
        if (!is_token(name[i])) return false;
    return name_size > 0 && !memchr(value, '\r', value_size) && !memchr(value, '\n', value_size) &&
           !memchr(value, '\0', value_size);
}

/* {"name": "value"} to `name: value\n` lines. */
static ramp_status lines_of_object(const json_t *object, const char *key, char **ret_lines,
                                   size_t *ret_size, ramp_error *reterr) {
    const char *name;
    json_t *value;
    size_t size = 0;
    char *lines;

    json_object_foreach((json_t *)(uintptr_t)object, name, value) {
        if (!json_is_string(value) ||
            !line_is_good(name, strlen(name), json_string_value(value), json_string_length(value)))
            return error_set(reterr, RAMP_ARGS,
                             "`%s`: '%.60s' is no header with a text of one line", key, name);
        size += strlen(name) + json_string_length(value) + 3;
    }
    lines = mem_alloc(size);
    if (!lines) return error_set(reterr, RAMP_NO_MEMORY, "no memory for `%s`", key);
    size = 0;
    json_object_foreach((json_t *)(uintptr_t)object, name, value) size += put_line(
        lines + size, name, strlen(name), json_string_value(value), json_string_length(value));
    *ret_lines = lines;
    *ret_size = size;
    return RAMP_OK;
}

/* `Name: value` lines, to the same with names in lower case. */
static ramp_status lines_of_text(const char *text, size_t size, const char *key, char **ret_lines,
                                 size_t *ret_size, ramp_error *reterr) {
    char *lines = mem_alloc(size * 2 + 3); /* "a:b" grows by a space and a line end */
    size_t written = 0;

    if (!lines) return error_set(reterr, RAMP_NO_MEMORY, "no memory for `%s`", key);
    for (size_t at = 0; at < size;) {
        const char *line = text + at, *end = memchr(line, '\n', size - at), *colon;
        size_t length = end ? (size_t)(end - line) : size - at;
        at += length + 1;
        if (length > 0 && line[length - 1] == '\r') length--;
        if (length == 0) continue;
        colon = memchr(line, ':', length);
        if (colon) {
            const char *value = colon + 1;
            size_t value_size = length - (size_t)(value - line);
            while (value_size > 0 && *value == ' ') value++, value_size--;
            if (line_is_good(line, (size_t)(colon - line), value, value_size)) {
                written +=
                    put_line(lines + written, line, (size_t)(colon - line), value, value_size);
                continue;
            }
        }
        mem_free(lines);
        return error_set(reterr, RAMP_ARGS, "`%s` is not made of `name: value` lines", key);
    }
    *ret_lines = lines;
    *ret_size = written;
    return RAMP_OK;
}

static ramp_status lines_field(const json_t *json, const char *key, ramp_bytes *ret_lines,
                               void **ret_memory, ramp_error *reterr) {
    const json_t *value = json_object_get(json, key);
    char *lines = NULL;
    ramp_status status;
    size_t size = 0;

    if (!value || json_is_null(value)) return RAMP_OK;
    if (json_is_object(value)) status = lines_of_object(value, key, &lines, &size, reterr);
    else if (json_is_string(value))
        status = lines_of_text(json_string_value(value), json_string_length(value), key, &lines,
                               &size, reterr);
    else
        status =
            error_set(reterr, RAMP_ARGS, "`%s` is neither an object nor `name: value` lines", key);
    if (status) return status;
    *ret_memory = lines;
    *ret_lines = (ramp_bytes){lines, size};
    return RAMP_OK;
}

/* ---- the payload ----------------------------------------------------------------------------- */

static ramp_status payload_field(struct api_call *call, ramp_error *reterr) {
    const json_t *text = json_object_get(call->json, "payload");
    const json_t *base64 = json_object_get(call->json, "payload_base64");
    const json_t *binary = json_object_get(call->json, "binary");
    ramp_status status;

    if (text && base64)
        return error_set(reterr, RAMP_ARGS, "`payload` and `payload_base64` exclude each other");
    if (binary && !json_is_boolean(binary))
        return error_set(reterr, RAMP_ARGS, "`binary` is not true or false");
    if ((text && !json_is_string(text)) || (base64 && !json_is_string(base64)))
        return error_set(reterr, RAMP_ARGS, "`%s` is not a string",
                         text ? "payload" : "payload_base64");
    call->binary = binary ? json_is_true(binary) : base64 != NULL;
    if (text) {
        call->payload = (ramp_bytes){json_string_value(text), json_string_length(text)};
        return RAMP_OK;
    }
    if (!base64) return RAMP_OK;
    status = base64_decode((ramp_bytes){json_string_value(base64), json_string_length(base64)},
                           &call->payload);
    if (status) return error_set(reterr, status, "`payload_base64` is no base64");
    call->payload_memory = (void *)(uintptr_t)call->payload.data;
    if (!call->binary && !utf8_valid(call->payload.data, call->payload.size))
        return error_set(reterr, RAMP_ARGS,
                         "`payload_base64` is no UTF-8, so it cannot be sent as text");
    return RAMP_OK;
}

/* ---- the call -------------------------------------------------------------------------------- */

static ramp_status kind_field(struct api_call *call, ramp_error *reterr) {
    static const ramp_call_kind kinds[] = {RAMP_CALL_OPEN, RAMP_CALL_JOIN, RAMP_CALL_MESSAGE,
                                           RAMP_CALL_LEAVE, RAMP_CALL_REQUEST};
    const char *text = NULL;
    ramp_status status = required_field(call->json, "call", &text, reterr);

    if (status) return status;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        call->kind = kinds[i];
        if (strcmp(text, ramp_call_name(kinds[i])) == 0) return RAMP_OK;
    }
    return error_set(reterr, RAMP_ARGS,
                     "there is no call '%.40s'; there are open, join, message, leave and "
                     "request",
                     text);
}

static ramp_status code_field(struct api_call *call, ramp_error *reterr) {
    const json_t *code = json_object_get(call->json, "code");

    call->code = 1000;
    if (!code || json_is_null(code)) return RAMP_OK;
    if (!json_is_integer(code) || json_integer_value(code) < 1000 ||
        json_integer_value(code) > 4999)
        return error_set(reterr, RAMP_ARGS, "`code` is no WebSocket close code (1000 to 4999)");
    call->code = (uint16_t)json_integer_value(code);
    return RAMP_OK;
}

static ramp_status names_of(struct api_call *call, ramp_error *reterr) {
    bool has_connection = call->kind == RAMP_CALL_JOIN || call->kind == RAMP_CALL_MESSAGE ||
                          call->kind == RAMP_CALL_LEAVE;
    ramp_status status = required_field(call->json, "caller", &call->caller, reterr);

    if (!status) status = required_field(call->json, "service", &call->service, reterr);
    if (!status) status = required_field(call->json, "room", &call->room, reterr);
    if (!status && has_connection)
        status = required_field(call->json, "connection", &call->connection, reterr);
    if (!status) status = text_field(call->json, "request_id", &call->request_id, reterr);
    if (status) return status;
    if (!caller_name_is_valid(call->caller))
        return error_set(reterr, RAMP_ARGS,
                         "`caller` has 1 to %u bytes of UTF-8 without control characters",
                         LIMIT_CALLER_NAME);
    if (!url_service_valid(text_of(call->service)))
        return error_set(reterr, RAMP_ARGS,
                         "`service`: '%.80s' is no name for a service: 1 to %u of a-z, 0-9 and "
                         "'-', not beginning with '-'",
                         call->service, LIMIT_SERVICE_NAME);
    if (!url_room_valid(text_of(call->room)))
        return error_set(reterr, RAMP_ARGS,
                         "`room` has 1 to %u bytes of UTF-8 without control characters and '/'",
                         LIMIT_ROOM_ID);
    if (call->request_id &&
        (*call->request_id == '\0' || strlen(call->request_id) > LIMIT_REQUEST_ID))
        return error_set(reterr, RAMP_ARGS, "`request_id` has 1 to %u bytes", LIMIT_REQUEST_ID);
    return RAMP_OK;
}

static ramp_status values_of(struct api_call *call, ramp_error *reterr) {
    const json_t *json = call->json;
    const char *mark;
    ramp_status status = bytes_field(json, "user", &call->user, reterr);

    if (!status) status = bytes_field(json, "query", &call->query, reterr);
    if (!status) status = bytes_field(json, "ip", &call->ip, reterr);
    if (!status) status = bytes_field(json, "method", &call->method, reterr);
    if (!status) status = bytes_field(json, "path", &call->path, reterr);
    if (!status)
        status = lines_field(json, "headers", &call->headers, &call->headers_memory, reterr);
    if (!status) status = lines_field(json, "claims", &call->claims, &call->claims_memory, reterr);
    if (!status) status = code_field(call, reterr);
    if (!status) status = payload_field(call, reterr);
    if (status || call->kind != RAMP_CALL_REQUEST) return status;
    if (!call->method.data) call->method = (ramp_bytes){"GET", 3};
    mark = call->path.size ? memchr(call->path.data, '?', call->path.size) : NULL;
    if (mark && !call->query.data)
        call->query = (ramp_bytes){
            mark + 1, call->path.size - (size_t)(mark + 1 - (const char *)call->path.data)};
    return RAMP_OK;
}

ramp_status call_parse(ramp_bytes body, struct api_call **ret_call, ramp_error *reterr) {
    struct api_call *call = mem_zalloc(sizeof(*call));
    ramp_status status = RAMP_NO_MEMORY;
    json_error_t error;

    if (!call) goto fail;
    list_init(&call->pending.in_worker);
    list_init(&call->events);
    call->json = json_loadb(body.size ? body.data : "", body.size,
                            JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!call->json) {
        status = error_set(reterr, RAMP_ARGS, "the body is no JSON: line %d, column %d: %s",
                           error.line, error.column, error.text);
        goto fail;
    }
    status = json_is_object(call->json)
                 ? check_fields(call->json, reterr)
                 : error_set(reterr, RAMP_ARGS, "the body is no JSON object");
    if (!status) status = kind_field(call, reterr);
    if (!status) status = names_of(call, reterr);
    if (!status) status = values_of(call, reterr);
    if (status) goto fail;
    call->owner = caller_owner(call->caller);
    *ret_call = call;
    return RAMP_OK;

fail:
    if (status == RAMP_NO_MEMORY) error_set(reterr, status, "no memory for the call");
    api_call_free(call);
    return status;
}

void api_call_free(struct api_call *call) {
    if (!call) return;
    queued_free_all(&call->events);
    json_decref(call->error);
    json_decref(call->json);
    mem_free(call->payload_memory);
    mem_free(call->headers_memory);
    mem_free(call->claims_memory);
    mem_free(call);
}
