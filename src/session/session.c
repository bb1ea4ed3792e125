/* session.c - the public face of sessions: options, runs, variables, callables. */
#include "session/session.h"

#include <stdio.h>
#include <string.h>

#define MAGIC UINT64_C(0x6E65617073657373)
#define RECYCLED                                                                         \
    ((size_t)256 << 20) /* most bytes of freed results kept for the next ones */
#define MOST_THREADS 1024

bool neap__session_ready(const neap_session *s, const char *function, bool reset,
                         neap_error *err)
{
    if (reset && s)
        neap__clear(err);
    if (!s) {
        neap__null(err, function, "session");
        return false;
    }
    if (s->magic == MAGIC)
        return true;
    neap__clear(err);
    neap__fail(err, NEAP_ESTATE, "%s: not an open session of this copy of neap",
               function);
    return false;
}

/* ---- Making and freeing ---------------------------------------------------------- */

static bool read_options(neap_session *s, const neap_session_options *o, neap_error *err)
{
    s->target.device = &neap__cpu;
    s->target.passes = NEAP__PASS_ALL;
    if (!neap__default_isa(&s->target.isa, err))
        return false;
    if (!o)
        return true;
    if (o->size != sizeof *o)
        return !neap__fail(err, NEAP_EARG,
                           "neap_session_new: options of %zu bytes: begin with "
                           "NEAP_SESSION_OPTIONS_INIT",
                           o->size);
    if (o->threads < 0 || o->threads > MOST_THREADS)
        return !neap__fail(err, NEAP_ERANGE, "session: threads = %d is not in [0, %d]",
                           o->threads, MOST_THREADS);
    neap__isa isa;
    char name[NEAP__QUOTED_SIZE];
    if (o->isa && !neap__isa_of(o->isa, &isa))
        return !neap__fail(err, NEAP_EARG, "session: there is no isa \"%s\"",
                           neap__quoted(name, o->isa));
    if (o->isa && isa < s->target.isa)
        s->target.isa = isa;
    if (o->device)
        return !neap__fail(err, NEAP_EUNSUP,
                           "session: this build has no devices but the CPU");
    s->seed = o->seed;
    s->log = o->log;
    s->log_user = o->log_user;
    s->target.workers = o->threads;
    s->threads_given = o->threads > 0;
    return neap__passes_of(o->passes, &s->target.passes, err);
}

/* A lock that tells its owner from others instead of waiting for itself. */
static bool init_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t kind;
    if (pthread_mutexattr_init(&kind))
        return false;
    bool done = !pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK) &&
                !pthread_mutex_init(lock, &kind);
    pthread_mutexattr_destroy(&kind);
    return done;
}

neap_session *neap_session_new(neap_graph *g, const neap_session_options *options,
                               neap_error *err)
{
    neap_error own = NEAP_ERROR_INIT;
    err = err ? err : &own;
    if (!neap__graph_ready(g, "neap_session_new", err))
        return NULL;
    neap_session *s =
        neap__alloc_zero(neap__default_account(), sizeof *s, NEAP_MEMORY_SMALL, err);
    if (!s)
        return NULL;
    if (!read_options(s, options, err))
        goto no_account;
    if (!s->threads_given)
        s->target.workers = neap__default_threads();
    s->account = neap__account_new(options ? options->memory_limit : 0, RECYCLED, err);
    if (!s->account)
        goto no_account;
    s->target.account = s->account;
    if (!init_lock(&s->lock)) {
        neap__fail(err, NEAP_ENOMEM, "session: no lock to be had");
        goto no_lock;
    }
    if (pthread_mutex_init(&s->turn, NULL)) {
        neap__fail(err, NEAP_ENOMEM, "session: no lock to be had");
        goto no_turn;
    }
    neap__pool_retain();
    neap__account_reclaims(s->account, neap__reclaim, s);
    s->magic = MAGIC;
    s->graph = neap_graph_retain(g);
    s->counter = 1;
    return s;
no_turn:
    pthread_mutex_destroy(&s->lock);
no_lock:
    neap__account_release(s->account);
no_account:
    neap__free(neap__default_account(), s, sizeof *s, NEAP_MEMORY_SMALL);
    return NULL;
}

