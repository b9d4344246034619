"""What real programs wrote (record.py), replayed: our emulator and pyte show the same at every 50 bytes or so."""

import pytest

import emulators
import record


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    terminal = emulators.OurTerminal(emulators.build(tmp_path_factory.mktemp("terminal")))
    yield terminal
    assert terminal.close() == 0


@pytest.mark.parametrize("name", record.RECORDINGS)
def test_recording(ours, name):
    header, data = record.read(name)
    assert emulators.compare(ours, header["columns"], header["rows"], data, 50) > 20
