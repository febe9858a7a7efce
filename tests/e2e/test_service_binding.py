"""Both charts with a real controller of the Service Binding Specification, bound to a Secret and to a Provisioned
Service.

The tests use the cluster's controller, or else the one that E2E_SERVICE_BINDING installs. They passed with the
reference implementation v0.7.0, which uses servicebinding.io/v1beta1, and the resource definitions of v1.0.0, which
also serve the charts' servicebinding.io/v1. v1.0.0 itself has not been tested."""

import json

import pytest

from cluster import ROOT, say
from in_use import documents_in, wait_alone, wait_in_use
from managed import ManagedRedis
from support.certificates import Certificates
from support.load import Load
from test_install import deliver_log

pytestmark = pytest.mark.extended

GROUP = "e2e.example.com"
# A custom resource of a platform: the specification requires status.binding.name, and permission to read it.
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"caches.{GROUP}"},
    "spec": {"group": GROUP, "scope": "Namespaced", "names": {"kind": "Cache", "plural": "caches", "singular": "cache"},
             "versions": [{"name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
                           "schema": {"openAPIV3Schema": {"type": "object", "properties": {"status": {
                               "type": "object", "properties": {"binding": {
                                   "type": "object", "properties": {"name": {"type": "string"}}}}}}}}}]}}
LEAVE = {
    "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
    "metadata": {"name": f"caches.{GROUP}", "labels": {"servicebinding.io/controller": "true"}},
    "rules": [{"apiGroups": [GROUP], "resources": ["caches"], "verbs": ["get", "list", "watch"]}]}


@pytest.fixture(scope="session")
def caches(cluster):
    """The platform's custom resource, and the controller's permission to read it."""
    own = json.dumps({"apiVersion": "v1", "kind": "List", "items": [DEFINITION, LEAVE]})
    cluster.kubectl("apply", "-f", "-", text=own)
    cluster.kubectl("wait", "--for=condition=Established", f"crd/{DEFINITION['metadata']['name']}", "--timeout=30s")
    yield
    cluster.kubectl("delete", "-f", "-", "--ignore-not-found", text=own)


class DirectReference:
    """The ServiceBinding names the Secret."""

    def __init__(self, namespace):
        self.namespace = namespace

    def options(self, secret):
        return ["--set", f"redis.mode=serviceBinding,redis.serviceBinding.service.name={secret}"]

    def point_at(self, secret):
        self.namespace.helm("upgrade", "collector", str(ROOT / "charts/collector"), *self.options(secret))


class ProvisionedService:
    """The ServiceBinding names a resource, whose status names the Secret."""

    def __init__(self, namespace):
        self.namespace = namespace
        namespace.apply({"apiVersion": f"{GROUP}/v1", "kind": "Cache", "metadata": {"name": "orders"}})

    def options(self, secret):
        self.point_at(secret)
        service = {"apiVersion": f"{GROUP}/v1", "kind": "Cache", "name": "orders"}
        return ["--set", "redis.mode=serviceBinding", "--set-json", f"redis.serviceBinding.service={json.dumps(service)}"]

    def point_at(self, secret):
        self.namespace.kubectl("patch", "cache", "orders", "--subresource=status", "--type=merge", "--patch",
                               json.dumps({"status": {"binding": {"name": secret}}}))
        # v0.7.0 did not notice a changed status within 90 s; changing the ServiceBinding triggers it.
        self.namespace.kubectl("annotate", "servicebinding", "--all", f"{GROUP}/secret={secret}", "--overwrite")


def bound(namespace, name, secret):
    namespace.kubectl("wait", "--for=condition=Ready", f"servicebinding/{name}", "--timeout=90s")
    assert namespace.get("servicebinding", name)["status"]["binding"]["name"] == secret


@pytest.mark.usefixtures("binding_controller", "caches")
@pytest.mark.parametrize("means", [DirectReference, ProvisionedService])
def test_the_controller_binds_both_programs(namespace, make_namespace, tmp_path, means):
    managed = make_namespace("managed")
    first = ManagedRedis(managed, "first", "app", "one-secret")
    second = ManagedRedis(managed, "second", "other", "two-secret", Certificates(tmp_path))
    namespace.secret("cache", {"type": "redis", **first.parts()})
    service = means(namespace)
    namespace.install("collector", "collector", *service.options("cache"))
    namespace.install("pinger", "pinger", "--set", "collector.mode=serviceBinding")
    bound(namespace, "collector-redis", "cache")
    bound(namespace, "pinger-collector", "collector-binding")
    bound(namespace, "pinger-collector-test", "collector-binding")
    for name in ("collector", "pinger"):
        namespace.kubectl("rollout", "status", f"deployment/{name}", "--timeout=60s")
    collector = namespace.expose_program("collector", 4001).wait_reachable("/readyz")
    pinger = namespace.expose_program("pinger", 3000).wait_reachable()
    deliver_log(pinger, collector.client(), "bound")
    for name in ("collector", "pinger"):
        namespace.helm("test", name, "--timeout", "60s")
    assert documents_in(first) > 0

    def generation():
        return namespace.get("deployment", "collector")["metadata"]["generation"]
    pods, before = namespace.identities(), generation()
    with Load(collector, connections=4, rate=100) as load:
        load.wait_acknowledged(100)
        what = "the Redis of the changed Secret is in use"
        namespace.secret("cache", {"type": "redis", **second.parts()})
        wait_in_use(namespace, second, load, what)
        wait_alone(second, [first], load, what)
        assert namespace.identities() == pods and generation() == before, "nothing was rolled out"
        deliver_log(pinger, collector.client(), "changed")

        # Another Secret is another volume, so the controller replaces the pods.
        namespace.secret("other", {"type": "redis", **first.parts()})
        service.point_at("other")
        namespace.wait_gone(pods, seconds=90)
        bound(namespace, "collector-redis", "other")
        wait_alone(first, [second], load, "the Redis of another Secret is in use")
    result = load.count(first.client(), second.client())
    say(str(result))
    result.assert_perfect()
