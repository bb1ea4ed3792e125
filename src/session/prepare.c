/* prepare.c - from what a run asks to the plan that it executes: found in the cache, or
 * made; with what must come first: the segments that tell sizes, and the first values of
 * variables. */
#include "session/session.h"

#include <string.h>

/* ---- Keys ------------------------------------------------------------------------ */

#define KEY_WORDS 96 /* on the stack; longer keys are allocated */

typedef struct words {
    uint64_t few[KEY_WORDS];
    uint64_t *data;
    size_t count, capacity;
    neap__account *account;
} words;

static void words_begin(words *w, neap__account *account)
{
    w->data = w->few;
    w->count = 0;
    w->capacity = KEY_WORDS;
    w->account = account;
}

static void words_free(words *w)
{
    if (w->data != w->few)
        neap__free(w->account, w->data, w->capacity * sizeof *w->data, NEAP_MEMORY_SMALL);
}

static bool words_room(words *w, size_t more, neap_error *err)
{
    if (w->count + more <= w->capacity)
        return true;
    size_t capacity = (w->count + more) * 2;
    uint64_t *data =
        neap__alloc(w->account, capacity * sizeof *data, NEAP_MEMORY_SMALL, err);
    if (!data)
        return false;
    memcpy(data, w->data, w->count * sizeof *data);
    words_free(w);
    w->data = data;
    w->capacity = capacity;
    return true;
}

static neap__key key_of(const words *w)
{
    uint64_t hash = w->count;
    for (size_t i = 0; i < w->count; i++)
        hash = neap__mix(hash, w->data[i]);
    return (neap__key){w->data, w->count, hash};
}

/* Fetches, feeds, and of each feed its rank and which dimensions are one. */
static bool structure_words(const neap__running *r, words *w, neap_error *err)
{
    if (!words_room(w, 1 + r->fetch_count + 2 * r->feed_count, err))
        return false;
    w->data[w->count++] = r->fetch_count;
    for (size_t i = 0; i < r->fetch_count; i++)
        w->data[w->count++] = r->fetches[i]->index;
    for (size_t i = 0; i < r->feed_count; i++) {
        const neap__shape *shape = &r->feeds[i].value->shape;
        uint64_t ones = 0;
        for (int d = 0; d < shape->rank; d++)
            ones |= (uint64_t)(shape->dims[d] == 1) << d;
        w->data[w->count++] = r->feeds[i].node->index;
        w->data[w->count++] = (uint64_t)shape->rank << 8 | ones;
    }
    return true;
}

static bool shape_words(words *w, const neap__shape *shape, neap_error *err)
{
    if (!words_room(w, NEAP_MAX_RANK + 1, err))
        return false;
    w->data[w->count++] = (uint64_t)shape->rank;
    for (int d = 0; d < shape->rank; d++)
        w->data[w->count++] = (uint64_t)shape->dims[d];
    return true;
}

/* The sizes that a structure depends on: of feeds, of fed values, of open variables.
 * Under the lock. */
static bool size_words(const neap__running *r, const neap__structure *s, words *w,
                       neap_error *err)
{
    for (uint32_t i = 0; i < s->feed_count; i++) {
        const neap_tensor *t = r->feeds[i].value;
        if (s->feeds[i] == NEAP__NONE)
            continue;
        if (!shape_words(w, &t->shape, err))
            return false;
        if (!s->feed_values[i])
            continue;
        if (!words_room(w, (size_t)t->size, err))
            return false;
        for (int64_t k = 0; k < t->size; k++)
            w->data[w->count++] = neap__element_bits(t->dtype, t->data, k);
    }
    for (uint32_t i = 0; i < s->variable_count && s->open; i++) {
        if (s->variables[i].open && s->variables[i].item != NEAP__NONE &&
            !shape_words(w, &neap__value_of(r, s->variables[i].node)->shape, err))
            return false;
    }
    return true;
}

/* ---- Requests -------------------------------------------------------------------- */

typedef struct asked {
    neap__request request;
    neap_node **nodes;
    neap__fact *facts;
    neap__known *known;
    neap__arena arena;
} asked;

static int variable_shape(void *context, const neap_node *variable, neap__shape *shape,
                          neap_error *err)
{
    neap__running *r = context;
    neap_node *v = (neap_node *)variable;
    neap__take_turn(r); /* until the run pins it, nobody may give it another shape */
    int status = neap__first_values(r, &v, 1, err);
    if (status)
        return status;
    pthread_mutex_lock(&r->session->lock);
    *shape = neap__value_of(r, variable)->shape;
    pthread_mutex_unlock(&r->session->lock);
    return NEAP_OK;
}

