/* neap.h - a deep-learning runtime that fits inside another program.
 *
 * A graph holds nodes. A node is an operation with inputs and attributes; placeholders,
 * variables and constants are operations without inputs. A session holds the variables'
 * values, compiles what is fetched into a plan, and runs it in the caller's process.
 *
 * Conventions of this header
 *
 *   Errors     neap_error is the caller's and may be NULL. Builders (functions that return
 *              a pointer) never clear it, and return NULL when it already holds an error
 *              or when an argument is NULL: calls nest, and the first error is the one
 *              told. Functions that return a status reset it on entry unless an argument
 *              is NULL.
 *   Ownership  Nodes belong to their graph. Graphs, tensors and sessions are counted: what
 *              a function with `new`, `copy`, `wrap`, `retain` or `out` hands over is the
 *              caller's to release. Every _release and _free takes NULL.
 *   Lists      A pointer and a count, in this order. Only what creates a shape takes rank
 *              and dims, in that order.
 *   Counting   Axes and indices count from 0; a negative axis counts from the end; an
 *              unknown dimension is -1, an unknown rank is rank -1. A rank is at most
 *              NEAP_MAX_RANK.
 *   Threads    A graph is built by one thread at a time, and may grow after a session is
 *              made. A session may be run by many threads at once. A tensor never changes
 *              once made, and may be read, retained and released by any thread.
 *   Process    Process-wide are three things: the default allocator, the thread pool (made
 *              at the first parallel run, gone with the last session), and OpenBLAS's
 *              settings, which neap leaves as the host has them.
 *
 * Every function may be called from C and from C++. */
