/* callbacks.c - specs of what a host's callbacks may leave behind: a text without an end, a
 * code that is no status, scopes and controls, a position, a gradient of another shape.
 *
 * Runs once: no instruction set touches it. */
#include "check.h"
#include "neap.h"

#include <stdlib.h>

static neap_error err = NEAP_ERROR_INIT;

#define FAILS(call, expected_code, expected_text)                                        \
    do {                                                                                 \
        CHECK((call) == (expected_code));                                                \
        CHECK(err.code == (expected_code));                                              \
        CHECK_TEXT(err.message, expected_text);                                          \
    } while (0)

/* ---- One operation, whose callbacks do what a test says -------------------------------- */

typedef struct script {
    int (*infer)(neap_graph *g, neap_error *error);
    int (*compute)(neap_error *error);
    int (*gradient)(neap_graph *g, neap_node *const *x, neap_node *const *dy,
                    neap_node **dx, neap_error *error);
    neap_graph *graph;
    void *caller; /* that the last gradient was called with */
} script;

static int infer(void *user, void *caller, const neap_op_shape *in, size_t in_count,
                 neap_op_shape *out, size_t out_count, neap_error *error)
{
    const script *s = user;
    (void)caller, (void)in_count, (void)out_count;
    out[0] = in[0];
    return s->infer ? s->infer(s->graph, error) : NEAP_OK;
}

static int compute(void *user, void *caller, neap_tensor *const *in, size_t in_count,
                   neap_tensor **out, size_t out_count, neap_error *error)
{
    const script *s = user;
    (void)caller, (void)in_count, (void)out_count;
    out[0] = neap_tensor_retain(in[0]);
    return s->compute ? s->compute(error) : NEAP_OK;
}

static int gradient(void *user, void *caller, neap_graph *g, neap_node *const *x,
                    size_t x_count, neap_node *const *y, neap_node *const *dy,
                    size_t y_count, neap_node **dx, neap_error *error)
{
    script *s = user;
    (void)x_count, (void)y, (void)y_count;
    s->caller = caller;
    if (s->gradient)
        return s->gradient(g, x, dy, dx, error);
    dx[0] = dy[0];
    return NEAP_OK;
}

/* The operation "op" on a graph of its own, with x fed three numbers. */
typedef struct bench {
    script script;
    neap_graph *g;
    neap_node *x;
    neap_tensor *value;
} bench;

static void begin(bench *b, const int64_t dim)
{
    b->g = neap_graph_new(NULL);
    b->script = (script){.graph = b->g};
    neap_op op = {.size = sizeof op,
                  .name = "op",
                  .inputs = "x",
                  .result_count = 1,
                  .infer = infer,
                  .compute = compute,
                  .gradient = gradient,
                  .user = &b->script};
    OK(neap_graph_register(b->g, &op, &err));
    b->x = neap_placeholder(b->g, NEAP_FLOAT32, 1, &dim, "x", NULL);
    b->value = neap_tensor_copy(NEAP_FLOAT32, 1, DIMS(3), (const float[]){1, 2, 3}, NULL);
}

static void end(bench *b)
{
    neap_tensor_release(b->value);
    neap_graph_free(b->g);
}

static neap_node *op_of(bench *b, neap_node *x)
{
    return neap_build(b->g, "op", &x, 1, NULL, 0, NULL, NULL, 0, &err);
}

static int run(bench *b, neap_node *n, neap_tensor **out)
{
    neap_session *s = neap_session_new(b->g, NULL, NULL);
    const neap_feed feed = {b->x, b->value};
    int status = neap_session_run(s, &feed, 1, &n, 1, out, &err);
    neap_session_free(s);
    return status;
}

/* ---- Texts and codes ------------------------------------------------------------------- */

/* To its last byte, which is the first of a character of two. */
static int fill(neap_error *error)
{
    error->code = NEAP_EIO;
    memset(error->message, 'x', sizeof error->message);
    error->message[NEAP_MESSAGE_SIZE - 2] = '\xC3';
    error->message[NEAP_MESSAGE_SIZE - 1] = '\xA9';
    return NEAP_EIO;
}
static int fill_infer(neap_graph *g, neap_error *error)
{
    (void)g;
    return fill(error);
}
static int fill_gradient(neap_graph *g, neap_node *const *x, neap_node *const *dy,
                         neap_node **dx, neap_error *error)
{
    (void)g, (void)x, (void)dy, (void)dx;
    return fill(error);
}

