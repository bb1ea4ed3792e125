/* ops.c - specs of src/ops: every descriptor is whole; what inference says of whole,
 * partial and unknown shapes and of known values; the whole texts of errors; the sizes
 * of products. Expected shapes are NumPy's and TensorFlow's, written by hand. */
#include "ops/ops.h"
#include "cpu/element.h"
#include "cpu/gemm.h"
#include "check.h"

#include <ctype.h>
#include <stdlib.h>

#define LIST(...) ((const int64_t[]){__VA_ARGS__})
#define ENTRIES(...) (sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
#define INT(text, value)                                                                 \
    {                                                                                    \
        .name = text, .kind = NEAP_KIND_INT, .integer = value                            \
    }
#define REAL(text, value)                                                                \
    {                                                                                    \
        .name = text, .kind = NEAP_KIND_FLOAT, .number = value                           \
    }
#define FLAG(text)                                                                       \
    {                                                                                    \
        .name = text, .kind = NEAP_KIND_BOOL, .integer = 1                               \
    }
#define DTYPE(text, value)                                                               \
    {                                                                                    \
        .name = text, .kind = NEAP_KIND_DTYPE, .integer = value                          \
    }
#define INTS(text, ...)                                                                  \
    {                                                                                    \
        .name = text, .kind = NEAP_KIND_INTS, .integers = LIST(__VA_ARGS__),             \
        .count = ENTRIES(__VA_ARGS__)                                                    \
    }
#define EMPTY(text)                                                                      \
    {                                                                                    \
        .name = text, .kind = NEAP_KIND_INTS                                             \
    }

/* ---- Descriptors ------------------------------------------------------------------- */

static void spec_schema(const neap__op *op)
{
    for (size_t a = 0; a < op->info.attribute_count; a++) {
        const neap_attribute_info *row = &op->info.attributes[a];
        const bool required = row->flags & NEAP_ATTRIBUTE_REQUIRED;
        CHECK(row->name && row->name[0]);
        CHECK(row->kind != NEAP_KIND_NONE);
        if (row->fallback.kind != NEAP_KIND_NONE) {
            CHECK(!required && neap_attribute_takes(row, row->fallback.kind));
            CHECK_TEXT(row->fallback.name, row->name);
        }
        if (row->flags & NEAP_ATTRIBUTE_NODE)
            CHECK(row->kind == NEAP_KIND_INTS || row->kind == NEAP_KIND_INT);
        for (size_t b = 0; b < a; b++)
            CHECK(strcmp(row->name, op->info.attributes[b].name) != 0);
        /* An input and an attribute of one name could not both be given by name. */
        const char *same = strstr(op->info.inputs, row->name);
        const size_t length = strlen(row->name);
        CHECK(!same || isalnum((unsigned char)same[length]) || same[length] == '_' ||
              (same > op->info.inputs && same[-1] != ' '));
    }
}

static void spec_gradient(const neap__op *op)
{
    const unsigned kinds = NEAP_OP_GRADIENT | NEAP_OP_ZERO | NEAP_OP_NO_GRADIENT;
    const unsigned flag = op->info.flags & kinds;
    /* These two are the reverse walk's own, which meets all results of an operation at
     * once. */
    if (op == &neap__op_host || op == &neap__op_result)
        return;
    switch (op->differentiable) {
    case NEAP__GRADIENT_SOME:
        CHECK(flag == NEAP_OP_GRADIENT && op->gradient);
        break;
    case NEAP__GRADIENT_ZERO:
        CHECK(flag == NEAP_OP_ZERO && !op->gradient);
        break;
    case NEAP__GRADIENT_NONE:
        CHECK(flag == NEAP_OP_NO_GRADIENT && !op->gradient);
        break;
    case NEAP__GRADIENT_UNSET:
        CHECK(op->differentiable != NEAP__GRADIENT_UNSET);
        break;
    }
}

static void spec_lowering(const neap__op *op)
{
    /* A shape is always known when sizes are fixed, so that nothing computes it. */
    if (op->lowering == NEAP__LOWER_KERNEL && op != &neap__op_shape &&
        op != &neap__op_shape_along)
        CHECK(op->bind != NULL);
    else
        CHECK(op->bind == NULL || op == &neap__op_host);
    CHECK(!(op->effects & NEAP__WRITES) == !op->writes);
    if (op->lowering != NEAP__LOWER_ELEMENT)
        return;
    CHECK(!op->effects);
    for (int d = 0; d < NEAP__DTYPES; d++) {
        if (!(op->dtypes & NEAP__BIT(d)) || op->element == NEAP__ELEMENT_cast)
            continue;
        const neap_dtype to = neap__element_result(op->element, (neap_dtype)d);
        for (neap__isa isa = NEAP__GENERIC; isa <= neap__best_isa(); isa++)
            if (!CHECK(neap__find_element(isa, op->element, (neap_dtype)d, to) != NULL))
                printf("%s of %s\n", op->info.name, neap_dtype_name((neap_dtype)d));
    }
}

static void spec_descriptors(void)
{
    CHECK(neap__op_slotted == neap__op_total &&
          neap__op_slot_count >= 2 * neap__op_total);
    CHECK(!neap__op_named("") && !neap__op_named("ad") && !neap__op_named("addd"));
    for (size_t i = 0; i < neap__op_total; i++) {
        const neap__op *op = neap__ops[i];
        const int failed = atomic_load(&check_failed);
        CHECK(op->info.name && neap__op_named(op->info.name) == op);
        CHECK(op->info.version >= 1);
        CHECK(op->info.doc && strlen(op->info.doc) > 3);
        CHECK(op->info.inputs != NULL);
        CHECK(op->infer != NULL);
        CHECK(op->dtypes || !op->info.inputs[0] || op == &neap__op_group ||
              op == &neap__op_result || op == &neap__op_host ||
              op->lowering >= NEAP__LOWER_BRANCH);
        spec_schema(op);
        spec_gradient(op);
        spec_lowering(op);
        if (atomic_load(&check_failed) != failed)
            printf("  (of %s)\n", op->info.name);
    }
}

