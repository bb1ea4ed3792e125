/* attributes.c - attributes between Lua and the core: a value becomes one of the kinds
 * that the row of the schema takes, and back.
 *
 * What kind a value is hangs on its Lua type and on the row alone: a number that Lua keeps
 * as an integer stays one, to the last bit, wherever the row takes integers. Lists lie in
 * the call's own room, or in a userdata that is pushed. */
#include "lua/nodes.h"
#include "lua/values.h"

/* One value under way. */
typedef struct reading {
    lua_State *L;
    int index;
    const neap_attribute_info *row;
    neap__lua_intake *intake;
} reading;

static bool takes(const reading *r, neap_attribute_kind kind)
{
    return neap_attribute_takes(r->row, kind);
}

static int expected(const reading *r)
{
    char what[256];
    neap_attribute_text(r->row, what, sizeof what);
    return neap__lua_error(r->L, "%s: argument '%s': %s expected, got %s",
                           r->intake->function, r->row->name, what,
                           neap__lua_type(r->L, r->index));
}

static int wrong(const reading *r, const neap_error *err)
{
    return neap__lua_error(r->L, "%s: argument '%s': %s", r->intake->function,
                           r->row->name, err->message);
}

/* The same at element i (from 1) of the sequence, j of a sequence in it. */
static int wrong_at(const reading *r, int64_t i, int64_t j, const neap_error *err)
{
    if (!j)
        return neap__lua_error(r->L, "%s: argument '%s': at [%I]: %s",
                               r->intake->function, r->row->name, (LUAI_UACINT)i,
                               err->message);
    return neap__lua_error(r->L, "%s: argument '%s': at [%I][%I]: %s",
                           r->intake->function, r->row->name, (LUAI_UACINT)i,
                           (LUAI_UACINT)j, err->message);
}

/* ---- Lists ----------------------------------------------------------------------- */

#define LIST_LIMIT 65536

static size_t length_of(const reading *r, int index, int64_t i)
{
    neap_error err;
    int64_t length;
    if (neap__lua_length(r->L, index, LIST_LIMIT, &length, &err))
        return (size_t)length;
    return (size_t)(i ? wrong_at(r, i, 0, &err) : wrong(r, &err));
}

/* Room for `count` elements of eight bytes. */
static void *room(const reading *r, size_t count)
{
    neap__lua_intake *p = r->intake;
    const size_t capacity = sizeof p->room / sizeof *p->room;
    if (count > capacity - p->used) {
        luaL_checkstack(r->L, 8, NULL);
        return lua_newuserdatauv(r->L, count * sizeof *p->room, 0);
    }
    p->used += count;
    return p->room + p->used - count;
}

/* The integer at the top; false in its place is no bound, where the row allows that. The
 * lowest integer bounds nothing that its neighbour does not. */
static int64_t whole_at_top(const reading *r, int64_t i, int64_t j)
{
    neap_error err;
    int64_t value;
    const bool open = r->row->flags & NEAP_ATTRIBUTE_OPEN;
    if (open && lua_isboolean(r->L, -1) && !lua_toboolean(r->L, -1))
        return NEAP_NO_BOUND;
    if (!neap__lua_integer(r->L, -1, &value, &err))
        i ? wrong_at(r, i, j, &err) : wrong(r, &err);
    return open && value == NEAP_NO_BOUND ? value + 1 : value;
}

static neap_attribute read_integers(const reading *r)
{
    const size_t count = length_of(r, r->index, 0);
    int64_t *values = room(r, count);
    for (size_t i = 0; i < count; i++) {
        lua_geti(r->L, r->index, (lua_Integer)i + 1);
        values[i] = whole_at_top(r, (int64_t)i + 1, 0);
        lua_pop(r->L, 1);
    }
    return neap_attribute_ints(r->row->name, values, count);
}

