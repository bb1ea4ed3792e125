/* tensordot.c - products over any axes of two values, as numpy.tensordot.
 *
 * M the axes of a that stay, N those of b, K the axes that are summed over: the result is
 * (M, N), a product of a as (M, K) with b as (K, N). It is linear in both, so that its
 * gradients are products of the same kind: da = dy (M, N) by b' (N, K), db = a' (K, M) by
 * dy, each put into the order of a or b; and theirs are again. */
#include "ops/family.h"

#include "cpu/contract.h"

#include <inttypes.h>

/* ---- Axes ------------------------------------------------------------------------ */

/* How the axes of one operand are parted: those that stay, those that are summed over. */
typedef struct side {
    int rank, stays, summed;
    int stay[NEAP_MAX_RANK], sum[NEAP_MAX_RANK];
} side;

/* A number n: the last n axes of a with the first n of b. */
static int count_axes(const neap_node *n, const neap__shape *s, bool second, side *of,
                      neap_error *err)
{
    const int64_t count = neap__attribute(n, "axes")->integer;
    if (count < 0 || count > s->rank)
        return neap__fail(err, NEAP_ERANGE,
                          "%" PRId64 " axes are asked for, input %s has rank %d", count,
                          second ? "b" : "a", s->rank);
    of->summed = (int)count;
    for (int k = 0; k < of->summed; k++)
        of->sum[k] = second ? k : s->rank - of->summed + k;
    return NEAP_OK;
}

static int named_axes(const neap_node *n, const neap__shape *s, bool second, side *of,
                      neap_error *err)
{
    const neap__value *v = neap__attribute(n, "axes");
    int64_t axes[NEAP_MAX_RANK];
    unsigned mask;
    if (v->count > (size_t)s->rank)
        return neap__fail(err, NEAP_EARG, "%zu axes are named, input %s has rank %d",
                          v->count, second ? "b" : "a", s->rank);
    of->summed = (int)v->count;
    for (int k = 0; k < of->summed; k++)
        axes[k] = second ? v->pairs[k].second : v->pairs[k].first;
    if (of->summed && !neap__axes(axes, v->count, s->rank, &mask, err))
        return neap__told(err);
    for (int k = 0; k < of->summed; k++)
        neap__axis(axes[k], s->rank, &of->sum[k], err);
    return NEAP_OK;
}

/* For a shape whose rank is known. */
static int part_axes(const neap_node *n, const neap__shape *s, bool second, side *of,
                     neap_error *err)
{
    *of = (side){.rank = s->rank};
    const int status = neap__attribute(n, "axes")->kind == NEAP_KIND_INT
                           ? count_axes(n, s, second, of, err)
                           : named_axes(n, s, second, of, err);
    for (int d = 0; d < s->rank && !status; d++) {
        bool summed = false;
        for (int k = 0; k < of->summed; k++)
            summed = summed || of->sum[k] == d;
        if (!summed)
            of->stay[of->stays++] = d;
    }
    return status;
}

/* ---- Inference ------------------------------------------------------------------- */

/* The shape of the product of a and b, as far as it is known. */
static int product_shape(const neap__inference *i, const neap__shape *a,
                         const neap__shape *b, neap__shape *out)
{
    side left, right;
    int64_t dims[2 * NEAP_MAX_RANK];
    int rank = 0, status = NEAP_OK;
    *out = neap__unknown_shape();
    if (a->rank >= 0)
        status = part_axes(i->node, a, false, &left, i->err);
    if (!status && b->rank >= 0)
        status = part_axes(i->node, b, true, &right, i->err);
    if (status || a->rank < 0 || b->rank < 0)
        return status;
    for (int k = 0; k < left.summed; k++) {
        const int64_t x = a->dims[left.sum[k]], y = b->dims[right.sum[k]];
        if (x >= 0 && y >= 0 && x != y) {
            char what[80];
            neap__text text = neap__text_over(what, sizeof what);
            neap__text_add(&text, "axis %d of a and axis %d of b differ", left.sum[k],
                           right.sum[k]);
            return neap__differ(i->err, what, a, b);
        }
    }
    for (int d = 0; d < left.stays; d++)
        dims[rank++] = a->dims[left.stay[d]];
    for (int d = 0; d < right.stays; d++)
        dims[rank++] = b->dims[right.stay[d]];
    return neap__shape_make(out, rank, dims, true, "the product", i->err)
               ? NEAP_OK
               : neap__told(i->err);
}

static int infer_tensordot(neap__inference *i)
{
    i->out->dtype = i->in[0].dtype;
    return product_shape(i, &i->in[0].shape, &i->in[1].shape, &i->out->shape);
}

static bool of_second(const neap_node *n)
{
    return neap__attribute(n, "second")->integer;
}

