/* Exact decimal text of doubles by integer arithmetic (live/format.h). */
#include <lib/string.h>
#include <live/format.h>

#define BASE          1000000000u
#define BASE_DIGITS   9
#define INTEGER_WORDS 36   /* 2^1024 has 309 digits */
#define WORDS         (INTEGER_WORDS + 122) /* and 1074 behind the point */
#define PRECISION_MAX 1100

/* The value: words of 9 digits, the first INTEGER_WORDS before the point. */
struct decimal {
    uint32_t words[WORDS];
    unsigned first, end; /* words in use */
};

LOCAL void decimal_double(struct decimal *value, unsigned bits)
{
    uint32_t carry = 0;
    for (unsigned i = INTEGER_WORDS; i-- > value->first;) {
        uint64_t word = ((uint64_t)value->words[i] << bits) + carry;
        value->words[i] = (uint32_t)(word % BASE);
        carry = (uint32_t)(word / BASE);
    }
    if (carry != 0)
        value->words[--value->first] = carry;
}

LOCAL void decimal_halve(struct decimal *value, unsigned bits)
{
    uint32_t carry = 0;
    for (unsigned i = value->first; i < value->end; i++) {
        uint32_t word = value->words[i];
        value->words[i] = (word >> bits) + carry;
        carry = (BASE >> bits) * (word & ((1u << bits) - 1));
    }
    if (carry != 0)
        value->words[value->end++] = carry;
    while (value->first < INTEGER_WORDS && value->words[value->first] == 0)
        value->first++;
}

LOCAL void decimal_set(struct decimal *value, uint64_t mantissa, int exponent)
{
    memset(value, 0, sizeof *value);
    value->first = value->end = INTEGER_WORDS;
    while (mantissa != 0) {
        value->words[--value->first] = (uint32_t)(mantissa % BASE);
        mantissa /= BASE;
    }
    for (; exponent > 0; exponent -= MIN(exponent, 29))
        decimal_double(value, (unsigned)MIN(exponent, 29));
    for (; exponent < 0; exponent += MIN(-exponent, 9)) /* BASE is a multiple of 2^9 */
        decimal_halve(value, (unsigned)MIN(-exponent, 9));
}

/* All digits, `*point` of them before the point; the count. No leading zeroes before the point. */
LOCAL unsigned decimal_digits(const struct decimal *value, char *digits, int *point)
{
    unsigned count = 0;
    *point = 0;
    for (unsigned i = MIN(value->first, INTEGER_WORDS); i < value->end; i++) {
        uint32_t word = value->words[i];
        char part[BASE_DIGITS];
        for (int digit = BASE_DIGITS; digit-- > 0; word /= 10)
            part[digit] = (char)('0' + word % 10);
        for (int digit = 0; digit < BASE_DIGITS; digit++) {
            if (i < INTEGER_WORDS && count == 0 && part[digit] == '0')
                continue;
            digits[count++] = part[digit];
            *point += i < INTEGER_WORDS;
        }
    }
    return count;
}

/* Rounds to `keep` digits, half to even; true: a digit was carried out, all are zero then and "1" belongs before them. */
LOCAL bool digits_round(char *digits, unsigned count, unsigned keep)
{
    bool up = digits[keep] > '5';
    if (digits[keep] == '5') {
        for (unsigned i = keep + 1; i < count && !up; i++)
            up = digits[i] != '0';
        up = up || (keep > 0 && (digits[keep - 1] - '0') % 2 == 1);
    }
    for (unsigned i = keep; up && i-- > 0;) {
        if (digits[i] != '9') {
            digits[i]++;
            return false;
        }
        digits[i] = '0';
    }
    return up;
}

struct number {
    char digits[WORDS * BASE_DIGITS + 2];
    unsigned count;
    int point; /* digits before the point; <= 0: zeroes follow the point first */
};

/* Cuts to `keep` digits (may be more than there are, or negative). */
LOCAL void number_round(struct number *number, int keep)
{
    if (keep < 0) {
        number->count = 0;
        return;
    }
    if ((unsigned)keep >= number->count)
        return;
    bool carried = digits_round(number->digits, number->count, (unsigned)keep);
    number->count = (unsigned)keep;
    if (carried) {
        memmove(number->digits + 1, number->digits, number->count);
        number->digits[0] = '1';
        number->count++;
        number->point++;
    }
}

