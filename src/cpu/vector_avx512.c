/* vector_avx512.c - the inner loops for AVX-512. */
#include "cpu/isa.h"
#include "cpu/vector.h"

#include <math.h>
#include <string.h>

#if defined(NEAP__X86)
#define TABLE neap__vectors_avx512
#define FUSED
NEAP__TARGET_AVX512
#include "cpu/vector.inc"
NEAP__TARGET_END
#endif
