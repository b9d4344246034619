"""gdb on Polyglot OS: symbols of kernel and world, printers for the kernel's structures, `polyglot` commands.

    gdb build/kernel.debug.elf -x tools/gdb/polyglot.py -ex "target remote SOCKET"     (`make debug` does it)

    polyglot threads          all threads: state, CPU, role, and where they are
    polyglot backtrace TID    the frames of one thread, in the kernel and in its own code
    polyglot pages            what the physical pages are used for, and the free blocks
    polyglot page ADDRESS     struct page of a physical, direct-map or kernel-image address
    polyglot break NAME       a breakpoint on a function of the world by its Rust path (`break` knows the kernel's)

Printers: struct thread, process, page and list begin with one line that says what they are; `print/r` shows them raw.
Everything is read from memory, no code of the kernel is called: it works wherever the machine stopped, also with a lock
held (a list that is just being changed may then be cut short). Addresses come from arch/x86_64/layout.h.

Left out: ring-3 programs' symbols (add-symbol-file as usual); types and lines of the world, which is built without them.
"""

import contextlib
import re
from pathlib import Path

import gdb
import gdb.printing
import gdb.unwinder

ROOT = Path(__file__).resolve().parent.parent.parent
LAYOUT = dict(re.findall(r"#define\s+(\w+)\s+(0x[0-9a-f]+)ULL", (ROOT / "arch/x86_64/layout.h").read_text()))
WORLD_BASE, DIRECT_MAP, KERNEL_IMAGE, PAGE_ARRAY = (
    int(LAYOUT[name], 16) for name in ("WORLD_IMAGE_BASE", "DIRECT_MAP_BASE", "KERNEL_IMAGE_BASE", "PAGE_ARRAY_BASE"))
PAGE_SIZE = 4096
MAX_NODES = 100_000  # of a list: a damaged one must not hold gdb for ever
MAX_FRAMES = 64
PAGE_MANAGED = 4  # FLAG_MANAGED in kernel/mm/page.c
# What Rust's symbols carry besides their path: hashes of the crate or the instance.
RUST_HASH = re.compile(r"\[[0-9a-f]{8,16}\]|::h[0-9a-f]{16}\b")
# context_switch() in arch/x86_64/entry.S pushes r15 r14 r13 r12 rbx rbp below the return address.
RBP_SLOT, RIP_SLOT = 5, 6
GENERAL_REGISTERS = ("rip", "rsp", "r15", "r14", "r13", "r12", "r11", "r10", "r9", "r8", "rbp", "rdi", "rsi", "rdx", "rcx",
                     "rbx", "rax")


# --- Reading the kernel's data ---------------------------------------------------------------

def variable(name):
    """A variable of the kernel, static ones included."""
    symbol = gdb.lookup_global_symbol(name) or gdb.lookup_static_symbol(name)
    if symbol is None:
        raise gdb.GdbError(f"no variable {name}: is build/kernel.debug.elf loaded?")
    return symbol.value()


def enum_name(type_name, value, prefix):
    """The enumerator of `value` as a word: THREAD_IN_WORLD -> "in world"."""
    for field in gdb.lookup_type(f"enum {type_name}").fields():
        if field.enumval == int(value):
            return field.name.removeprefix(prefix).lower().replace("_", " ")
    return f"{prefix}{int(value)}?"


def list_nodes(head):
    """The nodes of a struct list (a gdb.Value with an address), as pointers; ends early where the list is damaged."""
    end, node = int(head.address), head["next"]
    for _ in range(MAX_NODES):
        if int(node) in (end, 0):
            return
        yield node
        node = node["next"]


