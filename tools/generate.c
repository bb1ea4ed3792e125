/* generate.c - the C builders, printed from the descriptors.
 *
 *   generate header      the prototypes, for the generated section of neap.h
 *   generate builders    src/ops/builders.c
 *
 * A builder takes the graph, the inputs, the required attributes, where there are
 * several results an array for them, and the error. Operations that are special or
 * internal have none. */
#include "neap.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 90

/* ---- Lines of at most WIDTH columns ---------------------------------------------- */

typedef struct line {
    int column, indent;
} line;

/* One item of a list that is broken before what does not fit, under the list's
 * beginning. */
static void put_item(line *l, const char *item, const char *end)
{
    int length = (int)(strlen(item) + strlen(end));
    if (l->column > l->indent) {
        if (l->column + 1 + length > WIDTH) {
            printf("\n%*s", l->indent, "");
            l->column = l->indent;
        } else {
            putchar(' ');
            l->column++;
        }
    }
    printf("%s%s", item, end);
    l->column += length;
}

static void put_comment(const char *doc)
{
    int column = printf("/* ");
    for (const char *word = doc; *word;) {
        int length = (int)strcspn(word, " ");
        bool last = !word[length];
        if (column > 3 && column + 1 + length + (last ? 3 : 0) > WIDTH) {
            printf("\n * ");
            column = 3;
        } else if (column > 3) {
            column += printf(" ");
        }
        column += printf("%.*s", length, word);
        word += length + (last ? 0 : 1);
    }
    printf(" */\n");
}

/* ---- Signatures ------------------------------------------------------------------ */

typedef struct input {
    char name[64];
    bool optional, sequence;
} input;

/* The next word of a signature; false at its end. */
static bool next_input(const char **signature, input *in)
{
    const char *s = *signature;
    if (!*s)
        return false;
    size_t length = strcspn(s, " ");
    in->optional = *s == '[';
    const char *word = s + in->optional;
    size_t name = strcspn(word, " .]");
    in->sequence = word[name] == '.';
    snprintf(in->name, sizeof in->name, "%.*s", (int)name, word);
    *signature = s + length + strspn(s + length, " ");
    return true;
}

static bool has_builder(const neap_op_info *op)
{
    return !(op->flags & (NEAP_OP_SPECIAL | NEAP_OP_INTERNAL));
}

static bool is_required(const neap_attribute_info *a)
{
    return a->flags & NEAP_ATTRIBUTE_REQUIRED;
}

static bool several_results(const neap_op_info *op)
{
    return op->results && strchr(op->results, ' ');
}

/* What a kind of attribute is in C: the parameter's type, and the function that wraps
 * it. */
static const struct {
    const char *type, *wrap;
} kinds[] = {
    [NEAP_KIND_INT] = {"int64_t ", "neap_attribute_int"},
    [NEAP_KIND_FLOAT] = {"double ", "neap_attribute_float"},
    [NEAP_KIND_BOOL] = {"int ", "neap_attribute_bool"},
    [NEAP_KIND_STRING] = {"const char *", "neap_attribute_string"},
    [NEAP_KIND_DTYPE] = {"neap_dtype ", "neap_attribute_dtype"},
    [NEAP_KIND_INTS] = {"const int64_t *", "neap_attribute_ints"},
    [NEAP_KIND_TENSOR] = {"neap_tensor *", "neap_attribute_tensor"},
    [NEAP_KIND_NODE] = {"neap_node *", "neap_attribute_node"},
};

static void put_prototype(const neap_op_info *op, const char *before, const char *end)
{
    char item[160];
    line l;
    l.column = l.indent = printf("%sneap_node *neap_%s(", before, op->name);
    put_item(&l, "neap_graph *g", ",");
    const char *signature = op->inputs;
    for (input in; next_input(&signature, &in);) {
        if (in.optional)
            continue;
        snprintf(item, sizeof item,
                 in.sequence ? "neap_node *const *%s" : "neap_node *%s", in.name);
        put_item(&l, item, ",");
        if (in.sequence) {
            snprintf(item, sizeof item, "size_t %s_count", in.name);
            put_item(&l, item, ",");
        }
    }
    for (size_t i = 0; i < op->attribute_count; i++) {
        const neap_attribute_info *a = &op->attributes[i];
        if (!is_required(a))
            continue;
        snprintf(item, sizeof item, "%s%s", kinds[a->kind].type, a->name);
        put_item(&l, item, ",");
        if (a->kind == NEAP_KIND_INTS) {
            snprintf(item, sizeof item, "size_t %s_count", a->name);
            put_item(&l, item, ",");
        }
    }
    if (several_results(op))
        put_item(&l, "neap_node *out[]", ",");
    put_item(&l, "neap_error *err", end);
    putchar('\n');
}

