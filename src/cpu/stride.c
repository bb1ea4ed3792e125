/* stride.c - bounds and strides: what they pick, and how what they picked is put back. */
#include "cpu/stride.h"

#include <string.h>

typedef unsigned char byte;
/* Elements of any dtype of that width. */
typedef uint16_t __attribute__((may_alias)) word2;
typedef uint32_t __attribute__((may_alias)) word4;
typedef uint64_t __attribute__((may_alias)) word8;

/* A bound as an element of the axis, or the place before the first or behind the last. */
static int64_t within(int64_t bound, int64_t size, int64_t low, int64_t high)
{
    bound += bound < 0 ? size : 0;
    return bound < low ? low : bound > high ? high : bound;
}

int64_t neap__strided(int64_t size, int64_t begin, int64_t stop, int64_t stride,
                      int64_t *first)
{
    const bool forward = stride > 0;
    const int64_t low = forward ? 0 : -1, high = forward ? size : size - 1;
    const int64_t from = begin == NEAP_NO_BOUND ? (forward ? 0 : size - 1)
                                                : within(begin, size, low, high);
    const int64_t to =
        stop == NEAP_NO_BOUND ? (forward ? size : -1) : within(stop, size, low, high);
    const int64_t distance = forward ? to - from : from - to;
    const uint64_t step = forward ? (uint64_t)stride : 0 - (uint64_t)stride;
    *first = from;
    return distance > 0 ? (int64_t)(((uint64_t)distance - 1) / step) + 1 : 0;
}

/* Puts a row of elements a stride apart. */
static void put_row(size_t width, int64_t n, const void *from, void *to, int64_t stride)
{
#define PUT(T)                                                                           \
    do {                                                                                 \
        const T *x = from;                                                               \
        T *y = to;                                                                       \
        for (int64_t i = 0; i < n; i++)                                                  \
            y[i * stride] = x[i];                                                        \
    } while (0)
    switch (width) {
    case 1:
        PUT(byte);
        break;
    case 2:
        PUT(word2);
        break;
    case 4:
        PUT(word4);
        break;
    default:
        PUT(word8);
        break;
    }
#undef PUT
}

static int64_t bound_at(const neap__call *call, const neap__bounds *b, int d)
{
    if (b->input < 0)
        return b->values[d];
    const int64_t value = neap__element_integer(b->dtype, call->in[b->input], d);
    return value == NEAP_NO_BOUND ? value + 1 : value; /* a number is a bound */
}

/* Where each axis begins and how far its elements are apart, in elements of x. */
static int find_part(const neap__call *call, int64_t *offset, int64_t *steps)
{
    const neap__spread_args *a = call->args;
    neap__strides(&a->x, steps);
    *offset = 0;
    for (int d = 0; d < a->count; d++) {
        int64_t first;
        const int64_t size =
            neap__strided(a->x.dims[d], bound_at(call, &a->begin, d),
                          bound_at(call, &a->stop, d), a->strides[d], &first);
        if (size != a->part.dims[d])
            return neap__fail(call->err, NEAP_ESHAPE,
                              "the bounds pick %lld of %lld elements along axis %d, and "
                              "there are %lld",
                              (long long)size, (long long)a->x.dims[d], d,
                              (long long)a->part.dims[d]);
        *offset += first * steps[d];
        /* One element has no distance to a next one, whatever the stride. */
        steps[d] *= size > 1 ? a->strides[d] : 1;
    }
    return NEAP_OK;
}

int neap__cpu_spread(const neap__call *call)
{
    const neap__spread_args *a = call->args;
    int64_t offset, steps[NEAP_MAX_RANK], index[NEAP_MAX_RANK] = {0};
    int code = find_part(call, &offset, steps);
    const int64_t size = neap__shape_size(&a->x), part = neap__shape_size(&a->part);
    const int last = a->x.rank - 1;
    if (code || size == 0)
        return code;
    memset(call->out[0], 0, (size_t)size * a->width);
    const int64_t n = last < 0 ? 1 : a->part.dims[last];
    const byte *from = call->in[0];
    for (int64_t done = 0; done < part; done += n) {
        put_row(a->width, n, from + done * (int64_t)a->width,
                (byte *)call->out[0] + offset * (int64_t)a->width,
                last < 0 ? 1 : steps[last]);
        for (int d = last - 1; d >= 0; d--) {
            offset += steps[d];
            if (++index[d] < a->part.dims[d])
                break;
            offset -= a->part.dims[d] * steps[d];
            index[d] = 0;
        }
    }
    return NEAP_OK;
}
