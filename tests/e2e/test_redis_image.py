"""The chart's own Redis with the image redis:7 instead of Valkey's: its programs have different names and options."""

import pytest

from cluster import ROOT, say
from test_install import documents

pytestmark = pytest.mark.extended

IMAGE = "redis:7"


def server(namespace):
    """Returns the version that Collector's trial of its Redis reports: "redis 7.0.15"."""
    said = namespace.execute("deployment/collector", "collector", "--check")
    assert " reached in " in said, said
    return said.split(" reached in ")[1].split(": ")[1].split(",")[0]


def replaced(namespace, change):
    """Waits until Redis's pod has been replaced and is ready."""
    before = namespace.identities(component="redis")
    change()
    namespace.kubectl("rollout", "status", "statefulset/collector-redis", "--timeout=120s")
    after = namespace.identities(component="redis")
    assert len(after) == 1 and not set(before) & set(after) and set(after.values()) == {0}, f"{before}, then {after}"


def test_replacing_valkey_by_redis_keeps_documents(cluster, namespace):
    cluster.load(IMAGE)
    repository, tag = IMAGE.split(":")
    namespace.install("collector", "collector", "--set", f"redis.internal.image.repository={repository}",
                      "--set-string", f"redis.internal.image.tag={tag}")
    assert server(namespace).startswith(f"redis {tag}.")
    say(f"installed with {server(namespace)}")
    client = namespace.expose_program("collector", 4001).wait_reachable("/readyz").client()
    stored = {client.post("/v1/documents", {"number": number}).json()["key"]: number for number in range(100)}

    def all_there():
        return {entry["key"]: entry["document"]["number"] for entry in documents(client)} == stored
    replaced(namespace, lambda: namespace.kubectl("delete", "pod", "collector-redis-0", "--wait=true"))
    assert all_there()
    stored[client.post("/v1/documents", {"number": 100}).json()["key"]] = 100
    assert all_there()

    # Valkey reads the data of that Redis.
    replaced(namespace, lambda: namespace.helm("upgrade", "collector", str(ROOT / "charts/collector"),
                                               "--reset-values", "--wait", "--timeout", "120s"))
    assert server(namespace).startswith("valkey ") and all_there()
