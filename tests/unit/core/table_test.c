/* SPDX-License-Identifier: Apache-2.0 */
/* table_test.c -- CONTRACT 4: the module table against a simple model, loads, evictions, new versions. */
#include "unit/core/cmocka_rig.h"

#include "base/limits.h"

#define S AT_SCRATCH

static struct program empty;

static ramp_host_stats stats_now(void) {
    ramp_host_stats stats = {.size = sizeof(stats)};
    ramp_host_get_stats(rig.host, &stats);
    return stats;
}

static void request_to(const char *service, const char *room) {
    ramp_error error;
    ramp_status status = ramp_http_request(
        rig.host, service, room,
        &(ramp_request){.size = sizeof(ramp_request), .method = {"GET", 3}, .path = {"/", 1}},
        &error);
    if (status) fail_msg("%s/%s: %s", service, room, error.message);
}

/* A service named after its number. */
static struct rig_service *add_numbered(unsigned number, const char *module) {
    char name[16];
    snprintf(name, sizeof(name), "s%u", number);
    return rig_add(&rig, name, module);
}

static const char *numbered(unsigned number) {
    static char names[4][16];
    static unsigned next;
    next = (next + 1) % 4;
    snprintf(names[next], sizeof(names[next]), "s%u", number);
    return names[next];
}

/* ---- the model ------------------------------------------------------------------------------- */

enum { SERVICES = 300, SLOTS = 16, IDS_SHARED = 10 };

/* Least recently requested first. */
struct table_model {
    unsigned entries[SLOTS]; /* module: that of service number n is n, or one it shares */
    unsigned count;
    ramp_connection *members[SERVICES]; /* one connection, which pins */
};

static unsigned module_of(unsigned service) {
    return service % 30 < 3 ? service % 30 : service; /* each of 3 modules belongs to 10 services */
}

static bool is_pinned(const struct table_model *model, unsigned module) {
    for (unsigned i = 0; i < SERVICES; i++)
        if (model->members[i] && module_of(i) == module) return true;
    return false;
}

/* A call to the service. false: no place for its module. */
static bool model_request(struct table_model *model, unsigned service) {
    unsigned module = module_of(service), at = 0;

    while (at < model->count && model->entries[at] != module) at++;
    if (at == model->count && model->count == SLOTS) {
        at = 0;
        while (at < SLOTS && is_pinned(model, model->entries[at])) at++;
        if (at == SLOTS) return false;
    } else if (at == model->count) {
        model->count++;
    }
    memmove(&model->entries[at], &model->entries[at + 1],
            (model->count - at - 1) * sizeof(unsigned));
    model->entries[model->count - 1] = module;
    return true;
}

struct table_seen {
    unsigned entries[SLOTS * 2];
    bool pinned[SLOTS * 2];
    unsigned count;
};
static void see_module(void *context, const ramp_module_info *info) {
    struct table_seen *seen = context;
    uint32_t version;
    memcpy(&version, info->id.bytes, 4);
    seen->entries[seen->count] = version - 1;
    seen->pinned[seen->count++] = info->pinned;
}

static void check_table(const struct table_model *model, int step) {
    struct table_seen seen = {.count = 0};
    unsigned pinned = 0;

    ramp_host_modules(rig.host, see_module, &seen);
    if (seen.count != model->count)
        fail_msg("step %d: %u entries instead of %u", step, seen.count, model->count);
    for (unsigned i = 0; i < seen.count; i++) {
        unsigned expected = model->entries[model->count - 1 - i];
        if (seen.entries[i] != expected)
            fail_msg("step %d: entry %u is of module %u instead of %u", step, i, seen.entries[i],
                     expected);
        if (seen.pinned[i] != is_pinned(model, expected))
            fail_msg("step %d: module %u pinned?", step, expected);
        pinned += seen.pinned[i];
    }
    assert_int_equal(stats_now().modules_pinned, pinned);
    assert_int_equal(stats_now().modules, model->count);
}