/* ---- Bodies ---------------------------------------------------------------------- */

/* The array of inputs, as it is given to neap__build_public. */
static bool put_inputs(const neap_op_info *op, char *array, char *count, size_t size)
{
    const char *signature = op->inputs;
    line l = {0, 0};
    int fixed = 0, sequences = 0;
    snprintf(array, size, "NULL");
    snprintf(count, size, "0");
    for (input in; next_input(&signature, &in);) {
        if (in.optional)
            continue;
        if (in.sequence) {
            sequences++;
            snprintf(array, size, "%s", in.name);
            snprintf(count, size, "%s_count", in.name);
        } else {
            fixed++;
        }
    }
    if (!fixed)
        return true;
    if (sequences)
        return false;
    l.column = l.indent = printf("    neap_node *inputs[] = {");
    signature = op->inputs;
    int left = fixed;
    for (input in; next_input(&signature, &in);)
        if (!in.optional)
            put_item(&l, in.name, --left ? "," : "};\n");
    snprintf(array, size, "inputs");
    snprintf(count, size, "%d", fixed);
    return true;
}

static int put_attributes(const neap_op_info *op)
{
    char item[256];
    int total = 0;
    for (size_t i = 0; i < op->attribute_count; i++) {
        const neap_attribute_info *a = &op->attributes[i];
        if (!is_required(a))
            continue;
        if (!total++)
            printf("    neap_attribute attributes[] = {\n");
        bool list = a->kind == NEAP_KIND_INTS;
        snprintf(item, sizeof item, "%s(\"%s\", %s%s%s%s)", kinds[a->kind].wrap, a->name,
                 a->name, list ? ", " : "", list ? a->name : "", list ? "_count" : "");
        printf("        %s,\n", item);
    }
    if (total)
        printf("    };\n");
    return total;
}

static bool put_builder(const neap_op_info *op)
{
    char array[80], count[80], items[4][96];
    putchar('\n');
    put_prototype(op, "", ")");
    printf("{\n");
    if (!put_inputs(op, array, count, sizeof array)) {
        fprintf(stderr, "%s: inputs of their own before a sequence: not served\n",
                op->name);
        return false;
    }
    int attributes = put_attributes(op);
    line l;
    l.column = l.indent = printf("    return neap__build_public(");
    snprintf(items[0], sizeof items[0], "\"neap_%s\"", op->name);
    snprintf(items[1], sizeof items[1], "&neap__op_%s", op->name);
    snprintf(items[2], sizeof items[2], "%d", attributes);
    put_item(&l, "g", ",");
    put_item(&l, items[0], ",");
    put_item(&l, items[1], ",");
    put_item(&l, array, ",");
    put_item(&l, count, ",");
    put_item(&l, attributes ? "attributes" : "NULL", ",");
    put_item(&l, items[2], ",");
    put_item(&l, several_results(op) ? "out" : "NULL", ",");
    put_item(&l, "err", ");");
    printf("\n}\n");
    return true;
}

int main(int argc, char **argv)
{
    bool header = argc == 2 && !strcmp(argv[1], "header");
    if (!header && (argc != 2 || strcmp(argv[1], "builders"))) {
        fprintf(stderr, "usage: generate header|builders\n");
        return 2;
    }
    if (!header)
        printf("/* builders.c - one function for each operation. Generated from the "
               "descriptors by\n"
               " * `make generate`: do not edit. */\n"
               "#include \"ops/ops.h\"\n");
    for (size_t i = 0; i < neap_op_count(); i++) {
        const neap_op_info *op = neap_op_at(i);
        if (!has_builder(op))
            continue;
        if (header) {
            put_comment(op->doc);
            put_prototype(op, "NEAP_API ", ");");
        } else if (!put_builder(op)) {
            return 1;
        }
    }
    return fflush(stdout) ? 1 : 0;
}
