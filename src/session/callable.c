/* callable.c - one run, prepared: checks are made once, and the last plan is at hand. */
#include "session/session.h"

#include <string.h>

#define FEW 16 /* placeholders whose feeds lie on the stack */

static neap_node **copy_nodes(neap__account *a, neap_node *const *nodes, size_t count,
                              neap_error *err)
{
    neap_node **copy = neap__alloc(a, count * sizeof *copy, NEAP_MEMORY_SMALL, err);
    if (copy && count)
        memcpy(copy, nodes, count * sizeof *copy);
    return copy;
}

neap_callable *neap_callable_new(neap_session *s, neap_node *const *placeholders,
                                 size_t placeholder_count, neap_node *const *fetches,
                                 size_t fetch_count, neap_error *err)
{
    neap_error own = NEAP_ERROR_INIT;
    err = err ? err : &own;
    if (!neap__session_ready(s, "neap_callable_new", false, err))
        return NULL;
    if ((!placeholders && placeholder_count) || (!fetches && fetch_count)) {
        neap__null(err, "neap_callable_new",
                   !fetches && fetch_count ? "fetches" : "placeholders");
        return NULL;
    }
    for (size_t i = 0; i < fetch_count; i++) {
        if (neap__check_node(s, fetches[i], "fetch", i, err))
            return NULL;
    }
    for (size_t i = 0; i < placeholder_count; i++) {
        char node[NEAP__NODE_SIZE];
        if (neap__check_node(s, placeholders[i], "placeholder", i, err))
            return NULL;
        for (size_t k = 0; k < i; k++) {
            if (placeholders[k] != placeholders[i])
                continue;
            neap__fail(err, NEAP_EARG, "%s: given twice",
                       neap__node_text(node, placeholders[i]));
            return NULL;
        }
    }
    neap__account *a = s->account;
    neap_callable *c = neap__alloc_zero(a, sizeof *c, NEAP_MEMORY_SMALL, err);
    if (!c)
        return NULL;
    c->session = s;
    c->account = a;
    c->placeholder_count = placeholder_count;
    c->fetch_count = fetch_count;
    c->placeholders = copy_nodes(a, placeholders, placeholder_count, err);
    c->fetches = copy_nodes(a, fetches, fetch_count, err);
    if (!c->placeholders || !c->fetches) {
        neap_callable_free(c);
        return NULL;
    }
    return c;
}

void neap_callable_free(neap_callable *c)
{
    if (!c)
        return;
    neap__plan_release(c->plan);
    neap__free(c->account, c->placeholders,
               c->placeholder_count * sizeof *c->placeholders, NEAP_MEMORY_SMALL);
    neap__free(c->account, c->fetches, c->fetch_count * sizeof *c->fetches,
               NEAP_MEMORY_SMALL);
    neap__free(c->account, c, sizeof *c, NEAP_MEMORY_SMALL);
}

void neap__callable_keep(neap_callable *c, neap__plan *p)
{
    neap__plan_retain(p);
    pthread_mutex_lock(&c->session->lock);
    neap__plan *old = c->plan;
    c->plan = p;
    pthread_mutex_unlock(&c->session->lock);
    neap__plan_release(old);
}

static int run_with(neap_callable *c, const neap_run_options *options, neap_feed *feeds,
                    neap_tensor *const *values, neap_tensor **out, neap_error *err)
{
    for (size_t i = 0; i < c->placeholder_count; i++) {
        feeds[i] = (neap_feed){c->placeholders[i], values[i]};
        int status = neap__check_feed(c->session, &feeds[i], i, err);
        if (status)
            return status;
    }
    neap__running r = {.feeds = feeds,
                       .feed_count = c->placeholder_count,
                       .fetches = c->fetches,
                       .fetch_count = c->fetch_count,
                       .callable = c};
    int status = neap__run_enter(&r, c->session, options, err);
    if (status)
        return status;
    status = neap__run_whole(&r, out, err);
    neap__run_leave(&r);
    return status;
}

int neap_callable_run(neap_callable *c, const neap_run_options *options,
                      neap_tensor *const *values, neap_tensor **out, neap_error *err)
{
    neap_error own; /* not all of it: setting 500 bytes would show in the time */
    neap__clear(&own);
    err = err ? err : &own;
    if (!c || (!values && c->placeholder_count) || (!out && c->fetch_count))
        return neap__null(err, "neap_callable_run",
                          !c     ? "callable"
                          : !out ? "out"
                                 : "values");
    if (!neap__session_ready(c->session, "neap_callable_run", true, err))
        return err->code;
    if (neap__check_options(options, "neap_callable_run", err))
        return err->code;
    if (!c->fetch_count)
        return NEAP_OK;
    if (c->placeholder_count <= FEW) {
        neap_feed feeds[FEW];
        return run_with(c, options, feeds, values, out, err);
    }
    size_t bytes = c->placeholder_count * sizeof(neap_feed);
    neap_feed *feeds = neap__alloc(c->account, bytes, NEAP_MEMORY_SMALL, err);
    if (!feeds)
        return err->code;
    int status = run_with(c, options, feeds, values, out, err);
    neap__free(c->account, feeds, bytes, NEAP_MEMORY_SMALL);
    return status;
}
