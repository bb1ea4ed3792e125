/* schema.c - the attributes of an operation written in Lua: a sequence of
 *
 *   {name = "axis", kind = "integer integers", default = -1}
 *
 * with `optional = true` where it may be absent without a default (else it is required),
 * `choices = {"a", "b"}` for strings, and `open = true` where integers may be false. What
 * rows point to is held by a table that the operation keeps. */
#include "lua/nodes.h"

#include <string.h>

static const struct {
    const char *name;
    neap_attribute_kind kind;
} kinds[] = {
    {"integer", NEAP_KIND_INT},    {"number", NEAP_KIND_FLOAT},
    {"boolean", NEAP_KIND_BOOL},   {"string", NEAP_KIND_STRING},
    {"dtype", NEAP_KIND_DTYPE},    {"integers", NEAP_KIND_INTS},
    {"numbers", NEAP_KIND_FLOATS}, {"pairs", NEAP_KIND_PAIRS},
    {"value", NEAP_KIND_TENSOR},   {"node", NEAP_KIND_NODE},
};
#define KINDS (sizeof kinds / sizeof *kinds)

enum {
    ROW_NAME = 1,
    ROW_KIND,
    ROW_DEFAULT,
    ROW_OPTIONAL,
    ROW_CHOICES,
    ROW_OPEN,
    ROW_SLOTS
};
static const char *const row_names[] = {"name",     "kind",    "default",
                                        "optional", "choices", "open"};

/* Pops a value into the table of anchors. */
static void anchor(lua_State *L, int anchors)
{
    lua_rawseti(L, anchors, (lua_Integer)lua_rawlen(L, anchors) + 1);
}

static int bad_row(lua_State *L, const neap_attribute_info *row, const char *what)
{
    return neap__lua_error(L, "op: attribute '%s': %s", row->name, what);
}

static neap_attribute_kind kind_named(lua_State *L, const neap_attribute_info *row,
                                      const char *word, size_t length)
{
    for (size_t k = 0; k < KINDS; k++)
        if (strlen(kinds[k].name) == length && !memcmp(word, kinds[k].name, length))
            return kinds[k].kind;
    lua_pushlstring(L, word, length);
    neap__lua_error(L, "op: attribute '%s': no kind '%s'", row->name,
                    lua_tostring(L, -1));
    return NEAP_KIND_NONE;
}

/* "integer number": the first is the row's kind, the others it takes too. */
static void read_kinds(lua_State *L, int index, neap_attribute_info *row)
{
    if (lua_type(L, index) != LUA_TSTRING)
        bad_row(L, row, "its kind must be a string, as \"integer\"");
    const char *word = lua_tostring(L, index);
    word += strspn(word, " ");
    if (!*word)
        bad_row(L, row, "its kind must be a string, as \"integer\"");
    while (*word) {
        const size_t length = strcspn(word, " ");
        const neap_attribute_kind kind = kind_named(L, row, word, length);
        if (row->kind == NEAP_KIND_NONE)
            row->kind = kind;
        else
            row->also |= NEAP_KIND_BIT(kind);
        word += length;
        word += strspn(word, " ");
    }
    if (neap_attribute_takes(row, NEAP_KIND_NODE))
        row->flags |= NEAP_ATTRIBUTE_NODE;
}

/* {"a", "b"} becomes "a|b". */
static void read_choices(lua_State *L, int index, int anchors, neap_attribute_info *row)
{
    luaL_Buffer b;
    if (lua_type(L, index) != LUA_TTABLE || !lua_rawlen(L, index))
        bad_row(L, row, "its choices must be a sequence of strings");
    const lua_Integer count = (lua_Integer)lua_rawlen(L, index);
    for (lua_Integer i = 1; i <= count; i++) {
        if (lua_rawgeti(L, index, i) != LUA_TSTRING || strchr(lua_tostring(L, -1), '|'))
            bad_row(L, row, "its choices must be a sequence of strings");
        lua_pop(L, 1);
    }
    luaL_buffinit(L, &b);
    for (lua_Integer i = 1; i <= count; i++) {
        if (i > 1)
            luaL_addchar(&b, '|');
        lua_rawgeti(L, index, i);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    row->choices = lua_tostring(L, -1);
    anchor(L, anchors);
}

/* What a default points to is in the room of the intake, or was pushed: copied to, or
 * kept by, the anchors. */
static void read_default(lua_State *L, int index, int anchors, neap_attribute_info *row)
{
    neap__lua_intake *intake = lua_newuserdatauv(L, sizeof *intake, 0);
    neap_attribute_info plain = *row;
    const int top = lua_gettop(L);
    memset(intake, 0, sizeof *intake);
    intake->function = "op";
    plain.flags &= ~(unsigned)NEAP_ATTRIBUTE_NODE;
    row->fallback = neap__lua_attribute(L, index, &plain, intake);
    while (lua_gettop(L) >= top)
        anchor(L, anchors);
    lua_pushvalue(L, index);
    anchor(L, anchors);
}

/* A row from the table at the top. */
static void read_row(lua_State *L, int anchors, neap_attribute_info *row)
{
    static const neap__lua_signature signature = {"op: attributes", row_names, 6, 0, 0};
    const int first = lua_gettop(L);
    if (lua_type(L, first) != LUA_TTABLE || !neap__lua_named(L, first))
        neap__lua_error(L,
                        "op: argument 'attributes': a table {name=, kind=} expected, "
                        "got %s",
                        neap__lua_type(L, first));
    neap__lua_arguments(L, first, &signature);
    const int at = first - 1;
    row->name = neap__lua_string(L, at + ROW_NAME, "op: attributes", "name");
    lua_pushvalue(L, at + ROW_NAME);
    anchor(L, anchors);
    read_kinds(L, at + ROW_KIND, row);
    if (lua_toboolean(L, at + ROW_OPEN))
        row->flags |= NEAP_ATTRIBUTE_OPEN;
    if (!lua_isnil(L, at + ROW_CHOICES))
        read_choices(L, at + ROW_CHOICES, anchors, row);
    if (!lua_isnil(L, at + ROW_DEFAULT))
        read_default(L, at + ROW_DEFAULT, anchors, row);
    else if (!lua_toboolean(L, at + ROW_OPTIONAL))
        row->flags |= NEAP_ATTRIBUTE_REQUIRED;
    lua_settop(L, first - 1);
}

const neap_attribute_info *neap__lua_schema(lua_State *L, int index, size_t *count)
{
    *count = 0;
    lua_newtable(L);
    const int anchors = lua_gettop(L);
    if (lua_isnil(L, index))
        return NULL;
    if (lua_type(L, index) != LUA_TTABLE || neap__lua_named(L, index))
        neap__lua_error(L, "op: argument 'attributes': a sequence expected, got %s",
                        lua_type(L, index) == LUA_TTABLE ? "a table with names"
                                                         : neap__lua_type(L, index));
    const size_t rows = lua_rawlen(L, index);
    neap_attribute_info *schema = lua_newuserdatauv(L, (rows + 1) * sizeof *schema, 0);
    memset(schema, 0, (rows + 1) * sizeof *schema);
    anchor(L, anchors);
    for (size_t i = 0; i < rows; i++) {
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        read_row(L, anchors, &schema[i]);
        schema[i].fallback.name = schema[i].name;
        for (size_t k = 0; k < i; k++)
            if (!strcmp(schema[k].name, schema[i].name))
                bad_row(L, &schema[i], "it is there twice");
    }
    *count = rows;
    return schema;
}
