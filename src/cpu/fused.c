/* fused.c - programs are run: loops over tiles, and over the steps of each.
 *
 * A tile is a run of neighbouring elements of the domain, so short that all the values in
 * flight stay in the L1 cache. For each tile every load gives an address, and every step
 * calls its function once on the whole of it.
 *
 * 1. A tile's elements lie contiguously at a load's address: in the operand itself where
 *    it is whole or periodic, else in the load's buffer, which is filled before the steps
 *    run.
 * 2. What no tile changes is filled once for a part: scalars, and operands with a period
 *    below a tile, which are laid out so often that a tile at any phase lies inside.
 * 3. A step that stores writes the result's memory and later steps read it from there.
 * 4. A result may be the memory of a whole load. If a later step of the pass reads that
 *    load, the tile is copied to the load's buffer first.
 * 5. A part is some whole groups, which go through all passes together; or, where groups
 *    are few and large, some blocks of one group in one pass, and the caller combines
 *    what the parts have folded before the next pass begins.
 * 6. Elements depend on nothing but their own operands, and folds on the blocks of
 *    fold.h, which no part cuts: how the domain is cut shows nowhere. */
#include "cpu/fold.h"
#include "cpu/load.h"
#include "cpu/move.h"

#include <string.h>

#define SLOTS 320

/* What one worker holds while it does a part. */
typedef struct span {
    const neap__program *p;
    void *const *out;
    int64_t base;    /* first element of the domain that `from` of whole loads is of */
    bool laid_out;   /* short periods are: the part has more than a tile */
    uint64_t copied; /* whole loads that go through their buffers (invariant 4) */
    char *tiles, *groups, *kept, *folds, *tails; /* scratch */
    int64_t begin, n;                            /* the tile: elements of the domain */
    int64_t values_at, values;                   /* and of the groups */
    int64_t group_at;                            /* first element of the group */
    int64_t kept_at;                             /* of the tile in buffers */
    int64_t first_row; /* of the tile, of `count` (inner is not 1) */
    neap__pairwise fold[NEAP__PROGRAM_FOLDS], tail[NEAP__PROGRAM_FOLDS];
    const char *from[2 * NEAP__PROGRAM_LOADS];
    char *buffer[2 * NEAP__PROGRAM_LOADS];
    const void *place[SLOTS]; /* of each load and step */
} span;

/* ---- Loads ------------------------------------------------------------------------- */

/* A period below a tile is laid out over a tile and a period more. */
static bool short_period(const neap__program *p, const neap__load *load)
{
    return load->pattern == NEAP__LOAD_PERIODIC && load->period < p->tile;
}

/* Is load l read by a step after step i of the same pass? */
static bool read_later(const neap__program *p, int i, int l)
{
    int end = p->steps;
    for (int s = 0; s < p->passes; s++)
        if (i >= p->pass[s].first && i < p->pass[s].end)
            end = p->pass[s].end;
    for (int later = i + 1; later < end; later++)
        for (int k = 0; k < p->step[later].inputs; k++)
            if (p->step[later].in[k] == l)
                return true;
    return false;
}

/* Loads overwritten by a result while later steps still read them. */
static uint64_t overwritten(const span *s)
{
    const neap__program *p = s->p;
    uint64_t set = 0;
    for (int i = 0; i < p->steps; i++) {
        const neap__step *step = &p->step[i];
        if (step->where != NEAP__IN_STORE || step->group)
            continue;
        const char *to = (char *)s->out[step->index] + s->base * step->width;
        for (int l = 0; l < p->loads; l++)
            if (!p->load[l].group && p->load[l].pattern == NEAP__LOAD_WHOLE &&
                s->from[l] == to && read_later(p, i, l))
                set |= UINT64_C(1) << l;
    }
    return set;
}

/* Points the loads of the domain at their operands; the part begins at element `base` and
 * has n. Returns the scratch that is left. */
