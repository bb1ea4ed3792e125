/* host.c - operations of the host: registration, and the one descriptor that all of
 * them are copies of; and `result`, one of an operation's several results. */
#include "ops/ops.h"

#include <string.h>

/* ---- Callbacks ------------------------------------------------------------------- */

/* What a callback answered: NEAP_OK, or its error told. It comes from outside: the text
 * may lack its end, and a code that is no status would pass for one of the plan's own. */
static int answer(neap_error *err, int code, neap_error *own, const char *silent)
{
    if (!code && !own->code)
        return NEAP_OK;
    neap__error_end(own);
    code = own->code ? own->code : code;
    if (code < NEAP_EARG || code > NEAP_EBUSY)
        code = NEAP_EARG;
    return neap__fail(err, code, "%s", own->message[0] ? own->message : silent);
}

/* The same of a callback whose message nobody else puts the node before. */
static int answer_of(const neap_node *n, neap_error *err, int code, neap_error *own,
                     const char *silent)
{
    char name[NEAP__NODE_SIZE];
    code = answer(err, code, own, silent);
    if (code)
        neap__error_prefix(err, "%s: ", neap__node_text(name, n));
    return code;
}

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

/* The shapes of the inputs, in the places of the signature. */
static void told_inputs(const neap__inference *i, neap_op_shape *shapes, size_t count)
{
    const neap_node *n = i->node;
    for (size_t k = 0, input = 0; k < count; k++) {
        const bool absent = k < 32 && n->absent >> k & 1;
        shapes[k] = absent ? (neap_op_shape){.rank = -1} : told(&i->in[input++]);
    }
}

