"""The servers under comparison, each a child process on a port of 127.0.0.1."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.ports import reserve_port  # noqa: E402  pylint: disable=wrong-import-position

START_SECONDS = 10.0


class BenchError(Exception):
    """Something did not run, or reported errors."""


class Server:
    """`method` and `path` are what a load generator requests."""

    method, path = "POST", "/"
    writes = None    # the Redis command that each request must cause
    is_ours = False  # whether each response is compared with the writes

    def __init__(self, name, folder, argv, port=None):
        self.name = name
        self.port = port or reserve_port()
        self._log = os.path.join(folder, f"{name.replace(' ', '-')}.log")
        self.process = None
        self.argv = [str(word) for word in argv(self.port)]

    @property
    def pid(self):
        return self.process.pid

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}{self.path}"

    def spawn(self):
        """Starts the server without waiting until it is ready."""
        environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        with open(self._log, "ab") as log:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**environment, "LC_ALL": "C.UTF-8"})

    def start(self):
        self.spawn()
        self.wait_ready()
        return self

    def is_ready(self):
        """Raises OSError while nothing listens."""
        self.connect().close()
        return True

    def wait_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while not self._looks_ready():
            self.check()
            if time.monotonic() > deadline:
                raise BenchError(f"{self.name} is not ready after {START_SECONDS:g} s, on port {self.port}")
            time.sleep(0.0002)  # between two looks, until the deadline

    def _looks_ready(self):
        try:
            return self.is_ready()
        except OSError:
            return False

    def get(self, path):
        """Returns the whole response; closes the connection."""
        with self.connect() as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            with connection.makefile("rb") as answer:
                return answer.read() or b"\r\n"

    def connect(self, source="127.0.0.1"):
        return socket.create_connection(("127.0.0.1", self.port), START_SECONDS, (source, 0))

    def check(self):
        """Fails if the process has ended."""
        if self.process.poll() is not None:
            with open(self._log, encoding="utf-8", errors="replace") as log:
                raise BenchError(f"{self.name} ended, status {self.process.returncode}: {log.read()[-800:]}")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGKILL)
                self.process.wait()


class Redis(Server):
    """A private redis-server without persistence."""

    @property
    def pids(self):
        return [self.pid]

    def __init__(self, folder):
        super().__init__("redis", folder, lambda port: [
            "redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", folder, "--save", "", "--appendonly", "no"])

    def command(self, *words):
        """The raw reply up to the end of its first line, or the string of a bulk reply."""
        with self.connect() as connection, connection.makefile("rb") as replies:
            connection.settimeout(60)
            parts = [word.encode() for word in words]
            connection.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
            line = replies.readline()
            if line.startswith(b"-") or not line:
                raise BenchError(f"redis {words[0]}: {line.decode().strip() or 'no reply'}")
            return replies.read(int(line[1:])) if line.startswith(b"$") else line[1:].strip()

    def clear(self):
        """Empties the server and resets its counters."""
        self.command("FLUSHALL", "SYNC")
        self.command("CONFIG", "RESETSTAT")

    def _stats(self):
        """Yields (the command, its statistics) of each command since `clear`."""
        for line in self.command("INFO", "commandstats").decode().splitlines():
            if line.startswith("cmdstat_"):
                name, _, values = line[len("cmdstat_"):].partition(":")
                yield name, dict(pair.split("=") for pair in values.split(","))

    def calls(self, name):
        """Returns (calls, failed calls) of a command since `clear`."""
        for command, stats in self._stats():
            if command == name.lower():
                return int(stats["calls"]), int(stats["failed_calls"]) + int(stats["rejected_calls"])
        return 0, 0

    def microseconds(self, *names):
        """The time that Redis has spent in these commands since `clear`."""
        return sum(int(stats["usec"]) for command, stats in self._stats() if command in names)


class Collector(Server):
    writes, is_ours = "SET", True

    def __init__(self, name, folder, program, redis, *flags):
        super().__init__(name, folder, lambda port: [
            program, "--listen", f"127.0.0.1:{port}", "--redis-url", f"redis://127.0.0.1:{redis.port}", *flags])

    def workers(self):
        """The number of its worker threads, from its log."""
        with open(self._log, encoding="utf-8") as log:
            return next(line["workers"] for line in map(json.loads, log) if line["event"] == "server.listening")

    def is_ready(self):
        """Whether Collector has reached Redis."""
        return b" 200 " in self.get("/readyz").splitlines()[0]

    def metric(self, name):
        for line in self.get("/metrics").decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        raise BenchError(f"{self.name} has no metric {name}")


class Webdis(Server):
    """PUT /SET/key stores the body. The key is a number that post.lua increments. webdis is faster with one connection
    to Redis per thread than with its default of two."""

    method, path, writes = "PUT", "/SET/1000000000", "SET"

    def __init__(self, folder, redis, threads):
        def argv(port):
            config = os.path.join(folder, f"webdis-{threads}.json")
            settings = {"redis_host": "127.0.0.1", "redis_port": redis.port, "pool_size": 1, "http_host": "127.0.0.1",
                        "http_port": port, "threads": threads, "daemonize": False, "acl": [], "verbosity": 0,
                        "logfile": os.path.join(folder, f"webdis-{threads}.log")}
            Path(config).write_text(json.dumps(settings), encoding="ascii")
            return ["webdis", config]
        super().__init__("webdis", folder, argv)

    def is_ready(self):
        return b"PONG" in self.get("/PING")


class Bare(Server):
    """libmicrohttpd without any storage."""

    def __init__(self, name, folder, program, workers, suspend):
        super().__init__(name, folder, lambda port: [program, port, workers, *(["--suspend"] if suspend else [])])
