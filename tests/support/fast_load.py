"""A load at full rate: one thread with non-blocking sockets, each of which posts again once it gets a response.

It keeps the same record as Load, at thousands of requests a second."""

import json
import select
import socket
import threading
import time

from .http_client import request_bytes
from .load import Load


class FastLoad(Load):
    """with FastLoad(collector, connections=64) as load: ...

    Each document is as long as Load's; only the responses limit the rate."""

    def __init__(self, collector, connections=64, path="/v1/documents", pad=200):
        super().__init__(collector, connections=0, path=path, pad=pad)
        self._posts = [_Post() for _ in range(connections)]
        self._poll = select.epoll()
        self._threads = [threading.Thread(target=self._loop, daemon=True)]

    def _loop(self):
        posts = {}
        for post in self._posts:
            self._connect(post)
            posts[post.socket.fileno()] = post
            self._send(post)
        while any(post.marker for post in posts.values()):
            for number, _ in self._poll.poll(0.1):
                post = posts.pop(number)
                self._read(post)
                if not post.marker:
                    self._send(post)
                posts[post.socket.fileno()] = post
            self._expire(posts)
        for post in posts.values():
            post.socket.close()
        self._poll.close()

    def _connect(self, post):
        post.socket = socket.create_connection((self.collector.host, self.collector.port), timeout=10)
        post.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        post.buffer = b""
        self._poll.register(post.socket, select.EPOLLIN)

    def _send(self, post):
        index = self._take()
        if index is None:
            return
        post.marker, post.begin = f"{self.run}-{index}", time.monotonic()
        # A request of a few hundred bytes always fits.
        post.socket.sendall(request_bytes("POST", self.path, {"marker": post.marker, "pad": self.pad}))

    def _read(self, post):
        try:
            data = post.socket.recv(65536)
        except OSError as error:
            self._fail(post, str(error))
            return
        if not data:
            self._fail(post, "closed")
            return
        post.buffer += data
        head, blank, body = post.buffer.partition(b"\r\n\r\n")
        if not blank:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(body) < length:
            return
        post.buffer = body[length:]
        status = int(head[9:12])
        if status == 201:
            self._note(post, key=json.loads(body[:length])["key"])
        else:
            self._note(post, status=status, reason=body[:200].decode("utf-8", "replace"))

    def _note(self, post, key=None, status=None, reason=""):
        now = time.monotonic()
        with self._lock:
            self.latencies.append(now - post.begin)
            if key:
                self.acknowledged[key] = post.marker
            else:
                self.failed.append((post.marker, status, reason))
        post.marker = None

    def _fail(self, post, reason):
        post.socket.close()
        if post.marker:
            self._note(post, reason=reason)
        self._connect(post)

    def _expire(self, posts):
        now = time.monotonic()
        for post in list(posts.values()):
            if post.marker and now - post.begin > self.timeout:
                del posts[post.socket.fileno()]
                self._fail(post, "no answer")
                posts[post.socket.fileno()] = post


class _Post:
    """A connection and its pending request."""

    def __init__(self):
        self.socket, self.buffer, self.marker, self.begin = None, b"", None, 0.0