#ifndef NEAP_H
#define NEAP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#include <atomic>
typedef std::atomic_int neap_flag;
extern "C" {
#else
#include <stdatomic.h>
typedef atomic_int neap_flag;
#endif

#define NEAP_VERSION_MAJOR 0
#define NEAP_VERSION_MINOR 1
#define NEAP_VERSION_PATCH 0
#define NEAP_VERSION "0.1.0"

#if defined(__GNUC__)
#define NEAP_API __attribute__((visibility("default")))
#else
#define NEAP_API
#endif

#define NEAP_MAX_RANK 8

/* ---- Errors ---------------------------------------------------------------------- */

typedef enum neap_status {
    NEAP_OK = 0,
    NEAP_EARG,    /* a missing, superfluous or contradictory argument */
    NEAP_ETYPE,   /* a value of another kind than the place takes */
    NEAP_ESHAPE,  /* shapes that do not agree */
    NEAP_EDTYPE,  /* dtypes that do not agree, or that an operation does not take */
    NEAP_ERANGE,  /* an axis, index, size or number outside its range */
    NEAP_ELIMIT,  /* a limit of neap or of the session reached */
    NEAP_ENOMEM,  /* the allocator has no memory */
    NEAP_ESTATE,  /* an object that is closed, or of another graph or copy of neap */
    NEAP_EIO,     /* the outside world: files */
    NEAP_EFORMAT, /* data that is not what it should be */
    NEAP_EUNSUP, /* not supported: a gradient that does not exist, an unknown operation */
    NEAP_ECANCEL, /* cancelled, or past its deadline */
    NEAP_ENUM, /* a numeric failure: a singular matrix, a NaN where it is checked for */
    NEAP_EBUSY /* in use: a run inside a run of the same session */
} neap_status;

#define NEAP_MESSAGE_SIZE 512

typedef struct neap_error {
    int code; /* a neap_status */
    char message[NEAP_MESSAGE_SIZE];
} neap_error;

#define NEAP_ERROR_INIT                                                                  \
    {                                                                                    \
        0, { 0 }                                                                         \
    }

/* The name of a status without its prefix, as in "ESHAPE"; never NULL. */
NEAP_API const char *neap_status_name(int status);

/* ---- Data types ------------------------------------------------------------------ */

typedef enum neap_dtype {
    NEAP_DTYPE_NONE = 0, /* a node without a value; "absent" where a dtype is optional */
    NEAP_FLOAT32 = 1,
    NEAP_FLOAT64 = 2,
    NEAP_FLOAT16 = 3,
    NEAP_BFLOAT16 = 4,
    NEAP_INT8 = 5,
    NEAP_INT16 = 6,
    NEAP_INT32 = 7,
    NEAP_INT64 = 8,
    NEAP_UINT8 = 9,
    NEAP_BOOL = 10, /* one byte, 0 or 1 */
    NEAP_UINT16 = 11,
    NEAP_UINT32 = 12,
    NEAP_UINT64 = 13
} neap_dtype;

/* "float32" and so on; "none" for what is not a dtype. Never NULL. */
NEAP_API const char *neap_dtype_name(neap_dtype dtype);
/* The dtype of that name, NEAP_DTYPE_NONE if there is none (or name is NULL). */
NEAP_API neap_dtype neap_dtype_of(const char *name);
/* Bytes of one element; 0 for NEAP_DTYPE_NONE. */
NEAP_API size_t neap_dtype_size(neap_dtype dtype);

/* ---- Memory ---------------------------------------------------------------------- */

typedef enum neap_memory_kind {
    NEAP_MEMORY_NODE,  /* graphs and their nodes */
    NEAP_MEMORY_SMALL, /* sessions, plans, keys */
    NEAP_MEMORY_BLOCK, /* the space that a run computes in */
    NEAP_MEMORY_RESULT /* tensors */
} neap_memory_kind;

/* The host's memory. `allocate` returns NULL when there is none; `size` is never 0 and
 * `alignment` a power of two of at most 64. `free` gets the size that was asked for. Both
 * are called from any thread that calls neap, never from neap's own workers. */
typedef struct neap_allocator {
    void *(*allocate)(void *user, size_t size, size_t alignment, neap_memory_kind kind);
    void (*free)(void *user, void *pointer, size_t size);
    void *user;
} neap_allocator;

/* Replaces the default allocator (the C library's) for the whole process. Only before the
 * first object is made: NEAP_ESTATE after that. Not thread-safe. NULL restores the C
 * library's. */
NEAP_API int neap_set_allocator(const neap_allocator *allocator, neap_error *err);

typedef struct neap_memory {
    size_t current; /* bytes now held */
    size_t peak;    /* the most bytes ever held */
    size_t limit;   /* 0: none */
} neap_memory;

/* ---- Tensors --------------------------------------------------------------------- */

typedef struct neap_tensor neap_tensor;

/* A new tensor with a copy of `data` (row-major; NULL: all zero bytes). */
NEAP_API neap_tensor *neap_tensor_copy(neap_dtype dtype, int rank, const int64_t *dims,
                                       const void *data, neap_error *err);
/* A tensor over the host's memory, without a copy: `data` must stay valid and unchanged
 * until `release(user, data)` is called (once, by the thread that drops the last
 * reference; may be NULL). Any alignment will do that the element type has; 64 bytes is
 * fastest. On failure `release` is not called. */
NEAP_API neap_tensor *neap_tensor_wrap(neap_dtype dtype, int rank, const int64_t *dims,
                                       void *data,
                                       void (*release)(void *user, void *data),
                                       void *user, neap_error *err);
/* The same elements under another shape of the same size; shares the memory. One
 * dimension may be -1. */
NEAP_API neap_tensor *neap_tensor_reshape(neap_tensor *t, int rank, const int64_t *dims,
                                          neap_error *err);
NEAP_API neap_tensor *neap_tensor_retain(neap_tensor *t);
NEAP_API void neap_tensor_release(neap_tensor *t);

NEAP_API neap_dtype neap_tensor_dtype(const neap_tensor *t);
NEAP_API int neap_tensor_rank(const neap_tensor *t);
NEAP_API const int64_t *neap_tensor_dims(const neap_tensor *t);
NEAP_API int64_t neap_tensor_size(const neap_tensor *t); /* elements */
NEAP_API size_t neap_tensor_bytes(const neap_tensor *t); /* of data */
NEAP_API const void *neap_tensor_data(const neap_tensor *t);
/* The elements for writing, only while the caller holds the one reference to memory that
 * neap allocated: else NULL. For filling a tensor that neap_tensor_copy made. */
NEAP_API void *neap_tensor_edit(neap_tensor *t);
/* Element `index` of an array of `dtype`, as a number (64-bit integers above 2^53 lose
 * bits) or as an integer (integers and booleans, exactly; what lies outside of int64_t or
 * uint64_t is its nearest end). */
NEAP_API double neap_element_number(neap_dtype dtype, const void *data, int64_t index);
NEAP_API int64_t neap_element_integer(neap_dtype dtype, const void *data, int64_t index);
NEAP_API uint64_t neap_element_unsigned(neap_dtype dtype, const void *data,
                                        int64_t index);
/* Stores an element and returns 1; 0, and nothing stored, if the dtype cannot hold it:
 * 0.5 or 2^63 for int64, 300 for uint8, 1e300 for float32. Floats round to nearest. */
NEAP_API int neap_element_store_number(neap_dtype dtype, void *data, int64_t index,
                                       double value);
NEAP_API int neap_element_store_integer(neap_dtype dtype, void *data, int64_t index,
                                        int64_t value);
NEAP_API int neap_element_store_unsigned(neap_dtype dtype, void *data, int64_t index,
                                         uint64_t value);
/* As NumPy prints, summarised over 1,000 elements; always ends in NUL. Returns the length
 * that the whole text has (as snprintf does); `text` may be NULL when size is 0. */
NEAP_API size_t neap_tensor_text(const neap_tensor *t, char *text, size_t size);

/* ---- Graphs and nodes ------------------------------------------------------------ */

typedef struct neap_graph neap_graph;
typedef struct neap_node neap_node;

NEAP_API neap_graph *neap_graph_new(neap_error *err);
NEAP_API neap_graph *neap_graph_retain(neap_graph *g);
/* Drops the caller's reference; nodes go when the last session on the graph has gone
 * too. */
NEAP_API void neap_graph_free(neap_graph *g);

/* The nodes in order of creation (bodies of control flow and `hidden` slots are not
 * listed). */
typedef enum neap_node_list {
    NEAP_OPERATIONS,
    NEAP_PLACEHOLDERS,
    NEAP_VARIABLES
} neap_node_list;
NEAP_API size_t neap_graph_count(const neap_graph *g, neap_node_list list);
/* NULL if index is not below the count. */
NEAP_API neap_node *neap_graph_at(const neap_graph *g, neap_node_list list, size_t index);
/* NULL if there is none of that name. */
NEAP_API neap_node *neap_graph_node(const neap_graph *g, const char *name);

/* Takes back the last node made, if nothing uses it and it is no variable or placeholder:
 * 1, and it is gone; else 0. For builders that make constants on the way to an operation
 * which is then refused. */
NEAP_API int neap_graph_withdraw(neap_graph *g, neap_node *n);

/* Names of nodes made until the matching pop begin with "scope/". Scopes nest; a scope's
 * name is made unique as a node's is. */
NEAP_API int neap_graph_push_scope(neap_graph *g, const char *name, neap_error *err);
NEAP_API void neap_graph_pop_scope(neap_graph *g);
/* Nodes made until the matching pop run after these. */
NEAP_API int neap_graph_push_controls(neap_graph *g, neap_node *const *nodes,
                                      size_t count, neap_error *err);
NEAP_API void neap_graph_pop_controls(neap_graph *g);
/* How many pushes wait for their pop, and the pops of all but the first `depth` of them:
 * for who calls code that may push and then fail. A callback of a host operation finds
 * those open that were open when it was called; it can pop none of them, and what it does
 * not pop is popped when it returns. */
NEAP_API size_t neap_graph_depth(const neap_graph *g);
NEAP_API void neap_graph_pop_to(neap_graph *g, size_t depth);
/* The position that nodes made from now on report in the errors of a run ("model.lua",
 * 12); NULL for none; `file` is copied. `caller` is handed to the infer callbacks of host
 * operations. */
NEAP_API void neap_graph_set_source(neap_graph *g, const char *file, int line,
                                    void *caller);

NEAP_API neap_graph *neap_node_graph(const neap_node *n); /* borrowed */
NEAP_API const char *neap_node_name(const neap_node *n);  /* lives as long as the graph */
NEAP_API const char *neap_node_op(const neap_node *n);    /* the operation's name */
NEAP_API neap_dtype neap_node_dtype(const neap_node *n);
NEAP_API int neap_node_rank(const neap_node *n); /* -1: unknown */
/* The static shape, -1 for an unknown dimension; NULL if the rank is unknown or 0. */
NEAP_API const int64_t *neap_node_dims(const neap_node *n);
/* Data inputs in the places of the signature, NULL where an optional one is absent and
 * something follows; behind all places those that came as attributes; then NULL. */
NEAP_API size_t neap_node_input_count(const neap_node *n);
NEAP_API neap_node *neap_node_input(const neap_node *n, size_t index);
NEAP_API size_t neap_node_consumer_count(const neap_node *n);
NEAP_API neap_node *neap_node_consumer(const neap_node *n, size_t index);
/* The place of the node in its graph's order of creation, bodies included. */
NEAP_API size_t neap_node_index(const neap_node *n);
/* For a variable: whether optimizers train it by default. */
NEAP_API int neap_node_trainable(const neap_node *n);

/* ---- Attributes ------------------------------------------------------------------ */

typedef enum neap_attribute_kind {
    NEAP_KIND_NONE, /* absent */
    NEAP_KIND_INT,
    NEAP_KIND_FLOAT,
    NEAP_KIND_BOOL,
    NEAP_KIND_STRING,
    NEAP_KIND_DTYPE,
    NEAP_KIND_INTS,   /* integers; a schema of this kind takes a single one too */
    NEAP_KIND_TENSOR, /* a value: number, table or tensor in Lua */
    NEAP_KIND_NODE,   /* a node in the place of integers, where the schema allows it */
    NEAP_KIND_FLOATS, /* numbers; a schema of this kind takes a single one too */
    NEAP_KIND_PAIRS,  /* pairs of integers: {{1, 1}, {2, 2}} in Lua */
    NEAP_KIND_BODY    /* a function of control flow: a subgraph */
} neap_attribute_kind;

/* In integers where the schema says so: no bound (false in Lua). */
#define NEAP_NO_BOUND INT64_MIN

typedef struct neap_pair {
    int64_t first, second;
} neap_pair;

typedef struct neap__body neap_body;

/* A named value given to an operation. Strings, lists and tensors are copied or retained
 * by the node. */
typedef struct neap_attribute {
    const char *name;
    neap_attribute_kind kind;
    int64_t integer;         /* INT; 0 or 1 for BOOL; a neap_dtype for DTYPE */
    double number;           /* FLOAT */
    const char *string;      /* STRING */
    const int64_t *integers; /* INTS */
    size_t count;            /* of `integers`, `numbers` or `pairs` */
    neap_tensor *tensor;     /* TENSOR */
    neap_node *node;         /* NODE */
    const double *numbers;   /* FLOATS */
    const neap_pair *pairs;  /* PAIRS */
    neap_body *body;         /* BODY */
} neap_attribute;

#define NEAP_ATTRIBUTE_INIT                                                              \
    {                                                                                    \
        NULL, NEAP_KIND_NONE, 0, 0, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL          \
    }

/* What an attribute may be: one row of an operation's schema. */
typedef struct neap_attribute_info {
    const char *name;
    neap_attribute_kind kind; /* the one that it takes, or the first of several */
    unsigned flags;           /* NEAP_ATTRIBUTE_... */
    neap_attribute fallback;  /* the default; kind NEAP_KIND_NONE: none */
    const char *choices;      /* for strings: "a|b|c"; else NULL */
    unsigned also;            /* further kinds: a NEAP_KIND_BIT of each */
} neap_attribute_info;

#define NEAP_KIND_BIT(kind) (1u << (kind))

enum {
    NEAP_ATTRIBUTE_REQUIRED = 1,  /* must be given */
    NEAP_ATTRIBUTE_NODE = 2,      /* may be a node (integers) */
    NEAP_ATTRIBUTE_SHAPE = 4,     /* dimensions: -1 is checked by the operation */
    NEAP_ATTRIBUTE_OPEN = 8,      /* integers may be NEAP_NO_BOUND */
    NEAP_ATTRIBUTE_TWO_LISTS = 16 /* the pairs are two lists in Lua: their first
                                     integers, their second ones */
};

/* Whether a row takes a kind. A row of NEAP_KIND_INT and NEAP_KIND_FLOAT keeps a number
 * as it is given, exactly; one of NEAP_KIND_INT and NEAP_KIND_INTS tells 3 from {3}. */
static inline int neap_attribute_takes(const neap_attribute_info *row,
                                       neap_attribute_kind kind)
{
    return row->kind == kind || (row->also & NEAP_KIND_BIT(kind)) != 0 ||
           (kind == NEAP_KIND_NODE && (row->flags & NEAP_ATTRIBUTE_NODE) != 0);
}
/* What a row takes, for messages: "an integer, a sequence of integers or a node". As
 * snprintf: returns the length of the whole text; `text` may be NULL when size is 0. */
NEAP_API size_t neap_attribute_text(const neap_attribute_info *row, char *text,
                                    size_t size);

static inline neap_attribute neap_attribute_none(const char *name)
{
    neap_attribute a = NEAP_ATTRIBUTE_INIT;
    a.name = name;
    return a;
}
static inline neap_attribute neap_attribute_int(const char *name, int64_t value)
{
    neap_attribute a = neap_attribute_none(name);
    a.kind = NEAP_KIND_INT;
    a.integer = value;
    return a;
}
static inline neap_attribute neap_attribute_float(const char *name, double value)
{
    neap_attribute a = neap_attribute_none(name);
    a.kind = NEAP_KIND_FLOAT;
    a.number = value;
    return a;
}
static inline neap_attribute neap_attribute_bool(const char *name, int value)
{
    neap_attribute a = neap_attribute_none(name);
    a.kind = NEAP_KIND_BOOL;
    a.integer = value != 0;
    return a;
}
static inline neap_attribute neap_attribute_string(const char *name, const char *value)
{
    neap_attribute a = neap_attribute_none(name);
    a.kind = NEAP_KIND_STRING;
    a.string = value;
    return a;
}
static inline neap_attribute neap_attribute_dtype(const char *name, neap_dtype value)
{
    neap_attribute a = neap_attribute_none(name);
    a.kind = NEAP_KIND_DTYPE;
    a.integer = (int64_t)value;
    return a;
}
static inline neap_attribute neap_attribute_ints(const char *name, const int64_t *values,
                                                 size_t count)
{
    neap_attribute a = neap_attribute_none(name);
    a.kind = NEAP_KIND_INTS;
    a.integers = values;
    a.count = count;
    return a;
}
static inline neap_attribute neap_attribute_tensor(const char *name, neap_tensor *value)
{
    neap_attribute a = neap_attribute_none(name);
    a.kind = NEAP_KIND_TENSOR;
    a.tensor = value;
    return a;
}
static inline neap_attribute neap_attribute_node(const char *name, neap_node *value)
{
    neap_attribute a = neap_attribute_none(name);
    a.kind = NEAP_KIND_NODE;
    a.node = value;
    return a;
}
static inline neap_attribute neap_attribute_floats(const char *name, const double *values,
                                                   size_t count)
{
    neap_attribute a = neap_attribute_none(name);
    a.kind = NEAP_KIND_FLOATS;
    a.numbers = values;
    a.count = count;
    return a;
}
static inline neap_attribute neap_attribute_pairs(const char *name,
                                                  const neap_pair *values, size_t count)
{
    neap_attribute a = neap_attribute_none(name);
    a.kind = NEAP_KIND_PAIRS;
    a.pairs = values;
    a.count = count;
    return a;
}
static inline neap_attribute neap_attribute_body(const char *name, neap_body *value)
{
    neap_attribute a = neap_attribute_none(name);
    a.kind = NEAP_KIND_BODY;
    a.body = value;
    return a;
}

/* The schema row and value `index` of a node (0 ≤ index < the operation's attribute
 * count). The value borrows from the node; its kind is NEAP_KIND_NONE where it is absent.
 * Of a node in the place of integers `integer` is its place among the inputs, or -1.
 * NEAP_ERANGE past the end. */
NEAP_API int neap_node_attribute(const neap_node *n, size_t index, neap_attribute *value,
                                 neap_error *err);

/* ---- Operations ------------------------------------------------------------------ */

/* What is known of an operation without building it. */
typedef struct neap_op_info {
    const char *name;
    int version;
    const char *doc;
    const char
        *inputs; /* names apart by spaces; "x..." is a sequence and comes last; "" none;
                            "[mask]" may be absent: NULL in its place */
    const char
        *results; /* "": no value; NULL: one, unnamed; else names apart by spaces */
    const neap_attribute_info *attributes;
    size_t attribute_count;
    unsigned flags; /* NEAP_OP_... */
} neap_op_info;

enum {
    NEAP_OP_GRADIENT = 1, /* differentiable */
    NEAP_OP_ZERO = 2, /* piecewise constant, or integers: no gradient passes, silently */
    NEAP_OP_NO_GRADIENT = 4, /* differentiating through it raises */
    NEAP_OP_INTERNAL = 8, /* used by gradients; not among Lua's functions or neap.ops() */
    NEAP_OP_SOURCE = 16,  /* no node inputs: built in the default graph */
    NEAP_OP_SPECIAL =
        32 /* placeholder, variable, constant, ...: the binding's own arguments */
};

NEAP_API size_t neap_op_count(void);
NEAP_API const neap_op_info *neap_op_at(size_t index);       /* NULL past the end */
NEAP_API const neap_op_info *neap_op_find(const char *name); /* NULL if there is none */
/* The same of an operation that the host registered on the graph. */
NEAP_API const neap_op_info *neap_graph_op(const neap_graph *g, const char *name);
/* Of the operation that a node is of, whoever's that is. */
NEAP_API const neap_op_info *neap_node_info(const neap_node *n);

/* The dtype that a plain number in the place of input `index` should have beside these
 * inputs (NULL where they are plain numbers too): the operation's own for that input,
 * else that of the first node; NEAP_DTYPE_NONE if nothing says. For bindings that take
 * numbers for nodes. */
NEAP_API neap_dtype neap_op_literal_dtype(const char *op, neap_node *const *inputs,
                                          size_t count, size_t index);

/* Builds any operation. Inputs in the places of its signature, NULL where an optional one
 * is absent; attributes by name, in any order; `name` may be NULL (the operation's name, made unique). `outputs` receives one
 * node for each result, at most `output_capacity`; pass NULL and 0 to ignore them.
 * Returns the node itself (the first result where there are several); NULL with an error:
 * unknown operation or attribute, counts, dtypes, shapes, another graph. */
NEAP_API neap_node *neap_build(neap_graph *g, const char *op, neap_node *const *inputs,
                               size_t input_count, const neap_attribute *attributes,
                               size_t attribute_count, const char *name,
                               neap_node **outputs, size_t output_capacity,
                               neap_error *err);

/* A value to be fed at run time. rank -1: any shape. `name` may be NULL, here and
 * below. */
NEAP_API neap_node *neap_placeholder(neap_graph *g, neap_dtype dtype, int rank,
                                     const int64_t *dims, const char *name,
                                     neap_error *err);
/* A value that the session keeps from run to run, with its initial value (retained, not
 * copied: a tensor that wraps the host's memory must outlive the graph). */
NEAP_API neap_node *neap_variable(neap_graph *g, neap_tensor *initial, const char *name,
                                  neap_error *err);
/* The same with a node as initial value, computed when the session first needs the
 * variable. */
NEAP_API neap_node *neap_variable_from(neap_graph *g, neap_node *initial, int trainable,
                                       const char *name, neap_error *err);
NEAP_API neap_node *neap_constant(neap_graph *g, neap_tensor *value, neap_error *err);

/* ---- Operations of the host ------------------------------------------------------ */

typedef struct neap_op_shape {
    neap_dtype dtype;
    int rank; /* -1: unknown */
    int64_t dims[NEAP_MAX_RANK];
} neap_op_shape;

/* ---- Branches and loops ---------------------------------------------------------- */

/* A body is a piece of graph that a branch or a loop runs. Between neap_body_begin and
 * neap_body_end nodes are built in it; bodies nest, up to 32 within each other. Nodes of a
 * body are in no list of the graph, cannot be fed or fetched, and cannot be used outside of
 * it; what is named from outside becomes an input of the branch or loop. Placeholders and
 * variables cannot be made in it; assignments, draws and operations of the host can. The
 * graph owns it. `arguments` are the dtypes and shapes of what it is given (a loop's
 * variables), -1 where they are open. */
NEAP_API neap_body *neap_body_begin(neap_graph *g, const neap_op_shape *arguments,
                                    size_t count, neap_error *err);
NEAP_API neap_node *neap_body_argument(const neap_body *body, size_t index);
NEAP_API void neap_body_end(neap_body *body);
/* Nodes are built in it again: after its end, and before a branch or loop has it. */
NEAP_API int neap_body_resume(neap_body *body, neap_error *err);

/* The values of one of two bodies without arguments, of `pred` (bool, rank 0): as many of
 * each, of the same dtypes. Only the branch that is taken runs. outputs[i] receives the
 * i-th value. Bodies serve once. */
NEAP_API int neap_cond(neap_graph *g, neap_node *pred, neap_body *then_body,
                       neap_node *const *then_results, neap_body *else_body,
                       neap_node *const *else_results, size_t count, neap_node **outputs,
                       neap_error *err);
/* Runs `body` as long as `condition` gives true (bool, rank 0): both take `count` loop
 * variables as arguments, and body gives as many, of the same dtypes and of shapes that
 * its arguments may have (which may change from one iteration to the next where they are
 * open). maximum_iterations: -1 for none. outputs[i] receives the i-th variable at the
 * end. An error inside names the iteration, from 0. */
NEAP_API int neap_while_loop(neap_graph *g, neap_body *condition,
                             neap_node *condition_result, neap_body *body,
                             neap_node *const *results, neap_node *const *loop_vars,
                             size_t count, int64_t maximum_iterations,
                             neap_node **outputs, neap_error *err);

/* An operation of the host. Callbacks return a neap_status and fill `err` when it is not
 * NEAP_OK; they run on the thread that builds or runs; `caller` is that of
 * neap_graph_set_source or neap_run_options. */
typedef struct neap_op {
    size_t size; /* sizeof(neap_op), for versions to come */
    const char *name;
    const char *doc;
    const char *inputs; /* as in neap_op_info */
    size_t result_count;
    /* NULL: one result, like the first input. Called when a node is built (with partial
     * shapes) and when a plan is made (with whole ones). */
    int (*infer)(void *user, void *caller, const neap_op_shape *in, size_t in_count,
                 neap_op_shape *out, size_t out_count, neap_error *err);
    /* `out` is NULL on entry; the callback sets each to a tensor of the inferred dtype
     * and shape, whose reference passes to neap. Inputs are borrowed. */
    int (*compute)(void *user, void *caller, neap_tensor *const *in, size_t in_count,
                   neap_tensor **out, size_t out_count, neap_error *err);
    /* NULL: no gradient. Sets dx[i] to the gradient of input i (NULL: none). */
    int (*gradient)(void *user, void *caller, neap_graph *g, neap_node *const *x,
                    size_t x_count, neap_node *const *y, neap_node *const *dy,
                    size_t y_count, neap_node **dx, neap_error *err);
    void (*release)(void *user); /* when the graph goes; may be NULL */
    void *user;
    /* A schema, and callbacks that are told the node, whose values neap_node_attribute
     * reads; each stands in for the one without `_node` where it is not NULL. Inputs are
     * in the places of neap_node_input: NULL, or of NEAP_DTYPE_NONE, where one is absent,
     * and nodes in the place of integers behind the others. */
    const neap_attribute_info *attributes;
    size_t attribute_count;
    int (*infer_node)(void *user, void *caller, const neap_node *n,
                      const neap_op_shape *in, size_t in_count, neap_op_shape *out,
                      size_t out_count, neap_error *err);
    int (*compute_node)(void *user, void *caller, const neap_node *n,
                        neap_tensor *const *in, size_t in_count, neap_tensor **out,
                        size_t out_count, neap_error *err);
    int (*gradient_node)(void *user, void *caller, neap_graph *g, const neap_node *n,
                         neap_node *const *x, size_t x_count, neap_node *const *y,
                         neap_node *const *dy, size_t y_count, neap_node **dx,
                         neap_error *err);
} neap_op;

/* Makes `op` known to this graph, to be built with neap_build. The struct, its strings and
 * its schema are copied. NEAP_EARG for a name that exists. */
NEAP_API int neap_graph_register(neap_graph *g, const neap_op *op, neap_error *err);

/* ---- Gradients and training ------------------------------------------------------ */

/* Adds nodes for the gradient of the sum of `ys` (each weighted by its `grad_ys`, ones
 * where that is NULL or an entry of it is) and writes a node for each of `xs` into `out`,
 * NULL where no y depends on it. NEAP_EUNSUP where the path crosses an operation without
 * a gradient. */
NEAP_API int neap_gradients(neap_graph *g, neap_node *const *ys, size_t y_count,
                            neap_node *const *xs, size_t x_count,
                            neap_node *const *grad_ys, neap_node **out, neap_error *err);

/* The node whose run updates `variables` by `gradients` with the optimizer of that name
 * ("gradient_descent", "momentum", "adam"); attributes are its hyper-parameters,
 * learning_rate first, which may be a node. Entries with a NULL gradient are passed over.
 * Slots are variables that are not trainable. */
NEAP_API neap_node *neap_apply_gradients(neap_graph *g, const char *optimizer,
                                         const neap_attribute *attributes,
                                         size_t attribute_count,
                                         neap_node *const *gradients,
                                         neap_node *const *variables, size_t count,
                                         neap_error *err);
/* neap_gradients for every trainable variable that `loss` depends on, then
 * neap_apply_gradients. NEAP_EARG if there is none. */
NEAP_API neap_node *neap_minimize(neap_graph *g, neap_node *loss, const char *optimizer,
                                  const neap_attribute *attributes,
                                  size_t attribute_count, neap_error *err);
/* The trainable variables that `loss` depends on, in order of creation: writes at most
 * `capacity` and returns how many there are; 0 with an error if memory ends. */
NEAP_API size_t neap_trainable_variables(neap_node *loss, neap_node **out,
                                         size_t capacity, neap_error *err);

/* ---- Sessions -------------------------------------------------------------------- */

typedef struct neap_session neap_session;
typedef struct neap_callable neap_callable;

typedef struct neap_feed {
    neap_node *node; /* any node of the graph: what is fed is not computed */
    neap_tensor *value;
} neap_feed;

typedef struct neap_session_options {
    size_t size;         /* set by NEAP_SESSION_OPTIONS_INIT */
    int threads;         /* 0: as neap_set_threads says */
    size_t memory_limit; /* bytes of plans, blocks, variables and results; 0: none */
    uint64_t seed;       /* of random operations */
    const char
        *isa; /* NULL: the best; else "avx512", "avx2" or "generic", not above it */
    const char *passes; /* NULL: all; "none"; or of "fold,simplify,merge,fuse,place" */
    /* Receives the text of `print` operations and of traced runs, on the calling
     * thread. */
    void (*log)(void *user, void *caller, const char *text);
    void *log_user;
    const void *device; /* a device module's table; NULL: the CPU */
} neap_session_options;

#define NEAP_SESSION_OPTIONS_INIT                                                        \
    {                                                                                    \
        sizeof(neap_session_options), 0, 0, 0, NULL, NULL, NULL, NULL, NULL              \
    }

/* For a run, and for what may have to run something first: the functions named
 * neap_..._with. */
typedef struct neap_run_options {
    size_t size;    /* set by NEAP_RUN_OPTIONS_INIT */
    double timeout; /* seconds; 0: none */
    const neap_flag
        *cancel;  /* an atomic_int: not 0 stops the run at its next instruction */
    void *caller; /* handed to host operations and to `log` */
} neap_run_options;

#define NEAP_RUN_OPTIONS_INIT                                                            \
    {                                                                                    \
        sizeof(neap_run_options), 0, NULL, NULL                                          \
    }

/* A session over a graph, which it keeps alive. `options` may be NULL. */
NEAP_API neap_session *
neap_session_new(neap_graph *g, const neap_session_options *options, neap_error *err);
/* Frees the session. No run or callable of it may be under way or used afterwards.
 * Tensors that it gave stay valid. */
NEAP_API void neap_session_free(neap_session *s);
NEAP_API neap_graph *neap_session_graph(const neap_session *s); /* borrowed */

/* Computes `fetches`. out[i] is NULL on entry and receives a new reference (NULL for an
 * operation without a value), or is the host's tensor of the right dtype and shape,
 * written in place; nobody else may hold that one, and its memory may be that of no other
 * such tensor, nor of a feed, a constant or a variable's value. Feeds that the run does
 * not need are ignored. On an error every out[i] is as on entry, every variable and the
 * random state hold what they held before, and the session goes on. */
NEAP_API int neap_session_run(neap_session *s, const neap_feed *feeds, size_t feed_count,
                              neap_node *const *fetches, size_t fetch_count,
                              neap_tensor **out, neap_error *err);
NEAP_API int neap_session_run_with(neap_session *s, const neap_run_options *options,
                                   const neap_feed *feeds, size_t feed_count,
                                   neap_node *const *fetches, size_t fetch_count,
                                   neap_tensor **out, neap_error *err);
/* Stops the runs now under way, with NEAP_ECANCEL; later runs are not affected. From any
 * thread. */
NEAP_API void neap_cancel(neap_session *s);

/* A variable's value (initialised first): a new reference in *out. */
NEAP_API int neap_session_get(neap_session *s, neap_node *variable, neap_tensor **out,
                              neap_error *err);
NEAP_API int neap_session_get_with(neap_session *s, const neap_run_options *options,
                                   neap_node *variable, neap_tensor **out,
                                   neap_error *err);
/* Sets a variable: a tensor of its dtype and of a shape it may have; retained, and copied
 * before the first write. */
NEAP_API int neap_session_set(neap_session *s, neap_node *variable, neap_tensor *value,
                              neap_error *err);
/* Every variable of the graph back to its initial value: all or none. Not while a thread
 * adds to the graph. */
NEAP_API int neap_session_initialize(neap_session *s, neap_error *err);
NEAP_API int neap_session_initialize_with(neap_session *s,
                                          const neap_run_options *options,
                                          neap_error *err);
NEAP_API neap_memory neap_session_memory(const neap_session *s);
/* The plan of a run as text, as a database explains a query: as snprintf, returns the
 * whole length in *length. Feeds give the shapes. */
NEAP_API int neap_session_explain(neap_session *s, const neap_feed *feeds,
                                  size_t feed_count, neap_node *const *fetches,
                                  size_t fetch_count, char *text, size_t size,
                                  size_t *length, neap_error *err);
NEAP_API int neap_session_explain_with(neap_session *s, const neap_run_options *options,
                                       const neap_feed *feeds, size_t feed_count,
                                       neap_node *const *fetches, size_t fetch_count,
                                       char *text, size_t size, size_t *length,
                                       neap_error *err);

/* One run, prepared: the fastest way to run one thing often. Keeps the session's plan,
 * not the session; may be run by many threads at once. */
NEAP_API neap_callable *neap_callable_new(neap_session *s, neap_node *const *placeholders,
                                          size_t placeholder_count,
                                          neap_node *const *fetches, size_t fetch_count,
                                          neap_error *err);
NEAP_API int neap_callable_run(neap_callable *c, const neap_run_options *options,
                               neap_tensor *const *values, neap_tensor **out,
                               neap_error *err);
NEAP_API void neap_callable_free(neap_callable *c);

/* ---- The process ----------------------------------------------------------------- */

/* The bound on the threads of sessions that do not say (1 to 1024; 0: as many as
 * processors). NEAP_ERANGE else. */
NEAP_API int neap_set_threads(int threads, neap_error *err);

typedef struct neap_config {
    const char *version;
    const char *isa; /* the best instruction set that this machine has kernels for */
    const char *compiler;
    const char *blas; /* what is known of OpenBLAS, "not opened" before its first need */
    int threads;      /* the present bound */
    int processors;
} neap_config;

/* `config` is filled; the strings live for ever. */
NEAP_API void neap_get_config(neap_config *config);

/* ---- A builder for every operation ----------------------------------------------- */

/* Inputs (NULL for an optional one that is absent), required attributes, then the options
 * of an operation that has optional attributes; a list is a pointer and a count. A node's
 * name, and a node in the place of required integers, go through neap_build.
 *
 *     neap_softmax_options o = NEAP_SOFTMAX_OPTIONS_INIT;
 *     o.axis = 0;
 *     y = neap_softmax(g, x, &o, err);
 *
 * NULL stands for the defaults, which NEAP_OP_OPTIONS_INIT holds; so do fields that lie
 * beyond `size`, as those of later versions do for a host that was built before them. A
 * list or text that is NULL is absent; an attribute of several kinds, or a number that may
 * be absent, is a neap_attribute, made by neap_attribute_int and its like (the field gives
 * the name). Every field has eight bytes or more, so that a later one never lies within an
 * earlier `size`.
 *
 * Calls may leave out the argument `options`: `neap_softmax(g, x, err)`. (Not where a list
 * is written in place with a comma in it, for a macro counts what is given: NEAP__CHOOSE
 * tells one argument from more.)
 *
 * Generated from the descriptors by `make generate`. */
/* clang-format off */
/* NEAP__N where one argument is given, NEAP__Y where more are, 64 at most. */
#define NEAP__Y(...) __VA_ARGS__
#define NEAP__N(...) NULL, __VA_ARGS__
#define NEAP__PICK(                                                                      \
    a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17,      \
    a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, a33,      \
    a34, a35, a36, a37, a38, a39, a40, a41, a42, a43, a44, a45, a46, a47, a48, a49,      \
    a50, a51, a52, a53, a54, a55, a56, a57, a58, a59, a60, a61, a62, a63,                \
    pick, ...) pick
