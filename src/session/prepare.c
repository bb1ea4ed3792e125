/* prepare.c - from what a run asks to the outline and the plans that it executes: found
 * in the cache, or made.
 *
 * A plan is found in two steps. The key of a structure says what it is made from, and of
 * each value that is given its rank and which dimensions are one; the structure says
 * which sizes and values a plan hangs on besides. Given are the feeds to the first stage,
 * and to a later one what the stage before it handed over or computed for it. */
#include "session/session.h"

#include <string.h>

/* ---- Words ----------------------------------------------------------------------- */

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

static bool head_words(words *w, neap__cached_kind kind, uint64_t of, uint64_t behind,
                       neap_error *err)
{
    if (!words_room(w, 3, err))
        return false;
    w->data[w->count++] = kind;
    w->data[w->count++] = of;
    w->data[w->count++] = behind;
    return true;
}

static bool kind_words(words *w, const neap__shape *shape, neap_error *err)
{
    if (!words_room(w, 1, err))
        return false;
    uint64_t ones = 0;
    for (int d = 0; d < shape->rank; d++)
        ones |= (uint64_t)(shape->dims[d] == 1) << d;
    w->data[w->count++] = (uint64_t)shape->rank << 8 | ones;
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

static bool value_words(words *w, neap_dtype dtype, const neap__shape *shape,
                        const void *data, neap_error *err)
{
    int64_t size = neap__shape_size(shape);
    if (!words_room(w, (size_t)size, err))
        return false;
    for (int64_t k = 0; k < size; k++)
        w->data[w->count++] = neap__element_bits(dtype, data, k);
    return true;
}

/* ---- Outlines -------------------------------------------------------------------- */

static bool outline_words(const neap__running *r, words *w, neap_error *err)
{
    if (!words_room(w, 2 + r->fetch_count + r->feed_count, err))
        return false;
    w->data[w->count++] = NEAP__CACHED_OUTLINE;
    w->data[w->count++] = r->fetch_count;
    for (size_t i = 0; i < r->fetch_count; i++)
        w->data[w->count++] = r->fetches[i]->index;
    for (size_t i = 0; i < r->feed_count; i++)
        w->data[w->count++] = r->feeds[i].node->index;
    return true;
}

static neap__outline *make_outline(neap__running *r, neap_error *err)
{
    neap__account *account = r->session->account;
    size_t bytes = r->feed_count * sizeof(neap_node *);
    neap_node **feeds = neap__alloc(account, bytes, NEAP_MEMORY_SMALL, err);
    if (!feeds)
        return NULL;
    for (size_t i = 0; i < r->feed_count; i++)
        feeds[i] = r->feeds[i].node;
    neap__request request = {.fetches = r->fetches,
                             .fetch_count = r->fetch_count,
                             .feeds = feeds,
                             .feed_count = r->feed_count};
    neap__outline *o = neap__outline_new(account, &request, err);
    neap__free(account, feeds, bytes, NEAP_MEMORY_SMALL);
    return o;
}

int neap__find_outline(neap__running *r, neap__outline **out, neap_error *err)
{
    neap_session *s = r->session;
    words w;
    words_begin(&w, s->account);
    *out = NULL;
    if (outline_words(r, &w, err)) {
        neap__key key = key_of(&w);
        pthread_mutex_lock(&s->lock);
        neap__cached *found = neap__cache_find(&s->cache, NULL, &key);
        if (found) {
            *out = found->object;
            neap__outline_retain(*out);
        }
        pthread_mutex_unlock(&s->lock);
        if (!*out) {
            *out = make_outline(r, err);
            if (*out && !r->initial) {
                pthread_mutex_lock(&s->lock);
                neap__cache_add(&s->cache, s->account, &key, *out);
                pthread_mutex_unlock(&s->lock);
            }
        }
    }
    words_free(&w);
    return *out ? NEAP_OK : err->code;
}

/* ---- Keys of stages -------------------------------------------------------------- */

static bool structure_words(const neap__activation *f, words *w, neap_error *err)
{
    const neap__outline *o = f->outline;
    const neap__structure *before = f->plan ? f->plan->structure : NULL;
    if (!head_words(w, NEAP__CACHED_STRUCTURE, o->id, before ? before->id : 0, err))
        return false;
    bool room = true;
    for (uint32_t i = 0; i < o->feed_count && room && !before; i++)
        room = o->feeds[i] == NEAP__NONE ||
               kind_words(w, neap__argument_of(f, i).shape, err);
    for (uint32_t i = 0; before && i < before->carry_count && room; i++)
        room = !before->carries[i].handed ||
               kind_words(w, &f->carried[before->first_carry + i]->shape, err);
    return room;
}

/* The first stage hangs on the shapes of feeds and of variables that leave theirs open;
 * a later one on the plan of the one before it, and on what that did not know. */
static bool given_words(const neap__activation *f, words *w, neap_error *err)
{
    const neap__outline *o = f->outline;
    const neap__structure *before = f->plan ? f->plan->structure : NULL;
    bool room = true;
    for (uint32_t i = 0; i < o->feed_count && room && !before; i++)
        room = o->feeds[i] == NEAP__NONE ||
               shape_words(w, neap__argument_of(f, i).shape, err);
    for (uint32_t i = 0; i < o->variable_count && room && o->open && !before; i++)
        room = !o->variables[i].open || shape_words(w, &f->pinned[i]->shape, err);
    for (uint32_t i = 0; before && i < before->carry_count && room; i++) {
        const neap_tensor *t = f->carried[before->first_carry + i];
        if (before->carries[i].handed)
            room = shape_words(w, &t->shape, err);
        if (before->carries[i].wanted && room)
            room = value_words(w, t->dtype, &t->shape, t->data, err);
    }
    return room;
}

static bool plan_words(const neap__activation *f, const neap__structure *s, words *w,
                       neap_error *err)
{
    const neap__outline *o = f->outline;
    bool room = head_words(w, NEAP__CACHED_PLAN, s->id, f->plan ? f->plan->id : 0, err) &&
                given_words(f, w, err);
    for (uint32_t i = 0; i < o->feed_count && room; i++) {
        neap__argument x = neap__argument_of(f, i);
        room = !s->feed_values[i] || value_words(w, x.dtype, x.shape, x.data, err);
    }
    for (uint32_t i = 0; i < o->variable_count && room; i++)
        room = !s->variable_values[i] ||
               value_words(w, f->pinned[i]->dtype, &f->pinned[i]->shape,
                           f->pinned[i]->data, err);
    return room;
}

/* ---- Making ---------------------------------------------------------------------- */

static void keep(neap__running *r, const words *w, void *object)
{
    neap_session *s = r->session;
    neap__key key = key_of(w);
    pthread_mutex_lock(&s->lock);
    neap__cache_add(&s->cache, s->account, &key, object);
    pthread_mutex_unlock(&s->lock);
}

/* A plan is kept under its structure, if that was. */
static void keep_plan(neap__running *r, const neap__activation *f, neap__plan *p)
{
    words w;
    words_begin(&w, r->session->account);
    if (p->structure->id && plan_words(f, p->structure, &w, NULL))
        keep(r, &w, p);
    words_free(&w);
}

/* Makes a plan from a structure that the cache holds for the key, if one serves these
 * sizes; else STALE. */
static int plan_from_cache(neap__running *r, const neap__key *key,
                           const neap__given *given, neap__plan **out, neap_error *err)
{
    neap_session *session = r->session;
    int status = NEAP__STALE;
    for (size_t skip = 0; status == NEAP__STALE; skip++) {
        pthread_mutex_lock(&session->lock);
        neap__cached *e = neap__cache_find(&session->cache, NULL, key);
        for (size_t i = 0; i < skip && e; i++)
            e = neap__cache_find(&session->cache, e, key);
        neap__structure *s = e ? e->object : NULL;
        if (s)
            neap__structure_retain(s);
        pthread_mutex_unlock(&session->lock);
        if (!s)
            break;
        status = neap__plan_new(&session->target, s, given, out, err);
        neap__structure_release(s);
    }
    return status;
}

static int make_plan(neap__running *r, const neap__activation *f, const words *w,
                     bool cached, neap__plan **out, neap_error *err)
{
    neap_session *session = r->session;
    neap__arena arena;
    neap__given given;
    neap__key key = key_of(w);
    neap__structure *s = NULL;
    neap__arena_init(&arena, session->account, NEAP_MEMORY_SMALL);
    int status = neap__activation_given(f, &arena, &given, err);
    if (!status)
        status = cached ? plan_from_cache(r, &key, &given, out, err) : NEAP__STALE;
    if (status == NEAP__STALE) {
        s = neap__structure_new(&session->target, f->outline, &given, err);
        status = s ? neap__plan_new(&session->target, s, &given, out, err) : err->code;
        if (status == NEAP__STALE)
            status = neap__fail(err, NEAP_ESTATE, "a stage does not fit its own sizes");
        if (!status && cached)
            keep(r, w, s);
    }
    if (!status && cached)
        keep_plan(r, f, *out);
    neap__structure_release(s);
    neap__arena_free(&arena);
    return status;
}

/* ---- Finding --------------------------------------------------------------------- */

/* Under the lock: a plan in the cache, held, or NULL. */
static neap__plan *find_plan(neap__running *r, const neap__activation *f,
                             const neap__key *key, neap_error *err)
{
    neap__cache *cache = &r->session->cache;
    neap__plan *plan = NULL;
    for (neap__cached *e = neap__cache_find(cache, NULL, key); e && !plan;
         e = neap__cache_find(cache, e, key)) {
        words w;
        words_begin(&w, r->session->account);
        if (plan_words(f, e->object, &w, err)) {
            neap__key sizes = key_of(&w);
            neap__cached *sized = neap__cache_find(cache, NULL, &sizes);
            plan = sized ? sized->object : NULL;
        }
        words_free(&w);
        if (neap__failed(err))
            return NULL;
    }
    if (plan)
        neap__plan_retain(plan);
    return plan;
}

neap__plan *neap__plan_after(neap_session *s, const neap__plan *p)
{
    neap__plan *after = NULL;
    pthread_mutex_lock(&s->lock);
    for (neap__cached *e = s->cache.newest; e && !after && !p->structure->last;
         e = e->older) {
        if (e->words[0] == NEAP__CACHED_PLAN && e->words[2] == p->id && p->id)
            after = e->object;
    }
    if (after)
        neap__plan_retain(after);
    pthread_mutex_unlock(&s->lock);
    return after;
}

static int look_up(neap__running *r, const neap__activation *f, neap__plan **out,
                   neap_error *err)
{
    neap_session *session = r->session;
    /* What is not in the cache itself cannot be told from others by its id. */
    bool cached = f->outline->id && (!f->plan || (f->plan->id && f->plan->structure->id));
    words w;
    words_begin(&w, session->account);
    int status = structure_words(f, &w, err) ? NEAP_OK : err->code;
    *out = NULL;
    if (!status && cached) {
        neap__key key = key_of(&w);
        pthread_mutex_lock(&session->lock);
        *out = find_plan(r, f, &key, err);
        pthread_mutex_unlock(&session->lock);
        status = neap__failed(err) ? err->code : NEAP_OK;
    }
    if (!status && !*out)
        status = make_plan(r, f, &w, cached, out, err);
    words_free(&w);
    return status;
}

int neap__next_plan(void *context, const neap__activation *f, neap__plan **out,
                    neap_error *err)
{
    neap__running *r = context;
    int status = look_up(r, f, out, err);
    if (!status && !f->outer)
        status = neap__check_takes(r, *out, err);
    if (status && *out) {
        neap__plan_release(*out);
        *out = NULL;
    }
    return status;
}

/* ---- The quick way --------------------------------------------------------------- */

/* Fetches and shapes of feeds tell a plan that hangs on nothing else. */
static bool quick_words(const neap__running *r, words *w, neap_error *err)
{
    bool room = words_room(w, 2 + r->fetch_count + r->feed_count, err);
    if (!room)
        return false;
    w->data[w->count++] = NEAP__CACHED_QUICK;
    w->data[w->count++] = r->fetch_count;
    for (size_t i = 0; i < r->fetch_count; i++)
        w->data[w->count++] = r->fetches[i]->index;
    for (size_t i = 0; i < r->feed_count && room; i++) {
        room = words_room(w, 1 + r->feed_count - i, err);
        if (room)
            w->data[w->count++] = r->feeds[i].node->index;
        room = room && shape_words(w, &r->feeds[i].value->shape, err);
    }
    return room;
}

neap__plan *neap__quick_plan(neap__running *r)
{
    neap_session *s = r->session;
    neap__plan *plan = NULL;
    words w;
    words_begin(&w, s->account);
    if (quick_words(r, &w, NULL)) {
        neap__key key = key_of(&w);
        pthread_mutex_lock(&s->lock);
        neap__cached *found = neap__cache_find(&s->cache, NULL, &key);
        if (found) {
            plan = found->object;
            neap__plan_retain(plan);
        }
        pthread_mutex_unlock(&s->lock);
    }
    words_free(&w);
    return plan;
}

void neap__keep_quick(neap__running *r, neap__plan *p)
{
    words w;
    words_begin(&w, r->session->account);
    if (p->id && quick_words(r, &w, NULL))
        keep(r, &w, p);
    words_free(&w);
}