static neap_attribute read_numbers(const reading *r)
{
    neap_error err;
    const size_t count = length_of(r, r->index, 0);
    double *values = room(r, count);
    for (size_t i = 0; i < count; i++) {
        if (lua_geti(r->L, r->index, (lua_Integer)i + 1) != LUA_TNUMBER) {
            neap__lua_tell(&err, NEAP_ETYPE, "a number expected, got %s",
                           neap__lua_type(r->L, -1));
            wrong_at(r, (int64_t)i + 1, 0, &err);
        }
        values[i] = lua_tonumber(r->L, -1);
        lua_pop(r->L, 1);
    }
    return neap_attribute_floats(r->row->name, values, count);
}

static int no_pair(const reading *r, size_t i, const char *what)
{
    neap_error err;
    neap__lua_tell(&err, NEAP_ETYPE, "%s expected, got %s", what,
                   neap__lua_type(r->L, -1));
    return wrong_at(r, (int64_t)i + 1, 0, &err);
}

/* {{1, 2}, {3, 4}}: each a pair. */
static neap_attribute read_pairs(const reading *r)
{
    neap_error err;
    const size_t count = length_of(r, r->index, 0);
    neap_pair *pairs = room(r, 2 * count);
    for (size_t i = 0; i < count; i++) {
        int64_t both[2];
        if (lua_geti(r->L, r->index, (lua_Integer)i + 1) != LUA_TTABLE)
            no_pair(r, i, "a pair of integers");
        const size_t length = length_of(r, lua_gettop(r->L), (int64_t)i + 1);
        if (length != 2) {
            neap__lua_tell(&err, NEAP_EARG, "a pair of integers expected, got %zu",
                           length);
            wrong_at(r, (int64_t)i + 1, 0, &err);
        }
        for (int j = 0; j < 2; j++) {
            lua_geti(r->L, -1, j + 1);
            both[j] = whole_at_top(r, (int64_t)i + 1, j + 1);
            lua_pop(r->L, 1);
        }
        pairs[i] = (neap_pair){both[0], both[1]};
        lua_pop(r->L, 1);
    }
    return neap_attribute_pairs(r->row->name, pairs, count);
}

/* How long sequence j of the two is; a number stands for a sequence of one. */
static size_t list_length(const reading *r, int j)
{
    const int type = lua_geti(r->L, r->index, j);
    if (type != LUA_TTABLE && type != LUA_TNUMBER)
        no_pair(r, (size_t)j - 1, "a sequence of integers");
    const size_t length = type == LUA_TTABLE ? length_of(r, lua_gettop(r->L), j) : 1;
    lua_pop(r->L, 1);
    return length;
}

static void read_list(const reading *r, int j, neap_pair *pairs, size_t count)
{
    const bool table = lua_geti(r->L, r->index, j) == LUA_TTABLE;
    for (size_t i = 0; i < count; i++) {
        if (table)
            lua_geti(r->L, -1, (lua_Integer)i + 1);
        else
            lua_pushvalue(r->L, -1);
        *(j == 1 ? &pairs[i].first : &pairs[i].second) =
            whole_at_top(r, j, (int64_t)i + 1);
        lua_pop(r->L, 1);
    }
    lua_pop(r->L, 1);
}

/* {{1, 3}, {2, 4}}: the first integers of all pairs, their second ones. */
static neap_attribute read_two_lists(const reading *r)
{
    neap_error err;
    const size_t lists = length_of(r, r->index, 0);
    if (lists != 2) {
        neap__lua_tell(&err, NEAP_EARG, "two sequences of integers expected, got %zu",
                       lists);
        wrong(r, &err);
    }
    const size_t count = list_length(r, 1), other = list_length(r, 2);
    if (count != other) {
        neap__lua_tell(&err, NEAP_EARG,
                       "sequences of one length expected, got %zu and %zu entries", count,
                       other);
        wrong(r, &err);
    }
    neap_pair *pairs = room(r, 2 * count);
    read_list(r, 1, pairs, count);
    read_list(r, 2, pairs, count);
    return neap_attribute_pairs(r->row->name, pairs, count);
}

