/* schedule.c - the order of a plan's body.
 *
 * Two topological orders are tried, and the one that has fewer bytes live at its worst
 * moment is taken: the order in which the script made the nodes, and depth first from the
 * units that nobody reads, which computes a value just before it is needed. (The best
 * order of all is NP-hard to find; for chains, trees and the usual forward and backward
 * passes one of the two is best or close to it.) Units that act (ORDERED, CALLER) keep
 * the order of creation among each other, and control dependencies hold, in both. */
#include "plan/passes.h"

#include <string.h>

typedef struct scheduler {
    neap__structure *s;
    const neap__fact *facts;
    uint32_t *order, *other; /* units of the body */
    uint32_t *last;          /* per unit: the last place that reads its result */
    uint32_t *acted;         /* per unit: the acting unit before it, or NONE */
    uint64_t *bytes;         /* of each unit's result */
    neap_error *err;
} scheduler;

/* ---- What a unit waits for ------------------------------------------------------- */

typedef void visit(scheduler *c, uint32_t of, void *context);

static void visit_item(scheduler *c, uint32_t item, visit *each, void *context)
{
    uint32_t unit = c->s->items[neap__storage(c->s, item)].unit;
    const neap__item *stored = &c->s->items[neap__storage(c->s, item)];
    if (stored->role == NEAP__ROLE_PART)
        unit = c->s->items[neap__operand(c->s, neap__storage(c->s, item), 0)].unit;
    if (unit != NEAP__NONE)
        each(c, unit, context);
}

/* The units whose results unit u reads. */
static void visit_operands(scheduler *c, uint32_t u, visit *each, void *context)
{
    const neap__unit *unit = &c->s->units[u];
    for (uint32_t k = 0; k < unit->load_count; k++) {
        if (unit->loads[k] != unit->gemm)
            visit_item(c, unit->loads[k], each, context);
    }
    const neap__item *reader =
        &c->s->items[unit->gemm != NEAP__NONE ? unit->gemm : unit->root];
    for (uint32_t k = 0; reader->role != NEAP__ROLE_ELEMENT && k < reader->count; k++) {
        if (!neap__shape_only(reader->node, k))
            visit_item(c, reader->operands[k], each, context);
    }
}

/* Those, the units behind its controls, and the acting unit before it. */
static void visit_before(scheduler *c, uint32_t u, visit *each, void *context)
{
    visit_operands(c, u, each, context);
    const neap__item *root = &c->s->items[c->s->units[u].root];
    for (uint32_t k = 0; k < root->control_count; k++)
        visit_item(c, root->controls[k], each, context);
    if (c->acted[u] != NEAP__NONE)
        each(c, c->acted[u], context);
}

/* ---- Bytes live at the worst moment ---------------------------------------------- */

typedef struct moment {
    uint32_t place;
    uint64_t freed;
    bool freeing;
} moment;

static void note_read(scheduler *c, uint32_t unit, void *context)
{
    moment *now = context;
    if (!now->freeing) {
        c->last[unit] = now->place;
    } else if (c->last[unit] == now->place) {
        now->freed += c->bytes[unit];
        c->last[unit] = NEAP__NONE;
    }
}

static uint64_t peak(scheduler *c, const uint32_t *order)
{
    const neap__structure *s = c->s;
    uint64_t live = 0, most = 0;
    memset(c->last, 0xFF, s->unit_count * sizeof *c->last);
    for (uint32_t place = 0; place < s->unit_count; place++) {
        moment now = {.place = place};
        visit_operands(c, place < s->tail ? order[place] : place, note_read, &now);
    }
    for (uint32_t place = 0; place < s->tail; place++) {
        moment now = {.place = place, .freeing = true};
        live += c->bytes[order[place]];
        most = live > most ? live : most;
        visit_operands(c, order[place], note_read, &now);
        live -= now.freed;
    }
    return most;
}

/* ---- Depth first ----------------------------------------------------------------- */

typedef struct depth {
    uint32_t *stack; /* units, emitted when they are met again at the top */
    size_t count, capacity;
    uint8_t *seen; /* 1: on the stack with its operands, 2: emitted */
    bool failed;
} depth;

static void push(scheduler *c, uint32_t unit, void *context)
{
    depth *d = context;
    if (d->seen[unit] || d->failed || unit >= c->s->tail)
        return;
    if (!neap__grow(c->s->account, (void **)&d->stack, &d->capacity, d->count + 1,
                    sizeof *d->stack, NEAP_MEMORY_SMALL, c->err))
        d->failed = true;
    else
        d->stack[d->count++] = unit;
}

