/* config.c - what this build and this machine are. */
#include "cpu/gemm.h"
#include "session/session.h"

#include <stdlib.h>

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown"
#endif

/* An environment that is not the user's own (set-user-ID) says nothing. */
bool neap__default_isa(neap__isa *isa, neap_error *err)
{
    const char *name = secure_getenv("NEAP_ISA");
    neap__isa lower;
    char text[NEAP__QUOTED_SIZE];
    *isa = neap__best_isa();
    if (!name || !*name)
        return true;
    if (!neap__isa_of(name, &lower))
        return !neap__fail(err, NEAP_EARG, "session: NEAP_ISA: there is no isa \"%s\"",
                           neap__quoted(text, name));
    if (lower < *isa)
        *isa = lower;
    return true;
}

void neap_get_config(neap_config *config)
{
    neap__isa isa;
    if (!config)
        return;
    (void)neap__default_isa(&isa, NULL); /* the best, where the environment is wrong */
    config->version = NEAP_VERSION;
    config->isa = neap__isa_name(isa);
    config->compiler = COMPILER;
    config->blas = neap__blas_text();
    config->threads = neap__default_threads();
    config->processors = neap__processors();
}
