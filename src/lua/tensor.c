/* tensor.c - tensors as Lua values: sequences that never change. */
#include "lua/values.h"

#include <math.h>
#include <string.h>

/* The tensor that a method is called on. */
static neap_tensor *self(lua_State *L, const char *method)
{
    const neap__lua_tensor *box = neap__lua_test(L, neap__lua_self(L), 1, BOX_TENSOR);
    if (!box) {
        neap__lua_error(L, "tensor.%s: call it with ':' on a tensor, got %s", method,
                        neap__lua_type(L, 1));
    } else if (!box->tensor) {
        neap__lua_error(L, "the tensor has been collected");
    }
    return box->tensor;
}

/* ---- Making ---------------------------------------------------------------------- */

/* What is under the shape of slot `index` instead of its own; the tensor in the box
 * changes. */
static void take_shape(lua_State *L, const char *function, int index,
                       neap__lua_tensor *box)
{
    neap_error err = NEAP_ERROR_INIT;
    char have[SHAPE_SIZE], want[SHAPE_SIZE];
    int64_t dims[NEAP_MAX_RANK];
    int rank = neap__lua_shape(L, index, function, "shape", dims);
    int old_rank = neap_tensor_rank(box->tensor);
    const int64_t *old = neap_tensor_dims(box->tensor);
    bool same = rank == old_rank && !memcmp(dims, old, (size_t)rank * sizeof *dims);
    if (same)
        return;
    if (old_rank > 1 || (!old_rank && rank)) {
        neap__lua_error(L, "%s: a value of shape %s, not %s or a flat sequence", function,
                        neap__lua_shapetext(have, old_rank, old),
                        neap__lua_shapetext(want, rank, dims));
    }
    neap_tensor *shaped = neap_tensor_reshape(box->tensor, rank, dims, &err);
    if (!shaped)
        neap__lua_raise_as(L, function, &err);
    neap_tensor_release(box->tensor);
    box->tensor = shaped;
}

static const char *const tensor_names[] = {"value", "dtype", "shape"};
static const neap__lua_signature tensor_signature = {"tensor", tensor_names, 3, 3, 2};

/* neap.tensor(value, [dtype], [shape]): by __call, with the table of functions as
 * argument 1. */
static int tensor_new(lua_State *L)
{
    neap__lua *s = neap__lua_self(L);
    neap_error err = NEAP_ERROR_INIT;
    neap__lua_collect(L, s);
    neap__lua_arguments(L, 2, &tensor_signature);
    if (lua_isnil(L, 2))
        neap__lua_error(L, "tensor: argument 'value' is missing");
    neap_dtype dtype =
        lua_isnil(L, 3) ? NEAP_DTYPE_NONE : neap__lua_dtype(L, 3, "tensor", "dtype");
    neap__lua_tensor *box = neap__lua_newtensor(L);
    neap_tensor *t = neap__lua_read(L, 2, dtype, NULL, &err);
    if (!t)
        return neap__lua_raise_as(L, "tensor", &err);
    neap__lua_fill(s, box, t);
    if (!lua_isnil(L, 4))
        take_shape(L, "tensor", 4, box);
    return 1;
}

