"""`make package` is reproducible; Helm accepts its charts, and the SBOMs list the images' packages."""

import json
import re

import pytest
import yaml

from cluster import ROOT, VERSION, run

CHARTS = {chart: yaml.safe_load((ROOT / "charts" / chart / "Chart.yaml").read_text())["version"]
          for chart in ("collector", "pinger")}
OUT = ROOT / "build/package"


@pytest.fixture(scope="module")
def packed():
    """Returns {file: SHA-256} of a run; a second run must give the same."""
    def package():
        said = run(str(ROOT / "tools/package"), *(f"charts/{chart}" for chart in CHARTS))
        return dict(reversed(line.split()) for line in said.splitlines())
    first = package()
    for chart in CHARTS:  # the times of files must not matter
        (ROOT / "charts" / chart / "Chart.yaml").touch()
    assert package() == first
    return first


def test_the_same_files_give_identical_packages(packed):
    assert set(packed) == {f"{chart}-{version}.tgz" for chart, version in CHARTS.items()} | {
        f"{chart}-{VERSION}.spdx.json" for chart in CHARTS}


@pytest.mark.usefixtures("packed")
@pytest.mark.parametrize("chart", CHARTS)
def test_a_packaged_chart_renders_like_its_folder(chart):
    options = ["--kube-version", "1.30.0", *(["--set", "redis.internal.password=p"] if chart == "collector" else [])]
    assert run("helm", "template", "x", str(OUT / f"{chart}-{CHARTS[chart]}.tgz"), *options) == \
        run("helm", "template", "x", str(ROOT / "charts" / chart), *options)


@pytest.mark.usefixtures("packed")
@pytest.mark.parametrize("chart", CHARTS)
def test_an_sbom_names_the_package_of_each_library(chart):
    document = json.loads((OUT / f"{chart}-{VERSION}.spdx.json").read_text())
    assert document["spdxVersion"] == "SPDX-2.3"
    packages = {package["name"]: package for package in document["packages"]}
    assert packages[chart]["versionInfo"] == VERSION
    assert {"libc6", "libmicrohttpd12t64", "libuv1t64"} <= set(packages), sorted(packages)
    assert all(re.match(r"pkg:[a-z]+/[^ ]+@[^ ]+", p["externalRefs"][0]["referenceLocator"]) for p in packages.values())
    related = {entry["relatedSpdxElement"] for entry in document["relationships"]}
    assert related == {package["SPDXID"] for package in packages.values()}


@pytest.mark.parametrize("chart", CHARTS)
def test_a_chart_has_the_metadata_that_repositories_require(chart):
    described = yaml.safe_load((ROOT / "charts" / chart / "Chart.yaml").read_text())
    assert described["name"] == chart and described["apiVersion"] == "v2"
    assert re.fullmatch(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?", described["version"])
    assert {"description", "home", "icon", "maintainers", "kubeVersion", "keywords", "annotations"} <= set(described)
