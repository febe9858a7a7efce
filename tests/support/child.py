"""A child process whose output is read by threads. It is signalled and stopped by its process id."""

import atexit
import ctypes
import os
import resource
import signal
import subprocess
import threading
import weakref

from .deadline import Deadline, wait_until

_libc = ctypes.CDLL(None, use_errno=True)
_children = weakref.WeakSet()


def _die_with_parent():
    _libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG, prctl(2)


class Child:
    """Create a Child in the main thread: the process dies when the thread that started it ends."""

    def __init__(self, argv, env=None, cwd=None, descriptors=None):
        def prepare():
            _die_with_parent()
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
        self.argv = [str(word) for word in argv]
        self.stdout, self.stderr = [], []
        self._grown = threading.Condition()
        # pylint: disable=subprocess-popen-preexec-fn
        self.process = subprocess.Popen(
            self.argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=prepare)
        self.pid = self.process.pid
        self._readers = [self._read(self.process.stdout, self.stdout), self._read(self.process.stderr, self.stderr)]
        _children.add(self)

    def _read(self, pipe, lines):
        def work():
            for line in pipe:
                with self._grown:
                    lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                    self._grown.notify_all()
            pipe.close()
            with self._grown:
                self._grown.notify_all()
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    def wait_line(self, wanted, what, seconds=10.0, errors=False):
        """Waits for the first line of stdout (or stderr) for which `wanted(line)` is true, and returns that value. None
        if the process ends first."""
        lines = self.stderr if errors else self.stdout
        deadline = Deadline(seconds)
        seen = 0
        with self._grown:
            while True:
                while seen < len(lines):
                    value = wanted(lines[seen])
                    if value:
                        return value
                    seen += 1
                if not any(reader.is_alive() for reader in self._readers):
                    return None
                if deadline.passed():
                    raise AssertionError(f"not within {deadline.seconds:g} s: {what}\n{self.tail()}")
                self._grown.wait(min(0.1, deadline.left() + 0.001))

    def running(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=10.0):
        """Waits until the process has ended and all its output has been read. Returns the exit status."""
        wait_until(lambda: not self.running(), lambda: f"the end of {self.argv[0]}\n{self.tail()}", seconds, 0.005)
        for reader in self._readers:
            reader.join(5)
        return self.process.returncode

    def kill(self):
        if self.running():
            self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join(5)

    def tail(self, count=25):
        """The last lines of stdout and stderr, for failure messages."""
        name = os.path.basename(self.argv[0])
        lines = [f"{name} | {line}" for line in self.stdout[-count:]]
        lines += [f"{name} (stderr) | {line}" for line in self.stderr[-count * 4:]]
        status = "running" if self.process.poll() is None else f"exit status {self.process.returncode}"
        return "\n".join([f"--- {' '.join(self.argv)}: {status}"] + lines)


def _kill_all():
    for child in list(_children):
        if child.process.poll() is None:
            child.process.kill()


atexit.register(_kill_all)
