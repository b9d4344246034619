// Links: live/format.c live/format_double.c lib/string.c
/* printf of live code beside the host's: doubles of every size by every conversion, integers, strings. */
#include <tests/host/check.h>
#include <tests/host/lib/random.h>
#include <live/format.h>

#define ROUNDS 20000

struct text_sink {
    struct live_sink sink;
    char text[4096];
};

static void put(struct live_sink *sink, const char *text, size_t size)
{
    struct text_sink *to = (struct text_sink *)(void *)sink;
    if (sink->total + size < sizeof to->text) {
        memcpy(to->text + sink->total, text, size);
        to->text[sink->total + size] = '\0';
    }
}

/* Arguments as the ABI passes them, all of which lie in `words`: two general registers are left out by the format. */
static const char *format_live(const char *format, const uint64_t *words, double number)
{
    static struct text_sink to;
    uint8_t saved[176] = { 0 };
    memcpy(saved, words, 48);
    memcpy(saved + 48, &number, sizeof number);
    struct live_arguments arguments = { 0, 48, NULL, saved };
    to.sink = (struct live_sink){ .put = put };
    to.text[0] = '\0';
    live_format(&to.sink, format, &arguments);
    return to.text;
}

static double random_double(void)
{
    uint64_t bits = random_u64();
    double number;
    switch (random_u64() % 4) {
    case 0: memcpy(&number, &bits, sizeof number); return number;
    case 1: return (double)(int64_t)(bits % 2000000) / 1000.0;
    case 2: return (double)(bits % 1000) / 8.0;
    default: return (double)(int64_t)bits / 4294967296.0;
    }
}

TEST(doubles_are_as_the_hosts)
{
    uint64_t none[6] = { 0 };
    for (int i = 0; i < ROUNDS; i++) {
        static const char *const flags[] = { "", "-", "+", " ", "#", "0", "+0", "-#" };
        char format[32], wanted[4096];
        double number = random_double();
        char conversion = "efgEFG"[random_u64() % 6];
        int width = (int)(random_u64() % 3) * 12, precision = (int)(random_u64() % 24) - 1;
        if (precision < 0)
            snprintf(format, sizeof format, "<%%%s%d%c>", flags[random_u64() % 8], width + 1, conversion);
        else
            snprintf(format, sizeof format, "<%%%s%d.%d%c>", flags[random_u64() % 8], width + 1, precision, conversion);
        snprintf(wanted, sizeof wanted, format, number);
        const char *got = format_live(format, none, number);
        if (strcmp(got, wanted) != 0) {
            printf("%s of %a: %s, not %s\n", format, number, got, wanted);
            CHECK(!"equal");
            return;
        }
    }
}

TEST(special_doubles)
{
    static const double numbers[] = { 0.0, -0.0, 0.5, 1.5, 2.5, 0.05, 9.5, 99.5, 9.9999995, 1e15, 1e16, 1e-4, 1e-5, 4.9e-324,
                                      2.2250738585072014e-308, 1.7976931348623157e308, 123456.0, 1234567.0, 0.1, 1.0 / 3.0 };
    static const char *const formats[] = { "%f", "%.0f", "%.1f", "%.20f", "%e", "%.0e", "%g", "%.0g", "%#g", "%.17g", "%.350f", "%#.0f" };
    uint64_t none[6] = { 0 };
    for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++) {
        for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
            char wanted[4096];
            snprintf(wanted, sizeof wanted, formats[f], numbers[n]);
            CHECK(strcmp(format_live(formats[f], none, numbers[n]), wanted) == 0);
        }
    }
}

TEST(integers_and_strings_are_as_the_hosts)
{
    static const char *const formats[] = { "%d|%u|%x", "%5d|%-5u|%05x", "%+d|%u|%#x", "%ld|%lu|%#lX", "%hhd|%hu|%o", "%.5d|%8.3u|%#o",
                                           "% ld|%10lu|%-#18lx", "%zd|%ju|%tx", "%c|%d|%%", "%lld|%llu|%llx" };
    for (int i = 0; i < ROUNDS; i++) {
        const char *format = formats[random_u64() % 10];
        char wanted[4096];
        uint64_t words[6];
        for (int word = 0; word < 6; word++)
            words[word] = random_u64() >> random_u64() % 64;
        if (format[1] == 'c')
            words[0] = 'a' + words[0] % 26;
        snprintf(wanted, sizeof wanted, format, words[0], words[1], words[2]);
        CHECK(strcmp(format_live(format, words, 0), wanted) == 0);
    }
    uint64_t text[6] = { (uint64_t)(uintptr_t)"text", (uint64_t)(uintptr_t)"more", 0 };
    CHECK(strcmp(format_live("<%s|%-8s|%.3s>", text, 0), "<text|more    |(nu>") == 0);
    CHECK(strcmp(format_live("100%, %y", text, 0), "100%, %y") == 0);
    text[0] = 7;
    CHECK(strcmp(format_live("%*s|", text, 0), "   more|") == 0);
}
