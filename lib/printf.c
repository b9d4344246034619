/*
 * ksnprintf: parses one conversion into a struct printf_spec, then formats it
 * into a bounded buffer. Output that does not fit is counted, not stored.
 */
#include <lib/printf.h>
#include <lib/string.h>

struct printf_output {
    char *buffer;
    size_t size;   /* of the buffer */
    size_t length; /* of the text so far */
};

struct printf_spec {
    bool left, plus, blank, zero, alternate;
    int width;
    int precision; /* -1: none */
    int length;    /* bytes of an integer argument */
};

#define PRINTF_DIGITS 24 /* 64 bits in octal need 22 */

LOCAL void printf_put(struct printf_output *output, char character)
{
    if (output->length + 1 < output->size)
        output->buffer[output->length] = character;
    output->length++;
}

LOCAL void printf_fill(struct printf_output *output, char character, int count)
{
    for (; count > 0; count--)
        printf_put(output, character);
}

LOCAL void printf_write(struct printf_output *output, const char *text, int length)
{
    for (int i = 0; i < length; i++)
        printf_put(output, text[i]);
}

/* `text` padded to the width with blanks. */
LOCAL void printf_text(struct printf_output *output, const struct printf_spec *spec, const char *text, int length)
{
    if (!spec->left)
        printf_fill(output, ' ', spec->width - length);
    printf_write(output, text, length);
    if (spec->left)
        printf_fill(output, ' ', spec->width - length);
}

/* Digits of `value`, right-aligned in digits[PRINTF_DIGITS]; returns their number (0 for 0). */
LOCAL int printf_digits(char *digits, uint64_t value, unsigned base, bool upper)
{
    const char *symbols = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    int count = 0;
    for (; value != 0; value /= base)
        digits[PRINTF_DIGITS - ++count] = symbols[value % base];
    return count;
}

/* Prefix (sign or 0x), zeroes and digits, padded. */
LOCAL void printf_number(struct printf_output *output, const struct printf_spec *spec, const char *prefix,
                         uint64_t value, unsigned base, bool upper)
{
    char digits[PRINTF_DIGITS];
    int count = printf_digits(digits, value, base, upper);
    int prefix_length = (int)strlen(prefix);
    int zeroes = (spec->precision < 0 ? 1 : spec->precision) - count;
    if (base == 8 && spec->alternate && zeroes < 1)
        zeroes = 1;
    if (zeroes < 0)
        zeroes = 0;
    int total = prefix_length + zeroes + count;
    if (spec->zero && !spec->left && spec->precision < 0 && spec->width > total) {
        zeroes += spec->width - total;
        total = spec->width;
    }
    if (!spec->left)
        printf_fill(output, ' ', spec->width - total);
    printf_write(output, prefix, prefix_length);
    printf_fill(output, '0', zeroes);
    printf_write(output, digits + PRINTF_DIGITS - count, count);
    if (spec->left)
        printf_fill(output, ' ', spec->width - total);
}

LOCAL void printf_signed(struct printf_output *output, const struct printf_spec *spec, int64_t value)
{
    const char *sign = value < 0 ? "-" : spec->plus ? "+" : spec->blank ? " " : "";
    printf_number(output, spec, sign, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, false);
}

LOCAL const char *printf_parse_flags(const char *format, struct printf_spec *spec)
{
    for (;; format++) {
        switch (*format) {
        case '-': spec->left = true; break;
        case '+': spec->plus = true; break;
        case ' ': spec->blank = true; break;
        case '0': spec->zero = true; break;
        case '#': spec->alternate = true; break;
        default: return format;
        }
    }
}

LOCAL const char *printf_parse_length(const char *format, struct printf_spec *spec)
{
    spec->length = sizeof(int);
    switch (*format) {
    case 'h':
        spec->length = format[1] == 'h' ? sizeof(char) : sizeof(short);
        return format + (format[1] == 'h' ? 2 : 1);
    case 'l':
        spec->length = sizeof(long);
        return format + (format[1] == 'l' ? 2 : 1);
    case 'z':
    case 't':
    case 'j':
        spec->length = sizeof(uint64_t);
        return format + 1;
    default:
        return format;
    }
}

