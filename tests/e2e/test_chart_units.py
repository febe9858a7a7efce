"""Runs the charts' helm-unittest suites, charts/*/tests. Each of their tests is a test here."""

import subprocess
import xml.etree.ElementTree as tree

import pytest
import yaml

from cluster import ROOT

TOOL = ROOT / "build/tools/helm-unittest"
CHARTS = ["collector", "pinger"]


def listed():
    """Yields (chart, suite, test) of every test in the suites' files."""
    for chart in CHARTS:
        for path in sorted((ROOT / "charts" / chart / "tests").glob("*_test.yaml")):
            suite = yaml.safe_load(path.read_text())
            for test in suite["tests"]:
                yield chart, suite["suite"], test["it"]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Returns {(suite, test): what failed, or None}, of one run over both charts."""
    assert TOOL.exists(), f"{TOOL} is missing: make deps-e2e builds it"
    report = tmp_path_factory.mktemp("units") / "report.xml"
    done = subprocess.run([str(TOOL), "--strict", "--output-type", "JUnit", "--output-file", str(report),
                           *(str(ROOT / "charts" / chart) for chart in CHARTS)],
                          capture_output=True, text=True, timeout=180, check=False)
    assert report.exists(), done.stdout + done.stderr
    found = {}
    for suite in tree.parse(report).getroot().iter("testsuite"):
        for case in suite.iter("testcase"):
            failure = next((case.find(kind) for kind in ("failure", "error", "skipped")
                            if case.find(kind) is not None), None)
            found[suite.get("name"), case.get("name")] = None if failure is None else (failure.text or failure.tag)
    return found


def test_every_test_has_run(results):
    names = [(suite, test) for _, suite, test in listed()]
    assert len(set(names)) == len(names) == len(results) > 100


@pytest.mark.parametrize("chart, suite, test", listed(), ids=lambda part: part)
def test_suite(results, chart, suite, test):
    assert results[suite, test] is None, f"charts/{chart}: {results[suite, test]}"
