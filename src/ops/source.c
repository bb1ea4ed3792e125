/* source.c - operations that make values from nothing: what is fed, kept, fixed,
 * filled or drawn. */
#include "cpu/move.h"
#include "cpu/random.h"
#include "ops/family.h"

#include <math.h>
#include <string.h>

/* ---- Fed, kept, fixed -------------------------------------------------------------- */

static int infer_placeholder(neap__inference *i)
{
    const neap__value *shape = neap__attribute(i->node, "shape");
    int status = neap__dtype_of(i, "dtype", NEAP__ANY, &i->out->dtype);
    if (status)
        return status;
    const int rank = shape->kind == NEAP_KIND_NONE  ? -1
                     : shape->count > NEAP_MAX_RANK ? NEAP_MAX_RANK + 1
                                                    : (int)shape->count;
    return neap__shape_make(&i->out->shape, rank, shape->integers, true, "shape", i->err)
               ? NEAP_OK
               : neap__told(i->err);
}

NEAP_OP(placeholder) = {
    NEAP__NAMED("placeholder"),
    .info.doc =
        "A value that is fed when a run needs it, of this dtype and of a shape that fits "
        "`shape`, in which -1 is any size; without one, any shape will do.",
    .info.inputs = "",
    NEAP__ROWS(NEAP__DTYPE("dtype", NEAP_FLOAT32),
               NEAP__ROW("shape", INTS, NEAP_ATTRIBUTE_SHAPE)),
    .list = NEAP_PLACEHOLDERS,
    .infer = infer_placeholder,
    .lowering = NEAP__LOWER_SOURCE,
    NEAP__ZERO_GRADIENT(NEAP_OP_SOURCE | NEAP_OP_SPECIAL),
};

static int infer_variable(neap__inference *i)
{
    i->out->dtype = i->node->initial->fact.dtype;
    i->out->shape = i->node->initial->fact.shape;
    return NEAP_OK;
}

NEAP_OP(variable) = {
    NEAP__NAMED("variable"),
    .info.doc = "A value that the session keeps from run to run. Its dtype and shape are "
                "those of its initial value (a number, table, tensor or node); "
                "optimizers train it unless `trainable` is false.",
    .info.inputs = "",
    NEAP__ROWS(NEAP__ROW("initial", NODE, NEAP_ATTRIBUTE_REQUIRED),
               NEAP__FLAG("trainable", 1)),
    .list = NEAP_VARIABLES,
    .effects = NEAP__READS,
    .infer = infer_variable,
    .lowering = NEAP__LOWER_SOURCE,
    NEAP__ZERO_GRADIENT(NEAP_OP_SOURCE | NEAP_OP_SPECIAL),
};

static int infer_constant(neap__inference *i)
{
    const neap_tensor *value = neap__attribute(i->node, "value")->tensor;
    i->out->dtype = value->dtype;
    i->out->shape = value->shape;
    return neap__know(
        i, neap__known_of(value->dtype, &value->shape, value->data, i->arena, i->err));
}

NEAP_OP(constant) = {
    NEAP__NAMED("constant"),
    .info.doc = "A fixed value.",
    .info.inputs = "",
    NEAP__ROWS(NEAP__ROW("value", TENSOR, NEAP_ATTRIBUTE_REQUIRED)),
    .infer = infer_constant,
    .lowering = NEAP__LOWER_SOURCE,
    NEAP__ZERO_GRADIENT(NEAP_OP_SOURCE | NEAP_OP_SPECIAL),
};

/* ---- Filled ------------------------------------------------------------------------ */

/* The result filled with one element, which `value` points to. */
static int bind_fill(neap__binding *b, const void *value)
{
    neap__fill_args *args = neap__arena_alloc(b->arena, sizeof *args, b->err);
    if (!args)
        return NEAP_ENOMEM;
    args->width = neap_dtype_size(b->out->dtype);
    args->count = neap__shape_size(&b->out->shape);
    memcpy(args->value, value, args->width);
    b->kernel = neap__cpu_fill;
    b->args = args;
    return NEAP_OK;
}

