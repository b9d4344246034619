/* C's library for live code: strings, sorting and searching (live/libc.h). */
#include <kernel/export.h>
#include <lib/string.h>
#include <live/heap.h>
#include <live/libc.h>

int bcmp(const void *a, const void *b, size_t size) { return memcmp(a, b, size); }

char *strcpy(char *destination, const char *source)
{
    memcpy(destination, source, strlen(source) + 1);
    return destination;
}

char *strncpy(char *destination, const char *source, size_t size)
{
    size_t length = strnlen(source, size);
    memcpy(destination, source, length);
    memset(destination + length, 0, size - length);
    return destination;
}

char *strcat(char *destination, const char *source)
{
    strcpy(destination + strlen(destination), source);
    return destination;
}

char *strncat(char *destination, const char *source, size_t size)
{
    size_t length = strlen(destination), added = strnlen(source, size);
    memcpy(destination + length, source, added);
    destination[length + added] = '\0';
    return destination;
}

char *strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = live_heap_take(size, (uint64_t)(uintptr_t)__builtin_return_address(0));
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

size_t strspn(const char *text, const char *accepted)
{
    size_t length = 0;
    while (text[length] != '\0' && strchr(accepted, text[length]) != NULL)
        length++;
    return length;
}

size_t strcspn(const char *text, const char *rejected)
{
    size_t length = 0;
    while (text[length] != '\0' && strchr(rejected, text[length]) == NULL)
        length++;
    return length;
}

char *strpbrk(const char *text, const char *wanted)
{
    const char *found = text + strcspn(text, wanted);
    return *found != '\0' ? (char *)(uintptr_t)found : NULL;
}

char *strtok_r(char *text, const char *separators, char **state)
{
    char *token = text != NULL ? text : *state;
    token += strspn(token, separators);
    char *end = token + strcspn(token, separators);
    *state = end;
    if (token == end)
        return NULL;
    if (*end != '\0') {
        *end = '\0';
        *state = end + 1;
    }
    return token;
}

int toupper(int character) { return character >= 'a' && character <= 'z' ? character - 'a' + 'A' : character; }
int tolower(int character) { return character >= 'A' && character <= 'Z' ? character - 'A' + 'a' : character; }

void *bsearch(const void *key, const void *base, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    const char *first = base;
    while (count > 0) {
        const char *middle = first + count / 2 * size;
        int order = compare(key, middle);
        if (order == 0)
            return (void *)(uintptr_t)middle;
        if (order > 0) {
            first = middle + size;
            count -= count / 2 + 1;
        } else {
            count /= 2;
        }
    }
    return NULL;
}

LOCAL void libc_swap(char *a, char *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char byte = a[i];
        a[i] = b[i];
        b[i] = byte;
    }
}

LOCAL void libc_sift_down(char *base, size_t root, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && compare(base + child * size, base + (child + 1) * size) < 0)
            child++;
        if (compare(base + root * size, base + child * size) >= 0)
            return;
        libc_swap(base + root * size, base + child * size, size);
    }
}

/* Heapsort: in place, never slow. */
void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    for (size_t root = count / 2; root-- > 0;)
        libc_sift_down(base, root, count, size, compare);
    for (size_t left = count; left-- > 1;) {
        libc_swap(base, (char *)base + left * size, size);
        libc_sift_down(base, 0, left, size, compare);
    }
}

EXPORT(bcmp, ANY);
EXPORT(strcpy, ANY);
EXPORT(strncpy, ANY);
EXPORT(strcat, ANY);
EXPORT(strncat, ANY);
EXPORT(strdup, ANY);
EXPORT(strspn, ANY);
EXPORT(strcspn, ANY);
EXPORT(strpbrk, ANY);
EXPORT(strtok_r, ANY);
EXPORT(toupper, ANY);
EXPORT(tolower, ANY);
EXPORT(qsort, ANY);
EXPORT(bsearch, ANY);
