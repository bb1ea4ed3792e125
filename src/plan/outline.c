/* outline.c - from fetches and feeds to what a run needs: the nodes, in order of
 * creation, as items that know each other by number. Versions of variables are resolved
 * in versions.c; stages are cut and planned later, when sizes are known. */
#include "graph/body.h"
#include "plan/outline.h"

#include <string.h>

typedef struct maker {
    neap__account *account;
    const neap__request *request;
    neap__outline *o;
    neap_node **nodes; /* needed, in order of creation */
    size_t node_count, node_capacity;
    uint32_t *item_of; /* by node index less `base`: its item; first, its feed; or NONE */
    uint64_t base, span;
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
    uint64_t top = 0;
    for (size_t i = 0; i < r->fetch_count; i++)
        top = r->fetches[i]->index > top ? r->fetches[i]->index : top;
    neap__set fed = {.words = NULL};
    if (r->feed_count && !neap__set_init(&fed, m->account, top + 1, m->err))
        return failed(m);
    for (size_t i = 0; i < r->feed_count; i++) {
        if (r->feeds[i]->index <= top)
            neap__set_add(&fed, r->feeds[i]->index);
    }
    int status = neap__ancestors(m->account, r->fetches, r->fetch_count, true,
                                 r->feed_count ? &fed : NULL, &m->nodes, &m->node_count,
                                 &m->node_capacity, m->err);
    neap__set_free(&fed);
    if (status)
        return status;
    m->base = m->node_count ? m->nodes[0]->index : 0;
    m->span = m->node_count ? m->nodes[m->node_count - 1]->index - m->base + 1 : 0;
    m->item_of =
        neap__alloc(m->account, m->span * sizeof *m->item_of, NEAP_MEMORY_SMALL, m->err);
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
    uint32_t *edges = neap__arena_array(&m->o->arena, count, sizeof *edges, m->err);
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
    if (n->input_count > m->o->max_inputs)
        m->o->max_inputs = n->input_count;
    m->o->edge_count += n->input_count;
    return true;
}

/* A variable that item `producer` writes: its new value is a part of that item. */
static bool add_written(maker *m, uint32_t producer, uint32_t part)
{
    neap__outline *o = m->o;
    uint32_t at = o->item_count++;
    uint32_t *edges = neap__arena_array(&o->arena, 2, sizeof *edges, m->err);
    if (!edges)
        return false;
    edges[0] = edges[1] = producer;
    const neap_node *n = o->items[producer].node;
    o->parts[o->items[producer].slot + part] = at;
    o->items[at] = (neap__item){.node = n->inputs[n->written[part]],
                                .inputs = edges,
                                .operands = edges + 1,
                                .count = 1,
                                .same = at,
                                .unit = NEAP__NONE,
                                .role = NEAP__ROLE_PART,
                                .part = part};
    o->edge_count++;
    return true;
}

/* The first write is the item itself, if it has no results besides. */
static bool add_parts(maker *m, uint32_t at)
{
    neap__outline *o = m->o;
    const neap_node *n = o->items[at].node;
    uint32_t count = n->written_count + (neap__several(n) ? n->result_count : 0);
    bool own = !neap__several(n);
    o->items[at].slot = o->part_count;
    o->items[at].part_count = count;
    for (uint32_t part = 0; part < count; part++)
        o->parts[o->part_count++] = NEAP__NONE;
    o->several |= neap__several(n);
    if (own)
        o->parts[o->items[at].slot] = at;
    for (uint32_t part = own; part < n->written_count; part++) {
        if (!add_written(m, at, part))
            return false;
    }
    return true;
}

/* One of several results; a second node of the same one is the same value. */
static void add_result(maker *m, uint32_t at)
{
    neap__outline *o = m->o;
    neap__item *item = &o->items[at];
    const neap__item *root = &o->items[item->operands[0]];
    item->part = root->node->written_count +
                 (uint32_t)neap__attribute(item->node, "index")->integer;
    uint32_t *listed = &o->parts[root->slot + item->part];
    if (*listed == NEAP__NONE)
        *listed = at;
    else
        item->same = *listed;
}

