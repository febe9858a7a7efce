"""The clusters that end-to-end tests share, a namespace for each test, and diagnostics of failed tests.

    E2E_CLUSTER=NAME     use and keep this one-node kind cluster; else the tests create and delete one
    E2E_THREE_NODES=NAME the same for the three-node cluster, which is created only if a test needs it
    E2E_KEEP=1           keep the created clusters and namespaces
    E2E_NODE_IMAGE=      node image for kind; else a kindest/node that Docker has, else kind's default
    E2E_SERVICE_BINDING= script that installs a Service Binding controller into the given cluster
    E2E_NETWORK_POLICY=  script that makes the given cluster enforce network policies
The scripts run if a cluster lacks these features; each has a default path next to the repository.
Logs, events and descriptions of a failed test's namespace go to build/e2e/<test>.txt.

`make e2e` leaves out tests marked `extended`; `make e2e-all`, and pytest without -m, run everything.
A module whose tests need three nodes overrides the fixture `cluster`, and `namespace` is then there:

    @pytest.fixture(scope="session")
    def cluster(three_nodes):
        return three_nodes
"""

import os
import re
import sys
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
from support.deadline import time_limit_of  # noqa: E402
from cluster import PYTEST, VERSION, Cluster, Namespace, say  # noqa: E402

TEST_SECONDS = 420
OUT = Path("build/e2e")


def pytest_configure(config):
    PYTEST["capture"] = config.pluginmanager.getplugin("capturemanager")
    config.addinivalue_line("markers", "extended: a scenario that only `make e2e-all` runs")


@pytest.fixture(autouse=True)
def time_limit():
    """No test hangs forever."""
    with time_limit_of(TEST_SECONDS):
        yield


def shared_cluster(variable, prefix, config):
    OUT.mkdir(parents=True, exist_ok=True)
    name = os.environ.get(variable)
    made = Cluster.use(name, OUT) if name else Cluster.create(f"{prefix}-{uuid.uuid4().hex[:8]}", OUT, config)
    try:
        made.load(f"collector:{VERSION}", f"pinger:{VERSION}", "valkey/valkey:8.1")
        yield made
    finally:
        if not name and not os.environ.get("E2E_KEEP"):
            made.delete()
        elif not name:
            say(f"kept: KUBECONFIG={made.kubeconfig}, kind delete cluster --name {made.name}")


@pytest.fixture(scope="session")
def cluster():
    yield from shared_cluster("E2E_CLUSTER", "e2e", "kind.yaml")


@pytest.fixture(scope="session")
def three_nodes():
    yield from shared_cluster("E2E_THREE_NODES", "e2e-three", "kind-three-nodes.yaml")


@pytest.fixture(scope="session")
def binding_controller(cluster):
    """A controller of the Service Binding Specification: the cluster's own, else one installed for the tests."""
    definition = "servicebindings.servicebinding.io"
    if not cluster.kubectl("get", "crd", definition, "--ignore-not-found", "-o", "name").strip():
        cluster.extend("a Service Binding controller", "E2E_SERVICE_BINDING", "../shared/kind/servicebinding-runtime")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, f"report_{call.when}", outcome.get_result())


@pytest.fixture
def make_namespace(cluster, request):
    """make_namespace("managed") creates a namespace that is deleted after the test."""
    made = []

    def make(word):
        made.append(Namespace(cluster, f"{word}-{uuid.uuid4().hex[:5]}"))
        return made[-1]
    yield make
    failed = getattr(request.node, "report_call", None) is None or request.node.report_call.failed
    for namespace in made:
        if failed:
            path = OUT / f"{re.sub(r'[^a-z0-9_]+', '-', request.node.name)}-{namespace.name}.txt"
            path.write_text(namespace.describe())
            print(f"what {namespace.name} was like: {path}")
        if not os.environ.get("E2E_KEEP"):
            namespace.delete()


@pytest.fixture
def namespace(make_namespace):
    return make_namespace("test")
