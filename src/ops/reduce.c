/* reduce.c - reductions over axes, and what undoes them and broadcasting in gradients. */
#include "cpu/move.h"
#include "cpu/reduce.h"
#include "ops/family.h"

/* ---- Axes -------------------------------------------------------------------------- */

/* A reduction of x by a row of reductions.def. */
#define REDUCES(name)                                                                    \
    .info.inputs = "x", NEAP__ROWS(AXES), .infer = infer_reduce,                         \
    NEAP__BOUND(bind_reduce), .reduction = NEAP__REDUCE_##name
#define AXES NEAP__ROW("axis", INTS, 0), NEAP__FLAG("keepdims", 0)

/* The axes that a node's attributes name, for this rank: all, if absent. */
static int axes_of(const neap_node *n, int rank, unsigned *mask, neap_error *err)
{
    const neap__value *axis = neap__attribute(n, "axis");
    const bool all = axis->kind == NEAP_KIND_NONE;
    *mask = 0;
    if (!all && axis->count == 0)
        return NEAP_OK;
    return neap__axes(all ? NULL : axis->integers, axis->count, rank, mask, err)
               ? NEAP_OK
               : neap__told(err);
}

/* The shape that is left of x. */
static int reduced_shape(const neap_node *n, const neap__shape *x, neap__shape *shape,
                         neap_error *err)
{
    const bool keepdims = neap__attribute(n, "keepdims")->integer;
    if (x->rank < 0) {
        const bool scalar =
            neap__attribute(n, "axis")->kind == NEAP_KIND_NONE && !keepdims;
        *shape = scalar ? neap__scalar_shape() : neap__unknown_shape();
        return NEAP_OK;
    }
    unsigned mask;
    int status = axes_of(n, x->rank, &mask, err);
    if (!status)
        *shape = neap__reduced(x, mask, keepdims);
    return status;
}

static int infer_reduce(neap__inference *i)
{
    i->out->dtype = i->in[0].dtype;
    return reduced_shape(i->node, &i->in[0].shape, &i->out->shape, i->err);
}

static int bind_reduction(neap__binding *b, neap__reduction reduction, unsigned mask)
{
    neap__reduce_args *args = neap__arena_alloc(b->arena, sizeof *args, b->err);
    if (!args)
        return NEAP_ENOMEM;
    args->dtype = b->in[0].dtype;
    args->isa = b->isa;
    args->reduction = reduction;
    neap__reduce_fix(args, &b->in[0].shape, mask);
    b->kernel = neap__cpu_reduce;
    b->args = args;
    b->work = neap__shape_size(&b->in[0].shape);
    b->scratch = neap__reduce_scratch(args, b->workers);
    return NEAP_OK;
}

static int bind_reduce(neap__binding *b)
{
    unsigned mask;
    int status = axes_of(b->node, b->in[0].shape.rank, &mask, b->err);
    return status ? status : bind_reduction(b, b->node->op->reduction, mask);
}

/* ---- Gradients of reductions ------------------------------------------------------- */

/* A value of the result's shape, repeated over the axes of x that were reduced;
 * divided by how many elements made each, if it is a mean's. */
static neap_node *spread(neap__grad *g, neap_node *dy, neap_node *x, bool mean)
{
    const neap_attribute attributes[] = {neap__given(g->node, "axis"),
                                         neap__given(g->node, "keepdims"),
                                         neap_attribute_bool("mean", mean)};
    neap_node *inputs[] = {dy, x};
    return neap__derive(g, &neap__op_reduce_broadcast, inputs, 2, attributes, 3);
}

/* The same reduction's axes, by another operation. */
static neap_node *reduce_as(neap__grad *g, const neap__op *op, neap_node *x)
{
    const neap_attribute attributes[] = {neap__given(g->node, "axis"),
                                         neap__given(g->node, "keepdims")};
    return neap__derive(g, op, &x, 1, attributes, 2);
}

static void reduce_sum_gradient(neap__grad *g)
{
    g->dx[0] = spread(g, g->dy, g->x[0], false);
}
static void reduce_mean_gradient(neap__grad *g)
{
    g->dx[0] = spread(g, g->dy, g->x[0], true);
}

/* The elements that equal the maximum or minimum share its gradient. */
static void extremum_gradient(neap__grad *g)
{
    neap_node *x = g->x[0];
    const neap_attribute floating = neap_attribute_dtype("dtype", x->fact.dtype);
    neap_node *is_it = neap__binary(g, &neap__op_equal, x, spread(g, g->y, x, false));
    neap_node *mask = neap__derive(g, &neap__op_cast, &is_it, 1, &floating, 1);
    neap_node *share = neap__div(g, g->dy, reduce_as(g, &neap__op_reduce_sum, mask));
    g->dx[0] = neap__mul(g, mask, spread(g, share, x, false));
}

