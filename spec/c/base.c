/* base.c - specs of src/base. Links the core's objects or libneap.a; -Isrc.
 *
 * Runs once: no instruction set touches it. */
#include "base/base.h"
#include "check.h"

#include <fenv.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* ThreadSanitizer does not follow a child of a process with threads. */
#if defined(__SANITIZE_THREAD__)
#define FORKS 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FORKS 0
#endif
#endif
#ifndef FORKS
#define FORKS 1
#endif

/* ---- Errors and text --------------------------------------------------------------- */

static void spec_errors(void)
{
    neap_error err = NEAP_ERROR_INIT;
    CHECK(neap__fail(NULL, NEAP_EARG, "nobody listens") == NEAP_EARG);
    CHECK(neap__fail(&err, NEAP_ESHAPE, "inner %d", 3) == NEAP_ESHAPE);
    CHECK(neap__fail(&err, NEAP_EARG, "later") == NEAP_EARG);
    CHECK(err.code == NEAP_ESHAPE);
    neap__error_prefix(&err, "matmul \"%s\": ", "y");
    neap__error_suffix(&err, " (made at %s:%d)", "model.lua", 12);
    CHECK_TEXT(err.message, "matmul \"y\": inner 3 (made at model.lua:12)");
    neap__error_prefix(&err, "%.5s: ", err.message); /* an argument inside the message */
    CHECK_TEXT(err.message, "matmu: matmul \"y\": inner 3 (made at model.lua:12)");
    neap__clear(&err);
    CHECK(!neap__failed(&err) && err.message[0] == 0 && !neap__failed(NULL));
    neap__error_prefix(&err, "no error yet");
    CHECK(err.message[0] == 0);
    CHECK(neap__null(&err, "neap_build", "g") == NEAP_EARG);
    CHECK_TEXT(err.message, "neap_build: g is NULL");

    char wide[3 * NEAP_MESSAGE_SIZE] = "";
    for (size_t i = 0; i + 3 < sizeof wide; i += 3)
        memcpy(wide + i, "\xE2\x82\xAC", 4); /* the euro sign: 511 is no multiple of 3 */
    neap__clear(&err);
    neap__fail(&err, NEAP_EARG, "%s", wide);
    CHECK(strlen(err.message) == 510);
    neap__error_suffix(&err, "%s", wide);
    CHECK(strlen(err.message) <= 511);
    neap__error_prefix(&err, "%s", wide);
    CHECK(strlen(err.message) <= 511);

    /* What is cut is the middle: the cause ends the text, whatever it went through. */
    neap__clear(&err);
    neap__fail(&err, NEAP_EARG, "\xE2\x82\xAC is the cause");
    for (int i = 0; i < 1000; i++) {
        neap__error_prefix(&err, "node \xE2\x82\xAC%d: ", i);
        const char *end = strstr(err.message, ": \xE2\x82\xAC is the cause");
        CHECK(end && strlen(end) == 18 && strlen(err.message) < NEAP_MESSAGE_SIZE);
        for (const char *c = err.message; *c; c++)
            CHECK(((unsigned char)*c & 0x80) == 0 ||
                  (!memcmp(c, "\xE2\x82\xAC", 3) && (c += 2)));
    }
    CHECK(!strncmp(err.message,
                   "node \xE2\x82\xAC"
                   "999: node ",
                   18));
    CHECK(strstr(err.message, " ... "));
    neap__error_suffix(&err, " (made at %s:%d)", "model.lua", 12);
    CHECK(strlen(err.message) < NEAP_MESSAGE_SIZE);
    CHECK(strstr(err.message, "\xE2\x82\xAC is the cause (made at model.lua:12)"));
    memset(err.message, 'x', sizeof err.message); /* as a host may leave it */
    memcpy(err.message + 509, "\xE2\x82\xAC", 3);
    neap__error_end(&err);
    CHECK(strlen(err.message) == 509 && err.message[508] == 'x');
    strcpy(err.message, "short");
    neap__error_end(&err);
    CHECK_TEXT(err.message, "short");

    CHECK_TEXT(neap_status_name(NEAP_OK), "OK");
    CHECK_TEXT(neap_status_name(NEAP_ESHAPE), "ESHAPE");
    CHECK_TEXT(neap_status_name(NEAP_EBUSY), "EBUSY");
    CHECK_TEXT(neap_status_name(-1), "unknown status");
    CHECK_TEXT(neap_status_name(NEAP_EBUSY + 1), "unknown status");
}

