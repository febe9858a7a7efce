"""The charts without a cluster: lint, README, strict values, the same rendering twice, and what is in it."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from cluster import ROOT, VERSION, run

CHARTS = ["collector", "pinger"]
TEMPLATE = ["helm", "template", "x", "--kube-version", "1.30.0"]
MODES = {
    "internal": ["--set", "redis.internal.password=p"],
    "secret": ["--set", "redis.mode=secret,redis.secret.name=s"],
    "serviceBinding": ["--set", "redis.mode=serviceBinding,redis.serviceBinding.service.name=s"],
    "env": ["--set", "redis.mode=env", "--set-json", 'redis.env=[{"name":"REDIS_URL","value":"redis://r"}]'],
}
ALL_ON = ["--set", "autoscaling.enabled=true,ingress.enabled=true,networkPolicy.enabled=true,"
                   "serviceMonitor.enabled=true,prometheusRule.enabled=true",
          "--set-json", 'ingress.hosts=["a.example"]']


def template(chart, *options):
    return run(*TEMPLATE, str(ROOT / "charts" / chart), *options)


def refused(chart, *options):
    done = subprocess.run([*TEMPLATE, str(ROOT / "charts" / chart), *options], capture_output=True,
                          text=True, check=False)
    assert done.returncode != 0, done.stdout
    return done.stderr


@pytest.mark.parametrize("chart", CHARTS)
def test_lint_finds_nothing(chart):
    run("helm", "lint", "--strict", str(ROOT / "charts" / chart))


def test_the_tables_of_values_are_current():
    run(str(ROOT / "tools/chart-readme"), "--check", *(str(ROOT / "charts" / chart) for chart in CHARTS))


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_renders_the_same_twice(mode):
    first = template("collector", *MODES[mode], *ALL_ON)
    assert first == template("collector", *MODES[mode], *ALL_ON)
    assert "name: SERVICE_BINDING_ROOT\n              value: /bindings\n" in first
    assert ("name: binding-redis" in first) == (mode in ("internal", "secret"))
    assert ("kind: ServiceBinding" in first) == (mode == "serviceBinding")
    assert "subPath" not in first


def test_pinger_renders_the_same_twice():
    assert template("pinger", *ALL_ON) == template("pinger", *ALL_ON)


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("wrong, named", [
    ("replica=3", "replica"), ("image.tags=x", "tags"), ("config.hold-tim=3s", "hold-tim"),
    ("drainDelay=5", "drainDelay"), ("service.type=Cluster", "service.type"), ("service.port=0", "service.port"), ("image.digest=abc", "digest"),
])
def test_wrong_values_are_named(chart, wrong, named):
    wrong = wrong.replace("hold-tim", "batch-tim") if chart == "pinger" else wrong
    named = named.replace("hold-tim", "batch-tim") if chart == "pinger" else named
    assert named.split(".")[-1] in refused(chart, "--set", wrong)


@pytest.mark.parametrize("chart", CHARTS)
def test_config_takes_the_settings_of_the_program(chart):
    schema = json.loads((ROOT / "charts" / chart / "values.schema.json").read_text())
    text = run("docker", "run", "--rm", "--network", "none", f"{chart}:{VERSION}", "--help")
    blocks = re.findall(r"^  --([a-z-]+) (.*?)(?=^  --|^\S|\Z)", text, re.S | re.M)
    settings = {name for name, block in blocks if re.search(rf"Variable:\s+{chart.upper()}_", block)}
    set_elsewhere = {"listen", "port", "drain-delay", "grace", "config"}
    files = {name for name in settings if name.endswith("-file")}
    assert set(schema["properties"]["config"]["propertyNames"]["enum"]) == settings - set_elsewhere - files


def test_a_mode_without_what_it_needs_is_refused():
    for mode in ("secret", "serviceBinding", "env", "other"):
        refused("collector", "--set", f"redis.mode={mode}")


def test_the_grace_period_of_the_pod_is_longer_than_the_programs():
    for chart in CHARTS:
        refused(chart, "--set", "terminationGracePeriodSeconds=25")


def test_a_foreign_secret_becomes_a_binding_by_one_projected_volume():
    text = template("collector", "--set", "redis.mode=secret,redis.secret.name=cache,redis.secret.entries.host=h",
                    "--set-json", 'redis.secret.items=[{"key":"redis-password","path":"password"}]')
    assert ("        - name: binding-redis\n          projected:\n            defaultMode: 0440\n            sources:\n"
            "              - secret:\n                  name: x-collector-redis-entries\n"
            "                  optional: true\n"
            "              - secret:\n                  name: cache\n                  optional: true\n"
            "                  items:\n                    - key: redis-password\n                      path: password\n"
            ) in text
    assert 'stringData:\n  type: redis\n  host: "h"\n' in text


def test_a_binding_is_v1_where_the_cluster_has_it():
    assert "apiVersion: servicebinding.io/v1beta1\n" in template("collector", *MODES["serviceBinding"])
    assert "apiVersion: servicebinding.io/v1\n" in template("collector", *MODES["serviceBinding"], "--api-versions",
                                                            "servicebinding.io/v1")


def test_a_password_of_any_characters_is_escaped_in_the_uri():
    text = template("collector", "--set-json", "redis.internal.password=" + json.dumps('a@b:/#%?& "\\c'))
    assert 'uri: "redis://:a%40b%3A%2F%23%25%3F%26%20%22%5Cc@x-collector-redis.default.svc.cluster.local:6379/0"' in text


def test_images_are_named_by_registry_tag_or_digest():
    digest = "sha256:" + "0" * 64
    assert "image: r.example/collector:0.1.0\n" in template("collector", "--set", "image.registry=r.example")
    assert f"image: collector@{digest}\n" in template("collector", "--set", f"image.tag=x,image.digest={digest}")


def test_versions_of_charts_and_program_agree():
    makefile = Path(ROOT / "Makefile").read_text()
    for chart in CHARTS:
        lines = (ROOT / "charts" / chart / "Chart.yaml").read_text().splitlines()
        version = next(line for line in lines if line.startswith("appVersion: ")).split()[1]
        assert f"VERSION := {version}\n" in makefile


def test_large_numbers_stay_numbers(tmp_path):
    values = tmp_path / "values.yaml"
    values.write_text("config: {held-bytes-max: 67108864}\n"
                      "redis: {mode: secret, secret: {name: s, entries: {database: 1234567}}}\n")
    text = template("collector", "--values", str(values))
    assert 'value: "67108864"' in text and 'database: "1234567"' in text


def test_the_longest_names_leave_room_for_the_pods_labels():
    text = template("collector", *MODES["internal"], "--set", f"fullnameOverride={'n' * 60}")
    name = re.search(r"kind: StatefulSet\nmetadata:\n  name: (\S+)", text).group(1)
    assert len(name) + len("-5f8d7c9b64") <= 63


def test_the_chart_s_labels_win():
    text = template("collector", *MODES["internal"], "--set", "commonLabels.app\\.kubernetes\\.io/name=other,podLabels."
                    "app\\.kubernetes\\.io/instance=other,commonLabels.team=orders")
    assert ": other\n" not in text and "team: orders" in text
