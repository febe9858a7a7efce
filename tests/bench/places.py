"""Redis as a Cluster, with TLS, with a replica, or with an append-only file: each looks like one server to load.py."""

import os
import subprocess
from pathlib import Path

from servers import Collector

from support.certificates import Certificates
from support.cluster import RedisCluster
from support.deadline import wait_until
from support.redis_server import RedisServer

ROOT = Path(__file__).resolve().parents[2]


class Place:
    """Presents several Redis servers as one, with the interface that load.py needs."""

    def __init__(self, *servers, url=None, flags=(), whole=None):
        self.servers, self.flags = servers, flags
        self.url = url or servers[0].url()
        self._whole = whole or servers  # to be stopped at the end

    @property
    def pids(self):
        return [server.child.pid for server in self.servers]

    @property
    def port(self):
        return self.servers[0].port

    def clear(self):
        """Empties the servers and resets the counters."""
        for server in self.servers:
            with server.client() as client:
                client.flushall()
                client.config_resetstat()

    def calls(self, name):
        """Returns (calls, failed calls) of a command since `clear`."""
        stats = [server.client().info("commandstats").get(f"cmdstat_{name.lower()}", {}) for server in self.servers]
        return (sum(one.get("calls", 0) for one in stats),
                sum(one.get("failed_calls", 0) + one.get("rejected_calls", 0) for one in stats))

    def busiest_share(self):
        """The share of the commands since `clear` that the busiest server executed."""
        counts = [server.client().info("stats")["total_commands_processed"] for server in self.servers]
        return max(counts) / sum(counts)

    def stop(self):
        for server in self._whole:
            server.stop()


class Bound(Collector):
    """A Collector that uses one of these places."""

    def __init__(self, name, folder, program, place, *flags):
        super().__init__(name, folder, program, place, *flags, *place.flags)
        self.argv[self.argv.index("--redis-url") + 1] = place.url
        self.place = place


def replicated():
    """A plain Redis with a synced replica."""
    primary = RedisServer()
    replica = RedisServer(replicaof=f"{primary.host} {primary.port}")
    wait_until(lambda: replica.client().info("replication").get("master_link_status") == "up", "a replica in step", 20)
    return Place(primary, whole=[primary, replica])


def clustered(masters):
    cluster = RedisCluster(masters=masters)
    return Place(*cluster.nodes, url=cluster.url())


def secured(folder):
    certificates = Certificates(os.path.join(folder, "certificates"))
    server = RedisServer(certificates=certificates)
    return Place(server, url=server.url(),
                 flags=["--redis-tls=true", "--redis-ca-file", certificates.path("ca.crt")])


def synced(policy):
    program = subprocess.run([ROOT / "tools/valkey"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return Place(RedisServer(program=program, appendonly="yes", appendfsync=policy))
