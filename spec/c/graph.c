/* graph.c - specs of src/graph, of building by name, and of gradients as graph: names,
 * scopes, controls, attributes, the whole texts of errors, operations of the host, and
 * graphs that defeat naive traversals.
 *
 * Runs once: no instruction set touches it. */
#include "check.h"
#include "neap.h"

#include <math.h>
#include <stdlib.h>

/* A failure with this code and this text. */
#define CHECK_ERROR(err, expected_code, expected_text)                                   \
    do {                                                                                 \
        CHECK((err).code == (expected_code));                                            \
        CHECK_TEXT((err).message, expected_text);                                        \
        (err) = (neap_error)NEAP_ERROR_INIT;                                             \
    } while (0)

static neap_node *input(neap_graph *g, neap_dtype dtype, int rank, const int64_t *dims,
                        const char *name)
{
    return neap_placeholder(g, dtype, rank, dims, name, NULL);
}

static neap_node *build(neap_graph *g, const char *op, neap_node *a, neap_node *b,
                        const neap_attribute *attributes, size_t count, const char *name,
                        neap_error *err)
{
    neap_node *inputs[] = {a, b};
    size_t given = b ? 2 : a ? 1 : 0;
    return neap_build(g, op, inputs, given, attributes, count, name, NULL, 0, err);
}

/* ---- The registry ---------------------------------------------------------------- */

/* Every descriptor says what it is: one of the three kinds of gradient, in words, with
 * a signature and a schema that hold together. */
static void spec_registry(void)
{
    CHECK(neap_op_count() > 70 && !neap_op_at(neap_op_count()) && !neap_op_find("foo"));
    for (size_t i = 0; i < neap_op_count(); i++) {
        const neap_op_info *op = neap_op_at(i);
        unsigned gradient =
            op->flags & (NEAP_OP_GRADIENT | NEAP_OP_ZERO | NEAP_OP_NO_GRADIENT);
        int sound = op->name && neap_op_find(op->name) == op && op->version == 1 &&
                    op->doc && strlen(op->doc) > 3 && op->inputs && gradient &&
                    !(gradient & (gradient - 1)) &&
                    (*op->inputs != 0) == !(op->flags & NEAP_OP_SOURCE);
        for (size_t k = 0; k < op->attribute_count; k++) {
            const neap_attribute_info *a = &op->attributes[k];
            const int required = (a->flags & NEAP_ATTRIBUTE_REQUIRED) != 0;
            sound = sound && a->name && a->kind != NEAP_KIND_NONE &&
                    !(required && a->fallback.kind != NEAP_KIND_NONE);
        }
        if (!CHECK(sound))
            printf("the descriptor of %s\n", op->name ? op->name : "?");
    }
}

/* ---- Names, scopes, controls ----------------------------------------------------- */

