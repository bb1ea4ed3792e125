/* pad.c - values with more around them, and values turned round: every axis of the result
 * is put together from pieces of that axis of x (cpu/pieces.h). */
#include "ops/family.h"

#include "cpu/pieces.h"

#include <inttypes.h>
#include <string.h>

/* What is known of x gives what is known of the result, as the pieces say. */
static int know_pieces(neap__inference *i, const neap__pieces_args *a)
{
    const neap__known *x = i->in[0].known;
    const int64_t count = neap__knowable(i->out->dtype, &i->out->shape);
    if (!x || count < 0)
        return NEAP_OK;
    neap__known *k = neap__known_new(i->arena, x->dtype, count, i->err);
    for (int64_t e = 0; k && e < count; e++) {
        const int64_t from = neap__pieces_source(a, e);
        if (from < 0)
            neap__known_put(k, e, a->value);
        else if (neap__knows(x, from))
            neap__known_put(k, e, neap__known_element(x, from));
    }
    return k ? neap__know(i, neap__known_end(k)) : NEAP_ENOMEM;
}

/* ---- pad ------------------------------------------------------------------------- */

typedef enum mode { CONSTANT, REFLECT, SYMMETRIC, EDGE } mode;

static mode mode_of(const neap_node *n)
{
    const char *name = neap__attribute(n, "mode")->string;
    return !strcmp(name, "reflect")     ? REFLECT
           : !strcmp(name, "symmetric") ? SYMMETRIC
           : !strcmp(name, "edge")      ? EDGE
                                        : CONSTANT;
}

/* The most that an axis of so many elements can be padded by. */
static int64_t most(mode m, int64_t size)
{
    switch (m) {
    case REFLECT:
        return size > 0 ? size - 1 : 0;
    case SYMMETRIC:
        return size;
    case EDGE:
        return size > 0 ? INT64_MAX : 0;
    default:
        return INT64_MAX;
    }
}

/* One axis: `size` elements of x, or -1. */
static int check_axis(const neap_node *n, int d, int64_t size, neap_error *err)
{
    const neap_pair by = neap__attribute(n, "paddings")->pairs[d];
    const mode m = mode_of(n);
    if (by.first < 0 || by.second < 0)
        return neap__fail(err, NEAP_ERANGE,
                          "paddings[%d] = (%" PRId64 ", %" PRId64 ") is negative", d,
                          by.first, by.second);
    if (size < 0 || (by.first <= most(m, size) && by.second <= most(m, size)))
        return NEAP_OK;
    return neap__fail(err, NEAP_ERANGE,
                      "paddings[%d] = (%" PRId64 ", %" PRId64
                      ") is more than mode \"%s\" has in dimension %" PRId64,
                      d, by.first, by.second, neap__attribute(n, "mode")->string, size);
}

static int check_rank(const neap_node *n, const neap__shape *s, neap_error *err)
{
    const size_t count = neap__attribute(n, "paddings")->count;
    if (s->rank >= 0 ? count == (size_t)s->rank : count <= NEAP_MAX_RANK)
        return NEAP_OK;
    if (s->rank < 0)
        return neap__fail(err, NEAP_ELIMIT, "paddings has more than %d entries",
                          NEAP_MAX_RANK);
    return neap__fail(err, NEAP_ESHAPE, "paddings has %zu entr%s, for rank %d", count,
                      count == 1 ? "y" : "ies", s->rank);
}

/* An axis padded: what comes before it, the axis, what comes after it. */
static neap__axis_pieces padded(mode m, int64_t size, neap_pair by)
{
    const int64_t last = size - 1, skip = m == REFLECT ? 1 : 0;
    const int step = m == EDGE ? 0 : -1;
    neap__piece before = {0, m == EDGE ? 0 : by.first - 1 + skip, by.first, step,
                          m == CONSTANT},
                middle = {by.first, 0, size, 1, false},
                after = {by.first + size, m == EDGE ? last : last - skip, by.second, step,
                         m == CONSTANT};
    neap__axis_pieces axis = {size + by.first + by.second, size, 0, {{0}}};
    if (by.first > 0)
        axis.piece[axis.count++] = before;
    axis.piece[axis.count++] = middle;
    if (by.second > 0)
        axis.piece[axis.count++] = after;
    return axis;
}

