/* compare.c - comparisons, and the choice that they are made for. */
#include "cpu/element.h"
#include "ops/family.h"

NEAP_OP(equal) = {
    NEAP__NAMED("equal"),
    .info.doc = "Whether x = y, element by element with broadcasting: a bool. NaN equals "
                "nothing.",
    .info.inputs = "x y",
    .dtypes = NEAP__ANY,
    .infer = neap__infer_exact,
    NEAP__FUSED(equal),
    NEAP__ZERO_GRADIENT(0),
};

NEAP_OP(less) = {
    NEAP__NAMED("less"),
    .info.doc =
        "Whether x < y, element by element with broadcasting: a bool, false for NaN.",
    .info.inputs = "x y",
    .dtypes = NEAP__NUMERIC,
    .infer = neap__infer_exact,
    NEAP__FUSED(less),
    NEAP__ZERO_GRADIENT(0),
};

NEAP_OP(greater) = {
    NEAP__NAMED("greater"),
    .info.doc =
        "Whether x > y, element by element with broadcasting: a bool, false for NaN.",
    .info.inputs = "x y",
    .dtypes = NEAP__NUMERIC,
    .infer = neap__infer_exact,
    NEAP__FUSED(greater),
    NEAP__ZERO_GRADIENT(0),
};

static int infer_where(neap__inference *i)
{
    int status = neap__infer_broadcast(i);
    i->out->dtype = i->in[1].dtype;
    return status ? status : neap__know_element(i);
}

/* Each of x and y gets the gradient where it was chosen, and zero elsewhere. */
static void where_gradient(neap__grad *g)
{
    neap_node *zero = neap__number(g, g->dy, 0);
    neap_node *to_x[] = {g->x[0], g->dy, zero}, *to_y[] = {g->x[0], zero, g->dy};
    if (neap__wants(g, 1))
        g->dx[1] =
            neap__sum_to(g, neap__derive(g, &neap__op_where, to_x, 3, NULL, 0), g->x[1]);
    if (neap__wants(g, 2))
        g->dx[2] =
            neap__sum_to(g, neap__derive(g, &neap__op_where, to_y, 3, NULL, 0), g->x[2]);
}

NEAP_OP(where) = {
    NEAP__NAMED("where"),
    .info.doc =
        "x where the condition holds, else y, element by element, all three broadcast. "
        "What is not chosen has no effect on the result, NaN included.",
    .info.inputs = "condition x y",
    .dtype_rule = NEAP__EACH,
    .dtypes = NEAP__ANY,
    .input_dtypes = {NEAP__BOOLEAN},
    .infer = infer_where,
    NEAP__FUSED(where),
    NEAP__GRADIENT(where_gradient, 0),
};