/* The prefix, and of the callback's text what there is room for: its middle is left out. */
static void check_filled(const char *prefix)
{
    CHECK(err.code == NEAP_EIO);
    size_t length = strlen(err.message), begin = strlen(prefix);
    CHECK(length <= NEAP_MESSAGE_SIZE - 1 && length >= NEAP_MESSAGE_SIZE - 8);
    CHECK(!strncmp(err.message, prefix, begin));
    CHECK(strspn(err.message + begin, "x .") == length - begin);
}

static void spec_texts_without_end(void)
{
    bench b;
    begin(&b, 3);
    neap_node *y = op_of(&b, b.x), *dx = NULL;
    neap_tensor *out = NULL;
    b.script.compute = fill;
    CHECK(run(&b, y, &out) == NEAP_EIO && !out);
    check_filled("op \"op\": ");
    b.script.gradient = fill_gradient;
    CHECK(neap_gradients(b.g, &y, 1, &b.x, 1, NULL, &dx, &err) == NEAP_EIO && !dx);
    check_filled("gradient of op \"op\": op \"op\": ");
    b.script.infer = fill_infer;
    err = (neap_error)NEAP_ERROR_INIT;
    CHECK(!op_of(&b, b.x));
    check_filled("op \"op_1\": ");
    CHECK(run(&b, y, &out) == NEAP_EIO && !out); /* when the plan is made */
    check_filled("op \"op\": ");
    err = (neap_error)NEAP_ERROR_INIT;
    end(&b);
}

static int code;
static int only_code(neap_error *error)
{
    (void)error;
    return code;
}
static int infer_code(neap_graph *g, neap_error *error)
{
    (void)g;
    error->code = code;
    return NEAP_OK;
}

/* -1 is what a plan says of itself when it does not serve some sizes. */
static void spec_codes_that_are_no_status(void)
{
    static const int codes[] = {-1, 99, NEAP_EBUSY + 1};
    for (size_t i = 0; i < COUNT(codes); i++) {
        bench b;
        begin(&b, -1);
        neap_node *y = op_of(&b, b.x);
        neap_tensor *out = NULL;
        code = codes[i];
        b.script.compute = only_code;
        FAILS(run(&b, y, &out), NEAP_EARG, "op \"op\": compute failed");
        b.script.infer = infer_code;
        FAILS(run(&b, y, &out), NEAP_EARG, "op \"op\": infer failed");
        err = (neap_error)NEAP_ERROR_INIT;
        CHECK(!op_of(&b, b.x) && err.code == NEAP_EARG);
        CHECK_TEXT(err.message, "op \"op_1\": infer failed");
        err = (neap_error)NEAP_ERROR_INIT;
        end(&b);
    }
    code = NEAP_EFORMAT; /* one that is */
    bench b;
    begin(&b, 3);
    b.script.compute = only_code;
    neap_tensor *out = NULL;
    FAILS(run(&b, op_of(&b, b.x), &out), NEAP_EFORMAT, "op \"op\": compute failed");
    err = (neap_error)NEAP_ERROR_INIT;
    end(&b);
}

/* ---- Scopes, controls, positions ------------------------------------------------------- */

enum { PUSH_SCOPE = 1, PUSH_CONTROLS = 2, POP = 4, NEST = 8, MOVE = 16, FAIL = 32 };
static int does;
static int elsewhere; /* its address is the caller of nodes that a callback makes */

static int disturb(neap_graph *g, neap_node *const *x, neap_error *error)
{
    for (int i = 0; i < 3 && does & POP; i++) {
        neap_graph_pop_scope(g);
        neap_graph_pop_controls(g);
        neap_graph_pop_to(g, 0);
    }
    for (int i = 0; i < 2; i++) {
        if (does & PUSH_SCOPE)
            neap_graph_push_scope(g, "mine", NULL);
        if (does & PUSH_CONTROLS && x)
            neap_graph_push_controls(g, x, 1, NULL);
    }
    if (does & MOVE)
        neap_graph_set_source(g, "callback.c", 99, &elsewhere);
    if (!(does & FAIL))
        return NEAP_OK;
    error->code = NEAP_EUNSUP;
    strcpy(error->message, "not today");
    return NEAP_EUNSUP;
}