static char *lay_loads(span *s, const void *const *in, const void *tile, int64_t n,
                       char *scratch)
{
    const neap__program *p = s->p;
    const int64_t m = n < p->tile ? n : p->tile;
    s->laid_out = n > p->tile;
    for (int i = 0; i < p->loads; i++) {
        const neap__load *load = &p->load[i];
        if (load->group)
            continue;
        const char *from = load->accumulator    ? tile
                           : load->operand >= 0 ? in[load->operand]
                                                : (const void *)load->number;
        s->from[i] = from;
        s->buffer[i] = scratch;
        scratch += 2 * p->tile_bytes;
        if (load->pattern == NEAP__LOAD_WHOLE && !load->accumulator)
            s->from[i] += (load->offset + s->base) * load->width;
        else if (load->pattern == NEAP__LOAD_SCALAR && load->single)
            s->buffer[i] = (char *)from + load->offset * load->width;
        else if (load->pattern == NEAP__LOAD_SCALAR)
            neap__load_bring(load, p->rank, p->dims, from, 0, m, s->buffer[i]);
        else if (short_period(p, load) && s->laid_out)
            neap__load_bring(load, p->rank, p->dims, from, 0, m + load->period,
                             s->buffer[i]);
    }
    return scratch;
}

/* The address of elements [begin, begin + n) of load i, n at most a tile. */
static inline const void *load_tile(const span *s, int i, int64_t begin, int64_t n)
{
    const neap__program *p = s->p;
    const neap__load *load = &p->load[i];
    const int64_t width = load->width;
    char *buffer = s->buffer[i];
    if (load->pattern == NEAP__LOAD_WHOLE) {
        const char *from = s->from[i] + (begin - s->base) * width;
        if (!(s->copied >> i & 1))
            return from;
        memcpy(buffer, from, (size_t)(n * width));
        return buffer;
    }
    if (load->pattern == NEAP__LOAD_SCALAR)
        return buffer;
    if (load->pattern == NEAP__LOAD_PERIODIC) {
        const int64_t phase = begin % load->period;
        if (phase + n <= load->period)
            return s->from[i] + (load->offset + phase) * width;
        if (s->laid_out && short_period(p, load))
            return buffer + phase * width;
    }
    neap__load_bring(load, p->rank, p->dims, s->from[i], begin, n, buffer);
    return buffer;
}

/* Points the loads of the groups at values [at, at + n). */
static void aim_groups(span *s, const void *const *in, int64_t at, int64_t n)
{
    const neap__program *p = s->p;
    char *buffer = s->groups + (size_t)p->registers * p->group_bytes;
    for (int i = 0; i < p->loads; i++) {
        const neap__load *load = &p->load[i];
        if (!load->group)
            continue;
        const char *from =
            load->operand >= 0 ? in[load->operand] : (const void *)load->number;
        if (load->pattern == NEAP__LOAD_WHOLE) {
            s->place[i] = from + (load->offset + at) * load->width;
        } else {
            neap__load_bring(load, p->group_rank, p->group_dims, from, at, n, buffer);
            s->place[i] = buffer;
        }
        buffer += p->group_bytes;
    }
}

/* ---- Steps ------------------------------------------------------------------------- */

/* Where a step's value goes, for the tile or the groups at hand. */
static inline char *step_place(const span *s, const neap__step *step)
{
    const neap__program *p = s->p;
    const bool by_group =
        step->group || step->kind == NEAP__TERM_FOLD || step->kind == NEAP__TERM_PICK;
    switch (step->where) {
    case NEAP__IN_STORE:
        return (char *)s->out[step->index] +
               (by_group ? s->values_at : s->begin) * step->width;
    case NEAP__IN_GROUP: {
        char *to = s->groups + (size_t)step->index * p->group_bytes;
        return p->apart ? to + s->values_at * step->width : to;
    }
    case NEAP__IN_KEPT:
        return s->kept + (size_t)step->index * p->kept_bytes + s->kept_at * step->width;
    default:
        return s->tiles + (size_t)step->index * p->tile_bytes;
    }
}

