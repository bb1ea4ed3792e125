/* tensor.h - dtypes, shapes, broadcasting, axes, tensors: the one place for each of
 * them. */
#ifndef NEAP_TENSOR_H
#define NEAP_TENSOR_H

#include "base/base.h"

/* ---- Dtypes (dtype.c) -------------------------------------------------------------- */

#define NEAP__DTYPES 14 /* numbers below this */

static inline bool neap__is_floating(neap_dtype d)
{
    return d >= NEAP_FLOAT32 && d <= NEAP_BFLOAT16;
}
static inline bool neap__is_integer(neap_dtype d)
{
    return (d >= NEAP_INT8 && d <= NEAP_UINT8) || (d >= NEAP_UINT16 && d <= NEAP_UINT64);
}
/* Among the integers. */
static inline bool neap__is_unsigned(neap_dtype d) { return d >= NEAP_UINT8; }
static inline bool neap__is_numeric(neap_dtype d)
{
    return neap__is_floating(d) || neap__is_integer(d);
}
/* A set of dtypes, one bit each. */
typedef uint32_t neap__dtypes;
#define NEAP__BIT(dtype) (UINT32_C(1) << (dtype))
#define NEAP__FLOATING                                                                   \
    (NEAP__BIT(NEAP_FLOAT32) | NEAP__BIT(NEAP_FLOAT64) | NEAP__BIT(NEAP_FLOAT16) |       \
     NEAP__BIT(NEAP_BFLOAT16))
#define NEAP__FLOAT                                                                      \
    (NEAP__BIT(NEAP_FLOAT32) | NEAP__BIT(NEAP_FLOAT64)) /* with kernels now */
#define NEAP__INDEX (NEAP__BIT(NEAP_INT32) | NEAP__BIT(NEAP_INT64))
#define NEAP__INTEGER                                                                    \
    (NEAP__BIT(NEAP_INT8) | NEAP__BIT(NEAP_INT16) | NEAP__BIT(NEAP_UINT8) |              \
     NEAP__BIT(NEAP_UINT16) | NEAP__BIT(NEAP_UINT32) | NEAP__BIT(NEAP_UINT64) |          \
     NEAP__INDEX)
#define NEAP__NUMERIC (NEAP__FLOATING | NEAP__INTEGER)
#define NEAP__BOOLEAN NEAP__BIT(NEAP_BOOL)
#define NEAP__ANY (NEAP__NUMERIC | NEAP__BOOLEAN)
/* "float32, float64" into text. */
void neap__text_dtypes(neap__text *t, neap__dtypes set);

/* The ends of an integer dtype, or of bool: 0 and 1. */
void neap__integer_range(neap_dtype dtype, int64_t *low, uint64_t *high);

/* Conversions of one element (round to nearest even; NaN kept). */
float neap__half_to_float(uint16_t h);
uint16_t neap__float_to_half(float f);
float neap__bfloat_to_float(uint16_t b);
uint16_t neap__float_to_bfloat(float f);
/* The float from which the two above round as from the number itself: what a float cannot
 * hold goes to the neighbour with an odd last bit, which no later rounding takes for a
 * tie. */
float neap__odd_float(double value);
float neap__odd_float_of_signed(int64_t value);
float neap__odd_float_of_unsigned(uint64_t value);

/* Element `index` of an array of `dtype`, as a number: 64-bit integers above 2^53 lose
 * bits. */
double neap__element_number(neap_dtype dtype, const void *data, int64_t index);
/* The same as an integer: exact for integers and booleans, but for those of uint64 from
 * 2^63 on and negative ones of neap__element_unsigned, which end at the ends; fractions
 * are dropped, and NaN is 0. */
int64_t neap__element_integer(neap_dtype dtype, const void *data, int64_t index);
uint64_t neap__element_unsigned(neap_dtype dtype, const void *data, int64_t index);
/* An integer's or boolean's 64 bits, the sign in front, or the bits of a float; back
 * again, where a dtype takes the lowest of them. */
uint64_t neap__element_bits(neap_dtype dtype, const void *data, int64_t index);
void neap__store_bits(neap_dtype dtype, void *data, int64_t index, uint64_t bits);
/* Stores a number or integer if the dtype holds it exactly in range (floats round; 0.5 or
 * 2^63 for int64, 300 for uint8, 2 for bool are refused): false then, nothing stored. */
bool neap__store_number(neap_dtype dtype, void *data, int64_t index, double value);
bool neap__store_integer(neap_dtype dtype, void *data, int64_t index, int64_t value);
bool neap__store_unsigned(neap_dtype dtype, void *data, int64_t index, uint64_t value);

/* ---- Shapes (shape.c) -------------------------------------------------------------- */

typedef struct neap__shape {
    int rank;                    /* -1: unknown */
    int64_t dims[NEAP_MAX_RANK]; /* -1: unknown */
} neap__shape;

