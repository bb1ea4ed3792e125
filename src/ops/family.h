/* family.h - what the families of operations share: short forms of descriptors and
 * schemas, and how attributes, known values and the nodes of gradients are read and
 * made. */
#ifndef NEAP_FAMILY_H
#define NEAP_FAMILY_H

#include "ops/ops.h"

/* ---- Descriptors ------------------------------------------------------------------- */

#define NEAP__NAMED(text) .info.name = text, .info.version = 1
#define NEAP__FUSED(code) .lowering = NEAP__LOWER_ELEMENT, .element = NEAP__ELEMENT_##code
#define NEAP__BOUND(function) .lowering = NEAP__LOWER_KERNEL, .bind = function
/* Which of the three an operation is; `more` are further flags of its neap_op_info. */
#define NEAP__GRADIENT(function, more)                                                   \
    .info.flags = NEAP_OP_GRADIENT | (more), .differentiable = NEAP__GRADIENT_SOME,      \
    .gradient = function
#define NEAP__ZERO_GRADIENT(more)                                                        \
    .info.flags = NEAP_OP_ZERO | (more), .differentiable = NEAP__GRADIENT_ZERO
#define NEAP__NO_GRADIENT(more)                                                          \
    .info.flags = NEAP_OP_NO_GRADIENT | (more), .differentiable = NEAP__GRADIENT_NONE

/* Rows of a schema. */
#define NEAP__ROWS(...)                                                                  \
    .info.attributes = (const neap_attribute_info[]){__VA_ARGS__},                       \
    .info.attribute_count =                                                              \
        sizeof((const neap_attribute_info[]){__VA_ARGS__}) / sizeof(neap_attribute_info)
#define NEAP__ROW(text, of, bits)                                                        \
    {                                                                                    \
        .name = text, .kind = NEAP_KIND_##of, .flags = (bits)                            \
    }
#define NEAP__DEFAULT(text, of, field, value)                                            \
    {                                                                                    \
        .name = text, .kind = NEAP_KIND_##of, .fallback = {                              \
            .name = text,                                                                \
            .kind = NEAP_KIND_##of,                                                      \
            .field = value                                                               \
        }                                                                                \
    }
#define NEAP__INT(text, value) NEAP__DEFAULT(text, INT, integer, value)
#define NEAP__REAL(text, value) NEAP__DEFAULT(text, FLOAT, number, value)
#define NEAP__FLAG(text, value) NEAP__DEFAULT(text, BOOL, integer, value)
#define NEAP__DTYPE(text, value) NEAP__DEFAULT(text, DTYPE, integer, value)
/* A number kept as it is given, integer or not; `more` are bits of further kinds. */
#define NEAP__NUMBER(text, value, more)                                                  \
    {                                                                                    \
        .name = text, .kind = NEAP_KIND_FLOAT,                                           \
        .fallback = {.name = text, .kind = NEAP_KIND_INT, .integer = value},             \
        .also = NEAP_KIND_BIT(NEAP_KIND_INT) | (more)                                    \
    }
/* An element of some dtype: a number or a boolean. */
#define NEAP__SCALAR(text, value) NEAP__NUMBER(text, value, NEAP_KIND_BIT(NEAP_KIND_BOOL))
/* Dimensions: integers, or a node whose value specialises the plan. */
#define NEAP__SIZES(text)                                                                \
    NEAP__ROW(text, INTS,                                                                \
              NEAP_ATTRIBUTE_REQUIRED | NEAP_ATTRIBUTE_NODE | NEAP_ATTRIBUTE_SHAPE)

/* ---- Attributes and facts (family.c) ----------------------------------------------- */

/* The code of the error that has been told (to a caller who may not have asked for
 * it). */
static inline int neap__told(const neap_error *err)
{
    return err && err->code ? err->code : NEAP_EARG;
}

/* A number attribute, of a row that may keep integers. */
double neap__number_of(const neap_node *n, const char *name);
/* A number or boolean attribute as one element of a dtype; ERANGE if that cannot hold
 * it. */
