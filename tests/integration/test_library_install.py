"""libservicebinding as other programs use it: installed, found by pkg-config, linked and called."""

import os
import subprocess

from support.deadline import BUILD_DIR, ROOT


def settings_of(kind):
    """The make settings that produce build/<kind>: release, debug, address-undefined, thread-clang, ..."""
    words, settings = kind.split("-"), []
    if words[-1] in ("gcc", "clang"):
        settings.append(f"CC={words.pop()}")
    if words[0] in ("release", "debug"):
        return [*settings, f"BUILD={words[0]}"]
    return [*settings, f"SAN={','.join(words)}"]


def test_the_library_installs_builds_an_example_and_uninstalls():
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    run = subprocess.run(["make", "--no-print-directory", *settings_of(BUILD_DIR.name), "check-install",
                          "CHECKED=install-library"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=80,
                         check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "no problem found" in run.stdout
