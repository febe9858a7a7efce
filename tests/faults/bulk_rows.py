"""Faults in the middle of one long body: the rows of tests/faults/bulk."""

from functools import partial
from typing import Callable, NamedTuple

from support import scenarios
from support.bulk_faults import away, play
from support.places import DURABLE, Clustered, Standalone, Watched

LINES_PER_SECOND = 20_000


class Row(NamedTuple):
    """A body, the Redis servers that it may go to, and the faults in their order."""
    name: str
    places: Callable
    faults: list
    options: dict = {}

    def play(self, lines, valkey):
        """Runs the row and returns the Outcome. `valkey` is the path of a server that has WAITAOF."""
        rate = min(LINES_PER_SECOND, max(1000, lines // 4))
        return play(lines, self.places(valkey), self.faults, rate=rate, **self.options)


KILLED = [scenarios.killed, scenarios.killed, partial(away, seconds=5)]

ROWS = [
    Row("Redis killed three times, once for longer than the hold time; binding swapped, primary failed over, swapped back",
        lambda _: [Standalone(**DURABLE), Watched()],
        [*KILLED, scenarios.swapped, scenarios.failed_over, scenarios.swapped],
        {"key": "bulk-1", "hold_time": "2s", "may_refuse": True}),
    Row("the same, gzipped", lambda _: [Standalone(**DURABLE), Watched()],
        [*KILLED, scenarios.swapped, scenarios.failed_over, scenarios.swapped],
        {"key": "bulk-2", "hold_time": "2s", "may_refuse": True, "packed": True}),
    Row("no kill and no Idempotency-Key: binding swapped, primary failed over, swapped back",
        lambda _: [Standalone(**DURABLE), Watched()],
        [scenarios.swapped, scenarios.failed_over, scenarios.swapped]),
    Row("Sentinel, --ack=replica:1: primary killed", lambda _: [Watched()], [scenarios.primary_killed],
        {"key": "bulk-3", "ack": "replica:1"}),
    Row("Cluster, no Idempotency-Key: failover of each master, slots move", lambda _: [Clustered()],
        [scenarios.masters_relieved, scenarios.resharded]),
    Row("Cluster, --ack=replica:1: master killed", lambda _: [Clustered(replicas=2)], [scenarios.master_killed],
        {"key": "bulk-4", "ack": "replica:1"}),
    Row("--ack=fsync: killed three times", lambda valkey: [Standalone(program=valkey, **DURABLE)],
        [scenarios.killed] * 3, {"key": "bulk-5", "ack": "fsync"}),
]
