/* host.c - operations of the host: registration, and the one descriptor that all of
 * them are copies of; and `result`, one of an operation's several results. */
#include "ops/ops.h"

#include <string.h>

/* ---- Inference ------------------------------------------------------------------- */

static neap_op_shape told(const neap__fact *f)
{
    neap_op_shape s = {f->dtype, f->shape.rank, {0}};
    memcpy(s.dims, f->shape.dims, sizeof s.dims);
    return s;
}

/* What the host answered, checked as if it came from outside: it does. */
static int take(neap__fact *f, const neap_op_shape *s, size_t index, neap_error *err)
{
    if (!neap_dtype_size(s->dtype))
        return neap__fail(err, NEAP_EDTYPE, "infer gave result %zu no dtype", index);
    f->dtype = s->dtype;
    f->shape = neap__unknown_shape();
    if (s->rank == -1)
        return NEAP_OK;
    if (neap__shape_make(&f->shape, s->rank, s->dims, true, "infer", err))
        return NEAP_OK;
    return NEAP_ESHAPE;
}

static int host_infer(neap__inference *i)
{
    const neap_op *host = i->node->op->host;
    size_t in_count = i->node->input_count;
    if (!host)
        return neap__fail(i->err, NEAP_EUNSUP, "only a host registers its operations");
    if (!host->infer) {
        if (!in_count)
            return neap__fail(i->err, NEAP_EARG, "without inputs, infer must be given");
        return neap__infer_same(i);
    }
    neap_error own = NEAP_ERROR_INIT;
    neap_op_shape *shapes = neap__arena_array(i->arena, in_count + host->result_count + 1,
                                              sizeof *shapes, i->err);
    if (!shapes)
        return NEAP_ENOMEM;
    neap_op_shape *out = shapes + in_count;
    for (size_t k = 0; k < in_count; k++)
        shapes[k] = told(&i->in[k]);
    for (size_t k = 0; k < host->result_count; k++)
        out[k].rank = -1;
    int code = host->infer(host->user, i->caller, shapes, in_count, out,
                           host->result_count, &own);
    if (code || own.code)
        return neap__fail(i->err, own.code ? own.code : code, "%s",
                          own.message[0] ? own.message : "infer failed");
    for (size_t k = 0; k < host->result_count && !code; k++)
        code = take(&i->out[k], &out[k], k, i->err);
    return code;
}

/* ---- The kernel ------------------------------------------------------------------ */

typedef struct host_args {
    const neap_node *node;
    const neap__fact *out; /* as inferred, one for each result */
    size_t out_count;
} host_args;

static int check_result(const host_args *a, size_t index, const neap_tensor *t,
                        neap_error *err)
{
    const neap__fact *f = &a->out[index];
    char name[NEAP__NODE_SIZE], is[NEAP__SHAPE_SIZE], wanted[NEAP__SHAPE_SIZE];
    neap__node_text(name, a->node);
    if (!t)
        return neap__fail(err, NEAP_ETYPE, "%s: compute gave no result %zu", name, index);
    if (t->dtype != f->dtype)
        return neap__fail(err, NEAP_EDTYPE, "%s: result %zu is %s, inferred was %s", name,
                          index, neap_dtype_name(t->dtype), neap_dtype_name(f->dtype));
    if (!neap__shape_compatible(&t->shape, &f->shape))
        return neap__fail(
            err, NEAP_ESHAPE, "%s: result %zu has shape %s, inferred was %s", name, index,
            neap__shape_text(is, &t->shape), neap__shape_text(wanted, &f->shape));
    return NEAP_OK;
}

/* in[i] is a neap_tensor, borrowed; out[0] is an array of neap_tensor pointers, NULL
 * on entry, one for each result. After a failure all of them are NULL again. */
static int host_kernel(const neap__call *call)
{
    const host_args *a = call->args;
    const neap_op *host = a->node->op->host;
    neap_tensor *const *in = (neap_tensor *const *)(const void *)call->in;
    neap_tensor **out = a->out_count ? call->out[0] : NULL;
    char name[NEAP__NODE_SIZE];
    neap_error own = NEAP_ERROR_INIT;
    int code = host->compute(host->user, call->caller, in, a->node->input_count, out,
                             a->out_count, &own);
    if (code || own.code)
        code = neap__fail(call->err, own.code ? own.code : code, "%s: %s",
                          neap__node_text(name, a->node),
                          own.message[0] ? own.message : "compute failed");
    for (size_t i = 0; i < a->out_count && !code; i++)
        code = check_result(a, i, out[i], call->err);
    for (size_t i = 0; i < a->out_count && code; i++) {
        neap_tensor_release(out[i]);
        out[i] = NULL;
    }
    return code;
}