LOCAL char number_digit(const struct number *number, int index)
{
    return index >= 0 && (unsigned)index < number->count ? number->digits[index] : '0';
}

LOCAL size_t format_fixed(char *text, const struct number *number, int precision, unsigned flags)
{
    size_t at = 0;
    if (number->point <= 0)
        text[at++] = '0';
    for (int i = 0; i < number->point; i++)
        text[at++] = number_digit(number, i);
    if (precision > 0 || (flags & FORMAT_ALT))
        text[at++] = '.';
    for (int i = 0; i < precision; i++)
        text[at++] = number_digit(number, number->point + i);
    return at;
}

LOCAL size_t format_scientific(char *text, const struct number *number, int precision, unsigned flags)
{
    size_t at = 0;
    int exponent = number->count == 0 ? 0 : number->point - 1;
    text[at++] = number_digit(number, 0);
    if (precision > 0 || (flags & FORMAT_ALT))
        text[at++] = '.';
    for (int i = 1; i <= precision; i++)
        text[at++] = number_digit(number, i);
    text[at++] = flags & FORMAT_UPPER ? 'E' : 'e';
    text[at++] = exponent < 0 ? '-' : '+';
    if (exponent < 0)
        exponent = -exponent;
    if (exponent >= 100)
        text[at++] = (char)('0' + exponent / 100);
    text[at++] = (char)('0' + exponent / 10 % 10);
    text[at++] = (char)('0' + exponent % 10);
    return at;
}

LOCAL void number_set(struct number *number, uint64_t mantissa, int exponent)
{
    struct decimal value;
    decimal_set(&value, mantissa, exponent);
    number->count = decimal_digits(&value, number->digits, &number->point);
    unsigned zeroes = 0;
    while (zeroes < number->count && number->digits[zeroes] == '0') /* behind the point */
        zeroes++;
    memmove(number->digits, number->digits + zeroes, number->count - zeroes);
    number->count -= zeroes;
    number->point = number->count == 0 ? 0 : number->point - (int)zeroes;
}

/* The digits of the general format: without zeroes at the end, unless FORMAT_ALT. */
LOCAL size_t format_general(char *text, struct number *number, int precision, unsigned flags)
{
    precision = precision == 0 ? 1 : precision;
    number_round(number, precision);
    int exponent = number->count == 0 ? 0 : number->point - 1;
    if (!(flags & FORMAT_ALT))
        while (number->count > 0 && number->digits[number->count - 1] == '0')
            number->count--;
    int digits = flags & FORMAT_ALT ? precision : MAX((int)number->count, 1);
    if (exponent < -4 || exponent >= precision) {
        if (number->count == 0)
            exponent = 0;
        return format_scientific(text, number, digits - 1, flags);
    }
    return format_fixed(text, number, MAX(digits - 1 - exponent, 0), flags);
}

size_t live_format_double(char text[FORMAT_DOUBLE_MAX], uint64_t bits, char conversion, int precision, unsigned flags)
{
    struct number number;
    size_t at = 0;
    uint64_t mantissa = bits & ((1ull << 52) - 1);
    int exponent = (int)(bits >> 52 & 0x7ff);
    precision = precision < 0 ? 6 : MIN(precision, PRECISION_MAX);
    if (bits >> 63)
        text[at++] = '-';
    else if (flags & (FORMAT_PLUS | FORMAT_SPACE))
        text[at++] = flags & FORMAT_PLUS ? '+' : ' ';
    if (exponent == 0x7ff) {
        memcpy(text + at, flags & FORMAT_UPPER ? (mantissa ? "NAN" : "INF") : (mantissa ? "nan" : "inf"), 3);
        return at + 3;
    }
    number_set(&number, exponent == 0 ? mantissa : mantissa | 1ull << 52, (exponent == 0 ? 1 : exponent) - 1075);
    if (conversion == 'f') {
        number_round(&number, number.point + precision);
        at += format_fixed(text + at, &number, precision, flags);
    } else if (conversion == 'e') {
        number_round(&number, precision + 1);
        at += format_scientific(text + at, &number, precision, flags);
    } else {
        at += format_general(text + at, &number, precision, flags);
    }
    return at;
}