/* ---- Inference --------------------------------------------------------------------- */

/* A placeholder of a shape as text: "2 ? 3", "" for rank 0, "*" for an unknown rank;
 * "i" before it makes it int64, "j" int32, "b" bool, "d" float64. */
static neap_node *input(neap_graph *g, const char *text)
{
    neap_dtype dtype = NEAP_FLOAT32;
    int64_t dims[NEAP_MAX_RANK];
    int rank = 0;
    switch (*text) {
    case 'i':
        dtype = NEAP_INT64;
        break;
    case 'j':
        dtype = NEAP_INT32;
        break;
    case 'b':
        dtype = NEAP_BOOL;
        break;
    case 'd':
        dtype = NEAP_FLOAT64;
        break;
    default:
        text--;
        break;
    }
    for (text++; *text; text += *text == ' ') {
        if (*text == '*') {
            rank = -1;
            break;
        }
        char *end = (char *)(uintptr_t)(text + 1);
        dims[rank++] = *text == '?' ? -1 : strtoll(text, &end, 10);
        text = end;
    }
    return neap_placeholder(g, dtype, rank, dims, NULL, NULL);
}

typedef struct example {
    const char *op;
    const char *inputs[4]; /* up to the first NULL */
    neap_attribute attributes[4];
    const char *expected; /* dtype and shape, or the error's text */
} example;

static neap_node *build_example(neap_graph *g, const example *e, neap_error *err)
{
    neap_node *inputs[4];
    size_t count = 0, given = 0;
    while (count < 4 && e->inputs[count]) {
        inputs[count] = input(g, e->inputs[count]);
        count++;
    }
    while (given < 4 && e->attributes[given].name)
        given++;
    return neap_build(g, e->op, inputs, count, e->attributes, given, "n", NULL, 0, err);
}

/* "int64 (2,) [3 ?]": what is known of a node. */
static const char *fact_text(char buffer[400], const neap_node *n)
{
    neap__text t = neap__text_over(buffer, 400);
    neap__text_add(&t, "%s ", neap_dtype_name(n->fact.dtype));
    neap__text_shape(&t, &n->fact.shape);
    const neap__known *k = n->fact.known;
    for (int i = 0; k && i < k->count; i++) {
        neap__text_add(&t, i ? " " : " [");
        if (neap__knows(k, i) && neap__is_floating(k->dtype))
            neap__text_number(
                &t, neap__element_number(k->dtype, neap__known_element(k, i), 0), -1);
        else if (neap__knows(k, i))
            neap__text_add(&t, "%lld", (long long)neap__known_integer(k, i));
        else
            neap__text_add(&t, "?");
    }
    neap__text_add(&t, k ? (k->count ? "]" : " []") : "");
    return buffer;
}

