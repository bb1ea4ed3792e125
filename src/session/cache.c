/* cache.c - structures and plans that were made before, found again by what is asked.
 *
 * Both lists are short and ordered by last use, so that what a program runs over and over
 * is found at once. An evicted plan lives until its last run ends: it is counted. */
#include "session/session.h"

#include <string.h>

#define MOST_PLANS 256
#define MOST_BYTES ((size_t)256 << 20)

static bool same_key(const uint64_t *words, size_t count, uint64_t hash,
                     const neap__key *key)
{
    return hash == key->hash && count == key->count &&
           !memcmp(words, key->words, count * sizeof *words);
}

static uint64_t *copy_words(neap__account *a, const neap__key *key)
{
    uint64_t *words = neap__alloc(a, key->count * sizeof *words, NEAP_MEMORY_SMALL, NULL);
    if (words)
        memcpy(words, key->words, key->count * sizeof *words);
    return words;
}

neap__entry *neap__cache_find(neap__entry *from, const neap__key *key)
{
    while (from && !same_key(from->words, from->word_count, from->hash, key))
        from = from->next;
    return from;
}

static void to_front(neap__cache *c, neap__entry *e)
{
    neap__entry **at = &c->entries;
    if (*at == e)
        return;
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    e->next = c->entries;
    c->entries = e;
}

neap__plan *neap__cache_plan(neap__cache *c, neap__entry *e, const neap__key *sizes)
{
    for (neap__sized **at = &e->plans; *at; at = &(*at)->next) {
        neap__sized *found = *at;
        if (!same_key(found->words, found->word_count, found->hash, sizes))
            continue;
        *at = found->next;
        found->next = e->plans;
        e->plans = found;
        to_front(c, e);
        return found->plan;
    }
    return NULL;
}

static size_t sized_bytes(const neap__sized *z)
{
    return z->plan->arena.bytes + z->plan->place_capacity * sizeof *z->plan->places;
}

static void drop_plan(neap__cache *c, neap__account *a, neap__sized **at)
{
    neap__sized *z = *at;
    *at = z->next;
    c->plans--;
    c->bytes -= sized_bytes(z);
    neap__plan_release(z->plan);
    neap__free(a, z->words, z->word_count * sizeof *z->words, NEAP_MEMORY_SMALL);
    neap__free(a, z, sizeof *z, NEAP_MEMORY_SMALL);
}

static void drop_entry(neap__cache *c, neap__account *a, neap__entry **at)
{
    neap__entry *e = *at;
    *at = e->next;
    while (e->plans)
        drop_plan(c, a, &e->plans);
    c->bytes -= e->structure->arena.bytes;
    neap__structure_release(e->structure);
    neap__free(a, e->words, e->word_count * sizeof *e->words, NEAP_MEMORY_SMALL);
    neap__free(a, e, sizeof *e, NEAP_MEMORY_SMALL);
}

static void find_largest(neap__cache *c)
{
    c->largest = 0;
    for (const neap__entry *e = c->entries; e; e = e->next) {
        for (const neap__sized *z = e->plans; z; z = z->next) {
            size_t block = neap__plan_block(z->plan);
            c->largest = block > c->largest ? block : c->largest;
        }
    }
}

/* Beyond the bounds the last entry's last plan goes first; what was just added stays. */
static void trim(neap__cache *c, neap__account *a)
{
    size_t entries = 0;
    for (const neap__entry *e = c->entries; e; e = e->next)
        entries++;
    bool dropped = false;
    while (c->plans > MOST_PLANS || c->bytes > MOST_BYTES || entries > MOST_PLANS) {
        neap__entry **last = &c->entries;
        while (*last && (*last)->next)
            last = &(*last)->next;
        if (*last && (*last)->plans && (*last)->plans->next) {
            neap__sized **z = &(*last)->plans;
            while ((*z)->next)
                z = &(*z)->next;
            drop_plan(c, a, z);
        } else if (*last && *last != c->entries) {
            drop_entry(c, a, last);
            entries--;
        } else {
            break;
        }
        dropped = true;
    }
    if (dropped)
        find_largest(c);
}

neap__entry *neap__cache_add(neap__cache *c, neap__account *a, const neap__key *key,
                             neap__structure *structure)
{
    neap__entry *e = neap__alloc_zero(a, sizeof *e, NEAP_MEMORY_SMALL, NULL);
    if (!e)
        return NULL;
    e->words = copy_words(a, key);
    if (!e->words) {
        neap__free(a, e, sizeof *e, NEAP_MEMORY_SMALL);
        return NULL;
    }
    e->word_count = key->count;
    e->hash = key->hash;
    e->structure = structure;
    neap__structure_retain(structure);
    e->next = c->entries;
    c->entries = e;
    c->bytes += structure->arena.bytes;
    trim(c, a);
    return e;
}

void neap__cache_add_plan(neap__cache *c, neap__account *a, neap__entry *e,
                          const neap__key *sizes, neap__plan *plan)
{
    neap__sized *z = neap__alloc_zero(a, sizeof *z, NEAP_MEMORY_SMALL, NULL);
    if (!z)
        return;
    z->words = copy_words(a, sizes);
    if (!z->words) {
        neap__free(a, z, sizeof *z, NEAP_MEMORY_SMALL);
        return;
    }
    z->word_count = sizes->count;
    z->hash = sizes->hash;
    z->plan = plan;
    neap__plan_retain(plan);
    z->next = e->plans;
    e->plans = z;
    c->plans++;
    c->bytes += sized_bytes(z);
    size_t block = neap__plan_block(plan);
    c->largest = block > c->largest ? block : c->largest;
    to_front(c, e);
    trim(c, a);
}

void neap__cache_clear(neap__cache *c, neap__account *a)
{
    while (c->entries)
        drop_entry(c, a, &c->entries);
    c->largest = 0;
}
