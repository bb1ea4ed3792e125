/* stage.h - a stage of a run: its structure, and for the shapes at hand its plan.
 *
 * Where a shape hangs on a value that only the run can tell (a reshape to a computed
 * size, a kernel whose result has a size of its own), the run goes in stages: what tells
 * it comes first, and the rest is planned when it is known. Most runs have one stage.
 *
 * The *structure* says which items of the outline a stage computes, which of these are
 * equal, folded, fused, and in which order. The *plan* adds the sizes: every shape, the
 * place of every value in one block, and the kernel of every instruction. One structure
 * serves many sizes.
 *
 * Invariants
 *   1. A structure is made with whole shapes at hand, but keeps of them only decisions
 *      that it can check again: neap__plan_new fails with NEAP__STALE when other sizes
 *      break one, and the caller makes another structure.
 *   2. Items have the numbers that they have in the outline, in every stage.
 *   3. Each item is computed in one stage alone, and a stage holds all that an item in it
 *      needs (data, controls, what acts before it) that no earlier stage has.
 *   4. No pass depends on addresses or on the order of a hash table; none is worse than
 *      n log n.
 *   5. Structures and plans never change once made, so that many runs may share them. */
#ifndef NEAP_STAGE_H
#define NEAP_STAGE_H

#include "plan/outline.h"

/* ---- What is known when a stage is planned --------------------------------------- */

typedef struct neap__given {
    const neap__fact *feeds;         /* whole; `known` where values may specialise */
    neap_tensor *const *variables;   /* as pinned, by the outline's numbers */
    const struct neap__plan *before; /* of the stage before; NULL: the first stage */
    const neap__fact *carried;       /* what the stages before carry on, by slot; whole */
    void *caller;
} neap__given;

/* ---- The structure --------------------------------------------------------------- */

/* What one instruction computes: one kernel, or one product with its epilogue, or a fused
 * run. */
typedef struct neap__unit {
    uint32_t root;
    uint32_t gemm;           /* the product whose epilogue the members are; or NONE */
    const uint32_t *members; /* element-wise, in order, `root` last; none: a kernel */
    uint32_t member_count;
    const uint32_t *loads; /* the members' operands from outside, each once */
    uint32_t load_count;
} neap__unit;

/* A last write that this stage makes. A *terminal* one is made by the commit itself, in
 * place if nothing else holds the buffer; the others are staged in a tensor. */
typedef struct neap__write {
    uint32_t number; /* of the outline's writes */
    uint32_t item, part;
    bool terminal;
    bool in_place; /* terminal, and no instruction after it reads the old value */
} neap__write;

/* A value that leaves the stage: a fetch of the outline, or one that a later stage reads
 * (`index`: its slot). */
typedef struct neap__take {
    uint32_t item, index;
} neap__take;

/* What a stage carries on in a slot, and how the next stage hangs on it. */
typedef struct neap__carry {
    uint32_t item;
    bool data;   /* it is read; else its shape alone is */
    bool wanted; /* its values tell a size: they specialise the stages to come */
    bool handed; /* so does its shape */
} neap__carry;

typedef struct neap__structure {
    _Atomic(int64_t) references;
    uint64_t id; /* by which a session's cache knows it; 0: not in one */
    neap__account *account;
    neap__outline *outline;         /* held */
    struct neap__structure *before; /* of the stage before, held; NULL: the first */
    neap__arena arena;
    neap__item *items; /* the outline's, `item_count` of them */
    uint32_t item_count;
    uint32_t *parts;   /* as the outline's, after merging */
    neap__unit *units; /* in the order of execution; from `tail` on, the commit's own */
    uint32_t unit_count, tail;
    neap__write *writes;
    uint32_t write_count;
    neap_tensor **constants; /* held: the outline's and those of folded values */
    uint32_t constant_count;
    neap__take *takes; /* fetches, then what is carried on */
    uint32_t take_count, fetch_count;
    neap__carry *carries; /* by slot, from `first_carry` on */
    uint32_t first_carry, carry_count;
    uint32_t *carried; /* by item, of stages to come: its slot or NONE; NULL: none */
    /* Whether the values of a feed, of a variable specialise the plan (those of the
     * stages before included). */
    bool *feed_values, *variable_values;
    bool last; /* no stage follows */
    unsigned passes;
    uint32_t number;                     /* of the stage, from 0 */
    uint32_t nodes;                      /* that it computes */
    uint32_t merged, folded, simplified; /* counts, for explain */
} neap__structure;

