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

static neap__piece *take_piece(neap_session *s)
{
    neap__piece *p = s->pieces;
    if (p)
        s->pieces = p->next;
    return p;
}

/* Under the lock: a block's pieces back to the free ones, the block empty but for what is
 * left to be freed. One piece is kept, if it is as large as runs need, and not much larger:
 * what they need at most is forgotten little by little. */
static void give_block(neap_session *s, neap__block *b)
{
    s->largest -= s->largest / 64;
    s->largest = b->most > s->largest ? b->most : s->largest;
    neap__block_back(b, (neap__mark){NULL, 0});
    for (neap__piece **at = &b->spare; *at; at = &(*at)->next) {
        neap__piece *p = *at;
        if (p->size < s->largest || p->size / 8 > s->largest + 4096)
            continue;
        *at = p->next;
        p->next = s->pieces;
        s->pieces = p;
        return;
    }
}

/* ---- Pinning ------------------------------------------------------------------------ */

static void release_all(neap_tensor **tensors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        neap_tensor_release(tensors[i]);
}

/* The arrays of a run's own frame: its variables as pinned, what is written, and its
 * fetches. NULL with an error. */
static neap_tensor **lay_arrays(neap__running *r, const neap__outline *o, neap_error *err)
{
    size_t held = (size_t)o->variable_count + o->write_count + o->fetch_count;
    neap_tensor **at =
        neap__block_take(&r->run.block, r->session->account, held * sizeof *at, err);
    if (at)
        memset((void *)at, 0, held * sizeof *at);
    return at;
}

/* Under the lock: values of all variables, held, and the counter, as of one moment: false
 * if some variable has none yet. */
static bool pin(neap__running *r, const neap__outline *o, neap_tensor **pinned)
{
    bool all = true;
    for (uint32_t i = 0; i < o->variable_count && all; i++) {
        neap_tensor *t = neap__value_of(r, o->variables[i].node);
        pinned[i] = t ? neap__tensor_keep(t) : NULL;
        all = t != NULL;
    }
    r->run.counter = r->initial ? 0 : r->session->counter;
    return all;
}

static void unpin(neap_tensor **pinned, const neap__outline *o)
{
    release_all(pinned, o->variable_count);
    memset((void *)pinned, 0, o->variable_count * sizeof *pinned);
}

/* A callable that only reads and has run before pins as it enters, in one step. */
static void pin_early(neap__running *r)
{
    const neap__outline *o = r->guess->structure->outline;
    if (o->write_count || o->random)
        return;
    r->early = lay_arrays(r, o, NULL);
    if (r->early && !pin(r, o, r->early))
        unpin(r->early, o);
    else
        r->pinned = r->early != NULL;
}

/* ---- Enter and leave ------------------------------------------------------------- */

