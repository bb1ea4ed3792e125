/* session.c - specs of src/session: what a run reads and writes, what it is fed and gives, how it
 * fails, and that a run which fails has changed nothing. (Of failing allocations: faults.c; of
 * threads: threads.c.) */
#include "check.h"
#include "neap.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

/* ---- Helpers --------------------------------------------------------------------------- */

static neap_error err = NEAP_ERROR_INIT;

#define FAILS(call, expected_code, expected_text)                                        \
    do {                                                                                 \
        CHECK((call) == (expected_code));                                                \
        CHECK(err.code == (expected_code));                                              \
        CHECK_TEXT(err.message, expected_text);                                          \
    } while (0)

static neap_tensor *vector(const float *values, int64_t count)
{
    return neap_tensor_copy(NEAP_FLOAT32, 1, &count, values, NULL);
}

static neap_tensor *number(float value)
{
    return neap_tensor_copy(NEAP_FLOAT32, 0, NULL, &value, NULL);
}

static neap_node *constant(neap_graph *g, float value)
{
    neap_tensor *t = number(value);
    neap_node *n = neap_constant(g, t, NULL);
    neap_tensor_release(t);
    return n;
}

static neap_node *variable(neap_graph *g, float value, const char *name)
{
    neap_tensor *t = number(value);
    neap_node *n = neap_variable(g, t, name, NULL);
    neap_tensor_release(t);
    return n;
}

static float first(neap_tensor *t)
{
    const float value = t ? *(const float *)neap_tensor_data(t) : NAN;
    neap_tensor_release(t);
    return value;
}

/* The first element of a node's value, of a variable's. */
static float run(neap_session *s, neap_node *n)
{
    neap_tensor *out = NULL;
    OK(neap_session_run(s, NULL, 0, &n, 1, &out, &err));
    return first(out);
}

static float get(neap_session *s, neap_node *v)
{
    neap_tensor *out = NULL;
    OK(neap_session_get(s, v, &out, &err));
    return first(out);
}

static void set(neap_session *s, neap_node *v, float value)
{
    neap_tensor *t = number(value);
    OK(neap_session_set(s, v, t, &err));
    neap_tensor_release(t);
}

static neap_node *behind(neap_graph *g, neap_node *control, neap_node *x)
{
    neap_graph_push_controls(g, &control, 1, NULL);
    neap_node *n = neap_add(g, x, constant(g, 0), NULL);
    neap_graph_pop_controls(g);
    return n;
}

/* ---- State ----------------------------------------------------------------------------- */

static void spec_reads_and_writes(void)
{
    neap_graph *g = neap_graph_new(NULL);
    neap_node *v = variable(g, 1, "v"), *w = variable(g, 100, "w");
    neap_node *before = neap_add(g, v, constant(g, 0), NULL);
    neap_node *add = neap_assign_add(g, v, constant(g, 10), NULL);
    neap_node *after = behind(g, add, v);
    neap_node *copy = neap_assign(g, w, v, NULL);
    neap_node *const fetches[] = {v, before, add, after, copy};
    neap_session *s = neap_session_new(g, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        neap_tensor *out[5] = {NULL};
        const float old = (float)(1 + 10 * i);
        OK(neap_session_run(s, NULL, 0, fetches, 5, out, &err));
        CHECK(first(out[0]) == old && first(out[1]) == old);
        CHECK(first(out[2]) == old + 10 && first(out[3]) == old + 10);
        CHECK(first(out[4]) == old); /* read before the run, by another assignment too */
        CHECK(get(s, v) == old + 10 && get(s, w) == old);
    }
    neap_session_free(s);
    neap_graph_free(g);
}

/* Several assignments to one variable: in order of creation, whatever is fetched first. */
static void spec_chains(void)
{
    neap_graph *g = neap_graph_new(NULL);
    neap_node *v = variable(g, 2, "v");
    neap_node *one = neap_assign_add(g, v, constant(g, 1), NULL);
    neap_node *two = neap_assign(g, v, neap_multiply(g, v, v, NULL), NULL);
    neap_node *three = neap_assign_sub(g, v, constant(g, 3), NULL);
    neap_node *self =
        neap_assign(g, v, v, NULL); /* what it gives is the value before the run */
    neap_node *const fetches[] = {three, two, one};
    neap_session *s = neap_session_new(g, NULL, NULL);
    neap_tensor *out[3] = {NULL};
    OK(neap_session_run(s, NULL, 0, fetches, 3, out, &err));
    CHECK(first(out[2]) == 3 && first(out[1]) == 4 && first(out[0]) == 1);
    CHECK(get(s, v) == 1);
    neap_node *const both[] = {self, one};
    neap_tensor *pair[2] = {NULL};
    OK(neap_session_run(s, NULL, 0, both, 2, pair, &err));
    CHECK(first(pair[0]) == 1 && first(pair[1]) == 2);
    CHECK(get(s, v) == 1);
    neap_session_free(s);
    neap_graph_free(g);
}