static void the_table_keeps_what_was_requested_last_and_what_is_in_use(void **state) {
    struct table_model model = {.count = 0};
    uint64_t random = 42, refused = 0;
    (void)state;

    rig_open(&rig, &(ramp_host_options){.modules_max = SLOTS, .rooms_max = 60});
    rig.silent = true;
    for (unsigned i = 0; i < SERVICES; i++) add_numbered(i, "interp")->version = module_of(i) + 1;
    for (int step = 0; step < 6000; step++) {
        /* Some are asked for often. */
        unsigned service =
            (unsigned)(rig_random_next(&random) % (rig_random_next(&random) % 2 ? 20 : SERVICES));
        bool fits = true;
        ramp_connection *member = model.members[service];
        uint32_t failures = rig.failures;

        switch (rig_random_next(&random) % 4) {
        case 0:
        case 1:
            request_to(numbered(service), "r");
            fits = model_request(&model, service);
            break;
        case 2:
            if (member) break;
            member = rig_join_at(&rig, numbered(service), "r", "ann");
            fits = model_request(&model, service);
            if (fits) model.members[service] = member;
            break;
        default: /* more often than joins, if there are many */
            for (unsigned i = 0; i < SERVICES; i++) {
                if (!model.members[i] || rig_random_next(&random) % 12) continue;
                ramp_leave(model.members[i], 1000, NULL);
                rig_run(&rig);
                if (!model_request(&model, i)) fail_msg("a leave found no place");
                model.members[i] = NULL;
            }
            failures = rig.failures;
            break;
        }
        rig_run(&rig);
        refused += !fits;
        if (rig.failures == failures && !fits) fail_msg("step %d: not refused", step);
        if (rig.failed_status == RAMP_UNAVAILABLE && fits) fail_msg("step %d: refused", step);
        rig.failed_status = RAMP_OK;
        check_table(&model, step);
        if (rig.now_ns < 1000000 * RIG_MS) rig.now_ns += 1; /* below the idle time of rooms */
    }
    if (refused < 20) fail_msg("only %d refusals: the table was never full", (int)refused);
    assert_true(stats_now().evictions > 500);
    assert_true(stats_now().rooms <= 60);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void a_full_table_in_use_refuses_and_never_grows(void **state) {
    ramp_connection *members[2];
    ramp_error error;
    (void)state;
    rig_open(&rig, &(ramp_host_options){.modules_max = 2});
    for (unsigned i = 0; i < 4; i++) add_numbered(i, "interp");
    for (unsigned i = 0; i < 2; i++) members[i] = rig_join_at(&rig, numbered(i), "r", "ann");
    rig_run(&rig);
    rig_forget(&rig);
    request_to("s2", "r");
    rig_join_at(&rig, "s2", "r", "bob");
    rig_join_at(&rig, "s2", "other", "bob");
    rig_expect(&rig, "s2/r: request FAILED UNAVAILABLE\ns2/r: join bob FAILED UNAVAILABLE\n"
                     "s2/other: join bob FAILED UNAVAILABLE\n");
    assert_int_equal(stats_now().modules, 2);
    assert_int_equal(stats_now().services, 2);
    assert_int_equal(stats_now().loads_refused, 1);
    /* It is not remembered as a failure: with a free slot it goes at once. */
    ramp_leave(members[0], 1000, NULL);
    rig_run(&rig);
    rig_forget(&rig);
    rig_join_at(&rig, "s2", "r", "bob");
    rig_expect(&rig, "s0/r: close\ns2/r: open\ns2/r: join bob\n");
    /* An update of somebody without a place is refused, too, and reported. */
    assert_int_equal(ramp_service_update(rig.host, "s3", &error, &error), RAMP_OK);
    rig_expect(&rig, "s3/: deploy FAILED UNAVAILABLE\n");
    assert_ptr_equal(rig.last_tag, &error);
}

static void a_timer_pins_too(void **state) {
    struct program program = {.size = 0};
    (void)state;
    rig_open(&rig, &(ramp_host_options){.modules_max = 1});
    rig_add(&rig, "s", "interp");
    rig_add(&rig, "t", "interp");
    DO(&program, timer_set, 1, 100, 0);
    assert_int_equal(rig_request(&rig, "r", &program), RAMP_OK);
    rig_run(&rig);
    rig_forget(&rig);
    request_to("t", "r");
    rig_expect(&rig, "t/r: request FAILED UNAVAILABLE\n");
    rig_pass(&rig, 100);
    request_to("t", "r");
    rig_expect(&rig, "timer\nclose\nt/r: open\nt/r: request\n");
}

static void bytes_are_bounded_too(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    size_t size = rig_module("interp", stats_now().dense)->artefact.size;
    rig_close(&rig);
    rig_open(&rig,
             &(ramp_host_options){.modules_max = 10, .modules_bytes_max = 3 * size + size / 2});
    for (unsigned i = 0; i < 6; i++) {
        add_numbered(i, "interp");
        request_to(numbered(i), "r");
        rig_run(&rig);
        assert_int_equal(stats_now().modules, i < 3 ? i + 1 : 3);
        assert_true(stats_now().modules_bytes <= 3 * size + size / 2);
    }
    rig_close(&rig);
    /* One that is larger than all that is allowed has the table for itself. */
    rig_open(&rig, &(ramp_host_options){.modules_bytes_max = 10});
    for (unsigned i = 0; i < 3; i++) {
        add_numbered(i, "interp");
        request_to(numbered(i), "r");
        rig_run(&rig);
        assert_int_equal(stats_now().modules, 1);
    }
}

static void two_services_with_the_same_module_share_its_entry(void **state) {
    (void)state;
    rig_open(&rig, &(ramp_host_options){.modules_max = 1});
    for (unsigned i = 0; i < 3; i++) add_numbered(i, "interp")->version = 7;
    ramp_connection *ann = rig_join_at(&rig, "s0", "r", "ann");
    rig_run(&rig);
    rig_join_at(&rig, "s1", "r", "bob");
    request_to("s2", "r");
    rig_expect(
        &rig,
        "s0/r: open\ns0/r: join ann\ns1/r: open\ns1/r: join bob\ns2/r: open\ns2/r: request\n");
    assert_int_equal(stats_now().modules, 1);
    ramp_leave(ann, 1000, NULL);
    rig_run(&rig);
    rig_add(&rig, "t", "interp");
    request_to("t", "r"); /* s1's bob still pins it */
    rig_expect(&rig, "s0/r: leave ann\nt/r: request FAILED UNAVAILABLE\n");
    ramp_leave(ramp_connection_find(rig.host, "s1", "r", "bob"), 1000, NULL);
    rig_run(&rig);
    rig_forget(&rig);
    request_to("t", "r");
    rig_run(&rig);
    assert_int_equal(stats_now().modules, 1);
    assert_int_equal(stats_now().services, 1);
    rig.transcript[rig.transcript_size] = '\0';
    for (unsigned i = 0; i < 3; i++) {
        char line[32];
        snprintf(line, sizeof(line), "s%u/r: close\n", i);
        assert_non_null(strstr(rig.transcript, line));
    }
    assert_non_null(strstr(rig.transcript, "t/r: open\nt/r: request\n"));
}

/* ---- loads ----------------------------------------------------------------------------------- */

static void one_load_serves_everybody_who_waits(void **state) {
    ramp_error error;
    (void)state;
    rig_service(&rig, "s")->mode = RIG_HELD;
    rig_join(&rig, "ann");
    rig_join(&rig, "bob");
    rig_join_at(&rig, "s", "r2", "cat");
    assert_int_equal(rig_request(&rig, "r3", &empty), RAMP_OK);
    assert_int_equal(ramp_open(rig.host, "s", "r4", NULL, &error), RAMP_OK);
    rig_expect(&rig, "");
    rig_pass(&rig, 1000);
    assert_int_equal(rig_service(&rig, "s")->loads, 1);
    assert_true(ramp_host_deadline(rig.host) ==
                rig.now_ns - 1000 * RIG_MS + LIMIT_LOAD_MS * RIG_MS);
    rig_answer(&rig, "s");
    assert_true(ramp_host_deadline(rig.host) == 0); /* an answer waits: step at once */
    rig_expect(&rig,
               "open\njoin ann\njoin bob\ns/r2: open\ns/r2: join cat\ns/r3: open\ns/r3: request\n"
               "s/r4: open\ns/r4: open\n");
    assert_int_equal(rig_service(&rig, "s")->loads, 1);
}

static void a_failed_load_is_remembered_for_2_seconds(void **state) {
    ramp_connection *connection;
    (void)state;
    rig_service(&rig, "s")->status = RAMP_REFUSED;
    rig_join(&rig, "ann");
    rig_join(&rig, "bob");
    rig_expect(&rig, "join ann FAILED REFUSED\njoin bob FAILED REFUSED\n");
    assert_int_equal(stats_now().rooms, 0);
    rig_pass(&rig, LIMIT_NEGATIVE_MS - 1);
    assert_int_equal(rig_try_join(&rig, "s", "r", "ann", &connection), RAMP_REFUSED);
    assert_int_equal(rig_request(&rig, "r", &empty), RAMP_REFUSED);
    assert_int_equal(rig_service(&rig, "s")->loads, 1);
    assert_true(ramp_host_deadline(rig.host) == rig.now_ns + RIG_MS);
    rig_service(&rig, "s")->status = RAMP_OK;
    rig_pass(&rig, 1);
    assert_int_equal(stats_now().services, 0); /* nothing is kept of it */
    rig_join(&rig, "ann");
    rig_expect(&rig, "open\njoin ann\n");
    assert_int_equal(rig_service(&rig, "s")->loads, 2);
    rig_join_at(&rig, "nobody", "r", "ann");
    rig_expect(&rig, "nobody/r: join ann FAILED NOT_FOUND\n");
}

static void a_new_version_ends_the_memory_of_a_failure(void **state) {
    ramp_error error;
    (void)state;
    rig_service(&rig, "s")->status = RAMP_REFUSED;
    rig_join(&rig, "ann");
    rig_run(&rig);
    rig_service(&rig, "s")->status = RAMP_OK;
    rig_forget(&rig);
    assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
    rig_expect(&rig, "deploy\n");
    rig_join(&rig, "ann");
    rig_expect(&rig, "open\njoin ann\n");
}

static void a_store_that_does_not_answer_is_given_up_after_30_seconds(void **state) {
    (void)state;
    rig_service(&rig, "s")->mode = RIG_HELD;
    rig_join(&rig, "ann");
    rig_pass(&rig, 0);
    rig_pass(&rig, LIMIT_LOAD_MS - 1);
    rig_expect(&rig, "");
    rig_pass(&rig, 1);
    rig_expect(&rig, "join ann FAILED TIMEOUT\n");
    assert_int_equal(rig.cancels, 1);
    rig_answer(&rig, "s"); /* too late: ignored */
    rig_expect(&rig, "");
    assert_int_equal(stats_now().modules, 0);
    rig_pass(&rig, LIMIT_NEGATIVE_MS);
    rig_join(&rig, "ann");
    rig_pass(&rig, 0);
    rig_answer(&rig, "s");
    rig_expect(&rig, "open\njoin ann\n");
}

static void a_host_that_goes_cancels_its_loads(void **state) {
    (void)state;
    rig_service(&rig, "s")->mode = RIG_HELD;
    rig_add(&rig, "t", "interp")->mode = RIG_HELD;
    rig_join(&rig, "ann");
    rig_join_at(&rig, "t", "r", "ann");
    rig_run(&rig);
    rig_answer(&rig, "t"); /* and an answer that nobody has looked at */
    rig_close(&rig);
    assert_int_equal(rig.cancels, 2);
    assert_int_equal(rig.outcomes, 0);
}

static void a_broken_artefact_is_a_failed_load(void **state) {
    (void)state;
    ramp_bytes artefact = rig_module("interp", stats_now().dense)->artefact;
    const size_t cuts[] = {
        0, 1, 31, 32, 33, artefact.size / 2, artefact.size - 32, artefact.size - 1};
    rig_service(&rig, "s")->mode = RIG_HELD;
    for (size_t i = 0; i < COUNT(cuts); i++) {
        ramp_load_answer answer = {
            .size = sizeof(answer), .artefact = {artefact.data, cuts[i]}, .id = {{(uint8_t)i, 1}}};
        rig_join(&rig, "ann");
        rig_run(&rig);
        ramp_complete_load(rig.host, rig_service(&rig, "s")->ticket, &answer);
        rig_run(&rig);
        assert_int_not_equal(rig.last_status, RAMP_OK);
        assert_int_equal(stats_now().modules, 0);
        rig_pass(&rig, LIMIT_NEGATIVE_MS);
    }
}

static void a_module_may_be_answered_as_wasm_or_as_a_file(void **state) {
    char path[] = "/tmp/ramp-artefact-XXXXXX";
    (void)state;
    const struct rig_module *module = rig_module("interp", stats_now().dense);
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "wb");
    assert_int_equal(fwrite(module->artefact.data, 1, module->artefact.size, file),
                     module->artefact.size);
    fclose(file);
    const ramp_load_answer answers[] = {
        {.size = sizeof(ramp_load_answer), .wasm = module->wasm, .id = {{1}}},
        {.size = sizeof(ramp_load_answer), .artefact_path = path, .id = {{2}}},
        {.size = sizeof(ramp_load_answer), .artefact_path = "/nowhere/at/all", .id = {{3}}},
        {.size = sizeof(ramp_load_answer),
         .artefact_path = TEST_MODULES "/interp.wasm",
         .id = {{4}}},
        {.size = sizeof(ramp_load_answer), .wasm = {"no wasm", 7}, .id = {{5}}},
    };
    const char *expected[] = {"s0/r: open\ns0/r: join ann\n", "s1/r: open\ns1/r: join ann\n",
                              "s2/r: join ann FAILED IO\n", "s3/r: join ann FAILED IO\n",
                              "s4/r: join ann FAILED REFUSED\n"};
    for (unsigned i = 0; i < COUNT(answers); i++) {
        struct rig_service *service = add_numbered(i, "interp");
        service->mode = RIG_HELD;
        rig_join_at(&rig, service->name, "r", "ann");
        rig_run(&rig);
        ramp_complete_load(rig.host, service->ticket, &answers[i]);
        rig_expect(&rig, expected[i]);
    }
    remove(path);
}

