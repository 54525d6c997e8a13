"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
