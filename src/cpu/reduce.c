/* reduce.c - reductions over any set of dimensions, in the order of fold.h.
 *
 * Seen from the last dimension there are two layouts: it is reduced, and each result is
 * folded from contiguous elements ("rows"); or it is kept, and a row of cells is folded
 * from rows of elements ("columns"). The dimensions that are reduced further out make one
 * *round* for each of their indices.
 *
 * 1. A *strip* is a range of neighbouring results whose cells are accumulated together:
 *    rows next to each other, or columns. It takes its rounds one after the other, and
 *    in each round its blocks.
 * 2. Where strips are few and long, they are cut into *chunks* of 2^k blocks of one
 *    round, or of 2^k rounds. A chunk's cells go to scratch, and a second job combines
 *    them. fold.h's tree does not know how it was cut, so that the cut shows in no bit.
 * 3. A logarithm of a sum of exponentials takes two passes: the maximum, which becomes
 *    the shift, then the sum of the exponentials of what remains. */
#include "cpu/element.h"
#include "cpu/fold.h"
#include "cpu/move.h"
#include "cpu/walk.h"

#include <math.h>
#include <string.h>

#define PART 32768       /* elements of a part of the job, at least */
#define CHUNK (4 * PART) /* elements of a chunk, about */
#define ENOUGH_STRIPS 64 /* so many are not cut into chunks */
#define NEAR 4096        /* elements of the rows of a strip */
#define AHEAD 8192       /* bytes that are asked of memory before they are needed, */
#define FAR (1 << 18)    /* where there are more elements than these */

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t pieces(int64_t total, int64_t size) { return (total + size - 1) / size; }

typedef struct neap__reduce_cut cut;

static bool takes_logarithm(const neap__reduce_args *a)
{
    return a->reduction == NEAP__REDUCE_logsumexp;
}

/* ---- Sizes ------------------------------------------------------------------------- */

/* Neighbours of one kind become one dimension, those of size 1 none. */
static void collapse(neap__reduce_args *a, const neap__shape *x, unsigned mask)
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

/* The strips, and how many of them are a part of the job. */
static void cut_strips(cut *c, const neap__reduce_args *a)
{
    const int64_t last = a->dims[a->rank - 1],
                  before = a->rank > 1 ? a->dims[a->rank - 2] : 1;
    const int64_t near = takes_logarithm(a) ? NEAP__TILE : NEAR;
    c->rows = a->mask >> (a->rank - 1) & 1;
    c->length = c->rows ? last : before;
    c->run = c->rows ? before : last;
    c->rounds = c->length ? a->count / c->length : 0;
    c->block = c->rows ? NEAP__TILE : NEAP__BLOCK_ROWS;
    c->blocks = pieces(c->length, c->block);
    c->width = least(NEAP__TILE, c->run);
    if (c->rows)
        c->width = least(c->width, most(near / most(c->length, 1), 1));
    c->across = pieces(c->run, most(c->width, 1));
    c->strips = c->run ? a->outputs / c->run * c->across : 0;
    c->each = most(PART / most(c->width * a->count, 1), 1);
}

/* The greatest power of two that is at most n, and at least 1. */
static int64_t power_below(int64_t n)
{
    int64_t power = 1;
    while (power <= n / 2)
        power *= 2;
    return power;
}

static void cut_chunks(cut *c, const neap__reduce_args *a)
{
    const int64_t round = c->width * c->length;
    c->chunk_rounds = most(c->rounds, 1);
    c->chunk_blocks = most(c->blocks, 1);
    if (c->strips < ENOUGH_STRIPS && c->width * a->count > CHUNK) {
        c->each = 1;
        if (c->rounds > 1 && round <= CHUNK) {
            c->chunk_rounds = power_below(CHUNK / round);
        } else {
            c->chunk_rounds = 1;
            c->chunk_blocks = power_below(CHUNK / (c->width * c->block));
        }
    }
    c->groups = pieces(most(c->rounds, 1), c->chunk_rounds);
    c->chunks = pieces(most(c->blocks, 1), c->chunk_blocks);
}

static size_t aligned(size_t bytes)
{
    return (bytes + NEAP__ALIGNMENT - 1) & ~(size_t)(NEAP__ALIGNMENT - 1);
}

/* For all workers: the chunks' cells, and all shifts. Then, of each: the cells of a
 * strip's rounds, those of a round's blocks, the shifts of a strip. */