int neap__element_of(const neap_node *n, const char *name, neap_dtype dtype,
                     unsigned char element[8], neap_error *err);
/* The same as a text for messages. */
#define NEAP__NUMBER_SIZE 40
const char *neap__value_text(char buffer[NEAP__NUMBER_SIZE], const neap__value *v);
/* The value of a dtype attribute; EDTYPE if it is not in the set. */
int neap__dtype_of(const neap__inference *i, const char *name, neap__dtypes set,
                   neap_dtype *dtype);
/* The entries of an integer attribute with at most one for each dimension. */
typedef struct neap__entries {
    int count;     /* -1: not even how many */
    unsigned mask; /* bit d: entry d is known */
    int64_t values[NEAP_MAX_RANK];
} neap__entries;
/* The numbers of the attribute, or what is known of the node in its place. EDTYPE, ESHAPE,
 * ELIMIT (more than a rank can have). */
int neap__integers(const neap_node *n, const neap__fact *in, const char *name,
                   neap__entries *k, neap_error *err);
static inline bool neap__has(const neap__entries *k, int d) { return k->mask >> d & 1; }
static inline bool neap__has_all(const neap__entries *k)
{
    return k->count >= 0 && k->mask == (1U << k->count) - 1;
}
/* An integer attribute as a shape; -1 only where a node leaves it open. ERANGE,
 * ELIMIT. */
int neap__dims(const neap__inference *i, const char *name, neap__shape *shape);
/* An axis attribute of one integer, for this rank. ERANGE. */
int neap__axis_of(const neap_node *n, int rank, int *axis, neap_error *err);
/* Sizes before, at and after an axis: a shape seen as (outer, count, inner). */
void neap__split(const neap__shape *s, int axis, int64_t *outer, int64_t *count,
                 int64_t *inner);
/* ESHAPE with both shapes: "WHAT: (2, 3) and (4,)". */
int neap__differ(neap_error *err, const char *what, const neap__shape *a,
                 const neap__shape *b);

/* Inference: all inputs have one shape, and so has the result; dtype of input 0. */
neap__infer neap__infer_merge;

/* ---- Known values (known.c) -------------------------------------------------------- */

/* The elements of the result are these: kept if they travel; NULL: nothing is known. */
int neap__know(neap__inference *i, const neap__known *k);
/* The result has the elements of input 0, in their order. */
int neap__know_same(neap__inference *i);
/* The result has the elements of input 0 from `offset` on, `steps` apart along its axes (in
 * elements; as neap__bind_copy). */
int neap__know_picked(neap__inference *i, const int64_t *steps, int64_t offset);
/* Every element of the result is `value`; or is at `element`, which stays there. */
int neap__know_all(neap__inference *i, int64_t value);
int neap__know_filled(neap__inference *i, const void *element);
/* What is known of the inputs gives what is known of the result, by the operation's
 * element function, which must be rounded the same way everywhere. */
int neap__know_element(neap__inference *i);
/* Inference of such an operation: inputs broadcast. */
neap__infer neap__infer_exact;

/* ---- Binding ----------------------------------------------------------------------- */

/* A copy of the operand under the result's shape; strides in elements. */
int neap__bind_copy(neap__binding *b, const int64_t *strides, int64_t offset);
/* A program of one step over inputs 0 and 1, which broadcast; copy takes input 1. */
int neap__bind_step(neap__binding *b, neap__element_code code);

/* ---- Gradients --------------------------------------------------------------------- */

/* A node for a gradient; NULL if an input is NULL. Absent attributes are passed over. */
neap_node *neap__derive(neap__grad *g, const neap__op *op, neap_node *const *inputs,
                        size_t input_count, const neap_attribute *attributes,
                        size_t attribute_count);
/* An attribute of a node, to be given to another. */
neap_attribute neap__given(const neap_node *n, const char *name);
/* x broadcast to the shape of `like`. */
neap_node *neap__broadcast_as(neap__grad *g, neap_node *x, neap_node *like);

#endif
