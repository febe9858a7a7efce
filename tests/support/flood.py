"""Requests that a client without a token could use to exhaust memory, and a client that checks whether others are
served."""

import collections
import contextlib
import selectors
import socket
import threading
import time

from .http_client import Client, ConnectionEnded, RawConnection

MIB = 1 << 20


class Unfinished:
    """Opens `count` connections, each with a POST whose body lacks its last byte. `statuses` counts the responses."""

    def __init__(self, program, path, count, size=MIB, seconds=60.0):
        self.statuses = collections.Counter()
        self._sockets = []
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
        self._data = memoryview(head.encode() + b" " * (size - 1))
        self._selector = selectors.DefaultSelector()
        self._sending = count
        for _ in range(count):
            connection = socket.create_connection((program.host, program.port), timeout=30)
            connection.setblocking(False)
            self._sockets.append(connection)
            self._selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE, [0])
        end = time.monotonic() + seconds
        events = True
        while self._sending or events:  # at the end, until no more responses arrive
            assert time.monotonic() < end, f"{self._sending} connections accept no more data"
            events = self._selector.select(0.5)
            for key, mask in events:
                self._step(key, mask)

    @property
    def held(self):
        """Connections without a response."""
        return len(self._sockets) - sum(self.statuses.values())

    def _end(self, key, status):
        self.statuses[status] += 1
        self._sending -= key.data[0] < len(self._data)
        self._selector.unregister(key.fileobj)

    def _step(self, key, mask):
        try:
            if mask & selectors.EVENT_READ:
                self._end(key, key.fileobj.recv(4096)[9:12].decode() or "closed")
                return
            key.data[0] += key.fileobj.send(self._data[key.data[0]:key.data[0] + 262144])
        except OSError:
            self._end(key, "reset")
            return
        if key.data[0] == len(self._data):
            self._sending -= 1
            self._selector.modify(key.fileobj, selectors.EVENT_READ, key.data)

    def close(self):
        for connection in self._sockets:
            connection.close()
        self._sockets = []


class Neighbour(contextlib.AbstractContextManager):
    """Sends small requests one after another in a thread; `answers` counts their statuses, and `longest` is in
    seconds."""

    def __init__(self, program, path, body=b'{"a":1}'):
        self.answers = collections.Counter()
        self.longest = 0.0
        self._client = Client(program.host, program.port)
        self._request = ("POST", path, body, {"Content-Type": "application/json"})
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._stop.is_set():
            start = time.monotonic()
            try:
                self.answers[self._client.request(*self._request).status] += 1
            except (OSError, AssertionError, ConnectionEnded) as error:
                self.answers[repr(error)] += 1
            self.longest = max(self.longest, time.monotonic() - start)
            self._stop.wait(0.005)

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self._client.close()


def send_queries(program, count, parameters=150, kept=100):
    """Sends requests with many parameters, `kept` of them on each connection. Returns the statuses."""
    statuses = collections.Counter()
    request = b"GET /nope?" + b"a=1&" * parameters + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    while count > 0:
        batch = min(kept, count)
        count -= batch
        with RawConnection(program.host, program.port) as connection:
            connection.send(request * batch)
            for _ in range(batch):
                statuses[connection.read_answer().status] += 1
    return statuses
