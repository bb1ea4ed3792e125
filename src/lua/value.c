/* value.c - a Lua value becomes a tensor, and elements become Lua values.
 *
 * A table is read once, row by row, with an explicit stack of at most NEAP_MAX_RANK
 * tables, so that a cycle or a deep nest is an error and not a crash.
 *
 * Invariants of the reader
 *
 *   1. The tables being read are on the Lua stack, one for each level, the innermost at
 *      the top: a metamethod that drops or changes them cannot take them away.
 *   2. Elements go to `data`, which grows as they come: no length is believed before it
 *      is read. `data` is `small`, and then a userdata at the stack index `buffer`.
 *   3. Numbers are stored between neap__lua_round_nearest and neap__lua_round_again,
 *      whatever the host's rounding mode; between the two nothing runs Lua code or
 *      raises.
 *   4. dims[i] is known (not -1) for the levels that some table or tensor has had; `rank`
 *      is known from the first number, boolean or tensor on. Whoever comes later must
 *      agree. */
#include "lua/values.h"

#include <fenv.h>
#include <float.h>
#include <math.h>
#include <stdalign.h>
#include <string.h>

typedef struct reader {
    lua_State *L;
    const neap__lua *s;
    neap_error *err;
    neap_dtype dtype; /* NEAP_DTYPE_NONE until the first element says */
    unsigned char *data;
    size_t width, used, capacity; /* bytes */
    int buffer;
    int rank;
    int depth; /* tables open now */
    int64_t dims[NEAP_MAX_RANK], length[NEAP_MAX_RANK], position[NEAP_MAX_RANK];
    bool plain[NEAP_MAX_RANK]; /* without a metatable */
    bool ran;                  /* a metatable was seen: Lua code may have run */
    alignas(8) unsigned char small[256];
} reader;

/* ---- Messages -------------------------------------------------------------------- */

/* "[2][1]": where the value now read is; "the value" for the whole. */
static const char *path(const reader *r, int depth, char text[256])
{
    int used = 0;
    neap_error step;
    if (!depth)
        return "the value";
    text[0] = 0;
    for (int i = 0; i < depth; i++) {
        neap__lua_tell(&step, 0, "[%lld]", (long long)r->position[i]);
        size_t length = strlen(step.message);
        memcpy(text + used, step.message, length + 1);
        used += (int)length;
    }
    return text;
}

static bool wrong(reader *r, const char *expected)
{
    char at[256];
    const char *type = neap__lua_type(r->L, -1);
    if (r->depth)
        neap__lua_tell(r->err, NEAP_ETYPE, "%s is a %s, expected %s",
                       path(r, r->depth, at), type, expected);
    else
        neap__lua_tell(r->err, NEAP_ETYPE, "%s expected, got %s", expected, type);
    return false;
}

/* What the shape so far leaves room for at this level. */
static const char *wanted(const reader *r)
{
    if (r->rank >= 0 && r->depth < r->rank)
        return "a row";
    if (r->rank < 0 && r->depth < NEAP_MAX_RANK && r->dims[r->depth] >= 0)
        return "a row";
    if (!r->depth && r->dtype && (lua_isboolean(r->L, -1) || lua_isnumber(r->L, -1)))
        return r->dtype == NEAP_BOOL ? "a boolean" : "a number";
    if (!r->depth)
        return "a number, boolean, table or tensor";
    return r->dtype == NEAP_BOOL ? "a boolean"
           : r->dtype            ? "a number"
                                 : "a number or boolean";
}

static bool ragged(reader *r, int64_t length)
{
    char at[256];
    long long want = (long long)r->dims[r->depth], have = (long long)length;
    neap__lua_tell(r->err, NEAP_ESHAPE,
                   "row %lld has %lld element%s, expected %lld (at %s)",
                   (long long)r->position[r->depth - 1], have, have == 1 ? "" : "s", want,
                   path(r, r->depth, at));
    return false;
}

static bool unstorable(reader *r)
{
    char at[256];
    lua_pushvalue(r->L, -1); /* converting a number in place would change what it is */
    const char *number = lua_tostring(r->L, -1), *dtype = neap_dtype_name(r->dtype);
    if (r->depth)
        neap__lua_tell(r->err, NEAP_ERANGE, "%s is %s, which %s cannot hold",
                       path(r, r->depth, at), number, dtype);
    else
        neap__lua_tell(r->err, NEAP_ERANGE, "%s cannot hold %s", dtype, number);
    lua_pop(r->L, 1);
    return false;
}

