/* cpu.h - what a kernel is, and the kernels there are. Kernels take pointers, shapes and
 * strides; they know nothing of graphs, nodes or sessions. They may assume validated
 * shapes and dtypes; what depends on data (an index out of range) they check themselves,
 * before they write anything. */
#ifndef NEAP_CPU_H
#define NEAP_CPU_H

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
    neap_error *err; /* for FALLIBLE kernels; never NULL */
    void *caller;    /* neap_run_options.caller */
} neap__call;

/* NEAP_OK, or the code of the error told. */
typedef int neap__kernel(const neap__call *call);

/* A job of at least this many element operations is worth a second thread. */
#define NEAP__GRAIN 16384

/* ---- Element-wise functions (element.c; compiled once for each instruction set) -- */

/* One function over n contiguous elements. `out` may be one of `in` exactly, not overlap
 * otherwise. params: the operation's floating attributes, in schema order. */
typedef void neap__element(int64_t n, void *out, const void *const *in,
                           const double *params);

/* X(name, inputs, dtypes-of-inputs, result): the element functions of this version.
 * result: S same as the inputs, B bool, D divide's (integers to float32). where's first
 * input is bool. */
#define NEAP__ELEMENTS(X)                                                                \
    X(copy, 1, NEAP__ANY, S)                                                             \
    X(add, 2, NEAP__NUMERIC, S)                                                          \
    X(subtract, 2, NEAP__NUMERIC, S)                                                     \
    X(multiply, 2, NEAP__NUMERIC, S)                                                     \
    X(divide, 2, NEAP__NUMERIC, D)                                                       \
    X(negative, 1, NEAP__NUMERIC, S)                                                     \
    X(square, 1, NEAP__NUMERIC, S)                                                       \
    X(sqrt, 1, NEAP__FLOATING, S)                                                        \
    X(exp, 1, NEAP__FLOATING, S)                                                         \
    X(log, 1, NEAP__FLOATING, S)                                                         \
    X(pow, 2, NEAP__NUMERIC, S)                                                          \
    X(abs, 1, NEAP__NUMERIC, S)                                                          \
    X(sign, 1, NEAP__NUMERIC, S)                                                         \
    X(maximum, 2, NEAP__NUMERIC, S)                                                      \
    X(minimum, 2, NEAP__NUMERIC, S)                                                      \
    X(floor_divide, 2, NEAP__FLOATING, S)                                                \
    X(mod, 2, NEAP__FLOATING, S)                                                         \
    X(sigmoid, 1, NEAP__FLOATING, S)                                                     \
    X(tanh, 1, NEAP__FLOATING, S)                                                        \
    X(relu, 1, NEAP__NUMERIC, S)                                                         \
    X(relu_gradient, 2, NEAP__FLOATING, S)    /* (dy, y): y > 0 ? dy : 0 */              \
    X(sigmoid_gradient, 2, NEAP__FLOATING, S) /* (dy, y): dy * y * (1 - y) */            \
    X(tanh_gradient, 2, NEAP__FLOATING, S)    /* (dy, y): dy * (1 - y * y) */            \
    X(equal, 2, NEAP__ANY, B)                                                            \
    X(less, 2, NEAP__NUMERIC, B)                                                         \
    X(greater, 2, NEAP__NUMERIC, B)                                                      \
    X(where, 3, NEAP__ANY, S)

typedef enum neap__element_code {
#define X(name, inputs, dtypes, result) NEAP__ELEMENT_##name,
    NEAP__ELEMENTS(X)
#undef X
        NEAP__ELEMENT_cast, /* from any dtype to any: found with both */
    NEAP__ELEMENT_CODES
} neap__element_code;

/* The function for operands of dtype `from` (of where: of x and y) and result dtype `to`;
 * NULL if there is none. float16 and bfloat16 compute in float32 and round once. */
neap__element *neap__find_element(neap__isa isa, neap__element_code code, neap_dtype from,
                                  neap_dtype to);

/* ---- Fused loops (fused.c) ------------------------------------------------------- */

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

/* ---- GEMM (gemm.c; openblas.c is the only file that names cblas) ----------------- */

/* C = op(A) op(B), row-major, for `batch` products; bits depend on sizes, dtype and
 * instruction set alone, never on threads or the address of anything. op(A) is M x K,
 * op(B) is K x N, C is M x N with leading dimension N. */
