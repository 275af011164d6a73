/* SPDX-License-Identifier: Apache-2.0 */
/* artefact.c -- see artefact.h; ramp_module_check() and ramp_compile() of ramp/ramp.h. */
#include "core/artefact.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "core/call.h"
#include "core/scan.h"
#include "engine/engine.h"

static const char footer_magic[8] = {'R', 'A', 'M', 'P', 'A', 'R', 'T', '1'};

struct footer {
    uint64_t code_size, lines_size;
    uint32_t zero[2];
    char magic[8];
};
static_assert(sizeof(struct footer) == 32, "the footer is written as it lies in memory");

/* ---- making -------------------------------------------------------------------------------- */

ramp_status ramp_module_check(ramp_bytes wasm, ramp_error *reterr) {
    struct scan scan;

    return scan_module(wasm, &scan, reterr);
}

const char *ramp_artefact_key(bool fast, bool dense) {
    return engine_key(fast, dense);
}

void ramp_artefact_free(ramp_bytes artefact) {
    mem_free((void *)(uintptr_t)artefact.data);
}

static ramp_status artefact_join(ramp_bytes code, ramp_bytes lines, ramp_bytes *ret_artefact,
                                 ramp_error *reterr) {
    struct footer footer = {.code_size = code.size, .lines_size = lines.size};
    size_t size = code.size + lines.size + sizeof(footer);
    unsigned char *bytes = mem_alloc(size);

    if (!bytes)
        return error_set(reterr, RAMP_NO_MEMORY, "no memory for an artefact of %zu bytes", size);
    memcpy(footer.magic, footer_magic, sizeof(footer_magic));
    memcpy(bytes, code.data, code.size);
    if (lines.size) memcpy(bytes + code.size, lines.data, lines.size);
    memcpy(bytes + code.size + lines.size, &footer, sizeof(footer));
    *ret_artefact = (ramp_bytes){.data = bytes, .size = size};
    return RAMP_OK;
}

/* The smoke instance: a host of one room, in which the module must come to life. */
struct smoke {
    const ramp_compile_options *options;
    ramp_bytes artefact;
    uint64_t ticks_ns;
    ramp_status status;
    ramp_error *reterr;
};

static void smoke_load(void *context, ramp_host *host, ramp_ticket ticket, const char *service) {
    const struct smoke *smoke = context;

    (void)service;
    ramp_complete_load(
        host, ticket,
        &(ramp_load_answer){.size = sizeof(ramp_load_answer), .artefact = smoke->artefact});
}

static uint64_t smoke_clock(void *context) {
    const struct smoke *smoke = context;

    return smoke->options->thread_cpu_ns
               ? smoke->options->thread_cpu_ns(smoke->options->context) + 1
               : 1;
}

static int64_t smoke_wall(void *context) {
    (void)context;
    return 0;
}

static void smoke_random(void *context, void *bytes, size_t size) {
    (void)context;
    memset(bytes, 0x5A, size);
}

/* Its stores are empty and take what they are given: it opens as a new room would. */
static void smoke_answer(ramp_host *host, ramp_ticket ticket, ramp_status status) {
    ramp_complete(host, ticket, &(ramp_answer){.size = sizeof(ramp_answer), .status = status});
}

static void smoke_kv_get(void *context, ramp_host *host, ramp_ticket ticket,
                         const ramp_kv_key *key) {
    (void)context, (void)key;
    smoke_answer(host, ticket, RAMP_NOT_FOUND);
}

static void smoke_kv_write(void *context, ramp_host *host, ramp_ticket ticket,
                           const ramp_kv_write *writes, size_t count) {
    (void)context, (void)writes, (void)count;
    smoke_answer(host, ticket, RAMP_OK);
}

static void smoke_db_head(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                          const char *room) {
    (void)context, (void)service, (void)room;
    smoke_answer(host, ticket, RAMP_OK);
}

static void smoke_db_get(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                         const char *room, ramp_bytes key) {
    (void)context, (void)service, (void)room, (void)key;
    smoke_answer(host, ticket, RAMP_NOT_FOUND);
}

static void smoke_db_list(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                          const char *room, const ramp_db_range *range) {
    (void)context, (void)service, (void)room, (void)range;
    smoke_answer(host, ticket, RAMP_OK);
}

static void smoke_db_commit(void *context, ramp_host *host, ramp_ticket ticket,
                            const ramp_commit *commit) {
    (void)context, (void)commit;
    smoke_answer(host, ticket, RAMP_OK);
}

static void smoke_db_alarms(void *context, ramp_host *host, ramp_ticket ticket, int64_t until_ms,
                            const ramp_alarm *after, uint32_t limit) {
    (void)context, (void)until_ms, (void)after, (void)limit;
    smoke_answer(host, ticket, RAMP_OK);
}