/* A value of each group, all along the tile: whole groups, or a piece of one. */
static void spread(const span *s, const neap__step *step, const char *from, char *to)
{
    const neap__program *p = s->p;
    const size_t width = step->width;
    const int64_t count = p->together ? p->count : s->n / s->values;
    if (p->inner == 1) {
        const int64_t run = p->together ? p->count : s->n;
        for (int64_t g = 0; g < s->values; g++)
            neap__copy_run(width, run, from + (size_t)g * width, 0,
                           to + (size_t)(g * run) * width);
        return;
    }
    const int64_t lanes = p->together ? p->inner : s->values;
    for (int64_t g = 0; g < s->values; g += lanes, from += (size_t)lanes * width)
        for (int64_t r = 0; r < count; r++, to += (size_t)lanes * width)
            memcpy(to, from, (size_t)lanes * width);
}

/* n contiguous elements, as blocks on top of what has been folded; the first are whole. */
static void fold_row(neap__pairwise *pairs, int64_t n, const char *x, size_t width)
{
    enum { SEVERAL = 8 };
    const neap__fold *fold = pairs->fold;
    _Alignas(NEAP__CELL) char cells[SEVERAL * NEAP__CELL];
    while (n > 0) {
        const int64_t blocks = n / NEAP__TILE < SEVERAL ? n / NEAP__TILE : SEVERAL;
        const int64_t count = blocks ? blocks : 1, m = blocks ? NEAP__TILE : n;
        fold->rows(count, m, m, x, cells);
        for (int64_t b = 0; b < count; b++) {
            memcpy(neap__pairwise_next(pairs), cells + (size_t)b * fold->cell,
                   fold->cell);
            neap__pairwise_push(pairs);
        }
        x += (size_t)(count * m) * width;
        n -= count * m;
    }
}

/* Rows of the groups' columns likewise. */
static void fold_rows(neap__pairwise *pairs, int64_t rows, int64_t n, const char *x,
                      size_t width)
{
    for (int64_t at = 0; at < rows; at += NEAP__BLOCK_ROWS) {
        const int64_t m = rows - at < NEAP__BLOCK_ROWS ? rows - at : NEAP__BLOCK_ROWS;
        void *next = neap__pairwise_next(pairs);
        pairs->fold->zero(n, next);
        pairs->fold->columns(m, n, n, x + (size_t)(at * n) * width, next);
        neap__pairwise_push(pairs);
    }
}

/* Whole groups of the tile, each folded down to its cells; then their results. */
static void fold_groups(span *s, const neap__step *step, const char *x, void *to)
{
    const neap__program *p = s->p;
    const neap__fold *fold = step->folds;
    const int64_t groups = s->values / p->lanes, size = p->count * p->lanes;
    char *cells = s->folds + (size_t)step->fold * p->fold_bytes;
    char *stack = cells + (size_t)(p->together * p->lanes) * fold->cell;
    stack += -(uintptr_t)stack & (NEAP__CELL - 1);
    if (p->inner == 1 && p->count <= NEAP__TILE)
        fold->rows(groups, p->count, p->count, x, cells);
    else
        for (int64_t g = 0; g < groups; g++, x += size * step->width) {
            neap__pairwise pairs;
            neap__pairwise_begin(&pairs, fold, p->lanes, stack);
            if (p->inner == 1)
                fold_row(&pairs, p->count, x, step->width);
            else
                fold_rows(&pairs, p->count, p->lanes, x, step->width);
            memcpy(cells + (size_t)(g * p->lanes) * fold->cell,
                   neap__pairwise_end(&pairs), (size_t)p->lanes * fold->cell);
        }
    fold->finish(s->values, p->count, cells, to);
}

/* Rows [row, row + rows) of n columns, from a piece of a group whose blocks are of so many
 * rows; a block is pushed with its last row. `offset` columns of its cells come before. */
static void fold_columns(neap__pairwise *pairs, int64_t row, int64_t rows, int64_t n,
                         const char *x, size_t width, int64_t offset, bool last)
{
    const neap__fold *fold = pairs->fold;
    while (rows > 0) {
        const int64_t left = NEAP__BLOCK_ROWS - row % NEAP__BLOCK_ROWS;
        const int64_t m = rows < left ? rows : left;
        char *next = neap__pairwise_next(pairs);
        if (row % NEAP__BLOCK_ROWS == 0 && offset == 0)
            fold->zero(pairs->width, next);
        fold->columns(m, n, n, x, next + (size_t)offset * fold->cell);
        row += m;
        rows -= m;
        x += (size_t)(m * n) * width;
        if (last && row % NEAP__BLOCK_ROWS == 0)
            neap__pairwise_push(pairs);
    }
}