#define NEAP__CHOOSE(...) NEAP__PICK(__VA_ARGS__,                                        \
    NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y,     \
    NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y,     \
    NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y,     \
    NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y,     \
    NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y,     \
    NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y,     \
    NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y, NEAP__Y,     \
    NEAP__N,                                                                             \
    0)
#define NEAP__OPTIONS(...) NEAP__CHOOSE(__VA_ARGS__)(__VA_ARGS__)
#define NEAP__OPTIONS_OUT(out, ...) NEAP__CHOOSE(__VA_ARGS__)(out, __VA_ARGS__)
/* BEGIN generated */

typedef struct neap_zeros_options {
    size_t size;
    neap_dtype dtype; int : 32;
} neap_zeros_options;
#define NEAP_ZEROS_OPTIONS_INIT \
    {sizeof(neap_zeros_options), NEAP_FLOAT32}
/* A value of this shape, all zeros (false for bool). */
NEAP_API neap_node *neap_zeros(neap_graph *g, const int64_t *shape, size_t shape_count,
                               const neap_zeros_options *options, neap_error *err);
#define neap_zeros(g, shape, shape_count, ...) \
    neap_zeros(g, shape, shape_count, NEAP__OPTIONS(__VA_ARGS__))

typedef struct neap_ones_options {
    size_t size;
    neap_dtype dtype; int : 32;
} neap_ones_options;
#define NEAP_ONES_OPTIONS_INIT \
    {sizeof(neap_ones_options), NEAP_FLOAT32}