static int infer_tensordot_gradient(neap__inference *i)
{
    const bool second = of_second(i->node);
    const neap__shape *dy = &i->in[0].shape, *other = &i->in[1].shape,
                      *like = &i->in[2].shape;
    neap__shape product;
    i->out->dtype = i->in[0].dtype;
    i->out->shape = *like;
    int status = product_shape(i, second ? other : like, second ? like : other, &product);
    if (!status && !neap__shape_compatible(&product, dy))
        status = neap__differ(i->err, "shapes differ", dy, &product);
    return status;
}

/* ---- Matrices -------------------------------------------------------------------- */

static int64_t size_of(const neap__shape *s, const int *axes, int count)
{
    int64_t size = 1;
    for (int k = 0; k < count; k++)
        size *= s->dims[axes[k]];
    return size;
}

/* Whether the axes, one list behind the other, are in order as they lie; an axis of one
 * element lies anywhere. */
static bool in_order(const neap__shape *s, const int *first, int first_count,
                     const int *second, int second_count)
{
    int last = -1;
    for (int k = 0; k < first_count + second_count; k++) {
        const int axis = k < first_count ? first[k] : second[k - first_count];
        if (s->dims[axis] == 1)
            continue;
        if (axis < last)
            return false;
        last = axis;
    }
    return true;
}

/* The value seen as a matrix whose rows and columns run over these axes. */
static neap__matrix matrix_of(const neap__binding *b, int input, const int *rows,
                              int row_count, const int *columns, int column_count)
{
    const neap__shape *s = &b->in[input].shape;
    neap__matrix m = {.input = input};
    if (in_order(s, rows, row_count, columns, column_count))
        return m;
    m.transposed = in_order(s, columns, column_count, rows, row_count);
    m.copied = !m.transposed;
    if (!m.copied)
        return m;
    int64_t strides[NEAP_MAX_RANK], dims[NEAP_MAX_RANK], steps[NEAP_MAX_RANK];
    neap__strides(s, strides);
    for (int k = 0; k < row_count + column_count; k++) {
        const int axis = k < row_count ? rows[k] : columns[k - row_count];
        dims[k] = s->dims[axis];
        steps[k] = strides[axis];
    }
    m.copy.width = neap_dtype_size(b->in[input].dtype);
    neap__copy_fix(&m.copy, s->rank, dims, steps);
    return m;
}

/* The product, a matrix whose rows and columns run over these axes of the result, goes to
 * where they lie: as it is, made transposed, or copied there. */
static void place_product(const neap__binding *b, neap__contract_args *args,
                          const int *rows, int row_count, const int *columns,
                          int column_count)
{
    const neap__shape *s = &b->out->shape;
    if (in_order(s, rows, row_count, columns, column_count))
        return;
    if (in_order(s, columns, column_count, rows, row_count)) {
        const neap__matrix left = args->left;
        const int64_t m = args->m;
        args->left = args->right;
        args->right = left;
        args->left.transposed = !args->left.transposed;
        args->right.transposed = !args->right.transposed;
        args->m = args->n;
        args->n = m;
        return;
    }
    int64_t steps[NEAP_MAX_RANK], step = 1;
    for (int k = row_count + column_count; k-- > 0;) {
        const int axis = k < row_count ? rows[k] : columns[k - row_count];
        steps[axis] = step;
        step *= s->dims[axis];
    }
    args->placed = true;
    args->to.width = neap_dtype_size(b->out->dtype);
    neap__copy_fix(&args->to, s->rank, s->dims, steps);
}

static int bind_product(neap__binding *b, neap__contract_args *args)
{
    args->dtype = b->out->dtype;
    b->scratch = neap__contract_choose(args, b->isa, b->workers);
    if (!neap__mul_int(args->m * args->n, args->k, &b->work))
        b->work = INT64_MAX;
    b->kernel = neap__cpu_contract;
    b->args = args;
    return NEAP_OK;
}

static int bind_tensordot(neap__binding *b)
{
    side l, r;
    neap__contract_args *args = neap__arena_alloc(b->arena, sizeof *args, b->err);
    int status = args ? NEAP_OK : NEAP_ENOMEM;
    status = status ? status : part_axes(b->node, &b->in[0].shape, false, &l, b->err);
    status = status ? status : part_axes(b->node, &b->in[1].shape, true, &r, b->err);
    if (status)
        return status;
    args->m = size_of(&b->in[0].shape, l.stay, l.stays);
    args->k = size_of(&b->in[0].shape, l.sum, l.summed);
    args->n = size_of(&b->in[1].shape, r.stay, r.stays);
    args->left = matrix_of(b, 0, l.stay, l.stays, l.sum, l.summed);
    args->right = matrix_of(b, 1, r.sum, r.summed, r.stay, r.stays);
    return bind_product(b, args);
}

