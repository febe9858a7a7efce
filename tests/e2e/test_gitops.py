"""The steps of GitOps tools, with only Helm and kubectl. Like Argo CD: `helm template` and `kubectl apply`, client-side and
server-side, with pruning. Like Flux: repeated `helm upgrade --install` and a check for drift. The tools themselves are not
tested."""

import os
import subprocess

import pytest
import yaml

from cluster import ROOT, run, say
from support.deadline import wait_until
from test_install import documents
from test_tokens import status_of

pytestmark = pytest.mark.extended

KUBECTL = "kubectl-of-the-node:1"


@pytest.fixture
def kubectl_image(cluster, tmp_path):
    """An image with the kubectl of the cluster's node, in place of registry.k8s.io/kubectl."""
    node = f"{cluster.name}-control-plane"
    binary = subprocess.run(["docker", "exec", node, "cat", "/usr/bin/kubectl"], capture_output=True, timeout=120, check=True)
    (tmp_path / "kubectl").write_bytes(binary.stdout)
    (tmp_path / "kubectl").chmod(0o755)
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY kubectl /kubectl\nENTRYPOINT [\"/kubectl\"]\n")
    run("docker", "build", "--quiet", "--tag", KUBECTL, str(tmp_path))
    cluster.load(KUBECTL)
    repository, tag = KUBECTL.split(":")
    return ["--set", f"redis.internal.passwordJob.image.registry=,redis.internal.passwordJob.image.repository={repository}",
            "--set-string", f"redis.internal.passwordJob.image.tag={tag}"]


def test_a_rendering_can_be_applied_repeatedly(namespace, kubectl_image):
    def apply(*options):
        rendering = run("helm", "template", "collector", str(ROOT / "charts/collector"), "--namespace", namespace.name,
                        "--kube-version", "1.30.0", "--set", "redis.internal.passwordJob.enabled=true", *kubectl_image, *options)
        said = namespace.kubectl("apply", "-f", "-", text=rendering)
        namespace.kubectl("rollout", "status", "deployment/collector", "--timeout=150s")
        return said
    apply()
    password, redis = namespace.entry("collector-redis-password", "password"), namespace.identities(component="redis")
    assert len(password) == 32
    client = namespace.expose_program("collector", 4001).wait_reachable("/readyz").client()
    assert client.post("/v1/documents", {"order": 17}).status == 201

    said = apply()
    assert "created" not in said, said
    # Changed resources give a new test pod, and a changed image a new Job, because neither can be modified.
    said = apply("--set", "resources.requests.cpu=51m,podSecurityContext.fsGroupChangePolicy=OnRootMismatch")
    assert said.count("collector-redis-password-") == 1 and "pod/collector-test-" in said, said
    wait_until(lambda: all(job["status"].get("succeeded") for job in namespace.get("jobs")["items"]), "the end of all Jobs", 90, 1)
    say(f"{len(namespace.get('jobs')['items'])} Jobs")
    assert namespace.entry("collector-redis-password", "password") == password
    assert namespace.identities(component="redis") == redis
    assert [entry["document"]["order"] for entry in documents(client) if "order" in entry["document"]] == [17]


def rendered(namespace, *options):
    """Renders like Argo CD: without look-ups and test hooks."""
    return run("helm", "template", "collector", str(ROOT / "charts/collector"), "--namespace", namespace.name, "--kube-version",
               "1.30.0", "--skip-tests", "--set", "redis.internal.passwordJob.enabled=true", *options)


def versions(namespace):
    """Returns {object: its generation or version, which an apply without changes does not modify}."""
    kinds = "deployments,statefulsets,services,secrets,configmaps,poddisruptionbudgets,jobs,serviceaccounts,roles,rolebindings"
    return {(item["kind"], item["metadata"]["name"]): item["metadata"].get("generation") or item["metadata"]["resourceVersion"]
            for item in namespace.get(kinds)["items"]}


def test_a_rendering_is_applied_server_side_and_pruned(namespace, kubectl_image):
    token = ["--set", "tokens.required=true,tokens.own=from-a-sealed-secret"]

    def apply(*options):
        env = {**os.environ, **namespace.cluster.env, "KUBECTL_APPLYSET": "true"}
        said = run("kubectl", "--namespace", namespace.name, "apply", "--server-side", "--field-manager=argocd-controller",
                   "--prune", "--applyset=secrets/collector-set", "-f", "-", env=env,
                   text=rendered(namespace, *kubectl_image, *token, *options))
        namespace.kubectl("rollout", "status", "deployment/collector", "--timeout=150s")
        return said
    apply()
    password, pods, before = (namespace.entry("collector-redis-password", "password"), namespace.identities(), versions(namespace))
    collector = namespace.expose_program("collector", 4001).wait_reachable("/readyz")
    assert (status_of(collector), status_of(collector, "from-a-sealed-secret")) == (401, 200)

    said = apply()
    assert "pruned" not in said, said
    changed = {key for key, version in versions(namespace).items() if key in before and before[key] != version}
    assert changed <= {("Secret", "collector-set")} and namespace.identities() == pods, changed

    # A tool that identifies its objects by the release's label would remove labelled objects that are not
    # in the rendering. Objects with an owner are excluded, such as the volume's claim, which belongs to the StatefulSet.
    there = namespace.get("secrets,configmaps,services,serviceaccounts,roles,rolebindings,jobs,deployments,statefulsets,"
                          "persistentvolumeclaims,poddisruptionbudgets", "-l", "app.kubernetes.io/instance=collector")["items"]
    own = {(item["kind"], item["metadata"]["name"]) for item in there if not item["metadata"].get("ownerReferences")}
    wanted = {(item["kind"], item["metadata"]["name"])
              for item in yaml.safe_load_all(rendered(namespace, *kubectl_image, *token)) if item}
    assert own - wanted == {("PersistentVolumeClaim", "data-collector-redis-0")} and wanted <= own

    said = apply("--set", "podDisruptionBudget.enabled=false")
    assert "poddisruptionbudget.policy/collector pruned" in said and said.count("pruned") == 1, said
    assert not namespace.exists("poddisruptionbudget", "collector") and namespace.identities() == pods
    assert namespace.entry("collector-redis-password", "password") == password
    assert status_of(collector, "from-a-sealed-secret") == 200


def test_repeated_upgrades_cause_no_drift(namespace):
    """Flux's helm-controller renders in the cluster with look-ups, so the password and the token stay."""
    chart = str(ROOT / "charts/collector")

    def release(*options):
        namespace.helm("upgrade", "--install", "collector", chart, "--reset-values", "--set", "tokens.required=true", *options,
                       "--wait", "--timeout", "150s")
        return namespace.entry("collector-redis", "password"), namespace.entry("collector-binding", "token")
    first, pods = release(), namespace.identities()
    assert release() == first and namespace.identities() == pods
    manifest = namespace.helm("get", "manifest", "collector")
    namespace.kubectl("diff", "--server-side", "--force-conflicts", "--field-manager=helm", "-f", "-", text=manifest)
    # A changed value affects only the objects that it concerns.
    assert release("--set", "podDisruptionBudget.enabled=false") == first and namespace.identities() == pods
