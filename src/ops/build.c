/* build.c - operations by name, the sources' own builders, and the short builders of
 * gradients. */
#include "ops/ops.h"

#include <stdio.h>
#include <string.h>

/* ---- By name --------------------------------------------------------------------- */

/* One `result` node for each of several results, named after the node and the result
 * ("top_k/values"), or its number where they have no names. They depend on the node alone,
 * whatever controls are open. */
static bool build_results(neap_graph *g, neap_node *n, neap_node **outputs,
                          size_t capacity, neap_node **first, neap_error *err)
{
    struct neap__frame *frames = neap__detach(g);
    const char *word = n->op->info.results;
    bool done = true;
    *first = NULL;
    for (size_t i = 0; i < n->result_count && done; i++) {
        char name[NEAP__NAME_SIZE + 24];
        if (n->op->count_results) {
            snprintf(name, sizeof name, "%s/%zu", n->name, i);
        } else {
            size_t length = strcspn(word, " ");
            snprintf(name, sizeof name, "%s/%.*s", n->name, (int)length, word);
            word += length + strspn(word + length, " ");
        }
        neap_attribute index = neap_attribute_int("index", (int64_t)i);
        neap_node *result = neap__build(g, &neap__op_result, &n, 1, &index, 1, name, err);
        done = result != NULL;
        if (i == 0)
            *first = result;
        if (done && i < capacity)
            outputs[i] = result;
    }
    neap__attach(g, frames);
    return done;
}

bool neap__build_results(neap_graph *g, neap_node *n, neap_node **outputs,
                         neap_error *err)
{
    neap_node *first;
    return build_results(g, n, outputs, n->result_count, &first, err);
}

neap_node *neap_build(neap_graph *g, const char *op, neap_node *const *inputs,
                      size_t input_count, const neap_attribute *attributes,
                      size_t attribute_count, const char *name, neap_node **outputs,
                      size_t output_capacity, neap_error *err)
{
    const char *missing = !op                              ? "op"
                          : !inputs && input_count         ? "inputs"
                          : !attributes && attribute_count ? "attributes"
                          : !outputs && output_capacity    ? "outputs"
                                                           : NULL;
    if (!neap__graph_ready(g, "neap_build", err))
        return NULL;
    if (missing) {
        neap__null(err, "neap_build", missing);
        return NULL;
    }
    const neap__op *found = neap__op_named(op);
    if (!found)
        found = neap__host_named(g, op);
    if (!found) {
        char quoted[NEAP__QUOTED_SIZE];
        neap__fail(err, NEAP_EUNSUP, "unknown operation \"%s\"",
                   neap__quoted(quoted, op));
        return NULL;
    }
    neap_node *n = neap__build(g, found, inputs, input_count, attributes, attribute_count,
                               name, err);
    if (!n)
        return NULL;
    if (neap__several(n)) {
        neap_node *first = NULL;
        return build_results(g, n, outputs, output_capacity, &first, err) ? first : NULL;
    }
    if (output_capacity)
        outputs[0] = n;
    return n;
}

neap_node *neap__build_public(neap_graph *g, const char *function, const neap__op *op,
                              neap_node *const *inputs, size_t input_count,
                              const neap_attribute *attributes, size_t attribute_count,
                              neap_node **outputs, neap_error *err)
{
    if (!neap__graph_ready(g, function, err))
        return NULL;
    for (size_t i = 0; i < input_count; i++)
        if (!inputs || (!inputs[i] && !neap__is_optional(op, i))) {
            char name[80];
            neap__text text = neap__text_over(name, sizeof name);
            neap__text_input(&text, op, i);
            neap__null(err, function, name);
            return NULL;
        }
    neap_node *n = neap__build(g, op, inputs, input_count, attributes, attribute_count,
                               NULL, err),
              *first = n;
    if (n && outputs)
        build_results(g, n, outputs, n->result_count, &first, err);
    return neap__failed(err) ? NULL : first;
}

bool neap__options(void *to, size_t size, const void *from, const char *function,
                   neap_error *err)
{
    size_t given;
    if (!from || neap__failed(err))
        return true;
    memcpy(&given, from, sizeof given);
    if (given < sizeof given) {
        neap__fail(err, NEAP_EARG, "%s: options.size is %zu", function, given);
        return false;
    }
    memcpy(to, from, given < size ? given : size);
    return true;
}

/* ---- Sources --------------------------------------------------------------------- */

neap_node *neap_placeholder(neap_graph *g, neap_dtype dtype, int rank,
                            const int64_t *dims, const char *name, neap_error *err)
{
    if (!neap__graph_ready(g, "neap_placeholder", err))
        return NULL;
    if (rank > 0 && !dims) {
        neap__null(err, "neap_placeholder", "dims");
        return NULL;
    }
    if (rank < -1) {
        neap__fail(err, NEAP_ERANGE, "neap_placeholder: rank %d", rank);
        return NULL;
    }
    neap_attribute attributes[] = {
        neap_attribute_dtype("dtype", dtype),
        rank < 0 ? neap_attribute_none("shape")
                 : neap_attribute_ints("shape", dims, (size_t)rank),
    };
    return neap__build(g, &neap__op_placeholder, NULL, 0, attributes, 2, name, err);
}

