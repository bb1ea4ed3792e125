/* random.h - random numbers (fill.c). */
#ifndef NEAP_CPU_RANDOM_H
#define NEAP_CPU_RANDOM_H

#include "cpu/kernel.h"

typedef enum neap__distribution {
    NEAP__UNIFORM, /* [a, b): never b; float: 24 bits, double: 53 bits of a Philox word or two;
                      integers: unbiased enough (64-bit multiply-shift) */
    NEAP__NORMAL,   /* mean a, standard deviation b: Box-Muller */
    NEAP__TRUNCATED /* the same, redrawn until within two deviations */
} neap__distribution;
typedef struct neap__random_args {
    neap_dtype dtype;
    neap__distribution distribution;
    int64_t count;
    double a, b;
    int64_t low, high; /* for integers; of uint64 the bits */
    uint64_t seed;     /* the operation's */
} neap__random_args;
/* Element i is a pure function of (call->seed, args->seed, call->counter,
 * call->iteration, i). */
neap__kernel neap__cpu_random;

#endif
