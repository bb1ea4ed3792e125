/* print.c - a tensor as NumPy's str() prints an array.
 *
 * The elements that are to be seen (all, or three at each end of an axis where there are
 * more than 1,000) are walked twice by the same function: once to find a format that
 * suits them all, once to write them. The rules are NumPy's: fixed or scientific notation
 * by the largest and smallest magnitude, the fewest digits that tell an element from its
 * neighbours but at most 8 behind the point, one width for all, lines of at most 75
 * columns. No memory is taken. */
#include "tensor/tensor.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PRECISION = 8,    /* digits behind the point */
    THRESHOLD = 1000, /* elements; more are summarised */
    EDGE = 3,         /* seen at each end of a summarised axis */
    LINE = 75,
    WORD = 64 /* no element is wider */
};

typedef struct format {
    bool scientific;
    int left;     /* columns before the point (of an integer: in all) */
    int right;    /* columns behind it; in scientific notation digits */
    int exponent; /* digits of the exponent */
} format;

/* ---- Digits ------------------------------------------------------------------------ */

static bool reads_half(const char *text, double value)
{
    return (double)neap__half_to_float(neap__float_to_half(strtof(text, NULL))) == value;
}

static bool reads_bfloat(const char *text, double value)
{
    return (double)neap__bfloat_to_float(neap__float_to_bfloat(strtof(text, NULL))) ==
           value;
}

/* The digits that tell the element from its neighbours. Where all decimals of n digits
 * survive the way into the dtype and back, n or fewer are found at the first try. */
static void shortest_digits(neap__decimal *d, neap_dtype dtype, double value)
{
    const double size = fabs(value);
    if (dtype == NEAP_FLOAT64)
        neap__decimal_shortest(d, value, size < 1e-307 ? 1 : 15, neap__reads_double);
    else if (dtype == NEAP_FLOAT32)
        neap__decimal_shortest(d, value, size < 1e-37 ? 1 : 6, neap__reads_float);
    else if (dtype == NEAP_FLOAT16)
        neap__decimal_shortest(d, value, 1, reads_half);
    else
        neap__decimal_shortest(d, value, 1, reads_bfloat);
}

static int whole_digits(const neap__decimal *d)
{
    return d->exponent < 0 ? 1 : d->exponent + 1;
}

static int fraction_digits(const neap__decimal *d)
{
    const int behind = d->count - 1 - d->exponent;
    return behind > 0 ? behind : 0;
}

static int exponent_digits(const neap__decimal *d)
{
    return abs(d->exponent) < 100 ? 2 : 3;
}

/* The element's digits under the format, PRECISION behind the point at most. */
static neap__decimal element_digits(neap_dtype dtype, double value, bool scientific)
{
    neap__decimal d;
    shortest_digits(&d, dtype, value);
    if (scientific && d.count > PRECISION + 1)
        neap__decimal_round(&d, value, PRECISION + 1);
    else if (!scientific && fraction_digits(&d) > PRECISION)
        neap__decimal_round(&d, value, d.exponent + 1 + PRECISION);
    return d;
}

static void add_zeros(neap__text *t, int count)
{
    while (count-- > 0)
        neap__text_bytes(t, "0", 1);
}

/* "-12.5", always with a point. */
static void add_positional(neap__text *t, const neap__decimal *d)
{
    if (d->negative)
        neap__text_bytes(t, "-", 1);
    const int whole = d->exponent + 1; /* digits before the point */
    const int given = whole < 0 ? 0 : whole < d->count ? whole : d->count;
    neap__text_bytes(t, d->digits, (size_t)given);
    add_zeros(t, whole > 0 ? whole - given : 1);
    neap__text_bytes(t, ".", 1);
    if (d->count > given) {
        add_zeros(t, -whole);
        neap__text_bytes(t, d->digits + given, (size_t)(d->count - given));
    }
}

/* "-1.25e+01", with so many digits behind the point and in the exponent. */
static void add_scientific(neap__text *t, const neap__decimal *d, int fraction,
                           int exponent)
{
    neap__text_add(t, "%s%c.%s", d->negative ? "-" : "", d->digits[0], d->digits + 1);
    add_zeros(t, fraction - (d->count - 1));
    neap__text_add(t, "e%c%0*d", d->exponent < 0 ? '-' : '+', exponent, abs(d->exponent));
}

/* ---- One format for all elements --------------------------------------------------- */

/* What the walk that looks for a format gathers. */
typedef struct survey {
    double least, most; /* magnitudes of the finite elements that are not 0 */
    bool finite;        /* there are such, or zeros */
    bool infinite_below;
    bool special; /* NaN or infinite */
    format fixed, scientific;
} survey;

static int larger(int a, int b) { return a > b ? a : b; }

