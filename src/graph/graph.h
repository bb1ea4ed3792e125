/* graph.h - nodes, names, scopes; and what an operation is: the descriptor.
 *
 * Invariants of a graph
 *   1. A node's inputs, controls and initial value were made before it: the order of
 *      creation (`index`) is a topological order, and no cycle can exist.
 *   2. A node never changes once made, but for its list of consumers, which only the
 *      thread that builds reads or writes. So a session may compile while the graph
 *      grows.
 *   3. Nothing walks a graph by recursion. */
#ifndef NEAP_GRAPH_H
#define NEAP_GRAPH_H

#include "cpu/kernel.h"

typedef struct neap__op neap__op;

/* ---- Facts: what is known of a value before it is computed ----------------------- */

/* The elements of a value of at most NEAP__KNOWN, in row-major order, as far as they are
 * known: it is how shapes, and what they are computed from, travel through arithmetic.
 * Immutable once it is a fact's. What it points to lies in an arena, or is the memory of a
 * tensor, and lives as long as the fact. */
#define NEAP__KNOWN 1024
typedef struct neap__known {
    neap_dtype dtype;
    int count;      /* elements */
    bool uniform;   /* `data` is one element, which stands for all */
    void *data;     /* of those that are not known anything */
    uint64_t *mask; /* bit e % 64 of word e / 64: element e is known; NULL: all are */
} neap__known;

typedef struct neap__fact {
    neap_dtype dtype; /* NEAP_DTYPE_NONE: no value */
    neap__shape shape;
    const neap__known *known; /* NULL: nothing */
} neap__fact;

static inline bool neap__known_all(const neap__known *k) /* every element */
{
    return k && !k->mask;
}
static inline bool neap__knows(const neap__known *k, int64_t e)
{
    return k && (!k->mask || (k->mask[e >> 6] >> (e & 63) & 1));
}

/* ---- What is known (known.c) ----------------------------------------------------- */

/* The elements of a value that may be known; -1 where it is open, or has too many. */
int64_t neap__knowable(neap_dtype dtype, const neap__shape *shape);
/* Elements at hand: all are known, where they lie; NULL, too, where they are too many. */
const neap__known *neap__known_of(neap_dtype dtype, const neap__shape *shape,
                                  const void *data, neap__arena *arena, neap_error *err);
const neap__known *neap__known_at(neap__arena *arena, neap_dtype dtype, int64_t count,
                                  const void *data, bool uniform, neap_error *err);
/* Elements to be put in one by one, of which none is known yet; at the end NULL if none
 * is. */
neap__known *neap__known_new(neap__arena *arena, neap_dtype dtype, int64_t count,
                             neap_error *err);
void neap__known_put(neap__known *k, int64_t e, const void *element);
const neap__known *neap__known_end(neap__known *k);
const void *neap__known_element(const neap__known *k, int64_t e);
/* An element of an integer dtype. */
static inline int64_t neap__known_integer(const neap__known *k, int64_t e)
{
    return neap__element_integer(k->dtype, neap__known_element(k, e), 0);
}
/* All elements, one behind the other. */
void neap__known_read(const neap__known *k, void *elements);
/* A copy that lies in the arena with its elements. */
const neap__known *neap__known_keep(neap__arena *arena, const neap__known *k,
                                    neap_error *err);

/* ---- Attribute values ------------------------------------------------------------ */

/* An attribute's value in a node, in schema order, of one of the kinds of its row;
 * strings and lists live in the graph's arena, tensors are held. Where a node stands for
 * integers, `input` is its place among the node's inputs. A row of kind NODE itself is a
 * variable's initial value, which is no input: `input` is -1 and the node has it as
 * `initial`. */
typedef struct neap__value {
    neap_attribute_kind kind; /* NEAP_KIND_NONE: absent, and all else is 0 */
    int input;                /* NODE */
    union {
        int64_t integer; /* INT, BOOL, DTYPE */
        double number;   /* FLOAT */
        size_t count;    /* INTS, FLOATS, PAIRS */
    };
    union {
        const char *string;
        const int64_t *integers;
        const double *numbers;
        const neap_pair *pairs;
        neap_tensor *tensor;
        neap_body *body;
    };
} neap__value;

