/* The conversions of printf(3) but those of doubles (live/format.h). */
#include <lib/string.h>
#include <live/format.h>

#define GENERAL_END 48
#define VECTOR_END  176
#define NUMBER_MAX  72

struct conversion {
    unsigned flags;
    int width, precision; /* precision -1: none given */
    unsigned size;        /* bytes of an integer argument */
};

LOCAL uint64_t arguments_take(struct live_arguments *arguments)
{
    if (arguments->general_offset >= GENERAL_END)
        return *arguments->overflow++;
    uint64_t value = *(const uint64_t *)(const void *)(arguments->saved + arguments->general_offset);
    arguments->general_offset += 8;
    return value;
}

LOCAL uint64_t arguments_take_double(struct live_arguments *arguments)
{
    if (arguments->vector_offset >= VECTOR_END)
        return *arguments->overflow++;
    uint64_t bits = *(const uint64_t *)(const void *)(arguments->saved + arguments->vector_offset);
    arguments->vector_offset += 16;
    return bits;
}

LOCAL void sink_put(struct live_sink *sink, const char *text, size_t size)
{
    if (size != 0)
        sink->put(sink, text, size);
    sink->total += size;
}

LOCAL void sink_repeat(struct live_sink *sink, char character, int count)
{
    for (; count > 0; count--)
        sink_put(sink, &character, 1);
}

/* `prefix_size` bytes of sign or 0x, then zeroes up to the width if asked for, then the rest. */
LOCAL void sink_put_padded(struct live_sink *sink, const struct conversion *how, const char *text, size_t size, size_t prefix_size)
{
    int padding = how->width - (int)size;
    bool zeroes = (how->flags & FORMAT_ZERO) && !(how->flags & FORMAT_LEFT);
    if (!(how->flags & FORMAT_LEFT) && !zeroes)
        sink_repeat(sink, ' ', padding);
    sink_put(sink, text, prefix_size);
    if (zeroes)
        sink_repeat(sink, '0', padding);
    sink_put(sink, text + prefix_size, size - prefix_size);
    if (how->flags & FORMAT_LEFT)
        sink_repeat(sink, ' ', padding);
}

LOCAL void format_integer(struct live_sink *sink, struct conversion *how, uint64_t value, char conversion)
{
    char digits[NUMBER_MAX], text[NUMBER_MAX + 4];
    size_t count = 0, at = 0;
    bool negative = false;
    if (how->size < 8) {
        unsigned unused = 64 - 8 * how->size;
        value = conversion == 'd' ? (uint64_t)((int64_t)(value << unused) >> unused) : value << unused >> unused;
    }
    if (conversion == 'd' && (int64_t)value < 0) {
        negative = true;
        value = -value;
    }
    uint64_t base = conversion == 'x' || conversion == 'X' ? 16 : conversion == 'o' ? 8 : conversion == 'b' ? 2 : 10;
    const char *alphabet = conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    bool zero = value == 0;
    for (; value != 0; value /= base)
        digits[count++] = alphabet[value % base];
    int least = how->precision < 0 ? 1 : MIN(how->precision, NUMBER_MAX - 2);
    while ((int)count < least)
        digits[count++] = '0';
    if (conversion == 'o' && (how->flags & FORMAT_ALT) && (count == 0 || digits[count - 1] != '0'))
        digits[count++] = '0';
    if (how->precision >= 0)
        how->flags &= ~(unsigned)FORMAT_ZERO;
    if (conversion == 'd' && (negative || (how->flags & (FORMAT_PLUS | FORMAT_SPACE))))
        text[at++] = negative ? '-' : how->flags & FORMAT_PLUS ? '+' : ' ';
    if ((how->flags & FORMAT_ALT) && base != 10 && base != 8 && !zero) {
        text[at++] = '0';
        text[at++] = conversion;
    }
    size_t prefix = at;
    while (count > 0)
        text[at++] = digits[--count];
    sink_put_padded(sink, how, text, at, prefix);
}

