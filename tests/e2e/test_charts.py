"""The charts without a cluster: lint, README, reproducible rendering, the programs' settings. The suites in
charts/*/tests check the rendered objects."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

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


@pytest.mark.parametrize("chart", CHARTS)
def test_helm_lint_finds_nothing(chart):
    run("helm", "lint", "--strict", str(ROOT / "charts" / chart))


def test_the_tables_of_values_are_up_to_date():
    run(str(ROOT / "tools/chart-readme"), "--check", *(str(ROOT / "charts" / chart) for chart in CHARTS))


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_renders_the_same_twice(mode):
    first = template("collector", *MODES[mode], *ALL_ON)
    assert first == template("collector", *MODES[mode], *ALL_ON)
    assert "name: SERVICE_BINDING_ROOT\n              value: /bindings\n" in first
    assert ("name: binding-redis" in first) == (mode in ("internal", "secret"))
    assert ("kind: ServiceBinding" in first) == (mode == "serviceBinding")
    assert "subPath" not in first


NAMES = {"collector": {"redis": {"mode": "secret", "secret": {"name": 20260101}, "internal": {
             "keep": True, "persistence": {"existingClaim": 20260101}, "passwordSecret": {"name": 20260101, "key": 20260101}}},
             "binding": {"name": 20260101}, "tokens": {"required": True, "secretName": 20260101}},
         "pinger": {"collector": {"secret": {"name": 20260101}}}}


@pytest.mark.parametrize("chart", CHARTS)
def test_a_numeric_name_keeps_its_digits(chart, tmp_path):
    """In a values file, unlike with --set, a number is a float."""
    common = {"namespaceOverride": 20260101, "priorityClassName": 20260101, "runtimeClassName": 20260101,
              "serviceAccount": {"name": 20260101}, "image": {"tag": 20260101}}
    (tmp_path / "values.yaml").write_text(yaml.safe_dump({**common, **NAMES[chart]}))
    text = template(chart, "--values", str(tmp_path / "values.yaml"))
    assert "20260101" in text and not re.findall(r".*\d[.\d]*e\+\d.*", text)


def test_pinger_renders_the_same_twice():
    assert template("pinger", *ALL_ON) == template("pinger", *ALL_ON)


@pytest.mark.parametrize("chart", CHARTS)
def test_config_accepts_the_settings_of_the_program(chart):
    schema = json.loads((ROOT / "charts" / chart / "values.schema.json").read_text())
    text = run("docker", "run", "--rm", "--network", "none", f"{chart}:{VERSION}", "--help")
    blocks = re.findall(r"^  --([a-z-]+) (.*?)(?=^  --|^\S|\Z)", text, re.S | re.M)
    settings = {name for name, block in blocks if re.search(rf"Variable:\s+{chart.upper()}_", block)}
    set_elsewhere = {"listen", "port", "drain-delay", "grace", "config", "require-token", "tokens-binding"}
    place_of_redis = {f"redis-{what}" for what in ("url", "host", "port", "username", "password", "database", "tls")}
    files = {name for name in settings if name.endswith("-file")}
    assert set(schema["properties"]["config"]["propertyNames"]["enum"]) == settings - set_elsewhere - place_of_redis - files


@pytest.mark.parametrize("chart, options", [("collector", ["--set", "redis.internal.passwordJob.enabled=true"]),
                                            ("pinger", ["--set", "collector.mode=serviceBinding"])])
def test_a_changed_job_gets_another_name(chart, options):
    """Kubernetes does not allow changes to a Job or to the labels of its pods."""
    def names(*more):
        objects = yaml.safe_load_all(template(chart, *options, *more))
        return {item["metadata"]["name"] for item in objects if item and item["kind"] == "Job"}
    renderings = [names(), names(), names("--set", "commonLabels.team=orders"), names("--set", "commonAnnotations.team=orders")]
    assert renderings[0] == renderings[1] and len(set().union(*renderings)) == 3, renderings


def test_charts_and_program_have_the_same_version():
    makefile = Path(ROOT / "Makefile").read_text()
    for chart in CHARTS:
        lines = (ROOT / "charts" / chart / "Chart.yaml").read_text().splitlines()
        version = next(line for line in lines if line.startswith("appVersion: ")).split()[1]
        assert f"VERSION := {version}\n" in makefile


@pytest.mark.parametrize("chart", CHARTS)
def test_the_values_of_an_older_version_still_render(chart, tmp_path):
    """helm upgrade --reuse-values ignores the defaults of the newer chart."""
    newer = shutil.copytree(ROOT / "charts" / chart, tmp_path / chart)
    shutil.copy(ROOT / "tests/e2e/values-0.1.0" / f"{chart}.yaml", newer / "values.yaml")
    objects = [item for item in yaml.safe_load_all(run(*TEMPLATE, str(newer), *ALL_ON)) if item]
    assert {"Deployment", "Service", "HorizontalPodAutoscaler", "NetworkPolicy", "Ingress"} <= {o["kind"] for o in objects}


@pytest.mark.extended
@pytest.mark.parametrize("chart", CHARTS)
def test_every_value_may_be_null(chart):
    for name in yaml.safe_load((ROOT / "charts" / chart / "values.yaml").read_text()):
        for item in yaml.safe_load_all(template(chart, "--set", f"{name}=null")):
            assert item is None or item["metadata"]["name"].startswith("x-"), name


def values_of(values, schema, place=""):
    """The path of each value; an object with a free schema counts as one value."""
    assert set(values) <= set(schema["properties"]), f"{place}: not in the schema: {set(values) - set(schema['properties'])}"
    for name, value in values.items():
        part = schema["properties"][name]
        if isinstance(value, dict) and value and part.get("properties"):
            yield from values_of(value, part, f"{place}{name}.")
        else:
            yield f"{place}{name}"


def places_in(values, place=""):
    """The path of each value that a file sets, and of its parents; keys may contain dots."""
    if isinstance(values, dict):
        for name, value in values.items():
            yield from places_in(value, f"{place}{name}.")
    yield place[:-1]


def set_by_tests(folder):
    """The paths that the chart's suites, its examples, and --set in these tests set."""
    for path in folder.glob("tests/*_test.yaml"):
        suite = yaml.safe_load(path.read_text())
        for test in [suite, *suite["tests"]]:
            yield from places_in(test.get("set", {}))
    for path in folder.glob("examples/*.yaml"):
        yield from places_in(yaml.safe_load(path.read_text()))
    for path in (ROOT / "tests/e2e").glob("*.py"):
        yield from re.findall(r"(?<![\w.])([a-zA-Z][\w.-]*)(?:\[\d+\])?=", path.read_text())