/* The pieces of x (of this shape) that make the padded value. */
static neap__pieces_args pad_pieces(const neap_node *n, const neap__shape *x,
                                    neap_dtype dtype)
{
    const neap_pair *paddings = neap__attribute(n, "paddings")->pairs;
    neap__pieces_args args = {
        .dtype = dtype, .width = neap_dtype_size(dtype), .rank = x->rank, .inner = 1};
    for (int d = 0; d < x->rank; d++)
        args.axes[d] = padded(mode_of(n), x->dims[d], paddings[d]);
    return args;
}

static neap__pieces_args *bind_pieces(neap__binding *b, const neap__pieces_args *pieces)
{
    neap__pieces_args *args = neap__arena_alloc(b->arena, sizeof *args, b->err);
    if (!args)
        return NULL;
    *args = *pieces;
    neap__pieces_fix(args);
    b->kernel = neap__cpu_pieces;
    b->args = args;
    return args;
}

static int infer_pad(neap__inference *i)
{
    const neap__value *paddings = neap__attribute(i->node, "paddings");
    const neap__shape *x = &i->in[0].shape;
    const int rank = (int)paddings->count;
    unsigned char value[8];
    int64_t dims[NEAP_MAX_RANK];
    i->out->dtype = i->in[0].dtype;
    int status = check_rank(i->node, x, i->err);
    status = status ? status
                    : neap__element_of(i->node, "constant_value", i->out->dtype, value,
                                       i->err);
    for (int d = 0; d < rank && !status; d++) {
        const neap_pair by = paddings->pairs[d];
        const int64_t size = x->rank < 0 ? -1 : x->dims[d];
        status = check_axis(i->node, d, size, i->err);
        dims[d] = -1;
        if (!status && size >= 0 &&
            (!neap__add_int(size, by.first, &dims[d]) ||
             !neap__add_int(dims[d], by.second, &dims[d])))
            status = neap__fail(i->err, NEAP_ELIMIT, "dimension %d is too large", d);
    }
    if (status)
        return status;
    if (!neap__shape_make(&i->out->shape, rank, dims, true, "the result", i->err))
        return neap__told(i->err);
    if (!i->in[0].known)
        return NEAP_OK;
    neap__pieces_args pieces = pad_pieces(i->node, x, i->out->dtype);
    memcpy(pieces.value, value, sizeof value);
    return know_pieces(i, &pieces);
}

static int bind_pad(neap__binding *b)
{
    const neap__pieces_args pieces = pad_pieces(b->node, &b->in[0].shape, b->out->dtype);
    neap__pieces_args *args = bind_pieces(b, &pieces);
    return args ? neap__element_of(b->node, "constant_value", b->out->dtype, args->value,
                                   b->err)
                : NEAP_ENOMEM;
}

static void pad_gradient(neap__grad *g)
{
    const neap_attribute attributes[] = {neap__given(g->node, "paddings"),
                                         neap__given(g->node, "mode")};
    if (neap__wants(g, 0))
        g->dx[0] = neap__derive(g, &neap__op_pad_gradient, &g->dy, 1, attributes, 2);
}

#define MODE                                                                             \
    {                                                                                    \
        .name = "mode", .kind = NEAP_KIND_STRING,                                        \
        .fallback = {.name = "mode", .kind = NEAP_KIND_STRING, .string = "constant"},    \
        .choices = "constant|reflect|symmetric|edge"                                     \
    }

NEAP_OP(pad) = {
    NEAP__NAMED("pad"),
    .info.doc =
        "x with more elements around it: paddings[i] are how many before and after axis "
        "i. They are constant_value, or as `mode` says: \"reflect\" mirrors x at its "
        "first and last element, \"symmetric\" mirrors these too, \"edge\" repeats them.",
    .info.inputs = "x",
    NEAP__ROWS(NEAP__ROW("paddings", PAIRS, NEAP_ATTRIBUTE_REQUIRED), MODE,
               NEAP__SCALAR("constant_value", 0)),
    .dtypes = NEAP__ANY,
    .infer = infer_pad,
    NEAP__BOUND(bind_pad),
    NEAP__GRADIENT(pad_gradient, 0),
};

