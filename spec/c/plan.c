/* plan.c - specs of src/plan: whatever the passes do, every bit of every result stays. Random
 * graphs run with all passes, with each alone and with none, at several sizes and
 * numbers of threads; and, node by node, with every value fetched, so that nothing can be
 * reused, fused or left out. Then the single decisions, as `explain` tells them. */
#include "check.h"
#include "neap.h"

#include <stdlib.h>

/* ---- Numbers that repeat ----------------------------------------------------------- */

static uint64_t state;

static unsigned below(unsigned n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(state >> 33) % n;
}

static neap_tensor *numbers(neap_dtype dtype, int rank, const int64_t *dims)
{
    neap_tensor *t = neap_tensor_copy(dtype, rank, dims, NULL, NULL);
    void *data = t ? neap_tensor_edit(t) : NULL;
    for (int64_t i = 0; data && i < neap_tensor_size(t); i++)
        neap_element_store_number(dtype, data, i, (double)below(2001) / 1000 - 1);
    return t;
}

/* NaN in one is NaN in the other: their bits are the processor's. */
static int same(const neap_tensor *a, const neap_tensor *b)
{
    if (!a || !b || neap_tensor_dtype(a) != neap_tensor_dtype(b) ||
        neap_tensor_rank(a) != neap_tensor_rank(b) ||
        neap_tensor_bytes(a) != neap_tensor_bytes(b))
        return a == b;
    for (int d = 0; d < neap_tensor_rank(a); d++) {
        if (neap_tensor_dims(a)[d] != neap_tensor_dims(b)[d])
            return 0;
    }
    const neap_dtype dtype = neap_tensor_dtype(a);
    const void *x = neap_tensor_data(a), *y = neap_tensor_data(b);
    if (!neap_tensor_bytes(a) || !memcmp(x, y, neap_tensor_bytes(a)))
        return 1;
    const size_t width = neap_dtype_size(dtype);
    for (int64_t i = 0; i < neap_tensor_size(a); i++) {
        const double p = neap_element_number(dtype, x, i);
        const double q = neap_element_number(dtype, y, i);
        if (memcmp((const char *)x + (size_t)i * width,
                   (const char *)y + (size_t)i * width, width) &&
            !(p != p && q != q))
            return 0;
    }
    return 1;
}

/* ---- Random graphs ------------------------------------------------------------------ */

enum { GRAPHS = 300, NODES = 60, MOST = 128, FETCHES = 6 };

typedef struct sample {
    neap_graph *g;
    neap_node *nodes[MOST]; /* with a value, in order of creation */
    size_t count;
    neap_node *x, *w; /* placeholders: (?, 6) and (6, ?) */
    neap_node *variables[3];
    neap_node *fetches[FETCHES];
    size_t fetch_count;
    neap_node *update; /* a group of assignments */
} sample;

static neap_node *put(sample *s, neap_node *n)
{
    if (n && s->count < MOST)
        s->nodes[s->count++] = n;
    return n;
}

/* A recent node more often than an old one, so that graphs are deep as well as wide. */
static neap_node *pick(const sample *s)
{
    const unsigned n = (unsigned)s->count;
    return s->nodes[below(3) ? n - 1 - below(n < 8 ? n : 8) : below(n)];
}

static neap_node *with(sample *s, const char *op, neap_node *x, neap_node *y,
                       neap_attribute a, neap_attribute b)
{
    neap_node *inputs[] = {x, y};
    const neap_attribute attributes[] = {a, b};
    const size_t given = (a.name ? 1u : 0u) + (b.name ? 1u : 0u);
    return neap_build(s->g, op, inputs, y ? 2 : 1, attributes, given, NULL, NULL, 0,
                      NULL);
}

static neap_node *scalar(sample *s, double value)
{
    neap_tensor *t = neap_tensor_copy(NEAP_FLOAT32, 0, NULL, NULL, NULL);
    neap_element_store_number(NEAP_FLOAT32, neap_tensor_edit(t), 0, value);
    neap_node *n = neap_constant(s->g, t, NULL);
    neap_tensor_release(t);
    return n;
}

