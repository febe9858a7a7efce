"""A primary, its replicas and their Sentinels, each a separate process on 127.0.0.1."""

import os
import shutil
import socket
import tempfile

import redis

from .child import Child
from .deadline import wait_until
from .ports import reserve_port
from .redis_server import RedisServer

DOWN_AFTER_MS = 1000


class Tls:
    """A certificate of tests/support/make-certificates, and the settings for programs that use it."""

    def __init__(self, folder, name="server"):
        self.ca = os.path.join(folder, "ca.crt")
        self.options = {"tls-cert-file": os.path.join(folder, f"{name}.crt"),
                        "tls-key-file": os.path.join(folder, f"{name}.key"),
                        "tls-ca-cert-file": self.ca, "tls-auth-clients": "no", "tls-replication": "yes", "port": "0"}

    def client_options(self):
        return {"ssl": True, "ssl_ca_certs": self.ca, "ssl_check_hostname": False}


class Server(RedisServer):
    """A RedisServer, with TLS only if `tls` is given."""

    def __init__(self, tls=None, start=True, **options):
        self.tls = tls
        super().__init__(start=False, **options)
        if tls:
            self.options.update({**tls.options, "tls-port": str(self.port)})
        if start:
            self.start()

    def client(self, **options):
        return super().client(**(self.tls.client_options() if self.tls else {}), **options)


