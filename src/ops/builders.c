/* builders.c - one function for each operation, and the table of their names.
 * Generated from the descriptors by `make generate`: do not edit. */
#include "ops/ops.h"

/* clang-format off */

#undef neap_zeros
neap_node *neap_zeros(neap_graph *g, const int64_t *shape, size_t shape_count,
                      const neap_zeros_options *options, neap_error *err)
{
    neap_zeros_options o = NEAP_ZEROS_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_zeros", err))
        return NULL;
    neap_attribute attributes[] = {
        neap_attribute_ints("shape", shape, shape_count),
        neap__option_dtype("dtype", o.dtype),
    };
    return neap__build_public(g, "neap_zeros", &neap__op_zeros, NULL, 0, attributes, 2,
                              NULL, err);
}

#undef neap_ones
neap_node *neap_ones(neap_graph *g, const int64_t *shape, size_t shape_count,
                     const neap_ones_options *options, neap_error *err)
{
    neap_ones_options o = NEAP_ONES_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_ones", err))
        return NULL;
    neap_attribute attributes[] = {
        neap_attribute_ints("shape", shape, shape_count),
        neap__option_dtype("dtype", o.dtype),
    };
    return neap__build_public(g, "neap_ones", &neap__op_ones, NULL, 0, attributes, 2,
                              NULL, err);
}

neap_node *neap_fill(neap_graph *g, const int64_t *dims, size_t dims_count,
                     neap_tensor *value, neap_error *err)
{
    neap_attribute attributes[] = {
        neap_attribute_ints("dims", dims, dims_count),
        neap_attribute_tensor("value", value),
    };
    return neap__build_public(g, "neap_fill", &neap__op_fill, NULL, 0, attributes, 2,
                              NULL, err);
}

neap_node *neap_zeros_like(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_zeros_like", &neap__op_zeros_like, inputs, 1, NULL,
                              0, NULL, err);
}

neap_node *neap_ones_like(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_ones_like", &neap__op_ones_like, inputs, 1, NULL,
                              0, NULL, err);
}

#undef neap_random_uniform
neap_node *neap_random_uniform(neap_graph *g, const int64_t *shape, size_t shape_count,
                               const neap_random_uniform_options *options,
                               neap_error *err)
{
    neap_random_uniform_options o = NEAP_RANDOM_UNIFORM_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_random_uniform", err))
        return NULL;
    neap_attribute attributes[] = {
        neap_attribute_ints("shape", shape, shape_count),
        neap__option("minval", o.minval),
        neap__option("maxval", o.maxval),
        neap__option_dtype("dtype", o.dtype),
        neap__option("seed", o.seed),
    };
    return neap__build_public(g, "neap_random_uniform", &neap__op_random_uniform, NULL, 0,
                              attributes, 5, NULL, err);
}

#undef neap_random_normal
neap_node *neap_random_normal(neap_graph *g, const int64_t *shape, size_t shape_count,
                              const neap_random_normal_options *options, neap_error *err)
{
    neap_random_normal_options o = NEAP_RANDOM_NORMAL_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_random_normal", err))
        return NULL;
    neap_attribute attributes[] = {
        neap_attribute_ints("shape", shape, shape_count),
        neap_attribute_float("mean", o.mean),
        neap_attribute_float("stddev", o.stddev),
        neap__option_dtype("dtype", o.dtype),
        neap__option("seed", o.seed),
    };
    return neap__build_public(g, "neap_random_normal", &neap__op_random_normal, NULL, 0,
                              attributes, 5, NULL, err);
}

#undef neap_truncated_normal
neap_node *neap_truncated_normal(neap_graph *g, const int64_t *shape, size_t shape_count,
                                 const neap_truncated_normal_options *options,
                                 neap_error *err)
{
    neap_truncated_normal_options o = NEAP_TRUNCATED_NORMAL_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_truncated_normal", err))
        return NULL;
    neap_attribute attributes[] = {
        neap_attribute_ints("shape", shape, shape_count),
        neap_attribute_float("mean", o.mean),
        neap_attribute_float("stddev", o.stddev),
        neap__option_dtype("dtype", o.dtype),
        neap__option("seed", o.seed),
    };
    return neap__build_public(g, "neap_truncated_normal", &neap__op_truncated_normal,
                              NULL, 0, attributes, 5, NULL, err);
}

