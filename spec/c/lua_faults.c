/* lua_faults.c - a Lua script that builds, trains and runs, whose k-th allocation fails, for
 * every k, be it Lua's or neap's: the script ends with an error of memory or works all the
 * same, then works again in the same state, and once the state is closed nothing is lost.
 *
 * Runs once: no instruction set touches it. */
#include "check.h"
#include "neap_lua.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdlib.h>

/* ---- Both allocators ------------------------------------------------------------------- */

static long long lua_held, neap_held;
static long until_failure = -1; /* allocations that succeed before some fail; -1: all */
static long failures;           /* how many fail then; -1: all that follow */

static int fails(void)
{
    if (until_failure != 0) {
        until_failure -= until_failure > 0;
        return 0;
    }
    failures -= failures > 0;
    until_failure = failures ? 0 : -1;
    return 1;
}

static void *lua_allocate(void *user, void *pointer, size_t old_size, size_t size)
{
    const size_t before = pointer ? old_size : 0; /* else it tells the kind of object */
    (void)user;
    if (size > before && fails())
        return NULL;
    lua_held += (long long)size - (long long)before;
    if (size)
        return realloc(pointer, size);
    free(pointer);
    return NULL;
}

static void *neap_allocate(void *user, size_t size, size_t alignment,
                           neap_memory_kind kind)
{
    (void)user, (void)alignment, (void)kind;
    if (fails())
        return NULL;
    neap_held += (long long)size;
    return aligned_alloc(64, (size + 63) & ~(size_t)63);
}

static void neap_give_back(void *user, void *pointer, size_t size)
{
    (void)user;
    neap_held -= (long long)size;
    free(pointer);
}

/* ---- The script ------------------------------------------------------------------------ */

static const char script[] =
    "local neap = require 'neap'\n"
    "local graph = neap.graph():as_default()\n"
    "local x = neap.placeholder('float32', {-1, 2}, 'x')\n"
    "local w = neap.variable({{1, 2}, {3, 4}}, {name = 'w'})\n"
    "local y = neap.name_scope('a', function() return neap.matmul(x, w) + {1, 1} end)\n"
    "local joined = neap.concat({y, x, {{1, 2}}}, 0)\n"
    "local twice = neap.op{name = 'twice', inputs = 'x',\n"
    "  infer = function(x) return {dtype = x.dtype, shape = x.shape} end,\n"
    "  compute = function(t) return neap.tensor(t:totable()) end,\n"
    "  gradient = function(x, y, dy) return dy * 2 end}\n"
    "local some = neap.op{name = 'some', inputs = 'x [y]', attributes = {\n"
    "    {name = 'k', kind = 'integer integers', default = {1, 2}},\n"
    "    {name = 'v', kind = 'value', default = {{1}}},\n"
    "    {name = 's', kind = 'string', choices = {'a', 'b'}, default = 'a'}},\n"
    "  infer = function(x, y, at) return x end,\n"
    "  compute = function(x, y, at) assert(at.v.rank == 2) return x end,\n"
    "  gradient = function(x, y, z, dz, at) return dz end}\n"
    "assert(#some(y, nil, {k = {3, 4, 5}}).attributes.k == 3)\n"
    "assert(neap.pad(y, {{1, 1}, {0, 0}}, 'edge').attributes.paddings[1][2] == 1)\n"
    "local loss = neap.reduce_mean(y * y) + neap.reduce_mean(twice(y))\n"
    "  + neap.reduce_mean(neap.call('some', y))\n"
    "local step = neap.train.adam{learning_rate = 0.1}:minimize(loss)\n"
    "local session <close> = neap.session(graph, {seed = 1, threads = 1})\n"
    "local train = session:callable({loss, {joined, step}}, {x})\n"
    "for i = 1, 2 do\n"
    "  local feeds = {[x] = {{1, 2}, {3, i}}}\n"
    "  local r = session:run({a = y, b = {loss, step}, c = false}, feeds)\n"
    "  assert(#r.a == 2 and tostring(r.a) and math.type(r.b[1]) == 'float')\n"
    "  assert(#train{{1, 2}, neap.tensor{3, 4}}[2][1] == 5)\n"
    "end\n"
    "pcall(neap.tensor, {{1, 2}, {3}})\n"
    "pcall(session.run, session, 5)\n"
    "pcall(neap.add, x, {1, 2, 3})\n"
    "pcall(session.run, session, y)\n"
    "local t = neap.tensor{{1, 2}, {3, 4}}\n"
    "assert(t[2]:totable()[1] == 3 and #t:tobytes() == 16)\n"
    "session:set(w, {{0, 0}, {0, 0}})\n"
    "assert(session:get(w):totable()[2][2] == 0)\n"
    "session:explain(y, {[x] = {{1, 2}}})\n"
    "session:initialize()\n"
    "return session:get(w)[2][1]\n";

/* A state begins with its libraries, which may fail as well. */
static int run_script(lua_State *L)
{
    luaL_openlibs(L);
    luaL_requiref(L, "neap", luaopen_neap, 0);
    if (luaL_loadstring(L, script) != LUA_OK)
        return lua_error(L);
    lua_call(L, 0, 1);
    return 1;
}

static int works(lua_State *L)
{
    lua_settop(L, 0);
    lua_pushcfunction(L, run_script);
    return lua_pcall(L, 0, 1, 0) == LUA_OK;
}

static const char *told(lua_State *L)
{
    const char *message = lua_tostring(L, -1);
    return message ? message : "an error without a text";
}

/* ---- Every allocation fails ------------------------------------------------------------ */

/* A buffer that outgrows the stack. Lua makes the type of these at the first need and, where
 * memory ends just then, can make no buffer in that state for ever after. */
static void make_buffer(lua_State *L)
{
    luaL_Buffer buffer;
    luaL_buffinitsize(L, &buffer, 100000);
    luaL_pushresultsize(&buffer, 0);
}

/* The script with a failure at allocation k; false if it did not come so far. */
static int spec_failure(long k, long count)
{
    int reached = 1;
    lua_State *L = lua_newstate(lua_allocate, NULL);
    if (L) {
        make_buffer(L);
        /* Lua forgets an object whose finalizer it has no memory to call. */
        if (count != 1)
            lua_gc(L, LUA_GCSTOP);
        until_failure = k;
        failures = count;
        const int well = works(L);
        reached = until_failure <= 0;
        until_failure = -1;
        if (!CHECK(well || strstr(told(L), "memory")))
            printf("allocation %ld: %s\n", k, told(L));
        if (!CHECK(works(L) && lua_tonumber(L, -1) == 3))
            printf("after allocation %ld: %s\n", k, told(L));
        lua_close(L);
    }
    if (CHECK(lua_held == 0 && neap_held == 0))
        return reached;
    printf("allocation %ld: %lld and %lld bytes lost\n", k, lua_held, neap_held);
    return 0;
}

int main(void)
{
    const neap_allocator allocator = {neap_allocate, neap_give_back, NULL};
    /* Lua collects and tries again after the first failure, so that one costs a collection
     * in the midst of things, two an error, and all of them whatever the error needs too. */
    const long counts[] = {1, 2, -1};
    neap_set_allocator(&allocator, NULL);
    for (int i = 0; i < 3; i++) {
        long k = 0;
        while (spec_failure(k, counts[i]))
            k++;
        printf("%ld allocations\n", k);
        CHECK(k > 1000);
    }
    return check_report();
}
