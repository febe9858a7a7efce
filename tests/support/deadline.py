"""Polling with a deadline, and the location of the build under test."""

import contextlib
import os
import signal
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD_DIR = Path(os.environ.get("BUILD_DIR", "build/release"))
if not BUILD_DIR.is_absolute():
    BUILD_DIR = ROOT / BUILD_DIR

# A build with a sanitizer is slower, so all deadlines of the tests are longer.
SANITIZED = any(word in BUILD_DIR.name for word in ("address", "undefined", "thread", "memory"))
PATIENCE = 3.0 if SANITIZED else 1.0


@contextlib.contextmanager
def time_limit_of(seconds):
    """Raises TimeoutError in the main thread after that time, even if it is waiting for something."""
    def expire(*_):
        raise TimeoutError(f"the test took longer than {seconds:g} s")
    previous = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)


class DeadlineExceeded(AssertionError):
    """The awaited event did not happen in time."""


class Deadline:
    """A point of time on the monotonic clock."""

    def __init__(self, seconds):
        self.seconds = seconds * PATIENCE
        self.end = time.monotonic() + self.seconds

    def left(self):
        """The seconds left, at least 0."""
        return max(0.0, self.end - time.monotonic())

    def passed(self):
        return time.monotonic() >= self.end


def wait_until(condition, what, seconds=10.0, interval=0.01):
    """Polls until `condition()` is true and returns its value; DeadlineExceeded names `what`."""
    deadline = Deadline(seconds)
    while True:
        value = condition()
        if value:
            return value
        if deadline.passed():
            text = what() if callable(what) else what
            raise DeadlineExceeded(f"not within {deadline.seconds:g} s: {text}")
        time.sleep(interval)


def stays(condition, what, seconds):
    """Polls, and fails unless `condition()` stays true for `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert condition(), f"did not stay so for {seconds:g} s: {what}"
        time.sleep(0.02)
