/* help.c - what neap can tell of itself: neap.help, neap.ops, neap.config,
 * neap.set_threads. */
#include "lua/nodes.h"

#include <stdio.h>
#include <string.h>

static bool is_public(const neap_op_info *info)
{
    return !(info->flags & NEAP_OP_INTERNAL);
}

static void add_integer(luaL_Buffer *b, int64_t value, unsigned flags)
{
    char text[32];
    bool open = flags & NEAP_ATTRIBUTE_OPEN && value == NEAP_NO_BOUND;
    snprintf(text, sizeof text, "%lld", (long long)value);
    luaL_addstring(b, open ? "false" : text);
}

static void add_number(luaL_Buffer *b, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%g", value);
    luaL_addstring(b, text);
}

static void add_quoted(luaL_Buffer *b, const char *text)
{
    luaL_addchar(b, '"');
    luaL_addstring(b, text);
    luaL_addchar(b, '"');
}

/* "{1, 2}", "{{1, 1}, {2, 2}}" */
static void add_list(luaL_Buffer *b, const neap_attribute *value, unsigned flags)
{
    luaL_addchar(b, '{');
    for (size_t i = 0; i < value->count; i++) {
        luaL_addstring(b, i ? ", " : "");
        if (value->kind == NEAP_KIND_INTS) {
            add_integer(b, value->integers[i], flags);
        } else if (value->kind == NEAP_KIND_FLOATS) {
            add_number(b, value->numbers[i]);
        } else {
            luaL_addchar(b, '{');
            add_integer(b, value->pairs[i].first, flags);
            luaL_addstring(b, ", ");
            add_integer(b, value->pairs[i].second, flags);
            luaL_addchar(b, '}');
        }
    }
    luaL_addchar(b, '}');
}

/* "=0.5": a default as Lua would write it; nothing where there is none. */
static void add_default(luaL_Buffer *b, const neap_attribute_info *row)
{
    const neap_attribute *value = &row->fallback;
    if (value->kind == NEAP_KIND_NONE || value->kind == NEAP_KIND_TENSOR)
        return;
    luaL_addchar(b, '=');
    switch (value->kind) {
    case NEAP_KIND_INT:
        add_integer(b, value->integer, row->flags);
        break;
    case NEAP_KIND_FLOAT:
        add_number(b, value->number);
        break;
    case NEAP_KIND_BOOL:
        luaL_addstring(b, value->integer ? "true" : "false");
        break;
    case NEAP_KIND_STRING:
        add_quoted(b, value->string);
        break;
    case NEAP_KIND_DTYPE:
        add_quoted(b, neap_dtype_name((neap_dtype)value->integer));
        break;
    default:
        add_list(b, value, row->flags);
    }
}

/* "matmul(a, b; transpose_a=false, transpose_b=false)" */
static void add_signature(luaL_Buffer *b, const neap_op_info *info)
{
    luaL_addstring(b, info->name);
    luaL_addstring(b, "(");
    for (const char *c = info->inputs; *c; c++) {
        if (*c == ' ')
            luaL_addchar(b, ',');
        luaL_addchar(b, *c);
    }
    for (size_t i = 0; i < info->attribute_count; i++) {
        const neap_attribute_info *row = &info->attributes[i];
        bool optional = !(row->flags & NEAP_ATTRIBUTE_REQUIRED) &&
                        (row->fallback.kind == NEAP_KIND_NONE ||
                         row->fallback.kind == NEAP_KIND_TENSOR);
        luaL_addstring(b, i ? ", " : *info->inputs ? "; " : "");
        luaL_addstring(b, optional ? "[" : "");
        luaL_addstring(b, row->name);
        add_default(b, row);
        luaL_addstring(b, optional ? "]" : "");
    }
    luaL_addstring(b, ")");
}

/* Prose in lines of at most 78 characters. */
static void add_prose(luaL_Buffer *b, const char *text)
{
    size_t column = 0;
    while (*text) {
        size_t length = strcspn(text, " \n");
        if (column && column + 1 + length > 78) {
            luaL_addchar(b, '\n');
            column = 0;
        } else if (column) {
            luaL_addchar(b, ' ');
            column++;
        }
        luaL_addlstring(b, text, length);
        column += length;
        text += length;
        text += strspn(text, " \n");
    }
    luaL_addchar(b, '\n');
}

