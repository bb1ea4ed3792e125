/* load.c - runs of a domain, from operands that lie in it at any strides. */
#include "cpu/load.h"
#include "cpu/move.h"

#include <string.h>

/* ---- Dimensions -------------------------------------------------------------------- */

/* Whether dimension d + 1 of every operand follows d as in one longer dimension. */
static bool mergeable(neap__load **loads, int count, int d, int64_t next)
{
    for (int i = 0; i < count; i++)
        if (loads[i]->strides[d] != loads[i]->strides[d + 1] * next)
            return false;
    return true;
}

int neap__load_collapse(int rank, int64_t *dims, neap__load **loads, int count)
{
    int to = 0;
    for (int d = 0; d < rank; d++) {
        if (dims[d] == 1)
            continue;
        dims[to] = dims[d];
        for (int i = 0; i < count; i++)
            loads[i]->strides[to] = loads[i]->strides[d];
        if (to && mergeable(loads, count, to - 1, dims[to])) {
            to--;
            dims[to] *= dims[to + 1];
            for (int i = 0; i < count; i++)
                loads[i]->strides[to] = loads[i]->strides[to + 1];
        }
        to++;
    }
    return to;
}

/* Dimensions [0, first) repeat, [first, last) are the operand's own, contiguous, [last,
 * rank) repeat; anything else is strided. */
void neap__load_classify(neap__load *load, int rank, const int64_t *dims)
{
    int first = 0, last = rank;
    while (first < last && load->strides[first] == 0)
        first++;
    while (last > first && load->strides[last - 1] == 0)
        last--;
    int64_t size = 1, row = 1;
    bool contiguous = true;
    for (int d = last - 1; d >= first; d--) {
        contiguous = contiguous && load->strides[d] == size;
        size *= dims[d];
    }
    for (int d = last; d < rank; d++)
        row *= dims[d];
    load->period = 0;
    if (first == last)
        load->pattern = rank == 0 ? NEAP__LOAD_WHOLE : NEAP__LOAD_SCALAR;
    else if (!contiguous || (first > 0 && last < rank))
        load->pattern = NEAP__LOAD_STRIDED;
    else if (last < rank) {
        load->pattern = NEAP__LOAD_ROWS;
        load->period = row;
    } else if (first > 0) {
        load->pattern = NEAP__LOAD_PERIODIC;
        load->period = size;
    } else
        load->pattern = NEAP__LOAD_WHOLE;
}

/* ---- Runs of the last dimension ---------------------------------------------------- */

/* A position in a domain, counted up like digits. */
typedef struct walk {
    int rank;
    const int64_t *dims, *strides;
    int64_t index[NEAP_MAX_RANK], offset;
} walk;

static walk walk_at(int rank, const int64_t *dims, const int64_t *strides, int64_t at)
{
    walk w = {.rank = rank, .dims = dims, .strides = strides};
    for (int d = rank - 1; d >= 0; d--) {
        w.index[d] = at % dims[d];
        at /= dims[d];
        w.offset += w.index[d] * strides[d];
    }
    return w;
}

static int64_t run_left(const walk *w)
{
    return w->dims[w->rank - 1] - w->index[w->rank - 1];
}

/* On to the next run. */
static void next_run(walk *w)
{
    const int last = w->rank - 1;
    w->offset -= w->index[last] * w->strides[last];
    w->index[last] = 0;
    for (int d = last - 1; d >= 0; d--) {
        w->offset += w->strides[d];
        if (++w->index[d] < w->dims[d])
            return;
        w->offset -= w->dims[d] * w->strides[d];
        w->index[d] = 0;
    }
}

/* ---- Bringing ---------------------------------------------------------------------- */

static void bring_rows(const neap__load *load, const char *from, int64_t begin, int64_t n,
                       char *to)
{
    const size_t width = load->width;
    const char *x = from + (size_t)(begin / load->period) * width;
    int64_t run = load->period - begin % load->period;
    for (; n > 0; x += width, run = load->period) {
        const int64_t m = run < n ? run : n;
        neap__copy_run(width, m, x, 0, to);
        to += (size_t)m * width;
        n -= m;
    }
}

static void bring_periods(const neap__load *load, const char *from, int64_t begin,
                          int64_t n, char *to)
{
    const size_t width = load->width;
    int64_t phase = begin % load->period;
    for (; n > 0; phase = 0) {
        const int64_t m = load->period - phase < n ? load->period - phase : n;
        memcpy(to, from + (size_t)phase * width, (size_t)m * width);
        to += (size_t)m * width;
        n -= m;
    }
}

void neap__load_bring(const neap__load *load, int rank, const int64_t *dims,
                      const char *from, int64_t begin, int64_t n, char *to)
{
    const int64_t width = load->width;
    from += load->offset * width;
    switch (load->pattern) {
    case NEAP__LOAD_WHOLE:
        memcpy(to, from + begin * width, (size_t)(n * width));
        return;
    case NEAP__LOAD_SCALAR:
        neap__copy_run(load->width, n, from, 0, to);
        return;
    case NEAP__LOAD_PERIODIC:
        bring_periods(load, from, begin, n, to);
        return;
    case NEAP__LOAD_ROWS:
        bring_rows(load, from, begin, n, to);
        return;
    default:
        break;
    }
    walk w = walk_at(rank, dims, load->strides, begin);
    for (; n > 0; next_run(&w)) {
        const int64_t run = run_left(&w), m = run < n ? run : n;
        neap__copy_run(load->width, m, from + w.offset * width, load->strides[rank - 1],
                       to);
        to += m * width;
        n -= m;
    }
}

void neap__load_put(int rank, const int64_t *dims, const int64_t *strides, size_t width,
                    char *to, int64_t begin, int64_t n, const char *from)
{
    if (rank == 0) {
        memcpy(to, from, width);
        return;
    }
    walk w = walk_at(rank, dims, strides, begin);
    const int64_t step = strides[rank - 1] * (int64_t)width;
    for (; n > 0; next_run(&w)) {
        const int64_t run = run_left(&w), m = run < n ? run : n;
        char *x = to + w.offset * (int64_t)width;
        for (int64_t i = 0; i < m; i++, x += step, from += width)
            memcpy(x, from, width);
        n -= m;
    }
}