typedef struct neap__gemm {
    neap_dtype dtype; /* float32 or float64 */
    neap__isa isa;
    int64_t m, n, k;
    bool transpose_a, transpose_b; /* stored K x M, N x K */
    int64_t lda, ldb;              /* elements between stored rows */
    int64_t batch; /* products; their operands by the strides of batch_dims */
    int batch_rank;
    int64_t batch_dims[NEAP_MAX_RANK], a_strides[NEAP_MAX_RANK], b_strides[NEAP_MAX_RANK];
    /* NULL: store C; else a program over the domain (batch, M, N) whose accumulator is
     * C's tile; out[] are its stores and in[2 + i] its i-th other load. */
    const neap__program *epilogue;
    int engine;             /* chosen by neap__gemm_choose, as is the rest: */
    struct neap__gemm_cut { /* how the product is cut; what the words mean says gemm.c */
        const struct neap__gemm_kernels *kernels;
        int64_t tile_rows, block_rows, block_columns, block_k, a_step;
        int64_t rows, columns, products; /* of a part; several products if whole */
        int64_t chunk_rows, chunk_columns, chunk_products;
        bool tiny, single; /* a plain loop will do; one part without an epilogue */
        bool pack_a, pack_b, pack_tail; /* pack_tail: of B the last columns alone */
        size_t a_bytes, b_bytes, epilogue_bytes; /* scratch of a worker */
        size_t panel_bytes; /* between two packed panels; 0: one at a time */
        size_t c_bytes;     /* scratch that the workers share */
    } cut;
} neap__gemm;

/* Chooses the engine from sizes, by rules that `make bench` shows the measurements for;
 * returns the scratch bytes that a call with that many workers needs. */
size_t neap__gemm_choose(neap__gemm *g, int workers);
/* in[0] A, in[1] B, out[0] C (or the epilogue's stores); args is a neap__gemm. Never
 * fails: if OpenBLAS cannot serve, neap's own kernels do, as chosen beforehand. */
neap__kernel neap__cpu_gemm;
/* What is known of OpenBLAS, for neap_get_config. */
const char *neap__blas_text(void);
/* For bench/: forces an engine where it can serve the call (0 own, 1 OpenBLAS); false if
 * it cannot. */
bool neap__gemm_force(neap__gemm *g, int engine);

/* ---- Reductions (reduce.c) ------------------------------------------------------- */

typedef enum neap__reduction {
    NEAP__REDUCE_none, /* of an operation that is no reduction */
#define NEAP__REDUCTION(name, dtypes, cell, zero, fold, combine, finish)                 \
    NEAP__REDUCE_##name,
#include "cpu/reductions.def"
#undef NEAP__REDUCTION
    NEAP__REDUCTIONS,
    NEAP__REDUCE_logsumexp = NEAP__REDUCTIONS /* floats; max-shifted; empty: -inf */
} neap__reduction;

/* in[0] x, out[0] the reduced values, in the order of fold.h. */
typedef struct neap__reduce_args {
    neap_dtype dtype;
    neap__isa isa;
    neap__reduction reduction;
    int rank; /* collapsed: neighbours of one kind are one dimension */
    int64_t dims[NEAP_MAX_RANK];
    unsigned mask;          /* dimensions that go */
    int64_t outputs, count; /* elements of the result; elements that make each of them */
    struct neap__reduce_cut { /* how it is cut; what the words mean says reduce.c */
        bool rows;            /* the layout; else columns */
        int64_t length; /* of the innermost dimension that goes: of a row, or a column */
        int64_t run;    /* of the innermost that stays */
        int64_t rounds, block, blocks; /* of a strip; elements of a length; of a round */
        int64_t width, across, strips; /* results of a strip; strips of a run; of all */
        int64_t each;                  /* strips of a part of the job */
        int64_t chunk_rounds, chunk_blocks; /* of a chunk, */
        int64_t groups, chunks;             /* of which a strip has groups * chunks */
        /* bytes of scratch: all chunks' cells, all that is shared; and a worker's */
        size_t partials_bytes, shared_bytes, rounds_bytes, blocks_bytes, worker_bytes;
    } cut;
} neap__reduce_args;
/* With dtype, isa and reduction set, the rest. */
void neap__reduce_fix(neap__reduce_args *a, const neap__shape *x, unsigned mask);
size_t neap__reduce_scratch(const neap__reduce_args *a, int workers);
neap__kernel neap__cpu_reduce;

/* in[0] x, in[1 …] directions of x's shape; out of x's shape: the product of the other
 * elements along the dimensions that go, and its derivative along the directions
 * (product.c). Floating. */