static int add_item(maker *m, neap_node *n)
{
    neap__outline *o = m->o;
    uint32_t at = o->item_count++, feed = item_of(m, n);
    neap__item *item = &o->items[at];
    *item = (neap__item){.node = n, .same = at, .unit = NEAP__NONE};
    if (feed != NEAP__NONE) {
        item->role = NEAP__ROLE_FEED;
        item->slot = feed;
        o->feeds[feed] = at;
    } else if (n->op == &neap__op_placeholder) {
        return not_fed(m, n);
    } else {
        item->role = (uint8_t)role_of(n);
        if (!add_edges(m, item))
            return failed(m);
    }
    m->item_of[n->index - m->base] = at;
    if (item->role == NEAP__ROLE_CONSTANT) {
        item->slot = o->constant_count;
        o->constants[o->constant_count++] =
            neap__tensor_keep(neap__attribute(n, "value")->tensor);
    } else if (item->role == NEAP__ROLE_VARIABLE) {
        bool open = !neap__shape_known(&n->fact.shape);
        item->slot = o->variable_count;
        o->variables[o->variable_count++] = (neap__variable_use){n, at, open};
        o->open |= open;
    } else if (item->role == NEAP__ROLE_PART) {
        add_result(m, at);
    } else if (item->role != NEAP__ROLE_FEED) {
        o->random |= (n->effects & NEAP__RANDOM) != 0;
        item->slot = NEAP__NONE;
        item->part_count = 1;
        if (neap__has_parts(n) && !add_parts(m, at))
            return failed(m);
    }
    return NEAP_OK;
}

static int make_items(maker *m)
{
    neap__outline *o = m->o;
    neap__arena *arena = &o->arena;
    size_t total = m->node_count, variables = 0, constants = 0, parts = 0;
    for (size_t i = 0; i < m->node_count; i++) {
        const neap_node *n = m->nodes[i];
        variables += n->op == &neap__op_variable; /* fed ones included */
        constants += n->op == &neap__op_constant;
        parts += n->written_count + (size_t)n->result_count;
        total += n->written_count;
    }
    if (total >= NEAP__NONE || parts >= NEAP__NONE)
        return neap__fail(m->err, NEAP_ELIMIT, "a run of %zu nodes is too large", total);
    o->nodes = (uint32_t)m->node_count;
    o->feed_count = (uint32_t)m->request->feed_count;
    o->fetch_count = (uint32_t)m->request->fetch_count;
    o->items = neap__arena_array(arena, total, sizeof *o->items, m->err);
    o->parts = neap__arena_array(arena, parts, sizeof *o->parts, m->err);
    o->constants = neap__arena_array(arena, constants, sizeof *o->constants, m->err);
    o->variables = neap__arena_array(arena, variables, sizeof *o->variables, m->err);
    o->feeds = neap__arena_array(arena, o->feed_count, sizeof *o->feeds, m->err);
    o->fetches = neap__arena_array(arena, o->fetch_count, sizeof *o->fetches, m->err);
    if (neap__failed(m->err))
        return failed(m);
    for (uint32_t i = 0; i < o->feed_count; i++)
        o->feeds[i] = NEAP__NONE;
    for (size_t i = 0; i < m->node_count; i++) {
        int status = add_item(m, m->nodes[i]);
        if (status)
            return status;
    }
    for (uint32_t i = 0; i < o->fetch_count; i++) {
        uint32_t item = item_of(m, m->request->fetches[i]);
        uint32_t part = m->request->parts ? m->request->parts[i] : NEAP__NONE;
        o->fetches[i] =
            part == NEAP__NONE ? item : neap__part_item(o->items, o->parts, item, part);
    }
    return NEAP_OK;
}

/* ---- Bodies ---------------------------------------------------------------------- */

/* The outline of a body that gives the parts of an item which `inner` lists. */
static neap__outline *body_outline(maker *m, const neap_node *n, int which,
                                   const neap__inner *inner, neap_node **fetches,
                                   uint32_t *parts)
{
    const neap_body *b = n->control->body[which];
    neap__request request = {.fetches = fetches,
                             .parts = parts,
                             .fetch_count = inner->fetch_count,
                             .feeds = b->parameters,
                             .feed_count = n->control->from_count[which],
                             .body = true};
    bool condition = n->op->lowering == NEAP__LOWER_LOOP && which == 0;
    for (uint32_t i = 0; i < inner->fetch_count && !condition; i++) {
        uint32_t part = inner->parts[i];
        bool write = part < n->written_count;
        const neap__body_write *w = write ? &b->writes[part] : NULL;
        fetches[i] = write ? w->node : b->results[part - n->written_count];
        parts[i] = write && w->node->written_count ? w->part : NEAP__NONE;
    }
    if (condition) {
        fetches[0] = b->results[0];
        parts[0] = NEAP__NONE;
        request.fetch_count = 1;
    }
    return neap__outline_new(m->account, &request, m->err);
}

