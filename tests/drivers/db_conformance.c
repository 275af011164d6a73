/* SPDX-License-Identifier: Apache-2.0 */
/* db_conformance.c -- what every ramp_db must do. See suite.h. */
#include "drivers/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX (512u << 10)
#define KEY_MAX   512
#define BIG       (64u << 20)

/* ---- requests ---------------------------------------------------------------------------------- */

static const ramp_answer *head_of(const char *service, const char *room) {
    ramp_ticket ticket = suite_ticket();

    suite->db->head(suite->db->context, suite_host(), ticket, service, room);
    return suite_answer(ticket);
}

static const ramp_answer *get(const char *service, const char *room, ramp_bytes key) {
    ramp_ticket ticket = suite_ticket();

    suite->db->get(suite->db->context, suite_host(), ticket, service, room, key);
    return suite_answer(ticket);
}

static const ramp_answer *list(const char *service, const char *room, const ramp_db_range *range) {
    ramp_ticket ticket = suite_ticket();

    suite->db->list(suite->db->context, suite_host(), ticket, service, room, range);
    return suite_answer(ticket);
}

static ramp_ticket start_commit(const ramp_commit *commit) {
    ramp_ticket ticket = suite_ticket();

    suite->db->commit(suite->db->context, suite_host(), ticket, commit);
    return ticket;
}

static const ramp_answer *commit_of(const char *service, const char *room, uint64_t number,
                                    const ramp_db_write *writes, size_t count) {
    const ramp_commit commit = {.size = sizeof(commit),
                                .service = service,
                                .room = room,
                                .number = number,
                                .writer = number * 1000003,
                                .writes = writes,
                                .write_count = count};

    return suite_answer(start_commit(&commit));
}

static void put(const char *service, const char *room, uint64_t number, ramp_bytes key,
                ramp_bytes value) {
    const ramp_db_write write = {.key = key, .value = value};

    assert_int_equal(commit_of(service, room, number, &write, 1)->status, RAMP_OK);
}

static void put_text(const char *room, uint64_t number, const char *key, const char *value) {
    put("svc", room, number, suite_bytes(key), suite_bytes(value));
}

static void assert_value(const char *room, const char *key, const char *value) {
    const ramp_answer *answer = get("svc", room, suite_bytes(key));

    assert_int_equal(answer->status, RAMP_OK);
    assert_bytes_text(answer->value, value);
}

static void assert_absent(const char *room, const char *key) {
    assert_int_equal(get("svc", room, suite_bytes(key))->status, RAMP_NOT_FOUND);
}

static void set_alarm(const char *service, const char *room, uint64_t number, int64_t at_ms) {
    const ramp_commit commit = {.size = sizeof(commit),
                                .service = service,
                                .room = room,
                                .number = number,
                                .writer = 7,
                                .sets_alarm = true,
                                .alarm_ms = at_ms};

    assert_int_equal(suite_answer(start_commit(&commit))->status, RAMP_OK);
}

static const ramp_answer *alarms(int64_t until_ms, const ramp_alarm *after, uint32_t limit) {
    ramp_ticket ticket = suite_ticket();

    suite->db->alarms(suite->db->context, suite_host(), ticket, until_ms, after, limit);
    return suite_answer(ticket);
}

/* ---- one room ---------------------------------------------------------------------------------- */

static void a_room_without_commits_is_all_zero(void **state) {
    const ramp_db_range all = {.limit = 10, .bytes_max = BIG};
    const ramp_answer *answer = head_of("svc", "room");

    (void)state;
    assert_int_equal(answer->status, RAMP_OK);
    assert_int_equal(answer->head.number, 0);
    assert_int_equal(answer->head.writer, 0);
    assert_int_equal(answer->head.alarm_ms, 0);
    assert_absent("room", "key");
    answer = list("svc", "room", &all);
    assert_int_equal(answer->status, RAMP_OK);
    assert_int_equal(answer->entry_count, 0);
    assert_false(answer->more);
    assert_int_equal(alarms(INT64_MAX, NULL, 10)->alarm_count, 0);
}