int neap__run_enter(neap__running *r, neap_session *s, const neap_run_options *options,
                    neap_error *err)
{
    r->session = s;
    r->thread = pthread_self();
    r->options = options;
    if (options && options->timeout > 0)
        r->deadline = neap__now() + options->timeout;
    pthread_mutex_lock(&s->lock);
    const neap__running *other = s->running;
    while (other && !pthread_equal(other->thread, r->thread))
        other = other->next;
    if (!other) {
        r->next = s->running;
        s->running = r;
        neap__piece *p = take_piece(s);
        if (p)
            p->next = NULL;
        r->run.block.top = p;
        r->run.block.hint = s->largest;
        r->guess = r->callable ? r->callable->plan : NULL;
        if (r->guess) {
            neap__plan_retain(r->guess);
            pin_early(r);
        }
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
    give_block(s, &r->run.block);
    pthread_mutex_unlock(&s->lock);
    if (r->run.block.spare)
        neap__block_free(&r->run.block, s->account);
    neap__plan_release(r->guess);
    release_all(r->first, r->first_count);
    neap__free(s->account, r->first, r->first_count * sizeof *r->first,
               NEAP_MEMORY_SMALL);
}

static bool stopped(void *context)
{
    const neap__running *r = context;
    return atomic_load_explicit(&r->session->epoch, memory_order_relaxed) != r->epoch ||
           (r->options && r->options->cancel &&
            atomic_load_explicit(r->options->cancel, memory_order_relaxed)) ||
           (r->deadline > 0 && neap__now() > r->deadline);
}

/* ---- The frame of the run ---------------------------------------------------------- */

static int lay_frame(neap__running *r, neap__activation *f, neap_error *err)
{
    const neap__outline *o = f->outline;
    neap_tensor **at = r->early ? r->early : lay_arrays(r, o, err);
    r->early = NULL;
    if (!at)
        return err->code;
    f->given = r->feeds;
    f->pinned = at;
    f->written = f->pinned + o->variable_count;
    f->values = f->written + o->write_count;
    return NEAP_OK;
}

static int make_first_values(neap__running *r, const neap__outline *o, neap_error *err)
{
    int status = NEAP_OK;
    for (uint32_t i = 0; i < o->variable_count && !status; i++) {
        neap_node *v = o->variables[i].node;
        status = neap__first_values(r, &v, 1, err);
    }
    return status;
}

/* A run that will write waits for its turn; one that meets a variable without a value
 * takes it too, makes the value, and looks again. */
static int pin_all(neap__running *r, neap__activation *f, neap_error *err)
{
    const neap__outline *o = f->outline;
    if (o->write_count || o->random || r->first_count)
        neap__take_turn(r);
    while (!r->pinned) {
        pthread_mutex_lock(&r->session->lock);
        r->pinned = pin(r, o, f->pinned);
        pthread_mutex_unlock(&r->session->lock);
        if (r->pinned)
            break;
        unpin(f->pinned, o);
        int status = make_first_values(r, o, err);
        if (status)
            return status;
    }
    return NEAP_OK;
}

/* ---- Results --------------------------------------------------------------------- */

static int check_fit(const neap__running *r, uint32_t index, const neap__fetch *from,
                     const neap__shape *shape, neap_error *err)
{
    const neap_tensor *t = r->out[index];
    if (from->source != NEAP__FROM_NOTHING && t->dtype == from->dtype &&
        (!neap__shape_known(shape) || neap__shape_equal(&t->shape, shape)))
        return NEAP_OK;
    char is[NEAP__SHAPE_SIZE], wanted[NEAP__SHAPE_SIZE];
    neap__fail(err, NEAP_ESHAPE, "out[%u] is %s of shape %s, the value is %s of shape %s",
               (unsigned)index, neap_dtype_name(t->dtype),
               neap__shape_text(is, &t->shape), neap_dtype_name(from->dtype),
               neap__shape_text(wanted, shape));
    neap__blame(err, r->fetches[index]);
    return NEAP_ESHAPE;
}

/* The host's own tensors must be such as the results are: told before the stage runs that
 * makes them. */
int neap__check_takes(const neap__running *r, const neap__plan *p, neap_error *err)
{
    const neap__structure *s = p->structure;
    int status = NEAP_OK;
    for (uint32_t i = 0; i < s->fetch_count && r->out && !status; i++) {
        if (r->out[s->takes[i].index])
            status = check_fit(r, s->takes[i].index, &p->fetches[i], &p->fetches[i].shape,
                               err);
    }
    return status;
}

/* Values of a size of their own, once they are there. */
static int check_handed(const neap__running *r, const neap__activation *f,
                        neap_error *err)
{
    const neap__structure *s = f->plan->structure;
    int status = NEAP_OK;
    for (uint32_t i = 0; i < s->fetch_count && r->out && !status; i++) {
        uint32_t index = s->takes[i].index;
        if (r->out[index] && f->values[index])
            status =
                check_fit(r, index, &f->plan->fetches[i], &f->values[index]->shape, err);
    }
    return status;
}

/* After the commit: what it made, and all to the host. */
static void hand_over(neap__activation *f, neap_tensor **out)
{
    const neap__plan *p = f->plan;
    const neap__structure *s = p->structure;
    for (uint32_t i = 0; i < s->fetch_count; i++) {
        const neap__fetch *from = &p->fetches[i];
        if (from->source == NEAP__FROM_COMMIT)
            f->values[s->takes[i].index] =
                neap__tensor_keep(f->written[s->writes[from->index].number]);
    }
    for (uint32_t i = 0; i < f->outline->fetch_count; i++) {
        if (!out[i]) {
            out[i] = f->values[i];
        } else if (f->values[i]) {
            if (out[i]->bytes)
                memmove(out[i]->data, f->values[i]->data, out[i]->bytes);
            neap_tensor_release(f->values[i]);
        }
        f->values[i] = NULL;
    }
}

/* ---- Commit ---------------------------------------------------------------------- */

/* Where each terminal write goes: in place where the state and this run alone hold the
 * buffer and it is neap's own; else into a spare one. Under the lock. */
static int choose_buffers(neap__activation *f, neap_error *err)
{
    const neap__plan *p = f->plan;
    const neap__structure *s = p->structure;
    for (uint32_t i = 0; i < s->write_count; i++) {
        const neap__result *write = &p->writes[i];
        neap_tensor **written = &f->written[s->writes[i].number];
        if (!s->writes[i].terminal || *written)
            continue;
        neap_tensor *t = f->pinned[f->outline->writes[s->writes[i].number].variable];
        bool own = !t->release && !t->base &&
                   atomic_load_explicit(&t->references, memory_order_acquire) == 2;
        *written = write->in_place && own && neap__shape_equal(&t->shape, &write->shape)
                       ? neap__tensor_keep(t)
                       : neap__activation_tensor(f, write, err);
        if (!*written)
            return err->code;
        f->bases[p->first_write + i] = neap__reach(*written, p->memory);
    }
    return NEAP_OK;
}

static size_t places_needed(const neap__running *r, const neap__outline *o)
{
    size_t count = r->first_count;
    for (uint32_t i = 0; i < o->write_count; i++) {
        size_t place = (size_t)o->variables[o->writes[i].variable].node->list_index + 1;
        count = place > count ? place : count;
    }
    return count;
}

/* First values become states; the old ones stay in the list, to be released when the run
 * leaves. */
static void swap_first(neap__running *r)
{
    neap_session *s = r->session;
    for (size_t i = 0; i < r->first_count; i++) {
        if (!r->first[i])
            continue;
        neap_tensor *old = s->states[i];
        s->states[i] = r->first[i];
        r->first[i] = old;
    }
}

/* Under the lock: nothing below can fail. */
static void publish(neap__running *r, neap__activation *f)
{
    neap_session *s = r->session;
    const neap__outline *o = f->outline;
    r->run.stopped = NULL;
    neap__activation_execute(f, f->plan->tail, f->plan->instruction_count, NULL);
    swap_first(r);
    for (uint32_t i = 0; i < o->write_count; i++) {
        neap_node *variable = o->variables[o->writes[i].variable].node;
        neap_tensor **state = &s->states[variable->list_index];
        neap_tensor_release(*state); /* frees nothing: this run has it pinned */
        *state = neap__tensor_keep(f->written[i]);
    }
    s->counter += o->random;
}

/* Memory that ends under the lock is looked for without it, once. */
static int commit(neap__running *r, neap__activation *f, neap_error *err)
{
    neap_session *s = r->session;
    int status = NEAP_OK;
    for (int tries = 0; tries < 2; tries++) {
        pthread_mutex_lock(&s->lock);
        status = neap__state_room(s, places_needed(r, f->outline), err)
                     ? choose_buffers(f, err)
                     : err->code;
        if (!status)
            publish(r, f);
        pthread_mutex_unlock(&s->lock);
        if (!status || tries || !neap__reclaim(s))
            break;
        neap__clear(err);
    }
    return status;
}

/* ---- The run --------------------------------------------------------------------- */

/* Plans are made for the threads that a session began with; a bound set since then may
 * be lower. */
static int width_of(const neap_session *s)
{
    int bound = s->threads_given ? 0 : neap__thread_bound();
    return bound && bound < s->target.workers ? bound : s->target.workers;
}

static int execute(neap__running *r, neap__activation *f, bool commits, neap_tensor **out,
                   neap_error *err)
{
    const neap__outline *o = f->outline;
    neap__floating floating;
    neap__floating_begin(&floating);
    neap__team_begin(&r->run.team, width_of(r->session));
    int status = neap__activation_run(f, err);
    status = status ? status : check_handed(r, f, err);
    if (!status && commits && (o->write_count || o->random || r->first_count))
        status = commit(r, f, err);
    if (!status)
        hand_over(f, out);
    neap__team_end(&r->run.team);
    neap__floating_end(&floating);
    return status;
}

static void run_begin(neap__running *r)
{
    const neap_session *s = r->session;
    r->run.seed = s->seed;
    r->run.caller = r->options ? r->options->caller : NULL;
    r->run.account = s->account;
    r->run.stopped = stopped;
    r->run.plan = neap__next_plan;
    r->run.context = r;
}

static bool gives_places(const neap__running *r)
{
    bool any = false;
    for (size_t i = 0; r->out && i < r->fetch_count && !any; i++)
        any = r->out[i] != NULL;
    return any;
}

/* Arrays, and pinned variables; neap__activation_end and `let_go` are due in any case. */
static int frame_begin(neap__running *r, neap__activation *f, neap_error *err)
{
    run_begin(r);
    int status = lay_frame(r, f, err);
    status = status ? status : pin_all(r, f, err);
    if (!status && gives_places(r)) {
        status = neap__check_places(r, f->outline, f->values, err);
        memset((void *)f->values, 0, f->outline->fetch_count * sizeof *f->values);
    }
    return status;
}

static void let_go(neap__activation *f, neap__mark mark)
{
    const neap__outline *o = f->outline;
    if (f->pinned) /* and, behind these, what is written and the fetches */
        release_all(f->pinned,
                    (size_t)o->variable_count + o->write_count + o->fetch_count);
    neap__activation_end(f); /* with which the outline may go */
    neap__block_back(&f->run->block, mark);
}

static int run_outline(neap__running *r, neap__outline *o, bool commits,
                       neap_tensor **out, neap_error *err)
{
    neap__activation f = {.run = &r->run, .outline = o, .guess = r->guess};
    neap__mark mark = neap__block_mark(&r->run.block);
    const neap__plan *guess = r->guess;
    r->guess = NULL;
    int status = frame_begin(r, &f, err);
    if (!status && guess && gives_places(r) && neap__plan_serves(guess, &f))
        status = neap__check_takes(r, guess, err);
    status = status ? status : execute(r, &f, commits, out, err);
    if (!status && f.plan != guess && neap__plan_of_shapes(f.plan)) {
        if (r->callable)
            neap__callable_keep(r->callable, f.plan);
        else if (commits)
            neap__keep_quick(r, f.plan);
    }
    let_go(&f, mark);
    return status;
}

/* Nothing runs but what first values need: later stages are told as far as they were
 * planned before. */
int neap__run_explain(neap__running *r, neap__text *t, neap_error *err)
{
    neap__outline *o = NULL;
    neap__plan *p = NULL;
    int status = neap__find_outline(r, &o, err);
    if (status)
        return status;
    neap__activation f = {.run = &r->run, .outline = o};
    neap__mark mark = neap__block_mark(&r->run.block);
    status = frame_begin(r, &f, err);
    status = status ? status : neap__next_plan(r, &f, &p, err);
    while (!status && p) {
        neap__text_plan(t, &r->session->target, p, 0);
        neap__plan *after = neap__plan_after(r->session, p);
        neap__plan_release(p);
        p = after;
    }
    let_go(&f, mark);
    neap__outline_release(o);
    return status;
}

int neap__run_aside(neap__running *r, neap__outline *o, neap_tensor **out,
                    neap_error *err)
{
    pthread_mutex_lock(&r->session->lock); /* for its place in the list of runs */
    neap__running own = *r;
    pthread_mutex_unlock(&r->session->lock);
    own.feeds = NULL;
    own.feed_count = 0;
    own.callable = NULL;
    own.guess = NULL;
    own.early = NULL;
    own.pinned = false;
    own.initial = true;
    own.out = NULL;
    int status = run_outline(&own, o, false, out, err);
    r->run.block = own.run.block; /* which may have grown */
    return status;
}

int neap__run_whole(neap__running *r, neap_tensor **out, neap_error *err)
{
    neap__outline *o = NULL;
    r->out = out;
    int status = NEAP_OK;
    if (!r->callable)
        r->guess = neap__quick_plan(r);
    if (r->guess) /* which holds its outline */
        return run_outline(r, r->guess->structure->outline, true, out, err);
    status = neap__find_outline(r, &o, err);
    status = status ? status : run_outline(r, o, true, out, err);
    neap__outline_release(o);
    return status;
}

/* ---- When memory ends ------------------------------------------------------------ */

/* False where the caller holds the lock: then nothing can be given up. */
static bool give_up_spares(neap_session *s)
{
    if (pthread_mutex_lock(&s->lock))
        return false;
    bool any = s->cache.count || s->pieces;
    neap__cache_clear(&s->cache, s->account);
    neap__piece *p = s->pieces;
    s->pieces = NULL;
    pthread_mutex_unlock(&s->lock);
    while (p) {
        neap__piece *next = p->next;
        neap__piece_free(p, s->account);
        p = next;
    }
    return any;
}

bool neap__reclaim(void *context) { return give_up_spares(context); }
