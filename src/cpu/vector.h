/* vector.h - the inner loops that are compiled once for each instruction set, as one
 * table for each. vector_*.c set the compiler's target and include vector.inc, which
 * includes the loops; the drivers (element.c, reduce.c, update.c) choose from
 * the tables. */
#ifndef NEAP_VECTOR_H
#define NEAP_VECTOR_H

#include "cpu/element.h"
#include "cpu/fold.h"
#include "cpu/isa.h"
#include "cpu/reduce.h"
#include "cpu/update.h"

/* n elements of one optimizer's variables; `rate` is the effective one. */
typedef void neap__update(const neap__update_args *a, double rate, int64_t n,
                          const void *const *in, void *const *out);
enum { NEAP__UPDATE_DESCENT, NEAP__UPDATE_MOMENTUM, NEAP__UPDATE_ADAM, NEAP__UPDATES };

/* By dtype; what a table lacks, the generic one has. */
typedef struct neap__vectors {
    neap__element *const *element[NEAP__DTYPES]; /* by code */
    neap__element *const *right[NEAP__DTYPES], *const
                                                   *left[NEAP__DTYPES]; /* one y, one x */
    const neap__fold *fold[NEAP__DTYPES];                               /* by reduction */
    neap__update *const *update[NEAP__DTYPES];
} neap__vectors;

extern const neap__vectors neap__vectors_generic;
#if defined(NEAP__X86)
extern const neap__vectors neap__vectors_avx2, neap__vectors_avx512;
#endif
/* Of an instruction set that was compiled in. */
const neap__vectors *neap__vectors_of(neap__isa isa);

#endif
