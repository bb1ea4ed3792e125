/* control.c - branches and loops: what is known of their results before they run, and
 * running them. A body is an outline of its own, planned when its inputs' sizes are at
 * hand and found in the session's cache after that; its block lies in the run's, above
 * that of what is around it. The branch that is not taken costs nothing. */
#include "graph/body.h"
#include "plan/passes.h"
#include "plan/run.h"

#include <string.h>

/* ---- Inference ------------------------------------------------------------------- */

/* Facts of a body's fetches, for facts of its parameters. */
static int infer_body(const neap__outline *o, const neap__fact *feeds, neap__fact *out,
                      const neap__given *given, neap__arena *arena, neap_error *err)
{
    neap__given own = {.feeds = feeds, .caller = given->caller};
    neap__inferred of = {o->items, o->item_count, o, NULL, &own};
    const neap__fact **several = NULL;
    neap__fact *facts = neap__arena_array(arena, o->item_count, sizeof *facts, err);
    if (o->several)
        several = neap__arena_array(arena, o->item_count, sizeof *several, err);
    if (neap__failed(err))
        return err->code;
    int status = neap__infer_items(&of, facts, several, arena, err);
    for (uint32_t i = 0; i < o->fetch_count && !status; i++)
        out[i] = facts[o->items[o->fetches[i]].same];
    return status;
}

static neap__fact *feed_facts(const neap_node *n, int which, const neap__fact *in,
                              neap__arena *arena, neap_error *err)
{
    const neap__control *c = n->control;
    neap__fact *feeds =
        neap__arena_array(arena, c->from_count[which], sizeof *feeds, err);
    for (uint32_t i = 0; i < c->from_count[which] && feeds; i++)
        feeds[i] = in[c->from[which][i]];
    return feeds;
}

static int infer_branch(const neap__inner *inner, const neap_node *n,
                        const neap__fact *in, neap__fact *out, const neap__given *given,
                        neap__arena *arena, neap_error *err)
{
    neap__fact *found[2];
    for (int which = 0; which < 2; which++) {
        neap__fact *feeds = feed_facts(n, which, in, arena, err);
        found[which] = neap__arena_array(arena, inner->fetch_count, sizeof **found, err);
        if (!feeds || !found[which])
            return err->code;
        int status =
            infer_body(inner->outline[which], feeds, found[which], given, arena, err);
        if (status)
            return status;
    }
    for (uint32_t i = 0; i < inner->fetch_count; i++) {
        if (inner->parts[i] >= n->written_count)
            out[inner->parts[i] - n->written_count] =
                neap__common_fact(&found[0][i], &found[1][i]);
    }
    return NEAP_OK;
}

/* Shapes are loosened until one more iteration changes none: at most once for each
 * dimension and rank. Values change. */
static int infer_loop(const neap__inner *inner, const neap_node *n, const neap__fact *in,
                      neap__fact *out, const neap__given *given, neap__arena *arena,
                      neap_error *err)
{
    const neap__control *c = n->control;
    neap__fact *carried = neap__arena_array(arena, c->carried, sizeof *carried, err);
    neap__fact *next = neap__arena_array(arena, c->carried, sizeof *next, err);
    neap__fact *feeds = feed_facts(n, 1, in, arena, err);
    if (!carried || !next || !feeds)
        return err->code;
    for (uint32_t i = 0; i < c->carried; i++)
        carried[i] = (neap__fact){in[i].dtype, in[i].shape, NULL};
    for (bool changed = true; changed;) {
        for (uint32_t i = 0; i < c->from_count[1]; i++) {
            if (c->from[1][i] < c->carried)
                feeds[i] = carried[c->from[1][i]];
        }
        int status = infer_body(inner->outline[1], feeds, next, given, arena, err);
        if (status)
            return status;
        changed = false;
        for (uint32_t i = 0; i < c->carried; i++) {
            neap__fact both = neap__common_fact(&carried[i], &next[i]);
            changed |= !neap__shape_equal(&both.shape, &carried[i].shape);
            carried[i] = both;
        }
    }
    for (uint32_t i = n->written_count; i < c->carried; i++)
        out[i - n->written_count] = carried[i];
    return NEAP_OK;
}

int neap__infer_inner(const neap__inner *inner, const neap_node *n, const neap__fact *in,
                      neap__fact *out, const neap__given *given, neap__arena *arena,
                      neap_error *err)
{
    return n->op->lowering == NEAP__LOWER_LOOP
               ? infer_loop(inner, n, in, out, given, arena, err)
               : infer_branch(inner, n, in, out, given, arena, err);
}

/* ---- The instruction ------------------------------------------------------------- */

