/* generate.c - the C builders, printed from the descriptors.
 *
 *   generate header      structs of options and prototypes, for the generated section of
 *                        neap.h
 *   generate builders    src/ops/builders.c: these, and the table of names
 *
 * A builder takes the graph, the inputs, the required attributes, the options where there
 * are any, where there are several results an array for them, and the error. Operations
 * that are special or internal have none. */
#include "base/base.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 90

/* ---- Lines of at most WIDTH columns ---------------------------------------------- */

typedef struct line {
    int column, indent;
    bool macro; /* broken lines end in a backslash */
} line;

/* One item of a list that is broken before what does not fit, under the list's
 * beginning. */
static void put_item(line *l, const char *item, const char *end)
{
    int length = (int)(strlen(item) + strlen(end));
    if (l->column > l->indent) {
        if (l->column + 1 + length > WIDTH - (l->macro ? 2 : 0)) {
            printf("%s\n%*s", l->macro ? " \\" : "", l->indent, "");
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

/* ---- Attributes in C ------------------------------------------------------------- */

/* What a kind of attribute is in C: the type, and the functions that wrap a required one
 * and one of the options. */
static const struct {
    const char *type, *wrap, *option;
    bool list, small; /* small: to be filled up to eight bytes */
} kinds[] = {
    [NEAP_KIND_NONE] = {"neap_attribute ", "neap__option", "neap__option", false, false},
    [NEAP_KIND_INT] = {"int64_t ", "neap_attribute_int", "neap_attribute_int", false,
                       false},
    [NEAP_KIND_FLOAT] = {"double ", "neap_attribute_float", "neap_attribute_float", false,
                         false},
    [NEAP_KIND_BOOL] = {"int ", "neap_attribute_bool", "neap_attribute_bool", false,
                        true},
    [NEAP_KIND_STRING] = {"const char *", "neap_attribute_string", "neap__option_string",
                          false, false},
    [NEAP_KIND_DTYPE] = {"neap_dtype ", "neap_attribute_dtype", "neap__option_dtype",
                         false, true},
    [NEAP_KIND_INTS] = {"const int64_t *", "neap_attribute_ints", "neap__option_ints",
                        true, false},
    [NEAP_KIND_TENSOR] = {"neap_tensor *", "neap_attribute_tensor", "neap__option_tensor",
                          false, false},
    [NEAP_KIND_NODE] = {"neap_node *", "neap_attribute_node", "neap__option_node", false,
                        false},
    [NEAP_KIND_FLOATS] = {"const double *", "neap_attribute_floats",
                          "neap__option_floats", true, false},
    [NEAP_KIND_PAIRS] = {"const neap_pair *", "neap_attribute_pairs",
                         "neap__option_pairs", true, false},
    [NEAP_KIND_BODY] = {"neap_body *", "neap_attribute_body", "neap__option_body", false,
                        false},
};

/* The kind whose C type serves for a row; NEAP_KIND_NONE: a neap_attribute, which can be
 * of any kind or absent. A node in the place of required integers goes through
 * neap_build. */
static neap_attribute_kind c_kind(const neap_attribute_info *a)
{
    bool number = a->kind == NEAP_KIND_INT || a->kind == NEAP_KIND_FLOAT ||
                  a->kind == NEAP_KIND_BOOL || a->kind == NEAP_KIND_DTYPE;
    if (a->also)
        return NEAP_KIND_NONE;
    if (is_required(a))
        return a->kind;
    bool absent = number && a->fallback.kind == NEAP_KIND_NONE;
    return absent || a->flags & NEAP_ATTRIBUTE_NODE ? NEAP_KIND_NONE : a->kind;
}

static bool has_options(const neap_op_info *op)
{
    for (size_t i = 0; i < op->attribute_count; i++)
        if (!is_required(&op->attributes[i]))
            return true;
    return false;
}

static void put_upper(const char *text)
{
    for (; *text; text++)
        putchar(toupper((unsigned char)*text));
}

/* ---- The header ------------------------------------------------------------------ */

/* A default as C writes it. */
static void text_default(const neap_attribute_info *a, char *text, size_t size)
{
    const neap_attribute *value = &a->fallback;
    switch (c_kind(a)) {
    case NEAP_KIND_NONE:
        snprintf(text, size, "NEAP_ATTRIBUTE_INIT");
        break;
    case NEAP_KIND_INT:
    case NEAP_KIND_BOOL:
        snprintf(text, size, "%lld", (long long)value->integer);
        break;
    case NEAP_KIND_FLOAT:
        snprintf(text, size, "%.17g", value->number);
        break;
    case NEAP_KIND_DTYPE:
        snprintf(text, size, "NEAP_%s", neap_dtype_name((neap_dtype)value->integer));
        for (; *text; text++)
            *text = (char)toupper((unsigned char)*text);
        break;
    case NEAP_KIND_STRING:
        if (value->kind == NEAP_KIND_STRING)
            snprintf(text, size, "\"%s\"", value->string);
        else
            snprintf(text, size, "NULL");
        break;
    default:
        snprintf(text, size, kinds[c_kind(a)].list ? "NULL, 0" : "NULL");
    }
}

static void put_init(const neap_op_info *op)
{
    char text[200];
    size_t left = 0;
    printf("#define NEAP_");
    put_upper(op->name);
    printf("_OPTIONS_INIT \\\n");
    for (size_t i = 0; i < op->attribute_count; i++)
        left += !is_required(&op->attributes[i]);
    line l = {4, 5, true};
    l.column = printf("    {sizeof(neap_%s_options),", op->name);
    for (size_t i = 0; i < op->attribute_count; i++) {
        if (is_required(&op->attributes[i]))
            continue;
        text_default(&op->attributes[i], text, sizeof text);
        put_item(&l, text, --left ? "," : "}\n");
    }
}

static void put_options(const neap_op_info *op)
{
    printf("typedef struct neap_%s_options {\n    size_t size;\n", op->name);
    for (size_t i = 0; i < op->attribute_count; i++) {
        const neap_attribute_info *a = &op->attributes[i];
        if (is_required(a))
            continue;
        neap_attribute_kind kind = c_kind(a);
        printf("    %s%s;%s\n", kinds[kind].type, a->name,
               kinds[kind].small ? " int : 32;" : "");
        if (kinds[kind].list)
            printf("    size_t %s_count;\n", a->name);
    }
    printf("} neap_%s_options;\n", op->name);
    put_init(op);
}

/* What is done with each parameter of a builder. */
typedef void parameter(void *context, const char *type, const char *name,
                       const char *end);

/* The parameters between the graph and the options. */
static void each_parameter(const neap_op_info *op, parameter *put, void *context)
{
    char text[160];
    const char *signature = op->inputs;
    for (input in; next_input(&signature, &in);) {
        put(context, in.sequence ? "neap_node *const *" : "neap_node *", in.name, ",");
        if (in.sequence) {
            snprintf(text, sizeof text, "%s_count", in.name);
            put(context, "size_t ", text, ",");
        }
    }
    for (size_t i = 0; i < op->attribute_count; i++) {
        const neap_attribute_info *a = &op->attributes[i];
        if (!is_required(a))
            continue;
        put(context, kinds[c_kind(a)].type, a->name, ",");
        if (kinds[c_kind(a)].list) {
            snprintf(text, sizeof text, "%s_count", a->name);
            put(context, "size_t ", text, ",");
        }
    }
}

static void put_parameter(void *context, const char *type, const char *name,
                          const char *end)
{
    char item[240];
    snprintf(item, sizeof item, "%s%s", type, name);
    put_item(context, item, end);
}

static void put_name(void *context, const char *type, const char *name, const char *end)
{
    (void)type;
    put_item(context, name, end);
}

static void put_prototype(const neap_op_info *op, const char *before, const char *end)
{
    char type[160];
    line l = {0, 0, false};
    l.column = l.indent = printf("%sneap_node *neap_%s(", before, op->name);
    put_item(&l, "neap_graph *g", ",");
    each_parameter(op, put_parameter, &l);
    if (has_options(op)) {
        snprintf(type, sizeof type, "const neap_%s_options *", op->name);
        put_parameter(&l, type, "options", ",");
    }
    if (several_results(op))
        put_item(&l, "neap_node *out[]", ",");
    put_item(&l, "neap_error *err", end);
    putchar('\n');
}

/* The macro by which the options may be left out. */
static void put_macro(const neap_op_info *op)
{
    line l = {0, 0, true};
    l.column = l.indent = printf("#define neap_%s(", op->name);
    put_item(&l, "g", ",");
    each_parameter(op, put_name, &l);
    put_item(&l, "...", ")");
    printf(" \\\n");
    l.column = l.indent = printf("    neap_%s(", op->name);
    put_item(&l, "g", ",");
    each_parameter(op, put_name, &l);
    put_item(&l,
             several_results(op) ? "NEAP__OPTIONS_OUT(__VA_ARGS__)"
                                 : "NEAP__OPTIONS(__VA_ARGS__)",
             ")\n");
}

static void put_header(const neap_op_info *op)
{
    putchar('\n');
    if (has_options(op))
        put_options(op);
    put_comment(op->doc);
    put_prototype(op, "NEAP_API ", ");");
    if (has_options(op))
        put_macro(op);
}

/* ---- Bodies ---------------------------------------------------------------------- */

/* The array of inputs, as it is given to neap__build_public. */
static bool put_inputs(const neap_op_info *op, char *array, char *count, size_t size)
{
    const char *signature = op->inputs;
    line l = {0, 0, false};
    int fixed = 0, sequences = 0;
    snprintf(array, size, "NULL");
    snprintf(count, size, "0");
    for (input in; next_input(&signature, &in);) {
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
        put_item(&l, in.name, --left ? "," : "};\n");
    snprintf(array, size, "inputs");
    snprintf(count, size, "%d", fixed);
    return true;
}

static void put_taken_options(const neap_op_info *op)
{
    printf("    neap_%s_options o = NEAP_", op->name);
    put_upper(op->name);
    printf("_OPTIONS_INIT;\n");
    line l = {0, 0, false};
    char name[160];
    l.column = l.indent = printf("    if (!neap__options(");
    put_item(&l, "&o", ",");
    put_item(&l, "sizeof o", ",");
    put_item(&l, "options", ",");
    snprintf(name, sizeof name, "\"neap_%s\"", op->name);
    put_item(&l, name, ",");
    put_item(&l, "err", "))");
    printf("\n        return NULL;\n");
}

static void put_attributes(const neap_op_info *op)
{
    char name[160], text[200];
    if (!op->attribute_count)
        return;
    printf("    neap_attribute attributes[] = {\n");
    for (size_t i = 0; i < op->attribute_count; i++) {
        const neap_attribute_info *a = &op->attributes[i];
        neap_attribute_kind kind = c_kind(a);
        const char *wrap = is_required(a) ? kinds[kind].wrap : kinds[kind].option;
        line l = {0, 0, false};
        snprintf(name, sizeof name, "%s%s", is_required(a) ? "" : "o.", a->name);
        l.column = l.indent = printf("        %s(", wrap);
        snprintf(text, sizeof text, "\"%s\"", a->name);
        put_item(&l, text, ",");
        put_item(&l, name, kinds[kind].list ? "," : "),");
        if (kinds[kind].list) {
            snprintf(text, sizeof text, "%s_count", name);
            put_item(&l, text, "),");
        }
        putchar('\n');
    }
    printf("    };\n");
}

static bool put_builder(const neap_op_info *op)
{
    char array[80], count[80], items[4][96];
    putchar('\n');
    if (has_options(op))
        printf("#undef neap_%s\n", op->name);
    put_prototype(op, "", ")");
    printf("{\n");
    if (!put_inputs(op, array, count, sizeof array)) {
        fprintf(stderr, "%s: inputs of their own before a sequence: not served\n",
                op->name);
        return false;
    }
    if (has_options(op))
        put_taken_options(op);
    put_attributes(op);
    line l = {0, 0, false};
    l.column = l.indent = printf("    return neap__build_public(");
    snprintf(items[0], sizeof items[0], "\"neap_%s\"", op->name);
    snprintf(items[1], sizeof items[1], "&neap__op_%s", op->name);
    snprintf(items[2], sizeof items[2], "%zu", op->attribute_count);
    put_item(&l, "g", ",");
    put_item(&l, items[0], ",");
    put_item(&l, items[1], ",");
    put_item(&l, array, ",");
    put_item(&l, count, ",");
    put_item(&l, op->attribute_count ? "attributes" : "NULL", ",");
    put_item(&l, items[2], ",");
    put_item(&l, several_results(op) ? "out" : "NULL", ",");
    put_item(&l, "err", ");");
    printf("\n}\n");
    return true;
}

/* ---- The table of names ---------------------------------------------------------- */

/* Half of the slots stay free, so that few names are looked at. */
static void put_slots(void)
{
    static const char *slots[1 << 12];
    size_t count = 1, total = neap_op_count();
    while (count < 2 * total)
        count *= 2;
    for (size_t i = 0; i < total; i++) {
        size_t slot = neap__hash_name(neap_op_at(i)->name) & (count - 1);
        while (slots[slot])
            slot = (slot + 1) & (count - 1);
        slots[slot] = neap_op_at(i)->name;
    }
    printf("\nconst size_t neap__op_slot_count = %zu, neap__op_slotted = %zu;\n"
           "const neap__op *const neap__op_slots[%zu] = {\n",
           count, total, count);
    for (size_t i = 0; i < count; i++)
        if (slots[i])
            printf("    [%zu] = &neap__op_%s,\n", i, slots[i]);
    printf("};\n");
}

int main(int argc, char **argv)
{
    bool header = argc == 2 && !strcmp(argv[1], "header");
    if (!header && (argc != 2 || strcmp(argv[1], "builders"))) {
        fprintf(stderr, "usage: generate header|builders\n");
        return 2;
    }
    if (!header)
        printf("/* builders.c - one function for each operation, and the table of their "
               "names.\n"
               " * Generated from the descriptors by `make generate`: do not edit. */\n"
               "#include \"ops/ops.h\"\n"
               "\n/* clang-format off */\n");
    for (size_t i = 0; i < neap_op_count(); i++) {
        const neap_op_info *op = neap_op_at(i);
        if (!has_builder(op))
            continue;
        if (header) {
            put_header(op);
        } else if (!put_builder(op)) {
            return 1;
        }
    }
    if (!header)
        put_slots();
    return fflush(stdout) ? 1 : 0;
}
