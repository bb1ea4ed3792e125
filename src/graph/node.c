/* node.c - making a node, and what can be asked of one.
 *
 * Invariants
 *   1. A node is in the graph whole or not at all: all that can fail is done before
 *      `commit`, which cannot.
 *   2. A build that fails leaves nothing: its name is given back and, where nothing
 *      else was taken from the arena meanwhile, so is its memory. Only a host's
 *      inference may build other nodes in between, and only lists that grew for the
 *      commit lie behind the node; then the memory stays until the graph goes.
 *   3. The index is given at the commit, so that it is the order of creation even
 *      then. */
#include "graph/body.h"

#include <string.h>

/* ---- Signatures ------------------------------------------------------------------ */

bool neap__next_input(const char **signature, neap__input *in)
{
    const char *s = *signature + strspn(*signature, " ");
    size_t length = strcspn(s, " ");
    if (!length)
        return false;
    in->optional = *s == '[';
    in->name = s + in->optional;
    in->length = strcspn(in->name, " .]");
    in->sequence = in->name[in->length] == '.';
    *signature = s + length;
    return true;
}

void neap__signature(const char *inputs, size_t *least, size_t *most)
{
    *least = *most = 0;
    for (neap__input in; neap__next_input(&inputs, &in);) {
        *most = in.sequence || *most == SIZE_MAX ? SIZE_MAX : *most + 1;
        if (!in.optional)
            *least = in.sequence ? *least + 1 : *most;
    }
}

size_t neap__result_count(const char *results)
{
    size_t least, most;
    if (!results)
        return 1;
    neap__signature(results, &least, &most);
    return most;
}

void neap__text_input(neap__text *t, const neap__op *op, size_t place)
{
    const char *inputs = op->info.inputs;
    neap__input in = {"", 0, false, false};
    size_t i = 0;
    while (neap__next_input(&inputs, &in) && i < place && !in.sequence)
        i++;
    neap__text_bytes(t, in.name, in.length);
    if (in.sequence)
        neap__text_add(t, "[%zu]", place - i);
}

#define INPUT_SIZE 80
static const char *place_text(char buffer[INPUT_SIZE], const neap__op *op, size_t place)
{
    neap__text t = neap__text_over(buffer, INPUT_SIZE);
    neap__text_input(&t, op, place);
    return buffer;
}

/* The name of a data input of a node. */
static const char *input_text(char buffer[INPUT_SIZE], const neap_node *n, uint32_t input)
{
    return place_text(buffer, n->op, neap__place_of(n, input));
}

bool neap__is_optional(const neap__op *op, size_t place)
{
    const char *inputs = op->info.inputs;
    neap__input in = {"", 0, false, false};
    for (size_t i = 0; neap__next_input(&inputs, &in) && i < place && !in.sequence;)
        i++;
    return in.optional && !in.sequence && place < 32;
}

static bool check_count(const neap__op *op, size_t count, neap_error *err)
{
    size_t least, most;
    neap__signature(op->info.inputs, &least, &most);
    if (count >= least && count <= most && count <= INT32_MAX)
        return true;
    char expected[64];
    neap__text t = neap__text_over(expected, sizeof expected);
    if (!most)
        neap__text_add(&t, "no");
    else if (most == SIZE_MAX)
        neap__text_add(&t, "at least %zu", least);
    else if (least < most)
        neap__text_add(&t, "%zu to %zu", least, most);
    else
        neap__text_add(&t, "%zu", least);
    size_t last = most == SIZE_MAX ? least : most;
    neap__fail(err, NEAP_EARG, "%s: %s input%s expected%s%s%s, got %zu", op->info.name,
               expected, last == 1 ? "" : "s", most ? " (" : "", op->info.inputs,
               most ? ")" : "", count);
    return false;
}

/* ---- Checks of the inputs -------------------------------------------------------- */

static int check_graphs(const neap_node *n, neap_error *err)
{
    char input[INPUT_SIZE], text[NEAP__NODE_SIZE];
    for (uint32_t i = 0; i < n->data_inputs; i++)
        if (n->inputs[i]->graph != n->graph)
            return neap__fail(err, NEAP_ESTATE, "input %s is %s, a node of another graph",
                              input_text(input, n, i),
                              neap__node_text(text, n->inputs[i]));
        else if (n->inputs[i]->body != n->body)
            return neap__fail(err, NEAP_ESTATE,
                              "input %s is %s, inside a body of a branch or loop: it "
                              "cannot be used outside of it",
                              input_text(input, n, i),
                              neap__node_text(text, n->inputs[i]));
    for (uint32_t i = 0; i < n->written_count; i++) {
        const neap_node *x = n->inputs[n->written[i]];
        if (!neap__variable_of(x))
            return neap__fail(err, NEAP_ETYPE, "input %s is %s, not a variable",
                              input_text(input, n, n->written[i]),
                              neap__node_text(text, x));
    }
    return NEAP_OK;
}

