/* gradients.c - neap.gradients. */
#include "lua/nodes.h"
#include "lua/values.h"

/* A node, or a sequence of nodes: whether it is a sequence. */
static neap_node **one_or_more(lua_State *L, int index, const char *name,
                               neap__lua_home *home, size_t *count, bool *sequence)
{
    neap_node *n = neap__lua_tonode(L, neap__lua_self(L), index);
    *sequence = !n;
    if (!n && lua_type(L, index) != LUA_TTABLE) {
        neap__lua_error(
            L,
            "gradients: argument '%s': a node or a sequence of nodes expected, "
            "got %s",
            name, neap__lua_type(L, index));
    }
    if (!n)
        return neap__lua_nodes(L, index, "gradients", name, false, home, count);
    neap__lua_join(L, home, "gradients", index, n);
    neap_node **nodes = lua_newuserdatauv(L, sizeof *nodes, 0);
    nodes[0] = n;
    *count = 1;
    return nodes;
}

/* What is given for one y may stand alone: it becomes a sequence of one. A table is a
 * sequence if it begins with a node or false, else the numbers of a value. */
static void wrap_weight(lua_State *L, int index, bool single)
{
    bool sequence = lua_type(L, index) == LUA_TTABLE;
    if (sequence && single) {
        int type = lua_rawgeti(L, index, 1);
        sequence = neap__lua_tonode(L, neap__lua_self(L), -1) ||
                   (type == LUA_TBOOLEAN && !lua_toboolean(L, -1));
        lua_pop(L, 1);
    }
    if (sequence)
        return;
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, index);
    lua_rawseti(L, -2, 1);
    lua_replace(L, index);
}

/* The sequence of weights: a node for each y, NULL for false. Plain values are first
 * read, which may run Lua code, into the table `values` of tensors of the y's dtypes. */
static void read_weights(lua_State *L, int index, int values, neap__lua_home *home,
                         neap_node *const *ys, size_t count, neap_node **weights)
{
    neap_error err = NEAP_ERROR_INIT;
    neap__lua *s = neap__lua_self(L);
    int64_t length;
    if (!neap__lua_length(L, index, INT64_MAX, &length, &err))
        neap__lua_error(L, "gradients: argument 'grad_ys': %s", err.message);
    if (length != (int64_t)count) {
        neap__lua_error(L, "gradients: argument 'grad_ys': %I given for %d ys",
                        (LUAI_UACINT)length, (int)count);
    }
    for (size_t i = 0; i < count; i++) {
        int type = lua_geti(L, index, (lua_Integer)i + 1), at = lua_gettop(L);
        weights[i] = neap__lua_tonode(L, s, at);
        if (weights[i]) {
            neap__lua_join(L, home, "gradients", at, weights[i]);
        } else if (type != LUA_TBOOLEAN || lua_toboolean(L, at)) {
            neap__lua_tensor *box = neap__lua_newtensor(L);
            neap_tensor *t = neap__lua_read(L, at, neap_node_dtype(ys[i]), NULL, &err);
            if (!t) {
                neap__lua_error(L, "gradients: argument 'grad_ys': at [%I]: %s",
                                (LUAI_UACINT)i + 1, err.message);
            }
            neap__lua_fill(s, box, t);
            lua_rawseti(L, values, (lua_Integer)i + 1);
        }
        lua_settop(L, at - 1);
    }
}

/* The plain values become constants, of so many bytes: false, with an error, if one
 * cannot. */
static bool make_weights(lua_State *L, int values, neap_graph *g, size_t count,
                         neap_node **weights, size_t *bytes, neap_error *err)
{
    bool fine = true;
    for (size_t i = 0; i < count && fine; i++) {
        lua_rawgeti(L, values, (lua_Integer)i + 1);
        const neap__lua_tensor *box =
            neap__lua_test(L, neap__lua_self(L), -1, BOX_TENSOR);
        if (box) {
            weights[i] = neap_constant(g, box->tensor, err);
            fine = weights[i];
            *bytes += neap_tensor_bytes(box->tensor);
        }
        lua_pop(L, 1);
    }
    return fine;
}

/* A gradient for each x: nil or false where there is none. */
static int gradients(lua_State *L)
{
    static const char *const names[] = {"ys", "xs", "grad_ys"};
    static const neap__lua_signature signature = {"gradients", names, 3, 3, 0};
    neap_error err = NEAP_ERROR_INIT;
    neap__lua_home home = {NULL, 4};
    size_t y_count, x_count;
    bool sequence;
    neap__lua_collect(L, neap__lua_self(L));
    neap__lua_arguments(L, 1, &signature);
    lua_settop(L, 4);
    neap_node **ys = one_or_more(L, 1, "ys", &home, &y_count, &sequence);
    bool single = !sequence, weighed = !lua_isnil(L, 3);
    neap_node **xs = one_or_more(L, 2, "xs", &home, &x_count, &sequence);
    neap_node **weights = lua_newuserdatauv(L, (y_count + 1) * sizeof *weights, 0);
    neap_node **out = lua_newuserdatauv(L, (x_count + 1) * sizeof *out, 0);
    lua_newtable(L);
    int values = lua_gettop(L);
    if (weighed) {
        wrap_weight(L, 3, single);
        read_weights(L, 3, values, &home, ys, y_count, weights);
    }
    neap__lua_settle(L, &home);
    neap__lua_self(L)->pending = false;
    neap__lua_source(L, home.graph);
    size_t first = neap_graph_count(home.graph, NEAP_OPERATIONS), bytes = 0;
    bool fine =
        !weighed || make_weights(L, values, home.graph, y_count, weights, &bytes, &err);
    fine = fine && neap_gradients(home.graph, ys, y_count, xs, x_count,
                                  weighed ? weights : NULL, out, &err) == NEAP_OK;
    for (size_t i = y_count; weighed && !fine && i-- > 0;) {
        if (weights[i] && neap_node_index(weights[i]) >= first)
            neap_graph_withdraw(home.graph, weights[i]);
    }
    neap__lua_unsource(home.graph);
    if (!fine)
        return neap__lua_raise_run(L, &err);
    neap__lua_weigh_graph(L, 4, bytes);
    if (!sequence) {
        if (out[0])
            neap__lua_pushnode(L, 4, out[0]);
        else
            lua_pushnil(L);
        return 1;
    }
    lua_createtable(L, (int)x_count, 0);
    for (size_t i = 0; i < x_count; i++) {
        if (out[i])
            neap__lua_pushnode(L, 4, out[i]);
        else
            lua_pushboolean(L, 0);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static const luaL_Reg functions[] = {{"gradients", gradients}, {NULL, NULL}};

void neap__lua_open_gradients(lua_State *L) { neap__lua_register(L, functions); }