/* A value that somebody holds never changes. */
static void spec_copy_on_write(void)
{
    neap_graph *g = neap_graph_new(NULL);
    float host[] = {1, 2};
    neap_tensor *wrapped =
        neap_tensor_wrap(NEAP_FLOAT32, 1, DIMS(2), host, NULL, NULL, NULL);
    neap_node *v = neap_variable(g, wrapped, "v", NULL);
    neap_node *add = neap_assign_add(g, v, v, NULL);
    neap_session *s = neap_session_new(g, NULL, NULL);
    neap_tensor *held_values[4] = {NULL}, *out = NULL;
    for (int i = 0; i < 4; i++) {
        OK(neap_session_run(s, NULL, 0, &add, 1, &held_values[i], &err));
        OK(neap_session_run(s, NULL, 0, &add, 1, &out, &err));
        CHECK(first(out) == (float)(1 << (2 * i + 2)));
        out = NULL;
    }
    for (int i = 0; i < 4; i++)
        CHECK(first(held_values[i]) == (float)(1 << (2 * i + 1)));
    CHECK(host[0] == 1 && host[1] == 2);
    OK(neap_session_set(s, v, wrapped, &err));
    CHECK(run(s, add) == 2 && host[0] == 1);
    neap_session_free(s);
    neap_graph_free(g);
    neap_tensor_release(wrapped);
}

static void spec_first_values(void)
{
    neap_graph *g = neap_graph_new(NULL);
    neap_node *base = variable(g, 3, "base");
    neap_node *twice =
        neap_variable_from(g, neap_add(g, base, base, NULL), 1, "twice", NULL);
    neap_node *draws =
        neap_variable_from(g, neap_random_normal(g, NULL, 0, NULL), 1, "d", NULL);
    neap_node *next = neap_random_normal(g, NULL, 0, NULL);
    neap_session *s = neap_session_new(g, NULL, NULL),
                 *other = neap_session_new(g, NULL, NULL);
    CHECK(get(s, twice) == 6);
    set(s, base, 5); /* after the first values were made */
    CHECK(get(s, twice) == 6 && get(s, base) == 5);
    set(other, base, 5); /* and before */
    CHECK(get(other, twice) == 10 && get(other, base) == 5);
    const float drawn = get(s, draws), random = run(s, next);
    OK(neap_session_initialize(s, &err));
    CHECK(get(s, base) == 3 && get(s, twice) == 6 && get(s, draws) == drawn);
    CHECK(run(s, next) != random);
    CHECK(run(other, next) == random && get(other, draws) == drawn);
    neap_session_free(other);
    neap_session_free(s);
    neap_graph_free(g);
}

/* ---- Feeds and fetches ------------------------------------------------------------------ */

static void spec_feeds(void)
{
    neap_graph *g = neap_graph_new(NULL), *h = neap_graph_new(NULL);
    neap_node *x = neap_placeholder(g, NEAP_FLOAT32, 1, DIMS(-1), "x", NULL);
    neap_node *v = variable(g, 7, "v"), *y = neap_square(g, x, NULL);
    neap_node *z = neap_add(g, y, v, NULL), *nothing = neap_group(g, &z, 1, NULL);
    neap_node *update = neap_assign_add(g, v, constant(g, 1), NULL);
    neap_session *s = neap_session_new(g, NULL, NULL);
    neap_tensor *t = vector((const float[]){2, 3}, 2), *n = number(1), *out[2] = {NULL};
    const neap_feed any[] = {{y, t}, {v, n}, {x, t}};
    OK(neap_session_run(s, any, 3, &z, 1, out,
                        &err)); /* y and v are not computed, x unused */
    CHECK(first(out[0]) == 3);
    out[0] = NULL;
    OK(neap_session_run(s, any, 2, &update, 1, out, &err)); /* from what was fed */
    CHECK(first(out[0]) == 2 && get(s, v) == 2);
    out[0] = NULL;
    neap_node *const again[] = {x, x};
    OK(neap_session_run(s, &any[2], 1, again, 2, out, &err));
    CHECK(out[0] == t && out[1] == t); /* what was fed, itself */
    neap_tensor_release(out[0]);
    neap_tensor_release(out[1]);
    out[0] = out[1] = NULL;

    FAILS(neap_session_run(s, NULL, 0, &z, 1, out, &err), NEAP_EARG,
          "placeholder \"x\": no value was fed (float32, shape (?,)); square \"square\" "
          "needs it");
    FAILS(neap_session_run(s, NULL, 0, &x, 1, out, &err), NEAP_EARG,
          "placeholder \"x\": no value was fed (float32, shape (?,)); it is fetched");
    neap_node *after = behind(g, x, v);
    FAILS(neap_session_run(s, NULL, 0, &after, 1, out, &err), NEAP_EARG,
          "placeholder \"x\": no value was fed (float32, shape (?,)); add \"add_1\" "
          "needs it");
    const neap_feed scalar = {x, n}, null = {x, NULL}, group = {nothing, n},
                    none = {NULL, n};
    FAILS(neap_session_run(s, &scalar, 1, &z, 1, out, &err), NEAP_ESHAPE,
          "placeholder \"x\": fed with shape (), it takes (?,)");
    FAILS(neap_session_run(s, &null, 1, &z, 1, out, &err), NEAP_EARG,
          "placeholder \"x\": the value fed is NULL");
    FAILS(neap_session_run(s, &group, 1, &z, 1, out, &err), NEAP_EARG,
          "group \"group\": it has no value and cannot be fed");
    FAILS(neap_session_run(s, &none, 1, &z, 1, out, &err), NEAP_EARG, "feed 0 is NULL");
    neap_tensor *whole = neap_tensor_copy(NEAP_INT64, 1, DIMS(2), NULL, NULL);
    const neap_feed dtype = {x, whole}, twice[] = {{x, t}, {v, n}, {x, t}};
    FAILS(neap_session_run(s, &dtype, 1, &z, 1, out, &err), NEAP_EDTYPE,
          "placeholder \"x\": fed with int64, it takes float32");
    FAILS(neap_session_run(s, twice, 3, &z, 1, out, &err), NEAP_EARG,
          "placeholder \"x\": fed twice");
    neap_feed many[40];
    for (int i = 0; i < 40; i++)
        many[i] =
            (neap_feed){neap_placeholder(g, NEAP_FLOAT32, 1, DIMS(-1), NULL, NULL), t};
    many[39] = (neap_feed){x, t};
    CHECK(!neap_session_run(s, many, 40, &z, 1, out, &err));
    neap_tensor_release(out[0]);
    out[0] = NULL;
    many[38] = (neap_feed){x, t};
    FAILS(neap_session_run(s, many, 40, &z, 1, out, &err), NEAP_EARG,
          "placeholder \"x\": fed twice");
    neap_node *stranger = variable(h, 1, "stranger");
    FAILS(
        neap_session_run(s, NULL, 0, &stranger, 1, out, &err), NEAP_ESTATE,
        "fetch 0, variable \"stranger\", is a node of another graph than the session's");
    neap_tensor_release(whole);
    neap_tensor_release(t);
    neap_tensor_release(n);
    neap_session_free(s);
    neap_graph_free(h);
    neap_graph_free(g);
}

