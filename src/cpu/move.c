/* move.c - elements moved, never computed with: copies through strides, concatenation,
 * indices, slices.
 *
 * What depends on data (indices, begins) is checked whole before anything is written.
 * Elements are told apart by their width alone, except where scatter_add adds them. */
#include "cpu/move.h"

#include <string.h>

#define PART 32768 /* bytes of a part of a parallel job, about */
#define TILE 32    /* rows and columns of a transpose's tile */

typedef unsigned char byte;
/* Elements of any dtype of that width. */
typedef uint16_t __attribute__((may_alias)) word2;
typedef uint32_t __attribute__((may_alias)) word4;
typedef uint64_t __attribute__((may_alias)) word8;

static int64_t quotient_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* Units of `bytes` bytes in a part. */
static int64_t units_of_part(int64_t bytes)
{
    return bytes < PART ? PART / (bytes > 0 ? bytes : 1) : 1;
}

static int64_t index_at(neap_dtype dtype, const void *indices, int64_t i)
{
    if (dtype == NEAP_INT64)
        return ((const int64_t *)indices)[i];
    if (dtype == NEAP_INT32)
        return ((const int32_t *)indices)[i];
    return neap__element_integer(dtype, indices, i);
}

/* ---- Copies through strides -------------------------------------------------------- */

void neap__copy_fix(neap__copy_args *a, int rank, const int64_t *dims,
                    const int64_t *strides)
{
    int r = 0;
    for (int d = 0; d < rank; d++) {
        if (dims[d] == 1)
            continue;
        if (r && a->strides[r - 1] == strides[d] * dims[d]) {
            a->dims[r - 1] *= dims[d];
            a->strides[r - 1] = strides[d];
            continue;
        }
        a->dims[r] = dims[d];
        a->strides[r++] = strides[d];
    }
    if (r == 0) {
        a->dims[r] = 1;
        a->strides[r++] = 1;
    }
    a->rank = r;
}

#define EACH_WIDTH(width, ACTION)                                                        \
    switch (width) {                                                                     \
    case 1:                                                                              \
        ACTION(byte);                                                                    \
        break;                                                                           \
    case 2:                                                                              \
        ACTION(word2);                                                                   \
        break;                                                                           \
    case 4:                                                                              \
        ACTION(word4);                                                                   \
        break;                                                                           \
    default:                                                                             \
        ACTION(word8);                                                                   \
        break;                                                                           \
    }

void neap__copy_run(size_t width, int64_t n, const void *from, int64_t stride, void *to)
{
    if (stride == 1) {
        memcpy(to, from, (size_t)n * width);
        return;
    }
#define RUN(T)                                                                           \
    do {                                                                                 \
        const T *x = from;                                                               \
        T *y = to;                                                                       \
        if (stride == 0) {                                                               \
            const T v = *x;                                                              \
            for (int64_t i = 0; i < n; i++)                                              \
                y[i] = v;                                                                \
        } else                                                                           \
            for (int64_t i = 0; i < n; i++)                                              \
                y[i] = x[i * stride];                                                    \
    } while (0)
    EACH_WIDTH(width, RUN)
#undef RUN
}

/* to[r * ld + c] = from[c * stride + r] for a tile of at most TILE x TILE: reads along
 * columns of `to`. A full tile has constant bounds, so that it is unrolled. */
#define TRANSPOSE(T)                                                                     \
    static inline void transpose_loops_##T(int64_t rows, int64_t columns, const T *from, \
                                           int64_t stride, T *to, int64_t ld)            \
    {                                                                                    \
        for (int64_t r = 0; r < rows; r++)                                               \
            for (int64_t c = 0; c < columns; c++)                                        \
                to[r * ld + c] = from[c * stride + r];                                   \
    }                                                                                    \
    static void transpose_##T(int64_t rows, int64_t columns, const void *from,           \
                              int64_t stride, void *to, int64_t ld)                      \
    {                                                                                    \
        if (rows == TILE && columns == TILE)                                             \
            transpose_loops_##T(TILE, TILE, from, stride, to, ld);                       \
        else                                                                             \
            transpose_loops_##T(rows, columns, from, stride, to, ld);                    \
    }
