/* execute.c - running a frame: stage after stage, each a loop over its instructions.
 * Nothing is allocated here but tensors that leave a stage, and what operations of the
 * host ask for. */
#include "plan/run.h"

#include <string.h>

/* ---- A stage's memory ------------------------------------------------------------ */

static size_t head_bytes(const neap__plan *p)
{
    size_t pointers = (size_t)p->base_count + p->max_operands + p->result_count;
    return (pointers * sizeof(void *) + NEAP__ALIGNMENT - 1) &
           ~(size_t)(NEAP__ALIGNMENT - 1);
}

/* Room for the slots that this stage fills. The arrays only grow, beneath the stage. */
static int carry_room(neap__activation *f, neap_error *err)
{
    const neap__structure *s = f->plan->structure;
    uint32_t count = s->first_carry + s->carry_count;
    if (count <= f->carried_count)
        return NEAP_OK;
    size_t bytes = count * sizeof(neap_tensor *);
    neap_tensor **carried = neap__block_take(&f->run->block, f->run->account, bytes, err);
    if (!carried)
        return err->code;
    memset((void *)carried, 0, bytes);
    if (f->carried_count)
        memcpy((void *)carried, (void *)f->carried, f->carried_count * sizeof *carried);
    f->carried = carried;
    f->carried_count = count;
    return NEAP_OK;
}

static int lay_out(neap__activation *f, neap_error *err)
{
    const neap__plan *p = f->plan;
    const neap__outline *o = f->outline;
    const neap__structure *s = p->structure;
    size_t head = head_bytes(p), bytes;
    char *block = NULL;
    f->results = NULL;
    if (!neap__add_size(head, p->block, &bytes))
        return neap__fail(err, NEAP_ELIMIT, "a run needs too much memory");
    block = neap__block_take(&f->run->block, f->run->account, bytes, err);
    if (!block)
        return err->code;
    void **at = (void **)(void *)block;
    f->bases = at;
    f->results = (neap_tensor **)(at + p->base_count);
    f->pointers = (const void **)(at + p->base_count + p->result_count);
    memcpy(f->bases, p->constants, p->first_feed * sizeof(void *));
    /* The bases of results and writes, and behind them the results. */
    memset(f->bases + p->first_result, 0,
           (p->base_count - p->first_result + p->result_count) * sizeof(void *));
    f->bases[NEAP__BASE_BLOCK] = block + head;
    f->bases[NEAP__BASE_NULL] = NULL;
    for (uint32_t i = 0; i < o->feed_count; i++)
        f->bases[p->first_feed + i] = (void *)neap__argument_of(f, i).data;
    for (uint32_t i = 0; i < o->variable_count; i++)
        f->bases[p->first_variable + i] = neap__reach(f->pinned[i], p->memory);
    for (uint32_t i = 0; i < s->first_carry; i++)
        f->bases[p->first_carried + i] =
            f->carried[i] ? neap__reach(f->carried[i], p->memory) : NULL;
    return NEAP_OK;
}

/* ---- Tensors that leave it ------------------------------------------------------- */

neap_tensor *neap__activation_tensor(neap__activation *f, const neap__result *result,
                                     neap_error *err)
{
    neap_tensor *t =
        neap__tensor_new(f->run->account, result->dtype, &result->shape, err);
    if (!t)
        neap__blame(err, f->plan->structure->items[result->item].node);
    return t;
}

/* Where results go: to the place that was asked for (the first fetch of each decides), or
 * to a tensor; those of a size of their own are handed over by their kernel. */
static int make_results(neap__activation *f, neap_error *err)
{
    const neap__plan *p = f->plan;
    const neap__structure *s = p->structure;
    for (uint32_t i = 0; i < s->fetch_count && f->into; i++) {
        const neap__fetch *from = &p->fetches[i];
        void *to = f->into[s->takes[i].index];
        if (to && from->source == NEAP__FROM_RESULT && !f->bases[from->base])
            f->bases[from->base] = to;
    }
    for (uint32_t i = 0; i < p->result_count; i++) {
        void **base = &f->bases[p->first_result + i];
        if (*base || !neap__shape_known(&p->results[i].shape))
            continue;
        f->results[i] = neap__activation_tensor(f, &p->results[i], err);
        if (!f->results[i])
            return err->code;
        *base = neap__reach(f->results[i], p->memory);
    }
    for (uint32_t i = 0; i < s->write_count; i++) {
        if (s->writes[i].terminal)
            continue;
        neap_tensor **written = &f->written[s->writes[i].number];
        *written = neap__activation_tensor(f, &p->writes[i], err);
        if (!*written)
            return err->code;
        f->bases[p->first_write + i] = neap__reach(*written, p->memory);
    }
    return NEAP_OK;
}

