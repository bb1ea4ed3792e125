/* plan.h - a graph and shapes become instructions.
 *
 * A plan has two halves. The *structure* says what is computed and in which order: which
 * nodes are needed, which are equal, folded, fused. The *plan* proper adds the sizes:
 * every shape, the place of every value in one block, and the kernel of every
 * instruction. One structure serves many sizes.
 *
 * Invariants
 *   1. Items are in topological order: an operand's index is below its user's.
 *   2. A structure is made with whole shapes at hand, but keeps of them only decisions
 *      that it can check again: neap__plan_new fails with NEAP__STALE when other sizes
 *      break one, and the caller makes another structure.
 *   3. No pass depends on addresses or on the order of a hash table; none is worse than
 *      n log n.
 *   4. Structures and plans never change once made, so that many runs may share them. */
#ifndef NEAP_PLAN_H
#define NEAP_PLAN_H

#include "grad/grad.h"

#define NEAP__NONE UINT32_MAX
#define NEAP__STALE (-1) /* not an error: this structure does not serve these sizes */

/* ---- What is asked --------------------------------------------------------------- */

/* Passes that may be left out. */
enum {
    NEAP__PASS_FOLD = 1,
    NEAP__PASS_SIMPLIFY = 2,
    NEAP__PASS_MERGE = 4,
    NEAP__PASS_FUSE = 8,
    NEAP__PASS_PLACE = 16, /* reuse of dead space, and in-place results */
    NEAP__PASS_ALL = 31
};
/* "none", or names apart by commas; NULL means all. EARG names what is not a pass. */
bool neap__passes_of(const char *names, unsigned *passes, neap_error *err);

typedef struct neap__target {
    neap__account *account;
    neap__isa isa;
    int workers;
    unsigned passes;
} neap__target;

/* Fetches and feeds, and what is known of the fed values. `variable_shape` tells the
 * shape that a variable has (or will have) in the session, where its static shape leaves
 * it open. */
typedef struct neap__request {
    neap_node *const *fetches;
    size_t fetch_count;
    neap_node *const *feeds;
    const neap__fact *facts; /* of each feed, whole; `known` where it specialises */
    size_t feed_count;
    int (*variable_shape)(void *context, const neap_node *variable, neap__shape *shape,
                          neap_error *err);
    void *context;
    void *caller;
} neap__request;

/* ---- The structure --------------------------------------------------------------- */

typedef enum neap__role {
    NEAP__ROLE_FEED,     /* `slot`: which feed */
    NEAP__ROLE_VARIABLE, /* `slot`: which variable; its value before the run */
    NEAP__ROLE_CONSTANT, /* `slot`: which of the structure's constants */
    NEAP__ROLE_KNOWN,    /* an integer value that inference gives */
    NEAP__ROLE_NOTHING,  /* no value */
    NEAP__ROLE_ALIAS, /* the bytes of operand 0; `slot`: the item whose memory that is */
    NEAP__ROLE_PART,  /* result number `part` of operand 0 */
    NEAP__ROLE_ELEMENT,
    NEAP__ROLE_GEMM,
    NEAP__ROLE_KERNEL
} neap__role;

/* A node in a structure. `inputs` are the items of the node's own inputs, from which
 * facts are inferred; `operands` are where data comes from after rewriting (as many). */
typedef struct neap__item {
    const neap_node *node;
    const uint32_t *inputs;
    uint32_t *operands;
    const uint32_t *controls;
    uint32_t count; /* of inputs and of operands */
    uint32_t control_count;
    uint32_t same; /* the item that stands for this one: itself, or an earlier one */
    uint32_t slot;
    uint32_t unit; /* the unit that computes it, or NONE */
    uint8_t role;
    uint8_t part;
    bool live; /* executed, or read by what is */
    bool fetched;
    bool flip_a, flip_b; /* GEMM, guard: it takes an operand's transpose in */
    bool equal;          /* guard: rewritten because its shape equals its operand's */
} neap__item;

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

typedef struct neap__variable_use {
    neap_node *node;
    uint32_t item; /* that reads its value before the run; NONE: only written */
    bool open;     /* its shape is the session's to tell */
} neap__variable_use;

/* The last write of a variable in a run, which the commit publishes. A *terminal* write
 * is made by the commit itself, in place if nothing else holds the buffer; the others are
 * staged in a tensor. */
typedef struct neap__write {
    uint32_t variable; /* of the structure's variables */
    uint32_t item;
    uint8_t part;
    bool terminal;
    bool in_place; /* terminal, and no instruction after it reads the old value */
} neap__write;

