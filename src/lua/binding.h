/* binding.h - what the files of the Lua binding share.
 *
 * Invariants
 *
 *   1. Every C function that Lua can call is a closure with the binding's state as its
 *      upvalue 1. What is reached from the state is a user value of it; the registry
 *      holds the state alone.
 *   2. A function checks its arguments first, which may raise and owns nothing; it then
 *      pushes an empty box (a userdata) for what the core will give; calls the core,
 *      which returns and never raises; and raises, if it must, in errors.c. Memory that
 *      must survive a raise is a userdata.
 *   3. A box begins with a mark, the address of a constant of this copy of neap: it tells
 *      ours from userdata that was given our metatable by the debug library.
 *   4. A node has no finalizer: its graph owns it, and its user value 1 is the graph's
 *      box, which keeps the graph. A session's user value 1 is its graph's box too.
 *   5. Nothing that can run Lua code or raise happens between a call of the core that
 *      hands over a reference and the moment when a box holds it. */
#ifndef NEAP_LUA_BINDING_H
#define NEAP_LUA_BINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lauxlib.h>
#include <lua.h>

#include "neap.h"
#include "neap_lua.h"

#define MODULE_CHUNK "=[neap] " /* begins the chunk names of neap's own Lua modules */

/* ---- The state (module.c) -------------------------------------------------------- */

/* User values of the state. The first are the metatables of the kinds of boxes. */
enum {
    BOX_GRAPH = 1,
    BOX_NODE,
    BOX_TENSOR,
    BOX_SESSION,
    BOX_CALLABLE,
    BOX_PACK,  /* the arrays of a run: session.c */
    BOX_GUARD, /* undoes a scope when a function ends: graph.c */
    BOX_HOST,  /* an operation written in Lua: host.c */
    BOX_KINDS,
    /* weak values: pointer or number to graph, session, operation */
    STATE_OBJECTS = BOX_KINDS,
    STATE_DEFAULT,    /* the box of the default graph; nil before the first need */
    STATE_PENDING,    /* the error of a callback, while it returns through the core */
    STATE_TRACEBACK,  /* where it was raised */
    STATE_MODULES,    /* names of Lua modules, "neap.train", to what they returned */
    STATE_MODULE,     /* the table that luaopen_neap gives */
    STATE_OPERATIONS, /* holds neap__lua_op and the strings that they use */
    STATE_VALUES = STATE_OPERATIONS
};

typedef struct neap__lua {
    const void *metatables[BOX_KINDS]; /* by lua_topointer: compared without a look-up */
    const void *module;
    size_t live;       /* bytes outside Lua that boxes keep alive */
    size_t debt;       /* bytes of those of which the collector has not been told */
    lua_Integer hosts; /* operations written in Lua so far: their numbers */
    bool pending;      /* a callback of the run under way has failed */
} neap__lua;

static inline neap__lua *neap__lua_self(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}
/* Pushes a user value of the state. */
static inline void neap__lua_get(lua_State *L, int which)
{
    lua_getiuservalue(L, lua_upvalueindex(1), which);
}
/* Pops a value into the state. */
static inline void neap__lua_set(lua_State *L, int which)
{
    lua_setiuservalue(L, lua_upvalueindex(1), which);
}

/* Pushes the state's userdata, nil where neap is not open; its address or NULL. */
neap__lua *neap__lua_pushstate(lua_State *L);
/* Sets functions in the table at the top, each with the state as its upvalue. */
void neap__lua_register(lua_State *L, const luaL_Reg *functions);
/* Makes the metatable of a kind of box: `functions` are its metamethods. Leaves it on the
 * stack. */
void neap__lua_metatable(lua_State *L, int kind, const char *name,
                         const luaL_Reg *functions);

/* ---- Boxes ----------------------------------------------------------------------- */

extern const char neap__lua_marks[BOX_KINDS];

/* User values: 1 nodes by pointer (weak), 2 operations written in Lua. */
typedef struct neap__lua_graph {
    const char *mark;
    neap_graph *graph; /* NULL once finalized */
    size_t weight;
} neap__lua_graph;

