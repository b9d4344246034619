"""Faults of live code as exceptions: KernelFault, and those that had no caller to tell (`faults()`).

Frozen as `_livefaults`. The kernel gives addresses (live/guard.h); names and lines come from the kernel's debug data, the module's, or tcc's stabs.
"""

import _live
import re
from collections import namedtuple

from _livetypes import _declared, _symbol_at
from _tables import Table, report

_LIVE_AREA = 0xffffffffa0000000  # up from there: arch/x86_64/layout.h

Frame = namedtuple("Frame", "name offset file line address", module="polyglot")

_KINDS = {1: "read", 2: "write", 3: "execute", 4: "divide", 5: "invalid opcode", 6: "general protection", 7: "stack overflow",
          8: "floating point", 9: "breakpoint", 10: "heap", 11: "abort", 12: "exit", 13: "interrupted", 14: "time limit",
          15: "lock held", 16: "interrupts off", 17: "context", 18: "callback"}
_KIND_TEXTS = {"read": "read of address {address:#x}", "write": "write to address {address:#x}", "execute": "jump to address {address:#x}, where no code is",
               "divide": "division by zero or out of range", "invalid opcode": "invalid instruction",
               "general protection": "general protection fault (a misaligned SSE access, or an address that cannot exist)",
               "stack overflow": "the stack is used up", "floating point": "floating-point exception", "breakpoint": "breakpoint",
               "heap": "damaged heap", "abort": "abort()", "exit": "exit({address})", "interrupted": "interrupted by Ctrl-C",
               "time limit": "the time limit is over", "panic": "panic", "lock held": "it returned with a lock held",
               "interrupts off": "it kept interrupts off too long", "context": "called where it must not be", "callback": "a callback raised"}


class KernelFault(RuntimeError):
    """Live code did what the CPU or the kernel cannot let pass; the call was ended, everything else goes on.

    kind       "read", "write", "execute", "divide", "stack overflow", "interrupted", "time limit", "panic" of Zig and Rust, ...
    language   of the function: "C", "Zig", "Rust"; "" if unknown
    function   where it happened; file, line: "" and 0 if unknown. Of a panic: who caused it, not the language's code that ends it
    address    that was touched (read, write, execute), or the status of exit()
    text       what the kernel adds: which lock, which check
    backtrace  list of (name, offset, file, line, address), innermost first, up to the border to Python
    locks_released  how many kernel locks it held
    """

    __module__ = "polyglot"

    def __init__(self, kind, address=0, frames=(), text="", module=0, locks_released=0):
        self.kind, self.address, self.text, self.module, self.locks_released = kind, address, text, module, locks_released
        # What the library raises (no instruction of its own faulted) begins with the address behind the call.
        is_raised = kind in ("heap", "abort", "exit")
        self.backtrace = [frame if isinstance(frame, Frame) else _frame(frame, index > 0 or is_raised) for index, frame in enumerate(frames)]
        where, panic = _blame(self.backtrace) if kind in _ENDS_OF_PANICS else (None, None)
        if panic is not None:
            self.kind, self.text = "panic", text or panic
        else:
            known = next((frame for frame in self.backtrace if frame.name), None)
            where = next((frame for frame in self.backtrace if frame.file), known)
        self.function, self.file, self.line = (where.name, where.file, where.line) if where else ("", "", 0)
        declared = _declared(self.function) if self.function else None
        self.language = declared and declared.language or _LANGUAGES.get(self.file[self.file.rfind("."):], "")
        super().__init__(str(self))

    def __str__(self):
        what = _KIND_TEXTS.get(self.kind, self.kind).format(address=self.address)
        if self.kind in ("read", "write") and self.address < 65536:
            what += " (a null pointer)"
        if self.text:
            what += f": {self.text}"
        if self.function:
            what += f", in {self.language + ' ' if self.language else ''}function {self.function}"
        if self.file:
            what += f" ({self.file}:{self.line})"
        if self.locks_released:
            what += f"; {self.locks_released} lock{'s' if self.locks_released > 1 else ''} released"
        return what


