/* withdraw.c - the last node of a graph is taken back. */
#include "graph/graph.h"

#include <string.h>

static neap__name *entry(const neap_graph *g, const char *text, size_t length)
{
    uint32_t hash = (uint32_t)neap__hash_bytes(text, length);
    for (neap__name *e = g->buckets[hash & (g->bucket_count - 1)]; e; e = e->next) {
        if (e->hash == hash && !strncmp(e->text, text, length) && !e->text[length])
            return e;
    }
    return NULL;
}

/* The name goes, and its number if it has one ("constant_1"): the next node gets the
 * same. */
static void drop_name(neap_graph *g, const char *name)
{
    const char *number = strrchr(name, '_');
    neap__name *base = NULL;
    if (number && number[1])
        base = entry(g, name, (size_t)(number - name));
    neap__name_drop(g, entry(g, name, strlen(name)), base);
}

int neap_graph_withdraw(neap_graph *g, neap_node *n)
{
    if (!g || !n || !g->node_count || g->nodes[g->node_count - 1] != n ||
        n->consumer_count || n->op->list != NEAP_OPERATIONS)
        return 0;
    g->node_count--;
    for (uint32_t i = 0; i < n->input_count; i++) {
        neap_node *x = n->inputs[i];
        if (x->consumer_count && x->consumers[x->consumer_count - 1] == n)
            x->consumer_count--;
    }
    neap__attributes_drop(n);
    drop_name(g, n->name);
    return 1;
}
