/* train.c - the optimizers' updates: one pass over a variable, its slots and its
 * gradient. */
#include "cpu/update.h"
#include "ops/family.h"

/* ---- What they share --------------------------------------------------------------- */

/* Inputs: the variable, its slots, perhaps a step count of rank 0, the gradient, the
 * learning rate of rank 0. The result is the variable's new value. */
static int check_number(neap__inference *i, const char *name, const neap__shape *shape)
{
    char text[NEAP__SHAPE_SIZE];
    if (shape->rank <= 0)
        return NEAP_OK;
    return neap__fail(i->err, NEAP_ESHAPE, "%s must have rank 0, got shape %s", name,
                      neap__shape_text(text, shape));
}

static int infer_update(neap__inference *i, int slots, bool counts)
{
    const uint32_t last = i->node->data_inputs - 1;
    int status = check_number(i, "learning_rate", &i->in[last].shape);
    if (counts && !status)
        status = check_number(i, "step", &i->in[1 + slots].shape);
    i->out->dtype = i->in[0].dtype;
    i->out->shape = i->in[0].shape;
    for (uint32_t k = 1; k < last && !status; k++) {
        const bool step = counts && k == 1 + (uint32_t)slots;
        if (!step && !neap__shape_merge(&i->out->shape, &i->in[k].shape, &i->out->shape))
            status = neap__differ(i->err,
                                  k + 1 == last ? "variable and gradient differ"
                                                : "variable and slot differ",
                                  &i->in[0].shape, &i->in[k].shape);
    }
    return status;
}

static double number_of(const neap_node *n, const char *name)
{
    return neap__attribute(n, name)->number;
}

/* Every variable may be updated where it lies. */
static int bind_update(neap__binding *b, neap__kernel *kernel)
{
    neap__update_args *args = neap__arena_alloc(b->arena, sizeof *args, b->err);
    if (!args)
        return NEAP_ENOMEM;
    *args = (neap__update_args){
        .dtype = b->out->dtype,
        .isa = b->isa,
        .count = neap__shape_size(&b->out->shape),
        .momentum = number_of(b->node, "momentum"),
        .beta1 = number_of(b->node, "beta1"),
        .beta2 = number_of(b->node, "beta2"),
        .epsilon = number_of(b->node, "epsilon"),
        .nesterov = neap__attribute(b->node, "nesterov")->integer,
    };
    b->kernel = kernel;
    b->args = args;
    b->in_place = b->node->op->writes;
    return NEAP_OK;
}

/* ---- The updates ------------------------------------------------------------------- */

static int infer_gradient_descent(neap__inference *i)
{
    return infer_update(i, 0, false);
}
static int bind_gradient_descent(neap__binding *b)
{
    return bind_update(b, neap__cpu_apply_gradient_descent);
}

NEAP_OP(apply_gradient_descent) = {
    NEAP__NAMED("apply_gradient_descent"),
    .info.doc = "variable -= learning_rate * gradient, when the run ends well; the "
                "result is the new value.",
    .info.inputs = "variable gradient learning_rate",
    .dtypes = NEAP__FLOAT,
    .effects = NEAP__WRITES,
    .writes = 1,
    .infer = infer_gradient_descent,
    NEAP__BOUND(bind_gradient_descent),
    NEAP__NO_GRADIENT(0),
};

static int infer_momentum(neap__inference *i) { return infer_update(i, 1, false); }
static int bind_momentum(neap__binding *b)
{
    return bind_update(b, neap__cpu_apply_momentum);
}

NEAP_OP(apply_momentum) = {
    NEAP__NAMED("apply_momentum"),
    .info.doc =
        "velocity = momentum * velocity + gradient; variable -= learning_rate * "
        "velocity, or with nesterov learning_rate * (gradient + momentum * velocity), "
        "when the run ends well; the result is the variable's new value.",
    .info.inputs = "variable velocity gradient learning_rate",
    NEAP__ROWS(NEAP__REAL("momentum", 0.9), NEAP__FLAG("nesterov", 0)),
    .dtypes = NEAP__FLOAT,
    .effects = NEAP__WRITES,
    .writes = 3,
    .infer = infer_momentum,
    NEAP__BOUND(bind_momentum),
    NEAP__NO_GRADIENT(0),
};

static int infer_adam(neap__inference *i) { return infer_update(i, 2, true); }
static int bind_adam(neap__binding *b) { return bind_update(b, neap__cpu_apply_adam); }

NEAP_OP(apply_adam) = {
    NEAP__NAMED("apply_adam"),
    .info.doc =
        "One step of Adam (Kingma and Ba, 2015): m and v are running means of the "
        "gradient and of its square, `step` counts the steps so far (int64, rank 0), "
        "when the run ends well; the result is the variable's new value.",
    .info.inputs = "variable m v step gradient learning_rate",
    NEAP__ROWS(NEAP__REAL("beta1", 0.9), NEAP__REAL("beta2", 0.999),
               NEAP__REAL("epsilon", 1e-8)),
    .dtype_rule = NEAP__EACH,
    .dtypes = NEAP__FLOAT,
    .input_dtypes = {0, 0, 0, NEAP__BIT(NEAP_INT64)},
    .effects = NEAP__WRITES,
    .writes = 15,
    .infer = infer_adam,
    NEAP__BOUND(bind_adam),
    NEAP__NO_GRADIENT(0),
};