/* Fed integers of rank at most one are told as values: a size may depend on them. */
static const neap__known *known_values(const neap_tensor *t, neap__known *known)
{
    if (!neap__is_integer(t->dtype) || t->dtype == NEAP_UINT64 || t->shape.rank > 1 || t->size > NEAP__KNOWN)
        return NULL;
    known->count = (int)t->size;
    known->mask = (UINT32_C(1) << t->size) - 1;
    for (int64_t i = 0; i < t->size; i++)
        known->values[i] = neap__element_integer(t->dtype, t->data, i);
    return known;
}

static int ask(neap__running *r, asked *a, neap_error *err)
{
    neap__arena_init(&a->arena, r->session->account, NEAP_MEMORY_SMALL);
    a->nodes = neap__arena_array(&a->arena, r->feed_count, sizeof *a->nodes, err);
    a->facts = neap__arena_array(&a->arena, r->feed_count, sizeof *a->facts, err);
    a->known = neap__arena_array(&a->arena, r->feed_count, sizeof *a->known, err);
    if (!a->nodes || !a->facts || !a->known)
        return err->code;
    for (size_t i = 0; i < r->feed_count; i++) {
        const neap_tensor *t = r->feeds[i].value;
        a->nodes[i] = r->feeds[i].node;
        a->facts[i] = (neap__fact){t->dtype, t->shape, known_values(t, &a->known[i])};
    }
    a->request = (neap__request){.fetches = r->fetches,
                                 .fetch_count = r->fetch_count,
                                 .feeds = a->nodes,
                                 .facts = a->facts,
                                 .feed_count = r->feed_count,
                                 .variable_shape = variable_shape,
                                 .context = r,
                                 .caller = r->caller};
    return NEAP_OK;
}

/* ---- Segments -------------------------------------------------------------------- */

static int add_segment_feeds(neap__running *r, neap_node *const *nodes,
                             neap_tensor **values, size_t count, neap_error *err)
{
    neap__account *account = r->session->account;
    size_t total = r->feed_count + count;
    if (!neap__grow(account, (void **)&r->segments, &r->segment_capacity, total,
                    sizeof *r->segments, NEAP_MEMORY_SMALL, err))
        return err->code;
    if (r->feeds != r->segments && r->feed_count)
        memcpy(r->segments, r->feeds, r->feed_count * sizeof *r->feeds);
    for (size_t i = 0; i < count; i++)
        r->segments[r->feed_count + i] = (neap_feed){nodes[i], values[i]};
    r->feeds = r->segments;
    r->feed_count = total;
    r->segment_count += count; /* the last ones are held by this run */
    return NEAP_OK;
}

/* Computes what a segment ends with, and feeds it to the rest of the run. Under the turn,
 * so that all segments see the variables alike. */
static int run_segment(neap__running *r, const neap__structure *s, neap_error *err)
{
    neap__account *account = r->session->account;
    size_t count = s->segment_count, bytes = count * sizeof(neap_tensor *);
    neap_node *const *fetches = r->fetches;
    size_t fetch_count = r->fetch_count;
    neap_tensor **values = neap__alloc_zero(account, bytes, NEAP_MEMORY_SMALL, err);
    if (!values)
        return err->code;
    neap__take_turn(r);
    r->fetches = s->segment;
    r->fetch_count = count;
    neap__plan *p = NULL;
    int status = neap__prepare(r, &p, err);
    if (!status) {
        r->random |= p->structure->random;
        status = neap__run_plan(r, p, false, values, err);
    }
    neap__plan_release(p);
    r->fetches = fetches;
    r->fetch_count = fetch_count;
    if (!status)
        status = add_segment_feeds(r, s->segment, values, count, err);
    for (size_t i = 0; i < count && status; i++)
        neap_tensor_release(values[i]);
    neap__free(account, values, bytes, NEAP_MEMORY_SMALL);
    return status;
}

/* ---- Plans ----------------------------------------------------------------------- */

/* Under the lock: do all variables that the structure reads have a value? */
static bool has_values(const neap__running *r, const neap__structure *s)
{
    for (uint32_t i = 0; i < s->variable_count; i++) {
        if (!neap__value_of(r, s->variables[i].node))
            return false;
    }
    return true;
}

static int make_values(neap__running *r, const neap__structure *s, neap_error *err)
{
    for (uint32_t i = 0; i < s->variable_count; i++) {
        neap_node *v = s->variables[i].node;
        int status = neap__first_values(r, &v, 1, err);
        if (status)
            return status;
    }
    return NEAP_OK;
}

/* Under the lock: a plan in the cache, held; or NULL with, in *structure, what kept it
 * from being found: a structure that ends a segment or whose variables need values
 * (held), or NULL. */