static int disturb_infer(neap_graph *g, neap_error *error)
{
    return disturb(g, NULL, error);
}

static int disturb_gradient(neap_graph *g, neap_node *const *x, neap_node *const *dy,
                            neap_node **dx, neap_error *error)
{
    const size_t depth = neap_graph_depth(g);
    int status = disturb(g, x, error);
    dx[0] = neap_negative(g, dy[0], NULL);
    if (does & NEST) { /* a gradient within, of an operation that does the same */
        const int outer = does;
        does &= ~NEST;
        neap_node *inner = NULL,
                  *y = neap_build(g, "op", x, 1, NULL, 0, NULL, NULL, 0, NULL);
        const size_t before = neap_graph_depth(g);
        neap_gradients(g, &y, 1, x, 1, NULL, &inner, NULL);
        CHECK(neap_graph_depth(g) == before);
        does = outer;
    }
    CHECK(neap_graph_depth(g) >= depth);
    return status;
}

/* Whatever a callback does, what is made after it is made as if it had done nothing: in the
 * scopes and under the controls that the host has open, and from its position. */
static void check_after(bench *b, const char *name)
{
    CHECK(neap_graph_depth(b->g) == 2);
    neap_node *after = neap_zeros(b->g, NULL, 0, NULL);
    neap_tensor *out = NULL;
    CHECK_TEXT(neap_node_name(after), name);
    neap_session *s = neap_session_new(b->g, NULL, NULL);
    OK(neap_session_run(s, NULL, 0, &after, 1, &out, &err)); /* without x: no control */
    neap_tensor_release(out);
    neap_session_free(s);
    b->script.gradient = NULL;
    neap_node *y = op_of(b, b->x), *dx = NULL;
    OK(neap_gradients(b->g, &y, 1, &b->x, 1, NULL, &dx, &err));
    CHECK(b->script.caller == &b->script);
}

static void spec_frames(void)
{
    for (does = 0; does < 2 * FAIL; does++) {
        bench b;
        begin(&b, 3);
        neap_graph_set_source(b.g, "host.c", 7, &b.script);
        neap_graph_push_scope(b.g, "outer", NULL);
        neap_graph_push_controls(b.g, NULL, 0, NULL);
        neap_node *y = op_of(&b, b.x), *dx = NULL;
        b.script.gradient = disturb_gradient;
        int status = neap_gradients(b.g, &y, 1, &b.x, 1, NULL, &dx, &err);
        CHECK(status == (does & FAIL ? NEAP_EUNSUP : NEAP_OK));
        check_after(&b, "outer/zeros");
        b.script.infer = disturb_infer;
        err = (neap_error)NEAP_ERROR_INIT;
        neap_node *z = op_of(&b, b.x);
        CHECK((z == NULL) == ((does & FAIL) != 0));
        b.script.infer = NULL;
        err = (neap_error)NEAP_ERROR_INIT;
        check_after(&b, "outer/zeros_1");
        neap_graph_pop_controls(b.g);
        neap_graph_pop_scope(b.g);
        CHECK(neap_graph_depth(b.g) == 0);
        end(&b);
    }
}

/* A node that neap makes behind a callback reports the position of the call. */
static void spec_position(void)
{
    bench b;
    begin(&b, -1);
    does = MOVE;
    b.script.gradient = disturb_gradient;
    neap_node *y = op_of(&b, neap_exp(b.g, b.x, NULL)), *dx = NULL;
    neap_node *w = neap_placeholder(b.g, NEAP_FLOAT32, -1, NULL, "w", NULL);
    y = neap_multiply(b.g, y, w, NULL);
    neap_graph_set_source(b.g, "host.c", 7, NULL);
    OK(neap_gradients(b.g, &y, 1, &b.x, 1, NULL, &dx, &err));
    neap_graph_set_source(b.g, NULL, 0, NULL);
    neap_session *s = neap_session_new(b.g, NULL, NULL);
    neap_tensor *two = neap_tensor_copy(NEAP_FLOAT32, 1, DIMS(2), NULL, NULL),
                *out = NULL;
    /* dx is a product of what the callback made, of shape (2), and exp(x), of shape (3). */
    const neap_feed feeds[] = {{b.x, b.value}, {w, two}, {neap_node_input(dx, 0), two}};
    CHECK(neap_session_run(s, feeds, 3, &dx, 1, &out, &err) == NEAP_ESHAPE);
    CHECK(strstr(err.message, "(made at host.c:7)") != NULL);
    neap_tensor_release(two);
    neap_session_free(s);
    end(&b);
}

