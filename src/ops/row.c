/* row.c - softmax and the losses made of it. One axis is normalised; a tensor is seen
 * as (outer, count, inner) around it. In gradients s is softmax(logits), d the loss's
 * gradient along that axis, and g the gradient of a gradient. */
#include "ops/compose.h"
#include "ops/family.h"

/* ---- Along the axis ---------------------------------------------------------------- */

#define AXIS NEAP__INT("axis", -1)

/* The axis of a node; losses of sparse labels have no such attribute, and use the
 * last. A number alone is a row of one. */
static int row_axis(const neap_node *n, int rank, int *axis, neap_error *err)
{
    const neap__value *given = neap__attribute(n, "axis");
    const int64_t asked = given->kind == NEAP_KIND_NONE ? -1 : given->integer;
    return neap__axis(asked, rank ? rank : 1, axis, err) ? NEAP_OK : neap__told(err);
}

/* All inputs of one shape, which the result has, with an axis. */
static int infer_rows(neap__inference *i)
{
    int axis, status = neap__infer_merge(i);
    if (status || i->out->shape.rank < 0)
        return status;
    return row_axis(i->node, i->out->shape.rank, &axis, i->err);
}

/* A row's domain is input 0's shape, or that of the input after labels or a loss. */
static bool domain_rows(const neap_node *n, const neap__fact *in, const neap__fact *out,
                        neap__domain *domain)
{
    (void)in;
    return neap__domain_along(n, &out->shape, domain);
}

/* log(sum(exp(x - max))) along the axis. A row of -inf alone, or one that holds +inf or
 * NaN, gives NaN. */
static int log_total(neap__composer *c, int x, int max)
{
    return NEAP__DO(log, NEAP__REDUCE(sum, NEAP__DO2(exp_difference, x, max)));
}

static neap_attribute axis_attribute(const neap__grad *g)
{
    const neap__value *axis = neap__attribute(g->node, "axis");
    return neap_attribute_int("axis", axis->kind == NEAP_KIND_NONE ? -1 : axis->integer);
}

/* The sum along the axis, which is kept as 1 or goes. */
static neap_node *row_sum(neap__grad *g, neap_node *x, bool keepdims)
{
    const neap_attribute attributes[] = {axis_attribute(g),
                                         neap_attribute_bool("keepdims", keepdims)};
    if (x && x->fact.shape.rank == 0)
        return x;
    return neap__derive(g, &neap__op_reduce_sum, &x, 1, attributes, 2);
}

/* A value for each row, to be broadcast along it. */
static neap_node *along(neap__grad *g, neap_node *x)
{
    const neap_attribute axis = axis_attribute(g);
    return neap__derive(g, &neap__op_expand_dims, &x, 1, &axis, 1);
}

static neap_node *by_row(neap__grad *g, const neap__op *op, neap_node *x)
{
    const neap_attribute axis = axis_attribute(g);
    return neap__derive(g, op, &x, 1, &axis, 1);
}

static neap_node *by_row_pair(neap__grad *g, const neap__op *op, neap_node *x,
                              neap_node *y)
{
    const neap_attribute axis = axis_attribute(g);
    neap_node *inputs[] = {x, y};
    return neap__derive(g, op, inputs, 2, &axis, 1);
}

/* ---- softmax ----------------------------------------------------------------------- */

static void compose_softmax(neap__composer *c)
{
    const int x = neap__widened(c, c->x[0]);
    const int e = NEAP__DO2(exp_difference, x, NEAP__REDUCE(max, x));
    c->y[0] =
        neap__narrowed(c, NEAP__DO2(divide, e, NEAP__REDUCE(sum, e)), c->out->dtype);
}

static void softmax_gradient(neap__grad *g)
{
    g->dx[0] = by_row_pair(g, &neap__op_softmax_gradient, g->dy, g->y);
}

NEAP_OP(softmax) = {
    NEAP__NAMED("softmax"),
    .info.doc = "exp(x) / sum(exp(x)) along an axis, without overflow: rows of positive "
                "numbers whose sum is 1.",
    .info.inputs = "x",
    NEAP__ROWS(AXIS),
    .dtypes = NEAP__FLOATING,
    .infer = infer_rows,
    NEAP__COMPOSES(domain_rows, compose_softmax),
    NEAP__GRADIENT(softmax_gradient, 0),
};

