"""tools/version, in a git repository of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.paths import ROOT

SCRIPT = ROOT / "tools" / "version"
HEAD = "# Changelog\n\nWhat a user notices.\n\n"
LINES = "### Added\n\n- A call.\n\n### Fixed\n\n- A fault.\n"


@dataclass(frozen=True)
class Repository:
    root: Path

    @property
    def file(self) -> Path:
        """The file that holds the version."""
        return self.root / "config" / "version.py"

    @property
    def client_file(self) -> Path:
        """The file that holds the version of the client."""
        return self.root / "clients" / "python" / "mlrf_client" / "_version.py"

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", self.root, *arguments], check=True, capture_output=True, text=True
        ).stdout

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, self.root / "tools" / "version", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def refusal(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        return done.stderr

    def write(self, version: str, changelog: str) -> None:
        for file in (self.file, self.client_file):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f'"""Doc."""\n\n__version__ = "{version}"\n')
        (self.root / "CHANGELOG.md").write_text(HEAD + changelog)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "A change")

    def version(self) -> str:
        return self.file.read_text().split('"')[-2]

    def changelog(self) -> str:
        return (self.root / "CHANGELOG.md").read_text()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with one release and unreleased changes."""
    for name, value in {
        **dict.fromkeys(("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"), "/dev/null"),
        **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "Someone"),
        **dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "someone@example.org"),
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):  # a hook's, if one runs the tests
        monkeypatch.delenv(name, raising=False)
    made = Repository(tmp_path)
    (tmp_path / "tools").mkdir()
    shutil.copy(SCRIPT, tmp_path / "tools")
    made.git("init", "--quiet")
    made.write("1.2.3", f"## [Unreleased]\n\n{LINES}\n## [1.2.3] - 2024-07-01\n\n{LINES}")
    made.commit()
    return made


def test_version_and_changelog_of_this_checkout_agree() -> None:
    assert subprocess.run([SCRIPT, "check"], check=False, capture_output=True).returncode == 0


def test_show_prints_only_the_version(repository: Repository) -> None:
    assert repository.run("show").stdout == "1.2.3\n"


@pytest.mark.parametrize(
    ("part", "version"), [("major", "2.0.0"), ("minor", "1.3.0"), ("patch", "1.2.4")]
)
def test_a_bump_moves_what_was_unreleased_below_the_new_version(
    repository: Repository, part: str, version: str
) -> None:
    before = repository.changelog()
    assert repository.run("bump", part).returncode == 0
    assert repository.version() == version
    assert repository.client_file.read_text() == repository.file.read_text()
    dated = re.compile(rf"\n\n## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d(?=\n\n### Added)")
    assert len(dated.findall(repository.changelog())) == 1
    assert dated.sub("", repository.changelog()) == before
    assert repository.run("check").returncode == 0


def test_the_first_release_is_the_present_version(repository: Repository) -> None:
    repository.write("0.1.0", f"## [Unreleased]\n\n{LINES}")
    repository.commit()
    assert "bump first" in repository.refusal("bump", "minor")
    assert "no release" in repository.refusal("tag")
    assert repository.run("bump", "first").returncode == 0
    assert repository.version() == "0.1.0"
    repository.commit()
    assert repository.run("tag").returncode == 0
    assert "its part" in repository.refusal("bump", "first")


def test_a_tag_is_annotated_with_the_changelog(repository: Repository) -> None:
    repository.run("bump", "minor")
    repository.commit()
    assert repository.run("tag").returncode == 0
    assert repository.git("cat-file", "-t", "v1.3.0").strip() == "tag"
    message = repository.git("tag", "--list", "--format=%(contents)", "v1.3.0")
    assert message.strip() == f"v1.3.0\n\n{LINES}".strip()
    assert repository.run("notes").stdout == LINES
    assert repository.run("check").returncode == 0
    assert "there already" in repository.refusal("tag")


@pytest.mark.parametrize("arguments", [("bump", "patch"), ("tag",)], ids=" ".join)
@pytest.mark.parametrize("file", ["config/version.py", "new.txt"])
def test_a_dirty_tree_is_refused_and_not_changed(
    repository: Repository, arguments: tuple[str, ...], file: str
) -> None:
    with (repository.root / file).open("a") as opened:
        opened.write("# touched\n")
    before = repository.changelog()
    assert "clean tree" in repository.refusal(*arguments)
    assert (repository.version(), repository.changelog()) == ("1.2.3", before)
    assert repository.git("tag", "--list") == ""


def test_what_is_unreleased_is_not_tagged(repository: Repository) -> None:
    assert "[Unreleased]" in repository.refusal("tag")


def test_a_bump_of_nothing_is_refused(repository: Repository) -> None:
    repository.write("1.2.3", f"## [Unreleased]\n\n## [1.2.3] - 2024-07-01\n\n{LINES}")
    repository.commit()
    assert "nothing is written" in repository.refusal("bump", "patch")


@pytest.mark.parametrize(
    ("version", "changelog", "expected"),
    [
        pytest.param("1.2.4", None, "says 1.2.4, and CHANGELOG.md 1.2.3", id="another version"),
        pytest.param("1.2", None, "is not of the form", id="no version"),
        pytest.param("1.2.3", "## [1.2.3] - 2024-07-01\n\nx\n", "begin", id="no unreleased"),
        pytest.param(
            "1.2.3", "## [Unreleased]\n\n## 1.2.3 (2024)\n\nx\n", "of the form", id="heading"
        ),
        pytest.param(
            "1.2.3", "## [Unreleased]\n\n## [1.2.3] - 2024-02-30\n\nx\n", "no date", id="day"
        ),
        pytest.param(
            "1.2.3", "## [Unreleased]\n\n## [1.2.3] - 2024-07-01\n", "nothing", id="empty"
        ),
        pytest.param(
            "1.2.3",
            "## [Unreleased]\n\n## [1.2.3] - 2024-07-01\n\nx\n\n## [1.3.0] - 2024-06-01\n\nx\n",
            "follow",
            id="order of versions",
        ),
        pytest.param(
            "1.2.3",
            "## [Unreleased]\n\n## [1.2.3] - 2024-07-01\n\nx\n\n## [1.2.2] - 2024-07-02\n\nx\n",
            "follow",
            id="order of days",
        ),
    ],
)
def test_a_disagreement_is_reported(
    repository: Repository, version: str, changelog: str | None, expected: str
) -> None:
    repository.write(version, changelog or repository.changelog().removeprefix(HEAD))
    assert expected in repository.refusal("check")


def test_another_version_of_the_client_is_reported(repository: Repository) -> None:
    repository.client_file.write_text('__version__ = "1.2.2"\n')
    assert "_version.py 1.2.2" in repository.refusal("check")


def test_a_tag_of_another_version_is_reported(repository: Repository) -> None:
    repository.git("tag", "v1.2.2")
    assert "tagged v1.2.2" in repository.refusal("check")
