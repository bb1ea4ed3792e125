/* session.c - sessions as Lua values: run, get, set, explain, close.
 *
 * States of a session: open (`session` is set), running (open, and `running` > 0: one of
 * its runs is further down this Lua stack), closed (`session` is NULL, for ever). Reading
 * arguments can run Lua code, which may close the session: it is looked at again before
 * the core is called. */
#include "lua/sessions.h"
#include "lua/values.h"

#include <string.h>

static neap__lua_session *self(lua_State *L, const char *method)
{
    neap__lua_session *box = neap__lua_test(L, neap__lua_self(L), 1, BOX_SESSION);
    if (!box) {
        neap__lua_error(L, "session.%s: call it with ':' on a session, got %s", method,
                        neap__lua_type(L, 1));
    }
    return box;
}

/* The session is open, and no run of it is under way. */
static void check_idle(lua_State *L, const neap__lua_session *box, const char *method)
{
    if (!box->session)
        neap__lua_error(L, "session.%s: the session is closed", method);
    if (box->running)
        neap__lua_error(L, "session.%s: the session is running", method);
}

/* ---- Making ---------------------------------------------------------------------- */

/* `print` operations and traces: the option `log`, else Lua's `print`. What it raises
 * becomes a warning, as in a finalizer: a run does not fail for what is said about it.
 * Arguments: the session's box by address, and the text. */
static int call_log(lua_State *L)
{
    neap__lua_get(L, STATE_OBJECTS);
    if (lua_rawgetp(L, -1, lua_touserdata(L, 1)) == LUA_TUSERDATA) {
        if (lua_getiuservalue(L, -1, SESSION_LOG) == LUA_TNIL)
            lua_getglobal(L, "print");
        lua_pushvalue(L, 2);
        lua_call(L, 1, 0);
    }
    return 0;
}

static int enter_log(lua_State *L)
{
    neap__lua_pushstate(L);
    lua_pushcclosure(L, call_log, 1);
    lua_insert(L, 1);
    lua_pushstring(L, lua_touserdata(L, -1));
    lua_replace(L, -2);
    lua_call(L, 2, 0);
    return 0;
}

static void log_text(void *user, void *caller, const char *text)
{
    lua_State *L = caller;
    if (!L || !lua_checkstack(L, 6))
        return;
    lua_pushcfunction(L, enter_log);
    lua_pushlightuserdata(L, user);
    lua_pushlightuserdata(L, (void *)(uintptr_t)text);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
        lua_warning(L, "neap: error in log: ", 1);
        lua_warning(
            L, lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "not a string", 0);
        lua_pop(L, 1);
    }
}

/* Pushes an empty box for a session of the graph whose box is at an index. */
static neap__lua_session *push_session(lua_State *L, int graph)
{
    neap__lua_session *box = neap__lua_box(L, sizeof *box, SESSION_VALUES, BOX_SESSION);
    lua_pushvalue(L, graph);
    lua_setiuservalue(L, -2, SESSION_GRAPH);
    box->graph = ((neap__lua_graph *)lua_touserdata(L, graph))->graph;
    neap__lua_get(L, STATE_OBJECTS); /* for its log */
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, box);
    lua_pop(L, 1);
    return box;
}

static int64_t option_integer(lua_State *L, int index, const char *name, int64_t least,
                              int64_t most, int64_t fallback)
{
    neap_error err;
    int64_t value = fallback;
    if (lua_isnil(L, index))
        return fallback;
    if (!neap__lua_integer(L, index, &value, &err))
        neap__lua_error(L, "session: argument '%s': %s", name, err.message);
    if (value < least || value > most) {
        neap__lua_error(L, "session: argument '%s': %I is out of range", name,
                        (LUAI_UACINT)value);
    }
    return value;
}

/* Slots: graph, threads, memory_limit, seed, device, passes, log, isa. */
static void read_options(lua_State *L, neap_session_options *o)
{
    o->threads = (int)option_integer(L, 2, "threads", 0, 1024, 0);
    o->memory_limit = (size_t)option_integer(L, 3, "memory_limit", 0, INT64_MAX, 0);
    o->seed = (uint64_t)option_integer(L, 4, "seed", INT64_MIN, INT64_MAX, 0);
    if (!lua_isnil(L, 5)) {
        if (!lua_islightuserdata(L, 5))
            neap__lua_error(L, "session: argument 'device': a device expected, got %s",
                            neap__lua_type(L, 5));
        o->device = lua_touserdata(L, 5);
    }
    if (!lua_isnil(L, 6))
        o->passes = neap__lua_string(L, 6, "session", "passes");
    if (!lua_isnil(L, 7) && lua_type(L, 7) != LUA_TFUNCTION &&
        luaL_getmetafield(L, 7, "__call") == LUA_TNIL) {
        neap__lua_error(L, "session: argument 'log': a function expected, got %s",
                        neap__lua_type(L, 7));
    }
    lua_settop(L, 9);
    if (!lua_isnil(L, 8))
        o->isa = neap__lua_string(L, 8, "session", "isa");
}

