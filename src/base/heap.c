/* SPDX-License-Identifier: Apache-2.0 */
/* heap.c -- see heap.h. */
#include "base/heap.h"

#include <assert.h>

/* Two roots become one; either may be NULL. Of equal keys `a` stays above. */
static struct heap_node *heap_meld(struct heap_node *a, struct heap_node *b) {
    if (!a) return b;
    if (!b) return a;
    if (b->key < a->key) {
        struct heap_node *swapped = a;
        a = b;
        b = swapped;
    }
    b->next = a->child;
    if (b->next) b->next->previous = b;
    b->previous = a;
    a->child = b;
    return a;
}

/* Makes one tree of siblings: in pairs from the left, then the pairs from the right, which is what
 * makes removal logarithmic. */
static struct heap_node *heap_meld_siblings(struct heap_node *first) {
    struct heap_node *pairs = NULL, *root = NULL;

    while (first) {
        struct heap_node *second = first->next, *rest = second ? second->next : NULL;
        first->next = first->previous = NULL;
        if (second) second->next = second->previous = NULL;
        first = heap_meld(first, second);
        first->next = pairs;
        pairs = first;
        first = rest;
    }
    while (pairs) {
        struct heap_node *rest = pairs->next;
        pairs->next = NULL;
        root = heap_meld(root, pairs);
        pairs = rest;
    }
    return root;
}

/* Takes a node that is not the root, with what is below it, out of its place. */
static void heap_cut(struct heap_node *node) {
    if (node->previous->child == node) node->previous->child = node->next;
    else node->previous->next = node->next;
    if (node->next) node->next->previous = node->previous;
    node->next = node->previous = NULL;
}

void heap_push(struct heap *heap, struct heap_node *node, uint64_t key) {
    assert(!heap_has(heap, node));
    *node = (struct heap_node){.key = key};
    heap->root = heap_meld(heap->root, node);
}

void heap_remove(struct heap *heap, struct heap_node *node) {
    struct heap_node *below;

    if (!heap_has(heap, node)) return;
    below = heap_meld_siblings(node->child);
    node->child = NULL;
    if (node == heap->root) {
        heap->root = below;
        return;
    }
    heap_cut(node);
    heap->root = heap_meld(heap->root, below);
}

void heap_update(struct heap *heap, struct heap_node *node, uint64_t key) {
    if (heap_has(heap, node) && key <= node->key) {
        node->key = key;
        if (node == heap->root) return;
        heap_cut(node);
        heap->root = heap_meld(heap->root, node);
        return;
    }
    heap_remove(heap, node);
    heap_push(heap, node, key);
}
