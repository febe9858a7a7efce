"""kubectl apply -k of each overlay in deploy/k8s: both programs become ready and work, and kubectl delete -k leaves
only the volume and the manually created Secret."""

import json

import pytest

from cluster import ROOT, say
from managed import ManagedRedis
from support.deadline import wait_until
from test_install import deliver_log, left_in

pytestmark = pytest.mark.extended

VOLUME = "PersistentVolumeClaim/data-collector-redis-0"


class Applied:
    """An overlay in a namespace: applied, used and deleted again."""

    def __init__(self, namespace, overlay):
        self.namespace, self.folder = namespace, str(ROOT / "deploy/k8s/overlays" / overlay)
        say(f"kubectl apply -k {overlay}")
        namespace.kubectl("apply", "-k", self.folder)

    def rolled_out(self):
        for name in ("collector", "pinger"):
            self.namespace.kubectl("rollout", "status", f"deployment/{name}", "--timeout=150s")
        return self

    def request(self, *arguments):
        """Collector's response to its own client, in one of its pods."""
        return json.loads(self.namespace.kubectl("exec", "deployment/collector", "--", "collector", "request", *arguments))

    def use(self):
        """Writes and reads a document, and waits for Pinger's log."""
        address = "http://127.0.0.1:4001/v1/documents"
        key = self.request("POST", address, "--data", '{"order":17}')["key"]
        assert self.request("GET", f"{address}/{key}")["order"] == 17
        collector = self.namespace.expose_program("collector", 4001).wait_reachable("/readyz")
        assert collector.client().get(f"/v1/documents/{key}").json()["order"] == 17
        pinger = self.namespace.expose_program("pinger", 3000).wait_reachable()
        deliver_log(pinger, collector.client(), "overlay")

    def delete(self, but):
        self.namespace.kubectl("delete", "-k", self.folder, "--wait=true")
        wait_until(lambda: left_in(self.namespace) == but, lambda: f"only {but} is left: {left_in(self.namespace)}", 90, 0.5)


def test_in_cluster(namespace):
    overlay = Applied(namespace, "in-cluster")
    namespace.secret("collector-redis-password", {"password": 'a "b" \\c'})
    overlay.rolled_out().use()
    overlay.delete({VOLUME, "Secret/collector-redis-password"})
    # The volume still has the stored documents.
    again = Applied(namespace, "in-cluster").rolled_out()
    page = again.request("GET", "http://127.0.0.1:4001/v1/documents")
    assert any(entry["document"].get("order") == 17 for entry in page["documents"]), page
    again.delete({VOLUME, "Secret/collector-redis-password"})


@pytest.mark.parametrize("when", ["before", "after"])
def test_managed(namespace, make_namespace, when):
    server = ManagedRedis(make_namespace("managed"), "cache", "app", "overlay-secret")
    if when == "before":
        namespace.secret("redis-binding", server.parts())
    overlay = Applied(namespace, "managed")
    if when == "after":
        wait_until(lambda: "binding.awaited" in namespace.logs(), "Collector waits for its binding", 60, interval=0.5)
        namespace.secret("redis-binding", server.parts())
    overlay.rolled_out().use()
    overlay.delete({"Secret/redis-binding"})


@pytest.mark.usefixtures("binding_controller")
def test_service_binding(namespace, make_namespace):
    server = ManagedRedis(make_namespace("managed"), "cache", "app", "overlay-secret")
    namespace.secret("redis-binding", {"type": "redis", **server.parts()})
    overlay = Applied(namespace, "service-binding")
    for name in ("collector-redis", "pinger-collector"):
        namespace.kubectl("wait", "--for=condition=Ready", f"servicebinding/{name}", "--timeout=90s")
    overlay.rolled_out().use()
    overlay.delete({"Secret/redis-binding"})
    assert not namespace.get("servicebindings")["items"]