static int wrong_dtype(const neap_node *n, uint32_t i, neap__dtypes set, neap_error *err)
{
    char input[INPUT_SIZE], data[128];
    neap__text expected = neap__text_over(data, sizeof data);
    neap__text_dtypes(&expected, set);
    return neap__fail(err, NEAP_EDTYPE, "input %s is %s; it takes %s",
                      input_text(input, n, i), neap_dtype_name(n->inputs[i]->fact.dtype),
                      data);
}

static int check_dtypes(const neap_node *n, neap_error *err)
{
    const neap__op *op = n->op;
    const neap_node *first = NULL; /* of those that must have one dtype */
    uint32_t first_index = 0;
    char a[INPUT_SIZE], b[INPUT_SIZE], text[NEAP__NODE_SIZE];
    if (!op->dtypes)
        return NEAP_OK;
    for (uint32_t i = 0; i < n->data_inputs; i++) {
        const neap_node *x = n->inputs[i];
        if (x->fact.dtype == NEAP_DTYPE_NONE)
            return neap__fail(err, NEAP_ETYPE, "input %s: %s has no value",
                              input_text(a, n, i), neap__node_text(text, x));
        const uint32_t place = neap__place_of(n, i);
        neap__dtypes own = op->dtype_rule == NEAP__EACH && place < NEAP__INPUTS
                               ? op->input_dtypes[place]
                               : 0;
        neap__dtypes set = own ? own : op->dtypes;
        bool taken = NEAP__BIT(x->fact.dtype) & set;
        if (!own && first && first->fact.dtype != x->fact.dtype)
            return neap__fail(
                err, NEAP_EDTYPE, "dtypes differ: %s and %s (inputs %s and %s)",
                neap_dtype_name(first->fact.dtype), neap_dtype_name(x->fact.dtype),
                input_text(a, n, first_index), input_text(b, n, i));
        if (!taken)
            return wrong_dtype(n, i, set, err);
        if (!own && !first) {
            first = x;
            first_index = i;
        }
    }
    return NEAP_OK;
}

/* ---- Building -------------------------------------------------------------------- */

/* Node, inputs, consumers and attribute values are one piece: a million nodes are a
 * million of them. */
#define FIRST_CONSUMERS 2
static neap_node *allocate(neap_graph *g, const neap__op *op, neap_node *const *inputs,
                           size_t count, size_t more, neap__value **values,
                           neap_error *err)
{
    size_t rows = op->info.attribute_count,
           results = op->count_results ? 0 : neap__result_count(op->info.results),
           writes = (size_t)__builtin_popcount(op->writes);
    size_t room = count + more, bytes, pointers;
    size_t facts = results > 1 ? results : 0;
    if (!neap__add_size(room, FIRST_CONSUMERS, &pointers) ||
        !neap__mul_size(pointers, sizeof(neap_node *), &bytes) ||
        !neap__add_size(bytes,
                        sizeof(neap_node) + rows * sizeof(neap__value) +
                            facts * sizeof(neap__fact) + writes * sizeof(uint32_t),
                        &bytes)) {
        neap__fail(err, NEAP_ELIMIT, "too many inputs");
        return NULL;
    }
    neap_node *n = neap__arena_alloc(&g->arena, bytes, err);
    if (!n)
        return NULL;
    *values = (neap__value *)(void *)(n + 1);
    n->results = facts ? (neap__fact *)(void *)(*values + rows) : NULL;
    n->result_count = (uint32_t)facts;
    n->inputs = (neap_node **)(void *)((neap__fact *)(void *)(*values + rows) + facts);
    n->consumers = n->inputs + room;
    n->consumer_capacity = FIRST_CONSUMERS;
    uint32_t *written = (uint32_t *)(void *)(n->consumers + FIRST_CONSUMERS);
    n->written = written;
    for (unsigned mask = op->writes; mask; mask &= mask - 1)
        written[n->written_count++] = (uint32_t)__builtin_ctz(mask);
    n->op = op;
    n->effects = op->effects;
    n->graph = g;
    n->body = g->body;
    for (size_t place = 0; place < count; place++)
        if (inputs[place])
            n->inputs[n->data_inputs++] = inputs[place];
        else
            n->absent |= UINT32_C(1) << place;
    n->input_count = n->data_inputs;
    n->list_index = -1;
    n->file = g->file;
    n->line = g->line;
    if (g->frames && op->lowering != NEAP__LOWER_SOURCE) {
        n->controls = g->frames->controls;
        n->control_count = g->frames->control_count;
    }
    return n;
}

