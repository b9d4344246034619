"""docs/prompt.md is what the prompt's tables say."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_docs_are_up_to_date():
    made = subprocess.run([sys.executable, ROOT / "world/python/prompt.py"], capture_output=True, text=True, check=True)
    assert (ROOT / "docs/prompt.md").read_text() == made.stdout, "python3 world/python/prompt.py > docs/prompt.md"
