/* faults.c - a training run whose k-th allocation fails, for every k: it tells so, every variable
 * and the random state are as they were, nothing is lost, and the session goes on. Over an
 * allocator of the host's own, which counts. */
#include "check.h"
#include "neap.h"

#include <stdlib.h>

/* ---- The host's allocator -------------------------------------------------------------- */

static long long held;
static long until_failure = -1; /* allocations that succeed before one fails; -1: all */
static int allocator_misused;

static void *allocate(void *user, size_t size, size_t alignment, neap_memory_kind kind)
{
    allocator_misused |=
        !size || alignment > 64 || kind > NEAP_MEMORY_RESULT || user != &held;
    if (until_failure == 0)
        return NULL;
    until_failure -= until_failure > 0;
    void *p = aligned_alloc(64, (size + 63) & ~(size_t)63);
    held += p ? (long long)size : 0;
    return p;
}

static void give_back(void *user, void *pointer, size_t size)
{
    allocator_misused |= user != &held || !pointer;
    held -= (long long)size;
    free(pointer);
}

/* ---- A model ------------------------------------------------------------------------- */

static neap_error err = NEAP_ERROR_INIT;

static float first(neap_tensor *t)
{
    const float value = t ? *(const float *)neap_tensor_data(t) : -1;
    neap_tensor_release(t);
    return value;
}

typedef struct model {
    neap_graph *g;
    neap_node *x, *labels, *loss, *step, *train, *variables[16];
    size_t count;
    neap_tensor *input, *classes;
} model;

/* Two layers with Adam, initial values that are drawn, and a size that the run computes. */
static model make_model(void)
{
    model m = {.g = neap_graph_new(NULL)};
    neap_graph *g = m.g;
    m.x = neap_placeholder(g, NEAP_FLOAT32, 2, DIMS(-1, 6), "x", NULL);
    m.labels = neap_placeholder(g, NEAP_INT64, 1, DIMS(-1), "labels", NULL);
    neap_node *h = m.x;
    for (int layer = 0; layer < 2; layer++) {
        neap_node *w = neap_variable_from(g, neap_random_normal(g, DIMS(6, 6), 2, NULL),
                                          1, NULL, NULL);
        neap_node *b =
            neap_variable_from(g, neap_zeros(g, DIMS(6), 1, NULL), 1, NULL, NULL);
        h = neap_tanh(g, neap_add(g, neap_matmul(g, h, w, NULL), b, NULL), NULL);
    }
    const neap_pair by[] = {{2, 1}, {0, 0}};
    neap_pad_options mirrored = NEAP_PAD_OPTIONS_INIT;
    mirrored.mode = "reflect";
    h = neap_strided_slice(g, neap_pad(g, h, by, 2, &mirrored, NULL), DIMS(-2), 1,
                           DIMS(-5), 1, DIMS(-1), 1, NULL);
    h = neap_tensordot(g, h, neap_random_normal(g, DIMS(6, 6), 2, NULL),
                       neap_attribute_pairs("axes", (const neap_pair[]){{1, 1}}, 1),
                       NULL);
    h = neap_roll(g, h, DIMS(1), 1, DIMS(0), 1, NULL);
    const neap_attribute shape = neap_attribute_node("shape", neap_shape(g, h, NULL));
    h = neap_build(g, "reshape", &h, 1, &shape, 1, NULL, NULL, 0, NULL);
    m.loss = neap_reduce_mean(
        g, neap_sparse_softmax_cross_entropy_with_logits(g, m.labels, h, NULL), NULL);
    const neap_attribute rate = neap_attribute_float("learning_rate", 0.05);
    m.train = neap_minimize(g, m.loss, "adam", &rate, 1, &err);
    m.count = neap_graph_count(g, NEAP_VARIABLES);
    for (size_t i = 0; i < m.count && i < COUNT(m.variables); i++)
        m.variables[i] = neap_graph_at(g, NEAP_VARIABLES, i);
    m.input = neap_tensor_copy(NEAP_FLOAT32, 2, DIMS(3, 6), NULL, NULL);
    float *data = neap_tensor_edit(m.input);
    for (int i = 0; i < 18; i++)
        data[i] = (float)(i % 7) / 7;
    m.classes = neap_tensor_copy(NEAP_INT64, 1, DIMS(3), DIMS(1, 5, 0), NULL);
    return m;
}