static void smoke_states_load(void *context, ramp_host *host, ramp_ticket ticket,
                              const char *service, const char *room) {
    (void)context, (void)service, (void)room;
    smoke_answer(host, ticket, RAMP_NOT_FOUND);
}

static void smoke_states_save(void *context, ramp_host *host, ramp_ticket ticket,
                              const char *service, const char *room, ramp_bytes state,
                              uint32_t flags) {
    (void)context, (void)service, (void)room, (void)state, (void)flags;
    smoke_answer(host, ticket, RAMP_OK);
}

static void smoke_states_note(void *context, const char *service, const char *room) {
    (void)context, (void)service, (void)room;
}

static const ramp_kv smoke_kv = {
    .size = sizeof(ramp_kv), .get = smoke_kv_get, .write = smoke_kv_write};
static const ramp_db smoke_db = {.size = sizeof(ramp_db),
                                 .head = smoke_db_head,
                                 .get = smoke_db_get,
                                 .list = smoke_db_list,
                                 .commit = smoke_db_commit,
                                 .alarms = smoke_db_alarms};
static const ramp_states smoke_states = {.size = sizeof(ramp_states),
                                         .load = smoke_states_load,
                                         .save = smoke_states_save,
                                         .mark = smoke_states_note,
                                         .end = smoke_states_note};

static void smoke_done(void *context, const ramp_outcome *outcome) {
    struct smoke *smoke = context;

    if (outcome->call != RAMP_CALL_OPEN || outcome->state != RAMP_CALL_FAILED || smoke->status)
        return;
    smoke->status = error_set(smoke->reterr, RAMP_REFUSED, "the module does not start: %s%s%s",
                              outcome->message, outcome->where[0] ? " at " : "", outcome->where);
}

static void smoke_close(void *context, ramp_connection *connection, uint16_t code,
                        const char *reason) {
    (void)context;
    (void)connection;
    (void)code;
    (void)reason;
}

/* Opens one room of the module, as a host would: _initialize, ramp_abi_v1, on_open. What on_open asks
 * for is dropped. */
static ramp_status artefact_smoke(ramp_bytes artefact, const ramp_compile_options *options,
                                  ramp_error *reterr) {
    struct smoke smoke = {.options = options, .artefact = artefact, .reterr = reterr};
    ramp_store store = {.size = sizeof(store), .context = &smoke, .load = smoke_load};
    ramp_host *host = NULL;
    ramp_status status = ramp_host_new(&(ramp_host_options){.size = sizeof(ramp_host_options),
                                                            .context = &smoke,
                                                            .monotonic_ns = smoke_clock,
                                                            .wall_ms = smoke_wall,
                                                            .random = smoke_random,
                                                            .store = &store,
                                                            .kv = &smoke_kv,
                                                            .db = &smoke_db,
                                                            .states = &smoke_states,
                                                            .on_done = smoke_done,
                                                            .on_close = smoke_close,
                                                            .modules_max = 1,
                                                            .rooms_max = 1,
                                                            .dense = options->dense},
                                       &host, reterr);

    if (!status) status = ramp_open(host, "smoke", "smoke", NULL, reterr);
    if (options->on_host && !status) options->on_host(options->context, host);
    while (!status && ramp_host_step(host)) continue;
    if (options->on_host && host) options->on_host(options->context, NULL);
    ramp_host_free(host);
    return status ? status : smoke.status;
}

ramp_status ramp_compile(ramp_bytes wasm, const ramp_compile_options *given,
                         ramp_bytes *ret_artefact, ramp_error *reterr) {
    ramp_compile_options options = {0};
    struct engine *engine = NULL;
    struct scan scan;
    ramp_bytes code = {0}, lines = {0}, artefact = {0};
    ramp_status status;

    if (given)
        memcpy(&options, given, given->size < sizeof(options) ? given->size : sizeof(options));
    status = scan_module(wasm, &scan, reterr);
    if (status) return status;
    if (scan.lines_size)
        lines = (ramp_bytes){(const char *)wasm.data + scan.lines_offset, scan.lines_size};
    status = engine_new(&(struct engine_options){.compile_only = true,
                                                 .memory_max = LIMIT_MEMORY,
                                                 .dense = options.dense,
                                                 .fast_compile = options.fast},
                        &engine, reterr);
    if (!status) status = engine_compile(engine, wasm, &code, reterr);
    if (!status) status = artefact_join(code, lines, &artefact, reterr);
    engine_code_free(code);
    engine_free(engine);
    if (!status && !options.skip_smoke) status = artefact_smoke(artefact, &options, reterr);
    if (status) {
        ramp_artefact_free(artefact);
        return status;
    }
    *ret_artefact = artefact;
    return RAMP_OK;
}

