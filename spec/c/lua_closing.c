/* lua_closing.c - what is made while a Lua state closes: a finalizer may build, run and keep
 * whatever it likes; once lua_close has returned, neap holds no memory.
 *
 * Runs once: no instruction set touches it. */
#include "check.h"
#include "neap_lua.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdlib.h>

static long long held;

static void *allocate(void *user, size_t size, size_t alignment, neap_memory_kind kind)
{
    (void)user, (void)alignment, (void)kind;
    held += (long long)size;
    return aligned_alloc(64, (size + 63) & ~(size_t)63);
}
static void give_back(void *user, void *pointer, size_t size)
{
    (void)user;
    held -= (long long)size;
    free(pointer);
}

/* What a finalizer makes and keeps in a global. */
static const char *const made[] = {
    "neap.tensor{1, 2, 3}",
    "neap.tensor.zeros{1000, 1000}",
    "neap.tensor{{1, 2}, {3, 4}}[1]",
    "neap.graph()",
    "neap.graph():as_default()",
    "neap.constant{1, 2, 3}",
    "neap.variable{1, 2, 3}",
    "neap.session()",
    "session:run(x + 1, {[x] = {1, 2, 3}})",
    "session:run({x, {x}}, {[x] = {1, 2, 3}})",
    "session:callable(x + 1, x)",
    "{session:callable(x + 1, x), neap.session():callable(x, x)}",
    "session:callable(x + 1, x)({1, 2, 3})",
    "session:explain(x + 1)",
    "twice(x)",
    "neap.session():run(twice(x), {[x] = {1, 2}})",
    "neap.gradients(x * x, x)",
    "setmetatable({}, {__gc = function() kept = neap.session() end})",
    "coroutine.wrap(function() return neap.tensor{1, 2, 3} end)()",
    "{pcall(session.run, session, x, {[x] = 'text'}), neap.tensor{1}}",
    "{neap.tensor{1}, collectgarbage(), neap.tensor{2}, collectgarbage('step')}",
    "debug.getmetatable(debug.getmetatable(x).__newindex)",
};

/* Before neap is opened, so that it is finalized after everything of neap's: then nothing
 * can be made any longer, and what there was is gone. */
static const char older[] =
    "oldest = setmetatable({}, {__gc = function()\n"
    "  if not neap then return end\n"
    "  fine = {pcall(function() return neap.tensor{1, 2, 3} end)}\n"
    "  gone = {pcall(function() return session:run(x, {[x] = 1}) end)}\n"
    "  noted(fine[1], fine[2], gone[1], gone[2])\n"
    "end})\n";

static const char script[] =
    "neap = require 'neap'\n"
    "session = neap.session()\n"
    "x = neap.placeholder()\n"
    "twice = neap.op{name = 'twice', inputs = 'x', compute = function(t) return t end}\n"
    "session:run(twice(x), {[x] = {1, 2}})\n"
    "last = setmetatable({}, {__gc = function() kept = %s end})\n";

static int notes;

static int noted(lua_State *L)
{
    notes++;
    CHECK(!lua_toboolean(L, 1));
    CHECK(strstr(lua_tostring(L, 2), "neap is closed with its Lua state"));
    CHECK(!lua_toboolean(L, 3));
    return 0;
}

static void closes(const char *what, int stopped)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    lua_register(L, "noted", noted);
    CHECK(luaL_dostring(L, older) == LUA_OK);
    luaL_requiref(L, "neap", luaopen_neap, 0);
    lua_settop(L, 0);
    lua_pushfstring(L, script, what);
    if (!CHECK(luaL_dostring(L, lua_tostring(L, 1)) == LUA_OK))
        printf("%s\n", lua_tostring(L, -1));
    if (stopped)
        lua_gc(L, LUA_GCSTOP);
    lua_close(L);
    if (!CHECK(held == 0)) {
        printf("after lua_close neap holds %lld bytes of %s\n", held, what);
        held = 0;
    }
}

/* In finalizers that run while the state lives, what is made is collected as ever. */
static void collects(void)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    luaL_requiref(L, "neap", luaopen_neap, 0);
    lua_settop(L, 0);
    CHECK(luaL_dostring(L, "local neap = require 'neap'\n"
                           "for i = 1, 100 do\n"
                           "  setmetatable({}, {__gc = function()\n"
                           "    kept = neap.tensor.zeros{10000}\n"
                           "  end})\n"
                           "end\n"
                           "collectgarbage() kept = nil\n"
                           "collectgarbage() collectgarbage()\n") == LUA_OK);
    CHECK(held < 40000);
    lua_close(L);
    CHECK(held == 0);
}

int main(void)
{
    neap_error err = NEAP_ERROR_INIT;
    const neap_allocator allocator = {allocate, give_back, NULL};
    OK(neap_set_allocator(&allocator, &err));
    for (size_t i = 0; i < COUNT(made); i++) {
        closes(made[i], 0);
        closes(made[i], 1);
    }
    CHECK(notes == 2 * (int)COUNT(made));
    collects();
    return check_report();
}
