/* SPDX-License-Identifier: Apache-2.0 */
/* bench_histogram.c -- how often each duration occurred; see bench_histogram.h. */
#include "cli/bench_histogram.h"

/* Values below 128 have a cell each; above, the top seven bits choose one. */
static unsigned cell_of(uint64_t ns) {
    unsigned shift = 0;

    if (ns >= 2 * HISTOGRAM_STEPS) shift = 57 - (unsigned)__builtin_clzll(ns);
    if (shift > HISTOGRAM_OCTAVES) return HISTOGRAM_CELLS - 1;
    return shift * HISTOGRAM_STEPS + (unsigned)(ns >> shift);
}

/* The largest value of a cell. */
static uint64_t cell_end(unsigned cell) {
    if (cell < 2 * HISTOGRAM_STEPS) return cell;
    unsigned shift = cell / HISTOGRAM_STEPS - 1;
    uint64_t top = cell % HISTOGRAM_STEPS + HISTOGRAM_STEPS;
    return ((top + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t ns) {
    histogram->cells[cell_of(ns)]++;
    histogram->count++;
    if (ns > histogram->max_ns) histogram->max_ns = ns;
}

uint64_t histogram_at(const struct histogram *histogram, double share) {
    uint64_t below = 0, wanted = (uint64_t)(share * (double)histogram->count + 0.5);

    if (wanted < 1) wanted = 1;
    for (unsigned i = 0; i < HISTOGRAM_CELLS; i++) {
        below += histogram->cells[i];
        if (below < wanted) continue;
        uint64_t end = cell_end(i);
        return end < histogram->max_ns ? end : histogram->max_ns;
    }
    return histogram->max_ns;
}
