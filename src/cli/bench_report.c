/* SPDX-License-Identifier: Apache-2.0 */
/* bench_report.c -- results for people and as JSON; see bench_report.h. */
#include "cli/bench_report.h"

#include "cli/term.h"

#include <stdio.h>
#include <string.h>

static double us(uint64_t ns) {
    return (double)ns / 1000;
}

static double cpu_each(const struct bench_result *result) {
    return result->deliveries ? us(result->cpu_ns) / (double)result->deliveries : 0;
}

static double per_second(const struct bench_result *result) {
    return result->seconds > 0 ? (double)result->deliveries / result->seconds : 0;
}

/* ---- for people ---------------------------------------------------------------------------------- */

static void name_of(const struct bench_result *result, char *out, size_t capacity) {
    if (result->members)
        snprintf(out, capacity, "%s, rooms of %u, %u in flight", result->scenario, result->members,
                 result->in_flight);
    else if (result->in_flight)
        snprintf(out, capacity, "%s, %u in flight", result->scenario, result->in_flight);
    else snprintf(out, capacity, "%s", result->scenario);
}

static void print_memory(const struct bench_result *result) {
    printf("  a room with its first connection  %.1f KiB, and %.1f KiB of page tables\n",
           result->room_bytes / 1024, result->room_table_bytes / 1024);
    printf("  a further connection              %.2f KiB; the kernel's, about %.1f KiB\n",
           result->connection_bytes / 1024, result->kernel_bytes / 1024);
    printf("  CPU while nothing happens         %.2f %%\n", result->idle_cpu * 100);
}

static void print_heads(void) {
    static bool printed;

    if (printed) return;
    printed = true;
    printf("%-40s %11s %9s %7s %8s %8s %8s %8s %5s\n", "latency in us", "per second", "CPU us",
           "kernel", "p50", "p90", "p99", "max", "gen.");
}

void report_line(const struct bench_result *result) {
    const struct histogram *latency = &result->latency;
    char name[64];

    name_of(result, name, sizeof(name));
    print_heads();
    if (result->failed) {
        printf("%-40s %s%s%s: %s\n", name, term_style(TERM_OUT, TERM_RED), result->failed,
               term_style(TERM_OUT, TERM_PLAIN), result->failure);
    } else {
        printf("%-40s %11.0f ", name, per_second(result));
        if (result->has_cpu && result->cpu_ns)
            printf("%9.2f %5.0f %% ", cpu_each(result), result->kernel_share * 100);
        else printf("%9s %7s ", "-", "-");
        printf("%8.0f %8.0f %8.0f %8.0f %3.0f %%\n", us(histogram_at(latency, 0.5)),
               us(histogram_at(latency, 0.9)), us(histogram_at(latency, 0.99)), us(latency->max_ns),
               result->generator_cpu * 100);
        if (strcmp(result->scenario, "idle") == 0) print_memory(result);
    }
    fflush(stdout);
}

/* ---- as JSON ------------------------------------------------------------------------------------- */

static void set_count(json_t *root, const char *name, unsigned value) {
    if (value) json_object_set_new(root, name, json_integer(value));
}

static void set_memory(json_t *root, const struct bench_result *result) {
    json_object_set_new(root, "room_bytes", json_real(result->room_bytes));
    json_object_set_new(root, "room_page_table_bytes", json_real(result->room_table_bytes));
    json_object_set_new(root, "connection_bytes", json_real(result->connection_bytes));
    json_object_set_new(root, "kernel_connection_bytes", json_real(result->kernel_bytes));
    json_object_set_new(root, "idle_cpu", json_real(result->idle_cpu));
}

static void set_figures(json_t *root, const struct bench_result *result) {
    const struct histogram *latency = &result->latency;

    json_object_set_new(root, "seconds", json_real(result->seconds));
    json_object_set_new(root, "deliveries", json_integer((json_int_t)result->deliveries));
    json_object_set_new(root, "per_second", json_real(per_second(result)));
    if (result->has_cpu && result->cpu_ns) {
        json_object_set_new(root, "cpu_us", json_real(cpu_each(result)));
        json_object_set_new(root, "kernel_share", json_real(result->kernel_share));
    }
    json_object_set_new(root, "generator_cpu", json_real(result->generator_cpu));
    json_object_set_new(root, "latency_us",
                        json_pack("{s:f, s:f, s:f, s:f}", "p50", us(histogram_at(latency, 0.5)),
                                  "p90", us(histogram_at(latency, 0.9)), "p99",
                                  us(histogram_at(latency, 0.99)), "max", us(latency->max_ns)));
}

json_t *report_json(const struct bench_result *result) {
    json_t *root = json_pack("{s:s}", "scenario", result->scenario);

    set_count(root, "connections", result->connections);
    set_count(root, "rooms", result->rooms);
    set_count(root, "members", result->members);
    set_count(root, "payload", result->payload);
    set_count(root, "in_flight", result->in_flight);
    if (result->failed) {
        json_object_set_new(root, "failed", json_string(result->failed));
        json_object_set_new(root, "failure", json_string(result->failure));
        return root;
    }
    set_figures(root, result);
    if (strcmp(result->scenario, "idle") == 0) set_memory(root, result);
    return root;
}
