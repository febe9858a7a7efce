"""Both charts with default values: ready, used, Redis killed, upgraded, rolled back, removed."""

import time

from cluster import ROOT, say
from support.deadline import stays, wait_until
from support.load import Load


def documents(client):
    """All documents in the feed."""
    found, cursor = [], ""
    while True:
        page = client.get(f"/v1/documents?limit=1000{cursor}").json()
        found += page["documents"]
        if not page["more"]:
            return found
        cursor = f"&cursor={page['next']}"


def log_records(client):
    return [record for entry in documents(client) for record in entry["document"].get("logs", [])]


def deliver_log(pinger, client, mark):
    """Waits until the records of a request and its response arrive in Collector as documents."""
    answer = pinger.client().get("/e2e?type=currentTime", {"x-e2e": mark})
    assert answer.status == 200

    def arrived():
        records = log_records(client)
        asked = [r for r in records if r.get("req", {}).get("headers", {}).get("x-e2e") == mark]
        correlation = answer.header("x-correlation-id")
        answered = [r for r in records if r.get("res", {}).get("headers", {}).get("x-correlation-id") == correlation]
        return asked and answered
    wait_until(arrived, f"Pinger's log of {mark} in Collector", 30, interval=0.5)


def left_in(namespace):
    kinds = "deployments,statefulsets,pods,services,secrets,configmaps,poddisruptionbudgets,persistentvolumeclaims"
    names = {f"{item['kind']}/{item['metadata']['name']}" for item in namespace.get(kinds)["items"]}
    return {name for name in names if not name.endswith("-outside")} - {"ConfigMap/kube-root-ca.crt"}


def test_both_charts_work_without_values(namespace):
    took = namespace.install("collector", "collector")
    say(f"Collector and its Redis are ready after {took:.1f} s")
    namespace.install("pinger", "pinger")
    namespace.helm("test", "collector", "--timeout", "60s")
    namespace.helm("test", "pinger", "--timeout", "60s")

    collector = namespace.expose_program("collector", 4001).wait_reachable("/readyz")
    pinger = namespace.expose_program("pinger", 3000).wait_reachable()
    client = collector.client()

    deliver_log(pinger, client, "at-first")

    # Redis is killed under load: all acknowledged documents exist afterwards, and no request failed.
    with Load(collector, connections=4, rate=100) as load:
        load.wait_acknowledged(200)
        # appendfsync everysec guarantees only data older than a second.
        stays(lambda: not load.failed, "no request fails", 1.5)
        before = namespace.identities()
        begin = time.monotonic()
        namespace.kubectl("delete", "pod", "collector-redis-0", "--wait=true")
        namespace.kubectl("rollout", "status", "statefulset/collector-redis", "--timeout=90s")
        load.wait_acknowledged(200, seconds=60)
        say(f"acknowledges again {time.monotonic() - begin:.1f} s after Redis's pod was deleted")
    lost = [key for key in load.acknowledged if client.get(f"/v1/documents/{key}").status != 200]
    assert not load.failed and not lost, f"{load.table()}\nlost: {lost}"
    assert namespace.identities() == before, "no pod of Collector has restarted"
    deliver_log(pinger, client, "after-redis")

    # The password survives upgrades, and a rollback restores an old revision.
    password = namespace.entry("collector-redis", "password")
    pingers = namespace.identities(instance="pinger")
    for chart in ("collector", "pinger"):
        namespace.helm("upgrade", chart, str(ROOT / "charts" / chart), "--set", "config.log-level=warn",
                       "--wait", "--timeout", "120s")
    assert namespace.entry("collector-redis", "password") == password
    assert namespace.identities() != before and namespace.identities(instance="pinger") != pingers
    for chart in ("collector", "pinger"):
        namespace.helm("rollback", chart, "1", "--wait", "--timeout", "120s")
    assert namespace.entry("collector-redis", "password") == password
    collector.wait_reachable("/readyz")
    pinger.wait_reachable()
    client = collector.client()
    key = next(iter(load.acknowledged))
    assert client.get(f"/v1/documents/{key}").json()["marker"] == load.acknowledged[key]
    deliver_log(pinger, client, "after-rollback")

    # Only the volume remains.
    namespace.helm("uninstall", "pinger", "--wait")
    namespace.helm("uninstall", "collector", "--wait")
    wait_until(lambda: left_in(namespace) == {"PersistentVolumeClaim/data-collector-redis-0"},
               lambda: f"nothing is left but the volume: {left_in(namespace)}", 60, interval=0.5)