static neap_node *matrix_constant(sample *s)
{
    neap_tensor *t = numbers(NEAP_FLOAT32, 2, DIMS(6, 6));
    neap_node *n = neap_constant(s->g, t, NULL);
    neap_tensor_release(t);
    return n;
}

static const char *const unary[] = {
    "negative",    "square",     "tanh",         "relu", "sigmoid",
    "abs",         "identity",   "sign",         "exp",  "softmax",
    "log_softmax", "zeros_like", "stop_gradient"};
static const char *const binary[] = {"add",     "subtract", "multiply",
                                     "maximum", "minimum",  "divide"};

/* One more node, or none where shapes do not agree. Exponents are tamed. */
static neap_node *grow(sample *s)
{
    const neap_attribute no = neap_attribute_none(NULL);
    neap_graph *g = s->g;
    neap_node *x = pick(s), *y = pick(s);
    const int64_t axis = below(2);
    const int matrix = neap_node_rank(x) == 2;
    switch (below(18)) {
    case 0:
    case 1:
    case 2:
    case 3:
        return with(s, binary[below(COUNT(binary))], x, y, no, no);
    case 4:
    case 5:
        return neap_tanh(g, with(s, binary[below(3)], x, y, no, no), NULL);
    case 6:
    case 7:
        return with(s, unary[below(matrix ? COUNT(unary) : 9)], x, NULL, no, no);
    case 8:
    case 9:
        return with(s, "matmul", x, y, neap_attribute_bool("transpose_a", below(2) == 1),
                    neap_attribute_bool("transpose_b", below(2) == 1));
    case 10: /* bias and activation on a product */
        return neap_relu(
            g, neap_add(g, neap_matmul(g, x, matrix_constant(s), NULL), y, NULL), NULL);
    case 11:
        return matrix ? neap_transpose(g, x, NULL) : NULL;
    case 12: /* a product whose transposed operand another reader needs too */
        return neap_matmul(g, put(s, matrix ? neap_transpose(g, x, NULL) : NULL), y,
                           NULL);
    case 13:
        return with(s, below(2) ? "reduce_sum" : "reduce_mean", x, NULL,
                    matrix ? neap_attribute_int("axis", axis) : no,
                    neap_attribute_bool("keepdims", below(2) == 1));
    case 14:
        return neap_reshape(g, x, DIMS(-1, below(2) ? 6 : 3), 2, NULL);
    case 15:
        return neap_where(g, neap_less(g, x, y, NULL), x, y, NULL);
    case 16: {
        neap_node *const both[] = {x, y};
        return matrix ? neap_concat(g, both, 2, axis, NULL)
                      : neap_multiply(g, x, scalar(s, 1), NULL);
    }
    default:
        return below(2) ? neap_negative(g, neap_negative(g, x, NULL), NULL)
                        : with(s, "cast",
                               with(s, "cast", x, NULL,
                                    neap_attribute_dtype("dtype", NEAP_FLOAT64), no),
                               NULL, neap_attribute_dtype("dtype", NEAP_FLOAT32), no);
    }
}

static void add_variable(sample *s, size_t which, const int64_t *dims)
{
    neap_tensor *t = numbers(NEAP_FLOAT32, 2, dims);
    s->variables[which] = put(s, neap_variable(s->g, t, NULL, NULL));
    neap_tensor_release(t);
}

/* Some gradients, and assignments to every variable: the first twice. */
static void add_training(sample *s)
{
    neap_node *loss = neap_reduce_sum(s->g, neap_tanh(s->g, pick(s), NULL), NULL);
    neap_node *gradients[3] = {NULL, NULL, NULL}, *updates[4];
    size_t count = 0;
    neap_gradients(s->g, &loss, 1, s->variables, 3, NULL, gradients, NULL);
    put(s, loss);
    for (int v = 0; v < 3; v++) {
        put(s, gradients[v]);
        neap_node *change = gradients[v] ? gradients[v] : s->variables[v];
        change = neap_multiply(s->g, change, scalar(s, 0.01), NULL);
        updates[count++] = neap_assign_sub(s->g, s->variables[v], change, NULL);
    }
    updates[count++] =
        neap_assign_add(s->g, s->variables[0],
                        neap_minimum(s->g, s->variables[0], s->variables[1], NULL), NULL);
    if (below(2)) /* a result that is read: the write is not the commit's own */
        put(s, neap_square(s->g, updates[below(4)], NULL));
    s->update = neap_group(s->g, updates, count, NULL);
}

