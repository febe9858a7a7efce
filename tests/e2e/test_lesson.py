"""Runs the lesson's page on Kubernetes as written. The page creates a cluster named `lesson` and deletes it."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from cluster import HERE, ROOT, run, say
from support.ports import reserve_port

pytestmark = pytest.mark.extended

PAGE = ROOT / "docs/lesson/5-kubernetes.md"
CLUSTER = "lesson"
# kind's default image, and the images that nodes pull, are not available everywhere, so the test uses Docker's local
# images. The kubelet checks its Secrets every few seconds, as in the other tests' clusters.
KIND = """#!/bin/sh
case "$1 $2" in
"create cluster") exec {kind} "$@" --config {config} --wait 120s {image} ;;
"load docker-image") exec {kind} "$@" {redis} ;;
esac
exec {kind} "$@"
"""


@pytest.fixture
def lesson(tmp_path):
    """Variables for the page's commands: a separate kubeconfig, and a `kind` that uses Docker's local images."""
    assert CLUSTER not in run("kind", "get", "clusters").split(), f"there is a cluster {CLUSTER} already"
    node = os.environ.get("E2E_NODE_IMAGE") or run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}",
                                                   "kindest/node").split("\n", 1)[0]
    redis = run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}", "redis:7").strip()
    kind = tmp_path / "bin/kind"
    kind.parent.mkdir()
    kind.write_text(KIND.format(kind=shutil.which("kind"), config=HERE / "kind.yaml", redis=redis,
                                image=f"--image {node}" if node and "<none>" not in node else ""))
    kind.chmod(0o755)
    yield {**os.environ, "PATH": f"{kind.parent}:{os.environ['PATH']}", "KUBECONFIG": str(tmp_path / "kubeconfig"),
           "LC_ALL": "C.UTF-8", "PAGER": "cat", "LESSON_UNTIL": "150"}
    run("kind", "delete", "cluster", "--name", CLUSTER, check=False)


def test_the_page_on_kubernetes_is_accurate(lesson, tmp_path):
    """The page uses the port of `make run`, which may be running."""
    page = tmp_path / PAGE.name
    page.write_text(PAGE.read_text().replace("3040", str(reserve_port())))
    done = subprocess.run([str(ROOT / "tools/byexample"), "-l", "shell", "--ff", "--pretty", "none", "--no-progress-bar",
                           "--timeout", "200", "-o", "+paste", str(page)], cwd=ROOT, env=lesson, capture_output=True, text=True,
                          timeout=400, check=False)
    sys.stdout.write(done.stdout + done.stderr)
    passed, failed, skipped = map(int, re.search(r"Pass: (\d+) Fail: (\d+) Skip: (\d+)", done.stdout).groups())
    commands = len(re.findall(r"^\$ ", PAGE.read_text(), re.M))
    assert done.returncode == 0 and (passed, failed, skipped) == (commands, 0, 0)
    say(f"{passed} commands of {PAGE.name}")
    assert CLUSTER not in run("kind", "get", "clusters").split()
