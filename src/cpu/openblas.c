/* openblas.c - OpenBLAS, opened when it is first needed: the only file that names
 * cblas.
 *
 * 1. It is called where a call is single-threaded as things are: in a serial build, or
 *    while the number of its threads is 1 (the host or OPENBLAS_NUM_THREADS said so).
 *    Its setters, that of later versions for the calling thread included, act on more
 *    than the calling thread in one build or another, so none is ever called.
 *    Elsewhere the caller's own kernels serve.
 * 2. Loading it may start threads: all signals are blocked meanwhile, so that none of
 *    the host's handlers runs on them.
 * 3. A call whose workspace cannot be mapped never returns. So address space is tried
 *    first, then some threads multiply at once, which leaves a workspace for each of
 *    them, and no more than so many callers are let in afterwards; others wait,
 *    because another engine would give other bits.
 * 4. A bad argument would print: rows that overlap and sizes beyond its 32-bit
 *    integers never reach it.
 * 5. In a forked child, whose copy of its threads and locks nobody vouches for, it is
 *    not called. */
#include "cpu/gemm_kernel.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 }; /* of cblas.h */
enum { MOST_CALLERS = 16, WARM_UP = 160, TEXT = 256 };
static const size_t workspace = (size_t)160
                                << 20; /* of address space, more than any build takes */

typedef void sgemm_function(int order, int ta, int tb, int m, int n, int k, float alpha,
                            const float *a, int lda, const float *b, int ldb, float beta,
                            float *c, int ldc);
typedef void dgemm_function(int order, int ta, int tb, int m, int n, int k, double alpha,
                            const double *a, int lda, const double *b, int ldb,
                            double beta, double *c, int ldc);

/* Written once, by open_library. */
static struct {
    pthread_once_t once;
    atomic_bool opened;
    bool ready;
    pid_t process;
    sgemm_function *sgemm;
    dgemm_function *dgemm;
    int (*parallel)(void);
    int (*threads)(void);
    sem_t callers;
    char text[TEXT];
} blas = {.once = PTHREAD_ONCE_INIT};

/* ISO C has no conversion from an object's address to a function's; POSIX promises
 * that they look alike. */
static bool find(void *library, const char *name, void *function)
{
    void *address = dlsym(library, name);
    memcpy(function, &address, sizeof address);
    return address != NULL;
}

static bool is_serial(void) { return blas.parallel() == 0 || blas.threads() == 1; }

static bool has_room(size_t bytes)
{
    void *room =
        mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return room != MAP_FAILED && munmap(room, bytes) == 0;
}

/* A thread of the warm-up multiplies once all that could be made are there. */
typedef struct crowd {
    _Atomic(int) wanted, present;
} crowd;

static void *warm_up(void *argument)
{
    crowd *others = argument;
    size_t elements = WARM_UP * WARM_UP, bytes = 2 * elements * sizeof(float);
    float *x = neap__alloc_zero(neap__default_account(), bytes, NEAP_MEMORY_SMALL, NULL);
    atomic_fetch_add(&others->present, 1);
    while (atomic_load(&others->present) < atomic_load(&others->wanted))
        sched_yield();
    if (x)
        blas.sgemm(ROW_MAJOR, PLAIN, PLAIN, WARM_UP, WARM_UP, WARM_UP, 1, x, WARM_UP, x,
                   WARM_UP, 0, x + elements, WARM_UP);
    neap__free(neap__default_account(), x, bytes, NEAP_MEMORY_SMALL);
    return NULL;
}

/* Makes as many workspaces as there may be callers; false if it cannot. */
static bool reserve(int callers)
{
    pthread_t threads[MOST_CALLERS];
    crowd all = {.wanted = callers};
    int made = 0;
    if (!has_room((size_t)callers * workspace))
        return false;
    while (made < callers && pthread_create(&threads[made], NULL, warm_up, &all) == 0)
        made++;
    atomic_store(&all.wanted, made);
    for (int i = 0; i < made; i++)
        pthread_join(threads[i], NULL);
    return made > 0 && sem_init(&blas.callers, 0, (unsigned)made) == 0;
}

static bool open_it(void)
{
    char *(*config)(void);
    void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        library = dlopen("libopenblas.so", RTLD_NOW | RTLD_LOCAL);
    neap__text text = neap__text_over(blas.text, sizeof blas.text);
    if (!library || !find(library, "openblas_get_config", &config) ||
        !find(library, "openblas_get_parallel", &blas.parallel) ||
        !find(library, "openblas_get_num_threads", &blas.threads) ||
        !find(library, "cblas_sgemm", &blas.sgemm) ||
        !find(library, "cblas_dgemm", &blas.dgemm)) {
        neap__text_add(&text, "not found");
        return false;
    }
    neap__text_add(&text, "%s", config());
    if (strstr(blas.text, "USE64BITINT")) {
        neap__text_add(&text, " (not used: 64-bit integers)");
        return false;
    }
    if (!is_serial()) {
        neap__text_add(&text, " (not used: it has threads of its own)");
        return false;
    }
    int callers = neap__processors();
    if (!reserve(callers < MOST_CALLERS ? callers : MOST_CALLERS)) {
        neap__text_add(&text, " (not used: no room for its workspaces)");
        return false;
    }
    blas.process = getpid();
    return true;
}

static void open_library(void)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    blas.ready = open_it();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    atomic_store_explicit(&blas.opened, true, memory_order_release);
}

bool neap__blas_ready(void)
{
    pthread_once(&blas.once, open_library);
    return blas.ready;
}

const char *neap__blas_text(void)
{
    return atomic_load_explicit(&blas.opened, memory_order_acquire) ? blas.text
                                                                    : "not opened";
}

bool neap__blas_gemm(bool double_precision, bool transpose_a, bool transpose_b, int64_t m,
                     int64_t n, int64_t k, const void *a, int64_t lda, const void *b,
                     int64_t ldb, void *c, int64_t ldc)
{
    const int64_t sizes[] = {m, n, k, lda, ldb, ldc};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (sizes[i] < 1 || sizes[i] > INT32_MAX)
            return false;
    if (lda < (transpose_a ? m : k) || ldb < (transpose_b ? k : n) || ldc < n)
        return false;
    if (!neap__blas_ready() || blas.process != getpid() || !is_serial())
        return false;
    int ta = transpose_a ? TRANSPOSED : PLAIN, tb = transpose_b ? TRANSPOSED : PLAIN;
    int size[6];
    for (int i = 0; i < 6; i++)
        size[i] = (int)sizes[i];
    while (sem_wait(&blas.callers) != 0) /* interrupted by a signal of the host's */
        ;
    if (double_precision)
        blas.dgemm(ROW_MAJOR, ta, tb, size[0], size[1], size[2], 1, a, size[3], b,
                   size[4], 0, c, size[5]);
    else
        blas.sgemm(ROW_MAJOR, ta, tb, size[0], size[1], size[2], 1, a, size[3], b,
                   size[4], 0, c, size[5]);
    sem_post(&blas.callers);
    return true;
}