TRANSPOSE(byte)
TRANSPOSE(word2)
TRANSPOSE(word4)
TRANSPOSE(word8)

typedef struct copy {
    const neap__copy_args *args;
    const byte *from;
    byte *to;
    int inner; /* trailing dimensions that one unit covers: 1, or 2 for a transpose */
    int64_t units, part;
    int64_t split; /* transposes: bands of rows of one unit */
} copy;

/* The last two dimensions are a transpose where the first of them is the contiguous
 * one. */
static bool is_transpose(const neap__copy_args *a)
{
    return a->rank >= 2 && a->strides[a->rank - 2] == 1 && a->strides[a->rank - 1] != 1 &&
           a->strides[a->rank - 1] != 0 && a->dims[a->rank - 2] >= 4 &&
           a->dims[a->rank - 1] >= 4;
}

/* A band of TILE rows of the transpose at `from`. */
static void copy_band(const neap__copy_args *a, int64_t band, const byte *from, byte *to)
{
    const int64_t all = a->dims[a->rank - 2], columns = a->dims[a->rank - 1];
    const int64_t stride = a->strides[a->rank - 1], w = (int64_t)a->width;
    const int64_t r = band * TILE, rows = all - r < TILE ? all - r : TILE;
    from += r * w;
    to += r * columns * w;
    for (int64_t c = 0; c < columns; c += TILE) {
        const int64_t n = columns - c < TILE ? columns - c : TILE;
        const byte *x = from + c * stride * w;
        byte *y = to + c * w;
#define BAND(T) transpose_##T(rows, n, x, stride, y, columns)
        EACH_WIDTH(a->width, BAND)
#undef BAND
    }
}

static void copy_job(void *context, int64_t part, int worker)
{
    const copy *c = context;
    const neap__copy_args *a = c->args;
    const int outer = a->rank - c->inner;
    const int64_t begin = part * c->part, rest = c->units - begin;
    const int64_t w = (int64_t)a->width;
    int64_t size = w;
    (void)worker;
    for (int d = outer; d < a->rank; d++)
        size *= a->dims[d];
    for (int64_t unit = begin; unit < begin + (rest < c->part ? rest : c->part); unit++) {
        int64_t position = unit / c->split, offset = a->offset;
        byte *to = c->to + position * size;
        for (int d = outer - 1; d >= 0; d--) {
            offset += position % a->dims[d] * a->strides[d];
            position /= a->dims[d];
        }
        if (c->inner == 2)
            copy_band(a, unit % c->split, c->from + offset * w, to);
        else
            neap__copy_run(a->width, a->dims[a->rank - 1], c->from + offset * w,
                           a->strides[a->rank - 1], to);
    }
}

/* One long run is cut, so that it has parts too. */
static void long_run_job(void *context, int64_t part, int worker)
{
    const copy *c = context;
    const neap__copy_args *a = c->args;
    const int64_t begin = part * c->part, rest = a->dims[0] - begin,
                  w = (int64_t)a->width;
    (void)worker;
    neap__copy_run(a->width, rest < c->part ? rest : c->part,
                   c->from + (a->offset + begin * a->strides[0]) * w, a->strides[0],
                   c->to + begin * w);
}

static void run(neap__team *team, int64_t parts, neap__job *job, void *context)
{
    if (parts == 1)
        job(context, 0, 0);
    else if (parts > 1)
        neap__team_run(team, parts, job, context);
}