/* ---- evictions ------------------------------------------------------------------------------- */

static struct program *slow_close(void) {
    static struct program program;
    struct program spin = {.size = 0};
    program.size = 0;
    DO(&spin, spin, 1LL << 33);
    program_install(&program, RAMP_CALL_CLOSE, &spin);
    return &program;
}

static void a_load_waits_for_an_eviction_but_not_longer_than_5_seconds(void **state) {
    (void)state;
    rig.cpu_read_ns = 1; /* a call that is never killed, since it uses no time of its own */
    rig_open(&rig, &(ramp_host_options){.modules_max = 1});
    rig_add(&rig, "s", "interp");
    rig_add(&rig, "t", "interp");
    rig_start_ticking(&rig);
    assert_int_equal(rig_request(&rig, "r", slow_close()), RAMP_OK);
    rig_run(&rig);
    rig_forget(&rig);
    request_to("t", "r");
    for (int i = 0; i < 5; i++) assert_true(ramp_host_step(rig.host)); /* s is closing */
    assert_true(ramp_host_deadline(rig.host) <= rig.now_ns + LIMIT_EVICTION_MS * RIG_MS);
    rig.now_ns += (LIMIT_EVICTION_MS - 1) * RIG_MS;
    assert_true(ramp_host_step(rig.host));
    assert_int_equal(rig.outcomes, 2);
    rig.now_ns += RIG_MS;
    assert_true(ramp_host_step(rig.host));
    rig.transcript[rig.transcript_size] = '\0';
    assert_string_equal(rig.transcript, "t/r: request FAILED UNAVAILABLE\n");
    assert_int_equal(stats_now().modules, 1);
}

