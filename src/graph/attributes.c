/* attributes.c - what is given to an operation, checked against its schema and
 * converted to the kinds that the schema says. Messages come without operation and
 * node, which neap__build puts before. */
#include "graph/graph.h"

#include <math.h>
#include <string.h>

static const char *const kinds[] = {
    [NEAP_KIND_NONE] = "nothing",    [NEAP_KIND_INT] = "an integer",
    [NEAP_KIND_FLOAT] = "a number",  [NEAP_KIND_BOOL] = "a boolean",
    [NEAP_KIND_STRING] = "a string", [NEAP_KIND_DTYPE] = "a dtype",
    [NEAP_KIND_INTS] = "integers",   [NEAP_KIND_TENSOR] = "a tensor",
    [NEAP_KIND_NODE] = "a node",
};

static bool known_kind(neap_attribute_kind kind)
{
    return (unsigned)kind <= NEAP_KIND_NODE;
}

static int wrong_kind(const neap_attribute_info *row, const neap_attribute *given,
                      neap_error *err)
{
    return neap__fail(err, NEAP_ETYPE, "attribute \"%s\": %s expected, got %s", row->name,
                      kinds[row->kind],
                      known_kind(given->kind) ? kinds[given->kind] : "?");
}

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
    char quoted[NEAP__QUOTED_SIZE];
    if (given->kind != NEAP_KIND_STRING)
        return wrong_kind(row, given, err);
    if (row->choices && !among(row->choices, given->string))
        return neap__fail(err, NEAP_EARG, "attribute \"%s\": \"%s\" is not one of %s",
                          row->name, neap__quoted(quoted, given->string), row->choices);
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
    } else if (given->kind == NEAP_KIND_DTYPE) {
        v->integer = given->integer;
    } else {
        return wrong_kind(row, given, err);
    }
    bool number = v->integer > NEAP_DTYPE_NONE && v->integer < NEAP__DTYPES;
    neap_dtype dtype = number ? (neap_dtype)v->integer : NEAP_DTYPE_NONE;
    if (!neap_dtype_size(dtype))
        return neap__fail(err, NEAP_EDTYPE, "attribute \"%s\": dtype %s is not supported",
                          row->name,
                          number ? neap_dtype_name(dtype) : "number out of range");
    return NEAP_OK;
}

static int set_integers(neap_graph *g, neap__value *v, const neap_attribute_info *row,
                        const neap_attribute *given, neap_error *err)
{
    int64_t one = given->integer;
    const int64_t *from = &one;
    size_t count = 1;
    if (given->kind == NEAP_KIND_FLOAT) {
        int code = integral(row, given->number, &one, err);
        if (code)
            return code;
    } else if (given->kind == NEAP_KIND_INTS) {
        from = given->integers;
        count = given->count;
    } else if (given->kind != NEAP_KIND_INT) {
        return wrong_kind(row, given, err);
    }
    int64_t *copy = neap__arena_array(&g->arena, count ? count : 1, sizeof *copy, err);
    if (!copy)
        return NEAP_ENOMEM;
    if (count)
        memcpy(copy, from, count * sizeof *copy);
    v->integers = copy;
    v->count = count;
    return NEAP_OK;
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
    if (row->kind == NEAP_KIND_NODE) {
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

static int set(neap_node *n, neap__value *v, const neap_attribute_info *row,
               const neap_attribute *given, neap_error *err)
{
    v->kind = row->kind;
    if (given->kind == NEAP_KIND_NODE &&
        (row->kind == NEAP_KIND_NODE || row->flags & NEAP_ATTRIBUTE_NODE))
        return set_node(n, v, row, given, err);
    switch (row->kind) {
    case NEAP_KIND_INT:
        if (given->kind == NEAP_KIND_FLOAT)
            return integral(row, given->number, &v->integer, err);
        v->integer = given->integer;
        return given->kind == NEAP_KIND_INT ? NEAP_OK : wrong_kind(row, given, err);
    case NEAP_KIND_FLOAT:
        v->number = given->kind == NEAP_KIND_INT ? (double)given->integer : given->number;
        return given->kind == NEAP_KIND_INT || given->kind == NEAP_KIND_FLOAT
                   ? NEAP_OK
                   : wrong_kind(row, given, err);
    case NEAP_KIND_BOOL:
        v->integer = given->integer != 0;
        return given->kind == NEAP_KIND_BOOL ? NEAP_OK : wrong_kind(row, given, err);
    case NEAP_KIND_STRING:
        return set_string(n->graph, v, row, given, err);
    case NEAP_KIND_DTYPE:
        return set_dtype(v, row, given, err);
    case NEAP_KIND_INTS:
        return set_integers(n->graph, v, row, given, err);
    case NEAP_KIND_TENSOR:
        v->tensor = given->tensor;
        return given->kind == NEAP_KIND_TENSOR ? NEAP_OK : wrong_kind(row, given, err);
    case NEAP_KIND_NODE:
    case NEAP_KIND_NONE:
        break;
    }
    return wrong_kind(row, given, err);
}

static int unknown(const neap_op_info *info, const neap_attribute *given, neap_error *err)
{
    char quoted[NEAP__QUOTED_SIZE], names[256];
    neap__text text = neap__text_over(names, sizeof names);
    for (size_t i = 0; i < info->attribute_count; i++)
        neap__text_add(&text, "%s%s", i ? ", " : "", info->attributes[i].name);
    return neap__fail(err, NEAP_EARG, "unknown attribute \"%s\"; it has %s",
                      neap__quoted(quoted, given->name), text.length ? names : "none");
}

/* What can be said of a given attribute before its row is looked at. */
static int well_formed(const neap_attribute *given, neap_error *err)
{
    char quoted[NEAP__QUOTED_SIZE];
    if (!given->name)
        return neap__fail(err, NEAP_EARG, "an attribute's name is NULL");
    bool missing = (given->kind == NEAP_KIND_STRING && !given->string) ||
                   (given->kind == NEAP_KIND_INTS && given->count && !given->integers) ||
                   (given->kind == NEAP_KIND_TENSOR && !given->tensor) ||
                   (given->kind == NEAP_KIND_NODE && !given->node);
    if (missing)
        return neap__fail(err, NEAP_EARG, "attribute \"%s\": %s expected, got NULL",
                          neap__quoted(quoted, given->name), kinds[given->kind]);
    return NEAP_OK;
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
    const neap__value *v = &n->attributes[index];
    *value = neap_attribute_none(info->attributes[index].name);
    value->kind = v->kind;
    value->integer = v->integer;
    value->number = v->number;
    value->string = v->string;
    value->integers = v->integers;
    value->count = v->count;
    value->tensor = v->tensor;
    if (v->kind == NEAP_KIND_NODE)
        value->node = v->input < 0 ? n->initial : n->inputs[v->input];
    return NEAP_OK;
}
