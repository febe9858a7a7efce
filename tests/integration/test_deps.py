"""tools/deps while another process holds apt's locks. The tests use the real apt-get with private folders and an
archive of empty packages; it downloads packages but does not install them."""

import fcntl
import hashlib
import os
import re
import signal
import subprocess
from contextlib import contextmanager

import pytest

from support.child import Child
from support.deadline import ROOT

pytestmark = pytest.mark.no_program

LOCKS = ["state/lists/lock", "cache/archives/lock", "dpkg/lock-frontend"]


def add_package(archive, name):
    """Creates an empty package. Returns its entry for the archive's index."""
    content = archive / "content" / name
    (content / "DEBIAN").mkdir(parents=True)
    fields = f"Package: {name}\nVersion: 9999\nArchitecture: all\nMaintainer: nobody\nDescription: empty\n"
    (content / "DEBIAN" / "control").write_text(fields)
    path = archive / f"{name}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", content, path], check=True, capture_output=True)
    data = path.read_bytes()
    return f"{fields}Filename: ./{path.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"


@pytest.fixture
def machine(tmp_path):
    """A folder that apt treats as a whole machine."""
    for folder in ("state/lists/partial", "cache/archives/partial", "etc", "dpkg", "bin", "archive"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "dpkg" / "status").write_text("")
    archive = tmp_path / "archive"
    entries = [add_package(archive, name) for name in ("redis-server", "redis-tools", "curl")]
    (archive / "Packages").write_text("\n".join(entries))
    (tmp_path / "etc" / "sources.list").write_text(f"deb [trusted=yes] file:{archive} ./\n")
    (tmp_path / "apt.conf").write_text(
        f'Dir::State "{tmp_path}/state"; Dir::State::status "{tmp_path}/dpkg/status"; Dir::Cache "{tmp_path}/cache";\n'
        f'Dir::Etc "{tmp_path}/etc"; Dir::Etc::Parts "-"; Dir::Log "{tmp_path}"; APT::Sandbox::User "root";\n'
        'APT::Get::Download-Only "true"; Dpkg::Use-Pty "false";\n')
    for name, text in (("sudo", 'exec "$@"'), ("dpkg-query", "exit 1")):  # no root needed; every package is missing
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


@contextmanager
def held(path):
    """Takes a lock the way apt does, in this process rather than tools/deps."""
    path.touch()
    with open(path, "r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def start(machine, seconds):
    env = {**os.environ, "PATH": f"{machine}/bin:{os.environ['PATH']}", "APT_CONFIG": f"{machine}/apt.conf",
           "DEPS_WAIT": str(seconds), "DEPS_POLICY": f"{machine}/policy-rc.d"}
    return Child([ROOT / "tools" / "deps", "run"], env)


def says_that_it_waits(line):
    return line.startswith("Waiting for apt, ")


@pytest.mark.parametrize("lock", LOCKS)
def test_it_waits_for_a_lock_says_so_and_continues(machine, lock):
    with held(machine / lock):
        child = start(machine, 600)
        assert child.wait_line(says_that_it_waits, "the line that says it waits", 30), child.tail()
    assert child.wait(60) == 0, child.tail()
    waiting = next(line for line in child.stdout if says_that_it_waits(line))
    assert re.search(r", \d+ s of at most 600 s: (another )?process .*holds \S+", waiting)
    assert os.path.dirname(lock).rpartition("/")[2] in waiting
    assert child.stdout[-1] == "Installed."
    assert not (machine / "policy-rc.d").exists()


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_held_for_too_long_is_an_error_that_names_the_holder(machine, lock):
    with held(machine / lock):
        child = start(machine, 1)
        assert child.wait(60) == 1, child.tail()
    assert re.match(r"tools/deps: apt is still busy after \d+ s: .*holds \S+\. Try again", child.stderr[-1])
    assert "Installed." not in child.stdout
    assert not (machine / "policy-rc.d").exists()


def test_the_process_that_holds_the_lock_is_named(machine):
    with held(machine / LOCKS[0]):
        child = start(machine, 0)
        assert child.wait(60) == 1, child.tail()
    assert f"process {os.getpid()} " in child.stderr[-1]


def test_a_signal_ends_the_wait_and_leaves_nothing_behind(machine):
    with held(machine / LOCKS[2]):
        child = start(machine, 600)
        assert child.wait_line(says_that_it_waits, "the line that says it waits", 30), child.tail()
        child.signal(signal.SIGTERM)
        assert child.wait(60) == 143, child.tail()
    assert not (machine / "policy-rc.d").exists()


def test_another_failure_of_apt_is_reported_at_once(machine):
    (machine / "archive" / "Packages").write_text("")
    child = start(machine, 600)
    assert child.wait(60) == 1, child.tail()
    assert any("Unable to locate package redis-server" in line for line in child.stderr), child.tail()
    assert not any(says_that_it_waits(line) for line in child.stdout)