def list_entries(head, type_name, member):
    """container_of() for each node of a list."""
    structure = gdb.lookup_type(type_name)
    offset = next(field.bitpos // 8 for field in structure.fields() if field.name == member)
    for node in list_nodes(head):
        yield (node.cast(gdb.lookup_type("unsigned long")) - offset).cast(structure.pointer()).dereference()


def all_threads():
    return list_entries(variable("all_threads"), "struct thread", "all_link")


def find_thread(number):
    for thread in all_threads():
        if int(thread["id"]) == number:
            return thread
    raise gdb.GdbError(f"no thread {number}; `polyglot threads` lists them")


def text_of(array):
    """A char array up to its NUL, whatever bytes it holds."""
    return array.string("utf-8", "replace")


def read_memory(address, size):
    return bytes(gdb.selected_inferior().read_memory(address, size))


def read_word(address):
    return int.from_bytes(read_memory(address, 8), "little")


def word_value(number):
    return gdb.Value(number).cast(gdb.lookup_type("unsigned long"))


def register(name):
    """A register of the CPU that gdb looks at, whatever frame is selected."""
    return int(gdb.newest_frame().read_register(name)) & (1 << 64) - 1


def symbol_at(address):
    """name+offset of a kernel or world address; the number where there is no symbol."""
    text = gdb.execute(f"info symbol {address:#x}", to_string=True)
    if text.startswith("No symbol"):
        return hex(address)
    match = re.match(r"(.*?)(?: \+ (\d+))?(?: in section .*)?$", RUST_HASH.sub("", text.splitlines()[0]))
    return f"{match[1]}+{int(match[2] or 0):#x}"


# --- Threads ---------------------------------------------------------------------------------

def is_on_cpu(thread):
    return enum_name("thread_state", thread["state"], "THREAD_") == "running"


@contextlib.contextmanager
def cpu_of(thread):
    """Within it gdb looks at the CPU that runs `thread`: QEMU shows CPUs as threads 1, 2, ..."""
    before = gdb.selected_thread()
    for cpu in gdb.selected_inferior().threads():
        if cpu.num == int(thread["cpu"]) + 1:
            cpu.switch()
    try:
        yield
    finally:
        before.switch()


def kernel_frames(thread):
    """Return addresses of a thread that waits, innermost first: from what context_switch() saved, by frame pointers."""
    stack = range(int(thread["kernel_stack_base"]), int(thread["kernel_stack_top"]) - 15)
    context = int(thread["saved_rsp"])
    if context not in stack:
        return
    yield read_word(context + RIP_SLOT * 8)
    frame = read_word(context + RBP_SLOT * 8)
    for _ in range(MAX_FRAMES):
        if frame not in stack or frame % 8:
            return
        caller, address = read_word(frame), read_word(frame + 8)
        if address == 0:
            return
        yield address
        if caller <= frame:
            return
        frame = caller


def entry_frame(thread):
    """The struct trap_frame by which a process's thread entered the kernel, at the top of its stack; None for a kernel
    thread and one that has not run."""
    if int(thread["process"]) == 0 or enum_name("thread_state", thread["state"], "THREAD_") == "new":
        return None
    frame = gdb.lookup_type("struct trap_frame")
    return gdb.Value(int(thread["kernel_stack_top"]) - frame.sizeof).cast(frame.pointer()).dereference()


def place_of(thread):
    """One line: the innermost function, and where the thread's own code is."""
    if is_on_cpu(thread):
        with cpu_of(thread):
            return symbol_at(register("rip"))
    inner = [symbol_at(address) for address in kernel_frames(thread)][:3]
    frame = entry_frame(thread)
    if frame is not None:
        inner.append(symbol_at(int(frame["rip"])))
    return " < ".join(inner)


def describe_thread(thread):
    return (f"thread {int(thread['id'])} {text_of(thread['name'])}, "
            f"{enum_name('thread_state', thread['state'], 'THREAD_')}, "
            f"{enum_name('thread_role', thread['role'], 'THREAD_')}, cpu {int(thread['cpu'])}")


def load_registers(values):
    gdb.newest_frame().select()
    for name, value in values.items():
        gdb.execute(f"set var ${name} = {value:#x}", to_string=True)


@contextlib.contextmanager
def registers_of(frame):
    """Within it the CPU has the registers of `frame` (struct trap_frame): gdb's `backtrace` unwinds from there."""
    saved = {name: register(name) for name in GENERAL_REGISTERS}
    # gdb unwinds after each change: RIP is the first to come and the last to go, so that a kernel function is never
    # seen with a frame pointer of the world.
    load_registers({name: int(frame[name]) for name in GENERAL_REGISTERS})
    try:
        yield
    finally:
        load_registers(dict(reversed(saved.items())))


def print_unwound(number):
    """gdb's own backtrace, its frames numbered from `number` on. Returns the number of the next frame."""
    text = gdb.execute(f"backtrace {MAX_FRAMES}", to_string=True)
    print(re.sub(r"^#(\d+) +", lambda match: f"#{int(match[1]) + number:<3} ", RUST_HASH.sub("", text), flags=re.M), end="")
    return number + len(re.findall(r"^#", text, re.M))


class FrameId:
    """What gdb tells frames apart by: see "Unwinding Frames in Python" in its manual."""

    def __init__(self, sp, pc):
        self.sp, self.pc = word_value(sp), word_value(pc)


class KernelUnwinder(gdb.unwinder.Unwinder):
    """Frames of the kernel's C: each function starts with a 5-byte nop, which hides its `push rbp; mov rbp, rsp` from
    gdb's own look at prologues, and there are no unwind tables."""

    NOP, PUSH_RBP, RET = 5, 1, 0xc3

    def __init__(self):
        super().__init__("polyglot kernel")

    def __call__(self, frame):
        pc, sp, rbp = (int(frame.read_register(name)) & (1 << 64) - 1 for name in ("rip", "rsp", "rbp"))
        symtab = gdb.find_pc_line(pc).symtab if KERNEL_IMAGE <= pc < WORLD_BASE else None
        if symtab is None or not symtab.filename.endswith(".c"):
            return None
        block = gdb.block_for_pc(pc)
        while block is not None and block.superblock is not None and not block.superblock.is_static:
            block = block.superblock  # out of inner blocks and inlined functions
        if block is None or block.superblock is None:
            return None  # no function's
        if pc <= block.start + self.NOP or read_memory(pc, 1)[0] == self.RET:
            return_slot = sp
        elif pc == block.start + self.NOP + self.PUSH_RBP:
            return_slot, rbp = sp + 8, read_word(sp)
        elif rbp >= sp:
            return_slot, rbp = rbp + 8, read_word(rbp)
        else:
            return None  # a damaged frame: gdb's own way ends sooner
        caller = frame.create_unwind_info(FrameId(return_slot + 8, block.start))
        for name, value in (("rip", read_word(return_slot)), ("rsp", return_slot + 8), ("rbp", rbp)):
            caller.add_saved_register(name, word_value(value))
        return caller


# --- Pages -----------------------------------------------------------------------------------

def page_phys(page):
    """The physical address that a struct page (with an address) stands for."""
    return (int(page.address) - PAGE_ARRAY) // page.type.sizeof * PAGE_SIZE


def page_of(address):
    """struct page of a physical, direct-map or kernel-image address."""
    if address >= KERNEL_IMAGE:
        address += int(variable("boot_info")["kernel_phys"]) - KERNEL_IMAGE
    elif address >= DIRECT_MAP:
        address -= DIRECT_MAP
    pages = gdb.Value(PAGE_ARRAY).cast(gdb.lookup_type("struct page").pointer())
    return pages[address // PAGE_SIZE]


def describe_page(page):
    use = enum_name("page_use", page["use"], "PAGE_USE_") if int(page["flags"]) & PAGE_MANAGED else "not the allocator's"
    return f"page {page_phys(page):#x}, {use}, {int(page['references'])} references, order {int(page['order'])}"


# --- Printers --------------------------------------------------------------------------------

class StructurePrinter:
    """One line, then the fields."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        return self.describe(self.value)

    def children(self):
        for field in self.value.type.fields():
            yield field.name or "", self.value[field]


class ThreadPrinter(StructurePrinter):
    describe = staticmethod(describe_thread)


class PagePrinter(StructurePrinter):
    describe = staticmethod(describe_page)


class ProcessPrinter(StructurePrinter):
    @staticmethod
    def describe(process):
        threads = sum(1 for _ in list_nodes(process["threads"]))
        return f"process {int(process['id'])} {text_of(process['name'])}, {threads} threads"


class ListPrinter:
    """A list head or node: how many other nodes there are, and their addresses."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        return f"list of {sum(1 for _ in list_nodes(self.value))}"

    def children(self):
        for number, node in enumerate(list_nodes(self.value)):
            yield str(number), node

    def display_hint(self):
        return "array"


def register_printers():
    printers = gdb.printing.RegexpCollectionPrettyPrinter("polyglot")
    for name, printer in (("thread", ThreadPrinter), ("page", PagePrinter), ("process", ProcessPrinter), ("list", ListPrinter)):
        printers.add_printer(name, f"^{name}$", printer)
    gdb.printing.register_pretty_printer(None, printers, replace=True)


# --- Commands --------------------------------------------------------------------------------

class Polyglot(gdb.Command):
    """Commands that know the kernel's data; `help polyglot` lists them."""

    def __init__(self):
        super().__init__("polyglot", gdb.COMMAND_STATUS, gdb.COMPLETE_NONE, prefix=True)


class Threads(gdb.Command):
    """polyglot threads: a table of all threads, with where each of them is."""

    def __init__(self):
        super().__init__("polyglot threads", gdb.COMMAND_STATUS)

    def invoke(self, arguments, from_tty):
        print(f"{'id':>5} {'name':16} {'state':9} {'cpu':>3} {'role':9} where")
        for thread in all_threads():
            print(f"{int(thread['id']):5} {text_of(thread['name']):16} "
                  f"{enum_name('thread_state', thread['state'], 'THREAD_'):9} {int(thread['cpu']):3} "
                  f"{enum_name('thread_role', thread['role'], 'THREAD_'):9} {place_of(thread)}")


class Backtrace(gdb.Command):
    """polyglot backtrace TID: the frames of a thread, in the kernel and in its own code."""

    def __init__(self):
        super().__init__("polyglot backtrace", gdb.COMMAND_STACK)

    def invoke(self, arguments, from_tty):
        if not arguments.strip().isdigit():
            raise gdb.GdbError("polyglot backtrace TID; `polyglot threads` lists them")
        thread = find_thread(int(arguments))
        print(describe_thread(thread))
        if is_on_cpu(thread):
            with cpu_of(thread):
                number = print_unwound(0)
                if int(thread["user_frame"]) != 0:
                    with registers_of(thread["user_frame"].dereference()):
                        print_unwound(number)
            return
        addresses = list(kernel_frames(thread))
        for number, address in enumerate(addresses):
            print(f"#{number:<3} {address:#x} in {symbol_at(address)}{source_line(address)}")
        frame = entry_frame(thread)
        if frame is not None:
            with registers_of(frame):
                print_unwound(len(addresses))


def source_line(address):
    line = gdb.find_pc_line(address - 1)  # of the call, not of what follows it
    return f" at {line.symtab.filename}:{line.line}" if line.symtab else ""


class Pages(gdb.Command):
    """polyglot pages: physical memory by use, and the buddy allocator's free blocks."""

    def __init__(self):
        super().__init__("polyglot pages", gdb.COMMAND_DATA)

    def invoke(self, arguments, from_tty):
        common, magazines = variable("common"), variable("magazines")
        counts = [common] + [magazine["counts"] for magazine in (magazines[id] for id in range(magazines.type.range()[1] + 1)) if magazine["used"]]
        used = common["used"]
        print(f"{'use':12} {'pages':>9} {'MB':>8}")
        for use in range(used.type.range()[1] + 1):
            name = enum_name("page_use", use, "PAGE_USE_")
            count = sum(int(part["free"] if name == "free" else part["used"][use]) for part in counts)
            print(f"{name:12} {count:9} {count * PAGE_SIZE / (1 << 20):8.1f}")
        print(f"{'total':12} {int(variable('total_pages')):9}")
        lists = variable("free_lists")
        blocks = [sum(1 for _ in list_nodes(lists[order])) for order in range(lists.type.range()[1] + 1)]
        print("free blocks of 1, 2, 4, ... pages: " + " ".join(map(str, blocks)))
        print("in the CPUs' magazines: " + " ".join(str(int(part["free"])) for part in counts[1:]))


class Page(gdb.Command):
    """polyglot page ADDRESS: the struct page of a physical, direct-map or kernel-image address."""

    def __init__(self):
        super().__init__("polyglot page", gdb.COMMAND_DATA)

    def invoke(self, arguments, from_tty):
        if not arguments.strip():
            raise gdb.GdbError("polyglot page ADDRESS")
        address = int(gdb.parse_and_eval(arguments).cast(gdb.lookup_type("unsigned long")))
        page = page_of(address)
        print(f"{describe_page(page)}: (struct page *){int(page.address):#x}")


class Break(gdb.Command):
    """polyglot break NAME: a breakpoint on each function of the world with that Rust path, e.g. world::shell::run."""

    def __init__(self):
        super().__init__("polyglot break", gdb.COMMAND_BREAKPOINTS)

    def invoke(self, arguments, from_tty):
        name = arguments.strip()
        # gdb's regular expressions have no \d or {n}; a path part may be followed by its hash, and stand in <>.
        pattern = r"\(\[[0-9a-f]*\]\)*>*::".join(re.escape(part) for part in name.split("::"))
        found = gdb.execute(f"info functions -q {pattern}", to_string=True)
        addresses = [match[1] for match in re.finditer(r"^(0x[0-9a-f]+)  (.*)$", found, re.M)
                     if RUST_HASH.sub("", match[2]).replace("<", "").replace(">", "") == name]
        if not addresses:
            raise gdb.GdbError(f"no function {name or 'NAME'} in the world (it may be inlined); info functions REGEX lists them")
        for address in addresses:
            gdb.execute(f"break *{address}")


def add_world_symbols():
    """Those of build/world.sym.elf, which the kernel loads at WORLD_IMAGE_BASE."""
    world = ROOT / "build/world.sym.elf"
    if world.exists():
        gdb.execute(f"add-symbol-file {world} -o {WORLD_BASE:#x}", to_string=True)


register_printers()
gdb.unwinder.register_unwinder(None, KernelUnwinder(), replace=True)
for command in (Polyglot, Threads, Backtrace, Pages, Page, Break):
    command()
gdb.execute("set confirm off")
# A breakpoint by name looks at the function's first instructions: in the file, as the machine may not have loaded them.
gdb.execute("set trust-readonly-sections on")
add_world_symbols()
