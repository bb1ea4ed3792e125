/* fold.h - the one order in which elements are added up, multiplied or compared, and the
 * inner loops that do it. Every reduction follows it, whichever route computes it, so that
 * a result's bits are a matter of sizes alone: not of threads, of fusing, or of the width
 * of a register. docs/numerics.md says it with its error bound.
 *
 * Dimensions of size 1 do not count, and neighbours that are both reduced, or both kept,
 * are one dimension. Then:
 *
 * 1. Where the last dimension is reduced, it is cut into blocks of NEAP__TILE elements
 *    (the last may be shorter). In a block, element i goes to lane i mod NEAP__LANES; each
 *    lane starts from the reduction's zero and takes its elements in order. Lane j is
 *    combined with lane j + NEAP__LANES / 2 for the lower half of the lanes, then that
 *    half likewise, until one is left.
 * 2. Where the last dimension is kept, the one before it is cut into blocks of
 *    NEAP__BLOCK_ROWS rows. In a block every column starts from the reduction's zero and
 *    takes its elements in the order of rows.
 * 3. Blocks are combined in pairs: 0 with 1, 2 with 3, …, then those pairs in pairs; what
 *    is left over at the end is combined from its end. That is: of n blocks the first p,
 *    the greatest power of two below n, are combined with the others, and either part is
 *    made likewise.
 * 4. Where further dimensions are reduced, the innermost makes cells by 1 to 3; these are
 *    blocks of their own, one for each index of the others in row-major order, combined
 *    as rule 3 says.
 *
 * Combining is exact for integers and for comparisons; there the order shows in nothing
 * but which of equals (zeros of two signs, NaNs) is kept. */
#ifndef NEAP_FOLD_H
#define NEAP_FOLD_H

#include "cpu/program.h"
#include "cpu/reduce.h"

#define NEAP__LANES 16      /* of a block of contiguous elements */
#define NEAP__BLOCK_ROWS 64 /* rows of a block, where columns are reduced */
#define NEAP__CELL 16       /* the most bytes of a cell, and the alignment of all cells */

/* One reduction for one dtype and instruction set. A cell is what has accumulated for one
 * result. */
typedef struct neap__fold {
    size_t cell; /* bytes */
    /* n cells before their first element. */
    void (*zero)(int64_t n, void *acc);
    /* Rows of n ≤ NEAP__TILE contiguous elements, each one block, `stride` elements from
     * row to row, become a cell each, which is overwritten. */
    void (*rows)(int64_t rows, int64_t n, int64_t stride, const void *x, void *acc);
    /* Rows of n elements, `stride` apart, are folded one after the other into n cells:
     * rows of one block, which may come in several calls. */
    void (*columns)(int64_t rows, int64_t n, int64_t stride, const void *x, void *acc);
    /* n cells are combined with those of later elements. */
    void (*combine)(int64_t n, void *acc, const void *later);
    /* Results of the dtype, from n cells that took `count` elements each. */
    void (*finish)(int64_t n, int64_t count, const void *acc, void *out);
} neap__fold;

/* NULL if the reduction does not take the dtype. */
const neap__fold *neap__find_fold(neap__isa isa, neap__reduction reduction,
                                  neap_dtype dtype);

/* ---- Blocks combined (pairwise.c) ------------------------------------------------ */

/* Combines blocks of `width` cells as rule 3 says, while they come one by one: a stack
 * with, for each bit that is set in the number of blocks so far, the cells of so many
 * blocks. Groups of 2^k neighbouring blocks, the first a multiple of 2^k, may be combined
 * by different workers and then pushed as blocks: the tree is the same. */
typedef struct neap__pairwise {
    const neap__fold *fold;
    int64_t width;
    uint64_t blocks; /* so far */
    char *cells;     /* of the stack's lowest */
} neap__pairwise;

/* Bytes of scratch for at most `blocks` blocks. */
size_t neap__pairwise_bytes(const neap__fold *fold, int64_t width, int64_t blocks);
/* `scratch` is aligned to NEAP__CELL. */
static inline void neap__pairwise_begin(neap__pairwise *p, const neap__fold *fold,
                                        int64_t width, void *scratch)
{
    *p = (neap__pairwise){fold, width, 0, scratch};
}
/* Where the cells of the next block are to be written, before it is pushed. */
void *neap__pairwise_next(const neap__pairwise *p);
void neap__pairwise_push(neap__pairwise *p);
/* The cells of all blocks; the reduction's zero, if there were none. */
void *neap__pairwise_end(neap__pairwise *p);

#endif
