/* stages.c - runs whose graph computes a size on the way.
 *
 * The cost: a graph with sizes computed one after the other, each the length of what comes
 * next, beside the same graph with these lengths given; both compute the same values by the
 * same kernels. The difference, over the number of sizes, is what a stage costs that was
 * planned before.
 *
 * The threads: one, two and four of them run such a graph at once on one session, each run
 * reading the same variables. Runs that wait for something, and not for a processor, show
 * also on a busy machine whether they take turns. */
#include "bench.h"

#include <pthread.h>

enum { REPEATS = 21, TIMES = 2000, MOST_STAGES = 3, LENGTH = 8 };

static neap_node *vector(neap_graph *g, int64_t count, neap_tensor **value)
{
    neap_error err = NEAP_ERROR_INIT;
    float numbers[256];
    for (int64_t i = 0; i < count; i++) /* the greatest is at half the length */
        numbers[i] = i == count / 2 ? 4 : (float)(i % 3);
    *value = bench_tensor(NEAP_FLOAT32, 1, &count, numbers);
    neap_node *x = neap_placeholder(g, NEAP_FLOAT32, 1, &count, NULL, &err);
    bench_check(&err);
    return x;
}

static neap_node *sized(neap_graph *g, const char *op, neap_node *x, neap_attribute shape)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_node *n = neap_build(g, op, &x, 1, &shape, 1, NULL, NULL, 0, &err);
    bench_check(&err);
    return n;
}

/* ---- What a stage costs ------------------------------------------------------------ */

typedef struct program {
    neap_graph *graph;
    neap_session *session;
    neap_callable *callable;
    neap_node *x, *fetches[2];
    neap_tensor *value;
} program;

/* z = sum of x with, in turn for each size, a vector of as many elements as it says; and the
 * last size, which is computed in both graphs. */
static program program_new(int sizes, int computed)
{
    neap_error err = NEAP_ERROR_INIT;
    program p = {.graph = neap_graph_new(&err)};
    neap_graph *g = p.graph;
    p.x = vector(g, LENGTH, &p.value);
    const int64_t one = 1, half = LENGTH / 2;
    neap_node *y = p.x, *sum = neap_reduce_sum(g, p.x, &err), *size = NULL;
    for (int i = 0; i < sizes; i++) {
        size = neap_argmax(g, y, &err);
        neap_node *shape = neap_reshape(g, size, &one, 1, &err);
        neap_node *more = sized(g, "broadcast_to", sum,
                                computed ? neap_attribute_node("shape", shape)
                                         : neap_attribute_ints("shape", &half, 1));
        sum = neap_reduce_sum(g, more, &err);
        y = neap_add(g, p.x, neap_reduce_max(g, more, &err), &err);
    }
    p.fetches[0] = sum;
    p.fetches[1] = size;
    neap_session_options options = NEAP_SESSION_OPTIONS_INIT;
    options.threads = 1;
    p.session = neap_session_new(g, &options, &err);
    p.callable = neap_callable_new(p.session, &p.x, 1, p.fetches, 2, &err);
    bench_check(&err);
    return p;
}

static void program_run(const program *p, int by_callable)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_tensor *out[2] = {NULL, NULL};
    neap_feed feed = {p->x, p->value};
    if (by_callable)
        neap_callable_run(p->callable, NULL, &p->value, out, &err);
    else
        neap_session_run(p->session, &feed, 1, p->fetches, 2, out, &err);
    bench_check(&err);
    neap_tensor_release(out[0]);
    neap_tensor_release(out[1]);
}

static void program_free(program *p)
{
    neap_callable_free(p->callable);
    neap_session_free(p->session);
    neap_graph_free(p->graph);
    neap_tensor_release(p->value);
}

static double timed(const program *p, int by_callable)
{
    double begin = bench_busy();
    for (int i = 0; i < TIMES; i++)
        program_run(p, by_callable);
    return (bench_busy() - begin) / TIMES;
}

static void costs(int by_callable)
{
    program plain[MOST_STAGES], staged[MOST_STAGES];
    double seconds[2][MOST_STAGES][REPEATS], each[MOST_STAGES][REPEATS];
    for (int k = 0; k < MOST_STAGES; k++) {
        plain[k] = program_new(k + 1, 0);
        staged[k] = program_new(k + 1, 1);
    }
    for (int r = -1; r < REPEATS; r++) { /* the first is for the caches */
        for (int k = 0; k < MOST_STAGES; k++) {
            double without = timed(&plain[k], by_callable),
                   with = timed(&staged[k], by_callable);
            seconds[0][k][r < 0 ? 0 : r] = without;
            seconds[1][k][r < 0 ? 0 : r] = with;
            each[k][r < 0 ? 0 : r] = (with - without) / (k + 1);
        }
    }
    for (int k = 0; k < MOST_STAGES; k++) {
        static const char *const kinds[2] = {"given", "computed"};
        const char *way = by_callable ? "callable" : "session run";
        char name[80];
        for (int c = 0; c < 2; c++) {
            snprintf(name, sizeof name, "%s, %d size%s %s", way, k + 1, k ? "s" : "",
                     kinds[c]);
            bench_row(name, 1e6 * bench_median(seconds[c][k], REPEATS), "us", 0);
        }
        snprintf(name, sizeof name, "%s: a stage more, of %d", way, k + 1);
        bench_row(name, 1e6 * bench_median(each[k], REPEATS), "us", 1);
        program_free(&plain[k]);
        program_free(&staged[k]);
    }
}

/* ---- Threads on one session -------------------------------------------------------- */

enum { MOST_THREADS = 4, ROUNDS = 9 };

