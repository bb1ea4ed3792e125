/* fetch.c - the arrays of a run, and the structure of what it fetches.
 *
 * Everything that a run returns is made before the core is called: tables, with a box or
 * `false` at the place of each result. Afterwards only fields of boxes and values of keys
 * that exist are set, which cannot fail: a run that has committed is never reported as
 * failed. */
#include "lua/sessions.h"
#include "lua/values.h"

#include <string.h>

#define MAX_DEPTH 64 /* of tables in tables */
/* Larger copies of fed values are not kept from run to run. */
#define KEPT_BYTES 65536

/* ---- Packs ----------------------------------------------------------------------- */

static neap__lua_pack *push_pack(lua_State *L, size_t capacity)
{
    size_t entry = sizeof(neap_feed) + sizeof(neap_node *) + sizeof(neap_tensor *) +
                   sizeof(neap__lua_tensor *) + sizeof(bool);
    neap__lua_pack *p = neap__lua_box(L, sizeof *p + capacity * entry, 0, BOX_PACK);
    p->capacity = capacity;
    p->feeds = (neap_feed *)(p + 1);
    p->fetches = (neap_node **)(p->feeds + capacity);
    p->out = (neap_tensor **)(p->fetches + capacity);
    p->boxes = (neap__lua_tensor **)(p->out + capacity);
    p->made = (bool *)(p->boxes + capacity);
    return p;
}

neap__lua_pack *neap__lua_takepack(lua_State *L, int session)
{
    if (lua_getiuservalue(L, session, SESSION_PACK) == LUA_TUSERDATA) {
        neap__lua_pack *own = lua_touserdata(L, -1);
        if (!own->busy) {
            own->busy = true;
            own->feed_count = own->fetch_count = 0;
            return own;
        }
    }
    lua_pop(L, 1);
    neap__lua_pack *p = push_pack(L, 8);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, session, SESSION_PACK);
    p->busy = true;
    return p;
}

static void drop_feed(neap__lua_pack *p, size_t i)
{
    neap_tensor_release(p->feeds[i].value);
    p->feeds[i].value = NULL;
}

void neap__lua_endpack(neap__lua_pack *p)
{
    for (size_t i = 0; i < p->capacity && p->feeds[i].value; i++) {
        if (i >= p->feed_count || !p->made[i] ||
            neap_tensor_bytes(p->feeds[i].value) > KEPT_BYTES)
            drop_feed(p, i);
    }
    p->busy = false;
}

neap__lua_pack *neap__lua_growpack(lua_State *L, int index, size_t entries)
{
    neap__lua_pack *old = lua_touserdata(L, index);
    if (entries <= old->capacity)
        return old;
    neap__lua_pack *p =
        push_pack(L, old->capacity * 2 > entries ? old->capacity * 2 : entries);
    p->busy = true;
    p->feed_count = old->feed_count;
    p->fetch_count = old->fetch_count;
    memcpy(p->feeds, old->feeds, old->capacity * sizeof *p->feeds);
    memcpy(p->fetches, old->fetches, old->capacity * sizeof *p->fetches);
    memcpy(p->boxes, old->boxes, old->capacity * sizeof *p->boxes);
    memcpy(p->made, old->made, old->capacity * sizeof *p->made);
    memset(old->feeds, 0, old->capacity * sizeof *old->feeds); /* they have moved */
    lua_replace(L, index);
    return p;
}

static int pack_gc(lua_State *L)
{
    neap__lua_pack *p = neap__lua_test(L, neap__lua_self(L), 1, BOX_PACK);
    for (size_t i = 0; p && i < p->capacity; i++) {
        drop_feed(p, i);
        neap_tensor_release(p->out[i]);
        p->out[i] = NULL;
    }
    return 0;
}

/* ---- The structure of fetches ---------------------------------------------------- */

typedef struct walk {
    lua_State *L;
    const neap__lua *s;
    neap_graph *graph;
    const char *function;
    int pack, places;
    bool copy;
} walk;

/* Adds the node at the top to the fetches, and pushes what holds its place in the
 * results. */
static void add_fetch(walk *w, neap_node *n)
{
    lua_State *L = w->L;
    neap__lua_pack *p = lua_touserdata(L, w->pack);
    if (neap_node_graph(n) != w->graph) {
        neap__lua_error(L, "%s: fetch %s \"%s\" is a node of another graph", w->function,
                        neap_node_op(n), neap_node_name(n));
    }
    p = neap__lua_growpack(L, w->pack, p->fetch_count + 1);
    p->fetches[p->fetch_count] = n;
    p->boxes[p->fetch_count] = NULL;
    if (w->copy)
        lua_pushvalue(L, -1);
    else if (neap__lua_needsnobox(n))
        lua_pushboolean(L, 0);
    else
        p->boxes[p->fetch_count] = neap__lua_newtensor(L);
    p->fetch_count++;
}

/* Notes that the result for the last fetch belongs to the key and table at these
 * indices. */