static const example inferences[] = {
    {"placeholder", {NULL}, {{0}}, "float32 unknown"},
    {"placeholder", {NULL}, {INTS("shape", 2, -1)}, "float32 (2, ?)"},
    {"placeholder", {NULL}, {EMPTY("shape"), DTYPE("dtype", NEAP_BOOL)}, "bool ()"},
    {"zeros", {NULL}, {INTS("shape", 2, 0)}, "float32 (2, 0) []"},
    {"ones",
     {NULL},
     {INTS("shape", 3), DTYPE("dtype", NEAP_INT32)},
     "int32 (3,) [1 1 1]"},
    {"zeros", {NULL}, {INTS("shape", 0), DTYPE("dtype", NEAP_INT64)}, "int64 (0,) []"},
    {"random_normal",
     {NULL},
     {INTS("shape", 2, 3), DTYPE("dtype", NEAP_FLOAT64)},
     "float64 (2, 3)"},
    {"random_uniform",
     {NULL},
     {INTS("shape", 5), DTYPE("dtype", NEAP_INT32), REAL("maxval", 9)},
     "int32 (5,)"},
    {"zeros_like", {"2 ?"}, {{0}}, "float32 (2, ?)"},
    {"ones_like", {"i"}, {{0}}, "int64 () [1]"},
    {"identity", {"*"}, {{0}}, "float32 unknown"},
    {"cast", {"b2 ?"}, {DTYPE("dtype", NEAP_FLOAT64)}, "float64 (2, ?)"},
    {"tanh", {"? 3"}, {{0}}, "float32 (?, 3)"},
    {"add", {"2 3", "3"}, {{0}}, "float32 (2, 3)"},
    {"add", {"? 1", "1 ?"}, {{0}}, "float32 (?, ?)"},
    {"add", {"? 3", "4 ?"}, {{0}}, "float32 (4, 3)"},
    {"add", {"2 3", "*"}, {{0}}, "float32 unknown"},
    {"add", {"0", "1"}, {{0}}, "float32 (0,)"},
    {"divide", {"i2", "i"}, {{0}}, "float32 (2,)"},
    {"equal", {"b2", "b2"}, {{0}}, "bool (2,)"},
    {"less", {"i2 1", "i3"}, {{0}}, "bool (2, 3)"},
    {"where", {"b3", "2 1", ""}, {{0}}, "float32 (2, 3)"},
    {"where", {"b", "i2", "i2"}, {{0}}, "int64 (2,)"},
    {"reduce_sum", {"2 3 4"}, {{0}}, "float32 ()"},
    {"reduce_sum", {"2 3 4"}, {INTS("axis", 1, -1)}, "float32 (2,)"},
    {"reduce_sum", {"2 3 4"}, {INT("axis", 1), FLAG("keepdims")}, "float32 (2, 1, 4)"},
    {"reduce_sum", {"2 ?"}, {EMPTY("axis")}, "float32 (2, ?)"},
    {"reduce_mean", {"*"}, {{0}}, "float32 ()"},
    {"reduce_max", {"*"}, {INT("axis", 0)}, "float32 unknown"},
    {"reduce_logsumexp", {"? 3"}, {INT("axis", 1)}, "float32 (?,)"},
    {"argmax", {"? 3"}, {INT("axis", 1)}, "int64 (?,)"},
    {"argmax", {"4 3"}, {DTYPE("output_type", NEAP_INT32)}, "int32 (3,)"},
    {"matmul", {"2 3", "3 4"}, {{0}}, "float32 (2, 4)"},
    {"matmul", {"3", "3"}, {{0}}, "float32 ()"},
    {"matmul", {"2 3", "3"}, {{0}}, "float32 (2,)"},
    {"matmul", {"3", "5 3 2"}, {{0}}, "float32 (5, 2)"},
    {"matmul", {"? 2 3", "4 3 ?"}, {{0}}, "float32 (4, 2, ?)"},
    {"matmul", {"7 1 2 3", "6 3 5"}, {{0}}, "float32 (7, 6, 2, 5)"},
    {"matmul",
     {"3 2", "4 3"},
     {FLAG("transpose_a"), FLAG("transpose_b")},
     "float32 (2, 4)"},
    {"matmul", {"*", "3 4"}, {{0}}, "float32 unknown"},
    {"transpose", {"2 ? 4"}, {{0}}, "float32 (4, ?, 2)"},
    {"transpose", {"2 3 4"}, {INTS("perm", 1, -1, 0)}, "float32 (3, 4, 2)"},
    {"transpose", {"*"}, {INTS("perm", 1, 0)}, "float32 (?, ?)"},
    {"transpose", {"*"}, {{0}}, "float32 unknown"},
    {"reshape", {"2 6"}, {INTS("shape", 3, -1)}, "float32 (3, 4)"},
    {"reshape", {"? 6"}, {INTS("shape", 3, -1)}, "float32 (3, ?)"},
    {"reshape", {"1 1"}, {EMPTY("shape")}, "float32 ()"},
    {"reshape", {"0 3"}, {INTS("shape", -1, 3)}, "float32 (0, 3)"},
    {"reshape", {"*"}, {INTS("shape", 2, 3)}, "float32 (2, 3)"},
    {"shape", {"2 ? 4"}, {{0}}, "int64 (3,) [2 ? 4]"},
    {"shape", {""}, {{0}}, "int64 (0,) []"},
    {"shape", {"*"}, {{0}}, "int64 (?,)"},
    {"expand_dims", {"2 ?"}, {INT("axis", -1)}, "float32 (2, ?, 1)"},
    {"expand_dims", {"2 ?"}, {INT("axis", 0)}, "float32 (1, 2, ?)"},
    {"squeeze", {"1 3 1"}, {{0}}, "float32 (3,)"},
    {"squeeze", {"1 ? 1"}, {INTS("axis", 1, -1)}, "float32 (1,)"},
    {"squeeze", {"1 ?"}, {{0}}, "float32 unknown"},
    {"broadcast_to", {"? 1"}, {INTS("shape", 4, 2, 3)}, "float32 (4, 2, 3)"},
    {"concat", {"2 3", "2 ?"}, {INT("axis", 1)}, "float32 (2, ?)"},
    {"concat", {"? 3", "2 4", "*"}, {INT("axis", 1)}, "float32 (2, ?)"},
    {"concat", {"? 3", "2 4"}, {INT("axis", -1)}, "float32 (2, 7)"},
    {"slice", {"4 5"}, {INTS("begin", 1, 2), INTS("size", -1, 2)}, "float32 (3, 2)"},
    {"slice", {"? 5"}, {INTS("begin", 1, 5), INTS("size", -1, -1)}, "float32 (?, 0)"},
    {"slice", {"*"}, {INTS("begin", 1, 2), INTS("size", -1, 2)}, "float32 (?, 2)"},
    {"gather", {"5 3", "i2 4"}, {{0}}, "float32 (2, 4, 3)"},
    {"gather",
     {"2 5 3", "j2 4"},
     {INT("axis", 1), INT("batch_dims", 1)},
     "float32 (2, 4, 3)"},
    {"gather",
     {"? 5 3", "j2 4"},
     {INT("axis", -1), INT("batch_dims", -1)},
     "float32 (2, 5, 4)"},
    {"gather", {"5 3", "i*"}, {{0}}, "float32 unknown"},
    {"one_hot", {"i2 ?"}, {INT("depth", 7)}, "float32 (2, ?, 7)"},
    {"one_hot",
     {"j2 3"},
     {INT("depth", 7), INT("axis", 0), DTYPE("dtype", NEAP_BOOL)},
     "bool (7, 2, 3)"},
    {"softmax", {"? 3"}, {{0}}, "float32 (?, 3)"},
    {"softmax", {""}, {{0}}, "float32 ()"},
    {"softmax_cross_entropy_with_logits", {"? 3", "2 ?"}, {{0}}, "float32 (2,)"},
    {"softmax_cross_entropy_with_logits",
     {"4 3", "4 3"},
     {INT("axis", 0)},
     "float32 (3,)"},
    {"sparse_softmax_cross_entropy_with_logits", {"j?", "2 10"}, {{0}}, "float32 (2,)"},
    {"sparse_softmax_cross_entropy_with_logits", {"i", "10"}, {{0}}, "float32 ()"},
    {"group", {"2", "*", "b"}, {{0}}, "none ()"},
    {"no_op", {NULL}, {{0}}, "none ()"},
    {"sum_to_like", {"4 2 3", "2 1"}, {{0}}, "float32 (2, 1)"},
    {"broadcast_like", {"2 1", "4 2 3"}, {{0}}, "float32 (4, 2, 3)"},
    {"reduce_broadcast", {"2", "2 3"}, {INT("axis", 1)}, "float32 (2, 3)"},
    {"reshape_like", {"6", "2 3"}, {{0}}, "float32 (2, 3)"},
    {"ensure_shape_like", {"? 3", "2 ?"}, {{0}}, "float32 (2, 3)"},
    {"ensure_shape_like", {"*", "2 ?"}, {{0}}, "float32 (2, ?)"},
    {"relu_gradient", {"? 3", "2 ?"}, {{0}}, "float32 (2, 3)"},
    {"cross_entropy_gradient", {"2", "2 3", "2 3"}, {{0}}, "float32 (2, 3)"},
    {"sparse_cross_entropy_gradient", {"2", "i2", "2 3"}, {{0}}, "float32 (2, 3)"},
    {"gather_gradient", {"4 3", "i4", "5 3"}, {{0}}, "float32 (5, 3)"},
    {"slice_gradient", {"2 2", "i2", "4 5"}, {{0}}, "float32 (4, 5)"},
    {"shape_along", {"2 3"}, {INT("axis", 1)}, "int64 (2,) [0 3]"},
    {"shape_along", {"2 ? 4"}, {INT("axis", 1)}, "int64 (3,) [0 ? 0]"},
    {"shape_along", {"2 ? 4"}, {INT("axis", -1)}, "int64 (3,) [0 0 4]"},
    {"shape_along", {"*"}, {INT("axis", 1)}, "int64 (?,)"},
    {"matmul_operand", {"3"}, {FLAG("column")}, "float32 (3, 1)"},
    {"matmul_operand", {"3"}, {{0}}, "float32 (1, 3)"},
    {"matmul_operand", {"2 3"}, {{0}}, "float32 (2, 3)"},
};

