/* control.c - branches and loops: operations whose work is done by bodies. The plan runs
 * them (plan/control.c); here they are built, and what is known of their values is told. */
#include "graph/body.h"
#include "ops/family.h"

#include <string.h>

/* ---- Parameters ------------------------------------------------------------------ */

static int infer_parameter(neap__inference *i)
{
    const neap_node *of = i->node->initial;
    const neap__value *shape = neap__attribute(i->node, "shape");
    if (of) {
        *i->out = of->fact;
        return NEAP_OK;
    }
    int status = neap__dtype_of(i, "dtype", NEAP__ANY, &i->out->dtype);
    if (status)
        return status;
    const int rank = shape->kind == NEAP_KIND_NONE ? -1 : (int)shape->count;
    return neap__shape_make(&i->out->shape, rank, shape->integers, true, "shape", i->err)
               ? NEAP_OK
               : neap__told(i->err);
}

NEAP_OP(parameter) = {
    NEAP__NAMED("parameter"),
    .info.doc = "What a body of a branch or loop is given: an argument, or a value from "
                "outside.",
    .info.inputs = "",
    NEAP__ROWS(NEAP__ROW("dtype", DTYPE, NEAP_ATTRIBUTE_REQUIRED),
               NEAP__ROW("shape", INTS, NEAP_ATTRIBUTE_SHAPE), NEAP__ROW("of", NODE, 0)),
    .lowering = NEAP__LOWER_SOURCE,
    .infer = infer_parameter,
    NEAP__ZERO_GRADIENT(NEAP_OP_INTERNAL | NEAP_OP_SOURCE),
};

neap_body *neap_body_begin(neap_graph *g, const neap_op_shape *arguments, size_t count,
                           neap_error *err)
{
    if (!neap__graph_ready(g, "neap_body_begin", err))
        return NULL;
    if (!arguments && count) {
        neap__null(err, "neap_body_begin", "arguments");
        return NULL;
    }
    return neap__body_new(g, &neap__op_parameter, arguments, count, err);
}

/* ---- What is known --------------------------------------------------------------- */

/* What two shapes have in common. */
static neap__shape common(const neap__shape *a, const neap__shape *b)
{
    neap__shape c = neap__unknown_shape();
    if (a->rank < 0 || a->rank != b->rank)
        return c;
    c = *a;
    for (int d = 0; d < c.rank; d++)
        c.dims[d] = a->dims[d] == b->dims[d] ? a->dims[d] : -1;
    return c;
}

neap__fact neap__common_fact(const neap__fact *a, const neap__fact *b)
{
    return (neap__fact){a->dtype, common(&a->shape, &b->shape), NULL};
}

static int64_t count_branch(const neap_node *n, neap_error *err)
{
    (void)err;
    return (int64_t)neap__attribute(n, "then_fn")->body->result_count;
}

static int infer_branch(neap__inference *i)
{
    const neap_body *a = neap__attribute(i->node, "then_fn")->body,
                    *b = neap__attribute(i->node, "else_fn")->body;
    for (size_t k = 0; k < i->node->result_count; k++) {
        const neap__fact *x = &a->results[k]->fact, *y = &b->results[k]->fact;
        if (x->dtype != y->dtype)
            return neap__fail(i->err, NEAP_EDTYPE,
                              "result %zu is %s where the condition holds, else %s", k,
                              neap_dtype_name(x->dtype), neap_dtype_name(y->dtype));
        i->out[k] = neap__common_fact(x, y);
    }
    return NEAP_OK;
}

NEAP_OP(cond) = {
    NEAP__NAMED("cond"),
    .info.doc =
        "The values of one of two functions: of then_fn where pred (bool, rank 0) "
        "is true, else of else_fn. Only the one that is taken runs.",
    .info.inputs = "pred [captures...]",
    NEAP__ROWS(NEAP__ROW("then_fn", BODY, NEAP_ATTRIBUTE_REQUIRED),
               NEAP__ROW("else_fn", BODY, NEAP_ATTRIBUTE_REQUIRED)),
    .lowering = NEAP__LOWER_BRANCH,
    .count_results = count_branch,
    .infer = infer_branch,
    .hands_over = true,
    NEAP__NO_GRADIENT(NEAP_OP_INTERNAL),
};

static int64_t count_loop(const neap_node *n, neap_error *err)
{
    (void)err;
    return (int64_t)neap__attribute(n, "body_fn")->body->result_count;
}

static int infer_loop(neap__inference *i)
{
    const neap_body *b = neap__attribute(i->node, "body_fn")->body;
    for (size_t k = 0; k < i->node->result_count; k++)
        i->out[k] = (neap__fact){b->parameters[k]->fact.dtype,
                                 b->parameters[k]->fact.shape, NULL};
    return NEAP_OK;
}

