/* program.c - formulas become programs: for the sizes at hand, which steps are done in
 * which order, and where every value lies.
 *
 * 1. Where whole groups fit a tile there is one pass: the steps in the order of the terms.
 * 2. Else a group takes several tiles, and what needs a fold's result comes in a later
 *    pass over them. A value of the domain that a later pass needs is computed anew where
 *    that is cheap; else it is kept, in the memory of a result that is written last of
 *    all, or in a buffer.
 * 3. Nothing that is decided here shows in a bit: folds follow fold.h, and every other
 *    step is a matter of each element alone. */
#include "cpu/fold.h"
#include "cpu/load.h"

#include <string.h>

enum {
    NEAR_BYTES = 32768, /* of the tiles in flight: the L1 cache, about */
    MOST_TILE = 4096,   /* elements; fewer than NEAP__TILE only where there are no more */
    SPAN = 16384,       /* elements of a part of a parallel job, about */
    LONG_ROW = 64,      /* elements of a group that are worth a call */
    FEW_GROUPS = 16,    /* too few to be the parts themselves */
    MOST_PARTS = 64,    /* of one group: each has accumulators of its own */
    TAIL_PARTS = 32,
    CHEAP = 4,                            /* steps that are done anew rather than kept */
    MOST_LOADS = 2 * NEAP__PROGRAM_LOADS, /* with numbers */
    STEPS = 256,                          /* with those that are done anew */
    BASE = 1 << 12 /* slots of steps, until the number of loads is known */
};

typedef struct compiler {
    const neap__formula *f;
    neap__program *p;
    bool live[NEAP__PROGRAM_TERMS];
    uint8_t pass[NEAP__PROGRAM_TERMS];   /* in which a term is computed */
    uint8_t needed[NEAP__PROGRAM_TERMS]; /* the last pass that reads it */
    bool kept[NEAP__PROGRAM_TERMS];
    uint8_t one[NEAP__PROGRAM_TERMS];    /* 1 + the operand that has one element, or 0 */
    int16_t result[NEAP__PROGRAM_TERMS]; /* that it is, or whose memory it is kept in */
    int16_t slot[NEAP__PROGRAM_TERMS];
    neap__load load[MOST_LOADS];
    neap__step step[STEPS];
    neap__pass passes[NEAP__PROGRAM_FOLDS + 1];
    int16_t held[NEAP__PROGRAM_TERMS];
    int current; /* pass */
} compiler;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t quotient_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

static size_t aligned(size_t bytes)
{
    return (bytes + NEAP__ALIGNMENT - 1) & ~(size_t)(NEAP__ALIGNMENT - 1);
}

/* ---- Terms ------------------------------------------------------------------------- */

static bool is_load(const neap__term *t)
{
    return t->kind == NEAP__TERM_LOAD || t->kind == NEAP__TERM_NUMBER;
}

/* Is the term computed for each tile, rather than once for a group? */
static bool by_tile(const neap__term *t)
{
    return t->kind == NEAP__TERM_FOLD || t->kind == NEAP__TERM_PICK || !t->group;
}

/* A value of the domain that steps make. */
static bool is_tile(const neap__term *t)
{
    return !t->group && !is_load(t) && t->kind != NEAP__TERM_TAIL;
}

/* Is the load one element for the whole domain? */
static bool is_single(const neap__formula *f, const neap__term *t)
{
    for (int d = 0; t->kind == NEAP__TERM_LOAD && d < f->rank; d++)
        if (f->dims[d] != 1 && f->view[t->code].strides[d] != 0)
            return false;
    return t->kind == NEAP__TERM_NUMBER ||
           (t->kind == NEAP__TERM_LOAD && !t->accumulator);
}

/* Which of two operands has one element, for all of the tile or for each group: there
 * are functions that take it so. Groups must be long, or each would cost a call. */
static void find_one(compiler *c, bool whole)
{
    const neap__formula *f = c->f;
    const neap__program *p = c->p;
    const bool rows = p->inner == 1 && (!whole || p->count >= LONG_ROW);
    for (int t = 0; t < f->terms; t++) {
        const neap__term *term = &f->term[t];
        c->one[t] = 0;
        for (int k = 0; k < 2 && term->kind == NEAP__TERM_ELEMENT && !term->group; k++) {
            const neap__term *x = &f->term[term->in[k]];
            if (((x->kind == NEAP__TERM_SPREAD && rows) || is_single(f, x)) &&
                !is_single(f, &f->term[term->in[!k]]) &&
                neap__find_element_one(f->isa, term->code, (neap_dtype)x->dtype,
                                       (neap_dtype)term->dtype, k))
                c->one[t] = (uint8_t)(k + 1);
        }
    }
}

