/* pool.c - the process's threads, and the claims that runs make on them.
 *
 * A run that has a parallel job claims the whole pool (`claimed`) until it ends; a run
 * that finds it claimed does its parts itself. The claimant publishes one job after
 * another through `gate`, one word that says whether a job is open, how wide it is, and
 * how many workers are inside:
 *
 *     closed, nobody inside  --publish-->  open  --parts are gone-->  closed, some inside
 *              ^                                                             |
 *              +------------------- the last worker leaves ------------------+
 *
 * Invariants
 *   1. `job`, `context`, `parts` and `next` are written only by the claimant, while the
 *      gate is closed and nobody is inside; they are read only by the claimant and by who
 *      is inside.
 *   2. A worker is inside from the exchange that counts it, which succeeds only on an
 *      open gate, to the subtraction that uncounts it. So a worker that comes late, or
 *      was put aside by the system for a while, never sees a job that is not there, and
 *      nobody waits for a worker that has not come.
 *   3. A worker sleeps only after it has counted itself in `sleepers` and then seen no
 *      open gate; a publisher opens the gate and then looks at `sleepers`. Both are
 *      sequentially consistent, so one of them sees the other.
 *   4. Threads are made and joined under `life`. After a fork the child has none of them:
 *      whoever first finds that the process has changed makes the pool's state anew.
 *   5. Parts are claimed in any order by any worker; which one does which shows in no
 *      result. */
#include "base/base.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { MOST_THREADS = 1024, STACK = 1024 * 1024 };

/* The gate: bits 0 to 11 workers inside, 12 to 23 width, then the flags, then a number of
 * the job, so that a worker knows one that it has already been in. */
#define INSIDE UINT64_C(1)
#define INSIDE_MASK UINT64_C(0xFFF)
#define WIDTH_SHIFT 12
#define OPEN (UINT64_C(1) << 24)
#define AWAITED (UINT64_C(1) << 25) /* the claimant sleeps until nobody is inside */
#define NUMBER (UINT64_C(1) << 26)

static const double eager_spin = 20e-6;  /* without a thought for other threads */
static const double idle_spin = 50e-6;   /* after a run */
static const double claimed_spin = 1e-3; /* between the jobs of a run */
static const double finish_spin = 50e-6; /* for the last workers of a job */

static struct {
    _Atomic(int) bound; /* of neap_set_threads; 0: the processors */
    _Atomic(int) users; /* sessions */
    _Atomic(long) process;
    atomic_bool claimed;
    atomic_bool stopping;

    pthread_mutex_t life;
    int count; /* of threads: workers 1 to count */
    pthread_t threads[MOST_THREADS];

    pthread_mutex_t sleep;
    pthread_cond_t wake; /* workers wait for a job */
    pthread_cond_t done; /* the claimant waits for the last worker */
    _Atomic(int) sleepers;

    neap__job *job;
    void *context;
    int64_t parts;
    _Alignas(64) _Atomic(uint64_t) gate;
    _Alignas(64) _Atomic(int64_t) next; /* the next part that nobody has claimed */
} pool = {
    .life = PTHREAD_MUTEX_INITIALIZER,
    .sleep = PTHREAD_MUTEX_INITIALIZER,
    .wake = PTHREAD_COND_INITIALIZER,
    .done = PTHREAD_COND_INITIALIZER,
};

double neap__now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- The bound --------------------------------------------------------------------- */

/* Those that this process may run on. */
int neap__processors(void)
{
    long count = 0;
#ifdef CPU_COUNT
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        count = CPU_COUNT(&set);
#endif
    if (count < 1)
        count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > MOST_THREADS ? MOST_THREADS : (int)count;
}

int neap__thread_bound(void)
{
    return atomic_load_explicit(&pool.bound, memory_order_relaxed);
}

int neap__default_threads(void)
{
    const int bound = neap__thread_bound();
    return bound ? bound : neap__processors();
}

NEAP_API int neap_set_threads(int threads, neap_error *err)
{
    neap__clear(err);
    if (threads < 0 || threads > MOST_THREADS)
        return neap__fail(err, NEAP_ERANGE,
                          "neap_set_threads: %d is not between 0 and %d", threads,
                          MOST_THREADS);
    atomic_store_explicit(&pool.bound, threads, memory_order_relaxed);
    return NEAP_OK;
}

/* ---- Spinning ---------------------------------------------------------------------- */