static const char *number(double value, int digits)
{
    static char text[4][64];
    static int turn;
    char *line = text[turn++ & 3];
    neap__text t = neap__text_over(line, sizeof text[0]);
    neap__text_number(&t, value, digits);
    return line;
}

static void spec_numbers(void)
{
    CHECK_TEXT(number(0.1, -1), "0.1");
    CHECK_TEXT(number(0.1F, -1), "0.10000000149011612");
    CHECK_TEXT(number(0.1F, 0), "0.1");
    CHECK_TEXT(number(1.0 / 3, -1), "0.3333333333333333");
    CHECK_TEXT(number(2, -1), "2");
    CHECK_TEXT(number(-0.0, -1), "-0");
    CHECK_TEXT(number(1e300, -1), "1e+300");
    CHECK_TEXT(number(5e-324, -1), "5e-324");
    CHECK_TEXT(number(0x1p-44, -1),
               "5.684341886080802e-14"); /* below it doubles are denser */
    CHECK_TEXT(number(1e-45, 0), "1e-45");
    CHECK_TEXT(number(100000, -1), "100000");
    CHECK_TEXT(number(1e15 + 0.5, -1), "1000000000000000.5");
    CHECK_TEXT(number(1e16, -1), "1e+16");
    CHECK_TEXT(number(0.0001, -1), "0.0001");
    CHECK_TEXT(number(0.00001234, -1), "1.234e-05");
    CHECK_TEXT(number(97.8345, 3), "97.8");
    CHECK_TEXT(number(97.0001, 3), "97");
    CHECK_TEXT(number(1234567, 3), "1.23e+06");
    CHECK_TEXT(number(9.9996, 4), "10");
    CHECK_TEXT(number(NAN, 3), "nan");
    CHECK_TEXT(number(-INFINITY, -1), "-inf");

    const int mode = fegetround();
    fesetround(FE_UPWARD);
    CHECK_TEXT(number(0.1, -1), "0.1");
    CHECK_TEXT(number(1.25, 2), "1.2");
    CHECK(fegetround() == FE_UPWARD);
    fesetround(mode);

    const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "ps_AF.UTF-8"};
    for (size_t i = 0; i < sizeof locales / sizeof *locales; i++)
        if (setlocale(LC_NUMERIC, locales[i])) /* where it is installed */
            CHECK_TEXT(number(-2.5e-7, -1), "-2.5e-07");
    setlocale(LC_NUMERIC, "C");
}

static void spec_text(void)
{
    char buffer[8];
    neap__text t = neap__text_over(buffer, sizeof buffer);
    neap__text_add(&t, "%d", 123);
    neap__text_bytes(&t, "456789", 6);
    neap__text_add(&t, "%s", "more");
    CHECK_TEXT(buffer, "1234567");
    CHECK(t.length == 13);
    t = neap__text_over(NULL, 0);
    neap__text_add(&t, "counted");
    neap__text_bytes(&t, "!", 1);
    CHECK(t.length == 8);

    char quoted[NEAP__QUOTED_SIZE];
    CHECK_TEXT(neap__quoted(quoted, "plain \xE2\x82\xAC %n"), "plain \xE2\x82\xAC %n");
    CHECK_TEXT(neap__quoted(quoted, "a\nb\x7F"), "a\\x0Ab\\x7F");
    CHECK_TEXT(neap__quoted(quoted, "\xFF\xC0\x80"), "\\xFF\\xC0\\x80");
    CHECK_TEXT(neap__quoted(quoted, "\xE2\x82"), "\\xE2\\x82");
    CHECK_TEXT(neap__quoted(quoted, "\xED\xA0\x80"), "\\xED\\xA0\\x80"); /* a surrogate */
    CHECK_TEXT(neap__quoted(quoted, "\xC2\x85"),
               "\\xC2\\x85"); /* a control character too */
    char text[200];
    memset(text, '\x01', sizeof text - 1);
    text[sizeof text - 1] = 0;
    CHECK(strlen(neap__quoted(quoted, text)) == 80 * 4 + 3);
    memset(text, 'x', sizeof text - 1);
    memcpy(text + 79, "\xE2\x82\xAC", 3);
    CHECK(strlen(neap__quoted(quoted, text)) == 79 + 3); /* no character is cut in two */
    CHECK_TEXT(neap__quoted(quoted, NULL), "(null)");
}

