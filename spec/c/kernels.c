/* kernels.c - moves, random numbers and optimizers against plain loops in double, for
 * every instruction set that this machine has, and with 1, 2 and 5 workers, whose results
 * must have the same bits.
 *
 * Runs once: it goes through the instruction sets itself. */
#include "cpu/divide.h"
#include "cpu/move.h"
#include "cpu/random.h"
#include "cpu/update.h"
#include "numbers.h"

#include <float.h>

static const int workers[] = {1, 2, 5};

/* ---- Argmax ------------------------------------------------------------------------ */

static void check_argmax(void)
{
    const float x[] = {1, 3, 3, 2, NAN, 5, NAN, 7, 0, 0, 0, 0};
    int64_t out[4];
    int32_t narrow[3];
    void *outs[] = {out}, *narrows[] = {narrow};
    const void *in[] = {x};
    neap__argmax_args a = {NEAP_FLOAT32, NEAP_INT64, 3, 4, 1};
    run(neap__cpu_argmax, &a, in, outs, NULL, 1, NULL);
    CHECK(out[0] == 1 && out[1] == 0 && out[2] == 0);
    a = (neap__argmax_args){NEAP_FLOAT32, NEAP_INT32, 1, 4, 3}; /* columns of (4, 3) */
    run(neap__cpu_argmax, &a, in, narrows, NULL, 1, NULL);
    CHECK(narrow[0] == 2 && narrow[1] == 1 && narrow[2] == 1);
}

/* ---- Moves ------------------------------------------------------------------------- */

/* A transpose, broadcast or reversal of a random array. */
static void check_copy(size_t width)
{
    const neap__shape x = random_shape(40000);
    const int64_t size = neap__shape_size(&x);
    int64_t x_strides[NEAP_MAX_RANK], dims[NEAP_MAX_RANK], strides[NEAP_MAX_RANK],
        total = 1;
    neap__shape y = {.rank = x.rank};
    int order[NEAP_MAX_RANK];
    neap__strides(&x, x_strides);
    for (int d = 0; d < x.rank; d++)
        order[d] = d;
    for (int d = x.rank - 1; d > 0; d--) {
        const int other = (int)next_below(d + 1), kept = order[d];
        order[d] = order[other];
        order[other] = kept;
    }
    neap__copy_args a = {.width = width};
    for (int d = 0; d < x.rank; d++) {
        dims[d] = x.dims[order[d]];
        strides[d] = x_strides[order[d]];
        if (next_below(6) == 0 && dims[d] > 0) { /* from the end */
            a.offset += (dims[d] - 1) * strides[d];
            strides[d] = -strides[d];
        } else if (dims[d] == 1 && next_below(2) && total < 1000) {
            dims[d] = 4;
            strides[d] = 0;
        }
        y.dims[d] = dims[d];
        total *= dims[d];
    }
    unsigned char *from = buffer((size_t)size * width),
                  *to = buffer((size_t)total * width);
    for (size_t i = 0; i < (size_t)size * width; i++)
        from[i] = (unsigned char)next_bits();
    const int64_t offset = a.offset;
    neap__copy_fix(&a, x.rank, dims, strides);
    const void *in[] = {from};
    void *out[] = {to};
    for (int w = 0; w < 3; w++) {
        memset(to, 0xAB, (size_t)total * width);
        run(neap__cpu_copy, &a, in, out, NULL, workers[w], NULL);
        bool right = to[(size_t)total * width] == 0xAB;
        for (int64_t i = 0; i < total; i++) {
            int64_t index[NEAP_MAX_RANK], at = offset;
            split_index(&y, i, index);
            for (int d = 0; d < x.rank; d++)
                at += index[d] * strides[d];
            right = right &&
                    memcmp(to + (size_t)i * width, from + (size_t)at * width, width) == 0;
        }
        CHECK(right);
    }
    free(from);
    free(to);
}