/* A piece of one group goes on top of what has been folded of it. */
static void fold_piece(span *s, const neap__step *step, const char *x)
{
    const neap__program *p = s->p;
    neap__pairwise *pairs = &s->fold[step->fold];
    if (p->inner > 1) {
        fold_columns(pairs, s->first_row, s->n / s->values, s->values, x, step->width, 0,
                     true);
        return;
    }
    fold_row(pairs, s->n, x, step->width);
}

/* The tile's rows, or its piece of one, on top of the rows before. */
static void fold_tail(span *s, const neap__step *step, const char *x)
{
    const neap__program *p = s->p;
    const int64_t row = s->begin / p->count, column = s->begin % p->count;
    const bool whole = p->together > 0;
    fold_columns(&s->tail[step->fold], row, whole ? s->n / p->count : 1,
                 whole ? p->count : s->n, x, step->width, column,
                 column + s->n >= p->count || whole);
}

/* Of each group the element at its index, where the tile has it. */
static void pick(const span *s, const neap__step *step, const char *x, char *to)
{
    const neap__program *p = s->p;
    const neap_dtype dtype = (neap_dtype)p->load[step->in[1]].dtype;
    const int64_t first = p->together ? 0 : s->begin - s->group_at;
    const int64_t n = p->together ? p->count : s->n;
    for (int64_t g = 0; g < s->values; g++) {
        const int64_t at = neap__element_integer(dtype, s->place[step->in[1]], g) - first;
        if (at >= 0 && at < n)
            memcpy(to + g * step->width, x + (g * n + at) * step->width, step->width);
    }
}

static void put(const span *s, const neap__step *step, const char *x, char *to)
{
    const neap__program *p = s->p;
    const neap_dtype dtype = (neap_dtype)p->load[step->in[1]].dtype;
    const int64_t first = p->together ? 0 : s->begin - s->group_at;
    const int64_t n = p->together ? p->count : s->n;
    const char *value = s->place[step->in[2]];
    if (to != x)
        memcpy(to, x, (size_t)s->n * step->width);
    for (int64_t g = 0; g < s->values; g++) {
        const int64_t at = neap__element_integer(dtype, s->place[step->in[1]], g) - first;
        if (at >= 0 && at < n)
            memcpy(to + (g * n + at) * step->width, value + g * step->width, step->width);
    }
}

/* The steps that are no element functions. */
static void do_other(span *s, const neap__step *step, char *to)
{
    const neap__program *p = s->p;
    const char *x = s->place[step->in[0]];
    switch (step->kind) {
    case NEAP__TERM_SPREAD:
        spread(s, step, x, to);
        return;
    case NEAP__TERM_FOLD:
        if (p->together)
            fold_groups(s, step, x, to);
        else
            fold_piece(s, step, x);
        return;
    case NEAP__TERM_TAIL:
        fold_tail(s, step, x);
        return;
    case NEAP__TERM_PICK:
        pick(s, step, x, to);
        return;
    case NEAP__TERM_PUT:
        put(s, step, x, to);
        return;
    default:
        neap__load_put(p->rank, p->dims, p->results, step->width, s->out[step->index],
                       s->begin, s->n, x);
    }
}

/* An element function of one value for each group and a tile. */
static void do_by_group(const span *s, const neap__step *step, const void **operands,
                        char *to)
{
    const neap__program *p = s->p;
    const int64_t run = p->together ? p->count : s->n, from = step->from_width;
    for (int64_t g = 0; g < s->values; g++) {
        step->function(run, to, operands, step->params);
        to += run * step->width;
        for (int k = 0; k < 2; k++)
            operands[k] =
                (const char *)operands[k] + (k == step->one ? from : run * from);
    }
}

