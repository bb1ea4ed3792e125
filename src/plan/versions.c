/* versions.c - which value of a variable each reader sees, and which one is committed.
 *
 * A node that reads variable v sees v's value before the run, unless an assignment to v
 * is among its ancestors (through data or control): then it sees the last of these.
 * Assignments to one variable chain in order of creation. A version is thus an edge from
 * the reader to the assignment, and everything later treats it as data.
 *
 * Each item has the set of what is assigned at or above it: variable to version, as a
 * binary tree over the variables' item numbers that shares what its inputs' trees have in
 * common. So joining the sets of many items that stand behind the same assignments costs
 * nothing, and a graph of many variables is no worse than n log n. Trees are as deep as
 * a number has bits: recursion over one is bounded. */
#include "plan/outline.h"

#include <string.h>

/* A tree of `bits` bits: at 0 bits a leaf, which holds a version. */
typedef struct tree {
    const struct tree *half[2];
    uint32_t version;
} tree;

typedef struct resolver {
    neap__outline *o;
    const tree **above; /* by item: what is assigned at or above it */
    uint32_t *last;     /* by item of a variable: its last version so far, or NONE */
    int bits;           /* of an item's number */
    neap__arena arena;
    neap_error *err;
} resolver;

/* ---- Trees ----------------------------------------------------------------------- */

/* Both trees' versions, the later one where both have one. NULL may be a failure: told. */
static const tree *join(resolver *r, const tree *a, const tree *b, int bits)
{
    if (a == b || !b)
        return a;
    if (!a)
        return b;
    if (!bits)
        return a->version > b->version ? a : b;
    const tree *low = join(r, a->half[0], b->half[0], bits - 1);
    const tree *high = join(r, a->half[1], b->half[1], bits - 1);
    if (low == a->half[0] && high == a->half[1])
        return a;
    if (low == b->half[0] && high == b->half[1])
        return b;
    tree *both = neap__arena_alloc(&r->arena, sizeof *both, r->err);
    if (both)
        *both = (tree){{low, high}, 0};
    return both;
}

static const tree *with(resolver *r, const tree *t, uint32_t variable, uint32_t version)
{
    tree *path = neap__arena_array(&r->arena, (size_t)r->bits + 1, sizeof *path, r->err);
    if (!path)
        return NULL;
    for (int bit = r->bits; bit > 0; bit--, path++) {
        int half = (int)(variable >> (bit - 1) & 1);
        path->half[half] = path + 1;
        path->half[!half] = t ? t->half[!half] : NULL;
        t = t ? t->half[half] : NULL;
    }
    path->version = version;
    return path - r->bits;
}

static uint32_t version_in(const resolver *r, const tree *t, uint32_t variable)
{
    for (int bit = r->bits; bit > 0 && t; bit--)
        t = t->half[variable >> (bit - 1) & 1];
    return t ? t->version : NEAP__NONE;
}

/* ---- Assignments ----------------------------------------------------------------- */

/* Writes, or was fed in the place of what writes: then its value is the first part. */
static bool is_assignment(const neap__item *item)
{
    return (item->role == NEAP__ROLE_KERNEL || item->role == NEAP__ROLE_FEED) &&
           item->node->written_count != 0;
}

/* The item of the variable that part `part` of an assignment updates; NONE where nobody
 * else in the run names it. A fed assignment has no edges: it is looked for. */
static uint32_t updated(const neap__outline *o, const neap__item *item, uint32_t part)
{
    uint32_t input = item->node->written[part];
    if (item->role != NEAP__ROLE_FEED)
        return item->inputs[input];
    const neap_node *n = item->node->inputs[input];
    uint32_t low = 0, high = o->item_count; /* items of nodes are in order of creation */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        /* The further writes of an item follow it and bear their variables' nodes. */
        uint32_t own = middle;
        while (o->items[own].role == NEAP__ROLE_PART &&
               o->items[own].node->op != &neap__op_result)
            own--;
        if (o->items[own].node == n)
            return own;
        if (o->items[own].node->index < n->index)
            low = middle + 1;
        else
            high = own;
    }
    return NEAP__NONE;
}

/* Operand k of an item reads a variable: which version of it? */
static void redirect(resolver *r, neap__item *item, uint32_t k, const tree *seen)
{
    uint32_t v = item->inputs[k];
    bool updates = neap__writes(item) && neap__updates(item->node, k);
    uint32_t version = updates ? r->last[v] : version_in(r, seen, v);
    if (version != NEAP__NONE)
        item->operands[k] = version;
}

static int resolve_item(resolver *r, uint32_t i)
{
    neap__outline *o = r->o;
    neap__item *item = &o->items[i];
    const tree *seen = NULL;
    for (uint32_t k = 0; k < item->count + item->control_count; k++)
        seen = join(
            r, seen,
            r->above[k < item->count ? item->inputs[k] : item->controls[k - item->count]],
            r->bits);
    /* A further write is its item's, and reads nothing by itself. */
    for (uint32_t k = 0; k < item->count && item->role != NEAP__ROLE_PART; k++)
        redirect(r, item, k, seen);
    uint32_t parts = !is_assignment(item)            ? 0
                     : item->role == NEAP__ROLE_FEED ? 1
                                                     : item->node->written_count;
    for (uint32_t part = 0; part < parts; part++) {
        uint32_t v = updated(o, item, part);
        if (v == NEAP__NONE)
            continue;
        uint32_t version = item->role == NEAP__ROLE_FEED
                               ? i
                               : neap__part_item(o->items, o->parts, i, part);
        r->last[v] = version;
        seen = with(r, seen, v, version);
    }
    r->above[i] = seen;
    return neap__failed(r->err) ? r->err->code : NEAP_OK;
}

