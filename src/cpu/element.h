/* element.h - element-wise functions (element.c; compiled once for each instruction
 * set). */
#ifndef NEAP_CPU_ELEMENT_H
#define NEAP_CPU_ELEMENT_H

#include "cpu/kernel.h"

/* One function over n contiguous elements. `out` may be one of `in` exactly, not overlap
 * otherwise. params: the operation's floating attributes, in schema order. */
typedef void neap__element(int64_t n, void *out, const void *const *in,
                           const double *params);

/* X(name, inputs, dtypes-of-inputs, result): the element functions of this version.
 * result: S same as the inputs, B bool, D divide's (integers to float32). where's first
 * input is bool. */
#define NEAP__ELEMENTS(X)                                                                \
    X(copy, 1, NEAP__ANY, S)                                                             \
    X(add, 2, NEAP__NUMERIC, S)                                                          \
    X(subtract, 2, NEAP__NUMERIC, S)                                                     \
    X(multiply, 2, NEAP__NUMERIC, S)                                                     \
    X(divide, 2, NEAP__NUMERIC, D)                                                       \
    X(negative, 1, NEAP__NUMERIC, S)                                                     \
    X(square, 1, NEAP__NUMERIC, S)                                                       \
    X(sqrt, 1, NEAP__FLOATING, S)                                                        \
    X(exp, 1, NEAP__FLOATING, S)                                                         \
    X(log, 1, NEAP__FLOATING, S)                                                         \
    X(pow, 2, NEAP__NUMERIC, S)                                                          \
    X(abs, 1, NEAP__NUMERIC, S)                                                          \
    X(sign, 1, NEAP__NUMERIC, S)                                                         \
    X(maximum, 2, NEAP__NUMERIC, S)                                                      \
    X(minimum, 2, NEAP__NUMERIC, S)                                                      \
    X(floor_divide, 2, NEAP__FLOATING, S)                                                \
    X(mod, 2, NEAP__FLOATING, S)                                                         \
    X(sigmoid, 1, NEAP__FLOATING, S)                                                     \
    X(tanh, 1, NEAP__FLOATING, S)                                                        \
    X(relu, 1, NEAP__NUMERIC, S)                                                         \
    X(relu_gradient, 2, NEAP__FLOATING, S)    /* (dy, y): y > 0 ? dy : 0 */              \
    X(sigmoid_gradient, 2, NEAP__FLOATING, S) /* (dy, y): dy * y * (1 - y) */            \
    X(tanh_gradient, 2, NEAP__FLOATING, S)    /* (dy, y): dy * (1 - y * y) */            \
    X(equal, 2, NEAP__ANY, B)                                                            \
    X(less, 2, NEAP__NUMERIC, B)                                                         \
    X(greater, 2, NEAP__NUMERIC, B)                                                      \
    X(where, 3, NEAP__ANY, S)

enum {
#define X(name, inputs, dtypes, result) NEAP__ELEMENT_##name,
    NEAP__ELEMENTS(X)
#undef X
        NEAP__ELEMENT_cast, /* from any dtype to any: found with both */
    NEAP__ELEMENT_CODES
};

/* The function for operands of dtype `from` (of where: of x and y) and result dtype `to`;
 * NULL if there is none. float16 and bfloat16 compute in float32 and round once. */
neap__element *neap__find_element(neap__isa isa, neap__element_code code, neap_dtype from,
                                  neap_dtype to);

#endif
