"""Runs Collector under load, bound to a Redis that suffers a fault, and checks what becomes of the documents.

    with Site(Standalone(**DURABLE)) as site:
        site.more(150)
        ...break something, and repair it...
        site.more(150)
        outcome = site.finish()
    outcome.assert_met()"""

import re
import shutil
import tempfile

from .binding import BindingRoot
from .collector import Collector, metric_sum
from .deadline import stays, wait_until
from .load import Load, Result


class Site:
    """The binding can name any of `places`, and starts with the first; `flags` are passed to Collector."""

    def __init__(self, *places, load=None, connections=16, rate=400, **flags):
        self.folder = tempfile.mkdtemp(prefix="bindings-")
        self.bindings = BindingRoot(self.folder)
        self.places, self.place = list(places), places[0]
        self.may_list_twice = False  # slots have moved, so a SET may have been redirected and executed after its entry
        self.slowest = None  # the longest a request may take, in seconds; None means no limit
        self.collector = None
        try:
            self.bind()
            env = {**self.bindings.environment(), **getattr(self.place, "environment", {})}
            self.collector = Collector(env=env, **flags)
            self.collector.wait_connected(30)
            make = load or Load
            self.load = make(self.collector, connections=connections, **({} if load else {"rate": rate}))
            self.load.start()
        except BaseException:
            self.close()
            raise

    @property
    def server(self):
        return self.place.server

    @property
    def proxy(self):
        return self.place.proxy

    def bind(self, place=None, **entries):
        """Writes the address of this Redis into the Secret in the way the kubelet does."""
        self.place = place or self.place
        self.bindings.write("db", **{**self.place.entries(), **entries})

    def other(self, further=1):
        """The Redis `further` positions after the current one; after the last Redis comes the first."""
        return self.places[(self.places.index(self.place) + further) % len(self.places)]

    def generation(self):
        return metric_sum(self.collector.metrics(), "collector_binding_generation")

    def wait_switched(self, generation, seconds=30.0):
        """Waits until the binding's generation is greater than this one."""
        wait_until(lambda: self.generation() > generation,
                   lambda: f"a generation after {generation:g}\n{self.collector.child.tail()}", seconds)

    def more(self, count, seconds=60.0):
        """Waits until that many further documents are acknowledged."""
        self.load.wait_acknowledged(count, seconds)

    def limit(self, slowest):
        """Limits the duration of every request of the load."""
        self.slowest = slowest

    def lasts(self, seconds):
        """Lets a fault last; Collector must stay alive."""
        stays(self.collector.running, lambda: "Collector runs", seconds)

    def wait_held(self):
        """Waits until requests wait for Redis."""
        wait_until(lambda: metric_sum(self.collector.metrics(), "collector_held_commands") > 0, "held requests", 10)

    def log_since(self, event, count, what):
        """Waits until the log has more than `count` lines with this event."""
        wait_until(lambda: self.log_count(event) > count, lambda: f"{what}\n{self.collector.child.tail()}", 30)

    def log_count(self, event, error=""):
        """The number of log lines that have this event, and this text in their error."""
        return sum(line["event"] == event and error in line.get("error", "") for line in self.collector.log())

    def finish(self, allowed=None):
        """Ends the load and counts the documents. `allowed` is a regular expression for permitted failures."""
        self.load.stop()
        for place in self.places:
            place.settle()
        return Outcome(self, allowed)

    def close(self):
        try:
            if self.collector:
                self.collector.close()
        finally:
            for place in self.places:
                place.stop()
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.load.stop(90)
        self.close()


class Outcome:
    """The fate of a load's documents, and whether it is acceptable."""

    def __init__(self, site, allowed=None):
        load = site.load
        stored = [place.read() for place in site.places]
        self.result = Result(load, [pair for one in stored for part in one for pair in part.documents])
        self.acknowledged, self.failed = self.result.acknowledged, self.result.failed
        self.lost, self.doubled = self.result.lost, self.result.doubled
        self.longest_ms = self.result.longest * 1000
        self.slowest = site.slowest
        self.must_fail, self.may_lose = allowed is not None, False
        self.unexplained = [f"{status} {reason}" for _, status, reason in load.failed
                            if not allowed or not re.search(allowed, f"{status} {reason}")]
        self.listed_twice, listed = self._list(site)
        self.twice_max = self.acknowledged // 50 if site.may_list_twice else 0
        self.missing = self._missing(site, stored, listed)
        self.log = site.collector.child.tail()

    @staticmethod
    def _list(site):
        keys = listed_keys(site.collector)
        return len(keys) - len(set(keys)), set(keys)

    @staticmethod
    def _missing(site, stored, listed):
        """Acknowledged documents that exist in a Redis but are missing from its listing."""
        fed = {}
        for place, parts in zip(site.places, stored):
            for number, part in enumerate(parts):
                feed = listed if place is site.place and number == 0 else part.fed
                for key, _ in part.documents:
                    fed[key] = fed.get(key) or key in feed
        return [key for key in site.load.acknowledged if key in fed and not fed[key]]

    def problems(self):
        """Describes the unmet expectations."""
        found = []
        if not self.acknowledged:
            found.append("nothing acknowledged")
        if self.lost and not self.may_lose:
            found.append("lost: " + ", ".join(self.lost[:3]))
        if self.doubled:
            found.append("doubled: " + ", ".join(self.doubled[:3]))
        if self.missing and not self.may_lose:
            found.append("not listed: " + ", ".join(self.missing[:3]))
        if self.listed_twice > self.twice_max:
            found.append(f"{self.listed_twice} listed twice")
        if self.unexplained:
            found.append(f"failed: {self.unexplained[0]}")
        if self.slowest and self.longest_ms > 1000 * self.slowest:
            found.append(f"a request took {self.longest_ms:.0f} ms, more than {self.slowest:g} s")
        if self.must_fail and not self.failed:
            found.append("no request was refused, so the fault had no effect")
        return found

    def assert_met(self):
        assert not self.problems(), f"{self.problems()}\n{self.result}\n{self.log}"
        return self


def listed_keys(program):
    """The keys of the whole listing, in order."""
    keys, cursor, more = [], "", True
    with program.client() as client:
        while more:
            answer = client.get(f"/v1/documents?limit=500{cursor}")
            assert answer.status == 200, answer
            page = answer.json()
            keys += [entry["key"] for entry in page["documents"]]
            cursor, more = "&cursor=" + page["next"], page["more"]
    return keys