/* ---- Sizes, hashes, random numbers, the floating environment ----------------------- */

static void spec_sizes(void)
{
    size_t size;
    int64_t product;
    CHECK(neap__round_size(65, 64, &size) && size == 128);
    CHECK(!neap__round_size(SIZE_MAX - 3, 64, &size));
    CHECK(!neap__mul_size(SIZE_MAX / 2, 3, &size));
    CHECK(!neap__mul_int(INT64_C(1) << 32, INT64_C(1) << 32, &product));
    CHECK(!neap__add_int(INT64_MAX, 1, &product));
    CHECK(neap__hash_bytes("abcdefgh", 8) != neap__hash_bytes("abcdefgi", 8));
    CHECK(neap__hash_bytes("a", 1) != neap__hash_bytes("a\0", 2));
    CHECK(neap__hash_bytes("", 0) == neap__hash_bytes("x", 0));
}

/* The known answers of Random123 1.09 (kat_vectors, philox4x32 of 10 rounds). */
static void spec_philox(void)
{
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t out[4];
        neap__philox(known[i].key, known[i].counter, out);
        CHECK(memcmp(out, known[i].out, sizeof out) == 0);
    }
}

static void spec_floating(void)
{
    neap__floating saved;
    const int before = fegetround();
    fesetround(FE_DOWNWARD);
    feraiseexcept(FE_INEXACT);
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040); /* denormals are zero and flushed */
    const unsigned host = _mm_getcsr();
#endif
    neap__floating_begin(&saved);
    CHECK(fegetround() == FE_TONEAREST);
    volatile double tiny = 2.5e-308, zero = 0;
    CHECK(tiny / 4 > 0);
    CHECK(isinf(1 / zero));
    neap__floating_end(&saved);
    CHECK(fegetround() == FE_DOWNWARD);
#if defined(__x86_64__)
    CHECK(_mm_getcsr() == host);
    _mm_setcsr(0x1F80);
#endif
    CHECK(fetestexcept(FE_DIVBYZERO) == 0); /* the host's flags are as they were */
    fesetround(before);
}

/* ---- Memory ------------------------------------------------------------------------ */

/* A host's allocator that knows every piece, and may be told to fail. */
typedef struct ledger {
    pthread_mutex_t lock;
    struct {
        void *pointer;
        size_t size;
    } pieces[4096];
    size_t count, bytes, calls, wrong;
    size_t fail_at; /* the number of the call that fails, once; 0: none */
    bool fail_large;
} ledger;

static ledger books = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *ledger_allocate(void *user, size_t size, size_t alignment,
                             neap_memory_kind kind)
{
    (void)kind;
    ledger *l = user;
    void *pointer = NULL;
    pthread_mutex_lock(&l->lock);
    l->wrong += size == 0 || alignment > 64 || (alignment & (alignment - 1)) != 0;
    const bool fails = ++l->calls == l->fail_at || (l->fail_large && size >= 1 << 20);
    if (!fails && posix_memalign(&pointer, alignment, size) == 0 && l->count < 4096) {
        l->pieces[l->count].pointer = pointer;
        l->pieces[l->count++].size = size;
        l->bytes += size;
    }
    pthread_mutex_unlock(&l->lock);
    return pointer;
}

