/* SPDX-License-Identifier: Apache-2.0 */
/* module_id.c -- see module_id.h. */
#include "drivers/module_id.h"

#include <string.h>

#include <openssl/evp.h>

bool module_id_of(ramp_bytes wasm, ramp_module_id *ret_id) {
    unsigned size = 0;

    return EVP_Digest(wasm.size ? wasm.data : "", wasm.size, ret_id->bytes, &size, EVP_sha256(),
                      NULL) &&
           size == RAMP_MODULE_ID_SIZE;
}

bool module_id_equal(const ramp_module_id *a, const ramp_module_id *b) {
    return memcmp(a->bytes, b->bytes, RAMP_MODULE_ID_SIZE) == 0;
}

void module_id_text(const ramp_module_id *id, char ret_text[MODULE_ID_TEXT_SIZE]) {
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < RAMP_MODULE_ID_SIZE; i++) {
        ret_text[2 * i] = digits[id->bytes[i] >> 4];
        ret_text[2 * i + 1] = digits[id->bytes[i] & 15];
    }
    ret_text[2 * RAMP_MODULE_ID_SIZE] = '\0';
}

static int digit_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

bool module_id_parse(const char *text, ramp_module_id *ret_id) {
    ramp_module_id id;

    if (strlen(text) != MODULE_ID_TEXT_SIZE - 1) return false;
    for (size_t i = 0; i < RAMP_MODULE_ID_SIZE; i++) {
        int high = digit_value(text[2 * i]), low = digit_value(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        id.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *ret_id = id;
    return true;
}