static void a_load_goes_on_when_the_eviction_is_over(void **state) {
    struct program spin = {.size = 0}, program = {.size = 0};
    (void)state;
    rig.cpu_read_ns = 1;
    rig_open(&rig, &(ramp_host_options){.modules_max = 1});
    rig_add(&rig, "s", "interp");
    rig_add(&rig, "t", "interp");
    rig_start_ticking(&rig);
    DO(&spin, spin, 50000000);
    program_install(&program, RAMP_CALL_CLOSE, &spin);
    assert_int_equal(rig_request(&rig, "r", &program), RAMP_OK);
    rig_run(&rig);
    rig_forget(&rig);
    request_to("t", "r");
    rig_expect(&rig, "close\nt/r: open\nt/r: request\n");
    assert_int_equal(stats_now().evictions, 1);
}

static void join_at_close(struct rig *it, const ramp_outcome *outcome) {
    if (outcome->call != RAMP_CALL_CLOSE) return;
    it->on_done = NULL;
    it->data = rig_join_at(it, outcome->service, outcome->room, "late");
}

/* The entry that was to go is in use again: another goes, or there is none and the load is told at once. */
static void an_eviction_that_comes_to_nothing_lets_another_entry_go(void **state) {
    (void)state;
    for (uint32_t slots = 1; slots <= 2; slots++) {
        rig_open(&rig, &(ramp_host_options){.modules_max = slots});
        for (unsigned i = 0; i < slots; i++) {
            add_numbered(i, "interp");
            request_to(numbered(i), "r");
            rig_run(&rig);
        }
        rig_add(&rig, "t", "interp");
        rig_forget(&rig);
        rig.on_done = join_at_close;
        request_to("t", "r");
        rig_expect(
            &rig,
            slots == 1
                ? "s0/r: close\ns0/r: open\ns0/r: join late\nt/r: request FAILED UNAVAILABLE\n"
                : "s0/r: close\ns0/r: open\ns0/r: join late\ns1/r: close\nt/r: open\nt/r: "
                  "request\n");
        assert_int_equal(stats_now().modules, slots);
        ramp_leave(rig.data, 1000, NULL); /* and it can be evicted later */
        rig_run(&rig);
        rig_forget(&rig);
        rig_add(&rig, "u", "interp");
        request_to("t", "r");
        rig_run(&rig);
        request_to("u", "r");
        rig_run(&rig);
        assert_int_equal(rig.last_status, RAMP_OK);
        rig_close(&rig);
    }
}

