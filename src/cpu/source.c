/* source.c - the element functions as text, for those who compile fused programs anew.
 *
 * A formula of elements.def is nearly its own text. Three kinds of words are put for
 * others: C and U, the types, and the functions in capitals. Those of the list get the
 * name under which the prelude has them, those of the C library their own, with the
 * suffix that tells float from double. */
#include "cpu/element.h"

#include <ctype.h>
#include <string.h>

/* What formulas compute in. */
typedef struct computing {
    const char *name; /* the end of the shared functions' names */
    const char *type, *unsigned_type;
    bool floating;
    const char *suffix; /* of the C library's functions */
} computing;

static const computing in_float = {"float", "float", "", true, "f"};
static const computing in_double = {"double", "double", "", true, ""};
static const computing in_int = {"int", "int", "unsigned int", false, ""};
static const computing in_long = {"long", "long long", "unsigned long long", false, ""};
static const computing in_unsigned = {"unsigned", "unsigned long long",
                                      "unsigned long long", false, ""};

static const struct {
    const char *type; /* of an element in memory; of float16 and bfloat16: as they come */
    const computing *in;
} dtypes[NEAP__DTYPES] = {
    [NEAP_FLOAT32] = {"float", &in_float},
    [NEAP_FLOAT64] = {"double", &in_double},
    [NEAP_FLOAT16] = {"float", &in_float},
    [NEAP_BFLOAT16] = {"float", &in_float},
    [NEAP_INT8] = {"signed char", &in_int},
    [NEAP_INT16] = {"short", &in_int},
    [NEAP_INT32] = {"int", &in_int},
    [NEAP_INT64] = {"long long", &in_long},
    [NEAP_UINT8] = {"unsigned char", &in_int},
    [NEAP_BOOL] = {"unsigned char", &in_int},
    [NEAP_UINT16] = {"unsigned short", &in_int},
    [NEAP_UINT32] = {"unsigned int", &in_long},
    [NEAP_UINT64] = {"unsigned long long", &in_unsigned},
};

/* ---- The functions that formulas share --------------------------------------------- */

typedef struct shared {
    const char *name;
    bool floating;
    const char *parameters, *body;
} shared;

enum { INTEGER, FLOATING };

static const shared functions[] = {
#define FUNCTION(kind, name, parameters, ...) {#name, kind, #parameters, #__VA_ARGS__},
#define ELEMENT(name, operands, parameters, dtypes, result, floating, integer)
#include "cpu/elements.def"
#undef FUNCTION
#undef ELEMENT
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

/* Whether the word, in capitals, is the name of one. */
static bool is_shared(const char *word, size_t length, bool floating)
{
    for (int i = 0; i < FUNCTIONS; i++) {
        const char *name = functions[i].name;
        size_t same = 0;
        while (same < length && name[same] && toupper(name[same]) == word[same])
            same++;
        if (same == length && !name[same] && functions[i].floating == floating)
            return true;
    }
    return false;
}

/* ---- Words ------------------------------------------------------------------------- */

static bool is_word(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           c == '_';
}

static void add_lower(neap__text *text, const char *word, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        const char c = (char)tolower(word[i]);
        neap__text_bytes(text, &c, 1);
    }
}

static void add_word(neap__text *text, const char *word, size_t length,
                     const computing *in)
{
    if (length == 1 && *word == 'C') {
        neap__text_add(text, "%s", in->type);
    } else if (length == 1 && *word == 'U') {
        neap__text_add(text, "%s", in->unsigned_type);
    } else if (length == 1 || *word < 'A' || *word > 'Z') {
        neap__text_bytes(text, word, length);
    } else if (is_shared(word, length, in->floating)) {
        neap__text_add(text, "neap_");
        add_lower(text, word, length);
        neap__text_add(text, "_%s", in->name);
    } else {
        add_lower(text, word, length);
        neap__text_add(text, "%s", in->suffix);
    }
}

