/* host.c - neap.op: operations written in Lua.
 *
 * The box of an operation holds its functions as user values. Each graph that has the
 * operation holds the box (user value 2 of its own), and the core has a key: the Lua
 * state and the operation's number there, in memory that outlives both. A callback finds
 * the box by that key, so that it fails, and does not crash, when the graph outlives the
 * box or runs where there is no Lua state. All that a callback does in Lua is protected:
 * invariant 2 of binding.h holds for the core too.
 *
 * A callback gets its operands in the places of the signature, nil where one is absent;
 * where the operation has attributes, a table of these follows, in which a node has become
 * what stands for it: a shape, a tensor, the node. */
#include "lua/nodes.h"
#include "lua/values.h"

#include <string.h>

enum {
    HOST_INFER = 1,
    HOST_COMPUTE,
    HOST_GRADIENT,
    HOST_NAME,
    HOST_INPUTS,
    HOST_SCHEMA, /* anchors what the rows point to */
    HOST_VALUES = 6
};

typedef struct host {
    const char *mark;
    neap__lua_op op;
    neap_op_info info;
    lua_Integer number;
    int results;
    const char *names[]; /* of inputs, then "name" */
} host;

/* What the core has as `user`: the elements of a tensor, which is released with the
 * graph. */
typedef struct key {
    neap_tensor *holder;
    lua_State *main;
    lua_Integer number;
} key;

/* One callback: what passes through lua_pcall. */
typedef struct callback {
    const key *key;
    int function; /* HOST_... */
    const neap_node *node;
    const neap_op_shape *in_shapes;
    neap_op_shape *out_shapes;
    neap_tensor *const *in;
    neap_tensor **out;
    neap_graph *graph;
    neap_node *const *x, *const *y, *const *dy;
    neap_node **dx;
    int owner; /* the index of the graph's box, for nodes */
    size_t in_count, out_count;
    int status;
    neap_error *err;
} callback;

static lua_State *main_thread(lua_State *L)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    lua_State *thread = lua_tothread(L, -1);
    lua_pop(L, 1);
    return thread;
}

/* ---- Callbacks ------------------------------------------------------------------- */

static int fail(callback *c, int code, const char *message)
{
    c->status = neap__lua_tell(c->err, code, "%s", message);
    return 0;
}

/* Pushes {dtype=, shape=}; no shape where the rank is unknown. */
static void push_shape(lua_State *L, const neap_op_shape *shape)
{
    lua_createtable(L, 0, 2);
    lua_pushstring(L, neap_dtype_name(shape->dtype));
    lua_setfield(L, -2, "dtype");
    if (shape->rank >= 0) {
        neap__lua_pushdims(L, shape->rank, shape->dims);
        lua_setfield(L, -2, "shape");
    }
}

/* Reads such a table at an index. */
static void take_shape(lua_State *L, int index, neap_op_shape *shape)
{
    if (lua_type(L, index) != LUA_TTABLE)
        luaL_error(L, "infer: a table {dtype=, shape=} expected, got %s",
                   neap__lua_type(L, index));
    lua_getfield(L, index, "dtype");
    shape->dtype = neap__lua_dtype(L, -1, "infer", "dtype");
    shape->rank = -1;
    if (lua_getfield(L, index, "shape") != LUA_TNIL)
        shape->rank = neap__lua_shape(L, lua_gettop(L), "infer", "shape", shape->dims);
    lua_pop(L, 2);
}

/* Results of a Lua function lie from `first` to the top: as many as there should be? */
static bool right_count(lua_State *L, callback *c, int first, const char *function)
{
    size_t got = (size_t)(lua_gettop(L) - first + 1);
    if (got == c->out_count)
        return true;
    c->status = neap__lua_tell(c->err, NEAP_EARG, "%s returned %zu value%s, expected %zu",
                               function, got, got == 1 ? "" : "s", c->out_count);
    return false;
}

/* Pushes operand i as the callback sees it: a shape, a tensor, a node; nil if it is
 * absent. */
