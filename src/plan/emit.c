/* emit.c - a unit becomes an instruction: operands with their places, a kernel with its
 * arguments. */
#include "cpu/gemm.h"
#include "cpu/program.h"
#include "plan/passes.h"

#include <string.h>

/* ---- Space ----------------------------------------------------------------------- */

static int bytes_of(const neap__emitter *e, uint32_t item, size_t *bytes)
{
    const neap__fact *fact = &e->plan->facts[item];
    size_t exact;
    if (!neap__shape_bytes(&fact->shape, fact->dtype, &exact, e->err) ||
        !neap__round_size(exact, NEAP__ALIGNMENT, bytes)) {
        neap__fail(e->err, NEAP_ELIMIT, "its result is too large");
        neap__blame(e->err, e->s->items[item].node);
        return NEAP_ELIMIT;
    }
    return NEAP_OK;
}

static bool in_block(const neap__emitter *e, uint32_t storage)
{
    return e->s->items[storage].role >= NEAP__ROLE_PART && !e->s->items[storage].handed &&
           e->place[storage].base == NEAP__BASE_BLOCK;
}

static bool dies(const neap__emitter *e, uint32_t storage, uint32_t unit)
{
    return (e->s->passes & NEAP__PASS_PLACE) && in_block(e, storage) &&
           e->last[storage] == unit;
}

static int take(neap__emitter *e, size_t bytes, size_t *offset)
{
    e->plan->unshared += bytes;
    if (!(e->s->passes & NEAP__PASS_PLACE)) {
        *offset = e->space.high;
        return neap__add_size(e->space.high, bytes, &e->space.high)
                   ? NEAP_OK
                   : neap__fail(e->err, NEAP_ELIMIT, "a run needs too much memory");
    }
    return neap__space_take(&e->space, bytes, offset, e->err) ? NEAP_OK : e->err->code;
}

static int give(neap__emitter *e, size_t offset, size_t bytes)
{
    if (!(e->s->passes & NEAP__PASS_PLACE))
        return NEAP_OK;
    return neap__space_give(&e->space, offset, bytes, e->err) ? NEAP_OK : e->err->code;
}

/* Space for an item that the unit computes, unless it lies elsewhere or on a dying
 * operand. */
static int place_item(neap__emitter *e, uint32_t item, uint32_t in_place)
{
    if (e->place[item].base != NEAP__BASE_BLOCK)
        return NEAP_OK;
    if (in_place != NEAP__NONE) {
        e->place[item] = e->place[in_place];
        e->last[in_place] = NEAP__NONE; /* its space is the item's now */
        return NEAP_OK;
    }
    size_t bytes;
    int status = bytes_of(e, item, &bytes);
    return status ? status : take(e, bytes, &e->place[item].offset);
}

static int free_item(neap__emitter *e, uint32_t storage)
{
    size_t bytes;
    int status = bytes_of(e, storage, &bytes);
    return status ? status : give(e, e->place[storage].offset, bytes);
}

/* ---- Operands -------------------------------------------------------------------- */

static int add_place(neap__emitter *e, neap__place place)
{
    neap__plan *p = e->plan;
    if (!neap__grow(p->account, (void **)&p->places, &p->place_capacity,
                    p->place_count + 1, sizeof *p->places, NEAP_MEMORY_SMALL, e->err))
        return e->err->code;
    p->places[p->place_count++] = place;
    return NEAP_OK;
}

static int add_operand(neap__emitter *e, uint32_t item)
{
    return add_place(e, e->place[neap__storage(e->s, item)]);
}

/* The instruction is whole: its operands are the places added since `first`. */
static void add_instruction(neap__emitter *e, uint32_t unit, neap__kernel *kernel,
                            const void *args, size_t first, uint32_t in_count,
                            size_t scratch)
{
    neap__plan *p = e->plan;
    uint32_t operands = (uint32_t)(p->place_count - first);
    p->instructions[p->instruction_count++] =
        (neap__instruction){.kernel = kernel,
                            .args = args,
                            .operands = (uint32_t)first,
                            .in_count = in_count,
                            .out_count = operands - in_count,
                            .scratch = scratch,
                            .unit = unit};
    if (operands > p->max_operands)
        p->max_operands = operands;
}