static void a_commit_stores_its_writes_and_its_head(void **state) {
    const ramp_db_write writes[] = {{.key = suite_bytes("one"), .value = suite_bytes("1")},
                                    {.key = suite_bytes("two"), .value = suite_bytes("2")}};
    const ramp_commit commit = {.size = sizeof(commit),
                                .service = "svc",
                                .room = "room",
                                .number = 1,
                                .writer = UINT64_MAX - 1,
                                .writes = writes,
                                .write_count = 2,
                                .sets_alarm = true,
                                .alarm_ms = 1790000000123};
    const ramp_answer *answer = suite_answer(start_commit(&commit));

    (void)state;
    assert_int_equal(answer->status, RAMP_OK);
    assert_value("room", "one", "1");
    assert_value("room", "two", "2");
    answer = head_of("svc", "room");
    assert_int_equal(answer->head.number, 1);
    assert_true(answer->head.writer == UINT64_MAX - 1);
    assert_true(answer->head.alarm_ms == 1790000000123);
}

static void what_a_commit_was_given_is_copied(void **state) {
    char service[] = "svc", room[] = "room", key[] = "key", value[] = "value";
    ramp_db_write writes[] = {{.key = {key, 3}, .value = {value, 5}}};
    ramp_commit commit = {.size = sizeof(commit),
                          .service = service,
                          .room = room,
                          .number = 1,
                          .writer = 1,
                          .writes = writes,
                          .write_count = 1};
    ramp_ticket ticket = start_commit(&commit);

    (void)state;
    memset(service, 'x', 3);
    memset(room, 'x', 4);
    memset(key, 'x', 3);
    memset(value, 'x', 5);
    memset(writes, 0, sizeof(writes));
    memset(&commit, 0, sizeof(commit));
    assert_int_equal(suite_answer(ticket)->status, RAMP_OK);
    assert_value("room", "key", "value");
}

static void writes_of_a_commit_are_carried_out_in_order(void **state) {
    const ramp_db_write writes[] = {
        {.key = suite_bytes("last wins"), .value = suite_bytes("first")},
        {.key = suite_bytes("set, deleted"), .value = suite_bytes("x")},
        {.key = suite_bytes("deleted, set"), .is_delete = true},
        {.key = suite_bytes("last wins"), .value = suite_bytes("second")},
        {.key = suite_bytes("set, deleted"), .is_delete = true},
        {.key = suite_bytes("deleted, set"), .value = suite_bytes("y")},
        {.key = suite_bytes("never there"), .is_delete = true},
    };

    (void)state;
    put_text("room", 1, "deleted, set", "old");
    assert_int_equal(commit_of("svc", "room", 2, writes, 7)->status, RAMP_OK);
    assert_value("room", "last wins", "second");
    assert_absent("room", "set, deleted");
    assert_value("room", "deleted, set", "y");
    assert_absent("room", "never there");
}

static void an_empty_value_is_no_absent_one(void **state) {
    const ramp_answer *answer;

    (void)state;
    put("svc", "room", 1, suite_bytes("empty"), (ramp_bytes){NULL, 0});
    answer = get("svc", "room", suite_bytes("empty"));
    assert_int_equal(answer->status, RAMP_OK);
    assert_int_equal(answer->value.size, 0);
    put_text("room", 2, "empty", "full");
    assert_value("room", "empty", "full");
    put("svc", "room", 3, suite_bytes("empty"), suite_bytes(""));
    assert_value("room", "empty", "");
}

static void keys_have_1_to_512_bytes(void **state) {
    char longest[KEY_MAX + 1], other[KEY_MAX + 1];

    (void)state;
    memset(longest, 'k', KEY_MAX);
    longest[KEY_MAX] = '\0';
    memcpy(other, longest, sizeof(other));
    other[KEY_MAX - 1] = 'l';
    put_text("room", 1, "k", "shortest");
    put_text("room", 2, longest, "longest");
    put_text("room", 3, other, "another");
    assert_value("room", "k", "shortest");
    assert_value("room", longest, "longest");
    assert_value("room", other, "another");
    longest[KEY_MAX - 1] = '\0';
    assert_absent("room", longest);
}

