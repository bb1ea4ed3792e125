/* index.c - parts of values, by position: joined, cut out; and their gradients, which
 * put parts back. */
#include "cpu/move.h"
#include "ops/family.h"

#include <inttypes.h>

/* ---- concat ------------------------------------------------------------------------ */

/* Two parts agree in all but the axis: what both say. */
static int join(neap_error *err, neap__shape *all, const neap__shape *part, int axis)
{
    neap__shape a = *all, b = *part;
    if (a.rank != b.rank)
        return neap__differ(err, "shapes differ in rank", all, part);
    a.dims[axis] = b.dims[axis] = 1;
    if (!neap__shape_merge(&a, &b, &a)) {
        char what[48];
        neap__text text = neap__text_over(what, sizeof what);
        neap__text_add(&text, "shapes differ beside axis %d", axis);
        return neap__differ(err, what, all, part);
    }
    a.dims[axis] = all->dims[axis];
    *all = a;
    return NEAP_OK;
}

static int joined_shape(neap__inference *i)
{
    const uint32_t count = i->node->data_inputs;
    const neap__shape *first = NULL;
    for (uint32_t part = 0; part < count && !first; part++)
        if (i->in[part].shape.rank >= 0)
            first = &i->in[part].shape;
    i->out->shape = neap__unknown_shape();
    if (!first)
        return NEAP_OK;
    neap__shape all = *first;
    int axis, status = neap__axis_of(i->node, all.rank, &axis, i->err);
    int64_t sum = 0;
    for (uint32_t part = 0; part < count && !status; part++) {
        const neap__shape *shape = &i->in[part].shape;
        if (shape->rank >= 0 && (status = join(i->err, &all, shape, axis)))
            break;
        const int64_t size = shape->rank < 0 ? -1 : shape->dims[axis];
        if (size < 0 || sum < 0)
            sum = -1;
        else if (!neap__add_int(sum, size, &sum))
            status = neap__fail(i->err, NEAP_ELIMIT, "the sum along axis %d is too large",
                                axis);
    }
    if (status)
        return status;
    all.dims[axis] = sum;
    return neap__shape_make(&i->out->shape, all.rank, all.dims, true, "the result",
                            i->err)
               ? NEAP_OK
               : neap__told(i->err);
}

/* Vectors of known numbers give a vector of known numbers. */
static int know_joined(neap__inference *i)
{
    const int64_t count = neap__knowable(i->out->dtype, &i->out->shape);
    bool any = false;
    for (uint32_t part = 0; part < i->node->data_inputs; part++)
        any |= i->in[part].known != NULL;
    if (count < 0 || !any || i->out->shape.rank != 1)
        return NEAP_OK;
    neap__known *k = neap__known_new(i->arena, i->out->dtype, count, i->err);
    int64_t at = 0;
    for (uint32_t part = 0; k && part < i->node->data_inputs; part++) {
        const neap__fact *f = &i->in[part];
        for (int64_t e = 0; e < f->shape.dims[0]; e++, at++)
            if (neap__knows(f->known, e))
                neap__known_put(k, at, neap__known_element(f->known, e));
    }
    return k ? neap__know(i, neap__known_end(k)) : NEAP_ENOMEM;
}

static int infer_concat(neap__inference *i)
{
    i->out->dtype = i->in[0].dtype;
    int status = joined_shape(i);
    return status ? status : know_joined(i);
}

static int bind_concat(neap__binding *b)
{
    const uint32_t count = b->node->data_inputs;
    neap__concat_args *args = neap__arena_alloc(b->arena, sizeof *args, b->err);
    int64_t *bytes = neap__arena_array(b->arena, count, sizeof *bytes, b->err);
    if (!args || !bytes)
        return NEAP_ENOMEM;
    int64_t size, inner;
    int axis, status = neap__axis_of(b->node, b->out->shape.rank, &axis, b->err);
    if (status)
        return status;
    neap__split(&b->out->shape, axis, &args->outer, &size, &inner);
    inner *= (int64_t)neap_dtype_size(b->out->dtype);
    for (uint32_t i = 0; i < count; i++)
        bytes[i] = b->in[i].shape.dims[axis] * inner;
    args->count = (int)count;
    args->bytes = bytes;
    args->total = size * inner;
    b->kernel = neap__cpu_concat;
    b->args = args;
    return NEAP_OK;
}

