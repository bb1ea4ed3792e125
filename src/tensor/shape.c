/* shape.c - shapes, whole and partial: checks, text, broadcasting, axes, strides.
 *
 * Invariant of every shape that neap__shape_make has passed, and of what is derived from
 * such shapes here: the product of the dimensions that are neither 0 nor unknown is at
 * most 2^62, so that no count of elements and no stride overflows. */
#include "tensor/tensor.h"

#include <inttypes.h>
#include <string.h>

static const int64_t most_elements = INT64_C(1) << 62;

/* Whether the invariant holds. */
static bool product_fits(const neap__shape *s)
{
    int64_t product = 1;
    for (int i = 0; i < s->rank; i++)
        if (s->dims[i] > 0 &&
            (!neap__mul_int(product, s->dims[i], &product) || product > most_elements))
            return false;
    return true;
}

bool neap__shape_make(neap__shape *s, int rank, const int64_t *dims, bool partial,
                      const char *what, neap_error *err)
{
    if (partial && rank == -1) {
        *s = neap__unknown_shape();
        return true;
    }
    if (rank < 0) {
        neap__fail(err, NEAP_ERANGE, "%s: rank %d is negative", what, rank);
        return false;
    }
    if (rank > NEAP_MAX_RANK) {
        neap__fail(err, NEAP_ELIMIT, "%s: rank %d is above the limit of %d", what, rank,
                   NEAP_MAX_RANK);
        return false;
    }
    if (rank > 0 && !dims) {
        neap__null(err, what, "dims");
        return false;
    }
    neap__shape made = {rank, {0}};
    for (int i = 0; i < rank; i++) {
        if (dims[i] < (partial ? -1 : 0)) {
            neap__fail(err, NEAP_ERANGE, "%s: dimension %d is negative: %" PRId64, what,
                       i, dims[i]);
            return false;
        }
        made.dims[i] = dims[i];
    }
    if (!product_fits(&made)) {
        char text[NEAP__SHAPE_SIZE];
        neap__fail(err, NEAP_ELIMIT, "%s: %s has more than 2^62 elements", what,
                   neap__shape_text(text, &made));
        return false;
    }
    *s = made;
    return true;
}

bool neap__shape_known(const neap__shape *s)
{
    for (int i = 0; i < s->rank; i++)
        if (s->dims[i] < 0)
            return false;
    return s->rank >= 0;
}

bool neap__shape_equal(const neap__shape *a, const neap__shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i])
            return false;
    return true;
}

int64_t neap__shape_size(const neap__shape *s)
{
    int64_t size = 1;
    for (int i = 0; i < s->rank; i++) {
        if (s->dims[i] == 0)
            return 0;
        size *= s->dims[i];
    }
    return size;
}

bool neap__shape_bytes(const neap__shape *s, neap_dtype dtype, size_t *bytes,
                       neap_error *err)
{
    if (neap__mul_size((size_t)neap__shape_size(s), neap_dtype_size(dtype), bytes) &&
        *bytes <= PTRDIFF_MAX)
        return true;
    char text[NEAP__SHAPE_SIZE];
    neap__fail(err, NEAP_ELIMIT, "%s of shape %s has more bytes than memory can have",
               neap_dtype_name(dtype), neap__shape_text(text, s));
    return false;
}

/* ---- Text -------------------------------------------------------------------------- */

void neap__text_shape(neap__text *t, const neap__shape *s)
{
    if (s->rank < 0) {
        neap__text_add(t, "unknown");
        return;
    }
    neap__text_add(t, "(");
    for (int i = 0; i < s->rank; i++) {
        if (i)
            neap__text_add(t, ", ");
        if (s->dims[i] < 0)
            neap__text_add(t, "?");
        else
            neap__text_add(t, "%" PRId64, s->dims[i]);
    }
    neap__text_add(t, s->rank == 1 ? ",)" : ")");
}

const char *neap__shape_text(char buffer[NEAP__SHAPE_SIZE], const neap__shape *s)
{
    neap__text t = neap__text_over(buffer, NEAP__SHAPE_SIZE);
    neap__text_shape(&t, s);
    return buffer;
}

