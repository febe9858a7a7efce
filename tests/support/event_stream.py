"""A client of GET /v1/documents/stream that shows what arrives, event by event."""

import contextlib
import json
import socket
from collections import deque

from . import described
from .http_client import Answer, ConnectionEnded, RawConnection, request_bytes


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
    """EventStream(program, "?since=0"): reads the head at once, and the rest on demand. `first`: the paths of requests that
    the connection sends before."""

    def __init__(self, program, query="", last_event_id=None, token=None, receive_buffer=None, timeout=30.0, first=()):
        self._connection = RawConnection(program.host, program.port, timeout, receive_buffer)
        for path in first:
            self._connection.send(request_bytes("GET", path, headers={"Host": "x"}))
            self._connection.read_answer()
        fields = {"Host": "x", "Accept": "text/event-stream", "Last-Event-ID": last_event_id,
                  "Authorization": f"Bearer {token}" if token else None}
        target = f"/v1/documents/stream{query}"
        self._connection.send(request_bytes("GET", target, headers=fields))
        self._text, self._blocks, self.last_id, self.is_whole = b"", deque(), None, False
        status, headers = self._connection.read_head()
        self.answer = Answer(status, headers, b"", [])
        self.status = status
        length = self.answer.header("content-length")
        self._chunked = length is None
        if length:
            self.answer.body = self._connection.read_bytes(int(length))
            self._take(self.answer.body)
        described.check("GET", target, self.answer)

    def _take(self, text):
        *blocks, self._text = (self._text + text).split(b"\n\n")
        self._blocks += blocks

    def _more(self):
        if not self._chunked:
            raise Ended("a whole answer")
        try:
            chunk = self._connection.read_chunk()
        except ConnectionEnded as error:
            raise Ended("without the last chunk") from error
        self._take(chunk)
        if not chunk:
            self.is_whole = True
            raise Ended("with the last chunk")

    def next(self):
        """The next event, comment or `retry`; raises Ended."""
        while not self._blocks:
            self._more()
        event = Event(self._blocks.popleft().decode().split("\n"))
        self.last_id = event.id or self.last_id
        return event

    def next_within(self, seconds):
        """The same, or None if nothing arrives in that time."""
        return self.next() if self._blocks or self._connection.has_more(seconds) else None

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
        except Ended:
            return events

    def interrupt(self):
        """Ends the stream for another thread that waits for an event."""
        with contextlib.suppress(OSError):  # the server has closed it
            self._connection.socket.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
