/* tensor.c - specs of src/tensor. Links the core's objects or libneap.a; -Isrc. Runs in
 * the root of the sources, or with the path of print_reference.txt as its argument.
 *
 * Runs once: no instruction set touches it. */
#include "check.h"
#include "tensor/tensor.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

/* ---- Dtypes ------------------------------------------------------------------------ */

static void spec_dtypes(void)
{
    CHECK_TEXT(neap_dtype_name(NEAP_BFLOAT16), "bfloat16");
    CHECK_TEXT(neap_dtype_name((neap_dtype)99), "none");
    CHECK_TEXT(neap_dtype_name((neap_dtype)-1), "none");
    CHECK(neap_dtype_of("float64") == NEAP_FLOAT64 && neap_dtype_of("bool") == NEAP_BOOL);
    CHECK(neap_dtype_of("uint16") == NEAP_UINT16 &&
          neap_dtype_of("uint") == NEAP_DTYPE_NONE);
    CHECK(neap_dtype_of("none") == NEAP_DTYPE_NONE &&
          neap_dtype_of(NULL) == NEAP_DTYPE_NONE);
    CHECK(neap_dtype_size(NEAP_FLOAT16) == 2 && neap_dtype_size(NEAP_INT64) == 8);
    CHECK(neap_dtype_size(NEAP_UINT32) == 4 && neap_dtype_size((neap_dtype)50) == 0);
    char text[64];
    neap__text t = neap__text_over(text, sizeof text);
    neap__text_dtypes(&t, NEAP__FLOAT | NEAP__BOOLEAN);
    CHECK_TEXT(text, "float32, float64, bool");
}

/* The value of a half by its definition (IEEE 754 binary16). */
static double half_value(unsigned h)
{
    const int exponent = (int)(h >> 10 & 0x1F), fraction = (int)(h & 0x3FF);
    const double size = exponent == 31  ? (fraction ? NAN : INFINITY)
                        : exponent == 0 ? ldexp(fraction, -24)
                                        : ldexp(1024 + fraction, exponent - 25);
    return h & 0x8000 ? -size : size;
}

/* Every half and bfloat16 there and back; and what lies between neighbours goes to the
 * nearer, a tie to the even one. */
static void spec_halves(void)
{
    int wrong = 0;
    for (unsigned h = 0; h < 0x10000; h++) {
        const float f = neap__half_to_float((uint16_t)h);
        const double expected = half_value(h);
        wrong += isnan(expected) ? !isnan(f)
                                 : (double)f != expected || !signbit(f) != !(h >> 15);
        wrong += neap__float_to_half(f) != h;
        const float b = neap__bfloat_to_float((uint16_t)h);
        const unsigned kept = isnan(b) ? h | 0x40 : h; /* a NaN comes back quiet */
        wrong += neap__float_to_bfloat(b) != kept;
    }
    CHECK(wrong == 0);
    for (unsigned h = 0; h < 0x7BFF; h++) {
        const float low = neap__half_to_float((uint16_t)h);
        const float high = neap__half_to_float((uint16_t)(h + 1));
        const float tie = (low + high) / 2;
        wrong += neap__float_to_half(tie) != (h & 1 ? h + 1 : h);
        wrong += neap__float_to_half(nextafterf(tie, 0)) != h;
        wrong += neap__float_to_half(-nextafterf(tie, INFINITY)) != ((h + 1) | 0x8000);
    }
    for (unsigned b = 0; b < 0x7F7F; b++) {
        const float low = neap__bfloat_to_float((uint16_t)b);
        const float high = neap__bfloat_to_float((uint16_t)(b + 1));
        const float tie = low + (high - low) / 2;
        wrong += neap__float_to_bfloat(tie) != (b & 1 ? b + 1 : b);
        wrong += neap__float_to_bfloat(nextafterf(tie, 0)) != b;
        wrong += neap__float_to_bfloat(nextafterf(tie, INFINITY)) != b + 1;
    }
    CHECK(wrong == 0);
    CHECK(neap__float_to_half(65519.99F) == 0x7BFF &&
          neap__float_to_half(65520) == 0x7C00);
    CHECK(neap__float_to_half(NAN) & 0x3FF && neap__float_to_half(-INFINITY) == 0xFC00);
    CHECK(isnan(neap__bfloat_to_float(neap__float_to_bfloat(NAN))));
}

