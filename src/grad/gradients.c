/* gradients.c - reverse mode, as nodes: the gradient of a graph is more graph.
 *
 * The order of creation is a topological order, so one pass over the ancestors of the
 * ys, from the last to the first, meets each node after all of its uses. No recursion,
 * no search.
 *
 * Invariants
 *   1. Only nodes that lie on a way from an x to a y get a gradient: `reached` holds
 *      the ancestors which an x reaches through floating values and operations that
 *      have a gradient. Elements that are not read (shape_only) are no way.
 *   2. When the pass comes to a node, `sum[its index]` is the whole sum over its uses;
 *      contributions are added in the order in which the pass meets them, which sizes
 *      and graph alone decide.
 *   3. A gradient has the dtype of its value and a shape that it may have; what an
 *      operation answers is checked before it is used, for a host's operation may
 *      answer anything; and by the run, where the graph does not know the shapes: a
 *      weight or an answer of another shape would broadcast into the sums. */
#include "grad/grad.h"

#include <string.h>

typedef struct reverse {
    neap_graph *graph;
    neap_node **order; /* the ancestors of the ys, in order of creation */
    size_t count, capacity;
    neap__set reached;
    neap_node **sum; /* by index: the gradient so far */
    size_t indices;  /* of `sum`: those of the ancestors and one more */
    neap_node **dx;  /* one operation's, as many as the most inputs */
    size_t most;
    neap_error *err;
} reverse;

/* ---- What is asked, checked ------------------------------------------------------ */

static int check_node(const reverse *r, const neap_node *n, const char *list, size_t i)
{
    char text[NEAP__NODE_SIZE];
    if (!n)
        return neap__fail(r->err, NEAP_EARG, "gradients: %s[%zu] is NULL", list, i);
    if (n->graph != r->graph)
        return neap__fail(r->err, NEAP_ESTATE,
                          "gradients: %s[%zu] is %s, a node of another graph", list, i,
                          neap__node_text(text, n));
    return NEAP_OK;
}

/* Whether `dy` may be the gradient of `y`. */
static int check_fit(neap_error *err, const neap_node *y, const neap_node *dy,
                     const char *what, const char *whose)
{
    char a[NEAP__SHAPE_SIZE], b[NEAP__SHAPE_SIZE];
    if (dy->fact.dtype != y->fact.dtype)
        return neap__fail(err, NEAP_EDTYPE, "%s is %s, its gradient %s%s", what,
                          neap_dtype_name(y->fact.dtype), neap_dtype_name(dy->fact.dtype),
                          whose);
    if (!neap__shape_compatible(&dy->fact.shape, &y->fact.shape))
        return neap__fail(err, NEAP_ESHAPE, "%s has shape %s, its gradient %s%s", what,
                          neap__shape_text(a, &y->fact.shape),
                          neap__shape_text(b, &dy->fact.shape), whose);
    return NEAP_OK;
}

static int check_ys(const reverse *r, neap_node *const *ys, size_t count,
                    neap_node *const *grad_ys)
{
    char text[NEAP__NODE_SIZE];
    for (size_t i = 0; i < count; i++) {
        int code = check_node(r, ys[i], "ys", i);
        if (code)
            return code;
        neap__node_text(text, ys[i]);
        if (ys[i]->fact.dtype == NEAP_DTYPE_NONE)
            return neap__fail(r->err, NEAP_EDTYPE, "gradients: %s has no value", text);
        if (!grad_ys || !grad_ys[i])
            continue;
        code = check_node(r, grad_ys[i], "grad_ys", i);
        if (!code)
            code = check_fit(r->err, ys[i], grad_ys[i], text, " (grad_ys)");
        if (code)
            return code;
    }
    return NEAP_OK;
}

/* ---- The ways from xs to ys ------------------------------------------------------ */

static bool is_reached(const reverse *r, const neap_node *n)
{
    return neap__set_has(&r->reached, n->index);
}

/* Whether a gradient may go from n to its input i. */
static bool is_way(const reverse *r, const neap_node *n, uint32_t i)
{
    return is_reached(r, n->inputs[i]) && !neap__shape_only(n, i);
}

/* A value that may have a gradient; a node of several results stands for them. */
static bool may_carry(const neap_node *n)
{
    return neap__is_floating(n->fact.dtype) || n->results;
}

