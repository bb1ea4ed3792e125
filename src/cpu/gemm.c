/* gemm.c - matrix products: how they are cut, packed and given to kernels.
 *
 * Legend: C is m x n, the sum runs over k. A *tile* is what a micro-kernel computes at
 * once (gemm_kernel.inc); a *part* is a rectangle of C, one piece of a parallel job; a
 * *block* is what of a part is computed from operands that stay in the L2 cache; a
 * *chunk* is what one job computes, all of C unless an epilogue follows; a *panel* is
 * the columns of B of one tile.
 *
 * 1. A cut depends on sizes, dtype and instruction set alone. Within it each element
 *    of C sums over k in one order: blocks of k from the first to the last, one chain
 *    of multiply-adds in each. So the bits are the same at any number of threads, and
 *    with and without an epilogue.
 * 2. Parts share nothing and write disjoint elements. What a part packs it packs for
 *    itself, into its worker's scratch: the other core's cache is farther than packing
 *    is dear.
 * 3. A part goes through k once, in blocks. Where C is near, in the L2 cache, blocks of
 *    k are so short that a panel stays in the L1 cache. Else passing over C costs more
 *    than that saves: blocks of k are long, of few rows, and share the panels that the
 *    topmost of them packs.
 * 4. A is read where it lies as long as a block's part of it stays in the L2 cache; so
 *    is a panel if the tiles below each other are few or B is small.
 * 5. An epilogue is a job of its own after each chunk, whose C stays in scratch, so
 *    that its spans are long: calling one costs as much as computing a hundred
 *    elements.
 * 6. Nothing is read of an operand without elements, and nothing of C before it is
 *    written.
 *
 * Which engine serves. Neap's own kernels wherever there are vector kernels: GFLOP/s in
 * float32 on one core of an Emerald Rapids server at 2.7 GHz (whose multiply-adds end at
 * 175 with AVX-512, at 87 with AVX2), each beside OpenBLAS 0.3.21 with the kernels of
 * that instruction set (OPENBLAS_CORETYPE SkylakeX, Haswell, Prescott; by itself it
 * chose the last, the processor being newer than its list), medians of interleaved
 * repeats in processor time on a busy machine:
 *
 *      m     k     n        avx512  SkylakeX     avx2  Haswell  generic  Prescott
 *    128   784   512  NN       147       129       77       76       24        29
 *    784   128   512  TN       152       143       83       79       24        30
 *    128   512   512  NN       154       137       78       77       25        30
 *    512   128   512  TN       161       144       78       81       25        31
 *    128   512   512  NT       151       128       76       75       26        32
 *    128   512    10  NN        87        68       50       39       19        21
 *    512   128    10  TN        66       126       49       46       18        21
 *      8     8     8  NN        26        26       25       10       17         7
 *     64    64    64  NN       158       169       85       71       27        28
 *    512   512   512  NN       153       152       83       82       26        33
 *   1024  1024  1024  NN       151       150       80       80       26        32
 *   1024  1024  1024  NT       151       150       81       79       27        32
 *   1024  1024  1024  TN       129       141       70       80       23        32
 *   2048  2048  2048  NN       148       152       79       81       25        30
 *      1   784   512  NN        50        48       35        6       16         7
 *
 * With generic kernels alone OpenBLAS wins from BLAS_WORK multiply-adds on, if it can be
 * called at all (openblas.c). `make bench` prints the table for the machine at hand. */
#include "cpu/gemm_kernel.h"
#include "cpu/program.h"

#include <string.h>

#define HUGE_SIZE (INT64_MAX / 4) /* what overflows is at least so large */

