"""A reader that follows the list with a cursor while documents arrive, and records all keys that it receives."""

import threading
import time
from collections import Counter

from .deadline import wait_until
from .http_client import Client, ConnectionEnded


class CursorReader:
    """with CursorReader(collector) as reader: ...; reader.assert_has(load.acknowledged)"""

    def __init__(self, collector, limit=200):
        self.collector, self.limit = collector, limit
        self.seen = Counter()
        self.problems = []
        self._cursor = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        wait_until(lambda: not self._thread.is_alive(), "the end of the reader", 60)

    def _work(self):
        client = Client(self.collector.host, self.collector.port, 60.0)
        while not self._stop.is_set():
            try:
                if not self._read(client):
                    time.sleep(0.02)
            except ConnectionEnded:
                client.close()
        client.close()

    def _read(self, client):
        """Reads one page. Returns True if there are more."""
        answer = client.get(f"/v1/documents?limit={self.limit}" + (f"&cursor={self._cursor}" if self._cursor else ""))
        if answer.status == 503:
            return False
        if answer.status != 200:
            self.problems.append(answer)
            self._stop.set()
            return False
        page = answer.json()
        self.seen.update(entry["key"] for entry in page["documents"])
        self._cursor = page["next"]
        return page["more"]

    def assert_has(self, keys, seconds=20):
        """Waits until all keys have been seen. Returns how many were seen more than once."""
        def missing():
            return set(keys) - set(self.seen)
        wait_until(lambda: self.problems or not missing(),
                   lambda: f"{len(missing())} of {len(keys)} documents that the reader missed", seconds)
        assert not self.problems, self.problems
        return sum(count > 1 for count in self.seen.values())