static neap_attribute read_tensor(const reading *r)
{
    neap_error err = NEAP_ERROR_INIT;
    neap__lua_tensor *box = neap__lua_newtensor(r->L);
    neap_tensor *t = neap__lua_read(r->L, r->index, NEAP_DTYPE_NONE, NULL, &err);
    if (!t)
        wrong(r, &err);
    neap__lua_fill(neap__lua_self(r->L), box, t);
    return neap_attribute_tensor(r->row->name, t);
}

/* Whether an element of the table is of that Lua type (`floats`: a number that is no
 * integer); the first is enough for tables in a table. */
static bool has_element(const reading *r, int type, bool floats)
{
    const size_t count = length_of(r, r->index, 0);
    for (size_t i = 0; i < count; i++) {
        const bool found = lua_geti(r->L, r->index, (lua_Integer)i + 1) == type &&
                           (!floats || !lua_isinteger(r->L, -1));
        lua_pop(r->L, 1);
        if (found || !floats)
            return found;
    }
    return false;
}

static neap_attribute read_table(const reading *r)
{
    const bool whole = takes(r, NEAP_KIND_INTS), real = takes(r, NEAP_KIND_FLOATS);
    if (takes(r, NEAP_KIND_PAIRS) &&
        ((!whole && !real) || has_element(r, LUA_TTABLE, false)))
        return r->row->flags & NEAP_ATTRIBUTE_TWO_LISTS ? read_two_lists(r)
                                                        : read_pairs(r);
    if (real && (!whole || has_element(r, LUA_TNUMBER, true)))
        return read_numbers(r);
    if (whole)
        return read_integers(r);
    if (takes(r, NEAP_KIND_TENSOR))
        return read_tensor(r);
    expected(r);
    return neap_attribute_none(r->row->name);
}

/* ---- One value ------------------------------------------------------------------- */

static neap_attribute read_number(const reading *r)
{
    const bool whole = takes(r, NEAP_KIND_INT) || takes(r, NEAP_KIND_INTS);
    const bool real = takes(r, NEAP_KIND_FLOAT) || takes(r, NEAP_KIND_FLOATS);
    if (real && !(whole && lua_isinteger(r->L, r->index)))
        return neap_attribute_float(r->row->name, lua_tonumber(r->L, r->index));
    if (whole) {
        lua_pushvalue(r->L, r->index);
        const int64_t value = whole_at_top(r, 0, 0);
        lua_pop(r->L, 1);
        return neap_attribute_int(r->row->name, value);
    }
    if (takes(r, NEAP_KIND_TENSOR))
        return read_tensor(r);
    expected(r);
    return neap_attribute_none(r->row->name);
}

static neap_attribute read_boolean(const reading *r)
{
    const int value = lua_toboolean(r->L, r->index);
    if (takes(r, NEAP_KIND_BOOL))
        return neap_attribute_bool(r->row->name, value);
    if (!value && r->row->flags & NEAP_ATTRIBUTE_OPEN) {
        int64_t *open = room(r, 1);
        *open = NEAP_NO_BOUND;
        return neap_attribute_ints(r->row->name, open, 1);
    }
    if (takes(r, NEAP_KIND_TENSOR))
        return read_tensor(r);
    expected(r);
    return neap_attribute_none(r->row->name);
}

static neap_attribute read_string(const reading *r)
{
    const char *function = r->intake->function, *name = r->row->name;
    if (takes(r, NEAP_KIND_STRING))
        return neap_attribute_string(name,
                                     neap__lua_string(r->L, r->index, function, name));
    if (takes(r, NEAP_KIND_DTYPE))
        return neap_attribute_dtype(name,
                                    neap__lua_dtype(r->L, r->index, function, name));
    expected(r);
    return neap_attribute_none(name);
}