int neap__cpu_copy(const neap__call *call)
{
    const neap__copy_args *a = call->args;
    copy c = {.args = a, .from = call->in[0], .to = call->out[0], .inner = 1, .split = 1};
    for (int d = 0; d < a->rank; d++)
        if (a->dims[d] == 0)
            return NEAP_OK;
    if (a->rank == 1) {
        c.part = units_of_part((int64_t)a->width);
        run(call->team, quotient_up(a->dims[0], c.part), long_run_job, &c);
        return NEAP_OK;
    }
    int64_t bytes = a->dims[a->rank - 1] * (int64_t)a->width;
    if (is_transpose(a)) {
        c.inner = 2;
        c.split = quotient_up(a->dims[a->rank - 2], TILE);
        bytes *= TILE;
    }
    c.units = c.split;
    for (int d = 0; d < a->rank - c.inner; d++)
        c.units *= a->dims[d];
    c.part = units_of_part(bytes);
    run(call->team, quotient_up(c.units, c.part), copy_job, &c);
    return NEAP_OK;
}

/* ---- Concatenation ----------------------------------------------------------------- */

static void concat_job(void *context, int64_t part, int worker)
{
    const neap__call *call = context;
    const neap__concat_args *a = call->args;
    const int64_t each = units_of_part(a->total), begin = part * each;
    const int64_t end = a->outer - begin < each ? a->outer : begin + each;
    (void)worker;
    for (int64_t o = begin; o < end; o++) {
        byte *to = (byte *)call->out[0] + o * a->total;
        for (int i = 0; i < a->count; i++) {
            if (a->bytes[i] == 0)
                continue;
            memcpy(to, (const byte *)call->in[i] + o * a->bytes[i], (size_t)a->bytes[i]);
            to += a->bytes[i];
        }
    }
}

int neap__cpu_concat(const neap__call *call)
{
    const neap__concat_args *a = call->args;
    if (a->total > 0)
        run(call->team, quotient_up(a->outer, units_of_part(a->total)), concat_job,
            (void *)call);
    return NEAP_OK;
}

/* ---- Gather and scatter ------------------------------------------------------------ */

/* "indices[1, 2]": where element `i` lies in the indices' own shape. */
static int fail_index(neap_error *err, const neap__gather_args *a, int64_t i,
                      int64_t index)
{
    char buffer[NEAP_MAX_RANK * 24];
    neap__text text = neap__text_over(buffer, sizeof buffer);
    int64_t position[NEAP_MAX_RANK];
    for (int d = a->indices.rank - 1; d >= 0; d--) {
        position[d] = i % a->indices.dims[d];
        i /= a->indices.dims[d];
    }
    for (int d = 0; d < a->indices.rank; d++)
        neap__text_add(&text, d ? ", %lld" : "[%lld", (long long)position[d]);
    if (a->indices.rank > 0)
        neap__text_bytes(&text, "]", 1);
    return neap__fail(err, NEAP_ERANGE, "indices%s = %lld is not in [0, %lld)", buffer,
                      (long long)index, (long long)a->count);
}

static int check_indices(neap_error *err, const neap__gather_args *a, const void *indices)
{
    for (int64_t i = 0; i < a->batch * a->n; i++) {
        const int64_t index = index_at(a->index, indices, i);
        if (index < 0 || index >= a->count)
            return fail_index(err, a, i, index);
    }
    return NEAP_OK;
}

/* Units are (batch, outer, position): one copied run each. */
static void gather_job(void *context, int64_t part, int worker)
{
    const neap__call *call = context;
    const neap__gather_args *a = call->args;
    const int64_t bytes = a->inner * (int64_t)a->width, each = units_of_part(bytes);
    const int64_t units = a->batch * a->outer * a->n, begin = part * each;
    const int64_t end = units - begin < each ? units : begin + each;
    const byte *from = call->in[0];
    byte *to = call->out[0];
    (void)worker;
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t block = unit / a->n, batch = block / a->outer;
        const int64_t index = index_at(a->index, call->in[1], batch * a->n + unit % a->n);
        memcpy(to + unit * bytes, from + (block * a->count + index) * bytes,
               (size_t)bytes);
    }
}