/* User value: 1 the graph's box, whose memory it keeps. But where both go at once, a
 * finalizer may still use the node after the graph is gone: neap__lua_nodeof looks. */
typedef struct neap__lua_node {
    const char *mark;
    neap_node *node;
    const neap__lua_graph *graph;
} neap__lua_node;

static inline neap_node *neap__lua_nodeof(const neap__lua_node *box)
{
    return box && box->graph->graph ? box->node : NULL;
}

typedef struct neap__lua_tensor {
    const char *mark;
    neap_tensor *tensor; /* NULL until the core has given one */
    size_t weight;
} neap__lua_tensor;

typedef struct neap__lua_session { /* user values: SESSION_... */
    const char *mark;
    neap_session *session; /* NULL: closed */
    neap_graph *graph;     /* borrowed from the graph's box */
    int running;           /* runs under way, from this Lua state */
    size_t weight;
} neap__lua_session;

/* The box of that kind at an index, NULL if it is anything else. */
static inline void *neap__lua_test(lua_State *L, const neap__lua *s, int index, int kind)
{
    if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index))
        return NULL;
    const void *metatable = lua_topointer(L, -1);
    lua_pop(L, 1);
    if (metatable != s->metatables[kind] || lua_rawlen(L, index) < sizeof(char *))
        return NULL;
    const char **mark = lua_touserdata(L, index);
    return *mark == &neap__lua_marks[kind] ? (void *)mark : NULL;
}
/* Pushes a new box, its bytes zero but for the mark. */
void *neap__lua_box(lua_State *L, size_t size, int values, int kind);

/* ---- Errors (errors.c): all that is raised is raised here ------------------------ */

/* The nearest function written in Lua and outside neap. */
bool neap__lua_where(lua_State *L, lua_Debug *position);
/* Raises a message with that position before it. As lua_error they return nothing; the
 * int is for `return`. The format is lua_pushfstring's. */
int neap__lua_error(lua_State *L, const char *format, ...);
int neap__lua_raise(lua_State *L, const neap_error *err);
/* The error of a C function, as that of the Lua function whose name is put in its
 * place. */
int neap__lua_raise_as(lua_State *L, const char *function, const neap_error *err);
/* The same after a call of the core that may have run callbacks: the error of a callback
 * that is not a string is raised as it was, one that is a string with its traceback. */
