"""Runs the guest tests with unittest and exits with their status.

    world tests/guest/run.py [NAME ...]                          hosted
    tools/vm exec tests/guest/run.py --with tests/guest [NAME ...]   inside the OS

NAME is a test file without .py, or file.Class or file.Class.test. No test asks where it runs. A run of
no tests is a failure.
"""

import pathlib
import sys
import unittest


def test_folder():
    """The folder with the tests: this file's own, or what --with brought."""
    for folder in (pathlib.Path(__file__).resolve().parent, pathlib.Path("/host")):
        if any(folder.glob("test_*.py")):
            return folder
    sys.exit("run.py: no test_*.py beside this file or in /host")


def main():
    folder = test_folder()
    sys.path.insert(0, str(folder))
    names = sys.argv[1:] or sorted(path.stem for path in folder.glob("test_*.py"))
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    result = unittest.TextTestRunner(verbosity=2, durations=5).run(suite)
    if result.testsRun == 0:
        sys.exit("run.py: no tests ran")
    sys.exit(0 if result.wasSuccessful() else 1)


if __name__ == "__main__":
    main()
