/* stages.c - where a run is cut into stages.
 *
 * An item whose inputs are whole but whose shape is open waits for a value: the size that
 * it takes as an input, which must be computed first. Or its kernel makes a tensor of a
 * size of its own (it is handed over): then its readers wait. If something waits, the
 * stage is what these values need and no more; the rest of the run, fused as a whole, is
 * planned when they are known. What acts on the outside (ORDERED, CALLER) is never
 * overtaken by what was made after it. */
#include "plan/passes.h"

#include <string.h>

typedef enum state {
    READY,  /* can be computed now, and read */
    HANDED, /* can be computed now; its shape is known then */
    WAITS   /* for a later stage */
} state;

typedef struct cutter {
    neap__structure *s;
    const neap__outline *o;
    const neap__given *given;
    neap__fact *facts;
    const neap__fact **several;
    neap__arena *arena;
    uint8_t *state; /* by item */
    bool *wanted;   /* its value ends the wait of some item */
    bool *inside;   /* computed by this stage */
    bool waits, acts_later;
    neap_error *err;
} cutter;

static bool acts(const neap__item *item)
{
    return item->role == NEAP__ROLE_KERNEL &&
           (item->node->effects & (NEAP__ORDERED | NEAP__CALLER)) != 0;
}

static bool is_open(const cutter *c, uint32_t i)
{
    return c->facts[i].dtype != NEAP_DTYPE_NONE && !neap__shape_known(&c->facts[i].shape);
}

static bool reads_data(const neap__item *item, uint32_t k)
{
    return !neap__shape_only(item->node, k);
}

/* ---- What waits ------------------------------------------------------------------ */

static bool hands_over(const cutter *c, uint32_t i)
{
    const neap__item *item = &c->s->items[i];
    const neap__item *root =
        item->role == NEAP__ROLE_PART ? &c->s->items[item->operands[0]] : item;
    return root->role == NEAP__ROLE_KERNEL && root->node->op->hands_over;
}

/* Marks the sizes that an open item takes; false if it takes none that is unknown. */
static bool want_sizes(cutter *c, uint32_t i)
{
    const neap__item *item = &c->s->items[i];
    bool any = false;
    for (uint32_t k = item->node->data_inputs; k < item->count; k++) {
        if (neap__known_all(c->facts[item->inputs[k]].known))
            continue;
        c->wanted[item->operands[k]] = any = true;
    }
    return any;
}

static int refuse(const cutter *c, uint32_t i)
{
    char shape[NEAP__SHAPE_SIZE];
    neap__fail(c->err, NEAP_EUNSUP, "its shape %s is not known before it runs",
               neap__shape_text(shape, &c->facts[i].shape));
    neap__blame(c->err, c->s->items[i].node);
    return NEAP_EUNSUP;
}

static int settle(cutter *c, uint32_t i)
{
    const neap__item *item = &c->s->items[i];
    bool waits = false;
    if (item->same != i) {
        c->state[i] = c->state[item->same];
        return NEAP_OK;
    }
    for (uint32_t k = 0; k < item->count && !waits; k++)
        waits = is_open(c, item->inputs[k]) ||
                (reads_data(item, k) && c->state[item->operands[k]] != READY);
    for (uint32_t k = 0; k < item->control_count && !waits; k++)
        waits = c->state[item->controls[k]] == WAITS;
    waits |= acts(item) && c->acts_later;
    c->state[i] = waits ? WAITS : READY;
    if (!waits && is_open(c, i)) {
        if (want_sizes(c, i))
            c->state[i] = WAITS;
        else if (hands_over(c, i))
            c->state[i] = HANDED;
        else
            return refuse(c, i);
    }
    c->waits |= c->state[i] == WAITS;
    c->acts_later |= c->state[i] == WAITS && acts(item);
    return NEAP_OK;
}

static int settle_all(cutter *c)
{
    const neap__structure *s = c->s;
    memset(c->wanted, 0, s->item_count);
    c->waits = c->acts_later = false;
    for (uint32_t i = 0; i < s->item_count; i++) {
        c->state[i] = READY;
        if (s->items[i].role < NEAP__ROLE_KNOWN)
            continue;
        int status = settle(c, i);
        if (status)
            return status;
    }
    /* What is handed over ends the wait of those that read it. */
    for (uint32_t i = 0; i < s->item_count; i++) {
        const neap__item *item = &s->items[i];
        for (uint32_t k = 0; c->state[i] == WAITS && k < item->count; k++) {
            if (c->state[item->operands[k]] == HANDED)
                c->wanted[s->items[item->operands[k]].same] = true;
        }
    }
    return NEAP_OK;
}

