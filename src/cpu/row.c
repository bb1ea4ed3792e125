/* row.c - softmax and its kin along one axis. x is seen as (outer, count, inner); row
 * r = (o, i) begins at element o * count * inner + i and its elements are `inner`
 * apart. Each row is one worker's, so that the number of workers shows nowhere. A row
 * of -inf alone, or one that holds +inf or NaN, gives NaN. */
#include "cpu/vector.h"

#define GRAIN 16384 /* elements of a part */

typedef struct rows {
    neap__row *row;
    const neap__row_args *args;
    int64_t total, part; /* rows; of a part */
    size_t size;         /* of an element */
    int inputs;
    struct {
        const char *from;
        bool scalar; /* one element a row, not `count` */
    } in[3];
    char *out;
    bool scalar;        /* the result: one element a row */
    const void *labels; /* of sparse losses, else NULL */
} rows;

static int64_t label_at(neap_dtype dtype, const void *labels, int64_t i)
{
    if (dtype == NEAP_INT64)
        return ((const int64_t *)labels)[i];
    if (dtype == NEAP_INT32)
        return ((const int32_t *)labels)[i];
    return neap__element_integer(dtype, labels, i);
}

static void row_job(void *context, int64_t part, int worker)
{
    const rows *r = context;
    const neap__row_args *a = r->args;
    const int64_t begin = part * r->part, rest = r->total - begin;
    (void)worker;
    for (int64_t k = begin; k < begin + (rest < r->part ? rest : r->part); k++) {
        const int64_t first = k / a->inner * a->count * a->inner + k % a->inner;
        const void *in[3];
        for (int i = 0; i < r->inputs; i++)
            in[i] = r->in[i].from + (size_t)(r->in[i].scalar ? k : first) * r->size;
        r->row(a->count, a->inner, in, r->out + (size_t)(r->scalar ? k : first) * r->size,
               r->labels ? label_at(a->labels, r->labels, k) : 0);
    }
}

static rows rows_of(const neap__call *call, int code)
{
    const neap__row_args *a = call->args;
    rows r = {.row = neap__vectors_of(a->isa)->row[a->dtype][code], .args = a};
    r.total = a->outer * a->inner;
    r.part = a->count < GRAIN ? GRAIN / (a->count ? a->count : 1) : 1;
    r.size = neap_dtype_size(a->dtype);
    r.out = call->out[0];
    return r;
}

static void take(rows *r, const void *operand, bool scalar)
{
    r->in[r->inputs].from = operand;
    r->in[r->inputs++].scalar = scalar;
}

static int run(rows *r, const neap__call *call)
{
    const int64_t parts = (r->total + r->part - 1) / r->part;
    if (r->args->count == 0 && !r->scalar)
        return NEAP_OK;
    if (parts == 1)
        row_job(r, 0, 0);
    else if (parts > 1)
        neap__team_run(call->team, parts, row_job, r);
    return NEAP_OK;
}

static int run_like(const neap__call *call, int code, int inputs)
{
    rows r = rows_of(call, code);
    for (int i = 0; i < inputs; i++)
        take(&r, call->in[i], false);
    return run(&r, call);
}

int neap__cpu_softmax(const neap__call *call)
{
    return run_like(call, NEAP__ROW_SOFTMAX, 1);
}

int neap__cpu_log_softmax(const neap__call *call)
{
    return run_like(call, NEAP__ROW_LOG_SOFTMAX, 1);
}

int neap__cpu_softmax_gradient(const neap__call *call)
{
    return run_like(call, NEAP__ROW_SOFTMAX_GRADIENT, 2);
}

int neap__cpu_log_softmax_gradient(const neap__call *call)
{
    return run_like(call, NEAP__ROW_LOG_SOFTMAX_GRADIENT, 2);
}

int neap__cpu_cross_entropy(const neap__call *call)
{
    rows r = rows_of(call, NEAP__ROW_CROSS_ENTROPY);
    take(&r, call->in[0], false);
    take(&r, call->in[1], false);
    r.scalar = true;
    return run(&r, call);
}

int neap__cpu_cross_entropy_gradient(const neap__call *call)
{
    rows r = rows_of(call, NEAP__ROW_CROSS_ENTROPY_GRADIENT);
    take(&r, call->in[0], true);
    take(&r, call->in[1], false);
    take(&r, call->in[2], false);
    return run(&r, call);
}

static int check_labels(const rows *r, neap_error *err)
{
    for (int64_t i = 0; i < r->total; i++) {
        const int64_t label = label_at(r->args->labels, r->labels, i);
        if (label < 0 || label >= r->args->count)
            return neap__fail(err, NEAP_ERANGE, "labels[%lld] = %lld is not in [0, %lld)",
                              (long long)i, (long long)label, (long long)r->args->count);
    }
    return NEAP_OK;
}

int neap__cpu_sparse_cross_entropy(const neap__call *call)
{
    rows r = rows_of(call, NEAP__ROW_SPARSE);
    r.labels = call->in[0];
    take(&r, call->in[1], false);
    r.scalar = true;
    const int code = check_labels(&r, call->err);
    return code ? code : run(&r, call);
}

int neap__cpu_sparse_cross_entropy_gradient(const neap__call *call)
{
    rows r = rows_of(call, NEAP__ROW_SPARSE_GRADIENT);
    r.labels = call->in[1];
    take(&r, call->in[0], true);
    take(&r, call->in[2], false);
    const int code = check_labels(&r, call->err);
    return code ? code : run(&r, call);
}
