"""Dashboards and alerts use only metrics that the programs export; alerts fire when they should."""

import json
import re

import pytest
import yaml

from cluster import ROOT, VERSION, run
from support.deadline import wait_until
from test_charts import CHARTS, MODES, template

# Set by the scraper, not by the programs.
SCRAPED_METRICS, SCRAPED_LABELS = {"up"}, {"namespace", "job", "service", "pod"}
REQUESTS = {"collector": ["/healthz", "/readyz", "/metrics", "/v1/documents"],
            "pinger": ["/healthz", "/readyz", "/metrics", "/delay/1ms"]}
PORTS = {"collector": 4001, "pinger": 3000}


def expressions_of_dashboard(chart):
    """Yields (title, expression), with Grafana's variables filled in."""
    dashboard = json.loads((ROOT / "charts" / chart / "dashboards" / f"{chart}.json").read_text())
    for panel in dashboard["panels"] + dashboard["annotations"]["list"]:
        for target in panel.get("targets", [panel] if "expr" in panel else []):
            text = target["expr"]
            for name, value in (("$__rate_interval", "5m"), ("$namespace", ".+"), ("$job", ".+")):
                text = text.replace(name, value)
            assert "$" not in text, text
            yield panel.get("title") or panel["name"], text


def alerts(chart):
    options = [*(MODES["internal"] if chart == "collector" else []), "--set", "prometheusRule.enabled=true"]
    rule = yaml.safe_load(template(chart, *options, "--show-only", "templates/prometheus-rule.yaml"))
    return rule["spec"]


def all_expressions(chart):
    yield from expressions_of_dashboard(chart)
    for group in alerts(chart)["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def parts(expression):
    """Returns ({metric: [(label, operator, value)]}, labels of by())."""
    grouped = {label.strip() for inside in re.findall(r"\bby \(([^)]*)\)", expression) for label in inside.split(",")}
    text = re.sub(r"\bby \([^)]*\)|\[[^]]*\]", "", expression)
    metrics = {}
    for name, inside, call in re.findall(r"\b([a-z_]+)(?:\{([^}]*)\})?( *\()?", text):
        if not call and name not in ("or", "and", "unless"):
            metrics.setdefault(name, []).extend(re.findall(r'([a-z_]+)(=~|!~|!=|=)"([^"]*)"', inside))
    return metrics, grouped


class Exported:
    """The content of a /metrics page: families, samples and their labels."""

    def __init__(self, text):
        self.labels = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, inside = re.fullmatch(r"([a-z_]+)(?:\{(.*)\})? \S+", line).groups()
                known = self.labels.setdefault(name, {})
                for label, value in re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', inside or ""):
                    known.setdefault(label, set()).add(value)


@pytest.fixture(scope="module")
def exported():
    """Returns {program: Exported}, of the built images after some requests."""
    found = {}
    for program in CHARTS:
        container = run("docker", "run", "--detach", "--rm", f"{program}:{VERSION}").strip()
        beside = ["docker", "run", "--rm", "--network", f"container:{container}"]
        redis = run(*beside, "--detach", "valkey/valkey:8.1").strip() if program == "collector" else None

        def get(path):
            return run(*beside, f"collector:{VERSION}", "request", "GET", f"http://127.0.0.1:{PORTS[program]}{path}",
                       "--timeout", "10", check=False)
        try:
            wait_until(lambda: "http_connections " in get("/metrics"), f"{program} serves its metrics", 30, 0.3)
            for path in REQUESTS[program]:
                get(path)
            found[program] = Exported(get("/metrics"))
        finally:
            run("docker", "stop", "--time", "1", *filter(None, (redis, container)), check=False)
    return found


def test_the_parser_finds_the_parts_of_an_expression():
    assert parts('sum by (route, le) (rate(a_total{x="1",y!~"b|c"}[5m])) / (count(d == 0) or vector(0))') == (
        {"a_total": [("x", "=", "1"), ("y", "!~", "b|c")], "d": []}, {"route", "le"})


@pytest.mark.parametrize("chart", CHARTS)
def test_every_expression_uses_exported_metrics(exported, chart):
    page, count = exported[chart].labels, 0
    routes = {route for one in exported.values() for route in one.labels["http_requests_total"]["route"]}
    for title, expression in all_expressions(chart):
        metrics, grouped = parts(expression)
        assert metrics, f"{title}: {expression}"
        for name, matchers in metrics.items():
            count += 1
            assert name in page or name in SCRAPED_METRICS, f"{title}: nobody exports {name}"
            for label, operator, value in matchers:
                if label in SCRAPED_LABELS:
                    continue
                assert label in page[name], f"{title}: {name} has no label {label}"
                values = routes if label == "route" else page[name][label]
                wanted = [] if label == "status" else value.split("|") if "~" in operator else [value]
                assert set(wanted) <= values, f"{title}: {label} of {name} is {values}, never {value}"
        lacking = grouped - SCRAPED_LABELS - {label for name in metrics for label in page.get(name, {})}
        assert not lacking, f"{title}: no metric of it has {lacking}"
    assert count > 20


@pytest.mark.parametrize("chart", CHARTS)
def test_prometheus_accepts_every_expression(chart, tmp_path):
    rules = [{"record": "r", "expr": expression, "labels": {"n": str(number)}}
             for number, (_, expression) in enumerate(expressions_of_dashboard(chart))]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}, *alerts(chart)["groups"]]}))
    assert "SUCCESS" in run("promtool", "check", "rules", str(path))


