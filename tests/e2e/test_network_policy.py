"""The charts' network policies in a cluster that enforces them: without them a pod in another namespace reaches Redis,
Collector and Pinger; with them it does not, while permitted clients still can, on new connections."""

import json
import re

import pytest

from bystander import Bystander, ask_http, ask_redis, becomes, reached
from cluster import ROOT, Namespace, run, say
from managed import ManagedRedis, restricted
from support.deadline import DeadlineExceeded, wait_until
from test_install import log_records

pytestmark = pytest.mark.extended


@pytest.fixture(scope="session")
def enforced(cluster):
    """Tests whether the cluster enforces network policies, because no API reports it."""
    namespace = Namespace(cluster, "enforced")
    try:
        server, client = Bystander(namespace, "server"), Bystander(namespace, "client")

        def ask():
            return client.redis(server.host)
        becomes(True, ask, "a pod without a policy")
        namespace.apply({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "server"},
                         "spec": {"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"]}})
        try:
            becomes(False, ask, "an isolated pod", seconds=10)
        except DeadlineExceeded:
            cluster.extend("what enforces network policies", "E2E_NETWORK_POLICY", "../shared/kind/network-policy")
            becomes(False, ask, "an isolated pod", seconds=60)
    finally:
        namespace.delete()


class Inside:
    """A client of Collector that runs in its own pods, with the interface of the clients in tests/support."""

    def __init__(self, namespace):
        self.namespace = namespace

    def get(self, path):
        said = self.namespace.kubectl("exec", "deployment/collector", "--", "collector", "request", "GET",
                                      f"http://127.0.0.1:4001{path}")
        return Answer(said)


class Answer:
    def __init__(self, body):
        self.body = body

    def json(self):
        return json.loads(self.body)


def component(chart, name="server"):
    return {"podSelector": {"matchLabels": {"app.kubernetes.io/name": chart, "app.kubernetes.io/component": name}}}


def of(bystander):
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": bystander.namespace.name}},
            "podSelector": {"matchLabels": {"app": bystander.name}}}


def upgrade(namespace, chart, policy, *options):
    """Sets these values of networkPolicy."""
    namespace.helm("upgrade", chart, str(ROOT / "charts" / chart), "--set-json", f"networkPolicy={json.dumps(policy)}",
                   *options, "--wait", "--timeout", "120s")


def new_pods(namespace, chart):
    """Replaces the pods, because policies do not affect open connections."""
    namespace.kubectl("rollout", "restart", f"deployment/{chart}")
    namespace.kubectl("rollout", "status", f"deployment/{chart}", "--timeout=120s")


def see(paths, column):
    """Waits until each path is open or closed as expected; closed ones must stay closed."""
    for what, (ask, *expected) in paths.items():
        becomes(expected[column], ask, what)
    for what, (ask, *expected) in paths.items():
        if not expected[column]:
            assert ask() is False, f"{what} stays held back"


