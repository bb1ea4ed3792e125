/* dtype.c - the dtypes: names, sizes, conversions, and elements as numbers. */
#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

/* The one list. */
static const struct {
    const char *name;
    size_t size;
} dtypes[NEAP__DTYPES] = {
    [NEAP_DTYPE_NONE] = {"none", 0},   [NEAP_FLOAT32] = {"float32", 4},
    [NEAP_FLOAT64] = {"float64", 8},   [NEAP_FLOAT16] = {"float16", 2},
    [NEAP_BFLOAT16] = {"bfloat16", 2}, [NEAP_INT8] = {"int8", 1},
    [NEAP_INT16] = {"int16", 2},       [NEAP_INT32] = {"int32", 4},
    [NEAP_INT64] = {"int64", 8},       [NEAP_UINT8] = {"uint8", 1},
    [NEAP_BOOL] = {"bool", 1},         [NEAP_UINT16] = {"uint16", 2},
    [NEAP_UINT32] = {"uint32", 4},     [NEAP_UINT64] = {"uint64", 8},
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
        if (strcmp(dtypes[d].name, name) == 0)
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
    const bool is_signed = !neap__is_unsigned(dtype);
    *high = dtype == NEAP_BOOL ? 1 : UINT64_MAX >> (64 - bits) >> is_signed;
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

float neap__odd_float(double value)
{
    const float nearest = (float)value;
    if (!isfinite(nearest) || (double)nearest == value)
        return nearest;
    uint32_t bits = float_bits(nearest);
    if (fabs((double)nearest) > fabs(value))
        bits--;
    return bits_float(bits | 1);
}

float neap__odd_float_of_unsigned(uint64_t value)
{
    int shift = 0; /* what lies below the 24 bits of a float */
    while (value >> shift >= 1 << 24)
        shift++;
    const uint64_t top = value >> shift, lost = value - (top << shift);
    return (float)(top | (lost != 0)) * (float)(UINT64_C(1) << shift);
}

float neap__odd_float_of_signed(int64_t value)
{
    return value < 0 ? -neap__odd_float_of_unsigned(0 - (uint64_t)value)
                     : neap__odd_float_of_unsigned((uint64_t)value);
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

/* A boolean is 1 wherever it is not 0: what a host's memory holds. */
uint64_t neap__element_bits(neap_dtype dtype, const void *data, int64_t index)
{
    switch (dtype) {
    case NEAP_INT8: {
        LOAD(int8_t);
        return (uint64_t)(int64_t)v;
    }
    case NEAP_INT16: {
        LOAD(int16_t);
        return (uint64_t)(int64_t)v;
    }
    case NEAP_INT32: {
        LOAD(int32_t);
        return (uint64_t)(int64_t)v;
    }
    case NEAP_UINT8: {
        LOAD(uint8_t);
        return v;
    }
    case NEAP_BOOL: {
        LOAD(uint8_t);
        return v != 0;
    }
    case NEAP_UINT16:
    case NEAP_FLOAT16:
    case NEAP_BFLOAT16: {
        LOAD(uint16_t);
        return v;
    }
    case NEAP_UINT32:
    case NEAP_FLOAT32: {
        LOAD(uint32_t);
        return v;
    }
    case NEAP_INT64:
    case NEAP_UINT64:
    case NEAP_FLOAT64: {
        LOAD(uint64_t);
        return v;
    }
    default:
        return 0;
    }
}

void neap__store_bits(neap_dtype dtype, void *data, int64_t index, uint64_t bits)
{
    switch (neap_dtype_size(dtype)) {
    case 1:
        STORE(uint8_t, bits);
        break;
    case 2:
        STORE(uint16_t, bits);
        break;
    case 4:
        STORE(uint32_t, bits);
        break;
    default:
        STORE(uint64_t, bits);
        break;
    }
}

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
    case NEAP_UINT64:
        return (double)neap__element_bits(dtype, data, index);
    default:
        return (double)(int64_t)neap__element_bits(dtype, data, index);
    }
}