/* Operand k of term t: of what has one element for each group, the value of the groups. */
static int operand_of(const compiler *c, int t, int k)
{
    const int x = c->f->term[t].in[k];
    return c->one[t] == k + 1 && c->f->term[x].kind == NEAP__TERM_SPREAD
               ? c->f->term[x].in[0]
               : x;
}

static void find_live(compiler *c)
{
    const neap__formula *f = c->f;
    for (int t = 0; t < f->terms; t++)
        c->result[t] = -1;
    for (int s = 0; s < f->stores; s++) {
        if (f->store[s] < 0)
            continue;
        c->live[f->store[s]] = true;
        c->result[f->store[s]] = (int16_t)s;
    }
    for (int t = f->terms; t-- > 0;)
        for (int k = 0; c->live[t] && k < f->term[t].count; k++)
            c->live[operand_of(c, t, k)] = true;
}

/* A fold's result is there when its pass has ended. */
static void find_passes(compiler *c)
{
    const neap__formula *f = c->f;
    int last = 0;
    for (int t = 0; t < f->terms; t++) {
        const neap__term *term = &f->term[t];
        int pass = 0;
        for (int k = 0; k < term->count; k++) {
            const int x = operand_of(c, t, k);
            const bool folded = by_tile(&f->term[x]) && f->term[x].group;
            pass = (int)most(pass, c->pass[x] + folded);
        }
        c->pass[t] = (uint8_t)pass;
        last = c->live[t] && pass > last ? pass : last;
    }
    c->p->passes = last + 1;
}

/* Of a tile of it, its operands aside. */
static int cost_of(const neap__term *t)
{
    if (t->kind == NEAP__TERM_SPREAD)
        return 0; /* which is done once for a group */
    if (t->kind != NEAP__TERM_ELEMENT)
        return 1;
    switch (t->code) {
    case NEAP__ELEMENT_copy:
    case NEAP__ELEMENT_add:
    case NEAP__ELEMENT_subtract:
    case NEAP__ELEMENT_multiply:
    case NEAP__ELEMENT_negative:
    case NEAP__ELEMENT_square:
    case NEAP__ELEMENT_abs:
    case NEAP__ELEMENT_maximum:
    case NEAP__ELEMENT_minimum:
    case NEAP__ELEMENT_relu:
        return 1;
    default:
        return CHEAP;
    }
}

/* A result in whose memory term t, needed until pass c->needed[t], may wait: it is
 * written after the last step that reads t. */
static int spare_result(const compiler *c, int t)
{
    const neap__formula *f = c->f;
    int reader = t;
    for (int u = t + 1; u < f->terms; u++)
        for (int k = 0; c->live[u] && k < f->term[u].count; k++)
            reader = f->term[u].in[k] == t ? u : reader;
    for (int s = 0; s < f->stores; s++) {
        const int v = f->store[s];
        if (v < 0)
            continue;
        bool taken = v < reader || c->pass[v] < c->needed[t] || !is_tile(&f->term[v]) ||
                     neap_dtype_size((neap_dtype)f->term[v].dtype) !=
                         neap_dtype_size((neap_dtype)f->term[t].dtype);
        for (int u = 0; u < f->terms && !taken; u++)
            taken = c->kept[u] && c->result[u] == s;
        if (!taken)
            return s;
    }
    return -1;
}

/* Which terms wait for later passes. */
static void find_kept(compiler *c)
{
    const neap__formula *f = c->f;
    int cost[NEAP__PROGRAM_TERMS];
    for (int t = 0; t < f->terms; t++) {
        cost[t] = cost_of(&f->term[t]);
        for (int k = 0; f->term[t].kind == NEAP__TERM_ELEMENT && k < f->term[t].count;
             k++)
            cost[t] += f->term[operand_of(c, t, k)].group ? 0 : cost[f->term[t].in[k]];
    }
    for (int t = f->terms; t-- > 0;) {
        c->needed[t] = (uint8_t)most(c->needed[t], c->pass[t]);
        if (!c->live[t])
            continue;
        const bool again = is_tile(&f->term[t]) && c->needed[t] > c->pass[t] &&
                           (c->result[t] < 0 || c->p->scattered);
        if (again && cost[t] > CHEAP && f->term[t].kind != NEAP__TERM_SPREAD) {
            const int spare = c->p->scattered ? -1 : spare_result(c, t);
            c->kept[t] = spare >= 0 || !c->p->apart;
            if (c->kept[t] && c->result[t] < 0)
                c->result[t] = (int16_t)spare;
        }
        const int until = again && !c->kept[t] ? c->needed[t] : c->pass[t];
        for (int k = 0; k < f->term[t].count; k++) {
            uint8_t *needed = &c->needed[operand_of(c, t, k)];
            *needed = (uint8_t)most(*needed, until);
        }
    }
}

