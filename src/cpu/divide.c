/* divide.c - whole quotients and remainders of integers.
 *
 * They are no element functions alone, because a divisor may be 0: that is found before
 * anything is written, so that no result is left half made. */
#include "cpu/divide.h"

/* "division by zero at [1, 2]": where element `i` of y, the first that is 0, comes to lie
 * first in the result. Strides are y's own, and 0 where it repeats. */
static int fail_zero(neap_error *err, const neap__divide_args *a, int64_t i)
{
    char buffer[NEAP_MAX_RANK * 24] = "";
    neap__text text = neap__text_over(buffer, sizeof buffer);
    for (int d = 0; d < a->shape.rank; d++) {
        const int64_t stride = a->y[d];
        neap__text_add(&text, d ? ", %lld" : " at [%lld",
                       (long long)(stride ? i / stride : 0));
        i = stride ? i % stride : i;
    }
    if (a->shape.rank > 0)
        neap__text_bytes(&text, "]", 1);
    return neap__fail(err, NEAP_ERANGE, "division by zero%s", buffer);
}

/* The position of the first zero, or -1. */
#define FIND_ZERO(bits)                                                                  \
    static int64_t find_zero_##bits(int64_t n, const void *divisors)                     \
    {                                                                                    \
        const uint##bits##_t *y = divisors;                                              \
        for (int64_t i = 0; i < n; i++)                                                  \
            if (y[i] == 0)                                                               \
                return i;                                                                \
        return -1;                                                                       \
    }
FIND_ZERO(8)
FIND_ZERO(16)
FIND_ZERO(32)
FIND_ZERO(64)

int neap__cpu_divide(const neap__call *call)
{
    const neap__divide_args *a = call->args;
    if (neap__shape_size(&a->shape) == 0)
        return NEAP_OK;
    const int64_t zero = a->width == 1   ? find_zero_8(a->divisors, call->in[1])
                         : a->width == 2 ? find_zero_16(a->divisors, call->in[1])
                         : a->width == 4 ? find_zero_32(a->divisors, call->in[1])
                                         : find_zero_64(a->divisors, call->in[1]);
    if (zero >= 0)
        return fail_zero(call->err, a, zero);
    neap__call inner = *call;
    inner.args = a->program;
    return neap__cpu_program(&inner);
}
