/* structure.c - a stage of an outline: what it computes, rewritten, fused and in order.
 * It is put together by stages.c, infer.c, rewrite.c and units.c, in this order. */
#include "plan/passes.h"

#include <string.h>

typedef struct maker {
    const neap__target *target;
    const neap__given *given;
    neap__structure *s;
    neap__fact *facts;
    const neap__fact **several;
    neap__arena facts_arena;
    neap_error *err;
} maker;

static int failed(const maker *m) /* after an allocation failed */
{
    return m->err->code ? m->err->code : NEAP_ENOMEM;
}

/* ---- From the outline ------------------------------------------------------------ */

/* Items of its own, and operands, which passes change; what an earlier stage computed is
 * carried. */
static int copy_items(maker *m)
{
    neap__structure *s = m->s;
    const neap__outline *o = s->outline;
    uint32_t *operands =
        neap__arena_array(&s->arena, o->edge_count, sizeof *operands, m->err);
    s->items = neap__arena_array(&s->arena, o->item_count, sizeof *s->items, m->err);
    s->parts = neap__arena_array(&s->arena, o->part_count, sizeof *s->parts, m->err);
    if (!operands || !s->items || !s->parts)
        return failed(m);
    s->item_count = o->item_count;
    memcpy(s->items, o->items, o->item_count * sizeof *s->items);
    if (o->part_count)
        memcpy(s->parts, o->parts, o->part_count * sizeof *s->parts);
    for (uint32_t i = 0; i < o->item_count; i++) {
        neap__item *item = &s->items[i];
        if (item->count) {
            memcpy(operands, item->operands, item->count * sizeof *operands);
            item->operands = operands;
            operands += item->count;
        }
        if (!s->before || item->role <= NEAP__ROLE_CONSTANT ||
            s->before->items[i].role == NEAP__ROLE_LATER)
            continue;
        item->role = NEAP__ROLE_CARRIED;
        item->slot = s->before->carried[i];
        item->same = i;
    }
    return NEAP_OK;
}

static int copy_rest(maker *m)
{
    neap__structure *s = m->s;
    const neap__outline *o = s->outline;
    neap__arena *arena = &s->arena;
    /* Folding makes constants of items: any item may become one. */
    s->constants = neap__arena_array(arena, (size_t)o->item_count + o->constant_count,
                                     sizeof *s->constants, m->err);
    s->feed_values = neap__arena_array(arena, o->feed_count, 1, m->err);
    s->variable_values = neap__arena_array(arena, o->variable_count, 1, m->err);
    if (!s->constants || !s->feed_values || !s->variable_values)
        return failed(m);
    for (uint32_t i = 0; i < o->constant_count; i++)
        s->constants[i] = neap__tensor_keep(o->constants[i]);
    s->constant_count = o->constant_count;
    if (!s->before)
        return NEAP_OK;
    if (o->feed_count)
        memcpy(s->feed_values, s->before->feed_values, o->feed_count);
    if (o->variable_count)
        memcpy(s->variable_values, s->before->variable_values, o->variable_count);
    s->first_carry = s->before->first_carry + s->before->carry_count;
    s->number = s->before->number + 1;
    return NEAP_OK;
}

/* ---- Facts ----------------------------------------------------------------------- */

static int infer(maker *m)
{
    neap__structure *s = m->s;
    m->facts =
        neap__arena_array(&m->facts_arena, s->item_count, sizeof *m->facts, m->err);
    if (s->outline->several)
        m->several =
            neap__arena_array(&m->facts_arena, s->item_count, sizeof *m->several, m->err);
    if (neap__failed(m->err))
        return failed(m);
    neap__inferred of = {s->items, s->item_count, s->outline, s, m->given};
    int status = neap__infer_items(&of, m->facts, m->several, &m->facts_arena, m->err);
    return status ? status
                  : neap__cut_stage(s, m->given, m->facts, m->several, &m->facts_arena,
                                    m->err);
}

/* Whether the value will be known at other sizes too, so that the structure serves them:
 * its shape is the graph's, or it is a few integers, such as a shape. */
static bool stays_known(const neap_node *n, const neap__fact *fact)
{
    return neap__shape_known(&n->fact.shape) ||
           (neap__is_integer(fact->dtype) && fact->known->count <= NEAP_MAX_RANK);
}