static int bind_integer(neap__binding *b, int64_t value)
{
    uint64_t element = 0;
    neap__store_integer(b->out->dtype, &element, 0, value);
    return bind_fill(b, &element);
}

static int infer_filled(neap__inference *i, int64_t value)
{
    int status = neap__dtype_of(i, "dtype", NEAP__ANY, &i->out->dtype);
    status = status ? status : neap__dims(i, "shape", &i->out->shape);
    return status ? status : neap__know_all(i, value);
}

static int infer_zeros(neap__inference *i) { return infer_filled(i, 0); }
static int infer_ones(neap__inference *i) { return infer_filled(i, 1); }
static int bind_zeros(neap__binding *b) { return bind_integer(b, 0); }
static int bind_ones(neap__binding *b) { return bind_integer(b, 1); }

NEAP_OP(zeros) = {
    NEAP__NAMED("zeros"),
    .info.doc = "A value of this shape, all zeros (false for bool).",
    .info.inputs = "",
    NEAP__ROWS(NEAP__SIZES("shape"), NEAP__DTYPE("dtype", NEAP_FLOAT32)),
    .infer = infer_zeros,
    NEAP__BOUND(bind_zeros),
    NEAP__ZERO_GRADIENT(NEAP_OP_SOURCE),
};

NEAP_OP(ones) = {
    NEAP__NAMED("ones"),
    .info.doc = "A value of this shape, all ones (true for bool).",
    .info.inputs = "",
    NEAP__ROWS(NEAP__SIZES("shape"), NEAP__DTYPE("dtype", NEAP_FLOAT32)),
    .infer = infer_ones,
    NEAP__BOUND(bind_ones),
    NEAP__ZERO_GRADIENT(NEAP_OP_SOURCE),
};

static int infer_fill(neap__inference *i)
{
    const neap_tensor *value = neap__attribute(i->node, "value")->tensor;
    if (value->shape.rank) {
        char text[NEAP__SHAPE_SIZE];
        return neap__fail(i->err, NEAP_ESHAPE, "value must have rank 0, got shape %s",
                          neap__shape_text(text, &value->shape));
    }
    i->out->dtype = value->dtype;
    int status = neap__dims(i, "dims", &i->out->shape);
    return status ? status : neap__know_filled(i, value->data);
}

static int bind_value(neap__binding *b)
{
    return bind_fill(b, neap__attribute(b->node, "value")->tensor->data);
}

NEAP_OP(fill) = {
    NEAP__NAMED("fill"),
    .info.doc =
        "A value of shape `dims`, every element of which is `value`, whose dtype it has.",
    .info.inputs = "",
    NEAP__ROWS(NEAP__SIZES("dims"), NEAP__ROW("value", TENSOR, NEAP_ATTRIBUTE_REQUIRED)),
    .infer = infer_fill,
    NEAP__BOUND(bind_value),
    NEAP__ZERO_GRADIENT(NEAP_OP_SOURCE),
};

static int infer_like(neap__inference *i, int64_t value)
{
    i->out->dtype = i->in[0].dtype;
    i->out->shape = i->in[0].shape;
    return neap__know_all(i, value);
}

static int infer_zeros_like(neap__inference *i) { return infer_like(i, 0); }
static int infer_ones_like(neap__inference *i) { return infer_like(i, 1); }

NEAP_OP(zeros_like) = {
    NEAP__NAMED("zeros_like"),
    .info.doc = "Zeros of the shape and dtype of x, whose elements are not read.",
    .info.inputs = "x",
    .dtypes = NEAP__ANY,
    .shape_only = 1,
    .infer = infer_zeros_like,
    NEAP__BOUND(bind_zeros),
    NEAP__ZERO_GRADIENT(0),
};

