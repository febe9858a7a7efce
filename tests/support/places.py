"""The kinds of Redis that a binding can name, each with the operations and queries that fault tests need."""

import json
import os
import shutil
import subprocess
import tempfile

from . import feed
from .certificates import MAKE, Certificates
from .cluster import RedisCluster
from .deadline import wait_until
from .elsewhere import elsewhere
from .fault_proxy import FaultProxy
from .ports import reserve_port
from .redis_server import RedisServer
from .sentinel import SentinelGroup

KEY_LENGTH = 36  # a UUID
DURABLE = {"appendonly": "yes", "appendfsync": "always"}


class Stored:
    """The content of a Redis: (key, marker) of each document under its prefix, and the keys in the feed."""

    def __init__(self, prefix=""):
        self.documents, self.fed, self.prefix = [], set(), prefix.encode()

    def read(self, client):
        """Adds the content of one server."""
        names = [name for name in client.scan_iter(count=1000) if name.startswith(self.prefix)]
        for name in names:
            if name.startswith(self.prefix + b"collector:feed:2"):
                self.fed.update(key for entry in feed.entries(client, name) for key in entry.keys)
        documents = [name for name in names if len(name) == len(self.prefix) + KEY_LENGTH and b"collector:" not in name]
        for start in range(0, len(documents), 500):
            part = documents[start:start + 500]
            # A GET for each key: in a Cluster, MGET needs all keys in one slot.
            pipeline = client.pipeline(transaction=False)
            for name in part:
                pipeline.get(name)
            self.documents += [(name.decode()[-KEY_LENGTH:], json.loads(value).get("marker"))
                               for name, value in zip(part, pipeline.execute()) if value is not None]
        return self


class Standalone:
    """One Redis behind a proxy whose address stays the same. `options` are lines of redis.conf."""

    def __init__(self, proxied=True, scripted=False, **options):
        self.server = RedisServer(**options)
        self.servers = [self.server]
        self.proxy = FaultProxy(self.server, scripted=scripted) if proxied else None
        self.bound_password = options.get("requirepass")

    def entries(self):
        """The entries of a binding that names this Redis."""
        address = self.proxy or self.server
        entries = {"type": "redis", "host": address.host, "port": address.port}
        if self.bound_password:
            entries["password"] = self.bound_password
        return entries

    def change_password(self, password):
        """Changes the password only on the server; the binding keeps `bound_password`."""
        self.server.config(requirepass=password)
        self.server.options["requirepass"] = password

    def replica(self):
        """Adds a replica and waits until it has synced."""
        options = dict(self.server.options, replicaof=f"{self.server.host} {self.server.port}")
        options["repl-diskless-sync-delay"] = "0"
        if self.server.options.get("requirepass"):
            options["masterauth"] = self.server.options["requirepass"]
        replica = RedisServer(**options)
        self.servers.append(replica)
        wait_until(lambda: replica.client().info("replication").get("master_link_status") == "up",
                   lambda: f"a replica that follows\n{replica.child.tail()}", 20)
        return replica

    def standby(self):
        """Adds an empty standby server."""
        self.servers.append(RedisServer(**self.server.options))
        return self.servers[-1]

    def move_to(self, server):
        """Directs new connections to another server; existing connections stay."""
        self.server = self.proxy.target = server

    def settle(self):
        """Restores the state before all faults."""
        if self.proxy:
            self.proxy.heal()

    def read(self):
        """The content of each server, the current server first."""
        servers = [self.server, *(server for server in self.servers if server is not self.server)]
        return [Stored().read(server.client()) for server in servers]

    def stop(self):
        if self.proxy:
            self.proxy.close()
        for server in self.servers:
            server.stop()


