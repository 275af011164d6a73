/* SPDX-License-Identifier: Apache-2.0 */
/* heap.h -- an intrusive priority queue, smallest key first: the links live in the objects.
 *
 * Door: heap_push(), heap_update(), heap_remove(), heap_first(). None of them allocates or fails.
 *
 * A pairing heap (Fredman, Sedgewick, Sleator, Tarjan, 1986): a push costs one comparison, a removal
 * O(log n) amortised, one by one up to O(n). A heap and a node of zeroes are an empty heap and a node
 * that is in none. Which of several equal keys is first is not said, but the same in every run.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    struct heap_node *child;    /* first of those below it */
    struct heap_node *next;     /* beside it, below the same one */
    struct heap_node *previous; /* beside it; of a first child its parent; of the root NULL */
    uint64_t key;
};

struct heap {
    struct heap_node *root; /* NULL: empty */
};

/* The object of type `type` whose member `member` is the node `node`. */
#define heap_item(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* The node with the smallest key. NULL: the heap is empty. */
static inline struct heap_node *heap_first(const struct heap *heap) {
    return heap->root;
}

/* Is `node` in `heap`? It must not be in another. */
static inline bool heap_has(const struct heap *heap, const struct heap_node *node) {
    return node->previous || heap->root == node;
}

/* `node` is in no heap. */
void heap_push(struct heap *heap, struct heap_node *node, uint64_t key);
/* Gives `node` another key; pushes it if it is in no heap. */
void heap_update(struct heap *heap, struct heap_node *node, uint64_t key);
/* Does nothing if `node` is in no heap. */
void heap_remove(struct heap *heap, struct heap_node *node);

#endif
