/* nodes.c - what a node costs: in a cached run of a chain of scalar additions, and when a
 * plan is compiled, for graphs of a thousand to a million nodes.
 *
 * Every addition of the chain has a placeholder or variable of its own, so that nothing
 * folds or merges; where ten are added over and over, what is left is the cost of the
 * additions. Compiling is timed as the first run of a new session less a cached one. */
#include "bench.h"

enum { CHAIN = 100, REPEATS = 21, TIMES = 2000 };

static neap_tensor *scalar(float value)
{
    return bench_tensor(NEAP_FLOAT32, 0, NULL, &value);
}

static neap_session *open_session(neap_graph *g, const char *passes)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_session_options options = NEAP_SESSION_OPTIONS_INIT;
    options.passes = passes;
    options.threads = 1;
    neap_session *s = neap_session_new(g, &options, &err);
    bench_check(&err);
    return s;
}

/* ---- A run ------------------------------------------------------------------------- */

#define NO_FUSION "fold,simplify,merge,place"

typedef struct way {
    const char *name;
    int terms; /* apart from each other */
    int variables;
    const char *passes;
    double mark;
} way;

static const way ways[] = {
    {"a placeholder each", CHAIN + 1, 0, NULL, 30},
    {"a variable each", CHAIN + 1, 1, NULL, 30},
    {"ten placeholders in turn", 10, 0, NULL, 30},
    {"a placeholder each, not fused", CHAIN + 1, 0, NO_FUSION, 0},
    {"ten placeholders in turn, not fused", 10, 0, NO_FUSION, 0},
};
enum { WAYS = sizeof ways / sizeof ways[0] };

typedef struct chain {
    neap_graph *graph;
    neap_session *session;
    neap_callable *callable;
    neap_tensor *values[CHAIN + 1];
} chain;

static chain chain_new(const way *w)
{
    neap_error err = NEAP_ERROR_INIT;
    chain c = {.graph = neap_graph_new(&err)};
    neap_node *terms[CHAIN + 1], *sum = NULL;
    for (int i = 0; i <= CHAIN; i++) {
        c.values[i] = scalar((float)i);
        if (i >= w->terms)
            terms[i] = terms[i % w->terms];
        else if (w->variables)
            terms[i] = neap_variable(c.graph, c.values[i], NULL, &err);
        else
            terms[i] = neap_placeholder(c.graph, NEAP_FLOAT32, 0, NULL, NULL, &err);
        sum = i ? neap_add(c.graph, sum, terms[i], &err) : terms[0];
    }
    bench_check(&err);
    c.session = open_session(c.graph, w->passes);
    size_t fed = w->variables ? 0 : (size_t)w->terms;
    c.callable = neap_callable_new(c.session, terms, fed, &sum, 1, &err);
    bench_check(&err);
    return c;
}

static void chain_run(const chain *c)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_tensor *out = NULL;
    neap_callable_run(c->callable, NULL, c->values, &out, &err);
    bench_check(&err);
    neap_tensor_release(out);
}

static void chain_free(chain *c)
{
    neap_callable_free(c->callable);
    neap_session_free(c->session);
    neap_graph_free(c->graph);
    for (int i = 0; i <= CHAIN; i++)
        neap_tensor_release(c->values[i]);
}

static void running(void)
{
    chain chains[WAYS];
    double seconds[WAYS][REPEATS];
    for (int w = 0; w < WAYS; w++) {
        chains[w] = chain_new(&ways[w]);
        chain_run(&chains[w]);
    }
    for (int r = 0; r < REPEATS; r++) {
        for (int w = 0; w < WAYS; w++) {
            double begin = bench_busy();
            for (int i = 0; i < TIMES; i++)
                chain_run(&chains[w]);
            seconds[w][r] = (bench_busy() - begin) / TIMES;
        }
    }
    bench_title("A cached run of 100 scalar additions: its time, shared among them");
    for (int w = 0; w < WAYS; w++) {
        bench_row(ways[w].name, 1e9 * bench_median(seconds[w], REPEATS) / CHAIN, "ns",
                  ways[w].mark);
        chain_free(&chains[w]);
    }
}

/* ---- Compiling --------------------------------------------------------------------- */

/* The shapes of graphs that are compiled; each gets a scalar placeholder and a count
 * of nodes. */
static neap_node *additions(neap_graph *g, neap_node *x, size_t count, neap_error *err)
{
    neap_node *y = x;
    for (size_t i = 0; i < count; i++)
        y = neap_add(g, y, x, err);
    return y;
}