static void request_again(struct rig *it, const ramp_outcome *outcome) {
    if (outcome->status != RAMP_UNAVAILABLE) return;
    if (--*(int *)it->data == 0) it->on_done = NULL;
    request_to("t", "r");
}
static void a_load_that_was_refused_may_be_tried_again_from_on_done(void **state) {
    int tries = 5;
    (void)state;
    rig_open(&rig, &(ramp_host_options){.modules_max = 1});
    rig_add(&rig, "s", "interp");
    rig_add(&rig, "t", "interp");
    rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    rig.on_done = request_again;
    rig.data = &tries;
    request_to("t", "r");
    rig_expect(&rig, "t/r: request FAILED UNAVAILABLE\nt/r: request FAILED UNAVAILABLE\nt/r: "
                     "request FAILED UNAVAILABLE\n"
                     "t/r: request FAILED UNAVAILABLE\nt/r: request FAILED UNAVAILABLE\nt/r: "
                     "request FAILED UNAVAILABLE\n");
    assert_int_equal(stats_now().services, 1);
}

/* ---- new versions ---------------------------------------------------------------------------- */

static void a_new_version_serves_new_rooms_at_once_and_old_ones_when_it_is_loaded(void **state) {
    struct program version = {.size = 0};
    ramp_error error;
    int tag = 0;
    (void)state;
    DO(&version, room_info, 2, S, 64);
    DO(&version, load32, S);
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_ask(&rig, ann, &version);
    assert_memory_equal(&rig.told[1], "0100", 4);
    rig_service(&rig, "s")->version = 2;
    rig_service(&rig, "s")->mode = RIG_HELD;
    assert_int_equal(ramp_service_update(rig.host, "s", &tag, &error), RAMP_OK);
    assert_int_equal(ramp_service_update(rig.host, "s", &tag, &error), RAMP_BUSY);
    rig_ask(&rig, ann, &version);
    assert_memory_equal(&rig.told[1], "0100", 4);
    assert_int_equal(rig_request(&rig, "r2", &empty), RAMP_OK); /* does not wait for the load */
    rig_expect(&rig, "s/r2: open\ns/r2: request\n");
    rig_answer(&rig, "s");
    rig_expect(&rig, "s/r2: open\nopen\ndeploy; moved 2, kept 0, connections 1\n");
    assert_ptr_equal(rig.last_tag, &tag);
    rig_ask(&rig, ann, &version);
    assert_memory_equal(&rig.told[1], "0200", 4);
    ramp_connection *bob = rig_join_at(&rig, "s", "r3", "bob");
    rig_ask(&rig, bob, &version);
    assert_memory_equal(&rig.told[1], "0200", 4);
}

