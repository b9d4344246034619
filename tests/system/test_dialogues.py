"""What a person types at the prompt and what comes back, for each of its features: one table, DIALOGUE, run over the
serial line and on the emulated keyboard with both layouts; there each answer is also read off the screen.

A step is (keys, answer): the answer is a regular expression that must come behind the keys, and behind it the prompt
(or, where the step says so, what is in its place). Keys are text; UP and the control characters are the keys of
these names.
"""

import re
from typing import NamedTuple

import pytest

from polyglot_vm import screen
from polyglot_vm.ocr import ScreenReader

PROMPT = r"^>>> \Z"
MORE = r"^\.\.\. +\Z"
UP = "\x1b[A"
BASH = r"^bash\$ \Z"
C, C_MORE = r"^c> \Z", r"^\.\.\.> \Z"
CTRL_C, CTRL_D, CTRL_R, CTRL_Z = "\x03", "\x04", "\x12", "\x1a"
TIMEOUT = 90
COLUMNS = 128  # of the screen mode that the loader chooses, 1024x768


class Step(NamedTuple):
    keys: str
    answer: str = ""
    then: str = PROMPT


def lines(*steps):
    """Steps that are a line each, ended by Enter."""
    return [Step(step[0] + "\n", *step[1:]) for step in steps]


