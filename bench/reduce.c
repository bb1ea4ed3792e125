/* reduce.c - reductions beside a plain read of the same memory: GB/s of either, and their
 * ratio; the best of interleaved repeats, for other programs on the machine take memory's
 * time at random. Links libneap.a, whose internals it calls.
 *
 *     bench/reduce [avx512 | avx2 | generic] */
#include "bench.h"
#include "cpu/fold.h"

enum { REPEATS = 15, PARTS = 32 };

static const struct {
    neap_dtype dtype;
    int reduction;
    int rank;
    int64_t dims[3];
    unsigned mask; /* dimensions that go */
    const char *what;
} shapes[] = {
    {NEAP_FLOAT32, NEAP__REDUCE_sum, 1, {1 << 25}, 1, "sum of all"},
    {NEAP_FLOAT64, NEAP__REDUCE_sum, 1, {1 << 24}, 1, "sum of all, float64"},
    {NEAP_INT32, NEAP__REDUCE_sum, 1, {1 << 25}, 1, "sum of all, int32"},
    {NEAP_INT64, NEAP__REDUCE_mean, 1, {1 << 24}, 1, "mean of all, int64"},
    {NEAP_FLOAT32, NEAP__REDUCE_max, 1, {1 << 25}, 1, "maximum of all"},
    {NEAP_FLOAT32, NEAP__REDUCE_sum, 2, {1 << 15, 1 << 10}, 2, "rows of 1024"},
    {NEAP_FLOAT32, NEAP__REDUCE_sum, 2, {335544, 100}, 2, "rows of 100"},
    {NEAP_FLOAT32, NEAP__REDUCE_sum, 2, {3355443, 10}, 2, "rows of 10"},
    {NEAP_FLOAT32, NEAP__REDUCE_max, 2, {3355443, 10}, 2, "maxima of rows of 10"},
    {NEAP_FLOAT32, NEAP__REDUCE_sum, 2, {1 << 15, 1 << 10}, 1, "1024 columns"},
    {NEAP_FLOAT32, NEAP__REDUCE_max, 2, {1 << 15, 1 << 10}, 1, "maxima of 1024 columns"},
    {NEAP_FLOAT32, NEAP__REDUCE_sum, 2, {1 << 10, 1 << 15}, 1, "32768 columns"},
    {NEAP_FLOAT32, NEAP__REDUCE_sum, 2, {335544, 100}, 1, "100 columns"},
    {NEAP_FLOAT32, NEAP__REDUCE_sum, 2, {3355443, 10}, 1, "10 columns"},
    {NEAP_FLOAT32, NEAP__REDUCE_sum, 3, {64, 512, 1024}, 2, "the middle of three"},
    {NEAP_FLOAT32, NEAP__REDUCE_sum, 3, {512, 64, 1024}, 5, "first and last of three"},
    {NEAP_FLOAT32, NEAP__REDUCE_sum, 2, {128, 512}, 1, "512 columns of 128, cached"},
    {NEAP_FLOAT32, NEAP__REDUCE_sum, 2, {128, 10}, 1, "10 columns of 128, cached"},
};

/* ---- The read ---------------------------------------------------------------------- */

typedef struct reading {
    const uint64_t *x;
    int64_t count; /* words, a multiple of PARTS * 32 */
    uint64_t seen[PARTS];
} reading;

static void read_part(void *context, int64_t part, int worker)
{
    reading *r = context;
    const int64_t each = r->count / PARTS;
    const uint64_t *x = r->x + part * each;
    uint64_t lane[32] = {0};
    (void)worker;
    for (int64_t i = 0; i < each; i += 32)
        for (int j = 0; j < 32; j++)
            lane[j] |= x[i + j];
    for (int j = 0; j < 32; j++)
        r->seen[part] |= lane[j];
}

static double read_once(const void *x, size_t bytes, int threads)
{
    reading r = {.x = x, .count = (int64_t)(bytes / 8) / (PARTS * 32) * (PARTS * 32)};
    if (r.count == 0)
        return 0;
    neap__team team;
    neap__team_begin(&team, threads);
    double begin = bench_wall();
    neap__team_run(&team, PARTS, read_part, &r);
    double seconds = bench_wall() - begin;
    neap__team_end(&team);
    return seconds * (double)bytes / (double)(r.count * 8);
}

/* ---- The reduction ----------------------------------------------------------------- */

static double reduce_once(const neap__reduce_args *a, const void *x, void *out,
                          void *scratch, int threads, int times)
{
    neap__team team;
    neap__team_begin(&team, threads);
    const void *in[] = {x};
    void *outs[] = {out};
    const neap__call call = {
        .in = in, .out = outs, .args = a, .scratch = scratch, .team = &team};
    double begin = bench_wall();
    for (int i = 0; i < times; i++)
        neap__cpu_reduce(&call);
    double seconds = (bench_wall() - begin) / times;
    neap__team_end(&team);
    return seconds;
}

static void measure(neap__isa isa, size_t index, const void *x, int threads)
{
    neap__shape shape = {.rank = shapes[index].rank};
    memcpy(shape.dims, shapes[index].dims, sizeof shapes[index].dims);
    neap__reduce_args a = {
        .dtype = shapes[index].dtype, .isa = isa, .reduction = shapes[index].reduction};
    neap__reduce_fix(&a, &shape, shapes[index].mask);
    const size_t bytes = (size_t)neap__shape_size(&shape) * neap_dtype_size(a.dtype);
    void *out = malloc((size_t)a.outputs * 8), *scratch = NULL;
    if (!out || posix_memalign(&scratch, 64, neap__reduce_scratch(&a, threads) + 64))
        exit(1);
    double best = 1e9, read = 1e9;
    const int times = bytes > (1 << 22) ? 1 : 100;
    for (int i = 0; i < REPEATS; i++) {
        const double r = read_once(x, bytes, threads);
        const double t = reduce_once(&a, x, out, scratch, threads, times);
        read = r < read ? r : read;
        best = t < best ? t : best;
    }
    char name[64];
    snprintf(name, sizeof name, "%s, %d", shapes[index].what, threads);
    if (bench_figures()) {
        bench_row(name, best * 1e6, "us", 0);
    } else {
        printf("  %-28s %10.1f us %7.2f GB/s", name, best * 1e6,
               (double)bytes / best * 1e-9);
        printf(bytes > (1 << 22) ? "   read %6.2f GB/s   ratio %.2f\n" : "\n",
               (double)bytes / read * 1e-9, read / best);
    }
    free(out);
    free(scratch);
}

int main(int argc, char **argv)
{
    const size_t bytes = (size_t)1 << 27;
    neap__isa isa = neap__best_isa();
    void *x = NULL;
    if ((argc > 1 && !neap__isa_of(argv[1], &isa)) || posix_memalign(&x, 4096, bytes))
        return 1;
    for (size_t i = 0; i < bytes / 4; i++)
        ((float *)x)[i] = (float)rand() / (float)RAND_MAX;
    neap__pool_retain();
    for (int threads = 1; threads <= 2; threads++) {
        char title[80];
        snprintf(title, sizeof title, "Reductions, %s, %d thread%s", neap__isa_name(isa),
                 threads, threads > 1 ? "s" : "");
        bench_title(title);
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
            measure(isa, i, x, threads);
    }
    neap__pool_release();
    free(x);
    return 0;
}