enum {
    PART_WORK = 1 << 20,  /* multiply-adds that make a part worth its dispatch */
    MOST_PARTS = 64,      /* beyond this parts get larger */
    COARSE_PARTS = 8,     /* the same where OpenBLAS serves */
    ENOUGH_PARTS = 16,    /* columns are cut first; rows if that gives fewer parts */
    FEW_PARTS = 8,        /* so many parts at least are left by what follows: */
    PART_ROWS = 1024,     /* rows of a part, which share the B that it packs, */
    PART_PANELS = 4,      /* and its columns, in tiles, which share the A; */
    PACKED_ROWS = 512,    /* the same of a part that packs A too: */
    PACKED_PANELS = 16,   /* packing that costs more */
    NEAR_BYTES = 1 << 20, /* operands within so many bytes are near (3) */
    SHORT_K = 384,        /* a panel over so many k stays in the L1 cache, */
    MANY_ROWS = 224,      /* and so many rows of A in the L2 cache */
    LONG_K = 1024,        /* the part's panels over so many k stay in the L2 cache, */
    FEW_ROWS = 56,        /* with so many rows of A */
    SLICE = 32,           /* k of A's rows packed at once: a page of memory for each */
    FEW_TILES = 3,        /* so few tiles below each other read B where it lies */
    CHUNK = 1 << 18,      /* elements of C in a chunk with an epilogue */
    CHUNK_COLUMNS = 4096,
    SPAN = 4096,           /* elements that one call of an epilogue computes */
    VECTOR_COLUMNS = 1024, /* a part's columns of a vector times a matrix */
    VECTOR_WORK = 1 << 16,
    BLAS_WORK = 1 << 18, /* multiply-adds from which OpenBLAS beats the generic kernels */
    TINY = 32            /* multiply-adds that a plain loop does sooner */
};

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t pieces(int64_t total, int64_t size) { return (total + size - 1) / size; }
/* The size of pieces that are as even as a multiple of `unit` lets them be, none above
 * `limit`. */
static int64_t even(int64_t total, int64_t limit, int64_t unit)
{
    int64_t count = most(pieces(total, limit), 1);
    return most(pieces(pieces(total, count), unit), 1) * unit;
}

typedef struct neap__gemm_cut cut;

static const neap__gemm_kernels *kernels_of(const neap__gemm *g)
{
    int element = g->dtype == NEAP_FLOAT64;
#if defined(NEAP__X86)
    if (g->isa == NEAP__AVX512)
        return neap__gemm_avx512[element];
    if (g->isa == NEAP__AVX2)
        return neap__gemm_avx2[element];
#endif
    return neap__gemm_generic[element];
}

static size_t round_up(int64_t bytes)
{
    return ((size_t)bytes + NEAP__ALIGNMENT - 1) & ~(size_t)(NEAP__ALIGNMENT - 1);
}

/* a * b, or a large number: sizes that are compared with bounds alone. */
static int64_t bounded(int64_t a, int64_t b)
{
    int64_t product;
    return neap__mul_int(a, b, &product) ? least(product, HUGE_SIZE) : HUGE_SIZE;
}

/* A product with a vector streams the matrix once; nothing is packed. */
static void cut_vector(cut *c, const neap__gemm *g)
{
    bool by_rows = g->n == 1 ? !g->transpose_a : g->transpose_b;
    int64_t outputs = most(g->m, g->n);
    int64_t each = most(VECTOR_WORK / most(g->k, 1), 16);
    if (!by_rows)
        each = most(each, VECTOR_COLUMNS);
    c->rows = g->n == 1 ? least(each, outputs) : 1;
    c->columns = g->n == 1 ? 1 : least(each, outputs);
    /* dots read the vector in steps of one */
    int64_t step =
        g->n == 1 ? (g->transpose_b ? 1 : g->ldb) : (g->transpose_a ? g->lda : 1);
    c->pack_b = by_rows && step != 1;
    c->b_bytes = c->pack_b ? round_up(g->k * c->kernels->size) : 0;
}