static int infer_pad_gradient(neap__inference *i)
{
    const neap__value *paddings = neap__attribute(i->node, "paddings");
    const neap__shape *dy = &i->in[0].shape;
    int64_t dims[NEAP_MAX_RANK];
    i->out->dtype = i->in[0].dtype;
    int status = check_rank(i->node, dy, i->err);
    for (int d = 0; d < (int)paddings->count && !status; d++) {
        const neap_pair by = paddings->pairs[d];
        const int64_t size = dy->rank < 0 ? -1 : dy->dims[d];
        status = check_axis(i->node, d, -1, i->err);
        dims[d] = -1;
        if (!status && size >= 0 && (by.first > size || by.second > size - by.first))
            status = neap__fail(i->err, NEAP_ESHAPE,
                                "dimension %d is %" PRId64 ", less than its paddings", d,
                                size);
        else if (!status && size >= 0)
            dims[d] = size - by.first - by.second;
        status = status ? status : check_axis(i->node, d, dims[d], i->err);
    }
    if (status)
        return status;
    return neap__shape_make(&i->out->shape, (int)paddings->count, dims, true,
                            "the result", i->err)
               ? NEAP_OK
               : neap__told(i->err);
}

/* Where no element of x was put twice, it is the middle of dy. */
static int bind_pad_gradient(neap__binding *b)
{
    const neap_pair *by = neap__attribute(b->node, "paddings")->pairs;
    int64_t strides[NEAP_MAX_RANK], offset = 0;
    if (mode_of(b->node) == CONSTANT) {
        neap__strides(&b->in[0].shape, strides);
        for (int d = 0; d < b->out->shape.rank; d++)
            offset += by[d].first * strides[d];
        return neap__bind_copy(b, strides, offset);
    }
    const neap__pieces_args pieces = pad_pieces(b->node, &b->out->shape, b->out->dtype),
                            *args = bind_pieces(b, &pieces);
    if (!args)
        return NEAP_ENOMEM;
    b->kernel = neap__cpu_pieces_sum;
    b->scratch = neap__pieces_scratch(args, b->workers);
    return NEAP_OK;
}

/* It is linear, and pad with zeros for the constant is its adjoint. */
static void pad_gradient_gradient(neap__grad *g)
{
    const neap_attribute attributes[] = {neap__given(g->node, "paddings"),
                                         neap__given(g->node, "mode")};
    if (neap__wants(g, 0))
        g->dx[0] = neap__derive(g, &neap__op_pad, &g->dy, 1, attributes, 2);
}

NEAP_OP(pad_gradient) = {
    NEAP__NAMED("pad_gradient"),
    .info.doc = "The gradient of pad: each element is the sum of those of dy that it was "
                "put to.",
    .info.inputs = "dy",
    NEAP__ROWS(NEAP__ROW("paddings", PAIRS, NEAP_ATTRIBUTE_REQUIRED), MODE),
    .dtypes = NEAP__FLOATING,
    .infer = infer_pad_gradient,
    NEAP__BOUND(bind_pad_gradient),
    NEAP__GRADIENT(pad_gradient_gradient, NEAP_OP_INTERNAL),
};

/* ---- roll ------------------------------------------------------------------------ */

static int check_roll(const neap_node *n, const neap__shape *x, neap_error *err)
{
    const neap__value *shift = neap__attribute(n, "shift"),
                      *axis = neap__attribute(n, "axis");
    int d, status = NEAP_OK;
    if (shift->count != axis->count)
        return neap__fail(err, NEAP_EARG, "shift has %zu entr%s, axis has %zu",
                          shift->count, shift->count == 1 ? "y" : "ies", axis->count);
    for (size_t k = 0; k < axis->count && x->rank >= 0 && !status; k++)
        if (!neap__axis(axis->integers[k], x->rank, &d, err))
            status = neap__told(err);
    return status;
}

