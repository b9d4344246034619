/* Linked by test_link.py: what tcc makes, inside. It calls the function of Zig. */
int zig_add_four_times(int a, int b);

int tcc_global = 5;

int tcc_add_five_times(int a, int b)
{
    return zig_add_four_times(a, b) + b;
}

static int tcc_quotient(int a, int b)
{
    return a / b; /* tcc divides */
}

int tcc_divide(int a, int b)
{
    return tcc_quotient(a, b) + 1;
}
