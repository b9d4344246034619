"""What the prompt adds to Python: the module behind % commands, questions and completion."""

import contextlib
import io
import json
import os
import sys
import tempfile
import time
import unittest

import _progress
import _prompt
import _tables


def output(line, namespace=None):
    stream, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(errors):
        _prompt.run(line, {} if namespace is None else namespace)
    return stream.getvalue() + errors.getvalue()


class Special(unittest.TestCase):
    def test_what_is_special(self):
        for line in ("%who", "  %time 1", "x?", "json.dumps??", "len ?"):
            self.assertTrue(_prompt.is_special(line), line)
        for line in ("x % 3", "print('%')", "'why?'", "x???", "1?", "a = b", ""):
            self.assertFalse(_prompt.is_special(line), line)


class Commands(unittest.TestCase):
    def test_every_command_is_listed_with_its_help(self):
        listed = output("%lsmagic")
        for name, function in _prompt.COMMANDS.items():
            self.assertIn(f"%{name}", listed)
            self.assertTrue(function.__doc__.startswith(f"%{name}"), name)

    def test_unknown(self):
        self.assertIn("did you mean %time?", output("%tim 1"))

    def test_a_traceback_quotes_the_statement(self):
        import traceback
        try:
            output("%time 'its own text', 1 / 0", {})
        except ZeroDivisionError:
            self.assertIn("'its own text', 1 / 0", traceback.format_exc())
        else:
            self.fail("no exception came")

    def test_time_and_timeit(self):
        namespace = {"x": 20}
        self.assertRegex(output("%time x + 1", namespace), r"CPU time: .*s, wall time: .*s\n")
        self.assertRegex(output("%time y = x + 1", namespace), r"wall time")
        self.assertEqual(namespace["y"], 21)
        self.assertRegex(output("%timeit x + 1", namespace), r"a loop \(mean")
        with self.assertRaises(SyntaxError):
            _prompt.run("%timeit x +", namespace)

    def test_arguments_that_are_none(self):
        """A line that says what is wanted, no traceback."""
        for line, answer in {
            "%time": "%time: a statement is wanted", "%timeit": "%timeit: a statement is wanted", "%run": "%run: a file is wanted",
            "%%writefile\ntext": "%%writefile: a file is wanted", "%%writefile -a\ntext": "%%writefile: a file is wanted",
            "%dmesg abc": "%dmesg: a number of lines is wanted, not 'abc'", "%env NO_SUCH": "NO_SUCH is not set",
        }.items():
            self.assertEqual(output(line), answer + "\n")

    def test_who_whos_reset(self):
        namespace = {"__name__": "__main__", "alpha": 1, "_hidden": 2}
        self.assertEqual(output("%who", namespace), "alpha\n")
        self.assertRegex(output("%whos", namespace), r"alpha +int +1\n")
        _prompt.run("%reset -f", namespace)
        self.assertEqual(namespace, {"__name__": "__main__"})
        self.assertIn("nothing", output("%who", namespace))

    def test_run(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "program.py")
            with open(path, "w") as file:
                file.write("import sys\nresult = sys.argv[1:]\nprint('ran')\nsys.exit(3)\n")
            namespace = {}
            self.assertEqual(output(f"%run {path} a 'b c'", namespace), "ran\n%run: exit status 3\n")
            self.assertEqual(namespace["result"], ["a", "b c"])
            with self.assertRaises(FileNotFoundError):
                _prompt.run(f"%run {folder}/missing.py", namespace)

    def test_cd_pwd_ls(self):
        before = os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            try:
                open(os.path.join(folder, "file"), "w").close()
                os.mkdir(os.path.join(folder, "sub"))
                self.assertEqual(output(f"%cd {folder}"), os.path.realpath(folder) + "\n")
                self.assertEqual(output("%pwd"), os.path.realpath(folder) + "\n")
                self.assertEqual(output("%ls"), "file  sub/\n")
            finally:
                os.chdir(before)


class Questions(unittest.TestCase):
    def test_value_and_function(self):
        self.assertRegex(output("x?", {"x": [1, 2]}), r"Type: +list\nValue: +\[1, 2\]\nLength: +2\n")
        self.assertRegex(output("json.dumps?", {"json": json}), r"Signature: +json\.dumps\(obj")

    def test_unknown_names(self):
        for name in ("nothing_like_it", "json.nothing", "nothing.at.all"):
            for marks in ("?", "??"):
                self.assertEqual(output(name + marks, {"json": json}), f"Object {name!r} not found.\n")

    def test_builtins_have_type_signature_and_documentation(self):
        for name in ("len", "sorted", "str.join"):
            text = output(name + "?")
            self.assertRegex(text, r"^Type: ")
            self.assertRegex(text, rf"Signature: +{name}\(")
            self.assertRegex(text, r"Docstring:\n\w+")

    def test_source_or_why_there_is_none(self):
        self.assertRegex(output("Questions??", {"Questions": Questions}), r"Source:\nclass Questions")
        for name, line in (("len", "none in Python"), ("json.dumps", "not in this system"), ("json", "not in this system"),
                           ("number", "none; it is an object of type int")):
            self.assertRegex(output(name + "??", {"json": json, "number": 3}), rf"\nSource: +{line}.*\n\Z")

    def test_commands(self):
        self.assertEqual(output("%pwd?"), "%pwd: the working directory\n")


