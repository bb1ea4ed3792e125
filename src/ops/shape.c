/* shape.c - other shapes for the same elements: permuted, reshaped, broadcast. What
 * only renames dimensions is an alias, which costs nothing. */
#include "cpu/element.h"
#include "ops/family.h"

#include <inttypes.h>

/* ---- Axes permuted ----------------------------------------------------------------- */

/* The axis of x that each axis of the result is. */
static int permutation(const neap_node *n, int rank, int axes[NEAP_MAX_RANK],
                       neap_error *err)
{
    const neap__value *perm = neap__attribute(n, "perm");
    unsigned mask;
    for (int d = 0; d < rank; d++)
        axes[d] = rank - 1 - d;
    if (perm->kind == NEAP_KIND_NONE)
        return NEAP_OK;
    if (perm->count != (size_t)rank)
        return neap__fail(err, NEAP_EARG, "perm has %zu entr%s, for rank %d", perm->count,
                          perm->count == 1 ? "y" : "ies", rank);
    if (!neap__axes(perm->integers, perm->count, rank, &mask, err))
        return neap__told(err);
    for (int d = 0; d < rank; d++)
        neap__axis(perm->integers[d], rank, &axes[d], err);
    return NEAP_OK;
}

static int infer_transpose(neap__inference *i)
{
    const neap__value *perm = neap__attribute(i->node, "perm");
    const neap__shape *x = &i->in[0].shape;
    int axes[NEAP_MAX_RANK], rank = x->rank;
    i->out->dtype = i->in[0].dtype;
    i->out->shape = neap__unknown_shape();
    if (rank < 0 && perm->kind == NEAP_KIND_NONE)
        return NEAP_OK;
    if (rank < 0)
        rank = perm->count < NEAP_MAX_RANK ? (int)perm->count : NEAP_MAX_RANK;
    int status = permutation(i->node, rank, axes, i->err);
    if (status)
        return status;
    i->out->shape.rank = rank;
    for (int d = 0; d < rank; d++)
        i->out->shape.dims[d] = x->rank < 0 ? -1 : x->dims[axes[d]];
    return rank <= 1 ? neap__know_same(i) : NEAP_OK;
}

static int bind_transpose(neap__binding *b)
{
    int64_t strides[NEAP_MAX_RANK], permuted[NEAP_MAX_RANK];
    int axes[NEAP_MAX_RANK], status;
    status = permutation(b->node, b->in[0].shape.rank, axes, b->err);
    if (status)
        return status;
    neap__strides(&b->in[0].shape, strides);
    for (int d = 0; d < b->in[0].shape.rank; d++)
        permuted[d] = strides[axes[d]];
    return neap__bind_copy(b, permuted, 0);
}

/* The inverse permutation. The number of entries is the rank. */
static void transpose_gradient(neap__grad *g)
{
    const neap__value *perm = neap__attribute(g->node, "perm");
    int axes[NEAP_MAX_RANK];
    int64_t inverse[NEAP_MAX_RANK];
    const bool given = perm->kind != NEAP_KIND_NONE;
    if (given && permutation(g->node, (int)perm->count, axes, g->err))
        return;
    for (size_t d = 0; d < perm->count; d++)
        inverse[axes[d]] = (int64_t)d;
    const neap_attribute back = neap_attribute_ints("perm", inverse, perm->count);
    g->dx[0] = neap__derive(g, &neap__op_transpose, &g->dy, 1, &back, given);
}

NEAP_OP(transpose) = {
    NEAP__NAMED("transpose"),
    .info.doc = "x with its axes in another order: axis i of the result is axis perm[i] "
                "of x. Without perm the order is reversed.",
    .info.inputs = "x",
    NEAP__ROWS(NEAP__ROW("perm", INTS, 0)),
    .dtypes = NEAP__ANY,
    .infer = infer_transpose,
    NEAP__BOUND(bind_transpose),
    NEAP__GRADIENT(transpose_gradient, 0),
};

/* ---- The same elements under another shape ----------------------------------------- */

static int cannot_reshape(neap_error *err, const neap__shape *x, const neap__shape *to)
{
    char a[NEAP__SHAPE_SIZE], b[NEAP__SHAPE_SIZE];
    return neap__fail(err, NEAP_ESHAPE, "cannot reshape %s to %s", neap__shape_text(a, x),
                      neap__shape_text(b, to));
}

