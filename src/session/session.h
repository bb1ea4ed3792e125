/* session.h - what a session is made of; internal to this folder.
 *
 * Locks, in the order in which they are taken
 *   turn   Held by a run that will write (or draw, or give a variable its first value)
 *          from pin to commit: such runs take turns.
 *   lock   Guards the states, the cache, the free blocks, the counter and the list of
 *          runs under way. Held for a few steps, and through a commit. Of the host, only
 *          its allocator is called under it.
 *
 * Invariants
 *   1. A state's tensor is never changed while anyone but the session and the committing
 *      run holds it.
 *   2. States, counter and first values change in commits alone; a commit allocates
 *      nothing, checks nothing and calls nobody once it has begun to write.
 *   3. A run holds what it uses: its plan, its block, the values of the variables it
 *      reads. */
#ifndef NEAP_SESSION_H
#define NEAP_SESSION_H

#include "plan/plan.h"

#include <pthread.h>

/* ---- The plan cache (cache.c) ---------------------------------------------------- */

/* What a run asks for, as words: `words` begins with the structure's part (fetches,
 * feeds, ranks, which dimensions are one); each structure adds the sizes that it depends
 * on. */
typedef struct neap__cache {
    struct neap__entry *entries; /* the most recently used first */
    size_t plans;                /* in all entries */
    size_t bytes;                /* of arenas in all entries */
    size_t largest;              /* block that any plan in the cache needs */
} neap__cache;

typedef struct neap__key {
    const uint64_t *words;
    size_t count;
    uint64_t hash;
} neap__key;

/* A structure and the plans made from it. */
typedef struct neap__entry {
    struct neap__entry *next;
    neap__structure *structure;
    uint64_t *words;
    size_t word_count;
    uint64_t hash;
    struct neap__sized *plans; /* the most recently used first */
} neap__entry;

typedef struct neap__sized {
    struct neap__sized *next;
    neap__plan *plan;
    uint64_t *words;
    size_t word_count;
    uint64_t hash;
} neap__sized;

/* The next entry of that key at or after `from` (all entries: from = cache->entries). */
neap__entry *neap__cache_find(neap__entry *from, const neap__key *key);
/* The plan of an entry for sizes, moved to the front with its entry; or NULL. */
neap__plan *neap__cache_plan(neap__cache *c, neap__entry *e, const neap__key *sizes);
/* Adds a structure (retained) or a plan (retained), and drops the least recently used
 * ones beyond the bounds. On failure nothing changes: the plan simply is not kept. */
neap__entry *neap__cache_add(neap__cache *c, neap__account *a, const neap__key *key,
                             neap__structure *structure);
void neap__cache_add_plan(neap__cache *c, neap__account *a, neap__entry *e,
                          const neap__key *sizes, neap__plan *plan);
void neap__cache_clear(neap__cache *c, neap__account *a);

/* ---- The session ----------------------------------------------------------------- */

typedef struct neap__block {
    void *memory;
    size_t size;
} neap__block;

struct neap_session {
    uint64_t magic;
    neap_graph *graph; /* held */
    neap__account *account;
    neap__target target;
    bool threads_given;
    uint64_t seed;
    void (*log)(void *user, void *caller, const char *text);
    void *log_user;
    atomic_uint epoch; /* of neap_cancel */
    pthread_mutex_t turn, lock;
    neap_tensor **states; /* by a variable's place in its graph; NULL: no value yet */
    size_t state_count, state_capacity;
    uint64_t counter; /* of committed runs that drew; from 1 */
    neap__cache cache;
    neap__block *blocks; /* free */
    size_t block_count, block_capacity;
    struct neap__running *running; /* under way */
};

struct neap_callable {
    neap_session *session;
    neap__account *account;
    neap_node **placeholders, **fetches;
    size_t placeholder_count, fetch_count;
    neap__plan *plan; /* the last used, held; under the session's lock */
};

/* Under the lock: the callable's last plan, held, if it serves what the run asks; else
 * NULL. */
neap__plan *neap__callable_plan(const neap_callable *c, const struct neap__running *r);
/* The plan that it tries first from now on; retained. */
void neap__callable_keep(neap_callable *c, neap__plan *p);

