/* programs.c - formulas, compiled and run in tiles, against the same formulas evaluated
 * element by element, fold by fold as fold.h says: every bit must be the same, for every
 * instruction set that this machine has, domains of all sizes, and 1, 2 and 5 workers. */
#include "cpu/fold.h"
#include "cpu/program.h"
#include "numbers.h"

static const int workers[] = {1, 2, 5};
static neap__arena arena;

/* ---- A formula in plain words ------------------------------------------------------ */

/* The domain as (outer, count, inner). */
typedef struct seen {
    int64_t outer, count, inner;
} seen;

static seen see(const neap__formula *f)
{
    seen s = {1, 1, 1};
    bool met = false;
    for (int d = 0; d < f->rank; d++) {
        const bool folded = f->folded >> d & 1;
        if (f->dims[d] == 1 && !folded)
            continue;
        met = met || folded;
        *(folded ? &s.count : met ? &s.inner : &s.outer) *= f->dims[d];
    }
    return s;
}

/* The sum of n numbers, `stride` apart: one block (rule 1). */
static double block_of_row(int64_t n, int64_t stride, const double *x)
{
    double lane[NEAP__LANES] = {0};
    for (int64_t i = 0; i < n; i++)
        lane[i % NEAP__LANES] += x[i * stride];
    for (int half = NEAP__LANES / 2; half; half /= 2)
        for (int j = 0; j < half; j++)
            lane[j] += lane[j + half];
    return lane[0];
}

/* A sum of n numbers as fold.h orders it. */
static double summed(int64_t n, int64_t stride, bool row, const double *x)
{
    const int64_t block = row ? NEAP__TILE : NEAP__BLOCK_ROWS;
    if (n <= block) {
        double sum = 0;
        if (row)
            return block_of_row(n, stride, x);
        for (int64_t i = 0; i < n; i++)
            sum += x[i * stride];
        return sum;
    }
    int64_t half = block;
    while (half * 2 < n)
        half *= 2;
    return summed(half, stride, row, x) +
           summed(n - half, stride, row, x + half * stride);
}

static double greatest(int64_t n, int64_t stride, const double *x)
{
    double max = -INFINITY;
    for (int64_t i = 0; i < n; i++)
        max = x[i * stride] > max ? x[i * stride] : max;
    return max;
}

static double rounded(neap_dtype dtype, double x)
{
    return dtype == NEAP_FLOAT32 ? (double)(float)x : x;
}

static double reduced(neap__reduction reduction, neap_dtype dtype, int64_t n,
                      int64_t stride, bool row, const double *x)
{
    if (reduction == NEAP__REDUCE_max)
        return greatest(n, stride, x);
    const double sum = summed(n, stride, row, x);
    return rounded(dtype, reduction == NEAP__REDUCE_mean ? sum / (double)n : sum);
}

/* The value of term t at element (o, c, i) of the domain; x are its inputs' there. */
static double element_of(const neap__formula *f, const neap__term *t, const double *x)
{
    const neap_dtype dtype = (neap_dtype)t->dtype;
    union {
        float single;
        double number;
    } in[3], out;
    const void *operands[3];
    for (int k = 0; k < t->count; k++) {
        operands[k] = &in[k];
        if (dtype == NEAP_FLOAT32)
            in[k].single = (float)x[k];
        else
            in[k].number = x[k];
    }
    neap__find_element(f->isa, t->code, dtype, dtype)(1, &out, operands, t->params);
    return dtype == NEAP_FLOAT32 ? (double)out.single : out.number;
}

/* Values of all terms over the whole domain, those of groups repeated; tails have theirs
 * in the first row. */