/* The shape that is asked for, -1 where it is open; `wild` if one of its entries is a
 * -1. */
static int asked_shape(const neap__inference *i, neap__shape *shape, bool *wild)
{
    neap__entries k;
    int status = neap__integers(i->node, i->in, "shape", &k, i->err);
    *wild = false;
    for (int d = 0; d < k.count && !status; d++) {
        if (!neap__has(&k, d)) {
            k.values[d] = -1;
        } else if (k.values[d] < -1) {
            status = neap__fail(i->err, NEAP_ERANGE,
                                "shape[%d] = %" PRId64 " is negative", d, k.values[d]);
        } else if (k.values[d] == -1) {
            if (*wild)
                status = neap__fail(i->err, NEAP_ESHAPE, "more than one -1 in the shape");
            *wild = true;
        }
    }
    if (status)
        return status;
    return neap__shape_make(shape, k.count, k.values, true, "shape", i->err)
               ? NEAP_OK
               : neap__told(i->err);
}

static int infer_reshape(neap__inference *i)
{
    const neap__shape *x = &i->in[0].shape;
    neap__shape *out = &i->out->shape;
    bool wild;
    i->out->dtype = i->in[0].dtype;
    int status = asked_shape(i, out, &wild);
    if (status || out->rank < 0)
        return status;
    int64_t product = 1;
    int open = 0, last = 0;
    for (int d = 0; d < out->rank; d++) {
        if (out->dims[d] < 0) {
            open++;
            last = d;
        }
    }
    for (int d = 0; d < out->rank; d++)
        product *= out->dims[d] == 0 || product == 0 ? 0
                   : out->dims[d] < 0                ? 1
                                                     : out->dims[d];
    if (wild && product == 0)
        return neap__fail(i->err, NEAP_ESHAPE, "-1 is ambiguous: zero elements");
    if (neap__shape_known(x)) {
        const int64_t size = neap__shape_size(x);
        if (open == 0 ? product != size : product == 0 ? size != 0 : size % product != 0)
            return cannot_reshape(i->err, x, out);
        if (wild && open == 1) /* an entry that is not known yet is not a -1 */
            out->dims[last] = size / product;
    }
    return neap__know_same(i);
}

static void reshape_gradient(neap__grad *g)
{
    if (neap__wants(g, 0))
        g->dx[0] = neap__reshape_to(g, g->dy, g->x[0]);
}

NEAP_OP(reshape) = {
    NEAP__NAMED("reshape"),
    .info.doc = "The elements of x, in their order, under another shape of the same "
                "size. One -1 in it stands for what is left of the size.",
    .info.inputs = "x",
    NEAP__ROWS(NEAP__SIZES("shape")),
    .dtypes = NEAP__ANY,
    .infer = infer_reshape,
    .lowering = NEAP__LOWER_ALIAS,
    NEAP__GRADIENT(reshape_gradient, 0),
};

static int infer_reshape_like(neap__inference *i)
{
    const neap__shape *x = &i->in[0].shape, *like = &i->in[1].shape;
    if (neap__shape_known(x) && neap__shape_known(like) &&
        neap__shape_size(x) != neap__shape_size(like))
        return cannot_reshape(i->err, x, like);
    i->out->dtype = i->in[0].dtype;
    i->out->shape = *like;
    return neap__know_same(i);
}

NEAP_OP(reshape_like) = {
    NEAP__NAMED("reshape_like"),
    .info.doc = "The elements of x, in their order, under the shape of `like`, whose "
                "elements are not read.",
    .info.inputs = "x like",
    .dtypes = NEAP__ANY,
    .shape_only = 2,
    .infer = infer_reshape_like,
    .lowering = NEAP__LOWER_ALIAS,
    NEAP__GRADIENT(reshape_gradient, NEAP_OP_INTERNAL),
};

/* What both shapes say; at the latest when sizes are fixed they say the same or differ. */
static int infer_ensure_shape_like(neap__inference *i)
{
    const neap__shape *x = &i->in[0].shape, *like = &i->in[1].shape;
    neap_node *const *inputs = i->node->inputs;
    char a[NEAP__SHAPE_SIZE], b[NEAP__SHAPE_SIZE];
    char first[NEAP__NODE_SIZE], second[NEAP__NODE_SIZE];
    i->out->dtype = i->in[0].dtype;
    if (!neap__shape_merge(x, like, &i->out->shape))
        return neap__fail(i->err, NEAP_ESHAPE, "%s has shape %s, not %s as %s",
                          neap__node_text(first, inputs[0]), neap__shape_text(a, x),
                          neap__shape_text(b, like), neap__node_text(second, inputs[1]));
    return neap__know_same(i);
}

