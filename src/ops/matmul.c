/* matmul.c - products of matrices, as numpy.matmul.
 *
 * M rows of the result, N its columns, K the inner dimension; what lies before the
 * last two dimensions is the batch, and broadcasts. A vector is a matrix of one row on
 * the left and of one column on the right, and that dimension is not in the result. */
#include "cpu/gemm.h"
#include "ops/family.h"

/* ---- Inference --------------------------------------------------------------------- */

/* An operand as a matrix: its rows and columns after transposition, and the batch
 * before them. */
typedef struct side {
    int64_t rows, columns;
    neap__shape batch;
} side;

static side side_of(const neap__shape *s, bool transpose, bool right)
{
    side m = {1, 1, {0, {0}}};
    if (s->rank == 1) {
        *(right ? &m.rows : &m.columns) = s->dims[0];
        return m;
    }
    m.batch.rank = s->rank - 2;
    for (int d = 0; d < m.batch.rank; d++)
        m.batch.dims[d] = s->dims[d];
    m.rows = s->dims[s->rank - (transpose ? 1 : 2)];
    m.columns = s->dims[s->rank - (transpose ? 2 : 1)];
    return m;
}

static bool flag(const neap_node *n, const char *name)
{
    return neap__attribute(n, name)->integer;
}

static int bad_operands(neap__inference *i, const char *what)
{
    char a[NEAP__SHAPE_SIZE], b[NEAP__SHAPE_SIZE];
    return neap__fail(i->err, NEAP_ESHAPE, "%s: %s%s x %s%s", what,
                      flag(i->node, "transpose_a") ? "transposed " : "",
                      neap__shape_text(a, &i->in[0].shape),
                      flag(i->node, "transpose_b") ? "transposed " : "",
                      neap__shape_text(b, &i->in[1].shape));
}

static int infer_matmul(neap__inference *i)
{
    const neap__shape *a = &i->in[0].shape, *b = &i->in[1].shape;
    const bool transpose_a = flag(i->node, "transpose_a"),
               transpose_b = flag(i->node, "transpose_b");
    i->out->dtype = i->in[0].dtype;
    i->out->shape = neap__unknown_shape();
    if (a->rank == 0 || b->rank == 0)
        return bad_operands(i, "inputs need rank 1 or more");
    if ((a->rank == 1 && transpose_a) || (b->rank == 1 && transpose_b))
        return bad_operands(i, "a vector cannot be transposed");
    if (a->rank < 0 || b->rank < 0)
        return NEAP_OK;
    const side left = side_of(a, transpose_a, false),
               right = side_of(b, transpose_b, true);
    if (left.columns != right.rows && left.columns >= 0 && right.rows >= 0)
        return bad_operands(i, "inner dimensions differ");
    neap__shape out;
    if (!neap__broadcast(&left.batch, &right.batch, &out))
        return bad_operands(i, "batch dimensions do not broadcast");
    if (a->rank > 1)
        out.dims[out.rank++] = left.rows;
    if (b->rank > 1)
        out.dims[out.rank++] = right.columns;
    return neap__shape_make(&i->out->shape, out.rank, out.dims, true, "the product",
                            i->err)
               ? NEAP_OK
               : neap__told(i->err);
}

/* ---- The product ------------------------------------------------------------------- */

/* Strides of an operand's matrices over the batch of the result. */
static void batch_strides(const side *m, const neap__gemm *gemm,
                          int64_t strides[NEAP_MAX_RANK])
{
    neap__shape to = {gemm->batch_rank, {0}};
    for (int d = 0; d < to.rank; d++)
        to.dims[d] = gemm->batch_dims[d];
    neap__broadcast_strides(&m->batch, &to, strides);
    for (int d = 0; d < to.rank; d++)
        strides[d] *= m->rows * m->columns;
}

void neap__matmul_fix(const neap_node *n, const neap__fact *a, const neap__fact *b,
                      const neap__fact *out, neap__gemm *gemm)
{
    const bool transpose_a = flag(n, "transpose_a"), transpose_b = flag(n, "transpose_b");
    const side left = side_of(&a->shape, transpose_a, false);
    const side right = side_of(&b->shape, transpose_b, true);
    *gemm = (neap__gemm){.dtype = a->dtype,
                         .m = left.rows,
                         .n = right.columns,
                         .k = left.columns,
                         .transpose_a = transpose_a,
                         .transpose_b = transpose_b,
                         .lda = transpose_a ? left.rows : left.columns,
                         .ldb = transpose_b ? right.rows : right.columns};
    gemm->batch_rank = out->shape.rank - (a->shape.rank > 1) - (b->shape.rank > 1);
    gemm->batch = 1;
    for (int d = 0; d < gemm->batch_rank; d++) {
        gemm->batch_dims[d] = out->shape.dims[d];
        gemm->batch *= out->shape.dims[d];
    }
    batch_strides(&left, gemm, gemm->a_strides);
    batch_strides(&right, gemm, gemm->b_strides);
}

