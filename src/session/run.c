/* run.c - one run: enter, pin, execute, commit, leave.
 *
 * The life of a run that writes
 *
 *     enter ─ prepare ─ turn ─ pin ─ the body ─ results ─ commit ─ leave
 *     (up to here anything may fail: nothing has changed)    │
 *                                                lock, spares, the tail, swap
 *
 * A run that only reads has neither turn nor commit. Everything that the commit needs
 * (spare buffers, the views that are handed out) is made before its first write; from
 * there on nothing can fail. */
#include "session/session.h"

#include <string.h>

/* ---- Blocks ---------------------------------------------------------------------- */

static neap__block take_block(neap_session *s)
{
    return s->block_count ? s->blocks[--s->block_count] : (neap__block){NULL, 0};
}

static int fit_block(neap_session *s, neap__block *block, size_t size, neap_error *err)
{
    if (block->size >= size)
        return NEAP_OK;
    neap__free(s->account, block->memory, block->size, NEAP_MEMORY_BLOCK);
    block->size = 0;
    block->memory = neap__alloc(s->account, size, NEAP_MEMORY_BLOCK, err);
    if (!block->memory) {
        neap__error_prefix(err, "a run's block: ");
        return err->code;
    }
    block->size = size;
    return NEAP_OK;
}

/* Under the lock: back to the free ones; false if it is larger than any plan in use, or
 * there is no room. */
static bool give_block(neap_session *s, neap__block block)
{
    if (!block.memory || block.size > s->cache.largest ||
        !neap__grow(s->account, (void **)&s->blocks, &s->block_capacity,
                    s->block_count + 1, sizeof *s->blocks, NEAP_MEMORY_SMALL, NULL))
        return false;
    s->blocks[s->block_count++] = block;
    return true;
}

/* ---- Enter and leave ------------------------------------------------------------- */

int neap__run_enter(neap__running *r, neap_session *s, const neap_run_options *options,
                    neap_error *err)
{
    r->session = s;
    r->thread = pthread_self();
    if (options) {
        r->caller = options->caller;
        r->cancel = options->cancel;
        if (options->timeout > 0)
            r->deadline = neap__now() + options->timeout;
    }
    pthread_mutex_lock(&s->lock);
    const neap__running *other = s->running;
    while (other && !pthread_equal(other->thread, r->thread))
        other = other->next;
    if (!other) {
        r->next = s->running;
        s->running = r;
        r->block = take_block(s);
        r->plan = r->callable ? neap__callable_plan(r->callable, r) : NULL;
    }
    r->epoch = atomic_load_explicit(&s->epoch, memory_order_relaxed);
    pthread_mutex_unlock(&s->lock);
    return other ? neap__fail(err, NEAP_EBUSY,
                              "session: a run inside a run of the same session")
                 : NEAP_OK;
}

void neap__take_turn(neap__running *r)
{
    if (!r->turn)
        pthread_mutex_lock(&r->session->turn);
    r->turn = true;
}

static void drop_values(neap_session *s, neap_tensor **values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        neap_tensor_release(values[i]);
    neap__free(s->account, values, count * sizeof *values, NEAP_MEMORY_SMALL);
}

void neap__drop_segments(neap__running *r)
{
    for (size_t i = 0; i < r->segment_count; i++)
        neap_tensor_release(r->feeds[r->feed_count - 1 - i].value);
    neap__free(r->session->account, r->segments,
               r->segment_capacity * sizeof *r->segments, NEAP_MEMORY_SMALL);
    drop_values(r->session, r->later, r->later_count);
}

void neap__run_leave(neap__running *r)
{
    neap_session *s = r->session;
    if (r->turn)
        pthread_mutex_unlock(&s->turn);
    pthread_mutex_lock(&s->lock);
    neap__running **at = &s->running;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    bool kept = give_block(s, r->block);
    pthread_mutex_unlock(&s->lock);
    if (!kept)
        neap__free(s->account, r->block.memory, r->block.size, NEAP_MEMORY_BLOCK);
    neap__drop_segments(r);
    drop_values(s, r->first, r->first_count);
}

static bool stopped(void *context)
{
    const neap__running *r = context;
    return atomic_load_explicit(&r->session->epoch, memory_order_relaxed) != r->epoch ||
           (r->cancel && atomic_load_explicit(r->cancel, memory_order_relaxed)) ||
           (r->deadline > 0 && neap__now() > r->deadline);
}

