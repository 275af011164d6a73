/* SPDX-License-Identifier: Apache-2.0 */
/* module_id.h -- the name of a module: the SHA-256 of its bytes, and its text form.
 *
 * Door:     module_id_of(), module_id_text(), module_id_parse().
 * Not here: what the bytes may be (ramp_module_check()).
 */
#ifndef DRIVERS_MODULE_ID_H
#define DRIVERS_MODULE_ID_H

#include <ramp/ramp.h>

#define MODULE_ID_TEXT_SIZE (2 * RAMP_MODULE_ID_SIZE + 1) /* hex digits and a NUL */

bool module_id_of(ramp_bytes wasm, ramp_module_id *ret_id); /* false: no memory */
bool module_id_equal(const ramp_module_id *a, const ramp_module_id *b);
void module_id_text(const ramp_module_id *id, char ret_text[MODULE_ID_TEXT_SIZE]);
/* Exactly 64 lower-case hex digits and a NUL. */
bool module_id_parse(const char *text, ramp_module_id *ret_id);

#endif
