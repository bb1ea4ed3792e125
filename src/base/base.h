/* base.h - what every layer stands on: errors, text, memory, checked sizes, random
 * numbers, threads. Nothing here knows what a tensor or a graph is. */
#ifndef NEAP_BASE_H
#define NEAP_BASE_H

#include "neap.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define NEAP__PRINTF(text, first) __attribute__((format(printf, text, first)))
#define NEAP__COLD __attribute__((cold))
#else
#define NEAP__PRINTF(text, first)
#define NEAP__COLD
#endif

/* ---- Errors (error.c): no memory, no locale, the first error is the one told ------- */

/* Writes code and text into `err`, unless it is NULL or holds an error already; returns
 * `code`. Names that come from outside go through neap__quoted. No floating formats: see
 * neap__text. */
int neap__fail(neap_error *err, int code, const char *format, ...)
    NEAP__PRINTF(3, 4) NEAP__COLD;
/* Puts text before or after the message of an error already told, within its size. */
void neap__error_prefix(neap_error *err, const char *format, ...)
    NEAP__PRINTF(2, 3) NEAP__COLD;
void neap__error_suffix(neap_error *err, const char *format, ...)
    NEAP__PRINTF(2, 3) NEAP__COLD;
/* Ends the text of an error that a host's callback told, which may have filled its buffer
 * to the last byte: it is read after this alone. */
void neap__error_end(neap_error *err) NEAP__COLD;
static inline bool neap__failed(const neap_error *err)
{
    return err && err->code != NEAP_OK;
}
/* Resets `err` (may be NULL) as functions that return a status do on entry. */
static inline void neap__clear(neap_error *err)
{
    if (err) {
        err->code = NEAP_OK;
        err->message[0] = 0;
    }
}
/* For entry checks: fails with EARG "FUNCTION: ARGUMENT is NULL" unless an error is
 * there. */
int neap__null(neap_error *err, const char *function, const char *argument) NEAP__COLD;

/* ---- Text (text.c): a bounded buffer that counts what did not fit ------------------ */

typedef struct neap__text {
    char *data;    /* always ends in NUL when size > 0 */
    size_t size;   /* of `data` */
    size_t length; /* of the whole text, as snprintf counts */
} neap__text;

static inline neap__text neap__text_over(char *data, size_t size)
{
    neap__text t = {data, size, 0};
    if (size)
        data[0] = 0;
    return t;
}
void neap__text_add(neap__text *t, const char *format, ...) NEAP__PRINTF(2, 3);
void neap__text_bytes(neap__text *t, const char *bytes, size_t length);
/* A number with '.' whatever the locale: `digits` significant ones, or the fewest that
 * read back as the same float (digits 0, single precision) or double (digits -1). */
void neap__text_number(neap__text *t, double value, int digits);
/* A name or value from outside: cut at 80 bytes, control characters and bytes that are
 * not UTF-8 escaped as \xNN; no quotation marks are added. Returns `buffer`. */
#define NEAP__QUOTED_SIZE 344
const char *neap__quoted(char buffer[NEAP__QUOTED_SIZE], const char *text);

/* A finite number in decimal: digits[0] has the weight 10^exponent. No trailing zeros;
 * zero is the one digit '0'. */
#define NEAP__DECIMAL_DIGITS 32
typedef struct neap__decimal {
    bool negative; /* -0 too */
    int count;
    int exponent;
    char digits[NEAP__DECIMAL_DIGITS + 1]; /* ends in NUL */
} neap__decimal;
/* The exact value rounded to so many digits, at most NEAP__DECIMAL_DIGITS. */
void neap__decimal_round(neap__decimal *d, double value, int digits);
/* The fewest digits, not fewer than `first` before zeros are dropped, that read back as
 * the value. */
typedef bool neap__reads(const char *text, double value);
void neap__decimal_shortest(neap__decimal *d, double value, int first,
                            neap__reads *reads);
bool neap__reads_float(const char *text, double value);
bool neap__reads_double(const char *text, double value);

/* ---- Sizes (sizes.h is this): the one arithmetic for sizes; false means overflow --- */

static inline bool neap__add_size(size_t a, size_t b, size_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}
static inline bool neap__mul_size(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}
static inline bool neap__add_int(int64_t a, int64_t b, int64_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}
static inline bool neap__mul_int(int64_t a, int64_t b, int64_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}
/* Up to the next multiple of a power of two; false on overflow. */
static inline bool neap__round_size(size_t size, size_t multiple, size_t *rounded)
{
    if (!neap__add_size(size, multiple - 1, rounded))
        return false;
    *rounded &= ~(multiple - 1);
    return true;
}

/* ---- Memory (memory.c) ------------------------------------------------------------- */

#define NEAP__ALIGNMENT 64

/* An account counts what is allocated through it against a limit, and may keep freed
 * large pieces for the next request of the same size. Counted itself: each piece
 * allocated holds a reference, so that a tensor may outlive its session. Thread-safe. */
typedef struct neap__account neap__account;

/* The account of objects that belong to no session: the default allocator, no limit,
 * nothing recycled. Never NULL, never freed. */