static void push_operand(lua_State *L, const callback *c, size_t i)
{
    bool absent = i >= c->in_count || (c->in_shapes && !c->in_shapes[i].dtype) ||
                  (c->in && !c->in[i]) || (c->x && !c->x[i]);
    if (absent) {
        lua_pushnil(L);
    } else if (c->in_shapes) {
        push_shape(L, &c->in_shapes[i]);
    } else if (c->in) {
        neap__lua_tensor *box = neap__lua_newtensor(L);
        neap__lua_fill(neap__lua_self(L), box, neap_tensor_retain(c->in[i]));
    } else {
        neap__lua_pushnode(L, c->owner, c->x[i]);
    }
}

/* Operands that came as inputs: those in the place of integers lie behind them. */
static size_t data_count(const callback *c)
{
    const neap_op_info *info = neap_node_info(c->node);
    size_t count = c->in_count;
    neap_attribute a;
    for (size_t i = 0; i < info->attribute_count; i++)
        if (neap_node_attribute(c->node, i, &a, NULL) == NEAP_OK &&
            a.kind == NEAP_KIND_NODE)
            count--;
    return count;
}

/* Pushes the data operands, as many as the signature has places if it is of no sequence,
 * then the attributes if there are any: how many values. */
static int push_operands(lua_State *L, const callback *c, const neap__lua_op *op)
{
    size_t given = data_count(c), places = (size_t)op->inputs;
    size_t count = !op->sequence && given < places ? places : given;
    luaL_checkstack(L, (int)count + 16, NULL);
    for (size_t i = 0; i < count; i++)
        push_operand(L, c, i < given ? i : c->in_count);
    return (int)count;
}

static int push_attributes(lua_State *L, const callback *c)
{
    const neap_op_info *info = neap_node_info(c->node);
    neap_error err = NEAP_ERROR_INIT;
    neap_attribute a;
    if (!info->attribute_count)
        return 0;
    lua_createtable(L, 0, (int)info->attribute_count);
    for (size_t i = 0; i < info->attribute_count; i++) {
        if (neap_node_attribute(c->node, i, &a, &err) != NEAP_OK)
            neap__lua_raise(L, &err);
        if (a.kind == NEAP_KIND_NODE)
            push_operand(L, c, (size_t)a.integer);
        else
            neap__lua_pushattribute(L, 0, &info->attributes[i], &a);
        lua_setfield(L, -2, info->attributes[i].name);
    }
    return 1;
}

/* In each of the three, index 2 is the operation's box, and the function is at the
 * top. */
static int infer(lua_State *L, callback *c)
{
    const host *h = lua_touserdata(L, 2);
    int first = lua_gettop(L), arguments = push_operands(L, c, &h->op);
    arguments += push_attributes(L, c);
    if (!neap__lua_protected(L, arguments, LUA_MULTRET, c->err)) {
        c->status = c->err->code;
        return 0;
    }
    if (!right_count(L, c, first, "infer"))
        return 0;
    for (size_t i = 0; i < c->out_count; i++)
        take_shape(L, first + (int)i, &c->out_shapes[i]);
    return 0;
}

static int compute(lua_State *L, callback *c)
{
    const host *h = lua_touserdata(L, 2);
    neap_error err = NEAP_ERROR_INIT;
    int first = lua_gettop(L), arguments = push_operands(L, c, &h->op);
    arguments += push_attributes(L, c);
    if (!neap__lua_protected(L, arguments, LUA_MULTRET, c->err)) {
        c->status = c->err->code;
        return 0;
    }
    if (!right_count(L, c, first, "compute"))
        return 0;
    for (size_t i = 0; i < c->out_count && c->status == NEAP_OK; i++) {
        neap_dtype dtype =
            c->in_count && c->in[0] ? neap_tensor_dtype(c->in[0]) : NEAP_DTYPE_NONE;
        neap_tensor *t = neap__lua_read(L, first + (int)i, dtype, NULL, &err);
        if (!t) /* a value of another dtype than the first input's */
            t = neap__lua_read(L, first + (int)i, NEAP_DTYPE_NONE, NULL, &err);
        if (!t)
            c->status = neap__lua_tell(c->err, err.code, "compute: result %zu: %.400s",
                                       i + 1, err.message);
        c->out[i] = t;
    }
    return 0;
}