static void spec_names(void)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_graph *g = neap_graph_new(&err);
    neap_node *x = input(g, NEAP_FLOAT32, 0, NULL, "x");
    CHECK_TEXT(neap_node_name(x), "x");
    CHECK_TEXT(neap_node_name(input(g, NEAP_FLOAT32, 0, NULL, "x")), "x_1");
    CHECK_TEXT(neap_node_name(input(g, NEAP_FLOAT32, 0, NULL, "x")), "x_2");
    CHECK_TEXT(neap_node_name(input(g, NEAP_FLOAT32, 0, NULL, "x_1")), "x_1_1");
    CHECK_TEXT(neap_node_name(input(g, NEAP_FLOAT32, 0, NULL, NULL)), "placeholder");
    CHECK_TEXT(neap_node_name(build(g, "add", x, x, NULL, 0, NULL, &err)), "add");
    CHECK_TEXT(neap_node_name(build(g, "add", x, x, NULL, 0, NULL, &err)), "add_1");
    CHECK(neap_graph_node(g, "x") == x && !neap_graph_node(g, "y"));

    /* A name is given back when its node is not made. */
    neap_attribute shape = neap_attribute_string("shape", "no");
    for (int i = 0; i < 2; i++) {
        CHECK(!build(g, "placeholder", NULL, NULL, &shape, 1, "x", &err));
        CHECK_ERROR(err, NEAP_ETYPE,
                    "placeholder \"x_3\": attribute \"shape\": an integer or a sequence "
                    "of integers expected, got a string");
    }
    CHECK_TEXT(neap_node_name(input(g, NEAP_FLOAT32, 0, NULL, "x")), "x_3");
    CHECK(!neap_placeholder(g, NEAP_FLOAT32, 0, NULL, "", &err));
    CHECK_ERROR(err, NEAP_EARG, "placeholder: a name may not be empty");

    char longest[1026];
    memset(longest, 'n', sizeof longest);
    longest[1025] = 0;
    CHECK(!neap_placeholder(g, NEAP_FLOAT32, 0, NULL, longest, &err));
    CHECK_ERROR(err, NEAP_ELIMIT,
                "placeholder: a name may have 1024 bytes at most with its scopes");
    longest[1024] = 0;
    CHECK(neap_placeholder(g, NEAP_FLOAT32, 0, NULL, longest, &err));
    CHECK(strlen(neap_node_name(
              neap_placeholder(g, NEAP_FLOAT32, 0, NULL, longest, &err))) == 1026);

    CHECK(!neap_graph_push_scope(g, "layer", &err));
    CHECK_TEXT(neap_node_name(input(g, NEAP_FLOAT32, 0, NULL, "x")), "layer/x");
    CHECK(!neap_graph_push_scope(g, "inner", &err));
    CHECK_TEXT(neap_node_name(input(g, NEAP_FLOAT32, 0, NULL, "x")), "layer/inner/x");
    neap_graph_pop_scope(g);
    CHECK(!neap_graph_push_scope(g, "inner", &err));
    CHECK_TEXT(neap_node_name(input(g, NEAP_FLOAT32, 0, NULL, "x")), "layer/inner_1/x");
    neap_graph_pop_scope(g);
    neap_graph_pop_scope(g);
    neap_graph_pop_scope(g);
    CHECK_TEXT(neap_node_name(input(g, NEAP_FLOAT32, 0, NULL, "layer")), "layer_1");
    CHECK(neap_graph_push_scope(g, "", &err) == NEAP_EARG);
    CHECK_ERROR(err, NEAP_EARG, "neap_graph_push_scope: a name may not be empty");
    CHECK(!neap_graph_push_scope(g, "left open", NULL)); /* goes with the graph */
    neap_graph_free(g);
    neap_graph_free(NULL);
}

static void spec_controls(void)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_graph *g = neap_graph_new(&err), *other = neap_graph_new(&err);
    neap_node *x = input(g, NEAP_FLOAT32, 0, NULL, "x");
    neap_node *far = input(other, NEAP_FLOAT32, 0, NULL, "far"), *none = NULL;
    CHECK(!neap_graph_push_controls(g, &x, 1, &err));
    CHECK(neap_graph_push_controls(g, &far, 1, &err) == NEAP_ESTATE);
    CHECK_ERROR(
        err, NEAP_ESTATE,
        "neap_graph_push_controls: placeholder \"far\" is a node of another graph");
    CHECK(neap_graph_push_controls(g, &none, 1, &err) == NEAP_EARG);
    CHECK_ERROR(err, NEAP_EARG, "neap_graph_push_controls: node 0 is NULL");
    neap_graph_pop_scope(g); /* not what is open: nothing */
    neap_graph_pop_controls(g);
    neap_graph_pop_controls(g);
    neap_graph_free(g);
    neap_graph_free(other);
}

static void spec_lists(void)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_graph *g = neap_graph_new(&err);
    neap_tensor *t = neap_tensor_copy(NEAP_FLOAT32, 1, DIMS(2), (float[]){1, 2}, &err);
    neap_node *x = input(g, NEAP_FLOAT32, 1, DIMS(-1), "x");
    neap_node *v = neap_variable(g, t, "v", &err);
    neap_node *s = neap_variable_from(g, neap_constant(g, t, &err), 0, NULL, &err);
    neap_tensor_release(t);
    neap_node *y = build(g, "add", x, v, NULL, 0, NULL, &err);
    neap_node *z = build(g, "multiply", y, y, NULL, 0, NULL, &err);
    CHECK(err.code == 0);
    CHECK(neap_graph_count(g, NEAP_OPERATIONS) == 7);
    CHECK(neap_graph_count(g, NEAP_PLACEHOLDERS) == 1 &&
          neap_graph_at(g, NEAP_PLACEHOLDERS, 0) == x);
    CHECK(neap_graph_count(g, NEAP_VARIABLES) == 2 &&
          neap_graph_at(g, NEAP_VARIABLES, 0) == v &&
          neap_graph_at(g, NEAP_VARIABLES, 1) == s);
    CHECK(!neap_graph_at(g, NEAP_VARIABLES, 2));
    CHECK(neap_graph_at(g, NEAP_OPERATIONS, 6) == z && neap_node_index(z) == 6);
    CHECK(neap_node_trainable(v) && !neap_node_trainable(s) && !neap_node_trainable(x));
    CHECK_TEXT(neap_node_name(s), "variable");
    CHECK_TEXT(neap_node_op(v), "variable");
    CHECK(neap_node_dtype(y) == NEAP_FLOAT32 && neap_node_rank(y) == 1 &&
          neap_node_dims(y)[0] == 2);
    CHECK(neap_node_input_count(y) == 2 && neap_node_input(y, 1) == v &&
          !neap_node_input(y, 2));
    /* A consumer is told once, however often it uses the value. */
    CHECK(neap_node_consumer_count(y) == 1 && neap_node_consumer(y, 0) == z);
    for (int i = 0; i < 9; i++)
        z = build(g, "negative", y, NULL, NULL, 0, NULL, &err);
    CHECK(neap_node_consumer_count(y) == 10 && neap_node_consumer(y, 9) == z &&
          !neap_node_consumer(y, 10));
    CHECK(neap_node_graph(y) == g && neap_node_rank(NULL) == -1 && !neap_node_name(NULL));
    neap_graph_free(neap_graph_retain(g));
    CHECK(neap_graph_node(g, "v") == v);
    neap_graph_free(g);
}

