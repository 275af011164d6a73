/* SPDX-License-Identifier: Apache-2.0 */
/* mailbox.h -- letters from any thread to one thread: bounded, without a lock.
 *
 * Door:     mailbox_post() for everybody; mailbox_take() for the owner.
 * A letter is pushed on a stack with one compare-and-swap; the owner takes the whole stack at once and
 * turns it round, so letters come in the order in which they were posted, and nobody ever pops single
 * ones (no ABA problem).
 * Not here: what a letter says, and its memory; waking the owner (loop.h).
 */
#ifndef IO_MAILBOX_H
#define IO_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>

struct letter { /* the first member of whatever is sent */
    struct letter *next;
};

struct mailbox {
    _Atomic(struct letter *) top;
    atomic_uint count; /* posted and not yet read */
    unsigned capacity;
};

void mailbox_init(struct mailbox *mailbox, unsigned capacity);
/* Any thread. false: full. An urgent letter is taken in any case. */
bool mailbox_post(struct mailbox *mailbox, struct letter *letter, bool urgent);
bool mailbox_is_empty(const struct mailbox *mailbox);
/* The owner: all letters that are there, oldest first; NULL: none. Tell mailbox_read() of each. */
struct letter *mailbox_take(struct mailbox *mailbox);
void mailbox_read(struct mailbox *mailbox);

#endif
