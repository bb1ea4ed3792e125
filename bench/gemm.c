/* gemm.c - neap's matrix products beside OpenBLAS's, in one process: GFLOP/s, medians
 * of interleaved repeats. Links libneap.a, whose internals it calls, and OpenBLAS.
 *
 *     bench/gemm [float64] [avx512 | avx2 | generic] */
#include "bench.h"
#include "cpu/gemm.h"

#include <cblas.h>

enum { REPEATS = 9, COLUMNS = 4 };

static const struct {
    int64_t m, k, n;
    bool transpose_a, transpose_b;
    const char *what;
} shapes[] = {
    {128, 784, 512, false, false, "layer 1 forward"},
    {784, 128, 512, true, false, "layer 1 dW"},
    {128, 512, 512, false, false, "layer 2 forward"},
    {512, 128, 512, true, false, "layer 2 dW"},
    {128, 512, 512, false, true, "layer 2 dX"},
    {128, 512, 10, false, false, "layer 3 forward"},
    {512, 128, 10, true, false, "layer 3 dW"},
    {128, 10, 512, false, true, "layer 3 dX"},
    {4, 4, 4, false, false, ""},
    {8, 8, 8, false, false, ""},
    {16, 16, 16, false, false, ""},
    {32, 32, 32, false, false, ""},
    {64, 64, 64, false, false, ""},
    {64, 64, 64, false, true, ""},
    {100, 100, 100, false, false, ""},
    {256, 256, 256, false, false, ""},
    {512, 512, 512, false, false, ""},
    {1024, 1024, 1024, false, false, ""},
    {1024, 1024, 1024, false, true, ""},
    {2048, 2048, 2048, false, false, ""},
    {2048, 2048, 2048, true, false, ""},
    {10000, 64, 10, false, false, "tall"},
    {4, 1024, 4096, false, false, "four rows"},
    {4, 1024, 4096, false, true, "four rows"},
    {1, 784, 512, false, false, "vector"},
    {4096, 4096, 1, false, false, "vector"},
    {4096, 4096, 1, true, false, "vector"},
    {2, 2, 1, false, false, "vector"},
};

/* One shape with its operands, and what a column of the table needs. */
typedef struct product {
    neap__gemm gemm;
    void *a, *b, *c, *scratch;
} product;

static void own(product *p, int threads)
{
    const void *in[] = {p->a, p->b};
    void *out[] = {p->c};
    neap__team team;
    neap__call call = {
        .in = in, .out = out, .args = &p->gemm, .scratch = p->scratch, .team = &team};
    neap__team_begin(&team, threads);
    neap__cpu_gemm(&call);
    neap__team_end(&team);
}

static void blas(product *p)
{
    const neap__gemm *g = &p->gemm;
    enum CBLAS_TRANSPOSE ta = g->transpose_a ? CblasTrans : CblasNoTrans;
    enum CBLAS_TRANSPOSE tb = g->transpose_b ? CblasTrans : CblasNoTrans;
    int m = (int)g->m, n = (int)g->n, k = (int)g->k, lda = (int)g->lda, ldb = (int)g->ldb;
    if (g->dtype == NEAP_FLOAT64)
        cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, p->a, lda, p->b, ldb, 0, p->c, n);
    else
        cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, p->a, lda, p->b, ldb, 0, p->c, n);
}

static double measure(product *p, int column, int64_t times)
{
    int threads = column % 2 + 1;
    if (column >= 2)
        openblas_set_num_threads(threads);
    double start = neap__now();
    for (int64_t i = 0; i < times; i++)
        if (column < 2)
            own(p, threads);
        else
            blas(p);
    double seconds = (neap__now() - start) / (double)times;
    if (column == COLUMNS - 1)
        bench_settle();
    return seconds;
}

static int ascending(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static void *operand(neap_dtype dtype, int64_t count)
{
    size_t size = neap_dtype_size(dtype);
    char *data = aligned_alloc(64, ((size_t)count * size + 127) / 64 * 64);
    for (int64_t i = 0; data && i < count; i++)
        neap__store_number(dtype, data, i, (double)(i % 13) * 0.25 - 1);
    return data;
}

static bool row(neap_dtype dtype, neap__isa isa, size_t i)
{
    int64_t m = shapes[i].m, n = shapes[i].n, k = shapes[i].k;
    bool ta = shapes[i].transpose_a, tb = shapes[i].transpose_b;
    product p = {.gemm = {.dtype = dtype,
                          .isa = isa,
                          .m = m,
                          .n = n,
                          .k = k,
                          .transpose_a = ta,
                          .transpose_b = tb,
                          .lda = ta ? m : k,
                          .ldb = tb ? k : n,
                          .batch = 1}};
    size_t scratch = neap__gemm_choose(&p.gemm, 2);
    neap__gemm_force(&p.gemm, 0);
    p.a = operand(dtype, m * k);
    p.b = operand(dtype, k * n);
    p.c = operand(dtype, m * n);
    p.scratch = aligned_alloc(64, (scratch + 127) / 64 * 64);
    bool done = p.a && p.b && p.c && p.scratch;
    double seconds[COLUMNS][REPEATS], rate[COLUMNS];
    int64_t times[COLUMNS];
    for (int c = 0; done && c < COLUMNS; c++) {
        measure(&p, c, 1);
        times[c] = 1 + (int64_t)(0.003 / (measure(&p, c, 1) + 1e-8));
    }
    for (int r = 0; done && r < REPEATS; r++)
        for (int c = 0; c < COLUMNS; c++)
            seconds[c][r] = measure(&p, c, times[c]);
    for (int c = 0; done && c < COLUMNS; c++) {
        qsort(seconds[c], REPEATS, sizeof(double), ascending);
        rate[c] = 2e-9 * (double)m * (double)n * (double)k / seconds[c][REPEATS / 2];
    }
    if (done)
        printf("%5d x%5d x%5d %c%c %8.1f %8.1f %8.1f %8.1f %8.2f %8.2f  %s\n", (int)m,
               (int)k, (int)n, ta ? 'T' : 'N', tb ? 'T' : 'N', rate[0], rate[1], rate[2],
               rate[3], rate[0] / rate[2], rate[1] / rate[3], shapes[i].what);
    free(p.a);
    free(p.b);
    free(p.c);
    free(p.scratch);
    return done;
}

int main(int argc, char **argv)
{
    bench_prepare_openblas(argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    neap_dtype dtype = NEAP_FLOAT32;
    neap__isa isa = neap__best_isa();
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "float64") == 0)
            dtype = NEAP_FLOAT64;
        else if (!neap__isa_of(argv[i], &isa) || isa > neap__best_isa()) {
            fprintf(stderr, "usage: %s [float64] [avx512 | avx2 | generic]\n", argv[0]);
            return 2;
        }
    printf("%s, %s; %s\n", neap_dtype_name(dtype), neap__isa_name(isa),
           openblas_get_config());
    printf("    m x    k x    n        own 1    own 2   blas 1   blas 2  ratio 1  ratio "
           "2\n");
    neap__pool_retain();
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        if (!row(dtype, isa, i))
            return 1;
    neap__pool_release();
    return 0;
}
