/* graph.c - graphs as Lua values: the default graph, lists of nodes, scopes.
 *
 * One graph is one box in a Lua state, found by its address in STATE_OBJECTS; one node is
 * one box, found in user value 1 of its graph's box. Both tables have weak values: a box
 * that nobody holds goes, and comes back as another. */
#include "lua/nodes.h"

#include <string.h>

/* What a graph takes outside Lua when it is new, and for each node that Lua sees: an
 * estimate. */
#define GRAPH_WEIGHT 4096
#define NODE_WEIGHT 256

void neap__lua_pushgraph(lua_State *L, neap_graph *g)
{
    neap__lua *s = neap__lua_self(L);
    luaL_checkstack(L, 6, NULL);
    neap__lua_get(L, STATE_OBJECTS);
    if (lua_rawgetp(L, -1, g) != LUA_TNIL) {
        lua_remove(L, -2);
        return;
    }
    lua_pop(L, 1);
    neap__lua_graph *box = neap__lua_box(L, sizeof *box, 2, BOX_GRAPH);
    lua_createtable(L, 0, 0);
    neap__lua_get(L, STATE_OBJECTS); /* its metatable says weak values */
    lua_getmetatable(L, -1);
    lua_setmetatable(L, -3);
    lua_pop(L, 1);
    lua_setiuservalue(L, -2, 1);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, -3, g);
    lua_remove(L, -2);
    box->graph = neap_graph_retain(g);
    neap__lua_weigh(s, &box->weight, GRAPH_WEIGHT);
}

void neap__lua_pushnode(lua_State *L, int owner, neap_node *n)
{
    neap__lua_graph *graph = lua_touserdata(L, owner);
    lua_getiuservalue(L, owner, 1);
    if (lua_rawgetp(L, -1, n) != LUA_TNIL) {
        lua_remove(L, -2);
        return;
    }
    lua_pop(L, 1);
    neap__lua_node *box = neap__lua_box(L, sizeof *box, 1, BOX_NODE);
    box->node = n;
    box->graph = graph;
    lua_pushvalue(L, owner);
    lua_setiuservalue(L, -2, 1);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, -3, n);
    lua_remove(L, -2);
    neap__lua_weigh(neap__lua_self(L), &graph->weight, NODE_WEIGHT);
}

/* Pushes a graph that is the caller's only until the box has it. */
static void push_new_graph(lua_State *L)
{
    neap_error err = NEAP_ERROR_INIT;
    neap__lua *s = neap__lua_self(L);
    neap__lua_graph *box = neap__lua_box(L, sizeof *box, 2, BOX_GRAPH);
    lua_createtable(L, 0, 0);
    neap__lua_get(L, STATE_OBJECTS);
    lua_getmetatable(L, -1);
    lua_setmetatable(L, -3);
    lua_insert(L, -2);
    lua_setiuservalue(L, -3, 1);
    box->graph = neap_graph_new(&err);
    if (!box->graph)
        neap__lua_raise(L, &err);
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, box->graph);
    lua_pop(L, 1);
    neap__lua_weigh(s, &box->weight, GRAPH_WEIGHT);
}

static void push_default(lua_State *L)
{
    neap__lua_get(L, STATE_DEFAULT);
    if (!lua_isnil(L, -1))
        return;
    lua_pop(L, 1);
    push_new_graph(L);
    lua_pushvalue(L, -1);
    neap__lua_set(L, STATE_DEFAULT);
}

static neap__lua_graph *self(lua_State *L, const char *method)
{
    neap__lua_graph *box = neap__lua_test(L, neap__lua_self(L), 1, BOX_GRAPH);
    if (!box || !box->graph) {
        neap__lua_error(L, "graph.%s: call it with ':' on a graph, got %s", method,
                        neap__lua_type(L, 1));
    }
    return box;
}

/* ---- The graph of a call --------------------------------------------------------- */

