"""helm template and kubectl apply, as GitOps tools use them: no manual password, repeated application, and a changed
rendering on top, test pods included."""

import subprocess

import pytest

from cluster import ROOT, run, say
from support.deadline import wait_until
from test_install import documents

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


def test_a_rendering_is_applied_again_and_again(namespace, kubectl_image):
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
