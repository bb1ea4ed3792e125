/* family.c - what the families of operations share; see family.h. */
#include "cpu/move.h"
#include "cpu/program.h"
#include "ops/family.h"

#include <inttypes.h>
#include <string.h>

/* ---- Attributes -------------------------------------------------------------------- */

double neap__number_of(const neap_node *n, const char *name)
{
    const neap__value *v = neap__attribute(n, name);
    return v->kind == NEAP_KIND_INT ? (double)v->integer : v->number;
}

const char *neap__value_text(char buffer[NEAP__NUMBER_SIZE], const neap__value *v)
{
    neap__text text = neap__text_over(buffer, NEAP__NUMBER_SIZE);
    if (v->kind == NEAP_KIND_INT)
        neap__text_add(&text, "%" PRId64, v->integer);
    else if (v->kind == NEAP_KIND_BOOL)
        neap__text_add(&text, "%s", v->integer ? "true" : "false");
    else
        neap__text_number(&text, v->number, -1);
    return buffer;
}

int neap__element_of(const neap_node *n, const char *name, neap_dtype dtype,
                     unsigned char element[8], neap_error *err)
{
    const neap__value *v = neap__attribute(n, name);
    char text[NEAP__NUMBER_SIZE];
    uint64_t bits = 0;
    const bool fits = v->kind == NEAP_KIND_FLOAT
                          ? neap__store_number(dtype, &bits, 0, v->number)
                          : (v->kind == NEAP_KIND_INT || dtype == NEAP_BOOL) &&
                                neap__store_integer(dtype, &bits, 0, v->integer);
    if (!fits)
        return neap__fail(err, NEAP_ERANGE, "%s = %s is not a %s", name,
                          neap__value_text(text, v), neap_dtype_name(dtype));
    memcpy(element, &bits, sizeof bits);
    return NEAP_OK;
}

int neap__dtype_of(const neap__inference *i, const char *name, neap__dtypes set,
                   neap_dtype *dtype)
{
    const int64_t value = neap__attribute(i->node, name)->integer;
    if (value > 0 && value < NEAP__DTYPES && (set & NEAP__BIT(value))) {
        *dtype = (neap_dtype)value;
        return NEAP_OK;
    }
    char buffer[160];
    neap__text text = neap__text_over(buffer, sizeof buffer);
    neap__text_dtypes(&text, set);
    return neap__fail(i->err, NEAP_EDTYPE, "%s must be one of %s, got %s", name, buffer,
                      neap_dtype_name((neap_dtype)value));
}

/* What is known of a node in the place of integers. */
static int node_integers(const neap__fact *f, const char *name, neap__entries *k,
                         neap_error *err)
{
    if (!(NEAP__INDEX & NEAP__BIT(f->dtype)))
        return neap__fail(err, NEAP_EDTYPE, "%s must be int32 or int64, got %s", name,
                          neap_dtype_name(f->dtype));
    if (f->shape.rank > 1) {
        char text[NEAP__SHAPE_SIZE];
        return neap__fail(err, NEAP_ESHAPE, "%s must have rank 0 or 1, got shape %s",
                          name, neap__shape_text(text, &f->shape));
    }
    const int64_t count = f->shape.rank ? f->shape.dims[0] : 1;
    if (f->shape.rank >= 0)
        k->count = count < NEAP_MAX_RANK ? (int)count : (int)NEAP_MAX_RANK + 1;
    for (int d = 0; d < k->count && count <= NEAP_MAX_RANK; d++) {
        if (!neap__knows(f->known, d))
            continue;
        k->values[d] = neap__known_integer(f->known, d);
        k->mask |= 1U << d;
    }
    return NEAP_OK;
}

int neap__integers(const neap_node *n, const neap__fact *in, const char *name,
                   neap__entries *k, neap_error *err)
{
    const neap__value *v = neap__attribute(n, name);
    *k = (neap__entries){.count = -1};
    if (v->kind == NEAP_KIND_NODE) {
        int status = node_integers(&in[v->input], name, k, err);
        if (status)
            return status;
    } else if (v->kind == NEAP_KIND_INT) {
        *k = (neap__entries){1, 1, {v->integer}};
    } else {
        k->count = v->count <= NEAP_MAX_RANK ? (int)v->count : NEAP_MAX_RANK + 1;
        for (int d = 0; d < k->count && k->count <= NEAP_MAX_RANK; d++) {
            k->values[d] = v->integers[d];
            k->mask |= 1U << d;
        }
    }
    if (k->count > NEAP_MAX_RANK)
        return neap__fail(err, NEAP_ELIMIT, "%s has more than %d entries", name,
                          NEAP_MAX_RANK);
    return NEAP_OK;
}

