/* hash.c - a hash of bytes, for names and keys. Equal on every machine of one byte
 * order. */
#include "base/base.h"

#include <string.h>

uint64_t neap__hash_bytes(const void *bytes, size_t length)
{
    const unsigned char *b = bytes;
    uint64_t hash = neap__mix(UINT64_C(0x6E656170), length);
    uint64_t word;
    for (; length >= sizeof word; length -= sizeof word, b += sizeof word) {
        memcpy(&word, b, sizeof word);
        hash = neap__mix(hash, word);
    }
    if (length) {
        word = 0;
        memcpy(&word, b, length);
        hash = neap__mix(hash, word);
    }
    return hash;
}

uint32_t neap__hash_name(const char *name)
{
    uint32_t hash = UINT32_C(2166136261);
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT32_C(16777619);
    return hash;
}
