/* memory.c - the one allocator hook, and accounts that count what goes through it.
 *
 * Invariants
 *   1. A piece's size is rounded once, in piece_size, and always to a multiple of 64; the
 *      allocator gets this size when the piece is made and when it is freed.
 *   2. `held` is the sum of the sizes of an account's pieces, those kept for reuse
 *      included, plus OWNED while there is an owner (sizes leave the low bits free). The
 *      thread that brings it to 0 frees the account: nobody else can know of it then.
 *   3. A piece is kept only by an account that is not closed; the last owner to leave
 *      closes it. So what is kept never outlives the owners, and `held` reaches 0 with
 *      the last piece.
 *   4. The allocator is never called with a lock held. */
#include "base/base.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__has_include)
#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(pointer, size) ((void)(pointer), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(pointer, size) ((void)(pointer), (void)(size))
#endif

enum {
    PAGE = 4096,
    RECYCLED = 64 * 1024, /* the least that is kept for reuse */
    HUGE_PAGE = 2 * 1024 * 1024,
    KEPT = 64, /* pieces kept at once */
    OWNED = 1
};

/* ---- The C library's memory -------------------------------------------------------- */

/* Aligned requests are slow in many C libraries, and glibc before 2.38 does not give what
 * was freed for one of the same size, so that memory would grow with every large piece
 * that comes and goes. So each piece takes a margin, and the start of the real one lies in
 * front of the aligned one. Large blocks ask for huge pages. */
static void *library_allocate(void *user, size_t size, size_t alignment,
                              neap_memory_kind kind)
{
    (void)user;
    const bool huge = kind == NEAP_MEMORY_BLOCK && size >= HUGE_PAGE;
    if (huge)
        alignment = HUGE_PAGE;
    if (size > SIZE_MAX - alignment)
        return NULL;
    char *start = malloc(size + alignment); /* which is a multiple of 16 */
    if (!start)
        return NULL;
    char *pointer = start + (alignment - ((uintptr_t)start & (alignment - 1)));
    memcpy(pointer - sizeof start, &start, sizeof start);
#ifdef MADV_HUGEPAGE
    if (huge)
        (void)madvise(pointer, size,
                      MADV_HUGEPAGE); /* a wish: without it all is only slower */
#endif
    return pointer;
}

static void library_free(void *user, void *pointer, size_t size)
{
    (void)user, (void)size;
    char *start;
    memcpy(&start, (char *)pointer - sizeof start, sizeof start);
    free(start);
}

/* ---- The process's allocator ------------------------------------------------------- */

static neap_allocator host = {library_allocate, library_free, NULL};
static atomic_bool host_used; /* from then on `host` does not change */

NEAP_API int neap_set_allocator(const neap_allocator *allocator, neap_error *err)
{
    neap__clear(err);
    if (allocator && (!allocator->allocate || !allocator->free))
        return neap__null(err, "neap_set_allocator",
                          allocator->allocate ? "allocator->free"
                                              : "allocator->allocate");
    if (atomic_load(&host_used))
        return neap__fail(
            err, NEAP_ESTATE,
            "neap_set_allocator: memory was already taken from the present one");
    const neap_allocator library = {library_allocate, library_free, NULL};
    host = allocator ? *allocator : library;
    return NEAP_OK;
}

static void *host_allocate(size_t size, neap_memory_kind kind)
{
    if (!atomic_load_explicit(&host_used, memory_order_relaxed))
        atomic_store(&host_used, true);
    return host.allocate(host.user, size, NEAP__ALIGNMENT, kind);
}

static void host_free(void *pointer, size_t size) { host.free(host.user, pointer, size); }

/* ---- Accounts ---------------------------------------------------------------------- */

typedef struct kept_piece {
    void *pointer;
    size_t size;
    neap_memory_kind kind;
} kept_piece;

struct neap__account {
    _Atomic(size_t) held; /* invariant 2 */
    _Atomic(size_t) owners;
    _Atomic(size_t) peak;
    size_t limit;
    size_t recycle;
    bool (*reclaim)(void *context);
    void *context;
    pthread_mutex_t lock; /* of all below */
    bool closed;
    size_t kept_bytes;
    size_t kept_count;
    kept_piece kept[KEPT]; /* the oldest first */
};

/* Closed: it recycles nothing. Its owner never leaves. */
static neap__account default_account = {
    .held = OWNED, .owners = 1, .lock = PTHREAD_MUTEX_INITIALIZER, .closed = true};

neap__account *neap__default_account(void) { return &default_account; }

neap__account *neap__account_new(size_t limit, size_t recycle, neap_error *err)
{
    if (neap__failed(err))
        return NULL;
    neap__account *a = host_allocate(sizeof *a, NEAP_MEMORY_SMALL);
    if (a) {
        memset(a, 0, sizeof *a);
        atomic_init(&a->held, OWNED);
        atomic_init(&a->owners, 1);
        a->limit = limit;
        a->recycle = recycle;
        if (pthread_mutex_init(&a->lock, NULL) == 0)
            return a;
        host_free(a, sizeof *a);
    }
    neap__fail(err, NEAP_ENOMEM, "no memory for %zu bytes", sizeof *a);
    return NULL;
}

