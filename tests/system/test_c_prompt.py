"""C at the prompt, inside: definitions, values, errors, faults, keys, what lasts; and programs by tools/vm exec."""

import re

TIMEOUT = 90
PYTHON, C = r"^>>> \Z", r"^c> \Z"


class Typist:
    """Types lines and waits for what must be shown before the next prompt."""

    def __init__(self, machine):
        self.serial = machine.serial

    def __call__(self, line, answer="", prompt=C, end="\r"):
        self.serial.mark = start = len(self.serial.text)
        self.serial.send(line + end)
        self.serial.wait_for(r"\n", TIMEOUT)  # the echo
        self.serial.wait_for(prompt, TIMEOUT)
        shown = self.serial.text[start:].partition("\n")[2]
        assert re.search(answer, shown, re.M), f"{line!r} shows\n{shown}\nwithout {answer}"
        return shown


def test_a_session(boot):
    """One boot: every kind of cell, mistakes and faults, completion, Python beside it, a restart of the world."""
    machine = boot()
    type = Typist(machine)
    type("%c")
    type("int square(int x) { return x * x; }")
    type("square(7)", r"^\(int\) 49$")
    type("square(7) * 1.5", r"^\(double\) 73\.5$")
    type("struct point { int x, y; char name[8]; } p = {3, 4, \"abc\"};")
    type("p", r'^\(struct point\) \{x = 3, y = 4, name = "abc"\}$')
    type("const char *text = \"hello\"; text", r'^\(const char \*\) 0x[0-9a-f]+ "hello"$')
    type("int many[] = {square(1), 2, 3}; many", r"^\(int \[3\]\) \{1, 2, 3\}$")
    type("p.x = 5;", r"\Ac> \Z")
    type('printf("%d %s %.2f\\n", 3, "three", 1.5);', r"^3 three 1\.50$")
    type("for (int i = 0; i < 3; i++) {", prompt=r"^\.\.\.> \Z")
    type("    p.y += i;", prompt=r"^\.\.\.> \Z")
    type("}")
    type("p.x * 100 + p.y", r"^\(int\) 507$")
    type("#include <stdint.h>")
    type("(uint8_t)511", r"^\(unsigned char\) 255")
    # Mistakes show where they are, and change nothing.
    type("square(7) + nothing", r"^<cell \d+>:1:13: error: 'nothing' undeclared\n    square\(7\) \+ nothing\n {16}\^$")
    type("int later = missing_function(3);", r"'missing_function' is not declared")
    # Faults end the call and are told with their place.
    type("int bad(int *where) { return *where; }")
    shown = type("bad((int *)16)", r"^KernelFault: read of address 0x10")
    assert "bad" in shown and "<cell" in shown, shown
    type("1 / (p.x - 5)", r"^KernelFault: division")
    machine.serial.mark = start = len(machine.serial.text)
    machine.serial.send('printf("it runs\\n"); while (1) ;\r')
    machine.serial.wait_for(r"^it runs\n", TIMEOUT)
    machine.serial.send("\x03")
    machine.serial.wait_for(C, TIMEOUT)
    shown = machine.serial.text[start:]
    assert re.search(r"interrupted by Ctrl-C, in function __cell_\d+ \(<cell \d+>:1\)", shown) and "_c_prompt" not in shown, shown
    type("square(8)", r"^\(int\) 64$")
    # Redefinition replaces; the callers of before see it.
    type("int twice(void) { return square(3) * 2; }")
    type("int square(int x) { return x * x + 1; }")
    type("twice()", r"^\(int\) 20$")
    # Completion: a field, a name.
    type("p.na\t", r'^\(char \[8\]\) "abc"$')
    type("twi\t()", r"^\(int\) 20$")
    type("square?", r"(?s)int \(int\).*x \* x \+ 1")
    type("exit", prompt=PYTHON)
    type("import polyglot; polyglot.live.square(9)", r"^82$", PYTHON)
    type("polyglot.c('twice() + 1')", r"^21$", PYTHON)
    type("polyglot.c('int x = y;')", r"(?s)CompileError: 'y' undeclared", PYTHON)
    type("%c square(1)", r"^\(int\) 2$", PYTHON)
    # The world dies; its definitions are there again.
    type("import ctypes; ctypes.string_at(8)", r"(?s)starting it again.*built again", PYTHON)
    type("import polyglot; polyglot.c('twice() + p.x')", r"^23$", PYTHON)
    machine.serial.send("exit()\r")
    assert machine.wait(timeout=TIMEOUT) == 0


def test_programs(run_inside):
    main = "int add(int a, int b) { return a + b; }\nint main(int argc, char **argv) { return add(argc, argv[1][0] - '0'); }\n"
    assert run_inside(main, "5", name="program.c").status == 7
    fault = run_inside("int main(void)\n{\n    return *(volatile int *)8;\n}\n", name="fault.c")
    assert fault.status == 139 and "fault.c:3" in fault.stderr, fault.stderr
    wrong = run_inside("int main(void)\n{\n    return lost;\n}\n", name="wrong.c")
    assert wrong.status == 1 and "wrong.c:3:12: error: 'lost' undeclared" in wrong.stderr, wrong.stderr