/* From each unit in order that was not met yet and that nothing in the body reads, then
 * from the rest. */
static bool depth_first(scheduler *c, uint32_t *order)
{
    const neap__structure *s = c->s;
    depth d = {.seen = neap__alloc_zero(s->account, s->tail, NEAP_MEMORY_SMALL, c->err)};
    uint32_t count = 0;
    d.failed = !d.seen;
    for (int rest = 0; rest < 2 && !d.failed; rest++) {
        for (uint32_t u = 0; u < s->tail && !d.failed; u++) {
            if (!rest && c->last[u] != NEAP__NONE)
                continue;
            push(c, u, &d);
            while (d.count && !d.failed) {
                uint32_t top = d.stack[d.count - 1];
                if (d.seen[top]) {
                    d.count--;
                    if (d.seen[top] == 1)
                        order[count++] = top;
                    d.seen[top] = 2;
                } else {
                    d.seen[top] = 1;
                    visit_before(c, top, push, &d);
                }
            }
        }
    }
    neap__free(s->account, d.stack, d.capacity * sizeof *d.stack, NEAP_MEMORY_SMALL);
    neap__free(s->account, d.seen, s->tail, NEAP_MEMORY_SMALL);
    return !d.failed;
}

/* ---- The choice ------------------------------------------------------------------ */

static int apply(scheduler *c, const uint32_t *order)
{
    neap__structure *s = c->s;
    neap__unit *units =
        neap__arena_array(&s->arena, s->unit_count, sizeof *units, c->err);
    if (!units)
        return c->err->code;
    for (uint32_t u = 0; u < s->unit_count; u++) {
        units[u] = s->units[u < s->tail ? order[u] : u];
        for (uint32_t m = 0; m < units[u].member_count; m++)
            s->items[units[u].members[m]].unit = u;
        s->items[units[u].root].unit = u;
        if (units[u].gemm != NEAP__NONE)
            s->items[units[u].gemm].unit = u;
    }
    s->units = units;
    return NEAP_OK;
}

static int choose(scheduler *c)
{
    const neap__structure *s = c->s;
    uint32_t acted = NEAP__NONE;
    for (uint32_t u = 0; u < s->tail; u++) {
        const neap__item *root = &s->items[s->units[u].root];
        size_t bytes = 0;
        neap__shape_bytes(&c->facts[s->units[u].root].shape, root->node->fact.dtype,
                          &bytes, NULL);
        c->bytes[u] = bytes;
        c->order[u] = u;
        c->acted[u] = NEAP__NONE;
        if (root->role == NEAP__ROLE_KERNEL &&
            (root->node->effects & (NEAP__ORDERED | NEAP__CALLER))) {
            c->acted[u] = acted;
            acted = u;
        }
    }
    uint64_t as_made = peak(c, c->order);
    memset(c->last, 0xFF, s->unit_count * sizeof *c->last);
    for (uint32_t u = 0; u < s->tail; u++) {
        moment now = {.place = u};
        visit_operands(c, u, note_read,
                       &now); /* `last` now says who is read in the body */
    }
    if (!depth_first(c, c->other))
        return c->err->code;
    return peak(c, c->other) < as_made ? apply(c, c->other) : NEAP_OK;
}

int neap__schedule(neap__structure *s, const neap__fact *facts, neap_error *err)
{
    if (s->tail < 3)
        return NEAP_OK;
    scheduler c = {.s = s, .facts = facts, .err = err};
    neap__account *a = s->account;
    size_t words = s->unit_count * sizeof(uint32_t),
           bytes = s->unit_count * sizeof(uint64_t);
    c.order = neap__alloc(a, words, NEAP_MEMORY_SMALL, err);
    c.other = neap__alloc(a, words, NEAP_MEMORY_SMALL, err);
    c.last = neap__alloc(a, words, NEAP_MEMORY_SMALL, err);
    c.acted = neap__alloc(a, words, NEAP_MEMORY_SMALL, err);
    c.bytes = neap__alloc(a, bytes, NEAP_MEMORY_SMALL, err);
    int status =
        c.order && c.other && c.last && c.acted && c.bytes ? choose(&c) : err->code;
    neap__free(a, c.bytes, bytes, NEAP_MEMORY_SMALL);
    neap__free(a, c.acted, words, NEAP_MEMORY_SMALL);
    neap__free(a, c.last, words, NEAP_MEMORY_SMALL);
    neap__free(a, c.other, words, NEAP_MEMORY_SMALL);
    neap__free(a, c.order, words, NEAP_MEMORY_SMALL);
    return status;
}
