/* Linked by test_link.py: what gcc makes. Everybody else calls gcc_add. */
struct gcc_sum { int last; unsigned calls : 4; double mean; };
struct gcc_sum gcc_sum = { 0, 0, 0.5 };

int gcc_add(int a, int b)
{
    gcc_sum.calls++;
    return gcc_sum.last = a + b;
}

double gcc_mean(const double *values, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += values[i];
    return gcc_sum.mean = sum / count;
}

static __attribute__((noinline)) int gcc_quotient(int a, int b)
{
    return a / b; /* gcc divides */
}

int gcc_divide(int a, int b) { return gcc_quotient(a, b) + 1; }