/* A value of this shape, all ones (true for bool). */
NEAP_API neap_node *neap_ones(neap_graph *g, const int64_t *shape, size_t shape_count,
                              const neap_ones_options *options, neap_error *err);
#define neap_ones(g, shape, shape_count, ...) \
    neap_ones(g, shape, shape_count, NEAP__OPTIONS(__VA_ARGS__))

/* A value of shape `dims`, every element of which is `value`, whose dtype it has. */
NEAP_API neap_node *neap_fill(neap_graph *g, const int64_t *dims, size_t dims_count,
                              neap_tensor *value, neap_error *err);

/* Zeros of the shape and dtype of x, whose elements are not read. */
NEAP_API neap_node *neap_zeros_like(neap_graph *g, neap_node *x, neap_error *err);

/* Ones of the shape and dtype of x, whose elements are not read. */
NEAP_API neap_node *neap_ones_like(neap_graph *g, neap_node *x, neap_error *err);

typedef struct neap_random_uniform_options {
    size_t size;
    neap_attribute minval;
    neap_attribute maxval;
    neap_dtype dtype; int : 32;
    neap_attribute seed;
} neap_random_uniform_options;
#define NEAP_RANDOM_UNIFORM_OPTIONS_INIT \
    {sizeof(neap_random_uniform_options), NEAP_ATTRIBUTE_INIT, NEAP_ATTRIBUTE_INIT, \
     NEAP_FLOAT32, NEAP_ATTRIBUTE_INIT}
