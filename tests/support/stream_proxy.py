"""A reverse proxy for Collector that mishandles GET /v1/documents/stream as some proxies do, and counts connections."""

import http.client
import socket
import struct
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

STREAM = "/v1/documents/stream"
OWN = {"connection", "transfer-encoding", "keep-alive", "content-length"}


class StreamProxy:
    """`stream` is what happens to the stream: "pass", "mute" (its bytes are swallowed), "trickle" (one to three bytes at
    a time), or bytes, which are the whole response."""

    def __init__(self, program):
        self.program, self.stream = program, "pass"
        self.requests = []  # of the stream: (target, header fields)
        self._lock, self._open, self._streams = Lock(), set(), set()
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.host, self.port = self._server.server_address
        Thread(target=self._server.serve_forever, daemon=True).start()

    def connections(self):
        """The number of open client connections."""
        with self._lock:
            return len(self._open)

    def streams(self):
        """The number of open streams."""
        with self._lock:
            return len(self._streams)

    def cut(self):
        """Resets the streams."""
        with self._lock:
            streams = list(self._streams)
        for connection in streams:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._server.shutdown()
        self.cut()
        self._server.server_close()

    def note(self, connection, is_open, of_stream=False):
        with self._lock:
            group = self._streams if of_stream else self._open
            (group.add if is_open else group.discard)(connection)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy = None

    def handle(self):
        self.proxy.note(self.connection, True)
        try:
            super().handle()
        except OSError:
            pass
        finally:
            self.proxy.note(self.connection, False)

    def do_GET(self):  # pylint: disable=invalid-name
        if self.path.split("?")[0] == STREAM:
            self.close_connection = True
            self.proxy.requests.append((self.path, dict(self.headers)))
            self.proxy.note(self.connection, True, of_stream=True)
            try:
                self._stream(self.proxy.stream)
            finally:
                self.proxy.note(self.connection, False, of_stream=True)
        else:
            self._forward()

    do_POST = do_GET

    def _forward(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        connection = http.client.HTTPConnection(self.proxy.program.host, self.proxy.program.port, timeout=30)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in OWN:
                self.send_header(name, value)
        if answer.status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, mode):
        if isinstance(mode, bytes):
            self.wfile.write(mode)
            return
        with socket.create_connection((self.proxy.program.host, self.proxy.program.port), timeout=30) as upstream:
            fields = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
            upstream.sendall(f"GET {self.path} HTTP/1.1\r\n{fields}\r\n".encode())
            Thread(target=self._watch, args=(upstream,), daemon=True).start()
            while part := upstream.recv(65536):
                self._pass_on(part, self.proxy.stream)

    def _watch(self, upstream):
        """Disconnects from Collector when the client disconnects."""
        try:
            self.connection.recv(1)
            upstream.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _pass_on(self, part, mode):
        if mode == "pass":
            self.wfile.write(part)
        elif mode == "trickle":
            at = 0
            while at < len(part):
                size = 1 + (at * 7 + len(part)) % 3
                self.wfile.write(part[at:at + size])
                at += size

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass
