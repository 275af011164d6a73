/* SPDX-License-Identifier: Apache-2.0 */
/* auth.c -- see auth.h. */
#include "server/auth.h"

#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

static bool bytes_are(ramp_bytes bytes, const char *text) {
    return bytes.size == strlen(text) && strncasecmp(bytes.data, text, bytes.size) == 0;
}

static bool ends_with(ramp_bytes bytes, const char *end) {
    size_t size = strlen(end);

    return bytes.size > size &&
           strncasecmp((const char *)bytes.data + bytes.size - size, end, size) == 0;
}

/* 127.x.y.z in full: short forms (127.1) and octal ones are for those who want to confuse. */
static bool is_loopback_ipv4(ramp_bytes host) {
    const char *text = host.data;
    unsigned parts = 0, digits = 0, value = 0;

    for (size_t i = 0; i <= host.size; i++) {
        if (i < host.size && text[i] >= '0' && text[i] <= '9') {
            if (++digits > 3 || (digits > 1 && value == 0)) return false;
            value = value * 10 + (unsigned)(text[i] - '0');
            continue;
        }
        if (i < host.size && text[i] != '.') return false;
        if (digits == 0 || value > 255 || (parts == 0 && value != 127)) return false;
        parts++;
        digits = value = 0;
    }
    return parts == 4;
}

static bool is_port(const char *text, size_t size) {
    if (size == 0 || size > 5) return false;
    for (size_t i = 0; i < size; i++)
        if (text[i] < '0' || text[i] > '9') return false;
    return true;
}

bool auth_is_loopback_host(ramp_bytes host) {
    const char *text = host.data, *colon;

    if (host.size == 0) return false;
    if (host.size >= 5 && memcmp(text, "[::1]", 5) == 0)
        return host.size == 5 || (text[5] == ':' && is_port(text + 6, host.size - 6));
    colon = memchr(text, ':', host.size);
    if (colon) {
        if (!is_port(colon + 1, host.size - (size_t)(colon + 1 - text))) return false;
        host.size = (size_t)(colon - text);
    }
    return bytes_are(host, "localhost") || ends_with(host, ".localhost") || is_loopback_ipv4(host);
}

/* "http://localhost:3000"; anything else ("null", an extension) is foreign. */
static bool is_loopback_origin(ramp_bytes origin) {
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
        size_t size = strlen(schemes[i]);
        if (origin.size > size && strncasecmp(origin.data, schemes[i], size) == 0)
            return auth_is_loopback_host(
                (ramp_bytes){(const char *)origin.data + size, origin.size - size});
    }
    return false;
}

static bool token_matches(ramp_bytes authorization, const char *token) {
    static const char scheme[] = "Bearer ";
    size_t size = strlen(token), skip = sizeof(scheme) - 1;
    const char *text = authorization.data;

    if (size == 0 || authorization.size <= skip || strncasecmp(text, scheme, skip) != 0)
        return false;
    while (skip < authorization.size && text[skip] == ' ') skip++;
    /* The token's size is no secret. */
    return authorization.size - skip == size && CRYPTO_memcmp(text + skip, token, size) == 0;
}

enum auth_result auth_check(const struct auth_request *request, const char *token, bool dev) {
    if (token_matches(request->authorization, token)) return AUTH_OK;
    if (dev && request->is_loopback) {
        bool is_ours = auth_is_loopback_host(request->host) &&
                       (!request->origin.data || is_loopback_origin(request->origin)) &&
                       !bytes_are(request->fetch_site, "cross-site");
        return is_ours ? AUTH_OK : AUTH_FOREIGN;
    }
    return request->authorization.data ? AUTH_WRONG : AUTH_MISSING;
}

const char *auth_sentence(enum auth_result result) {
    switch (result) {
    case AUTH_OK: break;
    case AUTH_MISSING:
        return "this needs `Authorization: Bearer TOKEN`; the token is in the file admin.token of "
               "the server's "
               "data folder";
    case AUTH_WRONG:
        return "this is not the server's token; the token is in the file admin.token of the "
               "server's data "
               "folder";
    case AUTH_FOREIGN:
        return "`ramp dev` takes requests without a token from pages and programs under a loopback "
               "name only "
               "(http://localhost, http://127.0.0.1); else send the token, which is in the file "
               "admin.token "
               "of the server's data folder";
    }
    return "";
}
