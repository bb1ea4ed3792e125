/* device.c - a plan asks its target for kernels: here a device that counts what it is
 * asked, and has the CPU's.
 *
 * Runs once: no instruction set touches it. */
#include "check.h"
#include "plan/plan.h"

static int asked;

static int bind_counted(neap__binding *b)
{
    asked++;
    if (!strcmp(b->node->op->info.name, "argmax"))
        return neap__fail(b->err, NEAP_EUNSUP, "counter has no such kernel");
    return neap__cpu.bind(b);
}

static const neap__device counter = {"counter", &neap__host_memory, bind_counted};

static neap_node *constant(neap_graph *g, int64_t count, const float *values)
{
    neap_tensor *t = neap_tensor_copy(NEAP_FLOAT32, 1, &count, values, NULL);
    CHECK(t->memory == &neap__host_memory);
    neap_node *n = neap_constant(g, t, NULL);
    neap_tensor_release(t);
    return n;
}

static void spec_bind(void)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_graph *g = neap_graph_new(&err);
    const float values[] = {1, 2, 4};
    neap_node *sum = neap_reduce_sum(g, constant(g, 3, values), NULL, &err);
    neap_tensor *out = NULL;
    const neap__target target = {.device = &counter,
                                 .account = neap__default_account(),
                                 .isa = NEAP__GENERIC,
                                 .workers = 1,
                                 .passes = NEAP__PASS_ALL & ~(unsigned)NEAP__PASS_FOLD};
    OK(neap__compute(&target, &sum, 1, &out, &err));
    CHECK(asked == 1 && *(const float *)neap_tensor_data(out) == 7);
    neap_tensor_release(out);
    neap_node *most = neap_argmax(g, constant(g, 3, values), NULL, &err);
    out = NULL;
    CHECK(neap__compute(&target, &most, 1, &out, &err) == NEAP_EUNSUP && !out);
    CHECK_TEXT(err.message, "argmax \"argmax\": counter has no such kernel");
    neap_graph_free(g);
}

/* Where elements lie elsewhere, nobody reads them as the host's. */
static void spec_memory(void)
{
    static const neap__memory elsewhere = {"elsewhere"};
    neap_error err = NEAP_ERROR_INIT;
    const neap__shape shape = {1, {2}}, column = {2, {2, 1}};
    neap_tensor *t =
        neap__tensor_new(neap__default_account(), NEAP_FLOAT32, &shape, &err);
    CHECK(neap__reach(t, &neap__host_memory) == t->data && neap_tensor_data(t));
    CHECK(!neap__reach(t, &elsewhere));
    t->memory = &elsewhere;
    neap_tensor *view = neap__tensor_view(t, &column, &err);
    CHECK(view->memory == &elsewhere && !neap_tensor_data(view));
    CHECK(neap__reach(view, &elsewhere) == t->data);
    neap_tensor_release(view);
    CHECK(!neap_tensor_data(t) && !neap_tensor_edit(t));
    neap_tensor_release(t);
}

static void spec_option(void)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_graph *g = neap_graph_new(&err);
    neap_session_options options = NEAP_SESSION_OPTIONS_INIT;
    options.device = &counter;
    CHECK(!neap_session_new(g, &options, &err) && err.code == NEAP_EUNSUP);
    CHECK_TEXT(err.message, "session: this build has no devices but the CPU");
    neap_graph_free(g);
}

int main(void)
{
    spec_bind();
    spec_memory();
    spec_option();
    return check_report();
}
