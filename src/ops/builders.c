/* builders.c - one function for each operation. Generated from the descriptors by
 * `make generate`: do not edit. */
#include "ops/ops.h"

neap_node *neap_zeros(neap_graph *g, const int64_t *shape, size_t shape_count,
                      neap_error *err)
{
    neap_attribute attributes[] = {
        neap_attribute_ints("shape", shape, shape_count),
    };
    return neap__build_public(g, "neap_zeros", &neap__op_zeros, NULL, 0, attributes, 1,
                              NULL, err);
}

neap_node *neap_ones(neap_graph *g, const int64_t *shape, size_t shape_count,
                     neap_error *err)
{
    neap_attribute attributes[] = {
        neap_attribute_ints("shape", shape, shape_count),
    };
    return neap__build_public(g, "neap_ones", &neap__op_ones, NULL, 0, attributes, 1,
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

neap_node *neap_random_uniform(neap_graph *g, const int64_t *shape, size_t shape_count,
                               neap_error *err)
{
    neap_attribute attributes[] = {
        neap_attribute_ints("shape", shape, shape_count),
    };
    return neap__build_public(g, "neap_random_uniform", &neap__op_random_uniform, NULL, 0,
                              attributes, 1, NULL, err);
}

neap_node *neap_random_normal(neap_graph *g, const int64_t *shape, size_t shape_count,
                              neap_error *err)
{
    neap_attribute attributes[] = {
        neap_attribute_ints("shape", shape, shape_count),
    };
    return neap__build_public(g, "neap_random_normal", &neap__op_random_normal, NULL, 0,
                              attributes, 1, NULL, err);
}

neap_node *neap_truncated_normal(neap_graph *g, const int64_t *shape, size_t shape_count,
                                 neap_error *err)
{
    neap_attribute attributes[] = {
        neap_attribute_ints("shape", shape, shape_count),
    };
    return neap__build_public(g, "neap_truncated_normal", &neap__op_truncated_normal,
                              NULL, 0, attributes, 1, NULL, err);
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

neap_node *neap_leaky_relu(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_leaky_relu", &neap__op_leaky_relu, inputs, 1, NULL,
                              0, NULL, err);
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

neap_node *neap_reduce_sum(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_reduce_sum", &neap__op_reduce_sum, inputs, 1, NULL,
                              0, NULL, err);
}

neap_node *neap_reduce_mean(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_reduce_mean", &neap__op_reduce_mean, inputs, 1,
                              NULL, 0, NULL, err);
}

neap_node *neap_reduce_max(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_reduce_max", &neap__op_reduce_max, inputs, 1, NULL,
                              0, NULL, err);
}

neap_node *neap_reduce_min(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_reduce_min", &neap__op_reduce_min, inputs, 1, NULL,
                              0, NULL, err);
}

neap_node *neap_reduce_prod(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_reduce_prod", &neap__op_reduce_prod, inputs, 1,
                              NULL, 0, NULL, err);
}

neap_node *neap_reduce_logsumexp(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_reduce_logsumexp", &neap__op_reduce_logsumexp,
                              inputs, 1, NULL, 0, NULL, err);
}

neap_node *neap_argmax(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_argmax", &neap__op_argmax, inputs, 1, NULL, 0,
                              NULL, err);
}

neap_node *neap_matmul(neap_graph *g, neap_node *a, neap_node *b, neap_error *err)
{
    neap_node *inputs[] = {a, b};
    return neap__build_public(g, "neap_matmul", &neap__op_matmul, inputs, 2, NULL, 0,
                              NULL, err);
}

neap_node *neap_transpose(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_transpose", &neap__op_transpose, inputs, 1, NULL,
                              0, NULL, err);
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

neap_node *neap_squeeze(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_squeeze", &neap__op_squeeze, inputs, 1, NULL, 0,
                              NULL, err);
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

neap_node *neap_gather(neap_graph *g, neap_node *params, neap_node *indices,
                       neap_error *err)
{
    neap_node *inputs[] = {params, indices};
    return neap__build_public(g, "neap_gather", &neap__op_gather, inputs, 2, NULL, 0,
                              NULL, err);
}

neap_node *neap_one_hot(neap_graph *g, neap_node *indices, int64_t depth, neap_error *err)
{
    neap_node *inputs[] = {indices};
    neap_attribute attributes[] = {
        neap_attribute_int("depth", depth),
    };
    return neap__build_public(g, "neap_one_hot", &neap__op_one_hot, inputs, 1, attributes,
                              1, NULL, err);
}

neap_node *neap_softmax(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_softmax", &neap__op_softmax, inputs, 1, NULL, 0,
                              NULL, err);
}

neap_node *neap_log_softmax(neap_graph *g, neap_node *x, neap_error *err)
{
    neap_node *inputs[] = {x};
    return neap__build_public(g, "neap_log_softmax", &neap__op_log_softmax, inputs, 1,
                              NULL, 0, NULL, err);
}

neap_node *neap_softmax_cross_entropy_with_logits(neap_graph *g, neap_node *labels,
                                                  neap_node *logits, neap_error *err)
{
    neap_node *inputs[] = {labels, logits};
    return neap__build_public(g, "neap_softmax_cross_entropy_with_logits",
                              &neap__op_softmax_cross_entropy_with_logits, inputs, 2,
                              NULL, 0, NULL, err);
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

neap_node *neap_apply_momentum(neap_graph *g, neap_node *variable, neap_node *velocity,
                               neap_node *gradient, neap_node *learning_rate,
                               neap_error *err)
{
    neap_node *inputs[] = {variable, velocity, gradient, learning_rate};
    return neap__build_public(g, "neap_apply_momentum", &neap__op_apply_momentum, inputs,
                              4, NULL, 0, NULL, err);
}

neap_node *neap_apply_adam(neap_graph *g, neap_node *variable, neap_node *m, neap_node *v,
                           neap_node *step, neap_node *gradient, neap_node *learning_rate,
                           neap_error *err)
{
    neap_node *inputs[] = {variable, m, v, step, gradient, learning_rate};
    return neap__build_public(g, "neap_apply_adam", &neap__op_apply_adam, inputs, 6, NULL,
                              0, NULL, err);
}
