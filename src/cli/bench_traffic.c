/* SPDX-License-Identifier: Apache-2.0 */
/* bench_traffic.c -- messages, their checks, the measured window; see bench_traffic.h. */
#include "cli/bench_traffic.h"

#include "cli/bench_proc.h"

#include <string.h>
#include <time.h>

#define SECOND    1000000000ull
#define WARM_NS   (SECOND / 4)
#define STALL_NS  (5 * SECOND)  /* nothing arrived for so long: what was sent is lost */
#define LINGER_NS (SECOND / 50) /* what comes now comes twice */
#define SETTLE_NS (5 * SECOND)

/* ---- messages ------------------------------------------------------------------------------------ */

#define RUN_DIGITS      6
#define ORIGIN_DIGITS   4
#define SEQUENCE_DIGITS 6

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";

static uint8_t *write_number(uint8_t *out, uint64_t value, unsigned count) {
    for (unsigned i = count; i-- > 0; value >>= 6) out[i] = (uint8_t)digits[value & 63];
    return out + count;
}

/* false: these are no digits of ours. */
static bool read_number(const uint8_t **bytes, unsigned count, uint64_t *ret_value) {
    uint64_t value = 0;

    for (unsigned i = 0; i < count; i++) {
        uint8_t byte = *(*bytes)++;
        const char *digit = byte ? strchr(digits, byte) : NULL;
        if (!digit) return false;
        value = value << 6 | (uint64_t)(digit - digits);
    }
    *ret_value = value;
    return true;
}

void message_make(uint8_t *out, size_t size, uint32_t run, uint32_t origin, uint64_t sequence) {
    uint8_t *at = write_number(out, run, RUN_DIGITS);
    size_t start = (origin * 7 + (size_t)sequence * 13) & 63;

    at = write_number(at, origin, ORIGIN_DIGITS);
    at = write_number(at, sequence, SEQUENCE_DIGITS);
    for (uint8_t *end = out + size; at < end; start = 0) {
        size_t step = 64 - start < (size_t)(end - at) ? 64 - start : (size_t)(end - at);
        memcpy(at, digits + start, step);
        at += step;
    }
}

static bool read_message(const uint8_t *payload, size_t size, uint64_t *ret_whose,
                         uint64_t *ret_sequence) {
    uint64_t run, origin;

    if (size < BENCH_PAYLOAD_MIN || !read_number(&payload, RUN_DIGITS, &run)) return false;
    if (!read_number(&payload, ORIGIN_DIGITS, &origin)) return false;
    *ret_whose = run << (6 * ORIGIN_DIGITS) | origin;
    return read_number(&payload, SEQUENCE_DIGITS, ret_sequence);
}

static void explain(struct load *load, const struct load_connection *connection,
                    const uint8_t *payload, size_t size, const uint8_t *expected,
                    size_t expected_size) {
    uint64_t got_whose, got, wanted_whose, wanted;
    unsigned index = connection->index;

    if (!read_message(expected, expected_size, &wanted_whose, &wanted)) return;
    if (!read_message(payload, size, &got_whose, &got))
        load_fail(load, "damaged", "connection %u: %zu bytes that are no message of ours: %.*s",
                  index, size, (int)(size < 64 ? size : 64), (const char *)payload);
    else if (got_whose != wanted_whose)
        load_fail(load, "foreign", "connection %u: a message of another %s", index,
                  got_whose >> 24 == wanted_whose >> 24 ? "room or connection" : "run");
    else if (got < wanted)
        load_fail(load, "doubled", "connection %u: message %llu again, where %llu must come", index,
                  (unsigned long long)got, (unsigned long long)wanted);
    else if (got > wanted)
        load_fail(load, "lost", "connection %u: message %llu came, and %llu did not", index,
                  (unsigned long long)got, (unsigned long long)wanted);
    else
        load_fail(load, "damaged",
                  "connection %u: message %llu has %zu bytes of %zu, or other ones", index,
                  (unsigned long long)got, size, expected_size);
}

