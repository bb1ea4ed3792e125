/* arguments.c - how arguments are given, and readers of the simple ones.
 *
 * Inputs first, then attributes by position; or by name in a last table. A table with any
 * string key is such a table and holds nothing else, and so is `{}` where no table can be
 * a value; every other table is a value. Trailing nils are absent. */
#include "lua/binding.h"

#include <math.h>
#include <string.h>

/* Whether lua_next from the key at the top gives a string; pops the key. */
static bool string_follows(lua_State *L, int table)
{
    if (!lua_next(L, table))
        return false;
    bool string = lua_type(L, -2) == LUA_TSTRING;
    lua_pop(L, 2);
    return string;
}

/* A table of attributes begins with a string key. A long sequence is not walked for one:
 * what follows its last element is enough, and what hides among the others is for the
 * reader of values to refuse. */
bool neap__lua_named(lua_State *L, int index)
{
    lua_Integer length = (lua_Integer)lua_rawlen(L, index);
    index = lua_absindex(L, index);
    lua_pushnil(L);
    if (string_follows(L, index))
        return true;
    if (!length)
        return false;
    lua_pushinteger(L, length);
    return string_follows(L, index);
}

static int slot_of(const neap__lua_signature *signature, const char *name)
{
    for (int i = 0; i < signature->slots; i++) {
        if (!strcmp(signature->names[i], name))
            return i;
    }
    return -1;
}

/* Moves the values of the attribute table at the top to their slots, and pops it. */
static void take_named(lua_State *L, int first, const neap__lua_signature *signature)
{
    int table = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, table)) {
        if (lua_type(L, -2) != LUA_TSTRING) {
            neap__lua_error(L, "%s: attributes by name and a value by %s in one table",
                            signature->function, luaL_typename(L, -2));
        }
        const char *name = lua_tostring(L, -2);
        int slot = slot_of(signature, name);
        if (slot < 0)
            neap__lua_no_argument(L, signature, name);
        if (!lua_isnil(L, first + slot)) {
            neap__lua_error(L, "%s: argument '%s' is given twice", signature->function,
                            name);
        }
        lua_replace(L, first + slot);
    }
    lua_pop(L, 1);
}

/* Whether the last argument, in place of a slot, gives attributes by name. */
static bool gives_names(lua_State *L, int last, int slot,
                        const neap__lua_signature *signature)
{
    if (lua_type(L, last) != LUA_TTABLE)
        return false;
    if (neap__lua_named(L, last))
        return true;
    if (slot < signature->positional && (slot > 31 || !(signature->plain >> slot & 1)))
        return false;
    lua_pushnil(L);
    if (!lua_next(L, last))
        return true;
    lua_pop(L, 2);
    return false;
}

static int too_many(lua_State *L, const char *function, int first, int most, int given)
{
    /* The usual slip: neap:add(x, y). */
    if (lua_topointer(L, first) == neap__lua_self(L)->module)
        return neap__lua_error(L, "%s: call it with '.', not ':'", function);
    return neap__lua_error(L, "%s: at most %d %s expected, got %d", function, most,
                           most == 1 ? "argument" : "arguments", given);
}

void neap__lua_arguments(lua_State *L, int first, const neap__lua_signature *signature)
{
    int last = lua_gettop(L);
    while (last >= first && lua_isnil(L, last))
        last--;
    bool named = last >= first && gives_names(L, last, last - first, signature);
    int given = last - first + 1 - (named ? 1 : 0);
    if (given > signature->positional)
        too_many(L, signature->function, first, signature->positional, given);
    luaL_checkstack(L, signature->slots + 8, "too many arguments");
    if (!named) {
        lua_settop(L, first + signature->slots - 1);
        return;
    }
    lua_settop(L, last);
    for (int i = given; i < signature->slots; i++) {
        lua_pushnil(L); /* the table rises above the slots that are still empty */
        lua_insert(L, first + given);
    }
    take_named(L, first, signature);
}

void neap__lua_most(lua_State *L, const char *function, int before, int most)
{
    int top = lua_gettop(L);
    while (top > before + most && lua_isnil(L, top))
        top--;
    if (top > before + most)
        too_many(L, function, before + 1, most, top - before);
    lua_settop(L, before + most);
}

/* ---- Readers --------------------------------------------------------------------- */

static int expected(lua_State *L, int index, const char *function, const char *name,
                    const char *what)
{
    return neap__lua_error(L, "%s: argument '%s': %s expected, got %s", function, name,
                           what, neap__lua_type(L, index));
}

const char *neap__lua_string(lua_State *L, int index, const char *function,
                             const char *name)
{
    if (lua_type(L, index) != LUA_TSTRING)
        expected(L, index, function, name, "a string");
    size_t length;
    const char *text = lua_tolstring(L, index, &length);
    if (strlen(text) != length)
        neap__lua_error(L, "%s: argument '%s': a zero byte in a string", function, name);
    return text;
}

