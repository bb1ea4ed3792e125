/* module.c - opening neap in a Lua state; the state of the binding; the Lua modules
 * inside.
 *
 * The binding's state is a userdata in the registry, under an address of this copy of
 * neap: another copy in the same process has its own, and neither takes the other's
 * objects. Opening again finds it and gives the same module. */
#include "lua/binding.h"

#include <string.h>

const char neap__lua_marks[BOX_KINDS] = {0};

/* ---- The state ------------------------------------------------------------------- */

neap__lua *neap__lua_pushstate(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, neap__lua_marks);
    return lua_touserdata(L, -1);
}

void neap__lua_register(lua_State *L, const luaL_Reg *functions)
{
    for (; functions->name; functions++) {
        lua_pushvalue(L, lua_upvalueindex(1));
        lua_pushcclosure(L, functions->func, 1);
        lua_setfield(L, -2, functions->name);
    }
}

void neap__lua_metatable(lua_State *L, int kind, const char *name,
                         const luaL_Reg *functions)
{
    lua_newtable(L);
    lua_pushfstring(L, "neap.%s " NEAP_VERSION, name);
    lua_setfield(L, -2, "__name");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    neap__lua_register(L, functions);
    neap__lua_self(L)->metatables[kind] = lua_topointer(L, -1);
    lua_pushvalue(L, -1);
    neap__lua_set(L, kind);
}

void *neap__lua_box(lua_State *L, size_t size, int values, int kind)
{
    const char **mark = lua_newuserdatauv(L, size, values);
    memset(mark, 0, size);
    *mark = &neap__lua_marks[kind];
    neap__lua_get(L, kind);
    lua_setmetatable(L, -2);
    return mark;
}

/* ---- The Lua modules ------------------------------------------------------------- */

/* Upvalue 2: the place of the module in neap__lua_modules. Loads it at the first need; it
 * gets the functions that it is built on as its argument. */
static int load_module(lua_State *L)
{
    const struct neap__lua_module *m =
        &neap__lua_modules[lua_tointeger(L, lua_upvalueindex(2))];
    neap__lua_get(L, STATE_MODULES);
    if (lua_getfield(L, -1, m->name) != LUA_TNIL)
        return 1;
    lua_pop(L, 1);
    lua_pushfstring(L, MODULE_CHUNK "%s", m->name);
    if (luaL_loadbufferx(L, m->source, m->length, lua_tostring(L, -1), "t") != LUA_OK)
        return lua_error(L);
    neap__lua_pushcore(L);
    lua_call(L, 1, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, -4, m->name);
    return 1;
}

/* Pushes the loader of a module. */
static void push_loader(lua_State *L, int index)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushinteger(L, index);
    lua_pushcclosure(L, load_module, 2);
}

/* `__index` of the module's table: neap.train and its like, loaded when they are asked
 * for. */
static int module_index(lua_State *L)
{
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : NULL;
    for (int i = 0; name && neap__lua_modules[i].name; i++) {
        if (!strcmp(neap__lua_modules[i].name + sizeof "neap", name)) {
            push_loader(L, i);
            lua_call(L, 0, 1);
            return 1;
        }
    }
    return name ? neap__lua_error(L, "no function or module '%s' in neap", name) : 0;
}

/* `require "neap.train"` finds the same, without a file. */
static void preload_modules(lua_State *L)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    for (int i = 0; neap__lua_modules[i].name; i++) {
        push_loader(L, i);
        lua_setfield(L, -2, neap__lua_modules[i].name);
    }
    lua_pop(L, 1);
}

/* ---- Opening --------------------------------------------------------------------- */

/* With the state as upvalue 1. Returns the module's table. */
static int open_module(lua_State *L)
{
    neap__lua *s = neap__lua_self(L);
    lua_newtable(L); /* the objects: weak values */
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    neap__lua_set(L, STATE_OBJECTS);
    lua_newtable(L);
    neap__lua_set(L, STATE_MODULES);

    lua_newtable(L);
    s->module = lua_topointer(L, -1);
    lua_pushvalue(L, -1);
    neap__lua_set(L, STATE_MODULE);
    neap__lua_open_graph(L);
    neap__lua_open_ops(L);
    neap__lua_open_special(L);
    neap__lua_open_call(L);
    neap__lua_open_node(L);
    neap__lua_open_tensor(L);
    neap__lua_open_pack(L);
    neap__lua_open_session(L);
    neap__lua_open_callable(L);
    neap__lua_open_host(L);
    neap__lua_open_help(L);
    lua_pushliteral(L, NEAP_VERSION);
    lua_setfield(L, -2, "version");

    lua_createtable(L, 0, 2);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushcclosure(L, module_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "neap " NEAP_VERSION);
    lua_setfield(L, -2, "__name");
    lua_setmetatable(L, -2);
    return 1;
}

/* With the state as upvalue 1: the module's table, which is there. */
static int reopen_module(lua_State *L)
{
    preload_modules(L);
    neap__lua_get(L, STATE_MODULE);
    return 1;
}

int luaopen_neap(lua_State *L)
{
    luaL_checkversion(L);
    luaL_checkstack(L, 16, NULL);
    if (!neap__lua_pushstate(L)) {
        lua_pop(L, 1);
        neap__lua *s = lua_newuserdatauv(L, sizeof *s, STATE_VALUES);
        memset(s, 0, sizeof *s);
        lua_pushvalue(L, -1);
        lua_pushcclosure(L, open_module, 1);
        lua_call(L, 0, 0);
        lua_pushvalue(L, -1); /* only a state that is whole is kept */
        lua_rawsetp(L, LUA_REGISTRYINDEX, neap__lua_marks);
    }
    lua_pushcclosure(L, reopen_module, 1);
    lua_call(L, 0, 1);
    return 1;
}
