"""HTTP/1.1 by hand: a raw connection that can misbehave, and a keep-alive client."""

import json
import select
import socket
import struct
import time

from .deadline import PATIENCE


class ConnectionEnded(AssertionError):
    """The server closed or reset the connection instead of answering."""


class Answer:
    """One response as received."""

    def __init__(self, status, headers, body, interim):
        self.status, self.headers, self.body, self.interim = status, headers, body, interim

    def header(self, name, default=None):
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else default

    @property
    def media_type(self):
        return (self.header("content-type") or "").split(";")[0].strip().lower()

    @property
    def text(self):
        return self.body.decode("utf-8")

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:300]!r}>"


class RawConnection:
    """A TCP connection that sends raw bytes and reads responses one by one."""

    def __init__(self, host, port, timeout=15.0, receive_buffer=None):
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if receive_buffer:  # counts only before the connection exists
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout * PATIENCE)
        self.socket.connect((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)
        return self

    def send_slowly(self, data, size=1, pause=0.05):
        """Sends the data piece by piece. Returns the number of bytes sent before the server closed."""
        data = data.encode() if isinstance(data, str) else data
        for start in range(0, len(data), size):
            try:
                self.socket.sendall(data[start:start + size])
            except (BrokenPipeError, ConnectionResetError):
                return start
            if self.readable(pause):
                return start + size
        return len(data)

    def readable(self, seconds=0.0):
        """True if bytes of a response, or the end of the connection, can be read."""
        if self._buffer:
            return True
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def reset(self):
        """Resets the connection."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()

    def _more(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError as error:
            raise ConnectionEnded("reset by the server") from error
        except socket.timeout as error:
            raise AssertionError(f"no answer in time; so far: {self._buffer[:200]!r}") from error
        if not data:
            raise ConnectionEnded(f"closed by the server; so far: {self._buffer[:200]!r}")
        self._buffer += data

    def _until(self, mark):
        while mark not in self._buffer:
            self._more()
        part, _, self._buffer = self._buffer.partition(mark)
        return part

    def read_bytes(self, count):
        """Exactly so many bytes of a response."""
        while len(self._buffer) < count:
            self._more()
        part, self._buffer = self._buffer[:count], self._buffer[count:]
        return part

    def read_chunk(self):
        """The next chunk of a body; b"" after the last one and its trailers."""
        size = int(self._until(b"\r\n").split(b";")[0], 16)
        if size == 0:
            while self._until(b"\r\n"):
                pass
            return b""
        chunk = self.read_bytes(size)
        assert self.read_bytes(2) == b"\r\n"
        return chunk

    def read_head(self):
        """Returns (status, header fields) of the next response."""
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, status, *_ = head[0].split(" ", 2)
        assert version in ("HTTP/1.1", "HTTP/1.0"), head[0]
        headers = []
        for line in head[1:]:
            name, colon, value = line.partition(":")
            assert colon and name == name.strip(), f"a bad header line: {line!r}"
            headers.append((name, value.strip()))
        return int(status), headers

    def read_answer(self, method="GET"):
        """Returns the next response. Collects interim responses (100) in `interim`."""
        interim = []
        status, headers = self.read_head()
        while 100 <= status < 200:
            interim.append(status)
            status, headers = self.read_head()
        lower = {name.lower(): value for name, value in headers}
        if method == "HEAD" or status in (204, 304):
            body = b""
        elif "chunked" in lower.get("transfer-encoding", ""):
            body = b"".join(iter(self.read_chunk, b""))
        elif "content-length" in lower:
            body = self.read_bytes(int(lower["content-length"]))
        else:
            body = self.read_rest()
        return Answer(status, headers, body, interim)

    def read_rest(self):
        """Reads everything until the server closes."""
        try:
            while True:
                self._more()
        except ConnectionEnded:
            rest, self._buffer = self._buffer, b""
            return rest

    def has_more(self, seconds):
        """True if bytes arrive within `seconds`, or have arrived."""
        return bool(self._buffer) or bool(select.select([self.socket], [], [], seconds)[0])

    def ended(self, seconds=10.0):
        """True if the server closes the connection within `seconds` and sends nothing more."""
        self.socket.settimeout(seconds * PATIENCE)
        try:
            return not self._buffer and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def request_bytes(method, path, body=None, headers=None, host="localhost"):
    """A request as bytes. A dict as the body is sent as JSON."""
    fields = {"Host": host}
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    if body is not None:
        fields["Content-Length"] = str(len(body))
        if not any(name.lower() == "content-type" for name in headers or {}):
            fields["Content-Type"] = "application/json"
    for name, value in (headers or {}).items():
        if value is None:
            fields.pop(name, None)
        else:
            fields[name] = value
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + (body or b"")


class Client:
    """Keeps one connection, and opens a new one if the server closed it between requests. `on_answer(method, path,
    answer)` is called with each response."""

    def __init__(self, host, port, timeout=45.0, on_answer=None):
        self.host, self.port, self.timeout, self.on_answer = host, port, timeout, on_answer
        self.connection = None

    def request(self, method, path, body=None, headers=None):
        data = request_bytes(method, path, body, headers, f"{self.host}:{self.port}")
        # Bytes, or the end, before a request mean that the server has abandoned the connection.
        if self.connection and self.connection.readable():
            self.close()
        if not self.connection:
            self.connection = RawConnection(self.host, self.port, self.timeout)
        try:
            try:
                self.connection.send(data)
            except OSError:
                pass  # an early refusal may still be waiting to be read
            answer = self.connection.read_answer(method)
        except BaseException:
            self.close()
            raise
        if (answer.header("connection") or "").lower() == "close":
            self.close()
        if self.on_answer:
            self.on_answer(method, path, answer)
        return answer

    def get(self, path, headers=None):
        return self.request("GET", path, None, headers)

    def head(self, path, headers=None):
        return self.request("HEAD", path, None, headers)

    def delete(self, path, headers=None):
        return self.request("DELETE", path, None, headers)

    def post(self, path, body, headers=None):
        return self.request("POST", path, body, headers)

    def put(self, path, body, headers=None):
        return self.request("PUT", path, body, headers)

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def timed(call, *arguments, **named):
    """Returns (seconds, result) of a call."""
    begin = time.monotonic()
    result = call(*arguments, **named)
    return time.monotonic() - begin, result