void neap__lua_join(lua_State *L, neap__lua_home *home, const char *function, int index,
                    neap_node *n)
{
    neap_graph *g = neap_node_graph(n);
    if (!home->graph) {
        lua_getiuservalue(L, index, 1);
        lua_replace(L, home->anchor);
        home->graph = g;
    } else if (home->graph != g) {
        neap__lua_error(L, "%s: %s \"%s\" is a node of another graph", function,
                        neap_node_op(n), neap_node_name(n));
    }
}

void neap__lua_settle(lua_State *L, neap__lua_home *home)
{
    if (home->graph)
        return;
    push_default(L);
    home->graph = ((neap__lua_graph *)lua_touserdata(L, -1))->graph;
    lua_replace(L, home->anchor);
}

void neap__lua_source(lua_State *L, neap_graph *g)
{
    lua_Debug position;
    if (neap__lua_where(L, &position))
        neap_graph_set_source(g, position.short_src, position.currentline, L);
    else
        neap_graph_set_source(g, NULL, 0, L);
}

neap_node **neap__lua_nodes(lua_State *L, int index, const char *function,
                            const char *name, bool gaps, neap__lua_home *home,
                            size_t *count)
{
    const neap__lua *s = neap__lua_self(L);
    neap_error err;
    int64_t length;
    if (lua_type(L, index) != LUA_TTABLE) {
        neap__lua_error(L, "%s: argument '%s': a sequence of nodes expected, got %s",
                        function, name, neap__lua_type(L, index));
    }
    if (!neap__lua_length(L, index, INT64_MAX, &length, &err))
        neap__lua_error(L, "%s: argument '%s': %s", function, name, err.message);
    size_t capacity = 16;
    neap_node **nodes = lua_newuserdatauv(L, capacity * sizeof *nodes, 0);
    int buffer = lua_gettop(L);
    for (*count = 0; *count < (size_t)length; ++*count) {
        int type = lua_geti(L, index, (lua_Integer)*count + 1);
        neap_node *n = neap__lua_tonode(L, s, -1);
        if (n) {
            neap__lua_join(L, home, function, lua_gettop(L), n);
        } else if (!gaps || type != LUA_TBOOLEAN || lua_toboolean(L, -1)) {
            neap__lua_error(L, "%s: argument '%s': at [%I]: a node expected, got %s",
                            function, name, (LUAI_UACINT)*count + 1,
                            neap__lua_type(L, -1));
        }
        if (*count == capacity) {
            neap_node **larger = lua_newuserdatauv(L, 2 * capacity * sizeof *nodes, 0);
            memcpy(larger, nodes, capacity * sizeof *nodes);
            lua_replace(L, buffer);
            nodes = larger;
            capacity *= 2;
        }
        nodes[*count] = n;
        lua_pop(L, 1);
    }
    return nodes;
}

/* ---- Scopes ---------------------------------------------------------------------- */

/* Undoes what a call did for the time of a function, when the call ends in whatever way:
 * it is a variable to be closed. User value 1: the box of a graph. */
typedef struct guard {
    const char *mark;
    enum { GUARD_NOTHING, GUARD_DEFAULT, GUARD_FRAMES } undo;
    size_t depth; /* of scopes and controls, before the call */
} guard;

static int guard_close(lua_State *L)
{
    guard *box = neap__lua_test(L, neap__lua_self(L), 1, BOX_GUARD);
    if (!box)
        return 0;
    lua_getiuservalue(L, 1, 1);
    const neap__lua_graph *g = lua_touserdata(L, -1);
    switch (box->undo) {
    case GUARD_NOTHING:
        break;
    case GUARD_DEFAULT:
        neap__lua_set(L, STATE_DEFAULT);
        break;
    case GUARD_FRAMES: /* those too that a host's own function left open */
        neap_graph_pop_to(g->graph, box->depth);
        break;
    }
    box->undo = GUARD_NOTHING;
    return 0;
}

/* Pushes a guard that holds the value at `graph`; it does nothing until its `undo` is
 * set. */