static void values_are_any_bytes(void **state) {
    uint8_t all[512];
    const ramp_answer *answer;

    (void)state;
    for (unsigned i = 0; i < sizeof(all); i++) all[i] = (uint8_t)(i * 7);
    all[0] = all[511] = 0;
    put("svc", "room", 1, suite_bytes("all"), (ramp_bytes){all, sizeof(all)});
    answer = get("svc", "room", suite_bytes("all"));
    assert_bytes(answer->value, all, sizeof(all));
    for (unsigned i = 0; i < 256; i++) {
        uint8_t one = (uint8_t)i;
        put("svc", "room", 2 + i, suite_bytes("one"), (ramp_bytes){&one, 1});
        answer = get("svc", "room", suite_bytes("one"));
        assert_bytes(answer->value, &one, 1);
    }
}

static void values_have_up_to_512_kib(void **state) {
    const ramp_db_range all = {.limit = 10, .bytes_max = BIG};
    uint8_t *large = malloc(VALUE_MAX);
    const ramp_answer *answer;

    (void)state;
    for (unsigned i = 0; i < VALUE_MAX; i++) large[i] = (uint8_t)suite_random(256);
    put("svc", "room", 1, suite_bytes("large"), (ramp_bytes){large, VALUE_MAX});
    put("svc", "room", 2, suite_bytes("less"), (ramp_bytes){large, VALUE_MAX - 1});
    answer = get("svc", "room", suite_bytes("large"));
    assert_bytes(answer->value, large, VALUE_MAX);
    answer = list("svc", "room", &all);
    assert_int_equal(answer->entry_count, 2);
    assert_bytes(answer->entries[1].value, large, VALUE_MAX - 1);
    free(large);
}

/* 400 writes and 4 MiB: as much as a call may write. */
static void the_largest_commit_is_one(void **state) {
    enum { COUNT = 400, SIZE = (4 << 20) / 400 - 16 };
    ramp_db_write *writes = calloc(COUNT, sizeof(*writes));
    char(*keys)[16] = calloc(COUNT, 16);
    uint8_t *value = malloc(SIZE + COUNT);

    (void)state;
    for (int i = 0; i < SIZE + COUNT; i++) value[i] = (uint8_t)(i * 31);
    for (int i = 0; i < COUNT; i++) {
        snprintf(keys[i], 16, "key-%d", i);
        writes[i] = (ramp_db_write){.key = suite_bytes(keys[i]), .value = {value + i, SIZE}};
    }
    assert_int_equal(commit_of("svc", "room", 1, writes, COUNT)->status, RAMP_OK);
    for (int i = 0; i < COUNT; i += 57) {
        const ramp_answer *answer = get("svc", "room", suite_bytes(keys[i]));
        assert_bytes(answer->value, value + i, SIZE);
    }
    free(writes);
    free(keys);
    free(value);
}

/* ---- numbers ----------------------------------------------------------------------------------- */

static void assert_conflict(const ramp_answer *answer, uint64_t number, uint64_t writer) {
    assert_int_equal(answer->status, RAMP_CONFLICT);
    assert_true(answer->head.number == number);
    assert_true(answer->head.writer == writer);
}

static void a_commit_with_another_predecessor_changes_nothing(void **state) {
    const ramp_db_write write = {.key = suite_bytes("key"), .value = suite_bytes("wrong")};
    const uint64_t wrong[] = {0, 1, 2, 4, 5, 1000, UINT64_MAX};

    (void)state;
    assert_conflict(commit_of("svc", "room", 2, &write, 1), 0, 0);
    assert_absent("room", "key");
    put_text("room", 1, "key", "right");
    set_alarm("svc", "room", 2, 4711);
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        const ramp_commit commit = {.size = sizeof(commit),
                                    .service = "svc",
                                    .room = "room",
                                    .number = wrong[i],
                                    .writer = 99,
                                    .writes = &write,
                                    .write_count = 1,
                                    .sets_alarm = true,
                                    .alarm_ms = 1};
        const ramp_answer *answer = suite_answer(start_commit(&commit));
        assert_conflict(answer, 2, 7);
        assert_true(answer->head.alarm_ms == 4711);
        assert_value("room", "key", "right");
    }
    assert_int_equal(head_of("svc", "room")->head.number, 2);
    assert_true(head_of("svc", "room")->head.alarm_ms == 4711);
}

