/* session.h - what a session is made of; internal to this folder.
 *
 * Locks, in the order in which they are taken
 *   turn   Held by a run that will write (or draw, or give a variable its first value)
 *          from pin to commit: such runs take turns.
 *   lock   Guards the states, the cache, the free pieces, the counter and the list of
 *          runs under way. Held for a few steps, and through a commit. Of the host, only
 *          its allocator is called under it. It tells its owner, so that memory that ends
 *          under it is not looked for in what it guards.
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

#include "session/cache.h"

#include <pthread.h>

/* ---- The session ----------------------------------------------------------------- */

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
    neap__piece *pieces;           /* free, for blocks of runs */
    size_t largest;                /* bytes that a run's block needed at most */
    struct neap__running *running; /* under way */
};

struct neap_callable {
    neap_session *session;
    neap__account *account;
    neap_node **placeholders, **fetches;
    size_t placeholder_count, fetch_count;
    neap__plan
        *plan; /* of the first stage, as last used; held; under the session's lock */
};

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

/* ---- One run (run.c, prepare.c, values.c) ---------------------------------------- */

typedef struct neap__running {
    struct neap__running *next;
    pthread_t thread;
    neap_session *session;
    const neap_feed *feeds;
    size_t feed_count;
    neap_node *const *fetches;
    size_t fetch_count;
    const neap_run_options *options; /* NULL: none */
    double deadline;                 /* 0: none */
    unsigned epoch;
    neap_callable *callable; /* that is run, or NULL */
    neap__plan *guess;       /* the callable's, held: it may serve */
    neap_tensor **early; /* arrays that were laid out, and variables pinned, already */
    bool pinned;         /* the variables of the run's own frame are pinned */
    bool turn;           /* this run holds the session's turn */
    bool initialize;     /* states count as if they had no value */
    bool initial; /* computes an initial value: draws are those of run 0, and what is made
                   * for it is not kept */
    neap_tensor **first; /* first values made by this run, by a variable's place; held */
    size_t first_count;
    neap_tensor **out; /* where results go: tensors of the host's own, or NULL */
    neap__run run;
} neap__running;

/* The outline of what the run asks: found in the cache, or made; a new reference. */
int neap__find_outline(neap__running *r, neap__outline **out, neap_error *err);
/* The plan of a frame's next stage: the one call through which plans come (neap__run.plan;
 * the context is the neap__running). */
int neap__next_plan(void *context, const neap__activation *f, neap__plan **out,
                    neap_error *err);
/* A plan that serves what the run asks, if it was kept for that: held; else NULL. */
neap__plan *neap__quick_plan(neap__running *r);
void neap__keep_quick(neap__running *r, neap__plan *p);
/* The plan of the stage after that one that was used last, held; NULL if there is none. */
neap__plan *neap__plan_after(neap_session *s, const neap__plan *p);
/* Whether the host's own tensors are of the dtypes and shapes that the stage will make. */
int neap__check_takes(const neap__running *r, const neap__plan *p, neap_error *err);
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

/* Whether the host's own tensors among r->out may be written: EARG where others hold one,
 * or its memory is also that of another, of a feed, a constant of the outline, a
 * variable (places.c). `room`: as many entries as there are fetches, to work with. */
int neap__check_places(const neap__running *r, const neap__outline *o, neap_tensor **room,
                       neap_error *err);
/* Runs what is asked, and commits it. out[i] as in neap_session_run. */
int neap__run_whole(neap__running *r, neap_tensor **out, neap_error *err);
/* What is planned for what is asked, as text. */
int neap__run_explain(neap__running *r, neap__text *t, neap_error *err);
/* Runs an outline whose variables have values, and commits nothing (an initial value). */
int neap__run_aside(neap__running *r, neap__outline *o, neap_tensor **out,
                    neap_error *err);
/* Room for a tensor for each variable up to `count` places in the list of first values. */
bool neap__first_room(neap__running *r, size_t count, neap_error *err);
/* Room for the state of every variable of the graph; under lock. */
bool neap__state_room(neap_session *s, size_t count, neap_error *err);

/* What an account asks when memory ends: gives up what the session keeps for later runs,
 * then what the host's run of this thread can do without. The context is the session. */
bool neap__reclaim(void *context);

/* Enters a run: EBUSY if this thread is in one of this session already. */
int neap__run_enter(neap__running *r, neap_session *s, const neap_run_options *options,
                    neap_error *err);
void neap__run_leave(neap__running *r);

/* ---- The process (config.c) ------------------------------------------------------ */

/* The instruction set of sessions that name none. EARG, with the best one, where the
 * environment names what does not exist. */
bool neap__default_isa(neap__isa *isa, neap_error *err);

#endif