static neap__plan *find_plan(neap__running *r, const neap__key *key,
                             neap__structure **structure, neap_error *err)
{
    neap__cache *cache = &r->session->cache;
    neap__plan *plan = NULL;
    *structure = NULL;
    neap__entry *next;
    for (neap__entry *e = neap__cache_find(cache->entries, key); e && !plan;
         e = neap__cache_find(next, key)) {
        neap__structure *s = e->structure;
        next = e->next;
        if (s->segment_count || (s->open && !r->turn) || !has_values(r, s)) {
            neap__structure_retain(s);
            *structure = s;
            return NULL;
        }
        words w;
        words_begin(&w, r->session->account);
        if (size_words(r, s, &w, err)) {
            neap__key sizes = key_of(&w);
            plan = neap__cache_plan(cache, e, &sizes);
        }
        words_free(&w);
        if (neap__failed(err))
            return NULL;
    }
    if (plan)
        neap__plan_retain(plan);
    return plan;
}

static void keep_plan(neap__running *r, const neap__key *key, neap__structure *s,
                      neap__plan *p)
{
    neap_session *session = r->session;
    if (r->initial) /* made once */
        return;
    words w;
    words_begin(&w, session->account);
    pthread_mutex_lock(&session->lock);
    neap__entry *e = session->cache.entries;
    while (e && e->structure != s)
        e = e->next;
    if (!e)
        e = neap__cache_add(&session->cache, session->account, key, s);
    if (e && p && size_words(r, s, &w, NULL)) {
        neap__key sizes = key_of(&w);
        neap__cache_add_plan(&session->cache, session->account, e, &sizes, p);
    }
    pthread_mutex_unlock(&session->lock);
    words_free(&w);
}

/* A plan from a structure that the cache holds for the key, if one serves these sizes. */
static int plan_from_cache(neap__running *r, const neap__key *key, const asked *a,
                           neap__plan **out, neap_error *err)
{
    neap_session *session = r->session;
    int status = NEAP__STALE;
    for (size_t skip = 0; status == NEAP__STALE; skip++) {
        pthread_mutex_lock(&session->lock);
        neap__entry *e = neap__cache_find(session->cache.entries, key);
        for (size_t i = 0; i < skip && e; i++)
            e = neap__cache_find(e->next, key);
        neap__structure *s = e ? e->structure : NULL;
        if (s)
            neap__structure_retain(s);
        pthread_mutex_unlock(&session->lock);
        if (!s)
            break;
        status = neap__plan_new(&session->target, s, &a->request, out, err);
        neap__structure_release(s);
    }
    return status;
}

/* Makes a plan, and the structure if need be. *structure receives one that needs
 * something first. */
static int make_plan(neap__running *r, const neap__key *key, neap__plan **out,
                     neap__structure **structure, neap_error *err)
{
    neap_session *session = r->session;
    asked a;
    neap__structure *s = NULL;
    int status = ask(r, &a, err);
    if (!status)
        status = plan_from_cache(r, key, &a, out, err);
    if (status == NEAP__STALE) {
        s = neap__structure_new(&session->target, &a.request, err);
        status = s ? NEAP_OK : err->code;
        if (s && s->segment_count) {
            keep_plan(r, key, s, NULL);
            *structure = s;
            s = NULL;
        } else if (s) {
            status = make_values(r, s, err);
            if (!status)
                status = neap__plan_new(&session->target, s, &a.request, out, err);
            if (status == NEAP__STALE)
                status = neap__fail(err, NEAP_ESTATE,
                                    "a variable's shape changed while a plan "
                                    "was made");
        }
    }
    if (!status && *out)
        keep_plan(r, key, (*out)->structure, *out);
    neap__structure_release(s);
    neap__arena_free(&a.arena);
    return status;
}

int neap__prepare(neap__running *r, neap__plan **out, neap_error *err)
{
    neap_session *session = r->session;
    int status = NEAP_OK;
    *out = NULL;
    while (!*out && !status) {
        words w;
        words_begin(&w, session->account);
        neap__structure *first = NULL; /* what must be seen to first */
        if (!structure_words(r, &w, err)) {
            status = err->code;
        } else {
            neap__key key = key_of(&w);
            pthread_mutex_lock(&session->lock);
            *out = find_plan(r, &key, &first, err);
            pthread_mutex_unlock(&session->lock);
            if (!*out && !first)
                status =
                    neap__failed(err) ? err->code : make_plan(r, &key, out, &first, err);
        }
        words_free(&w);
        if (first && first->segment_count)
            status = run_segment(r, first, err);
        else if (first) {
            neap__take_turn(r);
            status = make_values(r, first, err);
        }
        neap__structure_release(first);
    }
    return status;
}

/* ---- First values ---------------------------------------------------------------- */