/* ---- Attributes and errors ------------------------------------------------------- */

static void spec_attributes(void)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_graph *g = neap_graph_new(&err);
    neap_node *x = input(g, NEAP_FLOAT32, 2, DIMS(2, 3), "x");
    neap_attribute value;
    neap_attribute axis[] = {neap_attribute_float("axis", 1),
                             neap_attribute_none("name")};
    neap_node *y = build(g, "reduce_sum", x, NULL, axis, 2, NULL, &err);
    CHECK(neap_node_rank(y) == 1 && neap_node_dims(y)[0] == 2);
    CHECK(!neap_node_attribute(y, 0, &value, &err));
    CHECK_TEXT(value.name, "axis");
    CHECK(value.kind == NEAP_KIND_INTS && value.count == 1 && value.integers[0] == 1);
    CHECK(!neap_node_attribute(y, 1, &value, &err) && value.kind == NEAP_KIND_BOOL &&
          value.integer == 0);
    CHECK(neap_node_attribute(y, 2, &value, &err) == NEAP_ERANGE);
    CHECK_ERROR(err, NEAP_ERANGE, "reduce_sum has 2 attributes, no attribute 2");

    axis[0] = neap_attribute_float("axis", 0.5);
    CHECK(!build(g, "reduce_sum", x, NULL, axis, 1, NULL, &err));
    CHECK_ERROR(err, NEAP_EARG,
                "reduce_sum \"reduce_sum_1\": attribute \"axis\": 0.5 is not an integer");
    axis[0] = neap_attribute_float("axis", NAN);
    CHECK(!build(g, "reduce_sum", x, NULL, axis, 1, NULL, &err));
    CHECK_ERROR(err, NEAP_ERANGE,
                "reduce_sum \"reduce_sum_1\": attribute \"axis\": nan is not an integer");
    axis[0] = neap_attribute_float("axis", 0x1p63);
    CHECK(!build(g, "reduce_sum", x, NULL, axis, 1, NULL, &err) &&
          err.code == NEAP_ERANGE);
    err.code = 0;
    axis[0] = neap_attribute_string("axis", "1");
    CHECK(!build(g, "reduce_sum", x, NULL, axis, 1, "s", &err));
    CHECK_ERROR(err, NEAP_ETYPE,
                "reduce_sum \"s\": attribute \"axis\": an integer or a sequence of "
                "integers expected, got a string");
    axis[0] = neap_attribute_int("shap", 1);
    CHECK(!build(g, "reshape", x, NULL, axis, 1, "r", &err));
    CHECK_ERROR(err, NEAP_EARG,
                "reshape \"r\": unknown attribute \"shap\"; it has shape");
    CHECK(!build(g, "negative", x, NULL, axis, 1, "n", &err));
    CHECK_ERROR(err, NEAP_EARG,
                "negative \"n\": unknown attribute \"shap\"; it has none");
    CHECK(!build(g, "reshape", x, NULL, NULL, 0, "r", &err));
    CHECK_ERROR(err, NEAP_EARG, "reshape \"r\": attribute \"shape\" is missing");
    axis[0] = axis[1] = neap_attribute_int("axis", 1);
    CHECK(!build(g, "reduce_sum", x, NULL, axis, 2, "s", &err));
    CHECK_ERROR(err, NEAP_EARG, "reduce_sum \"s\": attribute \"axis\" is given twice");
    axis[0] = neap_attribute_node("axis", x);
    CHECK(!build(g, "reduce_sum", x, NULL, axis, 1, "s", &err));
    CHECK_ERROR(err, NEAP_ETYPE,
                "reduce_sum \"s\": attribute \"axis\": an integer or a sequence of "
                "integers expected, got a node");
    axis[0] = neap_attribute_string("dtype", "float23");
    CHECK(!build(g, "cast", x, NULL, axis, 1, "c", &err));
    CHECK_ERROR(err, NEAP_EDTYPE,
                "cast \"c\": attribute \"dtype\": \"float23\" is not a dtype");
    axis[0] = neap_attribute_dtype("dtype", (neap_dtype)14);
    CHECK(!build(g, "cast", x, NULL, axis, 1, "c", &err) && err.code == NEAP_EDTYPE);
    err.code = 0;
    axis[0] = neap_attribute_string("dtype", "int32");
    CHECK(neap_node_dtype(build(g, "cast", x, NULL, axis, 1, "c", &err)) == NEAP_INT32);

    /* A node in the place of integers is an input. */
    neap_node *shape = input(g, NEAP_INT64, 1, DIMS(2), "shape");
    axis[0] = neap_attribute_node("shape", shape);
    y = build(g, "reshape", x, NULL, axis, 1, "r", &err);
    CHECK(y && neap_node_input_count(y) == 2 && neap_node_input(y, 1) == shape);
    CHECK(neap_node_consumer(shape, 0) == y);
    CHECK(!neap_node_attribute(y, 0, &value, &err) && value.kind == NEAP_KIND_NODE &&
          value.node == shape);
    axis[0] = neap_attribute_node("shape", x);
    CHECK(!build(g, "reshape", x, NULL, axis, 1, "s", &err));
    CHECK_ERROR(
        err, NEAP_EDTYPE,
        "reshape \"s\": attribute \"shape\": a node of int32 or int64 expected, got "
        "float32");
    neap_graph_free(g);
}

