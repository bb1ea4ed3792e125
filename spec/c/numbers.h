/* numbers.h - for the specs of kernels: numbers that repeat, comparisons, and a
 * kernel's call. */
#ifndef NUMBERS_H
#define NUMBERS_H

#include "cpu/element.h"
#include "cpu/program.h"
#include "cpu/reduce.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t numbers_state = 1;

static inline uint32_t next_bits(void)
{
    numbers_state =
        numbers_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(numbers_state >> 33);
}

static inline double next_number(double low, double high)
{
    return low + (high - low) * (double)next_bits() / 2147483648.0;
}

static inline int64_t next_below(int64_t n)
{
    return (int64_t)(next_bits() % (uint32_t)n);
}

/* The distance in units of the last place of a float32 result; huge where specials
 * differ. */
static inline double float_error(float got, double want)
{
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got) ? 0 : 1e9;
    if (isinf((float)want) || isinf(got))
        return (float)want == got || fabs(want) > 3.4028234e38 ? 0 : 1e9;
    if (want == 0)
        return got == 0 && !signbit(got) == !signbit(want) ? 0 : 1e9;
    int exponent;
    frexp(want, &exponent);
    return fabs((double)got - want) / ldexp(1, (exponent < -125 ? -125 : exponent) - 24);
}

static inline bool near(double got, double want, double tolerance)
{
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got);
    return got == want || fabs(got - want) <= tolerance * (1 + fabs(want));
}

static inline double element(neap_dtype dtype, const void *data, int64_t i)
{
    return neap__element_number(dtype, data, i);
}

static inline int run(neap__kernel *kernel, const void *args, const void *const *in,
                      void *const *out, void *scratch, int workers, neap_error *err)
{
    neap__team team;
    neap__team_begin(&team, workers);
    const neap__call call = {.in = in,
                             .out = out,
                             .args = args,
                             .scratch = scratch,
                             .team = &team,
                             .seed = 7,
                             .counter = 3,
                             .iteration = 1,
                             .err = err};
    const int code = kernel(&call);
    neap__team_end(&team);
    return code;
}

static inline neap__shape random_shape(int64_t most)
{
    static const int64_t sizes[] = {1, 1, 2, 3, 5, 7, 16, 33, 100, 700};
    neap__shape s = {.rank = (int)next_below(NEAP_MAX_RANK + 1)};
    int64_t size = 1;
    for (int d = 0; d < s.rank; d++) {
        do
            s.dims[d] = sizes[next_below(10)];
        while (size * s.dims[d] > most);
        size *= s.dims[d];
    }
    if (s.rank && next_below(25) == 0)
        s.dims[next_below(s.rank)] = 0;
    return s;
}

static inline void split_index(const neap__shape *s, int64_t i,
                               int64_t index[NEAP_MAX_RANK])
{
    for (int d = s->rank - 1; d >= 0; d--) {
        index[d] = i % s->dims[d];
        i /= s->dims[d];
    }
}

/* The operand's element at an index of the domain that it is broadcast to. */
static inline int64_t operand_index(const neap__shape *s, const neap__shape *domain,
                                    const int64_t index[NEAP_MAX_RANK])
{
    int64_t at = 0;
    for (int d = 0; d < s->rank; d++)
        at = at * s->dims[d] + (s->dims[d] == 1 ? 0 : index[d + domain->rank - s->rank]);
    return at;
}

static inline void *buffer(size_t bytes)
{
    void *p = NULL;
    if (posix_memalign(&p, 64, bytes + 64) != 0)
        exit(1);
    memset(p, 0xAB, bytes + 64);
    return p;
}

#endif
