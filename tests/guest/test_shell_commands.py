"""Bash at the prompt: what of a line is Python's, lines inside blocks, lists of lines, completion, jobs without a terminal."""

import contextlib
import io
import os
import subprocess
import tempfile
import unittest

import _prompt  # first: it loads the other two
import _jobs
import _shell


def output(line, namespace=None):
    """What a line shows, of Python and of the programs it runs."""
    with tempfile.TemporaryFile() as file, contextlib.redirect_stdout(io.StringIO()) as stream:
        saved = os.dup(1)
        os.dup2(file.fileno(), 1)
        try:
            _prompt.run(line, {} if namespace is None else namespace)
        finally:
            os.dup2(saved, 1)
            os.close(saved)
        file.seek(0)
        return file.read().decode() + stream.getvalue()


class Expansion(unittest.TestCase):
    NAMES = {"x": 42, "name": "zig", "words": ["a", "b"], "path": type("Path", (), {"stem": "s"})}

    def check(self, text, expected):
        self.assertEqual(_shell.expand(text, self.NAMES, {"local": 1}), expected)

    def test_expressions(self):
        self.check("echo {x} {x + 1} {words[0]}-{name!r} {local}", "echo 42 43 a-'zig' 1")
        self.check("echo {{x}} {x}", "echo {x} 42")
        self.check("echo { {'k': 2}['k'] }", "echo 2")

    def test_braces_of_the_shell(self):
        for text in ("echo {a,b}", "awk '{print $1}'", "echo '{\"a\": {\"b\": 1}}'", "find . -exec echo {} ;", "echo {", "a }"):
            self.check(text, text)
        self.check("echo ${HOME} {x}", "echo ${HOME} 42")

    def test_names(self):
        self.check("echo $x $name.txt $path.stem $local $HOME $1 $?", "echo 42 $name.txt s 1 $HOME $1 $?")
        self.check("echo '$x' $x", "echo '$x' 42")
        self.check("echo $$x", "echo $x")

    def test_values_are_not_expanded_again(self):
        self.assertEqual(_shell.expand("echo {a}", {"a": "$b {b}", "b": 1}, {}), "echo $b {b}")


class Lines(unittest.TestCase):
    def test_commands(self):
        names = {"word": "said"}
        self.assertEqual(output("!echo $word | tr a-z A-Z; exit 3", names), "SAID\n")
        self.assertEqual(names["_exit_code"], 3)
        self.assertEqual(output("found = !printf 'b\\na\\n'; echo err >&2", names), "")
        self.assertEqual(names["found"], ["b", "a", "err"])
        self.assertEqual(output("!kill -TERM $$", names), "")
        self.assertEqual(names["_exit_code"], -15)

    def test_list_of_lines(self):
        lines = _shell.Lines(["b 10 x", "a 9", "c"])
        self.assertEqual((lines.s, lines.n, lines.l), ("b 10 x a 9 c", "b 10 x\na 9\nc", lines))
        self.assertEqual(lines.grep("^[AB]"), ["b 10 x", "a 9"])
        self.assertEqual(lines.grep("x", prune=True), ["a 9", "c"])
        self.assertEqual(lines.grep("9", field=1), ["a 9"])
        self.assertEqual(lines.fields(0), ["b", "a", "c"])
        self.assertEqual(lines.fields(1, 0), ["10 b", "9 a", "c"])
        self.assertEqual(lines.fields(), [["b", "10", "x"], ["a", "9"], ["c"]])
        self.assertEqual(lines.sort(), ["a 9", "b 10 x", "c"])
        self.assertEqual(lines.sort(1, nums=True), ["c", "a 9", "b 10 x"])
        self.assertEqual([str(path) for path in _shell.Lines(["/", "/no/such"]).p], ["/"])

    def test_what_is_special(self):
        for line in ("!ls", "!!ls", " !ls ?", "x = !ls", "x=!ls"):
            self.assertTrue(_prompt.is_special(line), line)
        for line in ("a != b", "x = a != b", "print('!')", "x = '!a'", "d['k'] = !ls"):
            self.assertFalse(_prompt.is_special(line), line)

    def test_lines_inside_blocks(self):
        names = {}
        text = ("def f(n):\n    x = !echo got {n}\n    text = '''\n!not a command\n'''\n    y = [1,  # (\n"
                "  2]\n    return x, text, y\n")
        exec(_prompt.transform(text), names)
        self.assertEqual(names["f"](5), (["got 5"], "\n!not a command\n", [1, 2]))
        for unchanged in ("x = (a\n% b)\n", "x = a \\\n% b\n", "'''\n%who\n'''\n", "s = '#' \"'''\"\n", "# '''\nx = 1\n"):
            self.assertEqual(_prompt.transform(unchanged), unchanged)