/* A tensor of one value: zeros, ones, full. Slots: shape, value, dtype. */
static int filled(lua_State *L, const char *function)
{
    neap__lua *s = neap__lua_self(L);
    neap_error err = NEAP_ERROR_INIT;
    int64_t dims[NEAP_MAX_RANK];
    if (lua_isnil(L, 1))
        neap__lua_error(L, "%s: argument 'shape' is missing", function);
    int rank = neap__lua_shape(L, 1, function, "shape", dims);
    bool boolean = lua_isboolean(L, 2);
    if (!boolean && lua_type(L, 2) != LUA_TNUMBER) {
        neap__lua_error(L, "%s: argument 'value': a number or boolean expected, got %s",
                        function, neap__lua_type(L, 2));
    }
    neap_dtype dtype = boolean ? NEAP_BOOL : NEAP_FLOAT32;
    if (!lua_isnil(L, 3))
        dtype = neap__lua_dtype(L, 3, function, "dtype");
    if (boolean != (dtype == NEAP_BOOL))
        neap__lua_error(L, "%s: argument 'value': a %s for dtype %s", function,
                        luaL_typename(L, 2), neap_dtype_name(dtype));
    neap__lua_tensor *box = neap__lua_newtensor(L);
    neap_tensor *t = neap_tensor_copy(dtype, rank, dims, NULL, &err);
    if (!t)
        return neap__lua_raise_as(L, function, &err);
    neap__lua_fill(s, box, t);
    int64_t n = neap_tensor_size(t);
    unsigned char *data = neap_tensor_edit(t);
    bool fine = true;
    const int mode = neap__lua_round_nearest();
    for (int64_t i = 0; data && fine && i < n; i++) {
        fine = boolean ? neap_element_store_integer(dtype, data, i, lua_toboolean(L, 2))
               : lua_isinteger(L, 2)
                   ? neap_element_store_integer(dtype, data, i, lua_tointeger(L, 2))
                   : neap_element_store_number(dtype, data, i, lua_tonumber(L, 2));
    }
    neap__lua_round_again(mode);
    if (!fine) {
        neap__lua_error(L, "%s: argument 'value': %s, which %s cannot hold", function,
                        luaL_tolstring(L, 2, NULL), neap_dtype_name(dtype));
    }
    return 1;
}

static int filled_with(lua_State *L, const char *function, lua_Integer value)
{
    static const char *const names[] = {"shape", "dtype"};
    neap__lua_signature signature = {function, names, 2, 2, 2};
    neap__lua_collect(L, neap__lua_self(L));
    neap__lua_arguments(L, 1, &signature);
    const char *dtype = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    if (!strcmp(dtype, "bool"))
        lua_pushboolean(L, value != 0);
    else
        lua_pushinteger(L, value);
    lua_insert(L, 2);
    return filled(L, function);
}

static int tensor_zeros(lua_State *L) { return filled_with(L, "tensor.zeros", 0); }
static int tensor_ones(lua_State *L) { return filled_with(L, "tensor.ones", 1); }

static int tensor_full(lua_State *L)
{
    static const char *const names[] = {"shape", "value", "dtype"};
    static const neap__lua_signature signature = {"tensor.full", names, 3, 3, 6};
    neap__lua_collect(L, neap__lua_self(L));
    neap__lua_arguments(L, 1, &signature);
    return filled(L, "tensor.full");
}

static int tensor_frombytes(lua_State *L)
{
    static const char *const names[] = {"bytes", "dtype", "shape"};
    static const neap__lua_signature signature = {"tensor.frombytes", names, 3, 3, 3};
    const char *function = signature.function;
    neap__lua *s = neap__lua_self(L);
    neap_error err = NEAP_ERROR_INIT;
    int64_t dims[NEAP_MAX_RANK];
    char shape[SHAPE_SIZE];
    size_t length;
    neap__lua_collect(L, s);
    neap__lua_arguments(L, 1, &signature);
    if (lua_type(L, 1) != LUA_TSTRING) {
        neap__lua_error(L, "%s: argument 'bytes': a string expected, got %s", function,
                        neap__lua_type(L, 1));
    }
    const char *bytes = lua_tolstring(L, 1, &length);
    neap_dtype dtype = neap__lua_dtype(L, 2, function, "dtype");
    int rank = neap__lua_shape(L, 3, function, "shape", dims);
    /* The length is checked before memory is taken for what the shape claims. */
    uint64_t bytes_wanted = neap_dtype_size(dtype);
    for (int i = 0; i < rank; i++) {
        if (dims[i] == 0)
            bytes_wanted = 0;
    }
    for (int i = 0; bytes_wanted && i < rank; i++) {
        if (dims[i] < 0 || (uint64_t)dims[i] > length / bytes_wanted) {
            bytes_wanted = UINT64_MAX;
            break;
        }
        bytes_wanted *= (uint64_t)dims[i];
    }
    if (bytes_wanted != length) {
        neap__lua_error(L, "%s: %I bytes for a tensor of %s and shape %s", function,
                        (LUAI_UACINT)length, neap_dtype_name(dtype),
                        neap__lua_shapetext(shape, rank, dims));
    }
    for (size_t i = 0; dtype == NEAP_BOOL && i < length; i++) {
        if ((unsigned char)bytes[i] > 1)
            neap__lua_error(L, "%s: byte %I is %d, not a boolean", function,
                            (LUAI_UACINT)(i + 1), (unsigned char)bytes[i]);
    }
    neap__lua_tensor *box = neap__lua_newtensor(L);
    neap_tensor *t = neap_tensor_copy(dtype, rank, dims, bytes, &err);
    if (!t)
        return neap__lua_raise_as(L, function, &err);
    neap__lua_fill(s, box, t);
    return 1;
}

