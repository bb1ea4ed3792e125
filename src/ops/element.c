/* element.c - arithmetic and functions, element by element. The plan makes the loops
 * and fuses them; an operation here is an element function of the kernels and its
 * gradient. */
#include "cpu/divide.h"
#include "cpu/element.h"
#include "ops/family.h"

/* ---- The same value ---------------------------------------------------------------- */

static void identity_gradient(neap__grad *g) { g->dx[0] = g->dy; }

NEAP_OP(identity) = {
    NEAP__NAMED("identity"),
    .info.doc = "x itself.",
    .info.inputs = "x",
    .dtypes = NEAP__ANY,
    .infer = neap__infer_same,
    .lowering = NEAP__LOWER_ALIAS,
    NEAP__GRADIENT(identity_gradient, 0),
};

NEAP_OP(stop_gradient) = {
    NEAP__NAMED("stop_gradient"),
    .info.doc = "x itself, which counts as a constant when gradients are made.",
    .info.inputs = "x",
    .dtypes = NEAP__ANY,
    .infer = neap__infer_same,
    .lowering = NEAP__LOWER_ALIAS,
    NEAP__ZERO_GRADIENT(0),
};

static int infer_cast(neap__inference *i)
{
    i->out->shape = i->in[0].shape;
    int status = neap__dtype_of(i, "dtype", NEAP__ANY, &i->out->dtype);
    return status ? status : neap__know_element(i);
}

static void cast_gradient(neap__grad *g)
{
    const neap_attribute back = neap_attribute_dtype("dtype", g->x[0]->fact.dtype);
    if (neap__is_floating(g->x[0]->fact.dtype))
        g->dx[0] = neap__derive(g, &neap__op_cast, &g->dy, 1, &back, 1);
}

NEAP_OP(cast) = {
    NEAP__NAMED("cast"),
    .info.doc = "x as another dtype. Floating numbers become integers by dropping the "
                "fraction, at the nearest end of the range where it ends, and 0 for NaN; "
                "integers wrap; bool is whether x is not 0.",
    .info.inputs = "x",
    NEAP__ROWS(NEAP__ROW("dtype", DTYPE, NEAP_ATTRIBUTE_REQUIRED)),
    .dtypes = NEAP__ANY,
    .infer = infer_cast,
    NEAP__FUSED(cast),
    NEAP__GRADIENT(cast_gradient, 0),
};

/* ---- One input --------------------------------------------------------------------- */

static void negative_gradient(neap__grad *g) { g->dx[0] = neap__neg(g, g->dy); }

NEAP_OP(negative) = {
    NEAP__NAMED("negative"),
    .info.doc = "-x, element by element; integers wrap.",
    .info.inputs = "x",
    .dtypes = NEAP__NUMERIC,
    .infer = neap__infer_exact,
    NEAP__FUSED(negative),
    NEAP__GRADIENT(negative_gradient, 0),
};

static void abs_gradient(neap__grad *g)
{
    g->dx[0] = neap__mul(g, g->dy, neap__unary(g, &neap__op_sign, g->x[0]));
}

NEAP_OP(abs) = {
    NEAP__NAMED("abs"),
    .info.doc = "The absolute value of x, element by element; the lowest integer stays "
                "itself. Its gradient at 0 is 0.",
    .info.inputs = "x",
    .dtypes = NEAP__NUMERIC,
    .infer = neap__infer_exact,
    NEAP__FUSED(abs),
    NEAP__GRADIENT(abs_gradient, 0),
};

/* Piecewise constant: zero, which is not the same as none. */
static void sign_gradient(neap__grad *g)
{
    g->dx[0] = neap__unary(g, &neap__op_zeros_like, g->x[0]);
}

NEAP_OP(sign) = {
    NEAP__NAMED("sign"),
    .info.doc = "-1, 0 or 1 as x is below, at or above 0, element by element; NaN for "
                "NaN. Its gradient is 0.",
    .info.inputs = "x",
    .dtypes = NEAP__NUMERIC,
    .infer = neap__infer_exact,
    NEAP__FUSED(sign),
    NEAP__GRADIENT(sign_gradient, 0),
};

static void square_gradient(neap__grad *g)
{
    neap_node *slope = neap__mul(g, g->x[0], neap__number(g, g->x[0], 2));
    g->dx[0] = neap__mul(g, g->dy, slope);
}

NEAP_OP(square) = {
    NEAP__NAMED("square"),
    .info.doc = "x times x, element by element; integers wrap.",
    .info.inputs = "x",
    .dtypes = NEAP__NUMERIC,
    .infer = neap__infer_exact,
    NEAP__FUSED(square),
    NEAP__GRADIENT(square_gradient, 0),
};