/* ---- What the stage needs -------------------------------------------------------- */

/* Marks what computing the marked items needs, from the last to the first; what acts
 * takes with it all that acts before it. */
static void mark_needed(const cutter *c, bool *needed)
{
    const neap__structure *s = c->s;
    bool acting = false;
    for (uint32_t i = s->item_count; i-- > 0;) {
        const neap__item *item = &s->items[i];
        if (item->role < NEAP__ROLE_KNOWN)
            continue;
        needed[i] |= acting && acts(item);
        if (!needed[i])
            continue;
        acting |= acts(item);
        needed[item->same] = true;
        for (uint32_t k = 0; k < item->count; k++) {
            if (reads_data(item, k))
                needed[item->operands[k]] = true;
        }
        for (uint32_t k = 0; k < item->control_count; k++)
            needed[item->controls[k]] = true;
    }
}

/* The flag of a feed or variable item that says whether its values specialise. */
static bool *value_flag(const cutter *c, uint32_t i)
{
    const neap__item *item = &c->s->items[i];
    return item->role == NEAP__ROLE_FEED       ? &c->s->feed_values[item->slot]
           : item->role == NEAP__ROLE_VARIABLE ? &c->s->variable_values[item->slot]
                                               : NULL;
}

/* Adds the feeds and variables that the needed items hang on. */
static bool flag_values(const cutter *c, const bool *needed)
{
    bool changed = false;
    for (uint32_t i = 0; i < c->s->item_count; i++) {
        bool *flag = needed[i] ? value_flag(c, i) : NULL;
        if (!flag || *flag || !c->facts[i].known)
            continue;
        *flag = changed = true;
    }
    return changed;
}

/* Small values that are fed, or that variables have, may tell a size: then they
 * specialise the plan, as far as that helps. */
static int specialise(cutter *c, bool *changed)
{
    neap__structure *s = c->s;
    bool *needed = neap__arena_array(c->arena, s->item_count, 1, c->err);
    neap__fact *before =
        neap__arena_array(c->arena, s->item_count, sizeof *before, c->err);
    if (!needed || !before)
        return c->err->code;
    memcpy(before, c->facts, s->item_count * sizeof *before);
    neap__inferred all = {s->items, s->item_count, c->o, NULL, c->given};
    int status = neap__infer_items(&all, c->facts, c->several, c->arena, c->err);
    *changed = false;
    for (uint32_t i = 0; i < s->item_count && !status; i++) {
        if (!c->wanted[i] || neap__known_all(before[i].known) ||
            !neap__known_all(c->facts[i].known))
            continue;
        memset(needed, 0, s->item_count);
        needed[i] = true;
        mark_needed(c, needed);
        *changed |= flag_values(c, needed);
    }
    neap__inferred some = {s->items, s->item_count, c->o, s, c->given};
    return status ? status
                  : neap__infer_items(&some, c->facts, c->several, c->arena, c->err);
}

/* The items of this stage: all that is left, or what the wanted values need, and every
 * part of what is computed for it. */
static int choose(cutter *c)
{
    neap__structure *s = c->s;
    bool any = false;
    for (uint32_t i = 0; i < s->item_count; i++) {
        c->inside[i] =
            s->items[i].role >= NEAP__ROLE_KNOWN && (!c->waits || c->wanted[i]);
        any |= c->inside[i];
    }
    if (!c->waits)
        return NEAP_OK;
    for (uint32_t i = 0; i < s->item_count && !any; i++) {
        if (c->state[i] == WAITS) {
            neap__fail(c->err, NEAP_ESHAPE, "its size cannot be told from what is fed");
            neap__blame(c->err, s->items[i].node);
            return NEAP_ESHAPE;
        }
    }
    mark_needed(c, c->inside);
    for (uint32_t i = 0; i < s->item_count; i++) {
        if (s->items[i].role == NEAP__ROLE_PART)
            c->inside[i] |= c->inside[s->items[i].operands[0]];
    }
    return NEAP_OK;
}

/* ---- What it carries on ---------------------------------------------------------- */

static bool is_source(const neap__item *item)
{
    return item->role <= NEAP__ROLE_CONSTANT;
}

/* The slot of an item that a later stage reads (`data`) or asks for its shape. */
static void carry(cutter *c, uint32_t i, bool data)
{
    neap__structure *s = c->s;
    const neap__item *item = &s->items[i];
    if (is_source(item) || item->role == NEAP__ROLE_LATER ||
        c->facts[i].dtype == NEAP_DTYPE_NONE)
        return;
    if (s->carried[i] == NEAP__NONE) {
        s->carried[i] = s->first_carry + s->carry_count;
        s->carries[s->carry_count++] = (neap__carry){.item = i};
    }
    if (s->carried[i] >= s->first_carry) /* else an earlier stage carries it */
        s->carries[s->carried[i] - s->first_carry].data |= data;
}

