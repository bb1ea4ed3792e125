/* embed.c - neap_lua.h: objects pass between a host written in C and its Lua state. */
#include "lua/sessions.h"

/* The box of a kind at an index, NULL if there is none; raises nothing. */
static void *box_at(lua_State *L, int index, int kind)
{
    if (lua_type(L, index) != LUA_TUSERDATA || !lua_checkstack(L, 2))
        return NULL;
    index = lua_absindex(L, index);
    const neap__lua *s = neap__lua_pushstate(L);
    void *box = s ? neap__lua_test(L, s, index, kind) : NULL;
    lua_pop(L, 1);
    return box;
}

neap_graph *neap_lua_tograph(lua_State *L, int index)
{
    const neap__lua_graph *box = box_at(L, index, BOX_GRAPH);
    return box ? box->graph : NULL;
}

neap_node *neap_lua_tonode(lua_State *L, int index)
{
    return neap__lua_nodeof(box_at(L, index, BOX_NODE));
}

neap_session *neap_lua_tosession(lua_State *L, int index)
{
    const neap__lua_session *box = box_at(L, index, BOX_SESSION);
    return box ? box->session : NULL;
}

neap_tensor *neap_lua_totensor(lua_State *L, int index)
{
    const neap__lua_tensor *box = box_at(L, index, BOX_TENSOR);
    return box ? box->tensor : NULL;
}

/* ---- Pushing: by functions that have the state as their upvalue ------------------ */

static int push_graph(lua_State *L)
{
    neap__lua_pushgraph(L, lua_touserdata(L, 1));
    return 1;
}

static int push_node(lua_State *L)
{
    neap_node *n = lua_touserdata(L, 1);
    neap__lua_pushgraph(L, neap_node_graph(n));
    neap__lua_pushnode(L, 2, n);
    return 1;
}

static int push_tensor(lua_State *L)
{
    neap_tensor *t = lua_touserdata(L, 1);
    neap__lua_tensor *box = neap__lua_newtensor(L);
    neap__lua_fill(neap__lua_self(L), box, neap_tensor_retain(t));
    return 1;
}

static void push(lua_State *L, lua_CFunction function, void *object)
{
    luaL_checkstack(L, 4, NULL);
    if (!object) {
        lua_pushnil(L);
        return;
    }
    if (!neap__lua_pushstate(L))
        luaL_error(L, "neap is not open in this Lua state");
    lua_pushcclosure(L, function, 1);
    lua_pushlightuserdata(L, object);
    lua_call(L, 1, 1);
}

void neap_lua_pushgraph(lua_State *L, neap_graph *g) { push(L, push_graph, g); }
void neap_lua_pushnode(lua_State *L, neap_node *n) { push(L, push_node, n); }
void neap_lua_pushtensor(lua_State *L, neap_tensor *t) { push(L, push_tensor, t); }
void neap_lua_pushsession(lua_State *L, neap_session *s) { push(L, neap__lua_adopt, s); }

void *neap_lua_caller(lua_State *L) { return L; }
