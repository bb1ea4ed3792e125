/* walk.h - a walk over some of the dimensions of a contiguous array: their indices are
 * the digits of a position, the last dimension's the lowest. */
#ifndef NEAP_WALK_H
#define NEAP_WALK_H

#include "cpu/kernel.h"

typedef struct neap__walk {
    int rank;
    int64_t dims[NEAP_MAX_RANK], strides[NEAP_MAX_RANK], index[NEAP_MAX_RANK];
    int64_t offset; /* elements from the first to the one at hand */
} neap__walk;

/* Over those of the first `count` dimensions whose bit in `mask` is `bit`, from the
 * first element on. */
static inline neap__walk neap__walk_of(int rank, const int64_t *dims, unsigned mask,
                                       unsigned bit, int count)
{
    neap__walk w;
    int64_t stride = 1, strides[NEAP_MAX_RANK];
    w.rank = 0;
    w.offset = 0;
    for (int d = rank - 1; d >= 0; d--) {
        strides[d] = stride;
        stride *= dims[d];
    }
    for (int d = 0; d < count; d++)
        if ((mask >> d & 1) == bit) {
            w.dims[w.rank] = dims[d];
            w.strides[w.rank] = strides[d];
            w.index[w.rank++] = 0;
        }
    return w;
}

/* None of the dimensions is 0. */
static inline void neap__walk_to(neap__walk *w, int64_t position)
{
    w->offset = 0;
    for (int d = w->rank - 1; d >= 0; d--) {
        w->index[d] = position % w->dims[d];
        position /= w->dims[d];
        w->offset += w->index[d] * w->strides[d];
    }
}

/* To the next; after the last, to the first. */
static inline void neap__walk_on(neap__walk *w)
{
    for (int d = w->rank - 1; d >= 0; d--) {
        w->offset += w->strides[d];
        if (++w->index[d] < w->dims[d])
            return;
        w->offset -= w->dims[d] * w->strides[d];
        w->index[d] = 0;
    }
}

#endif