/* Room for the facts of as many results as the node turns out to have. */
static int count_results(neap_node *n, neap_error *err)
{
    if (!n->op->count_results)
        return NEAP_OK;
    int64_t count = n->op->count_results(n, err);
    if (count < 0)
        return neap__failed(err) ? err->code : NEAP_EARG;
    if (count > INT32_MAX)
        return neap__fail(err, NEAP_ELIMIT, "%lld results", (long long)count);
    n->results =
        neap__arena_array(&n->graph->arena, (size_t)count, sizeof *n->results, err);
    n->result_count = (uint32_t)count;
    return n->results ? NEAP_OK : NEAP_ENOMEM;
}

static int infer(neap_node *n, neap_error *err)
{
    neap__fact few[NEAP__INPUTS], *in = few;
    size_t bytes = n->input_count * sizeof *in;
    if (n->input_count > NEAP__INPUTS) {
        in = neap__alloc(n->graph->account, bytes, NEAP_MEMORY_NODE, err);
        if (!in)
            return NEAP_ENOMEM;
    }
    for (uint32_t i = 0; i < n->input_count; i++)
        in[i] = n->inputs[i]->fact;
    neap__inference i = {.node = n,
                         .in = in,
                         .out = n->results ? n->results : &n->fact,
                         .arena = &n->graph->arena,
                         .caller = n->graph->caller,
                         .err = err};
    neap__visit visit = neap__visit_begin(n->graph);
    int code = n->op->infer(&i); /* which may be a host's */
    neap__visit_end(n->graph, &visit);
    if (in != few)
        neap__free(n->graph->account, in, bytes, NEAP_MEMORY_NODE);
    return code;
}

static bool reserve_consumer(neap_node *x, neap_error *err)
{
    if (x->consumer_count < x->consumer_capacity)
        return true;
    if (x->consumer_capacity > UINT32_MAX / 2) {
        neap__fail(err, NEAP_ELIMIT, "too many consumers of one node");
        return false;
    }
    neap_node **list = neap__arena_array(
        &x->graph->arena, (size_t)x->consumer_capacity * 2, sizeof *list, err);
    if (!list)
        return false;
    memcpy(list, x->consumers, x->consumer_count * sizeof *list);
    x->consumers = list;
    x->consumer_capacity *= 2;
    return true;
}

static bool reserve_list(neap_graph *g, neap_node ***list, size_t *capacity, size_t count,
                         neap_error *err)
{
    return neap__grow(g->account, (void **)list, capacity, count + 1, sizeof **list,
                      NEAP_MEMORY_NODE, err);
}

/* Room in every list that the node will join. */
static int reserve(neap_graph *g, neap_node *n, neap_error *err)
{
    bool done = n->body
                    ? reserve_list(g, &n->body->nodes, &n->body->node_capacity,
                                   n->body->node_count, err)
                    : reserve_list(g, &g->nodes, &g->node_capacity, g->node_count, err);
    if (done && n->op->list == NEAP_VARIABLES)
        done =
            reserve_list(g, &g->variables, &g->variable_capacity, g->variable_count, err);
    if (done && n->op->list == NEAP_PLACEHOLDERS)
        done = reserve_list(g, &g->placeholders, &g->placeholder_capacity,
                            g->placeholder_count, err);
    for (uint32_t i = 0; i < n->input_count && done; i++)
        done = reserve_consumer(n->inputs[i], err);
    return done ? NEAP_OK : NEAP_ENOMEM;
}

static uint64_t seed_of(neap_graph *g, const neap_node *n)
{
    const neap__value *seed = neap__attribute(n, "seed");
    return seed->kind == NEAP_KIND_INT ? neap__mix(1, (uint64_t)seed->integer)
                                       : neap__mix(2, g->random_ops++);
}

