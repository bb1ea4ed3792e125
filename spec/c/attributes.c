/* attributes.c - attributes of every kind: as a schema takes them, as options of a
 * builder, in operations of the host; inputs that may be absent; which nodes are equal.
 *
 * Runs once: no instruction set touches it. */
#include "plan/plan.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>

static neap_error err;

#define CHECK_ERROR(status, text)                                                        \
    do {                                                                                 \
        CHECK(err.code == (status));                                                     \
        CHECK_TEXT(err.message, text);                                                   \
        err = (neap_error)NEAP_ERROR_INIT;                                               \
    } while (0)

static neap_node *input(neap_graph *g, neap_dtype dtype, int rank, const int64_t *dims,
                        const char *name)
{
    return neap_placeholder(g, dtype, rank, dims, name, &err);
}

/* The value of a node's attribute of that name. */
static neap_attribute value_of(const neap_node *n, const char *name)
{
    const neap_op_info *info = neap_node_info(n);
    neap_attribute a = NEAP_ATTRIBUTE_INIT;
    for (size_t i = 0; info && i < info->attribute_count; i++)
        if (!strcmp(info->attributes[i].name, name))
            CHECK(!neap_node_attribute(n, i, &a, &err));
    return a;
}

/* ---- Options --------------------------------------------------------------------- */

static void spec_options(void)
{
    neap_graph *g = neap_graph_new(&err);
    neap_node *x = input(g, NEAP_FLOAT32, 2, DIMS(3, 3), "x");
    neap_softmax_options softmax = NEAP_SOFTMAX_OPTIONS_INIT;
    CHECK(softmax.size == sizeof softmax && softmax.axis == -1);
    CHECK(value_of(neap_softmax(g, x, NULL, &err), "axis").integer == -1);
    CHECK(value_of(neap_softmax(g, x, &softmax, &err), "axis").integer == -1);
    CHECK(value_of(neap_softmax(g, neap_softmax(g, x, &err), &err), "axis").integer ==
          -1);
    softmax.axis = 0;
    CHECK(value_of(neap_softmax(g, x, &softmax, &err), "axis").integer == 0);
    CHECK(value_of((neap_softmax)(g, x, &softmax, &err), "axis").integer == 0);

    /* A struct of an earlier version lacks what came later, one of a later version has
     * more. */
    struct {
        neap_softmax_options now;
        int64_t later;
    } longer = {NEAP_SOFTMAX_OPTIONS_INIT, 7};
    softmax.size = sizeof(size_t);
    CHECK(value_of(neap_softmax(g, x, &softmax, &err), "axis").integer == -1);
    longer.now.size = sizeof longer;
    longer.now.axis = 0;
    CHECK(value_of(neap_softmax(g, x, &longer.now, &err), "axis").integer == 0);
    softmax.size = 4;
    CHECK(!neap_softmax(g, x, &softmax, &err));
    CHECK_ERROR(NEAP_EARG, "neap_softmax: options.size is 4");
    CHECK(!neap_softmax(NULL, x, NULL, &err));
    CHECK_ERROR(NEAP_EARG, "neap_softmax: g is NULL");

    neap_reduce_sum_options sum = NEAP_REDUCE_SUM_OPTIONS_INIT;
    neap_node *y = neap_reduce_sum(g, x, &sum, &err);
    CHECK(value_of(y, "axis").kind == NEAP_KIND_NONE && neap_node_rank(y) == 0);
    sum.axis = DIMS(1);
    sum.axis_count = 1;
    sum.keepdims = 1;
    y = neap_reduce_sum(g, x, &sum, &err);
    CHECK(neap_node_rank(y) == 2 && neap_node_dims(y)[1] == 1);
    sum.axis_count = 0; /* no axis is not absent: nothing is summed */
    CHECK(neap_node_dims(neap_reduce_sum(g, x, &sum, &err))[1] == 3);

    neap_zeros_options zeros = NEAP_ZEROS_OPTIONS_INIT;
    zeros.dtype = NEAP_INT8;
    CHECK(neap_node_dtype(neap_zeros(g, NULL, 0, &zeros, &err)) == NEAP_INT8);
    zeros.dtype = NEAP_DTYPE_NONE;
    CHECK(neap_node_dtype(neap_zeros(g, NULL, 0, &zeros, &err)) == NEAP_FLOAT32);
    CHECK(neap_node_dtype(neap_zeros(g, NULL, 0, &err)) == NEAP_FLOAT32);

    neap_random_uniform_options uniform = NEAP_RANDOM_UNIFORM_OPTIONS_INIT;
    y = neap_random_uniform(g, DIMS(2, 3), 2, &uniform, &err);
    CHECK(value_of(y, "minval").kind == NEAP_KIND_INT && !value_of(y, "minval").integer);
    CHECK(value_of(y, "seed").kind == NEAP_KIND_NONE);
    uniform.minval = neap_attribute_float(NULL, -0.5);
    uniform.seed = neap_attribute_int("any name", 7);
    y = neap_random_uniform(g, DIMS(2, 3), 2, &uniform, &err);
    CHECK(value_of(y, "minval").number == -0.5 && value_of(y, "seed").integer == 7);
    uniform.seed = neap_attribute_string("seed", "seven");
    CHECK(!neap_random_uniform(g, DIMS(2, 3), 2, &uniform, &err));
    CHECK_ERROR(NEAP_ETYPE, "random_uniform \"random_uniform_2\": attribute \"seed\": an "
                            "integer expected, got a string");
    neap_graph_free(g);
}