NEAP_OP(ones_like) = {
    NEAP__NAMED("ones_like"),
    .info.doc = "Ones of the shape and dtype of x, whose elements are not read.",
    .info.inputs = "x",
    .dtypes = NEAP__ANY,
    .shape_only = 1,
    .infer = infer_ones_like,
    NEAP__BOUND(bind_ones),
    NEAP__ZERO_GRADIENT(0),
};

/* ---- Drawn ------------------------------------------------------------------------- */

#define SEED NEAP__ROW("seed", INT, 0)

static int bad_number(neap_error *err, const char *must, const neap__value *v)
{
    char number[NEAP__NUMBER_SIZE];
    return neap__fail(err, NEAP_ERANGE, "%s, got %s", must, neap__value_text(number, v));
}

static int check_finite(const neap__inference *i, const char *name, bool negative)
{
    const double number = neap__number_of(i->node, name);
    if (isfinite(number) && (negative || number >= 0))
        return NEAP_OK;
    char must[64];
    neap__text text = neap__text_over(must, sizeof must);
    neap__text_add(&text, "%s must be finite%s", name, negative ? "" : " and 0 or more");
    return bad_number(i->err, must, neap__attribute(i->node, name));
}

/* A bound of an integer draw, exactly, as the bits of its 64; false where it is no whole
 * number, or where the dtype does not hold it (`above`: the number before it, for it is
 * not drawn itself). */
static bool whole_bound(const neap_node *n, const char *name, neap_dtype dtype,
                        bool above, int64_t *bits)
{
    const neap__value *v = neap__attribute(n, name);
    const double x = v->number, most = dtype == NEAP_UINT64 ? 0x1p64 : 0x1p63;
    uint64_t element;
    if (v->kind == NEAP_KIND_FLOAT) {
        if (x != floor(x) || x < -0x1p63 || x > most)
            return false;
        *bits = x < 0 ? (int64_t)x : x < 0x1p64 ? (int64_t)(uint64_t)x : 0;
        if (dtype == NEAP_UINT64)
            return x >= above;
    } else {
        *bits = v->integer;
    }
    return neap__store_integer(dtype, &element, 0, (int64_t)((uint64_t)*bits - above));
}

/* a < b, exactly, whichever of them are integers; both are finite. */
static bool is_below(const neap__value *a, const neap__value *b)
{
    const bool low = a->kind == NEAP_KIND_INT, high = b->kind == NEAP_KIND_INT;
    if (low && high)
        return a->integer < b->integer;
    if (!low && !high)
        return a->number < b->number;
    const double number = low ? b->number : a->number;
    if (number >= 0x1p63 || number < -0x1p63)
        return low ? number > 0 : number < 0;
    return low ? a->integer < (int64_t)ceil(number) : (int64_t)floor(number) < b->integer;
}

/* Bounds of an integer draw: whole numbers that the dtype holds (the upper one is not
 * drawn). */
static int check_bounds(const neap__inference *i)
{
    int64_t bits;
    const neap_node *n = i->node;
    if (!whole_bound(n, "minval", i->out->dtype, false, &bits))
        return bad_number(i->err, "minval must be a whole number within the dtype",
                          neap__attribute(n, "minval"));
    if (!is_below(neap__attribute(n, "minval"), neap__attribute(n, "maxval")))
        return bad_number(i->err, "maxval must be above minval",
                          neap__attribute(n, "maxval"));
    if (!whole_bound(n, "maxval", i->out->dtype, true, &bits))
        return bad_number(i->err, "maxval must be a whole number within the dtype",
                          neap__attribute(n, "maxval"));
    return NEAP_OK;
}

static int infer_uniform(neap__inference *i)
{
    int status = neap__dtype_of(i, "dtype", NEAP__FLOAT | NEAP__INTEGER, &i->out->dtype);
    status = status ? status : neap__dims(i, "shape", &i->out->shape);
    status = status ? status : check_finite(i, "minval", true);
    status = status ? status : check_finite(i, "maxval", true);
    if (status)
        return status;
    if (neap__is_integer(i->out->dtype))
        return check_bounds(i);
    if (!is_below(neap__attribute(i->node, "minval"), neap__attribute(i->node, "maxval")))
        return bad_number(i->err, "maxval must be above minval",
                          neap__attribute(i->node, "maxval"));
    return NEAP_OK;
}

