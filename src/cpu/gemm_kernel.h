/* gemm_kernel.h - what gemm.c asks of one instruction set, and of OpenBLAS. The tables
 * are made by gemm_generic.c, gemm_avx2.c and gemm_avx512.c from one template,
 * gemm_kernel.inc; element 0 is float32's, element 1 float64's. Legend: m, n, k as in
 * neap__gemm; strides are in elements. */
#ifndef NEAP_GEMM_KERNEL_H
#define NEAP_GEMM_KERNEL_H

#include "cpu/gemm.h"
#include "cpu/isa.h"

#define NEAP__GEMM_ROWS 14 /* the most rows of any tile */

/* Lists for the template: tiles of 1 ... 6 and 1 ... 14 rows; rows with the pointer
 * that they share. */
#define NEAP__TILES_6(X) X(1) X(2) X(3) X(4) X(5) X(6)
#define NEAP__TILES_14(X) NEAP__TILES_6(X) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#define NEAP__ROWS_6(X)                                                                  \
    X(0, p0, 0) X(1, p0, 1) X(2, p0, 2) X(3, p1, 0) X(4, p1, 1) X(5, p1, 2)
#define NEAP__ROWS_14(X)                                                                 \
    NEAP__ROWS_6(X)                                                                      \
    X(6, p2, 0)                                                                          \
    X(7, p2, 1)                                                                          \
    X(8, p2, 2) X(9, p3, 0) X(10, p3, 1) X(11, p3, 2) X(12, p4, 0) X(13, p4, 1)

/* C (m x n, rows ldc apart) = or += the product of m rows of A and n columns of B over
 * k. Element (i, p) of A is a[i * a_row + p * a_step]; row p of B is the n elements at
 * b + p * b_step. Each element of C is one chain of multiply-adds in the order of k,
 * whatever tile it falls in. */
typedef void neap__gemm_tile(int64_t k, const void *a, int64_t a_row, int64_t a_step,
                             const void *b, int64_t b_step, void *c, int64_t ldc, int n,
                             bool add);

typedef struct neap__gemm_kernels neap__gemm_kernels;
struct neap__gemm_kernels {
    int size;    /* bytes of an element */
    int lanes;   /* of a vector */
    int rows;    /* of the largest tile, at most NEAP__GEMM_ROWS */
    int columns; /* of a tile: two vectors; one where n ≤ lanes */
    bool tails;  /* tiles read n columns of B alone; else B is read to full vectors */
    neap__gemm_tile *tile[2][NEAP__GEMM_ROWS + 1]; /* [vectors - 1][rows] */

    /* to[p * step + j] = from[p * ld + j] for p < k, j < n; zeros for n ≤ j < step. */
    void (*pack)(int64_t k, int64_t n, const void *from, int64_t ld, void *to,
                 int64_t step);
    /* to[p * step + j] = from[j * ld + p], and zeros likewise. */
    void (*pack_transposed)(int64_t k, int64_t n, const void *from, int64_t ld, void *to,
                            int64_t step);

    /* y[i] = sum of x[p] * a[i * ld + p] over p < k, for i < m. */
    void (*dots)(int64_t m, int64_t k, const void *a, int64_t ld, const void *x, void *y);
    /* y[j] = sum of x[p * x_step] * b[p * ld + j] over p < k, for j < n. */
    void (*rows_sum)(int64_t n, int64_t k, const void *b, int64_t ld, const void *x,
                     int64_t x_step, void *y);
};

extern const neap__gemm_kernels *const neap__gemm_generic[2];
#if defined(NEAP__X86)
extern const neap__gemm_kernels *const neap__gemm_avx2[2];
extern const neap__gemm_kernels *const neap__gemm_avx512[2];
#endif

/* OpenBLAS (openblas.c): C = op(A) op(B) in the calling thread. False, with C
 * untouched, where it cannot be called without touching its process-wide settings or
 * with these sizes. */
bool neap__blas_gemm(bool double_precision, bool transpose_a, bool transpose_b, int64_t m,
                     int64_t n, int64_t k, const void *a, int64_t lda, const void *b,
                     int64_t ldb, void *c, int64_t ldc);
/* Opens it at the first call; whether it can serve at all. */
bool neap__blas_ready(void);

#endif