static void spec_errors(void)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_graph *g = neap_graph_new(&err), *other = neap_graph_new(&err);
    neap_node *x = input(g, NEAP_FLOAT32, 2, DIMS(128, 784), "x");
    neap_node *w = input(g, NEAP_FLOAT32, 2, DIMS(512, 10), "w");
    neap_node *i = input(g, NEAP_INT64, 2, DIMS(128, 784), "i");
    neap_node *far = input(other, NEAP_FLOAT32, 0, NULL, "far");
    CHECK(!neap_graph_push_scope(g, "hidden", &err));
    CHECK(!build(g, "matmul", x, w, NULL, 0, NULL, &err));
    CHECK_ERROR(
        err, NEAP_ESHAPE,
        "matmul \"hidden/matmul\": inner dimensions differ: (128, 784) x (512, 10)");
    neap_graph_pop_scope(g);
    CHECK(!build(g, "add", x, i, NULL, 0, NULL, &err));
    CHECK_ERROR(err, NEAP_EDTYPE,
                "add \"add\": dtypes differ: float32 and int64 (inputs x and y)");
    CHECK(!build(g, "add", x, w, NULL, 0, NULL, &err));
    CHECK_ERROR(err, NEAP_ESHAPE,
                "add \"add\": shapes do not broadcast: (128, 784) and (512, 10)");
    CHECK(!build(g, "exp", i, NULL, NULL, 0, NULL, &err));
    CHECK(err.code == NEAP_EDTYPE &&
          strstr(err.message, "exp \"exp\": input x is int64; it takes ") == err.message);
    err.code = 0;
    CHECK(!build(g, "foo", x, NULL, NULL, 0, NULL, &err));
    CHECK_ERROR(err, NEAP_EUNSUP, "unknown operation \"foo\"");
    CHECK(!build(g, "add", x, NULL, NULL, 0, NULL, &err));
    CHECK_ERROR(err, NEAP_EARG, "add: 2 inputs expected (x y), got 1");
    CHECK(!build(g, "negative", x, x, NULL, 0, NULL, &err));
    CHECK_ERROR(err, NEAP_EARG, "negative: 1 input expected (x), got 2");
    CHECK(!build(g, "zeros", x, NULL, NULL, 0, NULL, &err));
    CHECK_ERROR(err, NEAP_EARG, "zeros: no inputs expected, got 1");
    CHECK(!build(g, "concat", NULL, NULL, NULL, 0, NULL, &err));
    CHECK_ERROR(err, NEAP_EARG, "concat: at least 1 input expected (x...), got 0");
    CHECK(!build(g, "add", x, far, NULL, 0, NULL, &err));
    CHECK_ERROR(err, NEAP_ESTATE,
                "add \"add\": input y is placeholder \"far\", a node of another graph");
    CHECK(
        !neap_build(g, "add", (neap_node *[]){x, NULL}, 2, NULL, 0, NULL, NULL, 0, &err));
    CHECK_ERROR(err, NEAP_EARG, "add: input y is NULL");
    CHECK(!build(g, "assign", x, x, NULL, 0, NULL, &err));
    CHECK_ERROR(err, NEAP_ETYPE,
                "assign \"assign\": input variable is placeholder \"x\", not a variable");
    neap_node *nothing = build(g, "no_op", NULL, NULL, NULL, 0, NULL, &err);
    CHECK(nothing && neap_node_dtype(nothing) == NEAP_DTYPE_NONE);
    CHECK(!build(g, "add", nothing, x, NULL, 0, NULL, &err));
    CHECK_ERROR(err, NEAP_ETYPE, "add \"add\": input x: no_op \"no_op\" has no value");
    CHECK(!build(NULL, "add", x, x, NULL, 0, NULL, &err));
    CHECK_ERROR(err, NEAP_EARG, "neap_build: g is NULL");

    /* Calls nest: the first error is the one told. */
    size_t before = neap_graph_count(g, NEAP_OPERATIONS);
    CHECK(!neap_add(g, x, neap_exp(g, neap_matmul(g, x, w, &err), &err), &err));
    CHECK_ERROR(err, NEAP_ESHAPE,
                "matmul \"matmul\": inner dimensions differ: (128, 784) x (512, 10)");
    CHECK(!neap_add(g, x, NULL, &err));
    CHECK_ERROR(err, NEAP_EARG, "neap_add: y is NULL");
    CHECK(!neap_add(g, x, NULL, NULL));
    CHECK(!neap_add(NULL, x, x, &err));
    CHECK_ERROR(err, NEAP_EARG, "neap_add: g is NULL");
    CHECK(neap_graph_count(g, NEAP_OPERATIONS) == before);
    neap_graph_free(g);
    neap_graph_free(other);
}

