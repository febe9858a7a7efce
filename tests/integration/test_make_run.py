"""tools/run, which `make run` calls, and tools/bind, which writes its bindings. The tests use their own ports and
folder."""

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from support.child import Child
from support.deadline import BUILD_DIR, ROOT, wait_until
from support.http_client import Client
from support.program import clean_environment


class Run:
    """Runs tools/run with all its output in `folder`. Port 0 lets the system choose."""

    def __init__(self, folder, collector_port=0, pinger_port=0):
        self.folder = folder
        env = clean_environment({"BUILD_DIR": BUILD_DIR, "RUN_DIR": folder, "COLLECTOR_PORT": collector_port,
                                 "PINGER_PORT": pinger_port})
        self.child = Child([ROOT / "tools" / "run"], env)

    def wait_started(self):
        assert self.child.wait_line(lambda line: line.startswith("Stop all three"), "the end of the startup", 45), \
            self.child.tail()
        return self

    def address(self, program):
        """Returns (host, port) from the line that says that the program is ready."""
        line = next(line for line in self.child.stdout if line.startswith(f"{program} is ready on "))
        host, port = line.split()[-1].removeprefix("http://").split(":")
        return host, int(port)

    def processes(self):
        """The process ids by name, from the list that the script keeps."""
        lines = (self.folder / "processes").read_text().splitlines()
        return {line.split()[2]: int(line.split()[0]) for line in lines}

    def left(self):
        """The running processes that the script started, recognized by this folder in their environment."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if f"RUN_DIR={self.folder}".encode() in (path / "environ").read_bytes().split(b"\0"):
                    found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                pass
        return found

    def assert_nothing_is_left(self):
        wait_until(lambda: not self.left(), lambda: f"the end of {self.left()}")
        assert sorted(path.name for path in self.folder.iterdir()
                      if path.suffix != ".log" and path.name != "answer") == []


@pytest.fixture
def start_run(tmp_path):
    started = []

    def start(**options):
        started.append(Run(tmp_path / "run", **options))
        return started[-1]
    yield start
    for run in started:
        if run.child.running():
            run.child.signal(signal.SIGTERM)
            run.child.wait(40)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_record_of_pinger_is_shown_from_redis_and_a_signal_stops_all(start_run, number):
    run = start_run().wait_started()
    output = "\n".join(run.child.stdout)
    record = json.loads(output[output.index('{\n  "logs"'):output.index("\n\nCollector ")])
    assert record["logs"][0]["req"]["url"] == "/"
    assert record["logs"][0]["req"]["headers"]["user-agent"] == "make-run"
    with Client(*run.address("Collector")) as client:
        assert client.post("/v1/documents", '{"hello":"world"}').status == 201
    run.child.signal(number)
    assert run.child.wait(40) == 0, run.child.tail()
    assert run.child.stdout[-1].startswith("All three have stopped."), run.child.tail()
    assert run.child.stderr == []
    run.assert_nothing_is_left()


def test_it_starts_again_after_a_kill(start_run):
    first = start_run().wait_started()
    first.child.kill()
    second = start_run().wait_started()
    second.child.signal(signal.SIGTERM)
    assert second.child.wait(40) == 0, second.child.tail()
    second.assert_nothing_is_left()


def test_a_second_run_at_once_leaves_the_first_alone(start_run):
    first = start_run().wait_started()
    second = start_run()
    assert second.child.wait(10) == 1
    assert f"Already running as process {first.child.pid}" in second.child.stderr[0]
    assert sorted(first.processes()) == ["collector", "pinger", "redis", "run"]
    with Client(*first.address("Pinger")) as client:
        assert client.get("/readyz").status == 200


@pytest.mark.parametrize("variable", ["COLLECTOR_PORT", "PINGER_PORT"])
def test_a_port_in_use_is_named_with_the_way_to_choose_another(start_run, variable):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = start_run(**{variable.lower(): port})
        assert run.child.wait(40) == 1, run.child.tail()
    assert f"Port {port} of 127.0.0.1 is in use by another program" in run.child.stderr[0], run.child.tail()
    assert f"{variable}=" in run.child.stderr[1]
    run.assert_nothing_is_left()


def test_if_one_program_dies_its_log_is_shown_and_the_others_are_stopped(start_run):
    run = start_run().wait_started()
    os.kill(run.processes()["collector"], signal.SIGKILL)
    assert run.child.wait(60) == 1, run.child.tail()
    errors = "\n".join(run.child.stderr)
    assert "collector.log" in errors
    assert '"event":"server.listening"' in errors
    assert "collector ended with status 137." in errors
    run.assert_nothing_is_left()


def bind(folder, *entries):
    return subprocess.run([ROOT / "tools" / "bind", folder, *entries], capture_output=True, text=True, timeout=20,
                          check=False)


def entries_of(folder):
    return {name: (folder / name).read_text() for name in os.listdir(folder) if not name.startswith("..")}


def test_a_binding_has_the_layout_of_the_kubelet_and_changes_atomically(tmp_path):
    folder, password = tmp_path / "redis", tmp_path / "password"
    password.write_text("p @=/ ")
    assert bind(folder, "type=redis", "host=a=b@c", f"password@{password}").returncode == 0
    assert entries_of(folder) == {"type": "redis", "host": "a=b@c", "password": "p @=/ "}
    first = os.readlink(folder / "..data")
    assert bind(folder, "type=redis", "port=6379").returncode == 0
    assert entries_of(folder) == {"type": "redis", "port": "6379"}
    second = os.readlink(folder / "..data")
    assert os.readlink(folder / "port") == "..data/port"
    assert sorted(os.listdir(folder)) == sorted([second, "..data", "type", "port"])
    assert first != second


@pytest.mark.parametrize("entry", ["host@/does/not/exist", "../host=a", "host", "=a"])
def test_a_binding_that_cannot_be_written_stays_as_it_was(tmp_path, entry):
    folder = tmp_path / "redis"
    assert bind(folder, "type=redis", "host=a").returncode == 0
    before = sorted(os.listdir(folder))
    failed = bind(folder, "type=redis", entry)
    assert failed.returncode in (1, 2)
    assert failed.stderr
    assert sorted(os.listdir(folder)) == before
    assert entries_of(folder) == {"type": "redis", "host": "a"}
