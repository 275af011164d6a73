/* SPDX-License-Identifier: Apache-2.0 */
/* compile_child.c -- `ramp compile-child [--fast] [--dense]`: a module on stdin, its artefact on stdout.
 *
 * Door:   cli_compile_child(). Exit code 0, or COMPILE_EXIT_BASE - status and one line on stderr.
 * Before: server/compile.c starts it; nobody types it.
 * After:  ramp_compile().
 *
 * The process takes its limits before it reads one byte of the module, so that whatever a module does to
 * the compiler ends here. Not here: seccomp, Landlock.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ramp/ramp.h>

#include "base/limits.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/compile_ticker.h"
#include "server/compile.h"

/* A sanitizer's shadow counts as data, terabytes of it. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SHADOW 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SHADOW 1
#endif
#endif
#ifndef HAS_SHADOW
#define HAS_SHADOW 0
#endif

static int fail(ramp_status status, const char *message) {
    fprintf(stderr, "%s\n", message);
    return COMPILE_EXIT_BASE - (int)status;
}

static bool set_limit(__rlimit_resource_t resource, rlim_t soft, rlim_t hard) {
    struct rlimit limit = {soft, hard}, old;

    /* A stricter limit that somebody else has set stays. */
    if (getrlimit(resource, &old) == 0 && old.rlim_max < hard) limit.rlim_max = old.rlim_max;
    if (limit.rlim_cur > limit.rlim_max) limit.rlim_cur = limit.rlim_max;
    return setrlimit(resource, &limit) == 0;
}

/* Data, not address space: the smoke instance reserves 4 GiB and more, but it touches little. */
static bool take_limits(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    close_range(STDERR_FILENO + 1, ~0u, 0);
    return set_limit(RLIMIT_CORE, 0, 0) &&
           set_limit(RLIMIT_CPU, LIMIT_COMPILE_CPU_S, LIMIT_COMPILE_CPU_S + 1) &&
           (HAS_SHADOW || set_limit(RLIMIT_DATA, LIMIT_COMPILE_MEMORY, LIMIT_COMPILE_MEMORY)) &&
           set_limit(RLIMIT_FSIZE, 0, 0) && set_limit(RLIMIT_NOFILE, 64, 64);
}

/* false with errno 0: too long. */
static bool read_stdin(unsigned char *bytes, size_t size_max, size_t *ret_size) {
    size_t size = 0;

    for (;;) {
        ssize_t count = read(STDIN_FILENO, bytes + size, size_max + 1 - size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        if (count == 0) break;
        size += (size_t)count;
        if (size > size_max) {
            errno = 0;
            return false;
        }
    }
    *ret_size = size;
    return true;
}

static bool write_stdout(ramp_bytes bytes) {
    const unsigned char *data = bytes.data;

    for (size_t done = 0; done < bytes.size;) {
        ssize_t count = write(STDOUT_FILENO, data + done, bytes.size - done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        done += (size_t)count;
    }
    return true;
}

int cli_compile_child(int argc, char **argv) {
    struct compile_ticker ticker;
    ramp_compile_options options;
    unsigned char *wasm;
    ramp_bytes artefact;
    ramp_status status;
    ramp_error error;
    size_t size;
    int code = CLI_DONE;

    compile_ticker_init(&ticker, &options);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--fast") == 0) options.fast = true;
        else if (strcmp(argv[i], "--dense") == 0) options.dense = true;
        else return cli_misuse("compile-child", "takes --fast and --dense, not '%s'", argv[i]);
    }
    if (!take_limits()) return fail(RAMP_INTERNAL, "the compile child cannot limit itself");
    wasm = mem_alloc(LIMIT_MODULE_SIZE + 1);
    if (!wasm) return fail(RAMP_NO_MEMORY, "no memory to read the module");
    if (!read_stdin(wasm, LIMIT_MODULE_SIZE, &size)) {
        code =
            fail(errno ? RAMP_IO : RAMP_TOO_BIG, errno ? strerror(errno) : "the module is too big");
        mem_free(wasm);
        return code;
    }
    status = ramp_compile((ramp_bytes){wasm, size}, &options, &artefact, &error);
    mem_free(wasm);
    if (status) return fail(status, error.message);
    if (!write_stdout(artefact)) code = fail(RAMP_IO, strerror(errno));
    ramp_artefact_free(artefact);
    return code;
}