static void spec_inference(void)
{
    for (size_t i = 0; i < COUNT(inferences); i++) {
        neap_error err = NEAP_ERROR_INIT;
        neap_graph *g = neap_graph_new(&err);
        const neap_node *n = build_example(g, &inferences[i], &err);
        char text[400];
        const int failed = atomic_load(&check_failed);
        CHECK_TEXT(n ? fact_text(text, n) : err.message, inferences[i].expected);
        if (atomic_load(&check_failed) != failed)
            printf("  (of %s, row %zu)\n", inferences[i].op, i);
        neap_graph_free(g);
    }
}

/* ---- Errors ------------------------------------------------------------------------ */

#define BIG (INT64_C(1) << 40)
static const example errors[] = {
    {"zeros", {NULL}, {INTS("shape", 2, -1)}, "zeros \"n\": shape[1] = -1 is negative"},
    {"zeros",
     {NULL},
     {INTS("shape", BIG, BIG)},
     "zeros \"n\": shape: (1099511627776, 1099511627776) has more than 2^62 "
     "elements"},
    {"zeros",
     {NULL},
     {INTS("shape", 1, 1, 1, 1, 1, 1, 1, 1, 1)},
     "zeros \"n\": shape has more than 8 entries"},
    {"placeholder",
     {NULL},
     {INTS("shape", -2)},
     "placeholder \"n\": shape: dimension 0 is negative: -2"},
    {"random_uniform",
     {NULL},
     {INTS("shape", 2), REAL("minval", 1)},
     "random_uniform \"n\": maxval must be above minval, got 1"},
    {"random_uniform",
     {NULL},
     {INTS("shape", 2), REAL("maxval", 0.5), DTYPE("dtype", NEAP_INT32)},
     "random_uniform \"n\": maxval must be a whole number within the dtype, got 0.5"},
    {"random_uniform",
     {NULL},
     {INTS("shape", 2), DTYPE("dtype", NEAP_BOOL)},
     "random_uniform \"n\": dtype must be one of float32, float64, int8, int16, int32, "
     "int64, uint8, uint16, uint32, uint64, got bool"},
    {"random_normal",
     {NULL},
     {INTS("shape", 2), REAL("stddev", -1)},
     "random_normal \"n\": stddev must be finite and 0 or more, got -1"},
    {"add",
     {"2 3", "2 4"},
     {{0}},
     "add \"n\": shapes do not broadcast: (2, 3) and (2, 4)"},
    {"relu_gradient",
     {"2", "3"},
     {{0}},
     "relu_gradient \"n\": shapes differ: (2,) and (3,)"},
    {"reduce_sum",
     {"2 3"},
     {INT("axis", 2)},
     "reduce_sum \"n\": axis 2 is out of range for rank 2"},
    {"reduce_sum",
     {"2 3"},
     {INTS("axis", 0, -2)},
     "reduce_sum \"n\": axis -2 is given twice"},
    {"argmax",
     {"2 0"},
     {INT("axis", 1)},
     "argmax \"n\": axis 1 of (2, 0) has no elements"},
    {"argmax",
     {"2"},
     {DTYPE("output_type", NEAP_INT8)},
     "argmax \"n\": output_type must be one of int32, int64, got int8"},
    {"matmul",
     {"128 784", "512 10"},
     {{0}},
     "matmul \"n\": inner dimensions differ: (128, 784) x (512, 10)"},
    {"matmul",
     {"3 2", "2 4"},
     {FLAG("transpose_a")},
     "matmul \"n\": inner dimensions differ: transposed (3, 2) x (2, 4)"},
    {"matmul",
     {"2 2 3", "3 3 4"},
     {{0}},
     "matmul \"n\": batch dimensions do not broadcast: (2, 2, 3) x (3, 3, 4)"},
    {"matmul",
     {"", "*"},
     {{0}},
     "matmul \"n\": inputs need rank 1 or more: () x unknown"},
    {"matmul",
     {"3", "3"},
     {FLAG("transpose_a")},
     "matmul \"n\": a vector cannot be transposed: transposed (3,) x (3,)"},
    {"transpose",
     {"2 3"},
     {INTS("perm", 0)},
     "transpose \"n\": perm has 1 entry, for rank 2"},
    {"transpose",
     {"2 3"},
     {INTS("perm", 0, 0)},
     "transpose \"n\": axis 0 is given twice"},
    {"transpose", {"*"}, {INTS("perm", 0, 0)}, "transpose \"n\": axis 0 is given twice"},
    {"transpose",
     {"2 3"},
     {INTS("perm", 0, 2)},
     "transpose \"n\": axis 2 is out of range for rank 2"},
    {"reshape",
     {"2 3"},
     {INTS("shape", 4)},
     "reshape \"n\": cannot reshape (2, 3) to (4,)"},
    {"reshape",
     {"2 3"},
     {INTS("shape", -1, 4)},
     "reshape \"n\": cannot reshape (2, 3) to (?, 4)"},
    {"reshape",
     {"2 3"},
     {INTS("shape", -1, -1)},
     "reshape \"n\": more than one -1 in the shape"},
    {"reshape",
     {"0 3"},
     {INTS("shape", 0, -1)},
     "reshape \"n\": -1 is ambiguous: zero elements"},
    {"reshape", {"2"}, {INTS("shape", -2)}, "reshape \"n\": shape[0] = -2 is negative"},
    {"reshape_like",
     {"6", "2 2"},
     {{0}},
     "reshape_like \"n\": cannot reshape (6,) to (2, 2)"},
    {"ensure_shape_like",
     {"1 3", "? 2"},
     {{0}},
     "ensure_shape_like \"n\": placeholder \"placeholder\" has shape (1, 3), "
     "not (?, 2) as placeholder \"placeholder_1\""},
    {"expand_dims",
     {"2 3"},
     {INT("axis", 3)},
     "expand_dims \"n\": axis 3 is out of range for rank 3"},
    {"expand_dims",
     {"1 1 1 1 1 1 1 1"},
     {INT("axis", 0)},
     "expand_dims \"n\": rank 9 is more than 8"},
    {"squeeze", {"2 1"}, {INT("axis", 0)}, "squeeze \"n\": axis 0 of (2, 1) is not 1"},
    {"broadcast_to",
     {"3"},
     {INTS("shape", 2, 4)},
     "broadcast_to \"n\": (3,) does not broadcast to (2, 4)"},
    {"broadcast_to",
     {"2 3"},
     {INTS("shape", 3)},
     "broadcast_to \"n\": (2, 3) does not broadcast to (3,)"},
    {"broadcast_to",
     {"3"},
     {INTS("shape", -1)},
     "broadcast_to \"n\": shape[0] = -1 is negative"},
    {"concat",
     {"2 3", "3 3"},
     {INT("axis", 1)},
     "concat \"n\": shapes differ beside axis 1: (2, 3) and (3, 3)"},
    {"concat",
     {"2 3", "3"},
     {INT("axis", 0)},
     "concat \"n\": shapes differ in rank: (2, 3) and (3,)"},
    {"concat",
     {"2 3", "2 3"},
     {INT("axis", 2)},
     "concat \"n\": axis 2 is out of range for rank 2"},
    {"slice",
     {"4 5"},
     {INTS("begin", 3, 0), INTS("size", 2, 5)},
     "slice \"n\": begin[0] = 3 with size 2 does not fit dimension 4"},
    {"slice",
     {"4 5"},
     {INTS("begin", 0, 6), INTS("size", 2, -1)},
     "slice \"n\": begin[1] = 6 with size 0 does not fit dimension 5"},
    {"slice",
     {"? 5"},
     {INTS("begin", -1, 0), INTS("size", 2, 5)},
     "slice \"n\": begin[0] = -1 with size 2 does not fit dimension ?"},
    {"slice",
     {"4 5"},
     {INTS("begin", INT64_MAX, 0), INTS("size", INT64_MAX, 5)},
     "slice \"n\": begin[0] = 9223372036854775807 with size 9223372036854775807 does not "
     "fit dimension 4"},
    {"slice",
     {"4 5"},
     {INTS("begin", 0, 0), INTS("size", -2, 5)},
     "slice \"n\": size[0] = -2 is negative"},
    {"slice",
     {"4 5"},
     {INTS("begin", 0), INTS("size", 2)},
     "slice \"n\": begin has 1 entry, for rank 2"},
    {"gather",
     {"5 3", "i2"},
     {INT("axis", 2)},
     "gather \"n\": axis 2 is out of range for rank 2"},
    {"gather",
     {"2 5", "i3 1"},
     {INT("axis", 1), INT("batch_dims", 1)},
     "gather \"n\": batch dimensions differ: (2, 5) and (3, 1)"},
    {"gather",
     {"2 5", "i2 1"},
     {INT("batch_dims", 1)},
     "gather \"n\": axis 0 is among the 1 batch dimensions"},
    {"gather",
     {"2 5", "i2 1"},
     {INT("axis", 1), INT("batch_dims", 3)},
     "gather \"n\": batch_dims 3 is out of range for rank 2"},
    {"gather",
     {"5", "2"},
     {{0}},
     "gather \"n\": input indices is float32; it takes int32, int64"},
    {"one_hot", {"i2"}, {INT("depth", -2)}, "one_hot \"n\": depth is -2, not 0 or more"},
    {"one_hot",
     {"i2"},
     {INT("depth", 2), INT("axis", 2)},
     "one_hot \"n\": axis 2 is out of range for rank 2"},
    {"one_hot",
     {"i2"},
     {INT("depth", 2), REAL("on_value", 0.5), DTYPE("dtype", NEAP_UINT8)},
     "one_hot \"n\": on_value = 0.5 is not a uint8"},
    {"one_hot",
     {"i2"},
     {INT("depth", INT64_MAX)},
     "one_hot \"n\": the result: (2, 9223372036854775807) has more than 2^62 "
     "elements"},
    {"softmax",
     {"2 3"},
     {INT("axis", 2)},
     "softmax \"n\": axis 2 is out of range for rank 2"},
    {"softmax_cross_entropy_with_logits",
     {"2 3", "2 4"},
     {{0}},
     "softmax_cross_entropy_with_logits \"n\": labels and logits differ: (2, 3) and (2, "
     "4)"},
    {"softmax_cross_entropy_with_logits",
     {"", ""},
     {{0}},
     "softmax_cross_entropy_with_logits \"n\": axis -1 is out of range for rank 0"},
    {"sparse_softmax_cross_entropy_with_logits",
     {"i3", "4 5"},
     {{0}},
     "sparse_softmax_cross_entropy_with_logits \"n\": labels (3,) do not fit logits (4, "
     "5)"},
    {"sparse_softmax_cross_entropy_with_logits",
     {"i", ""},
     {{0}},
     "sparse_softmax_cross_entropy_with_logits \"n\": labels () do not fit logits ()"},
    {"sum_to_like",
     {"2 3", "2"},
     {{0}},
     "sum_to_like \"n\": shapes are not a broadcast one and its origin: (2, 3) and (2,)"},
    {"reduce_broadcast",
     {"3", "2 3"},
     {INT("axis", 1)},
     "reduce_broadcast \"n\": shapes are not a reduced one and its origin: (3,) and (2, "
     "3)"},
    {"gather_gradient",
     {"4 2", "i4", "5 3"},
     {{0}},
     "gather_gradient \"n\": shapes differ: (4, 2) and (4, 3)"},
    {"slice_gradient",
     {"5 5", "i2", "4 5"},
     {{0}},
     "slice_gradient \"n\": size[0] = 5 does not fit dimension 4"},
    {"slice_gradient",
     {"2 5", "i3", "4 5"},
     {{0}},
     "slice_gradient \"n\": begin does not fit x: (3,) and (4, 5)"},
    {"shape_along",
     {"2 3"},
     {INT("axis", 2)},
     "shape_along \"n\": axis 2 is out of range for rank 2"},
    {"assign",
     {"2", "2"},
     {{0}},
     "assign \"n\": input variable is placeholder \"placeholder\", not a variable"},
};

