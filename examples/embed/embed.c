/* embed.c - a program with a Lua state of its own, and neap inside both.
 *
 * It lends neap to a script (train.lua, or the one named on the command line), which builds and
 * trains a network and returns a session with two nodes; from there on it runs the network from
 * C. Valid C and C++:
 *
 *     cc embed.c $(pkg-config --cflags --libs neap-lua neap lua5.4)
 *     c++ -x c++ embed.c $(pkg-config --cflags --libs neap-lua neap lua5.4) */
#ifdef __cplusplus
#include <lua.hpp>
#else
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#endif

#include <neap_lua.h>
#include <stdio.h>

/* The session stays Lua's: it lives as long as its value is on the stack, or elsewhere in the
 * state. */
static int run_from_c(neap_session *session, neap_node *x, neap_node *p)
{
    static const float corners[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
    const int64_t dims[2] = {4, 2};
    neap_error err = NEAP_ERROR_INIT;
    neap_tensor *input = neap_tensor_copy(NEAP_FLOAT32, 2, dims, corners, &err);
    neap_feed feed = {x, input};
    neap_tensor *output = NULL;
    int wrong = 0;

    if (!input || neap_session_run(session, &feed, 1, &p, 1, &output, &err) != NEAP_OK) {
        fprintf(stderr, "%s\n", err.message);
        neap_tensor_release(input);
        return 1;
    }
    const float *value = (const float *)neap_tensor_data(output);
    for (int i = 0; i < 4; i++) {
        printf("C: %g xor %g is %.3f\n", corners[i][0], corners[i][1], value[i]);
        wrong += (value[i] > 0.5f) != (corners[i][0] != corners[i][1]);
    }
    neap_tensor_release(output);
    neap_tensor_release(input);
    return wrong;
}

int main(int argc, char **argv)
{
    lua_State *L = luaL_newstate();
    int failed = 1;

    if (!L)
        return 1;
    luaL_openlibs(L);
    luaL_requiref(L, "neap", luaopen_neap, 0); /* so that the script's require finds it */
    lua_pop(L, 1);
    if (luaL_loadfile(L, argc > 1 ? argv[1] : "train.lua") != LUA_OK ||
        lua_pcall(L, 0, 3, 0) != LUA_OK) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
    } else {
        neap_session *session = neap_lua_tosession(L, 1);
        neap_node *x = neap_lua_tonode(L, 2), *p = neap_lua_tonode(L, 3);
        if (session && x && p)
            failed = run_from_c(session, x, p);
        else
            fprintf(stderr, "the script returns no session and two nodes\n");
    }
    lua_close(L); /* and with it the session and its graph */
    if (!failed)
        puts("ok");
    return failed;
}