/* The slot beyond the count: deploys go on when every entry is in use, and the table shrinks again. */
static void a_full_table_takes_new_versions_of_what_is_in_it(void **state) {
    ramp_connection *members[3];
    ramp_error error;
    (void)state;
    rig_open(&rig, &(ramp_host_options){.modules_max = 2});
    for (unsigned i = 0; i < 3; i++) add_numbered(i, "interp");
    for (unsigned i = 0; i < 2; i++) members[i] = rig_join_at(&rig, numbered(i), "r", "ann");
    members[2] = rig_join_at(&rig, "s0", "r2", "bob");
    rig_run(&rig);
    for (int round = 0; round < 5; round++) {
        rig_service(&rig, "s0")->version += 10;
        rig_forget(&rig);
        assert_int_equal(ramp_service_update(rig.host, "s0", NULL, &error), RAMP_OK);
        rig_expect(&rig, "s0/r2: open\ns0/r: open\n"
                         "s0/: deploy; moved 2, kept 0, connections 2\n");
        assert_int_equal(stats_now().modules, 2);
        rig_send(members[0], "", 0);
        rig_send(members[2], "", 0);
        rig_expect(&rig, "s0/r: message ann\ns0/r2: message bob\n");
    }
    request_to("s2", "r");
    rig_expect(&rig, "s2/r: request FAILED UNAVAILABLE\n");
    /* Shared by both, the old version stays for the other one; no second extra slot comes of it. */
    rig_service(&rig, "s1")->version = rig_service(&rig, "s0")->version;
    assert_int_equal(ramp_service_update(rig.host, "s1", NULL, &error), RAMP_OK);
    rig_run(&rig);
    assert_int_equal(stats_now().modules_pinned, 1);
    rig_send(members[1], "", 0);
    rig_run(&rig);
    assert_int_equal(rig.last_status, RAMP_OK);
}