static void spec_variable_errors(void)
{
    neap_graph *g = neap_graph_new(NULL);
    neap_node *v = variable(g, 1, "v"), *y = neap_square(g, v, NULL);
    neap_session *s = neap_session_new(g, NULL, NULL);
    neap_tensor *two = vector((const float[]){1, 2}, 2), *out = NULL;
    neap_tensor *whole = neap_tensor_copy(NEAP_INT64, 0, NULL, NULL, NULL);
    FAILS(neap_session_set(s, v, two, &err), NEAP_ESHAPE,
          "variable \"v\": set to shape (2,), it has ()");
    FAILS(neap_session_set(s, v, whole, &err), NEAP_EDTYPE,
          "variable \"v\": set to int64, it is float32");
    FAILS(neap_session_set(s, y, two, &err), NEAP_EARG,
          "neap_session_set: square \"square\" is not a variable");
    FAILS(neap_session_get(s, y, &out, &err), NEAP_EARG,
          "neap_session_get: square \"square\" is not a variable");
    neap_session_options options = NEAP_SESSION_OPTIONS_INIT;
    options.passes = "fold,foo";
    err = (neap_error)NEAP_ERROR_INIT; /* builders keep the error that is there */
    CHECK(!neap_session_new(g, &options, &err));
    CHECK_TEXT(err.message,
               "session: passes \"fold,foo\": there are fold, simplify, merge, fuse "
               "and place; or none");
    neap_tensor_release(whole);
    neap_tensor_release(two);
    neap_session_free(s);
    neap_graph_free(g);
}

/* The host's own tensors, written in place. */
static void spec_out(void)
{
    neap_graph *g = neap_graph_new(NULL);
    neap_node *x = neap_placeholder(g, NEAP_FLOAT32, 1, DIMS(-1), "x", NULL);
    neap_node *const fetches[] = {neap_square(g, x, NULL), x, neap_group(g, &x, 1, NULL)};
    neap_session *s = neap_session_new(g, NULL, NULL);
    neap_tensor *t = vector((const float[]){2, 3}, 2);
    const neap_feed feed = {x, t};
    float host[2][2] = {{0}};
    neap_tensor *out[3] = {
        neap_tensor_wrap(NEAP_FLOAT32, 1, DIMS(2), host[0], NULL, NULL, NULL),
        neap_tensor_wrap(NEAP_FLOAT32, 1, DIMS(2), host[1], NULL, NULL, NULL), NULL};
    neap_tensor *const mine[] = {out[0], out[1]};
    OK(neap_session_run(s, &feed, 1, fetches, 3, out, &err));
    CHECK(out[0] == mine[0] && out[1] == mine[1] && !out[2]);
    CHECK(host[0][0] == 4 && host[0][1] == 9 && host[1][0] == 2 && host[1][1] == 3);
    neap_tensor *one = vector((const float[]){5}, 1);
    const neap_feed other = {x, one};
    FAILS(neap_session_run(s, &other, 1, fetches, 3, out, &err), NEAP_ESHAPE,
          "square \"square\": out[0] is float32 of shape (2,), the value is float32 of "
          "shape (1,)");
    CHECK(out[0] == mine[0] && host[0][0] == 4);
    neap_tensor_retain(out[1]);
    FAILS(neap_session_run(s, &feed, 1, fetches, 3, out, &err), NEAP_EARG,
          "out[1] is held by others too and cannot be written");
    neap_tensor_release(out[1]);
    neap_tensor_release(out[1]);
    neap_tensor_release(out[0]);
    neap_tensor_release(one);
    neap_tensor_release(t);
    neap_session_free(s);
    neap_graph_free(g);
}