/* Cannot fail. */
static void commit(neap_graph *g, neap_node *n, neap__name *name)
{
    if (n->body) {
        n->index = n->body->node_count;
        n->body->nodes[n->body->node_count++] = n;
    } else {
        name->node = n;
        n->index = g->node_count;
        g->nodes[g->node_count++] = n;
    }
    for (uint32_t i = 0; i < n->input_count; i++) {
        neap_node *x = n->inputs[i];
        if (!x->consumer_count || x->consumers[x->consumer_count - 1] != n)
            x->consumers[x->consumer_count++] = n;
    }
    neap__attributes_keep(n);
    if (n->op->effects & NEAP__RANDOM)
        n->seed = seed_of(g, n);
    if (n->op->list == NEAP_PLACEHOLDERS)
        g->placeholders[g->placeholder_count++] = n;
    if (n->op->list == NEAP_VARIABLES) {
        n->list_index = (int64_t)g->variable_count;
        g->variables[g->variable_count++] = n;
        n->trainable =
            neap__attribute(n, "trainable")->integer && neap__is_floating(n->fact.dtype);
    }
}

/* Gives back what was taken from the arena since `mark`, where that lies in one chunk. */
static void rewind_arena(neap__arena *arena, const neap__arena *mark)
{
    if (arena->chunks != mark->chunks || !mark->next)
        return;
    memset(mark->next, 0, (size_t)(arena->next - mark->next));
    arena->next = mark->next;
}

/* The places of the signature behind the inputs that are given: nodes that come as
 * attributes lie behind all of them, so that no input's place is another's. */
static uint32_t places_between(const neap__op *op, size_t given)
{
    size_t least, most;
    uint32_t places = 0;
    neap__signature(op->info.inputs, &least, &most);
    for (size_t place = given; place < most && place < 32 && most != SIZE_MAX; place++)
        places |= UINT32_C(1) << place;
    return places;
}

static neap_node *build(neap_graph *g, const neap__op *op, neap_node *const *inputs,
                        size_t input_count, const neap_attribute *attributes,
                        size_t attribute_count, const char *name, neap_error *err)
{
    if (!check_count(op, input_count, err))
        return NULL;
    while (input_count && !inputs[input_count - 1] &&
           neap__is_optional(op, input_count - 1))
        input_count--;
    for (size_t i = 0; i < input_count; i++)
        if (!inputs[i] && !neap__is_optional(op, i)) {
            char text[INPUT_SIZE];
            neap__fail(err, NEAP_EARG, "%s: input %s is NULL", op->info.name,
                       place_text(text, op, i));
            return NULL;
        }
    neap__arena mark = g->arena;
    neap__name *base,
        *taken = neap__name_take(g, name ? name : op->info.name, &base, err);
    if (!taken) {
        neap__error_prefix(err, "%s: ", op->info.name);
        return NULL;
    }
    size_t nodes = 0;
    for (size_t i = 0; i < attribute_count; i++)
        nodes += attributes[i].kind == NEAP_KIND_NODE;
    int code = NEAP_ENOMEM;
    bool alone =
        !op->host; /* nothing but this node was taken from the arena since the mark */
    neap__value *values;
    neap_node *n = allocate(g, op, inputs, input_count, nodes, &values, err);
    if (n) {
        n->name = taken->text;
        if (nodes)
            n->absent |= places_between(op, input_count);
        code = check_graphs(n, err);
        if (!code)
            code = neap__attributes_set(n, values, attributes, attribute_count, err);
        if (!code)
            code = check_dtypes(n, err);
        if (!code)
            code = count_results(n, err);
        if (!code)
            code = infer(n, err);
        if (!code) {
            code = reserve(g, n, err);
            alone = false;
        }
    }
    if (!code) {
        commit(g, n, taken);
        return n;
    }
    if (err && !err->code)
        neap__fail(err, code, "refused");
    char quoted[NEAP__QUOTED_SIZE];
    neap__error_prefix(err, "%s \"%s\": ", op->info.name,
                       neap__quoted(quoted, taken->text));
    neap__name_drop(g, taken, base);
    if (alone)
        rewind_arena(&g->arena, &mark);
    return NULL;
}

/* What a body can have: its own parameters, and nodes that are neither fed nor kept. */
static bool belongs_in_body(const neap__op *op, const char *name, neap_error *err)
{
    char text[NEAP__QUOTED_SIZE];
    if (op->list == NEAP_OPERATIONS)
        return true;
    neap__fail(err, NEAP_ESTATE,
               "%s \"%s\": a %s cannot be made inside the body of a branch or loop",
               op->info.name, neap__quoted(text, name ? name : op->info.name),
               op->info.name);
    return false;
}