/* ---- Operations of the host ------------------------------------------------------ */

static int released;
static void release_host(void *user) { released += user == &released; }

/* Two results: x and its length, an int64 of rank 0. */
static int infer_pair(void *user, void *caller, const neap_op_shape *in, size_t in_count,
                      neap_op_shape *out, size_t out_count, neap_error *err)
{
    (void)user;
    (void)caller;
    if (in_count != 1 || out_count != 2 || in[0].rank != 1) {
        err->code = NEAP_ESHAPE;
        strcpy(err->message, "a vector expected");
        return NEAP_ESHAPE;
    }
    out[0] = in[0];
    out[1].dtype = NEAP_INT64;
    out[1].rank = 0;
    return NEAP_OK;
}

static int compute_nothing(void *user, void *caller, neap_tensor *const *in,
                           size_t in_count, neap_tensor **out, size_t out_count,
                           neap_error *err)
{
    (void)user, (void)caller, (void)in, (void)in_count, (void)out, (void)out_count,
        (void)err;
    return NEAP_OK;
}

/* The gradient of the first result, as it is. */
static int gradient_pair(void *user, void *caller, neap_graph *g, neap_node *const *x,
                         size_t x_count, neap_node *const *y, neap_node *const *dy,
                         size_t y_count, neap_node **dx, neap_error *err)
{
    (void)user, (void)caller, (void)g, (void)x, (void)err;
    CHECK(x_count == 1 && y_count == 2 && y[0] && y[1] && dy[0] && !dy[1]);
    dx[0] = dy[0];
    return NEAP_OK;
}

static int gradient_wrong(void *user, void *caller, neap_graph *g, neap_node *const *x,
                          size_t x_count, neap_node *const *y, neap_node *const *dy,
                          size_t y_count, neap_node **dx, neap_error *err)
{
    (void)user, (void)caller, (void)x, (void)x_count, (void)y, (void)y_count;
    int64_t axis = 0;
    neap_attribute a = neap_attribute_ints("axis", &axis, 1);
    return (dx[0] = neap_build(g, "reduce_sum", dy, 1, &a, 1, NULL, NULL, 0, err)) ? 0
                                                                                   : 1;
}