/* A decimal number; digits beyond what an int holds are dropped. */
LOCAL const char *printf_parse_number(const char *format, int *number)
{
    int value = 0;
    for (; *format >= '0' && *format <= '9'; format++)
        if (value < 100000000)
            value = value * 10 + (*format - '0');
    *number = value;
    return format;
}

/* An argument widened to 64 bits from its length. */
LOCAL uint64_t printf_unsigned_of(int length, uint64_t raw)
{
    return length == 8 ? raw : raw & ((1ULL << (length * 8)) - 1);
}

LOCAL int64_t printf_signed_of(int length, uint64_t raw)
{
    int shift = 64 - length * 8;
    return (int64_t)(raw << shift) >> shift;
}

/* C passes a va_list by value or by reference depending on its type; inside a structure it is always by reference. */
struct printf_arguments { va_list list; };

/* Formats conversion `character`; false: unknown, print it as it stands. */
LOCAL bool printf_convert(struct printf_output *output, struct printf_spec *spec, char character,
                          struct printf_arguments *arguments)
{
    uint64_t raw;
    switch (character) {
    case 'd': case 'i': case 'u': case 'x': case 'X': case 'o':
        raw = spec->length == 8 ? va_arg(arguments->list, uint64_t) : va_arg(arguments->list, unsigned);
        if (character == 'd' || character == 'i') {
            printf_signed(output, spec, printf_signed_of(spec->length, raw));
            return true;
        }
        raw = printf_unsigned_of(spec->length, raw);
        printf_number(output, spec, !spec->alternate || raw == 0 ? "" : character == 'x' ? "0x" : character == 'X' ? "0X" : "",
                      raw, character == 'u' ? 10 : character == 'o' ? 8 : 16, character == 'X');
        return true;
    case 'p':
        printf_number(output, spec, "0x", (uintptr_t)va_arg(arguments->list, void *), 16, false);
        return true;
    case 'c': {
        char text = (char)va_arg(arguments->list, int);
        printf_text(output, spec, &text, 1);
        return true;
    }
    case 's': {
        const char *text = va_arg(arguments->list, const char *);
        if (text == NULL)
            text = "(null)";
        size_t length = spec->precision < 0 ? strlen(text) : strnlen(text, (size_t)spec->precision);
        printf_text(output, spec, text, (int)length);
        return true;
    }
    case '%':
        printf_put(output, '%');
        return true;
    default:
        return false;
    }
}

/* Flags, width, precision and length after a '%'; returns where the conversion's letter is. */
LOCAL const char *printf_parse_spec(const char *format, struct printf_spec *spec, struct printf_arguments *arguments)
{
    memset(spec, 0, sizeof(*spec));
    spec->precision = -1;
    format = printf_parse_flags(format, spec);
    if (*format == '*') {
        format++;
        spec->width = va_arg(arguments->list, int);
        if (spec->width < 0) {
            spec->left = true;
            spec->width = -spec->width;
        }
    } else {
        format = printf_parse_number(format, &spec->width);
    }
    if (*format == '.') {
        format++;
        if (*format == '*') {
            format++;
            spec->precision = va_arg(arguments->list, int);
        } else {
            format = printf_parse_number(format, &spec->precision);
        }
        if (spec->precision < 0)
            spec->precision = -1;
    }
    return printf_parse_length(format, spec);
}

int kvsnprintf(char *buffer, size_t size, const char *format, va_list list)
{
    struct printf_output output = { buffer, size, 0 };
    struct printf_arguments arguments;
    va_copy(arguments.list, list);
    while (*format != '\0') {
        if (*format != '%') {
            printf_put(&output, *format++);
            continue;
        }
        struct printf_spec spec;
        const char *end = printf_parse_spec(format + 1, &spec, &arguments);
        if (*end != '\0' && printf_convert(&output, &spec, *end, &arguments))
            format = end + 1;
        else
            printf_put(&output, *format++);
    }
    va_end(arguments.list);
    if (size > 0)
        buffer[MIN(output.length, size - 1)] = '\0';
    return (int)output.length;
}

int ksnprintf(char *buffer, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = kvsnprintf(buffer, size, format, arguments);
    va_end(arguments);
    return length;
}