void neap__matmul_fold(neap__gemm *gemm)
{
    int64_t contiguous = gemm->m * gemm->k;
    if (gemm->transpose_a)
        return;
    for (int d = gemm->batch_rank; d-- > 0;) {
        if (gemm->batch_dims[d] == 1)
            continue;
        if (gemm->b_strides[d] != 0 || gemm->a_strides[d] != contiguous)
            return;
        contiguous *= gemm->batch_dims[d];
    }
    gemm->m *= gemm->batch;
    gemm->batch = 1;
    gemm->batch_rank = 0;
}

/* ---- Gradients --------------------------------------------------------------------- */

/* x as the product sees it. Where the rank is not known yet, an operation finds out. */
static neap_node *operand(neap__grad *g, neap_node *x, bool column)
{
    if (x->fact.shape.rank > 1)
        return x;
    const neap_attribute attribute = neap_attribute_bool("column", column);
    return neap__derive(g, &neap__op_matmul_operand, &x, 1, &attribute, 1);
}

static neap_node *product(neap__grad *g, neap_node *a, neap_node *b, bool transpose_a,
                          bool transpose_b)
{
    neap_node *inputs[] = {a, b};
    const neap_attribute attributes[] = {neap_attribute_bool("transpose_a", transpose_a),
                                         neap_attribute_bool("transpose_b", transpose_b)};
    return neap__derive(g, &neap__op_matmul, inputs, 2, attributes, 2);
}

/* Back from a matrix of the product's batch to the input. */
static neap_node *back(neap__grad *g, neap_node *dx, neap_node *as_matrix, neap_node *x)
{
    dx = neap__sum_to(g, dx, as_matrix);
    return as_matrix == x ? dx : neap__reshape_to(g, dx, x);
}

/* With matrices, Y = op(A) op(B): d op(A) = dY op(B)', d op(B) = op(A)' dY, where '
 * transposes; each is written so that the transpositions are flags. */
static void matmul_gradient(neap__grad *g)
{
    const bool ta = flag(g->node, "transpose_a"), tb = flag(g->node, "transpose_b");
    neap_node *a = operand(g, g->x[0], false), *b = operand(g, g->x[1], true),
              *dy = g->dy;
    if (a != g->x[0] || b != g->x[1]) /* only the shape of this product counts */
        dy = neap__reshape_to(g, dy, product(g, a, b, ta, tb));
    if (neap__wants(g, 0)) {
        neap_node *da = ta ? product(g, b, dy, tb, true) : product(g, dy, b, false, !tb);
        g->dx[0] = back(g, da, a, g->x[0]);
    }
    if (neap__wants(g, 1)) {
        neap_node *db = tb ? product(g, dy, a, true, ta) : product(g, a, dy, !ta, false);
        g->dx[1] = back(g, db, b, g->x[1]);
    }
}

NEAP_OP(matmul) = {
    NEAP__NAMED("matmul"),
    .info.doc =
        "The product of two matrices, or of each pair of them where there are further "
        "dimensions in front, which broadcast. A vector is one row on the left, one "
        "column on the right, and that dimension is left out of the result. transpose_a "
        "and transpose_b transpose a matrix first; a vector cannot be transposed.",
    .info.inputs = "a b",
    NEAP__ROWS(NEAP__FLAG("transpose_a", 0), NEAP__FLAG("transpose_b", 0)),
    .dtypes = NEAP__FLOAT,
    .infer = infer_matmul,
    .lowering = NEAP__LOWER_GEMM,
    NEAP__GRADIENT(matmul_gradient, 0),
};

/* ---- A vector as a matrix ---------------------------------------------------------- */

static int infer_operand(neap__inference *i)
{
    neap__shape *shape = &i->out->shape;
    i->out->dtype = i->in[0].dtype;
    *shape = i->in[0].shape;
    if (shape->rank == 1) {
        const bool column = flag(i->node, "column");
        shape->rank = 2;
        shape->dims[1] = column ? 1 : shape->dims[0];
        shape->dims[0] = column ? shape->dims[0] : 1;
    }
    return NEAP_OK;
}

static void operand_gradient(neap__grad *g)
{
    g->dx[0] = neap__reshape_to(g, g->dy, g->x[0]);
}

NEAP_OP(matmul_operand) = {
    NEAP__NAMED("matmul_operand"),
    .info.doc = "x as matmul sees it: a vector as a matrix of one row, or of one column.",
    .info.inputs = "x",
    NEAP__ROWS(NEAP__FLAG("column", 0)),
    .dtypes = NEAP__FLOAT,
    .infer = infer_operand,
    .lowering = NEAP__LOWER_ALIAS,
    NEAP__GRADIENT(operand_gradient, NEAP_OP_INTERNAL),
};
