/* graph.c - a graph's life, its lists, its scopes and controls. */
#include "graph/body.h"

#include <string.h>

/* An object of this copy of neap carries the address of this constant, so that one of
 * another copy in the same process (two shared objects), or one that is freed, is told
 * from ours. */
static const char copy_mark[] = "neap " NEAP_VERSION;

static uint64_t magic(void) { return (uint64_t)(uintptr_t)copy_mark; }

/* ---- Scopes and controls --------------------------------------------------------- */

static struct neap__frame *push(neap_graph *g, bool scope, neap_error *err)
{
    struct neap__frame *f =
        neap__alloc_zero(g->account, sizeof *f, NEAP_MEMORY_NODE, err);
    if (!f)
        return NULL;
    if (g->frames)
        *f = *g->frames;
    f->outer = g->frames;
    f->depth = neap_graph_depth(g) + 1;
    f->is_scope = scope;
    return f;
}

static void pop(neap_graph *g)
{
    struct neap__frame *f = g->frames;
    g->frames = f->outer;
    neap__free(g->account, f, sizeof *f, NEAP_MEMORY_NODE);
}

void neap__drop_frame(neap_graph *g) { pop(g); }

int neap_graph_push_scope(neap_graph *g, const char *name, neap_error *err)
{
    if (!g || !name)
        return neap__null(err, "neap_graph_push_scope", g ? "name" : "g");
    neap__clear(err);
    if (!neap__graph_ready(g, "neap_graph_push_scope", err))
        return NEAP_ESTATE;
    struct neap__frame *f = push(g, true, err);
    if (!f)
        return NEAP_ENOMEM;
    neap_error told = NEAP_ERROR_INIT;
    neap__name *base, *taken = neap__name_take(g, name, &base, &told);
    if (!taken) {
        neap__free(g->account, f, sizeof *f, NEAP_MEMORY_NODE);
        return neap__fail(err, told.code, "neap_graph_push_scope: %s", told.message);
    }
    f->scope = taken->text;
    f->scope_length = strlen(taken->text);
    g->frames = f;
    return NEAP_OK;
}

/* Whether the innermost frame may be closed: a callback's own, or there is no callback. */
static bool may_pop(const neap_graph *g)
{
    return g && g->frames && g->frames != g->floor;
}

void neap_graph_pop_scope(neap_graph *g)
{
    if (may_pop(g) && g->frames->is_scope)
        pop(g);
}

/* The controls of the enclosing frames, then those of this one that are new; nodes
 * share the list. */
int neap_graph_push_controls(neap_graph *g, neap_node *const *nodes, size_t count,
                             neap_error *err)
{
    if (!g || (!nodes && count))
        return neap__null(err, "neap_graph_push_controls", g ? "nodes" : "g");
    neap__clear(err);
    if (!neap__graph_ready(g, "neap_graph_push_controls", err))
        return NEAP_ESTATE;
    for (size_t i = 0; i < count; i++) {
        char text[NEAP__NODE_SIZE];
        if (!nodes[i])
            return neap__fail(err, NEAP_EARG,
                              "neap_graph_push_controls: node %zu is NULL", i);
        if (nodes[i]->graph != g)
            return neap__fail(err, NEAP_ESTATE,
                              "neap_graph_push_controls: %s is a node of another graph",
                              neap__node_text(text, nodes[i]));
    }
    size_t outer = g->frames ? g->frames->control_count : 0, room;
    if (!neap__add_size(outer, count, &room) || room > UINT32_MAX)
        return neap__fail(err, NEAP_ELIMIT, "neap_graph_push_controls: too many nodes");
    neap_node **controls = neap__arena_array(&g->arena, room, sizeof *controls, err);
    struct neap__frame *f = controls ? push(g, false, err) : NULL;
    if (!f)
        return NEAP_ENOMEM;
    if (outer)
        memcpy(controls, f->controls, outer * sizeof *controls);
    /* Inside a body, what is outside of it makes the whole body wait. */
    for (size_t i = 0; i < count; i++) {
        if (nodes[i]->body == g->body) {
            controls[outer++] = nodes[i];
        } else if (!neap__body_waits(g->body, nodes[i], err)) {
            neap__free(g->account, f, sizeof *f, NEAP_MEMORY_NODE);
            return NEAP_ESTATE;
        }
    }
    f->controls = controls;
    f->control_count = (uint32_t)outer;
    g->frames = f;
    return NEAP_OK;
}

void neap_graph_pop_controls(neap_graph *g)
{
    if (may_pop(g) && !g->frames->is_scope)
        pop(g);
}

size_t neap_graph_depth(const neap_graph *g)
{
    return g && g->frames ? g->frames->depth : 0;
}

