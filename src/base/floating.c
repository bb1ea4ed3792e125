/* floating.c - the floating-point environment of a run: round to nearest, nothing
 * trapped, denormals kept. The host's comes back whole, its sticky flags included. Where
 * it is the usual one already, nothing is written: a read costs a nanosecond or two, a
 * write several. */
#include "base/base.h"

#if defined(__x86_64__)

#include <string.h>
#include <xmmintrin.h>

enum {
    VECTOR_STICKY = 0x3F, /* flags raised so far */
    VECTOR_USUAL =
        0x1F80, /* all masked, nearest, no flush to zero, denormals are not zero */
    LEGACY_USUAL =
        0x037F /* the x87's, whose rounding mode the C library's printf follows */
};

void neap__floating_begin(neap__floating *saved)
{
    uint16_t legacy;
    __asm__ volatile("fnstcw %0" : "=m"(legacy));
    memcpy(saved->rest, &legacy, sizeof legacy);
    if (legacy != LEGACY_USUAL) {
        const uint16_t usual = LEGACY_USUAL;
        __asm__ volatile("fldcw %0" : : "m"(usual));
    }
    const uint32_t control = _mm_getcsr();
    saved->control = control;
    if ((control & ~(uint32_t)VECTOR_STICKY) != VECTOR_USUAL)
        _mm_setcsr(VECTOR_USUAL | (control & VECTOR_STICKY));
}

void neap__floating_end(const neap__floating *saved)
{
    uint16_t legacy;
    memcpy(&legacy, saved->rest, sizeof legacy);
    if (legacy != LEGACY_USUAL)
        __asm__ volatile("fldcw %0" : : "m"(legacy));
    if (_mm_getcsr() != saved->control)
        _mm_setcsr(saved->control);
}

#else

#include <fenv.h>
#include <string.h>

_Static_assert(sizeof(fenv_t) <= sizeof((neap__floating *)0)->rest,
               "fenv_t does not fit");

void neap__floating_begin(neap__floating *saved)
{
    fenv_t host;
    fegetenv(&host);
    memcpy(saved->rest, &host, sizeof host);
    saved->control = 0;
    fesetenv(FE_DFL_ENV);
}

void neap__floating_end(const neap__floating *saved)
{
    fenv_t host;
    memcpy(&host, saved->rest, sizeof host);
    fesetenv(&host);
}

#endif