typedef struct load {
    neap_session *session;
    neap_node *fetch;
    neap_feed feed;
    int runs; /* of each thread, in a round */
} load;

static void *work(void *context)
{
    const load *l = context;
    for (int i = 0; i < l->runs; i++) {
        neap_error err = NEAP_ERROR_INIT;
        neap_tensor *out = NULL;
        neap_session_run(l->session, &l->feed, 1, &l->fetch, 1, &out, &err);
        bench_check(&err);
        neap_tensor_release(out);
    }
    return NULL;
}

/* Runs a second, of all threads together. */
static double rate(load *l, int threads)
{
    pthread_t thread[MOST_THREADS];
    double begin = bench_wall();
    for (int i = 0; i < threads; i++)
        if (pthread_create(&thread[i], NULL, work, l))
            exit(1);
    for (int i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    return threads * l->runs / (bench_wall() - begin);
}

/* The first rows of a matrix, as many as the place of x's greatest element says, times the
 * matrix. */
static neap_node *rows_of_product(neap_graph *g, neap_node *x, int computed)
{
    neap_error err = NEAP_ERROR_INIT;
    const int64_t side = neap_node_dims(x)[0], dims[] = {side, side}, one = 1;
    neap_tensor *t = bench_tensor(NEAP_FLOAT32, 2, dims, NULL),
                *whole = bench_tensor(NEAP_INT64, 1, &one, &side);
    neap_node *w = neap_variable(g, t, NULL, &err), *wide = neap_constant(g, whole, &err);
    neap_tensor_release(whole);
    neap_tensor_release(t);
    neap_node *rows = neap_reshape(g, neap_argmax(g, x, &err), &one, 1, &err);
    neap_node *size = neap_concat(g, (neap_node *[]){rows, wide}, 2, 0, &err);
    neap_attribute attributes[] = {
        neap_attribute_ints("begin", (int64_t[]){0, 0}, 2),
        computed ? neap_attribute_node("size", size)
                 : neap_attribute_ints("size", (int64_t[]){side / 2, side}, 2)};
    neap_node *part = neap_build(g, "slice", &w, 1, attributes, 2, NULL, NULL, 0, &err);
    neap_node *y = neap_reduce_sum(g, neap_matmul(g, part, w, &err), &err);
    bench_check(&err);
    return y;
}

/* An operation of the host that takes a millisecond of nobody's time. */
static int wait_compute(void *user, void *caller, neap_tensor *const *in, size_t in_count,
                        neap_tensor **out, size_t out_count, neap_error *err)
{
    (void)user, (void)caller, (void)in_count, (void)out_count, (void)err;
    nanosleep(&(struct timespec){0, 1000000}, NULL);
    out[0] = neap_tensor_retain(in[0]);
    return NEAP_OK;
}

/* As many elements as the place of x's greatest element says, of what was waited for. */
static neap_node *waited(neap_graph *g, neap_node *x, int computed)
{
    neap_error err = NEAP_ERROR_INIT;
    const int64_t one = 1, half = neap_node_dims(x)[0] / 2;
    neap_op op = {.size = sizeof op,
                  .name = computed ? "wait" : "wait_only",
                  .inputs = "x",
                  .result_count = 1,
                  .compute = wait_compute};
    neap_graph_register(g, &op, &err);
    neap_node *y = neap_build(g, op.name, &x, 1, NULL, 0, NULL, NULL, 0, &err);
    neap_node *rows = neap_reshape(g, neap_argmax(g, y, &err), &one, 1, &err);
    bench_check(&err);
    return sized(g, "broadcast_to", neap_reduce_sum(g, y, &err),
                 computed ? neap_attribute_node("shape", rows)
                          : neap_attribute_ints("shape", &half, 1));
}

typedef neap_node *builder(neap_graph *, neap_node *, int computed);

static void threads_on(const char *what, builder *build, int64_t length, int runs)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_graph *g = neap_graph_new(&err);
    neap_tensor *value;
    neap_node *x = vector(g, length, &value);
    neap_session_options options = NEAP_SESSION_OPTIONS_INIT;
    options.threads = 1;
    neap_session *s = neap_session_new(g, &options, &err);
    bench_check(&err);
    for (int computed = 0; computed < 2; computed++) {
        load l = {s, build(g, x, computed), {x, value}, runs};
        double rates[3][ROUNDS], gain[3][ROUNDS];
        rate(&l, MOST_THREADS); /* for the caches */
        for (int r = 0; r < ROUNDS; r++) {
            for (int k = 0; k < 3; k++) {
                rates[k][r] = rate(&l, 1 << k);
                gain[k][r] = rates[k][r] / rates[0][r];
            }
        }
        for (int k = 0; k < 3; k++) {
            char name[80];
            snprintf(name, sizeof name, "%s, size %s: %d thread%s", what,
                     computed ? "computed" : "given", 1 << k, k ? "s" : "");
            bench_row(name, 1e-3 * bench_median(rates[k], ROUNDS), "k/s", 0);
            if (k)
                bench_row(name, bench_median(gain[k], ROUNDS), "x",
                          k == 1 && computed ? -1.7 : 0);
        }
    }
    neap_session_free(s);
    neap_graph_free(g);
    neap_tensor_release(value);
}

int main(void)
{
    bench_title(
        "A cached run with sizes that it computes, beside one with the sizes given");
    costs(1);
    costs(0);
    bench_title("Runs a second on one session, and how many times those of one thread");
    threads_on("8 x 8", rows_of_product, 8, 20000);
    threads_on("192 x 192", rows_of_product, 192, 300);
    threads_on("waiting 1 ms", waited, 8, 40);
    return 0;
}
