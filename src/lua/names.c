/* names.c - what is told of a name that there is not: the nearest that there is, and where
 * it lives.
 *
 * A place is a table of names: neap itself, its Lua modules, and the methods and fields of
 * each kind of object. They are listed in the state as {what stands before a name, table};
 * the Lua modules, which are loaded when they are asked for, are asked for here. */
#include "lua/binding.h"

#include <string.h>

#define LONGEST 64    /* of names that are compared */
#define MOST_NAMES 16 /* that are told one by one */

/* ---- Distance -------------------------------------------------------------------- */

static int least(int a, int b) { return a < b ? a : b; }

/* How many letters were left out, put in, replaced or swapped with their neighbour
 * (Damerau; Levenshtein), each pair of letters being touched once. */
static int distance(const char *a, const char *b)
{
    int rows[3][LONGEST + 1];
    int *before = rows[0], *above = rows[1], *row = rows[2];
    const int n = (int)strlen(a), m = (int)strlen(b);
    for (int j = 0; j <= m; j++)
        row[j] = j;
    for (int i = 1; i <= n; i++) {
        int *spare = before;
        before = above;
        above = row;
        row = spare;
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            row[j] = least(least(above[j] + 1, row[j - 1] + 1),
                           above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return row[m];
}

/* Whether a word or several of the name, which underscores divide, are all that was
 * wanted: `mean` of `reduce_mean`. */
static bool holds_word(const char *name, const char *wanted)
{
    const size_t length = strlen(wanted);
    for (const char *at = strstr(name, wanted); at; at = strstr(at + 1, wanted)) {
        if ((at == name || at[-1] == '_') && (!at[length] || at[length] == '_'))
            return true;
    }
    return false;
}

void neap__lua_near(neap__lua_guess *g, const char *before, const char *joint,
                    const char *name, bool elsewhere)
{
    const size_t length = strlen(g->wanted);
    if (!length || length > LONGEST || strlen(name) > LONGEST || name[0] == '_')
        return;
    const int limit = length < 3 ? 0 : length < 5 ? 1 : length < 12 ? 2 : 3;
    int far = 2 * distance(g->wanted, name);
    if (far > 2 * (elsewhere && limit > 1 ? 1 : limit)) {
        if (elsewhere || length < 3 || !holds_word(name, g->wanted))
            return;
        far = 3;
    }
    far += elsewhere; /* what is at hand comes first */
    if (g->name && (far > g->far || (far == g->far && strcmp(name, g->name) >= 0)))
        return;
    g->far = far;
    g->name = name;
    g->before = before;
    g->joint = joint;
}

const char *neap__lua_guessed(lua_State *L, const neap__lua_guess *g)
{
    if (!g->name)
        return lua_pushliteral(L, "");
    return lua_pushfstring(L, ": did you mean '%s%s%s'?", g->before, g->joint, g->name);
}

/* ---- Places ---------------------------------------------------------------------- */

/* Offers the names in the table at the top, and pops it. The strings stay with their
 * tables, which the state holds. */
static void near_table(lua_State *L, neap__lua_guess *g, const char *before, bool object,
                       bool elsewhere)
{
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (lua_type(L, -2) == LUA_TSTRING) {
            const char *joint = !object                            ? ""
                                : lua_type(L, -1) == LUA_TFUNCTION ? ":"
                                                                   : ".";
            neap__lua_near(g, elsewhere ? before : "", elsewhere ? joint : "",
                           lua_tostring(L, -2), elsewhere);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

void neap__lua_place_names(lua_State *L, const char *before)
{
    neap__lua_get(L, STATE_PLACES);
    lua_createtable(L, 2, 0);
    lua_pushstring(L, before);
    lua_rawseti(L, -2, 1);
    lua_pushvalue(L, -3);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 1);
}

/* Offers the Lua modules, and loads them, so that their names are among the places. */
static void near_modules(lua_State *L, neap__lua_guess *g, bool elsewhere)
{
    neap__lua_get(L, STATE_MODULE);
    for (int i = 0; neap__lua_modules[i].name; i++) {
        const char *name = neap__lua_modules[i].name + sizeof "neap";
        if (name[0] != '_') {
            neap__lua_near(g, elsewhere ? "neap." : "", "", name, elsewhere);
            lua_getfield(L, -1, name);
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

/* Pushes ", there are: a, b" of the names in the table at an index, nothing of it where
 * they are too many to be read. */
static const char *push_names(lua_State *L, int table)
{
    const char *names[MOST_NAMES];
    int count = 0;
    luaL_Buffer list;
    lua_pushnil(L);
    while (lua_next(L, table)) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "_";
        lua_pop(L, 1);
        if (name[0] == '_')
            continue;
        if (count == MOST_NAMES) {
            lua_pop(L, 1);
            return lua_pushliteral(L, "");
        }
        int at = count++;
        for (; at && strcmp(names[at - 1], name) > 0; at--)
            names[at] = names[at - 1];
        names[at] = name;
    }
    luaL_buffinit(L, &list);
    for (int i = 0; i < count; i++) {
        luaL_addstring(&list, i ? ", " : ", there are: ");
        luaL_addstring(&list, names[i]);
    }
    luaL_pushresult(&list);
    return lua_tostring(L, -1);
}

int neap__lua_no_name(lua_State *L, const char *what, const char *place, const char *name)
{
    neap__lua_guess g = {.wanted = name};
    const size_t own = strlen(place);
    luaL_checkstack(L, 16, NULL);
    near_modules(L, &g, strcmp(place, "neap"));
    lua_pushnil(L); /* for the table of this place */
    const int home = lua_gettop(L);
    neap__lua_get(L, STATE_PLACES);
    const lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, i);
        lua_rawgeti(L, -1, 1);
        const char *before = lua_tostring(L, -1);
        const size_t length = strlen(before);
        const bool object = before[length - 1] != '.';
        const bool here = !strncmp(before, place, own) && length == own + !object;
        lua_rawgeti(L, -2, 2);
        if (here) {
            lua_pushvalue(L, -1);
            lua_replace(L, home);
        }
        near_table(L, &g, before, object, !here);
        lua_pop(L, 2);
    }
    const char *more =
        g.name || !lua_istable(L, home) ? neap__lua_guessed(L, &g) : push_names(L, home);
    return neap__lua_error(L, "no %s '%s' in %s%s", what, name, place, more);
}

/* Upvalues: the state, what is missed, the place. */
static int refuse(lua_State *L)
{
    if (lua_type(L, 2) != LUA_TSTRING)
        return 0;
    return neap__lua_no_name(L, lua_tostring(L, lua_upvalueindex(2)),
                             lua_tostring(L, lua_upvalueindex(3)), lua_tostring(L, 2));
}

void neap__lua_refuse_names(lua_State *L, const char *what, const char *place)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushstring(L, what);
    lua_pushstring(L, place);
    lua_pushcclosure(L, refuse, 3);
    lua_setfield(L, -2, "__index");
}

/* ---- Lists ----------------------------------------------------------------------- */

int neap__lua_no_argument(lua_State *L, const neap__lua_signature *signature,
                          const char *name)
{
    luaL_Buffer known;
    luaL_buffinit(L, &known);
    for (int i = 0; i < signature->slots; i++) {
        luaL_addstring(&known, i ? ", " : "");
        luaL_addstring(&known, signature->names[i]);
    }
    luaL_pushresult(&known);
    return neap__lua_error(L, "%s: unknown argument '%s', known are: %s",
                           signature->function, name, lua_tostring(L, -1));
}

#define DTYPE_NUMBERS 256 /* no dtype has a number as high as this */

int neap__lua_no_dtype(lua_State *L, const char *function, const char *argument,
                       const char *name)
{
    neap__lua_guess g = {.wanted = name};
    luaL_Buffer known;
    luaL_buffinit(L, &known);
    luaL_addstring(&known, ", there are: ");
    for (int i = 1, first = 1; i < DTYPE_NUMBERS; i++) {
        if (!neap_dtype_size((neap_dtype)i))
            continue;
        const char *dtype = neap_dtype_name((neap_dtype)i);
        neap__lua_near(&g, "", "", dtype, false);
        luaL_addstring(&known, first ? "" : ", ");
        luaL_addstring(&known, dtype);
        first = 0;
    }
    luaL_pushresult(&known);
    const char *list = lua_tostring(L, -1);
    return neap__lua_error(L, "%s: argument '%s': no dtype '%s'%s", function, argument,
                           name, g.name ? neap__lua_guessed(L, &g) : list);
}