/* The late copy of a commit finds its own head, or a later one, and changes nothing. */
static void a_doubled_commit_lands_once(void **state) {
    const ramp_db_write write = {.key = suite_bytes("key"), .value = suite_bytes("1")};
    const ramp_commit commit = {.size = sizeof(commit),
                                .service = "svc",
                                .room = "room",
                                .number = 1,
                                .writer = 0x8000000000000001u,
                                .writes = &write,
                                .write_count = 1};
    ramp_ticket first = start_commit(&commit), second = start_commit(&commit);
    bool first_landed = suite_answer(first)->status == RAMP_OK;

    (void)state;
    assert_true(suite_answer(second)->status == (first_landed ? RAMP_CONFLICT : RAMP_OK));
    assert_conflict(suite_answer(first_landed ? second : first), 1, commit.writer);
    put_text("room", 2, "key", "2");
    assert_conflict(suite_answer(start_commit(&commit)), 2, 2 * 1000003);
    assert_value("room", "key", "2");
}

static void a_commit_without_writes_is_a_commit(void **state) {
    (void)state;
    assert_int_equal(commit_of("svc", "room", 1, NULL, 0)->status, RAMP_OK);
    assert_int_equal(head_of("svc", "room")->head.number, 1);
    assert_conflict(commit_of("svc", "room", 1, NULL, 0), 1, 1000003);
    assert_int_equal(commit_of("svc", "room", 2, NULL, 0)->status, RAMP_OK);
    put_text("room", 3, "key", "value");
    assert_value("room", "key", "value");
}

/* A fence and the commit that it fences off: one of them lands, and both answers say which. */
static void of_two_commits_with_one_predecessor_one_lands(void **state) {
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        const ramp_db_write write = {.key = suite_bytes("key"), .value = suite_bytes("late")};
        char room[16];
        ramp_commit late = {.size = sizeof(late),
                            .service = "svc",
                            .room = room,
                            .number = 1,
                            .writer = 11,
                            .writes = &write,
                            .write_count = 1};
        ramp_commit fence = {
            .size = sizeof(fence), .service = "svc", .room = room, .number = 1, .writer = 22};
        ramp_ticket first, second;
        bool landed, fenced;
        snprintf(room, sizeof(room), "room-%u", i);
        first = start_commit(i % 2 ? &late : &fence);
        second = start_commit(i % 2 ? &fence : &late);
        landed = suite_answer(i % 2 ? first : second)->status == RAMP_OK;
        fenced = suite_answer(i % 2 ? second : first)->status == RAMP_OK;
        assert_true(landed != fenced);
        assert_int_equal(head_of("svc", room)->head.writer, landed ? 11 : 22);
        assert_int_equal(get("svc", room, suite_bytes("key"))->status,
                         landed ? RAMP_OK : RAMP_NOT_FOUND);
    }
}

/* ---- names ------------------------------------------------------------------------------------- */

static void no_two_triples_collide(void **state) {
    char value[24];

    (void)state;
    for (unsigned i = 0; i < suite_triple_count; i++) {
        const struct suite_triple *t = &suite_triples[i];
        snprintf(value, sizeof(value), "value %u", i);
        put(t->service, t->room, head_of(t->service, t->room)->head.number + 1, suite_bytes(t->key),
            suite_bytes(value));
    }
    for (unsigned i = 0; i < suite_triple_count; i++) {
        const struct suite_triple *t = &suite_triples[i];
        const ramp_answer *answer = get(t->service, t->room, suite_bytes(t->key));
        snprintf(value, sizeof(value), "value %u", i);
        assert_int_equal(answer->status, RAMP_OK);
        assert_bytes_text(answer->value, value);
    }
}