static void spec_host(void)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_graph *g = neap_graph_new(&err);
    neap_op op = {.size = sizeof op,
                  .name = "pair",
                  .doc = "",
                  .inputs = "x",
                  .result_count = 2,
                  .infer = infer_pair,
                  .compute = compute_nothing,
                  .gradient = gradient_pair,
                  .release = release_host,
                  .user = &released};
    CHECK(!neap_graph_register(g, &op, &err));
    CHECK(neap_graph_register(g, &op, &err) == NEAP_EARG);
    CHECK_ERROR(err, NEAP_EARG, "operation \"pair\" exists already");
    op.name = "add";
    CHECK(neap_graph_register(g, &op, &err) == NEAP_EARG);
    op.name = "2d";
    CHECK(neap_graph_register(g, &op, &err) == NEAP_EARG);
    CHECK_ERROR(err, NEAP_EARG,
                "neap_graph_register: \"2d\" cannot be an operation's name");

    neap_node *x = input(g, NEAP_FLOAT32, 1, DIMS(3), "x"), *out[2] = {NULL, NULL}, *dx;
    neap_node *first = neap_build(g, "pair", &x, 1, NULL, 0, NULL, out, 2, &err);
    CHECK(first && first == out[0] && err.code == 0);
    CHECK(neap_node_dtype(out[0]) == NEAP_FLOAT32 && neap_node_dims(out[0])[0] == 3);
    CHECK(neap_node_dtype(out[1]) == NEAP_INT64 && neap_node_rank(out[1]) == 0);
    CHECK_TEXT(neap_node_op(neap_node_input(out[1], 0)), "pair");
    CHECK_TEXT(neap_node_name(out[1]), "pair/y1");
    CHECK(!neap_gradients(g, &out[0], 1, &x, 1, NULL, &dx, &err) && dx);
    neap_node *s = input(g, NEAP_FLOAT32, 0, NULL, "s");
    CHECK(!neap_build(g, "pair", &s, 1, NULL, 0, NULL, NULL, 0, &err));
    CHECK_ERROR(err, NEAP_ESHAPE, "pair \"pair_1\": a vector expected");

    op = (neap_op){.size = sizeof op,
                   .name = "same",
                   .inputs = "x",
                   .result_count = 1,
                   .compute = compute_nothing,
                   .gradient = gradient_wrong};
    CHECK(!neap_graph_register(g, &op, &err));
    neap_node *y = build(g, "same", x, NULL, NULL, 0, NULL, &err);
    CHECK(neap_node_dims(y)[0] == 3);
    CHECK(neap_gradients(g, &y, 1, &x, 1, NULL, &dx, &err) == NEAP_ESHAPE && !dx);
    CHECK_ERROR(err, NEAP_ESHAPE,
                "x has shape (3,), its gradient () by the gradient of same \"same\"");
    op = (neap_op){.size = sizeof op,
                   .name = "dull",
                   .inputs = "x",
                   .result_count = 1,
                   .compute = compute_nothing};
    CHECK(!neap_graph_register(g, &op, &err));
    y = neap_negative(g, build(g, "dull", x, NULL, NULL, 0, NULL, &err), &err);
    CHECK(neap_gradients(g, &y, 1, &x, 1, NULL, &dx, &err) == NEAP_EUNSUP && !dx);
    CHECK_ERROR(err, NEAP_EUNSUP, "dull \"dull\": this operation has no gradient");
    neap_graph_free(g);
    CHECK(released == 1);
}

/* More operations than a graph has chains of their names, of twelve inputs each. */
static void spec_many_host(void)
{
    enum { MANY = 300 };
    neap_error err = NEAP_ERROR_INIT;
    neap_graph *g = neap_graph_new(&err);
    neap_node *x = input(g, NEAP_FLOAT32, 0, NULL, "x"), *all[12];
    for (int i = 0; i < 12; i++)
        all[i] = x;
    for (int i = 0; i < MANY; i++) {
        char name[16];
        snprintf(name, sizeof name, "op_%d", i);
        const neap_op op = {.size = sizeof op,
                            .name = name,
                            .inputs = "a b c d e f g h i j k l",
                            .result_count = 1,
                            .compute = compute_nothing};
        CHECK(!neap_graph_op(g, name));
        CHECK(!neap_graph_register(g, &op, &err));
        CHECK(neap_graph_register(g, &op, &err) == NEAP_EARG);
        err.code = 0;
    }
    for (int i = 0; i < MANY; i++) {
        char name[16];
        snprintf(name, sizeof name, "op_%d", i);
        CHECK_TEXT(neap_graph_op(g, name)->name, name);
        neap_node *n = neap_build(g, name, all, 12, NULL, 0, NULL, NULL, 0, &err);
        CHECK(n && neap_node_input_count(n) == 12);
        CHECK_TEXT(neap_node_op(n), name);
    }
    CHECK(!neap_graph_op(g, "op_300") && !neap_graph_op(g, ""));
    neap_graph_free(g);
}

/* ---- Gradients as graph ---------------------------------------------------------- */