static void check_concat(void)
{
    const unsigned char a[] = {1, 2, 3, 4, 5, 6}, b[] = {7, 8}, nothing[] = {0};
    const int64_t bytes[] = {3, 0, 1};
    const neap__concat_args args = {2, 3, bytes, 4};
    unsigned char y[8];
    run(neap__cpu_concat, &args, (const void *[]){a, nothing, b}, (void *[]){y}, NULL, 1,
        NULL);
    CHECK(memcmp(y, (const unsigned char[]){1, 2, 3, 7, 4, 5, 6, 8}, 8) == 0);
}

static void check_gather(neap_dtype index, int64_t n, int64_t inner)
{
    enum { BATCH = 2, WIDE = 3, COUNT = 11 };
    const neap__gather_args g = {4, index, BATCH, WIDE, COUNT, inner, n, {2, {BATCH, n}}};
    const neap__scatter_args s = {NEAP_FLOAT32, g};
    const int64_t params = BATCH * WIDE * COUNT * inner,
                  picked = BATCH * WIDE * n * inner;
    float *x = buffer((size_t)params * 4), *y = buffer((size_t)picked * 4);
    float *sum = buffer((size_t)params * 4), *want = buffer((size_t)params * 4);
    void *indices = buffer((size_t)(BATCH * n) * 8);
    for (int64_t i = 0; i < params; i++) {
        x[i] = (float)next_below(1000);
        want[i] = 0;
    }
    for (int64_t i = 0; i < BATCH * n; i++)
        neap__store_integer(index, indices, i, next_below(COUNT));
    for (int w = 0; w < 3; w++) {
        run(neap__cpu_gather, &g, (const void *[]){x, indices}, (void *[]){y}, NULL,
            workers[w], NULL);
        run(neap__cpu_scatter_add, &s, (const void *[]){y, indices}, (void *[]){sum},
            NULL, workers[w], NULL);
    }
    bool right = true;
    for (int64_t i = 0; i < picked; i++) {
        const int64_t k = i % inner, at = i / inner % n, block = i / inner / n;
        const int64_t row = neap__element_integer(index, indices, block / WIDE * n + at);
        right = right && y[i] == x[(block * COUNT + row) * inner + k];
        want[(block * COUNT + row) * inner + k] += y[i];
    }
    for (int64_t i = 0; i < params; i++)
        right = right && sum[i] == want[i];
    CHECK(right);

    neap_error err = NEAP_ERROR_INIT;
    const float before = y[0];
    neap__store_integer(index, indices, n + 1, 17);
    CHECK(run(neap__cpu_gather, &g, (const void *[]){x, indices}, (void *[]){y}, NULL, 1,
              &err) == NEAP_ERANGE);
    CHECK_TEXT(err.message, "indices[1, 1] = 17 is not in [0, 11)");
    neap__clear(&err);
    neap__store_integer(index, indices, n + 1, -1);
    CHECK(run(neap__cpu_scatter_add, &s, (const void *[]){y, indices}, (void *[]){sum},
              NULL, 1, &err) == NEAP_ERANGE);
    CHECK_TEXT(err.message, "indices[1, 1] = -1 is not in [0, 11)");
    CHECK(y[0] == before);
    free(x);
    free(y);
    free(sum);
    free(want);
    free(indices);
}