static void spec_errors(void)
{
    for (size_t i = 0; i < COUNT(errors); i++) {
        neap_error err = NEAP_ERROR_INIT;
        neap_graph *g = neap_graph_new(&err);
        CHECK(!build_example(g, &errors[i], &err));
        CHECK_TEXT(err.message, errors[i].expected);
        neap_graph_free(g);
    }
}

/* Shapes of an update that do not agree. */
static void spec_updates(void)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_graph *g = neap_graph_new(&err);
    neap_tensor *two = neap_tensor_copy(NEAP_FLOAT32, 1, LIST(2), NULL, &err);
    neap_tensor *three = neap_tensor_copy(NEAP_FLOAT32, 1, LIST(3), NULL, &err);
    neap_node *v = neap_variable(g, two, "v", &err),
              *slot = neap_variable(g, three, "slot", &err);
    neap_node *x = input(g, "3"), *rate = input(g, ""), *rates = input(g, "2");
    CHECK(
        !neap_build(g, "assign", (neap_node *[]){v, x}, 2, NULL, 0, NULL, NULL, 0, &err));
    CHECK_TEXT(
        err.message,
        "assign \"assign\": a value of shape (3,) does not fit a variable of shape (2,)");
    neap__clear(&err);
    CHECK(!neap_build(g, "apply_momentum", (neap_node *[]){v, slot, v, rate}, 4, NULL, 0,
                      NULL, NULL, 0, &err));
    CHECK_TEXT(
        err.message,
        "apply_momentum \"apply_momentum\": variable and slot differ: (2,) and (3,)");
    neap__clear(&err);
    CHECK(!neap_build(g, "apply_gradient_descent", (neap_node *[]){v, x, rate}, 3, NULL,
                      0, NULL, NULL, 0, &err));
    CHECK_TEXT(err.message, "apply_gradient_descent \"apply_gradient_descent\": variable "
                            "and gradient differ: (2,) and (3,)");
    neap__clear(&err);
    CHECK(!neap_build(g, "apply_gradient_descent", (neap_node *[]){v, v, rates}, 3, NULL,
                      0, NULL, NULL, 0, &err));
    CHECK_TEXT(err.message, "apply_gradient_descent \"apply_gradient_descent\": "
                            "learning_rate must have rank 0, got shape (2,)");
    neap_tensor_release(two);
    neap_tensor_release(three);
    neap_graph_free(g);
}