neap_attribute neap__lua_attribute(lua_State *L, int index,
                                   const neap_attribute_info *row,
                                   neap__lua_intake *intake)
{
    const reading r = {L, lua_absindex(L, index), row, intake};
    const neap__lua *s = neap__lua_self(L);
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        return read_number(&r);
    case LUA_TBOOLEAN:
        return read_boolean(&r);
    case LUA_TSTRING:
        return read_string(&r);
    case LUA_TTABLE:
        return read_table(&r);
    case LUA_TUSERDATA: {
        neap_node *n = neap__lua_tonode(L, s, index);
        if (n && takes(&r, NEAP_KIND_NODE) && intake->home) {
            neap__lua_join(L, intake->home, intake->function, index, n);
            return neap_attribute_node(row->name, n);
        }
        if (takes(&r, NEAP_KIND_TENSOR) && neap__lua_test(L, s, index, BOX_TENSOR))
            return read_tensor(&r);
        break;
    }
    default:
        break;
    }
    expected(&r);
    return neap_attribute_none(row->name);
}

/* ---- Back in Lua ----------------------------------------------------------------- */

static void push_whole(lua_State *L, int64_t value, unsigned flags)
{
    if (flags & NEAP_ATTRIBUTE_OPEN && value == NEAP_NO_BOUND)
        lua_pushboolean(L, 0);
    else
        lua_pushinteger(L, value);
}

static void push_two_lists(lua_State *L, const neap_attribute *a)
{
    lua_createtable(L, 2, 0);
    for (int j = 0; j < 2; j++) {
        lua_createtable(L, (int)a->count, 0);
        for (size_t i = 0; i < a->count; i++) {
            lua_pushinteger(L, j ? a->pairs[i].second : a->pairs[i].first);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        lua_rawseti(L, -2, j + 1);
    }
}

static void push_element(lua_State *L, const neap_attribute *a, size_t i, unsigned flags)
{
    switch (a->kind) {
    case NEAP_KIND_INTS:
        push_whole(L, a->integers[i], flags);
        break;
    case NEAP_KIND_FLOATS:
        lua_pushnumber(L, a->numbers[i]);
        break;
    default:
        lua_createtable(L, 2, 0);
        lua_pushinteger(L, a->pairs[i].first);
        lua_rawseti(L, -2, 1);
        lua_pushinteger(L, a->pairs[i].second);
        lua_rawseti(L, -2, 2);
    }
}

void neap__lua_pushattribute(lua_State *L, int owner, const neap_attribute_info *row,
                             const neap_attribute *a)
{
    switch (a->kind) {
    case NEAP_KIND_NONE:
        lua_pushnil(L);
        break;
    case NEAP_KIND_INT:
        lua_pushinteger(L, a->integer);
        break;
    case NEAP_KIND_FLOAT:
        lua_pushnumber(L, a->number);
        break;
    case NEAP_KIND_BOOL:
        lua_pushboolean(L, a->integer != 0);
        break;
    case NEAP_KIND_STRING:
        lua_pushstring(L, a->string);
        break;
    case NEAP_KIND_DTYPE:
        lua_pushstring(L, neap_dtype_name((neap_dtype)a->integer));
        break;
    case NEAP_KIND_PAIRS:
        if (row->flags & NEAP_ATTRIBUTE_TWO_LISTS) {
            push_two_lists(L, a);
            break;
        }
        /* fall through */
    case NEAP_KIND_INTS:
    case NEAP_KIND_FLOATS:
        lua_createtable(L, (int)a->count, 0);
        for (size_t i = 0; i < a->count; i++) {
            push_element(L, a, i, row->flags);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        break;
    case NEAP_KIND_TENSOR: {
        neap__lua_tensor *box = neap__lua_newtensor(L);
        neap__lua_fill(neap__lua_self(L), box, neap_tensor_retain(a->tensor));
        break;
    }
    case NEAP_KIND_NODE:
        neap__lua_pushnode(L, owner, a->node);
        break;
    case NEAP_KIND_BODY:
        lua_pushliteral(L, "function");
        break;
    }
}
