"""world/python/own_file.py on this machine's Python: a C file's items, and kernel functions compiled in their place by tcc."""

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "tests" / "system"))

import replace_draw
from replace_draw import own_file

SAMPLE = r'''
/* A comment with int fake(void) { } in it. */
#include <lib/types.h>
#define TWICE(x) \
    ((x) + (x)) /* { */
static int table[] = { 1, 2, '}' };
struct pair { int a, b; };
static inline int small(int x) { return x; }
KTEST(suite, name) { if (1) { } }
ALIGNED(16) struct pair *make_pair(int (*get)(void), const char *text)
{
    return text == "}{" ? 0 : TWICE(0); // }
}
int last(void) { return table[0]; }
'''


def test_items_of_a_file():
    found = own_file.items(SAMPLE)
    assert [(item.kind, item.name) for item in found] == [
        ("directive", ""), ("directive", ""), ("other", ""), ("other", ""), ("function", "small"), ("function", "KTEST"),
        ("function", "make_pair"), ("function", "last")]
    pair = own_file.find(SAMPLE, "make_pair")
    assert SAMPLE[pair.start:pair.body].strip() == "ALIGNED(16) struct pair *make_pair(int (*get)(void), const char *text)"
    assert SAMPLE[pair.start:pair.end].endswith("// }\n}")


def test_a_version_in_its_place():
    text = own_file.in_place(SAMPLE, "last", "int last(void) { return TWICE(1); }", "new.c")
    assert "struct pair *make_pair(int (*get)(void), const char *text);" in text
    assert "int small(int x) { return x; }" in text and "KTEST(suite, name);" in text
    assert text.rstrip().endswith('#line 1 "new.c"\nint last(void) { return TWICE(1); }')
    with pytest.raises(KeyError):
        own_file.in_place(SAMPLE, "nobody", "", "new.c")


def test_users_of_an_inline_function(monkeypatch):
    texts = {"a.h": "#define TWO(x) \\\n    one(x)\nstatic inline int three(void) { return two() + 1; }",
             "b.h": "static inline int two(void) { return TWO(0); }\nstatic inline int one(int x) { return x; }\nint other(void);",
             "c.c": "int direct(void) { return one(1); }\nint none(void) { return other(); }\nint by_macro(void) { return TWO(1); }",
             "d.c": "static inline int own(void) { return three(); }\nint by_own(void) { return own(); }\nint words(void) { return ones + xone; }"}
    monkeypatch.setattr(own_file, "source_of", texts.get)
    monkeypatch.setattr(own_file, "headers", lambda: ["a.h", "b.h"])
    monkeypatch.setattr(own_file, "sources", lambda: ["c.c", "d.c"])
    assert own_file.users("one") == {("direct", "c.c"), ("by_macro", "c.c"), ("own", "d.c"), ("by_own", "d.c")}


def test_every_kernel_function_is_found_in_its_file():
    """But those that macros make or a generator writes."""
    texts, missing = {}, []
    for function in replace_draw.functions():
        path = ROOT / function.source
        if not function.source or not path.exists() or function.source == "kernel/syscall/table.c":
            continue
        if function.source not in texts:
            texts[function.source] = {item.name for item in own_file.items(path.read_text())}
        if function.name not in texts[function.source]:
            missing.append(function.name)
    other = [name for name in missing if not name.startswith(("ktest_", "atomic_", "procfs_generate_report_"))]
    assert len(other) <= 5, other


def test_tcc_compiles_kernel_functions_in_their_place(tmp_path):
    """A draw of 60; what fails needs instructions or builtins that tcc does not know."""
    refused = []
    drawn = [function for function in replace_draw.functions() if function.source and (ROOT / function.source).exists()]
    for function in random.Random(5).sample(drawn, 60):
        text = (ROOT / function.source).read_text()
        item = own_file.find(text, function.name)
        if item is None:
            continue
        source = tmp_path / "version.c"
        source.write_text("#define POLYGLOT_KERNEL 1\n#include <lib/tcc_builtins.h>\n"
                          + own_file.in_place(text, function.name, text[item.start:item.end], "version.c"))
        result = subprocess.run(["tcc", "-nostdlib", "-mno-sse", "-I.", "-Ibuild/generated", "-c", source, "-o", tmp_path / "version.o"],
                                cwd=ROOT, capture_output=True, text=True)
        if result.returncode or "implicit declaration" in result.stderr:
            refused.append(f"{function.name}: {result.stderr.strip()[-200:]}")
    assert len(refused) <= 3, "\n".join(refused)
    assert all(re.search("opcode|implicit|undeclared", why) for why in refused), "\n".join(refused)


def test_builtins_for_tcc(tmp_path):
    program = tmp_path / "builtins.c"
    program.write_text(r'''
#include <lib/tcc_builtins.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
int main(void)
{
    volatile uint8_t byte = 1; uint16_t word = 2; volatile uint32_t wide = 3; uint64_t large = 1ull << 40; bool flag = true;
    void *pointer = &word, *expected = &large;
    printf("%d %d;", __atomic_fetch_add(&byte, 255, 0), byte);
    printf("%d %d;", __atomic_sub_fetch(&word, 1, 0), word);
    printf("%d %d;", __atomic_exchange_n(&wide, 9, 0), (int)__atomic_load_n(&wide, 5));
    printf("%llx;", (long long)__atomic_or_fetch(&large, 1, 5));
    printf("%d %d;", __atomic_exchange_n(&flag, false, 5), flag);
    printf("%d %d ", __atomic_compare_exchange_n(&pointer, &expected, (void *)0, false, 5, 5), expected == (void *)&word);
    printf("%d %d;", __atomic_compare_exchange_n(&pointer, &expected, (void *)0, false, 5, 5), pointer == 0);
    printf("%d %d %d %x %x %llx\n", __builtin_ctzll(8), __builtin_clzll(1), __builtin_popcountll(255), __builtin_bswap16(0x1234),
           __builtin_bswap32(0x12345678), (long long)__builtin_bswap64(0x123456789abcdef0ull));
    return 0;
}
''')
    result = subprocess.run(["tcc", f"-I{ROOT}", "-run", program], capture_output=True, text=True, check=True)
    assert result.stdout == "1 0;1 1;3 9;10000000001;1 0;0 1 1 1;3 63 8 3412 78563412 f0debc9a78563412\n"
