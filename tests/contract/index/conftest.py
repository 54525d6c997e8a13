"""An index on loopback and clients of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hublish.adapters.index import HTTPPackageIndex, IndexRule
from tests.contract.index.parts import QUICK, MakeIndex
from tests.sandbox.index import PackageIndexSandbox
from tests.sandbox.wheels import PLACEHOLDER_HOST


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[PackageIndexSandbox]:
    with PackageIndexSandbox.start(tmp_path / "served") as running:
        yield running


@pytest.fixture
def make_index(sandbox: PackageIndexSandbox, tmp_path: Path) -> MakeIndex:
    def make(**changes: object) -> HTTPPackageIndex:
        rules = {PLACEHOLDER_HOST: IndexRule(mirror=sandbox.url, plain_http=True)}
        arguments: dict[str, object] = {"rules": rules, "allow_unlisted": False, "cache": tmp_path / "cache"}
        return HTTPPackageIndex(**{**arguments, "timing": QUICK, **changes})  # type: ignore[arg-type]

    return make