static void spec_elements(void)
{
    union {
        int64_t whole[2];
        double number[2];
        uint8_t byte[16];
        uint16_t half[8];
        float single[4];
    } m = {{0}};
    CHECK(neap__store_number(NEAP_INT64, &m, 1, -0x1p63) && m.whole[1] == INT64_MIN);
    CHECK(!neap__store_number(NEAP_INT64, &m, 1, 0x1p63) && m.whole[1] == INT64_MIN);
    CHECK(!neap__store_number(NEAP_INT64, &m, 0, 0.5) &&
          !neap__store_number(NEAP_INT64, &m, 0, NAN));
    CHECK(!neap__store_number(NEAP_INT32, &m, 0, INFINITY));
    CHECK(neap__store_number(NEAP_UINT8, &m, 0, 255) && m.byte[0] == 255);
    CHECK(!neap__store_number(NEAP_UINT8, &m, 0, 300) &&
          !neap__store_integer(NEAP_UINT8, &m, 0, -1));
    CHECK(neap__store_integer(NEAP_INT8, &m, 3, -128) &&
          !neap__store_integer(NEAP_INT8, &m, 3, 128));
    CHECK(neap__element_integer(NEAP_INT8, &m, 3) == -128);
    CHECK(neap__store_integer(NEAP_INT16, &m, 1, -32768) &&
          neap__element_number(NEAP_INT16, &m, 1) == -32768);
    CHECK(!neap__store_integer(NEAP_INT16, &m, 1, 32768));
    CHECK(neap__store_integer(NEAP_INT32, &m, 1, INT32_MIN) &&
          neap__element_integer(NEAP_INT32, &m, 1) == INT32_MIN);
    CHECK(!neap__store_integer(NEAP_INT32, &m, 1, INT64_C(1) << 31));
    CHECK(neap__store_integer(NEAP_BOOL, &m, 0, 1) &&
          !neap__store_integer(NEAP_BOOL, &m, 0, 2));
    CHECK(neap__store_number(NEAP_BOOL, &m, 0, -0.0) &&
          neap__element_integer(NEAP_BOOL, &m, 0) == 0);
    CHECK(neap__store_integer(NEAP_INT64, &m, 0, INT64_MAX) &&
          neap__element_integer(NEAP_INT64, &m, 0) == INT64_MAX);
    CHECK(!neap__store_number(NEAP_FLOAT32, &m, 0, 1e300));
    CHECK(neap__store_number(NEAP_FLOAT32, &m, 0, INFINITY) && isinf(m.single[0]));
    CHECK(neap__store_number(NEAP_FLOAT32, &m, 0, 0.1) && m.single[0] == 0.1F);
    CHECK(neap__store_integer(NEAP_FLOAT32, &m, 0, 16777217) && m.single[0] == 16777216);
    CHECK(!neap__store_number(NEAP_FLOAT16, &m, 0, 65520) &&
          !neap__store_number(NEAP_BFLOAT16, &m, 0, 3.4e38));
    CHECK(neap__store_number(NEAP_FLOAT16, &m, 0, NAN) &&
          isnan(neap__element_number(NEAP_FLOAT16, &m, 0)));
    /* Just above a tie of halves, but a tie as a float: one rounding, not two. */
    CHECK(neap__store_number(NEAP_FLOAT16, &m, 0, 1 + 0x1p-11 + 0x1p-40) &&
          m.half[0] == 0x3C01);
    CHECK(neap__store_number(NEAP_FLOAT16, &m, 0, 1 + 0x1p-11) && m.half[0] == 0x3C00);
    CHECK(neap__store_number(NEAP_FLOAT64, &m, 0, 1e300) &&
          neap__element_number(NEAP_FLOAT64, &m, 0) == 1e300);
    CHECK(neap__element_integer(NEAP_FLOAT64, &m, 0) == INT64_MAX);
    CHECK(!neap__store_number(NEAP_DTYPE_NONE, &m, 0, 1));
}