/* rows, columns: -1 for graphs that serve all sizes. */
static void make_sample(sample *s, uint64_t seed, int64_t rows, int64_t columns)
{
    *s = (sample){.g = neap_graph_new(NULL)};
    state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    s->x = put(s, neap_placeholder(s->g, NEAP_FLOAT32, 2, DIMS(rows, 6), NULL, NULL));
    s->w = put(s, neap_placeholder(s->g, NEAP_FLOAT32, 2, DIMS(6, columns), NULL, NULL));
    add_variable(s, 0, DIMS(6, 6));
    add_variable(s, 1, DIMS(1, 6));
    add_variable(s, 2, DIMS(6, 1));
    put(s, matrix_constant(s));
    put(s, scalar(s, 0.5));
    while (s->count < NODES)
        put(s, grow(s));
    add_training(s);
    s->fetch_count = 1 + below(FETCHES);
    for (size_t i = 0; i < s->fetch_count; i++)
        s->fetches[i] = pick(s);
}

/* ---- Running them -------------------------------------------------------------------- */

static const char *const passes[] = {"none",     NULL,         "fold",
                                     "simplify", "merge",      "fuse",
                                     "place",    "fuse,place", "simplify,merge,fuse"};

typedef struct outcome {
    int status;
    neap_tensor *values[MOST];
    size_t count;
} outcome;

static void drop(outcome *o)
{
    for (size_t i = 0; i < o->count; i++)
        neap_tensor_release(o->values[i]);
    o->count = 0;
}

/* The fetches, and (if `train`) the variables afterwards. */
static void run(neap_session *session, sample *s, neap_node *const *fetches, size_t count,
                neap_tensor *x, neap_tensor *w, int train, outcome *o)
{
    const neap_feed feeds[] = {{s->x, x}, {s->w, w}};
    neap_node *all[MOST + 1];
    neap_tensor *out[MOST + 1] = {NULL};
    memcpy(all, fetches, count * sizeof *all);
    all[count] = s->update;
    o->status =
        neap_session_run(session, feeds, 2, all, count + (train ? 1 : 0), out, NULL);
    memcpy(o->values, out, count * sizeof *out);
    o->count = count;
    for (int v = 0; train && v < 3; v++)
        neap_session_get(session, s->variables[v], &o->values[o->count++], NULL);
}

static int equal(const outcome *a, const outcome *b)
{
    int alike = a->status == b->status && a->count == b->count;
    for (size_t i = 0; alike && i < a->count; i++)
        alike = same(a->values[i], b->values[i]);
    return alike;
}

static neap_session *session_with(neap_graph *g, const char *only, int threads)
{
    neap_session_options options = NEAP_SESSION_OPTIONS_INIT;
    options.passes = only;
    options.threads = threads;
    return neap_session_new(g, &options, NULL);
}

/* A run, and what each fetch is when every node of the graph is fetched with it. */
static void spec_node_by_node(neap_session *session, sample *s, neap_tensor *x,
                              neap_tensor *w, uint64_t seed)
{
    neap_session *alone = session_with(s->g, "none", 1);
    for (int v = 0; v < 3; v++) {
        neap_tensor *value = NULL;
        neap_session_get(session, s->variables[v], &value, NULL);
        neap_session_set(alone, s->variables[v], value, NULL);
        neap_tensor_release(value);
    }
    outcome expected, all;
    run(session, s, s->fetches, s->fetch_count, x, w, 0, &expected);
    run(alone, s, s->nodes, s->count, x, w, 0, &all);
    int alike = 1;
    for (size_t i = 0; i < s->fetch_count && !all.status && !expected.status; i++) {
        for (size_t k = 0; k < s->count; k++) {
            if (s->nodes[k] == s->fetches[i])
                alike &= same(all.values[k], expected.values[i]);
        }
    }
    if (!CHECK(alike))
        printf("graph %u, node by node\n", (unsigned)seed);
    drop(&all);
    drop(&expected);
    neap_session_free(alone);
}