/* What a branch or loop does with its bodies (then, else; condition, body): which input of
 * the node each parameter stands for. A loop carries its first inputs from one iteration
 * to the next: the variables that the body assigns, then the loop's own. */
typedef struct neap__control {
    neap_body *body[2];
    const uint32_t *from[2]; /* by parameter: an input */
    uint32_t from_count[2];
    uint32_t carried;
    int64_t limit; /* iterations at most; negative: no limit */
} neap__control;

/* ---- Nodes ----------------------------------------------------------------------- */

struct neap_node {
    const neap__op *op;
    neap_graph *graph;
    const char *name;
    neap_node **inputs; /* data inputs that are given; those that came as attributes */
    neap_node **controls;
    uint32_t input_count, control_count;
    uint32_t data_inputs; /* of input_count: those of the signature */
    uint32_t absent; /* bit i: the signature's input i is not given, something follows */
    neap__fact fact; /* of its one result; no value where there are several or none */
    neap__fact *results;   /* where neap__several: each has a `result` node; else NULL */
    uint32_t result_count; /* of `results` */
    unsigned effects;      /* the operation's, and those of its bodies */
    const uint32_t
        *written; /* inputs that are variables, updated; in the kernel's order */
    uint32_t written_count;
    int32_t line;
    const neap__value *attributes; /* as many as the schema has rows */
    uint64_t index;                /* place in the order of creation */
    int64_t list_index; /* variables: place among the graph's variables; else -1 */
    const neap__control *control; /* of a branch or loop */
    neap_body *body;              /* that it is inside of; NULL: the graph */
    neap_node *initial;    /* variables: the node of the initial value; parameters of
                            * bodies: what they stand for outside, or NULL */
    const char *file;      /* where it was made, with `line`; NULL: not known */
    uint64_t seed;         /* RANDOM: the operation's own seed */
    neap_node **consumers; /* each once, in order of creation */
    uint32_t consumer_count, consumer_capacity;
    bool trainable; /* variables: asked for, and of a floating dtype */
};

/* ---- The descriptor -------------------------------------------------------------- */

/* What a run of the operation does beyond computing its result from its inputs; none
 * is pure. */
enum {
    NEAP__RANDOM = 1,    /* draws: depends on the seed and the run */
    NEAP__READS = 2,     /* reads a variable's state (the variable itself) */
    NEAP__WRITES = 4,    /* the inputs in `writes` are variables, updated by the commit */
    NEAP__ORDERED = 8,   /* runs in order of creation among its kind */
    NEAP__FALLIBLE = 16, /* the kernel may fail because of data */
    NEAP__CALLER = 32    /* host code: on the calling thread, as often as it was built */
};

#define NEAP__INPUTS 12  /* named inputs at most */
#define NEAP__COMPOSED 4 /* results of a composition at most */

/* How the plan turns a node into instructions. */
typedef enum neap__lowering {
    NEAP__LOWER_KERNEL,  /* `bind` chooses a kernel */
    NEAP__LOWER_SOURCE,  /* placeholder, variable, constant: a place, no instruction */
    NEAP__LOWER_NOTHING, /* no value: group, no_op */
    NEAP__LOWER_ALIAS,   /* the bytes of input 0 under another shape (or the same) */
    NEAP__LOWER_ELEMENT, /* `element`: one fusable function; operands broadcast */
    NEAP__LOWER_GEMM,    /* matmul: a product with an epilogue */
    NEAP__LOWER_BRANCH,  /* one of two bodies */
    NEAP__LOWER_LOOP     /* a condition and a body, over and over */
} neap__lowering;

/* Inference: facts of the inputs give the fact of the result. Called when a node is
 * built (partial facts) and when a plan is made (whole shapes, more known values). */