/* The integers without a sign, and those of 64 bits, of which a double holds few. */
static void spec_wide_integers(void)
{
    union {
        uint64_t whole[2];
        double number[2];
        uint16_t half[8];
        uint32_t word[4];
    } m = {{0}};
    CHECK(neap__store_integer(NEAP_UINT16, &m, 3, 65535) && m.half[3] == 65535);
    CHECK(!neap__store_integer(NEAP_UINT16, &m, 0, 65536) &&
          !neap__store_integer(NEAP_UINT16, &m, 0, -1));
    CHECK(neap__store_integer(NEAP_UINT32, &m, 1, UINT32_MAX) && m.word[1] == UINT32_MAX);
    CHECK(neap__element_integer(NEAP_UINT32, &m, 1) == UINT32_MAX &&
          neap__element_number(NEAP_UINT32, &m, 1) == 4294967295.0);
    CHECK(!neap__store_number(NEAP_UINT32, &m, 0, 0x1p32) &&
          !neap__store_number(NEAP_UINT32, &m, 0, -1));
    CHECK(neap__store_unsigned(NEAP_UINT64, &m, 0, UINT64_MAX) &&
          m.whole[0] == UINT64_MAX);
    CHECK(neap__element_unsigned(NEAP_UINT64, &m, 0) == UINT64_MAX &&
          neap__element_integer(NEAP_UINT64, &m, 0) == INT64_MAX &&
          neap__element_number(NEAP_UINT64, &m, 0) == 0x1p64);
    CHECK(neap__store_number(NEAP_UINT64, &m, 1, 0x1p63) && m.whole[1] == UINT64_C(1)
                                                                              << 63);
    CHECK(!neap__store_number(NEAP_UINT64, &m, 1, 0x1p64) &&
          !neap__store_number(NEAP_UINT64, &m, 1, -1) &&
          !neap__store_number(NEAP_UINT64, &m, 1, 0.5) &&
          !neap__store_integer(NEAP_UINT64, &m, 1, -1) &&
          m.whole[1] == UINT64_C(1) << 63);
    CHECK(!neap__store_unsigned(NEAP_INT64, &m, 0, UINT64_C(1) << 63) &&
          !neap__store_unsigned(NEAP_BOOL, &m, 0, 2));
    CHECK(neap__store_integer(NEAP_INT64, &m, 0, -7) &&
          neap__element_unsigned(NEAP_INT64, &m, 0) == 0);
    CHECK(neap__store_number(NEAP_FLOAT64, &m, 0, 1.5e19) &&
          neap__element_unsigned(NEAP_FLOAT64, &m, 0) == UINT64_C(15000000000000000000));
    CHECK(neap__store_number(NEAP_FLOAT64, &m, 0, NAN) &&
          neap__element_unsigned(NEAP_FLOAT64, &m, 0) == 0);
    CHECK(neap__store_unsigned(NEAP_FLOAT64, &m, 0, UINT64_MAX) && m.number[0] == 0x1p64);
    /* 2^62 + 2^54 lies between two bfloat16, and as a double so does the number above. */
    CHECK(neap__store_integer(NEAP_BFLOAT16, &m, 0,
                              (INT64_C(1) << 62) + (INT64_C(1) << 54) + 1) &&
          m.half[0] == 0x5E81);
    CHECK(neap__store_integer(NEAP_BFLOAT16, &m, 0,
                              (INT64_C(1) << 62) + (INT64_C(1) << 54)) &&
          m.half[0] == 0x5E80);
    CHECK(neap__store_integer(NEAP_BFLOAT16, &m, 0,
                              -(INT64_C(1) << 62) - (INT64_C(1) << 54) - 1) &&
          m.half[0] == 0xDE81);
    CHECK(neap__odd_float_of_unsigned(UINT64_MAX) == 0x1.fffffep63f &&
          neap__odd_float_of_unsigned(16777216) == 16777216);
    int64_t low;
    uint64_t high;
    neap__integer_range(NEAP_INT16, &low, &high);
    CHECK(low == -32768 && high == 32767);
    neap__integer_range(NEAP_UINT64, &low, &high);
    CHECK(low == 0 && high == UINT64_MAX);
    neap__integer_range(NEAP_INT64, &low, &high);
    CHECK(low == INT64_MIN && high == INT64_MAX);
    neap__integer_range(NEAP_BOOL, &low, &high);
    CHECK(low == 0 && high == 1);
}

