/* body.c - bodies of branches and loops: begun, built, ended. */
#include "graph/body.h"

#include <string.h>

static bool add(neap_body *b, neap_node ***list, size_t *capacity, size_t *count,
                neap_node *n, neap_error *err)
{
    if (!neap__grow(b->graph->account, (void **)list, capacity, *count + 1, sizeof **list,
                    NEAP_MEMORY_NODE, err))
        return false;
    (*list)[(*count)++] = n;
    return true;
}

static void free_list(neap_body *b, neap_node **list, size_t capacity)
{
    neap__free(b->graph->account, list, capacity * sizeof *list, NEAP_MEMORY_NODE);
}

void neap__bodies_free(neap_graph *g)
{
    while (g->bodies) {
        neap_body *b = g->bodies;
        g->bodies = b->next;
        for (size_t i = 0; i < b->node_count; i++)
            neap__attributes_drop(b->nodes[i]);
        free_list(b, b->nodes, b->node_capacity);
        free_list(b, b->parameters, b->parameter_capacity);
        free_list(b, b->captured, b->captured_capacity);
        free_list(b, b->controls, b->control_capacity);
        free_list(b, b->results, b->result_capacity);
        neap__free(g->account, b->writes, b->write_capacity * sizeof *b->writes,
                   NEAP_MEMORY_NODE);
        neap__free(g->account, b, sizeof *b, NEAP_MEMORY_NODE);
    }
}

/* ---- Where nodes are built ------------------------------------------------------- */

static void enter(neap_body *b)
{
    b->open = true;
    b->frames = neap__detach(b->graph);
    b->graph->body = b;
}

/* A parameter of the fact that `like` has, or of a dtype and shape. */
static neap_node *add_parameter(neap_body *b, const neap_op_shape *shape, neap_node *of,
                                neap_error *err)
{
    neap_graph *g = b->graph;
    neap_body *building = g->body;
    neap_attribute attributes[] = {
        neap_attribute_dtype("dtype", of ? of->fact.dtype : shape->dtype),
        of || shape->rank < 0
            ? neap_attribute_none("shape")
            : neap_attribute_ints("shape", shape->dims, (size_t)shape->rank),
        of ? neap_attribute_node("of", of) : neap_attribute_none("of"),
    };
    struct neap__frame *frames = neap__detach(g);
    g->body = b;
    neap_node *n = neap__build(g, b->parameter, NULL, 0, attributes, 3, NULL, err);
    g->body = building;
    neap__attach(g, frames);
    return n && add(b, &b->parameters, &b->parameter_capacity, &b->parameter_count, n,
                    err)
               ? n
               : NULL;
}

neap_body *neap__body_new(neap_graph *g, const neap__op *parameter,
                          const neap_op_shape *arguments, size_t count, neap_error *err)
{
    int depth = g->body ? g->body->depth + 1 : 1;
    if (depth > NEAP__NESTING) {
        neap__fail(err, NEAP_ELIMIT, "more than %d bodies within each other",
                   NEAP__NESTING);
        return NULL;
    }
    neap_body *b = neap__alloc_zero(g->account, sizeof *b, NEAP_MEMORY_NODE, err);
    if (!b)
        return NULL;
    b->graph = g;
    b->outer = g->body;
    b->parameter = parameter;
    b->depth = depth;
    b->next = g->bodies;
    g->bodies = b;
    enter(b);
    for (size_t i = 0; i < count; i++) {
        if (add_parameter(b, &arguments[i], NULL, err))
            continue;
        neap_body_end(b);
        return NULL;
    }
    b->argument_count = count;
    return b;
}

void neap_body_end(neap_body *b)
{
    if (!b || !b->open)
        return;
    while (b->graph->body && b->graph->body != b) /* those that were left open within */
        neap_body_end(b->graph->body);
    while (b->graph->frames)
        neap__drop_frame(b->graph);
    b->open = false;
    b->graph->body = b->outer;
    neap__attach(b->graph, b->frames);
}

int neap_body_resume(neap_body *b, neap_error *err)
{
    if (!b)
        return neap__null(err, "neap_body_resume", "body");
    neap__clear(err);
    if (b->open || b->used || b->graph->body != b->outer)
        return neap__fail(err, NEAP_ESTATE,
                          "neap_body_resume: the body is open, in use, or was begun "
                          "in another");
    enter(b);
    return NEAP_OK;
}

neap_node *neap_body_argument(const neap_body *b, size_t index)
{
    return b && index < b->argument_count ? b->parameters[index] : NULL;
}

/* ---- What comes from outside ----------------------------------------------------- */

