/* move.h - moving elements, and filling with one (move.c): any dtype, by element size.
 * Indices and positions are checked before anything is written. */
#ifndef NEAP_CPU_MOVE_H
#define NEAP_CPU_MOVE_H

#include "cpu/kernel.h"

/* out (contiguous, dims) = in at strides (elements; may be 0 or negative): transposes,
 * broadcasts, slices with known begins. Neighbouring dimensions are collapsed by
 * neap__copy_fix; 2-D tiles serve transposes. */
typedef struct neap__copy_args {
    size_t width; /* bytes of an element */
    int rank;
    int64_t dims[NEAP_MAX_RANK], strides[NEAP_MAX_RANK];
    int64_t offset; /* of the first element of `in` */
} neap__copy_args;
/* n elements of `width` bytes, `stride` elements apart, into a contiguous run. */
void neap__copy_run(size_t width, int64_t n, const void *from, int64_t stride, void *to);
void neap__copy_fix(neap__copy_args *a, int rank, const int64_t *dims,
                    const int64_t *strides);
neap__kernel neap__cpu_copy;

/* in[0 … count-1], each seen as (outer, sizes[i]) in bytes; out is (outer, sum). */
typedef struct neap__concat_args {
    int64_t outer;
    int count;
    const int64_t *bytes; /* of input i for one outer index */
    int64_t total;        /* their sum */
} neap__concat_args;
neap__kernel neap__cpu_concat;

/* in params (batch, outer, count, inner), indices (batch, n); out (batch, outer, n,
 * inner). FALLIBLE: "indices[3] = 17 is not in [0, 10)"; all indices are checked before
 * anything is written. */
typedef struct neap__gather_args {
    size_t width;
    neap_dtype index;
    int64_t batch, outer, count, inner, n;
    neap__shape indices; /* for the message: the position in the indices' own shape */
} neap__gather_args;
neap__kernel neap__cpu_gather;
/* in updates (batch, outer, n, inner), indices (batch, n); out (batch, outer, count,
 * inner) = zeros with updates added in order of position (gather's gradient). FALLIBLE as
 * above. */
typedef struct neap__scatter_args {
    neap_dtype dtype; /* float32, float64, int32, int64 */
    neap__gather_args at;
} neap__scatter_args;
neap__kernel neap__cpu_scatter_add;

/* slice with begins (and nothing else) read at run time: in x, begin (int32 or int64,
 * rank entries); out dims. FALLIBLE: "begin[1] = 4 with size 3 does not fit dimension
 * 5". */
typedef struct neap__slice_args {
    size_t width;
    neap_dtype index;
    neap__shape x, out;
} neap__slice_args;
neap__kernel neap__cpu_slice;
/* The gradient of a slice: zeros of shape x with dy placed at begin. in dy, begin; out
 * dx. FALLIBLE. */
neap__kernel neap__cpu_unslice;
/* The same with begins known when bound (in: dy): padding with zeros. */
typedef struct neap__pad_args {
    size_t width;
    neap__shape x, out; /* x is placed in out */
    int64_t begin[NEAP_MAX_RANK];
} neap__pad_args;
neap__kernel neap__cpu_pad_zero;

/* in indices (outer, inner); out (outer, depth, inner); an index outside gives a row of
 * off values. on and off are stored as one element of `dtype`. */
typedef struct neap__one_hot_args {
    neap_dtype dtype, index;
    int64_t outer, depth, inner;
    unsigned char on[8], off[8];
} neap__one_hot_args;
neap__kernel neap__cpu_one_hot;

/* out = `count` elements equal to `value` (one element of `width` bytes). */
typedef struct neap__fill_args {
    size_t width;
    int64_t count;
    unsigned char value[8];
} neap__fill_args;
neap__kernel neap__cpu_fill;
/* out = in[0]'s one element, `count` times. */
neap__kernel neap__cpu_fill_from;

#endif