/* A further node of one result is carried as that result. */
static uint32_t stand_in(const neap__structure *s, uint32_t i)
{
    return s->items[i].same;
}

static int list_carries(cutter *c)
{
    neap__structure *s = c->s;
    uint32_t inside = 0;
    for (uint32_t i = 0; i < s->item_count; i++)
        inside += c->inside[i];
    s->carried = neap__arena_array(&s->arena, s->item_count, sizeof *s->carried, c->err);
    s->carries = neap__arena_array(&s->arena, inside, sizeof *s->carries, c->err);
    if (!s->carried || !s->carries)
        return c->err->code;
    if (s->before)
        memcpy(s->carried, s->before->carried, s->item_count * sizeof *s->carried);
    else
        memset(s->carried, 0xFF, s->item_count * sizeof *s->carried);
    for (uint32_t i = 0; i < s->item_count; i++) {
        const neap__item *item = &s->items[i];
        if (item->role != NEAP__ROLE_LATER)
            continue;
        for (uint32_t k = 0; k < item->count; k++) {
            carry(c, stand_in(s, item->inputs[k]), false);
            carry(c, stand_in(s, item->operands[k]), reads_data(item, k));
            /* A size, once it is computed, is told to all that take it. */
            if (k >= item->node->data_inputs && is_open(c, i))
                c->wanted[stand_in(s, item->operands[k])] = true;
        }
        if (item->same != i)
            carry(c, item->same, true);
    }
    for (uint32_t k = 0; k < s->carry_count; k++) {
        neap__carry *to = &s->carries[k];
        to->handed = c->state[to->item] == HANDED;
        to->wanted = c->wanted[to->item] && !to->handed;
        to->data |= to->wanted || to->handed; /* whose shape the tensor tells */
    }
    for (uint32_t i = 0; i < s->item_count; i++) {
        if (s->carried[i] == NEAP__NONE)
            s->carried[i] = s->carried[s->items[i].same];
    }
    return NEAP_OK;
}

static int mark(cutter *c)
{
    neap__structure *s = c->s;
    s->last = true;
    for (uint32_t i = 0; i < s->item_count; i++) {
        neap__item *item = &s->items[i];
        if (item->role < NEAP__ROLE_KNOWN)
            continue;
        item->handed = c->inside[i] && c->state[i] == HANDED;
        s->nodes += c->inside[i];
        if (!c->inside[i]) {
            item->role = NEAP__ROLE_LATER;
            s->last = false;
        }
    }
    return s->last ? NEAP_OK : list_carries(c);
}

/* ---- The cut --------------------------------------------------------------------- */

static int cut(cutter *c)
{
    int status = settle_all(c);
    for (bool changed = true; !status && c->waits && changed;) {
        status = specialise(c, &changed);
        if (!status && changed)
            status = settle_all(c);
    }
    status = status ? status : choose(c);
    return status ? status : mark(c);
}

/* Most runs need no cut: nothing is open. */
static bool all_whole(const neap__structure *s, const neap__fact *facts)
{
    for (uint32_t i = 0; i < s->item_count; i++) {
        if (s->items[i].role >= NEAP__ROLE_KNOWN && facts[i].dtype != NEAP_DTYPE_NONE &&
            !neap__shape_known(&facts[i].shape))
            return false;
    }
    return true;
}

int neap__cut_stage(neap__structure *s, const neap__given *given, neap__fact *facts,
                    const neap__fact **several, neap__arena *arena, neap_error *err)
{
    if (all_whole(s, facts)) {
        s->last = true;
        s->nodes = s->before ? 0 : s->outline->nodes;
        for (uint32_t i = 0; i < s->item_count && s->before; i++)
            s->nodes += s->items[i].role >= NEAP__ROLE_KNOWN;
        return NEAP_OK;
    }
    cutter c = {.s = s,
                .o = s->outline,
                .given = given,
                .facts = facts,
                .several = several,
                .arena = arena,
                .err = err};
    c.state = neap__arena_array(arena, s->item_count, 1, err);
    c.wanted = neap__arena_array(arena, s->item_count, 1, err);
    c.inside = neap__arena_array(arena, s->item_count, 1, err);
    return c.state && c.wanted && c.inside ? cut(&c) : err->code;
}