static unsigned ran; /* runs of random graphs that succeeded */

static void spec_sizes(sample *s, neap_session *const *sessions, int64_t rows,
                       int64_t columns, int train, uint64_t seed)
{
    neap_tensor *x = numbers(NEAP_FLOAT32, 2, DIMS(rows, 6));
    neap_tensor *w = numbers(NEAP_FLOAT32, 2, DIMS(6, columns));
    outcome expected, other;
    spec_node_by_node(sessions[0], s, x, w, seed);
    run(sessions[0], s, s->fetches, s->fetch_count, x, w, train, &expected);
    ran += expected.status == NEAP_OK;
    for (size_t p = 1; p < COUNT(passes); p++) {
        run(sessions[p], s, s->fetches, s->fetch_count, x, w, 0, &other);
        drop(&other);
        run(sessions[p], s, s->fetches, s->fetch_count, x, w, train, &other);
        if (!CHECK(equal(&expected, &other)))
            printf("graph %u, sizes %u and %u, passes %s, train %d\n", (unsigned)seed,
                   (unsigned)rows, (unsigned)columns, passes[p] ? passes[p] : "all",
                   train);
        drop(&other);
    }
    drop(&expected);
    neap_tensor_release(w);
    neap_tensor_release(x);
}

/* Odd ones know their sizes when they are built, even ones serve several. */
static void spec_random_graph(uint64_t seed)
{
    static const int64_t sizes[] = {4, 1, 6, 170};
    const int64_t rows = sizes[seed / 2 % 4], columns = sizes[seed / 8 % 4];
    sample s;
    make_sample(&s, seed, seed % 2 ? rows : -1, seed % 2 ? columns : 6);
    neap_session *sessions[COUNT(passes)];
    for (size_t p = 0; p < COUNT(passes); p++)
        sessions[p] = session_with(s.g, passes[p], p % 2 ? 3 : 1);
    if (seed % 2) {
        spec_sizes(&s, sessions, rows, columns, 1, seed);
        spec_sizes(&s, sessions, rows, columns, 1, seed);
    } else {
        spec_sizes(&s, sessions, 6, 6, 1, seed);
        spec_sizes(&s, sessions, 1, 6, 0, seed);
        spec_sizes(&s, sessions, rows, 6, 1, seed);
    }
    for (size_t p = 0; p < COUNT(passes); p++)
        neap_session_free(sessions[p]);
    neap_graph_free(s.g);
}

/* ---- Single decisions ----------------------------------------------------------------- */

static char told[1 << 16]; /* the last plan explained */

static const char *explain(neap_session *s, neap_node *x, neap_tensor *value,
                           neap_node *y)
{
    const neap_feed feed = {x, value};
    size_t length = 0;
    neap_error err = NEAP_ERROR_INIT;
    *told = 0;
    if (!CHECK(neap_session_explain(s, &feed, x ? 1 : 0, &y, 1, told, sizeof told,
                                    &length, &err) == NEAP_OK))
        printf("%s\n", err.message);
    return told;
}

#define CHECK_TOLD(text)                                                                 \
    do {                                                                                 \
        if (!CHECK(strstr(told, text)))                                                  \
            printf("no \"%s\" in\n%s", text, told);                                      \
    } while (0)

/* A graph with a placeholder (n, 6), n unknown, and a value for it. */
typedef struct bench {
    neap_graph *g;
    neap_session *s;
    neap_node *x;
    neap_tensor *value;
} bench;

static bench begin(int64_t n)
{
    bench b = {.g = neap_graph_new(NULL)};
    b.x = neap_placeholder(b.g, NEAP_FLOAT32, 2, DIMS(-1, 6), "x", NULL);
    b.s = session_with(b.g, NULL, 1);
    b.value = numbers(NEAP_FLOAT32, 2, DIMS(n, 6));
    return b;
}

