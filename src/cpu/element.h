/* element.h - element-wise functions (element.c; compiled once for each instruction
 * set). */
#ifndef NEAP_CPU_ELEMENT_H
#define NEAP_CPU_ELEMENT_H

#include "cpu/kernel.h"

/* One function over n contiguous elements. `out` may be one of `in` exactly, not overlap
 * otherwise. params: the operation's floating attributes, in schema order. */
typedef void neap__element(int64_t n, void *out, const void *const *in,
                           const double *params);

/* The numbers of the functions: those of elements.def, and two without a formula, which
 * move or convert any dtype. */
enum {
    NEAP__ELEMENT_copy,
    NEAP__ELEMENT_cast, /* from any dtype to any: found with both */
#define FUNCTION(kind, name, parameters, ...)
#define ELEMENT(name, operands, parameters, dtypes, result, floating, integer)           \
    NEAP__ELEMENT_##name,
#include "cpu/elements.def"
#undef ELEMENT
#undef FUNCTION
    NEAP__ELEMENT_CODES
};

/* What is known of one, by number; elements.def explains the columns. */
typedef struct neap__element_row {
    const char *name;
    uint8_t inputs;     /* 1 to 3 */
    uint8_t parameters; /* 0 to 2 */
    bool chooses;       /* the first input is a condition, a bool */
    enum { NEAP__RESULT_SAME, NEAP__RESULT_BOOL, NEAP__RESULT_QUOTIENT } result;
    neap__dtypes dtypes;            /* of the inputs */
    const char *floating, *integer; /* the formulas; "NONE" */
} neap__element_row;
extern const neap__element_row neap__elements[NEAP__ELEMENT_CODES];

/* The dtype of the result, where the inputs have one of `dtypes`. */
neap_dtype neap__element_result(neap__element_code code, neap_dtype from);

/* The function for operands of dtype `from` (of where: of x and y) and result dtype `to`;
 * NULL if there is none. float16 and bfloat16 compute in float32 and round once. */
neap__element *neap__find_element(neap__isa isa, neap__element_code code, neap_dtype from,
                                  neap_dtype to);

/* The same of two operands, of which number `one` (0 or 1) has a single element; NULL where
 * there is none. */
neap__element *neap__find_element_one(neap__isa isa, neap__element_code code,
                                      neap_dtype from, neap_dtype to, int one);

/* ---- As source text (source.c) ------------------------------------------------------- */

/* The function for one element, in the C that every language for kernels has a part of:
 * `static inline T neap_NAME_DTYPE(C x, C y, C a)`, with the operands and then the
 * parameters; a cast is neap_cast_FROM_TO. bool is unsigned char; float16 and bfloat16
 * are float here: who loads and stores them converts, and rounds once after each
 * function. False, and nothing written, where neap__find_element has none. */
bool neap__element_source(neap__text *text, neap__element_code code, neap_dtype from,
                          neap_dtype to);
/* What these call besides the functions of <math.h>; to be put before the first. */
void neap__element_prelude(neap__text *text);

#endif