/* dy/dx is the product of the other elements. */
static void reduce_prod_gradient(neap__grad *g)
{
    neap_node *x = g->x[0];
    const neap_attribute axis = neap__given(g->node, "axis");
    neap_node *others = neap__derive(g, &neap__op_product_of_others, &x, 1, &axis, 1);
    g->dx[0] = neap__mul(g, spread(g, g->dy, x, false), others);
}

/* dy/dx = exp(x - y), a softmax. */
static void reduce_logsumexp_gradient(neap__grad *g)
{
    neap_node *x = g->x[0];
    neap_node *weight =
        neap__unary(g, &neap__op_exp, neap__sub(g, x, spread(g, g->y, x, false)));
    g->dx[0] = neap__mul(g, spread(g, g->dy, x, false), weight);
}

/* ---- Reductions -------------------------------------------------------------------- */

NEAP_OP(reduce_sum) = {
    NEAP__NAMED("reduce_sum"),
    .info.doc = "The sum of the elements of x over some axes (absent: all). Integers "
                "wrap; over no elements it is 0.",
    .dtypes = NEAP__NUMERIC,
    REDUCES(sum),
    NEAP__GRADIENT(reduce_sum_gradient, 0),
};

NEAP_OP(reduce_mean) = {
    NEAP__NAMED("reduce_mean"),
    .info.doc = "The mean of the elements of x over some axes (absent: all), of the "
                "dtype of x: for integers without its fraction. Over no elements it is "
                "NaN, or 0 for integers.",
    .dtypes = NEAP__NUMERIC,
    REDUCES(mean),
    NEAP__GRADIENT(reduce_mean_gradient, 0),
};

NEAP_OP(reduce_max) = {
    NEAP__NAMED("reduce_max"),
    .info.doc = "The greatest element of x over some axes (absent: all); NaN if there is "
                "one. Over no elements it is the lowest value of the dtype (-inf). Equal "
                "greatest elements share the gradient.",
    .dtypes = NEAP__NUMERIC,
    REDUCES(max),
    NEAP__GRADIENT(extremum_gradient, 0),
};

NEAP_OP(reduce_min) = {
    NEAP__NAMED("reduce_min"),
    .info.doc =
        "The least element of x over some axes (absent: all); NaN if there is "
        "one. Over no elements it is the greatest value of the dtype (inf). Equal "
        "least elements share the gradient.",
    .dtypes = NEAP__NUMERIC,
    REDUCES(min),
    NEAP__GRADIENT(extremum_gradient, 0),
};

NEAP_OP(reduce_prod) = {
    NEAP__NAMED("reduce_prod"),
    .info.doc = "The product of the elements of x over some axes (absent: all). Integers "
                "wrap; over no elements it is 1.",
    .dtypes = NEAP__NUMERIC,
    REDUCES(prod),
    NEAP__GRADIENT(reduce_prod_gradient, 0),
};

NEAP_OP(reduce_logsumexp) = {
    NEAP__NAMED("reduce_logsumexp"),
    .info.doc = "log(sum(exp(x))) over some axes (absent: all), without overflow. Over "
                "no elements it is -inf.",
    .dtypes = NEAP__FLOATING,
    REDUCES(logsumexp),
    NEAP__GRADIENT(reduce_logsumexp_gradient, 0),
};

/* ---- The derivatives of products --------------------------------------------------- */

static int infer_product_of_others(neap__inference *i)
{
    if (i->node->data_inputs - 1 > NEAP__DIRECTIONS)
        return neap__fail(i->err, NEAP_ELIMIT,
                          "a product has at most %d derivatives, one after the other",
                          NEAP__DIRECTIONS + 1);
    return neap__infer_merge(i);
}

static int bind_product_of_others(neap__binding *b)
{
    neap__product_args *args = neap__arena_alloc(b->arena, sizeof *args, b->err);
    unsigned mask;
    if (!args)
        return NEAP_ENOMEM;
    const neap__shape *x = &b->in[0].shape;
    int status = axes_of(b->node, x->rank, &mask, b->err);
    if (status)
        return status;
    args->size = (neap__reduce_args){
        .dtype = b->out->dtype, .isa = b->isa, .reduction = NEAP__REDUCE_prod};
    neap__reduce_fix(&args->size, x, mask);
    args->directions = (int)b->node->data_inputs - 1;
    b->kernel = neap__cpu_product_of_others;
    b->args = args;
    b->scratch = neap__product_scratch(args, b->workers);
    return NEAP_OK;
}

/* The same again, with dy as a further direction for x, and in the place of a direction
 * for that one: the derivatives of a product do not ask in which order they were taken. */