NEAP_OP(while_loop) = {
    NEAP__NAMED("while_loop"),
    .info.doc = "Applies body_fn to the loop variables as long as cond_fn of them gives "
                "true (bool, rank 0), and at most maximum_iterations times; gives the "
                "variables at the end. Their shapes may change where they are open.",
    .info.inputs = "[captures...]",
    NEAP__ROWS(NEAP__ROW("cond_fn", BODY, NEAP_ATTRIBUTE_REQUIRED),
               NEAP__ROW("body_fn", BODY, NEAP_ATTRIBUTE_REQUIRED),
               NEAP__INT("maximum_iterations", -1)),
    .lowering = NEAP__LOWER_LOOP,
    .count_results = count_loop,
    .infer = infer_loop,
    .hands_over = true,
    NEAP__NO_GRADIENT(NEAP_OP_INTERNAL),
};

/* ---- Building -------------------------------------------------------------------- */

typedef struct builder {
    neap_graph *g;
    const char *function;
    neap_body *body[2];
    neap_node **inputs;
    size_t input_count, input_capacity;
    size_t first_argument, argument_end; /* of a loop: inputs that stand for arguments */
    neap_error *err;
} builder;

static bool add_input(builder *b, neap_node *n)
{
    if (!neap__grow(b->g->account, (void **)&b->inputs, &b->input_capacity,
                    b->input_count + 1, sizeof *b->inputs, NEAP_MEMORY_SMALL, b->err))
        return false;
    b->inputs[b->input_count++] = n;
    return true;
}

/* A body that is ended, not in use, and was begun where the operation is built. */
static int take_body(builder *b, int which, neap_body *body, neap_node *const *results,
                     size_t count)
{
    if (body->graph != b->g || body->open || body->used || body->outer != b->g->body)
        return neap__fail(b->err, NEAP_ESTATE,
                          "%s: a body must be of this graph, ended, begun where the "
                          "operation is built, and serves once",
                          b->function);
    for (size_t i = 0; i < count; i++) {
        if (!results[i] || results[i]->fact.dtype == NEAP_DTYPE_NONE)
            return neap__fail(b->err, NEAP_ETYPE, "%s: result %zu of a body has no value",
                              b->function, i);
        neap_node *own = results[i];
        if (own->body != body) { /* a value from outside, given as it is */
            own = neap__capture(b->g, own, b->err);
            own = own ? neap__capture_in(body, own, b->err) : NULL;
        }
        if (!own || neap__body_result(body, own, b->err) < 0)
            return b->err->code;
    }
    b->body[which] = body;
    return neap__body_settle(body, b->err);
}

/* Whether a capture may be input `at`: what a loop's variable begins as is not what it is
 * later. */
static bool is_capture(const builder *b, size_t at, const neap_node *captured)
{
    return b->inputs[at] == captured && (at < b->first_argument || at >= b->argument_end);
}

/* Each capture of a body becomes an input, but those which are inputs already. */
static const uint32_t *map_parameters(builder *b, int which)
{
    neap_body *body = b->body[which];
    uint32_t *from =
        neap__arena_array(&b->g->arena, body->parameter_count + 1, sizeof *from, b->err);
    for (size_t i = 0; i < body->parameter_count && from; i++) {
        size_t at = b->first_argument + i;
        if (i >= body->argument_count) {
            neap_node *captured = body->captured[i - body->argument_count];
            for (at = 0; at < b->input_count && !is_capture(b, at, captured); at++)
                ;
            if (at == b->input_count && !add_input(b, captured))
                return NULL;
        }
        from[i] = (uint32_t)at;
    }
    return from;
}

/* The node and its `result` nodes; `control` and `written` are set by then. */
static neap_node *finish(builder *b, const neap__op *op, neap_attribute *attributes,
                         size_t attribute_count, neap__control *control,
                         neap_node **outputs)
{
    neap_graph *g = b->g;
    size_t waits = b->body[0]->control_count + b->body[1]->control_count;
    neap_node **controls = neap__arena_array(&g->arena, waits, sizeof *controls, b->err);
    if (!controls)
        return NULL;
    for (int k = 0, at = 0; k < 2; k++) {
        for (size_t i = 0; i < b->body[k]->control_count; i++)
            controls[at++] = b->body[k]->controls[i];
    }
    if (waits && neap_graph_push_controls(g, controls, waits, b->err))
        return NULL;
    neap_node *n = neap__build(g, op, b->inputs, b->input_count, attributes,
                               attribute_count, NULL, b->err);
    if (waits)
        neap_graph_pop_controls(g);
    if (!n)
        return NULL;
    size_t writes = b->body[1]->write_count;
    uint32_t *written = neap__arena_array(&g->arena, writes, sizeof *written, b->err);
    if (!written)
        return NULL;
    for (size_t w = 0; w < writes; w++) {
        uint32_t at = 0;
        while (b->inputs[at] != b->body[1]->writes[w].variable)
            at++;
        written[w] = at;
    }
    n->written = written;
    n->written_count = (uint32_t)writes;
    n->control = control;
    n->effects |=
        b->body[0]->effects | b->body[1]->effects | (writes ? (unsigned)NEAP__WRITES : 0);
    b->body[0]->used = b->body[1]->used = true;
    return neap__build_results(g, n, outputs, b->err) ? n : NULL;
}

