"""One long body of numbered documents, sent while Redis suffers faults, and sent again as the contract says: after a 503,
507 or a broken connection, unchanged, if it has an Idempotency-Key.

    load = BulkLoad(collector, lines=5000, key="load-1").start()
    load.wait_acknowledged(500)      # so many further lines are on their way
    ...break something, and repair it...
    load.stop()                      # the body ends, after `lines` lines at least, and is answered with 200
    load.result                      # that answer"""

import json
import select
import threading
import time
import zlib

from .bulk import NDJSON, PATH
from .deadline import wait_until
from .http_client import ConnectionEnded, RawConnection, request_bytes

PIECE_LINES = 100


class BulkLoad:
    """`rate` limits the lines per second; None means no limit. `packed` compresses the body."""

    def __init__(self, collector, connections=1, lines=1000, key=None, rate=2000, packed=False):
        self.collector, self.lines, self.key, self.rate, self.packed = collector, lines, key, rate, packed
        self.sent = 0  # lines, across all attempts
        self.line = 0  # the last line of the present attempt
        self.furthest = 0  # of any attempt
        self.events = []  # the faults, and where the body was then
        self.count = None  # lines of the body, once it has ended
        self.attempts, self.result, self.failed = 0, None, []
        self.overstated = []  # (storedThrough, number of a line up to there that is not stored)
        self.read_stored = None  # returns the numbers of all stored documents
        self.seconds = 0.0
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        assert connections

    # --- For the test ------------------------------------------------------------------------

    def start(self):
        self._thread.start()
        return self

    def wait_acknowledged(self, more, seconds=60.0):
        """Waits until `more` further lines are sent. The name is the one that Site calls, although only the response
        acknowledges lines."""
        goal = self.sent + more
        wait_until(lambda: self.sent >= goal or not self._thread.is_alive(), self.describe, seconds + more / 1000)
        assert self.sent >= goal, self.describe()

    def stop(self, seconds=180.0):
        self._ends.set()
        wait_until(lambda: not self._thread.is_alive(), self.describe, seconds)

    def place(self):
        return f"line {self.line} of attempt {self.attempts}"

    def describe(self):
        return (f"{self.sent} lines sent in {self.attempts} attempts, result {self.result}, failures {self.failed[-3:]}\n"
                f"{self.collector.child.tail()}")

    # --- The body ----------------------------------------------------------------------------

    def _work(self):
        begin = time.monotonic()
        while self.result is None and (self.key or self.attempts == 0):
            self.attempts += 1
            try:
                answer = self._send()
            except (OSError, ConnectionEnded) as error:
                self.failed.append((None, str(error)))
                continue
            if answer.status == 200:
                self.result = answer.json()
            else:
                self._note_failure(answer)
        self.seconds = time.monotonic() - begin

    def _note_failure(self, answer):
        problem = answer.json()
        self.failed.append((answer.status, problem.get("storedThrough"), problem["detail"]))
        if "storedThrough" in problem and self.read_stored:
            stored, through = self.read_stored(), problem["storedThrough"]
            self.overstated += [(through, n) for n in range(1, through + 1) if n not in stored][:3]
        time.sleep(float(answer.header("Retry-After", 1)))

    def _send(self):
        headers = {**NDJSON, "Transfer-Encoding": "chunked"}
        if self.key:
            headers["Idempotency-Key"] = self.key
        if self.packed:
            headers["Content-Encoding"] = "gzip"
        connection = RawConnection(self.collector.host, self.collector.port, 120)
        try:
            connection.send(request_bytes("POST", PATH, None, headers))
            for piece in self._pieces():
                if piece and not _push(connection.socket, b"%x\r\n%b\r\n" % (len(piece), piece)):
                    break
            else:
                connection.send(b"0\r\n\r\n")
            return connection.read_answer("POST")
        finally:
            connection.close()

    def _pieces(self):
        if not self.packed:
            yield from self._lines()
            return
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        for text in self._lines():
            yield packer.compress(text)
        yield packer.flush()

    def _lines(self):
        first, begin = 1, time.monotonic()
        while self.count is None or first <= self.count:
            last = first + PIECE_LINES - 1 if self.count is None else min(first + PIECE_LINES - 1, self.count)
            yield b"".join(b'{"n":%d}\n' % n for n in range(first, last + 1))
            self.sent += last - first + 1
            self.line, self.furthest = last, max(self.furthest, last)
            if self._ends.is_set() and self.count is None and last >= max(self.lines, self.furthest):
                self.count = last
            first = last + 1
            if self.rate:
                time.sleep(max(0.0, begin + last / self.rate - time.monotonic()))


def _push(sock, data):
    """False: the server has answered or closed the connection before the end of the body."""
    view = memoryview(data)
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLOUT)
    while view:
        events = poll.poll(120_000)
        assert events, "the server reads nothing"
        if events[0][1] & select.POLLIN:
            return False
        view = view[sock.send(view):]
    return True


def number_of(value):
    """The number of a stored document."""
    return json.loads(value)["n"]
