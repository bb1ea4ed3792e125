/* reduce.c - sums, means, maxima and logarithms of sums of exponentials over some
 * dimensions; argmax.
 *
 * Seen from the last dimension there are two layouts: it is reduced, and each result is
 * folded from runs of contiguous elements ("rows"); or it is kept, and a row of
 * accumulators is folded from rows ("columns").
 *
 * 1. The elements of a result are cut into chunks, and the columns into blocks, by sizes
 *    alone. A task is one chunk of one result, or of one block of columns; it starts from
 *    the fold's own zero.
 * 2. Where there is one chunk, its task writes results. Else it writes accumulators to
 *    scratch, and these are combined in the order of chunks, in the caller's thread.
 * 3. Accumulators are double for every floating dtype. A chunk of m contiguous elements
 *    is shared by 32 of them, so that a sum of n elements suffers at most m / 32 + 32 +
 *    n / CHUNK additions in a row (by columns: m / 4 + n / m), and its error is at most
 *    so many 2^-53 of the sum of magnitudes: 1e-12 for 1e7 elements. The result is
 *    rounded to its dtype once.
 * 4. A logarithm of a sum takes two folds: the maximum, which becomes the shift, then
 *    the sum of what remains. */
#include "cpu/vector.h"

#include <math.h>
#include <string.h>

#define CHUNK 32768 /* elements of a task, about */
#define BLOCK 512   /* columns of a task */
#define BATCH 64    /* rows whose results are written together */

/* ---- Sizes ------------------------------------------------------------------------- */

void neap__reduce_fix(neap__reduce_args *a, const neap__shape *x, unsigned mask)
{
    a->rank = 0;
    a->mask = 0;
    a->outputs = a->count = 1;
    for (int d = 0; d < x->rank; d++) {
        const unsigned goes = mask >> d & 1;
        if (goes)
            a->count *= x->dims[d];
        else
            a->outputs *= x->dims[d];
        if (x->dims[d] == 1)
            continue;
        if (a->rank && (a->mask >> (a->rank - 1) & 1) == goes) {
            a->dims[a->rank - 1] *= x->dims[d];
            continue;
        }
        a->mask |= goes << a->rank;
        a->dims[a->rank++] = x->dims[d];
    }
    if (a->rank == 0)
        a->dims[a->rank++] = 1;
}

/* How a reduction is cut. Rows are columns of width 1. */
typedef struct cut {
    bool rows;      /* the last dimension is reduced */
    int64_t width;  /* of the kept last dimension, or 1 */
    int64_t groups; /* results / width */
    int64_t units;  /* elements of a result (rows), or rows of a column (columns) */
    int64_t unit;   /* the units of a chunk */
    int64_t chunks, blocks;
    int64_t tasks, batch; /* groups * chunks * blocks; tasks of one part of the job */
} cut;

static int64_t quotient_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

static cut cut_of(const neap__reduce_args *a)
{
    cut c;
    c.rows = a->mask >> (a->rank - 1) & 1;
    c.width = c.rows ? 1 : a->dims[a->rank - 1];
    c.groups = c.width ? a->outputs / c.width : 0;
    c.units = a->count;
    const int64_t columns = c.width < BLOCK ? c.width : BLOCK;
    c.unit = c.rows || columns == 0 ? CHUNK : quotient_up(CHUNK, columns);
    c.chunks = c.units > c.unit ? quotient_up(c.units, c.unit) : 1;
    c.blocks = quotient_up(c.width, BLOCK);
    c.tasks = c.groups * c.chunks * c.blocks;
    const int64_t work = (c.units < c.unit ? c.units : c.unit) * (columns ? columns : 1);
    c.batch = work < CHUNK ? CHUNK / (work ? work : 1) : 1;
    return c;
}

size_t neap__reduce_scratch(const neap__reduce_args *a, int workers)
{
    const cut c = cut_of(a);
    (void)workers; /* partials belong to tasks */
    return c.chunks == 1 ? 0 : (size_t)(a->outputs * (c.chunks + 1)) * sizeof(double);
}

/* ---- Walking over dimensions of one kind ------------------------------------------- */

/* The dimensions that are kept, or those that go, as digits of a position. */
typedef struct walk {
    int rank;
    int64_t dims[NEAP_MAX_RANK], strides[NEAP_MAX_RANK], index[NEAP_MAX_RANK];
    int64_t offset;
} walk;

