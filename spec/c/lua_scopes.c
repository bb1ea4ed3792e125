/* lua_scopes.c - name_scope and control_dependencies leave a graph as they found it, whatever
 * a host's own function pushed, popped or raised inside.
 *
 * Runs once: no instruction set touches it. */
#include "check.h"
#include "neap_lua.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

/* push(graph, node, raises): a scope and a control that nobody pops. */
static int push(lua_State *L)
{
    neap_graph *g = neap_lua_tograph(L, 1);
    neap_node *control = neap_lua_tonode(L, 2);
    neap_graph_push_scope(g, "left", NULL);
    neap_graph_push_controls(g, &control, 1, NULL);
    return lua_toboolean(L, 3) ? luaL_error(L, "raised") : 0;
}

/* pop(graph): what is open, for it is the host's own graph. */
static int pop(lua_State *L)
{
    neap_graph_pop_to(neap_lua_tograph(L, 1), 0);
    return 0;
}

static const char script[] =
    "local push, pop = ...\n"
    "local neap = require 'neap'\n"
    "local graph = neap.graph():as_default()\n"
    "local x = neap.placeholder('float32', {}, 'x')\n"
    "local session <close> = neap.session(graph)\n"
    "local function name() return neap.zeros({}).name:gsub('_%d+', '') .. '' end\n"
    "local function fine() return (name() == 'zeros') and session:run(neap.ones {}) == 1 "
    "end\n"
    "for _, raises in ipairs { false, true } do\n"
    "  for _, scoped in ipairs { true, false } do\n"
    "    pcall(scoped and neap.name_scope or neap.control_dependencies,\n"
    "          scoped and 'mine' or { x }, function() push(graph, x, raises) end)\n"
    "    assert(fine(), 'a scope or control stayed')\n"
    "    neap.name_scope('outer', function()\n"
    "      pcall(scoped and neap.name_scope or neap.control_dependencies,\n"
    "            scoped and 'mine' or { x }, function() push(graph, x, raises) end)\n"
    "      assert(name() == 'outer/zeros', 'the scope around is another')\n"
    "      push(graph, x)\n"
    "      neap.name_scope('inner', function() pop(graph) end)\n"
    "    end)\n"
    "    assert(fine(), 'a scope or control stayed')\n"
    "  end\n"
    "end\n";

int main(void)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    luaL_requiref(L, "neap", luaopen_neap, 0);
    lua_pop(L, 1);
    if (CHECK(luaL_loadstring(L, script) == LUA_OK)) {
        lua_pushcfunction(L, push);
        lua_pushcfunction(L, pop);
        if (!CHECK(lua_pcall(L, 2, 0, 0) == LUA_OK))
            printf("%s\n", lua_tostring(L, -1));
    }
    lua_close(L);
    return check_report();
}