/* da (M, K) = dy (M, N) by b (N, K); db (K, N) = a (K, M) by dy (M, N). */
static int bind_tensordot_gradient(neap__binding *b)
{
    const bool second = of_second(b->node);
    side mine, other; /* of the operand whose gradient this is, and of the other one */
    int all[NEAP_MAX_RANK];
    neap__contract_args *args = neap__arena_alloc(b->arena, sizeof *args, b->err);
    int status = args ? NEAP_OK : NEAP_ENOMEM;
    status = status ? status : part_axes(b->node, &b->in[2].shape, second, &mine, b->err);
    status =
        status ? status : part_axes(b->node, &b->in[1].shape, !second, &other, b->err);
    if (status)
        return status;
    for (int d = 0; d < NEAP_MAX_RANK; d++)
        all[d] = d;
    const int64_t stay = size_of(&b->in[2].shape, mine.stay, mine.stays),
                  sum = size_of(&b->in[2].shape, mine.sum, mine.summed);
    args->k = size_of(&b->in[1].shape, other.stay, other.stays);
    args->m = second ? sum : stay;
    args->n = second ? stay : sum;
    if (second) {
        args->left = matrix_of(b, 1, other.sum, other.summed, other.stay, other.stays);
        args->right = matrix_of(b, 0, all, other.stays, all + other.stays, mine.stays);
        place_product(b, args, mine.sum, mine.summed, mine.stay, mine.stays);
    } else {
        args->left = matrix_of(b, 0, all, mine.stays, all + mine.stays, other.stays);
        args->right = matrix_of(b, 1, other.stay, other.stays, other.sum, other.summed);
        place_product(b, args, mine.stay, mine.stays, mine.sum, mine.summed);
    }
    return bind_product(b, args);
}

/* ---- Gradients ------------------------------------------------------------------- */

static neap_node *product(neap__grad *g, neap_node *a, neap_node *b)
{
    neap_node *inputs[] = {a, b};
    const neap_attribute axes = neap__given(g->node, "axes");
    return neap__derive(g, &neap__op_tensordot, inputs, 2, &axes, 1);
}

static neap_node *factor(neap__grad *g, neap_node *dy, neap_node *other, neap_node *like,
                         bool second)
{
    neap_node *inputs[] = {dy, other, like};
    const neap_attribute attributes[] = {neap__given(g->node, "axes"),
                                         neap_attribute_bool("second", second)};
    return neap__derive(g, &neap__op_tensordot_gradient, inputs, 3, attributes, 2);
}

static void tensordot_gradient(neap__grad *g)
{
    if (neap__wants(g, 0))
        g->dx[0] = factor(g, g->dy, g->x[1], g->x[0], false);
    if (neap__wants(g, 1))
        g->dx[1] = factor(g, g->dy, g->x[0], g->x[1], true);
}

/* With u for this gradient's own: <u, da(dy, b)> = <dy, u b>, so that dy has u b and b has
 * db(dy, u); likewise for db. */
static void tensordot_gradient_gradient(neap__grad *g)
{
    const bool second = of_second(g->node);
    if (neap__wants(g, 0))
        g->dx[0] = second ? product(g, g->x[1], g->dy) : product(g, g->dy, g->x[1]);
    if (neap__wants(g, 1))
        g->dx[1] = factor(g, g->x[0], g->dy, g->x[1], !second);
}

#define AXES                                                                             \
    {                                                                                    \
        .name = "axes", .kind = NEAP_KIND_INT, .also = NEAP_KIND_BIT(NEAP_KIND_PAIRS),   \
        .flags = NEAP_ATTRIBUTE_REQUIRED | NEAP_ATTRIBUTE_TWO_LISTS                      \
    }

NEAP_OP(tensordot) = {
    NEAP__NAMED("tensordot"),
    .info.doc =
        "The sum of the products of a and b over some axes of both. `axes` is a number "
        "n, "
        "for the last n axes of a and the first n of b, or two sequences: axes of a, and "
        "those of b that each goes with. The axes of a that are left come first, then "
        "those of b.",
    .info.inputs = "a b",
    NEAP__ROWS(AXES),
    .dtypes = NEAP__NUMERIC,
    .infer = infer_tensordot,
    NEAP__BOUND(bind_tensordot),
    NEAP__GRADIENT(tensordot_gradient, 0),
};

NEAP_OP(tensordot_gradient) = {
    NEAP__NAMED("tensordot_gradient"),
    .info.doc =
        "The gradient of tensordot for its first input, or its second: dy is that "
        "of the result, `other` the other input, `like` has the shape of the one "
        "meant, its elements are not read.",
    .info.inputs = "dy other like",
    NEAP__ROWS(AXES, NEAP__FLAG("second", 0)),
    .dtypes = NEAP__NUMERIC,
    .shape_only = 4,
    .infer = infer_tensordot_gradient,
    NEAP__BOUND(bind_tensordot_gradient),
    NEAP__GRADIENT(tensordot_gradient_gradient, NEAP_OP_INTERNAL),
};