class Beside:
    """Another key prefix or database on the server of a Standalone. All other operations apply to that server."""

    def __init__(self, place, prefix="", database=0):
        self.place, self.prefix, self.database = place, prefix, database

    def __getattr__(self, name):
        return getattr(self.place, name)

    @property
    def bound_password(self):
        return self.place.bound_password

    @bound_password.setter
    def bound_password(self, password):
        self.place.bound_password = password

    def entries(self):
        return {**self.place.entries(), "key-prefix": self.prefix, "database": str(self.database)}

    def read(self):
        with self.server.client(db=self.database) as client:
            return [Stored(self.prefix).read(client)]

    def stop(self):
        """The server belongs to the Standalone, which stops it."""


class Authority(Certificates):
    """A private CA with two certificates for the server, "server" and "next"."""

    def __init__(self, folder):  # pylint: disable=super-init-not-called
        self.folder = folder
        names = [f"{name}=IP:127.0.0.1" for name in ("server", "next", "client")]
        subprocess.run([MAKE, folder, *names], check=True, stdout=subprocess.DEVNULL)


class Encrypted(Standalone):
    """A Redis that accepts only TLS."""

    def __init__(self, **options):
        self.folder = tempfile.mkdtemp(prefix="certificates-")
        self.authority, self.shown = self.make_authority(), "server"
        self.trusted = self.authority.text("ca.crt")
        super().__init__(certificates=self.authority, **options)

    def make_authority(self):
        return Authority(tempfile.mkdtemp(dir=self.folder))

    def show(self, authority, name="server"):
        """The server presents this certificate to new connections."""
        files = {"tls-ca-cert-file": authority.path("ca.crt"), "tls-cert-file": authority.path(f"{name}.crt"),
                 "tls-key-file": authority.path(f"{name}.key")}
        self.server.client().execute_command("CONFIG", "SET", *[word for pair in files.items() for word in pair])
        self.server.options.update(files)
        self.authority = self.server.certificates = authority
        self.shown = name

    def entries(self):
        return {**super().entries(), "tls": "true", "ca.crt": self.trusted}

    def stop(self):
        super().stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Watched:
    """A primary with two replicas, and three Sentinels that watch them."""

    def __init__(self, **options):
        self.group = SentinelGroup(**options)

    @property
    def server(self):
        return self.group.primary()

    def entries(self):
        return self.group.binding()

    def settle(self):
        self.group.wait_settled()

    def read(self):
        """The content of the primary; its replicas are never queried."""
        return [Stored().read(self.group.primary().client())]

    def stop(self):
        self.group.stop()


class Clustered:
    """A Cluster of three masters, each with `replicas` replicas."""

    def __init__(self, replicas=1, **options):
        self.cluster = RedisCluster(masters=3, replicas=replicas, **options)

    @property
    def server(self):
        """A master: each has documents, and a partition of the feed."""
        return self.cluster.masters()[0]

    def entries(self):
        return {"type": "redis", "cluster.nodes": self.cluster.node_list}

    def settle(self):
        self.cluster.wait_ok()

    def read(self):
        stored = Stored()
        for client in self.cluster.clients():
            stored.read(client)
        return [stored]

    def stop(self):
        self.cluster.stop()


class Named:
    """A host name that resolves to one of two servers, through a hosts file that only Collector sees."""

    NAME = "redis.test"

    def __init__(self, **options):
        self.folder = tempfile.mkdtemp(prefix="hosts-")
        self.hosts = os.path.join(self.folder, "hosts")
        port = reserve_port()
        self.servers = [RedisServer(host=host, port=port, **options) for host in ("127.0.0.2", "127.0.0.3")]
        self.server = self.servers[0]
        self.lead_to(self.server)

    @property
    def environment(self):
        return elsewhere(hosts=self.hosts)

    def lead_to(self, server):
        with open(self.hosts + ".new", "w", encoding="ascii") as file:
            file.write(f"{server.host} {self.NAME}\n")
        os.rename(self.hosts + ".new", self.hosts)
        self.server = server

    def entries(self):
        return {"type": "redis", "host": self.NAME, "port": self.server.port}

    def settle(self):
        pass

    def read(self):
        """The content of each server, the current server first."""
        servers = [self.server, *(server for server in self.servers if server is not self.server)]
        return [Stored().read(server.client()) for server in servers]

    def stop(self):
        for server in self.servers:
            server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
