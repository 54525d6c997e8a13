"""The stage that the workflows' tests play on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.workflows.parts import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Services over fakes of GitHub and records in a folder of their own."""
    stage = Stage(tmp_path)
    yield stage
    stage.database.dispose()