@pytest.mark.usefixtures("enforced")
def test_only_permitted_clients_get_through(namespace, make_namespace):
    foreign = make_namespace("foreign")
    stranger, friend = Bystander(foreign, "stranger"), Bystander(foreign, "friend")
    for chart in ("collector", "pinger"):
        namespace.install(chart, chart)
    password, domain = namespace.entry("collector-redis", "password"), f"{namespace.name}.svc.cluster.local"
    redis, collector = f"collector-redis.{domain}", f"http://collector.{domain}:4001/healthz"
    pinger, outside = f"http://pinger.{domain}:3000", f"http://{stranger.host}:4001"

    def pinger_to(url):
        return reached(namespace.execute("deployment/pinger", "pinger", "--check", "--collector-url", url), " reached in ")

    # path: whether it is open without policies, with them, and with access to Redis for the friend
    paths = {
        "a stranger to Redis": (lambda: stranger.redis(redis, password), True, False, False),
        "a stranger to Collector": (lambda: stranger.http(collector), True, False, False),
        "a stranger to Pinger": (lambda: stranger.http(f"{pinger}/healthz"), True, False, False),
        "a friend to Redis": (lambda: friend.redis(redis, password), True, False, True),
        "a friend to Collector": (lambda: friend.http(collector), True, True, True),
        "a friend to Pinger": (lambda: friend.http(f"{pinger}/healthz"), True, True, True),
        # By address; Redis's policy allows it only DNS.
        "Redis to elsewhere": (lambda: ask_redis(namespace, "collector-redis-0", stranger.address), True, False, False),
        "Collector to elsewhere": (lambda: ask_http(namespace, "deployment/collector", f"{outside}/healthz"),
                                   True, False, False),
        "Collector to Redis": (lambda: reached(post(namespace), '"key":'), True, True, True),
        "Pinger to elsewhere": (lambda: pinger_to(outside), True, False, False),
        "Pinger to Collector": (lambda: pinger_to(collector.removesuffix("/healthz")), True, True, True),
    }
    see(paths, 0)

    policy = {"enabled": True, "ingressFrom": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "pinger"}}},
                                               of(friend)]}
    upgrade(namespace, "collector", policy)
    upgrade(namespace, "pinger", {"enabled": True, "ingressFrom": [of(friend)],
                                  "collectorEgress": [{"ports": [{"port": "http"}], "to": [component("collector")]}]})
    for chart in ("collector", "pinger"):
        new_pods(namespace, chart)
        namespace.helm("test", chart, "--timeout", "90s")
    see(paths, 1)
    deliver(namespace, friend, pinger)

    # A Redis that starts while its policy is in force is reachable too.
    namespace.kubectl("delete", "pod", "collector-redis-0", "--wait=true")
    namespace.kubectl("rollout", "status", "statefulset/collector-redis", "--timeout=90s")
    deliver(namespace, friend, pinger)

    upgrade(namespace, "collector", {**policy, "redisIngressFrom": [of(friend)]})
    see(paths, 2)
    for chart in ("collector", "pinger"):
        upgrade(namespace, chart, {"enabled": False})
    see(paths, 0)
    say("policies off, on, on with a friend of Redis, and off: each path as it has to be")


def post(namespace):
    """Collector's response to a document, requested inside one of its pods."""
    return namespace.execute("deployment/collector", "collector", "request", "POST",
                             "http://127.0.0.1:4001/v1/documents", "--data", '{"order":17}', "--timeout", "10")


def deliver(namespace, friend, pinger):
    """Sends a permitted request to Pinger; its log record arrives in Collector, and so in Redis."""
    mark = f"mark-{len(log_records(Inside(namespace)))}"
    friend.namespace.kubectl("exec", friend.name, "--container", "collector", "--", "collector", "request", "GET",
                             f"{pinger}/e2e?type=currentTime", "--header", f"x-e2e: {mark}")
    wait_until(lambda: any(record.get("req", {}).get("headers", {}).get("x-e2e") == mark
                           for record in log_records(Inside(namespace))), f"the log record of {mark}", 30, interval=0.5)


@pytest.mark.usefixtures("enforced")
def test_an_external_redis_is_reachable_once_the_policy_names_it_and_nothing_else_is(namespace, make_namespace):
    managed = make_namespace("managed")
    server, stranger = ManagedRedis(managed, "cache", "app", "policy-secret"), Bystander(make_namespace("foreign"), "stranger")
    namespace.secret("cache", server.parts())
    options = ["--set", "redis.mode=secret,redis.secret.name=cache"]
    namespace.install("collector", "collector", *options, "--set", "networkPolicy.enabled=true")

    def document():
        return server.client().get(json.loads(post(namespace))["key"])

    def elsewhere():
        return ask_http(namespace, "deployment/collector", f"http://{stranger.host}:4001/healthz")
    assert b'"order":17' in document()
    becomes(True, elsewhere, "Collector to elsewhere, while the policy does not say where Redis is")
    there = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": managed.name}}}
    upgrade(namespace, "collector", {"enabled": True, "redisEgress": [{"ports": [{"port": 6379}], "to": [there]}]}, *options)
    new_pods(namespace, "collector")
    assert b'"order":17' in document()
    becomes(False, elsewhere, "Collector to elsewhere")
    assert b'"order":17' in document() and elsewhere() is False


