/* core.c - what neap's Lua modules are built on: errors, names and checksums. */
#include "lua/binding.h"

/* raise(message): with the position of the nearest Lua function outside neap. */
static int raise_error(lua_State *L)
{
    return neap__lua_error(L, "%s", luaL_tolstring(L, 1, NULL));
}

/* type_of(value): as messages name it. */
static int type_of(lua_State *L)
{
    lua_pushstring(L, neap__lua_type(L, 1));
    return 1;
}

/* callable(value): whether it can be called. */
static int callable(lua_State *L)
{
    lua_pushboolean(L, lua_type(L, 1) == LUA_TFUNCTION ||
                           luaL_getmetafield(L, 1, "__call") != LUA_TNIL);
    return 1;
}

/* operations(): the names of all, the internal ones too. */
static int operations(lua_State *L)
{
    lua_newtable(L);
    for (size_t i = 0; i < neap_op_count(); i++) {
        lua_pushstring(L, neap_op_at(i)->name);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* attributes(operation): their names. */
static int attributes(lua_State *L)
{
    const neap_op_info *info =
        neap_op_find(neap__lua_string(L, 1, "attributes", "operation"));
    lua_newtable(L);
    for (size_t i = 0; info && i < info->attribute_count; i++) {
        lua_pushstring(L, info->attributes[i].name);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* check_dtype(function, argument, name): raises unless there is a dtype of that name. */
static int check_dtype(lua_State *L)
{
    neap__lua_dtype(L, 3, lua_tostring(L, 1), lua_tostring(L, 2));
    return 0;
}

/* no_name(what, place, name): raises, with what is near. */
static int no_name(lua_State *L)
{
    return neap__lua_no_name(L, lua_tostring(L, 1), lua_tostring(L, 2),
                             lua_tostring(L, 3));
}

/* place(prefix, table): its names are told where one of them is missed. */
static int place(lua_State *L)
{
    lua_settop(L, 2);
    neap__lua_place_names(L, lua_tostring(L, 1));
    return 0;
}

/* crc32(string): the checksum of PNG and ZIP (ISO 3309), half a byte at a time: the
 * remainders of the sixteen halves, divided by the polynomial with its bits reversed. */
static int crc32(lua_State *L)
{
    static const uint32_t remainders[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
        0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
        0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < length; i++) {
        crc ^= (unsigned char)text[i];
        crc = crc >> 4 ^ remainders[crc & 15];
        crc = crc >> 4 ^ remainders[crc & 15];
    }
    lua_pushinteger(L, (lua_Integer)(crc ^ 0xFFFFFFFF));
    return 1;
}

static const luaL_Reg functions[] = {
    {"raise", raise_error},     {"type", type_of},
    {"callable", callable},     {"operations", operations},
    {"attributes", attributes}, {"check_dtype", check_dtype},
    {"no_name", no_name},       {"place", place},
    {"crc32", crc32},           {NULL, NULL}};

void neap__lua_open_core(lua_State *L) { neap__lua_register(L, functions); }