/* A part is a slice of dy, of the shape of its x, that begins where the parts before it
 * end: the sum of their dimensions along the axis. */
static void concat_gradient(neap__grad *g)
{
    const neap_attribute axis = neap__given(g->node, "axis");
    neap_node *begin =
        neap__unary(g, &neap__op_zeros_like, neap__unary(g, &neap__op_shape, g->x[0]));
    for (uint32_t i = 0; i < g->node->data_inputs; i++) {
        neap_node *x = g->x[i];
        if (neap__wants(g, (int)i)) {
            const neap_attribute part[] = {
                neap_attribute_node("begin", begin),
                neap_attribute_node("size", neap__unary(g, &neap__op_shape, x))};
            g->dx[i] = neap__derive(g, &neap__op_slice, &g->dy, 1, part, 2);
        }
        if (i + 1 < g->node->data_inputs)
            begin = neap__add(g, begin,
                              neap__derive(g, &neap__op_shape_along, &x, 1, &axis, 1));
    }
}

NEAP_OP(concat) = {
    NEAP__NAMED("concat"),
    .info.doc =
        "Values joined along an axis, in order; their other dimensions are the same.",
    .info.inputs = "x...",
    NEAP__ROWS(NEAP__ROW("axis", INT, NEAP_ATTRIBUTE_REQUIRED)),
    .dtypes = NEAP__ANY,
    .infer = infer_concat,
    NEAP__BOUND(bind_concat),
    NEAP__GRADIENT(concat_gradient, 0),
};

/* ---- slice ------------------------------------------------------------------------- */

/* Whether a part of `size` elements from `begin` lies within a dimension; -1: not
 * known. */
static int check_part(neap_error *err, int d, const neap__entries *begin, int64_t size,
                      int64_t of)
{
    const bool known = neap__has(begin, d);
    const int64_t at = known ? begin->values[d] : 0;
    if (at >= 0 && (of < 0 || (at <= of && size <= of - at)))
        return NEAP_OK;
    if (!known)
        return neap__fail(err, NEAP_ERANGE,
                          "size[%d] = %" PRId64 " does not fit dimension %" PRId64, d,
                          size, of);
    char dimension[24] = "?";
    neap__text text = neap__text_over(dimension, sizeof dimension);
    neap__text_add(&text, of < 0 ? "?" : "%" PRId64, of);
    return neap__fail(err, NEAP_ERANGE,
                      "begin[%d] = %" PRId64 " with size %" PRId64
                      " does not fit dimension %s",
                      d, at, size, dimension);
}

static int check_entries(neap_error *err, const char *name, int count, int rank)
{
    if (count < 0 || count == rank)
        return NEAP_OK;
    return neap__fail(err, NEAP_ESHAPE, "%s has %d entr%s, for rank %d", name, count,
                      count == 1 ? "y" : "ies", rank);
}

/* One dimension of the result. */
static int sliced(neap__inference *i, int d, const neap__entries *begin,
                  const neap__entries *size)
{
    const int64_t of = i->in[0].shape.rank < 0 ? -1 : i->in[0].shape.dims[d];
    int64_t *out = &i->out->shape.dims[d];
    *out = size->count >= 0 && neap__has(size, d) ? size->values[d] : -1;
    if (*out < -1)
        return neap__fail(i->err, NEAP_ERANGE, "size[%d] = %" PRId64 " is negative", d,
                          *out);
    if (begin->count < 0)
        return NEAP_OK;
    int status = check_part(i->err, d, begin, *out < 0 ? 0 : *out, of);
    if (!status && *out < 0 && of >= 0 && size->count >= 0 && neap__has(size, d) &&
        neap__has(begin, d))
        *out = of - begin->values[d];
    return status;
}

