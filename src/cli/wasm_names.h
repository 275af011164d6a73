/* SPDX-License-Identifier: Apache-2.0 */
/* wasm_names.h -- which functions a module imports and exports, by name.
 *
 * Door:   wasm_names(). Before: check, after ramp_module_check() has accepted the module.
 * Not here: whether they may be there; libramp decides that.
 */
#ifndef CLI_WASM_NAMES_H
#define CLI_WASM_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* Calls `each` for every imported and exported function, in the module's order. A broken module ends the
 * list early, whatever its bytes. */
void wasm_names(const void *wasm, size_t size,
                void (*each)(void *context, bool is_import, const char *name, size_t name_size),
                void *context);

#endif