void neap_session_free(neap_session *s)
{
    if (!s || s->magic != MAGIC)
        return;
    s->magic = 0;
    neap__cache_clear(&s->cache, s->account);
    for (size_t i = 0; i < s->state_count; i++)
        neap_tensor_release(s->states[i]);
    neap__free(s->account, s->states, s->state_capacity * sizeof *s->states,
               NEAP_MEMORY_SMALL);
    while (s->pieces) {
        neap__piece *p = s->pieces;
        s->pieces = p->next;
        neap__piece_free(p, s->account);
    }
    neap__account_close(s->account);
    neap__account_release(s->account);
    pthread_mutex_destroy(&s->turn);
    pthread_mutex_destroy(&s->lock);
    neap_graph_free(s->graph);
    neap__pool_release();
    neap__free(neap__default_account(), s, sizeof *s, NEAP_MEMORY_SMALL);
}

neap_graph *neap_session_graph(const neap_session *s) { return s ? s->graph : NULL; }

neap_memory neap_session_memory(const neap_session *s)
{
    return s ? neap__account_memory(s->account) : (neap_memory){0, 0, 0};
}

void neap_cancel(neap_session *s)
{
    if (s)
        atomic_fetch_add_explicit(&s->epoch, 1, memory_order_relaxed);
}

bool neap__state_room(neap_session *s, size_t count, neap_error *err)
{
    if (count <= s->state_count)
        return true;
    if (!neap__grow(s->account, (void **)&s->states, &s->state_capacity, count,
                    sizeof *s->states, NEAP_MEMORY_SMALL, err))
        return false;
    memset((void *)(s->states + s->state_count), 0,
           (count - s->state_count) * sizeof *s->states);
    s->state_count = count;
    return true;
}

/* ---- Runs ------------------------------------------------------------------------ */

int neap__check_node(const neap_session *s, const neap_node *n, const char *what,
                     size_t index, neap_error *err)
{
    if (!n)
        return neap__fail(err, NEAP_EARG, "%s %zu is NULL", what, index);
    if (n->graph == s->graph)
        return NEAP_OK;
    char node[NEAP__NODE_SIZE];
    return neap__fail(err, NEAP_ESTATE,
                      "%s %zu, %s, is a node of another graph than the session's", what,
                      index, neap__node_text(node, n));
}

int neap__check_feed(const neap_session *s, const neap_feed *f, size_t index,
                     neap_error *err)
{
    int status = neap__check_node(s, f->node, "feed", index, err);
    if (status)
        return status;
    const neap_tensor *t = f->value;
    const neap__fact *takes = &f->node->fact;
    if (t && t->dtype == takes->dtype && neap__shape_compatible(&t->shape, &takes->shape))
        return NEAP_OK;
    char node[NEAP__NODE_SIZE], is[NEAP__SHAPE_SIZE], wanted[NEAP__SHAPE_SIZE];
    neap__node_text(node, f->node);
    if (!t)
        return neap__fail(err, NEAP_EARG, "%s: the value fed is NULL", node);
    if (takes->dtype == NEAP_DTYPE_NONE)
        return neap__fail(err, NEAP_EARG, "%s: it has no value and cannot be fed", node);
    if (t->dtype != takes->dtype)
        return neap__fail(err, NEAP_EDTYPE, "%s: fed with %s, it takes %s", node,
                          neap_dtype_name(t->dtype), neap_dtype_name(takes->dtype));
    return neap__fail(err, NEAP_ESHAPE, "%s: fed with shape %s, it takes %s", node,
                      neap__shape_text(is, &t->shape),
                      neap__shape_text(wanted, &takes->shape));
}

#define FEW_FEEDS 32 /* compared with each other; more are marked in a set */

static int check_twice(const neap_session *s, const neap_feed *feeds, size_t count,
                       neap_error *err)
{
    char node[NEAP__NODE_SIZE];
    uint64_t top = 0;
    neap__set fed = {0};
    for (size_t i = 0; i < count && count > FEW_FEEDS; i++)
        top = feeds[i].node->index > top ? feeds[i].node->index : top;
    if (count > FEW_FEEDS && !neap__set_init(&fed, s->account, top + 1, err))
        return err->code;
    for (size_t i = 0; i < count; i++) {
        bool twice = neap__set_has(&fed, feeds[i].node->index);
        for (size_t k = 0; k < i && count <= FEW_FEEDS; k++)
            twice |= feeds[k].node == feeds[i].node;
        if (twice) {
            neap__set_free(&fed);
            return neap__fail(err, NEAP_EARG, "%s: fed twice",
                              neap__node_text(node, feeds[i].node));
        }
        if (count > FEW_FEEDS)
            neap__set_add(&fed, feeds[i].node->index);
    }
    neap__set_free(&fed);
    return NEAP_OK;
}