/* ---- Shapes ------------------------------------------------------------------------ */

static neap__shape shape_of(int rank, const int64_t *dims)
{
    neap__shape s = neap__unknown_shape();
    CHECK(neap__shape_make(&s, rank, dims, true, "spec", NULL));
    return s;
}

static void refuse_shape(int rank, const int64_t *dims, bool partial, int code,
                         const char *text)
{
    neap_error err = NEAP_ERROR_INIT;
    neap__shape s = {77, {0}};
    CHECK(!neap__shape_make(&s, rank, dims, partial, "reshape", &err));
    CHECK(err.code == code && s.rank == 77);
    CHECK_TEXT(err.message, text);
}

static void spec_shapes(void)
{
    const int64_t large = INT64_C(1) << 31, huge = INT64_C(1) << 62;
    char text[NEAP__SHAPE_SIZE];
    refuse_shape(-1, NULL, false, NEAP_ERANGE, "reshape: rank -1 is negative");
    refuse_shape(-2, NULL, true, NEAP_ERANGE, "reshape: rank -2 is negative");
    refuse_shape(9, NULL, true, NEAP_ELIMIT, "reshape: rank 9 is above the limit of 8");
    refuse_shape(1, NULL, true, NEAP_EARG, "reshape: dims is NULL");
    refuse_shape(2, DIMS(2, -1), false, NEAP_ERANGE,
                 "reshape: dimension 1 is negative: -1");
    refuse_shape(1, DIMS(INT64_MIN), true, NEAP_ERANGE,
                 "reshape: dimension 0 is negative: -9223372036854775808");
    refuse_shape(3, DIMS(large, large, 4), false, NEAP_ELIMIT,
                 "reshape: (2147483648, 2147483648, 4) has more than 2^62 elements");
    refuse_shape(2, DIMS(huge, 2), false, NEAP_ELIMIT,
                 "reshape: (4611686018427387904, 2) has more than 2^62 elements");
    refuse_shape(2, DIMS(INT64_C(1) << 32, INT64_C(1) << 32), true, NEAP_ELIMIT,
                 "reshape: (4294967296, 4294967296) has more than 2^62 elements");
    refuse_shape(3, DIMS(0, huge, huge), false, NEAP_ELIMIT,
                 "reshape: (0, 4611686018427387904, 4611686018427387904) has more than "
                 "2^62 elements");
    neap__shape s = shape_of(2, DIMS(0, huge));
    CHECK(neap__shape_size(&s) == 0);
    s = shape_of(8, DIMS(1, 2, 3, 4, 5, 6, 7, 8));
    CHECK(neap__shape_size(&s) == 40320);

    size_t bytes;
    neap_error err = NEAP_ERROR_INIT;
    s = shape_of(1, DIMS(huge));
    CHECK(!neap__shape_bytes(&s, NEAP_FLOAT64, &bytes, &err) && err.code == NEAP_ELIMIT);
    CHECK(!neap__shape_bytes(&s, NEAP_FLOAT16, &bytes, NULL)); /* 2^63 */
    CHECK(neap__shape_bytes(&s, NEAP_INT8, &bytes, NULL) && bytes == (size_t)huge);

    s = shape_of(2, DIMS(2, 3));
    CHECK_TEXT(neap__shape_text(text, &s), "(2, 3)");
    s = shape_of(1, DIMS(2));
    CHECK_TEXT(neap__shape_text(text, &s), "(2,)");
    s = neap__scalar_shape();
    CHECK_TEXT(neap__shape_text(text, &s), "()");
    CHECK(neap__shape_known(&s) && neap__shape_size(&s) == 1);
    s = shape_of(2, DIMS(-1, 3));
    CHECK_TEXT(neap__shape_text(text, &s), "(?, 3)");
    CHECK(!neap__shape_known(&s));
    s = neap__unknown_shape();
    CHECK_TEXT(neap__shape_text(text, &s), "unknown");
    CHECK(!neap__shape_known(&s));
}