static int session_new(lua_State *L)
{
    static const char *const names[] = {"graph",  "threads", "memory_limit", "seed",
                                        "device", "passes",  "log",          "isa"};
    static const neap__lua_signature signature = {"session", names, 8, 1, 1};
    neap_session_options options = NEAP_SESSION_OPTIONS_INIT;
    neap__lua *s = neap__lua_self(L);
    neap_error err = NEAP_ERROR_INIT;
    neap__lua_home home = {NULL, 9};
    neap__lua_collect(L, s);
    neap__lua_arguments(L, 1, &signature);
    lua_settop(L, 9);
    if (!lua_isnil(L, 1)) {
        const neap__lua_graph *g = neap__lua_test(L, s, 1, BOX_GRAPH);
        if (!g) {
            neap__lua_error(L, "session: argument 'graph': a graph expected, got %s",
                            neap__lua_type(L, 1));
        }
        home.graph = g->graph;
        lua_pushvalue(L, 1);
        lua_replace(L, 9);
    }
    read_options(L, &options);
    neap__lua_settle(L, &home);
    neap__lua_session *box = push_session(L, 9);
    lua_pushvalue(L, 7);
    lua_setiuservalue(L, -2, SESSION_LOG);
    options.log = log_text;
    options.log_user = box;
    box->session = neap_session_new(home.graph, &options, &err);
    if (!box->session)
        return neap__lua_raise(L, &err);
    neap__lua_weigh_session(s, box);
    return 1;
}

/* ---- Running --------------------------------------------------------------------- */

static int bad_feed(lua_State *L, const neap_node *n, const char *function,
                    const char *message)
{
    return neap__lua_error(L, "%s: feed \"%s\": %s", function, neap_node_name(n),
                           message);
}

/* The value at the top is fed to the node whose box lies below it. */
static void add_feed(lua_State *L, int pack, const neap_node *n, const char *function)
{
    neap_error err = NEAP_ERROR_INIT;
    neap__lua_pack *p = lua_touserdata(L, pack);
    p = neap__lua_growpack(L, pack, p->feed_count + 1);
    size_t i = p->feed_count;
    neap_feed *feed = &p->feeds[i];
    neap_dtype dtype = neap_node_dtype(n);
    if (dtype == NEAP_DTYPE_NONE)
        bad_feed(L, n, function, "an operation without a value cannot be fed");
    if (!feed->value || !p->made[i] || neap_tensor_dtype(feed->value) != dtype ||
        !neap__lua_refill(L, -1, feed->value)) {
        neap_tensor *t = neap__lua_read(L, -1, dtype, NULL, &err);
        if (!t)
            bad_feed(L, n, function, err.message);
        neap_tensor_release(feed->value);
        feed->value = t;
        p->made[i] = lua_type(L, -1) != LUA_TUSERDATA;
    }
    feed->node = (neap_node *)(uintptr_t)n;
    p->feed_count++;
}

static void read_feeds(lua_State *L, int index, int pack, const neap_graph *g,
                       const char *function)
{
    const neap__lua *s = neap__lua_self(L);
    if (lua_isnil(L, index))
        return;
    if (lua_type(L, index) != LUA_TTABLE) {
        neap__lua_error(L, "%s: argument 'feeds': a table expected, got %s", function,
                        neap__lua_type(L, index));
    }
    lua_pushnil(L);
    while (lua_next(L, index)) {
        const neap_node *n = neap__lua_tonode(L, s, -2);
        if (!n) {
            neap__lua_error(L, "%s: feeds: a node expected as key, got %s", function,
                            neap__lua_type(L, -2));
        }
        if (neap_node_graph(n) != g)
            bad_feed(L, n, function, "it is a node of another graph");
        add_feed(L, pack, n, function);
        lua_pop(L, 1);
    }
}

/* session:run(fetches, [feeds]). Stack: session, fetches, feeds, pack, results,
 * places. */
