"""A pod as an operator sees it: `kubectl describe` shows why it is not ready, and its log shows the state of its
binding."""

import re

import pytest

from cluster import say
from in_use import events, running
from support.deadline import wait_until


def why_not_ready(namespace, pod):
    """Returns the output of the readiness probe, from the pod's events."""
    described = namespace.kubectl("describe", "pod", pod, check=False)
    return re.findall(r"Unhealthy .*Readiness probe failed: (.*(?:\n(?!  (?:Normal|Warning) ).*)*)", described)


def test_describe_shows_why_a_pod_is_not_ready(namespace):
    namespace.install("collector", "collector", "--set", "redis.mode=secret,redis.secret.name=absent,replicas=1", wait=False)
    namespace.install("pinger", "pinger", "--set", "replicas=1,drainDelay=12s")
    ending, waiting = running(namespace, instance="pinger")[0]["metadata"]["name"], running(namespace)[0]["metadata"]["name"]
    namespace.kubectl("delete", "pod", ending, "--wait=false")
    for pod, program, reason in (ending, "pinger", '"status":"stopping"'), (waiting, "collector", "There is no binding yet"):
        said = wait_until(lambda pod=pod, reason=reason: [text for text in why_not_ready(namespace, pod)
                                                          if reason in text.replace('": "', '":"')],
                          lambda pod=pod, reason=reason: f"{reason} in the events of {pod}\n"
                          + namespace.kubectl("describe", "pod", pod, check=False), 40, interval=0.5)[0]
        say(said)
        assert "503" in said and f"{program} request: the status is 503" in said


@pytest.mark.extended
def test_a_vanished_binding_shows_in_the_log_and_a_metric(namespace):
    namespace.install("collector", "collector")
    namespace.install("pinger", "pinger")
    for secret, instance, port in ("collector-redis", "collector", 4001), ("collector-binding", "pinger", 3000):
        program = namespace.expose_program(instance, port).wait_reachable("/readyz")
        metric = f"{instance}_binding_current"
        assert f"\n{metric} 1\n" in program.client().get("/metrics").body.decode()
        before = namespace.identities(instance=instance)
        namespace.kubectl("delete", "secret", secret)
        for pod in running(namespace, instance=instance):
            gone = wait_until(lambda pod=pod: events(namespace, pod, "binding.vanished"),
                              lambda: f"binding.vanished\n{program.tail()}", 60, interval=0.5)
            say(gone[0]["message"])
        # The alerts CollectorBindingStale and PingerBindingStale use this metric.
        assert f"\n{metric} 0\n" in program.client().get("/metrics").body.decode()
        assert namespace.identities(instance=instance) == before, "what it said before stays in use"
        assert program.client().get("/readyz").status == 200