static void ledger_free(void *user, void *pointer, size_t size)
{
    ledger *l = user;
    pthread_mutex_lock(&l->lock);
    size_t i = 0;
    while (i < l->count && l->pieces[i].pointer != pointer)
        i++;
    if (i == l->count || l->pieces[i].size != size) {
        l->wrong++;
    } else {
        l->bytes -= size;
        l->pieces[i] = l->pieces[--l->count];
        free(pointer);
    }
    pthread_mutex_unlock(&l->lock);
}

enum { KIB = 1024, MIB = 1024 * 1024 };

static void spec_allocator(void)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_allocator mine = {ledger_allocate, NULL, &books};
    CHECK(neap_set_allocator(&mine, &err) == NEAP_EARG);
    mine.free = ledger_free;
    CHECK(neap_set_allocator(&mine, &err) == NEAP_OK && err.code == NEAP_OK);
    CHECK(neap_set_allocator(NULL, NULL) == NEAP_OK); /* nothing was taken yet */
    CHECK(neap_set_allocator(&mine, NULL) == NEAP_OK);

    neap__account *a = neap__default_account();
    void *p = neap__alloc(a, 0, NEAP_MEMORY_SMALL, &err);
    CHECK(p && (uintptr_t)p % 64 == 0);
    CHECK(neap_set_allocator(NULL, &err) == NEAP_ESTATE);
    CHECK(neap__account_memory(a).current == 64);
    neap__free(a, p, 0, NEAP_MEMORY_SMALL);
    neap__free(a, NULL, 100, NEAP_MEMORY_SMALL);
    CHECK(neap__account_memory(a).current == 0 && neap__account_memory(a).peak == 64);
    CHECK(books.count == 0 && books.wrong == 0);

    neap__clear(&err);
    CHECK(!neap__alloc(a, SIZE_MAX, NEAP_MEMORY_SMALL, &err));
    CHECK(err.code == NEAP_ENOMEM);
    CHECK_TEXT(err.message, "no memory for 18446744073709551615 bytes");
    char *z = neap__alloc_zero(a, 300 * KIB, NEAP_MEMORY_RESULT, NULL);
    CHECK(z && z[0] == 0 && z[300 * KIB - 1] == 0);
    neap__free(a, z, 300 * KIB, NEAP_MEMORY_RESULT);
    CHECK(books.count == 0); /* the default account keeps nothing */
}

static void spec_recycling(void)
{
    neap_error err = NEAP_ERROR_INIT;
    neap__account *a = neap__account_new(0, 2 * MIB, &err);
    char *p = neap__alloc(a, MIB - 10, NEAP_MEMORY_RESULT, &err);
    neap__free(a, p, MIB - 10, NEAP_MEMORY_RESULT);
    CHECK(neap__account_memory(a).current == MIB); /* kept, and held */
    const size_t calls = books.calls;
    CHECK(neap__alloc(a, MIB - 10, NEAP_MEMORY_RESULT, &err) == p &&
          books.calls == calls);
    char *other = neap__alloc(a, MIB - 10, NEAP_MEMORY_BLOCK, &err);
    CHECK(other && other != p && books.calls == calls + 1);
    memset(p, 1, MIB - 10);
    char *third = neap__alloc(a, 512 * KIB, NEAP_MEMORY_RESULT, &err);
    neap__free(a, p, MIB - 10, NEAP_MEMORY_RESULT);
    neap__free(a, other, MIB - 10, NEAP_MEMORY_BLOCK);
    CHECK(neap__account_memory(a).current == 2 * MIB + 512 * KIB);
    neap__free(a, third, 512 * KIB, NEAP_MEMORY_RESULT); /* the oldest has to go */
    CHECK(neap__account_memory(a).current == MIB + 512 * KIB);
    for (int i = 0; i < 200; i++) { /* small pieces and too large ones are not kept */
        p = neap__alloc(a, i % 2 ? 100 : 3 * MIB, NEAP_MEMORY_RESULT, &err);
        neap__free(a, p, i % 2 ? 100 : 3 * MIB, NEAP_MEMORY_RESULT);
    }
    CHECK(neap__account_memory(a).current == MIB + 512 * KIB);
    for (size_t i = 0; i < 300; i++) { /* more sizes than are kept */
        const size_t size = 64 * KIB + i * 4096 % (256 * KIB);
        neap__free(a, neap__alloc(a, size, NEAP_MEMORY_RESULT, &err), size,
                   NEAP_MEMORY_RESULT);
    }
    CHECK(neap__account_memory(a).current <= 2 * MIB);
    p = neap__alloc(a, MIB, NEAP_MEMORY_RESULT, &err);
    neap__account_close(a);
    CHECK(neap__account_memory(a).current == MIB);
    neap__account_release(a);
    CHECK(books.count == 2); /* a piece that outlives its owner, and the account */
    neap__account_retain(a);
    neap__free(a, p, MIB, NEAP_MEMORY_RESULT);
    CHECK(neap__account_memory(a).current == 0 && books.count == 1);
    neap__account_release(a);
    neap__account_release(NULL);
    CHECK(books.count == 0 && books.wrong == 0 && !neap__failed(&err));
}

