"""After each rollout the pods are on different nodes, whether or not nodes have zones, and in different zones."""

import pytest

from cluster import say
from nodes import workers

pytestmark = pytest.mark.extended

ZONE = "topology.kubernetes.io/zone"
CHARTS = ["collector", "pinger"]
ROLLOUTS = 6


@pytest.fixture(scope="session")
def cluster(three_nodes):
    return three_nodes


@pytest.fixture
def zones(cluster):
    """zones() gives each worker its own zone until the end of the test."""
    def label():
        for number, node in enumerate(workers(cluster)):
            cluster.kubectl("label", "node", node, f"{ZONE}=zone-{number}", "--overwrite")
    yield label
    for node in workers(cluster):
        cluster.kubectl("label", "node", node, f"{ZONE}-")


def places(namespace, chart):
    return sorted(pod["spec"]["nodeName"] for pod in namespace.pods(instance=chart)
                  if "deletionTimestamp" not in pod["metadata"])


def roll(namespace, times, what):
    for number in range(times):
        for chart in CHARTS:
            namespace.kubectl("rollout", "restart", f"deployment/{chart}")
        for chart in CHARTS:
            namespace.kubectl("rollout", "status", f"deployment/{chart}", "--timeout=120s")
            found = places(namespace, chart)
            say(f"{what}, rollout {number + 1}: {chart} on {found}")
            assert len(found) == 2 == len(set(found)), f"{what}, rollout {number + 1}: {chart} on {found}"


def test_pods_are_on_different_nodes_after_each_rollout(namespace, zones):
    for chart in CHARTS:
        namespace.install(chart, chart)
        assert len(set(places(namespace, chart))) == 2
    roll(namespace, ROLLOUTS, "without zones")
    zones()
    roll(namespace, ROLLOUTS, "with zones")
