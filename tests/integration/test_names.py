"""Host names of Redis that resolve slowly or have many addresses."""

import pytest

from support.collector import check
from support.elsewhere import elsewhere
from support.sentinel import SentinelGroup


def test_a_name_server_slower_than_the_connect_timeout_still_helps(start_redis, start_collector, tmp_path):
    redis = start_redis()
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 redis.test\n", encoding="ascii")
    collector = start_collector(f"redis://redis.test:{redis.port}", env=elsewhere(hosts=hosts, lookup_seconds=1.2),
                                connect_timeout="400ms", workers=1)
    collector.wait_connected(40)


@pytest.fixture
def slow_names(tmp_path):
    """The environment of a program for which each look-up takes longer than the time limit for connecting."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 redis.test sentinel.test\n", encoding="ascii")
    return elsewhere(hosts=hosts, lookup_seconds=0.8)


def test_check_waits_for_a_slow_name_server(start_redis, slow_names):
    redis = start_redis()
    status, out, err = check(env=slow_names, redis_url=f"redis://redis.test:{redis.port}", connect_timeout="400ms")
    assert status == 0, (out, err)


def test_a_binding_whose_name_resolves_slowly_is_tried_and_used(start_redis, start_collector, bindings, slow_names):
    old, new = start_redis(), start_redis()
    bindings.redis("db", old)
    collector = start_collector(env={**bindings.environment(), **slow_names}, connect_timeout="400ms", workers=1)
    collector.wait_connected()
    bindings.write("db", type="redis", host="redis.test", port=new.port)
    collector.wait_log("redis.switched", 40)
    with collector.client() as client:
        key = client.post("/v1/documents", {"n": 1}).json()["key"]
    assert new.client().exists(key)


def test_sentinels_whose_names_resolve_slowly_are_queried(start_collector, bindings, slow_names):
    with SentinelGroup() as group:
        nodes = ",".join(f"sentinel.test:{one.port}" for one in group.sentinels)
        bindings.write("db", **group.binding(**{"sentinel.nodes": nodes}))
        env = {**bindings.environment(), **slow_names}
        status, out, err = check(env=env, connect_timeout="400ms")
        assert status == 0 and "no answer" not in out + err, (out, err)
        collector = start_collector(env=env, connect_timeout="400ms", workers=1).wait_connected(40)
        with collector.client() as client:
            assert client.post("/v1/documents", {"n": 1}).status == 201
        collector.close()


def test_an_address_beyond_the_sixteenth_is_tried_too(start_redis, start_collector, tmp_path):
    redis = start_redis()
    hosts = tmp_path / "hosts"
    dead = "".join(f"127.0.7.{i} redis.test\n" for i in range(1, 40))
    hosts.write_text(f"{dead}127.0.0.1 redis.test\n", encoding="ascii")
    collector = start_collector(f"redis://redis.test:{redis.port}", env=elsewhere(hosts=hosts), workers=1)
    collector.wait_connected(60)
    told = [line for line in collector.log() if line["event"] == "redis.addresses_left_out"]
    assert [(line["address"], line["tried"], line["left_out"]) for line in told] == [(f"redis.test:{redis.port}", 16, 24)]


def test_names_with_too_many_addresses_are_reported_for_the_previous_redis_and_changes(start_redis, start_collector, bindings, tmp_path):
    redis = start_redis()
    hosts = tmp_path / "hosts"

    def write(count):
        dead = "".join(f"127.0.7.{i} redis.test old.test\n" for i in range(1, count + 1))
        hosts.write_text(dead, encoding="ascii")
    write(17)
    bindings.write("db", type="redis", host="redis.test", port=redis.port)
    bindings.write("old", type="redis", host="old.test", port=redis.port)
    collector = start_collector(env={**bindings.environment(), **elsewhere(hosts=hosts)}, binding="db",
                                previous_binding="old", connect_timeout="1s")
    for name in ("redis.test", "old.test"):
        collector.wait_log("redis.addresses_left_out", address=f"{name}:{redis.port}", left_out=1)
    write(19)
    collector.wait_log("redis.addresses_left_out", address=f"redis.test:{redis.port}", left_out=3)
