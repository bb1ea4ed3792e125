/* host.c - the operations that a host registered on a graph: descriptors of its own, with
 * all that they point to copied into the graph's arena. */
#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

static const char *copy(neap_graph *g, const char *text, neap_error *err)
{
    return neap__arena_string(&g->arena, text ? text : "", text ? strlen(text) : 0, err);
}

/* "y0 y1 …": hosts count their results, descriptors name them. */
static const char *result_names(neap_graph *g, size_t count, neap_error *err)
{
    enum { WORD = 24 };
    size_t bytes, length = 0;
    if (!neap__mul_size(count, WORD, &bytes) || count > UINT16_MAX) {
        neap__fail(err, NEAP_ELIMIT, "an operation of %zu results", count);
        return NULL;
    }
    char *names = neap__arena_alloc(&g->arena, bytes + 1, err);
    for (size_t i = 0; names && i < count; i++)
        length += (size_t)snprintf(names + length, WORD, "%sy%zu", i ? " " : "", i);
    return names;
}

/* ---- Schemas --------------------------------------------------------------------- */

static int bad_row(const neap_attribute_info *row, const char *what, neap_error *err)
{
    char quoted[NEAP__QUOTED_SIZE];
    return neap__fail(err, NEAP_EARG, "attribute \"%s\": %s",
                      neap__quoted(quoted, row->name), what);
}

static bool is_input(const char *inputs, const char *name)
{
    for (neap__input in; neap__next_input(&inputs, &in);)
        if (strlen(name) == in.length && !memcmp(name, in.name, in.length))
            return true;
    return false;
}

/* A row can be given by name and by nothing else, takes something, and takes its own
 * default. */
static int check_row(const neap_op *host, size_t i, neap_error *err)
{
    const unsigned known = (NEAP_KIND_BIT(NEAP_KIND_BODY) << 1) - 1;
    const neap_attribute_info *row = &host->attributes[i];
    const neap_attribute *fallback = &row->fallback;
    if (!row->name || !row->name[0])
        return neap__fail(err, NEAP_EARG, "attribute %zu has no name", i);
    if (!strcmp(row->name, "name") || is_input(host->inputs, row->name))
        return bad_row(row, "that name is taken", err);
    for (size_t k = 0; k < i; k++)
        if (!strcmp(row->name, host->attributes[k].name))
            return bad_row(row, "that name is taken", err);
    if ((unsigned)row->kind > NEAP_KIND_BODY || row->also & ~known ||
        (row->kind == NEAP_KIND_NONE && !row->also))
        return bad_row(row, "it takes no kind that there is", err);
    if (fallback->kind == NEAP_KIND_NONE)
        return NEAP_OK;
    if (row->flags & NEAP_ATTRIBUTE_REQUIRED)
        return bad_row(row, "it is required, and has a default", err);
    if (!neap_attribute_takes(row, fallback->kind) || fallback->kind == NEAP_KIND_NODE ||
        fallback->kind == NEAP_KIND_BODY)
        return bad_row(row, "its default is of no kind that it takes", err);
    return neap__attribute_whole(fallback, row->name, err);
}

/* What a default points to. */
static bool copy_fallback(neap_graph *g, neap_attribute *a, neap_error *err)
{
    const void *from = a->kind == NEAP_KIND_INTS     ? (const void *)a->integers
                       : a->kind == NEAP_KIND_FLOATS ? (const void *)a->numbers
                                                     : (const void *)a->pairs;
    const size_t width = a->kind == NEAP_KIND_PAIRS ? sizeof *a->pairs : sizeof(int64_t);
    if (a->kind == NEAP_KIND_STRING)
        a->string = copy(g, a->string, err);
    if (a->kind == NEAP_KIND_TENSOR)
        neap_tensor_retain(a->tensor);
    if (a->kind == NEAP_KIND_STRING)
        return a->string != NULL;
    if (a->kind != NEAP_KIND_INTS && a->kind != NEAP_KIND_FLOATS &&
        a->kind != NEAP_KIND_PAIRS)
        return true;
    void *to = neap__arena_array(&g->arena, a->count + 1, width, err);
    if (to && a->count)
        memcpy(to, from, a->count * width);
    a->integers = to;
    a->numbers = to;
    a->pairs = to;
    return to != NULL;
}

