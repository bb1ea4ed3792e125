/* ops.c - the functions neap.OP, made by a loop over the registry.
 *
 * A call arranges its arguments in slots: inputs, attributes in schema order, the name.
 * Nodes among them settle the graph; then plain values become constants of the dtype that
 * stands beside them; then attributes are read by the kind that the schema says. */
#include "lua/nodes.h"
#include "lua/values.h"

#include <string.h>

#define FEW_INPUTS 8
#define FEW_ATTRIBUTES 16

/* One call under way. */
typedef struct call {
    lua_State *L;
    const neap__lua *s;
    const neap__lua_op *op;
    neap__lua_home home;
    neap_node **inputs; /* `few`, or a userdata on the stack */
    size_t count; /* of inputs; NULL where a plain value is still to become a constant, or
                     an optional one is absent */
    size_t capacity;
    size_t fixed; /* those before the sequence */
    size_t first; /* constants made by this call have this index or a higher one */
    size_t bytes; /* of those constants */
    neap_node *few[FEW_INPUTS];
    neap_attribute *attributes; /* likewise */
    neap_attribute few_attributes[FEW_ATTRIBUTES];
    size_t attribute_count;
    neap__lua_intake intake;
} call;

static const char *function_name(const call *c) { return c->op->info->name; }

/* ---- Inputs ---------------------------------------------------------------------- */

static int count_error(const call *c, int given)
{
    const neap__lua_op *op = c->op;
    return neap__lua_error(c->L, "%s: %d %s expected (%s), got %d", function_name(c),
                           op->required, op->required == 1 ? "input" : "inputs",
                           op->info->inputs, given);
}

/* The node at an index, NULL for a plain value. */
static neap_node *input_node(call *c, int index)
{
    neap_node *n = neap__lua_tonode(c->L, c->s, index);
    if (n)
        neap__lua_join(c->L, &c->home, function_name(c), index, n);
    return n;
}

/* The inputs before the sequence. Those in brackets may be nil; what follows keeps its
 * place. */
static void gather_fixed(call *c)
{
    const neap__lua_op *op = c->op;
    int fixed = op->inputs - (op->sequence ? 1 : 0), given = op->sequence ? fixed : 0;
    for (int i = 0; i < fixed; i++) {
        c->inputs[i] = NULL;
        if (!lua_isnil(c->L, i + 1)) {
            c->inputs[i] = input_node(c, i + 1);
            given = i + 1 > given ? i + 1 : given;
        } else if (i < op->required) {
            count_error(c, i);
        }
    }
    c->fixed = (size_t)given;
    c->count = c->fixed;
}

/* The elements of the sequence in slot `index` follow the fixed inputs. */
static void gather_sequence(call *c, int index)
{
    lua_State *L = c->L;
    const char *name = c->op->signature.names[index - 1];
    neap_error err;
    int64_t length;
    if (lua_type(L, index) != LUA_TTABLE) {
        if (lua_isnil(L, index))
            count_error(c, 0);
        neap__lua_error(L, "%s: input '%s': a sequence of nodes expected, got %s",
                        function_name(c), name, neap__lua_type(L, index));
    }
    if (!neap__lua_length(L, index, INT64_MAX, &length, &err))
        neap__lua_error(L, "%s: input '%s': %s", function_name(c), name, err.message);
    lua_pushnil(L); /* for the userdata, should it be needed */
    int buffer = lua_gettop(L);
    for (int64_t i = 0; i < length; i++) {
        if (c->count == c->capacity) {
            neap_node **larger =
                lua_newuserdatauv(L, 2 * c->capacity * sizeof *larger, 0);
            memcpy(larger, c->inputs, c->count * sizeof *larger);
            lua_replace(L, buffer);
            c->inputs = larger;
            c->capacity *= 2;
        }
        if (lua_geti(L, index, i + 1) == LUA_TNIL) {
            neap__lua_error(L, "%s: input '%s': [%I] is nil: a hole in a sequence of %I",
                            function_name(c), name, (LUAI_UACINT)i + 1,
                            (LUAI_UACINT)length);
        }
        c->inputs[c->count] = input_node(c, lua_gettop(L));
        c->count++;
        lua_pop(L, 1);
    }
}

/* The call has failed: the constants that it made are taken back. */
static void withdraw_constants(call *c)
{
    for (size_t i = c->count; i-- > 0;) {
        if (c->inputs[i] && neap_node_index(c->inputs[i]) >= c->first)
            neap_graph_withdraw(c->home.graph, c->inputs[i]);
    }
}

