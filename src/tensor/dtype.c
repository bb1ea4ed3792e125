/* dtype.c - the dtypes: names, sizes, conversions, and elements as numbers. */
#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

/* The one list; a size of 0 is a dtype whose number is reserved. */
static const struct {
    const char *name;
    size_t size;
} dtypes[NEAP__DTYPES] = {
    [NEAP_DTYPE_NONE] = {"none", 0},   [NEAP_FLOAT32] = {"float32", 4},
    [NEAP_FLOAT64] = {"float64", 8},   [NEAP_FLOAT16] = {"float16", 2},
    [NEAP_BFLOAT16] = {"bfloat16", 2}, [NEAP_INT8] = {"int8", 1},
    [NEAP_INT16] = {"int16", 2},       [NEAP_INT32] = {"int32", 4},
    [NEAP_INT64] = {"int64", 8},       [NEAP_UINT8] = {"uint8", 1},
    [NEAP_BOOL] = {"bool", 1},         [NEAP_UINT16] = {"uint16", 0},
    [NEAP_UINT32] = {"uint32", 0},     [NEAP_UINT64] = {"uint64", 0},
};

NEAP_API const char *neap_dtype_name(neap_dtype dtype)
{
    return dtypes[(unsigned)dtype < NEAP__DTYPES ? dtype : NEAP_DTYPE_NONE].name;
}

NEAP_API size_t neap_dtype_size(neap_dtype dtype)
{
    return (unsigned)dtype < NEAP__DTYPES ? dtypes[dtype].size : 0;
}

NEAP_API neap_dtype neap_dtype_of(const char *name)
{
    for (int d = 1; name && d < NEAP__DTYPES; d++)
        if (dtypes[d].size && strcmp(dtypes[d].name, name) == 0)
            return (neap_dtype)d;
    return NEAP_DTYPE_NONE;
}

void neap__text_dtypes(neap__text *t, neap__dtypes set)
{
    const char *comma = "";
    for (int d = 1; d < NEAP__DTYPES; d++) {
        if (set & NEAP__BIT(d)) {
            neap__text_add(t, "%s%s", comma, dtypes[d].name);
            comma = ", ";
        }
    }
}

void neap__integer_range(neap_dtype dtype, int64_t *low, uint64_t *high)
{
    const int bits = (int)neap_dtype_size(dtype) * 8;
    const bool is_signed = dtype <= NEAP_INT64;
    *high = UINT64_MAX >> (64 - bits) >> is_signed;
    *low = is_signed ? -(int64_t)*high - 1 : 0;
}

/* ---- Conversions ------------------------------------------------------------------- */