static void lay_scratch(cut *c, const neap__reduce_args *a)
{
    const bool logarithm = takes_logarithm(a);
    const neap__fold *fold =
        neap__find_fold(a->isa, logarithm ? NEAP__REDUCE_sum : a->reduction, a->dtype);
    const int64_t chunks = c->groups * c->chunks;
    c->partials_bytes = c->shared_bytes = 0;
    if (chunks > 1) {
        c->partials_bytes = aligned((size_t)(c->strips * chunks * c->width) * fold->cell);
        c->shared_bytes = c->partials_bytes +
                          (logarithm ? aligned((size_t)a->outputs * sizeof(double)) : 0);
    }
    c->rounds_bytes = aligned(neap__pairwise_bytes(fold, c->width, c->rounds));
    c->blocks_bytes = aligned(neap__pairwise_bytes(fold, c->width, c->blocks));
    c->worker_bytes = c->rounds_bytes + c->blocks_bytes;
    if (logarithm)
        c->worker_bytes += aligned((size_t)c->width * sizeof(double));
}

void neap__reduce_fix(neap__reduce_args *a, const neap__shape *x, unsigned mask)
{
    collapse(a, x, mask);
    cut_strips(&a->cut, a);
    cut_chunks(&a->cut, a);
    lay_scratch(&a->cut, a);
}

size_t neap__reduce_scratch(const neap__reduce_args *a, int workers)
{
    return a->cut.shared_bytes + (size_t)workers * a->cut.worker_bytes;
}

/* ---- Strips ------------------------------------------------------------------------ */

/* A pass folds x and gives results; or it folds x and gives shifts, or exp(x - shift) and
 * gives results. */
typedef enum passes { PLAIN, MAXIMA, EXPONENTIALS } passes;

typedef struct reduction {
    const neap__reduce_args *args;
    const cut *cut;
    passes pass;
    const neap__fold *fold; /* of the pass */
    size_t size;            /* of an element */
    bool far;               /* x is not in the cache */
    const char *x;
    char *out, *workers, *partials, *shifts; /* the last two only for chunks */
} reduction;

/* A strip, and what its worker has for it. */
typedef struct strip {
    const char *x; /* its first element */
    int64_t result, width;
    char *rounds, *blocks, *shift;
} strip;

static strip strip_of(const reduction *r, int64_t index, int worker)
{
    const cut *c = r->cut;
    const int64_t run = index / c->across, at = index % c->across * c->width;
    neap__walk kept =
        neap__walk_of(r->args->rank, r->args->dims, r->args->mask, 0, r->args->rank - 2);
    strip s;
    neap__walk_to(&kept, run);
    s.x = r->x + (size_t)(kept.offset + at * (c->rows ? c->length : 1)) * r->size;
    s.result = run * c->run + at;
    s.width = least(c->width, c->run - at);
    s.rounds = r->workers + (size_t)worker * c->worker_bytes;
    s.blocks = s.rounds + c->rounds_bytes;
    s.shift = r->shifts ? r->shifts + (size_t)s.result * sizeof(double)
                        : s.blocks + c->blocks_bytes;
    return s;
}

static void fold_exponentials(const reduction *r, const strip *s, const char *x,
                              int64_t n, void *cells);

/* Asks memory for what follows the contiguous elements at hand: the processor alone
 * foresees too little of a stream. */
static void ask_ahead(const char *x, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += 64)
        __builtin_prefetch(x + AHEAD + at, 0, 2);
}

/* A block whose first element is at x: n of the length. */
static void fold_block(const reduction *r, const strip *s, const char *x, int64_t n,
                       void *cells)
{
    const cut *c = r->cut;
    if (r->pass == EXPONENTIALS) {
        fold_exponentials(r, s, x, n, cells);
    } else if (c->rows) {
        if (r->far && s->width == 1)
            ask_ahead(x, (size_t)n * r->size);
        r->fold->rows(s->width, n, c->length, x, cells);
    } else {
        if (r->far && s->width == c->run)
            ask_ahead(x, (size_t)(n * c->run) * r->size);
        r->fold->zero(s->width, cells);
        r->fold->columns(n, s->width, c->run, x, cells);
    }
}

/* Blocks [begin, end) of the round that begins at x. */
static void fold_round(const reduction *r, const strip *s, const char *x, int64_t begin,
                       int64_t end, void *cells)
{
    const cut *c = r->cut;
    const size_t step = r->size * (size_t)(c->block * (c->rows ? 1 : c->run));
    if (r->far && c->rows && s->width > 1)
        ask_ahead(x, (size_t)(s->width * c->length) * r->size);
    if (end - begin == 1) {
        fold_block(r, s, x + (size_t)begin * step,
                   least(c->block, c->length - begin * c->block), cells);
        return;
    }
    neap__pairwise p;
    neap__pairwise_begin(&p, r->fold, s->width, s->blocks);
    for (int64_t b = begin; b < end; b++) {
        fold_block(r, s, x + (size_t)b * step, least(c->block, c->length - b * c->block),
                   neap__pairwise_next(&p));
        neap__pairwise_push(&p);
    }
    memcpy(cells, neap__pairwise_end(&p), (size_t)s->width * r->fold->cell);
}

