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

/* Makes a text as short as `room`, by its middle: an error that went through many hands
 * begins with whom it came to and ends with its cause. */
static void shorten(char *text, size_t room)
{
    static const char gap[] = " ... ";
    const size_t length = strlen(text), gone = sizeof gap - 1;
    if (length <= room)
        return;
    if (room < 4 * gone) {
        text[room] = 0;
        drop_half_character(text, room);
        return;
    }
    const size_t begin = (room - gone) / 4;
    const char *end = text + length - (room - gone - begin);
    while (((unsigned char)*end & 0xC0) == 0x80)
        end++;
    text[begin] = 0;
    drop_half_character(text, begin);
    char *head = text + strlen(text);
    memcpy(head, gap, gone);
    memmove(head + gone, end, strlen(end) + 1);
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
    shorten(err->message, sizeof err->message - 1 - length);
    memmove(err->message + length, err->message, strlen(err->message) + 1);
    memcpy(err->message, text, length);
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
    shorten(err->message, sizeof err->message - 1 - length);
    memcpy(err->message + strlen(err->message), text, length + 1);
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