static void a_list_holds_the_keys_of_its_room_alone(void **state) {
    const ramp_db_range all = {.limit = 1000, .bytes_max = BIG};

    (void)state;
    for (unsigned i = 0; i < suite_triple_count; i++) {
        const struct suite_triple *t = &suite_triples[i];
        put(t->service, t->room, head_of(t->service, t->room)->head.number + 1, suite_bytes(t->key),
            suite_bytes("v"));
    }
    for (unsigned i = 0; i < suite_triple_count; i++) {
        const struct suite_triple *t = &suite_triples[i];
        size_t expected = 0;
        for (unsigned j = 0; j < suite_triple_count; j++)
            expected += strcmp(t->service, suite_triples[j].service) == 0 &&
                        strcmp(t->room, suite_triples[j].room) == 0;
        assert_int_equal(list(t->service, t->room, &all)->entry_count, expected);
        assert_int_equal(head_of(t->service, t->room)->head.number, expected);
    }
}

static void names_may_have_their_longest_form(void **state) {
    char service[64], room[129], key[513];

    (void)state;
    memset(service, 's', 63);
    memset(room, 'r', 128);
    memset(key, 'k', 512);
    service[63] = room[128] = key[512] = '\0';
    put(service, room, 1, suite_bytes(key), suite_bytes("value"));
    assert_bytes_text(get(service, room, suite_bytes(key))->value, "value");
    room[127] = '\0';
    assert_int_equal(get(service, room, suite_bytes(key))->status, RAMP_NOT_FOUND);
}

/* ---- lists ------------------------------------------------------------------------------------- */

#define MODEL_KEYS 120

struct model {
    char keys[MODEL_KEYS][24];
    size_t sizes[MODEL_KEYS]; /* of the values */
    unsigned count;
};

static int compare_keys(const void *a, const void *b) {
    return strcmp(a, b); /* of unsigned bytes */
}

/* Keys of few different characters, so that many share prefixes; some of them are not ASCII. */
static void random_key(char *key) {
    static const char *const parts[] = {
        "a", "b", "B", "/", ":", "\x01", "\x7f", "\xc3\xa9", "\xf0\x9f\x9a\x80", "\xef\xbf\xbd"};
    unsigned count = 1 + suite_random(4);
    size_t size = 0;

    for (; count > 0; count--)
        size += (size_t)snprintf(key + size, 24 - size, "%s",
                                 parts[suite_random(sizeof(parts) / sizeof(*parts))]);
}

static void fill_model(struct model *model, const char *room) {
    static const char zeros[200];
    ramp_db_write writes[MODEL_KEYS];

    memset(model, 0, sizeof(*model));
    while (model->count < MODEL_KEYS) {
        char key[24];
        bool is_new = true;
        random_key(key);
        for (unsigned i = 0; i < model->count; i++)
            is_new = is_new && strcmp(key, model->keys[i]) != 0;
        if (is_new) memcpy(model->keys[model->count++], key, sizeof(key));
    }
    qsort(model->keys, MODEL_KEYS, sizeof(*model->keys), compare_keys);
    for (unsigned i = 0; i < MODEL_KEYS; i++) {
        model->sizes[i] = suite_random(sizeof(zeros));
        /* In no order. */
        unsigned at = i * 77 % MODEL_KEYS;
        writes[at] =
            (ramp_db_write){.key = suite_bytes(model->keys[i]), .value = {zeros, model->sizes[i]}};
    }
    assert_int_equal(commit_of("svc", room, 1, writes, MODEL_KEYS)->status, RAMP_OK);
}

static void check_range(const struct model *model, const char *room, const ramp_db_range *range) {
    const ramp_answer *answer = list("svc", room, range);
    size_t count = 0, bytes = 0;
    bool more = false;

    assert_int_equal(answer->status, RAMP_OK);
    for (unsigned i = 0; i < model->count && !more; i++) {
        const char *key = model->keys[i];
        size_t size = strlen(key) + model->sizes[i];
        if (strncmp(key, range->prefix.data, range->prefix.size) != 0) continue;
        if (range->after.size && strcmp(key, range->after.data) <= 0) continue;
        more = count == range->limit || (count > 0 && bytes + size > range->bytes_max);
        if (more) break;
        assert_true(count < answer->entry_count);
        assert_bytes_text(answer->entries[count].key, key);
        assert_int_equal(answer->entries[count].value.size, model->sizes[i]);
        bytes += size;
        count++;
    }
    assert_int_equal(answer->entry_count, count);
    assert_int_equal(answer->more, more);
}

