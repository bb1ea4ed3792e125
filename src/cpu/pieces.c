/* pieces.c - values put together from pieces along every axis, and the sums that lead
 * back. A row is the last axis that is left when trailing whole axes are collapsed; rows
 * are cut into parts by their sizes alone. */
#include "cpu/pieces.h"

#include "cpu/move.h"

#include <string.h>

#define PART 32768 /* bytes of a part of a parallel job, about */

typedef unsigned char byte;

void neap__pieces_fix(neap__pieces_args *a)
{
    while (a->rank > 0) {
        const neap__axis_pieces *last = &a->axes[a->rank - 1];
        const neap__piece *p = &last->piece[0];
        if (last->count != 1 || p->filled || p->step != 1 || p->from != 0 ||
            last->part != last->whole)
            break;
        a->inner *= last->whole;
        a->rank--;
    }
    if (a->rank == 0) { /* nothing but a copy: one axis of one element */
        a->rank = 1;
        a->axes[0] = (neap__axis_pieces){1, 1, 1, {{0, 0, 1, 1, false}}};
    }
}

static const neap__axis_pieces *last_axis(const neap__pieces_args *a)
{
    return &a->axes[a->rank - 1];
}

/* Rows of the whole, or of the part. */
static int64_t row_count(const neap__pieces_args *a, bool whole)
{
    int64_t rows = 1;
    for (int d = 0; d < a->rank - 1; d++)
        rows *= whole ? a->axes[d].whole : a->axes[d].part;
    return rows;
}

/* Rows in a part of a job. */
static int64_t rows_of_part(const neap__pieces_args *a)
{
    const int64_t row = last_axis(a)->whole * a->inner * (int64_t)a->width;
    return row < PART ? PART / (row > 0 ? row : 1) : 1;
}

static void run(const neap__call *call, const neap__pieces_args *a, int64_t rows,
                neap__job *job)
{
    const int64_t each = rows_of_part(a), parts = (rows + each - 1) / each;
    if (parts == 1)
        job((void *)call, 0, 0);
    else if (parts > 1)
        neap__team_run(call->team, parts, job, (void *)call);
}

/* ---- Together -------------------------------------------------------------------- */

/* The element of an axis that element `at` of the whole is; -1: the value. */
static int64_t source_of(const neap__axis_pieces *axis, int64_t at)
{
    const neap__piece *p = axis->piece;
    while (at >= p->to + p->count)
        p++;
    return p->filled ? -1 : p->from + (at - p->to) * p->step;
}

int64_t neap__pieces_source(const neap__pieces_args *a, int64_t at)
{
    int64_t from = at % a->inner, stride = a->inner;
    at /= a->inner;
    for (int d = a->rank - 1; d >= 0; d--) {
        const int64_t source = source_of(&a->axes[d], at % a->axes[d].whole);
        if (source < 0)
            return -1;
        at /= a->axes[d].whole;
        from += source * stride;
        stride *= a->axes[d].part;
    }
    return from;
}

/* The row of the operand that row `row` of the result comes from; -1: the value. */
static int64_t source_row(const neap__pieces_args *a, int64_t row)
{
    int64_t from = 0, stride = 1;
    for (int d = a->rank - 2; d >= 0; d--) {
        const int64_t at = source_of(&a->axes[d], row % a->axes[d].whole);
        if (at < 0)
            return -1;
        row /= a->axes[d].whole;
        from += at * stride;
        stride *= a->axes[d].part;
    }
    return from;
}

static void put_piece(const neap__pieces_args *a, const neap__piece *p, const byte *row,
                      byte *to)
{
    const int64_t block = a->inner * (int64_t)a->width;
    to += p->to * block;
    if (p->filled) {
        neap__copy_run(a->width, p->count * a->inner, a->value, 0, to);
        return;
    }
    row += p->from * block;
    if (a->inner == 1 || p->step == 1) {
        const int64_t count = p->step == 1 ? p->count * a->inner : p->count;
        neap__copy_run(a->width, count, row, p->step, to);
        return;
    }
    for (int64_t i = 0; i < p->count; i++)
        memcpy(to + i * block, row + i * p->step * block, (size_t)block);
}

static void pieces_job(void *context, int64_t part, int worker)
{
    const neap__call *call = context;
    const neap__pieces_args *a = call->args;
    const neap__axis_pieces *last = last_axis(a);
    const int64_t rows = row_count(a, true), each = rows_of_part(a), begin = part * each,
                  end = rows - begin < each ? rows : begin + each;
    const int64_t block = a->inner * (int64_t)a->width;
    (void)worker;
    for (int64_t row = begin; row < end; row++) {
        const int64_t from = source_row(a, row);
        byte *to = (byte *)call->out[0] + row * last->whole * block;
        if (from < 0) {
            neap__copy_run(a->width, last->whole * a->inner, a->value, 0, to);
            continue;
        }
        const byte *x = (const byte *)call->in[0] + from * last->part * block;
        for (int p = 0; p < last->count; p++)
            if (last->piece[p].count > 0)
                put_piece(a, &last->piece[p], x, to);
    }
}

int neap__cpu_pieces(const neap__call *call)
{
    const neap__pieces_args *a = call->args;
    if (last_axis(a)->whole * a->inner > 0)
        run(call, a, row_count(a, true), pieces_job);
    return NEAP_OK;
}

/* ---- Back ------------------------------------------------------------------------ */

/* Adds n elements to a row of sums: of the dtype itself, or of float32 for 16 bits. */
typedef void adder(int64_t n, void *sums, const void *x);