/* The cells of one chunk of a strip (all of it, where it is not cut). */
static const void *fold_chunk(const reduction *r, const strip *s, int64_t group,
                              int64_t chunk)
{
    const cut *c = r->cut;
    const int64_t first = group * c->chunk_rounds, block = chunk * c->chunk_blocks;
    neap__walk gone =
        neap__walk_of(r->args->rank, r->args->dims, r->args->mask, 1, r->args->rank - 2);
    neap__pairwise p;
    neap__pairwise_begin(&p, r->fold, s->width, s->rounds);
    if (first > 0)
        neap__walk_to(&gone, first);
    for (int64_t i = first; i < least(first + c->chunk_rounds, c->rounds); i++) {
        fold_round(r, s, s->x + (size_t)gone.offset * r->size, block,
                   least(block + c->chunk_blocks, c->blocks), neap__pairwise_next(&p));
        neap__pairwise_push(&p);
        neap__walk_on(&gone);
    }
    return neap__pairwise_end(&p);
}

/* The cells of a strip from those of its chunks. */
static const void *combine_chunks(const reduction *r, const strip *s,
                                  const char *partials)
{
    const cut *c = r->cut;
    const size_t bytes = (size_t)s->width * r->fold->cell;
    neap__pairwise rounds, blocks;
    neap__pairwise_begin(&rounds, r->fold, s->width, s->rounds);
    for (int64_t group = 0; group < c->groups; group++) {
        neap__pairwise_begin(&blocks, r->fold, s->width, s->blocks);
        for (int64_t chunk = 0; chunk < c->chunks; chunk++) {
            memcpy(neap__pairwise_next(&blocks), partials, bytes);
            neap__pairwise_push(&blocks);
            partials += (size_t)c->width * r->fold->cell;
        }
        memcpy(neap__pairwise_next(&rounds), neap__pairwise_end(&blocks), bytes);
        neap__pairwise_push(&rounds);
    }
    return neap__pairwise_end(&rounds);
}

/* ---- Logarithms of sums of exponentials -------------------------------------------- */

/* The dtype that exponentials are computed in. */
static neap_dtype computed(const neap__reduce_args *a)
{
    return a->dtype == NEAP_FLOAT64 ? NEAP_FLOAT64 : NEAP_FLOAT32;
}

/* What exp subtracts: the maximum, but nothing where that is infinite, so that -inf
 * gives exp 0 and +inf gives +inf. */
static void make_shift(neap_dtype dtype, int64_t n, const void *max, void *shift)
{
    if (dtype == NEAP_FLOAT64)
        for (int64_t i = 0; i < n; i++) {
            const double m = ((const double *)max)[i];
            ((double *)shift)[i] = isinf(m) ? 0 : m;
        }
    else
        for (int64_t i = 0; i < n; i++) {
            const float m = ((const float *)max)[i];
            ((float *)shift)[i] = isinf(m) ? 0 : m;
        }
}

/* exp(x - shift) over a tile, by the functions that a fused program would call. */
static void exponentials(const neap__reduce_args *a, int64_t n, const void *x,
                         const void *shift, void *out)
{
    const neap_dtype dtype = computed(a);
    const void *in[] = {x, shift};
    if (dtype != a->dtype) {
        neap__find_element(a->isa, NEAP__ELEMENT_cast, a->dtype, dtype)(n, out, in, NULL);
        in[0] = out;
    }
    neap__find_element(a->isa, NEAP__ELEMENT_subtract, dtype, dtype)(n, out, in, NULL);
    in[0] = out;
    neap__find_element(a->isa, NEAP__ELEMENT_exp, dtype, dtype)(n, out, in, NULL);
}

/* As fold_block. Short rows lie one behind the other, at most a tile of them in a strip;
 * so do rows of few columns, of which a tile takes several. */
static void fold_exponentials(const reduction *r, const strip *s, const char *x,
                              int64_t n, void *cells)
{
    const size_t size = neap_dtype_size(computed(r->args));
    double terms[NEAP__TILE], shifts[NEAP__TILE];
    if (r->cut->rows) {
        for (int64_t i = 0; i < s->width; i++)
            neap__copy_run(size, n, s->shift + (size_t)i * size, 0,
                           (char *)shifts + (size_t)(i * n) * size);
        exponentials(r->args, s->width * n, x, shifts, terms);
        r->fold->rows(s->width, n, n, terms, cells);
        return;
    }
    const int64_t several = s->width == r->cut->run ? NEAP__TILE / s->width : 1;
    for (int64_t i = 0; i < least(several, n); i++)
        memcpy((char *)shifts + (size_t)(i * s->width) * size, s->shift,
               (size_t)s->width * size);
    r->fold->zero(s->width, cells);
    for (int64_t row = 0; row < n; row += several) {
        const int64_t m = least(several, n - row);
        exponentials(r->args, m * s->width, x + (size_t)(row * r->cut->run) * r->size,
                     shifts, terms);
        r->fold->columns(m, s->width, s->width, terms, cells);
    }
}

