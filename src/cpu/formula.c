/* formula.c - formulas are written down, term by term. */
#include "cpu/program.h"

#include <string.h>

void neap__formula_begin(neap__formula *f, neap__isa isa, const neap__shape *domain,
                         unsigned folded, neap__arena *arena, neap_error *err)
{
    f->isa = isa;
    f->arena = arena;
    f->err = err;
    f->rank = domain->rank;
    memcpy(f->dims, domain->dims, sizeof f->dims);
    neap__strides(domain, f->results);
    f->folded = folded;
    f->terms = f->operands = f->stores = f->checks = 0;
}

/* The same term as one before is that one, so that what two operations both need is
 * computed once. Terms are compared field by field through their bytes: all are cleared
 * before they are filled. */
static int add(neap__formula *f, const neap__term *term)
{
    if (neap__failed(f->err))
        return 0;
    for (int t = 0; t < f->terms; t++)
        if (memcmp(&f->term[t], term, sizeof *term) == 0)
            return t;
    if (f->terms == NEAP__PROGRAM_TERMS)
        return neap__fail(f->err, NEAP_ELIMIT, "a formula of more than %d terms",
                          NEAP__PROGRAM_TERMS),
               0;
    f->term[f->terms] = *term;
    return f->terms++;
}

static neap__term empty(neap__term_kind kind, neap_dtype dtype)
{
    neap__term term;
    memset(&term, 0, sizeof term);
    term.kind = (uint8_t)kind;
    term.dtype = (uint8_t)dtype;
    return term;
}

/* ---- Operands ---------------------------------------------------------------------- */

/* Does the operand repeat along the dimensions that are folded? */
static bool repeats(const neap__formula *f, const neap__view *view)
{
    for (int d = 0; d < f->rank; d++)
        if ((f->folded >> d & 1) && f->dims[d] != 1 && view->strides[d] != 0)
            return false;
    return f->folded != 0;
}

int neap__formula_load(neap__formula *f, neap_dtype dtype, const neap__view *view)
{
    neap__term term = empty(NEAP__TERM_LOAD, dtype);
    if (neap__failed(f->err))
        return 0;
    if (f->operands == NEAP__PROGRAM_LOADS)
        return neap__fail(f->err, NEAP_ELIMIT, "a formula of more than %d operands",
                          NEAP__PROGRAM_LOADS),
               0;
    f->view[f->operands] = *view;
    term.group = repeats(f, view);
    term.code = (int16_t)f->operands++;
    return add(f, &term);
}

int neap__formula_operand(neap__formula *f, neap_dtype dtype, const neap__shape *shape)
{
    neap__view view = {0};
    neap__shape domain = {.rank = f->rank};
    memcpy(domain.dims, f->dims, sizeof f->dims);
    neap__broadcast_strides(shape, &domain, view.strides);
    return neap__formula_load(f, dtype, &view);
}

int neap__formula_accumulator(neap__formula *f, neap_dtype dtype)
{
    neap__view view = {0};
    memcpy(view.strides, f->results, sizeof view.strides);
    const int term = neap__formula_load(f, dtype, &view);
    f->term[term].accumulator = true;
    return term;
}

int neap__formula_number(neap__formula *f, neap_dtype dtype, double value)
{
    neap__term term = empty(NEAP__TERM_NUMBER, dtype);
    term.group = f->folded != 0;
    term.params[0] = value;
    return add(f, &term);
}

/* ---- Steps ------------------------------------------------------------------------- */

int neap__formula_element(neap__formula *f, neap__element_code code, neap_dtype to,
                          const int *in, int count, const double *params)
{
    neap__term term = empty(NEAP__TERM_ELEMENT, to);
    if (neap__failed(f->err))
        return 0;
    const neap_dtype from = (neap_dtype)f->term[in[count == 3 ? 1 : 0]].dtype;
    if (!neap__find_element(f->isa, code, from, to))
        return neap__fail(f->err, NEAP_EUNSUP, "there is no kernel for %s",
                          neap_dtype_name(from)),
               0;
    term.code = (int16_t)code;
    term.count = (uint8_t)count;
    term.group = true;
    for (int k = 0; k < count; k++)
        term.group = term.group && f->term[in[k]].group;
    for (int k = 0; k < count; k++)
        term.in[k] = (int16_t)(term.group ? in[k] : neap__formula_spread(f, in[k]));
    if (params)
        memcpy(term.params, params, sizeof term.params);
    return add(f, &term);
}

