/* operators.c - operations as methods of nodes, and as operators of nodes and tensors.
 *
 * The functions of the module's table, which have their neap__lua_op as upvalue 2, are
 * there already; so are the metatables of nodes and tensors. */
#include "lua/nodes.h"

#include <string.h>

static const struct {
    const char *metamethod, *op;
} operators[] = {{"__add", "add"},           {"__sub", "subtract"}, {"__mul", "multiply"},
                 {"__div", "divide"},        {"__pow", "pow"},      {"__mod", "mod"},
                 {"__idiv", "floor_divide"}, {"__unm", "negative"}};

/* Lua gives unary operators their operand twice. Upvalue 2: the operation. */
static int node_unary(lua_State *L)
{
    lua_settop(L, 1);
    return neap__lua_build(L);
}

/* Arithmetic with a node makes a node. Upvalue 2: the operation. */
static int tensor_binary(lua_State *L)
{
    const neap__lua *s = neap__lua_self(L);
    const neap__lua_op *op = lua_touserdata(L, lua_upvalueindex(2));
    if (neap__lua_tonode(L, s, 1) || neap__lua_tonode(L, s, 2))
        return neap__lua_build(L);
    return neap__lua_error(L,
                           "%s: there is no arithmetic on tensors: neap.%s(%s) or "
                           "neap.constant(t) is a node, which a session runs",
                           op->info->name, op->info->name, op->inputs > 1 ? "t, u" : "t");
}

static int tensor_unary(lua_State *L)
{
    lua_settop(L, 1);
    return tensor_binary(L);
}

/* Sets the operators in the metatable of a kind of box; the module's table is at an
 * index. */
static void set_operators(lua_State *L, int module, int kind, lua_CFunction binary,
                          lua_CFunction unary)
{
    neap__lua_get(L, kind);
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (lua_getfield(L, module, operators[i].op) == LUA_TFUNCTION) {
            lua_pushvalue(L, lua_upvalueindex(1));
            lua_getupvalue(L, -2, 2);
            lua_pushcclosure(L, strcmp(operators[i].metamethod, "__unm") ? binary : unary,
                             2);
            lua_setfield(L, -3, operators[i].metamethod);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* Those whose first input is one node are methods; a field of that name wins. */
static void set_methods(lua_State *L, int module)
{
    neap__lua_get(L, BOX_NODE);
    lua_getfield(L, -1, "__index");
    lua_getupvalue(L, -1, 2);
    for (size_t i = 0; i < neap_op_count(); i++) {
        const neap_op_info *info = neap_op_at(i);
        const char *end = strchr(info->inputs, ' ');
        size_t length = end ? (size_t)(end - info->inputs) : strlen(info->inputs);
        bool one = length && info->inputs[length - 1] != '.' && info->inputs[0] != '[';
        if (!one || (info->flags & (NEAP_OP_INTERNAL | NEAP_OP_SPECIAL)))
            continue;
        if (lua_getfield(L, -1, info->name) == LUA_TNIL) {
            lua_getfield(L, module, info->name);
            lua_setfield(L, -3, info->name);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 3);
}

void neap__lua_open_operators(lua_State *L)
{
    int module = lua_gettop(L);
    set_operators(L, module, BOX_NODE, neap__lua_build, node_unary);
    set_operators(L, module, BOX_TENSOR, tensor_binary, tensor_unary);
    set_methods(L, module);
}
