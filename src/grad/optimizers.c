/* optimizers.c - training as nodes. An optimizer named X is the operation apply_X: its
 * inputs are `variable`, slots, `gradient` and `learning_rate`, and its attributes are
 * the hyper-parameters. So a new optimizer is a new operation, and nothing here. */
#include "grad/grad.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "apply_"
#define PREFIX_LENGTH (sizeof PREFIX - 1)

typedef struct optimizer {
    neap_graph *graph;
    const char *name; /* without "apply_", for texts and names */
    const neap__op *op;
    neap_attribute *attributes; /* the operation's */
    size_t attribute_count;
    const neap_attribute *rate;     /* as it was given */
    neap_node *rates[NEAP__DTYPES]; /* one node for each dtype of the variables */
    neap_error *err;
} optimizer;

/* ---- Which optimizer, with what -------------------------------------------------- */

static int unknown_optimizer(const char *name, neap_error *err)
{
    char quoted[NEAP__QUOTED_SIZE], names[256];
    neap__text text = neap__text_over(names, sizeof names);
    for (size_t i = 0; i < neap__op_total; i++) {
        const char *op = neap__ops[i]->info.name;
        if (!strncmp(op, PREFIX, PREFIX_LENGTH))
            neap__text_add(&text, "%s%s", text.length ? ", " : "", op + PREFIX_LENGTH);
    }
    return neap__fail(err, NEAP_EARG, "unknown optimizer \"%s\"; there are %s",
                      neap__quoted(quoted, name), names);
}

static const neap_attribute *given(const neap_attribute *attributes, size_t count,
                                   const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (attributes[i].name && attributes[i].kind != NEAP_KIND_NONE &&
            !strcmp(attributes[i].name, name))
            return &attributes[i];
    return NULL;
}

static double number_of(const neap_attribute *a)
{
    return a->kind == NEAP_KIND_INT ? (double)a->integer : a->number;
}

/* The operation of that name. Gradient descent with a momentum is the optimizer
 * `momentum`; with a momentum of 0 it takes neither that nor `nesterov`, which
 * `*plain` tells. */
static const neap__op *find(const char *name, const neap_attribute *attributes,
                            size_t count, bool *plain)
{
    char whole[64];
    const neap_attribute *momentum = given(attributes, count, "momentum");
    *plain = false;
    if (!strcmp(name, "gradient_descent") && momentum) {
        *plain = number_of(momentum) == 0;
        name = *plain ? name : "momentum";
    }
    int length = snprintf(whole, sizeof whole, PREFIX "%s", name);
    return length > 0 && (size_t)length < sizeof whole ? neap__op_named(whole) : NULL;
}

static bool in_schema(const neap__op *op, const char *name)
{
    for (size_t i = 0; i < op->info.attribute_count; i++)
        if (!strcmp(op->info.attributes[i].name, name))
            return true;
    return false;
}

static int unknown_attribute(const optimizer *o, const char *name)
{
    char quoted[NEAP__QUOTED_SIZE], names[256];
    neap__text text = neap__text_over(names, sizeof names);
    neap__text_add(&text, "learning_rate");
    for (size_t i = 0; i < o->op->info.attribute_count; i++)
        neap__text_add(&text, ", %s", o->op->info.attributes[i].name);
    return neap__fail(o->err, NEAP_EARG, "%s: unknown attribute \"%s\"; it has %s",
                      o->name, neap__quoted(quoted, name), names);
}