/* The tensor that holds a taken value; NULL where it lies in a block. */
static neap_tensor *holder(const neap__activation *f, const neap__fetch *from)
{
    const neap__plan *p = f->plan;
    const neap__structure *s = p->structure;
    switch (from->source) {
    case NEAP__FROM_RESULT:
        return f->results[from->index];
    case NEAP__FROM_FEED:
        return neap__argument_of(f, from->index).tensor;
    case NEAP__FROM_VARIABLE:
        return f->pinned[from->index];
    case NEAP__FROM_CONSTANT:
        return from->index < s->constant_count
                   ? s->constants[from->index]
                   : p->known[from->index - s->constant_count];
    case NEAP__FROM_CARRIED:
        return f->carried[from->index];
    case NEAP__FROM_STAGED:
        return f->written[s->writes[from->index].number];
    default:
        return NULL;
    }
}

/* A reference to a taken value, as a tensor of its own shape. */
static neap_tensor *taken(neap__activation *f, const neap__fetch *from, neap_error *err)
{
    neap_tensor *t = holder(f, from);
    if (t)
        return from->view ? neap__tensor_view(t, &from->shape, err)
                          : neap__tensor_keep(t);
    t = neap__tensor_new(f->run->account, from->dtype, &from->shape, err);
    if (t && t->bytes)
        memcpy(t->data, f->bases[from->base], t->bytes);
    return t;
}

static int take_fetch(neap__activation *f, uint32_t i, neap_error *err)
{
    const neap__fetch *from = &f->plan->fetches[i];
    uint32_t index = f->plan->structure->takes[i].index;
    void *to = f->into ? f->into[index] : NULL;
    size_t bytes = 0;
    if (from->source == NEAP__FROM_NOTHING || from->source == NEAP__FROM_COMMIT)
        return NEAP_OK;
    if (!to) {
        f->values[index] = taken(f, from, err);
        return f->values[index] ? NEAP_OK : err->code;
    }
    if (to != f->bases[from->base] &&
        neap__shape_bytes(&from->shape, from->dtype, &bytes, NULL) && bytes)
        memcpy(to, f->bases[from->base], bytes);
    return NEAP_OK;
}

static int take_all(neap__activation *f, neap_error *err)
{
    const neap__plan *p = f->plan;
    const neap__structure *s = p->structure;
    for (uint32_t i = 0; i < s->fetch_count; i++) {
        int status = take_fetch(f, i, err);
        if (status)
            return status;
    }
    for (uint32_t i = s->fetch_count; i < s->take_count; i++) {
        neap_tensor **carried = &f->carried[s->takes[i].index];
        *carried = taken(f, &p->fetches[i], err);
        if (!*carried)
            return err->code;
    }
    return NEAP_OK;
}

/* ---- Operations of the host ------------------------------------------------------ */

/* What the host gave goes to its place, or is kept as it is where its size is its own. */
static void place_result(neap__activation *f, neap__place place, void *to, neap_tensor *t)
{
    const neap__plan *p = f->plan;
    bool result =
        place.base >= p->first_result && place.base < p->first_result + p->result_count;
    if (!t)
        return;
    if (result && !neap__shape_known(&p->results[place.base - p->first_result].shape)) {
        f->results[place.base - p->first_result] = neap__tensor_keep(t);
        f->bases[place.base] = neap__reach(t, p->memory);
    } else if (to && t->bytes) {
        memcpy(to, t->data, t->bytes);
    }
}

/* The host gets tensors of its own, which it may keep; what it gives is copied into its
 * place. */
static int call_host(neap__activation *f, const neap__instruction *in, neap__call *call)
{
    const neap__plan *p = f->plan;
    const neap__structure *s = p->structure;
    const neap__item *item = &s->items[s->units[in->unit].root];
    neap__account *account = f->run->account;
    size_t count = (size_t)in->in_count + in->out_count;
    neap_tensor **tensors = neap__alloc_zero(account, (count + 1) * sizeof *tensors,
                                             NEAP_MEMORY_SMALL, call->err);
    if (!tensors)
        return call->err->code;
    int status = NEAP_OK;
    for (uint32_t i = 0; i < in->in_count && !status; i++) {
        const neap__fact *fact = &p->facts[item->inputs[i]];
        tensors[i] = neap__tensor_new(account, fact->dtype, &fact->shape, call->err);
        if (!tensors[i])
            status = call->err->code;
        else if (tensors[i]->bytes && call->in[i])
            memcpy(tensors[i]->data, call->in[i], tensors[i]->bytes);
    }
    neap_tensor **results = tensors + in->in_count;
    if (!status) {
        neap__call inner = *call;
        void *out = (void *)results;
        inner.in = (const void *const *)tensors;
        inner.out = &out;
        f->run->acted = true;
        status = in->kernel(&inner);
    }
    for (uint32_t i = 0; i < in->out_count && !status; i++)
        place_result(f, p->places[in->operands + in->in_count + i], call->out[i],
                     results[i]);
    for (size_t i = 0; i < count; i++)
        neap_tensor_release(tensors[i]);
    neap__free(account, tensors, (count + 1) * sizeof *tensors, NEAP_MEMORY_SMALL);
    return status;
}