NEAP_OP(ensure_shape_like) = {
    NEAP__NAMED("ensure_shape_like"),
    .info.doc = "x, which must have the shape of `like`, whose elements are not read.",
    .info.inputs = "x like",
    .dtypes = NEAP__ANY,
    .shape_only = 2,
    .infer = infer_ensure_shape_like,
    .lowering = NEAP__LOWER_ALIAS,
    NEAP__GRADIENT(reshape_gradient, NEAP_OP_INTERNAL),
};

static int infer_expand_dims(neap__inference *i)
{
    const neap__shape *x = &i->in[0].shape;
    int axis;
    i->out->dtype = i->in[0].dtype;
    i->out->shape = *x;
    if (x->rank < 0)
        return NEAP_OK;
    if (x->rank == NEAP_MAX_RANK)
        return neap__fail(i->err, NEAP_ELIMIT, "rank %d is more than %d", x->rank + 1,
                          NEAP_MAX_RANK);
    int status = neap__axis_of(i->node, x->rank + 1, &axis, i->err);
    if (status)
        return status;
    for (int d = i->out->shape.rank++; d > axis; d--)
        i->out->shape.dims[d] = x->dims[d - 1];
    i->out->shape.dims[axis] = 1;
    return neap__know_same(i);
}

NEAP_OP(expand_dims) = {
    NEAP__NAMED("expand_dims"),
    .info.doc = "x with a dimension of 1 more, which is `axis` of the result.",
    .info.inputs = "x",
    NEAP__ROWS(NEAP__ROW("axis", INT, NEAP_ATTRIBUTE_REQUIRED)),
    .dtypes = NEAP__ANY,
    .infer = infer_expand_dims,
    .lowering = NEAP__LOWER_ALIAS,
    NEAP__GRADIENT(reshape_gradient, 0),
};

static int infer_squeeze(neap__inference *i)
{
    const neap__value *axis = neap__attribute(i->node, "axis");
    const neap__shape *x = &i->in[0].shape;
    const bool all = axis->kind == NEAP_KIND_NONE;
    unsigned mask = 0;
    i->out->dtype = i->in[0].dtype;
    i->out->shape = neap__unknown_shape();
    if (x->rank < 0 || (all && !neap__shape_known(x)))
        return NEAP_OK;
    if (!all && !neap__axes(axis->integers, axis->count, x->rank, &mask, i->err))
        return neap__told(i->err);
    for (int d = 0; d < x->rank; d++) {
        if (all && x->dims[d] == 1)
            mask |= 1U << d;
        if ((mask >> d & 1) && x->dims[d] != 1 && x->dims[d] >= 0) {
            char text[NEAP__SHAPE_SIZE];
            return neap__fail(i->err, NEAP_ESHAPE, "axis %d of %s is not 1", d,
                              neap__shape_text(text, x));
        }
    }
    i->out->shape = neap__reduced(x, mask, false);
    return neap__know_same(i);
}

NEAP_OP(squeeze) = {
    NEAP__NAMED("squeeze"),
    .info.doc = "x without the dimensions of these axes, which must be 1; without "
                "`axis`, without all dimensions that are 1.",
    .info.inputs = "x",
    NEAP__ROWS(NEAP__ROW("axis", INTS, 0)),
    .dtypes = NEAP__ANY,
    .infer = infer_squeeze,
    .lowering = NEAP__LOWER_ALIAS,
    NEAP__GRADIENT(reshape_gradient, 0),
};

/* ---- The shape as a value ---------------------------------------------------------- */

/* The result has the dimensions of input 0 that the mask names, as far as they are known,
 * and 0 for the others. */
static int know_dims(neap__inference *i, unsigned mask)
{
    const neap__shape *x = &i->in[0].shape;
    const int64_t zero = 0;
    neap__known *k = neap__known_new(i->arena, NEAP_INT64, x->rank, i->err);
    for (int d = 0; k && d < x->rank; d++) {
        if (!(mask >> d & 1))
            neap__known_put(k, d, &zero);
        else if (x->dims[d] >= 0)
            neap__known_put(k, d, &x->dims[d]);
    }
    return k ? neap__know(i, neap__known_end(k)) : NEAP_ENOMEM;
}

