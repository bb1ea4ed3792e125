/* values.c - the first values of variables: computed when a run needs one that has none,
 * and committed with it. */
#include "session/session.h"

#include <string.h>

bool neap__first_room(neap__running *r, size_t count, neap_error *err)
{
    if (count <= r->first_count)
        return true;
    neap__account *account = r->session->account;
    count += count / 2 + 8;
    neap_tensor **grown =
        neap__alloc_zero(account, count * sizeof *grown, NEAP_MEMORY_SMALL, err);
    if (!grown)
        return false;
    if (r->first_count)
        memcpy((void *)grown, (void *)r->first, r->first_count * sizeof *grown);
    neap__free(account, r->first, r->first_count * sizeof *grown, NEAP_MEMORY_SMALL);
    r->first = grown;
    r->first_count = count;
    return true;
}

static bool has_value(neap__running *r, const neap_node *v)
{
    pthread_mutex_lock(&r->session->lock);
    bool has = neap__value_of(r, v) != NULL;
    pthread_mutex_unlock(&r->session->lock);
    return has;
}

/* Pushes the variables without a value that the initial value of `v` reads. */
static int push_needed(neap__running *r, const neap_node *v, neap_node ***stack,
                       size_t *count, size_t *capacity, neap_error *err)
{
    neap__account *account = r->session->account;
    neap_node *const roots[] = {v->initial}, **above = NULL;
    size_t above_count = 0, room = 0;
    if (v->initial->op == &neap__op_constant)
        return NEAP_OK;
    int status =
        neap__ancestors(account, roots, 1, true, NULL, &above, &above_count, &room, err);
    for (size_t i = 0; i < above_count && !status; i++) {
        if (above[i]->op != &neap__op_variable || has_value(r, above[i]))
            continue;
        if (!neap__grow(account, (void **)stack, capacity, *count + 1, sizeof **stack,
                        NEAP_MEMORY_SMALL, err))
            status = err->code;
        else
            (*stack)[(*count)++] = above[i];
    }
    neap__free(account, above, room * sizeof *above, NEAP_MEMORY_SMALL);
    return status;
}

/* The initial value of a variable, everything it reads having one. Draws are those of run
 * 0, so that an initial value does not depend on when it is made. */
static int compute_initial(neap__running *r, const neap_node *v, neap_tensor **out,
                           neap_error *err)
{
    neap_node *const fetches[] = {v->initial};
    if (v->initial->op == &neap__op_constant) {
        *out = neap_tensor_retain(neap__attribute(v->initial, "value")->tensor);
        return NEAP_OK;
    }
    neap__request request = {.fetches = fetches, .fetch_count = 1};
    neap__outline *o = neap__outline_new(r->session->account, &request, err);
    int status = o ? NEAP_OK : err->code;
    if (!status && o->write_count)
        status = neap__fail(err, NEAP_EUNSUP, "an initial value that assigns a variable");
    if (!status)
        status = neap__run_aside(r, o, out, err);
    neap__outline_release(o);
    if (status) {
        char name[NEAP__QUOTED_SIZE];
        neap__error_suffix(err, " (for the initial value of variable \"%s\")",
                           neap__quoted(name, v->name));
    }
    return status;
}

int neap__first_values(neap__running *r, neap_node *const *variables, size_t count,
                       neap_error *err)
{
    neap__account *account = r->session->account;
    neap_node **stack = NULL;
    size_t depth = 0, capacity = 0;
    int status = NEAP_OK;
    for (size_t i = 0; i < count && !status; i++) {
        if (has_value(r, variables[i]))
            continue;
        neap__take_turn(r);
        if (has_value(r, variables[i])) /* by the run whose turn it was */
            continue;
        if (!neap__grow(account, (void **)&stack, &capacity, 1, sizeof *stack,
                        NEAP_MEMORY_SMALL, err))
            status = err->code;
        else
            stack[depth++] = variables[i];
        while (depth && !status) {
            neap_node *v = stack[depth - 1];
            size_t before = depth;
            if (has_value(r, v)) {
                depth--;
                continue;
            }
            status = push_needed(r, v, &stack, &depth, &capacity, err);
            if (status || depth > before)
                continue;
            depth--;
            neap_tensor *value = NULL;
            if (!neap__first_room(r, (size_t)v->list_index + 1, err))
                status = err->code;
            else
                status = compute_initial(r, v, &value, err);
            if (!status)
                r->first[v->list_index] = value;
        }
    }
    neap__free(account, stack, capacity * sizeof *stack, NEAP_MEMORY_SMALL);
    return status;
}
