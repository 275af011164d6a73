/* SPDX-License-Identifier: Apache-2.0 */
/* db_list_test.c -- CONTRACT 1, 2.3: a room lists the store under its own writes; against a model. */
#include "unit/core/rig_storage.h"

#include "base/limits.h"

#define S AT_SCRATCH

/* ---- results --------------------------------------------------------------------------------- */

/* The last binary broadcast, whole. */
static struct {
    unsigned char bytes[8192];
    size_t size;
} told;

static void note_told(struct rig *it, const ramp_outcome *outcome) {
    (void)it;
    for (size_t i = 0; i < outcome->event_count; i++) {
        const ramp_event *event = &outcome->events[i];
        if (event->type != RAMP_EVENT_BROADCAST || !event->binary) continue;
        told.size = event->payload.size;
        memcpy(told.bytes, event->payload.data, told.size);
    }
}

static uint32_t told_u32(size_t at) {
    uint32_t value;
    if (at + 4 > told.size) fail_msg("the result ends at %zu", told.size);
    memcpy(&value, told.bytes + at, 4);
    return value;
}

/* ---- the model: every key of one to three letters -------------------------------------------- */

enum { LETTERS = 3, KEYS = LETTERS + LETTERS * LETTERS + LETTERS * LETTERS * LETTERS };

static struct model_key {
    char name[4];
    char value[12]; /* "": there is none */
} keys[KEYS];

static int compare_keys(const void *left, const void *right) {
    return strcmp(((const struct model_key *)left)->name, ((const struct model_key *)right)->name);
}

static void make_keys(void) {
    size_t count = 0;
    memset(keys, 0, sizeof(keys));
    for (int length = 1; length <= 3; length++) {
        int all = length == 1   ? LETTERS
                  : length == 2 ? LETTERS * LETTERS
                                : LETTERS * LETTERS * LETTERS;
        for (int i = 0; i < all; i++, count++)
            for (int k = 0, rest = i; k < length; k++, rest /= LETTERS)
                keys[count].name[k] = (char)('a' + rest % LETTERS);
    }
    assert_int_equal(count, KEYS);
    qsort(keys, KEYS, sizeof(*keys), compare_keys);
}

static void check_list(const char *prefix, const char *after, uint32_t limit, int round) {
    size_t at = 8;
    uint32_t count = 0;
    bool more = false;

    for (size_t i = 0; i < KEYS; i++) {
        const struct model_key *key = &keys[i];
        uint32_t size;
        if (!key->value[0] || strncmp(key->name, prefix, strlen(prefix)) != 0 ||
            strcmp(key->name, after) <= 0)
            continue;
        more = count == limit;
        if (more) break;
        count++;
        size = told_u32(at);
        if (size != strlen(key->name) || memcmp(told.bytes + at + 4, key->name, size) != 0)
            fail_msg("round %d: prefix '%s' after '%s' limit %u: entry %u is '%.*s', not '%s'",
                     round, prefix, after, limit, count, (int)size, told.bytes + at + 4, key->name);
        at += 4 + size;
        size = told_u32(at);
        if (size != strlen(key->value) || memcmp(told.bytes + at + 4, key->value, size) != 0)
            fail_msg("round %d: the value of '%s' is '%.*s', not '%s'", round, key->name, (int)size,
                     told.bytes + at + 4, key->value);
        at += 4 + size;
    }
    if (told_u32(0) != count || told_u32(4) != more)
        fail_msg("round %d: prefix '%s' after '%s' limit %u: %u entries, more %u; not %u, %u",
                 round, prefix, after, limit, told_u32(0), told_u32(4), count, more);
}

static uint64_t random_state;
static uint64_t pick(uint64_t below) {
    return rig_random_next(&random_state) % below;
}

static void random_key(char *key, bool may_be_empty) {
    size_t length = (size_t)pick(3) + !may_be_empty;
    for (size_t i = 0; i < length; i++) key[i] = (char)('a' + pick(LETTERS));
    key[length] = '\0';
}

