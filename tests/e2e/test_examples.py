"""The example values of the Collector chart. The test renders each example, builds the folder that the kubelet would
mount and the container's variables from the manifests and a product's Secret, and runs the image's `collector --check`
on them.

The Secrets are those in tests/support/bindings, limited to the entries that the product writes itself."""

import base64
import re
import subprocess
from dataclasses import dataclass, field

import pytest
import yaml

from cluster import ROOT, VERSION
from support.binding import BindingRoot
from test_charts import template

EXAMPLES = ROOT / "charts/collector/examples"
SECRETS = ROOT / "tests/support/bindings"
PW, SECOND, CERTIFICATE = "pw-S3CR3T", "second-S3CR3T", "-----BEGIN CERTIFICATE-----"
HIDDEN = ["password", "password-secondary", "certificates", "tls.crt", "tls.key", "sentinel.password", "sentinel.nodes"]
CACHE = "cache-redis-ha.default.svc.cluster.local:26379"


@dataclass
class Row:
    """A product, the keys that it writes and Collector needs, its example, one of its Secrets, and the settings that
    Collector finds: {setting: value}. The value of a hidden setting is in the entry that it comes from."""

    producer: str
    keys: str
    example: str
    secret: str
    found: dict
    extra: dict = field(default_factory=dict)  # additional variables that Kubernetes sets

    def name(self):
        return f"{self.producer}: {self.keys}".replace("/", "-")


ROWS = [
    Row("bitnami/redis", "redis-password", "bitnami-redis", "bitnami-secret",
        {"host": "cache-redis-master.default.svc.cluster.local", "port": "6379", "password": PW}),
    Row("bitnami/redis, service binding", "provider type host port password uri", "bitnami-service-binding",
        "bitnami-binding",
        {"host": "redis-master.shop.svc.cluster.local", "port": "6379", "password": "p@:/#%41-S3CR3T"}),
    Row("valkey-helm", "default-password", "valkey-helm-default", "valkey-helm-default",
        {"host": "cache-valkey.default.svc.cluster.local", "port": "6379", "password": PW}),
    Row("valkey-helm, a user", "default-password app-password", "valkey-helm-user", "valkey-helm-user",
        {"host": "cache-valkey.default.svc.cluster.local", "port": "6379", "username": "app", "password": PW}),
    Row("redis-ha", "auth", "redis-ha", "redis-ha",
        {"password": PW, "sentinel.master": "mymaster", "sentinel.nodes": CACHE}),
    Row("redis-ha, its Sentinels", "auth sentinel-password", "redis-ha-sentinel", "redis-ha-sentinel",
        {"password": PW, "sentinel.master": "mymaster", "sentinel.nodes": CACHE, "sentinel.password": "sentinel-S3CR3T"}),
    Row("Redis Enterprise operator", "port service_names password", "redis-enterprise", "redis-enterprise",
        {"host": "redb", "port": "13062"}),
    Row("Aiven operator", "VALKEY_HOST VALKEY_PORT VALKEY_USER VALKEY_PASSWORD VALKEY_SSL", "aiven-valkey", "aiven-valkey",
        {"host": "v-1.aivencloud.com", "port": "12345", "username": "default", "tls": "true", "password": PW}),
    Row("Aiven operator, earlier", "REDIS_HOST REDIS_PORT REDIS_USER REDIS_PASSWORD REDIS_SSL", "aiven-redis",
        "aiven-redis",
        {"host": "r-1.aivencloud.com", "port": "12345", "username": "default", "tls": "true", "password": PW}),
    Row("Crossplane provider-aws", "endpoint port password", "crossplane-aws", "crossplane-aws",
        {"host": "cache.abc.0001.euw1.cache.amazonaws.com", "port": "6379", "tls": "true", "password": PW}),
    Row("upjet-aws ReplicationGroup", "primary_endpoint_address configuration_endpoint_address port attribute.auth_token",
        "upjet-aws-replication-group", "upjet-aws-replication",
        {"host": "master.rg.euw1.cache.amazonaws.com", "port": "6379", "tls": "true", "password": PW}),
    Row("upjet-aws ReplicationGroup, cluster mode",
        "primary_endpoint_address configuration_endpoint_address port attribute.auth_token",
        "upjet-aws-replication-group-cluster", "upjet-aws-replication-cluster",
        {"host": "clustercfg.rg.euw1.cache.amazonaws.com", "port": "6379", "tls": "true", "cluster": "true",
         "password": PW}),
    Row("upjet-aws ServerlessCache", "endpoint_0_address endpoint_0_port", "upjet-aws-serverless-cache",
        "upjet-aws-serverless", {"host": "sl.serverless.euw1.cache.amazonaws.com", "port": "6379", "tls": "true"}),
    Row("upjet-aws MemoryDB", "cluster_endpoint_0_address cluster_endpoint_0_port", "upjet-aws-memorydb",
        "upjet-aws-memorydb",
        {"host": "clustercfg.mdb.memorydb.eu-west-1.amazonaws.com", "port": "6379", "tls": "true", "cluster": "true"}),
    Row("upjet-gcp Instance", "host port server_ca_certs_0_cert attribute.auth_string", "upjet-gcp-instance",
        "upjet-gcp-instance",
        {"host": "10.0.0.3", "port": "6378", "tls": "true", "password": PW, "certificates": CERTIFICATE}),
    Row("upjet-gcp Instance, without TLS", "host port attribute.auth_string", "upjet-gcp-instance",
        "upjet-gcp-instance-plain", {"host": "10.0.0.3", "port": "6379", "password": PW}),
    Row("upjet-gcp Cluster", "discovery_endpoints_0_address discovery_endpoints_0_port", "upjet-gcp-cluster",
        "upjet-gcp-cluster", {"host": "10.0.0.4", "port": "6379", "cluster": "true"}),
    Row("upjet-azure RedisCache",
        "attribute.primary_access_key attribute.secondary_access_key attribute.primary_connection_string", "upjet-azure",
        "upjet-azure",
        {"host": "shop.redis.cache.windows.net", "port": "6380", "tls": "true", "password": f"{PW}=",
         "password-secondary": f"{SECOND}="}),
    Row("Azure Service Operator", "primaryKey secondaryKey hostName port sslPort", "azure-service-operator",
        "azure-service-operator",
        {"host": "shop.redis.cache.windows.net", "port": "6380", "tls": "true", "password": PW,
         "password-secondary": SECOND}),
    Row("DigitalOcean operator", "username password uri private_uri", "digitalocean", "digitalocean",
        {"host": "private-db-1.db.ondigitalocean.com", "port": "25061", "username": "default", "tls": "true",
         "password": PW}),
    Row("VSHN AppCat",
        "REDIS_HOST REDIS_PORT REDIS_USERNAME REDIS_PASSWORD REDIS_URL SENTINEL_HOSTS ca.crt tls.crt tls.key",
        "vshn-appcat", "vshn-appcat",
        {"host": "redis-headless.vshn.svc", "port": "6379", "username": "default", "tls": "true", "password": PW,
         "certificates": CERTIFICATE, "tls.crt": CERTIFICATE, "tls.key": "-----BEGIN PRIVATE KEY-----"}),
    Row("SAP BTP operator", "credentials .metadata", "sap-btp", "sap-btp",
        {"host": "master.shop.cache.amazonaws.com", "port": "1234", "tls": "false", "password": PW}),
    Row("SAP BTP operator, one key for all", "instance", "sap-btp", "sap-btp-root",
        {"host": "master.shop.cache.amazonaws.com", "port": "1234", "tls": "true", "password": PW}),
    Row("platforms that set variables", "REDIS_URL", "variables", "platform-variables",
        {"host": "ec2.compute.amazonaws.com", "port": "7239", "username": "h", "password": PW}),
    Row("platforms that set variables, with TLS", "REDIS_URL REDIS_TLS_URL", "variables-tls", "platform-variables",
        {"host": "ec2.compute.amazonaws.com", "port": "7240", "username": "h", "tls": "true", "password": PW}),
    Row("Kubernetes service links", "", "service-links", "", {"host": "redis.default.svc.cluster.local", "port": "6379"},
        {"REDIS_SERVICE_HOST": "10.0.0.9", "REDIS_SERVICE_PORT": "6379", "REDIS_PORT": "tcp://10.0.0.9:6379",
         "REDIS_PORT_6379_TCP": "tcp://10.0.0.9:6379", "REDIS_PORT_6379_TCP_PORT": "6379"}),
    Row("a Service Binding controller", "provider type host port password uri", "service-binding", "bitnami-binding",
        {"host": "redis-master.shop.svc.cluster.local", "port": "6379", "password": "p@:/#%41-S3CR3T"}),
]


