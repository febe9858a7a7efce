"""Operations on nodes."""

import json
from contextlib import contextmanager


def addresses(cluster):
    """Returns {node: address}."""
    def internal(node):
        return next(a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP")
    return {node["metadata"]["name"]: internal(node)
            for node in json.loads(cluster.kubectl("get", "nodes", "-o", "json"))["items"]}


def workers(cluster):
    """Names of the worker nodes."""
    return cluster.kubectl("get", "nodes", "--selector", "!node-role.kubernetes.io/control-plane", "-o",
                           "jsonpath={.items[*].metadata.name}").split()


@contextmanager
def cordoned(cluster, *nodes):
    """Within this context, these nodes accept no new pods."""
    try:
        cluster.kubectl("cordon", *nodes)
        yield
    finally:
        cluster.kubectl("uncordon", *nodes)


@contextmanager
def drained(cluster, *nodes, seconds=120):
    """kubectl drain as an operator runs it, and uncordon afterwards. Yields the output: `node/NAME drained` for each
    node without pods."""
    try:
        yield cluster.kubectl("drain", *nodes, "--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={seconds}s",
                              seconds=seconds + 60, check=False)
    finally:
        cluster.kubectl("uncordon", *nodes)
