/* compose.c - operations that are formulas. */
#include "ops/compose.h"
#include "ops/family.h"

#include <string.h>

/* ---- Layouts ----------------------------------------------------------------------- */

/* Are the bits of a mask neighbours? */
static bool together(unsigned mask)
{
    const unsigned low = mask ? mask >> __builtin_ctz(mask) : 0;
    return (low & (low + 1)) == 0;
}

void neap__layout_of(const neap__domain *domain, neap__layout *l)
{
    const neap__shape *shape = &domain->shape;
    int64_t dims[NEAP_MAX_RANK];
    int count = 0;
    unsigned folded = 0;
    for (int d = 0; d < shape->rank; d++) {
        if (shape->dims[d] == 1)
            continue;
        folded |= (domain->folded >> d & 1) << count;
        dims[count++] = shape->dims[d];
    }
    l->apart = !together(folded);
    l->rank = 0;
    l->folded = 0;
    for (int last = 0; last < 2; last++) /* in their order, or the folded ones after */
        for (int d = 0; d < count; d++) {
            const bool goes = folded >> d & 1;
            if (l->apart ? goes != (last == 1) : last == 1)
                continue;
            l->folded |= (unsigned)goes << l->rank;
            l->from[l->rank] = (int8_t)d;
            l->dims[l->rank++] = dims[d];
        }
    if (domain->folded && !folded) {
        l->folded = 1u << l->rank;
        l->from[l->rank] = -1;
        l->dims[l->rank++] = 1;
    }
}

bool neap__layout_axes(const neap__layout *l, const neap__shape *shape, bool groups,
                       int8_t axes[NEAP_MAX_RANK])
{
    int8_t own[NEAP_MAX_RANK], place[NEAP_MAX_RANK];
    int count = 0, wanted = 0;
    for (int d = 0; d < shape->rank; d++)
        if (shape->dims[d] != 1)
            own[count++] = (int8_t)d;
    for (int k = 0; k < l->rank; k++) { /* which of the shape's: its rank among them */
        axes[k] = -1;
        place[k] = -1;
        if (l->from[k] < 0 || (groups && (l->folded >> k & 1)))
            continue;
        place[k] = 0;
        wanted++;
        for (int j = 0; j < l->rank; j++)
            place[k] = (int8_t)(place[k] + (l->from[j] >= 0 && l->from[j] < l->from[k] &&
                                            !(groups && (l->folded >> j & 1))));
    }
    if (wanted != count)
        return false;
    for (int k = 0; k < l->rank; k++) {
        if (place[k] < 0)
            continue;
        axes[k] = own[place[k]];
        if (shape->dims[axes[k]] != l->dims[k])
            return false;
    }
    return true;
}

neap__view neap__layout_view(const neap__layout *l, const int8_t axes[NEAP_MAX_RANK],
                             const int64_t *strides, int64_t offset)
{
    neap__view view = {.offset = offset};
    for (int k = 0; k < l->rank; k++)
        view.strides[k] = axes[k] < 0 ? 0 : strides[axes[k]];
    return view;
}

neap__view neap__layout_natural(const neap__layout *l, neap__extent extent)
{
    neap__view view = {0};
    int64_t stride = 1;
    for (int from = NEAP_MAX_RANK; from-- > 0;) /* the domain's order */
        for (int k = 0; k < l->rank; k++) {
            const bool goes = l->folded >> k & 1;
            if (l->from[k] != from || (extent == NEAP__OVER_GROUPS && goes) ||
                (extent == NEAP__OVER_FOLDED && !goes))
                continue;
            view.strides[k] = stride;
            stride *= l->dims[k];
        }
    return view;
}

void neap__formula_over(neap__formula *f, const neap__layout *l, neap__isa isa,
                        neap__arena *arena, neap_error *err)
{
    neap__shape domain = {.rank = l->rank};
    memcpy(domain.dims, l->dims, sizeof domain.dims);
    neap__formula_begin(f, isa, &domain, l->folded, arena, err);
    if (l->apart) {
        const neap__view results = neap__layout_natural(l, NEAP__OVER_DOMAIN);
        memcpy(f->results, results.strides, sizeof f->results);
    }
}

/* ---- A node by itself -------------------------------------------------------------- */

static int load_input(const neap__binding *b, const neap__domain *domain,
                      const neap__layout *l, uint32_t k, neap__formula *f)
{
    const neap__fact *in = &b->in[k];
    if (k < NEAP__INPUTS && domain->in[k] != NEAP__OVER_DOMAIN) {
        const neap__view view = neap__layout_natural(l, (neap__extent)domain->in[k]);
        return neap__formula_load(f, in->dtype, &view);
    }
    int8_t axes[NEAP_MAX_RANK];
    int64_t strides[NEAP_MAX_RANK];
    neap__layout_axes(l, &domain->shape, false, axes);
    neap__broadcast_strides(&in->shape, &domain->shape, strides);
    const neap__view view = neap__layout_view(l, axes, strides, 0);
    return neap__formula_load(f, in->dtype, &view);
}