static void finish_logarithms(const reduction *r, const strip *s, const double *sum)
{
    const neap_dtype dtype = r->args->dtype;
    double y[NEAP__TILE];
    const void *in[] = {y};
    for (int64_t i = 0; i < s->width; i++)
        y[i] = log(sum[i]) + neap__element_number(computed(r->args), s->shift, i);
    neap__find_element(r->args->isa, NEAP__ELEMENT_cast, NEAP_FLOAT64,
                       dtype)(s->width, r->out + (size_t)s->result * r->size, in, NULL);
}

/* ---- The call ---------------------------------------------------------------------- */

static void begin_pass(reduction *r, passes pass)
{
    const neap__reduce_args *a = r->args;
    r->pass = pass;
    r->fold = pass == PLAIN    ? neap__find_fold(a->isa, a->reduction, a->dtype)
              : pass == MAXIMA ? neap__find_fold(a->isa, NEAP__REDUCE_max, a->dtype)
                               : neap__find_fold(a->isa, NEAP__REDUCE_sum, computed(a));
}

static void end_strip(const reduction *r, const strip *s, const void *cells)
{
    if (r->pass == MAXIMA)
        make_shift(computed(r->args), s->width, cells, s->shift);
    else if (r->pass == EXPONENTIALS)
        finish_logarithms(r, s, cells);
    else
        r->fold->finish(s->width, r->args->count, cells,
                        r->out + (size_t)s->result * r->size);
}

/* Whole strips. */
static void strips_job(void *context, int64_t part, int worker)
{
    reduction r = *(const reduction *)context;
    const int64_t begin = part * r.cut->each;
    for (int64_t i = begin; i < least(begin + r.cut->each, r.cut->strips); i++) {
        const strip s = strip_of(&r, i, worker);
        if (takes_logarithm(r.args)) {
            begin_pass(&r, MAXIMA);
            end_strip(&r, &s, fold_chunk(&r, &s, 0, 0));
            begin_pass(&r, EXPONENTIALS);
        }
        end_strip(&r, &s, fold_chunk(&r, &s, 0, 0));
    }
}

/* Where the cells of a chunk are, of all chunks of all strips. */
static char *partial(const reduction *r, int64_t index)
{
    return r->partials + (size_t)(index * r->cut->width) * r->fold->cell;
}

static void chunk_job(void *context, int64_t part, int worker)
{
    const reduction *r = context;
    const int64_t chunks = r->cut->chunks, each = r->cut->groups * chunks;
    const strip s = strip_of(r, part / each, worker);
    const void *cells = fold_chunk(r, &s, part % each / chunks, part % chunks);
    memcpy(partial(r, part), cells, (size_t)s.width * r->fold->cell);
}

static void combine_job(void *context, int64_t part, int worker)
{
    const reduction *r = context;
    const strip s = strip_of(r, part, worker);
    const char *partials = partial(r, part * r->cut->groups * r->cut->chunks);
    end_strip(r, &s, combine_chunks(r, &s, partials));
}

static void run_chunks(reduction *r, neap__team *team, passes pass)
{
    const cut *c = r->cut;
    begin_pass(r, pass);
    neap__team_run(team, c->strips * c->groups * c->chunks, chunk_job, r);
    neap__team_run(team, c->strips, combine_job, r);
}

int neap__cpu_reduce(const neap__call *call)
{
    const neap__reduce_args *a = call->args;
    const cut *c = &a->cut;
    reduction r = {.args = a, .cut = c, .size = neap_dtype_size(a->dtype)};
    if (a->outputs == 0)
        return NEAP_OK;
    r.far = a->outputs * a->count > FAR;
    r.x = call->in[0];
    r.out = call->out[0];
    r.workers = (char *)call->scratch + c->shared_bytes;
    if (c->groups * c->chunks == 1) {
        const int64_t parts = pieces(c->strips, c->each);
        begin_pass(&r, PLAIN);
        if (parts == 1)
            strips_job(&r, 0, 0);
        else
            neap__team_run(call->team, parts, strips_job, &r);
        return NEAP_OK;
    }
    r.partials = call->scratch;
    if (!takes_logarithm(a)) {
        run_chunks(&r, call->team, PLAIN);
        return NEAP_OK;
    }
    r.shifts = r.partials + c->partials_bytes;
    run_chunks(&r, call->team, MAXIMA);
    run_chunks(&r, call->team, EXPONENTIALS);
    return NEAP_OK;
}
