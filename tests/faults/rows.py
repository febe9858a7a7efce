"""The rows of the table: each names a fault, where it happens, and the acceptable results."""

from functools import partial

from support import scenarios
from support.fast_load import FastLoad
from support.hostile_play import play_hostile
from support.places import DURABLE, Beside, Clustered, Encrypted, Named, Standalone, Watched

# Short timeouts, so that a fault can outlast them within a few seconds.
SHORT = {"stall_timeout": "1s", "connect_timeout": "1s"}

BUSY = {"connections": 32, "rate": 2000}
# As many as possible: the more documents are in flight, the more a dying primary loses.
FULL = {"connections": 64, "load": FastLoad, "between": 5000}


def durable(**options):
    return Standalone(**DURABLE, **options)


class Row:
    """`places` creates the Redis servers that the fault affects; the other arguments go to scenarios.play."""

    def __init__(self, name, fault, places=lambda: [durable()], **play):
        self.name, self.fault, self.places, self.play_options = name, fault, places, play

    def play(self):
        return scenarios.play(self.fault, *self.places(), **self.play_options)


class HostileRow:
    """A Redis that stores documents correctly but sends arbitrary replies."""

    def __init__(self, name, seed, seconds):
        self.name, self.seed, self.seconds = name, seed, seconds

    def play(self):
        return play_hostile(self.seed, self.seconds)


def swapped_at_full_rate(site, slowest=1.0):
    """Changes the binding while 64 connections send at full rate. `make bench-swap` measures how that affects the
    rate."""
    pid = site.collector.pid
    scenarios.swapped(site)
    assert site.collector.running() and site.collector.pid == pid
    site.limit(slowest)


