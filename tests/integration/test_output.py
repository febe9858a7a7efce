"""The service keeps working when standard output is not read, full, or closed."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios
import threading

import pytest

from support.collector import parse_metrics
from support.deadline import Deadline, wait_until
from support.http_client import Client
from support.ports import reserve_port
from support.program import clean_environment, program_path

PROGRAMS = ["collector", "pinger"]
GRACE_SECONDS = 3
REQUESTS = 6000  # more lines than a pipe and the log's buffer hold


class Bare:
    """A program with descriptors that the test chooses."""

    def __init__(self, program, *arguments, **options):
        self.port = reserve_port()
        command = [program_path(program), "--listen", f"127.0.0.1:{self.port}", *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=clean_environment(), **options)
        wait_until(self._answers, lambda: f"{program} on port {self.port}", 15)

    def _answers(self):
        assert self.process.poll() is None, f"exit status {self.process.returncode}"
        try:
            with Client("127.0.0.1", self.port) as client:
                return client.get("/healthz").status == 200
        except OSError:
            return False

    def ask(self, count, path="/"):
        with Client("127.0.0.1", self.port) as client:
            for _ in range(count):
                assert client.get(path).status == 200

    def dropped(self, program):
        with Client("127.0.0.1", self.port) as client:
            return parse_metrics(client.get("/metrics").text)[f"{program}_log_lines_dropped_total"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(Deadline(GRACE_SECONDS + 10).seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def start(program, stdout, **options):
    return Bare(program, "--access-log", "on", "--grace", f"{GRACE_SECONDS}s", stdout=stdout, **options)


def read_all(fd, pieces):
    while True:
        try:
            piece = os.read(fd, 1 << 16)
        except OSError:  # the other end of the terminal is closed
            return
        if not piece:
            return
        pieces.append(piece)


def lines_of(pieces):
    """The lines of the log; each must be complete."""
    text = b"".join(pieces)
    assert text.endswith(b"\n")
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_stopped_log_reader_delays_neither_requests_nor_the_exit(program):
    reading, writing = os.pipe()
    with start(program, writing, stderr=subprocess.DEVNULL) as bare:
        os.close(writing)
        bare.ask(REQUESTS)
        bare.ask(1, "/healthz")
        assert bare.dropped(program) > 0
        assert bare.stop() == 0
    os.close(reading)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_log_reader_that_continues_learns_how_many_lines_it_missed(program):
    reading, writing = os.pipe()
    pieces = []
    with start(program, writing, stderr=subprocess.DEVNULL) as bare:
        os.close(writing)
        bare.ask(REQUESTS)
        dropped = bare.dropped(program)
        assert dropped > 0
        reader = threading.Thread(target=read_all, args=(reading, pieces))
        reader.start()
        wait_until(lambda: any(b'"log.dropped"' in piece for piece in pieces), lambda: "the line log.dropped", 10)
        bare.ask(100)
        assert bare.stop() == 0
        reader.join()
    os.close(reading)
    lines = lines_of(pieces)
    told = sum(line["lines_dropped"] for line in lines if line["event"] == "log.dropped")
    seen = sum(line["event"] == "request.answered" for line in lines)
    assert told >= dropped
    assert seen + told >= REQUESTS + 100
    assert lines[-1]["event"] == "server.stopped"


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_stopped_terminal_delays_neither_requests_nor_the_exit(program):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with start(program, slave, stderr=slave) as bare:
        os.write(master, b"\x13")  # Ctrl-S
        bare.ask(1000)
        bare.ask(1, "/healthz")
        assert bare.stop() == 0
    os.close(slave)
    os.close(master)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_full_disk_delays_neither_requests_nor_the_exit(program):
    with open("/dev/full", "wb") as full, start(program, full, stderr=full) as bare:
        bare.ask(REQUESTS)
        assert bare.dropped(program) > 0
        assert bare.stop() == 0


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_log_reader_that_exited_delays_neither_requests_nor_the_exit(program):
    reading, writing = os.pipe()
    with start(program, writing, stderr=subprocess.DEVNULL) as bare:
        os.close(writing)
        os.close(reading)
        bare.ask(100)
        assert bare.stop() == 0


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_failed_start_is_reported_even_if_nobody_reads_the_log(program):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"." * 4096)
    except BlockingIOError:
        os.set_blocking(writing, True)
    with Bare(program, stdout=subprocess.DEVNULL) as first:
        done = subprocess.run([program_path(program), "--listen", f"127.0.0.1:{first.port}"], stdout=writing,
                              stderr=subprocess.PIPE, text=True, env=clean_environment(), timeout=20, check=False)
    assert done.returncode == 1
    assert str(first.port) in done.stderr
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_closed_standard_descriptors_do_no_harm(program, closed):
    def close():
        for fd in closed:
            os.close(fd)
    # pylint: disable=subprocess-popen-preexec-fn
    with start(program, subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=close) as bare:
        for fd in closed:
            assert os.readlink(f"/proc/{bare.process.pid}/fd/{fd}") == "/dev/null"
        bare.ask(10)
        assert bare.stop() == 0
