/* Numbers from text; lib/parse.h is the contract. */
#include <abi/errno.h>
#include <lib/parse.h>

/* The value of a digit, 36 for none. */
LOCAL unsigned parse_digit(char character)
{
    if (character >= '0' && character <= '9')
        return (unsigned)(character - '0');
    character |= 0x20; /* lower case */
    return character >= 'a' && character <= 'z' ? (unsigned)(character - 'a') + 10 : 36;
}

/* Skips a prefix that names the base, if a digit of that base follows. */
LOCAL unsigned parse_base(const char **text)
{
    const char *at = *text;
    if (at[0] != '0')
        return 10;
    unsigned base = (at[1] | 0x20) == 'x' ? 16 : (at[1] | 0x20) == 'o' ? 8 : (at[1] | 0x20) == 'b' ? 2 : 10;
    if (base == 10 || parse_digit(at[2]) >= base)
        return 10;
    *text += 2;
    return base;
}

int parse_u64(const char *text, const char **end, unsigned base, uint64_t *value)
{
    if (base == 0)
        base = parse_base(&text);
    const char *start = text;
    uint64_t result = 0;
    for (; parse_digit(*text) < base; text++)
        if (__builtin_mul_overflow(result, base, &result) || __builtin_add_overflow(result, parse_digit(*text), &result))
            return -ERANGE;
    if (text == start || (end == NULL && *text != '\0'))
        return -EINVAL;
    if (end != NULL)
        *end = text;
    *value = result;
    return 0;
}

int parse_i64(const char *text, const char **end, unsigned base, int64_t *value)
{
    bool negative = *text == '-';
    if (negative || *text == '+')
        text++;
    uint64_t magnitude;
    int error = parse_u64(text, end, base, &magnitude);
    if (error != 0)
        return error;
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return -ERANGE;
    *value = (int64_t)(negative ? 0 - magnitude : magnitude);
    return 0;
}

int parse_size(const char *text, uint64_t *value)
{
    const char *end;
    uint64_t number;
    int error = parse_u64(text, &end, 0, &number);
    if (error != 0)
        return error;
    unsigned shift = 0;
    switch (*end) {
    case 'T': case 't': shift += 10; /* fall through */
    case 'G': case 'g': shift += 10; /* fall through */
    case 'M': case 'm': shift += 10; /* fall through */
    case 'K': case 'k': shift += 10; end++; break;
    default: break;
    }
    if (*end != '\0')
        return -EINVAL;
    if (number > UINT64_MAX >> shift)
        return -ERANGE;
    *value = number << shift;
    return 0;
}