/* ---- Steps ------------------------------------------------------------------------- */

static int16_t load_slot(compiler *c, int t)
{
    neap__program *p = c->p;
    const neap__term *term = &c->f->term[t];
    if (c->slot[t] >= 0)
        return c->slot[t];
    if (p->loads == MOST_LOADS)
        return (int16_t)neap__fail(c->f->err, NEAP_ELIMIT,
                                   "a program of more than %d operands", MOST_LOADS);
    neap__load *load = &c->load[p->loads];
    memset(load, 0, sizeof *load);
    load->dtype = term->dtype;
    load->width = (uint8_t)neap_dtype_size((neap_dtype)term->dtype);
    load->group = term->group;
    load->accumulator = term->accumulator;
    load->single = true;
    load->operand = -1;
    if (term->kind == NEAP__TERM_NUMBER) {
        neap__store_number((neap_dtype)term->dtype, load->number, 0, term->params[0]);
    } else {
        const neap__view *view = &c->f->view[term->code];
        load->operand = term->code;
        for (int u = 0; u < t; u++) /* which has no place in the call */
            load->operand -= c->f->term[u].accumulator;
        load->offset = view->offset;
        memcpy(load->strides, view->strides, sizeof load->strides);
    }
    return c->slot[t] = (int16_t)p->loads++;
}

/* Is the value in memory since an earlier pass? */
static bool is_held(const compiler *c, int t)
{
    return is_tile(&c->f->term[t]) && c->pass[t] < c->current &&
           (c->kept[t] || (c->result[t] >= 0 && !c->p->scattered));
}

static neap__where place_of(compiler *c, int t, int16_t *index)
{
    neap__program *p = c->p;
    const neap__term *term = &c->f->term[t];
    *index = c->result[t];
    if (term->kind == NEAP__TERM_TAIL)
        return NEAP__IN_CELLS;
    if (term->group) {
        if (*index >= 0)
            return NEAP__IN_STORE;
        *index = (int16_t)p->registers++;
        return NEAP__IN_GROUP;
    }
    if (*index >= 0 && !p->scattered && c->current == c->pass[t])
        return NEAP__IN_STORE;
    if (c->kept[t]) {
        *index = (int16_t)p->kept++;
        return NEAP__IN_KEPT;
    }
    *index = 0;
    return NEAP__IN_TILE;
}

static neap__step *new_step(compiler *c)
{
    if (c->p->steps == STEPS) {
        neap__fail(c->f->err, NEAP_ELIMIT, "a program of more than %d steps", STEPS);
        return NULL;
    }
    neap__step *step = &c->step[c->p->steps++];
    memset(step, 0, sizeof *step);
    return step;
}

/* A result whose elements lie apart. */
static void add_scatter(compiler *c, int t)
{
    const uint8_t width = c->step[c->slot[t] - BASE].width;
    neap__step *step = new_step(c);
    if (!step)
        return;
    step->kind = NEAP__STEP_SCATTER;
    step->width = width;
    step->inputs = 1;
    step->in[0] = c->slot[t];
    step->index = c->result[t];
    step->where = NEAP__IN_STORE;
}

