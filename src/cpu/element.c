/* element.c - finds the function for an operation, dtype and instruction set; copies
 * and casts, which need no instruction set of their own. */
#include "cpu/vector.h"

#include <string.h>

/* ---- Copies ------------------------------------------------------------------------ */

#define COPY(width)                                                                      \
    static void copy_##width(int64_t n, void *out, const void *const *in,                \
                             const double *params)                                       \
    {                                                                                    \
        (void)params;                                                                    \
        if (out != in[0])                                                                \
            memcpy(out, in[0], (size_t)n *width);                                        \
    }
COPY(1)
COPY(2)
COPY(4)
COPY(8)

static neap__element *find_copy(neap_dtype dtype)
{
    switch (neap_dtype_size(dtype)) {
    case 1:
        return copy_1;
    case 2:
        return copy_2;
    case 4:
        return copy_4;
    case 8:
        return copy_8;
    default:
        return NULL;
    }
}

/* ---- Casts ------------------------------------------------------------------------- */

/* The nearest integer towards zero from the dtype's least to its greatest; 0 for NaN. The
 * end is one above the greatest, which a double holds whatever the width. */
#define SATURATED(T, least, greatest)                                                    \
    static inline T saturated_##T(double x)                                              \
    {                                                                                    \
        if (!(x > (double)least))                                                        \
            return x != x ? 0 : least;                                                   \
        return x >= (double)greatest + 1 ? greatest : (T)x;                              \
    }
SATURATED(int8_t, INT8_MIN, INT8_MAX)
SATURATED(int16_t, INT16_MIN, INT16_MAX)
SATURATED(int32_t, INT32_MIN, INT32_MAX)
SATURATED(int64_t, INT64_MIN, INT64_MAX)
SATURATED(uint8_t, 0, UINT8_MAX)
SATURATED(uint16_t, 0, UINT16_MAX)
SATURATED(uint32_t, 0, UINT32_MAX)
SATURATED(uint64_t, 0, UINT64_MAX)

#define SAME(v) (v)
/* Floats saturate, integers wrap. */
#define INTEGER(T, v)                                                                    \
    _Generic((v), float                                                                  \
             : saturated_##T((double)(v)), double                                        \
             : saturated_##T((double)(v)), default                                       \
             : (T)(v))
#define TO_INT8(v) INTEGER(int8_t, v)
#define TO_INT16(v) INTEGER(int16_t, v)
#define TO_INT32(v) INTEGER(int32_t, v)
#define TO_INT64(v) INTEGER(int64_t, v)
#define TO_UINT8(v) INTEGER(uint8_t, v)
#define TO_UINT16(v) INTEGER(uint16_t, v)
#define TO_UINT32(v) INTEGER(uint32_t, v)
#define TO_UINT64(v) INTEGER(uint64_t, v)
#define TO_BOOL(v) ((uint8_t)((v) != 0))
#define TO_FLOAT32(v) ((float)(v))
#define TO_FLOAT64(v) ((double)(v))
/* Rounded once, whatever it was. */
#define NARROW(v)                                                                        \
    _Generic((v), double                                                                 \
             : neap__odd_float((double)(v)), int32_t                                     \
             : neap__odd_float_of_signed((int64_t)(v)), int64_t                          \
             : neap__odd_float_of_signed((int64_t)(v)), uint32_t                         \
             : neap__odd_float_of_unsigned((uint64_t)(v)), uint64_t                      \
             : neap__odd_float_of_unsigned((uint64_t)(v)), default                       \
             : (float)(v))
#define TO_FLOAT16(v) neap__float_to_half(NARROW(v))
#define TO_BFLOAT16(v) neap__float_to_bfloat(NARROW(v))

/* F: X(dtype, its elements in memory, their value) */
#define FROM_EACH(X)                                                                     \
    X(FLOAT32, float, SAME)                                                              \
    X(FLOAT64, double, SAME)                                                             \
    X(FLOAT16, uint16_t, neap__half_to_float)                                            \
    X(BFLOAT16, uint16_t, neap__bfloat_to_float)                                         \
    X(INT8, int8_t, SAME)                                                                \
    X(INT16, int16_t, SAME)                                                              \
    X(INT32, int32_t, SAME)                                                              \
    X(INT64, int64_t, SAME)                                                              \
    X(UINT8, uint8_t, SAME)                                                              \
    X(BOOL, uint8_t, SAME)                                                               \
    X(UINT16, uint16_t, SAME)                                                            \
    X(UINT32, uint32_t, SAME)                                                            \
    X(UINT64, uint64_t, SAME)