static int gradient(lua_State *L, callback *c)
{
    const neap__lua *s = neap__lua_self(L);
    const host *h = lua_touserdata(L, 2);
    int first = lua_gettop(L);
    neap__lua_pushgraph(L, c->graph);
    lua_insert(L, first++);
    int owner = c->owner = first - 1;
    const int inputs = push_operands(L, c, &h->op);
    luaL_checkstack(L, 2 * (int)c->out_count + 16, NULL);
    for (int dy = 0; dy < 2; dy++) {
        for (size_t i = 0; i < c->out_count; i++) {
            neap_node *n = dy ? c->dy[i] : c->y[i];
            if (n)
                neap__lua_pushnode(L, owner, n);
            else
                lua_pushboolean(L, 0);
        }
    }
    const int arguments = inputs + 2 * (int)c->out_count + push_attributes(L, c);
    if (!neap__lua_protected(L, arguments, inputs, c->err)) {
        c->status = c->err->code;
        return 0;
    }
    for (size_t i = 0; i < c->in_count && i < (size_t)inputs; i++) {
        int index = first + (int)i;
        neap_node *n = neap__lua_tonode(L, s, index);
        if (!c->x[i])
            continue;
        if (n && neap_node_graph(n) == c->graph)
            c->dx[i] = n;
        else if (lua_toboolean(L, index))
            luaL_error(L, "gradient: for input %d a node of its graph expected, got %s",
                       (int)i + 1, neap__lua_type(L, index));
    }
    return 0;
}

/* With the state as upvalue 1; argument 1 is the callback. */
static int dispatch(lua_State *L)
{
    callback *c = lua_touserdata(L, 1);
    neap__lua_get(L, STATE_OBJECTS);
    lua_rawgeti(L, -1, c->key->number);
    lua_remove(L, -2);
    if (!neap__lua_test(L, neap__lua_self(L), 2, BOX_HOST))
        return fail(c, NEAP_ESTATE, "its Lua functions are gone");
    if (lua_getiuservalue(L, 2, c->function) == LUA_TNIL)
        return fail(c, NEAP_EUNSUP, "it has no gradient");
    switch (c->function) {
    case HOST_INFER:
        return infer(L, c);
    case HOST_COMPUTE:
        return compute(L, c);
    default:
        return gradient(L, c);
    }
}

static int enter(lua_State *L)
{
    neap__lua_pushstate(L);
    lua_pushcclosure(L, dispatch, 1);
    lua_insert(L, 1);
    lua_call(L, 1, 0);
    return 0;
}

static int run_callback(callback *c, void *user, void *caller)
{
    lua_State *L = caller;
    c->key = user;
    c->status = NEAP_OK;
    if (!L || main_thread(L) != c->key->main)
        return neap__lua_tell(c->err, NEAP_ESTATE,
                              "it is written in Lua, and this call comes from elsewhere");
    if (!lua_checkstack(L, 8))
        return neap__lua_tell(c->err, NEAP_ELIMIT, "no room on the Lua stack");
    lua_pushcfunction(L, enter);
    lua_pushlightuserdata(L, c);
    if (lua_pcall(L, 1, 0, 0) !=
        LUA_OK) { /* what the binding itself raised: mostly no memory */
        const char *text =
            lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "an error";
        c->status = neap__lua_tell(c->err, NEAP_EARG, "%s", text);
        lua_pop(L, 1);
    }
    if (c->status != NEAP_OK && c->out) {
        for (size_t i = 0; i < c->out_count; i++) {
            neap_tensor_release(c->out[i]);
            c->out[i] = NULL;
        }
    }
    return c->status;
}

static int call_infer(void *user, void *caller, const neap_node *n,
                      const neap_op_shape *in, size_t in_count, neap_op_shape *out,
                      size_t out_count, neap_error *err)
{
    callback c = {.function = HOST_INFER,
                  .node = n,
                  .in_shapes = in,
                  .in_count = in_count,
                  .out_shapes = out,
                  .out_count = out_count,
                  .err = err};
    return run_callback(&c, user, caller);
}