static void an_update_that_fails_keeps_the_old_version(void **state) {
    ramp_error error;
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    assert_int_equal(ASK(&rig, ann, store64, S, 5), INT64_MIN);
    rig_service(&rig, "s")->status = RAMP_REFUSED;
    assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
    rig_expect(&rig, "deploy FAILED REFUSED\n");
    assert_int_equal(ASK(&rig, ann, load64, S), 5);
    rig_join_at(&rig, "s", "r2", "ann");
    rig_expect(&rig, "s/r2: open\ns/r2: join ann\n");
    /* The same version again is no change: rooms stay as they are. */
    rig_service(&rig, "s")->status = RAMP_OK;
    assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
    rig_expect(&rig, "deploy\n");
    assert_int_equal(ASK(&rig, ann, load64, S), 5);
}

static void an_update_of_a_service_without_rooms_loads_it(void **state) {
    ramp_error error;
    (void)state;
    assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
    rig_expect(&rig, "deploy\n");
    assert_int_equal(stats_now().modules, 1);
    rig_join(&rig, "ann");
    rig_run(&rig);
    assert_int_equal(rig_service(&rig, "s")->loads, 1);
    assert_int_equal(ramp_service_update(rig.host, "S", NULL, &error), RAMP_ARGS);
    assert_int_equal(ramp_service_update(rig.host, "nobody", NULL, &error), RAMP_OK);
    rig_forget(&rig);
    rig_expect(&rig, "nobody/: deploy FAILED NOT_FOUND\n");
}

/* An update overtakes a load: the load's answer is of yesterday. */
static void an_update_while_a_load_is_open_takes_the_newer_answer(void **state) {
    ramp_error error;
    (void)state;
    struct rig_service *service = rig_service(&rig, "s");
    service->mode = RIG_HELD;
    rig_join(&rig, "ann");
    rig_run(&rig);
    ramp_ticket first = service->ticket;
    service->version = 2;
    assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
    assert_true(service->ticket != first);
    rig_give(&rig, service, first);
    rig_expect(&rig, "");
    rig_answer(&rig, "s");
    rig_expect(&rig, "deploy\nopen\njoin ann\n");
    assert_int_equal(stats_now().modules, 1);
}

