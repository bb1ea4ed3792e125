/* rewrite.c - the passes that change what is computed without changing a bit of any
 * value: simplify, merge equal nodes, fold constants. Each is one walk in order; an item
 * that another stands for points to it by `same`, which is always an earlier item.
 *
 * What is not done, because bits would change: x + 0 (for x = -0), x * 0 (NaN), x - x
 * (infinity). */
#include "plan/passes.h"
#include "plan/run.h"

#include <string.h>

/* ---- Simplify -------------------------------------------------------------------- */

static bool is_op(const neap__item *item, const neap__op *op)
{
    return item->node->op == op && item->role != NEAP__ROLE_FEED;
}

/* Is the item a constant of one element, equal to one? */
static bool is_one(const neap__structure *s, uint32_t i)
{
    const neap__item *item = &s->items[i];
    if (item->role != NEAP__ROLE_CONSTANT)
        return false;
    const neap_tensor *t = s->constants[item->slot];
    return t->size == 1 && neap__is_numeric(t->dtype) &&
           neap__element_number(t->dtype, t->data, 0) == 1;
}

/* Lets operand k stand for the item; a guard where that hangs on their shapes being
 * one. */
static void forward(neap__structure *s, uint32_t i, uint32_t k)
{
    neap__item *item = &s->items[i];
    item->operands[0] = neap__operand(s, i, k);
    item->same = item->operands[0];
    item->equal = true;
    s->simplified++;
}

/* Which operand the item is equal to bit for bit, if their shapes are equal; or -1. */
static int stands_for(const neap__structure *s, uint32_t i)
{
    const neap__item *item = &s->items[i];
    if (item->role == NEAP__ROLE_ALIAS || is_op(item, &neap__op_sum_to_like) ||
        is_op(item, &neap__op_broadcast_to) || is_op(item, &neap__op_broadcast_like) ||
        is_op(item, &neap__op_cast))
        return 0;
    if (is_op(item, &neap__op_multiply))
        return is_one(s, neap__operand(s, i, 1))   ? 0
               : is_one(s, neap__operand(s, i, 0)) ? 1
                                                   : -1;
    if (is_op(item, &neap__op_divide))
        return is_one(s, neap__operand(s, i, 1)) ? 0 : -1;
    return -1;
}

/* Does the transpose swap the last two axes, and nothing else? */
static bool swaps_last_two(const neap__item *item, int rank)
{
    const neap__value *perm = neap__attribute(item->node, "perm");
    if (perm->kind == NEAP_KIND_NONE)
        return rank == 2;
    if (perm->kind != NEAP_KIND_INTS || (int)perm->count != rank)
        return false;
    for (int axis = 0; axis < rank; axis++) {
        int64_t from =
            perm->integers[axis] < 0 ? perm->integers[axis] + rank : perm->integers[axis];
        int to = axis == rank - 1 ? rank - 2 : axis == rank - 2 ? rank - 1 : axis;
        if (from != to)
            return false;
    }
    return true;
}

/* A product that takes a transpose in sums in the same order as one which does not, but
 * where a vector is an operand, or where many matrices on the left are one tall one
 * (neap__matmul_fold). */
bool neap__takes_transpose(const neap__structure *s, const neap__fact *facts,
                           uint32_t product, uint32_t k)
{
    const neap__item *item = &s->items[product];
    const neap__shape *out = &facts[product].shape;
    uint32_t t = s->items[item->inputs[k]].same;
    int rank = facts[t].shape.rank;
    return facts[item->inputs[0]].shape.rank >= 2 &&
           facts[item->inputs[1]].shape.rank >= 2 && (k == 1 || rank == 2) &&
           out->dims[out->rank - 1] != 1 && out->dims[out->rank - 2] != 1 &&
           swaps_last_two(&s->items[t], rank);
}

static void flip_into_product(neap__structure *s, const neap__fact *facts, uint32_t i)
{
    neap__item *item = &s->items[i];
    for (uint32_t k = 0; k < 2; k++) {
        uint32_t t = neap__operand(s, i, k);
        if (!is_op(&s->items[t], &neap__op_transpose) ||
            s->items[t].role != NEAP__ROLE_KERNEL ||
            !neap__takes_transpose(s, facts, i, k))
            continue;
        item->operands[k] = neap__operand(s, t, 0);
        item->flip_a |= k == 0;
        item->flip_b |= k == 1;
        s->simplified++;
    }
}