typedef struct neap__inference {
    const neap_node *node; /* op, attributes, inputs are set; name too */
    const neap__fact *in;  /* input_count of them */
    neap__fact *out; /* one for each result; no value, rank 0, known NULL on entry */
    const neap__fact *results; /* for `result`: its input's, where the plan knows more */
    neap__arena *arena;        /* for `known` */
    void *caller;
    neap_error *err;
} neap__inference;

/* NEAP_OK or the code told: the text without operation and node, which the caller puts
 * before it ("inner dimensions differ: (2, 3) x (4, 5)"). */
typedef int neap__infer(neap__inference *i);

/* How many results a node has, where that hangs on its attributes and inputs, which are
 * set; -1 with the text told as by inference. Such an operation has no value of its own,
 * but a `result` node for each, even where there is one. */
typedef int64_t neap__count_results(const neap_node *n, neap_error *err);

/* Binding: whole facts give a kernel and its arguments. Called when sizes are fixed. */
typedef struct neap__binding {
    const neap_node *node;
    const neap__fact *in;
    const neap__fact *out;
    neap__isa isa;
    int workers;        /* the most that may take part: for scratch */
    unsigned unread;    /* bit i: nobody reads result i of several; its place is NULL */
    neap__arena *arena; /* for `args` */
    /* the answers: */
    neap__kernel *kernel; /* NULL: nothing to do at all */
    const void *args;
    size_t scratch;
    unsigned in_place; /* bit i: the result may lie exactly on input i (same bytes) */
    const unsigned *in_places; /* the same for each of several results; NULL: the first */
    bool allocates; /* host operations: the kernel hands over tensors of its own */
    int64_t work;   /* elements computed with, for the count of flops; 0: the result's */
    neap_error *err;
} neap__binding;
typedef int neap__bind(neap__binding *b);

/* Composition: an operation whose kernel is a formula (cpu/program.h), so that the plan can
 * put it and its neighbours into one program. Its *domain* says over what that runs, and
 * how inputs and results lie in it. */
typedef enum neap__extent {
    NEAP__OVER_DOMAIN, /* an input broadcasts to the domain, a result has its shape */
    NEAP__OVER_GROUPS, /* without the folded dimensions, which are 1 or left out */
    NEAP__OVER_FOLDED  /* the folded dimensions alone: others are 1 or left out */
} neap__extent;
typedef struct neap__domain {
    neap__shape shape;
    unsigned folded; /* its dimensions that folds run over; 0: there are no folds */
    uint8_t in[NEAP__INPUTS], out[NEAP__COMPOSED]; /* extents */
} neap__domain;
/* From whole facts; false where the operation is no formula at these shapes, and `bind`
 * has a kernel for it. */
typedef bool neap__domain_of(const neap_node *n, const neap__fact *in,
                             const neap__fact *out, neap__domain *domain);
/* Writes the terms of the results from those of the inputs; errors stay in the formula. */
typedef struct neap__composer {
    const neap_node *node;
    const neap__fact *in, *out;
    struct neap__formula *formula;
    int64_t count; /* elements that are folded into one */
    const int *x;  /* terms of the inputs; those that count by their shape have none */
    int *y;        /* the answers: terms of the results */
} neap__composer;
typedef void neap__compose(neap__composer *c);

/* Gradient: see grad below. dx is zeroed on entry; an entry left NULL means none. */
typedef struct neap__grad {
    neap_graph *graph;
    neap_node *node;     /* the operation */
    neap_node *const *x; /* its inputs (input_count) */
    neap_node *y;        /* its result */
    neap_node *dy;       /* the gradient of its result */
    neap_node **ys;      /* each of several results; else &y */
    neap_node **dys;     /* the gradient of each (NULL: integers); else &dy */
    size_t y_count;
    neap_node **dx;
    unsigned needed; /* bit i (< 32): dx[i] is wanted; inputs from 32 on always */
    void *caller;
    neap_error *err;
} neap__grad;
typedef void neap__gradient(neap__grad *g);

