"""A client that follows the stream in the background and records what it receives."""

import threading
from collections import Counter

from .deadline import wait_until
from .event_stream import Ended, EventStream


class Follower:
    """with Follower(program) as follower: ...; follower.assert_has(load.acknowledged)

    With several programs it disconnects after every `hop` documents and continues at the next one with the id of its last
    event."""

    def __init__(self, *programs, hop=None):
        self.keys, self.others = [], []  # in the order of their events; `others` has (name, data) of other events
        self.problem = None
        self._programs, self._hop = programs, hop
        self._stream = EventStream(programs[0])
        self._stops = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stops.set()
        wait_until(self._has_ended, "the end of the follower", 60)
        self._stream.close()

    def _has_ended(self):
        self._stream.interrupt()  # perhaps the thread has just opened another one
        return not self._thread.is_alive()

    def _work(self):
        try:
            while not self._stops.is_set():
                self._take(self._stream.event())
        except (Ended, OSError, AssertionError) as error:
            self.problem = None if self._stops.is_set() else error

    def _take(self, event):
        if event.name != "document":
            self.others.append((event.name, event.json()))
            return
        self.keys.append(event.json()["key"])
        if self._hop and len(self.keys) % self._hop == 0:
            program = self._programs[len(self.keys) // self._hop % len(self._programs)]
            self._stream.close()
            self._stream = EventStream(program, last_event_id=self._stream.last_id)

    def missing(self, keys):
        return set(keys) - set(self.keys)

    def assert_has(self, keys, streams=(), seconds=20):
        """Waits until the follower has all keys. `streams` are the lists of keys in the feed: the follower may get a
        document twice only if the document is in two entries, and must get the documents of each stream in their
        order."""
        wait_until(lambda: self.problem or not self.missing(keys),
                   lambda: f"{len(self.missing(keys))} of {len(keys)} documents that the follower missed", seconds)
        assert not self.problem, repr(self.problem)
        listed = Counter(key for stream in streams for key in stream)
        more = {key: count for key, count in Counter(self.keys).items() if count > max(1, listed[key])}
        assert not more, f"{len(more)} too often: {list(more)[:3]}"
        place = {key: number for number, key in enumerate(self.keys)}
        for stream in streams:
            seen = [place[key] for key in stream if key in place and listed[key] == 1]
            assert seen == sorted(seen)
