/* cache.c - the table of what was made before. */
#include "session/cache.h"

#include <string.h>

#define MOST_OBJECTS 1024
#define MOST_BYTES ((size_t)256 << 20)

static neap__cached **bucket(neap__cache *c, uint64_t hash)
{
    return &c->buckets[hash >> 56];
}

static bool same_key(const neap__cached *e, const neap__key *key)
{
    return e->hash == key->hash && e->word_count == key->count &&
           !memcmp(e->words, key->words, key->count * sizeof *key->words);
}

/* ---- The order of use ------------------------------------------------------------ */

static void unlink_use(neap__cache *c, neap__cached *e)
{
    *(e->newer ? &e->newer->older : &c->newest) = e->older;
    *(e->older ? &e->older->newer : &c->oldest) = e->newer;
}

static void link_newest(neap__cache *c, neap__cached *e)
{
    e->newer = NULL;
    e->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
}

neap__cached *neap__cache_find(neap__cache *c, neap__cached *from, const neap__key *key)
{
    neap__cached *e = from ? from->chain : *bucket(c, key->hash);
    while (e && !same_key(e, key))
        e = e->chain;
    if (e && e != c->newest) {
        unlink_use(c, e);
        link_newest(c, e);
    }
    return e;
}

/* ---- Kinds ----------------------------------------------------------------------- */

static size_t object_bytes(neap__cached_kind kind, const void *object)
{
    if (kind == NEAP__CACHED_OUTLINE)
        return ((const neap__outline *)object)->arena.bytes;
    if (kind == NEAP__CACHED_STRUCTURE)
        return ((const neap__structure *)object)->arena.bytes;
    const neap__plan *p = object;
    return p->arena.bytes + p->place_capacity * sizeof *p->places;
}

/* Outlines of bodies are kept with the one around them. They nest at most NEAP__NESTING
 * deep. */
static void give_ids(neap__cache *c, neap__outline *o)
{
    o->id = ++c->ids;
    for (uint32_t i = 0; o->inner && i < o->item_count; i++) {
        for (int which = 0; which < 2 && o->inner[i]; which++)
            give_ids(c, o->inner[i]->outline[which]);
    }
}

/* The object's place for its id. */
static uint64_t *retain(neap__cached_kind kind, void *object)
{
    if (kind == NEAP__CACHED_OUTLINE) {
        neap__outline_retain(object);
        return &((neap__outline *)object)->id;
    }
    if (kind == NEAP__CACHED_STRUCTURE) {
        neap__structure_retain(object);
        return &((neap__structure *)object)->id;
    }
    neap__plan_retain(object);
    return &((neap__plan *)object)->id;
}

static void release(neap__cached_kind kind, void *object)
{
    if (kind == NEAP__CACHED_OUTLINE)
        neap__outline_release(object);
    else if (kind == NEAP__CACHED_STRUCTURE)
        neap__structure_release(object);
    else
        neap__plan_release(object);
}

/* What the object of an entry was made from may not be dropped for it: without it the
 * object would not be found again. */
static bool is_needed(const neap__cached *e, const neap__cached *by)
{
    const neap__structure *s = by->words[0] == NEAP__CACHED_STRUCTURE ? by->object : NULL;
    if (by->words[0] >= NEAP__CACHED_PLAN)
        s = ((const neap__plan *)by->object)->structure;
    return e->object == by->object || (s && (e->object == s || e->object == s->outline));
}

/* ---- Adding and dropping --------------------------------------------------------- */

static size_t entry_bytes(size_t words)
{
    return sizeof(neap__cached) + words * sizeof(uint64_t);
}

static void drop(neap__cache *c, neap__account *a, neap__cached *e)
{
    neap__cached **at = bucket(c, e->hash);
    while (*at != e)
        at = &(*at)->chain;
    *at = e->chain;
    unlink_use(c, e);
    c->count--;
    c->bytes -= e->bytes;
    release((neap__cached_kind)e->words[0], e->object);
    neap__free(a, e, entry_bytes(e->word_count), NEAP_MEMORY_SMALL);
}

void neap__cache_add(neap__cache *c, neap__account *a, const neap__key *key, void *object)
{
    neap__cached *e = neap__alloc(a, entry_bytes(key->count), NEAP_MEMORY_SMALL, NULL);
    if (!e)
        return;
    neap__cached_kind kind = (neap__cached_kind)key->words[0];
    *e = (neap__cached){.hash = key->hash,
                        .word_count = key->count,
                        .object = object,
                        .bytes = object_bytes(kind, object)};
    memcpy(e->words, key->words, key->count * sizeof *key->words);
    uint64_t *id = retain(kind, object);
    if (kind == NEAP__CACHED_OUTLINE)
        give_ids(c, object);
    else if (!*id)
        *id = ++c->ids;
    neap__cached **at = bucket(c, e->hash);
    e->chain = *at;
    *at = e;
    link_newest(c, e);
    c->count++;
    c->bytes += e->bytes;
    for (neap__cached *old = c->oldest, *next; old; old = next) {
        next = old->newer;
        if (c->count <= MOST_OBJECTS && c->bytes <= MOST_BYTES)
            break;
        if (!is_needed(old, e))
            drop(c, a, old);
    }
}

void neap__cache_clear(neap__cache *c, neap__account *a)
{
    while (c->oldest)
        drop(c, a, c->oldest);
}
