"""The hardening that compiler and linker have put into the programs and the library."""

import os
import platform
import re
import subprocess

import pytest

from support.deadline import BUILD_DIR, ROOT

LIBRARY = BUILD_DIR / "lib" / "libservicebinding.so"
PROGRAMS = [BUILD_DIR / "bin" / "collector", BUILD_DIR / "bin" / "pinger"]
IS_RELEASE = BUILD_DIR.name.split("-")[0] == "release"  # other builds are for debugging
OF_MAKE = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "BUILD", "SAN", "CC", "CI"}  # passed on by `make test`
ON_X86 = platform.machine() in ("x86_64", "i386", "i686")


def readelf(*words):
    return subprocess.run(["readelf", "-W", *map(str, words)], capture_output=True, text=True, check=True, timeout=60,
                          env={**os.environ, "LC_ALL": "C"}).stdout


@pytest.mark.parametrize("path", [*PROGRAMS, *([LIBRARY] if IS_RELEASE else [])], ids=lambda path: path.name)
def test_a_program_is_position_independent_with_a_data_only_stack_and_read_only_tables(path):
    head, dynamic = readelf("-hl", path), readelf("-d", path)
    assert "Type:                              DYN" in head
    stack = next(line for line in head.splitlines() if line.strip().startswith("GNU_STACK"))
    assert " RW " in stack
    assert "GNU_RELRO" in head
    assert "NOW" in dynamic
    if path != LIBRARY:
        assert re.search(r"FLAGS_1.*\bPIE\b", dynamic)


def compiled_here():
    """The archives of all compiled code: the programs' packages, and the library as installed."""
    return [*BUILD_DIR.glob("lib/*.a"), *BUILD_DIR.glob("obj/cmd/*/main.o")]


if IS_RELEASE:
    @pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
    def test_calls_of_the_c_library_check_the_size_of_their_buffers(path):
        symbols = set(re.findall(r"UND (__\w+)", readelf("--dyn-syms", path)))
        assert {"__vsnprintf_chk", "__stack_chk_fail"} <= symbols

    if ON_X86:
        def test_every_object_accepts_indirect_calls_only_at_marked_places():
            paths = compiled_here()
            assert len(paths) > 10
            for path in paths:
                text = readelf("-n", path)
                if path.suffix == ".o":
                    text = f"File: {path}\n{text}"
                for member in text.split("File: ")[1:]:
                    assert re.search(r"x86 feature: .*IBT.*SHSTK", member), member.splitlines()[0]


def flags_with(compiler):
    """The flags that a release build with this compiler would use."""
    env = {name: value for name, value in os.environ.items() if name not in OF_MAKE}
    kind = f"release-{compiler.name}"
    commands = subprocess.run(["make", "-n", "V=1", f"CC={compiler}", f"build/{kind}/obj/pkg/base/err.o"], cwd=ROOT,
                              env=env, capture_output=True, text=True, check=True, timeout=60).stdout
    return next(line for line in commands.splitlines() if line.endswith("pkg/base/err.c")).split()


@pytest.mark.parametrize("refused, others", [
    ("-fcf-protection", ["-fstack-clash-protection", "-D_FORTIFY_SOURCE=3"]),
    ("-fstack-clash-protection", ["-D_FORTIFY_SOURCE=3"]),
    ("-D_FORTIFY_SOURCE=3", ["-fstack-clash-protection", "-D_FORTIFY_SOURCE=2"]),
])
def test_a_flag_that_the_compiler_lacks_is_omitted_and_the_others_stay(tmp_path, refused, others):
    compiler = tmp_path / "other-cc"
    compiler.write_text(f'#!/bin/sh\ncase " $* " in *" {refused} "*) exit 1 ;; esac\nexec cc "$@"\n')
    compiler.chmod(0o755)
    flags = flags_with(compiler)
    assert refused not in flags
    assert set(others) <= set(flags)
    assert "-fstack-protector-strong" in flags
    assert flags.index("-U_FORTIFY_SOURCE") < next(i for i, flag in enumerate(flags) if flag.startswith("-D_FORTIFY"))