/* Values that inference knows wholly are not computed. */
static void mark_known(neap__structure *s, const neap__fact *facts)
{
    for (uint32_t i = 0; i < s->item_count; i++) {
        neap__item *item = &s->items[i];
        if (neap__computed(item) && item->role != NEAP__ROLE_PART &&
            neap__known_all(facts[i].known) && stays_known(item->node, &facts[i]) &&
            !(item->node->effects & ~(unsigned)NEAP__FALLIBLE))
            item->role = NEAP__ROLE_KNOWN;
    }
}

/* ---- What leaves the stage ------------------------------------------------------- */

/* The fetches whose values are there when the stage ends and were not before (values
 * that are given leave with the last), then what is carried on. */
static int list_takes(maker *m)
{
    neap__structure *s = m->s;
    const neap__outline *o = s->outline;
    s->takes = neap__arena_array(&s->arena, (size_t)o->fetch_count + s->carry_count,
                                 sizeof *s->takes, m->err);
    if (!s->takes)
        return failed(m);
    for (uint32_t i = 0; i < o->fetch_count; i++) {
        neap__item *item = &s->items[o->fetches[i]];
        bool given = item->role <= NEAP__ROLE_CONSTANT;
        if (item->role == NEAP__ROLE_CARRIED || item->role == NEAP__ROLE_LATER ||
            (given && !s->last))
            continue;
        item->fetched = true;
        s->takes[s->take_count++] = (neap__take){o->fetches[i], i};
    }
    s->fetch_count = s->take_count;
    for (uint32_t i = 0; i < s->carry_count; i++) {
        if (!s->carries[i].data)
            continue;
        s->items[s->carries[i].item].fetched = true;
        s->takes[s->take_count++] = (neap__take){s->carries[i].item, s->first_carry + i};
    }
    return NEAP_OK;
}

static int list_writes(maker *m)
{
    neap__structure *s = m->s;
    const neap__outline *o = s->outline;
    s->writes = neap__arena_array(&s->arena, o->write_count, sizeof *s->writes, m->err);
    if (!s->writes)
        return failed(m);
    for (uint32_t w = 0; w < o->write_count; w++) {
        const neap__last_write *write = &o->writes[w];
        if (neap__computed(&s->items[write->item]))
            s->writes[s->write_count++] =
                (neap__write){.number = w, .item = write->item, .part = write->part};
    }
    return NEAP_OK;
}

/* ---- The structure --------------------------------------------------------------- */

static int make(maker *m)
{
    neap__structure *s = m->s;
    int status = copy_items(m);
    status = status ? status : copy_rest(m);
    status = status ? status : infer(m);
    status = status ? status : list_takes(m);
    status = status ? status : list_writes(m);
    if (status)
        return status;
    mark_known(s, m->facts);
    if (s->passes & NEAP__PASS_SIMPLIFY)
        status = neap__simplify(s, m->facts, m->err);
    if (!status && s->passes & NEAP__PASS_MERGE)
        status = neap__merge(s, m->err);
    if (!status && s->passes & NEAP__PASS_FOLD)
        status = neap__fold(s, m->target, m->facts, m->err);
    return status ? status : neap__form_units(s, m->facts, m->err);
}

neap__structure *neap__structure_new(const neap__target *target, neap__outline *outline,
                                     const neap__given *given, neap_error *err)
{
    neap__account *account = target->account;
    neap__structure *s = neap__alloc_zero(account, sizeof *s, NEAP_MEMORY_SMALL, err);
    if (!s)
        return NULL;
    atomic_store_explicit(&s->references, 1, memory_order_relaxed);
    s->account = account;
    s->passes = target->passes;
    s->outline = outline;
    neap__outline_retain(outline);
    if (given->before) {
        s->before = given->before->structure;
        neap__structure_retain(s->before);
    }
    neap__arena_init(&s->arena, account, NEAP_MEMORY_SMALL);
    maker m = {.target = target, .given = given, .s = s, .err = err};
    neap__arena_init(&m.facts_arena, account, NEAP_MEMORY_SMALL);
    int status = make(&m);
    neap__arena_free(&m.facts_arena);
    if (status) {
        neap__structure_release(s);
        return NULL;
    }
    return s;
}

void neap__structure_retain(neap__structure *s)
{
    atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
}

void neap__structure_release(neap__structure *s)
{
    while (s && atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) == 1) {
        neap__structure *before = s->before;
        for (uint32_t i = 0; i < s->constant_count; i++)
            neap_tensor_release(s->constants[i]);
        neap__outline_release(s->outline);
        neap__arena_free(&s->arena);
        neap__free(s->account, s, sizeof *s, NEAP_MEMORY_SMALL);
        s = before;
    }
}