neap_node *neap_identity(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_identity", &neap__op_identity, inputs, 1, NULL, 0,
                              NULL, err);
}

neap_node *neap_stop_gradient(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_stop_gradient", &neap__op_stop_gradient, inputs, 1,
                              NULL, 0, NULL, err);
}

neap_node *neap_cast(neap_graph *g, neap_node *x, neap_dtype dtype, neap_error *err)
{
    neap_node *inputs[] = {x};
    neap_attribute attributes[] = {
        neap_attribute_dtype("dtype", dtype),
    };
    return neap__build_public(g, "neap_cast", &neap__op_cast, inputs, 1, attributes, 1,
                              NULL, err);
}

neap_node *neap_negative(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_negative", &neap__op_negative, inputs, 1, NULL, 0,
                              NULL, err);
}

neap_node *neap_abs(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_abs", &neap__op_abs, inputs, 1, NULL, 0, NULL,
                              err);
}

neap_node *neap_sign(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_sign", &neap__op_sign, inputs, 1, NULL, 0, NULL,
                              err);
}

neap_node *neap_square(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_square", &neap__op_square, inputs, 1, NULL, 0,
                              NULL, err);
}

neap_node *neap_sqrt(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_sqrt", &neap__op_sqrt, inputs, 1, NULL, 0, NULL,
                              err);
}

neap_node *neap_exp(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_exp", &neap__op_exp, inputs, 1, NULL, 0, NULL,
                              err);
}

neap_node *neap_log(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_log", &neap__op_log, inputs, 1, NULL, 0, NULL,
                              err);
}

neap_node *neap_log1p(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_log1p", &neap__op_log1p, inputs, 1, NULL, 0, NULL,
                              err);
}

neap_node *neap_sigmoid(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_sigmoid", &neap__op_sigmoid, inputs, 1, NULL, 0,
                              NULL, err);
}

neap_node *neap_tanh(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_tanh", &neap__op_tanh, inputs, 1, NULL, 0, NULL,
                              err);
}

neap_node *neap_softplus(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_softplus", &neap__op_softplus, inputs, 1, NULL, 0,
                              NULL, err);
}

neap_node *neap_relu(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_relu", &neap__op_relu, inputs, 1, NULL, 0, NULL,
                              err);
}

#undef neap_leaky_relu
neap_node *neap_leaky_relu(neap_graph *g, neap_node *x,
                           const neap_leaky_relu_options *options, neap_error *err)
{
    neap_node *inputs[] = {x};
    neap_leaky_relu_options o = NEAP_LEAKY_RELU_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_leaky_relu", err))
        return NULL;
    neap_attribute attributes[] = {
        neap_attribute_float("alpha", o.alpha),
    };
    return neap__build_public(g, "neap_leaky_relu", &neap__op_leaky_relu, inputs, 1,
                              attributes, 1, NULL, err);
}

neap_node *neap_add(neap_graph *g, neap_node *x, neap_node *y, neap_error *err)
{
    neap_node *inputs[] = {x, y};
    return neap__build_public(g, "neap_add", &neap__op_add, inputs, 2, NULL, 0, NULL,
                              err);
}

neap_node *neap_subtract(neap_graph *g, neap_node *x, neap_node *y, neap_error *err)
{
    neap_node *inputs[] = {x, y};
    return neap__build_public(g, "neap_subtract", &neap__op_subtract, inputs, 2, NULL, 0,
                              NULL, err);
}

neap_node *neap_multiply(neap_graph *g, neap_node *x, neap_node *y, neap_error *err)
{
    neap_node *inputs[] = {x, y};
    return neap__build_public(g, "neap_multiply", &neap__op_multiply, inputs, 2, NULL, 0,
                              NULL, err);
}

neap_node *neap_divide(neap_graph *g, neap_node *x, neap_node *y, neap_error *err)
{
    neap_node *inputs[] = {x, y};
    return neap__build_public(g, "neap_divide", &neap__op_divide, inputs, 2, NULL, 0,
                              NULL, err);
}