static void end(bench *b)
{
    neap_tensor_release(b->value);
    neap_session_free(b->s);
    neap_graph_free(b->g);
}

static neap_node *constant(neap_graph *g, neap_dtype dtype, int rank, const int64_t *dims)
{
    neap_tensor *t = numbers(dtype, rank, dims);
    neap_node *n = neap_constant(g, t, NULL);
    neap_tensor_release(t);
    return n;
}

static neap_node *integers(neap_graph *g, const int64_t *values, int64_t count)
{
    neap_tensor *t = neap_tensor_copy(NEAP_INT64, 1, &count, values, NULL);
    neap_node *n = neap_constant(g, t, NULL);
    neap_tensor_release(t);
    return n;
}

static void spec_fusion(void)
{
    bench b = begin(5);
    neap_node *y = b.x;
    for (int i = 0; i < 10; i++)
        y = neap_tanh(b.g, neap_add(b.g, y, b.x, NULL), NULL);
    explain(b.s, b.x, b.value, y);
    CHECK_TOLD("1 instructions");
    CHECK_TOLD("fused 20: add tanh");
    /* Twenty values alive at once need more registers than there are. */
    neap_node *wide[20], *sum = NULL;
    for (int i = 0; i < 20; i++)
        wide[i] =
            i ? neap_tanh(b.g, neap_multiply(b.g, wide[i - 1], b.x, NULL), NULL) : b.x;
    for (int i = 0; i < 20; i++)
        sum = sum ? neap_add(b.g, sum, wide[i], NULL) : wide[i];
    neap_session *plain = session_with(b.g, "none", 1);
    const neap_feed feed = {b.x, b.value};
    neap_tensor *p = NULL, *q = NULL;
    CHECK(neap_session_run(b.s, &feed, 1, &sum, 1, &p, NULL) == NEAP_OK);
    CHECK(neap_session_run(plain, &feed, 1, &sum, 1, &q, NULL) == NEAP_OK && same(p, q));
    neap_tensor_release(p);
    neap_tensor_release(q);
    neap_session_free(plain);
    end(&b);
}

static void spec_products(void)
{
    bench b = begin(5);
    neap_node *w = constant(b.g, NEAP_FLOAT32, 2, DIMS(6, 6));
    neap_node *bias = constant(b.g, NEAP_FLOAT32, 1, DIMS(6));
    neap_node *y = neap_matmul(b.g, b.x, w, NULL);
    y = neap_relu(b.g, neap_add(b.g, y, bias, NULL), NULL);
    explain(b.s, b.x, b.value, y);
    CHECK_TOLD("1 instructions");
    CHECK_TOLD("matmul 5 x 6 x 6, then add relu");
    y = neap_matmul(b.g, neap_transpose(b.g, b.x, NULL), b.x, NULL);
    explain(b.s, b.x, b.value, y);
    CHECK_TOLD("1 instructions");
    CHECK_TOLD("matmul 6 x 5 x 6, transpose taken in");
    end(&b);
}

static void spec_rewrites(void)
{
    bench b = begin(5);
    neap_node *twice =
        neap_add(b.g, neap_exp(b.g, b.x, NULL), neap_exp(b.g, b.x, NULL), NULL);
    explain(b.s, b.x, b.value, twice);
    CHECK_TOLD(", 1 merged");
    neap_node *c = constant(b.g, NEAP_FLOAT32, 1, DIMS(6));
    neap_node *folded =
        neap_add(b.g, b.x, neap_exp(b.g, neap_square(b.g, c, NULL), NULL), NULL);
    explain(b.s, b.x, b.value, folded);
    CHECK_TOLD(", 1 folded");
    CHECK_TOLD("1 instructions");
    neap_node *back = neap_negative(b.g, neap_negative(b.g, b.x, NULL), NULL);
    explain(b.s, b.x, b.value, back);
    CHECK_TOLD("0 instructions");
    CHECK_TOLD("fetch 0: fed value");
    neap_node *shape = neap_shape(b.g, neap_exp(b.g, b.x, NULL), NULL);
    explain(b.s, b.x, b.value, shape);
    CHECK_TOLD("0 instructions");
    end(&b);
}