static void cut_matrix(cut *c, const neap__gemm *g)
{
    const neap__gemm_kernels *q = c->kernels;
    int64_t size = q->size, work = bounded(bounded(g->m, g->n), g->k);
    bool coarse = g->engine != 0; /* cutting costs OpenBLAS most */
    int64_t parts = least(pieces(work, PART_WORK), coarse ? COARSE_PARTS : MOST_PARTS);
    bool near_c = bounded(bounded(g->m, g->n), size) <= NEAR_BYTES;
    int64_t block_rows = least(g->m, near_c ? MANY_ROWS : FEW_ROWS);

    c->block_k = even(g->k, near_c ? SHORT_K : LONG_K, 1);
    c->tile_rows = even(g->m, q->rows, 1);
    c->a_step = pieces(c->tile_rows, q->lanes) * q->lanes;
    c->pack_a = g->transpose_a
                    ? bounded(bounded(c->block_k, g->lda), size) > NEAR_BYTES
                    : bounded(bounded(block_rows, g->lda), size) > 2 * NEAR_BYTES;

    int64_t tall = coarse || !c->pack_a ? PART_ROWS : PACKED_ROWS;
    if (g->epilogue && !coarse) /* which wants its chunk in the cache */
        tall = MANY_ROWS;
    int64_t blocks = pieces(g->m, tall);
    int64_t panels = pieces(g->n, q->columns);
    if (blocks * panels < least(parts, ENOUGH_PARTS))
        blocks = pieces(least(parts, ENOUGH_PARTS), panels);
    c->rows = even(g->m, pieces(g->m, blocks), c->tile_rows);
    c->block_rows = even(c->rows, block_rows, c->tile_rows);
    blocks = pieces(g->m, c->rows);
    int64_t wide = c->pack_a ? PACKED_PANELS : near_c ? 1 : PART_PANELS;
    int64_t width =
        most(panels * blocks / most(parts, 1), least(panels * blocks / FEW_PARTS, wide));
    c->columns = even(panels, most(width, 1), 1) * q->columns;
    c->block_columns = least(c->columns, wide * q->columns);

    bool near_b = bounded(bounded(g->k, g->ldb), size) <= NEAR_BYTES / 64;
    c->pack_b = g->transpose_b || !(near_b || c->rows <= FEW_TILES * c->tile_rows);
    c->pack_tail = c->pack_b || (!q->tails && g->n % q->lanes != 0);
    if (c->pack_a)
        c->a_bytes =
            round_up(pieces(c->block_rows, c->tile_rows) * c->block_k * c->a_step * size);
    if (c->pack_tail)
        c->b_bytes = round_up(c->block_k * q->columns * size);
    if (c->pack_b && c->rows > c->block_rows) {
        c->panel_bytes = c->b_bytes;
        c->b_bytes *= (size_t)(c->block_columns / q->columns);
    }
}

/* Whole products are grouped where one is little work; chunks are all of C, or what an
 * epilogue finds in the cache. */
static void cut_chunks(cut *c, const neap__gemm *g)
{
    int64_t all = bounded(g->m, g->n), work = most(bounded(all, g->k), 1);
    bool whole = c->rows >= g->m && c->columns >= g->n;
    c->products = whole ? most(PART_WORK / work, 1) : 1;
    c->chunk_rows = g->m;
    c->chunk_columns = g->n;
    c->chunk_products = g->batch;
    if (!g->epilogue)
        return;
    if (all > CHUNK) {
        c->chunk_columns = least(g->n, pieces(CHUNK_COLUMNS, c->columns) * c->columns);
        int64_t rows = most(CHUNK / c->chunk_columns / c->rows, 1) * c->rows;
        c->chunk_rows = least(g->m, rows);
        c->chunk_products = 1;
    } else {
        c->chunk_products = least(g->batch, most(CHUNK / most(all, 1), 1));
    }
    c->c_bytes =
        round_up(c->chunk_products * c->chunk_rows * c->chunk_columns * c->kernels->size);
    c->epilogue_bytes = round_up((int64_t)neap__program_scratch(g->epilogue, 1));
}

static size_t worker_bytes(const cut *c)
{
    return c->a_bytes + c->b_bytes + c->epilogue_bytes;
}

static size_t make_cut(neap__gemm *g, int workers)
{
    cut *c = &g->cut;
    memset(c, 0, sizeof *c);
    c->kernels = kernels_of(g);
    c->block_k = c->tile_rows = c->rows = c->columns = 1;
    if (g->m == 1 || g->n == 1)
        cut_vector(c, g);
    else if (g->m > 0 && g->n > 0)
        cut_matrix(c, g);
    cut_chunks(c, g);
    c->single = g->batch == 1 && !g->epilogue && c->rows >= g->m && c->columns >= g->n;
    c->tiny = g->batch == 1 && bounded(bounded(g->m, g->n), g->k) <= TINY;
    return c->c_bytes + (size_t)workers * worker_bytes(c);
}

/* The engine, see above. A generic instruction set that was asked for on a machine
 * which has a better one stays with neap's own kernels, whose bits are the same
 * everywhere. */
size_t neap__gemm_choose(neap__gemm *g, int workers)
{
    g->engine = neap__best_isa() == NEAP__GENERIC && least(g->m, g->n) > 1 &&
                bounded(bounded(g->m, g->n), g->k) >= BLAS_WORK && neap__blas_ready();
    return make_cut(g, workers);
}

bool neap__gemm_force(neap__gemm *g, int engine)
{
    if (engine && (least(g->m, g->n) <= 1 || !neap__blas_ready()))
        return false;
    g->engine = engine;
    return true;
}

/* ---- Parts ------------------------------------------------------------------------ */

