/* gather.c - elements picked by index, and indices spread out into elements.
 *
 * params are seen as (batch, outer, count, inner): the dimensions that indices share,
 * those before the axis, the axis, those after it. indices are (batch, n), the result
 * (batch, outer, n, inner). */
#include "cpu/move.h"
#include "ops/family.h"

#include <inttypes.h>

/* ---- gather ------------------------------------------------------------------------ */

/* The axis and the number of batch dimensions, checked against whole ranks. */
static int places(const neap_node *n, const neap__shape *params,
                  const neap__shape *indices, int *axis, int *batch, neap_error *err)
{
    int64_t asked = neap__attribute(n, "batch_dims")->integer;
    int status = neap__axis_of(n, params->rank, axis, err);
    if (status)
        return status;
    const int64_t given = asked;
    asked += asked < 0 ? indices->rank : 0;
    if (asked < 0 || asked > indices->rank)
        return neap__fail(err, NEAP_ERANGE,
                          "batch_dims %" PRId64 " is out of range for rank %d", given,
                          indices->rank);
    if (asked > *axis)
        return neap__fail(err, NEAP_ERANGE,
                          "axis %d is among the %" PRId64 " batch dimensions", *axis,
                          asked);
    *batch = (int)asked;
    return NEAP_OK;
}

static int gathered_shape(neap__inference *i, const neap__shape *params,
                          const neap__shape *indices, neap__shape *shape)
{
    int axis, batch;
    *shape = neap__unknown_shape();
    if (params->rank < 0 || indices->rank < 0)
        return NEAP_OK;
    int status = places(i->node, params, indices, &axis, &batch, i->err);
    if (status)
        return status;
    int64_t dims[2 * NEAP_MAX_RANK];
    int rank = 0;
    for (int d = 0; d < axis; d++) {
        dims[rank] = params->dims[d];
        if (d < batch && params->dims[d] < 0)
            dims[rank] = indices->dims[d];
        if (d < batch && indices->dims[d] >= 0 && indices->dims[d] != dims[rank])
            return neap__differ(i->err, "batch dimensions differ", params, indices);
        rank++;
    }
    for (int d = batch; d < indices->rank; d++)
        dims[rank++] = indices->dims[d];
    for (int d = axis + 1; d < params->rank; d++)
        dims[rank++] = params->dims[d];
    return neap__shape_make(shape, rank, dims, true, "the result", i->err)
               ? NEAP_OK
               : neap__told(i->err);
}

/* Known numbers picked by known indices. */
static int know_gathered(neap__inference *i)
{
    const neap__known *params = i->in[0].known, *indices = i->in[1].known;
    if (!params || !indices || i->in[0].shape.rank != 1)
        return NEAP_OK;
    neap__known *k = neap__known_new(i->arena, params->dtype, indices->count, i->err);
    for (int e = 0; k && e < k->count; e++) {
        const int64_t index =
            neap__knows(indices, e) ? neap__known_integer(indices, e) : -1;
        if (index >= 0 && index < params->count && neap__knows(params, index))
            neap__known_put(k, e, neap__known_element(params, index));
    }
    return k ? neap__know(i, neap__known_end(k)) : NEAP_ENOMEM;
}

static int infer_gather(neap__inference *i)
{
    i->out->dtype = i->in[0].dtype;
    int status = gathered_shape(i, &i->in[0].shape, &i->in[1].shape, &i->out->shape);
    return status ? status : know_gathered(i);
}

static int fix_gather(neap__binding *b, const neap__fact *params, neap__gather_args *args)
{
    const neap__fact *indices = &b->in[1];
    int axis, batch;
    int status = places(b->node, &params->shape, &indices->shape, &axis, &batch, b->err);
    if (status)
        return status;
    args->width = neap_dtype_size(params->dtype);
    args->index = indices->dtype;
    args->indices = indices->shape;
    neap__split(&params->shape, axis, &args->outer, &args->count, &args->inner);
    args->outer = args->batch = args->n = 1;
    for (int d = 0; d < axis; d++)
        *(d < batch ? &args->batch : &args->outer) *= params->shape.dims[d];
    for (int d = batch; d < indices->shape.rank; d++)
        args->n *= indices->shape.dims[d];
    return NEAP_OK;
}

static int bind_gather(neap__binding *b)
{
    neap__gather_args *args = neap__arena_alloc(b->arena, sizeof *args, b->err);
    if (!args)
        return NEAP_ENOMEM;
    b->kernel = neap__cpu_gather;
    b->args = args;
    return fix_gather(b, &b->in[0], args);
}

static void gather_gradient(neap__grad *g)
{
    const neap_attribute attributes[] = {neap__given(g->node, "axis"),
                                         neap__given(g->node, "batch_dims")};
    neap_node *inputs[] = {g->dy, g->x[1], g->x[0]};
    if (neap__wants(g, 0))
        g->dx[0] = neap__derive(g, &neap__op_gather_gradient, inputs, 3, attributes, 2);
}

NEAP_OP(gather) = {
    NEAP__NAMED("gather"),
    .info.doc =
        "The parts of params at these indices along an axis: the dimensions of indices "
        "take the place of that axis. With batch_dims, that many leading dimensions are "
        "those of both. An index that is not in range is an error of the run.",
    .info.inputs = "params indices",
    NEAP__ROWS(NEAP__INT("axis", 0), NEAP__INT("batch_dims", 0)),
    .dtype_rule = NEAP__EACH,
    .dtypes = NEAP__ANY,
    .input_dtypes = {0, NEAP__INDEX},
    .effects = NEAP__FALLIBLE,
    .infer = infer_gather,
    NEAP__BOUND(bind_gather),
    NEAP__GRADIENT(gather_gradient, 0),
};