static int call_compute(void *user, void *caller, const neap_node *n,
                        neap_tensor *const *in, size_t in_count, neap_tensor **out,
                        size_t out_count, neap_error *err)
{
    callback c = {.function = HOST_COMPUTE,
                  .node = n,
                  .in = in,
                  .in_count = in_count,
                  .out = out,
                  .out_count = out_count,
                  .err = err};
    return run_callback(&c, user, caller);
}

static int call_gradient(void *user, void *caller, neap_graph *g, const neap_node *n,
                         neap_node *const *x, size_t x_count, neap_node *const *y,
                         neap_node *const *dy, size_t y_count, neap_node **dx,
                         neap_error *err)
{
    callback c = {.function = HOST_GRADIENT,
                  .node = n,
                  .graph = g,
                  .x = x,
                  .in_count = x_count,
                  .y = y,
                  .dy = dy,
                  .dx = dx,
                  .out_count = y_count,
                  .err = err};
    return run_callback(&c, user, caller);
}

static void release_key(void *user) { neap_tensor_release(((key *)user)->holder); }

/* ---- Building -------------------------------------------------------------------- */

/* Makes the operation known to the graph whose box is at `owner`, once. `box` is the
 * operation's. */
static void register_once(lua_State *L, int box, int owner)
{
    host *h = lua_touserdata(L, box);
    neap_graph *g = ((neap__lua_graph *)lua_touserdata(L, owner))->graph;
    neap_error err = NEAP_ERROR_INIT;
    if (lua_getiuservalue(L, owner, 2) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, owner, 2);
    }
    bool known = lua_rawgetp(L, -1, h) != LUA_TNIL;
    lua_pop(L, 1);
    if (known) {
        lua_pop(L, 1);
        return;
    }
    lua_pushvalue(L, box);
    lua_rawsetp(L, -2, h); /* held from now on, whatever happens */
    neap_tensor *holder =
        neap_tensor_copy(NEAP_INT8, 1, (int64_t[]){sizeof(key)}, NULL, &err);
    if (!holder)
        neap__lua_raise(L, &err);
    key *k = neap_tensor_edit(holder);
    k->holder = holder;
    k->main = main_thread(L);
    k->number = h->number;
    neap_op op = {.size = sizeof op,
                  .name = h->info.name,
                  .doc = h->info.doc,
                  .inputs = h->info.inputs,
                  .result_count = (size_t)h->results,
                  .compute_node = call_compute,
                  .release = release_key,
                  .user = k,
                  .attributes = h->info.attributes,
                  .attribute_count = h->info.attribute_count};
    if (lua_getiuservalue(L, box, HOST_INFER) != LUA_TNIL)
        op.infer_node = call_infer;
    if (lua_getiuservalue(L, box, HOST_GRADIENT) != LUA_TNIL)
        op.gradient_node = call_gradient;
    lua_pop(L, 2);
    if (neap_graph_register(g, &op, &err) != NEAP_OK) {
        neap_tensor_release(holder);
        lua_pushnil(L);
        lua_rawsetp(L, -2, h);
        neap__lua_raise(L, &err);
    }
    lua_pop(L, 1);
}

/* Within neap__lua_build, whose upvalue 3 is the operation's box. */
static void prepare(lua_State *L, int owner)
{
    lua_pushvalue(L, lua_upvalueindex(3));
    register_once(L, lua_gettop(L), owner);
    lua_pop(L, 1);
}

/* ---- Defining -------------------------------------------------------------------- */

static void check_function(lua_State *L, int index, const char *name)
{
    if (lua_isnil(L, index) || lua_type(L, index) == LUA_TFUNCTION)
        return;
    neap__lua_error(L, "op: argument '%s': a function expected, got %s", name,
                    neap__lua_type(L, index));
}

/* Raises what the core has to say of a name, of inputs and of attributes, by a graph for
 * that alone: so that it is told where the operation is made, and not where it is used
 * first. */