typedef enum neap__differentiable {
    NEAP__GRADIENT_UNSET = 0, /* fails the suite */
    NEAP__GRADIENT_SOME,      /* `gradient` says */
    NEAP__GRADIENT_ZERO,      /* integers, shapes, piecewise constant: none, silently */
    NEAP__GRADIENT_NONE       /* floating, and none exists: differentiating raises */
} neap__differentiable;

/* How the dtypes of inputs agree, checked before `infer`. */
typedef enum neap__dtype_rule {
    NEAP__SAME, /* all data inputs have one dtype, of the set `dtypes` */
    NEAP__EACH /* the signature's input i has one of `input_dtypes[i]`; where that is 0, as
                   NEAP__SAME */
} neap__dtype_rule;

struct neap__op {
    neap_op_info info;
    neap_node_list list; /* the list of the graph that it joins besides NEAP_OPERATIONS */
    neap__dtype_rule dtype_rule;
    neap__dtypes dtypes; /* 0: inputs are not checked, and may be without a value */
    neap__dtypes input_dtypes[NEAP__INPUTS];
    unsigned shape_only; /* bit i: the signature's input i counts by its shape alone */
    unsigned effects;
    unsigned writes; /* bit i: input i is a variable that is updated, in kernel order */
    neap__lowering lowering;
    neap__element_code element; /* ELEMENT; or for `bind` to read */
    neap__reduction reduction;  /* over the attribute "axis", with "keepdims"; or none */
    neap__infer *infer;
    neap__count_results *count_results; /* NULL: as many as `info.results` names */
    neap__bind *bind;                   /* KERNEL */
    neap__domain_of *domain; /* KERNEL: it is a formula too, with `compose`; or NULL */
    neap__compose *compose;
    bool hands_over;    /* the kernel may hand over a tensor of a size of its own */
    bool skips_results; /* of several, the kernel leaves out those whose place is NULL */
    neap__differentiable differentiable;
    neap__gradient *gradient;
    const neap_op *host; /* operations of the host: their callbacks */
};

/* Whether a node has no value of its own but a `result` node for each of its results. */
static inline bool neap__several(const neap_node *n) { return n->results != NULL; }
/* Whether the node updates its input k, a variable. */
static inline bool neap__updates(const neap_node *n, uint32_t k)
{
    for (uint32_t i = 0; i < n->written_count; i++) {
        if (n->written[i] == k)
            return true;
    }
    return false;
}

/* ---- Signatures (node.c): "x y", "x [mask] [lengths]", "x..." --------------------- */

typedef struct neap__input {
    const char *name;
    size_t length; /* of the name */
    bool optional, sequence;
} neap__input;
/* The next input of a signature, which moves on; false at its end. */
bool neap__next_input(const char **signature, neap__input *in);
/* How many places an array of inputs has, at least and at most (SIZE_MAX). */
void neap__signature(const char *inputs, size_t *least, size_t *most);
/* May the input in that place of the signature be absent? */
bool neap__is_optional(const neap__op *op, size_t place);
/* How many results `results` of a neap_op_info means. */
size_t neap__result_count(const char *results);
/* The name of the input in a place of the signature, for an error text: "x", or "x[2]" of
 * a sequence. */
void neap__text_input(neap__text *t, const neap__op *op, size_t place);

/* Where the signature's input `place` is among n->inputs; -1: not given. */
static inline int neap__input_at(const neap_node *n, uint32_t place)
{
    uint32_t before = place < 32 ? n->absent & ((UINT32_C(1) << place) - 1) : n->absent;
    uint32_t at = place - (uint32_t)__builtin_popcount(before);
    bool given = at < n->data_inputs && !(place < 32 && n->absent >> place & 1);
    return given ? (int)at : -1;
}
/* The place in the signature of a data input among n->inputs. */
static inline uint32_t neap__place_of(const neap_node *n, uint32_t input)
{
    uint32_t place = input;
    for (uint32_t rest = n->absent; rest; rest &= rest - 1)
        place += (uint32_t)__builtin_ctz(rest) <= place;
    return place;
}
/* Does the input count by its shape alone? */
static inline bool neap__shape_only(const neap_node *n, uint32_t input)
{
    if (input >= n->data_inputs || !n->op->shape_only)
        return false;
    uint32_t place = neap__place_of(n, input);
    return place < 32 && (n->op->shape_only >> place & 1);
}

