"""Moves from the chart's own Valkey to a managed Redis and back, by changing values under load: no request fails, and
earlier documents stay readable through Collector."""

from cluster import ROOT, say
from in_use import documents_in, wait_alone
from managed import ManagedRedis
from support.deadline import wait_until
from support.load import Load


def upgrade(namespace, *values):
    """Runs helm upgrade and waits until all old pods are gone; they keep running for their drain delay."""
    before = namespace.identities()
    namespace.helm("upgrade", "collector", str(ROOT / "charts/collector"), *values, "--wait", "--timeout", "120s")
    namespace.wait_gone(before)


def unread(collector, load):
    """The acknowledged documents that Collector cannot find."""
    client = collector.client()
    return [key for key in list(load.acknowledged) if client.get(f"/v1/documents/{key}").status != 200]


def test_moving_to_a_managed_redis_and_back_fails_no_request(namespace, make_namespace):
    managed = ManagedRedis(make_namespace("managed"), "cache", "app", "moving-secret")
    namespace.secret("cache", managed.parts())
    namespace.install("collector", "collector")
    collector = namespace.expose_program("collector", 4001).wait_reachable("/readyz")
    to_managed = ["--set", "redis.mode=secret,redis.secret.name=cache"]
    with Load(collector, connections=4, rate=100) as load:
        load.wait_acknowledged(200)
        assert documents_in(managed) == 0

        upgrade(namespace, *to_managed, "--set", "redis.internal.keep=true")
        wait_alone(managed, [], load, "the managed Redis is in use")
        assert not unread(collector, load)

        # First stop reading from the old one, then remove it.
        upgrade(namespace, *to_managed, "--set", "redis.internal.keep=true,config.previous-binding=")
        load.wait_acknowledged(100)
        # This replaces no pod.
        namespace.helm("upgrade", "collector", str(ROOT / "charts/collector"), *to_managed, "--wait", "--timeout", "120s")
        wait_until(lambda: not namespace.exists("statefulset", "collector-redis"), "the end of the Valkey", 60, 0.5)
        load.wait_acknowledged(100)

        upgrade(namespace, "--set", "redis.previous.secret.name=cache")
        count = documents_in(managed)
        load.wait_acknowledged(100)
        assert documents_in(managed) == count, "the managed Redis still gets documents"
        assert not unread(collector, load)
    say(load.table())
    assert not load.failed, f"{load.table()}\n{collector.tail()}"
    assert not unread(collector, load)