static void spec_gradients(void)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_graph *g = neap_graph_new(&err), *other = neap_graph_new(&err);
    neap_node *x = input(g, NEAP_FLOAT64, 1, DIMS(3), "x");
    neap_node *w = input(g, NEAP_FLOAT64, 1, DIMS(3), "w");
    neap_node *i = input(g, NEAP_INT64, 1, DIMS(3), "i");
    neap_node *y = neap_multiply(g, x, x, &err), *out[3];
    CHECK(!neap_gradients(g, &y, 1, (neap_node *[]){x, w, x}, 3, NULL, out, &err));
    CHECK(out[0] && !out[1] && out[2] == out[0]);
    CHECK(!strncmp(neap_node_name(out[0]), "gradients/", 10));
    CHECK(neap_node_dtype(out[0]) == NEAP_FLOAT64 && neap_node_dims(out[0])[0] == 3);
    CHECK(!neap_gradients(g, &y, 1, &y, 1, &w, out, &err) && out[0] == w);
    CHECK(!neap_gradients(g, &y, 1, &i, 1, NULL, out, &err) && !out[0]);
    neap_node *stopped = neap_stop_gradient(g, y, &err);
    CHECK(!neap_gradients(g, &stopped, 1, &x, 1, NULL, out, &err) && !out[0]);
    CHECK(!neap_gradients(g, &i, 1, &x, 1, NULL, out, &err) && !out[0]);
    neap_node *f = input(g, NEAP_FLOAT32, 1, DIMS(3), "f"),
              *s = input(g, NEAP_FLOAT64, 0, NULL, "s");
    CHECK(neap_gradients(g, &y, 1, &x, 1, &f, out, &err) == NEAP_EDTYPE);
    CHECK_ERROR(err, NEAP_EDTYPE,
                "multiply \"multiply\" is float64, its gradient float32 (grad_ys)");
    CHECK(neap_gradients(g, &y, 1, &x, 1, &s, out, &err) == NEAP_ESHAPE);
    CHECK_ERROR(err, NEAP_ESHAPE,
                "multiply \"multiply\" has shape (3,), its gradient () (grad_ys)");
    neap_node *far = input(other, NEAP_FLOAT64, 0, NULL, "far");
    CHECK(neap_gradients(g, &y, 1, &far, 1, NULL, out, &err) == NEAP_ESTATE);
    CHECK_ERROR(err, NEAP_ESTATE,
                "gradients: xs[0] is placeholder \"far\", a node of another graph");
    CHECK(neap_gradients(g, &y, 0, &x, 1, NULL, out, &err) == NEAP_EARG);
    neap_graph_free(g);
    neap_graph_free(other);
}

static void spec_optimizers(void)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_graph *g = neap_graph_new(&err);
    neap_tensor *t =
        neap_tensor_copy(NEAP_FLOAT64, 1, DIMS(3), (double[]){1, 2, 3}, &err);
    neap_node *v = neap_variable(g, t, "v", &err), *w = neap_variable(g, t, "w", &err),
              *found[2];
    neap_tensor_release(t);
    neap_node *loss =
        neap_reduce_sum(g, neap_multiply(g, w, neap_exp(g, v, &err), &err), &err);
    CHECK(neap_trainable_variables(loss, found, 2, &err) == 2 && found[0] == v &&
          found[1] == w);
    CHECK(neap_trainable_variables(loss, NULL, 0, &err) == 2);
    neap_attribute a[] = {neap_attribute_float("learning_rate", 0.1),
                          neap_attribute_float("momentum", 0)};
    size_t variables = neap_graph_count(g, NEAP_VARIABLES);
    neap_node *train = neap_minimize(g, loss, "gradient_descent", a, 2, &err);
    CHECK(train && neap_node_dtype(train) == NEAP_DTYPE_NONE && err.code == 0);
    CHECK_TEXT(neap_node_op(neap_node_input(train, 0)), "apply_gradient_descent");
    CHECK(neap_graph_count(g, NEAP_VARIABLES) == variables);
    a[1] = neap_attribute_float("momentum", 0.9);
    train = neap_minimize(g, loss, "gradient_descent", a, 2, &err);
    CHECK(train && neap_node_input(neap_node_input(train, 1), 0) == w);
    CHECK_TEXT(neap_node_op(neap_node_input(train, 0)), "apply_momentum");
    CHECK(neap_graph_count(g, NEAP_VARIABLES) == variables + 2);
    CHECK(neap_minimize(g, loss, "adam", a, 1, &err) != NULL);
    CHECK(neap_graph_count(g, NEAP_VARIABLES) == variables + 8);
    for (size_t i = variables; i < variables + 8; i++)
        CHECK(!neap_node_trainable(neap_graph_at(g, NEAP_VARIABLES, i)));
    CHECK(neap_graph_node(g, "v/velocity") && neap_graph_node(g, "w/step"));
    CHECK(neap_node_dtype(neap_graph_node(g, "w/step")) == NEAP_INT64);

    CHECK(!neap_minimize(g, loss, "sgd", a, 1, &err));
    CHECK_ERROR(err, NEAP_EARG,
                "unknown optimizer \"sgd\"; there are gradient_descent, momentum, adam");
    CHECK(!neap_minimize(g, loss, "adam", NULL, 0, &err));
    CHECK_ERROR(err, NEAP_EARG, "adam: attribute \"learning_rate\" is missing");
    CHECK(!neap_minimize(g, loss, "gradient_descent", a, 0, &err));
    err.code = 0;
    a[0] = neap_attribute_float("learning_rate", -1);
    CHECK(!neap_minimize(g, loss, "gradient_descent", a, 1, &err));
    CHECK_ERROR(err, NEAP_ERANGE, "gradient_descent: a learning_rate of -1");
    a[0] = neap_attribute_float("learning_rate", NAN);
    CHECK(!neap_minimize(g, loss, "gradient_descent", a, 1, &err));
    CHECK_ERROR(err, NEAP_ERANGE, "gradient_descent: a learning_rate of nan");
    a[0] = neap_attribute_node("learning_rate", input(g, NEAP_FLOAT32, 0, NULL, "rate"));
    CHECK(neap_minimize(g, loss, "gradient_descent", a, 1, &err) !=
          NULL); /* cast to float64 */
    a[1] = neap_attribute_float("momentun", 1);
    CHECK(!neap_minimize(g, loss, "gradient_descent", a, 2, &err));
    CHECK_ERROR(err, NEAP_EARG,
                "gradient_descent: unknown attribute \"momentun\"; it has learning_rate");
    neap_node *x = input(g, NEAP_FLOAT32, 0, NULL, "x");
    CHECK(!neap_minimize(g, x, "gradient_descent", a, 1, &err));
    CHECK_ERROR(err, NEAP_EARG,
                "minimize: placeholder \"x\" depends on no trainable variable");
    neap_graph_free(g);
}