/* Inside a body, inputs from outside are captured. */
static neap_node *build_in_body(neap_graph *g, const neap__op *op,
                                neap_node *const *inputs, size_t input_count,
                                const neap_attribute *attributes, size_t attribute_count,
                                const char *name, neap_error *err)
{
    size_t bytes = input_count * sizeof *inputs,
           more = attribute_count * sizeof *attributes;
    neap_node **own = neap__alloc(g->account, bytes, NEAP_MEMORY_SMALL, err), *n = NULL;
    neap_attribute *rows = neap__alloc(g->account, more, NEAP_MEMORY_SMALL, err);
    bool done = own && rows;
    for (size_t i = 0; i < input_count && done; i++) {
        own[i] = inputs[i];
        if (own[i] && own[i]->graph == g)
            own[i] = neap__capture(g, own[i], err);
        done = own[i] || !inputs[i];
    }
    for (size_t i = 0; i < attribute_count && done; i++) {
        rows[i] = attributes[i];
        neap_node **node = &rows[i].node;
        if (rows[i].kind == NEAP_KIND_NODE && *node && (*node)->graph == g)
            done = (*node = neap__capture(g, *node, err)) != NULL;
    }
    if (done && belongs_in_body(op, name, err))
        n = build(g, op, own, input_count, rows, attribute_count, name, err);
    neap__free(g->account, rows, more, NEAP_MEMORY_SMALL);
    neap__free(g->account, own, bytes, NEAP_MEMORY_SMALL);
    return n;
}

neap_node *neap__build(neap_graph *g, const neap__op *op, neap_node *const *inputs,
                       size_t input_count, const neap_attribute *attributes,
                       size_t attribute_count, const char *name, neap_error *err)
{
    if (!neap__graph_ready(g, op->info.name, err))
        return NULL;
    return g->body && op != g->body->parameter
               ? build_in_body(g, op, inputs, input_count, attributes, attribute_count,
                               name, err)
               : build(g, op, inputs, input_count, attributes, attribute_count, name,
                       err);
}

/* ---- What can be asked of a node ------------------------------------------------- */

void neap__text_node(neap__text *t, const neap_node *n)
{
    char quoted[NEAP__QUOTED_SIZE];
    neap__text_add(t, "%s \"%s\"", n->op->info.name, neap__quoted(quoted, n->name));
}

const char *neap__node_text(char buffer[NEAP__NODE_SIZE], const neap_node *n)
{
    neap__text t = neap__text_over(buffer, NEAP__NODE_SIZE);
    neap__text_node(&t, n);
    return buffer;
}

neap_graph *neap_node_graph(const neap_node *n) { return n ? n->graph : NULL; }

const char *neap_node_name(const neap_node *n) { return n ? n->name : NULL; }

const char *neap_node_op(const neap_node *n) { return n ? n->op->info.name : NULL; }

const neap_op_info *neap_node_info(const neap_node *n) { return n ? &n->op->info : NULL; }

neap_dtype neap_node_dtype(const neap_node *n)
{
    return n ? n->fact.dtype : NEAP_DTYPE_NONE;
}

int neap_node_rank(const neap_node *n) { return n ? n->fact.shape.rank : -1; }

const int64_t *neap_node_dims(const neap_node *n)
{
    return n && n->fact.shape.rank > 0 ? n->fact.shape.dims : NULL;
}

size_t neap_node_input_count(const neap_node *n)
{
    return n ? n->input_count + (size_t)__builtin_popcount(n->absent) : 0;
}

neap_node *neap_node_input(const neap_node *n, size_t index)
{
    if (!n || index >= neap_node_input_count(n))
        return NULL;
    if (n->absent && index < 32 && n->absent >> index & 1)
        return NULL;
    const uint32_t before =
        index < 32 ? n->absent & ((UINT32_C(1) << index) - 1) : n->absent;
    return n->inputs[index - (size_t)__builtin_popcount(before)];
}

size_t neap_node_consumer_count(const neap_node *n) { return n ? n->consumer_count : 0; }

neap_node *neap_node_consumer(const neap_node *n, size_t index)
{
    return n && index < n->consumer_count ? n->consumers[index] : NULL;
}

size_t neap_node_index(const neap_node *n) { return n ? (size_t)n->index : SIZE_MAX; }

int neap_node_trainable(const neap_node *n) { return n && n->trainable; }

/* An error of a run within a run has told where the inner node was made. */
void neap__tell_origin(neap_error *err, const neap_node *n)
{
    if (n->file && !strstr(err->message, " (made at "))
        neap__error_suffix(err, " (made at %s:%d)", n->file, (int)n->line);
}

void neap__blame(neap_error *err, const neap_node *n)
{
    char node[NEAP__NODE_SIZE];
    neap__error_prefix(err, "%s: ", neap__node_text(node, n));
    neap__tell_origin(err, n);
}