static void spec_partial_shapes(void)
{
    neap__shape out;
    const neap__shape u = neap__unknown_shape(), a = shape_of(2, DIMS(-1, 3)),
                      b = shape_of(2, DIMS(2, -1)), c = shape_of(2, DIMS(2, 4)),
                      d = shape_of(2, DIMS(2, 3)), e = shape_of(1, DIMS(3));
    CHECK(neap__shape_compatible(&u, &c) && neap__shape_compatible(&a, &b));
    CHECK(!neap__shape_compatible(&a, &c) && !neap__shape_compatible(&a, &e));
    CHECK(neap__shape_merge(&a, &b, &out) && neap__shape_equal(&out, &d));
    CHECK(neap__shape_merge(&u, &b, &out) && neap__shape_equal(&out, &b));
    CHECK(neap__shape_merge(&b, &u, &out) && neap__shape_equal(&out, &b));
    CHECK(!neap__shape_merge(&a, &c, &out) && !neap__shape_equal(&d, &e));
}

static void check_broadcast(neap__shape a, neap__shape b, const char *expected)
{
    char text[NEAP__SHAPE_SIZE];
    for (int turn = 0; turn < 2; turn++) {
        neap__shape out;
        const bool agree = neap__broadcast(turn ? &b : &a, turn ? &a : &b, &out);
        CHECK_TEXT(agree ? neap__shape_text(text, &out) : "none", expected);
    }
}

static void spec_broadcast(void)
{
    check_broadcast(shape_of(2, DIMS(2, 3)), shape_of(1, DIMS(3)), "(2, 3)");
    check_broadcast(shape_of(2, DIMS(2, 1)), shape_of(2, DIMS(1, 3)), "(2, 3)");
    check_broadcast(shape_of(2, DIMS(2, 3)), neap__scalar_shape(), "(2, 3)");
    check_broadcast(shape_of(1, DIMS(0)), shape_of(1, DIMS(1)), "(0,)");
    check_broadcast(shape_of(1, DIMS(0)), shape_of(1, DIMS(2)), "none");
    check_broadcast(shape_of(1, DIMS(0)), shape_of(1, DIMS(-1)), "(0,)");
    check_broadcast(shape_of(1, DIMS(2)), shape_of(1, DIMS(3)), "none");
    check_broadcast(shape_of(1, DIMS(-1)), shape_of(1, DIMS(3)), "(3,)");
    check_broadcast(shape_of(1, DIMS(-1)), shape_of(1, DIMS(1)), "(?,)");
    check_broadcast(shape_of(1, DIMS(-1)), shape_of(2, DIMS(4, -1)), "(4, ?)");
    check_broadcast(shape_of(1, DIMS(3)), neap__unknown_shape(), "unknown");
    check_broadcast(shape_of(2, DIMS(INT64_C(1) << 40, 1)),
                    shape_of(1, DIMS(INT64_C(1) << 40)), "none"); /* 2^80 elements */
    int64_t strides[NEAP_MAX_RANK];
    const neap__shape from = shape_of(2, DIMS(3, 1)), to = shape_of(3, DIMS(2, 3, 4));
    neap__broadcast_strides(&from, &to, strides);
    CHECK(strides[0] == 0 && strides[1] == 1 && strides[2] == 0);
    neap__strides(&to, strides);
    CHECK(strides[0] == 12 && strides[1] == 4 && strides[2] == 1);
}