/* Sets or deletes some keys, in the program and in the model. */
static void random_writes(struct program *program, size_t count) {
    char name[4], value[12];
    while (count-- > 0) {
        struct model_key *key;
        random_key(name, false);
        key = bsearch(&(struct model_key){.name = {name[0], name[1], name[2], name[3]}}, keys, KEYS,
                      sizeof(*keys), compare_keys);
        if (pick(3) == 0) {
            program_db(program, name, NULL);
            key->value[0] = '\0';
        } else {
            snprintf(value, sizeof(value), "%u", (unsigned)pick(100000));
            program_db(program, name, value);
            snprintf(key->value, sizeof(key->value), "%s", value);
        }
    }
}

/* A commit that has landed, and of which the host does not know yet. */
static struct storage_request *landed;
static ramp_answer landed_answer;

static void land_one(void) {
    if (landed || storage_held(DB_COMMIT) == 0) return;
    landed = storage_take(DB_COMMIT, 0);
    landed_answer = (ramp_answer){.size = sizeof(ramp_answer)};
    storage_carry_out(landed, &landed_answer);
}

static void answer_landed(void) {
    if (!landed) return;
    ramp_complete(rig.host, landed->ticket, &landed_answer);
    storage_free_request(landed);
    landed = NULL;
    rig_run(&rig);
}

static void a_list_is_the_store_under_the_rooms_own_writes(void **state) {
    (void)state;
    random_state = 2024;
    make_keys();
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig.silent = true;
    rig.on_done = note_told;
    storage_hold(DB_COMMIT);
    for (int round = 0; round < 4000; round++) {
        struct program program = {.size = 0};
        char prefix[4], after[4];
        uint32_t limit = (uint32_t)(1 + pick(pick(2) ? 4 : 45));

        random_writes(&program, (size_t)pick(4));
        if (pick(2)) { /* in a call of its own, which waits behind the gate */
            rig_do(ann, &program);
            rig_run(&rig);
            program.size = 0;
            random_writes(&program, (size_t)pick(3));
        }
        if (pick(4) == 0) land_one();
        random_key(prefix, true);
        random_key(after, true);
        program_poke(&program, AT_KEY, prefix, strlen(prefix));
        program_poke(&program, AT_VALUE, after, strlen(after));
        DO(&program, db_list, AT_KEY, (int64_t)strlen(prefix), AT_VALUE, (int64_t)strlen(after),
           limit, S, 64);
        DO(&program, wait, AT_PAGE, 4096);
        DO(&program, room_broadcast, AT_PAGE, 4096, 1, 0, 0);
        told.size = 0;
        rig_do(ann, &program);
        rig_run(&rig);
        /* All is stored now and then; what the call says leaves only then. */
        answer_landed();
        while (told.size == 0) {
            storage_answer(DB_COMMIT);
            rig_run(&rig);
        }
        check_list(prefix, after, limit, round);
        if (pick(3)) continue;
        /* The next has writes under way. */
        program.size = 0;
        random_writes(&program, 1 + (size_t)pick(6));
        rig_do(ann, &program);
        rig_run(&rig);
    }
    assert_int_equal(rig.failures, 0);
    answer_landed();
    storage_release(DB_COMMIT);
    rig_run(&rig);
    size_t kept = 0, stored = 0;
    for (size_t i = 0; i < KEYS; i++) kept += keys[i].value[0] != '\0';
    for (const struct storage_item *item = storage.items; item; item = item->next)
        stored += item->shelf == SHELF_DB;
    assert_int_equal(kept, stored);
    assert_true(kept > 5);
}

/* ---- by bytes -------------------------------------------------------------------------------- */

/* The size of a list's result, its count and whether there is more. */
static void list_of(ramp_connection *ann, const char *prefix, const char *after, int64_t limit,
                    int64_t size, uint32_t count, bool more, int line) {
    struct program program = {.size = 0};
    program_poke(&program, AT_KEY, prefix, strlen(prefix));
    program_poke(&program, AT_VALUE, after, strlen(after));
    DO(&program, db_list, AT_KEY, (int64_t)strlen(prefix), AT_VALUE, (int64_t)strlen(after), limit,
       S, 8);
    DO(&program, wait, S, 8);
    DO(&program, load32, S);
    DO(&program, load32, S + 4);
    rig_ask(&rig, ann, &program);
    if (rig.told[1] != size || rig.told[2] != count || rig.told[3] != more)
        fail_msg("line %d: %" PRId64 " bytes, %" PRId64 " entries, more %" PRId64, line,
                 rig.told[1], rig.told[2], rig.told[3]);
}
#define LIST(...) list_of(ann, __VA_ARGS__, __LINE__)

