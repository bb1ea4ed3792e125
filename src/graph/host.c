/* host.c - the operations that a host registered on a graph: descriptors of its own. */
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

int neap__host_add(neap_graph *g, const neap__op *like, const neap_op *host,
                   neap_error *err)
{
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
    added->op = *like;
    added->op.info.name = name;
    added->op.info.doc = doc;
    added->op.info.inputs = inputs;
    added->op.info.results = results;
    added->op.info.flags = host->gradient ? NEAP_OP_GRADIENT : NEAP_OP_NO_GRADIENT;
    added->op.differentiable = host->gradient ? NEAP__GRADIENT_SOME : NEAP__GRADIENT_NONE;
    added->op.host = &added->host;
    added->host = *host;
    added->host.name = name;
    added->host.doc = doc;
    added->host.inputs = inputs;
    if (!g->host_chains)
        g->host_chains =
            neap__arena_array(&g->arena, NEAP__HOST_CHAINS, sizeof *g->host_chains, err);
    if (!g->host_chains)
        return NEAP_ENOMEM;
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
    for (neap__host_op *h = g->host_ops; h; h = h->next)
        if (h->host.release)
            h->host.release(h->host.user);
    g->host_ops = NULL;
}