class Cells(unittest.TestCase):
    def test_bash(self):
        names = {}
        self.assertEqual(output("%%bash one two\necho $2\necho '{x}'\n", names), "two\n{x}\n")
        self.assertEqual(names["_exit_code"], 0)
        output("%%bash --out out --err err\necho o; echo e >&2\n", names)
        self.assertEqual((names["out"], names["err"]), ("o\n", "e\n"))
        with self.assertRaises(subprocess.CalledProcessError) as caught:
            _prompt.run("%%bash --out out\necho last; exit 4", names)
        self.assertEqual((caught.exception.returncode, names["out"]), (4, "last\n"))

    def test_others(self):
        names = {"x": 1}
        self.assertRegex(output("%%time\ny = x\nz = y + 1\n", names), "wall time")
        self.assertEqual(names["z"], 2)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "file")
            output(f"%%writefile {path}\na\n b\n")
            output(f"%%writefile -a {path}\nc\n")
            with open(path) as file:
                self.assertEqual(file.read(), "a\n b\nc\n")


class Completion(unittest.TestCase):
    def complete(self, line):
        start, found = _prompt.complete(line, len(line), {})
        return [line[:start] + word for word in found]

    def test_programs_and_files(self):
        self.assertIn("!basename", self.complete("!basena"))
        self.assertIn("x = !ls | sort", self.complete("x = !ls | sor"))
        self.assertEqual(self.complete("!cat /et"), ["!cat /etc/"])
        with tempfile.TemporaryDirectory() as folder:
            for name in ("two words", "tw", ".hidden"):
                open(os.path.join(folder, name), "w").close()
            os.mkdir(os.path.join(folder, "sub"))
            self.assertEqual(self.complete(f"!cat {folder}/t"), [f"!cat {folder}/tw", f"!cat {folder}/two\\ words"])
            self.assertEqual(self.complete(f"!cat {folder}/two\\ w"), [f"!cat {folder}/two\\ words"])
            self.assertEqual(self.complete(f"%cd {folder}/s"), [f"%cd {folder}/sub/"])
            self.assertEqual(self.complete(f"%run {folder}/.h"), [f"%run {folder}/.hidden"])
        self.assertIn("%%bash", self.complete("%%ba"))
        self.assertEqual(self.complete("!cat /no/such/dir/x"), [])


class Jobs(unittest.TestCase):
    def test_in_the_background(self):
        text = output("!exec sleep 100 &")
        job, = _jobs._jobs
        self.assertEqual(text, f"[1] {job.pid}\n")
        self.assertRegex(output("%jobs"), r"^\[1\]\+  Running +exec sleep 100 &\n$")
        os.killpg(job.pid, 19)
        while job.state == "Running":
            job.poll()
        self.assertRegex(output("%jobs"), r"Stopped")
        self.assertRegex(output("%bg"), r"Running")
        os.killpg(job.pid, 15)
        names = {}
        self.assertIn("exec sleep 100\n", output("%fg %1", names))
        self.assertEqual(names["_exit_code"], -15)
        self.assertEqual(output("%jobs"), "")


class Directories(unittest.TestCase):
    def test_stack(self):
        before = os.getcwd()
        try:
            output("%cd /")
            self.assertEqual(output("%pushd /tmp"), "/tmp  /\n")
            self.assertEqual(output("!pwd"), "/tmp\n")
            self.assertEqual(output("%popd"), "/\n")
            self.assertEqual(output("%cd -"), "/tmp\n")
        finally:
            os.chdir(before)


if __name__ == "__main__":
    unittest.main()