/* ---- Elements -------------------------------------------------------------------- */

static void room(reader *r, size_t bytes)
{
    if (bytes <= r->capacity - r->used)
        return;
    size_t capacity = r->capacity * 2;
    while (capacity - r->used < bytes && capacity < SIZE_MAX / 4)
        capacity *= 2;
    unsigned char *data = lua_newuserdatauv(r->L, capacity, 0);
    memcpy(data, r->data, r->used);
    lua_replace(r->L, r->buffer);
    r->data = data;
    r->capacity = capacity;
}

static void settle_dtype(reader *r, neap_dtype dtype)
{
    if (!r->dtype)
        r->dtype = dtype;
    r->width = neap_dtype_size(r->dtype);
}

int neap__lua_round_nearest(void)
{
    const int mode = fegetround();
    if (mode != FE_TONEAREST)
        fesetround(FE_TONEAREST);
    return mode;
}

void neap__lua_round_again(int mode)
{
    if (mode != FE_TONEAREST)
        fesetround(mode);
}

/* The number at the top into data[index]; false if the dtype cannot hold it. */
static inline bool store(lua_State *L, neap_dtype dtype, void *data, int64_t index)
{
    if (lua_isinteger(L, -1)) {
        lua_Integer value = lua_tointeger(L, -1);
        if (dtype != NEAP_FLOAT32)
            return neap_element_store_integer(dtype, data, index, value);
        ((float *)data)[index] = (float)value;
        return true;
    }
    double value = lua_tonumber(L, -1);
    if (dtype != NEAP_FLOAT32 || fabs(value) > (double)FLT_MAX)
        return neap_element_store_number(dtype, data, index, value);
    ((float *)data)[index] = (float)value;
    return true;
}

/* An element at this depth: the rank is settled, or it must be the same. */
static bool settle_rank(reader *r, int rank)
{
    if (r->rank < 0 && (rank >= NEAP_MAX_RANK || r->dims[rank] < 0))
        r->rank = rank;
    return r->rank == rank;
}

static bool read_number(reader *r)
{
    if (!settle_rank(r, r->depth) || r->dtype == NEAP_BOOL)
        return wrong(r, wanted(r));
    settle_dtype(r, NEAP_FLOAT32);
    room(r, r->width);
    const int mode = neap__lua_round_nearest();
    const bool fine = store(r->L, r->dtype, r->data + r->used, 0);
    neap__lua_round_again(mode);
    if (!fine)
        return unstorable(r);
    r->used += r->width;
    return true;
}

static bool read_boolean(reader *r)
{
    if (!settle_rank(r, r->depth) || (r->dtype && r->dtype != NEAP_BOOL))
        return wrong(r, wanted(r));
    settle_dtype(r, NEAP_BOOL);
    room(r, 1);
    r->data[r->used++] = (unsigned char)lua_toboolean(r->L, -1);
    return true;
}

static bool read_tensor(reader *r, const neap_tensor *t)
{
    char at[256], have[SHAPE_SIZE], want[SHAPE_SIZE];
    int rank = neap_tensor_rank(t);
    const int64_t *dims = neap_tensor_dims(t);
    const char *dtype = neap_dtype_name(neap_tensor_dtype(t));
    if (r->dtype && neap_tensor_dtype(t) != r->dtype) {
        if (r->depth)
            neap__lua_tell(r->err, NEAP_EDTYPE, "%s is a tensor of %s, expected %s",
                           path(r, r->depth, at), dtype, neap_dtype_name(r->dtype));
        else
            neap__lua_tell(r->err, NEAP_EDTYPE, "a tensor of %s where %s is expected",
                           dtype, neap_dtype_name(r->dtype));
        return false;
    }
    if (r->depth + rank > NEAP_MAX_RANK) {
        neap__lua_tell(r->err, NEAP_ELIMIT, "rank %d is more than %d", r->depth + rank,
                       NEAP_MAX_RANK);
        return false;
    }
    bool agrees = settle_rank(r, r->depth + rank);
    for (int i = 0; agrees && i < rank; i++) {
        int64_t *dim = &r->dims[r->depth + i];
        if (*dim < 0)
            *dim = dims[i];
        agrees = *dim == dims[i];
    }
    if (!agrees && r->rank > r->depth) {
        neap__lua_tell(r->err, NEAP_ESHAPE, "%s is a tensor of shape %s, expected %s",
                       path(r, r->depth, at), neap__lua_shapetext(have, rank, dims),
                       neap__lua_shapetext(want, r->rank - r->depth, r->dims + r->depth));
        return false;
    }
    if (!agrees)
        return wrong(r, wanted(r));
    settle_dtype(r, neap_tensor_dtype(t));
    size_t bytes = neap_tensor_bytes(t);
    room(r, bytes);
    if (bytes)
        memcpy(r->data + r->used, neap_tensor_data(t), bytes);
    r->used += bytes;
    return true;
}

