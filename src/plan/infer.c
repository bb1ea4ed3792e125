/* infer.c - what is known of every item's value before it is computed, by the inference
 * of its operation from its inputs' facts, in order. A shape that only the run can tell
 * stays open, and so may what hangs on it. */
#include "plan/passes.h"

/* Facts of all items, and where they are made. `several` holds the facts of the results
 * of operations that have several, for their parts; NULL where no item has. */
typedef struct inferrer {
    const neap__inferred *of;
    neap__fact *facts, *in;
    const neap__fact **several;
    neap__arena *arena;
    neap_error *err;
} inferrer;

static int infer_node(inferrer *f, uint32_t i)
{
    const neap__item *item = &f->of->items[i];
    const neap_node *n = item->node;
    neap__fact *out = &f->facts[i];
    /* A variable's version has its shape, but another value. */
    const uint32_t *versions = f->of->outline->items[i].operands;
    for (uint32_t k = 0; k < item->count; k++) {
        f->in[k] = f->facts[item->inputs[k]];
        if (versions[k] != item->inputs[k])
            f->in[k].known = NULL;
    }
    if (neap__several(n)) {
        out = neap__arena_array(f->arena, n->result_count, sizeof *out, f->err);
        if (!out)
            return f->err->code;
        f->several[i] = out;
        f->facts[i] = (neap__fact){.dtype = NEAP_DTYPE_NONE};
    } else {
        *out = (neap__fact){.dtype = n->fact.dtype};
    }
    neap__inference inference = {.node = n,
                                 .in = f->in,
                                 .out = out,
                                 .arena = f->arena,
                                 .caller = f->of->given->caller,
                                 .err = f->err};
    int status = n->op->infer(&inference);
    if (!status && n->control && f->of->outline->inner)
        status = neap__infer_inner(f->of->outline->inner[i], n, f->in, out, f->of->given,
                                   f->arena, f->err);
    if (status)
        neap__blame(f->err, n);
    return status;
}

/* A variable's new value has the shape of the old one; a result is as its operation
 * says. */
static void infer_part(inferrer *f, uint32_t i)
{
    const neap__item *item = &f->of->items[i], *root = &f->of->items[item->inputs[0]];
    uint32_t writes = root->node->written_count;
    f->facts[i] = item->part < writes
                      ? f->facts[root->inputs[root->node->written[item->part]]]
                      : f->several[item->inputs[0]][item->part - writes];
}

static int infer_variable(inferrer *f, uint32_t i)
{
    const neap__inferred *of = f->of;
    const neap__item *item = &of->items[i];
    neap__fact *fact = &f->facts[i];
    *fact = item->node->fact;
    const neap_tensor *t = of->given->variables[item->slot];
    if (of->outline->variables[item->slot].open)
        fact->shape = t->shape;
    if (!of->values || of->values->variable_values[item->slot])
        fact->known = neap__known_of(t->dtype, &t->shape, t->data, f->arena, f->err);
    return neap__failed(f->err) ? f->err->code : NEAP_OK;
}

static int infer_item(inferrer *f, uint32_t i)
{
    const neap__inferred *of = f->of;
    const neap__item *item = &of->items[i];
    neap__fact *facts = f->facts;
    switch (item->role) {
    case NEAP__ROLE_FEED:
        facts[i] = of->given->feeds[item->slot];
        if (of->values && !of->values->feed_values[item->slot])
            facts[i].known = NULL;
        return NEAP_OK;
    case NEAP__ROLE_VARIABLE:
        return infer_variable(f, i);
    case NEAP__ROLE_CARRIED:
        facts[i] =
            item->slot == NEAP__NONE ? item->node->fact : of->given->carried[item->slot];
        return NEAP_OK;
    case NEAP__ROLE_CONSTANT:
        if (item->node->op == &neap__op_constant ||
            neap__shape_known(&item->node->fact.shape)) {
            facts[i] = item->node->fact;
            return NEAP_OK;
        }
        break; /* folded: as its operation says */
    default:
        break;
    }
    /* A result is a part in whatever role: it may have been folded, or known. */
    bool part = item->role == NEAP__ROLE_PART || item->node->op == &neap__op_result;
    if (part && f->several && of->items[item->inputs[0]].role == NEAP__ROLE_CARRIED)
        return NEAP_OK;
    if (part) {
        infer_part(f, i);
        return NEAP_OK;
    }
    return infer_node(f, i);
}

int neap__infer_items(const neap__inferred *of, neap__fact *facts,
                      const neap__fact **several, neap__arena *arena, neap_error *err)
{
    inferrer f = {
        .of = of, .facts = facts, .several = several, .arena = arena, .err = err};
    f.in =
        neap__arena_array(arena, (size_t)of->outline->max_inputs + 1, sizeof *f.in, err);
    if (!f.in)
        return err->code;
    for (uint32_t i = 0; i < of->item_count; i++) {
        int status = infer_item(&f, i);
        if (status)
            return status;
    }
    return NEAP_OK;
}