/* A random box of a random array: out of it, and back into zeros. */
static void check_slice(void)
{
    const neap__shape x = random_shape(5000);
    neap__shape box = x;
    int64_t begin[NEAP_MAX_RANK + 1];
    for (int d = 0; d < x.rank; d++) {
        box.dims[d] = next_below(2) ? x.dims[d] : next_below(x.dims[d] + 1);
        begin[d] = next_below(x.dims[d] - box.dims[d] + 1);
    }
    const int64_t size = neap__shape_size(&x), n = neap__shape_size(&box);
    float *from = buffer((size_t)size * 4), *part = buffer((size_t)n * 4);
    float *back = buffer((size_t)size * 4), *padded = buffer((size_t)size * 4);
    for (int64_t i = 0; i < size; i++)
        from[i] = (float)(i + 1);
    const neap__slice_args a = {4, NEAP_INT64, x, box};
    neap__pad_args pad = {4, box, x, {0}};
    memcpy(pad.begin, begin, sizeof pad.begin);
    run(neap__cpu_slice, &a, (const void *[]){from, begin}, (void *[]){part}, NULL, 1,
        NULL);
    run(neap__cpu_unslice, &a, (const void *[]){part, begin}, (void *[]){back}, NULL, 1,
        NULL);
    run(neap__cpu_pad_zero, &pad, (const void *[]){part}, (void *[]){padded}, NULL, 1,
        NULL);
    int64_t taken = 0;
    bool right = true;
    for (int64_t i = 0; i < size; i++) {
        int64_t index[NEAP_MAX_RANK];
        bool inside = true;
        split_index(&x, i, index);
        for (int d = 0; d < x.rank; d++)
            inside = inside && index[d] >= begin[d] && index[d] < begin[d] + box.dims[d];
        if (inside)
            right = right && part[taken++] == from[i];
        right = right && back[i] == (inside ? from[i] : 0.0f);
    }
    CHECK(right && taken == n && memcmp(back, padded, (size_t)size * 4) == 0);
    if (x.rank > 0) {
        neap_error err = NEAP_ERROR_INIT;
        char message[100];
        const int d = x.rank - 1;
        begin[d] = x.dims[d] - box.dims[d] + 1;
        snprintf(message, sizeof message,
                 "begin[%d] = %d with size %d does not fit dimension %d", d,
                 (int)begin[d], (int)box.dims[d], (int)x.dims[d]);
        CHECK(run(neap__cpu_slice, &a, (const void *[]){from, begin}, (void *[]){part},
                  NULL, 1, &err) == NEAP_ERANGE);
        CHECK_TEXT(err.message, message);
    }
    free(from);
    free(part);
    free(back);
    free(padded);
}

static void check_constants(void)
{
    const int32_t indices[] = {2, -1, 0, 3};
    neap__one_hot_args a = {
        .dtype = NEAP_FLOAT32, .index = NEAP_INT32, .outer = 4, .depth = 3, .inner = 1};
    const float on = 5, off = 1, rows[] = {1, 1, 5, 1, 1, 1, 5, 1, 1, 1, 1, 1};
    const float columns[] = {1, 1, 5, 1, 1, 1, 1, 1, 5, 1, 1, 1};
    float y[12];
    void *out[] = {y};
    memcpy(a.on, &on, sizeof on);
    memcpy(a.off, &off, sizeof off);
    run(neap__cpu_one_hot, &a, (const void *[]){indices}, out, NULL, 1, NULL);
    CHECK(memcmp(y, rows, sizeof y) == 0);
    a.outer = 1;
    a.inner = 4;
    run(neap__cpu_one_hot, &a, (const void *[]){indices}, out, NULL, 1, NULL);
    CHECK(memcmp(y, columns, sizeof y) == 0);

    neap__fill_args f = {4, 12, {0}};
    memcpy(f.value, &on, sizeof on);
    run(neap__cpu_fill, &f, NULL, out, NULL, 1, NULL);
    CHECK(y[0] == 5 && y[11] == 5);
    run(neap__cpu_fill_from, &f, (const void *[]){&off}, out, NULL, 1, NULL);
    CHECK(y[0] == 1 && y[11] == 1);
}

/* ---- Random numbers ---------------------------------------------------------------- */

static int compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double normal_share(double z) { return 0.5 * erfc(-z / 1.4142135623730951); }

/* Kolmogorov's and Smirnov's distance times sqrt(n), which exceeds 1.95 once in a
 * thousand. */
