/* bench.h - what the measurements share: clocks, medians, the lines of a table, and
 * the public interface with errors that end the program. */
#ifndef BENCH_H
#define BENCH_H

#include "neap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BENCH_MOST = 64 }; /* repeats, at most */

static inline double bench_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
/* Seconds that pass, and seconds for which the calling thread had a processor: what
 * one thread does is measured by the second, which other programs on the machine
 * disturb less. */
static inline double bench_wall(void) { return bench_clock(CLOCK_MONOTONIC); }
static inline double bench_busy(void) { return bench_clock(CLOCK_THREAD_CPUTIME_ID); }

static inline int bench_ascending(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static inline double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, bench_ascending);
    return values[count / 2];
}

/* What a value aims at, as text: a positive mark is to stay below, a negative one is
 * to be reached (without its sign); 0: nothing is aimed at. */
typedef struct bench_text {
    char text[48];
} bench_text;
static inline bench_text bench_aim(double value, double mark)
{
    bench_text t = {""};
    if (mark > 0)
        snprintf(t.text, sizeof t.text, "< %-5g %s", mark,
                 value < mark ? "met" : "missed");
    else if (mark < 0)
        snprintf(t.text, sizeof t.text, "> %-5g %s", -mark,
                 value >= -mark ? "met" : "missed");
    return t;
}

/* With BENCH_FIGURES in the environment a program prints no tables, but a line for each
 * figure: name, value and unit, apart by tabs (tools/compare.lua reads them). */
static inline int bench_figures(void) { return getenv("BENCH_FIGURES") != NULL; }

/* What only a reader of tables wants. */
__attribute__((format(printf, 1, 2))) static inline void bench_say(const char *format,
                                                                   ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (!bench_figures())
        vprintf(format, arguments);
    va_end(arguments);
    fflush(stdout);
}

/* A line of a table. */
static inline void bench_row(const char *what, double value, const char *unit,
                             double mark)
{
    if (bench_figures())
        printf("%s\t%.9g\t%s\n", what, value, unit);
    else
        printf("  %-48s %8.3f %-3s %s\n", what, value, unit, bench_aim(value, mark).text);
    fflush(stdout);
}

static inline void bench_title(const char *title) { bench_say("\n%s\n", title); }

/* ---- neap -------------------------------------------------------------------------- */

/* Ends the program unless all went well. */
static inline void bench_check(const neap_error *err)
{
    if (!err->code)
        return;
    fprintf(stderr, "%s: %s\n", neap_status_name(err->code), err->message);
    exit(1);
}

static inline neap_tensor *bench_tensor(neap_dtype dtype, int rank, const int64_t *dims,
                                        const void *data)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_tensor *t = neap_tensor_copy(dtype, rank, dims, data, &err);
    bench_check(&err);
    return t;
}

/* Starts the program again with an environment in which OpenBLAS does its best and
 * disturbs least, where the caller has not set it. It chooses its kernels by a list of
 * processors, and slow ones on a processor that is newer: hence those for AVX-512,
 * where there is AVX-512. Its threads spin for 2^28 cycles after a call, on the
 * processors that whoever comes next wants: hence 2^22, which is longer than the pause
 * between two of its calls. */
static inline void bench_prepare_openblas(char **argv)
{
    neap_config config;
    neap_get_config(&config);
    if (getenv("OPENBLAS_THREAD_TIMEOUT") || setenv("OPENBLAS_THREAD_TIMEOUT", "22", 1))
        return;
    if (!strcmp(config.isa, "avx512"))
        setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
    execv("/proc/self/exe", argv);
}

/* Until the threads of either library sleep. */
static inline void bench_settle(void)
{
    nanosleep(&(struct timespec){0, 10000000}, NULL);
}

/* The program that the measurements of small runs share: z = A x + b. */
typedef struct bench_affine {
    neap_graph *graph;
    neap_node *x, *z;
    neap_tensor *value; /* for x */
} bench_affine;

static inline bench_affine bench_affine_new(void)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_graph *g = neap_graph_new(&err);
    bench_check(&err);
    neap_tensor *a =
        bench_tensor(NEAP_FLOAT32, 2, (int64_t[]){2, 2}, (float[]){1, 0, 0, -1});
    neap_tensor *b = bench_tensor(NEAP_FLOAT32, 1, (int64_t[]){2}, (float[]){1, 1});
    neap_node *x = neap_placeholder(g, NEAP_FLOAT32, 1, (int64_t[]){2}, "x", &err);
    neap_node *y = neap_matmul(g, neap_variable(g, a, "A", &err), x, &err);
    neap_node *z = neap_add(g, y, neap_variable(g, b, "b", &err), &err);
    bench_check(&err);
    neap_tensor_release(a);
    neap_tensor_release(b);
    return (bench_affine){g, x, z,
                          bench_tensor(NEAP_FLOAT32, 1, (int64_t[]){2}, (float[]){1, 2})};
}

static inline void bench_affine_free(bench_affine *p)
{
    neap_tensor_release(p->value);
    neap_graph_free(p->graph);
}

#endif
