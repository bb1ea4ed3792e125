/* units.c - items become units, one for each instruction, in the order of execution.
 *
 * Fusion. Walking from the last item to the first, an element-wise item joins the unit of
 * its readers when all of them are in that one unit, its shape is the unit's domain, and
 * the unit has room. Since all its readers are inside, joining can never close a cycle. A
 * product joins likewise, once: the unit becomes its epilogue.
 *
 * Order. Terminal writes come last, in a tail of their own: the commit executes them,
 * under the session's lock, with every buffer at hand. So they may write a variable in
 * place: nothing after them can fail. */
#include "cpu/program.h"
#include "plan/passes.h"

#include <string.h>

#define MIXED (NEAP__NONE - 1) /* readers in more than one unit, or none that fuses */
#define MEMBERS 128            /* of a unit, at most: with its loads they fit a formula */

typedef struct draft {
    uint32_t root, gemm;
    uint32_t first, count; /* members: a list through `next`, the earliest first */
    uint32_t loads[NEAP__PROGRAM_LOADS], load_count;
} draft;

typedef struct former {
    neap__structure *s;
    const neap__fact *facts;
    uint32_t *reader; /* of an item: the draft that holds all its readers, MIXED, NONE */
    uint32_t *next;   /* the member after this one in its draft */
    uint32_t *draft;  /* of each item that is computed, or NONE */
    uint8_t *lasts;   /* how many last writes of a variable an item makes */
    draft *drafts;
    uint32_t draft_count;
    neap_error *err;
} former;

/* ---- What is live ---------------------------------------------------------------- */

/* Operands read as data. Inputs that came as attributes count: positions are read at run
 * time, and sizes are known by now, so that they cost nothing. */
static bool reads(const neap__item *item, uint32_t k)
{
    return !neap__shape_only(item->node, k) &&
           (item->role != NEAP__ROLE_ELEMENT || k < neap__element_inputs(item->node));
}

static bool has_operands(const neap__item *item)
{
    return item->role == NEAP__ROLE_NOTHING || item->role >= NEAP__ROLE_ALIAS;
}

static void mark_live(neap__structure *s)
{
    const unsigned always = NEAP__WRITES | NEAP__ORDERED | NEAP__CALLER;
    for (uint32_t i = 0; i < s->item_count; i++) {
        neap__item *item = &s->items[i];
        item->live |= item->fetched ||
                      (item->role == NEAP__ROLE_KERNEL && (item->node->effects & always));
        if (item->fetched)
            s->items[item->same].fetched = true;
        if (item->role == NEAP__ROLE_ALIAS)
            item->slot = neap__storage(s, neap__operand(s, i, 0));
    }
    for (uint32_t i = s->item_count; i-- > 0;) {
        neap__item *item = &s->items[i];
        if (!item->live)
            continue;
        for (uint32_t k = 0; k < item->control_count; k++)
            s->items[item->controls[k]].live = true;
        if (item->same != i) {
            s->items[item->same].live = true;
            item->live = false;
            continue;
        }
        for (uint32_t k = 0; has_operands(item) && k < item->count; k++) {
            if (reads(item, k))
                s->items[item->operands[k]].live = true;
        }
    }
}

uint32_t neap__storage(const neap__structure *s, uint32_t i)
{
    i = s->items[i].same;
    return s->items[i].role == NEAP__ROLE_ALIAS ? s->items[i].slot : i;
}

uint32_t neap__element_inputs(const neap_node *n)
{
    uint32_t count = 0;
    while (count < n->data_inputs && !neap__shape_only(n, count))
        count++;
    return count;
}

/* ---- Drafts ---------------------------------------------------------------------- */

static void note_reader(former *f, uint32_t item, uint32_t draft_or_mixed)
{
    uint32_t *reader = &f->reader[item];
    *reader = *reader == NEAP__NONE || *reader == draft_or_mixed ? draft_or_mixed : MIXED;
}

static uint32_t new_draft(former *f, uint32_t root)
{
    f->drafts[f->draft_count] =
        (draft){.root = root, .gemm = NEAP__NONE, .first = NEAP__NONE};
    return f->draft_count++;
}

