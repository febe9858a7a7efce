"""Both charts in a namespace where Kubernetes adds variables for the Services `collector`, `pinger` and `redis` to
their pods."""

import pytest

from cluster import say
from in_use import events, running
from test_install import deliver_log

pytestmark = pytest.mark.extended

LINKS = '{"spec":{"template":{"spec":{"enableServiceLinks":true}}}}'


def test_variables_of_services_are_not_taken_for_settings(namespace):
    namespace.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "redis"},
                     "spec": {"selector": {"nobody": "here"}, "ports": [{"port": 6379}]}})
    for name in ("collector", "pinger"):
        namespace.install(name, name)
        before = namespace.identities(instance=name)
        namespace.kubectl("patch", "deployment", name, "--patch", LINKS)
        # The chart sets the program's own port under the same name; without it, the Service's variable remains.
        namespace.kubectl("set", "env", f"deployment/{name}", f"{name.upper()}_PORT-")
        namespace.kubectl("rollout", "status", f"deployment/{name}", "--timeout=90s")
        namespace.wait_gone(before, instance=name)
    collector = namespace.expose_program("collector", 4001).wait_reachable("/readyz")
    pinger = namespace.expose_program("pinger", 3000).wait_reachable()
    deliver_log(pinger, collector.client(), "links")
    for name, port in (("collector", 4001), ("pinger", 3000)):
        for pod in running(namespace, instance=name):
            # The programs ignore the variables with the addresses of Redis and Collector, because the binding contains them.
            warnings = [entry["message"] for entry in events(namespace, pod, "config.warned")]
            assert any(f"{name.upper()}_PORT: skipped \"tcp://" in warning for warning in warnings), namespace.logs(name)
            assert [entry["port"] for entry in events(namespace, pod, "server.listening")] == [port]
        assert set(namespace.identities(instance=name).values()) == {0}, "nothing has crashed"
    say("the variables of the Services are skipped with a warning, and both programs work")