static double **evaluate(const neap__formula *f, const void *const *operands)
{
    const seen s = see(f);
    const int64_t size = s.outer * s.count * s.inner, step = s.inner;
    double **value = calloc((size_t)f->terms, sizeof *value);
    for (int n = 0; n < f->terms; n++) {
        const neap__term *t = &f->term[n];
        double *to = value[n] = buffer((size_t)size * sizeof *to);
        const double *from = t->count ? value[t->in[0]] : NULL;
        for (int64_t e = 0; e < size; e++) {
            const int64_t o = e / (s.count * s.inner), c = e / s.inner % s.count;
            const int64_t first = o * s.count * s.inner + e % s.inner;
            double x[3] = {0};
            if (t->kind == NEAP__TERM_LOAD) {
                const neap__view *v = &f->view[t->code];
                const neap__shape domain = {f->rank, {0}};
                int64_t index[NEAP_MAX_RANK], at = v->offset;
                memcpy((void *)domain.dims, f->dims, sizeof f->dims);
                split_index(&domain, e, index);
                for (int d = 0; d < f->rank; d++)
                    at += index[d] * v->strides[d];
                to[e] = neap__element_number((neap_dtype)t->dtype, operands[t->code], at);
            } else if (t->kind == NEAP__TERM_NUMBER) {
                to[e] = rounded((neap_dtype)t->dtype, t->params[0]);
            } else if (t->kind == NEAP__TERM_ELEMENT) {
                for (int k = 0; k < t->count; k++)
                    x[k] = value[t->in[k]][e];
                to[e] = element_of(f, t, x);
            } else if (t->kind == NEAP__TERM_SPREAD) {
                to[e] = from[e];
            } else if (t->kind == NEAP__TERM_FOLD) {
                to[e] = c ? to[first]
                          : reduced((neap__reduction)t->code, (neap_dtype)t->dtype,
                                    s.count, step, s.inner == 1, from + first);
            } else if (t->kind == NEAP__TERM_PICK) {
                to[e] = from[first + (int64_t)value[t->in[1]][e]];
            } else if (t->kind == NEAP__TERM_PUT) {
                const bool own = value[t->in[1]][e] == (double)c;
                to[e] = value[t->in[own ? 2 : 0]][e];
            } else if (t->kind == NEAP__TERM_TAIL && e < s.count) {
                to[e] = reduced((neap__reduction)t->code, (neap_dtype)t->dtype, s.outer,
                                s.count, false, from + e);
            }
        }
    }
    return value;
}

/* ---- Random formulas --------------------------------------------------------------- */

static neap__formula formula;

/* A shape whose elements are at most `most`, about. */
static neap__shape random_domain(int64_t most, unsigned *folded)
{
    static const int64_t sizes[] = {1, 2, 3, 10, 31, 33, 64, 100, 511, 513, 1500, 5000};
    neap__shape s = {.rank = 1 + (int)next_below(4)};
    int64_t size = 1;
    for (int d = 0; d < s.rank; d++) {
        do
            s.dims[d] = sizes[next_below((int64_t)COUNT(sizes))];
        while (size * s.dims[d] > most);
        size *= s.dims[d];
    }
    const int first = (int)next_below(s.rank),
              count = 1 + (int)next_below(s.rank - first);
    *folded = next_below(4) ? ((1u << count) - 1) << first : 0;
    if (next_below(30) == 0)
        s.dims[next_below(s.rank)] = 0;
    return s;
}

/* An operand of random strides: some dimensions repeat, others may be taken backwards or
 * swapped. Its elements are small numbers. */
static int random_operand(neap_dtype dtype, void **memory, bool whole)
{
    neap__formula *f = &formula;
    neap__view view = {0};
    int order[NEAP_MAX_RANK];
    int64_t size = 1;
    for (int d = 0; d < f->rank; d++)
        order[d] = d;
    if (!whole && f->rank > 1 && next_below(4) == 0) {
        order[0] = f->rank - 1;
        order[f->rank - 1] = 0;
    }
    const bool repeats = !whole && next_below(2);
    for (int k = f->rank - 1; k >= 0; k--) {
        const int d = order[k];
        if (repeats && (f->folded && next_below(2) ? f->folded >> d & 1 : next_below(2)))
            continue;
        view.strides[d] = size;
        size *= f->dims[d];
        if (!whole && next_below(8) == 0 && f->dims[d]) {
            view.offset += (f->dims[d] - 1) * view.strides[d];
            view.strides[d] = -view.strides[d];
        }
    }
    *memory = buffer((size_t)size * 8);
    for (int64_t i = 0; i < size; i++)
        neap__store_number(dtype, *memory, i, next_number(-2, 2));
    return neap__formula_load(f, dtype, &view);
}

/* Indices for each group, in [0, count). */
static int random_index(void **memory, int64_t count)
{
    neap__formula *f = &formula;
    neap__view view = {0};
    int64_t size = 1;
    for (int d = f->rank - 1; d >= 0; d--)
        if (!(f->folded >> d & 1)) {
            view.strides[d] = size;
            size *= f->dims[d];
        }
    *memory = buffer((size_t)size * 8);
    for (int64_t i = 0; i < size; i++)
        neap__store_integer(NEAP_INT64, *memory, i, next_below(count));
    return neap__formula_load(f, NEAP_INT64, &view);
}

static int unary(neap__element_code code, int x)
{
    return neap__formula_element(&formula, code, (neap_dtype)formula.term[x].dtype, &x, 1,
                                 NULL);
}

