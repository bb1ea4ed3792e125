/* structure.c - the first half of a plan: which nodes are needed, in items, and where a
 * segment ends. The rest of it is made by versions.c, infer.c, rewrite.c and units.c, in
 * this order.
 *
 * Segments. Where a shape depends on a value that only the run itself can tell (a reshape
 * to a computed size), the structure is no more than the list of nodes to compute first:
 * that value, and what was computed on the way and is needed later. The session runs
 * them, feeds them, and asks again. */
#include "plan/plan.h"

#include <string.h>

typedef struct maker {
    const neap__target *target;
    const neap__request *request;
    neap__structure *s;
    neap_node **nodes; /* needed, in order of creation */
    size_t node_count, node_capacity;
    uint32_t *item_of; /* by node index less `base`: its item; first, its feed; or NONE */
    uint64_t base, span;
    neap__fact *facts;
    neap__arena facts_arena;
    neap_error *err;
} maker;

static int failed(const maker *m) /* after an allocation failed */
{
    return m->err->code ? m->err->code : NEAP_ENOMEM;
}

static uint32_t item_of(const maker *m, const neap_node *n)
{
    return m->item_of[n->index - m->base];
}

/* ---- Prune ----------------------------------------------------------------------- */

static int prune(maker *m)
{
    const neap__request *r = m->request;
    neap__account *account = m->target->account;
    uint64_t top = 0;
    for (size_t i = 0; i < r->fetch_count; i++)
        top = r->fetches[i]->index > top ? r->fetches[i]->index : top;
    neap__set fed = {.words = NULL};
    if (r->feed_count && !neap__set_init(&fed, account, top + 1, m->err))
        return failed(m);
    for (size_t i = 0; i < r->feed_count; i++) {
        if (r->feeds[i]->index <= top)
            neap__set_add(&fed, r->feeds[i]->index);
    }
    int status = neap__ancestors(account, r->fetches, r->fetch_count, true,
                                 r->feed_count ? &fed : NULL, &m->nodes, &m->node_count,
                                 &m->node_capacity, m->err);
    neap__set_free(&fed);
    if (status)
        return status;
    m->base = m->node_count ? m->nodes[0]->index : 0;
    m->span = m->node_count ? m->nodes[m->node_count - 1]->index - m->base + 1 : 0;
    m->item_of =
        neap__alloc(account, m->span * sizeof *m->item_of, NEAP_MEMORY_SMALL, m->err);
    if (!m->item_of)
        return failed(m);
    memset(m->item_of, 0xFF, m->span * sizeof *m->item_of);
    for (uint32_t i = 0; i < r->feed_count; i++) {
        uint64_t place = r->feeds[i]->index - m->base;
        if (place < m->span)
            m->item_of[place] = i;
    }
    return NEAP_OK;
}

/* What misses a value, and who needs it: the first reader that is computed. */
static int not_fed(const maker *m, const neap_node *placeholder)
{
    char shape[NEAP__SHAPE_SIZE], name[NEAP__QUOTED_SIZE], user[NEAP__QUOTED_SIZE];
    const neap_node *reader = NULL;
    for (size_t i = 0; i < m->node_count && !reader; i++) {
        const neap_node *n = m->nodes[i];
        if (n->index <= placeholder->index || item_of(m, n) != NEAP__NONE)
            continue;
        for (uint32_t k = 0; k < n->input_count && !reader; k++)
            reader = n->inputs[k] == placeholder ? n : NULL;
        for (uint32_t k = 0; k < n->control_count && !reader; k++)
            reader = n->controls[k] == placeholder ? n : NULL;
    }
    neap__shape_text(shape, &placeholder->fact.shape);
    neap__quoted(name, placeholder->name);
    const char *dtype = neap_dtype_name(placeholder->fact.dtype);
    if (reader)
        neap__fail(
            m->err, NEAP_EARG,
            "placeholder \"%s\": no value was fed (%s, shape %s); %s \"%s\" needs it",
            name, dtype, shape, reader->op->info.name, neap__quoted(user, reader->name));
    else
        neap__fail(m->err, NEAP_EARG,
                   "placeholder \"%s\": no value was fed (%s, shape %s); it is fetched",
                   name, dtype, shape);
    neap__tell_origin(m->err, placeholder);
    return NEAP_EARG;
}

/* ---- Items ----------------------------------------------------------------------- */