typedef struct neap__structure {
    _Atomic(int64_t) references;
    neap__account *account;
    neap__arena arena;
    neap__item *items;
    uint32_t item_count;
    uint32_t max_inputs;
    neap__unit *units; /* in the order of execution; from `tail` on, the commit's own */
    uint32_t unit_count, tail;
    neap__variable_use *variables;
    uint32_t variable_count;
    neap__write *writes;
    uint32_t write_count;
    neap_tensor **constants; /* held */
    uint32_t constant_count;
    uint32_t *fetches; /* items */
    uint32_t fetch_count;
    uint32_t *feeds;   /* item of each feed; NONE: not needed */
    bool *feed_values; /* whether its value specialises the plan */
    uint32_t feed_count;
    bool open;    /* some variable's shape is the session's to tell */
    bool random;  /* draws */
    bool several; /* some operation has several results */
    unsigned passes;
    uint32_t nodes, merged, folded, simplified; /* counts, for explain */
    /* A segment ends here: these nodes must be computed first and fed; then nothing above
     * is set. */
    neap_node **segment;
    size_t segment_count;
} neap__structure;

/* NULL with an error, or the structure; `feed_values` says for each feed whether its
 * value was given as known and mattered. */
neap__structure *neap__structure_new(const neap__target *target,
                                     const neap__request *request, neap_error *err);
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

typedef struct neap__instruction {
    neap__kernel *kernel;
    const void *args;
    uint32_t operands; /* first of its places: inputs, then outputs */
    uint32_t in_count, out_count;
    size_t scratch; /* offset in the block */
    uint32_t unit;
    bool host; /* the operands are tensors, made for the call */
} neap__instruction;

/* Where a fetched value comes from. */
typedef enum neap__source {
    NEAP__FROM_NOTHING,
    NEAP__FROM_RESULT, /* a tensor made by the run */
    NEAP__FROM_FEED,
    NEAP__FROM_VARIABLE, /* as pinned */
    NEAP__FROM_CONSTANT,
    NEAP__FROM_STAGED, /* a staged write */
    NEAP__FROM_COMMIT  /* the variable after the commit (a terminal write) */
} neap__source;

typedef struct neap__fetch {
    neap__source source;
    uint32_t index; /* of the results, feeds, variables, constants or writes */
    bool view;      /* under another shape than the source's */
    neap_dtype dtype;
    neap__shape shape;
} neap__fetch;

/* A tensor that a run makes: a result, or the new value of a written variable. */
typedef struct neap__result {
    neap_dtype dtype;
    neap__shape shape;
    bool in_place; /* a write that may go to the variable's own buffer */
    uint32_t item; /* that computes it, for an error's text */
} neap__result;

typedef struct neap__plan {
    _Atomic(int64_t) references;
    neap__structure *structure; /* held */
    neap__account *account;
    neap__arena arena;
    neap__fact *facts;          /* of the items */
    const neap__fact **several; /* of the results of items that have several */
    neap__instruction *instructions;
    uint32_t instruction_count, tail;
    neap__place *places; /* of all instructions' operands */
    size_t place_count, place_capacity;
    uint32_t max_operands;
    /* bases: block, NULL, constants, then feeds, variables, results, writes (the new
     * buffers) */
    const void **constants; /* the first `first_feed` bases, the block's unset */
    uint32_t first_feed, first_variable, first_result, first_write, base_count;
    neap_tensor **known; /* held: the constants that inference gave */
    uint32_t known_count;
    neap__result *results;
    uint32_t result_count;
    neap__result *writes; /* the structure's writes */
    neap__fetch *fetches;
    neap__shape *feed_shapes; /* what it was made for */
    size_t block;             /* bytes of values and scratch */
    size_t unshared;          /* what the values would need without reuse */
    size_t held;              /* of `block`, bytes that wait for the commit */
    double flops;
} neap__plan;

/* NEAP_OK with *out, NEAP__STALE, or an error. */
int neap__plan_new(const neap__target *target, neap__structure *s,
                   const neap__request *request, neap__plan **out, neap_error *err);
void neap__plan_retain(neap__plan *p);
void neap__plan_release(neap__plan *p);

/* The state of one run, laid out at the head of its block by neap__run_layout. */
typedef struct neap__run {
    const neap__plan *plan;
    void **bases;
    const void **pointers; /* max_operands, for the call at hand */
    neap_tensor **feeds;   /* by the request's order */
    neap_tensor **pinned;  /* the structure's variables */
    neap_tensor **results;
    neap_tensor **written; /* the writes' new tensors */
    neap_tensor **values;  /* of the fetches, to be handed over */
    neap__team team;
    uint64_t seed, counter;
    void *caller;
    neap__account *account;
    bool (*stopped)(void *context); /* looked at between instructions; may be NULL */
    void *context;
} neap__run;