/* ---- Graphs that defeat naive traversals ----------------------------------------- */

static void spec_large(void)
{
    enum { LENGTH = 1000000, DEPTH = 60 };
    neap_error err = NEAP_ERROR_INIT;
    neap_graph *g = neap_graph_new(&err);
    neap_node *x = input(g, NEAP_FLOAT32, 0, NULL, "x"), *y = x, *dx = NULL;
    for (int i = 0; i < LENGTH && y; i++)
        y = neap_add(g, y, x, &err);
    CHECK(y && neap_graph_count(g, NEAP_OPERATIONS) == LENGTH + 1);
    CHECK_TEXT(neap_node_name(y), "add_999999");
    CHECK(neap_graph_node(g, "add_500000") == neap_graph_at(g, NEAP_OPERATIONS, 500001));
    CHECK(neap_node_consumer_count(x) == LENGTH);
    CHECK(!neap_gradients(g, &y, 1, &x, 1, NULL, &dx, &err) && dx);
    neap_graph_free(g);

    g = neap_graph_new(&err);
    y = x = input(g, NEAP_FLOAT32, 0, NULL, "x");
    for (int i = 0; i < DEPTH; i++)
        y = neap_add(g, y, y, &err);
    CHECK(!neap_gradients(g, &y, 1, &x, 1, NULL, &dx, &err) && dx);
    CHECK(neap_graph_count(g, NEAP_OPERATIONS) <= 3 * DEPTH + 2);
    neap_graph_free(g);
}

/* Failures leave nothing behind: not even memory, however many there are. */
static void spec_failures(void)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_graph *g = neap_graph_new(&err);
    neap_node *x = input(g, NEAP_FLOAT32, 1, DIMS(2), "x");
    neap_node *y = input(g, NEAP_FLOAT32, 1, DIMS(3), "y");
    for (int i = 0; i < 100000; i++)
        CHECK(i % 1000 ? !neap_add(g, x, y, NULL) : !neap_add(g, y, x, NULL));
    CHECK(neap_graph_count(g, NEAP_OPERATIONS) == 2 && !neap_node_consumer_count(x));
    CHECK_TEXT(neap_node_name(neap_add(g, x, x, &err)), "add");
    neap_graph_free(g);
}

int main(void)
{
    spec_registry();
    spec_names();
    spec_controls();
    spec_lists();
    spec_attributes();
    spec_errors();
    spec_host();
    spec_many_host();
    spec_gradients();
    spec_optimizers();
    spec_large();
    spec_failures();
    return check_report();
}