/* ---- Fused runs and products ----------------------------------------------------- */

/* The term of a member, whose operands are loads or earlier members. */
static int make_term(neap__emitter *e, const neap__unit *unit, uint32_t m,
                     const int *loads, const int *terms, neap__formula *f)
{
    uint32_t item = unit->members[m];
    const neap_node *n = e->s->items[item].node;
    int in[3];
    double params[2] = {0};
    uint32_t count = neap__element_inputs(n);
    for (uint32_t k = 0; k < count; k++) {
        uint32_t operand = neap__operand(e->s, item, k), load = 0;
        uint32_t member = neap__member(unit->members, unit->member_count, operand);
        while (member == NEAP__NONE && unit->loads[load] != operand)
            load++;
        in[k] = member == NEAP__NONE ? loads[load] : terms[member];
    }
    neap__element_params(n, params);
    int term = neap__formula_element(f, n->op->element, e->plan->facts[item].dtype, in,
                                     (int)count, params);
    if (neap__failed(e->err))
        neap__blame(e->err, n);
    return term;
}

static int make_program(neap__emitter *e, const neap__unit *unit,
                        const neap__program **out)
{
    neap__plan *p = e->plan;
    neap__formula f;
    int loads[NEAP__PROGRAM_LOADS], terms[NEAP__PROGRAM_TERMS];
    neap__formula_begin(&f, e->target->isa, &p->facts[unit->root].shape, 0, &p->arena,
                        e->err);
    for (uint32_t k = 0; k < unit->load_count; k++) {
        const neap__fact *fact = &p->facts[unit->loads[k]];
        loads[k] = unit->loads[k] == unit->gemm
                       ? neap__formula_accumulator(&f, fact->dtype)
                       : neap__formula_operand(&f, fact->dtype, &fact->shape);
    }
    for (uint32_t m = 0; m < unit->member_count && !neap__failed(e->err); m++)
        terms[m] = make_term(e, unit, m, loads, terms, &f);
    neap__formula_store(&f, terms[unit->member_count - 1]);
    *out = neap__program_make(&f);
    if (!*out)
        return e->err->code;
    p->flops += (double)unit->member_count * (double)(*out)->size;
    return NEAP_OK;
}

/* A load on which the store may lie: whole, dying, of one element size, and the only view
 * of its storage. */
static uint32_t program_in_place(const neap__emitter *e, const neap__unit *unit,
                                 uint32_t u)
{
    const neap__fact *facts = e->plan->facts, *to = &facts[unit->root];
    for (uint32_t k = 0; k < unit->load_count; k++) {
        uint32_t storage = neap__storage(e->s, unit->loads[k]);
        bool only = true;
        for (uint32_t j = 0; j < unit->load_count; j++)
            only &= j == k || neap__storage(e->s, unit->loads[j]) != storage;
        if (only && dies(e, storage, u) &&
            neap__shape_equal(&facts[unit->loads[k]].shape, &to->shape) &&
            neap_dtype_size(facts[storage].dtype) == neap_dtype_size(to->dtype))
            return storage;
    }
    return NEAP__NONE;
}

static int emit_program(neap__emitter *e, uint32_t u, size_t *scratch)
{
    const neap__unit *unit = &e->s->units[u];
    const neap__program *g;
    size_t first = e->plan->place_count;
    int status = make_program(e, unit, &g);
    status = status ? status : place_item(e, unit->root, program_in_place(e, unit, u));
    for (uint32_t k = 0; k < unit->load_count && !status; k++)
        status = add_operand(e, unit->loads[k]);
    status = status ? status : add_operand(e, unit->root);
    *scratch = status ? 0 : neap__program_scratch(g, e->target->workers);
    size_t offset = 0;
    status = status ? status : take(e, *scratch, &offset);
    if (!status) {
        add_instruction(e, u, neap__cpu_program, g, first, unit->load_count, offset);
        status = give(e, offset, *scratch);
    }
    return status;
}

