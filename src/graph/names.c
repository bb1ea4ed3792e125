/* names.c - unique names: a table of chains, with a counter at each text that was
 * asked for, so that the millionth "add" is found as fast as the second. */
#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

#define SUFFIX 24 /* room for "_" and any number */

static neap__name **chain(const neap_graph *g, uint32_t hash)
{
    return &g->buckets[hash & (g->bucket_count - 1)];
}

static neap__name *find(const neap_graph *g, const char *text, uint32_t hash)
{
    if (!g->bucket_count)
        return NULL;
    for (neap__name *e = *chain(g, hash); e; e = e->next)
        if (e->hash == hash && !strcmp(e->text, text))
            return e;
    return NULL;
}

static uint32_t hash_of(const char *text, size_t length)
{
    return (uint32_t)neap__hash_bytes(text, length);
}

/* Twice as many chains, when there are as many names. */
static bool make_room(neap_graph *g, neap_error *err)
{
    if (g->name_count < g->bucket_count)
        return true;
    size_t bytes, count = g->bucket_count ? g->bucket_count * 2 : 64;
    neap__name **old = g->buckets;
    size_t old_count = g->bucket_count;
    if (!neap__mul_size(count, sizeof *old, &bytes)) {
        neap__fail(err, NEAP_ELIMIT, "too many names");
        return false;
    }
    neap__name **fresh = neap__alloc_zero(g->account, bytes, NEAP_MEMORY_NODE, err);
    if (!fresh)
        return false;
    g->buckets = fresh;
    g->bucket_count = count;
    for (size_t i = 0; i < old_count; i++)
        for (neap__name *e = old[i], *next; e; e = next) {
            next = e->next;
            e->next = *chain(g, e->hash);
            *chain(g, e->hash) = e;
        }
    neap__free(g->account, old, old_count * sizeof *old, NEAP_MEMORY_NODE);
    return true;
}

static neap__name *add(neap_graph *g, const char *text, size_t length, uint32_t hash,
                       neap_error *err)
{
    if (!make_room(g, err))
        return NULL;
    neap__name *e = neap__arena_alloc(&g->arena, sizeof *e + length + 1, err);
    if (!e)
        return NULL;
    memcpy(e->text, text, length + 1);
    e->hash = hash;
    e->next = *chain(g, hash);
    *chain(g, hash) = e;
    g->name_count++;
    return e;
}

neap__name *neap__name_take(neap_graph *g, const char *text, neap__name **base,
                            neap_error *err)
{
    char whole[NEAP__NAME_SIZE + SUFFIX];
    size_t length = strlen(text), scope = g->frames ? g->frames->scope_length : 0,
           begin = 0;
    *base = NULL;
    if (!length) {
        neap__fail(err, NEAP_EARG, "a name may not be empty");
        return NULL;
    }
    if (length > NEAP__NAME_SIZE || (scope && length + scope + 1 > NEAP__NAME_SIZE)) {
        neap__fail(err, NEAP_ELIMIT, "a name may have %d bytes at most with its scopes",
                   NEAP__NAME_SIZE);
        return NULL;
    }
    if (scope) {
        memcpy(whole, g->frames->scope, scope);
        whole[scope] = '/';
        begin = scope + 1;
    }
    memcpy(whole + begin, text, length + 1);
    length += begin;

    uint32_t hash = hash_of(whole, length);
    neap__name *first = find(g, whole, hash);
    if (!first)
        return add(g, whole, length, hash, err);
    size_t total;
    do {
        total = length + (size_t)snprintf(whole + length, SUFFIX, "_%u", ++first->used);
        hash = hash_of(whole, total);
    } while (find(g, whole, hash));
    *base = first;
    return add(g, whole, total, hash, err);
}

void neap__name_drop(neap_graph *g, neap__name *name, neap__name *base)
{
    neap__name **link = chain(g, name->hash);
    while (*link != name)
        link = &(*link)->next;
    *link = name->next;
    g->name_count--;
    /* The counter goes back if no other name was taken since, so that nothing shows. */
    if (base) {
        char text[NEAP__NAME_SIZE + SUFFIX];
        snprintf(text, sizeof text, "%s_%u", base->text, base->used);
        if (!strcmp(text, name->text))
            base->used--;
    }
}

neap_node *neap_graph_node(const neap_graph *g, const char *name)
{
    if (!g || !name)
        return NULL;
    const neap__name *e = find(g, name, hash_of(name, strlen(name)));
    return e ? e->node : NULL;
}
