/* SPDX-License-Identifier: Apache-2.0 */
/* bench_proc.c -- what a process has used; see bench_proc.h. */
#include "cli/bench_proc.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t to_ns(struct timespec time) {
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t read_clock(clockid_t clock) {
    struct timespec time;
    return clock_gettime(clock, &time) ? 0 : to_ns(time);
}

uint64_t proc_now(void) {
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t proc_own_cpu(void) {
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

/* ---- CPU --------------------------------------------------------------------------------------- */

/* utime and stime are fields 14 and 15; field 2 is a name in parentheses that may hold anything. */
static bool read_ticks(pid_t pid, unsigned long *ret_user, unsigned long *ret_kernel) {
    char path[64], line[1024];

    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    FILE *file = fopen(path, "re");
    if (!file) return false;
    const char *at = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
    fclose(file);
    for (unsigned field = 2; at && field < 14; field++) {
        at = strchr(at, ' ');
        if (at) at++;
    }
    return at && sscanf(at, "%lu %lu", ret_user, ret_kernel) == 2;
}

bool proc_cpu(pid_t pid, struct proc_cpu *ret_cpu) {
    unsigned long user, kernel;
    clockid_t clock;
    long per_second = sysconf(_SC_CLK_TCK);

    /* The process's CPU clock is what the ticks in /proc/PID/stat are rounded from. */
    if (pid <= 0 || clock_getcpuclockid(pid, &clock)) return false;
    if (!read_ticks(pid, &user, &kernel) || per_second <= 0) return false;
    uint64_t tick_ns = 1000000000u / (uint64_t)per_second;
    ret_cpu->total_ns = read_clock(clock);
    ret_cpu->user_ns = user * tick_ns;
    ret_cpu->kernel_ns = kernel * tick_ns;
    return ret_cpu->total_ns > 0;
}

/* ---- memory ------------------------------------------------------------------------------------ */

/* The sum of the lines `Name:   123 kB` of a file in /proc, in bytes. */
static uint64_t read_lines(const char *path, const char *const *names, size_t count) {
    uint64_t sum = 0;
    char line[256];

    FILE *file = fopen(path, "re");
    if (!file) return 0;
    while (fgets(line, sizeof(line), file)) {
        size_t size = strcspn(line, ":");
        for (size_t i = 0; i < count; i++) {
            if (strlen(names[i]) != size || memcmp(line, names[i], size) != 0) continue;
            sum += strtoull(line + size + 1, NULL, 10) * 1024;
        }
    }
    fclose(file);
    return sum;
}

bool proc_memory(pid_t pid, struct proc_memory *ret_memory) {
    static const char *const rss[] = {"Rss"}, *const vm_rss[] = {"VmRSS"}, *const pte[] = {"VmPTE"};
    char rollup[64], status[64];

    snprintf(rollup, sizeof(rollup), "/proc/%ld/smaps_rollup", (long)pid);
    snprintf(status, sizeof(status), "/proc/%ld/status", (long)pid);
    ret_memory->rss = read_lines(rollup, rss, 1);
    if (!ret_memory->rss) ret_memory->rss = read_lines(status, vm_rss, 1);
    ret_memory->page_tables = read_lines(status, pte, 1);
    return ret_memory->rss > 0;
}

/* Pages of socket buffers: `TCP: ... mem 12` of sockstat. */
static uint64_t read_socket_pages(void) {
    char line[256];
    uint64_t pages = 0;

    FILE *file = fopen("/proc/net/sockstat", "re");
    if (!file) return 0;
    while (fgets(line, sizeof(line), file)) {
        const char *mem = strncmp(line, "TCP:", 4) == 0 ? strstr(line, " mem ") : NULL;
        if (mem) pages = strtoull(mem + 5, NULL, 10);
    }
    fclose(file);
    return pages;
}

uint64_t proc_kernel_memory(void) {
    static const char *const slab[] = {"Slab"};
    return read_lines("/proc/meminfo", slab, 1) + read_socket_pages() * 4096;
}

/* ---- CPUs -------------------------------------------------------------------------------------- */

bool proc_pin(unsigned n) {
    static cpu_set_t allowed; /* as it was before the first pin */
    static bool known;
    cpu_set_t one;

    if (!known && sched_getaffinity(0, sizeof(allowed), &allowed)) return false;
    known = true;
    for (unsigned cpu = 0, seen = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || seen++ < n) continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        return sched_setaffinity(0, sizeof(one), &one) == 0;
    }
    return false;
}
