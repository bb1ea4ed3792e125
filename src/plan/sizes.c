/* sizes.c - the second half of a plan: for the shapes at hand, where every value lies.
 * One linear pass; emit.c makes the instructions.
 *
 * Invariants
 *   1. A value that is fetched, or that the commit publishes, lies in a tensor of its
 *      own; everything else computed lies in the block, at a multiple of 64 bytes.
 *   2. Space is given back only after the last unit that reads it was placed, so that no
 *      unit writes over what it, or a later one, reads; but for what a kernel allows in
 *      place. */
#include "plan/passes.h"

#include <string.h>

/* ---- Bases and constants --------------------------------------------------------- */

static int known_tensor(neap__plan *p, uint32_t item, neap_tensor **out, neap_error *err)
{
    const neap__fact *fact = &p->facts[item];
    neap_tensor *t = neap__tensor_new(p->account, fact->dtype, &fact->shape, err);
    if (!t)
        return err->code;
    neap__known_read(fact->known, t->data);
    *out = t;
    return NEAP_OK;
}

static int lay_bases(neap__emitter *e)
{
    neap__plan *p = e->plan;
    neap__structure *s = e->s;
    size_t known = 0;
    for (uint32_t i = 0; i < s->item_count; i++)
        known += s->items[i].live && s->items[i].role == NEAP__ROLE_KNOWN;
    size_t constants = 2 + s->constant_count + known;
    p->known = neap__arena_array(&p->arena, known, sizeof *p->known, e->err);
    p->constants = neap__arena_array(&p->arena, constants, sizeof *p->constants, e->err);
    if (!p->known || !p->constants)
        return e->err->code;
    for (uint32_t i = 0; i < s->constant_count; i++)
        p->constants[2 + i] = neap__reach(s->constants[i], p->memory);
    p->first_feed = (uint32_t)constants;
    p->first_variable = p->first_feed + s->outline->feed_count;
    p->first_carried = p->first_variable + s->outline->variable_count;
    p->first_result = p->first_carried + s->first_carry;
    for (uint32_t i = 0; i < s->item_count; i++) {
        const neap__item *item = &s->items[i];
        neap__place *place = &e->place[i];
        if (!item->live)
            continue;
        if (item->role == NEAP__ROLE_KNOWN) {
            int status = known_tensor(p, i, &p->known[p->known_count], e->err);
            if (status)
                return status;
            *place = (neap__place){2 + s->constant_count + p->known_count, 0};
            p->constants[place->base] =
                neap__reach(p->known[p->known_count++], p->memory);
        } else if (item->role == NEAP__ROLE_CONSTANT) {
            *place = (neap__place){2 + item->slot, 0};
        } else if (item->role == NEAP__ROLE_FEED) {
            *place = (neap__place){p->first_feed + item->slot, 0};
        } else if (item->role == NEAP__ROLE_VARIABLE) {
            *place = (neap__place){p->first_variable + item->slot, 0};
        } else if (item->role == NEAP__ROLE_CARRIED) {
            *place = (neap__place){p->first_carried + item->slot, 0};
        }
    }
    return NEAP_OK;
}

/* ---- Fetches and writes ---------------------------------------------------------- */

/* Where a taken value comes from, which decides where its storage lies. `published`
 * holds, for items that a write publishes, 1 + the write's number. */
static void fetch_source(neap__emitter *e, neap__fetch *fetch, uint32_t root,
                         const uint32_t *published)
{
    static const uint8_t given[] = {[NEAP__ROLE_FEED] = NEAP__FROM_FEED,
                                    [NEAP__ROLE_VARIABLE] = NEAP__FROM_VARIABLE,
                                    [NEAP__ROLE_CONSTANT] = NEAP__FROM_CONSTANT,
                                    [NEAP__ROLE_CARRIED] = NEAP__FROM_CARRIED,
                                    [NEAP__ROLE_LATER] = NEAP__FROM_NOTHING,
                                    [NEAP__ROLE_KNOWN] = NEAP__FROM_CONSTANT};
    neap__plan *p = e->plan;
    neap__structure *s = e->s;
    const neap__item *item = &s->items[root];
    neap__place *place = &e->place[root];
    if (item->role <= NEAP__ROLE_KNOWN) {
        fetch->source = (neap__source)given[item->role];
        fetch->index =
            fetch->source == NEAP__FROM_CONSTANT ? place->base - 2 : item->slot;
    } else if (published[root]) {
        uint32_t write = published[root] - 1;
        fetch->source = s->writes[write].terminal ? NEAP__FROM_COMMIT : NEAP__FROM_STAGED;
        fetch->index = write;
    } else {
        if (place->base < p->first_result) {
            *place = (neap__place){p->first_result + p->result_count, 0};
            p->results[p->result_count++] =
                (neap__result){p->facts[root].dtype, p->facts[root].shape, false, root};
        }
        fetch->source = NEAP__FROM_RESULT;
        fetch->index = place->base - p->first_result;
    }
    fetch->base = place->base;
}