static void lists_are_pages_of_what_is_there_in_bytewise_order(void **state) {
    static struct model model;
    char prefix[24], after[24];

    (void)state;
    fill_model(&model, "room");
    for (unsigned i = 0; i < 600; i++) {
        ramp_db_range range = {.limit = 1 + suite_random(MODEL_KEYS + 10), .bytes_max = BIG};
        prefix[0] = after[0] = '\0';
        if (suite_random(3)) random_key(prefix);
        if (suite_random(2)) random_key(after);
        if (suite_random(4) == 0) memcpy(after, model.keys[suite_random(MODEL_KEYS)], 24);
        if (suite_random(3) == 0) prefix[suite_random(2)] = '\0';
        if (suite_random(3) == 0) range.bytes_max = suite_random(2000);
        /* A prefix may end within a character. */
        range.prefix = suite_bytes(prefix);
        range.after = suite_bytes(after);
        check_range(&model, "room", &range);
    }
}

static void a_page_has_at_least_one_entry(void **state) {
    const ramp_db_range one = {.limit = 10, .bytes_max = 1};
    const ramp_answer *answer;

    (void)state;
    put_text("room", 1, "a", "longer than a byte");
    put_text("room", 2, "b", "x");
    answer = list("svc", "room", &one);
    assert_int_equal(answer->entry_count, 1);
    assert_true(answer->more);
    assert_bytes_text(answer->entries[0].value, "longer than a byte");
}

static void pages_follow_each_other_to_the_end(void **state) {
    static struct model model;
    ramp_bytes after = {NULL, 0};
    unsigned seen = 0;
    bool more = true;

    (void)state;
    fill_model(&model, "room");
    while (more) {
        const ramp_db_range range = {.after = after, .limit = 7, .bytes_max = 500};
        const ramp_answer *answer = list("svc", "room", &range);
        for (size_t i = 0; i < answer->entry_count; i++)
            assert_bytes_text(answer->entries[i].key, model.keys[seen + i]);
        seen += (unsigned)answer->entry_count;
        assert_true(answer->entry_count > 0);
        after = answer->entries[answer->entry_count - 1].key;
        more = answer->more;
    }
    assert_int_equal(seen, MODEL_KEYS);
}

static void a_list_sees_the_latest_commit(void **state) {
    const ramp_db_range all = {.limit = 10, .bytes_max = BIG};
    const ramp_db_write writes[] = {{.key = suite_bytes("b"), .is_delete = true},
                                    {.key = suite_bytes("c"), .value = suite_bytes("3")}};
    const ramp_answer *answer;

    (void)state;
    put_text("room", 1, "a", "1");
    put_text("room", 2, "b", "2");
    assert_int_equal(commit_of("svc", "room", 3, writes, 2)->status, RAMP_OK);
    answer = list("svc", "room", &all);
    assert_int_equal(answer->entry_count, 2);
    assert_bytes_text(answer->entries[0].key, "a");
    assert_bytes_text(answer->entries[1].key, "c");
}

/* ---- alarms ------------------------------------------------------------------------------------ */

static void assert_alarm(const ramp_answer *answer, size_t i, const char *service, const char *room,
                         int64_t at_ms) {
    assert_true(i < answer->alarm_count);
    assert_string_equal(answer->alarms[i].service, service);
    assert_string_equal(answer->alarms[i].room, room);
    assert_true(answer->alarms[i].at_ms == at_ms);
}

static void alarms_are_listed_when_they_are_due(void **state) {
    const int64_t late = 1790000000000;
    const ramp_answer *answer;

    (void)state;
    set_alarm("svc", "soon", 1, 1000);
    set_alarm("svc", "late", 1, late);
    put_text("never", 1, "key", "value");
    assert_int_equal(alarms(999, NULL, 10)->alarm_count, 0);
    answer = alarms(1000, NULL, 10);
    assert_int_equal(answer->status, RAMP_OK);
    assert_int_equal(answer->alarm_count, 1);
    assert_alarm(answer, 0, "svc", "soon", 1000);
    assert_false(answer->more);
    answer = alarms(INT64_MAX, NULL, 10);
    assert_int_equal(answer->alarm_count, 2);
    assert_alarm(answer, 1, "svc", "late", late);
}