neap_node *neap_floor_divide(neap_graph *g, neap_node *x, neap_node *y, neap_error *err)
{
    neap_node *inputs[] = {x, y};
    return neap__build_public(g, "neap_floor_divide", &neap__op_floor_divide, inputs, 2,
                              NULL, 0, NULL, err);
}

neap_node *neap_mod(neap_graph *g, neap_node *x, neap_node *y, neap_error *err)
{
    neap_node *inputs[] = {x, y};
    return neap__build_public(g, "neap_mod", &neap__op_mod, inputs, 2, NULL, 0, NULL,
                              err);
}

neap_node *neap_pow(neap_graph *g, neap_node *x, neap_node *y, neap_error *err)
{
    neap_node *inputs[] = {x, y};
    return neap__build_public(g, "neap_pow", &neap__op_pow, inputs, 2, NULL, 0, NULL,
                              err);
}

neap_node *neap_maximum(neap_graph *g, neap_node *x, neap_node *y, neap_error *err)
{
    neap_node *inputs[] = {x, y};
    return neap__build_public(g, "neap_maximum", &neap__op_maximum, inputs, 2, NULL, 0,
                              NULL, err);
}

neap_node *neap_minimum(neap_graph *g, neap_node *x, neap_node *y, neap_error *err)
{
    neap_node *inputs[] = {x, y};
    return neap__build_public(g, "neap_minimum", &neap__op_minimum, inputs, 2, NULL, 0,
                              NULL, err);
}

neap_node *neap_equal(neap_graph *g, neap_node *x, neap_node *y, neap_error *err)
{
    neap_node *inputs[] = {x, y};
    return neap__build_public(g, "neap_equal", &neap__op_equal, inputs, 2, NULL, 0, NULL,
                              err);
}

neap_node *neap_less(neap_graph *g, neap_node *x, neap_node *y, neap_error *err)
{
    neap_node *inputs[] = {x, y};
    return neap__build_public(g, "neap_less", &neap__op_less, inputs, 2, NULL, 0, NULL,
                              err);
}

neap_node *neap_greater(neap_graph *g, neap_node *x, neap_node *y, neap_error *err)
{
    neap_node *inputs[] = {x, y};
    return neap__build_public(g, "neap_greater", &neap__op_greater, inputs, 2, NULL, 0,
                              NULL, err);
}

neap_node *neap_where(neap_graph *g, neap_node *condition, neap_node *x, neap_node *y,
                      neap_error *err)
{
    neap_node *inputs[] = {condition, x, y};
    return neap__build_public(g, "neap_where", &neap__op_where, inputs, 3, NULL, 0, NULL,
                              err);
}

#undef neap_reduce_sum
neap_node *neap_reduce_sum(neap_graph *g, neap_node *x,
                           const neap_reduce_sum_options *options, neap_error *err)
{
    neap_node *inputs[] = {x};
    neap_reduce_sum_options o = NEAP_REDUCE_SUM_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_reduce_sum", err))
        return NULL;
    neap_attribute attributes[] = {
        neap__option_ints("axis", o.axis, o.axis_count),
        neap_attribute_bool("keepdims", o.keepdims),
    };
    return neap__build_public(g, "neap_reduce_sum", &neap__op_reduce_sum, inputs, 1,
                              attributes, 2, NULL, err);
}

#undef neap_reduce_mean
neap_node *neap_reduce_mean(neap_graph *g, neap_node *x,
                            const neap_reduce_mean_options *options, neap_error *err)
{
    neap_node *inputs[] = {x};
    neap_reduce_mean_options o = NEAP_REDUCE_MEAN_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_reduce_mean", err))
        return NULL;
    neap_attribute attributes[] = {
        neap__option_ints("axis", o.axis, o.axis_count),
        neap_attribute_bool("keepdims", o.keepdims),
    };
    return neap__build_public(g, "neap_reduce_mean", &neap__op_reduce_mean, inputs, 1,
                              attributes, 2, NULL, err);
}