/* ---- Pin ------------------------------------------------------------------------- */

/* Under the lock. */
static void pin(neap__running *r, neap__run *run)
{
    const neap__plan *p = run->plan;
    const neap__structure *s = p->structure;
    for (uint32_t i = 0; i < s->variable_count; i++) {
        neap_tensor *t = neap__tensor_keep(neap__value_of(r, s->variables[i].node));
        run->pinned[i] = t;
        run->bases[p->first_variable + i] = t->data;
    }
    run->counter = r->initial ? 0 : r->session->counter;
}

static void feed(neap__running *r, neap__run *run)
{
    const neap__plan *p = run->plan;
    for (size_t i = 0; i < r->feed_count; i++) {
        run->feeds[i] = r->feeds[i].value;
        run->bases[p->first_feed + i] = run->feeds[i]->data;
    }
}

/* A tensor for a result or a new value, at its base; a failure names the node. */
static int make_tensor(neap__run *run, const neap__result *result, neap_tensor **out,
                       uint32_t base, neap_error *err)
{
    *out = neap__tensor_new(run->account, result->dtype, &result->shape, err);
    if (*out) {
        run->bases[base] = (*out)->data;
        return NEAP_OK;
    }
    neap__blame(err, run->plan->structure->items[result->item].node);
    return err->code;
}

/* Tensors for the results, and for the writes that the body stages. */
static int make_tensors(neap__run *run, neap_error *err)
{
    const neap__plan *p = run->plan;
    const neap__structure *s = p->structure;
    int status = NEAP_OK;
    for (uint32_t i = 0; i < p->result_count && !status; i++)
        status =
            make_tensor(run, &p->results[i], &run->results[i], p->first_result + i, err);
    for (uint32_t i = 0; i < s->write_count && !status; i++) {
        if (!s->writes[i].terminal)
            status = make_tensor(run, &p->writes[i], &run->written[i], p->first_write + i,
                                 err);
    }
    return status;
}

/* ---- Results --------------------------------------------------------------------- */

static neap_tensor *fetched(const neap__run *run, const neap__fetch *f)
{
    const neap__plan *p = run->plan;
    const neap__structure *s = p->structure;
    switch (f->source) {
    case NEAP__FROM_RESULT:
        return run->results[f->index];
    case NEAP__FROM_FEED:
        return run->feeds[f->index];
    case NEAP__FROM_VARIABLE:
        return run->pinned[f->index];
    case NEAP__FROM_CONSTANT:
        return f->index < s->constant_count ? s->constants[f->index]
                                            : p->known[f->index - s->constant_count];
    case NEAP__FROM_STAGED:
    case NEAP__FROM_COMMIT:
        return run->written[f->index];
    default:
        return NULL;
    }
}

/* The host's own tensors must be such as the results are, and nobody else's; told before
 * anything runs. */
static int check_out(const neap__running *r, neap__run *run, neap_tensor *const *out,
                     neap_error *err)
{
    const neap__plan *p = run->plan;
    int status = neap__check_places(r, p->structure, out, run->values, err);
    memset((void *)run->values, 0, p->structure->fetch_count * sizeof *run->values);
    if (status)
        return status;
    for (uint32_t i = 0; i < p->structure->fetch_count; i++) {
        const neap__fetch *f = &p->fetches[i];
        if (!out[i])
            continue;
        if (f->source != NEAP__FROM_NOTHING && out[i]->dtype == f->dtype &&
            neap__shape_equal(&out[i]->shape, &f->shape))
            continue;
        char is[NEAP__SHAPE_SIZE], wanted[NEAP__SHAPE_SIZE];
        neap__fail(err, NEAP_ESHAPE,
                   "out[%u] is %s of shape %s, the value is %s of shape %s", (unsigned)i,
                   neap_dtype_name(out[i]->dtype), neap__shape_text(is, &out[i]->shape),
                   neap_dtype_name(f->dtype), neap__shape_text(wanted, &f->shape));
        neap__blame(err, r->fetches[i]);
        return NEAP_ESHAPE;
    }
    return NEAP_OK;
}

/* Before the commit: what is handed over, where it is not the commit's to give. Where
 * out[i] is the host's own, nothing is made: the elements are copied at the end. */
