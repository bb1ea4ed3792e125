/* arena.c - memory that is freed all at once: chunks, each filled from front to back. */
#include "base/base.h"

#include <string.h>

typedef struct neap__chunk {
    struct neap__chunk *next;
    size_t size; /* of the whole piece, this header included */
} neap__chunk;

enum { GRAIN = 16, HEADER = 16, FIRST = 1024, LARGEST = 256 * 1024 };
_Static_assert(sizeof(neap__chunk) <= HEADER,
               "a chunk's header must not outgrow its place");

void neap__arena_init(neap__arena *arena, neap__account *account, neap_memory_kind kind)
{
    memset(arena, 0, sizeof *arena);
    arena->account = account;
    arena->kind = kind;
}

/* A chunk of at least `need` bytes behind its header. Chunks double until they are
 * LARGEST. What is larger gets a chunk of its own, behind the newest, whose rest stays in
 * use. */
static char *add_chunk(neap__arena *arena, size_t need, neap_error *err)
{
    size_t size = arena->bytes < FIRST ? FIRST : arena->bytes;
    if (size > LARGEST)
        size = LARGEST;
    const bool own = need > size - HEADER;
    if (own && !neap__add_size(need, HEADER, &size)) {
        neap__fail(err, NEAP_ENOMEM, "no memory for %zu bytes", need);
        return NULL;
    }
    neap__chunk *chunk = neap__alloc(arena->account, size, arena->kind, err);
    if (!chunk)
        return NULL;
    chunk->size = size;
    arena->bytes += size;
    char *start = (char *)chunk + HEADER;
    if (own && arena->chunks) {
        chunk->next = arena->chunks->next;
        arena->chunks->next = chunk;
    } else {
        chunk->next = arena->chunks;
        arena->chunks = chunk;
        arena->next = start + need;
        arena->end = (char *)chunk + size;
    }
    return start;
}

void *neap__arena_alloc(neap__arena *arena, size_t size, neap_error *err)
{
    size_t rounded;
    if (!neap__round_size(size ? size : 1, GRAIN, &rounded)) {
        neap__fail(err, NEAP_ENOMEM, "no memory for %zu bytes", size);
        return NULL;
    }
    char *pointer = arena->next;
    if (pointer && rounded <= (size_t)(arena->end - pointer))
        arena->next = pointer + rounded;
    else
        pointer = add_chunk(arena, rounded, err);
    return pointer ? memset(pointer, 0, rounded) : NULL;
}

void *neap__arena_array(neap__arena *arena, size_t count, size_t width, neap_error *err)
{
    size_t size;
    if (!neap__mul_size(count, width, &size)) {
        neap__fail(err, NEAP_ENOMEM, "no memory for %zu elements of %zu bytes", count,
                   width);
        return NULL;
    }
    return neap__arena_alloc(arena, size, err);
}

char *neap__arena_string(neap__arena *arena, const char *text, size_t length,
                         neap_error *err)
{
    size_t size;
    char *copy = NULL;
    if (neap__add_size(length, 1, &size))
        copy = neap__arena_alloc(arena, size, err);
    else
        neap__fail(err, NEAP_ENOMEM, "no memory for %zu bytes", length);
    if (copy)
        memcpy(copy, text, length); /* the NUL is there: the memory was zeroed */
    return copy;
}

void neap__arena_free(neap__arena *arena)
{
    neap__chunk *next;
    for (neap__chunk *chunk = arena->chunks; chunk; chunk = next) {
        next = chunk->next;
        neap__free(arena->account, chunk, chunk->size, arena->kind);
    }
    neap__arena_init(arena, arena->account, arena->kind);
}