/* env_get's value is read again after an update has replaced the environment it came from. */
static void an_update_does_not_take_a_running_calls_result_away(void **state) {
    struct program program = {.size = 0};
    ramp_error error;
    (void)state;
    rig.cpu_read_ns = 1;
    rig_open(&rig, NULL);
    struct rig_service *service = rig_add(&rig, "s", "interp");
    snprintf(service->env, sizeof(service->env), "K=%0500d", 7);
    rig_start_ticking(&rig);
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    program_poke(&program, S, "K", 1);
    DO(&program, env_get, S, 1, S, 0);
    DO(&program, spin, 100000000);
    DO(&program, result_read, 499, S, 1);
    DO(&program, load32, S);
    DO(&program, tell, 0);
    rig_do(ann, &program);
    assert_true(ramp_host_step(rig.host)); /* its first slice is over */
    snprintf(service->env, sizeof(service->env), "K=%0500d", 8);
    service->version = 2;
    assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
    rig_run(&rig);
    assert_int_equal(rig.told[0], 500);
    assert_int_equal(rig.told[1], 1);
    assert_int_equal((uint8_t)rig.told[2], '7');
}

/* ---- looking in ------------------------------------------------------------------------------ */

static void see_room(void *context, const ramp_room_info *info) {
    char *text = context;
    snprintf(text + strlen(text), 200, "%s/%s %u %u %u %d;", info->service, info->room,
             info->connections, info->timers, info->queued, info->open);
}

static void rooms_and_modules_can_be_listed(void **state) {
    char text[400] = "";
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_join(&rig, "bob");
    DO(&program, timer_set, 1, 50, 0);
    rig_do(ann, &program);
    rig_run(&rig);
    rig_do(ann, &program);
    ramp_host_rooms(rig.host, see_room, text);
    assert_string_equal(text, "s/r 2 1 1 1;");
    struct {
        size_t size;
        uint32_t modules, rest;
    } old = {.size = 12, .rest = 77};
    ramp_host_get_stats(rig.host,
                        (ramp_host_stats *)(void *)&old); /* an older caller's, which is smaller */
    assert_int_equal(old.modules, 1);
    assert_int_equal(old.rest, 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_ALONE(the_table_keeps_what_was_requested_last_and_what_is_in_use),
        TEST_ALONE(a_full_table_in_use_refuses_and_never_grows),
        TEST_ALONE(a_timer_pins_too),
        TEST_ALONE(bytes_are_bounded_too),
        TEST_ALONE(two_services_with_the_same_module_share_its_entry),
        TEST(one_load_serves_everybody_who_waits),
        TEST(a_failed_load_is_remembered_for_2_seconds),
        TEST(a_new_version_ends_the_memory_of_a_failure),
        TEST(a_store_that_does_not_answer_is_given_up_after_30_seconds),
        TEST(a_host_that_goes_cancels_its_loads),
        TEST(a_broken_artefact_is_a_failed_load),
        TEST(a_module_may_be_answered_as_wasm_or_as_a_file),
        TEST_ALONE(a_load_waits_for_an_eviction_but_not_longer_than_5_seconds),
        TEST_ALONE(a_load_goes_on_when_the_eviction_is_over),
        TEST_ALONE(an_eviction_that_comes_to_nothing_lets_another_entry_go),
        TEST_ALONE(a_load_that_was_refused_may_be_tried_again_from_on_done),
        TEST(a_new_version_serves_new_rooms_at_once_and_old_ones_when_it_is_loaded),
        TEST_ALONE(a_full_table_takes_new_versions_of_what_is_in_it),
        TEST(an_update_that_fails_keeps_the_old_version),
        TEST(an_update_of_a_service_without_rooms_loads_it),
        TEST(an_update_while_a_load_is_open_takes_the_newer_answer),
        TEST_ALONE(an_update_does_not_take_a_running_calls_result_away),
        TEST(rooms_and_modules_can_be_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
