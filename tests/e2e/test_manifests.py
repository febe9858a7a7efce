"""deploy/k8s is up to date, has the same objects as the charts, and works in any namespace and with renamed images."""

import importlib.machinery
import importlib.util
import os
import re

import pytest
import yaml

from cluster import ROOT, VERSION, run

LOADER = importlib.machinery.SourceFileLoader("manifests", str(ROOT / "tools/manifests"))
manifests = importlib.util.module_from_spec(importlib.util.spec_from_loader("manifests", LOADER))
LOADER.exec_module(manifests)

K8S = ROOT / "deploy/k8s"
OVERLAYS = sorted(path.parent.name for path in K8S.glob("overlays/*/kustomization.yaml"))


def built(folder):
    return list(yaml.safe_load_all(run("kubectl", "kustomize", str(folder))))


def built_on(tmp_path, overlay, **more):
    """The result of a user's own kustomization of an overlay."""
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(
        {"resources": [os.path.relpath(K8S / "overlays" / overlay, tmp_path)], **more}))
    return built(tmp_path)


def ordered(value):
    """Sorts lists of named parts by name, because a patch puts its volumes before the base's."""
    if isinstance(value, dict):
        return {key: ordered(part) for key, part in value.items()}
    if isinstance(value, list):
        parts = [ordered(part) for part in value]
        return sorted(parts, key=lambda p: p["name"]) if all(isinstance(p, dict) and "name" in p for p in parts) else parts
    return value


def strings(value):
    if isinstance(value, (dict, list)):
        for part in (value.items() if isinstance(value, dict) else enumerate(value)):
            yield from strings(part[0])
            yield from strings(part[1])
    else:
        yield str(value)


def test_the_manifests_are_up_to_date():
    run(str(ROOT / "tools/manifests"), "--check")


def test_every_overlay_is_generated_from_the_charts():
    assert OVERLAYS == sorted(manifests.OVERLAYS) and len(OVERLAYS) == 3


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_equals_what_the_charts_render(overlay):
    rendered = {}
    for chart, values in manifests.OVERLAYS[overlay].items():
        rendered.update(manifests.render(chart, values))
    assert {(item["kind"], item["metadata"]["name"]): ordered(item) for item in built(K8S / "overlays" / overlay)} == {
        key: ordered(item) for key, item in rendered.items()}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_works_in_any_namespace(overlay, tmp_path):
    assert not [item for item in built(K8S / "overlays" / overlay) if "namespace" in item["metadata"]]
    moved = built_on(tmp_path, overlay, namespace="elsewhere")
    assert {item["metadata"]["namespace"] for item in moved} == {"elsewhere"}
    assert not [text for text in strings(moved) if ".svc" in text or text == manifests.NAMESPACE]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_overlay_contains_a_password(overlay):
    entries = [item["stringData"] for item in built(K8S / "overlays" / overlay) if item["kind"] == "Secret"]
    assert entries and not [e for e in entries if set(e) - {"type", "provider", "host", "port", "uri"} or "@" in e.get("uri", "")]


def test_kustomize_can_rename_images(tmp_path):
    images = [{"name": "collector", "newName": "registry.example.com/team/collector", "newTag": "1.2.3"},
              {"name": "pinger", "digest": f"sha256:{'0' * 64}"}, {"name": "valkey/valkey", "newName": "redis", "newTag": "7"}]
    found = {container["image"] for item in built_on(tmp_path, "in-cluster", images=images)
             for container in item.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])}
    assert found == {"registry.example.com/team/collector:1.2.3", f"pinger@sha256:{'0' * 64}", "redis:7"}
    assert VERSION in (K8S / "base/collector.yaml").read_text()


def test_the_readmes_overlay_accepts_another_secret(tmp_path):
    shown = yaml.safe_load(re.search(r"```yaml\n(.*?)```", (K8S / "README.md").read_text(), re.S).group(1))
    assert shown.pop("resources") == ["../collector/deploy/k8s/overlays/managed"]
    deployments = {item["metadata"]["name"]: item for item in built_on(tmp_path, "managed", **shown)
                   if item["kind"] == "Deployment"}
    pods = {name: item["spec"]["template"]["spec"] for name, item in deployments.items()}
    assert pods["collector"]["containers"][0]["image"] == f"registry.example.com/team/collector:{VERSION}"
    binding = next(volume for volume in pods["collector"]["volumes"] if volume["name"] == "binding-redis")
    assert [source["secret"]["name"] for source in binding["projected"]["sources"]] == [
        "collector-redis-entries", "orders-cache"]
    assert deployments["pinger"]["metadata"]["namespace"] == "orders"
