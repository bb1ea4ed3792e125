/* gemm.h - products (gemm.c; openblas.c is the only file that names cblas). */
#ifndef NEAP_CPU_GEMM_H
#define NEAP_CPU_GEMM_H

#include "cpu/kernel.h"

struct neap__program; /* cpu/program.h */

/* C = op(A) op(B), row-major, for `batch` products; bits depend on sizes, dtype and
 * instruction set alone, never on threads or the address of anything. op(A) is M x K,
 * op(B) is K x N, C is M x N with leading dimension N. */
typedef struct neap__gemm {
    neap_dtype dtype; /* float32 or float64 */
    neap__isa isa;
    int64_t m, n, k;
    bool transpose_a, transpose_b; /* stored K x M, N x K */
    int64_t lda, ldb;              /* elements between stored rows */
    int64_t batch; /* products; their operands by the strides of batch_dims */
    int batch_rank;
    int64_t batch_dims[NEAP_MAX_RANK], a_strides[NEAP_MAX_RANK], b_strides[NEAP_MAX_RANK];
    /* NULL: store C; else a program over the domain (batch, M, N) whose accumulator is
     * C's tile; out[] are its stores and in[2 + i] its i-th other load. */
    const struct neap__program *epilogue;
    int engine;             /* chosen by neap__gemm_choose, as is the rest: */
    struct neap__gemm_cut { /* how the product is cut; what the words mean says gemm.c */
        const struct neap__gemm_kernels *kernels;
        int64_t tile_rows, block_rows, block_columns, block_k, a_step;
        int64_t rows, columns, products; /* of a part; several products if whole */
        int64_t chunk_rows, chunk_columns, chunk_products;
        bool tiny, single; /* a plain loop will do; one part without an epilogue */
        bool pack_a, pack_b, pack_tail; /* pack_tail: of B the last columns alone */
        size_t a_bytes, b_bytes, epilogue_bytes; /* scratch of a worker */
        size_t panel_bytes; /* between two packed panels; 0: one at a time */
        size_t c_bytes;     /* scratch that the workers share */
    } cut;
} neap__gemm;

/* Chooses the engine from sizes, by rules that `make bench` shows the measurements for;
 * returns the scratch bytes that a call with that many workers needs. */
size_t neap__gemm_choose(neap__gemm *g, int workers);
/* in[0] A, in[1] B, out[0] C (or the epilogue's stores); args is a neap__gemm. Never
 * fails: if OpenBLAS cannot serve, neap's own kernels do, as chosen beforehand. */
neap__kernel neap__cpu_gemm;
/* What is known of OpenBLAS, for neap_get_config. */
const char *neap__blas_text(void);
/* For bench/: forces an engine where it can serve the call (0 own, 1 OpenBLAS); false if
 * it cannot. */
bool neap__gemm_force(neap__gemm *g, int engine);

#endif