/* One chunk of one call. */
typedef struct chunk {
    const neap__gemm *g;
    const neap__call *call;
    int64_t product, row, column;    /* its first */
    int64_t products, rows, columns; /* its size */
    char *c;                         /* of its first element, rows ldc apart */
    int64_t ldc, c_product;          /* elements between rows, between products */
    char *workers;                   /* their scratch */
} chunk;

/* One rectangle of one product: rows x columns at (row, column). */
typedef struct part {
    const char *a, *b; /* of the product */
    char *c;           /* of the rectangle, rows ldc apart */
    int64_t row, column, rows, columns, ldc;
    char *packed_a, *packed_b;
} part;

/* Where product `index` has its operands. */
static void find_operands(const chunk *h, int64_t index, part *p)
{
    const neap__gemm *g = h->g;
    int64_t a = 0, b = 0;
    for (int d = g->batch_rank - 1; d >= 0; d--) {
        int64_t i = index % g->batch_dims[d];
        index /= g->batch_dims[d];
        a += i * g->a_strides[d];
        b += i * g->b_strides[d];
    }
    p->a = (const char *)h->call->in[0] + a * g->cut.kernels->size;
    p->b = (const char *)h->call->in[1] + b * g->cut.kernels->size;
}

static void gather(int size, int64_t n, const char *from, int64_t step, char *to)
{
    for (int64_t i = 0; i < n; i++, from += step * size, to += size)
        memcpy(to, from, size == 4 ? 4 : 8);
}

static void do_vector(const neap__gemm *g, const part *p)
{
    const neap__gemm_kernels *q = g->cut.kernels;
    bool row = g->n != 1; /* the vector is the row A, the matrix B */
    const char *matrix = row ? p->b : p->a, *vector = row ? p->a : p->b;
    int64_t ld = row ? g->ldb : g->lda;
    int64_t first = row ? p->column : p->row, count = row ? p->columns : p->rows;
    int64_t step = row ? (g->transpose_a ? g->lda : 1) : (g->transpose_b ? 1 : g->ldb);
    if (row ? g->transpose_b : !g->transpose_a) {
        if (g->cut.pack_b) {
            gather(q->size, g->k, vector, step, p->packed_b);
            vector = p->packed_b;
        }
        q->dots(count, g->k, matrix + first * ld * q->size, ld, vector, p->c);
    } else {
        q->rows_sum(count, g->k, matrix + first * q->size, ld, vector, step, p->c);
    }
}

/* A block of a part, for a block of k: `rows` and `columns` are counted from the part's
 * first. */
typedef struct block {
    int64_t row, rows, column, columns, first, k;
} block;

/* A's rows of a block, tile after tile. Slices of k, because the tiles of a slice lie in
 * the same pages of memory. */
static void pack_rows(const neap__gemm *g, const part *p, const block *b)
{
    const cut *c = &g->cut;
    const neap__gemm_kernels *q = c->kernels;
    for (int64_t at = 0; at < b->k; at += SLICE)
        for (int64_t i = 0; i < b->rows; i += c->tile_rows) {
            int64_t k = least(SLICE, b->k - at), first = b->first + at;
            int64_t rows = least(c->tile_rows, b->rows - i), row = p->row + b->row + i;
            char *to = p->packed_a + (i / c->tile_rows * b->k + at) * c->a_step * q->size;
            if (g->transpose_a)
                q->pack(k, rows, p->a + (first * g->lda + row) * q->size, g->lda, to,
                        c->a_step);
            else
                q->pack_transposed(k, rows, p->a + (row * g->lda + first) * q->size,
                                   g->lda, to, c->a_step);
        }
}

/* A panel of a block, from its column j on: where it lies or packed, which the topmost
 * block of rows does for those below, where there are such. */
static const char *find_panel(const neap__gemm *g, const part *p, const block *b,
                              int64_t j, int64_t columns, int64_t *step)
{
    const cut *c = &g->cut;
    const neap__gemm_kernels *q = c->kernels;
    int64_t column = p->column + b->column + j;
    const char *from = p->b;
    from += (g->transpose_b ? column * g->ldb + b->first : b->first * g->ldb + column) *
            q->size;
    if (!c->pack_b && !(c->pack_tail && columns % q->lanes)) {
        *step = g->ldb;
        return from;
    }
    char *to = p->packed_b + (size_t)(j / q->columns) * c->panel_bytes;
    *step = columns > q->lanes ? q->columns : q->lanes;
    if (b->row == 0 || c->panel_bytes == 0)
        (g->transpose_b ? q->pack_transposed : q->pack)(b->k, columns, from, g->ldb, to,
                                                        *step);
    return to;
}

