"""Workflows: least rights, an end to everything, and the targets that a person calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from settings import ROOT

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
"""The jobs that may alter something, and what."""

_TARGET = re.compile(r"^(\.venv/)?[a-z][a-z.-]*$")


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for workflow, document in WORKFLOWS.items():
        for job, content in document["jobs"].items():
            yield workflow, job, content


EVERY_JOB = pytest.mark.parametrize(
    ("workflow", "job", "content"),
    [pytest.param(*found, id=f"{found[0]}: {found[1]}") for found in jobs()],
)


def steps() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for workflow, job, content in jobs():
        for step in content.get("steps", ()):
            yield workflow, job, step


def targets() -> Iterator[str]:
    """What is made, by `make` in a step or by the name of a target in a matrix."""
    for _, _, step in steps():
        for line in step.get("run", "").splitlines():
            words = line.split()
            if words[:1] == ["make"]:
                yield from (word for word in words[1:] if _TARGET.match(word))
    for what in WORKFLOWS["quality"]["jobs"]["check"]["strategy"]["matrix"]["what"]:
        yield what["target"]


@EVERY_WORKFLOW
def test_a_workflow_may_nothing_and_runs_once(name: str) -> None:
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {}
    group = workflow["concurrency"]["group"]
    # a called workflow has the name of the one that calls it, and would wait for itself
    assert group.partition("-${{")[0] == name


@EVERY_JOB
def test_a_job_may_only_what_it_must(workflow: str, job: str, content: dict[str, Any]) -> None:
    given = content["permissions"]
    writes = {right for right, level in given.items() if level == "write"}
    assert writes == WRITES.get((workflow, job), set())
    assert set(given) - writes <= {"contents"}


@EVERY_JOB
def test_a_job_ends(workflow: str, job: str, content: dict[str, Any]) -> None:
    assert "uses" in content or content["timeout-minutes"]


def test_who_may_alter_something_runs_nothing_of_the_packages() -> None:
    """Packages of others run in the jobs that build and test; those have no rights to misuse."""
    for workflow, job in WRITES:
        lines = "\n".join(
            step.get("run", "") for step in WORKFLOWS[workflow]["jobs"][job].get("steps", ())
        )
        assert not re.search(r"^\s*(make|pip|python|\.venv/)", lines, re.MULTILINE)


def test_nothing_that_others_write_is_pasted_into_a_script() -> None:
    assert [step["run"] for *_, step in steps() if "${{" in step.get("run", "")] == []


def test_a_checkout_leaves_no_credentials_behind() -> None:
    kept = [step for *_, step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert kept
    assert all(step["with"]["persist-credentials"] is False for step in kept)


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


def test_packages_are_installed_by_their_hashes_alone() -> None:
    lines = [line for *_, step in steps() for line in step.get("run", "").splitlines()]
    installing = [line for line in lines if re.search(r"\b(pip|uv|npm|npx)\b.* install", line)]
    assert installing
    assert [line for line in installing if "--no-deps --require-hashes" not in line] == []


def test_every_target_is_one_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    there = set(re.findall(r"^([a-z][a-z-]*):(?!=)", makefile, re.MULTILINE))
    asked = {target for target in targets() if not target.startswith(".venv/")}
    assert asked
    assert asked - there == set()


def test_the_supported_versions_of_python_are_tested() -> None:
    """Those for which the locks hold packages; the oldest is the project's."""
    tested = WORKFLOWS["test"]["jobs"]["test"]["strategy"]["matrix"]["python"]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'requires-python = ">={tested[0]}' in project
    assert tested == ["3.11", "3.12", "3.13"]