static int take_results(neap__run *run, neap_tensor *const *out, neap_error *err)
{
    const neap__plan *p = run->plan;
    neap_tensor **values = run->values;
    for (uint32_t i = 0; i < p->structure->fetch_count; i++) {
        const neap__fetch *f = &p->fetches[i];
        if (f->source == NEAP__FROM_NOTHING || f->source == NEAP__FROM_COMMIT)
            continue;
        neap_tensor *t = fetched(run, f);
        if (f->view && !out[i]) {
            values[i] = neap__tensor_view(t, &f->shape, err);
            if (!values[i])
                return err->code;
        } else {
            values[i] = neap__tensor_keep(t);
        }
    }
    return NEAP_OK;
}

/* After the commit. */
static void hand_over(neap__run *run, neap_tensor **out)
{
    const neap__plan *p = run->plan;
    neap_tensor **values = run->values;
    for (uint32_t i = 0; i < p->structure->fetch_count; i++) {
        const neap__fetch *f = &p->fetches[i];
        if (f->source == NEAP__FROM_COMMIT)
            values[i] = neap__tensor_keep(fetched(run, f));
        if (!out[i]) {
            out[i] = values[i];
        } else if (values[i]) {
            if (out[i]->bytes)
                memmove(out[i]->data, values[i]->data, out[i]->bytes);
            neap_tensor_release(values[i]);
        }
        values[i] = NULL;
    }
}

/* ---- Commit ---------------------------------------------------------------------- */

/* Where each terminal write goes: in place (if that is asked for, under the lock) where
 * the state and this run alone hold the buffer and it is neap's own; else into a spare
 * one. */
static int choose_buffers(neap__run *run, bool in_place, neap_error *err)
{
    const neap__plan *p = run->plan;
    const neap__structure *s = p->structure;
    for (uint32_t i = 0; i < s->write_count; i++) {
        const neap__result *write = &p->writes[i];
        if (!s->writes[i].terminal)
            continue;
        neap_tensor *t = run->pinned[s->writes[i].variable];
        bool own = !t->release && !t->base &&
                   atomic_load_explicit(&t->references, memory_order_acquire) == 2;
        if (in_place && write->in_place && own &&
            neap__shape_equal(&t->shape, &write->shape)) {
            run->written[i] = neap__tensor_keep(t);
            run->bases[p->first_write + i] = t->data;
            continue;
        }
        int status = make_tensor(run, write, &run->written[i], p->first_write + i, err);
        if (status)
            return status;
    }
    return NEAP_OK;
}

static size_t places_needed(const neap__running *r, const neap__structure *s)
{
    size_t count = r->first_count > r->later_count ? r->first_count : r->later_count;
    for (uint32_t i = 0; i < s->variable_count; i++) {
        size_t place = (size_t)s->variables[i].node->list_index + 1;
        count = place > count ? place : count;
    }
    return count;
}

/* Values become states; the old ones stay in the list, to be released when the run
 * leaves. */
static void swap_values(neap_session *s, neap_tensor **values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!values[i])
            continue;
        neap_tensor *old = s->states[i];
        s->states[i] = values[i];
        values[i] = old;
    }
}

/* A segment writes beside the states: what it wrote waits for the commit of the run's
 * last segment. */
static int keep_writes(neap__running *r, neap__run *run, neap_error *err)
{
    const neap__structure *s = run->plan->structure;
    int status = choose_buffers(run, false, err);
    if (!status)
        status =
            neap__run_execute(run, run->plan->tail, run->plan->instruction_count, err);
    for (uint32_t i = 0; i < s->write_count && !status; i++) {
        size_t place = (size_t)s->variables[s->writes[i].variable].node->list_index;
        if (!neap__values_room(r, &r->later, &r->later_count, place + 1, err))
            return err->code;
        neap_tensor_release(r->later[place]);
        r->later[place] = neap__tensor_keep(run->written[i]);
    }
    return status;
}

