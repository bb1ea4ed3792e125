/* gemm.c - matrix products on every instruction set of this machine and on both
 * engines.
 *
 * Most operands are small integers, whose products and sums are exact in any order:
 * the expected values, added up one by one in float64, must be met exactly.
 *
 * Runs once: it goes through the instruction sets itself. */
#include "check.h"
#include "cpu/gemm.h"
#include "cpu/program.h"

#include <math.h>
#include <stdlib.h>

enum { GUARD = 64 }; /* elements after C that nobody may write */

static uint64_t state = 1;

static uint64_t draw(uint64_t below)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (state >> 33) % below;
}

static void put(neap_dtype dtype, void *data, int64_t i, double value)
{
    if (dtype == NEAP_FLOAT64)
        ((double *)data)[i] = value;
    else
        ((float *)data)[i] = (float)value;
}

static double get(neap_dtype dtype, const void *data, int64_t i)
{
    return dtype == NEAP_FLOAT64 ? ((const double *)data)[i]
                                 : (double)((const float *)data)[i];
}

/* A product with operands of its own. */
typedef struct product {
    neap__gemm g;
    int64_t a_count, b_count, c_count;
    size_t width;
    void *a, *b, *c;
} product;

typedef enum values { INTEGERS, FRACTIONS } values;

static void *filled(neap_dtype dtype, int64_t count, values kind)
{
    void *data = malloc((size_t)count * neap_dtype_size(dtype) + 1);
    for (int64_t i = 0; i < count; i++)
        put(dtype, data, i,
            kind == INTEGERS ? (double)draw(9) - 4 : (double)draw(2001) / 1000 - 1);
    return data;
}

/* Sizes, transposes and leading dimensions are those of `g`; batches lie one after
 * another, except that a stride of 0 in g stays. */
static product make(neap__gemm g, values kind)
{
    product p = {.g = g, .width = neap_dtype_size(g.dtype)};
    int64_t a_rows = g.transpose_a ? g.k : g.m, b_rows = g.transpose_b ? g.n : g.k;
    int64_t a_products = 1, b_products = 1;
    p.g.batch = 1;
    for (int d = g.batch_rank - 1; d >= 0; d--) {
        p.g.a_strides[d] = g.a_strides[d] ? a_products * a_rows * g.lda : 0;
        p.g.b_strides[d] = g.b_strides[d] ? b_products * b_rows * g.ldb : 0;
        a_products *= g.a_strides[d] ? g.batch_dims[d] : 1;
        b_products *= g.b_strides[d] ? g.batch_dims[d] : 1;
        p.g.batch *= g.batch_dims[d];
    }
    p.a_count = a_products * a_rows * g.lda;
    p.b_count = b_products * b_rows * g.ldb;
    p.c_count = p.g.batch * g.m * g.n;
    p.a = filled(g.dtype, p.a_count, kind);
    p.b = filled(g.dtype, p.b_count, kind);
    p.c = malloc((size_t)(p.c_count + GUARD) * p.width);
    return p;
}

static void drop(product *p)
{
    free(p->a);
    free(p->b);
    free(p->c);
}

/* C becomes NaN, then the product; false if the engine cannot serve. */
static bool compute(product *p, int engine, int workers)
{
    for (int64_t i = 0; i < p->c_count + GUARD; i++)
        put(p->g.dtype, p->c, i, (double)NAN);
    size_t bytes = neap__gemm_choose(&p->g, workers);
    if (!neap__gemm_force(&p->g, engine))
        return false;
    void *scratch = aligned_alloc(64, (bytes + 127) / 64 * 64);
    memset(scratch, 0xFF, bytes); /* NaN */
    const void *in[] = {p->a, p->b};
    void *out[] = {p->c};
    neap__team team;
    neap__call call = {
        .in = in, .out = out, .args = &p->g, .scratch = scratch, .team = &team};
    neap__team_begin(&team, workers);
    CHECK(neap__cpu_gemm(&call) == NEAP_OK);
    neap__team_end(&team);
    free(scratch);
    return true;
}

/* Element (i, j) of product b, and what its terms add up to without signs. */
static double expected(const product *p, int64_t b, int64_t i, int64_t j,
                       double *magnitude)
{
    const neap__gemm *g = &p->g;
    int64_t at_a = 0, at_b = 0;
    double sum = 0;
    *magnitude = 0;
    for (int d = g->batch_rank - 1; d >= 0; b /= g->batch_dims[d--]) {
        at_a += b % g->batch_dims[d] * g->a_strides[d];
        at_b += b % g->batch_dims[d] * g->b_strides[d];
    }
    for (int64_t k = 0; k < g->k; k++) {
        double x = get(g->dtype, p->a,
                       at_a + (g->transpose_a ? k * g->lda + i : i * g->lda + k));
        double y = get(g->dtype, p->b,
                       at_b + (g->transpose_b ? j * g->ldb + k : k * g->ldb + j));
        sum += x * y;
        *magnitude += fabs(x * y);
    }
    return sum;
}