/* Where the part begins in x, and the steps along its axes, in elements of x. */
static int64_t part_of(const neap__shape *x, const neap__entries *begin,
                       int64_t steps[NEAP_MAX_RANK])
{
    int64_t offset = 0;
    neap__strides(x, steps);
    for (int d = 0; d < begin->count; d++)
        offset += begin->values[d] * steps[d];
    return offset;
}

static int know_sliced(neap__inference *i, const neap__entries *begin)
{
    int64_t steps[NEAP_MAX_RANK];
    if (!i->in[0].known || !neap__has_all(begin) || !neap__shape_known(&i->out->shape))
        return NEAP_OK;
    const int64_t offset = part_of(&i->in[0].shape, begin, steps);
    return neap__know_picked(i, steps, offset);
}

static int infer_slice(neap__inference *i)
{
    neap__entries begin, size;
    int rank = i->in[0].shape.rank;
    int status = neap__integers(i->node, i->in, "begin", &begin, i->err);
    status = status ? status : neap__integers(i->node, i->in, "size", &size, i->err);
    if (status)
        return status;
    i->out->dtype = i->in[0].dtype;
    i->out->shape = neap__unknown_shape();
    rank = rank >= 0 ? rank : begin.count >= 0 ? begin.count : size.count;
    if (rank < 0)
        return NEAP_OK;
    if ((status = check_entries(i->err, "begin", begin.count, rank)) ||
        (status = check_entries(i->err, "size", size.count, rank)))
        return status;
    i->out->shape.rank = rank;
    for (int d = 0; d < rank; d++)
        if ((status = sliced(i, d, &begin, &size)))
            return status;
    return know_sliced(i, &begin);
}

/* Where the begins are the run's to tell. */
typedef struct slice_call {
    neap__slice_args slice;
    int begin; /* which input they are */
} slice_call;

static int slice_at(const neap__call *call)
{
    const slice_call *args = call->args;
    const void *const in[] = {call->in[0], call->in[args->begin]};
    neap__call slice = *call;
    slice.in = in;
    slice.args = &args->slice;
    return neap__cpu_slice(&slice);
}

static int bind_slice(neap__binding *b)
{
    neap__entries begin;
    int64_t steps[NEAP_MAX_RANK];
    int status = neap__integers(b->node, b->in, "begin", &begin, b->err);
    if (status)
        return status;
    if (neap__has_all(&begin)) {
        const int64_t offset = part_of(&b->in[0].shape, &begin, steps);
        return neap__bind_copy(b, steps, offset);
    }
    slice_call *args = neap__arena_alloc(b->arena, sizeof *args, b->err);
    if (!args)
        return NEAP_ENOMEM;
    args->begin = neap__attribute(b->node, "begin")->input;
    args->slice =
        (neap__slice_args){neap_dtype_size(b->out->dtype), b->in[args->begin].dtype,
                           b->in[0].shape, b->out->shape};
    b->kernel = slice_at;
    b->args = args;
    return NEAP_OK;
}

/* The begins of a slice as a node. */
static neap_node *begin_node(neap__grad *g)
{
    const neap__value *begin = neap__attribute(g->node, "begin");
    if (begin->kind == NEAP_KIND_NODE)
        return g->x[begin->input];
    const int64_t count = (int64_t)begin->count;
    neap_tensor *t = neap_tensor_copy(NEAP_INT64, 1, &count, begin->integers, g->err);
    neap_node *n = t ? neap_constant(g->graph, t, g->err) : NULL;
    neap_tensor_release(t);
    return n;
}

static void slice_gradient(neap__grad *g)
{
    if (!neap__wants(g, 0))
        return;
    neap_node *inputs[] = {g->dy, begin_node(g), g->x[0]};
    g->dx[0] = neap__derive(g, &neap__op_slice_gradient, inputs, 3, NULL, 0);
}