static void compose_softmax_gradient(neap__composer *c)
{
    const int dy = neap__widened(c, c->x[0]), y = neap__widened(c, c->x[1]);
    const int mean = NEAP__REDUCE(sum, NEAP__DO2(multiply, dy, y));
    const int dx = NEAP__DO2(multiply, NEAP__DO2(subtract, dy, mean), y);
    c->y[0] = neap__narrowed(c, dx, c->out->dtype);
}

/* f = (dy - sum(dy y)) y: for dy the same map of g, for y g (dy - sum(dy y)) - dy
 * sum(g y). */
static void softmax_gradient_gradient(neap__grad *g)
{
    neap_node *dy = g->x[0], *y = g->x[1];
    if (neap__wants(g, 0))
        g->dx[0] = by_row_pair(g, &neap__op_softmax_gradient, g->dy, y);
    if (neap__wants(g, 1)) {
        neap_node *centred = neap__sub(g, dy, row_sum(g, neap__mul(g, dy, y), true));
        neap_node *through_sum =
            neap__mul(g, dy, row_sum(g, neap__mul(g, g->dy, y), true));
        g->dx[1] = neap__sub(g, neap__mul(g, g->dy, centred), through_sum);
    }
}

NEAP_OP(softmax_gradient) = {
    NEAP__NAMED("softmax_gradient"),
    .info.doc =
        "The gradient of softmax, from its result: (dy - sum(dy * y)) * y along an axis.",
    .info.inputs = "dy y",
    NEAP__ROWS(AXIS),
    .dtypes = NEAP__FLOATING,
    .infer = infer_rows,
    NEAP__COMPOSES(domain_rows, compose_softmax_gradient),
    NEAP__GRADIENT(softmax_gradient_gradient, NEAP_OP_INTERNAL),
};

static void compose_log_softmax(neap__composer *c)
{
    const int x = neap__widened(c, c->x[0]), max = NEAP__REDUCE(max, x);
    const int y = NEAP__DO2(subtract, NEAP__DO2(subtract, x, max), log_total(c, x, max));
    c->y[0] = neap__narrowed(c, y, c->out->dtype);
}

static void log_softmax_gradient(neap__grad *g)
{
    g->dx[0] = by_row_pair(g, &neap__op_log_softmax_gradient, g->dy, g->y);
}

NEAP_OP(log_softmax) = {
    NEAP__NAMED("log_softmax"),
    .info.doc =
        "The logarithm of softmax along an axis: x - log(sum(exp(x))), without overflow.",
    .info.inputs = "x",
    NEAP__ROWS(AXIS),
    .dtypes = NEAP__FLOATING,
    .infer = infer_rows,
    NEAP__COMPOSES(domain_rows, compose_log_softmax),
    NEAP__GRADIENT(log_softmax_gradient, 0),
};

static void compose_log_softmax_gradient(neap__composer *c)
{
    const int dy = neap__widened(c, c->x[0]);
    const int s = NEAP__DO(exp, neap__widened(c, c->x[1]));
    const int dx = NEAP__DO2(subtract, dy, NEAP__DO2(multiply, s, NEAP__REDUCE(sum, dy)));
    c->y[0] = neap__narrowed(c, dx, c->out->dtype);
}

/* f = dy - exp(y) sum(dy): for dy g - sum(g exp(y)), for y -g exp(y) sum(dy). */
static void log_softmax_gradient_gradient(neap__grad *g)
{
    neap_node *dy = g->x[0], *y = g->x[1];
    neap_node *weighted = neap__mul(g, g->dy, neap__unary(g, &neap__op_exp, y));
    if (neap__wants(g, 0))
        g->dx[0] = neap__sub(g, g->dy, row_sum(g, weighted, true));
    if (neap__wants(g, 1))
        g->dx[1] = neap__neg(g, neap__mul(g, weighted, row_sum(g, dy, true)));
}

NEAP_OP(log_softmax_gradient) = {
    NEAP__NAMED("log_softmax_gradient"),
    .info.doc = "The gradient of log_softmax, from its result: dy - exp(y) * sum(dy) "
                "along an axis.",
    .info.inputs = "dy y",
    NEAP__ROWS(AXIS),
    .dtypes = NEAP__FLOATING,
    .infer = infer_rows,
    NEAP__COMPOSES(domain_rows, compose_log_softmax_gradient),
    NEAP__GRADIENT(log_softmax_gradient_gradient, NEAP_OP_INTERNAL),
};

