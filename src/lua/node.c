/* node.c - nodes as Lua values: their fields. Methods and operators come from operators.c. */
#include "lua/nodes.h"

#include <string.h>

static neap_node *self(lua_State *L)
{
    neap_node *n = neap__lua_tonode(L, neap__lua_self(L), 1);
    if (!n)
        neap__lua_error(L, "a node expected, got %s", neap__lua_type(L, 1));
    return n;
}

/* ---- Fields ---------------------------------------------------------------------- */

enum {
    FIELD_NAME = 1,
    FIELD_OP,
    FIELD_DTYPE,
    FIELD_SHAPE,
    FIELD_RANK,
    FIELD_SIZE,
    FIELD_INPUTS,
    FIELD_CONSUMERS,
    FIELD_GRAPH,
    FIELD_ATTRIBUTES
};

static const struct {
    const char *name;
    int field;
} fields[] = {{"name", FIELD_NAME},     {"op", FIELD_OP},
              {"dtype", FIELD_DTYPE},   {"shape", FIELD_SHAPE},
              {"rank", FIELD_RANK},     {"size", FIELD_SIZE},
              {"inputs", FIELD_INPUTS}, {"consumers", FIELD_CONSUMERS},
              {"graph", FIELD_GRAPH},   {"attributes", FIELD_ATTRIBUTES}};

/* The number of elements, nil where a dimension is unknown. */
static void push_size(lua_State *L, const neap_node *n)
{
    const int64_t *dims = neap_node_dims(n);
    int rank = neap_node_rank(n);
    bool known = rank >= 0, empty = false;
    lua_Integer size = 1;
    for (int i = 0; i < rank; i++) {
        known = known && dims[i] >= 0;
        empty = empty || dims[i] == 0;
    }
    for (int i = 0; known && !empty && i < rank; i++)
        size *= dims[i];
    if (known && neap_node_dtype(n) != NEAP_DTYPE_NONE)
        lua_pushinteger(L, empty ? 0 : size);
    else
        lua_pushnil(L);
}

/* Pushes a sequence of the neighbours of the node at index 1; false for an optional input
 * that is absent before others. */
static void push_nodes(lua_State *L, const neap_node *n, size_t count,
                       neap_node *(*at)(const neap_node *, size_t))
{
    lua_getiuservalue(L, 1, 1);
    int owner = lua_gettop(L);
    lua_createtable(L, count < 1 << 24 ? (int)count : 0, 0);
    for (size_t i = 0; i < count; i++) {
        if (at(n, i))
            neap__lua_pushnode(L, owner, at(n, i));
        else
            lua_pushboolean(L, 0);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void push_attributes(lua_State *L, const neap_node *n)
{
    const neap_op_info *info = neap_node_info(n);
    neap_error err = NEAP_ERROR_INIT;
    neap_attribute value;
    lua_getiuservalue(L, 1, 1);
    int owner = lua_gettop(L);
    lua_newtable(L);
    for (size_t i = 0; i < info->attribute_count; i++) {
        if (neap_node_attribute(n, i, &value, &err) != NEAP_OK)
            neap__lua_raise(L, &err);
        neap__lua_pushattribute(L, owner, &info->attributes[i], &value);
        lua_setfield(L, -2, info->attributes[i].name);
    }
}

static void push_field(lua_State *L, const neap_node *n, lua_Integer field)
{
    switch (field) {
    case FIELD_NAME:
        lua_pushstring(L, neap_node_name(n));
        break;
    case FIELD_OP:
        lua_pushstring(L, neap_node_op(n));
        break;
    case FIELD_DTYPE:
        if (neap_node_dtype(n) == NEAP_DTYPE_NONE)
            lua_pushnil(L);
        else
            lua_pushstring(L, neap_dtype_name(neap_node_dtype(n)));
        break;
    case FIELD_SHAPE:
        if (neap_node_rank(n) < 0)
            lua_pushnil(L);
        else
            neap__lua_pushdims(L, neap_node_rank(n), neap_node_dims(n));
        break;
    case FIELD_RANK:
        if (neap_node_rank(n) < 0)
            lua_pushnil(L);
        else
            lua_pushinteger(L, neap_node_rank(n));
        break;
    case FIELD_SIZE:
        push_size(L, n);
        break;
    case FIELD_INPUTS:
        push_nodes(L, n, neap_node_input_count(n), neap_node_input);
        break;
    case FIELD_CONSUMERS:
        push_nodes(L, n, neap_node_consumer_count(n), neap_node_consumer);
        break;
    case FIELD_GRAPH:
        lua_getiuservalue(L, 1, 1);
        break;
    case FIELD_ATTRIBUTES:
        push_attributes(L, n);
        break;
    }
}

/* Upvalue 2: names of fields to numbers, names of methods to functions. */
static int node_index(lua_State *L)
{
    neap_node *n = self(L);
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    switch (lua_rawget(L, lua_upvalueindex(2))) {
    case LUA_TFUNCTION:
        return 1;
    case LUA_TNUMBER:
        push_field(L, n, lua_tointeger(L, -1));
        return 1;
    }
    if (lua_type(L, 2) == LUA_TSTRING)
        return neap__lua_no_name(L, "field", "node", lua_tostring(L, 2));
    return 0;
}

static int node_newindex(lua_State *L)
{
    return neap__lua_error(L, "a node never changes");
}

static int node_tostring(lua_State *L)
{
    const neap__lua_node *box = neap__lua_test(L, neap__lua_self(L), 1, BOX_NODE);
    char shape[SHAPE_SIZE];
    if (box && !neap__lua_nodeof(box)) {
        lua_pushstring(L, neap__lua_type(L, 1));
        return 1;
    }
    const neap_node *n = self(L);
    if (neap_node_dtype(n) == NEAP_DTYPE_NONE) {
        lua_pushfstring(L, "%s \"%s\"", neap_node_op(n), neap_node_name(n));
        return 1;
    }
    lua_pushfstring(L, "%s \"%s\": %s %s", neap_node_op(n), neap_node_name(n),
                    neap_dtype_name(neap_node_dtype(n)),
                    neap__lua_shapetext(shape, neap_node_rank(n), neap_node_dims(n)));
    return 1;
}

/* ---- Opening --------------------------------------------------------------------- */

static const luaL_Reg metamethods[] = {
    {"__newindex", node_newindex}, {"__tostring", node_tostring}, {NULL, NULL}};

void neap__lua_open_node(lua_State *L)
{
    neap__lua_metatable(L, BOX_NODE, "node", metamethods);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_newtable(L);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        lua_pushinteger(L, fields[i].field);
        lua_setfield(L, -2, fields[i].name);
    }
    neap__lua_place_names(L, "node");
    lua_pushcclosure(L, node_index, 2);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