static int session_run(lua_State *L)
{
    neap__lua *s = neap__lua_self(L);
    neap_run_options options = NEAP_RUN_OPTIONS_INIT;
    neap_error err = NEAP_ERROR_INIT;
    neap__lua_collect(L, s);
    neap__lua_session *box = self(L, "run");
    check_idle(L, box, "run");
    neap__lua_most(L, "session.run", 1, 2);
    neap__lua_takepack(L, 1);
    read_feeds(L, 3, 4, box->graph, "session.run");
    neap__lua_pack *p = neap__lua_fetches(L, 2, 4, box->graph, "session.run", false);
    options.caller = L;
    s->pending = false;
    int status;
    do {
        check_idle(L, box, "run");
        box->running++;
        status = neap_session_run_with(box->session, &options, p->feeds, p->feed_count,
                                       p->fetches, p->fetch_count, p->out, &err);
        box->running--;
    } while (neap__lua_again(L, s, &err));
    neap__lua_endpack(p);
    if (status != NEAP_OK)
        return neap__lua_raise_run(L, &err);
    neap__lua_place(L, p, 5);
    neap__lua_weigh_session(s, box);
    lua_settop(L, 5);
    return 1;
}

/* session:explain(fetches, [feeds]). Stack as above. */
static int session_explain(lua_State *L)
{
    neap__lua *s = neap__lua_self(L);
    neap_run_options options = NEAP_RUN_OPTIONS_INIT;
    neap_error err = NEAP_ERROR_INIT;
    luaL_Buffer buffer;
    size_t size = 4096, length = 0;
    int status;
    neap__lua_collect(L, s);
    neap__lua_session *box = self(L, "explain");
    check_idle(L, box, "explain");
    neap__lua_most(L, "session.explain", 1, 2);
    neap__lua_takepack(L, 1);
    read_feeds(L, 3, 4, box->graph, "session.explain");
    neap__lua_pack *p = neap__lua_fetches(L, 2, 4, box->graph, "session.explain", true);
    check_idle(L, box, "explain");
    options.caller = L;
    s->pending = false;
    char *text = luaL_buffinitsize(L, &buffer, size);
    for (;;) {
        box->running++;
        status = neap_session_explain_with(box->session, &options, p->feeds,
                                           p->feed_count, p->fetches, p->fetch_count,
                                           text, size, &length, &err);
        box->running--;
        if (status != NEAP_OK || length < size)
            break;
        size = length + 1;
        text = luaL_prepbuffsize(&buffer, size);
    }
    neap__lua_endpack(p);
    if (status != NEAP_OK)
        return neap__lua_raise_run(L, &err);
    luaL_pushresultsize(&buffer, length);
    return 1;
}

/* ---- Variables ------------------------------------------------------------------- */

/* The node in argument 2, of the session's graph. */
static neap_node *variable_argument(lua_State *L, const neap__lua_session *box,
                                    const char *method)
{
    neap_node *n = neap__lua_tonode(L, neap__lua_self(L), 2);
    if (!n) {
        neap__lua_error(L, "session.%s: a node expected, got %s", method,
                        neap__lua_type(L, 2));
    } else if (neap_node_graph(n) != box->graph) {
        neap__lua_error(L, "session.%s: %s \"%s\" is a node of another graph", method,
                        neap_node_op(n), neap_node_name(n));
    } else if (strcmp(neap_node_op(n), "variable")) {
        neap__lua_error(L, "session.%s: %s \"%s\" is not a variable", method,
                        neap_node_op(n), neap_node_name(n));
    }
    return n;
}

static int session_get(lua_State *L)
{
    neap__lua *s = neap__lua_self(L);
    neap_run_options options = NEAP_RUN_OPTIONS_INIT;
    neap_error err = NEAP_ERROR_INIT;
    neap_tensor *t = NULL;
    neap__lua_collect(L, s);
    neap__lua_session *box = self(L, "get");
    check_idle(L, box, "get");
    neap__lua_most(L, "session.get", 1, 1);
    neap_node *variable = variable_argument(L, box, "get");
    neap__lua_tensor *result = neap__lua_newtensor(L);
    options.caller = L; /* a first value may be an operation written in Lua */
    s->pending = false;
    int status;
    do {
        check_idle(L, box, "get");
        box->running++;
        status = neap_session_get_with(box->session, &options, variable, &t, &err);
        box->running--;
    } while (neap__lua_again(L, s, &err));
    if (status != NEAP_OK)
        return neap__lua_raise_run(L, &err);
    neap__lua_fill(s, result, t);
    if (neap__lua_isscalar(t))
        neap__lua_pushelement(L, neap_tensor_dtype(t), neap_tensor_data(t), 0);
    return 1;
}

