/* fused.c - runs of element-wise operations as one loop over tiles.
 *
 * A tile is at most NEAP__TILE neighbouring elements of the domain, so that all the
 * values in flight stay in the L1 cache. For each tile every load gives an address, and
 * every step calls its function once on whole tiles.
 *
 * 1. A tile's elements lie contiguously at a load's address: in the operand itself where
 *    it is whole or periodic, else in the load's buffer, which is filled before the steps
 *    run.
 * 2. What no tile changes is filled once for a span: scalars, and operands with a period
 *    below a tile, which are laid out so often that a tile at any phase lies inside.
 * 3. A step that stores writes the result's memory and later steps read it from there.
 * 4. A store may be the memory of a whole load. If a later step reads that load, the tile
 *    is copied to the load's buffer first.
 * 5. Elements depend on nothing but their own operands: how the domain is cut shows
 *    nowhere. */
#include "cpu/move.h"
#include "cpu/program.h"

#include <string.h>

enum { WHOLE, SCALAR, PERIODIC, ROWS, STRIDED };

#define SPAN (32 * NEAP__TILE) /* elements of a part of the parallel job */

/* ---- Fixing sizes ------------------------------------------------------------------ */

/* Whether dimension d + 1 of every operand follows d as in one longer dimension. */
static bool mergeable(const neap__program *p, int d, int64_t next)
{
    for (int i = 0; i < p->loads; i++)
        if (p->load[i].strides[d] != p->load[i].strides[d + 1] * next)
            return false;
    return true;
}

/* Drops dimensions of size 1, and merges neighbours that no operand tells apart. */
static void collapse(neap__program *p)
{
    int rank = 0;
    for (int d = 0; d < p->rank; d++) {
        if (p->dims[d] == 1)
            continue;
        p->dims[rank] = p->dims[d];
        for (int i = 0; i < p->loads; i++)
            p->load[i].strides[rank] = p->load[i].strides[d];
        if (rank && mergeable(p, rank - 1, p->dims[rank])) {
            rank--;
            p->dims[rank] *= p->dims[rank + 1];
            for (int i = 0; i < p->loads; i++)
                p->load[i].strides[rank] = p->load[i].strides[rank + 1];
        }
        rank++;
    }
    p->rank = rank;
}

/* The load's pattern: dimensions [0, first) repeat, [first, last) are the operand's
 * own, contiguous, [last, rank) repeat; anything else is strided. */
static void classify(const neap__program *p, neap__load *load)
{
    int first = 0, last = p->rank;
    while (first < last && load->strides[first] == 0)
        first++;
    while (last > first && load->strides[last - 1] == 0)
        last--;
    int64_t size = 1, row = 1;
    bool contiguous = true;
    for (int d = last - 1; d >= first; d--) {
        contiguous = contiguous && load->strides[d] == size;
        size *= p->dims[d];
    }
    for (int d = last; d < p->rank; d++)
        row *= p->dims[d];
    load->period = 0;
    if (first == last)
        load->pattern = p->size == 1 ? WHOLE : SCALAR;
    else if (!contiguous || (first > 0 && last < p->rank))
        load->pattern = STRIDED;
    else if (last < p->rank) {
        load->pattern = ROWS;
        load->period = row;
    } else if (first > 0) {
        load->pattern = PERIODIC;
        load->period = size;
    } else
        load->pattern = WHOLE;
}

void neap__program_fix(neap__program *p, const neap__shape *domain,
                       const neap__shape *operands)
{
    p->rank = domain->rank;
    p->size = neap__shape_size(domain);
    if (p->size == 0) {
        p->rank = 1;
        p->dims[0] = 0;
        for (int i = 0; i < p->loads; i++)
            p->load[i].pattern = WHOLE;
        return;
    }
    memcpy(p->dims, domain->dims, sizeof p->dims);
    for (int i = 0; i < p->loads; i++) {
        p->load[i].width = (uint8_t)neap_dtype_size((neap_dtype)p->load[i].dtype);
        neap__broadcast_strides(&operands[i], domain, p->load[i].strides);
    }
    collapse(p);
    for (int i = 0; i < p->loads; i++)
        classify(p, &p->load[i]);
    if (p->accumulator >= 0)
        p->load[p->accumulator].pattern = WHOLE;
}

/* ---- Scratch ----------------------------------------------------------------------- */

