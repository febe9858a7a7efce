"""The environment of a program that resolves names as the test says, trusts other system CAs, or has another time of
day; see elsewhere.c.

    start_collector(env=elsewhere(hosts=tmp_path / "hosts"))"""

import os
import subprocess
from pathlib import Path

from .deadline import BUILD_DIR

SOURCE = Path(__file__).with_suffix(".c")


def _library():
    """Builds the library on first use."""
    library = BUILD_DIR / "test" / "elsewhere.so"
    if not library.exists() or library.stat().st_mtime < SOURCE.stat().st_mtime:
        library.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([os.environ.get("CC", "cc"), "-std=c17", "-D_GNU_SOURCE", "-Wall", "-Werror", "-O1", "-fPIC",
                        "-shared", "-o", library, SOURCE], check=True)
    return str(library)


def elsewhere(hosts=None, system_ca=None, lookup_seconds=None, clock_seconds=None):
    """`hosts` is a file in the format of hosts(5), `system_ca` a file of certificates; a look-up takes
    `lookup_seconds`. The clock is `clock_seconds` ahead, or behind if that is negative."""
    env = {"LD_PRELOAD": _library(),
           # A sanitizer's library must come first; otherwise it ends the program with an error.
           "ASAN_OPTIONS": "abort_on_error=0:verify_asan_link_order=0"}
    if hosts:
        env["TEST_HOSTS"] = str(hosts)
    if lookup_seconds:
        env["TEST_LOOKUP_SECONDS"] = str(lookup_seconds)
    if clock_seconds:
        env["TEST_CLOCK_SECONDS"] = str(int(clock_seconds))
    if system_ca:
        env["TEST_SYSTEM_CA"] = str(system_ca)
    return env