static int infer_shape(neap__inference *i)
{
    const neap__shape *x = &i->in[0].shape;
    i->out->dtype = NEAP_INT64;
    i->out->shape.rank = 1;
    i->out->shape.dims[0] = x->rank;
    if (x->rank < 0)
        return NEAP_OK;
    return know_dims(i, (1U << x->rank) - 1);
}

/* These two have no kernel: when sizes are fixed their value is known, and the plan makes
 * it a constant. */
NEAP_OP(shape) = {
    NEAP__NAMED("shape"),
    .info.doc =
        "The dimensions of x: an int64 of rank 1. The elements of x are not read.",
    .info.inputs = "x",
    .dtypes = NEAP__ANY,
    .shape_only = 1,
    .infer = infer_shape,
    .lowering = NEAP__LOWER_KERNEL,
    NEAP__ZERO_GRADIENT(0),
};

static int infer_shape_along(neap__inference *i)
{
    const neap__shape *x = &i->in[0].shape;
    i->out->dtype = NEAP_INT64;
    i->out->shape.rank = 1;
    i->out->shape.dims[0] = x->rank;
    if (x->rank < 0)
        return NEAP_OK;
    int axis, status = neap__axis_of(i->node, x->rank, &axis, i->err);
    if (status)
        return status;
    return know_dims(i, 1U << axis);
}

NEAP_OP(shape_along) = {
    NEAP__NAMED("shape_along"),
    .info.doc = "The shape of x with 0 for every dimension but one: how far x reaches "
                "along that axis. The elements of x are not read.",
    .info.inputs = "x",
    NEAP__ROWS(NEAP__ROW("axis", INT, NEAP_ATTRIBUTE_REQUIRED)),
    .dtypes = NEAP__ANY,
    .shape_only = 1,
    .infer = infer_shape_along,
    .lowering = NEAP__LOWER_KERNEL,
    NEAP__ZERO_GRADIENT(NEAP_OP_INTERNAL),
};

/* ---- Broadcasting ------------------------------------------------------------------ */

static int broadcast_shape(neap__inference *i, const neap__shape *to)
{
    const neap__shape *x = &i->in[0].shape;
    neap__shape both;
    if (!neap__broadcast(x, to, &both) || !neap__shape_compatible(&both, to)) {
        char a[NEAP__SHAPE_SIZE], b[NEAP__SHAPE_SIZE];
        return neap__fail(i->err, NEAP_ESHAPE, "%s does not broadcast to %s",
                          neap__shape_text(a, x), neap__shape_text(b, to));
    }
    i->out->dtype = i->in[0].dtype;
    i->out->shape = *to;
    return NEAP_OK;
}

static int infer_broadcast_to(neap__inference *i)
{
    neap__shape to;
    int status = neap__dims(i, "shape", &to);
    return status ? status : broadcast_shape(i, &to);
}

static int infer_broadcast_like(neap__inference *i)
{
    return broadcast_shape(i, &i->in[1].shape);
}

static void broadcast_gradient(neap__grad *g)
{
    if (neap__wants(g, 0))
        g->dx[0] = neap__sum_to(g, g->dy, g->x[0]);
}

NEAP_OP(broadcast_to) = {
    NEAP__NAMED("broadcast_to"),
    .info.doc = "x repeated to a shape that it broadcasts to: dimensions of 1 grow, and "
                "new ones come in front.",
    .info.inputs = "x",
    NEAP__ROWS(NEAP__SIZES("shape")),
    .dtypes = NEAP__ANY,
    .infer = infer_broadcast_to,
    NEAP__FUSED(copy),
    NEAP__GRADIENT(broadcast_gradient, 0),
};

NEAP_OP(broadcast_like) = {
    NEAP__NAMED("broadcast_like"),
    .info.doc = "x repeated to the shape of `like`, whose elements are not read.",
    .info.inputs = "x like",
    .dtypes = NEAP__ANY,
    .shape_only = 2,
    .infer = infer_broadcast_like,
    NEAP__FUSED(copy),
    NEAP__GRADIENT(broadcast_gradient, NEAP_OP_INTERNAL),
};