#define TO_EACH(X, from, F, load)                                                        \
    X(from, F, load, FLOAT32, float)                                                     \
    X(from, F, load, FLOAT64, double)                                                    \
    X(from, F, load, FLOAT16, uint16_t)                                                  \
    X(from, F, load, BFLOAT16, uint16_t)                                                 \
    X(from, F, load, INT8, int8_t)                                                       \
    X(from, F, load, INT16, int16_t)                                                     \
    X(from, F, load, INT32, int32_t)                                                     \
    X(from, F, load, INT64, int64_t)                                                     \
    X(from, F, load, UINT8, uint8_t)                                                     \
    X(from, F, load, BOOL, uint8_t)                                                      \
    X(from, F, load, UINT16, uint16_t)                                                   \
    X(from, F, load, UINT32, uint32_t)                                                   \
    X(from, F, load, UINT64, uint64_t)

/* Element by element in order, so that `out` may be the input where the widths agree. */
#define CAST(from, F, load, to, T)                                                       \
    static void cast_##from##_##to(int64_t n, void *out, const void *const *in,          \
                                   const double *params)                                 \
    {                                                                                    \
        const F *x = in[0];                                                              \
        T *y = out;                                                                      \
        (void)params;                                                                    \
        for (int64_t i = 0; i < n; i++)                                                  \
            y[i] = TO_##to(load(x[i]));                                                  \
    }
#define CASTS(from, F, load) TO_EACH(CAST, from, F, load)
FROM_EACH(CASTS)

#define ENTRY(from, F, load, to, T) [NEAP_##to] = cast_##from##_##to,
#define ENTRIES(from, F, load) [NEAP_##from] = {TO_EACH(ENTRY, from, F, load)},
static neap__element *const casts[NEAP__DTYPES][NEAP__DTYPES] = {FROM_EACH(ENTRIES)};

/* ---- The list ---------------------------------------------------------------------- */

#define INPUTS_X 1, .chooses = false
#define INPUTS_XY 2, .chooses = false
#define INPUTS_XYZ 3, .chooses = false
#define INPUTS_CXY 3, .chooses = true

const neap__element_row neap__elements[NEAP__ELEMENT_CODES] = {
    [NEAP__ELEMENT_copy] = {.name = "copy",
                            .inputs = 1,
                            .dtypes = NEAP__ANY,
                            .floating = "x",
                            .integer = "x"},
    [NEAP__ELEMENT_cast] = {.name = "cast",
                            .inputs = 1,
                            .dtypes = NEAP__ANY,
                            .floating = "NONE",
                            .integer = "NONE"},
#define FUNCTION(kind, named, count, ...)
#define ELEMENT(named, operands, count, set, kind, of_floats, of_integers)               \
    [NEAP__ELEMENT_##named] = {.name = #named,                                           \
                               .inputs = INPUTS_##operands,                              \
                               .parameters = count,                                      \
                               .dtypes = NEAP__##set,                                    \
                               .result = NEAP__RESULT_##kind,                            \
                               .floating = #of_floats,                                   \
                               .integer = #of_integers},
#include "cpu/elements.def"
#undef ELEMENT
#undef FUNCTION
};

neap_dtype neap__element_result(neap__element_code code, neap_dtype from)
{
    switch (neap__elements[code].result) {
    case NEAP__RESULT_BOOL:
        return NEAP_BOOL;
    case NEAP__RESULT_QUOTIENT:
        return neap__is_integer(from) ? NEAP_FLOAT32 : from;
    default:
        return from;
    }
}

neap__element *neap__find_element(neap__isa isa, neap__element_code code, neap_dtype from,
                                  neap_dtype to)
{
    if ((unsigned)from >= NEAP__DTYPES || (unsigned)to >= NEAP__DTYPES ||
        (unsigned)code >= NEAP__ELEMENT_CODES)
        return NULL;
    if (code == NEAP__ELEMENT_cast)
        return from == to ? find_copy(from) : casts[from][to];
    if (neap__element_result(code, from) != to ||
        !(neap__elements[code].dtypes & NEAP__BIT(from)))
        return NULL;
    if (code == NEAP__ELEMENT_copy)
        return find_copy(from);
    if (from == NEAP_BOOL)
        from = NEAP_UINT8; /* the same bytes, and 0 or 1 are numbers too */
    neap__element *const *own = neap__vectors_of(isa)->element[from];
    if (!own)
        own = neap__vectors_generic.element[from];
    return own ? own[code] : NULL;
}

neap__element *neap__find_element_one(neap__isa isa, neap__element_code code,
                                      neap_dtype from, neap_dtype to, int one)
{
    if (!neap__find_element(isa, code, from, to) || neap__elements[code].inputs != 2)
        return NULL;
    const neap__vectors *v = neap__vectors_of(isa);
    neap__element *const *table = one ? v->right[from] : v->left[from];
    return table ? table[code] : NULL;
}