int neap__lua_raise_run(lua_State *L, const neap_error *err);
/* Fills an error as the core does; the code. */
int neap__lua_tell(neap_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The name of a value's type for messages: "number", "node", "FILE*". */
const char *neap__lua_type(lua_State *L, int index);
/* Calls what lies below `arguments` values protected. On failure keeps the error for
 * neap__lua_raise_run, tells its text in `err` and pops it: false. */
bool neap__lua_protected(lua_State *L, int arguments, int results, neap_error *err);

/* ---- Arguments (arguments.c) ----------------------------------------------------- */

/* The arguments of a function: by position, or by name in a last table. */
typedef struct neap__lua_signature {
    const char *function;     /* for messages */
    const char *const *names; /* one for each slot */
    int slots;
    int positional; /* the slots that may be given by position: the first ones */
    unsigned
        plain; /* bit i: slot i takes no table, so that `{}` there is of attributes */
} neap__lua_signature;

/* Arranges the arguments that begin at index `first`: slot i lies at first + i
 * afterwards, nil where it is absent, and the stack ends with the last slot. */
void neap__lua_arguments(lua_State *L, int first, const neap__lua_signature *signature);
/* Whether the table at an index has a key that is a string. */
bool neap__lua_named(lua_State *L, int index);

/* Readers of one argument; they raise errors that begin with "function: argument 'name':
 * ". */
neap_dtype neap__lua_dtype(lua_State *L, int index, const char *function,
                           const char *name);
const char *neap__lua_string(lua_State *L, int index, const char *function,
                             const char *name);
/* A shape: a sequence of integers, or one integer. Returns the rank. */
int neap__lua_shape(lua_State *L, int index, const char *function, const char *name,
                    int64_t dims[NEAP_MAX_RANK]);
/* An integer, or a float that is one exactly; else false, and the rest of a message in
 * `err`. */
bool neap__lua_integer(lua_State *L, int index, int64_t *value, neap_error *err);
/* A sequence of integers, or one integer, in `room`; in a userdata which is pushed if
 * there are more than `capacity`. */
const int64_t *neap__lua_integers(lua_State *L, int index, const char *function,
                                  const char *name, int64_t *room, size_t capacity,
                                  size_t *count);
/* The length of the sequence at an index by `#`, metamethods included; not above
 * `limit`. */
bool neap__lua_length(lua_State *L, int index, int64_t limit, int64_t *length,
                      neap_error *err);

/* ---- The collector (collector.c) ------------------------------------------------- */

/* A box keeps that many bytes more (or none any longer). */
void neap__lua_weigh(neap__lua *s, size_t *weight, size_t bytes);
void neap__lua_unweigh(neap__lua *s, size_t *weight);
/* Tells the collector. Runs finalizers, hence Lua code: at the beginning of a function
 * only. */
#define COLLECTOR_QUANTUM ((size_t)1 << 20)
void neap__lua_collect_now(lua_State *L, neap__lua *s);
static inline void neap__lua_collect(lua_State *L, neap__lua *s)
{
    if (s->debt >= COLLECTOR_QUANTUM)
        neap__lua_collect_now(L, s);
}

/* Whether a run that ended with this error, or none, is worth another try: memory was
 * short, and a full collection found some. A failed run has changed nothing. Clears the
 * error; runs Lua code. */
bool neap__lua_again(lua_State *L, neap__lua *s, neap_error *err);

/* ---- Values (value.c) ------------------------------------------------------------ */

/* The tensor of a Lua value, of `dtype` if that is not NEAP_DTYPE_NONE: a new reference.
 * NULL with an error that says where in the value, and does not name the function. May
 * run metamethods and raise; `*ran` (may be NULL) is whether it did run any. */
neap_tensor *neap__lua_read(lua_State *L, int index, neap_dtype dtype, bool *ran,
                            neap_error *err);
/* Writes a plain value of the very shape into a tensor that is the caller's alone. False
 * if it is anything else, or wrong: neap__lua_read tells. Runs no Lua code and raises
 * nothing. */
bool neap__lua_refill(lua_State *L, int index, neap_tensor *t);
/* Around the storing of numbers, for the host may round otherwise: round to nearest,
 * which returns the mode to go back to. Nothing between the two runs Lua code or
 * raises. */
int neap__lua_round_nearest(void);
void neap__lua_round_again(int mode);
/* Whether a tensor is a Lua number, integer or boolean: it has rank 0, and is not one of
 * the integers of uint64 from 2^63 on, which Lua has not. */
bool neap__lua_isscalar(const neap_tensor *t);
/* Whether every value of the node will be such a one, or none. */
bool neap__lua_needsnobox(const neap_node *n);
/* Pushes element `index` as a number, integer or boolean; an integer that Lua has not as
 * a tensor of rank 0, for which there may be no memory: then this raises. */
void neap__lua_pushelement(lua_State *L, neap_dtype dtype, const void *data,
                           int64_t index);

/* ---- Tensors (tensor.c) ---------------------------------------------------------- */

neap__lua_tensor *neap__lua_newtensor(lua_State *L); /* pushes an empty box */
/* Gives a reference to a box, and weighs it. */
void neap__lua_fill(neap__lua *s, neap__lua_tensor *box, neap_tensor *t);
/* "(2, 3)" as NumPy writes it. */
#define SHAPE_SIZE 192
const char *neap__lua_shapetext(char text[SHAPE_SIZE], int rank, const int64_t *dims);
void neap__lua_pushdims(lua_State *L, int rank, const int64_t *dims);
void neap__lua_open_tensor(lua_State *L);

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
void neap__lua_open_node(lua_State *L); /* wants the module's table at the top */

/* ---- Operations (ops.c, special.c, host.c) --------------------------------------- */

typedef struct neap__lua_op {
    neap__lua_signature signature; /* inputs, attributes, "name" */
    const neap_op_info *info;
    int inputs;
    int required;  /* of the inputs: the leading ones that are not in brackets */
    bool sequence; /* the last input is a sequence */
    int results;   /* 0: no value; else how many */
} neap__lua_op;

#define MAX_RESULTS 16

/* lua_CFunction: builds the operation whose neap__lua_op is upvalue 2; upvalue 3 is the
 * box of an operation written in Lua, else there is none. */
int neap__lua_build(lua_State *L);
/* Before that: an operation written in Lua is made known to the graph whose box is at
 * `owner`. */
void neap__lua_prepare_host(lua_State *L, int owner);
/* Fills a record. `names` and `text`, room for a string for each input, attribute and
 * "name" and for the text of `inputs`, move on. "[seed]" and "x..." lose what is not
 * their name. */
void neap__lua_describe(neap__lua_op *op, const neap_op_info *info, const char ***names,
                        char **text);
int neap__lua_words(const char *text); /* how many, apart by spaces; text may be NULL */
/* Adds the functions of all operations to the module's table at the top. */
void neap__lua_open_ops(lua_State *L);
/* placeholder, variable, constant: to the same table; likewise below. */
void neap__lua_open_special(lua_State *L);
void neap__lua_open_host(lua_State *L);
void neap__lua_open_help(lua_State *L);
/* Pushes the functions that train.lua is built on. */
void neap__lua_pushcore(lua_State *L);

/* ---- Sessions (session.c, callable.c, fetch.c) ----------------------------------- */

enum {
    SESSION_GRAPH = 1,
    SESSION_PACK,
    SESSION_CALLABLES,
    SESSION_LOG,
    SESSION_VALUES = 4
};

/* The arrays of a run, which owns the tensors in them: they go with it if Lua raises. A
 * session keeps one for its next run. */
typedef struct neap__lua_pack {
    const char *mark;
    bool busy;
    size_t capacity; /* of each array, which lie behind the struct */
    size_t feed_count, fetch_count;
    neap_feed *feeds;
    neap_node **fetches;
    neap_tensor **out;
    neap__lua_tensor **boxes; /* for out[i]; NULL: a number, or nothing */
    bool *made; /* feeds[i].value is a copy of ours, which may be written again */
} neap__lua_pack;

/* Pushes a pack for a run of the session at an index: its own, or a new one while that is
 * busy. */
neap__lua_pack *neap__lua_takepack(lua_State *L, int session);
/* Done: large copies are released, small ones kept for the next run. */
void neap__lua_endpack(neap__lua_pack *p);
/* Room for one entry more in each array; the pack at the index may be replaced. */
neap__lua_pack *neap__lua_growpack(lua_State *L, int index, size_t entries);

/* Reads what to fetch at `index` into the pack at index `pack`, and pushes two values:
 * the results, in the structure of the fetches, with a box or false for each; and the
 * places of those. With `copy` the first is instead a copy of the fetches themselves. */
neap__lua_pack *neap__lua_fetches(lua_State *L, int index, int pack, neap_graph *g,
                                  const char *function, bool copy);
/* Puts what the core gave where it belongs. Allocates nothing, cannot fail. `results` is
 * the index of the first of the two values; at its end it holds what is returned. */
void neap__lua_place(lua_State *L, neap__lua_pack *p, int results);

void neap__lua_open_pack(lua_State *L);
void neap__lua_open_session(lua_State *L);
int neap__lua_callable(lua_State *L); /* session:callable */
int neap__lua_adopt(lua_State *L);    /* a light userdata, the session of a host */
void neap__lua_open_callable(lua_State *L);
/* Frees a callable's hold on the session. */
void neap__lua_endcallable(lua_State *L, int index);

/* ---- Lua modules (build/lua_modules.c) ------------------------------------------- */

struct neap__lua_module {
    const char *name;
    const char *source;
    size_t length;
};
extern const struct neap__lua_module neap__lua_modules[];

#endif