static inline void do_steps(span *s, int first, int end)
{
    const neap__program *p = s->p;
    for (int i = first; i < end; i++) {
        const neap__step *step = &p->step[i];
        char *to = step_place(s, step);
        if (step->kind == NEAP__TERM_ELEMENT) {
            const void *operands[3];
            for (int k = 0; k < step->inputs; k++)
                operands[k] = s->place[step->in[k]];
            if (step->by_group)
                do_by_group(s, step, operands, to);
            else
                step->function(step->group ? s->values : s->n, to, operands,
                               step->params);
        } else {
            do_other(s, step, to);
        }
        s->place[p->loads + i] = to;
    }
}

/* One tile in one pass. */
static void do_tile(span *s, const neap__pass *pass)
{
    const neap__program *p = s->p;
    for (uint64_t left = pass->loads; left; left &= left - 1) {
        const int i = __builtin_ctzll(left);
        if (!p->load[i].group)
            s->place[i] = load_tile(s, i, s->begin, s->n);
    }
    for (int h = 0; h < p->held_steps && p->held[h] < pass->first; h++)
        s->place[p->loads + p->held[h]] = step_place(s, &p->step[p->held[h]]);
    do_steps(s, pass->body, pass->end);
}

/* ---- Plain programs ---------------------------------------------------------------- */

void neap__program_span(const neap__program *p, const void *const *in, void *const *out,
                        const void *tile, int64_t begin, int64_t n, void *scratch)
{
    span s; /* whose fields, set one by one, would take long to clear for a small span */
    s.p = p;
    s.out = out;
    s.base = begin;
    s.tiles = lay_loads(&s, in, tile, n, scratch);
    s.copied = overwritten(&s);
    for (int64_t at = begin; at < begin + n; at += p->tile) {
        s.begin = at;
        s.n = begin + n - at < p->tile ? begin + n - at : p->tile;
        do_tile(&s, p->pass);
    }
}

static void plain_job(void *context, int64_t part, int worker)
{
    const neap__call *call = context;
    const neap__program *p = call->args;
    const int64_t begin = part * p->part, rest = p->size - begin;
    neap__program_span(p, call->in, call->out, NULL, begin,
                       rest < p->part ? rest : p->part,
                       (char *)call->scratch + (size_t)worker * p->worker);
}

/* ---- Groups ------------------------------------------------------------------------ */

/* A run of a program with groups. */
typedef struct work {
    const neap__call *call;
    const neap__program *p;
    char *workers;                      /* scratch, after what they share */
    char *partial[NEAP__PROGRAM_FOLDS]; /* of each fold or tail: cells of all parts */
    int64_t parts;                      /* apart: of a group */
    int pass;                           /* apart: the current one */
} work;

/* Divides a worker's scratch; the part begins at element `base` and has n. */
static void begin_span(span *s, const work *w, int64_t base, int64_t n, int worker)
{
    const neap__program *p = w->p;
    s->p = p;
    s->out = w->call->out;
    s->base = base;
    char *scratch = w->workers + (size_t)worker * p->worker;
    s->folds = scratch;
    s->tails = s->folds + (size_t)p->folds * p->fold_bytes;
    s->kept = s->tails + (size_t)p->tails * p->tail_bytes;
    s->tiles = s->kept + (size_t)p->kept * p->kept_bytes;
    scratch =
        lay_loads(s, w->call->in, NULL, n, s->tiles + (size_t)p->tiles * p->tile_bytes);
    s->groups = p->apart ? w->call->scratch : scratch;
    s->copied = overwritten(s);
}

/* The first element of group g, and its values. */
static void aim_group(span *s, int64_t g)
{
    const neap__program *p = s->p;
    const int64_t column = g % p->split * p->lanes, rest = p->inner - column;
    s->group_at = g / p->split * p->count * p->inner + column;
    s->values_at = g / p->split * p->inner + column;
    s->values = rest < p->lanes ? rest : p->lanes;
}

/* A pass over blocks [first, end) of the group: from its elements (inner is 1) or rows of
 * `lanes` columns. */
