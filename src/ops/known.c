/* known.c - values that are known before anything is computed, through operations.
 *
 * What inference says has to be what the kernels would give, bit for bit, whatever the
 * instruction set: so only functions that are rounded the same way everywhere are
 * evaluated here (arithmetic, comparisons, choices, casts), by the kernels' own code. */
#include "cpu/element.h"
#include "ops/family.h"

#include <string.h>

/* ---- Kept, where the result is of a kind whose values travel ----------------------- */

int neap__know(neap__inference *i, const neap__known *k)
{
    if (k && k->count == neap__knowable(i->out->dtype, &i->out->shape))
        i->out->known = k;
    return neap__failed(i->err) ? neap__told(i->err) : NEAP_OK;
}

int neap__know_same(neap__inference *i) { return neap__know(i, i->in[0].known); }

int neap__know_picked(neap__inference *i, const int64_t *steps, int64_t offset)
{
    const neap__known *x = i->in[0].known;
    const neap__shape *out = &i->out->shape;
    const int64_t count = neap__knowable(i->out->dtype, out);
    if (!x || count < 0)
        return NEAP_OK;
    neap__known *k = neap__known_new(i->arena, x->dtype, count, i->err);
    for (int64_t e = 0; k && e < count; e++) {
        int64_t from = offset, rest = e;
        for (int d = out->rank - 1; d >= 0; d--) {
            from += rest % out->dims[d] * steps[d];
            rest /= out->dims[d];
        }
        if (neap__knows(x, from))
            neap__known_put(k, e, neap__known_element(x, from));
    }
    return k ? neap__know(i, neap__known_end(k)) : NEAP_ENOMEM;
}

int neap__know_filled(neap__inference *i, const void *element)
{
    const int64_t count = neap__knowable(i->out->dtype, &i->out->shape);
    if (count < 0)
        return NEAP_OK;
    return neap__know(
        i, neap__known_at(i->arena, i->out->dtype, count, element, true, i->err));
}

int neap__know_all(neap__inference *i, int64_t value)
{
    if (neap__knowable(i->out->dtype, &i->out->shape) < 0)
        return NEAP_OK;
    uint64_t *element = neap__arena_alloc(i->arena, sizeof *element, i->err);
    if (!element)
        return NEAP_ENOMEM;
    neap__store_integer(i->out->dtype, element, 0, value);
    return neap__know_filled(i, element);
}

/* ---- Functions of elements --------------------------------------------------------- */

enum { RUN = 64 }; /* elements at a time: a word of the mask */

/* An operand under the result's shape. */
typedef struct operand {
    const neap__known *known;
    bool whole; /* it has that shape: its elements can be read where they are */
    int64_t strides[NEAP_MAX_RANK];
    uint64_t elements[RUN];
} operand;

static void fix(operand *x, const neap__fact *in, const neap__shape *out)
{
    x->known = in->known;
    x->whole = !in->known->uniform && neap__shape_equal(&in->shape, out);
    neap__broadcast_strides(&in->shape, out, x->strides);
}

/* The operand's element that comes to lie at element e of the result. */
static int64_t place(const operand *x, const neap__shape *out, int64_t e)
{
    int64_t at = 0;
    for (int d = out->rank - 1; d >= 0; d--) {
        at += e % out->dims[d] * x->strides[d];
        e /= out->dims[d];
    }
    return at;
}

/* Elements [begin, begin + n) of the result's shape, begin a multiple of RUN; which of
 * them are known. */
static const void *bring(operand *x, const neap__shape *out, int64_t begin, int64_t n,
                         uint64_t *knows)
{
    const size_t width = neap_dtype_size(x->known->dtype);
    *knows = UINT64_MAX;
    if (x->whole) {
        if (x->known->mask)
            *knows = x->known->mask[begin / RUN];
        return neap__known_element(x->known, begin);
    }
    for (int64_t e = 0; e < n; e++) {
        const int64_t at = x->known->count == 1 ? 0 : place(x, out, begin + e);
        memcpy((char *)x->elements + (size_t)e * width, neap__known_element(x->known, at),
               width);
        if (!neap__knows(x->known, at))
            *knows &= ~(UINT64_C(1) << e);
    }
    return x->elements;
}

/* Where a run would refuse a divisor, it says so then. */
static uint64_t not_zero(neap_dtype dtype, const void *y, int64_t n)
{
    uint64_t set = 0;
    for (int64_t e = 0; e < n; e++)
        set |= (uint64_t)(neap__element_bits(dtype, y, e) != 0) << e;
    return set;
}

void neap__element_params(const neap_node *n, double params[2])
{
    const neap_op_info *info = &n->op->info;
    int count = 0;
    for (size_t i = 0; i < info->attribute_count && count < 2; i++)
        if (info->attributes[i].kind == NEAP_KIND_FLOAT)
            params[count++] = neap__number_of(n, info->attributes[i].name);
}

/* Fills in what is known of the result, a word of the mask at a time. */
static void evaluate(const neap__inference *i, neap__element *function, neap_dtype from,
                     operand *operands, neap__known *k)
{
    const neap__op *op = i->node->op;
    const bool refuses_zero = (op->effects & NEAP__FALLIBLE) && neap__is_integer(from);
    const size_t width = neap_dtype_size(k->dtype);
    double params[2] = {0};
    neap__element_params(i->node, params);
    for (int64_t begin = 0; begin < k->count; begin += RUN) {
        const int64_t n = k->count - begin < RUN ? k->count - begin : RUN;
        const void *in[3];
        uint64_t known = n < RUN ? (UINT64_C(1) << n) - 1 : UINT64_MAX, knows;
        for (uint32_t o = 0; o < i->node->data_inputs; o++) {
            in[o] = bring(&operands[o], &i->out->shape, begin, n, &knows);
            known &= knows;
        }
        if (refuses_zero)
            known &= not_zero(from, in[1], n);
        function(n, (char *)k->data + (size_t)begin * width, in, params);
        k->mask[begin / RUN] = known;
    }
}

int neap__know_element(neap__inference *i)
{
    const neap__element_row *row = &neap__elements[i->node->op->element];
    const int64_t count = neap__knowable(i->out->dtype, &i->out->shape);
    operand operands[3];
    for (uint32_t k = 0; k < i->node->data_inputs; k++) {
        if (count < 0 || !i->in[k].known)
            return NEAP_OK;
        fix(&operands[k], &i->in[k], &i->out->shape);
    }
    const neap_dtype from = i->in[row->chooses ? 1 : 0].dtype;
    neap__element *function =
        neap__find_element(NEAP__GENERIC, i->node->op->element, from, i->out->dtype);
    if (!function)
        return NEAP_OK;
    neap__known *k = neap__known_new(i->arena, i->out->dtype, count, i->err);
    if (!k)
        return NEAP_ENOMEM;
    evaluate(i, function, from, operands, k);
    return neap__know(i, neap__known_end(k));
}

int neap__infer_exact(neap__inference *i)
{
    int status = neap__infer_broadcast(i);
    if (!status)
        i->out->dtype = neap__element_result(i->node->op->element, i->in[0].dtype);
    return status ? status : neap__know_element(i);
}