def names_container(namespace, corefile):
    """A container of the cluster's own name server, and its volume: it logs queries and forwards them to the
    cluster's."""
    upstream = namespace.cluster.kubectl("-n", "kube-system", "get", "service", "kube-dns", "-o", "jsonpath={.spec.clusterIP}")
    image = namespace.cluster.kubectl("-n", "kube-system", "get", "deployment", "coredns", "-o",
                                      "jsonpath={.spec.template.spec.containers[0].image}")
    namespace.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "corefile"},
                     "data": {"Corefile": f"{corefile}  log\n  forward . {upstream}\n}}\n"}})
    container = {"name": "coredns", "image": image, "args": ["-conf", "/etc/coredns/Corefile"],
                 "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns"}]}
    return container, {"name": "config", "configMap": {"name": "corefile"}}


def start_names(namespace, spec):
    namespace.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "names", "labels": {"app": "names"}}, "spec": spec})
    namespace.kubectl("wait", "--for=condition=Ready", "pod/names", "--timeout=60s")


def name_server(namespace):
    """The address of a name server that listens at 5353 behind a Service of port 53, as OpenShift's does."""
    container, volume = names_container(namespace, ".:5353 {\n")
    container["readinessProbe"] = {"tcpSocket": {"port": 5353}, "periodSeconds": 1}
    spec = restricted([container], volumes=[volume])
    spec["containers"][0]["securityContext"]["capabilities"]["add"] = ["NET_BIND_SERVICE"]  # the program in the image uses it
    start_names(namespace, spec)
    namespace.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "names"},
                     "spec": {"selector": {"app": "names"}, "ports": [
                         {"name": protocol.lower(), "protocol": protocol, "port": 53, "targetPort": 5353} for protocol in ("UDP", "TCP")]}})
    return namespace.get("service", "names")["spec"]["clusterIP"]


def look_names_up(namespace, names, address):
    """Installs both charts with policies and this name server, which both query."""
    search = [f"{namespace.name}.svc.cluster.local", "svc.cluster.local", "cluster.local"]
    dns = {"nameservers": [address], "searches": search, "options": [{"name": "ndots", "value": "5"}]}
    options = ["--set", "networkPolicy.enabled=true,dnsPolicy=None", "--set-json", f"dnsConfig={json.dumps(dns)}"]
    namespace.install("collector", "collector", *options)
    namespace.install("pinger", "pinger", *options)
    assert '"key":' in post(namespace)
    said = namespace.execute("deployment/pinger", "pinger", "--check-delivery")
    assert re.search(r"reached in ", said), said
    asked = names.kubectl("logs", "names", "--tail=-1")
    assert f"collector-redis.{namespace.name}.svc" in asked and f"collector.{namespace.name}.svc" in asked, asked


@pytest.mark.usefixtures("enforced")
def test_names_are_resolved_at_port_5353_too(namespace, make_namespace):
    names = make_namespace("names")
    look_names_up(namespace, names, name_server(names))


@pytest.fixture
def on_the_node(cluster):
    """Gives the only node of this cluster the address that NodeLocal DNSCache has on every node."""
    def address(change):
        run("docker", "exec", f"{cluster.name}-control-plane", "ip", "address", change, "169.254.20.10/32", "dev", "lo")
    address("add")
    yield "169.254.20.10"
    address("delete")


@pytest.mark.usefixtures("enforced")
def test_names_are_resolved_at_the_node_and_nothing_else_is_reachable_there(namespace, make_namespace, on_the_node):
    names = make_namespace("names")
    names.cluster.kubectl("label", "namespace", names.name, "--overwrite",
                          *(f"pod-security.kubernetes.io/{mode}=privileged" for mode in ("enforce", "warn", "audit")))
    container, volume = names_container(names, ".:53 {\n  health :18080\n")
    container["readinessProbe"] = {"tcpSocket": {"port": 53}, "periodSeconds": 1}
    start_names(names, {"hostNetwork": True, "containers": [container], "volumes": [volume]})
    look_names_up(namespace, names, on_the_node)

    def elsewhere():
        said = namespace.execute("deployment/collector", "collector", "request", "GET", f"http://{on_the_node}:18080/health",
                                 "--timeout", "3")
        return reached(said, r"^OK")
    becomes(False, elsewhere, "another port of the node")
    upgrade(namespace, "collector", {"enabled": False})
    becomes(True, elsewhere, "another port of the node, without policies")