/* ---- Cross entropy ----------------------------------------------------------------- */

/* What labels and logits say together, and what is left of that without the axis. */
static int loss_shapes(neap__inference *i, const neap__shape *labels,
                       const neap__shape *logits, neap__shape *both, neap__shape *loss)
{
    int axis, status;
    *loss = neap__unknown_shape();
    if (!neap__shape_merge(labels, logits, both)) {
        char a[NEAP__SHAPE_SIZE], b[NEAP__SHAPE_SIZE];
        return neap__fail(i->err, NEAP_ESHAPE, "labels and logits differ: %s and %s",
                          neap__shape_text(a, labels), neap__shape_text(b, logits));
    }
    if (both->rank < 0)
        return NEAP_OK;
    if ((status = neap__axis_of(i->node, both->rank, &axis, i->err)))
        return status;
    *loss = neap__reduced(both, 1U << axis, false);
    return NEAP_OK;
}

static int infer_cross_entropy(neap__inference *i)
{
    neap__shape both;
    i->out->dtype = i->in[0].dtype;
    return loss_shapes(i, &i->in[0].shape, &i->in[1].shape, &both, &i->out->shape);
}

static bool domain_loss(const neap_node *n, const neap__fact *in, const neap__fact *out,
                        neap__domain *domain)
{
    (void)out;
    domain->out[0] = NEAP__OVER_GROUPS;
    return neap__domain_along(n, &in[1].shape, domain);
}

static void compose_cross_entropy(neap__composer *c)
{
    const int labels = neap__widened(c, c->x[0]), x = neap__widened(c, c->x[1]);
    const int max = NEAP__REDUCE(max, x), total = log_total(c, x, max);
    const int surprise = NEAP__DO2(subtract, total, NEAP__DO2(subtract, x, max));
    const int loss = NEAP__REDUCE(sum, NEAP__DO2(multiply, labels, surprise));
    c->y[0] = neap__narrowed(c, loss, c->out->dtype);
}

static void cross_entropy_gradient(neap__grad *g)
{
    neap_node *inputs[] = {g->dy, g->x[0], g->x[1]};
    const neap_attribute axis = axis_attribute(g);
    if (neap__wants(g, 0)) {
        neap_node *surprise = neap__neg(g, by_row(g, &neap__op_log_softmax, g->x[1]));
        g->dx[0] = neap__mul(g, surprise, along(g, g->dy));
    }
    if (neap__wants(g, 1))
        g->dx[1] = neap__derive(g, &neap__op_cross_entropy_gradient, inputs, 3, &axis, 1);
}

NEAP_OP(softmax_cross_entropy_with_logits) = {
    NEAP__NAMED("softmax_cross_entropy_with_logits"),
    .info.doc = "-sum(labels * log_softmax(logits)) along an axis, which goes: how badly "
                "each row of logits predicts the distribution of that row of labels, of "
                "the same shape.",
    .info.inputs = "labels logits",
    NEAP__ROWS(AXIS),
    .dtypes = NEAP__FLOATING,
    .infer = infer_cross_entropy,
    NEAP__COMPOSES(domain_loss, compose_cross_entropy),
    NEAP__GRADIENT(cross_entropy_gradient, 0),
};

static int infer_cross_entropy_gradient(neap__inference *i)
{
    neap__shape loss;
    i->out->dtype = i->in[0].dtype;
    int status = loss_shapes(i, &i->in[1].shape, &i->in[2].shape, &i->out->shape, &loss);
    if (!status && !neap__shape_compatible(&loss, &i->in[0].shape))
        status = neap__differ(i->err, "dloss does not fit logits", &i->in[0].shape,
                              &i->out->shape);
    return status;
}

static bool domain_loss_gradient(const neap_node *n, const neap__fact *in,
                                 const neap__fact *out, neap__domain *domain)
{
    (void)in;
    domain->in[0] = NEAP__OVER_GROUPS;
    return neap__domain_along(n, &out->shape, domain);
}

