"""What an operator does to nodes."""

import json
from contextlib import contextmanager


def addresses(cluster):
    """{node: address}"""
    def internal(node):
        return next(a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP")
    return {node["metadata"]["name"]: internal(node)
            for node in json.loads(cluster.kubectl("get", "nodes", "-o", "json"))["items"]}


def workers(cluster):
    """Names of the nodes that are no control plane."""
    return cluster.kubectl("get", "nodes", "--selector", "!node-role.kubernetes.io/control-plane", "-o",
                           "jsonpath={.items[*].metadata.name}").split()


@contextmanager
def cordoned(cluster, *nodes):
    """They take no new pods meanwhile."""
    try:
        cluster.kubectl("cordon", *nodes)
        yield
    finally:
        cluster.kubectl("uncordon", *nodes)


@contextmanager
def drained(cluster, *nodes, seconds=120):
    """kubectl drain as an operator says it, and uncordon afterwards. Gives what the drain said: `node/NAME drained` for
    each that has no pod any more."""
    try:
        yield cluster.kubectl("drain", *nodes, "--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={seconds}s",
                              seconds=seconds + 60, check=False)
    finally:
        cluster.kubectl("uncordon", *nodes)
