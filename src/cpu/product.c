/* product.c - the derivatives of a product over some dimensions.
 *
 * For each element j of x the product of the other elements, Π (k ≠ j) x[k], which is the
 * derivative of the whole product; no division, so that zeros are elements as any. With
 * directions d1 … dm it is the further derivative along them, which is the coefficient of
 * ε1 ε2 … εm in
 *
 *     Π (k ≠ j) (x[k] + ε1 d1[k] + … + εm dm[k])      where εa εa = 0.
 *
 * Such a number has 2^m components, one for each set of directions: component c, a bit
 * for each εa, is the coefficient of those together.
 *
 * 1. The product of the others is what comes before times what comes after. What comes
 *    before each block is kept; from the last block on, what comes before each element
 *    is made of that, and what comes after is carried along.
 * 2. All of it in double, in the order of elements, by one worker for each result: the
 *    bits are the same at any number of threads and for every instruction set. */
#include "cpu/reduce.h"
#include "cpu/walk.h"

#define BLOCK 256  /* elements */
#define PART 16384 /* elements of a part of the job, at least */

typedef struct product {
    const neap__call *call;
    const neap__product_args *args;
    neap__walk kept, gone;
    int64_t each; /* results of a part */
} product;

static int64_t blocks_of(int64_t count) { return (count + BLOCK - 1) / BLOCK; }

/* Of a worker: what comes before each block, and before each element of one; and what
 * comes after. */
static int64_t worker_numbers(const neap__product_args *a)
{
    return (blocks_of(a->size.count) + BLOCK + 1) << a->directions;
}

size_t neap__product_scratch(const neap__product_args *a, int workers)
{
    return (size_t)workers * (size_t)worker_numbers(a) * sizeof(double);
}

static double load(neap_dtype dtype, const void *x, int64_t i)
{
    return dtype == NEAP_FLOAT32   ? (double)((const float *)x)[i]
           : dtype == NEAP_FLOAT64 ? ((const double *)x)[i]
                                   : neap__element_number(dtype, x, i);
}

static void store(neap_dtype dtype, void *y, int64_t i, double value)
{
    if (dtype == NEAP_FLOAT64)
        ((double *)y)[i] = value;
    else if (dtype == NEAP_FLOAT32)
        ((float *)y)[i] = (float)value;
    else
        ((uint16_t *)y)[i] = dtype == NEAP_FLOAT16 ? neap__float_to_half((float)value)
                                                   : neap__float_to_bfloat((float)value);
}

/* p *= x[i] + ε1 d1[i] + …: the greatest components first, for they need the lesser. */
static void multiply(const product *p, double *number, int64_t i)
{
    const neap__product_args *a = p->args;
    const int m = a->directions;
    const double x = load(a->size.dtype, p->call->in[0], i);
    for (unsigned c = (1U << m) - 1; c > 0; c--) {
        number[c] *= x;
        for (int k = 0; k < m; k++)
            if (c >> k & 1)
                number[c] +=
                    number[c ^ 1U << k] * load(a->size.dtype, p->call->in[1 + k], i);
    }
    number[0] *= x;
}

static void copy(const product *p, const double *from, double *to)
{
    for (int c = 0; c < 1 << p->args->directions; c++)
        to[c] = from[c];
}

static void set_one(const product *p, double *number)
{
    for (int c = 0; c < 1 << p->args->directions; c++)
        number[c] = c == 0;
}

/* The component of all directions of a product of two numbers. */
static double all_directions(const product *p, const double *before, const double *after)
{
    const unsigned all = (1U << p->args->directions) - 1;
    double sum = 0;
    for (unsigned c = 0; c <= all; c++)
        sum += before[c] * after[all ^ c];
    return sum;
}

/* The elements of one result, from `first` on. */
static void one_result(const product *p, int64_t first, double *scratch)
{
    const neap__product_args *a = p->args;
    const int64_t count = a->size.count, blocks = blocks_of(count);
    const int m = a->directions;
    double *block = scratch, *before = block + (blocks << m),
           *after = before + (BLOCK << m);
    neap__walk gone = p->gone;
    set_one(p, after);
    for (int64_t i = 0; i < count; i++, neap__walk_on(&gone)) {
        if (i % BLOCK == 0)
            copy(p, after, block + (i / BLOCK << m));
        multiply(p, after, first + gone.offset);
    }
    set_one(p, after);
    for (int64_t b = blocks - 1; b >= 0; b--) {
        const int64_t n = count - b * BLOCK < BLOCK ? count - b * BLOCK : BLOCK;
        int64_t at[BLOCK];
        neap__walk_to(&gone, b * BLOCK);
        for (int64_t i = 0; i < n; i++, neap__walk_on(&gone))
            at[i] = first + gone.offset;
        copy(p, block + (b << m), before);
        for (int64_t i = 1; i < n; i++) {
            copy(p, before + ((i - 1) << m), before + (i << m));
            multiply(p, before + (i << m), at[i - 1]);
        }
        for (int64_t i = n - 1; i >= 0; i--) {
            store(a->size.dtype, p->call->out[0], at[i],
                  all_directions(p, before + (i << m), after));
            multiply(p, after, at[i]);
        }
    }
}

static void product_job(void *context, int64_t part, int worker)
{
    const product *p = context;
    const int64_t begin = part * p->each, rest = p->args->size.outputs - begin;
    double *scratch = (double *)p->call->scratch + worker * worker_numbers(p->args);
    neap__walk kept = p->kept;
    neap__walk_to(&kept, begin);
    for (int64_t i = 0; i < (rest < p->each ? rest : p->each); i++) {
        one_result(p, kept.offset, scratch);
        neap__walk_on(&kept);
    }
}

int neap__cpu_product_of_others(const neap__call *call)
{
    const neap__product_args *a = call->args;
    const neap__reduce_args *s = &a->size;
    if (s->outputs == 0 || s->count == 0)
        return NEAP_OK;
    product p = {.call = call, .args = a};
    p.kept = neap__walk_of(s->rank, s->dims, s->mask, 0, s->rank);
    p.gone = neap__walk_of(s->rank, s->dims, s->mask, 1, s->rank);
    p.each = s->count < PART ? PART / s->count : 1;
    neap__team_run(call->team, (s->outputs + p.each - 1) / p.each, product_job, &p);
    return NEAP_OK;
}