LOCAL void format_string(struct live_sink *sink, struct conversion *how, const char *text)
{
    if (text == NULL)
        text = "(null)";
    size_t size = how->precision < 0 ? strlen(text) : strnlen(text, (size_t)how->precision);
    how->flags &= ~(unsigned)FORMAT_ZERO;
    sink_put_padded(sink, how, text, size, 0);
}

LOCAL void format_floating(struct live_sink *sink, struct conversion *how, uint64_t bits, char conversion)
{
    char text[FORMAT_DOUBLE_MAX];
    if (conversion < 'a') {
        how->flags |= FORMAT_UPPER;
        conversion = (char)(conversion + 'a' - 'A');
    }
    size_t size = live_format_double(text, bits, conversion, how->precision, how->flags);
    bool finite = (bits >> 52 & 0x7ff) != 0x7ff;
    if (!finite)
        how->flags &= ~(unsigned)FORMAT_ZERO;
    sink_put_padded(sink, how, text, size, text[0] == '-' || text[0] == '+' || text[0] == ' ');
}

LOCAL const char *format_number(const char *format, struct live_arguments *arguments, int *number)
{
    *number = 0;
    if (*format == '*') {
        *number = (int)arguments_take(arguments);
        return format + 1;
    }
    for (; *format >= '0' && *format <= '9'; format++)
        *number = MIN(*number * 10 + (*format - '0'), 100000);
    return format;
}

/* Flags, width, precision and size, up to the conversion's letter. */
LOCAL const char *format_parse(const char *format, struct live_arguments *arguments, struct conversion *how)
{
    static const char letters[] = "-+ #0";
    const char *found;
    *how = (struct conversion){ .precision = -1, .size = 4 };
    while (*format != '\0' && (found = strchr(letters, *format)) != NULL) {
        how->flags |= 1u << (found - letters);
        format++;
    }
    format = format_number(format, arguments, &how->width);
    if (how->width < 0) {
        how->flags |= FORMAT_LEFT;
        how->width = -how->width;
    }
    if (*format == '.')
        format = format_number(format + 1, arguments, &how->precision);
    for (;; format++) {
        if (*format == 'h')
            how->size /= 2;
        else if (*format == 'l' || *format == 'z' || *format == 'j' || *format == 't' || *format == 'q')
            how->size = 8;
        else
            return format;
    }
}

void live_format(struct live_sink *sink, const char *format, struct live_arguments *arguments)
{
    while (*format != '\0') {
        const char *percent = strchr(format, '%');
        size_t plain = percent != NULL ? (size_t)(percent - format) : strlen(format);
        sink_put(sink, format, plain);
        if (percent == NULL)
            return;
        struct conversion how;
        format = format_parse(percent + 1, arguments, &how);
        char character;
        switch (*format) {
        case 'd': case 'i': format_integer(sink, &how, arguments_take(arguments), 'd'); break;
        case 'u': case 'x': case 'X': case 'o': case 'b':
            format_integer(sink, &how, arguments_take(arguments), *format);
            break;
        case 'p':
            how.size = 8;
            how.flags |= FORMAT_ALT;
            format_integer(sink, &how, arguments_take(arguments), 'x');
            break;
        case 'c':
            character = (char)arguments_take(arguments);
            how.flags &= ~(unsigned)FORMAT_ZERO;
            sink_put_padded(sink, &how, &character, 1, 0);
            break;
        case 's': format_string(sink, &how, (const char *)(uintptr_t)arguments_take(arguments)); break;
        case 'e': case 'f': case 'g': case 'E': case 'F': case 'G':
            format_floating(sink, &how, arguments_take_double(arguments), *format);
            break;
        case 'n': *(int *)(uintptr_t)arguments_take(arguments) = (int)sink->total; break;
        case '%': sink_put(sink, "%", 1); break;
        default: /* not known: as it stands */
            sink_put(sink, percent, (size_t)(format - percent) + (*format != '\0'));
            break;
        }
        if (*format != '\0')
            format++;
    }
}
