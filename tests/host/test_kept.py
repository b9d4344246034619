"""world/python/kept.py on this machine's Python: definitions are kept, built again in an order that works, moved by files.

The world's module _kept_file stands here as Python of the same steps, so that each step can be cut off; its record_new() does nothing here.
tests/guest/test_kept_file.py tests the real one.
"""

import json
import os
import sys
import types
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent.parent / "world" / "python" / "kept.py"


def write_whole(path, text):
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.new")
    try:
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            os.write(file, text.encode())
            os.fsync(file)
        finally:
            os.close(file)
        os.replace(temporary, path)
        return changed(folder)
    except Exception:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise


def changed(path):
    return os.stat(path).st_mtime_ns if os.path.exists(path) else 0


def head(language, order, names, uses):
    return json.dumps({"language": language, "order": order, "names": names, "uses": uses})


def write_definition(folder, suffix, mark, language, order, names, uses, source):
    path = f"{folder}/{order:05}-{names[0] if names else 'code'}{suffix}"
    if not os.path.isdir(folder):
        os.mkdir(folder)
    return path, write_whole(path, f"{mark}{head(language, order, names, uses)}\n{source.rstrip()}\n")


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The module on a folder of its own, with a builder whose source is "names: needed names"."""
    files = types.ModuleType("_kept_file")
    files.write_definition, files.write_whole, files.changed, files.head, files.read = write_definition, write_whole, changed, head, lambda path: Path(path).read_text("utf-8")
    files.sources, files.languages, files.know, files.know_more = {}, lambda *all: None, lambda *what: None, lambda *what: True
    files.added, files.record_new = lambda: (0, []), lambda *definition: False
    monkeypatch.setitem(sys.modules, "_kept_file", files)
    module = types.ModuleType("kept")
    exec(compile(SOURCE.read_text(), str(SOURCE), "exec"), module.__dict__)
    module.DIRECTORY = str(tmp_path / "live")
    module.loaded, module.plain = [], []

    def build(source, keep=False):
        module.plain += [source] if keep else []
        names, _, needed = source.strip().partition(":")
        missing = set(needed.split()) - {name for text in module.loaded for name in text.partition(":")[0].split()}
        if missing or "broken" in source:
            raise NameError(f"undefined: {', '.join(sorted(missing)) or 'broken'}")
        module.loaded.append(source.strip())

    module.builders["c"] = build
    return module


def keep(kept, text):
    names, _, needed = text.partition(":")
    return kept.record("c", text, names.split(), needed.split())


def test_built_again_in_order(kept):
    for text in ("a:", "b: a", "c: b"):
        keep(kept, text)
    assert [definition.names for definition in kept.records()] == [["a"], ["b"], ["c"]]
    built, skipped = kept.rebuild()
    assert kept.loaded == ["a:", "b: a", "c: b"] and len(built) == 3 and skipped == []


def test_a_redefinition_that_needs_a_later_one(kept):
    for text in ("a:", "b:", "a: b"):
        keep(kept, text)
    built, skipped = kept.rebuild()
    assert kept.loaded == ["b:", "a: b"] and skipped == []
    assert [definition.source.strip() for definition in kept.history("a")] == ["a:", "a: b"]


def test_one_that_breaks_costs_only_itself_and_its_users(kept):
    for text in ("a: broken", "b: a", "c:"):
        keep(kept, text)
    built, skipped = kept.rebuild()
    assert kept.loaded == ["c:"]
    assert [(definition.names, type(error)) for definition, error in skipped] == [(["a"], NameError), (["b"], NameError)]
    assert len(kept.records()) == 3  # nothing is lost


def test_forget(kept, capsys):
    keep(kept, "a:")
    keep(kept, "b: a")
    assert kept.forget("a").names == ["a"]
    assert "using it: b" in capsys.readouterr().err
    assert [definition.names for definition in kept.records()] == [["b"]]
    with pytest.raises(KeyError, match="kept are: b"):
        kept.forget("a")


def test_names_that_move_to_other_definitions(kept):
    keep(kept, "a b:")
    keep(kept, "a:")
    assert [definition.names for definition in kept.records()] == [["a", "b"], ["a"]]
    keep(kept, "a b c:")
    assert [definition.names for definition in kept.records()] == [["a", "b", "c"]]


def test_an_interrupt_while_building(kept):
    for text in ("a:", "b:", "c:"):
        keep(kept, text)
    plain = kept.builders["c"]

    def build(source):
        if source.startswith("b"):
            raise KeyboardInterrupt
        plain(source)

    kept.builders["c"] = build
    built, skipped = kept.rebuild()
    assert [definition.names for definition in built] == [["a"]]
    assert [definition.names for definition, _ in skipped] == [["b"], ["c"]]


def test_saved_and_loaded(kept, tmp_path):
    source = 'int a(void)\n{\n\n    return 1; // "#= x"\n}'
    kept.builders["c"] = kept.loaded.append
    kept.record("c", source, ["a"], [])
    kept.record("c", "int b;", ["b"], ["a"])
    assert kept.save(tmp_path / "set") == 2
    kept.DIRECTORY = str(tmp_path / "other")
    built, skipped = kept.load(tmp_path / "set")
    assert [text.rstrip() for text in kept.loaded] == [source, "int b;"] and skipped == []
    assert [(d.names, d.uses, d.source.rstrip()) for d in kept.records()] == [(["a"], [], source), (["b"], ["a"], "int b;")]
    assert kept.save(tmp_path / "one", "b") == 1
    with pytest.raises(KeyError, match="nothing"):
        kept.save(tmp_path / "none", "nothing")


def test_a_folder_of_sources(kept, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "1.c").write_text("a:")
    (folder / "2.c").write_text("b: a")
    (folder / "README").write_text("no source")
    built, skipped = kept.load(folder)
    assert kept.loaded == kept.plain == ["a:", "b: a"] and skipped == []


@pytest.mark.parametrize("text", ["nonsense", "{}", '{"language": "c", "names": [1], "uses": [], "order": 1}',
                                  '{"language": "cobol", "names": [], "uses": [], "order": 1}'])
def test_damaged_files_are_reported(kept, tmp_path, capsys, text):
    keep(kept, "a:")
    Path(kept.DIRECTORY, "00009-x.c").write_text(f"// {kept.MARK} {text}\nint x;\n")
    assert [definition.names for definition in kept.records()] == [["a"]]
    assert "00009-x.c" in capsys.readouterr().err
    (tmp_path / "set").write_text(f"{kept.SAVED}\n#= {text}\n int x;\n")
    with pytest.raises(ValueError, match="line 2"):
        kept.load(tmp_path / "set")


def test_neither_a_set_nor_a_source(kept, tmp_path):
    (tmp_path / "note.txt").write_text("hello")
    with pytest.raises(ValueError, match="suffix names no language"):
        kept.load(tmp_path / "note.txt")


def test_a_language_without_a_builder(kept):
    kept.record("zig", "const a = 1;", ["a"])
    built, skipped = kept.rebuild()
    assert built == [] and isinstance(skipped[0][1], LookupError)


def test_the_index_follows_what_others_do_to_the_folder(kept):
    keep(kept, "a:")
    keep(kept, "b:")
    os.unlink(kept.records()[0].path)
    keep(kept, "c:")
    assert [(one.names, one.order) for one in kept.records()] == [(["b"], 2), (["c"], 3)]
    path = kept.records()[0].path  # edited by hand: what is typed again counts
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace("b:", "b: c"))
    keep(kept, "b:")
    assert [one.source.strip() for one in kept.history("b")] == ["b: c", "b:"]
    kept.forget("b")
    keep(kept, "b:")
    assert kept.records()[-1].order == 4


def test_a_thousand_definitions_cost_no_more_than_one(kept, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda file: None)
    reads = []
    kept._read, read = lambda path: reads.append(path) or read(path), kept._read
    for number in range(1000):
        keep(kept, f"f{number}:")
    assert len(reads) <= 2 and len(kept.records()) == 1000


def test_a_power_cut_at_any_step_leaves_the_old_or_the_new_definition(kept, monkeypatch):
    """record() is cut off before each of its changes to the folder; what was there is there, as it was or as it becomes."""
    class PowerCut(BaseException):
        pass

    steps = ["link", "replace", "unlink", "fsync", "write", "mkdir"]
    for cut in range(1, 30):
        keep(kept, "a: ")
        keep(kept, f"b: a {' ' * cut}")
        left = [cut]

        def counted(real):
            def step(*arguments, **named):
                left[0] -= 1
                if left[0] == 0:
                    raise PowerCut
                return real(*arguments, **named)
            return step

        for name in steps:
            monkeypatch.setattr(os, name, counted(getattr(os, name)))
        try:
            kept.record("c", "a c: b", ["a", "c"], ["b"])
        except PowerCut:
            done = False
        else:
            done = True
        monkeypatch.undo()
        kept._index.stamp = None
        names = {name for definition in kept.records() for name in definition.names}
        assert {"a", "b"} <= names, (cut, names)
        kept.rebuild()
        if done:
            return
        kept.loaded.clear()
    raise AssertionError("it never came to its end")


def test_replaced_kernel_functions_are_saved_last(kept, tmp_path):
    keep(kept, "a:")
    assert kept.save(tmp_path / "set", replaced=[("vfs_open", "int vfs_open(void) { }")]) == 2
    replaced = []
    kept.builders["replacement"] = lambda name, source: replaced.append((name, source.strip()))
    built, skipped = kept.load(tmp_path / "set")
    assert replaced == [("vfs_open", "int vfs_open(void) { }")] and skipped == []
    assert [definition.names for definition in kept.records()] == [["a"]]
    with pytest.raises(ValueError, match="language is one of"):
        kept.record("replacement", "x", ["x"])