#undef neap_reduce_max
neap_node *neap_reduce_max(neap_graph *g, neap_node *x,
                           const neap_reduce_max_options *options, neap_error *err)
{
    neap_node *inputs[] = {x};
    neap_reduce_max_options o = NEAP_REDUCE_MAX_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_reduce_max", err))
        return NULL;
    neap_attribute attributes[] = {
        neap__option_ints("axis", o.axis, o.axis_count),
        neap_attribute_bool("keepdims", o.keepdims),
    };
    return neap__build_public(g, "neap_reduce_max", &neap__op_reduce_max, inputs, 1,
                              attributes, 2, NULL, err);
}

#undef neap_reduce_min
neap_node *neap_reduce_min(neap_graph *g, neap_node *x,
                           const neap_reduce_min_options *options, neap_error *err)
{
    neap_node *inputs[] = {x};
    neap_reduce_min_options o = NEAP_REDUCE_MIN_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_reduce_min", err))
        return NULL;
    neap_attribute attributes[] = {
        neap__option_ints("axis", o.axis, o.axis_count),
        neap_attribute_bool("keepdims", o.keepdims),
    };
    return neap__build_public(g, "neap_reduce_min", &neap__op_reduce_min, inputs, 1,
                              attributes, 2, NULL, err);
}

#undef neap_reduce_prod
neap_node *neap_reduce_prod(neap_graph *g, neap_node *x,
                            const neap_reduce_prod_options *options, neap_error *err)
{
    neap_node *inputs[] = {x};
    neap_reduce_prod_options o = NEAP_REDUCE_PROD_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_reduce_prod", err))
        return NULL;
    neap_attribute attributes[] = {
        neap__option_ints("axis", o.axis, o.axis_count),
        neap_attribute_bool("keepdims", o.keepdims),
    };
    return neap__build_public(g, "neap_reduce_prod", &neap__op_reduce_prod, inputs, 1,
                              attributes, 2, NULL, err);
}

#undef neap_reduce_logsumexp
neap_node *neap_reduce_logsumexp(neap_graph *g, neap_node *x,
                                 const neap_reduce_logsumexp_options *options,
                                 neap_error *err)
{
    neap_node *inputs[] = {x};
    neap_reduce_logsumexp_options o = NEAP_REDUCE_LOGSUMEXP_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_reduce_logsumexp", err))
        return NULL;
    neap_attribute attributes[] = {
        neap__option_ints("axis", o.axis, o.axis_count),
        neap_attribute_bool("keepdims", o.keepdims),
    };
    return neap__build_public(g, "neap_reduce_logsumexp", &neap__op_reduce_logsumexp,
                              inputs, 1, attributes, 2, NULL, err);
}

#undef neap_argmax
neap_node *neap_argmax(neap_graph *g, neap_node *x, const neap_argmax_options *options,
                       neap_error *err)
{
    neap_node *inputs[] = {x};
    neap_argmax_options o = NEAP_ARGMAX_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_argmax", err))
        return NULL;
    neap_attribute attributes[] = {
        neap_attribute_int("axis", o.axis),
        neap__option_dtype("output_type", o.output_type),
    };
    return neap__build_public(g, "neap_argmax", &neap__op_argmax, inputs, 1, attributes,
                              2, NULL, err);
}

#undef neap_matmul
neap_node *neap_matmul(neap_graph *g, neap_node *a, neap_node *b,
                       const neap_matmul_options *options, neap_error *err)
{
    neap_node *inputs[] = {a, b};
    neap_matmul_options o = NEAP_MATMUL_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_matmul", err))
        return NULL;
    neap_attribute attributes[] = {
        neap_attribute_bool("transpose_a", o.transpose_a),
        neap_attribute_bool("transpose_b", o.transpose_b),
    };
    return neap__build_public(g, "neap_matmul", &neap__op_matmul, inputs, 2, attributes,
                              2, NULL, err);
}

neap_node *neap_tensordot(neap_graph *g, neap_node *a, neap_node *b, neap_attribute axes,
                          neap_error *err)
{
    neap_node *inputs[] = {a, b};
    neap_attribute attributes[] = {
        neap__option("axes", axes),
    };
    return neap__build_public(g, "neap_tensordot", &neap__op_tensordot, inputs, 2,
                              attributes, 1, NULL, err);
}