static int session_set(lua_State *L)
{
    neap__lua *s = neap__lua_self(L);
    neap_error err = NEAP_ERROR_INIT;
    neap__lua_collect(L, s);
    neap__lua_session *box = self(L, "set");
    check_idle(L, box, "set");
    neap__lua_most(L, "session.set", 1, 2);
    neap_node *variable = variable_argument(L, box, "set");
    neap__lua_tensor *value = neap__lua_newtensor(L);
    neap_tensor *t = neap__lua_read(L, 3, neap_node_dtype(variable), NULL, &err);
    if (!t) {
        return neap__lua_error(L, "session.set: variable \"%s\": %s",
                               neap_node_name(variable), err.message);
    }
    neap__lua_fill(s, value, t);
    check_idle(L, box, "set");
    if (neap_session_set(box->session, variable, t, &err) != NEAP_OK)
        return neap__lua_raise(L, &err);
    neap__lua_weigh_session(s, box);
    return 0;
}

static int session_initialize(lua_State *L)
{
    neap__lua *s = neap__lua_self(L);
    neap_run_options options = NEAP_RUN_OPTIONS_INIT;
    neap_error err = NEAP_ERROR_INIT;
    neap__lua_session *box = self(L, "initialize");
    neap__lua_most(L, "session.initialize", 1, 0);
    options.caller = L;
    s->pending = false;
    int status;
    do {
        check_idle(L, box, "initialize");
        box->running++;
        status = neap_session_initialize_with(box->session, &options, &err);
        box->running--;
    } while (neap__lua_again(L, s, &err));
    if (status != NEAP_OK)
        return neap__lua_raise_run(L, &err);
    neap__lua_weigh_session(s, box);
    return 0;
}

/* ---- The end --------------------------------------------------------------------- */

/* __gc, __close and close: may be called again. The callables go first: they point into
 * the session. Their table has weak keys, from which a finalizer that comes later has not
 * gone yet. */
static int session_close(lua_State *L)
{
    neap__lua *s = neap__lua_self(L);
    neap__lua_session *box = self(L, "close");
    if (!box->session)
        return 0;
    if (box->running)
        return neap__lua_error(L, "session.close: the session is running");
    neap_session *session = box->session;
    box->session = NULL;
    if (lua_getiuservalue(L, 1, SESSION_CALLABLES) == LUA_TTABLE) {
        lua_pushnil(L);
        while (lua_next(L, -2)) {
            lua_pop(L, 1);
            neap__lua_endcallable(L, lua_gettop(L));
        }
    }
    neap_session_free(session);
    neap__lua_unweigh(s, &box->weight);
    return 0;
}

/* ---- Fields ---------------------------------------------------------------------- */

static int session_tostring(lua_State *L)
{
    const neap__lua_session *box = self(L, "__tostring");
    if (box->session)
        lua_pushfstring(L, "session on a graph of %I nodes",
                        (LUAI_UACINT)neap_graph_count(box->graph, NEAP_OPERATIONS));
    else
        lua_pushliteral(L, "closed session");
    return 1;
}

/* Upvalue 2: names of fields to the numbers of user values, names of methods to
 * functions. */
static int session_index(lua_State *L)
{
    self(L, "__index");
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    switch (lua_rawget(L, lua_upvalueindex(2))) {
    case LUA_TFUNCTION:
        return 1;
    case LUA_TNUMBER:
        lua_getiuservalue(L, 1, (int)lua_tointeger(L, -1));
        return 1;
    }
    if (lua_type(L, 2) == LUA_TSTRING)
        return neap__lua_no_name(L, "field", "session", lua_tostring(L, 2));
    return 0;
}

static int session_newindex(lua_State *L)
{
    return neap__lua_error(L, "a session has no fields to set");
}

static const luaL_Reg metamethods[] = {{"__tostring", session_tostring},
                                       {"__newindex", session_newindex},
                                       {"__gc", session_close},
                                       {"__close", session_close},
                                       {NULL, NULL}};
static const luaL_Reg methods[] = {{"run", session_run},
                                   {"callable", neap__lua_callable},
                                   {"get", session_get},
                                   {"set", session_set},
                                   {"initialize", session_initialize},
                                   {"explain", session_explain},
                                   {"close", session_close},
                                   {NULL, NULL}};
static const luaL_Reg functions[] = {{"session", session_new}, {NULL, NULL}};

/* Lua owns the session from the end on. */
int neap__lua_adopt(lua_State *L)
{
    neap_session *session = lua_touserdata(L, 1);
    neap__lua_pushgraph(L, neap_session_graph(session));
    neap__lua_session *box = push_session(L, 2);
    box->session = session;
    neap__lua_weigh_session(neap__lua_self(L), box);
    return 1;
}

void neap__lua_open_session(lua_State *L)
{
    neap__lua_metatable(L, BOX_SESSION, "session", metamethods);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_newtable(L);
    neap__lua_register(L, methods);
    lua_pushinteger(L, SESSION_GRAPH);
    lua_setfield(L, -2, "graph");
    neap__lua_place_names(L, "session");
    lua_pushcclosure(L, session_index, 2);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    neap__lua_register(L, functions);
}