static void product_of_others_gradient(neap__grad *g)
{
    const size_t n = g->node->data_inputs;
    const neap_attribute axis = neap__given(g->node, "axis");
    neap_node *inputs[NEAP__DIRECTIONS + 2];
    for (size_t i = 0; i < n; i++)
        inputs[i] = g->x[i];
    inputs[n] = g->dy;
    if (neap__wants(g, 0))
        g->dx[0] = neap__derive(g, &neap__op_product_of_others, inputs, n + 1, &axis, 1);
    for (size_t i = 1; i < n; i++) {
        inputs[i] = g->dy;
        if (neap__wants(g, (int)i))
            g->dx[i] = neap__derive(g, &neap__op_product_of_others, inputs, n, &axis, 1);
        inputs[i] = g->x[i];
    }
}

NEAP_OP(product_of_others) = {
    NEAP__NAMED("product_of_others"),
    .info.doc =
        "For each element of x the product of the others along some axes (absent: "
        "all), which is the gradient of reduce_prod; with directions d, of the "
        "shape of x, the derivative of that along all of them.",
    .info.inputs = "x [d...]",
    NEAP__ROWS(NEAP__ROW("axis", INTS, 0)),
    .dtypes = NEAP__FLOATING,
    .infer = infer_product_of_others,
    NEAP__BOUND(bind_product_of_others),
    NEAP__GRADIENT(product_of_others_gradient, NEAP_OP_INTERNAL),
};

/* ---- Argmax ------------------------------------------------------------------------ */

static int infer_argmax(neap__inference *i)
{
    const neap__shape *x = &i->in[0].shape;
    int axis, status = neap__dtype_of(i, "output_type", NEAP__INDEX, &i->out->dtype);
    i->out->shape = neap__unknown_shape();
    if (status || x->rank < 0)
        return status;
    if ((status = neap__axis_of(i->node, x->rank, &axis, i->err)))
        return status;
    if (x->dims[axis] == 0) {
        char text[NEAP__SHAPE_SIZE];
        return neap__fail(i->err, NEAP_ESHAPE, "axis %d of %s has no elements", axis,
                          neap__shape_text(text, x));
    }
    if (i->out->dtype == NEAP_INT32 && x->dims[axis] > INT32_MAX) {
        char text[NEAP__SHAPE_SIZE];
        return neap__fail(i->err, NEAP_ERANGE,
                          "int32 does not hold the indices of axis %d of %s", axis,
                          neap__shape_text(text, x));
    }
    i->out->shape = neap__reduced(x, 1U << axis, false);
    return NEAP_OK;
}

static int bind_argmax(neap__binding *b)
{
    neap__argmax_args *args = neap__arena_alloc(b->arena, sizeof *args, b->err);
    if (!args)
        return NEAP_ENOMEM;
    int axis, status = neap__axis_of(b->node, b->in[0].shape.rank, &axis, b->err);
    if (status)
        return status;
    args->dtype = b->in[0].dtype;
    args->output = b->out->dtype;
    neap__split(&b->in[0].shape, axis, &args->outer, &args->count, &args->inner);
    b->kernel = neap__cpu_argmax;
    b->args = args;
    b->work = neap__shape_size(&b->in[0].shape);
    return NEAP_OK;
}

NEAP_OP(argmax) = {
    NEAP__NAMED("argmax"),
    .info.doc = "The index of the greatest element of x along an axis, which must have "
                "one; the first of equals, and NaN counts as greatest. int32 or int64, "
                "as `output_type` says.",
    .info.inputs = "x",
    NEAP__ROWS(NEAP__INT("axis", 0), NEAP__DTYPE("output_type", NEAP_INT64)),
    .dtypes = NEAP__NUMERIC,
    .infer = infer_argmax,
    NEAP__BOUND(bind_argmax),
    NEAP__ZERO_GRADIENT(0),
};

/* ---- Undoing broadcasting ---------------------------------------------------------- */

static int infer_sum_to_like(neap__inference *i)
{
    const neap__shape *dy = &i->in[0].shape, *x = &i->in[1].shape;
    neap__shape both;
    if (!neap__broadcast(x, dy, &both) || !neap__shape_compatible(&both, dy))
        return neap__differ(i->err, "shapes are not a broadcast one and its origin", dy,
                            x);
    i->out->dtype = i->in[0].dtype;
    i->out->shape = *x;
    return NEAP_OK;
}