/* ---- Building (node.c) ----------------------------------------------------------- */

struct neap_graph {
    _Atomic(int64_t) references;
    uint64_t magic; /* tells objects of this copy of neap */
    neap__account *account;
    neap__arena arena; /* nodes, names, attributes */
    neap_node **nodes; /* in order of creation */
    size_t node_count, node_capacity;
    neap_node **variables, **placeholders;
    size_t variable_count, variable_capacity, placeholder_count, placeholder_capacity;
    struct neap__name **buckets; /* of names taken: a power of two of chains */
    size_t bucket_count, name_count;
    struct neap__frame *frames; /* scopes and controls now open, the innermost first */
    struct neap__frame *floor;  /* the innermost that a callback found: it stays open */
    struct neap__host_op *host_ops;     /* registered by the host, the newest first */
    struct neap__host_op **host_chains; /* the same by the hash of names; NULL: none */
    const char *file;                   /* of new nodes, with `line`; NULL: not known */
    int32_t line;
    struct neap__file *files; /* every file told, each once */
    void *caller;
    neap_body *bodies;   /* all, the newest first */
    neap_body *body;     /* in which nodes are built; NULL: none */
    uint64_t random_ops; /* made so far: seeds those without one of their own */
};

typedef struct neap__file {
    struct neap__file *next;
    const char *name;
} neap__file;

/* Builds a node of a known descriptor: checks counts, dtypes, graphs, attributes
 * against the schema, infers, names, lists. Inputs are in the places of the signature,
 * NULL where an optional one is absent. Attribute rows not given take their defaults. All public builders and all gradients come through here. NULL with an
 * error that begins with `op "name": `. */
neap_node *neap__build(neap_graph *g, const neap__op *op, neap_node *const *inputs,
                       size_t input_count, const neap_attribute *attributes,
                       size_t attribute_count, const char *name, neap_error *err);

/* What every builder asks first: no error so far, `g` not NULL, alive and of this copy
 * of neap. Else EARG ("FUNCTION: g is NULL") or ESTATE is told. */
bool neap__graph_ready(const neap_graph *g, const char *function, neap_error *err);

/* What is in force between a push and its pop; each frame holds the whole of it, so
 * that making a node looks at the innermost alone. Texts and lists live in the arena:
 * nodes share them. */
struct neap__frame {
    struct neap__frame *outer;
    size_t depth;      /* frames that are open with it, itself included */
    bool is_scope;     /* what its own pop ends: a scope, or controls */
    const char *scope; /* "outer/inner"; NULL: none */
    size_t scope_length;
    neap_node **controls;
    uint32_t control_count;
};

/* Around a callback of the host, which may build: it finds the scopes and controls that
 * are open and can close none of them, what it leaves open is closed behind it, and new
 * nodes report the position that was set before. */
typedef struct neap__visit {
    struct neap__frame *floor;
    neap_body *body;
    const char *file;
    void *caller;
    int32_t line;
} neap__visit;
neap__visit neap__visit_begin(neap_graph *g);
void neap__visit_end(neap_graph *g, const neap__visit *v);

/* Between these two, nodes are made outside the scopes and controls now open. */
struct neap__frame *neap__detach(neap_graph *g);
/* Closes the innermost one, whatever it is. */
void neap__drop_frame(neap_graph *g);
void neap__attach(neap_graph *g, struct neap__frame *frames);

/* The value of an attribute by schema name; never NULL (an absent one has kind NONE);
 * for the operation's own code, which knows its schema. */
const neap__value *neap__attribute(const neap_node *n, const char *name);

/* `op "name"`, the name fit to print, for error texts. */
void neap__text_node(neap__text *t, const neap_node *n);
#define NEAP__NODE_SIZE 480
const char *neap__node_text(char buffer[NEAP__NODE_SIZE], const neap_node *n);
/* ` (made at file:line)` after the message of an error, where that is known. */
void neap__tell_origin(neap_error *err, const neap_node *n);
/* That, and `op "name": ` before the message. */
void neap__blame(neap_error *err, const neap_node *n);