bool message_check(struct load *load, const struct load_connection *connection,
                   const uint8_t *payload, size_t size, const uint8_t *expected,
                   size_t expected_size) {
    if (size == expected_size && memcmp(payload, expected, size) == 0) return true;
    explain(load, connection, payload, size, expected, expected_size);
    return false;
}

/* ---- the window ---------------------------------------------------------------------------------- */

bool traffic_open(struct load *load) {
    uint32_t open = load->open_count;
    uint64_t since = proc_now();

    while (load->open_count < load->connection_count && !load->failed) {
        load_turn(load, 100);
        if (load->open_count != open) {
            open = load->open_count;
            since = proc_now();
        } else if (proc_now() - since > STALL_NS) {
            load_fail(load, "closed", "%u of %u connections were never answered",
                      load->connection_count - open, load->connection_count);
        }
    }
    return !load->failed;
}

static void run_until(struct load *load, struct traffic *traffic, uint64_t end_ns) {
    uint64_t seen = traffic->deliveries, since = proc_now(), now = since;

    for (; now < end_ns && !load->failed; now = proc_now()) {
        load_turn(load, 20);
        if (traffic->deliveries != seen) {
            seen = traffic->deliveries;
            since = now;
        } else if (now - since > STALL_NS) {
            load_fail(load, "lost", "%llu deliveries did not come",
                      (unsigned long long)traffic->pending);
        }
    }
}

/* All that was sent must arrive, and nothing after it. */
static void drain(struct load *load, struct traffic *traffic) {
    uint64_t seen = traffic->deliveries, since = proc_now();

    while (traffic->pending && !load->failed && proc_now() - since < STALL_NS) {
        load_turn(load, 20);
        if (traffic->deliveries == seen) continue;
        seen = traffic->deliveries;
        since = proc_now();
    }
    if (traffic->pending)
        load_fail(load, "lost", "%llu deliveries did not come",
                  (unsigned long long)traffic->pending);
    since = proc_now();
    while (!load->failed && proc_now() - since < LINGER_NS) load_turn(load, 5);
}

static void take_cpu(struct bench_result *result, const struct proc_cpu *before,
                     const struct proc_cpu *after) {
    uint64_t user = after->user_ns - before->user_ns, kernel = after->kernel_ns - before->kernel_ns;

    result->has_cpu = true;
    result->cpu_ns = after->total_ns - before->total_ns;
    result->kernel_share = user + kernel ? (double)kernel / (double)(user + kernel) : 0;
}

void traffic_run(struct load *load, struct traffic *traffic, const struct bench_setup *setup,
                 struct bench_result *result) {
    struct proc_cpu before, after;

    run_until(load, traffic, proc_now() + WARM_NS);
    traffic->latency = (struct histogram){0};
    traffic->deliveries = 0;
    bool has_cpu = proc_cpu(setup->pid, &before);
    uint64_t own = proc_own_cpu(), begin = proc_now();
    run_until(load, traffic, begin + (uint64_t)(setup->seconds * (double)SECOND));
    result->deliveries = traffic->deliveries;
    result->latency = traffic->latency;
    if (has_cpu && proc_cpu(setup->pid, &after)) take_cpu(result, &before, &after);
    result->seconds = (double)(proc_now() - begin) / (double)SECOND;
    result->generator_cpu = (double)(proc_own_cpu() - own) / (double)SECOND / result->seconds;
    traffic->stopping = true;
    drain(load, traffic);
}

void traffic_settle(pid_t pid) {
    struct timespec pause = {.tv_nsec = 50000000};
    uint64_t begin = proc_now();
    struct proc_cpu before, after;

    if (!proc_cpu(pid, &before)) return;
    while (proc_now() - begin < SETTLE_NS) {
        nanosleep(&pause, NULL);
        if (!proc_cpu(pid, &after)) return;
        if (after.total_ns - before.total_ns < 2000000) return; /* below 4 % of a core */
        before = after;
    }
}

void bench_take_failure(struct bench_result *result, const struct load *load) {
    if (!load->failed) return;
    result->failed = load->failed;
    memcpy(result->failure, load->failure, sizeof(result->failure));
}
