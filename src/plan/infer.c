/* infer.c - what is known of every item's value before it is computed, by the inference
 * of its operation from its inputs' facts, in order. */
#include "plan/plan.h"

/* Facts of all items, and where they are made. `several` holds the facts of the results
 * of operations that have several, for their parts; NULL where a structure has none. */
typedef struct inferrer {
    const neap__structure *s;
    const neap__request *request;
    neap__fact *facts, *in;
    const neap__fact **several;
    neap__arena *arena;
    neap_error *err;
} inferrer;

static int infer_node(inferrer *f, uint32_t i)
{
    const neap__item *item = &f->s->items[i];
    const neap_node *n = item->node;
    neap__fact *out = &f->facts[i];
    for (uint32_t k = 0; k < item->count; k++)
        f->in[k] = f->facts[item->inputs[k]];
    if (n->result_count > 1) {
        out = neap__arena_array(f->arena, n->result_count, sizeof *out, f->err);
        if (!out)
            return f->err->code;
        f->several[i] = out;
    }
    *out = (neap__fact){.dtype = n->fact.dtype};
    neap__inference inference = {.node = n,
                                 .in = f->in,
                                 .out = out,
                                 .arena = f->arena,
                                 .caller = f->request->caller,
                                 .err = f->err};
    if (item->role == NEAP__ROLE_PART && f->several)
        inference.results = f->several[item->inputs[0]];
    int status = n->op->infer(&inference);
    if (n->result_count > 1)
        f->facts[i] = (neap__fact){.dtype = NEAP_DTYPE_NONE};
    if (status)
        neap__blame(f->err, n);
    return status;
}

static int infer_item(inferrer *f, uint32_t i)
{
    const neap__structure *s = f->s;
    const neap__item *item = &s->items[i];
    neap__fact *facts = f->facts;
    switch (item->role) {
    case NEAP__ROLE_FEED:
        facts[i] = f->request->facts[item->slot];
        if (!s->feed_values[item->slot])
            facts[i].known = NULL;
        return NEAP_OK;
    case NEAP__ROLE_VARIABLE:
        facts[i] = item->node->fact;
        return s->variables[item->slot].open
                   ? f->request->variable_shape(f->request->context, item->node,
                                                &facts[i].shape, f->err)
                   : NEAP_OK;
    case NEAP__ROLE_CONSTANT:
        if (item->node->op == &neap__op_constant) {
            facts[i] = item->node->fact;
            return NEAP_OK;
        }
        break; /* folded: as its operation says */
    case NEAP__ROLE_PART:
        if (item->node->op == &neap__op_variable) {
            const neap__item *w = &s->items[item->inputs[0]];
            facts[i] = facts[w->inputs[neap__written_input(w->node->op, item->part)]];
            return NEAP_OK;
        }
        break;
    default:
        break;
    }
    return infer_node(f, i);
}

int neap__infer_items(const neap__structure *s, const neap__request *request,
                      neap__fact *facts, const neap__fact **several, neap__arena *arena,
                      bool guards, uint32_t *open, neap_error *err)
{
    inferrer f = {.s = s,
                  .request = request,
                  .facts = facts,
                  .several = several,
                  .arena = arena,
                  .err = err};
    f.in = neap__arena_array(arena, s->max_inputs + 1, sizeof *f.in, err);
    if (!f.in)
        return err->code;
    *open = NEAP__NONE;
    for (uint32_t i = 0; i < s->item_count; i++) {
        const neap__item *item = &s->items[i];
        int status = infer_item(&f, i);
        if (status)
            return status;
        if (facts[i].dtype != NEAP_DTYPE_NONE && !neap__shape_known(&facts[i].shape)) {
            *open = i;
            return NEAP_OK;
        }
        if (!guards)
            continue;
        if ((item->equal &&
             !neap__shape_equal(&facts[i].shape, &facts[item->operands[0]].shape)) ||
            (item->role == NEAP__ROLE_KNOWN && !neap__known_all(facts[i].known)) ||
            (item->flip_a && !neap__takes_transpose(s, facts, i, 0)) ||
            (item->flip_b && !neap__takes_transpose(s, facts, i, 1)))
            return NEAP__STALE;
    }
    return NEAP_OK;
}
