/* argmax.c - where along an axis the greatest element is. */
#include "cpu/reduce.h"

#define SAME(v) (v)
/* One column: the first of the greatest; a NaN is greater than any number, the first
 * NaN stays. */
#define ARGMAX(name, T, C, load)                                                         \
    static int64_t argmax_##name(const void *column, int64_t count, int64_t stride)      \
    {                                                                                    \
        const T *x = column;                                                             \
        C best = load(x[0]);                                                             \
        int64_t position = 0;                                                            \
        for (int64_t k = 1; k < count; k++) {                                            \
            const C v = load(x[k * stride]);                                             \
            if (!(v <= best) && IS_NUMBER(best)) {                                       \
                best = v;                                                                \
                position = k;                                                            \
            }                                                                            \
        }                                                                                \
        return position;                                                                 \
    }
#define IS_NUMBER(v) ((v) == (v))
ARGMAX(float32, float, float, SAME)
ARGMAX(float64, double, double, SAME)
ARGMAX(float16, uint16_t, float, neap__half_to_float)
ARGMAX(bfloat16, uint16_t, float, neap__bfloat_to_float)
#undef IS_NUMBER
#define IS_NUMBER(v) true
ARGMAX(int8, int8_t, int8_t, SAME)
ARGMAX(int16, int16_t, int16_t, SAME)
ARGMAX(int32, int32_t, int32_t, SAME)
ARGMAX(int64, int64_t, int64_t, SAME)
ARGMAX(uint8, uint8_t, uint8_t, SAME)
ARGMAX(uint16, uint16_t, uint16_t, SAME)
ARGMAX(uint32, uint32_t, uint32_t, SAME)
ARGMAX(uint64, uint64_t, uint64_t, SAME)

typedef int64_t argmax_column(const void *column, int64_t count, int64_t stride);
static argmax_column *const argmaxes[NEAP__DTYPES] = {
    [NEAP_FLOAT32] = argmax_float32, [NEAP_FLOAT64] = argmax_float64,
    [NEAP_FLOAT16] = argmax_float16, [NEAP_BFLOAT16] = argmax_bfloat16,
    [NEAP_INT8] = argmax_int8,       [NEAP_INT16] = argmax_int16,
    [NEAP_INT32] = argmax_int32,     [NEAP_INT64] = argmax_int64,
    [NEAP_UINT8] = argmax_uint8,     [NEAP_BOOL] = argmax_uint8,
    [NEAP_UINT16] = argmax_uint16,   [NEAP_UINT32] = argmax_uint32,
    [NEAP_UINT64] = argmax_uint64};

static int64_t results_of_a_part(const neap__argmax_args *a)
{
    return a->count < NEAP__GRAIN ? NEAP__GRAIN / a->count : 1;
}

static void argmax_job(void *context, int64_t part, int worker)
{
    const neap__call *call = context;
    const neap__argmax_args *a = call->args;
    const int64_t each = results_of_a_part(a);
    const int64_t begin = part * each, rest = a->outer * a->inner - begin;
    const size_t size = neap_dtype_size(a->dtype);
    const char *x = call->in[0];
    (void)worker;
    for (int64_t i = begin; i < begin + (rest < each ? rest : each); i++) {
        const int64_t first = i / a->inner * a->count * a->inner + i % a->inner;
        const int64_t best =
            argmaxes[a->dtype](x + (size_t)first * size, a->count, a->inner);
        if (a->output == NEAP_INT64)
            ((int64_t *)call->out[0])[i] = best;
        else
            ((int32_t *)call->out[0])[i] = (int32_t)best;
    }
}

int neap__cpu_argmax(const neap__call *call)
{
    const neap__argmax_args *a = call->args;
    const int64_t each = results_of_a_part(a);
    const int64_t parts = (a->outer * a->inner + each - 1) / each;
    if (parts > 0)
        neap__team_run(call->team, parts, argmax_job, (void *)call);
    return NEAP_OK;
}
