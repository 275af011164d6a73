/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.c -- any imports, with any arguments, in any order, from inside a guest.
 *
 * An input is a program for tests/modules/interp.wat: one byte says from where it is run (a message,
 * a request, or a message whose client leaves), then come operations, each a byte and its arguments.
 * Small numbers stand for those that matter: addresses around the ends of the memory, handles that are
 * there and that are not. Whatever happens, the host must live, tell the call's outcome, and leave
 * nothing in memory when it goes.
 */
#include "unit/core/rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What arguments are made of: one byte chooses, so that inputs stay short and mutations meaningful. */
static const int64_t interesting[] = {
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    10,
    15,
    16,
    31,
    32,
    40,
    64,
    123,
    124,
    200,
    204,
    404,
    512,
    513,
    1000,
    1005,
    1024,
    4000,
    4096,
    0x2000,
    0x2010,
    0x6000,
    0xE000,
    0xFFF0,
    0xFFFF,
    0x10000,
    0x1FFF0,
    0x1FFFC,
    0x1FFFF,
    0x20000,
    0x20001,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    0xFFFFFFF0,
    -1,
    -2,
    INT64_MAX,
    INT64_MIN,
    HANDLE(0),
    HANDLE(1),
    HANDLE(2),
    0x200001,
    0x100000000,
    65536,
    100000,
    100001,
    0x40000001,
    1 << 20,
    (1 << 20) + 1,
    3153600000000,
};
enum { INTERESTING = sizeof(interesting) / sizeof(*interesting), OPS_MAX = 64 };

/* Which operations a program may hold: all imports, and those of the guest itself that end by themselves. */
static const uint8_t extra_ops[] = {OP_grow, OP_fill, OP_load32, OP_store64, OP_size, OP_payload,
                                    OP_tell, OP_trap, OP_repeat, OP_recurse, OP_hash};

static void write_program(struct program *program, const uint8_t *data, size_t size) {
    size_t at = 0;

    for (int ops = 0; at < size && ops < OPS_MAX; ops++) {
        uint8_t byte = data[at++];
        int64_t arguments[7] = {0};
        enum rig_op op = byte % (OP_imports_end + sizeof(extra_ops));
        if (op >= OP_imports_end) op = extra_ops[op - OP_imports_end];
        for (size_t i = 0; i < 7 && at < size; i++) {
            uint8_t choice = data[at++];
            if (choice < INTERESTING) {
                arguments[i] = interesting[choice];
            } else if (at + 4 <= size) { /* or as it stands */
                int32_t value;
                memcpy(&value, data + at, 4);
                at += 4;
                arguments[i] = value;
            }
        }
        if (op == OP_repeat) arguments[0] &= 15;
        if (op == OP_hash) arguments[1] &= 0xFF;
        if (op == OP_fill) arguments[2] &= 0xFFFF;
        program_op(program, op, arguments, 7);
    }
}

static struct rig rig;

/* A program may write over itself and then loop: the budget ends it, so time is real. */
static void start(void) {
    rig.real_time = true;
    rig_open(&rig, &(ramp_host_options){.rooms_max = 4, .promote_calls = 50});
    rig.silent = true;
    rig_add(&rig, "s", "interp");
    snprintf(rig.services[0].env, sizeof(rig.services[0].env), "key=value\nlong=%0900d", 7);
    rig_start_ticking(&rig);
}

/* For a while: timers of the guest may keep the host busy for ever. */
static void run(void) {
    for (int i = 0; i < 50 && ramp_host_step(rig.host); i++) continue;
}

/* A room with very many timers has no time for anything else: its instance ends, and they with it. */
static void calm_down(void) {
    ramp_host_stats stats = {.size = sizeof(stats)};
    struct program trap = {.size = 0};
    ramp_connection *ann = ramp_connection_find(rig.host, "s", "r", "ann");

    ramp_host_get_stats(rig.host, &stats);
    if (!ann || stats.timers < 20) return;
    DO(&trap, trap, 0);
    if (ramp_message(ann, (ramp_bytes){trap.bytes, trap.size}, true, NULL)) return;
    for (int i = 0; i < 1000 && ramp_host_step(rig.host); i++) continue;
}

/* Two members; a third has left, so that its handle is stale. */
static void fill_room(void) {
    static const char query[] = "a=1&b=%FF&long=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    static const char *const ids[] = {"ann", "bob", "cat"};
    ramp_connection *connection;

    for (size_t i = 0; i < 3; i++) {
        if (ramp_connection_find(rig.host, "s", "r", ids[i])) continue;
        if (ramp_join(rig.host, "s", "r",
                      &(ramp_join_options){.size = sizeof(ramp_join_options),
                                           .id = ids[i],
                                           .user = {"user", 4},
                                           .query = {query, i ? 5 : sizeof(query) - 1},
                                           .headers = {"cookie: x\n", 10},
                                           .claims = {"role: y\n", 8}},
                      &connection, NULL))
            abort();
        run();
        if (i == 2) ramp_leave(connection, 1000, NULL);
    }
    run();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint32_t runs;
    struct program program = {.size = 0};
    uint8_t from = size ? data[0] % 3 : 0;
    uint32_t outcomes;

    if (!rig.host) start();
    calm_down();
    fill_room();
    if (size) write_program(&program, data + 1, size - 1);
    outcomes = rig.outcomes;
    if (from == 1) {
        if (rig_request(&rig, "r", &program)) abort();
    } else {
        ramp_connection *ann = ramp_connection_find(rig.host, "s", "r", "ann");
        if (!ann || ramp_message(ann, (ramp_bytes){program.bytes, program.size}, true, NULL))
            return 0;
        if (from == 2) ramp_leave(ann, 1006, NULL);
    }
    run();
    rig.now_ns += 10 * RIG_MS; /* timers that it may have set */
    run();
    if (rig.outcomes == outcomes) abort();
    rig.log_size = 0;
    if (++runs % 1000 == 0)
        rig_close(&rig); /* aborts if anything is left; the next input starts anew */
    return 0;
}