/* ---- Branches and loops ---------------------------------------------------------- */

/* Their bodies write results to the places, or hand over tensors. */
static int call_control(neap__activation *f, const neap__instruction *in,
                        neap__call *call)
{
    neap__run *run = f->run;
    neap__mark mark = neap__block_mark(&run->block);
    size_t bytes = in->out_count * sizeof(neap_tensor *);
    neap_tensor **handed = neap__block_take(&run->block, run->account, bytes, call->err);
    if (!handed)
        return call->err->code;
    memset((void *)handed, 0, bytes);
    int status = neap__run_control(f, in, call, handed);
    for (uint32_t i = 0; i < in->out_count; i++) {
        if (!status)
            place_result(f, f->plan->places[in->operands + in->in_count + i], NULL,
                         handed[i]);
        neap_tensor_release(handed[i]);
    }
    neap__block_back(&run->block, mark);
    return status;
}

/* ---- The loop -------------------------------------------------------------------- */

static int fail_at(const neap__activation *f, const neap__instruction *in,
                   const neap_node *blamed, int status, neap_error *own, neap_error *err)
{
    const neap__structure *s = f->plan->structure;
    const neap_node *n = blamed ? blamed : s->items[s->units[in->unit].root].node;
    char node[NEAP__NODE_SIZE];
    if (in->kind == NEAP__HOST_CALL)
        neap__tell_origin(own, n); /* the host's message names its node */
    else if (in->kind == NEAP__CALL)
        neap__blame(own, n);
    else /* the message tells the origin of a node in the body */
        neap__error_prefix(own, "%s: ", neap__node_text(node, n));
    return neap__fail(err, status, "%s", own->message);
}

int neap__activation_execute(neap__activation *f, uint32_t from, uint32_t to,
                             neap_error *err)
{
    const neap__plan *p = f->plan;
    neap__run *run = f->run;
    neap_error own;
    neap__clear(&own);
    const void *blamed = NULL;
    neap__call call = {.team = &run->team,
                       .seed = run->seed,
                       .counter = run->counter,
                       .iteration = f->iteration,
                       .err = &own,
                       .caller = run->caller,
                       .blamed = &blamed};
    char *block = f->bases[NEAP__BASE_BLOCK];
    for (uint32_t i = from; i < to; i++) {
        const neap__instruction *in = &p->instructions[i];
        if (run->stopped && run->stopped(run->context))
            return neap__fail(err, NEAP_ECANCEL,
                              "the run was stopped before it was done");
        const neap__place *place = &p->places[in->operands];
        uint32_t count = in->in_count + in->out_count;
        for (uint32_t k = 0; k < count; k++)
            f->pointers[k] = (char *)f->bases[place[k].base] + place[k].offset;
        call.in = f->pointers;
        call.out = (void *const *)(f->pointers + in->in_count);
        call.args = in->args;
        call.scratch = block + in->scratch;
        int status = in->kind == NEAP__CALL        ? in->kernel(&call)
                     : in->kind == NEAP__HOST_CALL ? call_host(f, in, &call)
                                                   : call_control(f, in, &call);
        if (status)
            return fail_at(f, in, blamed, status, &own, err);
    }
    return NEAP_OK;
}

/* ---- Frames ---------------------------------------------------------------------- */

static void drop_results(neap__activation *f)
{
    for (uint32_t i = 0; f->results && i < f->plan->result_count; i++)
        neap_tensor_release(f->results[i]);
    f->results = NULL;
}

static int next_plan(neap__activation *f, neap_error *err)
{
    neap__plan *next = NULL;
    if (!f->plan && f->guess && neap__plan_serves(f->guess, f)) {
        next = f->guess;
        f->guess = NULL;
    } else {
        int status = f->run->plan(f->run->context, f, &next, err);
        if (status)
            return status;
    }
    drop_results(f);
    neap__plan_release(f->plan);
    f->plan = next;
    return NEAP_OK;
}

int neap__activation_run(neap__activation *f, neap_error *err)
{
    for (;;) {
        int status = next_plan(f, err);
        if (status)
            return status;
        status = carry_room(f, err); /* beneath what is given back */
        neap__mark mark = neap__block_mark(&f->run->block);
        status = status ? status : lay_out(f, err);
        status = status ? status : make_results(f, err);
        status = status ? status : neap__activation_execute(f, 0, f->plan->tail, err);
        status = status ? status : take_all(f, err);
        if (status || f->plan->structure->last)
            return status;
        drop_results(f);
        neap__block_back(&f->run->block, mark);
    }
}