/* The places are nothing else that the run or the session has: told before anything runs. */
static void spec_shared_out(void)
{
    neap_graph *g = neap_graph_new(NULL);
    float host[64] = {0};
#define AT(first, count)                                                                 \
    neap_tensor_wrap(NEAP_FLOAT32, 1, DIMS(count), host + (first), NULL, NULL, NULL)
    neap_node *x = neap_placeholder(g, NEAP_FLOAT32, 1, DIMS(-1), "x", NULL);
    neap_tensor *value = AT(0, 2), *initial = AT(8, 2), *other = AT(16, 2),
                *fixed = AT(24, 2);
    neap_node *v = neap_variable(g, initial, "v", NULL);
    neap_node *w = neap_variable(g, other, "w", NULL), *c = neap_constant(g, fixed, NULL);
    neap_node *add = neap_assign_add(g, v, x, NULL);
    neap_node *const fetches[] = {neap_square(g, x, NULL), neap_add(g, x, c, NULL), add};
    neap_session *s = neap_session_new(g, NULL, NULL);
    neap_callable *callable = neap_callable_new(s, &x, 1, fetches, 3, NULL);
    const neap_feed feed = {x, value};
    const struct {
        neap_tensor *a, *b;
        const char *text;
    } cases[] = {
        {AT(40, 2), AT(41, 2), "out[0] and out[1] share memory"},
        {AT(41, 2), AT(40, 2), "out[0] and out[1] share memory"},
        {AT(1, 2), AT(40, 2),
         "out[0] shares memory with the value fed to placeholder \"x\""},
        {AT(40, 2), AT(9, 2), "out[1] shares memory with variable \"v\""},
        {AT(40, 2), AT(15, 2), "out[1] shares memory with a variable's value"},
        {AT(23, 2), AT(40, 2), "out[0] shares memory with constant \"constant\""},
    };
    neap_tensor *first_value = NULL; /* of w, which no run below reads */
    OK(neap_session_get(s, w, &first_value, &err));
    neap_tensor_release(first_value);
    for (size_t i = 0; i < COUNT(cases); i++) {
        neap_tensor *out[3] = {cases[i].a, cases[i].b, NULL};
        FAILS(neap_session_run(s, &feed, 1, fetches, 3, out, &err), NEAP_EARG,
              cases[i].text);
        FAILS(neap_callable_run(callable, NULL, &value, out, &err), NEAP_EARG,
              cases[i].text);
        CHECK(out[0] == cases[i].a && out[1] == cases[i].b && !out[2]);
    }
    for (size_t i = 0; i < COUNT(cases); i++) {
        neap_tensor_release(cases[i].a);
        neap_tensor_release(cases[i].b);
    }
    /* One tensor for two; the one that is fed, or a view of it; one of no elements. */
    neap_tensor *twice[3] = {AT(40, 2), NULL, NULL};
    twice[1] = twice[0];
    FAILS(neap_session_run(s, &feed, 1, fetches, 3, twice, &err), NEAP_EARG,
          "out[0] and out[1] share memory");
    twice[1] = value;
    FAILS(neap_session_run(s, &feed, 1, fetches, 3, twice, &err), NEAP_EARG,
          "out[1] shares memory with the value fed to placeholder \"x\"");
    twice[1] = neap_tensor_reshape(value, 1, DIMS(2), NULL);
    FAILS(neap_session_run(s, &feed, 1, fetches, 3, twice, &err), NEAP_EARG,
          "out[1] is held by others too and cannot be written");
    neap_tensor_release(twice[1]);
    neap_tensor *empty = neap_tensor_copy(NEAP_FLOAT32, 1, DIMS(0), NULL, NULL);
    neap_tensor *none[] = {empty, empty, NULL};
    const neap_feed nothing = {x, empty};
    neap_node *const squares[] = {fetches[0], neap_exp(g, x, NULL)};
    FAILS(neap_session_run(s, &nothing, 1, squares, 2, none, &err), NEAP_EARG,
          "out[0] and out[1] share memory");
    none[1] = NULL;
    FAILS(neap_session_run(s, &nothing, 1, squares, 2, none, &err), NEAP_EARG,
          "out[0] shares memory with the value fed to placeholder \"x\"");
    for (size_t i = 0; i < COUNT(host); i++)
        CHECK(host[i] == 0);
    /* Beside each other, in any order: as good as any. Nothing has run before. */
    neap_tensor *fine[3] = {AT(42, 2), twice[0], AT(38, 2)};
    host[0] = 3;
    OK(neap_session_run(s, &feed, 1, fetches, 3, fine, &err));
    CHECK(host[42] == 9 && host[40] == 3 && host[38] == 3 && host[44] == 0);
    for (int i = 0; i < 3; i++)
        neap_tensor_release(fine[i]);
    neap_callable_free(callable);
    neap_session_free(s);
    neap_graph_free(g);
    neap_tensor *const held[] = {empty, value, initial, other, fixed};
    for (size_t i = 0; i < COUNT(held); i++)
        neap_tensor_release(held[i]);
#undef AT
}