static int reach(reverse *r, neap_node *const *ys, size_t y_count, neap_node *const *xs,
                 size_t x_count)
{
    neap__account *account = r->graph->account;
    int code = neap__ancestors(account, ys, y_count, false, NULL, &r->order, &r->count,
                               &r->capacity, r->err);
    if (code)
        return code;
    r->indices = r->count ? (size_t)r->order[r->count - 1]->index + 1 : 0;
    if (!neap__set_init(&r->reached, account, r->indices, r->err))
        return NEAP_ENOMEM;
    for (size_t i = 0; i < x_count; i++)
        if (xs[i]->index < r->indices && neap__is_floating(xs[i]->fact.dtype))
            neap__set_add(&r->reached, xs[i]->index);
    for (size_t k = 0; k < r->count; k++) {
        const neap_node *n = r->order[k];
        r->most = n->input_count > r->most ? n->input_count : r->most;
        if (n->op->differentiable == NEAP__GRADIENT_ZERO || !may_carry(n))
            continue;
        for (uint32_t i = 0; i < n->input_count; i++)
            if (is_way(r, n, i)) {
                neap__set_add(&r->reached, n->index);
                break;
            }
    }
    size_t bytes;
    if (!neap__mul_size(r->indices, sizeof *r->sum, &bytes))
        return neap__fail(r->err, NEAP_ELIMIT, "gradients: too many nodes");
    r->sum = neap__alloc_zero(account, bytes, NEAP_MEMORY_SMALL, r->err);
    if (r->sum)
        r->dx = neap__alloc(account, r->most * sizeof *r->dx, NEAP_MEMORY_SMALL, r->err);
    return r->dx ? NEAP_OK : NEAP_ENOMEM;
}

/* ---- The pass -------------------------------------------------------------------- */

/* NULL where a sum could not be made. */
static neap_node *add(reverse *r, neap_node *a, neap_node *b)
{
    neap_node *inputs[] = {a, b};
    return a ? neap__build(r->graph, &neap__op_add, inputs, 2, NULL, 0, NULL, r->err) : b;
}

static bool contribute(reverse *r, const neap_node *n, neap_node *dy)
{
    neap_node *sum = add(r, r->sum[n->index], dy);
    if (sum)
        r->sum[n->index] = sum;
    return sum != NULL;
}

/* `dy`, which comes from outside, as the gradient of `y`. */
static neap_node *fitted(reverse *r, neap_node *y, neap_node *dy)
{
    neap_node *inputs[] = {dy, y};
    if (neap__shape_known(&y->fact.shape) &&
        neap__shape_equal(&dy->fact.shape, &y->fact.shape))
        return dy;
    return neap__build(r->graph, &neap__op_ensure_shape_like, inputs, 2, NULL, 0, NULL,
                       r->err);
}

static int seed(reverse *r, neap_node *const *ys, size_t count, neap_node *const *grad_ys)
{
    for (size_t i = 0; i < count; i++) {
        neap_node *y = ys[i], *dy = grad_ys ? grad_ys[i] : NULL;
        if (!is_reached(r, y) || !neap__is_floating(y->fact.dtype))
            continue; /* integers and booleans carry none */
        if (dy)
            dy = fitted(r, y, dy);
        else
            dy = neap__build(r->graph, &neap__op_ones_like, &y, 1, NULL, 0, NULL, r->err);
        if (!dy || !contribute(r, y, dy))
            return r->err->code;
    }
    return NEAP_OK;
}

/* The gradients of several results: of their `result` nodes, summed where one has more
 * than one; zeros for those that no y needs. `any`: whether some y needs one. */
static int collect(reverse *r, neap_node *n, neap_node **ys, neap_node **dys, bool *any)
{
    *any = false;
    for (uint32_t k = 0; k < n->consumer_count; k++) {
        neap_node *result = n->consumers[k];
        if (result->op != &neap__op_result)
            continue;
        size_t index = (size_t)neap__attribute(result, "index")->integer;
        neap_node *dy = result->index < r->indices ? r->sum[result->index] : NULL;
        if (!ys[index])
            ys[index] = result;
        if (!dy)
            continue;
        *any = true;
        dys[index] = add(r, dys[index], dy);
        if (!dys[index])
            return r->err->code;
    }
    for (size_t i = 0; i < n->result_count && *any; i++) {
        if (dys[i] || !ys[i] || !neap__is_floating(ys[i]->fact.dtype))
            continue;
        dys[i] =
            neap__build(r->graph, &neap__op_zeros_like, &ys[i], 1, NULL, 0, NULL, r->err);
        if (!dys[i])
            return r->err->code;
    }
    return NEAP_OK;
}

/* Asks the operation, checks what it answers, and adds that to its inputs' sums. */
static int ask(reverse *r, neap_node *n, neap__grad *g)
{
    char text[NEAP__NODE_SIZE];
    memset(r->dx, 0, n->input_count * sizeof *r->dx);
    n->op->gradient(g);
    if (neap__failed(r->err)) {
        neap__error_prefix(r->err, "gradient of %s: ", neap__node_text(text, n));
        return r->err->code;
    }
    for (uint32_t i = 0; i < n->input_count; i++) {
        char input[80], whose[NEAP__NODE_SIZE + 24];
        neap_node *dx = r->dx[i];
        if (!dx || !is_way(r, n, i))
            continue;
        int code = check_node(r, dx, "dx", i);
        bool fits = !code && dx->fact.dtype == n->inputs[i]->fact.dtype &&
                    neap__shape_compatible(&dx->fact.shape, &n->inputs[i]->fact.shape);
        if (!code && !fits) {
            neap__text in = neap__text_over(input, sizeof input);
            neap__text by = neap__text_over(whose, sizeof whose);
            neap__text_input(&in, n->op, neap__place_of(n, i));
            neap__text_add(&by, " by the gradient of ");
            neap__text_node(&by, n);
            code = check_fit(r->err, n->inputs[i], dx, input, whose);
        }
        if (!code && n->op->host)
            dx = fitted(r, n->inputs[i], dx);
        if (code || !dx || !contribute(r, n->inputs[i], dx))
            return r->err->code;
    }
    return NEAP_OK;
}

