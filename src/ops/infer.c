/* infer.c - the inferences that many operations share. */
#include "ops/ops.h"

/* Known elements stay known only where they are the same elements, not a function of
 * them. */
int neap__infer_same(neap__inference *i)
{
    *i->out = i->in[0];
    if (i->node->op->lowering != NEAP__LOWER_ALIAS)
        i->out->known = NULL;
    return NEAP_OK;
}

int neap__infer_broadcast(neap__inference *i)
{
    i->out->dtype = i->in[0].dtype;
    i->out->shape = i->in[0].shape;
    for (uint32_t k = 1; k < i->node->input_count; k++) {
        char a[NEAP__SHAPE_SIZE], b[NEAP__SHAPE_SIZE];
        neap__shape so_far = i->out->shape;
        if (!neap__broadcast(&so_far, &i->in[k].shape, &i->out->shape))
            return neap__fail(i->err, NEAP_ESHAPE, "shapes do not broadcast: %s and %s",
                              neap__shape_text(a, &so_far),
                              neap__shape_text(b, &i->in[k].shape));
    }
    return NEAP_OK;
}

int neap__infer_like_second(neap__inference *i)
{
    i->out->dtype = i->in[0].dtype;
    i->out->shape = i->in[1].shape;
    return NEAP_OK;
}

int neap__infer_none(neap__inference *i)
{
    i->out->dtype = NEAP_DTYPE_NONE;
    i->out->shape = neap__scalar_shape();
    return NEAP_OK;
}