/* Many places, sorted and compared: none shares, then the last two do. */
static void spec_many_out(void)
{
    enum { MANY = 200 };
    neap_graph *g = neap_graph_new(NULL);
    neap_node *fetches[MANY];
    neap_tensor *out[MANY];
    static float host[2 * MANY];
    for (int i = 0; i < MANY; i++) {
        fetches[i] = neap_square(g, constant(g, (float)i), NULL);
        out[i] = neap_tensor_wrap(NEAP_FLOAT32, 0, NULL, host + i * 77 % MANY, NULL, NULL,
                                  NULL);
    }
    neap_session *s = neap_session_new(g, NULL, NULL);
    OK(neap_session_run(s, NULL, 0, fetches, MANY, out, &err));
    for (int i = 0; i < MANY; i++)
        CHECK(host[i * 77 % MANY] == (float)(i * i));
    neap_tensor_release(out[MANY - 1]);
    out[MANY - 1] = neap_tensor_wrap(NEAP_FLOAT32, 0, NULL, host + 0, NULL, NULL, NULL);
    FAILS(neap_session_run(s, NULL, 0, fetches, MANY, out, &err), NEAP_EARG,
          "out[0] and out[199] share memory");
    for (int i = 0; i < MANY; i++)
        neap_tensor_release(out[i]);
    neap_session_free(s);
    neap_graph_free(g);
}

/* ---- Runs that fail ---------------------------------------------------------------------- */

static void spec_failure_changes_nothing(void)
{
    neap_graph *g = neap_graph_new(NULL);
    neap_node *v = variable(g, 1, "v"), *draw = neap_random_normal(g, NULL, 0, NULL);
    neap_node *index = neap_placeholder(g, NEAP_INT64, 1, DIMS(-1), "index", NULL);
    neap_tensor *table = vector((const float[]){1, 2, 3}, 3);
    neap_node *rows = neap_constant(g, table, NULL),
              *add = neap_assign_add(g, v, draw, NULL);
    neap_graph_set_source(g, "model.lua", 12, NULL);
    neap_node *part = neap_gather(g, rows, index, NULL);
    neap_node *const fetches[] = {add, part, draw};
    neap_tensor *bad = neap_tensor_copy(NEAP_INT64, 1, DIMS(2), DIMS(1, 7), NULL);
    neap_tensor *good = neap_tensor_copy(NEAP_INT64, 1, DIMS(2), DIMS(1, 2), NULL);
    const neap_feed wrong = {index, bad}, right = {index, good};
    neap_session *s = neap_session_new(g, NULL, NULL),
                 *calm = neap_session_new(g, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        neap_tensor *out[3] = {NULL}, *expected[3] = {NULL};
        FAILS(
            neap_session_run(s, &wrong, 1, fetches, 3, out, &err), NEAP_ERANGE,
            "gather \"gather\": indices[1] = 7 is not in [0, 3) (made at model.lua:12)");
        CHECK(!out[0] && !out[1] && !out[2]);
        OK(neap_session_run(s, &right, 1, fetches, 3, out, &err));
        OK(neap_session_run(calm, &right, 1, fetches, 3, expected, &err));
        CHECK(first(out[2]) == first(expected[2]) && first(out[0]) == first(expected[0]));
        CHECK(first(out[1]) == first(expected[1]) && get(s, v) == get(calm, v));
    }
    neap_tensor_release(good);
    neap_tensor_release(bad);
    neap_tensor_release(table);
    neap_session_free(calm);
    neap_session_free(s);
    neap_graph_free(g);
}

static void spec_memory_limit(void)
{
    neap_graph *g = neap_graph_new(NULL);
    neap_node *x = neap_placeholder(g, NEAP_FLOAT32, 1, DIMS(-1), "x", NULL);
    neap_node *v = variable(g, 0, "v"), *y = neap_exp(g, neap_softmax(g, x, NULL), NULL);
    neap_node *sum = neap_reduce_sum(g, y, NULL);
    neap_node *const fetches[] = {neap_assign_add(g, v, sum, NULL), y};
    neap_session_options options = NEAP_SESSION_OPTIONS_INIT;
    options.memory_limit = 1 << 20;
    neap_session *s = neap_session_new(g, &options, NULL);
    neap_tensor *large = neap_tensor_copy(NEAP_FLOAT32, 1, DIMS(1 << 20), NULL, NULL);
    neap_tensor *small = neap_tensor_copy(NEAP_FLOAT32, 1, DIMS(4), NULL, NULL),
                *out[2] = {NULL};
    for (int i = 0; i < 3; i++) {
        const neap_feed too_much = {x, large}, little = {x, small};
        CHECK(neap_session_run(s, &too_much, 1, fetches, 2, out, &err) == NEAP_ELIMIT);
        CHECK(!out[0] && !out[1] && strstr(err.message, "memory limit of 1048576 bytes"));
        OK(neap_session_run(s, &little, 1, fetches, 2, out, &err));
        neap_tensor_release(out[0]);
        neap_tensor_release(out[1]);
        out[0] = out[1] = NULL;
    }
    CHECK(fabsf(get(s, v) - 3 * 4 * expf(0.25f)) < 1e-4f);
    const neap_memory memory = neap_session_memory(s);
    CHECK(memory.limit == 1 << 20 && memory.peak <= memory.limit && memory.current > 0);
    neap_tensor_release(small);
    neap_tensor_release(large);
    neap_session_free(s);
    neap_graph_free(g);
}