/* Draws, evenly spread over [minval, maxval), fresh in every run. For integers the bounds
 * are whole numbers. The same seeds give the same numbers. */
NEAP_API neap_node *neap_random_uniform(neap_graph *g, const int64_t *shape,
                                        size_t shape_count,
                                        const neap_random_uniform_options *options,
                                        neap_error *err);
#define neap_random_uniform(g, shape, shape_count, ...) \
    neap_random_uniform(g, shape, shape_count, NEAP__OPTIONS(__VA_ARGS__))

typedef struct neap_random_normal_options {
    size_t size;
    double mean;
    double stddev;
    neap_dtype dtype; int : 32;
    neap_attribute seed;
} neap_random_normal_options;
#define NEAP_RANDOM_NORMAL_OPTIONS_INIT \
    {sizeof(neap_random_normal_options), 0, 1, NEAP_FLOAT32, NEAP_ATTRIBUTE_INIT}
/* Draws from the normal distribution of this mean and standard deviation, fresh in every
 * run. The same seeds give the same numbers. */
NEAP_API neap_node *neap_random_normal(neap_graph *g, const int64_t *shape,
                                       size_t shape_count,
                                       const neap_random_normal_options *options,
                                       neap_error *err);
#define neap_random_normal(g, shape, shape_count, ...) \
    neap_random_normal(g, shape, shape_count, NEAP__OPTIONS(__VA_ARGS__))

