/* vector.c - the tables of inner loops, and what is in them. */
#include "cpu/vector.h"

const neap__vectors *neap__vectors_of(neap__isa isa)
{
#if defined(NEAP__X86)
    if (isa == NEAP__AVX512)
        return &neap__vectors_avx512;
    if (isa == NEAP__AVX2)
        return &neap__vectors_avx2;
#endif
    (void)isa;
    return &neap__vectors_generic;
}

const neap__fold *neap__find_fold(neap__isa isa, neap__reduction reduction,
                                  neap_dtype dtype)
{
    const neap__fold *own = neap__vectors_of(isa)->fold[dtype];
    if (!own)
        own = neap__vectors_generic.fold[dtype];
    return own && reduction < NEAP__REDUCTIONS && own[reduction].rows ? &own[reduction]
                                                                      : NULL;
}
