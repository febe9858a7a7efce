"""Redis with Sentinel and as a Cluster, on Kubernetes. A primary's pod is deleted under load, once with its grace
period, and once by force and prevented from restarting. Two Collectors write at the same time: one acknowledges when
Redis has answered, the other when a replica has the document too (--ack=replica:1). Another Collector moves from a
single Redis to Sentinel to a Cluster and back."""

import time

import pytest

from cluster import say
from in_use import events, running
from managed import ManagedRedis
from nodes import cordoned
from operated import ClusterPods, SentinelPods
from support.deadline import wait_until
from support.load import Load

KINDS = {"sentinel": SentinelPods, "cluster": ClusterPods}
pytestmark = pytest.mark.extended
LEVELS = {"collector": "memory", "safe": "replica:1"}


def installed(namespace, release, *settings):
    namespace.install(release, "collector", "--set", ",".join(
        ["redis.mode=secret", "redis.secret.name=cache", f"fullnameOverride={release}", *settings]))
    return namespace.expose_program(release, 4001).wait_reachable("/readyz")


def delete_with_grace(redis):
    """Deletes the primary's pod, which returns at once, so another server takes over only if it is quick."""
    old = redis.victim()
    uid, begin = old.uid(), time.monotonic()
    old.delete()
    wait_until(lambda: old.uid() not in (uid, None) and old.running(), f"{old.name} is back", 120, 0.2)
    redis.wait_settled(120)
    return (f"{old.name} deleted with grace: all are in step after {time.monotonic() - begin:.1f} s, "
            f"{'another has taken over' if redis.taken_over(old) else 'it is the primary again'}")


def delete_by_force(redis):
    """Deletes the primary's pod; its node accepts no pod until another has taken over, as if the node had failed
    too."""
    old = redis.victim()
    uid, begin = old.uid(), time.monotonic()
    with cordoned(redis.namespace.cluster, old.node()):
        old.delete(force=True)
        wait_until(lambda: redis.taken_over(old), lambda: f"another primary than {old.name}\n{redis.describe()}", 60, 0.1)
        took = time.monotonic() - begin
    wait_until(lambda: old.uid() not in (uid, None) and old.running(), f"{old.name} is back", 120, 0.2)
    redis.wait_settled(120)
    return (f"{old.name} deleted by force: another has taken over after {took:.1f} s, all are in step after "
            f"{time.monotonic() - begin:.1f} s")


@pytest.mark.parametrize("kind", KINDS)
def test_deleting_a_primary_fails_no_request(namespace, make_namespace, kind):
    redis = KINDS[kind](make_namespace("operated"))
    namespace.secret("cache", redis.parts())
    collectors = {level: installed(namespace, release, f"config.ack={level}") for release, level in LEVELS.items()}
    before = [namespace.identities(instance=release) for release in LEVELS]
    for delete in (delete_with_grace, delete_by_force):
        loads = {level: Load(collector, connections=4, rate=100) for level, collector in collectors.items()}
        with loads["memory"] as one, loads["replica:1"] as other:
            for load in (one, other):
                load.wait_acknowledged(100)
            what = delete(redis)
            for load in (one, other):
                load.wait_acknowledged(100, seconds=60)
        results = {level: load.count(*redis.clients()) for level, load in loads.items()}
        for level, result in results.items():
            say(f"{what}; ack={level}\n{result}")
        for level, result in results.items():
            assert result.failed == 0 and not result.doubled, f"{level}\n{result}\n{result.load.collector.tail()}"
        results["replica:1"].assert_perfect()
    assert [namespace.identities(instance=release) for release in LEVELS] == before


def test_moving_from_one_mode_to_another_loses_nothing(namespace, make_namespace):
    operated = make_namespace("operated")
    single, sentinel = ManagedRedis(operated, "single", "app", "one-secret"), SentinelPods(operated)
    places = {"Sentinel": sentinel, "Cluster": ClusterPods(operated, hostnames=False), "single Redis": single}
    namespace.secret("cache", single.parts())
    collector = installed(namespace, "collector")
    before = namespace.identities()
    with Load(collector, connections=4, rate=100) as load:
        load.wait_acknowledged(100)
        for number, (name, place) in enumerate(places.items(), start=1):
            namespace.secret("cache", place.parts())
            begin = time.monotonic()
            wait_until(lambda n=number: all(len(events(namespace, pod, "binding.switched")) == n
                                            for pod in running(namespace)),
                       lambda w=name: f"{w} in use\n{collector.tail()}", 60, interval=0.5)
            say(f"{name} in use by all pods: after {time.monotonic() - begin:.1f} s")
            load.wait_acknowledged(200)
    result = load.count(single.client(), *sentinel.clients(), *places["Cluster"].clients())
    say(str(result))
    result.assert_perfect()
    assert namespace.identities() == before
