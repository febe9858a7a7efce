"""Changes the password of the chart's own Valkey five times under load, with each way of installing and in both orders:
no request fails, nothing is lost, and no pod stays unready."""

import json

import pytest

from cluster import ROOT, run, say
from support.load import Load

pytestmark = pytest.mark.extended

TIMES = 5
SECRET = "collector-redis-password"


class ByChart:
    """helm upgrade with another password: the chart restarts Redis."""

    @staticmethod
    def install(namespace, password):
        namespace.install("collector", "collector", "--set", f"redis.internal.password={password}")

    @staticmethod
    def change(namespace, password):
        namespace.helm("upgrade", "collector", str(ROOT / "charts/collector"), "--set",
                       f"redis.internal.password={password}", "--wait", "--timeout", "120s")


class BySecret:
    """Edits the user's Secret and restarts Redis as the README says."""

    @classmethod
    def install(cls, namespace, password):
        namespace.secret(SECRET, {"password": password})
        cls.apply(namespace)
        namespace.kubectl("rollout", "status", "deployment/collector", "--timeout=150s")

    @staticmethod
    def change(namespace, password):
        namespace.secret(SECRET, {"password": password})
        namespace.kubectl("rollout", "restart", "statefulset/collector-redis")


class ByOverlay(BySecret):
    @staticmethod
    def apply(namespace):
        namespace.kubectl("apply", "-k", str(ROOT / "deploy/k8s/overlays/in-cluster"))


class ByGitOps(BySecret):
    """helm template and kubectl apply, and again after the change."""

    @staticmethod
    def apply(namespace):
        namespace.kubectl("apply", "-f", "-", text=run(
            "helm", "template", "collector", str(ROOT / "charts/collector"), "--namespace", namespace.name, "--skip-tests",
            "--kube-version", "1.30.0", "--set", f"redis.internal.passwordSecret.name={SECRET}"))

    @classmethod
    def change(cls, namespace, password):
        super().change(namespace, password)
        cls.apply(namespace)


def change_server(namespace, password):
    """Changes the server first: open connections stay, new ones need the new password."""
    said = namespace.execute("collector-redis-0", "sh", "-c",
                             "REDISCLI_AUTH=$(cat /run/redis/password) VALKEYCLI_AUTH=$REDISCLI_AUTH; "
                             "export REDISCLI_AUTH VALKEYCLI_AUTH; valkey-cli config set requirepass \"$0\"", password)
    assert "OK" in said, said


def is_ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"])


@pytest.mark.parametrize("order", ["Secret first", "server first"])
@pytest.mark.parametrize("form", [ByChart, ByOverlay, ByGitOps], ids=lambda form: form.__name__)
def test_changing_the_password_fails_no_request(namespace, form, order):
    form.install(namespace, "password-0")
    collector = namespace.expose_program("collector", 4001).wait_reachable("/readyz")
    before = namespace.identities()
    with Load(collector, connections=4, rate=60) as load:
        load.wait_acknowledged(60)
        for number in range(1, TIMES + 1):
            redis = namespace.identities(component="redis")
            if order == "server first":
                change_server(namespace, f"password-{number}")
            form.change(namespace, f"password-{number}")
            namespace.kubectl("rollout", "status", "statefulset/collector-redis", "--timeout=90s")
            (pod,) = namespace.pods(component="redis")
            assert pod["metadata"]["uid"] not in redis and is_ready(pod), json.dumps(pod["status"])
            load.wait_acknowledged(60, seconds=60)
    say(load.table())
    client = collector.client()
    lost = [key for key in load.acknowledged if client.get(f"/v1/documents/{key}").status != 200]
    assert not load.failed and not lost, f"{load.table()}\nlost: {lost}\n{collector.tail()}"
    if form is not ByChart:  # with the same revision of Collector's pods
        assert namespace.identities() == before