/* ---- Names (names.c): unique in a graph, scopes and nodes together --------------- */

#define NEAP__NAME_SIZE 1024 /* bytes, with the scope, without a suffix */

/* A name taken. The text lies behind it, in the graph's arena. */
typedef struct neap__name {
    struct neap__name *next; /* of its chain */
    neap_node *node;         /* NULL: a scope, or a node being made */
    uint32_t hash;
    uint32_t used; /* suffixes tried for this text */
    char text[];
} neap__name;

/* Takes scope + text, with "_1", "_2", … behind it where that is taken. `base`: the
 * name whose counter gave the suffix, for neap__name_drop. The message has no prefix. */
neap__name *neap__name_take(neap_graph *g, const char *text, neap__name **base,
                            neap_error *err);
/* Gives back a name whose node was not made after all. */
void neap__name_drop(neap_graph *g, neap__name *name, neap__name *base);

/* ---- Attributes (attributes.c) --------------------------------------------------- */

/* Fills n->attributes (room for the schema's rows is `values`) from what is given and
 * the defaults; nodes in the place of integers are appended to n->inputs. NEAP_OK, or
 * the code told. */
int neap__attributes_set(neap_node *n, neap__value *values, const neap_attribute *given,
                         size_t count, neap_error *err);
/* What the value points to is there: EARG "attribute "x": integers expected, got NULL". */
int neap__attribute_whole(const neap_attribute *given, const char *name, neap_error *err);
/* A value as an attribute of that name, to be shown or given to another node; what it
 * points to is the node's. */
neap_attribute neap__attribute_of(const neap_node *n, const char *name,
                                  const neap__value *v);
/* For merging: equal values are of one kind and the same bits, nodes in the same place.
 * Equal ones have equal hashes. */
uint64_t neap__value_hash(uint64_t hash, const neap__value *v);
bool neap__value_equal(const neap__value *a, const neap__value *b);
/* Holds what the values of a node point to and is counted; lets it go. */
void neap__attributes_keep(const neap_node *n);
void neap__attributes_drop(const neap_node *n);

/* ---- Operations of the host (host.c) --------------------------------------------- */

#define NEAP__HOST_CHAINS 64
typedef struct neap__host_op {
    struct neap__host_op *next, *chain;
    neap__op op;
    neap_op host;
} neap__host_op;

/* Copies descriptor and struct into the graph; names, documentation and signature too. */
int neap__host_add(neap_graph *g, const neap__op *like, const neap_op *host,
                   neap_error *err);
/* By name; NULL. */
const neap__op *neap__host_named(const neap_graph *g, const char *name);
/* Calls each one's `release`. */
void neap__host_free(neap_graph *g);

/* ---- Walks (walk.c) -------------------------------------------------------------- */

/* A set of a graph's nodes: one bit for each index below `count`. */
typedef struct neap__set {
    uint64_t *words;
    size_t count;
    neap__account *account;
} neap__set;
bool neap__set_init(neap__set *s, neap__account *account, size_t count, neap_error *err);
void neap__set_free(neap__set *s);
static inline bool neap__set_has(const neap__set *s, uint64_t index)
{
    return index < s->count && (s->words[index >> 6] >> (index & 63) & 1);
}
static inline void neap__set_add(neap__set *s, uint64_t index)
{
    s->words[index >> 6] |= UINT64_C(1) << (index & 63);
}

/* The ancestors of `roots` (inclusive) through inputs and, if asked, controls, in
 * order of creation; nodes in `stop` are entered but not passed. *out is allocated
 * from `account` (SMALL; *count entries of room *capacity). Explicit stack. */
int neap__ancestors(neap__account *account, neap_node *const *roots, size_t root_count,
                    bool controls, const neap__set *stop, neap_node ***out, size_t *count,
                    size_t *capacity, neap_error *err);

#endif
