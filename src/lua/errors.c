/* errors.c - the one place that raises, and the one that calls Lua back.
 *
 * An error begins with the position of the nearest Lua function outside neap. A callback
 * (an operation written in Lua, a log) runs protected: its error object stays in the
 * binding's state, with a traceback, while the core unwinds with a status; then it is
 * raised again. */
#include "lua/binding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool neap__lua_where(lua_State *L, lua_Debug *position)
{
    for (int level = 1; lua_getstack(L, level, position); level++) {
        lua_getinfo(L, "Sl", position);
        if (position->currentline > 0 &&
            strncmp(position->source, MODULE_CHUNK, sizeof MODULE_CHUNK - 1))
            return true;
    }
    return false;
}

/* Raises the message at the top of the stack. */
static int raise_message(lua_State *L)
{
    lua_Debug position;
    if (neap__lua_where(L, &position)) {
        lua_pushfstring(L, "%s:%d: ", position.short_src, position.currentline);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

int neap__lua_error(lua_State *L, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    lua_pushvfstring(L, format, list);
    va_end(list);
    return raise_message(L);
}

/* What a C function said, without its name in front, which means nothing in Lua. */
static const char *without_name(const char *text)
{
    size_t name = strspn(text, "_abcdefghijklmnopqrstuvwxyz");
    if (!strncmp(text, "neap_", 5) && !strncmp(text + name, ": ", 2))
        text += name + 2;
    return text;
}

int neap__lua_raise(lua_State *L, const neap_error *err)
{
    lua_pushstring(L, without_name(err->message));
    return raise_message(L);
}

int neap__lua_raise_as(lua_State *L, const char *function, const neap_error *err)
{
    return neap__lua_error(L, "%s: %s", function, without_name(err->message));
}

int neap__lua_raise_run(lua_State *L, const neap_error *err)
{
    neap__lua *s = neap__lua_self(L);
    if (!s->pending)
        return neap__lua_raise(L, err);
    s->pending = false;
    neap__lua_get(L, STATE_TRACEBACK);
    neap__lua_get(L, STATE_PENDING);
    lua_pushnil(L);
    neap__lua_set(L, STATE_PENDING);
    lua_pushnil(L);
    neap__lua_set(L, STATE_TRACEBACK);
    if (lua_type(L, -1) != LUA_TSTRING)
        return lua_error(L);
    lua_pop(L, 1);
    lua_pushfstring(L, "%s\n%s", err->message, luaL_optstring(L, -1, ""));
    return raise_message(L);
}

int neap__lua_tell(neap_error *err, int code, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    err->code = code;
    vsnprintf(err->message, sizeof err->message, format, list);
    va_end(list);
    return code;
}

const char *neap__lua_type(lua_State *L, int index)
{
    static const char *const names[BOX_KINDS] = {NULL,     "graph",   "node",
                                                 "tensor", "session", "callable",
                                                 "pack",   "guard",   "operation"};
    const neap__lua *s = neap__lua_self(L);
    const neap__lua_graph *graph = neap__lua_test(L, s, index, BOX_GRAPH);
    const neap__lua_node *node = neap__lua_test(L, s, index, BOX_NODE);
    if (graph && !graph->graph)
        return "finalized graph";
    if (node && !neap__lua_nodeof(node))
        return "node of a finalized graph";
    for (int kind = BOX_GRAPH; kind < BOX_KINDS; kind++) {
        if (neap__lua_test(L, s, index, kind))
            return names[kind];
    }
    if (lua_type(L, index) == LUA_TNONE)
        return "nothing";
    if (luaL_getmetafield(L, index, "__name") != LUA_TNIL) {
        /* The name stays alive with its metatable, which stays with the value. */
        const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
        lua_pop(L, 1);
        if (name)
            return name;
    }
    return luaL_typename(L, index);
}

/* ---- Callbacks ------------------------------------------------------------------- */

#define TRACEBACK "\nstack traceback:\n" /* as luaL_traceback begins */

/* A message handler: notes where the error was raised, and leaves the error object
 * alone. Of a run within a run the inner one has told that already. */
static int note_traceback(lua_State *L)
{
    const char *text = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : "";
    const char *inner = strstr(text, TRACEBACK);
    if (inner)
        lua_pushstring(L, inner + 1);
    else
        luaL_traceback(L, L, NULL, 1);
    neap__lua_set(L, STATE_TRACEBACK);
    lua_settop(L, 1);
    return 1;
}

/* Tells the error string at the top without its traceback. What is too long loses its
 * middle: it ends with its cause. */
static void tell_string(lua_State *L, neap_error *err)
{
    const char *text = lua_tostring(L, -1), *end = strstr(text, TRACEBACK);
    const size_t length = end ? (size_t)(end - text) : strlen(text);
    size_t head = sizeof err->message / 4, tail = length - sizeof err->message / 2;
    if (length < sizeof err->message) {
        neap__lua_tell(err, NEAP_EARG, "%.*s", (int)length, text);
        return;
    }
    while (head && ((unsigned char)text[head] & 0xC0) == 0x80) /* no half characters */
        head--;
    while (tail < length && ((unsigned char)text[tail] & 0xC0) == 0x80)
        tail++;
    neap__lua_tell(err, NEAP_EARG, "%.*s ... %.*s", (int)head, text, (int)(length - tail),
                   text + tail);
}

bool neap__lua_protected(lua_State *L, int arguments, int results, neap_error *err)
{
    neap__lua *s = neap__lua_self(L);
    int handler = lua_gettop(L) - arguments;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushcclosure(L, note_traceback, 1);
    lua_insert(L, handler);
    bool fine = lua_pcall(L, arguments, results, handler) == LUA_OK;
    lua_remove(L, handler);
    if (fine)
        return true;
    s->pending = true;
    if (lua_type(L, -1) == LUA_TSTRING)
        tell_string(L, err);
    else
        neap__lua_tell(err, NEAP_EARG, "an error that is a %s", luaL_typename(L, -1));
    neap__lua_set(L, STATE_PENDING);
    return false;
}