#define NEAP__DIRECTIONS 8
typedef struct neap__product_args {
    neap__reduce_args size; /* of the product: collapsed shape, mask */
    int directions;         /* at most NEAP__DIRECTIONS */
} neap__product_args;
size_t neap__product_scratch(const neap__product_args *a, int workers);
neap__kernel neap__cpu_product_of_others;

/* argmax along one axis: x seen as (outer, count, inner); first of equals, NaN counts as
 * greatest. */
typedef struct neap__argmax_args {
    neap_dtype dtype, output;
    int64_t outer, count, inner;
} neap__argmax_args;
neap__kernel neap__cpu_argmax; /* count ≥ 1, checked when bound */

/* ---- Rows (row.c): x seen as (outer, count, inner), the middle axis normalised --- */

typedef struct neap__row_args {
    neap_dtype dtype, labels; /* labels: dtype of sparse labels */
    neap__isa isa;
    int64_t outer, count, inner;
} neap__row_args;
neap__kernel neap__cpu_softmax;          /* in x; out y */
neap__kernel neap__cpu_log_softmax;      /* in x; out y */
neap__kernel neap__cpu_softmax_gradient; /* in dy, y; out dx = (dy - sum(dy*y)) * y */
neap__kernel
    neap__cpu_log_softmax_gradient; /* in dy, y; out dx = dy - exp(y) * sum(dy) */
/* in labels, logits; out loss = -sum(labels * log_softmax(logits)), (outer, inner). */
neap__kernel neap__cpu_cross_entropy;
/* in labels (outer × inner integers), logits; out loss. FALLIBLE: ERANGE "labels[3] = 12
 * is not in [0, 10)", all labels checked before anything is written. */
neap__kernel neap__cpu_sparse_cross_entropy;
/* in dloss (outer × inner), labels, logits; out dlogits = (softmax(logits) -
 * onehot(labels)) * dloss. FALLIBLE as above. */
neap__kernel neap__cpu_sparse_cross_entropy_gradient;
/* in dloss, labels, logits; out dlogits = (softmax(logits) * sum(labels) - labels) *
 * dloss. */
neap__kernel neap__cpu_cross_entropy_gradient;

/* ---- Whole division of integers (divide.c) --------------------------------------- */

/* x / y rounded down, and what that leaves of x, which has the sign of y; y is not 0.
 * With y = -1 the machine would trap on the one quotient that does not fit: it wraps. */