int neap__cpu_gather(const neap__call *call)
{
    const neap__gather_args *a = call->args;
    const int code = check_indices(call->err, a, call->in[1]);
    const int64_t bytes = a->inner * (int64_t)a->width;
    if (code == NEAP_OK && bytes > 0)
        run(call->team, quotient_up(a->batch * a->outer * a->n, units_of_part(bytes)),
            gather_job, (void *)call);
    return code;
}

#define ADD(name, T, U)                                                                  \
    static void add_##name(int64_t n, byte *to, const byte *from)                        \
    {                                                                                    \
        const T *x = (const void *)from;                                                 \
        T *y = (void *)to;                                                               \
        for (int64_t i = 0; i < n; i++)                                                  \
            y[i] = (T)((U)y[i] + (U)x[i]);                                               \
    }
ADD(float32, float, float)
ADD(float64, double, double)
ADD(int32, int32_t, uint32_t)
ADD(int64, int64_t, uint64_t)

/* A unit is one (batch, outer): its updates are added by one worker, in order. */
static void scatter_job(void *context, int64_t part, int worker)
{
    const neap__call *call = context;
    const neap__scatter_args *s = call->args;
    const neap__gather_args *a = &s->at;
    void (*add)(int64_t, byte *, const byte *) = s->dtype == NEAP_FLOAT32   ? add_float32
                                                 : s->dtype == NEAP_FLOAT64 ? add_float64
                                                 : s->dtype == NEAP_INT32   ? add_int32
                                                                            : add_int64;
    const int64_t bytes = a->inner * (int64_t)neap_dtype_size(s->dtype);
    const byte *from = (const byte *)call->in[0] + part * a->n * bytes;
    byte *to = (byte *)call->out[0] + part * a->count * bytes;
    (void)worker;
    memset(to, 0, (size_t)(a->count * bytes));
    for (int64_t i = 0; i < a->n; i++) {
        const int64_t index = index_at(a->index, call->in[1], part / a->outer * a->n + i);
        add(a->inner, to + index * bytes, from + i * bytes);
    }
}

int neap__cpu_scatter_add(const neap__call *call)
{
    const neap__scatter_args *s = call->args;
    const neap__gather_args *a = &s->at;
    const int code = check_indices(call->err, a, call->in[1]);
    if (code != NEAP_OK || a->inner == 0 || a->count == 0)
        return code;
    if (a->batch * a->outer * (a->n + a->count) * a->inner < NEAP__GRAIN)
        for (int64_t part = 0; part < a->batch * a->outer; part++)
            scatter_job((void *)call, part, 0);
    else
        run(call->team, a->batch * a->outer, scatter_job, (void *)call);
    return NEAP_OK;
}

/* ---- Slices ------------------------------------------------------------------------ */

/* Copies a box of `dims` elements between two row-major arrays, of shapes `from` and
 * `to`, at the boxes' first elements. Runs are as long as the trailing whole
 * dimensions make them. */
static void copy_box(size_t width, int rank, const int64_t *dims, const byte *x,
                     const int64_t *from, byte *y, const int64_t *to)
{
    int64_t run_size = (int64_t)width, x_strides[NEAP_MAX_RANK], y_strides[NEAP_MAX_RANK];
    int64_t index[NEAP_MAX_RANK] = {0}, x_stride = run_size, y_stride = run_size;
    for (int d = rank - 1; d >= 0; d--) {
        if (dims[d] == 0)
            return;
        x_strides[d] = x_stride;
        y_strides[d] = y_stride;
        x_stride *= from[d];
        y_stride *= to[d];
    }
    int last = rank; /* dimensions before it are walked */
    while (last > 0) {
        last--;
        run_size *= dims[last];
        if (dims[last] != from[last] || dims[last] != to[last])
            break;
    }
    for (;;) {
        memcpy(y, x, (size_t)run_size);
        int d = last - 1;
        for (; d >= 0; d--) {
            x += x_strides[d];
            y += y_strides[d];
            if (++index[d] < dims[d])
                break;
            x -= dims[d] * x_strides[d];
            y -= dims[d] * y_strides[d];
            index[d] = 0;
        }
        if (d < 0)
            return;
    }
}