static neap__role role_of(const neap_node *n)
{
    if (n->op == &neap__op_variable)
        return NEAP__ROLE_VARIABLE;
    if (n->op == &neap__op_constant)
        return NEAP__ROLE_CONSTANT;
    if (n->op == &neap__op_result)
        return NEAP__ROLE_PART;
    switch (n->op->lowering) {
    case NEAP__LOWER_NOTHING:
        return NEAP__ROLE_NOTHING;
    case NEAP__LOWER_ALIAS:
        return NEAP__ROLE_ALIAS;
    case NEAP__LOWER_ELEMENT:
        return NEAP__ROLE_ELEMENT;
    case NEAP__LOWER_GEMM:
        return NEAP__ROLE_GEMM;
    default:
        return NEAP__ROLE_KERNEL;
    }
}

static bool add_edges(maker *m, neap__item *item)
{
    const neap_node *n = item->node;
    size_t count = (size_t)n->input_count * 2 + n->control_count;
    if (!count)
        return true;
    uint32_t *edges = neap__arena_array(&m->s->arena, count, sizeof *edges, m->err);
    if (!edges)
        return false;
    item->inputs = edges;
    item->operands = edges + n->input_count;
    item->controls = edges + 2 * (size_t)n->input_count;
    item->count = n->input_count;
    item->control_count = n->control_count;
    for (uint32_t i = 0; i < n->input_count; i++)
        edges[i] = item->operands[i] = item_of(m, n->inputs[i]);
    for (uint32_t i = 0; i < n->control_count; i++)
        edges[2 * n->input_count + i] = item_of(m, n->controls[i]);
    if (n->input_count > m->s->max_inputs)
        m->s->max_inputs = n->input_count;
    return true;
}

/* A further variable that the item before writes: its new value is a part of that
 * item. */
static bool add_part(maker *m, uint32_t producer, uint8_t part)
{
    neap__structure *s = m->s;
    uint32_t at = s->item_count++;
    uint32_t *edges = neap__arena_array(&s->arena, 2, sizeof *edges, m->err);
    if (!edges)
        return false;
    edges[0] = edges[1] = producer;
    const neap_node *n = s->items[producer].node;
    s->items[at] = (neap__item){.node = n->inputs[neap__written_input(n->op, part)],
                                .inputs = edges,
                                .operands = edges + 1,
                                .count = 1,
                                .same = at,
                                .unit = NEAP__NONE,
                                .role = NEAP__ROLE_PART,
                                .part = part};
    return true;
}

static int add_item(maker *m, neap_node *n)
{
    neap__structure *s = m->s;
    uint32_t at = s->item_count++, feed = item_of(m, n);
    neap__item *item = &s->items[at];
    *item = (neap__item){.node = n, .same = at, .unit = NEAP__NONE};
    if (feed != NEAP__NONE) {
        item->role = NEAP__ROLE_FEED;
        item->slot = feed;
        s->feeds[feed] = at;
    } else if (n->op == &neap__op_placeholder) {
        return not_fed(m, n);
    } else {
        item->role = (uint8_t)role_of(n);
        if (!add_edges(m, item))
            return failed(m);
    }
    m->item_of[n->index - m->base] = at;
    if (item->role == NEAP__ROLE_CONSTANT) {
        item->slot = s->constant_count;
        s->constants[s->constant_count++] =
            neap__tensor_keep(neap__attribute(n, "value")->tensor);
    } else if (item->role == NEAP__ROLE_VARIABLE) {
        bool open = !neap__shape_known(&n->fact.shape);
        item->slot = s->variable_count;
        s->variables[s->variable_count++] = (neap__variable_use){n, at, open};
        s->open |= open;
    } else if (item->role == NEAP__ROLE_PART) {
        item->part = (uint8_t)neap__attribute(n, "index")->integer;
    } else if (item->role != NEAP__ROLE_FEED) {
        s->several |= n->result_count > 1;
        s->random |= (n->op->effects & NEAP__RANDOM) != 0;
        for (int part = 1; part < neap__written_count(n); part++) {
            if (!add_part(m, at, (uint8_t)part))
                return failed(m);
        }
    }
    return NEAP_OK;
}