static int binary(neap__element_code code, int x, int y)
{
    const int in[] = {x, y};
    return neap__formula_element(&formula, code, (neap_dtype)formula.term[x].dtype, in, 2,
                                 NULL);
}

static int random_term(neap_dtype dtype, const int *terms, int count, int index, seen s)
{
    static const int codes[] = {NEAP__ELEMENT_add, NEAP__ELEMENT_subtract,
                                NEAP__ELEMENT_multiply, NEAP__ELEMENT_maximum};
    static const neap__reduction kinds[] = {NEAP__REDUCE_sum, NEAP__REDUCE_max,
                                            NEAP__REDUCE_mean};
    const int x = terms[next_below(count)], y = terms[next_below(count)];
    switch (next_below(index ? 9 : 7)) {
    case 0:
        return unary(NEAP__ELEMENT_tanh, x);
    case 1:
        return unary(NEAP__ELEMENT_exp, unary(NEAP__ELEMENT_tanh, x));
    case 2:
        return binary(codes[next_below(4)], x,
                      neap__formula_number(&formula, dtype, 0.75));
    case 3:
        return formula.folded && s.count
                   ? neap__formula_fold(&formula, kinds[next_below(3)], x)
                   : unary(NEAP__ELEMENT_negative, x);
    case 7:
        return neap__formula_pick(&formula, x, index - 1);
    case 8:
        return neap__formula_put(&formula, x, index - 1,
                                 neap__formula_fold(&formula, NEAP__REDUCE_max, y));
    default:
        return unary(NEAP__ELEMENT_tanh, binary(codes[next_below(4)], x, y));
    }
}

/* Draws a formula; operands and results get memory. */
static void draw(neap__isa isa, neap_dtype dtype, int64_t most, void **operands,
                 neap_error *err)
{
    neap__formula *f = &formula;
    unsigned folded;
    const neap__shape domain = random_domain(most, &folded);
    int terms[64], count = 0, index = 0;
    neap__formula_begin(f, isa, &domain, folded, &arena, err);
    const seen s = see(f);
    for (; count < 3; count++)
        terms[count] = random_operand(dtype, &operands[count], count == 0);
    if (folded && s.inner == 1 && s.count && next_below(2))
        index = 1 + random_index(&operands[count], s.count);
    for (const int all = count + 4 + (int)next_below(16); count < all; count++)
        terms[count] = random_term(dtype, terms, count, index, s);
    const int stores = 1 + (int)next_below(4);
    for (int k = 0; k < stores; k++) {
        int x = terms[count - 1 - next_below(count < 8 ? count : 8)];
        if (next_below(6) == 0)
            x = neap__formula_spread(f, x);
        else if (folded && s.inner == 1 && next_below(4) == 0)
            x = neap__formula_tail(f, NEAP__REDUCE_sum, x);
        neap__formula_store(f, x);
    }
}

static int64_t result_size(const neap__formula *f, const neap__term *t)
{
    const seen s = see(f);
    return t->kind == NEAP__TERM_TAIL ? s.count
           : t->group                 ? s.outer * s.inner
                                      : s.outer * s.count * s.inner;
}

/* Where result element e of a term lies among its values over the domain. */
static int64_t value_at(const neap__formula *f, const neap__term *t, int64_t e)
{
    const seen s = see(f);
    return t->group ? e / s.inner * s.count * s.inner + e % s.inner : e;
}

/* Runs the program of the formula with so many workers; result 0 may lie on operand 0. */
static void check_run(const neap__program *p, void **operands, double **value,
                      int worker_count, int case_number)
{
    const neap__formula *f = &formula;
    const neap_dtype dtype = (neap_dtype)f->term[0].dtype;
    const seen s = see(f);
    const int64_t size = s.outer * s.count * s.inner;
    const bool in_place = neap__program_in_place(p, 0, 0) && case_number % 2;
    void *out[NEAP__PROGRAM_STORES], *first = buffer((size_t)size * 8);
    const void *in[4] = {operands[0], operands[1], operands[2], operands[3]};
    memcpy(first, operands[0], (size_t)size * neap_dtype_size(dtype));
    if (in_place)
        in[0] = first;
    for (int k = 0; k < f->stores; k++)
        out[k] = k == 0 && in_place
                     ? first
                     : buffer((size_t)result_size(f, &f->term[f->store[k]]) * 8);
    void *scratch = buffer(neap__program_scratch(p, worker_count));
    neap_error err = NEAP_ERROR_INIT;
    CHECK(run(neap__cpu_program, p, in, out, scratch, worker_count, &err) == NEAP_OK);
    for (int k = 0; k < f->stores; k++) {
        const neap__term *t = &f->term[f->store[k]];
        const double *want = value[f->store[k]];
        int64_t wrong = 0, total = result_size(f, t);
        for (int64_t e = 0; e < total && (size || t->kind == NEAP__TERM_TAIL); e++) {
            const double got = neap__element_number((neap_dtype)t->dtype, out[k], e);
            const double right = size ? want[value_at(f, t, e)] : 0;
            wrong += got != right && !(isnan(got) && isnan(right));
        }
        if (!CHECK(wrong == 0))
            printf("  case %d, %s, (%d, %d, %d), result %d of kind %d: %d of %d wrong\n",
                   case_number, neap__isa_name(f->isa), (int)s.outer, (int)s.count,
                   (int)s.inner, k, t->kind, (int)wrong, (int)total);
        if (out[k] != first)
            free(out[k]);
    }
    free(scratch);
    free(first);
}

