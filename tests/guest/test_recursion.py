"""Recursion without end is RecursionError, in Python code and in native code, on every thread."""

import ast
import json
import re
import threading
import unittest


def descend():
    return descend() + 1


class Node:
    def __init__(self, inner):
        self.inner = inner

    def __repr__(self):
        return f"<{self.inner!r}>"


class Looping:
    def __getattr__(self, name):
        return getattr(self, name + "x")

    def __eq__(self, other):
        return self == other

    def __iter__(self):
        return iter(self)

    def __add__(self, other):
        return self + other

    def __call__(self):
        return self()


def nested_list(depth):
    inner = []
    for _ in range(depth):
        inner = [inner]
    return inner


class Recursion(unittest.TestCase):
    """Each is run on the main thread and on another, whose stack is smaller."""

    def check(self, call, expected=RecursionError):
        def run(outcome):
            try:
                call()
            except BaseException as error:
                outcome.append(error)

        for where in ("main", "other"):
            outcome = []
            if where == "main":
                run(outcome)
            else:
                thread = threading.Thread(target=run, args=(outcome,))
                thread.start()
                thread.join()
            self.assertEqual(len(outcome), 1, f"{where} thread: no exception")
            self.assertIsInstance(outcome[0], expected, f"{where} thread")

    def test_function(self):
        self.check(descend)

    def test_lambda(self):
        def loop(f):
            return f(f)

        self.check(lambda: loop(loop))

    def test_repr_of_objects(self):
        node = None
        for _ in range(100_000):
            node = Node(node)
        self.check(lambda: repr(node))
        while node is not None:  # take it apart from outside
            node = node.inner

    def test_repr_of_nested_list(self):
        deep = nested_list(100_000)
        self.check(lambda: repr(deep))

    def test_comparison_of_nested_lists(self):
        one, two = nested_list(100_000), nested_list(100_000)
        self.check(lambda: one == two)

    def test_special_methods(self):
        self.check(lambda: Looping().attribute)
        self.check(lambda: Looping() == 1)
        self.check(lambda: iter(Looping()))
        self.check(lambda: Looping() + 1)
        self.check(lambda: Looping()())

    def test_json(self):
        deep = nested_list(100_000)
        self.check(lambda: json.dumps(deep))
        self.check(lambda: json.loads("[" * 100_000))

    def test_generator_chain(self):
        def chain(depth):
            if depth:
                yield from chain(depth - 1)
            yield depth

        self.check(lambda: list(chain(100_000)))

    def test_sort_key(self):
        def key(item):
            return sorted([item], key=key)

        self.check(lambda: key(1))

    def test_raised_limit_still_ends(self):
        import sys

        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(10**8)
        try:
            self.check(lambda: repr(Looping().attribute), (RecursionError, MemoryError))
        finally:
            sys.setrecursionlimit(limit)

    def test_deep_objects_are_freed(self):
        deep = nested_list(1_000_000)
        del deep
        node = None
        for _ in range(1_000_000):
            node = (node,)
        del node


class Compiler(unittest.TestCase):
    """Source text nested without end is refused, never a crash."""

    EXPECTED = (RecursionError, MemoryError, SyntaxError)

    def refused(self, source):
        for thread in (False, True):
            outcome = []

            def run():
                try:
                    compile(source, "<deep>", "eval")
                except BaseException as error:
                    outcome.append(error)

            if thread:
                worker = threading.Thread(target=run)
                worker.start()
                worker.join()
            else:
                run()
            self.assertEqual(len(outcome), 1)
            self.assertIsInstance(outcome[0], self.EXPECTED)

    def test_parentheses(self):
        self.refused("(" * 100_000 + ")" * 100_000)

    def test_unclosed_parentheses(self):
        self.refused("(" * 100_000)

    def test_lists(self):
        self.refused("[" * 50_000 + "]" * 50_000)

    def test_unary(self):
        self.refused("-" * 100_000 + "1")
        self.refused("not " * 100_000 + "1")
        self.refused("~" * 100_000 + "1")

    def test_power(self):
        self.refused("2**" * 100_000 + "1")

    def test_binary(self):
        self.refused("1+" * 1_000_000 + "1")

    def test_attributes_and_calls(self):
        self.refused("a" + ".b" * 100_000)
        self.refused("a" + "()" * 100_000)
        self.refused("a" + "[0]" * 100_000)

    def test_lambdas_and_conditionals(self):
        self.refused("lambda: " * 100_000 + "1")
        self.refused("1 if 1 else " * 100_000 + "1")

    def test_comparisons_in_calls(self):
        self.refused("f(" * 50_000 + ")" * 50_000)

    def test_f_strings(self):
        self.refused("f'{" * 10_000)

    def test_literal_eval(self):
        with self.assertRaises(self.EXPECTED):
            ast.literal_eval("-" * 100_000 + "1")
        with self.assertRaises(self.EXPECTED):
            ast.literal_eval("[" * 100_000)

    def test_blocks(self):
        source = "".join(" " * depth + "if 1:\n" for depth in range(2000)) + " " * 2000 + "pass\n"
        with self.assertRaises(self.EXPECTED):
            compile(source, "<deep>", "exec")

    def test_regex(self):
        for pattern in ("(" * 20_000 + ")" * 20_000, "(?:" * 20_000 + "a" + ")" * 20_000):
            with self.assertRaises((RecursionError, MemoryError, re.error, OverflowError)):
                re.compile(pattern)