/* dy/dx = 1 / 2y: the result is reused, so that x need not be kept alive. */
static void sqrt_gradient(neap__grad *g)
{
    neap_node *half = neap__mul(g, g->dy, neap__number(g, g->dy, 0.5));
    g->dx[0] = neap__div(g, half, g->y);
}

NEAP_OP(sqrt) = {
    NEAP__NAMED("sqrt"),
    .info.doc = "The square root of x, element by element; NaN below 0.",
    .info.inputs = "x",
    .dtypes = NEAP__FLOATING,
    .infer = neap__infer_exact,
    NEAP__FUSED(sqrt),
    NEAP__GRADIENT(sqrt_gradient, 0),
};

static void exp_gradient(neap__grad *g) { g->dx[0] = neap__mul(g, g->dy, g->y); }

NEAP_OP(exp) = {
    NEAP__NAMED("exp"),
    .info.doc = "e to the power of x, element by element.",
    .info.inputs = "x",
    .dtypes = NEAP__FLOATING,
    .infer = neap__infer_broadcast,
    NEAP__FUSED(exp),
    NEAP__GRADIENT(exp_gradient, 0),
};

static void log_gradient(neap__grad *g) { g->dx[0] = neap__div(g, g->dy, g->x[0]); }

NEAP_OP(log) = {
    NEAP__NAMED("log"),
    .info.doc = "The natural logarithm of x, element by element; -inf at 0, NaN below.",
    .info.inputs = "x",
    .dtypes = NEAP__FLOATING,
    .infer = neap__infer_broadcast,
    NEAP__FUSED(log),
    NEAP__GRADIENT(log_gradient, 0),
};

static void log1p_gradient(neap__grad *g)
{
    neap_node *sum = neap__add(g, g->x[0], neap__number(g, g->x[0], 1));
    g->dx[0] = neap__div(g, g->dy, sum);
}

NEAP_OP(log1p) = {
    NEAP__NAMED("log1p"),
    .info.doc = "The natural logarithm of 1 + x, element by element, with all its digits "
                "where x is near 0; -inf at -1, NaN below.",
    .info.inputs = "x",
    .dtypes = NEAP__FLOATING,
    .infer = neap__infer_broadcast,
    NEAP__FUSED(log1p),
    NEAP__GRADIENT(log1p_gradient, 0),
};

/* ---- Activations, whose gradients read their results ------------------------------- */

static void sigmoid_gradient(neap__grad *g)
{
    g->dx[0] = neap__binary(g, &neap__op_sigmoid_gradient, g->dy, g->y);
}

NEAP_OP(sigmoid) = {
    NEAP__NAMED("sigmoid"),
    .info.doc = "1 / (1 + exp(-x)), element by element, without overflow.",
    .info.inputs = "x",
    .dtypes = NEAP__FLOATING,
    .infer = neap__infer_broadcast,
    NEAP__FUSED(sigmoid),
    NEAP__GRADIENT(sigmoid_gradient, 0),
};

/* f = dy y (1 - y): df/dy = dy (1 - 2y). */
static void sigmoid_gradient_gradient(neap__grad *g)
{
    neap_node *dy = g->x[0], *y = g->x[1];
    if (neap__wants(g, 0))
        g->dx[0] = neap__binary(g, &neap__op_sigmoid_gradient, g->dy, y);
    if (neap__wants(g, 1)) {
        neap_node *twice = neap__mul(g, y, neap__number(g, y, 2));
        neap_node *slope = neap__sub(g, neap__number(g, y, 1), twice);
        g->dx[1] = neap__mul(g, neap__mul(g, g->dy, dy), slope);
    }
}

NEAP_OP(sigmoid_gradient) = {
    NEAP__NAMED("sigmoid_gradient"),
    .info.doc = "The gradient of sigmoid, from its result: dy * y * (1 - y).",
    .info.inputs = "dy y",
    .dtypes = NEAP__FLOATING,
    .infer = neap__infer_merge,
    NEAP__FUSED(sigmoid_gradient),
    NEAP__GRADIENT(sigmoid_gradient_gradient, NEAP_OP_INTERNAL),
};

static void tanh_gradient(neap__grad *g)
{
    g->dx[0] = neap__binary(g, &neap__op_tanh_gradient, g->dy, g->y);
}

NEAP_OP(tanh) = {
    NEAP__NAMED("tanh"),
    .info.doc = "Hyperbolic tangent of x, element by element.",
    .info.inputs = "x",
    .dtypes = NEAP__FLOATING,
    .infer = neap__infer_broadcast,
    NEAP__FUSED(tanh),
    NEAP__GRADIENT(tanh_gradient, 0),
};