typedef struct neap_truncated_normal_options {
    size_t size;
    double mean;
    double stddev;
    neap_dtype dtype; int : 32;
    neap_attribute seed;
} neap_truncated_normal_options;
#define NEAP_TRUNCATED_NORMAL_OPTIONS_INIT \
    {sizeof(neap_truncated_normal_options), 0, 1, NEAP_FLOAT32, NEAP_ATTRIBUTE_INIT}
/* As random_normal, but what is more than two standard deviations from the mean is drawn
 * again. */
NEAP_API neap_node *neap_truncated_normal(neap_graph *g, const int64_t *shape,
                                          size_t shape_count,
                                          const neap_truncated_normal_options *options,
                                          neap_error *err);
#define neap_truncated_normal(g, shape, shape_count, ...) \
    neap_truncated_normal(g, shape, shape_count, NEAP__OPTIONS(__VA_ARGS__))

/* x itself. */
NEAP_API neap_node *neap_identity(neap_graph *g, neap_node *x, neap_error *err);

/* x itself, which counts as a constant when gradients are made. */
NEAP_API neap_node *neap_stop_gradient(neap_graph *g, neap_node *x, neap_error *err);

/* x as another dtype. Floating numbers become integers by dropping the fraction, at the
 * nearest end of the range where it ends, and 0 for NaN; integers wrap; bool is whether x
 * is not 0. */
NEAP_API neap_node *neap_cast(neap_graph *g, neap_node *x, neap_dtype dtype,
                              neap_error *err);

/* -x, element by element; integers wrap. */
NEAP_API neap_node *neap_negative(neap_graph *g, neap_node *x, neap_error *err);

/* The absolute value of x, element by element; the lowest integer stays itself. Its
 * gradient at 0 is 0. */
NEAP_API neap_node *neap_abs(neap_graph *g, neap_node *x, neap_error *err);

/* -1, 0 or 1 as x is below, at or above 0, element by element; NaN for NaN. Its gradient
 * is 0. */
NEAP_API neap_node *neap_sign(neap_graph *g, neap_node *x, neap_error *err);

/* x times x, element by element; integers wrap. */
NEAP_API neap_node *neap_square(neap_graph *g, neap_node *x, neap_error *err);

/* The square root of x, element by element; NaN below 0. */
NEAP_API neap_node *neap_sqrt(neap_graph *g, neap_node *x, neap_error *err);

/* e to the power of x, element by element. */
NEAP_API neap_node *neap_exp(neap_graph *g, neap_node *x, neap_error *err);

/* The natural logarithm of x, element by element; -inf at 0, NaN below. */
NEAP_API neap_node *neap_log(neap_graph *g, neap_node *x, neap_error *err);

/* The natural logarithm of 1 + x, element by element, with all its digits where x is near
 * 0; -inf at -1, NaN below. */
NEAP_API neap_node *neap_log1p(neap_graph *g, neap_node *x, neap_error *err);

/* 1 / (1 + exp(-x)), element by element, without overflow. */
NEAP_API neap_node *neap_sigmoid(neap_graph *g, neap_node *x, neap_error *err);

/* Hyperbolic tangent of x, element by element. */
NEAP_API neap_node *neap_tanh(neap_graph *g, neap_node *x, neap_error *err);

/* log(1 + exp(x)), element by element, without overflow. */
NEAP_API neap_node *neap_softplus(neap_graph *g, neap_node *x, neap_error *err);

/* x where it is above 0, else 0, element by element; NaN for NaN. Its gradient at 0 is
 * 0. */
NEAP_API neap_node *neap_relu(neap_graph *g, neap_node *x, neap_error *err);

typedef struct neap_leaky_relu_options {
    size_t size;
    double alpha;
} neap_leaky_relu_options;
#define NEAP_LEAKY_RELU_OPTIONS_INIT \
    {sizeof(neap_leaky_relu_options), 0.20000000000000001}
/* x where it is above 0, else alpha times x, element by element. Its gradient at 0 is
 * alpha. */
NEAP_API neap_node *neap_leaky_relu(neap_graph *g, neap_node *x,
                                    const neap_leaky_relu_options *options,
                                    neap_error *err);
#define neap_leaky_relu(g, x, ...) \
    neap_leaky_relu(g, x, NEAP__OPTIONS(__VA_ARGS__))

/* x + y, element by element with broadcasting; integers wrap. */
NEAP_API neap_node *neap_add(neap_graph *g, neap_node *x, neap_node *y, neap_error *err);

/* x - y, element by element with broadcasting; integers wrap. */
NEAP_API neap_node *neap_subtract(neap_graph *g, neap_node *x, neap_node *y,
                                  neap_error *err);

/* x times y, element by element with broadcasting; integers wrap. */
NEAP_API neap_node *neap_multiply(neap_graph *g, neap_node *x, neap_node *y,
                                  neap_error *err);

/* x / y, true division, element by element with broadcasting: integers give float32. */
NEAP_API neap_node *neap_divide(neap_graph *g, neap_node *x, neap_node *y,
                                neap_error *err);

/* The largest whole number not above x / y, element by element with broadcasting.
 * Integers wrap; a y of 0 among them is an error of the run. */
NEAP_API neap_node *neap_floor_divide(neap_graph *g, neap_node *x, neap_node *y,
                                      neap_error *err);

/* What floor_divide leaves of x, with the sign of y, element by element with
 * broadcasting; NaN where y is 0, which among integers is an error of the run. */
NEAP_API neap_node *neap_mod(neap_graph *g, neap_node *x, neap_node *y, neap_error *err);

/* x to the power of y, element by element with broadcasting; NaN for a negative x and a y
 * that is not whole. Integers wrap; a negative integer y gives 0, or 1 and -1 their own.
 * The gradient for y is 0 where x is not above 0. */
NEAP_API neap_node *neap_pow(neap_graph *g, neap_node *x, neap_node *y, neap_error *err);

/* The greater of x and y, element by element with broadcasting; NaN where either is.
 * Where they are equal the gradient goes to x. */
NEAP_API neap_node *neap_maximum(neap_graph *g, neap_node *x, neap_node *y,
                                 neap_error *err);

/* The lesser of x and y, element by element with broadcasting; NaN where either is. Where
 * they are equal the gradient goes to x. */
NEAP_API neap_node *neap_minimum(neap_graph *g, neap_node *x, neap_node *y,
                                 neap_error *err);

/* Whether x = y, element by element with broadcasting: a bool. NaN equals nothing. */
NEAP_API neap_node *neap_equal(neap_graph *g, neap_node *x, neap_node *y,
                               neap_error *err);

/* Whether x < y, element by element with broadcasting: a bool, false for NaN. */
NEAP_API neap_node *neap_less(neap_graph *g, neap_node *x, neap_node *y, neap_error *err);

/* Whether x > y, element by element with broadcasting: a bool, false for NaN. */
NEAP_API neap_node *neap_greater(neap_graph *g, neap_node *x, neap_node *y,
                                 neap_error *err);

/* x where the condition holds, else y, element by element, all three broadcast. What is
 * not chosen has no effect on the result, NaN included. */
NEAP_API neap_node *neap_where(neap_graph *g, neap_node *condition, neap_node *x,
                               neap_node *y, neap_error *err);

typedef struct neap_reduce_sum_options {
    size_t size;
    const int64_t *axis;
    size_t axis_count;
    int keepdims; int : 32;
} neap_reduce_sum_options;
#define NEAP_REDUCE_SUM_OPTIONS_INIT \
    {sizeof(neap_reduce_sum_options), NULL, 0, 0}
/* The sum of the elements of x over some axes (absent: all). Integers wrap; over no
 * elements it is 0. */
NEAP_API neap_node *neap_reduce_sum(neap_graph *g, neap_node *x,
                                    const neap_reduce_sum_options *options,
                                    neap_error *err);
#define neap_reduce_sum(g, x, ...) \
    neap_reduce_sum(g, x, NEAP__OPTIONS(__VA_ARGS__))

typedef struct neap_reduce_mean_options {
    size_t size;
    const int64_t *axis;
    size_t axis_count;
    int keepdims; int : 32;
} neap_reduce_mean_options;
#define NEAP_REDUCE_MEAN_OPTIONS_INIT \
    {sizeof(neap_reduce_mean_options), NULL, 0, 0}
/* The mean of the elements of x over some axes (absent: all), of the dtype of x: for
 * integers without its fraction. Over no elements it is NaN, or 0 for integers. */
NEAP_API neap_node *neap_reduce_mean(neap_graph *g, neap_node *x,
                                     const neap_reduce_mean_options *options,
                                     neap_error *err);
#define neap_reduce_mean(g, x, ...) \
    neap_reduce_mean(g, x, NEAP__OPTIONS(__VA_ARGS__))