int neap__simplify(neap__structure *s, const neap__fact *facts, neap_error *err)
{
    (void)err;
    for (uint32_t i = 0; i < s->item_count; i++) {
        neap__item *item = &s->items[i];
        if (item->role < NEAP__ROLE_ALIAS)
            continue;
        int k = stands_for(s, i);
        if (k >= 0) {
            uint32_t operand = neap__operand(s, i, (uint32_t)k);
            if (facts[operand].dtype == facts[i].dtype &&
                neap__shape_equal(&facts[operand].shape, &facts[i].shape)) {
                forward(s, i, (uint32_t)k);
                continue;
            }
        }
        if (item->role == NEAP__ROLE_GEMM) {
            flip_into_product(s, facts, i);
        } else if (is_op(item, &neap__op_negative)) {
            uint32_t x = neap__operand(s, i, 0);
            if (is_op(&s->items[x], &neap__op_negative) &&
                s->items[x].role == NEAP__ROLE_ELEMENT) {
                item->operands[0] = neap__operand(s, x, 0);
                forward(s, i, 0);
            }
        }
    }
    return NEAP_OK;
}

/* ---- Merge ----------------------------------------------------------------------- */

#define SMALL_CONSTANT 256 /* bytes of constants that are compared */

static bool mergeable(const neap__structure *s, const neap__item *item)
{
    if (item->role == NEAP__ROLE_CONSTANT)
        return s->constants[item->slot]->bytes <= SMALL_CONSTANT;
    return neap__computed(item) && !item->control_count &&
           (item->node->effects & ~(unsigned)NEAP__FALLIBLE) == 0;
}

static uint64_t hash_item(const neap__structure *s, uint32_t i)
{
    const neap__item *item = &s->items[i];
    if (item->role == NEAP__ROLE_CONSTANT) {
        const neap_tensor *t = s->constants[item->slot];
        return neap__mix(neap__hash_bytes(t->data, t->bytes), (uint64_t)t->dtype);
    }
    uint64_t h =
        neap__hash_bytes(item->node->op->info.name, strlen(item->node->op->info.name));
    h = neap__mix(h, (uint64_t)item->flip_a << 1 | item->flip_b);
    h = neap__mix(h, item->part);
    for (uint32_t k = 0; k < item->count; k++)
        h = neap__mix(h, neap__operand(s, i, k));
    for (size_t k = 0; k < item->node->op->info.attribute_count; k++)
        h = neap__value_hash(h, &item->node->attributes[k]);
    return h;
}

static bool equal_items(const neap__structure *s, uint32_t i, uint32_t j)
{
    const neap__item *a = &s->items[i], *b = &s->items[j];
    if (a->role != b->role)
        return false;
    if (a->role == NEAP__ROLE_CONSTANT) {
        const neap_tensor *t = s->constants[a->slot], *u = s->constants[b->slot];
        return t->dtype == u->dtype && neap__shape_equal(&t->shape, &u->shape) &&
               !memcmp(t->data, u->data, t->bytes);
    }
    if (a->node->op != b->node->op || a->count != b->count || a->flip_a != b->flip_a ||
        a->flip_b != b->flip_b || a->part != b->part ||
        a->node->fact.dtype != b->node->fact.dtype || a->node->absent != b->node->absent)
        return false;
    for (uint32_t k = 0; k < a->count; k++) {
        if (neap__operand(s, i, k) != neap__operand(s, j, k))
            return false;
    }
    for (size_t k = 0; k < a->node->op->info.attribute_count; k++) {
        if (!neap__value_equal(&a->node->attributes[k], &b->node->attributes[k]))
            return false;
    }
    return true;
}

/* A part of an operation that another stands for is that one's. */
static void list_part(neap__structure *s, uint32_t i)
{
    if (s->items[i].role == NEAP__ROLE_PART)
        s->parts[s->items[neap__operand(s, i, 0)].slot + s->items[i].part] = i;
}