@pytest.mark.parametrize("chart", CHARTS)
def test_a_dashboard_has_a_valid_layout(chart):
    dashboard = json.loads((ROOT / "charts" / chart / "dashboards" / f"{chart}.json").read_text())
    assert [v["name"] for v in dashboard["templating"]["list"]] == ["datasource", "namespace", "job"]
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["description"] and panel["targets"] and panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            assert panel["datasource"]["uid"] == "${datasource}"


POD = 'namespace="default",service="x-{chart}",pod="a"'
# alert: series for 20 minutes, evaluation time, and the expected labels in addition to the rule's
FIRES = {
    "CollectorRedisAway": ([("collector_redis_connected_workers{POD}", "2x2 0x40")], "5m", {"pod": "a"}),
    "CollectorErrors": ([('http_requests_total{POD,route="documents",status="503"}', "0x2 0+5x40")], "12m", {}),
    "CollectorHolds": ([("collector_held_commands{POD}", "0x2 6000x40")], "5m", {"pod": "a"}),
    "CollectorRedisProtocolErrors": ([("collector_redis_protocol_errors_total{POD}", "0x2 1+0x40")], "6m", {}),
    "CollectorBindingRefused": ([('collector_binding_reloads_total{POD,result="failed"}', "0+1x40")], "6m", {}),
    "CollectorBindingStale": ([("collector_binding_current{POD}", "1x2 0x40")], "9m", {"pod": "a"}),
    "CollectorDown": ([("up{POD}", "1x2 0x40")], "6m", {}),
    "PingerDropsRecords": ([('pinger_log_records_dropped_total{POD,reason="queue_full"}', "0+3x40")], "6m",
                           {"reason": "queue_full"}),
    "PingerRecordsWait": ([("pinger_log_records_waiting{POD}", "0x2 6000x40")], "5m", {"pod": "a"}),
    "PingerBindingStale": ([("pinger_binding_current{POD}", "1x2 0x40")], "9m", {"pod": "a"}),
    "PingerDown": ([("up{POD}", "1x2 0x40")], "6m", {}),
}
# Cases that must not fire an alert.
QUIET = {
    "collector": [("collector_redis_connected_workers{POD}", "2x40"), ("up{POD}", "1x40"),
                  ("collector_held_commands{POD}", "10x40"), ("collector_redis_protocol_errors_total{POD}", "7x40"),
                  ("collector_binding_current{POD}", "1x4 0x4 1x40"), ("collector_tokens_binding_current{POD}", "1x40"),
                  ('collector_binding_reloads_total{POD,result="failed"}', "0x40"),
                  ('collector_binding_reloads_total{POD,result="switched"}', "0+1x40"),
                  ('http_requests_total{POD,route="documents",status="404"}', "0+5x40"),
                  ('http_requests_total{POD,route="readyz",status="503"}', "0+5x40")],
    "pinger": [("up{POD}", "1x40"), ("pinger_log_records_waiting{POD}", "10x40"), ("pinger_binding_current{POD}", "1x40"),
               ('pinger_log_records_dropped_total{POD,reason="queue_full"}', "7x40")],
}


def promtool_test(chart, tmp_path, series, checks):
    pod = POD.format(chart=chart)
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(alerts(chart)))
    (tmp_path / "test.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": "30s", "tests": [{
        "interval": "30s", "alert_rule_test": checks,
        "input_series": [{"series": name.replace("{POD", "{" + pod), "values": values} for name, values in series]}]}))
    return run("promtool", "test", "rules", str(tmp_path / "test.yml"))


@pytest.mark.parametrize("alert", FIRES)
def test_an_alert_fires(alert, tmp_path):
    chart = "collector" if alert.startswith("Collector") else "pinger"
    series, at, labels = FIRES[alert]
    rule = next(rule for group in alerts(chart)["groups"] for rule in group["rules"] if rule["alert"] == alert)
    shown = {**rule["labels"], **labels}
    assert shown["namespace"] == "default" and shown["service"] == f"x-{chart}"
    said = {key: re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda m: shown[m.group(1)], text)
            for key, text in rule["annotations"].items()}
    promtool_test(chart, tmp_path, series, [
        {"eval_time": "1m", "alertname": alert, "exp_alerts": []},
        {"eval_time": at, "alertname": alert, "exp_alerts": [{"exp_labels": shown, "exp_annotations": said}]}])


def test_every_alert_is_tested_and_listed_in_the_readme():
    names = {rule["alert"] for chart in CHARTS for group in alerts(chart)["groups"] for rule in group["rules"]}
    assert names == set(FIRES)
    listed = {name for chart in CHARTS for name in re.findall(
        r"^\| `((?:Collector|Pinger)\w+)` \|", (ROOT / "charts" / chart / "README.md").read_text(), re.M)}
    assert names == listed


@pytest.mark.parametrize("chart", CHARTS)
def test_no_alert_fires_without_cause(chart, tmp_path):
    promtool_test(chart, tmp_path, QUIET[chart], [
        {"eval_time": at, "alertname": alert, "exp_alerts": []} for alert in FIRES if alert.lower().startswith(chart)
        for at in ("3m", "10m", "19m")])
