/* state.c - the state of the binding, and how functions come to it.
 *
 * It is a userdata in the registry, under an address of this copy of neap: another copy in
 * the same process has its own, and neither takes the other's objects. */
#include "lua/binding.h"

const char neap__lua_marks[BOX_KINDS] = {0};

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
