/* control.c - what neap.cond and neap.while_loop (lua/neap/_control.lua) are built on: one
 * function for each of the core's. A body is a light userdata: the graph owns it, and the
 * module that uses these functions holds a node of the graph meanwhile. */
#include "lua/nodes.h"

/* body_begin(node, arguments): nodes are built in a new body of the node's graph, or of
 * the default one. Each argument is {dtype =, shape =}; the body, then its arguments. */
static int body_begin(lua_State *L)
{
    neap_error err = NEAP_ERROR_INIT;
    neap__lua_home home = {NULL, 3};
    lua_settop(L, 3);
    neap_node *n = neap__lua_tonode(L, neap__lua_self(L), 1);
    if (n)
        neap__lua_join(L, &home, "body_begin", 1, n);
    neap__lua_settle(L, &home);
    lua_Integer count = luaL_len(L, 2);
    neap_op_shape *shapes = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *shapes, 0);
    for (lua_Integer i = 0; i < count; i++) {
        lua_geti(L, 2, i + 1);
        lua_getfield(L, -1, "dtype");
        shapes[i].dtype = neap__lua_dtype(L, -1, "while_loop", "dtype");
        shapes[i].rank = -1;
        if (lua_getfield(L, -2, "shape") != LUA_TNIL)
            shapes[i].rank =
                neap__lua_shape(L, -1, "while_loop", "shape", shapes[i].dims);
        lua_pop(L, 3);
    }
    luaL_checkstack(L, (int)count + 4, NULL);
    neap__lua_source(L, home.graph);
    neap_body *body = neap_body_begin(home.graph, shapes, (size_t)count, &err);
    neap__lua_unsource(home.graph);
    if (!body)
        return neap__lua_raise(L, &err);
    lua_pushlightuserdata(L, body);
    for (lua_Integer i = 0; i < count; i++)
        neap__lua_pushnode(L, 3, neap_body_argument(body, (size_t)i));
    return 1 + (int)count;
}

static int body_end(lua_State *L)
{
    neap_body_end(lua_touserdata(L, 1));
    return 0;
}

static int body_resume(lua_State *L)
{
    neap_error err = NEAP_ERROR_INIT;
    return neap_body_resume(lua_touserdata(L, 1), &err) ? neap__lua_raise(L, &err) : 0;
}

/* The nodes that a branch or loop gives, as so many values. */
static int push_outputs(lua_State *L, int owner, neap_node *const *outputs, size_t count)
{
    luaL_checkstack(L, (int)count + 4, NULL);
    for (size_t i = 0; i < count; i++)
        neap__lua_pushnode(L, owner, outputs[i]);
    return (int)count;
}

/* cond(pred, then_body, then_results, else_body, else_results) */
static int cond(lua_State *L)
{
    neap_error err = NEAP_ERROR_INIT;
    neap__lua_home home = {NULL, 6};
    size_t count, other;
    lua_settop(L, 6);
    neap_node *pred = neap__lua_tonode(L, neap__lua_self(L), 1);
    neap__lua_join(L, &home, "cond", 1, pred);
    neap_node **then_results =
        neap__lua_nodes(L, 3, "cond", "then_fn", false, &home, &count);
    neap_node **else_results =
        neap__lua_nodes(L, 5, "cond", "else_fn", false, &home, &other);
    neap_node **outputs = lua_newuserdatauv(L, (count + 1) * sizeof *outputs, 0);
    neap__lua_source(L, home.graph);
    int code = neap_cond(home.graph, pred, lua_touserdata(L, 2), then_results,
                         lua_touserdata(L, 4), else_results, count, outputs, &err);
    neap__lua_unsource(home.graph);
    return code ? neap__lua_raise(L, &err) : push_outputs(L, 6, outputs, count);
}

/* while_loop(condition, result, body, results, loop_vars, maximum_iterations) */
static int while_loop(lua_State *L)
{
    neap_error err = NEAP_ERROR_INIT;
    neap__lua_home home = {NULL, 7};
    size_t count, vars;
    lua_settop(L, 7);
    neap_node *result = neap__lua_tonode(L, neap__lua_self(L), 2);
    neap__lua_join(L, &home, "while_loop", 2, result);
    neap_node **results =
        neap__lua_nodes(L, 4, "while_loop", "body_fn", false, &home, &count);
    neap_node **loop_vars =
        neap__lua_nodes(L, 5, "while_loop", "loop_vars", false, &home, &vars);
    neap_node **outputs = lua_newuserdatauv(L, (count + 1) * sizeof *outputs, 0);
    neap__lua_source(L, home.graph);
    int code =
        neap_while_loop(home.graph, lua_touserdata(L, 1), result, lua_touserdata(L, 3),
                        results, loop_vars, count, lua_tointeger(L, 6), outputs, &err);
    neap__lua_unsource(home.graph);
    return code ? neap__lua_raise(L, &err) : push_outputs(L, 7, outputs, count);
}

static const luaL_Reg functions[] = {{"body_begin", body_begin},   {"body_end", body_end},
                                     {"body_resume", body_resume}, {"cond", cond},
                                     {"while_loop", while_loop},   {NULL, NULL}};

void neap__lua_open_control(lua_State *L) { neap__lua_register(L, functions); }