static void fix_product(const neap__emitter *e, const neap__unit *unit, neap__gemm *gemm)
{
    const neap__item *item = &e->s->items[unit->gemm];
    const neap__fact *facts = e->plan->facts;
    const neap__fact *a = &facts[item->inputs[0]], *b = &facts[item->inputs[1]];
    neap__matmul_fix(item->node, a, b, &facts[unit->gemm], gemm);
    gemm->dtype = facts[unit->gemm].dtype;
    gemm->isa = e->target->isa;
    /* A transpose taken in: the matrix is stored the other way round. */
    if (item->flip_a) {
        gemm->transpose_a = !gemm->transpose_a;
        gemm->lda = a->shape.dims[a->shape.rank - 2];
    }
    if (item->flip_b) {
        gemm->transpose_b = !gemm->transpose_b;
        gemm->ldb = b->shape.dims[b->shape.rank - 2];
    }
    neap__matmul_fold(gemm);
}

static int emit_product(neap__emitter *e, uint32_t u)
{
    neap__plan *p = e->plan;
    const neap__unit *unit = &e->s->units[u];
    size_t first = p->place_count, bytes, offset = 0;
    neap__gemm *gemm = neap__arena_alloc(&p->arena, sizeof *gemm, e->err);
    if (!gemm)
        return e->err->code;
    fix_product(e, unit, gemm);
    const neap__program *epilogue = NULL;
    int status = unit->member_count ? make_program(e, unit, &epilogue) : NEAP_OK;
    gemm->epilogue = epilogue;
    status = status ? status : place_item(e, unit->root, NEAP__NONE);
    for (uint32_t k = 0; k < 2 && !status; k++)
        status = add_operand(e, neap__operand(e->s, unit->gemm, k));
    uint32_t in_count = 2;
    for (uint32_t k = 0; k < unit->load_count && !status; k++) {
        if (unit->loads[k] == unit->gemm)
            continue;
        status = add_operand(e, unit->loads[k]);
        in_count++;
    }
    status = status ? status : add_operand(e, unit->root);
    if (status)
        return status;
    p->flops +=
        2.0 * (double)gemm->m * (double)gemm->n * (double)gemm->k * (double)gemm->batch;
    bytes = neap__gemm_choose(gemm, e->target->workers);
    if (!neap__round_size(bytes, NEAP__ALIGNMENT, &bytes))
        return neap__fail(e->err, NEAP_ELIMIT, "a product needs too much memory");
    status = take(e, bytes, &offset);
    if (!status) {
        add_instruction(e, u, neap__cpu_gemm, gemm, first, in_count, offset);
        status = give(e, offset, bytes);
    }
    return status;
}

/* ---- Kernels --------------------------------------------------------------------- */

static uint32_t part_item(const neap__emitter *e, uint32_t root, uint32_t part)
{
    return neap__part_item(e->s->items, e->s->parts, root, part);
}

/* The number that a result has among the kernel's several results; 0: it has one. */
static uint32_t result_of(const neap_node *n, uint32_t part)
{
    return neap__several(n) ? part - n->written_count : 0;
}

/* The operand on which item `to`, a result of the kernel of `item`, may lie: it dies
 * here, is as large, and nothing else of the kernel reads its storage. */
static uint32_t kernel_in_place(const neap__emitter *e, const neap__item *item,
                                uint32_t to, uint32_t u, unsigned allowed)
{
    const neap__fact *facts = e->plan->facts;
    size_t bytes, from;
    if (!allowed || e->s->items[to].handed || bytes_of(e, to, &bytes))
        return NEAP__NONE;
    for (uint32_t k = 0; k < item->count && k < 32; k++) {
        if (!(allowed >> k & 1))
            continue;
        uint32_t storage = neap__storage(e->s, item->operands[k]);
        bool only = dies(e, storage, u);
        for (uint32_t j = 0; j < item->count && only; j++)
            only = j == k || neap__shape_only(item->node, j) ||
                   neap__storage(e->s, item->operands[j]) != storage;
        if (only && !bytes_of(e, storage, &from) && from == bytes &&
            neap_dtype_size(facts[storage].dtype) == neap_dtype_size(facts[to].dtype))
            return storage;
    }
    return NEAP__NONE;
}

/* Which operands result number `part` may lie on. */
static unsigned allowed_of(const neap_node *n, const neap__binding *b, uint32_t part)
{
    if (!neap__several(n))
        return part ? 0 : b->in_place;
    uint32_t result = result_of(n, part);
    return b->in_places ? b->in_places[result] : result ? 0 : b->in_place;
}