static void do_pass(span *s, const neap__pass *pass, int64_t first, int64_t end)
{
    const neap__program *p = s->p;
    for (int i = pass->body; i < pass->end; i++)
        if (p->step[i].kind == NEAP__TERM_FOLD)
            neap__pairwise_begin(&s->fold[p->step[i].fold], p->step[i].folds, s->values,
                                 s->folds + (size_t)p->step[i].fold * p->fold_bytes);
    if (p->inner == 1) {
        first *= NEAP__TILE;
        end = end * NEAP__TILE < p->count ? end * NEAP__TILE : p->count;
        for (int64_t at = first; at < end; at += p->tile) {
            s->begin = s->group_at + at;
            s->n = end - at < p->tile ? end - at : p->tile;
            s->kept_at = at;
            do_tile(s, pass);
        }
    } else {
        const int64_t each = p->split > 1 ? 1 : p->tile / p->inner;
        first *= NEAP__BLOCK_ROWS;
        end = end * NEAP__BLOCK_ROWS < p->count ? end * NEAP__BLOCK_ROWS : p->count;
        for (int64_t row = first; row < end; row += each) {
            s->begin = s->group_at + row * p->inner;
            s->n = (end - row < each ? end - row : each) * s->values;
            s->first_row = row;
            s->kept_at = row * s->values;
            do_tile(s, pass);
        }
        if (end % NEAP__BLOCK_ROWS)
            for (int i = pass->body; i < pass->end; i++)
                if (p->step[i].kind == NEAP__TERM_FOLD)
                    neap__pairwise_push(&s->fold[p->step[i].fold]);
    }
}

/* What a pass does once for a group. Values that are repeated fill a tile. */
static void do_head(span *s, const neap__pass *pass)
{
    const neap__program *p = s->p;
    s->n = p->inner == 1 ? p->tile : p->tile / s->values * s->values;
    if (p->split > 1)
        s->n = s->values;
    do_steps(s, pass->first, pass->body);
}

/* A group that takes several tiles, pass by pass. */
static void do_group(span *s, const work *w, int64_t g)
{
    const neap__program *p = s->p;
    const int64_t unit = p->inner == 1 ? NEAP__TILE : NEAP__BLOCK_ROWS;
    aim_group(s, g);
    aim_groups(s, w->call->in, s->values_at, s->values);
    for (int pass = 0; pass < p->passes; pass++) {
        do_head(s, &p->pass[pass]);
        do_pass(s, &p->pass[pass], 0, (p->count + unit - 1) / unit);
        for (int i = p->pass[pass].body; i < p->pass[pass].end; i++) {
            const neap__step *step = &p->step[i];
            if (step->kind != NEAP__TERM_FOLD)
                continue;
            void *cells = neap__pairwise_end(&s->fold[step->fold]);
            char *to = step_place(s, step);
            step->folds->finish(s->values, p->count, cells, to);
            s->place[p->loads + i] = to;
        }
    }
}

/* ---- Parts of whole groups --------------------------------------------------------- */

static void begin_tails(span *s)
{
    const neap__program *p = s->p;
    for (int i = 0; i < p->steps; i++)
        if (p->step[i].kind == NEAP__TERM_TAIL)
            neap__pairwise_begin(&s->tail[p->step[i].fold], p->step[i].folds, p->count,
                                 s->tails + (size_t)p->step[i].fold * p->tail_bytes);
}

static void end_tails(span *s, const work *w, int64_t part, int64_t rows)
{
    const neap__program *p = s->p;
    for (int i = 0; i < p->steps; i++) {
        const neap__step *step = &p->step[i];
        if (step->kind != NEAP__TERM_TAIL)
            continue;
        neap__pairwise *pairs = &s->tail[step->fold];
        const size_t bytes = (size_t)p->count * step->folds->cell;
        if (rows % NEAP__BLOCK_ROWS)
            neap__pairwise_push(pairs);
        memcpy(w->partial[step->fold] + (size_t)part * bytes, neap__pairwise_end(pairs),
               bytes);
    }
}

static void groups_job(void *context, int64_t part, int worker)
{
    const work *w = context;
    const neap__program *p = w->p;
    const int64_t first = part * p->part, all = p->outer * p->split;
    const int64_t end = first + p->part < all ? first + p->part : all;
    const int64_t size = p->count * p->inner;
    span s;
    begin_span(&s, w, first / p->split * size, (end - first) * size, worker);
    begin_tails(&s);
    for (int64_t g = first; g < end; g += p->together ? p->together : 1) {
        if (!p->together) {
            do_group(&s, w, g);
            continue;
        }
        const int64_t groups = end - g < p->together ? end - g : p->together;
        s.begin = s.group_at = g * size;
        s.n = groups * size;
        s.values_at = g * p->inner;
        s.values = groups * p->inner;
        aim_groups(&s, w->call->in, s.values_at, s.values);
        do_tile(&s, p->pass);
    }
    end_tails(&s, w, part, end - first);
}

