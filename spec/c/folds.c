/* folds.c - reductions, bit by bit, against the order that fold.h and docs/numerics.md
 * say, written here as plainly as it is said there; for every instruction set that this
 * machine has, and with 1, 2 and 5 workers.
 *
 * Runs once: it goes through the instruction sets itself. */
#include "cpu/fold.h"

#include "numbers.h"

static const int workers[] = {1, 2, 5};

#define NEAP__REDUCTION(name, ...) #name,
static const char *const names[] = {"none",
#include "cpu/reductions.def"
#undef NEAP__REDUCTION
                                    "logsumexp"};

/* ---- The order, as it is said ------------------------------------------------------ */

static double zero_of(neap__reduction reduction)
{
    return reduction == NEAP__REDUCE_prod  ? 1
           : reduction == NEAP__REDUCE_max ? -INFINITY
           : reduction == NEAP__REDUCE_min ? INFINITY
                                           : 0;
}

static double folded(neap__reduction reduction, double earlier, double later)
{
    switch (reduction) {
    case NEAP__REDUCE_prod:
        return earlier * later;
    case NEAP__REDUCE_max:
        return later > earlier || isnan(later) ? later : earlier;
    case NEAP__REDUCE_min:
        return later < earlier || isnan(later) ? later : earlier;
    default:
        return earlier + later;
    }
}

static double block_of_row(neap__reduction reduction, int64_t n, const double *x)
{
    double lane[16];
    for (int j = 0; j < 16; j++)
        lane[j] = zero_of(reduction);
    for (int64_t i = 0; i < n; i++)
        lane[i % 16] = folded(reduction, lane[i % 16], x[i]);
    for (int half = 8; half > 0; half /= 2)
        for (int j = 0; j < half; j++)
            lane[j] = folded(reduction, lane[j], lane[j + half]);
    return lane[0];
}

static double block_of_column(neap__reduction reduction, int64_t n, const double *x)
{
    double cell = zero_of(reduction);
    for (int64_t i = 0; i < n; i++)
        cell = folded(reduction, cell, x[i]);
    return cell;
}

static double pairs(neap__reduction reduction, int64_t n, const double *cells)
{
    if (n == 0)
        return zero_of(reduction);
    if (n == 1)
        return cells[0];
    int64_t first = 1;
    while (2 * first < n)
        first *= 2;
    return folded(reduction, pairs(reduction, first, cells),
                  pairs(reduction, n - first, cells + first));
}

/* The cell of one result from its elements in order: rounds of `length`. */
static double cell_of(neap__reduction reduction, bool rows, int64_t length,
                      int64_t rounds, const double *x)
{
    const int64_t height = rows ? 512 : 64, blocks = (length + height - 1) / height;
    double *of_rounds = buffer((size_t)rounds * sizeof(double));
    double *of_blocks = buffer((size_t)blocks * sizeof(double));
    for (int64_t round = 0; round < rounds; round++) {
        for (int64_t b = 0; b < blocks; b++) {
            const int64_t n = length - b * height < height ? length - b * height : height;
            const double *from = x + round * length + b * height;
            of_blocks[b] = rows ? block_of_row(reduction, n, from)
                                : block_of_column(reduction, n, from);
        }
        of_rounds[round] = pairs(reduction, blocks, of_blocks);
    }
    const double cell = pairs(reduction, rounds, of_rounds);
    free(of_rounds);
    free(of_blocks);
    return cell;
}

/* Whether the last dimension (but for those of size 1) is reduced, and how many elements
 * of the innermost that are make a round. */
static bool by_rows(const neap__shape *x, unsigned mask, int64_t *length)
{
    int d = x->rank - 1;
    bool rows = false, seen = false;
    *length = 1;
    for (; d >= 0; d--) {
        if (x->dims[d] == 1)
            continue;
        const bool goes = mask >> d & 1;
        if (!seen)
            rows = goes;
        if (goes)
            *length *= x->dims[d];
        else if (*length != 1)
            break;
        seen = true;
    }
    return rows;
}

/* ---- Any shape, any dimensions ----------------------------------------------------- */

static bool same_floating(neap_dtype dtype, const void *y, int64_t i, double want)
{
    if (dtype == NEAP_FLOAT64)
        return memcmp((const double *)y + i, &want, sizeof want) == 0;
    const float single = (float)want;
    if (dtype == NEAP_FLOAT32)
        return memcmp((const float *)y + i, &single, sizeof single) == 0;
    return ((const uint16_t *)y)[i] == (dtype == NEAP_FLOAT16
                                            ? neap__float_to_half(single)
                                            : neap__float_to_bfloat(single));
}