static void check_random(neap_dtype dtype, neap__distribution distribution, double a,
                         double b)
{
    const int64_t n = 40001;
    const size_t bytes = (size_t)n * neap_dtype_size(dtype);
    neap__random_args args = {dtype, distribution, n, a, b, 0, 0, 42};
    void *x = buffer(bytes), *y = buffer(bytes);
    double *sorted = buffer((size_t)n * sizeof *sorted), worst = 0;
    run(neap__cpu_random, &args, NULL, &x, NULL, 1, NULL);
    run(neap__cpu_random, &args, NULL, &y, NULL, 5, NULL);
    CHECK(memcmp(x, y, bytes) == 0);
    args.count = 1001; /* a prefix is the same */
    run(neap__cpu_random, &args, NULL, &y, NULL, 1, NULL);
    CHECK(memcmp(x, y, 1001 * neap_dtype_size(dtype)) == 0);
    args.seed++;
    run(neap__cpu_random, &args, NULL, &y, NULL, 1, NULL);
    CHECK(memcmp(x, y, 1001 * neap_dtype_size(dtype)) != 0);
    for (int64_t i = 0; i < n; i++)
        sorted[i] = neap__element_number(dtype, x, i);
    qsort(sorted, (size_t)n, sizeof *sorted, compare_numbers);
    for (int64_t i = 0; i < n; i++) {
        const double z = (sorted[i] - a) / b, edge = normal_share(-2);
        const double share = distribution == NEAP__UNIFORM ? (sorted[i] - a) / (b - a)
                             : distribution == NEAP__NORMAL
                                 ? normal_share(z)
                                 : (normal_share(z) - edge) / (1 - 2 * edge);
        worst = fmax(worst, fabs(share - ((double)i + 0.5) / (double)n));
    }
    if (neap_dtype_size(dtype) > 2)
        CHECK(worst * sqrt((double)n) < 1.95);
    if (distribution == NEAP__UNIFORM)
        CHECK(sorted[0] >= a && sorted[n - 1] < b);
    if (distribution == NEAP__TRUNCATED && neap_dtype_size(dtype) > 2)
        CHECK(sorted[0] >= a - 2.000001 * b && sorted[n - 1] <= a + 2.000001 * b);
    free(x);
    free(y);
    free(sorted);
}

static void check_random_integers(void)
{
    enum { N = 60000 };
    static int32_t x[N];
    static int64_t y[100];
    int64_t seen[6] = {0};
    neap__random_args a = {NEAP_INT32, NEAP__UNIFORM, N, 0, 0, -3, 3, 1};
    run(neap__cpu_random, &a, NULL, (void *[]){x}, NULL, 2, NULL);
    for (int i = 0; i < N; i++)
        if (CHECK(x[i] >= -3 && x[i] < 3))
            seen[x[i] + 3]++;
    for (int k = 0; k < 6; k++)
        CHECK(llabs(seen[k] - N / 6) < 500);
    a = (neap__random_args){NEAP_INT64, NEAP__UNIFORM, 100,       0,
                            0,          INT64_MIN,     INT64_MAX, 1};
    run(neap__cpu_random, &a, NULL, (void *[]){y}, NULL, 1, NULL);
    int negative = 0;
    for (int i = 0; i < 100; i++)
        negative += y[i] < 0;
    CHECK(negative > 25 && negative < 75);
}

/* ---- Optimizers -------------------------------------------------------------------- */

enum { UPDATED = 40003 };