/* Tells ESTATE or EARG unless the session is one of this copy of neap; nothing if an
 * error is there already. `reset`: a function that returns a status has all its
 * arguments, and forgets such an error first. */
bool neap__session_ready(const neap_session *s, const char *function, bool reset,
                         neap_error *err);

/* Options as this version knows them (NULL will do): else EARG is told. */
int neap__check_options(const neap_run_options *options, const char *function,
                        neap_error *err);

/* A fetch or feed of the session's graph; a value of the node's dtype and of a shape it
 * may have. */
int neap__check_node(const neap_session *s, const neap_node *n, const char *what,
                     size_t index, neap_error *err);
int neap__check_feed(const neap_session *s, const neap_feed *f, size_t index,
                     neap_error *err);

/* ---- One run (run.c, prepare.c, commit.c) ---------------------------------------- */

typedef struct neap__running {
    struct neap__running *next;
    pthread_t thread;
    neap_session *session;
    const neap_feed *feeds;
    size_t feed_count;
    neap_node *const *fetches;
    size_t fetch_count;
    void *caller;
    const neap_flag *cancel;
    double deadline; /* 0: none */
    unsigned epoch;
    neap__block block;       /* what its plans run in, one after the other */
    neap_callable *callable; /* that is run, or NULL */
    neap__plan *plan;        /* the callable's, if it served when the run entered; held */
    bool turn;               /* this run holds the session's turn */
    bool random;             /* an earlier segment drew */
    bool initialize;         /* states count as if they had no value */
    bool initial;            /* computes an initial value: draws are those of run 0 */
    neap_tensor **first; /* first values made by this run, by a variable's place; held */
    neap_tensor **later; /* what an earlier segment wrote, for the commit; likewise */
    size_t first_count, later_count;
    neap_feed *segments; /* feeds and, behind them, what earlier segments computed */
    size_t segment_count, segment_capacity; /* of `segments`, the feeds included */
} neap__running;

/* The plan for what the run asks, its segments computed, its variables' first values
 * made: a new reference. */
int neap__prepare(neap__running *r, neap__plan **out, neap_error *err);
/* First values of the listed variables that have none. Takes the turn. */
int neap__first_values(neap__running *r, neap_node *const *variables, size_t count,
                       neap_error *err);
/* A variable's value in this run: its first value if this run made it, else its state;
 * under lock. */
static inline neap_tensor *neap__value_of(const neap__running *r,
                                          const neap_node *variable)
{
    size_t at = (size_t)variable->list_index;
    if (at < r->first_count && r->first[at])
        return r->first[at];
    const neap_session *s = r->session;
    return r->initialize || at >= s->state_count ? NULL : s->states[at];
}
void neap__take_turn(neap__running *r);
/* Releases what earlier segments of the run computed and wrote. */
void neap__drop_segments(neap__running *r);

/* Runs a plan: pin, execute, and either commit or, for a segment, keep what it wrote for
 * the commit. out[i] as in neap_session_run. */
int neap__run_plan(neap__running *r, neap__plan *p, bool commits, neap_tensor **out,
                   neap_error *err);
/* Prepares and runs what is asked. When memory ends, plans and blocks that the session
 * keeps for later runs are given up, and the run is tried once more: nothing has changed
 * by then. */
int neap__run_whole(neap__running *r, neap_tensor **out, neap_error *err);
/* Room for a tensor for each variable up to `count` places in one of the two lists
 * above. */
bool neap__values_room(neap__running *r, neap_tensor ***values, size_t *held,
                       size_t count, neap_error *err);
/* Room for the state of every variable of the graph; under lock. */
bool neap__state_room(neap_session *s, size_t count, neap_error *err);

/* Enters a run: EBUSY if this thread is in one of this session already. */
int neap__run_enter(neap__running *r, neap_session *s, const neap_run_options *options,
                    neap_error *err);
void neap__run_leave(neap__running *r);

/* ---- The process (config.c) ------------------------------------------------------ */

/* The instruction set of sessions that name none. EARG, with the best one, where the
 * environment names what does not exist. */
bool neap__default_isa(neap__isa *isa, neap_error *err);

#endif
