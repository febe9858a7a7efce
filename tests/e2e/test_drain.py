"""Drains nodes under load: each worker in turn, then both at once, when the disruption budget keeps the last pod.

Redis is a pod in another namespace on the control-plane node, which is not drained. The chart's own Redis cannot move,
because kind's storage ties its volume to one node. Requests come from outside, through the NodePort of a node that
stays and of the drained one, where kube-proxy keeps running and forwards them to other nodes."""

import time

import pytest

from cluster import say
from managed import ManagedRedis
from nodes import addresses, drained, workers
from support.deadline import wait_until
from support.load import Load

CONTROL_PLANE = {"nodeSelector": {"node-role.kubernetes.io/control-plane": ""}, "tolerations": [{"operator": "Exists"}]}


@pytest.fixture(scope="session")
def cluster(three_nodes):
    return three_nodes


@pytest.fixture
def bound(namespace, make_namespace):
    """Returns (namespace, its Redis, Collector)."""
    server = ManagedRedis(make_namespace("managed"), "cache", "app", "drain-secret", placed=CONTROL_PLANE)
    namespace.secret("cache", server.parts())
    namespace.install("collector", "collector", "--set", "redis.mode=secret,redis.secret.name=cache")
    return namespace, server, namespace.expose_program("collector", 4001).wait_reachable("/readyz")


def places(namespace):
    """The nodes of the pods that are ready and not terminating, one for each pod."""
    return sorted(pod["spec"]["nodeName"] for pod in namespace.pods() if "deletionTimestamp" not in pod["metadata"]
                  and any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"]))


def by(outside, address):
    """The same program through another node's port."""
    return type(outside)(address, outside.port, outside.tail)


def wait_places(namespace, expected):
    wait_until(lambda: places(namespace) == sorted(expected), lambda: f"pods on {expected}: {places(namespace)}", 60, 0.3)


def count(loads, server):
    for where, load in loads.items():
        result = load.count(server.client())
        say(f"by {where}\n{result}")
        result.assert_perfect()


def test_draining_nodes_fails_no_request(cluster, bound):
    namespace, server, collector = bound
    first, second = workers(cluster)
    assert places(namespace) == sorted([first, second]), "replicas are spread over the nodes"
    loads = {node: Load(by(collector, address), connections=4, rate=60) for node, address in addresses(cluster).items()}
    for load in loads.values():
        load.start()
    try:
        for node, other in ((first, second), (second, first)):
            begin = time.monotonic()
            with drained(cluster, node) as said:
                assert f"node/{node} drained" in said, said
                # After the second drain both pods have left one node; the budget allows one at a time.
                wait_places(namespace, [other, other])
                say(f"{node} drained after {time.monotonic() - begin:.1f} s, both pods are on {other}")
                for load in loads.values():
                    load.wait_acknowledged(100)
    finally:
        for load in loads.values():
            load.stop()
    count(loads, server)


def test_draining_all_nodes_leaves_one_pod(cluster, bound):
    namespace, server, collector = bound
    nodes = workers(cluster)
    loads = {"the control plane": Load(collector, connections=4, rate=100)}
    with loads["the control plane"] as load:
        load.wait_acknowledged(100)
        with drained(cluster, *nodes, seconds=15) as said:
            assert said.count(" drained") == 1, f"the other node keeps its pod\n{said}"
            assert len(places(namespace)) == 1
            load.wait_acknowledged(200)
        wait_until(lambda: len(places(namespace)) == 2, "two pods again", 60, 0.3)
        load.wait_acknowledged(200)
    count(loads, server)
