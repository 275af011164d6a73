/* SPDX-License-Identifier: Apache-2.0 */
/* service_config.h -- what the server keeps of a service's ramp.json: a JSON object.
 *
 * Door:     config_parse(), config_env(), config_origins().
 * Before:   loader.c: a deploy's configuration, the store's.
 * Not here: what the fields mean to others.
 */
#ifndef SERVER_SERVICE_CONFIG_H
#define SERVER_SERVICE_CONFIG_H

#include <ramp/ramp.h>

#include <jansson.h>

/* `text` of size 0 gives NULL. Gives `*ret_config`. */
RAMP_CHECK ramp_status config_parse(ramp_bytes text, json_t **ret_config, ramp_error *reterr);
/* `origin\n` lines of {"origins": ["https://example.org"]}; data NULL: there are none, and no page is kept
 * from the service. Gives `*ret_origins`: mem_free() its data. */
RAMP_CHECK ramp_status config_origins(const json_t *config, ramp_bytes *ret_origins,
                                      ramp_error *reterr);
/* `name=value\n` lines of {"env": {"name": "value"}}. `config` may be NULL. Gives `*ret_env`: mem_free()
 * its data. */
RAMP_CHECK ramp_status config_env(const json_t *config, ramp_bytes *ret_env, ramp_error *reterr);

#endif