static bool read_leaf(reader *r)
{
    switch (lua_type(r->L, -1)) {
    case LUA_TNUMBER:
        return read_number(r);
    case LUA_TBOOLEAN:
        return read_boolean(r);
    case LUA_TUSERDATA: {
        const neap__lua_tensor *box = neap__lua_test(r->L, r->s, -1, BOX_TENSOR);
        if (box && box->tensor)
            return read_tensor(r, box->tensor);
        return wrong(r, wanted(r));
    }
    default:
        return wrong(r, wanted(r));
    }
}

/* ---- Tables ---------------------------------------------------------------------- */

/* Numbers of the plain table at the top from element i + 1 on, for as long as they come,
 * are fine and there is room: how many have been read. */
static int64_t read_run(reader *r, int64_t i, int64_t n)
{
    lua_State *L = r->L;
    const int mode = neap__lua_round_nearest();
    while (i < n && r->capacity - r->used >= r->width) {
        const bool fine = lua_rawgeti(L, -1, i + 1) == LUA_TNUMBER &&
                          store(L, r->dtype, r->data + r->used, 0);
        lua_pop(L, 1);
        if (!fine)
            break;
        r->used += r->width;
        i++;
    }
    neap__lua_round_again(mode);
    return i;
}

/* Numbers of a plain table in a tight loop, as many as there are; what ends it early is
 * read again, and told, by the general way. */
static void read_numbers(reader *r)
{
    lua_State *L = r->L;
    int64_t *position = &r->position[r->depth - 1], n = r->length[r->depth - 1];
    const bool number = lua_rawgeti(L, -1, *position + 1) == LUA_TNUMBER;
    lua_pop(L, 1);
    if (r->dtype == NEAP_BOOL || !number || !settle_rank(r, r->depth))
        return;
    settle_dtype(r, NEAP_FLOAT32);
    for (;;) {
        *position = read_run(r, *position, n);
        if (*position == n || r->capacity - r->used >= r->width)
            return;
        room(r, r->width);
    }
}

/* A plain sequence has no other keys: {1, 2, n = 2} and {[1] = 1, [3] = 3} are slips.
 * After the last element of an array lua_next finds them at once. */
static bool nothing_else(reader *r)
{
    lua_State *L = r->L;
    int64_t n = r->length[r->depth - 1];
    char at[256];
    if (n)
        lua_pushinteger(L, n);
    else
        lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_pop(L, 1);
        if (lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 1 &&
            lua_tointeger(L, -1) <= n)
            continue;
        const char *key = lua_type(L, -1) == LUA_TSTRING || lua_type(L, -1) == LUA_TNUMBER
                              ? luaL_tolstring(L, -1, NULL)
                              : luaL_typename(L, -1);
        neap__lua_tell(
            r->err, NEAP_EARG,
            "%s is not a sequence: besides %lld element%s it has the key %.64s",
            path(r, r->depth - 1, at), (long long)n, n == 1 ? "" : "s", key);
        return false;
    }
    return true;
}