static int check_run(const neap_session *s, const neap_feed *feeds, size_t feed_count,
                     neap_node *const *fetches, size_t fetch_count, neap_error *err)
{
    int status = NEAP_OK;
    for (size_t i = 0; i < fetch_count && !status; i++)
        status = neap__check_node(s, fetches[i], "fetch", i, err);
    for (size_t i = 0; i < feed_count && !status; i++)
        status = neap__check_feed(s, &feeds[i], i, err);
    return status ? status : check_twice(s, feeds, feed_count, err);
}

int neap__check_options(const neap_run_options *options, const char *function,
                        neap_error *err)
{
    if (!options || options->size == sizeof *options)
        return NEAP_OK;
    return neap__fail(err, NEAP_EARG,
                      "%s: options of %zu bytes: begin with NEAP_RUN_OPTIONS_INIT",
                      function, options->size);
}

int neap_session_run_with(neap_session *s, const neap_run_options *options,
                          const neap_feed *feeds, size_t feed_count,
                          neap_node *const *fetches, size_t fetch_count,
                          neap_tensor **out, neap_error *err)
{
    neap_error own = NEAP_ERROR_INIT;
    err = err ? err : &own;
    bool given =
        (feeds || !feed_count) && (fetches || !fetch_count) && (out || !fetch_count);
    if (!neap__session_ready(s, "neap_session_run", given, err))
        return err->code;
    if (!given)
        return neap__null(err, "neap_session_run",
                          !feeds && feed_count ? "feeds"
                          : !out               ? "out"
                                               : "fetches");
    if (neap__check_options(options, "neap_session_run", err))
        return err->code;
    int status = check_run(s, feeds, feed_count, fetches, fetch_count, err);
    if (status)
        return status;
    neap__running r = {.feeds = feeds,
                       .feed_count = feed_count,
                       .fetches = fetches,
                       .fetch_count = fetch_count};
    status = neap__run_enter(&r, s, options, err);
    if (status)
        return status;
    status = fetch_count ? neap__run_whole(&r, out, err) : NEAP_OK;
    neap__run_leave(&r);
    return status;
}

int neap_session_run(neap_session *s, const neap_feed *feeds, size_t feed_count,
                     neap_node *const *fetches, size_t fetch_count, neap_tensor **out,
                     neap_error *err)
{
    return neap_session_run_with(s, NULL, feeds, feed_count, fetches, fetch_count, out,
                                 err);
}

int neap_session_explain_with(neap_session *s, const neap_run_options *options,
                              const neap_feed *feeds, size_t feed_count,
                              neap_node *const *fetches, size_t fetch_count, char *text,
                              size_t size, size_t *length, neap_error *err)
{
    neap_error own = NEAP_ERROR_INIT;
    err = err ? err : &own;
    bool given =
        length && (text || !size) && (feeds || !feed_count) && (fetches || !fetch_count);
    if (!neap__session_ready(s, "neap_session_explain", given, err))
        return err->code;
    if (!given)
        return neap__null(err, "neap_session_explain",
                          !length                ? "length"
                          : !text && size        ? "text"
                          : !feeds && feed_count ? "feeds"
                                                 : "fetches");
    int status = neap__check_options(options, "neap_session_explain", err);
    status = status ? status : check_run(s, feeds, feed_count, fetches, fetch_count, err);
    neap__running r = {.feeds = feeds,
                       .feed_count = feed_count,
                       .fetches = fetches,
                       .fetch_count = fetch_count};
    status = status ? status : neap__run_enter(&r, s, options, err);
    if (status)
        return status;
    neap__text t = neap__text_over(text, size);
    status = neap__run_explain(&r, &t, err);
    neap__run_leave(&r);
    if (!status)
        *length = t.length;
    return status;
}

int neap_session_explain(neap_session *s, const neap_feed *feeds, size_t feed_count,
                         neap_node *const *fetches, size_t fetch_count, char *text,
                         size_t size, size_t *length, neap_error *err)
{
    return neap_session_explain_with(s, NULL, feeds, feed_count, fetches, fetch_count,
                                     text, size, length, err);
}

/* ---- Variables ------------------------------------------------------------------- */

static int check_variable(const neap_session *s, const neap_node *n, const char *function,
                          neap_error *err)
{
    if (!n)
        return neap__null(err, function, "variable");
    char node[NEAP__NODE_SIZE];
    if (n->op != &neap__op_variable)
        return neap__fail(err, NEAP_EARG, "%s: %s is not a variable", function,
                          neap__node_text(node, n));
    if (n->graph != s->graph)
        return neap__fail(err, NEAP_ESTATE,
                          "%s: %s is of another graph than the session's", function,
                          neap__node_text(node, n));
    return NEAP_OK;
}

