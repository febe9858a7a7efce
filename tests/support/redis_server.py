"""A private redis-server in its own folder, on a port of 127.0.0.1 or a unix socket."""

import os
import shutil
import signal
import tempfile

import redis

from .child import Child
from .deadline import wait_until
from .ports import reserve_port


def calls(client, *commands):
    """The number of times that Redis has executed each command since CONFIG RESETSTAT (INFO commandstats)."""
    stats = client.info("commandstats")
    return sum(stats.get(f"cmdstat_{name.lower()}", {}).get("calls", 0) for name in commands)


class RedisServer:
    """`options` are lines of redis.conf: RedisServer(appendonly="yes", appendfsync="always"). With `certificates`, a
    folder of Certificates, it accepts only TLS, and requires no client certificate unless tls_auth_clients is set."""

    def __init__(self, unix=False, port=None, start=True, program="redis-server", certificates=None,
                 host="127.0.0.1", **options):
        self.program = program
        self.folder = tempfile.mkdtemp(prefix="redis-")
        self.socket_path = os.path.join(self.folder, "redis.sock") if unix else None
        self.port = 0 if unix else port or reserve_port()
        self.host = host
        self.options = {"save": "", "appendonly": "no"}
        self.certificates = certificates
        if certificates:
            self.options.update({"tls-port": str(self.port), "tls-auth-clients": "no",
                                 "tls-ca-cert-file": certificates.path("ca.crt"),
                                 "tls-cert-file": certificates.path("server.crt"),
                                 "tls-key-file": certificates.path("server.key")})
        self.options.update({name.replace("_", "-"): str(value) for name, value in options.items()})
        self.child = None
        if start:
            self.start()

    @property
    def address(self):
        return self.socket_path or (f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}")

    def url(self, user="", password="", database=None):
        """redis:// or unix://; user and password are not escaped."""
        entry = f"{user}:{password}@" if password else ""
        if self.socket_path:
            return f"unix://{entry}{self.socket_path}" + ("" if database is None else f"?db={database}")
        return f"redis://{entry}{self.address}" + ("" if database is None else f"/{database}")

    def start(self, ready=True):
        """Starts the server again with the same port and folder; `ready` waits for its PONG."""
        argv = [self.program, "--dir", self.folder, "--port", 0 if self.certificates else self.port, "--bind", self.host,
                "--daemonize", "no",
                "--enable-debug-command", "yes"]
        if self.socket_path:
            argv += ["--unixsocket", self.socket_path]
        for name, value in self.options.items():
            argv += [f"--{name}", *(value.split(" ") if value else [""])]
        self.child = Child(argv)
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=15.0):
        def ready():
            assert self.child.running(), f"redis-server ended\n{self.child.tail()}"
            try:
                return self.client().ping()
            except redis.AuthenticationError:
                return True
            except redis.RedisError as error:
                return "NOAUTH" in str(error) or "NOPERM" in str(error)
        wait_until(ready, lambda: f"PONG of redis-server\n{self.child.tail()}", seconds)

    def client(self, **options):
        """A redis-py client with short timeouts. The password is taken from `options`, or else from requirepass."""
        options.setdefault("password", self.options.get("requirepass"))
        options.setdefault("socket_timeout", 10)
        if self.socket_path:
            return redis.Redis(unix_socket_path=self.socket_path, **options)
        if self.certificates:
            options.update(ssl=True, ssl_ca_certs=self.certificates.path("ca.crt"),
                           ssl_certfile=self.certificates.path("client.crt"),
                           ssl_keyfile=self.certificates.path("client.key"))
        return redis.Redis(host=self.host, port=self.port, **options)

    def config(self, **settings):
        """CONFIG SET of each setting."""
        with self.client() as client:
            for name, value in settings.items():
                client.config_set(name.replace("_", "-"), value)

    def calls(self, *commands):
        """calls() over a separate connection."""
        with self.client() as client:
            return calls(client, *commands)

    def replicas(self):
        """The number of its synced replicas."""
        with self.client() as client:
            found = client.info("replication")
        return sum(1 for name, value in found.items() if name.startswith("slave") and isinstance(value, dict)
                   and value.get("state") == "online")

    def running(self):
        return self.child is not None and self.child.running()

    def kill(self):
        """kill -9: loses everything that is not on disk."""
        self.child.kill()

    def pause(self):
        self.child.signal(signal.SIGSTOP)

    def resume(self):
        self.child.signal(signal.SIGCONT)

    def restart(self):
        """kill -9, then start again."""
        self.kill()
        return self.start()

    def stop(self):
        """Stops the server and removes its folder."""
        if self.child:
            self.child.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