/* ---- Known values ------------------------------------------------------------------ */

static neap_node *one(neap_graph *g, const char *op, neap_node *x,
                      const neap_attribute *a, size_t n)
{
    return neap_build(g, op, &x, 1, a, n, NULL, NULL, 0, NULL);
}

static neap_node *two(neap_graph *g, const char *op, neap_node *x, neap_node *y,
                      const neap_attribute *a, size_t n)
{
    neap_node *inputs[] = {x, y};
    return neap_build(g, op, inputs, 2, a, n, NULL, NULL, 0, NULL);
}

static neap_node *whole(neap_graph *g, neap_dtype dtype, int rank, const int64_t *dims,
                        const void *values)
{
    neap_tensor *t = neap_tensor_copy(dtype, rank, dims, values, NULL);
    neap_node *n = neap_constant(g, t, NULL);
    neap_tensor_release(t);
    return n;
}

#define KNOWN(node, text) CHECK_TEXT(fact_text(buffer, node), text)

static void spec_known(void)
{
    char buffer[400];
    neap_graph *g = neap_graph_new(NULL);
    neap_node *x = input(g, "? 8 4"), *s = one(g, "shape", x, NULL, 0);
    neap_node *twice = whole(g, NEAP_INT64, 0, NULL, LIST(2));
    neap_node *minus = whole(g, NEAP_INT64, 1, LIST(1), LIST(-1));
    const neap_attribute tail[] = {INTS("begin", 1), INTS("size", -1)};
    const neap_attribute head[] = {INTS("begin", 0), INTS("size", 1)};
    const neap_attribute axis = INT("axis", 0), small = DTYPE("dtype", NEAP_INT8);
    neap_node *rest = one(g, "slice", s, tail, 2), *first = one(g, "slice", s, head, 2);
    KNOWN(s, "int64 (3,) [? 8 4]");
    KNOWN(rest, "int64 (2,) [8 4]");
    KNOWN(first, "int64 (1,)"); /* all of it unknown */
    neap_node *double_rest = two(g, "multiply", rest, twice, NULL, 0);
    KNOWN(double_rest, "int64 (2,) [16 8]");
    KNOWN(two(g, "add", s, twice, NULL, 0), "int64 (3,) [? 10 6]");
    KNOWN(two(g, "subtract", twice, rest, NULL, 0), "int64 (2,) [-6 -2]");
    KNOWN(two(g, "maximum", rest, minus, NULL, 0), "int64 (2,) [8 4]");
    KNOWN(two(g, "minimum", rest, minus, NULL, 0), "int64 (2,) [-1 -1]");
    KNOWN(one(g, "negative", rest, NULL, 0), "int64 (2,) [-8 -4]");
    KNOWN(one(g, "square", rest, NULL, 0), "int64 (2,) [64 16]");
    KNOWN(one(g, "identity", rest, NULL, 0), "int64 (2,) [8 4]");
    neap_node *big = whole(g, NEAP_INT64, 1, LIST(2), LIST(300, -129));
    KNOWN(one(g, "cast", big, &small, 1), "int8 (2,) [44 127]");
    KNOWN(two(g, "concat", first, double_rest, &axis, 1), "int64 (3,) [? 16 8]");
    neap_node *at = whole(g, NEAP_INT64, 1, LIST(2), LIST(2, 1));
    KNOWN(two(g, "gather", s, at, NULL, 0), "int64 (2,) [4 8]");
    KNOWN(two(g, "gather", s, twice, NULL, 0), "int64 () [4]");
    KNOWN(two(g, "gather", s, minus, NULL, 0), "int64 (1,)"); /* an error of the run */
    KNOWN(one(g, "expand_dims", twice, &axis, 1), "int64 (1,) [2]");
    KNOWN(one(g, "squeeze", minus, NULL, 0), "int64 () [-1]");
    neap_attribute to = EMPTY("shape");
    KNOWN(one(g, "reshape", minus, &to, 1), "int64 () [-1]");
    KNOWN(one(g, "transpose", rest, NULL, 0), "int64 (2,) [8 4]");
    KNOWN(one(g, "ones_like", rest, NULL, 0), "int64 (2,) [1 1]");

    /* Sizes that are nodes. */
    to = neap_attribute_node("shape", two(g, "concat", minus, double_rest, &axis, 1));
    KNOWN(one(g, "reshape", x, &to, 1), "float32 (?, 16, 8)");
    KNOWN(one(g, "reshape", input(g, "64 4"), &to, 1), "float32 (2, 16, 8)");
    to = neap_attribute_node("shape", s);
    KNOWN(one(g, "broadcast_to", input(g, "4"), &to, 1), "float32 (?, 8, 4)");
    KNOWN(neap_build(g, "zeros", NULL, 0, &to, 1, NULL, NULL, 0, NULL),
          "float32 (?, 8, 4)");
    to = neap_attribute_node("shape", input(g, "i3"));
    KNOWN(one(g, "reshape", x, &to, 1), "float32 (?, ?, ?)");
    to = neap_attribute_node("shape", input(g, "i?"));
    KNOWN(one(g, "reshape", x, &to, 1), "float32 unknown");
    const neap_attribute depth =
        neap_attribute_node("depth", two(g, "gather", s, twice, NULL, 0));
    KNOWN(one(g, "one_hot", input(g, "i5"), &depth, 1), "float32 (5, 4)");
    const neap_attribute open[] = {neap_attribute_node("begin", input(g, "i3")),
                                   INTS("size", 2, -1, 4)};
    KNOWN(one(g, "slice", x, open, 2), "float32 (2, ?, 4)");

    neap_error err = NEAP_ERROR_INIT;
    to = neap_attribute_node("shape", two(g, "concat", minus, rest, &axis, 1));
    neap_node *four = input(g, "4");
    CHECK(!neap_build(g, "broadcast_to", &four, 1, &to, 1, "n", NULL, 0, &err));
    CHECK_TEXT(err.message, "broadcast_to \"n\": shape[0] = -1 is negative");
    neap__clear(&err);
    to = neap_attribute_node("shape", input(g, "i2 2"));
    CHECK(!neap_build(g, "reshape", &four, 1, &to, 1, "n", NULL, 0, &err));
    CHECK_TEXT(err.message,
               "reshape \"n\": shape must have rank 0 or 1, got shape (2, 2)");
    neap_graph_free(g);
}