static inline void pause_processor(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* A short breath, in which other threads of a busy machine may have the processor. */
static void breathe(void)
{
    pause_processor();
    sched_yield();
}

/* ---- Workers ----------------------------------------------------------------------- */

static void do_parts(int worker)
{
    neap__job *job = pool.job;
    void *context = pool.context;
    const int64_t parts = pool.parts;
    for (;;) {
        const int64_t part =
            atomic_fetch_add_explicit(&pool.next, 1, memory_order_relaxed);
        if (part >= parts)
            return;
        job(context, part, worker);
    }
}

static bool is_for(uint64_t gate, int worker, uint64_t last)
{
    return (gate & OPEN) && worker < (int)(gate >> WIDTH_SHIFT & 0xFFF) &&
           gate / NUMBER != last;
}

static bool enter(uint64_t gate, int worker, uint64_t last)
{
    while (is_for(gate, worker, last))
        if (atomic_compare_exchange_weak_explicit(&pool.gate, &gate, gate + INSIDE,
                                                  memory_order_acquire,
                                                  memory_order_relaxed))
            return true;
    return false;
}

static void leave(void)
{
    const uint64_t gate =
        atomic_fetch_sub_explicit(&pool.gate, INSIDE, memory_order_acq_rel);
    if ((gate & AWAITED) && (gate & INSIDE_MASK) == 1) {
        pthread_mutex_lock(&pool.sleep);
        pthread_cond_signal(&pool.done);
        pthread_mutex_unlock(&pool.sleep);
    }
}

static void sleep_until_job(int worker, uint64_t last)
{
    pthread_mutex_lock(&pool.sleep);
    atomic_fetch_add(&pool.sleepers, 1);
    while (!atomic_load(&pool.stopping) && !is_for(atomic_load(&pool.gate), worker, last))
        pthread_cond_wait(&pool.wake, &pool.sleep);
    atomic_fetch_sub(&pool.sleepers, 1);
    pthread_mutex_unlock(&pool.sleep);
}

/* Spins for a while after the last job, then sleeps. */
static void await_job(int worker, uint64_t last)
{
    const double since = neap__now();
    double idle = 0;
    while (idle < (atomic_load_explicit(&pool.claimed, memory_order_relaxed)
                       ? claimed_spin
                       : idle_spin)) {
        for (int i = 0; i < 64; i++) {
            if (is_for(atomic_load_explicit(&pool.gate, memory_order_relaxed), worker,
                       last) ||
                atomic_load_explicit(&pool.stopping, memory_order_relaxed))
                return;
            pause_processor();
        }
        idle = neap__now() - since;
        if (idle > eager_spin)
            breathe();
    }
    sleep_until_job(worker, last);
}

static void *work(void *argument)
{
    const int worker = (int)(intptr_t)argument;
    uint64_t last = UINT64_MAX; /* no job has this number */
    while (!atomic_load(&pool.stopping)) {
        const uint64_t gate = atomic_load_explicit(&pool.gate, memory_order_relaxed);
        if (!enter(gate, worker, last)) {
            await_job(worker, last);
            continue;
        }
        last = atomic_load_explicit(&pool.gate, memory_order_relaxed) / NUMBER;
        neap__floating saved;
        neap__floating_begin(&saved);
        do_parts(worker);
        neap__floating_end(&saved);
        leave();
    }
    return NULL;
}

/* ---- The life of the threads ------------------------------------------------------- */

/* Makes the state of a forked child anew: the threads did not come along, and locks and
 * counts are as some thread of the parent had them. Sessions did come along, and so does
 * `users`. While one thread is at it, `process` is negative; a fork at that very moment
 * leaves the parent's number there. */
static void renew(long from, long process)
{
    while (from != process) {
        if (from == -process) {
            sched_yield();
            from = atomic_load(&pool.process);
        } else if (atomic_compare_exchange_strong(&pool.process, &from, -process)) {
            pthread_mutex_init(&pool.life, NULL);
            pthread_mutex_init(&pool.sleep, NULL);
            pthread_cond_init(&pool.wake, NULL);
            pthread_cond_init(&pool.done, NULL);
            pool.count = 0;
            atomic_store(&pool.sleepers, 0);
            atomic_store(&pool.gate, 0);
            atomic_store(&pool.stopping, false);
            atomic_store(&pool.claimed, false);
            atomic_store(&pool.process, process);
            return;
        }
    }
}

/* Makes sure that the pool's state is of this process, which it returns. */
static int this_process(void)
{
    const pid_t process = getpid();
    const long known = atomic_load_explicit(&pool.process, memory_order_acquire);
    if (known != process)
        renew(known, process);
    return (int)process;
}

/* Threads up to worker width - 1, or as many as can be had. Signals are the host's
 * threads' matter. */
static void make_threads(int width)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    sigfillset(&all);
    if (pthread_attr_init(&attributes) != 0)
        return;
    pthread_attr_setstacksize(&attributes, STACK);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool.count < width - 1) {
        void *worker = (void *)(intptr_t)(pool.count + 1);
        if (pthread_create(&pool.threads[pool.count], &attributes, work, worker) != 0)
            break;
        pool.count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

void neap__pool_retain(void)
{
    this_process();
    pthread_mutex_lock(&pool.life);
    atomic_fetch_add(&pool.users, 1);
    pthread_mutex_unlock(&pool.life);
}

void neap__pool_release(void)
{
    this_process();
    pthread_mutex_lock(&pool.life);
    if (atomic_fetch_sub(&pool.users, 1) == 1 && pool.count) {
        pthread_mutex_lock(&pool.sleep);
        atomic_store(&pool.stopping, true);
        pthread_cond_broadcast(&pool.wake);
        pthread_mutex_unlock(&pool.sleep);
        while (pool.count > 0)
            pthread_join(pool.threads[--pool.count], NULL);
        atomic_store(&pool.stopping, false);
    }
    pthread_mutex_unlock(&pool.life);
}

/* ---- Teams ------------------------------------------------------------------------- */

/* Whether the pool is this team's; claims it at the first call. A team whose process was
 * forked in the middle of its run goes on alone: the pool that it claimed stayed with the
 * parent. */
static bool has_pool(neap__team *team)
{
    const int process = this_process();
    if (team->claimed != 0)
        return team->claimed == process;
    team->claimed = -1;
    if (atomic_exchange_explicit(&pool.claimed, true, memory_order_acquire))
        return false;
    pthread_mutex_lock(&pool.life);
    if (pool.count < team->width - 1)
        make_threads(team->width);
    const bool any = pool.count > 0;
    pthread_mutex_unlock(&pool.life);
    if (any)
        team->claimed = process;
    else
        atomic_store_explicit(&pool.claimed, false, memory_order_release);
    return any;
}

/* Opens the gate to workers 1 to width - 1, and wakes them if any sleeps. */
static void publish(neap__job *job, void *context, int64_t parts, int width)
{
    pool.job = job;
    pool.context = context;
    pool.parts = parts;
    atomic_store_explicit(&pool.next, 0, memory_order_relaxed);
    const uint64_t number =
        atomic_load_explicit(&pool.gate, memory_order_relaxed) / NUMBER + 1;
    atomic_store(&pool.gate, number * NUMBER | OPEN | (uint64_t)width << WIDTH_SHIFT);
    if (atomic_load(&pool.sleepers) > 0) {
        pthread_mutex_lock(&pool.sleep);
        pthread_cond_broadcast(&pool.wake);
        pthread_mutex_unlock(&pool.sleep);
    }
}

/* Closes the gate and waits until nobody is inside. */
static void finish(void)
{
    uint64_t gate = atomic_fetch_and_explicit(&pool.gate, ~OPEN, memory_order_acq_rel);
    if ((gate & INSIDE_MASK) == 0)
        return;
    for (int i = 0; i < 256 && (gate & INSIDE_MASK); i++) {
        pause_processor();
        gate = atomic_load_explicit(&pool.gate, memory_order_acquire);
    }
    if ((gate & INSIDE_MASK) == 0)
        return;
    const double since = neap__now();
    do {
        breathe();
        if ((atomic_load_explicit(&pool.gate, memory_order_acquire) & INSIDE_MASK) == 0)
            return;
    } while (neap__now() - since < finish_spin);

    pthread_mutex_lock(&pool.sleep);
    gate = atomic_fetch_or_explicit(&pool.gate, AWAITED, memory_order_acq_rel);
    while (gate & INSIDE_MASK) {
        pthread_cond_wait(&pool.done, &pool.sleep);
        gate = atomic_load_explicit(&pool.gate, memory_order_acquire);
    }
    pthread_mutex_unlock(&pool.sleep);
}

void neap__team_run(neap__team *team, int64_t parts, neap__job *job, void *context)
{
    if (parts <= 1 || team->width <= 1 || !has_pool(team)) {
        for (int64_t part = 0; part < parts; part++)
            job(context, part, 0);
        return;
    }
    int width = team->width < MOST_THREADS ? team->width : MOST_THREADS;
    if (width > parts)
        width = (int)parts;
    publish(job, context, parts, width);
    do_parts(0);
    finish();
}

void neap__team_end(neap__team *team)
{
    if (team->claimed > 0 && team->claimed == this_process())
        atomic_store_explicit(&pool.claimed, false, memory_order_release);
    team->claimed = 0;
}
