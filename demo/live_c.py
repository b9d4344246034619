"""C in the running kernel: a function is typed, called, crashes, is mended. Run it: %run /demo/live_c.py"""

import polyglot

# A function and a variable of C. They are part of the kernel from now on.
polyglot.c("""
struct visitor { const char *name; int visits; };
struct visitor guest = { "world", 0 };

int greet(struct visitor *who)
{
    return ++who->visits;
}
""")

print("greet(&guest):", polyglot.c("greet(&guest)"), polyglot.c("greet(&guest)"))
print("from Python:", polyglot.live.guest)

# A null pointer in C ends the call, not the machine.
try:
    polyglot.c("greet(0)")
except polyglot.KernelFault as fault:
    print("caught:", fault)

# Typed again, it takes the place of the first one for every caller.
polyglot.c("int greet(struct visitor *who) { return who ? ++who->visits : -1; }")
print("mended:", polyglot.c("greet(0)"), polyglot.c("greet(&guest)"))

# A mistake is shown where it is.
try:
    polyglot.c("int wrong(void) { return guest.age; }")
except polyglot.CompileError as error:
    print(error.report())