/* The largest error beyond `tolerance` times the magnitude: 0 if all is well. Of a
 * large product only some elements are looked at, drawn anew for each. */
static double excess(const product *p, double tolerance)
{
    const neap__gemm *g = &p->g;
    double worst = 0, magnitude;
    int64_t step = 1 + p->c_count * g->k / 200000;
    for (int64_t c = 0; c < p->c_count;
         c += 1 + (int64_t)draw((uint64_t)(2 * step - 1))) {
        int64_t row = c / g->n;
        double want = expected(p, row / g->m, row % g->m, c % g->n, &magnitude);
        double error = fabs(get(g->dtype, p->c, c) - want) - tolerance * magnitude;
        if (!(error <= worst)) /* NaN too */
            worst = isnan(error) ? HUGE_VAL : error;
    }
    return worst;
}

static bool guard_stands(const product *p)
{
    for (int64_t i = 0; i < GUARD; i++)
        if (!isnan(get(p->g.dtype, p->c, p->c_count + i)))
            return false;
    return true;
}

static void meets(neap__gemm g)
{
    product p = make(g, INTEGERS);
    for (int engine = 0; engine < 2; engine++)
        if (compute(&p, engine, 2) && !CHECK(excess(&p, 0) <= 0 && guard_stands(&p)))
            printf("  engine %d, %s %s, %d x %d x %d, %c%c, batch %d\n", engine,
                   neap_dtype_name(g.dtype), neap__isa_name(g.isa), (int)g.m, (int)g.k,
                   (int)g.n, g.transpose_a ? 'T' : 'N', g.transpose_b ? 'T' : 'N',
                   (int)p.g.batch);
    drop(&p);
}

static neap__gemm plain(neap_dtype dtype, neap__isa isa, int64_t m, int64_t k, int64_t n,
                        bool ta, bool tb, int64_t pad)
{
    neap__gemm g = {.dtype = dtype,
                    .isa = isa,
                    .m = m,
                    .n = n,
                    .k = k,
                    .transpose_a = ta,
                    .transpose_b = tb,
                    .batch = 1};
    g.lda = (ta ? m : k) + pad;
    g.ldb = (tb ? k : n) + pad;
    return g;
}

#define EACH_KIND                                                                        \
    for (neap__isa isa = 0; isa <= neap__best_isa(); isa++)                              \
        for (neap_dtype dtype = NEAP_FLOAT32; dtype <= NEAP_FLOAT64; dtype++)            \
            for (int flags = 0; flags < 4; flags++)

static void small_sizes(void)
{
    EACH_KIND
    for (int i = 0; i < 150; i++) {
        int64_t m = 1 + (int64_t)draw(i < 75 ? 20 : 70),
                n = 1 + (int64_t)draw(i < 75 ? 40 : 70);
        int64_t k = (int64_t)draw(i % 3 ? 70 : 8);
        if (i % 7 == 0)
            *(i % 2 ? &m : &n) = 1;
        meets(plain(dtype, isa, m, k, n, flags & 1, flags & 2,
                    i % 2 ? (int64_t)draw(5) : 0));
    }
}

static void large_sizes(void)
{
    static const int64_t sizes[][3] = {{128, 784, 512}, {500, 3, 300},   {3, 2000, 700},
                                       {700, 1000, 9},  {257, 513, 129}, {1, 1500, 3000},
                                       {3000, 1500, 1}, {40, 20000, 40}, {600, 1100, 500},
                                       {100, 20, 9000}};
    EACH_KIND
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        meets(plain(dtype, isa, sizes[i][0], sizes[i][1], sizes[i][2], flags & 1,
                    flags & 2, i % 2 ? 3 : 0));
    /* rows so far apart that A is packed */
    for (int flags = 0; flags < 4; flags++)
        meets(plain(NEAP_FLOAT32, neap__best_isa(), 90, 400, 330, flags & 1, flags & 2,
                    9000));
}

static void batches(void)
{
    EACH_KIND
    for (int i = 0; i < 6; i++) {
        int64_t size = i < 3 ? 5 : 40;
        neap__gemm g =
            plain(dtype, isa, size + i, size, size - 2, flags & 1, flags & 2, i % 2);
        g.batch_rank = 3;
        for (int d = 0; d < 3; d++) {
            g.batch_dims[d] = 2 + d;
            g.a_strides[d] = i % 3 != 1 || d != 1; /* 0: the same operand again */
            g.b_strides[d] = i % 3 == 0;
        }
        meets(g);
    }
    neap__gemm many = plain(NEAP_FLOAT32, neap__best_isa(), 7, 9, 11, false, false, 0);
    many.batch_rank = 1;
    many.batch_dims[0] = 5000;
    many.a_strides[0] = many.b_strides[0] = 1;
    meets(many);
}