class Sentinel:
    """One Sentinel; `lines` go into its configuration."""

    def __init__(self, *lines, host="127.0.0.1", password=None, tls=None):
        self.folder = tempfile.mkdtemp(prefix="sentinel-")
        self.host, self.port, self.password, self.tls = host, reserve_port(), password, tls
        options = {**tls.options, "tls-port": self.port} if tls else {"port": self.port}
        lines = [*(f"{name} {value}" for name, value in options.items()), f"bind {'::1' if ':' in host else '127.0.0.1'}", f"dir {self.folder}", *lines]
        if password:
            lines += [f"requirepass {password}", f"sentinel sentinel-pass {password}"]
        self._path = os.path.join(self.folder, "sentinel.conf")
        with open(self._path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        self.child = None
        self.start()

    def start(self):
        self.child = Child(["redis-server", self._path, "--sentinel"])

    @property
    def address(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def client(self):
        client = redis.Redis(host=self.host, port=self.port, password=self.password, socket_timeout=5,
                             decode_responses=True, **(self.tls.client_options() if self.tls else {}))
        client.response_callbacks.clear()  # raw replies, because versions of redis-py convert them differently
        return client

    def ask(self, *words):
        """The reply to a SENTINEL command; None while the Sentinel is unavailable."""
        try:
            with self.client() as client:
                return client.execute_command("SENTINEL", *words)
        except redis.RedisError:
            return None

    def ask_about(self, *words):
        """The reply to a SENTINEL command that lists servers, as dictionaries."""
        return [dict(zip(flat[::2], flat[1::2])) for flat in self.ask(*words) or []]

    def stop(self):
        self.child.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class SentinelGroup:
    """SentinelGroup(password="..."): one primary, two replicas, and three Sentinels that know each other.

    `host` is the address or name by which the Sentinels know this machine ("::1" works too); a server that is silent
    for `down_after_ms` counts as down; `options` are lines of redis.conf for the servers."""

    def __init__(self, master="mymaster", replicas=2, sentinels=3, sentinel_password=None, tls=None, host="127.0.0.1",
                 down_after_ms=DOWN_AFTER_MS, **options):
        self.master, self.servers, self.sentinels = master, [], []
        password = options.get("requirepass")
        if password:
            options["masterauth"] = password
        options = {"repl_diskless_sync_delay": 0, "repl_backlog_size": "16mb", **options}
        try:
            # The address by which a Sentinel knows a name: localhost is ::1 first on many machines.
            options["host"] = socket.getaddrinfo(host, None)[0][4][0]
            first = Server(tls, **options)
            self.servers.append(first)
            for _ in range(replicas):
                self.servers.append(Server(tls, replicaof=f"{first.host} {first.port}", **options))
            lines = [f"sentinel resolve-hostnames {'no' if host == options['host'] else 'yes'}",
                     f"sentinel announce-hostnames {'no' if host == options['host'] else 'yes'}",
                     f"sentinel monitor {master} {host} {first.port} {sentinels // 2 + 1}",
                     f"sentinel down-after-milliseconds {master} {down_after_ms}",
                     f"sentinel failover-timeout {master} 5000"]
            if password:
                lines.append(f"sentinel auth-pass {master} {password}")
            for _ in range(sentinels):
                self.sentinels.append(Sentinel(*lines, host=host, password=sentinel_password, tls=tls))
            self.wait_settled()
        except BaseException:
            self.stop()
            raise

    @property
    def nodes(self):
        """The Sentinels in the form of the entry sentinel.nodes."""
        return ",".join(sentinel.address for sentinel in self.sentinels)

    def binding(self, **entries):
        """The entries of a binding that names the group."""
        return {"type": "redis", "sentinel.master": self.master, "sentinel.nodes": self.nodes, **entries}

    def primary(self):
        """The server named by most of the running Sentinels, or None."""
        named = []
        for sentinel in self.sentinels:
            if sentinel.child.running():
                address = sentinel.ask("GET-MASTER-ADDR-BY-NAME", self.master)
                named.append(tuple(address) if address else None)
        address = max(set(named), key=named.count) if named else None
        if address is None or named.count(address) <= len(named) // 2:
            return None
        return self._server_at(*address)

    def _server_at(self, _host, port):
        return next(server for server in self.servers if server.port == int(port))

    def _settled(self):
        primary = self.primary()
        if not primary or not primary.running():
            return False
        up = sum(server.running() for server in self.servers) - 1
        with primary.client() as client:
            about = client.info("replication")
        if about["role"] != "master" or about["connected_slaves"] < up:
            return False
        if any(about[f"slave{n}"]["state"] != "online" for n in range(up)):
            return False
        for sentinel in self.sentinels:
            if not sentinel.child.running():
                continue
            known = sentinel.ask_about("MASTERS")
            if not known or int(known[0]["num-slaves"]) < len(self.servers) - 1 or \
                    int(known[0]["num-other-sentinels"]) < len(self.sentinels) - 1 or known[0]["flags"] != "master":
                return False
            if any(replica["flags"] != "slave" or replica["master-link-status"] != "ok"
                   for replica in sentinel.ask_about("REPLICAS", self.master) if self._runs(int(replica["port"]))):
                return False
        return True

    def _runs(self, port):
        return any(server.port == port and server.running() for server in self.servers)

    def _set_periods(self, info_ms, publish_ms):
        """How often the Sentinels ask for INFO and tell of themselves. Only Redis 7 and later can change that."""
        for sentinel in self.sentinels:
            if sentinel.child.running():
                sentinel.ask("DEBUG", "INFO-PERIOD", info_ms, "PUBLISH-PERIOD", publish_ms)

    def wait_settled(self, seconds=60.0):
        """Waits until all running Sentinels know each other and the replicas follow the primary.

        Until then the Sentinels look more often than by default: INFO every 10 s, which they need twice after a
        failover, and a message about themselves every 2 s."""
        self._set_periods(200, 200)
        wait_until(self._settled, lambda: "a settled group\n" + "\n".join(s.child.tail(6) for s in self.sentinels),
                   seconds, 0.05)
        self._set_periods(10000, 2000)

    def wait_primary_other_than(self, old, seconds=30.0):
        """The new primary, once most Sentinels name it and it reports that role itself."""
        def changed():
            now = self.primary()
            if not now or now is old:
                return None
            with now.client() as client:
                return now if client.info("replication")["role"] == "master" else None
        return wait_until(changed, "another primary", seconds, 0.05)

    def begin_failover(self, sentinel):
        """SENTINEL FAILOVER, as an operator would, repeated until this Sentinel accepts it."""
        # NOGOODSLAVE or INPROG until the Sentinel has checked the replicas again.
        wait_until(lambda: sentinel.ask("FAILOVER", self.master), "SENTINEL FAILOVER taken", 20, 0.01)

    def silence(self):
        """Cuts the connections of all subscribers to the Sentinels' messages."""
        for sentinel in self.sentinels:
            if sentinel.child.running():
                with sentinel.client() as client:
                    client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

    def fail_over(self, silenced=False):
        """SENTINEL FAILOVER. Returns the new primary."""
        old = self.primary()
        self.begin_failover(self.sentinels[0])
        if silenced:
            self.silence()
        return self.wait_primary_other_than(old)

    def stop(self):
        for thing in [*self.sentinels, *self.servers]:
            thing.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