int neap__dims(const neap__inference *i, const char *name, neap__shape *shape)
{
    neap__entries k;
    int status = neap__integers(i->node, i->in, name, &k, i->err);
    if (status)
        return status;
    for (int d = 0; d < k.count; d++) {
        if (!neap__has(&k, d))
            k.values[d] = -1;
        else if (k.values[d] < 0)
            return neap__fail(i->err, NEAP_ERANGE, "%s[%d] = %" PRId64 " is negative",
                              name, d, k.values[d]);
    }
    return neap__shape_make(shape, k.count, k.values, true, name, i->err)
               ? NEAP_OK
               : neap__told(i->err);
}

int neap__axis_of(const neap_node *n, int rank, int *axis, neap_error *err)
{
    return neap__axis(neap__attribute(n, "axis")->integer, rank, axis, err)
               ? NEAP_OK
               : neap__told(err);
}

void neap__split(const neap__shape *s, int axis, int64_t *outer, int64_t *count,
                 int64_t *inner)
{
    *outer = *inner = 1;
    *count = axis < s->rank ? s->dims[axis] : 1;
    for (int d = 0; d < s->rank; d++)
        *(d < axis ? outer : inner) *= d == axis ? 1 : s->dims[d];
}

int neap__differ(neap_error *err, const char *what, const neap__shape *a,
                 const neap__shape *b)
{
    char first[NEAP__SHAPE_SIZE], second[NEAP__SHAPE_SIZE];
    return neap__fail(err, NEAP_ESHAPE, "%s: %s and %s", what, neap__shape_text(first, a),
                      neap__shape_text(second, b));
}

/* ---- Inference --------------------------------------------------------------------- */

int neap__infer_merge(neap__inference *i)
{
    i->out->dtype = i->in[0].dtype;
    i->out->shape = i->in[0].shape;
    for (uint32_t k = 1; k < i->node->data_inputs; k++)
        if (!neap__shape_merge(&i->out->shape, &i->in[k].shape, &i->out->shape))
            return neap__differ(i->err, "shapes differ", &i->out->shape, &i->in[k].shape);
    return NEAP_OK;
}

/* ---- Binding ----------------------------------------------------------------------- */

int neap__bind_copy(neap__binding *b, const int64_t *strides, int64_t offset)
{
    neap__copy_args *args = neap__arena_alloc(b->arena, sizeof *args, b->err);
    if (!args)
        return NEAP_ENOMEM;
    args->width = neap_dtype_size(b->out->dtype);
    neap__copy_fix(args, b->out->shape.rank, b->out->shape.dims, strides);
    args->offset = offset;
    b->kernel = neap__cpu_copy;
    b->args = args;
    return NEAP_OK;
}

int neap__bind_step(neap__binding *b, neap__element_code code)
{
    const bool replaces = code == NEAP__ELEMENT_copy;
    neap__formula f;
    neap__formula_begin(&f, b->isa, &b->out->shape, 0, b->arena, b->err);
    const int in[] = {neap__formula_operand(&f, b->in[0].dtype, &b->in[0].shape),
                      neap__formula_operand(&f, b->in[1].dtype, &b->in[1].shape)};
    neap__formula_store(&f, neap__formula_element(&f, code, b->out->dtype, in + replaces,
                                                  replaces ? 1 : 2, NULL));
    const neap__program *p = neap__program_make(&f);
    if (!p)
        return neap__told(b->err);
    b->kernel = neap__cpu_program;
    b->args = p;
    b->scratch = neap__program_scratch(p, b->workers);
    b->in_place = 1;
    return NEAP_OK;
}

/* ---- Gradients --------------------------------------------------------------------- */

neap_node *neap__derive(neap__grad *g, const neap__op *op, neap_node *const *inputs,
                        size_t input_count, const neap_attribute *attributes,
                        size_t attribute_count)
{
    for (size_t i = 0; i < input_count; i++)
        if (!inputs[i])
            return NULL;
    return neap__build(g->graph, op, inputs, input_count, attributes, attribute_count,
                       NULL, g->err);
}

neap_attribute neap__given(const neap_node *n, const char *name)
{
    return neap__attribute_of(n, name, neap__attribute(n, name));
}

neap_node *neap__broadcast_as(neap__grad *g, neap_node *x, neap_node *like)
{
    return neap__binary(g, &neap__op_broadcast_like, x, like);
}
