/* SPDX-License-Identifier: Apache-2.0 */
/* faults_rig.c -- see faults_rig.h. */
#include "drivers/faults_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "unit/support/folder.h"

/* It is no part of the programs of tests/drivers otherwise. */
#include "sim/faults.c"

struct faults faults_rig;
static uint64_t now_ns;
static char place[64];

static int64_t clock_ns(clockid_t clock) {
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- the file -------------------------------------------------------------------------------- */

static FILE *open_file(const char *mode) {
    char path[96];

    snprintf(path, sizeof(path), "%s/faults", place);
    return fopen(path, mode);
}

static void write_shelf(FILE *file, const struct faults_shelf *shelf) {
    fwrite(&shelf->count, sizeof(shelf->count), 1, file);
    for (size_t i = 0; i < shelf->count; i++) {
        const struct faults_item *item = shelf->items[i];
        fwrite(item, sizeof(*item) + item->name_size + item->value_size, 1, file);
    }
}

static void read_shelf(FILE *file, struct faults_shelf *shelf) {
    size_t count = 0;

    if (fread(&count, sizeof(count), 1, file) != 1) abort();
    shelf->items = must(calloc(count + 1, sizeof(*shelf->items)));
    shelf->capacity = count + 1;
    for (; shelf->count < count; shelf->count++) {
        struct faults_item head, *item;
        if (fread(&head, sizeof(head), 1, file) != 1) abort();
        item = must(malloc(sizeof(head) + head.name_size + head.value_size));
        *item = head;
        item->value = item->name + item->name_size;
        if (fread(item->name, head.name_size, 1, file) != 1) abort();
        if (head.value_size && fread(item->value, head.value_size, 1, file) != 1) abort();
        shelf->items[shelf->count] = item;
    }
}

/* `is_open`: whoever reads this finds that its process has not ended in good order. */
static void keep(bool is_open) {
    FILE *file = must(open_file("wb"));

    fwrite(&is_open, sizeof(is_open), 1, file);
    write_shelf(file, &faults_rig.keys);
    write_shelf(file, &faults_rig.rows);
    write_shelf(file, &faults_rig.heads);
    write_shelf(file, &faults_rig.states_kept);
    if (fclose(file)) abort();
}

/* ---- the drivers ----------------------------------------------------------------------------- */

void faults_rig_make_place(void) {
    test_folder_new(place);
}

void faults_rig_remove_place(void) {
    test_folder_remove(place);
}

void faults_rig_open(void) {
    FILE *file = open_file("rb");
    bool was_open = false;

    now_ns = (uint64_t)clock_ns(CLOCK_MONOTONIC);
    faults_init(&faults_rig,
                &(struct faults_options){.seed = 1,
                                         .now_ns = &now_ns,
                                         .epoch_ms = (clock_ns(CLOCK_REALTIME) - (int64_t)now_ns) /
                                                     1000000});
    faults_rig.plan = (struct faults_plan){.delay_ms = 2};
    if (file) {
        if (fread(&was_open, sizeof(was_open), 1, file) != 1) abort();
        read_shelf(file, &faults_rig.keys);
        read_shelf(file, &faults_rig.rows);
        read_shelf(file, &faults_rig.heads);
        read_shelf(file, &faults_rig.states_kept);
        fclose(file);
    }
    if (was_open) faults_crash(&faults_rig);
    keep(true);
}

/* What was asked for is done before. */
void faults_rig_close(void) {
    while (faults_deadline(&faults_rig) != UINT64_MAX) faults_rig_pump(1);
    keep(false);
    faults_done(&faults_rig);
}

void faults_rig_pump(unsigned ms) {
    uint64_t answered = faults_rig.answered;

    (void)ms;
    nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    now_ns = (uint64_t)clock_ns(CLOCK_MONOTONIC);
    faults_step(&faults_rig);
    if (faults_rig.answered != answered) keep(true); /* nobody has looked at the answers yet */
}