static walk walk_of(const neap__reduce_args *a, unsigned goes, int rank)
{
    walk w = {.rank = 0};
    int64_t stride = 1, strides[NEAP_MAX_RANK];
    for (int d = a->rank - 1; d >= 0; d--) {
        strides[d] = stride;
        stride *= a->dims[d];
    }
    for (int d = 0; d < rank; d++)
        if ((a->mask >> d & 1) == goes) {
            w.dims[w.rank] = a->dims[d];
            w.strides[w.rank++] = strides[d];
        }
    return w;
}

static void walk_to(walk *w, int64_t position)
{
    w->offset = 0;
    for (int d = w->rank - 1; d >= 0; d--) {
        w->index[d] = position % w->dims[d];
        position /= w->dims[d];
        w->offset += w->index[d] * w->strides[d];
    }
}

/* Forward by `steps`, which stay within the last dimension or reach its end. */
static void walk_on(walk *w, int64_t steps)
{
    for (int d = w->rank - 1; d >= 0; d--) {
        w->offset += steps * w->strides[d];
        w->index[d] += steps;
        if (w->index[d] < w->dims[d])
            return;
        w->offset -= w->dims[d] * w->strides[d];
        w->index[d] = 0;
        steps = 1;
    }
}

static int64_t run_length(const walk *w)
{
    return w->rank ? w->dims[w->rank - 1] - w->index[w->rank - 1] : 1;
}

/* ---- Tasks ------------------------------------------------------------------------- */

typedef struct reduction {
    const neap__reduce_args *args;
    const neap__folds *folds;
    cut cut;
    int fold; /* of this pass */
    const char *x;
    size_t size; /* of an element */
    char *out;
    double *partials; /* [groups][chunks][width] cells */
    double *shift;    /* [outputs], of a logarithm in chunks */
} reduction;

static bool takes_logarithm(const reduction *r)
{
    return r->args->reduction == NEAP__REDUCE_logsumexp;
}

/* The accumulators' first value, an integer's as its bits. */
static void begin_fold(const reduction *r, int fold, int64_t n, double *acc)
{
    static const int64_t lowest[NEAP__DTYPES] = {[NEAP_INT8] = INT8_MIN,
                                                 [NEAP_INT16] = INT16_MIN,
                                                 [NEAP_INT32] = INT32_MIN,
                                                 [NEAP_INT64] = INT64_MIN};
    const double infinity = -INFINITY;
    int64_t bits = 0;
    if (fold == NEAP__FOLD_MAX) {
        if (neap__is_floating(r->args->dtype))
            memcpy(&bits, &infinity, sizeof bits);
        else
            bits = lowest[r->args->dtype];
    }
    for (int64_t i = 0; i < n; i++)
        memcpy(&acc[i], &bits, sizeof bits);
}

/* What exp subtracts: the maximum, but nothing where that is infinite, so that -inf
 * gives exp 0 and +inf gives +inf. */
static void make_shift(int64_t n, const double *max, double *shift)
{
    for (int64_t i = 0; i < n; i++)
        shift[i] = isinf(max[i]) ? 0 : max[i];
}

/* Folds units [begin, end) into accumulators for n columns (one, if by rows); `x` is
 * their first. */
static void fold_units(const reduction *r, walk *gone, int fold, const char *x,
                       int64_t begin, int64_t end, int64_t n, const double *shift,
                       double *acc)
{
    begin_fold(r, fold, n, acc);
    if (begin >= end || n == 0)
        return;
    walk_to(gone, begin);
    for (int64_t at = begin; at < end;) {
        const int64_t run = run_length(gone), m = run < end - at ? run : end - at;
        const void *from = x + (size_t)gone->offset * r->size;
        if (r->cut.rows)
            r->folds->row[fold](m, from, shift, acc);
        else
            r->folds->columns[fold](m, n, gone->rank ? gone->strides[gone->rank - 1] : 0,
                                    from, shift, acc);
        walk_on(gone, m);
        at += m;
    }
}

