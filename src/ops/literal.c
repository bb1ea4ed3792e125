/* literal.c - which dtype a plain number takes beside the other inputs of an operation.
 */
#include "ops/ops.h"

/* The dtypes that the operation itself asks of input i; 0: the common one of its inputs.
 */
static neap__dtypes own_dtypes(const neap__op *op, size_t i)
{
    if (!op || op->dtype_rule != NEAP__EACH || i >= NEAP__INPUTS)
        return 0;
    return op->input_dtypes[i];
}

neap_dtype neap_op_literal_dtype(const char *name, neap_node *const *inputs, size_t count,
                                 size_t index)
{
    const neap__op *op = neap__op_named(name);
    neap__dtypes own = own_dtypes(op, index);
    if (own & NEAP__BIT(NEAP_FLOAT32)) /* a plain number is one already */
        return NEAP_DTYPE_NONE;
    if (own & NEAP__BIT(NEAP_INT64))
        return NEAP_INT64;
    for (int d = NEAP_FLOAT32; own && d < NEAP__DTYPES; d++) {
        if (own & NEAP__BIT(d))
            return (neap_dtype)d;
    }
    for (size_t i = 0; i < count; i++) {
        if (inputs[i] && !own_dtypes(op, i))
            return inputs[i]->fact.dtype;
    }
    return NEAP_DTYPE_NONE;
}
