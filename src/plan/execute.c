/* execute.c - running a plan: a loop over its instructions. Nothing is allocated here but
 * what operations of the host ask for. */
#include "plan/plan.h"

#include <string.h>

/* ---- Blocks ---------------------------------------------------------------------- */

static size_t head_bytes(const neap__plan *p)
{
    const neap__structure *s = p->structure;
    size_t pointers = (size_t)p->base_count + p->max_operands + s->feed_count +
                      s->variable_count + p->result_count + s->write_count +
                      s->fetch_count;
    return (pointers * sizeof(void *) + NEAP__ALIGNMENT - 1) &
           ~(size_t)(NEAP__ALIGNMENT - 1);
}

size_t neap__plan_block(const neap__plan *p) { return head_bytes(p) + p->block; }

void neap__run_layout(neap__run *run, const neap__plan *p, void *block)
{
    const neap__structure *s = p->structure;
    void **at = block;
    run->plan = p;
    run->bases = at;
    at += p->base_count;
    run->pointers = (const void **)at;
    at += p->max_operands;
    run->feeds = (neap_tensor **)at;
    at += s->feed_count;
    run->pinned = (neap_tensor **)at;
    at += s->variable_count;
    run->results = (neap_tensor **)at;
    at += p->result_count;
    run->written = (neap_tensor **)at;
    at += s->write_count;
    run->values = (neap_tensor **)at;
    size_t held =
        (size_t)s->variable_count + p->result_count + s->write_count + s->fetch_count;
    memset((void *)run->pinned, 0, held * sizeof(void *));
    memcpy(run->bases, p->constants, p->first_feed * sizeof(void *));
    run->bases[NEAP__BASE_BLOCK] = (char *)block + head_bytes(p);
    run->bases[NEAP__BASE_NULL] = NULL;
}

/* ---- Operations of the host ------------------------------------------------------ */

/* The host gets tensors of its own, which it may keep; what it gives is copied into its
 * place. */
static int call_host(neap__run *run, const neap__instruction *in, neap__call *call)
{
    const neap__plan *p = run->plan;
    const neap__structure *s = p->structure;
    const neap__item *item = &s->items[s->units[in->unit].root];
    size_t count = (size_t)in->in_count + in->out_count;
    neap_tensor **tensors = neap__alloc_zero(run->account, (count + 1) * sizeof *tensors,
                                             NEAP_MEMORY_SMALL, call->err);
    if (!tensors)
        return call->err->code;
    int status = NEAP_OK;
    for (uint32_t i = 0; i < in->in_count && !status; i++) {
        const neap__fact *fact = &p->facts[item->inputs[i]];
        tensors[i] = neap__tensor_new(run->account, fact->dtype, &fact->shape, call->err);
        if (!tensors[i])
            status = call->err->code;
        else if (tensors[i]->bytes)
            memcpy(tensors[i]->data, call->in[i], tensors[i]->bytes);
    }
    neap_tensor **results = tensors + in->in_count;
    if (!status) {
        neap__call inner = *call;
        void *out = (void *)results;
        inner.in = (const void *const *)tensors;
        inner.out = &out;
        status = in->kernel(&inner);
    }
    for (uint32_t i = 0; i < in->out_count && !status; i++) {
        if (results[i] && call->out[i] && results[i]->bytes)
            memcpy(call->out[i], results[i]->data, results[i]->bytes);
    }
    for (size_t i = 0; i < count; i++)
        neap_tensor_release(tensors[i]);
    neap__free(run->account, tensors, (count + 1) * sizeof *tensors, NEAP_MEMORY_SMALL);
    return status;
}

/* ---- The loop -------------------------------------------------------------------- */

