"""Shared by the lint tools: the list of files, a main function, and a self-test.

A tool has a function check(root, path) that yields the problems of one file, and a list of cases. A case is a small
tree of files, and either the text that its only problem must contain or None if the tree is fine. The cases run before
every real check, so a tool that no longer detects anything fails instead of passing everything.
"""

import pathlib
import posixpath
import re
import subprocess
import sys
import tempfile


def files(root, pattern):
    """The repository's files whose path matches, including untracked but not ignored ones."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted(p for p in listed if p and re.search(pattern, p) and (root / p).is_file())


def is_test(path):
    """A test, or a header that only tests of its folder share."""
    name = posixpath.basename(path)
    return name.endswith(("_test.c", "_test.h")) or name.startswith("test_") or name == "fixture.h" or "/testdata/" in path


def without_comments(text, strings_too=False):
    """C source with its comments, and optionally its strings, replaced by spaces; line numbers stay the same."""
    def blank(match):
        found = match.group(0)
        if found[0] in "\"'" and not strings_too:
            return found
        return re.sub(r"[^\n]", " ", found)
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", blank, text, flags=re.S)


def self_test(check, cases):
    wrong = 0
    for tree, expected in cases:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for path, text in tree.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            problems = [problem for path in sorted(tree) for problem in check(root, path)]
        good = not problems if expected is None else len(problems) == 1 and expected in problems[0]
        if not good:
            print(f"{sys.argv[0]}: self-test: {tree} gave {problems}, expected {expected!r}")
            wrong += 1
    return wrong


def main(check, cases, pattern):
    wrong = self_test(check, cases)
    root = pathlib.Path(__file__).resolve().parent.parent
    paths = files(root, pattern)
    problems = [problem for path in paths for problem in check(root, path)]
    print("\n".join(problems), end="\n" if problems else "")
    name = pathlib.Path(sys.argv[0]).name
    if not paths:
        print(f"{name}: no file to check")
    sys.exit(1 if wrong or problems or not paths else 0)
