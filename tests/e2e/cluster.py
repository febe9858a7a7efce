"""Wrappers for kind, kubectl and helm."""

import base64
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from support.deadline import wait_until
from support.http_client import Client

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
VERSION = re.search(r"^appVersion: (\S+)", (ROOT / "charts/collector/Chart.yaml").read_text(), re.M).group(1)
BEGAN = time.monotonic()
PYTEST = {"capture": None}  # conftest.py puts its capture manager here


def say(text):
    """Prints a line of progress, bypassing pytest's capture."""
    with PYTEST["capture"].global_and_fixture_disabled():
        print(f"[{time.monotonic() - BEGAN:5.0f} s] {text}", file=sys.stderr, flush=True)


def attempt(*command, text=None, seconds=180, env=None):
    """Returns (exit status, stdout, stderr)."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=seconds, env=env, check=False)
    return done.returncode, done.stdout, done.stderr


def run(*command, text=None, seconds=180, env=None, check=True):
    """The output of a command. A failure, or a Pod Security warning, raises an error with all output."""
    status, output, said = attempt(*command, text=text, seconds=seconds, env=env)
    assert "would violate PodSecurity" not in said, f"{' '.join(command)}:\n{said}"
    if check and status != 0:
        raise AssertionError(f"{' '.join(command)}: exit status {status}\n{output}{said}")
    return output


class Cluster:
    """A kind cluster with its own kubeconfig."""

    def __init__(self, name, out):
        self.name, self.kubeconfig = name, str((out / f"{name}.kubeconfig").resolve())
        self.env = dict(os.environ, KUBECONFIG=self.kubeconfig)

    @classmethod
    def use(cls, name, out):
        cluster = cls(name, out)
        run("kind", "export", "kubeconfig", "--name", name, "--kubeconfig", cluster.kubeconfig)
        return cluster

    @classmethod
    def create(cls, name, out, config):
        cluster = cls(name, out)
        image = os.environ.get("E2E_NODE_IMAGE") or run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}",
                                                        "kindest/node").split("\n", 1)[0]
        say(f"kind create cluster --name {name} {image}")
        begin = time.monotonic()
        try:
            run("kind", "create", "cluster", "--name", name, "--config", str(HERE / config), "--kubeconfig",
                cluster.kubeconfig, "--wait", "180s", *(["--image", image] if image and "<none>" not in image else []),
                seconds=600)
            cluster.kubectl("-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=180s")
        except BaseException:
            cluster.delete()
            raise
        say(f"the cluster is up after {time.monotonic() - begin:.0f} s")
        return cluster

    def delete(self):
        say(f"kind delete cluster --name {self.name}")
        run("kind", "delete", "cluster", "--name", self.name, "--kubeconfig", self.kubeconfig, check=False)
        Path(self.kubeconfig).unlink(missing_ok=True)

    def load(self, *images):
        """Loads Docker's local images into the nodes; the nodes pull other images themselves."""
        for image in images:
            if run("docker", "images", "--quiet", image).strip():
                say(f"loading {image}")
                run("kind", "load", "docker-image", "--name", self.name, image, seconds=300)

    def extend(self, what, variable, script):
        """Runs the script that a variable names, with the cluster's name and KUBECONFIG; the default script may exist
        next to the repository. A test that needs something unavailable fails."""
        path = Path(os.environ.get(variable) or ROOT / script).resolve()
        assert os.access(path, os.X_OK), f"the cluster lacks {what}: install it, or set {variable} to a script that does"
        say(f"{what} is not there: running {path.name}, which can take minutes")
        begin = time.monotonic()
        run(str(path), self.name, env=self.env, seconds=1800)
        say(f"  took {time.monotonic() - begin:.0f} s")

    def kubectl(self, *arguments, text=None, seconds=200, check=True):
        return run("kubectl", *arguments, text=text, seconds=seconds, env=self.env, check=check)

    def node_address(self):
        nodes = json.loads(self.kubectl("get", "nodes", "-o", "json"))["items"]
        return next(a["address"] for a in nodes[0]["status"]["addresses"] if a["type"] == "InternalIP")