void neap__account_reclaims(neap__account *a, bool (*reclaim)(void *context),
                            void *context)
{
    a->reclaim = reclaim;
    a->context = context;
}

/* Subtracts from what is held, and frees the account with the last of it. */
static void drop(neap__account *a, size_t bytes)
{
    if (atomic_fetch_sub_explicit(&a->held, bytes, memory_order_acq_rel) != bytes)
        return;
    pthread_mutex_destroy(&a->lock);
    host_free(a, sizeof *a);
}

/* An account without owners is alive by its pieces, so a holder of one may make itself an
 * owner. */
void neap__account_retain(neap__account *a)
{
    if (atomic_fetch_add_explicit(&a->owners, 1, memory_order_relaxed) == 0)
        atomic_fetch_add_explicit(&a->held, OWNED, memory_order_relaxed);
}

void neap__account_release(neap__account *a)
{
    if (!a || atomic_fetch_sub_explicit(&a->owners, 1, memory_order_acq_rel) != 1)
        return;
    neap__account_close(a);
    drop(a, OWNED);
}

/* Gives back the pieces kept. True if there was one. The caller has a hold on the
 * account. */
static bool give_back_kept(neap__account *a)
{
    bool any = false;
    for (;;) {
        kept_piece piece = {NULL, 0, NEAP_MEMORY_SMALL};
        pthread_mutex_lock(&a->lock);
        if (a->kept_count) {
            piece = a->kept[--a->kept_count];
            a->kept_bytes -= piece.size;
        }
        pthread_mutex_unlock(&a->lock);
        if (!piece.pointer)
            return any;
        any = true;
        ASAN_UNPOISON_MEMORY_REGION(piece.pointer, piece.size);
        host_free(piece.pointer, piece.size);
        drop(a, piece.size);
    }
}

void neap__account_close(neap__account *a)
{
    pthread_mutex_lock(&a->lock);
    a->closed = true;
    a->reclaim = NULL;
    pthread_mutex_unlock(&a->lock);
    give_back_kept(a);
}

static size_t bytes_of(size_t held) { return held & ~(size_t)(NEAP__ALIGNMENT - 1); }

neap_memory neap__account_memory(const neap__account *a)
{
    const neap_memory m = {
        .current = bytes_of(atomic_load_explicit(&a->held, memory_order_relaxed)),
        .peak = atomic_load_explicit(&a->peak, memory_order_relaxed),
        .limit = a->limit,
    };
    return m;
}

/* ---- Pieces kept for reuse --------------------------------------------------------- */

static bool is_recyclable(size_t size, neap_memory_kind kind)
{
    return size >= RECYCLED && (kind == NEAP_MEMORY_RESULT || kind == NEAP_MEMORY_BLOCK);
}

static void remove_kept(neap__account *a, size_t index)
{
    a->kept_bytes -= a->kept[index].size;
    a->kept_count--;
    memmove(&a->kept[index], &a->kept[index + 1],
            (a->kept_count - index) * sizeof a->kept[0]);
}

/* A kept piece of just this size, or NULL; the newest first, which is the warmest. */
static void *take_kept(neap__account *a, size_t size, neap_memory_kind kind)
{
    void *pointer = NULL;
    pthread_mutex_lock(&a->lock);
    for (size_t i = a->kept_count; i-- > 0 && !pointer;) {
        if (a->kept[i].size == size && a->kept[i].kind == kind) {
            pointer = a->kept[i].pointer;
            remove_kept(a, i);
        }
    }
    pthread_mutex_unlock(&a->lock);
    if (pointer)
        ASAN_UNPOISON_MEMORY_REGION(pointer, size);
    return pointer;
}

/* Keeps the piece, in place of the oldest ones where there is no room. False: not
 * kept. */
static bool keep(neap__account *a, void *pointer, size_t size, neap_memory_kind kind)
{
    for (;;) {
        pthread_mutex_lock(&a->lock);
        const bool wanted = !a->closed && size <= a->recycle;
        if (wanted && a->kept_count < KEPT && size <= a->recycle - a->kept_bytes) {
            ASAN_POISON_MEMORY_REGION(pointer, size);
            a->kept[a->kept_count++] = (kept_piece){pointer, size, kind};
            a->kept_bytes += size;
            pthread_mutex_unlock(&a->lock);
            return true;
        }
        if (!wanted) {
            pthread_mutex_unlock(&a->lock);
            return false;
        }
        const kept_piece oldest = a->kept[0]; /* no room, so there is one */
        remove_kept(a, 0);
        pthread_mutex_unlock(&a->lock);
        ASAN_UNPOISON_MEMORY_REGION(oldest.pointer, oldest.size);
        host_free(oldest.pointer, oldest.size);
        drop(a, oldest.size); /* `pointer` is held still, so the account lives */
    }
}