typedef struct neap_reduce_max_options {
    size_t size;
    const int64_t *axis;
    size_t axis_count;
    int keepdims; int : 32;
} neap_reduce_max_options;
#define NEAP_REDUCE_MAX_OPTIONS_INIT \
    {sizeof(neap_reduce_max_options), NULL, 0, 0}
/* The greatest element of x over some axes (absent: all); NaN if there is one. Over no
 * elements it is the lowest value of the dtype (-inf). Equal greatest elements share the
 * gradient. */
NEAP_API neap_node *neap_reduce_max(neap_graph *g, neap_node *x,
                                    const neap_reduce_max_options *options,
                                    neap_error *err);
#define neap_reduce_max(g, x, ...) \
    neap_reduce_max(g, x, NEAP__OPTIONS(__VA_ARGS__))

typedef struct neap_reduce_min_options {
    size_t size;
    const int64_t *axis;
    size_t axis_count;
    int keepdims; int : 32;
} neap_reduce_min_options;
#define NEAP_REDUCE_MIN_OPTIONS_INIT \
    {sizeof(neap_reduce_min_options), NULL, 0, 0}
/* The least element of x over some axes (absent: all); NaN if there is one. Over no
 * elements it is the greatest value of the dtype (inf). Equal least elements share the
 * gradient. */
NEAP_API neap_node *neap_reduce_min(neap_graph *g, neap_node *x,
                                    const neap_reduce_min_options *options,
                                    neap_error *err);
#define neap_reduce_min(g, x, ...) \
    neap_reduce_min(g, x, NEAP__OPTIONS(__VA_ARGS__))

typedef struct neap_reduce_prod_options {
    size_t size;
    const int64_t *axis;
    size_t axis_count;
    int keepdims; int : 32;
} neap_reduce_prod_options;
#define NEAP_REDUCE_PROD_OPTIONS_INIT \
    {sizeof(neap_reduce_prod_options), NULL, 0, 0}
/* The product of the elements of x over some axes (absent: all). Integers wrap; over no
 * elements it is 1. */
NEAP_API neap_node *neap_reduce_prod(neap_graph *g, neap_node *x,
                                     const neap_reduce_prod_options *options,
                                     neap_error *err);
#define neap_reduce_prod(g, x, ...) \
    neap_reduce_prod(g, x, NEAP__OPTIONS(__VA_ARGS__))

typedef struct neap_reduce_logsumexp_options {
    size_t size;
    const int64_t *axis;
    size_t axis_count;
    int keepdims; int : 32;
} neap_reduce_logsumexp_options;
#define NEAP_REDUCE_LOGSUMEXP_OPTIONS_INIT \
    {sizeof(neap_reduce_logsumexp_options), NULL, 0, 0}
/* log(sum(exp(x))) over some axes (absent: all), without overflow. Over no elements it is
 * -inf. */
NEAP_API neap_node *neap_reduce_logsumexp(neap_graph *g, neap_node *x,
                                          const neap_reduce_logsumexp_options *options,
                                          neap_error *err);
#define neap_reduce_logsumexp(g, x, ...) \
    neap_reduce_logsumexp(g, x, NEAP__OPTIONS(__VA_ARGS__))

typedef struct neap_argmax_options {
    size_t size;
    int64_t axis;
    neap_dtype output_type; int : 32;
} neap_argmax_options;
#define NEAP_ARGMAX_OPTIONS_INIT \
    {sizeof(neap_argmax_options), 0, NEAP_INT64}
/* The index of the greatest element of x along an axis, which must have one; the first of
 * equals, and NaN counts as greatest. int32 or int64, as `output_type` says. */
NEAP_API neap_node *neap_argmax(neap_graph *g, neap_node *x,
                                const neap_argmax_options *options, neap_error *err);
#define neap_argmax(g, x, ...) \
    neap_argmax(g, x, NEAP__OPTIONS(__VA_ARGS__))

typedef struct neap_matmul_options {
    size_t size;
    int transpose_a; int : 32;
    int transpose_b; int : 32;
} neap_matmul_options;
#define NEAP_MATMUL_OPTIONS_INIT \
    {sizeof(neap_matmul_options), 0, 0}
/* The product of two matrices, or of each pair of them where there are further dimensions
 * in front, which broadcast. A vector is one row on the left, one column on the right,
 * and that dimension is left out of the result. transpose_a and transpose_b transpose a
 * matrix first; a vector cannot be transposed. */
NEAP_API neap_node *neap_matmul(neap_graph *g, neap_node *a, neap_node *b,
                                const neap_matmul_options *options, neap_error *err);
#define neap_matmul(g, a, b, ...) \
    neap_matmul(g, a, b, NEAP__OPTIONS(__VA_ARGS__))

/* The sum of the products of a and b over some axes of both. `axes` is a number n, for
 * the last n axes of a and the first n of b, or two sequences: axes of a, and those of b
 * that each goes with. The axes of a that are left come first, then those of b. */
NEAP_API neap_node *neap_tensordot(neap_graph *g, neap_node *a, neap_node *b,
                                   neap_attribute axes, neap_error *err);

typedef struct neap_transpose_options {
    size_t size;
    const int64_t *perm;
    size_t perm_count;
} neap_transpose_options;
#define NEAP_TRANSPOSE_OPTIONS_INIT \
    {sizeof(neap_transpose_options), NULL, 0}
/* x with its axes in another order: axis i of the result is axis perm[i] of x. Without
 * perm the order is reversed. */
NEAP_API neap_node *neap_transpose(neap_graph *g, neap_node *x,
                                   const neap_transpose_options *options,
                                   neap_error *err);
#define neap_transpose(g, x, ...) \
    neap_transpose(g, x, NEAP__OPTIONS(__VA_ARGS__))

/* The elements of x, in their order, under another shape of the same size. One -1 in it
 * stands for what is left of the size. */
NEAP_API neap_node *neap_reshape(neap_graph *g, neap_node *x, const int64_t *shape,
                                 size_t shape_count, neap_error *err);

/* The dimensions of x: an int64 of rank 1. The elements of x are not read. */
NEAP_API neap_node *neap_shape(neap_graph *g, neap_node *x, neap_error *err);

/* x with a dimension of 1 more, which is `axis` of the result. */
NEAP_API neap_node *neap_expand_dims(neap_graph *g, neap_node *x, int64_t axis,
                                     neap_error *err);

typedef struct neap_squeeze_options {
    size_t size;
    const int64_t *axis;
    size_t axis_count;
} neap_squeeze_options;
#define NEAP_SQUEEZE_OPTIONS_INIT \
    {sizeof(neap_squeeze_options), NULL, 0}
/* x without the dimensions of these axes, which must be 1; without `axis`, without all
 * dimensions that are 1. */
NEAP_API neap_node *neap_squeeze(neap_graph *g, neap_node *x,
                                 const neap_squeeze_options *options, neap_error *err);
#define neap_squeeze(g, x, ...) \
    neap_squeeze(g, x, NEAP__OPTIONS(__VA_ARGS__))

/* x repeated to a shape that it broadcasts to: dimensions of 1 grow, and new ones come in
 * front. */
NEAP_API neap_node *neap_broadcast_to(neap_graph *g, neap_node *x, const int64_t *shape,
                                      size_t shape_count, neap_error *err);

/* Values joined along an axis, in order; their other dimensions are the same. */
NEAP_API neap_node *neap_concat(neap_graph *g, neap_node *const *x, size_t x_count,
                                int64_t axis, neap_error *err);

/* The part of x that begins at `begin` and has shape `size`, in which -1 means all that
 * follows. A part that does not lie within x is an error. */
NEAP_API neap_node *neap_slice(neap_graph *g, neap_node *x, const int64_t *begin,
                               size_t begin_count, const int64_t *size, size_t size_count,
                               neap_error *err);

/* Along each axis the elements begin, begin + stride, ... before stop, as Python's slices
 * pick them: a negative bound counts from the end, one beyond the axis ends at it, and a
 * negative stride goes backwards. Axes without an entry are whole. */
NEAP_API neap_node *neap_strided_slice(neap_graph *g, neap_node *x, const int64_t *begin,
                                       size_t begin_count, const int64_t *stop,
                                       size_t stop_count, const int64_t *strides,
                                       size_t strides_count, neap_error *err);

typedef struct neap_pad_options {
    size_t size;
    const char *mode;
    neap_attribute constant_value;
} neap_pad_options;
#define NEAP_PAD_OPTIONS_INIT \
    {sizeof(neap_pad_options), "constant", NEAP_ATTRIBUTE_INIT}