int neap_session_get_with(neap_session *s, const neap_run_options *options,
                          neap_node *variable, neap_tensor **out, neap_error *err)
{
    neap_error own = NEAP_ERROR_INIT;
    err = err ? err : &own;
    if (!neap__session_ready(s, "neap_session_get", out && variable, err))
        return err->code;
    if (!out)
        return neap__null(err, "neap_session_get", "out");
    int status = neap__check_options(options, "neap_session_get", err);
    status = status ? status : check_variable(s, variable, "neap_session_get", err);
    if (status)
        return status;
    *out = NULL;
    neap__running r = {.fetches = &variable, .fetch_count = 1};
    status = neap__run_enter(&r, s, options, err);
    if (status)
        return status;
    /* A value that is there needs no plan, which would push one that is used out of the
     * cache. */
    pthread_mutex_lock(&s->lock);
    neap_tensor *t = neap__value_of(&r, variable);
    *out = t ? neap__tensor_keep(t) : NULL;
    pthread_mutex_unlock(&s->lock);
    if (!*out)
        status = neap__run_whole(&r, out, err);
    neap__run_leave(&r);
    return status;
}

int neap_session_get(neap_session *s, neap_node *variable, neap_tensor **out,
                     neap_error *err)
{
    return neap_session_get_with(s, NULL, variable, out, err);
}

int neap_session_set(neap_session *s, neap_node *variable, neap_tensor *value,
                     neap_error *err)
{
    neap_error own = NEAP_ERROR_INIT;
    err = err ? err : &own;
    if (!neap__session_ready(s, "neap_session_set", value && variable, err))
        return err->code;
    if (!value)
        return neap__null(err, "neap_session_set", "value");
    int status = check_variable(s, variable, "neap_session_set", err);
    if (status)
        return status;
    char node[NEAP__NODE_SIZE], is[NEAP__SHAPE_SIZE], takes[NEAP__SHAPE_SIZE];
    neap__node_text(node, variable);
    if (value->dtype != variable->fact.dtype)
        return neap__fail(err, NEAP_EDTYPE, "%s: set to %s, it is %s", node,
                          neap_dtype_name(value->dtype),
                          neap_dtype_name(variable->fact.dtype));
    if (!neap__shape_compatible(&value->shape, &variable->fact.shape))
        return neap__fail(err, NEAP_ESHAPE, "%s: set to shape %s, it has %s", node,
                          neap__shape_text(is, &value->shape),
                          neap__shape_text(takes, &variable->fact.shape));
    neap__running r = {0};
    status = neap__run_enter(&r, s, NULL, err);
    if (status)
        return status;
    neap__take_turn(&r);
    pthread_mutex_lock(&s->lock);
    neap_tensor *old = NULL;
    if (!neap__state_room(s, (size_t)variable->list_index + 1, err)) {
        status = err->code;
    } else {
        old = s->states[variable->list_index];
        s->states[variable->list_index] = neap_tensor_retain(value);
    }
    pthread_mutex_unlock(&s->lock);
    neap__run_leave(&r);
    neap_tensor_release(old);
    return status;
}

int neap_session_initialize_with(neap_session *s, const neap_run_options *options,
                                 neap_error *err)
{
    neap_error own = NEAP_ERROR_INIT;
    err = err ? err : &own;
    if (!neap__session_ready(s, "neap_session_initialize", true, err))
        return err->code;
    neap__running r = {.initialize = true};
    int status = neap__check_options(options, "neap_session_initialize", err);
    status = status ? status : neap__run_enter(&r, s, options, err);
    if (status)
        return status;
    neap__take_turn(&r);
    size_t count = s->graph->variable_count;
    status = neap__first_values(&r, s->graph->variables, count, err);
    pthread_mutex_lock(&s->lock);
    if (!status && !neap__state_room(s, r.first_count, err))
        status = err->code;
    for (size_t i = 0; i < r.first_count && !status; i++) {
        if (!r.first[i])
            continue;
        neap_tensor *old = s->states[i];
        s->states[i] = r.first[i];
        r.first[i] = old; /* released when the run leaves */
    }
    pthread_mutex_unlock(&s->lock);
    neap__run_leave(&r);
    return status;
}

int neap_session_initialize(neap_session *s, neap_error *err)
{
    return neap_session_initialize_with(s, NULL, err);
}
