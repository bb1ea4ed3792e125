/* state.c - operations for what they do: assignments, whose new values the session
 * commits when the whole run has succeeded, and what only orders other operations. */
#include "cpu/element.h"
#include "ops/family.h"

/* ---- Assignments ------------------------------------------------------------------- */

/* The result is the new value; no broadcasting. */
static int infer_assign(neap__inference *i)
{
    const neap__fact *variable = &i->in[0], *value = &i->in[1];
    i->out->dtype = variable->dtype;
    if (neap__shape_merge(&variable->shape, &value->shape, &i->out->shape))
        return NEAP_OK;
    char a[NEAP__SHAPE_SIZE], b[NEAP__SHAPE_SIZE];
    return neap__fail(
        i->err, NEAP_ESHAPE, "a value of shape %s does not fit a variable of shape %s",
        neap__shape_text(a, &value->shape), neap__shape_text(b, &variable->shape));
}

static int bind_assign(neap__binding *b)
{
    return neap__bind_step(b, NEAP__ELEMENT_copy);
}
static int bind_assign_add(neap__binding *b)
{
    return neap__bind_step(b, NEAP__ELEMENT_add);
}
static int bind_assign_sub(neap__binding *b)
{
    return neap__bind_step(b, NEAP__ELEMENT_subtract);
}

NEAP_OP(assign) = {
    NEAP__NAMED("assign"),
    .info.doc = "Gives the variable a value of its own shape when the run ends well; the "
                "result is that value.",
    .info.inputs = "variable value",
    .dtypes = NEAP__ANY,
    .effects = NEAP__WRITES,
    .writes = 1,
    .infer = infer_assign,
    NEAP__BOUND(bind_assign),
    NEAP__NO_GRADIENT(0),
};

NEAP_OP(assign_add) = {
    NEAP__NAMED("assign_add"),
    .info.doc = "Adds a value of its own shape to the variable when the run ends well; "
                "the result is the sum.",
    .info.inputs = "variable value",
    .dtypes = NEAP__NUMERIC,
    .effects = NEAP__WRITES,
    .writes = 1,
    .infer = infer_assign,
    NEAP__BOUND(bind_assign_add),
    NEAP__NO_GRADIENT(0),
};

NEAP_OP(assign_sub) = {
    NEAP__NAMED("assign_sub"),
    .info.doc = "Subtracts a value of its own shape from the variable when the run ends "
                "well; the result is the difference.",
    .info.inputs = "variable value",
    .dtypes = NEAP__NUMERIC,
    .effects = NEAP__WRITES,
    .writes = 1,
    .infer = infer_assign,
    NEAP__BOUND(bind_assign_sub),
    NEAP__NO_GRADIENT(0),
};

/* ---- Order ------------------------------------------------------------------------- */

NEAP_OP(group) = {
    NEAP__NAMED("group"),
    .info.doc =
        "No value: a run of it runs all of its inputs, which may have a value or none.",
    .info.inputs = "x...",
    .info.results = "",
    .infer = neap__infer_none,
    .lowering = NEAP__LOWER_NOTHING,
    NEAP__ZERO_GRADIENT(0),
};

NEAP_OP(no_op) = {
    NEAP__NAMED("no_op"),
    .info.doc =
        "No value and no inputs: only the control dependencies that it is made under.",
    .info.inputs = "",
    .info.results = "",
    .infer = neap__infer_none,
    .lowering = NEAP__LOWER_NOTHING,
    NEAP__ZERO_GRADIENT(NEAP_OP_SOURCE),
};