static void add_step(compiler *c, int t)
{
    neap__program *p = c->p;
    const neap__formula *f = c->f;
    const neap__term *term = &f->term[t];
    int16_t in[3] = {0};
    for (int k = 0; k < term->count; k++) {
        const int x = operand_of(c, t, k);
        in[k] = is_load(&f->term[x]) ? load_slot(c, x) : c->slot[x];
        if (is_load(&f->term[x]) && c->one[t] != k + 1)
            c->load[in[k]].single = false;
    }
    neap__step *step = new_step(c);
    if (!step)
        return;
    const neap_dtype dtype = (neap_dtype)term->dtype;
    step->kind = term->kind;
    step->dtype = term->dtype;
    step->width = (uint8_t)neap_dtype_size(dtype);
    step->group = term->group && !by_tile(term);
    step->inputs = term->count;
    memcpy(step->in, in, sizeof in);
    memcpy(step->params, term->params, sizeof step->params);
    step->where = (uint8_t)place_of(c, t, &step->index);
    if (term->kind == NEAP__TERM_ELEMENT) {
        const int from = term->in[term->count == 3 ? 1 : 0];
        const neap_dtype of = (neap_dtype)f->term[from].dtype;
        step->one = (int8_t)(c->one[t] - 1);
        step->by_group = step->one >= 0 && f->term[operand_of(c, t, step->one)].group;
        step->from_width = (uint8_t)neap_dtype_size(of);
        step->function =
            step->one >= 0
                ? neap__find_element_one(f->isa, term->code, of, dtype, step->one)
                : neap__find_element(f->isa, term->code, of, dtype);
    } else if (term->kind == NEAP__TERM_FOLD || term->kind == NEAP__TERM_TAIL) {
        int *count = term->kind == NEAP__TERM_FOLD ? &p->folds : &p->tails;
        step->folds = neap__find_fold(f->isa, (neap__reduction)term->code, dtype);
        step->fold = (int16_t)(*count)++;
        if (*count > NEAP__PROGRAM_FOLDS)
            neap__fail(f->err, NEAP_ELIMIT, "a program of more than %d folds",
                       NEAP__PROGRAM_FOLDS);
    }
    c->slot[t] = (int16_t)(BASE + p->steps - 1);
    if (c->result[t] >= 0 && p->scattered && is_tile(term) && c->current == c->pass[t])
        add_scatter(c, t);
}

/* Which terms the body of the current pass computes: its own, and what these need of
 * values that earlier passes did not keep. */
static void find_body(const compiler *c, bool *wanted)
{
    const neap__formula *f = c->f;
    memset(wanted, 0, (size_t)f->terms * sizeof *wanted);
    for (int t = f->terms; t-- > 0;) {
        const neap__term *term = &f->term[t];
        if (is_load(term) || !by_tile(term) || !c->live[t])
            continue;
        wanted[t] = wanted[t] || (c->pass[t] == c->current &&
                                  (term->kind != NEAP__TERM_SPREAD || c->result[t] >= 0));
        for (int k = 0; wanted[t] && k < term->count; k++) {
            const int x = operand_of(c, t, k);
            if (is_tile(&f->term[x]) && !is_held(c, x))
                wanted[x] = true;
        }
    }
}

/* What a pass does once for a group comes first: values of the groups, and these
 * repeated. */
static void add_pass(compiler *c)
{
    const neap__formula *f = c->f;
    neap__program *p = c->p;
    neap__pass *pass = &c->passes[c->current];
    bool wanted[NEAP__PROGRAM_TERMS];
    find_body(c, wanted);
    pass->loads = 0;
    pass->first = (int16_t)p->steps;
    for (int t = 0; t < f->terms; t++) {
        const bool own = c->live[t] && c->pass[t] == c->current;
        if (own && f->term[t].group && !by_tile(&f->term[t]) && !is_load(&f->term[t]))
            add_step(c, t);
    }
    for (int t = 0; t < f->terms; t++)
        if (wanted[t] && f->term[t].kind == NEAP__TERM_SPREAD && c->result[t] < 0)
            add_step(c, t);
    pass->body = (int16_t)p->steps;
    for (int t = 0; t < f->terms; t++)
        if (wanted[t] && (f->term[t].kind != NEAP__TERM_SPREAD || c->result[t] >= 0))
            add_step(c, t);
    pass->end = (int16_t)p->steps;
}

/* Values in memory that a later pass reads. */
static void find_held(compiler *c)
{
    neap__program *p = c->p;
    for (int s = 1; s < p->passes; s++)
        for (int i = c->passes[s].body; i < c->passes[s].end; i++)
            for (int k = 0; k < c->step[i].inputs; k++) {
                const int from = c->step[i].in[k] - BASE;
                int h = 0;
                if (from < 0 || from >= c->passes[s].first || c->step[from].group ||
                    c->step[from].where == NEAP__IN_GROUP)
                    continue;
                while (h < p->held_steps && c->held[h] != from)
                    h++;
                if (h == p->held_steps)
                    c->held[p->held_steps++] = (int16_t)from;
            }
}

/* ---- Tile registers ---------------------------------------------------------------- */

