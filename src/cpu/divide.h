/* divide.h - whole division of integers (divide.c). */
#ifndef NEAP_CPU_DIVIDE_H
#define NEAP_CPU_DIVIDE_H

#include "cpu/kernel.h"

/* x / y rounded down, and what that leaves of x, which has the sign of y; y is not 0.
 * With y = -1 the machine would trap on the one quotient that does not fit: it wraps. */
static inline int64_t neap__quotient(int64_t x, int64_t y)
{
    if (y == -1)
        return (int64_t)(0 - (uint64_t)x);
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
}
static inline int64_t neap__modulo(int64_t x, int64_t y)
{
    const int64_t rest = y == -1 ? 0 : x % y;
    return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

/* in x, y (contiguous, broadcast by strides); out z of `shape`. int8, int16, int32,
 * int64, uint8. z may be the memory of an operand of its own shape. FALLIBLE: ERANGE
 * "division by zero at [1, 2]", the position in z; all divisors are checked before
 * anything is written, none where z is empty. */
typedef struct neap__divide_args {
    neap_dtype dtype;
    bool mod;         /* the remainder; else the quotient */
    int width;        /* bytes of an element */
    int64_t divisors; /* elements of y */
    neap__shape shape;
    int64_t x[NEAP_MAX_RANK], y[NEAP_MAX_RANK]; /* strides in elements; 0: repeats */
} neap__divide_args;
neap__kernel neap__cpu_divide;

#endif