static uint32_t float_bits(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static float bits_float(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

float neap__half_to_float(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    const uint32_t exponent = (h >> 10) & 0x1F, fraction = h & 0x3FF;
    if (exponent == 0x1F)
        return bits_float(sign | 0x7F800000 | fraction << 13);
    if (exponent == 0) /* zero or denormal: a multiple of 2^-24, exact */
        return bits_float(sign | float_bits((float)fraction * 0x1p-24F));
    return bits_float(sign | (exponent + 112) << 23 | fraction << 13);
}

uint16_t neap__float_to_half(float f)
{
    const uint32_t bits = float_bits(f), rest = bits & 0x7FFFFFFF;
    const uint32_t sign = (bits >> 16) & 0x8000;
    if (rest > 0x7F800000) { /* NaN: the upper payload, which must not become empty */
        const uint32_t payload = (rest >> 13) & 0x3FF;
        return (uint16_t)(sign | 0x7C00 | (payload ? payload : 1));
    }
    if (rest >= 0x477FF000) /* 65520 and above round to infinity */
        return (uint16_t)(sign | 0x7C00);
    if (rest < 0x33000001) /* 2^-25 and below round to zero */
        return (uint16_t)sign;
    if (rest < 0x38800000) { /* below 2^-14: a denormal, in units of 2^-24 */
        const uint32_t shift = 126 - (rest >> 23),
                       fraction = (rest & 0x7FFFFF) | 0x800000;
        const uint32_t whole = fraction >> shift, lost = fraction & ((1U << shift) - 1);
        const uint32_t tie = 1U << (shift - 1);
        return (uint16_t)(sign | (whole + (lost > tie || (lost == tie && (whole & 1)))));
    }
    const uint32_t rounded = rest - 0x38000000 + 0xFFF + ((rest >> 13) & 1);
    return (uint16_t)(sign | rounded >> 13);
}

float neap__bfloat_to_float(uint16_t b) { return bits_float((uint32_t)b << 16); }

uint16_t neap__float_to_bfloat(float f)
{
    const uint32_t bits = float_bits(f);
    if ((bits & 0x7FFFFFFF) > 0x7F800000) /* NaN stays one, quiet */
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

/* A float from which any narrower format is rounded as from the double itself: what does
 * not fit is rounded to the neighbour with an odd last bit, which no later rounding takes
 * for a tie. */
static float odd_float(double value)
{
    const float nearest = (float)value;
    if (!isfinite(nearest) || (double)nearest == value)
        return nearest;
    uint32_t bits = float_bits(nearest);
    if (fabs((double)nearest) > fabs(value))
        bits--;
    return bits_float(bits | 1);
}

/* ---- Elements ---------------------------------------------------------------------- */

/* Memory may belong to the host, so elements are copied, not looked at through pointers
 * of their type. */
#define LOAD(type)                                                                       \
    type v;                                                                              \
    memcpy(&v, (const char *)data + (size_t)index * sizeof v, sizeof v)
#define STORE(type, value)                                                               \
    do {                                                                                 \
        const type v = (type)(value);                                                    \
        memcpy((char *)data + (size_t)index * sizeof v, &v, sizeof v);                   \
    } while (0)

double neap__element_number(neap_dtype dtype, const void *data, int64_t index)
{
    switch (dtype) {
    case NEAP_FLOAT32: {
        LOAD(float);
        return (double)v;
    }
    case NEAP_FLOAT64: {
        LOAD(double);
        return v;
    }
    case NEAP_FLOAT16: {
        LOAD(uint16_t);
        return (double)neap__half_to_float(v);
    }
    case NEAP_BFLOAT16: {
        LOAD(uint16_t);
        return (double)neap__bfloat_to_float(v);
    }
    default:
        return (double)neap__element_integer(dtype, data, index);
    }
}

int64_t neap__element_integer(neap_dtype dtype, const void *data, int64_t index)
{
    switch (dtype) {
    case NEAP_INT8: {
        LOAD(int8_t);
        return v;
    }
    case NEAP_INT16: {
        LOAD(int16_t);
        return v;
    }
    case NEAP_INT32: {
        LOAD(int32_t);
        return v;
    }
    case NEAP_INT64: {
        LOAD(int64_t);
        return v;
    }
    case NEAP_UINT8: {
        LOAD(uint8_t);
        return v;
    }
    case NEAP_BOOL: {
        LOAD(uint8_t);
        return v != 0;
    }
    default:
        break;
    }
    if (!neap__is_floating(dtype))
        return 0;
    const double number = neap__element_number(dtype, data, index);
    if (isnan(number))
        return 0;
    return number >= 0x1p63 ? INT64_MAX : number < -0x1p63 ? INT64_MIN : (int64_t)number;
}

/* A finite value must stay finite: a number that overflows is one the dtype cannot
 * hold. */
static bool store_floating(neap_dtype dtype, void *data, int64_t index, double value)
{
    const bool finite = isfinite(value);
    if (dtype == NEAP_FLOAT64) {
        STORE(double, value);
        return true;
    }
    if (dtype == NEAP_FLOAT32) {
        if (finite && !isfinite((float)value))
            return false;
        STORE(float, value);
        return true;
    }
    const float f = odd_float(value);
    const bool half = dtype == NEAP_FLOAT16;
    const uint16_t bits = half ? neap__float_to_half(f) : neap__float_to_bfloat(f);
    const uint16_t infinity = half ? 0x7C00 : 0x7F80;
    if (finite && (bits & 0x7FFF) >= infinity)
        return false;
    STORE(uint16_t, bits);
    return true;
}

bool neap__store_number(neap_dtype dtype, void *data, int64_t index, double value)
{
    if (neap__is_floating(dtype))
        return store_floating(dtype, data, index, value);
    if (!(value >= -0x1p63 && value < 0x1p63) || value != trunc(value))
        return false;
    return neap__store_integer(dtype, data, index, (int64_t)value);
}

bool neap__store_integer(neap_dtype dtype, void *data, int64_t index, int64_t value)
{
    switch (dtype) {
    case NEAP_FLOAT32:
        STORE(float, value);
        return true; /* one rounding, not two */
    case NEAP_FLOAT64:
    case NEAP_FLOAT16:
    case NEAP_BFLOAT16:
        return store_floating(dtype, data, index, (double)value);
    case NEAP_INT8:
        if (value != (int8_t)value)
            return false;
        STORE(int8_t, value);
        return true;
    case NEAP_INT16:
        if (value != (int16_t)value)
            return false;
        STORE(int16_t, value);
        return true;
    case NEAP_INT32:
        if (value != (int32_t)value)
            return false;
        STORE(int32_t, value);
        return true;
    case NEAP_INT64:
        STORE(int64_t, value);
        return true;
    case NEAP_UINT8:
        if (value != (uint8_t)value)
            return false;
        STORE(uint8_t, value);
        return true;
    case NEAP_BOOL:
        if (value != 0 && value != 1)
            return false;
        STORE(uint8_t, value);
        return true;
    default:
        return false;
    }
}