#undef neap_transpose
neap_node *neap_transpose(neap_graph *g, neap_node *x,
                          const neap_transpose_options *options, neap_error *err)
{
    neap_node *inputs[] = {x};
    neap_transpose_options o = NEAP_TRANSPOSE_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_transpose", err))
        return NULL;
    neap_attribute attributes[] = {
        neap__option_ints("perm", o.perm, o.perm_count),
    };
    return neap__build_public(g, "neap_transpose", &neap__op_transpose, inputs, 1,
                              attributes, 1, NULL, err);
}

neap_node *neap_reshape(neap_graph *g, neap_node *x, const int64_t *shape,
                        size_t shape_count, neap_error *err)
{
    neap_node *inputs[] = {x};
    neap_attribute attributes[] = {
        neap_attribute_ints("shape", shape, shape_count),
    };
    return neap__build_public(g, "neap_reshape", &neap__op_reshape, inputs, 1, attributes,
                              1, NULL, err);
}

neap_node *neap_shape(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_shape", &neap__op_shape, inputs, 1, NULL, 0, NULL,
                              err);
}

neap_node *neap_expand_dims(neap_graph *g, neap_node *x, int64_t axis, neap_error *err)
{
    neap_node *inputs[] = {x};
    neap_attribute attributes[] = {
        neap_attribute_int("axis", axis),
    };
    return neap__build_public(g, "neap_expand_dims", &neap__op_expand_dims, inputs, 1,
                              attributes, 1, NULL, err);
}

#undef neap_squeeze
neap_node *neap_squeeze(neap_graph *g, neap_node *x, const neap_squeeze_options *options,
                        neap_error *err)
{
    neap_node *inputs[] = {x};
    neap_squeeze_options o = NEAP_SQUEEZE_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_squeeze", err))
        return NULL;
    neap_attribute attributes[] = {
        neap__option_ints("axis", o.axis, o.axis_count),
    };
    return neap__build_public(g, "neap_squeeze", &neap__op_squeeze, inputs, 1, attributes,
                              1, NULL, err);
}

neap_node *neap_broadcast_to(neap_graph *g, neap_node *x, const int64_t *shape,
                             size_t shape_count, neap_error *err)
{
    neap_node *inputs[] = {x};
    neap_attribute attributes[] = {
        neap_attribute_ints("shape", shape, shape_count),
    };
    return neap__build_public(g, "neap_broadcast_to", &neap__op_broadcast_to, inputs, 1,
                              attributes, 1, NULL, err);
}

neap_node *neap_concat(neap_graph *g, neap_node *const *x, size_t x_count, int64_t axis,
                       neap_error *err)
{
    neap_attribute attributes[] = {
        neap_attribute_int("axis", axis),
    };
    return neap__build_public(g, "neap_concat", &neap__op_concat, x, x_count, attributes,
                              1, NULL, err);
}

neap_node *neap_slice(neap_graph *g, neap_node *x, const int64_t *begin,
                      size_t begin_count, const int64_t *size, size_t size_count,
                      neap_error *err)
{
    neap_node *inputs[] = {x};
    neap_attribute attributes[] = {
        neap_attribute_ints("begin", begin, begin_count),
        neap_attribute_ints("size", size, size_count),
    };
    return neap__build_public(g, "neap_slice", &neap__op_slice, inputs, 1, attributes, 2,
                              NULL, err);
}

neap_node *neap_strided_slice(neap_graph *g, neap_node *x, const int64_t *begin,
                              size_t begin_count, const int64_t *stop, size_t stop_count,
                              const int64_t *strides, size_t strides_count,
                              neap_error *err)
{
    neap_node *inputs[] = {x};
    neap_attribute attributes[] = {
        neap_attribute_ints("begin", begin, begin_count),
        neap_attribute_ints("stop", stop, stop_count),
        neap_attribute_ints("strides", strides, strides_count),
    };
    return neap__build_public(g, "neap_strided_slice", &neap__op_strided_slice, inputs, 1,
                              attributes, 3, NULL, err);
}

#undef neap_pad
neap_node *neap_pad(neap_graph *g, neap_node *x, const neap_pair *paddings,
                    size_t paddings_count, const neap_pad_options *options,
                    neap_error *err)
{
    neap_node *inputs[] = {x};
    neap_pad_options o = NEAP_PAD_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_pad", err))
        return NULL;
    neap_attribute attributes[] = {
        neap_attribute_pairs("paddings", paddings, paddings_count),
        neap__option_string("mode", o.mode),
        neap__option("constant_value", o.constant_value),
    };
    return neap__build_public(g, "neap_pad", &neap__op_pad, inputs, 1, attributes, 3,
                              NULL, err);
}

