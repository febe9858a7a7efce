"""Both charts in each mode, in a namespace that enforces, warns about and audits Pod Security "restricted": all pods
are admitted, and the API server objects to nothing.

Warnings appear in the output of kubectl and helm (cluster.run), denials in the API server's counter, which includes the
ones in mode audit."""

import re

import pytest

from cluster import attempt
from managed import ManagedRedis
from test_install import deliver_log

pytestmark = pytest.mark.extended

MODES = ["internal", "secret", "serviceBinding", "env"]
PRIVILEGED = {"name": "main", "image": "valkey/valkey:8.1", "securityContext": {"privileged": True}}


def denials(cluster):
    """Returns {mode: number of violations of "restricted"} since the API server started."""
    counts = dict.fromkeys(("enforce", "warn", "audit"), 0)
    for labels, count in re.findall(r"^pod_security_evaluations_total\{(.*)\} (\d+)$",
                                    cluster.kubectl("get", "--raw", "/metrics"), re.M):
        named = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if named["decision"] == "deny":
            counts[named["mode"]] += int(count)
    return counts


def options(mode, server):
    """Returns (Collector's, Pinger's) helm options for a mode; modes without their own Redis use the given one."""
    redis = f'[{{"name":"REDIS_URL","value":"{server.uri()}"}}]' if server else None
    return {
        "internal": ([], []),
        "secret": (["--set", "redis.mode=secret,redis.secret.name=cache"], ["--set", "collector.mode=secret"]),
        "serviceBinding": (["--set", "redis.mode=serviceBinding,redis.serviceBinding.service.name=cache"],
                           ["--set", "collector.mode=serviceBinding"]),
        "env": (["--set", "redis.mode=env", "--set-json", f"redis.env={redis}"],
                ["--set", "collector.mode=env", "--set-json",
                 'collector.env=[{"name":"COLLECTOR_URL","value":"http://collector:4001"}]']),
    }[mode]


@pytest.mark.usefixtures("binding_controller")
@pytest.mark.parametrize("mode", MODES)
def test_restricted_admits_all_pods(cluster, namespace, make_namespace, mode):
    server = ManagedRedis(make_namespace("managed"), "cache", "app", "a-secret") if mode != "internal" else None
    if server:
        namespace.secret("cache", {"type": "redis", **server.parts()})
    before = denials(cluster)
    for chart, chosen in zip(("collector", "pinger"), options(mode, server)):
        namespace.install(chart, chart, *chosen)
        # A controller replaces pods when it mounts a binding.
        if mode == "serviceBinding":
            name = {"collector": "collector-redis", "pinger": "pinger-collector"}[chart]
            namespace.kubectl("wait", "--for=condition=Ready", f"servicebinding/{name}", "--timeout=90s")
        namespace.kubectl("rollout", "status", f"deployment/{chart}", "--timeout=90s")
        namespace.helm("test", chart, "--timeout", "60s")
    collector = namespace.expose_program("collector", 4001).wait_reachable("/readyz")
    pinger = namespace.expose_program("pinger", 3000).wait_reachable()
    deliver_log(pinger, collector.client(), mode)
    assert denials(cluster) == before


def test_a_violation_is_detected(cluster, namespace):
    before = denials(cluster)
    status, _, said = attempt("kubectl", "--namespace", namespace.name, "run", "bad", "--image", PRIVILEGED["image"],
                              env=cluster.env)
    assert status != 0 and 'violates PodSecurity "restricted:' in said, said
    labels = {"app": "bad"}
    with pytest.raises(AssertionError, match="would violate PodSecurity"):
        namespace.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "bad"},
                         "spec": {"replicas": 0, "selector": {"matchLabels": labels},
                                  "template": {"metadata": {"labels": labels}, "spec": {"containers": [PRIVILEGED]}}}})
    with pytest.raises(AssertionError, match="would violate PodSecurity"):
        namespace.install("collector", "collector", "--set", "securityContext.allowPrivilegeEscalation=true", wait=False)
    after = denials(cluster)
    assert all(after[mode] > before[mode] for mode in after), f"{before}, then {after}"