void neap_graph_pop_to(neap_graph *g, size_t depth)
{
    while (may_pop(g) && g->frames->depth > depth)
        pop(g);
}

neap__visit neap__visit_begin(neap_graph *g)
{
    neap__visit v = {g->floor, g->body, g->file, g->caller, g->line};
    g->floor = g->frames;
    return v;
}

void neap__visit_end(neap_graph *g, const neap__visit *v)
{
    while (g->body && g->body != v->body)
        neap_body_end(g->body);
    while (may_pop(g))
        pop(g);
    g->floor = v->floor;
    g->file = v->file;
    g->line = v->line;
    g->caller = v->caller;
}

struct neap__frame *neap__detach(neap_graph *g)
{
    struct neap__frame *frames = g->frames;
    g->frames = NULL;
    return frames;
}

void neap__attach(neap_graph *g, struct neap__frame *frames) { g->frames = frames; }

/* A file's name is kept once; most nodes of a script come from the file of the node
 * before. */
static const char *keep_file(neap_graph *g, const char *file)
{
    if (g->file && !strcmp(g->file, file))
        return g->file;
    for (const neap__file *f = g->files; f; f = f->next)
        if (!strcmp(f->name, file))
            return f->name;
    neap__file *added = neap__arena_alloc(&g->arena, sizeof *added, NULL);
    char *name = added ? neap__arena_string(&g->arena, file, strlen(file), NULL) : NULL;
    if (!name)
        return NULL;
    added->name = name;
    added->next = g->files;
    g->files = added;
    return name;
}

void neap_graph_set_source(neap_graph *g, const char *file, int line, void *caller)
{
    if (!g)
        return;
    g->file = file ? keep_file(g, file) : NULL;
    g->line = g->file ? line : 0;
    g->caller = caller;
}

/* ---- Life ------------------------------------------------------------------------ */

neap_graph *neap_graph_new(neap_error *err)
{
    if (neap__failed(err))
        return NULL;
    neap__account *account = neap__default_account();
    neap_graph *g = neap__alloc_zero(account, sizeof *g, NEAP_MEMORY_NODE, err);
    if (!g)
        return NULL;
    atomic_init(&g->references, 1);
    g->magic = magic();
    g->account = account;
    neap__account_retain(account);
    neap__arena_init(&g->arena, account, NEAP_MEMORY_NODE);
    return g;
}

neap_graph *neap_graph_retain(neap_graph *g)
{
    if (g)
        atomic_fetch_add_explicit(&g->references, 1, memory_order_relaxed);
    return g;
}

static void free_list(neap_graph *g, neap_node **list, size_t capacity)
{
    neap__free(g->account, list, capacity * sizeof *list, NEAP_MEMORY_NODE);
}

void neap_graph_free(neap_graph *g)
{
    if (!g || atomic_fetch_sub_explicit(&g->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < g->node_count; i++)
        neap__attributes_drop(g->nodes[i]);
    neap__bodies_free(g);
    while (g->frames)
        pop(g);
    neap__host_free(g);
    g->magic = 0;
    free_list(g, g->nodes, g->node_capacity);
    free_list(g, g->variables, g->variable_capacity);
    free_list(g, g->placeholders, g->placeholder_capacity);
    neap__free(g->account, g->buckets, g->bucket_count * sizeof *g->buckets,
               NEAP_MEMORY_NODE);
    neap__arena_free(&g->arena);
    neap__account *account = g->account;
    neap__free(account, g, sizeof *g, NEAP_MEMORY_NODE);
    neap__account_release(account);
}

bool neap__graph_ready(const neap_graph *g, const char *function, neap_error *err)
{
    if (neap__failed(err))
        return false;
    if (!g) {
        neap__null(err, function, "g");
        return false;
    }
    if (g->magic != magic()) {
        neap__fail(err, NEAP_ESTATE, "%s: the graph is freed, or of another copy of neap",
                   function);
        return false;
    }
    return true;
}

/* ---- Lists ----------------------------------------------------------------------- */

size_t neap_graph_count(const neap_graph *g, neap_node_list list)
{
    if (!g)
        return 0;
    switch (list) {
    case NEAP_OPERATIONS:
        return g->node_count;
    case NEAP_PLACEHOLDERS:
        return g->placeholder_count;
    case NEAP_VARIABLES:
        return g->variable_count;
    }
    return 0;
}

neap_node *neap_graph_at(const neap_graph *g, neap_node_list list, size_t index)
{
    if (index >= neap_graph_count(g, list))
        return NULL;
    switch (list) {
    case NEAP_OPERATIONS:
        return g->nodes[index];
    case NEAP_PLACEHOLDERS:
        return g->placeholders[index];
    case NEAP_VARIABLES:
        return g->variables[index];
    }
    return NULL;
}
