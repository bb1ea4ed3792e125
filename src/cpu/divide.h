/* divide.h - whole division of integers (divide.c). */
#ifndef NEAP_CPU_DIVIDE_H
#define NEAP_CPU_DIVIDE_H

#include "cpu/program.h"

/* in x, y; out z of `shape`: what `program` makes of them once it is known that no
 * element of y is 0. FALLIBLE: ERANGE "division by zero at [1, 2]", the position in z;
 * all divisors are checked before anything is written, none where z is empty. Scratch is
 * the program's. */
typedef struct neap__divide_args {
    const neap__program *program;
    int width;        /* bytes of an element */
    int64_t divisors; /* elements of y */
    neap__shape shape;
    int64_t y[NEAP_MAX_RANK]; /* strides in elements; 0: repeats */
} neap__divide_args;
neap__kernel neap__cpu_divide;

#endif
