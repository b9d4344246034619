/* A new version of bound_function() of linker_test.c, in the whole file as it were: it shares the statics of the one that runs. */
static int bound_count = 1000;
static int bound_zero;
static const char *const bound_names[] = { "null", "eins" };
int bound_global = 1000;
static __attribute__((noinline)) int bound_step(int by) { return by + 100000; }
static __attribute__((noinline)) int bound_new_helper(int x) { return x * 3; }
int bound_other(int x);
int bound_function(int x);

int bound_other(int x) { return bound_step(-x); }
int bound_function(int x)
{
    static int calls = 1;
    calls++;
    if (x < 0)
        return bound_function(1); /* by the kernel's name: through the patch, if it is patched */
    bound_zero += 2;
    bound_global += 1;
    bound_count += x;
    switch (x) {
    case 1: return bound_step(bound_count) + bound_new_helper(1) + calls;
    case 2: return bound_new_helper(7);
    case 3: return bound_other(1);
    case 4: return bound_names[1][0];
    case 5: return 55;
    default: return -1;
    }
}
