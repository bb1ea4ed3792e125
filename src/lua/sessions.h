/* sessions.h - sessions, their callables, and what a run takes and gives. */
#ifndef NEAP_LUA_SESSIONS_H
#define NEAP_LUA_SESSIONS_H

#include "lua/nodes.h"

/* ---- Sessions (session.c, callable.c, fetch.c) ----------------------------------- */

enum {
    SESSION_GRAPH = 1,
    SESSION_PACK,
    SESSION_CALLABLES,
    SESSION_LOG,
    SESSION_VALUES = 4
};

/* The arrays of a run, which owns the tensors in them: they go with it if Lua raises. A
 * session keeps one for its next run. */
typedef struct neap__lua_pack {
    const char *mark;
    bool busy;
    size_t capacity; /* of each array, which lie behind the struct */
    size_t feed_count, fetch_count;
    neap_feed *feeds;
    neap_node **fetches;
    neap_tensor **out;
    neap__lua_tensor **boxes; /* for out[i]; NULL: a number, or nothing */
    bool *made; /* feeds[i].value is a copy of ours, which may be written again */
} neap__lua_pack;

/* Pushes a pack for a run of the session at an index: its own, or a new one while that is
 * busy. */
neap__lua_pack *neap__lua_takepack(lua_State *L, int session);
/* Done: large copies are released, small ones kept for the next run. */
void neap__lua_endpack(neap__lua_pack *p);
/* Room for one entry more in each array; the pack at the index may be replaced. */
neap__lua_pack *neap__lua_growpack(lua_State *L, int index, size_t entries);

/* Reads what to fetch at `index` into the pack at index `pack`, and pushes two values:
 * the results, in the structure of the fetches, with a box or false for each; and the
 * places of those. With `copy` the first is instead a copy of the fetches themselves. */
neap__lua_pack *neap__lua_fetches(lua_State *L, int index, int pack, neap_graph *g,
                                  const char *function, bool copy);
/* Puts what the core gave where it belongs. Allocates nothing, cannot fail. `results` is
 * the index of the first of the two values; at its end it holds what is returned. */
void neap__lua_place(lua_State *L, neap__lua_pack *p, int results);

void neap__lua_open_pack(lua_State *L);
void neap__lua_open_session(lua_State *L);
int neap__lua_callable(lua_State *L); /* session:callable */
int neap__lua_adopt(lua_State *L);    /* a light userdata, the session of a host */
void neap__lua_open_callable(lua_State *L);
/* Frees a callable's hold on the session. */
void neap__lua_endcallable(lua_State *L, int index);

#endif
