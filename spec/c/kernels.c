/* kernels.c - fused loops, rows, moves, random numbers and optimizers
 * against plain loops in double, for every instruction set that this machine has, and
 * with 1, 2 and 5 workers, whose results must have the same bits.
 *
 * Runs once: it goes through the instruction sets itself. */
#include "cpu/divide.h"
#include "cpu/move.h"
#include "cpu/random.h"
#include "cpu/update.h"
#include "numbers.h"

#include <float.h>

static const int workers[] = {1, 2, 5};

static neap__isa last_isa(void) { return neap__best_isa(); }

/* ---- Fused loops ------------------------------------------------------------------- */

/* Some of the dimensions 1, some of the first left out. */
static neap__shape random_operand(const neap__shape *domain)
{
    const int64_t style = next_below(4);
    const int dropped = style == 0 ? 0 : (int)next_below(domain->rank + 1);
    neap__shape s = {.rank = domain->rank - (style == 1 ? 0 : dropped)};
    for (int d = 0; d < s.rank; d++) {
        const int from = d + domain->rank - s.rank;
        s.dims[d] = domain->dims[from];
        if ((style == 1 && from >= domain->rank - dropped) ||
            (style == 3 && next_below(2)))
            s.dims[d] = 1;
    }
    return s;
}

/* out0 = (a + b) * c, out1 = out0 - a: out0 may be a's memory. */
static void check_program(neap__isa isa, neap_dtype dtype, int64_t most, bool in_place)
{
    const neap__shape domain = random_shape(most);
    const int64_t size = neap__shape_size(&domain);
    neap__shape shape[3];
    void *load[3], *out[2], *want[2];
    neap__step steps[] = {
        {.function = neap__find_element(isa, NEAP__ELEMENT_add, dtype, dtype),
         .inputs = 2,
         .in = {0, 1},
         .out = 0,
         .dtype = (uint8_t)dtype,
         .store = -1},
        {.function = neap__find_element(isa, NEAP__ELEMENT_multiply, dtype, dtype),
         .inputs = 2,
         .in = {3, 2},
         .out = 0,
         .dtype = (uint8_t)dtype,
         .store = 0},
        {.function = neap__find_element(isa, NEAP__ELEMENT_subtract, dtype, dtype),
         .inputs = 2,
         .in = {3, 0},
         .out = 0,
         .dtype = (uint8_t)dtype,
         .store = 1}};
    neap__load loads[3] = {{0}};
    neap__program p = {.loads = 3,
                       .load = loads,
                       .steps = 3,
                       .stores = 2,
                       .registers = 1,
                       .step = steps,
                       .accumulator = -1};
    for (int i = 0; i < 3; i++) {
        shape[i] = i == 0 && in_place ? domain : random_operand(&domain);
        p.load[i].dtype = (uint8_t)dtype;
        const int64_t n = neap__shape_size(&shape[i]);
        load[i] = buffer((size_t)n * 8);
        for (int64_t k = 0; k < n; k++)
            neap__store_integer(dtype, load[i], k, next_below(5));
    }
    neap__program_fix(&p, &domain, shape);
    for (int i = 0; i < 2; i++) {
        out[i] = buffer((size_t)size * 8);
        want[i] = buffer((size_t)size * 8);
    }
    for (int64_t i = 0; i < size; i++) {
        int64_t index[NEAP_MAX_RANK], v[3];
        split_index(&domain, i, index);
        for (int k = 0; k < 3; k++)
            v[k] = (int64_t)neap__element_number(
                dtype, load[k], operand_index(&shape[k], &domain, index));
        const int64_t first = (v[0] + v[1]) * v[2];
        neap__store_integer(dtype, want[0], i, first);
        neap__store_integer(dtype, want[1], i, first - v[0]);
    }
    void *a = buffer((size_t)(size + neap__shape_size(&shape[0])) * 8);
    const size_t bytes = (size_t)size * neap_dtype_size(dtype);
    for (int k = 0; k < 3; k++) {
        void *scratch = buffer(neap__program_scratch(&p, workers[k]));
        memcpy(a, load[0], (size_t)neap__shape_size(&shape[0]) * neap_dtype_size(dtype));
        void *to[] = {in_place ? a : out[0], out[1]};
        const void *in[] = {a, load[1], load[2]};
        CHECK(run(neap__cpu_program, &p, in, to, scratch, workers[k], NULL) == NEAP_OK);
        CHECK(memcmp(to[0], want[0], bytes) == 0);
        CHECK(memcmp(to[1], want[1], bytes) == 0);
        free(scratch);
    }
    for (int i = 0; i < 3; i++)
        free(load[i]);
    for (int i = 0; i < 2; i++) {
        free(out[i]);
        free(want[i]);
    }
    free(a);
}

/* An epilogue: the middle of a domain of (rows, 100), with a bias for each column;
 * accumulator 0. */
