/* tensor.c - counted values: made, wrapped, viewed, released. */
#include "tensor/tensor.h"

#include <string.h>

enum {
    HEADER =
        (sizeof(neap_tensor) + NEAP__ALIGNMENT - 1) / NEAP__ALIGNMENT * NEAP__ALIGNMENT,
    LARGE = 64 * 1024 /* data from this size on is a piece of its own */
};

const neap__memory neap__host_memory = {"the host's memory"};

/* A header with room for `room` bytes of data behind it. */
static neap_tensor *new_header(neap__account *account, neap_dtype dtype,
                               const neap__shape *shape, size_t bytes, size_t room,
                               neap_error *err)
{
    const size_t allocated = HEADER + room;
    neap_tensor *t = neap__alloc(account, allocated, NEAP_MEMORY_RESULT, err);
    if (!t)
        return NULL;
    atomic_init(&t->references, 1);
    t->dtype = dtype;
    t->shape = *shape;
    t->size = neap__shape_size(shape);
    t->bytes = bytes;
    t->data = (char *)t + HEADER;
    t->memory = &neap__host_memory;
    t->account = account;
    t->allocated = allocated;
    t->owned = false;
    t->base = NULL;
    t->release = NULL;
    t->user = NULL;
    return t;
}

neap_tensor *neap__tensor_new(neap__account *account, neap_dtype dtype,
                              const neap__shape *shape, neap_error *err)
{
    size_t bytes;
    if (neap__failed(err) || !neap__shape_bytes(shape, dtype, &bytes, err))
        return NULL;
    if (bytes < LARGE)
        return new_header(account, dtype, shape, bytes, bytes, err);
    void *data = neap__alloc(account, bytes, NEAP_MEMORY_RESULT, err);
    if (!data)
        return NULL;
    neap_tensor *t = new_header(account, dtype, shape, bytes, 0, err);
    if (!t) {
        neap__free(account, data, bytes, NEAP_MEMORY_RESULT);
        return NULL;
    }
    t->data = data;
    t->owned = true;
    return t;
}

/* A view holds the tensor that has the elements, never another view: chains do not
 * grow. */
neap_tensor *neap__tensor_view(neap_tensor *t, const neap__shape *shape, neap_error *err)
{
    neap_tensor *base = t->base ? t->base : t;
    neap_tensor *view = new_header(t->account, t->dtype, shape, t->bytes, 0, err);
    if (!view)
        return NULL;
    view->data = t->data;
    view->memory = t->memory;
    view->base = neap__tensor_keep(base);
    return view;
}

/* The acquire pairs with the release of whoever dropped the reference before the last:
 * what they read, they have read. */
static bool is_sole(const neap_tensor *t)
{
    return atomic_load_explicit(&t->references, memory_order_acquire) == 1;
}

/* Else the host's: its header has nothing behind it. */
static bool has_own_memory(const neap_tensor *t)
{
    return t->owned || t->allocated == HEADER + t->bytes;
}

bool neap__tensor_exclusive(const neap_tensor *t)
{
    if (!is_sole(t))
        return false;
    return t->base ? is_sole(t->base) && has_own_memory(t->base) : has_own_memory(t);
}

NEAP_API neap_tensor *neap_tensor_retain(neap_tensor *t)
{
    return t ? neap__tensor_keep(t) : NULL;
}

NEAP_API void neap_tensor_release(neap_tensor *t)
{
    while (t && atomic_fetch_sub_explicit(&t->references, 1, memory_order_acq_rel) == 1) {
        neap_tensor *base = t->base;
        neap__account *account = t->account;
        if (t->release)
            t->release(t->user, t->data);
        if (t->owned) /* the header, which is freed last, keeps the account alive */
            neap__free(account, t->data, t->bytes, NEAP_MEMORY_RESULT);
        neap__free(account, t, t->allocated, NEAP_MEMORY_RESULT);
        t = base;
    }
}

/* ---- Made by the host -------------------------------------------------------------- */

static bool check_dtype(neap_dtype dtype, const char *function, neap_error *err)
{
    if (neap_dtype_size(dtype))
        return true;
    neap__fail(err, NEAP_EDTYPE, "%s: %d is not a dtype", function, (int)dtype);
    return false;
}