/* ---- loading ------------------------------------------------------------------------------- */

static bool footer_is_valid(const struct footer *footer, uint64_t size) {
    return memcmp(footer->magic, footer_magic, sizeof(footer_magic)) == 0 &&
           footer->code_size <= size && footer->lines_size <= LIMIT_SCAN_CUSTOM &&
           footer->code_size + footer->lines_size + sizeof(*footer) == size;
}

/* Reads footer and lines of a file; its code is mapped by the engine. */
static ramp_status file_read_tail(const char *path, struct footer *ret_footer,
                                  ramp_bytes *ret_lines, ramp_error *reterr) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *lines = NULL;
    struct stat info;
    ramp_status status;

    if (fd < 0)
        return error_set(reterr, RAMP_IO, "cannot open artefact %s: %s", path, strerror(errno));
    status = error_set(reterr, RAMP_IO, "%s is no artefact of this version of Ramp", path);
    if (fstat(fd, &info) < 0 || info.st_size < (off_t)sizeof(*ret_footer)) goto fail;
    if (pread(fd, ret_footer, sizeof(*ret_footer), info.st_size - (off_t)sizeof(*ret_footer)) !=
            (ssize_t)sizeof(*ret_footer) ||
        !footer_is_valid(ret_footer, (uint64_t)info.st_size))
        goto fail;
    if (ret_footer->lines_size) {
        lines = mem_alloc(ret_footer->lines_size);
        if (!lines) {
            status = error_set(reterr, RAMP_NO_MEMORY, "no memory to load %s", path);
            goto fail;
        }
        if (pread(fd, lines, ret_footer->lines_size, (off_t)ret_footer->code_size) !=
            (ssize_t)ret_footer->lines_size)
            goto fail;
    }
    close(fd);
    *ret_lines = (ramp_bytes){lines, ret_footer->lines_size};
    return RAMP_OK;

fail:
    mem_free(lines);
    close(fd);
    return status;
}

static ramp_status bytes_read_tail(ramp_bytes artefact, struct footer *ret_footer,
                                   ramp_bytes *ret_lines, ramp_error *reterr) {
    const unsigned char *bytes = artefact.data;
    char *lines;

    if (artefact.size < sizeof(*ret_footer))
        return error_set(reterr, RAMP_IO, "these %zu bytes are no artefact", artefact.size);
    memcpy(ret_footer, bytes + artefact.size - sizeof(*ret_footer), sizeof(*ret_footer));
    if (!footer_is_valid(ret_footer, artefact.size))
        return error_set(reterr, RAMP_IO, "these bytes are no artefact of this version of Ramp");
    if (ret_footer->lines_size == 0) return RAMP_OK;
    lines = mem_copy_text((const char *)bytes + ret_footer->code_size, ret_footer->lines_size);
    if (!lines) return error_set(reterr, RAMP_NO_MEMORY, "no memory for a module");
    *ret_lines = (ramp_bytes){lines, ret_footer->lines_size};
    return RAMP_OK;
}

static ramp_status artefact_load(ramp_host *host, const char *path, ramp_bytes bytes,
                                 struct artefact *ret_artefact, ramp_error *reterr) {
    struct footer footer = {0};
    ramp_bytes lines = {0}, code = {0};
    ramp_status status;

    status = path ? file_read_tail(path, &footer, &lines, reterr)
                  : bytes_read_tail(bytes, &footer, &lines, reterr);
    if (status) return status;
    if (!path) code = (ramp_bytes){bytes.data, footer.code_size};
    status = engine_module_open(host->engine, path, code, guest_export_names, EXPORT_COUNT,
                                &ret_artefact->code, reterr);
    if (status) {
        mem_free((void *)(uintptr_t)lines.data);
        return status;
    }
    ret_artefact->lines = lines;
    ret_artefact->size = footer.code_size + footer.lines_size + sizeof(footer);
    return RAMP_OK;
}

ramp_status artefact_open(ramp_host *host, const ramp_load_answer *answer,
                          struct artefact *ret_artefact, ramp_error *reterr) {
    ramp_bytes compiled = {0};
    ramp_status status;

    if (answer->artefact_path || answer->artefact.size)
        return artefact_load(host, answer->artefact_path, answer->artefact, ret_artefact, reterr);
    status = ramp_compile(answer->wasm,
                          &(ramp_compile_options){.size = sizeof(ramp_compile_options),
                                                  .dense = host->options.dense,
                                                  .skip_smoke = true},
                          &compiled, reterr);
    if (!status) status = artefact_load(host, NULL, compiled, ret_artefact, reterr);
    ramp_artefact_free(compiled);
    return status;
}