neap_node *neap_roll(neap_graph *g, neap_node *x, const int64_t *shift,
                     size_t shift_count, const int64_t *axis, size_t axis_count,
                     neap_error *err)
{
    neap_node *inputs[] = {x};
    neap_attribute attributes[] = {
        neap_attribute_ints("shift", shift, shift_count),
        neap_attribute_ints("axis", axis, axis_count),
    };
    return neap__build_public(g, "neap_roll", &neap__op_roll, inputs, 1, attributes, 2,
                              NULL, err);
}

#undef neap_gather
neap_node *neap_gather(neap_graph *g, neap_node *params, neap_node *indices,
                       const neap_gather_options *options, neap_error *err)
{
    neap_node *inputs[] = {params, indices};
    neap_gather_options o = NEAP_GATHER_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_gather", err))
        return NULL;
    neap_attribute attributes[] = {
        neap_attribute_int("axis", o.axis),
        neap_attribute_int("batch_dims", o.batch_dims),
    };
    return neap__build_public(g, "neap_gather", &neap__op_gather, inputs, 2, attributes,
                              2, NULL, err);
}

#undef neap_one_hot
neap_node *neap_one_hot(neap_graph *g, neap_node *indices, int64_t depth,
                        const neap_one_hot_options *options, neap_error *err)
{
    neap_node *inputs[] = {indices};
    neap_one_hot_options o = NEAP_ONE_HOT_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_one_hot", err))
        return NULL;
    neap_attribute attributes[] = {
        neap_attribute_int("depth", depth),
        neap__option("on_value", o.on_value),
        neap__option("off_value", o.off_value),
        neap_attribute_int("axis", o.axis),
        neap__option_dtype("dtype", o.dtype),
    };
    return neap__build_public(g, "neap_one_hot", &neap__op_one_hot, inputs, 1, attributes,
                              5, NULL, err);
}

#undef neap_softmax
neap_node *neap_softmax(neap_graph *g, neap_node *x, const neap_softmax_options *options,
                        neap_error *err)
{
    neap_node *inputs[] = {x};
    neap_softmax_options o = NEAP_SOFTMAX_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_softmax", err))
        return NULL;
    neap_attribute attributes[] = {
        neap_attribute_int("axis", o.axis),
    };
    return neap__build_public(g, "neap_softmax", &neap__op_softmax, inputs, 1, attributes,
                              1, NULL, err);
}

#undef neap_log_softmax
neap_node *neap_log_softmax(neap_graph *g, neap_node *x,
                            const neap_log_softmax_options *options, neap_error *err)
{
    neap_node *inputs[] = {x};
    neap_log_softmax_options o = NEAP_LOG_SOFTMAX_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_log_softmax", err))
        return NULL;
    neap_attribute attributes[] = {
        neap_attribute_int("axis", o.axis),
    };
    return neap__build_public(g, "neap_log_softmax", &neap__op_log_softmax, inputs, 1,
                              attributes, 1, NULL, err);
}

#undef neap_softmax_cross_entropy_with_logits
neap_node *neap_softmax_cross_entropy_with_logits(neap_graph *g, neap_node *labels,
                                                  neap_node *logits,
                                                  const neap_softmax_cross_entropy_with_logits_options *options,
                                                  neap_error *err)
{
    neap_node *inputs[] = {labels, logits};
    neap_softmax_cross_entropy_with_logits_options o = NEAP_SOFTMAX_CROSS_ENTROPY_WITH_LOGITS_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_softmax_cross_entropy_with_logits",
                       err))
        return NULL;
    neap_attribute attributes[] = {
        neap_attribute_int("axis", o.axis),
    };
    return neap__build_public(g, "neap_softmax_cross_entropy_with_logits",
                              &neap__op_softmax_cross_entropy_with_logits, inputs, 2,
                              attributes, 1, NULL, err);
}

