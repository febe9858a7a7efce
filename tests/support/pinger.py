"""Starts Pinger for tests, and a Collector stub that fails on command."""

import contextlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .collector import parse_metrics
from .deadline import wait_until
from .ports import reserve_port
from .program import Program, flags_of


class Pinger(Program):
    """Pinger(stub, batch_time="100ms", env={...}): keyword arguments are flags; without a collector no address is
    given."""

    name = "pinger"

    def __init__(self, collector=None, env=None, arguments=(), listening=True, classic_port=False,
                 descriptors=None, **flags):
        words = [] if classic_port else ["--listen", "127.0.0.1:0"]
        if collector is not None:
            words += ["--collector-url", collector if isinstance(collector, str) else collector.url]
        super().__init__([*words, *flags_of(flags), *arguments], env, descriptors=descriptors, listening=listening)

    def get(self, path="/", headers=None):
        with self.client() as client:
            return client.get(path, headers)

    def metrics(self):
        return parse_metrics(self.get("/metrics").text)

    def delivery(self):
        return self.get("/readyz").json()["delivery"]


@contextlib.contextmanager
def started_pingers():
    """Yields start(collector, **flags), and closes what it has started, newest first."""
    started = []

    def start(*arguments, **options):
        options.setdefault("batch_time", "50ms")
        started.append(Pinger(*arguments, **options))
        return started[-1]
    yield start
    for pinger in reversed(started):
        pinger.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):  # pylint: disable=invalid-name
        stub = self.server.stub
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, headers, pause = stub.take(self.path, dict(self.headers.items()), body)
        if pause:
            stub.closing.wait(pause)
        if status == 0:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {"Content-Length": "2", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(b"{}")
        except OSError:
            pass  # Pinger did not wait for it

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


class _Server(ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):  # pylint: disable=arguments-differ
        pass  # a client that disconnects does not fail the test

    def process_request(self, request, client_address):
        self.stub.sockets.append(request)
        super().process_request(request, client_address)


class StubCollector:
    """Records each `POST /` and responds as the test chooses.

    status: 0 closes the connection without a response. pause: seconds before the response."""

    def __init__(self, tls_context=None, host="127.0.0.1", port=None):
        self.status, self.headers, self.pause = 200, {}, 0.0
        self.requests = []  # all attempts: (path, headers, body as JSON, status)
        self.sockets = []
        self.closing = threading.Event()
        self.host, self.port = host, port or reserve_port()
        self._tls_context = tls_context
        self._lock = threading.Lock()
        self._server = None
        self.start()

    @property
    def url(self):
        return f"{'https' if self._tls_context else 'http'}://{self.host}:{self.port}"

    def start(self):
        """Listens (again) on the same port."""
        self.closing.clear()
        self._server = _Server((self.host, self.port), _Handler)
        if self._tls_context:
            self._server.socket = self._tls_context.wrap_socket(self._server.socket, server_side=True)
        self._server.stub = self
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        """Behaves like a killed process: nothing listens, and open connections are closed."""
        if not self._server:
            return
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        for one in self.sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.sockets = []

    def take(self, path, headers, body):
        with self._lock:
            self.requests.append((path, headers, json.loads(body), self.status))
            return self.status, self.headers, self.pause

    def records(self):
        """The records of batches answered with 200, each batch once, in order of arrival."""
        with self._lock:
            taken = {}
            for _, headers, body, status in self.requests:
                if status == 200:
                    taken.setdefault(headers["Idempotency-Key"], body["logs"])
            return [record for logs in taken.values() for record in logs]

    def urls(self):
        return [record["req"]["url"] for record in self.records() if "req" in record]

    def attempts(self):
        with self._lock:
            return len(self.requests)

    def wait_records(self, count, seconds=10.0):
        wait_until(lambda: len(self.records()) >= count, lambda: f"{count} records; there are {len(self.records())}",
                   seconds)
        return self.records()

    def wait_attempts(self, count, seconds=10.0):
        wait_until(lambda: self.attempts() >= count, lambda: f"{count} attempts; there are {self.attempts()}", seconds)