/* ---- Reading --------------------------------------------------------------------- */

static void drop_base(void *user, void *data)
{
    (void)data;
    neap_tensor_release(user);
}

/* Pushes an empty box for a view of the tensor at index 1. It weighs nothing, and holds the
 * box of what it is a view of, whose weight stays for as long as the memory does; of a
 * view of a view that is the first one, so that no chain grows. */
static neap__lua_tensor *push_view(lua_State *L)
{
    neap__lua_tensor *box = neap__lua_box(L, sizeof *box, 1, BOX_TENSOR);
    if (lua_getiuservalue(L, 1, 1) != LUA_TUSERDATA) {
        lua_pop(L, 1);
        lua_pushvalue(L, 1);
    }
    lua_setiuservalue(L, -2, 1);
    return box;
}

/* t[i]: an element, or a view of a row. */
static int at(lua_State *L, neap_tensor *t, lua_Integer i)
{
    int rank = neap_tensor_rank(t);
    const int64_t *dims = neap_tensor_dims(t);
    neap_error err = NEAP_ERROR_INIT;
    if (!rank)
        return neap__lua_error(L, "a tensor of rank 0 has no elements: use t:item()");
    if (i < 1 || i > dims[0]) {
        lua_pushnil(L);
        return 1;
    }
    const char *data = neap_tensor_data(t);
    if (rank == 1) {
        neap__lua_pushelement(L, neap_tensor_dtype(t), data, i - 1);
        return 1;
    }
    size_t row = neap_tensor_bytes(t) / (size_t)dims[0];
    neap__lua_tensor *box = push_view(L);
    neap_tensor_retain(t);
    box->tensor = neap_tensor_wrap(neap_tensor_dtype(t), rank - 1, dims + 1,
                                   (char *)(uintptr_t)(data + row * (size_t)(i - 1)),
                                   drop_base, t, &err);
    if (!box->tensor) {
        neap_tensor_release(t);
        return neap__lua_raise(L, &err);
    }
    return 1;
}

enum { FIELD_SHAPE = 1, FIELD_DTYPE, FIELD_RANK, FIELD_SIZE };

/* Upvalue 2: names of fields to numbers, names of methods to functions. */
static int tensor_index(lua_State *L)
{
    neap_tensor *t = self(L, "__index");
    if (lua_isinteger(L, 2))
        return at(L, t, lua_tointeger(L, 2));
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(2)) == LUA_TFUNCTION)
        return 1;
    switch (lua_tointeger(L, -1)) {
    case FIELD_SHAPE:
        neap__lua_pushdims(L, neap_tensor_rank(t), neap_tensor_dims(t));
        return 1;
    case FIELD_DTYPE:
        lua_pushstring(L, neap_dtype_name(neap_tensor_dtype(t)));
        return 1;
    case FIELD_RANK:
        lua_pushinteger(L, neap_tensor_rank(t));
        return 1;
    case FIELD_SIZE:
        lua_pushinteger(L, neap_tensor_size(t));
        return 1;
    }
    if (lua_type(L, 2) == LUA_TSTRING)
        return neap__lua_no_name(L, "field", "tensor", lua_tostring(L, 2));
    if (lua_type(L, 2) == LUA_TNUMBER) /* t[1.0] is t[1]; t[1.5] is nil */
        return lua_tointegerx(L, 2, NULL) ? at(L, t, lua_tointeger(L, 2)) : 0;
    return 0;
}

static int tensor_newindex(lua_State *L)
{
    return neap__lua_error(L, "a tensor never changes");
}

static int tensor_len(lua_State *L)
{
    const neap_tensor *t = self(L, "__len");
    if (!neap_tensor_rank(t))
        return neap__lua_error(L, "a tensor of rank 0 has no length");
    lua_pushinteger(L, neap_tensor_dims(t)[0]);
    return 1;
}