/* A chain of products needs two places, however long it is. */
static void spec_placing(void)
{
    bench b = begin(6);
    neap_node *y = b.x;
    for (int i = 0; i < 50; i++)
        y = neap_matmul(b.g, y, b.x, NULL);
    explain(b.s, b.x, b.value, y);
    const char *at = strstr(told, "block: ");
    CHECK(at && strtod(at + 7, NULL) < 1000);
    y = neap_reduce_sum(b.g, neap_exp(b.g, neap_softmax(b.g, b.x, NULL), NULL), NULL);
    explain(b.s, b.x, b.value, y);
    CHECK_TOLD(", in place of operand 0");
    end(&b);
}

/* The same structure for other sizes, where a decision that hung on sizes must be made anew. */
static void spec_guards(void)
{
    bench b = begin(6);
    neap_node *square = neap_reshape(b.g, b.x, DIMS(-1, 6), 2, NULL);
    neap_node *w = constant(b.g, NEAP_FLOAT32, 2, DIMS(6, 6));
    neap_node *y = neap_add(b.g, square, w, NULL), *dx = NULL;
    neap_node *loss = neap_reduce_sum(b.g, neap_square(b.g, y, NULL), NULL);
    CHECK(neap_gradients(b.g, &loss, 1, &b.x, 1, NULL, &dx, NULL) == NEAP_OK);
    neap_tensor *one = numbers(NEAP_FLOAT32, 2, DIMS(1, 6));
    for (int i = 0; i < 4; i++) {
        const neap_feed feed = {b.x, i % 2 ? one : b.value};
        neap_tensor *out = NULL;
        CHECK(neap_session_run(b.s, &feed, 1, &dx, 1, &out, NULL) == NEAP_OK);
        CHECK(out && neap_tensor_dims(out)[0] == (i % 2 ? 1 : 6));
        neap_tensor_release(out);
    }
    neap_tensor_release(one);
    end(&b);
}

/* A rank that a fed value tells: what holds for a matrix does not for three dimensions. */
static void spec_rank_by_value(void)
{
    neap_graph *g = neap_graph_new(NULL);
    neap_node *dims = neap_placeholder(g, NEAP_INT64, 1, DIMS(-1), NULL, NULL);
    neap_node *c = constant(g, NEAP_FLOAT32, 1, DIMS(27));
    const neap_attribute shape = neap_attribute_node("shape", dims);
    neap_node *x = neap_build(g, "reshape", &c, 1, &shape, 1, NULL, NULL, 0, NULL);
    neap_node *product = neap_matmul(g, neap_transpose(g, x, NULL), x, NULL);
    const int64_t lists[2][3] = {{9, 3, 0}, {3, 3, 3}};
    neap_session *all = session_with(g, NULL, 1), *none = session_with(g, "none", 1);
    for (int i = 0; i < 4; i++) {
        const int64_t count = 2 + i % 2;
        neap_tensor *value = neap_tensor_copy(NEAP_INT64, 1, &count, lists[i % 2], NULL);
        const neap_feed feed = {dims, value};
        neap_tensor *p = NULL, *q = NULL;
        CHECK(neap_session_run(all, &feed, 1, &product, 1, &p, NULL) == NEAP_OK);
        CHECK(neap_session_run(none, &feed, 1, &product, 1, &q, NULL) == NEAP_OK);
        CHECK(p && same(p, q));
        neap_tensor_release(p);
        neap_tensor_release(q);
        neap_tensor_release(value);
    }
    neap_session_free(all);
    neap_session_free(none);
    neap_graph_free(g);
}

/* ---- Segments --------------------------------------------------------------------------- */

