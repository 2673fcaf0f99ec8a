"""Workflows: least permissions, a timeout for every job, and the targets of the Makefile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from config.paths import ROOT

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS: dict[str, dict[Any, Any]] = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.yml")
}
EVERY_WORKFLOW = pytest.mark.parametrize("name", sorted(WORKFLOWS))
WRITES = {
    ("bento-build", "publish"): {"packages", "id-token", "attestations"},
    ("release", "images"): {"packages", "id-token", "attestations"},
    ("release", "github-release"): {"contents"},
    ("dependencies", "propose"): {"contents", "pull-requests"},
}
"""The jobs with write permissions, and which."""

_TARGET = re.compile(r"^(\.venv/)?[a-z][a-z.-]*$")


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for workflow, document in WORKFLOWS.items():
        for job, content in document["jobs"].items():
            yield workflow, job, content


EVERY_JOB = pytest.mark.parametrize(
    ("workflow", "job", "content"),
    [pytest.param(*case, id=f"{case[0]}: {case[1]}") for case in jobs()],
)


def steps() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for workflow, job, content in jobs():
        for step in content.get("steps", ()):
            yield workflow, job, step


def targets() -> Iterator[str]:
    """Yield the targets that a step calls with `make`, or that a matrix names."""
    for _, _, step in steps():
        for line in step.get("run", "").splitlines():
            words = line.split()
            if words[:1] == ["make"]:
                yield from (word for word in words[1:] if _TARGET.match(word))
    for entry in WORKFLOWS["quality"]["jobs"]["check"]["strategy"]["matrix"]["what"]:
        yield entry["target"]


@EVERY_WORKFLOW
def test_a_workflow_has_no_permissions_and_one_run_at_a_time(name: str) -> None:
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {}
    group = workflow["concurrency"]["group"]
    # a called workflow has the name of the one that calls it, and would wait for itself
    assert group.partition("-${{")[0] == name


@EVERY_JOB
def test_a_job_has_least_permissions(workflow: str, job: str, content: dict[str, Any]) -> None:
    permissions = content["permissions"]
    writes = {right for right, level in permissions.items() if level == "write"}
    assert writes == WRITES.get((workflow, job), set())
    assert set(permissions) - writes <= {"contents"}


@EVERY_JOB
def test_a_job_has_a_timeout(workflow: str, job: str, content: dict[str, Any]) -> None:
    assert "uses" in content or content["timeout-minutes"]


def test_jobs_with_write_permission_run_no_third_party_code() -> None:
    """Third-party packages run only in jobs without permissions that they could misuse."""
    for workflow, job in WRITES:
        lines = "\n".join(
            step.get("run", "") for step in WORKFLOWS[workflow]["jobs"][job].get("steps", ())
        )
        assert not re.search(r"^\s*(make|pip|python|\.venv/)", lines, re.MULTILINE)


def test_no_expression_is_interpolated_into_a_script() -> None:
    assert [step["run"] for *_, step in steps() if "${{" in step.get("run", "")] == []


def test_a_checkout_leaves_no_credentials_behind() -> None:
    checkouts = [
        step for *_, step in steps() if step.get("uses", "").startswith("actions/checkout@")
    ]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_actions_are_github_s_own_and_pinned_to_a_commit() -> None:
    """A tag can be moved to other code; the version beside the commit is for people."""
    used = [
        line.strip().removeprefix("- ").removeprefix("uses: ")
        for path in FOLDER.glob("*.yml")
        for line in path.read_text(encoding="utf-8").splitlines()
        if "uses: " in line and "uses: ./" not in line
    ]
    assert used
    pinned = r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+"
    assert [action for action in used if not re.fullmatch(pinned, action)] == []
    assert len(set(used)) == len({action.partition("@")[0] for action in used}), "one version each"


def test_packages_are_installed_with_hashes_only() -> None:
    lines = [line for *_, step in steps() for line in step.get("run", "").splitlines()]
    installing = [line for line in lines if re.search(r"\b(pip|uv|npm|npx)\b.* install", line)]
    assert installing
    assert [line for line in installing if "--no-deps --require-hashes" not in line] == []


def test_every_target_is_one_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    there = set(re.findall(r"^([a-z][a-z-]*):(?!=)", makefile, re.MULTILINE))
    called = {target for target in targets() if not target.startswith(".venv/")}
    assert called
    assert called - there == set()


def test_the_supported_versions_of_python_are_tested() -> None:
    """Those for which the locks hold packages; the oldest is the project's."""
    tested = WORKFLOWS["test"]["jobs"]["test"]["strategy"]["matrix"]["python"]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'requires-python = ">={tested[0]}' in project
    assert tested == ["3.11", "3.12", "3.13"]
