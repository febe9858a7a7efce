"""The example values of Collector's chart: each renders, and what it would mount is read by `collector --check`.

The Secrets are those of tests/support/bindings, as the products write them."""

import re
import subprocess

import pytest

from cluster import ROOT, VERSION
from test_charts import template

EXAMPLES = ROOT / "charts/collector/examples"
# example: (the product's Secret, the host that is found in it or in the example, settings that must be there)
SECRETS = {
    "aiven": ("aiven-valkey", None, ["port", "username", "password", "tls"]),
    "azure-service-operator": ("azure-service-operator", None, ["port", "password", "password-secondary"]),
    "bitnami-redis": ("bitnami-secret", "cache-redis-master.default.svc.cluster.local", ["port", "password"]),
    "crossplane-aws": ("crossplane-aws", None, ["port", "password", "tls"]),
    "digitalocean": ("digitalocean", None, ["port", "username", "password"]),
    "redis-enterprise": ("redis-enterprise", None, ["host", "port"]),
    "redis-ha": ("redis-ha", None, ["sentinel.master", "sentinel.nodes", "password"]),
    "sap-btp": ("sap-btp", None, ["port", "password"]),
    "upjet-aws": ("upjet-aws-replication", None, ["port", "password", "tls"]),
    "upjet-azure": ("upjet-azure", "orders.redis.cache.windows.net", ["port", "password", "password-secondary"]),
    "upjet-gcp": ("upjet-gcp-instance", None, ["port", "password", "certificates"]),
    "valkey-helm": ("valkey-helm-default", "cache-valkey.default.svc.cluster.local", ["port", "password"]),
    "vshn-appcat": ("vshn-appcat", None, ["port", "username", "password"]),
}


def mounted(example, product, root):
    """The folder as the kubelet makes it: the chart's entries first, then the Secret's, all or those mapped."""
    text = (EXAMPLES / f"{example}.yaml").read_text()
    secret = {path.name: path.read_bytes() for path in (ROOT / "tests/support/bindings" / product).iterdir()
              if path.name != "type"}
    entries = re.search(r"entries: \{(.*)\}", text)
    folder = dict(re.findall(r'([\w.-]+): "?([^",}]+)"?', entries.group(1)) if entries else [], type="redis")
    for name in list(folder):
        folder[name] = folder[name].encode()
        if name == "host":
            secret.pop("host", None)  # where the product's Secret has none
    items = re.findall(r"\{key: ([\w.-]+), path: ([\w.-]+)\}", text)
    folder.update({path: secret[key] for key, path in items} if items else secret)
    (root / "redis").mkdir()
    for name, value in folder.items():
        (root / "redis" / name).write_bytes(value)


def test_every_example_of_a_secret_is_tried():
    tried = {path.stem for path in EXAMPLES.glob("*.yaml") if "mode: secret" in path.read_text()}
    assert tried == set(SECRETS)


@pytest.mark.parametrize("example", sorted(path.stem for path in EXAMPLES.glob("*.yaml")))
def test_an_example_renders(example):
    assert "kind: Deployment" in template("collector", "--values", str(EXAMPLES / f"{example}.yaml"))


@pytest.mark.parametrize("example", sorted(SECRETS))
def test_what_an_example_mounts_is_understood(example, tmp_path):
    product, host, settings = SECRETS[example]
    mounted(example, product, tmp_path)
    # Without a network, so that nobody is asked who has the address of an example.
    done = subprocess.run(["docker", "run", "--rm", "--network", "none", "--user", "0:0", "--env",
                           "SERVICE_BINDING_ROOT=/bindings", "--volume", f"{tmp_path}:/bindings:ro",
                           f"collector:{VERSION}", "--check"], capture_output=True, text=True, timeout=60, check=False)
    found = done.stdout.split("\nRedis, from binding", 1)[-1].split("\nTrying", 1)[0]
    assert done.returncode != 2 and found != done.stdout, done.stdout + done.stderr
    for setting in settings:
        assert re.search(rf"^  {setting} ", found, re.M), f"{setting}\n{done.stdout}{done.stderr}"
    assert host is None or host in found, found