/* One worker's scratch: a tile for each register, two for each load. All are as wide
 * as the widest element. */
static int64_t tile_elements(const neap__program *p)
{
    return p->size < NEAP__TILE ? p->size : NEAP__TILE;
}

static size_t tile_bytes(const neap__program *p)
{
    const size_t bytes = (size_t)tile_elements(p) * 8;
    return (bytes + NEAP__ALIGNMENT - 1) & ~(size_t)(NEAP__ALIGNMENT - 1);
}

static size_t worker_bytes(const neap__program *p)
{
    return tile_bytes(p) * (size_t)(p->registers + 2 * p->loads);
}

size_t neap__program_scratch(const neap__program *p, int workers)
{
    return worker_bytes(p) * (size_t)workers;
}

/* ---- Loads ------------------------------------------------------------------------- */

/* Elements [begin, begin + n) of the domain, from an operand that gives one to each
 * row. */
static void bring_rows(const neap__load *load, size_t width, const char *from,
                       int64_t begin, int64_t n, char *to)
{
    const char *x = from + (size_t)(begin / load->period) * width;
    int64_t run = load->period - begin % load->period;
    for (; n > 0; x += width, run = load->period) {
        const int64_t m = run < n ? run : n;
        neap__copy_run(width, m, x, 0, to);
        to += (size_t)m * width;
        n -= m;
    }
}

/* The same from an operand that is repeated. */
static void bring_periods(const neap__load *load, size_t width, const char *from,
                          int64_t begin, int64_t n, char *to)
{
    int64_t phase = begin % load->period;
    for (; n > 0; phase = 0) {
        const int64_t m = load->period - phase < n ? load->period - phase : n;
        memcpy(to, from + (size_t)phase * width, (size_t)m * width);
        to += (size_t)m * width;
        n -= m;
    }
}

/* The same at any strides: runs of the last dimension, the other indices counted up
 * like digits. */
static void bring_strided(const neap__program *p, const neap__load *load, size_t width,
                          const char *from, int64_t begin, int64_t n, char *to)
{
    int64_t index[NEAP_MAX_RANK], offset = 0;
    const int last = p->rank - 1;
    for (int d = last; d >= 0; d--) {
        index[d] = begin % p->dims[d];
        begin /= p->dims[d];
        offset += index[d] * load->strides[d];
    }
    const int64_t w = (int64_t)width;
    while (n > 0) {
        const int64_t run = p->dims[last] - index[last], m = run < n ? run : n;
        neap__copy_run(width, m, from + offset * w, load->strides[last], to);
        to += (size_t)m * width;
        n -= m;
        offset -= index[last] * load->strides[last];
        index[last] = 0;
        for (int d = last - 1; d >= 0; d--) {
            offset += load->strides[d];
            if (++index[d] < p->dims[d])
                break;
            offset -= p->dims[d] * load->strides[d];
            index[d] = 0;
        }
    }
}

/* ---- The loop ---------------------------------------------------------------------- */

/* What one worker holds while it does a span of the domain. */
typedef struct span {
    const neap__program *program;
    void *const *out;
    int64_t begin; /* the span's first element */
    size_t bytes;  /* of a tile */
    char *registers;
    uint32_t copied; /* whole loads that go through their buffers (invariant 4) */
    struct {
        const char *from; /* whole: the span's first element; else the operand */
        char *buffer;
    } load[NEAP__PROGRAM_LOADS];
} span;

/* Loads overwritten by a store while later steps still read them. */
static uint32_t overwritten(const span *s)
{
    const neap__program *p = s->program;
    uint32_t set = 0;
    for (int i = 0; i < p->steps; i++) {
        if (p->step[i].store < 0)
            continue;
        const size_t width = neap_dtype_size((neap_dtype)p->step[i].dtype);
        const char *to = (char *)s->out[p->step[i].store] + (size_t)s->begin * width;
        for (int l = 0; l < p->loads; l++) {
            if (p->load[l].pattern != WHOLE || s->load[l].from != to)
                continue;
            for (int later = i + 1; later < p->steps; later++)
                for (int k = 0; k < p->step[later].inputs; k++)
                    if (p->step[later].in[k] == l)
                        set |= UINT32_C(1) << l;
        }
    }
    return set;
}

/* A period below a tile is laid out over a tile and a period more. */
static bool short_period(const neap__load *load)
{
    return load->pattern == PERIODIC && load->period < NEAP__TILE;
}