static void do_block(const neap__gemm *g, const part *p, const block *b)
{
    const cut *c = &g->cut;
    const neap__gemm_kernels *q = c->kernels;
    int64_t a_row = g->transpose_a || c->pack_a ? 1 : g->lda;
    int64_t a_step = c->pack_a ? c->a_step : g->transpose_a ? g->lda : 1;
    int64_t a_tile = (c->pack_a ? b->k * c->a_step : c->tile_rows * a_row) * q->size;
    const char *rows = p->packed_a;
    if (c->pack_a)
        pack_rows(g, p, b);
    else
        rows = p->a + ((p->row + b->row) * a_row + b->first * a_step) * q->size;
    char *to = p->c + (b->row * p->ldc + b->column) * q->size;
    for (int64_t j = 0; j < b->columns; j += q->columns) {
        int64_t n = least(q->columns, b->columns - j), step;
        const char *a = rows, *panel = find_panel(g, p, b, j, n, &step);
        for (int64_t i = 0; i < b->rows; i += c->tile_rows, a += a_tile)
            q->tile[n > q->lanes][least(c->tile_rows, b->rows - i)](
                b->k, a, a_row, a_step, panel, step, to + (i * p->ldc + j) * q->size,
                p->ldc, (int)n, b->first > 0);
    }
}

static void do_matrix(const neap__gemm *g, const part *p)
{
    const cut *c = &g->cut;
    block b;
    for (b.first = 0; b.first < g->k; b.first += b.k) {
        b.k = least(c->block_k, g->k - b.first);
        for (b.column = 0; b.column < p->columns; b.column += b.columns) {
            b.columns = least(c->block_columns, p->columns - b.column);
            for (b.row = 0; b.row < p->rows; b.row += b.rows) {
                b.rows = least(c->block_rows, p->rows - b.row);
                do_block(g, p, &b);
            }
        }
    }
}

/* The elements of C without a sum. */
static void do_zeros(const neap__gemm *g, const part *p)
{
    int64_t size = g->cut.kernels->size;
    for (int64_t i = 0; i < p->rows; i++)
        memset(p->c + i * p->ldc * size, 0, (size_t)(p->columns * size));
}

static bool do_blas(const neap__gemm *g, const part *p)
{
    int64_t size = g->cut.kernels->size;
    const char *a = p->a + p->row * (g->transpose_a ? 1 : g->lda) * size;
    const char *b = p->b + p->column * (g->transpose_b ? g->ldb : 1) * size;
    return neap__blas_gemm(g->dtype == NEAP_FLOAT64, g->transpose_a, g->transpose_b,
                           p->rows, p->columns, g->k, a, g->lda, b, g->ldb, p->c, p->ldc);
}

static void do_rectangle(const neap__gemm *g, const part *p)
{
    if (g->k == 0)
        do_zeros(g, p);
    else if (g->m == 1 || g->n == 1)
        do_vector(g, p);
    else if (!g->engine || !do_blas(g, p))
        do_matrix(g, p);
}

static void part_job(void *context, int64_t index, int worker)
{
    const chunk *h = context;
    const cut *c = &h->g->cut;
    char *scratch = h->workers + (size_t)worker * worker_bytes(c);
    int64_t across = pieces(h->columns, c->columns), down = pieces(h->rows, c->rows);
    int64_t column = index % across * c->columns, row = index / across % down * c->rows;
    int64_t first = index / across / down * c->products;
    int64_t last = least(first + c->products, h->products);
    part p = {.row = h->row + row,
              .column = h->column + column,
              .rows = least(c->rows, h->rows - row),
              .columns = least(c->columns, h->columns - column),
              .ldc = h->ldc,
              .packed_a = scratch,
              .packed_b = scratch + c->a_bytes};
    for (int64_t i = first; i < last; i++) {
        find_operands(h, h->product + i, &p);
        p.c = h->c + (i * h->c_product + row * h->ldc + column) * c->kernels->size;
        do_rectangle(h->g, &p);
    }
}

/* ---- Epilogues -------------------------------------------------------------------- */

/* A chunk of whole rows is one line of the domain, else each of its rows is one. */
static void chunk_line(const chunk *h, int64_t *length, int64_t *lines)
{
    bool whole = h->columns == h->g->n;
    *length = h->columns * (whole ? h->rows * h->products : 1);
    *lines = whole ? 1 : h->rows;
}