#define ADD(name, T, S, read)                                                            \
    static void add_##name(int64_t n, void *sums, const void *x)                         \
    {                                                                                    \
        S *to = sums;                                                                    \
        const T *from = x;                                                               \
        for (int64_t i = 0; i < n; i++)                                                  \
            to[i] += read(from[i]);                                                      \
    }
ADD(float32, float, float, )
ADD(float64, double, double, )
ADD(float16, uint16_t, float, neap__half_to_float)
ADD(bfloat16, uint16_t, float, neap__bfloat_to_float)

static adder *adder_of(neap_dtype dtype)
{
    return dtype == NEAP_FLOAT32   ? add_float32
           : dtype == NEAP_FLOAT64 ? add_float64
           : dtype == NEAP_FLOAT16 ? add_float16
                                   : add_bfloat16;
}

static size_t sum_width(const neap__pieces_args *a)
{
    return a->width < 4 ? 4 : a->width;
}

static size_t row_scratch(const neap__pieces_args *a)
{
    const size_t bytes = (size_t)(last_axis(a)->part * a->inner) * sum_width(a);
    return a->width < 4 ? (bytes + NEAP__ALIGNMENT - 1) & ~(size_t)(NEAP__ALIGNMENT - 1)
                        : 0;
}

size_t neap__pieces_scratch(const neap__pieces_args *a, int workers)
{
    return row_scratch(a) * (size_t)workers;
}

/* Where along an axis an element of the part was put: runs, one behind the other. */
typedef struct images {
    int count;
    int64_t at[NEAP__PIECES], length[NEAP__PIECES];
    int run; /* the walk: which run, which of it */
    int64_t of_run;
} images;

static void find_images(const neap__axis_pieces *axis, int64_t element, images *im)
{
    *im = (images){0};
    for (int k = 0; k < axis->count; k++) {
        const neap__piece *p = &axis->piece[k];
        const int64_t i = p->step ? (element - p->from) * p->step : 0;
        const bool has = p->step ? i >= 0 && i < p->count : element == p->from;
        if (p->filled || !has || p->count == 0)
            continue;
        im->at[im->count] = p->to + i;
        im->length[im->count++] = p->step ? 1 : p->count;
    }
}

/* The next of an axis's images; false, and back at the first, after the last. */
static bool next_image(images *im)
{
    if (++im->of_run < im->length[im->run])
        return true;
    im->of_run = 0;
    if (++im->run < im->count)
        return true;
    im->run = 0;
    return false;
}

static void add_piece(const neap__pieces_args *a, adder *add, const neap__piece *p,
                      const byte *whole, byte *sums)
{
    const int64_t block = a->inner * (int64_t)a->width,
                  sum_block = a->inner * (int64_t)sum_width(a);
    whole += p->to * block;
    sums += p->from * sum_block;
    if (p->step == 1) {
        add(p->count * a->inner, sums, whole);
        return;
    }
    for (int64_t i = 0; i < p->count; i++)
        add(a->inner, sums + i * p->step * sum_block, whole + i * block);
}

/* Adds every row of the whole that the row of the part was put to: there is one at least,
 * for some piece has every element. */
static void sum_row(const neap__pieces_args *a, int64_t row, const byte *whole,
                    byte *sums)
{
    const neap__axis_pieces *last = last_axis(a);
    const int64_t row_bytes = last->whole * a->inner * (int64_t)a->width;
    adder *add = adder_of(a->dtype);
    images im[NEAP_MAX_RANK];
    const int outer = a->rank - 1;
    for (int d = outer - 1; d >= 0; d--) {
        find_images(&a->axes[d], row % a->axes[d].part, &im[d]);
        row /= a->axes[d].part;
    }
    for (;;) {
        int64_t at = 0;
        for (int d = 0; d < outer; d++)
            at = at * a->axes[d].whole + im[d].at[im[d].run] + im[d].of_run;
        for (int k = 0; k < last->count; k++)
            if (!last->piece[k].filled && last->piece[k].count > 0)
                add_piece(a, add, &last->piece[k], whole + at * row_bytes, sums);
        int d = outer - 1;
        while (d >= 0 && !next_image(&im[d]))
            d--;
        if (d < 0)
            return;
    }
}

static void round_row(neap_dtype dtype, int64_t n, const float *sums, uint16_t *to)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = dtype == NEAP_FLOAT16 ? neap__float_to_half(sums[i])
                                      : neap__float_to_bfloat(sums[i]);
}

static void sum_job(void *context, int64_t part, int worker)
{
    const neap__call *call = context;
    const neap__pieces_args *a = call->args;
    const int64_t rows = row_count(a, false), each = rows_of_part(a), begin = part * each,
                  end = rows - begin < each ? rows : begin + each;
    const int64_t n = last_axis(a)->part * a->inner;
    const bool narrow = a->width < 4;
    byte *scratch = (byte *)call->scratch + (size_t)worker * row_scratch(a);
    for (int64_t row = begin; row < end; row++) {
        byte *to = (byte *)call->out[0] + row * n * (int64_t)a->width;
        byte *sums = narrow ? scratch : to;
        memset(sums, 0, (size_t)n * sum_width(a));
        sum_row(a, row, call->in[0], sums);
        if (narrow)
            round_row(a->dtype, n, (const void *)sums, (void *)to);
    }
}

int neap__cpu_pieces_sum(const neap__call *call)
{
    const neap__pieces_args *a = call->args;
    if (last_axis(a)->part * a->inner > 0)
        run(call, a, row_count(a, false), sum_job);
    return NEAP_OK;
}