/* x with more elements around it: paddings[i] are how many before and after axis i. They
 * are constant_value, or as `mode` says: "reflect" mirrors x at its first and last
 * element, "symmetric" mirrors these too, "edge" repeats them. */
NEAP_API neap_node *neap_pad(neap_graph *g, neap_node *x, const neap_pair *paddings,
                             size_t paddings_count, const neap_pad_options *options,
                             neap_error *err);
#define neap_pad(g, x, paddings, paddings_count, ...) \
    neap_pad(g, x, paddings, paddings_count, NEAP__OPTIONS(__VA_ARGS__))

/* x with its elements moved by `shift` places along an axis, what leaves at one end
 * coming in at the other; or by several shifts, each along the axis in its place, those
 * of one axis adding up. */
NEAP_API neap_node *neap_roll(neap_graph *g, neap_node *x, const int64_t *shift,
                              size_t shift_count, const int64_t *axis, size_t axis_count,
                              neap_error *err);

typedef struct neap_gather_options {
    size_t size;
    int64_t axis;
    int64_t batch_dims;
} neap_gather_options;
#define NEAP_GATHER_OPTIONS_INIT \
    {sizeof(neap_gather_options), 0, 0}
/* The parts of params at these indices along an axis: the dimensions of indices take the
 * place of that axis. With batch_dims, that many leading dimensions are those of both. An
 * index that is not in range is an error of the run. */
NEAP_API neap_node *neap_gather(neap_graph *g, neap_node *params, neap_node *indices,
                                const neap_gather_options *options, neap_error *err);
#define neap_gather(g, params, indices, ...) \
    neap_gather(g, params, indices, NEAP__OPTIONS(__VA_ARGS__))

typedef struct neap_one_hot_options {
    size_t size;
    neap_attribute on_value;
    neap_attribute off_value;
    int64_t axis;
    neap_dtype dtype; int : 32;
} neap_one_hot_options;
#define NEAP_ONE_HOT_OPTIONS_INIT \
    {sizeof(neap_one_hot_options), NEAP_ATTRIBUTE_INIT, NEAP_ATTRIBUTE_INIT, -1, \
     NEAP_FLOAT32}
/* For each index a row of `depth` elements along a new axis: on_value at the index,
 * off_value elsewhere; off_value alone for an index that is not in range. */
NEAP_API neap_node *neap_one_hot(neap_graph *g, neap_node *indices, int64_t depth,
                                 const neap_one_hot_options *options, neap_error *err);
#define neap_one_hot(g, indices, depth, ...) \
    neap_one_hot(g, indices, depth, NEAP__OPTIONS(__VA_ARGS__))

typedef struct neap_softmax_options {
    size_t size;
    int64_t axis;
} neap_softmax_options;
#define NEAP_SOFTMAX_OPTIONS_INIT \
    {sizeof(neap_softmax_options), -1}
/* exp(x) / sum(exp(x)) along an axis, without overflow: rows of positive numbers whose
 * sum is 1. */
NEAP_API neap_node *neap_softmax(neap_graph *g, neap_node *x,
                                 const neap_softmax_options *options, neap_error *err);
#define neap_softmax(g, x, ...) \
    neap_softmax(g, x, NEAP__OPTIONS(__VA_ARGS__))

typedef struct neap_log_softmax_options {
    size_t size;
    int64_t axis;
} neap_log_softmax_options;
#define NEAP_LOG_SOFTMAX_OPTIONS_INIT \
    {sizeof(neap_log_softmax_options), -1}
/* The logarithm of softmax along an axis: x - log(sum(exp(x))), without overflow. */
NEAP_API neap_node *neap_log_softmax(neap_graph *g, neap_node *x,
                                     const neap_log_softmax_options *options,
                                     neap_error *err);
#define neap_log_softmax(g, x, ...) \
    neap_log_softmax(g, x, NEAP__OPTIONS(__VA_ARGS__))

typedef struct neap_softmax_cross_entropy_with_logits_options {
    size_t size;
    int64_t axis;
} neap_softmax_cross_entropy_with_logits_options;
#define NEAP_SOFTMAX_CROSS_ENTROPY_WITH_LOGITS_OPTIONS_INIT \
    {sizeof(neap_softmax_cross_entropy_with_logits_options), -1}
/* -sum(labels * log_softmax(logits)) along an axis, which goes: how badly each row of
 * logits predicts the distribution of that row of labels, of the same shape. */
NEAP_API neap_node *neap_softmax_cross_entropy_with_logits(neap_graph *g,
                                                           neap_node *labels,
                                                           neap_node *logits,
                                                           const neap_softmax_cross_entropy_with_logits_options *options,
                                                           neap_error *err);
#define neap_softmax_cross_entropy_with_logits(g, labels, logits, ...) \
    neap_softmax_cross_entropy_with_logits(g, labels, logits, \
                                           NEAP__OPTIONS(__VA_ARGS__))

/* -log_softmax(logits)[label] for each row (the last axis) of logits and its label, a
 * class from 0. A label that is no class is an error of the run. */
NEAP_API neap_node *neap_sparse_softmax_cross_entropy_with_logits(neap_graph *g,
                                                                  neap_node *labels,
                                                                  neap_node *logits,
                                                                  neap_error *err);

/* Gives the variable a value of its own shape when the run ends well; the result is that
 * value. */
NEAP_API neap_node *neap_assign(neap_graph *g, neap_node *variable, neap_node *value,
                                neap_error *err);

/* Adds a value of its own shape to the variable when the run ends well; the result is the
 * sum. */
NEAP_API neap_node *neap_assign_add(neap_graph *g, neap_node *variable, neap_node *value,
                                    neap_error *err);

/* Subtracts a value of its own shape from the variable when the run ends well; the result
 * is the difference. */
NEAP_API neap_node *neap_assign_sub(neap_graph *g, neap_node *variable, neap_node *value,
                                    neap_error *err);

/* No value: a run of it runs all of its inputs, which may have a value or none. */
NEAP_API neap_node *neap_group(neap_graph *g, neap_node *const *x, size_t x_count,
                               neap_error *err);

/* No value and no inputs: only the control dependencies that it is made under. */
NEAP_API neap_node *neap_no_op(neap_graph *g, neap_error *err);

/* variable -= learning_rate * gradient, when the run ends well; the result is the new
 * value. */
NEAP_API neap_node *neap_apply_gradient_descent(neap_graph *g, neap_node *variable,
                                                neap_node *gradient,
                                                neap_node *learning_rate,
                                                neap_error *err);

typedef struct neap_apply_momentum_options {
    size_t size;
    double momentum;
    int nesterov; int : 32;
} neap_apply_momentum_options;
#define NEAP_APPLY_MOMENTUM_OPTIONS_INIT \
    {sizeof(neap_apply_momentum_options), 0.90000000000000002, 0}
/* velocity = momentum * velocity + gradient; variable -= learning_rate * velocity, or
 * with nesterov learning_rate * (gradient + momentum * velocity), when the run ends well;
 * the result is the variable's new value. */
NEAP_API neap_node *neap_apply_momentum(neap_graph *g, neap_node *variable,
                                        neap_node *velocity, neap_node *gradient,
                                        neap_node *learning_rate,
                                        const neap_apply_momentum_options *options,
                                        neap_error *err);
#define neap_apply_momentum(g, variable, velocity, gradient, learning_rate, ...) \
    neap_apply_momentum(g, variable, velocity, gradient, learning_rate, \
                        NEAP__OPTIONS(__VA_ARGS__))

typedef struct neap_apply_adam_options {
    size_t size;
    double beta1;
    double beta2;
    double epsilon;
} neap_apply_adam_options;
#define NEAP_APPLY_ADAM_OPTIONS_INIT \
    {sizeof(neap_apply_adam_options), 0.90000000000000002, 0.999, 1e-08}
/* One step of Adam (Kingma and Ba, 2015): m and v are running means of the gradient and
 * of its square, `step` counts the steps so far (int64, rank 0), when the run ends well;
 * the result is the variable's new value. */
NEAP_API neap_node *neap_apply_adam(neap_graph *g, neap_node *variable, neap_node *m,
                                    neap_node *v, neap_node *step, neap_node *gradient,
                                    neap_node *learning_rate,
                                    const neap_apply_adam_options *options,
                                    neap_error *err);
#define neap_apply_adam(g, variable, m, v, step, gradient, learning_rate, ...) \
    neap_apply_adam(g, variable, m, v, step, gradient, learning_rate, \
                    NEAP__OPTIONS(__VA_ARGS__))
/* END generated */
/* clang-format on */

#ifdef __cplusplus
}
#endif

#endif
