/* registry.c - the descriptors in the order of ops.def, and what is public of them. */
#include "ops/ops.h"

#include <string.h>

const neap__op *const neap__ops[] = {
#define X(opname) &neap__op_##opname,
#include "ops/ops.def"
#undef X
};

const size_t neap__op_total = sizeof neap__ops / sizeof *neap__ops;

const neap__op *neap__op_named(const char *name)
{
    const size_t mask = neap__op_slot_count - 1;
    for (size_t slot = neap__hash_name(name) & mask; neap__op_slots[slot];
         slot = (slot + 1) & mask)
        if (!strcmp(neap__op_slots[slot]->info.name, name))
            return neap__op_slots[slot];
    if (neap__op_slotted == neap__op_total)
        return NULL;
    /* An operation was added, and `make generate`, which needs this, is to come. */
    for (size_t i = 0; i < neap__op_total; i++)
        if (!strcmp(neap__ops[i]->info.name, name))
            return neap__ops[i];
    return NULL;
}

size_t neap_op_count(void) { return neap__op_total; }

const neap_op_info *neap_op_at(size_t index)
{
    return index < neap__op_total ? &neap__ops[index]->info : NULL;
}

const neap_op_info *neap_op_find(const char *name)
{
    const neap__op *op = name ? neap__op_named(name) : NULL;
    return op ? &op->info : NULL;
}
