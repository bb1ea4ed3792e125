/* gemm_avx2.c - GEMM's kernels for AVX2 with FMA: tiles of 6 rows and two vectors of 8
 * floats or 4 doubles, which is 12 of the 16 registers. */
#include "cpu/gemm_kernel.h"

#if defined(NEAP__X86)
NEAP__TARGET_AVX2

#define ROWS 6
#define EACH_TILE NEAP__TILES_6
#define EACH_ROW NEAP__ROWS_6
#define TAILS                                                                            \
    false /* a masked load in the inner loop costs a register and an instruction */

/* n elements of all ones, then zeros. */
static const int32_t ones[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

#define T float
#define V __m256
#define LANES 8
#define NAME(x) x##_float
#define SOME(n) _mm256_loadu_si256((const __m256i *)(const void *)(ones + 8 - (n)))
#define LOAD(p) _mm256_loadu_ps(p)
#define STORE(p, v) _mm256_storeu_ps(p, v)
#define LOAD_SOME(p, n) _mm256_maskload_ps(p, SOME(n))
#define STORE_SOME(p, v, n) _mm256_maskstore_ps(p, SOME(n), v)
#define LOAD_B(p, n) ((void)(n), LOAD(p))
#define SPLAT(x) _mm256_set1_ps(x)
#define FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define LOW(a, b)                                                                        \
    _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x20)
#define HIGH(a, b)                                                                       \
    _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x31)
#include "cpu/gemm_kernel.inc"
#undef SOME

#define T double
#define V __m256d
#define LANES 4
#define NAME(x) x##_double
#define SOME(n) _mm256_loadu_si256((const __m256i *)(const void *)(ones + 8 - 2 * (n)))
#define LOAD(p) _mm256_loadu_pd(p)
#define STORE(p, v) _mm256_storeu_pd(p, v)
#define LOAD_SOME(p, n) _mm256_maskload_pd(p, SOME(n))
#define STORE_SOME(p, v, n) _mm256_maskstore_pd(p, SOME(n), v)
#define LOAD_B(p, n) ((void)(n), LOAD(p))
#define SPLAT(x) _mm256_set1_pd(x)
#define FMA(a, b, c) _mm256_fmadd_pd(a, b, c)
#define LOW(a, b)                                                                        \
    _mm256_permute2f128_pd(_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b), 0x20)
#define HIGH(a, b)                                                                       \
    _mm256_permute2f128_pd(_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b), 0x31)
#include "cpu/gemm_kernel.inc"

NEAP__TARGET_END

const neap__gemm_kernels *const neap__gemm_avx2[2] = {&kernels_float, &kernels_double};
#endif
