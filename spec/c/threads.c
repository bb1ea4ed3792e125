/* threads.c - specs of sessions in use by many threads at once; run under ThreadSanitizer too. Every
 * fact holds whatever the order is in which the threads come. */
#include "check.h"
#include "neap.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 6, ROUNDS = 150 };

/* ---- Helpers --------------------------------------------------------------------------- */

static neap_node *number(neap_graph *g, double value, int is_variable)
{
    neap_tensor *t = neap_tensor_copy(NEAP_FLOAT64, 0, NULL, &value, NULL);
    neap_node *n =
        is_variable ? neap_variable(g, t, NULL, NULL) : neap_constant(g, t, NULL);
    neap_tensor_release(t);
    return n;
}

static double first(neap_tensor *t)
{
    const double value = t ? *(const double *)neap_tensor_data(t) : -1;
    neap_tensor_release(t);
    return value;
}

/* Runs `job` in THREADS threads; each gets its number through `place`. */
typedef struct place {
    void *shared;
    int index;
} place;

static void in_threads(void *(*job)(void *), void *shared)
{
    pthread_t threads[THREADS];
    place places[THREADS];
    for (int i = 0; i < THREADS; i++) {
        places[i] = (place){shared, i};
        if (!CHECK(!pthread_create(&threads[i], NULL, job, &places[i])))
            abort();
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* ---- Readers, writers, callables on one session ------------------------------------------ */

typedef struct counters {
    neap_graph *g;
    neap_session *s;
    neap_callable *add_both;
    neap_node *v, *w, *x, *both[2], *sum, *update;
    _Atomic(int) seen[THREADS * ROUNDS + 1]; /* how often a writer was given this value */
} counters;

/* Even threads add one to both variables, odd ones read them. */
static void *count(void *context)
{
    const place *p = context;
    counters *c = p->shared;
    int sound = 1;
    double last = 0;
    for (int i = 0; i < ROUNDS; i++) {
        neap_tensor *out[3] = {NULL}, *one = NULL;
        neap_error err = NEAP_ERROR_INIT;
        int status;
        if (p->index % 2 == 0) {
            one = neap_tensor_copy(NEAP_FLOAT64, 0, NULL, &(double){1}, NULL);
            const neap_feed feed = {c->x, one};
            status = i % 2 ? neap_callable_run(c->add_both, NULL, &one, out, &err)
                           : neap_session_run(c->s, &feed, 1, c->both, 2, out, &err);
            const double a = first(out[0]), b = first(out[1]);
            sound &= !status && a == b && a > last && a <= THREADS / 2 * ROUNDS;
            atomic_fetch_add(&c->seen[(int)a], 1);
            last = a;
        } else if (i % 3) {
            neap_node *const fetches[] = {c->v, c->w, c->sum};
            status = neap_session_run(c->s, NULL, 0, fetches, 3, out, &err);
            const double a = first(out[0]), b = first(out[1]);
            sound &= !status && a == b && first(out[2]) == 2 * a && a >= last;
            last = a;
        } else {
            status = neap_session_get(c->s, c->v, &out[0], &err);
            const double a = first(out[0]);
            sound &= !status && a >= last;
            last = a;
        }
        neap_tensor_release(one);
        if (status)
            printf("%s\n", err.message);
    }
    CHECK(sound);
    return NULL;
}

static void spec_readers_and_writers(int threads)
{
    counters *c = calloc(1, sizeof *c);
    c->g = neap_graph_new(NULL);
    c->v = number(c->g, 0, 1);
    c->w = number(c->g, 0, 1);
    c->x = neap_placeholder(c->g, NEAP_FLOAT64, 0, NULL, NULL, NULL);
    c->both[0] = neap_assign_add(c->g, c->v, c->x, NULL);
    c->both[1] = neap_assign_add(c->g, c->w, c->x, NULL);
    c->sum = neap_add(c->g, c->v, c->w, NULL);
    neap_session_options options = NEAP_SESSION_OPTIONS_INIT;
    options.threads = threads;
    c->s = neap_session_new(c->g, &options, NULL);
    c->add_both = neap_callable_new(c->s, &c->x, 1, c->both, 2, NULL);
    in_threads(count, c);
    int once = 1;
    for (int i = 1; i <= THREADS / 2 * ROUNDS; i++)
        once &= atomic_load(&c->seen[i]) == 1;
    CHECK(once); /* the writes took turns */
    neap_callable_free(c->add_both);
    neap_session_free(c->s);
    neap_graph_free(c->g);
    free(c);
}

/* ---- A variable of any shape, set while others read it ------------------------------------- */

typedef struct shapes {
    neap_session *s;
    neap_node *v, *y[2];
} shapes;

static void *reshape(void *context)
{
    const place *p = context;
    shapes *c = p->shared;
    int sound = 1;
    for (int i = 0; i < ROUNDS; i++) {
        neap_tensor *out[2] = {NULL};
        if (p->index == 0 && i % 16 == 5) {
            sound &= neap_session_initialize(c->s, NULL) == NEAP_OK;
        } else if (p->index < 2) {
            const int64_t n = 1 + (i * 7 + p->index) % 40;
            neap_tensor *t = neap_tensor_copy(NEAP_FLOAT64, 1, &n, NULL, NULL);
            double *data = neap_tensor_edit(t);
            for (int64_t k = 0; k < n; k++)
                data[k] = (double)n;
            sound &= neap_session_set(c->s, c->v, t, NULL) == NEAP_OK;
            neap_tensor_release(t);
        } else {
            sound &= neap_session_run(c->s, NULL, 0, c->y, 2, out, NULL) == NEAP_OK;
            const double n = out[1] ? (double)neap_tensor_size(out[1]) : -1;
            sound &= first(out[1]) == n + 1 && first(out[0]) == n * n;
        }
    }
    CHECK(sound);
    return NULL;
}

static void spec_shapes(void)
{
    neap_graph *g = neap_graph_new(NULL);
    const int64_t length = 3;
    neap_tensor *shape = neap_tensor_copy(NEAP_INT64, 1, DIMS(1), &length, NULL);
    const neap_attribute open = neap_attribute_node(
        "shape", neap_variable(g, shape, NULL, NULL)); /* not told before a run */
    neap_node *three = number(g, 3, 0);
    neap_node *initial =
        neap_build(g, "broadcast_to", &three, 1, &open, 1, NULL, NULL, 0, NULL);
    neap_tensor_release(shape);
    neap_node *v = neap_variable_from(g, initial, 1, NULL, NULL);
    CHECK(v && neap_node_dims(v) && neap_node_dims(v)[0] == -1);
    shapes c = {.v = v};
    c.y[0] = neap_reduce_sum(g, v, NULL);
    c.y[1] = neap_add(g, v, number(g, 1, 0), NULL);
    c.s = neap_session_new(g, NULL, NULL);
    in_threads(reshape, &c);
    neap_session_free(c.s);
    neap_graph_free(g);
}

/* ---- Several sessions on a graph that grows -------------------------------------------------- */

enum { GROWN = 400 };

typedef struct growing {
    neap_graph *g;
    neap_session *sessions[2]; /* the second has the threads' own thread pool to share */
    neap_node *x, *v;
    neap_node *_Atomic newest;
    _Atomic(int) length;
} growing;

static void *follow(void *context)
{
    const place *p = context;
    growing *c = p->shared;
    int sound = 1;
    const double zero = 0;
    neap_tensor *t = neap_tensor_copy(NEAP_FLOAT64, 0, NULL, &zero, NULL);
    for (int i = 0; i < ROUNDS || atomic_load(&c->length) < GROWN; i++) {
        const int at_least = atomic_load(&c->length);
        neap_node *const fetches[] = {atomic_load(&c->newest), c->v};
        const neap_feed feed = {c->x, t};
        neap_tensor *out[2] = {NULL};
        sound &= neap_session_run(c->sessions[p->index % 2], &feed, 1, fetches, 2, out,
                                  NULL) == NEAP_OK;
        sound &= first(out[0]) >= at_least && first(out[1]) == 7;
    }
    neap_tensor_release(t);
    CHECK(sound);
    return NULL;
}

static void *extend(void *context)
{
    growing *c = context;
    neap_node *n = c->x;
    for (int i = 1; i <= GROWN; i++) {
        n = neap_add(c->g, n, number(c->g, 1, i % 50 == 0 ? 1 : 0), NULL);
        atomic_store(&c->newest, n);
        atomic_store(&c->length, i);
        nanosleep(&(struct timespec){0, 20000}, NULL);
    }
    return NULL;
}

static void spec_growing(void)
{
    growing c = {.g = neap_graph_new(NULL)};
    neap_session_options options = NEAP_SESSION_OPTIONS_INIT;
    for (int i = 0; i < 2; i++) {
        options.threads = 1 + 2 * i;
        c.sessions[i] = neap_session_new(c.g, &options, NULL);
    }
    c.x = neap_placeholder(c.g, NEAP_FLOAT64, 0, NULL, NULL, NULL);
    c.v = number(c.g, 7, 1);
    atomic_store(&c.newest, c.x);
    pthread_t builder;
    CHECK(!pthread_create(&builder, NULL, extend, &c));
    in_threads(follow, &c);
    pthread_join(builder, NULL);
    neap_session_free(c.sessions[0]);
    neap_session_free(c.sessions[1]);
    neap_graph_free(c.g);
}

/* ---- The pool: results are the same bits for whoever gets it ----------------------------------- */

typedef struct large {
    neap_session *s;
    neap_node *x, *y;
    neap_tensor *value, *expected;
} large;

static void *compute(void *context)
{
    const place *p = context;
    large *c = p->shared;
    const neap_feed feed = {c->x, c->value};
    int sound = 1;
    for (int i = 0; i < 10; i++) {
        neap_tensor *out = NULL;
        sound &= neap_session_run(c->s, &feed, 1, &c->y, 1, &out, NULL) == NEAP_OK &&
                 out &&
                 !memcmp(neap_tensor_data(out), neap_tensor_data(c->expected),
                         neap_tensor_bytes(out));
        neap_tensor_release(out);
    }
    CHECK(sound);
    return NULL;
}

static void spec_pool(void)
{
    neap_graph *g = neap_graph_new(NULL);
    large c = {.x = neap_placeholder(g, NEAP_FLOAT32, 2, DIMS(-1, -1), NULL, NULL)};
    neap_node *y = neap_matmul(g, c.x, neap_tanh(g, c.x, NULL), NULL);
    c.y = neap_reduce_sum(g, neap_softmax(g, y, NULL), NULL);
    c.y = neap_add(g, c.y, neap_exp(g, neap_sigmoid(g, y, NULL), NULL), NULL);
    c.value = neap_tensor_copy(NEAP_FLOAT32, 2, DIMS(192, 192), NULL, NULL);
    float *data = neap_tensor_edit(c.value);
    for (int i = 0; i < 192 * 192; i++)
        data[i] = (float)(i % 1009) / 1009;
    const neap_feed feed = {c.x, c.value};
    neap_session_options options = NEAP_SESSION_OPTIONS_INIT;
    options.threads = 1;
    neap_session *alone = neap_session_new(g, &options, NULL);
    CHECK(neap_session_run(alone, &feed, 1, &c.y, 1, &c.expected, NULL) == NEAP_OK);
    options.threads = 4;
    c.s = neap_session_new(g, &options, NULL);
    in_threads(compute, &c);
    neap_session_free(c.s);
    neap_session_free(alone);
    neap_tensor_release(c.expected);
    neap_tensor_release(c.value);
    neap_graph_free(g);
}

/* ---- A run inside a run -------------------------------------------------------------------------- */

typedef struct nested {
    neap_session *s, *other;
    neap_node *v;
    neap_callable *call;
    _Atomic(int) entered, release;
} nested;

/* Runs the session that runs it, by every way in; then another session. */
static int enter(void *user, void *caller, neap_tensor *const *in, size_t in_count,
                 neap_tensor **out, size_t out_count, neap_error *err)
{
    nested *c = user;
    neap_error own = NEAP_ERROR_INIT;
    neap_tensor *value = NULL;
    size_t length;
    (void)caller, (void)in_count, (void)out_count, (void)err;
    CHECK(neap_session_run(c->s, NULL, 0, &c->v, 1, &value, &own) == NEAP_EBUSY);
    CHECK_TEXT(own.message, "session: a run inside a run of the same session");
    CHECK(neap_session_get(c->s, c->v, &value, &own) == NEAP_EBUSY && !value);
    CHECK(neap_session_set(c->s, c->v, in[0], &own) == NEAP_EBUSY);
    CHECK(neap_session_initialize(c->s, &own) == NEAP_EBUSY);
    CHECK(neap_callable_run(c->call, NULL, NULL, &value, &own) == NEAP_EBUSY && !value);
    CHECK(neap_session_explain(c->s, NULL, 0, &c->v, 1, NULL, 0, &length, &own) ==
          NEAP_EBUSY);
    CHECK(neap_session_get(c->other, c->v, &value, &own) == NEAP_OK && first(value) == 3);
    out[0] = neap_tensor_retain(in[0]);
    return NEAP_OK;
}

static int wait_for_release(void *user, void *caller, neap_tensor *const *in,
                            size_t in_count, neap_tensor **out, size_t out_count,
                            neap_error *err)
{
    nested *c = user;
    (void)caller, (void)in_count, (void)out_count, (void)err;
    atomic_store(&c->entered, 1);
    while (!atomic_load(&c->release))
        nanosleep(&(struct timespec){0, 100000}, NULL);
    out[0] = neap_tensor_retain(in[0]);
    return NEAP_OK;
}

static neap_node *host_node(neap_graph *g, const char *name, neap_node *x, nested *c,
                            int (*how)(void *, void *, neap_tensor *const *, size_t,
                                       neap_tensor **, size_t, neap_error *))
{
    const neap_op op = {.size = sizeof op,
                        .name = name,
                        .doc = "x.",
                        .inputs = "x",
                        .result_count = 1,
                        .compute = how,
                        .user = c};
    CHECK(neap_graph_register(g, &op, NULL) == NEAP_OK);
    return neap_build(g, name, &x, 1, NULL, 0, NULL, NULL, 0, NULL);
}

static void spec_run_inside_run(void)
{
    nested c = {0};
    neap_graph *g = neap_graph_new(NULL);
    c.v = number(g, 3, 1);
    neap_node *y = host_node(g, "enter", c.v, &c, enter);
    y = neap_assign_add(g, c.v, y, NULL);
    c.s = neap_session_new(g, NULL, NULL);
    c.other = neap_session_new(g, NULL, NULL);
    c.call = neap_callable_new(c.s, NULL, 0, &c.v, 1, NULL);
    neap_tensor *out = NULL;
    CHECK(neap_session_run(c.s, NULL, 0, &y, 1, &out, NULL) == NEAP_OK &&
          first(out) == 6);
    neap_callable_free(c.call);
    neap_session_free(c.other);
    neap_session_free(c.s);
    neap_graph_free(g);
}

/* ---- Cancelled from another thread ------------------------------------------------------------------ */

typedef struct cancelled {
    nested wait;
    neap_node *y;
    int status;
} cancelled;

static void *be_cancelled(void *context)
{
    cancelled *c = context;
    neap_tensor *out = NULL;
    c->status = neap_session_run(c->wait.s, NULL, 0, &c->y, 1, &out, NULL);
    return NULL;
}

static void spec_cancel(void)
{
    cancelled c = {0};
    neap_graph *g = neap_graph_new(NULL);
    c.wait.v = number(g, 3, 1);
    neap_node *x = host_node(g, "wait", c.wait.v, &c.wait, wait_for_release);
    c.y = neap_assign_add(g, c.wait.v, neap_exp(g, x, NULL), NULL);
    c.wait.s = neap_session_new(g, NULL, NULL);
    CHECK(neap_session_initialize(c.wait.s, NULL) == NEAP_OK);
    pthread_t thread;
    CHECK(!pthread_create(&thread, NULL, be_cancelled, &c));
    while (!atomic_load(&c.wait.entered))
        nanosleep(&(struct timespec){0, 100000}, NULL);
    neap_tensor *out = NULL; /* a run that only reads does not wait for one that writes */
    CHECK(neap_session_get(c.wait.s, c.wait.v, &out, NULL) == NEAP_OK && first(out) == 3);
    neap_cancel(c.wait.s);
    atomic_store(&c.wait.release, 1);
    pthread_join(thread, NULL);
    CHECK(c.status == NEAP_ECANCEL);
    neap_session_free(c.wait.s);
    neap_graph_free(g);
}

/* ---- Fork ------------------------------------------------------------------------------------------- */

#if !defined(__SANITIZE_THREAD__)
/* The child has no pool, and makes one of its own; the session goes on in both. */
static void spec_fork(void)
{
    neap_graph *g = neap_graph_new(NULL);
    large c = {.x = neap_placeholder(g, NEAP_FLOAT32, 2, DIMS(-1, -1), NULL, NULL)};
    c.y = neap_matmul(g, c.x, c.x, NULL);
    c.value = neap_tensor_copy(NEAP_FLOAT32, 2, DIMS(256, 256), NULL, NULL);
    neap_session_options options = NEAP_SESSION_OPTIONS_INIT;
    options.threads = 3;
    c.s = neap_session_new(g, &options, NULL);
    const neap_feed feed = {c.x, c.value};
    CHECK(neap_session_run(c.s, &feed, 1, &c.y, 1, &c.expected, NULL) == NEAP_OK);
    fflush(stdout);
    const pid_t child = fork();
    neap_tensor *out = NULL;
    const int sound = neap_session_run(c.s, &feed, 1, &c.y, 1, &out, NULL) == NEAP_OK &&
                      out &&
                      !memcmp(neap_tensor_data(out), neap_tensor_data(c.expected),
                              neap_tensor_bytes(out));
    neap_tensor_release(out);
    if (child == 0) {
        neap_session_free(c.s);
        _exit(sound ? 0 : 1);
    }
    int status = 1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(sound && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    neap_session_free(c.s);
    neap_tensor_release(c.expected);
    neap_tensor_release(c.value);
    neap_graph_free(g);
}
#else
static void spec_fork(void) {} /* ThreadSanitizer allows no threads in a child */
#endif

int main(void)
{
    spec_readers_and_writers(1);
    spec_readers_and_writers(3);
    spec_shapes();
    spec_growing();
    spec_pool();
    spec_run_inside_run();
    spec_cancel();
    spec_fork();
    return check_report();
}