static void compose_cross_entropy_gradient(neap__composer *c)
{
    const int dloss = neap__widened(c, c->x[0]), labels = neap__widened(c, c->x[1]);
    const int x = neap__widened(c, c->x[2]);
    const int e = NEAP__DO2(exp_difference, x, NEAP__REDUCE(max, x));
    const int mass = NEAP__DO2(divide, NEAP__REDUCE(sum, labels), NEAP__REDUCE(sum, e));
    const int excess = NEAP__DO2(subtract, NEAP__DO2(multiply, e, mass), labels);
    c->y[0] = neap__narrowed(c, NEAP__DO2(multiply, excess, dloss), c->out->dtype);
}

/* f = (s sum(labels) - labels) d. For dloss, in which it is linear: sum(g f(1)). For
 * labels: d (sum(g s) - g). For logits: softmax's gradient of g d sum(labels). */
static void cross_entropy_gradient_gradient(neap__grad *g)
{
    neap_node *dloss = g->x[0], *labels = g->x[1], *logits = g->x[2];
    neap_node *s = by_row(g, &neap__op_softmax, logits), *d = along(g, dloss);
    const neap_attribute axis = axis_attribute(g);
    if (neap__wants(g, 0)) {
        neap_node *inputs[] = {neap__unary(g, &neap__op_ones_like, dloss), labels,
                               logits};
        neap_node *unit =
            neap__derive(g, &neap__op_cross_entropy_gradient, inputs, 3, &axis, 1);
        g->dx[0] = row_sum(g, neap__mul(g, g->dy, unit), false);
    }
    if (neap__wants(g, 1)) {
        neap_node *mean = row_sum(g, neap__mul(g, g->dy, s), true);
        g->dx[1] = neap__mul(g, d, neap__sub(g, mean, g->dy));
    }
    if (neap__wants(g, 2)) {
        neap_node *weight = neap__mul(g, d, row_sum(g, labels, true));
        g->dx[2] =
            by_row_pair(g, &neap__op_softmax_gradient, neap__mul(g, g->dy, weight), s);
    }
}

NEAP_OP(cross_entropy_gradient) = {
    NEAP__NAMED("cross_entropy_gradient"),
    .info.doc = "The gradient of softmax_cross_entropy_with_logits for its logits: "
                "(softmax(logits) * sum(labels) - labels) * dloss.",
    .info.inputs = "dloss labels logits",
    NEAP__ROWS(AXIS),
    .dtypes = NEAP__FLOATING,
    .infer = infer_cross_entropy_gradient,
    NEAP__COMPOSES(domain_loss_gradient, compose_cross_entropy_gradient),
    NEAP__GRADIENT(cross_entropy_gradient_gradient, NEAP_OP_INTERNAL),
};

/* ---- Cross entropy with one label a row -------------------------------------------- */

/* The labels' shape is that of the logits without the last dimension: what both say of
 * it. */
static int sparse_shape(neap__inference *i, const neap__shape *labels,
                        const neap__shape *logits, neap__shape *loss)
{
    neap__shape rows = *logits;
    rows.rank -= rows.rank > 0;
    if (logits->rank != 0 && neap__shape_merge(labels, &rows, loss))
        return NEAP_OK;
    char a[NEAP__SHAPE_SIZE], b[NEAP__SHAPE_SIZE];
    return neap__fail(i->err, NEAP_ESHAPE, "labels %s do not fit logits %s",
                      neap__shape_text(a, labels), neap__shape_text(b, logits));
}

static int infer_sparse(neap__inference *i)
{
    i->out->dtype = i->in[1].dtype;
    return sparse_shape(i, &i->in[0].shape, &i->in[1].shape, &i->out->shape);
}

static bool domain_sparse(const neap_node *n, const neap__fact *in, const neap__fact *out,
                          neap__domain *domain)
{
    (void)out;
    domain->in[0] = domain->out[0] = NEAP__OVER_GROUPS;
    return neap__domain_along(n, &in[1].shape, domain);
}

static void compose_sparse(neap__composer *c)
{
    const int label = c->x[0], x = neap__widened(c, c->x[1]);
    const int max = NEAP__REDUCE(max, x), total = log_total(c, x, max);
    neap__formula_check(c->formula, label, c->count, "labels", c->node);
    const int own = NEAP__DO2(subtract, neap__formula_pick(c->formula, x, label), max);
    c->y[0] = neap__narrowed(c, NEAP__DO2(subtract, total, own), c->out->dtype);
}

static void sparse_gradient(neap__grad *g)
{
    neap_node *inputs[] = {g->dy, g->x[0], g->x[1]};
    if (neap__wants(g, 1))
        g->dx[1] =
            neap__derive(g, &neap__op_sparse_cross_entropy_gradient, inputs, 3, NULL, 0);
}