static void rounding(void)
{
    EACH_KIND
    for (int i = 0; i < 4; i++) {
        product p = make(plain(dtype, isa, i == 3 ? 1 : 33, 1000 * i + 77, 45, flags & 1,
                               flags & 2, 0),
                         FRACTIONS);
        double epsilon = dtype == NEAP_FLOAT64 ? 0x1p-53 : 0x1p-24;
        compute(&p, 0, 1);
        CHECK(excess(&p, (double)p.g.k * epsilon) <= 0);
        drop(&p);
    }
}

static void same_bits(void)
{
    static const int64_t sizes[][3] = {
        {128, 784, 512}, {333, 444, 555}, {1, 5000, 3000}, {2000, 999, 10}};
    EACH_KIND
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        product p = make(plain(dtype, isa, sizes[i][0], sizes[i][1], sizes[i][2],
                               flags & 1, flags & 2, 0),
                         FRACTIONS);
        for (int engine = 0; engine < 2; engine++) {
            if (!compute(&p, engine, 1))
                continue;
            size_t bytes = (size_t)p.c_count * p.width;
            void *first = malloc(bytes);
            memcpy(first, p.c, bytes);
            for (int workers = 2; workers <= 5; workers += 3) {
                compute(&p, engine, workers);
                CHECK(memcmp(first, p.c, bytes) == 0);
            }
            free(first);
        }
        drop(&p);
    }
}

/* AVX2 and AVX-512 sum in one order, whatever the sizes. */
static void same_bits_by_width(void)
{
    static const int64_t sizes[][3] = {{128, 784, 512}, {333, 1444, 555}, {1, 777, 3000},
                                       {700, 2999, 1},  {1, 5000, 1},     {70, 9000, 70},
                                       {600, 1100, 500}};
    const int large = sizeof sizes / sizeof sizes[0];
    if (neap__best_isa() < NEAP__AVX512)
        return;
    for (neap_dtype dtype = NEAP_FLOAT32; dtype <= NEAP_FLOAT64; dtype++)
        for (int i = 0; i < 400 + large; i++) {
            int64_t m = 1 + (int64_t)draw(30), k = (int64_t)draw(100);
            int64_t n = i % 5 ? 1 + (int64_t)draw(30) : 1;
            if (i % 7 == 0)
                m = 1;
            if (i >= 400)
                m = sizes[i - 400][0], k = sizes[i - 400][1], n = sizes[i - 400][2];
            product p =
                make(plain(dtype, NEAP__AVX2, m, k, n, draw(2), draw(2), 0), FRACTIONS);
            compute(&p, 0, 1);
            size_t bytes = (size_t)p.c_count * p.width;
            void *narrow = malloc(bytes);
            memcpy(narrow, p.c, bytes);
            p.g.isa = NEAP__AVX512;
            compute(&p, 0, 1);
            if (!CHECK(memcmp(narrow, p.c, bytes) == 0))
                printf("  %s %d x %d x %d\n", neap_dtype_name(dtype), (int)m, (int)k,
                       (int)n);
            free(narrow);
            drop(&p);
        }
}

static void nothing_to_do(void)
{
    for (int zero = 0; zero < 3; zero++)
        for (neap__isa isa = 0; isa <= neap__best_isa(); isa++)
            for (int64_t size = 1; size < 40; size += 19) {
                product p = make(plain(NEAP_FLOAT32, isa, zero == 0 ? 0 : size,
                                       zero == 1 ? 0 : size, zero == 2 ? 0 : size, false,
                                       false, 0),
                                 INTEGERS);
                free(p.a);
                free(p.b);
                p.a = p.b = NULL;
                compute(&p, 0, 2);
                for (int64_t i = 0; i < p.c_count; i++)
                    CHECK(((float *)p.c)[i] == 0);
                CHECK(guard_stands(&p));
                drop(&p);
            }
}

static void not_a_number(void)
{
    for (neap__isa isa = 0; isa <= neap__best_isa(); isa++)
        for (int64_t n = 1; n < 50; n += 16) {
            product p =
                make(plain(NEAP_FLOAT32, isa, 20, 30, n, false, true, 0), INTEGERS);
            float *a = p.a, *b = p.b, *c = p.c;
            a[3 * 30 + 7] = NAN;
            a[5 * 30 + 29] = INFINITY;
            for (int64_t j = 0; j < n; j++)
                b[j * 30 + 29] = 0;
            compute(&p, 0, 1);
            for (int64_t i = 0; i < 20; i++)
                for (int64_t j = 0; j < n; j++)
                    CHECK(isnan(c[i * n + j]) == (i == 3 || i == 5)); /* inf * 0 */
            drop(&p);
        }
}

