/* fill.c - random numbers. Element i depends on the session's and the operation's
 * seed, the run, the iteration and i alone: the first four make Philox's key, i its
 * counter, so that any range can be drawn by any worker. One block of Philox (four
 * words) serves four elements of float32 or narrower, or two of float64 or integers. */
#include "cpu/random.h"

#include <math.h>

#define PART 16384 /* elements of a part; a multiple of a block's */
#define REDRAWS 64 /* 0.046^64: never */

static const double pi2 = 6.283185307179586476925;

typedef struct stream {
    uint32_t key[2];
    bool wide; /* two words an element, not one */
    int bits; /* of a uniform number, of one word: no more than the dtype holds below 1 */
} stream;

static stream stream_of(const neap__call *call)
{
    const neap__random_args *a = call->args;
    uint64_t key = neap__mix(neap__mix(0, call->seed), a->seed);
    key = neap__mix(neap__mix(key, call->counter), call->iteration);
    stream s = {{(uint32_t)key, (uint32_t)(key >> 32)}, false, 24};
    s.wide = a->dtype == NEAP_FLOAT64 || neap__is_integer(a->dtype);
    if (a->dtype == NEAP_FLOAT16)
        s.bits = 11;
    else if (a->dtype == NEAP_BFLOAT16)
        s.bits = 8;
    return s;
}

static void draw(const stream *s, int64_t block, uint32_t redraw, uint32_t words[4])
{
    const uint64_t b = (uint64_t)block;
    const uint32_t counter[4] = {(uint32_t)b, (uint32_t)(b >> 32), redraw, 0};
    neap__philox(s->key, counter, words);
}

static uint64_t word64(const uint32_t words[4], int i)
{
    return (uint64_t)words[2 * i + 1] << 32 | words[2 * i];
}

/* Uniform in [0, 1). */
static double unit(const stream *s, const uint32_t words[4], int i)
{
    if (s->wide)
        return (double)(word64(words, i) >> 11) * 0x1p-53;
    return (double)(words[i] >> (32 - s->bits)) / (double)(UINT32_C(1) << s->bits);
}

/* Box and Muller, "A note on the generation of random normal deviates", 1958: from two
 * uniform numbers, the first in (0, 1] so that the logarithm is finite, two
 * independent normal ones. */
static void normal_pair(double u, double v, double z[2])
{
    const double radius = sqrt(-2 * log(u));
    z[0] = radius * cos(pi2 * v);
    z[1] = radius * sin(pi2 * v);
}

/* The block's two or four standard normal numbers. */
static void normals(const stream *s, int64_t block, uint32_t redraw, double z[4])
{
    uint32_t w[4];
    draw(s, block, redraw, w);
    if (s->wide) {
        normal_pair((double)((word64(w, 0) >> 11) + 1) * 0x1p-53, unit(s, w, 1), z);
        return;
    }
    normal_pair(((double)w[0] + 1) * 0x1p-32, (double)w[1] * 0x1p-32, z);
    normal_pair(((double)w[2] + 1) * 0x1p-32, (double)w[3] * 0x1p-32, z + 2);
}

static void truncated(const stream *s, int64_t block, int lanes, double z[4])
{
    normals(s, block, 0, z);
    for (int i = 0; i < lanes; i++)
        for (uint32_t redraw = 1; fabs(z[i]) > 2; redraw++) {
            double again[4];
            normals(s, block, redraw, again);
            z[i] = redraw < REDRAWS ? again[i] : 0;
        }
}

static void store(neap_dtype dtype, void *out, int64_t i, double x)
{
    switch (dtype) {
    case NEAP_FLOAT32:
        ((float *)out)[i] = (float)x;
        break;
    case NEAP_FLOAT64:
        ((double *)out)[i] = x;
        break;
    case NEAP_FLOAT16:
        ((uint16_t *)out)[i] = neap__float_to_half((float)x);
        break;
    default:
        ((uint16_t *)out)[i] = neap__float_to_bfloat((float)x);
        break;
    }
}

/* Rounding may carry the last values before b to b: they become a. */
static void store_uniform(const neap__random_args *a, void *out, int64_t i, double u)
{
    store(a->dtype, out, i, a->a * (1 - u) + a->b * u);
    if (neap__element_number(a->dtype, out, i) >= a->b)
        store(a->dtype, out, i, a->a);
}

/* From low up to, not including, high: the product's upper half, whose bias is below
 * range / 2^64. */
static void store_integer(const neap__random_args *a, void *out, int64_t i, uint64_t word)
{
    const uint64_t range = (uint64_t)a->high - (uint64_t)a->low;
    const uint64_t x = range & 0xFFFFFFFF, y = range >> 32, z = word & 0xFFFFFFFF,
                   t = word >> 32;
    const uint64_t middle = y * z + (x * z >> 32), other = x * t + (middle & 0xFFFFFFFF);
    const uint64_t product = y * t + (middle >> 32) + (other >> 32);
    /* A range of 2^64 is 0. */
    neap__store_bits(a->dtype, out, i, (uint64_t)a->low + (range ? product : word));
}

static void store_block(const neap__random_args *a, const stream *s, int64_t block,
                        int lanes, int64_t first, int64_t n, void *out)
{
    uint32_t words[4];
    double z[4];
    if (a->distribution == NEAP__UNIFORM)
        draw(s, block, 0, words);
    else if (a->distribution == NEAP__NORMAL)
        normals(s, block, 0, z);
    else
        truncated(s, block, lanes, z);
    for (int i = 0; i < n; i++)
        if (a->distribution != NEAP__UNIFORM)
            store(a->dtype, out, first + i, a->a + a->b * z[i]);
        else if (neap__is_integer(a->dtype))
            store_integer(a, out, first + i, word64(words, i));
        else
            store_uniform(a, out, first + i, unit(s, words, i));
}

static void random_job(void *context, int64_t part, int worker)
{
    const neap__call *call = context;
    const neap__random_args *a = call->args;
    const stream s = stream_of(call);
    const int lanes = s.wide ? 2 : 4;
    const int64_t begin = part * PART,
                  end = a->count - begin < PART ? a->count : begin + PART;
    (void)worker;
    for (int64_t i = begin; i < end; i += lanes)
        store_block(a, &s, i / lanes, lanes, i, end - i < lanes ? end - i : lanes,
                    call->out[0]);
}

int neap__cpu_random(const neap__call *call)
{
    const neap__random_args *a = call->args;
    const int64_t parts = (a->count + PART - 1) / PART;
    if (parts == 1)
        random_job((void *)call, 0, 0);
    else if (parts > 1)
        neap__team_run(call->team, parts, random_job, (void *)call);
    return NEAP_OK;
}