static int lay_takes(neap__emitter *e, const uint32_t *published)
{
    neap__plan *p = e->plan;
    neap__structure *s = e->s;
    p->fetches = neap__arena_array(&p->arena, s->take_count, sizeof *p->fetches, e->err);
    p->results = neap__arena_array(&p->arena, s->take_count, sizeof *p->results, e->err);
    p->writes = neap__arena_array(&p->arena, s->write_count, sizeof *p->writes, e->err);
    if (!p->fetches || !p->results || !p->writes)
        return e->err->code;
    for (uint32_t i = 0; i < s->take_count; i++) {
        uint32_t item = s->items[s->takes[i].item].same;
        neap__fetch *fetch = &p->fetches[i];
        fetch->dtype = p->facts[item].dtype;
        fetch->shape = p->facts[item].shape;
        fetch->base = NEAP__BASE_NULL;
        if (fetch->dtype == NEAP_DTYPE_NONE)
            continue;
        uint32_t root = neap__storage(s, item);
        fetch_source(e, fetch, root, published);
        fetch->view = !neap__shape_equal(&fetch->shape, &p->facts[root].shape);
    }
    p->first_write = p->first_result + p->result_count;
    p->base_count = p->first_write + s->write_count;
    for (uint32_t w = 0; w < s->write_count; w++) {
        const neap__write *write = &s->writes[w];
        uint32_t root = neap__part_item(s->items, s->parts, write->item, write->part);
        p->writes[w] = (neap__result){p->facts[root].dtype, p->facts[root].shape,
                                      write->in_place, write->item};
        e->place[root] = (neap__place){p->first_write + w, 0};
    }
    for (uint32_t i = 0; i < s->take_count; i++) {
        if (p->fetches[i].source >= NEAP__FROM_STAGED)
            p->fetches[i].base = p->first_write + p->fetches[i].index;
    }
    return NEAP_OK;
}

/* The facts of what all stages so far carry on; those of this one's items are the plan's,
 * and open where a tensor is handed over. What is known lies in the plan, which outlives
 * what was fed. */
static int lay_carried(neap__plan *p, const neap__given *given, neap_error *err)
{
    const neap__structure *s = p->structure;
    size_t count = (size_t)s->first_carry + s->carry_count;
    p->carried = neap__arena_array(&p->arena, count, sizeof *p->carried, err);
    if (!p->carried)
        return err->code;
    for (uint32_t i = 0; i < count; i++) {
        p->carried[i] = i < s->first_carry
                            ? given->carried[i]
                            : p->facts[s->carries[i - s->first_carry].item];
        if (p->carried[i].known)
            p->carried[i].known = neap__known_keep(&p->arena, p->carried[i].known, err);
    }
    return neap__failed(err) ? err->code : NEAP_OK;
}

/* ---- Lifetimes ------------------------------------------------------------------- */

static void note_last(neap__emitter *e, uint32_t item, uint32_t unit)
{
    e->last[neap__storage(e->s, item)] = unit;
}

static void find_lifetimes(neap__emitter *e)
{
    neap__structure *s = e->s;
    memset(e->last, 0xFF, s->item_count * sizeof *e->last);
    for (uint32_t u = 0; u < s->unit_count; u++) {
        const neap__unit *unit = &s->units[u];
        for (uint32_t k = 0; k < unit->load_count; k++) {
            if (unit->loads[k] !=
                unit->gemm) /* a product within its epilogue has no place */
                note_last(e, unit->loads[k], u);
        }
        uint32_t reader = unit->gemm != NEAP__NONE ? unit->gemm : unit->root;
        const neap__item *item = &s->items[reader];
        for (uint32_t k = 0; item->role != NEAP__ROLE_ELEMENT && k < item->count; k++) {
            if (!neap__shape_only(item->node, k))
                note_last(e, item->operands[k], u);
        }
    }
}

/* ---- The plan -------------------------------------------------------------------- */

/* Whether what the structure decided holds at these sizes. */
static bool guards_hold(const neap__plan *p)
{
    const neap__structure *s = p->structure;
    const neap__fact *facts = p->facts;
    for (uint32_t i = 0; i < s->item_count; i++) {
        const neap__item *item = &s->items[i];
        if (item->role < NEAP__ROLE_KNOWN)
            continue;
        bool open =
            facts[i].dtype != NEAP_DTYPE_NONE && !neap__shape_known(&facts[i].shape);
        if (open != item->handed ||
            (item->equal &&
             !neap__shape_equal(&facts[i].shape, &facts[item->operands[0]].shape)) ||
            (item->role == NEAP__ROLE_KNOWN && !neap__known_all(facts[i].known)) ||
            (item->flip_a && !neap__takes_transpose(s, facts, i, 0)) ||
            (item->flip_b && !neap__takes_transpose(s, facts, i, 1)))
            return false;
    }
    return true;
}