static int check_rate(const optimizer *o)
{
    const neap_attribute *a = o->rate;
    char text[NEAP__NODE_SIZE], shape[NEAP__SHAPE_SIZE], number[40];
    if (!a)
        return neap__fail(o->err, NEAP_EARG, "%s: attribute \"learning_rate\" is missing",
                          o->name);
    if (a->kind == NEAP_KIND_INT || a->kind == NEAP_KIND_FLOAT) {
        if (number_of(a) >= 0 && isfinite(number_of(a)))
            return NEAP_OK;
        neap__text t = neap__text_over(number, sizeof number);
        neap__text_number(&t, number_of(a), -1);
        return neap__fail(o->err, NEAP_ERANGE, "%s: a learning_rate of %s", o->name,
                          number);
    }
    if (a->kind != NEAP_KIND_NODE || !a->node)
        return neap__fail(o->err, NEAP_ETYPE,
                          "%s: learning_rate must be a number or a node", o->name);
    neap__node_text(text, a->node);
    if (a->node->graph != o->graph)
        return neap__fail(o->err, NEAP_ESTATE,
                          "%s: learning_rate is %s, a node of another graph", o->name,
                          text);
    if (!neap__is_numeric(a->node->fact.dtype))
        return neap__fail(o->err, NEAP_EDTYPE, "%s: learning_rate is %s, of dtype %s",
                          o->name, text, neap_dtype_name(a->node->fact.dtype));
    if (a->node->fact.shape.rank > 0)
        return neap__fail(o->err, NEAP_ESHAPE, "%s: learning_rate is %s, of shape %s",
                          o->name, text, neap__shape_text(shape, &a->node->fact.shape));
    return NEAP_OK;
}

/* Sorts what is given into the rate and the operation's attributes (`room` for all of
 * them). */
static int sort_attributes(optimizer *o, const neap_attribute *attributes, size_t count,
                           bool plain)
{
    for (size_t i = 0; i < count; i++) {
        const neap_attribute *a = &attributes[i];
        if (!a->name)
            return neap__fail(o->err, NEAP_EARG, "%s: an attribute's name is NULL",
                              o->name);
        if (a->kind == NEAP_KIND_NONE ||
            (plain && (!strcmp(a->name, "momentum") || !strcmp(a->name, "nesterov"))))
            continue;
        if (!strcmp(a->name, "learning_rate")) {
            if (o->rate)
                return neap__fail(o->err, NEAP_EARG,
                                  "%s: attribute \"learning_rate\" is given twice",
                                  o->name);
            o->rate = a;
        } else if (in_schema(o->op, a->name)) {
            o->attributes[o->attribute_count++] = *a;
        } else {
            return unknown_attribute(o, a->name);
        }
    }
    return check_rate(o);
}

/* ---- Variables and their slots --------------------------------------------------- */

static int check_variables(const optimizer *o, neap_node *const *gradients,
                           neap_node *const *variables, size_t count)
{
    char text[NEAP__NODE_SIZE];
    size_t some = 0;
    for (size_t i = 0; i < count; i++) {
        const neap_node *v = variables[i], *dv = gradients[i];
        if (!v)
            return neap__fail(o->err, NEAP_EARG, "%s: variables[%zu] is NULL", o->name,
                              i);
        neap__node_text(text, v);
        if (v->graph != o->graph || (dv && dv->graph != o->graph))
            return neap__fail(o->err, NEAP_ESTATE, "%s: %s%s is a node of another graph",
                              o->name, v->graph != o->graph ? "" : "the gradient of ",
                              text);
        if (v->op->list != NEAP_VARIABLES)
            return neap__fail(o->err, NEAP_ETYPE, "%s: %s is not a variable", o->name,
                              text);
        some += dv != NULL;
    }
    if (!some)
        return neap__fail(o->err, NEAP_EARG, "%s: no variable has a gradient", o->name);
    return NEAP_OK;
}

static bool is(const char *word, size_t length, const char *name)
{
    return length == strlen(name) && !memcmp(word, name, length);
}

/* Zeros of the variable's dtype and shape; the slot "step" counts. Its name is the
 * variable's own and it waits for nothing, whatever scopes and controls are open. */