NEAP_API neap_tensor *neap_tensor_copy(neap_dtype dtype, int rank, const int64_t *dims,
                                       const void *data, neap_error *err)
{
    neap__shape shape;
    if (neap__failed(err) || !check_dtype(dtype, "neap_tensor_copy", err) ||
        !neap__shape_make(&shape, rank, dims, false, "neap_tensor_copy", err))
        return NULL;
    neap_tensor *t = neap__tensor_new(neap__default_account(), dtype, &shape, err);
    if (!t || !t->bytes)
        return t;
    if (!data) {
        memset(t->data, 0, t->bytes);
    } else if (dtype == NEAP_BOOL) { /* kernels count on 0 and 1 */
        for (size_t i = 0; i < t->bytes; i++)
            ((uint8_t *)t->data)[i] = ((const uint8_t *)data)[i] != 0;
    } else {
        memcpy(t->data, data, t->bytes);
    }
    return t;
}

NEAP_API neap_tensor *neap_tensor_wrap(neap_dtype dtype, int rank, const int64_t *dims,
                                       void *data,
                                       void (*release)(void *user, void *data),
                                       void *user, neap_error *err)
{
    neap__shape shape;
    size_t bytes;
    if (neap__failed(err) || !check_dtype(dtype, "neap_tensor_wrap", err) ||
        !neap__shape_make(&shape, rank, dims, false, "neap_tensor_wrap", err) ||
        !neap__shape_bytes(&shape, dtype, &bytes, err))
        return NULL;
    if (bytes && !data) {
        neap__null(err, "neap_tensor_wrap", "data");
        return NULL;
    }
    if (bytes && (uintptr_t)data % neap_dtype_size(dtype)) {
        neap__fail(err, NEAP_EARG, "neap_tensor_wrap: data is not aligned for %s",
                   neap_dtype_name(dtype));
        return NULL;
    }
    neap_tensor *t = new_header(neap__default_account(), dtype, &shape, bytes, 0, err);
    if (!t)
        return NULL;
    t->data = data;
    t->release = release;
    t->user = user;
    return t;
}

/* Puts the dimension in the place of -1 that makes `size` elements; false with an
 * error. */
static bool complete_shape(neap__shape *shape, int64_t size, neap_error *err)
{
    int hole = -1;
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dims[i] >= 0)
            continue;
        if (hole >= 0) {
            neap__fail(err, NEAP_EARG,
                       "neap_tensor_reshape: only one dimension may be -1");
            return false;
        }
        hole = i;
        shape->dims[i] = 1;
    }
    if (hole < 0)
        return true;
    const int64_t others = neap__shape_size(shape);
    shape->dims[hole] = others && size % others == 0 ? size / others : -1;
    return true;
}

NEAP_API neap_tensor *neap_tensor_reshape(neap_tensor *t, int rank, const int64_t *dims,
                                          neap_error *err)
{
    if (neap__failed(err))
        return NULL;
    if (!t) {
        neap__null(err, "neap_tensor_reshape", "t");
        return NULL;
    }
    neap__shape shape;
    if (!neap__shape_make(&shape, rank, dims, rank >= 0, "neap_tensor_reshape", err) ||
        !complete_shape(&shape, t->size, err))
        return NULL;
    if (!neap__shape_known(&shape) || neap__shape_size(&shape) != t->size) {
        char from[NEAP__SHAPE_SIZE], to[NEAP__SHAPE_SIZE];
        neap__fail(err, NEAP_ESHAPE, "neap_tensor_reshape: shape %s cannot become %s",
                   neap__shape_text(from, &t->shape), neap__shape_text(to, &shape));
        return NULL;
    }
    return neap__tensor_view(t, &shape, err);
}

/* ---- Looked at --------------------------------------------------------------------- */

NEAP_API neap_dtype neap_tensor_dtype(const neap_tensor *t)
{
    return t ? t->dtype : NEAP_DTYPE_NONE;
}

NEAP_API int neap_tensor_rank(const neap_tensor *t) { return t ? t->shape.rank : -1; }

NEAP_API const int64_t *neap_tensor_dims(const neap_tensor *t)
{
    return t ? t->shape.dims : NULL;
}

NEAP_API int64_t neap_tensor_size(const neap_tensor *t) { return t ? t->size : 0; }

NEAP_API size_t neap_tensor_bytes(const neap_tensor *t) { return t ? t->bytes : 0; }

NEAP_API const void *neap_tensor_data(const neap_tensor *t)
{
    return t ? neap__reach(t, &neap__host_memory) : NULL;
}

NEAP_API void *neap_tensor_edit(neap_tensor *t)
{
    return t && neap__tensor_exclusive(t) ? neap__reach(t, &neap__host_memory) : NULL;
}

NEAP_API size_t neap_tensor_text(const neap_tensor *t, char *text, size_t size)
{
    neap__text out = neap__text_over(text, text ? size : 0);
    if (t)
        neap__text_tensor(&out, t);
    return out.length;
}
