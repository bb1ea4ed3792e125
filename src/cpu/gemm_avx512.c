/* gemm_avx512.c - GEMM's kernels for AVX-512: tiles of 14 rows and two vectors of 16
 * floats or 8 doubles; masks make the last columns as cheap as any. */
#include "cpu/gemm_kernel.h"

#if defined(NEAP__X86)
NEAP__TARGET_AVX512

#define ROWS 14
#define EACH_TILE NEAP__TILES_14
#define EACH_ROW NEAP__ROWS_14
#define TAILS true

#define T float
#define V __m512
#define LANES 16
#define NAME(x) x##_float
#define SOME(n) ((__mmask16)(0xffffu >> (16 - (n))))
#define LOAD(p) _mm512_loadu_ps(p)
#define STORE(p, v) _mm512_storeu_ps(p, v)
#define LOAD_SOME(p, n) _mm512_maskz_loadu_ps(SOME(n), p)
#define STORE_SOME(p, v, n) _mm512_mask_storeu_ps(p, SOME(n), v)
#define LOAD_B(p, n) LOAD_SOME(p, n)
#define SPLAT(x) _mm512_set1_ps(x)
#define FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define LOW(a, b)                                                                        \
    _mm512_permutex2var_ps(                                                              \
        a, _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), b)
#define HIGH(a, b)                                                                       \
    _mm512_permutex2var_ps(                                                              \
        a,                                                                               \
        _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), \
        b)
#include "cpu/gemm_kernel.inc"
#undef SOME

#define T double
#define V __m512d
#define LANES 8
#define NAME(x) x##_double
#define SOME(n) ((__mmask8)(0xffu >> (8 - (n))))
#define LOAD(p) _mm512_loadu_pd(p)
#define STORE(p, v) _mm512_storeu_pd(p, v)
#define LOAD_SOME(p, n) _mm512_maskz_loadu_pd(SOME(n), p)
#define STORE_SOME(p, v, n) _mm512_mask_storeu_pd(p, SOME(n), v)
#define LOAD_B(p, n) LOAD_SOME(p, n)
#define SPLAT(x) _mm512_set1_pd(x)
#define FMA(a, b, c) _mm512_fmadd_pd(a, b, c)
#define LOW(a, b)                                                                        \
    _mm512_permutex2var_pd(a, _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), b)
#define HIGH(a, b)                                                                       \
    _mm512_permutex2var_pd(a, _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15), b)
#include "cpu/gemm_kernel.inc"

NEAP__TARGET_END

const neap__gemm_kernels *const neap__gemm_avx512[2] = {&kernels_float, &kernels_double};
#endif
