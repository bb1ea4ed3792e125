/* reduce.h - reductions (reduce.c). */
#ifndef NEAP_CPU_REDUCE_H
#define NEAP_CPU_REDUCE_H

#include "cpu/kernel.h"

/* ---- Reductions (reduce.c) ------------------------------------------------------- */

/* The rows of reductions.def: neap__reduction of kernel.h. */
enum {
    NEAP__REDUCE_none, /* of an operation that is no reduction */
#define NEAP__REDUCTION(name, dtypes, cell, zero, fold, combine, finish)                 \
    NEAP__REDUCE_##name,
#include "cpu/reductions.def"
#undef NEAP__REDUCTION
    NEAP__REDUCTIONS,
    NEAP__REDUCE_logsumexp = NEAP__REDUCTIONS /* floats; max-shifted; empty: -inf */
};

/* in[0] x, out[0] the reduced values, in the order of fold.h. */
typedef struct neap__reduce_args {
    neap_dtype dtype;
    neap__isa isa;
    neap__reduction reduction;
    int rank; /* collapsed: neighbours of one kind are one dimension */
    int64_t dims[NEAP_MAX_RANK];
    unsigned mask;          /* dimensions that go */
    int64_t outputs, count; /* elements of the result; elements that make each of them */
    struct neap__reduce_cut { /* how it is cut; what the words mean says reduce.c */
        bool rows;            /* the layout; else columns */
        int64_t length; /* of the innermost dimension that goes: of a row, or a column */
        int64_t run;    /* of the innermost that stays */
        int64_t rounds, block, blocks; /* of a strip; elements of a length; of a round */
        int64_t width, across, strips; /* results of a strip; strips of a run; of all */
        int64_t each;                  /* strips of a part of the job */
        int64_t chunk_rounds, chunk_blocks; /* of a chunk, */
        int64_t groups, chunks;             /* of which a strip has groups * chunks */
        /* bytes of scratch: all chunks' cells, all that is shared; and a worker's */
        size_t partials_bytes, shared_bytes, rounds_bytes, blocks_bytes, worker_bytes;
    } cut;
} neap__reduce_args;
/* With dtype, isa and reduction set, the rest. */
void neap__reduce_fix(neap__reduce_args *a, const neap__shape *x, unsigned mask);
size_t neap__reduce_scratch(const neap__reduce_args *a, int workers);
neap__kernel neap__cpu_reduce;

/* in[0] x, in[1 …] directions of x's shape; out of x's shape: the product of the other
 * elements along the dimensions that go, and its derivative along the directions
 * (product.c). Floating. */
#define NEAP__DIRECTIONS 8
typedef struct neap__product_args {
    neap__reduce_args size; /* of the product: collapsed shape, mask */
    int directions;         /* at most NEAP__DIRECTIONS */
} neap__product_args;
size_t neap__product_scratch(const neap__product_args *a, int workers);
neap__kernel neap__cpu_product_of_others;

/* argmax along one axis: x seen as (outer, count, inner); first of equals, NaN counts as
 * greatest. */
typedef struct neap__argmax_args {
    neap_dtype dtype, output;
    int64_t outer, count, inner;
} neap__argmax_args;
neap__kernel neap__cpu_argmax; /* count ≥ 1, checked when bound */

#endif
