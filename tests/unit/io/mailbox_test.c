/* SPDX-License-Identifier: Apache-2.0 */
/* mailbox_test.c -- letters arrive once each, in their senders' order, and no more than fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/loop.h"
#include "io/mailbox.h"

#include <pthread.h>
#include <stdlib.h>

#define SENDERS 4
#define LETTERS 20000

struct note {
    struct letter letter;
    unsigned sender, number;
};

static struct mailbox mailbox;
static struct loop loop;
static struct note notes[SENDERS][LETTERS];

static void mailbox_keeps_the_order_and_its_bound(void **state) {
    struct note three[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    struct letter *letter;

    (void)state;
    mailbox_init(&mailbox, 2);
    assert_true(mailbox_is_empty(&mailbox));
    assert_null(mailbox_take(&mailbox));
    assert_true(mailbox_post(&mailbox, &three[0].letter, false));
    assert_true(mailbox_post(&mailbox, &three[1].letter, false));
    assert_false(mailbox_post(&mailbox, &three[2].letter, false));
    assert_true(mailbox_post(&mailbox, &three[2].letter, true)); /* urgent */

    letter = mailbox_take(&mailbox);
    for (unsigned i = 0; i < 3; i++, letter = letter->next)
        assert_int_equal(((struct note *)(void *)letter)->number, i);
    assert_null(letter);

    /* Taken is not read: the bound is about what is still to be done. */
    assert_false(mailbox_post(&mailbox, &three[0].letter, false));
    for (int i = 0; i < 3; i++) mailbox_read(&mailbox);
    assert_true(mailbox_post(&mailbox, &three[0].letter, false));
}

static void *send_all(void *argument) {
    unsigned sender = (unsigned)(uintptr_t)argument;

    for (unsigned i = 0; i < LETTERS; i++) {
        notes[sender][i].sender = sender;
        notes[sender][i].number = i;
        if (!mailbox_post(&mailbox, &notes[sender][i].letter, true)) abort();
        loop_wake(&loop);
    }
    return NULL;
}

/* The owner sleeps whenever there is nothing: a lost wake-up hangs this test. */
static void mailbox_and_loop_lose_nothing_between_threads(void **state) {
    pthread_t senders[SENDERS];
    unsigned next[SENDERS] = {0}, total = 0;

    (void)state;
    mailbox_init(&mailbox, 1);
    assert_true(loop_init(&loop));
    for (uintptr_t i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&senders[i], NULL, send_all, (void *)i), 0);
    while (total < SENDERS * LETTERS) {
        loop_announce_wait(&loop);
        loop_wait(&loop, mailbox_is_empty(&mailbox) ? -1 : 0);
        loop_dispatch(&loop);
        for (struct letter *letter = mailbox_take(&mailbox); letter;
             letter = letter->next, total++) {
            struct note *note = (struct note *)(void *)letter;
            assert_int_equal(note->number, next[note->sender]++);
            mailbox_read(&mailbox);
        }
    }
    for (int i = 0; i < SENDERS; i++) pthread_join(senders[i], NULL);
    assert_true(mailbox_is_empty(&mailbox));
    loop_done(&loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mailbox_keeps_the_order_and_its_bound),
        cmocka_unit_test(mailbox_and_loop_lose_nothing_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