static void check_formula(neap__isa isa, int case_number)
{
    static const int64_t sizes[] = {60, 3000, 3000, 40000, 200000};
    neap_error err = NEAP_ERROR_INIT;
    void *operands[4] = {NULL};
    draw(isa, case_number % 3 ? NEAP_FLOAT32 : NEAP_FLOAT64, sizes[case_number % 5],
         operands, &err);
    const neap__program *p = neap__program_make(&formula);
    if (!CHECK(p != NULL)) {
        printf("  %s\n", err.message);
        return;
    }
    double **value = evaluate(&formula, (const void *const *)operands);
    for (int k = 0; k < 3; k++)
        check_run(p, operands, value, workers[k], case_number);
    for (int t = 0; t < formula.terms; t++)
        free(value[t]);
    free(value);
    for (int k = 0; k < 4; k++)
        free(operands[k]);
    neap__arena_free(&arena);
}

/* ---- Results apart, indices checked, spans ----------------------------------------- */

/* A softmax over axes 0 and 2 of (3, 40, 50): the domain is taken as (40, 3, 50). */
static void check_apart(neap__isa isa)
{
    neap__formula *f = &formula;
    neap_error err = NEAP_ERROR_INIT;
    const neap__shape domain = {3, {40, 3, 50}};
    const neap__view view = {0, {50, 2000, 1}};
    double *x = buffer(6000 * sizeof *x), *y = buffer(6000 * sizeof *y);
    neap__formula_begin(f, isa, &domain, 6, &arena, &err);
    memcpy(f->results, view.strides, sizeof f->results);
    const int e = unary(NEAP__ELEMENT_exp, neap__formula_load(f, NEAP_FLOAT64, &view));
    const int sum = neap__formula_fold(f, NEAP__REDUCE_sum, e);
    neap__formula_store(f, binary(NEAP__ELEMENT_divide, e, sum));
    for (int i = 0; i < 6000; i++)
        x[i] = next_number(-1, 1);
    const neap__program *p = neap__program_make(f);
    void *scratch = buffer(neap__program_scratch(p, 1)), *out[] = {y};
    const void *in[] = {x};
    CHECK(!neap__program_in_place(p, 0, 0));
    CHECK(run(neap__cpu_program, p, in, out, scratch, 1, &err) == NEAP_OK);
    bool right = true;
    for (int64_t k = 0; k < 40; k++) {
        double total = 0;
        for (int64_t i = 0; i < 150; i++)
            total += exp(x[i / 50 * 2000 + k * 50 + i % 50]);
        for (int64_t i = 0; i < 150; i++) {
            const int64_t at = i / 50 * 2000 + k * 50 + i % 50;
            right = right && near(y[at], exp(x[at]) / total, 1e-14);
        }
    }
    CHECK(right);
    free(scratch);
    free(x);
    free(y);
    neap__arena_free(&arena);
}

