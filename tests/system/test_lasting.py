"""Definitions that last, on real machines: from one to another by a saved set, over restarts of the world, with live=off.

Two boots: the first saves what it defined; the second, interactive, loads that and restarts its world twice.
"""

import pytest

from polyglot_vm.hostchannel import pack_host
from polyglot_vm.screen import NEXT_PROMPT

PROMPT = r">>> \Z"
FIRST = r"""
import polyglot
polyglot.c("struct point { int x, y; };")
polyglot.c("int base = 5;")
polyglot.c("int square(int n) { return n * n + base; }")
polyglot.c("int area(struct point p) { return square(p.x) + p.y; }")
polyglot.c("int square(int n) { return n * n + base + 1000; }")
polyglot.replace("klog_size", "size_t klog_size(void) { return 4242; }", trial=0)
assert polyglot.save("/tmp/set") == 5, polyglot.save("/tmp/set")
print(open("/tmp/set").read(), end="")
"""


@pytest.fixture
def second(run_inside, boot, tmp_path):
    """A machine that has the first one's set below /host."""
    result = run_inside(FIRST, timeout=150)
    assert result.status == 0, result.stderr
    host = tmp_path / "host"
    host.mkdir()
    # One of the set is damaged by hand, and one is new and never builds.
    text = result.stdout.decode() + '#= {"language": "c", "order": 99, "names": ["bad"], "uses": []}\n int bad(void) { return nosuch; }\n'
    (host / "set").write_text(text)
    pack_host(tmp_path / "host.cpio", host)
    return boot(files={"opt/polyglot/host": tmp_path / "host.cpio"})


class Talk:
    def __init__(self, machine):
        self.machine = machine

    def ask(self, line, answer=None):
        """Sends a line; waits for what it prints, and for the prompt."""
        self.machine.serial.send(line + "\r")
        if answer is not None:
            self.machine.serial.wait_for(answer, timeout=120)
            self.machine.serial.wait_for(PROMPT, timeout=120)
        else:
            self.machine.serial.wait_for(NEXT_PROMPT, timeout=120)

    def die(self, said):
        self.machine.serial.send("import ctypes; ctypes.string_at(8)\r")
        self.machine.serial.wait_for(r"ended by signal 11; starting it again", timeout=120)
        self.machine.serial.wait_for(said, timeout=240)
        self.machine.serial.wait_for(PROMPT, timeout=120)


def test_definitions_last(second):
    talk = Talk(second)
    talk.ask("import polyglot; from polyglot import kernel, live")
    talk.ask("polyglot.load('/host/set')", r"definition of bad is skipped: CompileError[^\n]*nosuch[^\n]*\s+5\s")
    talk.ask("live.square(3), live.area({'x': 3, 'y': 7}), kernel.klog_size()", r"\(1014, 1021, 4242\)")
    # A Python function that live code calls, and a second version of a replaced function.
    talk.ask("polyglot.export('int half(int n)')(lambda n: n // 2); polyglot.c('int quarter(int n) { return half(half(n)); }'); live.quarter(20)", r"\n5\s")
    # Exported by a decorator, later, and one that cannot be kept; and a plain source.
    for line in ("@polyglot.export('int eighth(int n)')", "def eighth(n):", "    return n // 8", ""):
        second.serial.send(line + "\r")
        second.serial.wait_for(NEXT_PROMPT, timeout=120)
    talk.ask("polyglot.export('int eighth_again(int n)')(eighth)", r"<function eighth at")
    talk.ask("(lambda k: polyglot.export('int third(int n)')(lambda n: n // k))(3)", r"third: not kept in /live: it uses variables of the function around it")
    talk.ask("polyglot.c('int ninth(int n) { return third(third(n)); }'); live.ninth(90)", r"\n10\s")
    talk.ask("open('/tmp/plain.c', 'w').write('int plain(int n) { return eighth(n) + eighth_again(n); }'); polyglot.load('/tmp/plain.c'); live.plain(80)", r"\n20\s")
    talk.ask("polyglot.replace('klog_size', 'size_t klog_size(void) { return 4243; }', trial=0); live.base = 6")
    # A file that somebody put there, and one that breaks: they cost only themselves.
    talk.ask("""open('/live/00098-worse.c', 'w').write('// polyglot definition: {"language": "c", "order": 98, "names": ["worse"], "uses": []}\\nint worse(void) { return }\\n')""", r"\n\d+\s")
    talk.die(r"(?s)kept definitions built again: .*half, quarter.*ninth is skipped: CompileError.*third.*worse is skipped: CompileError")
    talk.ask("import polyglot; from polyglot import kernel, live")
    talk.ask("live.square(3), live.area({'x': 3, 'y': 7})", r"\(1014, 1021\)")  # variables begin with their first values
    talk.ask("live.quarter(20), live.plain(80), half(4) if 'half' in dir() else None, eighth(16)", r"\(5, 20, None, 2\)")
    talk.ask("polyglot.live.source('eighth')", r"polyglot\.export\('int eighth\(int n\)'\)\(eighth\)")
    talk.ask("polyglot.export('int half(int n)')(lambda n: n // 2 + 1); live.half(10)", r"\n6\s")
    talk.ask("polyglot.restore('half'); live.half(10), [row.state for row in polyglot.history('half')]", r"\(5, \['superseded', 'superseded', 'active'\]\)")
    talk.ask("polyglot.forget('eighth_again'); len([name for name in __import__('os').listdir('/live') if name.endswith('.py')])", r"(?s)still kept, and using it: plain.*\n2\s")
    # Replacements are the kernel's and stay, with their history.
    talk.ask("kernel.klog_size(), [(row.version, row.state) for row in polyglot.history('klog_size')]",
             r"\(4243, \[\(0, 'original'\), \(1, 'superseded'\), \(2, 'active'\)\]\)")
    talk.ask("polyglot.restore('klog_size'); kernel.klog_size()", r"\n4242\s")
    talk.ask("[row.source for row in polyglot.history('square')]", r"n \* n \+ base \+ 1000")
    # What is being typed is all that a fault can cost: the file is written whole, and the old one stays until then.
    talk.ask("import os; sorted(os.listdir('/live'))[:3]", r"\[.*\]")
    second.serial.send("exit()\r")
    assert second.wait(timeout=60) == 0


def test_live_off(boot):
    talk = Talk(boot(append="live=off"))
    talk.ask("import polyglot; polyglot.c('int kept(void) { return 1; }').kept()", r"\n1\s")
    talk.die(r"live=off is given: the definitions that are kept in /live are not built")
    talk.ask("print(open('/live/00001-kept.c').read())", r"int kept\(void\)")