/* f = dy (1 - y y): df/dy = -2 dy y. */
static void tanh_gradient_gradient(neap__grad *g)
{
    neap_node *dy = g->x[0], *y = g->x[1];
    if (neap__wants(g, 0))
        g->dx[0] = neap__binary(g, &neap__op_tanh_gradient, g->dy, y);
    if (neap__wants(g, 1)) {
        neap_node *slope = neap__mul(g, y, neap__number(g, y, -2));
        g->dx[1] = neap__mul(g, neap__mul(g, g->dy, dy), slope);
    }
}

NEAP_OP(tanh_gradient) = {
    NEAP__NAMED("tanh_gradient"),
    .info.doc = "The gradient of tanh, from its result: dy * (1 - y * y).",
    .info.inputs = "dy y",
    .dtypes = NEAP__FLOATING,
    .infer = neap__infer_merge,
    NEAP__FUSED(tanh_gradient),
    NEAP__GRADIENT(tanh_gradient_gradient, NEAP_OP_INTERNAL),
};

/* dy/dx = sigmoid(x), which overflows nowhere. */
static void softplus_gradient(neap__grad *g)
{
    neap_node *slope = neap__unary(g, &neap__op_sigmoid, g->x[0]);
    g->dx[0] = neap__mul(g, g->dy, slope);
}

NEAP_OP(softplus) = {
    NEAP__NAMED("softplus"),
    .info.doc = "log(1 + exp(x)), element by element, without overflow.",
    .info.inputs = "x",
    .dtypes = NEAP__FLOATING,
    .infer = neap__infer_broadcast,
    NEAP__FUSED(softplus),
    NEAP__GRADIENT(softplus_gradient, 0),
};

static void relu_gradient(neap__grad *g)
{
    g->dx[0] = neap__binary(g, &neap__op_relu_gradient, g->dy, g->y);
}

NEAP_OP(relu) = {
    NEAP__NAMED("relu"),
    .info.doc = "x where it is above 0, else 0, element by element; NaN for NaN. Its "
                "gradient at 0 is 0.",
    .info.inputs = "x",
    .dtypes = NEAP__NUMERIC,
    .infer = neap__infer_exact,
    NEAP__FUSED(relu),
    NEAP__GRADIENT(relu_gradient, 0),
};

/* Piecewise constant in y. */
static void relu_gradient_gradient(neap__grad *g)
{
    if (neap__wants(g, 0))
        g->dx[0] = neap__binary(g, &neap__op_relu_gradient, g->dy, g->x[1]);
}

NEAP_OP(relu_gradient) = {
    NEAP__NAMED("relu_gradient"),
    .info.doc = "The gradient of relu, from its result: dy where y is above 0, else 0.",
    .info.inputs = "dy y",
    .dtypes = NEAP__FLOATING,
    .infer = neap__infer_merge,
    NEAP__FUSED(relu_gradient),
    NEAP__GRADIENT(relu_gradient_gradient, NEAP_OP_INTERNAL),
};

static void leaky_relu_gradient(neap__grad *g)
{
    neap_node *x = g->x[0];
    neap_node *alpha = neap__number(g, x, neap__attribute(g->node, "alpha")->number);
    neap_node *above = neap__binary(g, &neap__op_greater, x, neap__number(g, x, 0));
    neap_node *choice[] = {above, g->dy, neap__mul(g, g->dy, alpha)};
    g->dx[0] = neap__derive(g, &neap__op_where, choice, 3, NULL, 0);
}

NEAP_OP(leaky_relu) = {
    NEAP__NAMED("leaky_relu"),
    .info.doc = "x where it is above 0, else alpha times x, element by element. Its "
                "gradient at 0 is alpha.",
    .info.inputs = "x",
    NEAP__ROWS(NEAP__REAL("alpha", 0.2)),
    .dtypes = NEAP__FLOATING,
    .infer = neap__infer_exact,
    NEAP__FUSED(leaky_relu),
    NEAP__GRADIENT(leaky_relu_gradient, 0),
};

/* ---- Two inputs -------------------------------------------------------------------- */

static void add_gradient(neap__grad *g)
{
    for (int i = 0; i < 2; i++)
        if (neap__wants(g, i))
            g->dx[i] = neap__sum_to(g, g->dy, g->x[i]);
}

NEAP_OP(add) = {
    NEAP__NAMED("add"),
    .info.doc = "x + y, element by element with broadcasting; integers wrap.",
    .info.inputs = "x y",
    .dtypes = NEAP__NUMERIC,
    .infer = neap__infer_exact,
    NEAP__FUSED(add),
    NEAP__GRADIENT(add_gradient, 0),
};

