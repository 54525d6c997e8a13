"""The API that its tests knock at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.web.api_parts import Door
from tests.unit.workflows.parts import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Services over fakes of GitHub and records in a folder of their own."""
    stage = Stage(tmp_path)
    yield stage
    stage.database.dispose()


@pytest.fixture
def door(stage: Stage) -> Door:
    """The API, and a client that signs."""
    return Door(stage)