class Namespace:
    """A namespace that enforces Pod Security "restricted", with helm and kubectl in it."""

    def __init__(self, cluster, name):
        self.cluster, self.name = cluster, name
        cluster.kubectl("create", "namespace", name)
        cluster.kubectl("label", "namespace", name, *(f"pod-security.kubernetes.io/{mode}=restricted"
                                                      for mode in ("enforce", "warn", "audit")))

    def delete(self):
        self.cluster.kubectl("delete", "namespace", self.name, "--wait=false", check=False)

    def kubectl(self, *arguments, **more):
        return self.cluster.kubectl("--namespace", self.name, *arguments, **more)

    def execute(self, pod, *command, container=None):
        """All output of a command in a pod's container, whatever its exit status."""
        where = ["--container", container] if container else []
        return "".join(attempt("kubectl", "--namespace", self.name, "exec", pod, *where, "--", *command, seconds=60,
                               env=self.cluster.env)[1:])

    def helm(self, *arguments, seconds=240):
        say(f"helm {' '.join(arguments)}"[:110])
        begin = time.monotonic()
        output = run("helm", "--namespace", self.name, *arguments, seconds=seconds, env=self.cluster.env)
        say(f"  took {time.monotonic() - begin:.1f} s")
        return output

    def install(self, release, chart, *options, wait=True):
        """Runs helm install and returns the seconds until everything was ready."""
        begin = time.monotonic()
        self.helm("install", release, str(ROOT / "charts" / chart), *(["--wait", "--timeout", "180s"] if wait else []),
                  *options)
        return time.monotonic() - begin

    def get(self, *what):
        return json.loads(self.kubectl("get", *what, "-o", "json"))

    def apply(self, *objects):
        self.kubectl("apply", "-f", "-", text="\n---\n".join(json.dumps(o) for o in objects))

    def secret(self, name, entries):
        """Creates or replaces a Secret; other entries are removed."""
        data = {key: base64.b64encode(str(value).encode()).decode()
                for key, value in entries.items()}
        now = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
        self.kubectl("replace" if self.exists("secret", name) else "create", "-f", "-", text=json.dumps(now))

    def exists(self, kind, name):
        return bool(self.kubectl("get", kind, name, "--ignore-not-found", "-o", "name").strip())

    def entry(self, secret, key):
        return base64.b64decode(self.get("secret", secret)["data"][key]).decode()

    def pods(self, component="server", instance="collector"):
        return self.get("pods", "-l", f"app.kubernetes.io/component={component},app.kubernetes.io/instance={instance}"
                        )["items"]

    def identities(self, **which):
        """Returns {pod's UID: restarts}."""
        pods = self.pods(**which)
        assert pods, f"{self.name} has no such pod: {which}"
        return {pod["metadata"]["uid"]: sum(c["restartCount"] for c in pod["status"].get("containerStatuses", []))
                for pod in pods}

    def wait_gone(self, identities, seconds=60, **which):
        """Waits until none of these pods exists, not even a terminating one."""
        wait_until(lambda: not set(identities) & {pod["metadata"]["uid"] for pod in self.pods(**which)},
                   lambda: "the end of pods\n" + self.kubectl("get", "pods"), seconds, interval=0.3)

    def logs(self, instance="collector"):
        return self.kubectl("logs", "-l", f"app.kubernetes.io/instance={instance}", "--tail=-1", "--prefix",
                            check=False)

    def exposed(self, name, selector, port):
        """Returns (host, port) by which this machine reaches pods, through an additional NodePort Service."""
        self.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
                    "spec": {"type": "NodePort", "selector": selector, "ports": [{"port": port, "targetPort": port}]}})
        return self.cluster.node_address(), self.get("service", name)["spec"]["ports"][0]["nodePort"]

    def expose_program(self, instance, port, component="server"):
        host, node_port = self.exposed(f"{instance}-{component}-outside", {
            "app.kubernetes.io/instance": instance, "app.kubernetes.io/component": component}, port)
        return Outside(host, node_port, lambda: self.logs(instance)[-4000:])

    def describe(self):
        parts = [self.kubectl("get", "all,secrets,pvc,events", "-o", "wide", check=False),
                 self.kubectl("describe", "pods", check=False)]
        for pod in self.get("pods")["items"]:
            name = pod["metadata"]["name"]
            for previous in ("false", "true"):
                parts.append(f"--- log of {name}, previous={previous}\n" + self.kubectl(
                    "logs", name, "--all-containers", "--tail=300", f"--previous={previous}", check=False))
        return "\n".join(parts)


class Outside:
    """A program that this machine can reach, with the interface that tests/support/load.py needs."""

    def __init__(self, host, port, tail):
        self.host, self.port, self.tail, self.child = host, port, tail, self

    def client(self):
        return Client(self.host, self.port, 60.0)

    def wait_reachable(self, path="/healthz"):
        def answers():
            try:
                return self.client().get(path).status == 200
            except (AssertionError, OSError):
                return False
        wait_until(answers, lambda: f"{path} by {self.host}:{self.port}\n{self.tail()}", 30, interval=0.2)
        return self