static void a_list_is_cut_at_a_mebibyte_but_never_below_one_entry(void **state) {
    static char large[300 << 10];
    char key[8];
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    for (int i = 0; i < 8; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        storage_put(SHELF_DB, "s", "r", (ramp_bytes){key, 2}, (ramp_bytes){large, sizeof(large)});
    }
    const int64_t entry = 8 + 2 + (int64_t)sizeof(large);
    LIST("", "", 100, 8 + 3 * entry, 3, true);
    LIST("", "k2", 100, 8 + 3 * entry, 3, true);
    LIST("", "k5", 100, 8 + 2 * entry, 2, false);
    LIST("", "k4", 3, 8 + 3 * entry, 3, false);
    LIST("k7", "", 100, 8 + entry, 1, false);
    LIST("x", "", 100, 8, 0, false);
    LIST("", "", 1, 8 + entry, 1, true);
    /* Deleted, and not stored yet: what is behind is listed all the same. */
    struct program program = {.size = 0};
    for (int i = 0; i < 7; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        program_db(&program, key, NULL);
    }
    program_poke(&program, AT_KEY, "", 0);
    DO(&program, db_list, AT_KEY, 0, 0, 0, 100, S, 8);
    DO(&program, wait, S, 8);
    DO(&program, load32, S);
    DO(&program, load32, S + 4);
    rig_ask(&rig, ann, &program);
    assert_int_equal(rig.told[8], 8 + entry);
    assert_int_equal(rig.told[9], 1);
    assert_int_equal(rig.told[10], 0);
}

static void a_list_has_its_limits(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    assert_int_equal(ASK(&rig, ann, db_list, S, 1, 0, 0, 0, S, 64), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, db_list, S, LIMIT_KEY_SIZE + 1, 0, 0, 1, S, 64), RAMP_TOO_BIG);
    assert_int_equal(ASK(&rig, ann, db_list, S, 0, S, LIMIT_KEY_SIZE + 1, 1, S, 64), RAMP_TOO_BIG);
    assert_int_equal(ASK(&rig, ann, db_list, S, 0, 0, 0, -1, S, 64), INT32_MIN);
    /* Pointers are looked at first. */
    struct program program = {.size = 0};
    DO(&program, db_list, S, 1, -1, 5, 0, S, 64);
    assert_int_equal(rig_fails(&rig, ann, &program), RAMP_TRAPPED);
}

/* Rooms and services do not see each other's keys, whatever they are called. */
static void keys_belong_to_one_room(void **state) {
    static const char *const places[][2] = {{"s", "r"}, {"s", "r2"}, {"s", "rr"}, {"sr", "r"}};
    (void)state;
    rig_add(&rig, "sr", "interp+wait");
    for (size_t i = 0; i < COUNT(places); i++) {
        struct program program = {.size = 0};
        ramp_connection *ann = rig_join_at(&rig, places[i][0], places[i][1], "ann");
        program_db(&program, "rk", "1");
        program_db(&program, "k", "1");
        rig_do(ann, &program);
        rig_run(&rig);
    }
    for (size_t i = 0; i < COUNT(places); i++) {
        ramp_connection *ann = ramp_connection_find(rig.host, places[i][0], places[i][1], "ann");
        LIST("", "", 100, 8 + (8 + 1 + 1) + (8 + 2 + 1), 2, false);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_STORAGE(a_list_is_the_store_under_the_rooms_own_writes),
        TEST_STORAGE(a_list_is_cut_at_a_mebibyte_but_never_below_one_entry),
        TEST_STORAGE(a_list_has_its_limits),
        TEST_STORAGE(keys_belong_to_one_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
