/* attributes.c - what is given to an operation, checked against its schema and
 * converted to the kinds that the schema says. Messages come without operation and
 * node, which neap__build puts before. */
#include "graph/graph.h"

#include <math.h>
#include <string.h>

/* ---- What a row takes ------------------------------------------------------------ */

static const char *const kinds[] = {
    [NEAP_KIND_NONE] = "nothing",    [NEAP_KIND_INT] = "an integer",
    [NEAP_KIND_FLOAT] = "a number",  [NEAP_KIND_BOOL] = "a boolean",
    [NEAP_KIND_STRING] = "a string", [NEAP_KIND_DTYPE] = "a dtype",
    [NEAP_KIND_INTS] = "integers",   [NEAP_KIND_TENSOR] = "a tensor",
    [NEAP_KIND_NODE] = "a node",     [NEAP_KIND_FLOATS] = "numbers",
    [NEAP_KIND_PAIRS] = "pairs",     [NEAP_KIND_BODY] = "a function",
};

static bool known_kind(neap_attribute_kind kind)
{
    return (unsigned)kind <= NEAP_KIND_BODY;
}

static bool takes(const neap_attribute_info *row, neap_attribute_kind kind)
{
    return neap_attribute_takes(row, kind);
}

/* The words for what a row takes, in the order in which they are told. */
#define WORDS 12
static int words_of(const neap_attribute_info *row, const char *words[WORDS])
{
    const bool real = takes(row, NEAP_KIND_FLOAT) || takes(row, NEAP_KIND_FLOATS);
    const bool whole = takes(row, NEAP_KIND_INT) || takes(row, NEAP_KIND_INTS);
    int count = 0;
    if (real || whole)
        words[count++] = real ? "a number" : "an integer";
    if (takes(row, NEAP_KIND_INTS))
        words[count++] = row->flags & NEAP_ATTRIBUTE_OPEN
                             ? "a sequence of integers (false: no bound)"
                             : "a sequence of integers";
    if (takes(row, NEAP_KIND_FLOATS))
        words[count++] = "a sequence of numbers";
    if (takes(row, NEAP_KIND_PAIRS))
        words[count++] = row->flags & NEAP_ATTRIBUTE_TWO_LISTS
                             ? "two sequences of integers"
                             : "a sequence of pairs of integers";
    if (takes(row, NEAP_KIND_BOOL))
        words[count++] = "a boolean";
    if (takes(row, NEAP_KIND_STRING))
        words[count++] = row->choices ? row->choices : "a string";
    if (takes(row, NEAP_KIND_DTYPE))
        words[count++] = "the name of a dtype";
    if (takes(row, NEAP_KIND_TENSOR))
        words[count++] = "a value";
    if (takes(row, NEAP_KIND_BODY))
        words[count++] = "a function";
    if (takes(row, NEAP_KIND_NODE))
        words[count++] = "a node";
    return count;
}

/* a|b|c as "a", "b" or "c". */
static void text_choices(neap__text *t, const char *choices, bool last)
{
    for (const char *c = choices; *c;) {
        size_t length = strcspn(c, "|");
        const bool ends = !c[length];
        if (c != choices)
            neap__text_add(t, ends && last ? " or " : ", ");
        neap__text_add(t, "\"%.*s\"", (int)length, c);
        c += length + (ends ? 0 : 1);
    }
}

static void text_row(neap__text *t, const neap_attribute_info *row)
{
    const char *words[WORDS];
    const int count = words_of(row, words);
    for (int i = 0; i < count; i++) {
        const bool last = i == count - 1;
        if (i)
            neap__text_add(t, last ? " or " : ", ");
        if (words[i] == row->choices)
            text_choices(t, words[i], last && !i);
        else
            neap__text_add(t, "%s", words[i]);
    }
}

size_t neap_attribute_text(const neap_attribute_info *row, char *text, size_t size)
{
    neap__text t = neap__text_over(text, size);
    if (row)
        text_row(&t, row);
    return t.length;
}

static int wrong_kind(const neap_attribute_info *row, const neap_attribute *given,
                      neap_error *err)
{
    char expected[256];
    neap_attribute_text(row, expected, sizeof expected);
    return neap__fail(err, NEAP_ETYPE, "attribute \"%s\": %s expected, got %s", row->name,
                      expected, known_kind(given->kind) ? kinds[given->kind] : "?");
}

/* ---- Conversions ----------------------------------------------------------------- */

