/* ops.h - the registry, and what operations share: inference helpers, gradient
 * helpers. */
#ifndef NEAP_OPS_H
#define NEAP_OPS_H

#include "graph/graph.h"

/* ---- The registry (registry.c): a loop over ops.def ------------------------------ */

/* A descriptor is written as NEAP_OP(name) = {...}; ops.def names each once. */
#define NEAP_OP(opname) const neap__op neap__op_##opname
#define X(opname) extern NEAP_OP(opname);
#include "ops/ops.def"
#undef X

extern const neap__op *const neap__ops[]; /* in the order of ops.def */
extern const size_t neap__op_total;
const neap__op *neap__op_named(const char *name); /* NULL if there is none */
/* The same by name: from the slot of a name's hash on, up to a gap, in a table of a power
 * of two of slots. `make generate` makes it, of so many operations. */
extern const neap__op *const neap__op_slots[];
extern const size_t neap__op_slot_count, neap__op_slotted;

/* ---- Inference (infer.c) --------------------------------------------------------- */

neap__infer neap__infer_same;      /* dtype and shape of input 0 (and its known values) */
neap__infer neap__infer_broadcast; /* all inputs broadcast; dtype of input 0 */
neap__infer neap__infer_like_second; /* shape of input 1, dtype of input 0 */
neap__infer neap__infer_none;        /* no value */

/* The parameters of a node's element function: its floating attributes, in the order of
 * the schema (known.c). */
void neap__element_params(const neap_node *n, double params[2]);

/* ---- Building (build.c) ---------------------------------------------------------- */

/* The body of every generated builder: the header's conventions for NULL, then
 * neap__build; several results go to `outputs` (else NULL). */
neap_node *neap__build_public(neap_graph *g, const char *function, const neap__op *op,
                              neap_node *const *inputs, size_t input_count,
                              const neap_attribute *attributes, size_t attribute_count,
                              neap_node **outputs, neap_error *err);
/* Before that: `to` holds the defaults, `size` bytes, and takes what the caller's struct
 * has of it. False if that has no proper size. */
bool neap__options(void *to, size_t size, const void *from, const char *function,
                   neap_error *err);
/* The fields of options as attributes. */
static inline neap_attribute neap__option(const char *name, neap_attribute value)
{
    value.name = name;
    return value;
}
static inline neap_attribute neap__option_dtype(const char *name, neap_dtype value)
{
    return value ? neap_attribute_dtype(name, value) : neap_attribute_none(name);
}
#define NEAP__POINTER_OPTION(of, type)                                                   \
    static inline neap_attribute neap__option_##of(const char *name, type value)         \
    {                                                                                    \
        return value ? neap_attribute_##of(name, value) : neap_attribute_none(name);     \
    }
#define NEAP__LIST_OPTION(of, type)                                                      \
    static inline neap_attribute neap__option_##of(const char *name, const type *values, \
                                                   size_t count)                         \
    {                                                                                    \
        return values ? neap_attribute_##of(name, values, count)                         \
                      : neap_attribute_none(name);                                       \
    }
NEAP__POINTER_OPTION(string, const char *)
NEAP__POINTER_OPTION(tensor, neap_tensor *)
NEAP__POINTER_OPTION(node, neap_node *)
NEAP__POINTER_OPTION(body, neap_body *)
NEAP__LIST_OPTION(ints, int64_t)
NEAP__LIST_OPTION(floats, double)
NEAP__LIST_OPTION(pairs, neap_pair)
/* The `result` nodes of a node that has several results, into as many entries. */
bool neap__build_results(neap_graph *g, neap_node *n, neap_node **outputs,
                         neap_error *err);
/* What the facts of two values that are taken for one another have in common. */
neap__fact neap__common_fact(const neap__fact *a, const neap__fact *b);
/* A rank-0 constant; `name` may be NULL. */
neap_node *neap__scalar(neap_graph *g, neap_dtype dtype, double value, const char *name,
                        neap_error *err);

/* ---- Products (matmul.c) --------------------------------------------------------- */

typedef struct neap__gemm neap__gemm; /* cpu/gemm.h */
/* The sizes of a matmul node's product from whole facts: all of the struct but `isa`,
 * `epilogue` and `engine`. */
void neap__matmul_fix(const neap_node *n, const neap__fact *a, const neap__fact *b,
                      const neap__fact *out, neap__gemm *gemm);
/* Many matrices on the left with one on the right become one tall product. After
 * transposes have been taken in. */
void neap__matmul_fold(neap__gemm *gemm);

/* ---- For gradients (build.c): short builders; a NULL input gives NULL ------------ */

neap_node *neap__unary(neap__grad *g, const neap__op *op, neap_node *x);
neap_node *neap__binary(neap__grad *g, const neap__op *op, neap_node *x, neap_node *y);
neap_node *neap__add(neap__grad *g, neap_node *x, neap_node *y);
neap_node *neap__sub(neap__grad *g, neap_node *x, neap_node *y);
neap_node *neap__mul(neap__grad *g, neap_node *x, neap_node *y);
neap_node *neap__div(neap__grad *g, neap_node *x, neap_node *y);
neap_node *neap__neg(neap__grad *g, neap_node *x);
/* A rank-0 constant of the dtype of `like`. */
neap_node *neap__number(neap__grad *g, neap_node *like, double value);
/* dy summed down to the shape of x: undoes broadcasting. Nothing where the shapes are
 * one. */
neap_node *neap__sum_to(neap__grad *g, neap_node *dy, neap_node *x);
neap_node *neap__reshape_to(neap__grad *g, neap_node *dy, neap_node *x);

/* For bodies of gradients: is dx[i] wanted? */
static inline bool neap__wants(const neap__grad *g, int i)
{
    return i >= 32 || (g->needed >> i & 1);
}

#endif