/* Whether result `part` of item `root` is an item that has a place of its own: it is read
 * in this stage or leaves it. What is handed over can do the latter alone. */
static bool has_place(const neap__emitter *e, uint32_t root, uint32_t part)
{
    uint32_t at = part_item(e, root, part);
    if (at == NEAP__NONE)
        return false;
    if (e->s->items[at].handed)
        return e->place[at].base != NEAP__BASE_BLOCK;
    return part < e->s->items[root].node->written_count || e->s->items[at].live;
}

static int bind_own(neap__binding *b) { return b->node->op->bind(b); }

const neap__device neap__cpu = {"cpu", &neap__host_memory, bind_own};

static int bind(neap__emitter *e, const neap__item *item, neap__binding *b)
{
    neap__plan *p = e->plan;
    neap__fact *in = neap__arena_array(&p->arena, item->count + 1, sizeof *in, e->err);
    if (!in)
        return e->err->code;
    for (uint32_t k = 0; k < item->count; k++)
        in[k] = p->facts[item->inputs[k]];
    *b = (neap__binding){.node = item->node,
                         .in = in,
                         .out = &p->facts[item - e->s->items],
                         .isa = e->target->isa,
                         .workers = e->target->workers,
                         .arena = &p->arena,
                         .err = e->err};
    uint32_t root = (uint32_t)(item - e->s->items);
    if (neap__several(item->node))
        b->out = p->several[root];
    for (uint32_t part = item->node->written_count; part < item->part_count; part++) {
        uint32_t result = part - item->node->written_count;
        if (result < 32 && !has_place(e, root, part))
            b->unread |= 1u << result;
    }
    int status = item->node->control ? neap__bind_control(b, e->s->outline, root)
                                     : e->target->device->bind(b);
    if (status)
        neap__blame(e->err, item->node);
    return status;
}

/* Bytes for the results that nobody reads, needed while the kernel runs; none where it
 * (or the host's, whose results are copied) can leave them out. */
static int unread_bytes(const neap__emitter *e, uint32_t root, const neap__binding *b,
                        uint32_t part, size_t *bytes)
{
    const neap_node *n = e->s->items[root].node;
    *bytes = 0;
    if (has_place(e, root, part) || b->allocates || n->op->skips_results)
        return NEAP_OK;
    const neap__fact *fact = &b->out[result_of(n, part)];
    return neap__shape_bytes(&fact->shape, fact->dtype, bytes, e->err) &&
                   neap__round_size(*bytes, NEAP__ALIGNMENT, bytes)
               ? NEAP_OK
               : neap__fail(e->err, NEAP_ELIMIT, "a result is too large");
}

/* `unread`: bytes taken for the results that nobody reads, to be given back. */
static int add_results(neap__emitter *e, uint32_t root, uint32_t u,
                       const neap__binding *b, neap__span *unread)
{
    const neap__item *item = &e->s->items[root];
    int status = NEAP_OK;
    for (uint32_t part = 0; part < item->part_count && !status; part++) {
        size_t bytes;
        status = unread_bytes(e, root, b, part, &bytes);
        unread->size += bytes;
    }
    if (!status && unread->size)
        status = take(e, unread->size, &unread->offset);
    size_t next = unread->offset;
    for (uint32_t part = 0; part < item->part_count && !status; part++) {
        uint32_t at = part_item(e, root, part);
        neap__place place = {NEAP__BASE_NULL, 0};
        if (has_place(e, root, part)) {
            if (!e->s->items[at].handed) {
                unsigned allowed = allowed_of(item->node, b, part);
                status = place_item(e, at, kernel_in_place(e, item, at, u, allowed));
            }
            place = e->place[at];
        } else {
            size_t bytes;
            unread_bytes(e, root, b, part, &bytes);
            if (bytes)
                place = (neap__place){NEAP__BASE_BLOCK, next};
            next += bytes;
        }
        status = status ? status : add_place(e, place);
    }
    return status;
}