static void check_span(neap__isa isa)
{
    neap__step step = {.function = neap__find_element(isa, NEAP__ELEMENT_add,
                                                      NEAP_FLOAT32, NEAP_FLOAT32),
                       .inputs = 2,
                       .in = {0, 1},
                       .out = 0,
                       .dtype = NEAP_FLOAT32,
                       .store = 0};
    neap__load loads[2] = {{0}};
    neap__program p = {.loads = 2,
                       .load = loads,
                       .steps = 1,
                       .stores = 1,
                       .registers = 1,
                       .step = &step,
                       .accumulator = 0};
    const neap__shape domain = {2, {50, 100}}, shapes[] = {{2, {50, 100}}, {1, {100}}};
    static float tile[5000], bias[100], out[5000];
    for (int i = 0; i < 100; i++)
        bias[i] = (float)i;
    for (int i = 0; i < 5000; i++)
        tile[i] = (float)next_below(100);
    p.load[0].dtype = p.load[1].dtype = NEAP_FLOAT32;
    neap__program_fix(&p, &domain, shapes);
    void *scratch = buffer(neap__program_scratch(&p, 1)), *to[] = {out};
    const void *in[] = {bias};
    static const int64_t spans[][2] = {
        {0, 5000}, {130, 70}, {17, 1000}, {300, 1}, {4999, 1}};
    for (int k = 0; k < 5; k++) {
        const int64_t begin = spans[k][0], n = spans[k][1];
        memset(out, 0, sizeof out);
        neap__program_span(&p, in, to, tile, begin, n, scratch);
        bool right = true;
        for (int64_t i = 0; i < 5000; i++) {
            const bool inside = i >= begin && i < begin + n;
            right = right && out[i] == (inside ? tile[i - begin] + bias[i % 100] : 0.0f);
        }
        CHECK(right);
    }
    free(scratch);
}

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

/* ---- Rows -------------------------------------------------------------------------- */

enum { OUTER = 5, MOST = 300 };

static void check_rows(neap__isa isa, neap_dtype dtype, int64_t count, int64_t inner,
                       double scale)
{
    const int64_t total = OUTER * inner, size = total * count;
    const double tolerance = dtype == NEAP_FLOAT64 ? 1e-13 : 4e-6;
    const size_t bytes = (size_t)size * neap_dtype_size(dtype);
    const size_t row_bytes = (size_t)total * neap_dtype_size(dtype);
    neap__row_args a = {dtype, NEAP_INT32, isa, OUTER, count, inner};
    void *x = buffer(bytes), *dy = buffer(bytes), *labels = buffer(bytes),
         *d = buffer(row_bytes);
    void *out[9], *two[9];
    int32_t *sparse = buffer((size_t)total * sizeof *sparse);
    for (int64_t i = 0; i < size; i++) {
        neap__store_number(dtype, x, i, next_number(-scale, scale));
        neap__store_number(dtype, dy, i, next_number(-1, 1));
        neap__store_number(dtype, labels, i, next_number(0, 2.0 / (double)count));
    }
    for (int64_t i = 0; i < total; i++) {
        neap__store_number(dtype, d, i, next_number(-1, 1));
        sparse[i] = (int32_t)next_below(count);
    }
    for (int k = 0; k < 8; k++) {
        out[k] = buffer(bytes);
        two[k] = buffer(bytes);
    }
    for (int k = 0; k < 2; k++) {
        void **to = k ? two : out;
        const int w = k ? 5 : 1;
        run(neap__cpu_softmax, &a, (const void *[]){x}, &to[0], NULL, w, NULL);
        run(neap__cpu_log_softmax, &a, (const void *[]){x}, &to[1], NULL, w, NULL);
        run(neap__cpu_softmax_gradient, &a, (const void *[]){dy, to[0]}, &to[2], NULL, w,
            NULL);
        run(neap__cpu_log_softmax_gradient, &a, (const void *[]){dy, to[1]}, &to[3], NULL,
            w, NULL);
        run(neap__cpu_cross_entropy, &a, (const void *[]){labels, x}, &to[4], NULL, w,
            NULL);
        run(neap__cpu_cross_entropy_gradient, &a, (const void *[]){d, labels, x}, &to[5],
            NULL, w, NULL);
        run(neap__cpu_sparse_cross_entropy, &a, (const void *[]){sparse, x}, &to[6], NULL,
            w, NULL);
        run(neap__cpu_sparse_cross_entropy_gradient, &a, (const void *[]){d, sparse, x},
            &to[7], NULL, w, NULL);
    }
    for (int k = 0; k < 8; k++)
        CHECK(memcmp(out[k], two[k], k == 4 || k == 6 ? row_bytes : bytes) == 0);
    bool right = true;
    for (int64_t r = 0; r < total; r++) {
        const int64_t base = r / inner * count * inner + r % inner;
        double max = -INFINITY, sum = 0, dot = 0, sum_dy = 0, mass = 0, loss = 0;
        for (int64_t k = 0; k < count; k++)
            max = fmax(max, neap__element_number(dtype, x, base + k * inner));
        for (int64_t k = 0; k < count; k++)
            sum += exp(neap__element_number(dtype, x, base + k * inner) - max);
        for (int64_t k = 0; k < count; k++) {
            const int64_t i = base + k * inner;
            const double l = neap__element_number(dtype, x, i) - max - log(sum);
            dot += neap__element_number(dtype, dy, i) * exp(l);
            sum_dy += neap__element_number(dtype, dy, i);
            mass += neap__element_number(dtype, labels, i);
            loss -= neap__element_number(dtype, labels, i) * l;
        }
        const double scalar = neap__element_number(dtype, d, r);
        for (int64_t k = 0; k < count; k++) {
            const int64_t i = base + k * inner;
            const double l = neap__element_number(dtype, x, i) - max - log(sum),
                         y = exp(l);
            const double g = neap__element_number(dtype, dy, i);
            const double label = neap__element_number(dtype, labels, i);
            const double want[] = {y,
                                   l,
                                   (g - dot) * y,
                                   g - y * sum_dy,
                                   0,
                                   (y * mass - label) * scalar,
                                   0,
                                   (y - (k == sparse[r])) * scalar};
            for (int o = 0; o < 8; o++)
                right = right && (o == 4 || o == 6 ||
                                  near(neap__element_number(dtype, out[o], i), want[o],
                                       tolerance));
            if (k == sparse[r])
                right =
                    right && near(neap__element_number(dtype, out[6], r), -l, tolerance);
        }
        right = right && near(neap__element_number(dtype, out[4], r), loss, tolerance);
    }
    if (!CHECK(right))
        printf("  rows of %s: count %d inner %d scale %g, %s\n", neap_dtype_name(dtype),
               (int)count, (int)inner, scale, neap__isa_name(isa));
    for (int k = 0; k < 8; k++) {
        free(out[k]);
        free(two[k]);
    }
    free(x);
    free(dy);
    free(labels);
    free(d);
    free(sparse);
}