/* relu(C + bias) by an epilogue has the bits of the product followed by the same in
 * plain C. */
static void epilogue(neap__isa isa, int64_t batch, int64_t m, int64_t k, int64_t n,
                     int workers)
{
    neap__gemm g = plain(NEAP_FLOAT32, isa, m, k, n, false, false, 0);
    g.batch_rank = 1;
    g.batch_dims[0] = batch;
    g.a_strides[0] = 1;
    product p = make(g, FRACTIONS);
    compute(&p, 0, 1);

    neap__step steps[2] = {
        {.function =
             neap__find_element(isa, NEAP__ELEMENT_add, NEAP_FLOAT32, NEAP_FLOAT32),
         .inputs = 2,
         .in = {0, 1},
         .out = 0,
         .dtype = NEAP_FLOAT32,
         .store = -1},
        {.function =
             neap__find_element(isa, NEAP__ELEMENT_relu, NEAP_FLOAT32, NEAP_FLOAT32),
         .inputs = 1,
         .in = {2},
         .out = 0,
         .dtype = NEAP_FLOAT32,
         .store = 0},
    };
    neap__load loads[] = {{.dtype = NEAP_FLOAT32}, {.dtype = NEAP_FLOAT32}};
    neap__program program = {.loads = 2,
                             .steps = 2,
                             .stores = 1,
                             .registers = 1,
                             .load = loads,
                             .step = steps};
    neap__shape domain = {3, {batch, m, n}}, operands[2] = {domain, {1, {n}}};
    neap__program_fix(&program, &domain, operands);
    program.accumulator = 0;
    p.g.epilogue = &program;

    float *bias = filled(NEAP_FLOAT32, n, FRACTIONS), *c = p.c;
    float *result = malloc((size_t)(p.c_count + GUARD) * sizeof *result);
    memset(result, 0xFF, (size_t)(p.c_count + GUARD) * sizeof *result);
    size_t bytes = neap__gemm_choose(&p.g, workers);
    neap__gemm_force(&p.g, 0);
    void *scratch = aligned_alloc(64, (bytes + 127) / 64 * 64);
    const void *in[] = {p.a, p.b, bias};
    void *out[] = {result};
    neap__team team;
    neap__call call = {
        .in = in, .out = out, .args = &p.g, .scratch = scratch, .team = &team};
    neap__team_begin(&team, workers);
    CHECK(neap__cpu_gemm(&call) == NEAP_OK);
    neap__team_end(&team);
    int64_t wrong = 0;
    for (int64_t i = 0; i < p.c_count; i++) {
        float want = c[i] + bias[i % n];
        wrong += result[i] != (want > 0 ? want : 0);
    }
    if (!CHECK(wrong == 0))
        printf("  %s, batch %d, %d x %d x %d, %d workers: %d wrong\n",
               neap__isa_name(isa), (int)batch, (int)m, (int)k, (int)n, workers,
               (int)wrong);
    CHECK(isnan(result[p.c_count]));
    free(scratch);
    free(result);
    free(bias);
    drop(&p);
}

static void epilogues(void)
{
    for (neap__isa isa = 0; isa <= neap__best_isa(); isa++)
        for (int workers = 1; workers < 4; workers++) {
            epilogue(isa, 1, 1, 3, 1, workers);
            epilogue(isa, 1, 2, 2, 2, workers);
            epilogue(isa, 1, 128, 64, 512, workers);
            epilogue(isa, 1, 128, 0, 512, workers);
            epilogue(isa, 1, 300, 20, 9000, workers);
            epilogue(isa, 1, 5000, 10, 70, workers);
            epilogue(isa, 1000, 20, 5, 30, workers);
            epilogue(isa, 3, 1, 30, 2000, workers);
            epilogue(isa, 3, 700, 2, 600, workers);
        }
}

int main(void)
{
    setenv("OPENBLAS_NUM_THREADS", "1", 1); /* else the second engine cannot serve */
    CHECK_TEXT(neap__blas_text(), "not opened");
    neap__pool_retain();
    small_sizes();
    large_sizes();
    batches();
    rounding();
    same_bits();
    same_bits_by_width();
    nothing_to_do();
    not_a_number();
    epilogues();
    CHECK(strstr(neap__blas_text(), "OpenBLAS") ||
          strcmp(neap__blas_text(), "not found") == 0);
    neap__pool_release();
    return check_report();
}
