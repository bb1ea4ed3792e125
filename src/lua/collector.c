/* collector.c - the collector is told what tensors weigh.
 *
 * To Lua a box of a megabyte weighs forty bytes, so that a loop which drops results would
 * fill the memory long before the collector saw a reason to run. What boxes keep alive is
 * counted instead, and told in steps, as if Lua had allocated it. One byte outside counts
 * for as much as Lua's own heap is smaller than what lies outside: when as much again has
 * been made as is alive, the collector has been told of one more heap, and by its own
 * rule (its pause) begins a cycle. So its work stays in proportion however small the heap
 * is. */
#include "lua/binding.h"

/* What may die between two cycles though nothing is alive. */
#define FLOOR ((double)(16u << 20))

void neap__lua_weigh(neap__lua *s, size_t *weight, size_t bytes)
{
    *weight += bytes;
    s->live += bytes;
    s->debt += bytes;
}

void neap__lua_unweigh(neap__lua *s, size_t *weight)
{
    s->live -= *weight;
    *weight = 0;
}

void neap__lua_collect_now(lua_State *L, neap__lua *s)
{
    double heap = lua_gc(L, LUA_GCCOUNT), kilobytes;
    kilobytes = (double)s->debt * heap / ((double)s->live + FLOOR);
    s->debt = 0; /* first: a finalizer may come here again */
    if (lua_gc(L, LUA_GCISRUNNING) == 1)
        lua_gc(L, LUA_GCSTEP,
               kilobytes < 1     ? 1
               : kilobytes > 1e6 ? 1000000
                                 : (int)kilobytes);
}

/* Boxes that nobody holds may be what fills a session to its limit. After the full
 * collection they are gone, and what is said to be alive is what a second try has to live
 * with. */
bool neap__lua_again(lua_State *L, neap__lua *s, neap_error *err)
{
    if ((err->code != NEAP_ELIMIT && err->code != NEAP_ENOMEM) || s->pending ||
        lua_gc(L, LUA_GCISRUNNING) != 1)
        return false;
    size_t before = s->live;
    s->debt = 0;
    lua_gc(L, LUA_GCCOLLECT);
    if (s->live >= before)
        return false;
    err->code = NEAP_OK;
    return true;
}