/* ---- Operations of the host, and stopping -------------------------------------------------- */

static neap_session *inner; /* what `meddle` acts on */

/* x, after what `user` says: 'c' cancels the session, 's' sleeps, 'w' gives a wrong shape. */
static int meddle(void *user, void *caller, neap_tensor *const *in, size_t in_count,
                  neap_tensor **out, size_t out_count, neap_error *e)
{
    const char what = caller ? *(const char *)caller : *(const char *)user;
    (void)in_count;
    (void)e;
    if (what == 'c')
        neap_cancel(inner);
    if (what == 's')
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    for (size_t i = 0; i < out_count; i++)
        out[i] = what == 'w' ? neap_tensor_copy(NEAP_FLOAT32, 1, DIMS(64), NULL, NULL)
                             : neap_tensor_retain(in[0]);
    return NEAP_OK;
}

static int infer_two(void *user, void *caller, const neap_op_shape *in, size_t in_count,
                     neap_op_shape *out, size_t out_count, neap_error *e)
{
    (void)user, (void)caller, (void)in_count, (void)e;
    for (size_t i = 0; i < out_count; i++)
        out[i] = in[0];
    return NEAP_OK;
}

/* The operation of the host `meddle`, which does what `how` says. */
static void register_meddle(neap_graph *g, const char *how)
{
    const neap_op op = {.size = sizeof op,
                        .name = "meddle",
                        .doc = "x.",
                        .inputs = "x",
                        .result_count = 1,
                        .compute = meddle,
                        .user = (void *)(uintptr_t)how};
    OK(neap_graph_register(g, &op, &err));
}

static void spec_stopping(void)
{
    neap_graph *g = neap_graph_new(NULL);
    register_meddle(g, "-");
    neap_node *v = variable(g, 1, "v");
    neap_node *x = neap_build(g, "meddle", &v, 1, NULL, 0, NULL, NULL, 0, NULL);
    neap_node *add = neap_assign_add(
        g, v, neap_softmax(g, neap_reshape(g, x, DIMS(1), 1, NULL), NULL), NULL);
    CHECK(!add); /* of another shape */
    add = neap_assign_add(g, v, neap_reduce_sum(g, neap_exp(g, x, NULL), NULL), NULL);
    neap_session *s = inner = neap_session_new(g, NULL, NULL);
    char cancels = 'c', sleeps = 's';
    neap_flag stop;
    atomic_init(&stop, 1);
    neap_run_options options = NEAP_RUN_OPTIONS_INIT;
    neap_tensor *out = NULL;
    const char *text = "the run was stopped before it was done";
    options.caller = &cancels;
    FAILS(neap_session_run_with(s, &options, NULL, 0, &add, 1, &out, &err), NEAP_ECANCEL,
          text);
    options.caller = &sleeps;
    options.timeout = 0.001;
    FAILS(neap_session_run_with(s, &options, NULL, 0, &add, 1, &out, &err), NEAP_ECANCEL,
          text);
    options = (neap_run_options)NEAP_RUN_OPTIONS_INIT;
    options.cancel = &stop;
    FAILS(neap_session_run_with(s, &options, NULL, 0, &add, 1, &out, &err), NEAP_ECANCEL,
          text);
    CHECK(!out && get(s, v) == 1);
    atomic_store(&stop, 0);
    neap_cancel(s); /* stops what is under way: nothing */
    OK(neap_session_run_with(s, &options, NULL, 0, &add, 1, &out, &err));
    CHECK(first(out) > 3.7f && get(s, v) > 3.7f);
    options.size = 4;
    FAILS(neap_session_run_with(s, &options, NULL, 0, &add, 1, &out, &err), NEAP_EARG,
          "neap_session_run: options of 4 bytes: begin with NEAP_RUN_OPTIONS_INIT");
    neap_session_free(s);
    neap_graph_free(g);
}

