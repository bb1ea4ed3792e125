/* boxes.c - boxes: the userdata that hold what is neap's; what they weigh, which the
 * collector is told; and what it leaves behind, which is freed.
 *
 * To Lua a box of a megabyte weighs forty bytes, so that a loop which drops results would
 * fill the memory long before the collector saw a reason to run. What boxes keep alive is
 * counted instead, and told in steps, as if Lua had allocated it. One byte outside counts
 * for as much as Lua's own heap is smaller than what lies outside: when as much again has
 * been made as is alive, the collector has been told of one more heap, and by its own
 * rule (its pause) begins a cycle. So its work stays in proportion however small the heap
 * is.
 *
 * Its own rule may also be to wait for more than it is ever told: after a collection that
 * freed little, in its generational mode, for twice the bytes that there were before. So
 * what is alive is watched: when it has grown to twice what it was at least since the last
 * time, and EXCESS or a heap more, a whole collection is asked for. Each costs a walk of
 * the heap, and follows on as many new bytes as that. */
#include "lua/binding.h"

#include <string.h>

/* What may die between two cycles though nothing is alive. */
#define FLOOR ((double)(16u << 20))
/* What may pile up before a collection is asked for. */
#define EXCESS ((size_t)64 << 20)

/* ---- Weights --------------------------------------------------------------------- */

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

/* Its memory counts the results that it gave, too, which weigh for themselves. */
void neap__lua_weigh_session(neap__lua *s, neap__lua_session *box)
{
    if (!box->session)
        return;
    const size_t memory = neap_session_memory(box->session).current;
    size_t bytes = memory > s->tensors ? memory - s->tensors : 0;
    if (bytes < SESSION_WEIGHT)
        bytes = SESSION_WEIGHT;
    if (bytes > box->weight) {
        neap__lua_weigh(s, &box->weight, bytes - box->weight);
    } else {
        s->live -= box->weight - bytes;
        box->weight = bytes;
    }
}

void neap__lua_weigh_graph(lua_State *L, int index, size_t bytes)
{
    neap__lua_graph *box = lua_touserdata(L, index);
    neap__lua_weigh(neap__lua_self(L), &box->weight, bytes);
}

void neap__lua_collect_now(lua_State *L, neap__lua *s)
{
    const double debt = (double)s->debt;
    s->debt = 0; /* first: a finalizer may come here again */
    if (lua_gc(L, LUA_GCISRUNNING) != 1)
        return;
    const double heap = lua_gc(L, LUA_GCCOUNT);
    const double kilobytes = debt * heap / ((double)s->live + FLOOR);
    lua_gc(L, LUA_GCSTEP, kilobytes < 1 ? 1 : kilobytes > 1e6 ? 1000000 : (int)kilobytes);
    if (s->live < s->least)
        s->least = s->live;
    const size_t own = (size_t)lua_gc(L, LUA_GCCOUNT) << 10;
    if (s->live - s->least > s->least + (own > EXCESS ? own : EXCESS)) {
        lua_gc(L, LUA_GCCOLLECT);
        s->least = s->live;
    }
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
    s->least = s->live;
    if (s->live >= before)
        return false;
    err->code = NEAP_OK;
    return true;
}

/* ---- The end of the state -------------------------------------------------------- */

/* When a Lua state closes it calls the finalizers, the newest object's first. What these
 * make it frees without finalizing it. Whether it is closing cannot be asked, but that the
 * collector does not run, as in every finalizer, can: the boxes that are made then are
 * noted, and the binding's state, which is older than any of them, frees in its own
 * finalizer what they hold. From then on nothing can be made. */
static void note_late(lua_State *L)
{
    if (lua_gc(L, LUA_GCISRUNNING) == 1)
        return;
    neap__lua_get(L, STATE_LATE);
    lua_pushvalue(L, -2);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

int neap__lua_close(lua_State *L)
{
    neap__lua_self(L)->closed = true;
    lua_settop(L, 0);
    neap__lua_get(L, STATE_LATE);
    if (!lua_istable(L, 1))
        return 0;
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_settop(L, 2);
        if (luaL_getmetafield(L, 2, "__gc") != LUA_TNIL) {
            lua_pushvalue(L, 2);
            if (lua_pcall(L, 1, 0, 0) != LUA_OK)
                lua_pop(L, 1);
        }
    }
    return 0;
}

/* ---- Boxes ----------------------------------------------------------------------- */

void *neap__lua_box(lua_State *L, size_t size, int values, int kind)
{
    if (neap__lua_holds(kind) && neap__lua_self(L)->closed)
        neap__lua_error(L, "neap is closed with its Lua state");
    const char **mark = lua_newuserdatauv(L, size, values);
    memset(mark, 0, size);
    *mark = &neap__lua_marks[kind];
    neap__lua_get(L, kind);
    lua_setmetatable(L, -2);
    if (neap__lua_holds(kind))
        note_late(L);
    return mark;
}

neap__lua_tensor *neap__lua_newtensor(lua_State *L)
{
    return neap__lua_box(L, sizeof(neap__lua_tensor), 0, BOX_TENSOR);
}

void neap__lua_fill(neap__lua *s, neap__lua_tensor *box, neap_tensor *t)
{
    box->tensor = t;
    neap__lua_weigh(s, &box->weight, neap_tensor_bytes(t));
    s->tensors += neap_tensor_bytes(t);
}
