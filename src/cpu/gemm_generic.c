/* gemm_generic.c - GEMM's kernels for any machine: vectors of 16 bytes in the
 * compilers' own vector types, which become SSE2, NEON or plain instructions. Product
 * and sum round apart, so that the bits are the same with and without a fused
 * instruction. */
#include "cpu/gemm_kernel.h"

#include <string.h>

#define ROWS 6
#define EACH_TILE NEAP__TILES_6
#define EACH_ROW NEAP__ROWS_6
#define TAILS false

#if defined(__clang__)
#define INTERLEAVE_4(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#define INTERLEAVE_2(a, b, i, j) __builtin_shufflevector(a, b, i, j)
#else
#define INTERLEAVE_4(a, b, i, j, k, l) __builtin_shuffle(a, b, (index_4){i, j, k, l})
#define INTERLEAVE_2(a, b, i, j) __builtin_shuffle(a, b, (index_2){i, j})
typedef int32_t index_4 __attribute__((vector_size(16)));
typedef int64_t index_2 __attribute__((vector_size(16)));
#endif

typedef float vector_4 __attribute__((vector_size(16)));
typedef double vector_2 __attribute__((vector_size(16)));

static inline vector_4 load_4(const float *p, int n)
{
    vector_4 v = {0};
    memcpy(&v, p, (size_t)n * sizeof *p);
    return v;
}
static inline vector_2 load_2(const double *p, int n)
{
    vector_2 v = {0};
    memcpy(&v, p, (size_t)n * sizeof *p);
    return v;
}
static inline void store_4(float *p, vector_4 v, int n)
{
    memcpy(p, &v, (size_t)n * sizeof *p);
}
static inline void store_2(double *p, vector_2 v, int n)
{
    memcpy(p, &v, (size_t)n * sizeof *p);
}

#define FMA(a, b, c) ((a) * (b) + (c))

#define T float
#define V vector_4
#define LANES 4
#define NAME(x) x##_float
#define LOAD(p) load_4(p, 4)
#define STORE(p, v) store_4(p, v, 4)
#define LOAD_SOME(p, n) load_4(p, n)
#define STORE_SOME(p, v, n) store_4(p, v, n)
#define LOAD_B(p, n) ((void)(n), LOAD(p))
#define SPLAT(x) splat_4(x)
#define LOW(a, b) INTERLEAVE_4(a, b, 0, 4, 1, 5)
#define HIGH(a, b) INTERLEAVE_4(a, b, 2, 6, 3, 7)
static inline vector_4 splat_4(float x) { return (vector_4){x, x, x, x}; }
#include "cpu/gemm_kernel.inc"

#define FMA(a, b, c) ((a) * (b) + (c))
#define T double
#define V vector_2
#define LANES 2
#define NAME(x) x##_double
#define LOAD(p) load_2(p, 2)
#define STORE(p, v) store_2(p, v, 2)
#define LOAD_SOME(p, n) load_2(p, n)
#define STORE_SOME(p, v, n) store_2(p, v, n)
#define LOAD_B(p, n) ((void)(n), LOAD(p))
#define SPLAT(x) splat_2(x)
#define LOW(a, b) INTERLEAVE_2(a, b, 0, 2)
#define HIGH(a, b) INTERLEAVE_2(a, b, 1, 3)
static inline vector_2 splat_2(double x) { return (vector_2){x, x}; }
#include "cpu/gemm_kernel.inc"

const neap__gemm_kernels *const neap__gemm_generic[2] = {&kernels_float, &kernels_double};
