/* walk.c - which nodes some nodes need, in order of creation, in time linear in what
 * is met (and, where that is many, in one bit for each node before them). */
#include "graph/graph.h"

#include <string.h>

bool neap__set_init(neap__set *s, neap__account *account, size_t count, neap_error *err)
{
    s->count = count;
    s->account = account;
    s->words = neap__alloc_zero(account, (count / 64 + 1) * sizeof *s->words,
                                NEAP_MEMORY_SMALL, err);
    return s->words != NULL;
}

void neap__set_free(neap__set *s)
{
    if (s->words)
        neap__free(s->account, s->words, (s->count / 64 + 1) * sizeof *s->words,
                   NEAP_MEMORY_SMALL);
    s->words = NULL;
}

/* ---- Few nodes -------------------------------------------------------------------- */

enum { FEW = 64 };

static bool meet_few(neap_node **list, size_t *count, neap_node *n)
{
    for (size_t i = 0; i < *count; i++)
        if (list[i] == n)
            return true;
    if (*count == FEW)
        return false;
    list[(*count)++] = n;
    return true;
}

/* The walk without a set, whose size grows with the graph: a value late in a large graph may hang on
 * few others. False if it meets more than FEW. */
static bool walk_few(neap_node *const *roots, size_t root_count, bool controls,
                     const neap__set *stop, neap_node *list[FEW], size_t *count)
{
    bool fits = true;
    for (size_t i = 0; i < root_count && fits; i++)
        fits = meet_few(list, count, roots[i]);
    for (size_t next = 0; next < *count && fits; next++) {
        const neap_node *n = list[next];
        if (stop && neap__set_has(stop, n->index))
            continue;
        for (uint32_t i = 0; i < n->input_count && fits; i++)
            fits = meet_few(list, count, n->inputs[i]);
        for (uint32_t i = 0; controls && i < n->control_count && fits; i++)
            fits = meet_few(list, count, n->controls[i]);
    }
    for (size_t i = 1; i < *count && fits; i++) { /* in order */
        neap_node *n = list[i];
        size_t at = i;
        for (; at > 0 && list[at - 1]->index > n->index; at--)
            list[at] = list[at - 1];
        list[at] = n;
    }
    return fits;
}

/* ---- Many nodes ------------------------------------------------------------------- */

/* The nodes met, in the order in which they were: the list is the queue of the walk
 * too. */
typedef struct walk {
    neap__set met;
    neap_node **list;
    size_t count, capacity;
} walk;

static bool meet(walk *w, neap_node *n, neap_error *err)
{
    if (neap__set_has(&w->met, n->index))
        return true;
    if (!neap__grow(w->met.account, (void **)&w->list, &w->capacity, w->count + 1,
                    sizeof *w->list, NEAP_MEMORY_SMALL, err))
        return false;
    neap__set_add(&w->met, n->index);
    w->list[w->count++] = n;
    return true;
}

static bool follow(walk *w, bool controls, const neap__set *stop, neap_error *err)
{
    for (size_t next = 0; next < w->count; next++) {
        const neap_node *n = w->list[next];
        if (stop && neap__set_has(stop, n->index))
            continue;
        for (uint32_t i = 0; i < n->input_count; i++)
            if (!meet(w, n->inputs[i], err))
                return false;
        for (uint32_t i = 0; controls && i < n->control_count; i++)
            if (!meet(w, n->controls[i], err))
                return false;
    }
    return true;
}

/* A node's place is the number of members before it: those of the words before, and of
 * its own. */
static bool arrange(const walk *w, neap_node **out, neap_error *err)
{
    size_t words = w->met.count / 64 + 1, before = 0;
    size_t *starts =
        neap__alloc(w->met.account, words * sizeof *starts, NEAP_MEMORY_SMALL, err);
    if (!starts)
        return false;
    for (size_t i = 0; i < words; i++) {
        starts[i] = before;
        before += (size_t)__builtin_popcountll(w->met.words[i]);
    }
    for (size_t i = 0; i < w->count; i++) {
        uint64_t index = w->list[i]->index;
        uint64_t below = w->met.words[index >> 6] & ((UINT64_C(1) << (index & 63)) - 1);
        out[starts[index >> 6] + (size_t)__builtin_popcountll(below)] = w->list[i];
    }
    neap__free(w->met.account, starts, words * sizeof *starts, NEAP_MEMORY_SMALL);
    return true;
}

int neap__ancestors(neap__account *account, neap_node *const *roots, size_t root_count,
                    bool controls, const neap__set *stop, neap_node ***out, size_t *count,
                    size_t *capacity, neap_error *err)
{
    /* Ancestors come before their roots: nothing is asked of the graph, which may be
     * growing. */
    walk w = {.list = NULL};
    uint64_t last = 0;
    neap_node *few[FEW];
    size_t found = 0;
    if (walk_few(roots, root_count, controls, stop, few, &found)) {
        *out = neap__alloc(account, found * sizeof **out, NEAP_MEMORY_SMALL, err);
        if (!*out)
            return neap__failed(err) ? err->code : NEAP_ENOMEM;
        if (found)
            memcpy(*out, few, found * sizeof **out);
        *count = *capacity = found;
        return NEAP_OK;
    }
    for (size_t i = 0; i < root_count; i++)
        last = roots[i]->index > last ? roots[i]->index : last;
    bool done = neap__set_init(&w.met, account, (size_t)last + 1, err);
    for (size_t i = 0; i < root_count && done; i++)
        done = meet(&w, roots[i], err);
    done = done && follow(&w, controls, stop, err);
    neap_node **sorted = NULL;
    if (done)
        sorted = neap__alloc(account, w.count * sizeof *sorted, NEAP_MEMORY_SMALL, err);
    if (sorted && !arrange(&w, sorted, err)) {
        neap__free(account, sorted, w.count * sizeof *sorted, NEAP_MEMORY_SMALL);
        sorted = NULL;
    }
    neap__free(account, w.list, w.capacity * sizeof *w.list, NEAP_MEMORY_SMALL);
    neap__set_free(&w.met);
    if (!sorted)
        return neap__failed(err) ? err->code : NEAP_ENOMEM;
    *out = sorted;
    *count = *capacity = w.count;
    return NEAP_OK;
}
