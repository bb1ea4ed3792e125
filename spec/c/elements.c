/* elements.c - element functions against plain loops in double, for every instruction
 * set that this machine has. With the argument "all" the float32 functions are checked
 * over all 2^32 values, which takes some minutes.
 *
 * Runs once: it goes through the instruction sets itself. */
#include "numbers.h"

/* ---- Element functions ------------------------------------------------------------- */

static double sigmoid(double x)
{
    return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

static double floor_mod(double x, double y)
{
    const double m = fmod(x, y);
    return m != 0 && (y < 0) != (m < 0) ? m + y : m;
}

/* What a function gives for a floating dtype, in double. What a function that is not
 * here gives is said by its operation's samples; it is compared with itself, on one
 * element. */
static double expected(neap__element_code code, double x, double y)
{
    switch (code) {
    case NEAP__ELEMENT_copy:
        return x;
    case NEAP__ELEMENT_add:
        return x + y;
    case NEAP__ELEMENT_subtract:
        return x - y;
    case NEAP__ELEMENT_multiply:
        return x * y;
    case NEAP__ELEMENT_divide:
        return x / y;
    case NEAP__ELEMENT_negative:
        return -x;
    case NEAP__ELEMENT_square:
        return x * x;
    case NEAP__ELEMENT_sqrt:
        return sqrt(x);
    case NEAP__ELEMENT_exp:
        return exp(x);
    case NEAP__ELEMENT_log:
        return log(x);
    case NEAP__ELEMENT_log1p:
        return log1p(x);
    case NEAP__ELEMENT_pow:
        return pow(x, y);
    case NEAP__ELEMENT_abs:
        return fabs(x);
    case NEAP__ELEMENT_sign:
        return isnan(x) ? x : (double)((x > 0) - (x < 0));
    case NEAP__ELEMENT_maximum:
        return isnan(x) || isnan(y) ? NAN : x > y ? x : y;
    case NEAP__ELEMENT_minimum:
        return isnan(x) || isnan(y) ? NAN : x < y ? x : y;
    case NEAP__ELEMENT_floor_divide:
        return floor(x / y);
    case NEAP__ELEMENT_mod:
        return floor_mod(x, y);
    case NEAP__ELEMENT_sigmoid:
        return sigmoid(x);
    case NEAP__ELEMENT_tanh:
        return tanh(x);
    case NEAP__ELEMENT_relu:
        return x < 0 ? 0 : x;
    case NEAP__ELEMENT_relu_gradient:
        return y > 0 ? x : 0;
    case NEAP__ELEMENT_sigmoid_gradient:
        return x * y * (1 - y);
    case NEAP__ELEMENT_tanh_gradient:
        return x * (1 - y * y);
    case NEAP__ELEMENT_equal:
        return x == y;
    case NEAP__ELEMENT_less:
        return x < y;
    case NEAP__ELEMENT_greater:
        return x > y;
    default:
        return NAN;
    }
}

static double tolerance_of(neap_dtype dtype)
{
    return dtype == NEAP_FLOAT64   ? 1e-14
           : dtype == NEAP_FLOAT32 ? 1e-6
           : dtype == NEAP_FLOAT16 ? 2e-3
                                   : 2e-2;
}

static bool is_unsigned(neap_dtype dtype)
{
    return dtype >= NEAP_UINT8 && neap__is_integer(dtype);
}

static void fill_numbers(neap_dtype dtype, void *data, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (neap__is_floating(dtype))
            neap__store_number(dtype, data, i, next_number(-4, 4));
        else if (dtype == NEAP_BOOL)
            neap__store_integer(dtype, data, i, next_below(2));
        else
            neap__store_integer(dtype, data, i,
                                next_below(9) - (is_unsigned(dtype) ? 0 : 4));
}

static const double parameters[] = {0.25, 1.5};

/* Element i of a result against what is expected of it: integers have to wrap. */
static bool right_element(neap__element *f, neap__element_code code, neap_dtype from,
                          const void *const *in, const void *out, int64_t i)
{
    const neap__element_row *row = &neap__elements[code];
    const neap_dtype to = neap__element_result(code, from);
    const size_t width = neap_dtype_size(from), out_width = neap_dtype_size(to);
    const char *got = (const char *)out + (size_t)i * out_width;
    uint64_t alone[3] = {0}, bits = 0;
    const void *one[] = {&alone[0], &alone[1], &alone[2]};
    for (int k = 0; k < row->inputs; k++) {
        const size_t size = row->chooses && k == 0 ? 1 : width;
        memcpy(&alone[k], (const char *)in[k] + (size_t)i * size, size);
    }
    if (row->chooses)
        return memcmp(got, one[alone[0] ? 1 : 2], width) == 0;
    const double x = element(from, one[0], 0),
                 y = row->inputs > 1 ? element(from, one[1], 0) : 0;
    double want = expected(code, x, y);
    if (isnan(want) && !isnan(x) && !isnan(y)) {
        f(1, &bits, one, parameters);
        return memcmp(got, &bits, out_width) == 0;
    }
    if (!neap__is_integer(to)) {
        const bool beyond = from == NEAP_FLOAT16 && fabs(want) > 65000;
        return beyond || near(element(to, out, i), want, tolerance_of(to));
    }
    if (!isfinite(want)) /* 0 to a negative power, or a quotient of 0 */
        want = 0;
    const int64_t whole = (int64_t)want;
    return memcmp(got, &whole, out_width) == 0;
}

/* One function at one length, starting anywhere; then in place, with the same bits. */
static void check_element(neap__isa isa, neap__element_code code, neap_dtype from,
                          int64_t n, int64_t start)
{
    const neap__element_row *row = &neap__elements[code];
    const neap_dtype to = neap__element_result(code, from);
    neap__element *f = neap__find_element(isa, code, from, to);
    if (!CHECK(f != NULL))
        return;
    unsigned char memory[4][100 * 8];
    const size_t width = neap_dtype_size(from), out_width = neap_dtype_size(to);
    const void *in[3];
    void *out = memory[3] + (size_t)start * out_width;
    for (int k = 0; k < row->inputs; k++) {
        const bool condition = row->chooses && k == 0;
        fill_numbers(condition ? NEAP_BOOL : from, memory[k], 100);
        in[k] = memory[k] + (size_t)start * (condition ? 1 : width);
    }
    memset(memory[3], 0xCD, sizeof memory[3]);
    f(n, out, in, parameters);
    bool right = true;
    for (int64_t i = 0; i < n; i++)
        right = right && right_element(f, code, from, in, out, i);
    right = right && ((unsigned char *)out)[(size_t)n * out_width] == 0xCD;
    if (!CHECK(right))
        printf("  %s %s %s n %d start %d\n", row->name, neap_dtype_name(from),
               neap__isa_name(isa), (int)n, (int)start);
    if (width != out_width)
        return;
    const int same = row->chooses ? 1 : 0;
    f(n, (void *)(uintptr_t)in[same], in, parameters);
    CHECK(memcmp(in[same], out, (size_t)n * width) == 0);
}

static void check_elements(neap__isa isa)
{
    for (neap__element_code code = 0; code < NEAP__ELEMENT_CODES; code++)
        for (neap_dtype from = NEAP_FLOAT32; from < NEAP__DTYPES; from++) {
            if (code == NEAP__ELEMENT_cast) /* below */
                continue;
            if (!(neap__elements[code].dtypes & NEAP__BIT(from))) {
                CHECK(!neap__find_element(isa, code, from,
                                          neap__element_result(code, from)));
                continue;
            }
            for (int64_t n = 0; n <= 67; n += n < 20 ? 1 : 7)
                check_element(isa, code, from, n, n % 4);
        }
}

static void check_float_function(neap__isa isa, neap__element_code code, double bound,
                                 uint64_t step)
{
    enum { N = 4096 };
    static float x[N], y[N];
    neap__element *f = neap__find_element(isa, code, NEAP_FLOAT32, NEAP_FLOAT32);
    const void *in[] = {x};
    double worst = 0;
    for (uint64_t begin = 0; begin < UINT64_C(1) << 32; begin += N * step) {
        for (uint64_t i = 0; i < N; i++) {
            const uint32_t bits = (uint32_t)(begin + i * step);
            memcpy(&x[i], &bits, sizeof bits);
        }
        f(N, y, in, NULL);
        for (int i = 0; i < N; i++)
            worst = fmax(worst, float_error(y[i], expected(code, (double)x[i], 0)));
    }
    if (!CHECK(worst <= bound))
        printf("  %s %s: %g\n", neap__elements[code].name, neap__isa_name(isa), worst);
}

static void check_float_pow(neap__isa isa)
{
    static const float table[] = {0.0f,
                                  -0.0f,
                                  1,
                                  -1,
                                  2,
                                  -2,
                                  0.5f,
                                  -0.5f,
                                  3,
                                  -3,
                                  INFINITY,
                                  -INFINITY,
                                  NAN,
                                  1e-40f,
                                  -1e-40f,
                                  8388607.5f,
                                  8388609,
                                  -8388609,
                                  4194304.5f,
                                  1e38f,
                                  -1e38f,
                                  0.1f,
                                  0x1.fffffep-1f,
                                  0x1.000002p0f,
                                  127,
                                  -127,
                                  -149,
                                  16777216};
    enum { N = sizeof table / sizeof *table };
    neap__element *f =
        neap__find_element(isa, NEAP__ELEMENT_pow, NEAP_FLOAT32, NEAP_FLOAT32);
    double worst = 0;
    for (int i = 0; i < N; i++) {
        float x[N], y[N];
        for (int j = 0; j < N; j++)
            x[j] = table[i];
        const void *in[] = {x, table};
        f(N, y, in, NULL);
        for (int j = 0; j < N; j++) {
            const double error = float_error(y[j], pow((double)x[j], (double)table[j]));
            if (!CHECK(error <= 1))
                printf("  pow(%g, %g) = %g\n", (double)x[j], (double)table[j],
                       (double)y[j]);
        }
    }
    for (int k = 0; k < 2000; k++) {
        float x[64], y[64], z[64];
        for (int i = 0; i < 64; i++) {
            x[i] = (float)exp(next_number(-90, 88));
            y[i] = (float)next_number(-1, 1) *
                   (k % 3 ? 2 : 90 / (fabsf(logf(x[i])) + 0.01f));
        }
        const void *in[] = {x, y};
        f(64, z, in, NULL);
        for (int i = 0; i < 64; i++)
            worst = fmax(worst, float_error(z[i], pow((double)x[i], (double)y[i])));
    }
    CHECK(worst <= (isa == NEAP__GENERIC ? 1 : 0.51));
}

static int64_t integer_result(neap__isa isa, neap__element_code code, neap_dtype dtype,
                              int64_t x, int64_t y)
{
    int64_t a = 0, b = 0, c = 0;
    const void *in[] = {&a, &b};
    neap__store_integer(dtype, &a, 0, x);
    neap__store_integer(dtype, &b, 0, y);
    neap__find_element(isa, code, dtype, dtype)(1, &c, in, NULL);
    return neap__element_integer(dtype, &c, 0);
}

static void check_integers(neap__isa isa)
{
    static const struct {
        neap_dtype dtype;
        int64_t low, high;
    } limits[] = {{NEAP_INT8, INT8_MIN, INT8_MAX},
                  {NEAP_INT16, INT16_MIN, INT16_MAX},
                  {NEAP_INT32, INT32_MIN, INT32_MAX},
                  {NEAP_INT64, INT64_MIN, INT64_MAX}};
    for (int i = 0; i < 4; i++) {
        const neap_dtype d = limits[i].dtype;
        const int64_t low = limits[i].low, high = limits[i].high;
        CHECK(integer_result(isa, NEAP__ELEMENT_negative, d, low, 0) == low);
        CHECK(integer_result(isa, NEAP__ELEMENT_abs, d, low, 0) == low);
        CHECK(integer_result(isa, NEAP__ELEMENT_add, d, high, 1) == low);
        CHECK(integer_result(isa, NEAP__ELEMENT_subtract, d, low, 1) == high);
        CHECK(integer_result(isa, NEAP__ELEMENT_multiply, d, high, 2) == -2);
        CHECK(integer_result(isa, NEAP__ELEMENT_square, d, low, 0) == 0);
        CHECK(integer_result(isa, NEAP__ELEMENT_pow, d, 2, -1) == 0);
        CHECK(integer_result(isa, NEAP__ELEMENT_pow, d, 1, -5) == 1);
        CHECK(integer_result(isa, NEAP__ELEMENT_pow, d, -1, -5) == -1);
        CHECK(integer_result(isa, NEAP__ELEMENT_pow, d, -1, low) == 1);
        CHECK(integer_result(isa, NEAP__ELEMENT_pow, d, 0, 0) == 1);
        CHECK(integer_result(isa, NEAP__ELEMENT_pow, d, 0, -1) == 0);
        CHECK(integer_result(isa, NEAP__ELEMENT_pow, d, 3, 4) == 81);
        CHECK(integer_result(isa, NEAP__ELEMENT_sign, d, low, 0) == -1);
        CHECK(integer_result(isa, NEAP__ELEMENT_maximum, d, low, high) == high);
    }
}

static void check_casts(void)
{
    static const double numbers[] = {0,
                                     1,
                                     -1,
                                     0.5,
                                     -0.5,
                                     1.5,
                                     300,
                                     -300,
                                     127,
                                     128,
                                     -129,
                                     65504,
                                     3e9,
                                     -3e9,
                                     1e19,
                                     -1e19,
                                     9223372036854775807.0,
                                     1e300,
                                     -1e300,
                                     INFINITY,
                                     -INFINITY,
                                     NAN,
                                     2147483647.0,
                                     255.9,
                                     256};
    static const double low[] = {[NEAP_INT8] = INT8_MIN,
                                 [NEAP_INT16] = INT16_MIN,
                                 [NEAP_INT32] = INT32_MIN,
                                 [NEAP_INT64] = -0x1p63,
                                 [NEAP_UINT8] = 0};
    static const double high[] = {[NEAP_INT8] = INT8_MAX,
                                  [NEAP_INT16] = INT16_MAX,
                                  [NEAP_INT32] = INT32_MAX,
                                  [NEAP_INT64] = 0x1p63,
                                  [NEAP_UINT8] = UINT8_MAX};
    enum { N = sizeof numbers / sizeof *numbers };
    for (neap_dtype from = NEAP_FLOAT32; from <= NEAP_FLOAT64; from++) {
        double x[N], y[N];
        const void *in[] = {x}, *source[] = {numbers};
        neap__find_element(NEAP__GENERIC, NEAP__ELEMENT_cast, NEAP_FLOAT64,
                           from)(N, x, source, NULL);
        for (neap_dtype to = NEAP_FLOAT32; to <= NEAP_BOOL; to++) {
            neap__find_element(NEAP__GENERIC, NEAP__ELEMENT_cast, from, to)(N, y, in,
                                                                            NULL);
            for (int i = 0; i < N; i++) {
                const double v = element(from, x, i), got = element(to, y, i);
                if (to == NEAP_BOOL)
                    CHECK(got == (v != 0 ? 1 : 0));
                else if (neap__is_integer(to))
                    CHECK(got ==
                          (isnan(v) ? 0 : fmin(fmax(trunc(v), low[to]), high[to])));
                else if (to == NEAP_FLOAT64)
                    CHECK(near(got, v, 0));
            }
        }
    }
    for (neap_dtype from = NEAP_FLOAT32; from <= NEAP_BOOL; from++)
        for (neap_dtype to = NEAP_FLOAT32; to <= NEAP_BOOL; to++) {
            unsigned char x[8 * 9], y[8 * 9];
            const void *in[] = {x};
            for (int i = 0; i < 9; i++)
                neap__store_integer(from, x, i, i & 1);
            neap__find_element(NEAP__GENERIC, NEAP__ELEMENT_cast, from, to)(9, y, in,
                                                                            NULL);
            for (int i = 0; i < 9; i++)
                CHECK(element(to, y, i) == (i & 1));
        }
}

int main(int count, char **arguments)
{
    const uint64_t step = count > 1 && strcmp(arguments[1], "all") == 0 ? 1 : 4093;
    for (neap__isa isa = NEAP__GENERIC; isa <= neap__best_isa(); isa++) {
        check_elements(isa);
        check_float_function(isa, NEAP__ELEMENT_exp, 1.1, step);
        check_float_function(isa, NEAP__ELEMENT_log, 0.9, step);
        check_float_function(isa, NEAP__ELEMENT_log1p, 1.5, step);
        check_float_function(isa, NEAP__ELEMENT_tanh, 1.4, step);
        check_float_function(isa, NEAP__ELEMENT_sigmoid, 2.5, step);
        check_float_pow(isa);
        check_integers(isa);
    }
    check_casts();
    return check_report();
}
