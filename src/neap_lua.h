/* neap_lua.h - neap inside a host that has a Lua state of its own.
 *
 * The module is opened as any of Lua's own:
 *
 *     luaL_requiref(L, "neap", luaopen_neap, 0);
 *     lua_pop(L, 1);
 *
 * after which `require "neap"` finds it in package.loaded; or it is put into
 * package.preload first, and opened by the script that asks for it. It may be opened
 * again in the same state, and gives the same types. A library that holds neap's core and
 * this binding needs no file.
 *
 * Objects pass between C and Lua by the functions below. They tell objects of this copy
 * of neap from everything else, other copies in the same process included. A graph,
 * tensor or session is used by C and Lua at the same time under the rules of neap.h; a
 * Lua state, as ever, by one thread at a time. */
#ifndef NEAP_LUA_H
#define NEAP_LUA_H

#include "neap.h"

#ifdef __cplusplus
#include <lua.hpp>
extern "C" {
#else
#include <lua.h>
#endif

/* Pushes the module. A lua_CFunction; raises when there is no memory or when the Lua
 * library is not the one that this was compiled for. */
NEAP_API int luaopen_neap(lua_State *L);

/* What lies at a stack index, NULL if it is anything else, a closed session included. The
 * result is borrowed: it lives as long as the Lua value does. Retain a graph or tensor to
 * keep it longer; a session belongs to Lua, whose script may close it. Never raise. */
NEAP_API neap_graph *neap_lua_tograph(lua_State *L, int index);
NEAP_API neap_node *neap_lua_tonode(lua_State *L, int index);
NEAP_API neap_session *neap_lua_tosession(lua_State *L, int index);
NEAP_API neap_tensor *neap_lua_totensor(lua_State *L, int index);

/* Push an object, or nil for NULL. Lua takes a reference of its own to the graph, to the
 * node's graph or to the tensor, and drops it when the value is collected. One graph, and
 * one node, is one value in a Lua state, so that they can be keys of a table; a tensor of
 * rank 0 stays a tensor. They raise, as Lua's own functions do, when there is no memory
 * or when neap is not open in this state; the caller's reference is then as it was. */
NEAP_API void neap_lua_pushgraph(lua_State *L, neap_graph *g);
NEAP_API void neap_lua_pushnode(lua_State *L, neap_node *n);
NEAP_API void neap_lua_pushtensor(lua_State *L, neap_tensor *t);
/* Gives a session to Lua, which frees it when it is closed or collected; once, and never
 * one that C goes on to free. If this raises, the session is still the caller's. */
NEAP_API void neap_lua_pushsession(lua_State *L, neap_session *s);

/* To be the `caller` of neap_run_options when C runs a session whose graph has operations
 * written in Lua, or whose log is a Lua function: the state itself. Without it such an
 * operation fails, and such a log is silent. */
NEAP_API void *neap_lua_caller(lua_State *L);

#ifdef __cplusplus
}
#endif

#endif