int neap__run_execute(neap__run *run, uint32_t from, uint32_t to, neap_error *err)
{
    const neap__plan *p = run->plan;
    neap_error own;
    neap__clear(&own);
    const void *blamed = NULL;
    neap__call call = {.team = &run->team,
                       .seed = run->seed,
                       .counter = run->counter,
                       .err = &own,
                       .caller = run->caller,
                       .blamed = &blamed};
    char *block = run->bases[NEAP__BASE_BLOCK];
    for (uint32_t i = from; i < to; i++) {
        const neap__instruction *in = &p->instructions[i];
        if (run->stopped && run->stopped(run->context))
            return neap__fail(err, NEAP_ECANCEL,
                              "the run was stopped before it was done");
        const neap__place *place = &p->places[in->operands];
        uint32_t count = in->in_count + in->out_count;
        for (uint32_t k = 0; k < count; k++)
            run->pointers[k] = (char *)run->bases[place[k].base] + place[k].offset;
        call.in = run->pointers;
        call.out = (void *const *)(run->pointers + in->in_count);
        call.args = in->args;
        call.scratch = block + in->scratch;
        int status = in->host ? call_host(run, in, &call) : in->kernel(&call);
        if (!status)
            continue;
        const neap_node *n = p->structure->items[p->structure->units[in->unit].root].node;
        n = blamed ? blamed : n;
        if (in->host)
            neap__tell_origin(&own, n); /* the host's message names its node */
        else
            neap__blame(&own, n);
        return neap__fail(err, status, "%s", own.message);
    }
    return NEAP_OK;
}

/* ---- Without a session ----------------------------------------------------------- */

static int make_results(neap__run *run, neap_error *err)
{
    const neap__plan *p = run->plan;
    for (uint32_t i = 0; i < p->result_count; i++) {
        run->results[i] = neap__tensor_new(run->account, p->results[i].dtype,
                                           &p->results[i].shape, err);
        if (!run->results[i])
            return err->code;
        run->bases[p->first_result + i] = run->results[i]->data;
    }
    return NEAP_OK;
}

static int take_values(neap__run *run, neap_tensor **out, neap_error *err)
{
    const neap__plan *p = run->plan;
    const neap__structure *s = p->structure;
    int status = NEAP_OK;
    for (uint32_t i = 0; i < s->fetch_count && !status; i++) {
        const neap__fetch *f = &p->fetches[i];
        neap_tensor *t = f->source == NEAP__FROM_RESULT ? run->results[f->index]
                         : f->index < s->constant_count
                             ? s->constants[f->index]
                             : p->known[f->index - s->constant_count];
        out[i] = neap__tensor_view(t, &f->shape, err);
        status = out[i] ? NEAP_OK : err->code;
    }
    for (uint32_t i = 0; i < s->fetch_count && status; i++) {
        neap_tensor_release(out[i]);
        out[i] = NULL;
    }
    return status;
}

static int compute(const neap__target *target, const neap__plan *p, neap_tensor **out,
                   neap_error *err)
{
    size_t bytes = neap__plan_block(p);
    void *block = neap__alloc(target->account, bytes, NEAP_MEMORY_BLOCK, err);
    if (!block)
        return err->code;
    neap__run run = {.account = target->account};
    neap__floating floating;
    neap__floating_begin(&floating);
    neap__team_begin(&run.team, 1);
    neap__run_layout(&run, p, block);
    int status = make_results(&run, err);
    status = status ? status : neap__run_execute(&run, 0, p->instruction_count, err);
    status = status ? status : take_values(&run, out, err);
    for (uint32_t i = 0; i < p->result_count; i++)
        neap_tensor_release(run.results[i]);
    neap__team_end(&run.team);
    neap__floating_end(&floating);
    neap__free(target->account, block, bytes, NEAP_MEMORY_BLOCK);
    return status;
}

int neap__compute(const neap__target *target, neap_node *const *nodes, size_t count,
                  neap_tensor **out, neap_error *err)
{
    neap__request request = {.fetches = nodes, .fetch_count = count};
    neap__structure *s = neap__structure_new(target, &request, err);
    neap__plan *p = NULL;
    int status = s ? neap__plan_new(target, s, &request, &p, err) : err->code;
    if (!status)
        status = compute(target, p, out, err);
    neap__plan_release(p);
    neap__structure_release(s);
    return status;
}
