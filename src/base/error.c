/* error.c - errors that need no memory and no locale: the text lives in the caller's
 * struct. */
#include "base/base.h"

#include <stdio.h>
#include <string.h>

NEAP_API const char *neap_status_name(int status)
{
    static const char *const names[] = {
        [NEAP_OK] = "OK",           [NEAP_EARG] = "EARG",       [NEAP_ETYPE] = "ETYPE",
        [NEAP_ESHAPE] = "ESHAPE",   [NEAP_EDTYPE] = "EDTYPE",   [NEAP_ERANGE] = "ERANGE",
        [NEAP_ELIMIT] = "ELIMIT",   [NEAP_ENOMEM] = "ENOMEM",   [NEAP_ESTATE] = "ESTATE",
        [NEAP_EIO] = "EIO",         [NEAP_EFORMAT] = "EFORMAT", [NEAP_EUNSUP] = "EUNSUP",
        [NEAP_ECANCEL] = "ECANCEL", [NEAP_ENUM] = "ENUM",       [NEAP_EBUSY] = "EBUSY",
    };
    const int count = (int)(sizeof names / sizeof *names);
    return status >= 0 && status < count ? names[status] : "unknown status";
}

/* A text that was cut must not end in half a character: drops what is left of one. */
static void drop_half_character(char *text, size_t length)
{
    size_t start = length;
    while (start > 0 && length - start < 3 &&
           ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;
    const unsigned char lead = (unsigned char)text[start - 1];
    const size_t want = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    if (want > length - start)
        text[start - 1] = 0;
}

/* The length that the text has in the buffer. */
NEAP__PRINTF(3, 0)
static size_t format_bounded(char *buffer, size_t size, const char *format,
                             va_list arguments)
{
    const int length = vsnprintf(buffer, size, format, arguments);
    if (length < 0)
        buffer[0] = 0;
    else if ((size_t)length >= size)
        drop_half_character(buffer, size - 1);
    return strlen(buffer);
}

int neap__fail(neap_error *err, int code, const char *format, ...)
{
    if (err && err->code == NEAP_OK) {
        va_list arguments;
        va_start(arguments, format);
        err->code = code;
        format_bounded(err->message, sizeof err->message, format, arguments);
        va_end(arguments);
    }
    return code;
}

void neap__error_prefix(neap_error *err, const char *format, ...)
{
    if (!neap__failed(err))
        return;
    char text[NEAP_MESSAGE_SIZE]; /* the arguments may point into the message itself */
    va_list arguments;
    va_start(arguments, format);
    const size_t length = format_bounded(text, sizeof text, format, arguments);
    va_end(arguments);

    const size_t room = sizeof err->message - 1 - length;
    size_t rest = strlen(err->message);
    const bool cut = rest > room;
    if (cut)
        rest = room;
    memmove(err->message + length, err->message, rest);
    memcpy(err->message, text, length);
    err->message[length + rest] = 0;
    if (cut)
        drop_half_character(err->message, length + rest);
}

void neap__error_suffix(neap_error *err, const char *format, ...)
{
    if (!neap__failed(err))
        return;
    char text[NEAP_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    const size_t length = format_bounded(text, sizeof text, format, arguments);
    va_end(arguments);

    const size_t start = strlen(err->message), room = sizeof err->message - 1 - start;
    const size_t taken = length < room ? length : room;
    memcpy(err->message + start, text, taken);
    err->message[start + taken] = 0;
    if (taken < length)
        drop_half_character(err->message, start + taken);
}

void neap__error_end(neap_error *err)
{
    const size_t last = sizeof err->message - 1;
    if (memchr(err->message, 0, last))
        return;
    err->message[last] = 0;
    drop_half_character(err->message, last);
}

int neap__null(neap_error *err, const char *function, const char *argument)
{
    return neap__fail(err, NEAP_EARG, "%s: %s is NULL", function, argument);
}