static void check_signature(lua_State *L, const neap_op_info *info)
{
    neap_error err = NEAP_ERROR_INIT;
    const neap_op op = {.size = sizeof op,
                        .name = info->name,
                        .inputs = info->inputs,
                        .result_count = 1,
                        .compute_node = call_compute,
                        .attributes = info->attributes,
                        .attribute_count = info->attribute_count};
    neap_graph *g = neap_graph_new(&err);
    if (g)
        neap_graph_register(g, &op, &err);
    neap_graph_free(g);
    if (err.code)
        neap__lua_raise_as(L, "op", &err);
}

/* Slots: name, inputs, infer, compute, gradient, results, attributes, doc. */
static int host_new(lua_State *L)
{
    static const char *const names[] = {"name",     "inputs",  "infer",      "compute",
                                        "gradient", "results", "attributes", "doc"};
    static const neap__lua_signature signature = {"op", names, 8, 0, 0};
    neap__lua *s = neap__lua_self(L);
    neap_error err;
    int64_t results = 1;
    neap__lua_arguments(L, 1, &signature);
    const char *name = neap__lua_string(L, 1, "op", "name");
    const char *inputs = neap__lua_string(L, 2, "op", "inputs");
    check_function(L, 3, "infer");
    check_function(L, 4, "compute");
    check_function(L, 5, "gradient");
    if (lua_isnil(L, 4))
        neap__lua_error(L, "op: argument 'compute' is missing");
    if (!lua_isnil(L, 6) && (!neap__lua_integer(L, 6, &results, &err) || results < 1 ||
                             results > MAX_RESULTS)) {
        neap__lua_error(L, "op: argument 'results': a number from 1 to %d expected",
                        MAX_RESULTS);
    }
    if (!lua_isnil(L, 8))
        neap__lua_string(L, 8, "op", "doc");
    neap_op_info info = {.name = name, .inputs = inputs};
    info.attributes = neap__lua_schema(L, 7, &info.attribute_count);
    int schema = lua_gettop(L);
    check_signature(L, &info);
    size_t count = (size_t)neap__lua_words(inputs), text_size = strlen(inputs) + 1;
    size_t name_count = count + info.attribute_count + 1;
    host *h = neap__lua_box(L, sizeof *h + name_count * sizeof *h->names + text_size,
                            HOST_VALUES, BOX_HOST);
    int box = lua_gettop(L);
    for (int i = 0; i < 3; i++) {
        lua_pushvalue(L, 3 + i);
        lua_setiuservalue(L, box, HOST_INFER + i);
    }
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, box, HOST_NAME);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, box, HOST_INPUTS);
    lua_pushvalue(L, 8);
    lua_rawsetp(L, schema, h); /* the text of `doc` */
    lua_pushvalue(L, schema);
    lua_setiuservalue(L, box, HOST_SCHEMA);
    h->number = ++s->hosts;
    h->results = (int)results;
    h->info = info;
    h->info.doc = lua_isnil(L, 8) ? "" : lua_tostring(L, 8);
    h->info.flags = lua_isnil(L, 5) ? NEAP_OP_NO_GRADIENT : NEAP_OP_GRADIENT;
    const char **to = h->names;
    char *text = (char *)(h->names + name_count);
    neap__lua_describe(&h->op, &h->info, &to, &text);
    h->op.results = (int)results;
    h->op.prepare = prepare;
    neap__lua_get(L, STATE_OBJECTS);
    lua_pushvalue(L, box);
    lua_rawseti(L, -2, h->number);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushlightuserdata(L, &h->op);
    lua_pushvalue(L, box);
    lua_pushcclosure(L, neap__lua_build, 3);
    neap__lua_name_function(L, name);
    return 1;
}

static const luaL_Reg functions[] = {{"op", host_new}, {NULL, NULL}};
static const luaL_Reg metamethods[] = {{NULL, NULL}};

void neap__lua_open_host(lua_State *L)
{
    neap__lua_metatable(L, BOX_HOST, "operation", metamethods);
    lua_pop(L, 1);
    neap__lua_register(L, functions);
}