static int train(const model *m, neap_session *s, neap_tensor **loss)
{
    const neap_feed feeds[] = {{m->x, m->input}, {m->labels, m->classes}};
    neap_node *const fetches[] = {m->loss, m->train};
    neap_tensor *out[2] = {NULL};
    const int status = neap_session_run(s, feeds, 2, fetches, 2, out, &err);
    *loss = out[0];
    return status;
}

/* All variables, one after the other. */
static void read_all(const model *m, neap_session *s, float *values, size_t capacity)
{
    size_t at = 0;
    for (size_t i = 0; i < m->count; i++) {
        neap_tensor *t = NULL;
        OK(neap_session_get(s, m->variables[i], &t, &err));
        for (int64_t k = 0; t && k < neap_tensor_size(t) && at < capacity; k++)
            values[at++] =
                (float)neap_element_number(neap_tensor_dtype(t), neap_tensor_data(t), k);
        neap_tensor_release(t);
    }
}

/* ---- Every allocation fails once ----------------------------------------------------- */

static void spec_allocation_failures(void)
{
    enum { ALL = 512, STEPS = 3 };
    static float before[ALL], now[ALL], after[ALL];
    model m = make_model();
    CHECK(m.train && m.count > 4 && m.count <= COUNT(m.variables));
    neap_session *calm = neap_session_new(m.g, NULL, NULL);
    float losses[STEPS];
    read_all(&m, calm, before, ALL);
    for (int i = 0; i < STEPS; i++) {
        neap_tensor *loss = NULL;
        OK(train(&m, calm, &loss));
        losses[i] = first(loss);
    }
    read_all(&m, calm, after, ALL);
    neap_session_free(calm);
    const long long graph = held;
    int failures = 0;
    for (long k = 0, done = 0; !done && k < 5000; k++) {
        neap_session *s = neap_session_new(m.g, NULL, NULL);
        neap_tensor *loss = NULL;
        until_failure = k;
        int status = train(&m, s, &loss);
        const int reached = until_failure == 0;
        until_failure = -1;
        done = !reached;
        if (status) { /* an allocation that may fail (the cache's) leaves the run well */
            failures++;
            if (!CHECK(status == NEAP_ENOMEM && err.code == NEAP_ENOMEM && !loss))
                printf("allocation %ld: %s\n", k, err.message);
            read_all(&m, s, now, ALL);
            CHECK(!memcmp(now, before, sizeof now));
            OK(train(&m, s, &loss));
        }
        CHECK(first(loss) == losses[0]);
        for (int i = 1; i < STEPS; i++) { /* and one in a run whose plan is there */
            loss = NULL;
            until_failure = i == 1 ? k % 12 : -1;
            status = train(&m, s, &loss);
            until_failure = -1;
            if (status) {
                CHECK(status == NEAP_ENOMEM && !loss);
                OK(train(&m, s, &loss));
            }
            CHECK(first(loss) == losses[i]);
        }
        read_all(&m, s, now, ALL);
        CHECK(!memcmp(now, after, sizeof now));
        neap_session_free(s);
        if (!CHECK(held == graph)) {
            printf("allocation %ld: %lld bytes lost\n", k, held - graph);
            break;
        }
    }
    CHECK(failures > 50);
    neap_tensor_release(m.input);
    neap_tensor_release(m.classes);
    neap_graph_free(m.g);
}

int main(void)
{
    const neap_allocator allocator = {allocate, give_back, &held};
    OK(neap_set_allocator(&allocator, &err));
    spec_allocation_failures();
    CHECK(held == 0 && !allocator_misused);
    CHECK(neap_set_allocator(NULL, &err) == NEAP_ESTATE);
    CHECK_TEXT(err.message,
               "neap_set_allocator: memory was already taken from the present one");
    return check_report();
}