typedef struct control_args {
    const neap_node *node;
    const neap__inner *inner;
    const neap__fact *in; /* of the inputs; their shapes are whole */
} control_args;

int neap__bind_control(neap__binding *b, const neap__outline *o, uint32_t item)
{
    control_args *a = neap__arena_alloc(b->arena, sizeof *a, b->err);
    if (!a)
        return b->err->code;
    *a = (control_args){b->node, o->inner[item], b->in};
    b->args = a;
    b->allocates = true; /* results that nobody reads are left out */
    return NEAP_OK;
}

/* ---- Running a body -------------------------------------------------------------- */

/* One run of a body: arguments, and where its results go. */
typedef struct body_run {
    neap__activation frame;
    neap__argument *arguments;
} body_run;

static int begin_body(body_run *b, neap__activation *outer, const control_args *a,
                      int which, neap_error *err)
{
    neap__run *run = outer->run;
    neap__outline *o = a->inner->outline[which];
    size_t count = o->feed_count, fetches = o->fetch_count;
    b->arguments =
        neap__block_take(&run->block, run->account, count * sizeof *b->arguments, err);
    neap_tensor **values =
        neap__block_take(&run->block, run->account, fetches * sizeof *values, err);
    if (!b->arguments || !values)
        return err->code;
    memset((void *)values, 0, fetches * sizeof *values);
    b->frame = (neap__activation){.run = run,
                                  .outer = outer,
                                  .outline = o,
                                  .arguments = b->arguments,
                                  .values = values,
                                  .iteration = outer->iteration};
    return NEAP_OK;
}

static neap__argument input_argument(const control_args *a, const void *const *in,
                                     uint32_t k)
{
    return (neap__argument){a->in[k].dtype, &a->in[k].shape, in[k], NULL};
}

static void release_values(neap__activation *f)
{
    for (uint32_t i = 0; f->values && i < f->outline->fetch_count; i++)
        neap_tensor_release(f->values[i]);
}

/* ---- Branches -------------------------------------------------------------------- */

static int run_branch(neap__activation *f, const control_args *a, const void *const *in,
                      void *const *out, neap_tensor **handed, neap_error *err)
{
    const neap_node *n = a->node;
    const neap__inner *inner = a->inner;
    int which = !*(const uint8_t *)in[0];
    body_run b = {0};
    int status = begin_body(&b, f, a, which, err);
    void **into = NULL;
    if (!status)
        into = neap__block_take(&f->run->block, f->run->account,
                                inner->fetch_count * sizeof *into, err);
    if (!into)
        return err->code;
    for (uint32_t i = 0; i < n->control->from_count[which]; i++)
        b.arguments[i] = input_argument(a, in, n->control->from[which][i]);
    for (uint32_t i = 0; i < inner->fetch_count; i++)
        into[i] = out[inner->parts[i]];
    b.frame.into = into;
    status = neap__activation_run(&b.frame, err);
    for (uint32_t i = 0; i < inner->fetch_count && !status; i++) {
        handed[inner->parts[i]] = b.frame.values[i];
        b.frame.values[i] = NULL;
    }
    release_values(&b.frame);
    neap__activation_end(&b.frame);
    return status;
}

/* ---- Loops ----------------------------------------------------------------------- */

/* What a loop carries from one iteration to the next; the plans that served last are
 * tried first. */
typedef struct loop {
    neap__activation *outer;
    const control_args *args;
    const void *const *in;
    neap__argument *carried; /* tensors of its own are held */
    neap__plan *guess[2];
} loop;

/* What the graph knows of a parameter must hold, for the body was built on it. */
static int check_argument(const neap__argument *x, const neap_node *parameter, uint32_t i,
                          neap_error *err)
{
    char is[NEAP__SHAPE_SIZE], takes[NEAP__SHAPE_SIZE];
    if (neap__shape_compatible(x->shape, &parameter->fact.shape))
        return NEAP_OK;
    return neap__fail(err, NEAP_ESHAPE, "loop variable %u has shape %s, it may have %s",
                      (unsigned)i, neap__shape_text(is, x->shape),
                      neap__shape_text(takes, &parameter->fact.shape));
}

