"""_kept_file, which kept.py writes definitions with: the file is the old or the new one; heads are JSON."""

import json
import os
import tempfile
import unittest

import _kept_file


class KeptFile(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path = os.path.join(self.folder, "00001-a.c")

    def test_a_file_is_written_and_written_again(self):
        for text in ("int a;\n", "", "int \u00fc; // \U0001f600\n" * 1000, "b"):
            stamp = _kept_file.write_whole(self.path, text)
            self.assertEqual(stamp, _kept_file.changed(self.folder))
            self.assertEqual(_kept_file.read(self.path), text)
            self.assertEqual(os.listdir(self.folder), ["00001-a.c"])

    def test_line_ends_are_those_of_text(self):
        with open(self.path, "wb") as file:
            file.write(b"a\r\nb\rc\n")
        self.assertEqual(_kept_file.read(self.path), "a\nb\nc\n")

    def test_a_definition_is_its_head_and_its_source(self):
        for source in ("int a;", "int a;\n\n \n", "", "int \u00fc;\n// \U0001f600"):
            path, stamp = _kept_file.write_definition(self.folder, ".c", "// mark: ", "c", 7, ["a"], ["b", "c"], source)
            self.assertEqual((path, stamp), (os.path.join(self.folder, "00007-a.c"), _kept_file.changed(self.folder)))
            first, _, rest = _kept_file.read(path).partition("\n")
            self.assertEqual(first, "// mark: " + _kept_file.head("c", 7, ["a"], ["b", "c"]))
            self.assertEqual(rest, source.rstrip() + "\n")

    def test_its_folder_is_made_and_its_name_is_one_of_a_file(self):
        folder = os.path.join(self.folder, "a", "b")
        path, _ = _kept_file.write_definition(folder, ".c", "// ", "c", 1, ["sys/stat.h"], [], "a")
        self.assertEqual((path, os.listdir(folder)), (os.path.join(folder, "00001-sys-stat.h.c"), ["00001-sys-stat.h.c"]))

    def test_what_is_new_is_kept_without_python(self):
        import _kept
        kept, _kept.DIRECTORY = _kept.DIRECTORY, self.folder
        index, _kept._index = _kept._index, _kept._Index()

        def restore():
            _kept.DIRECTORY, _kept._index = kept, index
            _kept_file.know("", 0, 0, None)
            index.stamp = None
        self.addCleanup(restore)
        _kept_file.know("", 0, 0, None)
        self.assertFalse(_kept_file.record_new("c", "int a;", ["a"], []))  # nobody has looked at the folder
        _kept.record("c", "int a;", ["a"])
        self.assertTrue(_kept_file.record_new("c", "int b; int c;  ", ["c", "b"], ["a", "c", "a"]))
        self.assertFalse(_kept_file.record_new("c", "int a;", ["d", "a"], []))
        self.assertFalse(_kept_file.record_new("replacement", "int d;", ["d"], []))
        self.assertFalse(_kept_file.record_new("c", "", [], []))
        self.assertEqual([(one.names, one.uses, one.order, one.source) for one in _kept.records()],
                         [(["a"], [], 1, "int a;\n"), (["b", "c"], ["a"], 2, "int b; int c;\n")])
        _kept.record("c", "long b;", ["b", "c"])  # its index has what was kept without it
        self.assertEqual([(one.names, one.order, one.source) for one in _kept.records()], [(["a"], 1, "int a;\n"), (["b", "c"], 2, "long b;\n")])
        self.assertTrue(_kept_file.record_new("python", "def e(): pass", ["e"], ["a"]))
        os.unlink(_kept.records()[0].path)
        self.assertFalse(_kept_file.record_new("c", "int f;", ["f"], []))  # another has changed the folder
        _kept.record("c", "int f;", ["f"])
        self.assertTrue(_kept_file.record_new("c", "int a;", ["a"], []))
        self.assertEqual([(one.names, one.order) for one in _kept.records()], [(["b", "c"], 2), (["e"], 3), (["f"], 4), (["a"], 5)])
        _kept.forget("e")
        self.assertFalse(_kept_file.record_new("c", "int g;", ["g"], []))
        _kept.record("c", "1;", [])  # without a name: the next definition takes its place
        self.assertFalse(_kept_file.record_new("c", "int g;", ["g"], []))
        _kept.record("c", "int g;", ["g"])
        self.assertTrue(_kept_file.record_new("c", "int h;", ["h"], []))
        self.assertEqual([one.names for one in _kept.records()], [["b", "c"], ["f"], ["a"], ["g"], ["h"]])

    def test_what_cannot_be_written_leaves_nothing(self):
        path = os.path.join(self.folder, "none", "a.c")
        with self.assertRaises(FileNotFoundError) as raised:
            _kept_file.write_whole(path, "a")
        self.assertEqual(raised.exception.filename, path)
        os.mkdir(self.path)
        with self.assertRaises(IsADirectoryError):
            _kept_file.write_whole(self.path, "a")
        with self.assertRaises(OSError):
            _kept_file.write_whole("/", "a")
        with self.assertRaises(NotADirectoryError) as raised:
            _kept_file.write_definition("/dev/null", ".c", "// ", "c", 1, [], [], "a")
        self.assertEqual(raised.exception.filename, "/dev/null/00001-code.c")
        self.assertEqual(os.listdir(self.folder), ["00001-a.c"])

    def test_what_cannot_be_read(self):
        with self.assertRaises(FileNotFoundError) as raised:
            _kept_file.read(self.path)
        self.assertEqual(str(raised.exception), f"[Errno 2] No such file or directory: {self.path!r}")
        with open(self.path, "wb") as file:
            file.write(b"int \xff;")
        with self.assertRaises(ValueError):
            _kept_file.read(self.path)

    def test_a_folder_tells_when_it_changed(self):
        self.assertEqual(_kept_file.changed(os.path.join(self.folder, "none")), 0)
        before = _kept_file.changed(self.folder)
        self.assertEqual(before, os.stat(self.folder).st_mtime_ns)
        os.utime(self.folder, ns=(before, before + 1))
        self.assertEqual(_kept_file.changed(self.folder), before + 1)

    def test_heads_are_json_whatever_the_names_are(self):
        for names in (["struct x"], ['a "b", c'], ["back\\slash", "z"], ["\u00fc", "\U0001f600"], [], ["DRIVER(x)", "b"], ['", "'], ["\n\0\x7f"]):
            head = {"language": "c", "order": 12, "names": names, "uses": ["q", *names]}
            text = _kept_file.head("c", 12, names, ["q", *names])
            self.assertEqual(json.loads(text), head)
            self.assertTrue(text.isascii() and text.isprintable())


if __name__ == "__main__":
    unittest.main()
