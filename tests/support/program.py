"""Starts a built program, reads its log, stops it, and fails the test if a sanitizer reported anything."""

import json
import os
import re
import signal

from .child import Child
from .deadline import BUILD_DIR
from .http_client import Client, RawConnection

_SANITIZER = re.compile(r"ERROR: (Address|Leak|Memory)Sanitizer|WARNING: ThreadSanitizer|runtime error:"
                        r"|SUMMARY: \w+Sanitizer")


def program_path(name):
    return BUILD_DIR / "bin" / name


def clean_environment(extra=None):
    """Passes on only the caller's variables that a process needs to run."""
    env = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
    env["LC_ALL"] = "C.UTF-8"
    env["COLLECTOR_WORKERS"] = env["PINGER_WORKERS"] = "2"  # so that small machines test several threads too
    env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "abort_on_error=0")
    env["UBSAN_OPTIONS"] = os.environ.get("UBSAN_OPTIONS", "print_stacktrace=1")
    env["TSAN_OPTIONS"] = os.environ.get("TSAN_OPTIONS", "halt_on_error=0")
    env.update({key: str(value) for key, value in (extra or {}).items()})
    return env


def flags_of(options):
    """hold_time="30s" becomes --hold-time 30s."""
    words = []
    for name, value in options.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return words


class Program:
    """A running program. `wait_listening` returns its port."""

    name = None
    stop_seconds = 20.0

    def __init__(self, arguments=(), env=None, cwd=None, name=None, descriptors=None, listening=False):
        self.name = name or self.name
        path = program_path(self.name)
        assert path.exists(), f"{path} is not built"
        self.child = Child([path, *arguments], clean_environment(env), cwd, descriptors)
        self.port = None
        self.host = "127.0.0.1"
        self._checked = False
        if listening:
            try:
                self.wait_listening()
            except BaseException:
                self.child.kill()
                raise

    def client(self, **options):
        """A keep-alive client with its own connection."""
        return Client(self.host, self.port, **options)

    def connect(self, **options):
        """A raw connection, for things that a well-behaved client does not do."""
        return RawConnection(self.host, self.port, **options)

    def readyz(self):
        """The status of /readyz."""
        with self.client() as client:
            return client.get("/readyz").status

    @property
    def pid(self):
        return self.child.pid

    def wait_listening(self, seconds=15.0):
        """Waits for the log line with the port."""
        line = self.wait_log("server.listening", seconds)
        self.port = int(line["port"])
        return self

    def log(self):
        """The log lines so far that are JSON objects."""
        lines = []
        for text in list(self.child.stdout):
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict):
                lines.append(line)
        return lines

    def log_text(self):
        return "\n".join(list(self.child.stdout) + list(self.child.stderr))

    def wait_log(self, event, seconds=10.0, after=0, **fields):
        """The first line with this event and these fields, after the first `after` lines."""
        seen = [0]

        def wanted(text):
            seen[0] += 1
            if seen[0] <= after or f'"{event}"' not in text:
                return None
            try:
                line = json.loads(text)
            except ValueError:
                return None
            fits = line.get("event") == event and all(line.get(key) == value for key, value in fields.items())
            return line if fits else None
        line = self.child.wait_line(wanted, f'a log line "{event}" {fields or ""}', seconds)
        assert line, f"{self.name} ended before it logged {event}\n{self.child.tail()}"
        return line

    def _size(self, field):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            line = next(line for line in status if line.startswith(f"{field}:"))
        return int(line.split()[1]) * 1024

    def peak_memory(self):
        """Peak resident bytes (VmHWM, proc(5))."""
        return self._size("VmHWM")

    def data_size(self):
        """Bytes that RLIMIT_DATA counts (VmData, proc(5))."""
        return self._size("VmData")

    def running(self):
        return self.child.running()

    def signal(self, number):
        self.child.signal(number)

    def terminate(self):
        self.child.signal(signal.SIGTERM)

    def wait(self, seconds=None):
        """Waits for the end of the program and returns its exit status. Fails if a sanitizer reported anything."""
        status = self.child.wait(seconds or self.stop_seconds)
        self.check_sanitizers()
        return status

    def stop(self, status=0):
        """Sends SIGTERM and checks the exit status."""
        if self.child.running():
            self.terminate()
        actual = self.wait()
        assert actual == status, f"exit status {actual}, expected {status}\n{self.child.tail()}"

    def kill(self):
        """kill -9."""
        self.child.kill()
        self.check_sanitizers()

    def close(self):
        """Stops the program at the end of a test if it is still running. It must exit cleanly."""
        if self._checked:
            return
        self._checked = True
        if self.child.running():
            try:
                self.stop()
            finally:
                self.child.kill()
        else:
            self.child.wait()
            self.check_sanitizers()
            signals = (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE, -signal.SIGILL)
            assert self.child.process.returncode not in signals, f"{self.name} crashed\n{self.child.tail()}"

    def check_sanitizers(self):
        for line in self.child.stderr:
            assert not _SANITIZER.search(line), f"a sanitizer's report\n{self.child.tail(60)}"


def run_program(name, arguments=(), env=None, seconds=10.0, cwd=None):
    """Runs a program that exits by itself: (exit status, stdout, stderr)."""
    child = Child([program_path(name), *arguments], clean_environment(env), cwd)
    try:
        status = child.wait(seconds)
    finally:
        child.kill()
    for line in child.stderr:
        assert not _SANITIZER.search(line), f"a sanitizer's report\n{child.tail(60)}"
    return status, "\n".join(child.stdout), "\n".join(child.stderr)
