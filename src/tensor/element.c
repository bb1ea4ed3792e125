/* element.c - single elements, for hosts and bindings. */
#include "tensor/tensor.h"

double neap_element_number(neap_dtype dtype, const void *data, int64_t index)
{
    return neap__element_number(dtype, data, index);
}

int64_t neap_element_integer(neap_dtype dtype, const void *data, int64_t index)
{
    return neap__element_integer(dtype, data, index);
}

uint64_t neap_element_unsigned(neap_dtype dtype, const void *data, int64_t index)
{
    return neap__element_unsigned(dtype, data, index);
}

int neap_element_store_number(neap_dtype dtype, void *data, int64_t index, double value)
{
    return neap__store_number(dtype, data, index, value);
}

int neap_element_store_integer(neap_dtype dtype, void *data, int64_t index, int64_t value)
{
    return neap__store_integer(dtype, data, index, value);
}

int neap_element_store_unsigned(neap_dtype dtype, void *data, int64_t index,
                                uint64_t value)
{
    return neap__store_unsigned(dtype, data, index, value);
}
