"""What the tests of the preparation share: a run that is prepared, the config it has, the request it leaves."""

from __future__ import annotations

from hublish.core.building import BuildRequest
from hublish.core.codec import parse_value
from hublish.core.github.trigger import Trigger
from hublish.core.repository import ResolvedRef
from hublish.workflows.prepare import Preparation
from hublish.workflows.prepared import Prepared
from tests.unit.workflows.parts import (
    RELEASE,
    RUN_ID,
    Stage,
    make_source,
)


def ignore(_ref: ResolvedRef, _titles: tuple[str, ...]) -> None:
    """What is told before planning does not matter here."""


def prepare(stage: Stage, trigger: Trigger = RELEASE) -> Prepared:
    stage.receive(trigger)
    return Preparation(stage.services).run(RUN_ID, decided=ignore)


def use_config(stage: Stage, default: str | None, at_commit: str | None = None, **options: object) -> None:
    """Put a config on the default branch, and the same or another one at the commit."""
    key = ("octo/ts", ".hublish.yaml")
    stage.reader.files.pop(key, None)
    if default is not None:
        stage.reader.files[key] = default.encode()
    stage.checkouts.sources["octo/ts"] = make_source(default if at_commit is None else at_commit, **options)


def read_request(stage: Stage, prepared: Prepared, index: int = 0) -> BuildRequest:
    text = stage.builds.read_request(prepared.images[index].build_key)
    assert text is not None
    return parse_value(BuildRequest, text)