neap_node *neap_sparse_softmax_cross_entropy_with_logits(neap_graph *g, neap_node *labels,
                                                         neap_node *logits,
                                                         neap_error *err)
{
    neap_node *inputs[] = {labels, logits};
    return neap__build_public(g, "neap_sparse_softmax_cross_entropy_with_logits",
                              &neap__op_sparse_softmax_cross_entropy_with_logits, inputs,
                              2, NULL, 0, NULL, err);
}

neap_node *neap_assign(neap_graph *g, neap_node *variable, neap_node *value,
                       neap_error *err)
{
    neap_node *inputs[] = {variable, value};
    return neap__build_public(g, "neap_assign", &neap__op_assign, inputs, 2, NULL, 0,
                              NULL, err);
}

neap_node *neap_assign_add(neap_graph *g, neap_node *variable, neap_node *value,
                           neap_error *err)
{
    neap_node *inputs[] = {variable, value};
    return neap__build_public(g, "neap_assign_add", &neap__op_assign_add, inputs, 2, NULL,
                              0, NULL, err);
}

neap_node *neap_assign_sub(neap_graph *g, neap_node *variable, neap_node *value,
                           neap_error *err)
{
    neap_node *inputs[] = {variable, value};
    return neap__build_public(g, "neap_assign_sub", &neap__op_assign_sub, inputs, 2, NULL,
                              0, NULL, err);
}

neap_node *neap_group(neap_graph *g, neap_node *const *x, size_t x_count, neap_error *err)
{
    return neap__build_public(g, "neap_group", &neap__op_group, x, x_count, NULL, 0, NULL,
                              err);
}

neap_node *neap_no_op(neap_graph *g, neap_error *err)
{
    return neap__build_public(g, "neap_no_op", &neap__op_no_op, NULL, 0, NULL, 0, NULL,
                              err);
}

neap_node *neap_apply_gradient_descent(neap_graph *g, neap_node *variable,
                                       neap_node *gradient, neap_node *learning_rate,
                                       neap_error *err)
{
    neap_node *inputs[] = {variable, gradient, learning_rate};
    return neap__build_public(g, "neap_apply_gradient_descent",
                              &neap__op_apply_gradient_descent, inputs, 3, NULL, 0, NULL,
                              err);
}

#undef neap_apply_momentum
neap_node *neap_apply_momentum(neap_graph *g, neap_node *variable, neap_node *velocity,
                               neap_node *gradient, neap_node *learning_rate,
                               const neap_apply_momentum_options *options,
                               neap_error *err)
{
    neap_node *inputs[] = {variable, velocity, gradient, learning_rate};
    neap_apply_momentum_options o = NEAP_APPLY_MOMENTUM_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_apply_momentum", err))
        return NULL;
    neap_attribute attributes[] = {
        neap_attribute_float("momentum", o.momentum),
        neap_attribute_bool("nesterov", o.nesterov),
    };
    return neap__build_public(g, "neap_apply_momentum", &neap__op_apply_momentum, inputs,
                              4, attributes, 2, NULL, err);
}

#undef neap_apply_adam
neap_node *neap_apply_adam(neap_graph *g, neap_node *variable, neap_node *m, neap_node *v,
                           neap_node *step, neap_node *gradient, neap_node *learning_rate,
                           const neap_apply_adam_options *options, neap_error *err)
{
    neap_node *inputs[] = {variable, m, v, step, gradient, learning_rate};
    neap_apply_adam_options o = NEAP_APPLY_ADAM_OPTIONS_INIT;
    if (!neap__options(&o, sizeof o, options, "neap_apply_adam", err))
        return NULL;
    neap_attribute attributes[] = {
        neap_attribute_float("beta1", o.beta1),
        neap_attribute_float("beta2", o.beta2),
        neap_attribute_float("epsilon", o.epsilon),
    };
    return neap__build_public(g, "neap_apply_adam", &neap__op_apply_adam, inputs, 6,
                              attributes, 3, NULL, err);
}

