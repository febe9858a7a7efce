"""Pinger's log from end to end: through Collector into Redis."""

import json

import pytest

from support.deadline import wait_until
from support.pinger import started_pingers
from support.ports import reserve_port


def logged(redis):
    """The URLs of the request records in Redis, repeated as often as they are stored."""
    with redis.client() as client:
        urls = []
        for key in client.scan_iter(match="*", count=1000):
            if client.type(key) != b"string":
                continue
            document = json.loads(client.get(key))
            assert {"created", "correlationId", "logs"} <= set(document)
            urls += [record["req"]["url"] for record in document["logs"] if "req" in record]
        return urls


@pytest.fixture
def start_pinger(start_collector):  # pylint: disable=unused-argument
    with started_pingers() as start:
        yield start


def url_of(collector):
    return f"http://127.0.0.1:{collector.port}"


def wait_logged(redis, expected, seconds=20.0):
    wait_until(lambda: len(logged(redis)) >= len(expected), lambda: f"{len(expected)} requests in Redis", seconds, 0.1)
    assert sorted(logged(redis)) == sorted(expected)


def test_a_request_becomes_a_document_in_redis(start_redis, start_collector, start_pinger):
    redis = start_redis()
    collector = start_collector(redis)
    pinger = start_pinger(url_of(collector))
    pinger.get("/hello?a=1")
    wait_logged(redis, ["/hello?a=1"])
    with redis.client() as client:
        key = next(key for key in client.scan_iter() if client.type(key) == b"string")
        document = json.loads(client.get(key))
    assert [list(record)[-1] for record in document["logs"]] == ["req", "res"]
    assert document["logs"][1]["res"]["statusCode"] == 200


def test_a_collector_killed_and_started_again_gets_every_record_once(start_redis, start_collector, start_pinger):
    redis = start_redis()
    port = reserve_port()
    collector = start_collector(redis, port=port)
    pinger = start_pinger(f"http://127.0.0.1:{port}", retry_max="300ms")
    expected = [f"/n/{i}" for i in range(600)]
    with pinger.client() as client:
        for i, path in enumerate(expected):
            if i in (150, 350):
                collector.kill()
            if i in (250, 450):
                collector = start_collector(redis, port=port)
            assert client.get(path).status == 200
    wait_logged(redis, expected)


def test_an_outage_of_redis_delays_the_log_and_loses_nothing(start_redis, start_collector, start_pinger):
    redis = start_redis(appendonly="yes", appendfsync="always")
    collector = start_collector(redis, hold_time="1s")
    pinger = start_pinger(url_of(collector), retry_max="300ms")
    expected = [f"/n/{i}" for i in range(100)]
    with pinger.client() as client:
        for i, path in enumerate(expected):
            if i == 30:
                redis.kill()
            assert client.get(path).status == 200
    pinger.wait_log("delivery.failed")
    redis.restart()
    wait_logged(redis, expected)


def test_changing_the_binding_moves_pinger_to_another_collector(start_redis, start_collector, start_pinger, bindings):
    one, two = start_redis(), start_redis()
    first, second = start_collector(one), start_collector(two)
    bindings.write("log", type="collector", host="127.0.0.1", port=first.port)
    pinger = start_pinger(env=bindings.environment())
    expected = []
    with pinger.client() as client:
        while not logged(two):
            if len(expected) == 50:
                bindings.write("log", type="collector", host="127.0.0.1", port=second.port)
            expected.append(f"/n/{len(expected)}")
            assert client.get(expected[-1]).status == 200
            assert len(expected) < 5000
    wait_until(lambda: len(logged(one)) + len(logged(two)) >= len(expected), "all requests", 20, 0.1)
    assert sorted(logged(one) + logged(two)) == sorted(expected)
    assert logged(one)
