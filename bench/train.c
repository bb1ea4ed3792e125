/* train.c - one training step of a 784-512-512-10 network (ReLU, mean of the softmax
 * cross entropy) at batch 128, beside OpenBLAS's sgemm on the same products in the
 * same process, with as many threads.
 *
 *     build/bench/train [optimizer...]
 *
 * Counted are the multiplications and additions of the products alone: each layer's
 * forward, its weights' gradient and, but for the first layer, its input's. Biases,
 * ReLU, loss and update are in the step's time and not in its count, so that the ratio
 * tells what all the rest costs. */
#include "bench.h"

#include <cblas.h>

enum {
    LAYERS = 3,
    BATCH = 128,
    REPEATS = 31,
    PRODUCTS = 3 * LAYERS - 1,
    MOST_THREADS = 2
};

static const int sizes[LAYERS + 1] = {784, 512, 512, 10};

static float *numbers(size_t count, float scale)
{
    float *data = aligned_alloc(64, (count * sizeof *data + 63) / 64 * 64);
    unsigned state = 1;
    for (size_t i = 0; data && i < count; i++) {
        state = state * 1664525u + 1013904223u;
        data[i] = scale * ((float)(state >> 8) / 16777216.0f - 0.5f);
    }
    if (!data)
        exit(1);
    return data;
}

/* ---- neap -------------------------------------------------------------------------- */

typedef struct network {
    neap_graph *graph;
    neap_session *session;
    neap_callable *step;
    neap_tensor *feeds[2]; /* images and labels */
} network;

static neap_tensor *random_tensor(int rank, const int64_t *dims, float scale)
{
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= (size_t)dims[i];
    float *data = numbers(count, scale);
    neap_tensor *t = bench_tensor(NEAP_FLOAT32, rank, dims, data);
    free(data);
    return t;
}

static neap_node *variable(neap_graph *g, int rank, const int64_t *dims, float scale)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_tensor *t = random_tensor(rank, dims, scale);
    neap_node *n = neap_variable(g, t, NULL, &err);
    bench_check(&err);
    neap_tensor_release(t);
    return n;
}

static network network_new(const char *optimizer, int threads)
{
    neap_error err = NEAP_ERROR_INIT;
    network n = {.graph = neap_graph_new(&err)};
    neap_graph *g = n.graph;
    neap_node *inputs[2] = {
        neap_placeholder(g, NEAP_FLOAT32, 2, (int64_t[]){-1, sizes[0]}, "x", &err),
        neap_placeholder(g, NEAP_INT32, 1, (int64_t[]){-1}, "labels", &err)};
    neap_node *h = inputs[0];
    for (int i = 0; i < LAYERS; i++) {
        neap_node *w = variable(g, 2, (int64_t[]){sizes[i], sizes[i + 1]}, 0.1f);
        neap_node *b = variable(g, 1, (int64_t[]){sizes[i + 1]}, 0);
        h = neap_add(g, neap_matmul(g, h, w, &err), b, &err);
        if (i < LAYERS - 1)
            h = neap_relu(g, h, &err);
    }
    neap_node *losses =
        neap_sparse_softmax_cross_entropy_with_logits(g, inputs[1], h, &err);
    neap_node *loss = neap_reduce_mean(g, losses, &err);
    neap_attribute rate = neap_attribute_float("learning_rate", 0.001);
    neap_node *train = neap_minimize(g, loss, optimizer, &rate, 1, &err);
    bench_check(&err);
    neap_session_options options = NEAP_SESSION_OPTIONS_INIT;
    options.threads = threads;
    n.session = neap_session_new(g, &options, &err);
    n.step =
        neap_callable_new(n.session, inputs, 2, (neap_node *[]){loss, train}, 2, &err);
    bench_check(&err);
    int32_t labels[BATCH];
    for (int i = 0; i < BATCH; i++)
        labels[i] = i % sizes[LAYERS];
    n.feeds[0] = random_tensor(2, (int64_t[]){BATCH, sizes[0]}, 1);
    n.feeds[1] = bench_tensor(NEAP_INT32, 1, (int64_t[]){BATCH}, labels);
    return n;
}

static void network_step(const network *n)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_tensor *out[2] = {NULL, NULL};
    neap_callable_run(n->step, NULL, n->feeds, out, &err);
    bench_check(&err);
    neap_tensor_release(out[0]);
}

static void network_free(network *n)
{
    neap_callable_free(n->step);
    neap_session_free(n->session);
    neap_graph_free(n->graph);
    neap_tensor_release(n->feeds[0]);
    neap_tensor_release(n->feeds[1]);
}

