/* outline.h - what a run is asked, and its outline: which nodes it needs, which value of
 * a variable each of them reads, in which order effects happen, what it writes. An
 * outline hangs on fetches and feeds alone, never on a size. */
#ifndef NEAP_OUTLINE_H
#define NEAP_OUTLINE_H

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

/* What computes: the plan asks it for a kernel for each node that has one of its own. A
 * further device is a module that brings such a table and a memory; its `bind` looks a
 * kernel up by the operation's name, and fails with EUNSUP where there is none. */
typedef struct neap__device {
    const char *name;
    const neap__memory *memory; /* in which its kernels reach their operands */
    neap__bind *bind;
} neap__device;
extern const neap__device neap__cpu; /* the descriptors' own kernels */

typedef struct neap__target {
    const neap__device *device;
    neap__account *account;
    neap__isa isa;
    int workers;
    unsigned passes;
} neap__target;

/* Of a body: the nodes that give its results, its parameters, and in `parts` which part
 * of a fetched node is meant (NONE: its value). */
typedef struct neap__request {
    neap_node *const *fetches;
    const uint32_t *parts;
    size_t fetch_count;
    neap_node *const *feeds;
    size_t feed_count;
    bool body; /* parameters stand for variables: nothing is committed */
} neap__request;

/* ---- Items ----------------------------------------------------------------------- */

typedef enum neap__role {
    NEAP__ROLE_FEED,     /* `slot`: which feed */
    NEAP__ROLE_VARIABLE, /* `slot`: which variable; its value before the run */
    NEAP__ROLE_CONSTANT, /* `slot`: which of the structure's constants */
    NEAP__ROLE_CARRIED,  /* computed by an earlier stage; `slot`: where; NONE: unread */
    NEAP__ROLE_LATER,    /* computed by a later stage */
    NEAP__ROLE_KNOWN,    /* a value that inference gives */
    NEAP__ROLE_NOTHING,  /* no value */
    NEAP__ROLE_ALIAS, /* the bytes of operand 0; `slot`: the item whose memory that is */
    NEAP__ROLE_PART,  /* result number `part` of operand 0 */
    NEAP__ROLE_ELEMENT,
    NEAP__ROLE_GEMM,
    NEAP__ROLE_KERNEL /* `slot`: its first part's place in `parts`; NONE: it is its part */
} neap__role;

/* A node in an outline, and in the structures made from it. `inputs` are the items of the
 * node's own inputs, from which facts are inferred; `operands` are where data comes from,
 * once versions are resolved and after rewriting (as many). */
typedef struct neap__item {
    const neap_node *node;
    const uint32_t *inputs;
    uint32_t *operands;
    const uint32_t *controls;
    uint32_t count; /* of inputs and of operands */
    uint32_t control_count;
    uint32_t part_count; /* writes, then several results */
    uint32_t same; /* the item that stands for this one: itself, or an earlier one */
    uint32_t slot;
    uint32_t part;
    uint32_t unit; /* the unit that computes it, or NONE */
    uint8_t role;
    bool live;           /* executed, or read by what is */
    bool fetched;        /* it lies in a tensor of its own: fetched, or carried on */
    bool handed;         /* its kernel hands over a tensor of a size of its own */
    bool flip_a, flip_b; /* GEMM, guard: it takes an operand's transpose in */
    bool equal;          /* guard: rewritten because its shape equals its operand's */
} neap__item;

typedef struct neap__variable_use {
    neap_node *node;
    uint32_t item; /* that reads its value before the run; NONE: only written */
    bool open;     /* its shape is the session's to tell */
} neap__variable_use;

/* The last write of a variable in a run, which the commit publishes. */
typedef struct neap__last_write {
    uint32_t variable; /* of the outline's variables */
    uint32_t item, part;
} neap__last_write;

/* The bodies of a branch or loop, as far as their results are used. */
typedef struct neap__inner {
    struct neap__outline *outline[2]; /* then, else; condition, body; held */
    uint32_t fetch_count; /* of both branches; of a loop's body: all that it carries */
    uint32_t *parts;      /* which part of the item each fetch is */
} neap__inner;

/* Invariants
 *   1. Items are in topological order: an operand's index is below its user's.
 *   2. An outline never changes once made; many runs share it. */
typedef struct neap__outline {
    _Atomic(int64_t) references;
    uint64_t id; /* by which a session's cache knows it; 0: not in one */
    neap__account *account;
    neap__arena arena;
    neap__item *items;
    uint32_t item_count;
    uint32_t max_inputs;
    uint32_t edge_count; /* of all items' operands */
    uint32_t *parts;     /* of items with several results, or several writes */
    uint32_t part_count;
    neap__variable_use *variables;
    uint32_t variable_count;
    neap__last_write *writes;
    uint32_t write_count;
    neap_tensor **constants; /* held */
    uint32_t constant_count;
    uint32_t *fetches; /* items */
    uint32_t fetch_count;
    uint32_t *feeds; /* item of each feed; NONE: not needed */
    uint32_t feed_count;
    uint32_t nodes;
    struct neap__inner **inner; /* by item: of branches and loops; NULL: no item is one */
    bool open;                  /* some variable's shape is the session's to tell */
    bool random;                /* draws, in a body too */
    bool several;               /* some operation has several results */
    bool body;
} neap__outline;

/* NULL with an error, or the outline. */
neap__outline *neap__outline_new(neap__account *account, const neap__request *request,
                                 neap_error *err);
void neap__outline_retain(neap__outline *o);
void neap__outline_release(neap__outline *o);

/* ---- Parts ----------------------------------------------------------------------- */

/* A kernel makes parts: the new values of the variables that it updates, then its several
 * results. Where it has neither several results nor several writes, it is its own part. */
static inline bool neap__has_parts(const neap_node *n)
{
    return neap__several(n) || n->written_count > 1;
}
/* The item that is part `part` of item `root`; NONE where nothing reads it. */
static inline uint32_t neap__part_item(const neap__item *items, const uint32_t *parts,
                                       uint32_t root, uint32_t part)
{
    return items[root].slot == NEAP__NONE ? root : parts[items[root].slot + part];
}
/* Whether the item updates variables in this run. */
static inline bool neap__writes(const neap__item *item)
{
    return item->role == NEAP__ROLE_KERNEL && item->node->written_count != 0;
}

/* Points readers of variables behind assignments to these, and lists the last assignment
 * to each variable: what the commit publishes (versions.c). */
int neap__resolve_versions(neap__outline *o, neap_error *err);

#endif