/* Required attributes of several kinds, and pairs. */
static void spec_required(void)
{
    neap_graph *g = neap_graph_new(&err);
    neap_node *x = input(g, NEAP_FLOAT32, 2, DIMS(2, 3), "x"),
              *w = input(g, NEAP_FLOAT32, 2, DIMS(3, 2), "w");
    const neap_pair by[] = {{1, 2}, {0, 3}}, both[] = {{1, 0}, {0, 1}};
    neap_node *y = neap_pad(g, x, by, 2, NULL, &err);
    CHECK(neap_node_dims(y)[0] == 5 && neap_node_dims(y)[1] == 6);
    CHECK_TEXT(value_of(y, "mode").string, "constant");
    neap_pad_options o = NEAP_PAD_OPTIONS_INIT;
    CHECK_TEXT(o.mode, "constant");
    o.mode = "edge";
    CHECK_TEXT(value_of(neap_pad(g, x, by, 2, &o, &err), "mode").string, "edge");
    o.mode = NULL;
    o.constant_value = neap_attribute_bool(NULL, 1);
    CHECK(!neap_pad(g, x, by, 2, &o, &err));
    CHECK_ERROR(NEAP_ERANGE, "pad \"pad_2\": constant_value = true is not a float32");
    y = neap_tensordot(g, x, w, neap_attribute_int("axes", 1), &err);
    CHECK(neap_node_dims(y)[0] == 2 && neap_node_dims(y)[1] == 2);
    y = neap_tensordot(g, x, w, neap_attribute_pairs("axes", both, 2), &err);
    CHECK(neap_node_rank(y) == 0 && value_of(y, "axes").count == 2 &&
          value_of(y, "axes").pairs[1].second == 1);
    CHECK(!neap_tensordot(g, x, w, neap_attribute_float(NULL, 0.5), &err));
    CHECK_ERROR(NEAP_EARG,
                "tensordot \"tensordot_2\": attribute \"axes\": 0.5 is not an integer");
    CHECK(!neap_tensordot(g, x, w, neap_attribute_ints(NULL, DIMS(1), 1), &err));
    CHECK_ERROR(NEAP_ETYPE,
                "tensordot \"tensordot_2\": attribute \"axes\": an integer or "
                "two sequences of integers expected, got integers");
    CHECK(!neap_pad(g, x, NULL, 2, NULL, &err));
    CHECK_ERROR(NEAP_EARG,
                "pad \"pad_2\": attribute \"paddings\": pairs expected, got NULL");
    y = neap_strided_slice(g, x, DIMS(NEAP_NO_BOUND, 0), 2, DIMS(NEAP_NO_BOUND, 2), 2,
                           DIMS(-1, 1), 2, &err);
    CHECK(neap_node_dims(y)[0] == 2 && neap_node_dims(y)[1] == 2);
    neap_graph_free(g);
}

/* ---- What a row takes ------------------------------------------------------------ */

static const char *text_of(const neap_attribute_info *row)
{
    static char text[256];
    CHECK(neap_attribute_text(row, text, sizeof text) == strlen(text));
    return text;
}