static int make_items(maker *m)
{
    neap__structure *s = m->s;
    size_t total = m->node_count, variables = 0;
    for (size_t i = 0; i < m->node_count; i++) {
        total += neap__written_count(m->nodes[i]) > 1
                     ? (size_t)neap__written_count(m->nodes[i]) - 1
                     : 0;
        variables += m->nodes[i]->op == &neap__op_variable; /* fed ones included */
    }
    if (total >= NEAP__NONE)
        return neap__fail(m->err, NEAP_ELIMIT, "a run of %zu nodes is too large", total);
    s->nodes = (uint32_t)m->node_count;
    s->feed_count = (uint32_t)m->request->feed_count;
    s->fetch_count = (uint32_t)m->request->fetch_count;
    s->items = neap__arena_array(&s->arena, total, sizeof *s->items, m->err);
    /* Folding makes constants of items: any item may become one. */
    s->constants = neap__arena_array(&s->arena, total, sizeof *s->constants, m->err);
    s->variables = neap__arena_array(&s->arena, variables, sizeof *s->variables, m->err);
    s->feeds = neap__arena_array(&s->arena, s->feed_count, sizeof *s->feeds, m->err);
    s->feed_values =
        neap__arena_array(&s->arena, s->feed_count, sizeof *s->feed_values, m->err);
    s->fetches = neap__arena_array(&s->arena, s->fetch_count, sizeof *s->fetches, m->err);
    if (neap__failed(m->err))
        return failed(m);
    for (uint32_t i = 0; i < s->feed_count; i++)
        s->feeds[i] = NEAP__NONE;
    for (size_t i = 0; i < m->node_count; i++) {
        int status = add_item(m, m->nodes[i]);
        if (status)
            return status;
    }
    for (uint32_t i = 0; i < s->fetch_count; i++) {
        s->fetches[i] = item_of(m, m->request->fetches[i]);
        s->items[s->fetches[i]].fetched = true;
    }
    return NEAP_OK;
}

/* ---- Inference and segments ------------------------------------------------------ */

/* Marks in `above` the ancestors of item `from`, itself included: what a run of it would
 * run. */
static void mark_above(const neap__structure *s, uint32_t from, bool *above)
{
    above[from] = true;
    for (uint32_t i = from + 1; i-- > 0;) {
        for (uint32_t k = 0; above[i] && k < s->items[i].count; k++)
            above[s->items[i].operands[k]] = true;
        for (uint32_t k = 0; above[i] && k < s->items[i].control_count; k++)
            above[s->items[i].controls[k]] = true;
    }
}

/* Small fed integers above a size may tell it: their values then specialise the plan. */
static bool specialise(maker *m, const bool *above)
{
    neap__structure *s = m->s;
    bool more = false;
    for (uint32_t f = 0; f < s->feed_count; f++) {
        if (s->feeds[f] == NEAP__NONE || !above[s->feeds[f]] || s->feed_values[f] ||
            !m->request->facts[f].known)
            continue;
        s->feed_values[f] = more = true;
    }
    return more;
}

/* Ends the segment: the items above `wanted` that are read from outside, as nodes to
 * compute; assignments too, whose new values the run keeps for its commit. */
static int end_segment(maker *m, const bool *above, const bool *wanted)
{
    neap__structure *s = m->s;
    bool *read = neap__arena_array(&s->arena, s->item_count, sizeof *read, m->err);
    s->segment = neap__arena_array(&s->arena, s->item_count, sizeof *s->segment, m->err);
    if (!read || !s->segment)
        return failed(m);
    for (uint32_t i = 0; i < s->item_count; i++) {
        for (uint32_t k = 0; !above[i] && k < s->items[i].count; k++)
            read[s->items[i].operands[k]] = true;
    }
    for (uint32_t i = 0; i < s->item_count; i++) {
        const neap__item *item = &s->items[i];
        if (!above[i])
            continue;
        bool computed = item->role >= NEAP__ROLE_ALIAS && item->node->fact.dtype;
        if (computed ? wanted[i] || read[i] || item->fetched || neap__writes(item)
                     : wanted[i] && item->role == NEAP__ROLE_VARIABLE)
            s->segment[s->segment_count++] = (neap_node *)item->node;
    }
    return NEAP_OK;
}

/* Item `open` has a shape that inference cannot tell. Either small feeds can (*again), or
 * the values that it depends on must be computed first. */
