/* SPDX-License-Identifier: Apache-2.0 */
/* bench_report.h -- results for people and as JSON.
 *
 * Door:   report_line(), report_json(). Before: bench.c, after each scenario. After: stdout.
 */
#ifndef CLI_BENCH_REPORT_H
#define CLI_BENCH_REPORT_H

#include "cli/bench_scenario.h"

#include <jansson.h>

/* Prints the result's line, and the heads before the first one. */
void report_line(const struct bench_result *result);
/* Gives an object. */
json_t *report_json(const struct bench_result *result);

#endif
