"""The live layer's type table, hosted: the kernel's debug data against gdb's reading of it and tcc's own layout, objects of
several compilers, C declarations read and written, scalars and structures as text, what has no kernel."""

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
WORLD = ROOT / "build" / "world.elf"
KERNEL = ROOT / "build" / "kernel.debug"
ZIG = [ROOT / "build" / "venv" / "bin" / "python", "-m", "ziglang"]

GDB = r"""
import gdb, json
def one(name):
    try:
        found = gdb.lookup_type(name).strip_typedefs()
    except gdb.error:
        return None
    fields = [[f.name or "", f.bitpos, f.bitsize, f.type.sizeof] for f in found.fields() if hasattr(f, "bitpos")]
    return [found.sizeof, fields]
names = json.load(open(NAMES))
json.dump({name: one(name) for name in names}, open(ANSWERS, "w"))
"""


def world(source, *arguments, timeout=120):
    result = subprocess.run([WORLD, "-c", source, *map(str, arguments)], capture_output=True, text=True, timeout=timeout)
    assert result.returncode == 0, result.stderr
    return result.stdout


LOAD = "import _live, json, sys; _live.add_dwarf(0, open(sys.argv[1], 'rb').read())\n"
LAYOUT = """
def layout(name):
    number = _live.type_named(name)
    if number is None: return None
    fields = []
    for field, ty, offset, first, width in _live.fields(number, False):
        size = _live.type_info(ty)[2]
        fields.append([field or "", offset * 8 + (first or 0), width or 0, size])
    return [_live.type_info(number)[2], fields]
"""


def structure_names():
    out = world(LOAD + "print(json.dumps(sorted(n for n in _live.type_names('') if n.startswith(('struct ', 'union ')))))", KERNEL)
    return json.loads(out)


def test_all_kernel_structures_are_as_gdb_reads_them(tmp_path):
    names = structure_names()
    assert len(names) > 150
    (tmp_path / "names").write_text(json.dumps(names))
    script = tmp_path / "dump.py"
    script.write_text(f"NAMES = {str(tmp_path / 'names')!r}\nANSWERS = {str(tmp_path / 'answers')!r}\n" + GDB)
    subprocess.run(["gdb", "-nx", "-batch", "-x", script, ROOT / "build" / "kernel.debug.elf"], check=True, capture_output=True, timeout=300)
    expected = json.loads((tmp_path / "answers").read_text())
    ours = json.loads(world(LOAD + LAYOUT + f"print(json.dumps({{n: layout(n) for n in json.load(open({str(tmp_path / 'names')!r}))}}))", KERNEL))
    compared = 0
    for name in names:
        if expected[name] is None or not ours[name] or (expected[name][1] == [] and ours[name][1]):
            continue  # of Zig, which has other names in gdb; or gdb found a declaration first
        assert ours[name] == expected[name], name
        compared += 1
    assert compared > 0.85 * len(names)


