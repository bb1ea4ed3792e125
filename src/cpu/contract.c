/* contract.c - products over any axes. What floats have a GEMM for goes there; every other
 * dtype has a plain loop, whose rows are shared out. */
#include "cpu/contract.h"

#include <string.h>

typedef unsigned char byte;
/* Integers of that width: signed or not, wrapped sums and products are the same bits. */
typedef uint16_t __attribute__((may_alias)) word2;
typedef uint32_t __attribute__((may_alias)) word4;
typedef uint64_t __attribute__((may_alias)) word8;

/* ---- The plain loop -------------------------------------------------------------- */

typedef struct plain {
    const neap__contract_args *args;
    const void *left, *right;
    void *out;
    int64_t row_step, left_step, right_step, column_step; /* in elements */
    int64_t rows;                                         /* of a part */
} plain;

/* Rows begin … end - 1. `read` and `write` are between the elements and what is summed. */
#define PLAIN(T, S, read, write)                                                         \
    do {                                                                                 \
        const T *x = p->left, *y = p->right;                                             \
        T *z = p->out;                                                                   \
        for (int64_t i = begin; i < end; i++)                                            \
            for (int64_t j = 0; j < n; j++) {                                            \
                S sum = 0;                                                               \
                for (int64_t s = 0; s < k; s++)                                          \
                    sum += (S)read(x[i * p->row_step + s * p->left_step]) *              \
                           (S)read(y[s * p->right_step + j * p->column_step]);           \
                z[i * n + j] = (T)write(sum);                                            \
            }                                                                            \
    } while (0)

static void plain_job(void *context, int64_t part, int worker)
{
    const plain *p = context;
    const int64_t n = p->args->n, k = p->args->k, begin = part * p->rows,
                  rest = p->args->m - begin,
                  end = begin + (rest < p->rows ? rest : p->rows);
    (void)worker;
    if (p->args->dtype == NEAP_FLOAT16)
        PLAIN(word2, float, neap__half_to_float, neap__float_to_half);
    else if (p->args->dtype == NEAP_BFLOAT16)
        PLAIN(word2, float, neap__bfloat_to_float, neap__float_to_bfloat);
    else if (neap_dtype_size(p->args->dtype) == 1)
        PLAIN(byte, uint32_t, , );
    else if (neap_dtype_size(p->args->dtype) == 2)
        PLAIN(word2, uint32_t, , );
    else if (neap_dtype_size(p->args->dtype) == 4)
        PLAIN(word4, uint32_t, , );
    else
        PLAIN(word8, uint64_t, , );
}

static void multiply_plain(const neap__call *call, const void *left, const void *right,
                           void *out)
{
    const neap__contract_args *a = call->args;
    const bool lt = a->left.transposed, rt = a->right.transposed;
    plain p = {.args = a,
               .left = left,
               .right = right,
               .out = out,
               .row_step = lt ? 1 : a->k,
               .left_step = lt ? a->m : 1,
               .right_step = rt ? 1 : a->n,
               .column_step = rt ? a->k : 1};
    const double row = (double)a->n * (double)(a->k > 0 ? a->k : 1);
    p.rows = row < NEAP__GRAIN ? (int64_t)(NEAP__GRAIN / row) : 1;
    const int64_t parts = (a->m + p.rows - 1) / p.rows;
    if (parts == 1)
        plain_job(&p, 0, 0);
    else
        neap__team_run(call->team, parts, plain_job, &p);
}

/* ---- The call -------------------------------------------------------------------- */

static bool has_gemm(const neap__contract_args *a)
{
    return a->dtype == NEAP_FLOAT32 || a->dtype == NEAP_FLOAT64;
}

static size_t take(size_t *used, size_t bytes)
{
    const size_t at = *used, mask = NEAP__ALIGNMENT - 1;
    *used += (bytes + mask) & ~mask;
    return at;
}

size_t neap__contract_choose(neap__contract_args *a, neap__isa isa, int workers)
{
    const size_t width = neap_dtype_size(a->dtype);
    size_t used = 0;
    if (a->left.copied)
        a->left.at = take(&used, (size_t)(a->m * a->k) * width);
    if (a->right.copied)
        a->right.at = take(&used, (size_t)(a->k * a->n) * width);
    if (a->placed)
        a->product_at = take(&used, (size_t)(a->m * a->n) * width);
    a->gemm_at = used;
    if (!has_gemm(a))
        return used;
    const bool lt = a->left.transposed, rt = a->right.transposed;
    a->gemm = (neap__gemm){.dtype = a->dtype,
                           .isa = isa,
                           .m = a->m,
                           .n = a->n,
                           .k = a->k,
                           .transpose_a = lt,
                           .transpose_b = rt,
                           .lda = lt ? a->m : a->k,
                           .ldb = rt ? a->k : a->n,
                           .batch = 1};
    return used + neap__gemm_choose(&a->gemm, workers);
}

static void copy(const neap__call *call, const neap__copy_args *args, const void *from,
                 void *to)
{
    neap__call c = *call;
    c.in = &from;
    c.out = &to;
    c.args = args;
    neap__cpu_copy(&c);
}

/* The matrix's elements, copied first where they do not lie as one. */
static const void *arrange(const neap__call *call, const neap__matrix *m)
{
    if (!m->copied)
        return call->in[m->input];
    byte *to = (byte *)call->scratch + m->at;
    copy(call, &m->copy, call->in[m->input], to);
    return to;
}

int neap__cpu_contract(const neap__call *call)
{
    const neap__contract_args *a = call->args;
    if (a->m == 0 || a->n == 0)
        return NEAP_OK;
    const void *operands[] = {arrange(call, &a->left), arrange(call, &a->right)};
    void *product = a->placed ? (byte *)call->scratch + a->product_at : call->out[0];
    if (has_gemm(a)) {
        neap__call c = *call;
        c.in = operands;
        c.out = &product;
        c.args = &a->gemm;
        c.scratch = (byte *)call->scratch + a->gemm_at;
        neap__cpu_gemm(&c);
    } else {
        multiply_plain(call, operands[0], operands[1], product);
    }
    if (a->placed)
        copy(call, &a->to, product, call->out[0]);
    return NEAP_OK;
}