/* The preprocessor has made one line of it: every statement gets its own again. */
static void add_code(neap__text *text, const char *code, const computing *in)
{
    int depth = 0;
    while (*code) {
        size_t length = 0;
        while (is_word(code[length]))
            length++;
        if (length) {
            add_word(text, code, length, in);
            code += length;
            continue;
        }
        depth += (*code == '(' || *code == '{') - (*code == ')' || *code == '}');
        neap__text_bytes(text, code, 1);
        if (depth == 0 && code[0] == ';' && code[1] == ' ') {
            neap__text_add(text, "\n    ");
            code++;
        }
        code++;
    }
}

void neap__element_prelude(neap__text *text)
{
    static const computing *const all[] = {&in_float, &in_double, &in_int, &in_long,
                                           &in_unsigned};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        for (int i = 0; i < FUNCTIONS; i++) {
            if (functions[i].floating != all[k]->floating)
                continue;
            neap__text_add(text, "static inline %s neap_%s_%s", all[k]->type,
                           functions[i].name, all[k]->name);
            add_code(text, functions[i].parameters, all[k]);
            neap__text_add(text, "\n{\n    ");
            add_code(text, functions[i].body, all[k]);
            neap__text_add(text, "\n}\n");
        }
}

/* ---- Functions --------------------------------------------------------------------- */

/* An integer from the lowest of int64 to the greatest of uint64, as a constant. */
static void add_integer(neap__text *text, bool negative, uint64_t value)
{
    if (negative && value == UINT64_C(1) << 63)
        neap__text_add(text, "-9223372036854775807LL - 1");
    else
        neap__text_add(text, "%s%llu%s", negative ? "-" : "", (unsigned long long)value,
                       value > INT64_MAX   ? "ULL"
                       : value > INT32_MAX ? "LL"
                                           : "");
}

/* Floats end at the ends of the integers, and NaN is 0; integers wrap. */
static void add_cast(neap__text *text, neap_dtype from, neap_dtype to)
{
    if (to == NEAP_BOOL) {
        neap__text_add(text, "x != 0");
    } else if (!neap__is_floating(from) || neap__is_floating(to)) {
        neap__text_add(text, "(%s)x", dtypes[to].type);
    } else {
        int64_t low;
        uint64_t high;
        neap__integer_range(to, &low, &high);
        neap__text_add(text, "!(x > %.17g) ? (x != x ? 0 : ", (double)low);
        add_integer(text, low < 0, 0 - (uint64_t)low);
        neap__text_add(text, ") : x >= %.17g ? ", (double)high + 1);
        add_integer(text, false, high);
        neap__text_add(text, " : (%s)x", dtypes[to].type);
    }
}

bool neap__element_source(neap__text *text, neap__element_code code, neap_dtype from,
                          neap_dtype to)
{
    if (!neap__find_element(NEAP__GENERIC, code, from, to))
        return false;
    const neap__element_row *row = &neap__elements[code];
    const computing *in = dtypes[from].in;
    const bool cast = code == NEAP__ELEMENT_cast;
    neap__text_add(text, "static inline %s neap_%s_%s%s%s(", dtypes[to].type, row->name,
                   neap_dtype_name(from), cast ? "_" : "",
                   cast ? neap_dtype_name(to) : "");
    const char *names = row->chooses ? "cxy" : "xyz", *comma = "";
    for (int i = 0; i < row->inputs; i++, comma = ", ")
        neap__text_add(text, "%s%s %c", comma,
                       row->chooses && i == 0 ? in_int.type : in->type, names[i]);
    for (int i = 0; i < row->parameters; i++)
        neap__text_add(text, ", %s %c", in->type, "ab"[i]);
    neap__text_add(text, ")\n{\n    return ");
    if (cast) {
        add_cast(text, from, to);
    } else {
        neap__text_add(text, "(%s)(", dtypes[to].type);
        add_code(text, in->floating ? row->floating : row->integer, in);
        neap__text_add(text, ")");
    }
    neap__text_add(text, ";\n}\n");
    return true;
}