NEAP_OP(slice) = {
    NEAP__NAMED("slice"),
    .info.doc = "The part of x that begins at `begin` and has shape `size`, in which -1 "
                "means all that follows. A part that does not lie within x is an error.",
    .info.inputs = "x",
    NEAP__ROWS(NEAP__ROW("begin", INTS, NEAP_ATTRIBUTE_REQUIRED | NEAP_ATTRIBUTE_NODE),
               NEAP__SIZES("size")),
    .dtypes = NEAP__ANY,
    .effects = NEAP__FALLIBLE,
    .infer = infer_slice,
    NEAP__BOUND(bind_slice),
    NEAP__GRADIENT(slice_gradient, 0),
};

static int infer_slice_gradient(neap__inference *i)
{
    const neap__shape *dy = &i->in[0].shape, *at = &i->in[1].shape, *x = &i->in[2].shape;
    neap__entries begin = {.count = -1};
    if (dy->rank >= 0 && x->rank >= 0 && dy->rank != x->rank)
        return neap__differ(i->err, "shapes differ in rank", dy, x);
    i->out->dtype = i->in[0].dtype;
    i->out->shape = *x;
    if (x->rank < 0)
        return NEAP_OK;
    if (at->rank > 1 || (at->rank == 0 && x->rank != 1) ||
        (at->rank == 1 && at->dims[0] >= 0 && at->dims[0] != x->rank))
        return neap__differ(i->err, "begin does not fit x", at, x);
    for (int d = 0; d < x->rank; d++) {
        if (!neap__knows(i->in[1].known, d))
            continue;
        begin.values[d] = neap__known_integer(i->in[1].known, d);
        begin.mask |= 1U << d;
    }
    for (int d = 0; d < x->rank && dy->rank >= 0; d++) {
        int status =
            check_part(i->err, d, &begin, dy->dims[d] < 0 ? 0 : dy->dims[d], x->dims[d]);
        if (status)
            return status;
    }
    return NEAP_OK;
}

static int bind_slice_gradient(neap__binding *b)
{
    const size_t width = neap_dtype_size(b->out->dtype);
    if (neap__known_all(b->in[1].known)) {
        neap__pad_args *args = neap__arena_alloc(b->arena, sizeof *args, b->err);
        if (!args)
            return NEAP_ENOMEM;
        *args = (neap__pad_args){width, b->in[0].shape, b->out->shape, {0}};
        for (int d = 0; d < b->out->shape.rank; d++)
            args->begin[d] = neap__known_integer(b->in[1].known, d);
        b->kernel = neap__cpu_pad_zero;
        b->args = args;
        return NEAP_OK;
    }
    neap__slice_args *args = neap__arena_alloc(b->arena, sizeof *args, b->err);
    if (!args)
        return NEAP_ENOMEM;
    *args = (neap__slice_args){width, b->in[1].dtype, b->out->shape, b->in[0].shape};
    b->kernel = neap__cpu_unslice;
    b->args = args;
    return NEAP_OK;
}

/* The same part of the gradient. */
static void slice_gradient_gradient(neap__grad *g)
{
    if (!neap__wants(g, 0))
        return;
    neap_node *size = neap__unary(g, &neap__op_shape, g->x[0]);
    if (!size)
        return;
    const neap_attribute attributes[] = {neap_attribute_node("begin", g->x[1]),
                                         neap_attribute_node("size", size)};
    g->dx[0] = neap__derive(g, &neap__op_slice, &g->dy, 1, attributes, 2);
}

NEAP_OP(slice_gradient) = {
    NEAP__NAMED("slice_gradient"),
    .info.doc =
        "Zeros of the shape of x, with dy at `begin`. The elements of x are not read.",
    .info.inputs = "dy begin x",
    .dtype_rule = NEAP__EACH,
    .dtypes = NEAP__ANY,
    .input_dtypes = {0, NEAP__INDEX},
    .shape_only = 4,
    .effects = NEAP__FALLIBLE,
    .infer = infer_slice_gradient,
    NEAP__BOUND(bind_slice_gradient),
    NEAP__GRADIENT(slice_gradient_gradient, NEAP_OP_INTERNAL),
};