static inline neap__shape neap__scalar_shape(void)
{
    neap__shape s = {0, {0}};
    return s;
}
static inline neap__shape neap__unknown_shape(void)
{
    neap__shape s = {-1, {0}};
    return s;
}
/* Checked: rank within bounds, dimensions ≥ 0 (or -1 where `partial`), product of the
 * non-zero ones within 2^62. ERANGE, ELIMIT; `what` begins the message ("placeholder",
 * "reshape"). */
bool neap__shape_make(neap__shape *s, int rank, const int64_t *dims, bool partial,
                      const char *what, neap_error *err);
bool neap__shape_known(const neap__shape *s); /* every dimension */
bool neap__shape_equal(const neap__shape *a, const neap__shape *b);
/* Elements of a known shape (already checked, cannot overflow). */
int64_t neap__shape_size(const neap__shape *s);
/* Bytes, rounded up to nothing; false when they overflow (ELIMIT told). */
bool neap__shape_bytes(const neap__shape *s, neap_dtype dtype, size_t *bytes,
                       neap_error *err);
/* "(2, 3)", "(2,)", "()", "(?, 3)", "unknown" into text: as NumPy writes them. */
void neap__text_shape(neap__text *t, const neap__shape *s);
#define NEAP__SHAPE_SIZE 192
const char *neap__shape_text(char buffer[NEAP__SHAPE_SIZE], const neap__shape *s);
/* Whether a whole or partial shape may be what a partial one says. */
bool neap__shape_compatible(const neap__shape *a, const neap__shape *b);
/* What both say together; false if they contradict. */
bool neap__shape_merge(const neap__shape *a, const neap__shape *b, neap__shape *out);
/* NumPy's broadcasting of partial shapes; false if they cannot agree (nothing told). */
bool neap__broadcast(const neap__shape *a, const neap__shape *b, neap__shape *out);
/* An axis from 0 to rank - 1 out of -rank … rank - 1; false: ERANGE "axis 3 is out of
 * range for rank 2" told. */
bool neap__axis(int64_t axis, int rank, int *out, neap_error *err);
/* A set of axes as a mask; count 0 with axes NULL: all. Duplicates: EARG. */
bool neap__axes(const int64_t *axes, size_t count, int rank, unsigned *mask,
                neap_error *err);
/* The shape with the masked axes removed, or kept as 1. */
neap__shape neap__reduced(const neap__shape *s, unsigned mask, bool keepdims);
/* Row-major strides in elements (of a known shape). */
void neap__strides(const neap__shape *s, int64_t strides[NEAP_MAX_RANK]);
/* Strides of an operand `s` seen under broadcast shape `to`: 0 where it repeats. */
void neap__broadcast_strides(const neap__shape *s, const neap__shape *to,
                             int64_t strides[NEAP_MAX_RANK]);

/* ---- Tensors (tensor.c) ------------------------------------------------------------ */

/* A memory in which elements may lie: the host's, or one that a device module brings.
 * Who reaches for elements names the memory that he can reach. */
typedef struct neap__memory {
    const char *name;
} neap__memory;
extern const neap__memory neap__host_memory;

/* Invariants: `references` ≥ 1 while anyone holds it; elements never change while more
 * than one holder can see them. Memory comes from one of: this piece itself (data behind
 * the header), an account's RESULT piece, the host (release), or another tensor
 * (base). */
struct neap_tensor {
    _Atomic(int64_t) references;
    neap_dtype dtype;
    neap__shape shape;
    int64_t size;
    size_t bytes;
    void *data;
    const neap__memory *memory; /* in which `data` lies */
    neap__account *account;     /* of this header; of the data too when `owned` */
    size_t allocated;           /* bytes of the header's piece */
    bool owned;                 /* `data` is a RESULT piece of `bytes` bytes of its own */
    neap_tensor *base;          /* data belongs to this one, which is held */
    void (*release)(void *user, void *data);
    void *user;
};

/* Uninitialised elements; shape known and checked. Small data lies behind the header, in
 * one piece; large data (64 KiB or more) is a piece of its own, which the account may
 * recycle. */
neap_tensor *neap__tensor_new(neap__account *account, neap_dtype dtype,
                              const neap__shape *shape, neap_error *err);
/* Another shape of the same size over the same elements. */
neap_tensor *neap__tensor_view(neap_tensor *t, const neap__shape *shape, neap_error *err);
/* The caller holds the one reference, and the memory is neap's. */
bool neap__tensor_exclusive(const neap_tensor *t);
static inline neap_tensor *neap__tensor_keep(neap_tensor *t) /* retain, not NULL */
{
    atomic_fetch_add_explicit(&t->references, 1, memory_order_relaxed);
    return t;
}
/* The elements, for kernels that run in this memory; NULL if they lie in another. */
static inline void *neap__reach(const neap_tensor *t, const neap__memory *memory)
{
    return t->memory == memory ? t->data : NULL;
}
/* NumPy's text (print.c). */
void neap__text_tensor(neap__text *text, const neap_tensor *t);

#endif