static inline int64_t neap__quotient(int64_t x, int64_t y)
{
    if (y == -1)
        return (int64_t)(0 - (uint64_t)x);
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
}
static inline int64_t neap__modulo(int64_t x, int64_t y)
{
    const int64_t rest = y == -1 ? 0 : x % y;
    return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

/* in x, y (contiguous, broadcast by strides); out z of `shape`. int8, int16, int32,
 * int64, uint8. z may be the memory of an operand of its own shape. FALLIBLE: ERANGE
 * "division by zero at [1, 2]", the position in z; all divisors are checked before
 * anything is written, none where z is empty. */
typedef struct neap__divide_args {
    neap_dtype dtype;
    bool mod;         /* the remainder; else the quotient */
    int width;        /* bytes of an element */
    int64_t divisors; /* elements of y */
    neap__shape shape;
    int64_t x[NEAP_MAX_RANK], y[NEAP_MAX_RANK]; /* strides in elements; 0: repeats */
} neap__divide_args;
neap__kernel neap__cpu_divide;

/* ---- Moving elements (move.c): any dtype, by element size ------------------------ */

/* out (contiguous, dims) = in at strides (elements; may be 0 or negative): transposes,
 * broadcasts, slices with known begins. Neighbouring dimensions are collapsed by
 * neap__copy_fix; 2-D tiles serve transposes. */
typedef struct neap__copy_args {
    size_t width; /* bytes of an element */
    int rank;
    int64_t dims[NEAP_MAX_RANK], strides[NEAP_MAX_RANK];
    int64_t offset; /* of the first element of `in` */
} neap__copy_args;
/* n elements of `width` bytes, `stride` elements apart, into a contiguous run. */
void neap__copy_run(size_t width, int64_t n, const void *from, int64_t stride, void *to);
void neap__copy_fix(neap__copy_args *a, int rank, const int64_t *dims,
                    const int64_t *strides);
neap__kernel neap__cpu_copy;

/* in[0 … count-1], each seen as (outer, sizes[i]) in bytes; out is (outer, sum). */
typedef struct neap__concat_args {
    int64_t outer;
    int count;
    const int64_t *bytes; /* of input i for one outer index */
    int64_t total;        /* their sum */
} neap__concat_args;
neap__kernel neap__cpu_concat;

/* in params (batch, outer, count, inner), indices (batch, n); out (batch, outer, n,
 * inner). FALLIBLE: "indices[3] = 17 is not in [0, 10)"; all indices are checked before
 * anything is written. */
typedef struct neap__gather_args {
    size_t width;
    neap_dtype index;
    int64_t batch, outer, count, inner, n;
    neap__shape indices; /* for the message: the position in the indices' own shape */
} neap__gather_args;
neap__kernel neap__cpu_gather;
/* in updates (batch, outer, n, inner), indices (batch, n); out (batch, outer, count,
 * inner) = zeros with updates added in order of position (gather's gradient). FALLIBLE as
 * above. */
typedef struct neap__scatter_args {
    neap_dtype dtype; /* float32, float64, int32, int64 */
    neap__gather_args at;
} neap__scatter_args;
neap__kernel neap__cpu_scatter_add;

/* slice with begins (and nothing else) read at run time: in x, begin (int32 or int64,
 * rank entries); out dims. FALLIBLE: "begin[1] = 4 with size 3 does not fit dimension
 * 5". */
typedef struct neap__slice_args {
    size_t width;
    neap_dtype index;
    neap__shape x, out;
} neap__slice_args;
neap__kernel neap__cpu_slice;
/* The gradient of a slice: zeros of shape x with dy placed at begin. in dy, begin; out
 * dx. FALLIBLE. */
neap__kernel neap__cpu_unslice;
/* The same with begins known when bound (in: dy): padding with zeros. */
typedef struct neap__pad_args {
    size_t width;
    neap__shape x, out; /* x is placed in out */
    int64_t begin[NEAP_MAX_RANK];
} neap__pad_args;
neap__kernel neap__cpu_pad_zero;

/* in indices (outer, inner); out (outer, depth, inner); an index outside gives a row of
 * off values. on and off are stored as one element of `dtype`. */
typedef struct neap__one_hot_args {
    neap_dtype dtype, index;
    int64_t outer, depth, inner;
    unsigned char on[8], off[8];
} neap__one_hot_args;
neap__kernel neap__cpu_one_hot;

/* out = `count` elements equal to `value` (one element of `width` bytes). */
typedef struct neap__fill_args {
    size_t width;
    int64_t count;
    unsigned char value[8];
} neap__fill_args;
neap__kernel neap__cpu_fill;
/* out = in[0]'s one element, `count` times. */
neap__kernel neap__cpu_fill_from;

/* ---- Random (fill.c) ------------------------------------------------------------- */

typedef enum neap__distribution {
    NEAP__UNIFORM, /* [a, b): never b; float: 24 bits, double: 53 bits of a Philox word or two;
                      integers: unbiased enough (64-bit multiply-shift) */
    NEAP__NORMAL,   /* mean a, standard deviation b: Box-Muller */
    NEAP__TRUNCATED /* the same, redrawn until within two deviations */
} neap__distribution;
typedef struct neap__random_args {
    neap_dtype dtype;
    neap__distribution distribution;
    int64_t count;
    double a, b;
    int64_t low, high; /* for integers */
    uint64_t seed;     /* the operation's */
} neap__random_args;
/* Element i is a pure function of (call->seed, args->seed, call->counter,
 * call->iteration, i). */
neap__kernel neap__cpu_random;

/* ---- Optimizers (update.c): one pass over memory --------------------------------- */

/* Each element once: reads variable, slots and gradient, writes the new variable and
 * slots; out[i] may be in[i]. rate is rank 0, of the variable's dtype. */
typedef struct neap__update_args {
    neap_dtype dtype; /* float32, float64 */
    neap__isa isa;
    int64_t count;
    double momentum, beta1, beta2, epsilon;
    bool nesterov;
} neap__update_args;
/* in variable, gradient, rate; out variable: v -= rate * g */
neap__kernel neap__cpu_apply_gradient_descent;
/* in variable, momentum, gradient, rate; out variable, momentum: m = momentum * m + g; v
 * -= rate * m (or, nesterov, v -= rate * (g + momentum * m)): Sutskever et al. 2013, as
 * TensorFlow's */
neap__kernel neap__cpu_apply_momentum;
/* in variable, m, v, step (int64, rank 0), gradient, rate; out variable, m, v, step:
 * Kingma and Ba 2015 in the form of their section 2's last paragraph, as TensorFlow's: t
 * = step + 1; m += (g - m)(1 - beta1); v += (g² - v)(1 - beta2); variable -= rate *
 * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon) */
neap__kernel neap__cpu_apply_adam;

#endif