static int host_infer(neap__inference *i)
{
    const neap_op *host = i->node->op->host;
    size_t in_count = neap_node_input_count(i->node);
    if (!host)
        return neap__fail(i->err, NEAP_EUNSUP, "only a host registers its operations");
    if (!host->infer && !host->infer_node) {
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
    told_inputs(i, shapes, in_count);
    for (size_t k = 0; k < host->result_count; k++)
        out[k].rank = -1;
    int code = host->infer_node
                   ? host->infer_node(host->user, i->caller, i->node, shapes, in_count,
                                      out, host->result_count, &own)
                   : host->infer(host->user, i->caller, shapes, in_count, out,
                                 host->result_count, &own);
    code = answer(i->err, code, &own, "infer failed");
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

/* The inputs that are given, one after the other, in the places of the signature: in
 * `room` where one is absent. */
static void **placed(const neap_node *n, void *const *inputs, void **room)
{
    const size_t count = neap_node_input_count(n);
    if (!n->absent)
        return (void **)inputs;
    for (size_t k = 0, input = 0; k < count; k++)
        room[k] = k < 32 && n->absent >> k & 1 ? NULL : inputs[input++];
    return room;
}

/* in[i] is a neap_tensor, borrowed; out[0] is an array of neap_tensor pointers, NULL
 * on entry, one for each result. After a failure all of them are NULL again. */
static int host_kernel(const neap__call *call)
{
    const host_args *a = call->args;
    const neap_op *host = a->node->op->host;
    void *const *given = (void *const *)(const void *)call->in;
    neap_tensor **in = (neap_tensor **)placed(a->node, given, call->scratch);
    const size_t in_count = neap_node_input_count(a->node);
    neap_tensor **out = a->out_count ? call->out[0] : NULL;
    neap_error own = NEAP_ERROR_INIT;
    int code = host->compute_node
                   ? host->compute_node(host->user, call->caller, a->node, in, in_count,
                                        out, a->out_count, &own)
                   : host->compute(host->user, call->caller, in, in_count, out,
                                   a->out_count, &own);
    code = answer_of(a->node, call->err, code, &own, "compute failed");
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
    if (b->node->absent)
        b->scratch = neap_node_input_count(b->node) * sizeof(void *);
    b->allocates = true;
    return NEAP_OK;
}

/* ---- The gradient ---------------------------------------------------------------- */

static int ask_host(neap__grad *g, neap_node *const *x, neap_node **dx)
{
    const neap_op *host = g->node->op->host;
    const size_t count = neap_node_input_count(g->node);
    neap_error own = NEAP_ERROR_INIT;
    neap__visit visit = neap__visit_begin(g->graph);
    int code = host->gradient_node
                   ? host->gradient_node(host->user, g->caller, g->graph, g->node, x,
                                         count, g->ys, g->dys, g->y_count, dx, &own)
                   : host->gradient(host->user, g->caller, g->graph, x, count, g->ys,
                                    g->dys, g->y_count, dx, &own);
    neap__visit_end(g->graph, &visit);
    return answer_of(g->node, g->err, code, &own, "gradient failed");
}

static void host_gradient(neap__grad *g)
{
    const neap_node *n = g->node;
    const size_t count = neap_node_input_count(n),
                 bytes = 2 * count * sizeof(neap_node *);
    if (!n->absent) {
        ask_host(g, g->x, g->dx);
        return;
    }
    neap__account *account = g->graph->account;
    neap_node **room = neap__alloc_zero(account, bytes, NEAP_MEMORY_SMALL, g->err);
    if (!room)
        return;
    neap_node **dx = room + count;
    placed(n, (void *const *)g->x, (void **)room);
    if (!ask_host(g, room, dx))
        for (size_t k = 0, input = 0; k < count; k++)
            if (!(k < 32 && n->absent >> k & 1))
                g->dx[input++] = dx[k];
    neap__free(account, room, bytes, NEAP_MEMORY_SMALL);
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

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
#define LONGEST_NAME 64

/* The length of the name that a text begins with, 0 if it begins with none. */
static size_t name_length(const char *text)
{
    return strchr(LETTERS, text[0]) && text[0] ? strspn(text, LETTERS "0123456789") : 0;
}

static bool proper_name(const char *name)
{
    size_t length = name_length(name);
    return length && length <= LONGEST_NAME && !name[length];
}

/* Whether a name stands among those that the text before `end` holds. */
static bool stands_before(const char *text, const char *end, const char *name,
                          size_t length)
{
    while (text < end) {
        size_t other = name_length(text);
        if (other == length && !memcmp(text, name, length))
            return true;
        text += other ? other : 1;
    }
    return false;
}

/* What is wrong with the text of an operation's inputs, NULL if nothing is: names apart
 * by spaces, each once; those in brackets may be left out and come last; the very last
 * may be a sequence, `x...`. */
static const char *wrong_inputs(const char *inputs)
{
    bool optional = false, sequence = false;
    for (const char *s = inputs + strspn(inputs, " "); *s; s += strspn(s, " ")) {
        bool bracket = *s == '[';
        s += bracket;
        size_t length = name_length(s);
        if (!length || length > LONGEST_NAME)
            return "names of letters, digits and underscores expected, apart by spaces";
        if (stands_before(inputs, s, s, length))
            return "a name stands there twice";
        if (length == 4 && !memcmp(s, "name", 4))
            return "\"name\" is the argument for the node's name";
        if (sequence)
            return "an input follows the sequence";
        if (optional && !bracket)
            return "an input follows one that may be left out";
        s += length;
        optional = bracket;
        sequence = !strncmp(s, "...", 3);
        s += sequence ? 3 : 0;
        if (bracket && *s++ != ']')
            return "a bracket is not closed";
        if (*s && *s != ' ')
            return "names of letters, digits and underscores expected, apart by spaces";
    }
    return NULL;
}

/* As much of the caller's struct as it has; what was added later is NULL in one of
 * before. */
static int take_op(neap_op *op, const neap_op *given, neap_error *err)
{
    if (given->size < offsetof(neap_op, attributes) || given->size > sizeof *op)
        return neap__fail(err, NEAP_EARG, "neap_graph_register: op.size is %zu, not %zu",
                          given->size, sizeof *op);
    memcpy(op, given, given->size);
    const char *missing = !op->name                                ? "op.name"
                          : !op->inputs                            ? "op.inputs"
                          : !op->compute && !op->compute_node      ? "op.compute"
                          : !op->attributes && op->attribute_count ? "op.attributes"
                                                                   : NULL;
    return missing ? neap__null(err, "neap_graph_register", missing) : NEAP_OK;
}

int neap_graph_register(neap_graph *g, const neap_op *given, neap_error *err)
{
    if (!g || !given)
        return neap__null(err, "neap_graph_register", g ? "op" : "g");
    neap__clear(err);
    if (!neap__graph_ready(g, "neap_graph_register", err))
        return NEAP_ESTATE;
    char quoted[NEAP__QUOTED_SIZE];
    neap_op op = {0};
    int code = take_op(&op, given, err);
    if (code)
        return code;
    if (!proper_name(op.name))
        return neap__fail(err, NEAP_EARG,
                          "neap_graph_register: \"%s\" cannot be an operation's name",
                          neap__quoted(quoted, op.name));
    const char *wrong = wrong_inputs(op.inputs);
    if (wrong)
        return neap__fail(err, NEAP_EARG,
                          "neap_graph_register: operation \"%s\": inputs \"%s\": %s",
                          op.name, neap__quoted(quoted, op.inputs), wrong);
    if (neap__op_named(op.name) || neap__host_named(g, op.name))
        return neap__fail(err, NEAP_EARG, "operation \"%s\" exists already", op.name);
    if (!op.infer && !op.infer_node && op.result_count != 1)
        return neap__fail(err, NEAP_EARG,
                          "operation \"%s\": with %zu results, infer must be given",
                          op.name, op.result_count);
    return neap__host_add(g, &neap__op_host, &op, err);
}