static guard *push_guard(lua_State *L, int graph)
{
    guard *box = neap__lua_box(L, sizeof *box, 1, BOX_GUARD);
    lua_pushvalue(L, graph);
    lua_setiuservalue(L, -2, 1);
    lua_toclose(L, -1);
    return box;
}

static void check_function(lua_State *L, int index, const char *function)
{
    if (lua_type(L, index) == LUA_TFUNCTION)
        return;
    if (!luaL_getmetafield(L, index, "__call")) {
        neap__lua_error(L, "%s: a function expected, got %s", function,
                        neap__lua_type(L, index));
    }
    lua_pop(L, 1);
}

/* Calls the function at an index; its results are those of the call. The guard is on top.
 * An error which ends a coroutine closes nothing of it, so that the guard is called here. */
static int call_guarded(lua_State *L, int index)
{
    int top = lua_gettop(L);
    bool main_thread = lua_pushthread(L);
    lua_pop(L, 1);
    lua_pushvalue(L, index);
    if (main_thread) { /* with the whole stack for a traceback */
        lua_call(L, 0, LUA_MULTRET);
    } else if (lua_pcall(L, 0, LUA_MULTRET, 0) != LUA_OK) {
        luaL_getmetafield(L, top, "__close");
        lua_pushvalue(L, top);
        lua_call(L, 1, 0);
        return lua_error(L);
    }
    return lua_gettop(L) - top;
}

static int graph_as_default(lua_State *L)
{
    self(L, "as_default");
    neap__lua_most(L, "graph.as_default", 1, 1);
    if (lua_isnil(L, 2)) {
        lua_settop(L, 1);
        neap__lua_set(L, STATE_DEFAULT);
        neap__lua_get(L, STATE_DEFAULT);
        return 1;
    }
    check_function(L, 2, "graph.as_default");
    neap__lua_get(L, STATE_DEFAULT);
    guard *box = push_guard(L, 3);
    lua_pushvalue(L, 1);
    neap__lua_set(L, STATE_DEFAULT);
    box->undo = GUARD_DEFAULT;
    return call_guarded(L, 2);
}

static int name_scope(lua_State *L)
{
    neap_error err = NEAP_ERROR_INIT;
    const char *name = neap__lua_string(L, 1, "name_scope", "name");
    check_function(L, 2, "name_scope");
    neap__lua_most(L, "name_scope", 0, 2);
    push_default(L);
    neap_graph *g = ((neap__lua_graph *)lua_touserdata(L, 3))->graph;
    guard *box = push_guard(L, 3);
    box->depth = neap_graph_depth(g);
    if (neap_graph_push_scope(g, name, &err) != NEAP_OK)
        return neap__lua_raise_as(L, "name_scope", &err);
    box->undo = GUARD_FRAMES;
    return call_guarded(L, 2);
}

static int control_dependencies(lua_State *L)
{
    neap_error err = NEAP_ERROR_INIT;
    neap__lua_home home = {NULL, 3};
    size_t count;
    check_function(L, 2, "control_dependencies");
    neap__lua_most(L, "control_dependencies", 0, 2);
    lua_settop(L, 3);
    neap__lua_settle(L, &home);
    neap_node **nodes =
        neap__lua_nodes(L, 1, "control_dependencies", "nodes", false, &home, &count);
    guard *box = push_guard(L, 3);
    box->depth = neap_graph_depth(home.graph);
    if (neap_graph_push_controls(home.graph, nodes, count, &err) != NEAP_OK)
        return neap__lua_raise_as(L, "control_dependencies", &err);
    box->undo = GUARD_FRAMES;
    return call_guarded(L, 2);
}

/* ---- Fields and methods ---------------------------------------------------------- */

static int graph_new(lua_State *L)
{
    neap__lua_most(L, "graph", 0, 0);
    neap__lua_collect(L, neap__lua_self(L));
    push_new_graph(L);
    return 1;
}

static int graph_default(lua_State *L)
{
    neap__lua_most(L, "default_graph", 0, 0);
    push_default(L);
    return 1;
}