static int tensor_tostring(lua_State *L)
{
    const neap_tensor *t = self(L, "__tostring");
    luaL_Buffer buffer;
    size_t size = 512, length;
    char *text = luaL_buffinitsize(L, &buffer, size);
    while ((length = neap_tensor_text(t, text, size)) >= size) {
        size = length + 1;
        text = luaL_prepbuffsize(&buffer, size);
    }
    luaL_pushresultsize(&buffer, length);
    return 1;
}

static int tensor_item(lua_State *L)
{
    const neap_tensor *t = self(L, "item");
    neap__lua_most(L, "tensor.item", 1, 0);
    if (neap_tensor_size(t) != 1)
        return neap__lua_error(L, "tensor.item: %I elements, not one",
                               (LUAI_UACINT)neap_tensor_size(t));
    neap__lua_pushelement(L, neap_tensor_dtype(t), neap_tensor_data(t), 0);
    return 1;
}

/* Tables for dims[d...], of the elements from `*element` on; as deep as a rank at
 * most. */
static void push_table(lua_State *L, const neap_tensor *t, int d, int64_t *element)
{
    int64_t n = neap_tensor_dims(t)[d];
    bool last = d + 1 == neap_tensor_rank(t);
    luaL_checkstack(L, 8, NULL);
    lua_createtable(L, n < 1 << 24 ? (int)n : 0, 0);
    for (int64_t i = 0; i < n; i++) {
        if (last)
            neap__lua_pushelement(L, neap_tensor_dtype(t), neap_tensor_data(t),
                                  (*element)++);
        else
            push_table(L, t, d + 1, element);
        lua_rawseti(L, -2, i + 1);
    }
}

static int tensor_totable(lua_State *L)
{
    const neap_tensor *t = self(L, "totable");
    neap__lua_most(L, "tensor.totable", 1, 0);
    int64_t element = 0;
    if (neap_tensor_rank(t))
        push_table(L, t, 0, &element);
    else
        neap__lua_pushelement(L, neap_tensor_dtype(t), neap_tensor_data(t), 0);
    return 1;
}

static int tensor_tobytes(lua_State *L)
{
    const neap_tensor *t = self(L, "tobytes");
    neap__lua_most(L, "tensor.tobytes", 1, 0);
    size_t bytes = neap_tensor_bytes(t);
    lua_pushlstring(L, bytes ? neap_tensor_data(t) : "", bytes);
    return 1;
}

static int tensor_reshape(lua_State *L)
{
    neap_tensor *t = self(L, "reshape");
    neap__lua_most(L, "tensor.reshape", 1, 1);
    neap_error err = NEAP_ERROR_INIT;
    int64_t dims[NEAP_MAX_RANK];
    int rank = neap__lua_shape(L, 2, "tensor.reshape", "shape", dims);
    neap__lua_tensor *box = push_view(L);
    box->tensor = neap_tensor_reshape(t, rank, dims, &err);
    if (!box->tensor)
        return neap__lua_raise_as(L, "tensor.reshape", &err);
    return 1;
}

static double tolerance(lua_State *L, int index, double fallback)
{
    if (lua_isnoneornil(L, index))
        return fallback;
    if (lua_type(L, index) != LUA_TNUMBER || !(lua_tonumber(L, index) >= 0))
        neap__lua_error(L, "tensor.allclose: a tolerance of 0 or more expected, got %s",
                        luaL_tolstring(L, index, NULL));
    return lua_tonumber(L, index);
}

static bool is_floating(const neap_tensor *t)
{
    return neap_tensor_dtype(t) >= NEAP_FLOAT32 && neap_tensor_dtype(t) <= NEAP_BFLOAT16;
}

static uint64_t magnitude(const neap_tensor *t, int64_t i, bool *negative)
{
    const int64_t v = neap_element_integer(neap_tensor_dtype(t), neap_tensor_data(t), i);
    *negative = v < 0;
    return v < 0 ? 0 - (uint64_t)v
                 : neap_element_unsigned(neap_tensor_dtype(t), neap_tensor_data(t), i);
}

/* How far two elements are from each other. Integers are compared as such: as doubles,
 * neighbours above 2^53 are one. */
