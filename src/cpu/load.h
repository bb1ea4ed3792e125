/* load.h - how programs reach operands (load.c): a load's elements are asked for by their
 * position in a domain, which the operand may lie in at any strides. */
#ifndef NEAP_CPU_LOAD_H
#define NEAP_CPU_LOAD_H

#include "cpu/program.h"

enum {
    NEAP__LOAD_WHOLE,    /* as the domain lies */
    NEAP__LOAD_SCALAR,   /* one element for all */
    NEAP__LOAD_PERIODIC, /* contiguous, repeated */
    NEAP__LOAD_ROWS,     /* contiguous, each element repeated along a row */
    NEAP__LOAD_STRIDED
};

/* Drops dimensions of size 1 and merges neighbours that none of the loads tells apart;
 * a load's strides are those of `dims`, before and after. Returns the rank. */
int neap__load_collapse(int rank, int64_t *dims, neap__load **loads, int count);
void neap__load_classify(neap__load *load, int rank, const int64_t *dims);
/* Elements [begin, begin + n) of the domain, contiguously to `to`. `from` is the address
 * of the operand's element 0, the load's offset not counted. */
void neap__load_bring(const neap__load *load, int rank, const int64_t *dims,
                      const char *from, int64_t begin, int64_t n, char *to);
/* The other way: from contiguous elements to strides. */
void neap__load_put(int rank, const int64_t *dims, const int64_t *strides, size_t width,
                    char *to, int64_t begin, int64_t n, const char *from);

#endif
