/* run.h - running: one run of the host, the frames in it (the run's own outline, and each
 * body of a branch or loop under way), and what they execute. */
#ifndef NEAP_RUN_H
#define NEAP_RUN_H

#include "plan/stage.h"

/* ---- The block ------------------------------------------------------------------- */

/* Memory that frames take and give back in order, last in first out: a stack of pieces,
 * the first from the session's pool, more taken where one is too small. */
typedef struct neap__piece {
    struct neap__piece *next; /* under it; or in a list of free ones */
    size_t size;              /* bytes behind this head */
    size_t used;              /* of them, when a piece lies above it */
} neap__piece;
typedef struct neap__block {
    neap__piece *top;   /* that is taken from */
    neap__piece *spare; /* were above it */
    size_t used;        /* of the top's bytes */
    size_t under;       /* in use in the pieces under it */
    size_t most;        /* bytes that were in use at once */
    size_t hint;        /* bytes of the first piece, at least */
} neap__block;
typedef struct neap__mark {
    neap__piece *top;
    size_t used;
} neap__mark;

/* Puts a piece of at least so many bytes on top; false with ENOMEM or ELIMIT told. */
bool neap__block_push(neap__block *b, neap__account *a, size_t size, neap_error *err);
/* Bytes at a multiple of 64, undefined; NULL with ENOMEM or ELIMIT told. */
static inline void *neap__block_take(neap__block *b, neap__account *a, size_t size,
                                     neap_error *err)
{
    if (!neap__round_size(size, NEAP__ALIGNMENT, &size)) {
        neap__fail(err, NEAP_ELIMIT, "a run needs too much memory");
        return NULL;
    }
    if ((!b->top || size > b->top->size - b->used) && !neap__block_push(b, a, size, err))
        return NULL;
    char *memory = (char *)b->top + NEAP__ALIGNMENT + b->used;
    b->used += size;
    if (b->under + b->used > b->most)
        b->most = b->under + b->used;
    return memory;
}
static inline neap__mark neap__block_mark(const neap__block *b)
{
    return (neap__mark){b->top, b->used};
}
/* Gives back all that was taken since the mark. */
void neap__block_back(neap__block *b, neap__mark mark);
/* Frees all pieces. */
void neap__block_free(neap__block *b, neap__account *a);
void neap__piece_free(neap__piece *p, neap__account *a);

/* ---- Runs and frames ------------------------------------------------------------- */

struct neap__activation;

/* What all frames of one run share. */
typedef struct neap__run {
    neap__team team;
    uint64_t seed, counter;
    void *caller;
    neap__account *account;
    neap__block block;
    bool acted; /* an operation of the host was called: what it did stays done */
    bool (*stopped)(void *context); /* looked at between instructions; may be NULL */
    /* The plan of the frame's next stage: a new reference. */
    int (*plan)(void *context, const struct neap__activation *f, neap__plan **out,
                neap_error *err);
    void *context;
} neap__run;

/* A value that is given to a body: elements in a block, or of a tensor. */
typedef struct neap__argument {
    neap_dtype dtype;
    const neap__shape *shape;
    const void *data;
    neap_tensor *tensor; /* NULL: in a block */
} neap__argument;

/* One outline under way, and the stage at hand. A frame holds what it uses; the arrays
 * lie in the run's block. */
typedef struct neap__activation {
    neap__run *run;
    const struct neap__activation *outer; /* NULL: the run's own */
    neap__outline *outline;
    neap__plan *plan;       /* of the stage at hand, held; NULL before the first */
    neap__plan *guess;      /* tried first as the first stage's; held; NULL */
    uint64_t iteration;     /* of the loops around: what draws depend on */
    const neap_feed *given; /* of the run's own: the feeds; else NULL, and they are */
    const neap__argument *arguments;
    neap_tensor **pinned;  /* the outline's variables, held */
    neap_tensor **written; /* what its writes make, held */
    neap_tensor **values;  /* its fetches, held */
    void *const *into;     /* where fetches go; NULL, or an entry: as a tensor */
    neap_tensor **carried; /* by slot, held; NULL: the shape alone */
    uint32_t carried_count;
    /* Of the stage: */
    void **bases;
    const void **pointers; /* max_operands, for the call at hand */
    neap_tensor **results; /* held */
} neap__activation;

/* Runs all stages; of the last one what comes before the commit's tail. Fetches are then
 * in `values` or `into`, but for those that the commit makes. On success the last stage
 * stays as it is, until neap__activation_end. */
int neap__activation_run(neap__activation *f, neap_error *err);
/* Executes instructions [from, to) of the stage. An error names the node and where it was
 * made. */
int neap__activation_execute(neap__activation *f, uint32_t from, uint32_t to,
                             neap_error *err);
/* Releases what the frame holds of plans, carried values and results (not `pinned`,
 * `written` and `values`). Also after a failure. */
void neap__activation_end(neap__activation *f);
/* A tensor for a result or a new value; a failure names the node. */
neap_tensor *neap__activation_tensor(neap__activation *f, const neap__result *result,
                                     neap_error *err);
/* What is known when the next stage is planned; in the arena. */
int neap__activation_given(const neap__activation *f, neap__arena *arena,
                           neap__given *given, neap_error *err);
/* Runs a branch or loop; call->out holds the places of its parts, and handed[i] receives
 * the tensor of a part without one (control.c). */
int neap__run_control(neap__activation *f, const neap__instruction *in,
                      const neap__call *call, neap_tensor **handed);
/* Whether a plan hangs on the shapes of feeds alone: it is of a first stage, and neither
 * values nor variables tell it a size. */
bool neap__plan_of_shapes(const neap__plan *p);
/* Whether such a plan serves what is fed. */
bool neap__plan_serves(const neap__plan *p, const neap__activation *f);
static inline neap__argument neap__argument_of(const neap__activation *f, uint32_t feed)
{
    if (!f->given)
        return f->arguments[feed];
    neap_tensor *t = f->given[feed].value;
    return (neap__argument){t->dtype, &t->shape, neap__reach(t, &neap__host_memory), t};
}

/* Compiles and runs nodes that depend on constants alone; out[i] receives new tensors. */
int neap__compute(const neap__target *target, neap_node *const *nodes, size_t count,
                  neap_tensor **out, neap_error *err);

#endif