/* How far each axis is rolled, from 0 up to its size: shifts of one axis add up. */
static void find_shifts(const neap_node *n, const neap__shape *x,
                        int64_t shifts[NEAP_MAX_RANK])
{
    const neap__value *shift = neap__attribute(n, "shift"),
                      *axis = neap__attribute(n, "axis");
    for (int d = 0; d < x->rank; d++)
        shifts[d] = 0;
    for (size_t k = 0; k < axis->count; k++) {
        int d = 0;
        neap__axis(axis->integers[k], x->rank, &d, NULL);
        const int64_t size = x->dims[d];
        if (size == 0)
            continue;
        shifts[d] += shift->integers[k] % size;
        if (shifts[d] < 0)
            shifts[d] += size;
        else if (shifts[d] >= size)
            shifts[d] -= size;
    }
}

static neap__pieces_args roll_pieces(const neap_node *n, const neap__shape *x,
                                     neap_dtype dtype)
{
    int64_t shifts[NEAP_MAX_RANK];
    neap__pieces_args args = {
        .dtype = dtype, .width = neap_dtype_size(dtype), .rank = x->rank, .inner = 1};
    find_shifts(n, x, shifts);
    for (int d = 0; d < x->rank; d++) {
        const int64_t size = x->dims[d], s = shifts[d];
        neap__axis_pieces axis = {size, size, 0, {{0}}};
        if (s > 0)
            axis.piece[axis.count++] = (neap__piece){0, size - s, s, 1, false};
        axis.piece[axis.count++] = (neap__piece){s, 0, size - s, 1, false};
        args.axes[d] = axis;
    }
    return args;
}

static int infer_roll(neap__inference *i)
{
    i->out->dtype = i->in[0].dtype;
    i->out->shape = i->in[0].shape;
    int status = check_roll(i->node, &i->in[0].shape, i->err);
    if (status || !i->in[0].known)
        return status;
    const neap__pieces_args pieces = roll_pieces(i->node, &i->in[0].shape, i->out->dtype);
    return know_pieces(i, &pieces);
}

static int bind_roll(neap__binding *b)
{
    const neap__pieces_args pieces = roll_pieces(b->node, &b->in[0].shape, b->out->dtype);
    return bind_pieces(b, &pieces) ? NEAP_OK : NEAP_ENOMEM;
}

/* Rolled back: by the negative shifts. That of the lowest integer is no integer, and so is
 * two shifts of the same axis. */
static void roll_gradient(neap__grad *g)
{
    const neap__value *shift = neap__attribute(g->node, "shift"),
                      *axis = neap__attribute(g->node, "axis");
    const size_t bytes = 4 * shift->count * sizeof(int64_t);
    int64_t *back = neap__alloc(g->graph->account, bytes, NEAP_MEMORY_SMALL, g->err);
    if (!back)
        return;
    int64_t *axes = back + 2 * shift->count;
    size_t count = 0;
    for (size_t k = 0; k < shift->count; k++) {
        const bool lowest = shift->integers[k] == INT64_MIN;
        back[count] = lowest ? INT64_MAX : -shift->integers[k];
        axes[count++] = axis->integers[k];
        if (lowest) {
            back[count] = 1;
            axes[count++] = axis->integers[k];
        }
    }
    const neap_attribute attributes[] = {neap_attribute_ints("shift", back, count),
                                         neap_attribute_ints("axis", axes, count)};
    if (neap__wants(g, 0))
        g->dx[0] = neap__derive(g, &neap__op_roll, &g->dy, 1, attributes, 2);
    neap__free(g->graph->account, back, bytes, NEAP_MEMORY_SMALL);
}

NEAP_OP(roll) = {
    NEAP__NAMED("roll"),
    .info.doc =
        "x with its elements moved by `shift` places along an axis, what leaves at one "
        "end coming in at the other; or by several shifts, each along the axis in its "
        "place, those of one axis adding up.",
    .info.inputs = "x",
    NEAP__ROWS(NEAP__ROW("shift", INTS, NEAP_ATTRIBUTE_REQUIRED),
               NEAP__ROW("axis", INTS, NEAP_ATTRIBUTE_REQUIRED)),
    .dtypes = NEAP__ANY,
    .infer = infer_roll,
    NEAP__BOUND(bind_roll),
    NEAP__GRADIENT(roll_gradient, 0),
};
