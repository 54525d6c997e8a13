"""A checkout for each test that asks for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox.checkout import Checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout.make(tmp_path / "ts")