/* A size that the run itself computes; what is computed on the way is not computed twice. */
static void spec_segments(void)
{
    bench b = begin(4);
    neap_node *largest = neap_argmax(b.g, integers(b.g, DIMS(1, 2, 9, 4), 4), NULL);
    neap_node *rows =
        neap_add(b.g, largest,
                 neap_cast(b.g,
                           neap_less(b.g, neap_reduce_sum(b.g, b.x, NULL),
                                     scalar(&(sample){.g = b.g}, 1e9), NULL),
                           NEAP_INT64, NULL),
                 NULL);
    neap_node *parts[] = {neap_reshape(b.g, rows, DIMS(1), 1, NULL),
                          integers(b.g, DIMS(-1), 1)};
    neap_node *dims = neap_concat(b.g, parts, 2, 0, NULL);
    const neap_attribute shape = neap_attribute_node("shape", dims);
    neap_node *y = neap_build(b.g, "reshape", &b.x, 1, &shape, 1, NULL, NULL, 0, NULL);
    neap_node *const fetches[] = {neap_exp(b.g, y, NULL), rows};
    for (int i = 0; i < 3; i++) {
        neap_tensor *value = numbers(NEAP_FLOAT32, 2, DIMS(i + 1, 6));
        const neap_feed feed = {b.x, value};
        neap_tensor *out[2] = {NULL, NULL};
        CHECK(neap_session_run(b.s, &feed, 1, fetches, 2, out, NULL) == NEAP_OK);
        CHECK(out[0] && neap_tensor_dims(out[0])[0] == 3 &&
              neap_tensor_dims(out[0])[1] == 2 * (i + 1));
        CHECK(out[1] && *(const int64_t *)neap_tensor_data(out[1]) == 3);
        neap_tensor_release(out[0]);
        neap_tensor_release(out[1]);
        neap_tensor_release(value);
    }
    end(&b);
}

/* A size behind an assignment of the same run, by control or by value: the write is made once, by the
 * commit, and not at all by a run that fails later. */
static void spec_size_behind_assignment(void)
{
    bench b = begin(4);
    neap_tensor *two = neap_tensor_copy(NEAP_INT64, 0, NULL, &(int64_t){2}, NULL);
    neap_node *v = neap_variable(b.g, two, "v", NULL);
    neap_node *change = neap_assign_add(b.g, v, v, NULL);
    CHECK(neap_graph_push_controls(b.g, &change, 1, NULL) == NEAP_OK);
    neap_node *behind = neap_argmax(b.g, b.x, NULL); /* by control */
    neap_graph_pop_controls(b.g);
    neap_node *const sizes[] = {behind, neap_reshape(b.g, change, DIMS(1), 1, NULL)};
    neap_node *far = integers(b.g, DIMS(99), 1), *rows = neap_softmax(b.g, b.x, NULL);
    const neap_feed feed = {b.x, b.value};
    int64_t now = 2;
    for (int i = 0; i < 8; i++) { /* every second run fails */
        const neap_attribute shape = neap_attribute_node("shape", sizes[i / 4]);
        neap_node *y = neap_build(b.g, "zeros", NULL, 0, &shape, 1, NULL, NULL, 0, NULL);
        neap_node *const fetches[] = {y, neap_gather(b.g, rows, far, NULL)};
        neap_tensor *out[2] = {NULL}, *after = NULL;
        const int fails = i % 2;
        CHECK(neap_session_run(b.s, &feed, 1, fetches, fails ? 2 : 1, out, NULL) ==
              (fails ? NEAP_ERANGE : NEAP_OK));
        now *= fails ? 1 : 2;
        CHECK(fails ? !out[0] : neap_tensor_rank(out[0]) == (i < 4 ? 6 : 1));
        CHECK(fails || i < 4 || neap_tensor_dims(out[0])[0] == now);
        CHECK(neap_session_get(b.s, v, &after, NULL) == NEAP_OK &&
              *(const int64_t *)neap_tensor_data(after) == now);
        neap_tensor_release(after);
        neap_tensor_release(out[0]);
    }
    neap_tensor_release(two);
    end(&b);
}

int main(void)
{
    for (uint64_t seed = 0; seed < GRAPHS; seed++)
        spec_random_graph(seed);
    if (!CHECK(ran > GRAPHS)) /* most of them do run */
        printf("%u ran\n", ran);
    spec_fusion();
    spec_products();
    spec_rewrites();
    spec_placing();
    spec_guards();
    spec_rank_by_value();
    spec_segments();
    spec_size_behind_assignment();
    return check_report();
}