_ENDS_OF_PANICS = ("abort", "exit", "invalid opcode", "breakpoint")
_LANGUAGES = {".c": "C", ".h": "C", ".zig": "Zig", ".rs": "Rust"}
_PANIC = re.compile(r"__rustc::rust_begin_unwind|core::panicking::|(std\.)?(debug\.(FullPanic|defaultPanic|panic)|builtin\.panic)")


def _blame(frames):
    """(frame of who caused it, what it was in words) of a panic of Rust or Zig, whose own functions lie above; (None, None): it is none."""
    last = max((at for at, frame in enumerate(frames) if _PANIC.match(frame.name)), default=None)
    if last is None:
        return None, None
    outer = [frame for frame in frames[last + 1:] if frame.file]
    library = re.compile(r"(.*/)?library/(core|alloc|std)/|/rustc/")  # unwrap() and its like are not to blame either
    own = next((frame for frame in outer if not library.match(frame.file)), frames[last])
    word = re.split(r"::|\.", frames[last].name)[-1].removeprefix("panic_const_").removeprefix("panic_")
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).lower().replace("_", " ")
    return own, "" if words in ("panic", "fmt", "default panic", "rust begin unwind") else words


def _frame(address, is_return):
    """Name and line of an address; a return address belongs to the call before it."""
    place = address - 1 if is_return else address
    found = _live.name_at(place)
    if found is None:
        return Frame("", 0, "", 0, address)
    name, offset = found
    symbol = _symbol_at(place)
    module = symbol.module if symbol else 0
    line = _live.line(place, module, name, offset) if module else _kernel_line(place)
    return Frame(_live.demangle(name), offset + (1 if is_return else 0), *(line or ("", 0)), address)


_kernel_lines = {}


def _kernel_line(address):
    """(file, line) or None. Kept, because a search takes 0.1 s under emulation, and faults have their outer frames in common."""
    if address not in _kernel_lines:
        if len(_kernel_lines) >= 1000:
            _kernel_lines.clear()
        _kernel_lines[address] = _live.line(address, 0, "", 0)
    return _kernel_lines[address]


def _make_fault(kind, address, frames, text, module, locks):
    return KernelFault(_KINDS.get(kind, f"kind {kind}"), address, frames, text, module, locks)


# --- faults that nobody was told ---------------------------------------------------------------------------

Reported = namedtuple("Reported", "number seconds what fault", module="polyglot")


def faults(after=0):
    """faults(after=0) -> Table: the last 64 faults of live code that had no caller to tell: in timers, interrupt handlers, kernel
    threads, replaced functions, drivers. after: only those with a greater number

    number   since power-on, from 1
    seconds  since power-on
    what     whose fault it was, and what became of it
    fault    a KernelFault, as a call from Python would have raised it
    """
    rows = [Reported(row.number, row.ms / 1000, row.what, _reported_fault(row)) for row in report("faults") if row.number > after]
    return Table("faults", Reported._fields, rows)


def _reported_fault(row):
    frames = []
    for number, place in enumerate(str(row.where).split(" < ")):
        address, _, place = place.partition(" ")
        name, _, offset = place.rpartition("+")
        frames.append(_reported_frame(int(address, 16), name, int(offset, 16) if name else 0, row.module, number > 0))
    return _make_fault(row.kind, int(str(row.address), 16), frames, str(row.text), row.module, row.locks_released)


def _reported_frame(address, name, offset, module, is_return):
    """Its code may be gone: the name is the one of then, and the line is looked up by it."""
    if not name:
        return _frame(address, is_return)
    line = _live.line(address - is_return, module, name, offset) if address >= _LIVE_AREA else _kernel_line(address - is_return)
    return Frame(_live.demangle(name), offset + is_return, *(line or ("", 0)), address)