#define BIT(kind) NEAP_KIND_BIT(NEAP_KIND_##kind)
#define ROW(of, more, bits)                                                              \
    (&(const neap_attribute_info){                                                       \
        .name = "a", .kind = NEAP_KIND_##of, .also = (more), .flags = (bits)})

static void spec_texts(void)
{
    CHECK_TEXT(text_of(ROW(INT, 0, 0)), "an integer");
    CHECK_TEXT(text_of(ROW(INT, 0, NEAP_ATTRIBUTE_NODE)), "an integer or a node");
    CHECK_TEXT(text_of(ROW(INTS, 0, 0)), "an integer or a sequence of integers");
    CHECK_TEXT(text_of(ROW(INTS, 0, NEAP_ATTRIBUTE_NODE)),
               "an integer, a sequence of integers or a node");
    CHECK_TEXT(text_of(ROW(INTS, 0, NEAP_ATTRIBUTE_OPEN)),
               "an integer or a sequence of integers (false: no bound)");
    CHECK_TEXT(text_of(ROW(FLOAT, BIT(INT), 0)), "a number");
    CHECK_TEXT(text_of(ROW(FLOATS, 0, 0)), "a number or a sequence of numbers");
    CHECK_TEXT(text_of(ROW(PAIRS, 0, 0)), "a sequence of pairs of integers");
    CHECK_TEXT(text_of(ROW(PAIRS, BIT(INT), NEAP_ATTRIBUTE_TWO_LISTS)),
               "an integer or two sequences of integers");
    CHECK_TEXT(text_of(ROW(STRING, BIT(PAIRS), 0)),
               "a sequence of pairs of integers or a string");
    CHECK_TEXT(text_of(ROW(BODY, BIT(TENSOR) | BIT(BOOL) | BIT(DTYPE), 0)),
               "a boolean, the name of a dtype, a value or a function");
    const neap_attribute_info padding = {.name = "padding",
                                         .kind = NEAP_KIND_STRING,
                                         .choices = "same|valid",
                                         .also = BIT(PAIRS)};
    CHECK_TEXT(text_of(&padding),
               "a sequence of pairs of integers or \"same\", \"valid\"");
    const neap_attribute_info mode = {
        .name = "mode", .kind = NEAP_KIND_STRING, .choices = "a|b|c"};
    CHECK_TEXT(text_of(&mode), "\"a\", \"b\" or \"c\"");
    CHECK(neap_attribute_text(&mode, NULL, 0) == 15);
}

/* ---- An operation of the host ---------------------------------------------------- */

/* What the callbacks below saw. */
static struct {
    int inferred, computed, differentiated;
    bool has_mask, has_lengths;
    neap_attribute n;
} seen;

static int infer_take(void *user, void *caller, const neap_node *n,
                      const neap_op_shape *in, size_t in_count, neap_op_shape *out,
                      size_t out_count, neap_error *e)
{
    (void)user, (void)caller, (void)e;
    CHECK(out_count == 1 && in_count == neap_node_input_count(n));
    seen.inferred++;
    seen.has_mask = in_count > 1 && in[1].dtype;
    seen.has_lengths = in_count > 2 && in[2].dtype;
    CHECK(seen.has_mask || in_count < 2 || in[1].rank == -1);
    *out = in[0];
    return NEAP_OK;
}

static int compute_take(void *user, void *caller, const neap_node *n,
                        neap_tensor *const *in, size_t in_count, neap_tensor **out,
                        size_t out_count, neap_error *e)
{
    (void)user, (void)caller, (void)e;
    CHECK(out_count == 1 && in_count == neap_node_input_count(n));
    seen.computed++;
    seen.has_mask = in_count > 1 && in[1];
    seen.has_lengths = in_count > 2 && in[2];
    seen.n = value_of(n, "n");
    if (seen.n.kind == NEAP_KIND_NODE) {
        const neap_tensor *t = in[seen.n.integer];
        seen.n.integer = *(const int64_t *)neap_tensor_data(t);
    }
    *out = neap_tensor_retain(in[0]);
    return NEAP_OK;
}

static int gradient_take(void *user, void *caller, neap_graph *g, const neap_node *n,
                         neap_node *const *x, size_t x_count, neap_node *const *y,
                         neap_node *const *dy, size_t y_count, neap_node **dx,
                         neap_error *e)
{
    (void)user, (void)caller, (void)g, (void)e;
    CHECK(y_count == 1 && y[0] == n && x_count == neap_node_input_count(n));
    seen.differentiated++;
    for (size_t i = 0; i < x_count; i++)
        if (x[i] && neap_node_dtype(x[i]) == NEAP_FLOAT32)
            dx[i] = dy[0];
    return NEAP_OK;
}

static const double floats[] = {0.5, -1};
static const int64_t integers[] = {1, INT64_MAX, NEAP_NO_BOUND, 4, 5, 6, 7, 8, 9, 10};
static const neap_pair pairs[] = {{1, 2}, {INT64_MIN, 4}};

/* Registers "take", whose schema has a row of every kind, from memory that is gone
 * afterwards. */
static void register_take(neap_graph *g, neap_tensor *value)
{
    char name[] = "take", inputs[] = "x [mask] [lengths]", text[] = "fixed",
         attribute[] = "text", choices[] = "free|fixed";
    double *reals = malloc(sizeof floats);
    memcpy(reals, floats, sizeof floats);
    neap_attribute_info rows[] = {
        {.name = "n", .kind = NEAP_KIND_INT, .flags = NEAP_ATTRIBUTE_NODE},
        {.name = "number", .kind = NEAP_KIND_FLOAT, .also = BIT(INT) | BIT(BOOL)},
        {.name = attribute,
         .kind = NEAP_KIND_STRING,
         .choices = choices,
         .fallback = neap_attribute_string(NULL, text)},
        {.name = "dtype",
         .kind = NEAP_KIND_DTYPE,
         .fallback = neap_attribute_dtype(NULL, NEAP_INT16)},
        {.name = "integers",
         .kind = NEAP_KIND_INT,
         .also = BIT(INTS) | BIT(PAIRS),
         .flags = NEAP_ATTRIBUTE_OPEN},
        {.name = "numbers",
         .kind = NEAP_KIND_FLOATS,
         .fallback = neap_attribute_floats(NULL, reals, 2)},
        {.name = "pairs", .kind = NEAP_KIND_PAIRS},
        {.name = "value",
         .kind = NEAP_KIND_TENSOR,
         .fallback = neap_attribute_tensor(NULL, value)},
        {.name = "body", .kind = NEAP_KIND_BODY},
    };
    const neap_op op = {.size = sizeof op,
                        .name = name,
                        .inputs = inputs,
                        .result_count = 1,
                        .infer_node = infer_take,
                        .compute_node = compute_take,
                        .gradient_node = gradient_take,
                        .attributes = rows,
                        .attribute_count = COUNT(rows)};
    OK(neap_graph_register(g, &op, &err));
    memset(name, '?', sizeof name);
    memset(inputs, '?', sizeof inputs);
    memset(text, '?', sizeof text);
    memset(attribute, '?', sizeof attribute);
    memset(choices, '?', sizeof choices);
    memset(rows, 0, sizeof rows);
    memset(reals, 0, sizeof floats);
    free(reals);
}

static neap_node *take(neap_graph *g, neap_node *x, neap_node *mask, neap_node *lengths,
                       const neap_attribute *attributes, size_t count)
{
    neap_node *inputs[] = {x, mask, lengths};
    return neap_build(g, "take", inputs, 3, attributes, count, NULL, NULL, 0, &err);
}

static neap_tensor *run(neap_session *s, neap_node *x, neap_node *y)
{
    const float data[] = {1, 2};
    neap_tensor *t = neap_tensor_copy(NEAP_FLOAT32, 1, DIMS(2), data, &err), *out = NULL;
    const neap_feed feed = {x, t};
    OK(neap_session_run(s, &feed, 1, &y, 1, &out, &err));
    neap_tensor_release(t);
    return out;
}

static void spec_host_kinds(void)
{
    neap_graph *g = neap_graph_new(&err);
    neap_tensor *seven = neap_tensor_copy(NEAP_INT8, 0, NULL, "\7", &err);
    register_take(g, seven);
    neap_tensor_release(seven);
    const neap_op_info *info = neap_graph_op(g, "take");
    CHECK(info && info->attribute_count == 9 && !neap_graph_op(g, "add"));
    CHECK_TEXT(info->attributes[2].choices, "free|fixed");
    neap_node *x = input(g, NEAP_FLOAT32, 1, DIMS(2), "x");
    neap_node *y = take(g, x, NULL, NULL, NULL, 0);
    CHECK(y && neap_node_info(y) == info);
    CHECK(value_of(y, "n").kind == NEAP_KIND_NONE);
    CHECK_TEXT(value_of(y, "text").string, "fixed");
    CHECK(value_of(y, "dtype").integer == NEAP_INT16);
    CHECK(value_of(y, "numbers").count == 2 && value_of(y, "numbers").numbers[0] == 0.5);
    CHECK(neap_element_integer(NEAP_INT8, neap_tensor_data(value_of(y, "value").tensor),
                               0) == 7);

    struct neap__body *body = (struct neap__body *)(void *)g;
    const neap_attribute all[] = {
        neap_attribute_int("n", (INT64_C(1) << 53) + 1),
        neap_attribute_int("number", (INT64_C(1) << 53) + 1),
        neap_attribute_string("text", "free"),
        neap_attribute_string("dtype", "uint8"),
        neap_attribute_ints("integers", integers, COUNT(integers)),
        neap_attribute_ints("numbers", integers, 1),
        neap_attribute_pairs("pairs", pairs, COUNT(pairs)),
        neap_attribute_body("body", body),
    };
    y = take(g, x, NULL, NULL, all, COUNT(all));
    CHECK(y && value_of(y, "n").integer == (INT64_C(1) << 53) + 1);
    CHECK(value_of(y, "number").kind == NEAP_KIND_INT &&
          value_of(y, "number").integer == (INT64_C(1) << 53) + 1);
    CHECK_TEXT(value_of(y, "text").string, "free");
    CHECK(value_of(y, "dtype").integer == NEAP_UINT8);
    CHECK(value_of(y, "integers").count == 10 &&
          !memcmp(value_of(y, "integers").integers, integers, sizeof integers));
    CHECK(value_of(y, "numbers").kind == NEAP_KIND_FLOATS &&
          value_of(y, "numbers").numbers[0] == 1);
    CHECK(value_of(y, "pairs").count == 2 && value_of(y, "pairs").pairs != pairs &&
          value_of(y, "pairs").pairs[1].first == INT64_MIN);
    CHECK(value_of(y, "body").kind == NEAP_KIND_BODY && value_of(y, "body").body == body);

    /* 3 is not {3}; a number stays as it is given; pairs are a kind of their own. */
    neap_attribute a = neap_attribute_int("integers", 3);
    CHECK(value_of(take(g, x, NULL, NULL, &a, 1), "integers").kind == NEAP_KIND_INT);
    a = neap_attribute_float("integers", 3);
    CHECK(value_of(take(g, x, NULL, NULL, &a, 1), "integers").kind == NEAP_KIND_INT);
    a = neap_attribute_ints("integers", DIMS(3), 1);
    CHECK(value_of(take(g, x, NULL, NULL, &a, 1), "integers").kind == NEAP_KIND_INTS);
    a = neap_attribute_floats("integers", (const double[]){3, 4}, 2);
    CHECK(value_of(take(g, x, NULL, NULL, &a, 1), "integers").integers[1] == 4);
    a = neap_attribute_pairs("integers", NULL, 0);
    CHECK(value_of(take(g, x, NULL, NULL, &a, 1), "integers").kind == NEAP_KIND_PAIRS);
    a = neap_attribute_float("number", 3);
    CHECK(value_of(take(g, x, NULL, NULL, &a, 1), "number").kind == NEAP_KIND_FLOAT);
    a = neap_attribute_bool("number", 1);
    CHECK(value_of(take(g, x, NULL, NULL, &a, 1), "number").kind == NEAP_KIND_BOOL);
    a = neap_attribute_float("numbers", NAN);
    CHECK(isnan(value_of(take(g, x, NULL, NULL, &a, 1), "numbers").numbers[0]));

    static const struct {
        neap_attribute attribute;
        int status;
        const char *text;
    } bad[] = {
        {{.name = "text", .kind = NEAP_KIND_STRING, .string = "other"},
         NEAP_EARG,
         "attribute \"text\": \"free\" or \"fixed\" expected, got \"other\""},
        {{.name = "integers", .kind = NEAP_KIND_STRING, .string = "1"},
         NEAP_ETYPE,
         "attribute \"integers\": an integer, a sequence of integers (false: no bound) "
         "or a "
         "sequence of pairs of integers expected, got a string"},
        {{.name = "integers", .kind = NEAP_KIND_FLOATS, .numbers = floats, .count = 2},
         NEAP_EARG,
         "attribute \"integers\": 0.5 is not an integer"},
        {{.name = "numbers", .kind = NEAP_KIND_FLOATS, .count = 2},
         NEAP_EARG,
         "attribute \"numbers\": numbers expected, got NULL"},
        {{.name = "pairs", .kind = NEAP_KIND_INTS, .integers = integers, .count = 2},
         NEAP_ETYPE,
         "attribute \"pairs\": a sequence of pairs of integers expected, got integers"},
        {{.name = "body", .kind = NEAP_KIND_BODY},
         NEAP_EARG,
         "attribute \"body\": a function expected, got NULL"},
        {{.name = "number", .kind = (neap_attribute_kind)99},
         NEAP_ETYPE,
         "attribute \"number\": a number or a boolean expected, got ?"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        CHECK(!take(g, x, NULL, NULL, &bad[i].attribute, 1));
        const char *text = strstr(err.message, ": ");
        CHECK(err.code == bad[i].status);
        CHECK_TEXT(text ? text + 2 : "", bad[i].text);
        err = (neap_error)NEAP_ERROR_INIT;
    }
    neap_graph_free(g);
}

/* Inputs that may be absent, and a node in the place of an integer behind them. */
static void spec_host_inputs(void)
{
    neap_graph *g = neap_graph_new(&err);
    neap_tensor *seven = neap_tensor_copy(NEAP_INT64, 0, NULL, &(int64_t){7}, &err);
    register_take(g, seven);
    neap_node *x = input(g, NEAP_FLOAT32, 1, DIMS(2), "x"), *dx = NULL;
    neap_node *n = neap_constant(g, seven, &err);
    const neap_attribute at = neap_attribute_node("n", n);
    neap_session *s = neap_session_new(g, NULL, &err);
    for (int given = 0; given < 8; given++) {
        const bool mask = given & 1, lengths = given & 2, node = given & 4;
        memset(&seen, 0, sizeof seen);
        neap_node *y = take(g, x, mask ? x : NULL, lengths ? x : NULL, &at, node ? 1 : 0);
        const size_t places = lengths || node ? 3 : mask ? 2 : 1;
        CHECK(y && seen.inferred == 1 && seen.has_mask == mask &&
              seen.has_lengths == lengths);
        CHECK(neap_node_input_count(y) == places + (node ? 1 : 0));
        CHECK(neap_node_input(y, 0) == x && neap_node_input(y, 1) == (mask ? x : NULL));
        CHECK(neap_node_input(y, 2) == (lengths ? x : NULL));
        CHECK(neap_node_input(y, places) == (node ? n : NULL));
        CHECK(!neap_node_input(y, places + 1));
        if (node)
            CHECK(value_of(y, "n").integer == (int64_t)places &&
                  value_of(y, "n").node == n);
        neap_tensor *out = run(s, x, y);
        CHECK(out && seen.computed == 1 && seen.has_mask == mask &&
              seen.has_lengths == lengths);
        CHECK(!node || seen.n.integer == 7);
        neap_tensor_release(out);
        OK(neap_gradients(g, &y, 1, &x, 1, NULL, &dx, &err));
        CHECK(dx && seen.differentiated == 1);
        out = run(s, x, dx); /* one for each input that x is */
        CHECK(out && *(const float *)neap_tensor_data(out) == 1 + mask + lengths);
        neap_tensor_release(out);
    }
    CHECK(!take(g, NULL, x, NULL, NULL, 0));
    CHECK_ERROR(NEAP_EARG, "take: input x is NULL");
    neap_graph *other = neap_graph_new(&err);
    neap_node *foreign = input(other, NEAP_FLOAT32, 0, NULL, "f");
    CHECK(!take(g, x, NULL, foreign, NULL, 0));
    CHECK(strstr(err.message, "input lengths is placeholder \"f\"") != NULL);
    err = (neap_error)NEAP_ERROR_INIT;
    neap_graph_free(other);
    neap_session_free(s);
    neap_tensor_release(seven);
    neap_graph_free(g);
}

static int compute_none(void *user, void *caller, neap_tensor *const *in, size_t in_count,
                        neap_tensor **out, size_t out_count, neap_error *e)
{
    (void)user, (void)caller, (void)in, (void)in_count, (void)out, (void)out_count;
    (void)e;
    return NEAP_OK;
}

static void spec_schemas(void)
{
    static const struct {
        neap_attribute_info row;
        const char *text;
    } bad[] = {
        {{.kind = NEAP_KIND_INT}, "operation \"op\": attribute 0 has no name"},
        {{.name = "x", .kind = NEAP_KIND_INT},
         "operation \"op\": attribute \"x\": that name is taken"},
        {{.name = "name", .kind = NEAP_KIND_INT},
         "operation \"op\": attribute \"name\": that name is taken"},
        {{.name = "a"},
         "operation \"op\": attribute \"a\": it takes no kind that there is"},
        {{.name = "a", .kind = (neap_attribute_kind)77},
         "operation \"op\": attribute \"a\": it takes no kind that there is"},
        {{.name = "a",
          .kind = NEAP_KIND_INT,
          .flags = NEAP_ATTRIBUTE_REQUIRED,
          .fallback = {.kind = NEAP_KIND_INT}},
         "operation \"op\": attribute \"a\": it is required, and has a default"},
        {{.name = "a", .kind = NEAP_KIND_INT, .fallback = {.kind = NEAP_KIND_FLOAT}},
         "operation \"op\": attribute \"a\": its default is of no kind that it takes"},
        {{.name = "a", .kind = NEAP_KIND_STRING, .fallback = {.kind = NEAP_KIND_STRING}},
         "operation \"op\": attribute \"a\": a string expected, got NULL"},
    };
    neap_graph *g = neap_graph_new(&err);
    neap_op op = {.size = sizeof op,
                  .name = "op",
                  .inputs = "x",
                  .result_count = 1,
                  .compute = compute_none};
    for (size_t i = 0; i < COUNT(bad); i++) {
        op.attributes = &bad[i].row;
        op.attribute_count = 1;
        CHECK(neap_graph_register(g, &op, &err) == NEAP_EARG);
        CHECK_ERROR(NEAP_EARG, bad[i].text);
    }
    op.attributes = NULL;
    CHECK(neap_graph_register(g, &op, &err) == NEAP_EARG);
    CHECK_ERROR(NEAP_EARG, "neap_graph_register: op.attributes is NULL");
    op.size = 8;
    CHECK(neap_graph_register(g, &op, &err) == NEAP_EARG);
    op.size =
        offsetof(neap_op, attributes); /* a host of before: what follows is not read */
    OK(neap_graph_register(g, &op, &err));
    CHECK(neap_graph_op(g, "op")->attribute_count == 0);
    neap_graph_free(g);
}

/* ---- Equal nodes ----------------------------------------------------------------- */

static bool equal(const neap__value *a, const neap__value *b)
{
    const bool same = neap__value_equal(a, b);
    CHECK(same == neap__value_equal(b, a));
    if (same)
        CHECK(neap__value_hash(1, a) == neap__value_hash(1, b));
    return same;
}

static void spec_equal(void)
{
    const int64_t one[] = {1, 2}, other[] = {1, 3};
    const double real[] = {1, 2};
    neap_tensor *t = neap_tensor_copy(NEAP_INT64, 1, DIMS(2), one, &err),
                *u = neap_tensor_copy(NEAP_INT64, 1, DIMS(2), one, &err),
                *v = neap_tensor_copy(NEAP_INT64, 2, DIMS(1, 2), one, &err),
                *large = neap_tensor_copy(NEAP_INT8, 1, DIMS(1000), NULL, &err),
                *too = neap_tensor_copy(NEAP_INT8, 1, DIMS(1000), NULL, &err);
    const neap__value values[] = {
        {.kind = NEAP_KIND_NONE},
        {.kind = NEAP_KIND_INT, .integer = 1},
        {.kind = NEAP_KIND_INT, .integer = 2},
        {.kind = NEAP_KIND_FLOAT, .number = 1},
        {.kind = NEAP_KIND_FLOAT, .number = 0.0},
        {.kind = NEAP_KIND_FLOAT, .number = -0.0},
        {.kind = NEAP_KIND_BOOL, .integer = 1},
        {.kind = NEAP_KIND_STRING, .string = "a"},
        {.kind = NEAP_KIND_STRING, .string = "b"},
        {.kind = NEAP_KIND_INTS, .integers = one, .count = 2},
        {.kind = NEAP_KIND_INTS, .integers = one, .count = 1},
        {.kind = NEAP_KIND_INTS, .integers = other, .count = 2},
        {.kind = NEAP_KIND_FLOATS, .numbers = real, .count = 2},
        {.kind = NEAP_KIND_PAIRS, .pairs = pairs, .count = 1},
        {.kind = NEAP_KIND_PAIRS, .pairs = pairs + 1, .count = 1},
        {.kind = NEAP_KIND_TENSOR, .tensor = t},
        {.kind = NEAP_KIND_TENSOR, .tensor = v},
        {.kind = NEAP_KIND_TENSOR, .tensor = large},
        {.kind = NEAP_KIND_TENSOR, .tensor = too},
        {.kind = NEAP_KIND_NODE, .input = 1},
        {.kind = NEAP_KIND_NODE, .input = 2},
        {.kind = NEAP_KIND_BODY, .body = (struct neap__body *)(void *)t},
        {.kind = NEAP_KIND_BODY, .body = (struct neap__body *)(void *)u},
    };
    for (size_t i = 0; i < COUNT(values); i++)
        for (size_t k = 0; k < COUNT(values); k++)
            if (!CHECK(equal(&values[i], &values[k]) == (i == k)))
                printf("values %zu and %zu\n", i, k);
    const int64_t copy[] = {1, 2};
    const neap__value list = {.kind = NEAP_KIND_INTS, .integers = copy, .count = 2},
                      text = {.kind = NEAP_KIND_STRING, .string = (char[]){'a', 0}},
                      tensor = {.kind = NEAP_KIND_TENSOR, .tensor = u};
    CHECK(equal(&values[9], &list) && equal(&values[7], &text) &&
          equal(&values[15], &tensor));
    neap_tensor_release(t);
    neap_tensor_release(u);
    neap_tensor_release(v);
    neap_tensor_release(large);
    neap_tensor_release(too);
}

/* How many nodes of an operation a run of two fetches computes. */
static int computed(neap_graph *g, neap_node *a, neap_node *b, const char *op)
{
    char text[8192], word[40];
    size_t length;
    int count = 0;
    neap_session *s = neap_session_new(g, NULL, &err);
    neap_tensor *t = neap_tensor_copy(NEAP_FLOAT32, 1, DIMS(4), NULL, &err);
    const neap_feed feed = {neap_graph_node(g, "x"), t};
    OK(neap_session_explain(s, &feed, 1, (neap_node *[]){a, b}, 2, text, sizeof text,
                            &length, &err));
    snprintf(word, sizeof word, "%s  \"", op);
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
        count++;
    neap_tensor_release(t);
    neap_session_free(s);
    return count;
}

static void spec_merge(void)
{
    neap_graph *g = neap_graph_new(&err);
    neap_node *x = input(g, NEAP_FLOAT32, 1, DIMS(4), "x");
    const neap_pair by[] = {{1, 0}}, others[] = {{0, 1}};
    neap_node *a = neap_pad(g, x, by, 1, NULL, &err),
              *b = neap_pad(g, x, (const neap_pair[]){{1, 0}}, 1, NULL, &err),
              *c = neap_pad(g, x, others, 1, NULL, &err);
    neap_pad_options o = NEAP_PAD_OPTIONS_INIT;
    o.constant_value = neap_attribute_float(NULL, 1);
    neap_node *d = neap_pad(g, x, by, 1, &o, &err);
    CHECK(computed(g, a, b, "pad") == 1);
    CHECK(computed(g, a, c, "pad") == 2);
    CHECK(computed(g, a, d, "pad") == 2);
    neap_graph_free(g);
}

/* ---- Whole integers -------------------------------------------------------------- */

static int64_t first_of(neap_graph *g, neap_node *y)
{
    neap_tensor *out = NULL;
    neap_session *s = neap_session_new(g, NULL, &err);
    OK(neap_session_run(s, NULL, 0, &y, 1, &out, &err));
    const int64_t value = out ? *(const int64_t *)neap_tensor_data(out) : 0;
    neap_tensor_release(out);
    neap_session_free(s);
    return value;
}

static void spec_whole(void)
{
    static const int64_t numbers[] = {(INT64_C(1) << 53) + 1, -(INT64_C(1) << 53) - 1,
                                      INT64_MAX, INT64_MIN, INT64_MAX - 1000};
    neap_graph *g = neap_graph_new(&err);
    neap_tensor *zero = neap_tensor_copy(NEAP_INT64, 1, DIMS(1), &(int64_t){0}, &err);
    neap_node *x = neap_constant(g, zero, &err);
    for (size_t i = 0; i < COUNT(numbers); i++) {
        neap_one_hot_options hot = NEAP_ONE_HOT_OPTIONS_INIT;
        hot.dtype = NEAP_INT64;
        hot.on_value = neap_attribute_int(NULL, numbers[i]);
        CHECK(first_of(g, neap_one_hot(g, x, 1, &hot, &err)) == numbers[i]);
        neap_pad_options pad = NEAP_PAD_OPTIONS_INIT;
        pad.constant_value = neap_attribute_int(NULL, numbers[i]);
        const neap_pair by[] = {{1, 0}};
        CHECK(first_of(g, neap_pad(g, x, by, 1, &pad, &err)) == numbers[i]);
        if (numbers[i] == INT64_MAX)
            continue;
        neap_random_uniform_options draw = NEAP_RANDOM_UNIFORM_OPTIONS_INIT;
        draw.dtype = NEAP_INT64;
        draw.minval = neap_attribute_int(NULL, numbers[i]);
        draw.maxval = neap_attribute_int(NULL, numbers[i] + 1);
        CHECK(first_of(g, neap_random_uniform(g, DIMS(1), 1, &draw, &err)) == numbers[i]);
        draw.maxval = draw.minval;
        CHECK(!neap_random_uniform(g, DIMS(1), 1, &draw, &err));
        CHECK(err.code == NEAP_ERANGE);
        err = (neap_error)NEAP_ERROR_INIT;
    }
    neap_tensor_release(zero);
    neap_graph_free(g);
}

/* ---- Bounds that only the run tells ---------------------------------------------- */

static void spec_bounds(void)
{
    static const float three[] = {1, 2, 3};
    neap_graph *g = neap_graph_new(&err);
    neap_node *inputs[] = {input(g, NEAP_FLOAT32, 1, DIMS(3), "dy"),
                           input(g, NEAP_FLOAT32, 1, DIMS(7), "x")},
              *begin = input(g, NEAP_INT32, 1, DIMS(1), "begin");
    const neap_attribute attributes[] = {
        neap_attribute_node("begin", begin),
        neap_attribute_ints("stop", DIMS(NEAP_NO_BOUND), 1),
        neap_attribute_int("strides", -2),
    };
    neap_node *dx = neap_build(g, "strided_slice_gradient", inputs, 2, attributes, 3,
                               NULL, NULL, 0, &err);
    CHECK(dx && neap_node_dims(dx)[0] == 7);
    neap_session *s = neap_session_new(g, NULL, &err);
    neap_tensor *dy = neap_tensor_copy(NEAP_FLOAT32, 1, DIMS(3), three, &err),
                *x = neap_tensor_copy(NEAP_FLOAT32, 1, DIMS(7), NULL, &err);
    static const struct {
        int32_t begin;
        float expected[7]; /* the first below 0: an error */
    } cases[] = {
        {5, {0, 3, 0, 2, 0, 1, 0}},
        {4, {3, 0, 2, 0, 1, 0, 0}},
        {-2, {0, 3, 0, 2, 0, 1, 0}},
        {6, {-1}},
        {0, {-1}},
        {INT32_MIN, {-1}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        neap_tensor *at = neap_tensor_copy(NEAP_INT32, 1, DIMS(1), &cases[i].begin, &err),
                    *out = NULL;
        const neap_feed feeds[] = {{inputs[0], dy}, {inputs[1], x}, {begin, at}};
        const int code = neap_session_run(s, feeds, 3, &dx, 1, &out, &err);
        if (cases[i].expected[0] < 0)
            CHECK(code == NEAP_ESHAPE && !out &&
                  strstr(err.message, "elements along axis 0, and there are 3"));
        else if (CHECK(!code && out))
            CHECK(!memcmp(neap_tensor_data(out), cases[i].expected,
                          sizeof cases[i].expected));
        err = (neap_error)NEAP_ERROR_INIT;
        neap_tensor_release(out);
        neap_tensor_release(at);
    }
    neap_tensor_release(dy);
    neap_tensor_release(x);
    neap_session_free(s);
    neap_graph_free(g);
}

int main(void)
{
    spec_options();
    spec_required();
    spec_texts();
    spec_host_kinds();
    spec_host_inputs();
    spec_schemas();
    spec_equal();
    spec_merge();
    spec_whole();
    spec_bounds();
    return check_report();
}
