"""Starts Collector for tests."""

from . import described
from .deadline import wait_until
from .http_client import Client
from .program import Program, flags_of, run_program


class Collector(Program):
    """Collector(redis, hold_time="5s", env={...}): keyword arguments are flags; without `redis` no Redis is given.

    `redis` is a RedisServer, a proxy, or a URL. Without `port` the system chooses the port."""

    name = "collector"

    def __init__(self, redis=None, port=None, env=None, arguments=(), listening=True, classic_port=False,
                 descriptors=None, **flags):
        words = []
        if not classic_port:
            words += ["--listen", f"127.0.0.1:{port or 0}"]
        if redis is not None:
            words += ["--redis-url", redis if isinstance(redis, str) else redis.url()]
        super().__init__([*words, *flags_of(flags), *arguments], env, descriptors=descriptors, listening=listening)

    def client(self, **options):
        """A keep-alive client with its own connection. A response that /openapi.json does not describe fails its
        test."""
        return Client(self.host, self.port, on_answer=described.check, **options)

    def stores_in(self, server, **options):
        """True if a new document arrives in this server."""
        with self.client() as client, server.client(**options) as store:
            answer = client.post("/v1/documents", {"a": 1})
            assert answer.status == 201, answer
            return bool(store.exists(answer.json()["key"]))

    def held(self):
        """The number of commands that wait for Redis."""
        return metric_sum(self.metrics(), "collector_held_commands")

    def wait_connected(self, seconds=10.0):
        """Waits until every worker is connected to Redis."""
        workers = self.wait_log("server.listening")["workers"]

        def reached():
            return len({line["worker"] for line in self.log() if line["event"] == "redis.connected"}) == workers
        wait_until(reached, lambda: f"{workers} workers that have reached Redis\n{self.child.tail()}", seconds)
        return self

    def metrics(self):
        """The values of /metrics, by 'name{labels}'."""
        with self.client() as client:
            return parse_metrics(client.get("/metrics").body.decode())


def check(arguments=(), env=None, **flags):
    """collector --check: (exit status, stdout, stderr)."""
    return run_program("collector", ["--check", *flags_of(flags), *arguments], env, seconds=20)


def parse_metrics(text):
    """The samples of Prometheus text; fails on a malformed line."""
    samples = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        name, _, value = line.rpartition(" ")
        assert name, f"no sample: {line!r}"
        assert name not in samples, f"twice: {name}"
        samples[name] = float(value)
    return samples


def metric_sum(samples, family, **labels):
    """The sum of a family's samples that have these labels."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    return sum(value for name, value in samples.items()
               if name.split("{")[0] == family and all(word in name for word in wanted))
