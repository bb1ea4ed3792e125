/* known.c - the elements of values that are known before anything is computed. */
#include "graph/graph.h"

#include <string.h>

int64_t neap__knowable(neap_dtype dtype, const neap__shape *shape)
{
    if (dtype == NEAP_DTYPE_NONE || !neap__shape_known(shape))
        return -1;
    const int64_t size = neap__shape_size(shape);
    return size <= NEAP__KNOWN ? size : -1;
}

/* One piece: the struct, the mask, the elements. */
neap__known *neap__known_new(neap__arena *arena, neap_dtype dtype, int64_t count,
                             neap_error *err)
{
    const size_t words = (size_t)(count + 63) / 64;
    const size_t bytes =
        words * sizeof(uint64_t) + (size_t)count * neap_dtype_size(dtype);
    neap__known *k = neap__arena_alloc(arena, sizeof *k + bytes, err);
    if (!k)
        return NULL;
    uint64_t *mask = (uint64_t *)(k + 1);
    *k = (neap__known){dtype, (int)count, false, mask + words, mask};
    return k;
}

const neap__known *neap__known_at(neap__arena *arena, neap_dtype dtype, int64_t count,
                                  const void *data, bool uniform, neap_error *err)
{
    neap__known *k = neap__arena_alloc(arena, sizeof *k, err);
    if (k)
        *k = (neap__known){dtype, (int)count, uniform, (void *)data, NULL};
    return k;
}

const neap__known *neap__known_of(neap_dtype dtype, const neap__shape *shape,
                                  const void *data, neap__arena *arena, neap_error *err)
{
    const int64_t count = neap__knowable(dtype, shape);
    return count < 0 ? NULL : neap__known_at(arena, dtype, count, data, false, err);
}

const void *neap__known_element(const neap__known *k, int64_t e)
{
    const size_t at = k->uniform ? 0 : (size_t)e;
    return (const char *)k->data + at * neap_dtype_size(k->dtype);
}

void neap__known_put(neap__known *k, int64_t e, const void *element)
{
    const size_t width = neap_dtype_size(k->dtype);
    memcpy((char *)k->data + (size_t)e * width, element, width);
    k->mask[e >> 6] |= UINT64_C(1) << (e & 63);
}

const neap__known *neap__known_end(neap__known *k)
{
    bool any = k->count == 0, all = true;
    for (int64_t e = 0; e < k->count; e += 64) {
        const int64_t rest = k->count - e;
        const uint64_t full = rest < 64 ? (UINT64_C(1) << rest) - 1 : UINT64_MAX;
        any |= k->mask[e >> 6] != 0;
        all &= k->mask[e >> 6] == full;
    }
    if (all)
        k->mask = NULL;
    return any ? k : NULL;
}

void neap__known_read(const neap__known *k, void *elements)
{
    const size_t width = neap_dtype_size(k->dtype);
    if (!k->uniform && k->count)
        memcpy(elements, k->data, (size_t)k->count * width);
    for (int64_t e = 0; k->uniform && e < k->count; e++)
        memcpy((char *)elements + (size_t)e * width, k->data, width);
}

const neap__known *neap__known_keep(neap__arena *arena, const neap__known *k,
                                    neap_error *err)
{
    neap__known *own = neap__known_new(arena, k->dtype, k->count, err);
    if (!own)
        return NULL;
    neap__known_read(k, own->data);
    if (!k->mask)
        own->mask = NULL;
    else
        memcpy(own->mask, k->mask, (size_t)(k->count + 63) / 64 * sizeof *k->mask);
    return own;
}