static neap_node *make_slot(const optimizer *o, const neap_node *v, const char *slot,
                            size_t length)
{
    char name[2 * NEAP__NAME_SIZE], text[NEAP__NODE_SIZE];
    bool step = is(slot, length, "step");
    const neap__shape *shape = &v->fact.shape;
    if (!step && !neap__shape_known(shape)) {
        neap__fail(o->err, NEAP_ESHAPE, "%s: the shape of %s is not known", o->name,
                   neap__node_text(text, v));
        return NULL;
    }
    neap_attribute attributes[] = {
        neap_attribute_ints("shape", shape->dims, step ? 0 : (size_t)shape->rank),
        neap_attribute_dtype("dtype", step ? NEAP_INT64 : v->fact.dtype),
    };
    struct neap__frame *frames = neap__detach(o->graph);
    snprintf(name, sizeof name, "%s/%.*s/initial", v->name, (int)length, slot);
    neap_node *zeros =
        neap__build(o->graph, &neap__op_zeros, NULL, 0, attributes, 2, name, o->err);
    snprintf(name, sizeof name, "%s/%.*s", v->name, (int)length, slot);
    neap_node *made = zeros ? neap_variable_from(o->graph, zeros, 0, name, o->err) : NULL;
    neap__attach(o->graph, frames);
    return made;
}

/* One node of the rate for all variables of a dtype. */
static neap_node *rate_for(optimizer *o, neap_dtype dtype)
{
    neap_node **rate = &o->rates[dtype];
    if (*rate)
        return *rate;
    if (o->rate->kind != NEAP_KIND_NODE) {
        *rate =
            neap__scalar(o->graph, dtype, number_of(o->rate), "learning_rate", o->err);
    } else if (o->rate->node->fact.dtype == dtype) {
        *rate = o->rate->node;
    } else {
        neap_attribute to = neap_attribute_dtype("dtype", dtype);
        *rate = neap__build(o->graph, &neap__op_cast, &o->rate->node, 1, &to, 1,
                            "learning_rate", o->err);
    }
    return *rate;
}

/* The inputs by their names in the operation's signature: what is not one of the three
 * is a slot. */
static neap_node *apply(optimizer *o, neap_node *variable, neap_node *gradient)
{
    neap_node *inputs[NEAP__INPUTS];
    size_t count = 0;
    for (const char *word = o->op->info.inputs; *word && count < NEAP__INPUTS; count++) {
        size_t length = strcspn(word, " ");
        neap_node **input = &inputs[count];
        if (is(word, length, "variable"))
            *input = variable;
        else if (is(word, length, "gradient"))
            *input = gradient;
        else if (is(word, length, "learning_rate"))
            *input = rate_for(o, variable->fact.dtype);
        else
            *input = make_slot(o, variable, word, length);
        if (!*input)
            return NULL;
        word += length + strspn(word + length, " ");
    }
    return neap__build(o->graph, o->op, inputs, count, o->attributes, o->attribute_count,
                       NULL, o->err);
}

static neap_node *apply_all(optimizer *o, neap_node *const *gradients,
                            neap_node *const *variables, size_t count)
{
    neap__account *account = o->graph->account;
    size_t bytes, made = 0;
    if (!neap__mul_size(count, sizeof(neap_node *), &bytes)) {
        neap__fail(o->err, NEAP_ELIMIT, "%s: too many variables", o->name);
        return NULL;
    }
    neap_node **updates = neap__alloc(account, bytes, NEAP_MEMORY_SMALL, o->err);
    bool done = updates && !neap_graph_push_scope(o->graph, o->name, o->err);
    if (done) {
        for (size_t i = 0; i < count && done; i++) {
            if (!gradients[i])
                continue;
            updates[made] = apply(o, variables[i], gradients[i]);
            done = updates[made++] != NULL;
        }
        neap_graph_pop_scope(o->graph);
    }
    neap_node *all = NULL;
    if (done)
        all = neap__build(o->graph, &neap__op_group, updates, made, NULL, 0, o->name,
                          o->err);
    neap__free(account, updates, bytes, NEAP_MEMORY_SMALL);
    return all;
}

/* ---- Public ---------------------------------------------------------------------- */