@pytest.mark.parametrize("chart", CHARTS)
def test_each_value_is_in_the_schema_the_readme_and_a_test(chart):
    folder = ROOT / "charts" / chart
    values = set(values_of(yaml.safe_load((folder / "values.yaml").read_text()),
                           json.loads((folder / "values.schema.json").read_text())))
    assert len(values) > 100 and not values - set(set_by_tests(folder))
    # A row may describe a whole object, whose default it shows.
    rows = set(re.findall(r"^\| `([\w.-]+)` \|", (folder / "README.md").read_text(), re.M))
    assert not {value for value in values if not {value, value.rpartition(".")[0]} & rows}


def test_an_umbrella_chart_enables_and_renames_its_charts(tmp_path):
    """An umbrella of both charts, in a release whose name contains both of their names."""
    umbrella = tmp_path / "shop"
    (umbrella / "charts").mkdir(parents=True)
    for chart in CHARTS:
        shutil.copytree(ROOT / "charts" / chart, umbrella / "charts" / chart)
    dependencies = [{"name": chart, "version": "*", "condition": f"{chart}.enabled"} for chart in CHARTS]
    (umbrella / "Chart.yaml").write_text(yaml.safe_dump(
        {"apiVersion": "v2", "name": "shop", "version": "1.0.0", "dependencies": dependencies}))

    def names(*options):
        text = run("helm", "template", "collector-pinger", str(umbrella), "--kube-version", "1.30.0", *options)
        found = [(item["kind"], item["metadata"]["name"]) for item in yaml.safe_load_all(text) if item]
        assert len(set(found)) == len(found), found
        return set(found), text
    both, text = names("--set", "global.imageRegistry=mirror.example,global.storageClass=shared",
                       "--set", "pinger.collector.secret.name=\\{\\{ .Release.Name \\}\\}-collector-binding")
    assert {("Deployment", "collector-pinger"), ("Deployment", "collector-pinger-collector"),
            ("Secret", "collector-pinger-collector-binding")} <= both
    images = re.findall(r"image: \"?([^\"\s]+)", text)
    assert images and all(image.startswith("mirror.example/") for image in images), images
    assert 'storageClassName: "shared"' in text and "name: \"collector-pinger-collector-binding\"" in text
    one, _ = names("--set", "pinger.enabled=false")
    assert ("Deployment", "collector-pinger") not in one and ("Deployment", "collector-pinger-collector") in one
