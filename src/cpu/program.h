/* program.h - fused loops: element-wise steps and folds over one domain.
 *
 * A *formula* is what is computed, written down term by term (formula.c); a *program* is a
 * formula compiled for its sizes (program.c), which neap__cpu_program runs in tiles that
 * stay in the L1 cache (fused.c). Both are data, interpreted: no code is generated.
 *
 * The dimensions of the domain are seen as (outer, count, inner): folds run over `count`,
 * the neighbouring dimensions that are named when the formula is begun. What a fold gives,
 * and all that is made of such values alone, has one value for each *group*, in the shape
 * (outer, inner); used beside values of the domain it is repeated along `count`. So a
 * softmax over the last axis has a group for each row, and a sum over the first axis has
 * one for each column. */
#ifndef NEAP_CPU_PROGRAM_H
#define NEAP_CPU_PROGRAM_H

#include "cpu/element.h"
#include "cpu/reduce.h"

#define NEAP__TILE 512          /* elements of a block of a sum (fold.h) */
#define NEAP__PROGRAM_LOADS 24  /* operands, and numbers */
#define NEAP__PROGRAM_TERMS 160 /* operands, numbers and steps */
#define NEAP__PROGRAM_STORES 8  /* results */
#define NEAP__PROGRAM_FOLDS 16  /* of one program */
#define NEAP__PROGRAM_CHECKS 4

struct neap__fold; /* fold.h */

/* ---- Formulas (formula.c) -------------------------------------------------------- */

typedef enum neap__term_kind {
    NEAP__TERM_LOAD,    /* an operand, at strides over the domain */
    NEAP__TERM_NUMBER,  /* one number */
    NEAP__TERM_ELEMENT, /* an element function of one to three terms */
    NEAP__TERM_SPREAD,  /* a value of the groups, as one of the domain */
    NEAP__TERM_FOLD,    /* a term reduced over `count` */
    NEAP__TERM_TAIL,    /* a term reduced over `outer` (inner is 1): a result alone */
    NEAP__TERM_PICK,    /* the element of each group at its index (inner is 1) */
    NEAP__TERM_PUT      /* a term with another value at each group's index (inner is 1) */
} neap__term_kind;

typedef struct neap__term {
    uint8_t kind;
    uint8_t dtype;    /* of the value */
    uint8_t count;    /* of `in` */
    bool group;       /* a value of each group; else of the domain */
    bool accumulator; /* LOAD: the tile of the product that an epilogue follows */
    int16_t code;     /* ELEMENT: its code; FOLD, TAIL: the reduction; LOAD: which */
    int16_t in[3];    /* earlier terms */
    double params[2]; /* ELEMENT: as its function takes them; NUMBER: its value */
} neap__term;

/* Where an operand's elements lie: strides over the dimensions of the domain. */
typedef struct neap__view {
    int64_t offset, strides[NEAP_MAX_RANK];
} neap__view;

/* Indices that must be checked before anything is written. */
typedef struct neap__check {
    int16_t operand;
    uint8_t dtype;
    int64_t count, limit; /* so many elements, each in [0, limit) */
    const char *name;     /* for the message: "NAME[3] = 12 is not in [0, 10)" */
    const void *owner;    /* the caller is told, so that it knows whom to blame */
} neap__check;

typedef struct neap__formula {
    neap__isa isa;
    neap__arena *arena; /* of the programs made */
    neap_error *err;    /* after the first error every term is 0 */
    int rank;           /* of the domain */
    int64_t dims[NEAP_MAX_RANK], results[NEAP_MAX_RANK]; /* and the strides of results */
    unsigned folded; /* dimensions that folds run over: neighbours, but for those of 1 */
    int terms, operands, stores, checks;
    neap__term term[NEAP__PROGRAM_TERMS];
    neap__view view[NEAP__PROGRAM_LOADS]; /* of the operands */
    int16_t store[NEAP__PROGRAM_STORES];  /* the terms that are results */
    neap__check check[NEAP__PROGRAM_CHECKS];
} neap__formula;

void neap__formula_begin(neap__formula *f, neap__isa isa, const neap__shape *domain,
                         unsigned folded, neap__arena *arena, neap_error *err);
/* The next operand. */
int neap__formula_load(neap__formula *f, neap_dtype dtype, const neap__view *view);
/* The same, of a shape that broadcasts to the domain's. */
int neap__formula_operand(neap__formula *f, neap_dtype dtype, const neap__shape *shape);
/* The tile of the product that the program follows; it counts as an operand, but has no
 * place among the call's. */
int neap__formula_accumulator(neap__formula *f, neap_dtype dtype);
int neap__formula_number(neap__formula *f, neap_dtype dtype, double value);
/* An element function, whose result has dtype `to`; params may be NULL. EUNSUP if there
 * is none for the dtype. */
int neap__formula_element(neap__formula *f, neap__element_code code, neap_dtype to,
                          const int *in, int count, const double *params);