static neap_node *gradient(neap_graph *g, neap_node *x, size_t count, neap_error *err)
{
    neap_node *y = x, *dx = NULL;
    for (size_t i = 0; i < count / 4; i++)
        y = neap_multiply(g, y, x, err);
    neap_gradients(g, &y, 1, &x, 1, NULL, &dx, err);
    return dx;
}

/* Products of matrices with a sigmoid between them: an instruction for each pair. */
static neap_node *products(neap_graph *g, neap_node *x, size_t count, neap_error *err)
{
    neap_tensor *t =
        bench_tensor(NEAP_FLOAT32, 2, (int64_t[]){2, 2}, (float[]){1, 0, 0, 1});
    neap_node *w = neap_variable(g, t, NULL, err);
    neap_node *y = neap_add(g, w, x, err);
    neap_tensor_release(t);
    for (size_t i = 0; i < count / 2; i++)
        y = neap_sigmoid(g, neap_matmul(g, y, w, err), err);
    return y;
}

/* Branches of eight, which meet two by two. */
static neap_node *tree(neap_graph *g, neap_node *x, size_t count, neap_error *err)
{
    size_t leaves = 1;
    while (leaves * 10 <= count)
        leaves *= 2;
    neap_node **nodes = malloc(leaves * sizeof *nodes);
    for (size_t i = 0; nodes && i < leaves; i++) {
        neap_tensor *t = scalar((float)(i % 1024) + 0.5f);
        neap_node *y = neap_add(g, x, neap_constant(g, t, err), err);
        neap_tensor_release(t);
        for (int k = 0; k < 6; k++)
            y = neap_sigmoid(g, y, err);
        nodes[i] = y;
    }
    for (size_t half = leaves / 2; nodes && half; half /= 2)
        for (size_t i = 0; i < half; i++)
            nodes[i] = neap_add(g, nodes[i], nodes[i + half], err);
    neap_node *root = nodes ? nodes[0] : NULL;
    free(nodes);
    return root;
}

static double first_run(neap_graph *g, neap_node *x, neap_node *y, neap_tensor *value)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_session *s = open_session(g, NULL);
    double seconds[2];
    for (int i = 0; i < 2; i++) {
        neap_feed feed = {x, value};
        neap_tensor *out = NULL;
        double begin = bench_busy();
        neap_session_run(s, &feed, 1, &y, 1, &out, &err);
        seconds[i] = bench_busy() - begin;
        bench_check(&err);
        neap_tensor_release(out);
    }
    neap_session_free(s);
    return seconds[0] - seconds[1];
}

typedef neap_node *builder(neap_graph *, neap_node *, size_t, neap_error *);

/* Microseconds a node. */
static double compile(builder *build, size_t count)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_graph *g = neap_graph_new(&err);
    neap_node *x = neap_placeholder(g, NEAP_FLOAT32, 0, NULL, "x", &err);
    neap_node *y = build(g, x, count, &err);
    bench_check(&err);
    size_t repeats = count < 100000 ? 9 : 3;
    double seconds[9];
    neap_tensor *value = scalar(1);
    for (size_t r = 0; r < repeats; r++)
        seconds[r] = first_run(g, x, y, value);
    count = neap_graph_count(g, NEAP_OPERATIONS);
    neap_tensor_release(value);
    neap_graph_free(g);
    return 1e6 * bench_median(seconds, repeats) / (double)count;
}

static void compiling(void)
{
    static const struct {
        const char *name;
        builder *build;
    } graphs[] = {{"chain of additions", additions},
                  {"chain of multiplications, its gradient", gradient},
                  {"chain of matrix products", products},
                  {"tree", tree}};
    bench_title(
        "Compiling a plan: microseconds per node, for graphs of about so many nodes");
    bench_say("  %-38s %8s %8s %8s %8s\n", "", "1000", "10000", "100000", "1000000");
    for (size_t i = 0; i < sizeof graphs / sizeof graphs[0]; i++) {
        double most = 0;
        bench_say("  %-38s", graphs[i].name);
        for (size_t size = 1000; size <= 1000000; size *= 10) {
            double each = compile(graphs[i].build, size);
            char name[80];
            most = each > most ? each : most;
            snprintf(name, sizeof name, "compiling %zu: %s", size, graphs[i].name);
            if (bench_figures())
                bench_row(name, each, "us", 0);
            bench_say(" %8.3f", each);
        }
        bench_say("   %s\n", bench_aim(most, 10).text);
    }
}

int main(void)
{
    running();
    compiling();
    return 0;
}