static int infer_normal(neap__inference *i)
{
    int status = neap__dtype_of(i, "dtype", NEAP__FLOAT, &i->out->dtype);
    status = status ? status : neap__dims(i, "shape", &i->out->shape);
    if (status)
        return status;
    status = check_finite(i, "mean", true);
    return status ? status : check_finite(i, "stddev", false);
}

static int bind_random(neap__binding *b, neap__distribution distribution,
                       const char *first, const char *second)
{
    neap__random_args *args = neap__arena_alloc(b->arena, sizeof *args, b->err);
    if (!args)
        return NEAP_ENOMEM;
    args->dtype = b->out->dtype;
    args->distribution = distribution;
    args->count = neap__shape_size(&b->out->shape);
    args->a = neap__number_of(b->node, first);
    args->b = neap__number_of(b->node, second);
    if (neap__is_integer(args->dtype)) {
        whole_bound(b->node, first, args->dtype, false, &args->low);
        whole_bound(b->node, second, args->dtype, true, &args->high);
    }
    args->seed = b->node->seed;
    b->kernel = neap__cpu_random;
    b->args = args;
    return NEAP_OK;
}

static int bind_uniform(neap__binding *b)
{
    return bind_random(b, NEAP__UNIFORM, "minval", "maxval");
}
static int bind_normal(neap__binding *b)
{
    return bind_random(b, NEAP__NORMAL, "mean", "stddev");
}
static int bind_truncated(neap__binding *b)
{
    return bind_random(b, NEAP__TRUNCATED, "mean", "stddev");
}

NEAP_OP(random_uniform) = {
    NEAP__NAMED("random_uniform"),
    .info.doc =
        "Draws, evenly spread over [minval, maxval), fresh in every run. For "
        "integers the bounds are whole numbers. The same seeds give the same numbers.",
    .info.inputs = "",
    NEAP__ROWS(NEAP__SIZES("shape"), NEAP__NUMBER("minval", 0, 0),
               NEAP__NUMBER("maxval", 1, 0), NEAP__DTYPE("dtype", NEAP_FLOAT32), SEED),
    .effects = NEAP__RANDOM,
    .infer = infer_uniform,
    NEAP__BOUND(bind_uniform),
    NEAP__ZERO_GRADIENT(NEAP_OP_SOURCE),
};

NEAP_OP(random_normal) = {
    NEAP__NAMED("random_normal"),
    .info.doc = "Draws from the normal distribution of this mean and standard deviation, "
                "fresh in every run. The same seeds give the same numbers.",
    .info.inputs = "",
    NEAP__ROWS(NEAP__SIZES("shape"), NEAP__REAL("mean", 0), NEAP__REAL("stddev", 1),
               NEAP__DTYPE("dtype", NEAP_FLOAT32), SEED),
    .effects = NEAP__RANDOM,
    .infer = infer_normal,
    NEAP__BOUND(bind_normal),
    NEAP__ZERO_GRADIENT(NEAP_OP_SOURCE),
};

NEAP_OP(truncated_normal) = {
    NEAP__NAMED("truncated_normal"),
    .info.doc = "As random_normal, but what is more than two standard deviations from "
                "the mean is drawn again.",
    .info.inputs = "",
    NEAP__ROWS(NEAP__SIZES("shape"), NEAP__REAL("mean", 0), NEAP__REAL("stddev", 1),
               NEAP__DTYPE("dtype", NEAP_FLOAT32), SEED),
    .effects = NEAP__RANDOM,
    .infer = infer_normal,
    NEAP__BOUND(bind_truncated),
    NEAP__ZERO_GRADIENT(NEAP_OP_SOURCE),
};