NEAP_OP(sparse_softmax_cross_entropy_with_logits) = {
    NEAP__NAMED("sparse_softmax_cross_entropy_with_logits"),
    .info.doc =
        "-log_softmax(logits)[label] for each row (the last axis) of logits and its "
        "label, a class from 0. A label that is no class is an error of the run.",
    .info.inputs = "labels logits",
    .dtype_rule = NEAP__EACH,
    .dtypes = NEAP__FLOATING,
    .input_dtypes = {NEAP__INDEX},
    .effects = NEAP__FALLIBLE,
    .infer = infer_sparse,
    NEAP__COMPOSES(domain_sparse, compose_sparse),
    NEAP__GRADIENT(sparse_gradient, 0),
};

static int infer_sparse_gradient(neap__inference *i)
{
    neap__shape loss;
    i->out->dtype = i->in[2].dtype;
    i->out->shape = i->in[2].shape;
    int status = sparse_shape(i, &i->in[1].shape, &i->in[2].shape, &loss);
    if (!status && !neap__shape_compatible(&loss, &i->in[0].shape))
        status = neap__differ(i->err, "dloss does not fit logits", &i->in[0].shape,
                              &i->in[2].shape);
    return status;
}

static bool domain_sparse_gradient(const neap_node *n, const neap__fact *in,
                                   const neap__fact *out, neap__domain *domain)
{
    (void)in;
    domain->in[0] = domain->in[1] = NEAP__OVER_GROUPS;
    return neap__domain_along(n, &out->shape, domain);
}

/* softmax * dloss, but at the label (softmax - 1) * dloss. */
static void compose_sparse_gradient(neap__composer *c)
{
    const int dloss = neap__widened(c, c->x[0]), label = c->x[1];
    const int x = neap__widened(c, c->x[2]);
    const int e = NEAP__DO2(exp_difference, x, NEAP__REDUCE(max, x));
    const int sum = NEAP__REDUCE(sum, e), one = neap__compose_number(c, e, 1);
    neap__formula_check(c->formula, label, c->count, "labels", c->node);
    const int own = NEAP__DO2(divide, neap__formula_pick(c->formula, e, label), sum);
    const int excess = NEAP__DO2(multiply, NEAP__DO2(subtract, own, one), dloss);
    const int dx = NEAP__DO2(multiply, e, NEAP__DO2(divide, dloss, sum));
    c->y[0] = neap__narrowed(c, neap__formula_put(c->formula, dx, label, excess),
                             c->out->dtype);
}

/* As that of cross_entropy_gradient, with labels whose sum is 1. */
static void sparse_gradient_gradient(neap__grad *g)
{
    neap_node *dloss = g->x[0], *labels = g->x[1], *logits = g->x[2];
    if (neap__wants(g, 0)) {
        neap_node *inputs[] = {neap__unary(g, &neap__op_ones_like, dloss), labels,
                               logits};
        neap_node *unit =
            neap__derive(g, &neap__op_sparse_cross_entropy_gradient, inputs, 3, NULL, 0);
        g->dx[0] = row_sum(g, neap__mul(g, g->dy, unit), false);
    }
    if (neap__wants(g, 2)) {
        neap_node *weighted = neap__mul(g, g->dy, along(g, dloss));
        neap_node *s = by_row(g, &neap__op_softmax, logits);
        g->dx[2] = by_row_pair(g, &neap__op_softmax_gradient, weighted, s);
    }
}

NEAP_OP(sparse_cross_entropy_gradient) = {
    NEAP__NAMED("sparse_cross_entropy_gradient"),
    .info.doc = "The gradient of sparse_softmax_cross_entropy_with_logits: "
                "(softmax(logits) - one_hot(labels)) * dloss.",
    .info.inputs = "dloss labels logits",
    .dtype_rule = NEAP__EACH,
    .dtypes = NEAP__FLOATING,
    .input_dtypes = {0, NEAP__INDEX, 0},
    .effects = NEAP__FALLIBLE,
    .infer = infer_sparse_gradient,
    NEAP__COMPOSES(domain_sparse_gradient, compose_sparse_gradient),
    NEAP__GRADIENT(sparse_gradient_gradient, NEAP_OP_INTERNAL),
};