static void subtract_gradient(neap__grad *g)
{
    if (neap__wants(g, 0))
        g->dx[0] = neap__sum_to(g, g->dy, g->x[0]);
    if (neap__wants(g, 1))
        g->dx[1] = neap__sum_to(g, neap__neg(g, g->dy), g->x[1]);
}

NEAP_OP(subtract) = {
    NEAP__NAMED("subtract"),
    .info.doc = "x - y, element by element with broadcasting; integers wrap.",
    .info.inputs = "x y",
    .dtypes = NEAP__NUMERIC,
    .infer = neap__infer_exact,
    NEAP__FUSED(subtract),
    NEAP__GRADIENT(subtract_gradient, 0),
};

static void multiply_gradient(neap__grad *g)
{
    for (int i = 0; i < 2; i++)
        if (neap__wants(g, i))
            g->dx[i] = neap__sum_to(g, neap__mul(g, g->dy, g->x[1 - i]), g->x[i]);
}

NEAP_OP(multiply) = {
    NEAP__NAMED("multiply"),
    .info.doc = "x times y, element by element with broadcasting; integers wrap.",
    .info.inputs = "x y",
    .dtypes = NEAP__NUMERIC,
    .infer = neap__infer_exact,
    NEAP__FUSED(multiply),
    NEAP__GRADIENT(multiply_gradient, 0),
};

/* z = x / y: dz/dx = 1 / y, dz/dy = -z / y. */
static void divide_gradient(neap__grad *g)
{
    if (neap__wants(g, 0))
        g->dx[0] = neap__sum_to(g, neap__div(g, g->dy, g->x[1]), g->x[0]);
    if (neap__wants(g, 1)) {
        neap_node *slope = neap__neg(g, neap__div(g, g->y, g->x[1]));
        g->dx[1] = neap__sum_to(g, neap__mul(g, g->dy, slope), g->x[1]);
    }
}

NEAP_OP(divide) = {
    NEAP__NAMED("divide"),
    .info.doc = "x / y, true division, element by element with broadcasting: integers "
                "give float32.",
    .info.inputs = "x y",
    .dtypes = NEAP__NUMERIC,
    .infer = neap__infer_exact,
    NEAP__FUSED(divide),
    NEAP__GRADIENT(divide_gradient, 0),
};

/* A program of one step, which for integers runs once no divisor is 0. */
static int bind_division(neap__binding *b)
{
    int status = neap__bind_step(b, b->node->op->element);
    if (status || !neap__is_integer(b->out->dtype))
        return status;
    neap__divide_args *args = neap__arena_alloc(b->arena, sizeof *args, b->err);
    if (!args)
        return NEAP_ENOMEM;
    args->program = b->args;
    args->width = (int)neap_dtype_size(b->out->dtype);
    args->divisors = neap__shape_size(&b->in[1].shape);
    args->shape = b->out->shape;
    neap__broadcast_strides(&b->in[1].shape, &b->out->shape, args->y);
    b->kernel = neap__cpu_divide;
    b->args = args;
    b->in_place = 3;
    return NEAP_OK;
}

NEAP_OP(floor_divide) = {
    NEAP__NAMED("floor_divide"),
    .info.doc =
        "The largest whole number not above x / y, element by element with "
        "broadcasting. Integers wrap; a y of 0 among them is an error of the run.",
    .info.inputs = "x y",
    .dtypes = NEAP__NUMERIC,
    .effects = NEAP__FALLIBLE,
    .element = NEAP__ELEMENT_floor_divide,
    .infer = neap__infer_exact,
    NEAP__BOUND(bind_division),
    NEAP__ZERO_GRADIENT(0),
};

/* x mod y = x - y floor(x / y), whose last factor is piecewise constant. */
static void mod_gradient(neap__grad *g)
{
    if (neap__wants(g, 0))
        g->dx[0] = neap__sum_to(g, g->dy, g->x[0]);
    if (neap__wants(g, 1)) {
        neap_node *count = neap__binary(g, &neap__op_floor_divide, g->x[0], g->x[1]);
        g->dx[1] = neap__sum_to(g, neap__neg(g, neap__mul(g, g->dy, count)), g->x[1]);
    }
}

