/* callable.c - session.callable: one run, prepared, as a Lua function.
 *
 * It is the fastest way to run one thing often, so that it does once what `run` does each
 * time: nodes are checked, a plain value is written into the tensor of the last call
 * where that is of the same shape and nobody else's, and the result of a single fetch
 * needs no table.
 *
 * Reading a value can run Lua code (metamethods), which may call the same callable again,
 * and so write into those tensors. Hence a value that ran any is put away in a box of its
 * own, and the arguments are read once more from the first on: at the end of a pass, no
 * Lua code has run in it. */
#include "lua/sessions.h"
#include "lua/values.h"

#define FEW 16
/* Larger copies of values are not kept from call to call. */
#define KEPT_BYTES ((size_t)1 << 20)

typedef struct input {
    neap_node *node;
    neap_dtype dtype;
    neap_tensor *kept; /* the copy that was made for the last call, or NULL */
} input;

typedef struct callable {
    const char *mark;
    neap_callable *callable; /* NULL: the session is closed */
    bool single;             /* one node is fetched, not a table */
    bool number;             /* and its value is known to be a Lua number, or none */
    size_t count;
    input inputs[];
} callable;

static int callable_gc(lua_State *L)
{
    callable *c = neap__lua_test(L, neap__lua_self(L), 1, BOX_CALLABLE);
    if (!c)
        return 0;
    neap_callable_free(c->callable);
    c->callable = NULL;
    for (size_t i = 0; i < c->count; i++) {
        neap_tensor_release(c->inputs[i].kept);
        c->inputs[i].kept = NULL;
    }
    return 0;
}

void neap__lua_endcallable(lua_State *L, int index)
{
    callable *c = neap__lua_test(L, neap__lua_self(L), index, BOX_CALLABLE);
    if (c) {
        neap_callable_free(c->callable);
        c->callable = NULL;
    }
}

/* ---- The call -------------------------------------------------------------------- */

static int bad_value(lua_State *L, const input *in, const neap_error *err)
{
    return neap__lua_error(L, "callable: feed \"%s\": %s", neap_node_name(in->node),
                           err->message);
}

/* The tensor for argument i. NULL: Lua code has run; the argument is a tensor now. */
static neap_tensor *read_input(lua_State *L, const neap__lua *s, callable *c, size_t i)
{
    input *in = &c->inputs[i];
    int index = (int)i + 1;
    neap_error err = NEAP_ERROR_INIT;
    bool ran;
    if (lua_type(L, index) == LUA_TUSERDATA) {
        const neap__lua_tensor *given = neap__lua_test(L, s, index, BOX_TENSOR);
        if (given && given->tensor)
            return given->tensor;
    }
    if (in->kept && neap__lua_refill(L, index, in->kept))
        return in->kept;
    neap__lua_tensor *box = neap__lua_newtensor(L);
    neap_tensor *t = neap__lua_read(L, index, in->dtype, &ran, &err);
    if (!t)
        bad_value(L, in, &err);
    if (!ran && neap_tensor_bytes(t) <= KEPT_BYTES) {
        neap_tensor_release(in->kept);
        in->kept = t;
        lua_pop(L, 1);
        return t;
    }
    neap__lua_fill(neap__lua_self(L), box, t);
    lua_replace(L, index);
    return ran ? NULL : t;
}

static void read_inputs(lua_State *L, const neap__lua *s, callable *c,
                        neap_tensor **values)
{
    for (size_t i = 0; i < c->count;) {
        values[i] = read_input(L, s, c, i);
        i = values[i] ? i + 1 : 0;
    }
}

static int run_error(lua_State *L, const neap__lua_session *session)
{
    return neap__lua_error(L, "callable: the session is %s",
                           session->session ? "running" : "closed");
}

