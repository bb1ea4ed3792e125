/* call.c - neap.call: operations by name, with the arguments that neap.OP takes.
 *
 * Functions of built-in operations and of those written in Lua (the last that was defined
 * of a name) are in a table of the state. An operation that a host registered belongs to
 * a graph: that of the nodes among the arguments, else the default. */
#include "lua/nodes.h"

#include <string.h>

/* The record of a host's operation, the names that it points to, their text. */
static const neap__lua_op *push_record(lua_State *L, const neap_op_info *info)
{
    const size_t names =
        (size_t)neap__lua_words(info->inputs) + info->attribute_count + 1;
    neap__lua_op *op = lua_newuserdatauv(
        L, sizeof *op + names * sizeof(char *) + strlen(info->inputs) + 1, 0);
    const char **to = (const char **)(op + 1);
    char *text = (char *)(to + names);
    neap__lua_describe(op, info, &to, &text);
    return op;
}

static neap_node *node_in(lua_State *L, const neap__lua *s, int index)
{
    neap_node *n = neap__lua_tonode(L, s, index);
    if (n || lua_type(L, index) != LUA_TTABLE)
        return n;
    lua_pushnil(L);
    while (!n && lua_next(L, index)) {
        n = neap__lua_tonode(L, s, -1);
        lua_pop(L, n ? 2 : 1);
    }
    return n;
}

/* The graph whose operations are meant. */
static neap_graph *graph_of(lua_State *L, int last)
{
    const neap__lua *s = neap__lua_self(L);
    for (int i = 1; i <= last; i++) {
        neap_node *n = node_in(L, s, i);
        if (n)
            return neap_node_graph(n);
    }
    neap__lua_home home = {NULL, last + 1};
    lua_pushnil(L);
    neap__lua_settle(L, &home);
    lua_settop(L, last);
    return home.graph;
}

static int unknown(lua_State *L, const char *name)
{
    neap__lua_guess g = {.wanted = name};
    for (size_t i = 0; i < neap_op_count(); i++) {
        if (!(neap_op_at(i)->flags & NEAP_OP_INTERNAL))
            neap__lua_near(&g, "", "", neap_op_at(i)->name, false);
    }
    neap__lua_get(L, STATE_FUNCTIONS); /* those written in Lua too */
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_pop(L, 1);
        neap__lua_near(&g, "", "", lua_tostring(L, -1), false);
    }
    return neap__lua_error(L, "call: unknown operation '%s'%s", name,
                           neap__lua_guessed(L, &g));
}

/* call(name, inputs…, attributes…) */
static int call(lua_State *L)
{
    const char *name = neap__lua_string(L, 1, "call", "name");
    int last = lua_gettop(L);
    luaL_checkstack(L, 8, NULL);
    neap__lua_get(L, STATE_FUNCTIONS);
    if (lua_getfield(L, -1, name) == LUA_TNIL) {
        lua_settop(L, last);
        neap_graph *g = graph_of(L, last);
        const neap_op_info *info = neap_graph_op(g, name);
        if (!info)
            return unknown(L, name);
        lua_pushvalue(L, lua_upvalueindex(1));
        push_record(L, info);
        lua_pushcclosure(L, neap__lua_build, 2);
    }
    lua_replace(L, 1); /* the name, which the function's own table of names outlives */
    lua_settop(L, last);
    lua_call(L, last - 1, LUA_MULTRET);
    return lua_gettop(L);
}

void neap__lua_name_function(lua_State *L, const char *name)
{
    if (neap_op_find(name))
        return;
    neap__lua_get(L, STATE_FUNCTIONS);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

static const luaL_Reg functions[] = {{"call", call}, {NULL, NULL}};

void neap__lua_open_call(lua_State *L)
{
    const int module = lua_gettop(L);
    lua_newtable(L);
    for (size_t i = 0; i < neap_op_count(); i++) {
        const char *name = neap_op_at(i)->name;
        if (lua_getfield(L, module, name) == LUA_TFUNCTION)
            lua_setfield(L, -2, name);
        else
            lua_pop(L, 1);
    }
    neap__lua_set(L, STATE_FUNCTIONS);
    neap__lua_register(L, functions);
}