/* The last step of the pass that reads each; -1: none. */
static void find_last(const compiler *c, const neap__pass *pass, int16_t *last)
{
    for (int i = pass->first; i < pass->end; i++) {
        last[i] = i < pass->body ? pass->end : -1; /* the head's last all the pass */
        for (int k = 0; k < c->step[i].inputs; k++)
            if (c->step[i].in[k] >= BASE + pass->body)
                last[c->step[i].in[k] - BASE] = (int16_t)i;
    }
}

/* May the step write over an operand that has elements of the same size? */
static bool replaces(const neap__step *step)
{
    return step->kind == NEAP__TERM_ELEMENT || step->kind == NEAP__TERM_PUT;
}

/* Does the result's memory hold a value of an earlier pass? */
static bool is_occupied(const compiler *c, int result, int pass)
{
    for (int t = 0; t < c->f->terms; t++)
        if (c->kept[t] && c->result[t] == result && c->pass[t] < pass)
            return true;
    return false;
}

/* What dies in making a result lies in the result's memory already, so that fewer tiles
 * are in flight and that memory is asked for in time; but not what the very next step
 * reads, which would wait for it. From the last step to the first: `first` is the
 * earliest step that writes each result's memory. */
static void lie_on_results(compiler *c, int number, const int16_t *last)
{
    const neap__pass *pass = &c->passes[number];
    int first[NEAP__PROGRAM_STORES];
    for (int s = 0; s < NEAP__PROGRAM_STORES; s++)
        first[s] = -1;
    for (int i = pass->end; i-- > pass->body;) {
        neap__step *step = &c->step[i];
        if (step->where == NEAP__IN_STORE && !step->group && replaces(step) &&
            !is_occupied(c, step->index, number))
            first[step->index] = i;
        if (step->where != NEAP__IN_TILE || last[i] < 0 || !replaces(step))
            continue;
        const neap__step *reader = &c->step[last[i]];
        const bool next = last[i] == i + 1 && reader->kind == NEAP__TERM_ELEMENT;
        if (reader->where == NEAP__IN_STORE && replaces(reader) && !next &&
            first[reader->index] == last[i] && reader->width == step->width) {
            step->where = NEAP__IN_STORE;
            step->index = reader->index;
            first[step->index] = i;
        }
    }
}

/* Registers by lifetime, within a pass. */
static void assign_tiles(compiler *c, int number)
{
    neap__program *p = c->p;
    const neap__pass *pass = &c->passes[number];
    int16_t last[STEPS];
    bool taken[NEAP__PROGRAM_TERMS] = {false};
    find_last(c, pass, last);
    lie_on_results(c, number, last);
    for (int i = pass->first; i < pass->end; i++) {
        neap__step *step = &c->step[i];
        int freed[3], count = 0;
        for (int k = 0; k < step->inputs; k++) {
            const int from = step->in[k] - BASE;
            if (from < pass->first || last[from] != i ||
                c->step[from].where != NEAP__IN_TILE)
                continue;
            if (replaces(step) && c->step[from].width == step->width)
                taken[c->step[from].index] = false;
            else
                freed[count++] = c->step[from].index;
        }
        if (step->where == NEAP__IN_TILE) {
            int tile = 0;
            while (taken[tile])
                tile++;
            taken[tile] = last[i] >= 0; /* what nothing reads is written over */
            step->index = (int16_t)tile;
            p->tiles = tile < p->tiles ? p->tiles : tile + 1;
        }
        while (count)
            taken[freed[--count]] = false;
    }
}

/* All steps, for one pass or several. */
static void add_steps(compiler *c, bool whole)
{
    neap__program *p = c->p;
    const neap__formula *f = c->f;
    p->loads = p->steps = p->folds = p->tails = p->tiles = p->registers = p->kept = 0;
    p->held_steps = 0;
    memset(c->live, 0, sizeof c->live);
    memset(c->slot, 0xFF, sizeof c->slot);
    memset(c->kept, 0, sizeof c->kept);
    memset(c->needed, 0, sizeof c->needed);
    find_one(c, whole);
    find_live(c);
    if (whole) {
        memset(c->pass, 0, sizeof c->pass);
        p->passes = 1;
        c->current = 0;
        for (int t = 0; t < f->terms; t++)
            if (c->live[t] && !is_load(&f->term[t]))
                add_step(c, t);
        c->passes[0] = (neap__pass){0, 0, (int16_t)p->steps, 0};
    } else {
        find_passes(c);
        find_kept(c);
        for (c->current = 0; c->current < p->passes; c->current++)
            add_pass(c);
        find_held(c);
    }
    for (int s = 0; s < p->passes && !neap__failed(f->err); s++)
        assign_tiles(c, s);
}