/* ---- Partial shapes ---------------------------------------------------------------- */

bool neap__shape_compatible(const neap__shape *a, const neap__shape *b)
{
    if (a->rank < 0 || b->rank < 0)
        return true;
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i] && a->dims[i] >= 0 && b->dims[i] >= 0)
            return false;
    return true;
}

bool neap__shape_merge(const neap__shape *a, const neap__shape *b, neap__shape *out)
{
    if (!neap__shape_compatible(a, b))
        return false;
    neap__shape merged = a->rank < 0 ? *b : *a;
    if (a->rank >= 0 && b->rank >= 0)
        for (int i = 0; i < a->rank; i++)
            if (merged.dims[i] < 0)
                merged.dims[i] = b->dims[i];
    if (!product_fits(&merged))
        return false;
    *out = merged;
    return true;
}

/* Two dimensions, either of which may be unknown (-1); false if they cannot agree. An
 * unknown one beside one that is not 1 can only be that or 1. */
static bool broadcast_dimension(int64_t a, int64_t b, int64_t *out)
{
    if (a == b || b == 1)
        *out = a;
    else if (a == 1 || a < 0)
        *out = b;
    else if (b < 0)
        *out = a;
    else
        return false;
    return true;
}

bool neap__broadcast(const neap__shape *a, const neap__shape *b, neap__shape *out)
{
    if (a->rank < 0 || b->rank < 0) {
        *out = neap__unknown_shape();
        return true;
    }
    neap__shape wide = {a->rank > b->rank ? a->rank : b->rank, {0}};
    for (int i = 1; i <= wide.rank; i++) { /* from the last dimension */
        const int64_t da = i <= a->rank ? a->dims[a->rank - i] : 1;
        const int64_t db = i <= b->rank ? b->dims[b->rank - i] : 1;
        if (!broadcast_dimension(da, db, &wide.dims[wide.rank - i]))
            return false;
    }
    if (!product_fits(&wide))
        return false;
    *out = wide;
    return true;
}

/* ---- Axes -------------------------------------------------------------------------- */

bool neap__axis(int64_t axis, int rank, int *out, neap_error *err)
{
    if (axis < -rank || axis >= rank) {
        neap__fail(err, NEAP_ERANGE, "axis %" PRId64 " is out of range for rank %d", axis,
                   rank);
        return false;
    }
    *out = (int)(axis < 0 ? axis + rank : axis);
    return true;
}

bool neap__axes(const int64_t *axes, size_t count, int rank, unsigned *mask,
                neap_error *err)
{
    unsigned set = axes ? 0 : (1U << rank) - 1;
    for (size_t i = 0; axes && i < count; i++) {
        int axis;
        if (!neap__axis(axes[i], rank, &axis, err))
            return false;
        if (set & (1U << axis)) {
            neap__fail(err, NEAP_EARG, "axis %" PRId64 " is given twice", axes[i]);
            return false;
        }
        set |= 1U << axis;
    }
    *mask = set;
    return true;
}

neap__shape neap__reduced(const neap__shape *s, unsigned mask, bool keepdims)
{
    if (s->rank < 0)
        return *s;
    neap__shape reduced = {0, {0}};
    for (int i = 0; i < s->rank; i++) {
        const bool gone = mask & (1U << i);
        if (!gone || keepdims)
            reduced.dims[reduced.rank++] = gone ? 1 : s->dims[i];
    }
    return reduced;
}

/* ---- Strides ----------------------------------------------------------------------- */

void neap__strides(const neap__shape *s, int64_t strides[NEAP_MAX_RANK])
{
    int64_t stride = 1;
    for (int i = s->rank; i-- > 0;) {
        strides[i] = stride;
        stride *= s->dims[i];
    }
}

void neap__broadcast_strides(const neap__shape *s, const neap__shape *to,
                             int64_t strides[NEAP_MAX_RANK])
{
    int64_t own[NEAP_MAX_RANK];
    neap__strides(s, own);
    const int lead = to->rank - s->rank;
    for (int i = 0; i < to->rank; i++)
        strides[i] = i < lead || s->dims[i - lead] == 1 ? 0 : own[i - lead];
}