/* Integers in whatever order: wide sums, products modulo 2^64. */
static int64_t integer_of(neap__reduction reduction, neap_dtype dtype, int64_t n,
                          const int64_t *x)
{
    const int bits = 8 * (int)neap_dtype_size(dtype);
    const int64_t low = dtype == NEAP_UINT8 ? 0 : -(INT64_C(1) << (bits - 2)) * 2;
    const int64_t high = dtype == NEAP_UINT8 ? 255 : -(low + 1);
    __extension__ __int128 sum = 0;
    uint64_t product = 1;
    int64_t max = low, min = high;
    for (int64_t i = 0; i < n; i++) {
        sum += x[i];
        product *= (uint64_t)x[i];
        max = x[i] > max ? x[i] : max;
        min = x[i] < min ? x[i] : min;
    }
    switch (reduction) {
    case NEAP__REDUCE_mean:
        return n ? (int64_t)(sum / n) : 0;
    case NEAP__REDUCE_prod:
        return (int64_t)product;
    case NEAP__REDUCE_max:
        return max;
    case NEAP__REDUCE_min:
        return min;
    default:
        return (int64_t)sum;
    }
}

static bool same_integer(neap_dtype dtype, const void *y, int64_t i, int64_t want)
{
    const uint64_t mask = UINT64_MAX >> (64 - 8 * neap_dtype_size(dtype));
    return (((uint64_t)neap__element_integer(dtype, y, i) ^ (uint64_t)want) & mask) == 0;
}

/* Numbers whose sums in double are not exact, so that the order shows; integers whose
 * sums outgrow their dtype. */
static void fill(neap_dtype dtype, int64_t n, void *x, neap__reduction reduction)
{
    const bool narrow = dtype == NEAP_FLOAT16 || dtype == NEAP_BFLOAT16;
    for (int64_t i = 0; i < n; i++) {
        if (neap__is_floating(dtype)) {
            const int exponent = (int)next_below(reduction == NEAP__REDUCE_prod ? 3
                                                 : narrow                       ? 12
                                                                                : 60);
            const double v =
                next_number(-1, 1) * (reduction == NEAP__REDUCE_logsumexp
                                          ? 3
                                          : ldexp(1, exponent - (narrow ? 6 : 30)));
            neap__store_number(dtype, x, i,
                               reduction == NEAP__REDUCE_prod ? 1 + v * 1e3 : v);
        } else {
            uint64_t bits = (uint64_t)next_bits() << 33 ^ next_bits();
            memcpy((char *)x + (size_t)i * neap_dtype_size(dtype), &bits,
                   neap_dtype_size(dtype));
        }
    }
}

static bool right_result(neap_dtype dtype, neap__reduction reduction, bool rows,
                         int64_t length, int64_t count, const double *numbers,
                         const int64_t *integers, const void *y, int64_t i)
{
    if (!neap__is_floating(dtype))
        return same_integer(dtype, y, i, integer_of(reduction, dtype, count, integers));
    if (reduction == NEAP__REDUCE_logsumexp) {
        double sum = 0;
        for (int64_t k = 0; k < count; k++)
            sum += exp(numbers[k]);
        return near(neap__element_number(dtype, y, i), log(sum),
                    dtype == NEAP_FLOAT64   ? 1e-13
                    : dtype == NEAP_FLOAT32 ? 1e-6
                                            : 1e-2);
    }
    double cell = cell_of(reduction, rows, length, count ? count / length : 0, numbers);
    if (reduction == NEAP__REDUCE_mean)
        cell /= (double)count;
    return isnan(cell) ? isnan(neap__element_number(dtype, y, i))
                       : same_floating(dtype, y, i, cell);
}

