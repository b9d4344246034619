/* Linked by test_link.py: what clang makes, a section for each function. */
int gcc_add(int a, int b);

static const char *const clang_words[] = { "zero", "one", "two", "three" };
unsigned long clang_count;

const char *clang_word(unsigned index)
{
    clang_count++;
    return clang_words[index % 4];
}

int clang_switch(int x)
{
    switch (x) { /* a jump table */
    case 0: return 10;
    case 1: return gcc_add(x, 10);
    case 2: return 7;
    case 3: return gcc_add(100, x);
    case 4: return -4;
    default: return -1;
    }
}

static __attribute__((noinline)) int clang_quotient(int a, int b)
{
    return a / b; /* clang divides */
}

int clang_divide(int a, int b) { return clang_quotient(a, b) + 1; }