static int commit(neap__running *r, neap__run *run, neap_error *err)
{
    neap_session *s = r->session;
    const neap__structure *structure = run->plan->structure;
    pthread_mutex_lock(&s->lock);
    int status = NEAP_OK;
    if (!neap__state_room(s, places_needed(r, structure), err))
        status = err->code;
    if (!status)
        status = choose_buffers(run, true, err);
    if (!status) {
        /* Nothing below can fail. */
        run->stopped = NULL;
        neap__run_execute(run, run->plan->tail, run->plan->instruction_count, NULL);
        swap_values(s, r->first, r->first_count);
        swap_values(s, r->later, r->later_count);
        for (uint32_t i = 0; i < structure->write_count; i++) {
            uint32_t variable = structure->writes[i].variable;
            neap_tensor **state =
                &s->states[structure->variables[variable].node->list_index];
            neap_tensor_release(*state); /* frees nothing: this run has it pinned */
            *state = neap__tensor_keep(run->written[i]);
        }
        s->counter += structure->random || r->random;
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

/* ---- The run --------------------------------------------------------------------- */

static void release_all(neap_tensor **tensors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        neap_tensor_release(tensors[i]);
}

static int execute(neap__running *r, neap__run *run, bool commits, neap_tensor **out,
                   neap_error *err)
{
    const neap__plan *p = run->plan;
    int status = check_out(r, run, out, err);
    status = status ? status : make_tensors(run, err);
    status = status ? status : neap__run_execute(run, 0, p->tail, err);
    status = status ? status : take_results(run, out, err);
    if (!status && commits)
        status = commit(r, run, err);
    else if (!status && run->plan->structure->write_count)
        status = keep_writes(r, run, err);
    if (!status)
        hand_over(run, out);
    return status;
}

/* Plans are made for the threads that a session began with; a bound set since then may
 * be lower. */
static int width_of(const neap_session *s)
{
    int bound = s->threads_given ? 0 : neap__thread_bound();
    return bound && bound < s->target.workers ? bound : s->target.workers;
}

int neap__run_plan(neap__running *r, neap__plan *p, bool commits, neap_tensor **out,
                   neap_error *err)
{
    neap_session *s = r->session;
    const neap__structure *structure = p->structure;
    bool writes = structure->write_count || structure->random || r->random ||
                  r->first_count || r->later_count;
    if (writes)
        neap__take_turn(r);
    int status = fit_block(s, &r->block, neap__plan_block(p), err);
    if (status)
        return status;
    neap__run run = {.seed = s->seed,
                     .caller = r->caller,
                     .account = s->account,
                     .stopped = stopped,
                     .context = r};
    neap__run_layout(&run, p, r->block.memory);
    feed(r, &run);
    pthread_mutex_lock(&s->lock);
    pin(r, &run);
    pthread_mutex_unlock(&s->lock);
    neap__floating floating;
    neap__floating_begin(&floating);
    neap__team_begin(&run.team, width_of(s));
    status = execute(r, &run, commits && writes, out, err);
    neap__team_end(&run.team);
    neap__floating_end(&floating);
    release_all(run.values, structure->fetch_count);
    release_all(run.pinned, structure->variable_count);
    release_all(run.results, p->result_count);
    release_all(run.written, structure->write_count);
    return status;
}

/* Frees what the session keeps for later runs; false if there is nothing. */
static bool give_up_spares(neap__running *r)
{
    neap_session *s = r->session;
    pthread_mutex_lock(&s->lock);
    bool any = s->cache.plans || s->block_count || r->block.memory;
    neap__cache_clear(&s->cache, s->account);
    while (s->block_count) {
        neap__block block = take_block(s);
        neap__free(s->account, block.memory, block.size, NEAP_MEMORY_BLOCK);
    }
    pthread_mutex_unlock(&s->lock);
    neap__free(s->account, r->block.memory, r->block.size, NEAP_MEMORY_BLOCK);
    r->block = (neap__block){NULL, 0};
    return any;
}

static int run_once(neap__running *r, neap_tensor **out, neap_error *err)
{
    neap__plan *p = r->plan;
    int status = p ? NEAP_OK : neap__prepare(r, &p, err);
    if (!status && !r->plan && r->callable && !r->segment_count)
        neap__callable_keep(r->callable, p);
    r->plan = NULL;
    if (!status)
        status = neap__run_plan(r, p, true, out, err);
    neap__plan_release(p);
    return status;
}

int neap__run_whole(neap__running *r, neap_tensor **out, neap_error *err)
{
    int status = run_once(r, out, err);
    if ((status != NEAP_ELIMIT && status != NEAP_ENOMEM) || !give_up_spares(r))
        return status;
    neap__clear(err);
    return run_once(r, out, err);
}
