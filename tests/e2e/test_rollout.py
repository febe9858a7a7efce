"""A rolling update, scaling up and scaling down of Collector under load fail no request."""

import pytest

from cluster import ROOT, say
from support.load import Load


@pytest.fixture
def collector(namespace):
    namespace.install("collector", "collector")
    return namespace.expose_program("collector", 4001).wait_reachable("/readyz")


def test_rolling_updates_and_scaling_fail_no_request(namespace, collector):
    with Load(collector, connections=4, rate=100) as load:
        load.wait_acknowledged(100)
        before = namespace.identities()
        namespace.helm("upgrade", "collector", str(ROOT / "charts/collector"), "--set", "config.hold-time=40s",
                       "--wait", "--timeout", "120s")
        assert not set(before) & {pod["metadata"]["uid"] for pod in namespace.pods()
                                  if "deletionTimestamp" not in pod["metadata"]}
        for replicas in ("4", "1", "2"):
            namespace.kubectl("scale", "deployment/collector", f"--replicas={replicas}")
            namespace.kubectl("rollout", "status", "deployment/collector", "--timeout=90s")
            load.wait_acknowledged(300)
        # Old pods end within this time: the drain delay, then requests in flight.
        load.wait_acknowledged(800)
    lost = [key for key in load.acknowledged if collector.client().get(f"/v1/documents/{key}").status != 200]
    say(load.table())
    assert not load.failed and not lost, f"{load.table()}\nlost: {lost}\n{collector.tail()}"
