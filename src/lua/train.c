/* train.c - what lua/neap/train.lua is built on: the optimizers of the core. */
#include "lua/nodes.h"

#define MAX_PARAMETERS 16

/* The hyper-parameters in the table at `index`: numbers, booleans, and nodes of the
 * graph. */
static size_t read_parameters(lua_State *L, int index, const char *optimizer,
                              neap__lua_home *home, neap_attribute *to)
{
    const neap__lua *s = neap__lua_self(L);
    size_t count = 0;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (lua_type(L, -2) != LUA_TSTRING) {
            neap__lua_error(L, "%s: hyper-parameters by name expected, got a %s as key",
                            optimizer, luaL_typename(L, -2));
        }
        const char *name = lua_tostring(L, -2); /* the table holds it */
        neap_node *n = neap__lua_tonode(L, s, -1);
        if (count == MAX_PARAMETERS)
            neap__lua_error(L, "%s: more than %d hyper-parameters", optimizer,
                            MAX_PARAMETERS);
        if (n) {
            neap__lua_join(L, home, optimizer, lua_gettop(L), n);
            to[count++] = neap_attribute_node(name, n);
        } else if (lua_type(L, -1) == LUA_TNUMBER) {
            to[count++] = neap_attribute_float(name, lua_tonumber(L, -1));
        } else if (lua_isboolean(L, -1)) {
            to[count++] = neap_attribute_bool(name, lua_toboolean(L, -1));
        } else {
            neap__lua_error(L, "%s: argument '%s': a number expected, got %s", optimizer,
                            name, neap__lua_type(L, -1));
        }
        lua_pop(L, 1);
    }
    return count;
}

/* apply_gradients(optimizer, parameters, gradients, variables): the node that trains. */
static int apply_gradients(lua_State *L)
{
    neap_error err = NEAP_ERROR_INIT;
    neap__lua_home home = {NULL, 5};
    neap_attribute parameters[MAX_PARAMETERS];
    size_t gradient_count, variable_count;
    const char *optimizer = neap__lua_string(L, 1, "apply_gradients", "optimizer");
    lua_settop(L, 5);
    neap_node **gradients =
        neap__lua_nodes(L, 3, optimizer, "gradients", true, &home, &gradient_count);
    neap_node **variables =
        neap__lua_nodes(L, 4, optimizer, "variables", false, &home, &variable_count);
    if (gradient_count != variable_count) {
        neap__lua_error(L, "%s: %d gradients for %d variables", optimizer,
                        (int)gradient_count, (int)variable_count);
    }
    size_t parameter_count = read_parameters(L, 2, optimizer, &home, parameters);
    neap__lua_settle(L, &home);
    neap__lua_self(L)->pending = false;
    neap__lua_source(L, home.graph);
    neap_node *n =
        neap_apply_gradients(home.graph, optimizer, parameters, parameter_count,
                             gradients, variables, variable_count, &err);
    neap__lua_unsource(home.graph);
    if (!n)
        return neap__lua_raise_run(L, &err);
    neap__lua_pushnode(L, home.anchor, n);
    return 1;
}

/* trainable_variables(loss): a sequence, in order of creation. */
static int trainable_variables(lua_State *L)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_node *loss = neap__lua_tonode(L, neap__lua_self(L), 1);
    if (!loss) {
        return neap__lua_error(L, "minimize: argument 'loss': a node expected, got %s",
                               neap__lua_type(L, 1));
    }
    lua_getiuservalue(L, 1, 1);
    int owner = lua_gettop(L);
    size_t room = neap_graph_count(neap_node_graph(loss), NEAP_VARIABLES);
    neap_node **variables = lua_newuserdatauv(L, (room + 1) * sizeof *variables, 0);
    size_t count = neap_trainable_variables(loss, variables, room, &err);
    if (err.code)
        return neap__lua_raise(L, &err);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        neap__lua_pushnode(L, owner, variables[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static const luaL_Reg functions[] = {{"apply_gradients", apply_gradients},
                                     {"trainable_variables", trainable_variables},
                                     {NULL, NULL}};

void neap__lua_open_train(lua_State *L) { neap__lua_register(L, functions); }