static int host_bind(neap__binding *b)
{
    host_args *a = neap__arena_alloc(b->arena, sizeof *a, b->err);
    if (!a)
        return NEAP_ENOMEM;
    a->node = b->node;
    a->out_count = b->node->op->host->result_count;
    a->out = b->out;
    b->kernel = host_kernel;
    b->args = a;
    b->allocates = true;
    return NEAP_OK;
}

/* ---- The gradient ---------------------------------------------------------------- */

static void host_gradient(neap__grad *g)
{
    const neap_op *host = g->node->op->host;
    neap_error own = NEAP_ERROR_INIT;
    char name[NEAP__NODE_SIZE];
    int code = host->gradient(host->user, g->caller, g->graph, g->x, g->node->input_count,
                              g->ys, g->dys, g->y_count, g->dx, &own);
    if (code || own.code)
        neap__fail(g->err, own.code ? own.code : code, "%s: %s",
                   neap__node_text(name, g->node),
                   own.message[0] ? own.message : "gradient failed");
}

/* What a host's code does is unknown: it is run as often as it was built, by the
 * calling thread. */
NEAP_OP(host) = {
    .info = {.name = "host",
             .version = 1,
             .doc = "An operation that the host registered.",
             .inputs = "[x...]",
             .flags = NEAP_OP_GRADIENT | NEAP_OP_INTERNAL},
    .effects = NEAP__FALLIBLE | NEAP__CALLER,
    .hands_over = true,
    .lowering = NEAP__LOWER_KERNEL,
    .infer = host_infer,
    .bind = host_bind,
    .differentiable = NEAP__GRADIENT_SOME,
    .gradient = host_gradient,
};

/* ---- result ---------------------------------------------------------------------- */

static int result_infer(neap__inference *i)
{
    const neap_node *x = i->node->inputs[0];
    int64_t index = neap__attribute(i->node, "index")->integer;
    if (index < 0 || index >= x->result_count)
        return neap__fail(i->err, NEAP_ERANGE, "index %lld, but \"%s\" has %u results",
                          (long long)index, x->op->info.name, x->result_count);
    *i->out = (i->results ? i->results : x->results)[index];
    return NEAP_OK;
}

/* The gradients of an operation's results meet at the operation, where the reverse
 * walk collects them: nothing to do here. */
static void result_gradient(neap__grad *g) { (void)g; }

/* The plan makes it a part of its input: no kernel. */
static const neap_attribute_info result_attributes[] = {
    {.name = "index", .kind = NEAP_KIND_INT, .flags = NEAP_ATTRIBUTE_REQUIRED},
};
NEAP_OP(result) = {
    .info = {.name = "result",
             .version = 1,
             .doc = "One of several results of an operation.",
             .inputs = "x",
             .attributes = result_attributes,
             .attribute_count = 1,
             .flags = NEAP_OP_GRADIENT | NEAP_OP_INTERNAL},
    .lowering = NEAP__LOWER_ALIAS,
    .infer = result_infer,
    .differentiable = NEAP__GRADIENT_SOME,
    .gradient = result_gradient,
};

/* ---- Registration ---------------------------------------------------------------- */

static bool proper_name(const char *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    size_t length = strlen(name);
    return length && length <= 64 && strchr(first, name[0]) &&
           strspn(name,
                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") ==
               length;
}

int neap_graph_register(neap_graph *g, const neap_op *op, neap_error *err)
{
    if (!g || !op)
        return neap__null(err, "neap_graph_register", g ? "op" : "g");
    neap__clear(err);
    if (!neap__graph_ready(g, "neap_graph_register", err))
        return NEAP_ESTATE;
    char quoted[NEAP__QUOTED_SIZE];
    if (op->size != sizeof *op)
        return neap__fail(err, NEAP_EARG, "neap_graph_register: op.size is %zu, not %zu",
                          op->size, sizeof *op);
    if (!op->name || !op->inputs || !op->compute)
        return neap__null(err, "neap_graph_register",
                          !op->name     ? "op.name"
                          : !op->inputs ? "op.inputs"
                                        : "op.compute");
    if (!proper_name(op->name))
        return neap__fail(err, NEAP_EARG,
                          "neap_graph_register: \"%s\" cannot be an operation's name",
                          neap__quoted(quoted, op->name));
    if (neap__op_named(op->name) || neap__host_named(g, op->name))
        return neap__fail(err, NEAP_EARG, "operation \"%s\" exists already", op->name);
    if (!op->infer && op->result_count != 1)
        return neap__fail(err, NEAP_EARG,
                          "operation \"%s\": with %zu results, infer must be given",
                          op->name, op->result_count);
    return neap__host_add(g, &neap__op_host, op, err);
}
