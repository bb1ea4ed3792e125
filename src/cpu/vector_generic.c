/* vector_generic.c - the inner loops for any machine, and for the dtypes that have no
 * others. */
#include "cpu/vector.h"

#include <math.h>
#include <string.h>

#define TABLE neap__vectors_generic
#define NARROW
#include "cpu/vector.inc"