neap_dtype neap__lua_dtype(lua_State *L, int index, const char *function,
                           const char *name)
{
    const char *text = neap__lua_string(L, index, function, name);
    neap_dtype dtype = neap_dtype_of(text);
    if (!neap_dtype_size(dtype))
        neap__lua_no_dtype(L, function, name, text);
    return dtype;
}

bool neap__lua_integer(lua_State *L, int index, int64_t *value, neap_error *err)
{
    if (lua_type(L, index) != LUA_TNUMBER) {
        neap__lua_tell(err, NEAP_ETYPE, "an integer expected, got %s",
                       neap__lua_type(L, index));
        return false;
    }
    if (lua_isinteger(L, index)) {
        *value = lua_tointeger(L, index);
        return true;
    }
    double number = lua_tonumber(L, index);
    if (number != floor(number) || isinf(number)) {
        if (isnan(number)) /* whose sign printf would show */
            neap__lua_tell(err, NEAP_ERANGE, "nan is not an integer");
        else
            neap__lua_tell(err, NEAP_ERANGE, "%.14g is not an integer", number);
        return false;
    }
    if (fabs(number) > 0x1p53) {
        neap__lua_tell(err, NEAP_ELIMIT, "%.17g is too large for a float to be exact",
                       number);
        return false;
    }
    *value = (int64_t)number;
    return true;
}

bool neap__lua_length(lua_State *L, int index, int64_t limit, int64_t *length,
                      neap_error *err)
{
    lua_len(L, index);
    if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 0) {
        neap__lua_tell(err, NEAP_EARG, "__len gave %s, not a length",
                       lua_isinteger(L, -1) ? "a negative number" : luaL_typename(L, -1));
        lua_pop(L, 1);
        return false;
    }
    *length = lua_tointeger(L, -1);
    lua_pop(L, 1);
    if (*length > limit) {
        neap__lua_tell(err, NEAP_ELIMIT, "%lld elements, at most %lld expected",
                       (long long)*length, (long long)limit);
        return false;
    }
    return true;
}

#define LIST_LIMIT 65536

const int64_t *neap__lua_integers(lua_State *L, int index, const char *function,
                                  const char *name, int64_t *room, size_t capacity,
                                  size_t *count)
{
    neap_error err;
    int64_t length = 1;
    bool sequence = lua_type(L, index) == LUA_TTABLE;
    if (!sequence && lua_type(L, index) != LUA_TNUMBER)
        expected(L, index, function, name, "an integer or a sequence of integers");
    if (sequence && !neap__lua_length(L, index, LIST_LIMIT, &length, &err))
        neap__lua_error(L, "%s: argument '%s': %s", function, name, err.message);
    *count = (size_t)length;
    if (*count > capacity)
        room = lua_newuserdatauv(L, *count * sizeof *room, 0);
    for (int64_t i = 0; i < length; i++) {
        if (sequence)
            lua_geti(L, index, i + 1);
        else
            lua_pushvalue(L, index);
        if (!neap__lua_integer(L, -1, &room[i], &err)) {
            if (!sequence)
                neap__lua_error(L, "%s: argument '%s': %s", function, name, err.message);
            neap__lua_error(L, "%s: argument '%s': at [%d]: %s", function, name,
                            (int)i + 1, err.message);
        }
        lua_pop(L, 1);
    }
    return room;
}

int neap__lua_shape(lua_State *L, int index, const char *function, const char *name,
                    int64_t dims[NEAP_MAX_RANK])
{
    neap_error err;
    int64_t length = 0;
    if (lua_type(L, index) == LUA_TTABLE &&
        !neap__lua_length(L, index, INT64_MAX, &length, &err))
        neap__lua_error(L, "%s: argument '%s': %s", function, name, err.message);
    if (length > NEAP_MAX_RANK) {
        neap__lua_error(L, "%s: argument '%s': rank %I is more than %d", function, name,
                        (LUAI_UACINT)length, NEAP_MAX_RANK);
    }
    size_t rank;
    neap__lua_integers(L, index, function, name, dims, NEAP_MAX_RANK, &rank);
    return (int)rank;
}

/* ---- Shapes as Lua shows them ---------------------------------------------------- */

const char *neap__lua_shapetext(char text[SHAPE_SIZE], int rank, const int64_t *dims)
{
    neap_error part;
    size_t used = 1;
    if (rank < 0)
        return "unknown";
    memcpy(text, "(", 2);
    for (int i = 0; i < rank && i < NEAP_MAX_RANK; i++) {
        const char *comma = i + 1 < rank ? ", " : rank == 1 ? "," : "";
        if (dims[i] < 0)
            neap__lua_tell(&part, 0, "?%s", comma);
        else
            neap__lua_tell(&part, 0, "%lld%s", (long long)dims[i], comma);
        size_t length = strlen(part.message);
        memcpy(text + used, part.message, length + 1);
        used += length;
    }
    memcpy(text + used, ")", 2);
    return text;
}

void neap__lua_pushdims(lua_State *L, int rank, const int64_t *dims)
{
    lua_createtable(L, rank, 0);
    for (int i = 0; i < rank; i++) {
        lua_pushinteger(L, dims[i]);
        lua_rawseti(L, -2, i + 1);
    }
}