neap_node *neap__capture_in(neap_body *b, neap_node *n, neap_error *err)
{
    size_t captures = b->parameter_count - b->argument_count;
    for (size_t i = captures; i-- > 0;) {
        if (b->captured[i] == n)
            return b->parameters[b->argument_count + i];
    }
    if (n->fact.dtype == NEAP_DTYPE_NONE) {
        char text[NEAP__NODE_SIZE];
        neap__fail(err, NEAP_ETYPE, "%s has no value to be used inside a body",
                   neap__node_text(text, n));
        return NULL;
    }
    size_t count = captures;
    if (!neap__grow(b->graph->account, (void **)&b->captured, &b->captured_capacity,
                    count + 1, sizeof *b->captured, NEAP_MEMORY_NODE, err))
        return NULL;
    neap_node *parameter = add_parameter(b, NULL, n, err);
    if (parameter)
        b->captured[captures] = n;
    return parameter;
}

static int told_closed(const neap_node *n, neap_error *err)
{
    char text[NEAP__NODE_SIZE];
    return neap__fail(err, NEAP_ESTATE,
                      "%s is inside a body of a branch or loop and cannot be used "
                      "outside of it",
                      neap__node_text(text, n));
}

neap_node *neap__capture(neap_graph *g, neap_node *n, neap_error *err)
{
    neap_body *levels[NEAP__NESTING];
    int count = 0;
    for (neap_body *b = g->body; b != n->body; b = b->outer) {
        if (!b) {
            told_closed(n, err);
            return NULL;
        }
        levels[count++] = b;
    }
    while (count-- > 0 && n)
        n = neap__capture_in(levels[count], n, err);
    return n;
}

const neap_node *neap__variable_of(const neap_node *n)
{
    while (n && n->op->list != NEAP_VARIABLES)
        n = n->body && n->op == n->body->parameter ? n->initial : NULL;
    return n;
}

bool neap__body_waits(neap_body *b, neap_node *n, neap_error *err)
{
    for (neap_body *level = b; level && level != n->body; level = level->outer) {
        if (level->outer != n->body)
            continue;
        for (size_t i = 0; i < level->control_count; i++) {
            if (level->controls[i] == n)
                return true;
        }
        return add(level, &level->controls, &level->control_capacity,
                   &level->control_count, n, err);
    }
    told_closed(n, err);
    return false;
}

/* ---- Results --------------------------------------------------------------------- */

int64_t neap__body_result(neap_body *b, neap_node *n, neap_error *err)
{
    size_t count = b->result_count;
    return add(b, &b->results, &b->result_capacity, &b->result_count, n, err)
               ? (int64_t)count
               : -1;
}

neap__body_write *neap__body_write_of(neap_body *b, neap_node *variable, neap_error *err)
{
    for (size_t i = 0; i < b->write_count; i++) {
        if (b->writes[i].variable == variable)
            return &b->writes[i];
    }
    neap_node *parameter = neap__capture_in(b, variable, err);
    if (!parameter ||
        !neap__grow(b->graph->account, (void **)&b->writes, &b->write_capacity,
                    b->write_count + 1, sizeof *b->writes, NEAP_MEMORY_NODE, err))
        return NULL;
    neap__body_write *write = &b->writes[b->write_count++];
    *write = (neap__body_write){variable, parameter, 0};
    return write;
}

/* What a parameter stands for. */
static neap_node *captured_as(const neap_body *b, const neap_node *parameter)
{
    size_t i = b->argument_count;
    while (b->parameters[i] != parameter)
        i++;
    return b->captured[i - b->argument_count];
}

int neap__body_settle(neap_body *b, neap_error *err)
{
    neap__account *account = b->graph->account;
    neap_node **needed = NULL;
    size_t count = 0, capacity = 0;
    int code = neap__ancestors(account, b->results, b->result_count, true, NULL, &needed,
                               &count, &capacity, err);
    for (size_t i = 0; i < count && !code; i++) {
        neap_node *n = needed[i];
        b->effects |= n->effects & ~(unsigned)NEAP__WRITES;
        for (uint32_t w = 0; w < n->written_count && !code; w++) {
            neap_node *variable = captured_as(b, n->inputs[n->written[w]]);
            neap__body_write *write = neap__body_write_of(b, variable, err);
            if (write)
                *write = (neap__body_write){variable, n, w}; /* the last one counts */
            else
                code = NEAP_ENOMEM;
        }
    }
    neap__free(account, needed, capacity * sizeof *needed, NEAP_MEMORY_SMALL);
    return code;
}