/* Takes element-wise item i into a draft if its loads fit; the item was one of them. */
static bool join(former *f, uint32_t i, uint32_t to)
{
    draft *d = &f->drafts[to];
    uint32_t loads[NEAP__PROGRAM_LOADS], count = 0;
    if (d->count == MEMBERS)
        return false;
    for (uint32_t k = 0; k < d->load_count; k++) {
        if (d->loads[k] != i)
            loads[count++] = d->loads[k];
    }
    uint32_t inputs = neap__element_inputs(f->s->items[i].node);
    for (uint32_t k = 0; k < inputs; k++) {
        uint32_t operand = neap__operand(f->s, i, k), at = 0;
        while (at < count && loads[at] != operand)
            at++;
        if (at < count)
            continue;
        if (count == NEAP__PROGRAM_LOADS)
            return false;
        loads[count++] = operand;
    }
    memcpy(d->loads, loads, count * sizeof *loads);
    d->load_count = count;
    f->next[i] = d->first;
    d->first = i;
    d->count++;
    for (uint32_t k = 0; k < inputs; k++)
        note_reader(f, neap__operand(f->s, i, k), to);
    return true;
}

/* The draft that item i may join: all its readers are there, over its own shape. */
static uint32_t host_of(const former *f, uint32_t i)
{
    uint32_t to = f->reader[i];
    if (!(f->s->passes & NEAP__PASS_FUSE) || to >= MIXED || f->s->items[i].fetched ||
        !neap__shape_equal(&f->facts[i].shape, &f->facts[f->drafts[to].root].shape))
        return NEAP__NONE;
    return to;
}

static void draft_item(former *f, uint32_t i)
{
    neap__item *item = &f->s->items[i];
    uint32_t to = NEAP__NONE;
    switch (item->role) {
    case NEAP__ROLE_ELEMENT:
        to = host_of(f, i);
        if (to == NEAP__NONE || !join(f, i, to)) {
            to = new_draft(f, i);
            join(f, i, to);
        }
        break;
    case NEAP__ROLE_GEMM:
        to = host_of(f, i);
        if (to == NEAP__NONE || f->drafts[to].gemm != NEAP__NONE)
            to = new_draft(f, i);
        f->drafts[to].gemm = i;
        break;
    case NEAP__ROLE_KERNEL:
        to = new_draft(f, i);
        break;
    default:
        break;
    }
    f->draft[i] = to;
    /* What waits for an item stands behind all of the item's unit: one that joined its
     * readers could have to wait for what it is read with. */
    for (uint32_t k = 0; k < item->control_count; k++)
        note_reader(f, f->s->items[item->controls[k]].same, MIXED);
    if (item->role == NEAP__ROLE_ELEMENT || item->role == NEAP__ROLE_NOTHING ||
        !has_operands(item))
        return;
    for (uint32_t k = 0; k < item->count; k++) {
        if (reads(item, k))
            note_reader(f, neap__operand(f->s, i, k), MIXED);
    }
}

/* ---- Units ----------------------------------------------------------------------- */

/* Is the item's every write the last of its variable, read by nobody in this run, and
 * sure? */
static bool is_terminal(const former *f, uint32_t i)
{
    const neap__structure *s = f->s;
    const neap__item *item = &s->items[i];
    const neap_node *n = item->node;
    if (!s->last || !neap__writes(item) || neap__several(n) ||
        (n->effects & (NEAP__FALLIBLE | NEAP__CALLER)))
        return false;
    for (uint32_t part = 0; part < n->written_count; part++) {
        uint32_t written = neap__part_item(s->items, s->parts, i, part);
        if (f->reader[written] != NEAP__NONE)
            return false;
    }
    return f->lasts[i] == n->written_count;
}

static int add_unit(former *f, const draft *d)
{
    neap__structure *s = f->s;
    uint32_t *members = neap__arena_array(&s->arena, d->count + d->load_count + 1,
                                          sizeof *members, f->err);
    if (!members)
        return f->err->code;
    neap__unit *unit = &s->units[s->unit_count];
    *unit = (neap__unit){.root = d->root,
                         .gemm = d->gemm,
                         .members = members,
                         .loads = members + d->count,
                         .load_count = d->load_count};
    for (uint32_t i = d->first; i != NEAP__NONE; i = f->next[i]) {
        members[unit->member_count++] = i;
        s->items[i].unit = s->unit_count;
    }
    memcpy(members + d->count, d->loads, d->load_count * sizeof *members);
    s->items[d->root].unit = s->unit_count;
    if (d->gemm != NEAP__NONE)
        s->items[d->gemm].unit = s->unit_count;
    s->unit_count++;
    return NEAP_OK;
}