/* One task whose chunk is the only one, down to the last accumulators and their shift. */
static void fold_whole(const reduction *r, walk *gone, const char *x, int64_t n,
                       double *shift, double *acc)
{
    if (takes_logarithm(r)) {
        fold_units(r, gone, NEAP__FOLD_MAX, x, 0, r->cut.units, n, NULL, acc);
        make_shift(n, acc, shift);
    }
    fold_units(r, gone, r->fold, x, 0, r->cut.units, n, shift, acc);
}

/* Tasks [begin, end), each one result. */
static void whole_rows(const reduction *r, walk *kept, walk *gone, int64_t begin,
                       int64_t end)
{
    double acc[BATCH], shift[BATCH];
    walk_to(kept, begin);
    for (int64_t at = begin; at < end; at += BATCH) {
        const int64_t m = end - at < BATCH ? end - at : BATCH;
        for (int64_t i = 0; i < m; i++) {
            fold_whole(r, gone, r->x + (size_t)kept->offset * r->size, 1, &shift[i],
                       &acc[i]);
            walk_on(kept, 1);
        }
        r->folds->finish(r->args->reduction, m, r->args->count, acc, shift,
                         r->out + (size_t)at * r->size);
    }
}

/* Tasks [begin, end), in the order (group, chunk, block). */
static void fold_tasks(const reduction *r, walk *kept, walk *gone, int64_t begin,
                       int64_t end)
{
    const cut *c = &r->cut;
    double local[BLOCK], shift[BLOCK];
    for (int64_t task = begin; task < end; task++) {
        const int64_t block = task % c->blocks, chunk = task / c->blocks % c->chunks;
        const int64_t group = task / c->blocks / c->chunks, column = block * BLOCK;
        const int64_t n = c->width - column < BLOCK ? c->width - column : BLOCK;
        walk_to(kept, group);
        const char *x = r->x + (size_t)(kept->offset + column) * r->size;
        const int64_t result = group * c->width + column;
        if (c->chunks == 1) {
            fold_whole(r, gone, x, n, shift, local);
            r->folds->finish(r->args->reduction, n, r->args->count, local, shift,
                             r->out + (size_t)result * r->size);
            continue;
        }
        const int64_t from = chunk * c->unit, rest = c->units - from;
        fold_units(r, gone, r->fold, x, from, from + (rest < c->unit ? rest : c->unit), n,
                   r->shift + result,
                   r->partials + (group * c->chunks + chunk) * c->width + column);
    }
}

static void reduce_job(void *context, int64_t part, int worker)
{
    const reduction *r = context;
    const int64_t begin = part * r->cut.batch, rest = r->cut.tasks - begin;
    const int64_t end = begin + (rest < r->cut.batch ? rest : r->cut.batch);
    const int rank = r->args->rank;
    walk kept = walk_of(r->args, 0, r->cut.rows ? rank : rank - 1);
    walk gone = walk_of(r->args, 1, rank);
    (void)worker;
    if (r->cut.rows && r->cut.chunks == 1)
        whole_rows(r, &kept, &gone, begin, end);
    else
        fold_tasks(r, &kept, &gone, begin, end);
}

/* ---- Chunks combined --------------------------------------------------------------- */

static void add_cells(bool floating, int64_t n, double *sum, const double *x)
{
    for (int64_t i = 0; i < n; i++) {
        if (floating) {
            sum[i] += x[i];
            continue;
        }
        uint64_t a, b;
        memcpy(&a, &sum[i], sizeof a);
        memcpy(&b, &x[i], sizeof b);
        a += b;
        memcpy(&sum[i], &a, sizeof a);
    }
}

static void max_cells(bool floating, int64_t n, double *max, const double *x)
{
    for (int64_t i = 0; i < n; i++) {
        if (floating) {
            max[i] = max[i] > x[i] || max[i] != max[i] ? max[i] : x[i];
            continue;
        }
        int64_t a, b;
        memcpy(&a, &max[i], sizeof a);
        memcpy(&b, &x[i], sizeof b);
        if (b > a)
            max[i] = x[i];
    }
}

/* Into the first chunk's accumulators. */
static void combine(const reduction *r, double *acc)
{
    const cut *c = &r->cut;
    const bool floating = neap__is_floating(r->args->dtype);
    for (int64_t chunk = 1; chunk < c->chunks; chunk++) {
        const double *partial = acc + chunk * c->width;
        if (r->fold == NEAP__FOLD_MAX)
            max_cells(floating, c->width, acc, partial);
        else
            add_cells(floating, c->width, acc, partial);
    }
}