static void prepare(span *s, const void *const *in, const void *tile, int64_t n,
                    char *scratch)
{
    const neap__program *p = s->program;
    const int64_t m = n < NEAP__TILE ? n : NEAP__TILE;
    s->bytes = tile_bytes(p);
    for (int i = 0; i < p->loads; i++) {
        const neap__load *load = &p->load[i];
        const size_t width = load->width;
        s->load[i].buffer = scratch;
        scratch += 2 * s->bytes;
        if (i == p->accumulator) {
            s->load[i].from = tile;
            continue;
        }
        s->load[i].from = *in++;
        if (load->pattern == WHOLE)
            s->load[i].from += (size_t)s->begin * width;
        else if (load->pattern == SCALAR)
            neap__copy_run(width, m, s->load[i].from, 0, s->load[i].buffer);
        else if (short_period(load) && n > m)
            bring_periods(load, width, s->load[i].from, 0, m + load->period,
                          s->load[i].buffer);
    }
    s->registers = scratch;
    s->copied = overwritten(s);
}

/* The address of elements [begin, begin + n) of load i, n at most a tile. */
static const void *load_tile(const span *s, int i, int64_t begin, int64_t n,
                             bool laid_out)
{
    const neap__load *load = &s->program->load[i];
    const size_t width = load->width;
    const char *from = s->load[i].from;
    char *buffer = s->load[i].buffer;
    switch (load->pattern) {
    case WHOLE:
        from += (size_t)(begin - s->begin) * width;
        if (!(s->copied >> i & 1))
            return from;
        memcpy(buffer, from, (size_t)n * width);
        return buffer;
    case SCALAR:
        return buffer;
    case PERIODIC: {
        const int64_t phase = begin % load->period;
        if (phase + n <= load->period)
            return from + (size_t)phase * width;
        if (laid_out && short_period(load))
            return buffer + (size_t)phase * width;
        bring_periods(load, width, from, begin, n, buffer);
        return buffer;
    }
    case ROWS:
        bring_rows(load, width, from, begin, n, buffer);
        return buffer;
    default:
        bring_strided(s->program, load, width, from, begin, n, buffer);
        return buffer;
    }
}

void neap__program_span(const neap__program *p, const void *const *in, void *const *out,
                        const void *tile, int64_t begin, int64_t n, void *scratch)
{
    const void
        *place[NEAP__PROGRAM_LOADS + NEAP__PROGRAM_REGISTERS]; /* of each register */
    span s; /* whose loads, set one by one, would take as long to clear as a small span */
    s.program = p;
    s.out = out;
    s.begin = begin;
    prepare(&s, in, tile, n, scratch);
    for (int64_t at = begin; at < begin + n; at += NEAP__TILE) {
        const int64_t m = begin + n - at < NEAP__TILE ? begin + n - at : NEAP__TILE;
        for (int i = 0; i < p->loads; i++)
            place[i] = load_tile(&s, i, at, m, n > NEAP__TILE);
        for (int i = 0; i < p->steps; i++) {
            const neap__step *step = &p->step[i];
            const void *operands[3];
            void *to = s.registers + step->out * s.bytes;
            for (int k = 0; k < step->inputs; k++)
                operands[k] = place[step->in[k]];
            if (step->store >= 0)
                to = (char *)out[step->store] +
                     (size_t)at * neap_dtype_size((neap_dtype)step->dtype);
            step->function(m, to, operands, step->params);
            place[p->loads + step->out] = to;
        }
    }
}

static void span_job(void *context, int64_t part, int worker)
{
    const neap__call *call = context;
    const neap__program *p = call->args;
    const int64_t begin = part * SPAN, rest = p->size - begin;
    neap__program_span(p, call->in, call->out, NULL, begin, rest < SPAN ? rest : SPAN,
                       (char *)call->scratch + (size_t)worker * worker_bytes(p));
}

int neap__cpu_program(const neap__call *call)
{
    const neap__program *p = call->args;
    if (p->size == 0)
        return NEAP_OK;
    if (p->size <= SPAN)
        neap__program_span(p, call->in, call->out, NULL, 0, p->size, call->scratch);
    else
        neap__team_run(call->team, (p->size + SPAN - 1) / SPAN, span_job, (void *)call);
    return NEAP_OK;
}
