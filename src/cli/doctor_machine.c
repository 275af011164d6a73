/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_machine.c -- kernel, limits, memory and clock; see doctor.h. */
#include "cli/doctor.h"

#include "cli/term.h"

#include "base/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>

/* The number in a file of /proc or /sys. false: it is not there, or is no number ("max"). */
static bool read_number(const char *path, uint64_t *ret_number) {
    FILE *file = fopen(path, "re");
    char line[64], *end = line;

    if (!file) return false;
    if (fgets(line, sizeof(line), file)) *ret_number = strtoull(line, &end, 10);
    fclose(file);
    return end != line;
}

/* ---- judging ------------------------------------------------------------------------------------- */

static enum doctor_state judge(uint64_t value, uint64_t well, uint64_t least) {
    return value >= well ? DOCTOR_OK : value >= least ? DOCTOR_WARNING : DOCTOR_PROBLEM;
}

/* A client is a descriptor; the default of a login shell, 1024, is enough to write rooms with. */
enum doctor_state doctor_judge_descriptors(uint64_t limit) {
    return judge(limit, 65536, 1024);
}

/* A live room takes 2 to 4 of them. 65,530 is the kernel's default. */
enum doctor_state doctor_judge_mappings(uint64_t limit) {
    return judge(limit, 65530, 4096);
}

/* Connections that may wait to be accepted: a storm of reconnects after a restart. */
enum doctor_state doctor_judge_backlog(uint64_t limit) {
    return judge(limit, 1024, 16);
}

/* ---- checks -------------------------------------------------------------------------------------- */

static void check_kernel(struct doctor *doctor) {
    struct utsname system;

    if (uname(&system)) return;
    if (strcmp(system.machine, "x86_64") == 0)
        doctor_say(doctor, DOCTOR_OK, "kernel", NULL, "%s %s on %s", system.sysname, system.release,
                   system.machine);
    else
        doctor_say(doctor, DOCTOR_WARNING, "kernel",
                   "run the tests (make test) before you rely on it",
                   "%s %s on %s, on which ramp is built but not tested", system.sysname,
                   system.release, system.machine);
}

static void check_mappings(struct doctor *doctor) {
    uint64_t limit;

    if (!read_number("/proc/sys/vm/max_map_count", &limit)) return;
    enum doctor_state state = doctor_judge_mappings(limit);
    doctor_say(doctor, state, "mappings",
               state ? "as root: sysctl -w vm.max_map_count=262144" : NULL,
               "vm.max_map_count is %llu; a live room takes 2 to 4", (unsigned long long)limit);
}

static void check_descriptors(struct doctor *doctor) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit)) return;
    enum doctor_state state = doctor_judge_descriptors(limit.rlim_max);
    doctor_say(
        doctor, state, "descriptors",
        state ? "raise the hard limit: LimitNOFILE=1048576 in the systemd unit, or `ulimit -n` "
                "as root"
              : NULL,
        "at most %llu, one per client (ramp raises the soft limit by itself)",
        (unsigned long long)limit.rlim_max);
}

static void check_overcommit(struct doctor *doctor) {
    uint64_t mode;

    if (!read_number("/proc/sys/vm/overcommit_memory", &mode)) return;
    if (mode == 2)
        doctor_say(doctor, DOCTOR_WARNING, "overcommit",
                   "as root: sysctl -w vm.overcommit_memory=0",
                   "vm.overcommit_memory is 2: rooms count with all the memory that they may have, "
                   "and are refused early");
    else
        doctor_say(doctor, DOCTOR_OK, "overcommit", NULL, "vm.overcommit_memory is %llu",
                   (unsigned long long)mode);
}

static void check_address_space(struct doctor *doctor) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_AS, &limit) || limit.rlim_cur == RLIM_INFINITY) return;
    doctor_say(doctor, DOCTOR_WARNING, "addresses",
               "`ulimit -v unlimited`, or no LimitAS in the unit",
               "address space is limited to %llu MB: fewer rooms, with bounds checks",
               (unsigned long long)(limit.rlim_cur >> 20));
}

static void check_backlog(struct doctor *doctor) {
    uint64_t limit;

    if (!read_number("/proc/sys/net/core/somaxconn", &limit)) return;
    enum doctor_state state = doctor_judge_backlog(limit);
    doctor_say(doctor, state, "backlog",
               state ? "as root: sysctl -w net.core.somaxconn=4096" : NULL,
               "net.core.somaxconn is %llu", (unsigned long long)limit);
}

/* MemAvailable of /proc/meminfo in bytes, 0: not told. */
static uint64_t available_memory(void) {
    FILE *file = fopen("/proc/meminfo", "re");
    unsigned long long kilobytes = 0;
    char line[256];

    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, "MemAvailable:", 13) == 0) kilobytes = strtoull(line + 13, NULL, 10);
    if (file) fclose(file);
    return kilobytes * 1024;
}

static void check_memory(struct doctor *doctor) {
    uint64_t available = available_memory(), limit;
    char size[16], most[16];

    if (!available) return;
    bool capped = read_number("/sys/fs/cgroup/memory.max", &limit);
    if (capped && limit < available) available = limit;
    enum doctor_state state = judge(available, 256u << 20, 64u << 20);
    doctor_say(doctor, state, "memory",
               state ? "stop something else, or lower --rooms-max and --memory-max" : NULL,
               "%s available%s; a small room takes about 40 KB, at most %s",
               term_size(size, available), capped ? " in this cgroup" : "",
               term_size(most, LIMIT_MEMORY));
}

#define YEAR_MIN 1767225600 /* 2026-01-01: this program is younger */

static void check_clock(struct doctor *doctor) {
    struct timex times = {0};
    time_t now = time(NULL);
    char text[40];
    struct tm utc;

    gmtime_r(&now, &utc);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &utc);
    if (now < YEAR_MIN) {
        doctor_say(doctor, DOCTOR_PROBLEM, "clock", "set it: alarms and tokens depend on it",
                   "it says %s, which cannot be", text);
        return;
    }
    int state = adjtimex(&times);
    if (state < 0)
        doctor_say(doctor, DOCTOR_OK, "clock", NULL,
                   "%s; whether it is synchronised cannot be told here", text);
    else if (state == TIME_ERROR || (times.status & STA_UNSYNC))
        doctor_say(doctor, DOCTOR_WARNING, "clock",
                   "run chrony or systemd-timesyncd, here or on the host of this container",
                   "%s; the kernel says that nobody keeps it in step: alarms may be early or late",
                   text);
    else doctor_say(doctor, DOCTOR_OK, "clock", NULL, "%s, synchronised", text);
}

void doctor_machine(struct doctor *doctor) {
    check_kernel(doctor);
    check_mappings(doctor);
    check_descriptors(doctor);
    check_address_space(doctor);
    check_overcommit(doctor);
    check_backlog(doctor);
    check_memory(doctor);
    check_clock(doctor);
}
