/* sources.c - the element functions' source text: compiled as a back end would, each
 * gives what the compiled-in loops give. Integers, comparisons and casts agree exactly;
 * floats as well as the C library's functions do with neap's own.
 *
 * Runs once: it goes through the instruction sets itself. */
#include "numbers.h"

#include <dlfcn.h>
#include <limits.h>
#include <unistd.h>

enum { N = 64, CAPACITY = 1 << 20 };

/* ---- A file of loops around the functions ------------------------------------------ */

/* Elements as the functions see them: a float stands for float16 and bfloat16. */
static const char *const types[NEAP__DTYPES] = {
    [NEAP_FLOAT32] = "float",   [NEAP_FLOAT64] = "double",  [NEAP_FLOAT16] = "float",
    [NEAP_BFLOAT16] = "float",  [NEAP_INT8] = "int8_t",     [NEAP_INT16] = "int16_t",
    [NEAP_INT32] = "int32_t",   [NEAP_INT64] = "int64_t",   [NEAP_UINT8] = "uint8_t",
    [NEAP_BOOL] = "uint8_t",    [NEAP_UINT16] = "uint16_t", [NEAP_UINT32] = "uint32_t",
    [NEAP_UINT64] = "uint64_t",
};

static void name_loop(char name[64], neap__element_code code, neap_dtype from,
                      neap_dtype to)
{
    snprintf(name, 64, "%s_%s_%s", neap__elements[code].name, neap_dtype_name(from),
             neap_dtype_name(to));
}

static void add_loop(neap__text *text, neap__element_code code, neap_dtype from,
                     neap_dtype to)
{
    const neap__element_row *row = &neap__elements[code];
    char name[64];
    name_loop(name, code, from, to);
    neap__text_add(
        text,
        "void %s(long n, void *out, const void *const *in, const double *p)\n"
        "{\n    %s *y = out;\n    for (long i = 0; i < n; i++)\n        y[i] = ",
        name, types[to]);
    neap__text_add(text, "neap_%s_%s", row->name, neap_dtype_name(from));
    if (code == NEAP__ELEMENT_cast)
        neap__text_add(text, "_%s", neap_dtype_name(to));
    for (int k = 0; k < row->inputs; k++)
        neap__text_add(text, "%c((const %s *)in[%d])[i]", k ? ',' : '(',
                       types[row->chooses && k == 0 ? NEAP_BOOL : from], k);
    for (int k = 0; k < row->parameters; k++)
        neap__text_add(text, ", p[%d]", k);
    neap__text_add(text, ");\n}\n");
}

/* Calls `each` for every function there is. */
static void for_all(void (*each)(void *context, neap__element_code code, neap_dtype from,
                                 neap_dtype to),
                    void *context)
{
    for (neap__element_code code = 0; code < NEAP__ELEMENT_CODES; code++)
        for (neap_dtype from = NEAP_FLOAT32; from < NEAP__DTYPES; from++)
            for (neap_dtype to = NEAP_FLOAT32; to < NEAP__DTYPES; to++)
                if (neap__find_element(NEAP__GENERIC, code, from, to))
                    each(context, code, from, to);
}

static void add_source(void *context, neap__element_code code, neap_dtype from,
                       neap_dtype to)
{
    neap__text *text = context;
    CHECK(neap__element_source(text, code, from, to));
    add_loop(text, code, from, to);
}

static void *compile_all(void)
{
    const char *compiler = getenv("CC");
    char folder[] = "/tmp/neap-sources-XXXXXX", path[64], command[512];
    char *memory = buffer(CAPACITY);
    neap__text text = neap__text_over(memory, CAPACITY);
    neap__text_add(&text, "#include <math.h>\n#include <stdint.h>\n");
    neap__element_prelude(&text);
    for_all(add_source, &text);
    if (!CHECK(strlen(memory) < CAPACITY - 1) || !CHECK(mkdtemp(folder)))
        exit(1);
    snprintf(path, sizeof path, "%s/all.c", folder);
    FILE *file = fopen(path, "w");
    if (!CHECK(file && fputs(memory, file) >= 0 && fclose(file) == 0))
        exit(1);
    snprintf(
        command, sizeof command,
        "%s -std=c11 -O1 -ffp-contract=off -Wall -Wextra -Werror -Wno-unused-parameter "
        "-Wno-unused-function -Wno-type-limits -fPIC -shared -o %s/all.so %s -lm",
        compiler ? compiler : "cc", folder, path);
    CHECK(system(command) == 0);
    snprintf(path, sizeof path, "%s/all.so", folder);
    void *library = dlopen(path, RTLD_NOW);
    if (!CHECK(library != NULL))
        printf("  %s\n", dlerror());
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(system(command) == 0);
    free(memory);
    return library;
}

/* ---- Their values ------------------------------------------------------------------ */

/* Numbers of every kind that the dtype has: small, at its ends, and what floats alone
 * have. */