const size_t neap__op_slot_count = 256, neap__op_slotted = 99;
const neap__op *const neap__op_slots[256] = {
    [0] = &neap__op_no_op,
    [4] = &neap__op_tensordot_gradient,
    [5] = &neap__op_variable,
    [9] = &neap__op_matmul,
    [10] = &neap__op_stop_gradient,
    [12] = &neap__op_relu_gradient,
    [13] = &neap__op_expand_dims,
    [16] = &neap__op_parameter,
    [17] = &neap__op_while_loop,
    [19] = &neap__op_pad_gradient,
    [23] = &neap__op_sparse_softmax_cross_entropy_with_logits,
    [29] = &neap__op_log_softmax_gradient,
    [30] = &neap__op_roll,
    [35] = &neap__op_reduce_sum,
    [36] = &neap__op_result,
    [37] = &neap__op_constant,
    [38] = &neap__op_shape,
    [40] = &neap__op_exp,
    [41] = &neap__op_reduce_mean,
    [43] = &neap__op_tensordot,
    [47] = &neap__op_apply_adam,
    [48] = &neap__op_zeros,
    [51] = &neap__op_floor_divide,
    [53] = &neap__op_sparse_cross_entropy_gradient,
    [58] = &neap__op_negative,
    [59] = &neap__op_abs,
    [61] = &neap__op_ensure_shape_like,
    [62] = &neap__op_zeros_like,
    [65] = &neap__op_apply_gradient_descent,
    [66] = &neap__op_ones_like,
    [69] = &neap__op_multiply,
    [70] = &neap__op_square,
    [72] = &neap__op_fill,
    [73] = &neap__op_softmax,
    [75] = &neap__op_sigmoid,
    [78] = &neap__op_cast,
    [79] = &neap__op_product_of_others,
    [80] = &neap__op_log_softmax,
    [81] = &neap__op_log,
    [82] = &neap__op_slice,
    [83] = &neap__op_reduce_broadcast,
    [88] = &neap__op_where,
    [89] = &neap__op_reduce_logsumexp,
    [95] = &neap__op_matmul_operand,
    [97] = &neap__op_subtract,
    [99] = &neap__op_one_hot,
    [103] = &neap__op_squeeze,
    [110] = &neap__op_apply_momentum,
    [111] = &neap__op_host,
    [112] = &neap__op_divide,
    [113] = &neap__op_broadcast_to,
    [114] = &neap__op_assign_add,
    [116] = &neap__op_add,
    [117] = &neap__op_reduce_prod,
    [125] = &neap__op_concat,
    [126] = &neap__op_slice_gradient,
    [129] = &neap__op_maximum,
    [130] = &neap__op_broadcast_like,
    [131] = &neap__op_mod,
    [133] = &neap__op_reshape,
    [134] = &neap__op_reduce_max,
    [136] = &neap__op_leaky_relu,
    [138] = &neap__op_gather,
    [140] = &neap__op_group,
    [145] = &neap__op_truncated_normal,
    [147] = &neap__op_relu,
    [148] = &neap__op_ones,
    [153] = &neap__op_greater,
    [154] = &neap__op_placeholder,
    [155] = &neap__op_identity,
    [157] = &neap__op_tanh_gradient,
    [161] = &neap__op_random_uniform,
    [164] = &neap__op_sign,
    [165] = &neap__op_strided_slice,
    [168] = &neap__op_shape_along,
    [170] = &neap__op_pad,
    [179] = &neap__op_gather_gradient,
    [184] = &neap__op_less,
    [190] = &neap__op_softmax_cross_entropy_with_logits,
    [192] = &neap__op_transpose,
    [194] = &neap__op_sum_to_like,
    [196] = &neap__op_reduce_min,
    [197] = &neap__op_softplus,
    [202] = &neap__op_strided_slice_gradient,
    [204] = &neap__op_assign,
    [207] = &neap__op_sqrt,
    [208] = &neap__op_tanh,
    [213] = &neap__op_pow,
    [217] = &neap__op_assign_sub,
    [226] = &neap__op_cross_entropy_gradient,
    [228] = &neap__op_sigmoid_gradient,
    [229] = &neap__op_reshape_like,
    [239] = &neap__op_equal,
    [240] = &neap__op_random_normal,
    [241] = &neap__op_log1p,
    [242] = &neap__op_argmax,
    [246] = &neap__op_softmax_gradient,
    [247] = &neap__op_minimum,
    [253] = &neap__op_cond,
};
