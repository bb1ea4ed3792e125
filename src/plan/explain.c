/* explain.c - a plan as text, as a database explains a query. One line an instruction:
 * what it computes, of which nodes, where the result lies, and what was saved. */
#include "cpu/gemm.h"
#include "plan/passes.h"

#include <string.h>

#define MOST_LINES 200 /* of instructions; more are counted */
#define MOST_NAMES 8   /* of fused nodes in a line */

static const struct {
    const char *name;
    unsigned pass;
} passes[] = {{"fold", NEAP__PASS_FOLD},
              {"simplify", NEAP__PASS_SIMPLIFY},
              {"merge", NEAP__PASS_MERGE},
              {"fuse", NEAP__PASS_FUSE},
              {"place", NEAP__PASS_PLACE}};
#define PASSES (sizeof passes / sizeof *passes)

bool neap__passes_of(const char *names, unsigned *set, neap_error *err)
{
    *set = names ? 0 : NEAP__PASS_ALL;
    if (!names || !strcmp(names, "none"))
        return true;
    for (const char *at = names; at;) {
        size_t length = strcspn(at, ","), i = 0;
        while (i < PASSES &&
               (strlen(passes[i].name) != length || memcmp(passes[i].name, at, length)))
            i++;
        if (i == PASSES) {
            char text[NEAP__QUOTED_SIZE];
            neap__fail(err, NEAP_EARG,
                       "session: passes \"%s\": there are fold, simplify, merge, fuse "
                       "and place; "
                       "or none",
                       neap__quoted(text, names));
            return false;
        }
        *set |= passes[i].pass;
        at = at[length] ? at + length + 1 : NULL;
    }
    return true;
}

static void text_quoted(neap__text *t, const neap_node *n)
{
    char name[NEAP__QUOTED_SIZE];
    neap__text_add(t, "\"%s\"", neap__quoted(name, n->name));
}

static void text_written(neap__text *t, const neap__structure *s, const neap__write *w)
{
    const neap__outline *o = s->outline;
    text_quoted(t, o->variables[o->writes[w->number].variable].node);
}

/* Where the instruction's first result lies. */
static void text_place(neap__text *t, const neap__plan *p, const neap__instruction *in)
{
    neap__place to = p->places[in->operands + in->in_count];
    if (to.base == NEAP__BASE_NULL)
        return;
    if (to.base >= p->first_write) {
        const neap__write *w = &p->structure->writes[to.base - p->first_write];
        neap__text_add(t, w->terminal && p->writes[to.base - p->first_write].in_place
                              ? " -> variable, in place "
                              : " -> variable ");
        text_written(t, p->structure, w);
        return;
    }
    if (to.base >= p->first_result) {
        neap__text_add(t, " -> result %u", (unsigned)(to.base - p->first_result));
        return;
    }
    neap__text_add(t, " -> block + %zu", to.offset);
    for (uint32_t k = 0; k < in->in_count; k++) {
        neap__place from = p->places[in->operands + k];
        if (from.base == to.base && from.offset == to.offset) {
            neap__text_add(t, ", in place of operand %u", (unsigned)k);
            return;
        }
    }
}

static void text_members(neap__text *t, const neap__structure *s, const neap__unit *unit)
{
    for (uint32_t m = 0; m < unit->member_count; m++) {
        if (m == MOST_NAMES && unit->member_count > MOST_NAMES + 1) {
            neap__text_add(t, " ... %u more", (unsigned)(unit->member_count - m));
            return;
        }
        const neap_node *n = s->items[unit->members[m]].node;
        neap__text_add(t, "%s%s", m ? " " : "", n->op->info.name);
    }
}

static void text_instruction(neap__text *t, const neap__plan *p, uint32_t at)
{
    const neap__structure *s = p->structure;
    const neap__instruction *in = &p->instructions[at];
    const neap__unit *unit = &s->units[in->unit];
    const neap_node *n = s->items[unit->root].node;
    char shape[NEAP__SHAPE_SIZE];
    neap__text_add(t, "%4u  ", (unsigned)at);
    if (unit->gemm != NEAP__NONE) {
        const neap__item *product = &s->items[unit->gemm];
        const neap__gemm *g = in->args;
        neap__text_add(t, "matmul %lld x %lld x %lld%s", (long long)g->m, (long long)g->k,
                       (long long)g->n, g->engine ? " (OpenBLAS)" : "");
        if (product->flip_a || product->flip_b)
            neap__text_add(t, ", transpose taken in");
        if (unit->member_count) {
            neap__text_add(t, ", then ");
            text_members(t, s, unit);
        }
    } else if (unit->member_count > 1) {
        neap__text_add(t, "fused %u: ", (unsigned)unit->member_count);
        text_members(t, s, unit);
    } else {
        neap__text_add(t, "%s", n->op->info.name);
    }
    neap__text_add(t, "  ");
    text_quoted(t, n);
    if (neap__several(n))
        neap__text_add(t, " %u result%s", (unsigned)n->result_count,
                       n->result_count == 1 ? "" : "s");
    else
        neap__text_add(t, " %s %s", neap_dtype_name(p->facts[unit->root].dtype),
                       neap__shape_text(shape, &p->facts[unit->root].shape));
    text_place(t, p, in);
    neap__text_add(t, "\n");
}

static void text_indent(neap__text *t, int depth)
{
    while (depth--)
        neap__text_add(t, "    ");
}

