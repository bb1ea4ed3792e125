/* stride.h - parts of a value by begin, stop and stride along every axis. */
#ifndef NEAP_CPU_STRIDE_H
#define NEAP_CPU_STRIDE_H

#include "cpu/kernel.h"

/* Elements begin, begin + stride, … before stop of an axis of `size` elements, as Python
 * slices: a negative bound counts from the end, bounds beyond the axis end at it, and
 * NEAP_NO_BOUND is none. stride is not 0. Returns how many there are; `*first` is the
 * first of them, if any. */
int64_t neap__strided(int64_t size, int64_t begin, int64_t stop, int64_t stride,
                      int64_t *first);

/* out zeros of shape x, with in[0] (of shape `part`) at the elements that the bounds pick.
 * Where a bound is the run's to tell, in[begin] or in[stop] has it; a part that does not
 * fit then is an error. FALLIBLE: ESHAPE. */
typedef struct neap__bounds {
    int input;        /* which operand tells them; -1: `values` does */
    neap_dtype dtype; /* of that operand */
    int64_t values[NEAP_MAX_RANK];
} neap__bounds;
typedef struct neap__spread_args {
    size_t width;
    neap__shape x, part;
    int count; /* of bounds and strides: the leading axes */
    neap__bounds begin, stop;
    int64_t strides[NEAP_MAX_RANK];
} neap__spread_args;
neap__kernel neap__cpu_spread;

#endif
