"""Bindings that differ in `key-prefix`, database and kind: commands that wait while the binding changes are rebuilt for
the Redis that they go to."""

import threading
import uuid

import pytest

from support.background import post_later
from support.cluster import RedisCluster
from support.collector import metric_sum
from support.deadline import wait_until
from support.http_client import Client
from support.load import Load, stored_markers

DOCUMENT = {"name": "a document"}


def _held(collector, count):
    wait_until(lambda: metric_sum(collector.metrics(), "collector_held_commands") >= count, f"{count} held commands")


def _generation(collector):
    return metric_sum(collector.metrics(), "collector_binding_generation")


def _listed(collector):
    keys, cursor = [], ""
    with collector.client() as client:
        while True:
            page = client.get(f"/v1/documents?limit=1000{cursor}").json()
            keys += [entry["key"] for entry in page["documents"]]
            if not page["more"]:
                return keys
            cursor = "&cursor=" + page["next"]


def _assert_served(collector, server, prefix, answers):
    """Checks that each document can be read through the API, is listed once, and exists only under this prefix."""
    assert {answer.status for answer in answers} == {201}, answers
    keys = [answer.json()["key"] for answer in answers]
    with collector.client() as client, server.client() as store:
        assert {client.get(f"/v1/documents/{key}").status for key in keys} == {200}
        assert {name.decode() for name in store.keys("*")} >= {prefix + key for key in keys}
        assert all(name.decode().startswith(prefix) for name in store.keys("*"))
    assert sorted(_listed(collector)) == sorted(keys)


@pytest.mark.parametrize("ack", ["memory", "replica"])
def test_requests_that_waited_for_a_first_binding_use_the_configured_prefix(start_redis, start_collector, bindings, ack):
    server = start_redis(repl_diskless_sync_delay=0)
    replica = start_redis(replicaof=f"{server.host} {server.port}")
    wait_until(lambda: server.replicas() == 1, "a replica in step")
    collector = start_collector(env=bindings.environment(), binding="db", key_prefix="p:", ack=ack)
    waiting = [post_later(collector, DOCUMENT) for _ in range(20)]
    waiting += [post_later(collector, DOCUMENT, headers={"Idempotency-Key": str(n)}) for n in range(10)]
    _held(collector, 30)
    bindings.redis("db", server)
    _assert_served(collector, server, "p:", [one.result() for one in waiting])
    assert replica.running()


@pytest.mark.parametrize("before, after", [("a:", "longer-prefix:"), ("longer-prefix:", ""), ("", "b:")])
def test_requests_that_wait_for_a_lost_redis_use_the_prefix_of_the_next(start_redis, start_collector, bindings,
                                                                              before, after):
    old, new = start_redis(), start_redis()
    bindings.redis("db", old, **{"key-prefix": before})
    collector = start_collector(env=bindings.environment(), hold_time="60s").wait_connected()
    old.kill()
    key = str(uuid.uuid4())
    large = {"name": "x" * 3000}
    waiting = [post_later(collector, body) for body in [DOCUMENT, large] * 10]
    waiting += [post_later(collector, DOCUMENT, headers={"Idempotency-Key": str(n)}) for n in range(10)]
    _held(collector, 30)
    with Client(collector.host, collector.port) as reader:
        got = {}
        reading = threading.Thread(target=lambda: got.update(answer=reader.get("/v1/documents/" + key)))
        reading.start()
        with new.client() as store:
            store.set(after + key, '{"a":1,"created":1,"correlationId":"x"}')
        bindings.redis("db", new, **{"key-prefix": after})
        answers = [one.result() for one in waiting]
        reading.join(30)
    assert got["answer"].status == 200 and got["answer"].json()["a"] == 1
    _assert_served(collector, new, after, answers)


def test_requests_that_wait_for_a_server_go_to_a_cluster_and_back(start_redis, start_collector, bindings):
    old, new = start_redis(), start_redis()
    bindings.redis("db", old, **{"key-prefix": "old:"})
    with RedisCluster(masters=3) as cluster:
        collector = start_collector(env=bindings.environment(), hold_time="60s").wait_connected()
        old.kill()
        waiting = [post_later(collector, DOCUMENT) for _ in range(30)]
        _held(collector, 30)
        bindings.write("db", **{"type": "redis", "cluster.nodes": cluster.node_list, "key-prefix": "c:"})
        keys = [one.result().json()["key"] for one in waiting]
        names = {name.decode() for client in cluster.clients() for name in client.keys("*")}
        assert names >= {"c:" + key for key in keys} and all(name.startswith("c:") for name in names), names
        assert sorted(_listed(collector)) == sorted(keys)
        for node in cluster.nodes:
            node.pause()
        waiting = [post_later(collector, DOCUMENT) for _ in range(30)]
        _held(collector, 1)
        bindings.redis("db", new)
        answers = [one.result() for one in waiting]
        for node in cluster.nodes:
            node.resume()
        _assert_served(collector, new, "", answers)
        collector.close()


@pytest.mark.parametrize("ack", ["memory", "replica"])
def test_under_load_every_acknowledged_document_is_readable_after_each_swap(start_redis, start_collector, bindings,
                                                                           start_proxy, ack):
    """Six swaps between prefixes and databases, while the current Redis is slow or unreachable. The Redis used before
    stays bound as the previous one, so all documents can be read through the API."""
    server = start_redis(repl_diskless_sync_delay=0)
    replica = start_redis(replicaof=f"{server.host} {server.port}")
    wait_until(lambda: server.replicas() == 1, "a replica in step")
    proxy = start_proxy(server)
    places = [{"key-prefix": "a:"}, {"database": "3"}, {"key-prefix": "bb:", "database": "1"}, {"key-prefix": "c:"}]
    bindings.redis("db", proxy, **places[0])
    bindings.redis("before", proxy, **places[0])
    collector = start_collector(env=bindings.environment(), binding="db", previous_binding="before", ack=ack,
                                hold_time="30s", stall_timeout="1s", connect_timeout="1s").wait_connected()
    with Load(collector, connections=32, rate=1500) as load:
        for turn in range(1, 7):
            load.wait_acknowledged(200)
            if turn % 3 == 0:
                proxy.black_hole()
            elif turn % 3 == 1:
                proxy.delay(0.05)
            generation = _generation(collector)
            bindings.redis("before", server, **places[(turn - 1) % 4])
            bindings.redis("db", server if turn % 2 else proxy, **places[turn % 4])
            if turn % 3 == 0:
                _held(collector, 1)
            proxy.heal()
            wait_until(lambda now=generation: _generation(collector) > now, "the next binding", 30)
        load.wait_acknowledged(200)
    stored = []
    for place in places:
        with server.client(db=int(place.get("database", 0))) as client:
            stored += stored_markers([client], prefix=place.get("key-prefix", ""))
    keys = {key for key, _ in stored}
    lost = [key for key in load.acknowledged if key not in keys]
    assert not lost and not load.failed, (lost[:5], load.table())
    markers = [marker for key, marker in set(stored)]
    assert len(markers) == len(set(markers)), "doubled"
    assert replica.running()