static void check_reduce(neap__isa isa, neap_dtype dtype, neap__reduction reduction,
                         const neap__shape *x, unsigned mask)
{
    const neap__shape result = neap__reduced(x, mask, true);
    const int64_t size = neap__shape_size(x), outputs = neap__shape_size(&result);
    const int64_t count = outputs ? size / outputs : 0;
    neap__reduce_args a = {.dtype = dtype, .isa = isa, .reduction = reduction};
    neap__reduce_fix(&a, x, mask);
    CHECK(a.outputs == outputs);
    void *in = buffer((size_t)size * 8), *out = buffer((size_t)outputs * 8);
    void *first = buffer((size_t)outputs * 8);
    double *numbers = buffer((size_t)size * sizeof *numbers);
    int64_t *integers = buffer((size_t)size * sizeof *integers);
    int64_t *filled = buffer((size_t)outputs * sizeof *filled), length;
    const bool rows = by_rows(x, mask, &length);
    fill(dtype, size, in, reduction);
    memset(filled, 0, (size_t)outputs * sizeof *filled);
    for (int64_t i = 0; i < size; i++) {
        int64_t index[NEAP_MAX_RANK];
        split_index(x, i, index);
        const int64_t at = operand_index(&result, x, index);
        const int64_t to = at * count + filled[at]++;
        numbers[to] = neap__element_number(dtype, in, i);
        integers[to] = neap__element_integer(dtype, in, i);
    }
    for (int k = 0; k < 3; k++) {
        void *scratch = buffer(neap__reduce_scratch(&a, workers[k]));
        const void *ins[] = {in};
        void *outs[] = {k ? out : first};
        CHECK(run(neap__cpu_reduce, &a, ins, outs, scratch, workers[k], NULL) == NEAP_OK);
        if (k)
            CHECK(memcmp(out, first, (size_t)outputs * neap_dtype_size(dtype)) == 0);
        free(scratch);
    }
    bool right = true;
    for (int64_t i = 0; i < outputs; i++)
        right =
            right && right_result(dtype, reduction, rows, length, count,
                                  numbers + i * count, integers + i * count, first, i);
    if (!CHECK(right)) {
        char text[NEAP__SHAPE_SIZE];
        printf("  %s of %s, shape %s mask %u, %s\n", names[reduction],
               neap_dtype_name(dtype), neap__shape_text(text, x), mask,
               neap__isa_name(isa));
    }
    free(in);
    free(out);
    free(first);
    free(numbers);
    free(integers);
    free(filled);
}

static void check_random_shapes(neap__isa isa, neap__reduction reduction, int dtypes)
{
    for (int k = 0; k < 25 * dtypes; k++) {
        const neap__shape x = random_shape(k % 25 ? 2000 : 300000);
        check_reduce(isa, (neap_dtype)(NEAP_FLOAT32 + k % dtypes), reduction, &x,
                     next_bits() & ((1u << x.rank) - 1));
    }
}

/* Lengths at which something changes, in both layouts, around and between. */
static void check_lengths(neap__isa isa, neap__reduction reduction)
{
    for (int64_t n = 1; n < 1200; n += n < 140 || (n > 505 && n < 520) ? 1 : 29) {
        const int64_t others = n % 3 * 20 + 1;
        check_reduce(isa, NEAP_FLOAT32, reduction, &(neap__shape){2, {others, n}}, 2);
        check_reduce(isa, NEAP_FLOAT64, reduction, &(neap__shape){2, {n, others}}, 1);
        check_reduce(isa, NEAP_FLOAT32, reduction, &(neap__shape){2, {others, n}}, 1);
    }
    /* chunks of long rows, of many columns, of rounds of both */
    check_reduce(isa, NEAP_FLOAT32, reduction, &(neap__shape){1, {700001}}, 1);
    check_reduce(isa, NEAP_FLOAT32, reduction, &(neap__shape){2, {90001, 10}}, 1);
    check_reduce(isa, NEAP_FLOAT32, reduction, &(neap__shape){2, {1111, 600}}, 1);
    check_reduce(isa, NEAP_FLOAT32, reduction, &(neap__shape){3, {40000, 3, 9}}, 5);
    check_reduce(isa, NEAP_FLOAT32, reduction, &(neap__shape){3, {5, 2, 90000}}, 5);
    check_reduce(isa, NEAP_FLOAT32, reduction, &(neap__shape){4, {90, 3, 600, 5}}, 5);
    check_reduce(isa, NEAP_FLOAT32, reduction, &(neap__shape){4, {3, 2, 40000, 5}}, 5);
}

/* ---- The loops themselves ---------------------------------------------------------- */

