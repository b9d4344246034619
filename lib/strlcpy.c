/* strlcpy and strlcat; a file of their own, because the host's C library may lack them. */
#include <lib/string.h>

size_t strlcpy(char *destination, const char *source, size_t size)
{
    size_t length = strlen(source);
    size_t copied = length < size ? length : size - 1;
    memcpy(destination, source, copied);
    destination[copied] = '\0';
    return length;
}

size_t strlcat(char *destination, const char *source, size_t size)
{
    size_t used = strnlen(destination, size);
    if (used == size) /* not terminated: nothing can be appended */
        return used + strlen(source);
    return used + strlcpy(destination + used, source, size - used);
}
