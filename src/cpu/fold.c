/* fold.c - finds the inner loops of a reduction. */
#include "cpu/fold.h"
#include "cpu/vector.h"

const neap__fold *neap__find_fold(neap__isa isa, neap__reduction reduction,
                                  neap_dtype dtype)
{
    const neap__fold *own = neap__vectors_of(isa)->fold[dtype];
    if (!own)
        own = neap__vectors_generic.fold[dtype];
    return own && reduction < NEAP__REDUCTIONS && own[reduction].rows ? &own[reduction]
                                                                      : NULL;
}