neap_node *neap_apply_gradients(neap_graph *g, const char *name,
                                const neap_attribute *attributes, size_t attribute_count,
                                neap_node *const *gradients, neap_node *const *variables,
                                size_t count, neap_error *err)
{
    const char *missing = !name                            ? "optimizer"
                          : !attributes && attribute_count ? "attributes"
                          : !gradients && count            ? "gradients"
                          : !variables && count            ? "variables"
                                                           : NULL;
    if (!neap__graph_ready(g, "neap_apply_gradients", err))
        return NULL;
    if (missing) {
        neap__null(err, "neap_apply_gradients", missing);
        return NULL;
    }
    neap_error own = NEAP_ERROR_INIT;
    bool plain;
    optimizer o = {.graph = g, .name = name, .err = err ? err : &own};
    o.op = find(name, attributes, attribute_count, &plain);
    if (!o.op) {
        unknown_optimizer(name, o.err);
        return NULL;
    }
    size_t bytes = attribute_count * sizeof *o.attributes;
    o.attributes = neap__alloc(g->account, bytes, NEAP_MEMORY_SMALL, o.err);
    if (!o.attributes)
        return NULL;
    neap_node *all = NULL;
    if (!sort_attributes(&o, attributes, attribute_count, plain) &&
        !check_variables(&o, gradients, variables, count))
        all = apply_all(&o, gradients, variables, count);
    neap__free(g->account, o.attributes, bytes, NEAP_MEMORY_SMALL);
    return all;
}

size_t neap_trainable_variables(neap_node *loss, neap_node **out, size_t capacity,
                                neap_error *err)
{
    if (neap__failed(err))
        return 0;
    if (!loss || (!out && capacity)) {
        neap__null(err, "neap_trainable_variables", loss ? "out" : "loss");
        return 0;
    }
    neap_node **order;
    size_t count, room, found = 0;
    if (neap__ancestors(loss->graph->account, &loss, 1, false, NULL, &order, &count,
                        &room, err))
        return 0;
    for (size_t i = 0; i < count; i++) {
        if (!order[i]->trainable)
            continue;
        if (found < capacity)
            out[found] = order[i];
        found++;
    }
    neap__free(loss->graph->account, order, room * sizeof *order, NEAP_MEMORY_SMALL);
    return found;
}

neap_node *neap_minimize(neap_graph *g, neap_node *loss, const char *optimizer_name,
                         const neap_attribute *attributes, size_t attribute_count,
                         neap_error *err)
{
    if (!neap__graph_ready(g, "neap_minimize", err))
        return NULL;
    if (!loss || !optimizer_name) {
        neap__null(err, "neap_minimize", loss ? "optimizer" : "loss");
        return NULL;
    }
    char text[NEAP__NODE_SIZE];
    neap_error own = NEAP_ERROR_INIT, *e = err ? err : &own;
    if (loss->graph != g) {
        neap__fail(e, NEAP_ESTATE, "minimize: %s is a node of another graph",
                   neap__node_text(text, loss));
        return NULL;
    }
    size_t count = neap_trainable_variables(loss, NULL, 0, e), bytes;
    if (!neap__failed(e) && !count)
        neap__fail(e, NEAP_EARG, "minimize: %s depends on no trainable variable",
                   neap__node_text(text, loss));
    if (neap__failed(e))
        return NULL;
    if (!neap__mul_size(count, 2 * sizeof(neap_node *), &bytes)) {
        neap__fail(e, NEAP_ELIMIT, "minimize: too many variables");
        return NULL;
    }
    neap_node **variables = neap__alloc(g->account, bytes, NEAP_MEMORY_SMALL, e);
    if (!variables)
        return NULL;
    neap_node **gradients = variables + count, *all = NULL;
    if (neap_trainable_variables(loss, variables, count, e) == count &&
        !neap_gradients(g, &loss, 1, variables, count, NULL, gradients, e))
        all = neap_apply_gradients(g, optimizer_name, attributes, attribute_count,
                                   gradients, variables, count, e);
    neap__free(g->account, variables, bytes, NEAP_MEMORY_SMALL);
    return all;
}
