/* update.h - optimizers (update.c): one pass over memory. */
#ifndef NEAP_CPU_UPDATE_H
#define NEAP_CPU_UPDATE_H

#include "cpu/kernel.h"

/* Each element once: reads variable, slots and gradient, writes the new variable and
 * slots; out[i] may be in[i]. rate is rank 0, of the variable's dtype. */
typedef struct neap__update_args {
    neap_dtype dtype; /* float32, float64 */
    neap__isa isa;
    int64_t count;
    double momentum, beta1, beta2, epsilon;
    bool nesterov;
} neap__update_args;
/* in variable, gradient, rate; out variable: v -= rate * g */
neap__kernel neap__cpu_apply_gradient_descent;
/* in variable, momentum, gradient, rate; out variable, momentum: m = momentum * m + g; v
 * -= rate * m (or, nesterov, v -= rate * (g + momentum * m)): Sutskever et al. 2013, as
 * TensorFlow's */
neap__kernel neap__cpu_apply_momentum;
/* in variable, m, v, step (int64, rank 0), gradient, rate; out variable, m, v, step:
 * Kingma and Ba 2015 in the form of their section 2's last paragraph, as TensorFlow's: t
 * = step + 1; m += (g - m)(1 - beta1); v += (g² - v)(1 - beta2); variable -= rate *
 * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon) */
neap__kernel neap__cpu_apply_adam;

#endif
