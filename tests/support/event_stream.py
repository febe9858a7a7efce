"""A client of GET /v1/documents/stream that shows what arrives, event by event."""

import json
import socket
from collections import deque

from . import described
from .deadline import PATIENCE
from .http_client import Answer


class Ended(Exception):
    """The stream has ended."""


class Event:
    """One event. A comment, or an event with only `retry`, has no name and no data."""

    def __init__(self, lines):
        self.comment = any(line.startswith(":") for line in lines)
        fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
        self.name, self.data, self.id, self.retry = (fields.get(name) for name in ("event", "data", "id", "retry"))

    def json(self):
        return json.loads(self.data)

    def __repr__(self):
        return f"<{self.name} {self.id} {(self.data or '')[:200]} retry {self.retry}>"


class EventStream:
    """EventStream(program, "?since=0"): reads the head at once, and the rest on demand."""

    def __init__(self, program, query="", last_event_id=None, token=None, receive_buffer=None, timeout=30.0):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout * PATIENCE)
        self.socket.connect((program.host, program.port))
        fields = {"Host": "x", "Accept": "text/event-stream", "Last-Event-ID": last_event_id,
                  "Authorization": f"Bearer {token}" if token else None}
        target = f"/v1/documents/stream{query}"
        self.socket.sendall((f"GET {target} HTTP/1.1\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in fields.items() if value) + "\r\n").encode())
        self._raw, self._text, self._blocks, self.last_id, self.is_whole = b"", b"", deque(), None, False
        head = self._raw_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head[1:]]
        self.answer = Answer(int(head[0].split(" ")[1]), headers, b"", [])
        self.status = self.answer.status
        length = self.answer.header("content-length")
        self._chunked = length is None
        if length:
            self.answer.body = self._raw_exactly(int(length))
            self._take(self.answer.body)
        described.check("GET", target, self.answer)

    def _receive(self):
        part = self.socket.recv(1 << 20)
        if not part:
            raise Ended("without the last chunk")
        self._raw += part

    def _raw_until(self, mark):
        while mark not in self._raw:
            self._receive()
        part, _, self._raw = self._raw.partition(mark)
        return part

    def _raw_exactly(self, count):
        while len(self._raw) < count:
            self._receive()
        part, self._raw = self._raw[:count], self._raw[count:]
        return part

    def _take(self, text):
        *blocks, self._text = (self._text + text).split(b"\n\n")
        self._blocks += blocks

    def _more(self):
        if not self._chunked:
            raise Ended("a whole answer")
        size = int(self._raw_until(b"\r\n"), 16)
        self._take(self._raw_exactly(size))
        assert self._raw_exactly(2) == b"\r\n"
        if size == 0:
            self.is_whole = True
            raise Ended("with the last chunk")

    def next(self):
        """The next event, comment or `retry`; raises Ended."""
        while not self._blocks:
            self._more()
        event = Event(self._blocks.popleft().decode().split("\n"))
        self.last_id = event.id or self.last_id
        return event

    def event(self):
        """The next event with a name."""
        while True:
            event = self.next()
            if event.name:
                return event

    def documents(self, count):
        """The next documents; any other event fails."""
        found = []
        while len(found) < count:
            event = self.event()
            assert event.name == "document", event
            found.append(event.json()["document"])
        return found

    def rest(self):
        """All events until the stream ends or breaks."""
        events = []
        try:
            while True:
                events.append(self.next())
        except (Ended, ConnectionResetError):
            return events

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