static int run_body(loop *l, body_run *b, int which, uint64_t iteration,
                    void *const *into, neap_error *err)
{
    const neap__control *c = l->args->node->control;
    int status = begin_body(b, l->outer, l->args, which, err);
    for (uint32_t i = 0; i < c->from_count[which] && !status; i++) {
        uint32_t from = c->from[which][i];
        b->arguments[i] =
            from < c->carried ? l->carried[from] : input_argument(l->args, l->in, from);
        if (i < c->body[which]->argument_count)
            status =
                check_argument(&b->arguments[i], c->body[which]->parameters[i], i, err);
    }
    if (status)
        return status;
    b->frame.into = into;
    b->frame.guess = l->guess[which];
    l->guess[which] = NULL;
    b->frame.iteration = neap__mix(l->outer->iteration, iteration + 1);
    status = neap__activation_run(&b->frame, err);
    if (!status && neap__plan_of_shapes(b->frame.plan)) {
        neap__plan_retain(b->frame.plan);
        l->guess[which] = b->frame.plan;
    }
    return status;
}

static int ask_condition(loop *l, uint64_t iteration, bool *again, neap_error *err)
{
    neap__run *run = l->outer->run;
    neap__mark mark = neap__block_mark(&run->block);
    uint8_t flag = 0;
    void *into[] = {&flag};
    body_run b = {0};
    int status = run_body(l, &b, 0, iteration, into, err);
    release_values(&b.frame);
    neap__activation_end(&b.frame);
    neap__block_back(&run->block, mark);
    *again = flag;
    return status;
}

static int iterate(loop *l, uint64_t iteration, neap_error *err)
{
    neap__run *run = l->outer->run;
    neap__mark mark = neap__block_mark(&run->block);
    const uint32_t carried = l->args->node->control->carried;
    body_run b = {0};
    int status = run_body(l, &b, 1, iteration, NULL, err);
    for (uint32_t i = 0; i < carried && !status; i++) {
        neap_tensor *t = b.frame.values[i];
        b.frame.values[i] = l->carried[i].tensor;
        l->carried[i] = (neap__argument){t->dtype, &t->shape, t->data, t};
    }
    release_values(&b.frame);
    neap__activation_end(&b.frame);
    neap__block_back(&run->block, mark);
    return status;
}

/* What the loop ends with, to its places. A variable that no iteration made is copied. */
static int give_results(loop *l, void *const *out, neap_tensor **handed, neap_error *err)
{
    const uint32_t carried = l->args->node->control->carried;
    for (uint32_t i = 0; i < carried; i++) {
        neap__argument *x = &l->carried[i];
        size_t bytes = 0;
        neap__shape_bytes(x->shape, x->dtype, &bytes, NULL);
        if (out[i]) {
            if (bytes)
                memcpy(out[i], x->data, bytes);
            continue;
        }
        if (!x->tensor) {
            x->tensor = neap__tensor_new(l->outer->run->account, x->dtype, x->shape, err);
            if (!x->tensor)
                return err->code;
            if (bytes)
                memcpy(x->tensor->data, x->data, bytes);
        }
        handed[i] = neap__tensor_keep(x->tensor);
    }
    return NEAP_OK;
}

static int run_loop(neap__activation *f, const control_args *a, const void *const *in,
                    void *const *out, neap_tensor **handed, neap_error *err)
{
    neap__run *run = f->run;
    const neap__control *c = a->node->control;
    loop l = {.outer = f, .args = a, .in = in};
    uint64_t limit = c->limit < 0 ? UINT64_MAX : (uint64_t)c->limit;
    l.carried =
        neap__block_take(&run->block, run->account, c->carried * sizeof *l.carried, err);
    if (!l.carried)
        return err->code;
    for (uint32_t i = 0; i < c->carried; i++)
        l.carried[i] = input_argument(a, in, i);
    int status = NEAP_OK;
    bool again = true;
    for (uint64_t i = 0; i < limit && !status; i++) {
        if (run->stopped && run->stopped(run->context)) {
            status =
                neap__fail(err, NEAP_ECANCEL, "the run was stopped before it was done");
        } else {
            status = ask_condition(&l, i, &again, err);
            if (!status && !again)
                break;
            status = status ? status : iterate(&l, i, err);
        }
        if (status)
            neap__error_prefix(err, "iteration %llu: ", (unsigned long long)i);
    }
    status = status ? status : give_results(&l, out, handed, err);
    for (uint32_t i = 0; i < c->carried; i++)
        neap_tensor_release(l.carried[i].tensor);
    neap__plan_release(l.guess[0]);
    neap__plan_release(l.guess[1]);
    return status;
}

int neap__run_control(neap__activation *f, const neap__instruction *in,
                      const neap__call *call, neap_tensor **handed)
{
    neap__mark mark = neap__block_mark(&f->run->block);
    int status = in->kind == NEAP__LOOP
                     ? run_loop(f, in->args, call->in, call->out, handed, call->err)
                     : run_branch(f, in->args, call->in, call->out, handed, call->err);
    neap__block_back(&f->run->block, mark);
    return status;
}
