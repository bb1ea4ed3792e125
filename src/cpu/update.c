/* update.c - the optimizers: one pass over memory, in parts cut by size alone. */
#include "cpu/vector.h"

#include <math.h>

#define PART 16384 /* elements; a multiple of every vector's */

typedef struct update {
    const neap__call *call;
    neap__update *loop;
    double rate;
    int inputs, outputs; /* those of `count` elements */
    const void *in[4];
    void *out[3];
} update;

static void update_job(void *context, int64_t part, int worker)
{
    const update *u = context;
    const neap__update_args *a = u->call->args;
    const int64_t begin = part * PART, rest = a->count - begin;
    const size_t offset = (size_t)begin * neap_dtype_size(a->dtype);
    const void *in[4];
    void *out[3];
    (void)worker;
    for (int i = 0; i < u->inputs; i++)
        in[i] = (const char *)u->in[i] + offset;
    for (int i = 0; i < u->outputs; i++)
        out[i] = (char *)u->out[i] + offset;
    u->loop(a, u->rate, rest < PART ? rest : PART, in, out);
}

static void run(const neap__call *call, int code, double rate, int inputs,
                const void *const *in, int outputs)
{
    const neap__update_args *a = call->args;
    update u = {.call = call, .rate = rate, .inputs = inputs, .outputs = outputs};
    u.loop = neap__vectors_of(a->isa)->update[a->dtype][code];
    for (int i = 0; i < inputs; i++)
        u.in[i] = in[i];
    for (int i = 0; i < outputs; i++)
        u.out[i] = call->out[i];
    const int64_t parts = (a->count + PART - 1) / PART;
    if (parts == 1)
        update_job(&u, 0, 0);
    else if (parts > 1)
        neap__team_run(call->team, parts, update_job, &u);
}

static double rate_of(const neap__call *call, int i)
{
    const neap__update_args *a = call->args;
    return neap__element_number(a->dtype, call->in[i], 0);
}

int neap__cpu_apply_gradient_descent(const neap__call *call)
{
    run(call, NEAP__UPDATE_DESCENT, rate_of(call, 2), 2, call->in, 1);
    return NEAP_OK;
}

int neap__cpu_apply_momentum(const neap__call *call)
{
    run(call, NEAP__UPDATE_MOMENTUM, rate_of(call, 3), 3, call->in, 2);
    return NEAP_OK;
}

int neap__cpu_apply_adam(const neap__call *call)
{
    const neap__update_args *a = call->args;
    const void *in[4] = {call->in[0], call->in[1], call->in[2], call->in[4]};
    const int64_t t = (int64_t)((uint64_t) * (const int64_t *)call->in[3] + 1);
    const double unbias =
        sqrt(1 - pow(a->beta2, (double)t)) / (1 - pow(a->beta1, (double)t));
    run(call, NEAP__UPDATE_ADAM, rate_of(call, 5) * unbias, 4, in, 3);
    *(int64_t *)call->out[3] = t;
    return NEAP_OK;
}