static neap__control *new_control(builder *b, uint32_t carried, int64_t limit)
{
    neap__control *c = neap__arena_alloc(&b->g->arena, sizeof *c, b->err);
    if (!c)
        return NULL;
    *c = (neap__control){.carried = carried, .limit = limit};
    for (int k = 0; k < 2; k++) {
        c->body[k] = b->body[k];
        c->from[k] = map_parameters(b, k);
        c->from_count[k] = (uint32_t)b->body[k]->parameter_count;
        if (!c->from[k])
            return NULL;
    }
    return c;
}

static int check_flag(const neap_node *n, const char *function, const char *what,
                      neap_error *err)
{
    char text[NEAP__NODE_SIZE], shape[NEAP__SHAPE_SIZE];
    if (n->fact.dtype == NEAP_BOOL && n->fact.shape.rank <= 0)
        return NEAP_OK;
    return neap__fail(err, n->fact.dtype == NEAP_BOOL ? NEAP_ESHAPE : NEAP_EDTYPE,
                      "%s: %s, %s, must be bool of rank 0; it is %s of shape %s",
                      function, what, neap__node_text(text, n),
                      neap_dtype_name(n->fact.dtype),
                      neap__shape_text(shape, &n->fact.shape));
}

/* ---- cond ------------------------------------------------------------------------ */

/* What either body assigns both give: the one that does not, as it was. */
static int join_writes(builder *b)
{
    for (int k = 0; k < 2; k++) {
        neap_body *from = b->body[k], *to = b->body[!k];
        for (size_t i = 0; i < from->write_count; i++) {
            if (!neap__body_write_of(to, from->writes[i].variable, b->err))
                return b->err->code;
        }
    }
    /* In one order. */
    neap_body *first = b->body[0], *second = b->body[1];
    for (size_t i = 0; i < first->write_count; i++) {
        size_t at = i;
        while (second->writes[at].variable != first->writes[i].variable)
            at++;
        neap__body_write other = second->writes[i];
        second->writes[i] = second->writes[at];
        second->writes[at] = other;
    }
    return NEAP_OK;
}

static int build_cond(builder *b, neap_node *pred, neap_node **outputs)
{
    pred = neap__capture(b->g, pred, b->err);
    int code =
        pred ? check_flag(pred, b->function, "the condition", b->err) : NEAP_ESTATE;
    code = code ? code : join_writes(b);
    if (code || !add_input(b, pred))
        return neap__told(b->err);
    neap__control *control = new_control(b, 0, 0);
    neap_attribute bodies[] = {neap_attribute_body("then_fn", b->body[0]),
                               neap_attribute_body("else_fn", b->body[1])};
    return control && finish(b, &neap__op_cond, bodies, 2, control, outputs)
               ? NEAP_OK
               : neap__told(b->err);
}

int neap_cond(neap_graph *g, neap_node *pred, neap_body *then_body,
              neap_node *const *then_results, neap_body *else_body,
              neap_node *const *else_results, size_t count, neap_node **outputs,
              neap_error *err)
{
    neap_error own = NEAP_ERROR_INIT;
    err = err ? err : &own;
    if (!neap__graph_ready(g, "neap_cond", err))
        return neap__told(err);
    const char *missing = !pred                    ? "pred"
                          : !then_body             ? "then_body"
                          : !else_body             ? "else_body"
                          : !then_results && count ? "then_results"
                          : !else_results && count ? "else_results"
                          : !outputs && count      ? "outputs"
                                                   : NULL;
    if (missing)
        return neap__null(err, "neap_cond", missing);
    builder b = {.g = g, .function = "cond", .err = err};
    int code = NEAP_OK;
    if (then_body->argument_count || else_body->argument_count || then_body == else_body)
        code = neap__fail(err, NEAP_EARG, "cond: two bodies without arguments expected");
    code = code ? code : take_body(&b, 0, then_body, then_results, count);
    code = code ? code : take_body(&b, 1, else_body, else_results, count);
    code = code ? code : build_cond(&b, pred, outputs);
    neap__free(g->account, b.inputs, b.input_capacity * sizeof *b.inputs,
               NEAP_MEMORY_SMALL);
    return code;
}

/* ---- while_loop ------------------------------------------------------------------ */

/* A loop variable may begin with what the arguments of both bodies take, and go on with
 * what the body gives. */
