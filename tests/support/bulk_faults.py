"""Faults in the middle of one long body, and what becomes of its lines.

    outcome = play(3000, [Standalone(**DURABLE)], [scenarios.killed] * 3, key="load-1")
    assert not outcome.problems(), outcome"""

import json
import uuid
from functools import partial

from . import feed
from .bulk import PATH
from .bulk_load import BulkLoad, number_of
from .deadline import wait_until
from .random_faults import name_of
from .site import Site

HEAD = ("body", "lines", "acknowledged", "lost", "failed", "doubled", "not listed", "listed twice", "attempts", "seconds",
        "verdict")


def away(site, seconds):
    """kill -9, and a restart after `seconds`."""
    site.server.kill()
    site.lasts(seconds)
    site.server.start()


def play(lines, places, faults, key=None, rate=2000, packed=False, may_refuse=False, **flags):
    """Sends a body of at least `lines` lines, and injects each fault after an equal share of them. With `may_refuse`,
    Collector may end the body with 503, because Redis is away for longer than the hold time. Returns the Outcome."""
    load = partial(BulkLoad, lines=lines, key=key, rate=rate, packed=packed)
    with Site(*places, load=load, **flags) as site:
        site.load.read_stored = lambda: read_all(site)
        for fault in faults:
            site.more(lines // (len(faults) + 1))
            begin = site.load.place()
            fault(site)
            site.load.events.append(f"{name_of(fault)} from {begin} to {site.load.place()}")
        site.more(lines // (len(faults) + 1))
        site.load.stop(180 + lines / 1000)
        return Outcome(site, may_refuse)


# --- What Redis has --------------------------------------------------------------------------------------

def servers_of(place):
    """The servers that have the documents of a place."""
    if hasattr(place, "cluster"):
        return place.cluster.masters()
    return [place.group.primary()] if hasattr(place, "group") else place.servers


def read_place(place):
    """Yields (number, key) of each document."""
    for server in servers_of(place):
        wait_until(server.running, "a server that runs", 60)
        server.wait_ready(60)
        with server.client() as client:
            keys = [key for key in client.scan_iter(count=10_000) if len(key) == 36 and b":" not in key]
            for first in range(0, len(keys), 1000):
                part = keys[first:first + 1000]
                pipeline = client.pipeline(transaction=False)
                for key in part:
                    pipeline.get(key)
                for key, value in zip(part, pipeline.execute()):
                    yield number_of(value), uuid.UUID(key.decode()).bytes


FEED_PART = "return redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', 1000)"


def read_feed(place):
    """The keys in the feed of a place that Collector does not use now, so that it cannot list them."""
    for server in servers_of(place):
        with server.client() as client:
            for stream in feed.streams(client):
                begin = "-"
                while part := client.eval(FEED_PART, 1, stream, begin):
                    begin = b"(" + part[-1][0]
                    for _, fields in part:
                        yield from (uuid.UUID(value.decode()).bytes
                                    for name, value in zip(fields[::2], fields[1::2]) if name == b"k")


def read_all(site):
    """The numbers of all documents of all places."""
    return {number for place in site.places for number, _ in read_place(place)}


def read_list(collector):
    """The keys in an export, in order."""
    with collector.client(timeout=600) as client:
        answer = client.get(f"{PATH}?end=true", {"Accept": "application/x-ndjson"})
    rows = answer.body.splitlines()
    assert json.loads(rows.pop())["end"]["count"] == len(rows)
    return [uuid.UUID(json.loads(row)["key"]).bytes for row in rows]


class Outcome:
    """The fate of each line."""

    def __init__(self, site, may_refuse):
        load = site.load
        self.lines, self.attempts, self.seconds = load.count or load.lines, load.attempts, load.seconds
        self.result, self.refusals, self.overstated = load.result, load.failed, load.overstated
        self.events = load.events
        self.acknowledged = self.result["stored"] if self.result else 0
        self.failed = self.result["failed"] if self.result else self.lines
        self.may_refuse, self.log = may_refuse, site.collector.child.tail()
        self.twice_max = self.lines // 50 if site.may_list_twice else 0
        self._count(site)

    def _count(self, site):
        keys, doubled, fed, listed = {}, set(), set(), read_list(site.collector)
        for place in site.places:
            doubled.update(number for number, key in read_place(place) if keys.setdefault(number, key) != key)
            fed.update(listed if place is site.place else read_feed(place))
        self.listed_twice = len(listed) - len(set(listed))
        # A document that was on its way to one Redis when the binding changed is acknowledged, and listed, by the other.
        self.missing = len(set(keys.values()) - fed)
        self.lost = [number for number in range(1, self.lines + 1) if number not in keys] if self.result else []
        self.foreign = [number for number in keys if not 1 <= number <= self.lines]
        self.doubled = sorted(doubled)

    def problems(self):
        found = [f"{what}: {numbers[:5]}" for what, numbers in
                 (("lost", self.lost), ("doubled", self.doubled), ("not of this body", self.foreign),
                  ("storedThrough too large", self.overstated)) if numbers]
        if self.failed or self.acknowledged != self.lines:
            found.append(f"{self.failed} failed, {self.acknowledged} acknowledged: {self.result}")
        if self.missing:
            found.append(f"{self.missing} not listed")
        if self.listed_twice > self.twice_max:
            found.append(f"{self.listed_twice} listed twice")
        if self.refusals and not self.may_refuse:
            found.append(f"refused: {self.refusals[0]}")
        if self.may_refuse and not self.refusals:
            found.append("no body was refused, so the fault had no effect")
        return found

    def line(self, name):
        """A line of the table."""
        cells = (name, self.lines, self.acknowledged, len(self.lost), self.failed, len(self.doubled), self.missing,
                 self.listed_twice, self.attempts, f"{self.seconds:.0f}", "; ".join(self.problems()) or "as it should be")
        return "| " + " | ".join(str(cell) for cell in cells) + " |"

    def __str__(self):
        lost = f"lines {self.lost[0]} to {self.lost[-1]} are lost\n" if self.lost else ""
        return "\n".join([lost, str(self.problems()), str(self.refusals), *self.events, self.log])