DIALOGUE = {
    "expressions, the last value": lines(
        ("6 * 7", r"^42$"),
        ("_ + 1", r"^43$"),
        ("'{[<|>]}~@#$%^&*\\\\'", "^" + re.escape(r"'{[<|>]}~@#$%^&*\\'") + "$"),
    ),
    "blocks of several lines": lines(
        ("for i in range(3):", "", MORE),
        ("    print(i * 11)", "", MORE),
        ("", r"^0\n11\n22$"),
        ("def twice(n):", "", MORE),
        ("\t'''Two times n.'''", "", MORE),
        ("\treturn n * 2", "", MORE),
        ("", ""),
        ("twice(21)", r"^42$"),
        ("[1,", "", MORE),
        ("2]", r"^\[1, 2\]$"),
    ),
    "completion by Tab": [
        Step("import colle\t\n"),
        Step("collections.Ordered\t.__name__\n", r"^'OrderedDict'$"),
        Step("twi\t(4)\n", r"^8$"),
        Step("%lsm\t\n", r"%timeit STATEMENT"),
        Step("import polyglot\n"),
        Step("polyglot.\t", r"polyglot\.\n(?=[\s\S]*\bbacktrace\b)(?=[\s\S]*\bslabs\b)[\s\S]*\bversion\b", r">>> polyglot\.\Z"),
        Step("cp\t()\n", r"^0$"),
    ],
    "history": [
        *lines(("'find' + 'me'", r"^'findme'$"), ("1 + 1", r"^2$")),
        Step(UP + "\n", r"^2$"),
        Step(CTRL_R + "find\n", r"^'findme'$"),
        *lines(("print(open('/root/.polyglot_history').read().count('find'))", r"^[1-9]\d*$")),
    ],
    "errors": lines(
        ("1 / 0", r"^Traceback[\s\S]*^ZeroDivisionError: division by zero$"),
        ("x = = 1", r"^SyntaxError"),
    ),
    "help": [
        *lines(("help(twice)", r"Two times n\."), ("help()", "topics", r"^help> \Z")),
        Step("q\n", ""),
    ],
    "questions": lines(
        ("twice?", r"^Signature: +twice\(n\)\n[\s\S]*Two times n\."),
        ("twice??", r"^Source:\ndef twice\(n\):\n"),
        ("len?", r"^Type: +builtin_function_or_method\nSignature: +len\(obj, /\)\n[\s\S]*number of items"),
        ("no_such_name?", r"^Object 'no_such_name' not found\.$"),
        ("collections.namedtuple??", r"^Source: +not in this system"),
    ),
    "% commands": lines(
        ("%lsmagic", r"%who: names"),
        ("%time 3 * 4", r"wall time: .*\n12$"),
        ("%timeit 3 * 4", r"a loop \(mean"),
        ("%%time", "", MORE),
        ("x = 5", "", MORE),
        ("x + 1", "", MORE),
        ("", r"wall time"),
        ("%prun sum(n * n for n in range(300000))", r"^8999955000050000\nfunction +self[\s\S]*^function +self[\s\S]*samples in"),
        ("%%timeit", "", MORE),
        ("x + 1", "", MORE),
        ("", r"a loop \(mean"),
        ("%%writefile /tmp/program.py", "", MORE),
        ("print(6 * 7)", "", MORE),
        ("", ""),
        ("%run /tmp/program.py", r"^42$"),
        ("%cd /tmp", r"^/tmp$"),
        ("%pwd", r"^/tmp$"),
        ("%ls", r"^program\.py"),
        ("%env COLOUR=blue", ""),
        ("%env COLOUR", r"^blue$"),
        ("%dmesg 3", r"^\[ +\d+\.\d+\] "),
        ("%who", r"collections .*polyglot .*twice"),
        ("%whos", r"^twice +function"),
        ("%reset -f", ""),
        ("%who", r"^nothing is defined yet$"),
        ("%tim 1", r"did you mean %time\?"),
    ),
    "Bash": [
        *lines(
            ("!echo {6 * 7} | tr 4 5", r"^52$"),
            ("found = !printf 'b\\na\\n'; echo c >/dev/null", ""),
            ("sorted(found), found.s", r"^\(\['a', 'b'\], 'b a'\)$"),
            ("!!echo twice {len(found)}", r"^\['twice 2'\]$"),
            ("for word in found:", "", MORE),
            ("    !echo $word $HOME", "", MORE),
            ("", r"^b /root\na /root$"),
            ("!exit 3", ""),
            ("_exit_code", r"^3$"),
            ("%%bash one", "", MORE),
            ("for i in 1 2; do", "", MORE),
            ("  echo $1 $((i * 21))", "", MORE),
            ("done", "", MORE),
            ("", r"^one 21\none 42$"),
            ("%%bash --out caught", "", MORE),
            ("echo caught; exit 4", "", MORE),
            ("", r"^subprocess\.CalledProcessError: .* status 4\.$"),
            ("caught", r"^'caught\\n'$"),
            ("%cd /tmp", r"^/tmp$"),
            ("%pushd /demo", r"^/demo  /tmp$"),
            ("!pwd", r"^/demo$"),
            ("%dirs", r"^/demo  /tmp$"),
            ("%popd", r"^/tmp$"),
            ("%cd -", r"^/demo$"),
        ),
        Step("!basen\t /dem\tlif\t\n", r"^life\.py$"),
    ],
    # A command has the terminal when it answers: cat.
    "jobs": [
        Step("!cat\n", "", ""),
        Step("typed\n", r"^typed$", ""),
        Step(CTRL_Z, r"^\[1\]\+  Stopped +cat$"),
        *lines(("%jobs", r"^\[1\]\+  Stopped +cat$")),
        Step("%fg\n", r"^cat$", ""),
        Step("again\n", r"^again$", ""),
        Step(CTRL_C),
        *lines(
            ("_exit_code", r"^-2$"),
            ("%jobs", ""),
            ("!read line &", r"^\[1\] \d+$"),
            ("import polyglot", ""),
            ("next(1 for _ in iter(int, 1) if polyglot.processes().where(state='stopped'))", r"^1$"),
            ("%jobs", r"^\[1\]\+  Stopped +read line$"),
            ("%bg", r"^\[1\]\+  Running +read line &$"),
        ),
        Step("%fg 1\n", r"^read line$", ""),
        Step("answer\n"),
        *lines(("_exit_code", r"^0$")),
    ],
    "Bash itself": [
        Step("%bash\n", "", BASH),
        *lines(
            ("echo $((6 * 7)); tty", r"^42\n/dev/console$", BASH),
            ("cat", "", ""),
            ("typed", r"^typed$", ""),
        ),
        Step(CTRL_Z, r"^\[1\]\+  Stopped +cat$", BASH),
        *lines(
            ("jobs", r"^\[1\]\+  Stopped +cat$", BASH),
            ("fg", r"^cat$", ""),
            ("again", r"^again$", ""),
        ),
        Step(CTRL_C, "", BASH),
        Step("echo $?\n", r"^130$", BASH),
        Step("half a line", "", r"half a line\Z"),
        Step(CTRL_C, "", BASH),
        Step(UP + "\n", r"^130$", BASH),
        *lines(
            ("cd /; stty -echo", "", BASH),
            ("suspend", r"^\[1\]\+  Stopped +bash$"),
            ("%pwd", r"^/demo$"),
            ("%fg", "", r"^bash\n+bash\$ \Z"),
            ("exit 5", ""),
            ("_exit_code", r"^5$"),
            ("!stty -a | grep -c 'iexten echo '", r"^1$"),
        ),
        Step("%bash\n", "", BASH),
        Step(CTRL_D, r"exit$"),
        *lines(("%bash -c 'exit 6'", ""), ("_exit_code", r"^6$")),
    ],
    "C": [
        *lines(
            ("%c int half(int n) { return n / 2; }", ""),
            ("%c half(84)", r"^\(int\) 42$"),
            ("%%c", "", MORE),
            ("int twice_in_c(int n) {", "", MORE),
            ("    return 2 * n;", "", MORE),
            ("}", "", MORE),
            ("", ""),
            ("import polyglot", ""),
            ("polyglot.live.twice_in_c(21)", r"^42$"),
            ("%c half(", r"error"),
        ),
        Step("%c\n", "", C),
        *lines(("struct point { int x, y; } p = {", "", C_MORE), ("1, 2};", "", C), ("p.y + half(8)", r"^\(int\) 6$", C), ("exit", "")),
    ],
    "looking into the system": lines(
        ("import polyglot", ""),
        ("polyglot.threads().where(name='world')", r"^ *1 +1 +world +world +running .*<module>"),
        ("polyglot.memory()", r"MiB free[\s\S]*^ +world +[\d,]+ [\s\S]*/sbin/world[\s\S]*kmalloc"),
        ("polyglot.boot()", r"^world .*\n[\d,.]+ ms in all$"),
        ("polyglot.dmesg(search='keyboard')", r"^\[ +\d+\.\d+\] keyboard: PS/2"),
        ("polyglot.locks()", r"^lock +rank"),
        ("polyglot.interrupts()", r"keyboard"),
        ("polyglot.devices()", r"local APIC"),
        ("polyglot.slabs().by('KiB')[:3]", r"^cache +size"),
    ),
    "Ctrl-C": [
        Step("half a line" + CTRL_C, r"^KeyboardInterrupt$"),
        *lines(("def spin():", "", MORE), ("    print('busy')", "", MORE), ("    while True: pass", "", MORE), ("", ""),
               ("spin()", r"", r"^busy\n\Z")),
        Step(CTRL_C, r"^KeyboardInterrupt"),
        Step("for i in polyglot.progress(iter(int, 1), label='long'): pass\n", r"^long: [\d,]+ \[", r"/s\] *\Z"),
        Step(CTRL_C, r"^KeyboardInterrupt"),
    ],
    "Ctrl-D and exit()": [
        Step(CTRL_D, "", r"^Power off\? \(y/n\) \Z"),
        Step("n\n"),
    ],
}
STEPS = [(feature, step) for feature, steps in DIALOGUE.items() for step in steps]


