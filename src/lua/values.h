/* values.h - Lua values and tensors: each becomes the other. */
#ifndef NEAP_LUA_VALUES_H
#define NEAP_LUA_VALUES_H

#include "lua/binding.h"

/* ---- Values (value.c) ------------------------------------------------------------ */

/* The tensor of a Lua value, of `dtype` if that is not NEAP_DTYPE_NONE: a new reference.
 * NULL with an error that says where in the value, and does not name the function. May
 * run metamethods and raise; `*ran` (may be NULL) is whether it did run any. */
neap_tensor *neap__lua_read(lua_State *L, int index, neap_dtype dtype, bool *ran,
                            neap_error *err);
/* Writes a plain value of the very shape into a tensor that is the caller's alone. False
 * if it is anything else, or wrong: neap__lua_read tells. Runs no Lua code and raises
 * nothing. */
bool neap__lua_refill(lua_State *L, int index, neap_tensor *t);
/* Around the storing of numbers, for the host may round otherwise: round to nearest,
 * which returns the mode to go back to. Nothing between the two runs Lua code or
 * raises. */
int neap__lua_round_nearest(void);
void neap__lua_round_again(int mode);
/* Whether a tensor is a Lua number, integer or boolean: it has rank 0, and is not one of
 * the integers of uint64 from 2^63 on, which Lua has not. */
bool neap__lua_isscalar(const neap_tensor *t);
/* Whether every value of the node will be such a one, or none. */
bool neap__lua_needsnobox(const neap_node *n);
/* Pushes element `index` as a number, integer or boolean; an integer that Lua has not as
 * a tensor of rank 0, for which there may be no memory: then this raises. */
void neap__lua_pushelement(lua_State *L, neap_dtype dtype, const void *data,
                           int64_t index);

/* ---- Tensors (tensor.c) ---------------------------------------------------------- */

void neap__lua_open_tensor(lua_State *L);

#endif
