/* Members of an archive that test_link.py links, by MEMBER, each from another compiler. */
#if MEMBER == 1
struct first { int one; int two; };
int member_second(int x);
struct first member_state = { 10, 20 };
int member_first(struct first *state) { return member_second(state->two) + state->one; }
#elif MEMBER == 2
struct second { double factor; struct second *self; };
int member_third(int a, int b);
struct second member_second_state = { 1.5, &member_second_state };
int member_second(int x) { return (int)(x * member_second_state.factor) + member_third(x, 2); }
#elif MEMBER == 3
int member_third(int a, int b)
{
    return a / b; /* a member divides */
}
#else /* nobody needs it: its types are not those of the names, and what it needs is not missing */
double nobody_has_this(double);
double gcc_add(double a, double b) { return nobody_has_this(a + b); }
#endif
