"""Collector with a "managed" Redis in another namespace moves to another one when the Secret is edited, in the formats
of three products; then the password changes in place. All of this happens under load, and no pod restarts."""

import time

import pytest

from cluster import ROOT, say
from in_use import documents_in, events, running, wait_alone, wait_in_use
from managed import ManagedRedis
from support.certificates import Certificates
from support.deadline import wait_until
from support.load import Load

# The names of the entries in each product.
SHAPES = {
    "parts": lambda r: r.parts(),
    "aiven": lambda r: {"VALKEY_HOST": r.host, "VALKEY_PORT": 6379, "VALKEY_USER": r.user,
                        "VALKEY_PASSWORD": r.password, **r.tls("VALKEY_SSL")},
    "digitalocean": lambda r: {"username": r.user, "password": r.password, "uri": r.uri()},
    "crossplane": lambda r: {"endpoint": r.host, "port": 6379, "username": r.user, "password": r.password,
                             **r.tls()},
}


@pytest.fixture
def bound(namespace, make_namespace, tmp_path):
    """Returns (namespace, two managed Redis servers, the second with TLS, Collector bound to the first by the Secret
    `cache`)"""
    managed = make_namespace("managed")
    first = ManagedRedis(managed, "first", "app", "one-secret")
    second = ManagedRedis(managed, "second", "other", "two-secret", Certificates(tmp_path))
    namespace.secret("cache", SHAPES["parts"](first))
    namespace.install("collector", "collector", "--set", "redis.mode=secret,redis.secret.name=cache")
    return namespace, first, second, namespace.expose_program("collector", 4001).wait_reachable("/readyz")


def test_a_secret_may_be_created_later(namespace, make_namespace):
    server = ManagedRedis(make_namespace("managed"), "late", "app", "late-secret")
    namespace.install("collector", "collector", "--set", "redis.mode=secret,redis.secret.name=cache", wait=False)
    collector = namespace.expose_program("collector", 4001)
    wait_until(lambda: "binding.awaited" in namespace.logs(), "Collector waits for its binding", 60, interval=0.5)
    wait_until(lambda: "There is no binding yet" in namespace.kubectl("describe", "pods"),
               lambda: "kubectl describe shows the reason\n" + namespace.kubectl("describe", "pods"), 60, interval=1)
    before = namespace.identities()
    namespace.secret("cache", SHAPES["parts"](server))
    collector.wait_reachable("/readyz")
    assert collector.client().post("/v1/documents", {"late": True}).status == 201
    assert documents_in(server) > 0 and namespace.identities() == before


def test_a_secret_edited_to_another_redis_loses_nothing(bound):
    namespace, first, second, collector = bound
    before = namespace.identities()
    with Load(collector, connections=4, rate=100) as load:
        load.wait_acknowledged(100)
        now = second
        for shape in ("aiven", "digitalocean", "crossplane"):
            namespace.secret("cache", SHAPES[shape](now))
            what = f"the Redis of the {shape} Secret is in use"
            wait_in_use(namespace, now, load, what)
            old = first if now is second else second
            wait_alone(now, [old], load, what)
            now = old
    result = load.count(first.client(), second.client())
    say(str(result))
    result.assert_perfect()
    assert namespace.identities() == before


def test_an_upgrade_to_another_secret_loses_nothing(bound):
    namespace, first, second, collector = bound
    namespace.secret("other", SHAPES["parts"](second))
    before = namespace.identities()
    with Load(collector, connections=4, rate=100) as load:
        load.wait_acknowledged(100)
        namespace.helm("upgrade", "collector", str(ROOT / "charts/collector"), "--set",
                       "redis.mode=secret,redis.secret.name=other", "--wait", "--timeout", "120s")
        # The old pods keep running for their drain delay.
        namespace.wait_gone(before)
        wait_alone(second, [first], load, "the Redis of the other Secret is in use")
    result = load.count(first.client(), second.client())
    say(str(result))
    result.assert_perfect()


@pytest.mark.parametrize("order", ["server first", "Secret first"])
def test_a_password_changed_in_place_loses_nothing(bound, order):
    namespace, server, _, collector = bound
    before, new = namespace.identities(), f"new-{order.split()[0]}"

    def change_secret():
        namespace.secret("cache", dict(server.parts(), password=new))

    def change_server():
        server.set_passwords(new)
        server.end_connections()
    def refused_by_all():
        return all(events(namespace, pod, "binding.reload_failed") for pod in running(namespace))
    with Load(collector, connections=4, rate=100) as load:
        load.wait_acknowledged(100)
        possible_since = 0.0
        if order == "server first":
            change_server()
            change_secret()
        else:
            change_secret()
            wait_until(refused_by_all, "every pod has found the new password refused", 60, 0.5)
            possible_since = time.time()
            change_server()
        wait_in_use(namespace, server, load, f"the new password, {order}", possible_since)
        load.wait_acknowledged(200, seconds=60)
    result = load.count(server.client())
    say(str(result))
    result.assert_perfect()
    assert namespace.identities() == before