/* The table at the top becomes the innermost open one. */
static bool enter(reader *r)
{
    lua_State *L = r->L;
    int d = r->depth;
    char at[256];
    int64_t n;
    if (d == NEAP_MAX_RANK) {
        neap__lua_tell(r->err, NEAP_ELIMIT,
                       "tables nested more than %d deep, or a cycle (at %s)",
                       NEAP_MAX_RANK, path(r, d, at));
        return false;
    }
    if (r->rank >= 0 && d >= r->rank)
        return wrong(r, wanted(r));
    r->plain[d] = !lua_getmetatable(L, -1);
    if (r->plain[d]) {
        n = (int64_t)lua_rawlen(L, -1);
    } else {
        lua_pop(L, 1);
        r->ran = true;
        if (!neap__lua_length(L, -1, INT64_MAX, &n, r->err))
            return false;
    }
    if (r->dims[d] >= 0 && r->dims[d] != n)
        return ragged(r, n);
    r->dims[d] = n;
    r->length[d] = n;
    r->position[d] = 0;
    r->depth++;
    luaL_checkstack(L, 8, NULL);
    if (r->plain[d] && n)
        read_numbers(r);
    return true;
}

/* Pushes the next value to read; pops the tables that are done. False when all are, or an
 * error. */
static bool next(reader *r, bool *fine)
{
    lua_State *L = r->L;
    while (r->depth && r->position[r->depth - 1] == r->length[r->depth - 1]) {
        if (r->plain[r->depth - 1] && !nothing_else(r)) {
            *fine = false;
            return false;
        }
        r->depth--;
        lua_pop(L, 1);
    }
    if (!r->depth)
        return false;
    int64_t index = ++r->position[r->depth - 1];
    int type =
        r->plain[r->depth - 1] ? lua_rawgeti(L, -1, index) : lua_geti(L, -1, index);
    if (type == LUA_TNIL) {
        char at[256];
        neap__lua_tell(r->err, NEAP_EARG, "%s is nil: a hole in a sequence of %lld",
                       path(r, r->depth, at), (long long)r->length[r->depth - 1]);
        *fine = false;
        return false;
    }
    return true;
}

/* Reads the value at the top, which takes the place of the innermost table. */
static bool read_value(reader *r)
{
    bool fine = true;
    do {
        if (lua_type(r->L, -1) == LUA_TTABLE) {
            fine = enter(r);
        } else {
            fine = read_leaf(r);
            lua_pop(r->L, 1);
        }
    } while (fine && next(r, &fine));
    return fine;
}

neap_tensor *neap__lua_read(lua_State *L, int index, neap_dtype dtype, bool *ran,
                            neap_error *err)
{
    neap_tensor *t = NULL;
    reader r;
    int top = lua_gettop(L);
    index = lua_absindex(L, index);
    memset(&r, 0, offsetof(reader, small));
    r.L = L;
    r.s = neap__lua_self(L);
    r.err = err;
    r.dtype = dtype;
    r.data = r.small;
    r.capacity = sizeof r.small;
    r.rank = -1;
    for (int i = 0; i < NEAP_MAX_RANK; i++)
        r.dims[i] = -1;
    const neap__lua_tensor *box = neap__lua_test(L, r.s, index, BOX_TENSOR);
    if (box && box->tensor && (!dtype || neap_tensor_dtype(box->tensor) == dtype))
        return neap_tensor_retain(box->tensor);
    luaL_checkstack(L, 8, NULL);
    lua_pushnil(L);
    r.buffer = top + 1;
    lua_pushvalue(L, index);
    if (read_value(&r)) {
        if (r.rank < 0) { /* no element at all: as deep as tables went */
            r.rank = 0;
            while (r.rank < NEAP_MAX_RANK && r.dims[r.rank] >= 0)
                r.rank++;
        }
        settle_dtype(&r, NEAP_FLOAT32);
        err->code = NEAP_OK;
        t = neap_tensor_copy(r.dtype, r.rank, r.dims, r.data, err);
    }
    if (ran)
        *ran = r.ran;
    lua_settop(L, top);
    return t;
}

/* ---- Again into the same tensor -------------------------------------------------- */