/* A write that the kernel cannot do in place is made beside. */
static void note_in_place(neap__emitter *e, uint32_t root, unsigned allowed)
{
    const neap_node *n = e->s->items[root].node;
    for (uint32_t part = 0; part < n->written_count; part++) {
        uint32_t at = part_item(e, root, part);
        uint32_t base = at == NEAP__NONE ? NEAP__BASE_NULL : e->place[at].base;
        if (base >= e->plan->first_write && base < e->plan->base_count &&
            !(allowed >> n->written[part] & 1))
            e->plan->writes[base - e->plan->first_write].in_place = false;
    }
}

static uint8_t kind_of(const neap_node *n)
{
    return !n->control                           ? NEAP__HOST_CALL
           : n->op->lowering == NEAP__LOWER_LOOP ? NEAP__LOOP
                                                 : NEAP__BRANCH;
}

static int emit_kernel(neap__emitter *e, uint32_t u)
{
    neap__plan *p = e->plan;
    uint32_t root = e->s->units[u].root;
    const neap__item *item = &e->s->items[root];
    size_t first = p->place_count, bytes, offset = 0;
    neap__binding b;
    int status = bind(e, item, &b);
    for (uint32_t k = 0; k < item->count && !status; k++)
        status = neap__shape_only(item->node, k)
                     ? add_place(e, (neap__place){NEAP__BASE_NULL, 0})
                     : add_operand(e, item->operands[k]);
    if (status)
        return status;
    neap__span unread = {0, 0};
    status = add_results(e, root, u, &b, &unread);
    note_in_place(e, root, b.in_place);
    if (!neap__round_size(b.scratch, NEAP__ALIGNMENT, &bytes))
        return neap__fail(e->err, NEAP_ELIMIT, "a kernel needs too much memory");
    status = status ? status : take(e, bytes, &offset);
    if (status || !(b.kernel || item->node->control))
        return status;
    add_instruction(e, u, b.kernel, b.args, first, item->count, offset);
    if (b.allocates)
        p->instructions[p->instruction_count - 1].kind = kind_of(item->node);
    if (b.work)
        p->flops += (double)b.work;
    else if (p->facts[root].dtype != NEAP_DTYPE_NONE && !item->handed)
        p->flops += (double)neap__shape_size(&p->facts[root].shape);
    status = give(e, offset, bytes);
    return status || !unread.size ? status : give(e, unread.offset, unread.size);
}

/* ---- A unit ---------------------------------------------------------------------- */

static int free_if_last(neap__emitter *e, uint32_t item, uint32_t u)
{
    uint32_t storage = neap__storage(e->s, item);
    if (!dies(e, storage, u))
        return NEAP_OK;
    e->last[storage] = NEAP__NONE; /* once */
    return free_item(e, storage);
}

/* What this unit read last, and what it made that nobody reads. */
static int free_dead(neap__emitter *e, uint32_t u)
{
    const neap__structure *s = e->s;
    const neap__unit *unit = &s->units[u];
    const neap__item *root = &s->items[unit->root];
    int status = NEAP_OK;
    for (uint32_t k = 0; k < unit->load_count && !status; k++)
        status =
            unit->loads[k] == unit->gemm ? NEAP_OK : free_if_last(e, unit->loads[k], u);
    const neap__item *reader = unit->gemm != NEAP__NONE ? &s->items[unit->gemm] : root;
    for (uint32_t k = 0;
         reader->role != NEAP__ROLE_ELEMENT && k < reader->count && !status; k++)
        status = neap__shape_only(reader->node, k)
                     ? NEAP_OK
                     : free_if_last(e, reader->operands[k], u);
    if (root->role != NEAP__ROLE_KERNEL)
        return status;
    for (uint32_t part = 0; part < root->part_count && !status; part++) {
        uint32_t item = part_item(e, unit->root, part);
        if (has_place(e, unit->root, part) && in_block(e, item) &&
            e->last[item] == NEAP__NONE && e->plan->facts[item].dtype != NEAP_DTYPE_NONE)
            status = free_item(e, item);
    }
    return status;
}

int neap__emit(neap__emitter *e, uint32_t u)
{
    const neap__unit *unit = &e->s->units[u];
    size_t scratch;
    int status = unit->gemm != NEAP__NONE ? emit_product(e, u)
                 : unit->member_count     ? emit_program(e, u, &scratch)
                                          : emit_kernel(e, u);
    return status ? status : free_dead(e, u);
}