/* Rows of a block may come in several calls; rows may be apart. */
static void check_calls(neap__isa isa, neap__reduction reduction)
{
    enum { STRIDE = 37, ROWS = 64 };
    const neap__fold *f = neap__find_fold(isa, reduction, NEAP_FLOAT32);
    float x[ROWS * STRIDE], y[ROWS];
    _Alignas(NEAP__CELL) char cells[ROWS * NEAP__CELL];
    double column[ROWS];
    fill(NEAP_FLOAT32, ROWS * STRIDE, x, reduction);
    for (int64_t n = 1; n <= STRIDE; n++) {
        f->zero(n, cells);
        for (int64_t r = 0, some; r < ROWS; r += some) {
            some = 1 + next_below(ROWS - r);
            f->columns(some, n, STRIDE, x + r * STRIDE, cells);
        }
        f->finish(n, ROWS, cells, y);
        for (int64_t j = 0; j < n; j++) {
            for (int64_t r = 0; r < ROWS; r++)
                column[r] = x[r * STRIDE + j];
            const double cell = block_of_column(reduction, ROWS, column);
            CHECK(y[j] == (float)(reduction == NEAP__REDUCE_mean ? cell / ROWS : cell));
        }
        f->rows(ROWS, n, STRIDE, x, cells);
        f->finish(ROWS, n, cells, y);
        for (int64_t r = 0; r < ROWS; r++) {
            for (int64_t i = 0; i < n; i++)
                column[i] = x[r * STRIDE + i];
            const double cell = block_of_row(reduction, n, column);
            CHECK(y[r] ==
                  (float)(reduction == NEAP__REDUCE_mean ? cell / (double)n : cell));
        }
    }
}

/* Blocks one by one, and in groups of 2^k that were combined before. */
static void check_pairwise(void)
{
    enum { MOST = 300 };
    const neap__fold *f = neap__find_fold(NEAP__GENERIC, NEAP__REDUCE_sum, NEAP_FLOAT64);
    double x[MOST];
    fill(NEAP_FLOAT64, MOST, x, NEAP__REDUCE_sum);
    for (int64_t n = 0; n <= MOST; n++)
        for (int64_t group = 1; group <= 64; group *= 4) {
            void *scratch = buffer(neap__pairwise_bytes(f, 1, n));
            void *inner = buffer(neap__pairwise_bytes(f, 1, group));
            neap__pairwise p, q;
            neap__pairwise_begin(&p, f, 1, scratch);
            for (int64_t at = 0; at < n; at += group) {
                neap__pairwise_begin(&q, f, 1, inner);
                for (int64_t i = at; i < n && i < at + group; i++) {
                    memcpy(neap__pairwise_next(&q), &x[i], sizeof *x);
                    neap__pairwise_push(&q);
                }
                memcpy(neap__pairwise_next(&p), neap__pairwise_end(&q), sizeof *x);
                neap__pairwise_push(&p);
            }
            CHECK(*(double *)neap__pairwise_end(&p) == pairs(NEAP__REDUCE_sum, n, x));
            free(scratch);
            free(inner);
        }
}

/* ---- Values ------------------------------------------------------------------------ */

static double reduced(neap__reduction reduction, neap_dtype dtype, int64_t n,
                      const void *x)
{
    neap__reduce_args a = {
        .dtype = dtype, .isa = neap__best_isa(), .reduction = reduction};
    const neap__shape shape = {1, {n}};
    double out = 0;
    void *outs[] = {&out};
    const void *in[] = {x};
    neap__reduce_fix(&a, &shape, 1);
    void *scratch = buffer(neap__reduce_scratch(&a, 1));
    run(neap__cpu_reduce, &a, in, outs, scratch, 1, NULL);
    free(scratch);
    return neap__element_number(dtype, &out, 0);
}