static double distance(const neap_tensor *t, const neap_tensor *u, int64_t i)
{
    if (is_floating(t) || is_floating(u))
        return fabs(neap_element_number(neap_tensor_dtype(t), neap_tensor_data(t), i) -
                    neap_element_number(neap_tensor_dtype(u), neap_tensor_data(u), i));
    bool a_negative, b_negative;
    const uint64_t a = magnitude(t, i, &a_negative), b = magnitude(u, i, &b_negative);
    if (a_negative != b_negative)
        return (double)a + (double)b;
    return (double)(a < b ? b - a : a - b);
}

/* |t - u| ≤ atol + rtol |u| for every element, as numpy.allclose; shapes must be the
 * same. Equal infinities are close; not-a-number is close to nothing. */
static int tensor_allclose(lua_State *L)
{
    const neap_tensor *t = self(L, "allclose");
    neap__lua_most(L, "tensor.allclose", 1, 3);
    neap_error err = NEAP_ERROR_INIT;
    double rtol = tolerance(L, 3, 1e-5), atol = tolerance(L, 4, 1e-8);
    if (lua_isnoneornil(L, 2))
        return neap__lua_error(L, "tensor.allclose: argument 'u' is missing");
    neap__lua_tensor *box = neap__lua_newtensor(L);
    neap_tensor *u = neap__lua_read(L, 2, NEAP_DTYPE_NONE, NULL, &err);
    if (!u)
        return neap__lua_error(L, "tensor.allclose: argument 'u': %s", err.message);
    neap__lua_fill(neap__lua_self(L), box, u);
    int rank = neap_tensor_rank(t);
    bool close =
        rank == neap_tensor_rank(u) &&
        !memcmp(neap_tensor_dims(t), neap_tensor_dims(u), (size_t)rank * sizeof(int64_t));
    for (int64_t i = 0; close && i < neap_tensor_size(t); i++) {
        double a = neap_element_number(neap_tensor_dtype(t), neap_tensor_data(t), i);
        double b = neap_element_number(neap_tensor_dtype(u), neap_tensor_data(u), i);
        const double apart = distance(t, u, i);
        close = apart == 0 || (isinf(b) && a == b) ||
                (isfinite(b) && apart <= atol + rtol * fabs(b));
    }
    lua_pushboolean(L, close);
    return 1;
}

static int tensor_gc(lua_State *L)
{
    neap__lua *s = neap__lua_self(L);
    neap__lua_tensor *box = neap__lua_test(L, s, 1, BOX_TENSOR);
    if (box) {
        neap_tensor_release(box->tensor);
        box->tensor = NULL;
        s->tensors -= box->weight;
        neap__lua_unweigh(s, &box->weight);
    }
    return 0;
}

/* ---- Opening --------------------------------------------------------------------- */

static const luaL_Reg metamethods[] = {{"__newindex", tensor_newindex},
                                       {"__len", tensor_len},
                                       {"__tostring", tensor_tostring},
                                       {"__gc", tensor_gc},
                                       {NULL, NULL}};
static const luaL_Reg methods[] = {
    {"item", tensor_item},         {"totable", tensor_totable},
    {"tobytes", tensor_tobytes},   {"reshape", tensor_reshape},
    {"allclose", tensor_allclose}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"zeros", tensor_zeros},
                                     {"ones", tensor_ones},
                                     {"full", tensor_full},
                                     {"frombytes", tensor_frombytes},
                                     {NULL, NULL}};
static const struct {
    const char *name;
    int field;
} fields[] = {{"shape", FIELD_SHAPE},
              {"dtype", FIELD_DTYPE},
              {"rank", FIELD_RANK},
              {"size", FIELD_SIZE}};

void neap__lua_open_tensor(lua_State *L)
{
    neap__lua_metatable(L, BOX_TENSOR, "tensor", metamethods);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_newtable(L);
    neap__lua_register(L, methods);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        lua_pushinteger(L, fields[i].field);
        lua_setfield(L, -2, fields[i].name);
    }
    neap__lua_place_names(L, "tensor");
    lua_pushcclosure(L, tensor_index, 2);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);

    lua_newtable(L); /* neap.tensor: a table that can be called */
    neap__lua_register(L, functions);
    neap__lua_place_names(L, "neap.tensor.");
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushcclosure(L, tensor_new, 1);
    lua_setfield(L, -2, "__call");
    neap__lua_refuse_names(L, "function", "neap.tensor");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_setfield(L, -2, "tensor");
}