static void fill(neap_dtype dtype, void *data)
{
    static const double special[] = {
        0,           -0.0,     1,         -1,    0.5,          -0.5,
        NAN,         INFINITY, -INFINITY, 1e4,   -1e4,         127.9,
        -128.9,      255.9,    32768,     65536, 2147483648.0, -2147483649.0,
        4294967296.0};
    enum { SPECIAL = sizeof special / sizeof *special };
    for (int64_t i = 0; i < N; i++) {
        if (neap__is_floating(dtype)) {
            const double v =
                next_below(3) ? next_number(-4, 4) : special[next_below(SPECIAL)];
            neap__store_number(dtype, data, i, v);
        } else if (dtype == NEAP_BOOL) {
            neap__store_integer(dtype, data, i, next_below(2));
        } else {
            int64_t low;
            uint64_t high;
            neap__integer_range(dtype, &low, &high);
            const uint64_t ends[] = {(uint64_t)low, (uint64_t)low + 1, high, high - 1};
            const uint64_t v = next_below(3)
                                   ? (uint64_t)(next_below(9) - (low < 0 ? 4 : 0))
                                   : ends[next_below(4)];
            memcpy((char *)data + (size_t)i * neap_dtype_size(dtype), &v,
                   neap_dtype_size(dtype));
        }
    }
}

static bool is_half(neap_dtype dtype)
{
    return dtype == NEAP_FLOAT16 || dtype == NEAP_BFLOAT16;
}

/* The operand as the text's function reads it. */
static const void *widened(neap_dtype dtype, const void *data, float *floats)
{
    if (!is_half(dtype))
        return data;
    for (int64_t i = 0; i < N; i++)
        floats[i] = (float)neap__element_number(dtype, data, i);
    return floats;
}

/* Element i of the two results. The text's float16 still has to be rounded. */
static bool same(neap_dtype dtype, const void *ours, const void *theirs, int64_t i)
{
    if (!neap__is_floating(dtype)) {
        const size_t width = neap_dtype_size(dtype), at = (size_t)i * width;
        return memcmp((const char *)ours + at, (const char *)theirs + at, width) == 0;
    }
    const double got = element(dtype, ours, i);
    if (dtype == NEAP_FLOAT64)
        return near(got, element(dtype, theirs, i), 1e-15);
    float want = ((const float *)theirs)[i];
    if (dtype == NEAP_FLOAT32)
        return float_error((float)got, (double)want) <= 6 ||
               near(got, (double)want, 1e-7);
    const double step = dtype == NEAP_FLOAT16 ? 0x1p-10 : 0x1p-7;
    const double most = dtype == NEAP_FLOAT16 ? 65504 : 3.3e38;
    return near(got, (double)want, step) || (isinf(got) && fabs((double)want) >= most);
}

static void check_function(void *library, neap__element_code code, neap_dtype from,
                           neap_dtype to)
{
    static const double parameters[] = {0.25, 1.5};
    const neap__element_row *row = &neap__elements[code];
    uint64_t memory[3][N], ours[N], theirs[N];
    float floats[3][N];
    const void *in[3], *wide[3];
    char name[64];
    for (int k = 0; k < row->inputs; k++) {
        const neap_dtype dtype = row->chooses && k == 0 ? NEAP_BOOL : from;
        fill(dtype, memory[k]);
        in[k] = memory[k];
        wide[k] = widened(dtype, memory[k], floats[k]);
    }
    name_loop(name, code, from, to);
    void (*compiled)(long, void *, const void *const *, const double *);
    void *symbol = dlsym(library, name);
    if (!CHECK(symbol != NULL))
        return;
    memcpy(&compiled, &symbol, sizeof compiled);
    neap__find_element(NEAP__GENERIC, code, from, to)(N, ours, in, parameters);
    compiled(N, theirs, wide, parameters);
    bool right = true;
    for (int64_t i = 0; i < N && right; i++) {
        right = same(to, ours, theirs, i);
        if (!right)
            printf("  %s at %d: %g, not %g\n", name, (int)i, element(to, ours, i),
                   is_half(to) ? (double)((float *)theirs)[i] : element(to, theirs, i));
    }
    CHECK(right);
}

static void check_one(void *context, neap__element_code code, neap_dtype from,
                      neap_dtype to)
{
    for (int k = 0; k < 8; k++)
        check_function(context, code, from, to);
}

int main(void)
{
    char text[400];
    neap__text t = neap__text_over(text, sizeof text);
    CHECK(neap__element_source(&t, NEAP__ELEMENT_relu_gradient, NEAP_FLOAT32,
                               NEAP_FLOAT32));
    CHECK_TEXT(text, "static inline float neap_relu_gradient_float32(float x, float y)\n"
                     "{\n    return (float)(y > 0 ? x : 0);\n}\n");
    t = neap__text_over(text, sizeof text);
    CHECK(neap__element_source(&t, NEAP__ELEMENT_add, NEAP_INT8, NEAP_INT8));
    CHECK_TEXT(text,
               "static inline signed char neap_add_int8(int x, int y)\n"
               "{\n    return (signed char)((unsigned int)x + (unsigned int)y);\n}\n");
    t = neap__text_over(text, sizeof text);
    CHECK(!neap__element_source(&t, NEAP__ELEMENT_exp, NEAP_INT8, NEAP_INT8));
    CHECK_TEXT(text, "");

    void *library = compile_all();
    if (library) {
        for_all(check_one, library);
        dlclose(library);
    }
    return check_report();
}