ROWS = [
    # The server
    Row("Redis killed (-9), appendfsync always, 3 times", scenarios.killed, times=3),
    Row("Redis reads its data first (LOADING)", scenarios.loading, between=600),
    Row("SIGSTOP, shorter than the stall time", partial(scenarios.stopped, seconds=2.5)),
    Row("SIGSTOP, longer than the stall time", partial(scenarios.stopped, seconds=4.0), **SHORT),
    Row("primary becomes read-only, then is promoted again", scenarios.demoted, times=2),
    Row("coordinated FAILOVER, the address moves along", scenarios.handed_over),
    Row("out of memory for 1 s", scenarios.out_of_memory, allowed=scenarios.OUT_OF_MEMORY),
    # The network
    Row("network slow (100 ms each way)", scenarios.slow),
    Row("network stalls for 1 s", scenarios.network_paused),
    Row("black hole", partial(scenarios.black_hole, seconds=2.0), **SHORT),
    Row("connections reset, 5 times", scenarios.reset, times=5),
    Row("connections refused for 1 s", scenarios.refused),
    *[Row(f"cut off after {count} bytes of {what}, 6 times", partial(scenarios.cut, count=count, direction=direction,
                                                                   times=6))
      for count, direction, what in ((401, "to_client", "replies"), (1003, "to_client", "replies"),
                                     (20011, "to_client", "replies"), (997, "to_server", "commands"),
                                     (7001, "to_server", "commands"), (70001, "to_server", "commands"))],
    Row("reply to SET lost, 5 times", scenarios.reply_lost, lambda: [durable(scripted=True)],
        times=5, between=50),
    Row("reply to XADD lost, 5 times", partial(scenarios.reply_lost, command="XADD"),
        lambda: [durable(scripted=True)], times=5, between=50),
    Row("impossible replies", scenarios.replies_impossible, times=2),
    HostileRow("a Redis that lies for 20 s, its answers and its handshakes", seed=7, seconds=20),
    # Writes that stall
    Row("CLIENT PAUSE WRITE for 4 s, with a stall time of 1 s", partial(scenarios.writes_paused, seconds=4.0), **SHORT),
    Row("connections closed at each write for 3 s", partial(scenarios.closed_at_writes, seconds=3.0)),
    # Limits of the server
    Row("document over client-query-buffer-limit", partial(scenarios.large_document, client_query_buffer_limit="1mb"),
        times=3, body_max="10MiB"),
    Row("document over proto-max-bulk-len", partial(scenarios.large_document, proto_max_bulk_len="1mb"), times=3,
        body_max="10MiB"),
    Row("reply over client-output-buffer-limit", scenarios.large_reply, times=3, body_max="10MiB"),
    Row("address moves to another server", scenarios.moved, lambda: [_with_standby()]),
    Row("host name moves to another server, the old one is down", scenarios.renamed, lambda: [Named(**DURABLE)]),
    # Connections
    Row("CLIENT KILL TYPE normal, 5 times", scenarios.clients_killed, times=5),
    Row("maxclients reached for 1.5 s", scenarios.clients_full),
    # Passwords
    Row("password changed in the server first", scenarios.password_in_server_first,
        lambda: [durable(requirepass="first")]),
    Row("password changed in the Secret first", scenarios.password_in_secret_first,
        lambda: [durable(requirepass="first")]),
    Row("password changed in the server, never in the Secret", scenarios.password_never_follows,
        lambda: [durable(requirepass="first")], allowed="^503 .*(credentials|WRONGPASS|NOAUTH)", hold_time="1s"),
    # TLS
    Row("TLS: certificate replaced, 3 times", scenarios.certificate_replaced, lambda: [Encrypted(**DURABLE)], times=3),
    Row("TLS: CA replaced, trusted beforehand", scenarios.authority_replaced, lambda: [Encrypted(**DURABLE)]),
    Row("TLS: CA replaced in the server first", scenarios.authority_replaced_in_server_first,
        lambda: [Encrypted(**DURABLE)]),
    # Sentinel: a primary, two replicas, three Sentinels
    Row("Sentinel: primary killed, --ack=memory", scenarios.primary_killed, lambda: [Watched()], may_lose=True, **FULL),
    Row("Sentinel: primary killed, replicas cut off 0.2 s before, --ack=memory",
        partial(scenarios.primary_killed, cut_off=0.2), lambda: [Watched()], may_lose=True, **FULL),
    Row("Sentinel: primary killed, replicas cut off 0.2 s before, --ack=replica:1",
        partial(scenarios.primary_killed, cut_off=0.2), lambda: [Watched()], ack="replica:1", **FULL),
    Row("Sentinel: primary hangs (SIGSTOP), --ack=replica:1", scenarios.primary_hangs, lambda: [Watched()],
        ack="replica:1", **BUSY),
    Row("Sentinel: FAILOVER asked for", scenarios.failed_over, lambda: [Watched()], **BUSY),
    Row("Sentinel: SENTINEL FAILOVER, subscriptions cut", scenarios.failed_over_unheard, lambda: [Watched()], **BUSY),
    # Cluster: three masters
    Row("Cluster: master killed, --ack=memory", scenarios.master_killed, lambda: [Clustered()], may_lose=True, **FULL),
    Row("Cluster: master killed, replicas cut off 0.2 s before, --ack=memory",
        partial(scenarios.master_killed, cut_off=0.2), lambda: [Clustered(replicas=2)], may_lose=True, **FULL),
    Row("Cluster: master killed, replicas cut off 0.2 s before, --ack=replica:1",
        partial(scenarios.master_killed, cut_off=0.2), lambda: [Clustered(replicas=2)], ack="replica:1", **FULL),
    Row("Cluster: CLUSTER FAILOVER of each master", scenarios.masters_relieved, lambda: [Clustered()], **BUSY),
    Row("Cluster: 100 slots and the feed's slots move", scenarios.resharded, lambda: [Clustered(replicas=0)], **BUSY),
    Row("Cluster: a master is added, and removed again", scenarios.master_added_and_removed,
        lambda: [Clustered(replicas=0)], **BUSY),
    # The binding
    Row("binding swapped, 64 connections at full rate, 6 times", swapped_at_full_rate,
        lambda: [Standalone(proxied=False), Standalone(proxied=False)], times=6, **FULL),
    Row("binding swapped, 4 times", scenarios.swapped, lambda: [durable(), durable()], times=4),
    Row("binding swapped 3 times within a second", scenarios.swapped_thrice, lambda: [durable(), durable()]),
    Row("binding swapped to a Redis behind a slow network (100 ms each way), and back", scenarios.swapped_to_slow,
        lambda: [durable(), durable()], times=2),
    Row("binding swapped: key prefix, database, both; Redis slow (100 ms each way), 6 times", scenarios.swapped_slowly,
        lambda: _beside(), times=6, **BUSY),
    Row("binding swapped to a server with another key prefix and back, both slow, 4 times", scenarios.swapped_slowly,
        lambda: [durable(), Beside(durable(), prefix="longer-prefix:")], times=4, **BUSY),
    Row("binding swapped, its connections get through one after another, 4 times", scenarios.swapped_one_by_one,
        lambda: [durable(), durable()], times=4, workers=4, **BUSY),
    Row("key prefix swapped, its connections get through one after another, --ack=replica:1, 4 times",
        partial(scenarios.swapped_one_by_one, admitted=5), lambda: _beside(replica=True), times=4, workers=2,
        ack="replica:1", **BUSY),
    Row("binding swapped when the old Redis is down", scenarios.swapped_when_gone, lambda: [durable(), durable()]),
    Row("binding missing for 1.5 s, back with another Redis", scenarios.secret_gone, lambda: [durable(), durable()]),
    Row("binding wrong for 2 s", scenarios.wrong_secret),
    *[Row(f"binding names a user without +{right} for 2 s", partial(scenarios.rights_missing, right=right))
      for right in ("xadd", "getdel")],
    Row("binding swapped, plain to TLS and back", scenarios.swapped, lambda: [durable(), Encrypted(**DURABLE)],
        times=2),
    Row("binding swapped: plain, Sentinel, Cluster, TLS, plain", scenarios.swapped,
        lambda: [durable(), Watched(), Clustered(replicas=0), Encrypted(**DURABLE)], times=4, **BUSY),
    Row("binding swapped between Cluster and plain, 6 times at full rate", scenarios.swapped,
        lambda: [Clustered(replicas=0), Standalone(proxied=False)], times=6, **FULL),
]


def _beside(replica=False):
    """Key prefixes and databases of one server."""
    place = durable()
    if replica:
        place.replica()
    return [place, Beside(place, prefix="a:"), Beside(place, database=3), Beside(place, prefix="bb:", database=1)]


def _with_standby():
    place = durable()
    place.standby()
    return place