static int bind_sum_to_like(neap__binding *b)
{
    const neap__shape *dy = &b->in[0].shape, *x = &b->out->shape;
    unsigned mask = 0;
    for (int d = 0; d < dy->rank; d++) {
        const int own = d - (dy->rank - x->rank);
        if (own < 0 || x->dims[own] != dy->dims[d])
            mask |= 1U << d;
    }
    if (neap__shape_size(dy) != neap__shape_size(x))
        return bind_reduction(b, NEAP__REDUCE_sum, mask);
    int64_t strides[NEAP_MAX_RANK];
    neap__strides(x, strides);
    b->in_place = 1;
    return neap__bind_copy(b, strides, 0);
}

static void sum_to_like_gradient(neap__grad *g)
{
    if (neap__wants(g, 0))
        g->dx[0] = neap__broadcast_as(g, g->dy, g->x[0]);
}

NEAP_OP(sum_to_like) = {
    NEAP__NAMED("sum_to_like"),
    .info.doc = "dy summed over the axes along which the shape of x was broadcast to "
                "that of dy; the elements of x are not read.",
    .info.inputs = "dy x",
    .dtypes = NEAP__NUMERIC,
    .shape_only = 2,
    .infer = infer_sum_to_like,
    NEAP__BOUND(bind_sum_to_like),
    NEAP__GRADIENT(sum_to_like_gradient, NEAP_OP_INTERNAL),
};

/* ---- Undoing reductions ------------------------------------------------------------ */

static int infer_reduce_broadcast(neap__inference *i)
{
    const neap__shape *dy = &i->in[0].shape, *x = &i->in[1].shape;
    neap__shape reduced;
    int status = reduced_shape(i->node, x, &reduced, i->err);
    if (status)
        return status;
    if (!neap__shape_compatible(&reduced, dy))
        return neap__differ(i->err, "shapes are not a reduced one and its origin", dy, x);
    i->out->dtype = i->in[0].dtype;
    i->out->shape = *x;
    return NEAP_OK;
}

/* A mean's gradient: dy divided, while it is small, then repeated. */
typedef struct mean_args {
    neap_dtype dtype;
    int64_t size; /* of dy */
    double count; /* elements that made each mean */
    const void *copy;
} mean_args;

static int spread_mean(const neap__call *call)
{
    const mean_args *a = call->args;
    for (int64_t e = 0; e < a->size; e++) {
        const double dy = neap__element_number(a->dtype, call->in[0], e);
        neap__store_number(a->dtype, call->scratch, e, dy / a->count);
    }
    const void *const in[] = {call->scratch};
    neap__call copy = *call;
    copy.in = in;
    copy.args = a->copy;
    return neap__cpu_copy(&copy);
}

static int bind_mean_spread(neap__binding *b)
{
    mean_args *args = neap__arena_alloc(b->arena, sizeof *args, b->err);
    if (!args)
        return NEAP_ENOMEM;
    args->dtype = b->out->dtype;
    args->size = neap__shape_size(&b->in[0].shape);
    args->count =
        (double)neap__shape_size(&b->out->shape) / (double)(args->size ? args->size : 1);
    args->copy = b->args;
    b->kernel = spread_mean;
    b->args = args;
    b->scratch = (size_t)args->size * neap_dtype_size(args->dtype);
    return NEAP_OK;
}

static int bind_reduce_broadcast(neap__binding *b)
{
    unsigned mask;
    int status = axes_of(b->node, b->out->shape.rank, &mask, b->err);
    if (status)
        return status;
    /* dy has the elements of x's shape with 1 for each axis that was reduced. */
    const neap__shape kept = neap__reduced(&b->out->shape, mask, true);
    int64_t strides[NEAP_MAX_RANK];
    neap__broadcast_strides(&kept, &b->out->shape, strides);
    if ((status = neap__bind_copy(b, strides, 0)))
        return status;
    return neap__attribute(b->node, "mean")->integer ? bind_mean_spread(b) : NEAP_OK;
}

static void reduce_broadcast_gradient(neap__grad *g)
{
    const bool mean = neap__attribute(g->node, "mean")->integer;
    if (neap__wants(g, 0))
        g->dx[0] =
            reduce_as(g, mean ? &neap__op_reduce_mean : &neap__op_reduce_sum, g->dy);
}

NEAP_OP(reduce_broadcast) = {
    NEAP__NAMED("reduce_broadcast"),
    .info.doc = "dy, of the shape that a reduction leaves of x, repeated over the axes "
                "that were reduced; divided by how many elements made each one, if it "
                "was a mean. The elements of x are not read.",
    .info.inputs = "dy x",
    NEAP__ROWS(AXES, NEAP__FLAG("mean", 0)),
    .dtypes = NEAP__FLOATING,
    .shape_only = 2,
    .infer = infer_reduce_broadcast,
    NEAP__BOUND(bind_reduce_broadcast),
    NEAP__GRADIENT(reduce_broadcast_gradient, NEAP_OP_INTERNAL),
};