static void spec_axes(void)
{
    neap_error err = NEAP_ERROR_INIT;
    int axis;
    unsigned mask;
    char text[NEAP__SHAPE_SIZE];
    CHECK(neap__axis(-2, 2, &axis, &err) && axis == 0 && neap__axis(1, 2, &axis, &err) &&
          axis == 1);
    CHECK(!neap__axis(3, 2, &axis, &err) && err.code == NEAP_ERANGE);
    CHECK_TEXT(err.message, "axis 3 is out of range for rank 2");
    CHECK(!neap__axis(0, 0, &axis, NULL) && !neap__axis(INT64_MIN, 8, &axis, NULL));
    CHECK(neap__axes(NULL, 0, 3, &mask, NULL) && mask == 7);
    CHECK(neap__axes(NULL, 0, 0, &mask, NULL) && mask == 0);
    CHECK(neap__axes(DIMS(0, -1), 2, 3, &mask, NULL) && mask == 5);
    CHECK(neap__axes(DIMS(0), 0, 3, &mask, NULL) && mask == 0);
    neap__clear(&err);
    CHECK(!neap__axes(DIMS(1, -2), 2, 3, &mask, &err) && err.code == NEAP_EARG);
    CHECK_TEXT(err.message, "axis -2 is given twice");
    CHECK(!neap__axes(DIMS(0, 5), 2, 3, &mask, NULL));
    const neap__shape s = shape_of(3, DIMS(2, -1, 4));
    neap__shape r = neap__reduced(&s, 5, false);
    CHECK_TEXT(neap__shape_text(text, &r), "(?,)");
    r = neap__reduced(&s, 5, true);
    CHECK_TEXT(neap__shape_text(text, &r), "(1, ?, 1)");
    r = neap__unknown_shape();
    r = neap__reduced(&r, 1, false);
    CHECK(r.rank == -1);
}

/* ---- Tensors ----------------------------------------------------------------------- */

static int released;

static void count_release(void *user, void *data)
{
    CHECK(user == &released && data);
    released++;
}

static void spec_tensors(void)
{
    neap_error err = NEAP_ERROR_INIT;
    const size_t before = neap__account_memory(neap__default_account()).current;
    const float data[] = {1, 2, 3, 4, 5, 6};
    neap_tensor *t = neap_tensor_copy(NEAP_FLOAT32, 2, DIMS(2, 3), data, &err);
    CHECK(neap_tensor_rank(t) == 2 && neap_tensor_dims(t)[1] == 3 &&
          neap_tensor_size(t) == 6);
    CHECK(neap_tensor_bytes(t) == 24 && neap_tensor_dtype(t) == NEAP_FLOAT32);
    CHECK((uintptr_t)neap_tensor_data(t) % 64 == 0);
    CHECK(memcmp(neap_tensor_data(t), data, sizeof data) == 0);
    CHECK(neap_tensor_edit(t) == neap_tensor_data(t));
    CHECK(neap_tensor_retain(t) == t && !neap_tensor_edit(t));
    neap_tensor_release(t);

    neap_tensor *v = neap_tensor_reshape(t, 2, DIMS(-1, 2), &err);
    CHECK(neap_tensor_dims(v)[0] == 3 && neap_tensor_data(v) == neap_tensor_data(t));
    neap_tensor *w = neap_tensor_reshape(v, 1, DIMS(6), &err);
    neap_tensor_release(v);
    CHECK(!neap_tensor_edit(t) && !neap_tensor_edit(w));
    neap_tensor_release(t);
    CHECK(neap_tensor_edit(w) ==
          neap_tensor_data(w)); /* the elements are its alone now */
    CHECK(!neap_tensor_reshape(w, 1, DIMS(5), &err) && err.code == NEAP_ESHAPE);
    CHECK_TEXT(err.message, "neap_tensor_reshape: shape (6,) cannot become (5,)");
    CHECK(
        !neap_tensor_copy(NEAP_FLOAT32, 0, NULL, NULL, &err)); /* the first error stays */
    CHECK(err.code == NEAP_ESHAPE);
    neap__clear(&err);
    CHECK(!neap_tensor_reshape(w, 2, DIMS(-1, 4), &err) && err.code == NEAP_ESHAPE);
    CHECK_TEXT(err.message, "neap_tensor_reshape: shape (6,) cannot become (?, 4)");
    CHECK(!neap_tensor_reshape(w, 2, DIMS(-1, 0), NULL));
    CHECK(!neap_tensor_reshape(w, -1, NULL, NULL) &&
          !neap_tensor_reshape(NULL, 0, NULL, NULL));
    neap__clear(&err);
    CHECK(!neap_tensor_reshape(w, 2, DIMS(-1, -1), &err) && err.code == NEAP_EARG);
    neap_tensor_release(w);

    neap__clear(&err);
    t = neap_tensor_copy(NEAP_INT32, 0, NULL, NULL, &err);
    CHECK(neap_tensor_size(t) == 1 && *(const int32_t *)neap_tensor_data(t) == 0);
    neap_tensor_release(t);
    t = neap_tensor_copy(NEAP_FLOAT64, 3, DIMS(2, 0, 3), NULL, &err);
    CHECK(neap_tensor_size(t) == 0 && neap_tensor_data(t));
    v = neap_tensor_reshape(t, 2, DIMS(0, 5), &err);
    CHECK(v && neap_tensor_size(v) == 0);
    neap_tensor_release(v);
    neap_tensor_release(t);
    t = neap_tensor_copy(NEAP_BOOL, 1, DIMS(3), "\0\1\2", &err);
    CHECK(memcmp(neap_tensor_data(t), "\0\1\1", 3) == 0);
    neap_tensor_release(t);
    t = neap_tensor_copy(NEAP_INT8, 1, DIMS(1 << 20), NULL,
                         &err); /* a piece of its own */
    CHECK((uintptr_t)neap_tensor_data(t) % 64 == 0 && neap_tensor_edit(t));
    neap_tensor_release(t);

    CHECK(!neap_tensor_copy((neap_dtype)14, 0, NULL, NULL, &err) &&
          err.code == NEAP_EDTYPE);
    CHECK_TEXT(err.message, "neap_tensor_copy: 14 is not a dtype");
    neap__clear(&err);
    CHECK(!neap_tensor_copy(NEAP_FLOAT32, 1, DIMS(INT64_C(1) << 62), NULL, &err));
    CHECK(err.code == NEAP_ELIMIT);
    neap__clear(&err);
    CHECK(!neap_tensor_copy(NEAP_FLOAT32, 1, DIMS(INT64_C(1) << 58), NULL, &err));
    CHECK(err.code == NEAP_ENOMEM);
    CHECK(neap_tensor_rank(NULL) == -1 && !neap_tensor_data(NULL) &&
          !neap_tensor_retain(NULL));
    neap_tensor_release(NULL);
    CHECK(neap__account_memory(neap__default_account()).current == before);
}

