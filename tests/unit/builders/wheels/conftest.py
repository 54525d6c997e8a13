"""Where wheels are installed."""

from __future__ import annotations

import pytest

from hublish.builders.layered.environment import TargetEnvironment, make_environment
from hublish.core.plan import Environment
from tests.fakes import TINY_BASE
from tests.unit.builders.baseimage.parts import read


@pytest.fixture
def environment() -> TargetEnvironment:
    return make_environment(read(TINY_BASE), Environment.VENV)
