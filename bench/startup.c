/* startup.c - how long a process takes from its start to the first result of the
 * affine program, and how much memory it has then: the Lua program and a host in C,
 * beside the same processes without neap.
 *
 *     LUA=lua5.4 LUA_CPATH=build/?.so build/bench/startup
 *
 * The parent takes the time from before the start of a child to the first line that it
 * prints; the child's second line is its VmHWM. The pages of a static host count in
 * full, as a user has them. */
#include "bench.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

enum { REPEATS = 21, CHILDREN = 4 };

static const char *const bare = "print() io.stdout:flush() "
                                "for l in io.lines('/proc/self/status') do "
                                "if l:find('^VmHWM') then print(l) end end";

/* ---- The children ------------------------------------------------------------------ */

static int tell_memory(void)
{
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (!strncmp(line, "VmHWM", 5))
            fputs(line, stdout);
    return status ? fclose(status) : 1;
}

static int host(void)
{
    neap_error err = NEAP_ERROR_INIT;
    bench_affine p = bench_affine_new();
    neap_session *s = neap_session_new(p.graph, NULL, &err);
    neap_feed feed = {p.x, p.value};
    neap_tensor *out = NULL;
    neap_session_run(s, &feed, 1, &p.z, 1, &out, &err);
    bench_check(&err);
    const float *v = neap_tensor_data(out);
    printf("%g %g\n", (double)v[0], (double)v[1]);
    fflush(stdout);
    neap_tensor_release(out);
    neap_session_free(s);
    bench_affine_free(&p);
    return tell_memory();
}

static int empty(void)
{
    puts("");
    fflush(stdout);
    return tell_memory();
}

/* ---- The parent -------------------------------------------------------------------- */

static void fail(const char *what)
{
    fprintf(stderr, "startup: %s\n", what);
    exit(1);
}

static void start(const char *const *arguments, double *seconds, double *megabytes)
{
    int ends[2];
    posix_spawn_file_actions_t actions;
    pid_t child;
    char **argv = (char **)(uintptr_t)arguments; /* which exec does not change */
    if (pipe2(ends, O_CLOEXEC) || posix_spawn_file_actions_init(&actions) ||
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1))
        fail("no pipe");
    double begin = bench_wall();
    if (posix_spawnp(&child, argv[0], &actions, NULL, argv, environ))
        fail("the child does not start");
    close(ends[1]);
    char text[1024];
    size_t length = 0;
    ssize_t got;
    *seconds = 0;
    while (length < sizeof text - 1 &&
           (got = read(ends[0], text + length, sizeof text - 1 - length)) > 0) {
        if (*seconds == 0)
            *seconds = bench_wall() - begin;
        length += (size_t)got;
    }
    text[length] = 0;
    close(ends[0]);
    posix_spawn_file_actions_destroy(&actions);
    int status;
    waitpid(child, &status, 0);
    const char *memory = strstr(text, "VmHWM:");
    if (status || !memory)
        fail("a child failed");
    *megabytes = atof(memory + 6) / 1024;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return strcmp(argv[1], "host") ? empty() : host();
    const char *lua = getenv("LUA") ? getenv("LUA") : "lua5.4";
    const char *children[CHILDREN][4] = {
        {lua, "-e", bare, NULL},
        {lua, "bench/programs/affine.lua", NULL, NULL},
        {argv[0], "empty", NULL, NULL},
        {argv[0], "host", NULL, NULL},
    };
    static const char *const names[CHILDREN] = {"lua alone", "lua, affine program",
                                                "C host, nothing done",
                                                "C host, affine program"};
    double seconds[CHILDREN][REPEATS], megabytes[CHILDREN][REPEATS];
    for (int r = 0; r < REPEATS; r++)
        for (int c = 0; c < CHILDREN; c++)
            start(children[c], &seconds[c][r], &megabytes[c][r]);
    bench_title("Start-up: from the start of the process to its first result");
    for (int c = 0; c < CHILDREN; c++)
        bench_row(names[c], 1e3 * bench_median(seconds[c], REPEATS), "ms",
                  c % 2 ? 10 : 0);
    bench_title("Memory: the most that was resident by then");
    for (int c = 0; c < CHILDREN; c++)
        bench_row(names[c], bench_median(megabytes[c], REPEATS), "MB", c % 2 ? 20 : 0);
    return 0;
}
