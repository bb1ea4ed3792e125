/* binding.h - what all files of the Lua binding share: the state, boxes, errors, names and
 * arguments. Further there are values.h, nodes.h and sessions.h.
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

/* ---- The state (state.c) --------------------------------------------------------- */

/* User values of the state. The first are the metatables of the kinds of boxes. */
enum {
    BOX_GRAPH = 1,
    BOX_NODE,
    BOX_TENSOR,
    BOX_SESSION,
    BOX_CALLABLE,
    BOX_PACK,  /* the arrays of a run: fetch.c */
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
    STATE_FUNCTIONS,  /* names of operations to functions, for neap.call */
    STATE_PLACES,     /* a sequence of {what stands before a name, a table of names} */
    STATE_LATE,       /* weak keys: boxes that Lua may never finalize (boxes.c) */
    STATE_VALUES = STATE_LATE
};

typedef struct neap__lua {
    const void *metatables[BOX_KINDS]; /* by lua_topointer: compared without a look-up */
    const void *module;
    size_t live;       /* bytes outside Lua that boxes keep alive */
    size_t tensors;    /* of those, the bytes of tensors */
    size_t least;      /* of `live`, since the last collection that was asked for */
    size_t debt;       /* bytes made of which the collector has not been told */
    lua_Integer hosts; /* operations written in Lua so far: their numbers */
    bool pending;      /* a callback of the run under way has failed */
    bool closed;       /* the Lua state closes, and nothing is made any longer */
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

/* User value of a view: 1 the box of the tensor whose memory it shows (tensor.c). */
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
/* The kinds that hold what must be freed: they have a __gc, which may be called twice. */
static inline bool neap__lua_holds(int kind)
{
    return kind == BOX_GRAPH || kind == BOX_TENSOR || kind == BOX_SESSION ||
           kind == BOX_CALLABLE || kind == BOX_PACK;
}

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

/* ---- Boxes, and the collector (boxes.c) ------------------------------------------ */

/* Pushes a new box, its bytes zero but for the mark. */
void *neap__lua_box(lua_State *L, size_t size, int values, int kind);
neap__lua_tensor *neap__lua_newtensor(lua_State *L); /* pushes an empty box */
/* Gives a reference to a box, and weighs it. */
void neap__lua_fill(neap__lua *s, neap__lua_tensor *box, neap_tensor *t);

/* A box keeps that many bytes more (or none any longer). */
void neap__lua_weigh(neap__lua *s, size_t *weight, size_t bytes);
void neap__lua_unweigh(neap__lua *s, size_t *weight);
/* A session weighs what it holds: plans, blocks, variables. */
#define SESSION_WEIGHT ((size_t)65536) /* at least: an estimate */
void neap__lua_weigh_session(neap__lua *s, neap__lua_session *box);
/* The graph whose box is at an index holds a constant of so many bytes more. */
void neap__lua_weigh_graph(lua_State *L, int index, size_t bytes);
/* Tells the collector. Runs finalizers, hence Lua code: at the beginning of a function
 * only. */
#define COLLECTOR_QUANTUM ((size_t)1 << 20)
void neap__lua_collect_now(lua_State *L, neap__lua *s);
static inline void neap__lua_collect(lua_State *L, neap__lua *s)
{
    if (s->debt >= COLLECTOR_QUANTUM)
        neap__lua_collect_now(L, s);
}

/* __gc of the state: frees what such boxes still hold. */
int neap__lua_close(lua_State *L);

/* Whether a run that ended with this error, or none, is worth another try: memory was
 * short, and a full collection found some. A failed run has changed nothing. Clears the
 * error; runs Lua code. */
bool neap__lua_again(lua_State *L, neap__lua *s, neap_error *err);

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
/* For a function without a signature: at most so many arguments, after `before` others;
 * nil where they are absent. */
void neap__lua_most(lua_State *L, const char *function, int before, int most);
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
/* "(2, 3)" as NumPy writes it. */
#define SHAPE_SIZE 192
const char *neap__lua_shapetext(char text[SHAPE_SIZE], int rank, const int64_t *dims);
void neap__lua_pushdims(lua_State *L, int rank, const int64_t *dims);

/* ---- Names (names.c) ------------------------------------------------------------- */

/* The nearest of the names that were offered, for one that there is not. */
typedef struct neap__lua_guess {
    const char *wanted;
    const char *before, *joint,
        *name; /* as it is told; borrowed; no name: none is near */
    int far;
} neap__lua_guess;

/* Offers a name; one that is used elsewhere must be nearer than one that is at hand. */
void neap__lua_near(neap__lua_guess *g, const char *before, const char *joint,
                    const char *name, bool elsewhere);
/* Pushes ": did you mean 'x'?", or nothing of it. */
const char *neap__lua_guessed(lua_State *L, const neap__lua_guess *g);
/* Notes the table at the top as one that is known by "neap.train." or "node". */
void neap__lua_place_names(lua_State *L, const char *before);
/* Sets the `__index` of the metatable at the top: a name that the place has not raises. */
void neap__lua_refuse_names(lua_State *L, const char *what, const char *place);
/* Raise "no field 'x' in node: did you mean 'y'?" and the like. */
int neap__lua_no_name(lua_State *L, const char *what, const char *place,
                      const char *name);
int neap__lua_no_argument(lua_State *L, const neap__lua_signature *signature,
                          const char *name);
int neap__lua_no_dtype(lua_State *L, const char *function, const char *argument,
                       const char *name);

/* ---- What neap tells of itself (help.c) ------------------------------------------ */

void neap__lua_open_help(lua_State *L);

/* ---- What the Lua modules are built on (core.c, train.c) --------------------------- */

/* Add their functions to the table at the top. */
void neap__lua_open_core(lua_State *L);
void neap__lua_open_train(lua_State *L);

/* ---- Lua modules (build/lua_modules.c) ------------------------------------------- */

struct neap__lua_module {
    const char *name;
    const char *source;
    size_t length;
};
extern const struct neap__lua_module neap__lua_modules[];

#endif