/* The pops that a function called between push and pop forgot. */
static void spec_pop_to(void)
{
    neap_graph *g = neap_graph_new(NULL);
    CHECK(neap_graph_depth(g) == 0 && neap_graph_depth(NULL) == 0);
    neap_graph_push_scope(g, "a", NULL);
    const size_t depth = neap_graph_depth(g);
    neap_node *x = neap_placeholder(g, NEAP_FLOAT32, 0, NULL, "x", NULL);
    neap_graph_push_controls(g, &x, 1, NULL);
    neap_graph_push_scope(g, "b", NULL);
    CHECK(depth == 1 && neap_graph_depth(g) == 3);
    neap_graph_pop_to(g, 5);
    CHECK(neap_graph_depth(g) == 3);
    neap_graph_pop_to(g, depth);
    CHECK(neap_graph_depth(g) == 1);
    CHECK_TEXT(neap_node_name(neap_exp(g, x, NULL)), "a/exp");
    neap_graph_pop_to(g, 0);
    CHECK_TEXT(neap_node_name(neap_exp(g, x, NULL)), "exp");
    neap_graph_pop_to(g, 0);
    neap_graph_pop_to(NULL, 0);
    neap_graph_free(g);
}

/* ---- Gradients of another shape ---------------------------------------------------------- */

static neap_node *answered;
static int answer_gradient(neap_graph *g, neap_node *const *x, neap_node *const *dy,
                           neap_node **dx, neap_error *error)
{
    (void)g, (void)x, (void)dy, (void)error;
    dx[0] = answered;
    return NEAP_OK;
}

/* Refused by the graph where that knows, else by the run: it would broadcast. */
static void spec_shape_of_gradient(void)
{
    bench b;
    begin(&b, 3);
    b.script.gradient = answer_gradient;
    neap_node *any = neap_placeholder(b.g, NEAP_FLOAT32, -1, NULL, "any", NULL);
    neap_node *y = op_of(&b, b.x), *dx = NULL;
    y = neap_add(b.g, y, neap_exp(b.g, b.x, NULL), NULL); /* so that there is a sum */
    answered = any;
    OK(neap_gradients(b.g, &y, 1, &b.x, 1, NULL, &dx, &err));
    CHECK(neap_node_rank(dx) == 1 && neap_node_dims(dx)[0] == 3);
    neap_session *s = neap_session_new(b.g, NULL, NULL);
    static const int64_t dims[][2] = {{3, 0}, {0, 0}, {1, 0}, {1, 3}, {2, 0}};
    static const int ranks[] = {1, 0, 1, 2, 1};
    for (size_t i = 0; i < COUNT(ranks); i++) {
        neap_tensor *t = neap_tensor_copy(NEAP_FLOAT32, ranks[i], dims[i], NULL, NULL);
        neap_tensor *out = NULL;
        const neap_feed feeds[] = {{b.x, b.value}, {any, t}};
        int status = neap_session_run(s, feeds, 2, &dx, 1, &out, &err);
        CHECK(status == (i ? NEAP_ESHAPE : NEAP_OK) && (out != NULL) == (i == 0));
        if (i == 2)
            CHECK_TEXT(err.message,
                       "ensure_shape_like \"gradients/ensure_shape_like\": placeholder "
                       "\"any\" has shape (1,), not (3,) as placeholder \"x\"");
        neap_tensor_release(out);
        neap_tensor_release(t);
    }
    neap_session_free(s);
    end(&b);
}

int main(void)
{
    spec_texts_without_end();
    spec_codes_that_are_no_status();
    spec_frames();
    spec_position();
    spec_pop_to();
    spec_shape_of_gradient();
    return check_report();
}
