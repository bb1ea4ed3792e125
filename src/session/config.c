/* config.c - what this build and this machine are. */
#include "cpu/gemm.h"
#include "session/session.h"

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown"
#endif

void neap_get_config(neap_config *config)
{
    if (!config)
        return;
    config->version = NEAP_VERSION;
    config->isa = neap__isa_name(neap__best_isa());
    config->compiler = COMPILER;
    config->blas = neap__blas_text();
    config->threads = neap__default_threads();
    config->processors = neap__processors();
}
