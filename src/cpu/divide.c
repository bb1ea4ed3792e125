/* divide.c - whole quotients and remainders of integers.
 *
 * They are no element functions, because a divisor may be 0: that is found before
 * anything is written, so that no loop traps and no result is left half made. */
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

#define ROW(T)                                                                           \
    static int64_t find_zero_##T(int64_t n, const void *divisors)                        \
    {                                                                                    \
        const T *y = divisors;                                                           \
        for (int64_t i = 0; i < n; i++)                                                  \
            if (y[i] == 0)                                                               \
                return i;                                                                \
        return -1;                                                                       \
    }                                                                                    \
    static void row_##T(bool mod, int64_t n, const void *from, int64_t x_stride,         \
                        const void *divisors, int64_t y_stride, void *to)                \
    {                                                                                    \
        const T *x = from, *y = divisors;                                                \
        T *z = to;                                                                       \
        for (int64_t i = 0; i < n; i++) {                                                \
            const int64_t a = x[i * x_stride], b = y[i * y_stride];                      \
            z[i] = (T)(mod ? neap__modulo(a, b) : neap__quotient(a, b));                 \
        }                                                                                \
    }
ROW(int8_t)
ROW(uint8_t)
ROW(int16_t)
ROW(int32_t)
ROW(int64_t)

static const struct {
    int64_t (*find_zero)(int64_t n, const void *divisors);
    void (*row)(bool mod, int64_t n, const void *from, int64_t x_stride,
                const void *divisors, int64_t y_stride, void *to);
} divisions[NEAP__DTYPES] = {
    [NEAP_INT8] = {find_zero_int8_t, row_int8_t},
    [NEAP_UINT8] = {find_zero_uint8_t, row_uint8_t},
    [NEAP_INT16] = {find_zero_int16_t, row_int16_t},
    [NEAP_INT32] = {find_zero_int32_t, row_int32_t},
    [NEAP_INT64] = {find_zero_int64_t, row_int64_t},
};

int neap__cpu_divide(const neap__call *call)
{
    const neap__divide_args *a = call->args;
    const int64_t size = neap__shape_size(&a->shape), width = a->width;
    if (size == 0)
        return NEAP_OK;
    const int64_t zero = divisions[a->dtype].find_zero(a->divisors, call->in[1]);
    if (zero >= 0)
        return fail_zero(call->err, a, zero);

    /* Row by row along the last dimension; `index` counts the others. */
    const int last = a->shape.rank - 1;
    const int64_t n = last < 0 ? 1 : a->shape.dims[last];
    const int64_t x_step = last < 0 ? 0 : a->x[last], y_step = last < 0 ? 0 : a->y[last];
    const char *x = call->in[0], *y = call->in[1];
    char *z = call->out[0];
    int64_t index[NEAP_MAX_RANK] = {0};
    for (int64_t row = 0; row < size / n; row++, z += n * width) {
        divisions[a->dtype].row(a->mod, n, x, x_step, y, y_step, z);
        for (int d = last - 1; d >= 0; d--) {
            x += a->x[d] * width;
            y += a->y[d] * width;
            if (++index[d] < a->shape.dims[d])
                break;
            x -= a->x[d] * a->shape.dims[d] * width;
            y -= a->y[d] * a->shape.dims[d] * width;
            index[d] = 0;
        }
    }
    return NEAP_OK;
}