class Rendered:
    """The rendered chart for an example, together with the product's Secret."""

    def __init__(self, example, secret):
        text = template("collector", "--values", str(EXAMPLES / f"{example}.yaml"))
        objects = [entry for entry in yaml.safe_load_all(text) if entry]
        self.of_chart = {entry["metadata"]["name"]: decoded(entry) for entry in objects if entry["kind"] == "Secret"}
        self.secret, self.asked = secret, set()  # the names that refer to the product's Secret
        deployment = one(entry for entry in objects if entry["kind"] == "Deployment")
        self.binding = next((entry for entry in objects if entry["kind"] == "ServiceBinding"), None)
        self.pod = deployment["spec"]["template"]["spec"]
        self.container = one(self.pod["containers"])
        if self.binding:
            assert self.binding["spec"]["workload"] == {"apiVersion": "apps/v1", "kind": "Deployment",
                                                        "name": deployment["metadata"]["name"]}

    def entries(self, name):
        """Of a Secret."""
        if name in self.of_chart:
            return self.of_chart[name]
        self.asked.add(name)
        return self.secret

    def environment(self):
        """As the kubelet writes it."""
        variables = {}
        for variable in self.container["env"]:
            if "valueFrom" in variable:
                reference = variable["valueFrom"]["secretKeyRef"]
                entries = self.entries(reference["name"])
                if reference["key"] in entries or not reference.get("optional"):
                    variables[variable["name"]] = entries[reference["key"]].decode()
            else:
                variables[variable["name"]] = variable["value"]
        return variables

    def folders(self):
        """Returns {mount path: {file: content}}, as the kubelet or a Service Binding controller would create them."""
        folders = {}
        for mount in self.container.get("volumeMounts", []):
            assert "subPath" not in mount, "such a file would never change"
            volume = one(volume for volume in self.pod["volumes"] if volume["name"] == mount["name"])
            folders[mount["mountPath"]] = self.projected(volume["projected"]["sources"])
        if self.binding:
            spec = self.binding["spec"]
            assert spec["service"]["kind"] == "Secret"
            folder = dict(self.entries(spec["service"]["name"]), type=spec["type"].encode())
            folders[f"{self.environment()['SERVICE_BINDING_ROOT']}/{spec['name']}"] = folder
        return folders

    def projected(self, sources):
        """Later sources take precedence. A mapped key that is missing is an error, unless the source is optional."""
        files = {}
        for source in sources:
            entries, items = self.entries(source["secret"]["name"]), source["secret"].get("items")
            if items is None:
                files.update(entries)
                continue
            for item in items:
                if item["key"] in entries or not source["secret"].get("optional"):
                    files[item["path"]] = entries[item["key"]]
        return files


