/* body.h - bodies of branches and loops: nodes of their own, with parameters for what they
 * take from outside.
 *
 * A graph has one place where nodes are built: itself, or the body begun last. A node of a
 * body has its number among the body's nodes, is in no list of the graph, and reads nodes
 * of its body alone: what is named from outside is captured, level by level, as a
 * parameter. */
#ifndef NEAP_BODY_H
#define NEAP_BODY_H

#include "graph/graph.h"

#define NEAP__NESTING 32 /* bodies within each other, at most */

/* The graph owns it. Lists only grow, and are replaced when they do, so that a session may
 * plan what it knew of a body while more is added. */
typedef struct neap__body_write {
    neap_node *variable; /* in the outer place: a variable, or what stands for one */
    neap_node *node;     /* in the body: whose part `part` is the value at its end */
    uint32_t part;
} neap__body_write;

struct neap__body {
    struct neap__body *next; /* of the graph's bodies */
    neap_graph *graph;
    struct neap__body *outer; /* in which it was begun; NULL: the graph */
    const neap__op *parameter;
    struct neap__frame
        *frames; /* of the outer place, while nodes are built in this one */
    bool open;   /* nodes are built in it, or in one begun in it */
    bool used;   /* a branch or loop has it */
    int depth;
    neap_node **nodes; /* in order of creation */
    size_t node_count, node_capacity;
    neap_node **parameters; /* arguments, then captures */
    size_t parameter_count, parameter_capacity;
    size_t argument_count;
    neap_node **captured; /* of the outer place; as many as captures */
    size_t captured_capacity;
    neap_node **controls; /* of the outer place: what nodes wait for, and so the whole */
    size_t control_count, control_capacity;
    neap_node **results;
    size_t result_count, result_capacity;
    neap__body_write *writes; /* variables that it assigns, by first need */
    size_t write_count, write_capacity;
    unsigned effects; /* of the nodes that its results need, but for their writes */
};

/* Begins a body: nodes are built in it. */
neap_body *neap__body_new(neap_graph *g, const neap__op *parameter,
                          const neap_op_shape *arguments, size_t count, neap_error *err);
/* Lists what the body assigns, and its effects; its results are there. */
int neap__body_settle(neap_body *b, neap_error *err);
/* The place of a variable among the writes, made if need be (then its value is the one
 * that the body takes); NULL with an error. */
neap__body_write *neap__body_write_of(neap_body *b, neap_node *variable, neap_error *err);
/* The node that stands for `n` where nodes are built now: itself, or a parameter. NULL with
 * ESTATE told if it is inside a body that is not open. */
neap_node *neap__capture(neap_graph *g, neap_node *n, neap_error *err);
/* The same in body `b`, of a node that stands in its outer place. */
neap_node *neap__capture_in(neap_body *b, neap_node *n, neap_error *err);
/* The variable that a node is, or that a parameter stands for; else NULL. */
const neap_node *neap__variable_of(const neap_node *n);
/* Appends a result; its number, or -1 with an error. */
int64_t neap__body_result(neap_body *b, neap_node *n, neap_error *err);
/* A node waits for `n` outside of the body: so does the body as a whole. */
bool neap__body_waits(neap_body *b, neap_node *n, neap_error *err);
void neap__bodies_free(neap_graph *g);

#endif