static void run_fold(reduction *r, neap__team *team, int fold)
{
    r->fold = fold;
    const int64_t parts = quotient_up(r->cut.tasks, r->cut.batch);
    if (parts > 1)
        neap__team_run(team, parts, reduce_job, r);
    else if (parts == 1)
        reduce_job(r, 0, 0);
}

static const neap__folds *folds_of(neap__isa isa, neap_dtype dtype)
{
    const neap__folds *own = neap__vectors_of(isa)->old_fold[dtype];
    return own ? own : neap__vectors_generic.old_fold[dtype];
}

int neap__cpu_reduce(const neap__call *call)
{
    const neap__reduce_args *a = call->args;
    if (a->outputs == 0)
        return NEAP_OK;
    reduction r = {a,           folds_of(a->isa, a->dtype), cut_of(a),    0,
                   call->in[0], neap_dtype_size(a->dtype),  call->out[0], call->scratch,
                   NULL};
    const cut *c = &r.cut;
    const int last = a->reduction == NEAP__REDUCE_max         ? NEAP__FOLD_MAX
                     : a->reduction == NEAP__REDUCE_logsumexp ? NEAP__FOLD_SUM_EXP
                                                              : NEAP__FOLD_SUM;
    if (c->chunks == 1) {
        run_fold(&r, call->team, last);
        return NEAP_OK;
    }
    r.shift = r.partials + a->outputs * c->chunks;
    if (takes_logarithm(&r)) {
        run_fold(&r, call->team, NEAP__FOLD_MAX);
        for (int64_t group = 0; group < c->groups; group++) {
            double *acc = r.partials + group * c->chunks * c->width;
            combine(&r, acc);
            make_shift(c->width, acc, r.shift + group * c->width);
        }
    }
    run_fold(&r, call->team, last);
    for (int64_t group = 0; group < c->groups; group++) {
        double *acc = r.partials + group * c->chunks * c->width;
        combine(&r, acc);
        r.folds->finish(a->reduction, c->width, a->count, acc, r.shift + group * c->width,
                        r.out + (size_t)(group * c->width) * r.size);
    }
    return NEAP_OK;
}

/* ---- argmax ------------------------------------------------------------------------ */

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

typedef int64_t argmax_column(const void *column, int64_t count, int64_t stride);
static argmax_column *const argmaxes[NEAP__DTYPES] = {
    [NEAP_FLOAT32] = argmax_float32, [NEAP_FLOAT64] = argmax_float64,
    [NEAP_FLOAT16] = argmax_float16, [NEAP_BFLOAT16] = argmax_bfloat16,
    [NEAP_INT8] = argmax_int8,       [NEAP_INT16] = argmax_int16,
    [NEAP_INT32] = argmax_int32,     [NEAP_INT64] = argmax_int64,
    [NEAP_UINT8] = argmax_uint8,     [NEAP_BOOL] = argmax_uint8};

/* Results of one outer index belong to a part together with as many others as make it
 * worth while. */
static void argmax_job(void *context, int64_t part, int worker)
{
    const neap__call *call = context;
    const neap__argmax_args *a = call->args;
    const int64_t each = a->count < CHUNK ? CHUNK / a->count : 1;
    const int64_t begin = part * each, rest = a->outer * a->inner - begin;
    const size_t size = neap_dtype_size(a->dtype);
    const char *x = call->in[0];
    (void)worker;
    for (int64_t i = begin; i < begin + (rest < each ? rest : each); i++) {
        const int64_t first = i / a->inner * a->count * a->inner + i % a->inner;
        const int64_t best =
            argmaxes[a->dtype](x + (size_t)first * size, a->count, a->inner);
        neap__store_integer(a->output, call->out[0], i, best);
    }
}

int neap__cpu_argmax(const neap__call *call)
{
    const neap__argmax_args *a = call->args;
    const int64_t each = a->count < CHUNK ? CHUNK / a->count : 1;
    const int64_t parts = quotient_up(a->outer * a->inner, each);
    if (parts > 0)
        neap__team_run(call->team, parts, argmax_job, (void *)call);
    return NEAP_OK;
}
