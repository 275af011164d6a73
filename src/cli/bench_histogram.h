/* SPDX-License-Identifier: Apache-2.0 */
/* bench_histogram.h -- how often each duration occurred, to 1.6 %, in constant memory.
 *
 * Door:     histogram_add(), histogram_at().
 * Before:   the scenarios, once per delivery.
 * After:    bench_report.c.
 *
 * Cells are log-linear, as HDR histograms have them: 64 to every power of two.
 */
#ifndef CLI_BENCH_HISTOGRAM_H
#define CLI_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS   64u /* cells per power of two */
#define HISTOGRAM_OCTAVES 36u /* up to 2^42 ns, more than an hour; what is longer counts as that */
#define HISTOGRAM_CELLS   ((HISTOGRAM_OCTAVES + 2) * HISTOGRAM_STEPS)

struct histogram { /* zeroed: empty */
    uint64_t count, max_ns;
    uint64_t cells[HISTOGRAM_CELLS];
};

void histogram_add(struct histogram *histogram, uint64_t ns);
/* The duration that a share of all (0.5: the median) does not exceed; 0 if there is none. */
uint64_t histogram_at(const struct histogram *histogram, double share);

#endif