neap__account *neap__default_account(void);
/* limit 0: none. `recycle`: the most bytes of freed RESULT and BLOCK pieces of at least
 * 64 KiB that are kept for reuse (they count as held; they are given back before a limit
 * is reported). */
neap__account *neap__account_new(size_t limit, size_t recycle, neap_error *err);
void neap__account_retain(neap__account *a);
void neap__account_release(neap__account *a);
/* What is asked, once for each request, when memory ends: true if something was given back
 * and the request should be tried again. Set before the account is shared; gone when it
 * closes. */
void neap__account_reclaims(neap__account *a, bool (*reclaim)(void *context),
                            void *context);
/* Gives back what is kept for reuse and keeps nothing from now on (a session closes). */
void neap__account_close(neap__account *a);
neap_memory neap__account_memory(const neap__account *a);

/* Aligned to 64 bytes, contents undefined. NULL with ENOMEM ("no memory for N bytes") or
 * ELIMIT ("memory limit of N bytes reached: N more needed, N held"). size 0 gives a valid
 * pointer. */
void *neap__alloc(neap__account *a, size_t size, neap_memory_kind kind, neap_error *err);
void *neap__alloc_zero(neap__account *a, size_t size, neap_memory_kind kind,
                       neap_error *err);
/* `size` and `kind` as they were asked for; pointer NULL is legal. */
void neap__free(neap__account *a, void *pointer, size_t size, neap_memory_kind kind);

/* A growing array of `width`-byte elements: makes room for `count` elements, doubling. On
 * failure nothing changes. */
bool neap__grow(neap__account *a, void **array, size_t *capacity, size_t count,
                size_t width, neap_memory_kind kind, neap_error *err);

/* An arena gives memory that is freed all at once. Not thread-safe. */
typedef struct neap__arena {
    neap__account *account;
    neap_memory_kind kind;
    struct neap__chunk *chunks; /* the newest first */
    char *next, *end;
    size_t bytes; /* held in all */
} neap__arena;

void neap__arena_init(neap__arena *arena, neap__account *account, neap_memory_kind kind);
/* Aligned to 16 bytes, zeroed. Chunks begin at 1 KiB and double to 256 KiB. */
void *neap__arena_alloc(neap__arena *arena, size_t size, neap_error *err);
/* count * width, checked. */
void *neap__arena_array(neap__arena *arena, size_t count, size_t width, neap_error *err);
char *neap__arena_string(neap__arena *arena, const char *text, size_t length,
                         neap_error *err);
void neap__arena_free(neap__arena *arena); /* back to empty; may be used again */

/* ---- Hashing (hash.h is this) ------------------------------------------------------ */

static inline uint64_t neap__mix(uint64_t hash, uint64_t value)
{
    hash ^= value + UINT64_C(0x9E3779B97F4A7C15) + (hash << 6) + (hash >> 2);
    hash *= UINT64_C(0xFF51AFD7ED558CCD);
    return hash ^ (hash >> 32);
}
uint64_t neap__hash_bytes(const void *bytes, size_t length);
/* Of a name, the same on every machine: Fowler, Noll and Vo's 1a. */
uint32_t neap__hash_name(const char *name);

/* ---- Random numbers (random.c): Philox 4x32-10 ------------------------------------- */

/* Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011: ten rounds. A
 * draw is a pure function of key and counter. */
void neap__philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

/* ---- Floating-point environment (floating.c) --------------------------------------- */

/* Round to nearest, no traps, denormals kept; returns what was, for the restore.
 * Cheap. */
typedef struct neap__floating {
    uint32_t control; /* the vector unit's, where the machine has one apart */
    unsigned char rest[60];
} neap__floating;
void neap__floating_begin(neap__floating *saved);
void neap__floating_end(const neap__floating *saved);

/* ---- Threads (pool.c) -------------------------------------------------------------- */

/* One job has `parts` parts, each done once by some worker; `worker` is from 0 to width -
 * 1 and picks its scratch memory. Which worker does which part never shows in a
 * result. */
typedef void neap__job(void *context, int64_t part, int worker);

/* A team is one run's claim on the process's pool. It lives on the run's stack; the pool
 * is claimed at the first parallel job. A run that finds the pool busy does its parts
 * itself. */
typedef struct neap__team {
    int width;   /* the most workers a job of this run may have, the caller included */
    int claimed; /* 0: not asked yet; -1: busy; else ours, the number of the process */
} neap__team;

/* Sessions hold the pool; the last release joins its threads. */
void neap__pool_retain(void);
void neap__pool_release(void);
/* The bound of neap_set_threads (or the processors), and the number of processors. */
int neap__default_threads(void);
/* That bound; 0: none was set. */
int neap__thread_bound(void);
int neap__processors(void);

static inline void neap__team_begin(neap__team *team, int width)
{
    team->width = width;
    team->claimed = 0;
}
/* Does all parts of the job; returns when they are done. parts ≤ 1 or width 1: in the
 * caller. */
void neap__team_run(neap__team *team, int64_t parts, neap__job *job, void *context);
/* Gives the pool back, if it was claimed; workers spin for at most 50 µs and then
 * sleep. */
void neap__team_end(neap__team *team);

/* A mutex and a clock: the one place that names them. */
double neap__now(void); /* seconds, monotonic */

#endif
