/* strided.c - parts of a value by bounds and strides, and how their gradient is put
 * back. */
#include "ops/family.h"

#include "cpu/stride.h"

#include <inttypes.h>

/* ---- Bounds ---------------------------------------------------------------------- */

/* What is known of the bounds and strides of the leading axes. */
typedef struct cuts {
    int count;
    neap__entries begin, stop;
    const int64_t *strides;
} cuts;

static int check_count(const char *name, int count, int strides, neap_error *err)
{
    if (count < 0 || count == strides)
        return NEAP_OK;
    return neap__fail(err, NEAP_ESHAPE, "%s has %d entr%s, strides has %d", name, count,
                      count == 1 ? "y" : "ies", strides);
}

static int find_cuts(const neap_node *n, const neap__fact *in, cuts *c, neap_error *err)
{
    const neap__value *strides = neap__attribute(n, "strides");
    const int rank = in[0].shape.rank < 0 ? NEAP_MAX_RANK : in[0].shape.rank;
    c->strides = strides->integers;
    c->count = strides->count > NEAP_MAX_RANK ? NEAP_MAX_RANK + 1 : (int)strides->count;
    if (c->count > rank)
        return neap__fail(err, NEAP_ESHAPE, "strides has %zu entr%s, for rank %d",
                          strides->count, strides->count == 1 ? "y" : "ies", rank);
    for (int d = 0; d < c->count; d++)
        if (c->strides[d] == 0)
            return neap__fail(err, NEAP_ERANGE, "strides[%d] is 0", d);
    int status = neap__integers(n, in, "begin", &c->begin, err);
    status = status ? status : neap__integers(n, in, "stop", &c->stop, err);
    status = status ? status : check_count("begin", c->begin.count, c->count, err);
    return status ? status : check_count("stop", c->stop.count, c->count, err);
}

/* Bound d, a number where a node tells it; false: not known. */
static bool bound(const neap_node *n, const char *name, const neap__entries *k, int d,
                  int64_t *value)
{
    if (!neap__has(k, d))
        return false;
    *value = k->values[d];
    if (*value == NEAP_NO_BOUND && neap__attribute(n, name)->kind == NEAP_KIND_NODE)
        ++*value;
    return true;
}

/* Elements of axis d of the result, and the first of them; -1: not known. */
static int64_t cut(const neap_node *n, const cuts *c, const neap__shape *x, int d,
                   int64_t *first)
{
    const int64_t size = x->rank < 0 ? -1 : x->dims[d];
    int64_t begin, stop;
    *first = 0;
    if (d >= c->count || size == 0)
        return size;
    if (size < 0 || !bound(n, "begin", &c->begin, d, &begin) ||
        !bound(n, "stop", &c->stop, d, &stop))
        return -1;
    return neap__strided(size, begin, stop, c->strides[d], first);
}

/* ---- strided_slice --------------------------------------------------------------- */

/* Where the part begins in x, and the steps along its axes, in elements of x. */
static int64_t find_steps(const neap_node *n, const cuts *c, const neap__shape *x,
                          int64_t steps[NEAP_MAX_RANK])
{
    int64_t offset = 0, first;
    neap__strides(x, steps);
    for (int d = 0; d < c->count; d++) {
        const int64_t size = cut(n, c, x, d, &first);
        offset += first * steps[d];
        /* One element has no distance to a next one, whatever the stride. */
        steps[d] *= size > 1 ? c->strides[d] : 1;
    }
    return offset;
}

static int infer_strided_slice(neap__inference *i)
{
    cuts c;
    int64_t first;
    const neap__shape *x = &i->in[0].shape;
    i->out->dtype = i->in[0].dtype;
    i->out->shape = *x;
    int status = find_cuts(i->node, i->in, &c, i->err);
    if (status)
        return status;
    for (int d = 0; d < x->rank; d++)
        i->out->shape.dims[d] = cut(i->node, &c, x, d, &first);
    if (!i->in[0].known || !neap__shape_known(&i->out->shape))
        return NEAP_OK;
    int64_t steps[NEAP_MAX_RANK];
    const int64_t offset = find_steps(i->node, &c, x, steps);
    return neap__know_picked(i, steps, offset);
}

static int bind_strided_slice(neap__binding *b)
{
    cuts c;
    int64_t steps[NEAP_MAX_RANK];
    int status = find_cuts(b->node, b->in, &c, b->err);
    if (status || neap__shape_size(&b->out->shape) == 0)
        return status; /* nothing to do: bounds may even be unknown */
    const int64_t offset = find_steps(b->node, &c, &b->in[0].shape, steps);
    return neap__bind_copy(b, steps, offset);
}