static void survey_number(survey *s, neap_dtype dtype, double value)
{
    if (!isfinite(value)) {
        s->special = true;
        s->infinite_below |= isinf(value) && value < 0;
        return;
    }
    s->finite = true;
    const double size = fabs(value);
    if (size > 0) {
        s->most = fmax(s->most, size);
        s->least = fmin(s->least, size);
    }
    neap__decimal d = element_digits(dtype, value, true);
    s->scientific.left = larger(s->scientific.left, 1 + d.negative);
    s->scientific.right = larger(s->scientific.right, d.count - 1);
    s->scientific.exponent = larger(s->scientific.exponent, exponent_digits(&d));
    if (size == 0 ||
        (size > 1e-5 && size < 1e16)) { /* else the notation is scientific anyhow */
        d = element_digits(dtype, value, false);
        s->fixed.left = larger(s->fixed.left, whole_digits(&d) + d.negative);
        s->fixed.right = larger(s->fixed.right, fraction_digits(&d));
    }
}

/* Whole numbers below have no more digits than the dtype holds for certain (as from NumPy
 * 2.3 on; earlier ones had one bound for all dtypes). */
static double safe_bound(neap_dtype dtype)
{
    switch (dtype) {
    case NEAP_FLOAT64:
        return 1e16;
    case NEAP_FLOAT32:
        return 1e6;
    case NEAP_FLOAT16:
        return 1e3;
    default:
        return 1e2;
    }
}

/* Scientific notation is for large numbers, for small ones, and for a wide range. NumPy
 * compares in the array's own dtype, where the ratio may overflow and 0.0001 is
 * rounded. */
static bool is_scientific(const survey *s, neap_dtype dtype)
{
    if (s->most == 0)
        return false;
    const double large = fmin(safe_bound(dtype), 1e8);
    double ratio = s->most / s->least, small = 0.0001;
    if (dtype != NEAP_FLOAT64) {
        ratio = (double)(float)ratio;
        small = (double)(float)small;
    }
    if (dtype == NEAP_FLOAT16) {
        ratio = (double)neap__half_to_float(neap__float_to_half((float)ratio));
        small = (double)neap__half_to_float(neap__float_to_half((float)small));
    }
    return s->most >= large || s->least < small || ratio > 1000;
}

static format number_format(const survey *s, neap_dtype dtype)
{
    format f = is_scientific(s, dtype) ? s->scientific : s->fixed;
    f.scientific = is_scientific(s, dtype);
    if (s->special) { /* "nan", "inf" and "-inf" are set against the right */
        const int behind = 1 + f.right + (f.scientific ? f.exponent + 2 : 0);
        f.left = larger(f.left, 3 + s->infinite_below - behind);
    }
    return f;
}

/* ---- Words ------------------------------------------------------------------------- */

/* A word set against the right of so many columns. */
static void add_padded(neap__text *t, const char *word, int columns)
{
    neap__text_add(t, "%*s", columns, word);
}

static void add_number(neap__text *t, const format *f, neap_dtype dtype, double value)
{
    const int right = f->scientific ? f->right + f->exponent + 2 : f->right;
    if (!isfinite(value)) {
        add_padded(t,
                   isnan(value) ? "nan"
                   : value < 0  ? "-inf"
                                : "inf",
                   f->left + 1 + right);
        return;
    }
    neap__decimal d;
    if (f->scientific) {
        neap__decimal_round(&d, value,
                            1 + f->right); /* exact digits, not zeros, fill the width */
        add_padded(t, "", f->left - 1 - d.negative);
        add_scientific(t, &d, f->right, f->exponent);
    } else {
        d = element_digits(dtype, value, false);
        add_padded(t, "", f->left - whole_digits(&d) - d.negative);
        add_positional(t, &d);
        add_padded(t, "", right - fraction_digits(&d));
    }
}

/* The bare number, as Python prints it: what reads back, with at least one digit behind
 * the point. */