/* The next stage of an outline: after `given->before`. NULL with an error. */
neap__structure *neap__structure_new(const neap__target *target, neap__outline *outline,
                                     const neap__given *given, neap_error *err);
void neap__structure_retain(neap__structure *s);
void neap__structure_release(neap__structure *s);

/* ---- The plan -------------------------------------------------------------------- */

/* Where a value lies while a plan runs: an offset from one of the run's bases. */
typedef struct neap__place {
    uint32_t base;
    size_t offset;
} neap__place;
#define NEAP__BASE_BLOCK 0
#define NEAP__BASE_NULL 1 /* of operands that are not read */

typedef enum neap__instruction_kind {
    NEAP__CALL,      /* a kernel */
    NEAP__HOST_CALL, /* the operands are tensors, made for the call */
    NEAP__BRANCH,    /* one of two bodies */
    NEAP__LOOP
} neap__instruction_kind;

typedef struct neap__instruction {
    neap__kernel *kernel;
    const void *args;
    uint32_t operands; /* first of its places: inputs, then outputs */
    uint32_t in_count, out_count;
    size_t scratch; /* offset in the block */
    uint32_t unit;
    uint8_t kind;
} neap__instruction;

/* Where a taken value comes from. */
typedef enum neap__source {
    NEAP__FROM_NOTHING,
    NEAP__FROM_RESULT, /* a tensor made by the run */
    NEAP__FROM_FEED,
    NEAP__FROM_VARIABLE, /* as pinned */
    NEAP__FROM_CONSTANT,
    NEAP__FROM_CARRIED,
    NEAP__FROM_STAGED, /* a staged write */
    NEAP__FROM_COMMIT  /* the variable after the commit (a terminal write) */
} neap__source;

typedef struct neap__fetch {
    neap__source source;
    uint32_t index; /* of the results, feeds, variables, constants, slots or writes */
    uint32_t base;  /* where its elements lie */
    bool view;      /* under another shape than the source's */
    neap_dtype dtype;
    neap__shape shape; /* not whole: that of the tensor which is handed over */
} neap__fetch;

/* A tensor that a run makes: a result, or the new value of a written variable. */
typedef struct neap__result {
    neap_dtype dtype;
    neap__shape shape; /* not whole: the kernel hands it over */
    bool in_place;     /* a write that may go to the variable's own buffer */
    uint32_t item;     /* that computes it, for an error's text */
} neap__result;

typedef struct neap__plan {
    _Atomic(int64_t) references;
    uint64_t id;                /* by which a session's cache knows it; 0: not in one */
    neap__structure *structure; /* held */
    neap__account *account;
    const neap__memory *memory; /* in which its kernels run */
    neap__arena arena;
    neap__fact *facts;          /* of the items */
    const neap__fact **several; /* of the results of items that have several */
    neap__instruction *instructions;
    uint32_t instruction_count, tail;
    neap__place *places; /* of all instructions' operands */
    size_t place_count, place_capacity;
    uint32_t max_operands;
    /* bases: block, NULL, constants, then feeds, variables, what is carried, results,
     * writes (the new buffers) */
    const void **constants; /* the first `first_feed` bases, the block's unset */
    uint32_t first_feed, first_variable, first_carried, first_result, first_write;
    uint32_t base_count;
    neap_tensor **known; /* held: the constants that inference gave */
    uint32_t known_count;
    neap__result *results;
    uint32_t result_count;
    neap__result *writes;     /* the structure's writes */
    neap__fetch *fetches;     /* the structure's takes */
    neap__fact *carried;      /* facts by slot, of all stages so far; open where handed */
    neap__shape *feed_shapes; /* what it was made for */
    size_t block;             /* bytes of values and scratch */
    size_t unshared;          /* what the values would need without reuse */
    size_t held;              /* of `block`, bytes that wait for the commit */
    double flops;
} neap__plan;

/* NEAP_OK with *out, NEAP__STALE, or an error. */
int neap__plan_new(const neap__target *target, neap__structure *s,
                   const neap__given *given, neap__plan **out, neap_error *err);
void neap__plan_retain(neap__plan *p);
void neap__plan_release(neap__plan *p);

/* The plan as text, indented by `depth`, and within it those of the bodies of its branches
 * and loops, for the sizes that they begin with. */
void neap__text_plan(neap__text *t, const neap__target *target, const neap__plan *p,
                     int depth);

#endif