static void an_alarm_is_kept_moved_and_cleared(void **state) {
    (void)state;
    set_alarm("svc", "room", 1, 1000);
    put_text("room", 2, "key", "value");
    assert_int_equal(head_of("svc", "room")->head.alarm_ms, 1000);
    set_alarm("svc", "room", 3, 2000);
    assert_int_equal(alarms(1999, NULL, 10)->alarm_count, 0);
    assert_alarm(alarms(2000, NULL, 10), 0, "svc", "room", 2000);
    set_alarm("svc", "room", 4, 0);
    assert_int_equal(alarms(INT64_MAX, NULL, 10)->alarm_count, 0);
    assert_int_equal(head_of("svc", "room")->head.alarm_ms, 0);
    assert_int_equal(head_of("svc", "room")->head.number, 4);
}

static void alarms_come_in_order_and_in_pages(void **state) {
    static const struct {
        const char *service, *room;
        int64_t at_ms;
    } expected[] = {
        {"a", "z", 10},   {"b", "a", 10},  {"b", "a-", 10},       {"b", "a:", 10}, {"b", "aa", 10},
        {"b-a", "a", 10}, {"ba", "a", 10}, {"z", "\xc3\xa9", 10}, {"a", "a", 11},  {"a", "b", 11},
        {"0", "0", 12},   {"0", "00", 12}, {"a", "10", 100},      {"a", "9", 100}, {"a", "x", 2000},
    };
    enum { COUNT = sizeof(expected) / sizeof(*expected) };

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        unsigned at = i * 7 % COUNT; /* in no order */
        set_alarm(expected[at].service, expected[at].room, 1, expected[at].at_ms);
    }
    for (uint32_t limit = 1; limit <= COUNT + 1; limit++) {
        const ramp_alarm *after = NULL;
        unsigned seen = 0;
        bool more = true;
        while (more) {
            const ramp_answer *answer = alarms(2000, after, limit);
            for (unsigned i = 0; i < answer->alarm_count; i++, seen++)
                assert_alarm(answer, i, expected[seen].service, expected[seen].room,
                             expected[seen].at_ms);
            more = answer->more;
            assert_true(answer->alarm_count > 0 && answer->alarm_count <= limit);
            assert_int_equal(more, seen < COUNT);
            after = &answer->alarms[answer->alarm_count - 1];
        }
        assert_int_equal(seen, COUNT);
    }
    assert_int_equal(alarms(99, NULL, 100)->alarm_count, 12);
}

static void alarms_after_one_that_has_gone(void **state) {
    const ramp_alarm gone = {.service = "svc", .room = "b", .at_ms = 10};
    const ramp_answer *answer;

    (void)state;
    set_alarm("svc", "a", 1, 10);
    set_alarm("svc", "c", 1, 10);
    answer = alarms(100, &gone, 10);
    assert_int_equal(answer->alarm_count, 1);
    assert_alarm(answer, 0, "svc", "c", 10);
}

/* ---- many rooms, and time ------------------------------------------------------------------------ */