static void add_operation(luaL_Buffer *b, const neap_op_info *info)
{
    add_signature(b, info);
    luaL_addstring(b, "\n\n");
    add_prose(b, info->doc ? info->doc : "");
    for (size_t i = 0; i < info->attribute_count; i++) {
        luaL_addstring(b, i ? "  " : "\n  ");
        luaL_addstring(b, info->attributes[i].name);
        luaL_addstring(b, ": ");
        char what[256];
        neap_attribute_text(&info->attributes[i], what, sizeof what);
        luaL_addstring(b, what);
        luaL_addstring(b, "\n");
    }
    if (info->results && *info->results && strchr(info->results, ' ')) {
        luaL_addstring(b, "\nResults: ");
        luaL_addstring(b, info->results);
        luaL_addstring(b, "\n");
    }
    if (info->flags & NEAP_OP_GRADIENT)
        luaL_addstring(b, "\nDifferentiable.\n");
    else if (info->flags & NEAP_OP_ZERO)
        luaL_addstring(b, "\nNo gradient passes through it.\n");
    else if (info->flags & NEAP_OP_NO_GRADIENT)
        luaL_addstring(b,
                       "\nIt has no gradient: differentiating through it is an error.\n");
}

static int no_operation(lua_State *L, const char *name)
{
    neap__lua_guess g = {.wanted = name};
    for (size_t i = 0; i < neap_op_count(); i++) {
        if (is_public(neap_op_at(i)))
            neap__lua_near(&g, "", "", neap_op_at(i)->name, false);
    }
    return neap__lua_error(L, "help: unknown operation '%s'%s", name,
                           neap__lua_guessed(L, &g));
}

/* neap.help([op]): the name of an operation, or one of neap's functions that builds
 * one. */
static int help(lua_State *L)
{
    luaL_Buffer b;
    const neap_op_info *info = NULL;
    neap__lua_most(L, "help", 0, 1);
    if (!lua_isnoneornil(L, 1)) {
        const char *name = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : NULL;
        if (lua_tocfunction(L, 1) == neap__lua_build && lua_getupvalue(L, 1, 2))
            info = ((const neap__lua_op *)lua_touserdata(L, -1))->info;
        if (!name && !info) {
            return neap__lua_error(L, "help: the name of an operation expected, got %s",
                                   neap__lua_type(L, 1));
        }
        if (!info)
            info = neap_op_find(name);
        if (!info || !is_public(info))
            return no_operation(L, name);
    }
    luaL_buffinit(L, &b);
    if (info) {
        add_operation(&b, info);
    } else {
        for (size_t i = 0; i < neap_op_count(); i++) {
            if (is_public(neap_op_at(i))) {
                add_signature(&b, neap_op_at(i));
                luaL_addstring(&b, "\n");
            }
        }
    }
    luaL_pushresult(&b);
    return 1;
}

/* neap.ops(): the names, in the order of the reference. */
static int ops(lua_State *L)
{
    neap__lua_most(L, "ops", 0, 0);
    lua_Integer count = 0;
    lua_newtable(L);
    for (size_t i = 0; i < neap_op_count(); i++) {
        if (!is_public(neap_op_at(i)))
            continue;
        lua_pushstring(L, neap_op_at(i)->name);
        lua_rawseti(L, -2, ++count);
    }
    return 1;
}

static int config(lua_State *L)
{
    neap_config c;
    neap__lua_most(L, "config", 0, 0);
    neap_get_config(&c);
    lua_createtable(L, 0, 6);
    lua_pushstring(L, c.version);
    lua_setfield(L, -2, "version");
    lua_pushstring(L, c.isa);
    lua_setfield(L, -2, "isa");
    lua_pushstring(L, c.compiler);
    lua_setfield(L, -2, "compiler");
    lua_pushstring(L, c.blas);
    lua_setfield(L, -2, "blas");
    lua_pushinteger(L, c.threads);
    lua_setfield(L, -2, "threads");
    lua_pushinteger(L, c.processors);
    lua_setfield(L, -2, "processors");
    return 1;
}

static int set_threads(lua_State *L)
{
    neap_error err = NEAP_ERROR_INIT;
    int64_t threads;
    neap__lua_most(L, "set_threads", 0, 1);
    if (!neap__lua_integer(L, 1, &threads, &err))
        return neap__lua_error(L, "set_threads: %s", err.message);
    if (threads < INT32_MIN || threads > INT32_MAX)
        return neap__lua_error(L, "set_threads: %I is out of range",
                               (LUAI_UACINT)threads);
    if (neap_set_threads((int)threads, &err) != NEAP_OK)
        return neap__lua_raise_as(L, "set_threads", &err);
    return 0;
}

static const luaL_Reg functions[] = {{"help", help},
                                     {"ops", ops},
                                     {"config", config},
                                     {"set_threads", set_threads},
                                     {NULL, NULL}};

void neap__lua_open_help(lua_State *L) { neap__lua_register(L, functions); }