int neap__bind_composed(neap__binding *b)
{
    const neap_node *n = b->node;
    const uint32_t results = neap__several(n) ? n->result_count : 1;
    neap__domain domain = {.folded = 0};
    neap__layout l;
    neap__formula f;
    int x[NEAP__INPUTS] = {0}, y[NEAP__COMPOSED] = {0};
    n->op->domain(n, b->in, b->out, &domain);
    neap__layout_of(&domain, &l);
    neap__formula_over(&f, &l, b->isa, b->arena, b->err);
    for (uint32_t k = 0; k < n->data_inputs; k++)
        x[k] = load_input(b, &domain, &l, k, &f);
    neap__composer c = {.node = n,
                        .in = b->in,
                        .out = b->out,
                        .formula = &f,
                        .count = neap__domain_count(&domain),
                        .x = x,
                        .y = y};
    n->op->compose(&c);
    for (uint32_t r = 0; r < results; r++) {
        if (neap__several(n) && (b->unread >> r & 1))
            neap__formula_skip(&f);
        else
            neap__formula_store(&f, domain.out[r] == NEAP__OVER_DOMAIN
                                        ? neap__formula_spread(&f, y[r])
                                        : y[r]);
    }
    const neap__program *p = neap__program_make(&f);
    if (!p)
        return neap__told(b->err);
    b->kernel = neap__cpu_program;
    b->args = p;
    b->scratch = neap__program_scratch(p, b->workers);
    b->work = neap__shape_size(&domain.shape);
    unsigned *in_places = neap__arena_array(b->arena, results, sizeof *in_places, b->err);
    if (!in_places)
        return NEAP_ENOMEM;
    for (uint32_t r = 0; r < results; r++)
        for (uint32_t k = 0; k < n->data_inputs; k++)
            in_places[r] |= (unsigned)neap__program_in_place(p, (int)r, (int)k) << k;
    b->in_place = in_places[0];
    b->in_places = in_places;
    return NEAP_OK;
}

int64_t neap__domain_count(const neap__domain *domain)
{
    int64_t count = 1;
    for (int d = 0; d < domain->shape.rank; d++)
        count *= domain->folded >> d & 1 ? domain->shape.dims[d] : 1;
    return count;
}

bool neap__domain_along(const neap_node *n, const neap__shape *shape,
                        neap__domain *domain)
{
    const neap__value *given = neap__attribute(n, "axis");
    const int rank = shape->rank ? shape->rank : 1;
    int axis;
    if (!neap__axis(given->kind == NEAP_KIND_NONE ? -1 : given->integer, rank, &axis,
                    NULL))
        return false;
    domain->shape = *shape;
    if (shape->rank == 0) { /* a number alone is a row of one */
        domain->shape.rank = 1;
        domain->shape.dims[0] = 1;
    }
    domain->folded = 1u << axis;
    return true;
}

/* ---- Terms ------------------------------------------------------------------------- */

static neap_dtype dtype_of(const neap__composer *c, int x)
{
    return (neap_dtype)c->formula->term[x].dtype;
}

int neap__apply(neap__composer *c, neap__element_code code, int x)
{
    return neap__formula_element(c->formula, code,
                                 neap__element_result(code, dtype_of(c, x)), &x, 1, NULL);
}

int neap__apply2(neap__composer *c, neap__element_code code, int x, int y)
{
    const int in[] = {x, y};
    return neap__formula_element(c->formula, code,
                                 neap__element_result(code, dtype_of(c, x)), in, 2, NULL);
}

int neap__compose_number(neap__composer *c, int like, double value)
{
    return neap__formula_number(c->formula, dtype_of(c, like), value);
}

int neap__compose_fold(neap__composer *c, neap__reduction reduction, int x)
{
    return neap__formula_fold(c->formula, reduction, x);
}

int neap__narrowed(neap__composer *c, int x, neap_dtype dtype)
{
    return dtype_of(c, x) == dtype ? x
                                   : neap__formula_element(c->formula, NEAP__ELEMENT_cast,
                                                           dtype, &x, 1, NULL);
}

int neap__widened(neap__composer *c, int x)
{
    const neap_dtype dtype = dtype_of(c, x);
    const bool narrow = dtype == NEAP_FLOAT16 || dtype == NEAP_BFLOAT16;
    return narrow ? neap__narrowed(c, x, NEAP_FLOAT32) : x;
}