/* 3.0 stands for 3; 3.5, NaN and what no int64 holds do not stand for integers. */
static int integral(const neap_attribute_info *row, double number, int64_t *out,
                    neap_error *err)
{
    if (number >= -0x1p63 && number < 0x1p63 && number == floor(number)) {
        *out = (int64_t)number;
        return NEAP_OK;
    }
    char data[40];
    neap__text text = neap__text_over(data, sizeof data);
    neap__text_number(&text, number, -1);
    bool range = !(fabs(number) < 0x1p63);
    return neap__fail(err, range ? NEAP_ERANGE : NEAP_EARG,
                      "attribute \"%s\": %s is not an integer", row->name, data);
}

static bool among(const char *choices, const char *text)
{
    size_t length = strlen(text);
    for (const char *c = choices; c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
        if (!strncmp(c, text, length) && (c[length] == '|' || !c[length]))
            return true;
    return false;
}

static int set_string(neap_graph *g, neap__value *v, const neap_attribute_info *row,
                      const neap_attribute *given, neap_error *err)
{
    char quoted[NEAP__QUOTED_SIZE], expected[256];
    if (row->choices && !among(row->choices, given->string)) {
        neap__text t = neap__text_over(expected, sizeof expected);
        text_choices(&t, row->choices, true);
        return neap__fail(err, NEAP_EARG, "attribute \"%s\": %s expected, got \"%s\"",
                          row->name, expected, neap__quoted(quoted, given->string));
    }
    v->string = neap__arena_string(&g->arena, given->string, strlen(given->string), err);
    return v->string ? NEAP_OK : NEAP_ENOMEM;
}

static int set_dtype(neap__value *v, const neap_attribute_info *row,
                     const neap_attribute *given, neap_error *err)
{
    char quoted[NEAP__QUOTED_SIZE];
    if (given->kind == NEAP_KIND_STRING) {
        v->integer = neap_dtype_of(given->string);
        if (v->integer == NEAP_DTYPE_NONE)
            return neap__fail(err, NEAP_EDTYPE, "attribute \"%s\": \"%s\" is not a dtype",
                              row->name, neap__quoted(quoted, given->string));
    } else {
        v->integer = given->integer;
    }
    bool number = v->integer > NEAP_DTYPE_NONE && v->integer < NEAP__DTYPES;
    neap_dtype dtype = number ? (neap_dtype)v->integer : NEAP_DTYPE_NONE;
    if (!neap_dtype_size(dtype))
        return neap__fail(err, NEAP_EDTYPE, "attribute \"%s\": dtype %s is not supported",
                          row->name,
                          number ? neap_dtype_name(dtype) : "number out of range");
    return NEAP_OK;
}

/* Room for a list of `count` in the graph's arena; never of nothing. */
static void *list(neap_graph *g, neap__value *v, size_t count, size_t width,
                  neap_error *err)
{
    v->count = count;
    return neap__arena_array(&g->arena, count ? count : 1, width, err);
}

/* The i-th number of what was given, which may be one number. */
static double number_at(const neap_attribute *given, size_t i)
{
    switch (given->kind) {
    case NEAP_KIND_INT:
        return (double)given->integer;
    case NEAP_KIND_FLOAT:
        return given->number;
    case NEAP_KIND_INTS:
        return (double)given->integers[i];
    default:
        return given->numbers[i];
    }
}

static size_t count_of(const neap_attribute *given)
{
    return given->kind == NEAP_KIND_INTS || given->kind == NEAP_KIND_FLOATS ? given->count
                                                                            : 1;
}

static int set_integers(neap_graph *g, neap__value *v, const neap_attribute_info *row,
                        const neap_attribute *given, neap_error *err)
{
    const size_t count = count_of(given);
    int64_t *to = list(g, v, count, sizeof *to, err);
    int code = to ? NEAP_OK : NEAP_ENOMEM;
    for (size_t i = 0; i < count && !code; i++) {
        if (given->kind == NEAP_KIND_INT)
            to[i] = given->integer;
        else if (given->kind == NEAP_KIND_INTS)
            to[i] = given->integers[i];
        else
            code = integral(row, number_at(given, i), &to[i], err);
    }
    v->integers = to;
    return code;
}

static int set_numbers(neap_graph *g, neap__value *v, const neap_attribute *given,
                       neap_error *err)
{
    const size_t count = count_of(given);
    double *to = list(g, v, count, sizeof *to, err);
    for (size_t i = 0; i < count && to; i++)
        to[i] = number_at(given, i);
    v->numbers = to;
    return to ? NEAP_OK : NEAP_ENOMEM;
}

static int set_pairs(neap_graph *g, neap__value *v, const neap_attribute *given,
                     neap_error *err)
{
    neap_pair *to = list(g, v, given->count, sizeof *to, err);
    if (to && given->count)
        memcpy(to, given->pairs, given->count * sizeof *to);
    v->pairs = to;
    return to ? NEAP_OK : NEAP_ENOMEM;
}

/* A node given as an attribute: integers for a row that may be a node, else a
 * variable's initial value. */
static int set_node(neap_node *n, neap__value *v, const neap_attribute_info *row,
                    const neap_attribute *given, neap_error *err)
{
    char text[NEAP__NODE_SIZE];
    neap_node *node = given->node;
    v->kind = NEAP_KIND_NODE;
    v->input = -1;
    if (node->graph != n->graph)
        return neap__fail(err, NEAP_ESTATE,
                          "attribute \"%s\" is %s, a node of another graph", row->name,
                          neap__node_text(text, node));
    if (node->fact.dtype == NEAP_DTYPE_NONE)
        return neap__fail(err, NEAP_ETYPE, "attribute \"%s\": %s has no value", row->name,
                          neap__node_text(text, node));
    if (row->kind == NEAP_KIND_NODE) { /* it is no input */
        n->initial = node;
        return NEAP_OK;
    }
    if (!(NEAP__BIT(node->fact.dtype) & NEAP__INDEX))
        return neap__fail(err, NEAP_EDTYPE,
                          "attribute \"%s\": a node of int32 or int64 expected, got %s",
                          row->name, neap_dtype_name(node->fact.dtype));
    v->input = (int)n->input_count;
    n->inputs[n->input_count++] = node;
    return NEAP_OK;
}

/* The kinds that a given one may become, the most exact first. */
static const neap_attribute_kind becomes[][5] = {
    [NEAP_KIND_NONE] = {NEAP_KIND_NONE},
    [NEAP_KIND_INT] = {NEAP_KIND_INT, NEAP_KIND_FLOAT, NEAP_KIND_INTS, NEAP_KIND_FLOATS},
    [NEAP_KIND_FLOAT] = {NEAP_KIND_FLOAT, NEAP_KIND_INT, NEAP_KIND_FLOATS,
                         NEAP_KIND_INTS},
    [NEAP_KIND_BOOL] = {NEAP_KIND_BOOL},
    [NEAP_KIND_STRING] = {NEAP_KIND_STRING, NEAP_KIND_DTYPE},
    [NEAP_KIND_DTYPE] = {NEAP_KIND_DTYPE},
    [NEAP_KIND_INTS] = {NEAP_KIND_INTS, NEAP_KIND_FLOATS},
    [NEAP_KIND_TENSOR] = {NEAP_KIND_TENSOR},
    [NEAP_KIND_NODE] = {NEAP_KIND_NODE},
    [NEAP_KIND_FLOATS] = {NEAP_KIND_FLOATS, NEAP_KIND_INTS},
    [NEAP_KIND_PAIRS] = {NEAP_KIND_PAIRS},
    [NEAP_KIND_BODY] = {NEAP_KIND_BODY},
};

static neap_attribute_kind kind_for(const neap_attribute_info *row,
                                    neap_attribute_kind given)
{
    if (!known_kind(given))
        return NEAP_KIND_NONE;
    const neap_attribute_kind *kind = becomes[given];
    while (*kind != NEAP_KIND_NONE && !takes(row, *kind))
        kind++;
    return *kind;
}

static int set(neap_node *n, neap__value *v, const neap_attribute_info *row,
               const neap_attribute *given, neap_error *err)
{
    v->kind = kind_for(row, given->kind);
    switch (v->kind) {
    case NEAP_KIND_INT:
        if (given->kind == NEAP_KIND_FLOAT)
            return integral(row, given->number, &v->integer, err);
        v->integer = given->integer;
        return NEAP_OK;
    case NEAP_KIND_FLOAT:
        v->number = number_at(given, 0);
        return NEAP_OK;
    case NEAP_KIND_BOOL:
        v->integer = given->integer != 0;
        return NEAP_OK;
    case NEAP_KIND_STRING:
        return set_string(n->graph, v, row, given, err);
    case NEAP_KIND_DTYPE:
        return set_dtype(v, row, given, err);
    case NEAP_KIND_INTS:
        return set_integers(n->graph, v, row, given, err);
    case NEAP_KIND_FLOATS:
        return set_numbers(n->graph, v, given, err);
    case NEAP_KIND_PAIRS:
        return set_pairs(n->graph, v, given, err);
    case NEAP_KIND_TENSOR:
        v->tensor = given->tensor;
        return NEAP_OK;
    case NEAP_KIND_NODE:
        return set_node(n, v, row, given, err);
    case NEAP_KIND_BODY:
        v->body = given->body;
        return NEAP_OK;
    case NEAP_KIND_NONE:
        break;
    }
    return wrong_kind(row, given, err);
}

/* ---- All of a node --------------------------------------------------------------- */

static int unknown(const neap_op_info *info, const neap_attribute *given, neap_error *err)
{
    char quoted[NEAP__QUOTED_SIZE], names[256];
    neap__text text = neap__text_over(names, sizeof names);
    for (size_t i = 0; i < info->attribute_count; i++)
        neap__text_add(&text, "%s%s", i ? ", " : "", info->attributes[i].name);
    return neap__fail(err, NEAP_EARG, "unknown attribute \"%s\"; it has %s",
                      neap__quoted(quoted, given->name), text.length ? names : "none");
}

int neap__attribute_whole(const neap_attribute *given, const char *name, neap_error *err)
{
    char quoted[NEAP__QUOTED_SIZE];
    bool missing = (given->kind == NEAP_KIND_STRING && !given->string) ||
                   (given->kind == NEAP_KIND_INTS && given->count && !given->integers) ||
                   (given->kind == NEAP_KIND_FLOATS && given->count && !given->numbers) ||
                   (given->kind == NEAP_KIND_PAIRS && given->count && !given->pairs) ||
                   (given->kind == NEAP_KIND_TENSOR && !given->tensor) ||
                   (given->kind == NEAP_KIND_BODY && !given->body) ||
                   (given->kind == NEAP_KIND_NODE && !given->node);
    if (missing)
        return neap__fail(err, NEAP_EARG, "attribute \"%s\": %s expected, got NULL",
                          neap__quoted(quoted, name), kinds[given->kind]);
    return NEAP_OK;
}

/* What can be said of a given attribute before its row is looked at. */
static int well_formed(const neap_attribute *given, neap_error *err)
{
    if (!given->name)
        return neap__fail(err, NEAP_EARG, "an attribute's name is NULL");
    return neap__attribute_whole(given, given->name, err);
}

int neap__attributes_set(neap_node *n, neap__value *values, const neap_attribute *given,
                         size_t count, neap_error *err)
{
    const neap_op_info *info = &n->op->info;
    int code = NEAP_OK;
    n->attributes = values;
    for (size_t i = 0; i < count && !code; i++) {
        code = well_formed(&given[i], err);
        if (code || given[i].kind == NEAP_KIND_NONE)
            continue;
        size_t r = 0;
        while (r < info->attribute_count &&
               strcmp(info->attributes[r].name, given[i].name))
            r++;
        if (r == info->attribute_count)
            return unknown(info, &given[i], err);
        if (values[r].kind != NEAP_KIND_NONE)
            return neap__fail(err, NEAP_EARG, "attribute \"%s\" is given twice",
                              info->attributes[r].name);
        code = set(n, &values[r], &info->attributes[r], &given[i], err);
    }
    for (size_t r = 0; r < info->attribute_count && !code; r++) {
        const neap_attribute_info *row = &info->attributes[r];
        if (values[r].kind != NEAP_KIND_NONE)
            continue;
        if (row->flags & NEAP_ATTRIBUTE_REQUIRED)
            return neap__fail(err, NEAP_EARG, "attribute \"%s\" is missing", row->name);
        if (row->fallback.kind != NEAP_KIND_NONE)
            code = set(n, &values[r], row, &row->fallback, err);
    }
    return code;
}

const neap__value *neap__attribute(const neap_node *n, const char *name)
{
    static const neap__value absent = {.kind = NEAP_KIND_NONE};
    const neap_op_info *info = &n->op->info;
    for (size_t i = 0; i < info->attribute_count; i++)
        if (!strcmp(info->attributes[i].name, name))
            return &n->attributes[i];
    return &absent;
}

void neap__attributes_keep(const neap_node *n)
{
    for (size_t i = 0; i < n->op->info.attribute_count; i++)
        if (n->attributes[i].kind == NEAP_KIND_TENSOR)
            neap__tensor_keep(n->attributes[i].tensor);
}

void neap__attributes_drop(const neap_node *n)
{
    for (size_t i = 0; i < n->op->info.attribute_count; i++)
        if (n->attributes[i].kind == NEAP_KIND_TENSOR)
            neap_tensor_release(n->attributes[i].tensor);
}

/* ---- Seen from outside ----------------------------------------------------------- */

neap_attribute neap__attribute_of(const neap_node *n, const char *name,
                                  const neap__value *v)
{
    neap_attribute a = neap_attribute_none(name);
    a.kind = v->kind;
    switch (v->kind) {
    case NEAP_KIND_NONE:
        break;
    case NEAP_KIND_INT:
    case NEAP_KIND_BOOL:
    case NEAP_KIND_DTYPE:
        a.integer = v->integer;
        break;
    case NEAP_KIND_FLOAT:
        a.number = v->number;
        break;
    case NEAP_KIND_STRING:
        a.string = v->string;
        break;
    case NEAP_KIND_INTS:
        a.integers = v->integers;
        a.count = v->count;
        break;
    case NEAP_KIND_FLOATS:
        a.numbers = v->numbers;
        a.count = v->count;
        break;
    case NEAP_KIND_PAIRS:
        a.pairs = v->pairs;
        a.count = v->count;
        break;
    case NEAP_KIND_TENSOR:
        a.tensor = v->tensor;
        break;
    case NEAP_KIND_BODY:
        a.body = v->body;
        break;
    case NEAP_KIND_NODE:
        a.node = v->input < 0 ? n->initial : n->inputs[v->input];
        a.integer = v->input < 0 ? -1 : v->input + __builtin_popcount(n->absent);
        break;
    }
    return a;
}

int neap_node_attribute(const neap_node *n, size_t index, neap_attribute *value,
                        neap_error *err)
{
    if (!n || !value)
        return neap__null(err, "neap_node_attribute", n ? "value" : "n");
    neap__clear(err);
    const neap_op_info *info = &n->op->info;
    if (index >= info->attribute_count)
        return neap__fail(err, NEAP_ERANGE, "%s has %zu attributes, no attribute %zu",
                          info->name, info->attribute_count, index);
    *value = neap__attribute_of(n, info->attributes[index].name, &n->attributes[index]);
    return NEAP_OK;
}

/* ---- Compared -------------------------------------------------------------------- */

#define SMALL_TENSOR 256 /* bytes of tensors that are compared by their elements */

static bool equal_tensors(const neap_tensor *a, const neap_tensor *b)
{
    return a == b || (a->dtype == b->dtype && neap__shape_equal(&a->shape, &b->shape) &&
                      a->bytes <= SMALL_TENSOR && !memcmp(a->data, b->data, a->bytes));
}

uint64_t neap__value_hash(uint64_t hash, const neap__value *v)
{
    hash = neap__mix(hash, (uint64_t)v->kind);
    switch (v->kind) {
    case NEAP_KIND_NONE:
    case NEAP_KIND_BODY:
        return hash;
    case NEAP_KIND_INT:
    case NEAP_KIND_FLOAT:
    case NEAP_KIND_BOOL:
    case NEAP_KIND_DTYPE:
        return neap__mix(hash, (uint64_t)v->integer); /* or the bits of `number` */
    case NEAP_KIND_STRING:
        return neap__mix(hash, neap__hash_bytes(v->string, strlen(v->string)));
    case NEAP_KIND_INTS:
    case NEAP_KIND_FLOATS:
        return neap__mix(hash, neap__hash_bytes(v->integers, v->count * sizeof(int64_t)));
    case NEAP_KIND_PAIRS:
        return neap__mix(hash, neap__hash_bytes(v->pairs, v->count * sizeof *v->pairs));
    case NEAP_KIND_TENSOR:
        hash = neap__mix(hash, (uint64_t)v->tensor->dtype);
        return v->tensor->bytes > SMALL_TENSOR
                   ? hash
                   : neap__mix(hash, neap__hash_bytes(v->tensor->data, v->tensor->bytes));
    case NEAP_KIND_NODE:
        return neap__mix(hash, (uint64_t)v->input);
    }
    return hash;
}

bool neap__value_equal(const neap__value *a, const neap__value *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case NEAP_KIND_NONE:
        return true;
    case NEAP_KIND_INT:
    case NEAP_KIND_FLOAT:
    case NEAP_KIND_BOOL:
    case NEAP_KIND_DTYPE:
        return a->integer == b->integer; /* or the bits of `number` */
    case NEAP_KIND_STRING:
        return !strcmp(a->string, b->string);
    case NEAP_KIND_INTS:
    case NEAP_KIND_FLOATS:
        return a->count == b->count &&
               !memcmp(a->integers, b->integers, a->count * sizeof(int64_t));
    case NEAP_KIND_PAIRS:
        return a->count == b->count &&
               !memcmp(a->pairs, b->pairs, a->count * sizeof *a->pairs);
    case NEAP_KIND_TENSOR:
        return equal_tensors(a->tensor, b->tensor);
    case NEAP_KIND_NODE:
        return a->input == b->input;
    case NEAP_KIND_BODY:
        return a->body == b->body;
    }
    return false;
}