int64_t neap__element_integer(neap_dtype dtype, const void *data, int64_t index)
{
    if (neap__is_floating(dtype)) {
        const double number = neap__element_number(dtype, data, index);
        if (isnan(number))
            return 0;
        return number >= 0x1p63   ? INT64_MAX
               : number < -0x1p63 ? INT64_MIN
                                  : (int64_t)number;
    }
    const uint64_t bits = neap__element_bits(dtype, data, index);
    return dtype == NEAP_UINT64 && bits > INT64_MAX ? INT64_MAX : (int64_t)bits;
}

uint64_t neap__element_unsigned(neap_dtype dtype, const void *data, int64_t index)
{
    if (neap__is_floating(dtype)) {
        const double number = neap__element_number(dtype, data, index);
        if (!(number > 0))
            return 0;
        return number >= 0x1p64 ? UINT64_MAX : (uint64_t)number;
    }
    const uint64_t bits = neap__element_bits(dtype, data, index);
    return !neap__is_unsigned(dtype) && bits > INT64_MAX ? 0 : bits;
}

static bool store_half(neap_dtype dtype, void *data, int64_t index, float odd)
{
    const bool half = dtype == NEAP_FLOAT16;
    const uint16_t bits = half ? neap__float_to_half(odd) : neap__float_to_bfloat(odd);
    const uint16_t infinity = half ? 0x7C00 : 0x7F80;
    if (isfinite(odd) && (bits & 0x7FFF) >= infinity)
        return false;
    STORE(uint16_t, bits);
    return true;
}

/* A finite value must stay finite: a number that overflows is one the dtype cannot
 * hold. */
static bool store_floating(neap_dtype dtype, void *data, int64_t index, double value)
{
    if (dtype == NEAP_FLOAT64) {
        STORE(double, value);
        return true;
    }
    if (isfinite(value) && !isfinite((float)value))
        return false;
    if (dtype != NEAP_FLOAT32)
        return store_half(dtype, data, index, neap__odd_float(value));
    STORE(float, value);
    return true;
}

bool neap__store_number(neap_dtype dtype, void *data, int64_t index, double value)
{
    if (neap__is_floating(dtype))
        return store_floating(dtype, data, index, value);
    if (!(value >= -0x1p63 && value < 0x1p64) || value != trunc(value))
        return false;
    return value < 0 ? neap__store_integer(dtype, data, index, (int64_t)value)
                     : neap__store_unsigned(dtype, data, index, (uint64_t)value);
}

/* Integers become floats by one rounding, not two. */
bool neap__store_integer(neap_dtype dtype, void *data, int64_t index, int64_t value)
{
    int64_t low;
    uint64_t high;
    if (value >= 0)
        return neap__store_unsigned(dtype, data, index, (uint64_t)value);
    switch (dtype) {
    case NEAP_FLOAT32:
        STORE(float, value);
        return true;
    case NEAP_FLOAT64:
        STORE(double, value);
        return true;
    case NEAP_FLOAT16:
    case NEAP_BFLOAT16:
        return store_half(dtype, data, index, neap__odd_float_of_signed(value));
    default:
        if (neap_dtype_size(dtype) == 0)
            return false;
        neap__integer_range(dtype, &low, &high);
        if (value < low)
            return false;
        neap__store_bits(dtype, data, index, (uint64_t)value);
        return true;
    }
}

bool neap__store_unsigned(neap_dtype dtype, void *data, int64_t index, uint64_t value)
{
    int64_t low;
    uint64_t high;
    switch (dtype) {
    case NEAP_FLOAT32:
        STORE(float, value);
        return true;
    case NEAP_FLOAT64:
        STORE(double, value);
        return true;
    case NEAP_FLOAT16:
    case NEAP_BFLOAT16:
        return store_half(dtype, data, index, neap__odd_float_of_unsigned(value));
    default:
        if (neap_dtype_size(dtype) == 0)
            return false;
        neap__integer_range(dtype, &low, &high);
        if (value > high)
            return false;
        neap__store_bits(dtype, data, index, value);
        return true;
    }
}
