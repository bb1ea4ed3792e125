/* isa.h - one source compiled for several instruction sets, without flags of the
 * build.
 *
 * A family of kernels is a template (kernels.inc) that small files include, one for
 * each instruction set. Such a file includes its headers first, then opens
 * NEAP__TARGET_AVX2 or NEAP__TARGET_AVX512, includes the template, and closes with
 * NEAP__TARGET_END. Everything between is compiled for that instruction set and must
 * be reached only through a table that is chosen by neap__isa. NEAP__X86 is defined
 * where these exist. */
#ifndef NEAP_ISA_H
#define NEAP_ISA_H

#include "cpu/kernel.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define NEAP__X86 1
#include <immintrin.h>

#define NEAP__AVX2_FEATURES "avx2,fma,f16c,bmi,bmi2"
#define NEAP__AVX512_FEATURES "avx512f,avx512bw,avx512dq,avx512vl," NEAP__AVX2_FEATURES

#define NEAP__PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define NEAP__TARGET(features)                                                           \
    NEAP__PRAGMA(                                                                        \
        clang attribute push(__attribute__((target(features))), apply_to = function))
#define NEAP__TARGET_END NEAP__PRAGMA(clang attribute pop)
#else
#define NEAP__TARGET(features)                                                           \
    NEAP__PRAGMA(GCC push_options)                                                       \
    NEAP__PRAGMA(GCC target(features))
#define NEAP__TARGET_END NEAP__PRAGMA(GCC pop_options)
#endif
#define NEAP__TARGET_AVX2 NEAP__TARGET(NEAP__AVX2_FEATURES)
#define NEAP__TARGET_AVX512 NEAP__TARGET(NEAP__AVX512_FEATURES)
#endif

#endif
