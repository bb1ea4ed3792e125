/* text.c - text in bounded buffers, and numbers that read the same in every locale.
 *
 * The C library's conversions are exact, but write the locale's decimal point and follow
 * the thread's rounding mode. So only digits and the exponent are taken from what printf
 * writes, what is read back is written without a point ("12345e-4"), and both happen in
 * our own floating-point environment. */
#include "base/base.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void neap__text_add(neap__text *t, const char *format, ...)
{
    const bool room = t->length < t->size;
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(room ? t->data + t->length : NULL,
                                 room ? t->size - t->length : 0, format, arguments);
    va_end(arguments);
    if (length > 0)
        t->length += (size_t)length;
}

void neap__text_bytes(neap__text *t, const char *bytes, size_t length)
{
    if (t->length < t->size) {
        const size_t room = t->size - 1 - t->length;
        const size_t taken = length < room ? length : room;
        memcpy(t->data + t->length, bytes, taken);
        t->data[t->length + taken] = 0;
    }
    t->length += length;
}

/* ---- Decimal digits ---------------------------------------------------------------- */

static void drop_trailing_zeros(neap__decimal *d)
{
    while (d->count > 1 && d->digits[d->count - 1] == '0')
        d->digits[--d->count] = 0;
}

static void round_decimal(neap__decimal *d, double value, int digits)
{
    char text[NEAP__DECIMAL_DIGITS + 24];
    snprintf(text, sizeof text, "%.*e", digits - 1, value);
    d->negative = signbit(value) != 0;
    d->count = 0;
    const char *c = text;
    for (; *c != 'e'; c++)
        if (*c >= '0' && *c <= '9')
            d->digits[d->count++] = *c;
    d->digits[d->count] = 0;
    d->exponent = (int)strtol(c + 1, NULL, 10);
}

void neap__decimal_round(neap__decimal *d, double value, int digits)
{
    neap__floating saved;
    neap__floating_begin(&saved);
    round_decimal(d, value,
                  digits < NEAP__DECIMAL_DIGITS ? digits : NEAP__DECIMAL_DIGITS);
    drop_trailing_zeros(d);
    neap__floating_end(&saved);
}

static bool reads_back(const neap__decimal *d, double value, neap__reads *reads)
{
    char text[NEAP__DECIMAL_DIGITS + 24];
    snprintf(text, sizeof text, "%s%se%d", d->negative ? "-" : "", d->digits,
             d->exponent - (d->count - 1));
    return reads(text, value);
}

/* One more in the last digit. */
static void increment(neap__decimal *d)
{
    int i = d->count;
    while (i > 0 && d->digits[i - 1] == '9')
        d->digits[--i] = '0';
    if (i > 0) {
        d->digits[i - 1]++;
    } else {
        d->digits[0] = '1';
        d->exponent++;
    }
}

/* If the nearest decimal of so many digits does not read back then no other does, except
 * at a power of two: its upper neighbour is twice as far away as its lower one. */
void neap__decimal_shortest(neap__decimal *d, double value, int first, neap__reads *reads)
{
    neap__floating saved;
    neap__floating_begin(&saved);
    int binary_exponent;
    const bool power = fabs(frexp(value, &binary_exponent)) == 0.5;
    for (int digits = first; digits <= 17; digits++) {
        round_decimal(d, value, digits);
        if (reads_back(d, value, reads))
            break;
        if (power) {
            increment(d);
            if (reads_back(d, value, reads))
                break;
        }
    }
    drop_trailing_zeros(d);
    neap__floating_end(&saved);
}

bool neap__reads_float(const char *text, double value)
{
    return (double)strtof(text, NULL) == value;
}

bool neap__reads_double(const char *text, double value)
{
    return strtod(text, NULL) == value;
}

static void add_scientific(neap__text *t, const neap__decimal *d)
{
    neap__text_bytes(t, d->digits, 1);
    if (d->count > 1) {
        neap__text_bytes(t, ".", 1);
        neap__text_bytes(t, d->digits + 1, (size_t)d->count - 1);
    }
    neap__text_add(t, "e%c%02d", d->exponent < 0 ? '-' : '+', abs(d->exponent));
}

static void add_positional(neap__text *t, const neap__decimal *d)
{
    if (d->exponent < 0)
        neap__text_bytes(t, "0.", 2);
    for (int place = -1; place > d->exponent; place--)
        neap__text_bytes(t, "0", 1);
    for (int i = 0; i < d->count || i <= d->exponent; i++) {
        if (i > 0 && i == d->exponent + 1)
            neap__text_bytes(t, ".", 1);
        neap__text_bytes(t, i < d->count ? &d->digits[i] : "0", 1);
    }
}

void neap__text_number(neap__text *t, double value, int digits)
{
    if (digits == 0)
        value = (double)(float)value;
    if (isnan(value)) {
        neap__text_bytes(t, "nan", 3);
        return;
    }
    if (signbit(value))
        neap__text_bytes(t, "-", 1);
    if (isinf(value)) {
        neap__text_bytes(t, "inf", 3);
        return;
    }
    neap__decimal d;
    if (digits > 0)
        neap__decimal_round(&d, value, digits);
    else if (digits ==
             0) /* 6 and 15 digits survive the way there and back, if not denormal */
        neap__decimal_shortest(&d, value, fabs(value) < 1e-37 ? 1 : 6, neap__reads_float);
    else
        neap__decimal_shortest(&d, value, fabs(value) < 1e-307 ? 1 : 15,
                               neap__reads_double);
    if (d.exponent < -4 || d.exponent >= (digits > 0 ? digits : 16))
        add_scientific(t, &d);
    else
        add_positional(t, &d);
}

/* ---- Text from outside ------------------------------------------------------------- */

/* The length of the character of UTF-8 that begins here; 0 if none does (overlong forms,
 * surrogates and what is above U+10FFFF are none). */
static size_t character_length(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    const size_t length = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4)
        return 0;
    for (size_t i = 1; i < length; i++) /* stops at NUL */
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    const bool overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
    const bool surrogate = s[0] == 0xED && s[1] > 0x9F;
    const bool above = s[0] == 0xF4 && s[1] > 0x8F;
    return overlong || surrogate || above ? 0 : length;
}

const char *neap__quoted(char buffer[NEAP__QUOTED_SIZE], const char *text)
{
    enum { CUT = 80 };
    neap__text t = neap__text_over(buffer, NEAP__QUOTED_SIZE);
    const unsigned char *s = (const unsigned char *)(text ? text : "(null)");
    size_t done = 0;
    while (s[done]) {
        const size_t length = character_length(s + done);
        if (done + (length ? length : 1) > CUT) {
            neap__text_bytes(&t, "...", 3);
            break;
        }
        const bool control = length == 0 || s[done] < 0x20 || s[done] == 0x7F ||
                             (length == 2 && s[done] == 0xC2 && s[done + 1] < 0xA0);
        if (!control) {
            neap__text_bytes(&t, (const char *)s + done, length);
        } else {
            for (size_t i = 0; i < (length ? length : 1); i++)
                neap__text_add(&t, "\\x%02X", (unsigned)s[done + i]);
        }
        done += length ? length : 1;
    }
    return buffer;
}
