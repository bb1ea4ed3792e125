/* compose.h - operations that are formulas: how their inputs and results lie in the domain
 * of a program, and short forms for writing their terms. */
#ifndef NEAP_COMPOSE_H
#define NEAP_COMPOSE_H

#include "cpu/program.h"
#include "ops/ops.h"

/* ---- Layouts ----------------------------------------------------------------------- */

/* The dimensions of a program: those of a its domain that are not 1, in their order,
 * but the folded ones last where they are not neighbours. Where all folded ones are 1 a
 * dimension of 1 stands for them at the end. */
typedef struct neap__layout {
    int rank;
    int64_t dims[NEAP_MAX_RANK];
    unsigned folded;
    int8_t from[NEAP_MAX_RANK]; /* which of the domain's that are not 1; -1: none */
    bool apart;                 /* another order than the domain's */
} neap__layout;

void neap__layout_of(const neap__domain *domain, neap__layout *l);
/* Which dimension of a shape each dimension of the layout is, or -1; false if the shape,
 * its 1s left out, is not that of the domain (or of the groups). */
bool neap__layout_axes(const neap__layout *l, const neap__shape *shape, bool groups,
                       int8_t axes[NEAP_MAX_RANK]);
/* A view of elements that have these strides over the dimensions of such a shape. */
neap__view neap__layout_view(const neap__layout *l, const int8_t axes[NEAP_MAX_RANK],
                             const int64_t *strides, int64_t offset);
/* The same of a value with the domain's shape, with that of the groups, or with that of
 * the folded dimensions, contiguous. */
neap__view neap__layout_natural(const neap__layout *l, neap__extent extent);
void neap__formula_over(neap__formula *f, const neap__layout *l, neap__isa isa,
                        neap__arena *arena, neap_error *err);

/* ---- Operations that are formulas -------------------------------------------------- */

/* Elements that are folded into one. */
int64_t neap__domain_count(const neap__domain *domain);
/* Binds a node by itself: the program of its own formula. */
neap__bind neap__bind_composed;
#define NEAP__COMPOSES(domain_of, terms)                                                 \
    NEAP__BOUND(neap__bind_composed), .skips_results = true, .domain = domain_of,        \
                                      .compose = terms

/* The domain of an operation along one axis of the domain: the attribute "axis", or the
 * last. */
bool neap__domain_along(const neap_node *n, const neap__shape *shape,
                        neap__domain *domain);

/* ---- Terms ------------------------------------------------------------------------- */

/* Of one operand's dtype. */
int neap__apply(neap__composer *c, neap__element_code code, int x);
int neap__apply2(neap__composer *c, neap__element_code code, int x, int y);
int neap__compose_number(neap__composer *c, int like, double value);
int neap__compose_fold(neap__composer *c, neap__reduction reduction, int x);
/* 16-bit floats as float32, others as they are; and back to the dtype of `like`. */
int neap__widened(neap__composer *c, int x);
int neap__narrowed(neap__composer *c, int x, neap_dtype dtype);
#define NEAP__DO(code, x) neap__apply(c, NEAP__ELEMENT_##code, x)
#define NEAP__DO2(code, x, y) neap__apply2(c, NEAP__ELEMENT_##code, x, y)
#define NEAP__REDUCE(name, x) neap__compose_fold(c, NEAP__REDUCE_##name, x)

#endif