static void spec_limit(void)
{
    neap_error err = NEAP_ERROR_INIT;
    neap__account *a = neap__account_new(MIB, MIB, &err);
    void *p = neap__alloc(a, 640 * KIB, NEAP_MEMORY_BLOCK, &err);
    CHECK(!neap__alloc(a, 512 * KIB, NEAP_MEMORY_RESULT, &err));
    CHECK(err.code == NEAP_ELIMIT);
    CHECK_TEXT(err.message,
               "memory limit of 1048576 bytes reached: 524288 more needed, 655360 held");
    neap__free(a, p, 640 * KIB, NEAP_MEMORY_BLOCK);
    CHECK(neap__account_memory(a).current ==
          640 * KIB); /* kept, but given back at need */
    neap__clear(&err);
    p = neap__alloc(a, 512 * KIB, NEAP_MEMORY_RESULT, &err);
    CHECK(p && neap__account_memory(a).current == 512 * KIB);
    void *rest = neap__alloc(a, 512 * KIB, NEAP_MEMORY_RESULT, &err);
    CHECK(rest && neap__account_memory(a).current == MIB);
    CHECK(!neap__alloc(a, 1, NEAP_MEMORY_SMALL, NULL));
    CHECK(neap__account_memory(a).peak == MIB && neap__account_memory(a).limit == MIB);
    neap__free(a, p, 512 * KIB, NEAP_MEMORY_RESULT);
    neap__free(a, rest, 512 * KIB, NEAP_MEMORY_RESULT);
    books.fail_large = true;
    neap__account *wide = neap__account_new(0, MIB, &err);
    CHECK(!neap__alloc(wide, MIB, NEAP_MEMORY_RESULT, &err));
    CHECK_TEXT(err.message, "no memory for 1048576 bytes");
    CHECK(neap__account_memory(wide).current == 0);
    books.fail_large = false;
    neap__account_release(wide);
    neap__account_release(a);
    CHECK(books.count == 0 && books.wrong == 0);
}

static void spec_grow_and_arena(void)
{
    neap_error err = NEAP_ERROR_INIT;
    neap__account *a = neap__default_account();
    void *array = NULL;
    size_t capacity = 0;
    for (size_t i = 0; i < 1000; i++) {
        CHECK(neap__grow(a, &array, &capacity, i + 1, sizeof i, NEAP_MEMORY_NODE, &err));
        ((size_t *)array)[i] = i;
    }
    CHECK(((size_t *)array)[999] == 999 && ((size_t *)array)[7] == 7);
    const size_t before = capacity;
    books.fail_at = books.calls + 1;
    CHECK(!neap__grow(a, &array, &capacity, 100000, sizeof(size_t), NEAP_MEMORY_NODE,
                      &err));
    CHECK(capacity == before && err.code == NEAP_ENOMEM && ((size_t *)array)[999] == 999);
    CHECK(!neap__grow(a, &array, &capacity, SIZE_MAX / 2, 8, NEAP_MEMORY_NODE, NULL));
    neap__free(a, array, capacity * sizeof(size_t), NEAP_MEMORY_NODE);

    neap__arena arena;
    neap__clear(&err);
    neap__arena_init(&arena, a, NEAP_MEMORY_NODE);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 5000; i++) {
            const size_t size = i % 100 == 99 ? 5000 * i % 600000 : i % 90;
            unsigned char *p = neap__arena_alloc(&arena, size, &err);
            CHECK(p && (uintptr_t)p % 16 == 0 &&
                  (size == 0 || (p[0] | p[size - 1]) == 0));
            memset(p, 0xAB, size);
        }
        CHECK_TEXT(neap__arena_string(&arena, "names", 4, &err), "name");
        CHECK(arena.bytes <= books.bytes && books.bytes < arena.bytes + 64 * books.count);
        neap__arena_free(&arena);
        CHECK(books.count == 0 && arena.bytes == 0);
    }
    CHECK(!neap__arena_array(&arena, SIZE_MAX / 4, 8, &err) && err.code == NEAP_ENOMEM);
    CHECK(!neap__arena_alloc(&arena, SIZE_MAX - 20, NULL));
    CHECK(!neap__arena_string(&arena, "x", SIZE_MAX, NULL));
    CHECK(books.count == 0 && books.wrong == 0);
}

