/* contract.h - products over any axes of two values: each is seen as a matrix, brought
 * into one where it does not lie so already, and the product goes to where it belongs. */
#ifndef NEAP_CPU_CONTRACT_H
#define NEAP_CPU_CONTRACT_H

#include "cpu/gemm.h"
#include "cpu/move.h"

/* A value as a matrix: rows run over some of its axes, columns over the others. */
typedef struct neap__matrix {
    int input;       /* which operand of the call */
    bool copied;     /* into rows x columns, by `copy`, at `at` of the scratch */
    bool transposed; /* else: stored as columns x rows */
    neap__copy_args copy;
    size_t at;
} neap__matrix;

/* out = left right, (M, K) by (K, N), in the dtype's own arithmetic: integers wrap,
 * 16-bit floats are summed in float32 and rounded once; each sum in the order of K. */
typedef struct neap__contract_args {
    neap_dtype dtype;
    int64_t m, n, k;
    neap__matrix left, right;
    neap__gemm gemm;    /* float32 and float64: chosen by neap__contract_choose */
    bool placed;        /* the product is made at `product_at` of the scratch, then */
    neap__copy_args to; /* copied to where it belongs */
    size_t product_at, gemm_at;
} neap__contract_args;

/* Finds places in the scratch and the kernel's cut, when all else is filled in; returns
 * the scratch bytes that a call with that many workers needs. */
size_t neap__contract_choose(neap__contract_args *a, neap__isa isa, int workers);
neap__kernel neap__cpu_contract;

#endif