/* Bytes from an array's beginning to the element at `begin`. */
static int64_t offset_at(size_t width, const neap__shape *s, const int64_t *begin)
{
    int64_t offset = 0;
    for (int d = 0; d < s->rank; d++)
        offset = offset * s->dims[d] + begin[d];
    return offset * (int64_t)width;
}

static int read_begin(const neap__call *call, const neap__slice_args *a, int64_t *begin)
{
    for (int d = 0; d < a->x.rank; d++) {
        begin[d] = index_at(a->index, call->in[1], d);
        if (begin[d] < 0 || begin[d] > a->x.dims[d] - a->out.dims[d])
            return neap__fail(
                call->err, NEAP_ERANGE,
                "begin[%d] = %lld with size %lld does not fit dimension %lld", d,
                (long long)begin[d], (long long)a->out.dims[d], (long long)a->x.dims[d]);
    }
    return NEAP_OK;
}

int neap__cpu_slice(const neap__call *call)
{
    const neap__slice_args *a = call->args;
    int64_t begin[NEAP_MAX_RANK];
    const int code = read_begin(call, a, begin);
    if (code == NEAP_OK && neap__shape_size(&a->out) > 0)
        copy_box(a->width, a->x.rank, a->out.dims,
                 (const byte *)call->in[0] + offset_at(a->width, &a->x, begin), a->x.dims,
                 call->out[0], a->out.dims);
    return code;
}

/* Zeros of shape `whole` with the box x placed at begin. */
static void place(size_t width, const neap__shape *x, const neap__shape *whole,
                  const int64_t *begin, const void *from, void *to)
{
    const int64_t size = neap__shape_size(whole);
    if (size == 0)
        return;
    if (neap__shape_size(x) != size)
        memset(to, 0, (size_t)size * width);
    if (neap__shape_size(x) > 0)
        copy_box(width, x->rank, x->dims, from, x->dims,
                 (byte *)to + offset_at(width, whole, begin), whole->dims);
}

int neap__cpu_unslice(const neap__call *call)
{
    const neap__slice_args *a = call->args;
    int64_t begin[NEAP_MAX_RANK];
    const int code = read_begin(call, a, begin);
    if (code == NEAP_OK)
        place(a->width, &a->out, &a->x, begin, call->in[0], call->out[0]);
    return code;
}

int neap__cpu_pad_zero(const neap__call *call)
{
    const neap__pad_args *a = call->args;
    place(a->width, &a->x, &a->out, a->begin, call->in[0], call->out[0]);
    return NEAP_OK;
}

/* ---- Constants --------------------------------------------------------------------- */

int neap__cpu_fill(const neap__call *call)
{
    const neap__fill_args *a = call->args;
    if (a->count > 0)
        neap__copy_run(a->width, a->count, a->value, 0, call->out[0]);
    return NEAP_OK;
}

int neap__cpu_fill_from(const neap__call *call)
{
    const neap__fill_args *a = call->args;
    if (a->count > 0)
        neap__copy_run(a->width, a->count, call->in[0], 0, call->out[0]);
    return NEAP_OK;
}

int neap__cpu_one_hot(const neap__call *call)
{
    const neap__one_hot_args *a = call->args;
    const size_t width = neap_dtype_size(a->dtype);
    byte *out = call->out[0];
    const int64_t size = a->outer * a->depth * a->inner;
    if (size == 0)
        return NEAP_OK;
    neap__copy_run(width, size, a->off, 0, out);
    for (int64_t i = 0; i < a->outer * a->inner; i++) {
        const int64_t index = index_at(a->index, call->in[0], i);
        if (index < 0 || index >= a->depth)
            continue;
        const int64_t at = (i / a->inner * a->depth + index) * a->inner + i % a->inner;
        memcpy(out + at * (int64_t)width, a->on, width);
    }
    return NEAP_OK;
}
