/* program.h - fused loops (fused.c). */
#ifndef NEAP_CPU_PROGRAM_H
#define NEAP_CPU_PROGRAM_H

#include "cpu/element.h"

/* A program computes some results from some operands, element by element, over one domain
 * (a shape), in tiles that stay in the L1 cache. It is data: registers hold one tile
 * each; loads bring an operand's tile in, steps compute, stores write. Registers 0 …
 * loads-1 are the loads; step i writes register loads + i's `out`. */
#define NEAP__TILE 512
#define NEAP__PROGRAM_LOADS 16
#define NEAP__PROGRAM_STEPS 128
#define NEAP__PROGRAM_STORES 8
#define NEAP__PROGRAM_REGISTERS 16 /* tiles of scratch for steps, shared by lifetime */

typedef struct neap__load {
    uint8_t dtype;
    uint8_t pattern; /* neap__program_fix: whole, scalar, periodic, per row, strided */
    uint8_t width;   /* filled too: bytes of an element */
    int64_t period;  /* PERIODIC: elements of the operand; ROWS: elements of a row */
    int64_t strides[NEAP_MAX_RANK]; /* over the program's collapsed dims */
} neap__load;

typedef struct neap__step {
    neap__element *function;
    double params[2];
    uint8_t inputs; /* 1 to 3 */
    uint8_t in[3];  /* below `loads`: that load's tile; else tile register in - loads */
    uint8_t out;    /* tile register; the first `inputs`' registers may be the same */
    uint8_t dtype;  /* of the result */
    int8_t store; /* -1, or the store (out[store] of the call) that it writes directly */
} neap__step;

typedef struct neap__program {
    int loads, steps, stores, registers;
    int rank; /* of the domain, with equal neighbours collapsed */
    int64_t dims[NEAP_MAX_RANK];
    int64_t size; /* elements of the domain */
    neap__load
        *load; /* `loads` of them: a program is small, because plans may have many */
    neap__step *step;   /* `steps` of them */
    int8_t accumulator; /* in an epilogue: the load that is the product's tile; or -1 */
} neap__program;

/* Fixes a program to sizes: domain and the operands' shapes (broadcastable to it) give
 * dims, patterns and strides. */
void neap__program_fix(neap__program *p, const neap__shape *domain,
                       const neap__shape *operands);
/* The kernel: args is a neap__program; in[i] is load i, out[i] is store i. A store may be
 * the memory of a WHOLE load of the same element size. Scratch: neap__program_scratch(p,
 * workers). */
neap__kernel neap__cpu_program;
size_t neap__program_scratch(const neap__program *p, int workers);
/* For epilogues: elements [begin, begin + n) of the domain, with `tile` standing for the
 * accumulator (contiguous, n elements; it may be the memory of a store); in[i] is the
 * i-th load that is not the accumulator; `scratch` is one worker's. */
void neap__program_span(const neap__program *p, const void *const *in, void *const *out,
                        const void *tile, int64_t begin, int64_t n, void *scratch);

#endif