/* Floats, choices, any rank: what is rounded the same way everywhere. */
static void spec_known_numbers(void)
{
    char buffer[400];
    neap_graph *g = neap_graph_new(NULL);
    neap_node *s = one(g, "shape", input(g, "? 8 5"), NULL, 0);
    const neap_attribute to_float = DTYPE("dtype", NEAP_FLOAT32),
                         to_int = DTYPE("dtype", NEAP_INT64);
    neap_node *f = one(g, "cast", s, &to_float, 1);
    neap_node *half = whole(g, NEAP_FLOAT32, 0, NULL, (const float[]){0.5F});
    KNOWN(f, "float32 (3,) [? 8 5]");
    KNOWN(two(g, "multiply", f, half, NULL, 0), "float32 (3,) [? 4 2.5]");
    KNOWN(two(g, "floor_divide", f, half, NULL, 0), "float32 (3,) [? 16 10]");
    KNOWN(one(g, "cast", two(g, "multiply", f, half, NULL, 0), &to_int, 1),
          "int64 (3,) [? 4 2]");
    KNOWN(one(g, "sqrt", two(g, "divide", f, half, NULL, 0), NULL, 0),
          "float32 (3,) [? 4 3.1622776985168457]");
    KNOWN(two(g, "less", f, two(g, "add", f, half, NULL, 0), NULL, 0),
          "bool (3,) [? 1 1]");
    neap_node *five = whole(g, NEAP_INT64, 0, NULL, LIST(5));
    neap_node *choice[] = {two(g, "greater", s, five, NULL, 0), s, five};
    KNOWN(neap_build(g, "where", choice, 3, NULL, 0, NULL, NULL, 0, NULL),
          "int64 (3,) [? 8 5]");
    KNOWN(two(g, "divide", s, five, NULL, 0), "float32 (3,) [? 1.600000023841858 1]");
    /* The last bit of these is the instruction set's. */
    KNOWN(one(g, "exp", f, NULL, 0), "float32 (3,)");
    KNOWN(two(g, "pow", f, half, NULL, 0), "float32 (3,)");
    KNOWN(two(g, "pow", s, five, NULL, 0), "int64 (3,) [? 32768 3125]");

    neap_node *square =
        whole(g, NEAP_INT32, 2, LIST(2, 2), (const int32_t[]){1, 2, 3, 4});
    neap_node *row = whole(g, NEAP_INT32, 1, LIST(2), (const int32_t[]){10, 0});
    KNOWN(two(g, "add", square, row, NULL, 0), "int32 (2, 2) [11 2 13 4]");
    KNOWN(two(g, "floor_divide", square, row, NULL, 0), "int32 (2, 2) [0 ? 0 ?]");
    KNOWN(one(g, "transpose", square, NULL, 0), "int32 (2, 2)");
    neap_node *top = whole(g, NEAP_UINT64, 1, LIST(2), (const uint64_t[]){UINT64_MAX, 3});
    neap_node *wrapped = two(g, "add", top, top, NULL, 0);
    CHECK(neap__element_unsigned(NEAP_UINT64, neap__known_element(wrapped->fact.known, 0),
                                 0) == UINT64_MAX - 1);

    /* Up to 1,024 elements; one element stands for all where they are equal. */
    static int64_t many[NEAP__KNOWN + 1];
    for (int i = 0; i <= NEAP__KNOWN; i++)
        many[i] = i;
    neap_node *most = whole(g, NEAP_INT64, 1, LIST(NEAP__KNOWN), many);
    neap_node *more = whole(g, NEAP_INT64, 1, LIST(NEAP__KNOWN + 1), many);
    neap_node *sum = two(g, "add", most, five, NULL, 0);
    CHECK(neap__known_all(sum->fact.known) && sum->fact.known->count == NEAP__KNOWN);
    for (int i = 0; i < NEAP__KNOWN; i++)
        CHECK(neap__known_integer(sum->fact.known, i) == i + 5);
    CHECK(!more->fact.known && !two(g, "add", more, five, NULL, 0)->fact.known);
    const neap_attribute last[] = {INTS("begin", NEAP__KNOWN - 2), INTS("size", 2)};
    KNOWN(one(g, "slice", most, last, 2), "int64 (2,) [1022 1023]");
    const neap_attribute dims = INTS("shape", 20, 50);
    neap_node *ones = neap_build(g, "ones", NULL, 0, &dims, 1, NULL, NULL, 0, NULL);
    CHECK(ones->fact.known && ones->fact.known->uniform &&
          ones->fact.known->count == 1000);
    const neap_attribute flat = INTS("shape", -1);
    neap_node *hundred = one(g, "reshape", ones, &flat, 1);
    const neap_attribute few[] = {INTS("begin", 700), INTS("size", 2)};
    KNOWN(one(g, "slice", two(g, "add", hundred, half, NULL, 0), few, 2),
          "float32 (2,) [1.5 1.5]");
    /* A list whose 70th element is open: that is told word by word. */
    const neap_attribute axis = INT("axis", 0),
                         begin[] = {INTS("begin", 0), INTS("size", 1)};
    const neap_attribute seventy[] = {INTS("begin", 0), INTS("size", 70)};
    neap_node *list = two(g, "concat", one(g, "slice", most, seventy, 2), s, &axis, 1);
    CHECK(!neap__known_all(list->fact.known) && !neap__knows(list->fact.known, 70) &&
          neap__knows(list->fact.known, 71) &&
          neap__known_integer(list->fact.known, 71) == 8);
    const neap_attribute near[] = {INTS("begin", 68), INTS("size", 4)};
    KNOWN(one(g, "slice", list, near, 2), "int64 (4,) [68 69 ? 8]");
    KNOWN(one(g, "slice", list, begin, 2), "int64 (1,) [0]");
    neap_graph_free(g);
}