static void add_place(walk *w, int table, int key)
{
    lua_State *L = w->L;
    const neap__lua_pack *p = lua_touserdata(L, w->pack);
    if (w->copy)
        return;
    lua_Integer place = 2 * (lua_Integer)p->fetch_count;
    lua_pushvalue(L, table);
    lua_rawseti(L, w->places, place - 1);
    lua_pushvalue(L, key);
    lua_rawseti(L, w->places, place);
}

static int bad_fetch(walk *w, int key)
{
    lua_State *L = w->L;
    const char *type = neap__lua_type(L, -1);
    const char *name = lua_type(L, key) == LUA_TSTRING || lua_type(L, key) == LUA_TNUMBER
                           ? luaL_tolstring(L, key, NULL)
                           : neap__lua_type(L, key);
    return neap__lua_error(L, "%s: fetch [%s]: a node, a table or false expected, got %s",
                           w->function, name, type);
}

/* Walks a table of fetches. Each level of tables has three values on the stack: the
 * table, its results, and the key of lua_next. Leaves the results of the whole at the
 * top. */
static void walk_tables(walk *w)
{
    lua_State *L = w->L;
    int bottom = lua_gettop(L);
    lua_newtable(L);
    lua_pushnil(L);
    for (;;) {
        int key = lua_gettop(L), results = key - 1, table = key - 2;
        if (!lua_next(L, table)) {
            lua_remove(L, table);
            if (table == bottom)
                return;
            /* The results go under the key of the level below. */
            lua_pushvalue(L, -2);
            lua_insert(L, -2);
            lua_rawset(L, table - 2);
            continue;
        }
        neap_node *n = neap__lua_tonode(L, w->s, -1);
        if (n) {
            add_fetch(w, n);
            lua_pushvalue(L, key);
            lua_insert(L, -2);
            lua_rawset(L, results);
            add_place(w, results, key);
            lua_settop(L, key);
        } else if (lua_type(L, -1) == LUA_TTABLE) {
            if (key - bottom > 3 * MAX_DEPTH)
                neap__lua_error(L, "%s: fetches nested more than %d deep, or a cycle",
                                w->function, MAX_DEPTH);
            luaL_checkstack(L, 12, NULL);
            lua_newtable(L);
            lua_pushnil(L);
        } else if (lua_isboolean(L, -1) && !lua_toboolean(L, -1)) {
            lua_pushvalue(L, key);
            lua_insert(L, -2);
            lua_rawset(L, results);
        } else {
            bad_fetch(w, key);
        }
    }
}

neap__lua_pack *neap__lua_fetches(lua_State *L, int index, int pack, neap_graph *g,
                                  const char *function, bool copy)
{
    walk w = {L, neap__lua_self(L), g, function, pack, 0, copy};
    neap_node *n = neap__lua_tonode(L, w.s, index);
    luaL_checkstack(L, 16, NULL);
    if (n) {
        lua_pushvalue(L, index);
        add_fetch(&w, n);
        lua_remove(L, -2);
        lua_pushnil(L);
    } else if (lua_type(L, index) == LUA_TTABLE) {
        lua_newtable(L);
        w.places = lua_gettop(L);
        lua_pushvalue(L, index);
        walk_tables(&w);
        lua_insert(L, -2);
    } else if (lua_isboolean(L, index) && !lua_toboolean(L, index)) {
        lua_pushboolean(L, 0);
        lua_pushnil(L);
    } else {
        neap__lua_error(
            L, "%s: argument 'fetches': a node or a table of nodes expected, got %s",
            function, neap__lua_type(L, index));
    }
    return lua_touserdata(L, pack);
}

void neap__lua_place(lua_State *L, neap__lua_pack *p, int results)
{
    neap__lua *s = neap__lua_self(L);
    bool table = lua_type(L, results + 1) == LUA_TTABLE;
    for (size_t i = 0; i < p->fetch_count; i++) {
        neap_tensor *t = p->out[i];
        bool number = t && neap__lua_isscalar(t);
        p->out[i] = NULL;
        if (t && !number) {
            neap__lua_fill(s, p->boxes[i], t);
            continue;
        }
        if (!t && table)
            continue; /* `false` is there already */
        if (table) {
            lua_rawgeti(L, results + 1, 2 * (lua_Integer)i + 1);
            lua_rawgeti(L, results + 1, 2 * (lua_Integer)i + 2);
        }
        if (number)
            neap__lua_pushelement(L, neap_tensor_dtype(t), neap_tensor_data(t), 0);
        else
            lua_pushnil(L);
        neap_tensor_release(t);
        if (table) {
            lua_rawset(L, -3);
            lua_pop(L, 1);
        } else {
            lua_replace(L, results);
        }
    }
}

static const luaL_Reg pack_metamethods[] = {{"__gc", pack_gc}, {NULL, NULL}};

void neap__lua_open_pack(lua_State *L)
{
    neap__lua_metatable(L, BOX_PACK, "pack", pack_metamethods);
    lua_pop(L, 1);
}
