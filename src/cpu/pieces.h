/* pieces.h - values put together along every axis from pieces of an operand: padded,
 * rolled; and the way back, which adds up what each element was put to. */
#ifndef NEAP_CPU_PIECES_H
#define NEAP_CPU_PIECES_H

#include "cpu/kernel.h"

/* Elements to … to + count - 1 of an axis of the result are elements from, from + step, …
 * of that axis of the operand: step 1, -1 (mirrored) or 0 (one element, repeated). Pieces
 * of an axis lie one behind the other and cover it. */
typedef struct neap__piece {
    int64_t to, from, count;
    int step;
    bool filled; /* with the value, wherever the other axes are */
} neap__piece;

#define NEAP__PIECES 3
typedef struct neap__axis_pieces {
    int64_t whole, part; /* elements of the axis: of the result, of the operand */
    int count;
    neap__piece piece[NEAP__PIECES];
} neap__axis_pieces;

/* `axes`, outermost first; trailing ones that are one whole piece are collapsed into
 * `inner` (1 before) by neap__pieces_fix. */
typedef struct neap__pieces_args {
    neap_dtype dtype;
    size_t width;
    int rank;
    neap__axis_pieces axes[NEAP_MAX_RANK];
    int64_t inner; /* elements that are moved as one */
    unsigned char value[8];
} neap__pieces_args;
void neap__pieces_fix(neap__pieces_args *a);

/* The element of the operand that element `at` of the result is; -1: the value. Before or
 * after neap__pieces_fix. */
int64_t neap__pieces_source(const neap__pieces_args *a, int64_t at);

/* in x (the parts); out the whole. */
neap__kernel neap__cpu_pieces;
/* in dy (the whole); out dx (the parts): each element the sum of those that it was put
 * to, in their order. Floating dtypes; 16-bit ones are summed in float32 and rounded
 * once. Scratch: neap__pieces_scratch. */
neap__kernel neap__cpu_pieces_sum;
size_t neap__pieces_scratch(const neap__pieces_args *a, int workers);

#endif
