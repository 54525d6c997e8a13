"""Fixtures of the contract tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hublish.adapters.github import GitHubReader
from tests.contract.github_parts import Scene, make_scene
from tests.sandbox.contract import check_calls
from tests.sandbox.github import GitHubSandbox


@pytest.fixture
def scene(github: GitHubSandbox) -> Iterator[Scene]:
    """An App on a GitHub; at the end every request of it is checked against GitHub's own description."""
    scene = make_scene(github)
    yield scene
    violations = check_calls(github.calls())

    assert violations == ()


@pytest.fixture
def reader(scene: Scene) -> GitHubReader:
    """What the App reads there."""
    return GitHubReader(scene.app)