/* Units by the order of their roots, first the body, then the tail; then the body by the
 * better schedule. */
static int order_units(former *f)
{
    neap__structure *s = f->s;
    s->units = neap__arena_array(&s->arena, f->draft_count, sizeof *s->units, f->err);
    if (!s->units)
        return f->err->code;
    for (int tail = 0; tail < 2; tail++) {
        s->tail = s->unit_count;
        for (uint32_t i = 0; i < s->item_count; i++) {
            if (!s->items[i].live || f->draft[i] == NEAP__NONE)
                continue;
            const draft *d = &f->drafts[f->draft[i]];
            if (d->root != i || is_terminal(f, i) != (tail == 1))
                continue;
            int status = add_unit(f, d);
            if (status)
                return status;
        }
    }
    return neap__schedule(s, f->facts, f->err);
}

/* A terminal write goes in place if no unit after it reads the variable's old value.
 * `reader` now holds, for each item, the last tail unit that reads its storage. */
static void settle_writes(former *f)
{
    neap__structure *s = f->s;
    memset(f->reader, 0xFF, s->item_count * sizeof *f->reader);
    for (uint32_t u = s->tail; u < s->unit_count; u++) {
        const neap__item *item = &s->items[s->units[u].root];
        for (uint32_t k = 0; k < item->count; k++) {
            if (reads(item, k))
                f->reader[neap__storage(s, item->operands[k])] = u;
        }
    }
    for (uint32_t w = 0; w < s->write_count; w++) {
        neap__write *write = &s->writes[w];
        const neap__outline *o = s->outline;
        uint32_t unit = s->items[write->item].unit,
                 read = o->variables[o->writes[write->number].variable].item;
        write->terminal = unit >= s->tail;
        write->in_place =
            write->terminal && (read == NEAP__NONE || f->reader[read] == NEAP__NONE ||
                                f->reader[read] <= unit);
    }
}

static int form(former *f)
{
    neap__structure *s = f->s;
    memset(f->reader, 0xFF, s->item_count * sizeof *f->reader);
    memset(f->next, 0xFF, s->item_count * sizeof *f->next);
    memset(f->draft, 0xFF, s->item_count * sizeof *f->draft);
    for (uint32_t w = 0; w < s->write_count; w++)
        f->lasts[s->writes[w].item]++;
    for (uint32_t i = s->item_count; i-- > 0;) {
        if (s->items[i].live)
            draft_item(f, i);
    }
    int status = order_units(f);
    if (!status)
        settle_writes(f);
    return status;
}

int neap__form_units(neap__structure *s, const neap__fact *facts, neap_error *err)
{
    mark_live(s);
    former f = {.s = s, .facts = facts, .err = err};
    neap__account *a = s->account;
    size_t n = s->item_count, words = n * sizeof(uint32_t),
           room = (n + 1) * sizeof(draft);
    f.reader = neap__alloc(a, words, NEAP_MEMORY_SMALL, err);
    f.next = neap__alloc(a, words, NEAP_MEMORY_SMALL, err);
    f.draft = neap__alloc(a, words, NEAP_MEMORY_SMALL, err);
    f.lasts = neap__alloc_zero(a, n, NEAP_MEMORY_SMALL, err);
    f.drafts = neap__alloc(a, room, NEAP_MEMORY_SMALL, err);
    bool room_for_all = f.reader && f.next && f.draft && f.lasts && f.drafts;
    int status = room_for_all ? form(&f) : err->code;
    neap__free(a, f.drafts, room, NEAP_MEMORY_SMALL);
    neap__free(a, f.lasts, n, NEAP_MEMORY_SMALL);
    neap__free(a, f.draft, words, NEAP_MEMORY_SMALL);
    neap__free(a, f.next, words, NEAP_MEMORY_SMALL);
    neap__free(a, f.reader, words, NEAP_MEMORY_SMALL);
    return status;
}