/* ---- Loads ------------------------------------------------------------------------- */

static void lay_loads(compiler *c)
{
    neap__program *p = c->p;
    const neap__formula *f = c->f;
    neap__load *of_domain[MOST_LOADS + 1], *of_groups[MOST_LOADS];
    neap__load results = {.width = 1};
    int domain = 0, groups = 0;
    for (int i = 0; i < p->loads; i++) {
        if (c->load[i].group)
            of_groups[groups++] = &c->load[i];
        else
            of_domain[domain++] = &c->load[i];
    }
    if (p->scattered) {
        memcpy(results.strides, p->results, sizeof results.strides);
        of_domain[domain++] = &results;
    }
    for (int i = 0; i < groups; i++) { /* their strides along `count` are 0 */
        int to = 0;
        for (int d = 0; d < f->rank; d++)
            if (!(f->folded >> d & 1))
                of_groups[i]->strides[to++] = of_groups[i]->strides[d];
    }
    int rank = 0;
    for (int d = 0; d < f->rank; d++)
        if (!(f->folded >> d & 1))
            p->group_dims[rank++] = f->dims[d];
    memcpy(p->dims, f->dims, sizeof p->dims);
    p->rank = neap__load_collapse(f->rank, p->dims, of_domain, domain);
    p->group_rank = neap__load_collapse(rank, p->group_dims, of_groups, groups);
    for (int i = 0; i < p->loads; i++) {
        neap__load *load = &c->load[i];
        neap__load_classify(load, load->group ? p->group_rank : p->rank,
                            load->group ? p->group_dims : p->dims);
        if (load->operand < 0 && load->pattern == NEAP__LOAD_WHOLE)
            load->pattern = NEAP__LOAD_SCALAR; /* a number has no address of its own */
        if (load->accumulator)
            load->pattern = NEAP__LOAD_WHOLE;
    }
    memcpy(p->results, results.strides, sizeof p->results);
}

/* ---- Sizes ------------------------------------------------------------------------- */

/* The domain as (outer, count, inner). Without folds it is one long group. */
static void see_domain(neap__program *p, const neap__formula *f)
{
    int first = 0, last;
    while (first < f->rank && !(f->folded >> first & 1 && f->dims[first] != 1))
        first++;
    if (first == f->rank && f->folded) /* all of them are 1 */
        first = __builtin_ctz(f->folded);
    last = first;
    while (last < f->rank && (f->folded >> last & 1 || f->dims[last] == 1))
        last++;
    p->outer = p->count = p->inner = 1;
    for (int d = 0; d < f->rank; d++)
        *(d < first ? &p->outer : d < last ? &p->count : &p->inner) *= f->dims[d];
    p->size = p->outer * p->count * p->inner;
    if (p->plain) {
        p->count = p->size;
        p->outer = p->inner = 1;
    }
    neap__shape domain = {.rank = f->rank};
    memcpy(domain.dims, f->dims, sizeof domain.dims);
    neap__strides(&domain, p->results);
    for (int d = 0; d < f->rank && p->size > 1; d++)
        p->scattered |= f->dims[d] != 1 && p->results[d] != f->results[d];
    memcpy(p->results, f->results, sizeof p->results);
}

static size_t widest(const compiler *c)
{
    size_t width = 1;
    for (int i = 0; i < c->p->loads; i++)
        width = c->load[i].width > width ? c->load[i].width : width;
    for (int i = 0; i < c->p->steps; i++)
        width = c->step[i].width > width ? c->step[i].width : width;
    return width;
}

/* So many elements that all tiles in flight stay near. */
static int64_t near_elements(const compiler *c)
{
    size_t bytes = (size_t)c->p->tiles * widest(c);
    for (int i = 0; i < c->p->loads; i++)
        bytes += c->load[i].group ? 0 : c->load[i].width;
    for (int i = 0; i < c->p->steps; i++)
        bytes += c->step[i].where == NEAP__IN_STORE && !c->step[i].group
                     ? c->step[i].width
                     : 0;
    const int64_t blocks = NEAR_BYTES / (int64_t)(bytes ? bytes : 1) / NEAP__TILE;
    return least(most(blocks, 1) * NEAP__TILE, MOST_TILE);
}