/* ---- Pieces ------------------------------------------------------------------------ */

static bool piece_size(size_t size, neap_memory_kind kind, size_t *rounded)
{
    size_t multiple = NEAP__ALIGNMENT;
    if (is_recyclable(size, kind))
        multiple = PAGE;
    return neap__round_size(size ? size : 1, multiple, rounded) &&
           *rounded <= PTRDIFF_MAX;
}

static void raise_peak(neap__account *a, size_t bytes)
{
    size_t peak = atomic_load_explicit(&a->peak, memory_order_relaxed);
    while (bytes > peak && !atomic_compare_exchange_weak_explicit(&a->peak, &peak, bytes,
                                                                  memory_order_relaxed,
                                                                  memory_order_relaxed)) {
    }
}

/* Counts a piece that is about to be made; false if the limit forbids it. */
static bool hold(neap__account *a, size_t size)
{
    size_t held;
    if (a->limit == 0) {
        held = atomic_fetch_add_explicit(&a->held, size, memory_order_relaxed);
    } else {
        held = atomic_load_explicit(&a->held, memory_order_relaxed);
        do {
            if (bytes_of(held) > a->limit || size > a->limit - bytes_of(held))
                return false;
        } while (!atomic_compare_exchange_weak_explicit(
            &a->held, &held, held + size, memory_order_relaxed, memory_order_relaxed));
    }
    raise_peak(a, bytes_of(held) + size);
    return true;
}

static void *no_memory(size_t size, neap_error *err)
{
    neap__fail(err, NEAP_ENOMEM, "no memory for %zu bytes", size);
    return NULL;
}

NEAP__COLD static void *limit_reached(const neap__account *a, size_t size,
                                      neap_error *err)
{
    neap__fail(err, NEAP_ELIMIT,
               "memory limit of %zu bytes reached: %zu more needed, %zu held", a->limit,
               size, neap__account_memory(a).current);
    return NULL;
}

static void *try_to_alloc(neap__account *a, size_t size, neap_memory_kind kind,
                          neap_error *err)
{
    size_t rounded;
    if (!piece_size(size, kind, &rounded))
        return no_memory(size, err);
    if (is_recyclable(rounded, kind)) {
        void *kept = take_kept(a, rounded, kind);
        if (kept)
            return kept;
    }
    if (!hold(a, rounded)) {
        give_back_kept(a);
        if (!hold(a, rounded))
            return limit_reached(a, size, err);
    }
    void *pointer = host_allocate(rounded, kind);
    if (!pointer && give_back_kept(a))
        pointer = host_allocate(rounded, kind);
    if (!pointer) {
        drop(a, rounded);
        return no_memory(size, err);
    }
    return pointer;
}

/* What nobody is told the lack of can be done without, and is not worth a reclaim. */
void *neap__alloc(neap__account *a, size_t size, neap_memory_kind kind, neap_error *err)
{
    bool failed = neap__failed(err);
    void *pointer = try_to_alloc(a, size, kind, err);
    if (pointer || !err || failed || !a->reclaim || !a->reclaim(a->context))
        return pointer;
    neap__clear(err);
    return try_to_alloc(a, size, kind, err);
}

void *neap__alloc_zero(neap__account *a, size_t size, neap_memory_kind kind,
                       neap_error *err)
{
    void *pointer = neap__alloc(a, size, kind, err);
    if (pointer)
        memset(pointer, 0, size);
    return pointer;
}

void neap__free(neap__account *a, void *pointer, size_t size, neap_memory_kind kind)
{
    size_t rounded;
    if (!pointer || !piece_size(size, kind, &rounded)) /* such a size was never given */
        return;
    if (is_recyclable(rounded, kind) && keep(a, pointer, rounded, kind))
        return;
    host_free(pointer, rounded);
    drop(a, rounded);
}

bool neap__grow(neap__account *a, void **array, size_t *capacity, size_t count,
                size_t width, neap_memory_kind kind, neap_error *err)
{
    if (count <= *capacity)
        return true;
    size_t wanted =
        *capacity < 4 ? 8 : *capacity * 2; /* cannot overflow: its bytes are held */
    if (wanted < count)
        wanted = count;
    size_t bytes;
    if (!neap__mul_size(wanted, width, &bytes)) {
        no_memory(SIZE_MAX, err);
        return false;
    }
    void *grown = neap__alloc(a, bytes, kind, err);
    if (!grown)
        return false;
    if (*array)
        memcpy(grown, *array, *capacity * width);
    neap__free(a, *array, *capacity * width, kind);
    *array = grown;
    *capacity = wanted;
    return true;
}
