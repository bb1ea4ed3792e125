/* special.c - placeholder, variable, constant: operations whose arguments are not a
 * schema's. */
#include "lua/nodes.h"
#include "lua/values.h"

static const char *optional_name(lua_State *L, int index, const char *function)
{
    return lua_isnil(L, index) ? NULL : neap__lua_string(L, index, function, "name");
}

static int placeholder(lua_State *L)
{
    static const char *const names[] = {"dtype", "shape", "name"};
    static const neap__lua_signature signature = {"placeholder", names, 3, 3, 5};
    neap_error err = NEAP_ERROR_INIT;
    neap__lua_home home = {NULL, 4};
    neap_dtype dtype = NEAP_FLOAT32;
    int rank = -1;
    int64_t dims[NEAP_MAX_RANK];
    neap__lua_arguments(L, 1, &signature);
    lua_pushnil(L);
    if (!lua_isnil(L, 1))
        dtype = neap__lua_dtype(L, 1, "placeholder", "dtype");
    if (!lua_isnil(L, 2))
        rank = neap__lua_shape(L, 2, "placeholder", "shape", dims);
    const char *name = optional_name(L, 3, "placeholder");
    neap__lua_settle(L, &home);
    neap__lua_source(L, home.graph);
    neap_node *n = neap_placeholder(home.graph, dtype, rank, dims, name, &err);
    neap__lua_unsource(home.graph);
    if (!n)
        return neap__lua_raise(L, &err);
    neap__lua_pushnode(L, home.anchor, n);
    return 1;
}

/* The tensor of a value in slot 1, in a box that is pushed. */
static neap_tensor *value_tensor(lua_State *L, const char *function, neap_dtype dtype)
{
    neap_error err = NEAP_ERROR_INIT;
    neap__lua_tensor *box = neap__lua_newtensor(L);
    neap_tensor *t = neap__lua_read(L, 1, dtype, NULL, &err);
    if (!t)
        neap__lua_error(L, "%s: %s", function, err.message);
    neap__lua_fill(neap__lua_self(L), box, t);
    return t;
}

/* A node, or a value as a constant: what a variable begins with. */
static neap_node *initial_node(lua_State *L, neap__lua_home *home, neap_dtype dtype)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_node *n = neap__lua_tonode(L, neap__lua_self(L), 1);
    if (n) {
        neap__lua_join(L, home, "variable", 1, n);
        if (dtype && neap_node_dtype(n) != dtype) {
            neap__lua_error(L, "variable: initial value %s \"%s\" has dtype %s, not %s",
                            neap_node_op(n), neap_node_name(n),
                            neap_dtype_name(neap_node_dtype(n)), neap_dtype_name(dtype));
        }
        return n;
    }
    neap_tensor *t = value_tensor(L, "variable", dtype);
    neap__lua_settle(L, home);
    neap__lua_source(L, home->graph);
    n = neap_constant(home->graph, t, &err);
    neap__lua_unsource(home->graph);
    if (!n)
        neap__lua_raise(L, &err);
    neap__lua_weigh_graph(L, home->anchor, neap_tensor_bytes(t));
    return n;
}

static int variable(lua_State *L)
{
    static const char *const names[] = {"initial", "name", "dtype", "trainable"};
    static const neap__lua_signature signature = {"variable", names, 4, 1, 0};
    neap_error err = NEAP_ERROR_INIT;
    neap__lua_home home = {NULL, 5};
    neap_dtype dtype = NEAP_DTYPE_NONE;
    int trainable = 1;
    neap__lua_collect(L, neap__lua_self(L));
    neap__lua_arguments(L, 1, &signature);
    lua_pushnil(L);
    if (lua_isnil(L, 1))
        neap__lua_error(L, "variable: argument 'initial' is missing");
    const char *name = optional_name(L, 2, "variable");
    if (!lua_isnil(L, 3))
        dtype = neap__lua_dtype(L, 3, "variable", "dtype");
    if (!lua_isnil(L, 4)) {
        if (!lua_isboolean(L, 4)) {
            neap__lua_error(L,
                            "variable: argument 'trainable': a boolean expected, got %s",
                            neap__lua_type(L, 4));
        }
        trainable = lua_toboolean(L, 4);
    }
    neap_node *initial = initial_node(L, &home, dtype);
    neap__lua_source(L, home.graph);
    neap_node *n = neap_variable_from(home.graph, initial, trainable, name, &err);
    neap__lua_unsource(home.graph);
    if (!n) {
        if (!neap__lua_tonode(L, neap__lua_self(L), 1))
            neap_graph_withdraw(home.graph, initial);
        return neap__lua_raise(L, &err);
    }
    neap__lua_pushnode(L, home.anchor, n);
    return 1;
}

static int constant(lua_State *L)
{
    static const char *const names[] = {"value", "dtype", "name"};
    static const neap__lua_signature signature = {"constant", names, 3, 2, 2};
    neap_error err = NEAP_ERROR_INIT;
    neap__lua_home home = {NULL, 4};
    neap_dtype dtype = NEAP_DTYPE_NONE;
    neap_attribute attribute;
    neap__lua_collect(L, neap__lua_self(L));
    neap__lua_arguments(L, 1, &signature);
    lua_pushnil(L);
    if (lua_isnil(L, 1))
        neap__lua_error(L, "constant: argument 'value' is missing");
    if (!lua_isnil(L, 2))
        dtype = neap__lua_dtype(L, 2, "constant", "dtype");
    const char *name = optional_name(L, 3, "constant");
    neap_tensor *t = value_tensor(L, "constant", dtype);
    neap__lua_settle(L, &home);
    neap__lua_source(L, home.graph);
    attribute = neap_attribute_tensor("value", t);
    neap_node *n = name ? neap_build(home.graph, "constant", NULL, 0, &attribute, 1, name,
                                     NULL, 0, &err)
                        : neap_constant(home.graph, t, &err);
    neap__lua_unsource(home.graph);
    if (!n)
        return neap__lua_raise(L, &err);
    neap__lua_weigh_graph(L, home.anchor, neap_tensor_bytes(t));
    neap__lua_pushnode(L, home.anchor, n);
    return 1;
}

static const luaL_Reg functions[] = {{"placeholder", placeholder},
                                     {"variable", variable},
                                     {"constant", constant},
                                     {NULL, NULL}};

void neap__lua_open_special(lua_State *L) { neap__lua_register(L, functions); }
