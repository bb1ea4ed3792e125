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

/* What a plain number becomes where these dtypes are taken; NONE: a float32, as anywhere. */
static neap_dtype number_dtype(neap__dtypes taken)
{
    if (!taken || (taken & NEAP__BIT(NEAP_FLOAT32)))
        return NEAP_DTYPE_NONE;
    if (taken & NEAP__BIT(NEAP_INT64))
        return NEAP_INT64;
    return (neap_dtype)__builtin_ctz(taken);
}

neap_dtype neap_op_literal_dtype(const char *name, neap_node *const *inputs, size_t count,
                                 size_t index)
{
    const neap__op *op = neap__op_named(name);
    neap__dtypes own = own_dtypes(op, index);
    for (size_t i = 0; i < count && !own; i++) {
        if (inputs[i] && !own_dtypes(op, i))
            return inputs[i]->fact.dtype;
    }
    return number_dtype(own || !op ? own : op->dtypes);
}
