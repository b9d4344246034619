"""Every module of the standard library that imports on the hosted world imports here."""

import importlib
import pathlib
import unittest

LIST = pathlib.Path(__file__).with_name("stdlib_modules.txt")


class StandardLibrary(unittest.TestCase):
    def test_same_modules_import(self):
        names = LIST.read_text().split()
        self.assertGreater(len(names), 150)
        missing = {}
        for name in names:
            try:
                importlib.import_module(name)
            except Exception as error:
                missing[name] = repr(error)
        self.assertEqual(missing, {})