/* Bytes of a block for this plan: head and values. */
size_t neap__plan_block(const neap__plan *p);
/* Points `run` into its block. */
void neap__run_layout(neap__run *run, const neap__plan *p, void *block);
/* Executes instructions [from, to). An error names the node and where it was made. */
int neap__run_execute(neap__run *run, uint32_t from, uint32_t to, neap_error *err);

/* Compiles and runs nodes that depend on constants alone; out[i] receives new tensors. */
int neap__compute(const neap__target *target, neap_node *const *nodes, size_t count,
                  neap_tensor **out, neap_error *err);

/* The plan as text. */
void neap__text_plan(neap__text *t, const neap__plan *p);

/* ---- Between the passes (internal to plan/) -------------------------------------- */

static inline uint32_t neap__operand(const neap__structure *s, uint32_t item, uint32_t i)
{
    return s->items[s->items[item].operands[i]].same;
}
/* The item whose memory holds this item's value, once units are formed. */
uint32_t neap__storage(const neap__structure *s, uint32_t item);
/* How many of an item's operands are read as data by a fused step: the first ones. */
uint32_t neap__element_inputs(const neap_node *n);
/* The input that is the variable which result number `part` of a writing node updates. */
static inline uint32_t neap__written_input(const neap__op *op, int part)
{
    unsigned mask = op->writes;
    while (part--)
        mask &= mask - 1;
    return (uint32_t)__builtin_ctz(mask);
}
/* How many variables a node updates; whether the item does so in this run. */
static inline int neap__written_count(const neap_node *n)
{
    return __builtin_popcount(n->op->writes);
}
static inline bool neap__writes(const neap__item *item)
{
    return item->role == NEAP__ROLE_KERNEL && item->node->op->writes != 0;
}
static inline bool neap__shape_only(const neap_node *n, uint32_t input)
{
    return input < 32 && (n->op->shape_only >> input & 1);
}

/* Points readers of variables behind assignments to these. */
int neap__resolve_versions(neap__structure *s, neap_error *err);
/* Lists the last assignment to each variable: what the commit publishes. */
int neap__list_writes(neap__structure *s, neap_error *err);
/* Facts of all items, in order; and in `several`, of items whose operation has several
 * results, the facts of these (NULL where no item has). STALE if a guard fails
 * (`guards`); *open receives the first item whose shape is not whole, or NONE. */
int neap__infer_items(const neap__structure *s, const neap__request *request,
                      neap__fact *facts, const neap__fact **several, neap__arena *arena,
                      bool guards, uint32_t *open, neap_error *err);
int neap__simplify(neap__structure *s, const neap__fact *facts, neap_error *err);
/* Whether a product may read what operand k, a transpose, transposes, at these sizes. */
bool neap__takes_transpose(const neap__structure *s, const neap__fact *facts,
                           uint32_t product, uint32_t k);
int neap__merge(neap__structure *s, neap_error *err);
int neap__fold(neap__structure *s, const neap__target *target, const neap__fact *facts,
               neap_error *err);
/* Marks what is live, then groups it into units and puts them in order. */
int neap__form_units(neap__structure *s, const neap__fact *facts, neap_error *err);

/* Puts the units of the body into the order in which the least memory is live
 * (schedule.c). */
int neap__schedule(neap__structure *s, const neap__fact *facts, neap_error *err);

/* The place of an item in a sorted list, or NONE. */
static inline uint32_t neap__member(const uint32_t *members, uint32_t count,
                                    uint32_t item)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (members[middle] < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && members[low] == item ? low : NEAP__NONE;
}
/* Free space of a block while a plan is placed (place.c). */
typedef struct neap__span {
    size_t offset, size;
} neap__span;
typedef struct neap__space {
    neap__account *account;
    neap__span *spans; /* free, by offset, never touching */
    size_t count, capacity;
    size_t high; /* the end of what was ever taken */
} neap__space;
bool neap__space_take(neap__space *s, size_t size, size_t *offset, neap_error *err);
bool neap__space_give(neap__space *s, size_t offset, size_t size, neap_error *err);
void neap__space_free(neap__space *s);

/* What emission works on (internal to plan/): a plan that is being made. */
typedef struct neap__emitter {
    const neap__target *target;
    neap__plan *plan;
    neap__structure *s;
    neap__place *place; /* of each item's storage, once placed */
    uint32_t *last;     /* of each storage item: the last unit that reads it, or NONE */
    neap__space space;
    neap_error *err;
} neap__emitter;
/* Emits one unit: binds its kernel, places its result and scratch, and frees what dies
 * here. */
int neap__emit(neap__emitter *e, uint32_t unit);

#endif
