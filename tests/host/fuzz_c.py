"""Mutated C for the C prompt's compiler: run by the hosted world (test_live_c.py), or for longer by hand.

    build/world.elf tests/host/fuzz_c.py [SEED [COUNT]]

Each source is compiled or refused; anything else is printed, and so is what takes long. A fault of libtcc itself is an error like
others ("the compiler failed here"), and the next source is compiled.
"""

import random
import re
import sys
import time

import _live_c

SOURCES = [
    "int twice(int x) { return 2 * x; } twice(4)",
    "struct point { int x, y; } p = { 1, 2 }; p.x + p.y",
    "typedef unsigned long word; word w[4] = { 1, 2, [3] = 9 }; w[3]",
    "enum color { RED, GREEN = 5, BLUE }; enum color c = BLUE; c",
    "#define MAX(a, b) ((a) > (b) ? (a) : (b))\nMAX(3, 4)",
    "union u { int i; float f; char c[4]; } v; v.f = 1.0f; v.i",
    "int sum(int n, ...) { __builtin_va_list a; __builtin_va_start(a, n); return n ? __builtin_va_arg(a, int) : 0; } sum(3, 1, 2)",
    "char *s = \"hello\" \" world\\n\\x41\\101\"; s",
    "for (int i = 0; i < 3; i++) { if (i == 1) continue; switch (i) { case 0: break; default: goto out; } } out: ;",
    "int (*f)(int) = twice; int a[3][2] = { { 1, 2 }, { 3 } }; f(a[1][0])",
    "struct list { struct list *next; int v : 3, w : 5; } l = { &l, 1, 2 }; l.next->v",
    "_Static_assert(sizeof(int) == 4, \"x\"); _Alignas(16) char q[3]; _Generic(1, int: 2, default: 3)",
    "int f(int n) { asm volatile(\"nop\" : : \"r\"(n) : \"memory\"); return n; } f(1)",
    "#if defined(X) && X > 3\nint a;\n#elif 1\nint b = __LINE__;\n#else\n#error no\n#endif\nb",
    "({ int z = 3; z * z; })",
    "&(int[]){ 1, 2, 3 }[1]",
    "void g(int a[static 3], int n, int m[n]) {} extern int h(void); int h(void) { return 1; }",
    "int x = 'a', y = L'b'; x++ + --y, x ? y : !x, ~x << 2 >> 1 & 3 | 4 ^ 5",
    "__attribute__((packed)) struct pk { char a; int b; } k; k",
    "int v1(void) { static int n; return ++n; } v1()",
    "#include <stdint.h>\nuint8_t b8 = 255; (int8_t)b8",
    "int arr[] = { [0 ... 9] = 7 }; arr[5]",
]
ODD = ["0", "-1", "9" * 20, "0x", "1e999", "''", '"', "'", "\\", "#", "##", "@", "`", "\0", "é", "/*", "//", "*/", "{" * 50, "(" * 300, "[", "]", "1/0", "[-1]", "[1<<40]",
       "#define A A\n", '#include "x"\n', "__VA_ARGS__", "_Generic(", 'asm("', "goto x;", "case 1:", "default:", "auto", "restrict", "void*", "...", "int:", "typedef",
       "__label__", "__attribute__((aligned(3)))", '__attribute__((section("x")))', "#pragma pack(push,1)\n", "#line 5\n", "0b12", "08", "1.2.3", "'\\x'", "?:", "->", "&&x"]
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[A-Za-z_]\w*|\d[\w.]*|\s+|[-+*/%&|^=!<>]=|->|\+\+|--|&&|\|\||<<|>>|\.\.\.|.', re.S)
POOL = ODD + [token for source in SOURCES for token in TOKEN.findall(source)]
SLOW_SECONDS = 10


def mutated(draw, source):
    tokens = TOKEN.findall(source)
    for _ in range(draw.choice((0, 1, 1, 2, 3, 6))):
        at, other = draw.randrange(len(tokens) + 1), draw.randrange(len(tokens) + 1)
        low, high = sorted((at, other))
        match draw.randrange(6):
            case 0:
                del tokens[at:at + draw.randrange(1, 4)]
            case 1:
                tokens[at:at + draw.randrange(2)] = [draw.choice(POOL)]
            case 2:
                tokens[low:high] = reversed(tokens[low:high])
            case 3:
                tokens[at:at] = TOKEN.findall(draw.choice(SOURCES))[:draw.randrange(1, 12)]
            case 4:
                del tokens[max(at, 1):]
            case 5:
                tokens[at:at] = tokens[low:high] * draw.choice((1, 2, 5))
    return "".join(tokens)


def main(seed=1, count=2000):
    draw = random.Random(seed)
    compiled = refused = failed = 0
    for number in range(count):
        source = mutated(draw, draw.choice(SOURCES))
        begin = time.monotonic()
        try:
            _live_c.is_complete(source)
            cell = _live_c.prepare(source, False, "")
        except Exception as error:
            print(f"{number}: {type(error).__name__}: {error}: {source!r}")
            continue
        if error := cell.get("error"):
            refused += 1
            failed += "compiler failed" in error[3]
        else:
            compiled += 1
            if draw.random() < 0.1:
                _live_c.commit(cell["number"], 0)
        if time.monotonic() - begin > SLOW_SECONDS:
            print(f"{number}: {time.monotonic() - begin:.0f} s: {source!r}")
    print(f"{compiled} compiled, {refused} refused, by failures of the compiler {failed}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