static void many_rooms_commit_at_the_same_time(void **state) {
    enum { ROOMS = 300, ROUNDS = 3 };
    static char rooms[ROOMS][16];
    static ramp_ticket tickets[ROOMS];

    (void)state;
    for (unsigned round = 1; round <= ROUNDS; round++) {
        for (unsigned i = 0; i < ROOMS; i++) {
            char value[32];
            const ramp_db_write write = {.key = suite_bytes("key"),
                                         .value = {value, sizeof(value)}};
            ramp_commit commit = {.size = sizeof(commit),
                                  .service = i % 2 ? "odd" : "even",
                                  .room = rooms[i],
                                  /* One of five has the wrong number. */
                                  .number = i % 5 ? round : 77,
                                  .writer = i,
                                  .writes = &write,
                                  .write_count = 1};
            snprintf(rooms[i], sizeof(rooms[i]), "room-%u", i);
            memset(value, 0, sizeof(value));
            snprintf(value, sizeof(value), "%u in %u", i, round);
            tickets[i] = start_commit(&commit);
        }
        for (unsigned i = 0; i < ROOMS; i++)
            assert_int_equal(suite_answer(tickets[i])->status, i % 5 ? RAMP_OK : RAMP_CONFLICT);
    }
    for (unsigned i = 0; i < ROOMS; i++) {
        const ramp_answer *answer = get(i % 2 ? "odd" : "even", rooms[i], suite_bytes("key"));
        char value[32];
        snprintf(value, sizeof(value), "%u in %u", i, ROUNDS);
        assert_int_equal(answer->status, i % 5 ? RAMP_OK : RAMP_NOT_FOUND);
        if (i % 5) assert_string_equal(answer->value.data, value);
    }
}

static void all_is_there_after_it_was_closed_and_opened(void **state) {
    (void)state;
    put_text("room", 1, "kept", "value");
    put_text("room", 2, "gone", "value");
    assert_int_equal(commit_of("svc", "room", 3,
                               &(ramp_db_write){.key = suite_bytes("gone"), .is_delete = true}, 1)
                         ->status,
                     RAMP_OK);
    set_alarm("svc", "room", 4, 4711);
    suite_reopen();
    assert_value("room", "kept", "value");
    assert_absent("room", "gone");
    assert_int_equal(head_of("svc", "room")->head.number, 4);
    assert_int_equal(head_of("svc", "room")->head.writer, 7);
    assert_alarm(alarms(5000, NULL, 1), 0, "svc", "room", 4711);
    put_text("room", 5, "kept", "anew");
    suite_reopen();
    assert_value("room", "kept", "anew");
}

static void commit_and_die(void) {
    for (unsigned i = 0; i < 20; i++) {
        char key[16];
        snprintf(key, sizeof(key), "key-%u", i);
        put_text("room", i + 1, key, key);
    }
}

static void what_was_acknowledged_survives_the_process(void **state) {
    (void)state;
    suite->close();
    suite_run_killed(commit_and_die);
    suite->open();
    assert_int_equal(head_of("svc", "room")->head.number, 20);
    for (unsigned i = 0; i < 20; i++) {
        char key[16];
        snprintf(key, sizeof(key), "key-%u", i);
        assert_value("room", key, key);
    }
}

int suite_run(const struct suite_driver *driver) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, suite_set_up, suite_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_room_without_commits_is_all_zero),
        TEST(a_commit_stores_its_writes_and_its_head),
        TEST(what_a_commit_was_given_is_copied),
        TEST(writes_of_a_commit_are_carried_out_in_order),
        TEST(an_empty_value_is_no_absent_one),
        TEST(keys_have_1_to_512_bytes),
        TEST(values_are_any_bytes),
        TEST(values_have_up_to_512_kib),
        TEST(the_largest_commit_is_one),
        TEST(a_commit_with_another_predecessor_changes_nothing),
        TEST(a_doubled_commit_lands_once),
        TEST(a_commit_without_writes_is_a_commit),
        TEST(of_two_commits_with_one_predecessor_one_lands),
        TEST(no_two_triples_collide),
        TEST(a_list_holds_the_keys_of_its_room_alone),
        TEST(names_may_have_their_longest_form),
        TEST(lists_are_pages_of_what_is_there_in_bytewise_order),
        TEST(a_page_has_at_least_one_entry),
        TEST(pages_follow_each_other_to_the_end),
        TEST(a_list_sees_the_latest_commit),
        TEST(alarms_are_listed_when_they_are_due),
        TEST(an_alarm_is_kept_moved_and_cleared),
        TEST(alarms_come_in_order_and_in_pages),
        TEST(alarms_after_one_that_has_gone),
        TEST(many_rooms_commit_at_the_same_time),
        TEST(all_is_there_after_it_was_closed_and_opened),
        TEST(what_was_acknowledged_survives_the_process),
    };
#undef TEST

    suite = driver;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