/* Threads that take and give back through one account, some of it over its limit. */
static void *account_user(void *argument)
{
    neap__account *a = argument;
    uint64_t state = (uint64_t)(uintptr_t)&state;
    for (int i = 0; i < 2000; i++) {
        state = neap__mix(state, (uint64_t)i);
        const size_t size = state % 3 ? state % 2000 : 64 * KIB + state % 8 * 4096;
        void *p = neap__alloc(a, size, NEAP_MEMORY_RESULT, NULL);
        if (p)
            memset(p, i, size);
        neap__free(a, p, size, NEAP_MEMORY_RESULT);
    }
    neap__account_release(a);
    return NULL;
}

static void spec_account_threads(void)
{
    neap__account *a = neap__account_new(400 * KIB, 256 * KIB, NULL);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        neap__account_retain(a);
        CHECK(pthread_create(&threads[i], NULL, account_user, a) == 0);
    }
    neap__account_release(a);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK(books.count == 0 && books.wrong == 0);
}

/* ---- The pool ---------------------------------------------------------------------- */

enum { PARTS = 257 };

typedef struct sums {
    int width;
    int done[PARTS];
    atomic_int workers[64];
    atomic_int strangers;
} sums;

static void add_part(void *context, int64_t part, int worker)
{
    sums *s = context;
    if (worker < 0 || worker >= s->width)
        atomic_fetch_add(&s->strangers, 1);
    else
        atomic_fetch_add(&s->workers[worker], 1);
    s->done[part] += 1 + (int)part;
}

/* Whether every part was done once in each of `jobs` jobs. */
static bool run_jobs(int width, int jobs)
{
    sums s = {.width = width};
    neap__team team;
    neap__team_begin(&team, width);
    for (int i = 0; i < jobs; i++)
        neap__team_run(&team, PARTS, add_part, &s);
    neap__team_end(&team);
    bool whole = atomic_load(&s.strangers) == 0;
    for (int i = 0; i < PARTS; i++)
        whole = whole && s.done[i] == jobs * (1 + i);
    return whole;
}

static void sleep_for(long microseconds) { usleep((useconds_t)microseconds); }

static void *pool_user(void *argument)
{
    const int width = (int)(intptr_t)argument;
    bool whole = true;
    for (int i = 0; i < 60; i++) {
        neap__pool_retain();
        whole = whole && run_jobs(width, 1 + i % 7);
        if (i % 10 == 0)
            sleep_for(200); /* long enough for workers to fall asleep */
        neap__pool_release();
    }
    CHECK(whole);
    return NULL;
}

static void slow_part(void *context, int64_t part, int worker)
{
    sleep_for(part == 0 ? 100 : 3000);
    add_part(context, part, worker);
}

static void rounding_part(void *context, int64_t part, int worker)
{
    (void)part, (void)worker;
    if (fegetround() != FE_TONEAREST)
        atomic_fetch_add((atomic_int *)context, 1);
    sleep_for(100);
}

static pthread_t runner;

