"""Files of tests that start no program of the build under test, such as those of tools.

Such a file says `pytestmark = pytest.mark.no_program`, and runs with a sanitizer leave it out. While its tests run,
BUILD_DIR is not in the environment, and a command that names the build fails, so no file can be marked by mistake."""

import os
import sys

from .deadline import BUILD_DIR, ROOT

_BUILD = str(BUILD_DIR.relative_to(ROOT) if BUILD_DIR.is_relative_to(ROOT) else BUILD_DIR)
_COMMANDS = {"subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system"}
_guarded = []


def _on_event(event, arguments):
    if _guarded and event in _COMMANDS and _BUILD in repr(arguments):
        raise AssertionError(f"the file is marked no_program, but starts a program of {_BUILD}: {arguments}")


sys.addaudithook(_on_event)  # it can't be removed


def is_marked(module):
    """`module` is the pytest node. Only a mark of the whole file counts, because tests of a file share fixtures."""
    return module.get_closest_marker("no_program") is not None


def guard(module):
    """A generator for a fixture."""
    if not is_marked(module):
        yield
        return
    build = os.environ.pop("BUILD_DIR", None)
    _guarded.append(module)
    yield
    _guarded.pop()
    if build:
        os.environ["BUILD_DIR"] = build