int neap__merge(neap__structure *s, neap_error *err)
{
    size_t slots = 16;
    while (slots < (size_t)s->item_count * 2)
        slots *= 2;
    uint32_t *table =
        neap__alloc(s->account, slots * sizeof *table, NEAP_MEMORY_SMALL, err);
    if (!table)
        return err->code;
    memset(table, 0xFF, slots * sizeof *table);
    for (uint32_t i = 0; i < s->item_count; i++) {
        s->items[i].same =
            s->items[s->items[i].same].same; /* which may have been merged */
        if (s->items[i].same != i || !mergeable(s, &s->items[i]))
            continue;
        size_t at = hash_item(s, i) & (slots - 1);
        while (table[at] != NEAP__NONE && !equal_items(s, table[at], i))
            at = (at + 1) & (slots - 1);
        if (table[at] == NEAP__NONE) {
            table[at] = i;
            list_part(s, i);
        } else {
            s->items[i].same = table[at];
            s->merged++;
        }
    }
    neap__free(s->account, table, slots * sizeof *table, NEAP_MEMORY_SMALL);
    return NEAP_OK;
}

/* ---- Fold ------------------------------------------------------------------------ */

#define SMALL_VALUE 16384 /* bytes that a plan may own for one folded value */

static bool foldable(const neap__structure *s, const neap__fact *facts, uint32_t i,
                     const bool *constant)
{
    const neap__item *item = &s->items[i];
    size_t bytes;
    /* A loop may take any time: that is the run's. */
    if (item->role != NEAP__ROLE_KNOWN &&
        (!neap__computed(item) || item->node->effects || item->control_count ||
         item->node->control ||
         !neap__shape_bytes(&facts[i].shape, facts[i].dtype, &bytes, NULL) ||
         bytes > SMALL_VALUE))
        return false;
    for (uint32_t k = 0; k < item->count; k++) {
        if (!constant[item->inputs[k]])
            return false;
    }
    return true;
}

/* Constants, and what is computed from constants alone; of the values that inference gives
 * some are, others hang on sizes. An item that equals a constant is none where another
 * input tells its shape, for the nodes themselves are computed. An operation of several
 * results is folded if all of them are. */
static void mark_constant(const neap__structure *s, const neap__fact *facts,
                          bool *constant, bool *wanted)
{
    for (uint32_t i = 0; i < s->item_count; i++) {
        const neap__item *item = &s->items[i];
        constant[i] =
            item->role == NEAP__ROLE_CONSTANT || foldable(s, facts, i, constant);
        if (item->role == NEAP__ROLE_PART && !constant[i])
            constant[item->inputs[0]] = false;
    }
    for (uint32_t i = 0; i < s->item_count; i++) {
        for (uint32_t k = 0; k < s->items[i].count && !constant[i]; k++)
            wanted[neap__operand(s, i, k)] = true;
        if (s->items[i].fetched)
            wanted[s->items[i].same] = true;
    }
}

int neap__fold(neap__structure *s, const neap__target *target, const neap__fact *facts,
               neap_error *err)
{
    size_t flags = s->item_count, room = s->item_count * sizeof(void *);
    bool *constant = neap__alloc_zero(s->account, flags, NEAP_MEMORY_SMALL, err);
    bool *wanted = neap__alloc_zero(s->account, flags, NEAP_MEMORY_SMALL, err);
    neap_node **nodes = neap__alloc(s->account, room, NEAP_MEMORY_SMALL, err);
    neap_tensor **values = neap__alloc_zero(s->account, room, NEAP_MEMORY_SMALL, err);
    int status = constant && wanted && nodes && values ? NEAP_OK : err->code;
    uint32_t count = 0;
    if (!status) {
        mark_constant(s, facts, constant, wanted);
        for (uint32_t i = 0; i < s->item_count; i++) {
            wanted[i] = wanted[i] && constant[i] && neap__computed(&s->items[i]) &&
                        s->items[i].same == i;
            if (wanted[i])
                nodes[count++] = (neap_node *)s->items[i].node;
        }
    }
    if (!status && count) {
        neap__target plain = *target;
        plain.passes &= ~(unsigned)NEAP__PASS_FOLD;
        status = neap__compute(&plain, nodes, count, values, err);
    }
    for (uint32_t i = 0, k = 0; i < s->item_count && !status && count; i++) {
        if (!wanted[i])
            continue;
        s->items[i].role = NEAP__ROLE_CONSTANT;
        s->items[i].slot = s->constant_count;
        s->constants[s->constant_count++] = values[k++];
        s->folded++;
    }
    neap__free(s->account, values, room, NEAP_MEMORY_SMALL);
    neap__free(s->account, nodes, room, NEAP_MEMORY_SMALL);
    neap__free(s->account, wanted, flags, NEAP_MEMORY_SMALL);
    neap__free(s->account, constant, flags, NEAP_MEMORY_SMALL);
    return status;
}
