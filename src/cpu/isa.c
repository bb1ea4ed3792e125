/* isa.c - which instruction set this machine has kernels for. */
#include "cpu/isa.h"

#include <string.h>

static const char *const names[NEAP__ISAS] = {"generic", "avx2", "avx512"};

/* The compiler's own check also asks whether the operating system saves the registers. */
neap__isa neap__best_isa(void)
{
#if defined(NEAP__X86)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
        !__builtin_cpu_supports("bmi2"))
        return NEAP__GENERIC;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return NEAP__AVX2;
    return NEAP__AVX512;
#else
    return NEAP__GENERIC;
#endif
}

const char *neap__isa_name(neap__isa isa)
{
    return (unsigned)isa < NEAP__ISAS ? names[isa] : "unknown";
}

bool neap__isa_of(const char *name, neap__isa *isa)
{
    for (int i = 0; i < NEAP__ISAS; i++)
        if (strcmp(name, names[i]) == 0) {
            *isa = (neap__isa)i;
            return true;
        }
    return false;
}
