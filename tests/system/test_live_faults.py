"""A corpus of faulty C, generated (live_faults/corpus.py) and run in one boot (live_faults/program.py): kinds of faults x places x the
kernel's own locks. What guards are told from Python; Ctrl-C in live code.

To look at a part: tools/vm exec tests/system/live_faults/program.py --with tests/system/live_faults --device edu --cpus 2 timer
"""

import re
import sys
from pathlib import Path

from conftest import vm

FOLDER = Path(__file__).parent / "live_faults"
sys.path.insert(0, str(FOLDER))
import corpus  # noqa: E402
TIMEOUT = 400  # seconds; it takes 60 where nothing else runs


def test_the_corpus_covers_every_kind_place_and_lock():
    cases = corpus.cases()
    assert len(cases) >= 300
    assert {case.kind for case in cases} == set(corpus.KINDS)
    assert {case.place for case in cases} == set(corpus.PLACES)
    for place in corpus.PLACES:
        locks = {case.lock for case in cases if case.place == place}
        assert locks == {lock for lock in corpus.LOCKS if place not in corpus.IN_INTERRUPT or not corpus.LOCKS[lock][0]}
    for kind in corpus.KINDS:
        for place in corpus.PLACES:
            for lock in corpus.LOCKS:
                kept = any(case[1:] == (kind, place, lock) for case in cases)
                assert kept != bool(corpus.excluded(kind, place, lock))


def test_every_fault_ends_its_call_and_nothing_else():
    result = vm("exec", FOLDER / "program.py", "--with", FOLDER, "--device", "edu", "--cpus", 2, "--timeout", TIMEOUT, timeout=TIMEOUT + 60)
    shown = result.stdout.decode("utf-8", "replace")
    assert result.status == 0, shown + result.stderr[-5000:]
    assert f"{len(corpus.cases())} cases" in shown and shown.splitlines()[-1] == "done: 0 failures", shown
    assert not re.search("PANIC", result.stderr), result.stderr[-5000:]
