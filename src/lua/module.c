/* module.c - opening neap in a Lua state: what every other file registers comes together
 * here, with the Lua modules inside. Opening again finds the binding's state, and gives the
 * same module. */
#include "lua/sessions.h"
#include "lua/values.h"

#include <string.h>

/* ---- The Lua modules ------------------------------------------------------------- */

/* A module whose name begins with an underscore is for the other ones alone. */
static const char *module_name(const struct neap__lua_module *m)
{
    return m->name + sizeof "neap";
}
static bool is_public(const struct neap__lua_module *m)
{
    return module_name(m)[0] != '_';
}

static void push_loader(lua_State *L, int index);

/* Pushes what a module gets as its argument: the functions that it is built on, neap
 * itself, and the modules for modules: `core.check` is neap._check. */
static void push_core(lua_State *L, const struct neap__lua_module *m)
{
    lua_newtable(L);
    neap__lua_open_core(L);
    neap__lua_open_train(L);
    neap__lua_open_control(L);
    neap__lua_get(L, STATE_MODULE);
    lua_setfield(L, -2, "neap");
    for (int i = 0; is_public(m) && neap__lua_modules[i].name; i++) {
        if (is_public(&neap__lua_modules[i]))
            continue;
        push_loader(L, i);
        lua_call(L, 0, 1);
        lua_setfield(L, -2, module_name(&neap__lua_modules[i]) + 1);
    }
}

/* The module's table at the top raises from now on for a name that it has not. */
static void close_names(lua_State *L, const struct neap__lua_module *m)
{
    lua_pushfstring(L, "%s.", m->name);
    lua_pushvalue(L, -2);
    neap__lua_place_names(L, lua_tostring(L, -2));
    lua_pop(L, 2);
    lua_createtable(L, 0, 2);
    neap__lua_refuse_names(L, "function", m->name);
    lua_pushstring(L, m->name);
    lua_setfield(L, -2, "__name");
    lua_setmetatable(L, -2);
}

/* Upvalue 2: the place of the module in neap__lua_modules. Loads it at the first need. */
static int load_module(lua_State *L)
{
    const struct neap__lua_module *m =
        &neap__lua_modules[lua_tointeger(L, lua_upvalueindex(2))];
    lua_settop(L, 0);
    neap__lua_get(L, STATE_MODULES);
    if (lua_getfield(L, 1, m->name) != LUA_TNIL)
        return 1;
    lua_settop(L, 1);
    lua_pushfstring(L, MODULE_CHUNK "%s", m->name);
    if (luaL_loadbufferx(L, m->source, m->length, lua_tostring(L, 2), "t") != LUA_OK)
        return lua_error(L);
    push_core(L, m);
    lua_call(L, 1, 1);
    if (is_public(m))
        close_names(L, m);
    lua_pushvalue(L, -1);
    lua_setfield(L, 1, m->name);
    return 1;
}

/* Pushes the loader of a module. */
static void push_loader(lua_State *L, int index)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushinteger(L, index);
    lua_pushcclosure(L, load_module, 2);
}

/* The functions of neap that are written in Lua, and where. */
static const struct {
    const char *name, *module;
} written_in_lua[] = {{"cond", "neap._control"}, {"while_loop", "neap._control"}};

static bool push_written(lua_State *L, const char *name)
{
    const size_t count = sizeof written_in_lua / sizeof *written_in_lua;
    size_t which = 0;
    while (which < count && strcmp(written_in_lua[which].name, name))
        which++;
    for (int i = 0; which < count && neap__lua_modules[i].name; i++) {
        if (strcmp(neap__lua_modules[i].name, written_in_lua[which].module))
            continue;
        push_loader(L, i);
        lua_call(L, 0, 1);
        lua_getfield(L, -1, name);
        lua_pushvalue(L, 2);
        lua_pushvalue(L, -2);
        lua_rawset(L, 1); /* found at once from now on */
        return true;
    }
    return false;
}

/* `__index` of the module's table: neap.train and its like, loaded when they are asked
 * for. */
static int module_index(lua_State *L)
{
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : NULL;
    if (name && push_written(L, name))
        return 1;
    for (int i = 0; name && neap__lua_modules[i].name; i++) {
        if (!strcmp(module_name(&neap__lua_modules[i]), name) &&
            is_public(&neap__lua_modules[i])) {
            push_loader(L, i);
            lua_call(L, 0, 1);
            return 1;
        }
    }
    return name ? neap__lua_no_name(L, "function or module", "neap", name) : 0;
}

/* `require "neap.train"` finds the same, without a file. */
static void preload_modules(lua_State *L)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    for (int i = 0; neap__lua_modules[i].name; i++) {
        if (is_public(&neap__lua_modules[i])) {
            push_loader(L, i);
            lua_setfield(L, -2, neap__lua_modules[i].name);
        }
    }
    lua_pop(L, 1);
}

/* ---- Opening --------------------------------------------------------------------- */

static void push_weak_table(lua_State *L, const char *mode)
{
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushstring(L, mode);
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
}

/* With the state as upvalue 1. Gives the state its finalizer, before any box is made:
 * see boxes.c. */
static void set_finalizer(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushcclosure(L, neap__lua_close, 1);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

/* With the state as upvalue 1. Returns the module's table. */
static int open_module(lua_State *L)
{
    neap__lua *s = neap__lua_self(L);
    set_finalizer(L);
    push_weak_table(L, "v");
    neap__lua_set(L, STATE_OBJECTS);
    push_weak_table(L, "k");
    neap__lua_set(L, STATE_LATE);
    lua_newtable(L);
    neap__lua_set(L, STATE_MODULES);
    lua_newtable(L);
    neap__lua_set(L, STATE_PLACES);

    lua_newtable(L);
    s->module = lua_topointer(L, -1);
    lua_pushvalue(L, -1);
    neap__lua_set(L, STATE_MODULE);
    neap__lua_place_names(L, "neap.");
    neap__lua_open_tensor(L);
    neap__lua_open_graph(L);
    neap__lua_open_node(L);
    neap__lua_open_ops(L);
    neap__lua_open_operators(L);
    neap__lua_open_special(L);
    neap__lua_open_call(L);
    neap__lua_open_gradients(L);
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