static void check_indices(void)
{
    neap__formula *f = &formula;
    neap_error err = NEAP_ERROR_INIT;
    const neap__shape domain = {2, {3, 4}};
    const neap__view view = {0, {1, 0}};
    int32_t labels[] = {0, 3, 4};
    float x[12] = {0}, y[3] = {7, 7, 7};
    neap__formula_begin(f, neap__best_isa(), &domain, 2, &arena, &err);
    const int values = neap__formula_operand(f, NEAP_FLOAT32, &domain);
    const int index = neap__formula_load(f, NEAP_INT32, &view);
    neap__formula_check(f, index, 4, "labels", labels);
    neap__formula_store(f, neap__formula_spread(f, neap__formula_pick(f, values, index)) *
                                   0 +
                               neap__formula_fold(f, NEAP__REDUCE_sum, values));
    const neap__program *p = neap__program_make(f);
    void *scratch = buffer(neap__program_scratch(p, 1)), *out[] = {y};
    const void *in[] = {x, labels}, *blamed = NULL;
    neap__team team;
    neap__team_begin(&team, 1);
    const neap__call call = {.in = in,
                             .out = out,
                             .args = p,
                             .scratch = scratch,
                             .team = &team,
                             .err = &err,
                             .blamed = &blamed};
    CHECK(neap__cpu_program(&call) == NEAP_ERANGE);
    CHECK_TEXT(err.message, "labels[2] = 4 is not in [0, 4)");
    CHECK(blamed == labels && y[0] == 7);
    neap__clear(&err);
    labels[2] = -1;
    CHECK(neap__cpu_program(&call) == NEAP_ERANGE);
    CHECK_TEXT(err.message, "labels[2] = -1 is not in [0, 4)");
    neap__clear(&err);
    labels[2] = 0;
    CHECK(neap__cpu_program(&call) == NEAP_OK && y[2] == 0);
    neap__team_end(&team);
    free(scratch);
    neap__arena_free(&arena);
}

/* An epilogue: the middle of a domain of (rows, 100), with a bias for each column. */
static void check_span(neap__isa isa)
{
    neap__formula *f = &formula;
    neap_error err = NEAP_ERROR_INIT;
    const neap__shape domain = {2, {50, 100}}, row = {1, {100}};
    static float tile[5000], bias[100], out[5000];
    for (int i = 0; i < 100; i++)
        bias[i] = (float)i;
    for (int i = 0; i < 5000; i++)
        tile[i] = (float)next_below(100);
    neap__formula_begin(f, isa, &domain, 0, &arena, &err);
    const int product = neap__formula_accumulator(f, NEAP_FLOAT32);
    neap__formula_store(f, binary(NEAP__ELEMENT_add, product,
                                  neap__formula_operand(f, NEAP_FLOAT32, &row)));
    const neap__program *p = neap__program_make(f);
    void *scratch = buffer(neap__program_scratch(p, 1)), *to[] = {out};
    const void *in[] = {bias};
    static const int64_t spans[][2] = {
        {0, 5000}, {130, 70}, {17, 1000}, {300, 1}, {4999, 1}};
    for (int k = 0; k < 5; k++) {
        const int64_t begin = spans[k][0], n = spans[k][1];
        memset(out, 0, sizeof out);
        neap__program_span(p, in, to, tile, begin, n, scratch);
        bool right = true;
        for (int64_t i = 0; i < 5000; i++) {
            const bool inside = i >= begin && i < begin + n;
            right = right && out[i] == (inside ? tile[i - begin] + bias[i % 100] : 0.0f);
        }
        CHECK(right);
    }
    free(scratch);
    neap__arena_free(&arena);
}

/* What does not fit is told, and nothing is written past the end. */
static void check_limits(void)
{
    neap__formula *f = &formula;
    neap_error err = NEAP_ERROR_INIT;
    const neap__shape domain = {1, {5}};
    neap__formula_begin(f, neap__best_isa(), &domain, 0, &arena, &err);
    int x = neap__formula_operand(f, NEAP_FLOAT32, &domain);
    for (int i = 0; i < 2 * NEAP__PROGRAM_TERMS; i++)
        x = unary(NEAP__ELEMENT_tanh, x);
    CHECK(err.code == NEAP_ELIMIT && neap__program_make(f) == NULL);
    neap__clear(&err);
    neap__formula_begin(f, neap__best_isa(), &domain, 0, &arena, &err);
    for (int i = 0; i < 2 * NEAP__PROGRAM_LOADS; i++)
        neap__formula_operand(f, NEAP_FLOAT32, &domain);
    CHECK(err.code == NEAP_ELIMIT);
    neap__clear(&err);
    neap__formula_begin(f, neap__best_isa(), &domain, 0, &arena, &err);
    x = neap__formula_operand(f, NEAP_BOOL, &domain);
    unary(NEAP__ELEMENT_exp, x);
    CHECK(err.code == NEAP_EUNSUP);
    CHECK_TEXT(err.message, "there is no kernel for bool");
    neap__arena_free(&arena);
}

int main(void)
{
    neap__pool_retain();
    neap__arena_init(&arena, neap__default_account(), NEAP_MEMORY_SMALL);
    for (neap__isa isa = NEAP__GENERIC; isa <= neap__best_isa(); isa++) {
        for (int k = 0; k < 300; k++)
            check_formula(isa, k);
        check_span(isa);
        check_apart(isa);
    }
    check_indices();
    check_limits();
    neap__pool_release();
    return check_report();
}