def test_declarations_are_laid_out_alike_by_tcc(tmp_path):
    names = [name for name in structure_names() if name.startswith("struct ")]
    drawn = random.Random(7).sample(names, 80)
    program = LOAD + LAYOUT + """
rows, words = [], set()
for name in json.loads(sys.argv[2]):
    size, fields = layout(name)
    if not size: continue
    words.add(name.split()[1])
    rows.append(f'if (sizeof({name}) != {size}) printf("sizeof {name}: %d, not {size};", (int)sizeof({name}));')
    for field, position, width, _ in fields:
        if field and not width:
            rows.append(f'if ((unsigned long)&(({name} *)0)->{field} != {position // 8}) printf("{name}.{field}: %d, not {position // 8};", (int)(unsigned long)&(({name} *)0)->{field});')
print(_live.declare(sorted(words), []))
print("int printf(const char *, ...);\\nint main(void) {", *rows, 'printf(" %d", ' + str(len(rows)) + '); return 0; }', sep="\\n")
"""
    source = tmp_path / "layout.c"
    source.write_text(world(program, KERNEL, json.dumps(drawn)))
    result = subprocess.run(["tcc", "-run", source], capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stderr
    wrong, _, count = result.stdout.rpartition(" ")
    assert not wrong and int(count) > 200


def test_every_function_of_the_kernel_has_a_type_and_a_line():
    out = json.loads(world(LOAD + """
missing, total = [], 0
import subprocess
for line in open(sys.argv[2]):
    name, address = line.split()
    found = _live.declared(name)
    total += 1
    if found is None or not found[4] or _live.line(int(address, 16), 0, name, 0) is None: missing.append(name)
print(json.dumps([total, missing]))""", KERNEL, functions_of_c()))
    assert out[0] > 1000 and len(out[1]) == 0, out[1][:20]


def functions_of_c():
    """A file of the names and addresses of all functions that gdb says are C."""
    path = ROOT / "build" / "live_functions.txt"
    listing = subprocess.run(["gdb", "-nx", "-batch", "-ex", "info functions -n", ROOT / "build" / "kernel.debug.elf"],
                             capture_output=True, text=True, check=True, timeout=300).stdout
    names, c_file = set(), False
    for line in listing.splitlines():
        if line.startswith("File "):
            c_file = line.endswith(".c:")
        elif c_file and "(" in line and not line.startswith("static"):
            name = line.split("(")[0].split()[-1].lstrip("*")
            names.add(name.split(":")[-1])
    symbols = subprocess.run(["nm", ROOT / "build" / "kernel.debug.elf"], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in symbols.splitlines()]
    path.write_text("".join(f"{row[2]} {row[0]}\n" for row in rows if len(row) == 3 and row[1] == "T" and row[2] in names))
    return path


C_SOURCE = """
enum colour { RED = 1, BLUE = -3 };
struct inner { short a; char b[3]; };
struct all { _Bool flag; unsigned bits : 5, more : 9; struct inner nested[2]; double real; enum colour colour;
             union { int whole; float part; }; struct all *next; int (*call)(int, const char *); };
struct all everything; int apply(struct all *which, long count, double scale) { return which->colour + (int)count + (int)scale; }
"""
ZIG_SOURCE = """
const Inner = extern struct { a: i16, b: [3]u8 };
const All = extern struct { flag: bool, nested: [2]Inner, real: f64, next: ?*All };
export var everything: All = undefined;
export fn apply(which: *All, count: i64, scale: f64) i32 { return @as(i32, @intCast(count)) + @as(i32, @intFromFloat(scale)) + which.nested[0].a; }
"""
RUST_SOURCE = """
#![no_std]
#[repr(C)] pub struct Inner { a: i16, b: [u8; 3] }
#[repr(C)] pub struct All { flag: bool, nested: [Inner; 2], real: f64, next: *mut All }
#[no_mangle] pub static mut everything: All = All { flag: false, nested: [Inner { a: 0, b: [0; 3] }, Inner { a: 0, b: [0; 3] }], real: 0.0, next: 0 as *mut All };
#[no_mangle] pub extern "C" fn apply(which: &mut All, count: i64, scale: f64) -> i32 { count as i32 + scale as i32 + which.nested[0].a as i32 }
#[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
"""
COMPILERS = {
    "gcc": (C_SOURCE, "a.c", lambda s, o: ["gcc", "-g", "-c", s, "-o", o]),
    "gcc5": (C_SOURCE, "a.c", lambda s, o: ["gcc", "-gdwarf-5", "-c", s, "-o", o]),
    "clang": (C_SOURCE, "a.c", lambda s, o: [*ZIG, "cc", "-target", "x86_64-linux-gnu", "-g", "-c", s, "-o", o]),
    "zig": (ZIG_SOURCE, "a.zig", lambda s, o: [*ZIG, "build-obj", "-target", "x86_64-freestanding", "-mcmodel=kernel", s, f"-femit-bin={o}"]),
    "rustc": (RUST_SOURCE, "a.rs", lambda s, o: ["rustc", "-g", "--emit=obj", "--crate-type=lib", "-Cpanic=abort", s, "-o", o]),
}


@pytest.mark.parametrize("compiler", COMPILERS)
def test_types_of_objects(compiler, tmp_path):
    source, name, command = COMPILERS[compiler]
    (tmp_path / name).write_text(source)
    if compiler == "rustc" and not shutil.which("rustc"):
        pytest.fail("rustc is needed: the world is built with it")
    subprocess.run(command(tmp_path / name, tmp_path / "a.o"), check=True, capture_output=True, timeout=120, cwd=tmp_path)
    program = "import _live, json, sys; _live.add_dwarf(5, open(sys.argv[1], 'rb').read())\n" + LAYOUT + """
apply, everything = _live.declared("apply"), _live.declared("everything")
number = everything[0]
fields = [[f or "", o * 8 + (b or 0), w or 0, _live.type_info(t)[2]] for f, t, o, b, w in _live.fields(number, False)]
print(json.dumps([_live.spell(apply[0], "apply"), apply[3], apply[4].split("/")[-1], apply[5] > 0, _live.type_info(number)[2], fields]))"""
    spelled, language, file, has_line, size, fields = json.loads(world(program, tmp_path / "a.o"))
    assert file == name and has_line
    if name == "a.c":
        assert language == "C" and spelled == "int apply(struct all *which, long count, double scale)"
        assert size == 64 and fields == [["flag", 0, 0, 1], ["bits", 8, 5, 4], ["more", 13, 9, 4], ["nested", 32, 0, 12], ["real", 128, 0, 8],
                                         ["colour", 192, 0, 4], ["", 224, 0, 4], ["next", 256, 0, 8], ["call", 320, 0, 8]] or size == 48
    else:
        assert language == {"zig": "Zig", "rustc": "Rust"}[compiler]
        assert spelled.startswith("int apply(struct ") and "long count, double scale" in spelled
        assert size == 32 and fields == [["flag", 0, 0, 1], ["nested", 16, 0, 12], ["real", 128, 0, 8], ["next", 192, 0, 8]]


def test_c_text_becomes_types():
    out = json.loads(world("import _live, json\n" + LAYOUT + """
names = _live.define_c('''
typedef unsigned char byte; enum { FIRST = 3, SECOND, BIG = 1 << 4 | 1 };  /* a comment */
struct node { struct node *next; byte data[SECOND * 2]; int a : 3, b : 30; char last; };
union both { int number; char text[5]; };
struct packed { char a; long b; } __attribute__((packed));
static int (*table[2])(struct node *, ...) = { 0, 0 };
int add(int a, int b) { if (a) { return b; } return a + b; }
char *name = "x;y", letter = ';';
''', 9)
texts = [_live.spell(_live.type_named(text), "x") for text in
         ("const char *", "int (*)(int, char **)", "unsigned long long [2][3]", "void (*)(void (*)(int))", "byte *", "struct node * const")]
print(json.dumps([names, layout("struct node"), layout("union both"), layout("struct packed"), _live.constant("BIG"), texts,
                  _live.spell(_live.declared("table")[0], "table"), _live.type_named("struct nothing *") is not None, _live.type_named("int int x y")]))"""))
    assert out[0] == ["table", "add", "name", "letter"]
    assert out[1] == [24, [["next", 0, 0, 8], ["data", 64, 0, 8], ["a", 128, 3, 4], ["b", 160, 30, 4], ["last", 192, 0, 1]]] or out[1][0] == 32
    assert out[2] == [8, [["number", 0, 0, 4], ["text", 0, 0, 5]]] and out[3][0] == 9 and out[4] == 17
    assert out[5] == ["const char *x", "int (*x)(int, char **)", "unsigned long long x[2][3]", "void (*x)(void (*)(int))", "byte *x", "struct node *const x"]
    assert out[6] == "int (*table[2])(struct node *, ...)" and out[8] is None


def test_values_as_text():
    out = json.loads(world("""import _live, json, struct
_live.define_c("enum colour { RED, GREEN }; struct p { int x; enum colour c; char name[6]; double d; unsigned f : 4, g : 4; };", 1)
n = _live.type_named
print(json.dumps([_live.format(n("int"), b"\\xfe\\xff\\xff\\xff"), _live.format(n("char"), b"\\n"), _live.format(n("double"), struct.pack("d", 0.1)),
    _live.format(n("char [8]"), b"hi\\0\\0\\0\\0\\0\\0"), _live.format(n("int *"), bytes(8)),
    _live.format(n("struct p"), struct.pack("=ii6sxxdB", 7, 1, b"abc", 1.5, 0x52) + bytes(7))]))"""))
    assert out == ["-2", "10 '\\n'", "0.1", '"hi"', "NULL", '{x = 7, c = GREEN, name = "abc", d = 1.5, f = 2, g = 5}']


def test_sse_is_found(tmp_path):
    (tmp_path / "a.c").write_text("int whole(int a) { return a * 3; } double half(double a) { return a / 2; } float *copy(float *a) { a[1] = a[0]; return a; }"
                                  "void fence(void) { __builtin_ia32_sfence(); }")
    subprocess.run(["gcc", "-O2", "-c", tmp_path / "a.c", "-o", tmp_path / "a.o"], check=True)
    out = world("import _live, sys; print(sorted(_live.sse_functions(open(sys.argv[1], 'rb').read())))", tmp_path / "a.o")
    assert out.strip() == "['copy', 'half']"


def test_damaged_objects_are_refused_and_never_fatal(tmp_path):
    (tmp_path / "a.c").write_text(C_SOURCE)
    subprocess.run(["gcc", "-g", "-c", tmp_path / "a.c", "-o", tmp_path / "a.o"], check=True)
    out = world("""import _live, random, sys
data, rng, refused = open(sys.argv[1], "rb").read(), random.Random(3), 0
for round in range(400):
    bad = bytearray(data)
    for _ in range(rng.randrange(1, 12)): bad[rng.randrange(len(bad))] = rng.randrange(256)
    if round % 4 == 0: bad = bad[:rng.randrange(len(bad))]
    try:
        _live.add_dwarf(round + 1, bytes(bad))
        for name in ("apply", "everything"):
            found = _live.declared(name)
            if found: _live.spell(found[0], name)
        _live.line(0, round + 1, "apply", 3)
    except ValueError: refused += 1
print(refused)""", tmp_path / "a.o")
    assert 0 < int(out) < 400


def test_without_our_kernel_everything_says_so():
    out = world("""import polyglot
for use in (lambda: polyglot.live.add, lambda: polyglot.kernel.klog_size, lambda: polyglot.live.modules() and None or polyglot.live.search("x"),
            lambda: polyglot.kernel.cast("int *", 4096).value):
    try: print(use())
    except OSError as error: print(error.errno, error.strerror)
try: polyglot.link(b"x")
except polyglot.LinkError as error: print(error)
try: polyglot.export("int f(int)")(lambda n: n)
except OSError as error: print(error.errno)
print(repr(polyglot.live))""")
    assert out.splitlines() == ["38 only the kernel of Polyglot OS has a live layer"] * 4 + [
        "bytes: it is no 64-bit ELF object", "38", "<polyglot.live: only the kernel of Polyglot OS has a live layer>"]
