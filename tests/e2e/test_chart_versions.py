"""A chart that changes after a release needs a higher version: tests of tools/chart-versions, and a check of our charts."""

import subprocess

import pytest

from cluster import ROOT, attempt, run

TOOL = str(ROOT / "tools/chart-versions")
GIT = ["git", "-c", "user.name=test", "-c", "user.email=test@example.com"]


@pytest.fixture
def repository(tmp_path):
    """A repository with a released chart `web` of version 1.2.0, without tags."""
    return Repository(tmp_path / "repository")


class Repository:
    def __init__(self, folder):
        self.folder = folder
        (folder / "charts/web/tests").mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.version("1.2.0")
        self.write("charts/web/values.yaml", "a: 1\n")
        self.commit(log="# Changelog\n\n## 1.2.0 - 2026-01-01\n\nThe first.\n")

    def git(self, *words):
        return run(*GIT, "-C", str(self.folder), *words)

    def write(self, path, text):
        (self.folder / path).write_text(text)

    def version(self, version):
        self.write("charts/web/Chart.yaml", f"apiVersion: v2\nname: web\nversion: {version}\n")

    def commit(self, log=None):
        if log:
            self.write("CHANGELOG.md", log)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")

    def begin_next(self):
        self.commit(log="# Changelog\n\n## Unreleased\n\n## 1.2.0 - 2026-01-01\n\nThe first.\n")

    def check(self, *options, folder=None):
        done = subprocess.run([TOOL, *options, "charts/web"], cwd=folder or self.folder, capture_output=True, text=True,
                              timeout=30, check=False)
        return done.returncode, done.stdout + done.stderr


def test_changed_charts_have_higher_versions():
    run(TOOL, "charts/collector", "charts/pinger")


def test_without_tags_the_changelog_determines_the_release(repository):
    repository.begin_next()
    assert repository.check() == (0, f"charts/web: ok (compared with 1.2.0 as of commit {first(repository)}; there are no tags)\n")
    repository.write("charts/web/values.yaml", "a: 2\n")
    status, said = repository.check()
    assert status == 1 and "the same as in the last release" in said and "charts/web/values.yaml" in said and "no tags" in said
    repository.version("1.3.0")
    assert repository.check()[0] == 0


def first(repository):
    return repository.git("rev-list", "--max-parents=0", "--abbrev-commit", "HEAD").strip()


def test_a_tag_takes_precedence_and_untracked_files_count(repository):
    repository.git("tag", "v1.2.0")
    repository.write("charts/web/new.yaml", "b: 1\n")
    status, said = repository.check()
    assert status == 1 and "tag v1.2.0" in said and "charts/web/new.yaml" in said


def test_changed_tests_and_new_charts_need_no_new_version(repository):
    repository.git("tag", "v1.2.0")
    repository.write("charts/web/tests/a_test.yaml", "suite: a\n")
    assert repository.check()[0] == 0
    (repository.folder / "charts/other").mkdir()
    repository.write("charts/other/Chart.yaml", "name: other\nversion: 0.1.0\n")
    assert repository.check("charts/other")[0] == 0


@pytest.mark.parametrize("version, is_raised", [("1.2.1", True), ("2.0.0", True), ("1.10.0", True), ("1.2.0", False),
                                                ("1.1.9", False), ("1.2.0-rc.1", False), ("1.2.1-rc.1", True)])
def test_versions_are_compared_as_semantic_versions(repository, version, is_raised):
    repository.git("tag", "v1.2.0")
    repository.write("charts/web/values.yaml", "a: 2\n")
    repository.version(version)
    assert repository.check()[0] == (0 if is_raised else 1)


def test_the_base_can_be_specified(repository):
    repository.write("charts/web/values.yaml", "a: 2\n")
    repository.commit()
    assert repository.check("--base", "HEAD")[0] == 0
    assert repository.check("--base", "HEAD^")[0] == 1
    assert "is no commit" in repository.check("--base", "nothing")[1]


def test_what_cannot_be_compared_is_reported(repository, tmp_path):
    repository.begin_next()
    repository.commit(log="# Changelog\n\n## Unreleased\n\nMore.\n\n## 1.2.0 - 2026-01-01\n\nThe first.\n")
    assert attempt(*GIT, "clone", "--quiet", "--depth=1", f"file://{repository.folder}", str(tmp_path / "shallow"))[0] == 0
    status, said = repository.check(folder=tmp_path / "shallow")
    assert status == 0 and "not checked" in said and "the clone is shallow" in said
    (tmp_path / "archive/charts/web").mkdir(parents=True)
    status, said = repository.check(folder=tmp_path / "archive")
    assert status == 0 and "not checked" in said and "not a git repository" in said