/* Upvalues: the state, the callable's box, the session's box, a copy of the fetches. */
static int call(lua_State *L)
{
    neap__lua *s = neap__lua_self(L);
    callable *c = lua_touserdata(L, lua_upvalueindex(2));
    neap__lua_session *session = lua_touserdata(L, lua_upvalueindex(3));
    neap_run_options options = NEAP_RUN_OPTIONS_INIT;
    neap_tensor *few[FEW], **values = few, *result = NULL, **out = &result;
    neap__lua_tensor *box = NULL;
    neap__lua_pack *p = NULL;
    neap_error err;
    err.code = NEAP_OK;
    neap__lua_collect(L, s);
    int given = lua_gettop(L), count = (int)c->count;
    while (given > count && lua_isnil(L, given))
        given--;
    if (given != count) {
        return neap__lua_error(L, "callable: %d value%s expected, got %d", count,
                               count == 1 ? "" : "s", given);
    }
    lua_settop(L, count);
    if (c->count > FEW) {
        values = lua_newuserdatauv(L, c->count * sizeof *values, 0);
        luaL_checkstack(L, 16, NULL);
    }
    read_inputs(L, s, c, values);
    int results = lua_gettop(L) + 2;
    if (!c->single) {
        neap__lua_takepack(L, lua_upvalueindex(3));
        lua_pushvalue(L, lua_upvalueindex(4));
        p = neap__lua_fetches(L, results, results - 1, session->graph, "callable", false);
        lua_remove(L, results);
        out = p->out;
    } else if (!c->number) {
        box = neap__lua_newtensor(L);
    }
    options.caller = L;
    s->pending = false;
    int status;
    for (;;) {
        if (!c->callable || session->running)
            return run_error(L, session);
        session->running++;
        status = neap_callable_run(c->callable, &options, values, out, &err);
        session->running--;
        if (!neap__lua_again(L, s, &err))
            break;
        read_inputs(L, s, c, values); /* a finalizer may have called this one */
    }
    if (p)
        neap__lua_endpack(p);
    if (status != NEAP_OK)
        return neap__lua_raise_run(L, &err);
    if (p) {
        neap__lua_place(L, p, results);
        lua_settop(L, results);
    } else if (result && !neap__lua_isscalar(result)) {
        neap__lua_fill(s, box, result);
    } else if (result) {
        neap__lua_pushelement(L, neap_tensor_dtype(result), neap_tensor_data(result), 0);
        neap_tensor_release(result);
    } else {
        lua_pushnil(L);
    }
    neap__lua_weigh_session(s, session);
    return 1;
}

/* ---- Making ---------------------------------------------------------------------- */

/* Pushes the box of a callable with these inputs, noted in the session, whose index is
 * 1. */
static callable *push_callable(lua_State *L, neap_node *const *inputs, size_t count)
{
    callable *c =
        neap__lua_box(L, sizeof *c + count * sizeof *c->inputs, 0, BOX_CALLABLE);
    c->count = count;
    for (size_t i = 0; i < count; i++) {
        c->inputs[i].node = inputs[i];
        c->inputs[i].dtype = neap_node_dtype(inputs[i]);
    }
    if (lua_getiuservalue(L, 1, SESSION_CALLABLES) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_createtable(L, 0, 1);
        lua_pushliteral(L, "k");
        lua_setfield(L, -2, "__mode");
        lua_setmetatable(L, -2);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, 1, SESSION_CALLABLES);
    }
    lua_pushvalue(L, -2);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    return c;
}

/* session:callable(fetches, placeholders): a sequence of nodes, or one. Stack: session,
 * fetches, placeholders, graph, nodes, pack, fetches (copied), places, box. */
int neap__lua_callable(lua_State *L)
{
    neap__lua *s = neap__lua_self(L);
    neap_error err = NEAP_ERROR_INIT;
    size_t count = 0;
    neap_node **nodes = NULL;
    neap__lua_collect(L, s);
    neap__lua_session *session = neap__lua_test(L, s, 1, BOX_SESSION);
    if (!session) {
        return neap__lua_error(L,
                               "session.callable: call it with ':' on a session, got %s",
                               neap__lua_type(L, 1));
    }
    neap__lua_home home = {session->graph, 4};
    neap__lua_most(L, "session.callable", 1, 2);
    lua_settop(L, 4);
    if (neap__lua_tonode(L, s, 3)) { /* one placeholder is a sequence of one */
        lua_createtable(L, 1, 0);
        lua_pushvalue(L, 3);
        lua_rawseti(L, -2, 1);
        lua_replace(L, 3);
    }
    if (lua_isnil(L, 3))
        lua_pushnil(L);
    else
        nodes = neap__lua_nodes(L, 3, "session.callable", "placeholders", false, &home,
                                &count);
    neap__lua_takepack(L, 1);
    neap__lua_pack *p =
        neap__lua_fetches(L, 2, 6, session->graph, "session.callable", true);
    if (lua_type(L, 7) == LUA_TTABLE) {
        /* Calls walk the copy, whose keys may come in another order. */
        p->fetch_count = 0;
        p = neap__lua_fetches(L, 7, 6, session->graph, "session.callable", true);
        lua_pop(L, 2);
    }
    callable *c = push_callable(L, nodes, count);
    c->single = lua_type(L, 7) == LUA_TUSERDATA;
    if (c->single) {
        const neap_node *n = p->fetches[0];
        c->number = neap__lua_needsnobox(n);
    }
    if (!session->session || session->running) {
        return neap__lua_error(L, "session.callable: the session is %s",
                               session->session ? "running" : "closed");
    }
    s->pending = false;
    c->callable = neap_callable_new(session->session, nodes, count, p->fetches,
                                    p->fetch_count, &err);
    neap__lua_endpack(p);
    if (!c->callable)
        return neap__lua_raise_run(L, &err);
    lua_settop(L, 9);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 9);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 7);
    lua_pushcclosure(L, call, 4);
    return 1;
}

static const luaL_Reg metamethods[] = {{"__gc", callable_gc}, {NULL, NULL}};

void neap__lua_open_callable(lua_State *L)
{
    neap__lua_metatable(L, BOX_CALLABLE, "callable", metamethods);
    lua_pop(L, 1);
}
