/* SPDX-License-Identifier: Apache-2.0 */
/* mailbox.c -- see mailbox.h. */
#include "io/mailbox.h"

#include <stddef.h>

void mailbox_init(struct mailbox *mailbox, unsigned capacity) {
    atomic_init(&mailbox->top, NULL);
    atomic_init(&mailbox->count, 0);
    mailbox->capacity = capacity;
}

bool mailbox_post(struct mailbox *mailbox, struct letter *letter, bool urgent) {
    unsigned count = atomic_fetch_add_explicit(&mailbox->count, 1, memory_order_relaxed);

    if (!urgent && count >= mailbox->capacity) {
        atomic_fetch_sub_explicit(&mailbox->count, 1, memory_order_relaxed);
        return false;
    }
    letter->next = atomic_load_explicit(&mailbox->top, memory_order_relaxed);
    /* Sequentially consistent, for loop_wake(), which follows. */
    while (!atomic_compare_exchange_weak(&mailbox->top, &letter->next, letter)) continue;
    return true;
}

bool mailbox_is_empty(const struct mailbox *mailbox) {
    return atomic_load(&mailbox->top) == NULL;
}

struct letter *mailbox_take(struct mailbox *mailbox) {
    struct letter *letter, *in_order = NULL;

    if (atomic_load_explicit(&mailbox->top, memory_order_relaxed) == NULL) return NULL;
    letter = atomic_exchange_explicit(&mailbox->top, NULL, memory_order_acquire);
    while (letter) {
        struct letter *next = letter->next;
        letter->next = in_order;
        in_order = letter;
        letter = next;
    }
    return in_order;
}

void mailbox_read(struct mailbox *mailbox) {
    atomic_fetch_sub_explicit(&mailbox->count, 1, memory_order_relaxed);
}