/* ---- OpenBLAS ---------------------------------------------------------------------- */

/* c = a b, of m rows, n columns and k products. */
typedef struct product {
    enum CBLAS_TRANSPOSE transpose_a, transpose_b;
    int m, n, k;
    const float *a, *b;
    float *c;
} product;

static double list_products(product *products)
{
    double flops = 0;
    float *values[LAYERS + 1], *slopes[LAYERS + 1];
    for (int i = 0; i <= LAYERS; i++) {
        values[i] = numbers((size_t)BATCH * (size_t)sizes[i], 1);
        slopes[i] = numbers((size_t)BATCH * (size_t)sizes[i], 1);
    }
    for (int i = 0; i < LAYERS; i++) {
        int in = sizes[i], out = sizes[i + 1];
        float *w = numbers((size_t)in * (size_t)out, 1),
              *dw = numbers((size_t)in * (size_t)out, 1);
        *products++ = (product){CblasNoTrans, CblasNoTrans, BATCH, out,
                                in,           values[i],    w,     values[i + 1]};
        *products++ = (product){CblasTrans, CblasNoTrans,  in, out, BATCH,
                                values[i],  slopes[i + 1], dw};
        if (i > 0)
            *products++ = (product){CblasNoTrans, CblasTrans,    BATCH, in,
                                    out,          slopes[i + 1], w,     slopes[i]};
        flops += 2.0 * BATCH * in * out * (i > 0 ? 3 : 2);
    }
    return flops;
}

static void multiply_all(const product *products)
{
    for (int i = 0; i < PRODUCTS; i++) {
        const product *p = &products[i];
        cblas_sgemm(CblasRowMajor, p->transpose_a, p->transpose_b, p->m, p->n, p->k, 1,
                    p->a, p->transpose_a == CblasTrans ? p->m : p->k, p->b,
                    p->transpose_b == CblasTrans ? p->k : p->n, 0, p->c, p->n);
    }
}

/* ---- Both -------------------------------------------------------------------------- */

/* With one thread its own time counts; with more, the time that passes. */
static double timed(const network *n, const product *products, int threads)
{
    enum { TIMES = 5 };
    double begin = 0, seconds;
    for (int i = -1; i < TIMES; i++) { /* the first is for the caches */
        if (i == 0)
            begin = threads == 1 ? bench_busy() : bench_wall();
        if (n)
            network_step(n);
        else
            multiply_all(products);
    }
    seconds = (threads == 1 ? bench_busy() : bench_wall()) - begin;
    if (threads > 1)
        bench_settle();
    return seconds / TIMES;
}

int main(int argc, char **argv)
{
    bench_prepare_openblas(argv);
    neap_config config;
    neap_get_config(&config);
    static const char *const all[] = {"gradient_descent", "momentum", "adam"};
    const char *const *optimizers = argc > 1 ? (const char *const *)argv + 1 : all;
    int count = argc > 1 ? argc - 1 : 3;
    product products[PRODUCTS];
    double flops = list_products(products);
    bench_title("A training step of a 784-512-512-10 network at batch 128");
    bench_say("  %.1f million operations; neap for %s, OpenBLAS for %s\n", flops * 1e-6,
              config.isa, openblas_get_corename());
    bench_say("  %-30s %8s %9s %9s %8s\n", "", "ms", "GFLOP/s", "sgemm", "ratio");
    for (int threads = 1; threads <= MOST_THREADS && threads <= config.processors;
         threads++) {
        openblas_set_num_threads(threads);
        for (int k = 0; k < count; k++) {
            network n = network_new(optimizers[k], threads);
            double own[REPEATS], blas[REPEATS], ratio[REPEATS];
            for (int r = 0; r < REPEATS; r++) {
                own[r] = timed(&n, NULL, threads);
                blas[r] = timed(NULL, products, threads);
                ratio[r] = blas[r] / own[r];
            }
            network_free(&n);
            double seconds = bench_median(own, REPEATS),
                   median = bench_median(ratio, REPEATS);
            char name[80];
            snprintf(name, sizeof name, "%-20s %d thread%c", optimizers[k], threads,
                     threads > 1 ? 's' : ' ');
            if (bench_figures()) {
                bench_row(name, 1e3 * seconds, "ms", 0);
                bench_row(name, median, "of sgemm", 0);
            }
            bench_say("  %s %8.3f %9.1f %9.1f %8.2f  %s\n", name, 1e3 * seconds,
                      1e-9 * flops / seconds, 1e-9 * flops / bench_median(blas, REPEATS),
                      median, bench_aim(median, -0.85).text);
        }
    }
    return 0;
}
