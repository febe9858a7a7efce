"""Clients that hold all connections still leave descriptors for the services behind the programs."""

import socket

import pytest

from support.cluster import RedisCluster
from support.deadline import wait_until
from support.pinger import Pinger, StubCollector

WORKERS = 8
CONNECTIONS = 5  # connections of a worker with --ack=replica


@pytest.fixture
def fill():
    """fill(program) opens idle connections until the program refuses them."""
    held = []

    def start(program, most=2000):
        for _ in range(most):
            one = socket.create_connection((program.host, program.port), timeout=10)
            held.append(one)
            one.settimeout(0.02 if len(held) > 8 else 0.001)
            try:
                if one.recv(1 << 10).startswith(b"HTTP/1.1 503"):
                    return len(held)
            except (TimeoutError, socket.timeout):
                pass
            except ConnectionResetError:
                return len(held)
        raise AssertionError("nothing is refused")
    yield start
    for one in held:
        one.close()


def connected(program, key):
    return {key(line) for line in program.log() if line["event"] == "redis.connected"}


def test_clients_do_not_lock_redis_out(start_redis, start_collector, fill):
    redis = start_redis()
    collector = start_collector(redis, descriptors=256, workers=WORKERS, ack="replica", hold_time="60s")
    collector.wait_connected()
    with collector.client() as client:
        assert client.get("/healthz").status == 200  # now it has its connection
        redis.kill()
        fill(collector)
        assert client.get("/healthz").status == 200
        redis.start()

        def all_are_back():
            with redis.client() as store:
                return len(store.client_list()) - 1 >= WORKERS * CONNECTIONS
        wait_until(all_are_back, lambda: f"{WORKERS * CONNECTIONS} connections\n{collector.child.tail()}", 30)


def test_a_cluster_that_turns_out_to_be_larger_gets_its_descriptors(start_collector, fill):
    with RedisCluster(masters=6) as cluster:
        for node in cluster.nodes:
            node.kill()
        collector = start_collector(cluster.nodes[0], descriptors=256, workers=WORKERS, hold_time="60s")
        fill(collector)
        for node in cluster.nodes:
            node.start()
        cluster.wait_ok()
        wanted = WORKERS * len(cluster.nodes)
        wait_until(lambda: len(connected(collector, lambda line: (line["worker"], line["address"]))) >= wanted,
                   lambda: f"{wanted} connections\n{collector.child.tail()}", 40)


def test_clients_do_not_lock_collector_out(fill):
    stub = StubCollector()
    pinger = Pinger(stub, descriptors=160, batch_time="50ms")
    try:
        with pinger.client() as client:
            client.get("/before")
            stub.wait_records(2)
            stub.stop()
            fill(pinger)
            client.get("/while")
            stub.start()
            stub.wait_records(4)
    finally:
        pinger.close()
        stub.stop()