static void add_scalar(neap__text *t, neap_dtype dtype, double value)
{
    if (!isfinite(value)) {
        neap__text_add(t, "%s", isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    neap__decimal d;
    shortest_digits(&d, dtype, value);
    const double size = fabs(value);
    if (size != 0 && (size < 1e-4 || size >= safe_bound(dtype))) {
        neap__text_add(t, "%s%c%s%s", d.negative ? "-" : "", d.digits[0],
                       d.count > 1 ? "." : "", d.digits + 1);
        neap__text_add(t, "e%c%02d", d.exponent < 0 ? '-' : '+', abs(d.exponent));
        return;
    }
    add_positional(t, &d);
    if (fraction_digits(&d) == 0)
        neap__text_bytes(t, "0", 1);
}

static void add_element(neap__text *t, const format *f, const neap_tensor *tensor,
                        int64_t index)
{
    const neap_dtype dtype = tensor->dtype;
    if (neap__is_floating(dtype)) {
        const double value = neap__element_number(dtype, tensor->data, index);
        if (tensor->shape.rank == 0)
            add_scalar(t, dtype, value);
        else
            add_number(t, f, dtype, value);
        return;
    }
    const uint64_t bits = neap__element_bits(dtype, tensor->data, index);
    if (dtype == NEAP_BOOL)
        add_padded(t, bits ? "True" : "False", f->left);
    else if (dtype == NEAP_UINT64)
        neap__text_add(t, "%*" PRIu64, f->left, bits);
    else
        neap__text_add(t, "%*" PRId64, f->left, (int64_t)bits);
}

/* ---- The walk ---------------------------------------------------------------------- */

typedef struct walk {
    const neap_tensor *tensor;
    int64_t strides[NEAP_MAX_RANK];
    bool summarised;
    survey *survey; /* not NULL: the first walk, which writes nothing */
    neap__text *text;
    format format;
    int column; /* of the present line; spaces at its end are pending */
    int pending;
} walk;

static void write_word(walk *w, const char *word, int indent)
{
    int length = (int)strlen(word);
    if (w->column + length > LINE - indent && w->column > indent) {
        neap__text_add(w->text, "\n%*s", indent, "");
        w->column = indent;
        w->pending = 0; /* no line ends in spaces, except the last of a row */
    }
    w->column += length;
    int end = length;
    while (end > 0 && word[end - 1] == ' ')
        end--;
    neap__text_add(w->text, "%*s", w->pending, "");
    neap__text_bytes(w->text, word, (size_t)end);
    w->pending = length - end;
}

static void visit_element(walk *w, int64_t index, int indent)
{
    const neap_tensor *t = w->tensor;
    if (!w->survey) {
        char word[WORD];
        neap__text text = neap__text_over(word, sizeof word);
        add_element(&text, &w->format, t, index);
        write_word(w, word, indent);
    } else if (neap__is_floating(t->dtype)) {
        survey_number(w->survey, t->dtype,
                      neap__element_number(t->dtype, t->data, index));
    } else {
        char word[WORD];
        neap__text text = neap__text_over(word, sizeof word);
        add_element(&text, &w->format, t, index); /* with no width yet */
        w->survey->fixed.left = larger(w->survey->fixed.left, (int)text.length);
    }
}

/* Between two things on an axis: a space in a row, lines between rows, empty ones between
 * planes. */
static void write_separator(walk *w, bool row, int newlines, int indent)
{
    if (row) {
        w->pending++;
        w->column++;
        return;
    }
    for (int i = 0; i < newlines; i++)
        neap__text_bytes(w->text, "\n", 1);
    neap__text_add(w->text, "%*s", indent, "");
    w->column = indent;
}

/* The part of the tensor that begins at element `index`, from `axis` on. As deep as the
 * rank. */
static void visit(walk *w, int axis, int64_t index)
{
    const int rank = w->tensor->shape.rank, indent = axis + 1;
    const bool row = axis == rank - 1, writes = !w->survey;
    const int64_t count = w->tensor->shape.dims[axis];
    const bool cut = w->summarised && count > 2 * EDGE;
    if (writes) {
        neap__text_bytes(w->text, "[", 1);
        w->column = indent;
        w->pending = 0;
    }
    for (int64_t i = 0; i < count; i++) {
        if (cut && i == EDGE) {
            i = count - EDGE;
            if (writes && row)
                write_word(w, "...", indent);
            else if (writes)
                neap__text_bytes(w->text, "...", 3);
            if (writes)
                write_separator(w, row, rank - axis - 1, indent);
        }
        const int64_t place = index + i * w->strides[axis];
        if (row)
            visit_element(w, place, indent);
        else
            visit(w, axis + 1, place);
        if (writes && i + 1 < count)
            write_separator(w, row, rank - axis - 1, indent);
    }
    if (writes) {
        neap__text_add(w->text, "%*s]", row ? w->pending : 0, "");
        w->pending = 0;
    }
}

void neap__text_tensor(neap__text *text, const neap_tensor *t)
{
    neap__floating saved;
    neap__floating_begin(&saved);
    format f = {false, 0, 0, 0};
    if (t->shape.rank == 0) {
        add_element(text, &f, t, 0);
    } else if (t->size == 0) {
        neap__text_bytes(text, "[]", 2);
    } else {
        survey s = {.least = INFINITY};
        walk w = {
            .tensor = t, .summarised = t->size > THRESHOLD, .survey = &s, .text = text};
        neap__strides(&t->shape, w.strides);
        visit(&w, 0, 0);
        f = neap__is_floating(t->dtype) ? number_format(&s, t->dtype) : s.fixed;
        if (t->dtype == NEAP_BOOL)
            f.left = 5;
        w.format = f;
        w.survey = NULL;
        visit(&w, 0, 0);
    }
    neap__floating_end(&saved);
}
