"""A bounded load: N keep-alive connections post documents, each with a marker, and record Collector's responses.
Afterwards `count` compares the record with the content of Redis."""

import json
import threading
import time
import uuid
from collections import Counter

from .deadline import wait_until
from .http_client import Client, ConnectionEnded


class Load:
    """with Load(collector, connections=8) as load: ...break something...; result = load.count(client)

    `rate` limits the requests per second across all connections; the load ends after `requests` requests."""

    def __init__(self, collector, connections=8, path="/v1/documents", rate=400, requests=None, pad=200,
                 headers=None, timeout=60.0):
        self.collector, self.path, self.timeout = collector, path, timeout
        self.run = uuid.uuid4().hex[:8]
        self.pad = "x" * pad
        self.headers = headers or {}
        self.limit = requests
        self._pause = connections / rate
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._sent = 0
        self.acknowledged = {}  # key -> marker
        self.failed = []  # (marker, status or None, reason)
        self.latencies = []
        self._threads = [threading.Thread(target=self._work, args=(n,), daemon=True) for n in range(connections)]

    # --- Run ---------------------------------------------------------------------------------

    def start(self):
        for thread in self._threads:
            thread.start()
        return self

    def stop(self, seconds=60.0):
        """Sends no new requests and waits for the responses to pending ones."""
        self._stop.set()
        wait_until(lambda: not any(thread.is_alive() for thread in self._threads),
                   lambda: f"the end of the load\n{self.collector.child.tail()}", seconds)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def answered(self):
        with self._lock:
            return len(self.acknowledged) + len(self.failed)

    def wait_acknowledged(self, more, seconds=30.0):
        """Waits until `more` further documents are acknowledged."""
        with self._lock:
            goal = len(self.acknowledged) + more
        wait_until(lambda: len(self.acknowledged) >= goal,
                   lambda: f"{more} more acknowledged documents\n{self.table()}\n{self.collector.child.tail()}", seconds)

    def join(self, seconds=60.0):
        """Waits until all `requests` are answered."""
        wait_until(lambda: not any(thread.is_alive() for thread in self._threads),
                   lambda: f"the end of the load\n{self.table()}", seconds)

    def _take(self):
        with self._lock:
            if self._stop.is_set() or (self.limit is not None and self._sent >= self.limit):
                return None
            self._sent += 1
            return self._sent

    def _work(self, number):
        client = Client(self.collector.host, self.collector.port, self.timeout)
        due = time.monotonic() + self._pause * number / max(1, len(self._threads))
        while True:
            # This sleep paces the load; it does not wait for an event.
            self._stop.wait(max(0.0, due - time.monotonic()))
            due = max(due + self._pause, time.monotonic() - 1.0)
            index = self._take()
            if index is None:
                break
            self._post(client, f"{self.run}-{index}")
        client.close()

    def _post(self, client, marker):
        begin = time.monotonic()
        status, reason, key = None, "", None
        try:
            answer = client.post(self.path, {"marker": marker, "pad": self.pad}, self.headers)
            status = answer.status
            if status in (200, 201):
                key = answer.json()["key"]
            else:
                reason = answer.body[:200].decode("utf-8", "replace")
        except (ConnectionEnded, OSError, AssertionError) as error:
            reason = f"{type(error).__name__}: {error}"[:200]
            # If nothing listens, wait a little before the next attempt.
            self._stop.wait(0.02)
        took = time.monotonic() - begin
        with self._lock:
            self.latencies.append(took)
            if key:
                self.acknowledged[key] = marker
            else:
                self.failed.append((marker, status, reason))

    # --- Result ------------------------------------------------------------------------------

    def count(self, *clients, prefix=""):
        """Compares the record with what one or more Redis servers hold together."""
        return Result(self, stored_markers(clients, prefix))

    def table(self):
        failures = Counter((status, reason[:90]) for _, status, reason in self.failed)
        lines = [f"  acknowledged {len(self.acknowledged)}, failed {len(self.failed)}, "
                 f"longest wait {max(self.latencies, default=0):.3f} s"]
        lines += [f"    {count} x {status or 'no answer'} {reason}" for (status, reason), count in failures.items()]
        return "\n".join(lines)


class Result:
    """The fate of a load's documents."""

    def __init__(self, load, stored):
        self.load = load
        keys = {key for key, _ in stored}
        of_run = [(key, marker) for key, marker in stored if str(marker).startswith(load.run)]
        per_marker = Counter(marker for _, marker in {(key, marker) for key, marker in of_run})
        self.acknowledged = len(load.acknowledged)
        self.failed = len(load.failed)
        self.stored = len({key for key, _ in of_run})
        self.lost = [key for key in load.acknowledged if key not in keys]
        self.doubled = [marker for marker, count in per_marker.items() if count > 1]
        self.longest = max(load.latencies, default=0.0)

    def __str__(self):
        return (f"{self.load.table()}\n  stored {self.stored}, lost {len(self.lost)}, doubled {len(self.doubled)}"
                f"{'; lost: ' + ', '.join(self.lost[:5]) if self.lost else ''}"
                f"{'; doubled: ' + ', '.join(self.doubled[:5]) if self.doubled else ''}")

    def assert_nothing_lost(self):
        assert self.acknowledged > 0, f"nothing was acknowledged\n{self}"
        assert not self.lost and not self.doubled, f"\n{self}\n{self.load.collector.child.tail()}"

    def assert_perfect(self):
        """Asserts that no request failed and that no document was lost or doubled."""
        self.assert_nothing_lost()
        assert self.failed == 0, f"\n{self}\n{self.load.collector.child.tail()}"


def stored_markers(clients, prefix=""):
    """Returns [(key without prefix, marker)] of all documents in these servers."""
    found = []
    for client in clients:
        keys = [key for key in client.scan_iter(match=f"{prefix}*", count=1000) if b"collector:" not in key]
        for start in range(0, len(keys), 500):
            part = keys[start:start + 500]
            with client.pipeline(transaction=False) as pipe:  # no MGET, because a Cluster's keys are in many slots
                for key in part:
                    pipe.get(key)
                values = pipe.execute()
            for key, value in zip(part, values):
                if value is not None:
                    name = key.decode()[len(prefix):]
                    found.append((name, json.loads(value).get("marker")))
    return found