static int check_loop(const builder *b, neap_node *const *loop_vars, size_t count)
{
    const neap_body *condition = b->body[0], *body = b->body[1];
    char is[NEAP__SHAPE_SIZE], wanted[NEAP__SHAPE_SIZE];
    if (condition->write_count)
        return neap__fail(b->err, NEAP_EUNSUP,
                          "while_loop: the condition assigns a variable");
    for (size_t i = 0; i < count; i++) {
        const neap__fact *takes = &body->parameters[i]->fact;
        const neap__fact *given[] = {&loop_vars[i]->fact, &body->results[i]->fact,
                                     &condition->parameters[i]->fact};
        static const char *const what[] = {"begins as", "is made", "is asked about as"};
        for (int k = 0; k < 3; k++) {
            if (given[k]->dtype != takes->dtype)
                return neap__fail(b->err, NEAP_EDTYPE,
                                  "while_loop: loop variable %zu is %s and %s %s", i,
                                  neap_dtype_name(takes->dtype), what[k],
                                  neap_dtype_name(given[k]->dtype));
            if (!neap__shape_compatible(&given[k]->shape, &takes->shape))
                return neap__fail(b->err, NEAP_ESHAPE,
                                  "while_loop: loop variable %zu has shape %s and %s %s",
                                  i, neap__shape_text(wanted, &takes->shape), what[k],
                                  neap__shape_text(is, &given[k]->shape));
        }
    }
    return NEAP_OK;
}

static int build_loop(builder *b, neap_node *const *loop_vars, size_t count,
                      int64_t limit, neap_node **outputs)
{
    const neap_body *body = b->body[1];
    b->first_argument = body->write_count;
    b->argument_end = body->write_count + count;
    for (size_t w = 0; w < body->write_count; w++) {
        if (!add_input(b, body->writes[w].variable))
            return neap__told(b->err);
    }
    for (size_t i = 0; i < count; i++) {
        if (!add_input(b, loop_vars[i]))
            return neap__told(b->err);
    }
    neap__control *control = new_control(b, (uint32_t)b->input_count, limit);
    if (!control)
        return neap__told(b->err);
    neap_attribute attributes[] = {neap_attribute_body("cond_fn", b->body[0]),
                                   neap_attribute_body("body_fn", b->body[1]),
                                   neap_attribute_int("maximum_iterations", limit)};
    return finish(b, &neap__op_while_loop, attributes, 3, control, outputs)
               ? NEAP_OK
               : neap__told(b->err);
}

int neap_while_loop(neap_graph *g, neap_body *condition, neap_node *condition_result,
                    neap_body *body, neap_node *const *results,
                    neap_node *const *loop_vars, size_t count, int64_t maximum_iterations,
                    neap_node **outputs, neap_error *err)
{
    neap_error own = NEAP_ERROR_INIT;
    err = err ? err : &own;
    if (!neap__graph_ready(g, "neap_while_loop", err))
        return neap__told(err);
    const char *missing = !condition            ? "condition"
                          : !condition_result   ? "condition_result"
                          : !body               ? "body"
                          : !results && count   ? "results"
                          : !loop_vars && count ? "loop_vars"
                          : !outputs && count   ? "outputs"
                                                : NULL;
    if (missing)
        return neap__null(err, "neap_while_loop", missing);
    builder b = {.g = g, .function = "while_loop", .err = err};
    int code = NEAP_OK;
    if (condition->argument_count != count || body->argument_count != count || !count ||
        condition == body)
        code = neap__fail(err, NEAP_EARG,
                          "while_loop: two bodies with an argument for each of the loop "
                          "variables expected");
    size_t bytes = count * sizeof(neap_node *);
    neap_node **vars = neap__alloc(g->account, bytes, NEAP_MEMORY_SMALL, err);
    code = code ? code : vars ? NEAP_OK : err->code;
    for (size_t i = 0; i < count && !code; i++) {
        vars[i] = loop_vars[i] ? neap__capture(g, loop_vars[i], err) : NULL;
        if (!vars[i])
            code = loop_vars[i] ? neap__told(err)
                                : neap__null(err, "neap_while_loop", "a loop variable");
    }
    code = code ? code : take_body(&b, 0, condition, &condition_result, 1);
    code =
        code ? code : check_flag(condition->results[0], b.function, "the condition", err);
    code = code ? code : take_body(&b, 1, body, results, count);
    code = code ? code : check_loop(&b, vars, count);
    code = code ? code : build_loop(&b, vars, count, maximum_iterations, outputs);
    neap__free(g->account, vars, bytes, NEAP_MEMORY_SMALL);
    neap__free(g->account, b.inputs, b.input_capacity * sizeof *b.inputs,
               NEAP_MEMORY_SMALL);
    return code;
}
