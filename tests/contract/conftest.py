"""Fixtures of the contract tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.github_parts import Scene, make_scene
from tests.sandbox.contract import check_calls
from tests.sandbox.github import GitHubSandbox

# The sandbox lists the repositories of a token in short; hublish does not read that list.
_SHORT_ANSWERS = "POST /app/installations/"


@pytest.fixture
def scene(github: GitHubSandbox) -> Iterator[Scene]:
    """An App on a GitHub; at the end every request of it is checked against GitHub's own description."""
    scene = make_scene(github)
    yield scene
    violations = [line for line in check_calls(github.calls()) if not line.startswith(_SHORT_ANSWERS)]

    assert violations == []