/* Raises what is wrong with the value at an index, input i. */
static int bad_input(call *c, int index, size_t i, const char *message)
{
    const neap__lua_op *op = c->op;
    int slot = (int)i < op->inputs ? (int)i : op->inputs - 1;
    withdraw_constants(c);
    if (lua_topointer(c->L, index) == c->s->module)
        return neap__lua_error(c->L, "%s: call it with '.', not ':'", function_name(c));
    return neap__lua_error(c->L, "%s: input '%s': %s", function_name(c),
                           op->signature.names[slot], message);
}

/* The plain value at an index becomes input i. */
static void make_constant(call *c, int index, size_t i)
{
    neap_error err = NEAP_ERROR_INIT;
    int type = lua_type(c->L, index);
    bool tensor = neap__lua_test(c->L, c->s, index, BOX_TENSOR);
    if (type != LUA_TNUMBER && type != LUA_TBOOLEAN && type != LUA_TTABLE && !tensor) {
        neap__lua_tell(&err, NEAP_ETYPE, "a node or value expected, got %s",
                       neap__lua_type(c->L, index));
        bad_input(c, index, i, err.message);
    }
    neap_dtype dtype = NEAP_DTYPE_NONE; /* a tensor keeps its own */
    if (!tensor)
        dtype = neap_op_literal_dtype(function_name(c), c->inputs, c->count, i);
    neap_tensor *t = neap__lua_read(c->L, index, dtype, NULL, &err);
    if (!t)
        bad_input(c, index, i, err.message);
    neap__lua_source(c->L, c->home.graph);
    c->inputs[i] = neap_constant(c->home.graph, t, &err);
    neap__lua_unsource(c->home.graph);
    c->bytes += neap_tensor_bytes(t);
    neap_tensor_release(t);
    if (!c->inputs[i]) {
        withdraw_constants(c);
        neap__lua_raise(c->L, &err);
    }
}

static void make_constants(call *c)
{
    c->first = neap_graph_count(c->home.graph, NEAP_OPERATIONS);
    for (size_t i = 0; i < c->count; i++) {
        if (c->inputs[i] || (i < c->fixed && lua_isnil(c->L, (int)i + 1)))
            continue;
        if (i < c->fixed) {
            make_constant(c, (int)i + 1, i);
        } else {
            lua_geti(c->L, (int)c->op->inputs, (lua_Integer)(i - c->fixed + 1));
            make_constant(c, lua_gettop(c->L), i);
            lua_pop(c->L, 1);
        }
    }
}

/* ---- Attributes ------------------------------------------------------------------ */

static void gather_attributes(call *c)
{
    const neap_op_info *info = c->op->info;
    for (size_t i = 0; i < info->attribute_count; i++) {
        int index = c->op->inputs + (int)i + 1;
        if (!lua_isnil(c->L, index))
            c->attributes[c->attribute_count++] =
                neap__lua_attribute(c->L, index, &info->attributes[i], &c->intake);
    }
}

/* ---- The call -------------------------------------------------------------------- */

/* Room for the named inputs and the attributes: more than a few lie in userdata. */
static void make_room(call *c)
{
    const size_t inputs = (size_t)c->op->inputs,
                 attributes = c->op->info->attribute_count;
    c->inputs = c->few;
    c->capacity = FEW_INPUTS;
    c->attributes = c->few_attributes;
    if (inputs > FEW_INPUTS) {
        c->inputs = lua_newuserdatauv(c->L, inputs * sizeof *c->inputs, 0);
        c->capacity = inputs;
    }
    if (attributes > FEW_ATTRIBUTES)
        c->attributes = lua_newuserdatauv(c->L, attributes * sizeof *c->attributes, 0);
}

