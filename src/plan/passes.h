/* passes.h - between the passes of plan/: what makes a structure and emits a plan. */
#ifndef NEAP_PASSES_H
#define NEAP_PASSES_H

#include "plan/stage.h"

static inline uint32_t neap__operand(const neap__structure *s, uint32_t item, uint32_t i)
{
    return s->items[s->items[item].operands[i]].same;
}
/* Whether this stage computes the item. */
static inline bool neap__computed(const neap__item *item)
{
    return item->role >= NEAP__ROLE_ALIAS;
}
/* The item whose memory holds this item's value, once units are formed. */
uint32_t neap__storage(const neap__structure *s, uint32_t item);
/* How many of an item's operands are read as data by a fused step: the first ones. */
uint32_t neap__element_inputs(const neap_node *n);

/* What facts are inferred for: the items of an outline or of a structure. */
typedef struct neap__inferred {
    const neap__item *items;
    uint32_t item_count;
    const neap__outline *outline;
    const neap__structure
        *values; /* whose feeds' and variables' values count; NULL: all */
    const neap__given *given;
} neap__inferred;

/* Facts of all items, in order; and in `several`, of items whose operation has several
 * results, the facts of these (NULL where no item has). Shapes may stay open. */
int neap__infer_items(const neap__inferred *f, neap__fact *facts,
                      const neap__fact **several, neap__arena *arena, neap_error *err);

/* Facts of a branch's or loop's results, through its bodies (control.c): whole where they
 * are the same whatever is taken, however often. */
int neap__infer_inner(const neap__inner *inner, const neap_node *n, const neap__fact *in,
                      neap__fact *out, const neap__given *given, neap__arena *arena,
                      neap_error *err);
/* The instruction of a branch or loop (control.c), its operands as for a kernel. */
int neap__bind_control(neap__binding *b, const neap__outline *o, uint32_t item);

/* Which items the stage computes (stages.c): the others become CARRIED or LATER; sets
 * what is carried on, `feed_values` and `last`. Facts are as inferred, and inferred
 * again where values of feeds specialise. */
int neap__cut_stage(neap__structure *s, const neap__given *given, neap__fact *facts,
                    const neap__fact **several, neap__arena *arena, neap_error *err);

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

/* What emission works on: a plan that is being made. */
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
