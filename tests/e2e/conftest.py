"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.contract import check_calls
from tests.sandbox.github import GitHubSandbox
from tests.sandbox.town import Town


@pytest.fixture
def quiet_town(tmp_path: Path, github: GitHubSandbox) -> Iterator[Town]:
    """A town whose service is not running yet."""
    with Town(tmp_path, github=github) as town:
        town.settle()
        yield town


@pytest.fixture
def town(quiet_town: Town) -> Town:
    """A town with its service running."""
    quiet_town.start_service()
    return quiet_town


@pytest.fixture(scope="module")
def shared_town(tmp_path_factory: pytest.TempPathFactory, github_process: GitHubSandbox) -> Iterator[Town]:
    """One running town for all tests of a module; each takes tags of its own. Not together with `github`, which resets."""
    github_process.reset()
    with Town(tmp_path_factory.mktemp("town"), github=github_process) as town:
        town.settle()
        town.start_service()
        yield town
        # The service must be at rest before its calls are judged.
        town.stop_service()
    violations = check_calls(github_process.calls())
    if violations:
        pytest.fail("\n".join(("calls break GitHub's contract:", *violations)), pytrace=False)