static int differentiate(reverse *r, neap_node *n)
{
    char text[NEAP__NODE_SIZE];
    neap__grad g = {.graph = r->graph,
                    .node = n,
                    .x = n->inputs,
                    .y = n,
                    .dy = r->sum[n->index],
                    .dx = r->dx,
                    .caller = r->graph->caller,
                    .err = r->err};
    bool wanted = false;
    for (uint32_t i = 0; i < n->input_count; i++)
        if (is_way(r, n, i)) {
            wanted = true;
            if (i < 32)
                g.needed |= 1u << i;
        }
    if (!wanted || n->op->differentiable == NEAP__GRADIENT_ZERO)
        return NEAP_OK; /* an x itself */

    size_t bytes = 2 * (size_t)n->result_count * sizeof(neap_node *);
    neap_node **several = NULL;
    int code = NEAP_OK;
    bool any = g.dy != NULL;
    g.ys = &g.y;
    g.dys = &g.dy;
    g.y_count = 1;
    if (n->results) {
        several = neap__alloc_zero(r->graph->account, bytes, NEAP_MEMORY_SMALL, r->err);
        if (!several)
            return NEAP_ENOMEM;
        g.ys = several;
        g.dys = several + n->result_count;
        g.y_count = n->result_count;
        code = collect(r, n, g.ys, g.dys, &any);
    }
    if (!code && any) {
        if (n->op->differentiable == NEAP__GRADIENT_SOME)
            code = ask(r, n, &g);
        else
            code = neap__fail(r->err, NEAP_EUNSUP, "%s: this operation has no gradient",
                              neap__node_text(text, n));
    }
    neap__free(r->graph->account, several, bytes, NEAP_MEMORY_SMALL);
    return code;
}

/* ---- The whole ------------------------------------------------------------------- */

static int run(reverse *r, neap_node *const *ys, size_t y_count, neap_node *const *xs,
               size_t x_count, neap_node *const *grad_ys)
{
    int code = check_ys(r, ys, y_count, grad_ys);
    for (size_t i = 0; i < x_count && !code; i++)
        code = check_node(r, xs[i], "xs", i);
    if (!code)
        code = reach(r, ys, y_count, xs, x_count);
    if (code)
        return code;
    code = neap_graph_push_scope(r->graph, "gradients", r->err);
    if (code)
        return code;
    code = seed(r, ys, y_count, grad_ys);
    for (size_t k = r->count; k-- > 0 && !code;)
        if (is_reached(r, r->order[k]))
            code = differentiate(r, r->order[k]);
    neap_graph_pop_scope(r->graph);
    return code;
}

int neap_gradients(neap_graph *g, neap_node *const *ys, size_t y_count,
                   neap_node *const *xs, size_t x_count, neap_node *const *grad_ys,
                   neap_node **out, neap_error *err)
{
    const char *missing = !g                ? "g"
                          : !ys             ? "ys"
                          : !xs && x_count  ? "xs"
                          : !out && x_count ? "out"
                                            : NULL;
    if (missing)
        return neap__null(err, "neap_gradients", missing);
    neap_error own;
    reverse r = {.graph = g, .err = err ? err : &own};
    neap__clear(r.err);
    if (!neap__graph_ready(g, "neap_gradients", r.err))
        return NEAP_ESTATE;
    for (size_t i = 0; i < x_count; i++)
        out[i] = NULL;
    if (!y_count)
        return neap__fail(r.err, NEAP_EARG, "gradients: ys is empty");
    int code = run(&r, ys, y_count, xs, x_count, grad_ys);
    for (size_t i = 0; i < x_count && !code; i++)
        if (xs[i]->index < r.indices)
            out[i] = r.sum[xs[i]->index];
    neap__free(g->account, r.dx, r.most * sizeof *r.dx, NEAP_MEMORY_SMALL);
    neap__free(g->account, r.sum, r.indices * sizeof *r.sum, NEAP_MEMORY_SMALL);
    neap__set_free(&r.reached);
    neap__free(g->account, r.order, r.capacity * sizeof *r.order, NEAP_MEMORY_SMALL);
    return code;
}