static void signal_part(void *context, int64_t part, int worker)
{
    (void)part, (void)worker;
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    if (!pthread_equal(pthread_self(), runner) && !sigismember(&mask, SIGINT))
        atomic_fetch_add((atomic_int *)context, 1);
    sleep_for(100);
}

static void spec_pool(void)
{
    neap_error err = NEAP_ERROR_INIT;
    CHECK(neap__processors() >= 1);
    CHECK(neap_set_threads(5, &err) == NEAP_OK && neap__default_threads() == 5);
    CHECK(neap_set_threads(-1, &err) == NEAP_ERANGE);
    CHECK_TEXT(err.message, "neap_set_threads: -1 is not between 0 and 1024");
    CHECK(neap_set_threads(1025, NULL) == NEAP_ERANGE && neap__default_threads() == 5);
    CHECK(neap_set_threads(0, &err) == NEAP_OK && err.code == NEAP_OK);
    CHECK(neap__default_threads() == neap__processors());

    CHECK(run_jobs(1, 3));
    CHECK(run_jobs(4, 100)); /* also without a session */
    neap__pool_retain();
    for (int width = 2; width < 9; width++)
        CHECK(run_jobs(width, 50));
    for (int i = 0; i < 20; i++) {
        sleep_for(500);
        CHECK(run_jobs(3, 2));
    }

    sums slow = {.width = 4}; /* the caller has to sleep until the last worker is done */
    neap__team team;
    neap__team_begin(&team, 4);
    for (int i = 0; i < 5; i++)
        neap__team_run(&team, 4, slow_part, &slow);
    neap__team_run(&team, 0, slow_part, &slow);
    neap__team_run(&team, 1, add_part, &slow);
    CHECK(slow.done[0] == 6 && slow.done[3] == 20 && atomic_load(&slow.strangers) == 0);

    neap__team second; /* a run that finds the pool taken works alone */
    sums alone = {.width = 1};
    neap__team_begin(&second, 4);
    neap__team_run(&second, PARTS, add_part, &alone);
    CHECK(atomic_load(&alone.workers[0]) == PARTS && atomic_load(&alone.strangers) == 0);
    neap__team_end(&second);
    neap__team_end(&team);

    atomic_int wrong = 0;
    runner = pthread_self();
    neap__team_begin(&team, 4);
    neap__team_run(&team, 40, rounding_part, &wrong);
    neap__team_run(&team, 40, signal_part, &wrong);
    neap__team_end(&team);
    CHECK(atomic_load(&wrong) == 0);

    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, pool_user, (void *)(intptr_t)(i + 2)) ==
              0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    neap__pool_release();
    neap__pool_retain(); /* and anew */
    CHECK(run_jobs(3, 5));
    neap__pool_release();
}

/* A child of a process with a pool has its own; also when the fork was in the middle of a
 * run. */
static void spec_fork(void)
{
    neap__pool_retain();
    CHECK(run_jobs(3, 5));
    sums s = {.width = 3};
    neap__team team;
    neap__team_begin(&team, 3);
    neap__team_run(&team, PARTS, add_part, &s);
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);
        neap__team_run(&team, PARTS, add_part, &s);
        bool whole = s.done[PARTS - 1] == 2 * PARTS && run_jobs(3, 5);
        neap__team_end(&team);
        whole = whole && run_jobs(4, 5);
        neap__pool_release();
        neap__pool_retain();
        whole = whole && run_jobs(2, 5);
        neap__pool_release();
        _exit(whole ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    neap__team_run(&team, PARTS, add_part, &s);
    neap__team_end(&team);
    CHECK(s.done[PARTS - 1] == 2 * PARTS && run_jobs(3, 5));
    neap__pool_release();
}

int main(void)
{
    alarm(300); /* a pool that hangs is a failure too */
    spec_errors();
    spec_numbers();
    spec_text();
    spec_sizes();
    spec_philox();
    spec_floating();
    spec_allocator();
    spec_recycling();
    spec_limit();
    spec_grow_and_arena();
    spec_account_threads();
    spec_pool();
    if (FORKS)
        spec_fork();
    const double start = neap__now();
    CHECK(neap__now() >= start);
    return check_report();
}
