/* check.h - checks for C hosts of the specs. CHECK counts and goes on; a host ends with
 * `return check_report();`, which prints "N passed, N failed" and is the exit code. */
#ifndef CHECK_H
#define CHECK_H

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static atomic_int check_passed, check_failed;

/* The sanitizers end a process that asks for too much memory, unless they are told
 * otherwise. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__tsan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }
const char *__tsan_default_options(void) { return "allocator_may_return_null=1"; }

#define CHECK(condition) check_that((condition) ? 1 : 0, __FILE__, __LINE__, #condition)
#define CHECK_TEXT(actual, expected) check_text((actual), (expected), __FILE__, __LINE__)

static inline int check_that(int holds, const char *file, int line, const char *what)
{
    atomic_fetch_add(holds ? &check_passed : &check_failed, 1);
    if (!holds)
        printf("%s:%d: %s\n", file, line, what);
    return holds;
}

static inline int check_text(const char *actual, const char *expected, const char *file,
                             int line)
{
    const int holds = strcmp(actual, expected) == 0;
    atomic_fetch_add(holds ? &check_passed : &check_failed, 1);
    if (!holds)
        printf("%s:%d: expected:\n%s\ngot:\n%s\n", file, line, expected, actual);
    return holds;
}

static inline int check_report(void)
{
    printf("%d passed, %d failed\n", atomic_load(&check_passed),
           atomic_load(&check_failed));
    return atomic_load(&check_failed) != 0;
}

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})
#define COUNT(array) (sizeof(array) / sizeof *(array))
/* A call that must succeed and tells the host's own `err` if not, whose text is shown. */
#define OK(call)                                                                         \
    do {                                                                                 \
        if (!CHECK((call) == NEAP_OK))                                                   \
            printf("%s\n", err.message);                                                 \
    } while (0)

#endif