/* A branch gives what is used of it, a loop all that it carries. */
static int add_inner(maker *m, uint32_t i)
{
    neap__outline *o = m->o;
    const neap__item *item = &o->items[i];
    const neap_node *n = item->node;
    size_t count = item->part_count;
    neap__inner *inner = neap__arena_alloc(&o->arena, sizeof *inner, m->err);
    neap_node **fetches =
        neap__arena_array(&o->arena, count + 1, sizeof *fetches, m->err);
    uint32_t *parts = neap__arena_array(&o->arena, count + 1, sizeof *parts, m->err);
    if (!inner || !fetches || !parts)
        return failed(m);
    inner->parts = neap__arena_array(&o->arena, count, sizeof *inner->parts, m->err);
    if (!inner->parts)
        return failed(m);
    for (uint32_t part = 0; part < count; part++) {
        if (n->op->lowering == NEAP__LOWER_LOOP || part < n->written_count ||
            o->parts[item->slot + part] != NEAP__NONE)
            inner->parts[inner->fetch_count++] = part;
    }
    o->inner[i] = inner;
    for (int which = 0; which < 2; which++) {
        inner->outline[which] = body_outline(m, n, which, inner, fetches, parts);
        if (!inner->outline[which])
            return failed(m);
        o->random |= inner->outline[which]->random;
    }
    return NEAP_OK;
}

static int make_inner(maker *m)
{
    neap__outline *o = m->o;
    int status = NEAP_OK;
    for (uint32_t i = 0; i < o->item_count && !status; i++) {
        if (!o->items[i].node->control || o->items[i].role != NEAP__ROLE_KERNEL)
            continue;
        if (!o->inner)
            o->inner =
                neap__arena_array(&o->arena, o->item_count, sizeof *o->inner, m->err);
        status = o->inner ? add_inner(m, i) : failed(m);
    }
    return status;
}

/* ---- The outline ----------------------------------------------------------------- */

neap__outline *neap__outline_new(neap__account *account, const neap__request *request,
                                 neap_error *err)
{
    neap__outline *o = neap__alloc_zero(account, sizeof *o, NEAP_MEMORY_SMALL, err);
    if (!o)
        return NULL;
    atomic_store_explicit(&o->references, 1, memory_order_relaxed);
    o->account = account;
    o->body = request->body;
    neap__arena_init(&o->arena, account, NEAP_MEMORY_SMALL);
    maker m = {.account = account, .request = request, .o = o, .err = err};
    int status = prune(&m);
    status = status ? status : make_items(&m);
    status = status ? status : make_inner(&m);
    status = status ? status : neap__resolve_versions(o, err);
    neap__free(account, m.nodes, m.node_capacity * sizeof *m.nodes, NEAP_MEMORY_SMALL);
    neap__free(account, m.item_of, m.span * sizeof *m.item_of, NEAP_MEMORY_SMALL);
    if (status) {
        neap__outline_release(o);
        return NULL;
    }
    return o;
}

void neap__outline_retain(neap__outline *o)
{
    atomic_fetch_add_explicit(&o->references, 1, memory_order_relaxed);
}

void neap__outline_release(neap__outline *o)
{
    if (!o || atomic_fetch_sub_explicit(&o->references, 1, memory_order_acq_rel) > 1)
        return;
    for (uint32_t i = 0; i < o->constant_count; i++)
        neap_tensor_release(o->constants[i]);
    for (uint32_t i = 0; o->inner && i < o->item_count; i++) {
        for (int which = 0; which < 2 && o->inner[i]; which++)
            neap__outline_release(o->inner[i]->outline[which]);
    }
    neap__arena_free(&o->arena);
    neap__free(o->account, o, sizeof *o, NEAP_MEMORY_SMALL);
}