class Terminal:
    """Types at a machine in one of three ways, and checks the answers."""

    def __init__(self, machine, way, directory):
        self.machine, self.way, self.directory = machine, way, directory
        self.reader = None if way == "serial" else ScreenReader.of_build()

    def type(self, keys):
        if self.way == "serial":
            self.machine.serial.send(keys.replace("\n", "\r"))
            return
        for part in re.split(f"({re.escape(UP)})", keys):
            if part == UP:
                self.machine.qmp.press("up")
            else:
                self.machine.qmp.type_text(part, self.way)

    def do(self, step):
        serial = self.machine.serial
        serial.mark = len(serial.text)
        self.type(step.keys)
        if step.keys.endswith("\n"):
            serial.wait_for(r"\n", TIMEOUT)
        if step.answer:
            serial.wait_for(step.answer, TIMEOUT)
            serial.mark -= 1  # the answer may have taken the line feed before the prompt
        serial.wait_for(step.then, TIMEOUT)
        if self.reader and step.then == PROMPT:
            self.check_screen()

    def check_screen(self):
        """The screen shows the end of what went over the serial line."""
        shown = self.reader.read(screen.take_picture(self.machine, self.directory))
        expected = [part for line in self.machine.serial.text.split("\n") for part in folded(line)]
        while shown and not shown[-1]:
            shown.pop()
        count = min(len(shown), len(expected)) - 2  # the first lines are the loader's, before the serial line lived
        assert [line.rstrip() for line in expected[-count:]] == shown[-count:]


def folded(line):
    """A line of any length as the rows that it takes on the screen."""
    line = line.rstrip()
    return [line[at:at + COLUMNS] for at in range(0, len(line), COLUMNS)] or [""]


@pytest.mark.parametrize("way", ["serial", "us", "de"])
def test_dialogue(boot, tmp_path, way):
    machine = boot(append="" if way == "serial" else f"keymap={way}")
    terminal = Terminal(machine, way, tmp_path)
    for feature, step in STEPS:
        try:
            terminal.do(step)
        except AssertionError as error:
            raise AssertionError(f"{feature}, {step.keys!r}: {error}") from error
    assert re.search(rb"\x1b\[[0-9;]*mZeroDivisionError", bytes(machine.serial.raw)), "the traceback has no colours"
    terminal.type("exit()\n")
    assert machine.wait(timeout=60) == 0


def test_every_command_is_tried(boot, tmp_path):
    """Each line of %lsmagic is in the table above."""
    machine = boot()
    machine.serial.send("%lsmagic\r")
    listed = machine.serial.wait_for(r"(?s)%lsmagic\n(.*)^>>> \Z", TIMEOUT)[1]
    tried = {step.keys.split()[0] for _, step in STEPS if step.keys.startswith("%")} | {"%lsmagic"}
    commands = set(re.findall(r"^ +(%%?\w+)", listed, re.M))
    assert len(commands) > 5 and commands <= tried