static int add_unary(neap__formula *f, neap__term_kind kind, neap_dtype dtype, int code,
                     int x, bool group)
{
    neap__term term = empty(kind, dtype);
    term.code = (int16_t)code;
    term.count = 1;
    term.in[0] = (int16_t)x;
    term.group = group;
    return add(f, &term);
}

int neap__formula_spread(neap__formula *f, int x)
{
    if (!f->term[x].group)
        return x;
    if (f->term[x].kind == NEAP__TERM_NUMBER) {
        neap__term number = f->term[x];
        number.group = false;
        return add(f, &number);
    }
    return add_unary(f, NEAP__TERM_SPREAD, (neap_dtype)f->term[x].dtype, 0, x, false);
}

int neap__formula_fold(neap__formula *f, neap__reduction reduction, int x)
{
    x = neap__formula_spread(f, x);
    return add_unary(f, NEAP__TERM_FOLD, (neap_dtype)f->term[x].dtype, (int)reduction, x,
                     true);
}

int neap__formula_tail(neap__formula *f, neap__reduction reduction, int x)
{
    x = neap__formula_spread(f, x);
    return add_unary(f, NEAP__TERM_TAIL, (neap_dtype)f->term[x].dtype, (int)reduction, x,
                     false);
}

int neap__formula_pick(neap__formula *f, int x, int index)
{
    neap__term term = empty(NEAP__TERM_PICK, (neap_dtype)f->term[x].dtype);
    term.count = 2;
    term.in[0] = (int16_t)neap__formula_spread(f, x);
    term.in[1] = (int16_t)index;
    term.group = true;
    return add(f, &term);
}

int neap__formula_put(neap__formula *f, int x, int index, int value)
{
    neap__term term = empty(NEAP__TERM_PUT, (neap_dtype)f->term[x].dtype);
    term.count = 3;
    term.in[0] = (int16_t)neap__formula_spread(f, x);
    term.in[1] = (int16_t)index;
    term.in[2] = (int16_t)value;
    return add(f, &term);
}

/* ---- Checks and results ------------------------------------------------------------ */

void neap__formula_check(neap__formula *f, int index, int64_t limit, const char *name,
                         const void *owner)
{
    if (neap__failed(f->err))
        return;
    if (f->checks == NEAP__PROGRAM_CHECKS) {
        neap__fail(f->err, NEAP_ELIMIT, "a formula of more than %d checks",
                   NEAP__PROGRAM_CHECKS);
        return;
    }
    int64_t count = 1;
    for (int d = 0; d < f->rank; d++)
        count *= f->folded >> d & 1 ? 1 : f->dims[d];
    f->check[f->checks++] = (neap__check){.operand = f->term[index].code,
                                          .dtype = f->term[index].dtype,
                                          .count = count,
                                          .limit = limit,
                                          .name = name,
                                          .owner = owner};
}

/* Is the term computed by a step that may write a result, which no other one is? */
static bool storable(const neap__formula *f, int x)
{
    const uint8_t kind = f->term[x].kind;
    for (int s = 0; s < f->stores; s++)
        if (f->store[s] == x)
            return false;
    return kind == NEAP__TERM_ELEMENT || kind == NEAP__TERM_FOLD ||
           kind == NEAP__TERM_TAIL || kind == NEAP__TERM_SPREAD || kind == NEAP__TERM_PUT;
}

static void add_result(neap__formula *f, int x)
{
    if (f->stores == NEAP__PROGRAM_STORES)
        neap__fail(f->err, NEAP_ELIMIT, "a formula of more than %d results",
                   NEAP__PROGRAM_STORES);
    else
        f->store[f->stores++] = (int16_t)x;
}

void neap__formula_skip(neap__formula *f) { add_result(f, -1); }

void neap__formula_store(neap__formula *f, int x)
{
    if (neap__failed(f->err))
        return;
    if (!storable(f, x)) { /* a term of its own, told from the others by a number */
        const double which[2] = {(double)f->stores, 0};
        neap__term again = f->term[x];
        again.params[0] = which[0];
        x = again.kind == NEAP__TERM_TAIL
                ? add(f, &again)
                : neap__formula_element(f, NEAP__ELEMENT_copy, (neap_dtype)again.dtype,
                                        &x, 1, which);
    }
    add_result(f, x);
}
