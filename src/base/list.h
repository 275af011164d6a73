/* SPDX-License-Identifier: Apache-2.0 */
/* list.h -- intrusive doubly linked lists: the links live in the objects.
 *
 * Door: list_init(), list_push_back(), list_remove(), list_each(). A node that is in no list is linked
 * to itself, so removing it twice does nothing.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *previous;
};

/* The object of type `type` whose member `member` is the node `node`. */
#define list_item(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))
/* Nodes in order; the current one may be removed in the body. */
#define list_each(head, node, following)                                                           \
    for (struct list *node = (head)->next, *following = node->next; node != (head);                \
         node = following, following = node->next)

static inline void list_init(struct list *list) {
    list->next = list->previous = list;
}

static inline bool list_empty(const struct list *list) {
    return list->next == list;
}

static inline void list_remove(struct list *node) {
    node->previous->next = node->next;
    node->next->previous = node->previous;
    list_init(node);
}

/* `node` is in no list; it need not be initialised. */
static inline void list_push_back(struct list *list, struct list *node) {
    node->previous = list->previous;
    node->next = list;
    list->previous->next = node;
    list->previous = node;
}

static inline void list_push_front(struct list *list, struct list *node) {
    list_push_back(list->next, node);
}

static inline struct list *list_pop_front(struct list *list) {
    struct list *node = list->next;
    if (node == list) return NULL;
    list_remove(node);
    return node;
}

#endif