static int open_shape(maker *m, uint32_t open, bool *again)
{
    neap__structure *s = m->s;
    const neap__item *item = &s->items[open];
    neap__account *account = m->target->account;
    size_t bytes = s->item_count;
    bool *above = neap__alloc_zero(account, bytes, NEAP_MEMORY_SMALL, m->err);
    bool *wanted = neap__alloc_zero(account, bytes, NEAP_MEMORY_SMALL, m->err);
    int status = above && wanted ? NEAP_OK : failed(m);
    bool any = false;
    for (uint32_t k = item->node->data_inputs; k < item->count && !status; k++) {
        uint32_t size = item->inputs[k];
        if (neap__known_all(m->facts[size].known))
            continue;
        any = wanted[size] = true;
        mark_above(s, item->operands[k], above);
    }
    if (!status && !any) {
        char shape[NEAP__SHAPE_SIZE];
        status =
            neap__fail(m->err, NEAP_EUNSUP, "its shape %s is not known before it runs",
                       neap__shape_text(shape, &m->facts[open].shape));
        neap__blame(m->err, item->node);
    }
    if (!status) {
        *again = specialise(m, above);
        if (!*again)
            status = end_segment(m, above, wanted);
    }
    if (!status && !*again && !s->segment_count) {
        status =
            neap__fail(m->err, NEAP_ESHAPE, "its size cannot be told from what is fed");
        neap__blame(m->err, item->node);
    }
    neap__free(account, above, bytes, NEAP_MEMORY_SMALL);
    neap__free(account, wanted, bytes, NEAP_MEMORY_SMALL);
    return status;
}

static int infer(maker *m)
{
    neap__structure *s = m->s;
    const neap__fact **several = NULL;
    m->facts =
        neap__arena_array(&m->facts_arena, s->item_count, sizeof *m->facts, m->err);
    if (s->several)
        several =
            neap__arena_array(&m->facts_arena, s->item_count, sizeof *several, m->err);
    if (neap__failed(m->err))
        return failed(m);
    for (bool again = true; again && !s->segment_count;) {
        uint32_t open;
        int status = neap__infer_items(s, m->request, m->facts, several, &m->facts_arena,
                                       false, &open, m->err);
        again = false;
        if (!status && open != NEAP__NONE)
            status = open_shape(m, open, &again);
        if (status)
            return status;
    }
    return NEAP_OK;
}

/* Integers that inference knows wholly are not computed. */
static void mark_known(neap__structure *s, const neap__fact *facts)
{
    for (uint32_t i = 0; i < s->item_count; i++) {
        neap__item *item = &s->items[i];
        if (item->role >= NEAP__ROLE_ALIAS && item->role != NEAP__ROLE_PART &&
            neap__known_all(facts[i].known) &&
            !(item->node->op->effects & ~(unsigned)NEAP__FALLIBLE))
            item->role = NEAP__ROLE_KNOWN;
    }
}

/* ---- The structure --------------------------------------------------------------- */

static int make(maker *m)
{
    neap__structure *s = m->s;
    int status = prune(m);
    status = status ? status : make_items(m);
    status = status ? status : neap__resolve_versions(s, m->err);
    status = status ? status : neap__list_writes(s, m->err);
    status = status ? status : infer(m);
    if (status || s->segment_count)
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

neap__structure *neap__structure_new(const neap__target *target,
                                     const neap__request *request, neap_error *err)
{
    neap__account *account = target->account;
    neap__structure *s = neap__alloc_zero(account, sizeof *s, NEAP_MEMORY_SMALL, err);
    if (!s)
        return NULL;
    atomic_store_explicit(&s->references, 1, memory_order_relaxed);
    s->account = account;
    s->passes = target->passes;
    neap__arena_init(&s->arena, account, NEAP_MEMORY_SMALL);
    maker m = {.target = target, .request = request, .s = s, .err = err};
    neap__arena_init(&m.facts_arena, account, NEAP_MEMORY_SMALL);
    int status = make(&m);
    neap__arena_free(&m.facts_arena);
    neap__free(account, m.nodes, m.node_capacity * sizeof *m.nodes, NEAP_MEMORY_SMALL);
    neap__free(account, m.item_of, m.span * sizeof *m.item_of, NEAP_MEMORY_SMALL);
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
    if (!s || atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) > 1)
        return;
    for (uint32_t i = 0; i < s->constant_count; i++)
        neap_tensor_release(s->constants[i]);
    neap__arena_free(&s->arena);
    neap__free(s->account, s, sizeof *s, NEAP_MEMORY_SMALL);
}