NEAP_OP(mod) = {
    NEAP__NAMED("mod"),
    .info.doc = "What floor_divide leaves of x, with the sign of y, element by element "
                "with broadcasting; NaN where y is 0, which among integers is an error "
                "of the run.",
    .info.inputs = "x y",
    .dtypes = NEAP__NUMERIC,
    .effects = NEAP__FALLIBLE,
    .element = NEAP__ELEMENT_mod,
    .infer = neap__infer_exact,
    NEAP__BOUND(bind_division),
    NEAP__GRADIENT(mod_gradient, 0),
};

/* y x^(y - 1), and 0 where y is 0: so that the third derivative of x^2 at 0 is 0, not 0
 * times infinity. The exponent stays a node, for a constant may be fed too. */
static neap_node *pow_slope(neap__grad *g)
{
    neap_node *y = g->x[1], *one = neap__number(g, y, 1);
    neap_node *none = neap__binary(g, &neap__op_equal, y, neap__number(g, y, 0));
    neap_node *choice[] = {none, one, neap__sub(g, y, one)};
    neap_node *less = neap__derive(g, &neap__op_where, choice, 3, NULL, 0);
    return neap__mul(g, y, neap__binary(g, &neap__op_pow, g->x[0], less));
}

/* The logarithm of x where it is above 0, else 0; its own gradient is finite
 * everywhere. */
static neap_node *safe_log(neap__grad *g, neap_node *x)
{
    neap_node *above = neap__binary(g, &neap__op_greater, x, neap__number(g, x, 0));
    neap_node *choice[] = {above, x, neap__number(g, x, 1)};
    return neap__unary(g, &neap__op_log,
                       neap__derive(g, &neap__op_where, choice, 3, NULL, 0));
}

static void pow_gradient(neap__grad *g)
{
    if (neap__wants(g, 0))
        g->dx[0] = neap__sum_to(g, neap__mul(g, g->dy, pow_slope(g)), g->x[0]);
    if (neap__wants(g, 1)) {
        neap_node *slope = neap__mul(g, g->y, safe_log(g, g->x[0]));
        g->dx[1] = neap__sum_to(g, neap__mul(g, g->dy, slope), g->x[1]);
    }
}

/* Floating powers are rounded as the instruction set has them. */
static int infer_pow(neap__inference *i)
{
    return neap__is_integer(i->in[0].dtype) ? neap__infer_exact(i)
                                            : neap__infer_broadcast(i);
}

NEAP_OP(pow) = {
    NEAP__NAMED("pow"),
    .info.doc =
        "x to the power of y, element by element with broadcasting; NaN for a negative x "
        "and a y that is not whole. Integers wrap; a negative integer y gives 0, or 1 "
        "and -1 their own. The gradient for y is 0 where x is not above 0.",
    .info.inputs = "x y",
    .dtypes = NEAP__NUMERIC,
    .infer = infer_pow,
    NEAP__FUSED(pow),
    NEAP__GRADIENT(pow_gradient, 0),
};

/* The gradient goes to y where `beaten` says so of x and y, else (ties too) to x. */
static void choice_gradient(neap__grad *g, const neap__op *beaten)
{
    neap_node *condition = neap__binary(g, beaten, g->x[0], g->x[1]);
    neap_node *zero = neap__number(g, g->dy, 0);
    neap_node *to_x[] = {condition, zero, g->dy}, *to_y[] = {condition, g->dy, zero};
    if (neap__wants(g, 0))
        g->dx[0] =
            neap__sum_to(g, neap__derive(g, &neap__op_where, to_x, 3, NULL, 0), g->x[0]);
    if (neap__wants(g, 1))
        g->dx[1] =
            neap__sum_to(g, neap__derive(g, &neap__op_where, to_y, 3, NULL, 0), g->x[1]);
}

static void maximum_gradient(neap__grad *g) { choice_gradient(g, &neap__op_less); }
static void minimum_gradient(neap__grad *g) { choice_gradient(g, &neap__op_greater); }

NEAP_OP(maximum) = {
    NEAP__NAMED("maximum"),
    .info.doc = "The greater of x and y, element by element with broadcasting; NaN where "
                "either is. Where they are equal the gradient goes to x.",
    .info.inputs = "x y",
    .dtypes = NEAP__NUMERIC,
    .infer = neap__infer_exact,
    NEAP__FUSED(maximum),
    NEAP__GRADIENT(maximum_gradient, 0),
};

NEAP_OP(minimum) = {
    NEAP__NAMED("minimum"),
    .info.doc = "The lesser of x and y, element by element with broadcasting; NaN where "
                "either is. Where they are equal the gradient goes to x.",
    .info.inputs = "x y",
    .dtypes = NEAP__NUMERIC,
    .infer = neap__infer_exact,
    NEAP__FUSED(minimum),
    NEAP__GRADIENT(minimum_gradient, 0),
};