static void epilogue_job(void *context, int64_t index, int worker)
{
    const chunk *h = context;
    const neap__gemm *g = h->g;
    int64_t length, lines;
    chunk_line(h, &length, &lines);
    int64_t each = pieces(length, SPAN), line = index / each, at = index % each * SPAN;
    int64_t begin = (h->product * g->m + h->row + line) * g->n + h->column + at;
    char *scratch = h->workers + (size_t)worker * worker_bytes(&g->cut);
    neap__program_span(g->epilogue, h->call->in + 2, h->call->out,
                       h->c + (line * h->ldc + at) * g->cut.kernels->size, begin,
                       least(SPAN, length - at),
                       scratch + g->cut.a_bytes + g->cut.b_bytes);
}

/* ---- The call --------------------------------------------------------------------- */

static void do_chunk(chunk *h)
{
    const cut *c = &h->g->cut;
    int64_t parts = pieces(h->columns, c->columns) * pieces(h->rows, c->rows) *
                    pieces(h->products, c->products);
    neap__team_run(h->call->team, parts, part_job, h);
    if (h->g->epilogue) {
        int64_t length, lines;
        chunk_line(h, &length, &lines);
        neap__team_run(h->call->team, pieces(length, SPAN) * lines, epilogue_job, h);
    }
}

/* A handful of multiply-adds; the strides are those of op(A) and op(B). */
#define TINY_PRODUCT(T)                                                                  \
    do {                                                                                 \
        const T *a = in[0], *b = in[1];                                                  \
        T *c = out;                                                                      \
        for (int64_t i = 0; i < g->m; i++)                                               \
            for (int64_t j = 0; j < g->n; j++) {                                         \
                T sum = 0;                                                               \
                for (int64_t p = 0; p < g->k; p++)                                       \
                    sum += a[i * a_row + p * a_step] * b[p * b_step + j * b_column];     \
                *c++ = sum;                                                              \
            }                                                                            \
    } while (0)

static void do_tiny(const neap__gemm *g, const void *const *in, void *out)
{
    int64_t a_row = g->transpose_a ? 1 : g->lda, a_step = g->transpose_a ? g->lda : 1;
    int64_t b_step = g->transpose_b ? 1 : g->ldb, b_column = g->transpose_b ? g->ldb : 1;
    if (g->dtype == NEAP_FLOAT64)
        TINY_PRODUCT(double);
    else
        TINY_PRODUCT(float);
}

int neap__cpu_gemm(const neap__call *call)
{
    const neap__gemm *g = call->args;
    const cut *c = &g->cut;
    if (g->m == 0 || g->n == 0 || g->batch == 0)
        return NEAP_OK;
    int64_t size = c->kernels->size;
    char *scratch = call->scratch, *out = call->out[0];
    if (c->tiny) {
        do_tiny(g, call->in, g->epilogue ? scratch : out);
        if (g->epilogue)
            neap__program_span(g->epilogue, call->in + 2, call->out, scratch, 0,
                               g->m * g->n,
                               scratch + c->c_bytes + c->a_bytes + c->b_bytes);
        return NEAP_OK;
    }
    if (c->single) {
        part p = {.a = call->in[0],
                  .b = call->in[1],
                  .c = out,
                  .rows = g->m,
                  .columns = g->n,
                  .ldc = g->n,
                  .packed_a = scratch,
                  .packed_b = scratch + c->a_bytes};
        do_rectangle(g, &p);
        return NEAP_OK;
    }
    chunk h = {.g = g, .call = call, .workers = scratch + c->c_bytes};
    for (; h.product < g->batch; h.product += c->chunk_products)
        for (h.row = 0; h.row < g->m; h.row += c->chunk_rows)
            for (h.column = 0; h.column < g->n; h.column += c->chunk_columns) {
                h.products = least(c->chunk_products, g->batch - h.product);
                h.rows = least(c->chunk_rows, g->m - h.row);
                h.columns = least(c->chunk_columns, g->n - h.column);
                h.ldc = g->epilogue ? h.columns : g->n;
                h.c_product = h.rows * h.ldc;
                h.c = g->epilogue
                          ? scratch
                          : out + ((h.product * g->m + h.row) * g->n + h.column) * size;
                do_chunk(&h);
            }
    return NEAP_OK;
}
