/* kernel.h - what a kernel is; the one header of cpu/ that a graph needs. Each family of
 * kernels has a header of its own beside it, for those that bind or drive that family.
 *
 * Kernels take pointers, shapes and strides; they know nothing of graphs, nodes or
 * sessions. They may assume validated shapes and dtypes; what depends on data (an index
 * out of range) they check themselves, before they write anything. */
#ifndef NEAP_CPU_KERNEL_H
#define NEAP_CPU_KERNEL_H

#include "tensor/tensor.h"

/* ---- Instruction sets (isa.c) ---------------------------------------------------- */

typedef enum neap__isa { NEAP__GENERIC, NEAP__AVX2, NEAP__AVX512, NEAP__ISAS } neap__isa;
neap__isa neap__best_isa(void); /* of this machine (and of what was compiled in) */
const char *neap__isa_name(neap__isa isa);
/* false if there is no such name. */
bool neap__isa_of(const char *name, neap__isa *isa);

/* ---- The call -------------------------------------------------------------------- */

/* What a running plan gives to a kernel. `in` and `out` are the operands' addresses, in
 * the order in which the instruction was bound; `args` is the kernel's own struct, made
 * when sizes were fixed. Scratch is 64-byte aligned, as large as was asked for, undefined
 * on entry. A zero-size operand's address may be anything and is never read. */
typedef struct neap__call {
    const void *const *in;
    void *const *out;
    const void *args;
    void *scratch;
    neap__team *team;
    uint64_t seed;    /* the session's */
    uint64_t counter; /* of runs: 0 for initial values */
    uint64_t iteration;
    neap_error *err;     /* for FALLIBLE kernels; never NULL */
    void *caller;        /* neap_run_options.caller */
    const void **blamed; /* whom a fused kernel's error is about, as its check says */
} neap__call;

/* NEAP_OK, or the code of the error told. */
typedef int neap__kernel(const neap__call *call);

/* A job of at least this many element operations is worth a second thread. */
#define NEAP__GRAIN 16384

/* ---- Element-wise functions ------------------------------------------------------ */

/* NEAP__ELEMENT_name of cpu/element.h. A number here, so that a new one changes nothing
 * for those who only carry it. */
typedef int neap__element_code;

/* ---- Reductions ------------------------------------------------------------------ */

/* NEAP__REDUCE_name of cpu/reduce.h; 0: none. */
typedef int neap__reduction;

#endif