static void text_head(neap__text *t, const neap__plan *p, int depth)
{
    const neap__structure *s = p->structure;
    bool staged = !s->last || s->before;
    text_indent(t, depth);
    if (staged)
        neap__text_add(t, "stage %u: ", (unsigned)s->number + 1);
    neap__text_add(t, "%s%u nodes, %u instructions",
                   staged ? "" : "plan: ", (unsigned)s->nodes,
                   (unsigned)p->instruction_count);
    if (s->merged)
        neap__text_add(t, ", %u merged", (unsigned)s->merged);
    if (s->folded)
        neap__text_add(t, ", %u folded", (unsigned)s->folded);
    if (s->simplified)
        neap__text_add(t, ", %u simplified", (unsigned)s->simplified);
    if (!depth && !s->before) {
        neap__text_add(t, "\npasses:");
        for (size_t i = 0; i < PASSES; i++) {
            if (s->passes & passes[i].pass)
                neap__text_add(t, " %s", passes[i].name);
        }
        neap__text_add(t, "%s (no pass changes a bit: no inexact rewrites)",
                       s->passes ? "" : " none");
    }
    neap__text_add(t, "\n");
    text_indent(t, depth);
    neap__text_add(t, "block: %zu bytes (%zu without reuse)", p->block, p->unshared);
    if (s->write_count)
        neap__text_add(t, ", of which %zu wait for the commit", p->held);
    neap__text_add(t, "\n");
    text_indent(t, depth);
    neap__text_add(t, "flops: ");
    neap__text_number(t, p->flops, 6);
    neap__text_add(t, "\n");
}

static void text_fetch(neap__text *t, const neap__plan *p, uint32_t i)
{
    static const char *const from[] = {
        "nothing",  "result",           "fed value",    "variable",
        "constant", "value carried on", "new value of", "committed value of"};
    const neap__structure *s = p->structure;
    const neap__fetch *f = &p->fetches[i];
    neap__text_add(t, "fetch %u: %s", (unsigned)s->takes[i].index, from[f->source]);
    if (f->source == NEAP__FROM_RESULT) {
        neap__text_add(t, " %u", (unsigned)f->index);
    } else if (f->source == NEAP__FROM_VARIABLE) {
        neap__text_add(t, " ");
        text_quoted(t, s->outline->variables[f->index].node);
    } else if (f->source >= NEAP__FROM_STAGED) {
        neap__text_add(t, " ");
        text_written(t, s, &s->writes[f->index]);
    }
    neap__text_add(t, "\n");
}

/* What the next stage waits for. */
static void text_carried(neap__text *t, const neap__structure *s, int depth)
{
    text_indent(t, depth);
    neap__text_add(t, "then what is planned when these are known:");
    for (uint32_t i = 0; i < s->carry_count; i++) {
        if (!s->carries[i].wanted && !s->carries[i].handed)
            continue;
        neap__text_add(t, " ");
        text_quoted(t, s->items[s->carries[i].item].node);
    }
    neap__text_add(t, "\n");
}

/* A body as it is planned for what it is given first. */
static void text_body(neap__text *t, const neap__target *target, const neap__plan *p,
                      const neap__instruction *in, int which, int depth)
{
    static const char *const names[2][2] = {{"then", "else"}, {"condition", "body"}};
    const neap__structure *s = p->structure;
    uint32_t root = s->units[in->unit].root;
    const neap_node *n = s->items[root].node;
    neap_error err = NEAP_ERROR_INIT;
    neap__arena arena;
    neap__arena_init(&arena, target->account, NEAP_MEMORY_SMALL);
    neap__fact *feeds =
        neap__arena_array(&arena, n->control->from_count[which] + 1, sizeof *feeds, &err);
    neap__given given = {.feeds = feeds};
    neap__structure *body = NULL;
    neap__plan *plan = NULL;
    for (uint32_t i = 0; feeds && i < n->control->from_count[which]; i++)
        feeds[i] = p->facts[s->items[root].inputs[n->control->from[which][i]]];
    if (feeds)
        body = neap__structure_new(target, s->outline->inner[root]->outline[which],
                                   &given, &err);
    if (body)
        neap__plan_new(target, body, &given, &plan, &err);
    text_indent(t, depth);
    neap__text_add(t, "%s:%s%s\n", names[in->kind == NEAP__LOOP][which], plan ? "" : " ",
                   plan ? "" : err.message);
    if (plan)
        neap__text_plan(t, target, plan, depth + 1);
    neap__plan_release(plan);
    neap__structure_release(body);
    neap__arena_free(&arena);
}

/* Bodies nest at most NEAP__NESTING deep. */
void neap__text_plan(neap__text *t, const neap__target *target, const neap__plan *p,
                     int depth)
{
    const neap__structure *s = p->structure;
    text_head(t, p, depth);
    for (uint32_t i = 0; i < p->instruction_count; i++) {
        if (i == p->tail) {
            text_indent(t, depth);
            neap__text_add(t, "commit:\n");
        }
        text_indent(t, depth);
        if (i == MOST_LINES && p->instruction_count > MOST_LINES + 1 && p->tail > i) {
            neap__text_add(t, "      ... %u more instructions\n",
                           (unsigned)(p->instruction_count - i));
            break;
        }
        text_instruction(t, p, i);
        for (int which = 0; which < 2 && p->instructions[i].kind >= NEAP__BRANCH; which++)
            text_body(t, target, p, &p->instructions[i], which, depth + 1);
    }
    for (uint32_t i = 0; i < s->fetch_count; i++) {
        text_indent(t, depth);
        text_fetch(t, p, i);
    }
    if (!s->last)
        text_carried(t, s, depth);
}