static void drop_rows(const neap_attribute_info *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].fallback.kind == NEAP_KIND_TENSOR)
            neap_tensor_release(rows[i].fallback.tensor);
}

/* NULL where memory ends; then nothing is held. */
static const neap_attribute_info *copy_rows(neap_graph *g, const neap_op *host,
                                            neap_error *err)
{
    const size_t count = host->attribute_count;
    neap_attribute_info *rows =
        neap__arena_array(&g->arena, count + 1, sizeof *rows, err);
    for (size_t i = 0; rows && i < count; i++) {
        neap_attribute_info row = host->attributes[i];
        row.name = copy(g, row.name, err);
        if (row.choices)
            row.choices = copy(g, row.choices, err);
        row.fallback.name = row.name;
        if (!row.name || (host->attributes[i].choices && !row.choices) ||
            !copy_fallback(g, &row.fallback, err)) {
            drop_rows(rows, i);
            return NULL;
        }
        rows[i] = row;
    }
    return rows;
}

/* ---- Operations ------------------------------------------------------------------ */

int neap__host_add(neap_graph *g, const neap__op *like, const neap_op *host,
                   neap_error *err)
{
    for (size_t i = 0; i < host->attribute_count; i++) {
        int code = check_row(host, i, err);
        if (code) {
            neap__error_prefix(err, "operation \"%s\": ", host->name);
            return code;
        }
    }
    neap__host_op *added = neap__arena_alloc(&g->arena, sizeof *added, err);
    if (!added)
        return NEAP_ENOMEM;
    const char *name = copy(g, host->name, err);
    const char *doc = name ? copy(g, host->doc, err) : NULL;
    const char *inputs = doc ? copy(g, host->inputs, err) : NULL;
    const char *results = NULL;
    if (inputs && host->result_count != 1)
        results = result_names(g, host->result_count, err);
    if (!inputs || (host->result_count != 1 && !results))
        return NEAP_ENOMEM;
    if (!g->host_chains)
        g->host_chains =
            neap__arena_array(&g->arena, NEAP__HOST_CHAINS, sizeof *g->host_chains, err);
    if (!g->host_chains)
        return NEAP_ENOMEM;
    const neap_attribute_info *rows = copy_rows(g, host, err);
    if (!rows) /* the last to fail: rows hold tensors */
        return NEAP_ENOMEM;
    const bool gradient = host->gradient || host->gradient_node;
    added->op = *like;
    added->op.info.name = name;
    added->op.info.doc = doc;
    added->op.info.inputs = inputs;
    added->op.info.results = results;
    added->op.info.attributes = rows;
    added->op.info.attribute_count = host->attribute_count;
    added->op.info.flags = gradient ? NEAP_OP_GRADIENT : NEAP_OP_NO_GRADIENT;
    added->op.differentiable = gradient ? NEAP__GRADIENT_SOME : NEAP__GRADIENT_NONE;
    added->op.host = &added->host;
    added->host = *host;
    added->host.name = name;
    added->host.doc = doc;
    added->host.inputs = inputs;
    added->host.attributes = rows;
    neap__host_op **chain = &g->host_chains[neap__hash_name(name) % NEAP__HOST_CHAINS];
    added->chain = *chain;
    *chain = added;
    added->next = g->host_ops;
    g->host_ops = added;
    return NEAP_OK;
}

const neap__op *neap__host_named(const neap_graph *g, const char *name)
{
    if (!g->host_chains)
        return NULL;
    const neap__host_op *h = g->host_chains[neap__hash_name(name) % NEAP__HOST_CHAINS];
    while (h && strcmp(h->host.name, name))
        h = h->chain;
    return h ? &h->op : NULL;
}

const neap_op_info *neap_graph_op(const neap_graph *g, const char *name)
{
    const neap__op *op = g && name ? neap__host_named(g, name) : NULL;
    return op ? &op->info : NULL;
}

void neap__host_free(neap_graph *g)
{
    for (neap__host_op *h = g->host_ops; h; h = h->next) {
        drop_rows(h->host.attributes, h->host.attribute_count);
        if (h->host.release)
            h->host.release(h->host.user);
    }
    g->host_ops = NULL;
}
