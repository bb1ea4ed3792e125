/* lua_rounding.c - numbers that Lua gives become elements by rounding to nearest,
 * whatever the host's rounding mode, which stays as it was.
 *
 * Runs once: no instruction set touches it. */
#include "check.h"
#include "neap_lua.h"

#include <fenv.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

/* Every way in: a number, short and long tables, integers that float32 cannot hold,
 * 16 bits, literals, values fed again. Lua's own sums in it are exact, for they follow
 * the mode. */
static const char script[] =
    "local neap = require 'neap'\n"
    "local graph = neap.graph():as_default()\n"
    "local x = neap.placeholder('float32')\n"
    "local session <close> = neap.session(graph, {threads = 1})\n"
    "local long, integers = {}, {}\n"
    "for i = 1, 300 do long[i], integers[i] = 1 + i * 2^-30, (1 << 24) + i end\n"
    "local out = {}\n"
    "local function add(t) out[#out + 1] = t:tobytes() end\n"
    "add(neap.tensor(0.1)) add(neap.tensor{{0.1}, {-0.1}}) add(neap.tensor(long))\n"
    "add(neap.tensor(integers)) add(neap.tensor(long, 'float16'))\n"
    "add(neap.tensor(long, 'bfloat16')) add(neap.tensor({(1 << 53) + 1}, 'float64'))\n"
    "add(session:run(x + {0.1, 0.7}, {[x] = {0.3, 0.9}}))\n"
    "local kept = session:callable(neap.identity(x), {x})\n"
    "for i = 1, 3 do\n"
    "  add(kept(long)) add(kept{{long[i]}, {-0.7}}) add(neap.tensor{kept(long[i])})\n"
    "end\n"
    "add(neap.tensor.full({2}, 0.1))\n"
    "return table.concat(out)\n";

/* Pushes the bytes of all elements. The script's own numerals are read beforehand. */
static int run_script(lua_State *L, int mode)
{
    const int before = fegetround();
    int status = luaL_loadstring(L, script);
    fesetround(mode);
    status = status ? status : lua_pcall(L, 0, 1, 0);
    CHECK(fegetround() == mode);
    fesetround(before);
    if (!CHECK(status == LUA_OK))
        printf("%s\n", lua_tostring(L, -1));
    return status == LUA_OK;
}

int main(void)
{
    const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    luaL_requiref(L, "neap", luaopen_neap, 0);
    lua_pop(L, 1);
    const int told = run_script(L, FE_TONEAREST);
    for (int i = 0; told && i < 3; i++)
        CHECK(run_script(L, modes[i]) && lua_rawequal(L, 1, -1));
    lua_close(L);
    return check_report();
}
