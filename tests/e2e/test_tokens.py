"""Both charts with required tokens: clients that bind to Collector have a token, and others get theirs from a
Secret."""

from cluster import ROOT
from support.deadline import wait_until
from test_install import deliver_log


def status_of(program, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return program.client().get("/v1/documents?limit=1", headers).status


def test_only_clients_with_a_token_are_admitted(namespace):
    required = ["--set", "tokens.required=true,tokens.secretName=clients"]
    namespace.install("collector", "collector", *required)
    namespace.install("pinger", "pinger")
    namespace.helm("test", "collector", "--timeout", "60s")
    collector = namespace.expose_program("collector", 4001).wait_reachable("/readyz")
    pinger = namespace.expose_program("pinger", 3000).wait_reachable()
    token = namespace.entry("collector-binding", "token")
    assert (status_of(collector), status_of(collector, "wrong"), status_of(collector, token)) == (401, 401, 200)

    class Reader:
        """A client that sends the token of the published Secret."""

        @staticmethod
        def get(path):
            return collector.client().get(path, {"Authorization": f"Bearer {token}"})
    deliver_log(pinger, Reader, "with-a-token")

    # Adding and changing a client's token restarts no pod.
    before = namespace.identities()
    namespace.secret("clients", {"orders": "first"})
    wait_until(lambda: {status_of(collector, "first") for _ in range(6)} == {200}, "the token of a new client", 60, 0.5)
    namespace.secret("clients", {"orders": "second"})
    wait_until(lambda: {status_of(collector, "first") for _ in range(6)} == {401}, "the end of its first token", 60, 0.5)
    wait_until(lambda: {status_of(collector, "second") for _ in range(6)} == {200}, "its second token", 60, 0.5)
    assert namespace.identities() == before

    # The token in the published Secret survives upgrades.
    namespace.helm("upgrade", "collector", str(ROOT / "charts/collector"), *required, "--set", "config.log-level=warn", "--wait",
                   "--timeout", "120s")
    assert namespace.entry("collector-binding", "token") == token and status_of(collector, token) == 200