static void check_row_edges(void)
{
    neap__row_args a = {NEAP_FLOAT32, NEAP_INT64, last_isa(), 2, 3, 1};
    const float x[] = {-INFINITY, -INFINITY, -INFINITY, 1e4f, 1e38f, -1e38f};
    float y[6] = {9, 9, 9, 9, 9, 9};
    void *out[] = {y};
    run(neap__cpu_softmax, &a, (const void *[]){x}, out, NULL, 1, NULL);
    CHECK(isnan(y[0]) && y[3] == 0 && y[4] == 1 && y[5] == 0);

    const int64_t labels[] = {2, 3}, negative[] = {-1, 0};
    neap_error err = NEAP_ERROR_INIT;
    float loss[] = {9, 9};
    void *losses[] = {loss};
    CHECK(run(neap__cpu_sparse_cross_entropy, &a, (const void *[]){labels, x}, losses,
              NULL, 1, &err) == NEAP_ERANGE);
    CHECK_TEXT(err.message, "labels[1] = 3 is not in [0, 3)");
    CHECK(loss[0] == 9);
    neap__clear(&err);
    CHECK(run(neap__cpu_sparse_cross_entropy_gradient, &a,
              (const void *[]){loss, negative, x}, out, NULL, 1, &err) == NEAP_ERANGE);
    CHECK_TEXT(err.message, "labels[0] = -1 is not in [0, 3)");

    a.count = 0;
    CHECK(run(neap__cpu_softmax, &a, (const void *[]){x}, out, NULL, 1, NULL) == NEAP_OK);
    CHECK(run(neap__cpu_cross_entropy, &a, (const void *[]){x, x}, losses, NULL, 1,
              NULL) == NEAP_OK);
    CHECK(loss[0] == 0 && loss[1] == 0);
    a.outer = 0;
    CHECK(run(neap__cpu_sparse_cross_entropy, &a, (const void *[]){x, x}, losses, NULL, 1,
              &err) == NEAP_OK);
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
        for (int k = 0; k < 600; k++) {
            static const neap_dtype dtypes[] = {NEAP_FLOAT32, NEAP_FLOAT64, NEAP_INT16,
                                                NEAP_INT8};
            check_program(isa, dtypes[k % 4], k % 10 ? 3000 : 60000, k % 3 == 0);
        }
        check_span(isa);
        for (int f = 0; f < 2; f++) {
            for (int64_t count = 1; count <= MOST; count += count < 40 ? 1 : 37) {
                check_rows(isa, floats[f], count, 1, count % 2 ? 5 : 80);
                check_rows(isa, floats[f], count, 3, 5);
            }
            check_rows(isa, floats[f], 7, 3000, 5);
            check_updates(isa, floats[f], UPDATED);
            for (int64_t n = 0; n < 40; n++)
                check_updates(isa, floats[f], n);
        }
    }
    check_argmax();
    check_row_edges();
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