/* Cells of n blocks, one after the other, into the first's, as fold.h pairs them. */
static char *combine(const neap__fold *fold, int64_t width, char *cells, int64_t n)
{
    const size_t bytes = (size_t)width * fold->cell;
    for (int64_t step = 1; step < n; step *= 2)
        for (int64_t i = 0; i + step < n; i += 2 * step)
            fold->combine(width, cells + (size_t)i * bytes,
                          cells + (size_t)(i + step) * bytes);
    return cells;
}

static void run_groups(work *w)
{
    const neap__program *p = w->p;
    const int64_t parts = (p->outer * p->split + p->part - 1) / p->part;
    char *shared = w->call->scratch;
    for (int i = 0; i < p->steps; i++)
        if (p->step[i].kind == NEAP__TERM_TAIL) {
            w->partial[p->step[i].fold] = shared;
            shared += (size_t)(parts * p->count) * p->step[i].folds->cell;
            shared += -(uintptr_t)shared & (NEAP__ALIGNMENT - 1);
            if (parts == 0)
                p->step[i].folds->zero(p->count, w->partial[p->step[i].fold]);
        }
    if (parts == 1)
        groups_job(w, 0, 0);
    else if (parts > 1)
        neap__team_run(w->call->team, parts, groups_job, w);
    for (int i = 0; i < p->steps; i++) {
        const neap__step *step = &p->step[i];
        if (step->kind == NEAP__TERM_TAIL)
            step->folds->finish(
                p->count, p->outer,
                combine(step->folds, p->count, w->partial[step->fold], parts),
                w->call->out[step->index]);
    }
}

/* ---- Few large groups: passes apart ------------------------------------------------ */

/* The addresses of all values of groups that steps before `end` have made. */
static void aim_values(span *s, int end)
{
    const neap__program *p = s->p;
    for (int i = 0; i < end; i++)
        if (p->step[i].where == NEAP__IN_GROUP || p->step[i].where == NEAP__IN_STORE)
            s->place[p->loads + i] = step_place(s, &p->step[i]);
}

static void pass_job(void *context, int64_t part, int worker)
{
    const work *w = context;
    const neap__program *p = w->p;
    const neap__pass *pass = &p->pass[w->pass];
    const int64_t g = part / w->parts, first = part % w->parts * p->part;
    span s;
    begin_span(&s, w, 0, p->size, worker);
    aim_group(&s, g);
    s.begin = s.group_at;
    aim_values(&s, pass->body);
    char *loaded = s.groups + (size_t)p->registers * p->group_bytes;
    for (int i = 0; i < p->loads; i++) /* laid out by the caller */
        if (p->load[i].group) {
            s.place[i] = loaded + s.values_at * p->load[i].width;
            loaded += p->group_bytes;
        }
    s.n = p->split > 1    ? s.values
          : p->inner == 1 ? p->tile
                          : p->tile / s.values * s.values;
    for (int i = pass->first; i < pass->body; i++)
        if (p->step[i].kind == NEAP__TERM_SPREAD)
            do_steps(&s, i, i + 1);
    do_pass(&s, pass, first, first + p->part);
    for (int i = pass->body; i < pass->end; i++) {
        const neap__step *step = &p->step[i];
        if (step->kind != NEAP__TERM_FOLD)
            continue;
        const size_t bytes = (size_t)p->lanes * step->folds->cell;
        memcpy(w->partial[step->fold] + (size_t)part * bytes,
               neap__pairwise_end(&s.fold[step->fold]),
               (size_t)s.values * step->folds->cell);
    }
}