void neap__activation_end(neap__activation *f)
{
    if (f->plan)
        drop_results(f);
    neap__plan_release(f->plan);
    if (f->guess)
        neap__plan_release(f->guess);
    for (uint32_t i = 0; i < f->carried_count; i++)
        neap_tensor_release(f->carried[i]);
    f->plan = f->guess = NULL;
    f->carried_count = 0;
}

bool neap__plan_of_shapes(const neap__plan *p)
{
    const neap__structure *s = p->structure;
    const neap__outline *o = s->outline;
    bool values = o->open || s->before;
    for (uint32_t i = 0; i < o->variable_count; i++)
        values |= s->variable_values[i];
    for (uint32_t i = 0; i < o->feed_count; i++)
        values |= s->feed_values[i];
    return !values;
}

bool neap__plan_serves(const neap__plan *p, const neap__activation *f)
{
    const neap__outline *o = p->structure->outline;
    for (uint32_t i = 0; i < o->feed_count; i++) {
        if (o->feeds[i] != NEAP__NONE &&
            !neap__shape_equal(neap__argument_of(f, i).shape, &p->feed_shapes[i]))
            return false;
    }
    return true;
}

/* What the stages so far carry on: shapes that were handed over and values that were
 * waited for are known by now. */
static neap__fact *carried_facts(const neap__activation *f, neap__arena *arena,
                                 neap_error *err)
{
    const neap__structure *s = f->plan->structure;
    neap__fact *facts = neap__arena_array(arena, f->carried_count, sizeof *facts, err);
    if (!facts)
        return NULL;
    if (f->carried_count)
        memcpy(facts, f->plan->carried, f->carried_count * sizeof *facts);
    for (uint32_t i = 0; i < s->carry_count; i++) {
        const neap_tensor *t = f->carried[s->first_carry + i];
        neap__fact *fact = &facts[s->first_carry + i];
        if (s->carries[i].handed)
            fact->shape = t->shape;
        if (s->carries[i].wanted)
            fact->known = neap__known_of(t->dtype, &t->shape, t->data, arena, err);
    }
    return facts;
}

int neap__activation_given(const neap__activation *f, neap__arena *arena,
                           neap__given *given, neap_error *err)
{
    const neap__outline *o = f->outline;
    neap__fact *feeds = neap__arena_array(arena, o->feed_count, sizeof *feeds, err);
    neap__fact *carried = f->plan ? carried_facts(f, arena, err) : NULL;
    for (uint32_t i = 0; i < o->feed_count && feeds; i++) {
        neap__argument x = neap__argument_of(f, i);
        feeds[i] = (neap__fact){x.dtype, *x.shape,
                                neap__known_of(x.dtype, x.shape, x.data, arena, err)};
    }
    *given = (neap__given){.feeds = feeds,
                           .variables = f->pinned,
                           .before = f->plan,
                           .carried = carried,
                           .caller = f->run->caller};
    return neap__failed(err) ? err->code : NEAP_OK;
}

/* ---- Without a session ----------------------------------------------------------- */

/* Each stage is planned for this one run. */
static int plan_once(void *context, const neap__activation *f, neap__plan **out,
                     neap_error *err)
{
    const neap__target *target = context;
    neap__arena arena;
    neap__arena_init(&arena, target->account, NEAP_MEMORY_SMALL);
    neap__structure *s = NULL;
    neap__given given;
    int status = neap__activation_given(f, &arena, &given, err);
    if (!status)
        s = neap__structure_new(target, f->outline, &given, err);
    if (s)
        status = neap__plan_new(target, s, &given, out, err);
    else if (!status)
        status = err->code;
    neap__structure_release(s);
    neap__arena_free(&arena);
    return status;
}

static int compute(neap__run *run, neap__outline *o, neap_tensor **out, neap_error *err)
{
    neap__activation f = {.run = run, .outline = o, .values = out};
    int status = neap__activation_run(&f, err);
    neap__activation_end(&f);
    for (uint32_t i = 0; i < o->fetch_count && status; i++) {
        neap_tensor_release(out[i]);
        out[i] = NULL;
    }
    return status;
}

int neap__compute(const neap__target *target, neap_node *const *nodes, size_t count,
                  neap_tensor **out, neap_error *err)
{
    neap__request request = {.fetches = nodes, .fetch_count = count};
    neap__outline *o = neap__outline_new(target->account, &request, err);
    if (!o)
        return err->code;
    neap__run run = {
        .account = target->account, .plan = plan_once, .context = (void *)target};
    neap__floating floating;
    neap__floating_begin(&floating);
    neap__team_begin(&run.team, 1);
    int status = compute(&run, o, out, err);
    neap__team_end(&run.team);
    neap__floating_end(&floating);
    neap__block_free(&run.block, target->account);
    neap__outline_release(o);
    return status;
}