bool neap__values_room(neap__running *r, neap_tensor ***values, size_t *held,
                       size_t count, neap_error *err)
{
    if (count <= *held)
        return true;
    neap__account *account = r->session->account;
    count += count / 2 + 8;
    neap_tensor **grown =
        neap__alloc_zero(account, count * sizeof *grown, NEAP_MEMORY_SMALL, err);
    if (!grown)
        return false;
    if (*held)
        memcpy(grown, *values, *held * sizeof *grown);
    neap__free(account, *values, *held * sizeof *grown, NEAP_MEMORY_SMALL);
    *values = grown;
    *held = count;
    return true;
}

static bool has_value(neap__running *r, const neap_node *v)
{
    pthread_mutex_lock(&r->session->lock);
    bool has = neap__value_of(r, v) != NULL;
    pthread_mutex_unlock(&r->session->lock);
    return has;
}

/* Pushes the variables without a value that the initial value of `v` reads. */
static int push_needed(neap__running *r, const neap_node *v, neap_node ***stack,
                       size_t *count, size_t *capacity, neap_error *err)
{
    neap__account *account = r->session->account;
    neap_node *const roots[] = {v->initial}, **above = NULL;
    size_t above_count = 0, room = 0;
    if (v->initial->op == &neap__op_constant)
        return NEAP_OK;
    int status =
        neap__ancestors(account, roots, 1, true, NULL, &above, &above_count, &room, err);
    for (size_t i = 0; i < above_count && !status; i++) {
        if (above[i]->op != &neap__op_variable || has_value(r, above[i]))
            continue;
        if (!neap__grow(account, (void **)stack, capacity, *count + 1, sizeof **stack,
                        NEAP_MEMORY_SMALL, err))
            status = err->code;
        else
            (*stack)[(*count)++] = above[i];
    }
    neap__free(account, above, room * sizeof *above, NEAP_MEMORY_SMALL);
    return status;
}

/* The initial value of a variable, everything it reads having one. Draws are those of run
 * 0, so that an initial value does not depend on when it is made. */
static int compute_initial(neap__running *r, const neap_node *v, neap_tensor **out,
                           neap_error *err)
{
    neap_node *const fetches[] = {v->initial};
    if (v->initial->op == &neap__op_constant) {
        *out = neap_tensor_retain(neap__attribute(v->initial, "value")->tensor);
        return NEAP_OK;
    }
    neap__running own = *r;
    own.feeds = NULL;
    own.feed_count = 0;
    own.segments = NULL;
    own.later = NULL;
    own.segment_count = own.segment_capacity = own.later_count = 0;
    own.fetches = fetches;
    own.fetch_count = 1;
    own.initial = true;
    neap__plan *p = NULL;
    int status = neap__prepare(&own, &p, err);
    if (!status && (p->structure->write_count || own.later_count))
        status = neap__fail(err, NEAP_EUNSUP, "an initial value that assigns a variable");
    if (!status)
        status = neap__run_plan(&own, p, false, out, err);
    r->block = own.block; /* which may have grown */
    neap__plan_release(p);
    neap__drop_segments(&own);
    if (status) {
        char name[NEAP__QUOTED_SIZE];
        neap__error_suffix(err, " (for the initial value of variable \"%s\")",
                           neap__quoted(name, v->name));
    }
    return status;
}

int neap__first_values(neap__running *r, neap_node *const *variables, size_t count,
                       neap_error *err)
{
    neap__account *account = r->session->account;
    neap_node **stack = NULL;
    size_t depth = 0, capacity = 0;
    int status = NEAP_OK;
    for (size_t i = 0; i < count && !status; i++) {
        if (has_value(r, variables[i]))
            continue;
        neap__take_turn(r);
        if (has_value(r, variables[i])) /* by the run whose turn it was */
            continue;
        if (!neap__grow(account, (void **)&stack, &capacity, 1, sizeof *stack,
                        NEAP_MEMORY_SMALL, err))
            status = err->code;
        else
            stack[depth++] = variables[i];
        while (depth && !status) {
            neap_node *v = stack[depth - 1];
            size_t before = depth;
            if (has_value(r, v)) {
                depth--;
                continue;
            }
            status = push_needed(r, v, &stack, &depth, &capacity, err);
            if (status || depth > before)
                continue;
            depth--;
            neap_tensor *value = NULL;
            if (!neap__values_room(r, &r->first, &r->first_count,
                                   (size_t)v->list_index + 1, err))
                status = err->code;
            else
                status = compute_initial(r, v, &value, err);
            if (!status)
                r->first[v->list_index] = value;
        }
    }
    neap__free(account, stack, capacity * sizeof *stack, NEAP_MEMORY_SMALL);
    return status;
}