static void spec_wrap(void)
{
    neap_error err = NEAP_ERROR_INIT;
    float data[] = {1, 2, 3, 4};
    neap_tensor *t =
        neap_tensor_wrap(NEAP_FLOAT32, 1, DIMS(4), data, count_release, &released, &err);
    CHECK(neap_tensor_data(t) == data && !neap_tensor_edit(t)); /* the host's, not ours */
    neap_tensor *v = neap_tensor_reshape(t, 2, DIMS(2, 2), &err);
    neap_tensor_release(t);
    CHECK(released == 0 && !neap_tensor_edit(v));
    neap_tensor_release(v);
    CHECK(released == 1);
    CHECK(!neap_tensor_wrap(NEAP_FLOAT32, 1, DIMS(4), NULL, count_release, &released,
                            &err));
    CHECK_TEXT(err.message, "neap_tensor_wrap: data is NULL");
    neap__clear(&err);
    CHECK(
        !neap_tensor_wrap(NEAP_FLOAT32, 1, DIMS(1), (char *)data + 1, NULL, NULL, &err));
    CHECK(err.code == NEAP_EARG);
    CHECK(!neap_tensor_wrap(NEAP_FLOAT32, 1, DIMS(-1), data, count_release, &released,
                            NULL));
    t = neap_tensor_wrap(NEAP_FLOAT32, 1, DIMS(0), NULL, NULL, NULL, NULL);
    CHECK(t && neap_tensor_size(t) == 0);
    neap_tensor_release(t);
    CHECK(released == 1);
}

/* Many threads hold, look at and drop one tensor of an account that has no owner any
 * more. */
static void *hold_tensor(void *argument)
{
    neap_tensor *t = argument;
    for (int i = 0; i < 1000; i++) {
        neap_tensor *v = neap_tensor_reshape(t, 1, DIMS(-1), NULL);
        CHECK(v && ((const uint8_t *)neap_tensor_data(v))[i] == 7);
        neap_tensor_release(v);
    }
    neap_tensor_release(t);
    return NULL;
}