int neap__formula_spread(neap__formula *f, int x);
int neap__formula_fold(neap__formula *f, neap__reduction reduction, int x);
int neap__formula_tail(neap__formula *f, neap__reduction reduction, int x);
/* `index` loads an integer for each group. */
int neap__formula_pick(neap__formula *f, int x, int index);
int neap__formula_put(neap__formula *f, int x, int index, int value);
/* What term `index` loads is checked before the program begins. */
void neap__formula_check(neap__formula *f, int index, int64_t limit, const char *name,
                         const void *owner);
/* The next result. */
void neap__formula_store(neap__formula *f, int x);
/* The next result is not wanted: its place in the call is not looked at. */
void neap__formula_skip(neap__formula *f);

/* ---- Programs (program.c) -------------------------------------------------------- */

typedef struct neap__load {
    uint8_t dtype;
    uint8_t pattern; /* load.h: whole, scalar, periodic, per row, strided */
    uint8_t width;   /* bytes of an element */
    bool group;      /* over the groups; else over the domain */
    bool accumulator;
    bool single;     /* SCALAR: steps read one element alone */
    int16_t operand; /* of the call; -1: `number` */
    int64_t offset;  /* of the first element */
    int64_t period;  /* PERIODIC: elements of the operand; ROWS: elements of a row */
    int64_t strides[NEAP_MAX_RANK]; /* over the collapsed dims */
    unsigned char number[8];
} neap__load;

/* Where a step's value lies. */
typedef enum neap__where {
    NEAP__IN_TILE,  /* a tile register */
    NEAP__IN_GROUP, /* a register with a value for each group */
    NEAP__IN_STORE, /* a result's own memory */
    NEAP__IN_KEPT,  /* a buffer as large as a group, for later passes */
    NEAP__IN_CELLS  /* TAIL: what has accumulated */
} neap__where;

typedef struct neap__step {
    uint8_t kind; /* neap__term_kind; or NEAP__STEP_SCATTER */
    uint8_t dtype, width;
    uint8_t inputs;     /* 1 to 3 */
    uint8_t where;      /* neap__where */
    bool group;         /* over the groups */
    int8_t one;         /* the operand that has one element, or -1 */
    bool by_group;      /* one for each group */
    uint8_t from_width; /* bytes of an operand's element */
    int16_t index;      /* of the register, result or buffer */
    int16_t in[3];      /* below `loads`, that load; else step in - loads */
    int16_t fold;       /* FOLD, TAIL: its place among its kind */
    neap__element *function;
    const struct neap__fold *folds;
    double params[2];
} neap__step;
#define NEAP__STEP_SCATTER 16 /* a tile goes to a result whose elements lie apart */

/* Steps that go through a group together: up to `body` once, the others for each of its
 * tiles. */
typedef struct neap__pass {
    int16_t first, body, end;
    uint64_t loads; /* that its body reads */
} neap__pass;

typedef struct neap__program {
    int64_t outer, count, inner; /* the domain */
    int64_t size;                /* its elements */
    int rank, group_rank;        /* of it, and of (outer, inner): neighbours collapsed */
    int64_t dims[NEAP_MAX_RANK], group_dims[NEAP_MAX_RANK];
    int64_t results[NEAP_MAX_RANK]; /* strides of results whose elements lie apart */
    bool scattered;                 /* they do */
    bool plain;                     /* element-wise steps alone */
    bool apart;                     /* few large groups: each pass is a job of its own */
    int64_t tile;                   /* elements of a tile, at most */
    int64_t together; /* whole groups in a tile; 0: a group takes several tiles */
    int64_t lanes;    /* columns of a group: all of `inner`, or as many as fit a tile */
    int64_t split;    /* groups side by side: inner / lanes, rounded up */
    int64_t
        part; /* groups of a part; plain: elements; apart: blocks (fold.h) of a group */
    int loads, steps, passes, stores, folds, tails, checks;
    int tiles, registers, kept; /* tile registers, registers of groups, buffers */
    neap__load *load;
    neap__step *step;
    neap__pass *pass;
    neap__check *check;
    int16_t held_steps, *held; /* values in results and buffers that later passes read */
    uint8_t *written;          /* for each result, the first pass that writes it */
    uint8_t *read;             /* for each load, the last pass that reads it */
    size_t tile_bytes, group_bytes, kept_bytes, fold_bytes, tail_bytes;
    size_t shared, worker; /* bytes of scratch */
} neap__program;

/* The program of a formula; NULL with an error. */
neap__program *neap__program_make(const neap__formula *f);
/* The kernel: args is a neap__program; in[i] is operand i, out[i] result i. Scratch:
 * neap__program_scratch(p, workers). FALLIBLE where the formula has checks. */
neap__kernel neap__cpu_program;
size_t neap__program_scratch(const neap__program *p, int workers);
/* Whether a result may be the very memory of an operand that no other one shares. */
bool neap__program_in_place(const neap__program *p, int result, int operand);
/* Element operations, for the count of flops. */
double neap__program_work(const neap__program *p);
/* For epilogues, which are plain: elements [begin, begin + n) of the domain, with `tile`
 * standing for the accumulator (contiguous, n elements; it may be the memory of a
 * result); `scratch` is one worker's. */
void neap__program_span(const neap__program *p, const void *const *in, void *const *out,
                        const void *tile, int64_t begin, int64_t n, void *scratch);

#endif