static void cut_groups(const compiler *c, int64_t near)
{
    neap__program *p = c->p;
    const int64_t whole = p->count * p->inner;
    p->lanes = p->inner;
    p->split = 1;
    p->together = 0;
    p->tile = near;
    if (whole <= near && whole > 0) {
        p->together = whole >= NEAP__TILE ? 1 : least(near / whole, most(p->outer, 1));
        p->tile = p->together * whole;
    } else if (p->inner > near) {
        p->split = quotient_up(p->inner, near);
        p->lanes = near;
    } else if (p->inner > 1) {
        p->tile = near / p->inner * p->inner;
    }
    if (p->plain) {
        p->together = 0;
        p->tile = least(near, most(p->size, 1));
        for (int i = 0; i < p->loads; i++) { /* which then need no laying out */
            const neap__load *load = &c->load[i];
            if (load->pattern == NEAP__LOAD_PERIODIC && load->period >= NEAP__TILE &&
                load->period < p->tile)
                p->tile = load->period;
        }
    }
    p->apart = !p->together && !p->plain && !p->tails &&
               p->outer * p->split < FEW_GROUPS && p->size > 2 * SPAN;
}

static int64_t block_elements(const neap__program *p)
{
    return p->inner == 1 ? NEAP__TILE : NEAP__BLOCK_ROWS * p->lanes;
}

/* Blocks (fold.h) of a group. */
static int64_t blocks_of(const neap__program *p)
{
    return quotient_up(p->count, p->inner == 1 ? NEAP__TILE : NEAP__BLOCK_ROWS);
}

static void cut_parts(neap__program *p)
{
    if (p->apart) {
        p->part = 1;
        while (p->part * block_elements(p) < SPAN ||
               quotient_up(blocks_of(p), p->part) > MOST_PARTS)
            p->part *= 2;
        return;
    }
    if (p->plain) {
        p->part = most(SPAN / p->tile, 1) * p->tile;
        return;
    }
    const int64_t group = most(p->count * p->lanes, 1);
    p->part = most(SPAN / group, 1);
    if (p->together)
        p->part = quotient_up(p->part, p->together) * p->together;
    if (!p->tails)
        return;
    p->part = NEAP__BLOCK_ROWS;
    while (p->part * group < SPAN || quotient_up(p->outer, p->part) > TAIL_PARTS)
        p->part *= 2;
}

/* ---- Scratch ----------------------------------------------------------------------- */

static size_t cells_bytes(const neap__fold *fold, int64_t cells)
{
    return aligned((size_t)cells * fold->cell);
}

/* What folds need of one worker; and of all together, where parts of one group are
 * combined at the end. */
static void measure_folds(compiler *c, size_t *worker, size_t *shared)
{
    neap__program *p = c->p;
    const int64_t groups = p->outer * p->split;
    const int64_t parts =
        p->apart ? quotient_up(blocks_of(p), p->part) : quotient_up(p->outer, p->part);
    for (int i = 0; i < p->steps; i++) {
        const neap__step *step = &c->step[i];
        size_t own = 0, all = 0;
        if (step->kind == NEAP__TERM_FOLD) {
            own = aligned(neap__pairwise_bytes(step->folds, p->lanes, blocks_of(p)));
            if (p->together)
                own += cells_bytes(step->folds, p->together * p->lanes);
            all = p->apart ? cells_bytes(step->folds, p->lanes) * (size_t)(groups * parts)
                           : 0;
            p->fold_bytes = own > p->fold_bytes ? own : p->fold_bytes;
        } else if (step->kind == NEAP__TERM_TAIL) {
            own = aligned(
                neap__pairwise_bytes(step->folds, p->count, p->part / NEAP__BLOCK_ROWS));
            all = cells_bytes(step->folds, p->count) * (size_t)most(parts, 1);
            p->tail_bytes = own > p->tail_bytes ? own : p->tail_bytes;
        }
        *shared += all;
    }
    *worker += (size_t)p->folds * p->fold_bytes + (size_t)p->tails * p->tail_bytes;
}

static void measure_scratch(compiler *c)
{
    neap__program *p = c->p;
    int by_group = 0;
    for (int i = 0; i < p->loads; i++)
        by_group += c->load[i].group;
    const int64_t values =
        p->apart ? p->outer * p->inner : most(p->together, 1) * p->lanes;
    p->tile_bytes = aligned((size_t)p->tile * widest(c));
    p->group_bytes = aligned((size_t)values * widest(c));
    p->kept_bytes = aligned((size_t)(p->count * p->lanes) * widest(c));
    const size_t groups = (size_t)(p->registers + by_group) * p->group_bytes;
    p->worker = p->tile_bytes * (size_t)(p->tiles + 2 * (p->loads - by_group)) +
                p->kept_bytes * (size_t)p->kept + (p->apart ? 0 : groups);
    p->shared = p->apart ? groups : 0;
    measure_folds(c, &p->worker, &p->shared);
}