static neap_node *constant(neap_graph *g, neap_tensor *value, const char *name,
                           neap_error *err)
{
    neap_attribute attribute = neap_attribute_tensor("value", value);
    return neap__build(g, &neap__op_constant, NULL, 0, &attribute, 1, name, err);
}

neap_node *neap_constant(neap_graph *g, neap_tensor *value, neap_error *err)
{
    if (!neap__graph_ready(g, "neap_constant", err))
        return NULL;
    if (!value) {
        neap__null(err, "neap_constant", "value");
        return NULL;
    }
    return constant(g, value, NULL, err);
}

neap_node *neap_variable_from(neap_graph *g, neap_node *initial, int trainable,
                              const char *name, neap_error *err)
{
    if (!neap__graph_ready(g, "neap_variable_from", err))
        return NULL;
    if (!initial) {
        neap__null(err, "neap_variable_from", "initial");
        return NULL;
    }
    neap_attribute attributes[] = {
        neap_attribute_node("initial", initial),
        neap_attribute_bool("trainable", trainable),
    };
    return neap__build(g, &neap__op_variable, NULL, 0, attributes, 2, name, err);
}

neap_node *neap_variable(neap_graph *g, neap_tensor *initial, const char *name,
                         neap_error *err)
{
    if (!neap__graph_ready(g, "neap_variable", err))
        return NULL;
    if (!initial) {
        neap__null(err, "neap_variable", "initial");
        return NULL;
    }
    char constant_name[NEAP__NAME_SIZE + 1];
    snprintf(constant_name, sizeof constant_name, "%s/initial", name ? name : "variable");
    return neap_variable_from(g, constant(g, initial, constant_name, err), 1, name, err);
}

/* ---- For gradients --------------------------------------------------------------- */

neap_node *neap__unary(neap__grad *g, const neap__op *op, neap_node *x)
{
    return x ? neap__build(g->graph, op, &x, 1, NULL, 0, NULL, g->err) : NULL;
}

neap_node *neap__binary(neap__grad *g, const neap__op *op, neap_node *x, neap_node *y)
{
    neap_node *inputs[] = {x, y};
    return x && y ? neap__build(g->graph, op, inputs, 2, NULL, 0, NULL, g->err) : NULL;
}

neap_node *neap__add(neap__grad *g, neap_node *x, neap_node *y)
{
    return neap__binary(g, &neap__op_add, x, y);
}

neap_node *neap__sub(neap__grad *g, neap_node *x, neap_node *y)
{
    return neap__binary(g, &neap__op_subtract, x, y);
}

neap_node *neap__mul(neap__grad *g, neap_node *x, neap_node *y)
{
    return neap__binary(g, &neap__op_multiply, x, y);
}

neap_node *neap__div(neap__grad *g, neap_node *x, neap_node *y)
{
    return neap__binary(g, &neap__op_divide, x, y);
}

neap_node *neap__neg(neap__grad *g, neap_node *x)
{
    return neap__unary(g, &neap__op_negative, x);
}

neap_node *neap__scalar(neap_graph *g, neap_dtype dtype, double value, const char *name,
                        neap_error *err)
{
    neap__shape shape = neap__scalar_shape();
    neap_tensor *t = neap__tensor_new(g->account, dtype, &shape, err);
    if (!t)
        return NULL;
    neap_node *n = NULL;
    if (neap__store_number(dtype, t->data, 0, value))
        n = constant(g, t, name, err);
    else
        neap__fail(err, NEAP_ERANGE, "a number that %s cannot hold",
                   neap_dtype_name(dtype));
    neap_tensor_release(t);
    return n;
}

neap_node *neap__number(neap__grad *g, neap_node *like, double value)
{
    return like ? neap__scalar(g->graph, like->fact.dtype, value, NULL, g->err) : NULL;
}

static bool same_shape(const neap_node *a, const neap_node *b)
{
    return neap__shape_known(&a->fact.shape) &&
           neap__shape_equal(&a->fact.shape, &b->fact.shape);
}

neap_node *neap__sum_to(neap__grad *g, neap_node *dy, neap_node *x)
{
    return dy && x && same_shape(dy, x) ? dy
                                        : neap__binary(g, &neap__op_sum_to_like, dy, x);
}

neap_node *neap__reshape_to(neap__grad *g, neap_node *dy, neap_node *x)
{
    return dy && x && same_shape(dy, x) ? dy
                                        : neap__binary(g, &neap__op_reshape_like, dy, x);
}