static int infer_gather_gradient(neap__inference *i)
{
    neap__shape picked;
    int status = gathered_shape(i, &i->in[2].shape, &i->in[1].shape, &picked);
    if (status)
        return status;
    if (!neap__shape_compatible(&picked, &i->in[0].shape))
        return neap__differ(i->err, "shapes differ", &i->in[0].shape, &picked);
    i->out->dtype = i->in[0].dtype;
    i->out->shape = i->in[2].shape;
    return NEAP_OK;
}

static int bind_gather_gradient(neap__binding *b)
{
    neap__scatter_args *args = neap__arena_alloc(b->arena, sizeof *args, b->err);
    if (!args)
        return NEAP_ENOMEM;
    args->dtype = b->out->dtype;
    b->kernel = neap__cpu_scatter_add;
    b->args = args;
    return fix_gather(b, b->out, &args->at);
}

/* What was put at each index is picked from there. */
static void gather_gradient_gradient(neap__grad *g)
{
    const neap_attribute attributes[] = {neap__given(g->node, "axis"),
                                         neap__given(g->node, "batch_dims")};
    neap_node *inputs[] = {g->dy, g->x[1]};
    if (neap__wants(g, 0))
        g->dx[0] = neap__derive(g, &neap__op_gather, inputs, 2, attributes, 2);
}

NEAP_OP(gather_gradient) = {
    NEAP__NAMED("gather_gradient"),
    .info.doc =
        "Zeros of the shape of params, to which dy is added at the indices that its "
        "parts were picked from, in their order. The elements of params are not read.",
    .info.inputs = "dy indices params",
    NEAP__ROWS(NEAP__INT("axis", 0), NEAP__INT("batch_dims", 0)),
    .dtype_rule = NEAP__EACH,
    .dtypes = NEAP__FLOAT | NEAP__INDEX,
    .input_dtypes = {0, NEAP__INDEX},
    .shape_only = 4,
    .effects = NEAP__FALLIBLE,
    .infer = infer_gather_gradient,
    NEAP__BOUND(bind_gather_gradient),
    NEAP__GRADIENT(gather_gradient_gradient, NEAP_OP_INTERNAL),
};

/* ---- one_hot ----------------------------------------------------------------------- */

static int infer_one_hot(neap__inference *i)
{
    const neap__shape *x = &i->in[0].shape;
    unsigned char element[8];
    neap__entries depth;
    int axis, status = neap__dtype_of(i, "dtype", NEAP__ANY, &i->out->dtype);
    status = status ? status : neap__integers(i->node, i->in, "depth", &depth, i->err);
    status = status
                 ? status
                 : neap__element_of(i->node, "on_value", i->out->dtype, element, i->err);
    status = status
                 ? status
                 : neap__element_of(i->node, "off_value", i->out->dtype, element, i->err);
    if (status)
        return status;
    i->out->shape = neap__unknown_shape();
    if (depth.count >= 0 && depth.count != 1)
        return neap__fail(i->err, NEAP_ESHAPE, "depth must be one number, got %d",
                          depth.count);
    const bool known = depth.count == 1 && neap__has(&depth, 0);
    if (known && depth.values[0] < 0)
        return neap__fail(i->err, NEAP_ERANGE, "depth is %" PRId64 ", not 0 or more",
                          depth.values[0]);
    if (x->rank < 0)
        return NEAP_OK;
    if ((status = neap__axis_of(i->node, x->rank + 1, &axis, i->err)))
        return status;
    int64_t dims[NEAP_MAX_RANK + 1];
    for (int d = 0; d <= x->rank; d++)
        dims[d] = d < axis   ? x->dims[d]
                  : d > axis ? x->dims[d - 1]
                  : known    ? depth.values[0]
                             : -1;
    return neap__shape_make(&i->out->shape, x->rank + 1, dims, true, "the result", i->err)
               ? NEAP_OK
               : neap__told(i->err);
}

static int bind_one_hot(neap__binding *b)
{
    neap__one_hot_args *args = neap__arena_alloc(b->arena, sizeof *args, b->err);
    if (!args)
        return NEAP_ENOMEM;
    args->dtype = b->out->dtype;
    args->index = b->in[0].dtype;
    int axis, status = neap__axis_of(b->node, b->out->shape.rank, &axis, b->err);
    status = status
                 ? status
                 : neap__element_of(b->node, "on_value", args->dtype, args->on, b->err);
    status = status
                 ? status
                 : neap__element_of(b->node, "off_value", args->dtype, args->off, b->err);
    if (status)
        return status;
    neap__split(&b->out->shape, axis, &args->outer, &args->depth, &args->inner);
    b->kernel = neap__cpu_one_hot;
    b->args = args;
    return NEAP_OK;
}

NEAP_OP(one_hot) = {
    NEAP__NAMED("one_hot"),
    .info.doc =
        "For each index a row of `depth` elements along a new axis: on_value at the "
        "index, off_value elsewhere; off_value alone for an index that is not in range.",
    .info.inputs = "indices",
    NEAP__ROWS(NEAP__ROW("depth", INT,
                         NEAP_ATTRIBUTE_REQUIRED | NEAP_ATTRIBUTE_NODE |
                             NEAP_ATTRIBUTE_SHAPE),
               NEAP__SCALAR("on_value", 1), NEAP__SCALAR("off_value", 0),
               NEAP__INT("axis", -1), NEAP__DTYPE("dtype", NEAP_FLOAT32)),
    .dtypes = NEAP__INDEX,
    .infer = infer_one_hot,
    NEAP__BOUND(bind_one_hot),
    NEAP__ZERO_GRADIENT(0),
};
