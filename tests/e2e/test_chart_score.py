"""The charts' READMEs address exactly the findings of kube-score and kube-linter."""

import json
import re
import shutil
import subprocess

import pytest

from cluster import ROOT
from test_charts import MODES, template

TOOL = ROOT / "build/tools/kube-score"
LINTER = shutil.which("kube-linter")
OK = 10  # kube-score's grade without findings


def findings(manifests):
    """Returns {check: [its findings]}."""
    done = subprocess.run([str(TOOL), "score", "--output-format", "json", "-"], input=manifests, capture_output=True,
                          text=True, timeout=60, check=False)
    found = {}
    for scored in json.loads(done.stdout):
        for check in scored["checks"]:
            if not check["skipped"] and check["grade"] < OK:
                found.setdefault(check["check"]["id"], []).extend(
                    f"{scored['object_name']}: {comment['summary']}" for comment in check["comments"] or [])
    return found


def answered(chart, tool="kube-score"):
    """The checks in the README's table of that tool."""
    part = (ROOT / "charts" / chart / "README.md").read_text().split("## Findings of kube-score and kube-linter")[1]
    of_score, of_linter = part.split("\n## ")[0].split("| check of kube-linter |")
    return set(re.findall(r"^\| `([a-z-]+)` \|", of_score if tool == "kube-score" else of_linter, re.M))


RENDERINGS = {
    "collector": [[], MODES["secret"], MODES["serviceBinding"], MODES["env"]],
    "pinger": [[], ["--set", "collector.mode=serviceBinding"]],
}


@pytest.mark.parametrize("chart", RENDERINGS)
def test_the_readme_addresses_every_finding(chart):
    found = {}
    for options in RENDERINGS[chart]:
        found.update(findings(template(chart, "--skip-tests", *options)))
    assert found, "kube-score has found nothing at all"
    assert set(found) == answered(chart), found


@pytest.mark.parametrize("chart", RENDERINGS)
def test_with_everything_turned_on_there_are_no_other_findings(chart):
    found = findings(template(chart, "--skip-tests", *(MODES["internal"] if chart == "collector" else []), "--set",
                              "autoscaling.enabled=true,ingress.enabled=true,networkPolicy.enabled=true",
                              "--set-json", 'ingress.hosts=["a.example"]'))
    assert set(found) == answered(chart) - {"pod-networkpolicy"}, found


def test_a_finding_is_detected():
    wide_open = template("pinger", "--skip-tests", "--set-json", 'securityContext={"readOnlyRootFilesystem":false}')
    assert "container-security-context-readonlyrootfilesystem" in findings(wide_open)


# kube-linter runs only if it is installed, because not every Go module proxy has its module.
if LINTER:
    @pytest.mark.parametrize("chart", RENDERINGS)
    def test_the_readme_addresses_every_finding_of_kube_linter(chart):
        for options in RENDERINGS[chart]:
            done = subprocess.run([LINTER, "lint", "--format", "json", "-"], capture_output=True, text=True, timeout=60,
                                  input=template(chart, "--skip-tests", *options), check=False)
            found = {report["Check"] for report in json.loads(done.stdout)["Reports"]}
            assert found == answered(chart, "kube-linter"), done.stdout
