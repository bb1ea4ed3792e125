/* places.c - the host's own tensors, in which a run writes results.
 *
 * A tensor never changes while others can see it. So the host alone may hold such a
 * place, and its memory may be nothing else that this run or the session has: no value
 * that is fed (feeds are borrowed, so that counts do not tell), no constant and no
 * variable's value (which may lie in the host's memory too), no other place.
 *
 * The places are sorted by their memory; then neighbours are compared, and everything
 * else is looked up. */
#include "session/session.h"

typedef struct places {
    neap_tensor **sorted; /* by start, borrowed; once checked, none shares memory */
    size_t count;
} places;

/* Where a tensor's memory begins and ends. One of no bytes stands for itself, so that it
 * is not taken twice either. */
static uintptr_t start_of(const neap_tensor *t)
{
    return (uintptr_t)(t->bytes ? t->data : (const void *)t);
}

static uintptr_t end_of(const neap_tensor *t)
{
    return start_of(t) + (t->bytes ? t->bytes : 1);
}

/* ---- Sorted ---------------------------------------------------------------------- */

/* A heap's root, the latest start, sinks to its place among `count`. */
static void sink(neap_tensor **heap, size_t root, size_t count)
{
    neap_tensor *t = heap[root];
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && start_of(heap[child]) < start_of(heap[child + 1]))
            child++;
        if (start_of(t) >= start_of(heap[child]))
            break;
        heap[root] = heap[child];
    }
    heap[root] = t;
}

static void sort(places *p)
{
    for (size_t i = p->count / 2; i-- > 0;)
        sink(p->sorted, i, p->count);
    for (size_t last = p->count; last-- > 1;) {
        neap_tensor *latest = p->sorted[0];
        p->sorted[0] = p->sorted[last];
        p->sorted[last] = latest;
        sink(p->sorted, 0, last);
    }
}

/* The place that shares memory with a tensor, or NULL: the last one that starts before
 * its end, if any. */
static const neap_tensor *shared(const places *p, const neap_tensor *t)
{
    size_t low = 0, high = p->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (start_of(p->sorted[middle]) < end_of(t))
            low = middle + 1;
        else
            high = middle;
    }
    return low && end_of(p->sorted[low - 1]) > start_of(t) ? p->sorted[low - 1] : NULL;
}

/* ---- Checked --------------------------------------------------------------------- */

static unsigned number_of(neap_tensor *const *out, const neap_tensor *place)
{
    unsigned i = 0;
    while (out[i] != place)
        i++;
    return i;
}

static int check_each(places *p, neap_tensor *const *out, size_t count, neap_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!out[i])
            continue;
        p->sorted[p->count++] = out[i];
    }
    sort(p);
    for (size_t i = 1; i < p->count; i++) {
        const neap_tensor *a = p->sorted[i - 1], *b = p->sorted[i];
        if (end_of(a) <= start_of(b))
            continue;
        unsigned first = number_of(out, a), second = number_of(out, b);
        if (a == b)
            second = first + 1 + number_of(out + first + 1, b);
        return neap__fail(err, NEAP_EARG, "out[%u] and out[%u] share memory",
                          first < second ? first : second,
                          first < second ? second : first);
    }
    for (size_t i = 0; i < count; i++) {
        if (out[i] && (out[i]->base || atomic_load_explicit(&out[i]->references,
                                                            memory_order_acquire) > 1))
            return neap__fail(err, NEAP_EARG,
                              "out[%u] is held by others too and cannot be written",
                              (unsigned)i);
    }
    return NEAP_OK;
}

static int check_feeds(const neap__running *r, const places *p, neap_tensor *const *out,
                       neap_error *err)
{
    char node[NEAP__NODE_SIZE];
    for (size_t i = 0; i < r->feed_count; i++) {
        const neap_tensor *place = shared(p, r->feeds[i].value);
        if (place)
            return neap__fail(
                err, NEAP_EARG, "out[%u] shares memory with the value fed to %s",
                number_of(out, place), neap__node_text(node, r->feeds[i].node));
    }
    return NEAP_OK;
}

static int check_constants(const neap__outline *o, const places *p,
                           neap_tensor *const *out, neap_error *err)
{
    char node[NEAP__NODE_SIZE];
    for (uint32_t i = 0; i < o->constant_count; i++) {
        const neap_tensor *place = shared(p, o->constants[i]);
        if (!place)
            continue;
        const neap__item *item = o->items;
        while (item->role != NEAP__ROLE_CONSTANT || item->slot != i)
            item++;
        return neap__fail(err, NEAP_EARG, "out[%u] shares memory with %s",
                          number_of(out, place), neap__node_text(node, item->node));
    }
    return NEAP_OK;
}

static const neap_tensor *shared_by_one(const places *p, neap_tensor *const *values,
                                        size_t count, size_t *which)
{
    const neap_tensor *place = NULL;
    for (size_t i = 0; i < count && !place; i++) {
        place = values[i] ? shared(p, values[i]) : NULL;
        *which = i;
    }
    return place;
}

/* All of the session, not only those that this run reads; these alone have a name here,
 * for the graph may be growing. Only memory of the host can be shared with one of them:
 * of neap's own it would be the same tensor, whose count tells. */
static int check_variables(const neap__running *r, const neap__outline *o,
                           const places *p, neap_tensor *const *out, neap_error *err)
{
    neap_session *s = r->session;
    bool own = true;
    for (size_t i = 0; i < p->count; i++)
        own &= neap__tensor_exclusive(p->sorted[i]);
    if (own)
        return NEAP_OK;
    char node[NEAP__NODE_SIZE] = "a variable's value";
    size_t which = 0;
    pthread_mutex_lock(&s->lock);
    const neap_tensor *place = shared_by_one(p, s->states, s->state_count, &which);
    pthread_mutex_unlock(&s->lock);
    if (!place)
        place = shared_by_one(p, r->first, r->first_count, &which);
    if (!place)
        return NEAP_OK;
    for (uint32_t i = 0; i < o->variable_count; i++) {
        if ((size_t)o->variables[i].node->list_index == which)
            neap__node_text(node, o->variables[i].node);
    }
    return neap__fail(err, NEAP_EARG, "out[%u] shares memory with %s",
                      number_of(out, place), node);
}

int neap__check_places(const neap__running *r, const neap__outline *o, neap_tensor **room,
                       neap_error *err)
{
    places p = {room, 0};
    int status = check_each(&p, r->out, r->fetch_count, err);
    if (!p.count || status)
        return status;
    status = check_feeds(r, &p, r->out, err);
    status = status ? status : check_constants(o, &p, r->out, err);
    return status ? status : check_variables(r, o, &p, r->out, err);
}