def one(items):
    items = list(items)
    assert len(items) == 1, items
    return items[0]


def decoded(secret):
    """Returns {key: content} of a Secret's manifest."""
    entries = {key: base64.b64decode(value) for key, value in secret.get("data", {}).items()}
    return {**entries, **{key: value.encode() for key, value in secret.get("stringData", {}).items()}}


def product(row):
    return {key: (SECRETS / row.secret / key).read_bytes() for key in row.keys.split()}


def check(rendered, extra, root):
    """The output of `collector --check` in the image, without a network, because the examples' hosts may exist."""
    command = ["docker", "run", "--rm", "--network", "none", "--read-only", "--user",
               f"{rendered.pod['securityContext']['runAsUser']}:{rendered.pod['securityContext']['runAsGroup']}"]
    for name, value in {**extra, **rendered.environment()}.items():
        command += ["--env", f"{name}={value}"]
    made = BindingRoot(root / "mounted")
    for number, (path, files) in enumerate(rendered.folders().items()):
        made.write(str(number), **files)
        command += ["--volume", f"{made.path}/{number}:{path}:ro"]
    return subprocess.run([*command, f"collector:{VERSION}", "--check"], capture_output=True, text=True, timeout=60,
                          check=False)


def settings(output):
    """Returns {setting: (value, source)}."""
    part = re.search(r"^Redis, from .*\n((?:  .*\n)+)", output, re.M)
    lines = re.findall(r"^  (\S+) +(\S+) +(.+)$", part.group(1), re.M) if part else []
    return {name: (value, place) for name, value, place in lines if name != "warning:"}


def test_every_example_is_tried():
    assert {row.example for row in ROWS} == {path.stem for path in EXAMPLES.glob("*.yaml")}


def test_the_readme_lists_every_example():
    listed = re.findall(r"\]\(examples/([a-z-]+)\.yaml\)", (ROOT / "charts/collector/README.md").read_text())
    assert sorted(listed) == sorted(path.stem for path in EXAMPLES.glob("*.yaml"))


def test_every_product_with_a_known_secret_has_an_example():
    # With the Azure Service Operator the user chooses the keys' names; one choice is enough here.
    known = {path.name for path in SECRETS.iterdir()} - {"azure-service-operator-plain"}
    assert {row.secret for row in ROWS if row.secret} == known


@pytest.mark.parametrize("row", ROWS, ids=Row.name)
def test_collector_understands_the_bindings_of_every_example(row, tmp_path):
    rendered = Rendered(row.example, product(row))
    done = check(rendered, row.extra, tmp_path)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and "\nTrying " in done.stdout, f"all is understood, and nobody is there\n{said}"
    assert len(rendered.asked) == (1 if row.keys else 0), f"the product's Secret, and no other: {rendered.asked}"
    found = settings(done.stdout)
    assert {name: value for name, (value, _) in found.items()} == {
        name: "(set)" if name in HIDDEN else value for name, value in row.found.items()}, said
    # A hidden value must equal the content of the file or variable that is named as its source.
    given = dict(rendered.environment())
    for path, files in rendered.folders().items():
        given.update({f"{path}/{name}": content.decode() for name, content in files.items()})
    for name in set(HIDDEN) & set(row.found):
        place = found[name][1].split(" ")[0]
        assert row.found[name] in given[place], f"{name} of {place}"
    assert "S3CR3T" not in said, "no secret is shown"


def test_service_links_are_off_and_ignored(tmp_path):
    row = one(row for row in ROWS if row.example == "service-links")
    for example in sorted({row.example for row in ROWS}):
        assert Rendered(example, {}).pod["enableServiceLinks"] is False, example
    done = check(Rendered(row.example, {}), row.extra, tmp_path)
    assert "REDIS_PORT is ignored: it is a service link of Kubernetes" in done.stdout, done.stdout
    assert "10.0.0.9" not in done.stdout, done.stdout
