/* element.c - finds the function for an operation, dtype and instruction set; copies
 * and casts, which need no instruction set of their own. */
#include "cpu/vector.h"

#include <string.h>

const neap__vectors *neap__vectors_of(neap__isa isa)
{
#if defined(NEAP__X86)
    if (isa == NEAP__AVX512)
        return &neap__vectors_avx512;
    if (isa == NEAP__AVX2)
        return &neap__vectors_avx2;
#endif
    (void)isa;
    return &neap__vectors_generic;
}

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

/* The nearest integer towards zero from low to high; 0 for NaN. */
static inline int64_t saturated(double x, int64_t low, int64_t high)
{
    if (x != x)
        return 0;
    if (x >= 9223372036854775808.0)
        return high;
    if (x <= -9223372036854775808.0)
        return low;
    const int64_t i = (int64_t)x;
    return i < low ? low : i > high ? high : i;
}

#define SAME(v) (v)
/* Floats saturate, integers wrap. */
#define INTEGER(T, low, high, v)                                                         \
    _Generic((v), float                                                                  \
             : (T)saturated((double)(v), low, high), double                              \
             : (T)saturated((double)(v), low, high), default                             \
             : (T)(v))
#define TO_INT8(v) INTEGER(int8_t, INT8_MIN, INT8_MAX, v)
#define TO_INT16(v) INTEGER(int16_t, INT16_MIN, INT16_MAX, v)
#define TO_INT32(v) INTEGER(int32_t, INT32_MIN, INT32_MAX, v)
#define TO_INT64(v) INTEGER(int64_t, INT64_MIN, INT64_MAX, v)
#define TO_UINT8(v) INTEGER(uint8_t, 0, UINT8_MAX, v)
#define TO_BOOL(v) ((uint8_t)((v) != 0))
#define TO_FLOAT32(v) ((float)(v))
#define TO_FLOAT64(v) ((double)(v))
#define TO_FLOAT16(v) neap__float_to_half((float)(v))
#define TO_BFLOAT16(v) neap__float_to_bfloat((float)(v))

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
    X(BOOL, uint8_t, SAME)
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
    X(from, F, load, BOOL, uint8_t)

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

/* ---- The search -------------------------------------------------------------------- */

typedef enum result_rule { S, B, D } result_rule;

static neap_dtype result_of(neap__element_code code, neap_dtype from)
{
    static const uint8_t rules[NEAP__ELEMENT_CODES] = {
#define X(name, inputs, dtypes, result) [NEAP__ELEMENT_##name] = result,
        NEAP__ELEMENTS(X)
#undef X
    };
    switch ((result_rule)rules[code]) {
    case B:
        return NEAP_BOOL;
    case D:
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
    if (result_of(code, from) != to)
        return NULL;
    if (code == NEAP__ELEMENT_copy)
        return find_copy(from);
    if (from == NEAP_BOOL) {
        if (code != NEAP__ELEMENT_equal && code != NEAP__ELEMENT_where)
            return NULL;
        from = NEAP_UINT8; /* the same bytes */
    }
    neap__element *const *own = neap__vectors_of(isa)->element[from];
    if (!own)
        own = neap__vectors_generic.element[from];
    return own ? own[code] : NULL;
}