static void check_updates(neap__isa isa, neap_dtype dtype, int64_t n)
{
    static double v[UPDATED], m[UPDATED], s[UPDATED], g[UPDATED], out[3][UPDATED],
        first[3][UPDATED];
    const double tolerance = dtype == NEAP_FLOAT64 ? 1e-14 : 1e-6;
    const size_t bytes = (size_t)n * neap_dtype_size(dtype);
    double rate = 0;
    for (int kind = 0; kind < 4; kind++) {
        neap__update_args a = {dtype, isa, n, 0.9, 0.9, 0.999, 1e-8, kind == 2};
        neap__store_number(dtype, &rate, 0, 0.125);
        for (int64_t i = 0; i < n; i++) {
            neap__store_number(dtype, v, i, next_number(-1, 1));
            neap__store_number(dtype, m, i, next_number(-1, 1));
            neap__store_number(dtype, s, i, next_number(0, 1));
            neap__store_number(dtype, g, i, next_number(-1, 1));
        }
        int64_t step = 4, next = 0;
        for (int w = 0; w < 3; w++) {
            void *to[] = {out[0], out[1], out[2], &next};
            if (kind == 0)
                run(neap__cpu_apply_gradient_descent, &a, (const void *[]){v, g, &rate},
                    to, NULL, workers[w], NULL);
            else if (kind < 3)
                run(neap__cpu_apply_momentum, &a, (const void *[]){v, m, g, &rate}, to,
                    NULL, workers[w], NULL);
            else
                run(neap__cpu_apply_adam, &a, (const void *[]){v, m, s, &step, g, &rate},
                    to, NULL, workers[w], NULL);
            for (int k = 0; k < (kind == 0 ? 1 : kind < 3 ? 2 : 3); k++) {
                if (w > 0)
                    CHECK(memcmp(out[k], first[k], bytes) == 0);
                memcpy(first[k], out[k], bytes);
            }
        }
        bool right = kind < 3 || next == 5;
        for (int64_t i = 0; i < n; i++) {
            const double x = neap__element_number(dtype, v, i),
                         dx = neap__element_number(dtype, g, i);
            const double slot = neap__element_number(dtype, m, i);
            const double square = neap__element_number(dtype, s, i);
            double want = x - 0.125 * dx, want_slot = 0.9 * slot + dx;
            if (kind == 1)
                want = x - 0.125 * want_slot;
            if (kind == 2)
                want = x - 0.125 * (dx + 0.9 * want_slot);
            if (kind == 3) {
                const double t = 5,
                             want_square = square + (dx * dx - square) * (1 - 0.999);
                want_slot = slot + (dx - slot) * (1 - 0.9);
                want = x - 0.125 * sqrt(1 - pow(0.999, t)) / (1 - pow(0.9, t)) *
                               want_slot / (sqrt(want_square) + 1e-8);
                right = right && near(neap__element_number(dtype, out[2], i), want_square,
                                      tolerance);
            }
            if (kind > 0)
                right = right && near(neap__element_number(dtype, out[1], i), want_slot,
                                      tolerance);
            right =
                right && near(neap__element_number(dtype, out[0], i), want, tolerance);
        }
        CHECK(right);
    }
}

int main(void)
{
    static const neap_dtype floats[] = {NEAP_FLOAT32, NEAP_FLOAT64};
    static const size_t widths[] = {1, 2, 4, 8};
    neap__pool_retain();
    for (neap__isa isa = NEAP__GENERIC; isa <= neap__best_isa(); isa++) {
        for (int f = 0; f < 2; f++) {
            check_updates(isa, floats[f], UPDATED);
            for (int64_t n = 0; n < 40; n++)
                check_updates(isa, floats[f], n);
        }
    }
    check_argmax();
    for (int k = 0; k < 1000; k++) {
        check_copy(widths[k % 4]);
        check_slice();
    }
    check_concat();
    for (int64_t n = 2; n < 40; n += 7) {
        check_gather(NEAP_INT32, n, n);
        check_gather(NEAP_INT64, n * 10, 100);
    }
    check_constants();
    for (neap_dtype d = NEAP_FLOAT32; d <= NEAP_BFLOAT16; d++) {
        check_random(d, NEAP__UNIFORM, 0, 1);
        check_random(d, NEAP__UNIFORM, -3, 0.5);
        check_random(d, NEAP__NORMAL, 1, 2);
        check_random(d, NEAP__TRUNCATED, -1, 0.5);
    }
    check_random_integers();
    neap__pool_release();
    return check_report();
}