static void check_reduce_values(void)
{
    const float thousand[] = {1000, 1000}, minus[] = {-1000, -1000},
                inf[] = {INFINITY, 1};
    const float nothing[] = {-INFINITY, -INFINITY}, nan[] = {1, NAN, 2};
    CHECK(near(reduced(NEAP__REDUCE_logsumexp, NEAP_FLOAT32, 2, thousand),
               1000.6931471805599, 1e-7));
    CHECK(near(reduced(NEAP__REDUCE_logsumexp, NEAP_FLOAT32, 2, minus), -999.30685281944,
               1e-7));
    CHECK(reduced(NEAP__REDUCE_logsumexp, NEAP_FLOAT32, 2, inf) == INFINITY);
    CHECK(reduced(NEAP__REDUCE_logsumexp, NEAP_FLOAT32, 1, inf) == INFINITY);
    CHECK(reduced(NEAP__REDUCE_logsumexp, NEAP_FLOAT32, 2, nothing) == -INFINITY);
    CHECK(reduced(NEAP__REDUCE_logsumexp, NEAP_FLOAT32, 0, nothing) == -INFINITY);
    CHECK(isnan(reduced(NEAP__REDUCE_logsumexp, NEAP_FLOAT32, 3, nan)));
    CHECK(isnan(reduced(NEAP__REDUCE_max, NEAP_FLOAT32, 3, nan)));
    CHECK(isnan(reduced(NEAP__REDUCE_min, NEAP_FLOAT32, 3, nan)));
    CHECK(reduced(NEAP__REDUCE_max, NEAP_FLOAT64, 0, nan) == -INFINITY);
    CHECK(reduced(NEAP__REDUCE_max, NEAP_INT32, 0, nan) == INT32_MIN);
    CHECK(reduced(NEAP__REDUCE_max, NEAP_UINT8, 0, nan) == 0);
    CHECK(reduced(NEAP__REDUCE_min, NEAP_FLOAT64, 0, nan) == INFINITY);
    CHECK(reduced(NEAP__REDUCE_min, NEAP_INT8, 0, nan) == INT8_MAX);
    CHECK(reduced(NEAP__REDUCE_min, NEAP_UINT8, 0, nan) == UINT8_MAX);
    CHECK(reduced(NEAP__REDUCE_prod, NEAP_FLOAT32, 0, nan) == 1);
    CHECK(reduced(NEAP__REDUCE_prod, NEAP_INT16, 0, nan) == 1);
    CHECK(isnan(reduced(NEAP__REDUCE_mean, NEAP_FLOAT32, 0, nan)));
    CHECK(reduced(NEAP__REDUCE_sum, NEAP_FLOAT32, 0, nan) == 0);
    CHECK(reduced(NEAP__REDUCE_mean, NEAP_INT32, 0, nan) == 0);
    const int32_t odd[] = {-3, 0}, large[] = {INT32_MAX, INT32_MAX};
    CHECK(reduced(NEAP__REDUCE_mean, NEAP_INT32, 2, odd) == -1);
    CHECK(reduced(NEAP__REDUCE_sum, NEAP_INT32, 2, large) == -2);
    CHECK(reduced(NEAP__REDUCE_mean, NEAP_INT32, 2, large) == INT32_MAX);
    const int64_t huge[] = {INT64_MAX, INT64_MAX - 1022, INT64_MAX - 1};
    CHECK(reduced(NEAP__REDUCE_mean, NEAP_INT64, 3, huge) == (double)(INT64_MAX - 341));
    /* within a block, products and sums may leave the dtype's range and come back */
    const float far[] = {1e30f, 1e30f, 1e-30f, 1e-30f};
    CHECK(near(reduced(NEAP__REDUCE_prod, NEAP_FLOAT32, 4, far), 1, 1e-6));
    const int64_t n = 10000000;
    float *ones = buffer((size_t)n * sizeof *ones);
    for (int64_t i = 0; i < n; i++)
        ones[i] = 1;
    CHECK(reduced(NEAP__REDUCE_sum, NEAP_FLOAT32, n, ones) == 1e7);
    CHECK(reduced(NEAP__REDUCE_mean, NEAP_FLOAT32, n, ones) == 1);
    free(ones);
    for (int64_t size = 1; size < 200; size++) { /* a NaN anywhere */
        float x[200] = {0};
        x[next_below(size)] = NAN;
        CHECK(isnan(reduced(NEAP__REDUCE_max, NEAP_FLOAT32, size, x)));
        CHECK(isnan(reduced(NEAP__REDUCE_min, NEAP_FLOAT32, size, x)));
    }
}

int main(void)
{
    neap__pool_retain();
    for (neap__isa isa = NEAP__GENERIC; isa <= neap__best_isa(); isa++) {
        for (int r = NEAP__REDUCE_none + 1; r < NEAP__REDUCTIONS; r++) {
            check_random_shapes(isa, (neap__reduction)r, 9);
            check_lengths(isa, (neap__reduction)r);
            check_calls(isa, (neap__reduction)r);
        }
        check_random_shapes(isa, NEAP__REDUCE_logsumexp, 4);
    }
    check_pairwise();
    check_reduce_values();
    neap__pool_release();
    return check_report();
}