int neap__lua_build(lua_State *L)
{
    const neap__lua_op *op = lua_touserdata(L, lua_upvalueindex(2));
    int slots = op->signature.slots;
    neap_error err = NEAP_ERROR_INIT;
    neap_node *outputs[MAX_RESULTS];
    neap__lua *s = neap__lua_self(L);
    call c;
    neap__lua_collect(L, s);
    neap__lua_arguments(L, 1, &op->signature);
    lua_pushnil(L);
    c.L = L;
    c.s = s;
    c.op = op;
    c.home.graph = NULL;
    c.home.anchor = slots + 1;
    c.bytes = 0;
    c.attribute_count = 0;
    c.intake.function = op->info->name;
    c.intake.home = &c.home;
    c.intake.used = 0;
    make_room(&c);
    gather_fixed(&c);
    if (op->sequence)
        gather_sequence(&c, op->inputs);
    gather_attributes(&c);
    const char *name =
        lua_isnil(L, slots) ? NULL : neap__lua_string(L, slots, op->info->name, "name");
    neap__lua_settle(L, &c.home);
    if (op->prepare)
        op->prepare(L, c.home.anchor);
    make_constants(&c);
    s->pending = false;
    neap__lua_source(L, c.home.graph);
    neap_node *n =
        neap_build(c.home.graph, op->info->name, c.inputs, c.count, c.attributes,
                   c.attribute_count, name, outputs, MAX_RESULTS, &err);
    neap__lua_unsource(c.home.graph);
    if (!n) {
        withdraw_constants(&c);
        return neap__lua_raise_run(L, &err);
    }
    neap__lua_weigh_graph(L, c.home.anchor, c.bytes);
    if (op->results < 2) {
        neap__lua_pushnode(L, c.home.anchor, n);
        return 1;
    }
    luaL_checkstack(L, op->results + 4, NULL);
    for (int i = 0; i < op->results; i++)
        neap__lua_pushnode(L, c.home.anchor, outputs[i]);
    return op->results;
}

/* ---- Opening --------------------------------------------------------------------- */

int neap__lua_words(const char *text)
{
    int count = 0;
    if (text)
        text += strspn(text, " ");
    for (; text && *text; count++) {
        text += strcspn(text, " ");
        text += strspn(text, " ");
    }
    return count;
}

static bool is_function(const neap_op_info *info)
{
    return !(info->flags & (NEAP_OP_INTERNAL | NEAP_OP_SPECIAL));
}

/* Bytes for the records of all operations, their arrays of names and the names of
 * inputs. */
static size_t measure(size_t *records, size_t *names)
{
    size_t characters = 0;
    *records = *names = 0;
    for (size_t i = 0; i < neap_op_count(); i++) {
        const neap_op_info *info = neap_op_at(i);
        if (!is_function(info))
            continue;
        ++*records;
        *names += (size_t)neap__lua_words(info->inputs) + info->attribute_count + 1;
        characters += strlen(info->inputs) + 1;
    }
    return *records * sizeof(neap__lua_op) + *names * sizeof(char *) + characters;
}

void neap__lua_describe(neap__lua_op *op, const neap_op_info *info, const char ***names,
                        char **text)
{
    const char *from = info->inputs + strspn(info->inputs, " ");
    op->info = info;
    op->prepare = NULL;
    op->inputs = op->required = 0;
    op->sequence = false;
    op->signature.function = info->name;
    op->signature.names = *names;
    while (*from) {
        bool optional = *from == '[';
        from += optional;
        size_t length = strcspn(from, " ].");
        memcpy(*text, from, length);
        (*text)[length] = 0;
        *(*names)++ = *text;
        *text += length + 1;
        op->inputs++;
        op->required += !optional;
        op->sequence = from[length] == '.';
        from += strcspn(from, " ");
        from += strspn(from, " ");
    }
    for (size_t i = 0; i < info->attribute_count; i++)
        *(*names)++ = info->attributes[i].name;
    *(*names)++ = "name";
    op->signature.slots = op->inputs + (int)info->attribute_count + 1;
    op->signature.positional = op->signature.slots - 1;
    op->signature.plain = 0;
    op->results = neap__lua_words(info->results);
}

void neap__lua_open_ops(lua_State *L)
{
    size_t records, name_count;
    size_t bytes = measure(&records, &name_count);
    neap__lua_op *op = lua_newuserdatauv(L, bytes, 0);
    const char **names = (const char **)(op + records);
    char *text = (char *)(names + name_count);
    neap__lua_set(L, STATE_OPERATIONS);
    for (size_t i = 0; i < neap_op_count(); i++) {
        const neap_op_info *info = neap_op_at(i);
        if (!is_function(info))
            continue;
        neap__lua_describe(op, info, &names, &text);
        lua_pushvalue(L, lua_upvalueindex(1));
        lua_pushlightuserdata(L, op++);
        lua_pushcclosure(L, neap__lua_build, 2);
        lua_setfield(L, -2, info->name);
    }
}