size_t neap__program_scratch(const neap__program *p, int workers)
{
    return p->shared + p->worker * (size_t)workers;
}

/* ---- The program ------------------------------------------------------------------- */

static void note_reads(compiler *c)
{
    neap__program *p = c->p;
    memset(p->written, 0xFF, (size_t)p->stores);
    for (int s = 0; s < p->passes; s++)
        for (int i = c->passes[s].first; i < c->passes[s].end; i++) {
            const neap__step *step = &c->step[i];
            for (int k = 0; k < step->inputs; k++) {
                if (step->in[k] >= BASE)
                    continue;
                p->read[step->in[k]] = (uint8_t)s;
                c->passes[s].loads |= UINT64_C(1) << step->in[k];
            }
            if (step->where == NEAP__IN_STORE && p->written[step->index] > s)
                p->written[step->index] = (uint8_t)s;
        }
}

static void *copied(const neap__formula *f, const void *from, int count, size_t width)
{
    void *to = neap__arena_array(f->arena, (size_t)count + 1, width, f->err);
    if (to && count)
        memcpy(to, from, (size_t)count * width);
    return to;
}

static bool fill(compiler *c)
{
    neap__program *p = c->p;
    const neap__formula *f = c->f;
    p->stores = f->stores;
    p->checks = f->checks;
    p->written = neap__arena_alloc(f->arena, (size_t)p->stores + 1, f->err);
    p->read = neap__arena_alloc(f->arena, (size_t)p->loads + 1, f->err);
    if (!p->written || !p->read)
        return false;
    note_reads(c);
    for (int i = 0; i < p->steps; i++)
        for (int k = 0; k < c->step[i].inputs; k++)
            if (c->step[i].in[k] >= BASE)
                c->step[i].in[k] = (int16_t)(c->step[i].in[k] - BASE + p->loads);
    p->load = copied(f, c->load, p->loads, sizeof *p->load);
    p->step = copied(f, c->step, p->steps, sizeof *p->step);
    p->pass = copied(f, c->passes, p->passes, sizeof *p->pass);
    p->check = copied(f, f->check, p->checks, sizeof *p->check);
    p->held = copied(f, c->held, p->held_steps, sizeof *p->held);
    return p->load && p->step && p->pass && p->check && p->held;
}

static bool is_plain(const neap__formula *f)
{
    for (int t = 0; t < f->terms; t++) {
        const uint8_t kind = f->term[t].kind;
        if (f->term[t].group || (!is_load(&f->term[t]) && kind != NEAP__TERM_ELEMENT))
            return false;
    }
    return true;
}

neap__program *neap__program_make(const neap__formula *f)
{
    if (neap__failed(f->err))
        return NULL;
    compiler c;
    neap__program *p = neap__arena_alloc(f->arena, sizeof *p, f->err);
    if (!p)
        return NULL;
    c.f = f;
    c.p = p;
    p->plain = is_plain(f);
    see_domain(p, f);
    add_steps(&c, true);
    lay_loads(&c);
    cut_groups(&c, near_elements(&c));
    if (!p->together && !p->plain) {
        const bool apart = p->apart; /* what is kept hangs on it */
        add_steps(&c, false);
        lay_loads(&c);
        const int64_t near = near_elements(&c);
        if (p->count * p->inner > near)
            cut_groups(&c, near);
        p->apart = p->apart && apart;
    }
    if (neap__failed(f->err))
        return NULL;
    cut_parts(p);
    measure_scratch(&c);
    return fill(&c) ? p : NULL;
}

bool neap__program_in_place(const neap__program *p, int result, int operand)
{
    for (int i = 0; i < p->steps; i++)
        if (p->step[i].where == NEAP__IN_STORE && p->step[i].index == result &&
            (p->step[i].group || p->step[i].kind == NEAP__TERM_FOLD || p->scattered))
            return false;
    for (int i = 0; i < p->loads; i++) {
        const neap__load *load = &p->load[i];
        if (load->operand == operand)
            return !load->group && load->pattern == NEAP__LOAD_WHOLE && !load->offset &&
                   p->written[result] >= p->read[i];
    }
    return false;
}
