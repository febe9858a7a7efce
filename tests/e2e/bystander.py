"""A pod unrelated to the charts. It tries to reach the charts' pods, and can itself be reached.

Its two containers are a Redis without a password and a Collector that writes into it."""

import re

from cluster import VERSION
from managed import ManagedRedis, restricted
from support.deadline import wait_until

# A blocked connection is refused or times out.
CLOSED = re.compile(r"refused|timed out|no response in time|Resource temporarily unavailable|Could(n't| not) connect to server|"
                    r"Network is unreachable|No route to host", re.I)


class Bystander:
    def __init__(self, namespace, name, labels=None):
        self.namespace, self.name = namespace, name
        self.host = f"{name}.{namespace.name}.svc.cluster.local"
        labels = {"app": name, **(labels or {})}
        namespace.apply(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels},
             "spec": restricted(terminationGracePeriodSeconds=0, containers=[
                 {"name": "redis", "image": ManagedRedis.IMAGE,
                  "command": ["valkey-server", "--save", "", "--protected-mode", "no"]},
                 {"name": "collector", "image": f"collector:{VERSION}",
                  "readinessProbe": {"httpGet": {"path": "/readyz", "port": 4001}, "periodSeconds": 1}}])},
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
             "spec": {"selector": {"app": name}, "ports": [{"name": "redis", "port": 6379},
                                                           {"name": "http", "port": 4001}]}})
        namespace.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
        self.address = namespace.get("pod", name)["status"]["podIP"]

    def redis(self, host, password=None):
        """Returns (output of a command on a new connection, whether it got through)."""
        return ask_redis(self.namespace, self.name, host, password, container="redis")

    def http(self, url):
        return ask_http(self.namespace, self.name, url, container="collector")


def ask_redis(namespace, pod, host, password=None, container=None):
    variables = [f"VALKEYCLI_AUTH={password}", f"REDISCLI_AUTH={password}"] if password else []
    said = namespace.execute(pod, "env", *variables, "valkey-cli", "-h", host, "-t", "3", "ping", container=container)
    return reached(said, r"^PONG$")


def ask_http(namespace, pod, url, container=None):
    said = namespace.execute(pod, "collector", "request", "GET", url, "--timeout", "3", container=container)
    return reached(said, r'"status": ?"ok"')


def reached(said, sign):
    """True if the output shows success, False if it shows a closed port; otherwise the output itself, for example when
    a name does not resolve yet or a pod is missing."""
    if re.search(sign, said, re.M):
        return True
    return False if CLOSED.search(said) else said


def becomes(expected, ask, what, seconds=30):
    """Waits until new connections behave as expected; rules take effect within about a second."""
    last = []

    def is_so():
        last[:] = [ask()]
        return last[0] is expected
    wait_until(is_so, lambda: f"{what} is {'let through' if expected else 'held back'}: {last}", seconds, interval=0.3)
