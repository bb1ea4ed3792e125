/* nodes.h - graphs, nodes and the operations that make them, as Lua has them. */
#ifndef NEAP_LUA_NODES_H
#define NEAP_LUA_NODES_H

#include "lua/binding.h"

/* ---- Graphs and nodes (graph.c, node.c) ------------------------------------------ */

/* The graph of a call: that of its nodes, else the default. Its box lies at `anchor`, a
 * slot which the caller reserved, so that no metamethod can have it collected. */
typedef struct neap__lua_home {
    neap_graph *graph; /* NULL: not known yet */
    int anchor;
} neap__lua_home;

/* Takes the graph of the node at an index for the call; raises if the call has
 * another. */
void neap__lua_join(lua_State *L, neap__lua_home *home, const char *function, int index,
                    neap_node *n);
/* Settles on the default graph if no node came. */
void neap__lua_settle(lua_State *L, neap__lua_home *home);
/* Tells the graph from where the nodes that follow are made, and which Lua state runs;
 * and that it is over, for that state may be a coroutine that is gone when C builds
 * on. */
void neap__lua_source(lua_State *L, neap_graph *g);
static inline void neap__lua_unsource(neap_graph *g)
{
    neap_graph_set_source(g, NULL, 0, NULL);
}
/* A sequence of nodes, in a userdata which is pushed; `false` gives NULL where `gaps`
 * says so. Raises errors that begin with "function: name". */
neap_node **neap__lua_nodes(lua_State *L, int index, const char *function,
                            const char *name, bool gaps, neap__lua_home *home,
                            size_t *count);

/* Push the one box of a graph or node; `owner` is the index of the node's graph. */
void neap__lua_pushgraph(lua_State *L, neap_graph *g);
void neap__lua_pushnode(lua_State *L, int owner, neap_node *n);
static inline neap_node *neap__lua_tonode(lua_State *L, const neap__lua *s, int index)
{
    return neap__lua_nodeof(neap__lua_test(L, s, index, BOX_NODE));
}
void neap__lua_open_graph(lua_State *L);
void neap__lua_open_node(lua_State *L);
void neap__lua_open_gradients(lua_State *L);

/* ---- Attributes (attributes.c) --------------------------------------------------- */

/* Where attributes are read for: the function, the graph that nodes among them settle
 * (NULL: nodes are refused), and room for short lists. */
typedef struct neap__lua_intake {
    const char *function;
    neap__lua_home *home;
    size_t used;
    int64_t room[32];
} neap__lua_intake;

/* The value at an index as one of the kinds that the row takes; raises if it is of none.
 * What it points to is the value's own, in `intake`, or in what is pushed. */
neap_attribute neap__lua_attribute(lua_State *L, int index,
                                   const neap_attribute_info *row,
                                   neap__lua_intake *intake);
/* Pushes a value; `owner` is the index of the node's graph. */
void neap__lua_pushattribute(lua_State *L, int owner, const neap_attribute_info *row,
                             const neap_attribute *a);

/* ---- Operations (ops.c, special.c, host.c) --------------------------------------- */

typedef struct neap__lua_op {
    neap__lua_signature signature; /* inputs, attributes, "name" */
    const neap_op_info *info;
    int inputs;
    int required;  /* of the inputs: the leading ones that are not in brackets */
    bool sequence; /* the last input is a sequence */
    int results;   /* 0: no value; else how many */
    /* Before a node is built in the graph whose box is at `owner`; NULL: nothing to do. */
    void (*prepare)(lua_State *L, int owner);
} neap__lua_op;

#define MAX_RESULTS 16

/* lua_CFunction: builds the operation whose neap__lua_op is upvalue 2; upvalue 3 is the
 * box of an operation written in Lua, else there is none. */
int neap__lua_build(lua_State *L);
/* Fills a record. `names` and `text`, room for a string for each input, attribute and
 * "name" and for the text of `inputs`, move on. "[seed]" and "x..." lose what is not
 * their name. */
void neap__lua_describe(neap__lua_op *op, const neap_op_info *info, const char ***names,
                        char **text);
/* Pushes what keeps the schema at an index, and what it points to: the rows (schema.c). */
const neap_attribute_info *neap__lua_schema(lua_State *L, int index, size_t *count);
/* neap.call finds the function at the top by that name, if no built-in has it (call.c). */
void neap__lua_name_function(lua_State *L, const char *name);
int neap__lua_words(const char *text); /* how many, apart by spaces; text may be NULL */
/* Adds the functions of all operations to the module's table at the top. */
void neap__lua_open_ops(lua_State *L);
/* Makes operators and methods of those functions. */
void neap__lua_open_operators(lua_State *L);
/* placeholder, variable, constant: to the same table; likewise below. */
void neap__lua_open_special(lua_State *L);
void neap__lua_open_call(lua_State *L); /* wants the functions above in the table */
void neap__lua_open_host(lua_State *L);
/* What the module of branches and loops is built on: to the table at the top. */
void neap__lua_open_control(lua_State *L);

#endif
