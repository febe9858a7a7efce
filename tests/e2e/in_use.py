"""When each pod of Collector started to use a changed binding: compares its log with the time at which its files
changed."""

import json
from datetime import datetime

from cluster import run, say
from support.deadline import wait_until

LIMIT_SECONDS = 10.0  # after the file changed


def running(namespace, **which):
    return [pod for pod in namespace.pods(**which) if "deletionTimestamp" not in pod["metadata"]]


def events(namespace, pod, event):
    """The log lines of the pod with this event, in order; `at` is Unix time in seconds."""
    found = []
    for line in namespace.kubectl("logs", pod["metadata"]["name"], "--tail=-1").splitlines():
        entry = json.loads(line)
        if entry["event"] == event:
            found.append(dict(entry, at=datetime.fromisoformat(entry["time"].replace("Z", "+00:00")).timestamp()))
    return found


def file_changed_at(pod):
    """When the kubelet last updated a binding's files, taken from the ctime of the link `..data`, which it replaces
    with each update."""
    # The charts' pods have no service account token, so all their projected volumes are bindings or podinfo.
    folder = f"/var/lib/kubelet/pods/{pod['metadata']['uid']}/volumes/kubernetes.io~projected"
    times = run("docker", "exec", pod["spec"]["nodeName"], "find", folder, "-mindepth", "2", "-maxdepth", "2",
                "-name", "..data", "-printf", "%C@\n")
    return max(float(time) for time in times.split())


def in_use(namespace, pod, server):
    switched = events(namespace, pod, "binding.switched")
    return switched[-1]["at"] if switched and switched[-1]["address"].startswith(f"{server.host}:") else None


def wait_in_use(namespace, server, load, what, possible_since=0.0, seconds=40):
    """Waits until every pod has switched to the server. Each must switch within LIMIT_SECONDS after its files changed,
    or after the server became usable with them."""
    pods = running(namespace)
    assert pods
    for pod in pods:
        name = pod["metadata"]["name"]
        at = wait_until(lambda pod=pod: in_use(namespace, pod, server),
                        lambda name=name: f"{what} in {name}\n{load.table()}\n{load.collector.tail()}", seconds, 0.3)
        changed = file_changed_at(pod)
        took = at - max(changed, possible_since)
        say(f"{what}: in {name} {took:.3f} s after the {'server' if possible_since > changed else 'file'}'s change")
        assert 0 <= took <= LIMIT_SECONDS


def documents_in(server):
    """The number of documents, without Collector's own expiring keys."""
    return sum(b"collector:" not in key for key in server.client().scan_iter(count=1000))


def wait_alone(server, others, load, what):
    """Waits until new documents arrive in that server, and checks that the other servers get no more."""
    before = documents_in(server)
    wait_until(lambda: documents_in(server) > before + 5, lambda: f"{what}\n{load.table()}\n{load.collector.tail()}", 20, 0.1)
    counts = {other.name: documents_in(other) for other in others}
    load.wait_acknowledged(200)
    later = {other.name: documents_in(other) for other in others}
    assert later == counts, f"{what}: an old Redis still gets documents"
