/* versions.c - which value of a variable each reader sees.
 *
 * A node that reads variable v sees v's value before the run, unless an assignment to v
 * is among its ancestors (through data or control): then it sees the last of these.
 * Assignments to one variable chain in order of creation. A version is thus an edge from
 * the reader to the assignment, and everything later treats it as data. */
#include "plan/plan.h"

#include <string.h>

/* The part of `writer` that is variable item v's new value, or NONE if it does not write
 * v. An assignment that is fed was made by an earlier segment (or stands for one): its
 * value is the first part. */
static uint32_t written_version(const neap__structure *s, uint32_t writer, uint32_t v)
{
    const neap__item *w = &s->items[writer];
    if (w->role == NEAP__ROLE_PART)
        return NEAP__NONE;
    int parts = w->role == NEAP__ROLE_FEED && w->node->op->writes
                    ? 1
                    : neap__written_count(w->node);
    for (int part = 0; part < parts; part++) {
        if (w->node->inputs[neap__written_input(w->node->op, part)] == s->items[v].node)
            return writer + (uint32_t)part; /* parts follow their item */
    }
    return NEAP__NONE;
}

/* Writes, or was fed in the place of what writes. */
static bool is_assignment(const neap__item *item)
{
    return (item->role == NEAP__ROLE_KERNEL || item->role == NEAP__ROLE_FEED) &&
           item->node->op->writes != 0;
}

/* The inputs which the item reads (as `updated` says: which it updates) see another
 * version. */
static void redirect(neap__item *item, uint32_t from, uint32_t to, bool updated)
{
    unsigned mask = neap__writes(item) ? item->node->op->writes : 0;
    for (uint32_t k = 0; k < item->count && to != NEAP__NONE; k++) {
        if (item->inputs[k] == from && (k < 32 && (mask >> k & 1)) == updated)
            item->operands[k] = to;
    }
}

/* Gives readers of variable item v that are behind an assignment its result. `version` is
 * scratch, an entry an item: the last assignment to v at or above it. Before item `from`
 * there is no assignment, behind item `to` no reader. */
static void resolve_variable(neap__structure *s, uint32_t v, uint32_t from, uint32_t to,
                             uint32_t *version)
{
    uint32_t last = NEAP__NONE;
    for (uint32_t i = from; i <= to; i++) {
        neap__item *item = &s->items[i];
        uint32_t seen = NEAP__NONE; /* as a number above all: NONE + 1 wraps to 0 */
        for (uint32_t k = 0; k < item->count + item->control_count; k++) {
            uint32_t above =
                k < item->count ? item->inputs[k] : item->controls[k - item->count];
            if (above >= from && version[above] + 1 > seen + 1)
                seen = version[above];
        }
        uint32_t own = written_version(s, i, v);
        redirect(item, v, seen, false);
        if (own != NEAP__NONE)
            redirect(item, v, last, true); /* assignments chain */
        version[i] = own != NEAP__NONE ? own : seen;
        last = own != NEAP__NONE ? own : last;
    }
}

/* What decides whether a variable's readers must be looked at one by one. */
typedef struct version_facts {
    bool behind; /* some assignment is above this item */
    /* Of a variable: */
    uint32_t first, last; /* the first item that assigns to it, the last that reads it */
    uint16_t writers;     /* assignments to it (saturating) */
    bool read_behind;     /* something behind an assignment, not one to it, reads it */
} version_facts;

static void survey_versions(const neap__structure *s, version_facts *facts)
{
    for (uint32_t i = 0; i < s->item_count; i++) {
        const neap__item *item = &s->items[i];
        for (uint32_t k = 0; k < item->count + item->control_count; k++) {
            uint32_t above =
                k < item->count ? item->inputs[k] : item->controls[k - item->count];
            facts[i].behind |= facts[above].behind || is_assignment(&s->items[above]);
        }
        for (uint32_t k = 0; k < item->count; k++) {
            uint32_t v = item->inputs[k];
            if (s->items[v].role != NEAP__ROLE_VARIABLE)
                continue;
            bool own = neap__writes(item) && written_version(s, i, v) != NEAP__NONE;
            facts[v].last = i;
            if (own && !facts[v].writers)
                facts[v].first = i;
            if (own && facts[v].writers < UINT16_MAX)
                facts[v].writers++;
            facts[v].read_behind |= !own && facts[i].behind;
        }
    }
}

int neap__resolve_versions(neap__structure *s, neap_error *err)
{
    bool any = false, fed = false; /* assignments */
    for (uint32_t i = 0; i < s->item_count; i++) {
        any |= is_assignment(&s->items[i]);
        fed |= is_assignment(&s->items[i]) && s->items[i].role == NEAP__ROLE_FEED;
    }
    if (!any)
        return NEAP_OK;
    neap__account *account = s->account;
    size_t bytes = s->item_count * sizeof(version_facts);
    size_t scratch = s->item_count * sizeof(uint32_t);
    version_facts *facts = neap__alloc_zero(account, bytes, NEAP_MEMORY_SMALL, err);
    uint32_t *version = neap__alloc(account, scratch, NEAP_MEMORY_SMALL, err);
    int status = facts && version ? NEAP_OK : err->code;
    if (!status) {
        survey_versions(s, facts);
        for (uint32_t v = 0; v < s->item_count; v++) {
            bool more = fed || facts[v].read_behind; /* than its one writer may matter */
            if (facts[v].writers > 1 || (facts[v].writers && more) ||
                (fed && facts[v].read_behind))
                resolve_variable(s, v, fed ? 0 : facts[v].first, facts[v].last, version);
        }
    }
    neap__free(account, facts, bytes, NEAP_MEMORY_SMALL);
    neap__free(account, version, scratch, NEAP_MEMORY_SMALL);
    return status;
}

/* The structure's variable for the one that item v is: itself, or fed in this run (then
 * its state is written, but not read). */
static uint32_t variable_slot(neap__structure *s, uint32_t v)
{
    if (s->items[v].role == NEAP__ROLE_VARIABLE)
        return s->items[v].slot;
    neap_node *n = (neap_node *)s->items[v].node;
    for (uint32_t i = 0; i < s->variable_count; i++) {
        if (s->variables[i].node == n)
            return i;
    }
    s->variables[s->variable_count] = (neap__variable_use){n, NEAP__NONE, false};
    return s->variable_count++;
}

int neap__list_writes(neap__structure *s, neap_error *err)
{
    size_t most = 0;
    for (uint32_t i = 0; i < s->item_count; i++)
        most += neap__writes(&s->items[i]) ? (size_t)neap__written_count(s->items[i].node)
                                           : 0;
    s->writes = neap__arena_array(&s->arena, most, sizeof *s->writes, err);
    uint32_t *last = neap__arena_array(&s->arena, s->nodes, sizeof *last, err);
    if (!s->writes || !last)
        return err->code;
    memset(last, 0xFF,
           s->nodes * sizeof *last); /* there are no more variables than nodes */
    for (uint32_t i = 0; i < s->item_count; i++) {
        const neap__item *item = &s->items[i];
        for (int part = 0; neap__writes(item) && part < neap__written_count(item->node);
             part++) {
            uint32_t v = item->inputs[neap__written_input(item->node->op, part)];
            uint32_t slot = variable_slot(s, v);
            if (last[slot] == NEAP__NONE)
                last[slot] = s->write_count++;
            s->writes[last[slot]] =
                (neap__write){.variable = slot, .item = i, .part = (uint8_t)part};
        }
    }
    return NEAP_OK;
}