static void strided_slice_gradient(neap__grad *g)
{
    neap_node *inputs[] = {g->dy, g->x[0]};
    const neap_attribute attributes[] = {neap__given(g->node, "begin"),
                                         neap__given(g->node, "stop"),
                                         neap__given(g->node, "strides")};
    if (neap__wants(g, 0))
        g->dx[0] =
            neap__derive(g, &neap__op_strided_slice_gradient, inputs, 2, attributes, 3);
}

#define BOUND(text)                                                                      \
    NEAP__ROW(text, INTS,                                                                \
              NEAP_ATTRIBUTE_REQUIRED | NEAP_ATTRIBUTE_NODE | NEAP_ATTRIBUTE_SHAPE |     \
                  NEAP_ATTRIBUTE_OPEN)
#define BOUNDS                                                                           \
    NEAP__ROWS(BOUND("begin"), BOUND("stop"),                                            \
               NEAP__ROW("strides", INTS, NEAP_ATTRIBUTE_REQUIRED))

NEAP_OP(strided_slice) = {
    NEAP__NAMED("strided_slice"),
    .info.doc =
        "Along each axis the elements begin, begin + stride, ... before stop, as "
        "Python's "
        "slices pick them: a negative bound counts from the end, one beyond the axis "
        "ends "
        "at it, and a negative stride goes backwards. Axes without an entry are whole.",
    .info.inputs = "x",
    BOUNDS,
    .dtypes = NEAP__ANY,
    .infer = infer_strided_slice,
    NEAP__BOUND(bind_strided_slice),
    NEAP__GRADIENT(strided_slice_gradient, 0),
};

/* ---- Its gradient ---------------------------------------------------------------- */

static int infer_strided_slice_gradient(neap__inference *i)
{
    cuts c;
    int64_t first;
    const neap__shape *dy = &i->in[0].shape, *x = &i->in[1].shape;
    neap__shape part = *x;
    i->out->dtype = i->in[0].dtype;
    i->out->shape = *x;
    int status = find_cuts(i->node, i->in, &c, i->err);
    for (int d = 0; d < x->rank && !status; d++)
        part.dims[d] = cut(i->node, &c, x, d, &first);
    if (!status && !neap__shape_compatible(&part, dy))
        status = neap__differ(i->err, "shapes differ", dy, &part);
    return status;
}

/* Bounds that are known when sizes are fixed, else where they come from. */
static neap__bounds bounds_of(const neap__binding *b, const char *name,
                              const neap__entries *k, int count)
{
    neap__bounds bounds = {-1, NEAP_INT64, {0}};
    for (int d = 0; d < count && bounds.input < 0; d++)
        if (!bound(b->node, name, k, d, &bounds.values[d])) {
            bounds.input = neap__attribute(b->node, name)->input;
            bounds.dtype = b->in[bounds.input].dtype;
        }
    return bounds;
}

static int bind_strided_slice_gradient(neap__binding *b)
{
    cuts c;
    int status = find_cuts(b->node, b->in, &c, b->err);
    neap__spread_args *args = neap__arena_alloc(b->arena, sizeof *args, b->err);
    if (status || !args)
        return status ? status : NEAP_ENOMEM;
    args->width = neap_dtype_size(b->out->dtype);
    args->x = b->out->shape;
    args->part = b->in[0].shape;
    args->count = c.count;
    args->begin = bounds_of(b, "begin", &c.begin, c.count);
    args->stop = bounds_of(b, "stop", &c.stop, c.count);
    for (int d = 0; d < c.count; d++)
        args->strides[d] = c.strides[d];
    b->kernel = neap__cpu_spread;
    b->args = args;
    return NEAP_OK;
}

/* The same part of the gradient. */
static void strided_slice_gradient_gradient(neap__grad *g)
{
    const neap_attribute attributes[] = {neap__given(g->node, "begin"),
                                         neap__given(g->node, "stop"),
                                         neap__given(g->node, "strides")};
    if (neap__wants(g, 0))
        g->dx[0] = neap__derive(g, &neap__op_strided_slice, &g->dy, 1, attributes, 3);
}

NEAP_OP(strided_slice_gradient) = {
    NEAP__NAMED("strided_slice_gradient"),
    .info.doc = "Zeros of the shape of x, with dy where strided_slice picked it. The "
                "elements of x are not read.",
    .info.inputs = "dy x",
    BOUNDS,
    .dtypes = NEAP__ANY,
    .shape_only = 2,
    .effects = NEAP__FALLIBLE,
    .infer = infer_strided_slice_gradient,
    NEAP__BOUND(bind_strided_slice_gradient),
    NEAP__GRADIENT(strided_slice_gradient_gradient, NEAP_OP_INTERNAL),
};
