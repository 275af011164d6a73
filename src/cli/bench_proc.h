/* SPDX-License-Identifier: Apache-2.0 */
/* bench_proc.h -- what a process has used, read from outside: CPU and memory.
 *
 * Door:     proc_cpu(), proc_memory(), proc_kernel_memory().
 * Before:   the scenarios, around what they measure.
 * Not here: what a process says of itself; a server under test is not asked.
 */
#ifndef CLI_BENCH_PROC_H
#define CLI_BENCH_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_cpu {
    uint64_t total_ns;           /* all threads, those that have ended included */
    uint64_t user_ns, kernel_ns; /* in steps of a clock tick (10 ms): for shares over seconds */
};

struct proc_memory {
    uint64_t rss;         /* bytes, as /proc/PID/smaps_rollup has it */
    uint64_t page_tables; /* bytes: kernel memory that describes the process's own */
};

/* false: there is no such process. */
bool proc_cpu(pid_t pid, struct proc_cpu *ret_cpu);
bool proc_memory(pid_t pid, struct proc_memory *ret_memory);
/* Slab and socket buffers of the whole machine, in bytes: only differences mean anything, and other
 * processes disturb them. */
uint64_t proc_kernel_memory(void);

/* CPU of the calling thread; wall time. ns. */
uint64_t proc_own_cpu(void);
uint64_t proc_now(void);

/* Binds the calling thread, and what it starts from now on, to the n-th of the CPUs that this
 * process may use. false: there are fewer. */
bool proc_pin(unsigned n);

#endif