/* Whether some reader may see another value than the one before the run: something
 * behind the first assignment reads a variable, or one is assigned twice. */
static bool matters(const neap__outline *o)
{
    bool any = false;
    for (uint32_t i = 0; i < o->item_count; i++) {
        const neap__item *item = &o->items[i];
        any |= is_assignment(item);
        for (uint32_t k = 0; any && k < item->count; k++) {
            bool own = neap__writes(item) && neap__updates(item->node, k);
            const neap__item *v = &o->items[item->inputs[k]];
            bool variable = v->role == NEAP__ROLE_VARIABLE || v->role == NEAP__ROLE_FEED;
            if (variable && !own && item->role != NEAP__ROLE_PART)
                return true;
        }
    }
    return false;
}

static bool assigned_twice(const neap__outline *o, uint32_t *last)
{
    bool twice = false;
    for (uint32_t i = 0; i < o->item_count; i++) {
        const neap__item *item = &o->items[i];
        for (uint32_t part = 0; neap__writes(item) && part < item->node->written_count;
             part++) {
            uint32_t v = item->inputs[item->node->written[part]];
            twice |= last[v] != NEAP__NONE;
            last[v] = i;
        }
    }
    return twice;
}

static int resolve(resolver *r)
{
    neap__outline *o = r->o;
    size_t bytes = o->item_count * sizeof *r->last;
    memset(r->last, 0xFF, bytes);
    if (!assigned_twice(o, r->last) && !matters(o))
        return NEAP_OK;
    memset(r->last, 0xFF, bytes);
    r->above = neap__arena_array(&r->arena, o->item_count, sizeof *r->above, r->err);
    if (!r->above)
        return r->err->code;
    while (r->bits < 32 && o->item_count >> r->bits)
        r->bits++;
    for (uint32_t i = 0; i < o->item_count; i++) {
        int status = resolve_item(r, i);
        if (status)
            return status;
    }
    return NEAP_OK;
}

/* ---- What is committed ----------------------------------------------------------- */

/* The outline's variable for the one that item v is: itself, or fed in this run (then
 * its state is written, but not read). `fed` holds, for items of such, their number. */
static uint32_t variable_of(neap__outline *o, uint32_t v, uint32_t *fed)
{
    if (o->items[v].role == NEAP__ROLE_VARIABLE)
        return o->items[v].slot;
    if (fed[v] == NEAP__NONE) {
        neap_node *n = (neap_node *)o->items[v].node;
        fed[v] = o->variable_count;
        o->variables[o->variable_count++] = (neap__variable_use){n, NEAP__NONE, false};
    }
    return fed[v];
}

static int list_writes(neap__outline *o, uint32_t *fed, neap_error *err)
{
    size_t most = 0, variables = o->variable_count;
    for (uint32_t i = 0; i < o->item_count; i++) {
        if (neap__writes(&o->items[i]))
            most += o->items[i].node->written_count;
    }
    if (!most || o->body)
        return NEAP_OK;
    o->writes = neap__arena_array(&o->arena, most, sizeof *o->writes, err);
    uint32_t *write = neap__arena_array(&o->arena, variables + most, sizeof *write, err);
    if (!o->writes || !write)
        return err->code;
    memset(write, 0xFF, (variables + most) * sizeof *write);
    memset(fed, 0xFF, o->item_count * sizeof *fed);
    for (uint32_t i = 0; i < o->item_count; i++) {
        const neap__item *item = &o->items[i];
        for (uint32_t part = 0; neap__writes(item) && part < item->node->written_count;
             part++) {
            uint32_t v = variable_of(o, item->inputs[item->node->written[part]], fed);
            if (write[v] == NEAP__NONE)
                write[v] = o->write_count++;
            o->writes[write[v]] = (neap__last_write){v, i, part};
        }
    }
    return NEAP_OK;
}

int neap__resolve_versions(neap__outline *o, neap_error *err)
{
    bool any = false;
    for (uint32_t i = 0; i < o->item_count && !any; i++)
        any = is_assignment(&o->items[i]);
    if (!any)
        return NEAP_OK;
    size_t bytes = o->item_count * sizeof(uint32_t);
    resolver r = {.o = o, .err = err};
    neap__arena_init(&r.arena, o->account, NEAP_MEMORY_SMALL);
    r.last = neap__alloc(o->account, bytes, NEAP_MEMORY_SMALL, err);
    int status = r.last ? resolve(&r) : err->code;
    if (!status)
        status = list_writes(o, r.last, err);
    neap__free(o->account, r.last, bytes, NEAP_MEMORY_SMALL);
    neap__arena_free(&r.arena);
    return status;
}