/* What has to run something first takes the options of a run. */
static void spec_options(void)
{
    neap_graph *g = neap_graph_new(NULL);
    register_meddle(g, "c");
    neap_node *one = neap_ones(g, NULL, 0, NULL);
    neap_node *x = neap_build(g, "meddle", &one, 1, NULL, 0, NULL, NULL, 0, NULL);
    neap_node *v = neap_variable_from(g, neap_exp(g, x, NULL), 1, "v", NULL);
    neap_session *s = inner = neap_session_new(g, NULL, NULL);
    const char *text = "the run was stopped before it was done "
                       "(for the initial value of variable \"v\")";
    char calm = '-';
    neap_run_options options = NEAP_RUN_OPTIONS_INIT, none = {0};
    neap_tensor *out = NULL;
    options.caller = &calm;
    FAILS(neap_session_get(s, v, &out, &err), NEAP_ECANCEL, text);
    FAILS(neap_session_initialize(s, &err), NEAP_ECANCEL, text);
    OK(neap_session_initialize_with(s, &options, &err));
    neap_session_free(s);
    s = inner = neap_session_new(g, NULL, NULL);
    OK(neap_session_get_with(s, &options, v, &out, &err));
    CHECK(first(out) > 2.7f);
    size_t length;
    OK(neap_session_explain_with(s, &options, NULL, 0, &x, 1, NULL, 0, &length, &err));
    FAILS(
        neap_session_initialize_with(s, &none, &err), NEAP_EARG,
        "neap_session_initialize: options of 0 bytes: begin with NEAP_RUN_OPTIONS_INIT");
    FAILS(neap_session_get_with(s, &none, v, &out, &err), NEAP_EARG,
          "neap_session_get: options of 0 bytes: begin with NEAP_RUN_OPTIONS_INIT");
    FAILS(neap_session_explain_with(s, &none, NULL, 0, &x, 1, NULL, 0, &length, &err),
          NEAP_EARG,
          "neap_session_explain: options of 0 bytes: begin with NEAP_RUN_OPTIONS_INIT");
    neap_session_free(s);
    neap_graph_free(g);
}

/* Results are checked against what the plan inferred, not what was known when it was built. */
/* The environment lowers the instruction set of sessions made from then on. */
static void spec_instruction_set(void)
{
    const char *before = getenv("NEAP_ISA");
    char *kept = before ? strdup(before) : NULL;
    neap_graph *g = neap_graph_new(NULL);
    neap_config config;
    err = (neap_error)NEAP_ERROR_INIT;
    setenv("NEAP_ISA", "generic", 1);
    neap_get_config(&config);
    CHECK_TEXT(config.isa, "generic");
    neap_session_free(neap_session_new(g, NULL, &err));
    CHECK(err.code == NEAP_OK);
    setenv("NEAP_ISA", "sse9", 1);
    CHECK(!neap_session_new(g, NULL, &err));
    CHECK(err.code == NEAP_EARG);
    CHECK_TEXT(err.message, "session: NEAP_ISA: there is no isa \"sse9\"");
    err = (neap_error)NEAP_ERROR_INIT;
    neap_get_config(&config);
    const char *best = config.isa;
    setenv("NEAP_ISA", "avx512", 1); /* where there is none: the best that there is */
    neap_get_config(&config);
    CHECK_TEXT(config.isa, best);
    setenv("NEAP_ISA", "", 1);
    neap_get_config(&config);
    CHECK_TEXT(config.isa, best);
    if (kept)
        setenv("NEAP_ISA", kept, 1);
    else
        unsetenv("NEAP_ISA");
    free(kept);
    neap_graph_free(g);
}

static void spec_host_results(void)
{
    neap_graph *g = neap_graph_new(NULL);
    char what[] = "-";
    const neap_op op = {.size = sizeof op,
                        .name = "two",
                        .doc = "x, x.",
                        .inputs = "x",
                        .result_count = 2,
                        .infer = infer_two,
                        .compute = meddle,
                        .user = what};
    OK(neap_graph_register(g, &op, &err));
    neap_node *x = neap_placeholder(g, NEAP_FLOAT32, 1, DIMS(-1), "x", NULL), *two[2];
    CHECK(neap_build(g, "two", &x, 1, NULL, 0, NULL, two, 2, &err) != NULL);
    neap_node *const fetches[] = {two[1], neap_add(g, two[0], two[1], NULL)};
    neap_tensor *t = vector((const float[]){2, 3}, 2), *out[2] = {NULL};
    const neap_feed feed = {x, t};
    neap_session *s = neap_session_new(g, NULL, NULL);
    for (size_t i = 0; i < 2; i++) { /* also where one result is not read */
        *what = '-';
        OK(neap_session_run(s, &feed, 1, fetches, 1 + i, out, &err));
        CHECK(first(out[0]) == 2 && (!i || first(out[1]) == 4));
        out[0] = out[1] = NULL;
        *what = 'w';
        FAILS(neap_session_run(s, &feed, 1, fetches, 1 + i, out, &err), NEAP_ESHAPE,
              "two \"two\": result 0 has shape (64,), inferred was (2,)");
    }
    neap_tensor_release(t);
    neap_session_free(s);
    neap_graph_free(g);
}

/* ---- Callables, plans, explain ---------------------------------------------------------------- */

