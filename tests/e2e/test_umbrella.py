"""Both charts installed as parts of another one: aliases, conditions, global values, two Collectors in one release."""

import shutil

import pytest
import yaml

from cluster import ROOT, VERSION, Outside, run
from in_use import running
from test_install import deliver_log
from test_tokens import status_of

pytestmark = pytest.mark.extended

MIRROR = "mirror.example"
VALUES = {
    "global": {"imageRegistry": MIRROR, "imagePullSecrets": ["pull"], "storageClass": "standard"},
    "orders": {"enabled": True, "tokens": {"required": True}},
    "billing": {"enabled": False, "replicas": 1, "redis": {"internal": {"persistence": {"enabled": False}}}},
    "pinger": {"enabled": True, "collector": {"secret": {"name": "{{ .Release.Name }}-orders-binding"}}},
}


@pytest.fixture
def umbrella(cluster, tmp_path):
    """The folder of a chart `shop`: Collector twice under its own names, and Pinger. The images come from a mirror."""
    for image in (f"collector:{VERSION}", f"pinger:{VERSION}", "valkey/valkey:8.1"):
        run("docker", "tag", image, f"{MIRROR}/{image}")
        cluster.load(f"{MIRROR}/{image}")
    shop = tmp_path / "shop"
    (shop / "charts").mkdir(parents=True)
    for chart in ("collector", "pinger"):
        shutil.copytree(ROOT / "charts" / chart, shop / "charts" / chart)
    dependencies = [{"name": chart, "version": "*", "alias": alias, "condition": f"{alias}.enabled"}
                    for chart, alias in (("collector", "orders"), ("collector", "billing"), ("pinger", "pinger"))]
    (shop / "Chart.yaml").write_text(yaml.safe_dump(
        {"apiVersion": "v2", "name": "shop", "version": "1.0.0", "dependencies": dependencies}))
    (shop / "values.yaml").write_text(yaml.safe_dump(VALUES))
    return str(shop)


def names(namespace, kind):
    return {item["metadata"]["name"] for item in namespace.get(kind)["items"]}


def test_an_umbrella_chart_of_both_charts_works(namespace, umbrella):
    namespace.helm("install", "shop", umbrella, "--wait", "--timeout", "180s")
    assert names(namespace, "deployments") == {"shop-orders", "shop-pinger"}
    assert names(namespace, "statefulsets") == {"shop-orders-redis"}
    for pod in namespace.get("pods")["items"]:
        assert all(container["image"].startswith(f"{MIRROR}/") for container in pod["spec"]["containers"])
        assert pod["spec"]["imagePullSecrets"] == [{"name": "pull"}]
    assert namespace.get("pvc", "data-shop-orders-redis-0")["spec"]["storageClassName"] == "standard"
    namespace.helm("test", "shop", "--timeout", "90s")

    # The alias is the chart's name, so labels distinguish the parts.
    orders = namespace.exposed("orders-outside", {"app.kubernetes.io/name": "orders", "app.kubernetes.io/component": "server"}, 4001)
    pinger = namespace.exposed("pinger-outside", {"app.kubernetes.io/name": "pinger", "app.kubernetes.io/component": "server"}, 3000)
    orders, pinger = (reach(namespace, address) for address in (orders, pinger))
    token = namespace.entry("shop-orders-binding", "token")
    assert (status_of(orders), status_of(orders, token)) == (401, 200)

    class Reader:
        @staticmethod
        def get(path):
            return orders.client().get(path, {"Authorization": f"Bearer {token}"})
    deliver_log(pinger, Reader, "in-an-umbrella")

    # Adding a second Collector does not affect the first one or Pinger.
    before = {pod["metadata"]["uid"] for pod in running(namespace, instance="shop")}
    namespace.helm("upgrade", "shop", umbrella, "--set", "billing.enabled=true", "--wait", "--timeout", "180s")
    assert names(namespace, "deployments") == {"shop-orders", "shop-billing", "shop-pinger"}
    assert before < {pod["metadata"]["uid"] for pod in running(namespace, instance="shop")}
    assert namespace.entry("shop-orders-binding", "token") == token
    namespace.helm("test", "shop", "--timeout", "120s")

    # Disabled parts are removed.
    namespace.helm("upgrade", "shop", umbrella, "--set", "pinger.enabled=false", "--wait", "--timeout", "180s")
    assert names(namespace, "deployments") == {"shop-orders"} and names(namespace, "statefulsets") == {"shop-orders-redis"}


def reach(namespace, address):
    return Outside(*address, lambda: namespace.logs("shop")[-4000:]).wait_reachable()