class Completion(unittest.TestCase):
    def candidates(self, text, **namespace):
        return _prompt.complete(text, len(text), namespace)

    def test_names_attributes_modules(self):
        self.assertEqual(self.candidates("pri"), (0, ["print"]))
        self.assertEqual(self.candidates("y = long_na", long_name=1), (4, ["long_name"]))
        self.assertEqual(self.candidates("json.dum", json=json), (5, ["dump", "dumps"]))
        self.assertIn("json", self.candidates("import js")[1])
        self.assertEqual(self.candidates("from json import dum"), (17, ["dump", "dumps"]))
        self.assertEqual(self.candidates("%time"), (1, ["time", "timeit"]))

    def test_nothing_is_called_and_errors_are_silent(self):
        class Trap:
            def __getattr__(self, name):
                raise RuntimeError("looked at")
        self.assertEqual(self.candidates("missing.x")[1], [])
        self.assertEqual(self.candidates("trap.inner.x", trap=Trap())[1], [])

    def test_hidden_names_only_when_asked(self):
        self.assertNotIn("__class__", self.candidates("x.", x=1)[1])
        self.assertIn("__class__", self.candidates("x.__cl", x=1)[1])


class Output(unittest.TestCase):
    def test_tables(self):
        table = _tables.Table("things", ["name", "count"], [("a", 5), ("long name", 12345)])
        self.assertEqual(repr(table), "name        count\na               5\nlong name  12,345")
        self.assertEqual(repr(_tables.Table("none", ["a", "b"], [])), "a  b")

    def test_rows_are_chosen_and_sorted(self):
        Row = _tables.row_type("Row", ["name", "count"])
        table = _tables.Table("things", Row._fields, [Row("a", 5), Row("b", 7), Row("c", 5)])
        self.assertEqual([row.name for row in table.where(count=5)], ["a", "c"])
        self.assertEqual(table.by("count")[0].name, "b")
        self.assertEqual(repr(table[1:2]), "name  count\nb         7")
        self.assertEqual(table.column("count"), [5, 7, 5])


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Progress(unittest.TestCase):
    def run_slowly(self, **options):
        terminal = Terminal()
        shown = _progress.progress(range(4), label="steps", file=terminal, **options)
        for item in shown:
            time.sleep(0.3)
        return terminal.getvalue()

    def test_what_is_shown(self):
        text = self.run_slowly()
        self.assertRegex(text, r"\rsteps:  50% \|#{10} {10}\| 2/4 \[0\.\d s, 0\.\d s to go, \d\.\d/s\]")
        self.assertRegex(text, r"\rsteps: 100% \|#{20}\| 4/4 \[1\.\d s, \d\.\d/s\] *\n\Z")
        self.assertRegex(self.run_slowly(leave=False), r"\r +\r\Z")

    def test_nothing_is_shown_where_nobody_looks_or_waits(self):
        plain, quick = io.StringIO(), Terminal()
        self.assertEqual(sum(_progress.progress([1, 2, 3], file=plain)), 6)
        self.assertEqual(list(_progress.progress("abc", file=quick)), ["a", "b", "c"])
        with _progress.progress(total=2, file=plain) as shown:
            shown.advance(2)
        self.assertEqual((plain.getvalue(), quick.getvalue(), shown.done), ("", "", 2))

    def test_an_exception_ends_the_line_before_it_is_reported(self):
        terminal, reported, before = Terminal(), [], sys.excepthook
        sys.excepthook = hook = lambda *error: reported.append(terminal.getvalue())
        try:
            for item in _progress.progress(range(100), file=terminal):
                time.sleep(0.01)
                if item == 80:
                    raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            sys.excepthook(KeyboardInterrupt, error, None)  # as the prompt does with what nobody caught
            self.assertIs(sys.excepthook, hook)
        finally:
            sys.excepthook = before
        self.assertEqual(len(reported), 1)
        self.assertTrue(reported[0].endswith("\n"))


if __name__ == "__main__":
    unittest.main()