static int graph_node(lua_State *L)
{
    const neap__lua_graph *box = self(L, "node");
    neap__lua_most(L, "graph.node", 1, 1);
    neap_node *n =
        neap_graph_node(box->graph, neap__lua_string(L, 2, "graph.node", "name"));
    if (n)
        neap__lua_pushnode(L, 1, n);
    else
        lua_pushnil(L);
    return 1;
}

static void push_list(lua_State *L, neap_graph *g, neap_node_list list)
{
    size_t count = neap_graph_count(g, list);
    lua_createtable(L, count < 1 << 24 ? (int)count : 0, 0);
    for (size_t i = 0; i < count; i++) {
        neap__lua_pushnode(L, 1, neap_graph_at(g, list, i));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static const struct {
    const char *name;
    neap_node_list list;
} lists[] = {{"operations", NEAP_OPERATIONS},
             {"placeholders", NEAP_PLACEHOLDERS},
             {"variables", NEAP_VARIABLES}};

/* Upvalue 2: names of lists to numbers, names of methods to functions. */
static int graph_index(lua_State *L)
{
    const neap__lua_graph *box = self(L, "__index");
    if (lua_type(L, 2) != LUA_TSTRING)
        return 0;
    lua_pushvalue(L, 2);
    switch (lua_rawget(L, lua_upvalueindex(2))) {
    case LUA_TFUNCTION:
        return 1;
    case LUA_TNUMBER:
        push_list(L, box->graph, (neap_node_list)lua_tointeger(L, -1));
        return 1;
    default:
        return neap__lua_no_name(L, "field", "graph", lua_tostring(L, 2));
    }
}

static int graph_len(lua_State *L)
{
    lua_pushinteger(
        L, (lua_Integer)neap_graph_count(self(L, "__len")->graph, NEAP_OPERATIONS));
    return 1;
}

static int graph_tostring(lua_State *L)
{
    const neap_graph *g = self(L, "__tostring")->graph;
    lua_pushfstring(L, "graph of %I nodes, %I placeholders, %I variables",
                    (LUAI_UACINT)neap_graph_count(g, NEAP_OPERATIONS),
                    (LUAI_UACINT)neap_graph_count(g, NEAP_PLACEHOLDERS),
                    (LUAI_UACINT)neap_graph_count(g, NEAP_VARIABLES));
    return 1;
}

static int graph_newindex(lua_State *L)
{
    return neap__lua_error(L, "a graph has no fields to set");
}

static int graph_gc(lua_State *L)
{
    neap__lua *s = neap__lua_self(L);
    neap__lua_graph *box = neap__lua_test(L, s, 1, BOX_GRAPH);
    if (box) {
        neap_graph_free(box->graph);
        box->graph = NULL;
        neap__lua_unweigh(s, &box->weight);
    }
    return 0;
}

/* ---- Opening --------------------------------------------------------------------- */

static const luaL_Reg graph_metamethods[] = {{"__len", graph_len},
                                             {"__tostring", graph_tostring},
                                             {"__newindex", graph_newindex},
                                             {"__gc", graph_gc},
                                             {NULL, NULL}};
static const luaL_Reg guard_metamethods[] = {{"__close", guard_close}, {NULL, NULL}};
static const luaL_Reg graph_methods[] = {
    {"as_default", graph_as_default}, {"node", graph_node}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"graph", graph_new},
                                     {"default_graph", graph_default},
                                     {"name_scope", name_scope},
                                     {"control_dependencies", control_dependencies},
                                     {NULL, NULL}};

void neap__lua_open_graph(lua_State *L)
{
    neap__lua_metatable(L, BOX_GUARD, "guard", guard_metamethods);
    neap__lua_metatable(L, BOX_GRAPH, "graph", graph_metamethods);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_newtable(L);
    neap__lua_register(L, graph_methods);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        lua_pushinteger(L, lists[i].list);
        lua_setfield(L, -2, lists[i].name);
    }
    neap__lua_place_names(L, "graph");
    lua_pushcclosure(L, graph_index, 2);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 2);
    neap__lua_register(L, functions);
}
