/* place.c - the free space of a block while values are placed in it.
 *
 * Invariant: free spans are sorted by offset, never touch and never overlap; everything
 * else below `high` is taken. Taking picks the smallest span that fits among the first
 * PROBES, else grows the block: bounded work for each value, however many spans there
 * are. */
#include "plan/passes.h"

#include <string.h>

#define PROBES 256

static bool insert_span(neap__space *s, size_t at, neap__span span, neap_error *err)
{
    if (!neap__grow(s->account, (void **)&s->spans, &s->capacity, s->count + 1,
                    sizeof *s->spans, NEAP_MEMORY_SMALL, err))
        return false;
    memmove(&s->spans[at + 1], &s->spans[at], (s->count - at) * sizeof *s->spans);
    s->spans[at] = span;
    s->count++;
    return true;
}

static void remove_span(neap__space *s, size_t at)
{
    s->count--;
    memmove(&s->spans[at], &s->spans[at + 1], (s->count - at) * sizeof *s->spans);
}

bool neap__space_take(neap__space *s, size_t size, size_t *offset, neap_error *err)
{
    size_t best = s->count;
    for (size_t i = 0; i < s->count && i < PROBES; i++) {
        if (s->spans[i].size >= size &&
            (best == s->count || s->spans[i].size < s->spans[best].size))
            best = i;
    }
    if (best < s->count) {
        neap__span *span = &s->spans[best];
        *offset = span->offset;
        span->offset += size;
        span->size -= size;
        if (!span->size)
            remove_span(s, best);
        return true;
    }
    /* Grow: over a free span at the very end, if there is one. */
    size_t from = s->high;
    if (s->count) {
        const neap__span *last = &s->spans[s->count - 1];
        if (last->offset + last->size == s->high)
            from = last->offset;
    }
    size_t end;
    if (!neap__add_size(from, size, &end)) {
        neap__fail(err, NEAP_ELIMIT, "a run needs more memory than a machine can have");
        return false;
    }
    if (from < s->high)
        s->count--;
    *offset = from;
    s->high = end;
    return true;
}

bool neap__space_give(neap__space *s, size_t offset, size_t size, neap_error *err)
{
    if (!size)
        return true;
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->spans[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    bool joins_left =
        low > 0 && s->spans[low - 1].offset + s->spans[low - 1].size == offset;
    bool joins_right = low < s->count && offset + size == s->spans[low].offset;
    if (joins_left) {
        s->spans[low - 1].size += size;
        if (joins_right) {
            s->spans[low - 1].size += s->spans[low].size;
            remove_span(s, low);
        }
        return true;
    }
    if (joins_right) {
        s->spans[low].offset = offset;
        s->spans[low].size += size;
        return true;
    }
    return insert_span(s, low, (neap__span){offset, size}, err);
}

void neap__space_free(neap__space *s)
{
    neap__free(s->account, s->spans, s->capacity * sizeof *s->spans, NEAP_MEMORY_SMALL);
    *s = (neap__space){.account = s->account};
}