/* What the passes share: values of all groups, and the operands that are such values. */
static void begin_apart(work *w, span *s)
{
    const neap__program *p = w->p;
    s->p = p;
    s->out = w->call->out;
    s->groups = w->call->scratch;
    s->begin = s->values_at = 0;
    s->values = p->outer * p->inner;
    char *buffer = s->groups + (size_t)p->registers * p->group_bytes;
    for (int i = 0; i < p->loads; i++) {
        const neap__load *load = &p->load[i];
        if (!load->group)
            continue;
        neap__load_bring(load, p->group_rank, p->group_dims,
                         load->operand >= 0 ? w->call->in[load->operand]
                                            : (const void *)load->number,
                         0, s->values, buffer);
        s->place[i] = buffer;
        buffer += p->group_bytes;
    }
    const int64_t unit = p->inner == 1 ? NEAP__TILE : NEAP__BLOCK_ROWS;
    const int64_t blocks = (p->count + unit - 1) / unit;
    w->parts = (blocks + p->part - 1) / p->part;
    for (int i = 0; i < p->steps; i++)
        if (p->step[i].kind == NEAP__TERM_FOLD) {
            const size_t bytes = (size_t)p->lanes * p->step[i].folds->cell;
            w->partial[p->step[i].fold] = buffer;
            buffer += bytes * (size_t)(p->outer * p->split * w->parts);
            buffer += -(uintptr_t)buffer & (NEAP__ALIGNMENT - 1);
        }
}

static void run_apart(work *w)
{
    const neap__program *p = w->p;
    const int64_t groups = p->outer * p->split;
    span s;
    begin_apart(w, &s);
    for (w->pass = 0; w->pass < p->passes; w->pass++) {
        const neap__pass *pass = &p->pass[w->pass];
        for (int i = pass->first; i < pass->body; i++)
            if (p->step[i].kind != NEAP__TERM_SPREAD)
                do_steps(&s, i, i + 1);
        if (pass->body == pass->end)
            continue;
        neap__team_run(w->call->team, groups * w->parts, pass_job, w);
        for (int i = pass->body; i < pass->end; i++) {
            const neap__step *step = &p->step[i];
            if (step->kind == NEAP__TERM_FOLD || step->kind == NEAP__TERM_PICK)
                s.place[p->loads + i] = step_place(&s, step);
            if (step->kind != NEAP__TERM_FOLD)
                continue;
            const size_t bytes = (size_t)p->lanes * step->folds->cell;
            char *cells = w->partial[step->fold], *to = step_place(&s, step);
            for (int64_t g = 0; g < groups; g++, cells += bytes * (size_t)w->parts) {
                span one;
                one.p = p;
                aim_group(&one, g);
                step->folds->finish(one.values, p->count,
                                    combine(step->folds, p->lanes, cells, w->parts),
                                    to + one.values_at * step->width);
            }
        }
    }
}

/* ---- The call ---------------------------------------------------------------------- */

static int check_indices(const neap__call *call)
{
    const neap__program *p = call->args;
    for (int c = 0; c < p->checks; c++) {
        const neap__check *check = &p->check[c];
        for (int64_t i = 0; i < check->count; i++) {
            const int64_t index = neap__element_integer((neap_dtype)check->dtype,
                                                        call->in[check->operand], i);
            if (index >= 0 && index < check->limit)
                continue;
            *call->blamed = check->owner;
            return neap__fail(call->err, NEAP_ERANGE,
                              "%s[%lld] = %lld is not in [0, %lld)", check->name,
                              (long long)i, (long long)index, (long long)check->limit);
        }
    }
    return NEAP_OK;
}

int neap__cpu_program(const neap__call *call)
{
    const neap__program *p = call->args;
    if (p->plain) {
        if (p->size > p->part)
            neap__team_run(call->team, (p->size + p->part - 1) / p->part, plain_job,
                           (void *)call);
        else if (p->size > 0)
            neap__program_span(p, call->in, call->out, NULL, 0, p->size, call->scratch);
        return NEAP_OK;
    }
    const int status = p->checks ? check_indices(call) : NEAP_OK;
    if (status || (p->outer * p->inner == 0 && !p->tails))
        return status;
    work w;
    w.call = call;
    w.p = p;
    w.workers = (char *)call->scratch + p->shared;
    if (p->apart)
        run_apart(&w);
    else
        run_groups(&w);
    return NEAP_OK;
}