static bool units_hold(const neap__plan *p)
{
    const neap__structure *s = p->structure;
    for (uint32_t u = 0; u < s->unit_count; u++) {
        const neap__unit *unit = &s->units[u];
        const neap__shape *domain = &p->facts[unit->root].shape;
        for (uint32_t m = 0; m < unit->member_count; m++) {
            if (!neap__shape_equal(&p->facts[unit->members[m]].shape, domain))
                return false;
        }
        if (unit->gemm != NEAP__NONE &&
            !neap__shape_equal(&p->facts[unit->gemm].shape, domain))
            return false;
    }
    return true;
}

static int make(neap__emitter *e, uint32_t *published)
{
    neap__plan *p = e->plan;
    neap__structure *s = e->s;
    for (uint32_t w = 0; w < s->write_count; w++)
        published[neap__part_item(s->items, s->parts, s->writes[w].item,
                                  s->writes[w].part)] = w + 1;
    find_lifetimes(e);
    int status = lay_bases(e);
    status = status ? status : lay_takes(e, published);
    if (status)
        return status;
    p->instructions =
        neap__arena_array(&p->arena, s->unit_count, sizeof *p->instructions, e->err);
    if (!p->instructions)
        return e->err->code;
    for (uint32_t u = 0; u < s->unit_count && !status; u++) {
        if (u == s->tail) {
            p->tail = p->instruction_count;
            p->held = e->space.high;
            for (size_t i = 0; i < e->space.count; i++)
                p->held -= e->space.spans[i].size;
        }
        status = neap__emit(e, u);
    }
    if (s->tail == s->unit_count)
        p->tail = p->instruction_count;
    p->block = e->space.high;
    return status;
}

static int emit_all(const neap__target *target, neap__plan *p, neap_error *err)
{
    size_t n = p->structure->item_count;
    neap__account *a = p->account;
    neap__emitter e = {.target = target, .plan = p, .s = p->structure, .err = err};
    e.space.account = a;
    e.place = neap__alloc_zero(a, n * sizeof *e.place, NEAP_MEMORY_SMALL, err);
    e.last = neap__alloc(a, n * sizeof *e.last, NEAP_MEMORY_SMALL, err);
    uint32_t *published =
        neap__alloc_zero(a, n * sizeof *published, NEAP_MEMORY_SMALL, err);
    int status = e.place && e.last && published ? make(&e, published) : err->code;
    neap__free(a, published, n * sizeof *published, NEAP_MEMORY_SMALL);
    neap__free(a, e.last, n * sizeof *e.last, NEAP_MEMORY_SMALL);
    neap__free(a, e.place, n * sizeof *e.place, NEAP_MEMORY_SMALL);
    neap__space_free(&e.space);
    return status;
}

static int make_plan(const neap__target *target, neap__plan *p, const neap__given *given,
                     neap_error *err)
{
    neap__structure *s = p->structure;
    const neap__outline *o = s->outline;
    p->facts = neap__arena_array(&p->arena, s->item_count, sizeof *p->facts, err);
    p->feed_shapes =
        neap__arena_array(&p->arena, o->feed_count, sizeof *p->feed_shapes, err);
    if (o->several)
        p->several = neap__arena_array(&p->arena, s->item_count, sizeof *p->several, err);
    if (neap__failed(err))
        return err->code;
    neap__inferred of = {s->items, s->item_count, o, s, given};
    int status = neap__infer_items(&of, p->facts, p->several, &p->arena, err);
    if (!status && !(guards_hold(p) && units_hold(p)))
        return NEAP__STALE;
    for (uint32_t i = 0; i < o->feed_count && !status; i++)
        p->feed_shapes[i] = given->feeds[i].shape;
    status = status ? status : lay_carried(p, given, err);
    status = status ? status : emit_all(target, p, err);
    for (uint32_t i = 0; i < s->item_count; i++)
        p->facts[i].known = NULL; /* some lie in what was fed */
    return status;
}

int neap__plan_new(const neap__target *target, neap__structure *s,
                   const neap__given *given, neap__plan **out, neap_error *err)
{
    neap__account *account = target->account;
    neap__plan *p = neap__alloc_zero(account, sizeof *p, NEAP_MEMORY_SMALL, err);
    if (!p)
        return err->code;
    atomic_store_explicit(&p->references, 1, memory_order_relaxed);
    p->account = account;
    p->memory = target->device->memory;
    p->structure = s;
    neap__structure_retain(s);
    neap__arena_init(&p->arena, account, NEAP_MEMORY_SMALL);
    int status = make_plan(target, p, given, err);
    if (status) {
        neap__plan_release(p);
        return status;
    }
    *out = p;
    return NEAP_OK;
}

void neap__plan_retain(neap__plan *p)
{
    atomic_fetch_add_explicit(&p->references, 1, memory_order_relaxed);
}

void neap__plan_release(neap__plan *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->references, 1, memory_order_acq_rel) > 1)
        return;
    for (uint32_t i = 0; i < p->known_count; i++)
        neap_tensor_release(p->known[i]);
    neap__structure_release(p->structure);
    neap__free(p->account, p->places, p->place_capacity * sizeof *p->places,
               NEAP_MEMORY_SMALL);
    neap__arena_free(&p->arena);
    neap__free(p->account, p, sizeof *p, NEAP_MEMORY_SMALL);
}
