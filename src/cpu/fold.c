/* fold.c - blocks of a reduction combined in pairs. */
#include "cpu/fold.h"

static int bits_set(uint64_t x)
{
    int count = 0;
    for (; x; x &= x - 1)
        count++;
    return count;
}

static char *level(const neap__pairwise *p, int depth)
{
    return p->cells + (size_t)depth * (size_t)p->width * p->fold->cell;
}

size_t neap__pairwise_bytes(const neap__fold *fold, int64_t width, int64_t blocks)
{
    size_t levels = 1; /* the next block's place; and one for each bit of their number */
    for (; blocks > 0; blocks /= 2)
        levels++;
    return levels * (size_t)width * fold->cell;
}

void *neap__pairwise_next(const neap__pairwise *p)
{
    return level(p, bits_set(p->blocks));
}

/* A carry in the number of blocks is a pair to be combined. */
void neap__pairwise_push(neap__pairwise *p)
{
    int depth = bits_set(p->blocks);
    for (uint64_t carry = p->blocks; carry & 1; carry >>= 1, depth--)
        p->fold->combine(p->width, level(p, depth - 1), level(p, depth));
    p->blocks++;
}

void *neap__pairwise_end(neap__pairwise *p)
{
    if (p->blocks == 0)
        p->fold->zero(p->width, p->cells);
    for (int depth = bits_set(p->blocks); depth > 1; depth--)
        p->fold->combine(p->width, level(p, depth - 2), level(p, depth - 1));
    return p->cells;
}