static bool refill_row(lua_State *L, neap_dtype dtype, void *data, int64_t start,
                       int64_t n)
{
    if (lua_getmetatable(L, -1)) {
        lua_pop(L, 1);
        return false;
    }
    if ((int64_t)lua_rawlen(L, -1) != n)
        return false;
    bool fine = true;
    const int mode = neap__lua_round_nearest();
    for (int64_t i = 0; i < n && fine; i++) {
        fine =
            lua_rawgeti(L, -1, i + 1) == LUA_TNUMBER && store(L, dtype, data, start + i);
        lua_pop(L, 1);
    }
    neap__lua_round_again(mode);
    if (!fine)
        return false;
    lua_pushinteger(L, n);
    if (n && !lua_next(L, -2))
        return true;
    return false; /* other keys, or no element: for the reader to judge */
}

/* Numbers, sequences of numbers and of such rows: what is fed often. */
bool neap__lua_refill(lua_State *L, int index, neap_tensor *t)
{
    neap_dtype dtype = neap_tensor_dtype(t);
    int rank = neap_tensor_rank(t), type = lua_type(L, index), top = lua_gettop(L);
    bool fine = false;
    void *data;
    if (rank > 2 || dtype == NEAP_BOOL || type != (rank ? LUA_TTABLE : LUA_TNUMBER) ||
        !lua_checkstack(L, 6) || !(data = neap_tensor_edit(t)))
        return false;
    const int64_t *dims = neap_tensor_dims(t);
    lua_pushvalue(L, index);
    if (rank == 0) {
        const int mode = neap__lua_round_nearest();
        fine = store(L, dtype, data, 0);
        neap__lua_round_again(mode);
    } else if (rank == 1) {
        fine = refill_row(L, dtype, data, 0, dims[0]);
    } else if (!lua_getmetatable(L, -1) && (int64_t)lua_rawlen(L, -1) == dims[0] &&
               dims[0]) {
        fine = true;
        for (int64_t i = 0; fine && i < dims[0]; i++) {
            fine = lua_rawgeti(L, -1, i + 1) == LUA_TTABLE &&
                   refill_row(L, dtype, data, i * dims[1], dims[1]);
            lua_settop(L, top + 1);
        }
        lua_pushinteger(L, dims[0]);
        fine = fine && !lua_next(L, -2);
    }
    lua_settop(L, top);
    return fine;
}

/* The one number that Lua has no integer for: in uint64, 2^63 and more. */
static bool has_integer(neap_dtype dtype, const void *data, int64_t index)
{
    return dtype != NEAP_UINT64 ||
           neap_element_unsigned(dtype, data, index) <= (uint64_t)LUA_MAXINTEGER;
}

bool neap__lua_isscalar(const neap_tensor *t)
{
    return neap_tensor_rank(t) == 0 &&
           has_integer(neap_tensor_dtype(t), neap_tensor_data(t), 0);
}

bool neap__lua_needsnobox(const neap_node *n)
{
    return neap_node_dtype(n) == NEAP_DTYPE_NONE ||
           (neap_node_rank(n) == 0 && neap_node_dtype(n) != NEAP_UINT64);
}

/* A tensor of the one element. */
static void push_single(lua_State *L, neap_dtype dtype, const void *data, int64_t index)
{
    neap_error err = NEAP_ERROR_INIT;
    const char *element = (const char *)data + (size_t)index * neap_dtype_size(dtype);
    neap__lua_tensor *box = neap__lua_newtensor(L);
    neap_tensor *t = neap_tensor_copy(dtype, 0, NULL, element, &err);
    if (!t)
        neap__lua_raise_as(L, "tensor", &err);
    neap__lua_fill(neap__lua_self(L), box, t);
}

void neap__lua_pushelement(lua_State *L, neap_dtype dtype, const void *data,
                           int64_t index)
{
    switch (dtype) {
    case NEAP_FLOAT32:
        lua_pushnumber(L, (double)((const float *)data)[index]);
        break;
    case NEAP_FLOAT64:
    case NEAP_FLOAT16:
    case NEAP_BFLOAT16:
        lua_pushnumber(L, neap_element_number(dtype, data, index));
        break;
    case NEAP_BOOL:
        lua_pushboolean(L, (int)neap_element_integer(dtype, data, index));
        break;
    default:
        if (has_integer(dtype, data, index))
            lua_pushinteger(L, neap_element_integer(dtype, data, index));
        else
            push_single(L, dtype, data, index);
        break;
    }
}
