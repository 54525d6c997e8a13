"""Quay where two builds make a repository at once."""

from __future__ import annotations

from typing import Any, cast

import pytest

from hublish.adapters.repositories import JSONAPI, LoginFile, QuayRepositories
from hublish.core.reference import Reference
from hublish.errors import RegistryFailed

TS = Reference(registry="registry.example.org", repository="team/ts")


class ScriptedAPI:
    """A JSONAPI that answers with these statuses, in this order."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.methods: list[str] = []

    def ask(self, method: str, _path: str, *, expected: frozenset[int], **_named: Any) -> int:
        self.methods.append(method)
        status = self.statuses.pop(0)
        if status not in expected:
            raise RegistryFailed(f"got {status}", status=status)
        return status


def make_quay(api: ScriptedAPI) -> QuayRepositories:
    return QuayRepositories(cast(JSONAPI, api), LoginFile(path=None))


def test_repository_that_somebody_else_made_meanwhile_is_well() -> None:
    """The loser gets 400, and finds the repository when it looks again."""
    api = ScriptedAPI(404, 400, 200)

    assert make_quay(api).ensure_repository(TS) is False
    assert api.methods == ["GET", "POST", "GET"]


@pytest.mark.parametrize(
    ("statuses", "status", "methods"),
    [((404, 400, 404), 400, ["GET", "POST", "GET"]), ((404, 403), 403, ["GET", "POST"])],
)
def test_refused_creation_is_told(statuses: tuple[int, ...], status: int, methods: list[str]) -> None:
    """A name that Quay does not take is still not there; any other refusal is none of a race."""
    api = ScriptedAPI(*statuses)
    with pytest.raises(RegistryFailed) as caught:
        make_quay(api).ensure_repository(TS)

    assert (caught.value.status, api.methods) == (status, methods)