static void spec_callables(void)
{
    neap_graph *g = neap_graph_new(NULL);
    neap_node *x[20], *sum = NULL, *v = variable(g, 1, "v");
    for (size_t i = 0; i < 20; i++) {
        x[i] = neap_placeholder(g, NEAP_FLOAT32, -1, NULL, i ? NULL : "x", NULL);
        sum = sum ? neap_add(g, sum, x[i], NULL) : x[i];
    }
    neap_node *const fetches[] = {neap_multiply(g, sum, v, NULL),
                                  neap_assign_add(g, v, constant(g, 1), NULL)};
    neap_session *s = neap_session_new(g, NULL, NULL);
    err = (neap_error)NEAP_ERROR_INIT;
    neap_callable *all = neap_callable_new(s, x, 20, fetches, 2, &err);
    neap_callable *none = neap_callable_new(s, NULL, 0, fetches, 0, &err);
    CHECK(all && none);
    neap_tensor *values[20], *out[2] = {NULL};
    for (int64_t size = 1; size < 4; size++) {
        const float ones[] = {1, 1, 1};
        for (size_t i = 0; i < 20; i++)
            values[i] = vector(ones, size);
        for (int repeat = 0; repeat < 2; repeat++) {
            OK(neap_callable_run(all, NULL, values, out, &err));
            const float old = (float)(2 * size - 1 + repeat);
            CHECK(neap_tensor_size(out[0]) == size);
            CHECK(first(out[0]) == 20 * old && first(out[1]) == old + 1);
            out[0] = out[1] = NULL;
        }
        for (size_t i = 0; i < 20; i++)
            neap_tensor_release(values[i]);
    }
    OK(neap_callable_run(none, NULL, NULL, NULL, &err));
    neap_tensor *lone[20] = {NULL};
    FAILS(neap_callable_run(all, NULL, lone, out, &err), NEAP_EARG,
          "placeholder \"x\": the value fed is NULL");
    err = (neap_error)NEAP_ERROR_INIT;
    FAILS(neap_callable_run(NULL, NULL, lone, out, &err), NEAP_EARG,
          "neap_callable_run: callable is NULL");
    neap_node *const twice[] = {x[0], x[0]};
    CHECK(!neap_callable_new(s, twice, 2, fetches, 1, &err));
    err = (neap_error)NEAP_ERROR_INIT;
    CHECK(!neap_callable_new(s, twice, 2, fetches, 1, &err));
    CHECK_TEXT(err.message, "placeholder \"x\": given twice");
    neap_callable_free(none);
    neap_session_free(s);
    neap_callable_free(all); /* which keeps the plan, not the session */
    neap_graph_free(g);
}

/* More sizes and more fetches than the cache holds. */
static void spec_cache(void)
{
    neap_graph *g = neap_graph_new(NULL);
    neap_node *x = neap_placeholder(g, NEAP_FLOAT32, 1, DIMS(-1), "x", NULL), *y[400];
    y[0] = neap_exp(g, x, NULL);
    for (size_t i = 1; i < COUNT(y); i++)
        y[i] = neap_exp(g, y[i - 1], NULL);
    neap_session *s = neap_session_new(g, NULL, NULL);
    size_t half = 0;
    for (int64_t i = 0; i < 1200; i++) {
        neap_tensor *t = neap_tensor_copy(NEAP_FLOAT32, 1, DIMS(2 + i % 600), NULL, NULL);
        const neap_feed feed = {x, t};
        neap_tensor *out = NULL;
        OK(neap_session_run(s, &feed, 1, &y[i % 2 ? 0 : i % 400], 1, &out, &err));
        CHECK(out && neap_tensor_size(out) == 2 + i % 600);
        neap_tensor_release(out);
        neap_tensor_release(t);
        if (i == 600)
            half = neap_session_memory(s).current;
    }
    CHECK(neap_session_memory(s).current < 2 * half);
    neap_session_free(s);
    neap_graph_free(g);
}

static void spec_explain(void)
{
    neap_graph *g = neap_graph_new(NULL);
    neap_node *v = variable(g, 1, "v"),
              *add = neap_assign_add(g, v, constant(g, 1), NULL);
    neap_session *s = neap_session_new(g, NULL, NULL);
    char text[4096], part[8];
    size_t length = 0, again = 0;
    OK(neap_session_explain(s, NULL, 0, &add, 1, text, sizeof text, &length, &err));
    CHECK(length == strlen(text) && strstr(text, "commit:\n"));
    CHECK(strstr(text, "-> variable, in place \"v\"") != NULL);
    OK(neap_session_explain(s, NULL, 0, &add, 1, part, sizeof part, &again, &err));
    CHECK(again == length && !strncmp(part, text, 7) && !part[7]);
    OK(neap_session_explain(s, NULL, 0, &add, 1, NULL, 0, &again, &err));
    OK(neap_session_explain(s, NULL, 0, NULL, 0, text, sizeof text, &length, &err));
    CHECK(again > 0 && get(s, v) == 1); /* nothing ran */
    neap_session_free(s);
    neap_graph_free(g);
}

int main(void)
{
    spec_reads_and_writes();
    spec_chains();
    spec_copy_on_write();
    spec_first_values();
    spec_feeds();
    spec_variable_errors();
    spec_out();
    spec_shared_out();
    spec_many_out();
    spec_failure_changes_nothing();
    spec_memory_limit();
    spec_stopping();
    spec_options();
    spec_instruction_set();
    spec_host_results();
    spec_callables();
    spec_cache();
    spec_explain();
    return check_report();
}