/* ---- Products ---------------------------------------------------------------------- */

static void spec_products(void)
{
    neap_graph *g = neap_graph_new(NULL);
    const neap_attribute flags[] = {FLAG("transpose_b")};
    neap__gemm m;
    neap_node *a = input(g, "7 1 2 3"), *b = input(g, "6 5 3");
    neap_node *y = two(g, "matmul", a, b, flags, 1);
    neap__matmul_fix(y, &a->fact, &b->fact, &y->fact, &m);
    CHECK(m.m == 2 && m.n == 5 && m.k == 3 && m.lda == 3 && m.ldb == 3 &&
          !m.transpose_a && m.transpose_b);
    CHECK(m.batch == 42 && m.batch_rank == 2 && m.batch_dims[0] == 7 &&
          m.batch_dims[1] == 6);
    CHECK(m.a_strides[0] == 6 && m.a_strides[1] == 0 && m.b_strides[0] == 0 &&
          m.b_strides[1] == 15);
    neap__matmul_fold(&m);
    CHECK(m.batch == 42 && m.m == 2);

    a = input(g, "7 6 2 3"), b = input(g, "3 5");
    y = two(g, "matmul", a, b, NULL, 0);
    neap__matmul_fix(y, &a->fact, &b->fact, &y->fact, &m);
    CHECK(m.batch == 42 && m.m == 2);
    neap__matmul_fold(&m);
    CHECK(m.batch == 1 && m.batch_rank == 0 && m.m == 84 && m.n == 5 && m.k == 3);

    a = input(g, "3"), b = input(g, "3");
    y = two(g, "matmul", a, b, NULL, 0);
    neap__matmul_fix(y, &a->fact, &b->fact, &y->fact, &m);
    CHECK(m.m == 1 && m.n == 1 && m.k == 3 && m.lda == 3 && m.ldb == 1 && m.batch == 1);
    neap_graph_free(g);
}

int main(void)
{
    spec_descriptors();
    spec_inference();
    spec_errors();
    spec_updates();
    spec_known();
    spec_known_numbers();
    spec_products();
    return check_report();
}
