/* cache.h - outlines, structures and plans that were made before, found again by what is
 * asked. One table for the three, with one order of use: the least recently used goes
 * first. What is dropped lives until its last run ends: it is counted. */
#ifndef NEAP_CACHE_H
#define NEAP_CACHE_H

#include "plan/plan.h"

/* What is asked, as words; the first is the kind of what is looked for. */
typedef struct neap__key {
    const uint64_t *words;
    size_t count;
    uint64_t hash;
} neap__key;

typedef enum neap__cached_kind {
    NEAP__CACHED_OUTLINE,
    NEAP__CACHED_STRUCTURE,
    NEAP__CACHED_PLAN,
    NEAP__CACHED_QUICK /* a plan too */
} neap__cached_kind;

typedef struct neap__cached {
    struct neap__cached *chain;         /* of its bucket */
    struct neap__cached *newer, *older; /* by last use */
    uint64_t hash;
    size_t word_count;
    void *object; /* of the kind that words[0] says; held */
    size_t bytes; /* of the object */
    uint64_t words[];
} neap__cached;

#define NEAP__BUCKETS 256
typedef struct neap__cache {
    neap__cached *buckets[NEAP__BUCKETS];
    neap__cached *newest, *oldest;
    size_t count, bytes;
    uint64_t ids; /* given so far */
} neap__cache;

/* The first entry of that key, or the next one after `from`; now the newest. NULL. */
neap__cached *neap__cache_find(neap__cache *c, neap__cached *from, const neap__key *key);
/* Adds an object (retained, and given an id), and drops the least recently used ones
 * beyond the bounds, but for those that it was made from. On failure nothing changes: the object simply is not kept, and has
 * no id. */
void neap__cache_add(neap__cache *c, neap__account *a, const neap__key *key,
                     void *object);
void neap__cache_clear(neap__cache *c, neap__account *a);

#endif
