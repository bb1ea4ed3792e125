/* run.c - one cached run of the affine program, z = A x + b of two elements, from C. */
#include "bench.h"

enum { REPEATS = 21, TIMES = 20000, WAYS = 4 };

typedef struct way {
    neap_session *session;
    neap_callable *callable;
    bench_affine *program;
    neap_tensor *out; /* the host's own, or NULL: a new one for each run */
} way;

static void once(const way *w, neap_error *err)
{
    neap_tensor *out = w->out;
    neap_feed feed = {w->program->x, w->program->value};
    if (w->callable)
        neap_callable_run(w->callable, NULL, &w->program->value, &out, err);
    else
        neap_session_run(w->session, &feed, 1, &w->program->z, 1, &out, err);
    bench_check(err);
    if (!w->out)
        neap_tensor_release(out);
}

int main(void)
{
    neap_error err = NEAP_ERROR_INIT;
    bench_affine p = bench_affine_new();
    neap_session *s = neap_session_new(p.graph, NULL, &err);
    neap_callable *c = neap_callable_new(s, &p.x, 1, &p.z, 1, &err);
    bench_check(&err);
    neap_tensor *out = bench_tensor(NEAP_FLOAT32, 1, (int64_t[]){2}, NULL);
    const way ways[WAYS] = {
        {s, c, &p, NULL}, {s, c, &p, out}, {s, NULL, &p, NULL}, {s, NULL, &p, out}};
    static const char *const names[WAYS] = {
        "callable, a new result each time", "callable, into the host's tensor",
        "session run, a new result each time", "session run, into the host's tensor"};
    double seconds[WAYS][REPEATS];
    for (int r = -1; r < REPEATS; r++) { /* the first is for the caches */
        for (int w = 0; w < WAYS; w++) {
            double begin = bench_busy();
            for (int i = 0; i < TIMES; i++)
                once(&ways[w], &err);
            seconds[w][r < 0 ? 0 : r] = bench_busy() - begin;
        }
    }
    bench_title("A cached run of the affine program, from C");
    for (int w = 0; w < WAYS; w++)
        bench_row(names[w], 1e6 * bench_median(seconds[w], REPEATS) / TIMES, "us",
                  w < 2 ? 1 : 0);
    neap_tensor_release(out);
    neap_callable_free(c);
    neap_session_free(s);
    bench_affine_free(&p);
    return 0;
}
