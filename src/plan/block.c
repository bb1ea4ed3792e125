/* block.c - the memory in which frames lie: a stack of pieces. */
#include "plan/run.h"

#define LEAST 4096 /* bytes of a piece */
#define LARGE                                                                            \
    1048576 /* a piece of at least so many bytes is no larger than what it is for */

void neap__piece_free(neap__piece *p, neap__account *a)
{
    if (p)
        neap__free(a, p, p->size + NEAP__ALIGNMENT, NEAP_MEMORY_BLOCK);
}

static neap__piece *new_piece(neap__account *a, size_t size, neap_error *err)
{
    size_t bytes;
    if (!neap__add_size(size, NEAP__ALIGNMENT, &bytes)) {
        neap__fail(err, NEAP_ELIMIT, "a run needs too much memory");
        return NULL;
    }
    neap__piece *p = neap__alloc(a, bytes, NEAP_MEMORY_BLOCK, err);
    if (p)
        *p = (neap__piece){.size = size};
    return p;
}

/* A piece of at least `size` bytes goes on top: a spare one, or a new one in the place of
 * a spare one that is too small. */
bool neap__block_push(neap__block *b, neap__account *a, size_t size, neap_error *err)
{
    neap__piece *p = b->spare;
    if (p) {
        b->spare = p->next;
        if (p->size < size) {
            neap__piece_free(p, a);
            p = NULL;
        }
    }
    if (!p) {
        size_t ample = b->top ? 2 * b->top->size : b->hint > LEAST ? b->hint : LEAST;
        if (ample > size && (!b->top || ample < LARGE))
            p = new_piece(a, ample, NULL);
    }
    if (!p)
        p = new_piece(a, size, err);
    if (!p) {
        neap__error_prefix(err, "a run's block: ");
        return false;
    }
    if (b->top)
        b->top->used = b->used;
    b->under += b->used;
    p->next = b->top;
    b->top = p;
    b->used = 0;
    return true;
}

void neap__block_back(neap__block *b, neap__mark mark)
{
    while (b->top != mark.top) {
        neap__piece *p = b->top;
        b->top = p->next;
        p->next = b->spare;
        b->spare = p;
        if (b->top)
            b->under -= b->top->used;
    }
    b->used = mark.used;
}

void neap__block_free(neap__block *b, neap__account *a)
{
    neap__block_back(b, (neap__mark){NULL, 0});
    while (b->spare) {
        neap__piece *p = b->spare;
        b->spare = p->next;
        neap__piece_free(p, a);
    }
    *b = (neap__block){.top = NULL};
}