static void spec_threads(void)
{
    pthread_t threads[4];
    neap__account *account = neap__account_new(0, 1 << 20, NULL);
    const neap__shape shape = shape_of(2, DIMS(100, 1000));
    neap_tensor *t = neap__tensor_new(account, NEAP_UINT8, &shape, NULL);
    memset(neap_tensor_edit(t), 7, 100000);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, hold_tensor, neap_tensor_retain(t)) == 0);
    neap__account_release(account);
    neap_tensor_release(t);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

/* ---- Text -------------------------------------------------------------------------- */

/* One record of print_reference.txt, which is read line by line; see
 * print_reference.py. */
static void check_record(neap_dtype dtype, int rank, const int64_t *dims, char *bits,
                         const char *expected)
{
    neap_tensor *t = neap_tensor_copy(dtype, rank, dims, NULL, NULL);
    if (!CHECK(t != NULL))
        return;
    const size_t width = neap_dtype_size(dtype);
    uint64_t values[512];
    int64_t count = 0;
    char *rest = bits;
    for (char *end;; rest = end) {
        const uint64_t value = strtoull(rest, &end, 16);
        if (end == rest || count == 512)
            break;
        values[count++] = value;
    }
    char *data = neap_tensor_edit(t);
    for (int64_t i = 0; i < neap_tensor_size(t); i++) /* of a machine with little ends */
        memcpy(data + (size_t)i * width, &values[i % count], width);
    const size_t length = neap_tensor_text(t, NULL, 0);
    char *text = malloc(length + 1);
    CHECK(neap_tensor_text(t, text, length + 1) == length && strlen(text) == length);
    CHECK_TEXT(text, expected);
    free(text);
    neap_tensor_release(t);
}

static void spec_reference(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!CHECK(file != NULL))
        return;
    static char line[1 << 16], bits[1 << 16], expected[1 << 17];
    neap_dtype dtype = NEAP_DTYPE_NONE;
    int rank = 0, records = 0;
    int64_t dims[NEAP_MAX_RANK];
    bool more = fgets(line, sizeof line, file) != NULL;
    while (more && line[0] == '=') {
        dtype = neap_dtype_of(strtok(line + 2, " \n"));
        rank = 0;
        for (char *word; rank < NEAP_MAX_RANK && (word = strtok(NULL, " \n"));)
            dims[rank++] = strtoll(word, NULL, 10);
        CHECK(fgets(bits, sizeof bits, file) != NULL);
        size_t length = 0;
        while ((more = fgets(line, sizeof line, file) != NULL) && line[0] == '|') {
            const size_t taken = strlen(line) - 1; /* the newline in, the bar out */
            memcpy(expected + length, line + 1, taken);
            length += taken;
        }
        expected[length ? length - 1 : 0] = 0;
        check_record(dtype, rank, dims, bits, expected);
        records++;
    }
    CHECK(records > 300);
    fclose(file);
}

static void spec_text(void)
{
    char text[12];
    neap_tensor *t =
        neap_tensor_copy(NEAP_FLOAT32, 1, DIMS(2), (const float[]){2, -1}, NULL);
    CHECK(neap_tensor_text(t, text, sizeof text) == 9);
    CHECK_TEXT(text, "[ 2. -1.]");
    CHECK(neap_tensor_text(t, text, 4) == 9);
    CHECK_TEXT(text, "[ 2");
    CHECK(neap_tensor_text(t, NULL, 0) == 9 &&
          neap_tensor_text(NULL, text, sizeof text) == 0);
    CHECK_TEXT(text, "");
    neap_tensor_release(t);
    t = neap_tensor_copy(NEAP_BFLOAT16, 1, DIMS(3),
                         (const uint16_t[]){0x3F80, 0xBE4D, 0x4049}, NULL);
    char wide[64];
    neap_tensor_text(t, wide, sizeof wide);
    CHECK_TEXT(wide, "[ 1.   -0.2   3.14]");
    neap_tensor_release(t);
}

int main(int count, char **arguments)
{
    spec_dtypes();
    spec_halves();
    spec_elements();
    spec_wide_integers();
    spec_shapes();
    spec_partial_shapes();
    spec_broadcast();
    spec_axes();
    spec_tensors();
    spec_wrap();
    spec_threads();
    spec_text();
    spec_reference(count > 1 ? arguments[1] : "spec/print_reference.txt");
    return check_report();
}
